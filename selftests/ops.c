// SPDX-License-Identifier: GPL-2.0
/*
 * Each operation: what it does, what it refuses, and that what it refuses
 * changes nothing.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include "kselftest_harness.h"
#include "vmspace.h"

/*
 * The range of the tests' cursor, on both sides of a boundary of tables: the
 * first half of its pages is below other tables of two levels than the second.
 */
#define NR_PAGES	64
#define MIDDLE		(512 * 512 * PAGE)
#define START		(MIDDLE - NR_PAGES / 2 * PAGE)
#define END		(MIDDLE + NR_PAGES / 2 * PAGE)
#define LEN		(END - START)
#define VA(page)	(START + (page) * PAGE)

#define CPU		0U	/* whose MMU the tests use */
#define UNUSED_ID	0x3ffff0
#define NOBODY		12345	/* a user without capabilities */

/**
 * struct snapshot - all that a program can see of a space
 * @id:		an id that was made just now, and dropped
 * @va:		position of the cursor
 * @at:		what a query says there
 * @stat:	counters of the space
 * @view:	what is mapped at each page
 * @bytes:	of the tables
 */
struct snapshot {
	int id;
	__u64 va;
	struct vmspace_op at;
	struct vmspace_op stat;
	struct vmspace_op view[NR_PAGES];
	char *bytes;
};

FIXTURE(ops)
{
	int fd;
	struct vmspace_info info;
	int space;
	int memory;		/* as many pages as the range has */
	int cursor;		/* over the range, or 0 */
	struct snapshot before;
};

FIXTURE_SETUP(ops)
{
	self->fd = vms_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, vms_info(self->fd, &self->info));
	self->space = vms_new_space(self->fd);
	self->memory = vms_new_memory(self->fd, NR_PAGES);
	self->cursor = vms_open_cursor_mut(self->fd, self->space, START, END);
	ASSERT_LT(0, self->cursor);
}

FIXTURE_TEARDOWN(ops)
{
	free(self->before.bytes);
	close(self->fd);
}

static void view_take(struct __test_metadata *_metadata, struct _test_data_ops *self,
		      struct vmspace_op *view)
{
	struct vmspace_step step;
	unsigned int i;

	for (i = 0; i < NR_PAGES; i++)
		view[i] = (struct vmspace_op) {
			.opcode = VMSPACE_OP_TRANSLATE,
			.id = self->space,
			.query.va = VA(i),
		};
	ASSERT_EQ(0, vms_step(self->fd, view, NR_PAGES, 0, &step));
	ASSERT_EQ(0, step.error);
}

static void snapshot_take(struct __test_metadata *_metadata, struct _test_data_ops *self,
			  struct snapshot *s)
{
	s->id = vms_new_space(self->fd);
	ASSERT_EQ(0, vms_drop_space(self->fd, s->id));
	if (self->cursor) {
		ASSERT_EQ(0, vms_virt_addr(self->fd, self->cursor, &s->va));
		vms_query(self->fd, self->cursor, &s->at);
	}
	ASSERT_EQ(0, vms_space_stat(self->fd, self->space, &s->stat));
	/* The one that comes and goes by itself. */
	s->stat.space_stat.inside = 0;
	view_take(_metadata, self, s->view);
	free(s->bytes);
	s->bytes = vms_table_bytes(self->fd, self->space);
	ASSERT_NE(NULL, s->bytes);
}

static void expect_unchanged(struct __test_metadata *_metadata, struct _test_data_ops *self,
			     int line)
{
	struct snapshot *before = &self->before, after = {};

	snapshot_take(_metadata, self, &after);
	EXPECT_EQ(before->id + 1, after.id)
		TH_LOG("line %d: an id was taken", line);
	if (self->cursor) {
		EXPECT_EQ(before->va, after.va)
			TH_LOG("line %d: the cursor has moved", line);
		EXPECT_EQ(0, memcmp(&before->at, &after.at, sizeof(after.at)))
			TH_LOG("line %d: the cursor sees something else", line);
	}
	EXPECT_EQ(0, memcmp(&before->stat, &after.stat, sizeof(after.stat)))
		TH_LOG("line %d: counters have changed", line);
	EXPECT_EQ(0, memcmp(before->view, after.view, sizeof(after.view)))
		TH_LOG("line %d: mappings have changed", line);
	EXPECT_STREQ(before->bytes, after.bytes)
		TH_LOG("line %d: tables have changed", line);
	free(after.bytes);
}

/* The call fails, and nothing has changed. */
#define EXPECT_REFUSED(error, call) do {				\
	snapshot_take(_metadata, self, &self->before);			\
	EXPECT_EQ(-(error), call);					\
	expect_unchanged(_metadata, self, __LINE__);			\
} while (0)

/* The call succeeds, and nothing has changed but perhaps the position. */
#define EXPECT_ONLY_LOOKS(call) do {					\
	snapshot_take(_metadata, self, &self->before);			\
	EXPECT_EQ(0, call);						\
	vms_virt_addr(self->fd, self->cursor, &self->before.va);	\
	vms_query(self->fd, self->cursor, &self->before.at);		\
	expect_unchanged(_metadata, self, __LINE__);			\
} while (0)

static void expect_at(struct __test_metadata *_metadata, struct _test_data_ops *self, __u64 va)
{
	__u64 at;

	EXPECT_EQ(0, vms_virt_addr(self->fd, self->cursor, &at));
	EXPECT_EQ(va, at);
}

/* The pages from the start of the range: x is mapped, . is not. */
static void expect_pages(struct __test_metadata *_metadata, struct _test_data_ops *self,
			 const char *pages)
{
	struct vmspace_op view[NR_PAGES];
	char seen[NR_PAGES + 1] = {};
	unsigned int i, mapped = 0;

	view_take(_metadata, self, view);
	for (i = 0; i < NR_PAGES; i++) {
		seen[i] = view[i].query.present ? 'x' : '.';
		mapped += view[i].query.present;
	}
	for (i = 0; pages[i]; i++)
		mapped -= pages[i] == 'x';
	EXPECT_EQ(0, strncmp(pages, seen, strlen(pages)))
		TH_LOG("expected %s, seen %s", pages, seen);
	EXPECT_EQ(0, mapped)
		TH_LOG("others are mapped: %s", seen);
}

static struct vmspace_op space_stat(struct _test_data_ops *self)
{
	struct vmspace_op op;

	vms_space_stat(self->fd, self->space, &op);
	return op;
}

static __u64 count_tables(struct _test_data_ops *self)
{
	return space_stat(self).space_stat.tables;
}

/*
 * What stays while the cursor is open and nothing is mapped: its range crosses a
 * boundary of 1 GiB, so that a table of level 3 covers it.
 */
static __u64 kept_tables(struct _test_data_ops *self)
{
	return self->info.levels - 2;
}

static __u64 count_pages(struct _test_data_ops *self)
{
	return space_stat(self).space_stat.pages;
}

static __u64 count_deferred(struct _test_data_ops *self)
{
	return space_stat(self).space_stat.deferred;
}

/* Go to a page of the range; behind its last one too. */
static int go(struct _test_data_ops *self, unsigned int page)
{
	struct vmspace_op op;

	if (page < NR_PAGES)
		return vms_jump(self->fd, self->cursor, VA(page));
	/* There is no jump to the end, but one can be moved there. */
	return vms_jump(self->fd, self->cursor, VA(NR_PAGES - 1)) ?:
	       vms_protect_next(self->fd, self->cursor, PAGE, 0, 0, 0, &op);
}

/* Map a page of the memory at the same page of the range. */
static int map_page(struct _test_data_ops *self, unsigned int page, unsigned int prop)
{
	return go(self, page) ?: vms_map(self->fd, self->cursor, self->memory, page, prop);
}

static int map_pages(struct _test_data_ops *self, const char *pages)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; pages[i] && !ret; i++)
		if (pages[i] == 'x')
			ret = map_page(self, i, RW);
	return ret;
}

static int map_here(struct _test_data_ops *self, unsigned int index, unsigned int prop,
		    unsigned int flags)
{
	return vms_map_as(self->fd, self->cursor, self->memory, index, prop, flags);
}

static unsigned int prop_of(struct _test_data_ops *self, unsigned int page)
{
	struct vmspace_op op;

	vms_translate(self->fd, self->space, VA(page), &op);
	return op.query.prop;
}

static __u64 pfn_of(struct _test_data_ops *self, unsigned int page)
{
	struct vmspace_op op;

	vms_translate(self->fd, self->space, VA(page), &op);
	return op.query.pfn;
}

static void *anonymous(unsigned int pages)
{
	return mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
}

/* Pages of a memory object, as the program sees them. */
static void *look_at(int fd, __u64 offset, unsigned int pages)
{
	return mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
}

/* A memory object of pages that the program sees; its id or a negative error number. */
static int visible_memory(struct _test_data_ops *self, unsigned int pages, void **at)
{
	__u64 offset;
	int id = vms_new_memory_of(self->fd, pages, PAGE, VMSPACE_CACHE_WB, &offset);

	if (id < 0)
		return id;
	*at = look_at(self->fd, offset, pages);
	return *at == MAP_FAILED ? -errno : id;
}

static int become_nobody(rlim_t memlock)
{
	const struct rlimit limit = { .rlim_cur = memlock, .rlim_max = memlock };

	return setrlimit(RLIMIT_MEMLOCK, &limit) ?: setresuid(NOBODY, NOBODY, NOBODY);
}

static bool pause_until(bool (*condition)(void *arg), void *arg)
{
	unsigned int tries;

	for (tries = 0; tries < 1000; tries++) {
		if (condition(arg))
			return true;
		poll(NULL, 0, 5);
	}
	return false;
}

/**
 * struct opener - a thread that opens a cursor on the range, and drops it
 * @thread:	itself
 * @tid:	its number
 * @fd:		the file
 * @space:	the space
 * @users:	of the space, as soon as the thread waits
 * @ranks:	how many had the range so far
 * @result:	id of the cursor, or what the open said
 * @rank:	how many had the range before
 */
struct opener {
	pthread_t thread;
	pid_t tid;
	int fd;
	int space;
	unsigned int users;
	int *ranks;
	int result;
	int rank;
};

static void *opener_main(void *arg)
{
	struct opener *o = arg;

	__atomic_store_n(&o->tid, syscall(SYS_gettid), __ATOMIC_RELEASE);
	o->result = vms_open_cursor_mut(o->fd, o->space, START, END);
	if (o->result > 0) {
		/* Nobody else has the range now. */
		o->rank = __atomic_fetch_add(o->ranks, 1, __ATOMIC_RELAXED);
		vms_drop_cursor(o->fd, o->result);
	}
	return NULL;
}

static bool thread_sleeps(pid_t tid)
{
	char path[64], state = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	file = fopen(path, "r");
	if (!file)
		return false;
	if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
		state = 0;
	fclose(file);
	return state == 'S';
}

static bool opener_waits(void *arg)
{
	struct opener *o = arg;
	pid_t tid = __atomic_load_n(&o->tid, __ATOMIC_ACQUIRE);
	struct vmspace_op stat;

	return tid && !vms_space_stat(o->fd, o->space, &stat) &&
	       stat.space_stat.users >= o->users && thread_sleeps(tid);
}

/* Returns when it waits, as the @nth. */
static bool opener_start(struct _test_data_ops *self, struct opener *o, unsigned int nth,
			 int *ranks)
{
	*o = (struct opener) {
		.fd = self->fd,
		.space = self->space,
		.users = nth + 1,
		.ranks = ranks,
		.rank = -1,
	};
	return !pthread_create(&o->thread, NULL, opener_main, o) && pause_until(opener_waits, o);
}

static int open_as(struct _test_data_ops *self, __u64 start, __u64 end, unsigned int flags)
{
	return vms_open_cursor_as(self->fd, VMSPACE_OP_OPEN_CURSOR_MUT, self->space, start, end,
				  flags);
}

/* For tests that open cursors themselves. */
static void drop_own_cursor(struct _test_data_ops *self)
{
	vms_drop_cursor(self->fd, self->cursor);
	self->cursor = 0;
}

TEST_F(ops, open__misaligned)
{
	drop_own_cursor(self);
	EXPECT_REFUSED(EINVAL, open_as(self, START + 1, END, 0));
	EXPECT_REFUSED(EINVAL, open_as(self, START, END + 1, 0));
	EXPECT_REFUSED(EINVAL, open_as(self, START + PAGE / 2, END - PAGE / 2, 0));
	EXPECT_REFUSED(EINVAL, open_as(self, START, END - 1, 0));
	EXPECT_REFUSED(EINVAL, vms_open_cursor(self->fd, self->space, START + 8, END));
}

TEST_F(ops, open__empty_or_reversed)
{
	drop_own_cursor(self);
	EXPECT_REFUSED(EINVAL, open_as(self, START, START, 0));
	EXPECT_REFUSED(EINVAL, open_as(self, 0, 0, 0));
	EXPECT_REFUSED(EINVAL, open_as(self, END, START, 0));
	EXPECT_REFUSED(EINVAL, vms_open_cursor(self->fd, self->space, END, START));
}

TEST_F(ops, open__end_wraps_to_zero)
{
	drop_own_cursor(self);
	EXPECT_REFUSED(EINVAL, open_as(self, START, 0, 0));
	EXPECT_REFUSED(EINVAL, open_as(self, -PAGE, 0, 0));
	EXPECT_REFUSED(EINVAL, open_as(self, -PAGE, PAGE, 0));
}

TEST_F(ops, open__outside)
{
	const __u64 va_end = self->info.va_end, hole = va_end + PAGE;

	drop_own_cursor(self);
	EXPECT_REFUSED(ERANGE, open_as(self, va_end, va_end + PAGE, 0));
	EXPECT_REFUSED(ERANGE, open_as(self, va_end - PAGE, va_end + PAGE, 0));
	EXPECT_REFUSED(ERANGE, open_as(self, 0, hole, 0));
	EXPECT_REFUSED(ERANGE, vms_open_cursor(self->fd, self->space, 0, hole));
	/* Not canonical, in the kernel's half, at the very top. */
	EXPECT_REFUSED(ERANGE, open_as(self, hole, hole + PAGE, 0));
	EXPECT_REFUSED(ERANGE, open_as(self, START, 1ULL << 62, 0));
	EXPECT_REFUSED(ERANGE, open_as(self, -2 * hole, -hole, 0));
	EXPECT_REFUSED(ERANGE, open_as(self, -2 * PAGE, -PAGE, 0));
	EXPECT_REFUSED(ERANGE, open_as(self, 0, -PAGE, 0));
}

TEST_F(ops, open__whole_and_its_ends)
{
	const __u64 va_end = self->info.va_end;
	const __u64 ranges[][2] = {
		{ 0, PAGE }, { va_end - PAGE, va_end }, { 0, va_end }, { START, START + PAGE },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ranges); i++) {
		drop_own_cursor(self);
		self->cursor = open_as(self, ranges[i][0], ranges[i][1], 0);
		ASSERT_LT(0, self->cursor);
		expect_at(_metadata, self, ranges[i][0]);
		EXPECT_EQ(-ERANGE, vms_jump(self->fd, self->cursor, ranges[i][1]));
		EXPECT_EQ(0, vms_jump(self->fd, self->cursor, ranges[i][1] - PAGE));
	}
}

/* Every cursor excludes every other whose range overlaps. */
TEST_F(ops, open__nonblock_on_a_range_in_use)
{
	static const unsigned int opcodes[] = {
		VMSPACE_OP_OPEN_CURSOR, VMSPACE_OP_OPEN_CURSOR_MUT,
	};
	const __u64 ranges[][2] = {
		{ START, END }, { START, START + PAGE }, { END - PAGE, END },
		{ START - PAGE, START + PAGE }, { END - PAGE, END + PAGE },
		{ MIDDLE, MIDDLE + PAGE }, { 0, self->info.va_end },
	};
	unsigned int first, second, i;

	for (first = 0; first < ARRAY_SIZE(opcodes); first++) {
		drop_own_cursor(self);
		self->cursor = vms_open_cursor_as(self->fd, opcodes[first], self->space,
						  START, END, VMSPACE_NONBLOCK);
		ASSERT_LT(0, self->cursor);
		for (second = 0; second < ARRAY_SIZE(opcodes); second++)
			for (i = 0; i < ARRAY_SIZE(ranges); i++)
				EXPECT_REFUSED(EBUSY, vms_open_cursor_as(self->fd,
									 opcodes[second],
									 self->space,
									 ranges[i][0],
									 ranges[i][1],
									 VMSPACE_NONBLOCK));
	}
	/* Another space is another matter. */
	EXPECT_LT(0, vms_open_cursor_as(self->fd, VMSPACE_OP_OPEN_CURSOR_MUT,
					vms_new_space(self->fd), START, END, VMSPACE_NONBLOCK));
}

TEST_F(ops, open__waiters_are_served_in_order)
{
	struct opener openers[5];
	int ranks = 0, i;

	for (i = 0; i < (int)ARRAY_SIZE(openers); i++)
		ASSERT_TRUE(opener_start(self, &openers[i], i + 1, &ranks));
	EXPECT_EQ(0, ranks);
	drop_own_cursor(self);
	for (i = 0; i < (int)ARRAY_SIZE(openers); i++) {
		pthread_join(openers[i].thread, NULL);
		EXPECT_LT(0, openers[i].result);
		EXPECT_EQ(i, openers[i].rank);
	}
	EXPECT_EQ(0, space_stat(self).space_stat.users);
	EXPECT_EQ(0, vms_drop_space(self->fd, self->space));
}

/* It may be late at first, but then the range is handed to it. */
TEST_F(ops, open__newcomers_do_not_starve_a_waiter)
{
	struct opener opener;
	double end = vms_now() + VMS_LIMIT;
	int ranks = 0;

	ASSERT_TRUE(opener_start(self, &opener, 1, &ranks));
	EXPECT_EQ(-EBUSY, open_as(self, START, END, VMSPACE_NONBLOCK));
	while (!__atomic_load_n(&ranks, __ATOMIC_RELAXED) && vms_now() < end) {
		drop_own_cursor(self);
		self->cursor = open_as(self, START, END, 0);
		ASSERT_LT(0, self->cursor);
	}
	EXPECT_EQ(1, __atomic_load_n(&ranks, __ATOMIC_RELAXED));
	pthread_join(opener.thread, NULL);
	EXPECT_LT(0, opener.result);
}

TEST_F(ops, open__waiter_keeps_the_space)
{
	struct opener opener;
	int ranks = 0;

	ASSERT_TRUE(opener_start(self, &opener, 1, &ranks));
	EXPECT_EQ(2, space_stat(self).space_stat.users);
	EXPECT_EQ(-EBUSY, vms_drop_space(self->fd, self->space));
	drop_own_cursor(self);
	pthread_join(opener.thread, NULL);
	EXPECT_LT(0, opener.result);
	EXPECT_EQ(0, vms_drop_space(self->fd, self->space));
}

/**
 * struct dropper - a thread that drops a cursor as soon as another waits
 * @waiter:	whom it looks at
 * @cursor:	what it drops
 */
struct dropper {
	struct opener waiter;
	int cursor;
};

static void *dropper_main(void *arg)
{
	struct dropper *d = arg;

	if (pause_until(opener_waits, &d->waiter))
		vms_drop_cursor(d->waiter.fd, d->cursor);
	return NULL;
}

TEST_F(ops, open__another_thread_drops)
{
	struct dropper d = {
		.waiter = {
			.tid = syscall(SYS_gettid),
			.fd = self->fd,
			.space = self->space,
			.users = 2,
		},
		.cursor = self->cursor,
	};
	int cursor;

	ASSERT_EQ(0, pthread_create(&d.waiter.thread, NULL, dropper_main, &d));
	cursor = open_as(self, START, END, 0);
	EXPECT_LT(self->cursor, cursor);
	pthread_join(d.waiter.thread, NULL);
	EXPECT_EQ(-ENOENT, vms_drop_cursor(self->fd, self->cursor));
	self->cursor = cursor;
	expect_at(_metadata, self, START);
}

static void ignore_signal(int signal)
{
	(void)signal;
}

static int handle_signals(int flags)
{
	struct sigaction action = { .sa_handler = ignore_signal, .sa_flags = flags };

	return sigaction(SIGUSR1, &action, NULL);
}

/**
 * struct program - a thread that executes a program whose second operation waits
 * @opener:	the thread
 * @ops:	the program
 * @step:	how far it came
 * @ret:	what the call said
 */
struct program {
	struct opener opener;
	struct vmspace_op ops[3];
	struct vmspace_step step;
	int ret;
};

static void *program_main(void *arg)
{
	struct program *p = arg;

	__atomic_store_n(&p->opener.tid, syscall(SYS_gettid), __ATOMIC_RELEASE);
	p->ret = vms_step(p->opener.fd, p->ops, ARRAY_SIZE(p->ops), 0, &p->step);
	return NULL;
}

/* What was done is not done again, so the call is not started again either. */
TEST_F(ops, open__signal_ends_the_wait)
{
	static const int flags[] = { 0, SA_RESTART };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		struct program p = {
			.opener = { .fd = self->fd, .space = self->space, .users = 2 },
			.ops = {
				{ .opcode = VMSPACE_OP_NEW_SPACE },
				{
					.opcode = VMSPACE_OP_OPEN_CURSOR_MUT,
					.id = self->space,
					.open = { .start = START, .end = END },
				},
				{ .opcode = VMSPACE_OP_NEW_SPACE, .result = 1 },
			},
		};

		ASSERT_EQ(0, handle_signals(flags[i]));
		snapshot_take(_metadata, self, &self->before);
		ASSERT_EQ(0, pthread_create(&p.opener.thread, NULL, program_main, &p));
		ASSERT_TRUE(pause_until(opener_waits, &p.opener));
		pthread_kill(p.opener.thread, SIGUSR1);
		pthread_join(p.opener.thread, NULL);
		EXPECT_EQ(0, p.ret);
		EXPECT_EQ(2, p.step.done);
		EXPECT_EQ(-EINTR, p.step.error);
		EXPECT_EQ(0, p.ops[0].result);
		EXPECT_EQ(self->before.id + 1, (int)p.ops[0].new_space.new_id);
		EXPECT_EQ(-EINTR, p.ops[1].result);
		EXPECT_EQ(0, p.ops[1].open.new_id);
		EXPECT_EQ(1, p.ops[2].result);
		/* One space was made, by the operation before. */
		self->before.id++;
		expect_unchanged(_metadata, self, __LINE__);
	}
}

TEST_F(ops, open__interrupted_waiter_is_passed_over)
{
	struct opener openers[3];
	int ranks = 0, i;

	ASSERT_EQ(0, handle_signals(0));
	for (i = 0; i < 3; i++)
		ASSERT_TRUE(opener_start(self, &openers[i], i + 1, &ranks));
	pthread_kill(openers[1].thread, SIGUSR1);
	pthread_join(openers[1].thread, NULL);
	EXPECT_EQ(-EINTR, openers[1].result);
	EXPECT_EQ(3, space_stat(self).space_stat.users);
	drop_own_cursor(self);
	pthread_join(openers[0].thread, NULL);
	pthread_join(openers[2].thread, NULL);
	EXPECT_EQ(0, openers[0].rank);
	EXPECT_EQ(1, openers[2].rank);
	EXPECT_EQ(0, space_stat(self).space_stat.users);
}

TEST_F(ops, cursor__read_only_changes_nothing)
{
	struct vmspace_op op;

	ASSERT_EQ(0, map_pages(self, "xx.x"));
	drop_own_cursor(self);
	self->cursor = vms_open_cursor(self->fd, self->space, START, END);
	ASSERT_LT(0, self->cursor);
	ASSERT_EQ(0, go(self, 1));
	EXPECT_REFUSED(EINVAL, map_here(self, 0, RW, 0));
	EXPECT_REFUSED(EINVAL, map_here(self, 0, RW, VMSPACE_REPLACE));
	EXPECT_REFUSED(EINVAL, vms_unmap(self->fd, self->cursor, PAGE, 0, &op));
	EXPECT_REFUSED(EINVAL, vms_unmap(self->fd, self->cursor, 0, 0, &op));
	EXPECT_REFUSED(EINVAL, vms_protect_next(self->fd, self->cursor, PAGE,
						VMSPACE_PROP_WRITE, 0, 0, &op));
	EXPECT_REFUSED(EINVAL, vms_flush_sync(self->fd, self->cursor, &op));
	EXPECT_ONLY_LOOKS(vms_query(self->fd, self->cursor, &op));
	EXPECT_EQ(1, op.query.present);
	EXPECT_ONLY_LOOKS(vms_jump(self->fd, self->cursor, VA(2)));
	EXPECT_ONLY_LOOKS(vms_find_next(self->fd, self->cursor, 2 * PAGE, &op));
	EXPECT_EQ(VA(3), op.find.start);
	expect_at(_metadata, self, VA(3));
}

/* An operation that fails says where the cursor is. */
TEST_F(ops, cursor__failure_tells_the_position)
{
	const unsigned int unknown = VMSPACE_PROP_ALL + 1;
	struct {
		int error;
		struct vmspace_op op;
	} bad[] = {
		{ EINVAL, { .opcode = VMSPACE_OP_FIND_NEXT, .find.len = 1 } },
		{ ERANGE, { .opcode = VMSPACE_OP_FIND_NEXT, .find.len = LEN } },
		{ EINVAL, { .opcode = VMSPACE_OP_JUMP, .pos.va = 1 } },
		{ ERANGE, { .opcode = VMSPACE_OP_JUMP, .pos.va = END } },
		{ EEXIST, { .opcode = VMSPACE_OP_MAP,
			    .map = { .memory = self->memory, .count = 1 } } },
		{ ENOENT, { .opcode = VMSPACE_OP_MAP,
			    .map = { .memory = UNUSED_ID, .count = 1 } } },
		{ EINVAL, { .opcode = VMSPACE_OP_MAP,
			    .map = { .memory = self->memory, .prop = unknown, .count = 1 } } },
		{ EINVAL, { .opcode = VMSPACE_OP_UNMAP, .unmap.len = 1 } },
		{ ERANGE, { .opcode = VMSPACE_OP_UNMAP, .unmap.len = LEN } },
		{ EINVAL, { .opcode = VMSPACE_OP_PROTECT_NEXT, .protect.len = 1 } },
		{ ERANGE, { .opcode = VMSPACE_OP_PROTECT_NEXT, .protect.len = LEN } },
		{ EINVAL, { .opcode = VMSPACE_OP_PROTECT_NEXT,
			    .protect = { .len = PAGE, .set = unknown } } },
		{ EINVAL, { .opcode = VMSPACE_OP_PROTECT_NEXT,
			    .protect = { .len = PAGE, .set = 1, .clear = 1 } } },
	};
	struct vmspace_op op;
	unsigned int i;

	ASSERT_EQ(0, map_page(self, 5, RW));
	ASSERT_EQ(0, go(self, 5));
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		bad[i].op.id = self->cursor;
		EXPECT_REFUSED(bad[i].error, vms_op(self->fd, &bad[i].op));
		/* It is the first result of all of them. */
		EXPECT_EQ(VA(5), bad[i].op.words[0])
			TH_LOG("case %u, operation %u", i, bad[i].op.opcode);
	}
	ASSERT_EQ(0, go(self, NR_PAGES));
	EXPECT_EQ(-ERANGE, vms_query(self->fd, self->cursor, &op));
	EXPECT_EQ(END, op.query.va);
}

TEST_F(ops, query__mapping)
{
	struct vmspace_op op;

	ASSERT_EQ(0, map_page(self, 7, RX | VMSPACE_PROP_SOFT));
	ASSERT_EQ(0, go(self, 7));
	EXPECT_ONLY_LOOKS(vms_query(self->fd, self->cursor, &op));
	EXPECT_EQ(VA(7), op.query.va);
	EXPECT_EQ(VA(7), op.query.start);
	EXPECT_EQ(VA(8), op.query.end);
	EXPECT_EQ(1, op.query.present);
	EXPECT_EQ(RX | VMSPACE_PROP_SOFT, op.query.prop);
	EXPECT_EQ(VMSPACE_CACHE_WB, op.query.cache);
	EXPECT_NE(0, op.query.pfn);
	expect_at(_metadata, self, VA(7));
}

/* A hole lies around the position, in the range, and nothing is mapped in it. */
TEST_F(ops, query__hole_is_a_hole)
{
	static const char * const views[] = {
		"", "x", "...x", "x.x", "xxxx.xxxx", "................................x",
		"...............................x", "...............................x.x",
	};
	struct vmspace_op op, view[NR_PAGES];
	unsigned int v, i;
	__u64 page;

	for (v = 0; v < ARRAY_SIZE(views); v++) {
		ASSERT_EQ(0, go(self, 0));
		ASSERT_EQ(0, vms_unmap(self->fd, self->cursor, LEN, 0, &op));
		ASSERT_EQ(0, map_pages(self, views[v]));
		view_take(_metadata, self, view);
		for (i = 0; i < NR_PAGES; i++) {
			ASSERT_EQ(0, go(self, i));
			ASSERT_EQ(0, vms_query(self->fd, self->cursor, &op));
			EXPECT_EQ(i < strlen(views[v]) && views[v][i] == 'x', op.query.present);
			if (op.query.present)
				continue;
			ASSERT_LE(START, op.query.start);
			ASSERT_GE(END, op.query.end);
			EXPECT_LE(op.query.start, VA(i));
			EXPECT_GT(op.query.end, VA(i));
			EXPECT_EQ(0, op.query.prop);
			EXPECT_EQ(0, op.query.pfn);
			for (page = op.query.start; page < op.query.end; page += PAGE)
				EXPECT_EQ(0, view[(page - START) / PAGE].query.present);
		}
	}
}

/* Mappings around the range are none of the cursor's business. */
TEST_F(ops, query__hole_is_clipped)
{
	struct vmspace_op op;

	ASSERT_EQ(0, map_pages(self, "x....x"));
	drop_own_cursor(self);
	self->cursor = open_as(self, VA(2), VA(4), 0);
	ASSERT_LT(0, self->cursor);
	EXPECT_ONLY_LOOKS(vms_query(self->fd, self->cursor, &op));
	EXPECT_EQ(0, op.query.present);
	EXPECT_LE(VA(2), op.query.start);
	EXPECT_GE(VA(4), op.query.end);
	drop_own_cursor(self);
	self->cursor = open_as(self, 0, self->info.va_end, 0);
	ASSERT_EQ(0, vms_jump(self->fd, self->cursor, self->info.va_end - PAGE));
	EXPECT_ONLY_LOOKS(vms_query(self->fd, self->cursor, &op));
	EXPECT_EQ(0, op.query.present);
	EXPECT_EQ(self->info.va_end, op.query.end);
}

TEST_F(ops, query__at_the_end)
{
	struct vmspace_op op;

	ASSERT_EQ(0, map_page(self, NR_PAGES - 1, RW));
	EXPECT_REFUSED(ERANGE, vms_query(self->fd, self->cursor, &op));
	EXPECT_EQ(END, op.query.va);
	EXPECT_EQ(0, op.query.start | op.query.end | op.query.present);
}

/* The number of the frame behind an address of this program. */
static __u64 frame_of(const void *address)
{
	int fd = open("/proc/self/pagemap", O_RDONLY);
	__u64 entry = 0;

	if (pread(fd, &entry, sizeof(entry), (uintptr_t)address / PAGE * sizeof(entry)) !=
	    sizeof(entry))
		entry = 0;
	close(fd);
	return entry & ((1ULL << 55) - 1);
}

TEST_F(ops, query__frame_number)
{
	char *user = anonymous(3);
	struct vmspace_op op;
	int import;

	ASSERT_NE(MAP_FAILED, user);
	import = vms_import(self->fd, user, 3, VMSPACE_WRITABLE);
	ASSERT_EQ(0, vms_map(self->fd, self->cursor, import, 2, RW));
	ASSERT_EQ(0, go(self, 0));
	ASSERT_EQ(0, vms_query(self->fd, self->cursor, &op));
	EXPECT_NE(0, op.query.pfn);
	EXPECT_EQ(frame_of(user + 2 * PAGE), op.query.pfn);
	EXPECT_EQ(op.query.pfn, pfn_of(self, 0));
}

TEST_F(ops, query__frame_number_is_privileged)
{
	struct vmspace_op op;

	ASSERT_EQ(0, map_page(self, 0, RW));
	ASSERT_EQ(0, go(self, 0));
	ASSERT_EQ(0, become_nobody(RLIM_INFINITY));
	ASSERT_EQ(0, vms_query(self->fd, self->cursor, &op));
	EXPECT_EQ(1, op.query.present);
	EXPECT_EQ(RW, op.query.prop);
	EXPECT_EQ(0, op.query.pfn);
	EXPECT_EQ(0, pfn_of(self, 0));
}

TEST_F(ops, find_next__bad_length)
{
	struct vmspace_op op;

	ASSERT_EQ(0, map_page(self, 9, RW));
	ASSERT_EQ(0, go(self, 3));
	EXPECT_REFUSED(EINVAL, vms_find_next(self->fd, self->cursor, 1, &op));
	EXPECT_REFUSED(EINVAL, vms_find_next(self->fd, self->cursor, PAGE + 8, &op));
	EXPECT_REFUSED(EINVAL, vms_find_next(self->fd, self->cursor, ~0ULL, &op));
	EXPECT_REFUSED(ERANGE, vms_find_next(self->fd, self->cursor, LEN - 2 * PAGE, &op));
	EXPECT_REFUSED(ERANGE, vms_find_next(self->fd, self->cursor, -PAGE, &op));
	EXPECT_REFUSED(ERANGE, vms_find_next(self->fd, self->cursor, 1ULL << 63, &op));
	ASSERT_EQ(0, go(self, NR_PAGES));
	EXPECT_REFUSED(ERANGE, vms_find_next(self->fd, self->cursor, PAGE, &op));
}

TEST_F(ops, find_next__length_zero)
{
	struct vmspace_op op;

	ASSERT_EQ(0, map_page(self, 3, RW));
	ASSERT_EQ(0, go(self, 3));
	EXPECT_ONLY_LOOKS(vms_find_next(self->fd, self->cursor, 0, &op));
	EXPECT_EQ(0, op.find.present);
	EXPECT_EQ(VA(3), op.find.va);
	expect_at(_metadata, self, VA(3));
	ASSERT_EQ(0, go(self, NR_PAGES));
	EXPECT_ONLY_LOOKS(vms_find_next(self->fd, self->cursor, 0, &op));
	EXPECT_EQ(0, op.find.present);
	expect_at(_metadata, self, END);
}

/* From each page, with each length: against a search by hand. */
TEST_F(ops, find_next__every_position_and_length)
{
	static const char view[] = "..xx.x...........................x..";
	unsigned int from, len, found;
	struct vmspace_op op;

	ASSERT_EQ(0, map_pages(self, view));
	snapshot_take(_metadata, self, &self->before);
	for (from = 0; from < sizeof(view) - 1; from++) {
		for (len = 0; from + len < sizeof(view); len++) {
			for (found = from; found < from + len && view[found] != 'x'; found++)
				;
			ASSERT_EQ(0, go(self, from));
			ASSERT_EQ(0, vms_find_next(self->fd, self->cursor, len * PAGE, &op));
			EXPECT_EQ(found < from + len, op.find.present);
			EXPECT_EQ(VA(found), op.find.va)
				TH_LOG("from %u, length %u", from, len);
			if (op.find.present) {
				EXPECT_EQ(VA(found), op.find.start);
				EXPECT_EQ(VA(found + 1), op.find.end);
			} else {
				/* Where it looked. */
				EXPECT_EQ(VA(from), op.find.start);
				EXPECT_EQ(VA(from + len), op.find.end);
			}
		}
	}
	ASSERT_EQ(0, vms_jump(self->fd, self->cursor, self->before.va));
	expect_unchanged(_metadata, self, __LINE__);
}

TEST_F(ops, find_next__across_everything)
{
	const __u64 last = self->info.va_end - PAGE;
	struct vmspace_op op;

	drop_own_cursor(self);
	self->cursor = open_as(self, 0, self->info.va_end, 0);
	ASSERT_EQ(0, vms_jump(self->fd, self->cursor, last));
	ASSERT_EQ(0, map_here(self, 0, RW, 0));
	ASSERT_EQ(0, vms_jump(self->fd, self->cursor, 0));
	/* Up to it, and not at it. */
	ASSERT_EQ(0, vms_find_next(self->fd, self->cursor, last, &op));
	EXPECT_EQ(0, op.find.present);
	expect_at(_metadata, self, last);
	ASSERT_EQ(0, vms_jump(self->fd, self->cursor, 0));
	ASSERT_EQ(0, vms_find_next(self->fd, self->cursor, last + PAGE, &op));
	EXPECT_EQ(1, op.find.present);
	EXPECT_EQ(last, op.find.start);
	expect_at(_metadata, self, last);
}

/* What cannot be read is mapped all the same. */
TEST_F(ops, find_next__mapping_without_read)
{
	struct vmspace_op op;

	ASSERT_EQ(0, map_page(self, 4, VMSPACE_PROP_WRITE));
	ASSERT_EQ(0, go(self, 0));
	EXPECT_ONLY_LOOKS(vms_find_next(self->fd, self->cursor, LEN, &op));
	EXPECT_EQ(1, op.find.present);
	EXPECT_EQ(VA(4), op.find.start);
}

TEST_F(ops, jump__in_the_range)
{
	EXPECT_ONLY_LOOKS(vms_jump(self->fd, self->cursor, END - PAGE));
	expect_at(_metadata, self, END - PAGE);
	EXPECT_ONLY_LOOKS(vms_jump(self->fd, self->cursor, START));
	expect_at(_metadata, self, START);
	EXPECT_ONLY_LOOKS(vms_jump(self->fd, self->cursor, START));
	expect_at(_metadata, self, START);
	EXPECT_EQ(-ENOENT, vms_jump(self->fd, UNUSED_ID, START));
}

TEST_F(ops, jump__outside)
{
	ASSERT_EQ(0, go(self, 5));
	EXPECT_REFUSED(ERANGE, vms_jump(self->fd, self->cursor, END));
	EXPECT_REFUSED(ERANGE, vms_jump(self->fd, self->cursor, END + PAGE));
	EXPECT_REFUSED(ERANGE, vms_jump(self->fd, self->cursor, START - PAGE));
	EXPECT_REFUSED(ERANGE, vms_jump(self->fd, self->cursor, 0));
	EXPECT_REFUSED(ERANGE, vms_jump(self->fd, self->cursor, -PAGE));
	EXPECT_REFUSED(ERANGE, vms_jump(self->fd, self->cursor, VA(5) | 1ULL << 63));
}

TEST_F(ops, jump__misaligned)
{
	ASSERT_EQ(0, go(self, 5));
	EXPECT_REFUSED(EINVAL, vms_jump(self->fd, self->cursor, START + 1));
	EXPECT_REFUSED(EINVAL, vms_jump(self->fd, self->cursor, END - 1));
	EXPECT_REFUSED(EINVAL, vms_jump(self->fd, self->cursor, START + PAGE / 2));
}

TEST_F(ops, jump__from_the_end)
{
	ASSERT_EQ(0, go(self, NR_PAGES));
	expect_at(_metadata, self, END);
	EXPECT_REFUSED(ERANGE, vms_jump(self->fd, self->cursor, END));
	EXPECT_EQ(0, vms_jump(self->fd, self->cursor, VA(1)));
	expect_at(_metadata, self, VA(1));
}

TEST_F(ops, virt_addr__tells_and_stays)
{
	__u64 va;

	EXPECT_ONLY_LOOKS(vms_virt_addr(self->fd, self->cursor, &va));
	EXPECT_EQ(START, va);
	ASSERT_EQ(0, map_page(self, NR_PAGES - 1, RW));
	EXPECT_ONLY_LOOKS(vms_virt_addr(self->fd, self->cursor, &va));
	EXPECT_EQ(END, va);
}

TEST_F(ops, map__one_page)
{
	struct vmspace_op op = {
		.opcode = VMSPACE_OP_MAP,
		.id = self->cursor,
		.map = { .memory = self->memory, .index = 9, .prop = RO, .count = 1 },
	};

	ASSERT_EQ(0, go(self, 2));
	EXPECT_EQ(0, vms_op(self->fd, &op));
	EXPECT_EQ(VA(3), op.map.va);
	EXPECT_EQ(VA(2), op.map.start);
	EXPECT_EQ(VA(3), op.map.end);
	expect_at(_metadata, self, VA(3));
	expect_pages(_metadata, self, "..x");
	EXPECT_EQ(RO, prop_of(self, 2));
	EXPECT_EQ(1, count_pages(self));
	EXPECT_EQ(self->info.levels, count_tables(self));
}

/* Two pages with a boundary between them have two tables each for themselves. */
TEST_F(ops, map__tables)
{
	const unsigned int levels = self->info.levels;

	EXPECT_EQ(kept_tables(self), count_tables(self));
	ASSERT_EQ(0, map_page(self, NR_PAGES / 2 - 1, RW));
	EXPECT_EQ(levels, count_tables(self));
	ASSERT_EQ(0, map_page(self, NR_PAGES / 2 - 2, RW));
	EXPECT_EQ(levels, count_tables(self));
	ASSERT_EQ(0, map_page(self, NR_PAGES / 2, RW));
	EXPECT_EQ(levels + 2, count_tables(self));
	EXPECT_EQ(3, count_pages(self));
}

TEST_F(ops, map__occupied)
{
	unsigned int flags;

	ASSERT_EQ(0, map_pages(self, "xxx"));
	for (flags = 0; flags <= VMSPACE_DEFER; flags += VMSPACE_DEFER) {
		ASSERT_EQ(0, go(self, 1));
		EXPECT_REFUSED(EEXIST, map_here(self, 5, RO, flags));
		/* With the very same, too. */
		EXPECT_REFUSED(EEXIST, map_here(self, 1, RW, flags));
	}
	/* One that no CPU can use is one as well. */
	ASSERT_EQ(0, map_page(self, 3, 0));
	ASSERT_EQ(0, go(self, 3));
	EXPECT_REFUSED(EEXIST, map_here(self, 5, RO, 0));
}

TEST_F(ops, map__replace)
{
	const __u64 tables = self->info.levels;
	struct vmspace_op view[NR_PAGES];
	unsigned int i;

	ASSERT_EQ(0, map_pages(self, "xxx"));
	view_take(_metadata, self, view);
	ASSERT_EQ(0, go(self, 1));
	EXPECT_EQ(0, map_here(self, 9, RO, VMSPACE_REPLACE));
	expect_at(_metadata, self, VA(2));
	expect_pages(_metadata, self, "xxx");
	EXPECT_EQ(RO, prop_of(self, 1));
	EXPECT_NE(view[1].query.pfn, pfn_of(self, 1));
	for (i = 0; i < 3; i += 2) {
		EXPECT_EQ(RW, prop_of(self, i));
		EXPECT_EQ(view[i].query.pfn, pfn_of(self, i));
	}
	EXPECT_EQ(3, count_pages(self));
	EXPECT_EQ(tables, count_tables(self));
	EXPECT_EQ(0, count_deferred(self));
	/* Itself, and where there was nothing. */
	ASSERT_EQ(0, go(self, 1));
	EXPECT_EQ(0, map_here(self, 9, RO, VMSPACE_REPLACE));
	ASSERT_EQ(0, go(self, 3));
	EXPECT_EQ(0, map_here(self, 9, RO, VMSPACE_REPLACE));
	EXPECT_EQ(pfn_of(self, 1), pfn_of(self, 3));
	expect_pages(_metadata, self, "xxxx");
}

TEST_F(ops, map__at_the_end)
{
	ASSERT_EQ(0, map_page(self, NR_PAGES - 1, RW));
	expect_at(_metadata, self, END);
	EXPECT_REFUSED(ERANGE, map_here(self, 0, RW, 0));
	EXPECT_REFUSED(ERANGE, map_here(self, 0, RW, VMSPACE_REPLACE));
}

static int map_with(struct _test_data_ops *self, unsigned int memory, __u64 index,
		    unsigned int prop, unsigned int cache)
{
	struct vmspace_op op = {
		.opcode = VMSPACE_OP_MAP,
		.id = self->cursor,
		.map = {
			.memory = memory,
			.index = index,
			.prop = prop,
			.cache = cache,
			.count = 1,
		},
	};

	return vms_op(self->fd, &op);
}

TEST_F(ops, map__unknown_property)
{
	unsigned int bit;

	for (bit = 7; bit < 32; bit++)
		EXPECT_REFUSED(EINVAL, map_here(self, 0, RW | 1U << bit, 0));
	/* Also over a mapping. */
	ASSERT_EQ(0, map_page(self, 0, RW));
	ASSERT_EQ(0, go(self, 0));
	EXPECT_REFUSED(EINVAL, map_here(self, 0, 1U << 31, VMSPACE_REPLACE));
}

TEST_F(ops, map__wrong_cache_policy)
{
	int wc = vms_new_memory_of(self->fd, 1, PAGE, VMSPACE_CACHE_WC, NULL);
	int uc = vms_new_memory_of(self->fd, 1, PAGE, VMSPACE_CACHE_UC, NULL);

	ASSERT_LT(0, wc);
	ASSERT_LT(0, uc);
	EXPECT_REFUSED(EINVAL, map_with(self, self->memory, 0, RW, VMSPACE_CACHE_WC));
	EXPECT_REFUSED(EINVAL, map_with(self, self->memory, 0, RW, VMSPACE_CACHE_UC));
	EXPECT_REFUSED(EINVAL, map_with(self, self->memory, 0, RW, 3));
	EXPECT_REFUSED(EINVAL, map_with(self, self->memory, 0, RW, ~0U));
	EXPECT_REFUSED(EINVAL, map_with(self, wc, 0, RW, VMSPACE_CACHE_WB));
	EXPECT_REFUSED(EINVAL, map_with(self, wc, 0, RW, VMSPACE_CACHE_UC));
	EXPECT_REFUSED(EINVAL, map_with(self, uc, 0, RW, VMSPACE_CACHE_WB));
	EXPECT_REFUSED(EINVAL, map_with(self, uc, 0, RW, VMSPACE_CACHE_WC));
}

TEST_F(ops, map__index_out_of_range)
{
	int large = vms_new_memory_of(self->fd, 1, 512 * PAGE, VMSPACE_CACHE_WB, NULL);

	ASSERT_LT(0, large);
	EXPECT_REFUSED(ERANGE, map_here(self, NR_PAGES, RW, 0));
	EXPECT_REFUSED(ERANGE, map_with(self, self->memory, 1ULL << 32, RW, 0));
	EXPECT_REFUSED(ERANGE, map_with(self, self->memory, 1ULL << 52, RW, 0));
	EXPECT_REFUSED(ERANGE, map_with(self, self->memory, ~0ULL, RW, 0));
	EXPECT_REFUSED(ERANGE, map_with(self, large, 512, RW, 0));
	EXPECT_EQ(0, map_with(self, self->memory, NR_PAGES - 1, RW, 0));
	EXPECT_EQ(0, map_with(self, large, 511, RW, 0));
	EXPECT_EQ(0, map_with(self, large, 0, RW, 0));
	EXPECT_EQ(pfn_of(self, 2) + 511, pfn_of(self, 1));
	EXPECT_EQ(0, pfn_of(self, 2) % 512);
}

TEST_F(ops, map__no_such_memory)
{
	int dropped = vms_new_memory(self->fd, 1);

	ASSERT_EQ(0, vms_drop_memory(self->fd, dropped));
	EXPECT_REFUSED(ENOENT, map_with(self, dropped, 0, RW, 0));
	EXPECT_REFUSED(ENOENT, map_with(self, UNUSED_ID, 0, RW, 0));
	EXPECT_REFUSED(ENOENT, map_with(self, 0, 0, RW, 0));
	EXPECT_REFUSED(ENOENT, map_with(self, ~0U, 0, RW, 0));
	EXPECT_REFUSED(EINVAL, map_with(self, self->space, 0, RW, 0));
	EXPECT_REFUSED(EINVAL, map_with(self, self->cursor, 0, RW, 0));
}

TEST_F(ops, map__read_only_import)
{
	void *user = anonymous(1);
	int import = vms_import(self->fd, user, 1, 0);

	ASSERT_LT(0, import);
	EXPECT_REFUSED(EACCES, map_with(self, import, 0, RW, 0));
	EXPECT_REFUSED(EACCES, map_with(self, import, 0, VMSPACE_PROP_WRITE, 0));
	EXPECT_REFUSED(EACCES, map_with(self, import, 0, VMSPACE_PROP_ALL, 0));
	EXPECT_EQ(0, map_with(self, import, 0, VMSPACE_PROP_ALL & ~VMSPACE_PROP_WRITE, 0));
	/* A frame that may not be written does not take the place of one that may. */
	ASSERT_EQ(0, map_page(self, 1, RW));
	ASSERT_EQ(0, go(self, 1));
	EXPECT_REFUSED(EACCES, vms_map_as(self->fd, self->cursor, import, 0, RW,
					  VMSPACE_REPLACE));
}

TEST_F(ops, map__first_and_last_page)
{
	const __u64 ends[] = { 0, self->info.va_end - PAGE };
	struct vmspace_op op;
	unsigned int i;
	__u64 value;

	ASSERT_EQ(0, vms_activate(self->fd, self->space, CPU, 0));
	for (i = 0; i < ARRAY_SIZE(ends); i++) {
		drop_own_cursor(self);
		self->cursor = open_as(self, ends[i], ends[i] + PAGE, 0);
		ASSERT_EQ(0, map_here(self, i, RW, 0));
		expect_at(_metadata, self, ends[i] + PAGE);
		ASSERT_EQ(0, vms_translate(self->fd, self->space, ends[i], &op));
		EXPECT_EQ(1, op.query.present);
		EXPECT_EQ(ends[i], op.query.start);
		EXPECT_EQ(ends[i] + PAGE, op.query.end);
		EXPECT_EQ(LOADED, vms_store(self->fd, self->space, CPU, ends[i] + PAGE - 8, 77));
		EXPECT_EQ(LOADED, vms_load(self->fd, self->space, CPU, ends[i] + PAGE - 8,
					   &value));
		EXPECT_EQ(77, value);
	}
	EXPECT_EQ(2, count_pages(self));
}

TEST_F(ops, map__every_property_round_trips)
{
	struct vmspace_op op, protect;
	unsigned int prop, bit;

	for (prop = 0; prop <= VMSPACE_PROP_ALL; prop++) {
		ASSERT_EQ(0, go(self, 1));
		ASSERT_EQ(0, map_here(self, prop % NR_PAGES, prop, VMSPACE_REPLACE));
		ASSERT_EQ(0, go(self, 1));
		ASSERT_EQ(0, vms_query(self->fd, self->cursor, &op));
		EXPECT_EQ(1, op.query.present);
		EXPECT_EQ(prop, op.query.prop);
		EXPECT_EQ(prop, prop_of(self, 1));
		EXPECT_EQ(op.query.pfn, pfn_of(self, 1));
		/* Every bit, one by one: off, and on again if it was on. */
		for (bit = 1; bit <= VMSPACE_PROP_SOFT; bit <<= 1) {
			ASSERT_EQ(0, go(self, 1));
			ASSERT_EQ(0, vms_protect_next(self->fd, self->cursor, PAGE, bit, 0, 0,
						      &protect));
			EXPECT_EQ(prop & ~bit, protect.protect.prop);
			EXPECT_EQ(prop & ~bit, prop_of(self, 1));
			EXPECT_EQ(op.query.pfn, pfn_of(self, 1));
			ASSERT_EQ(0, go(self, 1));
			ASSERT_EQ(0, vms_protect_next(self->fd, self->cursor, PAGE, 0,
						      prop & bit, 0, &protect));
			EXPECT_EQ(prop, protect.protect.prop);
			EXPECT_EQ(prop, prop_of(self, 1));
		}
		EXPECT_EQ(op.query.pfn, pfn_of(self, 1));
	}
}

TEST_F(ops, map__without_read)
{
	struct vmspace_op op;
	__u64 value;

	ASSERT_EQ(0, vms_activate(self->fd, self->space, CPU, 0));
	ASSERT_EQ(0, map_page(self, 0, VMSPACE_PROP_ALL & ~VMSPACE_PROP_READ));
	EXPECT_EQ(1, count_pages(self));
	EXPECT_EQ(FAULTED, vms_load(self->fd, self->space, CPU, START, &value));
	EXPECT_EQ(FAULTED, vms_store(self->fd, self->space, CPU, START, 1));
	EXPECT_EQ(VMSPACE_PROP_ALL & ~VMSPACE_PROP_READ, prop_of(self, 0));
	ASSERT_EQ(0, go(self, 0));
	EXPECT_EQ(0, vms_unmap(self->fd, self->cursor, PAGE, 0, &op));
	EXPECT_EQ(1, op.unmap.pages);
	EXPECT_EQ(kept_tables(self), count_tables(self));
}

TEST_F(ops, unmap__exact_count_and_position)
{
	struct vmspace_op op;

	ASSERT_EQ(0, map_pages(self, "xx.x..xxx"));
	ASSERT_EQ(0, go(self, 1));
	EXPECT_EQ(0, vms_unmap(self->fd, self->cursor, 6 * PAGE, 0, &op));
	EXPECT_EQ(VA(7), op.unmap.va);
	EXPECT_EQ(VA(1), op.unmap.start);
	EXPECT_EQ(VA(7), op.unmap.end);
	EXPECT_EQ(3, op.unmap.pages);
	EXPECT_EQ(3 * PAGE, op.unmap.bytes);
	expect_at(_metadata, self, VA(7));
	expect_pages(_metadata, self, "x......xx");
	EXPECT_EQ(3, count_pages(self));
}

/* From each page, with each length: against a count by hand. */
TEST_F(ops, unmap__every_position_and_length)
{
	static const char view[] = "x.xx..............................xx.";
	const unsigned int first = 28, nr = sizeof(view) - 1;
	unsigned int from, len, i, expected;
	struct vmspace_op op;
	char left[sizeof(view)];

	for (from = 0; from <= nr; from += from == 4 ? first - from : 1) {
		for (len = 0; from + len <= nr; len++) {
			ASSERT_EQ(0, go(self, 0));
			ASSERT_EQ(0, vms_unmap(self->fd, self->cursor, LEN, 0, &op));
			ASSERT_EQ(0, map_pages(self, view));
			memcpy(left, view, sizeof(view));
			for (i = from, expected = 0; i < from + len; i++) {
				expected += view[i] == 'x';
				left[i] = '.';
			}
			ASSERT_EQ(0, go(self, from));
			ASSERT_EQ(0, vms_unmap(self->fd, self->cursor, len * PAGE, 0, &op));
			EXPECT_EQ(expected, op.unmap.pages)
				TH_LOG("from %u, length %u", from, len);
			EXPECT_EQ(VA(from + len), op.unmap.va);
			expect_pages(_metadata, self, left);
		}
	}
}

TEST_F(ops, unmap__holes)
{
	struct vmspace_op op;

	ASSERT_EQ(0, map_page(self, 40, RW));
	ASSERT_EQ(0, go(self, 0));
	/* Nothing is there, so nothing changes but the position. */
	EXPECT_ONLY_LOOKS(vms_unmap(self->fd, self->cursor, 40 * PAGE, 0, &op));
	EXPECT_EQ(0, op.unmap.pages);
	EXPECT_EQ(0, op.unmap.bytes);
	expect_at(_metadata, self, VA(40));
	EXPECT_EQ(0, vms_unmap(self->fd, self->cursor, 24 * PAGE, 0, &op));
	EXPECT_EQ(1, op.unmap.pages);
	expect_at(_metadata, self, END);
}

TEST_F(ops, unmap__length_zero)
{
	struct vmspace_op op;

	ASSERT_EQ(0, map_page(self, 3, RW));
	ASSERT_EQ(0, go(self, 3));
	EXPECT_ONLY_LOOKS(vms_unmap(self->fd, self->cursor, 0, 0, &op));
	EXPECT_EQ(0, op.unmap.pages);
	expect_at(_metadata, self, VA(3));
	ASSERT_EQ(0, go(self, NR_PAGES));
	EXPECT_ONLY_LOOKS(vms_unmap(self->fd, self->cursor, 0, 0, &op));
	expect_at(_metadata, self, END);
}

TEST_F(ops, unmap__bad_length)
{
	struct vmspace_op op;

	ASSERT_EQ(0, map_pages(self, "...xxx"));
	ASSERT_EQ(0, go(self, 4));
	EXPECT_REFUSED(EINVAL, vms_unmap(self->fd, self->cursor, 1, 0, &op));
	EXPECT_EQ(0, op.unmap.pages | op.unmap.bytes | op.unmap.start | op.unmap.end);
	EXPECT_REFUSED(EINVAL, vms_unmap(self->fd, self->cursor, PAGE - 1, 0, &op));
	EXPECT_REFUSED(EINVAL, vms_unmap(self->fd, self->cursor, ~0ULL, 0, &op));
	EXPECT_REFUSED(ERANGE, vms_unmap(self->fd, self->cursor, LEN - 3 * PAGE, 0, &op));
	EXPECT_REFUSED(ERANGE, vms_unmap(self->fd, self->cursor, -PAGE, 0, &op));
	EXPECT_REFUSED(ERANGE, vms_unmap(self->fd, self->cursor, -VA(4), 0, &op));
	EXPECT_REFUSED(ERANGE, vms_unmap(self->fd, self->cursor, 1ULL << 63, VMSPACE_DEFER,
					 &op));
	ASSERT_EQ(0, go(self, NR_PAGES));
	EXPECT_REFUSED(ERANGE, vms_unmap(self->fd, self->cursor, PAGE, 0, &op));
}

TEST_F(ops, unmap__empty_tables_are_given_back)
{
	const unsigned int levels = self->info.levels;
	struct vmspace_op op;

	ASSERT_EQ(0, map_page(self, 0, RW));
	ASSERT_EQ(0, map_page(self, 1, RW));
	ASSERT_EQ(0, map_page(self, NR_PAGES - 1, RW));
	EXPECT_EQ(levels + 2, count_tables(self));
	ASSERT_EQ(0, go(self, 0));
	ASSERT_EQ(0, vms_unmap(self->fd, self->cursor, PAGE, 0, &op));
	EXPECT_EQ(levels + 2, count_tables(self));
	ASSERT_EQ(0, vms_unmap(self->fd, self->cursor, PAGE, 0, &op));
	EXPECT_EQ(levels, count_tables(self));
	ASSERT_EQ(0, go(self, 0));
	ASSERT_EQ(0, vms_unmap(self->fd, self->cursor, LEN, 0, &op));
	EXPECT_EQ(kept_tables(self), count_tables(self));
	EXPECT_EQ(0, count_pages(self));
}

TEST_F(ops, unmap__everything)
{
	const __u64 va_end = self->info.va_end;
	const __u64 pages[] = { 0, START, MIDDLE, va_end / 2 & -PAGE, va_end - PAGE };
	struct vmspace_op op;
	unsigned int i;

	drop_own_cursor(self);
	self->cursor = open_as(self, 0, va_end, 0);
	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		ASSERT_EQ(0, vms_jump(self->fd, self->cursor, pages[i]));
		ASSERT_EQ(0, map_here(self, i, RW, 0));
	}
	EXPECT_EQ(ARRAY_SIZE(pages), count_pages(self));
	ASSERT_EQ(0, vms_jump(self->fd, self->cursor, 0));
	EXPECT_EQ(0, vms_unmap(self->fd, self->cursor, va_end, 0, &op));
	EXPECT_EQ(ARRAY_SIZE(pages), op.unmap.pages);
	expect_at(_metadata, self, va_end);
	EXPECT_EQ(0, count_pages(self));
	EXPECT_EQ(1, count_tables(self));
}

TEST_F(ops, protect__next_mapping_only)
{
	const unsigned int prop = RO | VMSPACE_PROP_SOFT;
	struct vmspace_op op, before[NR_PAGES], after[NR_PAGES];

	ASSERT_EQ(0, map_pages(self, "..xxx"));
	view_take(_metadata, self, before);
	ASSERT_EQ(0, go(self, 0));
	EXPECT_EQ(0, vms_protect_next(self->fd, self->cursor, LEN, VMSPACE_PROP_WRITE,
				      VMSPACE_PROP_SOFT, 0, &op));
	EXPECT_EQ(1, op.protect.present);
	EXPECT_EQ(VA(2), op.protect.start);
	EXPECT_EQ(VA(3), op.protect.end);
	EXPECT_EQ(VA(3), op.protect.va);
	EXPECT_EQ(prop, op.protect.prop);
	expect_at(_metadata, self, VA(3));
	view_take(_metadata, self, after);
	EXPECT_EQ(prop, after[2].query.prop);
	/* Exactly that. */
	before[2].query.prop = prop;
	EXPECT_EQ(0, memcmp(before, after, sizeof(before)));
	EXPECT_EQ(3, count_pages(self));
	EXPECT_EQ(self->info.levels, count_tables(self));
}

TEST_F(ops, protect__none)
{
	struct vmspace_op op;

	ASSERT_EQ(0, map_page(self, 40, RW));
	ASSERT_EQ(0, go(self, 0));
	EXPECT_ONLY_LOOKS(vms_protect_next(self->fd, self->cursor, 40 * PAGE,
					   VMSPACE_PROP_WRITE, 0, 0, &op));
	EXPECT_EQ(0, op.protect.present);
	EXPECT_EQ(0, op.protect.prop);
	EXPECT_EQ(VA(40), op.protect.va);
	expect_at(_metadata, self, VA(40));
	EXPECT_ONLY_LOOKS(vms_protect_next(self->fd, self->cursor, 0, VMSPACE_PROP_WRITE, 0, 0,
					   &op));
	EXPECT_EQ(0, op.protect.present);
	expect_at(_metadata, self, VA(40));
}

TEST_F(ops, protect__nothing_to_change)
{
	struct vmspace_op op;

	ASSERT_EQ(0, map_page(self, 3, RW));
	ASSERT_EQ(0, go(self, 3));
	EXPECT_ONLY_LOOKS(vms_protect_next(self->fd, self->cursor, PAGE, 0, 0, 0, &op));
	EXPECT_EQ(1, op.protect.present);
	EXPECT_EQ(RW, op.protect.prop);
	expect_at(_metadata, self, VA(4));
}

TEST_F(ops, protect__bad_bits)
{
	struct vmspace_op op;
	unsigned int bit;

	ASSERT_EQ(0, map_page(self, 3, RW));
	ASSERT_EQ(0, go(self, 3));
	for (bit = 0; bit < 32; bit++) {
		unsigned int b = 1U << bit;

		EXPECT_REFUSED(EINVAL, vms_protect_next(self->fd, self->cursor, PAGE, b, b, 0,
							&op));
		if (b & VMSPACE_PROP_ALL)
			continue;
		EXPECT_REFUSED(EINVAL, vms_protect_next(self->fd, self->cursor, PAGE, b, 0, 0,
							&op));
		EXPECT_REFUSED(EINVAL, vms_protect_next(self->fd, self->cursor, PAGE, 0, b, 0,
							&op));
	}
	EXPECT_REFUSED(EINVAL, vms_protect_next(self->fd, self->cursor, PAGE,
						VMSPACE_PROP_READ | VMSPACE_PROP_WRITE,
						VMSPACE_PROP_WRITE | VMSPACE_PROP_EXEC, 0, &op));
}

TEST_F(ops, protect__bad_length)
{
	struct vmspace_op op;

	ASSERT_EQ(0, map_page(self, 3, RW));
	ASSERT_EQ(0, go(self, 3));
	EXPECT_REFUSED(EINVAL, vms_protect_next(self->fd, self->cursor, 1, 1, 0, 0, &op));
	EXPECT_REFUSED(EINVAL, vms_protect_next(self->fd, self->cursor, ~0ULL, 1, 0, 0, &op));
	EXPECT_REFUSED(ERANGE, vms_protect_next(self->fd, self->cursor, LEN - 2 * PAGE, 1, 0, 0,
						&op));
	EXPECT_REFUSED(ERANGE, vms_protect_next(self->fd, self->cursor, -PAGE, 1, 0, 0, &op));
	ASSERT_EQ(0, go(self, NR_PAGES));
	EXPECT_REFUSED(ERANGE, vms_protect_next(self->fd, self->cursor, PAGE, 1, 0, 0, &op));
}

TEST_F(ops, protect__accessed_and_dirty)
{
	const unsigned int a = VMSPACE_PROP_ACCESSED, d = VMSPACE_PROP_DIRTY;
	struct vmspace_op op;
	__u64 value;

	ASSERT_EQ(0, vms_activate(self->fd, self->space, CPU, 0));
	ASSERT_EQ(0, map_page(self, 0, RW));
	EXPECT_EQ(RW, prop_of(self, 0));
	EXPECT_EQ(LOADED, vms_load(self->fd, self->space, CPU, START, &value));
	EXPECT_EQ(RW | a, prop_of(self, 0));
	EXPECT_EQ(LOADED, vms_store(self->fd, self->space, CPU, START, 1));
	EXPECT_EQ(RW | a | d, prop_of(self, 0));
	ASSERT_EQ(0, go(self, 0));
	EXPECT_EQ(0, vms_protect_next(self->fd, self->cursor, PAGE, a | d, 0, 0, &op));
	EXPECT_EQ(RW, op.protect.prop);
	EXPECT_EQ(RW, prop_of(self, 0));
	/* Every CPU was told, so they are set anew. */
	EXPECT_EQ(LOADED, vms_store(self->fd, self->space, CPU, START, 1));
	EXPECT_EQ(RW | a | d, prop_of(self, 0));
	ASSERT_EQ(0, go(self, 0));
	EXPECT_EQ(0, vms_protect_next(self->fd, self->cursor, PAGE, d, 0, 0, &op));
	EXPECT_EQ(RW | a, prop_of(self, 0));
	/* By hand, too. */
	ASSERT_EQ(0, go(self, 0));
	EXPECT_EQ(0, vms_protect_next(self->fd, self->cursor, PAGE, a, d, 0, &op));
	EXPECT_EQ(RW | d, prop_of(self, 0));
}

/* Again and again, on a CPU that stays inside and so may remember. */
TEST_F(ops, protect__takes_effect)
{
	const unsigned int cpu = sysconf(_SC_NPROCESSORS_ONLN) - 1;
	const unsigned int write = VMSPACE_PROP_WRITE;
	struct vmspace_op op;
	__u64 value, i;

	ASSERT_EQ(0, vms_activate(self->fd, self->space, cpu, VMSPACE_RESIDENT));
	ASSERT_EQ(0, map_page(self, 0, RW));
	for (i = 1; i <= 100; i++) {
		ASSERT_EQ(LOADED, vms_store(self->fd, self->space, cpu, START, i));
		ASSERT_EQ(0, go(self, 0));
		ASSERT_EQ(0, vms_protect_next(self->fd, self->cursor, PAGE, write, 0, 0, &op));
		ASSERT_EQ(FAULTED, vms_store(self->fd, self->space, cpu, START, 0));
		ASSERT_EQ(LOADED, vms_load(self->fd, self->space, cpu, START, &value));
		ASSERT_EQ(i, value);
		ASSERT_EQ(0, go(self, 0));
		ASSERT_EQ(0, vms_protect_next(self->fd, self->cursor, PAGE, 0, write, 0, &op));
	}
}

/* Nor does it remember what was there before. */
TEST_F(ops, unmap__takes_effect)
{
	const unsigned int cpu = sysconf(_SC_NPROCESSORS_ONLN) - 1;
	struct vmspace_op op;
	__u64 value, i;

	ASSERT_EQ(0, vms_activate(self->fd, self->space, cpu, VMSPACE_RESIDENT));
	for (i = 1; i <= 100; i++) {
		ASSERT_EQ(0, map_page(self, 0, RW));
		ASSERT_EQ(LOADED, vms_store(self->fd, self->space, cpu, START, i));
		ASSERT_EQ(0, go(self, 0));
		ASSERT_EQ(0, map_here(self, 1, RW, VMSPACE_REPLACE));
		ASSERT_EQ(LOADED, vms_load(self->fd, self->space, cpu, START, &value));
		ASSERT_EQ(0, value);
		ASSERT_EQ(0, go(self, 0));
		ASSERT_EQ(0, vms_unmap(self->fd, self->cursor, PAGE, 0, &op));
		ASSERT_EQ(FAULTED, vms_load(self->fd, self->space, cpu, START, &value));
	}
}

TEST_F(ops, protect__without_read_and_back)
{
	struct vmspace_op op;
	__u64 value, pfn;

	ASSERT_EQ(0, vms_activate(self->fd, self->space, CPU, 0));
	ASSERT_EQ(0, map_page(self, 0, RW));
	EXPECT_EQ(LOADED, vms_store(self->fd, self->space, CPU, START, 42));
	pfn = pfn_of(self, 0);
	ASSERT_EQ(0, go(self, 0));
	ASSERT_EQ(0, vms_protect_next(self->fd, self->cursor, PAGE, VMSPACE_PROP_READ, 0, 0,
				      &op));
	EXPECT_EQ(0, op.protect.prop & VMSPACE_PROP_READ);
	EXPECT_EQ(VMSPACE_PROP_WRITE, op.protect.prop & VMSPACE_PROP_WRITE);
	EXPECT_EQ(FAULTED, vms_load(self->fd, self->space, CPU, START, &value));
	EXPECT_EQ(FAULTED, vms_store(self->fd, self->space, CPU, START, 1));
	EXPECT_EQ(pfn, pfn_of(self, 0));
	ASSERT_EQ(0, go(self, 0));
	EXPECT_REFUSED(EEXIST, map_here(self, 1, RW, 0));
	ASSERT_EQ(0, vms_protect_next(self->fd, self->cursor, PAGE, 0, VMSPACE_PROP_READ, 0,
				      &op));
	EXPECT_EQ(pfn, pfn_of(self, 0));
	EXPECT_EQ(LOADED, vms_load(self->fd, self->space, CPU, START, &value));
	EXPECT_EQ(42, value);
}

TEST_F(ops, protect__read_only_import_stays_so)
{
	void *user = anonymous(1);
	int import = vms_import(self->fd, user, 1, 0);
	struct vmspace_op op;

	ASSERT_LT(0, import);
	ASSERT_EQ(0, map_with(self, import, 0, RO, 0));
	ASSERT_EQ(0, go(self, 0));
	EXPECT_REFUSED(EACCES, vms_protect_next(self->fd, self->cursor, PAGE, 0,
						VMSPACE_PROP_WRITE, 0, &op));
	EXPECT_EQ(0, op.protect.present | op.protect.prop);
	/* Not by a detour either, nor when the object is gone. */
	ASSERT_EQ(0, vms_protect_next(self->fd, self->cursor, PAGE, VMSPACE_PROP_READ, 0, 0,
				      &op));
	ASSERT_EQ(0, vms_drop_memory(self->fd, import));
	ASSERT_EQ(0, go(self, 0));
	EXPECT_REFUSED(EACCES, vms_protect_next(self->fd, self->cursor, PAGE, 0, RW, 0, &op));
	EXPECT_EQ(0, vms_protect_next(self->fd, self->cursor, PAGE, VMSPACE_PROP_WRITE, RX, 0,
				      &op));
}

TEST_F(ops, deferred__unmap)
{
	const unsigned int levels = self->info.levels;
	struct vmspace_op op;

	ASSERT_EQ(0, map_pages(self, "xxxx"));
	ASSERT_EQ(0, map_page(self, NR_PAGES - 1, RW));
	ASSERT_EQ(0, go(self, 0));
	ASSERT_EQ(0, vms_unmap(self->fd, self->cursor, 2 * PAGE, VMSPACE_DEFER, &op));
	EXPECT_EQ(2, op.unmap.pages);
	EXPECT_EQ(2, count_deferred(self));
	expect_pages(_metadata, self,
		     "..xx...........................................................x");
	ASSERT_EQ(0, vms_unmap(self->fd, self->cursor, 2 * PAGE, VMSPACE_DEFER, &op));
	EXPECT_EQ(4, count_deferred(self));
	EXPECT_EQ(1, count_pages(self));
	/* Empty tables wait with them. */
	EXPECT_EQ(levels + 2, count_tables(self));
	EXPECT_EQ(0, vms_flush_sync(self->fd, self->cursor, &op));
	EXPECT_EQ(4, op.flush.pages);
	EXPECT_EQ(2, op.flush.tables);
	EXPECT_EQ(0, op.flush.cpus);
	EXPECT_EQ(VA(4), op.flush.va);
	EXPECT_EQ(0, count_deferred(self));
	EXPECT_EQ(levels, count_tables(self));
	expect_at(_metadata, self, VA(4));
}

TEST_F(ops, deferred__replace)
{
	struct vmspace_op op;

	ASSERT_EQ(0, map_page(self, 0, RW));
	ASSERT_EQ(0, go(self, 0));
	ASSERT_EQ(0, map_here(self, 1, RO, VMSPACE_REPLACE | VMSPACE_DEFER));
	EXPECT_EQ(1, count_deferred(self));
	EXPECT_EQ(1, count_pages(self));
	EXPECT_EQ(RO, prop_of(self, 0));
	/* There was nothing to flush. */
	ASSERT_EQ(0, map_here(self, 2, RO, VMSPACE_REPLACE | VMSPACE_DEFER));
	ASSERT_EQ(0, map_here(self, 3, RO, VMSPACE_DEFER));
	EXPECT_EQ(1, count_deferred(self));
	EXPECT_EQ(0, vms_flush_sync(self->fd, self->cursor, &op));
	EXPECT_EQ(1, op.flush.pages);
	EXPECT_EQ(0, op.flush.tables);
	EXPECT_EQ(0, count_deferred(self));
	expect_pages(_metadata, self, "xxx");
}

TEST_F(ops, deferred__protect)
{
	struct vmspace_op op;

	ASSERT_EQ(0, map_pages(self, "xx"));
	ASSERT_EQ(0, go(self, 0));
	ASSERT_EQ(0, vms_protect_next(self->fd, self->cursor, PAGE, VMSPACE_PROP_WRITE, 0,
				      VMSPACE_DEFER, &op));
	EXPECT_EQ(RO, op.protect.prop);
	EXPECT_EQ(RO, prop_of(self, 0));
	/* No page goes back to the system for it. */
	EXPECT_EQ(0, vms_flush_sync(self->fd, self->cursor, &op));
	EXPECT_EQ(0, op.flush.pages | op.flush.tables);
	EXPECT_EQ(0, count_deferred(self));
	expect_pages(_metadata, self, "xx");
}

TEST_F(ops, deferred__ends_with_the_next_flush)
{
	struct vmspace_op op;

	ASSERT_EQ(0, map_pages(self, "xxx"));
	ASSERT_EQ(0, go(self, 0));
	ASSERT_EQ(0, vms_unmap(self->fd, self->cursor, 2 * PAGE, VMSPACE_DEFER, &op));
	EXPECT_EQ(2, count_deferred(self));
	ASSERT_EQ(0, vms_unmap(self->fd, self->cursor, PAGE, 0, &op));
	EXPECT_EQ(1, op.unmap.pages);
	EXPECT_EQ(0, count_deferred(self));
	EXPECT_EQ(kept_tables(self), count_tables(self));
	/* Nothing is left. */
	EXPECT_EQ(0, vms_flush_sync(self->fd, self->cursor, &op));
	EXPECT_EQ(0, op.flush.pages | op.flush.tables | op.flush.cpus);
}

TEST_F(ops, deferred__ends_with_the_cursor)
{
	struct vmspace_op op;

	ASSERT_EQ(0, map_pages(self, "xxx"));
	ASSERT_EQ(0, go(self, 0));
	ASSERT_EQ(0, vms_unmap(self->fd, self->cursor, LEN, VMSPACE_DEFER, &op));
	EXPECT_EQ(3, count_deferred(self));
	EXPECT_EQ(self->info.levels, count_tables(self));
	drop_own_cursor(self);
	EXPECT_EQ(0, count_deferred(self));
	EXPECT_EQ(1, count_tables(self));
}

/* What is held back stays pinned and charged. */
TEST_F(ops, deferred__frames_are_kept)
{
	void *user = anonymous(1);
	struct vmspace_op op;
	int import;

	ASSERT_EQ(0, become_nobody(PAGE));
	import = vms_import(self->fd, user, 1, VMSPACE_WRITABLE);
	ASSERT_LT(0, import);
	ASSERT_EQ(0, vms_map(self->fd, self->cursor, import, 0, RW));
	ASSERT_EQ(0, vms_drop_memory(self->fd, import));
	EXPECT_EQ(-ENOMEM, vms_import(self->fd, user, 1, 0));
	ASSERT_EQ(0, go(self, 0));
	ASSERT_EQ(0, vms_unmap(self->fd, self->cursor, PAGE, VMSPACE_DEFER, &op));
	EXPECT_EQ(-ENOMEM, vms_import(self->fd, user, 1, 0));
	ASSERT_EQ(0, vms_flush_sync(self->fd, self->cursor, &op));
	EXPECT_LT(0, vms_import(self->fd, user, 1, 0));
}

static void map_many(struct __test_metadata *_metadata, struct _test_data_ops *self, __u64 count)
{
	const unsigned int batch = 512;
	struct vmspace_op ops[batch];
	struct vmspace_step step;
	unsigned int i, n;

	for (; count; count -= n) {
		n = count < batch ? count : batch;
		for (i = 0; i < n; i++)
			ops[i] = (struct vmspace_op) {
				.opcode = VMSPACE_OP_MAP,
				.id = self->cursor,
				.map = { .memory = self->memory, .prop = RW, .count = 1 },
			};
		ASSERT_EQ(0, vms_step(self->fd, ops, n, 0, &step));
		ASSERT_EQ(0, step.error);
	}
}

/* Who holds back too much gets a flush, asked for or not. */
TEST_F_TIMEOUT(ops, deferred__not_more_than_the_cap, 100)
{
	const __u64 max = self->info.max_deferred, pages = max + 1000;
	struct vmspace_op op;

	drop_own_cursor(self);
	self->cursor = open_as(self, START, START + pages * PAGE, 0);
	ASSERT_LT(0, self->cursor);
	map_many(_metadata, self, pages);
	EXPECT_EQ(pages, count_pages(self));
	ASSERT_EQ(0, vms_jump(self->fd, self->cursor, START));
	ASSERT_EQ(0, vms_unmap(self->fd, self->cursor, max * PAGE, VMSPACE_DEFER, &op));
	EXPECT_EQ(max, op.unmap.pages);
	EXPECT_EQ(max, count_deferred(self));
	ASSERT_EQ(0, vms_unmap(self->fd, self->cursor, 1000 * PAGE, VMSPACE_DEFER, &op));
	EXPECT_EQ(1000, op.unmap.pages);
	EXPECT_EQ(1000, count_deferred(self));
	EXPECT_EQ(0, count_pages(self));
	ASSERT_EQ(0, vms_flush_sync(self->fd, self->cursor, &op));
	EXPECT_EQ(1000, op.flush.pages);
	EXPECT_EQ(0, count_deferred(self));
	EXPECT_EQ(kept_tables(self), count_tables(self));
}

TEST_F(ops, translate__is_what_query_says)
{
	struct vmspace_op query, op;
	unsigned int i;

	ASSERT_EQ(0, map_page(self, 1, RW));
	ASSERT_EQ(0, map_page(self, 2, RX | VMSPACE_PROP_SOFT));
	ASSERT_EQ(0, map_page(self, 31, VMSPACE_PROP_DIRTY));
	ASSERT_EQ(0, map_page(self, 33, RO | VMSPACE_PROP_ACCESSED));
	for (i = 0; i < NR_PAGES; i++) {
		ASSERT_EQ(0, go(self, i));
		ASSERT_EQ(0, vms_query(self->fd, self->cursor, &query));
		EXPECT_ONLY_LOOKS(vms_translate(self->fd, self->space, VA(i), &op));
		EXPECT_EQ(query.query.present, op.query.present);
		EXPECT_EQ(query.query.prop, op.query.prop);
		EXPECT_EQ(query.query.cache, op.query.cache);
		EXPECT_EQ(query.query.pfn, op.query.pfn);
		EXPECT_EQ(VA(i), op.query.va);
		EXPECT_LE(op.query.start, VA(i));
		EXPECT_GT(op.query.end, VA(i));
		if (!op.query.present)
			continue;
		EXPECT_EQ(query.query.start, op.query.start);
		EXPECT_EQ(query.query.end, op.query.end);
	}
}

TEST_F(ops, translate__needs_no_alignment)
{
	struct vmspace_op op;

	ASSERT_EQ(0, map_page(self, 1, RW));
	EXPECT_EQ(0, vms_translate(self->fd, self->space, VA(2) - 1, &op));
	EXPECT_EQ(1, op.query.present);
	EXPECT_EQ(VA(1), op.query.start);
	EXPECT_EQ(VA(2), op.query.end);
	EXPECT_EQ(0, vms_translate(self->fd, self->space, VA(1) - 1, &op));
	EXPECT_EQ(0, op.query.present);
}

TEST_F(ops, translate__outside)
{
	const __u64 va_end = self->info.va_end;
	struct vmspace_op op;

	EXPECT_REFUSED(ERANGE, vms_translate(self->fd, self->space, va_end, &op));
	EXPECT_REFUSED(ERANGE, vms_translate(self->fd, self->space, va_end + PAGE, &op));
	EXPECT_REFUSED(ERANGE, vms_translate(self->fd, self->space, 1ULL << 63, &op));
	EXPECT_REFUSED(ERANGE, vms_translate(self->fd, self->space, ~0ULL, &op));
	EXPECT_EQ(0, vms_translate(self->fd, self->space, va_end - 1, &op));
	EXPECT_EQ(0, op.query.present);
	EXPECT_GE(va_end, op.query.end);
}

TEST_F(ops, drop_space__in_use)
{
	int reader, writer;

	EXPECT_REFUSED(EBUSY, vms_drop_space(self->fd, self->space));
	ASSERT_EQ(0, vms_activate(self->fd, self->space, CPU, 0));
	reader = vms_new_reader(self->fd, self->space, CPU, START, PAGE);
	ASSERT_LT(0, reader);
	drop_own_cursor(self);
	EXPECT_REFUSED(EBUSY, vms_drop_space(self->fd, self->space));
	writer = vms_new_writer(self->fd, self->space, CPU, START, PAGE);
	ASSERT_LT(0, writer);
	EXPECT_EQ(0, vms_drop_reader(self->fd, reader));
	EXPECT_REFUSED(EBUSY, vms_drop_space(self->fd, self->space));
	EXPECT_EQ(0, vms_drop_writer(self->fd, writer));
	/* CPUs leave by themselves. */
	EXPECT_EQ(0, vms_drop_space(self->fd, self->space));
	EXPECT_EQ(-ENOENT, vms_drop_space(self->fd, self->space));
	EXPECT_EQ(-ENOENT, vms_open_cursor(self->fd, self->space, START, END));
	EXPECT_EQ(-ENOENT, vms_activate(self->fd, self->space, CPU, 0));
}

TEST_F(ops, drop_space__with_mappings)
{
	ASSERT_EQ(0, map_pages(self, "xxx...x"));
	drop_own_cursor(self);
	EXPECT_EQ(0, vms_drop_space(self->fd, self->space));
	/* The memory is not part of it. */
	EXPECT_EQ(0, vms_drop_memory(self->fd, self->memory));
}

TEST_F(ops, new_memory__bad_arguments)
{
	static const struct {
		__u64 count, frame_size;
		unsigned int cache;
	} bad[] = {
		{ 0, PAGE, VMSPACE_CACHE_WB },
		{ 0, 512 * PAGE, VMSPACE_CACHE_WB },
		{ 1, 0, VMSPACE_CACHE_WB },
		{ 1, PAGE / 2, VMSPACE_CACHE_WB },
		{ 1, PAGE + 1, VMSPACE_CACHE_WB },
		{ 1, 2 * PAGE, VMSPACE_CACHE_WB },
		{ 1, 513 * PAGE, VMSPACE_CACHE_WB },
		{ 1, PAGE | 1ULL << 32, VMSPACE_CACHE_WB },
		{ 1, 1ULL << 30, VMSPACE_CACHE_WB },
		{ 1, ~0ULL, VMSPACE_CACHE_WB },
		{ 1, PAGE, VMSPACE_CACHE_UC + 1 },
		{ 1, PAGE, ~0U },
		{ 1, 512 * PAGE, VMSPACE_CACHE_WC },
		{ 1, 512 * PAGE, VMSPACE_CACHE_UC },
		{ 1ULL << 32, PAGE, VMSPACE_CACHE_WB },
		{ 1ULL << 52, PAGE, VMSPACE_CACHE_WB },
		{ (1ULL << 52) + 1, PAGE, VMSPACE_CACHE_WB },
		{ (1ULL << 43) + 1, 512 * PAGE, VMSPACE_CACHE_WB },
		{ ~0ULL, PAGE, VMSPACE_CACHE_WB },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_REFUSED(EINVAL, vms_new_memory_of(self->fd, bad[i].count,
							 bad[i].frame_size, bad[i].cache, NULL));
	EXPECT_REFUSED(EINVAL, vms_new_memory(self->fd, self->info.max_frames + 1ULL));
	EXPECT_REFUSED(EINVAL, vms_new_memory_of(self->fd, self->info.max_frames / 512 + 1,
						 512 * PAGE, VMSPACE_CACHE_WB, NULL));
}

static bool all_zero(const __u64 *words, unsigned int pages)
{
	unsigned int i;

	for (i = 0; i < pages * PAGE / sizeof(*words); i++)
		if (words[i])
			return false;
	return true;
}

TEST_F(ops, new_memory__is_zeroed)
{
	void *at;
	int i, id;

	for (i = 0; i < 4; i++) {
		id = visible_memory(self, 64, &at);
		ASSERT_LT(0, id);
		EXPECT_TRUE(all_zero(at, 64));
		/* What the next one may get. */
		memset(at, 0xa5, 64 * PAGE);
		munmap(at, 64 * PAGE);
		ASSERT_EQ(0, vms_drop_memory(self->fd, id));
	}
}

TEST_F(ops, new_memory__large_frames)
{
	__u64 offset, *at, value;
	int id = vms_new_memory_of(self->fd, 2, 512 * PAGE, VMSPACE_CACHE_WB, &offset);

	ASSERT_LT(0, id);
	at = look_at(self->fd, offset, 1024);
	ASSERT_NE(MAP_FAILED, at);
	EXPECT_TRUE(all_zero(at, 1024));
	at[511 * 512] = 511;
	at[512 * 512] = 512;
	ASSERT_EQ(0, vms_activate(self->fd, self->space, CPU, 0));
	ASSERT_EQ(0, map_with(self, id, 511, RW, VMSPACE_CACHE_WB));
	ASSERT_EQ(0, map_with(self, id, 512, RW, VMSPACE_CACHE_WB));
	EXPECT_EQ(LOADED, vms_load(self->fd, self->space, CPU, VA(0), &value));
	EXPECT_EQ(511, value);
	EXPECT_EQ(LOADED, vms_load(self->fd, self->space, CPU, VA(1), &value));
	EXPECT_EQ(512, value);
	EXPECT_EQ(511, pfn_of(self, 0) % 512);
	EXPECT_EQ(0, pfn_of(self, 1) % 512);
}

TEST_F(ops, new_memory__cache_policies)
{
	static const unsigned int policies[] = { VMSPACE_CACHE_WC, VMSPACE_CACHE_UC };
	struct vmspace_op op;
	__u64 offset, value, *at;
	unsigned int i;
	int id;

	ASSERT_EQ(0, vms_activate(self->fd, self->space, CPU, 0));
	for (i = 0; i < ARRAY_SIZE(policies); i++) {
		id = vms_new_memory_of(self->fd, 2, PAGE, policies[i], &offset);
		ASSERT_LT(0, id);
		at = look_at(self->fd, offset, 2);
		ASSERT_NE(MAP_FAILED, at);
		EXPECT_TRUE(all_zero(at, 2));
		ASSERT_EQ(0, go(self, i));
		ASSERT_EQ(0, map_with(self, id, 1, RW, policies[i]));
		ASSERT_EQ(0, vms_translate(self->fd, self->space, VA(i), &op));
		EXPECT_EQ(policies[i], op.query.cache);
		EXPECT_EQ(RW, op.query.prop);
		EXPECT_EQ(LOADED, vms_store(self->fd, self->space, CPU, VA(i) + 8, 99));
		EXPECT_EQ(99, at[513]);
		at[514] = 100;
		EXPECT_EQ(LOADED, vms_load(self->fd, self->space, CPU, VA(i) + 16, &value));
		EXPECT_EQ(100, value);
		/* A change of property leaves it alone. */
		ASSERT_EQ(0, go(self, i));
		ASSERT_EQ(0, vms_protect_next(self->fd, self->cursor, PAGE, VMSPACE_PROP_WRITE,
					      VMSPACE_PROP_SOFT, 0, &op));
		ASSERT_EQ(0, vms_translate(self->fd, self->space, VA(i), &op));
		EXPECT_EQ(policies[i], op.query.cache);
		munmap(at, 2 * PAGE);
		ASSERT_EQ(0, vms_drop_memory(self->fd, id));
	}
}

TEST_F(ops, import__shares_the_memory)
{
	__u64 *user = anonymous(2), value;
	int import = vms_import(self->fd, user, 2, VMSPACE_WRITABLE);

	ASSERT_LT(0, import);
	ASSERT_EQ(0, vms_activate(self->fd, self->space, CPU, 0));
	ASSERT_EQ(0, map_with(self, import, 1, RW, 0));
	user[512 + 3] = 5;
	EXPECT_EQ(LOADED, vms_load(self->fd, self->space, CPU, VA(0) + 24, &value));
	EXPECT_EQ(5, value);
	EXPECT_EQ(LOADED, vms_store(self->fd, self->space, CPU, VA(0) + 24, 6));
	EXPECT_EQ(6, user[512 + 3]);
}

TEST_F(ops, import__bad_arguments)
{
	char *user = anonymous(2);
	const __u64 max = self->info.max_frames;

	EXPECT_REFUSED(EINVAL, vms_import(self->fd, user + 1, 1, 0));
	EXPECT_REFUSED(EINVAL, vms_import(self->fd, user + PAGE / 2, 1, VMSPACE_WRITABLE));
	EXPECT_REFUSED(EINVAL, vms_import(self->fd, user, 0, 0));
	EXPECT_REFUSED(EINVAL, vms_import(self->fd, user, max + 1, 0));
	EXPECT_REFUSED(EINVAL, vms_import(self->fd, user, 1ULL << 32, 0));
	EXPECT_REFUSED(EINVAL, vms_import(self->fd, user, 1ULL << 52, 0));
	EXPECT_REFUSED(EINVAL, vms_import(self->fd, user, (1ULL << 52) + 1, 0));
	EXPECT_REFUSED(EINVAL, vms_import(self->fd, user, ~0ULL, 0));
}

TEST_F(ops, import__what_is_not_there)
{
	char *user = anonymous(4);
	char *kernel = (char *)0xffff888000000000;

	munmap(user + 2 * PAGE, PAGE);
	EXPECT_REFUSED(EFAULT, vms_import(self->fd, NULL, 1, 0));
	EXPECT_REFUSED(EFAULT, vms_import(self->fd, user + 2 * PAGE, 1, 0));
	EXPECT_REFUSED(EFAULT, vms_import(self->fd, user, 4, 0));
	EXPECT_REFUSED(EFAULT, vms_import(self->fd, user, 3, VMSPACE_WRITABLE));
	EXPECT_REFUSED(EFAULT, vms_import(self->fd, kernel, 1, 0));
	EXPECT_REFUSED(EFAULT, vms_import(self->fd, (char *)-PAGE, 1, 0));
	EXPECT_REFUSED(EFAULT, vms_import(self->fd, (char *)self->info.va_end, 1, 0));
	EXPECT_LT(0, vms_import(self->fd, user + 3 * PAGE, 1, 0));
}

TEST_F(ops, import__without_the_right)
{
	char *user = anonymous(2);

	ASSERT_EQ(0, mprotect(user, PAGE, PROT_READ));
	EXPECT_REFUSED(EFAULT, vms_import(self->fd, user, 2, VMSPACE_WRITABLE));
	EXPECT_LT(0, vms_import(self->fd, user, 2, 0));
	ASSERT_EQ(0, mprotect(user, PAGE, PROT_NONE));
	EXPECT_REFUSED(EFAULT, vms_import(self->fd, user, 2, 0));
	EXPECT_REFUSED(EFAULT, vms_import(self->fd, user, 2, VMSPACE_WRITABLE));
}

TEST_F(ops, import__beyond_the_limit)
{
	char *user = anonymous(9);
	int memory;

	ASSERT_EQ(0, become_nobody(8 * PAGE));
	EXPECT_EQ(-ENOMEM, vms_import(self->fd, user, 9, 0));
	memory = vms_import(self->fd, user, 8, 0);
	ASSERT_LT(0, memory);
	EXPECT_EQ(-ENOMEM, vms_import(self->fd, user + 8 * PAGE, 1, 0));
	EXPECT_EQ(0, vms_drop_memory(self->fd, memory));
	/* What fails for another reason is not charged for either. */
	munmap(user + 5 * PAGE, PAGE);
	EXPECT_EQ(-EFAULT, vms_import(self->fd, user, 8, 0));
	EXPECT_LT(0, vms_import(self->fd, user, 5, 0));
	EXPECT_LT(0, vms_import(self->fd, user + 6 * PAGE, 3, 0));
	EXPECT_EQ(-ENOMEM, vms_import(self->fd, user + 8 * PAGE, 1, 0));
}

TEST_F(ops, import__charged_while_mapped)
{
	char *user = anonymous(10);
	struct vmspace_op op;
	int memory;

	ASSERT_EQ(0, become_nobody(8 * PAGE));
	memory = vms_import(self->fd, user, 8, 0);
	ASSERT_LT(0, memory);
	ASSERT_EQ(0, map_with(self, memory, 3, RO, 0));
	ASSERT_EQ(0, map_with(self, memory, 3, RO, 0));
	ASSERT_EQ(0, vms_drop_memory(self->fd, memory));
	/* One of them is in use still. */
	EXPECT_EQ(-ENOMEM, vms_import(self->fd, user, 8, 0));
	memory = vms_import(self->fd, user + 8 * PAGE, 2, 0);
	EXPECT_LT(0, memory);
	EXPECT_EQ(0, vms_drop_memory(self->fd, memory));
	ASSERT_EQ(0, go(self, 0));
	ASSERT_EQ(0, vms_unmap(self->fd, self->cursor, PAGE, 0, &op));
	EXPECT_EQ(-ENOMEM, vms_import(self->fd, user, 8, 0));
	ASSERT_EQ(0, vms_unmap(self->fd, self->cursor, PAGE, 0, &op));
	EXPECT_LT(0, vms_import(self->fd, user, 8, 0));
}

TEST_F(ops, mmap__contents)
{
	__u64 value, *at, offset, *second;
	int id = vms_new_memory_of(self->fd, 4, PAGE, VMSPACE_CACHE_WB, &offset);
	unsigned int i;

	ASSERT_LT(0, id);
	at = look_at(self->fd, offset, 4);
	ASSERT_NE(MAP_FAILED, at);
	ASSERT_EQ(0, vms_activate(self->fd, self->space, CPU, 0));
	for (i = 0; i < 4; i++) {
		at[i * 512 + 1] = 1000 + i;
		ASSERT_EQ(0, map_with(self, id, i, RW, 0));
		EXPECT_EQ(LOADED, vms_load(self->fd, self->space, CPU, VA(i) + 8, &value));
		EXPECT_EQ(1000 + i, value);
		EXPECT_EQ(LOADED, vms_store(self->fd, self->space, CPU, VA(i) + 16, i));
		EXPECT_EQ(i, at[i * 512 + 2]);
	}
	/* From the middle, with an offset. */
	second = look_at(self->fd, offset + 2 * PAGE, 2);
	ASSERT_NE(MAP_FAILED, second);
	EXPECT_EQ(1002, second[1]);
	EXPECT_EQ(1003, second[513]);
	second[1] = 7;
	EXPECT_EQ(7, at[2 * 512 + 1]);
}

TEST_F(ops, mmap__past_the_object)
{
	__u64 offset;
	int id = vms_new_memory_of(self->fd, 4, PAGE, VMSPACE_CACHE_WB, &offset);

	ASSERT_LT(0, id);
	EXPECT_EQ(MAP_FAILED, look_at(self->fd, offset, 5));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, look_at(self->fd, offset + PAGE, 4));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, look_at(self->fd, offset + 4 * PAGE, 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_NE(MAP_FAILED, look_at(self->fd, offset + 3 * PAGE, 1));
}

TEST_F(ops, mmap__private)
{
	__u64 offset;

	ASSERT_LT(0, vms_new_memory_of(self->fd, 1, PAGE, VMSPACE_CACHE_WB, &offset));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, self->fd,
				   offset));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, self->fd, offset));
	EXPECT_EQ(EINVAL, errno);
}

/* Who may only read the device may look. */
TEST_F(ops, mmap__of_a_file_open_for_reading)
{
	int fd = open("/dev/vmspace", O_RDONLY | O_CLOEXEC);
	__u64 offset, *at;

	ASSERT_LE(0, fd);
	ASSERT_LT(0, vms_new_memory_of(fd, 1, PAGE, VMSPACE_CACHE_WB, &offset));
	EXPECT_EQ(MAP_FAILED, look_at(fd, offset, 1));
	EXPECT_EQ(EACCES, errno);
	at = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, offset);
	ASSERT_NE(MAP_FAILED, at);
	EXPECT_TRUE(all_zero(at, 1));
	EXPECT_EQ(-1, mprotect(at, PAGE, PROT_READ | PROT_WRITE));
	EXPECT_EQ(EACCES, errno);
	close(fd);
}

TEST_F(ops, mmap__what_is_no_memory)
{
	void *user = anonymous(1);
	__u64 offset, unit;
	int id = vms_new_memory_of(self->fd, 1, PAGE, VMSPACE_CACHE_WB, &offset);
	int import = vms_import(self->fd, user, 1, VMSPACE_WRITABLE);

	ASSERT_LT(0, id);
	unit = offset / id;
	EXPECT_EQ(MAP_FAILED, look_at(self->fd, self->space * unit, 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, look_at(self->fd, self->cursor * unit, 1));
	EXPECT_EQ(EINVAL, errno);
	/* That is mapped already. */
	EXPECT_EQ(MAP_FAILED, look_at(self->fd, import * unit, 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, look_at(self->fd, 0, 1));
	EXPECT_EQ(ENOENT, errno);
	EXPECT_EQ(MAP_FAILED, look_at(self->fd, (import + 1) * unit, 1));
	EXPECT_EQ(ENOENT, errno);
	EXPECT_EQ(MAP_FAILED, look_at(self->fd, -PAGE, 1));
	EXPECT_EQ(0, vms_drop_memory(self->fd, id));
	EXPECT_EQ(MAP_FAILED, look_at(self->fd, offset, 1));
	EXPECT_EQ(ENOENT, errno);
}

TEST_F(ops, mmap__unmapped_in_part)
{
	unsigned char *at, value;
	int id = visible_memory(self, 4, (void **)&at);

	ASSERT_LT(0, id);
	memset(at, 1, 4 * PAGE);
	/* The middle goes, both ends stay, as the frames do without the id. */
	ASSERT_EQ(0, munmap(at + PAGE, 2 * PAGE));
	ASSERT_EQ(0, vms_drop_memory(self->fd, id));
	EXPECT_EQ(1, at[0]);
	EXPECT_EQ(1, at[4 * PAGE - 1]);
	value = at[3 * PAGE];
	EXPECT_EQ(1, value);
	/* No more than there is. */
	EXPECT_EQ(MAP_FAILED, mremap(at + 3 * PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE));
	ASSERT_EQ(0, munmap(at, PAGE));
	EXPECT_EQ(1, at[3 * PAGE]);
}

TEST_F(ops, activate__refused)
{
	EXPECT_REFUSED(EINVAL, vms_activate(self->fd, self->space, self->info.nr_cpus, 0));
	EXPECT_REFUSED(EINVAL, vms_activate(self->fd, self->space, 0x7fffffff, 0));
	EXPECT_REFUSED(EINVAL, vms_activate(self->fd, self->space, ~0U, VMSPACE_RESIDENT));
	ASSERT_EQ(0, vms_activate(self->fd, self->space, CPU, 0));
	EXPECT_EQ(1, space_stat(self).space_stat.active);
	EXPECT_REFUSED(EEXIST, vms_activate(self->fd, self->space, CPU, 0));
	EXPECT_REFUSED(EEXIST, vms_activate(self->fd, self->space, CPU, VMSPACE_RESIDENT));
}

TEST_F(ops, deactivate__refused)
{
	int reader;

	EXPECT_REFUSED(EINVAL, vms_deactivate(self->fd, self->space, self->info.nr_cpus));
	EXPECT_REFUSED(EINVAL, vms_deactivate(self->fd, self->space, ~0U));
	EXPECT_REFUSED(ENXIO, vms_deactivate(self->fd, self->space, CPU));
	ASSERT_EQ(0, vms_activate(self->fd, self->space, CPU, 0));
	reader = vms_new_reader(self->fd, self->space, CPU, START, PAGE);
	ASSERT_LT(0, reader);
	EXPECT_REFUSED(EBUSY, vms_deactivate(self->fd, self->space, CPU));
	ASSERT_EQ(0, vms_drop_reader(self->fd, reader));
	EXPECT_EQ(0, vms_deactivate(self->fd, self->space, CPU));
	EXPECT_EQ(0, space_stat(self).space_stat.active);
	EXPECT_REFUSED(ENXIO, vms_deactivate(self->fd, self->space, CPU));
	EXPECT_EQ(0, vms_activate(self->fd, self->space, CPU, 0));
}

static unsigned int cpu_state(struct _test_data_ops *self, unsigned int cpu)
{
	struct vmspace_op op;

	return vms_cpu_stat(self->fd, self->space, cpu, &op) ? ~0U : op.cpu_stat.state;
}

TEST_F(ops, activate__shows_in_the_state)
{
	struct vmspace_op op;

	EXPECT_EQ(0, cpu_state(self, CPU));
	ASSERT_EQ(0, vms_activate(self->fd, self->space, CPU, 0));
	EXPECT_EQ(VMSPACE_CPU_ACTIVE, cpu_state(self, CPU) & ~VMSPACE_CPU_INSIDE);
	ASSERT_EQ(0, vms_deactivate(self->fd, self->space, CPU));
	EXPECT_EQ(0, cpu_state(self, CPU));
	ASSERT_EQ(0, vms_activate(self->fd, self->space, CPU, VMSPACE_RESIDENT));
	EXPECT_EQ(VMSPACE_CPU_ACTIVE | VMSPACE_CPU_RESIDENT,
		  cpu_state(self, CPU) & ~VMSPACE_CPU_INSIDE);
	EXPECT_REFUSED(EINVAL, vms_cpu_stat(self->fd, self->space, self->info.nr_cpus, &op));
	EXPECT_REFUSED(EINVAL, vms_cpu_stat(self->fd, self->space, ~0U, &op));
}

static int set_online(unsigned int cpu, bool online)
{
	char path[80];
	int fd, ret;

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/online", cpu);
	fd = open(path, O_WRONLY);
	ret = write(fd, online ? "1" : "0", 1) == 1 ? 0 : -errno;
	close(fd);
	return ret;
}

TEST_F(ops, activate__cpu_is_offline)
{
	const unsigned int cpu = sysconf(_SC_NPROCESSORS_ONLN) - 1;
	struct vmspace_op op;
	__u64 value;
	int reader;
	char byte;

	if (!cpu)
		SKIP(return, "there is only one CPU");
	ASSERT_EQ(0, map_page(self, 0, RW));
	ASSERT_EQ(0, set_online(cpu, false));
	EXPECT_REFUSED(ENODEV, vms_activate(self->fd, self->space, cpu, 0));
	EXPECT_REFUSED(ENODEV, vms_activate(self->fd, self->space, cpu, VMSPACE_RESIDENT));
	EXPECT_REFUSED(ENXIO, vms_deactivate(self->fd, self->space, cpu));
	EXPECT_EQ(0, cpu_state(self, cpu));
	ASSERT_EQ(0, set_online(cpu, true));

	/* It goes offline later. */
	ASSERT_EQ(0, vms_activate(self->fd, self->space, cpu, 0));
	reader = vms_new_reader(self->fd, self->space, cpu, START, PAGE);
	ASSERT_LT(0, reader);
	EXPECT_EQ(LOADED, vms_load(self->fd, self->space, cpu, START, &value));
	ASSERT_EQ(0, set_online(cpu, false));
	EXPECT_EQ(VMSPACE_CPU_ACTIVE | VMSPACE_CPU_PARKED, cpu_state(self, cpu));
	EXPECT_REFUSED(ENODEV, vms_load(self->fd, self->space, cpu, START, &value));
	EXPECT_REFUSED(ENODEV, vms_store(self->fd, self->space, cpu, START, 1));
	EXPECT_REFUSED(ENODEV, vms_read(self->fd, reader, &byte, 1, &op));
	ASSERT_EQ(0, set_online(cpu, true));
	EXPECT_EQ(LOADED, vms_load(self->fd, self->space, cpu, START, &value));
	EXPECT_EQ(0, vms_read(self->fd, reader, &byte, 1, &op));
}

TEST_F(ops, access__every_width)
{
	unsigned char *at;
	unsigned int width, i;
	__u64 value, all = 0x1122334455667788;
	int id = visible_memory(self, 1, (void **)&at);

	ASSERT_LT(0, id);
	ASSERT_EQ(0, vms_activate(self->fd, self->space, CPU, 0));
	ASSERT_EQ(0, map_with(self, id, 0, RW, 0));
	for (width = 1; width <= 8; width *= 2) {
		const __u64 mask = width == 8 ? ~0ULL : (1ULL << 8 * width) - 1;

		memset(at, 0xcc, PAGE);
		EXPECT_EQ(LOADED, vms_store_width(self->fd, self->space, CPU,
						  START + PAGE - width, width, all & mask));
		for (i = 0; i < PAGE - width; i++)
			ASSERT_EQ(0xcc, at[i]);
		EXPECT_EQ(0, memcmp(at + PAGE - width, &all, width));
		EXPECT_EQ(LOADED, vms_load_width(self->fd, self->space, CPU,
						 START + PAGE - width, width, &value));
		EXPECT_EQ(all & mask, value);
	}
}

TEST_F(ops, access__refused)
{
	static const unsigned int bad[] = { 0, 3, 5, 6, 7, 9, 16, 0x80000000, ~0U };
	const __u64 va_end = self->info.va_end;
	unsigned int i, width;
	__u64 value;

	ASSERT_EQ(0, vms_activate(self->fd, self->space, CPU, 0));
	ASSERT_EQ(0, map_page(self, 0, RW));
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_REFUSED(EINVAL, vms_load_width(self->fd, self->space, CPU, START,
						      bad[i], &value));
		EXPECT_REFUSED(EINVAL, vms_store_width(self->fd, self->space, CPU, START,
						       bad[i], 0));
	}
	for (width = 2; width <= 8; width *= 2)
		for (i = 1; i < width; i++)
			EXPECT_REFUSED(EINVAL, vms_load_width(self->fd, self->space, CPU,
							      START + i, width, &value));
	for (width = 1; width < 8; width *= 2) {
		const __u64 too_wide = 1ULL << 8 * width;

		EXPECT_REFUSED(EINVAL, vms_store_width(self->fd, self->space, CPU, START, width,
						       too_wide));
		EXPECT_REFUSED(EINVAL, vms_store_width(self->fd, self->space, CPU, START, width,
						       1ULL << 63));
		EXPECT_EQ(LOADED, vms_store_width(self->fd, self->space, CPU, START, width,
						  too_wide - 1));
	}
	EXPECT_REFUSED(ERANGE, vms_load(self->fd, self->space, CPU, va_end, &value));
	EXPECT_REFUSED(ERANGE, vms_store(self->fd, self->space, CPU, va_end + PAGE, 0));
	EXPECT_REFUSED(ERANGE, vms_load(self->fd, self->space, CPU, -PAGE, &value));
	EXPECT_REFUSED(ERANGE, vms_store(self->fd, self->space, CPU, -8ULL, 0));
	EXPECT_REFUSED(ERANGE, vms_load(self->fd, self->space, CPU, START | 1ULL << 63, &value));
	EXPECT_REFUSED(EINVAL, vms_load(self->fd, self->space, self->info.nr_cpus, START,
					&value));
	EXPECT_REFUSED(EINVAL, vms_store(self->fd, self->space, ~0U, START, 0));
	ASSERT_EQ(0, vms_deactivate(self->fd, self->space, CPU));
	EXPECT_REFUSED(ENXIO, vms_load(self->fd, self->space, CPU, START, &value));
	EXPECT_REFUSED(ENXIO, vms_store(self->fd, self->space, CPU, START, 0));
}

TEST_F(ops, access__fault_is_an_answer)
{
	struct vmspace_op op = {
		.opcode = VMSPACE_OP_ACCESS,
		.id = self->space,
		.access = { .va = VA(1), .value = 123, .cpu = CPU, .width = 8 },
	};

	ASSERT_EQ(0, vms_activate(self->fd, self->space, CPU, 0));
	ASSERT_EQ(0, map_page(self, 0, RO));
	EXPECT_EQ(0, vms_op(self->fd, &op));
	EXPECT_EQ(VMSPACE_OUTCOME_FAULT, op.access.outcome);
	EXPECT_EQ(0, op.access.value);
	EXPECT_EQ(FAULTED, vms_store(self->fd, self->space, CPU, VA(0), 1));
	EXPECT_EQ(FAULTED, vms_store(self->fd, self->space, CPU, self->info.va_end - 8, 1));
	/* Nothing was made for it, and nothing was marked. */
	expect_pages(_metadata, self, "x");
	EXPECT_EQ(RO, prop_of(self, 0) & ~VMSPACE_PROP_ACCESSED);
}

static int new_io(struct _test_data_ops *self, unsigned int opcode, unsigned int cpu, __u64 va,
		  __u64 len)
{
	return vms_new_io(self->fd, opcode, self->space, cpu, va, len);
}

TEST_F(ops, new_io__refused)
{
	static const unsigned int opcodes[] = { VMSPACE_OP_NEW_READER, VMSPACE_OP_NEW_WRITER };
	const __u64 va_end = self->info.va_end;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(opcodes); i++) {
		const unsigned int op = opcodes[i];

		EXPECT_REFUSED(ENXIO, new_io(self, op, CPU, START, PAGE));
		ASSERT_EQ(0, vms_activate(self->fd, self->space, CPU, 0));
		EXPECT_REFUSED(EINVAL, new_io(self, op, self->info.nr_cpus, START, PAGE));
		EXPECT_REFUSED(EINVAL, new_io(self, op, ~0U, START, PAGE));
		EXPECT_REFUSED(ERANGE, new_io(self, op, CPU, va_end + 1, 0));
		EXPECT_REFUSED(ERANGE, new_io(self, op, CPU, va_end - 1, 2));
		EXPECT_REFUSED(ERANGE, new_io(self, op, CPU, 0, va_end + 1));
		EXPECT_REFUSED(ERANGE, new_io(self, op, CPU, START, -START));
		EXPECT_REFUSED(ERANGE, new_io(self, op, CPU, START, ~0ULL));
		EXPECT_REFUSED(ERANGE, new_io(self, op, CPU, ~0ULL, 1));
		EXPECT_REFUSED(ERANGE, new_io(self, op, CPU, -PAGE, PAGE));
		EXPECT_REFUSED(ERANGE, new_io(self, op, CPU, START | 1ULL << 63, 1));
		/* What is not kept from being deactivated was not made. */
		EXPECT_EQ(0, vms_deactivate(self->fd, self->space, CPU));
	}
}

/* Mappings are not looked at, and bytes need no alignment. */
TEST_F(ops, new_io__anywhere_in_the_space)
{
	const __u64 va_end = self->info.va_end;

	ASSERT_EQ(0, vms_activate(self->fd, self->space, CPU, 0));
	EXPECT_LT(0, new_io(self, VMSPACE_OP_NEW_READER, CPU, 0, va_end));
	EXPECT_LT(0, new_io(self, VMSPACE_OP_NEW_WRITER, CPU, 0, va_end));
	EXPECT_LT(0, new_io(self, VMSPACE_OP_NEW_READER, CPU, va_end - 1, 1));
	EXPECT_LT(0, new_io(self, VMSPACE_OP_NEW_WRITER, CPU, START + 3, 0));
	EXPECT_EQ(5, space_stat(self).space_stat.users);
}

/**
 * struct copy - what the tests of copies need
 * @memory:	the bytes behind the range, as the program sees them
 * @id:		of the memory object
 * @buffer:	of the program, as long as the range
 */
struct copy {
	unsigned char *memory;
	int id;
	unsigned char *buffer;
};

static unsigned char pattern(unsigned int i)
{
	return 1 + (i * 7 + i / 4096) % 251;
}

/* Maps the pages of memory that @pages says, at the same pages of the range. */
static int copy_prepare(struct _test_data_ops *self, struct copy *c, const char *pages)
{
	unsigned int i;
	int ret = vms_activate(self->fd, self->space, CPU, 0);

	c->id = visible_memory(self, NR_PAGES, (void **)&c->memory);
	c->buffer = anonymous(NR_PAGES);
	for (i = 0; pages[i] && !ret; i++)
		if (pages[i] == 'x')
			ret = go(self, i) ?: map_with(self, c->id, i, RW, 0);
	return c->id < 0 ? c->id : ret;
}

TEST_F(ops, read__up_to_a_hole)
{
	const unsigned int hole = 20 * PAGE;
	struct vmspace_op op;
	struct copy c;
	unsigned int i;
	int reader;

	ASSERT_EQ(0, copy_prepare(self, &c, "xxxxxxxxxxxxxxxxxxxx.xxxxx"));
	for (i = 0; i < LEN; i++)
		c.memory[i] = pattern(i);
	reader = vms_new_reader(self->fd, self->space, CPU, START + 3, LEN - 3);
	ASSERT_LT(0, reader);
	memset(c.buffer, 0, LEN);
	EXPECT_EQ(0, vms_read(self->fd, reader, c.buffer, LEN - 3, &op));
	EXPECT_EQ(VMSPACE_OUTCOME_FAULT, op.io.outcome);
	EXPECT_EQ(hole - 3, op.io.bytes);
	EXPECT_EQ(START + hole, op.io.va);
	for (i = 0; i < LEN - 3; i++)
		ASSERT_EQ(i < hole - 3 ? pattern(i + 3) : 0, c.buffer[i]);
	/* There it stays. */
	EXPECT_EQ(0, vms_read(self->fd, reader, c.buffer, 1, &op));
	EXPECT_EQ(VMSPACE_OUTCOME_FAULT, op.io.outcome);
	EXPECT_EQ(0, op.io.bytes);
	EXPECT_EQ(START + hole, op.io.va);
	/* Until something is mapped there. */
	ASSERT_EQ(0, go(self, 20));
	ASSERT_EQ(0, map_with(self, c.id, 20, RO, 0));
	EXPECT_EQ(0, vms_read(self->fd, reader, c.buffer, 5 * PAGE + 9, &op));
	EXPECT_EQ(VMSPACE_OUTCOME_OK, op.io.outcome);
	EXPECT_EQ(5 * PAGE + 9, op.io.bytes);
	EXPECT_EQ(pattern(hole), c.buffer[0]);
	EXPECT_EQ(pattern(hole + 5 * PAGE + 8), c.buffer[5 * PAGE + 8]);
}

TEST_F(ops, write__up_to_a_hole)
{
	const unsigned int hole = 20 * PAGE;
	struct vmspace_op op;
	struct copy c;
	unsigned int i;
	int writer;

	ASSERT_EQ(0, copy_prepare(self, &c, "xxxxxxxxxxxxxxxxxxxx.xxxxx"));
	for (i = 0; i < LEN; i++)
		c.buffer[i] = pattern(i);
	writer = vms_new_writer(self->fd, self->space, CPU, START + 3, LEN - 3);
	ASSERT_LT(0, writer);
	EXPECT_EQ(0, vms_write(self->fd, writer, c.buffer, LEN - 3, &op));
	EXPECT_EQ(VMSPACE_OUTCOME_FAULT, op.io.outcome);
	EXPECT_EQ(hole - 3, op.io.bytes);
	EXPECT_EQ(START + hole, op.io.va);
	for (i = 0; i < LEN; i++)
		ASSERT_EQ(i >= 3 && i < hole ? pattern(i - 3) : 0, c.memory[i]);
}

TEST_F(ops, write__up_to_a_page_that_is_read_only)
{
	struct vmspace_op op;
	struct copy c;
	int writer;

	ASSERT_EQ(0, copy_prepare(self, &c, "x.x"));
	ASSERT_EQ(0, go(self, 1));
	ASSERT_EQ(0, map_with(self, c.id, 1, RO, 0));
	writer = vms_new_writer(self->fd, self->space, CPU, VA(0), 3 * PAGE);
	memset(c.buffer, 1, 3 * PAGE);
	EXPECT_EQ(0, vms_write(self->fd, writer, c.buffer, 3 * PAGE, &op));
	EXPECT_EQ(VMSPACE_OUTCOME_FAULT, op.io.outcome);
	EXPECT_EQ(PAGE, op.io.bytes);
	EXPECT_EQ(1, c.memory[PAGE - 1]);
	EXPECT_TRUE(all_zero((__u64 *)(c.memory + PAGE), 2));
}

TEST_F(ops, read__from_a_page_without_read)
{
	struct vmspace_op op;
	struct copy c;
	int reader;

	ASSERT_EQ(0, copy_prepare(self, &c, "x"));
	ASSERT_EQ(0, go(self, 1));
	ASSERT_EQ(0, map_with(self, c.id, 1, VMSPACE_PROP_WRITE | VMSPACE_PROP_EXEC, 0));
	reader = vms_new_reader(self->fd, self->space, CPU, VA(0), 2 * PAGE);
	EXPECT_EQ(0, vms_read(self->fd, reader, c.buffer, 2 * PAGE, &op));
	EXPECT_EQ(VMSPACE_OUTCOME_FAULT, op.io.outcome);
	EXPECT_EQ(PAGE, op.io.bytes);
}

TEST_F(ops, read__length)
{
	struct vmspace_op op;
	struct copy c;
	int reader;

	ASSERT_EQ(0, copy_prepare(self, &c, "x"));
	c.memory[0] = 5;
	reader = vms_new_reader(self->fd, self->space, CPU, VA(0), 10);
	EXPECT_REFUSED(ERANGE, vms_read(self->fd, reader, c.buffer, 11, &op));
	EXPECT_EQ(VA(0), op.io.va);
	EXPECT_REFUSED(ERANGE, vms_read(self->fd, reader, c.buffer, ~0ULL, &op));
	EXPECT_EQ(0, vms_read(self->fd, reader, c.buffer, 0, &op));
	EXPECT_EQ(VMSPACE_OUTCOME_OK, op.io.outcome);
	EXPECT_EQ(VA(0), op.io.va);
	EXPECT_EQ(0, vms_read(self->fd, reader, c.buffer, 4, &op));
	EXPECT_EQ(VA(0) + 4, op.io.va);
	EXPECT_EQ(4, op.io.bytes);
	EXPECT_EQ(5, c.buffer[0]);
	EXPECT_REFUSED(ERANGE, vms_read(self->fd, reader, c.buffer, 7, &op));
	EXPECT_EQ(VA(0) + 4, op.io.va);
	EXPECT_EQ(0, vms_read(self->fd, reader, c.buffer, 6, &op));
	EXPECT_EQ(VA(0) + 10, op.io.va);
	EXPECT_REFUSED(ERANGE, vms_read(self->fd, reader, c.buffer, 1, &op));
	EXPECT_EQ(0, vms_read(self->fd, reader, c.buffer, 0, &op));
}

TEST_F(ops, read__into_a_bad_buffer)
{
	unsigned char *kernel = (unsigned char *)0xffff888000000000;
	struct vmspace_op op;
	struct copy c;
	unsigned int i;
	int reader;

	ASSERT_EQ(0, copy_prepare(self, &c, "xxxx"));
	for (i = 0; i < 4 * PAGE; i++)
		c.memory[i] = pattern(i);
	reader = vms_new_reader(self->fd, self->space, CPU, VA(0), 4 * PAGE);
	EXPECT_REFUSED(EFAULT, vms_read(self->fd, reader, kernel, 8, &op));
	EXPECT_REFUSED(EFAULT, vms_read(self->fd, reader, (void *)-1UL, 8, &op));
	EXPECT_EQ(-EFAULT, vms_read(self->fd, reader, NULL, 8, &op));
	EXPECT_EQ(VA(0), op.io.va);
	EXPECT_EQ(0, op.io.bytes);
	/* The second page of it is bad: what was copied is told, and right. */
	ASSERT_EQ(0, munmap(c.buffer + PAGE, PAGE));
	EXPECT_EQ(-EFAULT, vms_read(self->fd, reader, c.buffer + 100, 3 * PAGE, &op));
	EXPECT_GE(PAGE - 100, op.io.bytes);
	EXPECT_EQ(VA(0) + op.io.bytes, op.io.va);
	for (i = 0; i < op.io.bytes; i++)
		ASSERT_EQ(pattern(i), c.buffer[100 + i]);
	/* From there it goes on. */
	i = op.io.bytes;
	EXPECT_EQ(0, vms_read(self->fd, reader, c.buffer + 2 * PAGE, PAGE, &op));
	EXPECT_EQ(PAGE, op.io.bytes);
	EXPECT_EQ(pattern(i), c.buffer[2 * PAGE]);
}

TEST_F(ops, write__from_a_bad_buffer)
{
	unsigned char *kernel = (unsigned char *)0xffff888000000000;
	struct vmspace_op op;
	struct copy c;
	unsigned int i;
	int writer;

	ASSERT_EQ(0, copy_prepare(self, &c, "xxxx"));
	for (i = 0; i < PAGE; i++)
		c.buffer[i] = pattern(i);
	writer = vms_new_writer(self->fd, self->space, CPU, VA(0), 4 * PAGE);
	EXPECT_REFUSED(EFAULT, vms_write(self->fd, writer, kernel, 8, &op));
	EXPECT_REFUSED(EFAULT, vms_write(self->fd, writer, NULL, 8, &op));
	EXPECT_EQ(VA(0), op.io.va);
	ASSERT_EQ(0, munmap(c.buffer + PAGE, PAGE));
	EXPECT_EQ(-EFAULT, vms_write(self->fd, writer, c.buffer + 100, 3 * PAGE, &op));
	EXPECT_GE(PAGE - 100, op.io.bytes);
	EXPECT_EQ(VA(0) + op.io.bytes, op.io.va);
	/* Nothing was made up. */
	for (i = 0; i < 4 * PAGE; i++)
		ASSERT_EQ(i < op.io.bytes ? pattern(100 + i) : 0, c.memory[i]);
}

TEST_F(ops, drop_io__frees_the_space)
{
	int reader, writer;

	ASSERT_EQ(0, vms_activate(self->fd, self->space, CPU, 0));
	reader = vms_new_reader(self->fd, self->space, CPU, START, PAGE);
	writer = vms_new_writer(self->fd, self->space, CPU, START, PAGE);
	EXPECT_REFUSED(EINVAL, vms_drop_writer(self->fd, reader));
	EXPECT_REFUSED(EINVAL, vms_drop_reader(self->fd, writer));
	EXPECT_EQ(3, space_stat(self).space_stat.users);
	EXPECT_EQ(0, vms_drop_reader(self->fd, reader));
	EXPECT_REFUSED(ENOENT, vms_drop_reader(self->fd, reader));
	EXPECT_EQ(0, vms_drop_writer(self->fd, writer));
	EXPECT_EQ(1, space_stat(self).space_stat.users);
}

TEST_HARNESS_MAIN
