/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One entry of a page table: what it means to the hardware, and what it has to
 * look like when it is written (S10 to S25).
 */
#ifndef SPEC_ENTRY_H
#define SPEC_ENTRY_H

#include "types.h"

/* Bits at all levels, and those of leaves (S10). */
enum spec_entry_bits {
	SPEC_FLAG_P		= BIT_ULL(0),
	SPEC_FLAG_RW		= BIT_ULL(1),
	SPEC_FLAG_US		= BIT_ULL(2),
	SPEC_FLAG_PWT		= BIT_ULL(3),
	SPEC_FLAG_PCD		= BIT_ULL(4),
	SPEC_FLAG_A		= BIT_ULL(5),
	SPEC_FLAG_D		= BIT_ULL(6),	/* leaves */
	SPEC_FLAG_PS		= BIT_ULL(7),	/* levels 2 and 3: a leaf */
	SPEC_FLAG_PAT_4K	= BIT_ULL(7),	/* leaves of level 1 */
	SPEC_FLAG_G		= BIT_ULL(8),	/* leaves */
	SPEC_FLAG_PAT		= BIT_ULL(12),	/* leaves of levels 2 and 3 */
	SPEC_FLAG_XD		= BIT_ULL(63),
};

/* Bits that the hardware ignores and that have a meaning here. */
enum spec_software_bits {
	SPEC_FLAG_SOFT		= BIT_ULL(9),	/* leaves: SPEC_SOFT */
	SPEC_FLAG_TRACKED	= BIT_ULL(10),	/* leaves: whose the frame is */
	SPEC_FLAG_HELD		= BIT_ULL(11),	/* see spec_decode_held() */
};

/* What the hardware may set at any time (S21). */
#define SPEC_FLAG_HARDWARE	(SPEC_FLAG_A | SPEC_FLAG_D)

/* A directory as it is written, but for the address (S22). */
#define SPEC_DIRECTORY_FLAGS	(SPEC_FLAG_P | SPEC_FLAG_RW | SPEC_FLAG_US)

enum spec_entry_kind {
	SPEC_EMPTY,
	SPEC_DIRECTORY,
	SPEC_PAGE,
};

/**
 * struct spec_entry - an entry, decoded (GhostPageDirectoryEntry)
 * @kind:	what it is
 * @addr:	of the next table, or of the frame
 * @flags:	its own rights, not those of the path to it
 * @attrs:	what else a page has, SPEC_NOREAD and so on
 */
struct spec_entry {
	enum spec_entry_kind kind;
	u64 addr;
	struct spec_flags flags;
	u32 attrs;
};

u64 spec_must_be_zero(u64 entry, unsigned int level, unsigned int width);
u64 spec_address_mask(u64 entry, unsigned int level, unsigned int width);
void spec_decode(u64 entry, unsigned int level, unsigned int width, struct spec_entry *e);
bool spec_decode_held(u64 entry, unsigned int level, unsigned int width, struct spec_entry *e);
u64 spec_page_entry(const struct spec_pte *pte, unsigned int level);
bool spec_valid_paging(u64 cr4, u64 efer, unsigned int levels);

const char *spec_check_no_high_bits(u64 entry);
const char *spec_check_directory(u64 entry);
const char *spec_check_page(u64 entry, unsigned int level, unsigned int width, u32 allowed);
const char *spec_check_not_present(u64 entry, unsigned int level, unsigned int width, u32 allowed);
const char *spec_check_entry(u64 entry, unsigned int level, unsigned int width, u32 allowed);

/**
 * spec_entry_equal - whether two entries differ at most in what the hardware sets (S21)
 * @a:	one
 * @b:	the other
 */
static inline bool spec_entry_equal(u64 a, u64 b)
{
	return !((a ^ b) & ~SPEC_FLAG_HARDWARE);
}

#endif /* SPEC_ENTRY_H */
