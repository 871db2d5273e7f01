/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Gather, send, acknowledge, release.
 */
#ifndef VMS_FLUSH_H
#define VMS_FLUSH_H

#include <linux/list.h>
#include <linux/types.h>

struct vms_node;
struct vms_space;

#define VMS_FLUSH_MAX	64	/* pages that can be flushed one by one */
#define VMS_INLINE	16	/* leaves that a gather holds without memory of its own */

/**
 * struct vms_gather - what was removed from a page table and not yet released
 * @nr_va:	pages to flush one by one
 * @full:	flush everything
 * @fresh:	something was gathered since this was last cleared
 * @nr_leaves:	leaves in @leaves
 * @pages:	4 KiB pages held back
 * @tables:	struct vms_node, each with all that was below it
 * @batches:	struct vms_batch, the one with room first
 * @va:		their addresses
 * @leaves:	used before and besides the batches
 */
struct vms_gather {
	unsigned int nr_va;
	bool full;
	bool fresh;
	unsigned int nr_leaves;
	u64 pages;
	struct list_head tables;
	struct list_head batches;
	u64 va[VMS_FLUSH_MAX];
	u64 leaves[VMS_INLINE];
};

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

extern unsigned int vms_flush_ceiling;
extern unsigned int vms_max_deferred;

void vms_gather_init(struct vms_gather *g);
bool vms_gather_room(struct vms_gather *g);
void vms_gather_leaf(struct vms_gather *g, u64 entry, unsigned int level);
void vms_gather_table(struct vms_gather *g, struct vms_node *node, u64 pages);
void vms_gather_va(struct vms_gather *g, u64 va);
void vms_flush_page(struct vms_space *space, u64 va);
void vms_flush(struct vms_space *space, struct vms_gather *g, struct vms_flushed *flushed);

#endif /* VMS_FLUSH_H */
