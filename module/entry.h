/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bits of a page-table entry: names, encoding, decoding.
 *
 * An entry is one of four things:
 *
 *   empty	all zero; nothing else that is not present is empty (S24)
 *   table	present, points to a table one level lower
 *   leaf	present, maps a frame
 *   held	not present, but maps a frame whose property lacks READ; the CPU
 *		ignores it, the frame and the rest of the property are kept
 *
 * Directories are permissive: P, RW and US set, XD clear; restrictions live in
 * the leaf (S22).  Bits 52 to 62 are always zero, so that the specification's
 * stricter reading of them and the CPU's agree (S18).  G is never set: a
 * global translation would be visible in every process.
 *
 * Nothing here knows of indices or allocation.
 */
#ifndef VMS_ENTRY_H
#define VMS_ENTRY_H

#include <linux/bits.h>
#include <linux/types.h>
#include <linux/vmspace.h>
#include "compat.h"

enum vms_entry_bits {
	VMS_P		= BIT_ULL(0),
	VMS_RW		= BIT_ULL(1),
	VMS_US		= BIT_ULL(2),
	VMS_PWT		= BIT_ULL(3),
	VMS_PCD		= BIT_ULL(4),
	VMS_A		= BIT_ULL(5),
	VMS_D		= BIT_ULL(6),
	VMS_PS		= BIT_ULL(7),	/* levels 2 and 3: a leaf (S19) */
	VMS_SOFT	= BIT_ULL(9),	/* VMSPACE_PROP_SOFT */
	VMS_TRACKED	= BIT_ULL(10),	/* leaf: the frame has a struct vms_frame */
	VMS_HELD	= BIT_ULL(11),	/* not present, but not empty */
	VMS_XD		= BIT_ULL(63),
};

#define VMS_ADDRESS_MASK	GENMASK_ULL(51, 12)
#define VMS_CACHE_MASK		(VMS_PWT | VMS_PCD)
#define VMS_DIRECTORY		(VMS_P | VMS_RW | VMS_US)

/* What MUST be zero in every entry that this module writes (S18). */
#define VMS_MUST_BE_ZERO	(GENMASK_ULL(62, 52) | BIT_ULL(8))

static inline bool vms_entry_empty(u64 e)
{
	return !e;
}

static inline bool vms_entry_present(u64 e)
{
	return e & VMS_P;
}

/**
 * vms_entry_table - whether @e, in a table of @level, points to a table
 * @e:	an entry
 * @level:	1 to 5
 */
static inline bool vms_entry_table(u64 e, unsigned int level)
{
	return (e & VMS_P) && level > 1 && !(e & VMS_PS);
}

/**
 * vms_entry_mapping - whether @e is a leaf or held, and so maps a frame
 * @e:	an entry
 * @level:	1 to 5
 */
static inline bool vms_entry_mapping(u64 e, unsigned int level)
{
	return !vms_entry_empty(e) && !vms_entry_table(e, level);
}

/**
 * vms_entry_pfn - number of the frame or table in @e, memory encryption's bit aside
 * @e:	an entry
 */
static inline u64 vms_entry_pfn(u64 e)
{
	return (e & VMS_ADDRESS_MASK & ~vms_sme_mask()) >> 12;
}

/**
 * vms_entry_prop - the property of a mapping, as VMSPACE_PROP_*
 * @e:	an entry
 */
static inline u32 vms_entry_prop(u64 e)
{
	return ((e & VMS_P) ? VMSPACE_PROP_READ : 0) |
	       ((e & VMS_RW) ? VMSPACE_PROP_WRITE : 0) |
	       ((e & VMS_XD) ? 0 : VMSPACE_PROP_EXEC) |
	       ((e & VMS_US) ? VMSPACE_PROP_USER : 0) |
	       ((e & VMS_A) ? VMSPACE_PROP_ACCESSED : 0) |
	       ((e & VMS_D) ? VMSPACE_PROP_DIRTY : 0) |
	       ((e & VMS_SOFT) ? VMSPACE_PROP_SOFT : 0);
}

/**
 * vms_prop_bits - the bits of an entry that say @prop (S10, S23)
 * @prop:	VMSPACE_PROP_*
 */
static inline u64 vms_prop_bits(u32 prop)
{
	return ((prop & VMSPACE_PROP_READ) ? VMS_P : VMS_HELD) |
	       ((prop & VMSPACE_PROP_WRITE) ? VMS_RW : 0) |
	       ((prop & VMSPACE_PROP_EXEC) ? 0 : VMS_XD) |
	       ((prop & VMSPACE_PROP_USER) ? VMS_US : 0) |
	       ((prop & VMSPACE_PROP_ACCESSED) ? VMS_A : 0) |
	       ((prop & VMSPACE_PROP_DIRTY) ? VMS_D : 0) |
	       ((prop & VMSPACE_PROP_SOFT) ? VMS_SOFT : 0);
}

/**
 * struct vms_change - how an entry changes with its property
 * @keep:	bits that stay as they are
 * @add:	bits that are set
 */
struct vms_change {
	u64 keep;
	u64 add;
};

/**
 * vms_prop_change - how an entry changes
 * @clear:	VMSPACE_PROP_* to clear
 * @set:	VMSPACE_PROP_* to set; none that is in @clear
 */
static inline struct vms_change vms_prop_change(u32 clear, u32 set)
{
	/* What is said by a bit that is set, and what by one that is clear. */
	const u32 positive = VMSPACE_PROP_ALL & ~VMSPACE_PROP_EXEC;
	u64 off = (vms_prop_bits(clear & positive) & ~(VMS_HELD | VMS_XD)) |
		  ((set & VMSPACE_PROP_EXEC) ? VMS_XD : 0) |
		  ((set & VMSPACE_PROP_READ) ? VMS_HELD : 0);
	u64 on = (vms_prop_bits(set & positive) & ~(VMS_HELD | VMS_XD)) |
		 ((clear & VMSPACE_PROP_EXEC) ? VMS_XD : 0) |
		 ((clear & VMSPACE_PROP_READ) ? VMS_HELD : 0);

	return (struct vms_change) { .keep = ~off, .add = on };
}

/**
 * vms_entry_change - an entry with its property changed
 * @e:		a leaf or held entry
 * @change:	from vms_prop_change()
 */
static inline u64 vms_entry_change(u64 e, struct vms_change change)
{
	return (e & change.keep) | change.add;
}

/**
 * vms_entry_piece - one of the 512 leaves that a larger one is split into
 * @e:		a leaf or held entry at a level above 1
 * @child_level: the level of the pieces
 * @offset:	of the piece, in bytes
 */
static inline u64 vms_entry_piece(u64 e, unsigned int child_level, u64 offset)
{
	return (child_level > 1 ? e : e & ~VMS_PS) + offset;
}

/**
 * vms_cache_bits - the bits of an entry that say a cache policy
 * @cache: VMSPACE_CACHE_*
 *
 * Linux programs the PAT so that PWT alone is write-combining and PWT with PCD
 * is uncached (SDM volume 3A, 11.12; arch/x86/mm/pat/memtype.c).
 */
static inline u64 vms_cache_bits(u32 cache)
{
	switch (cache) {
	case VMSPACE_CACHE_WC:
		return VMS_PWT;
	case VMSPACE_CACHE_UC:
		return VMS_PWT | VMS_PCD;
	default:
		return 0;
	}
}

/**
 * vms_entry_cache - the cache policy of a mapping, as VMSPACE_CACHE_*
 * @e:	an entry
 */
static inline u32 vms_entry_cache(u64 e)
{
	switch (e & VMS_CACHE_MASK) {
	case VMS_PWT:
		return VMSPACE_CACHE_WC;
	case VMS_PWT | VMS_PCD:
		return VMSPACE_CACHE_UC;
	default:
		return VMSPACE_CACHE_WB;
	}
}

/**
 * vms_entry_must_flush - whether a TLB may hold what @old allows and @new not
 * @old: a leaf or held entry as it was
 * @new: what replaced it: empty, or a mapping of the same frame
 *
 * Rights that grow need no flush, at most one access faults needlessly; all
 * else does, clearing A or D included (SDM volume 3A, 4.10.4.2 and 4.10.4.3).
 * What was not present was never cached.
 */
static inline bool vms_entry_must_flush(u64 old, u64 new)
{
	const u64 grants = VMS_P | VMS_RW | VMS_US | VMS_A | VMS_D;

	if (!vms_entry_present(old))
		return false;
	return (old & ~new & grants) || (new & ~old & VMS_XD);
}

#endif /* VMS_ENTRY_H */
