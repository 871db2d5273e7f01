/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Geometry: levels, sizes, indices, regions (S1 to S9).
 *
 * The specification knows 4 levels; the fifth continues it.
 */
#ifndef SPEC_GEOMETRY_H
#define SPEC_GEOMETRY_H

#include "types.h"

#define SPEC_PAGE_SHIFT		12
#define SPEC_PAGE_SIZE		BIT_ULL(SPEC_PAGE_SHIFT)
#define SPEC_WORD_SIZE		8
#define SPEC_INDEX_BITS		9
#define SPEC_NUM_ENTRIES	512
#define SPEC_MIN_LEVELS		4
#define SPEC_MAX_LEVELS		5
#define SPEC_MAX_PAGE_LEVEL	3	/* the level of 1 GiB leaves */

bool spec_valid_phyaddr_width(unsigned int width);
bool spec_aligned(u64 addr, u64 size);
bool spec_overlap(struct spec_region a, struct spec_region b);
unsigned int spec_page_level(u64 size);

/**
 * spec_bitmask_inc - a mask of bits, both ends included (S5)
 * @low:	the lowest bit, 0 to 63
 * @high:	the highest bit, up to 63; less than @low for the empty mask
 */
static inline u64 spec_bitmask_inc(unsigned int low, unsigned int high)
{
	return high < low ? 0 : ~0ULL >> (63 - (high - low)) << low;
}

/**
 * spec_entry_shift - binary logarithm of spec_entry_size()
 * @level:	1 to 5
 */
static inline unsigned int spec_entry_shift(unsigned int level)
{
	return SPEC_PAGE_SHIFT + (level - 1) * SPEC_INDEX_BITS;
}

/**
 * spec_entry_size - what one entry of a table spans, in bytes (S2)
 * @level:	of the table, 1 to 5
 */
static inline u64 spec_entry_size(unsigned int level)
{
	return BIT_ULL(spec_entry_shift(level));
}

/**
 * spec_max_base - end of the addresses that a page table translates (S3)
 * @levels:	4 or 5
 */
static inline u64 spec_max_base(unsigned int levels)
{
	return BIT_ULL(spec_entry_shift(levels + 1));
}

/**
 * spec_max_phyaddr - the highest physical address (S4)
 * @width:	of a physical address in bits, see spec_valid_phyaddr_width()
 */
static inline u64 spec_max_phyaddr(unsigned int width)
{
	return BIT_ULL(width) - 1;
}

/**
 * spec_index_bits - the bits of an address that index a table (S6: l0_bits and so on)
 * @level:	of the table, 1 to 5
 * @va:		the address
 */
static inline unsigned int spec_index_bits(unsigned int level, u64 va)
{
	return va >> spec_entry_shift(level) & (SPEC_NUM_ENTRIES - 1);
}

/**
 * spec_index_for_vaddr - index of the entry that spans an address (S6)
 * @level:	of the table, 1 to 5
 * @base:	first address that the table spans
 * @va:		the address, not before @base
 */
static inline u64 spec_index_for_vaddr(unsigned int level, u64 base, u64 va)
{
	return (va - base) >> spec_entry_shift(level);
}

/**
 * spec_entry_base - first address that an entry spans (S6)
 * @level:	of the table, 1 to 5
 * @base:	first address that the table spans
 * @idx:	of the entry, 0 to 512; at 512 it is the end of the table (upper_vaddr)
 */
static inline u64 spec_entry_base(unsigned int level, u64 base, u64 idx)
{
	return base + (idx << spec_entry_shift(level));
}

/**
 * spec_next_entry_base - first address that the next entry spans (S6)
 * @level:	of the table, 1 to 5
 * @base:	first address that the table spans
 * @idx:	of the entry, 0 to 511
 */
static inline u64 spec_next_entry_base(unsigned int level, u64 base, u64 idx)
{
	return spec_entry_base(level, base, idx + 1);
}

/**
 * spec_between - whether an address is in a half-open range (S7)
 * @x:	the address
 * @a:	first of the range
 * @b:	end of the range
 */
static inline bool spec_between(u64 x, u64 a, u64 b)
{
	return a <= x && x < b;
}

/**
 * spec_contains - whether a region contains an address (S7: MemRegion.contains)
 * @region:	the region
 * @addr:	the address
 */
static inline bool spec_contains(struct spec_region region, u64 addr)
{
	return region.base <= addr && addr - region.base < region.size;
}

#endif /* SPEC_GEOMETRY_H */
