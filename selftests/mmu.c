// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the MMU does with a private page table: real loads and stores, on every
 * CPU, before and after flushes.
 *
 * Outcomes that the architecture forbids are failures.  Those that it allows,
 * stale translations above all, are counted and reported, never required: a
 * CPU or an emulator may flush at any time.  Tests named litmus_* are of the kind
 * that Documentation/tlb.rst has.
 */
#include "kselftest_harness.h"
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include "vmspace.h"

#define BASE	0x5555557f0000ULL	/* 16 pages below the end of a table */
#define PAGES	512
#define OLD	0x01d01d01d01d01d0ULL
#define NEW	0x2e32e32e32e32e32ULL
#define POISON	0xbadbadbadbadbad0ULL
#define WRITE	VMSPACE_PROP_WRITE

/* At once, because a test runs in a process that does not flush at its end. */
#define report(...)							\
	do {								\
		ksft_print_msg(__VA_ARGS__);				\
		fflush(stdout);						\
	} while (0)

FIXTURE(mmu)
{
	int fd;
	struct vmspace_info info;
	int space;
	int memory;
	unsigned char *view;
	int nr_cpus;
	unsigned int cpus[VMS_CPUS];
};

FIXTURE_VARIANT(mmu)
{
	unsigned int activate;
};

FIXTURE_VARIANT_ADD(mmu, visiting)
{
	.activate = 0,
};

FIXTURE_VARIANT_ADD(mmu, resident)
{
	.activate = VMSPACE_RESIDENT,
};

FIXTURE_SETUP(mmu)
{
	__u64 offset;

	self->fd = vms_open();
	if (self->fd < 0)
		SKIP(return, "no /dev/vmspace: %s", strerror(errno));
	ASSERT_EQ(0, vms_info(self->fd, &self->info));
	self->space = vms_new_space(self->fd);
	ASSERT_GT(self->space, 0);
	self->memory = vms_new_memory_of(self->fd, PAGES, PAGE, VMSPACE_CACHE_WB, &offset);
	ASSERT_GT(self->memory, 0);
	self->view = vms_view(self->fd, offset, PAGES);
	ASSERT_NE(MAP_FAILED, self->view);
	self->nr_cpus = vms_activate_all(self->fd, self->space, variant->activate, self->cpus);
	ASSERT_GT(self->nr_cpus, 0);
}

FIXTURE_TEARDOWN(mmu)
{
	munmap(self->view, PAGES * PAGE);
	close(self->fd);
}

/* A word of a page of the memory object, as the program sees it. */
static __u64 *word(struct _test_data_mmu *self, __u64 page)
{
	return (__u64 *)(self->view + page * PAGE);
}

static int open_at(struct __test_metadata *_metadata, struct _test_data_mmu *self, __u64 va,
		   __u64 count)
{
	int cursor = vms_open_cursor_mut(self->fd, self->space, va, va + count * PAGE);

	ASSERT_GT(cursor, 0);
	return cursor;
}

/* Map @count pages of any memory object, from page @index of it on. */
static void map_memory(struct __test_metadata *_metadata, struct _test_data_mmu *self, __u64 va,
		       int memory, __u64 index, __u64 count, unsigned int prop)
{
	int cursor = open_at(_metadata, self, va, count);
	__u64 i;

	for (i = 0; i < count; i++)
		ASSERT_EQ(0, vms_map(self->fd, cursor, memory, index + i, prop));
	ASSERT_EQ(0, vms_drop_cursor(self->fd, cursor));
}

static void map_pages(struct __test_metadata *_metadata, struct _test_data_mmu *self, __u64 va,
		      __u64 index, __u64 count, unsigned int prop)
{
	map_memory(_metadata, self, va, self->memory, index, count, prop);
}

static void unmap_pages(struct __test_metadata *_metadata, struct _test_data_mmu *self, __u64 va,
			__u64 count)
{
	int cursor = open_at(_metadata, self, va, count);
	struct vmspace_op op;

	ASSERT_EQ(0, vms_unmap(self->fd, cursor, count * PAGE, 0, &op));
	ASSERT_EQ(0, vms_drop_cursor(self->fd, cursor));
}

static void protect_page(struct __test_metadata *_metadata, struct _test_data_mmu *self, __u64 va,
			 unsigned int clear, unsigned int set)
{
	int cursor = open_at(_metadata, self, va, 1);
	struct vmspace_op op;

	ASSERT_EQ(0, vms_protect_next(self->fd, cursor, PAGE, clear, set, 0, &op));
	ASSERT_EQ(1, op.protect.present);
	ASSERT_EQ(0, vms_drop_cursor(self->fd, cursor));
}

static unsigned int prop_at(struct __test_metadata *_metadata, struct _test_data_mmu *self,
			    __u64 va)
{
	struct vmspace_op op;

	ASSERT_EQ(0, vms_translate(self->fd, self->space, va, &op));
	ASSERT_EQ(1, op.query.present);
	return op.query.prop;
}

static int load(struct _test_data_mmu *self, int i, __u64 va, __u64 *value)
{
	return vms_load(self->fd, self->space, self->cpus[i], va, value);
}

static int store(struct _test_data_mmu *self, int i, __u64 va, __u64 value)
{
	return vms_store(self->fd, self->space, self->cpus[i], va, value);
}

static void expect_load(struct __test_metadata *_metadata, struct _test_data_mmu *self, int i,
			__u64 va, __u64 expected)
{
	__u64 value;

	ASSERT_EQ(LOADED, load(self, i, va, &value))
		TH_LOG("cpu %u at %llx", self->cpus[i], (unsigned long long)va);
	ASSERT_EQ(expected, value)
		TH_LOG("cpu %u at %llx", self->cpus[i], (unsigned long long)va);
}

static void expect_faults(struct __test_metadata *_metadata, struct _test_data_mmu *self, int i,
			  __u64 va)
{
	__u64 value;

	ASSERT_EQ(FAULTED, load(self, i, va, &value))
		TH_LOG("cpu %u at %llx: %llx", self->cpus[i], (unsigned long long)va,
		       (unsigned long long)value);
	ASSERT_EQ(0, value);
	ASSERT_EQ(FAULTED, store(self, i, va, POISON));
}

/* --- rights --------------------------------------------------------------- */

/*
 * Accesses are those of a kernel thread: supervisor accesses, to which U/S and
 * XD make no difference.  READ decides about both, WRITE about stores.
 */
TEST_F(mmu, rights__are_seen_by_loads_and_stores_on_every_cpu)
{
	unsigned int prop;
	int i;

	for (prop = 0; prop <= VMSPACE_PROP_ALL; prop++)
		map_pages(_metadata, self, BASE + prop * PAGE, prop, 1, prop);
	for (i = 0; i < self->nr_cpus; i++) {
		for (prop = 0; prop <= VMSPACE_PROP_ALL; prop++) {
			__u64 va = BASE + prop * PAGE + 8 * i;
			__u64 *seen = word(self, prop) + i;
			bool may_load = prop & VMSPACE_PROP_READ;
			bool may_store = may_load && (prop & VMSPACE_PROP_WRITE);
			__u64 value;

			*seen = OLD + prop;
			ASSERT_EQ(may_load ? LOADED : FAULTED, load(self, i, va, &value));
			ASSERT_EQ(may_load ? OLD + prop : 0, value);
			ASSERT_EQ(may_store ? LOADED : FAULTED, store(self, i, va, NEW + prop))
				TH_LOG("cpu %u, property %x", self->cpus[i], prop);
			ASSERT_EQ(may_store ? NEW + prop : OLD + prop, *seen);
		}
	}
	/* Nothing but A and D has changed, and D only by stores that landed. */
	for (prop = 0; prop <= VMSPACE_PROP_ALL; prop++) {
		unsigned int expected = prop;

		if (prop & VMSPACE_PROP_READ) {
			expected |= VMSPACE_PROP_ACCESSED;
			if (prop & VMSPACE_PROP_WRITE)
				expected |= VMSPACE_PROP_DIRTY;
		}
		ASSERT_EQ(expected, prop_at(_metadata, self, BASE + prop * PAGE));
	}
}

TEST_F(mmu, rights__of_holes_and_ends)
{
	const __u64 last = self->info.va_end - PAGE;
	int i;

	map_pages(_metadata, self, last, 0, 1, RW);
	map_pages(_metadata, self, 0, 1, 1, RW);
	for (i = 0; i < self->nr_cpus; i++) {
		expect_faults(_metadata, self, i, BASE);
		expect_faults(_metadata, self, i, last - 8);
		expect_faults(_metadata, self, i, PAGE);
		*(word(self, 0) + 511) = OLD + i;
		expect_load(_metadata, self, i, last + PAGE - 8, OLD + i);
		*word(self, 1) = NEW + i;
		expect_load(_metadata, self, i, 0, NEW + i);
	}
}

TEST_F(mmu, access__of_every_width)
{
	unsigned int width, offset, i;
	unsigned char expected[16];
	__u64 value, pattern;

	map_pages(_metadata, self, BASE, 0, 2, RW);
	for (width = 1; width <= 8; width *= 2) {
		/* Across the middle and at both ends of the page. */
		for (offset = 0; offset < PAGE; offset += offset == 16 ? PAGE - 32 : width) {
			unsigned char *seen = self->view + (offset & ~15U);
			unsigned int cpu = self->cpus[(offset / width) % self->nr_cpus];

			for (i = 0; i < 16; i++)
				seen[i] = 0xf0 - i * 7 - offset;
			memcpy(expected, seen, 16);
			value = 0;
			memcpy(&value, expected + offset % 16, width);
			ASSERT_EQ(LOADED, vms_load_width(self->fd, self->space, cpu,
							 BASE + offset, width, &pattern));
			ASSERT_EQ(value, pattern);
			pattern = 0x8899aabbccddeeffULL;
			pattern &= ~0ULL >> (64 - 8 * width);
			ASSERT_EQ(LOADED, vms_store_width(self->fd, self->space, cpu,
							  BASE + offset, width, pattern));
			memcpy(expected + offset % 16, &pattern, width);
			ASSERT_EQ(0, memcmp(expected, seen, 16));
		}
	}
}

TEST_F(mmu, contents__are_those_of_the_memory_object)
{
	const unsigned int count = 40;
	unsigned int page;
	__u64 value;
	int i;

	/* Not in the same order. */
	for (page = 0; page < count; page++)
		map_pages(_metadata, self, BASE + page * PAGE, (page * 17 + 3) % count, 1, RW);
	for (i = 0; i < self->nr_cpus; i++) {
		for (page = 0; page < count; page++) {
			__u64 va = BASE + page * PAGE + 8 * (page % 512);
			__u64 *seen = word(self, (page * 17 + 3) % count) + page % 512;

			*seen = OLD + page + i;
			expect_load(_metadata, self, i, va, OLD + page + i);
			ASSERT_EQ(LOADED, store(self, i, va, NEW + page + i));
			ASSERT_EQ(NEW + page + i, *seen);
			ASSERT_EQ(LOADED, load(self, (i + 1) % self->nr_cpus, va, &value));
			ASSERT_EQ(NEW + page + i, value);
		}
	}
}

/* --- accessed and dirty --------------------------------------------------- */

TEST_F(mmu, litmus_15__accessed_by_a_load_dirty_only_by_a_store)
{
	const unsigned int both = VMSPACE_PROP_ACCESSED | VMSPACE_PROP_DIRTY;
	int i;

	for (i = 0; i < self->nr_cpus; i++) {
		__u64 va = BASE + i * PAGE;

		map_pages(_metadata, self, va, i, 1, RW);
		ASSERT_EQ(RW, prop_at(_metadata, self, va));
		expect_load(_metadata, self, i, va, 0);
		ASSERT_EQ(RW | VMSPACE_PROP_ACCESSED, prop_at(_metadata, self, va));
		ASSERT_EQ(LOADED, store(self, i, va, 1));
		ASSERT_EQ(RW | both, prop_at(_metadata, self, va));
	}
	/* A store alone sets both, one that faults no D. */
	map_pages(_metadata, self, BASE + i * PAGE, i, 1, RW);
	ASSERT_EQ(LOADED, store(self, 0, BASE + i * PAGE, 1));
	EXPECT_EQ(RW | both, prop_at(_metadata, self, BASE + i * PAGE));
	i++;
	map_pages(_metadata, self, BASE + i * PAGE, i, 1, RO);
	ASSERT_EQ(FAULTED, store(self, 0, BASE + i * PAGE, 1));
	EXPECT_EQ(RO, prop_at(_metadata, self, BASE + i * PAGE) & ~VMSPACE_PROP_ACCESSED);
}

TEST_F(mmu, litmus_29__dirty_only_in_the_entry_used)
{
	const __u64 other = BASE + 64 * 1024 * PAGE;

	map_pages(_metadata, self, BASE, 0, 1, RW);
	map_pages(_metadata, self, other, 0, 1, RW);
	ASSERT_EQ(LOADED, store(self, 0, BASE, NEW));
	EXPECT_EQ(RW | VMSPACE_PROP_ACCESSED | VMSPACE_PROP_DIRTY,
		  prop_at(_metadata, self, BASE));
	EXPECT_EQ(RW, prop_at(_metadata, self, other));
	expect_load(_metadata, self, self->nr_cpus - 1, other, NEW);
	EXPECT_EQ(RW | VMSPACE_PROP_ACCESSED, prop_at(_metadata, self, other));
	/* The one goes, the other stays. */
	unmap_pages(_metadata, self, BASE, 1);
	expect_faults(_metadata, self, 0, BASE);
	expect_load(_metadata, self, 0, other, NEW);
}

/* Clear a bit that a CPU has cached as set; see whether it sets it again. */
static void litmus_clear(struct __test_metadata *_metadata, struct _test_data_mmu *self,
			 unsigned int bit, const char *name)
{
	unsigned int again = 0, round;
	struct vmspace_op op;
	int cursor, i;

	map_pages(_metadata, self, BASE, 0, 1, RW);
	for (round = 0; round < 100; round++) {
		i = round % self->nr_cpus;
		ASSERT_EQ(LOADED, store(self, i, BASE, round));
		ASSERT_TRUE(prop_at(_metadata, self, BASE) & bit);
		cursor = open_at(_metadata, self, BASE, 1);
		ASSERT_EQ(0, vms_protect_next(self->fd, cursor, PAGE, bit, 0, VMSPACE_DEFER, &op));
		ASSERT_EQ(LOADED, store(self, i, BASE, round));
		again += !!(prop_at(_metadata, self, BASE) & bit);
		ASSERT_EQ(0, vms_flush_sync(self->fd, cursor, &op));
		ASSERT_EQ(LOADED, store(self, i, BASE, round));
		ASSERT_TRUE(prop_at(_metadata, self, BASE) & bit);
		/* The same with the flush in between. */
		ASSERT_EQ(0, vms_jump(self->fd, cursor, BASE));
		ASSERT_EQ(0, vms_protect_next(self->fd, cursor, PAGE, bit, 0, 0, &op));
		ASSERT_EQ(0, op.protect.prop & bit);
		ASSERT_EQ(0, prop_at(_metadata, self, BASE) & bit);
		ASSERT_EQ(LOADED, store(self, i, BASE, round));
		ASSERT_TRUE(prop_at(_metadata, self, BASE) & bit);
		ASSERT_EQ(0, vms_drop_cursor(self->fd, cursor));
	}
	report("%s, before the flush: set again %u, still clear %u\n", name, again, round - again);
}

TEST_F(mmu, litmus_13__accessed_cleared)
{
	litmus_clear(_metadata, self, VMSPACE_PROP_ACCESSED, "A.clear");
}

TEST_F(mmu, litmus_14__dirty_cleared)
{
	litmus_clear(_metadata, self, VMSPACE_PROP_DIRTY, "D.clear");
}

TEST_F(mmu, litmus_16__no_bits_in_an_entry_that_is_not_present)
{
	const unsigned int both = VMSPACE_PROP_ACCESSED | VMSPACE_PROP_DIRTY;
	unsigned int round;
	int i;

	map_pages(_metadata, self, BASE, 0, 1, RW);
	for (round = 0; round < 10; round++) {
		for (i = 0; i < self->nr_cpus; i++)
			ASSERT_EQ(LOADED, store(self, i, BASE, round));
		protect_page(_metadata, self, BASE, VMSPACE_PROP_READ | both, 0);
		for (i = 0; i < self->nr_cpus; i++)
			expect_faults(_metadata, self, i, BASE);
		ASSERT_EQ(WRITE | VMSPACE_PROP_USER, prop_at(_metadata, self, BASE));
		ASSERT_EQ(round, *word(self, 0));
		protect_page(_metadata, self, BASE, 0, VMSPACE_PROP_READ);
	}
}

/**
 * struct storer - a thread that stores once per round
 * @fd:		its file
 * @space:	the space
 * @cpu:	on which CPU
 * @round:	counts; 0 ends it
 * @start:	both start here, and meet again
 * @ret:	of the store
 */
struct storer {
	int fd;
	int space;
	unsigned int cpu;
	unsigned int round;
	pthread_barrier_t start;
	int ret;
};

static void *store_once_per_round(void *arg)
{
	struct storer *s = arg;

	for (;;) {
		pthread_barrier_wait(&s->start);
		if (!s->round)
			return NULL;
		s->ret = vms_store(s->fd, s->space, s->cpu, BASE, s->round);
		pthread_barrier_wait(&s->start);
	}
}

/* A store that landed has left D, whatever happened to the entry meanwhile. */
TEST_F(mmu, litmus_17__dirty_is_not_lost_in_a_race)
{
	struct storer s = { .fd = self->fd, .space = self->space };
	unsigned int round, landed = 0;
	struct vmspace_op op;
	pthread_t thread;
	int cursor;

	pthread_barrier_init(&s.start, NULL, 2);
	ASSERT_EQ(0, pthread_create(&thread, NULL, store_once_per_round, &s));
	map_pages(_metadata, self, BASE, 0, 1, RW);
	for (round = 1; round <= 200; round++) {
		protect_page(_metadata, self, BASE, VMSPACE_PROP_DIRTY, WRITE);
		cursor = open_at(_metadata, self, BASE, 1);
		s.cpu = self->cpus[round % self->nr_cpus];
		s.round = round;
		pthread_barrier_wait(&s.start);
		if (round % 2)
			sched_yield();
		EXPECT_EQ(0, vms_protect_next(self->fd, cursor, PAGE, WRITE, 0, 0, &op));
		pthread_barrier_wait(&s.start);
		if (s.ret == LOADED) {
			EXPECT_EQ(round, *word(self, 0));
			EXPECT_TRUE(prop_at(_metadata, self, BASE) & VMSPACE_PROP_DIRTY);
			landed++;
		} else {
			EXPECT_EQ(FAULTED, s.ret);
			EXPECT_NE(round, *word(self, 0));
			EXPECT_FALSE(prop_at(_metadata, self, BASE) & VMSPACE_PROP_DIRTY);
		}
		EXPECT_EQ(0, vms_drop_cursor(self->fd, cursor));
	}
	s.round = 0;
	pthread_barrier_wait(&s.start);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	report("AD.race: the store came first %u times, too late %u times\n", landed,
	       round - 1 - landed);
}

/* --- unmap and remap ------------------------------------------------------ */

/* T1, and litmus 4 and 6, for ranges flushed page by page and at once. */
TEST_F_TIMEOUT(mmu, unmap__no_cpu_translates_afterwards, 60)
{
	static const unsigned int counts[] = { 1, 2, 15, 16, 17, 33, 34, 65, 128 };
	unsigned int n, round, page;
	int i;

	for (round = 0; round < 4; round++) {
		for (n = 0; n < sizeof(counts) / sizeof(*counts); n++) {
			unsigned int count = counts[n];
			/* Also with a neighbour, so that no table goes away. */
			__u64 va = BASE + 4 * PAGE;

			if (round % 2)
				map_pages(_metadata, self, BASE, PAGES - 1, 1, RW);
			map_pages(_metadata, self, va, 0, count, RW);
			for (page = 0; page < count; page++) {
				*word(self, page) = OLD;
				for (i = 0; i < self->nr_cpus; i++) {
					if (count > 17 && page % 7 != (unsigned int)i % 7)
						continue;
					expect_load(_metadata, self, i, va + page * PAGE, OLD);
				}
			}
			unmap_pages(_metadata, self, va, count);
			for (page = 0; page < count; page++) {
				for (i = 0; i < self->nr_cpus; i++) {
					if (count > 17 && page % 7 != (unsigned int)i % 7)
						continue;
					expect_faults(_metadata, self, i, va + page * PAGE);
				}
				ASSERT_EQ(OLD, *word(self, page));
			}
			if (round % 2)
				unmap_pages(_metadata, self, BASE, 1);
		}
	}
}

/**
 * struct race - threads that load while the mapping changes
 * @fd:		their file
 * @space:	the space
 * @va:		where they load
 * @begun:	the last change that may have begun; values are numbers of changes
 * @ended:	the last change that has ended
 * @stop:	to stop them
 * @may_fault:	a load may fault while a change is in progress
 * @failures:	loads that saw what they must not see
 * @bad:	one of them: value, or ~0 for a fault
 * @lo:		what it had to be at least
 * @hi:		and at most
 */
struct race {
	int fd;
	int space;
	__u64 va;
	atomic_ulong begun;
	atomic_ulong ended;
	atomic_bool stop;
	bool may_fault;
	atomic_uint failures;
	__u64 bad;
	__u64 lo;
	__u64 hi;
};

/**
 * struct racer - one of the threads
 * @race:	what it takes part in
 * @cpu:	on which CPU it loads
 * @seen:	the last change that was over when it began a load
 * @before:	loads that saw the mapping before a change
 * @after:	that saw the newest
 * @faults:	that faulted during a change
 */
struct racer {
	pthread_t thread;
	struct race *race;
	unsigned int cpu;
	atomic_ulong seen;
	unsigned long before;
	unsigned long after;
	unsigned long faults;
};

static void race_failed(struct race *race, __u64 bad, __u64 lo, __u64 hi)
{
	race->bad = bad;
	race->lo = lo;
	race->hi = hi;
	atomic_fetch_add(&race->failures, 1);
}

static void *race_loads(void *arg)
{
	struct racer *r = arg;
	struct race *race = r->race;
	__u64 lo, hi, value;
	int ret;

	while (!atomic_load(&race->stop)) {
		lo = atomic_load(&race->ended);
		ret = vms_load(race->fd, race->space, r->cpu, race->va, &value);
		hi = atomic_load(&race->begun);
		if (ret == LOADED && value >= lo && value <= hi) {
			r->before += value < hi;
			r->after += value == hi;
		} else if (ret == FAULTED && race->may_fault && lo < hi) {
			r->faults++;
		} else {
			race_failed(race, ret == LOADED ? value : ~0ULL, lo, hi);
		}
		atomic_store(&r->seen, lo);
	}
	return NULL;
}

/* How a mapping is changed to the next frame. */
enum change { BREAK_BEFORE_MAKE, REPLACE, REPLACE_DEFERRED };

static int change_mapping(struct _test_data_mmu *self, int cursor, __u64 index, enum change how)
{
	struct vmspace_op op;
	int ret;

	switch (how) {
	case BREAK_BEFORE_MAKE:
		ret = vms_unmap(self->fd, cursor, PAGE, 0, &op) ?:
		      vms_jump(self->fd, cursor, BASE) ?:
		      vms_map(self->fd, cursor, self->memory, index, RW);
		break;
	case REPLACE:
		ret = vms_map_as(self->fd, cursor, self->memory, index, RW, VMSPACE_REPLACE);
		break;
	default:
		ret = vms_map_as(self->fd, cursor, self->memory, index, RW,
				 VMSPACE_REPLACE | VMSPACE_DEFER) ?:
		      vms_flush_sync(self->fd, cursor, &op);
		break;
	}
	return ret;
}

/*
 * T2, T7, litmus 1 and 8: a load sees the mapping as it was at some moment
 * between its begin and its end.  Frames are used again and again; each is
 * filled with the number of the change that will map it before that begins, so
 * a stale translation shows a number that is too old or too new.
 */
static void race_changes(struct __test_metadata *_metadata, struct _test_data_mmu *self,
			 enum change how, const char *name)
{
	struct race race = {
		.fd = self->fd,
		.space = self->space,
		.va = BASE,
		.may_fault = how == BREAK_BEFORE_MAKE,
	};
	unsigned long before = 0, after = 0, faults = 0, round;
	struct racer *racers = calloc(self->nr_cpus, sizeof(*racers));
	const unsigned int frames = 3;
	int cursor, i;

	ASSERT_NE(NULL, racers);
	map_pages(_metadata, self, BASE, 0, 1, RW);
	*word(self, 0) = 0;
	cursor = open_at(_metadata, self, BASE, 1);
	for (i = 0; i < self->nr_cpus; i++) {
		racers[i].race = &race;
		racers[i].cpu = self->cpus[i];
		ASSERT_EQ(0, pthread_create(&racers[i].thread, NULL, race_loads, &racers[i]));
	}
	for (round = 1; round <= 30 && !race.failures; round++) {
		double end = vms_now() + VMS_LIMIT;

		*word(self, round % frames) = round;
		atomic_store(&race.begun, round);
		EXPECT_EQ(0, vms_jump(self->fd, cursor, BASE));
		EXPECT_EQ(0, change_mapping(self, cursor, round % frames, how));
		atomic_store(&race.ended, round);
		/* Each CPU loads at least once while nothing changes. */
		for (i = 0; i < self->nr_cpus; i++) {
			while (atomic_load(&racers[i].seen) < round && vms_now() < end)
				sched_yield();
			EXPECT_EQ(round, atomic_load(&racers[i].seen));
		}
	}
	atomic_store(&race.stop, true);
	for (i = 0; i < self->nr_cpus; i++) {
		ASSERT_EQ(0, pthread_join(racers[i].thread, NULL));
		before += racers[i].before;
		after += racers[i].after;
		faults += racers[i].faults;
	}
	EXPECT_EQ(0, race.failures)
		TH_LOG("saw %lld, not %llu..%llu", (long long)race.bad,
		       (unsigned long long)race.lo, (unsigned long long)race.hi);
	report("%s: loads of the newest %lu, of the one before %lu, faults %lu\n", name, after,
	       before, faults);
	ASSERT_EQ(0, vms_drop_cursor(self->fd, cursor));
	free(racers);
}

TEST_F_TIMEOUT(mmu, litmus_8__unmap_and_map_while_all_cpus_load, 60)
{
	race_changes(_metadata, self, BREAK_BEFORE_MAKE, "unmap, map");
}

TEST_F_TIMEOUT(mmu, replace__while_all_cpus_load, 60)
{
	race_changes(_metadata, self, REPLACE, "replace");
}

TEST_F_TIMEOUT(mmu, replace__deferred_while_all_cpus_load, 60)
{
	race_changes(_metadata, self, REPLACE_DEFERRED, "replace, flush later");
}

/* T7: a hole that was looked at is not remembered as one. */
TEST_F(mmu, map__first_access_does_not_fault)
{
	unsigned int round;
	int i;

	for (round = 0; round < 20; round++) {
		__u64 va = BASE + round * 8 * PAGE;

		for (i = 0; i < self->nr_cpus; i++)
			expect_faults(_metadata, self, i, va);
		*word(self, round) = NEW + round;
		map_pages(_metadata, self, va, round, 1, RW);
		for (i = 0; i < self->nr_cpus; i++)
			expect_load(_metadata, self, (round + i) % self->nr_cpus, va, NEW + round);
	}
}

/* --- reuse of frames ------------------------------------------------------ */

/* Memory filled with POISON; many pages, so that freed frames come back. */
static int poisoned_memory(struct __test_metadata *_metadata, struct _test_data_mmu *self,
			   unsigned int count)
{
	__u64 offset, i;
	__u64 *view;
	int memory = vms_new_memory_of(self->fd, count, PAGE, VMSPACE_CACHE_WB, &offset);

	ASSERT_GT(memory, 0);
	view = vms_view(self->fd, offset, count);
	ASSERT_NE(MAP_FAILED, view);
	for (i = 0; i < count * PAGE / 8; i++)
		view[i] = POISON;
	ASSERT_EQ(0, munmap(view, count * PAGE));
	return memory;
}

/**
 * struct watcher - a thread that loads until the end and must not see POISON
 * @fd:		its file
 * @space:	the space
 * @cpu:	on which CPU
 * @pages:	it goes round these many from BASE on
 * @stop:	to stop it
 * @old:	loads that saw OLD
 * @faults:	that faulted
 * @other:	that saw anything else
 */
struct watcher {
	pthread_t thread;
	int fd;
	int space;
	unsigned int cpu;
	unsigned int pages;
	atomic_bool stop;
	unsigned long old;
	unsigned long faults;
	unsigned long other;
};

static void *watch_pages(void *arg)
{
	struct watcher *w = arg;
	__u64 value, page = 0;
	int ret;

	while (!atomic_load(&w->stop)) {
		ret = vms_load(w->fd, w->space, w->cpu, BASE + page * PAGE, &value);
		if (ret == LOADED && value == OLD)
			w->old++;
		else if (ret == FAULTED)
			w->faults++;
		else
			w->other++;
		page = (page + 1) % w->pages;
	}
	return NULL;
}

/* T8 */
TEST_F_TIMEOUT(mmu, frame__is_not_reused_before_the_unmap_has_ended, 60)
{
	const unsigned int count = 16;
	struct watcher *watchers = calloc(self->nr_cpus, sizeof(*watchers));
	unsigned long old = 0, faults = 0;
	unsigned int round, page;
	int i, memory;

	ASSERT_NE(NULL, watchers);
	for (i = 0; i < self->nr_cpus; i++) {
		watchers[i] = (struct watcher) {
			.fd = self->fd, .space = self->space, .cpu = self->cpus[i], .pages = count,
		};
		ASSERT_EQ(0, pthread_create(&watchers[i].thread, NULL, watch_pages, &watchers[i]));
	}
	for (round = 0; round < 8; round++) {
		__u64 offset;
		__u64 *view;

		memory = vms_new_memory_of(self->fd, count, PAGE, VMSPACE_CACHE_WB, &offset);
		ASSERT_GT(memory, 0);
		view = vms_view(self->fd, offset, count);
		ASSERT_NE(MAP_FAILED, view);
		for (page = 0; page < count; page++)
			view[page * PAGE / 8] = OLD;
		ASSERT_EQ(0, munmap(view, count * PAGE));
		map_memory(_metadata, self, BASE, memory, 0, count, RW);
		ASSERT_EQ(0, vms_drop_memory(self->fd, memory));
		/* Everyone has it. */
		for (i = 0; i < self->nr_cpus; i++)
			for (page = 0; page < count; page++)
				expect_load(_metadata, self, i, BASE + page * PAGE, OLD);
		unmap_pages(_metadata, self, BASE, count);
		ASSERT_EQ(0, vms_drop_memory(self->fd, poisoned_memory(_metadata, self, 64)));
	}
	for (i = 0; i < self->nr_cpus; i++) {
		atomic_store(&watchers[i].stop, true);
		ASSERT_EQ(0, pthread_join(watchers[i].thread, NULL));
		EXPECT_EQ(0, watchers[i].other);
		old += watchers[i].old;
		faults += watchers[i].faults;
	}
	report("frame reuse: loads of the old contents %lu, faults %lu\n", old, faults);
	free(watchers);
}

static bool is_among(__u64 pfn, const __u64 *pfns, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		if (pfns[i] == pfn)
			return true;
	return false;
}

TEST_F_TIMEOUT(mmu, frame__in_quarantine_until_the_deferred_flush, 60)
{
	const unsigned int count = 16, fresh = 64;
	__u64 pfns[16], offset, value, page;
	unsigned long old = 0, faults = 0;
	unsigned int round, reused = 0;
	struct vmspace_op op;
	__u64 *view;
	int i, memory, cursor;

	for (round = 0; round < 8; round++) {
		memory = vms_new_memory_of(self->fd, count, PAGE, VMSPACE_CACHE_WB, &offset);
		ASSERT_GT(memory, 0);
		view = vms_view(self->fd, offset, count);
		ASSERT_NE(MAP_FAILED, view);
		for (page = 0; page < count; page++)
			view[page * PAGE / 8] = OLD;
		ASSERT_EQ(0, munmap(view, count * PAGE));
		map_memory(_metadata, self, BASE, memory, 0, count, RW);
		ASSERT_EQ(0, vms_drop_memory(self->fd, memory));
		for (page = 0; page < count; page++) {
			ASSERT_EQ(0, vms_translate(self->fd, self->space, BASE + page * PAGE,
						   &op));
			pfns[page] = op.query.pfn;
			for (i = 0; i < self->nr_cpus; i++)
				expect_load(_metadata, self, i, BASE + page * PAGE, OLD);
		}
		cursor = open_at(_metadata, self, BASE, count + fresh);
		ASSERT_EQ(0, vms_unmap(self->fd, cursor, count * PAGE, VMSPACE_DEFER, &op));
		ASSERT_EQ(count, op.unmap.pages);
		ASSERT_EQ(0, vms_space_stat(self->fd, self->space, &op));
		EXPECT_EQ(count, op.space_stat.deferred);

		/* New frames are others, and what is written there is not seen here. */
		memory = poisoned_memory(_metadata, self, fresh);
		for (page = 0; page < fresh; page++) {
			ASSERT_EQ(0, vms_map(self->fd, cursor, memory, page, RW));
			ASSERT_EQ(0, vms_translate(self->fd, self->space,
						   BASE + (count + page) * PAGE, &op));
			if (op.query.pfn)
				ASSERT_FALSE(is_among(op.query.pfn, pfns, count));
		}
		for (i = 0; i < self->nr_cpus; i++) {
			for (page = 0; page < count; page++) {
				if (load(self, i, BASE + page * PAGE, &value) == LOADED) {
					ASSERT_EQ(OLD, value);
					old++;
				} else {
					faults++;
				}
			}
		}
		ASSERT_EQ(0, vms_flush_sync(self->fd, cursor, &op));
		EXPECT_EQ(count, op.flush.pages);
		ASSERT_EQ(0, vms_space_stat(self->fd, self->space, &op));
		EXPECT_EQ(0, op.space_stat.deferred);
		for (i = 0; i < self->nr_cpus; i++)
			for (page = 0; page < count; page++)
				expect_faults(_metadata, self, i, BASE + page * PAGE);
		ASSERT_EQ(0, vms_drop_memory(self->fd, memory));

		/* Now they may come back. */
		memory = vms_new_memory(self->fd, fresh);
		ASSERT_GT(memory, 0);
		ASSERT_EQ(0, vms_jump(self->fd, cursor, BASE + count * PAGE));
		for (page = 0; page < fresh; page++) {
			ASSERT_EQ(0, vms_map_as(self->fd, cursor, memory, page, RW,
						VMSPACE_REPLACE));
			ASSERT_EQ(0, vms_translate(self->fd, self->space,
						   BASE + (count + page) * PAGE, &op));
			reused += op.query.pfn && is_among(op.query.pfn, pfns, count);
		}
		ASSERT_EQ(0, vms_drop_memory(self->fd, memory));
		ASSERT_EQ(0, vms_jump(self->fd, cursor, BASE + count * PAGE));
		ASSERT_EQ(0, vms_unmap(self->fd, cursor, fresh * PAGE, 0, &op));
		ASSERT_EQ(0, vms_drop_cursor(self->fd, cursor));
	}
	report("quarantine: stale loads %lu, faults %lu; frames seen again after the flush %u\n",
	       old, faults, reused);
}

/* --- deferred flushes ----------------------------------------------------- */

/**
 * struct outcomes - of an access before the flush
 * @old:	it saw what was there before
 * @new:	it saw what is there now
 * @faults:	it faulted
 */
struct outcomes {
	unsigned int old;
	unsigned int new;
	unsigned int faults;
};

static void count_load(struct __test_metadata *_metadata, struct _test_data_mmu *self, int i,
		       struct outcomes *o)
{
	__u64 value;
	int ret = load(self, i, BASE, &value);

	ASSERT_GE(ret, 0);
	if (ret == FAULTED)
		o->faults++;
	else if (value == OLD)
		o->old++;
	else if (value == NEW)
		o->new++;
	else
		ASSERT_EQ(OLD, value);
}

/* What a litmus test does to a page that every CPU has loaded from. */
enum litmus { MAP_HISTORY, UNMAP_NOFLUSH, REMAP };

static void litmus_deferred(struct __test_metadata *_metadata, struct _test_data_mmu *self,
			    enum litmus which, const char *name)
{
	struct outcomes o = {};
	unsigned int round;
	struct vmspace_op op;
	int cursor, i;

	*word(self, 0) = OLD;
	*word(self, 1) = NEW;
	cursor = open_at(_metadata, self, BASE, 1);
	for (round = 0; round < 60; round++) {
		ASSERT_EQ(0, vms_jump(self->fd, cursor, BASE));
		ASSERT_EQ(0, vms_map(self->fd, cursor, self->memory, 0, RW));
		for (i = 0; i < self->nr_cpus; i++)
			expect_load(_metadata, self, i, BASE, OLD);
		ASSERT_EQ(0, vms_jump(self->fd, cursor, BASE));
		if (which == REMAP) {
			ASSERT_EQ(0, vms_map_as(self->fd, cursor, self->memory, 1, RW,
						VMSPACE_REPLACE | VMSPACE_DEFER));
		} else {
			ASSERT_EQ(0, vms_unmap(self->fd, cursor, PAGE, VMSPACE_DEFER, &op));
		}
		if (which == MAP_HISTORY) {
			ASSERT_EQ(0, vms_jump(self->fd, cursor, BASE));
			ASSERT_EQ(0, vms_map(self->fd, cursor, self->memory, 1, RW));
		}
		for (i = 0; i < self->nr_cpus; i++)
			count_load(_metadata, self, i, &o);
		ASSERT_EQ(0, vms_flush_sync(self->fd, cursor, &op));
		for (i = 0; i < self->nr_cpus; i++) {
			if (which == UNMAP_NOFLUSH)
				expect_faults(_metadata, self, i, BASE);
			else
				expect_load(_metadata, self, i, BASE, NEW);
		}
		ASSERT_EQ(0, vms_jump(self->fd, cursor, BASE));
		ASSERT_EQ(0, vms_unmap(self->fd, cursor, PAGE, 0, &op));
	}
	ASSERT_EQ(0, vms_drop_cursor(self->fd, cursor));
	report("%s, before the flush: old %u, new %u, faults %u\n", name, o.old, o.new, o.faults);
	/* No fault where something was mapped all the time, nothing new where it was not. */
	EXPECT_EQ(0, which == REMAP ? o.faults : 0);
	EXPECT_EQ(0, which == UNMAP_NOFLUSH ? o.new : 0);
}

TEST_F(mmu, litmus_2__map_with_a_history)
{
	litmus_deferred(_metadata, self, MAP_HISTORY, "MAP.history");
}

TEST_F(mmu, litmus_3__unmap_without_a_flush)
{
	litmus_deferred(_metadata, self, UNMAP_NOFLUSH, "UNMAP.noflush");
}

TEST_F(mmu, litmus_7__remap)
{
	litmus_deferred(_metadata, self, REMAP, "REMAP");
}

/*
 * Load, replace without a flush, load, as one program, so that both loads can
 * fall into one stay of the CPU inside the space.
 */
TEST_F_TIMEOUT(mmu, stale__before_the_flush_and_never_after, 60)
{
	const unsigned int turns = 16;
	unsigned int stale = 0, fresh = 0, round, turn;
	struct vmspace_op ops[16 * 4], op;
	struct vmspace_step step;
	cpu_set_t set;
	int cursor, i;

	/* Not on the CPU that the program runs on, where it cannot stay inside. */
	CPU_ZERO(&set);
	CPU_SET(self->cpus[0], &set);
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(set), &set));
	for (turn = 0; turn <= turns; turn++)
		*word(self, turn) = turn;
	map_pages(_metadata, self, BASE, 0, 1, RW);
	cursor = open_at(_metadata, self, BASE, 1);
	for (round = 0; round < 60; round++) {
		struct vmspace_op access = {
			.opcode = VMSPACE_OP_ACCESS,
			.id = self->space,
			.access = { .va = BASE, .cpu = self->cpus[self->nr_cpus - 1], .width = 8 },
		};

		for (turn = 0; turn < turns; turn++) {
			ops[4 * turn] = access;
			ops[4 * turn + 1] = (struct vmspace_op) {
				.opcode = VMSPACE_OP_JUMP, .id = cursor, .pos.va = BASE,
			};
			ops[4 * turn + 2] = (struct vmspace_op) {
				.opcode = VMSPACE_OP_MAP,
				.flags = VMSPACE_REPLACE | VMSPACE_DEFER,
				.id = cursor,
				.map = {
					.memory = self->memory,
					.index = turn + 1,
					.prop = RW,
					.count = 1,
				},
			};
			ops[4 * turn + 3] = access;
		}
		ASSERT_EQ(0, vms_step(self->fd, ops, 4 * turns, 0, &step));
		ASSERT_EQ(0, step.error);
		for (turn = 0; turn < turns; turn++) {
			ASSERT_EQ(VMSPACE_OUTCOME_OK, ops[4 * turn + 3].access.outcome);
			/* Some mapping since the last flush, not one that is yet to come. */
			ASSERT_LE(ops[4 * turn].access.value, turn);
			ASSERT_LE(ops[4 * turn + 3].access.value, turn + 1);
			if (ops[4 * turn + 3].access.value == turn + 1)
				fresh++;
			else
				stale++;
		}
		ASSERT_EQ(0, vms_flush_sync(self->fd, cursor, &op));
		for (i = 0; i < self->nr_cpus; i++)
			expect_load(_metadata, self, i, BASE, turns);
		/* To the beginning, with the flush at once. */
		ASSERT_EQ(0, vms_jump(self->fd, cursor, BASE));
		ASSERT_EQ(0, vms_map_as(self->fd, cursor, self->memory, 0, RW, VMSPACE_REPLACE));
		for (i = 0; i < self->nr_cpus; i++)
			expect_load(_metadata, self, i, BASE, 0);
	}
	ASSERT_EQ(0, vms_drop_cursor(self->fd, cursor));
	report("loads after a replacement without a flush: stale %u, fresh %u\n", stale, fresh);
}

/* What one cursor deferred, its drop flushes. */
TEST_F(mmu, drop_cursor__flushes_what_was_deferred)
{
	unsigned int round;
	struct vmspace_op op;
	int cursor, i;

	for (round = 0; round < 10; round++) {
		map_pages(_metadata, self, BASE, 0, 40, RW);
		for (i = 0; i < self->nr_cpus; i++) {
			expect_load(_metadata, self, i, BASE, 0);
			expect_load(_metadata, self, i, BASE + 39 * PAGE, 0);
		}
		cursor = open_at(_metadata, self, BASE, 40);
		ASSERT_EQ(0, vms_unmap(self->fd, cursor, 40 * PAGE, VMSPACE_DEFER, &op));
		ASSERT_EQ(0, vms_drop_cursor(self->fd, cursor));
		for (i = 0; i < self->nr_cpus; i++) {
			expect_faults(_metadata, self, i, BASE);
			expect_faults(_metadata, self, i, BASE + 39 * PAGE);
		}
	}
}

/* --- protect -------------------------------------------------------------- */

static __u64 shootdowns(struct __test_metadata *_metadata, struct _test_data_mmu *self)
{
	struct vmspace_op op;

	ASSERT_EQ(0, vms_space_stat(self->fd, self->space, &op));
	return op.space_stat.shootdowns;
}

TEST_F(mmu, protect__that_shrinks_holds_on_every_cpu)
{
	unsigned int round;
	int i;

	map_pages(_metadata, self, BASE, 0, 1, RW);
	for (round = 0; round < 20; round++) {
		for (i = 0; i < self->nr_cpus; i++)
			ASSERT_EQ(LOADED, store(self, i, BASE, round));
		protect_page(_metadata, self, BASE, WRITE, 0);
		for (i = 0; i < self->nr_cpus; i++) {
			ASSERT_EQ(FAULTED, store(self, i, BASE, POISON));
			expect_load(_metadata, self, i, BASE, round);
		}
		protect_page(_metadata, self, BASE, VMSPACE_PROP_READ, 0);
		for (i = 0; i < self->nr_cpus; i++)
			expect_faults(_metadata, self, i, BASE);
		ASSERT_EQ(round, *word(self, 0));
		protect_page(_metadata, self, BASE, 0, VMSPACE_PROP_READ | WRITE);
	}
}

TEST_F(mmu, litmus_9__rights_that_grow_need_no_flush)
{
	unsigned int round, spurious = 0;
	__u64 before;
	int i;

	map_pages(_metadata, self, BASE, 0, 1, RO);
	for (round = 0; round < 30; round++) {
		for (i = 0; i < self->nr_cpus; i++)
			expect_load(_metadata, self, i, BASE, *word(self, 0));
		before = shootdowns(_metadata, self);
		protect_page(_metadata, self, BASE, 0, WRITE);
		ASSERT_EQ(before, shootdowns(_metadata, self));
		for (i = 0; i < self->nr_cpus; i++) {
			int ret = store(self, i, BASE, round);

			ASSERT_GE(ret, 0);
			spurious += ret == FAULTED;
			ASSERT_EQ(LOADED, store(self, i, BASE, round));
		}
		protect_page(_metadata, self, BASE, WRITE, 0);
	}
	report("PERM.ro2rw: spurious faults %u of %u\n", spurious, round * self->nr_cpus);
}

TEST_F(mmu, litmus_10__rights_that_shrink_later)
{
	unsigned int round, late = 0, faults = 0;
	struct vmspace_op op;
	int cursor, i;

	map_pages(_metadata, self, BASE, 0, 1, RW);
	cursor = open_at(_metadata, self, BASE, 1);
	for (round = 0; round < 30; round++) {
		for (i = 0; i < self->nr_cpus; i++)
			ASSERT_EQ(LOADED, store(self, i, BASE, OLD));
		ASSERT_EQ(0, vms_jump(self->fd, cursor, BASE));
		ASSERT_EQ(0, vms_protect_next(self->fd, cursor, PAGE, WRITE, 0, VMSPACE_DEFER,
					      &op));
		for (i = 0; i < self->nr_cpus; i++) {
			int ret = store(self, i, BASE, NEW + i);

			ASSERT_GE(ret, 0);
			if (ret == LOADED) {
				ASSERT_EQ(NEW + i, *word(self, 0));
				late++;
			} else {
				faults++;
			}
		}
		ASSERT_EQ(0, vms_flush_sync(self->fd, cursor, &op));
		for (i = 0; i < self->nr_cpus; i++)
			ASSERT_EQ(FAULTED, store(self, i, BASE, POISON));
		ASSERT_NE(POISON, *word(self, 0));
		ASSERT_EQ(0, vms_jump(self->fd, cursor, BASE));
		ASSERT_EQ(0, vms_protect_next(self->fd, cursor, PAGE, 0, WRITE, 0, &op));
	}
	ASSERT_EQ(0, vms_drop_cursor(self->fd, cursor));
	report("PERM.rw2ro, before the flush: stores %u, faults %u\n", late, faults);
}

/* --- interrupts ----------------------------------------------------------- */

/**
 * struct counters - what CPU_STAT says of every CPU
 * @sent:	flush interrupts sent
 * @flushed:	flushes carried out
 */
struct counters {
	__u64 sent[VMS_CPUS];
	__u64 flushed[VMS_CPUS];
};

/* In between two operations every interrupt that was sent is acknowledged. */
static void read_counters(struct __test_metadata *_metadata, int fd, int space,
			  const struct vmspace_info *info, struct counters *c)
{
	struct vmspace_op op;
	unsigned int cpu;

	memset(c, 0, sizeof(*c));
	for (cpu = 0; cpu < info->nr_cpus && cpu < VMS_CPUS; cpu++) {
		ASSERT_EQ(0, vms_cpu_stat(fd, space, cpu, &op));
		ASSERT_EQ(op.cpu_stat.sent, op.cpu_stat.acked);
		ASSERT_LE(op.cpu_stat.flushed, op.cpu_stat.acked);
		c->sent[cpu] = op.cpu_stat.sent;
		c->flushed[cpu] = op.cpu_stat.flushed;
	}
}

TEST_F(mmu, interrupts__none_for_a_space_that_nobody_is_in)
{
	int space = vms_new_space(self->fd);
	struct vmspace_op op;
	struct counters c;
	unsigned int cpu;
	int cursor;

	ASSERT_GT(space, 0);
	cursor = vms_open_cursor_mut(self->fd, space, BASE, BASE + 100 * PAGE);
	ASSERT_GT(cursor, 0);
	ASSERT_EQ(0, vms_map(self->fd, cursor, self->memory, 0, RW));
	ASSERT_EQ(0, vms_map(self->fd, cursor, self->memory, 1, RW));
	ASSERT_EQ(0, vms_jump(self->fd, cursor, BASE));
	ASSERT_EQ(0, vms_unmap(self->fd, cursor, PAGE, 0, &op));
	ASSERT_EQ(0, vms_unmap(self->fd, cursor, PAGE, VMSPACE_DEFER, &op));
	ASSERT_EQ(0, vms_flush_sync(self->fd, cursor, &op));
	EXPECT_EQ(0, op.flush.cpus);
	read_counters(_metadata, self->fd, space, &self->info, &c);
	for (cpu = 0; cpu < VMS_CPUS; cpu++)
		EXPECT_EQ(0, c.sent[cpu]);
	ASSERT_EQ(0, vms_space_stat(self->fd, space, &op));
	EXPECT_EQ(0, op.space_stat.shootdowns);
}

TEST_F(mmu, interrupts__only_for_cpus_of_the_space)
{
	const unsigned int only = self->cpus[self->nr_cpus - 1];
	int space = vms_new_space(self->fd);
	unsigned int cpu, round;
	struct vmspace_op op;
	struct counters c;
	__u64 value;
	int cursor;

	ASSERT_GT(space, 0);
	ASSERT_EQ(0, vms_activate(self->fd, space, only, variant->activate));
	cursor = vms_open_cursor_mut(self->fd, space, BASE, BASE + 100 * PAGE);
	ASSERT_GT(cursor, 0);
	for (round = 0; round < 50; round++) {
		ASSERT_EQ(0, vms_jump(self->fd, cursor, BASE));
		ASSERT_EQ(0, vms_map(self->fd, cursor, self->memory, 0, RW));
		ASSERT_EQ(LOADED, vms_load(self->fd, space, only, BASE, &value));
		ASSERT_EQ(0, vms_jump(self->fd, cursor, BASE));
		ASSERT_EQ(0, vms_unmap(self->fd, cursor, PAGE, 0, &op));
		ASSERT_EQ(FAULTED, vms_load(self->fd, space, only, BASE, &value));
		read_counters(_metadata, self->fd, space, &self->info, &c);
		for (cpu = 0; cpu < VMS_CPUS; cpu++)
			if (cpu != only)
				ASSERT_EQ(0, c.sent[cpu]);
	}
	report("interrupts sent to the one CPU for %u unmaps: %llu\n", round,
	       (unsigned long long)c.sent[only]);
	EXPECT_LE(c.sent[only], round);
}

/* One interrupt per CPU and flush, whatever was gathered, and all are told. */
TEST_F(mmu, interrupts__one_per_cpu_and_flush)
{
	static const unsigned int counts[] = { 1, 2, 33, 34, 200 };
	unsigned int n, round, cpu, count;
	struct counters before, after;
	struct vmspace_op op;
	__u64 value, sent;
	int cursor, i;

	for (round = 0; round < 4; round++) {
		for (n = 0; n < sizeof(counts) / sizeof(*counts); n++) {
			count = counts[n];
			map_pages(_metadata, self, BASE, 0, count, RW);
			cursor = open_at(_metadata, self, BASE, count);
			for (i = 0; i < self->nr_cpus; i++)
				ASSERT_EQ(LOADED, load(self, i, BASE, &value));
			read_counters(_metadata, self->fd, self->space, &self->info, &before);
			sent = shootdowns(_metadata, self);
			/* At once, or later. */
			ASSERT_EQ(0, vms_unmap(self->fd, cursor, count * PAGE,
					       round % 2 ? VMSPACE_DEFER : 0, &op));
			read_counters(_metadata, self->fd, self->space, &self->info, &after);
			if (round % 2) {
				ASSERT_EQ(0, memcmp(&before.sent, &after.sent,
						    sizeof(after.sent)));
				ASSERT_EQ(sent, shootdowns(_metadata, self));
				ASSERT_EQ(0, vms_flush_sync(self->fd, cursor, &op));
				EXPECT_EQ(count, op.flush.pages);
				read_counters(_metadata, self->fd, self->space, &self->info,
					      &after);
				sent = shootdowns(_metadata, self) - sent;
				EXPECT_EQ(sent, !!op.flush.cpus);
			}
			for (cpu = 0, sent = 0; cpu < VMS_CPUS; cpu++) {
				ASSERT_LE(after.sent[cpu] - before.sent[cpu], 1);
				sent += after.sent[cpu] - before.sent[cpu];
			}
			if (round % 2)
				EXPECT_EQ(op.flush.cpus, sent);
			/* There is nothing left to flush. */
			ASSERT_EQ(0, vms_flush_sync(self->fd, cursor, &op));
			EXPECT_EQ(0, op.flush.pages);
			EXPECT_EQ(0, op.flush.cpus);
			ASSERT_EQ(0, vms_drop_cursor(self->fd, cursor));
		}
	}
}

/* The interrupts of function calls that a CPU has had, as the kernel counts. */
static __u64 kernel_count(unsigned int cpu)
{
	FILE *file = fopen("/proc/interrupts", "r");
	char line[4096], *p;
	__u64 value = 0;

	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file)) {
		p = strstr(line, "CAL:");
		if (!p)
			continue;
		/* All CPUs are online here, so the column is the number. */
		p += 4;
		do {
			value = strtoull(p, &p, 10);
		} while (cpu--);
		break;
	}
	fclose(file);
	return value;
}

TEST_F_TIMEOUT(mmu, interrupts__the_kernel_counts_them_too, 60)
{
	const int i = self->nr_cpus - 1;
	const unsigned int cpu = self->cpus[i];
	double end = vms_now() + VMS_LIMIT;
	struct counters before, after;
	__u64 kernel, flushed;
	cpu_set_t set;

	if (self->nr_cpus < 2)
		SKIP(return, "needs a second CPU");
	CPU_ZERO(&set);
	CPU_SET(self->cpus[0], &set);
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(set), &set));
	read_counters(_metadata, self->fd, self->space, &self->info, &before);
	kernel = kernel_count(cpu);
	do {
		map_pages(_metadata, self, BASE, 0, 1, RW);
		expect_load(_metadata, self, i, BASE, *word(self, 0));
		unmap_pages(_metadata, self, BASE, 1);
		read_counters(_metadata, self->fd, self->space, &self->info, &after);
		flushed = after.flushed[cpu] - before.flushed[cpu];
	} while (flushed < 20 && vms_now() < end);
	kernel = kernel_count(cpu) - kernel;
	report("cpu %u: sent %llu, flushed %llu, function calls by interrupt %llu\n", cpu,
	       (unsigned long long)(after.sent[cpu] - before.sent[cpu]),
	       (unsigned long long)flushed, (unsigned long long)kernel);
	/* A flush inside the space can only have come by an interrupt. */
	EXPECT_GT(flushed, 0);
	EXPECT_GE(kernel, flushed);
}

#define TRACING		"/sys/kernel/tracing/"
#define CEILING		"/sys/module/vmspace/parameters/flush_ceiling"

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	int ret;

	if (fd < 0)
		return -errno;
	ret = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

/* The last shootdown in the trace: how many pages one by one, or everything. */
static int last_shootdown(unsigned int *pages, unsigned int *full)
{
	FILE *file = fopen(TRACING "trace", "r");
	char line[512], *p;
	int found = -ENOENT;

	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		p = strstr(line, "initiate_shootdown:");
		if (p && sscanf(p, "initiate_shootdown: space=%*d op=%*u flush=%u full=%u", pages,
				full) == 2)
			found = 0;
	}
	fclose(file);
	return found;
}

TEST_F_TIMEOUT(mmu, flush__over_the_ceiling_is_of_everything, 60)
{
	static const unsigned int ceilings[] = { 0, 1, 33, 64 };
	unsigned int n, over, count, page, pages, full;
	char text[16], old[16];
	struct vmspace_info info;
	int i;

	snprintf(old, sizeof(old), "%u", self->info.flush_ceiling);
	if (write_text(TRACING "events/vmspace/initiate_shootdown/enable", "1"))
		SKIP(return, "no tracing");
	/* A neighbour, so that no table goes away. */
	map_pages(_metadata, self, BASE, PAGES - 1, 1, RW);
	for (n = 0; n < sizeof(ceilings) / sizeof(*ceilings); n++) {
		snprintf(text, sizeof(text), "%u", ceilings[n]);
		EXPECT_EQ(0, write_text(CEILING, text));
		EXPECT_EQ(0, vms_info(self->fd, &info));
		EXPECT_EQ(ceilings[n], info.flush_ceiling);
		for (over = ceilings[n] ? 0 : 1; over < 2; over++) {
			__u64 va = BASE + 16 * PAGE;

			count = ceilings[n] + over;
			map_pages(_metadata, self, va - PAGE, PAGES - 2, 1, RW);
			map_pages(_metadata, self, va, 0, count + 1, RW);
			for (i = 0; i < self->nr_cpus; i++)
				for (page = 0; page < count; page++)
					expect_load(_metadata, self, i, va + page * PAGE, 0);
			EXPECT_EQ(0, write_text(TRACING "trace", ""));
			unmap_pages(_metadata, self, va, count);
			pages = 0;
			full = 2;
			EXPECT_EQ(0, last_shootdown(&pages, &full));
			EXPECT_EQ(over, full);
			EXPECT_EQ(over ? 0 : ceilings[n], pages);
			for (i = 0; i < self->nr_cpus; i++)
				for (page = 0; page < count; page++)
					expect_faults(_metadata, self, i, va + page * PAGE);
			unmap_pages(_metadata, self, va - PAGE, count + 2);
		}
	}
	EXPECT_EQ(0, write_text(CEILING, old));
	EXPECT_NE(0, write_text(CEILING, "65"));
	EXPECT_EQ(0, write_text(TRACING "events/vmspace/initiate_shootdown/enable", "0"));
}

/* --- readers and writers -------------------------------------------------- */

#define BIG	(1024 * 1024)

static const __u64 lengths[] = {
	1, 2, 3, 7, 8, 9, 15, 63, 64, 65, 511, 4095, 4096, 4097, 8191, 12289, 65535, 65536,
	65537, 131072, 300001, BIG,
};

static const __u64 offsets[] = { 0, 1, 7, 2048, 4093, 4095 };

static void fill(unsigned char *p, size_t len, unsigned int seed)
{
	size_t i;

	for (i = 0; i < len; i++)
		p[i] = (i * 2654435761U + seed * 40503U) >> 13;
}

TEST_F_TIMEOUT(mmu, reader__copies_exact_bytes, 60)
{
	unsigned char *buffer = malloc(BIG + 64);
	unsigned int n, m, i = 0;
	struct vmspace_op op;
	int reader;

	ASSERT_NE(NULL, buffer);
	fill(self->view, PAGES * PAGE, 1);
	map_pages(_metadata, self, BASE, 0, PAGES, RO);
	for (n = 0; n < sizeof(lengths) / sizeof(*lengths); n++) {
		for (m = 0; m < sizeof(offsets) / sizeof(*offsets); m++) {
			__u64 len = lengths[n], offset = offsets[m] + n * PAGE;

			reader = vms_new_reader(self->fd, self->space,
						self->cpus[i++ % self->nr_cpus], BASE + offset,
						len);
			ASSERT_GT(reader, 0);
			memset(buffer, 0xee, len + 64);
			/* In two parts. */
			ASSERT_EQ(0, vms_read(self->fd, reader, buffer + 32, len / 3, &op));
			ASSERT_EQ(len / 3, op.io.bytes);
			ASSERT_EQ(VMSPACE_OUTCOME_OK, op.io.outcome);
			ASSERT_EQ(BASE + offset + len / 3, op.io.va);
			ASSERT_EQ(-ERANGE, vms_read(self->fd, reader, buffer, len - len / 3 + 1,
						    &op));
			ASSERT_EQ(BASE + offset + len / 3, op.io.va);
			ASSERT_EQ(0, vms_read(self->fd, reader, buffer + 32 + len / 3,
					      len - len / 3, &op));
			ASSERT_EQ(len - len / 3, op.io.bytes);
			ASSERT_EQ(VMSPACE_OUTCOME_OK, op.io.outcome);
			ASSERT_EQ(BASE + offset + len, op.io.va);
			ASSERT_EQ(0, memcmp(self->view + offset, buffer + 32, len));
			ASSERT_EQ(0xee, buffer[31]);
			ASSERT_EQ(0xee, buffer[32 + len]);
			ASSERT_EQ(0, vms_drop_reader(self->fd, reader));
		}
	}
	free(buffer);
}

TEST_F_TIMEOUT(mmu, writer__copies_exact_bytes, 60)
{
	unsigned char *expected = malloc(PAGES * PAGE), *buffer = malloc(BIG);
	unsigned int n, m, i = 0;
	struct vmspace_op op;
	int writer;

	ASSERT_NE(NULL, expected);
	ASSERT_NE(NULL, buffer);
	fill(self->view, PAGES * PAGE, 1);
	fill(expected, PAGES * PAGE, 1);
	map_pages(_metadata, self, BASE, 0, PAGES, RW);
	for (n = 0; n < sizeof(lengths) / sizeof(*lengths); n++) {
		for (m = 0; m < sizeof(offsets) / sizeof(*offsets); m++) {
			__u64 len = lengths[n], offset = offsets[m] + n * PAGE;

			/* The longest ones not everywhere. */
			if (len > 65536 && m % 3)
				continue;
			fill(buffer, len, i);
			memcpy(expected + offset, buffer, len);
			writer = vms_new_writer(self->fd, self->space,
						self->cpus[i++ % self->nr_cpus], BASE + offset,
						len);
			ASSERT_GT(writer, 0);
			ASSERT_EQ(0, vms_write(self->fd, writer, buffer, len - len / 3, &op));
			ASSERT_EQ(len - len / 3, op.io.bytes);
			ASSERT_EQ(VMSPACE_OUTCOME_OK, op.io.outcome);
			ASSERT_EQ(0, vms_write(self->fd, writer, buffer + len - len / 3, len / 3,
					       &op));
			ASSERT_EQ(len / 3, op.io.bytes);
			ASSERT_EQ(BASE + offset + len, op.io.va);
			ASSERT_EQ(-ERANGE, vms_write(self->fd, writer, buffer, 1, &op));
			ASSERT_EQ(0, memcmp(expected, self->view, PAGES * PAGE));
			ASSERT_EQ(0, vms_drop_writer(self->fd, writer));
		}
	}
	free(expected);
	free(buffer);
}

/* Up to the first byte that cannot be had, and from there when it can. */
TEST_F(mmu, reader__stops_at_a_hole_and_goes_on)
{
	unsigned char *buffer = malloc(64 * PAGE);
	struct vmspace_op op;
	unsigned int hole;
	int reader;

	ASSERT_NE(NULL, buffer);
	fill(self->view, PAGES * PAGE, 2);
	for (hole = 0; hole < 40; hole += 3) {
		__u64 start = BASE + 123, len = 41 * PAGE + 77;
		/* No mapping, or one without READ. */
		__u64 at = BASE + hole * PAGE;
		__u64 first = hole ? at - start : 0;

		map_pages(_metadata, self, BASE, 0, 42, RW);
		if (hole % 2)
			unmap_pages(_metadata, self, at, 1);
		else
			protect_page(_metadata, self, at, VMSPACE_PROP_READ, 0);
		reader = vms_new_reader(self->fd, self->space,
					self->cpus[hole % self->nr_cpus], start, len);
		ASSERT_GT(reader, 0);
		memset(buffer, 0xee, len + 1);
		ASSERT_EQ(0, vms_read(self->fd, reader, buffer, len, &op));
		ASSERT_EQ(VMSPACE_OUTCOME_FAULT, op.io.outcome);
		ASSERT_EQ(first, op.io.bytes);
		ASSERT_EQ(start + first, op.io.va);
		ASSERT_EQ(0, memcmp(self->view + 123, buffer, first));
		ASSERT_EQ(0xee, buffer[first]);
		/* There it stays. */
		ASSERT_EQ(0, vms_read(self->fd, reader, buffer + first, 1, &op));
		ASSERT_EQ(VMSPACE_OUTCOME_FAULT, op.io.outcome);
		ASSERT_EQ(0, op.io.bytes);
		ASSERT_EQ(start + first, op.io.va);
		ASSERT_EQ(0xee, buffer[first]);
		if (hole % 2)
			map_pages(_metadata, self, at, hole, 1, RO);
		else
			protect_page(_metadata, self, at, 0, VMSPACE_PROP_READ);
		ASSERT_EQ(0, vms_read(self->fd, reader, buffer + first, len - first, &op));
		ASSERT_EQ(VMSPACE_OUTCOME_OK, op.io.outcome);
		ASSERT_EQ(len - first, op.io.bytes);
		ASSERT_EQ(0, memcmp(self->view + 123, buffer, len));
		ASSERT_EQ(0xee, buffer[len]);
		ASSERT_EQ(0, vms_drop_reader(self->fd, reader));
		unmap_pages(_metadata, self, BASE, 42);
	}
	free(buffer);
}

TEST_F(mmu, writer__stops_at_a_page_that_is_not_writable_and_goes_on)
{
	unsigned char *buffer = malloc(64 * PAGE), *expected = malloc(64 * PAGE);
	struct vmspace_op op;
	unsigned int stop;
	int writer;

	ASSERT_NE(NULL, buffer);
	ASSERT_NE(NULL, expected);
	for (stop = 0; stop < 40; stop += 3) {
		__u64 start = BASE + 4001, len = 41 * PAGE - 77;
		__u64 at = BASE + stop * PAGE;
		__u64 first = stop ? at - start : 0;

		fill(self->view, 64 * PAGE, stop);
		fill(expected, 64 * PAGE, stop);
		fill(buffer, len, stop + 1);
		map_pages(_metadata, self, BASE, 0, 42, RW);
		if (stop % 2)
			unmap_pages(_metadata, self, at, 1);
		else
			protect_page(_metadata, self, at, WRITE, 0);
		writer = vms_new_writer(self->fd, self->space,
					self->cpus[stop % self->nr_cpus], start, len);
		ASSERT_GT(writer, 0);
		ASSERT_EQ(0, vms_write(self->fd, writer, buffer, len, &op));
		ASSERT_EQ(VMSPACE_OUTCOME_FAULT, op.io.outcome);
		ASSERT_EQ(first, op.io.bytes);
		ASSERT_EQ(start + first, op.io.va);
		memcpy(expected + 4001, buffer, first);
		ASSERT_EQ(0, memcmp(expected, self->view, 64 * PAGE));
		if (stop % 2)
			map_pages(_metadata, self, at, stop, 1, RW);
		else
			protect_page(_metadata, self, at, 0, WRITE);
		ASSERT_EQ(0, vms_write(self->fd, writer, buffer + first, len - first, &op));
		ASSERT_EQ(len - first, op.io.bytes);
		memcpy(expected + 4001, buffer, len);
		ASSERT_EQ(0, memcmp(expected, self->view, 64 * PAGE));
		ASSERT_EQ(0, vms_drop_writer(self->fd, writer));
		unmap_pages(_metadata, self, BASE, 42);
	}
	free(buffer);
	free(expected);
}

/* A fault of the program's own: told as an error, with how far it came. */
TEST_F(mmu, copies__and_a_bad_buffer)
{
	const __u64 len = 40 * PAGE, good = 21 * PAGE;
	unsigned char *buffer, *copy;
	struct vmspace_op op;
	int reader, writer;
	__u64 done;

	buffer = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, buffer);
	copy = malloc(len);
	ASSERT_NE(NULL, copy);
	fill(self->view, PAGES * PAGE, 3);
	map_pages(_metadata, self, BASE, 0, 41, RW);
	reader = vms_new_reader(self->fd, self->space, self->cpus[0], BASE + 5, len);
	writer = vms_new_writer(self->fd, self->space, self->cpus[0], BASE + 5, len);
	ASSERT_GT(reader, 0);
	ASSERT_GT(writer, 0);
	ASSERT_EQ(0, mprotect(buffer + good, len - good, PROT_NONE));

	EXPECT_EQ(-EFAULT, vms_read(self->fd, reader, buffer, len, &op));
	done = op.io.bytes;
	EXPECT_LE(done, good);
	EXPECT_EQ(BASE + 5 + done, op.io.va);
	ASSERT_EQ(0, mprotect(buffer, len, PROT_READ | PROT_WRITE));
	EXPECT_EQ(0, memcmp(self->view + 5, buffer, done));
	/* What was read and could not be delivered is read again. */
	ASSERT_EQ(0, vms_read(self->fd, reader, buffer + done, len - done, &op));
	EXPECT_EQ(len - done, op.io.bytes);
	EXPECT_EQ(0, memcmp(self->view + 5, buffer, len));

	memcpy(copy, self->view + 5, len);
	fill(buffer, len, 4);
	ASSERT_EQ(0, mprotect(buffer + good, len - good, PROT_NONE));
	EXPECT_EQ(-EFAULT, vms_write(self->fd, writer, buffer, len, &op));
	done = op.io.bytes;
	EXPECT_LE(done, good);
	EXPECT_EQ(BASE + 5 + done, op.io.va);
	ASSERT_EQ(0, mprotect(buffer, len, PROT_READ | PROT_WRITE));
	EXPECT_EQ(0, memcmp(self->view + 5, buffer, done));
	EXPECT_EQ(0, memcmp(self->view + 5 + done, copy + done, len - done));
	ASSERT_EQ(0, vms_write(self->fd, writer, buffer + done, len - done, &op));
	EXPECT_EQ(0, memcmp(self->view + 5, buffer, len));
}

/* --- kinds of memory ------------------------------------------------------ */

static void check_cache_policy(struct __test_metadata *_metadata, struct _test_data_mmu *self,
			       unsigned int cache)
{
	const unsigned int count = 8;
	struct vmspace_op op = { .opcode = VMSPACE_OP_MAP, .map.count = 1 };
	__u64 offset, value;
	__u64 *view;
	int memory, cursor, i;
	unsigned int page;

	memory = vms_new_memory_of(self->fd, count, PAGE, cache, &offset);
	if (memory == -EOPNOTSUPP)
		SKIP(return, "this machine has no such policy");
	ASSERT_GT(memory, 0);
	view = vms_view(self->fd, offset, count);
	ASSERT_NE(MAP_FAILED, view);
	cursor = open_at(_metadata, self, BASE, count);
	/* A mapping has the policy of its memory, no other. */
	op.id = cursor;
	op.map.memory = memory;
	op.map.prop = RW;
	op.map.cache = VMSPACE_CACHE_WB;
	ASSERT_EQ(-EINVAL, vms_op(self->fd, &op));
	for (page = 0; page < count; page++) {
		op.map.memory = memory;
		op.map.prop = RW;
		op.map.index = page;
		op.map.cache = cache;
		ASSERT_EQ(0, vms_op(self->fd, &op));
	}
	ASSERT_EQ(0, vms_drop_cursor(self->fd, cursor));
	for (i = 0; i < self->nr_cpus; i++) {
		for (page = 0; page < count; page++) {
			__u64 va = BASE + page * PAGE + 8 * i;

			ASSERT_EQ(0, vms_translate(self->fd, self->space, va, &op));
			ASSERT_EQ(cache, op.query.cache);
			ASSERT_EQ(LOADED, load(self, i, va, &value));
			ASSERT_EQ(0, value);
			view[(page * PAGE + 8 * i) / 8] = OLD;
			expect_load(_metadata, self, i, va, OLD);
			ASSERT_EQ(LOADED, store(self, i, va, NEW + page));
			ASSERT_EQ(NEW + page, view[(page * PAGE + 8 * i) / 8]);
		}
	}
	/* Its frames outlive it, with their policy. */
	ASSERT_EQ(0, munmap(view, count * PAGE));
	ASSERT_EQ(0, vms_drop_memory(self->fd, memory));
	expect_load(_metadata, self, 0, BASE, NEW);
	unmap_pages(_metadata, self, BASE, count);
	expect_faults(_metadata, self, 0, BASE);
}

TEST_F(mmu, memory__write_combining)
{
	check_cache_policy(_metadata, self, VMSPACE_CACHE_WC);
}

TEST_F(mmu, memory__uncached)
{
	check_cache_policy(_metadata, self, VMSPACE_CACHE_UC);
}

TEST_F(mmu, memory__of_large_frames)
{
	const __u64 frame = 2 * 1024 * 1024, count = 2, pages = count * frame / PAGE;
	__u64 offset, value, page, pfn[2] = {};
	__u64 *view;
	struct vmspace_op op;
	int memory, cursor;

	memory = vms_new_memory_of(self->fd, count, frame, VMSPACE_CACHE_WB, &offset);
	ASSERT_GT(memory, 0);
	view = vms_view(self->fd, offset, pages);
	ASSERT_NE(MAP_FAILED, view);
	for (page = 0; page < pages; page++)
		view[page * PAGE / 8 + page % 512] = OLD + page;
	map_memory(_metadata, self, BASE, memory, 0, pages, RW);
	cursor = open_at(_metadata, self, BASE + pages * PAGE, 1);
	ASSERT_EQ(-ERANGE, vms_map(self->fd, cursor, memory, pages, RW));
	ASSERT_EQ(0, vms_drop_cursor(self->fd, cursor));
	for (page = 0; page < pages; page++) {
		__u64 va = BASE + page * PAGE + page % 512 * 8;
		int i = page % self->nr_cpus;

		ASSERT_EQ(0, vms_translate(self->fd, self->space, va, &op));
		if (page % 512 == 0)
			pfn[page / 512] = op.query.pfn;
		if (op.query.pfn)
			ASSERT_EQ(pfn[page / 512] + page % 512, op.query.pfn);
		ASSERT_EQ(LOADED, load(self, i, va, &value));
		ASSERT_EQ(OLD + page, value);
		ASSERT_EQ(LOADED, store(self, i, va, NEW + page));
		ASSERT_EQ(NEW + page, view[page * PAGE / 8 + page % 512]);
	}
	if (pfn[0])
		EXPECT_EQ(0, pfn[0] % 512);
	/* One page keeps its frame. */
	ASSERT_EQ(0, munmap(view, pages * PAGE));
	ASSERT_EQ(0, vms_drop_memory(self->fd, memory));
	unmap_pages(_metadata, self, BASE, 5);
	unmap_pages(_metadata, self, BASE + 6 * PAGE, pages - 6);
	expect_load(_metadata, self, 0, BASE + 5 * PAGE + 5 * 8, NEW + 5);
	unmap_pages(_metadata, self, BASE + 5 * PAGE, 1);
}

TEST_F(mmu, memory__imported_is_the_owners)
{
	const unsigned int count = 16;
	__u64 *own;
	int memory, frozen, cursor, i;
	unsigned int page;
	__u64 value;
	struct vmspace_op op;

	own = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, own);
	for (page = 0; page < count; page++)
		own[page * 512] = OLD + page;
	memory = vms_import(self->fd, own, count, VMSPACE_WRITABLE);
	ASSERT_GT(memory, 0);
	map_memory(_metadata, self, BASE, memory, 0, count, RW);
	for (i = 0; i < self->nr_cpus; i++) {
		for (page = 0; page < count; page++) {
			__u64 va = BASE + page * PAGE;

			own[page * 512] = OLD + page + i;
			expect_load(_metadata, self, i, va, OLD + page + i);
			ASSERT_EQ(LOADED, store(self, i, va, NEW + page + i));
			ASSERT_EQ(NEW + page + i, own[page * 512]);
		}
	}
	unmap_pages(_metadata, self, BASE, count);
	ASSERT_EQ(0, vms_drop_memory(self->fd, memory));
	ASSERT_EQ(NEW + i - 1, own[0]);

	/* Imported without WRITABLE, it cannot be mapped or made writable. */
	frozen = vms_import(self->fd, own, count, 0);
	ASSERT_GT(frozen, 0);
	cursor = open_at(_metadata, self, BASE, count);
	EXPECT_EQ(-EACCES, vms_map(self->fd, cursor, frozen, 0, RW));
	ASSERT_EQ(0, vms_map(self->fd, cursor, frozen, 0, RO));
	ASSERT_EQ(0, vms_jump(self->fd, cursor, BASE));
	EXPECT_EQ(-EACCES, vms_protect_next(self->fd, cursor, PAGE, 0, WRITE, 0, &op));
	ASSERT_EQ(0, vms_drop_cursor(self->fd, cursor));
	for (i = 0; i < self->nr_cpus; i++) {
		own[0] = OLD + i;
		ASSERT_EQ(LOADED, load(self, i, BASE, &value));
		ASSERT_EQ(OLD + i, value);
		ASSERT_EQ(FAULTED, store(self, i, BASE, POISON));
		ASSERT_EQ(OLD + i, own[0]);
	}
	unmap_pages(_metadata, self, BASE, count);
	ASSERT_EQ(0, vms_drop_memory(self->fd, frozen));
	ASSERT_EQ(0, munmap(own, count * PAGE));
}

TEST_HARNESS_MAIN
