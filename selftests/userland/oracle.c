// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random operations against the model, over both depths of paging. SEED and
 * STEPS in the environment choose others.
 */
#include "check.h"
#include "tap.h"

struct random {
	struct choice choice;
	u64 state;
};

static u64 random_pick(struct choice *ch, u64 n)
{
	struct random *r = container_of(ch, struct random, choice);
	u64 x = r->state += 0x9e3779b97f4a7c15ULL;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return (x ^ (x >> 31)) % n;
}

static unsigned long number(const char *name, unsigned long otherwise)
{
	const char *value = getenv(name);

	return value ? strtoul(value, NULL, 0) : otherwise;
}

/* A fresh space from time to time, so that early states come up as well. */
static void run(u64 seed, unsigned long steps, unsigned int levels, unsigned int leaf_level,
		unsigned int max_deferred)
{
	struct random r = { .choice.pick = random_pick, .state = seed };
	unsigned long done = 0;

	vms_max_deferred = max_deferred;
	while (done < steps) {
		unsigned long n = min(steps - done, 200 + random_pick(&r.choice, 2000));
		struct world w;

		world_create(&w, levels, leaf_level);
		for (; n; n--, done++)
			world_step(&w, &r.choice);
		world_destroy(&w);
	}
}

int main(void)
{
	u64 seed = number("SEED", 1);
	unsigned long steps = number("STEPS", 40000);

	stub_thread_start();
	machine_init(1600, 16, 6);
	printf("# SEED=%llu STEPS=%lu\n", seed, steps);
	tap_plan(5);
	run(seed, steps, 4, 3, 1 << 20);
	tap_ok("four levels");
	run(seed + 1, steps, 5, 3, 1 << 20);
	tap_ok("five levels");
	run(seed + 2, steps / 2, 4, 2, 1 << 20);
	tap_ok("no pages of 1G");
	run(seed + 3, steps / 2, 5, 3, 600);
	tap_ok("little may be held back");
	machine_exit();
	tap_ok("everything has gone back");
	stub_thread_end();
	return tap_end();
}
