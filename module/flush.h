/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Gather, send, acknowledge, release.
 */
#ifndef VMS_FLUSH_H
#define VMS_FLUSH_H

#include <linux/cpumask.h>
#include <linux/list.h>
#include <linux/types.h>
#include "entry.h"
#include "geometry.h"

struct vms_node;
struct vms_space;

#define VMS_FLUSH_MAX	64	/* pages that can be flushed one by one */
#define VMS_INLINE	16	/* leaves that a gather holds without memory of its own */

/**
 * enum vms_how - how an operation flushes
 * @VMS_NOW:	at its end, every CPU inside
 * @VMS_DEFER:	later
 * @VMS_NONE:	not at all; as those below, in a LAB space only
 * @VMS_LOCAL:	the CPU that it runs on
 * @VMS_TARGETS: CPUs that were chosen
 */
enum vms_how {
	VMS_NOW,
	VMS_DEFER,
	VMS_NONE,
	VMS_LOCAL,
	VMS_TARGETS,
};

/* Whether CPUs may be left out, and what was removed is quarantined for good. */
static inline bool vms_how_lab(enum vms_how how)
{
	return how >= VMS_NONE;
}

/**
 * struct vms_gather - what was removed from a page table and not yet released
 * @nr_va:	pages to flush one by one
 * @full:	flush everything
 * @held:	a leaf that was not present is among them
 * @fresh:	something was gathered since this was last cleared
 * @how:	the way that it shall be flushed
 * @op:		number of the cursor whose it is, in traces
 * @nr_leaves:	leaves in @leaves
 * @nr:		of leaves where the next one goes: @nr_leaves, or a batch's
 * @to:		where it goes
 * @room:	how many there is room for there
 * @pages:	4 KiB pages held back
 * @tables:	struct vms_node, each with all that was below it
 * @batches:	struct vms_batch, the one with room first
 * @targets:	CPUs for VMS_TARGETS
 * @va:		their addresses
 * @leaves:	used before and besides the batches
 */
struct vms_gather {
	unsigned int nr_va;
	bool full;
	bool held;
	bool fresh;
	enum vms_how how;
	u64 op;
	unsigned int nr_leaves;
	unsigned int *nr;
	u64 *to;
	unsigned int room;
	u64 pages;
	struct list_head tables;
	struct list_head batches;
	cpumask_var_t targets;
	u64 va[VMS_FLUSH_MAX];
	u64 leaves[VMS_INLINE];
};

/**
 * vms_gather_awaits - whether a flush is due
 * @g: the gather
 */
static inline bool vms_gather_awaits(const struct vms_gather *g)
{
	return g->nr_va || g->full;
}

/**
 * struct vms_flushed - what a flush did
 * @pages:	4 KiB pages that it released
 * @tables:	table pages that it released
 * @cpus:	CPUs that it interrupted
 */
struct vms_flushed {
	u64 pages;
	u64 tables;
	u64 cpus;
};

/**
 * struct vms_quarantine - what may be in TLBs for as long as a LAB space lives
 * @lock:	guards all that follows
 * @pages:	4 KiB pages held back
 * @tables:	struct vms_node
 * @batches:	struct vms_batch
 */
struct vms_quarantine {
	spinlock_t lock;	/* pages, tables, batches */
	u64 pages;
	struct list_head tables;
	struct list_head batches;
};

extern unsigned int vms_flush_ceiling;
extern unsigned int vms_max_deferred;

/**
 * vms_gather_leaf - hold back the frame of a removed leaf
 * @g:		a gather with room
 * @entry:	the leaf or held entry as it was
 * @level:	its level
 */
static inline void vms_gather_leaf(struct vms_gather *g, u64 entry, unsigned int level)
{
	*g->to++ = entry;
	++*g->nr;
	g->room--;
	g->held |= !vms_entry_present(entry);
	g->pages += vms_level_size(level) >> VMS_PAGE_SHIFT;
	g->fresh = true;
}

void vms_gather_init(struct vms_gather *g);
unsigned int vms_gather_room(struct vms_gather *g);
void vms_gather_table(struct vms_gather *g, struct vms_node *node, u64 pages);
void vms_gather_va(struct vms_gather *g, u64 va);
void vms_flush_page(struct vms_space *space, struct vms_gather *g, u64 va);
void vms_flush(struct vms_space *space, struct vms_gather *g, struct vms_flushed *flushed);

void vms_quarantine_init(struct vms_quarantine *q);
bool vms_quarantine_full(struct vms_quarantine *q);
void vms_quarantine_release(struct vms_space *space);

#endif /* VMS_FLUSH_H */
