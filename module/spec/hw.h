/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hardware: memory, the page table, TLBs (S41 to S50).
 *
 * A core is a number below core_no; of a machine with several NUMA nodes it is
 * NUMA_id times the cores of a node plus core_id.
 *
 * The page table is its interpretation (S30).  Only the functions of this file
 * that are named after what they do to a mapping change it, and they change nothing
 * else (S50): a step of the operating system calls one of them, none happens by
 * itself.
 *
 * There are two ways to represent TLBs: each core's as it is, for machines that
 * are explored, and all that it may be (tlb.h), for machines that are observed.
 */
#ifndef SPEC_HW_H
#define SPEC_HW_H

#include "map.h"
#include "tlb.h"
#include "vector.h"

/* What a function returns that would violate nothing, but for which there is no memory. */
extern const char *const spec_no_memory;

/**
 * struct spec_word - a word of memory that is not 0
 * @index:	its address divided by 8
 * @value:	what it holds
 */
struct spec_word {
	u64 index;
	u64 value;
};

/**
 * struct spec_hw - the hardware (HWConstants, HWVariables)
 * @core_no:	how many cores there are
 * @phys_mem_size: words of physical memory
 * @mem:	struct spec_word
 * @pt:		interpretation of the page table
 * @tlb:	of each core; NULL if they cannot be seen
 * @maximal:	what they may hold, if they cannot be seen
 */
struct spec_hw {
	unsigned int core_no;
	u64 phys_mem_size;
	struct spec_vector mem;
	struct spec_map pt;
	struct spec_map *tlb;
	struct spec_tlb maximal;
};

int spec_hw_init(struct spec_hw *hw, const struct spec_alloc *alloc, unsigned int core_no,
		 u64 phys_mem_size, bool see_tlbs);
void spec_hw_destroy(struct spec_hw *hw);

u64 spec_mem_load(const struct spec_vector *mem, u64 index);
int spec_mem_store(struct spec_vector *mem, u64 index, u64 value);

const char *spec_hw_read_write(struct spec_hw *hw, unsigned int core, u64 vaddr,
			       const struct spec_rw_op *op, u64 base, const struct spec_pte *pte);
const char *spec_hw_tlb_fill(struct spec_hw *hw, unsigned int core, u64 vaddr,
			     const struct spec_pte *pte);
const char *spec_hw_tlb_evict(struct spec_hw *hw, unsigned int core, u64 vaddr);

bool spec_hw_may_hold(const struct spec_hw *hw, unsigned int core, u64 base,
		      const struct spec_pte *pte);
bool spec_hw_next_stale(const struct spec_hw *hw, unsigned int core, u64 from, u64 *base,
			struct spec_pte *pte);
bool spec_hw_holds_stale(const struct spec_hw *hw, unsigned int core, u64 vaddr);

const char *spec_hw_map(struct spec_hw *hw, u64 vaddr, const struct spec_pte *pte);
const char *spec_hw_unmap(struct spec_hw *hw, u64 vaddr, const struct spec_pte *from, u64 owner);
const char *spec_hw_protect(struct spec_hw *hw, u64 vaddr, const struct spec_pte *from,
			    const struct spec_pte *to, u64 owner);

/**
 * spec_valid_core - whether there is such a core (S41)
 * @hw:		the hardware
 * @core:	the core
 */
static inline bool spec_valid_core(const struct spec_hw *hw, unsigned int core)
{
	return core < hw->core_no;
}

#endif /* SPEC_HW_H */
