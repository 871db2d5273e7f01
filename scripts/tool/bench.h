/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of the bench share.
 */
#ifndef BENCH_H
#define BENCH_H

#include "measure.h"
#include "tool.h"

#define BASE		0x100000000ULL
#define SMALL_PAGES	32768U	/* of 4 KiB: 128 MiB */
#define LARGE_PAGES	64U	/* of 2 MiB: 128 MiB */
#define BENCH_BYTES	(SMALL_PAGES * PAGE)

/**
 * struct bench - what is measured with
 * @info:	of the module
 * @fd:		the module
 * @space:	a space with nothing in it
 * @cursor:	over BENCH_BYTES of it, from BASE on
 * @memory:	SMALL_PAGES frames of 4 KiB
 * @large:	LARGE_PAGES frames of 2 MiB
 * @memfd:	Linux's own memory of as much, all of it allocated
 * @hugefd:	the same in huge pages, or -1 where there are none
 * @floor:	the module that measures the floor, or -1
 */
struct bench {
	struct vmspace_info info;
	int fd;
	int space;
	int cursor;
	int memory;
	int large;
	int memfd;
	int hugefd;
	int floor;
};

void bench_pages(const struct bench *b);
void bench_large(const struct bench *b);
void bench_calls(const struct bench *b);
void bench_checked(const struct bench *b);
void bench_memory(const struct bench *b);
void bench_shootdown(const struct bench *b);

/* The caller runs on one CPU from now on. */
void run_on(unsigned int cpu);

#endif /* BENCH_H */
