// SPDX-License-Identifier: GPL-2.0-only
#include "cores.h"
#include "geometry.h"
#include "tlb.h"

#define KEY_NUMBERS	SPEC_PAGE_SIZE	/* so many keys there are for one base */

/**
 * spec_permits - whether a mapping lets an access through (S44, S45)
 * @pte:	the mapping
 * @op:		the access; its result is not looked at
 */
bool spec_permits(const struct spec_pte *pte, const struct spec_rw_op *op)
{
	if (pte->attrs & SPEC_NOREAD || (pte->flags.is_supervisor && !op->is_kernel))
		return false;
	if (op->is_store)
		return pte->flags.is_writable;
	return !op->is_exec || !pte->flags.disable_execute;
}

/**
 * spec_must_flush - whether a translation that is cached must not stay (S69 of a change)
 * @from:	what may be cached
 * @to:		what the page table holds there now
 *
 * It may stay if it leads to the same place and allows nothing more: then at
 * most an access faults needlessly (SDM 4.10.4.3).  One with A or D set does not
 * set them again, so that clearing them takes a flush as well.
 */
bool spec_must_flush(const struct spec_pte *from, const struct spec_pte *to)
{
	const u32 type = SPEC_PWT | SPEC_PCD | SPEC_PAT | SPEC_GLOBAL;

	if (from->attrs & SPEC_NOREAD)
		return false;
	return from->frame.base != to->frame.base || from->frame.size != to->frame.size ||
	       (from->flags.is_writable && !to->flags.is_writable) ||
	       (!from->flags.is_supervisor && to->flags.is_supervisor) ||
	       (!from->flags.disable_execute && to->flags.disable_execute) ||
	       (from->attrs ^ to->attrs) & type || to->attrs & SPEC_NOREAD ||
	       from->attrs & ~to->attrs & SPEC_HARDWARE_ATTRS;
}

/**
 * spec_tlb_init - nobody is inside, and nothing is stale (S41)
 * @tlb:	receives it
 * @alloc:	where memory comes from; stays in use
 * @cores:	how many there are, at least 1
 *
 * Return: 0 or -ENOMEM.
 */
int spec_tlb_init(struct spec_tlb *tlb, const struct spec_alloc *alloc, unsigned int cores)
{
	size_t bytes = spec_cores_words(cores) * sizeof(u64);

	spec_vector_init(&tlb->stale, alloc, sizeof(struct spec_stale) + bytes);
	tlb->cores = cores;
	tlb->now = 0;
	tlb->inside = alloc->alloc(bytes);
	if (!tlb->inside)
		return -ENOMEM;
	memset(tlb->inside, 0, bytes);
	return 0;
}

/**
 * spec_tlb_destroy - give all memory back
 * @tlb:	which spec_tlb_init() made
 */
void spec_tlb_destroy(struct spec_tlb *tlb)
{
	tlb->stale.alloc->free(tlb->inside);
	tlb->inside = NULL;
	spec_vector_clear(&tlb->stale);
}

static struct spec_stale *stale_at(const struct spec_tlb *tlb, size_t i)
{
	return spec_vector_item(&tlb->stale, i);
}

/* Remove what nobody holds. */
static void drop_unheld(struct spec_tlb *tlb)
{
	size_t words = spec_cores_words(tlb->cores), i, kept = 0;

	for (i = 0; i < tlb->stale.nr; i++) {
		struct spec_stale *stale = stale_at(tlb, i);

		if (spec_cores_empty(stale->holders, words))
			continue;
		if (kept != i)
			memcpy(stale_at(tlb, kept), stale, tlb->stale.size);
		kept++;
	}
	tlb->stale.nr = kept;
}

/**
 * spec_tlb_inside - whether a core walks the page table (S41)
 * @tlb:	the TLBs
 * @core:	the core
 */
bool spec_tlb_inside(const struct spec_tlb *tlb, unsigned int core)
{
	return core < tlb->cores && spec_cores_has(tlb->inside, core);
}

/**
 * spec_tlb_deserted - whether no core is inside, so that none can hold anything
 * @tlb:	the TLBs
 */
bool spec_tlb_deserted(const struct spec_tlb *tlb)
{
	return spec_cores_empty(tlb->inside, spec_cores_words(tlb->cores));
}

/**
 * spec_tlb_enter - a core begins to walk the page table, with an empty TLB (S41)
 * @tlb:	the TLBs
 * @core:	the core
 *
 * Return: NULL or the rule.
 */
const char *spec_tlb_enter(struct spec_tlb *tlb, unsigned int core)
{
	if (core >= tlb->cores)
		return "S41_valid_core";
	if (spec_tlb_inside(tlb, core))
		return "S41_enters_from_outside";
	spec_cores_add(tlb->inside, core);
	return NULL;
}

/**
 * spec_tlb_leave - a core goes, and takes nothing with it (S49)
 * @tlb:	the TLBs
 * @core:	the core
 *
 * Return: NULL or the rule.
 */
const char *spec_tlb_leave(struct spec_tlb *tlb, unsigned int core)
{
	if (!spec_tlb_inside(tlb, core))
		return "S41_leaves_from_inside";
	spec_cores_remove(tlb->inside, core);
	spec_tlb_flush_all(tlb, core);
	return NULL;
}

/* The same, if it is there already; else a new one that nobody holds; NULL without memory. */
static struct spec_stale *make_stale(struct spec_tlb *tlb, u64 base, const struct spec_pte *pte,
				     u64 owner, bool must_flush)
{
	size_t i = spec_vector_find(&tlb->stale, base);
	struct spec_stale *stale;
	u64 key = base;

	for (; i < tlb->stale.nr; i++) {
		stale = stale_at(tlb, i);
		if (spec_stale_base(stale) != base)
			break;
		if (stale->owner == owner && stale->must_flush == must_flush &&
		    spec_pte_equal(&stale->pte, pte, 0))
			return stale;
		key = stale->key + 1;
	}
	if (key - base >= KEY_NUMBERS)
		return NULL;
	stale = spec_vector_insert(&tlb->stale, key);
	if (stale) {
		stale->pte = *pte;
		stale->owner = owner;
		stale->must_flush = must_flush;
	}
	return stale;
}

/**
 * spec_tlb_stale_add - a translation leaves the page table; all inside may hold it (S47, S48)
 * @tlb:	the TLBs
 * @base:	its first address
 * @pte:	the translation; its size is a power of two that @base is a multiple of
 * @owner:	of the operation that removes it; not kept if it may stay
 * @must_flush:	it must not stay, see spec_must_flush()
 *
 * To be called before the page table changes, so that nothing has when it fails.
 *
 * Return: 0 or -ENOMEM; also for more than 4096 different translations of one address.
 */
int spec_tlb_stale_add(struct spec_tlb *tlb, u64 base, const struct spec_pte *pte, u64 owner,
		       bool must_flush)
{
	size_t words = spec_cores_words(tlb->cores), i;
	struct spec_stale *stale;

	if (spec_tlb_deserted(tlb))
		return 0;
	/* What may stay is nobody's to flush. */
	stale = make_stale(tlb, base, pte, must_flush ? owner : 0, must_flush);
	if (!stale)
		return -ENOMEM;
	WRITE_ONCE(tlb->now, tlb->now + 1);
	stale->since = tlb->now;
	for (i = 0; i < words; i++)
		stale->holders[i] |= tlb->inside[i];
	return 0;
}

/* The next stale translation of an address, whoever holds it. */
static struct spec_stale *next_stale(const struct spec_tlb *tlb, u64 va, struct spec_tlb_pos *pos)
{
	for (; pos->smaller < SPEC_MAX_LEVELS; pos->smaller++, pos->number = 0) {
		u64 size = spec_entry_size(pos->smaller + 1), base = va & -size;
		size_t i = spec_vector_find(&tlb->stale, base + pos->number);

		for (; i < tlb->stale.nr && spec_stale_base(stale_at(tlb, i)) == base; i++) {
			struct spec_stale *stale = stale_at(tlb, i);

			pos->number = stale->key - base + 1;
			if (stale->pte.frame.size == size)
				return stale;
		}
	}
	return NULL;
}

/**
 * spec_tlb_next - the next stale translation of an address that a core may hold (S47)
 * @tlb:	the TLBs; not changed between calls
 * @core:	the core
 * @va:		the address
 * @pos:	where to go on; zero for the first
 *
 * Return: the translation, or NULL if there are no more.
 */
const struct spec_stale *spec_tlb_next(const struct spec_tlb *tlb, unsigned int core, u64 va,
				       struct spec_tlb_pos *pos)
{
	const struct spec_stale *stale;

	do
		stale = next_stale(tlb, va, pos);
	while (stale && !spec_cores_has(stale->holders, core));
	return stale;
}

/**
 * spec_tlb_now - a moment, for spec_flushed.at
 * @tlb:	the TLBs
 *
 * Context: any, also beside other functions on @tlb.
 */
u64 spec_tlb_now(const struct spec_tlb *tlb)
{
	return READ_ONCE(tlb->now);
}

static void drop_flushed(struct spec_stale *stale, unsigned int core, u64 at)
{
	if (stale->since <= at)
		spec_cores_remove(stale->holders, core);
}

/**
 * spec_tlb_flushed - a core has dropped what it held (S49)
 * @tlb:	the TLBs
 * @core:	the core
 * @f:		what, and when
 *
 * What it holds of unlinked tables goes only for the addresses that it flushed: more may
 * stay on CPUs with EFER.TCE.
 */
void spec_tlb_flushed(struct spec_tlb *tlb, unsigned int core, const struct spec_flushed *f)
{
	struct spec_stale *stale;
	size_t i;

	for (i = 0; f->full && i < tlb->stale.nr; i++)
		drop_flushed(stale_at(tlb, i), core, f->at);
	for (i = 0; !f->full && i < f->nr; i++) {
		struct spec_tlb_pos pos = { };

		while ((stale = next_stale(tlb, f->va[i], &pos)))
			drop_flushed(stale, core, f->at);
	}
	drop_unheld(tlb);
}

/**
 * spec_tlb_flush - a core drops all that it may hold of some addresses (S49: INVLPG)
 * @tlb:	the TLBs
 * @core:	the core
 * @va:		the addresses
 * @nr:		how many
 */
void spec_tlb_flush(struct spec_tlb *tlb, unsigned int core, const u64 *va, size_t nr)
{
	const struct spec_flushed f = { .nr = nr, .va = va, .at = SPEC_FLUSHED_NOW };

	spec_tlb_flushed(tlb, core, &f);
}

/**
 * spec_tlb_flush_all - a core drops all that it may hold (S49: a load of CR3)
 * @tlb:	the TLBs
 * @core:	the core
 */
void spec_tlb_flush_all(struct spec_tlb *tlb, unsigned int core)
{
	const struct spec_flushed f = { .full = true, .at = SPEC_FLUSHED_NOW };

	spec_tlb_flushed(tlb, core, &f);
}

/**
 * spec_tlb_may_hold - whether a core may hold exactly this translation (S43, S48)
 * @tlb:	the TLBs
 * @pt:		interpretation of the page table
 * @core:	the core
 * @base:	the translation's first address
 * @pte:	the translation
 */
bool spec_tlb_may_hold(const struct spec_tlb *tlb, const struct spec_map *pt, unsigned int core,
		       u64 base, const struct spec_pte *pte)
{
	struct spec_tlb_pos pos = { };
	const struct spec_stale *stale;
	struct spec_pte current_pte;

	if (!spec_tlb_inside(tlb, core))
		return false;
	if (spec_map_get(pt, base, &current_pte) &&
	    spec_pte_equal(&current_pte, pte, SPEC_HARDWARE_ATTRS))
		return true;
	while ((stale = spec_tlb_next(tlb, core, base, &pos)))
		if (spec_stale_base(stale) == base &&
		    spec_pte_equal(&stale->pte, pte, SPEC_HARDWARE_ATTRS))
			return true;
	return false;
}

static bool awaits(const struct spec_stale *stale, u64 owner, struct spec_region scope)
{
	struct spec_region region = { spec_stale_base(stale), stale->pte.frame.size };

	return stale->must_flush && stale->owner == owner && spec_overlap(region, scope);
}

/**
 * spec_tlb_awaits - whether a core has yet to flush something (S69, S91)
 * @tlb:	the TLBs
 * @core:	the core
 * @owner:	of what
 * @scope:	where
 */
bool spec_tlb_awaits(const struct spec_tlb *tlb, unsigned int core, u64 owner,
		     struct spec_region scope)
{
	size_t i;

	for (i = 0; i < tlb->stale.nr; i++)
		if (spec_cores_has(stale_at(tlb, i)->holders, core) &&
		    awaits(stale_at(tlb, i), owner, scope))
			return true;
	return false;
}

/**
 * spec_tlb_awaits_any - whether any core has yet to flush something (S70, S86)
 * @tlb:	the TLBs
 * @owner:	of what
 * @scope:	where
 */
bool spec_tlb_awaits_any(const struct spec_tlb *tlb, u64 owner, struct spec_region scope)
{
	size_t i;

	for (i = 0; i < tlb->stale.nr; i++)
		if (awaits(stale_at(tlb, i), owner, scope))
			return true;
	return false;
}

/*
 * What a translation can make of an access: nothing of what was seen (0), or
 * LEADS to where it went, and LETS it through.
 */
enum { LEADS = BIT(0), LETS = BIT(1) };

static unsigned int translates(u64 base, const struct spec_pte *pte, u64 va,
			       const struct spec_rw_op *op, u64 paddr)
{
	bool leads = !(pte->attrs & SPEC_NOREAD) && pte->frame.base + (va - base) == paddr;

	return (leads ? LEADS : 0) | (spec_permits(pte, op) ? LETS : 0);
}

/* What could be seen of a page fault: some translation that does not let it through. */
static const char *judge_fault(const struct spec_tlb *tlb, const struct spec_map *pt,
			       unsigned int core, u64 va, const struct spec_rw_op *op)
{
	struct spec_tlb_pos pos = { };
	const struct spec_stale *stale;
	struct spec_pte pte;

	if (!spec_map_covering(pt, va, NULL, &pte) || !spec_permits(&pte, op))
		return NULL;
	while ((stale = spec_tlb_next(tlb, core, va, &pos)))
		if (!spec_permits(&stale->pte, op))
			return NULL;
	return "S46_no_fault_where_mapped";
}

/**
 * spec_tlb_access - whether an access could end as it did (S43 to S47)
 * @tlb:	the TLBs
 * @pt:		interpretation of the page table
 * @core:	that made the access
 * @va:		its address
 * @op:		the access with its result, SPEC_OK or SPEC_PAGEFAULT; its value is
 *		not looked at
 * @paddr:	the physical address that it went to, unless it faulted
 *
 * Return: NULL or the rule.
 */
const char *spec_tlb_access(const struct spec_tlb *tlb, const struct spec_map *pt,
			    unsigned int core, u64 va, const struct spec_rw_op *op, u64 paddr)
{
	struct spec_tlb_pos pos = { };
	const struct spec_stale *stale;
	struct spec_pte pte;
	unsigned int how, seen = 0;
	u64 base;

	if (!spec_tlb_inside(tlb, core))
		return "S43_core_is_inside";
	if (op->result == SPEC_PAGEFAULT)
		return judge_fault(tlb, pt, core, va, op);
	if (spec_map_covering(pt, va, &base, &pte)) {
		seen = translates(base, &pte, va, op, paddr);
		if (seen == (LEADS | LETS))
			return NULL;
	}
	while ((stale = spec_tlb_next(tlb, core, va, &pos))) {
		how = translates(spec_stale_base(stale), &stale->pte, va, op, paddr);
		if (how == (LEADS | LETS))
			return NULL;
		seen |= how;
	}
	if (!(seen & LEADS))
		return "S43_translation_is_held";
	return op->is_store ? "S44_store_permitted" : "S45_load_permitted";
}
