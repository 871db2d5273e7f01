/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All that TLBs may hold.
 *
 * Nobody sees a TLB being filled or evicting.  What can be said of one that
 * cannot be seen: a core that is inside may hold any mapping of the page table,
 * and any that was removed or changed since the core last flushed it.  The latter
 * are kept here, each with the cores that may still hold it.  A core that is not
 * inside holds nothing: it flushes when it enters and when it leaves.
 *
 * So a set of cores stands for what the specification tells of a shootdown: who
 * has not flushed yet is still a holder.
 */
#ifndef SPEC_TLB_H
#define SPEC_TLB_H

#include "map.h"
#include "vector.h"

/* What happens to an access (HWLoadResult, HWStoreResult, LoadResult, StoreResult). */
enum spec_result {
	SPEC_OK,		/* Ok or Value */
	SPEC_PAGEFAULT,
	SPEC_UNDEFINED,		/* only of the abstract machine */
};

/**
 * struct spec_rw_op - an access of one word, and its result (HWRWOp, RWOp)
 * @is_store:	a store, else a load
 * @is_exec:	a load that is a fetch of an instruction
 * @is_kernel:	not in user mode, so that supervisor mappings may be used [not in
 *		the specification, which knows user mode only]
 * @result:	see there
 * @value:	that is stored, or was loaded
 */
struct spec_rw_op {
	bool is_store;
	bool is_exec;
	bool is_kernel;
	enum spec_result result;
	u64 value;
};

/**
 * struct spec_stale - a translation that the page table does not hold any more
 * @key:	its base, plus a number that tells it from others of the same base
 * @pte:	the translation; with SPEC_NOREAD, nothing: a table that was unlinked,
 *		in which a core may still find that there is no mapping
 * @owner:	of the operation that removed it, 0 if it may stay
 * @must_flush:	it grants what the page table does not
 * @since:	spec_tlb_now() when it left the page table, the last time
 * @holders:	cores that may hold it
 */
struct spec_stale {
	u64 key;
	struct spec_pte pte;
	u64 owner;
	bool must_flush;
	u64 since;
	u64 holders[];
};

/**
 * struct spec_tlb - what cores may hold besides the page table's mappings
 * @stale:	struct spec_stale
 * @cores:	how many cores there are
 * @inside:	those that are inside
 * @now:	how many translations have left the page table
 */
struct spec_tlb {
	struct spec_vector stale;
	unsigned int cores;
	u64 *inside;
	u64 now;
};

/**
 * struct spec_flushed - what a core has flushed
 * @full:	everything
 * @nr:		else how many addresses
 * @va:		the addresses; anywhere in a mapping, whatever its size
 * @at:		spec_tlb_now() before it did: what left the page table since, it may hold
 */
struct spec_flushed {
	bool full;
	size_t nr;
	const u64 *va;
	u64 at;
};

/* Whatever has left the page table by now. */
#define SPEC_FLUSHED_NOW	(~0ULL)

/**
 * struct spec_tlb_pos - where a search is; zero to begin
 * @smaller:	how many sizes of translations are done with
 * @number:	the lowest number in a key that is not
 */
struct spec_tlb_pos {
	unsigned int smaller;
	unsigned int number;
};

bool spec_permits(const struct spec_pte *pte, const struct spec_rw_op *op);
bool spec_must_flush(const struct spec_pte *from, const struct spec_pte *to);

int spec_tlb_init(struct spec_tlb *tlb, const struct spec_alloc *alloc, unsigned int cores);
void spec_tlb_destroy(struct spec_tlb *tlb);

bool spec_tlb_inside(const struct spec_tlb *tlb, unsigned int core);
bool spec_tlb_deserted(const struct spec_tlb *tlb);
const char *spec_tlb_enter(struct spec_tlb *tlb, unsigned int core);
const char *spec_tlb_leave(struct spec_tlb *tlb, unsigned int core);

int spec_tlb_stale_add(struct spec_tlb *tlb, u64 base, const struct spec_pte *pte, u64 owner,
		       bool must_flush);
u64 spec_tlb_now(const struct spec_tlb *tlb);
void spec_tlb_flushed(struct spec_tlb *tlb, unsigned int core, const struct spec_flushed *f);
void spec_tlb_flush(struct spec_tlb *tlb, unsigned int core, const u64 *va, size_t nr);
void spec_tlb_flush_all(struct spec_tlb *tlb, unsigned int core);

const struct spec_stale *spec_tlb_next(const struct spec_tlb *tlb, unsigned int core, u64 va,
				       struct spec_tlb_pos *pos);
bool spec_tlb_may_hold(const struct spec_tlb *tlb, const struct spec_map *pt, unsigned int core,
		       u64 base, const struct spec_pte *pte);
bool spec_tlb_awaits(const struct spec_tlb *tlb, unsigned int core, u64 owner,
		     struct spec_region scope);
bool spec_tlb_awaits_any(const struct spec_tlb *tlb, u64 owner, struct spec_region scope);

const char *spec_tlb_access(const struct spec_tlb *tlb, const struct spec_map *pt,
			    unsigned int core, u64 va, const struct spec_rw_op *op, u64 paddr);

/**
 * spec_stale_base - the address that a stale translation begins at
 * @stale:	the translation
 */
static inline u64 spec_stale_base(const struct spec_stale *stale)
{
	return stale->key & ~0xfffULL;
}

#endif /* SPEC_TLB_H */
