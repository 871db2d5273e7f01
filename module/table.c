// SPDX-License-Identifier: GPL-2.0-only
/*
 * Table pages: reserve, allocate, link, count, detach, free after RCU.
 */
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmstat.h>
#include "compat.h"
#include "mutation.h"
#include "table.h"

static struct kmem_cache *node_cache;

/**
 * vms_table_init - prepare the allocation of nodes
 *
 * Return: 0 or -ENOMEM.
 */
int vms_table_init(void)
{
	node_cache = kmem_cache_create("vmspace_node", sizeof(struct vms_node), 0,
				       SLAB_ACCOUNT, NULL);
	return node_cache ? 0 : -ENOMEM;
}

/**
 * vms_table_exit - undo vms_table_init(), after all nodes have been freed
 */
void vms_table_exit(void)
{
	/* Nodes on their way through vms_node_free_rcu(). */
	rcu_barrier();
	kmem_cache_destroy(node_cache);
}

/*
 * The root is two pages, aligned to their size, of which the first is used:
 * with page-table isolation the entry code takes bit 12 of CR3 for "user
 * table" and clears it, so that a root on an odd page would send the next NMI
 * into the wrong table.
 */
static unsigned int root_order(bool root)
{
	return root ? 1 : 0;
}

/* Whoever is killed for lack of memory is hardly the one who has it: do without. */
#define GFP_TABLE	(GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NOWARN | __GFP_RETRY_MAYFAIL)

static struct vms_node *node_alloc(bool root)
{
	unsigned int order = root_order(root);
	struct vms_node *node;

	node = kmem_cache_alloc(node_cache, GFP_TABLE);
	if (!node)
		return NULL;
	node->page = alloc_pages(GFP_TABLE, order);
	if (!node->page) {
		kmem_cache_free(node_cache, node);
		return NULL;
	}
	node->table = page_address(node->page);
	spin_lock_init(&node->lock);
	INIT_LIST_HEAD(&node->waiters);
	set_page_private(node->page, (unsigned long)node);
	mod_lruvec_page_state(node->page, NR_SECONDARY_PAGETABLE, 1 << order);
	return node;
}

static void node_free(struct vms_node *node, bool root)
{
	unsigned int order = root_order(root);

	mod_lruvec_page_state(node->page, NR_SECONDARY_PAGETABLE, -(1 << order));
	set_page_private(node->page, 0);
	__free_pages(node->page, order);
	kmem_cache_free(node_cache, node);
}

static void node_free_rcu(struct rcu_head *rcu)
{
	node_free(container_of(rcu, struct vms_node, rcu), false);
}

/**
 * vms_node_free_rcu - give a table page back
 * @pt:		the page table that it was part of
 * @node:	stray, and no CPU can reach it any more (S34)
 *
 * Context: any. Walkers under RCU may still look at the page, which is why it
 * is kept until they are done.
 */
void vms_node_free_rcu(struct vms_pt *pt, struct vms_node *node)
{
	atomic_long_dec(&pt->tables);
	call_rcu(&node->rcu, node_free_rcu);
}

/**
 * vms_reserve_init - an empty reserve
 * @r:	the reserve
 */
void vms_reserve_init(struct vms_reserve *r)
{
	INIT_LIST_HEAD(&r->nodes);
}

/**
 * vms_reserve_fill - set tables aside (S33)
 * @r:	an empty reserve
 * @pt:	the page table that they are for
 * @n:	how many
 *
 * Context: may sleep. Charged to the caller's memory cgroup.
 *
 * Return: 0, or -ENOMEM with the reserve empty.
 */
int vms_reserve_fill(struct vms_reserve *r, struct vms_pt *pt, unsigned int n)
{
	while (n--) {
		struct vms_node *node = node_alloc(false);

		if (!node) {
			vms_reserve_drain(r, pt);
			return -ENOMEM;
		}
		atomic_long_inc(&pt->tables);
		list_add(&node->link, &r->nodes);
	}
	return 0;
}

/**
 * vms_reserve_drain - give back what was set aside and not used
 * @r:	the reserve
 * @pt:	the page table
 */
void vms_reserve_drain(struct vms_reserve *r, struct vms_pt *pt)
{
	struct vms_node *node, *next;

	list_for_each_entry_safe(node, next, &r->nodes, link) {
		atomic_long_dec(&pt->tables);
		node_free(node, false);
	}
	INIT_LIST_HEAD(&r->nodes);
}

static struct vms_node *reserve_take(struct vms_reserve *r, struct vms_node *parent,
				     unsigned int index)
{
	struct vms_node *node = list_first_entry(&r->nodes, struct vms_node, link);

	list_del(&node->link);
	node->parent = parent;
	node->index = index;
	node->level = parent->level - 1;
	/* The caller owns it from before anyone else can find it. */
	node->owned = true;
	return node;
}

static u64 node_entry(const struct vms_node *node)
{
	u64 wrong = vms_mutated(VMS_MUTATION_DIRECTORY) ? VMS_US : 0;

	return (page_to_phys(node->page) | vms_sme_mask() | VMS_DIRECTORY) & ~wrong;
}

/**
 * vms_node_link - put a table from the reserve into an empty slot
 * @r:		a reserve that is not empty
 * @parent:	the caller owns it
 * @index:	of an empty entry of @parent
 *
 * Return: the new table, all of whose entries are empty, and which the caller
 * owns.
 */
struct vms_node *vms_node_link(struct vms_reserve *r, struct vms_node *parent, unsigned int index)
{
	struct vms_node *node = reserve_take(r, parent, index);

	VM_WARN_ON_ONCE(!vms_entry_empty(parent->table[index]));
	/* Walkers under RCU, and MMUs, must find the node and its zeroes complete. */
	smp_store_release(&parent->table[index], node_entry(node));
	parent->count++;
	return node;
}

/**
 * vms_node_split - put a table from the reserve in the place of a leaf
 * @r:		a reserve that is not empty
 * @parent:	the caller owns it
 * @index:	of a leaf or held entry of @parent, at a level above 1
 *
 * The table maps what the leaf mapped, with the same property: no translation
 * changes, and what the CPUs set in the leaf until it was replaced is in every
 * piece. The leaf may still be in TLBs. Each piece needs a reference to its
 * frame.
 *
 * Return: the new table, which the caller owns.
 */
struct vms_node *vms_node_split(struct vms_reserve *r, struct vms_node *parent, unsigned int index)
{
	struct vms_node *node = reserve_take(r, parent, index);
	u64 *slot = &parent->table[index];
	u64 old = READ_ONCE(*slot);
	u64 size = vms_level_size(node->level);
	unsigned int i;

	node->count = VMS_ENTRIES;
	do {
		for (i = 0; i < VMS_ENTRIES; i++)
			node->table[i] = vms_entry_piece(old, node->level, i * size);
	} while (!try_cmpxchg(slot, &old, node_entry(node)));
	return node;
}

/**
 * vms_node_unlink - take a table out of the tree, with all that is below it
 * @node:	the table; the caller owns it, its parent, and all that is below it
 * @entry:	what takes its place: empty, or a leaf
 *
 * The pages may still be in the paging-structure caches of CPUs: they must go
 * through a gather before they are freed.
 *
 * Return: the entry that pointed to it.
 */
u64 vms_node_unlink(struct vms_node *node, u64 entry)
{
	u64 old = xchg(&node->parent->table[node->index], entry);

	if (vms_entry_empty(entry))
		node->parent->count--;
	return old;
}

/**
 * vms_node_va - the first address that a table spans
 * @node: the caller owns it, or it is stray; those above are not freed before it
 */
u64 vms_node_va(const struct vms_node *node)
{
	u64 va = 0;

	for (; node->parent; node = node->parent)
		va += node->index * vms_level_size(node->level + 1);
	return va;
}

/**
 * vms_pt_init - make a page table with nothing in it (S38)
 * @pt:		to fill
 * @levels:	4 or 5
 * @leaf_level:	of the largest leaves that the CPUs know
 *
 * Context: may sleep.
 *
 * Return: 0 or -ENOMEM.
 */
int vms_pt_init(struct vms_pt *pt, unsigned int levels, unsigned int leaf_level)
{
	pt->root = node_alloc(true);
	if (!pt->root)
		return -ENOMEM;
	pt->root->level = levels;
	pt->levels = levels;
	pt->leaf_level = leaf_level;
	pt->va_end = vms_va_end(levels);
	atomic_long_set(&pt->tables, 1);
	return 0;
}

/* Free what is below @node; at most four levels deep. */
static void destroy_below(struct vms_node *node, unsigned int entries,
			  void (*leaf)(u64 entry, unsigned int level, void *arg), void *arg)
{
	unsigned int i;

	for (i = 0; i < entries && node->count; i++) {
		u64 e = node->table[i];

		if (vms_entry_empty(e))
			continue;
		node->count--;
		if (vms_entry_table(e, node->level)) {
			struct vms_node *child = vms_node_of(e);

			destroy_below(child, VMS_ENTRIES, leaf, arg);
			node_free(child, false);
		} else {
			leaf(e, node->level, arg);
		}
		cond_resched();
	}
}

/**
 * vms_pt_destroy - free a page table with everything in it
 * @pt:		no CPU has it loaded, no cursor is open on it, nobody walks it
 * @leaf:	told every mapping that was left, to release its frame
 * @arg:	passed to @leaf
 *
 * Context: may sleep.
 */
void vms_pt_destroy(struct vms_pt *pt, void (*leaf)(u64 entry, unsigned int level, void *arg),
		    void *arg)
{
	/* The upper half of the root is the kernel's own. */
	destroy_below(pt->root, VMS_ENTRIES / 2, leaf, arg);
	node_free(pt->root, true);
	pt->root = NULL;
}

static void walk_descend(struct vms_walk *w, unsigned int level)
{
	for (;;) {
		/* Pairs with vms_node_link(): the node is complete when we see it. */
		w->entry = smp_load_acquire(vms_walk_slot(w));
		if (w->level == level || !vms_entry_table(w->entry, w->level))
			return;
		w->level--;
		w->path[w->level] = vms_node_of(w->entry);
	}
}

/**
 * vms_walk_start - go to the slot that decides about an address
 * @w:		to fill
 * @top:	where to start
 * @va:		an address in the range of @top
 *
 * The slot holds a mapping, or is empty: tables are walked into.
 *
 * Context: the caller owns @top, or is in an RCU read-side critical section
 * that lasts as long as it uses the walk.
 */
void vms_walk_start(struct vms_walk *w, struct vms_node *top, u64 va)
{
	vms_walk_start_level(w, top, va, 1);
}

/**
 * vms_walk_start_level - go towards the slot of an address at a given level
 * @w:		to fill
 * @top:	where to start
 * @va:		an address in the range of @top
 * @level:	not to go below it
 *
 * The slot holds a mapping, is empty, or is of @level and holds a table.
 *
 * Context: as vms_walk_start().
 */
void vms_walk_start_level(struct vms_walk *w, struct vms_node *top, u64 va, unsigned int level)
{
	w->va = va;
	w->level = top->level;
	w->path[w->level] = top;
	walk_descend(w, level);
}

/**
 * vms_walk_next - go to the slot after this one
 * @w:		a walk from vms_walk_start(); its level may have been raised since,
 *		if the tables below were unlinked
 * @top:	where it started
 * @end:	end of the range of interest, in the range of @top
 *
 * Context: as vms_walk_start().
 *
 * Return: false if that slot is at @end or after it; the walk then stands at
 * the first address that was not visited, and can only be started anew.
 */
bool vms_walk_next(struct vms_walk *w, const struct vms_node *top, u64 end)
{
	w->va = vms_slot_start(w->va, w->level) + vms_level_size(w->level);
	if (w->va >= end)
		return false;
	/* Step up as long as the last slot of a table was left. */
	while (w->level < top->level && !vms_index(w->va, w->level))
		w->level++;
	walk_descend(w, 1);
	return true;
}

/**
 * vms_walk_mapping - what the slot of a walk says, and where it says so
 * @w:	the walk
 * @m:	receives it
 */
void vms_walk_mapping(const struct vms_walk *w, struct vms_mapping *m)
{
	m->start = vms_slot_start(w->va, w->level);
	m->end = m->start + vms_level_size(w->level);
	m->entry = w->entry;
	m->level = w->level;
}

/**
 * vms_pt_translate - walk without any lock
 * @pt:	the page table
 * @va:	an address below its end
 * @m:	receives the mapping that covers @va, or a hole around it
 *
 * The answer was true at some moment during the call.
 *
 * Context: any; takes the RCU read lock.
 */
void vms_pt_translate(struct vms_pt *pt, u64 va, struct vms_mapping *m)
{
	struct vms_walk w;

	rcu_read_lock();
	vms_walk_start(&w, pt->root, va);
	rcu_read_unlock();
	vms_walk_mapping(&w, m);
	m->end = min(m->end, pt->va_end);
}

/**
 * vms_pt_pages - how much is mapped
 * @pt:	the page table
 *
 * Counted by walking, so that cursors need no counter that they share; exact
 * when nobody changes the table meanwhile.
 *
 * Context: may sleep.
 *
 * Return: the number of 4 KiB pages.
 */
u64 vms_pt_pages(struct vms_pt *pt)
{
	u64 va = 0, pages = 0;

	while (va < pt->va_end) {
		struct vms_walk w;
		unsigned int budget = 4 * VMS_ENTRIES;
		bool more;

		rcu_read_lock();
		vms_walk_start(&w, pt->root, va);
		do {
			if (vms_entry_mapping(w.entry, w.level))
				pages += vms_level_size(w.level) >> VMS_PAGE_SHIFT;
			more = vms_walk_next(&w, pt->root, pt->va_end);
		} while (more && --budget);
		rcu_read_unlock();
		va = w.va;
		cond_resched();
	}
	return pages;
}
