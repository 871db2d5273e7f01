/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Table pages and their nodes.
 *
 * A node describes one table page and is found from it in O(1), through the
 * page's private field.  A page table is a tree of nodes under a root; what a
 * mapping means, who may change which part, and the TLBs are others' matters.
 *
 * Lifetime: a node is allocated into a reserve, linked under one parent entry,
 * unlinked (it is stray from then on), and freed after every CPU that may have
 * it in a paging-structure cache has flushed and after an RCU grace period, for
 * the sake of walkers that only look.
 */
#ifndef VMS_TABLE_H
#define VMS_TABLE_H

#include <linux/list.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include "entry.h"
#include "geometry.h"

/**
 * struct vms_node - what is known of one table page
 * @table:	its 512 entries, written only by the owner of the node
 * @page:	the page itself
 * @parent:	the node that it is linked in, NULL for the root
 * @index:	of the entry of @parent that points to it
 * @level:	1 to 5; a child's is its parent's minus one
 * @count:	entries that are not empty; written only by the owner
 * @stray:	no longer part of the tree; under @lock
 * @owned:	someone owns the node; under @lock
 * @sweep:	a child may be empty: its owner shall look; under @lock
 * @lock:	guards @stray, @owned, @sweep and @waiters; held for a few
 *		instructions
 * @waiters:	who waits for ownership, first come first served
 * @link:	in a reserve, then in a gather
 * @rcu:	to free it
 */
struct vms_node {
	u64 *table;
	struct page *page;
	struct vms_node *parent;
	u16 index;
	u16 count;
	u8 level;
	bool stray;
	bool owned;
	bool sweep;
	spinlock_t lock;	/* stray, owned, sweep, waiters */
	struct list_head waiters;
	union {
		struct list_head link;
		struct rcu_head rcu;
	};
};

/**
 * struct vms_pt - one page table
 * @root:	node of the top-level table; never stray
 * @levels:	4 or 5
 * @leaf_level:	of the largest leaves that the CPUs know
 * @va_end:	see vms_va_end()
 * @tables:	table pages in use, those that await a flush included
 */
struct vms_pt {
	struct vms_node *root;
	unsigned int levels;
	unsigned int leaf_level;
	u64 va_end;
	atomic_long_t tables;
};

/**
 * struct vms_mapping - a mapping, or the hole where there is none
 * @start:	first address
 * @end:	first address after it
 * @entry:	the leaf or held entry; empty for a hole
 * @level:	the level of the entry
 */
struct vms_mapping {
	u64 start;
	u64 end;
	u64 entry;
	unsigned int level;
};

/**
 * struct vms_walk - a position in a page table
 * @path:	the node at each level on the way, by level
 * @va:		the address
 * @level:	level of the table that holds the slot
 * @entry:	the slot's entry as it was read
 */
struct vms_walk {
	struct vms_node *path[VMS_MAX_LEVELS + 1];
	u64 va;
	unsigned int level;
	u64 entry;
};

/* Tables set aside, so that nothing runs out half-way. */
struct vms_reserve {
	struct list_head nodes;
};

int vms_table_init(void);
void vms_table_exit(void);

int vms_pt_init(struct vms_pt *pt, unsigned int levels, unsigned int leaf_level);
void vms_pt_destroy(struct vms_pt *pt, void (*leaf)(u64 entry, unsigned int level, void *arg),
		    void *arg);
u64 vms_pt_pages(struct vms_pt *pt);
void vms_pt_translate(struct vms_pt *pt, u64 va, struct vms_mapping *m);

void vms_reserve_init(struct vms_reserve *r);
int vms_reserve_fill(struct vms_reserve *r, struct vms_pt *pt, unsigned int n);
void vms_reserve_drain(struct vms_reserve *r, struct vms_pt *pt);

struct vms_node *vms_node_link(struct vms_reserve *r, struct vms_node *parent, unsigned int index);
struct vms_node *vms_node_split(struct vms_reserve *r, struct vms_node *parent, unsigned int index);
u64 vms_node_unlink(struct vms_node *node, u64 entry);
u64 vms_node_va(const struct vms_node *node);
void vms_node_free_rcu(struct vms_pt *pt, struct vms_node *node);

void vms_walk_start(struct vms_walk *w, struct vms_node *top, u64 va);
void vms_walk_start_level(struct vms_walk *w, struct vms_node *top, u64 va, unsigned int level);
bool vms_walk_next(struct vms_walk *w, const struct vms_node *top, u64 end);
void vms_walk_mapping(const struct vms_walk *w, struct vms_mapping *m);

/**
 * vms_node_of - the node that a directory entry points to
 * @entry:	vms_entry_table() is true for it
 */
static inline struct vms_node *vms_node_of(u64 entry)
{
	return (struct vms_node *)page_private(pfn_to_page(vms_entry_pfn(entry)));
}

/**
 * vms_walk_slot - where the entry of the position stands
 * @w:	the walk
 */
static inline u64 *vms_walk_slot(const struct vms_walk *w)
{
	return &w->path[w->level]->table[vms_index(w->va, w->level)];
}

/**
 * vms_node_base - first address that a node spans
 * @node:	a node
 * @va:		an address that it spans
 */
static inline u64 vms_node_base(const struct vms_node *node, u64 va)
{
	return ALIGN_DOWN(va, vms_level_size(node->level) << VMS_INDEX_BITS);
}

#endif /* VMS_TABLE_H */
