// SPDX-License-Identifier: GPL-2.0-only
#include "entry.h"
#include "geometry.h"

#define CR4_LA57	BIT_ULL(12)
#define EFER_NXE	BIT_ULL(11)

/* A leaf of more than 4 KiB, if it is one at all. */
static bool is_large(u64 entry, unsigned int level)
{
	return (level == 2 || level == 3) && entry & SPEC_FLAG_PS;
}

/**
 * spec_must_be_zero - the bits that must be zero in an entry (S14 to S17)
 * @entry:	the entry, which is present; says what it is by its PS bit
 * @level:	of the table, 1 to 5
 * @width:	of a physical address
 *
 * As the specification has it, bits 52 to 62 are among them at levels 1 and 2,
 * where the hardware ignores them as at all others (SDM volume 3A, tables 4-14
 * to 4-20).  No entry with any of them set is ever written, and so both agree
 * (S18).
 */
u64 spec_must_be_zero(u64 entry, unsigned int level, unsigned int width)
{
	unsigned int high = level <= 2 ? 62 : 51;
	u64 reserved = spec_bitmask_inc(width, high);

	if (level >= 4)
		return reserved | SPEC_FLAG_PS;
	if (is_large(entry, level))
		return reserved | spec_bitmask_inc(13, spec_entry_shift(level) - 1);
	return reserved;
}

/**
 * spec_address_mask - the bits of an entry that say an address (S11)
 * @entry:	the entry; says what it is by its PS bit
 * @level:	of the table, 1 to 5
 * @width:	of a physical address
 */
u64 spec_address_mask(u64 entry, unsigned int level, unsigned int width)
{
	unsigned int low = is_large(entry, level) ? spec_entry_shift(level) : SPEC_PAGE_SHIFT;

	return spec_bitmask_inc(low, width - 1);
}

static struct spec_flags decode_flags(u64 entry)
{
	return (struct spec_flags) {
		.is_writable = entry & SPEC_FLAG_RW,
		.is_supervisor = !(entry & SPEC_FLAG_US),
		.disable_execute = entry & SPEC_FLAG_XD,
	};
}

/* In the place of PS there is PAT in a leaf of 4 KiB, which is elsewhere in others. */
static u32 decode_attrs(u64 entry, unsigned int level)
{
	u32 attrs = entry >> SPEC_ATTRS_SHIFT & (SPEC_ALL_ATTRS & ~SPEC_NOREAD);

	if (level == 1)
		return attrs;
	return (attrs & ~SPEC_PAT) | (entry & SPEC_FLAG_PAT ? SPEC_PAT : 0);
}

/**
 * spec_decode - what an entry means to the hardware (S10 to S13, S19, S20)
 * @entry:	the entry
 * @level:	of the table, 1 to 5
 * @width:	of a physical address
 * @e:		receives the meaning
 *
 * One that is not present is empty whatever its other bits are (S12), and so is
 * one with a bit set that must be zero (S13).
 */
void spec_decode(u64 entry, unsigned int level, unsigned int width, struct spec_entry *e)
{
	bool is_page = level == 1 || is_large(entry, level);

	if (!(entry & SPEC_FLAG_P) || entry & spec_must_be_zero(entry, level, width)) {
		*e = (struct spec_entry) { .kind = SPEC_EMPTY };
		return;
	}
	*e = (struct spec_entry) {
		.kind = is_page ? SPEC_PAGE : SPEC_DIRECTORY,
		.addr = entry & spec_address_mask(entry, level, width),
		.flags = decode_flags(entry),
		.attrs = is_page ? decode_attrs(entry, level) : 0,
	};
}

/* The leaf that a held entry becomes when READ is set. */
static u64 become_leaf(u64 entry)
{
	return (entry & ~SPEC_FLAG_HELD) | SPEC_FLAG_P;
}

/**
 * spec_decode_held - whether an entry holds a mapping without the right to read
 * @entry:	the entry
 * @level:	of the table, 1 to 5
 * @width:	of a physical address
 * @e:		receives what is held: a page with SPEC_NOREAD
 *
 * Not part of the specification of page tables, to which such an entry is empty
 * (S12): x86 has no memory that can be written or executed but not read, and so
 * a mapping without READ has its P bit clear and bit 11 set; the rest is as in
 * the leaf that it becomes when READ is set.
 *
 * Return: whether it does; if not, @e is empty.
 */
bool spec_decode_held(u64 entry, unsigned int level, unsigned int width, struct spec_entry *e)
{
	*e = (struct spec_entry) { .kind = SPEC_EMPTY };
	if (entry & SPEC_FLAG_P || !(entry & SPEC_FLAG_HELD))
		return false;
	spec_decode(become_leaf(entry), level, width, e);
	e->attrs |= SPEC_NOREAD;
	if (e->kind != SPEC_PAGE)
		*e = (struct spec_entry) { .kind = SPEC_EMPTY };
	return e->kind == SPEC_PAGE;
}

/**
 * spec_page_entry - the leaf that is written for a mapping (S23)
 * @pte:	the mapping; PAT and GLOBAL of its attributes do not show, they are never set
 * @level:	of the table, 1 to 3: the one that spec_page_level() says
 *
 * Return: the entry, without SPEC_FLAG_TRACKED.
 */
u64 spec_page_entry(const struct spec_pte *pte, unsigned int level)
{
	const u32 shown = SPEC_ALL_ATTRS & ~(SPEC_NOREAD | SPEC_PAT | SPEC_GLOBAL);

	return pte->frame.base | (level > 1 ? SPEC_FLAG_PS : 0) |
	       (pte->attrs & SPEC_NOREAD ? SPEC_FLAG_HELD : SPEC_FLAG_P) |
	       (pte->flags.is_writable ? SPEC_FLAG_RW : 0) |
	       (pte->flags.is_supervisor ? 0 : SPEC_FLAG_US) |
	       (pte->flags.disable_execute ? SPEC_FLAG_XD : 0) |
	       (u64)(pte->attrs & shown) << SPEC_ATTRS_SHIFT;
}

/**
 * spec_valid_paging - whether the CPU reads tables as it is written here (S25)
 * @cr4:	CR4
 * @efer:	IA32_EFER
 * @levels:	that the caller reckons with, 4 or 5
 *
 * Without NXE, the XD bit must be zero.  CPUs with HLAT are as others as long as
 * no virtual machine monitor turns it on for this one, which cannot be seen
 * from inside.
 */
bool spec_valid_paging(u64 cr4, u64 efer, unsigned int levels)
{
	return efer & EFER_NXE && levels == (cr4 & CR4_LA57 ? 5 : 4);
}

/**
 * spec_check_no_high_bits - bits 52 to 62 are zero in whatever is written (S18)
 * @entry:	as it is written
 *
 * Return: NULL or the rule.
 */
const char *spec_check_no_high_bits(u64 entry)
{
	return entry & spec_bitmask_inc(52, 62) ? "S18_no_high_bits" : NULL;
}

/**
 * spec_check_directory - directories restrict nothing (S22: directories_have_flags)
 * @entry:	one that points to a table, as it is written; may have A set
 *
 * Bits 6 and 8 to 11, which mean nothing in a directory, are zero as well.
 *
 * Return: NULL or the rule.
 */
const char *spec_check_directory(u64 entry)
{
	u64 flags = entry & (SPEC_FLAG_XD | spec_bitmask_inc(0, 11)) & ~SPEC_FLAG_A;

	return flags == SPEC_DIRECTORY_FLAGS ? NULL : "S22_directories_have_flags";
}

/**
 * spec_check_page - leaves have no bits but those of their mapping (S23)
 * @entry:	a leaf
 * @level:	of the table, 1 to 3
 * @width:	of a physical address
 * @allowed:	attributes that it may have; none, if it is as S23 has
 *		it; SPEC_HARDWARE_ATTRS, if the hardware has seen it
 *
 * SPEC_FLAG_TRACKED is not looked at: whose the frame is, is not said here.
 * PAT and G are never set: a translation that is global would be visible in
 * every address space.
 *
 * Return: NULL or the rule.
 */
const char *spec_check_page(u64 entry, unsigned int level, unsigned int width, u32 allowed)
{
	struct spec_entry e;

	spec_decode(entry, level, width, &e);
	if (e.kind != SPEC_PAGE)
		return "S19_page_by_level";
	if (e.attrs & ~(allowed & ~(SPEC_PAT | SPEC_GLOBAL)) || entry & SPEC_FLAG_HELD)
		return "S23_page_flags";
	return NULL;
}

/**
 * spec_check_not_present - what is not present is zero, or holds a mapping (S24)
 * @entry:	one that is not present
 * @level:	of the table, 1 to 5
 * @width:	of a physical address
 * @allowed:	SPEC_NOREAD, if it may hold a mapping, with the other attributes
 *		that this may have; else everything but zero is a violation
 *
 * Return: NULL or the rule.
 */
const char *spec_check_not_present(u64 entry, unsigned int level, unsigned int width, u32 allowed)
{
	if (!entry)
		return NULL;
	if (!(allowed & SPEC_NOREAD && entry & SPEC_FLAG_HELD))
		return "S24_not_present_is_zero";
	return spec_check_page(become_leaf(entry), level, width, allowed);
}

/**
 * spec_check_entry - an entry is as it has to be written (S13, S18, S22 to S24)
 * @entry:	the entry
 * @level:	of the table, 1 to 5
 * @width:	of a physical address
 * @allowed:	attributes that a leaf may have; with SPEC_NOREAD it may be held
 *
 * Return: NULL or the rule.
 */
const char *spec_check_entry(u64 entry, unsigned int level, unsigned int width, u32 allowed)
{
	const char *rule = spec_check_no_high_bits(entry);

	if (rule)
		return rule;
	if (!(entry & SPEC_FLAG_P))
		return spec_check_not_present(entry, level, width, allowed);
	if (entry & spec_must_be_zero(entry, level, width))
		return "S13_must_be_zero";
	if (level == 1 || is_large(entry, level))
		return spec_check_page(entry, level, width, allowed);
	return spec_check_directory(entry);
}
