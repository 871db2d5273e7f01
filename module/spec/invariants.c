// SPDX-License-Identifier: GPL-2.0-only
#include "cores.h"
#include "geometry.h"
#include "invariants.h"
#include "sound.h"

#define for_each_state(os, core, s)						\
	for ((core) = 0, (s) = (os)->core_states; (core) < (os)->config.core_no;	\
	     (core)++, (s)++)

/* S87: every thread has a valid core. */
static bool ult2core_valid(const struct spec_os *os)
{
	u32 ult;

	for (ult = 0; ult < os->config.ult_no; ult++)
		if (!spec_valid_core(&os->hw, os->config.ult2core[ult]))
			return false;
	return true;
}

/* S87, S53. */
static bool unique_lock_holder(const struct spec_os *os)
{
	const struct spec_core_state *s;
	unsigned int core, holders = 0;

	for_each_state(os, core, s)
		holders += spec_holds_lock(s);
	return holders <= 1;
}

/* S88: an operation is on the core of its thread. */
static bool valid_ids(const struct spec_os *os)
{
	const struct spec_core_state *s;
	unsigned int core;

	for_each_state(os, core, s)
		if (s->state != SPEC_IDLE &&
		    (s->ult_id >= os->config.ult_no || os->config.ult2core[s->ult_id] != core))
			return false;
	return true;
}

/* S89: what an unmap took away is not mapped, nor what it did not find. */
static bool successful_unmaps(const struct spec_os *os)
{
	const struct spec_core_state *s;
	unsigned int core;

	for_each_state(os, core, s)
		if (spec_is_unmap(s) && spec_past_change(s) &&
		    spec_map_get(&os->hw.pt, s->vaddr, NULL))
			return false;
	return true;
}

/* S90. */
static bool shootdown_cores_valid(const struct spec_os *os)
{
	unsigned int core;

	for (core = os->config.core_no; core < 64 * spec_cores_words(os->config.core_no); core++)
		if (spec_cores_has(os->open_requests, core))
			return false;
	return true;
}

/* S91: who has acknowledged a shootdown holds nothing of it. */
static bool successful_ipi(const struct spec_os *os)
{
	const struct spec_core_state *s;
	unsigned int dispatcher, handler;

	for_each_state(os, dispatcher, s) {
		if (!spec_is_shootdown(s))
			continue;
		for (handler = 0; handler < os->config.core_no; handler++)
			if (!spec_cores_has(os->open_requests, handler) &&
			    spec_hw_holds_stale(&os->hw, handler, s->vaddr))
				return false;
	}
	return true;
}

/* The operation that has taken away or changed the mapping at @vaddr, and is not done with it. */
static const struct spec_core_state *changer(const struct spec_os *os, u64 vaddr)
{
	const struct spec_core_state *s;
	unsigned int core;

	for_each_state(os, core, s)
		if (spec_past_change(s) && s->ok && s->vaddr == vaddr)
			return s;
	return NULL;
}

/* Of all entries of all TLBs that the page table does not hold. */
static bool all_stale(const struct spec_os *os,
		      bool (*holds)(const struct spec_os *os, u64 vaddr,
				    const struct spec_pte *pte))
{
	struct spec_pte pte;
	unsigned int core;
	u64 base;

	for (core = 0; core < os->config.core_no; core++) {
		u64 from = 0;

		for (; spec_hw_next_stale(&os->hw, core, from, &base, &pte); from = base + 1)
			if (!holds(os, base & -SPEC_PAGE_SIZE, &pte))
				return false;
	}
	return true;
}

static bool mapped_or_unmapped(const struct spec_os *os, u64 vaddr, const struct spec_pte *pte)
{
	const struct spec_core_state *s = changer(os, vaddr);

	return spec_map_get(&os->hw.pt, vaddr, NULL) || (s && spec_is_unmap(s));
}

/* S92, corrected: from the removal on, also before the operation is done with its writes. */
static bool tlb_dom(const struct spec_os *os)
{
	return all_stale(os, mapped_or_unmapped);
}

/* What is neither mapped nor being removed violates S92 already. */
static bool as_it_was(const struct spec_os *os, u64 vaddr, const struct spec_pte *pte)
{
	const struct spec_core_state *s = changer(os, vaddr);

	if (s)
		return spec_pte_equal(&s->pte, pte, SPEC_HARDWARE_ATTRS);
	return !spec_map_get(&os->hw.pt, vaddr, NULL);
}

/* S93: as in the page table, or as they were before the operation in flight. */
static bool tlb_values(const struct spec_os *os)
{
	return all_stale(os, as_it_was);
}

/* S94. */
static bool shootdown_exists(const struct spec_os *os)
{
	unsigned int core;

	if (spec_cores_empty(os->open_requests, spec_cores_words(os->config.core_no)))
		return true;
	return spec_kernel_lock(os, &core) && spec_is_shootdown(&os->core_states[core]) &&
	       os->core_states[core].vaddr == os->shootdown_vaddr;
}

static bool pairwise(const struct spec_os *os,
		     bool (*holds)(const struct spec_os *os, const struct spec_core_state *a,
				   const struct spec_core_state *b))
{
	const struct spec_core_state *a, *b;
	unsigned int i, j;

	for_each_state(os, i, a)
		for_each_state(os, j, b)
			if (i < j && a->state != SPEC_IDLE && b->state != SPEC_IDLE &&
			    !holds(os, a, b))
				return false;
	return true;
}

static bool vmem_disjoint(const struct spec_os *os, const struct spec_core_state *a,
			  const struct spec_core_state *b)
{
	return !spec_overlap(spec_inflight_vmem(os, a), spec_inflight_vmem(os, b));
}

/* S95. */
static bool inflight_vmem_no_overlap(const struct spec_os *os)
{
	return !os->sound || pairwise(os, vmem_disjoint);
}

/* Ascending by base, no region may begin before all before it have ended. */
static bool disjoint(const struct spec_map *map)
{
	struct spec_pte pte;
	u64 base, end = 0;

	spec_map_for_each(map, base, pte) {
		if (base < end)
			return false;
		end = base + pte.frame.size;
	}
	return true;
}

/* S96; here it holds without soundness as well. */
static bool existing_vmem_no_overlap(const struct spec_os *os)
{
	return disjoint(&os->hw.pt);
}

static bool differ(const struct spec_os *os, const struct spec_core_state *a,
		   const struct spec_core_state *b)
{
	return a->state != b->state || a->ult_id != b->ult_id || a->vaddr != b->vaddr ||
	       a->ok != b->ok || !spec_pte_equal(&a->pte, &b->pte, 0);
}

/* S97. */
static bool unique_core_states(const struct spec_os *os)
{
	return pairwise(os, differ);
}

static bool wf_pte(const struct spec_os *os, u64 vaddr, const struct spec_pte *pte)
{
	u64 size = pte->frame.size;

	return spec_page_level(size) && spec_aligned(vaddr, size) &&
	       spec_aligned(pte->frame.base, size) &&
	       pte->frame.base <= spec_max_phyaddr(os->config.width) &&
	       vaddr + size < spec_max_base(os->config.levels);
}

/* S98, of what is in flight. */
static bool inflight_ptes_wf(const struct spec_os *os)
{
	const struct spec_core_state *s;
	unsigned int core;

	for_each_state(os, core, s)
		if ((spec_is_map(s) || (spec_past_change(s) && s->ok)) &&
		    !wf_pte(os, s->vaddr, &s->pte))
			return false;
	return true;
}

/* S98, of what is mapped. */
static bool mapped_ptes_wf(const struct spec_os *os)
{
	struct spec_pte pte;
	u64 base;

	spec_map_for_each(&os->hw.pt, base, pte)
		if (!wf_pte(os, base, &pte))
			return false;
	return true;
}

static bool pmem_disjoint(const struct spec_os *os, const struct spec_core_state *a,
			  const struct spec_core_state *b)
{
	struct spec_region x, y;

	return !spec_inflight_frame(os, a, &x) || !spec_inflight_frame(os, b, &y) ||
	       !spec_overlap(x, y);
}

/* S99: in flight against in flight. */
static bool inflight_pmem_no_overlap(const struct spec_os *os)
{
	return !os->sound || pairwise(os, pmem_disjoint);
}

/* S99: in flight against existing; before its change, an unmap's frame is an existing one. */
static bool inflight_existing_pmem_no_overlap(const struct spec_os *os)
{
	const struct spec_core_state *s;
	struct spec_region frame;
	unsigned int core;

	if (!os->sound)
		return true;
	for_each_state(os, core, s)
		if (s->state != SPEC_UNMAP_WAITING && spec_inflight_frame(os, s, &frame) &&
		    spec_overlaps_existing_pmem(os, frame))
			return false;
	return true;
}

/*
 * S99: existing against existing.  The index holds a frame for each mapping, and leads
 * back to it: so if the frames there are disjoint, all are.
 */
static bool existing_pmem_no_overlap(const struct spec_os *os)
{
	struct spec_pte pte, back;
	u64 base;

	if (!os->sound)
		return true;
	spec_map_for_each(&os->hw.pt, base, pte)
		if (!spec_map_get(&os->frames, pte.frame.base, &back) ||
		    back.frame.base != base || back.frame.size != pte.frame.size)
			return false;
	return spec_map_count(&os->frames) == spec_map_count(&os->hw.pt) &&
	       disjoint(&os->frames);
}

const struct spec_invariant spec_invariants[SPEC_NR_INVARIANTS] = {
	{ "S87_ult2core_valid", ult2core_valid, false },
	{ "S87_unique_lock_holder", unique_lock_holder, false },
	{ "S88_valid_ids", valid_ids, false },
	{ "S89_successful_unmaps", successful_unmaps, false },
	{ "S90_shootdown_cores_valid", shootdown_cores_valid, false },
	{ "S91_successful_ipi", successful_ipi, false },
	{ "S92_tlb_dom", tlb_dom, true },
	{ "S93_tlb_values", tlb_values, true },
	{ "S94_shootdown_exists", shootdown_exists, false },
	{ "S95_inflight_vmem_no_overlap", inflight_vmem_no_overlap, false },
	{ "S96_existing_vmem_no_overlap", existing_vmem_no_overlap, true },
	{ "S97_unique_core_states", unique_core_states, false },
	{ "S98_inflight_ptes_wf", inflight_ptes_wf, false },
	{ "S98_mapped_ptes_wf", mapped_ptes_wf, true },
	{ "S99_inflight_pmem_no_overlap", inflight_pmem_no_overlap, false },
	{ "S99_inflight_existing_pmem_no_overlap", inflight_existing_pmem_no_overlap, false },
	{ "S99_existing_pmem_no_overlap", existing_pmem_no_overlap, true },
};

/**
 * spec_os_inv - whether all invariants hold (S87 to S99)
 * @os:		the machine
 * @whole:	also those that look at the whole page table and at whole TLBs
 *
 * Return: NULL, or the name of the first that does not.
 */
const char *spec_os_inv(const struct spec_os *os, bool whole)
{
	unsigned int i;

	for (i = 0; i < SPEC_NR_INVARIANTS; i++)
		if ((whole || !spec_invariants[i].is_whole) && !spec_invariants[i].holds(os))
			return spec_invariants[i].name;
	return NULL;
}
