// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a page costs, natively and without sanitizers, against the floor: a loop
 * that stores the same entries and touches the same reference counts.
 */
#include <sched.h>
#include <time.h>
#include "machine.h"

#define KB4	(1ULL << 12)
#define MB2	(1ULL << 21)
#define MOST	(1U << 20)
#define ROUNDS	15
#define RW	(VMSPACE_PROP_READ | VMSPACE_PROP_WRITE)

static struct vms_space *space;
static struct object *object;

enum what {
	MAP, QUERY, PROTECT, UNMAP, OPEN_NEW, OPEN, FLOOR_MAP, FLOOR_PROTECT, FLOOR_UNMAP, CLOCK,
	KINDS
};

static const char *const names[KINDS] = {
	"map", "query", "protect", "unmap", "open, new", "open", "floor: map", "floor: protect",
	"floor: unmap", "clock",
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, unsigned int nr)
{
	qsort(values, nr, sizeof(*values), compare);
	return values[nr / 2];
}

static struct vms_cursor *open_at(u64 start, u64 bytes)
{
	struct vms_cursor *c = space_open_cursor(space, start, start + bytes, 1, true, false);

	FATAL_IF(IS_ERR(c));
	return c;
}

static void map_at(struct vms_cursor *c, u64 va, u64 index, u64 pages)
{
	struct vms_map map = {
		.mem = &object->mem, .index = index, .pages = pages, .prop = RW, .level = 1,
	};

	FATAL_IF(vms_cursor_jump(c, va) || vms_cursor_map(c, &map, false));
}

static void unmap_at(struct vms_cursor *c, u64 va, u64 pages)
{
	u64 found;

	FATAL_IF(vms_cursor_jump(c, va) || vms_cursor_unmap(c, pages * KB4, false, &found));
	FATAL_IF(found != pages);
}

static void protect_at(struct vms_cursor *c, u64 va, u64 pages, bool writable)
{
	u64 found;

	FATAL_IF(vms_cursor_jump(c, va));
	FATAL_IF(vms_cursor_protect(c, pages * KB4, writable ? 0 : VMSPACE_PROP_WRITE,
				    writable ? VMSPACE_PROP_WRITE : 0, false, &found));
	FATAL_IF(found != pages);
}

static void query_at(struct vms_cursor *c, u64 va, u64 pages)
{
	struct vms_mapping m;

	FATAL_IF(vms_cursor_jump(c, va));
	while (pages--) {
		FATAL_IF(vms_cursor_next(c, 0, &m));
		FATAL_IF(!m.entry);
	}
}

/* The floor. */

static void floor_map(u64 *entries, u64 pages)
{
	u64 i;

	for (i = 0; i < pages; i++) {
		u64 pa = object_pa(object, i);

		__atomic_add_fetch(&frame_at(pa)->refs, 1, __ATOMIC_RELAXED);
		WRITE_ONCE(entries[i], pa | 3);
	}
}

static void floor_protect(u64 *entries, u64 pages)
{
	u64 i;

	for (i = 0; i < pages; i++)
		__atomic_fetch_and(&entries[i], ~2ULL, __ATOMIC_SEQ_CST);
}

static void floor_unmap(u64 *entries, u64 pages)
{
	u64 i;

	for (i = 0; i < pages; i++) {
		u64 e = __atomic_exchange_n(&entries[i], 0, __ATOMIC_SEQ_CST);

		__atomic_sub_fetch(&frame_at(e & ~4095ULL)->refs, 1, __ATOMIC_ACQ_REL);
	}
}

static double time_open(u64 start, u64 pages)
{
	double t0 = now();
	unsigned int r;

	for (r = 0; r < 1000; r++)
		cursor_drop(open_at(start, pages * KB4));
	return (now() - t0) / 1000;
}

/* All kinds with one n; so often that the clock does not matter. */
static void measure(u64 pages, double result[KINDS])
{
	static double samples[KINDS][ROUNDS];
	u64 repeat = max((u64)1, 8192 / pages), r;
	u64 *entries = aligned_alloc(4096, max(pages * 8, (u64)4096)), start = MB2;
	struct vms_cursor *hold;
	unsigned int round, k;

	for (round = 0; round < ROUNDS; round++) {
		double t[KINDS] = { 0 }, t0;

		for (r = 0; r < repeat; r++) {
			/* As the table goes with the last page, hold one more in it. */
			struct vms_cursor *c = open_at(start, (pages + 1) * KB4);

			map_at(c, start + pages * KB4, 0, 1);
#define TIME(kind, call) (t0 = now(), call, t[kind] += now() - t0)
			TIME(MAP, map_at(c, start, 0, pages));
			TIME(QUERY, query_at(c, start, pages));
			TIME(PROTECT, protect_at(c, start, pages, false));
			TIME(UNMAP, unmap_at(c, start, pages));
			unmap_at(c, start + pages * KB4, 1);
			cursor_drop(c);
			TIME(FLOOR_MAP, floor_map(entries, pages));
			TIME(FLOOR_PROTECT, floor_protect(entries, pages));
			TIME(FLOOR_UNMAP, floor_unmap(entries, pages));
			TIME(CLOCK, (void)0);
		}
		t[OPEN_NEW] = time_open(start, pages);
		hold = open_at(start + pages * KB4, KB4);
		map_at(hold, start + pages * KB4, 0, 1);
		cursor_drop(hold);
		t[OPEN] = time_open(start, pages);
		hold = open_at(start + pages * KB4, KB4);
		unmap_at(hold, start + pages * KB4, 1);
		cursor_drop(hold);
		for (k = 0; k < KINDS; k++)
			samples[k][round] = k == OPEN || k == OPEN_NEW ? t[k] :
					    t[k] / (repeat * pages);
	}
	for (k = 0; k < KINDS; k++)
		result[k] = median(samples[k], ROUNDS);
	/* What the clock itself takes is in all but the opens. */
	for (k = 0; k < CLOCK; k++)
		if (k != OPEN && k != OPEN_NEW)
			result[k] -= result[CLOCK];
	free(entries);
}

static void table_of_pages(void)
{
	static const u64 pages[] = { 1, 8, 64, 512, 4096, 32768 };
	static const enum what floors[] = { FLOOR_MAP, KINDS, FLOOR_PROTECT, FLOOR_UNMAP };
	double result[ARRAY_SIZE(pages)][KINDS];
	unsigned int i, k;

	printf("ns per page in an open cursor; \"open\" is ns per open and close,\n");
	printf("\"new\" if tables are made and given back\n");
	printf("%-16s", "pages");
	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		measure(pages[i], result[i]);
		printf("%10llu", pages[i]);
	}
	printf("\n");
	for (k = 0; k < CLOCK; k++) {
		printf("%-16s", names[k]);
		for (i = 0; i < ARRAY_SIZE(pages); i++)
			printf("%10.1f", result[i][k]);
		printf("\n");
	}
	printf("times the floor\n");
	for (k = MAP; k <= UNMAP; k++) {
		if (floors[k] == KINDS)
			continue;
		printf("%-16s", names[k]);
		for (i = 0; i < ARRAY_SIZE(pages); i++)
			printf("%10.2f", result[i][k] / result[i][floors[k]]);
		printf("\n");
	}
}

/* Work that grows: once each, tables included; small leaves or a subtree at once. */
static void table_of_growth(void)
{
	u64 pages;

	printf("\nns per page as the work grows, tables made and given back (medians of 5)\n");
	printf("%10s%12s%12s%14s%14s\n", "pages", "open+close", "map", "unmap whole", "by leaves");
	for (pages = 1; pages <= MOST; pages *= 4) {
		double t[4][5], t0;
		unsigned int round;

		for (round = 0; round < 5; round++) {
			struct vms_cursor *c;
			u64 done;

			t0 = now();
			cursor_drop(open_at(0, pages * KB4));
			t[0][round] = now() - t0;
			c = open_at(0, pages * KB4 + KB4);
			t0 = now();
			map_at(c, 0, 0, pages);
			t[1][round] = now() - t0;
			t0 = now();
			unmap_at(c, 0, pages);
			t[2][round] = now() - t0;
			map_at(c, 0, 0, pages);
			t0 = now();
			/* Never a table as a whole. */
			for (done = 0; done < pages; done += min(pages - done, (u64)256))
				unmap_at(c, done * KB4, min(pages - done, (u64)256));
			t[3][round] = now() - t0;
			cursor_drop(c);
		}
		printf("%10llu%12.1f%12.1f%14.1f%14.1f\n", pages, median(t[0], 5) / pages,
		       median(t[1], 5) / pages, median(t[2], 5) / pages, median(t[3], 5) / pages);
	}
}

/* Two threads. */

struct worker {
	pthread_t thread;
	unsigned int cpu;
	u64 start;
	u64 pages;
	unsigned int batch;
	u64 index;
	unsigned long done;
	double cpu_seconds;
};

static int go;

static void *worker_run(void *arg)
{
	struct worker *w = arg;
	struct timespec t;
	cpu_set_t set;

	stub_thread_start();
	stub_self.cpu = w->cpu;
	CPU_ZERO(&set);
	CPU_SET(w->cpu, &set);
	pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
	while (!__atomic_load_n(&go, __ATOMIC_ACQUIRE))
		;
	while (__atomic_load_n(&go, __ATOMIC_RELAXED) == 1) {
		struct vms_cursor *c = open_at(w->start, w->pages * KB4);

		map_at(c, w->start, w->index, w->batch);
		unmap_at(c, w->start, w->batch);
		cursor_drop(c);
		w->done += w->batch;
	}
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	w->cpu_seconds = t.tv_sec + t.tv_nsec / 1e9;
	stub_thread_end();
	return NULL;
}

/* By the clock, and by the time that the threads really ran. */
static void pages_per_second(struct worker *workers, unsigned int nr, double *rate, double *cpu)
{
	struct timespec t = { .tv_nsec = 300 * 1000 * 1000 };
	unsigned long done = 0;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		workers[i].done = 0;
		pthread_create(&workers[i].thread, NULL, worker_run, &workers[i]);
	}
	__atomic_store_n(&go, 1, __ATOMIC_RELEASE);
	nanosleep(&t, NULL);
	__atomic_store_n(&go, 2, __ATOMIC_RELEASE);
	for (i = 0; i < nr; i++) {
		pthread_join(workers[i].thread, NULL);
		done += workers[i].done;
		*cpu += workers[i].done / workers[i].cpu_seconds;
	}
	__atomic_store_n(&go, 0, __ATOMIC_RELEASE);
	*rate = done / 0.3;
}

static void two_threads(const char *name, u64 distance, unsigned int batch)
{
	double one[5], two[5], cpu_one[5] = { 0 }, cpu_two[5] = { 0 };
	unsigned int i;

	for (i = 0; i < 5; i++) {
		struct worker workers[2] = {
			{ .cpu = 0, .start = MB2, .pages = batch, .batch = batch },
			{ .cpu = 1, .start = MB2 + distance, .pages = batch, .batch = batch,
			  .index = MOST / 2 },
		};

		pages_per_second(workers, 1, &one[i], &cpu_one[i]);
		pages_per_second(workers, 2, &two[i], &cpu_two[i]);
	}
	printf("%-40s%8u%14.2f%14.2f%8.2f%14.2f\n", name, batch, median(one, 5) / 1e6,
	       median(two, 5) / 1e6, median(two, 5) / median(one, 5),
	       median(cpu_two, 5) / median(cpu_one, 5));
}

/* A page in every area, so that the tables stay. */
static void hold_tables(void)
{
	u64 area;

	for (area = 1; area <= 2; area++) {
		struct vms_cursor *c = open_at((area + 1) * MB2 - KB4, KB4);

		map_at(c, (area + 1) * MB2 - KB4, 0, 1);
		cursor_drop(c);
	}
}

static void drop_tables(void)
{
	u64 area;

	for (area = 1; area <= 2; area++) {
		struct vms_cursor *c = open_at((area + 1) * MB2 - KB4, KB4);

		unmap_at(c, (area + 1) * MB2 - KB4, 1);
		cursor_drop(c);
	}
}

int main(void)
{
	unsigned int *frames = calloc(MOST, sizeof(*frames)), i;

	stub_thread_start();
	machine_init(MOST, 0, 0);
	for (i = 0; i < MOST; i++)
		frames[i] = i;
	object = object_create(1, frames, MOST, true, VMSPACE_CACHE_WB);
	free(frames);
	space = space_create(4, 3);
	table_of_pages();
	table_of_growth();
	printf("\nopen, map, unmap, close by two threads: million pages per second\n");
	printf("%-40s%8s%14s%14s%8s%14s\n", "", "pages", "one thread", "two", "ratio",
	       "by CPU time");
	hold_tables();
	two_threads("disjoint areas, tables exist", MB2, 16);
	two_threads("disjoint areas, tables exist", MB2, 256);
	two_threads("the same 2M area", 256 * KB4, 16);
	two_threads("the same 2M area", 256 * KB4, 200);
	drop_tables();
	space_destroy(space);
	object_destroy(object);
	return 0;
}
