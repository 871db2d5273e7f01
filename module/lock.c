// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who owns which part of the tree.
 *
 * A cursor owns its covering node, the lowest table whose range holds the
 * cursor's, and every table below it that meets the range.  Ranges that do not
 * share a table are owned independently: an open walks down under RCU, and
 * writes nothing above its covering node.
 *
 * Ownership lasts from the open to the drop, across system calls, and may be
 * given up by another thread than the one that took it.  So it is not a mutex,
 * which has an owner task, but a flag in the node and a list of waiters, who are
 * served in order.  Handing the flag on to one who sleeps would leave the range idle
 * until it runs; so the first is woken, and whoever runs may take the node meanwhile.
 * If the first comes too late, the node is handed to it when it is given up next.
 *
 * Order: a covering node is waited for with nothing owned, then the tables
 * below it from top to bottom and from low to high addresses.  Upwards nodes are
 * only tried.  So nobody waits in a circle, as long as a thread waits for one
 * cursor at a time; one that does not can be interrupted.
 *
 * Stray nodes: only the owner of a table takes a child out of it, and only a
 * child that it owns as well, or that nobody owns and that is empty.  A child
 * that is taken out is stray for good; those who wait for it start again.
 *
 * Empty tables: below its covering node a cursor takes them out at once.  The
 * covering node itself belongs to a parent that the cursor does not own: when
 * it is given up, empty, the parent is tried, and if another owns it, that one
 * is told (@sweep) to look for empty children before it gives the parent up.
 */
#include <linux/err.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include "flush.h"
#include "lock.h"
#include "table.h"

enum waiter_state { WAITING, GRANTED, STALE };

/**
 * struct vms_waiter - one who waits for a node; on the waiter's stack
 * @link:	in the node's list, while it is waiting
 * @task:	to wake
 * @state:	changed once, under the node's lock, by whoever removes it
 * @called:	it is the first, and was woken to take the node; under the node's lock
 * @next:	it came too late: the node will be handed to it; under the node's lock
 */
struct vms_waiter {
	struct list_head link;
	struct task_struct *task;
	enum waiter_state state;
	bool called;
	bool next;
};

/* Under the node's lock. The waiter is on a stack that may be gone afterwards. */
static struct task_struct *waiter_end(struct vms_waiter *w, enum waiter_state state)
{
	struct task_struct *task = get_task_struct(w->task);

	list_del(&w->link);
	/* Pairs with node_wait(): what the last owner wrote is seen. */
	smp_store_release(&w->state, state);
	return task;
}

static void waiter_wake(struct task_struct *task)
{
	wake_up_process(task);
	put_task_struct(task);
}

/*
 * One who waits has a look, as it was called or interrupted. A node is freed after it
 * went stray and an RCU grace period: one that is still WAITING within an RCU
 * read-side critical section has a node.
 */
static int waiter_look(struct vms_node *node, struct vms_waiter *w, bool interrupted)
{
	int ret = 0;

	rcu_read_lock();
	if (READ_ONCE(w->state) != WAITING)
		goto out;
	spin_lock(&node->lock);
	if (w->state != WAITING)
		goto unlock;
	if (!node->owned && list_first_entry(&node->waiters, struct vms_waiter, link) == w) {
		node->owned = true;
		list_del(&w->link);
		w->state = GRANTED;
	} else if (interrupted) {
		list_del(&w->link);
		ret = -EINTR;
	} else {
		w->next = true;
	}
unlock:
	spin_unlock(&node->lock);
out:
	rcu_read_unlock();
	return ret;
}

/* Who is the next waits awake as long as it would take to sleep and be woken. */
#define SPINS	1000

static void waiter_spin(const struct vms_waiter *w)
{
	unsigned int i;

	for (i = 0; i < SPINS && READ_ONCE(w->state) == WAITING && !need_resched(); i++)
		cpu_relax();
}

static int node_wait(struct vms_node *node, struct vms_waiter *w)
{
	for (;;) {
		bool interrupted = signal_pending(current);

		set_current_state(TASK_INTERRUPTIBLE);
		/* Pairs with waiter_end(). */
		if (smp_load_acquire(&w->state) != WAITING)
			break;
		if (!interrupted && (w->next || !READ_ONCE(w->called))) {
			schedule();
			continue;
		}
		__set_current_state(TASK_RUNNING);
		if (waiter_look(node, w, interrupted))
			return -EINTR;
		waiter_spin(w);
	}
	__set_current_state(TASK_RUNNING);
	return w->state == GRANTED ? 0 : -ESTALE;
}

/*
 * Own a node. Called in an RCU read-side critical section that keeps the node,
 * and ends it. -ESTALE if the node is stray.
 */
static int node_lock_rcu(struct vms_node *node, bool nonblock)
	__releases(RCU)
{
	struct vms_waiter w = { .task = current, .state = WAITING };
	int ret = 0;

	spin_lock(&node->lock);
	if (node->stray) {
		ret = -ESTALE;
	} else if (!node->owned) {
		node->owned = true;
	} else if (nonblock) {
		ret = -EBUSY;
	} else {
		list_add_tail(&w.link, &node->waiters);
		spin_unlock(&node->lock);
		rcu_read_unlock();
		return node_wait(node, &w);
	}
	spin_unlock(&node->lock);
	rcu_read_unlock();
	return ret;
}

/**
 * vms_node_disown - what is left of the ownership of a node taken out
 * @node: its owner, who owns the parent as well, has cleared the parent's entry
 *
 * The node is stray from now on, and those who wait for it start again.
 */
void vms_node_disown(struct vms_node *node)
{
	struct vms_waiter *w;

	spin_lock(&node->lock);
	node->stray = true;
	while ((w = list_first_entry_or_null(&node->waiters, struct vms_waiter, link)))
		waiter_wake(waiter_end(w, STALE));
	spin_unlock(&node->lock);
}

static bool node_try_lock(struct vms_node *node)
{
	bool taken;

	spin_lock(&node->lock);
	taken = !node->owned;
	node->owned = true;
	spin_unlock(&node->lock);
	return taken;
}

/* Take an empty table out. The caller owns it and its parent. */
static void node_take_out(struct vms_node *node, const struct vms_unlock *u)
{
	u64 old = vms_node_unlink(node, 0);

	u->wrote(u, vms_node_va(node), node->level + 1, old, 0);
	vms_node_disown(node);
	vms_gather_table(u->g, node, 0);
}

static struct vms_node *node_child(const struct vms_node *node, unsigned int index)
{
	u64 e = READ_ONCE(node->table[index]);

	return vms_entry_table(e, node->level) ? vms_node_of(e) : NULL;
}

/* Take out the empty children, that nobody owns, of a node that the caller owns. */
static void node_sweep(struct vms_node *node, const struct vms_unlock *u)
{
	/* The upper half of the root is the kernel's own. */
	unsigned int i, end = node->parent ? VMS_ENTRIES : VMS_ENTRIES / 2;

	for (i = 0; i < end && node->count; i++) {
		struct vms_node *child = node_child(node, i);
		bool take;

		if (!child)
			continue;
		spin_lock(&child->lock);
		/* While nobody owns it nobody changes its count. Who waits will look. */
		take = !child->owned && !child->count && list_empty(&child->waiters);
		if (take)
			child->owned = true;
		spin_unlock(&child->lock);
		if (take)
			node_take_out(child, u);
	}
}

/* What the owner of a node has to do before or after it gave the node up. */
enum release { DONE, SWEEP_NODE, SWEEP_PARENT };

/* Give a node up that is waited for. Returns whom to wake, if anyone. */
static struct task_struct *node_pass(struct vms_node *node, struct vms_waiter *first)
{
	if (first->next)
		return waiter_end(first, GRANTED);
	node->owned = false;
	if (first->called)
		return NULL;
	WRITE_ONCE(first->called, true);
	return get_task_struct(first->task);
}

static enum release node_unlock(struct vms_node *node)
{
	struct vms_node *parent = node->parent;
	struct task_struct *task = NULL;
	enum release next = DONE;
	struct vms_waiter *w;
	bool empty;

	/* Unowned, the node may be taken out at once; its parent stays that long. */
	rcu_read_lock();
	spin_lock(&node->lock);
	w = list_first_entry_or_null(&node->waiters, struct vms_waiter, link);
	if (w) {
		/* With the duties to sweep and to take it out, if there are any. */
		task = node_pass(node, w);
		spin_unlock(&node->lock);
		goto out;
	}
	if (node->sweep) {
		node->sweep = false;
		spin_unlock(&node->lock);
		next = SWEEP_NODE;
		goto out;
	}
	empty = !node->count && parent;
	node->owned = false;
	spin_unlock(&node->lock);
	if (!empty)
		goto out;

	spin_lock(&parent->lock);
	if (parent->owned) {
		parent->sweep = true;
	} else {
		parent->owned = true;
		next = SWEEP_PARENT;
	}
	spin_unlock(&parent->lock);
out:
	rcu_read_unlock();
	if (task)
		waiter_wake(task);
	return next;
}

/*
 * Give a node up, and with it the tables that are empty, as far up as nobody
 * else owns them. All is flushed before a parent is given up: an access through
 * a table that is linked there next must not fault because of a structure cache.
 */
static void node_release(struct vms_node *node, const struct vms_unlock *u)
{
	struct vms_node *parent;
	enum release next;

	do {
		parent = node->parent;
		while (parent && !node->count && list_empty(&node->waiters) &&
		       node_try_lock(parent)) {
			node_take_out(node, u);
			node = parent;
			parent = node->parent;
		}
		u->flush(u);
		next = node_unlock(node);
		if (next == SWEEP_PARENT)
			node = parent;
		if (next != DONE)
			node_sweep(node, u);
	} while (next != DONE);
}

/* The entries of @node that meet [start, last]. */
static void node_span(const struct vms_node *node, u64 base, u64 start, u64 last,
		      unsigned int *first_index, unsigned int *last_index)
{
	u64 end = base + vms_level_size(node->level) * VMS_ENTRIES - 1;

	*first_index = vms_index(max(start, base), node->level);
	*last_index = vms_index(min(last, end), node->level);
}

static u64 child_base(const struct vms_node *node, u64 base, unsigned int index)
{
	return base + index * vms_level_size(node->level);
}

/* Give up what is owned below @node, up to @last; from bottom to top. */
static void unlock_below(struct vms_node *node, u64 base, u64 start, u64 last,
			 const struct vms_unlock *u)
{
	unsigned int i, end;

	if (node->level == 1)
		return;
	node_span(node, base, start, last, &i, &end);
	for (; i <= end; i++) {
		struct vms_node *child = node_child(node, i);

		if (!child)
			continue;
		cond_resched();
		unlock_below(child, child_base(node, base, i), start, last, u);
		node_release(child, u);
	}
}

/*
 * Own every table below @node that meets the range, in pre-order. They stay
 * where they are, as their parents are owned. On failure none is owned.
 */
static int lock_below(struct vms_node *node, u64 base, u64 start, u64 last, bool nonblock,
		      const struct vms_unlock *u)
{
	unsigned int i, first, end;
	int ret;

	if (node->level == 1)
		return 0;
	node_span(node, base, start, last, &first, &end);
	for (i = first; i <= end; i++) {
		struct vms_node *child = node_child(node, i);
		u64 below = child_base(node, base, i);

		if (!child)
			continue;
		cond_resched();
		rcu_read_lock();
		ret = node_lock_rcu(child, nonblock);
		if (ret)
			goto unlock;
		ret = lock_below(child, below, start, last, nonblock, u);
		if (ret) {
			node_release(child, u);
			goto unlock;
		}
	}
	return 0;
unlock:
	if (i > first)
		unlock_below(node, base, start, child_base(node, base, i) - 1, u);
	return ret;
}

/* Whether the range needs a table below this one to cover it. */
static bool covered_lower(const struct vms_node *node, u64 start, u64 last, unsigned int level)
{
	return node->level > level &&
	       vms_index(start, node->level) == vms_index(last, node->level);
}

/*
 * Own the lowest existing table that covers the range, with the wish to place
 * leaves of @level.
 */
static struct vms_node *lock_lowest(struct vms_pt *pt, u64 start, u64 last, unsigned int level,
				    bool nonblock)
{
	struct vms_node *node, *child;
	int ret;

	do {
		rcu_read_lock();
		node = pt->root;
		while (covered_lower(node, start, last, level)) {
			child = node_child(node, vms_index(start, node->level));
			if (!child)
				break;
			node = child;
		}
		ret = node_lock_rcu(node, nonblock);
	} while (ret == -ESTALE);
	return ret ? ERR_PTR(ret) : node;
}

/**
 * vms_lock_range - own a range of a page table
 * @pt:		the page table
 * @start:	first address
 * @end:	first address after it
 * @level:	of the largest leaves that will be placed, 1 to 3
 * @nonblock:	do not wait
 * @u:		how to flush, and who to tell
 *
 * Makes the tables down to the covering node. That is the lowest table that
 * covers the range, but none below @level: a range of exactly one entry of an
 * upper table, in which one large leaf is to be placed, owns that upper table
 * and so excludes all its neighbours there.
 *
 * Context: may sleep; any signal ends the wait.
 *
 * Return: the covering node, for vms_unlock_range(), or -EBUSY if others own
 * a part of it and @nonblock is set, -EINTR, -ENOMEM.
 */
struct vms_node *vms_lock_range(struct vms_pt *pt, u64 start, u64 end, unsigned int level,
				bool nonblock, const struct vms_unlock *u)
{
	struct vms_reserve reserve;
	struct vms_node *node, *child;
	u64 last = end - 1;
	unsigned int index;
	int ret;

retry:
	node = lock_lowest(pt, start, last, level, nonblock);
	if (IS_ERR(node))
		return node;
	/* What is missing below is made owned, from top to bottom. */
	while (covered_lower(node, start, last, level)) {
		index = vms_index(start, node->level);
		if (node_child(node, index)) {
			/* Someone was quicker, before this node was ours. */
			node_release(node, u);
			goto retry;
		}
		/* In the middle of a large leaf there is nothing lower. */
		if (!vms_entry_empty(node->table[index]))
			break;
		vms_reserve_init(&reserve);
		ret = vms_reserve_fill(&reserve, pt, 1);
		if (ret)
			goto release;
		child = vms_node_link(&reserve, node, index);
		u->wrote(u, vms_slot_start(start, node->level), node->level, 0,
			 node->table[index]);
		node_release(node, u);
		node = child;
	}
	ret = lock_below(node, vms_node_base(node, start), start, last, nonblock, u);
	if (ret)
		goto release;
	return node;
release:
	node_release(node, u);
	return ERR_PTR(ret);
}

/**
 * vms_unlock_range - give a range up
 * @top:	its covering node
 * @start:	first address
 * @end:	first address after it
 * @u:		how to flush, and who to tell
 *
 * Context: any task, not only the one that locked it; may sleep.
 */
void vms_unlock_range(struct vms_node *top, u64 start, u64 end, const struct vms_unlock *u)
{
	unlock_below(top, vms_node_base(top, start), start, end - 1, u);
	node_release(top, u);
}
