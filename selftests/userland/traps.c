// SPDX-License-Identifier: GPL-2.0-only
/*
 * Known traps of page tables and cursors, each in a test of its own.
 */
#include <unistd.h>
#include "check.h"
#include "tap.h"

#define KB4	(1ULL << 12)
#define MB2	(1ULL << 21)
#define GB1	(1ULL << 30)
#define RW	(VMSPACE_PROP_READ | VMSPACE_PROP_WRITE)
#define A	VMSPACE_PROP_ACCESSED
#define D	VMSPACE_PROP_DIRTY

static struct world w;
static bool good;

/* What a test asks for. */
#define EXPECT(condition)						\
	do {								\
		if (!(condition)) {					\
			printf("# %s:%d: %s\n", __func__, __LINE__, #condition); \
			good = false;					\
		}							\
	} while (0)

static struct vms_cursor *open_nonblock(u64 start, u64 end, unsigned int level)
{
	return space_open_cursor(w.space, start, end, level, true, true);
}

/* As cursor @i of the world. */
static struct vms_cursor *open_in(unsigned int i, u64 start, u64 end, unsigned int level)
{
	struct vms_cursor *c = open_nonblock(start, end, level);

	FATAL_IF(IS_ERR(c));
	w.cursors[i] = c;
	w.va[i] = start;
	return c;
}

static void drop(unsigned int i)
{
	cursor_drop(w.cursors[i]);
	w.cursors[i] = NULL;
}

static long tables(void)
{
	return atomic_long_read(&w.space->pt.tables);
}

/* What five levels have more than four, where anything is mapped. */
static long deeper(void)
{
	return w.space->pt.levels - 4;
}

/* All objects are ordered: frame 0 of the zone first. */
static struct object *memory(unsigned int level)
{
	static unsigned int frames[600];
	unsigned int i, nr = level == 1 ? 600 : 2;

	if (!w.objects[level]) {
		for (i = 0; i < nr; i++)
			frames[i] = i;
		w.objects[level] = object_create(level, frames, nr, true, VMSPACE_CACHE_WB);
	}
	return w.objects[level];
}

static int map(struct vms_cursor *c, unsigned int from, u64 pages, unsigned int level,
	       bool replace)
{
	struct vms_map map = {
		.mem = &memory(from)->mem, .pages = pages, .prop = RW, .level = level,
		.replace = replace,
	};

	return vms_cursor_map(c, &map, false);
}

/* The same, and the model is told. */
static int map_known(unsigned int i, unsigned int level)
{
	u64 size = KB4 << (9 * (level - 1)), va = w.va[i];
	int ret = map(w.cursors[i], level, size / KB4, level, false);

	if (!ret) {
		model_insert(&w.model, &(struct run) {
			.start = va, .end = va + size, .size = size,
			.pa = object_pa(memory(level), 0), .prop = RW,
		});
		w.va[i] += size;
	}
	return ret;
}

static void unmap_known(unsigned int i, u64 va, u64 len)
{
	struct vms_cursor *c = w.cursors[i];
	u64 pages;

	EXPECT(!vms_cursor_jump(c, va));
	EXPECT(!vms_cursor_unmap(c, len, false, &pages));
	EXPECT(pages * KB4 == model_mapped(&w.model, va, va + len));
	model_split(&w.model, va);
	model_split(&w.model, va + len);
	model_remove(&w.model, va, va + len);
	w.va[i] = va + len;
}

/* Which table covers: without the wish for a large leaf the lower one does. */
static void exact_2m__with_and_without_the_wish(void)
{
	struct vms_cursor *c = open_in(0, MB2, 2 * MB2, 1);

	EXPECT(c->top->level == 1);
	EXPECT(map(c, 2, 512, 2, false) == -EINVAL);
	/* As large as it can: small. */
	EXPECT(!map(c, 2, 512, 0, false) && c->va == 2 * MB2);
	EXPECT(tables() == 4 + deeper());
	drop(0);
	c = open_in(0, MB2, 2 * MB2, 2);
	EXPECT(c->top->level == 2);
	EXPECT(map(c, 2, 512, 2, false) == -EEXIST && c->va == MB2);
	EXPECT(!map(c, 2, 512, 2, true) && c->va == 2 * MB2);
	model_insert(&w.model, &(struct run) {
		.start = MB2, .end = 2 * MB2, .size = MB2, .pa = object_pa(memory(2), 0),
		.prop = RW,
	});
	w.va[0] = 2 * MB2;
	EXPECT(tables() == 3 + deeper());
	/* It excludes its neighbours in that table, and only these. */
	EXPECT(PTR_ERR(open_nonblock(4 * MB2, 5 * MB2, 1)) == -EBUSY);
	open_in(1, GB1, GB1 + KB4, 1);
	check_world(&w);
}

static void exact_1g__with_the_wish(void)
{
	struct vms_cursor *c = open_in(0, GB1, 2 * GB1, 3);

	EXPECT(c->top->level == 3);
	EXPECT(!map_known(0, 3));
	EXPECT(tables() == 2 + deeper());
	check_world(&w);
}

/* No range wraps, and the last page of the user half is out of bounds. */
static void top_of_the_space__nothing_wraps(void)
{
	u64 end = w.space->pt.va_end;
	static const struct { u64 start, end; long error; } cases[] = {
		{ 0, 0, -EINVAL }, { KB4, 0, -EINVAL }, { KB4, KB4, -EINVAL },
		{ 2 * KB4, KB4, -EINVAL }, { -KB4, 0, -EINVAL }, { 0, -KB4, -ERANGE },
		{ -2 * KB4, -KB4, -ERANGE }, { 1, KB4, -EINVAL }, { 0, 1, -EINVAL },
		{ 0, ~0ULL, -EINVAL },
	};
	struct vms_mapping m;
	unsigned int i;
	u64 pages;

	for (i = 0; i < ARRAY_SIZE(cases); i++)
		EXPECT(PTR_ERR(open_nonblock(cases[i].start, cases[i].end, 1)) == cases[i].error);
	EXPECT(PTR_ERR(open_nonblock(end, end + KB4, 1)) == -ERANGE);
	EXPECT(PTR_ERR(open_nonblock(end - KB4, end + KB4, 1)) == -ERANGE);
	EXPECT(tables() == 1);
	open_in(0, end - KB4, end, 1);
	EXPECT(!map_known(0, 1));
	EXPECT(vms_cursor_query(w.cursors[0], &m) == -ERANGE);
	EXPECT(map(w.cursors[0], 1, 1, 1, false) == -ERANGE);
	EXPECT(vms_cursor_unmap(w.cursors[0], KB4, false, &pages) == -ERANGE);
	EXPECT(vms_cursor_unmap(w.cursors[0], -KB4, false, &pages) == -ERANGE);
	EXPECT(vms_cursor_find_next(w.cursors[0], ~0ULL - KB4 + 1, &m) == -ERANGE);
	EXPECT(!vms_cursor_next(w.cursors[0], 0, &m) && !m.entry);
	check_world(&w);
	drop(0);
	/* The whole space, to its very end. */
	open_in(0, 0, end, 3);
	EXPECT(!vms_cursor_find_next(w.cursors[0], end, &m) && m.start == end - KB4);
	w.va[0] = end - KB4;
	check_world(&w);
	unmap_known(0, 0, end);
	EXPECT(tables() == 1);
	check_world(&w);
}

/* The cursor is gone, its table is not empty; then it is, under another's parent. */
static void empty_child__under_a_huge_map(void)
{
	struct vms_cursor *c;

	open_in(0, 0, GB1, 2);
	/* Made by an open, and not used: it stays as long as its parent is owned. */
	drop(0);
	open_in(1, 3 * MB2, 3 * MB2 + KB4, 1);
	EXPECT(!map_known(1, 1));
	open_in(0, MB2, MB2 + KB4, 1);
	EXPECT(w.cursors[0]->top->level == 1 && !w.cursors[0]->top->count);
	drop(0);
	unmap_known(1, 3 * MB2, KB4);
	EXPECT(!w.cursors[1]->top->count);
	drop(1);
	EXPECT(tables() == 1);
	/* An empty table inside the range of a cursor that opens above it. */
	open_in(0, 0, GB1, 2);
	c = w.cursors[0];
	EXPECT(!vms_cursor_jump(c, MB2));
	w.va[0] = MB2;
	EXPECT(!map_known(0, 2));
	check_world(&w);
}

/* A 2M leaf where an emptied table stands, in one cursor: nothing is in the way. */
static void emptied_table__under_a_huge_map(void)
{
	open_in(0, 0, 4 * MB2, 2);
	EXPECT(!map_known(0, 1));
	unmap_known(0, 0, KB4);
	EXPECT(!vms_cursor_jump(w.cursors[0], 0));
	w.va[0] = 0;
	EXPECT(!map_known(0, 2));
	check_world(&w);
	unmap_known(0, 0, 4 * MB2);
	check_world(&w);
}

/* An empty table, left because its parent was owned, meets a huge map. */
static void left_over_table__under_a_huge_map(void)
{
	struct vms_node *node;

	open_in(0, 5 * MB2, 5 * MB2 + KB4, 1);
	EXPECT(!map_known(0, 1));
	drop(0);
	/* Make the child by hand, as an open that fails later leaves it for a moment. */
	open_in(0, 0, 4 * MB2, 2);
	node = w.cursors[0]->top;
	EXPECT(node->level == 2);
	{
		struct vms_reserve r;
		struct vms_node *child;

		vms_reserve_init(&r);
		EXPECT(!vms_reserve_fill(&r, &w.space->pt, 1));
		child = vms_node_link(&r, node, 1);
		EXPECT(!child->count);
	}
	EXPECT(!vms_cursor_jump(w.cursors[0], MB2));
	w.va[0] = MB2;
	EXPECT(!map_known(0, 2));
	check_world(&w);
}

static void touch(u64 va, bool store)
{
	struct access access;

	cpu_access(0, va, store, &access);
	EXPECT(!access.fault);
	EXPECT(access.pa == model_find(&w.model, va)->pa + (va - model_find(&w.model, va)->start));
}

/* A and D of a large leaf are in all of its pieces, and no TLB keeps it whole. */
static void protect__in_the_middle_of_a_1g_page(void)
{
	struct vms_cursor *c;
	u64 pages;

	open_in(0, 0, 2 * GB1, 3);
	EXPECT(!map_known(0, 3));
	touch(5 * MB2, true);
	model_change(&w.model, 0, GB1, 0, A | D);
	check_world(&w);
	c = w.cursors[0];
	EXPECT(!vms_cursor_jump(c, 7 * MB2 + KB4));
	EXPECT(!vms_cursor_protect(c, 2 * KB4, VMSPACE_PROP_WRITE, 0, false, &pages));
	EXPECT(pages == 2);
	w.va[0] = 7 * MB2 + 3 * KB4;
	model_change(&w.model, 7 * MB2 + KB4, 7 * MB2 + 3 * KB4, VMSPACE_PROP_WRITE, 0);
	EXPECT(tables() == 4 + deeper());
	check_world(&w);
	EXPECT(frame_at(object_pa(memory(3), 0))->refs == 1 + 511 + 512);
}

/* Both ends of a range in one 1G page, in different 2M pieces. */
static void unmap__inside_a_1g_page(void)
{
	open_in(0, 0, 2 * GB1, 3);
	EXPECT(!map_known(0, 3));
	touch(0, true);
	model_change(&w.model, 0, GB1, 0, A | D);
	unmap_known(0, 3 * MB2 + KB4, 4 * MB2);
	check_world(&w);
	EXPECT(tables() == 5 + deeper());
	unmap_known(0, 0, 2 * GB1);
	EXPECT(tables() == 2 + deeper());
	check_world(&w);
}

static void unmap__mid_2m(void)
{
	open_in(0, 0, 4 * MB2, 2);
	EXPECT(!map_known(0, 2));
	touch(17 * KB4, false);
	model_change(&w.model, 0, MB2, 0, A);
	unmap_known(0, 16 * KB4, 2 * KB4);
	check_world(&w);
	unmap_known(0, MB2 - KB4, 2 * KB4);
	check_world(&w);
}

/* The range of the cursor itself ends, or begins, in the middle of a leaf. */
static void cursor__ends_inside_a_2m_page(void)
{
	open_in(0, 0, 4 * MB2, 2);
	EXPECT(!map_known(0, 2));
	EXPECT(!map_known(0, 2));
	drop(0);
	open_in(0, MB2 / 2, MB2 + MB2 / 2, 1);
	EXPECT(w.cursors[0]->top->level == 2);
	unmap_known(0, MB2 / 2, MB2);
	check_world(&w);
}

static void cursor__inside_a_1g_page(void)
{
	struct vms_mapping m;

	open_in(0, 0, GB1, 3);
	EXPECT(!map_known(0, 3));
	drop(0);
	open_in(0, MB2 + KB4, MB2 + 2 * KB4, 1);
	/* The whole mapping, also from its middle. */
	EXPECT(!vms_cursor_query(w.cursors[0], &m) && !m.start && m.end == GB1);
	EXPECT(!vms_cursor_find_next(w.cursors[0], KB4, &m) && w.cursors[0]->va == MB2 + KB4);
	EXPECT(!vms_cursor_next(w.cursors[0], 0, &m) && !m.start && m.end == GB1);
	EXPECT(w.cursors[0]->va == MB2 + 2 * KB4);
	w.va[0] = MB2 + 2 * KB4;
	check_world(&w);
	unmap_known(0, MB2 + KB4, KB4);
	check_world(&w);
}

static void protect_next__to_the_end_of_the_cursor_in_a_2m_page(void)
{
	struct vms_mapping m;

	open_in(0, 0, MB2, 2);
	EXPECT(!map_known(0, 2));
	drop(0);
	open_in(0, 0, 5 * KB4, 1);
	EXPECT(!vms_cursor_protect_next(w.cursors[0], 5 * KB4, VMSPACE_PROP_WRITE, 0, false, &m));
	EXPECT(m.start == 0 && m.end == KB4);
	model_split(&w.model, KB4);
	model_change(&w.model, 0, KB4, VMSPACE_PROP_WRITE, 0);
	w.va[0] = KB4;
	check_world(&w);
}

/* Threads that open, wait, and tell. */
struct opener {
	pthread_t thread;
	struct task_struct *task;
	u64 start, end;
	struct vms_cursor *cursor;
	bool done;
	bool stay;
	void (*before_lock)(void);
	unsigned int turn;
};

static unsigned int turn;

static void *opener_run(void *arg)
{
	struct opener *o = arg;

	stub_thread_start();
	get_task_struct(current);
	__atomic_store_n(&o->task, current, __ATOMIC_RELEASE);
	stub_self.before_lock = o->before_lock;
	o->cursor = space_open_cursor(w.space, o->start, o->end, 1, true, false);
	o->turn = __atomic_add_fetch(&turn, 1, __ATOMIC_SEQ_CST);
	if (!IS_ERR(o->cursor) && !o->stay)
		cursor_drop(o->cursor);
	__atomic_store_n(&o->done, true, __ATOMIC_RELEASE);
	stub_thread_end();
	return NULL;
}

/* Returns when it is done, or waits. */
static void opener_start(struct opener *o, u64 start, u64 end)
{
	struct task_struct *task;

	o->start = start;
	o->end = end;
	pthread_create(&o->thread, NULL, opener_run, o);
	do {
		usleep(100);
		task = __atomic_load_n(&o->task, __ATOMIC_ACQUIRE);
	} while (!task || (!stub_sleeping(task) && !__atomic_load_n(&o->done, __ATOMIC_ACQUIRE)));
}

static void opener_join(struct opener *o)
{
	pthread_join(o->thread, NULL);
	put_task_struct(o->task);
}

static bool found, gone;

/* The node was found; it goes before its lock is taken. */
static void wait_until_gone(void)
{
	__atomic_store_n(&found, true, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&gone, __ATOMIC_ACQUIRE))
		sched_yield();
}

static void *unmap_when_found(void *arg)
{
	u64 pages;

	stub_thread_start();
	while (!__atomic_load_n(&found, __ATOMIC_ACQUIRE))
		sched_yield();
	EXPECT(!vms_cursor_jump(arg, 0));
	EXPECT(!vms_cursor_unmap(arg, GB1, false, &pages) && pages == 1);
	__atomic_store_n(&gone, true, __ATOMIC_RELEASE);
	stub_thread_end();
	return NULL;
}

static void stray_node__found_after_the_lock_was_won(void)
{
	struct opener o = { .before_lock = wait_until_gone };
	pthread_t unmapper;

	found = false;
	gone = false;
	open_in(0, 0, KB4, 1);
	EXPECT(!map_known(0, 1));
	drop(0);
	open_in(0, 0, GB1, 2);
	pthread_create(&unmapper, NULL, unmap_when_found, w.cursors[0]);
	opener_start(&o, 0, KB4);
	pthread_join(unmapper, NULL);
	model_remove(&w.model, 0, GB1);
	EXPECT(!o.done);
	drop(0);
	opener_join(&o);
	EXPECT(!IS_ERR(o.cursor));
	EXPECT(tables() == 1);
	check_world(&w);
}

/* A table that waiters wait for is taken out: they start again, on another. */
static void stray_node__found_after_the_wait(void)
{
	struct opener o[2] = { 0 };
	struct vms_cursor *above;

	open_in(0, 0, KB4, 1);
	EXPECT(!map_known(0, 1));
	drop(0);
	above = open_in(0, 0, GB1, 2);
	/* They wait for the table of level 2, and are below the one of level 1. */
	opener_start(&o[0], 0, KB4);
	opener_start(&o[1], 0, 2 * KB4);
	EXPECT(!o[0].done && !o[1].done);
	/* The table that they wait for goes. */
	unmap_known(0, 0, GB1);
	EXPECT(above->top->level == 2);
	EXPECT(!o[0].done && !o[1].done);
	drop(0);
	opener_join(&o[0]);
	opener_join(&o[1]);
	EXPECT(!IS_ERR(o[0].cursor) && !IS_ERR(o[1].cursor));
	EXPECT(tables() == 1);
	check_world(&w);
}

/* The same, with the table of the waiter replaced by a large leaf. */
static void stray_node__replaced_by_a_leaf(void)
{
	struct opener o = { .stay = true };

	open_in(0, 0, KB4, 1);
	EXPECT(!map_known(0, 1));
	open_in(1, GB1, GB1 + KB4, 1);
	drop(0);
	open_in(0, 0, MB2, 2);
	opener_start(&o, KB4, 2 * KB4);
	EXPECT(!o.done);
	unmap_known(0, 0, MB2);
	EXPECT(!vms_cursor_jump(w.cursors[0], 0));
	w.va[0] = 0;
	EXPECT(!map_known(0, 2));
	drop(0);
	opener_join(&o);
	EXPECT(!IS_ERR(o.cursor) && o.cursor->top->level == 2);
	w.cursors[0] = o.cursor;
	w.va[0] = KB4;
	check_world(&w);
}

static void two_cursors_in_one_thread__nonblock(void)
{
	open_in(0, 0, MB2, 1);
	EXPECT(PTR_ERR(open_nonblock(0, MB2, 1)) == -EBUSY);
	EXPECT(PTR_ERR(open_nonblock(KB4, 2 * KB4, 1)) == -EBUSY);
	EXPECT(PTR_ERR(open_nonblock(0, GB1, 2)) == -EBUSY);
	EXPECT(PTR_ERR(open_nonblock(MB2 - KB4, MB2 + KB4, 1)) == -EBUSY);
	open_in(1, MB2, 2 * MB2, 1);
	check_world(&w);
}

/* It waits for itself; a signal ends that. */
static void two_cursors_in_one_thread__interrupted(void)
{
	open_in(0, 0, MB2, 1);
	current->signal = 1;
	EXPECT(PTR_ERR(space_open_cursor(w.space, 0, KB4, 1, true, false)) == -EINTR);
	EXPECT(PTR_ERR(space_open_cursor(w.space, 0, GB1, 1, true, false)) == -EINTR);
	current->signal = 0;
	check_world(&w);
}

static void waiters__are_served_in_order(void)
{
	struct opener o[5] = { 0 };
	unsigned int i;

	turn = 0;
	open_in(0, 0, MB2, 1);
	for (i = 0; i < 5; i++)
		opener_start(&o[i], i * KB4, MB2);
	/* Those who come later do not barge in. */
	EXPECT(PTR_ERR(open_nonblock(0, KB4, 1)) == -EBUSY);
	drop(0);
	for (i = 0; i < 5; i++)
		opener_join(&o[i]);
	for (i = 0; i < 5; i++)
		EXPECT(!IS_ERR(o[i].cursor) && o[i].turn == i + 1);
	EXPECT(tables() == 1);
	check_world(&w);
}

/* Who comes late is overtaken, but not for ever. */
static void waiter__is_not_starved_by_newcomers(void)
{
	struct opener o = { 0 };

	open_in(0, 0, MB2, 1);
	opener_start(&o, 0, KB4);
	while (!__atomic_load_n(&o.done, __ATOMIC_ACQUIRE)) {
		struct vms_cursor *c;

		drop(0);
		c = open_nonblock(0, MB2, 1);
		/* It may have been handed over before the waiter runs. */
		if (IS_ERR(c)) {
			EXPECT(PTR_ERR(c) == -EBUSY);
			break;
		}
		w.cursors[0] = c;
		w.va[0] = 0;
	}
	opener_join(&o);
	EXPECT(!IS_ERR(o.cursor));
	check_world(&w);
}

static void waiter__interrupted_in_the_middle_of_the_queue(void)
{
	struct opener o[3] = { 0 };
	unsigned int i;

	open_in(0, 0, MB2, 1);
	for (i = 0; i < 3; i++)
		opener_start(&o[i], 0, MB2);
	stub_signal(o[1].task);
	opener_join(&o[1]);
	EXPECT(PTR_ERR(o[1].cursor) == -EINTR);
	EXPECT(!o[0].done && !o[2].done);
	drop(0);
	opener_join(&o[0]);
	opener_join(&o[2]);
	EXPECT(!IS_ERR(o[0].cursor) && !IS_ERR(o[2].cursor));
	check_world(&w);
}

/* It owns the upper table and some lower ones, waits for the next, and gives up. */
static void waiter__interrupted_half_way(void)
{
	struct opener o = { 0 };

	open_in(0, 0, KB4, 1);
	EXPECT(!map_known(0, 1));
	open_in(1, 3 * MB2, 3 * MB2 + KB4, 1);
	drop(0);
	opener_start(&o, 0, GB1);
	EXPECT(!o.done);
	EXPECT(PTR_ERR(open_nonblock(0, KB4, 1)) == -EBUSY);
	stub_signal(o.task);
	opener_join(&o);
	EXPECT(PTR_ERR(o.cursor) == -EINTR);
	open_in(0, 0, KB4, 1);
	check_world(&w);
}

static void empty_covering_node__goes_with_the_cursor(void)
{
	open_in(0, 0, KB4, 1);
	EXPECT(tables() == 4 + deeper());
	drop(0);
	EXPECT(tables() == 1);
	open_in(0, 0, KB4, 1);
	EXPECT(!map_known(0, 1));
	unmap_known(0, 0, KB4);
	EXPECT(tables() == 4 + deeper());
	drop(0);
	EXPECT(tables() == 1);
	check_world(&w);
}

/* The parent belongs to another then: that one gives the table back. */
static void empty_covering_node__parent_owned(void)
{
	struct opener o = { .stay = true };
	u64 pages;

	open_in(0, MB2, MB2 + KB4, 1);
	EXPECT(!map_known(0, 1));
	/* It owns the table of level 2, and waits for the one of level 1. */
	opener_start(&o, 0, 4 * MB2);
	EXPECT(!o.done);
	unmap_known(0, MB2, KB4);
	EXPECT(tables() == 4 + deeper());
	drop(0);
	opener_join(&o);
	EXPECT(!IS_ERR(o.cursor) && o.cursor->top->level == 2);
	w.cursors[0] = o.cursor;
	w.va[0] = 0;
	EXPECT(!vms_cursor_unmap(o.cursor, 4 * MB2, false, &pages) && !pages);
	w.va[0] = 4 * MB2;
	drop(0);
	EXPECT(tables() == 1);
	check_world(&w);
}

/* The same, with an owner of the parent whose range does not meet the child's. */
static void empty_covering_node__parent_owned_elsewhere(void)
{
	open_in(0, 9 * MB2, 9 * MB2 + KB4, 1);
	EXPECT(!map_known(0, 1));
	open_in(1, 0, 2 * MB2, 1);
	EXPECT(w.cursors[1]->top->level == 2);
	unmap_known(0, 9 * MB2, KB4);
	drop(0);
	/* Still there, as its parent cannot be had. */
	EXPECT(tables() == 4 + deeper());
	drop(1);
	EXPECT(tables() == 1);
	check_world(&w);
}

static u64 fill(unsigned int i)
{
	u64 va = w.va[i], pages = 600, done;

	EXPECT(!map(w.cursors[i], 1, pages, 1, false));
	for (done = 0; done < pages; done++)
		model_insert(&w.model, &(struct run) {
			.start = va + done * KB4, .end = va + (done + 1) * KB4, .size = KB4,
			.pa = object_pa(memory(1), done), .prop = RW,
		});
	w.va[i] += pages * KB4;
	return pages;
}

static void fatal_signal__in_the_middle_of_map(void)
{
	struct vms_cursor *c = open_in(0, 0, GB1, 1);
	u64 done;

	stub_self.die_in = 2;
	EXPECT(map(c, 1, 600, 1, false) == -EINTR);
	stub_self.die_in = -1;
	EXPECT(c->va && c->va < 600 * KB4);
	for (done = 0; done < c->va / KB4; done++)
		model_insert(&w.model, &(struct run) {
			.start = done * KB4, .end = (done + 1) * KB4, .size = KB4,
			.pa = object_pa(memory(1), done), .prop = RW,
		});
	w.va[0] = c->va;
	check_world(&w);
}

static void fatal_signal__in_the_middle_of_unmap(void)
{
	struct vms_cursor *c = open_in(0, KB4, GB1, 1);
	u64 pages;
	int ret;

	fill(0);
	EXPECT(!vms_cursor_jump(c, KB4));
	stub_self.die_in = 100;
	ret = vms_cursor_unmap(c, 700 * KB4, false, &pages);
	stub_self.die_in = -1;
	EXPECT(ret == -EINTR && pages && pages < 100 && c->va == (1 + pages) * KB4);
	model_remove(&w.model, KB4, c->va);
	w.va[0] = c->va;
	check_world(&w);
}

static void fatal_signal__in_the_middle_of_protect(void)
{
	struct vms_cursor *c = open_in(0, KB4, GB1, 1);
	u64 pages;
	int ret;

	fill(0);
	EXPECT(!vms_cursor_jump(c, KB4));
	stub_self.die_in = 2;
	ret = vms_cursor_protect(c, 700 * KB4, VMSPACE_PROP_WRITE, 0, false, &pages);
	stub_self.die_in = -1;
	EXPECT(ret == -EINTR && pages && pages < 600 && c->va == (1 + pages) * KB4);
	model_change(&w.model, KB4, c->va, VMSPACE_PROP_WRITE, 0);
	w.va[0] = c->va;
	check_world(&w);
}

/* A CPU sets A and D at the very last moment before a leaf is exchanged. */
static void last_moment(void *slot)
{
	u64 e = __atomic_load_n((u64 *)slot, __ATOMIC_RELAXED);

	if ((e & 1) && (e & 2))
		if ((e & 0xfff) != 0x007)
			__atomic_fetch_or((u64 *)slot, 0x60, __ATOMIC_RELAXED);
}

static void last_moment__unmap_collects_a_and_d(void)
{
	struct frame *frame = &zones[1].frames[0];

	open_in(0, 0, MB2, 1);
	EXPECT(!map_known(0, 1));
	frame->dirty = false;
	frame->accessed = false;
	stub_self.before_rmw = last_moment;
	unmap_known(0, 0, KB4);
	stub_self.before_rmw = NULL;
	EXPECT(frame->dirty && frame->accessed);
	check_world(&w);
}

static void last_moment__replace_collects_a_and_d(void)
{
	struct frame *frame = &zones[1].frames[0];

	open_in(0, 0, MB2, 1);
	EXPECT(!map_known(0, 1));
	frame->dirty = false;
	frame->accessed = false;
	EXPECT(!vms_cursor_jump(w.cursors[0], 0));
	stub_self.before_rmw = last_moment;
	EXPECT(!map(w.cursors[0], 1, 1, 1, true));
	stub_self.before_rmw = NULL;
	EXPECT(frame->dirty && frame->accessed);
	check_world(&w);
}

static void last_moment__protect_keeps_a_and_d(void)
{
	u64 pages;

	open_in(0, 0, MB2, 1);
	EXPECT(!map_known(0, 1));
	EXPECT(!vms_cursor_jump(w.cursors[0], 0));
	stub_self.before_rmw = last_moment;
	EXPECT(!vms_cursor_protect(w.cursors[0], MB2, VMSPACE_PROP_WRITE, 0, false, &pages));
	stub_self.before_rmw = NULL;
	model_change(&w.model, 0, KB4, VMSPACE_PROP_WRITE, A | D);
	w.va[0] = MB2;
	check_world(&w);
}

/* Above the ceiling, where entries are changed without a look at them. */
static void last_moment__protect_of_many_keeps_a_and_d(void)
{
	u64 pages;

	open_in(0, 0, GB1, 1);
	fill(0);
	EXPECT(!vms_cursor_jump(w.cursors[0], 0));
	stub_self.before_rmw = last_moment;
	EXPECT(!vms_cursor_protect(w.cursors[0], GB1, VMSPACE_PROP_WRITE, 0, false, &pages));
	stub_self.before_rmw = NULL;
	model_change(&w.model, 0, 600 * KB4, VMSPACE_PROP_WRITE, A | D);
	w.va[0] = GB1;
	check_world(&w);
}

static void last_moment__next_tells_a_and_d(void)
{
	struct vms_mapping m;

	open_in(0, 0, MB2, 1);
	EXPECT(!map_known(0, 1));
	EXPECT(!vms_cursor_jump(w.cursors[0], 0));
	/* So that there is something to clear, and an exchange. */
	touch(0, false);
	stub_self.before_rmw = last_moment;
	vms_cursor_harvest(w.cursors[0], A | D, VMS_NOW);
	EXPECT(!vms_cursor_next(w.cursors[0], A | D, &m));
	stub_self.before_rmw = NULL;
	EXPECT(!vms_cursor_settle(w.cursors[0], 0, 1));
	EXPECT((vms_entry_prop(m.entry) & (A | D)) == (A | D));
	w.va[0] = KB4;
	check_world(&w);
}

static void last_moment__split_keeps_a_and_d(void)
{
	open_in(0, 0, MB2, 2);
	EXPECT(!map_known(0, 2));
	stub_self.before_rmw = last_moment;
	EXPECT(!vms_cursor_jump(w.cursors[0], KB4));
	{
		struct vms_mapping m;

		EXPECT(!vms_cursor_protect_next(w.cursors[0], KB4, VMSPACE_PROP_SOFT, 0, false,
						&m));
	}
	stub_self.before_rmw = NULL;
	model_split(&w.model, KB4);
	model_change(&w.model, 0, MB2, 0, A | D);
	w.va[0] = 2 * KB4;
	check_world(&w);
}

/* The change by itself needs no flush, the split does. */
static void split__no_tlb_keeps_the_whole(void)
{
	struct vms_mapping m;
	unsigned int cpu;

	open_in(0, 0, MB2, 2);
	EXPECT(!map_known(0, 2));
	touch(KB4, true);
	model_change(&w.model, 0, MB2, 0, A | D);
	EXPECT(!vms_cursor_jump(w.cursors[0], KB4));
	EXPECT(!vms_cursor_protect_next(w.cursors[0], KB4, 0, VMSPACE_PROP_SOFT, false, &m));
	model_split(&w.model, KB4);
	model_change(&w.model, KB4, 2 * KB4, 0, VMSPACE_PROP_SOFT);
	w.va[0] = 2 * KB4;
	for (cpu = 0; cpu < WORLD_CPUS; cpu++)
		EXPECT(!cpus[cpu].tlb[0].size);
	check_world(&w);
}

/* What was deferred is held until it is flushed, and no longer. */
static void deferred__frames_are_held(void)
{
	struct frame *frame = &zones[1].frames[0];
	struct vms_flushed flushed;
	struct vms_cursor *c;
	u64 pages;

	c = open_in(0, 0, MB2, 1);
	EXPECT(!map_known(0, 1));
	touch(0, true);
	object_destroy(w.objects[1]);
	w.objects[1] = NULL;
	EXPECT(!vms_cursor_jump(c, 0));
	EXPECT(!vms_cursor_unmap(c, MB2, true, &pages));
	model_remove(&w.model, 0, MB2);
	EXPECT(frame->refs == 1);
	EXPECT(atomic64_read(&w.space->deferred) == 1);
	{
		struct access access;

		cpu_access(0, 0, true, &access);
		EXPECT(!access.fault);
	}
	vms_cursor_flush(c, &flushed);
	EXPECT(flushed.pages == 1 && flushed.cpus == WORLD_CPUS);
	EXPECT(!frame->refs && frame->released);
	w.va[0] = MB2;
	check_world(&w);
}

static void deferred__too_much_forces_the_flush(void)
{
	struct vms_cursor *c;
	u64 pages;

	vms_max_deferred = 100;
	c = open_in(0, 0, MB2, 1);
	c->va = 0;
	EXPECT(!map(c, 1, 512, 1, false));
	EXPECT(!vms_cursor_jump(c, 0));
	EXPECT(!vms_cursor_unmap(c, MB2 - KB4, true, &pages) && pages == 511);
	EXPECT(c->gather.pages <= 100);
	EXPECT(atomic64_read(&w.space->deferred) == c->gather.pages);
	vms_max_deferred = 32768;
}

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
#define TEST(name) { #name, name }
	TEST(exact_2m__with_and_without_the_wish),
	TEST(exact_1g__with_the_wish),
	TEST(top_of_the_space__nothing_wraps),
	TEST(empty_child__under_a_huge_map),
	TEST(emptied_table__under_a_huge_map),
	TEST(left_over_table__under_a_huge_map),
	TEST(protect__in_the_middle_of_a_1g_page),
	TEST(unmap__inside_a_1g_page),
	TEST(unmap__mid_2m),
	TEST(cursor__ends_inside_a_2m_page),
	TEST(cursor__inside_a_1g_page),
	TEST(protect_next__to_the_end_of_the_cursor_in_a_2m_page),
	TEST(stray_node__found_after_the_lock_was_won),
	TEST(stray_node__found_after_the_wait),
	TEST(stray_node__replaced_by_a_leaf),
	TEST(two_cursors_in_one_thread__nonblock),
	TEST(two_cursors_in_one_thread__interrupted),
	TEST(waiters__are_served_in_order),
	TEST(waiter__is_not_starved_by_newcomers),
	TEST(waiter__interrupted_in_the_middle_of_the_queue),
	TEST(waiter__interrupted_half_way),
	TEST(empty_covering_node__goes_with_the_cursor),
	TEST(empty_covering_node__parent_owned),
	TEST(empty_covering_node__parent_owned_elsewhere),
	TEST(fatal_signal__in_the_middle_of_map),
	TEST(fatal_signal__in_the_middle_of_unmap),
	TEST(fatal_signal__in_the_middle_of_protect),
	TEST(last_moment__unmap_collects_a_and_d),
	TEST(last_moment__replace_collects_a_and_d),
	TEST(last_moment__protect_keeps_a_and_d),
	TEST(last_moment__protect_of_many_keeps_a_and_d),
	TEST(last_moment__next_tells_a_and_d),
	TEST(last_moment__split_keeps_a_and_d),
	TEST(split__no_tlb_keeps_the_whole),
	TEST(deferred__frames_are_held),
	TEST(deferred__too_much_forces_the_flush),
};

/* All that a test left goes back, whatever it was. */
static void clean_up(void)
{
	unsigned int i;

	for (i = 0; i < WORLD_CURSORS; i++)
		if (w.cursors[i])
			drop(i);
	space_destroy(w.space);
	for (i = 0; i < WORLD_OBJECTS; i++)
		if (w.objects[i])
			object_destroy(w.objects[i]);
	model_free(&w.model);
}

int main(void)
{
	unsigned int i, levels;

	alarm(30);
	stub_thread_start();
	tap_plan(2 * ARRAY_SIZE(tests));
	for (levels = 4; levels <= 5; levels++) {
		machine_init(600, 4, 2);
		for (i = 0; i < ARRAY_SIZE(tests); i++) {
			snprintf(check_context, sizeof(check_context), "%s, %u levels",
				 tests[i].name, levels);
			good = true;
			world_create(&w, levels, 3);
			tests[i].run();
			clean_up();
			tap_result(good, check_context);
		}
		machine_exit();
	}
	stub_thread_end();
	return tap_end();
}
