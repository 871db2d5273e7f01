// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who owns which part of the tree.
 *
 * A cursor owns its range from the open to the drop, across system calls, and
 * may be dropped by another thread than the one that opened it.  So ownership
 * is not a mutex, which has an owner task, but a flag on the covering node and
 * a list of waiters, to the first of which the flag is handed on directly:
 * they are served in order, and nobody who comes later barges in.
 *
 * The covering node of every range is the root for now: cursors on one page
 * table exclude each other, whether their ranges overlap or not.
 */
#include <linux/err.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include "lock.h"
#include "table.h"

/**
 * struct vms_waiter - one who waits for a node; on the waiter's stack
 * @link:	in the node's list
 * @task:	to wake
 * @granted:	the node was handed over
 */
struct vms_waiter {
	struct list_head link;
	struct task_struct *task;
	bool granted;
};

static int node_wait(struct vms_node *node, struct vms_waiter *w)
{
	int ret = 0;

	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		/* Pairs with node_unlock(): what the last owner wrote is seen. */
		if (smp_load_acquire(&w->granted))
			break;
		if (signal_pending(current)) {
			spin_lock(&node->lock);
			if (!w->granted) {
				list_del(&w->link);
				ret = -EINTR;
			}
			spin_unlock(&node->lock);
			break;
		}
		schedule();
	}
	__set_current_state(TASK_RUNNING);
	return ret;
}

static int node_lock(struct vms_node *node, bool nonblock)
{
	struct vms_waiter w = { .task = current };

	spin_lock(&node->lock);
	if (!node->owned) {
		node->owned = true;
		spin_unlock(&node->lock);
		return 0;
	}
	if (nonblock) {
		spin_unlock(&node->lock);
		return -EBUSY;
	}
	list_add_tail(&w.link, &node->waiters);
	spin_unlock(&node->lock);
	return node_wait(node, &w);
}

static void node_unlock(struct vms_node *node)
{
	struct task_struct *task = NULL;
	struct vms_waiter *w;

	spin_lock(&node->lock);
	w = list_first_entry_or_null(&node->waiters, struct vms_waiter, link);
	if (w) {
		list_del(&w->link);
		/* @w is on the waiter's stack, and gone once it is granted. */
		task = get_task_struct(w->task);
		/* Pairs with node_wait(). */
		smp_store_release(&w->granted, true);
	} else {
		node->owned = false;
	}
	spin_unlock(&node->lock);
	if (task) {
		wake_up_process(task);
		put_task_struct(task);
	}
}

/**
 * vms_lock_range - own a range of a page table
 * @pt:		the page table
 * @start:	first address
 * @end:	first address after it
 * @nonblock:	do not wait
 *
 * Context: may sleep; any signal ends the wait.
 *
 * Return: the covering node, for vms_unlock_range(), or -EBUSY if another owns
 * it and @nonblock is set, -EINTR.
 */
struct vms_node *vms_lock_range(struct vms_pt *pt, u64 start, u64 end, bool nonblock)
{
	int ret = node_lock(pt->root, nonblock);

	return ret ? ERR_PTR(ret) : pt->root;
}

/**
 * vms_unlock_range - give a range up
 * @top: its covering node
 *
 * Context: any task, not only the one that locked it.
 */
void vms_unlock_range(struct vms_node *top)
{
	node_unlock(top);
}
