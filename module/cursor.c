// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cursor's operations, as walks over the tree.
 *
 * The postconditions are those of Documentation/interface.rst.  Everywhere:
 * the caller holds the cursor's lock, and the cursor owns its covering node,
 * so that nobody else changes what it sees; only the CPUs set A and D behind
 * its back, which is why live entries are exchanged and never plainly written.
 */
#include <linux/err.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include "cursor.h"
#include "lock.h"
#include "memory.h"
#include "space.h"

static void cursor_release(struct vms_object *obj)
{
	struct vms_cursor *c = container_of(obj, struct vms_cursor, obj);

	kfree_rcu(c, obj.rcu);
}

static int cursor_close(struct vms_object *obj)
{
	struct vms_cursor *c = container_of(obj, struct vms_cursor, obj);
	struct vms_flushed flushed;

	vms_cursor_flush(c, &flushed);
	vms_unlock_range(c->top);
	vms_space_unuse(c->space);
	return 0;
}

/**
 * vms_cursor_open - take exclusive access to a range
 * @space:	the space; the caller has a reference
 * @start:	first address
 * @end:	first address after it
 * @mutable:	whether mappings may be changed
 * @nonblock:	do not wait for other cursors
 *
 * Context: may sleep; any signal ends the wait.
 *
 * Return: the cursor, at @start. -EINVAL for a misaligned or empty range,
 * -ERANGE outside the space, -ENOENT if the space is being dropped, -EBUSY,
 * -EINTR, -ENOMEM.
 */
struct vms_cursor *vms_cursor_open(struct vms_space *space, u64 start, u64 end, bool mutable,
				   bool nonblock)
{
	struct vms_cursor *c;
	int ret;

	if (!vms_page_aligned(start) || !vms_page_aligned(end) || start >= end)
		return ERR_PTR(-EINVAL);
	if (end > space->pt.va_end)
		return ERR_PTR(-ERANGE);
	c = kzalloc(sizeof(*c), GFP_KERNEL_ACCOUNT);
	if (!c)
		return ERR_PTR(-ENOMEM);
	/* Keeps the space from being dropped, also while we wait. */
	ret = vms_space_use(space);
	if (ret)
		goto free_cursor;
	c->top = vms_lock_range(&space->pt, start, end, nonblock);
	if (IS_ERR(c->top)) {
		ret = PTR_ERR(c->top);
		goto unuse_space;
	}
	c->space = space;
	c->start = start;
	c->end = end;
	c->va = start;
	c->mutable = mutable;
	vms_gather_init(&c->gather);
	vms_object_init(&c->obj, VMS_CURSOR, cursor_release, cursor_close);
	return c;

unuse_space:
	vms_space_unuse(space);
free_cursor:
	kfree(c);
	return ERR_PTR(ret);
}

/**
 * vms_cursor_flush - flush and release what was deferred
 * @c:	the cursor
 * @flushed:	receives what was done
 */
void vms_cursor_flush(struct vms_cursor *c, struct vms_flushed *flushed)
{
	vms_flush(c->space, &c->gather, flushed);
	atomic64_sub(c->deferred, &c->space->deferred);
	c->deferred = 0;
}

/* The end of an operation that removed or changed something. */
static void cursor_settle(struct vms_cursor *c, bool defer)
{
	struct vms_flushed flushed;

	if (!defer) {
		vms_cursor_flush(c, &flushed);
	} else {
		atomic64_add(c->gather.pages - c->deferred, &c->space->deferred);
		c->deferred = c->gather.pages;
	}
}

static void cursor_make_room(struct vms_cursor *c)
{
	struct vms_flushed flushed;

	if (!vms_gather_room(&c->gather))
		vms_cursor_flush(c, &flushed);
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

/*
 * Go to the first mapping at or after the position and before @end; the walk
 * stands on it. False if there is none.
 */
static bool cursor_walk_to_mapping(struct vms_cursor *c, struct vms_walk *w, u64 end)
{
	unsigned int steps = 0;

	if (c->va >= end)
		return false;
	vms_walk_start(w, c->top, c->va);
	while (vms_entry_empty(w->entry)) {
		if (!vms_walk_next(w, c->top, end))
			return false;
		if (!(++steps % VMS_ENTRIES))
			cond_resched();
	}
	return true;
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
		*m = (struct vms_mapping) { .start = c->va, .end = c->va + len };
		c->va += len;
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
 * vms_cursor_map - map a page at the position, and move past it
 * @c:		a mutable cursor
 * @entry:	a 4 KiB leaf with a reference to its frame, taken over on success
 * @replace:	whether a mapping may stand there
 * @defer:	leave the flush of what was replaced for later
 *
 * All tables that are missing are set aside first, so that on failure not a
 * byte of the table has changed (S33, S60).
 *
 * Context: may sleep.
 *
 * Return: 0, -EEXIST, -ERANGE at the end of the range, -ENOMEM.
 */
int vms_cursor_map(struct vms_cursor *c, u64 entry, bool replace, bool defer)
{
	struct vms_reserve reserve;
	struct vms_walk w;
	u64 old;
	int ret;

	if (c->end - c->va < VMS_PAGE_SIZE)
		return -ERANGE;
	vms_walk_start(&w, c->top, c->va);
	if (!vms_entry_empty(w.entry) && !replace)
		return -EEXIST;
	vms_reserve_init(&reserve);
	ret = vms_reserve_fill(&reserve, &c->space->pt, w.level - 1);
	if (ret)
		return ret;
	cursor_make_room(c);

	/* Directories first, the leaf last: one visible write (S61). */
	while (w.level > 1) {
		struct vms_node *parent = w.path[w.level];

		w.level--;
		w.path[w.level] = vms_node_link(&reserve, parent, vms_index(w.va, w.level + 1));
	}
	VM_WARN_ON_ONCE(entry & VMS_MUST_BE_ZERO);
	/* Collects A and D as the CPUs left them. */
	old = xchg(vms_walk_slot(&w), entry);
	if (vms_entry_empty(old)) {
		w.path[1]->count++;
	} else {
		vms_gather_leaf(&c->gather, old, 1);
		if (vms_entry_present(old))
			vms_gather_va(&c->gather, c->va);
		cursor_settle(c, defer);
	}
	c->va += VMS_PAGE_SIZE;
	return 0;
}

/*
 * Unlink the tables that the removal of a leaf left empty, up to the covering
 * node, which belongs to a parent that the cursor does not own. The walk goes
 * on from the level that remains.
 */
static void cursor_prune(struct vms_cursor *c, struct vms_walk *w)
{
	while (w->level < c->top->level && !w->path[w->level]->count) {
		struct vms_node *node = w->path[w->level++];

		vms_node_unlink(w->path[w->level], vms_index(w->va, w->level), node);
		vms_gather_table(&c->gather, node);
	}
}

/**
 * vms_cursor_unmap - unmap everything from the position on, and move past it
 * @c:		a mutable cursor
 * @len:	how much, in bytes
 * @defer:	leave the flush for later
 * @pages:	receives the number of 4 KiB pages that were unmapped
 *
 * The visible write comes first, then the unlinking of empty tables (S66). The
 * frames stay until every CPU has flushed.
 *
 * Context: may sleep. A fatal signal ends it between pages.
 *
 * Return: 0; -EINVAL or -ERANGE for @len; -EINTR: the position and @pages say
 * how far it came.
 */
int vms_cursor_unmap(struct vms_cursor *c, u64 len, bool defer, u64 *pages)
{
	u64 end = c->va + len;
	struct vms_walk w;
	int ret = cursor_check_len(c, len);

	*pages = 0;
	if (ret)
		return ret;
	while (cursor_walk_to_mapping(c, &w, end)) {
		u64 old;

		c->va = vms_slot_start(w.va, w.level);
		if (fatal_signal_pending(current)) {
			ret = -EINTR;
			break;
		}
		cond_resched();
		cursor_make_room(c);
		old = xchg(vms_walk_slot(&w), 0);
		w.path[w.level]->count--;
		vms_gather_leaf(&c->gather, old, w.level);
		if (vms_entry_present(old))
			vms_gather_va(&c->gather, c->va);
		*pages += vms_level_size(w.level) >> VMS_PAGE_SHIFT;
		c->va += vms_level_size(w.level);
		cursor_prune(c, &w);
	}
	if (!ret)
		c->va = end;
	cursor_settle(c, defer);
	return ret;
}

/**
 * vms_cursor_protect_next - change the property of the next mapping
 * @c:		a mutable cursor
 * @len:	how far to look, in bytes
 * @clear:	VMSPACE_PROP_* to clear
 * @set:	VMSPACE_PROP_* to set
 * @defer:	leave the flush for later
 * @m:		receives the mapping as it is now, or a hole with an empty entry
 *
 * Moves past the mapping, or by @len if there is none. A flush follows if
 * rights shrink or A or D are cleared.
 *
 * Context: may sleep.
 *
 * Return: 0, -EINVAL or -ERANGE for @len, -EACCES if the frame may not be
 * written and would be; nothing has changed then.
 */
int vms_cursor_protect_next(struct vms_cursor *c, u64 len, u32 clear, u32 set, bool defer,
			    struct vms_mapping *m)
{
	struct vms_walk w;
	u64 old, new, *slot;
	int ret = cursor_check_len(c, len);

	if (ret)
		return ret;
	if (!cursor_walk_to_mapping(c, &w, c->va + len)) {
		*m = (struct vms_mapping) { .start = c->va, .end = c->va + len };
		c->va += len;
		return 0;
	}
	if ((set & VMSPACE_PROP_WRITE) && !vms_frame_writable(c->space->frames, w.entry))
		return -EACCES;
	slot = vms_walk_slot(&w);
	old = READ_ONCE(*slot);
	do {
		/* A CPU may set A or D at any moment; nothing of that is lost. */
		new = vms_entry_set_prop(old, (vms_entry_prop(old) & ~clear) | set);
	} while (!try_cmpxchg(slot, &old, new));
	if (vms_entry_must_flush(old, new)) {
		vms_gather_va(&c->gather, vms_slot_start(w.va, w.level));
		cursor_settle(c, defer);
	}
	vms_walk_mapping(&w, m);
	m->entry = new;
	c->va = m->end;
	return 0;
}
