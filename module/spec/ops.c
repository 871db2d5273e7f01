// SPDX-License-Identifier: GPL-2.0-only
#include "cores.h"
#include "geometry.h"
#include "ops.h"

/**
 * spec_ops_init - an empty address space, nobody inside, no cursors
 * @m:		receives it
 * @alloc:	where memory comes from; stays in use
 * @core_no:	how many cores there are
 * @levels:	of the page table
 * @is_lab:	flushes may be omitted
 *
 * Return: 0, -EINVAL without cores or for levels that there are not, -ENOMEM.
 */
int spec_ops_init(struct spec_ops *m, const struct spec_alloc *alloc, unsigned int core_no,
		  unsigned int levels, bool is_lab)
{
	if (levels < SPEC_MIN_LEVELS || levels > SPEC_MAX_LEVELS)
		return -EINVAL;
	m->levels = levels;
	m->is_lab = is_lab;
	spec_vector_init(&m->ops, alloc, sizeof(struct spec_op));
	return spec_hw_init(&m->hw, alloc, core_no, 0, false);
}

/**
 * spec_ops_destroy - give all memory back
 * @m:	which spec_ops_init() made
 */
void spec_ops_destroy(struct spec_ops *m)
{
	spec_vector_clear(&m->ops);
	spec_hw_destroy(&m->hw);
}

static struct spec_op *find(const struct spec_ops *m, u64 id)
{
	return spec_vector_get(&m->ops, id);
}

static struct spec_op *find_in(const struct spec_ops *m, u64 id, enum spec_op_state state)
{
	struct spec_op *op = find(m, id);

	return op && op->state == state ? op : NULL;
}

/* The range is disjoint from those of all cursors, but of @but. */
static bool alone(const struct spec_ops *m, struct spec_region range, u64 but)
{
	const struct spec_op *op;

	spec_vector_for_each(&m->ops, op)
		if (op->id != but && spec_overlap(op->range, range))
			return false;
	return true;
}

static bool awaits(const struct spec_ops *m, u64 id)
{
	return spec_tlb_awaits_any(&m->hw.maximal, id, SPEC_EVERYWHERE);
}

/**
 * spec_ops_open - a cursor gets its range (S53)
 * @m:		the address space
 * @id:		the cursor; none that is open has this number, nor had one in a LAB
 * @range:	the range, of at least one byte
 *
 * Return: NULL or the rule.
 */
const char *spec_ops_open(struct spec_ops *m, u64 id, struct spec_region range)
{
	u64 end = spec_max_base(m->levels);
	struct spec_op *op;

	if (find(m, id) || awaits(m, id))
		return "S52_operation_is_new";
	if (!range.size || range.base >= end || range.size > end - range.base)
		return "S62_range_in_bounds";
	if (!alone(m, range, id))
		return "S53_ranges_disjoint";
	op = spec_vector_insert(&m->ops, id);
	if (!op)
		return spec_no_memory;
	op->range = range;
	return NULL;
}

/**
 * spec_ops_widen - a cursor gets more (S53)
 * @m:		the address space
 * @id:		the cursor
 * @range:	what it has from now on, all that it had included
 *
 * Return: NULL or the rule.
 */
const char *spec_ops_widen(struct spec_ops *m, u64 id, struct spec_region range)
{
	struct spec_op *op = find(m, id);
	u64 last = range.base + range.size - 1;

	if (!op)
		return "S76_idle";
	last = last > op->range.base + op->range.size - 1 ? last :
							    op->range.base + op->range.size - 1;
	range.base = range.base < op->range.base ? range.base : op->range.base;
	range.size = last - range.base + 1;
	if (!alone(m, range, id))
		return "S53_ranges_disjoint";
	op->range = range;
	return NULL;
}

/**
 * spec_ops_drop - a cursor gives its range back (S53, S94)
 * @m:	the address space
 * @id:	the cursor, idle
 *
 * Return: NULL or the rule.
 */
const char *spec_ops_drop(struct spec_ops *m, u64 id)
{
	struct spec_op *op = find_in(m, id, SPEC_OP_IDLE);

	if (!op)
		return "S76_idle";
	if (!m->is_lab && awaits(m, id))
		return "S94_flushed_at_the_drop";
	spec_vector_remove(&m->ops, op);
	return NULL;
}

/**
 * spec_ops_start - an operation begins (S76)
 * @m:	the address space
 * @id:	its cursor, idle
 *
 * Return: NULL or the rule.
 */
const char *spec_ops_start(struct spec_ops *m, u64 id)
{
	struct spec_op *op = find_in(m, id, SPEC_OP_IDLE);

	if (!op)
		return "S76_idle";
	op->state = SPEC_OP_EXECUTING;
	return NULL;
}

/**
 * spec_ops_end - an operation is done (S70, S76)
 * @m:		the address space
 * @id:		its cursor, executing
 * @is_deferred: its flush was deferred
 *
 * Return: NULL or the rule.
 */
const char *spec_ops_end(struct spec_ops *m, u64 id, bool is_deferred)
{
	struct spec_op *op = find_in(m, id, SPEC_OP_EXECUTING);

	if (!op)
		return "S76_executing";
	if (!is_deferred && !m->is_lab && awaits(m, id))
		return "S70_flushed_at_the_end";
	op->state = SPEC_OP_IDLE;
	return NULL;
}

static bool inside(struct spec_region outer, struct spec_region inner)
{
	return inner.base >= outer.base && inner.size <= outer.size &&
	       inner.base - outer.base <= outer.size - inner.size;
}

/* May operation @id change @region? */
static const char *may_change(const struct spec_ops *m, u64 id, struct spec_region region)
{
	const struct spec_op *op = find_in(m, id, SPEC_OP_EXECUTING);

	if (!op)
		return "S76_executing";
	return inside(op->range, region) ? NULL : "S53_in_the_range";
}

/* Likewise, and receive what is mapped with that key. */
static const char *may_change_mapping(const struct spec_ops *m, u64 id, u64 va,
				      struct spec_pte *pte)
{
	if (!spec_map_get(&m->hw.pt, va, pte))
		return "S64_key";
	return may_change(m, id, (struct spec_region) { va, pte->frame.size });
}

/* What leaves all mapped that is, it may do wherever its range meets @region, and no other. */
static const char *may_meet(const struct spec_ops *m, u64 id, struct spec_region region)
{
	const struct spec_op *op = find_in(m, id, SPEC_OP_EXECUTING);

	if (!op)
		return "S76_executing";
	return spec_overlap(op->range, region) && alone(m, region, id) ? NULL : "S53_in_the_range";
}

/**
 * spec_ops_map - something is mapped where nothing was (S58, S61)
 * @m:		the address space
 * @id:		the operation, executing
 * @va:		first address
 * @pte:	the mapping
 *
 * Return: NULL or the rule.
 */
const char *spec_ops_map(struct spec_ops *m, u64 id, u64 va, const struct spec_pte *pte)
{
	struct spec_region region = { va, pte->frame.size };
	const char *rule = may_change(m, id, region);

	if (rule)
		return rule;
	if (!spec_page_level(region.size) || !spec_aligned(va, region.size))
		return "S54_legal_size";
	if (spec_map_overlaps(&m->hw.pt, region))
		return "S58_no_overlap";
	return spec_hw_map(&m->hw, va, pte);
}

/**
 * spec_ops_unmap - a mapping is removed (S64)
 * @m:	the address space
 * @id:	the operation, executing
 * @va:	the mapping's first address
 *
 * Return: NULL or the rule.
 */
const char *spec_ops_unmap(struct spec_ops *m, u64 id, u64 va)
{
	struct spec_pte pte;
	const char *rule = may_change_mapping(m, id, va, &pte);

	return rule ? rule : spec_hw_unmap(&m->hw, va, &pte, id);
}

/**
 * spec_ops_protect - a mapping gets other rights (like S64)
 * @m:		the address space
 * @id:		the operation, executing
 * @va:		the mapping's first address
 * @flags:	the rights
 * @attrs:	the attributes
 *
 * If they only grow, nothing has to be flushed, see spec_must_flush().
 *
 * Return: NULL or the rule.
 */
const char *spec_ops_protect(struct spec_ops *m, u64 id, u64 va, struct spec_flags flags,
			     u32 attrs)
{
	struct spec_pte from, to;
	const char *rule = may_change_mapping(m, id, va, &from);

	if (rule)
		return rule;
	to = (struct spec_pte) { .frame = from.frame, .flags = flags, .attrs = attrs };
	return spec_hw_protect(&m->hw, va, &from, &to, id);
}

/**
 * spec_ops_harvest - A and D are taken from a mapping that the range may only meet
 * @m:		the address space
 * @id:		the operation, executing; no other has a part of the mapping in its range
 * @va:		the mapping's first address
 * @attrs:	the attributes that are left
 *
 * Return: NULL or the rule.
 */
const char *spec_ops_harvest(struct spec_ops *m, u64 id, u64 va, u32 attrs)
{
	struct spec_pte from, to;
	const char *rule;

	if (!spec_map_get(&m->hw.pt, va, &from))
		return "S64_key";
	rule = may_meet(m, id, (struct spec_region) { va, from.frame.size });
	to = from;
	to.attrs = attrs;
	return rule ? rule : spec_hw_protect(&m->hw, va, &from, &to, id);
}

/**
 * spec_ops_map_run - spec_ops_map() of 4 KiB pages side by side
 * @m:		the address space
 * @id:		the operation, executing
 * @va:		first address
 * @nr:		how many, in one block of 2 MiB
 * @frames:	of each
 * @rights:	flags and attributes, the same for all
 *
 * Return: NULL or the rule.
 */
const char *spec_ops_map_run(struct spec_ops *m, u64 id, u64 va, unsigned int nr,
			     const u64 *frames, const struct spec_pte *rights)
{
	const char *rule = may_change(m, id, (struct spec_region) { va, nr * SPEC_PAGE_SIZE });
	int err;

	if (rule)
		return rule;
	/* What is larger than a page covers all of them, or none. */
	if (spec_map_covering(&m->hw.pt, va, NULL, NULL))
		return "S58_no_overlap";
	err = spec_map_insert_run(&m->hw.pt, va, nr, frames, rights);
	if (!err)
		return NULL;
	return err == -ENOMEM ? spec_no_memory : "S58_no_overlap";
}

/* Cores may hold one of them as it is. */
static const char *protect_held(struct spec_ops *m, u64 id, u64 va, struct spec_bits bits)
{
	struct spec_pte from, to;

	spec_map_get(&m->hw.pt, va, &from);
	to = from;
	spec_pte_change(&to, bits);
	return spec_tlb_stale_add(&m->hw.maximal, va, &from, id, spec_must_flush(&from, &to)) ?
	       spec_no_memory : NULL;
}

/**
 * spec_ops_protect_run - spec_ops_protect() of 4 KiB pages side by side
 * @m:		the address space
 * @id:		the operation, executing
 * @va:		first address
 * @nr:		how many, in one block of 2 MiB
 * @bits:	how they change
 *
 * Return: NULL or the rule.
 */
const char *spec_ops_protect_run(struct spec_ops *m, u64 id, u64 va, unsigned int nr,
				 struct spec_bits bits)
{
	const char *rule = may_change(m, id, (struct spec_region) { va, nr * SPEC_PAGE_SIZE });
	unsigned int i;

	if (rule)
		return rule;
	if (!spec_map_has_run(&m->hw.pt, va, nr))
		return "S64_key";
	for (i = 0; !rule && i < nr && !spec_tlb_deserted(&m->hw.maximal); i++)
		rule = protect_held(m, id, va + i * SPEC_PAGE_SIZE, bits);
	if (!rule)
		spec_map_change_run(&m->hw.pt, va, nr, bits);
	return rule;
}

/**
 * spec_ops_unmap_all - spec_ops_unmap() of all that is mapped in a region
 * @m:		the address space
 * @id:		the operation, executing
 * @region:	the region; no mapping straddles its ends
 * @bytes:	receives how much was mapped there
 *
 * Return: NULL or the rule, or spec_no_memory when some are unmapped.
 */
const char *spec_ops_unmap_all(struct spec_ops *m, u64 id, struct spec_region region, u64 *bytes)
{
	const char *rule = may_change(m, id, region);
	u64 end = region.base + region.size, base = region.base;
	const struct spec_alloc *alloc = m->hw.pt.blocks.alloc;
	struct spec_pte pte;

	*bytes = 0;
	if (!rule && spec_tlb_deserted(&m->hw.maximal)) {
		*bytes = spec_map_remove_region(&m->hw.pt, region);
		return NULL;
	}
	while (!rule && spec_map_next_before(&m->hw.pt, base, end, &base, &pte)) {
		rule = spec_hw_unmap(&m->hw, base, &pte, id);
		*bytes += pte.frame.size;
		if (alloc->pause)
			alloc->pause();
	}
	return rule;
}

/* Map what @pte maps, in 512 pieces. */
static const char *map_pieces(struct spec_ops *m, u64 va, struct spec_pte pte)
{
	u64 size = pte.frame.size / SPEC_NUM_ENTRIES, end = va + pte.frame.size;
	const char *rule = NULL;

	pte.frame.size = size;
	for (; !rule && va < end; va += size, pte.frame.base += size)
		rule = spec_hw_map(&m->hw, va, &pte);
	return rule;
}

/* The same back; what the map needs for the large one, it had before. */
static void unmap_pieces(struct spec_ops *m, u64 va, const struct spec_pte *pte)
{
	u64 base = va;

	while (spec_map_next(&m->hw.pt, base, &base, NULL) && base - va < pte->frame.size)
		spec_map_remove(&m->hw.pt, base);
	spec_hw_map(&m->hw, va, pte);
}

/**
 * spec_ops_split - a large mapping becomes 512 smaller ones that map the same (S61)
 * @m:	the address space
 * @id:	the operation, executing; its range meets the mapping, no other does
 * @va:	the mapping's first address
 *
 * What is cached of the large one has to be flushed although it agrees: it would not
 * with the next change of a piece.
 *
 * Return: NULL or the rule.
 */
const char *spec_ops_split(struct spec_ops *m, u64 id, u64 va)
{
	struct spec_pte pte;
	const char *rule;

	if (!spec_map_get(&m->hw.pt, va, &pte) || pte.frame.size == SPEC_PAGE_SIZE)
		return "S64_key";
	rule = may_meet(m, id, (struct spec_region) { va, pte.frame.size });
	if (rule)
		return rule;
	spec_map_remove(&m->hw.pt, va);
	rule = map_pieces(m, va, pte);
	if (!rule && spec_tlb_stale_add(&m->hw.maximal, va, &pte, id, true))
		rule = spec_no_memory;
	if (rule)
		unmap_pieces(m, va, &pte);
	return rule;
}

/**
 * spec_ops_unlink - a table in which nothing is mapped is taken out (S66)
 * @m:		the address space
 * @id:		the operation, executing; no other has a range in the table's
 * @va:		first address that the table spans
 * @level:	of the table, 1 and up
 *
 * Until they have flushed, cores may look into it, and find nothing there.
 *
 * Return: NULL or the rule.
 */
const char *spec_ops_unlink(struct spec_ops *m, u64 id, u64 va, unsigned int level)
{
	struct spec_pte nothing = { .attrs = SPEC_NOREAD };
	struct spec_region *region = &nothing.frame;

	if (!find_in(m, id, SPEC_OP_EXECUTING))
		return "S76_executing";
	if (!level || level >= m->levels)
		return "S22_level_of_a_directory";
	region->base = va;
	region->size = spec_entry_size(level + 1);
	if (!spec_aligned(va, region->size) || spec_map_overlaps(&m->hw.pt, *region))
		return "S66_unlinks_an_empty_table";
	if (!alone(m, *region, id))
		return "S53_in_the_range";
	return spec_tlb_stale_add(&m->hw.maximal, va, &nothing, id, true) ? spec_no_memory : NULL;
}

/**
 * spec_ops_initiate_shootdown - an operation has flushed what it changed (S68)
 * @m:		the address space
 * @id:		the operation, executing
 * @scope:	where
 *
 * Return: NULL or the rule.
 */
const char *spec_ops_initiate_shootdown(struct spec_ops *m, u64 id, struct spec_region scope)
{
	struct spec_op *op = find_in(m, id, SPEC_OP_EXECUTING);

	if (!op)
		return "S76_executing";
	op->state = SPEC_OP_SHOOTDOWN;
	op->scope = scope;
	return NULL;
}

/**
 * spec_ops_ack_shootdown_ipi - a core says that it has flushed (S69, S91)
 * @m:		the address space
 * @id:		whose shootdown
 * @core:	the core; it may have nothing to flush, or not even be inside
 *
 * Return: NULL or the rule.
 */
const char *spec_ops_ack_shootdown_ipi(struct spec_ops *m, u64 id, unsigned int core)
{
	const struct spec_op *op = find_in(m, id, SPEC_OP_SHOOTDOWN);

	if (!op)
		return "S94_shootdown_exists";
	if (!spec_valid_core(&m->hw, core))
		return "S75_valid_core";
	return spec_tlb_awaits(&m->hw.maximal, core, id, op->scope) ? "S69_flushed" : NULL;
}

/**
 * spec_ops_end_shootdown - all have (S70)
 * @m:	the address space
 * @id:	whose shootdown
 *
 * Return: NULL or the rule.
 */
const char *spec_ops_end_shootdown(struct spec_ops *m, u64 id)
{
	struct spec_op *op = find_in(m, id, SPEC_OP_SHOOTDOWN);

	if (!op)
		return "S94_shootdown_exists";
	if (spec_tlb_awaits_any(&m->hw.maximal, id, op->scope))
		return "S70_no_open_requests";
	op->state = SPEC_OP_EXECUTING;
	return NULL;
}

/**
 * spec_ops_release - what a cursor's operations have removed is given back (S86)
 * @m:	the address space
 * @id:	the cursor, open or dropped
 *
 * Return: NULL or the rule.
 */
const char *spec_ops_release(struct spec_ops *m, u64 id)
{
	return awaits(m, id) ? "S86_released_after_the_flush" : NULL;
}

/**
 * spec_ops_gone - the address space is given back, with all that is left in it (S86)
 * @m:	the address space
 *
 * Return: NULL or the rule.
 */
const char *spec_ops_gone(const struct spec_ops *m)
{
	if (m->ops.nr)
		return "S53_no_cursor_is_open";
	if (!spec_cores_empty(m->hw.maximal.inside, spec_cores_words(m->hw.core_no)))
		return "S86_nobody_is_inside";
	return NULL;
}

/* What has to be flushed belongs to a cursor that is open, and is in its range. */
static const char *check_stale(const struct spec_ops *m, const struct spec_stale *stale)
{
	struct spec_region region = { spec_stale_base(stale), stale->pte.frame.size };
	const struct spec_op *op = find(m, stale->owner);

	if (!stale->must_flush || m->is_lab)
		return NULL;
	if (!op)
		return "S94_stale_has_an_owner";
	return stale->pte.attrs & SPEC_NOREAD || spec_overlap(op->range, region) ?
	       NULL : "S93_stale_in_range";
}

/**
 * spec_ops_inv - whether all invariants hold (S53, S93, S94 for many operations)
 * @m:	the address space
 *
 * Takes time in the number of cursors, squared, and of stale translations.
 *
 * Return: NULL, or the name of the first that does not.
 */
const char *spec_ops_inv(const struct spec_ops *m)
{
	const struct spec_op *op;
	const char *rule = NULL;
	size_t i;

	spec_vector_for_each(&m->ops, op)
		if (!alone(m, op->range, op->id))
			return "S53_ranges_disjoint";
	for (i = 0; !rule && i < m->hw.maximal.stale.nr; i++)
		rule = check_stale(m, spec_vector_item(&m->hw.maximal.stale, i));
	return rule;
}
