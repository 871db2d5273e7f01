// SPDX-License-Identifier: GPL-2.0-only
/*
 * Huge pages and ranges: what is mapped with one operation, how large pages
 * are split, and that what they contain, what CPUs said about them and what
 * they cost stays exact.
 */
#define _GNU_SOURCE
#include "kselftest_harness.h"
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include "mappings.h"

#define BASE	0x555540000000ULL	/* a multiple of 1 GiB */
#define A	VMSPACE_PROP_ACCESSED
#define D	VMSPACE_PROP_DIRTY
#define WRITE	VMSPACE_PROP_WRITE
#define READ	VMSPACE_PROP_READ
#define POISON	0xbadbadbadbadbad0ULL

/* Seconds for a test; emulators are slow, and others may use them as well. */
#define LIMIT	300

#define ARRAY_LEN(a)	(sizeof(a) / sizeof((a)[0]))

/**
 * struct memory - a memory object, and its contents as the program sees them
 * @id:		of the object
 * @view:	its contents
 * @bytes:	its size
 * @seed:	it was filled with
 */
struct memory {
	int id;
	char *view;
	__u64 bytes;
	__u64 seed;
};

FIXTURE(pages)
{
	struct vms_usage before;
	int fd;
	struct vmspace_info info;
	int space;
	int cursor;		/* the one that helpers use, or 0 */
	int nr_cpus;
	unsigned int cpus[VMS_CPUS];
	__u64 seed;
	long huge_2m;		/* hugetlb pages that there were before */
	char *bytes;
	struct memory views[16];	/* that keep the file */
	unsigned int nr_views;
};

/*
 * A CPU leaves a space when it has something else to do, and with that flushes.
 * So the test stays on one, and the others stay inside.
 */
static void stay_on(const unsigned int *cpus, int nr)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	while (nr--)
		CPU_SET(cpus[nr], &set);
	sched_setaffinity(0, sizeof(set), &set);
}

FIXTURE_SETUP(pages)
{
	self->before = vms_usage_now();
	self->huge_2m = -1;
	self->fd = vms_open();
	if (self->fd < 0)
		SKIP(return, "no /dev/vmspace: %s", strerror(errno));
	ASSERT_EQ(0, vms_info(self->fd, &self->info));
	self->space = vms_new_space(self->fd);
	ASSERT_GT(self->space, 0);
	self->nr_cpus = vms_activate_all(self->fd, self->space, VMSPACE_RESIDENT, self->cpus);
	ASSERT_GT(self->nr_cpus, 0);
	stay_on(self->cpus, 1);
}

#define HUGE_2M		"/sys/kernel/mm/hugepages/hugepages-2048kB/"
#define HUGE_1G		"/sys/kernel/mm/hugepages/hugepages-1048576kB/"

static void set_huge_2m(long n)
{
	char text[32];

	snprintf(text, sizeof(text), "%ld", n);
	vms_write_text("/proc/sys/vm/nr_hugepages", text);
}

FIXTURE_TEARDOWN(pages)
{
	const char *left;

	while (self->nr_views--)
		munmap(self->views[self->nr_views].view, self->views[self->nr_views].bytes);
	close(self->fd);
	free(self->bytes);
	left = vms_usage_not_back(&self->before, VMS_ANY);
	EXPECT_EQ(NULL, left)
		TH_LOG("%s", left);
	if (self->huge_2m >= 0)
		set_huge_2m(self->huge_2m);
}

/* --- helpers -------------------------------------------------------------- */

static struct memory new_memory(struct __test_metadata *_metadata, struct _test_data_pages *self,
				__u64 bytes, __u64 frame_size)
{
	struct memory mem = { .bytes = bytes, .seed = ++self->seed << 40 };
	__u64 offset;

	mem.id = vms_new_memory_of(self->fd, bytes / frame_size, frame_size, VMSPACE_CACHE_WB,
				   &offset);
	ASSERT_GT(mem.id, 0);
	mem.view = vms_view(self->fd, offset, bytes / PAGE);
	ASSERT_NE(MAP_FAILED, (void *)mem.view);
	vms_fill(mem.view, bytes, mem.seed);
	ASSERT_LT(self->nr_views, ARRAY_LEN(self->views));
	self->views[self->nr_views++] = mem;
	return mem;
}

static int open_as(struct _test_data_pages *self, __u64 start, __u64 end, unsigned int flags)
{
	return vms_open_cursor_as(self->fd, VMSPACE_OP_OPEN_CURSOR_MUT, self->space, start, end,
				  flags);
}

static void open_at(struct __test_metadata *_metadata, struct _test_data_pages *self, __u64 start,
		    __u64 end, unsigned int flags)
{
	self->cursor = open_as(self, start, end, flags);
	ASSERT_GT(self->cursor, 0);
}

static void drop(struct __test_metadata *_metadata, struct _test_data_pages *self)
{
	ASSERT_EQ(0, vms_drop_cursor(self->fd, self->cursor));
	self->cursor = 0;
}

static int map(struct _test_data_pages *self, const struct memory *mem, __u64 index,
	       unsigned int count, unsigned int prop, unsigned int flags)
{
	return vms_map_range(self->fd, self->cursor, mem->id, index, count, prop, flags);
}

static int jump(struct _test_data_pages *self, __u64 va)
{
	return vms_jump(self->fd, self->cursor, va);
}

static __u64 position(struct _test_data_pages *self)
{
	__u64 va = 0;

	vms_virt_addr(self->fd, self->cursor, &va);
	return va;
}

/* Map a memory object, or a part of it, through a cursor of its own. */
static void map_at(struct __test_metadata *_metadata, struct _test_data_pages *self, __u64 va,
		   const struct memory *mem, __u64 index, __u64 count, unsigned int prop,
		   unsigned int flags)
{
	open_at(_metadata, self, va, va + count * PAGE,
		flags & (VMSPACE_PAGE_2M | VMSPACE_PAGE_1G));
	ASSERT_EQ(0, map(self, mem, index, count, prop, flags));
	ASSERT_EQ(va + count * PAGE, position(self));
	drop(_metadata, self);
}

/* Unmap a range through a cursor of its own; @expected: 4 KiB pages. */
static void unmap_at(struct __test_metadata *_metadata, struct _test_data_pages *self, __u64 start,
		     __u64 end, __u64 expected)
{
	struct vmspace_op op;

	open_at(_metadata, self, start, end, 0);
	ASSERT_EQ(0, vms_unmap(self->fd, self->cursor, end - start, 0, &op));
	ASSERT_EQ(expected, op.unmap.pages);
	ASSERT_EQ(expected * PAGE, op.unmap.bytes);
	ASSERT_EQ(end, op.unmap.va);
	drop(_metadata, self);
}

static void expect_mapped(struct __test_metadata *_metadata, struct _test_data_pages *self,
			  __u64 start, __u64 end, const char *expected, int line)
{
	struct vms_text seen;

	vms_describe(self->fd, self->space, start, end, &seen);
	EXPECT_STREQ(expected, seen.text)
		TH_LOG("line %d", line);
}

#define EXPECT_MAPPED(start, end, expected)	\
	expect_mapped(_metadata, self, start, end, expected, __LINE__)

static __u64 pfn_at(struct _test_data_pages *self, __u64 va)
{
	struct vmspace_op op;

	vms_translate(self->fd, self->space, va, &op);
	return op.query.present ? op.query.pfn + (va - op.query.start) / PAGE : 0;
}

static unsigned int prop_at(struct _test_data_pages *self, __u64 va)
{
	struct vmspace_op op;

	vms_translate(self->fd, self->space, va, &op);
	return op.query.prop;
}

static void expect_tables(struct __test_metadata *_metadata, struct _test_data_pages *self,
			  __u64 expected, int line)
{
	EXPECT_EQ(expected, vms_count_tables(self->fd, self->space))
		TH_LOG("line %d", line);
}

#define EXPECT_TABLES(n)	expect_tables(_metadata, self, n, __LINE__)

/* All that is mapped and all that a cursor sees. */
static void remember(struct __test_metadata *_metadata, struct _test_data_pages *self)
{
	free(self->bytes);
	self->bytes = vms_table_bytes(self->fd, self->space);
	ASSERT_NE(NULL, self->bytes);
}

/* The call fails, and neither a table nor a position has changed. */
#define EXPECT_REFUSED(error, call) do {						\
	__u64 was_at = self->cursor ? position(self) : 0;				\
	long had_tables = vms_count_tables(self->fd, self->space);			\
	char *bytes_now;								\
											\
	remember(_metadata, self);							\
	EXPECT_EQ(-(error), call);							\
	bytes_now = vms_table_bytes(self->fd, self->space);				\
	EXPECT_STREQ(self->bytes, bytes_now);						\
	free(bytes_now);								\
	EXPECT_EQ(had_tables, vms_count_tables(self->fd, self->space));			\
	EXPECT_EQ(was_at, self->cursor ? position(self) : 0);				\
} while (0)

/* A load on every CPU, at the first and the last word of a page. */
static void expect_page(struct __test_metadata *_metadata, struct _test_data_pages *self, __u64 va,
			const struct memory *mem, __u64 offset, int line)
{
	__u64 value;
	int i;

	for (i = 0; i < self->nr_cpus; i++) {
		ASSERT_EQ(LOADED, vms_load(self->fd, self->space, self->cpus[i], va, &value))
			TH_LOG("line %d: cpu %u at %llx", line, self->cpus[i], va);
		ASSERT_EQ(vms_mark(mem->seed, offset), value)
			TH_LOG("line %d: cpu %u at %llx", line, self->cpus[i], va);
		ASSERT_EQ(LOADED, vms_load(self->fd, self->space, self->cpus[i], va + PAGE - 8,
					   &value));
		ASSERT_EQ(vms_mark(mem->seed, offset + PAGE - 8), value)
			TH_LOG("line %d: cpu %u at %llx", line, self->cpus[i], va);
	}
}

#define EXPECT_PAGE(va, mem, offset)	expect_page(_metadata, self, va, mem, offset, __LINE__)

/* Stores that change nothing, on every CPU: their TLBs know the page, as dirty. */
static void warm(struct __test_metadata *_metadata, struct _test_data_pages *self, __u64 va,
		 const struct memory *mem, __u64 offset)
{
	int i;

	for (i = 0; i < self->nr_cpus; i++)
		ASSERT_EQ(LOADED, vms_store(self->fd, self->space, self->cpus[i], va,
					    vms_mark(mem->seed, offset)));
}

static void expect_gone(struct __test_metadata *_metadata, struct _test_data_pages *self, __u64 va,
			int line)
{
	__u64 value;
	int i;

	for (i = 0; i < self->nr_cpus; i++) {
		ASSERT_EQ(FAULTED, vms_load(self->fd, self->space, self->cpus[i], va, &value))
			TH_LOG("line %d: cpu %u at %llx", line, self->cpus[i], va);
		ASSERT_EQ(FAULTED, vms_store(self->fd, self->space, self->cpus[i], va, POISON))
			TH_LOG("line %d: cpu %u at %llx", line, self->cpus[i], va);
	}
}

#define EXPECT_GONE(va)		expect_gone(_metadata, self, va, __LINE__)

/* Loads succeed and stores do not, on every CPU. */
static void expect_read_only(struct __test_metadata *_metadata, struct _test_data_pages *self,
			     __u64 va, int line)
{
	__u64 value;
	int i;

	for (i = 0; i < self->nr_cpus; i++) {
		ASSERT_EQ(FAULTED, vms_store(self->fd, self->space, self->cpus[i], va, POISON))
			TH_LOG("line %d: cpu %u at %llx", line, self->cpus[i], va);
		ASSERT_EQ(LOADED, vms_load(self->fd, self->space, self->cpus[i], va, &value))
			TH_LOG("line %d: cpu %u at %llx", line, self->cpus[i], va);
	}
}

static void expect_contents(struct __test_metadata *_metadata, struct _test_data_pages *self,
			    int cpu, __u64 va, __u64 len, const struct memory *mem, __u64 offset,
			    int line)
{
	if (len)
		EXPECT_EQ(0, vms_wrong_pages(self->fd, self->space,
					     self->cpus[cpu % self->nr_cpus], va, len, mem->seed,
					     offset))
			TH_LOG("line %d: cpu %u at %llx", line, self->cpus[cpu % self->nr_cpus],
			       va);
}

#define EXPECT_CONTENTS(cpu, va, len, mem, offset)	\
	expect_contents(_metadata, self, cpu, va, len, mem, offset, __LINE__)

/* --- imported memory ------------------------------------------------------ */

#define MAP_HUGE_OF(size)	(MAP_HUGETLB | ((size) == G1 ? 30 << 26 : 21 << 26))

static struct memory own_memory(struct _test_data_pages *self, __u64 bytes, unsigned int flags)
{
	struct memory mem = { .bytes = bytes, .seed = ++self->seed << 40 };

	mem.view = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags,
			-1, 0);
	if (mem.view != MAP_FAILED)
		vms_fill(mem.view, bytes, mem.seed);
	return mem;
}

static void import(struct __test_metadata *_metadata, struct _test_data_pages *self,
		   struct memory *mem)
{
	mem->id = vms_import(self->fd, mem->view, mem->bytes / PAGE, VMSPACE_WRITABLE);
	ASSERT_GT(mem->id, 0);
}

/* Have so many hugetlb pages of 2M, and perhaps more. */
static bool want_huge_2m(struct _test_data_pages *self, long n)
{
	self->huge_2m = vms_read_number(HUGE_2M "nr_hugepages");
	set_huge_2m(self->huge_2m + n);
	return vms_read_number(HUGE_2M "free_hugepages") >= n;
}

static bool have_huge_1g(struct _test_data_pages *self)
{
	return (self->info.page_sizes & G1) && vms_read_number(HUGE_1G "free_hugepages") > 0;
}

static bool free_huge_is(const char *path, long n)
{
	double end = vms_now() + VMS_LIMIT;

	while (vms_read_number(path) != n) {
		if (vms_now() > end)
			return false;
		vms_pause();
	}
	return true;
}

/* A page of 1G as memory object; skips the test if there is none. */
#define NEED_1G(mem) do {								\
	if (!have_huge_1g(self))							\
		SKIP(return, "no hugetlb page of 1G (hugepagesz=1G hugepages=1)");	\
	mem = own_memory(self, G1, MAP_HUGE_OF(G1));					\
	ASSERT_NE(MAP_FAILED, (void *)(mem).view);					\
	import(_metadata, self, &(mem));						\
} while (0)

/* --- 2M pages ------------------------------------------------------------- */

TEST_F_TIMEOUT(pages, map_2m__is_one_leaf, LIMIT)
{
	struct memory mem = new_memory(_metadata, self, M2, M2);
	struct vmspace_op op;
	__u64 offset, i;

	open_at(_metadata, self, BASE, BASE + M2, VMSPACE_PAGE_2M);
	ASSERT_EQ(0, map(self, &mem, 0, 512, RW, VMSPACE_PAGE_2M));
	EXPECT_EQ(BASE + M2, position(self));
	EXPECT_EQ(-ERANGE, vms_query(self->fd, self->cursor, &op));
	EXPECT_MAPPED(BASE, BASE + M2, "1*2M:rwu");
	EXPECT_TABLES(vms_tables_for(self->info.levels, BASE, BASE + M2, 2));
	EXPECT_EQ(512, vms_count_pages(self->fd, self->space));
	/* From everywhere it is one. */
	for (i = 0; i < 512; i += 73) {
		ASSERT_EQ(0, jump(self, BASE + i * PAGE));
		ASSERT_EQ(0, vms_query(self->fd, self->cursor, &op));
		EXPECT_EQ(1, op.query.present);
		EXPECT_EQ(BASE, op.query.start);
		EXPECT_EQ(BASE + M2, op.query.end);
		EXPECT_EQ(RW, op.query.prop);
		ASSERT_EQ(0, vms_find_next(self->fd, self->cursor, PAGE, &op));
		EXPECT_EQ(1, op.find.present);
		EXPECT_EQ(BASE + i * PAGE, op.find.va);
		EXPECT_EQ(BASE, op.find.start);
		EXPECT_EQ(BASE + M2, op.find.end);
	}
	drop(_metadata, self);
	for (i = 0; i < 512; i += 73)
		EXPECT_PAGE(BASE + i * PAGE, &mem, i * PAGE);
	EXPECT_PAGE(BASE + M2 - PAGE, &mem, M2 - PAGE);
	EXPECT_CONTENTS(0, BASE, M2, &mem, 0);
	EXPECT_MAPPED(BASE, BASE + M2, "1*2M:rwuA");
	for (offset = 0, i = 0; offset < M2; offset += 37 * PAGE + 8, i++) {
		ASSERT_EQ(LOADED, vms_store(self->fd, self->space,
					    self->cpus[i % self->nr_cpus], BASE + offset, ~offset));
		EXPECT_EQ(~offset, *(__u64 *)(mem.view + offset));
	}
	EXPECT_MAPPED(BASE, BASE + M2, "1*2M:rwuAD");
	unmap_at(_metadata, self, BASE, BASE + M2, 512);
	EXPECT_GONE(BASE);
	EXPECT_GONE(BASE + M2 - 8);
	EXPECT_TABLES(1);
}

TEST_F_TIMEOUT(pages, map_2m__many_at_once, LIMIT)
{
	struct memory mem = new_memory(_metadata, self, 16 * M2, M2);
	int i;

	/* Across a boundary of 1G, and not from the start of the memory. */
	map_at(_metadata, self, BASE + G1 - 5 * M2, &mem, 512, 15 * 512, RW, VMSPACE_PAGE_2M);
	EXPECT_MAPPED(BASE + G1 - 6 * M2, BASE + G1 + 11 * M2, "512*- 15*2M:rwu 512*-");
	EXPECT_TABLES(vms_tables_for(self->info.levels, BASE + G1 - 5 * M2, BASE + G1 + 10 * M2,
				     2));
	EXPECT_EQ(15 * 512, vms_count_pages(self->fd, self->space));
	for (i = 0; i < self->nr_cpus; i++)
		EXPECT_CONTENTS(i, BASE + G1 - 5 * M2, 15 * M2, &mem, M2);
	unmap_at(_metadata, self, BASE, BASE + 2 * G1, 15 * 512);
	EXPECT_TABLES(1);
}

TEST_F_TIMEOUT(pages, map_2m__exact_cursor_needs_the_wish, LIMIT)
{
	struct memory mem = new_memory(_metadata, self, M2, M2);

	open_at(_metadata, self, BASE, BASE + M2, 0);
	EXPECT_REFUSED(EINVAL, map(self, &mem, 0, 512, RW, VMSPACE_PAGE_2M));
	EXPECT_REFUSED(EINVAL, map(self, &mem, 0, 512, RW, VMSPACE_PAGE_2M | VMSPACE_REPLACE));
	/* It owns a table of small pages, so these fit. */
	ASSERT_EQ(0, map(self, &mem, 0, 512, RW, VMSPACE_PAGE_LARGEST));
	EXPECT_MAPPED(BASE, BASE + M2, "512*4K:rwu");
	EXPECT_CONTENTS(0, BASE, M2, &mem, 0);
	drop(_metadata, self);
	unmap_at(_metadata, self, BASE, BASE + M2, 512);
	EXPECT_TABLES(1);

	open_at(_metadata, self, BASE, BASE + M2, VMSPACE_PAGE_2M);
	ASSERT_EQ(0, map(self, &mem, 0, 512, RW, VMSPACE_PAGE_2M));
	EXPECT_MAPPED(BASE, BASE + M2, "1*2M:rwu");
	drop(_metadata, self);
	EXPECT_CONTENTS(0, BASE, M2, &mem, 0);
	unmap_at(_metadata, self, BASE, BASE + M2, 512);

	/* With the wish for more, all smaller ones fit as well. */
	open_at(_metadata, self, BASE, BASE + M2, VMSPACE_PAGE_1G);
	ASSERT_EQ(0, map(self, &mem, 0, 512, RW, VMSPACE_PAGE_LARGEST));
	EXPECT_MAPPED(BASE, BASE + M2, "1*2M:rwu");
	drop(_metadata, self);
	unmap_at(_metadata, self, BASE, BASE + M2, 512);
	EXPECT_TABLES(1);
}

TEST_F_TIMEOUT(pages, map_2m__misaligned, LIMIT)
{
	struct memory mem = new_memory(_metadata, self, 4 * M2, M2);
	struct memory small = new_memory(_metadata, self, M2, PAGE);
	const unsigned int flags[] = { VMSPACE_PAGE_2M, VMSPACE_PAGE_2M | VMSPACE_REPLACE };
	unsigned int i;

	open_at(_metadata, self, BASE, BASE + 8 * M2, VMSPACE_PAGE_2M);
	for (i = 0; i < ARRAY_LEN(flags); i++) {
		ASSERT_EQ(0, jump(self, BASE + PAGE));
		EXPECT_REFUSED(EINVAL, map(self, &mem, 0, 512, RW, flags[i]));
		ASSERT_EQ(0, jump(self, BASE + M2 - PAGE));
		EXPECT_REFUSED(EINVAL, map(self, &mem, 0, 512, RW, flags[i]));
		ASSERT_EQ(0, jump(self, BASE));
		EXPECT_REFUSED(EINVAL, map(self, &mem, 1, 512, RW, flags[i]));
		EXPECT_REFUSED(EINVAL, map(self, &mem, 511, 512, RW, flags[i]));
		EXPECT_REFUSED(EINVAL, map(self, &mem, 0, 1, RW, flags[i]));
		EXPECT_REFUSED(EINVAL, map(self, &mem, 0, 511, RW, flags[i]));
		EXPECT_REFUSED(EINVAL, map(self, &mem, 0, 513, RW, flags[i]));
		EXPECT_REFUSED(EINVAL, map(self, &mem, 0, 1024 + 256, RW, flags[i]));
		/* Frames that are too small. */
		EXPECT_REFUSED(EINVAL, map(self, &small, 0, 512, RW, flags[i]));
	}
	EXPECT_MAPPED(BASE, BASE + 8 * M2, "4096*-");
	drop(_metadata, self);
}

TEST_F_TIMEOUT(pages, map_1g__misaligned_or_too_small, LIMIT)
{
	struct memory mem = new_memory(_metadata, self, 4 * M2, M2);

	open_at(_metadata, self, BASE, BASE + G1, VMSPACE_PAGE_1G);
	EXPECT_REFUSED(EINVAL, map(self, &mem, 0, 1, RW, VMSPACE_PAGE_1G));
	EXPECT_REFUSED(EINVAL, map(self, &mem, 0, 512, RW, VMSPACE_PAGE_1G));
	EXPECT_REFUSED(EINVAL, map(self, &mem, 0, 4 * 512, RW, VMSPACE_PAGE_1G));
	EXPECT_REFUSED(ERANGE, map(self, &mem, 0, 512 * 512, RW, VMSPACE_PAGE_1G));
	drop(_metadata, self);
}

TEST_F_TIMEOUT(pages, map_1g__is_one_leaf, LIMIT)
{
	struct memory mem;
	struct vmspace_op op;
	__u64 i;

	NEED_1G(mem);
	open_at(_metadata, self, BASE, BASE + 2 * G1, VMSPACE_PAGE_1G);
	ASSERT_EQ(0, jump(self, BASE + PAGE));
	EXPECT_REFUSED(EINVAL, map(self, &mem, 0, 512 * 512, RW, VMSPACE_PAGE_1G));
	ASSERT_EQ(0, jump(self, BASE + M2));
	EXPECT_REFUSED(EINVAL, map(self, &mem, 0, 512 * 512, RW, VMSPACE_PAGE_1G));
	ASSERT_EQ(0, jump(self, BASE));
	EXPECT_REFUSED(EINVAL, map(self, &mem, 0, 512 * 512 - 1, RW, VMSPACE_PAGE_1G));
	EXPECT_REFUSED(EINVAL, map(self, &mem, 512, 512 * 511, RW, VMSPACE_PAGE_1G));
	EXPECT_REFUSED(ERANGE, map(self, &mem, 1, 512 * 512, RW, VMSPACE_PAGE_1G));
	drop(_metadata, self);
	/* Without the wish, neither nothing nor the smaller one. */
	open_at(_metadata, self, BASE, BASE + G1, 0);
	EXPECT_REFUSED(EINVAL, map(self, &mem, 0, 512 * 512, RW, VMSPACE_PAGE_1G));
	drop(_metadata, self);
	open_at(_metadata, self, BASE, BASE + G1, VMSPACE_PAGE_2M);
	EXPECT_REFUSED(EINVAL, map(self, &mem, 0, 512 * 512, RW, VMSPACE_PAGE_1G));
	drop(_metadata, self);
	EXPECT_TABLES(1);

	map_at(_metadata, self, BASE, &mem, 0, 512 * 512, RW, VMSPACE_PAGE_1G);
	EXPECT_MAPPED(BASE, BASE + G1, "1*1G:rwu");
	EXPECT_TABLES(vms_tables_for(self->info.levels, BASE, BASE + G1, 3));
	EXPECT_EQ(512 * 512, vms_count_pages(self->fd, self->space));
	for (i = 0; i < 512 * 512; i += 7919)
		EXPECT_PAGE(BASE + i * PAGE, &mem, i * PAGE);
	EXPECT_PAGE(BASE + G1 - PAGE, &mem, G1 - PAGE);
	EXPECT_CONTENTS(1, BASE + G1 / 2 - M2, 2 * M2, &mem, G1 / 2 - M2);
	EXPECT_MAPPED(BASE, BASE + G1, "1*1G:rwuA");
	for (i = 0; i < 512 * 512; i += 7919) {
		ASSERT_EQ(LOADED, vms_store(self->fd, self->space, self->cpus[i % self->nr_cpus],
					    BASE + i * PAGE + 8, ~i));
		EXPECT_EQ(~i, *(__u64 *)(mem.view + i * PAGE + 8));
		*(__u64 *)(mem.view + i * PAGE + 16) = i;
	}
	for (i = 0; i < 512 * 512; i += 7919) {
		__u64 value;

		ASSERT_EQ(LOADED, vms_load(self->fd, self->space, self->cpus[i % self->nr_cpus],
					   BASE + i * PAGE + 16, &value));
		EXPECT_EQ(i, value);
	}
	/* A cursor on a small part of it sees all of it. */
	open_at(_metadata, self, BASE + M2 + PAGE, BASE + M2 + 2 * PAGE, 0);
	ASSERT_EQ(0, vms_query(self->fd, self->cursor, &op));
	EXPECT_EQ(BASE, op.query.start);
	EXPECT_EQ(BASE + G1, op.query.end);
	EXPECT_EQ(RW | A | D, op.query.prop);
	drop(_metadata, self);
	unmap_at(_metadata, self, BASE, BASE + G1, 512 * 512);
	EXPECT_GONE(BASE);
	EXPECT_GONE(BASE + G1 - 8);
	EXPECT_TABLES(1);
}

TEST_F_TIMEOUT(pages, flags__of_several_sizes, LIMIT)
{
	struct memory mem = new_memory(_metadata, self, M2, M2);
	const unsigned int both[] = {
		VMSPACE_PAGE_2M | VMSPACE_PAGE_1G,
		VMSPACE_PAGE_2M | VMSPACE_PAGE_LARGEST,
		VMSPACE_PAGE_1G | VMSPACE_PAGE_LARGEST,
		VMSPACE_PAGE_2M | VMSPACE_PAGE_1G | VMSPACE_PAGE_LARGEST,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(both); i++) {
		EXPECT_REFUSED(EINVAL, open_as(self, BASE, BASE + G1, both[i]));
		EXPECT_REFUSED(EINVAL, vms_open_cursor_as(self->fd, VMSPACE_OP_OPEN_CURSOR,
							  self->space, BASE, BASE + G1, both[i]));
	}
	EXPECT_REFUSED(EINVAL, open_as(self, BASE, BASE + G1, VMSPACE_PAGE_LARGEST));
	open_at(_metadata, self, BASE, BASE + G1, VMSPACE_PAGE_1G);
	for (i = 0; i < ARRAY_LEN(both); i++) {
		EXPECT_REFUSED(EINVAL, map(self, &mem, 0, 512, RW, both[i]));
		EXPECT_REFUSED(EINVAL, map(self, &mem, 0, 512, RW, both[i] | VMSPACE_REPLACE));
	}
	drop(_metadata, self);
}

TEST_F_TIMEOUT(pages, map__count_of_nothing_or_of_too_much, LIMIT)
{
	struct memory mem = new_memory(_metadata, self, 2 * M2, M2);
	const unsigned int sizes[] = { 0, VMSPACE_PAGE_2M, VMSPACE_PAGE_LARGEST };
	unsigned int i;

	open_at(_metadata, self, BASE, BASE + 2 * M2, VMSPACE_PAGE_2M);
	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		ASSERT_EQ(0, jump(self, BASE));
		EXPECT_REFUSED(EINVAL, map(self, &mem, 0, 0, RW, sizes[i]));
		/* Of the memory. */
		EXPECT_REFUSED(ERANGE, map(self, &mem, 0, 3 * 512, RW, sizes[i]));
		EXPECT_REFUSED(ERANGE, map(self, &mem, 512, 2 * 512, RW, sizes[i]));
		EXPECT_REFUSED(ERANGE, map(self, &mem, 2 * 512, 512, RW, sizes[i]));
		EXPECT_REFUSED(ERANGE, map(self, &mem, 1ULL << 52, 512, RW, sizes[i]));
		EXPECT_REFUSED(ERANGE, map(self, &mem, -512ULL, 512, RW, sizes[i]));
		EXPECT_REFUSED(ERANGE, map(self, &mem, -512ULL, 1024, RW, sizes[i]));
		EXPECT_REFUSED(ERANGE, map(self, &mem, 0, -512U, RW, sizes[i]));
		EXPECT_REFUSED(ERANGE, map(self, &mem, 512, -512U, RW, sizes[i]));
		/* Of the range. */
		ASSERT_EQ(0, jump(self, BASE + M2));
		EXPECT_REFUSED(ERANGE, map(self, &mem, 0, 2 * 512, RW, sizes[i]));
		if (!sizes[i])
			EXPECT_REFUSED(ERANGE, map(self, &mem, 0, 513, RW, sizes[i]));
	}
	ASSERT_EQ(0, map(self, &mem, 0, 512, RW, VMSPACE_PAGE_2M));
	EXPECT_REFUSED(ERANGE, map(self, &mem, 0, 1, RW, 0));
	EXPECT_REFUSED(ERANGE, map(self, &mem, 0, 512, RW, VMSPACE_PAGE_2M));
	drop(_metadata, self);
}

TEST_F_TIMEOUT(pages, map__occupied_in_the_middle, LIMIT)
{
	struct memory mem = new_memory(_metadata, self, 8 * M2, M2);
	const __u64 occupied[] = { 0, 1, 511, 512, 1000, 3 * 512 + 7, 4 * 512 - 1 };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(occupied); i++) {
		open_at(_metadata, self, BASE, BASE + 8 * M2, VMSPACE_PAGE_2M);
		ASSERT_EQ(0, jump(self, BASE + occupied[i] * PAGE));
		ASSERT_EQ(0, map(self, &mem, 3, 1, RO, 0));
		ASSERT_EQ(0, jump(self, BASE));
		EXPECT_REFUSED(EEXIST, map(self, &mem, 0, 4 * 512, RW, 0));
		EXPECT_REFUSED(EEXIST, map(self, &mem, 0, 4 * 512, RW, VMSPACE_PAGE_2M));
		EXPECT_REFUSED(EEXIST, map(self, &mem, 0, 4 * 512, RW, VMSPACE_PAGE_LARGEST));
		EXPECT_REFUSED(EEXIST, map(self, &mem, 0, occupied[i] + 1, RW, 0));
		drop(_metadata, self);
		unmap_at(_metadata, self, BASE, BASE + 8 * M2, 1);
		EXPECT_TABLES(1);
	}
	/* By a large page, for small ones. */
	open_at(_metadata, self, BASE, BASE + 8 * M2, VMSPACE_PAGE_2M);
	ASSERT_EQ(0, jump(self, BASE + 2 * M2));
	ASSERT_EQ(0, map(self, &mem, 0, 512, VMSPACE_PROP_WRITE, VMSPACE_PAGE_2M));
	ASSERT_EQ(0, jump(self, BASE));
	EXPECT_REFUSED(EEXIST, map(self, &mem, 0, 2 * 512 + 1, RW, 0));
	EXPECT_REFUSED(EEXIST, map(self, &mem, 0, 3 * 512, RW, VMSPACE_PAGE_2M));
	ASSERT_EQ(0, jump(self, BASE + 3 * M2 - PAGE));
	EXPECT_REFUSED(EEXIST, map(self, &mem, 0, 1, RW, 0));
	/* On both sides there is room. */
	ASSERT_EQ(0, jump(self, BASE));
	ASSERT_EQ(0, map(self, &mem, 0, 2 * 512, RW, VMSPACE_PAGE_LARGEST));
	ASSERT_EQ(0, jump(self, BASE + 3 * M2));
	ASSERT_EQ(0, map(self, &mem, 0, 512, RW, 0));
	EXPECT_MAPPED(BASE, BASE + 4 * M2, "2*2M:rwu 1*2M:w 512*4K:rwu");
	drop(_metadata, self);
}

TEST_F_TIMEOUT(pages, map_largest__takes_what_fits, LIMIT)
{
	struct memory mem = new_memory(_metadata, self, 4 * M2, M2);
	struct memory small = new_memory(_metadata, self, 2 * M2, PAGE);
	const __u64 start = BASE + M2 - 3 * PAGE, end = BASE + 11 * M2;
	struct vmspace_mapping m[16];
	struct vmspace_op op;
	unsigned int i;

	open_at(_metadata, self, BASE, end, 0);
	ASSERT_EQ(0, jump(self, start));
	ASSERT_EQ(0, map(self, &mem, 509, 3 + 2 * 512 + 5, RW, VMSPACE_PAGE_LARGEST));
	EXPECT_EQ(BASE + 3 * M2 + 5 * PAGE, position(self));
	ASSERT_EQ(0, jump(self, BASE));
	ASSERT_EQ(0, vms_enumerate(self->fd, self->cursor, m, 16, 0, 0, &op));
	ASSERT_EQ(10, op.enumerate.found);
	EXPECT_EQ(end, op.enumerate.va);
	for (i = 0; i < 10; i++) {
		__u64 va = i < 3 ? start + i * PAGE : i < 5 ? BASE + (i - 2) * M2 :
			   BASE + 3 * M2 + (i - 5) * PAGE;

		EXPECT_EQ(va, m[i].start);
		EXPECT_EQ(va + (i == 3 || i == 4 ? M2 : PAGE), m[i].end);
		EXPECT_EQ(RW, m[i].prop);
		EXPECT_EQ(VMSPACE_CACHE_WB, m[i].cache);
		EXPECT_EQ(pfn_at(self, va), m[i].pfn);
	}
	/* Where position and frames do not go together. */
	ASSERT_EQ(0, jump(self, BASE + 5 * M2));
	ASSERT_EQ(0, map(self, &mem, 1, 512 + 256, RW, VMSPACE_PAGE_LARGEST));
	/* Small frames, but for those that happen to lie together, which are not used. */
	ASSERT_EQ(0, jump(self, BASE + 7 * M2));
	ASSERT_EQ(0, map(self, &small, 0, 512, RW, VMSPACE_PAGE_LARGEST));
	/* The same the other way round. */
	ASSERT_EQ(0, jump(self, BASE + 8 * M2 + PAGE));
	ASSERT_EQ(0, map(self, &mem, 0, 1024, RW, VMSPACE_PAGE_LARGEST));
	drop(_metadata, self);
	EXPECT_MAPPED(BASE, end, "509*- 3*4K:rwu 2*2M:rwu 5*4K:rwu 1019*- 768*4K:rwu 256*- "
		      "512*4K:rwu 1*- 1024*4K:rwu 511*-");
	EXPECT_CONTENTS(0, start, (3 + 2 * 512 + 5) * PAGE, &mem, 509 * PAGE);
	EXPECT_CONTENTS(1, BASE + 5 * M2, 768 * PAGE, &mem, PAGE);
	EXPECT_CONTENTS(2, BASE + 7 * M2, M2, &small, 0);
	EXPECT_CONTENTS(3, BASE + 8 * M2 + PAGE, 2 * M2, &mem, 0);
	unmap_at(_metadata, self, BASE, end, 3 + 2 * 512 + 5 + 768 + 512 + 1024);
	EXPECT_TABLES(1);
}

/* --- empty tables in the way ---------------------------------------------- */

/*
 * A cursor makes tables down to a 4K range and leaves them empty to one who
 * waits for all that is below them, and who then maps one page over them.
 */
static void map_over_empty(struct __test_metadata *_metadata, struct _test_data_pages *self,
			   const struct memory *mem, unsigned int level)
{
	const __u64 size = level == 3 ? G1 : M2;
	unsigned int flags = level == 3 ? VMSPACE_PAGE_1G : VMSPACE_PAGE_2M;
	const __u64 inside = BASE + size - 3 * PAGE;
	struct vms_opener opener = {
		.fd = self->fd,
		.space = self->space,
		.start = BASE,
		.end = BASE + size,
		.flags = flags,
	};

	open_at(_metadata, self, inside, inside + PAGE, 0);
	EXPECT_TABLES(vms_tables_for(self->info.levels, BASE, BASE + PAGE, 1));
	ASSERT_EQ(true, vms_opener_start(&opener));
	drop(_metadata, self);
	self->cursor = vms_opener_join(&opener);
	ASSERT_GT(self->cursor, 0);
	ASSERT_EQ(0, map(self, mem, 0, size / PAGE, RW, flags));
	EXPECT_MAPPED(BASE, BASE + size, level == 3 ? "1*1G:rwu" : "1*2M:rwu");
	EXPECT_TABLES(vms_tables_for(self->info.levels, BASE, BASE + size, level));
	EXPECT_PAGE(BASE, mem, 0);
	EXPECT_PAGE(inside, mem, size - 3 * PAGE);
	drop(_metadata, self);
	EXPECT_TABLES(vms_tables_for(self->info.levels, BASE, BASE + size, level));
	EXPECT_CONTENTS(0, BASE + size - M2, M2, mem, size - M2);
	unmap_at(_metadata, self, BASE, BASE + size, size / PAGE);
	EXPECT_TABLES(1);
}

TEST_F_TIMEOUT(pages, map_2m__over_an_empty_table, LIMIT)
{
	struct memory mem = new_memory(_metadata, self, M2, M2);

	map_over_empty(_metadata, self, &mem, 2);
}

TEST_F_TIMEOUT(pages, map_1g__over_empty_tables, LIMIT)
{
	struct memory mem;

	NEED_1G(mem);
	map_over_empty(_metadata, self, &mem, 3);
}

/* The CPUs know that there is a table, and that it is empty. */
TEST_F_TIMEOUT(pages, map_2m__where_small_pages_were, LIMIT)
{
	struct memory mem = new_memory(_metadata, self, M2, M2);
	struct vmspace_op op;
	unsigned int round;

	open_at(_metadata, self, BASE, BASE + 2 * M2, VMSPACE_PAGE_2M);
	for (round = 0; round < 10; round++) {
		ASSERT_EQ(0, jump(self, BASE));
		ASSERT_EQ(0, map(self, &mem, 0, 512, RW, 0));
		EXPECT_PAGE(BASE + round * PAGE, &mem, round * PAGE);
		ASSERT_EQ(0, jump(self, BASE));
		ASSERT_EQ(0, vms_unmap(self->fd, self->cursor, M2, 0, &op));
		ASSERT_EQ(512, op.unmap.pages);
		EXPECT_GONE(BASE + round * PAGE);
		ASSERT_EQ(0, jump(self, BASE));
		ASSERT_EQ(0, map(self, &mem, 0, 512, RW, VMSPACE_PAGE_2M));
		EXPECT_PAGE(BASE + round * PAGE, &mem, round * PAGE);
		ASSERT_EQ(0, jump(self, BASE));
		ASSERT_EQ(0, vms_unmap(self->fd, self->cursor, M2, 0, &op));
		ASSERT_EQ(512, op.unmap.pages);
		EXPECT_GONE(BASE + round * PAGE);
	}
	drop(_metadata, self);
}

/* --- splitting ------------------------------------------------------------ */

enum cut_op { UNMAP, PROTECT, PROTECT_NEXT };
enum cut_by { WHOLE, PART };	/* a cursor over the whole page, over the part only */

/* The translations of a range go to frames in a row. */
static void expect_frames(struct __test_metadata *_metadata, struct _test_data_pages *self,
			  __u64 va, __u64 end, __u64 pfn)
{
	struct vmspace_op op;

	for (; va < end; va = op.query.end) {
		ASSERT_EQ(0, vms_translate(self->fd, self->space, va, &op));
		ASSERT_EQ(1, op.query.present);
		ASSERT_EQ(pfn, op.query.pfn + (va - op.query.start) / PAGE);
		pfn += (op.query.end - va) / PAGE;
	}
}

/*
 * Take rights from, or unmap, [from, to) of a page of any size that CPUs have
 * used everywhere: what is left must be what it was.
 */
static void cut(struct __test_metadata *_metadata, struct _test_data_pages *self,
		const struct memory *mem, __u64 size, __u64 from, __u64 to, enum cut_op what,
		enum cut_by by)
{
	unsigned int flag = size == G1 ? VMSPACE_PAGE_1G : VMSPACE_PAGE_2M;
	const __u64 edges[] = { 0, from - PAGE, from, (from + to) / 2 & -PAGE, to - PAGE, to,
				size - PAGE };
	struct vms_text expected = {};
	__u64 pfn, middle = to;
	struct vmspace_op op;
	unsigned int i;

	map_at(_metadata, self, BASE, mem, 0, size / PAGE, RW, flag);
	pfn = pfn_at(self, BASE);
	ASSERT_NE(0, pfn);
	for (i = 0; i < ARRAY_LEN(edges); i++)
		if (edges[i] < size)
			warm(_metadata, self, BASE + edges[i], mem, edges[i]);
	if (by == WHOLE)
		open_at(_metadata, self, BASE, BASE + size, flag);
	else
		open_at(_metadata, self, BASE + from, BASE + to, 0);
	ASSERT_EQ(0, jump(self, BASE + from));
	switch (what) {
	case UNMAP:
		ASSERT_EQ(0, vms_unmap(self->fd, self->cursor, to - from, 0, &op));
		ASSERT_EQ((to - from) / PAGE, op.unmap.pages);
		ASSERT_EQ(to - from, op.unmap.bytes);
		ASSERT_EQ(BASE + from, op.unmap.start);
		ASSERT_EQ(BASE + to, op.unmap.end);
		ASSERT_EQ(BASE + to, op.unmap.va);
		break;
	case PROTECT:
		ASSERT_EQ(0, vms_protect(self->fd, self->cursor, to - from, WRITE, 0, 0, &op));
		ASSERT_EQ((to - from) / PAGE, op.protect_range.pages);
		ASSERT_EQ(BASE + from, op.protect_range.start);
		ASSERT_EQ(BASE + to, op.protect_range.end);
		ASSERT_EQ(BASE + to, op.protect_range.va);
		break;
	case PROTECT_NEXT:
		ASSERT_EQ(0, vms_protect_next(self->fd, self->cursor, to - from, WRITE, 0, 0,
					      &op));
		ASSERT_EQ(1, op.protect.present);
		ASSERT_EQ((RO | A | D), op.protect.prop);
		ASSERT_EQ(BASE + from, op.protect.start);
		/* The first piece. */
		middle = op.protect.end - BASE;
		ASSERT_EQ(BASE + middle, op.protect.va);
		ASSERT_EQ(middle - from, from % M2 || to - from < M2 ? PAGE :
			  from || to < size ? M2 : size);
		break;
	}
	vms_text_pieces(&expected, 0, from, size, RW | A | D);
	if (what == UNMAP)
		vms_text_add(&expected, 0, 0, (to - from) / PAGE);
	else
		vms_text_pieces(&expected, from, middle, from || middle < size ? M2 : size,
				RO | A | D);
	/* Both ends are split, also where only the first piece changes. */
	vms_text_pieces(&expected, middle, to, M2, RW | A | D);
	vms_text_pieces(&expected, to, size, M2, RW | A | D);
	vms_text_flush(&expected);
	EXPECT_MAPPED(BASE, BASE + size, expected.text);
	/* With the cursor still open. */
	for (i = 0; i < ARRAY_LEN(edges); i++) {
		__u64 at = edges[i];

		if (at >= size)
			continue;
		if (at < from || at >= middle)
			warm(_metadata, self, BASE + at, mem, at);
		else if (what == UNMAP)
			EXPECT_GONE(BASE + at);
		else
			expect_read_only(_metadata, self, BASE + at, __LINE__);
		if (what != UNMAP || at < from || at >= middle)
			EXPECT_PAGE(BASE + at, mem, at);
	}
	drop(_metadata, self);
	EXPECT_MAPPED(BASE, BASE + size, expected.text);
	EXPECT_EQ((size - (what == UNMAP ? to - from : 0)) / PAGE,
		  vms_count_pages(self->fd, self->space));
	expect_frames(_metadata, self, BASE, BASE + from, pfn);
	expect_frames(_metadata, self, BASE + to, BASE + size, pfn + to / PAGE);
	if (what != UNMAP)
		expect_frames(_metadata, self, BASE, BASE + size, pfn);
	if (size == M2) {
		EXPECT_CONTENTS(from / PAGE, BASE, from, mem, 0);
		EXPECT_CONTENTS(to / PAGE, BASE + to, size - to, mem, to);
	}
	unmap_at(_metadata, self, BASE, BASE + size,
		 (size - (what == UNMAP ? to - from : 0)) / PAGE);
	EXPECT_TABLES(1);
	EXPECT_GONE(BASE);
	EXPECT_GONE(BASE + size - 8);
}

/**
 * struct range - a part of a page
 * @from: first byte
 * @to:	first byte after it
 */
struct range {
	__u64 from;
	__u64 to;
};

static const struct range parts_2m[] = {
	{ 0, PAGE },
	{ 0, 511 * PAGE },
	{ PAGE, M2 },
	{ M2 - PAGE, M2 },
	{ PAGE, 2 * PAGE },
	{ 100 * PAGE, 200 * PAGE },
	{ 0, M2 },
};

static void cut_2m(struct __test_metadata *_metadata, struct _test_data_pages *self,
		   enum cut_op what, enum cut_by by)
{
	struct memory mem = new_memory(_metadata, self, M2, M2);
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(parts_2m); i++)
		cut(_metadata, self, &mem, M2, parts_2m[i].from, parts_2m[i].to, what, by);
}

TEST_F_TIMEOUT(pages, unmap__parts_of_2m, LIMIT)
{
	cut_2m(_metadata, self, UNMAP, WHOLE);
}

TEST_F_TIMEOUT(pages, unmap__parts_of_2m_that_go_beyond_the_cursor, LIMIT)
{
	cut_2m(_metadata, self, UNMAP, PART);
}

TEST_F_TIMEOUT(pages, protect__parts_of_2m, LIMIT)
{
	cut_2m(_metadata, self, PROTECT, WHOLE);
}

TEST_F_TIMEOUT(pages, protect__parts_of_2m_that_go_beyond_the_cursor, LIMIT)
{
	cut_2m(_metadata, self, PROTECT, PART);
}

TEST_F_TIMEOUT(pages, protect_next__parts_of_2m, LIMIT)
{
	cut_2m(_metadata, self, PROTECT_NEXT, WHOLE);
}

TEST_F_TIMEOUT(pages, protect_next__parts_of_2m_that_go_beyond_the_cursor, LIMIT)
{
	cut_2m(_metadata, self, PROTECT_NEXT, PART);
}

static const struct range parts_1g[] = {
	{ 0, PAGE },
	{ 0, M2 },
	{ G1 - PAGE, G1 },
	{ G1 - M2, G1 },
	{ 7 * M2 + PAGE, 7 * M2 + 2 * PAGE },
	{ 7 * M2, 9 * M2 },
	{ 100 * M2 + 5 * PAGE, 300 * M2 + 9 * PAGE },
	{ PAGE, G1 - PAGE },
	{ 0, G1 },
};

static void cut_1g(struct __test_metadata *_metadata, struct _test_data_pages *self,
		   const struct memory *mem, enum cut_op what, enum cut_by by)
{
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(parts_1g); i++)
		cut(_metadata, self, mem, G1, parts_1g[i].from, parts_1g[i].to, what, by);
}

TEST_F_TIMEOUT(pages, unmap__parts_of_1g, LIMIT)
{
	struct memory mem;

	NEED_1G(mem);
	cut_1g(_metadata, self, &mem, UNMAP, WHOLE);
}

TEST_F_TIMEOUT(pages, unmap__parts_of_1g_that_go_beyond_the_cursor, LIMIT)
{
	struct memory mem;

	NEED_1G(mem);
	cut_1g(_metadata, self, &mem, UNMAP, PART);
}

TEST_F_TIMEOUT(pages, protect__parts_of_1g, LIMIT)
{
	struct memory mem;

	NEED_1G(mem);
	cut_1g(_metadata, self, &mem, PROTECT, WHOLE);
	cut_1g(_metadata, self, &mem, PROTECT, PART);
}

TEST_F_TIMEOUT(pages, protect_next__parts_of_1g, LIMIT)
{
	struct memory mem;

	NEED_1G(mem);
	cut_1g(_metadata, self, &mem, PROTECT_NEXT, WHOLE);
	cut_1g(_metadata, self, &mem, PROTECT_NEXT, PART);
}

TEST_F_TIMEOUT(pages, unmap__from_one_2m_page_into_another, LIMIT)
{
	struct memory mem = new_memory(_metadata, self, 4 * M2, M2);
	struct vmspace_op op;

	map_at(_metadata, self, BASE, &mem, 0, 4 * 512, RW, VMSPACE_PAGE_2M);
	warm(_metadata, self, BASE + 99 * PAGE, &mem, 99 * PAGE);
	warm(_metadata, self, BASE + 100 * PAGE, &mem, 100 * PAGE);
	warm(_metadata, self, BASE + M2, &mem, M2);
	warm(_metadata, self, BASE + 3 * M2 - PAGE, &mem, 3 * M2 - PAGE);
	open_at(_metadata, self, BASE, BASE + 4 * M2, 0);
	ASSERT_EQ(0, jump(self, BASE + 100 * PAGE));
	ASSERT_EQ(0, vms_unmap(self->fd, self->cursor, 2 * M2 + 300 * PAGE, 0, &op));
	EXPECT_EQ(2 * 512 + 300, op.unmap.pages);
	EXPECT_EQ(BASE + 2 * M2 + 400 * PAGE, op.unmap.va);
	EXPECT_MAPPED(BASE, BASE + 4 * M2, "100*4K:rwuAD 1324*- 112*4K:rwuAD 1*2M:rwu");
	EXPECT_GONE(BASE + 100 * PAGE);
	EXPECT_GONE(BASE + M2);
	EXPECT_GONE(BASE + 2 * M2 - 8);
	EXPECT_GONE(BASE + 2 * M2 + 399 * PAGE);
	drop(_metadata, self);
	EXPECT_CONTENTS(0, BASE, 100 * PAGE, &mem, 0);
	EXPECT_CONTENTS(1, BASE + 2 * M2 + 400 * PAGE, 112 * PAGE + M2, &mem,
			2 * M2 + 400 * PAGE);
	EXPECT_TABLES(vms_tables_for(self->info.levels, BASE, BASE + 4 * M2, 2) + 2);
	unmap_at(_metadata, self, BASE, BASE + 4 * M2, 100 + 112 + 512);
	EXPECT_TABLES(1);
}

/* Nothing is mapped in a part of a page that was looked at only. */
TEST_F_TIMEOUT(pages, protect__of_nothing_splits_nothing, LIMIT)
{
	struct memory mem = new_memory(_metadata, self, 2 * M2, M2);
	struct vmspace_op op;

	map_at(_metadata, self, BASE, &mem, 0, 2 * 512, RW, VMSPACE_PAGE_2M);
	open_at(_metadata, self, BASE, BASE + 2 * M2, 0);
	ASSERT_EQ(0, jump(self, BASE + 5 * PAGE));
	EXPECT_REFUSED(0, vms_protect(self->fd, self->cursor, 0, WRITE, 0, 0, &op));
	EXPECT_REFUSED(0, vms_protect_next(self->fd, self->cursor, 0, WRITE, 0, 0, &op));
	EXPECT_REFUSED(0, vms_unmap(self->fd, self->cursor, 0, 0, &op));
	EXPECT_EQ(0, op.unmap.pages);
	EXPECT_REFUSED(EINVAL, vms_protect(self->fd, self->cursor, PAGE / 2, WRITE, 0, 0, &op));
	EXPECT_REFUSED(ERANGE, vms_protect(self->fd, self->cursor, 2 * M2, WRITE, 0, 0, &op));
	EXPECT_REFUSED(EINVAL, vms_protect(self->fd, self->cursor, PAGE, WRITE, WRITE, 0, &op));
	EXPECT_REFUSED(EINVAL, vms_protect(self->fd, self->cursor, PAGE, 0x80, 0, 0, &op));
	EXPECT_REFUSED(ERANGE, vms_protect_next(self->fd, self->cursor, 2 * M2, WRITE, 0, 0, &op));
	EXPECT_REFUSED(ERANGE, vms_unmap(self->fd, self->cursor, 2 * M2, 0, &op));
	EXPECT_REFUSED(EINVAL, vms_unmap(self->fd, self->cursor, 8, 0, &op));
	drop(_metadata, self);
}

/* Without READ the entry is not present, but it is a page all the same. */
TEST_F_TIMEOUT(pages, held__is_split_like_any_other, LIMIT)
{
	struct memory mem = new_memory(_metadata, self, M2, M2);
	struct vmspace_op op;
	__u64 pfn;

	map_at(_metadata, self, BASE, &mem, 0, 512, WRITE | VMSPACE_PROP_USER | VMSPACE_PROP_SOFT,
	       VMSPACE_PAGE_2M);
	EXPECT_MAPPED(BASE, BASE + M2, "1*2M:wuS");
	pfn = pfn_at(self, BASE);
	EXPECT_GONE(BASE);
	open_at(_metadata, self, BASE, BASE + M2, VMSPACE_PAGE_2M);
	ASSERT_EQ(0, jump(self, BASE + 10 * PAGE));
	ASSERT_EQ(0, vms_unmap(self->fd, self->cursor, 10 * PAGE, 0, &op));
	EXPECT_EQ(10, op.unmap.pages);
	EXPECT_MAPPED(BASE, BASE + M2, "10*4K:wuS 10*- 492*4K:wuS");
	EXPECT_GONE(BASE + 9 * PAGE);
	EXPECT_GONE(BASE + 10 * PAGE);
	EXPECT_GONE(BASE + 20 * PAGE);
	expect_frames(_metadata, self, BASE, BASE + 10 * PAGE, pfn);
	expect_frames(_metadata, self, BASE + 20 * PAGE, BASE + M2, pfn + 20);
	ASSERT_EQ(0, jump(self, BASE));
	ASSERT_EQ(0, vms_protect(self->fd, self->cursor, M2, VMSPACE_PROP_SOFT, READ, 0, &op));
	EXPECT_EQ(502, op.protect_range.pages);
	EXPECT_MAPPED(BASE, BASE + M2, "10*4K:rwu 10*- 492*4K:rwu");
	drop(_metadata, self);
	EXPECT_CONTENTS(0, BASE, 10 * PAGE, &mem, 0);
	EXPECT_CONTENTS(1, BASE + 20 * PAGE, 492 * PAGE, &mem, 20 * PAGE);
	EXPECT_GONE(BASE + 10 * PAGE);
	unmap_at(_metadata, self, BASE, BASE + M2, 502);
	EXPECT_TABLES(1);

	/* In the middle of one that CPUs have used. */
	map_at(_metadata, self, BASE, &mem, 0, 512, RW, VMSPACE_PAGE_2M);
	warm(_metadata, self, BASE + 5 * PAGE, &mem, 5 * PAGE);
	open_at(_metadata, self, BASE + 5 * PAGE, BASE + 6 * PAGE, 0);
	ASSERT_EQ(0, vms_protect(self->fd, self->cursor, PAGE, READ, 0, 0, &op));
	EXPECT_EQ(1, op.protect_range.pages);
	EXPECT_MAPPED(BASE, BASE + M2, "5*4K:rwuAD 1*4K:wuAD 506*4K:rwuAD");
	EXPECT_GONE(BASE + 5 * PAGE);
	EXPECT_PAGE(BASE + 4 * PAGE, &mem, 4 * PAGE);
	EXPECT_PAGE(BASE + 6 * PAGE, &mem, 6 * PAGE);
	drop(_metadata, self);
}

/* --- replacing ------------------------------------------------------------ */

TEST_F_TIMEOUT(pages, replace__small_pages_within_2m, LIMIT)
{
	struct memory mem = new_memory(_metadata, self, M2, M2);
	struct memory other = new_memory(_metadata, self, M2, PAGE);

	map_at(_metadata, self, BASE, &mem, 0, 512, RW, VMSPACE_PAGE_2M);
	warm(_metadata, self, BASE + 7 * PAGE, &mem, 7 * PAGE);
	open_at(_metadata, self, BASE, BASE + M2, 0);
	ASSERT_EQ(0, jump(self, BASE + 7 * PAGE));
	ASSERT_EQ(0, map(self, &other, 3, 2, RO, VMSPACE_REPLACE));
	EXPECT_EQ(BASE + 9 * PAGE, position(self));
	EXPECT_MAPPED(BASE, BASE + M2, "7*4K:rwuAD 2*4K:ru 503*4K:rwuAD");
	EXPECT_PAGE(BASE + 6 * PAGE, &mem, 6 * PAGE);
	EXPECT_PAGE(BASE + 7 * PAGE, &other, 3 * PAGE);
	EXPECT_PAGE(BASE + 8 * PAGE, &other, 4 * PAGE);
	EXPECT_PAGE(BASE + 9 * PAGE, &mem, 9 * PAGE);
	drop(_metadata, self);
	EXPECT_CONTENTS(0, BASE, 7 * PAGE, &mem, 0);
	EXPECT_CONTENTS(0, BASE + 9 * PAGE, 503 * PAGE, &mem, 9 * PAGE);
	/* All the small ones, over small ones and large ones. */
	map_at(_metadata, self, BASE, &other, 0, 512, RW, VMSPACE_REPLACE);
	EXPECT_MAPPED(BASE, BASE + M2, "512*4K:rwu");
	EXPECT_CONTENTS(0, BASE, M2, &other, 0);
	unmap_at(_metadata, self, BASE, BASE + M2, 512);
	map_at(_metadata, self, BASE, &mem, 0, 512, RW, VMSPACE_PAGE_2M);
	warm(_metadata, self, BASE, &mem, 0);
	map_at(_metadata, self, BASE, &other, 0, 512, RW, VMSPACE_REPLACE);
	EXPECT_MAPPED(BASE, BASE + M2, "512*4K:rwu");
	EXPECT_PAGE(BASE, &other, 0);
	EXPECT_CONTENTS(0, BASE, M2, &other, 0);
	EXPECT_EQ(512, vms_count_pages(self->fd, self->space));
	unmap_at(_metadata, self, BASE, BASE + M2, 512);
	EXPECT_TABLES(1);
}

TEST_F_TIMEOUT(pages, replace__2m_by_2m, LIMIT)
{
	struct memory mem = new_memory(_metadata, self, 2 * M2, M2);
	struct memory other = new_memory(_metadata, self, 2 * M2, M2);
	unsigned int round;

	map_at(_metadata, self, BASE, &mem, 0, 2 * 512, RW, VMSPACE_PAGE_2M);
	for (round = 0; round < 10; round++) {
		const struct memory *old = round % 2 ? &other : &mem;
		const struct memory *new = round % 2 ? &mem : &other;

		warm(_metadata, self, BASE + round * PAGE, old, round * PAGE);
		warm(_metadata, self, BASE + M2, old, M2);
		map_at(_metadata, self, BASE, new, 0, 2 * 512, RW,
		       VMSPACE_PAGE_2M | VMSPACE_REPLACE);
		EXPECT_MAPPED(BASE, BASE + 2 * M2, "2*2M:rwu");
		EXPECT_PAGE(BASE + round * PAGE, new, round * PAGE);
		EXPECT_PAGE(BASE + M2, new, M2);
	}
	EXPECT_EQ(2 * 512, vms_count_pages(self->fd, self->space));
	unmap_at(_metadata, self, BASE, BASE + 2 * M2, 2 * 512);
	EXPECT_TABLES(1);
}

TEST_F_TIMEOUT(pages, replace__a_table_by_2m, LIMIT)
{
	struct memory mem = new_memory(_metadata, self, M2, M2);
	struct memory small = new_memory(_metadata, self, M2, PAGE);
	unsigned int i;

	for (i = 0; i < 512; i += 100) {
		map_at(_metadata, self, BASE + i * PAGE, &small, i, 3, RW, 0);
		warm(_metadata, self, BASE + i * PAGE, &small, i * PAGE);
	}
	EXPECT_TABLES(vms_tables_for(self->info.levels, BASE, BASE + M2, 1));
	map_at(_metadata, self, BASE, &mem, 0, 512, RW, VMSPACE_PAGE_2M | VMSPACE_REPLACE);
	EXPECT_MAPPED(BASE, BASE + M2, "1*2M:rwu");
	EXPECT_TABLES(vms_tables_for(self->info.levels, BASE, BASE + M2, 2));
	EXPECT_EQ(512, vms_count_pages(self->fd, self->space));
	for (i = 0; i < 512; i += 50)
		EXPECT_PAGE(BASE + i * PAGE, &mem, i * PAGE);
	EXPECT_CONTENTS(0, BASE, M2, &mem, 0);
	unmap_at(_metadata, self, BASE, BASE + M2, 512);
	EXPECT_TABLES(1);
}

TEST_F_TIMEOUT(pages, replace__everything_by_1g_and_back, LIMIT)
{
	struct memory huge, mem = new_memory(_metadata, self, 2 * M2, M2);

	NEED_1G(huge);
	map_at(_metadata, self, BASE, &mem, 0, 512, RW, VMSPACE_PAGE_2M);
	map_at(_metadata, self, BASE + 5 * M2, &mem, 100, 50, RW, 0);
	map_at(_metadata, self, BASE + G1 - PAGE, &mem, 512, 1, RW, 0);
	warm(_metadata, self, BASE, &mem, 0);
	warm(_metadata, self, BASE + G1 - PAGE, &mem, M2);
	map_at(_metadata, self, BASE, &huge, 0, 512 * 512, RW, VMSPACE_PAGE_1G | VMSPACE_REPLACE);
	EXPECT_MAPPED(BASE, BASE + G1, "1*1G:rwu");
	EXPECT_TABLES(vms_tables_for(self->info.levels, BASE, BASE + G1, 3));
	EXPECT_PAGE(BASE, &huge, 0);
	EXPECT_PAGE(BASE + 5 * M2, &huge, 5 * M2);
	EXPECT_PAGE(BASE + G1 - PAGE, &huge, G1 - PAGE);
	warm(_metadata, self, BASE + 4 * M2, &huge, 4 * M2);
	/* Back: 2M, and a few small ones. */
	map_at(_metadata, self, BASE + 4 * M2, &mem, 0, 512, RW,
	       VMSPACE_PAGE_2M | VMSPACE_REPLACE);
	map_at(_metadata, self, BASE + 6 * M2 + 9 * PAGE, &mem, 600, 2, RO, VMSPACE_REPLACE);
	EXPECT_MAPPED(BASE, BASE + G1,
		      "4*2M:rwuAD 1*2M:rwu 1*2M:rwuAD 9*4K:rwuAD 2*4K:ru 501*4K:rwuAD 505*2M:rwuAD");
	EXPECT_PAGE(BASE + 4 * M2, &mem, 0);
	EXPECT_PAGE(BASE + 6 * M2 + 9 * PAGE, &mem, 600 * PAGE);
	EXPECT_PAGE(BASE + 6 * M2 + 11 * PAGE, &huge, 6 * M2 + 11 * PAGE);
	EXPECT_PAGE(BASE + 7 * M2, &huge, 7 * M2);
	unmap_at(_metadata, self, BASE, BASE + G1, 512 * 512);
	EXPECT_TABLES(1);
}

/* --- ranges --------------------------------------------------------------- */

/*
 * Map, protect and unmap with one operation each, around a boundary of 1G, at
 * a position that is no multiple of anything.
 */
static void whole_range(struct __test_metadata *_metadata, struct _test_data_pages *self,
			const struct memory *mem, __u64 n)
{
	const __u64 start = BASE + G1 - (n / 2 + n % 2) * PAGE - (n > 1000 ? 37 * PAGE : 0);
	const __u64 end = start + n * PAGE;
	const unsigned int levels = self->info.levels;
	struct vms_text expected = {};
	struct vmspace_op op;
	char text[64];

	open_at(_metadata, self, start, end, 0);
	ASSERT_EQ(0, map(self, mem, 0, n, RW, 0));
	EXPECT_EQ(end, position(self));
	EXPECT_EQ(vms_tables_for(levels, start, end, 1), vms_count_tables(self->fd, self->space));
	EXPECT_EQ(n, vms_count_pages(self->fd, self->space));
	snprintf(text, sizeof(text), "1*- %llu*4K:rwu 1*-", n);
	EXPECT_MAPPED(start - PAGE, end + PAGE, text);
	EXPECT_CONTENTS(n, start, n * PAGE, mem, 0);
	warm(_metadata, self, start, mem, 0);
	warm(_metadata, self, end - PAGE, mem, (n - 1) * PAGE);

	ASSERT_EQ(0, jump(self, start));
	ASSERT_EQ(0, vms_protect(self->fd, self->cursor, n * PAGE, WRITE, VMSPACE_PROP_SOFT, 0,
				 &op));
	EXPECT_EQ(n, op.protect_range.pages);
	EXPECT_EQ(start, op.protect_range.start);
	EXPECT_EQ(end, op.protect_range.end);
	EXPECT_EQ(end, op.protect_range.va);
	/* All were loaded, the first and the last were stored to. */
	vms_text_add(&expected, PAGE, RO | VMSPACE_PROP_SOFT | A | D, 1);
	if (n > 2)
		vms_text_add(&expected, PAGE, RO | VMSPACE_PROP_SOFT | A, n - 2);
	if (n > 1)
		vms_text_add(&expected, PAGE, RO | VMSPACE_PROP_SOFT | A | D, 1);
	vms_text_flush(&expected);
	EXPECT_MAPPED(start, end, expected.text);
	expect_read_only(_metadata, self, start, __LINE__);
	expect_read_only(_metadata, self, end - PAGE, __LINE__);
	expect_read_only(_metadata, self, start + n / 2 * PAGE, __LINE__);
	/* More rights again, with no flush: the CPUs find out. */
	ASSERT_EQ(0, jump(self, start));
	ASSERT_EQ(0, vms_protect(self->fd, self->cursor, n * PAGE, VMSPACE_PROP_SOFT, WRITE, 0,
				 &op));
	EXPECT_EQ(n, op.protect_range.pages);
	warm(_metadata, self, start + n / 2 * PAGE, mem, n / 2 * PAGE);

	ASSERT_EQ(0, jump(self, start));
	ASSERT_EQ(0, vms_unmap(self->fd, self->cursor, n * PAGE, 0, &op));
	EXPECT_EQ(n, op.unmap.pages);
	EXPECT_EQ(n * PAGE, op.unmap.bytes);
	EXPECT_EQ(end, op.unmap.va);
	EXPECT_GONE(start);
	EXPECT_GONE(end - PAGE);
	EXPECT_GONE(start + n / 2 * PAGE);
	EXPECT_EQ(0, vms_count_pages(self->fd, self->space));
	drop(_metadata, self);
	EXPECT_TABLES(1);
}

TEST_F_TIMEOUT(pages, range__of_few_pages, LIMIT)
{
	struct memory mem = new_memory(_metadata, self, M2 + PAGE, PAGE);

	whole_range(_metadata, self, &mem, 1);
	whole_range(_metadata, self, &mem, 2);
	whole_range(_metadata, self, &mem, 8);
	whole_range(_metadata, self, &mem, 512);
	whole_range(_metadata, self, &mem, 513);
}

TEST_F_TIMEOUT(pages, range__of_many_pages, LIMIT)
{
	struct memory mem = new_memory(_metadata, self, 32768 * PAGE, PAGE);

	whole_range(_metadata, self, &mem, 4096);
	whole_range(_metadata, self, &mem, 32768);
}

TEST_F_TIMEOUT(pages, range__of_all_sizes, LIMIT)
{
	struct memory mem = new_memory(_metadata, self, 64 * M2, M2);
	const __u64 start = BASE + G1 - 20 * M2 - 77 * PAGE;
	const __u64 n = 62 * 512 + 77 + 11, end = start + n * PAGE;
	struct vmspace_op op;

	open_at(_metadata, self, start, end, 0);
	ASSERT_EQ(0, map(self, &mem, 512 - 77, n, RW, VMSPACE_PAGE_LARGEST));
	EXPECT_MAPPED(start, end, "77*4K:rwu 62*2M:rwu 11*4K:rwu");
	EXPECT_EQ(n, vms_count_pages(self->fd, self->space));
	EXPECT_EQ(vms_tables_for(self->info.levels, start, end, 2) + 2,
		  vms_count_tables(self->fd, self->space));
	EXPECT_CONTENTS(1, start, n * PAGE, &mem, (512 - 77) * PAGE);
	/* From inside one to inside another. */
	ASSERT_EQ(0, jump(self, BASE + G1 - 3 * M2 + PAGE));
	ASSERT_EQ(0, vms_protect(self->fd, self->cursor, 6 * M2, WRITE | A, 0, 0, &op));
	EXPECT_EQ(6 * 512, op.protect_range.pages);
	EXPECT_MAPPED(start, end,
		      "77*4K:rwuA 17*2M:rwuA 1*4K:rwuA 511*4K:ru 5*2M:ru 1*4K:ru 511*4K:rwuA 38*2M:rwuA 11*4K:rwuA");
	EXPECT_CONTENTS(2, start, n * PAGE, &mem, (512 - 77) * PAGE);
	ASSERT_EQ(0, jump(self, start + 7 * PAGE));
	ASSERT_EQ(0, vms_unmap(self->fd, self->cursor, (n - 8) * PAGE, 0, &op));
	EXPECT_EQ(n - 8, op.unmap.pages);
	EXPECT_EQ(8, vms_count_pages(self->fd, self->space));
	EXPECT_EQ(vms_tables_for(self->info.levels, start, end, 2) + 2,
		  vms_count_tables(self->fd, self->space));
	ASSERT_EQ(0, jump(self, start));
	ASSERT_EQ(0, vms_unmap(self->fd, self->cursor, end - start, 0, &op));
	EXPECT_EQ(8, op.unmap.pages);
	drop(_metadata, self);
	EXPECT_TABLES(1);
}

TEST_F_TIMEOUT(pages, range__of_the_whole_space, LIMIT)
{
	struct memory mem = new_memory(_metadata, self, 2 * M2, M2);
	const __u64 last = self->info.va_end - M2 + PAGE;	/* of the last 2M slot */
	struct vmspace_op op;

	open_at(_metadata, self, 0, self->info.va_end, 0);
	ASSERT_EQ(0, map(self, &mem, 0, 512, RW, VMSPACE_PAGE_2M));
	ASSERT_EQ(0, jump(self, BASE + 5 * PAGE));
	ASSERT_EQ(0, map(self, &mem, 5, 7, RW, 0));
	/* The last page is not part of the space, so that slot has no large page. */
	ASSERT_EQ(0, jump(self, last));
	EXPECT_REFUSED(ERANGE, map(self, &mem, 512, 512, RW, VMSPACE_PAGE_2M));
	EXPECT_REFUSED(ERANGE, map(self, &mem, 512, 512, RW, 0));
	ASSERT_EQ(0, map(self, &mem, 512, 511, RW, VMSPACE_PAGE_LARGEST));
	EXPECT_EQ(self->info.va_end, position(self));
	EXPECT_PAGE(self->info.va_end - PAGE, &mem, M2 + 510 * PAGE);
	EXPECT_PAGE(0, &mem, 0);
	ASSERT_EQ(0, jump(self, 0));
	ASSERT_EQ(0, vms_protect(self->fd, self->cursor, self->info.va_end, WRITE, 0, 0, &op));
	EXPECT_EQ(512 + 7 + 511, op.protect_range.pages);
	expect_read_only(_metadata, self, self->info.va_end - PAGE, __LINE__);
	ASSERT_EQ(0, jump(self, 0));
	ASSERT_EQ(0, vms_unmap(self->fd, self->cursor, self->info.va_end, 0, &op));
	EXPECT_EQ(512 + 7 + 511, op.unmap.pages);
	EXPECT_EQ(self->info.va_end, op.unmap.va);
	EXPECT_GONE(0);
	EXPECT_GONE(BASE + 5 * PAGE);
	EXPECT_GONE(self->info.va_end - PAGE);
	/* Below the root, which is the covering node, nothing is left even now. */
	EXPECT_TABLES(1);
	drop(_metadata, self);
}

/* --- deferred flushes ----------------------------------------------------- */

TEST_F_TIMEOUT(pages, defer__holds_2m_pages_back, LIMIT)
{
	struct memory mem = new_memory(_metadata, self, 3 * M2, M2);
	struct vmspace_op op;
	__u64 deferred;

	map_at(_metadata, self, BASE, &mem, 0, 3 * 512, RW, VMSPACE_PAGE_2M);
	warm(_metadata, self, BASE + PAGE, &mem, PAGE);
	open_at(_metadata, self, BASE, BASE + 3 * M2, 0);
	ASSERT_EQ(0, vms_unmap(self->fd, self->cursor, M2, VMSPACE_DEFER, &op));
	EXPECT_EQ(512, op.unmap.pages);
	ASSERT_EQ(0, vms_unmap(self->fd, self->cursor, M2, VMSPACE_DEFER, &op));
	EXPECT_EQ(512, op.unmap.pages);
	ASSERT_EQ(0, vms_space_stat(self->fd, self->space, &op));
	EXPECT_EQ(1024, op.space_stat.deferred);
	EXPECT_EQ(512, op.space_stat.pages);
	/* Where a page has to be split, that may be flushed at once. */
	ASSERT_EQ(0, vms_unmap(self->fd, self->cursor, PAGE, VMSPACE_DEFER, &op));
	EXPECT_EQ(1, op.unmap.pages);
	ASSERT_EQ(0, vms_space_stat(self->fd, self->space, &op));
	deferred = op.space_stat.deferred;
	EXPECT_TRUE(deferred == 1 || deferred == 1025);
	EXPECT_EQ(511, op.space_stat.pages);
	ASSERT_EQ(0, vms_flush_sync(self->fd, self->cursor, &op));
	EXPECT_EQ(deferred, op.flush.pages);
	ASSERT_EQ(0, vms_space_stat(self->fd, self->space, &op));
	EXPECT_EQ(0, op.space_stat.deferred);
	EXPECT_GONE(BASE + PAGE);
	EXPECT_GONE(BASE + 2 * M2);
	EXPECT_PAGE(BASE + 2 * M2 + PAGE, &mem, 2 * M2 + PAGE);
	drop(_metadata, self);
}

TEST_F_TIMEOUT(pages, defer__stays_within_the_limit, LIMIT)
{
	struct memory mem = new_memory(_metadata, self, 2 * M2, M2);
	const __u64 n = self->info.max_deferred / 512 + 30;
	struct vmspace_op op;
	__u64 i;

	/* As 2M pages, and as small ones, which go table by table. */
	for (i = 0; i < 2 * n; i++)
		map_at(_metadata, self, BASE + i * M2, &mem, 0, 512, RO, i < n ?
		       VMSPACE_PAGE_2M : 0);
	open_at(_metadata, self, BASE, BASE + 2 * n * M2, 0);
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, vms_unmap(self->fd, self->cursor, n * M2, VMSPACE_DEFER, &op));
		EXPECT_EQ(n * 512, op.unmap.pages);
		ASSERT_EQ(0, vms_space_stat(self->fd, self->space, &op));
		EXPECT_LE(op.space_stat.deferred, self->info.max_deferred);
	}
	drop(_metadata, self);
	ASSERT_EQ(0, vms_space_stat(self->fd, self->space, &op));
	EXPECT_EQ(0, op.space_stat.deferred);
	EXPECT_EQ(1, op.space_stat.tables);
}

TEST_F_TIMEOUT(pages, defer__stays_within_the_limit_with_1g, LIMIT)
{
	struct vmspace_op op;
	struct memory mem;

	NEED_1G(mem);
	map_at(_metadata, self, BASE, &mem, 0, 512 * 512, RW, VMSPACE_PAGE_1G);
	open_at(_metadata, self, BASE, BASE + G1, 0);
	ASSERT_EQ(0, vms_unmap(self->fd, self->cursor, G1, VMSPACE_DEFER, &op));
	EXPECT_EQ(512 * 512, op.unmap.pages);
	ASSERT_EQ(0, vms_space_stat(self->fd, self->space, &op));
	EXPECT_LE(op.space_stat.deferred, self->info.max_deferred);
	drop(_metadata, self);
}

/* --- enumerating ---------------------------------------------------------- */

/* A few pages of both sizes with holes: 3 + 2 + 5 + 1 mappings. */
#define NR_SOME	11

static void map_some(struct __test_metadata *_metadata, struct _test_data_pages *self,
		     const struct memory *mem)
{
	map_at(_metadata, self, BASE + M2 - 3 * PAGE, mem, 509, 3 + 2 * 512 + 5, RW,
	       VMSPACE_PAGE_LARGEST);
	map_at(_metadata, self, BASE + G1, mem, 0, 1, RO, 0);
}

TEST_F_TIMEOUT(pages, enumerate__in_small_portions, LIMIT)
{
	struct memory mem = new_memory(_metadata, self, 4 * M2, M2);
	struct vmspace_mapping all[NR_SOME + 1], some[NR_SOME + 1];
	const __u64 end = BASE + G1 + M2;
	unsigned int portion, kind;
	struct vmspace_op op;

	map_some(_metadata, self, &mem);
	for (kind = VMSPACE_OP_OPEN_CURSOR; kind <= VMSPACE_OP_OPEN_CURSOR_MUT; kind++) {
		self->cursor = vms_open_cursor_as(self->fd, kind, self->space, BASE, end, 0);
		ASSERT_GT(self->cursor, 0);
		remember(_metadata, self);
		ASSERT_EQ(0, vms_enumerate(self->fd, self->cursor, all, NR_SOME + 1, 0, 0, &op));
		ASSERT_EQ(NR_SOME, op.enumerate.found);
		EXPECT_EQ(end, op.enumerate.va);
		EXPECT_EQ(end, position(self));
		EXPECT_EQ(BASE + G1, all[NR_SOME - 1].start);
		EXPECT_EQ(RO, all[NR_SOME - 1].prop);
		/* At the end there is nothing more. */
		ASSERT_EQ(0, vms_enumerate(self->fd, self->cursor, some, 1, 0, 0, &op));
		EXPECT_EQ(0, op.enumerate.found);
		EXPECT_EQ(end, op.enumerate.va);
		for (portion = 1; portion <= NR_SOME; portion++) {
			unsigned int n = 0;

			memset(some, 0xff, sizeof(some));
			ASSERT_EQ(0, jump(self, BASE));
			do {
				ASSERT_EQ(0, vms_enumerate(self->fd, self->cursor, some + n,
							   portion < NR_SOME - n ? portion :
							   NR_SOME - n + 1, 0, 0, &op));
				n += op.enumerate.found;
				ASSERT_LE(n, NR_SOME);
				if (n < NR_SOME)
					EXPECT_EQ(some[n - 1].end, op.enumerate.va);
			} while (op.enumerate.va < end);
			EXPECT_EQ(NR_SOME, n);
			EXPECT_EQ(0, memcmp(all, some, NR_SOME * sizeof(*all)));
		}
		EXPECT_STREQ(self->bytes, vms_table_bytes(self->fd, self->space));
		drop(_metadata, self);
	}
}

TEST_F_TIMEOUT(pages, enumerate__from_the_middle_of_a_page, LIMIT)
{
	struct memory mem = new_memory(_metadata, self, 4 * M2, M2);
	struct vmspace_mapping m[4];
	struct vmspace_op op;

	map_at(_metadata, self, BASE, &mem, 0, 3 * 512, RW, VMSPACE_PAGE_2M);
	open_at(_metadata, self, BASE + PAGE, BASE + 2 * M2 + PAGE, 0);
	ASSERT_EQ(0, vms_enumerate(self->fd, self->cursor, m, 4, 0, 0, &op));
	ASSERT_EQ(3, op.enumerate.found);
	EXPECT_EQ(BASE, m[0].start);
	EXPECT_EQ(BASE + M2, m[0].end);
	EXPECT_EQ(BASE + 2 * M2, m[2].start);
	EXPECT_EQ(BASE + 3 * M2, m[2].end);
	EXPECT_EQ(BASE + 2 * M2 + PAGE, op.enumerate.va);
	ASSERT_EQ(0, jump(self, BASE + 2 * M2 - PAGE));
	ASSERT_EQ(0, vms_enumerate(self->fd, self->cursor, m, 1, 0, 0, &op));
	ASSERT_EQ(1, op.enumerate.found);
	EXPECT_EQ(BASE + M2, m[0].start);
	EXPECT_EQ(BASE + 2 * M2, op.enumerate.va);
	drop(_metadata, self);
}

TEST_F_TIMEOUT(pages, enumerate__bad_memory, LIMIT)
{
	struct memory mem = new_memory(_metadata, self, 4 * M2, M2);
	const size_t size = sizeof(struct vmspace_mapping);
	struct vmspace_mapping *m, *edge;
	struct vmspace_op op;
	char *own;

	map_some(_metadata, self, &mem);
	own = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)own);
	ASSERT_EQ(0, mprotect(own + PAGE, PAGE, PROT_NONE));
	ASSERT_EQ(0, mprotect(own + 2 * PAGE, PAGE, PROT_READ));
	edge = (void *)(own + PAGE);
	/* There is something to clear, which is not cleared if it cannot be told. */
	warm(_metadata, self, BASE + M2 - 3 * PAGE, &mem, 509 * PAGE);
	warm(_metadata, self, BASE + 2 * M2, &mem, 1024 * PAGE);
	open_at(_metadata, self, BASE, BASE + G1 + M2, 0);
	EXPECT_REFUSED(EFAULT, vms_enumerate(self->fd, self->cursor, NULL, 1, 0, 0, &op));
	EXPECT_EQ(0, op.enumerate.found);
	EXPECT_REFUSED(EFAULT, vms_enumerate(self->fd, self->cursor, edge, 1, A | D, 0, &op));
	EXPECT_REFUSED(EFAULT, vms_enumerate(self->fd, self->cursor, (void *)(own + 2 * PAGE), 1,
					     A | D, 0, &op));
	EXPECT_REFUSED(EFAULT, vms_enumerate(self->fd, self->cursor, (void *)-4096UL, 1, 0, 0,
					     &op));
	EXPECT_REFUSED(EFAULT, vms_enumerate(self->fd, self->cursor,
					     (void *)0xffff888000000000UL, 1, 0, 0, &op));
	/* The first that does not fit as a whole ends it; the others were told. */
	m = edge - 4;
	EXPECT_EQ(-EFAULT, vms_enumerate(self->fd, self->cursor, m, 100, A | D, 0, &op));
	EXPECT_EQ(4, op.enumerate.found);
	EXPECT_EQ(RW | A | D, m[0].prop);
	EXPECT_EQ(RW, prop_at(self, BASE + M2 - 3 * PAGE));
	EXPECT_EQ(RW | A | D, prop_at(self, BASE + 2 * M2));
	EXPECT_EQ(BASE + 2 * M2, op.enumerate.va);
	EXPECT_EQ(BASE + M2, m[3].start);
	EXPECT_EQ(BASE + 2 * M2, m[3].end);
	EXPECT_EQ(BASE + 2 * M2, position(self));
	m = (void *)((char *)edge - size - size / 2);
	EXPECT_EQ(-EFAULT, vms_enumerate(self->fd, self->cursor, m, 100, 0, 0, &op));
	EXPECT_EQ(1, op.enumerate.found);
	EXPECT_EQ(BASE + 3 * M2, op.enumerate.va);
	/* And it goes on from there. */
	m = (void *)own;
	ASSERT_EQ(0, vms_enumerate(self->fd, self->cursor, m, 100, 0, 0, &op));
	EXPECT_EQ(6, op.enumerate.found);
	EXPECT_EQ(BASE + 3 * M2, m[0].start);
	drop(_metadata, self);
}

TEST_F_TIMEOUT(pages, enumerate__arguments, LIMIT)
{
	struct memory mem = new_memory(_metadata, self, 4 * M2, M2);
	struct vmspace_mapping m[4];
	unsigned int bit;
	struct vmspace_op op;

	map_some(_metadata, self, &mem);
	self->cursor = vms_open_cursor(self->fd, self->space, BASE, BASE + G1 + M2);
	ASSERT_GT(self->cursor, 0);
	EXPECT_REFUSED(EINVAL, vms_enumerate(self->fd, self->cursor, m, 0, 0, 0, &op));
	EXPECT_REFUSED(EINVAL, vms_enumerate(self->fd, self->cursor, m, 4, A, 0, &op));
	EXPECT_REFUSED(EINVAL, vms_enumerate(self->fd, self->cursor, m, 4, D, 0, &op));
	drop(_metadata, self);
	open_at(_metadata, self, BASE, BASE + G1 + M2, 0);
	for (bit = 1; bit; bit <<= 1)
		if (bit != A && bit != D)
			EXPECT_REFUSED(EINVAL, vms_enumerate(self->fd, self->cursor, m, 4, bit, 0,
							     &op));
	EXPECT_REFUSED(EINVAL, vms_enumerate(self->fd, self->cursor, m, 0, A, 0, &op));
	drop(_metadata, self);
	EXPECT_EQ(-ENOENT, vms_enumerate(self->fd, 0x3ffff0, m, 4, 0, 0, &op));
	EXPECT_EQ(-EINVAL, vms_enumerate(self->fd, self->space, m, 4, 0, 0, &op));
}

/* What CPUs said is read and cleared, and they say it again. */
TEST_F_TIMEOUT(pages, harvest__is_seen_by_the_cpus, LIMIT)
{
	struct memory mem = new_memory(_metadata, self, 4 * M2, M2);
	const unsigned int defer[] = { 0, VMSPACE_DEFER };
	struct vmspace_mapping m[NR_SOME];
	unsigned int round, clear;
	struct vmspace_op op;
	int i, j;

	map_some(_metadata, self, &mem);
	open_at(_metadata, self, BASE, BASE + G1 + M2, 0);
	for (round = 0; round < 12; round++) {
		clear = (A | D) & ~(round % 3 == 1 ? A : round % 3 == 2 ? D : 0);
		/* Each CPU stores to each page, and has it in its TLB, as dirty. */
		ASSERT_EQ(0, jump(self, BASE));
		ASSERT_EQ(0, vms_enumerate(self->fd, self->cursor, m, NR_SOME, 0, 0, &op));
		ASSERT_EQ(NR_SOME, op.enumerate.found);
		for (j = 0; j < NR_SOME - 1; j++)
			for (i = 0; i < self->nr_cpus; i++)
				ASSERT_EQ(LOADED, vms_store(self->fd, self->space, self->cpus[i],
							    m[j].end - 16, round));
		ASSERT_EQ(0, jump(self, BASE));
		ASSERT_EQ(0, vms_enumerate(self->fd, self->cursor, m, NR_SOME, clear,
					   defer[round / 3 % 2], &op));
		ASSERT_EQ(NR_SOME, op.enumerate.found);
		if (round / 3 % 2)
			ASSERT_EQ(0, vms_flush_sync(self->fd, self->cursor, &op));
		for (j = 0; j < NR_SOME - 1; j++) {
			EXPECT_EQ(RW | A | D, m[j].prop);
			EXPECT_EQ((RW | A | D) & ~clear, prop_at(self, m[j].start));
		}
		EXPECT_EQ(RO, m[NR_SOME - 1].prop);
		/* One CPU after the other. */
		for (i = 0; i < self->nr_cpus; i++) {
			for (j = 0; j < NR_SOME - 1; j++) {
				ASSERT_EQ(LOADED, vms_store(self->fd, self->space, self->cpus[i],
							    m[j].end - 16, round));
				EXPECT_EQ(RW | A | D, prop_at(self, m[j].start))
					TH_LOG("round %u: mapping %d, cpu %u", round, j,
					       self->cpus[i]);
			}
			ASSERT_EQ(0, jump(self, BASE));
			ASSERT_EQ(0, vms_enumerate(self->fd, self->cursor, m, NR_SOME, A | D, 0,
						   &op));
		}
	}
	drop(_metadata, self);
}

/* --- looking without a lock ----------------------------------------------- */

TEST_F_TIMEOUT(pages, translate__in_the_middle, LIMIT)
{
	struct memory huge = {}, mem = new_memory(_metadata, self, M2, M2);
	struct vmspace_op op;
	__u64 i;

	map_at(_metadata, self, BASE + M2, &mem, 0, 512, RX | VMSPACE_PROP_SOFT, VMSPACE_PAGE_2M);
	for (i = 0; i < M2; i += 12345) {
		ASSERT_EQ(0, vms_translate(self->fd, self->space, BASE + M2 + i, &op));
		EXPECT_EQ(1, op.query.present);
		EXPECT_EQ(BASE + M2, op.query.start);
		EXPECT_EQ(BASE + 2 * M2, op.query.end);
		EXPECT_EQ(RX | VMSPACE_PROP_SOFT, op.query.prop);
		EXPECT_EQ(VMSPACE_CACHE_WB, op.query.cache);
		EXPECT_EQ(0, op.query.pfn % 512);
		EXPECT_NE(0, op.query.pfn);
	}
	ASSERT_EQ(0, vms_translate(self->fd, self->space, BASE + M2 - 1, &op));
	EXPECT_EQ(0, op.query.present);
	EXPECT_LE(BASE, op.query.start);
	EXPECT_EQ(BASE + M2, op.query.end);
	ASSERT_EQ(0, vms_translate(self->fd, self->space, BASE + 2 * M2, &op));
	EXPECT_EQ(0, op.query.present);
	EXPECT_EQ(BASE + 2 * M2, op.query.start);
	NEED_1G(huge);
	map_at(_metadata, self, BASE + G1, &huge, 0, 512 * 512, RW, VMSPACE_PAGE_1G);
	for (i = 0; i < G1; i += 123456789) {
		ASSERT_EQ(0, vms_translate(self->fd, self->space, BASE + G1 + i, &op));
		EXPECT_EQ(1, op.query.present);
		EXPECT_EQ(BASE + G1, op.query.start);
		EXPECT_EQ(BASE + 2 * G1, op.query.end);
		EXPECT_EQ(0, op.query.pfn % (512 * 512));
	}
}

/* --- imports -------------------------------------------------------------- */

TEST_F_TIMEOUT(pages, import_2m__is_shared_with_its_owner, LIMIT)
{
	struct memory mem;
	__u64 i, value;
	long before;

	if (!want_huge_2m(self, 4))
		SKIP(return, "no hugetlb pages of 2M");
	before = vms_read_number(HUGE_2M "free_hugepages");
	mem = own_memory(self, 4 * M2, MAP_HUGE_OF(M2));
	ASSERT_NE(MAP_FAILED, (void *)mem.view);
	import(_metadata, self, &mem);
	map_at(_metadata, self, BASE, &mem, 0, 4 * 512, RW, VMSPACE_PAGE_2M);
	EXPECT_MAPPED(BASE, BASE + 4 * M2, "4*2M:rwu");
	EXPECT_CONTENTS(0, BASE, 4 * M2, &mem, 0);
	for (i = 0; i < 4 * 512; i += 61) {
		unsigned int cpu = self->cpus[i % self->nr_cpus];

		ASSERT_EQ(LOADED, vms_store(self->fd, self->space, cpu, BASE + i * PAGE + 64, ~i));
		EXPECT_EQ(~i, *(__u64 *)(mem.view + i * PAGE + 64));
		*(__u64 *)(mem.view + i * PAGE + 128) = i;
		ASSERT_EQ(LOADED, vms_load(self->fd, self->space, cpu, BASE + i * PAGE + 128,
					   &value));
		EXPECT_EQ(i, value);
	}
	/* The owner gives it up while it is mapped. */
	ASSERT_EQ(0, munmap(mem.view, mem.bytes));
	ASSERT_EQ(0, vms_drop_memory(self->fd, mem.id));
	EXPECT_CONTENTS(1, BASE, 4 * M2, &mem, 0);
	unmap_at(_metadata, self, BASE + 2 * M2 + PAGE, BASE + 3 * M2 - PAGE, 510);
	EXPECT_MAPPED(BASE, BASE + 4 * M2, "2*2M:rwuAD 1*4K:rwuAD 510*- 1*4K:rwuAD 1*2M:rwuAD");
	EXPECT_CONTENTS(2, BASE, 2 * M2 + PAGE, &mem, 0);
	EXPECT_CONTENTS(3, BASE + 3 * M2 - PAGE, M2 + PAGE, &mem, 3 * M2 - PAGE);
	EXPECT_EQ(before - 4, vms_read_number(HUGE_2M "free_hugepages"));
	/* A page goes back with its last piece. */
	unmap_at(_metadata, self, BASE, BASE + M2, 512);
	EXPECT_TRUE(free_huge_is(HUGE_2M "free_hugepages", before - 3));
	unmap_at(_metadata, self, BASE + 2 * M2, BASE + 2 * M2 + PAGE, 1);
	EXPECT_EQ(before - 3, vms_read_number(HUGE_2M "free_hugepages"));
	unmap_at(_metadata, self, BASE + 3 * M2 - PAGE, BASE + 3 * M2, 1);
	EXPECT_TRUE(free_huge_is(HUGE_2M "free_hugepages", before - 2));
	unmap_at(_metadata, self, BASE, BASE + 4 * M2, 2 * 512);
	EXPECT_TRUE(free_huge_is(HUGE_2M "free_hugepages", before));
	EXPECT_EQ(self->before.pins, vms_usage_now().pins);
	EXPECT_TABLES(1);
}

TEST_F_TIMEOUT(pages, import_2m__of_read_only_memory, LIMIT)
{
	struct vmspace_op op;
	struct memory mem;

	if (!want_huge_2m(self, 1))
		SKIP(return, "no hugetlb pages of 2M");
	mem = own_memory(self, M2, MAP_HUGE_OF(M2));
	ASSERT_NE(MAP_FAILED, (void *)mem.view);
	mem.id = vms_import(self->fd, mem.view, 512, 0);
	ASSERT_GT(mem.id, 0);
	open_at(_metadata, self, BASE, BASE + M2, VMSPACE_PAGE_2M);
	EXPECT_REFUSED(EACCES, map(self, &mem, 0, 512, RW, VMSPACE_PAGE_2M));
	ASSERT_EQ(0, map(self, &mem, 0, 512, RO, VMSPACE_PAGE_2M));
	ASSERT_EQ(0, jump(self, BASE + 3 * PAGE));
	EXPECT_REFUSED(EACCES, vms_protect(self->fd, self->cursor, PAGE, 0, WRITE, 0, &op));
	EXPECT_REFUSED(EACCES, vms_protect_next(self->fd, self->cursor, PAGE, 0, WRITE, 0, &op));
	EXPECT_REFUSED(EACCES, vms_protect(self->fd, self->cursor, M2 - 3 * PAGE, 0, WRITE, 0,
					   &op));
	expect_read_only(_metadata, self, BASE + 3 * PAGE, __LINE__);
	drop(_metadata, self);
	/* A page in the middle of others that may be written. */
	EXPECT_MAPPED(BASE, BASE + M2, "1*2M:ruA");
}

TEST_F_TIMEOUT(pages, import_1g__is_shared_with_its_owner, LIMIT)
{
	struct memory mem;
	__u64 i;

	NEED_1G(mem);
	EXPECT_EQ(self->before.pins + 512 * 512, vms_usage_now().pins);
	map_at(_metadata, self, BASE, &mem, 0, 512 * 512, RW, VMSPACE_PAGE_1G);
	ASSERT_EQ(0, vms_drop_memory(self->fd, mem.id));
	ASSERT_EQ(LOADED, vms_store(self->fd, self->space, self->cpus[0], BASE + G1 / 2 + 8, 77));
	EXPECT_EQ(77, *(__u64 *)(mem.view + G1 / 2 + 8));
	ASSERT_EQ(0, munmap(mem.view, mem.bytes));
	for (i = 0; i < 512 * 512; i += 10007)
		EXPECT_PAGE(BASE + i * PAGE, &mem, i * PAGE);
	unmap_at(_metadata, self, BASE + 3 * M2 + PAGE, BASE + 5 * M2, 2 * 512 - 1);
	EXPECT_MAPPED(BASE, BASE + G1, "3*2M:rwuAD 1*4K:rwuAD 1023*- 507*2M:rwuAD");
	EXPECT_CONTENTS(1, BASE + 2 * M2, M2 + PAGE, &mem, 2 * M2);
	EXPECT_CONTENTS(2, BASE + 5 * M2, M2, &mem, 5 * M2);
	/* All of it is pinned as long as a piece is mapped. */
	EXPECT_EQ(self->before.pins + 512 * 512, vms_usage_now().pins);
	unmap_at(_metadata, self, BASE, BASE + G1 - PAGE, 512 * 512 - 1023 - 1);
	EXPECT_EQ(self->before.pins + 512 * 512, vms_usage_now().pins);
	EXPECT_PAGE(BASE + G1 - PAGE, &mem, G1 - PAGE);
	EXPECT_EQ(0, vms_read_number(HUGE_1G "free_hugepages"));
	unmap_at(_metadata, self, BASE, BASE + G1, 1);
	EXPECT_EQ(self->before.pins, vms_usage_now().pins);
	EXPECT_TRUE(free_huge_is(HUGE_1G "free_hugepages", 1));
	EXPECT_TABLES(1);
}

TEST_F_TIMEOUT(pages, import_1g__as_2m_and_as_small_pages, LIMIT)
{
	struct memory mem;

	NEED_1G(mem);
	map_at(_metadata, self, BASE + 4 * M2, &mem, 512, 3 * 512, RW, VMSPACE_PAGE_2M);
	map_at(_metadata, self, BASE + 9 * M2 + PAGE, &mem, 77, 600, RW, 0);
	/* 1G does not fit there, 2M does. */
	map_at(_metadata, self, BASE + G1 + M2, &mem, 0, 512 * 512, RO, VMSPACE_PAGE_LARGEST);
	EXPECT_MAPPED(BASE + G1, BASE + 2 * G1 + M2, "512*- 512*2M:ru");
	EXPECT_CONTENTS(0, BASE + 4 * M2, 3 * M2, &mem, M2);
	EXPECT_CONTENTS(1, BASE + 9 * M2 + PAGE, 600 * PAGE, &mem, 77 * PAGE);
	EXPECT_CONTENTS(2, BASE + G1 + 300 * M2, 2 * M2, &mem, 299 * M2);
	/* The largest, where it fits. */
	map_at(_metadata, self, BASE + 4 * G1, &mem, 0, 512 * 512, RW, VMSPACE_PAGE_1G);
	open_at(_metadata, self, BASE + 6 * G1, BASE + 8 * G1, 0);
	ASSERT_EQ(0, map(self, &mem, 0, 512 * 512, RO, VMSPACE_PAGE_LARGEST));
	drop(_metadata, self);
	EXPECT_MAPPED(BASE + 6 * G1, BASE + 7 * G1, "1*1G:ru");
	ASSERT_EQ(0, vms_drop_memory(self->fd, mem.id));
	unmap_at(_metadata, self, BASE, BASE + 9 * G1, 3 * 512 + 600 + 3 * 512 * 512);
	EXPECT_EQ(self->before.pins, vms_usage_now().pins);
	EXPECT_TABLES(1);
}

TEST_F_TIMEOUT(pages, import__overlapping, LIMIT)
{
	struct memory mem, part;
	unsigned int round;

	if (!want_huge_2m(self, 4))
		SKIP(return, "no hugetlb pages of 2M");
	for (round = 0; round < 3; round++) {
		int first, second, third, small;

		mem = own_memory(self, 4 * M2, MAP_HUGE_OF(M2));
		ASSERT_NE(MAP_FAILED, (void *)mem.view);
		part = mem;
		/* Some of it, all of it, another part, and one page. */
		if (round == 1) {
			small = vms_import(self->fd, mem.view + M2 + 5 * PAGE, 1, VMSPACE_WRITABLE);
			ASSERT_GT(small, 0);
		}
		first = vms_import(self->fd, mem.view, 2 * 512, VMSPACE_WRITABLE);
		second = vms_import(self->fd, mem.view + M2 / 2, 3 * 512, VMSPACE_WRITABLE);
		third = vms_import(self->fd, mem.view, 4 * 512, 0);
		if (round != 1)
			small = vms_import(self->fd, mem.view + M2 + 5 * PAGE, 1, VMSPACE_WRITABLE);
		ASSERT_GT(first, 0);
		ASSERT_GT(second, 0);
		ASSERT_GT(third, 0);
		ASSERT_GT(small, 0);

		part.id = first;
		map_at(_metadata, self, BASE, &part, 0, 2 * 512, RW, VMSPACE_PAGE_LARGEST);
		part.id = second;
		map_at(_metadata, self, BASE + 4 * M2, &part, 0, 3 * 512, RW,
		       VMSPACE_PAGE_LARGEST);
		part.id = third;
		map_at(_metadata, self, BASE + 8 * M2, &part, 0, 4 * 512, RO,
		       VMSPACE_PAGE_LARGEST);
		part.id = small;
		map_at(_metadata, self, BASE + 12 * M2, &part, 0, 1, RW, 0);
		EXPECT_CONTENTS(0, BASE, 2 * M2, &mem, 0);
		EXPECT_CONTENTS(1, BASE + 4 * M2, 3 * M2, &mem, M2 / 2);
		EXPECT_CONTENTS(2, BASE + 8 * M2, 4 * M2, &mem, 0);
		EXPECT_CONTENTS(3, BASE + 12 * M2, PAGE, &mem, M2 + 5 * PAGE);
		EXPECT_EQ(pfn_at(self, BASE + M2), pfn_at(self, BASE + 4 * M2 + M2 / 2));
		EXPECT_EQ(pfn_at(self, BASE + M2 + 5 * PAGE), pfn_at(self, BASE + 12 * M2));
		ASSERT_EQ(LOADED, vms_store(self->fd, self->space, self->cpus[0],
					    BASE + 12 * M2 + 8, round));
		EXPECT_EQ(round, *(__u64 *)(mem.view + M2 + 5 * PAGE + 8));
		if (round != 1) {
			/* The whole pages were known as such when the second came. */
			EXPECT_MAPPED(BASE, BASE + 2 * M2, "2*2M:rwuA");
			EXPECT_MAPPED(BASE + 8 * M2, BASE + 10 * M2, "2*2M:ruA");
		}
		/* Each frame is pinned once, however many imports have it. */
		EXPECT_EQ(self->before.pins + 4 * 512, vms_usage_now().pins);
		ASSERT_EQ(0, munmap(mem.view, mem.bytes));
		/* In another order. */
		ASSERT_EQ(0, vms_drop_memory(self->fd, first));
		unmap_at(_metadata, self, BASE, BASE + 2 * M2, 2 * 512);
		EXPECT_CONTENTS(0, BASE + 8 * M2, 4 * M2, &mem, 0);
		ASSERT_EQ(0, vms_drop_memory(self->fd, third));
		unmap_at(_metadata, self, BASE + 8 * M2, BASE + 12 * M2, 4 * 512);
		EXPECT_CONTENTS(1, BASE + 4 * M2, 3 * M2, &mem, M2 / 2);
		EXPECT_CONTENTS(2, BASE + 12 * M2, PAGE, &mem, M2 + 5 * PAGE);
		ASSERT_EQ(0, vms_drop_memory(self->fd, second));
		unmap_at(_metadata, self, BASE + 4 * M2, BASE + 7 * M2, 3 * 512);
		EXPECT_CONTENTS(3, BASE + 12 * M2, PAGE, &mem, M2 + 5 * PAGE);
		ASSERT_EQ(0, vms_drop_memory(self->fd, small));
		unmap_at(_metadata, self, BASE + 12 * M2, BASE + 13 * M2, 1);
		EXPECT_EQ(self->before.pins, vms_usage_now().pins);
	}
	EXPECT_TABLES(1);
}

/* Runs as somebody who may lock 2M and 4 pages. */
static int import_up_to_the_limit(struct _test_data_pages *self)
{
	const struct rlimit limit = { M2 + 4 * PAGE, M2 + 4 * PAGE };
	struct memory mem = own_memory(self, M2, MAP_HUGE_OF(M2));
	struct memory small = own_memory(self, 8 * PAGE, 0);
	struct vmspace_op op;
	int round, cursor;

	if (mem.view == MAP_FAILED || small.view == MAP_FAILED)
		return 1;
	if (setrlimit(RLIMIT_MEMLOCK, &limit) || setresuid(65534, 65534, 65534))
		return 2;
	for (round = 0; round < 5; round++) {
		if (vms_import(self->fd, mem.view, 512 + 5, 0) >= 0)
			return 3;
		mem.id = vms_import(self->fd, mem.view, 512, VMSPACE_WRITABLE);
		if (mem.id < 0)
			return 4;
		if (vms_import(self->fd, small.view, 5, 0) != -ENOMEM)
			return 5;
		cursor = open_as(self, BASE, BASE + M2, VMSPACE_PAGE_2M);
		if (cursor < 0 || vms_map_range(self->fd, cursor, mem.id, 0, 512, RW,
						VMSPACE_PAGE_2M))
			return 6;
		if (vms_drop_memory(self->fd, mem.id))
			return 7;
		/* Split: any piece keeps all of it charged. */
		if (vms_jump(self->fd, cursor, BASE + PAGE) ||
		    vms_unmap(self->fd, cursor, M2 - 2 * PAGE, 0, &op) || op.unmap.pages != 510)
			return 8;
		if (vms_import(self->fd, small.view, 5, 0) != -ENOMEM)
			return 9;
		if (vms_jump(self->fd, cursor, BASE) ||
		    vms_unmap(self->fd, cursor, M2, 0, &op) || op.unmap.pages != 2)
			return 10;
		small.id = vms_import(self->fd, small.view, 8, 0);
		if (small.id < 0 || vms_drop_memory(self->fd, small.id))
			return 11;
		if (vms_drop_cursor(self->fd, cursor))
			return 12;
	}
	return 0;
}

TEST_F_TIMEOUT(pages, import_2m__charge_returns_to_zero, LIMIT)
{
	int status;
	pid_t pid;

	if (!want_huge_2m(self, 1))
		SKIP(return, "no hugetlb pages of 2M");
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid)
		_exit(import_up_to_the_limit(self));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFEXITED(status));
	EXPECT_EQ(0, WEXITSTATUS(status));
}

/* Transparent huge pages, if the kernel gives some, are 2M pages as well. */
TEST_F_TIMEOUT(pages, import__of_transparent_huge_pages, LIMIT)
{
	struct memory mem = own_memory(self, 4 * M2, 0);
	char *aligned = (char *)(((unsigned long)mem.view + M2 - 1) & -M2);
	struct vms_text seen;

	ASSERT_NE(MAP_FAILED, (void *)mem.view);
	munmap(mem.view, mem.bytes);
	mem.view = mmap(aligned, 3 * M2, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	ASSERT_EQ((void *)aligned, (void *)mem.view);
	mem.bytes = 3 * M2;
	madvise(mem.view, mem.bytes, MADV_HUGEPAGE);
	vms_fill(mem.view, mem.bytes, mem.seed);
	import(_metadata, self, &mem);
	map_at(_metadata, self, BASE, &mem, 0, 3 * 512, RW, VMSPACE_PAGE_LARGEST);
	vms_describe(self->fd, self->space, BASE, BASE + 3 * M2, &seen);
	TH_LOG("%s", seen.text);
	EXPECT_CONTENTS(0, BASE, 3 * M2, &mem, 0);
	/* The owner splits it, and gives a part of it up. */
	ASSERT_EQ(0, munmap(mem.view + PAGE, M2));
	EXPECT_CONTENTS(1, BASE, 3 * M2, &mem, 0);
	ASSERT_EQ(LOADED, vms_store(self->fd, self->space, self->cpus[0], BASE + 2 * M2 + 8, 77));
	EXPECT_EQ(77, *(__u64 *)(mem.view + 2 * M2 + 8));
	unmap_at(_metadata, self, BASE, BASE + 3 * M2, 3 * 512);
	ASSERT_EQ(0, vms_drop_memory(self->fd, mem.id));
	EXPECT_EQ(self->before.pins, vms_usage_now().pins);
}

/* --- lifetimes ------------------------------------------------------------ */

TEST_F_TIMEOUT(pages, frame_2m__outlives_its_memory_object, LIMIT)
{
	struct memory mem = new_memory(_metadata, self, 3 * M2, M2);
	struct memory other;
	__u64 i;

	map_at(_metadata, self, BASE, &mem, 0, 3 * 512, RW, VMSPACE_PAGE_2M);
	/* The middle one is split, before and after. */
	unmap_at(_metadata, self, BASE + M2 + 5 * PAGE, BASE + M2 + 6 * PAGE, 1);
	munmap(mem.view, mem.bytes);
	ASSERT_EQ(0, vms_drop_memory(self->fd, mem.id));
	unmap_at(_metadata, self, BASE + 2 * M2 + 5 * PAGE, BASE + 2 * M2 + 6 * PAGE, 1);
	/* What was freed too early is somebody else's by now. */
	for (i = 0; i < 4; i++) {
		other = new_memory(_metadata, self, 4 * M2, i % 2 ? PAGE : M2);
		munmap(other.view, other.bytes);
		ASSERT_EQ(0, vms_drop_memory(self->fd, other.id));
	}
	other = new_memory(_metadata, self, 4 * M2, M2);
	EXPECT_CONTENTS(0, BASE, M2 + 5 * PAGE, &mem, 0);
	EXPECT_CONTENTS(1, BASE + M2 + 6 * PAGE, M2 - PAGE, &mem, M2 + 6 * PAGE);
	EXPECT_CONTENTS(2, BASE + 2 * M2 + 6 * PAGE, M2 - 6 * PAGE, &mem, 2 * M2 + 6 * PAGE);
	unmap_at(_metadata, self, BASE, BASE + 3 * M2, 3 * 512 - 2);
	EXPECT_TABLES(1);
}

TEST_F_TIMEOUT(pages, memory__comes_back, LIMIT)
{
	const __u64 n = 48;
	struct vms_usage before;
	struct vmspace_op op;
	const char *left;
	unsigned int round;

	for (round = 0; round < 12; round++) {
		struct memory mem;
		__u64 i;

		/* The first rounds fill caches of the kernel. */
		if (round < 3)
			before = vms_usage_now();
		mem.id = vms_new_memory_of(self->fd, n, M2, VMSPACE_CACHE_WB, NULL);
		ASSERT_GT(mem.id, 0);
		map_at(_metadata, self, BASE, &mem, 0, n * 512, RW, VMSPACE_PAGE_2M);
		map_at(_metadata, self, BASE + G1, &mem, 0, n * 512, RW, 0);
		ASSERT_EQ(0, vms_drop_memory(self->fd, mem.id));
		/* Everywhere another piece is taken out, so that all are split. */
		open_at(_metadata, self, BASE, BASE + n * M2, 0);
		for (i = 0; i < n; i++) {
			ASSERT_EQ(0, jump(self, BASE + i * M2 + (i * 11 + round) % 512 * PAGE));
			ASSERT_EQ(0, vms_unmap(self->fd, self->cursor, PAGE,
					       i % 3 ? 0 : VMSPACE_DEFER, &op));
			ASSERT_EQ(1, op.unmap.pages);
		}
		drop(_metadata, self);
		if (round % 3 == 0) {
			unmap_at(_metadata, self, BASE, BASE + 2 * G1, n * 1024 - n);
		} else {
			/* With the space, in which all this is still mapped. */
			ASSERT_EQ(0, vms_drop_space(self->fd, self->space));
			self->space = vms_new_space(self->fd);
			ASSERT_GT(self->space, 0);
			ASSERT_GT(vms_activate_all(self->fd, self->space, VMSPACE_RESIDENT,
						   self->cpus), 0);
		}
		EXPECT_TABLES(1);
		/*
		 * Half of what a round takes. Each CPU's list of free pages, which is not
		 * counted as free, may hold some of 2M.
		 */
		left = vms_usage_not_back(&before, n * 512 / 2);
		EXPECT_EQ(NULL, left)
			TH_LOG("round %u: %s", round, left);
	}
}

/**
 * struct batcher - a thread that maps, changes and unmaps in large batches
 * @thread:	itself
 * @fd:		the file
 * @space:	the space
 * @large:	memory of large frames
 * @small:	memory of small frames
 * @pages:	4 KiB pages that each has
 * @va:		first address of its own
 * @cpu:	whose MMU it uses
 * @only_maps:	and unmaps; else it does all that there is
 * @rounds:	how many it did
 */
struct batcher {
	pthread_t thread;
	int fd;
	int space;
	int large;
	int small;
	unsigned int pages;
	__u64 va;
	unsigned int cpu;
	bool only_maps;
	unsigned int rounds;
};

static int batch_once(struct batcher *b, unsigned int round)
{
	const __u64 len = b->pages * PAGE;
	int cursor = vms_open_cursor_mut(b->fd, b->space, b->va, b->va + len);
	bool small = b->only_maps || round % 3 == 2;
	struct vmspace_op op;
	int ret;

	if (cursor < 0)
		return cursor;
	ret = vms_map_range(b->fd, cursor, small ? b->small : b->large, 0, b->pages, RW,
			    (round % 3 == 0 ? VMSPACE_PAGE_LARGEST : 0) |
			    (b->only_maps ? 0 : VMSPACE_REPLACE));
	if (!ret && !b->only_maps) {
		ret = vms_store(b->fd, b->space, b->cpu, b->va + round % b->pages * PAGE, round);
		ret = ret ?: vms_jump(b->fd, cursor, b->va + 7 * PAGE) ?:
		      vms_protect(b->fd, cursor, len - 9 * PAGE, round % 2 ? WRITE : READ, 0, 0,
				  &op) ?:
		      vms_jump(b->fd, cursor, b->va + 3 * PAGE) ?:
		      vms_unmap(b->fd, cursor, round % 4 ? len / 2 : len - 3 * PAGE,
				round % 2 ? VMSPACE_DEFER : 0, &op);
	} else if (!ret) {
		ret = vms_jump(b->fd, cursor, b->va) ?: vms_unmap(b->fd, cursor, len, 0, &op);
	}
	return ret ?: vms_drop_cursor(b->fd, cursor);
}

static void *batch_forever(void *arg)
{
	struct batcher *b = arg;

	while (!batch_once(b, b->rounds))
		__atomic_fetch_add(&b->rounds, 1, __ATOMIC_RELAXED);
	/* Nothing of this fails. */
	_exit(1);
}

/* Says on a pipe when it is in the middle of it. */
static void batch_until_killed(int ready, unsigned int pages, bool only_maps)
{
	struct batcher b[4] = {};
	unsigned int cpus[VMS_CPUS], i;
	int fd = vms_open(), n, large, small;

	large = only_maps ? 1 : vms_new_memory_of(fd, pages / 512, M2, VMSPACE_CACHE_WB, NULL);
	small = vms_new_memory(fd, pages);
	if (large < 0 || small < 0)
		_exit(2);
	for (i = 0; i < ARRAY_LEN(b); i++) {
		b[i] = (struct batcher) {
			.fd = fd,
			/* Two on each space. */
			.space = i % 2 ? b[i - 1].space : vms_new_space(fd),
			.large = large,
			.small = small,
			.pages = pages,
			/* Next to each other, across a boundary of 1G. */
			.va = BASE + G1 - (pages + 77) * PAGE + i % 2 * pages * PAGE,
			.only_maps = only_maps,
		};
		n = i % 2 ? 0 : vms_activate_all(fd, b[i].space, VMSPACE_RESIDENT, cpus);
		if (b[i].space < 0 || n < 0)
			_exit(3);
		b[i].cpu = n ? cpus[i % n] : b[i - 1].cpu;
		if (n)
			stay_on(cpus, n);
	}
	for (i = 0; i < ARRAY_LEN(b); i++)
		if (pthread_create(&b[i].thread, NULL, batch_forever, &b[i]))
			_exit(4);
	for (i = 0; i < ARRAY_LEN(b); i++)
		while (!__atomic_load_n(&b[i].rounds, __ATOMIC_RELAXED))
			vms_pause();
	if (write(ready, "", 1) != 1)
		_exit(5);
	pause();
}

static void kill_in_batches(struct __test_metadata *_metadata, unsigned int pages, bool only_maps)
{
	struct vms_usage before;
	unsigned int round;
	const char *left;
	int status, ready[2];
	char byte;
	pid_t pid;

	for (round = 0; round < 12; round++) {
		if (round < 2)
			before = vms_usage_now();
		ASSERT_EQ(0, pipe(ready));
		pid = fork();
		ASSERT_GE(pid, 0);
		if (!pid)
			batch_until_killed(ready[1], pages, only_maps);
		close(ready[1]);
		EXPECT_EQ(1, read(ready[0], &byte, 1));
		close(ready[0]);
		usleep(round * 3712 % 20000);
		ASSERT_EQ(0, kill(pid, SIGKILL));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		ASSERT_TRUE(WIFSIGNALED(status))
			TH_LOG("exit %d", WEXITSTATUS(status));
		left = vms_usage_not_back(&before, 2 * VMS_SLACK);
		ASSERT_EQ(NULL, left)
			TH_LOG("round %u: %s", round, left);
	}
}

TEST_F_TIMEOUT(pages, killed__in_the_middle_of_batches, LIMIT)
{
	kill_in_batches(_metadata, 4096, false);
}

TEST_F_TIMEOUT(pages, killed__in_the_middle_of_large_maps, LIMIT)
{
	kill_in_batches(_metadata, 32768, true);
}

TEST_HARNESS_MAIN
