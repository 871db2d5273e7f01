// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs of operations from libFuzzer, against the same model.
 */
#include "check.h"

#define MAX_STEPS	48

struct bytes {
	struct choice choice;
	const uint8_t *data;
	size_t left;
};

/* One byte per choice, two if it is among many. */
static u64 bytes_pick(struct choice *ch, u64 n)
{
	struct bytes *b = container_of(ch, struct bytes, choice);
	unsigned int width = n > 256 ? 2 : 1;
	u64 x = 0;

	if (b->left < width) {
		ch->done = true;
		return 0;
	}
	b->left -= width;
	while (width--)
		x = x << 8 | *b->data++;
	return x % n;
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	stub_thread_start();
	machine_init(1600, 16, 6);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes b = { .choice.pick = bytes_pick, .data = data, .left = size };
	static unsigned int inputs;
	unsigned int step;
	struct world w;

	world_create(&w, 4 + bytes_pick(&b.choice, 2), 2 + bytes_pick(&b.choice, 2));
	vms_max_deferred = bytes_pick(&b.choice, 2) ? 600 : 1 << 20;
	for (step = 0; step < MAX_STEPS && !b.choice.done; step++)
		world_step(&w, &b.choice);
	world_destroy(&w);
	if (!(++inputs % 256))
		stub_rcu_barrier();
	return 0;
}
