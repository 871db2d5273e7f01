// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cursor's operations, as walks over the tree.
 *
 * The postconditions are those of Documentation/interface.rst.  Everywhere:
 * the caller holds the cursor's lock, and the cursor owns its covering node and
 * all tables below it that meet its range, so that nobody else changes what it
 * sees; only the CPUs set A and D behind its back, which is why live entries
 * are exchanged and never plainly written.
 *
 * What an operation may need is set aside before it changes anything: tables in
 * a reserve, room for removed leaves in the gather.  So memory runs out before
 * anything changes, never half-way.
 */
#include <linux/err.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include "cursor.h"
#include "memory.h"
#include "mutation.h"
#include "param.h"
#include "space.h"
#include "step.h"

static void cursor_release(struct vms_object *obj)
{
	struct vms_cursor *c = container_of(obj, struct vms_cursor, obj);

	free_cpumask_var(c->gather.targets);
	kfree_rcu(c, obj.rcu);
}

static int cursor_close(struct vms_object *obj)
{
	struct vms_cursor *c = container_of(obj, struct vms_cursor, obj);
	struct vms_flushed flushed;

	if (vms_mutated(VMS_MUTATION_UNLOCK_FIRST))
		step_cursor_drop(c);
	vms_cursor_flush(c, &flushed);
	step_cursor_drop(c);
	vms_unlock_range(c->top, c->start, c->end, &c->unlock);
	vms_space_unuse(c->space);
	return 0;
}

/* For tables that became empty while ranges were locked or unlocked. */
static void cursor_flush_tables(const struct vms_unlock *u)
{
	struct vms_cursor *c = container_of(u, struct vms_cursor, unlock);
	struct vms_flushed flushed;

	if (c->gather.fresh)
		vms_flush(c->space, &c->gather, &flushed);
}

static void cursor_wrote(const struct vms_unlock *u, u64 va, unsigned int level, u64 old, u64 new)
{
	step_write(container_of(u, struct vms_cursor, unlock), va, level, old, new);
}

/* For traces; unique, and nothing that CPUs share. */
static DEFINE_PER_CPU(u64, numbers);

static u64 cursor_number(void)
{
	/* Both of the same CPU. */
	unsigned int cpu = get_cpu();
	u64 number = this_cpu_inc_return(numbers) * nr_cpu_ids + cpu;

	put_cpu();
	return number;
}

/**
 * vms_cursor_open - take exclusive access to a range
 * @space:	the space; the caller uses it, and the cursor does instead if there
 *		is one
 * @start:	first address
 * @end:	first address after it
 * @level:	of the largest leaves that the cursor will place, 1 to 3
 * @mutable:	whether mappings may be changed
 * @nonblock:	do not wait for other cursors
 *
 * Context: may sleep; any signal ends the wait.
 *
 * Return: the cursor, at @start. -EINVAL for a misaligned or empty range,
 * -ERANGE outside the space, -EBUSY, -EINTR, -ENOMEM.
 */
struct vms_cursor *vms_cursor_open(struct vms_space *space, u64 start, u64 end,
				   unsigned int level, bool mutable, bool nonblock)
{
	struct vms_cursor *c;
	struct vms_node *top;

	if (!vms_page_aligned(start) || !vms_page_aligned(end) || start >= end)
		return ERR_PTR(-EINVAL);
	if (end > space->pt.va_end)
		return ERR_PTR(-ERANGE);
	c = kzalloc(sizeof(*c), GFP_KERNEL_ACCOUNT);
	if (!c)
		return ERR_PTR(-ENOMEM);
	c->space = space;
	c->start = start;
	c->end = end;
	c->va = start;
	c->mutable = mutable;
	vms_gather_init(&c->gather);
	c->gather.op = cursor_number();
	c->unlock = (struct vms_unlock) {
		.g = &c->gather,
		.flush = cursor_flush_tables,
		.wrote = cursor_wrote,
	};
	step_cursor_open(c);
	top = vms_lock_range(&space->pt, start, end, level, nonblock, &c->unlock);
	if (IS_ERR(top)) {
		step_cursor_drop(c);
		kfree(c);
		return ERR_CAST(top);
	}
	c->top = top;
	step_cursor_lock(c);
	vms_object_init(&c->obj, VMS_CURSOR, cursor_release, cursor_close);
	return c;
}

static void cursor_flush(struct vms_cursor *c, struct vms_flushed *flushed)
{
	vms_flush(c->space, &c->gather, flushed);
	if (c->deferred)
		atomic64_sub(c->deferred, &c->space->deferred);
	c->deferred = 0;
}

/**
 * vms_cursor_flush - flush and release what was deferred
 * @c:		the cursor
 * @flushed:	receives what was done
 */
void vms_cursor_flush(struct vms_cursor *c, struct vms_flushed *flushed)
{
	c->gather.how = VMS_NOW;
	cursor_flush(c, flushed);
}

/**
 * vms_cursor_set_targets - choose CPUs for VMS_TARGETS
 * @c:		a mutable cursor
 * @mask:	the CPUs
 *
 * Context: may sleep.
 *
 * Return: 0 or -ENOMEM.
 */
int vms_cursor_set_targets(struct vms_cursor *c, const struct cpumask *mask)
{
	if (!cpumask_available(c->gather.targets) &&
	    !zalloc_cpumask_var(&c->gather.targets, GFP_KERNEL_ACCOUNT))
		return -ENOMEM;
	cpumask_copy(c->gather.targets, mask);
	return 0;
}

/*
 * Whether an operation shall end before it is done. In a STRICT space it is one leaf:
 * nothing of it, although it could be, is not what the specification has.
 */
static bool cursor_interrupted(const struct vms_cursor *c)
{
	return !c->space->is_strict && fatal_signal_pending(current);
}

/* Before anything changes. What was deferred is not for a flush that is not due. */
static void cursor_begin(struct vms_cursor *c, enum vms_how how)
{
	struct vms_flushed flushed;

	if (vms_how_lab(how))
		vms_cursor_flush(c, &flushed);
	c->gather.how = how;
}

/* The end of an operation that may have changed something. */
static void cursor_settle(struct vms_cursor *c)
{
	struct vms_flushed flushed;

	if (!c->gather.fresh)
		return;
	c->gather.fresh = false;
	/* One large page can be more than may be held back. */
	if (c->gather.how != VMS_DEFER || c->gather.pages > vms_max_deferred) {
		cursor_flush(c, &flushed);
	} else {
		atomic64_add(c->gather.pages - c->deferred, &c->space->deferred);
		c->deferred = c->gather.pages;
	}
}

/* For how many small leaves there is room then: one at least. */
static unsigned int cursor_make_room(struct vms_cursor *c)
{
	unsigned int room = vms_gather_room(&c->gather);
	struct vms_flushed flushed;

	if (room)
		return room;
	cursor_flush(c, &flushed);
	return vms_gather_room(&c->gather);
}

/**
 * vms_cursor_query - what is at the position; does not move
 * @c:	the cursor
 * @m:	receives the whole mapping that covers the position, or a hole around
 *	it that is clipped to the cursor's range
 *
 * Return: 0, or -ERANGE at the end of the range.
 */
int vms_cursor_query(struct vms_cursor *c, struct vms_mapping *m)
{
	struct vms_walk w;

	if (c->va >= c->end)
		return -ERANGE;
	vms_walk_start(&w, c->top, c->va);
	vms_walk_mapping(&w, m);
	if (vms_entry_empty(m->entry)) {
		m->start = max(m->start, c->start);
		m->end = min(m->end, c->end);
	}
	return 0;
}

/* Check the length of an operation on [position, position + len). */
static int cursor_check_len(const struct vms_cursor *c, u64 len)
{
	if (!vms_page_aligned(len))
		return -EINVAL;
	if (len > c->end - c->va)
		return -ERANGE;
	return 0;
}

/* Go on to the first mapping before @end; the walk stands on it if there is one. */
static bool walk_to_mapping(struct vms_cursor *c, struct vms_walk *w, u64 end)
{
	unsigned int steps = 0;

	while (vms_entry_empty(w->entry)) {
		if (!vms_walk_next(w, c->top, end))
			return false;
		if (!(++steps % VMS_ENTRIES))
			cond_resched();
	}
	return true;
}

/* The same, from the position on. */
static bool cursor_walk_to_mapping(struct vms_cursor *c, struct vms_walk *w, u64 end)
{
	if (c->va >= end)
		return false;
	vms_walk_start(w, c->top, c->va);
	return walk_to_mapping(c, w, end);
}

/* Nothing was found: the answer, and where the cursor goes. */
static void cursor_pass(struct vms_cursor *c, u64 len, struct vms_mapping *m)
{
	*m = (struct vms_mapping) { .start = c->va, .end = c->va + len };
	c->va += len;
}

/**
 * vms_cursor_find_next - go to the next mapping
 * @c:		the cursor
 * @len:	how far to look, in bytes
 * @m:		receives the mapping, or a hole with an empty entry
 *
 * Moves to the start of the mapping, unless the position is inside it already;
 * by @len if there is none.
 *
 * Return: 0, -EINVAL or -ERANGE for @len.
 */
int vms_cursor_find_next(struct vms_cursor *c, u64 len, struct vms_mapping *m)
{
	struct vms_walk w;
	int ret = cursor_check_len(c, len);

	if (ret)
		return ret;
	if (cursor_walk_to_mapping(c, &w, c->va + len)) {
		vms_walk_mapping(&w, m);
		c->va = max(c->va, m->start);
	} else {
		cursor_pass(c, len, m);
	}
	return 0;
}

/**
 * vms_cursor_jump - go somewhere else in the range
 * @c:	the cursor
 * @va:	where
 *
 * Return: 0, -EINVAL if misaligned, -ERANGE outside the range, or at its end.
 */
int vms_cursor_jump(struct vms_cursor *c, u64 va)
{
	if (!vms_page_aligned(va))
		return -EINVAL;
	if (va < c->start || va >= c->end)
		return -ERANGE;
	c->va = va;
	return 0;
}

/**
 * struct vms_need - tables that an operation needs, as it is planned
 * @base:	by level: the range of the last table that was counted
 * @tables:	how many
 */
struct vms_need {
	u64 base[VMS_MAX_LEVELS + 1];
	unsigned int tables;
};

static void need_init(struct vms_need *need)
{
	/* No table begins there. */
	memset(need->base, 0xff, sizeof(need->base));
	need->tables = 0;
}

/* Tables from below @from down to @to, on the way to @va; in ascending order. */
static void need_path(struct vms_need *need, u64 va, unsigned int from, unsigned int to)
{
	unsigned int level;

	for (level = to; level < from; level++) {
		u64 base = ALIGN_DOWN(va, vms_level_size(level) << VMS_INDEX_BITS);

		if (need->base[level] == base)
			break;
		need->base[level] = base;
		need->tables++;
	}
}

/* Whether nothing is mapped below a table. */
static bool table_is_empty(const struct vms_node *node)
{
	unsigned int i;

	if (!node->count || node->level == 1)
		return !node->count;
	cond_resched();
	for (i = 0; i < VMS_ENTRIES; i++) {
		u64 e = READ_ONCE(node->table[i]);

		if (vms_entry_mapping(e, node->level) ||
		    (vms_entry_table(e, node->level) && !table_is_empty(vms_node_of(e))))
			return false;
	}
	return true;
}

/* Say that a table and those below it are stray; returns the 4 KiB pages mapped there. */
static u64 disown_tables(struct vms_node *node)
{
	u64 pages = 0;
	unsigned int i;

	vms_node_disown(node);
	if (node->level == 1)
		return node->count;
	cond_resched();
	for (i = 0; i < VMS_ENTRIES; i++) {
		u64 e = READ_ONCE(node->table[i]);

		if (vms_entry_table(e, node->level))
			pages += disown_tables(vms_node_of(e));
		else if (!vms_entry_empty(e))
			pages += vms_level_size(node->level) >> VMS_PAGE_SHIFT;
	}
	return pages;
}

/*
 * Put another entry in the place of a table, and take that out with all that is
 * below it: one visible write, whatever was mapped there (S66). Returns the
 * 4 KiB pages that were.
 */
static u64 cursor_detach(struct vms_cursor *c, struct vms_node *node, u64 entry)
{
	u64 pages, old = vms_node_unlink(node, entry);

	step_write(c, vms_node_va(node), node->level + 1, old, entry);
	pages = disown_tables(node);
	vms_gather_table(&c->gather, node, pages);
	return pages;
}

/*
 * Replace a leaf by a table that maps the same; the walk goes down into it. The
 * caller flushes the page before anything else changes: until then a CPU may use
 * the old leaf and the pieces side by side, which agree (SDM volume 3A, 4.10.2).
 */
static void cursor_split(struct vms_cursor *c, struct vms_walk *w, struct vms_reserve *r)
{
	u64 va = vms_slot_start(w->va, w->level);
	u64 *slot = vms_walk_slot(w);
	struct vms_node *node;

	/* References for the pieces, before anyone can see them. */
	vms_frame_get(c->space->frames, w->entry, VMS_ENTRIES - 1);
	node = vms_node_split(r, w->path[w->level], vms_index(w->va, w->level));
	step_write(c, va, w->level, w->entry, READ_ONCE(*slot));
	w->level--;
	w->path[w->level] = node;
	w->entry = READ_ONCE(*vms_walk_slot(w));
}

/**
 * struct vms_end - one end of a range of the cursor's
 * @va:		the boundary
 * @at:		the address beside it that is in the range: what is on the other
 *		side may be another cursor's
 */
struct vms_end {
	u64 va;
	u64 at;
};

/* Whether a leaf straddles an end of a range; the walk stands on it. */
static bool cursor_straddled(struct vms_cursor *c, struct vms_walk *w, const struct vms_end *end)
{
	vms_walk_start(w, c->top, end->at);
	return !vms_entry_empty(w->entry) && end->va != vms_slot_start(end->va, w->level);
}

/* Split leaves until none straddles it. */
static void cursor_split_end(struct vms_cursor *c, const struct vms_end *end,
			     struct vms_reserve *r)
{
	struct vms_walk w;

	if (!cursor_straddled(c, &w, end))
		return;
	while (end->va != vms_slot_start(end->va, w.level))
		cursor_split(c, &w, r);
	vms_flush_page(c->space, &c->gather, end->at);
}

static void need_split_end(struct vms_need *need, struct vms_cursor *c, const struct vms_end *end)
{
	struct vms_walk w;
	unsigned int to;

	if (!cursor_straddled(c, &w, end))
		return;
	for (to = 1; end->va == vms_slot_start(end->va, to + 1); to++)
		;
	need_path(need, end->at, w.level, to);
}

/*
 * See to it that no leaf straddles either end of a range. All or nothing. The walk
 * stands at the start of the range afterwards, unless that is empty.
 */
static int cursor_split_ends(struct vms_cursor *c, u64 start, u64 end, struct vms_walk *w)
{
	const struct vms_end first = { start, start }, last = { end, end - 1 };
	struct vms_reserve reserve;
	struct vms_need need;
	int ret;

	if (start == end)
		return 0;
	vms_walk_start(w, c->top, start);
	/* Most often both are in one table of small leaves. */
	if (w->level == 1 && vms_slot_start(start, 2) == vms_slot_start(last.at, 2))
		return 0;
	need_init(&need);
	need_split_end(&need, c, &first);
	need_split_end(&need, c, &last);
	if (!need.tables)
		return 0;
	vms_reserve_init(&reserve);
	ret = vms_reserve_fill(&reserve, &c->space->pt, need.tables);
	if (ret)
		return ret;
	cursor_split_end(c, &first, &reserve);
	cursor_split_end(c, &last, &reserve);
	/* Both ends may have been in one leaf. */
	vms_reserve_drain(&reserve, &c->space->pt);
	vms_walk_start(w, c->top, start);
	return 0;
}

/**
 * struct vms_piece - a part of what is to be mapped that goes into one table
 * @va:		where it begins
 * @index:	of its first page in the memory object
 * @level:	of its leaves, and of the table
 * @nr:		of leaves
 */
struct vms_piece {
	u64 va;
	u64 index;
	unsigned int level;
	unsigned int nr;
};

/* The next piece after @done 4 KiB pages. */
static void map_piece(const struct vms_cursor *c, const struct vms_map *map, u64 done,
		      struct vms_piece *piece)
{
	u64 left = map->pages - done;

	piece->va = c->va + (done << VMS_PAGE_SHIFT);
	piece->index = map->index + done;
	piece->level = map->level;
	piece->nr = 1;
	if (!piece->level) {
		unsigned int most = min_t(unsigned int, c->space->pt.leaf_level, c->top->level);

		piece->level = 1;
		while (piece->level < most &&
		       piece->va == vms_slot_start(piece->va, piece->level + 1) &&
		       left << VMS_PAGE_SHIFT >= vms_level_size(piece->level + 1))
			piece->level++;
		if (piece->level > 1)
			piece->level = min(piece->level,
					   vms_memory_leaf_level(map->mem, piece->index));
	}
	/* Small leaves are taken a table at a time. */
	if (piece->level == 1)
		piece->nr = min_t(u64, left, VMS_ENTRIES - vms_index(piece->va, 1));
	if (vms_mutated(VMS_MUTATION_WRONG_FRAME) && piece->level == 1 &&
	    (piece->index ^ 1) + piece->nr <= map->mem->nr_pages)
		piece->index ^= 1;
}

static u64 piece_pages(const struct vms_piece *piece)
{
	return piece->nr * (vms_level_size(piece->level) >> VMS_PAGE_SHIFT);
}

static bool piece_fits(const struct vms_cursor *c, const struct vms_map *map,
		       const struct vms_piece *piece)
{
	return piece->level <= c->top->level &&
	       piece->va == vms_slot_start(piece->va, piece->level) &&
	       piece->level <= vms_memory_leaf_level(map->mem, piece->index);
}

/* Whether something is mapped where a piece shall go; the walk stands there. */
static bool piece_occupied(const struct vms_walk *w, const struct vms_piece *piece)
{
	const struct vms_node *node = w->path[w->level];
	unsigned int i, index = vms_index(w->va, w->level);

	/* A hole, or a leaf, that is larger than the piece's. */
	if (w->level > piece->level)
		return !vms_entry_empty(w->entry);
	if (!node->count)
		return false;
	for (i = index; i < index + piece->nr; i++) {
		u64 e = READ_ONCE(node->table[i]);

		if (vms_entry_mapping(e, w->level))
			return true;
		/* An empty table is not in the way: it is reclaimed. */
		if (!vms_entry_empty(e) && (!table_is_empty(vms_node_of(e)) ||
					    vms_mutated(VMS_MUTATION_EMPTY_TABLE)))
			return true;
	}
	return false;
}

/* Check all of it, and count the tables that it needs; changes nothing. */
static int map_plan(struct vms_cursor *c, const struct vms_map *map, struct vms_need *need)
{
	struct vms_piece piece;
	struct vms_walk w;
	u64 done;

	need_init(need);
	for (done = 0; done < map->pages; done += piece_pages(&piece)) {
		map_piece(c, map, done, &piece);
		if (map->level > 1 && !piece_fits(c, map, &piece))
			return -EINVAL;
		vms_walk_start_level(&w, c->top, piece.va, piece.level);
		if (!map->replace && piece_occupied(&w, &piece))
			return -EEXIST;
		need_path(need, piece.va, w.level, piece.level);
		cond_resched();
	}
	return 0;
}

/* Go down to the table that a piece goes into, and make what is missing. */
static void map_descend(struct vms_cursor *c, struct vms_walk *w, const struct vms_piece *piece,
			struct vms_reserve *r)
{
	bool split = false;

	vms_walk_start_level(w, c->top, piece->va, piece->level);
	while (w->level > piece->level) {
		struct vms_node *parent = w->path[w->level];

		if (!vms_entry_empty(w->entry)) {
			cursor_split(c, w, r);
			split = true;
			continue;
		}
		w->path[w->level - 1] = vms_node_link(r, parent, vms_index(w->va, w->level));
		step_write(c, vms_slot_start(w->va, w->level), w->level, 0,
			   READ_ONCE(*vms_walk_slot(w)));
		w->level--;
		w->entry = 0;
	}
	if (split)
		vms_flush_page(c->space, &c->gather, piece->va);
}

/* Write a leaf over what is there: an empty table, or what it replaces. */
static void map_over(struct vms_cursor *c, struct vms_node *node, unsigned int index, u64 va,
		     u64 entry)
{
	u64 *slot = &node->table[index], old = READ_ONCE(*slot);

	cursor_make_room(c);
	/* At once, without a moment at which nothing is mapped; collects A and D. */
	if (vms_entry_table(old, node->level)) {
		cursor_detach(c, vms_node_of(old), entry);
		return;
	}
	old = xchg(slot, entry);
	step_write(c, va, node->level, old, entry);
	vms_gather_leaf(&c->gather, old, node->level);
	if (vms_entry_present(old))
		vms_gather_va(&c->gather, va);
}

static void map_fill(struct vms_cursor *c, const struct vms_map *map,
		     const struct vms_piece *piece, struct vms_node *node)
{
	u64 size = vms_level_size(piece->level), pages = size >> VMS_PAGE_SHIFT;
	unsigned int i, index = vms_index(piece->va, piece->level);

	/* It was seen that nothing is there, but for empty tables above level 1. */
	if (!map->replace && piece->level == 1) {
		vms_memory_get_leaves(map->mem, piece->index, map->prop, &node->table[index],
				      piece->nr);
		node->count += piece->nr;
		step_map_run(c, map, piece->va, &node->table[index], piece->nr);
		return;
	}
	for (i = 0; i < piece->nr; i++) {
		u64 *slot = &node->table[index + i];
		u64 entry = vms_memory_get_leaf(map->mem, piece->index + i * pages, piece->level,
						map->prop);

		if (!vms_entry_empty(READ_ONCE(*slot))) {
			map_over(c, node, index + i, piece->va + i * size, entry);
			continue;
		}
		WRITE_ONCE(*slot, entry);
		node->count++;
		step_write(c, piece->va + i * size, piece->level, 0, entry);
	}
}

/**
 * vms_cursor_map - map frames from the position on, and move past them
 * @c:		a mutable cursor
 * @map:	what to map
 * @how:		how to flush what was replaced
 *
 * It is checked whether all of it can be mapped, and all tables that are
 * missing are set aside, before anything changes: on failure not a byte of the
 * table has changed (S33, S60).
 *
 * Context: may sleep. A fatal signal ends it between pieces.
 *
 * Return: 0; -EEXIST; -ERANGE past the end of the range; -EINVAL if leaves of
 * the wanted level do not fit the position, the frames or the cursor; -ENOMEM;
 * -EINTR: the position says how far it came.
 */
int vms_cursor_map(struct vms_cursor *c, const struct vms_map *map, enum vms_how how)
{
	struct vms_reserve reserve;
	struct vms_piece piece;
	struct vms_need need;
	u64 done, start = c->va;
	int ret;

	if (map->pages > (c->end - c->va) >> VMS_PAGE_SHIFT)
		return -ERANGE;
	if (map->level > c->space->pt.leaf_level ||
	    (map->level && !IS_ALIGNED(map->pages << VMS_PAGE_SHIFT, vms_level_size(map->level))))
		return -EINVAL;
	ret = map_plan(c, map, &need);
	if (ret == -EEXIST) {
		step_map_start(c, map);
		ret = step_map_end(c, (struct vms_ended) { .start = c->va, .result = ret });
	}
	if (ret)
		return ret;
	vms_reserve_init(&reserve);
	ret = vms_reserve_fill(&reserve, &c->space->pt, need.tables);
	if (ret)
		return ret;
	cursor_begin(c, how);
	step_map_start(c, map);

	for (done = 0; done < map->pages; done += piece_pages(&piece)) {
		struct vms_walk w;

		if (cursor_interrupted(c)) {
			ret = -EINTR;
			break;
		}
		map_piece(c, map, done, &piece);
		/* Directories first, then each leaf: one visible write (S61). */
		map_descend(c, &w, &piece, &reserve);
		map_fill(c, map, &piece, w.path[piece.level]);
		cond_resched();
	}
	c->va += done << VMS_PAGE_SHIFT;
	vms_reserve_drain(&reserve, &c->space->pt);
	cursor_settle(c);
	return step_map_end(c, (struct vms_ended) { start, done, ret, map });
}

/**
 * struct vms_unmap - an unmap on its way
 * @c:		the cursor
 * @end:	of the range
 * @pages:	4 KiB pages unmapped so far
 */
struct vms_unmap {
	struct vms_cursor *c;
	u64 end;
	u64 pages;
};

/* With room for it in the gather. Inline, as most often the level is a constant. */
static __always_inline void unmap_leaf(struct vms_unmap *u, struct vms_node *node,
				       unsigned int level, unsigned int index, u64 va)
{
	struct vms_cursor *c = u->c;
	u64 old = xchg(&node->table[index], 0);

	step_write(c, va, level, old, 0);
	node->count--;
	vms_gather_leaf(&c->gather, old, level);
	if (vms_entry_present(old) && !c->gather.full)
		vms_gather_va(&c->gather, va);
	u->pages += vms_level_size(level) >> VMS_PAGE_SHIFT;
}

/* The small leaves of one table, as far as the range goes. */
static int unmap_small(struct vms_unmap *u, struct vms_node *node)
{
	struct vms_cursor *c = u->c;
	unsigned int i, room = 0;

	cond_resched();
	for (i = vms_index(c->va, 1); i < VMS_ENTRIES && c->va < u->end; i++) {
		if (!vms_entry_empty(READ_ONCE(node->table[i]))) {
			if (cursor_interrupted(c))
				return -EINTR;
			if (!room)
				room = cursor_make_room(c);
			room--;
			unmap_leaf(u, node, 1, i, c->va);
		}
		c->va += VMS_PAGE_SIZE;
	}
	return 0;
}

static void unmap_table(struct vms_unmap *u, struct vms_node *node)
{
	struct vms_flushed flushed;

	u->pages += cursor_detach(u->c, node, 0);
	if (u->c->gather.pages >= vms_max_deferred)
		cursor_flush(u->c, &flushed);
}

/*
 * Whether a table goes that was unmapped in, in part. One that was empty before stays in
 * a STRICT space, where an unmap of nothing writes nothing (S66), until the drop.
 */
static bool unmap_goes(const struct vms_unmap *u, const struct vms_node *node)
{
	return !node->count && (u->pages || !u->c->space->is_strict) &&
	       !vms_mutated(VMS_MUTATION_EMPTY_TABLE);
}

/*
 * Unmap from the cursor's position to the end of @node, or of the range; the
 * cursor moves along. At most four levels deep.
 */
static int unmap_node(struct vms_unmap *u, struct vms_node *node)
{
	struct vms_cursor *c = u->c;
	u64 size = vms_level_size(node->level);
	unsigned int i;
	int ret;

	if (node->level == 1)
		return unmap_small(u, node);
	for (i = vms_index(c->va, node->level); i < VMS_ENTRIES && c->va < u->end; i++) {
		u64 e = READ_ONCE(node->table[i]);
		u64 start = vms_slot_start(c->va, node->level), end = start + size;

		if (vms_entry_empty(e)) {
			c->va = min(end, u->end);
			continue;
		}
		if (cursor_interrupted(c))
			return -EINTR;
		cond_resched();
		if (!vms_entry_table(e, node->level)) {
			/* No leaf straddles an end of the range any more. */
			cursor_make_room(c);
			unmap_leaf(u, node, node->level, i, start);
		} else if (c->va == start && end <= u->end) {
			unmap_table(u, vms_node_of(e));
		} else {
			struct vms_node *child = vms_node_of(e);

			ret = unmap_node(u, child);
			if (unmap_goes(u, child))
				unmap_table(u, child);
			if (ret)
				return ret;
			continue;
		}
		c->va = end;
	}
	return 0;
}

/**
 * vms_cursor_unmap - unmap everything from the position on, and move past it
 * @c:		a mutable cursor
 * @len:	how much, in bytes
 * @how:		how to flush
 * @pages:	receives the number of 4 KiB pages that were unmapped
 *
 * Leaves that straddle an end of the range are split first. Tables that are in
 * the range as a whole go at once. The visible write comes first, then the
 * unlinking of tables that became empty (S66). Frames stay until every CPU has
 * flushed.
 *
 * Context: may sleep. A fatal signal ends it between pages.
 *
 * Return: 0; -EINVAL or -ERANGE for @len; -ENOMEM; -EINTR: the position and
 * @pages say how far it came.
 */
int vms_cursor_unmap(struct vms_cursor *c, u64 len, enum vms_how how, u64 *pages)
{
	struct vms_unmap u = { .c = c, .end = c->va + len };
	u64 start = c->va;
	int ret = cursor_check_len(c, len);
	struct vms_walk w;

	*pages = 0;
	if (ret)
		return ret;
	cursor_begin(c, how);
	step_unmap_start(c, len);
	ret = cursor_split_ends(c, start, u.end, &w);
	if (!ret)
		ret = unmap_node(&u, c->top);
	*pages = u.pages;
	step_unmap_op_end(c);
	if (vms_mutated(VMS_MUTATION_FLUSH_NOTHING) && !u.pages)
		vms_gather_va(&c->gather, start);
	cursor_settle(c);
	return step_unmap_end(c, (struct vms_ended) { start, u.pages, ret, NULL });
}

/* Change a mapping at @va; returns what it was. */
static u64 protect_slot(struct vms_cursor *c, u64 *slot, u64 va, unsigned int level,
			struct vms_change change)
{
	u64 new, old = READ_ONCE(*slot);

	if (vms_mutated(VMS_MUTATION_PROTECT_TWICE)) {
		old = xchg(slot, 0);
		step_write(c, va, level, old, 0);
		new = vms_entry_change(old, change);
		WRITE_ONCE(*slot, new);
		step_write(c, va, level, 0, new);
		vms_gather_va(&c->gather, va);
		return old;
	}
	do {
		/* A CPU may set A or D at any moment; nothing of that is lost. */
		new = vms_entry_change(old, change);
	} while (new != old && !try_cmpxchg(slot, &old, new));
	if (new != old)
		step_write(c, va, level, old, new);
	/* In a STRICT space all CPUs have seen a change when it ends, whatever it was. */
	if ((vms_entry_must_flush(old, new) || c->space->is_strict) &&
	    !vms_mutated(VMS_MUTATION_KEEP_RIGHTS))
		vms_gather_va(&c->gather, va);
	return old;
}

/*
 * Change small leaves side by side, each in one write, of which it does not matter
 * what they were; a locked instruction loses no A or D that a CPU sets.
 */
static void protect_blind(u64 *slots, unsigned int nr, struct vms_change change)
{
	unsigned int i;

	if (!change.add) {
		for (i = 0; i < nr; i++)
			atomic64_and(change.keep, (atomic64_t *)&slots[i]);
	} else {
		for (i = 0; i < nr; i++)
			atomic64_or(change.add, (atomic64_t *)&slots[i]);
	}
}

/* Whether the small leaves that follow can be changed so. */
static bool protect_can_blind(const struct vms_cursor *c, struct vms_change change)
{
	/* One instruction does it, or none. */
	if ((change.add && ~change.keep) || !step_can_run(c, ~change.keep))
		return false;
	/* All is flushed anyway, or rights grow and nothing is. */
	return (c->gather.full && c->gather.fresh) || (change.add && !(change.add & VMS_XD));
}

/*
 * How many mappings stand side by side in one table, from the one that a walk
 * stands on to the last before @end.
 */
static unsigned int run_length(const struct vms_walk *w, u64 end)
{
	const struct vms_node *node = w->path[w->level];
	const u64 *slots = vms_walk_slot(w);
	u64 left = end - vms_slot_start(w->va, w->level);
	unsigned int nr, most = VMS_ENTRIES - vms_index(w->va, w->level);

	most = min_t(u64, most, left >> vms_level_shift(w->level));
	/* A full table of small leaves needs no look. */
	if (node->level == 1 && node->count == VMS_ENTRIES)
		return most;
	for (nr = 1; nr < most && vms_entry_mapping(READ_ONCE(slots[nr]), w->level); nr++)
		;
	return nr;
}

/* Where the last of a number of mappings side by side begins. */
static u64 run_last(const struct vms_walk *w, unsigned int nr)
{
	return vms_slot_start(w->va, w->level) + (nr - 1) * vms_level_size(w->level);
}

/*
 * Change the mappings side by side that a walk stands on the first of; it then
 * stands on the last. Returns the number of 4 KiB pages.
 */
static u64 protect_run(struct vms_cursor *c, struct vms_walk *w, struct vms_change change, u64 end)
{
	u64 va = vms_slot_start(w->va, w->level), size = vms_level_size(w->level);
	unsigned int i, nr = run_length(w, end);
	u64 *slots = vms_walk_slot(w);

	for (i = 0; i < nr; i++, va += size) {
		if (w->level == 1 && protect_can_blind(c, change)) {
			protect_blind(slots + i, nr - i, change);
			step_protect_run(c, va, nr - i);
			break;
		}
		protect_slot(c, slots + i, va, w->level, change);
		/* If one must be flushed of more than can be one by one, all are. */
		if (c->gather.nr_va && nr > vms_param(vms_flush_ceiling))
			c->gather.full = true;
	}
	w->va = run_last(w, nr);
	return nr * (size >> VMS_PAGE_SHIFT);
}

/**
 * vms_cursor_protect_next - change the property of the next mapping
 * @c:		a mutable cursor
 * @len:	how far to look, in bytes
 * @clear:	VMSPACE_PROP_* to clear
 * @set:	VMSPACE_PROP_* to set
 * @how:		how to flush
 * @m:		receives the mapping as it is now, or a hole with an empty entry
 *
 * Moves past the mapping, or by @len if there is none. A leaf that does not
 * fit the range is split, and the first piece is the mapping. A flush follows
 * if rights shrink or A or D are cleared, and in a STRICT space always.
 *
 * Context: may sleep.
 *
 * Return: 0, -EINVAL or -ERANGE for @len, -ENOMEM, -EACCES if the frame may not
 * be written and would be; nothing has changed then.
 */
int vms_cursor_protect_next(struct vms_cursor *c, u64 len, u32 clear, u32 set, enum vms_how how,
			    struct vms_mapping *m)
{
	struct vms_walk w;
	u64 start = c->va, end = c->va + len;
	int ret = cursor_check_len(c, len);

	if (ret)
		return ret;
	if (!cursor_walk_to_mapping(c, &w, end)) {
		cursor_pass(c, len, m);
		return 0;
	}
	if ((set & VMSPACE_PROP_WRITE) && !vms_frame_writable(c->space->frames, w.entry))
		return -EACCES;
	cursor_begin(c, how);
	step_protect_start(c, len, clear, set);
	vms_walk_mapping(&w, m);
	if (m->start < c->va || m->end > end) {
		ret = cursor_split_ends(c, max(m->start, c->va), end, &w);
		if (ret)
			goto end;
	}
	protect_slot(c, vms_walk_slot(&w), vms_slot_start(w.va, w.level), w.level,
		     vms_prop_change(clear, set));
	w.entry = READ_ONCE(*vms_walk_slot(&w));
	vms_walk_mapping(&w, m);
	c->va = m->end;
end:
	step_protect_op_end(c);
	cursor_settle(c);
	return step_protect_end(c, (struct vms_ended) {
		.start = start,
		.pages = ret ? 0 : (m->end - m->start) >> VMS_PAGE_SHIFT,
		.result = ret,
	});
}

static int protect_check_write(struct vms_cursor *c, u64 end)
{
	struct vms_walk w;
	unsigned int i, nr;

	if (!cursor_walk_to_mapping(c, &w, end))
		return 0;
	do {
		const u64 *slots = vms_walk_slot(&w);

		nr = run_length(&w, end);
		for (i = 0; i < nr; i++) {
			u64 e = READ_ONCE(slots[i]);

			if ((e & VMS_TRACKED) && !vms_frame_writable(c->space->frames, e))
				return -EACCES;
		}
		w.va = run_last(&w, nr);
		cond_resched();
	} while (vms_walk_next(&w, c->top, end) && walk_to_mapping(c, &w, end));
	return 0;
}

/**
 * vms_cursor_protect - change the property of everything from the position on
 * @c:		a mutable cursor
 * @len:	how much, in bytes
 * @clear:	VMSPACE_PROP_* to clear
 * @set:	VMSPACE_PROP_* to set
 * @how:		how to flush
 * @pages:	receives the number of 4 KiB pages that are mapped there
 *
 * Moves past all of it. Leaves that straddle an end of the range are split.
 *
 * Context: may sleep. A fatal signal ends it between tables.
 *
 * Return: as vms_cursor_protect_next(); -EINTR: the position and @pages say how
 * far it came.
 */
int vms_cursor_protect(struct vms_cursor *c, u64 len, u32 clear, u32 set, enum vms_how how,
		       u64 *pages)
{
	struct vms_walk w;
	u64 start = c->va, end = c->va + len;
	int ret = cursor_check_len(c, len);
	bool more;

	*pages = 0;
	if (!ret && (set & VMSPACE_PROP_WRITE))
		ret = protect_check_write(c, end);
	if (ret)
		return ret;
	cursor_begin(c, how);
	step_protect_start(c, len, clear, set);
	ret = cursor_split_ends(c, start, end, &w);
	if (ret)
		goto settle;
	more = len && walk_to_mapping(c, &w, end);
	while (more) {
		if (cursor_interrupted(c)) {
			ret = -EINTR;
			end = w.va;
			break;
		}
		*pages += protect_run(c, &w, vms_prop_change(clear, set), end);
		cond_resched();
		more = vms_walk_next(&w, c->top, end) && walk_to_mapping(c, &w, end);
	}
	c->va = end;
settle:
	step_protect_op_end(c);
	cursor_settle(c);
	return step_protect_end(c, (struct vms_ended) { start, *pages, ret, NULL });
}

/**
 * vms_cursor_harvest - before a row of vms_cursor_next() that clear
 * @c:		a mutable cursor
 * @clear:	what they will clear
 * @how:	how vms_cursor_settle() shall flush after them
 */
void vms_cursor_harvest(struct vms_cursor *c, u32 clear, enum vms_how how)
{
	cursor_begin(c, how);
	step_protect_start(c, c->end - c->va, clear, 0);
}

/**
 * vms_cursor_settle - after them
 * @c:		the cursor
 * @start:	where the cursor was before them
 * @pages:	4 KiB pages that they found
 *
 * Return: 0 or -EUCLEAN.
 */
int vms_cursor_settle(struct vms_cursor *c, u64 start, u64 pages)
{
	step_protect_op_end(c);
	cursor_settle(c);
	return step_protect_end(c, (struct vms_ended) { start, pages, 0, NULL });
}

/**
 * vms_cursor_next - take the next mapping of the range
 * @c:		the cursor; mutable if @clear is not 0
 * @clear:	VMSPACE_PROP_ACCESSED or _DIRTY, to clear as it is read
 * @m:		receives the mapping as it was, or a hole with an empty entry
 *
 * Moves past the mapping, or to the end of the range. A mapping that the
 * position is inside of counts. The caller settles what was cleared.
 *
 * Return: 0.
 */
int vms_cursor_next(struct vms_cursor *c, u32 clear, struct vms_mapping *m)
{
	struct vms_walk w;

	if (!cursor_walk_to_mapping(c, &w, c->end)) {
		cursor_pass(c, c->end - c->va, m);
		return 0;
	}
	if (clear)
		w.entry = protect_slot(c, vms_walk_slot(&w), vms_slot_start(w.va, w.level),
				       w.level, vms_prop_change(clear, 0));
	vms_walk_mapping(&w, m);
	c->va = min(m->end, c->end);
	return 0;
}
