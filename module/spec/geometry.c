// SPDX-License-Identifier: GPL-2.0-only
#include "geometry.h"

/**
 * spec_valid_phyaddr_width - whether a physical address can have that width (S4)
 * @width:	MAXPHYADDR in bits
 */
bool spec_valid_phyaddr_width(unsigned int width)
{
	return 32 <= width && width <= 52;
}

/**
 * spec_aligned - whether an address is a multiple of a size (S7)
 * @addr:	the address
 * @size:	the size; nothing is a multiple of 0
 */
bool spec_aligned(u64 addr, u64 size)
{
	return size && !(size & (size - 1) ? addr % size : addr & (size - 1));
}

/**
 * spec_overlap - whether two regions overlap (S8)
 * @a:	one
 * @b:	the other
 *
 * Regions with the same base always do, and one of size 0 that begins inside the
 * other does (S9).
 */
bool spec_overlap(struct spec_region a, struct spec_region b)
{
	if (a.base == b.base)
		return true;
	return a.base < b.base ? b.base - a.base < a.size : a.base - b.base < b.size;
}

/**
 * spec_page_level - the level of leaves of a size
 * @size:	in bytes
 *
 * Return: 1, 2, 3 for 4 KiB, 2 MiB, 1 GiB; 0 if no leaf is of that size.
 */
unsigned int spec_page_level(u64 size)
{
	unsigned int level;

	for (level = 1; level <= SPEC_MAX_PAGE_LEVEL; level++)
		if (size == spec_entry_size(level))
			return level;
	return 0;
}
