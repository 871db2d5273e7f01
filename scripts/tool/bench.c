// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmspace bench: the module beside Linux, in one run, on the same machine.
 *
 * Times are medians of many runs; what counts is their ratio.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <time.h>
#include "tool.h"

#define BASE		0x100000000ULL
#define MAX_RUNS	301
#define MAX_PAGES	32768

enum { MAP, PROTECT, UNMAP, NR_STEPS };

static const char * const step_names[] = { "map", "protect", "unmap" };

struct samples {
	double ns[MAX_RUNS];
	unsigned int nr;
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e9 + ts.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(struct samples *s)
{
	qsort(s->ns, s->nr, sizeof(s->ns[0]), compare);
	return s->ns[s->nr / 2];
}

static void add(struct samples *s, double ns)
{
	s->ns[s->nr++] = ns;
}

static int fd, space, memory, cursor, memfd;
/*
 * One run: a number of ranges of n pages, each mapped by a call of its own, then
 * each protected, then each unmapped, so that reading the clock costs nothing.
 * What each step took, in ns.
 */
static void run_vmspace(unsigned int n, unsigned int ranges, double took[NR_STEPS])
{
	struct vmspace_op op;
	unsigned int i;
	double start;

	must(vms_jump(fd, cursor, BASE), "JUMP");
	start = now();
	for (i = 0; i < ranges; i++)
		must(vms_map_range(fd, cursor, memory, i * n, n, RW, 0), "MAP");
	took[MAP] = now() - start;

	must(vms_jump(fd, cursor, BASE), "JUMP");
	start = now();
	for (i = 0; i < ranges; i++)
		must(vms_protect(fd, cursor, n * PAGE, VMSPACE_PROP_WRITE, 0, 0, &op), "PROTECT");
	took[PROTECT] = now() - start;

	must(vms_jump(fd, cursor, BASE), "JUMP");
	start = now();
	for (i = 0; i < ranges; i++)
		must(vms_unmap(fd, cursor, n * PAGE, 0, &op), "UNMAP");
	took[UNMAP] = now() - start;
}

static void run_linux(unsigned int n, unsigned int ranges, double took[NR_STEPS])
{
	/* With a page between, or Linux would make one of them all. */
	static char *area;
	size_t step = (n + 1) * PAGE;
	unsigned int i;
	double start;

	if (!area)
		area = mmap(NULL, 2 * MAX_PAGES * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);
	munmap(area, ranges * step);
	start = now();
	for (i = 0; i < ranges; i++)
		if (mmap(area + i * step, n * PAGE, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_POPULATE | MAP_FIXED, memfd, i * n * PAGE) == MAP_FAILED)
			die(-errno, "mmap");
	took[MAP] = now() - start;
	start = now();
	for (i = 0; i < ranges; i++)
		mprotect(area + i * step, n * PAGE, PROT_READ);
	took[PROTECT] = now() - start;
	start = now();
	for (i = 0; i < ranges; i++)
		munmap(area + i * step, n * PAGE);
	took[UNMAP] = now() - start;
}

static void bench_pages(unsigned int n)
{
	static struct samples vmspace[NR_STEPS], linux_[NR_STEPS];
	unsigned int runs = n > 512 ? 21 : 51, ranges = n < 64 ? 64 / n : 1, run, i;

	memset(vmspace, 0, sizeof(vmspace));
	memset(linux_, 0, sizeof(linux_));
	/* In turns, so that both meet the same machine. */
	for (run = 0; run < runs; run++) {
		double took[NR_STEPS];

		run_vmspace(n, ranges, took);
		for (i = 0; i < NR_STEPS; i++)
			add(&vmspace[i], took[i] / n / ranges);
		run_linux(n, ranges, took);
		for (i = 0; i < NR_STEPS; i++)
			add(&linux_[i], took[i] / n / ranges);
	}
	for (i = 0; i < NR_STEPS; i++) {
		double v = median(&vmspace[i]), l = median(&linux_[i]);

		printf("%-8s %6u pages %10.0f %10.0f %7.1fx\n", step_names[i], n, v, l, l / v);
	}
	fflush(stdout);
}

static atomic_bool stop;

/* A thread of this process, live on another CPU. */
static void *live(void *arg)
{
	unsigned int cpu = (uintptr_t)arg;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
	while (!atomic_load_explicit(&stop, memory_order_relaxed))
		__builtin_ia32_pause();
	return NULL;
}

static double shoot_vmspace(void)
{
	struct vmspace_op op;
	double start;

	must(vms_jump(fd, cursor, BASE), "JUMP");
	must(vms_map(fd, cursor, memory, 0, RW), "MAP");
	must(vms_jump(fd, cursor, BASE), "JUMP");
	start = now();
	must(vms_protect_next(fd, cursor, PAGE, VMSPACE_PROP_WRITE, 0, 0, &op), "PROTECT_NEXT");
	start = now() - start;
	must(vms_jump(fd, cursor, BASE), "JUMP");
	must(vms_unmap(fd, cursor, PAGE, 0, &op), "UNMAP");
	return start;
}

static double shoot_linux(void)
{
	char *map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, memfd, 0);
	double start;

	if (map == MAP_FAILED)
		die(-errno, "mmap");
	*map = 1;
	start = now();
	mprotect(map, PAGE, PROT_READ);
	start = now() - start;
	munmap(map, PAGE);
	return start;
}

/* What each side costs while its own threads are live on the same CPUs. */
static void bench_shootdown(unsigned int remote)
{
	struct samples v = {}, l = {};
	pthread_t threads[16];
	unsigned int i;

	for (i = 0; i < remote; i++)
		must(vms_activate(fd, space, i + 1, VMSPACE_RESIDENT), "ACTIVATE");
	usleep(50000);
	for (i = 0; i < 201; i++)
		add(&v, shoot_vmspace());
	for (i = 0; i < remote; i++)
		must(vms_deactivate(fd, space, i + 1), "DEACTIVATE");

	atomic_store(&stop, false);
	for (i = 0; i < remote; i++)
		if (pthread_create(&threads[i], NULL, live, (void *)(uintptr_t)(i + 1)))
			die(0, "cannot start a thread");
	usleep(50000);
	for (i = 0; i < 201; i++)
		add(&l, shoot_linux());
	atomic_store(&stop, true);
	for (i = 0; i < remote; i++)
		pthread_join(threads[i], NULL);
	printf("protect  1 page, %u CPUs %10.0f %10.0f %7.1fx\n", remote, median(&v), median(&l),
	       median(&l) / median(&v));
	fflush(stdout);
}

int cmd_bench(int argc, char **argv)
{
	static const unsigned int pages[] = { 1, 8, 64, 512, 4096, 32768 };
	struct vmspace_info info;
	cpu_set_t set;
	unsigned int i;

	(void)argv;
	if (argc > 1)
		die(0, "bench takes no arguments");
	fd = vms_open();
	if (fd < 0)
		die(-errno, "/dev/vmspace");
	must(vms_info(fd, &info), "INFO");
	CPU_ZERO(&set);
	CPU_SET(0, &set);
	sched_setaffinity(0, sizeof(set), &set);

	space = must(vms_new_space(fd), "NEW_SPACE");
	memory = must(vms_new_memory(fd, MAX_PAGES), "NEW_MEMORY");
	cursor = must(vms_open_cursor_mut(fd, space, BASE, BASE + MAX_PAGES * PAGE),
		      "OPEN_CURSOR_MUT");
	memfd = memfd_create("bench", 0);
	if (memfd < 0 || ftruncate(memfd, MAX_PAGES * PAGE))
		die(-errno, "memfd");
	/* All pages exist before anything is measured. */
	munmap(mmap(NULL, MAX_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
		    memfd, 0), MAX_PAGES * PAGE);

	printf("existing 4 KiB pages, ns per page, medians\n");
	printf("                         vmspace      Linux   ratio\n");
	for (i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
		bench_pages(pages[i]);
	printf("\nwith threads live on other CPUs, ns per operation, medians\n");
	printf("                         vmspace      Linux   ratio\n");
	for (i = 0; i < info.nr_cpus && i < 4; i++)
		bench_shootdown(i);
	return 0;
}
