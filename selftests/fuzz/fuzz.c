// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer on programs of calls, guided by what KCOV tells of the module.
 *
 *   VMSPACE_FUZZ_SEEN  file to which the places of the module that were reached are added
 *   VMSPACE_FUZZ_RING  memory outside of the machine that remembers the last programs, even
 *                      of a machine that has died: slots of SLOT bytes, each with the number
 *                      of the program, its size, and its bytes
 *
 * KCOV takes the offset of KASLR off what it tells, so the kernel has to run without.  If it has
 * no KCOV, the results of operations are the guide: each is new with each one before it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/kcov.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "program.h"

#define COVER	(1U << 18)	/* places that a thread can note in one program */
#define TEXT	(1U << 20)	/* bytes of the module's text, at most */
#define EDGES	(1U << 16)
#define RING	(1U << 20)
#define SLOT	2048U

/* libFuzzer clears them before each program, reads them, and keeps programs that set new ones. */
__attribute__((used, section("__libfuzzer_extra_counters"))) static uint8_t edges[EDGES];

static unsigned long *covers[FUZZ_LANES];
static uint8_t seen[TEXT];
static unsigned long text;
static char *ring;
static uint32_t number;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);

/* --- coverage ------------------------------------------------------------- */

/* KCOV tells of the thread that asks for it. */
static unsigned long *start_kcov(void)
{
	int fd = open("/sys/kernel/debug/kcov", O_RDWR | O_CLOEXEC);
	void *cover;

	if (fd < 0 || ioctl(fd, KCOV_INIT_TRACE, COVER))
		return NULL;
	cover = mmap(NULL, COVER * sizeof(long), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (cover == MAP_FAILED || ioctl(fd, KCOV_ENABLE, KCOV_TRACE_PC))
		return NULL;
	return cover;
}

static void begin(unsigned int lane)
{
	covers[lane] = start_kcov();
	if (!covers[lane])
		fprintf(stderr, "no KCOV: %s\n", strerror(errno));
}

/* An edge without KCOV is a result and the one before it. */
static void note_result(unsigned int opcode, unsigned int flags, unsigned int error)
{
	static _Thread_local unsigned int last;
	unsigned int this = (opcode << 20 ^ flags << 8 ^ error) * 0x9e3779b1;

	if (!covers[0])
		edges[(this >> 8 ^ last) % EDGES] = 1;
	last = this >> 9;
}

static void clear_covers(void)
{
	unsigned int i;

	for (i = 0; i < FUZZ_LANES; i++)
		if (covers[i])
			__atomic_store_n(&covers[i][0], 0, __ATOMIC_RELAXED);
}

/* An edge is a place and the one before it, of the same thread. */
static void note_cover(const unsigned long *cover)
{
	unsigned long n = __atomic_load_n(&cover[0], __ATOMIC_RELAXED), last = 0, at, i;

	for (i = 1; i <= n; i++) {
		at = cover[i] - text;
		if (at >= TEXT)
			continue;
		seen[at] = 1;
		edges[(at * 0x9e3779b1 ^ last) % EDGES] = 1;
		last = at * 0x85ebca6b >> 1;
	}
}

static void note_covers(void)
{
	unsigned int i;

	for (i = 0; i < FUZZ_LANES; i++)
		if (covers[i])
			note_cover(covers[i]);
}

static void read_text(void)
{
	FILE *file = fopen("/sys/module/vmspace/sections/.text", "r");

	if (!file)
		return;
	if (fscanf(file, "%lx", &text) != 1)
		text = 0;
	fclose(file);
}

/* Offsets into the module's text. */
static void write_seen(void)
{
	const char *path = getenv("VMSPACE_FUZZ_SEEN");
	FILE *file = path ? fopen(path, "a") : NULL;
	unsigned int i;

	for (i = 0; file && i < TEXT; i++)
		if (seen[i])
			fprintf(file, "0x%x\n", i);
	if (file)
		fclose(file);
}

/* --- the last programs ---------------------------------------------------- */

static void open_ring(void)
{
	const char *path = getenv("VMSPACE_FUZZ_RING");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;

	if (fd < 0)
		return;
	ring = mmap(NULL, RING, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (ring == MAP_FAILED)
		ring = NULL;
}

static void remember(const uint8_t *data, uint32_t size)
{
	char *slot = ring + ++number % (RING / SLOT) * SLOT;

	if (!ring)
		return;
	memcpy(slot, &number, sizeof(number));
	memcpy(slot + 4, &size, sizeof(size));
	memcpy(slot + 8, data, size);
}

/* --- libFuzzer ------------------------------------------------------------ */

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const struct fuzz_watch watch = { .begin = begin, .result = note_result };
	int ret;

	(void)argc;
	(void)argv;
	read_text();
	open_ring();
	ret = fuzz_init(&watch);
	if (ret) {
		fprintf(stderr, "/dev/vmspace: %s\n", strerror(-ret));
		exit(1);
	}
	atexit(write_seen);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *wrong;

	if (size > FUZZ_MAX_SIZE)
		return -1;
	remember(data, size);
	clear_covers();
	/* libFuzzer gives up if nothing is reached at all. */
	edges[0] = 1;
	wrong = fuzz_run(data, size);
	note_covers();
	if (wrong) {
		fprintf(stderr, "%s\n", wrong);
		write_seen();
		abort();
	}
	return 0;
}

/*
 * Records stay records: one is changed, comes, goes, or moves.  The seed decides, so that
 * a run can be repeated.
 */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	const size_t one = sizeof(struct fuzz_record);
	size_t n = size / one;
	size_t at = n ? seed / 8 % n * one : 0, from = n ? seed / 1024 % n * one : 0;
	struct fuzz_record record = { 0 };

	size = n * one;
	if (n)
		memcpy(&record, data + from, one);
	switch (n ? seed % 8 : 0) {
	case 0:			/* a new one */
	case 1:			/* one once more */
		if (size + one > max_size)
			break;
		memmove(data + at + one, data + at, size - at);
		if (seed % 8 == 0)
			LLVMFuzzerMutate((uint8_t *)&record, one, one);
		memcpy(data + at, &record, one);
		return size + one;
	case 2:			/* without one */
		memmove(data + at, data + at + one, size - at - one);
		return size - one;
	case 3:			/* two change places */
		memcpy(data + from, data + at, one);
		memcpy(data + at, &record, one);
		return size;
	case 4:			/* all of it, and parts of others */
		return LLVMFuzzerMutate(data, size, max_size) / one * one;
	default:
		memcpy(&record, data + at, one);
		LLVMFuzzerMutate((uint8_t *)&record, one, one);
		memcpy(data + at, &record, one);
	}
	return size;
}
