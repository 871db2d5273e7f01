// SPDX-License-Identifier: GPL-2.0-only
/*
 * CHECKED and STRICT spaces: what they take, what they refuse, and that what
 * they check is not violated.
 *
 * That violations are found is shown with modules that make mistakes; see
 * Documentation/testing.rst.
 */
#define _GNU_SOURCE
#include "kselftest_harness.h"
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include "mappings.h"

#define VA	0x555540000000ULL	/* a multiple of 1 GiB */
#define PAGES	64

FIXTURE(checked)
{
	int fd;
	struct vmspace_info info;
	int space;
	int cursor;		/* on 1 GiB from VA */
	int memory;		/* of small pages */
	int large;		/* of a 2M page */
	int nr_cpus;
	unsigned int cpus[VMS_CPUS];
};

FIXTURE_VARIANT(checked)
{
	unsigned int flags;
};

FIXTURE_VARIANT_ADD(checked, checked) { .flags = VMSPACE_CHECKED };
FIXTURE_VARIANT_ADD(checked, strict) { .flags = VMSPACE_STRICT };
FIXTURE_VARIANT_ADD(checked, both) { .flags = VMSPACE_CHECKED | VMSPACE_STRICT };
FIXTURE_VARIANT_ADD(checked, lab) { .flags = VMSPACE_CHECKED | VMSPACE_LAB };

static int space_number(int fd, int space)
{
	struct vmspace_op op;

	return vms_space_stat(fd, space, &op) ? -1 : (int)op.space_stat.number;
}

/* A number that debugfs tells of the check of a space. */
static long long audited(int fd, int space, const char *name)
{
	char path[128], line[128];
	long long value = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/sys/kernel/debug/vmspace/%d/audit",
		 space_number(fd, space));
	file = fopen(path, "r");
	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, name, strlen(name)) && line[strlen(name)] == ':')
			value = strtoll(line + strlen(name) + 1, NULL, 10);
	fclose(file);
	return value;
}

FIXTURE_SETUP(checked)
{
	self->fd = vms_open();
	if (self->fd < 0)
		SKIP(return, "no /dev/vmspace: %s", strerror(errno));
	ASSERT_EQ(0, vms_info(self->fd, &self->info));
	self->space = vms_new_space_as(self->fd, variant->flags);
	ASSERT_GT(self->space, 0);
	self->memory = vms_new_memory(self->fd, PAGES);
	ASSERT_GT(self->memory, 0);
	self->large = vms_new_memory_of(self->fd, 1, M2, VMSPACE_CACHE_WB, NULL);
	ASSERT_GT(self->large, 0);
	self->nr_cpus = vms_activate_all(self->fd, self->space, VMSPACE_RESIDENT, self->cpus);
	ASSERT_GT(self->nr_cpus, 0);
	self->cursor = vms_open_cursor_mut(self->fd, self->space, VA, VA + 512 * M2);
	ASSERT_GT(self->cursor, 0);
}

FIXTURE_TEARDOWN(checked)
{
	EXPECT_EQ(0, audited(self->fd, self->space, "violations"));
	EXPECT_LT(0, audited(self->fd, self->space, "steps"));
	close(self->fd);
}

static int map_at(int fd, int cursor, __u64 va, int memory, __u64 index)
{
	int ret = vms_jump(fd, cursor, va);

	return ret ? ret : vms_map(fd, cursor, memory, index, RW);
}

static int unmap(int fd, int cursor, __u64 len, unsigned int flags)
{
	struct vmspace_op op;

	return vms_unmap(fd, cursor, len, flags, &op);
}

static int unmap_at(int fd, int cursor, __u64 va, __u64 len)
{
	int ret = vms_jump(fd, cursor, va);

	return ret ? ret : unmap(fd, cursor, len, 0);
}

TEST_F(checked, pages__are_mapped_used_protected_unmapped)
{
	struct vmspace_op op;
	__u64 i, value;

	for (i = 0; i < PAGES; i++) {
		unsigned int cpu = self->cpus[i % self->nr_cpus];

		ASSERT_EQ(0, map_at(self->fd, self->cursor, VA + i * PAGE, self->memory, i));
		ASSERT_EQ(VMSPACE_OUTCOME_OK,
			  vms_store(self->fd, self->space, cpu, VA + i * PAGE, i));
		ASSERT_EQ(VMSPACE_OUTCOME_OK,
			  vms_load(self->fd, self->space, cpu, VA + i * PAGE, &value));
		ASSERT_EQ(i, value);
	}
	for (i = 0; i < PAGES; i++) {
		unsigned int cpu = self->cpus[i % self->nr_cpus];

		ASSERT_EQ(0, vms_jump(self->fd, self->cursor, VA + i * PAGE));
		ASSERT_EQ(0, vms_protect_next(self->fd, self->cursor, PAGE, VMSPACE_PROP_WRITE,
					      0, 0, &op));
		ASSERT_EQ(VMSPACE_OUTCOME_FAULT,
			  vms_store(self->fd, self->space, cpu, VA + i * PAGE, i));
		ASSERT_EQ(0, unmap_at(self->fd, self->cursor, VA + i * PAGE, PAGE));
		ASSERT_EQ(VMSPACE_OUTCOME_FAULT,
			  vms_load(self->fd, self->space, cpu, VA + i * PAGE, &value));
	}
}

TEST_F(checked, large_page__after_small_ones)
{
	__u64 value;

	/* The empty table that is left does not count (S59). */
	ASSERT_EQ(0, map_at(self->fd, self->cursor, VA, self->memory, 0));
	ASSERT_EQ(0, unmap_at(self->fd, self->cursor, VA, PAGE));
	ASSERT_EQ(0, vms_jump(self->fd, self->cursor, VA));
	ASSERT_EQ(0, vms_map_range(self->fd, self->cursor, self->large, 0, 512, RW,
				   VMSPACE_PAGE_2M));
	ASSERT_EQ(VMSPACE_OUTCOME_OK,
		  vms_load(self->fd, self->space, self->cpus[0], VA + M2 - 8, &value));
	ASSERT_EQ(0, unmap_at(self->fd, self->cursor, VA, M2));
	ASSERT_EQ(VMSPACE_OUTCOME_FAULT,
		  vms_load(self->fd, self->space, self->cpus[0], VA + M2 - 8, &value));
}

TEST_F(checked, map__over_a_mapping_changes_nothing)
{
	char *before, *after;

	ASSERT_EQ(0, map_at(self->fd, self->cursor, VA, self->memory, 0));
	before = vms_table_bytes(self->fd, self->space);
	ASSERT_EQ(-EEXIST, map_at(self->fd, self->cursor, VA, self->memory, 1));
	after = vms_table_bytes(self->fd, self->space);
	ASSERT_NE(NULL, before);
	ASSERT_NE(NULL, after);
	EXPECT_STREQ(before, after);
	free(before);
	free(after);
}

struct worker {
	int fd;
	int space;
	int memory;
	unsigned int cpu;
	__u64 va;
	int error;
};

static int work_once(struct worker *w, int cursor, __u64 index)
{
	__u64 va = w->va + index * PAGE, value;
	int ret = map_at(w->fd, cursor, va, w->memory, index);

	if (ret)
		return ret;
	if (vms_store(w->fd, w->space, w->cpu, va, index) != VMSPACE_OUTCOME_OK)
		return -EIO;
	ret = unmap_at(w->fd, cursor, va, PAGE);
	if (ret)
		return ret;
	return vms_load(w->fd, w->space, w->cpu, va, &value) == VMSPACE_OUTCOME_FAULT ? 0 : -EIO;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	int cursor = vms_open_cursor_mut(w->fd, w->space, w->va, w->va + M2);
	int i;

	w->error = cursor < 0 ? cursor : 0;
	for (i = 0; i < 200 && !w->error; i++)
		w->error = work_once(w, cursor, i % 16);
	if (cursor > 0)
		vms_drop_cursor(w->fd, cursor);
	return NULL;
}

TEST_F_TIMEOUT(checked, threads__on_areas_of_their_own, 120)
{
	struct worker workers[4];
	pthread_t threads[4];
	int i;

	ASSERT_EQ(0, vms_drop_cursor(self->fd, self->cursor));
	for (i = 0; i < 4; i++) {
		workers[i] = (struct worker) {
			.fd = self->fd,
			.space = self->space,
			.memory = vms_new_memory(self->fd, 16),
			.cpu = self->cpus[i % self->nr_cpus],
			.va = VA + (1024 + i) * M2,
		};
		ASSERT_GT(workers[i].memory, 0);
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, work, &workers[i]));
	}
	for (i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		EXPECT_EQ(0, workers[i].error);
	}
}

TEST_F(checked, flags__that_do_not_go_together)
{
	const unsigned int strict_lab = VMSPACE_STRICT | VMSPACE_LAB;

	EXPECT_EQ(-EINVAL, vms_new_space_as(self->fd, strict_lab));
	EXPECT_EQ(-EINVAL, vms_new_space_as(self->fd, strict_lab | VMSPACE_CHECKED));
}

/* What a STRICT space refuses, the others take. */
#define STRICT_REFUSES(error, what)	do {				\
	int ret_ = (what);						\
	EXPECT_EQ(variant->flags & VMSPACE_STRICT ? (error) : 0, ret_);	\
} while (0)

TEST_F(checked, strict__refuses_to_share_a_frame)
{
	ASSERT_EQ(0, map_at(self->fd, self->cursor, VA, self->memory, 0));
	STRICT_REFUSES(-EBUSY, map_at(self->fd, self->cursor, VA + PAGE, self->memory, 0));
	ASSERT_EQ(0, unmap_at(self->fd, self->cursor, VA, PAGE));
	/* It may be reused after that (S86). */
	ASSERT_EQ(0, map_at(self->fd, self->cursor, VA + 2 * PAGE, self->memory, 0));
}

TEST_F(checked, strict__refuses_many_at_once)
{
	struct vmspace_op op;

	ASSERT_EQ(0, vms_jump(self->fd, self->cursor, VA));
	STRICT_REFUSES(-EINVAL, vms_map_range(self->fd, self->cursor, self->memory, 0, 2, RW, 0));
	ASSERT_EQ(0, vms_jump(self->fd, self->cursor, VA));
	STRICT_REFUSES(-EINVAL, vms_protect(self->fd, self->cursor, PAGE, VMSPACE_PROP_WRITE, 0,
					    0, &op));
	ASSERT_EQ(0, vms_jump(self->fd, self->cursor, VA));
	STRICT_REFUSES(-EINVAL, unmap(self->fd, self->cursor, 2 * PAGE, 0));
}

TEST_F(checked, strict__changes_rights_only)
{
	static const __u32 others[] = {
		VMSPACE_PROP_SOFT, VMSPACE_PROP_ACCESSED, VMSPACE_PROP_DIRTY, VMSPACE_PROP_READ,
	};
	struct vmspace_op op;
	unsigned int i;

	ASSERT_EQ(0, map_at(self->fd, self->cursor, VA, self->memory, 0));
	for (i = 0; i < ARRAY_SIZE(others); i++) {
		ASSERT_EQ(0, vms_jump(self->fd, self->cursor, VA));
		STRICT_REFUSES(-EINVAL, vms_protect_next(self->fd, self->cursor, PAGE, others[i],
							 0, 0, &op));
		if (others[i] == VMSPACE_PROP_READ)
			break;
		ASSERT_EQ(0, vms_jump(self->fd, self->cursor, VA));
		STRICT_REFUSES(-EINVAL, vms_protect_next(self->fd, self->cursor, PAGE, 0,
							 others[i], 0, &op));
	}
}

/* What a CPU holds may stay then. */
TEST_F(checked, protect__that_takes_nothing_away)
{
	static const struct { __u32 clear, set; } changes[] = {
		{ 0, 0 },
		{ 0, VMSPACE_PROP_READ },
		{ VMSPACE_PROP_WRITE, 0 },
		{ VMSPACE_PROP_WRITE, 0 },
		{ 0, VMSPACE_PROP_WRITE },
		{ 0, VMSPACE_PROP_WRITE },
		{ 0, VMSPACE_PROP_EXEC },
		{ VMSPACE_PROP_EXEC, VMSPACE_PROP_USER },
	};
	struct vmspace_op op;
	unsigned int i;

	ASSERT_EQ(0, map_at(self->fd, self->cursor, VA, self->memory, 0));
	for (i = 0; i < ARRAY_SIZE(changes); i++) {
		ASSERT_EQ(0, vms_jump(self->fd, self->cursor, VA));
		EXPECT_EQ(0, vms_protect_next(self->fd, self->cursor, PAGE, changes[i].clear,
					      changes[i].set, 0, &op));
	}
}

TEST_F(checked, strict__refuses_to_defer)
{
	struct vmspace_op op;

	ASSERT_EQ(0, map_at(self->fd, self->cursor, VA, self->memory, 0));
	ASSERT_EQ(0, vms_jump(self->fd, self->cursor, VA));
	STRICT_REFUSES(-EINVAL, unmap(self->fd, self->cursor, PAGE, VMSPACE_DEFER));
	ASSERT_EQ(0, vms_flush_sync(self->fd, self->cursor, &op));
}

static __u64 shootdowns(int fd, int space)
{
	unsigned int cpu, nr = sysconf(_SC_NPROCESSORS_CONF);
	struct vmspace_op op;
	__u64 sum = 0;

	for (cpu = 0; cpu < nr && !vms_shootdown_stat(fd, space, cpu, &op); cpu++)
		sum += op.shootdown_stat.initiated;
	return sum;
}

/* A STRICT space can put nothing off: there each operation of the row flushes. */
TEST_F(checked, gather__as_far_as_can_be)
{
	struct vmspace_op ops[] = {
		{ .opcode = VMSPACE_OP_UNMAP, .id = self->cursor, .unmap.len = PAGE },
		{ .opcode = VMSPACE_OP_UNMAP, .id = self->cursor, .unmap.len = PAGE },
	};
	const __u64 wanted = variant->flags & VMSPACE_STRICT ? ARRAY_SIZE(ops) : 1;
	double end = vms_now() + VMS_LIMIT;
	struct vmspace_step step;
	__u64 value, count;
	unsigned int i;

	/* None is sent while no CPU is inside. */
	do {
		ASSERT_LT(vms_now(), end);
		for (i = 0; i < ARRAY_SIZE(ops); i++) {
			__u64 va = VA + i * PAGE;

			ASSERT_EQ(0, map_at(self->fd, self->cursor, va, self->memory, i));
			ASSERT_EQ(VMSPACE_OUTCOME_OK, vms_load(self->fd, self->space,
							       self->cpus[0], va, &value));
		}
		ASSERT_EQ(0, vms_jump(self->fd, self->cursor, VA));
		count = shootdowns(self->fd, self->space);
		ASSERT_EQ(0, vms_step(self->fd, ops, ARRAY_SIZE(ops), VMSPACE_STEP_GATHER, &step));
		ASSERT_EQ(ARRAY_SIZE(ops), step.done);
		count = shootdowns(self->fd, self->space) - count;
		ASSERT_LE(count, wanted);
	} while (count < wanted);
}

TEST_F(checked, deferred_flush__is_made_at_the_drop)
{
	__u64 value;
	int cursor;

	if (variant->flags & VMSPACE_STRICT)
		return;
	cursor = vms_open_cursor_mut(self->fd, self->space, VA + 600 * M2, VA + 601 * M2);
	ASSERT_GT(cursor, 0);
	ASSERT_EQ(0, vms_map(self->fd, cursor, self->memory, 0, RW));
	ASSERT_EQ(VMSPACE_OUTCOME_OK, vms_load(self->fd, self->space, self->cpus[0],
					       VA + 600 * M2, &value));
	ASSERT_EQ(0, vms_jump(self->fd, cursor, VA + 600 * M2));
	ASSERT_EQ(0, unmap(self->fd, cursor, PAGE, VMSPACE_DEFER));
	ASSERT_EQ(0, vms_drop_cursor(self->fd, cursor));
	EXPECT_EQ(VMSPACE_OUTCOME_FAULT, vms_load(self->fd, self->space, self->cpus[0],
						  VA + 600 * M2, &value));
}

TEST_F(checked, table__goes_with_all_that_is_mapped_there)
{
	__u64 i, value;
	int n;

	if (variant->flags & VMSPACE_STRICT)
		return;
	ASSERT_EQ(0, vms_jump(self->fd, self->cursor, VA));
	ASSERT_EQ(0, vms_map_range(self->fd, self->cursor, self->memory, 0, PAGES, RW, 0));
	for (n = 0; n < self->nr_cpus; n++)
		for (i = 0; i < PAGES; i++)
			ASSERT_EQ(VMSPACE_OUTCOME_OK, vms_load(self->fd, self->space, self->cpus[n],
							       VA + i * PAGE, &value));
	ASSERT_EQ(0, unmap_at(self->fd, self->cursor, VA, M2));
	for (n = 0; n < self->nr_cpus; n++)
		for (i = 0; i < PAGES; i++)
			ASSERT_EQ(VMSPACE_OUTCOME_FAULT,
				  vms_load(self->fd, self->space, self->cpus[n], VA + i * PAGE,
					   &value));
}

/* Taken by the check as few steps, in each table of the range. */
TEST_F(checked, many_pages__in_two_tables)
{
	const __u64 va = VA + M2 - 40 * PAGE, nr = 552;
	struct vmspace_op op;
	__u64 value, i;
	int memory;

	if (variant->flags & VMSPACE_STRICT)
		return;
	memory = vms_new_memory(self->fd, nr + 1);
	ASSERT_GT(memory, 0);
	ASSERT_EQ(0, vms_jump(self->fd, self->cursor, va));
	ASSERT_EQ(0, vms_map_range(self->fd, self->cursor, memory, 1, nr, RW, 0));
	for (i = 0; i < nr; i += 23)
		ASSERT_EQ(VMSPACE_OUTCOME_OK,
			  vms_store(self->fd, self->space, self->cpus[i % self->nr_cpus],
				    va + i * PAGE, i));
	ASSERT_EQ(0, vms_jump(self->fd, self->cursor, va));
	ASSERT_EQ(0, vms_protect(self->fd, self->cursor, nr * PAGE, VMSPACE_PROP_WRITE, 0, 0, &op));
	for (i = 0; i < nr; i += 23)
		ASSERT_EQ(VMSPACE_OUTCOME_FAULT,
			  vms_store(self->fd, self->space, self->cpus[i % self->nr_cpus],
				    va + i * PAGE, i));
	/* Rights that grow, in a part of both. */
	ASSERT_EQ(0, vms_jump(self->fd, self->cursor, va + 23 * PAGE));
	ASSERT_EQ(0, vms_protect(self->fd, self->cursor, 500 * PAGE, 0, VMSPACE_PROP_WRITE, 0,
				 &op));
	for (i = 23; i < 500; i += 23) {
		ASSERT_EQ(VMSPACE_OUTCOME_OK,
			  vms_load(self->fd, self->space, self->cpus[i % self->nr_cpus],
				   va + i * PAGE, &value));
		ASSERT_EQ(i, value);
		ASSERT_EQ(VMSPACE_OUTCOME_OK,
			  vms_store(self->fd, self->space, self->cpus[i % self->nr_cpus],
				    va + i * PAGE, value));
	}
	ASSERT_EQ(0, unmap_at(self->fd, self->cursor, va, nr * PAGE));
	ASSERT_EQ(VMSPACE_OUTCOME_FAULT,
		  vms_load(self->fd, self->space, self->cpus[0], va + 23 * PAGE, &value));
	ASSERT_EQ(0, vms_drop_memory(self->fd, memory));
}

TEST_F(checked, strict__refuses_to_replace)
{
	ASSERT_EQ(0, map_at(self->fd, self->cursor, VA, self->memory, 0));
	ASSERT_EQ(0, vms_jump(self->fd, self->cursor, VA));
	STRICT_REFUSES(-EINVAL, vms_map_range(self->fd, self->cursor, self->memory, 1, 1, RW,
					      VMSPACE_REPLACE));
}

TEST_F(checked, strict__refuses_to_split)
{
	ASSERT_EQ(0, vms_jump(self->fd, self->cursor, VA));
	ASSERT_EQ(0, vms_map_range(self->fd, self->cursor, self->large, 0, 512, RW,
				   VMSPACE_PAGE_2M));
	/* Not at its base (S65), and not all of it. */
	STRICT_REFUSES(-EINVAL, unmap_at(self->fd, self->cursor, VA + PAGE, PAGE));
	STRICT_REFUSES(-EINVAL, unmap_at(self->fd, self->cursor, VA, PAGE));
}

TEST_F(checked, strict__unmap_of_nothing_is_an_error)
{
	__u64 va;

	STRICT_REFUSES(-ENOENT, unmap_at(self->fd, self->cursor, VA, PAGE));
	ASSERT_EQ(0, vms_virt_addr(self->fd, self->cursor, &va));
	EXPECT_EQ(variant->flags & VMSPACE_STRICT ? VA : VA + PAGE, va);
}

/* A and D are taken of the whole of what the position is inside of, or the range ends in. */
TEST_F(checked, enumerate__clears_what_sticks_out)
{
	const __u64 next = VA + 512 * M2;
	struct vmspace_mapping mapping;
	struct vmspace_op op;
	__u64 value;
	int cursor;

	if (variant->flags & VMSPACE_STRICT)
		return;
	ASSERT_EQ(0, vms_jump(self->fd, self->cursor, VA));
	ASSERT_EQ(0, vms_map_range(self->fd, self->cursor, self->large, 0, 512, RW,
				   VMSPACE_PAGE_2M));
	cursor = vms_open_cursor_mut(self->fd, self->space, next, next + 2 * M2);
	ASSERT_GT(cursor, 0);
	ASSERT_EQ(0, vms_map_range(self->fd, cursor, self->large, 0, 512, RW, VMSPACE_PAGE_2M));
	ASSERT_EQ(0, vms_drop_cursor(self->fd, cursor));
	ASSERT_EQ(VMSPACE_OUTCOME_OK,
		  vms_load(self->fd, self->space, self->cpus[0], VA, &value));
	ASSERT_EQ(VMSPACE_OUTCOME_OK,
		  vms_load(self->fd, self->space, self->cpus[0], next, &value));

	ASSERT_EQ(0, vms_jump(self->fd, self->cursor, VA + PAGE));
	EXPECT_EQ(0, vms_enumerate(self->fd, self->cursor, &mapping, 1, VMSPACE_PROP_ACCESSED, 0,
				   &op));
	EXPECT_EQ(VA, mapping.start);
	EXPECT_TRUE(mapping.prop & VMSPACE_PROP_ACCESSED);
	cursor = vms_open_cursor_mut(self->fd, self->space, next, next + PAGE);
	ASSERT_GT(cursor, 0);
	EXPECT_EQ(0, vms_enumerate(self->fd, cursor, &mapping, 1, VMSPACE_PROP_ACCESSED, 0, &op));
	EXPECT_EQ(next, mapping.start);
	EXPECT_EQ(next + M2, mapping.end);
	EXPECT_TRUE(mapping.prop & VMSPACE_PROP_ACCESSED);
}

/* What is left out then is the flush of the large leaf. */
TEST_F(checked, lab__split_of_what_keeps_its_rights)
{
	static const unsigned int how[] = {
		VMSPACE_FLUSH_NONE, VMSPACE_FLUSH_LOCAL, VMSPACE_FLUSH_TARGETS,
	};
	struct vmspace_op op;
	unsigned int i;
	__u64 value;

	if (!(variant->flags & VMSPACE_LAB))
		return;
	for (i = 0; i < ARRAY_SIZE(how); i++) {
		__u64 va = VA + i * M2;

		ASSERT_EQ(0, vms_jump(self->fd, self->cursor, va));
		ASSERT_EQ(0, vms_map_range(self->fd, self->cursor, self->large, 0, 512, RW,
					   VMSPACE_PAGE_2M));
		ASSERT_EQ(VMSPACE_OUTCOME_OK,
			  vms_load(self->fd, self->space, self->cpus[0], va, &value));
		ASSERT_EQ(0, vms_jump(self->fd, self->cursor, va));
		EXPECT_EQ(0, vms_protect_next(self->fd, self->cursor, PAGE, 0, VMSPACE_PROP_USER,
					      how[i], &op));
		EXPECT_EQ(0, vms_flush_sync(self->fd, self->cursor, &op));
	}
}

struct opener {
	int fd, space, cursor;
};

static void *open_two_areas(void *arg)
{
	const __u64 va = VA + 512 * M2;
	struct opener *o = arg;

	o->cursor = vms_open_cursor_mut(o->fd, o->space, va, va + 2 * M2);
	return NULL;
}

/* Someone who waits for a table gets it empty: then it means nothing (S59). */
TEST_F(checked, table__that_is_inherited_empty)
{
	const __u64 va = VA + 512 * M2;
	struct opener o = { self->fd, self->space, 0 };
	pthread_t thread;
	int cursor, ret;

	cursor = vms_open_cursor_mut(self->fd, self->space, va, va + PAGE);
	ASSERT_GT(cursor, 0);
	ASSERT_EQ(0, pthread_create(&thread, NULL, open_two_areas, &o));
	usleep(50000);
	ASSERT_EQ(0, vms_drop_cursor(self->fd, cursor));
	pthread_join(thread, NULL);
	ASSERT_GT(o.cursor, 0);
	STRICT_REFUSES(-ENOENT, unmap(self->fd, o.cursor, PAGE, 0));
	ASSERT_EQ(0, vms_jump(self->fd, o.cursor, va));
	ret = vms_map_range(self->fd, o.cursor, self->large, 0, 512, RW, VMSPACE_PAGE_2M);
	EXPECT_EQ(0, ret);
}

/* Whoever is killed in the middle of an operation leaves nothing that is half done. */
TEST_F_TIMEOUT(checked, operations__end_with_a_fatal_signal, 120)
{
	unsigned int i, kind;

	for (i = 0; i < 60; i++) {
		pid_t pid = fork();

		ASSERT_LE(0, pid);
		for (kind = 0; !pid; kind = !kind) {
			if (kind)
				unmap_at(self->fd, self->cursor, VA, PAGE);
			else
				map_at(self->fd, self->cursor, VA, self->memory, 0);
		}
		usleep(1000 + i * 37);
		kill(pid, SIGKILL);
		ASSERT_EQ(pid, waitpid(pid, NULL, 0));
		ASSERT_EQ(0, audited(self->fd, self->space, "violations"));
	}
}

/*
 * What a STRICT space should hold: areas of 2 MiB, each with a large leaf or a few
 * pages at its start.
 */
#define AREAS	3
#define SLOTS	6			/* of pages, in an area */
#define FRAMES	8			/* fewer than slots, so that they are taken */
#define RIGHTS	(VMSPACE_PROP_WRITE | VMSPACE_PROP_EXEC | VMSPACE_PROP_USER)

struct strict_mapping {
	int frame;			/* -1: nothing is mapped */
	unsigned int prop;
};

struct strict_area {
	struct strict_mapping large, pages[SLOTS];
};

struct strict_world {
	struct strict_area areas[AREAS];
	unsigned int seed;
	int fd, cursor, memory, large;
};

/* A place, and what an operation shall take to be mapped there. */
struct strict_place {
	struct strict_area *area;
	struct strict_mapping *m;	/* the area's large leaf, or a page */
	__u64 va, len;
};

static unsigned int below(struct strict_world *w, unsigned int n)
{
	return rand_r(&w->seed) / 7 % n;
}

static unsigned int some_rights(struct strict_world *w)
{
	return below(w, RIGHTS + 1) & RIGHTS;
}

static struct strict_place some_place(struct strict_world *w)
{
	unsigned int area = below(w, AREAS), slot = below(w, SLOTS);
	bool is_large = !slot && below(w, 4) == 0;
	struct strict_area *a = &w->areas[area];

	return (struct strict_place) {
		.area = a,
		.m = is_large ? &a->large : &a->pages[slot],
		.va = VA + area * M2 + slot * PAGE,
		.len = is_large ? M2 : PAGE,
	};
}

static bool frame_taken(const struct strict_world *w, bool is_large, int frame)
{
	unsigned int i, slot;

	for (i = 0; i < AREAS; i++) {
		if (is_large && w->areas[i].large.frame >= 0)
			return true;
		for (slot = 0; slot < SLOTS && !is_large; slot++)
			if (w->areas[i].pages[slot].frame == frame)
				return true;
	}
	return false;
}

static bool has_pages(const struct strict_area *area)
{
	unsigned int slot;

	for (slot = 0; slot < SLOTS; slot++)
		if (area->pages[slot].frame >= 0)
			return true;
	return false;
}

static bool strict_map(struct strict_world *w, const struct strict_place *p)
{
	unsigned int prop = VMSPACE_PROP_READ | some_rights(w);
	bool is_large = p->len == M2;
	int ret, wanted = 0, frame = is_large ? 0 : (int)below(w, FRAMES);

	if (frame_taken(w, is_large, frame))
		wanted = -EBUSY;
	else if (p->area->large.frame >= 0 || p->m->frame >= 0 ||
		 (is_large && has_pages(p->area)))
		wanted = -EEXIST;
	ret = is_large ? vms_map_range(w->fd, w->cursor, w->large, 0, 512, prop, VMSPACE_PAGE_2M) :
			 vms_map(w->fd, w->cursor, w->memory, frame, prop);
	if (!ret)
		*p->m = (struct strict_mapping) { frame, prop };
	return ret == wanted;
}

/* What a change of exactly one mapping has to say. */
static int change_wanted(const struct strict_place *p)
{
	if (p->m->frame >= 0)
		return 0;
	return p->len == M2 || p->area->large.frame >= 0 ? -EINVAL : -ENOENT;
}

static bool strict_unmap(struct strict_world *w, const struct strict_place *p)
{
	int wanted = change_wanted(p);

	p->m->frame = -1;
	return unmap(w->fd, w->cursor, p->len, 0) == wanted;
}

static bool strict_protect(struct strict_world *w, const struct strict_place *p)
{
	unsigned int clear = some_rights(w), set = some_rights(w) & ~clear;
	const unsigned int seen = VMSPACE_PROP_READ | RIGHTS;
	struct vmspace_op op;

	if (vms_protect_next(w->fd, w->cursor, p->len, clear, set, 0, &op) != change_wanted(p))
		return false;
	if (p->m->frame < 0)
		return true;
	p->m->prop = (p->m->prop & ~clear) | set;
	return (op.protect.prop & seen) == p->m->prop;
}

static bool strict_access(const struct strict_world *w, const struct strict_place *p, int space,
			  unsigned int cpu, bool store)
{
	const struct strict_mapping *m = p->area->large.frame >= 0 ? &p->area->large :
					 &p->area->pages[p->va % M2 / PAGE];
	bool allowed = m->frame >= 0 && (!store || m->prop & VMSPACE_PROP_WRITE);
	__u64 value;
	int ret = store ? vms_store(w->fd, space, cpu, p->va, 1) :
			  vms_load(w->fd, space, cpu, p->va, &value);

	return ret == (allowed ? VMSPACE_OUTCOME_OK : VMSPACE_OUTCOME_FAULT);
}

TEST_F_TIMEOUT(checked, strict__random_operations, 300)
{
	const char *text = getenv("VMSPACE_STEPS");
	unsigned int i, kind, steps = text ? strtoul(text, NULL, 0) : 20000;
	struct strict_world w = {
		.seed = 1,
		.fd = self->fd,
		.cursor = self->cursor,
		.memory = self->memory,
		.large = self->large,
	};
	bool good = true;

	if (variant->flags != VMSPACE_STRICT)
		return;
	memset(w.areas, 0xff, sizeof(w.areas));
	for (i = 0; good && i < steps; i++) {
		struct strict_place p = some_place(&w);
		unsigned int cpu = self->cpus[below(&w, self->nr_cpus)];

		ASSERT_EQ(0, vms_jump(self->fd, self->cursor, p.va));
		kind = below(&w, 5);
		good = kind == 0 ? strict_map(&w, &p) :
		       kind == 1 ? strict_unmap(&w, &p) :
		       kind == 2 ? strict_protect(&w, &p) :
				   strict_access(&w, &p, self->space, cpu, kind == 3);
	}
	EXPECT_TRUE(good) {
		TH_LOG("operation of kind %u, step %u", kind, i);
	}
}

TEST_F(checked, strict__refuses_properties_that_x86_has_not)
{
	ASSERT_EQ(0, vms_jump(self->fd, self->cursor, VA));
	STRICT_REFUSES(-EINVAL, vms_map(self->fd, self->cursor, self->memory, 0,
					VMSPACE_PROP_WRITE));
	ASSERT_EQ(0, vms_jump(self->fd, self->cursor, VA + PAGE));
	STRICT_REFUSES(-EINVAL, vms_map(self->fd, self->cursor, self->memory, 1,
					RW | VMSPACE_PROP_SOFT));
	ASSERT_EQ(0, vms_jump(self->fd, self->cursor, VA + 2 * PAGE));
	STRICT_REFUSES(-EINVAL, vms_map(self->fd, self->cursor, self->memory, 2,
					RW | VMSPACE_PROP_DIRTY));
}

TEST_HARNESS_MAIN
