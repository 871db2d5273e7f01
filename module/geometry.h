/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Geometry of a page table: levels, sizes, indices, limits.
 *
 * Levels count up from the tables of 4 KiB leaves, as the rest of the kernel
 * counts them: a table of level 1 holds 4 KiB leaves, one of level 2 holds
 * 2 MiB leaves and tables of level 1, and so on up to the root at level 4 or
 * 5.  The specification's layer L is level 4 - L (S1, S2).
 *
 * Nothing here knows what the bits of an entry mean.
 */
#ifndef VMS_GEOMETRY_H
#define VMS_GEOMETRY_H

#include <linux/align.h>
#include <linux/bits.h>
#include <linux/types.h>

#define VMS_PAGE_SHIFT		12
#define VMS_PAGE_SIZE		BIT_ULL(VMS_PAGE_SHIFT)
#define VMS_INDEX_BITS		9
#define VMS_ENTRIES		BIT(VMS_INDEX_BITS)
#define VMS_MAX_LEVELS		5
#define VMS_MAX_LEAF_LEVEL	3	/* 1 GiB; not every CPU has them */

/**
 * vms_level_shift - binary logarithm of what one entry at @level spans (S2)
 * @level: 1 to 5
 */
static inline unsigned int vms_level_shift(unsigned int level)
{
	return VMS_PAGE_SHIFT + (level - 1) * VMS_INDEX_BITS;
}

/**
 * vms_level_size - what one entry at @level spans, in bytes (S2)
 * @level:	1 to 5
 */
static inline u64 vms_level_size(unsigned int level)
{
	return 1ULL << vms_level_shift(level);
}

/**
 * vms_index - index of @va in a table of @level (S6)
 * @va:	an address
 * @level:	1 to 5
 */
static inline unsigned int vms_index(u64 va, unsigned int level)
{
	return (va >> vms_level_shift(level)) & (VMS_ENTRIES - 1);
}

/**
 * vms_slot_start - first address of the entry at @level that spans @va (S6)
 * @va:	an address
 * @level:	1 to 5
 */
static inline u64 vms_slot_start(u64 va, unsigned int level)
{
	return ALIGN_DOWN(va, vms_level_size(level));
}

/**
 * vms_va_end - end of the part of a space that can be mapped (S30)
 * @levels: 4 or 5
 *
 * The user half without its last page, which Linux leaves out as well.  No
 * address up to and including the end wraps, whatever page size is added.
 */
static inline u64 vms_va_end(unsigned int levels)
{
	return (1ULL << (vms_level_shift(levels) + VMS_INDEX_BITS - 1)) - VMS_PAGE_SIZE;
}

/**
 * vms_page_aligned - whether @x is a multiple of the smallest page (S7)
 * @x:	an address or a length
 */
static inline bool vms_page_aligned(u64 x)
{
	return IS_ALIGNED(x, VMS_PAGE_SIZE);
}

#endif /* VMS_GEOMETRY_H */
