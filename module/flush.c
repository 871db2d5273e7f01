// SPDX-License-Identifier: GPL-2.0-only
/*
 * Gather, send, acknowledge, release.
 *
 * The order is everything here:
 *
 *   change the entries, with an exchange that collects A, D and the frame
 *   full barrier
 *   read the set of CPUs inside and interrupt them
 *   each flushes, and then acknowledges
 *   only when all have: release frames, and table pages after RCU as well
 *
 * A CPU joins the set before it loads the root and leaves it after it has
 * loaded another, so one that is missed cannot have seen the old entries.  The
 * caller keeps its range throughout (S53), but no spinlock, and interrupts are
 * on, so that two who shoot at each other make progress (S75b).
 */
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include "flush.h"
#include "geometry.h"
#include "memory.h"
#include "space.h"
#include "trace.h"

/* Linux's own ceiling is 33. */
unsigned int vms_flush_ceiling = 33;

static int set_ceiling(const char *val, const struct kernel_param *kp)
{
	return param_set_uint_minmax(val, kp, 0, VMS_FLUSH_MAX);
}

static const struct kernel_param_ops ceiling_ops = {
	.set = set_ceiling,
	.get = param_get_uint,
};

module_param_cb(flush_ceiling, &ceiling_ops, &vms_flush_ceiling, 0644);
MODULE_PARM_DESC(flush_ceiling, "flush everything above this many pages (0 to 64)");

unsigned int vms_max_deferred = 32768;
module_param_named(max_deferred, vms_max_deferred, uint, 0444);
MODULE_PARM_DESC(max_deferred, "4 KiB pages removed from a space that one cursor may hold back");

/**
 * struct vms_batch - removed leaves that wait for a flush; one page
 * @link:	in the gather
 * @nr:		how many
 * @leaves:	the entries as they were
 */
struct vms_batch {
	struct list_head link;
	unsigned int nr;
	u64 leaves[(PAGE_SIZE - sizeof(struct list_head) - sizeof(u64)) / sizeof(u64)];
};

/**
 * vms_gather_init - nothing gathered yet
 * @g:	the gather
 */
void vms_gather_init(struct vms_gather *g)
{
	g->nr_va = 0;
	g->full = false;
	g->fresh = false;
	g->nr_leaves = 0;
	g->pages = 0;
	INIT_LIST_HEAD(&g->tables);
	INIT_LIST_HEAD(&g->batches);
}

/**
 * vms_gather_room - make room for one more leaf, before it is removed
 * @g: the gather
 *
 * Context: may sleep.
 *
 * Return: false if there is none, or too much is held back already: flush
 * first, which always makes room.
 */
bool vms_gather_room(struct vms_gather *g)
{
	struct vms_batch *batch;

	if (g->pages >= vms_max_deferred && g->pages)
		return false;
	if (g->nr_leaves < VMS_INLINE)
		return true;
	batch = list_first_entry_or_null(&g->batches, struct vms_batch, link);
	if (batch && batch->nr < ARRAY_SIZE(batch->leaves))
		return true;
	batch = kmalloc(sizeof(*batch), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!batch)
		return false;
	batch->nr = 0;
	list_add(&batch->link, &g->batches);
	return true;
}

/**
 * vms_gather_leaf - hold back the frame of a removed leaf
 * @g:		a gather with room
 * @entry:	the leaf or held entry as it was
 * @level:	its level
 */
void vms_gather_leaf(struct vms_gather *g, u64 entry, unsigned int level)
{
	if (g->nr_leaves < VMS_INLINE) {
		g->leaves[g->nr_leaves++] = entry;
	} else {
		struct vms_batch *batch = list_first_entry(&g->batches, struct vms_batch, link);

		batch->leaves[batch->nr++] = entry;
	}
	g->pages += vms_level_size(level) >> VMS_PAGE_SHIFT;
	g->fresh = true;
}

/**
 * vms_gather_table - hold back an unlinked table with all that is below it
 * @g:		the gather
 * @node:	stray, as are the tables below it
 * @pages:	4 KiB pages that are mapped there; they are held back in place
 *
 * Everything will be flushed: one INVLPG may leave paging-structure caches of
 * other addresses alone (AMD with EFER.TCE).
 */
void vms_gather_table(struct vms_gather *g, struct vms_node *node, u64 pages)
{
	list_add(&node->link, &g->tables);
	g->pages += pages;
	g->full = true;
	g->fresh = true;
}

/**
 * vms_gather_va - have a page flushed
 * @g:	the gather
 * @va:	its address
 */
void vms_gather_va(struct vms_gather *g, u64 va)
{
	g->fresh = true;
	if (g->full)
		return;
	if (g->nr_va >= READ_ONCE(vms_flush_ceiling) || g->nr_va >= VMS_FLUSH_MAX)
		g->full = true;
	else
		g->va[g->nr_va++] = va;
}

/**
 * struct vms_shootdown - one shootdown; on the initiator's stack
 * @space:	whose translations
 * @va:		addresses in the pages to flush
 * @nr_va:	how many
 * @full:	flush everything instead
 * @pages:	4 KiB pages that await it
 * @sent:	CPUs interrupted
 */
struct vms_shootdown {
	struct vms_space *space;
	const u64 *va;
	unsigned int nr_va;
	bool full;
	u64 pages;
	unsigned int sent;
};

/* On the initiator, once per online CPU of the set as it was read. */
static bool shootdown_target(int cpu, void *info)
{
	struct vms_shootdown *s = info;

	if (!cpumask_test_cpu(cpu, s->space->mmu.inside))
		return false;
	atomic64_inc(&per_cpu_ptr(s->space->counters, cpu)->sent);
	s->sent++;
	return true;
}

/* On each target, in the interrupt. */
static void shootdown_ipi(void *info)
{
	struct vms_shootdown *s = info;
	struct vms_counters *counters = this_cpu_ptr(s->space->counters);
	unsigned int i;

	/* Left since it was found in the set, and flushed in doing so? */
	if (vms_mmu_entered(&s->space->mmu)) {
		if (s->full)
			vms_mmu_flush_all(&s->space->mmu);
		else
			for (i = 0; i < s->nr_va; i++)
				vms_mmu_flush_page(s->va[i]);
		counters->flushed++;
	}
	/* Flushed before, acknowledged by the return from here (S69). */
	counters->acked++;
	trace_ack_shootdown_ipi(s->space->number, s->nr_va, s->full);
}

static void shootdown(struct vms_shootdown *s)
{
	struct vms_space *space = s->space;

	/*
	 * The entries were changed before the set is read; pairs with the
	 * barrier in vms_mmu_enter().
	 */
	smp_mb();
	trace_initiate_shootdown(space->number, s->nr_va, s->full, s->pages);
	on_each_cpu_cond_mask(shootdown_target, shootdown_ipi, s, true, space->mmu.inside);
	/* All have acknowledged. */
	if (s->sent)
		atomic64_inc(&space->shootdowns);
	trace_end_shootdown(space->number, s->sent);
}

/**
 * vms_flush_page - flush one page everywhere, now
 * @space:	the space
 * @va:		an address in it; whatever the size of the page, or of the pages
 *		that CPUs took it for, nothing of them is left
 *
 * Context: as vms_flush(). What is gathered elsewhere is not touched.
 */
void vms_flush_page(struct vms_space *space, u64 va)
{
	struct vms_shootdown s = { .space = space, .va = &va, .nr_va = 1 };

	shootdown(&s);
}

static void release_leaves(struct vms_space *space, const u64 *leaves, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		vms_frame_put(space->frames, leaves[i]);
	cond_resched();
}

/*
 * Release a table with all that is below it; at most four levels deep. The
 * entries stay as they are for the walkers under RCU.
 */
static unsigned int release_tables(struct vms_space *space, struct vms_node *node)
{
	unsigned int i, tables = 1;

	for (i = 0; i < VMS_ENTRIES && node->count; i++) {
		u64 e = node->table[i];

		if (vms_entry_empty(e))
			continue;
		node->count--;
		if (vms_entry_table(e, node->level))
			tables += release_tables(space, vms_node_of(e));
		else
			vms_frame_put(space->frames, e);
	}
	vms_node_free_rcu(&space->pt, node);
	cond_resched();
	return tables;
}

/**
 * vms_flush - flush what was gathered, everywhere, and release it
 * @space:	the space
 * @g:		the gather; empty afterwards
 * @flushed:	receives what was done
 *
 * Context: may sleep; interrupts on, no spinlock held. The caller owns the
 * ranges that were gathered from.
 */
void vms_flush(struct vms_space *space, struct vms_gather *g, struct vms_flushed *flushed)
{
	struct vms_batch *batch, *next_batch;
	struct vms_node *node, *next_node;

	flushed->pages = g->pages;
	flushed->tables = 0;
	flushed->cpus = 0;
	if (g->nr_va || g->full) {
		struct vms_shootdown s = {
			.space = space,
			.va = g->va,
			.nr_va = g->nr_va,
			.full = g->full,
			.pages = g->pages,
		};

		shootdown(&s);
		flushed->cpus = s.sent;
	}

	release_leaves(space, g->leaves, g->nr_leaves);
	list_for_each_entry_safe(batch, next_batch, &g->batches, link) {
		release_leaves(space, batch->leaves, batch->nr);
		kfree(batch);
	}
	list_for_each_entry_safe(node, next_node, &g->tables, link)
		flushed->tables += release_tables(space, node);
	vms_gather_init(g);
}
