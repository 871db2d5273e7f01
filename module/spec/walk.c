// SPDX-License-Identifier: GPL-2.0-only
#include "walk.h"

static const struct spec_flags permissive = { .is_writable = true };

/* Rights along a path: each entry on it can only take some away (S27). */
static struct spec_flags combine(struct spec_flags path, struct spec_flags own)
{
	return (struct spec_flags) {
		.is_writable = path.is_writable && own.is_writable,
		.is_supervisor = path.is_supervisor || own.is_supervisor,
		.disable_execute = path.disable_execute || own.disable_execute,
	};
}

/**
 * spec_pt_decode - what an entry means, held mappings included if @pt says so
 * @pt:		the page table
 * @raw:	the entry
 * @level:	of the table that it is in
 * @e:		receives the meaning
 */
void spec_pt_decode(const struct spec_pt *pt, u64 raw, unsigned int level, struct spec_entry *e)
{
	spec_decode(raw, level, pt->width, e);
	if (e->kind == SPEC_EMPTY && pt->held)
		spec_decode_held(raw, level, pt->width, e);
}

static void make_pte(const struct spec_entry *e, unsigned int level, struct spec_flags path,
		     struct spec_pte *pte)
{
	pte->frame.base = e->addr;
	pte->frame.size = spec_entry_size(level);
	pte->flags = combine(path, e->flags);
	pte->attrs = e->attrs;
}

/**
 * spec_walk - the walk that the hardware makes for an address (S26, S27, S29)
 * @pt:		the page table; the hardware's walk is that with @pt->held false
 * @va:		the address, taken as it is, without sign extension (S30)
 * @base:	first address of the mapping, if there is one; may be NULL
 * @pte:	the mapping, if there is one
 *
 * Reads at most as many entries as there are levels.
 *
 * Return: whether the walk arrives at a mapping.
 */
bool spec_walk(const struct spec_pt *pt, u64 va, u64 *base, struct spec_pte *pte)
{
	struct spec_flags path = permissive;
	unsigned int level = pt->levels;
	struct spec_entry e = { .addr = pt->cr3 };

	if (va >= spec_max_base(pt->levels))
		return false;
	for (;; level--) {
		spec_pt_decode(pt, pt->read(pt->ctx, e.addr, spec_index_bits(level, va)),
			       level, &e);
		if (e.kind != SPEC_DIRECTORY)
			break;
		path = combine(path, e.flags);
	}
	if (e.kind == SPEC_EMPTY)
		return false;
	make_pte(&e, level, path, pte);
	if (base)
		*base = va & ~(pte->frame.size - 1);
	return true;
}

/**
 * spec_valid_walk - whether an address is the base of a mapping (S28: valid_pt_walk)
 * @pt:		the page table
 * @va:		the address
 * @pte:	the mapping, if it is; undefined otherwise
 *
 * This is interp_pt_mem, taken at one address (S30).
 */
bool spec_valid_walk(const struct spec_pt *pt, u64 va, struct spec_pte *pte)
{
	u64 base;

	return spec_walk(pt, va, &base, pte) && base == va;
}

static void read_entry(struct spec_iter *it)
{
	const struct spec_pt *pt = it->pt;

	it->raw = pt->read(pt->ctx, it->table[it->level], spec_index_bits(it->level, it->va));
	if (it->raw)
		spec_pt_decode(pt, it->raw, it->level, &it->entry);
	else
		it->entry.kind = SPEC_EMPTY;
}

/* To the table that the entry points to. */
static void step_down(struct spec_iter *it)
{
	struct spec_flags path = combine(it->path[it->level], it->entry.flags);
	u64 table = it->entry.addr;

	it->level--;
	it->table[it->level] = table;
	it->path[it->level] = path;
	if (it->va < it->first)
		it->va = it->first & ~(spec_entry_size(it->level) - 1);
}

/* To the next entry, of a table further up where one ends. */
static bool step_sideways(struct spec_iter *it)
{
	it->va = (it->va | (spec_entry_size(it->level) - 1)) + 1;
	if (it->va > it->last)
		return false;
	while (!spec_index_bits(it->level, it->va) && it->level < it->pt->levels)
		it->level++;
	return true;
}

static bool skip_empty(struct spec_iter *it)
{
	for (;;) {
		read_entry(it);
		if (it->entry.kind != SPEC_EMPTY)
			return true;
		if (!step_sideways(it))
			return false;
	}
}

/**
 * spec_iter_first - the first entry that is not empty
 * @it:		receives the position
 * @pt:		the page table
 * @region:	only entries that span a part of this; of size 0, its base
 *
 * Return: whether there is one.
 */
bool spec_iter_first(struct spec_iter *it, const struct spec_pt *pt, struct spec_region region)
{
	u64 end = spec_max_base(pt->levels);

	if (region.base >= end)
		return false;
	it->pt = pt;
	it->first = region.base;
	it->last = end - 1;
	if (region.size < end - region.base)
		it->last = region.base + (region.size ? region.size - 1 : 0);
	it->level = pt->levels;
	it->va = it->first & ~(spec_entry_size(it->level) - 1);
	it->table[it->level] = pt->cr3;
	it->path[it->level] = permissive;
	return skip_empty(it);
}

/**
 * spec_iter_next - the next entry that is not empty: what is in a table follows it
 * @it:	the position
 *
 * Return: whether there is one.
 */
bool spec_iter_next(struct spec_iter *it)
{
	if (it->entry.kind == SPEC_DIRECTORY)
		step_down(it);
	else if (!step_sideways(it))
		return false;
	return skip_empty(it);
}

/**
 * spec_page_first - the first mapping
 * @it:		receives the position
 * @pt:		the page table
 * @region:	only mappings that overlap this; of size 0, its base
 *
 * Return: whether there is one.
 */
bool spec_page_first(struct spec_iter *it, const struct spec_pt *pt, struct spec_region region)
{
	bool more = spec_iter_first(it, pt, region);

	while (more && it->entry.kind != SPEC_PAGE)
		more = spec_iter_next(it);
	return more;
}

/**
 * spec_page_next - the next mapping
 * @it:	the position
 *
 * Return: whether there is one.
 */
bool spec_page_next(struct spec_iter *it)
{
	bool more;

	do
		more = spec_iter_next(it);
	while (more && it->entry.kind != SPEC_PAGE);
	return more;
}

/**
 * spec_iter_pte - the mapping at a position
 * @it:		the position; its entry is a page, and @it->va the mapping's base
 * @pte:	receives the mapping, with the rights of its whole path (S27)
 */
void spec_iter_pte(const struct spec_iter *it, struct spec_pte *pte)
{
	make_pte(&it->entry, it->level, it->path[it->level], pte);
}

/**
 * spec_interp_pt_mem - what a page table means: all its mappings (S30: interp_pt_mem)
 * @pt:		the page table
 * @map:	receives them; what it held is removed
 *
 * Equal tables give equal maps (S31), and so do tables that differ in what the
 * hardware sets, if SPEC_HARDWARE_ATTRS are ignored (S21).
 *
 * Return: 0, or -ENOMEM, and then @map is empty.
 */
int spec_interp_pt_mem(const struct spec_pt *pt, struct spec_map *map)
{
	return spec_interp_range(pt, SPEC_ALL, map);
}

/**
 * spec_interp_range - what a part of a page table means
 * @pt:		the page table
 * @region:	which mappings: those that overlap this
 * @map:	receives them; what it held is removed
 *
 * Return: 0, or -ENOMEM, and then @map is empty.
 */
int spec_interp_range(const struct spec_pt *pt, struct spec_region region, struct spec_map *map)
{
	struct spec_iter it;
	struct spec_pte pte;

	spec_map_clear(map);
	spec_for_each_page(&it, pt, region) {
		spec_iter_pte(&it, &pte);
		if (spec_map_insert(map, it.va, &pte)) {
			spec_map_clear(map);
			return -ENOMEM;
		}
	}
	return 0;
}

/* They differ at most in the bits that may be more, of which none is lost. */
static bool leaves_equal(const u64 *leaves, const u64 *words, unsigned int nr, u64 more)
{
	u64 differ = 0, lost = 0;
	unsigned int i;

#pragma GCC unroll 8
	for (i = 0; i < nr; i++)
		differ |= READ_ONCE(leaves[i]) ^ words[i];
	for (i = 0; i < nr && differ & more; i++)
		lost |= words[i] & ~READ_ONCE(leaves[i]);
	return !(differ & ~more) && !(lost & more);
}

/*
 * Whether the part of a table of level 1 that is walked means what it should, as can
 * be told from its bytes at once; if not, it may still.
 */
static bool table_equal(const struct spec_iter *it, const struct spec_map *map, u32 more)
{
	const struct spec_pt *pt = it->pt;
	u64 first = it->va < it->first ? it->first : it->va;
	u64 last = it->va | (spec_entry_size(2) - 1);
	const u64 *leaves = pt->table ? pt->table(pt->ctx, it->entry.addr) : NULL;
	const u64 *words = spec_map_words(map, first);
	struct spec_flags path = combine(it->path[2], it->entry.flags);
	unsigned int nr;

	if (!leaves || !words || !pt->held || !path.is_writable || path.is_supervisor ||
	    path.disable_execute)
		return false;
	last = last < it->last ? last : it->last;
	nr = (last >> SPEC_PAGE_SHIFT) - (first >> SPEC_PAGE_SHIFT) + 1;
	return leaves_equal(leaves + spec_index_bits(1, first), words, nr, SPEC_FLAG_TRACKED |
			    (u64)(more & ~SPEC_NOREAD) << SPEC_ATTRS_SHIFT);
}

/**
 * spec_interp_equal - whether a part of a page table means what it should
 * @pt:		the page table
 * @region:	mappings that overlap this are compared
 * @map:	what they should be, of a table of @pt->width; may hold others elsewhere
 * @more:	attributes that they may have besides, as the hardware sets them (S21)
 *
 * One that is present and held at once is nothing that it should be (S23).
 */
bool spec_interp_equal(const struct spec_pt *pt, struct spec_region region,
		       const struct spec_map *map, u32 more)
{
	u64 end = region.base + region.size, base;
	struct spec_pte real, wanted;
	struct spec_iter it;
	bool any = spec_map_covering(map, region.base, &base, &wanted) ||
		   spec_map_next_before(map, region.base, end, &base, &wanted);

	spec_for_each_entry(&it, pt, region) {
		if (it.entry.kind == SPEC_DIRECTORY) {
			if (it.level != 2 || !table_equal(&it, map, more))
				continue;
			if (any && base < it.va)
				return false;
			/* On to what comes after the table. */
			it.entry.kind = SPEC_EMPTY;
			any = spec_map_next_before(map, it.va + spec_entry_size(2), end, &base,
						   &wanted);
			continue;
		}
		/* Decoding does not look at it in what is present; it means something else. */
		if (pt->held && it.raw & SPEC_FLAG_P && it.raw & SPEC_FLAG_HELD)
			return false;
		spec_iter_pte(&it, &real);
		if (!any || base != it.va || !spec_pte_equal(&real, &wanted, more) ||
		    wanted.attrs & ~real.attrs)
			return false;
		any = spec_map_next_before(map, base + 1, end, &base, &wanted);
	}
	return !any;
}

/**
 * spec_table_empty - whether a table and all below it map nothing
 * @pt:		the page table
 * @table:	physical address of the table
 * @level:	its level
 */
bool spec_table_empty(const struct spec_pt *pt, u64 table, unsigned int level)
{
	struct spec_pt part = *pt;
	struct spec_iter it;

	part.cr3 = table;
	part.levels = level;
	spec_for_each_page(&it, &part, SPEC_ALL)
		return false;
	return true;
}
