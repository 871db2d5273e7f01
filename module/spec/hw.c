// SPDX-License-Identifier: GPL-2.0-only
#include "cores.h"
#include "geometry.h"
#include "hw.h"

const char *const spec_no_memory = "no_memory";

static int init_tlbs(struct spec_hw *hw, const struct spec_alloc *alloc)
{
	unsigned int core;

	hw->tlb = alloc->alloc(hw->core_no * sizeof(*hw->tlb));
	if (!hw->tlb)
		return -ENOMEM;
	for (core = 0; core < hw->core_no; core++)
		spec_map_init(&hw->tlb[core], alloc);
	return 0;
}

/**
 * spec_hw_init - memory is zero, nothing is mapped, TLBs are empty (S41)
 * @hw:		receives the hardware
 * @alloc:	where memory comes from; stays in use
 * @core_no:	how many cores there are
 * @phys_mem_size: words of physical memory
 * @see_tlbs:	TLBs are represented as they are, else by what they may hold; then
 *		no core is inside
 *
 * Return: 0; -EINVAL without cores; -ENOMEM.  If not 0, there is nothing to destroy.
 */
int spec_hw_init(struct spec_hw *hw, const struct spec_alloc *alloc, unsigned int core_no,
		 u64 phys_mem_size, bool see_tlbs)
{
	if (!core_no)
		return -EINVAL;
	*hw = (struct spec_hw) { .core_no = core_no, .phys_mem_size = phys_mem_size };
	spec_vector_init(&hw->mem, alloc, sizeof(struct spec_word));
	spec_map_init(&hw->pt, alloc);
	return see_tlbs ? init_tlbs(hw, alloc) : spec_tlb_init(&hw->maximal, alloc, core_no);
}

/**
 * spec_hw_destroy - give all memory back
 * @hw:	which spec_hw_init() made
 */
void spec_hw_destroy(struct spec_hw *hw)
{
	unsigned int core;

	for (core = 0; hw->tlb && core < hw->core_no; core++)
		spec_map_clear(&hw->tlb[core]);
	if (hw->tlb)
		hw->pt.blocks.alloc->free(hw->tlb);
	else
		spec_tlb_destroy(&hw->maximal);
	spec_map_clear(&hw->pt);
	spec_vector_clear(&hw->mem);
}

/**
 * spec_mem_load - a word of memory (S40)
 * @mem:	struct spec_word
 * @index:	the word's address divided by 8
 */
u64 spec_mem_load(const struct spec_vector *mem, u64 index)
{
	const struct spec_word *word = spec_vector_get(mem, index);

	return word ? word->value : 0;
}

/**
 * spec_mem_store - change a word of memory (S40)
 * @mem:	struct spec_word
 * @index:	the word's address divided by 8
 * @value:	what it shall hold
 *
 * Return: 0 or -ENOMEM.
 */
int spec_mem_store(struct spec_vector *mem, u64 index, u64 value)
{
	struct spec_word *word = spec_vector_get(mem, index);

	if (!value && word)
		spec_vector_remove(mem, word);
	if (!value)
		return 0;
	if (!word)
		word = spec_vector_insert(mem, index);
	if (!word)
		return -ENOMEM;
	word->value = value;
	return 0;
}

/**
 * spec_hw_may_hold - whether a core's TLB holds a translation, or may (S43)
 * @hw:		the hardware
 * @core:	the core
 * @base:	the translation's first address
 * @pte:	the translation
 */
bool spec_hw_may_hold(const struct spec_hw *hw, unsigned int core, u64 base,
		      const struct spec_pte *pte)
{
	struct spec_pte held;

	if (!hw->tlb)
		return spec_tlb_may_hold(&hw->maximal, &hw->pt, core, base, pte);
	return spec_map_get(&hw->tlb[core], base, &held) &&
	       spec_pte_equal(&held, pte, SPEC_HARDWARE_ATTRS);
}

/* The result that the flags give an access through a mapping (S44, S45). */
static const char *check_result(const struct spec_hw *hw, u64 paddr, const struct spec_rw_op *op,
				const struct spec_pte *pte)
{
	u64 index = paddr / SPEC_WORD_SIZE;
	bool ok = index < hw->phys_mem_size && spec_permits(pte, op);

	if (op->result != (ok ? SPEC_OK : SPEC_PAGEFAULT))
		return op->is_store ? "S44_store_result" : "S45_load_result";
	if (ok && !op->is_store && op->value != spec_mem_load(&hw->mem, index))
		return "S45_load_value";
	return NULL;
}

/**
 * spec_hw_read_write - an access of a word (S42 to S47)
 * @hw:		the hardware
 * @core:	that makes it
 * @vaddr:	its address
 * @op:		the access with its result, which is not SPEC_UNDEFINED
 * @base:	first address of the translation that is used
 * @pte:	the translation; NULL if there is none
 *
 * Changes one word of memory if it is a store that succeeds (S44), else nothing.
 *
 * Return: NULL; the rule, and then nothing has changed; spec_no_memory, likewise.
 */
const char *spec_hw_read_write(struct spec_hw *hw, unsigned int core, u64 vaddr,
			       const struct spec_rw_op *op, u64 base, const struct spec_pte *pte)
{
	const char *rule;
	u64 paddr;

	if (!spec_aligned(vaddr, SPEC_WORD_SIZE))
		return "S42_vaddr_aligned";
	if (!spec_valid_core(hw, core))
		return "S41_valid_core";
	if (!pte) {
		if (spec_map_covering(&hw->pt, vaddr, NULL, NULL))
			return "S46_no_mapping";
		return op->result == SPEC_PAGEFAULT ? NULL : "S46_pagefault";
	}
	if (!spec_hw_may_hold(hw, core, base, pte))
		return "S43_tlb_contains";
	if (!spec_between(vaddr, base, base + pte->frame.size))
		return "S43_vaddr_in_mapping";
	paddr = pte->frame.base + (vaddr - base);
	rule = check_result(hw, paddr, op, pte);
	if (rule || !op->is_store || op->result != SPEC_OK)
		return rule;
	return spec_mem_store(&hw->mem, paddr / SPEC_WORD_SIZE, op->value) ? spec_no_memory : NULL;
}

/**
 * spec_hw_tlb_fill - a core's TLB takes up a mapping of the page table (S48)
 * @hw:		the hardware; its TLBs can be seen
 * @core:	the core
 * @vaddr:	the mapping's first address
 * @pte:	the mapping
 *
 * Return: NULL; the rule, and then nothing has changed; spec_no_memory, likewise.
 */
const char *spec_hw_tlb_fill(struct spec_hw *hw, unsigned int core, u64 vaddr,
			     const struct spec_pte *pte)
{
	struct spec_pte mapped;
	int err;

	if (!spec_valid_core(hw, core))
		return "S41_valid_core";
	if (!spec_map_get(&hw->pt, vaddr, &mapped) || !spec_pte_equal(&mapped, pte, 0))
		return "S48_in_the_page_table";
	spec_map_remove(&hw->tlb[core], vaddr);
	err = spec_map_insert(&hw->tlb[core], vaddr, pte);
	return err == -ENOMEM ? spec_no_memory : NULL;
}

/**
 * spec_hw_tlb_evict - a core's TLB drops an entry (S49)
 * @hw:		the hardware; its TLBs can be seen
 * @core:	the core
 * @vaddr:	first address of the entry
 *
 * Return: NULL, or the rule, and then nothing has changed.
 */
const char *spec_hw_tlb_evict(struct spec_hw *hw, unsigned int core, u64 vaddr)
{
	if (!spec_valid_core(hw, core))
		return "S41_valid_core";
	return spec_map_remove(&hw->tlb[core], vaddr) ? "S49_in_the_tlb" : NULL;
}

static bool in_page_table(const struct spec_hw *hw, u64 base, const struct spec_pte *pte)
{
	struct spec_pte mapped;

	return spec_map_get(&hw->pt, base, &mapped) &&
	       spec_pte_equal(&mapped, pte, SPEC_HARDWARE_ATTRS);
}

static bool next_maximal(const struct spec_hw *hw, unsigned int core, u64 from, u64 *base,
			 struct spec_pte *pte)
{
	const struct spec_vector *all = &hw->maximal.stale;
	size_t i = spec_vector_find(all, from);

	for (; i < all->nr; i++) {
		const struct spec_stale *stale = spec_vector_item(all, i);

		if (!stale->must_flush || !spec_cores_has(stale->holders, core))
			continue;
		*base = stale->key;
		*pte = stale->pte;
		return true;
	}
	return false;
}

/**
 * spec_hw_next_stale - an entry of a core's TLB that the page table does not hold (S92, S93)
 * @hw:		the hardware
 * @core:	the core
 * @from:	where to look; 0 for the first, else one more than @base was
 * @base:	receives the entry's first address, in bits 12 and up
 * @pte:	receives the entry
 *
 * Where TLBs cannot be seen: one that it may hold and has to flush.
 *
 * Return: whether there is one.
 */
bool spec_hw_next_stale(const struct spec_hw *hw, unsigned int core, u64 from, u64 *base,
			struct spec_pte *pte)
{
	if (!hw->tlb)
		return next_maximal(hw, core, from, base, pte);
	while (spec_map_next(&hw->tlb[core], from, base, pte)) {
		if (!in_page_table(hw, *base, pte))
			return true;
		from = *base + 1;
	}
	return false;
}

/**
 * spec_hw_holds_stale - whether a core's TLB has, or may have, what the page table has not (S69)
 * @hw:		the hardware
 * @core:	the core
 * @vaddr:	first address of the entry
 */
bool spec_hw_holds_stale(const struct spec_hw *hw, unsigned int core, u64 vaddr)
{
	struct spec_pte pte;
	u64 base;

	return spec_hw_next_stale(hw, core, vaddr, &base, &pte) &&
	       base - vaddr < SPEC_PAGE_SIZE;
}

/**
 * spec_hw_map - the page table gets a mapping (S50)
 * @hw:		the hardware
 * @vaddr:	its first address, a key that the page table does not have
 * @pte:	the mapping
 *
 * Return: NULL or spec_no_memory, and then nothing has changed.
 */
const char *spec_hw_map(struct spec_hw *hw, u64 vaddr, const struct spec_pte *pte)
{
	return spec_map_insert(&hw->pt, vaddr, pte) ? spec_no_memory : NULL;
}

/* Before the page table changes: what may be cached from now on that is not in it. */
static const char *add_stale(struct spec_hw *hw, u64 vaddr, const struct spec_pte *pte, u64 owner,
			     bool must_flush)
{
	if (hw->tlb || !spec_tlb_stale_add(&hw->maximal, vaddr, pte, owner, must_flush))
		return NULL;
	return spec_no_memory;
}

/**
 * spec_hw_unmap - the page table loses a mapping (S50)
 * @hw:		the hardware
 * @vaddr:	its first address
 * @from:	the mapping, as the page table has it
 * @owner:	of the operation that does it
 *
 * Return: NULL or spec_no_memory, and then nothing has changed.
 */
const char *spec_hw_unmap(struct spec_hw *hw, u64 vaddr, const struct spec_pte *from, u64 owner)
{
	const char *rule = NULL;

	/* What is not present was never cached. */
	if (!(from->attrs & SPEC_NOREAD))
		rule = add_stale(hw, vaddr, from, owner, true);

	if (!rule)
		spec_map_remove(&hw->pt, vaddr);
	return rule;
}

/**
 * spec_hw_protect - a mapping of the page table changes (S50)
 * @hw:		the hardware
 * @vaddr:	its first address
 * @from:	the mapping, as the page table has it
 * @to:		what it becomes; of the same size
 * @owner:	of the operation that does it
 *
 * Return: NULL or spec_no_memory, and then nothing has changed.
 */
const char *spec_hw_protect(struct spec_hw *hw, u64 vaddr, const struct spec_pte *from,
			    const struct spec_pte *to, u64 owner)
{
	const char *rule = add_stale(hw, vaddr, from, owner, spec_must_flush(from, to));

	if (!rule)
		spec_map_replace(&hw->pt, vaddr, to);
	return rule;
}
