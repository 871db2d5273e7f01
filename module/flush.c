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
#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/timekeeping.h>
#include "flush.h"
#include "geometry.h"
#include "memory.h"
#include "mutation.h"
#include "param.h"
#include "space.h"
#include "step.h"

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

static unsigned int max_quarantine = 1 << 20;
module_param(max_quarantine, uint, 0644);
MODULE_PARM_DESC(max_quarantine, "4 KiB pages that a LAB space may have removed without a flush");

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

static void gather_empty(struct vms_gather *g)
{
	g->nr_va = 0;
	g->full = false;
	g->held = false;
	g->fresh = false;
	g->nr_leaves = 0;
	g->nr = &g->nr_leaves;
	g->to = g->leaves;
	g->room = VMS_INLINE;
	g->pages = 0;
	INIT_LIST_HEAD(&g->tables);
	INIT_LIST_HEAD(&g->batches);
}

/**
 * vms_gather_init - nothing gathered yet, and every CPU to be flushed
 * @g:	the gather
 */
void vms_gather_init(struct vms_gather *g)
{
	gather_empty(g);
	g->how = VMS_NOW;
}

/* A page more, for leaves. */
static bool gather_extend(struct vms_gather *g)
{
	struct vms_batch *batch = kmalloc(sizeof(*batch), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);

	if (!batch)
		return false;
	batch->nr = 0;
	list_add(&batch->link, &g->batches);
	g->nr = &batch->nr;
	g->to = batch->leaves;
	g->room = ARRAY_SIZE(batch->leaves);
	return true;
}

/**
 * vms_gather_room - make room for a leaf, before it is removed
 * @g: the gather
 *
 * Context: may sleep.
 *
 * Return: for how many small ones there is room; 0 if there is none, or too much
 * is held back already: flush first, which always makes room.
 */
unsigned int vms_gather_room(struct vms_gather *g)
{
	u64 most = g->pages < vms_max_deferred ? vms_max_deferred - g->pages : !g->pages;

	if (most && !g->room && !gather_extend(g))
		return 0;
	return min_t(u64, g->room, most);
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
	g->fresh = true;
	if (vms_mutated(VMS_MUTATION_ONE_PIECE))
		vms_gather_va(g, vms_node_va(node));
	else if (!vms_mutated(VMS_MUTATION_KEEP_TABLE))
		g->full = true;
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
	if (g->nr_va >= vms_param(vms_flush_ceiling) || g->nr_va >= VMS_FLUSH_MAX)
		g->full = true;
	else
		g->va[g->nr_va++] = va;
}

/* What a shootdown is for, as in the specification (spec/monitor.h). */
enum vms_scope { VMS_SCOPE_GATHERED, VMS_SCOPE_PAGE, VMS_SCOPE_PARTIAL };

/**
 * struct vms_shootdown - one shootdown; on the initiator's stack
 * @space:	whose translations
 * @op:		number of the cursor, in traces
 * @only:	CPUs that are not left out, or NULL
 * @va:		addresses in the pages to flush
 * @nr_va:	how many
 * @full:	flush everything instead
 * @scope:	what it is for
 * @acks:	by CPU, what each did, in a CHECKED space; or NULL
 * @sent:	CPUs interrupted
 * @sent_at:	when the interrupts were sent
 */
struct vms_shootdown {
	struct vms_space *space;
	u64 op;
	const struct cpumask *only;
	const u64 *va;
	unsigned int nr_va;
	bool full;
	enum vms_scope scope;
	struct vms_ack *acks;
	unsigned int sent;
	u64 sent_at;
};

#ifdef VMS_MUTATIONS
unsigned int vms_mutation;
module_param_named(mutation, vms_mutation, uint, 0600);
MODULE_PARM_DESC(mutation, "number of a mistake to make; see module/mutation.h");
#endif

/* On the initiator, once per online CPU of the set as it was read. */
static bool shootdown_target(int cpu, void *info)
{
	struct vms_shootdown *s = info;

	if (!cpumask_test_cpu(cpu, s->space->mmu.inside))
		return false;
	if (s->only && !cpumask_test_cpu(cpu, s->only))
		return false;
	if (vms_mutated(VMS_MUTATION_SKIP_REMOTE) ||
	    (vms_mutated(VMS_MUTATION_SKIP_ONE) && !s->sent++))
		return false;
	atomic64_inc(&per_cpu_ptr(s->space->counters, cpu)->sent);
	s->sent++;
	return true;
}

static u64 flushed_va(const struct vms_shootdown *s, unsigned int i)
{
	return s->va[i] + (vms_mutated(VMS_MUTATION_WRONG_PAGE) ? VMS_PAGE_SIZE : 0);
}

static void flush_here(const struct vms_shootdown *s)
{
	struct vms_counters *counters = this_cpu_ptr(s->space->counters);
	unsigned int i;

	if (s->full) {
		vms_mmu_flush_all(&s->space->mmu);
		vms_count(&counters->full, 1);
	} else {
		for (i = 0; i < s->nr_va; i++)
			vms_mmu_flush_page(flushed_va(s, i));
		vms_count(&counters->pages, s->nr_va);
	}
	vms_count(&counters->flushed, 1);
}

/* @at: before the flush. */
static void step_ack_shootdown_ipi(const struct vms_shootdown *s, bool flushed, u64 at)
{
	struct vms_ack ack = {
		.acked = true,
		.flushed = {
			.full = flushed && s->full,
			.nr = flushed && !s->full ? s->nr_va : 0,
			.at = at,
		},
	};
	struct spec_ack *f = &ack.flushed;

	if (f->nr)
		f->first = flushed_va(s, 0);
	trace_ack_shootdown_ipi(s->space->number, s->op, f->nr, f->first, f->full);
	if (!s->acks)
		return;
	if (vms_mmu_entered(&s->space->mmu))
		vms_audit_probe(s->space, s->va, s->full ? 0 : s->nr_va, &ack);
	s->acks[smp_processor_id()] = ack;
}

/* On each target, in the interrupt. */
static void shootdown_ipi(void *info)
{
	struct vms_shootdown *s = info;
	struct vms_counters *counters = this_cpu_ptr(s->space->counters);
	u64 at = s->acks ? vms_audit_now(s->space) : 0;
	bool flush;

	vms_histogram_add(&counters->times[VMSPACE_TIME_ENTERED],
			  ktime_get_mono_fast_ns() - s->sent_at);
	/* Left since it was found in the set, and flushed in doing so? */
	flush = vms_mmu_entered(&s->space->mmu) && !vms_mutated(VMS_MUTATION_ACK_FIRST);
	if (flush) {
		flush_here(s);
		vms_histogram_add(&counters->times[VMSPACE_TIME_FLUSHED],
				  ktime_get_mono_fast_ns() - s->sent_at);
	}
	/* Flushed before, acknowledged by the return from here (S69). */
	vms_count(&counters->acked, 1);
	step_ack_shootdown_ipi(s, flush, at);
}

/* The numbers of the CPU that sent; it may have changed since, and be interrupted. */
static void count_initiated(const struct vms_shootdown *s)
{
	struct vms_counters *counters = get_cpu_ptr(s->space->counters);
	unsigned long flags;

	local_irq_save(flags);
	vms_count(&counters->initiated, 1);
	vms_histogram_add(&counters->times[VMSPACE_TIME_ACKED],
			  ktime_get_mono_fast_ns() - s->sent_at);
	local_irq_restore(flags);
	put_cpu_ptr(s->space->counters);
}

static void step_initiate_shootdown(struct vms_shootdown *s)
{
	unsigned int i;

	if (trace_shootdown_page_enabled() && !s->full)
		for (i = 0; i < s->nr_va; i++)
			trace_shootdown_page(s->space->number, s->op, s->va[i]);
	if (s->only)
		s->scope = VMS_SCOPE_PARTIAL;
	trace_initiate_shootdown(s->space->number, s->op, s->full ? 0 : s->nr_va, s->full,
				 s->scope);
	if (!step_checked(s->space))
		return;
	s->acks = vms_audit_begin_acks(s->space);
	vms_audit_initiate(s->space, s->op, s->va, s->nr_va, s->full, s->scope);
}

static void step_end_shootdown(const struct vms_shootdown *s)
{
	trace_end_shootdown(s->space->number, s->op, s->sent, step_ended(s->space));
	if (step_checked(s->space))
		vms_audit_end_shootdown(s->space, s->op, s->acks);
}

static void shootdown(struct vms_shootdown *s)
{
	struct vms_space *space = s->space;

	step_initiate_shootdown(s);
	/*
	 * The entries were changed before the set is read; pairs with the
	 * barrier in vms_mmu_enter().
	 */
	smp_mb();
	/*
	 * Most often nobody is inside, and that is all. The set changes while it is
	 * read, and no harm is done: who joins finds the new entries, who leaves has
	 * flushed.
	 */
	if (!data_race(cpumask_empty(space->mmu.inside))) {
		s->sent_at = ktime_get_mono_fast_ns();
		kcsan_disable_current();
		on_each_cpu_cond_mask(shootdown_target, shootdown_ipi, s, true,
				      space->mmu.inside);
		kcsan_enable_current();
	}
	/* All have acknowledged. */
	if (s->sent) {
		count_initiated(s);
		atomic64_inc(&space->shootdowns);
	}
	step_end_shootdown(s);
}

/* A shootdown of the CPUs that a gather is for. */
static void gather_shootdown(struct vms_gather *g, struct vms_shootdown *s)
{
	switch (g->how) {
	case VMS_NONE:
		return;
	case VMS_LOCAL:
		s->only = cpumask_of(raw_smp_processor_id());
		break;
	case VMS_TARGETS:
		/* Nobody was chosen yet. */
		if (!cpumask_available(g->targets))
			return;
		s->only = g->targets;
		break;
	default:
		break;
	}
	shootdown(s);
}

/**
 * vms_flush_page - flush one page, now
 * @space:	the space
 * @g:		says how; what it holds is not touched
 * @va:		an address in it; whatever the size of the page, or of the pages
 *		that CPUs took it for, nothing of them is left
 *
 * In a LAB space CPUs may have been left out: that is to be settled with the next
 * flush of the gather, even if there is nothing else in it.
 *
 * Context: as vms_flush().
 */
void vms_flush_page(struct vms_space *space, struct vms_gather *g, u64 va)
{
	struct vms_shootdown s = {
		.space = space,
		.op = g->op,
		.va = &va,
		.nr_va = 1,
		.scope = VMS_SCOPE_PAGE,
	};

	gather_shootdown(g, &s);
	g->fresh |= vms_how_lab(g->how);
}

static void release_leaves(struct vms_space *space, const u64 *leaves, unsigned int nr)
{
	vms_frames_drop(space->frames, leaves, nr);
	cond_resched();
}

static void release_batches(struct vms_space *space, struct list_head *batches)
{
	struct vms_batch *batch, *next;

	list_for_each_entry_safe(batch, next, batches, link) {
		release_leaves(space, batch->leaves, batch->nr);
		kfree(batch);
	}
}

/*
 * Release a table with all that is below it; at most four levels deep. The
 * entries stay as they are for the walkers under RCU.
 */
static unsigned int release_table(struct vms_space *space, struct vms_node *node)
{
	unsigned int i, tables = 1;

	if (node->level == 1) {
		vms_frames_drop(space->frames, node->table, node->count);
		node->count = 0;
	}
	for (i = 0; i < VMS_ENTRIES && node->count; i++) {
		u64 e = node->table[i];

		if (vms_entry_empty(e))
			continue;
		node->count--;
		if (vms_entry_table(e, node->level))
			tables += release_table(space, vms_node_of(e));
		else
			vms_frame_put(space->frames, e);
	}
	vms_node_free_rcu(&space->pt, node);
	cond_resched();
	return tables;
}

static unsigned int release_tables(struct vms_space *space, struct list_head *tables)
{
	struct vms_node *node, *next;
	unsigned int nr = 0;

	list_for_each_entry_safe(node, next, tables, link)
		nr += release_table(space, node);
	return nr;
}

static unsigned int list_count(const struct list_head *list)
{
	const struct list_head *link;
	unsigned int nr = 0;

	list_for_each(link, list)
		nr++;
	return nr;
}

/* All that a gather held; returns the number of table pages. */
static unsigned int gather_release(struct vms_space *space, struct vms_gather *g)
{
	if (step_checked(space))
		vms_audit_release(space, g->op);
	if (trace_release_enabled() && (g->pages || !list_empty(&g->tables)))
		trace_release(space->number, g->op, g->pages, list_count(&g->tables));
	release_leaves(space, g->leaves, g->nr_leaves);
	release_batches(space, &g->batches);
	return release_tables(space, &g->tables);
}

/* The leaves that a gather holds without memory of its own, into such memory. */
static bool gather_spill(struct vms_gather *g)
{
	struct vms_batch *batch;

	if (!g->nr_leaves)
		return true;
	batch = kmalloc(sizeof(*batch), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!batch)
		return false;
	batch->nr = g->nr_leaves;
	memcpy(batch->leaves, g->leaves, g->nr_leaves * sizeof(*g->leaves));
	list_add(&batch->link, &g->batches);
	g->nr_leaves = 0;
	return true;
}

/**
 * vms_quarantine_init - nothing quarantined yet
 * @q:	the quarantine
 */
void vms_quarantine_init(struct vms_quarantine *q)
{
	spin_lock_init(&q->lock);
	INIT_LIST_HEAD(&q->tables);
	INIT_LIST_HEAD(&q->batches);
}

/**
 * vms_quarantine_full - whether nothing more should be removed without a flush
 * @q:	the quarantine
 */
bool vms_quarantine_full(struct vms_quarantine *q)
{
	return READ_ONCE(q->pages) >= vms_param(max_quarantine);
}

/**
 * vms_quarantine_release - release all of it
 * @space: no CPU has had its root since it last flushed
 */
void vms_quarantine_release(struct vms_space *space)
{
	struct vms_quarantine *q = &space->quarantine;

	release_batches(space, &q->batches);
	release_tables(space, &q->tables);
}

/*
 * What CPUs may go on translating to is kept until none of them can have the
 * root. Returns whether there was memory for it.
 */
static bool quarantine(struct vms_space *space, struct vms_gather *g)
{
	struct vms_quarantine *q = &space->quarantine;

	if (!gather_spill(g))
		return false;
	spin_lock(&q->lock);
	/* Looked at without the lock by vms_quarantine_full(). */
	WRITE_ONCE(q->pages, q->pages + g->pages);
	list_splice(&g->tables, &q->tables);
	list_splice(&g->batches, &q->batches);
	spin_unlock(&q->lock);
	atomic64_add(g->pages, &space->deferred);
	trace_quarantine(space->number, g->op, g->pages);
	if (step_checked(space))
		vms_audit_quarantine(space, g->op);
	return true;
}

/* A mistake (mutation.h), with time for someone to run into it. */
static void release_early(struct vms_space *space, struct vms_gather *g,
			  struct vms_flushed *flushed)
{
	if (vms_mutated(VMS_MUTATION_FREE_FRAME) == list_empty(&g->tables)) {
		flushed->pages = g->pages;
		flushed->tables = gather_release(space, g);
		gather_empty(g);
		usleep_range(1000, 2000);
	}
}

/**
 * vms_flush - flush what was gathered, and release it
 * @space:	the space
 * @g:		the gather; empty afterwards
 * @flushed:	receives what was done
 *
 * Where CPUs are left out, in a LAB space, nothing is released before the space
 * is gone. If there is no memory to keep it, none is left out.
 *
 * Context: may sleep; interrupts on, no spinlock held. The caller owns the
 * ranges that were gathered from.
 */
void vms_flush(struct vms_space *space, struct vms_gather *g, struct vms_flushed *flushed)
{
	struct vms_shootdown s = {
		.space = space,
		.op = g->op,
		.va = g->va,
		.nr_va = g->nr_va,
		/*
		 * In a LAB space nobody may have been told that a leaf is no longer
		 * present: CPUs may go on using it.
		 */
		.full = g->full || (space->lab && g->held),
	};
	bool due = s.nr_va || s.full;

	*flushed = (struct vms_flushed) {};
	if (vms_mutated(VMS_MUTATION_FREE_FRAME) || vms_mutated(VMS_MUTATION_FREE_TABLE))
		release_early(space, g, flushed);
	if (due)
		gather_shootdown(g, &s);
	if (vms_how_lab(g->how) && !quarantine(space, g)) {
		s.only = NULL;
		shootdown(&s);
		g->how = VMS_NOW;
	}
	if (!vms_how_lab(g->how)) {
		flushed->pages += g->pages;
		flushed->tables += gather_release(space, g);
	}
	flushed->cpus = s.sent;
	gather_empty(g);
}
