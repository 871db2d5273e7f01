// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cursors in parallel: who waits for whom, in which order, and that what one
 * does within its range is lost to nobody.
 */
#define _GNU_SOURCE
#include "kselftest_harness.h"
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include "mappings.h"

#define BASE	0x555540000000ULL	/* a multiple of 1 GiB */
#define SLOT(n)	(BASE + (n) * M2)

/* Seconds for a test; emulators are slow, and others may use them as well. */
#define LIMIT	300

#define ARRAY_LEN(a)	(sizeof(a) / sizeof((a)[0]))

FIXTURE(cursors)
{
	struct vms_usage before;
	int fd;
	struct vmspace_info info;
	int space;
	int memory;		/* of 512 small pages */
	int large;		/* of a 2M page */
	int nr_cpus;
	unsigned int cpus[VMS_CPUS];
	char *shared;		/* that keeps the file */
	__u64 shared_len;
};

FIXTURE_SETUP(cursors)
{
	self->before = vms_usage_now();
	self->fd = vms_open();
	if (self->fd < 0)
		SKIP(return, "no /dev/vmspace: %s", strerror(errno));
	ASSERT_EQ(0, vms_info(self->fd, &self->info));
	self->space = vms_new_space(self->fd);
	ASSERT_GT(self->space, 0);
	self->memory = vms_new_memory(self->fd, 512);
	ASSERT_GT(self->memory, 0);
	self->large = vms_new_memory_of(self->fd, 1, M2, VMSPACE_CACHE_WB, NULL);
	ASSERT_GT(self->large, 0);
	self->nr_cpus = vms_activate_all(self->fd, self->space, VMSPACE_RESIDENT, self->cpus);
	ASSERT_GT(self->nr_cpus, 0);
}

FIXTURE_TEARDOWN(cursors)
{
	const char *left;

	if (self->shared)
		munmap(self->shared, self->shared_len);
	close(self->fd);
	left = vms_usage_not_back(&self->before, VMS_ANY);
	EXPECT_EQ(NULL, left)
		TH_LOG("%s", left);
}

/* --- helpers -------------------------------------------------------------- */

static int open_as(struct _test_data_cursors *self, __u64 start, __u64 end, unsigned int flags)
{
	return vms_open_cursor_as(self->fd, VMSPACE_OP_OPEN_CURSOR_MUT, self->space, start, end,
				  flags);
}

/* The id of a cursor, or -EBUSY. */
static int try_open(struct _test_data_cursors *self, __u64 start, __u64 end)
{
	return open_as(self, start, end, VMSPACE_NONBLOCK);
}

static int drop(struct _test_data_cursors *self, int cursor)
{
	return vms_drop_cursor(self->fd, cursor);
}

/* Open a cursor, and map a page at its start, so that its tables stay. */
static int populate(struct _test_data_cursors *self, __u64 va)
{
	int cursor = open_as(self, va, va + PAGE, 0);
	int ret;

	if (cursor < 0)
		return cursor;
	ret = vms_map(self->fd, cursor, self->memory, va / PAGE % 512, RW);
	return drop(self, cursor) ?: ret;
}

static int clear_all(struct _test_data_cursors *self)
{
	int cursor = open_as(self, 0, self->info.va_end, 0);
	struct vmspace_op op;
	int ret;

	if (cursor < 0)
		return cursor;
	ret = vms_unmap(self->fd, cursor, self->info.va_end, 0, &op);
	return drop(self, cursor) ?: ret;
}

/* Another one that does not get in the way of those which exist. */
#define EXPECT_FREE(start, end) do {				\
	int c_ = try_open(self, start, end);			\
								\
	EXPECT_GT(c_, 0);					\
	if (c_ > 0)						\
		EXPECT_EQ(0, drop(self, c_));			\
} while (0)

/* A try that fails leaves everything as it is. */
#define EXPECT_BUSY_AS(start, end, flags) do {						\
	long tables_ = vms_count_tables(self->fd, self->space);				\
	char *bytes_ = vms_table_bytes(self->fd, self->space), *now_;			\
											\
	EXPECT_EQ(-EBUSY, open_as(self, start, end, VMSPACE_NONBLOCK | (flags)));	\
	now_ = vms_table_bytes(self->fd, self->space);					\
	EXPECT_EQ(tables_, vms_count_tables(self->fd, self->space));			\
	EXPECT_STREQ(bytes_, now_);							\
	free(bytes_);									\
	free(now_);									\
} while (0)

#define EXPECT_BUSY(start, end)	EXPECT_BUSY_AS(start, end, 0)

#define EXPECT_TABLES(n)	EXPECT_EQ(n, vms_count_tables(self->fd, self->space))

static struct vms_opener opener(struct _test_data_cursors *self, __u64 start, __u64 end)
{
	return (struct vms_opener) {
		.fd = self->fd,
		.space = self->space,
		.start = start,
		.end = end,
	};
}

/* --- who is in whose way -------------------------------------------------- */

TEST_F_TIMEOUT(cursors, nonblock__other_tables_are_free, LIMIT)
{
	int first, second, third;

	ASSERT_EQ(0, populate(self, SLOT(0)));
	ASSERT_EQ(0, populate(self, SLOT(1)));
	ASSERT_EQ(0, populate(self, SLOT(2)));
	first = open_as(self, SLOT(1), SLOT(2), 0);
	ASSERT_GT(first, 0);
	EXPECT_FREE(SLOT(0), SLOT(1));
	EXPECT_FREE(SLOT(2), SLOT(3));
	EXPECT_FREE(SLOT(2), SLOT(2) + PAGE);
	EXPECT_FREE(SLOT(0) + 511 * PAGE, SLOT(1));
	EXPECT_BUSY(SLOT(1), SLOT(2));
	/* Several at once, and work in all of them. */
	second = try_open(self, SLOT(0), SLOT(1));
	third = try_open(self, SLOT(2), SLOT(3));
	ASSERT_GT(second, 0);
	ASSERT_GT(third, 0);
	EXPECT_EQ(0, vms_jump(self->fd, first, SLOT(1) + PAGE) ?:
		  vms_map(self->fd, first, self->memory, 7, RW));
	EXPECT_EQ(0, vms_jump(self->fd, second, SLOT(0) + PAGE) ?:
		  vms_map(self->fd, second, self->memory, 8, RW));
	EXPECT_EQ(0, vms_jump(self->fd, third, SLOT(2) + PAGE) ?:
		  vms_map(self->fd, third, self->memory, 9, RW));
	EXPECT_EQ(6, vms_count_pages(self->fd, self->space));
	EXPECT_EQ(0, drop(self, second));
	EXPECT_EQ(0, drop(self, first));
	EXPECT_EQ(0, drop(self, third));
	EXPECT_EQ(0, clear_all(self));
	EXPECT_TABLES(1);
}

TEST_F_TIMEOUT(cursors, nonblock__same_table_is_busy, LIMIT)
{
	int cursor;

	ASSERT_EQ(0, populate(self, SLOT(0)));
	ASSERT_EQ(0, populate(self, SLOT(1)));
	cursor = open_as(self, SLOT(0) + 5 * PAGE, SLOT(0) + 6 * PAGE, 0);
	ASSERT_GT(cursor, 0);
	EXPECT_BUSY(SLOT(0) + 5 * PAGE, SLOT(0) + 6 * PAGE);
	EXPECT_BUSY(SLOT(0), SLOT(0) + PAGE);
	EXPECT_BUSY(SLOT(0) + 6 * PAGE, SLOT(0) + 7 * PAGE);
	EXPECT_BUSY(SLOT(0) + 511 * PAGE, SLOT(1));
	EXPECT_BUSY(SLOT(0), SLOT(1));
	EXPECT_BUSY(BASE, BASE + G1);
	EXPECT_BUSY(0, self->info.va_end);
	EXPECT_FREE(SLOT(1), SLOT(2));
	EXPECT_EQ(0, drop(self, cursor));
	EXPECT_FREE(SLOT(0) + 5 * PAGE, SLOT(0) + 6 * PAGE);
	EXPECT_FREE(0, self->info.va_end);
}

TEST_F_TIMEOUT(cursors, nonblock__neighbours, LIMIT)
{
	int cursor;

	ASSERT_EQ(0, populate(self, SLOT(0)));
	ASSERT_EQ(0, populate(self, SLOT(1)));
	ASSERT_EQ(0, populate(self, SLOT(2)));
	/* A page on each side of a boundary: both tables, and the one above. */
	cursor = open_as(self, SLOT(1) - PAGE, SLOT(1) + PAGE, 0);
	ASSERT_GT(cursor, 0);
	EXPECT_BUSY(SLOT(0), SLOT(0) + PAGE);
	EXPECT_BUSY(SLOT(2) - PAGE, SLOT(2));
	EXPECT_BUSY(SLOT(1), SLOT(2));
	EXPECT_BUSY(SLOT(2) - PAGE, SLOT(2) + PAGE);
	/* A table below that exists is another matter. */
	EXPECT_FREE(SLOT(2), SLOT(3));
	/* One that does not would have to be made in a table that is owned. */
	EXPECT_BUSY(SLOT(3), SLOT(4));
	EXPECT_EQ(0, drop(self, cursor));
	EXPECT_FREE(SLOT(3), SLOT(4));

	/* The same across a boundary of 1G. */
	ASSERT_EQ(0, populate(self, BASE + G1 - PAGE));
	ASSERT_EQ(0, populate(self, BASE + G1));
	cursor = open_as(self, BASE + G1 - PAGE, BASE + G1 + PAGE, 0);
	ASSERT_GT(cursor, 0);
	EXPECT_BUSY(BASE + G1 - PAGE, BASE + G1);
	EXPECT_BUSY(BASE + G1 + PAGE, BASE + G1 + 2 * PAGE);
	EXPECT_BUSY(BASE + 7 * G1, BASE + 7 * G1 + PAGE);
	EXPECT_FREE(SLOT(0), SLOT(1));
	EXPECT_EQ(0, drop(self, cursor));
	EXPECT_EQ(0, clear_all(self));
	EXPECT_TABLES(1);
}

TEST_F_TIMEOUT(cursors, nonblock__missing_tables_are_made, LIMIT)
{
	int first, second;

	/* Nothing is there: each makes its own, from the root down. */
	first = try_open(self, SLOT(0), SLOT(1));
	ASSERT_GT(first, 0);
	second = try_open(self, SLOT(1), SLOT(2));
	ASSERT_GT(second, 0);
	EXPECT_TABLES(vms_tables_for(self->info.levels, SLOT(0), SLOT(2), 1));
	EXPECT_BUSY(SLOT(0), SLOT(1));
	EXPECT_BUSY(SLOT(1), SLOT(2));
	EXPECT_FREE(SLOT(2), SLOT(3));
	EXPECT_TABLES(vms_tables_for(self->info.levels, SLOT(0), SLOT(2), 1));
	EXPECT_EQ(0, drop(self, first));
	EXPECT_TABLES(vms_tables_for(self->info.levels, SLOT(1), SLOT(2), 1));
	EXPECT_EQ(0, drop(self, second));
	EXPECT_TABLES(1);
}

TEST_F_TIMEOUT(cursors, nonblock__the_wish_owns_the_table_above, LIMIT)
{
	int cursor;

	ASSERT_EQ(0, populate(self, SLOT(2)));
	cursor = open_as(self, SLOT(0), SLOT(1), VMSPACE_PAGE_2M);
	ASSERT_GT(cursor, 0);
	EXPECT_BUSY(SLOT(0), SLOT(0) + PAGE);
	EXPECT_BUSY(SLOT(0), SLOT(1));
	/* Siblings that need the same table: for a table, or for a large page. */
	EXPECT_BUSY(SLOT(1), SLOT(2));
	EXPECT_BUSY(SLOT(1), SLOT(1) + PAGE);
	EXPECT_BUSY_AS(SLOT(1), SLOT(2), VMSPACE_PAGE_2M);
	EXPECT_BUSY_AS(SLOT(2), SLOT(3), VMSPACE_PAGE_2M);
	EXPECT_BUSY(SLOT(2), SLOT(4));
	/* One that has its own table already does not. */
	EXPECT_FREE(SLOT(2), SLOT(3));
	/* The neighbours of the whole. */
	EXPECT_FREE(BASE + G1, BASE + G1 + M2);
	EXPECT_EQ(0, vms_map_range(self->fd, cursor, self->large, 0, 512, RW, VMSPACE_PAGE_2M));
	EXPECT_EQ(0, drop(self, cursor));

	/* In the middle of a large page there is no lower table. */
	cursor = open_as(self, SLOT(0) + 5 * PAGE, SLOT(0) + 6 * PAGE, 0);
	ASSERT_GT(cursor, 0);
	EXPECT_BUSY(SLOT(0) + 100 * PAGE, SLOT(0) + 101 * PAGE);
	EXPECT_BUSY(SLOT(1), SLOT(2));
	EXPECT_FREE(SLOT(2), SLOT(3));
	EXPECT_EQ(0, drop(self, cursor));
	EXPECT_FREE(SLOT(1), SLOT(2));
	EXPECT_EQ(0, clear_all(self));
	EXPECT_TABLES(1);
}

TEST_F_TIMEOUT(cursors, nonblock__the_wish_for_1g_owns_one_more, LIMIT)
{
	int cursor;

	if (!(self->info.page_sizes & G1))
		SKIP(return, "no pages of 1G");
	ASSERT_EQ(0, populate(self, BASE + 2 * G1));
	cursor = open_as(self, BASE, BASE + G1, VMSPACE_PAGE_1G);
	ASSERT_GT(cursor, 0);
	EXPECT_BUSY(BASE + G1, BASE + G1 + PAGE);
	EXPECT_BUSY_AS(BASE + 2 * G1, BASE + 3 * G1, VMSPACE_PAGE_1G);
	EXPECT_FREE(BASE + 2 * G1, BASE + 2 * G1 + PAGE);
	EXPECT_FREE(BASE + 2 * G1, BASE + 3 * G1);
	EXPECT_EQ(0, drop(self, cursor));
	EXPECT_EQ(0, clear_all(self));
	EXPECT_TABLES(1);
}

TEST_F_TIMEOUT(cursors, readonly__excludes_both_kinds, LIMIT)
{
	const unsigned int kinds[] = { VMSPACE_OP_OPEN_CURSOR, VMSPACE_OP_OPEN_CURSOR_MUT };
	unsigned int i, j;

	ASSERT_EQ(0, populate(self, SLOT(0)));
	ASSERT_EQ(0, populate(self, SLOT(1)));
	for (i = 0; i < 2; i++) {
		int other, cursor = vms_open_cursor_as(self->fd, kinds[i], self->space, SLOT(0),
						       SLOT(0) + PAGE, 0);

		ASSERT_GT(cursor, 0);
		for (j = 0; j < 2; j++) {
			EXPECT_EQ(-EBUSY, vms_open_cursor_as(self->fd, kinds[j], self->space,
							     SLOT(0), SLOT(1), VMSPACE_NONBLOCK));
			other = vms_open_cursor_as(self->fd, kinds[j], self->space, SLOT(1),
						   SLOT(2), VMSPACE_NONBLOCK);
			ASSERT_GT(other, 0);
			EXPECT_EQ(0, drop(self, other));
		}
		EXPECT_EQ(0, drop(self, cursor));
	}
	/* A space of its own is a world of its own. */
	i = vms_new_space(self->fd);
	j = vms_open_cursor(self->fd, i, SLOT(0), SLOT(1));
	EXPECT_FREE(SLOT(0), SLOT(1));
	EXPECT_EQ(0, drop(self, j));
}

/* What a read-only cursor makes for itself goes with it. */
TEST_F_TIMEOUT(cursors, readonly__leaves_no_tables, LIMIT)
{
	int cursor = vms_open_cursor(self->fd, self->space, SLOT(0), SLOT(0) + PAGE);

	ASSERT_GT(cursor, 0);
	EXPECT_EQ(0, drop(self, cursor));
	EXPECT_TABLES(1);
}

/* --- tables that are left empty ------------------------------------------- */

/* Whoever goes last takes the empty tables of the others along. */
TEST_F_TIMEOUT(cursors, tables__go_with_the_last_of_several, LIMIT)
{
	const unsigned int nr = 6;
	struct vmspace_op op;
	unsigned int first, i;
	int cursors[6];

	for (first = 0; first < nr; first++) {
		for (i = 0; i < nr; i++) {
			/* Below the same table, and below others of each level. */
			__u64 va = i < 3 ? SLOT(i) : BASE + i % 3 * 700 * G1 + G1;

			cursors[i] = open_as(self, va, va + PAGE, 0);
			ASSERT_GT(cursors[i], 0);
		}
		for (i = 0; i < nr; i++)
			EXPECT_EQ(0, drop(self, cursors[(i * 5 + first) % nr]));
		EXPECT_TABLES(1);
	}
	/* While one above is owned, what is below waits for it. */
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, populate(self, SLOT(3)));
		cursors[0] = open_as(self, SLOT(3), SLOT(4), 0);
		ASSERT_GT(cursors[0], 0);
		cursors[1] = open_as(self, SLOT(0), SLOT(1), VMSPACE_PAGE_2M);
		ASSERT_GT(cursors[1], 0);
		EXPECT_EQ(0, vms_unmap(self->fd, cursors[0], M2, 0, &op));
		EXPECT_EQ(1, op.unmap.pages);
		EXPECT_EQ(0, drop(self, cursors[i]));
		EXPECT_EQ(0, drop(self, cursors[!i]));
		EXPECT_TABLES(1);
	}
}

/* --- waiting -------------------------------------------------------------- */

TEST_F_TIMEOUT(cursors, wait__in_order_of_arrival, LIMIT)
{
	struct vms_opener waiters[8];
	unsigned int i, kind;
	int cursor, ranks;

	for (kind = 0; kind < 2; kind++) {
		if (kind)
			ASSERT_EQ(0, populate(self, SLOT(0)));
		cursor = open_as(self, SLOT(0), SLOT(0) + PAGE, 0);
		ASSERT_GT(cursor, 0);
		ranks = 0;
		for (i = 0; i < ARRAY_LEN(waiters); i++) {
			/* All of them need the one table. */
			waiters[i] = opener(self, SLOT(0) + i * PAGE, SLOT(0) + (i + 1) * PAGE);
			waiters[i].drop = true;
			waiters[i].ranks = &ranks;
			if (i % 3 == 1)
				waiters[i].opcode = VMSPACE_OP_OPEN_CURSOR;
			ASSERT_EQ(true, vms_opener_start(&waiters[i]));
		}
		/* Nobody barges in. */
		EXPECT_EQ(-EBUSY, try_open(self, SLOT(0), SLOT(0) + PAGE));
		EXPECT_EQ(0, drop(self, cursor));
		for (i = 0; i < ARRAY_LEN(waiters); i++) {
			EXPECT_LT(0, vms_opener_join(&waiters[i]));
			EXPECT_EQ(i, waiters[i].rank);
		}
		EXPECT_EQ(0, clear_all(self));
		EXPECT_TABLES(1);
	}
}

static void ignore(__attribute__((unused)) int sig)
{
}

static void catch_usr1(void)
{
	const struct sigaction action = { .sa_handler = ignore, .sa_flags = SA_RESTART };

	sigaction(SIGUSR1, &action, NULL);
}

TEST_F_TIMEOUT(cursors, wait__ended_by_a_signal, LIMIT)
{
	struct vms_opener first, second, third;
	struct vmspace_op before, now;
	int cursor, ranks = 0;
	long tables;

	catch_usr1();
	ASSERT_EQ(0, populate(self, SLOT(0)));
	ASSERT_EQ(0, populate(self, SLOT(1)));
	cursor = open_as(self, SLOT(1), SLOT(1) + PAGE, 0);
	ASSERT_GT(cursor, 0);
	tables = vms_count_tables(self->fd, self->space);
	ASSERT_EQ(0, vms_space_stat(self->fd, self->space, &before));
	/* The second holds one table already, and waits for the other. */
	second = opener(self, SLOT(0), SLOT(2));
	ASSERT_EQ(true, vms_opener_start(&second));
	first = opener(self, SLOT(1), SLOT(2));
	first.ranks = &ranks;
	third = first;
	first.drop = true;
	ASSERT_EQ(true, vms_opener_start(&first));
	ASSERT_EQ(true, vms_opener_start(&third));
	EXPECT_EQ(-EBUSY, try_open(self, SLOT(0), SLOT(1)));
	ASSERT_EQ(0, pthread_kill(second.thread, SIGUSR1));
	EXPECT_EQ(-EINTR, vms_opener_join(&second));
	/* What it had is free again, and the others still wait. */
	EXPECT_FREE(SLOT(0), SLOT(1));
	EXPECT_EQ(-EBUSY, try_open(self, SLOT(1), SLOT(2)));
	EXPECT_EQ(tables, vms_count_tables(self->fd, self->space));
	ASSERT_EQ(0, vms_space_stat(self->fd, self->space, &now));
	EXPECT_EQ(before.space_stat.users + 2, now.space_stat.users);
	EXPECT_EQ(0, drop(self, cursor));
	EXPECT_LT(0, vms_opener_join(&first));
	EXPECT_LT(0, vms_opener_join(&third));
	EXPECT_EQ(0, first.rank);
	EXPECT_EQ(1, third.rank);
	EXPECT_EQ(0, drop(self, third.result));
	EXPECT_EQ(0, clear_all(self));
	EXPECT_TABLES(1);
}

/* A program tells how far it came, and nothing is done twice. */
TEST_F_TIMEOUT(cursors, wait__ended_by_a_signal_in_a_program, LIMIT)
{
	struct vmspace_op ops[4] = {
		{ .opcode = VMSPACE_OP_OPEN_CURSOR_MUT, .id = self->space,
		  .open = { .start = SLOT(5), .end = SLOT(6) } },
		{ .opcode = VMSPACE_OP_OPEN_CURSOR_MUT, .id = self->space,
		  .open = { .start = SLOT(5), .end = SLOT(5) + PAGE } },
		{ .opcode = VMSPACE_OP_SPACE_STAT, .id = self->space },
	};
	const struct sigaction action = { .sa_handler = ignore };
	struct vmspace_step step;

	/* It waits for itself, until the alarm. */
	sigaction(SIGALRM, &action, NULL);
	ualarm(300000, 0);
	EXPECT_EQ(0, vms_step(self->fd, ops, 3, 0, &step));
	EXPECT_EQ(-EINTR, step.error);
	EXPECT_EQ(2, step.done);
	EXPECT_EQ(0, ops[0].result);
	EXPECT_EQ(-EINTR, ops[1].result);
	EXPECT_EQ(0, ops[1].open.new_id);
	EXPECT_EQ(0, ops[2].space_stat.tables);
	EXPECT_EQ(0, drop(self, ops[0].open.new_id));
	EXPECT_TABLES(1);
}

struct dropper {
	int fd;
	int cursor;
	int ret;
};

static void *dropper_main(void *arg)
{
	struct dropper *d = arg;

	d->ret = vms_drop_cursor(d->fd, d->cursor);
	return NULL;
}

TEST_F_TIMEOUT(cursors, drop__by_another_thread_or_process, LIMIT)
{
	struct vms_opener waiter = opener(self, SLOT(0), SLOT(1));
	struct dropper d = { .fd = self->fd };
	pthread_t thread;
	int status;
	pid_t pid;

	d.cursor = open_as(self, SLOT(0), SLOT(0) + PAGE, 0);
	ASSERT_GT(d.cursor, 0);
	ASSERT_EQ(true, vms_opener_start(&waiter));
	ASSERT_EQ(0, pthread_create(&thread, NULL, dropper_main, &d));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, d.ret);
	EXPECT_LT(0, vms_opener_join(&waiter));
	/* The thread that opened this one has ended. */
	EXPECT_EQ(-EBUSY, try_open(self, SLOT(0), SLOT(1)));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid)
		_exit(-vms_drop_cursor(self->fd, waiter.result));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_FREE(SLOT(0), SLOT(1));
	EXPECT_TABLES(1);
}

TEST_F_TIMEOUT(cursors, drop__by_the_close_of_the_file, LIMIT)
{
	unsigned int round;
	int fd, space, i;

	for (round = 0; round < 5; round++) {
		fd = vms_open();
		ASSERT_GE(fd, 0);
		space = vms_new_space(fd);
		ASSERT_GT(space, 0);
		/* Neighbours, wishes, tables that others have left empty. */
		for (i = 0; i < 20; i++) {
			int cursor = vms_open_cursor_as(fd, VMSPACE_OP_OPEN_CURSOR_MUT, space,
							SLOT(i), SLOT(i) + PAGE, 0);

			ASSERT_GT(cursor, 0);
			if (i % 5 == 4)
				ASSERT_EQ(0, vms_drop_cursor(fd, cursor));
		}
		ASSERT_GT(vms_open_cursor_as(fd, VMSPACE_OP_OPEN_CURSOR_MUT, space, SLOT(25),
					     SLOT(26), VMSPACE_PAGE_2M), 0);
		close(fd);
	}
}

TEST_F_TIMEOUT(cursors, wait__a_large_range_for_a_small_one, LIMIT)
{
	const __u64 inside[] = { 0, BASE, BASE + G1 - PAGE, SLOT(3) + 77 * PAGE,
				 self->info.va_end - PAGE };
	unsigned int i, populated;

	for (populated = 0; populated < 2; populated++) {
		for (i = 0; i < ARRAY_LEN(inside); i++) {
			struct vms_opener large = opener(self, 0, self->info.va_end);
			struct vms_opener small = opener(self, inside[i], inside[i] + PAGE);

			if (populated)
				ASSERT_EQ(0, populate(self, inside[i]));
			/* The large one for the small one. */
			small.result = open_as(self, small.start, small.end, 0);
			ASSERT_GT(small.result, 0);
			ASSERT_EQ(true, vms_opener_start(&large));
			EXPECT_EQ(0, drop(self, small.result));
			ASSERT_LT(0, vms_opener_join(&large));
			/* The small one for the large one. */
			ASSERT_EQ(true, vms_opener_start(&small));
			EXPECT_EQ(0, drop(self, large.result));
			ASSERT_LT(0, vms_opener_join(&small));
			EXPECT_EQ(0, drop(self, small.result));
			EXPECT_EQ(0, clear_all(self));
			EXPECT_TABLES(1);
		}
	}
}

/* The table that one waits for is taken out: it starts again. */
TEST_F_TIMEOUT(cursors, wait__for_a_table_that_goes_away, LIMIT)
{
	struct vmspace_op op;
	unsigned int round;

	for (round = 0; round < 5; round++) {
		struct vms_opener waiters[4];
		unsigned int i, nr = 1 + round % 4;
		int cursor;

		ASSERT_EQ(0, populate(self, SLOT(0)));
		ASSERT_EQ(0, populate(self, SLOT(1)));
		cursor = open_as(self, BASE, BASE + G1, 0);
		ASSERT_GT(cursor, 0);
		for (i = 0; i < nr; i++) {
			waiters[i] = opener(self, SLOT(i % 2) + i * PAGE,
					    SLOT(i % 2) + (i + 1) * PAGE);
			waiters[i].drop = true;
			ASSERT_EQ(true, vms_opener_start(&waiters[i]));
		}
		/* With all tables below it, then the upper one as well. */
		EXPECT_EQ(0, vms_unmap(self->fd, cursor, G1, 0, &op));
		EXPECT_EQ(2, op.unmap.pages);
		EXPECT_EQ(0, drop(self, cursor));
		for (i = 0; i < nr; i++)
			EXPECT_LT(0, vms_opener_join(&waiters[i]));
		EXPECT_TABLES(1);
	}
}

TEST_F_TIMEOUT(cursors, two__in_one_thread, LIMIT)
{
	const struct sigaction action = { .sa_handler = ignore };
	int first, second;

	first = open_as(self, SLOT(0), SLOT(1), 0);
	ASSERT_GT(first, 0);
	second = open_as(self, SLOT(1), SLOT(2), 0);
	ASSERT_GT(second, 0);
	EXPECT_EQ(0, vms_map(self->fd, first, self->memory, 1, RW));
	EXPECT_EQ(0, vms_map(self->fd, second, self->memory, 2, RW));
	EXPECT_EQ(-EBUSY, try_open(self, SLOT(0) + PAGE, SLOT(0) + 2 * PAGE));
	sigaction(SIGALRM, &action, NULL);
	ualarm(200000, 0);
	EXPECT_EQ(-EINTR, open_as(self, SLOT(1) + PAGE, SLOT(1) + 2 * PAGE, 0));
	/* They still work. */
	EXPECT_EQ(0, vms_map(self->fd, first, self->memory, 3, RW));
	EXPECT_EQ(0, vms_map(self->fd, second, self->memory, 4, RW));
	EXPECT_EQ(4, vms_count_pages(self->fd, self->space));
	EXPECT_EQ(0, drop(self, first));
	EXPECT_EQ(0, drop(self, second));
	EXPECT_EQ(0, clear_all(self));
	EXPECT_TABLES(1);
}

TEST_F_TIMEOUT(cursors, space__is_busy_while_one_waits, LIMIT)
{
	struct vms_opener waiter;
	int space = vms_new_space(self->fd), cursor;

	catch_usr1();
	ASSERT_GT(space, 0);
	cursor = vms_open_cursor_mut(self->fd, space, SLOT(0), SLOT(1));
	ASSERT_GT(cursor, 0);
	waiter = opener(self, SLOT(0), SLOT(1));
	waiter.space = space;
	ASSERT_EQ(true, vms_opener_start(&waiter));
	EXPECT_EQ(-EBUSY, vms_drop_space(self->fd, space));
	EXPECT_EQ(0, drop(self, cursor));
	ASSERT_LT(0, vms_opener_join(&waiter));
	EXPECT_EQ(-EBUSY, vms_drop_space(self->fd, space));
	EXPECT_EQ(0, drop(self, waiter.result));
	EXPECT_EQ(0, vms_drop_space(self->fd, space));
}

/* --- many threads --------------------------------------------------------- */

#define NR_THREADS	8
#define NR_SHARED	64	/* pages that threads count in */
#define SECONDS		4

enum pattern {
	DISJOINT,	/* each has slots of its own */
	NEIGHBOURS,	/* each has pages of its own, all in one table */
	OVERLAPPING,	/* all have everything, and ranges of all sizes */
};

/**
 * struct arena - what threads hammer on
 * @fd:		the file
 * @space:	the space
 * @memory:	NR_SHARED small pages, one behind the other
 * @large:	a 2M page
 * @base:	first address
 * @pattern:	who has what
 * @nr_cpus:	how many
 * @cpus:	their numbers
 * @pfn:	of each small page
 * @stop:	time to end
 * @owner:	of each page now: 0 or a thread's number plus one
 * @counted:	per page: how often it was counted up
 */
struct arena {
	int fd;
	int space;
	int memory;
	int large;
	__u64 base;
	enum pattern pattern;
	int nr_cpus;
	unsigned int *cpus;
	__u64 pfn[NR_SHARED];
	int stop;
	int owner[NR_SHARED];
	__u64 counted[NR_SHARED];
};

/**
 * struct hammer - a thread that hammers
 * @thread:	itself
 * @arena:	where
 * @nr:		its number
 * @random:	state of its random numbers
 * @rounds:	how many it did
 * @error:	the first thing that went wrong, or NULL
 * @value:	belongs to it
 * @expected:	likewise
 */
struct hammer {
	pthread_t thread;
	struct arena *arena;
	unsigned int nr;
	__u64 random;
	__u64 rounds;
	const char *error;
	__u64 value;
	__u64 expected;
};

static unsigned int draw(struct hammer *h, unsigned int below)
{
	h->random = h->random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (h->random >> 33) % below;
}

/*
 * Where a page of the memory is mapped, if it is.  In the arena there are four
 * slots, two on either side of a boundary of 1G, with a quarter of the pages
 * each, as far apart as its pattern wants.
 */
static __u64 page_va(const struct arena *a, unsigned int page)
{
	switch (a->pattern) {
	case DISJOINT:
		/* A slot for each thread. */
		return a->base + G1 - NR_THREADS / 2 * M2 + page % NR_THREADS * M2 +
		       page / NR_THREADS * 33 * PAGE;
	case NEIGHBOURS:
		return a->base + page * PAGE;
	default:
		return a->base + G1 - 2 * M2 + page % 4 * M2 + page / 4 * 29 * PAGE;
	}
}

static bool fail(struct hammer *h, const char *error, __u64 value, __u64 expected)
{
	h->error = error;
	h->value = value;
	h->expected = expected;
	return false;
}

/* Count a page up through the MMU, which is nobody else's now. */
static bool count_up(struct hammer *h, int cursor, unsigned int page)
{
	struct arena *a = h->arena;
	__u64 va = page_va(a, page), value, expected = a->counted[page];
	unsigned int cpu = a->cpus[draw(h, a->nr_cpus)];
	struct vmspace_op op;
	int ret;

	if (__atomic_exchange_n(&a->owner[page], h->nr + 1, __ATOMIC_ACQ_REL))
		return fail(h, "two have one page", page, 0);
	ret = vms_jump(a->fd, cursor, va) ?: vms_query(a->fd, cursor, &op);
	if (ret)
		return fail(h, "jump or query", ret, 0);
	if (!op.query.present) {
		ret = vms_map(a->fd, cursor, a->memory, page, RW);
		if (ret)
			return fail(h, "map", ret, 0);
	} else if (op.query.pfn != a->pfn[page] || op.query.start != va) {
		return fail(h, "another page is mapped", op.query.pfn, a->pfn[page]);
	}
	ret = vms_load(a->fd, a->space, cpu, va, &value);
	if (ret != LOADED || value != expected)
		return fail(h, "load", ret == LOADED ? value : (__u64)ret, expected);
	a->counted[page] = expected + 1;
	cpu = a->cpus[draw(h, a->nr_cpus)];
	ret = vms_store(a->fd, a->space, cpu, va, expected + 1);
	if (ret != LOADED)
		return fail(h, "store", ret, 0);
	ret = vms_jump(a->fd, cursor, va);
	switch (draw(h, 4)) {
	case 0:
		break;
	case 1:
		ret = ret ?: vms_protect_next(a->fd, cursor, PAGE, VMSPACE_PROP_WRITE, 0, 0, &op);
		if (ret || !(op.protect.prop & VMSPACE_PROP_DIRTY))
			return fail(h, "protect", ret, op.protect.prop);
		if (vms_store(a->fd, a->space, cpu, va, 0) != FAULTED)
			return fail(h, "a store to what is read-only", 0, 0);
		ret = vms_jump(a->fd, cursor, va) ?:
		      vms_protect_next(a->fd, cursor, PAGE, 0, VMSPACE_PROP_WRITE, 0, &op);
		break;
	default:
		ret = ret ?: vms_unmap(a->fd, cursor, PAGE, 0, &op);
		if (ret || op.unmap.pages != 1)
			return fail(h, "unmap", ret, op.unmap.pages);
		if (vms_load(a->fd, a->space, cpu, va, &value) != FAULTED)
			return fail(h, "a load from what is unmapped", value, 0);
	}
	if (ret)
		return fail(h, "back", ret, 0);
	if (__atomic_exchange_n(&a->owner[page], 0, __ATOMIC_ACQ_REL) != (int)h->nr + 1)
		return fail(h, "two had one page", page, 0);
	return true;
}

/* Where nothing else is: a large page, or a table left empty. */
static bool hammer_large(struct hammer *h)
{
	struct arena *a = h->arena;
	__u64 va = a->base + G1 - 3 * M2 + draw(h, 2) * 5 * M2;
	int cursor = vms_open_cursor_as(a->fd, VMSPACE_OP_OPEN_CURSOR_MUT, a->space, va,
					draw(h, 2) ? va + M2 : va + M2 - PAGE, VMSPACE_PAGE_2M);
	struct vmspace_op op;
	int ret;

	if (cursor < 0)
		return fail(h, "open a large one", cursor, 0);
	ret = vms_query(a->fd, cursor, &op);
	if (ret || op.query.present)
		return fail(h, "something is there", ret, op.query.start);
	ret = vms_map_range(a->fd, cursor, a->large, 0, 512, RW, VMSPACE_PAGE_2M);
	if (!ret) {
		ret = vms_jump(a->fd, cursor, va + 5 * PAGE) ?:
		      vms_unmap(a->fd, cursor, PAGE, 0, &op) ?:
		      vms_jump(a->fd, cursor, va) ?:
		      vms_unmap(a->fd, cursor, M2, 0, &op);
		if (!ret && op.unmap.pages != 511)
			return fail(h, "unmap of a large one", op.unmap.pages, 511);
	} else if (ret == -ERANGE) {
		ret = 0;
	}
	ret = ret ?: vms_drop_cursor(a->fd, cursor);
	return ret ? fail(h, "a large page", ret, 0) : true;
}

static bool hammer_once(struct hammer *h)
{
	struct arena *a = h->arena;
	unsigned int page = draw(h, NR_SHARED), flags = 0, i, kind;
	__u64 start, end;
	int cursor, ret;

	if (a->pattern != OVERLAPPING)
		page = page / NR_THREADS * NR_THREADS + h->nr;
	else if (!draw(h, 8))
		return hammer_large(h);
	start = page_va(a, page);
	end = start + PAGE;
	if (a->pattern == OVERLAPPING) {
		switch (draw(h, 6)) {
		case 0:
			start = start & -M2;
			end = start + M2;
			flags = draw(h, 2) ? VMSPACE_PAGE_2M : 0;
			break;
		case 1:
			start -= draw(h, 700) * PAGE;
			end += draw(h, 700) * PAGE;
			break;
		case 2:
			start = draw(h, 2) ? a->base : 0;
			end = a->base + 2 * G1;
			break;
		}
	} else if (a->pattern == DISJOINT && draw(h, 2)) {
		start = start & -M2;
		end = start + M2;
	}
	kind = draw(h, 8) ? VMSPACE_OP_OPEN_CURSOR_MUT : VMSPACE_OP_OPEN_CURSOR;
	if (!draw(h, 4))
		flags |= VMSPACE_NONBLOCK;
	cursor = vms_open_cursor_as(a->fd, kind, a->space, start, end, flags);
	if (cursor == -EBUSY && (flags & VMSPACE_NONBLOCK))
		return true;
	if (cursor < 0)
		return fail(h, "open", cursor, 0);
	for (i = 0; i < NR_SHARED && kind == VMSPACE_OP_OPEN_CURSOR_MUT; i++) {
		__u64 va = page_va(a, i);

		/* The page itself, and some others that are in the range. */
		if (i == page || (va >= start && va < end && !draw(h, 16)))
			if (!count_up(h, cursor, i))
				return false;
	}
	ret = vms_drop_cursor(a->fd, cursor);
	return ret ? fail(h, "drop", ret, 0) : true;
}

static void *hammer_main(void *arg)
{
	struct hammer *h = arg;

	while (!__atomic_load_n(&h->arena->stop, __ATOMIC_RELAXED) && hammer_once(h))
		h->rounds++;
	/* The others need not go on. */
	if (h->error)
		__atomic_store_n(&h->arena->stop, 1, __ATOMIC_RELAXED);
	return NULL;
}

/* Translations without a lock: the right page, or none. */
static void *looker_main(void *arg)
{
	struct hammer *h = arg;
	struct arena *a = h->arena;
	struct vmspace_op op;

	while (!__atomic_load_n(&a->stop, __ATOMIC_RELAXED)) {
		unsigned int page = draw(h, NR_SHARED);
		__u64 va = page_va(a, page);
		int ret = vms_translate(a->fd, a->space, va + draw(h, PAGE), &op);

		if (ret || op.query.start > va || op.query.end < va + PAGE) {
			fail(h, "translate", ret, op.query.start);
			break;
		}
		if (op.query.present && (op.query.pfn != a->pfn[page] || op.query.start != va ||
					 op.query.end != va + PAGE ||
					 (op.query.prop & RO) != RO)) {
			fail(h, "translate: another page", op.query.pfn, a->pfn[page]);
			break;
		}
		/* Leave the CPUs to those who have something to do on them. */
		if (!(++h->rounds % 64))
			vms_pause();
	}
	if (h->error)
		__atomic_store_n(&a->stop, 1, __ATOMIC_RELAXED);
	return NULL;
}

/* Each page at its place once, to know its frame. */
static int arena_learn(struct arena *a)
{
	unsigned int page;

	for (page = 0; page < NR_SHARED; page++) {
		__u64 va = page_va(a, page);
		int cursor = vms_open_cursor_mut(a->fd, a->space, va, va + PAGE);
		struct vmspace_op op;
		int ret;

		if (cursor < 0)
			return cursor;
		ret = vms_map(a->fd, cursor, a->memory, page, RW) ?:
		      vms_translate(a->fd, a->space, va, &op);
		a->pfn[page] = op.query.pfn;
		ret = ret ?: vms_jump(a->fd, cursor, va) ?:
		      vms_unmap(a->fd, cursor, PAGE, 0, &op) ?:
		      vms_drop_cursor(a->fd, cursor);
		if (ret)
			return ret;
	}
	return 0;
}

/* Whether some thread has hardly begun. */
static bool hammers_slow(struct hammer *hammers)
{
	unsigned int i;

	for (i = 0; i < NR_THREADS + 2; i++)
		if (__atomic_load_n(&hammers[i].rounds, __ATOMIC_RELAXED) < 5)
			return true;
	return false;
}

static void hammer(struct __test_metadata *_metadata, struct _test_data_cursors *self,
		   enum pattern pattern)
{
	struct hammer hammers[NR_THREADS + 2] = {};
	__u64 offset, total = 0, least = -1ULL;
	struct arena a = {
		.fd = self->fd,
		.space = self->space,
		.base = BASE,
		.pattern = pattern,
		.large = self->large,
		.nr_cpus = self->nr_cpus,
		.cpus = self->cpus,
	};
	double end = vms_now() + SECONDS, patience = vms_now() + LIMIT / 2;
	unsigned int i;

	a.memory = vms_new_memory_of(self->fd, NR_SHARED, PAGE, VMSPACE_CACHE_WB, &offset);
	ASSERT_GT(a.memory, 0);
	self->shared_len = NR_SHARED * PAGE;
	self->shared = vms_view(self->fd, offset, NR_SHARED);
	ASSERT_NE(MAP_FAILED, (void *)self->shared);
	ASSERT_EQ(0, arena_learn(&a));
	EXPECT_TABLES(1);
	for (i = 0; i < ARRAY_LEN(hammers); i++) {
		hammers[i].arena = &a;
		hammers[i].nr = i;
		hammers[i].random = i * 0x9e3779b97f4a7c15ULL + pattern;
		ASSERT_EQ(0, pthread_create(&hammers[i].thread, NULL,
					    i < NR_THREADS ? hammer_main : looker_main,
					    &hammers[i]));
	}
	while (!__atomic_load_n(&a.stop, __ATOMIC_RELAXED) &&
	       (vms_now() < end || (vms_now() < patience && hammers_slow(hammers))))
		vms_pause();
	__atomic_store_n(&a.stop, 1, __ATOMIC_RELAXED);
	/* Who hangs here ends by the harness's alarm. */
	for (i = 0; i < ARRAY_LEN(hammers); i++) {
		struct hammer *h = &hammers[i];

		ASSERT_EQ(0, pthread_join(h->thread, NULL));
		EXPECT_EQ(NULL, h->error)
			TH_LOG("thread %u, round %llu: %s: %lld (%llx), expected %lld (%llx)", i,
			       h->rounds, h->error, (long long)h->value, h->value,
			       (long long)h->expected, h->expected);
		/* Nobody starves. */
		EXPECT_GT(h->rounds, 0);
		if (i < NR_THREADS) {
			total += h->rounds;
			if (h->rounds < least)
				least = h->rounds;
		}
	}
	TH_LOG("%llu rounds, the slowest thread %llu of them", total, least);
	/* Nothing was lost, seen through the other mapping. */
	for (i = 0; i < NR_SHARED; i++)
		EXPECT_EQ(a.counted[i], *(__u64 *)(self->shared + i * PAGE))
			TH_LOG("page %u", i);
	EXPECT_EQ(0, clear_all(self));
	EXPECT_TABLES(1);
	EXPECT_EQ(0, vms_count_pages(self->fd, self->space));
}

TEST_F_TIMEOUT(cursors, threads__on_disjoint_tables, LIMIT)
{
	hammer(_metadata, self, DISJOINT);
}

TEST_F_TIMEOUT(cursors, threads__on_the_same_table, LIMIT)
{
	hammer(_metadata, self, NEIGHBOURS);
}

TEST_F_TIMEOUT(cursors, threads__on_overlapping_ranges, LIMIT)
{
	hammer(_metadata, self, OVERLAPPING);
}

/* Cursors that come and go and leave nothing: the tables come and go as well. */
static void *come_and_go(void *arg)
{
	struct hammer *h = arg;
	struct arena *a = h->arena;

	while (!__atomic_load_n(&a->stop, __ATOMIC_RELAXED)) {
		unsigned int size = draw(h, 3);
		__u64 start = BASE + G1 - 2 * M2 + draw(h, 4 * 512) * PAGE;
		__u64 end = start + (size ? draw(h, size * 600) + 1 : 1) * PAGE;
		int cursor = vms_open_cursor_as(a->fd, VMSPACE_OP_OPEN_CURSOR_MUT, a->space, start,
						end, draw(h, 3) ? 0 : VMSPACE_NONBLOCK);

		if (cursor < 0 && cursor != -EBUSY) {
			fail(h, "open", cursor, 0);
			__atomic_store_n(&a->stop, 1, __ATOMIC_RELAXED);
			break;
		}
		if (cursor > 0)
			vms_drop_cursor(a->fd, cursor);
		h->rounds++;
	}
	return NULL;
}

/* Whether one of them has not had its turn yet. */
static bool some_wait(const struct hammer *hammers)
{
	unsigned int i;

	for (i = 0; i < NR_THREADS; i++)
		if (!__atomic_load_n(&hammers[i].rounds, __ATOMIC_RELAXED))
			return true;
	return false;
}

TEST_F_TIMEOUT(cursors, threads__that_leave_nothing, LIMIT)
{
	struct arena a = { .fd = self->fd, .space = self->space };
	struct hammer hammers[NR_THREADS] = {};
	unsigned int i, round;
	__u64 total = 0;

	for (round = 0; round < 4; round++) {
		double end = vms_now() + 1, patience = end + LIMIT / 8;

		a.stop = 0;
		for (i = 0; i < NR_THREADS; i++) {
			hammers[i].arena = &a;
			hammers[i].random = round * NR_THREADS + i + 1;
			hammers[i].rounds = 0;
			ASSERT_EQ(0, pthread_create(&hammers[i].thread, NULL, come_and_go,
						    &hammers[i]));
		}
		while (!__atomic_load_n(&a.stop, __ATOMIC_RELAXED) &&
		       (vms_now() < end || (vms_now() < patience && some_wait(hammers))))
			vms_pause();
		__atomic_store_n(&a.stop, 1, __ATOMIC_RELAXED);
		for (i = 0; i < NR_THREADS; i++) {
			ASSERT_EQ(0, pthread_join(hammers[i].thread, NULL));
			EXPECT_EQ(NULL, hammers[i].error)
				TH_LOG("%s: %lld", hammers[i].error, (long long)hammers[i].value);
			EXPECT_GT(hammers[i].rounds, 0);
			total += hammers[i].rounds;
		}
		EXPECT_TABLES(1);
	}
	TH_LOG("%llu rounds", total);
}

/* --- the end of a process ------------------------------------------------- */

/* Says on a pipe when all are in the middle of it. */
static void hammer_until_killed(int ready, enum pattern pattern)
{
	struct hammer hammers[NR_THREADS + 2] = {};
	unsigned int cpus[VMS_CPUS], i;
	struct arena a = { .base = BASE, .pattern = pattern, .cpus = cpus };
	int end;

	a.fd = vms_open();
	a.space = vms_new_space(a.fd);
	a.large = vms_new_memory_of(a.fd, 1, M2, VMSPACE_CACHE_WB, NULL);
	a.memory = vms_new_memory(a.fd, NR_SHARED);
	a.nr_cpus = vms_activate_all(a.fd, a.space, VMSPACE_RESIDENT, cpus);
	if (a.space <= 0 || a.large <= 0 || a.memory <= 0 || a.nr_cpus <= 0 || arena_learn(&a))
		_exit(2);
	for (i = 0; i < ARRAY_LEN(hammers); i++) {
		hammers[i].arena = &a;
		hammers[i].nr = i;
		hammers[i].random = i + getpid();
		if (pthread_create(&hammers[i].thread, NULL,
				   i < NR_THREADS ? hammer_main : looker_main, &hammers[i]))
			_exit(3);
	}
	while (hammers_slow(hammers) && !__atomic_load_n(&a.stop, __ATOMIC_RELAXED))
		vms_pause();
	if (write(ready, "", 1) != 1)
		_exit(5);
	/* They end only if something goes wrong. */
	while (!(end = __atomic_load_n(&a.stop, __ATOMIC_RELAXED)))
		vms_pause();
	_exit(4);
}

TEST_F_TIMEOUT(cursors, killed__with_threads_in_the_middle, LIMIT)
{
	struct vms_usage before;
	unsigned int round;
	const char *left;
	int status, ready[2];
	char byte;
	pid_t pid;

	for (round = 0; round < 24; round++) {
		if (round < 2)
			before = vms_usage_now();
		ASSERT_EQ(0, pipe(ready));
		pid = fork();
		ASSERT_GE(pid, 0);
		if (!pid)
			hammer_until_killed(ready[1], round % 3);
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

/* Killed while it waits for a cursor of its own, and for one of its child's. */
TEST_F_TIMEOUT(cursors, killed__while_it_waits, LIMIT)
{
	struct vms_usage before = vms_usage_now();
	unsigned int round;
	const char *left;
	int status, cursor;
	pid_t pid;

	cursor = open_as(self, SLOT(0), SLOT(1), 0);
	ASSERT_GT(cursor, 0);
	for (round = 0; round < 5; round++) {
		double end = vms_now() + VMS_LIMIT;

		pid = fork();
		ASSERT_GE(pid, 0);
		if (!pid) {
			open_as(self, BASE, BASE + G1, 0);
			_exit(1);
		}
		while (!vms_sleeps_in(pid, pid, SYS_ioctl) && vms_now() < end)
			vms_pause();
		ASSERT_EQ(0, kill(pid, SIGKILL));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		ASSERT_TRUE(WIFSIGNALED(status));
	}
	/* They are out of the queue, and gave back what they had. */
	EXPECT_FREE(SLOT(1), SLOT(2));
	EXPECT_EQ(0, drop(self, cursor));
	EXPECT_FREE(BASE, BASE + G1);
	EXPECT_TABLES(1);
	left = vms_usage_not_back(&before, VMS_ANY);
	EXPECT_EQ(NULL, left)
		TH_LOG("%s", left);
}

TEST_HARNESS_MAIN
