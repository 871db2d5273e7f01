// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmspace bench: the module beside Linux, and beside the floor, in one run on the
 * same machine.
 *
 * Times are medians or percentiles of many runs, in turns, so that all meet the
 * same machine; what counts is their ratio.  Documentation/performance.rst tells
 * how to read them.
 */
#define _GNU_SOURCE
#include <linux/memfd.h>
#include <sched.h>
#include "bench.h"

static const struct {
	const char *name;
	void (*run)(const struct bench *b);
} tables[] = {
	{ "pages", bench_pages },
	{ "large", bench_large },
	{ "calls", bench_calls },
	{ "checked", bench_checked },
	{ "memory", bench_memory },
	{ "shootdown", bench_shootdown },
};

#define NR_TABLES	(sizeof(tables) / sizeof(tables[0]))

void run_on(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die(-errno, "cannot run on CPU %u", cpu);
}

/* Linux's memory, all pages of which exist before anything is measured; -1 if it has none. */
static int make_memfd(unsigned int flags)
{
	int fd = memfd_create("bench", flags);
	void *map;

	if (fd < 0 || ftruncate(fd, BENCH_BYTES))
		return -1;
	/* Huge pages are reserved here, so that touching them does not kill. */
	map = mmap(NULL, BENCH_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (map == MAP_FAILED) {
		close(fd);
		return -1;
	}
	munmap(map, BENCH_BYTES);
	return fd;
}

static void setup(struct bench *b)
{
	b->fd = vms_open();
	if (b->fd < 0)
		die(-errno, "/dev/vmspace");
	must(vms_info(b->fd, &b->info), "INFO");
	run_on(0);
	b->large = must(vms_new_memory_of(b->fd, LARGE_PAGES, BENCH_BYTES / LARGE_PAGES,
					  VMSPACE_CACHE_WB, NULL), "NEW_MEMORY of 2 MiB");
	b->memory = must(vms_new_memory(b->fd, SMALL_PAGES), "NEW_MEMORY");
	b->space = must(vms_new_space(b->fd), "NEW_SPACE");
	b->cursor = must(vms_open_cursor_mut(b->fd, b->space, BASE, BASE + BENCH_BYTES),
			 "OPEN_CURSOR_MUT");
	b->memfd = make_memfd(0);
	if (b->memfd < 0)
		die(-errno, "memfd");
	b->hugefd = make_memfd(MFD_HUGETLB | MFD_HUGE_2MB);
	if (b->hugefd < 0)
		puts("no huge pages for Linux: boot with hugepages=64");
	b->floor = open("/dev/vmspace_floor", O_RDWR | O_CLOEXEC);
	if (b->floor < 0)
		puts("no floor: load vmspace_floor.ko");
}

static bool is_wanted(const char *name, int argc, char **argv)
{
	int i;

	for (i = 0; i < argc; i++)
		if (!strcmp(argv[i], name))
			return true;
	return !argc;
}

static void check_names(int argc, char **argv)
{
	unsigned int t;
	int i;

	for (i = 0; i < argc; i++) {
		for (t = 0; t < NR_TABLES && strcmp(argv[i], tables[t].name); t++)
			;
		if (t == NR_TABLES)
			die(0, "bench: no table \"%s\"", argv[i]);
	}
}

int cmd_bench(int argc, char **argv)
{
	struct bench b;
	unsigned int i;

	argc--, argv++;
	if (argc && !strcmp(*argv, "--csv")) {
		if (argc < 2)
			die(0, "bench: --csv needs a file");
		table_csv(argv[1]);
		argc -= 2;
		argv += 2;
	}
	check_names(argc, argv);
	setup(&b);
	for (i = 0; i < NR_TABLES; i++)
		if (is_wanted(tables[i].name, argc, argv))
			tables[i].run(&b);
	return 0;
}
