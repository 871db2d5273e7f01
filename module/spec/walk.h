/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The walk through a page table, and what the whole table means (S26 to S31).
 *
 * Tables are read word by word through a function, live or not.  What is read
 * while someone writes is some table between before and after.
 */
#ifndef SPEC_WALK_H
#define SPEC_WALK_H

#include "entry.h"
#include "geometry.h"
#include "map.h"

/**
 * struct spec_pt - a page table
 * @read:	reads entry @idx of the table at @table, a physical address (S36);
 *		of a table that it does not know it returns 0
 * @table:	the entries of the table at @table, for who can read many at once; or
 *		NULL, and so may be what it returns
 * @ctx:	passed to @read
 * @cr3:	physical address of the root
 * @levels:	4 or 5
 * @width:	of a physical address
 * @held:	entries that hold a mapping without READ count as mappings, see
 *		spec_decode_held(); to the hardware they never do
 */
struct spec_pt {
	u64 (*read)(void *ctx, u64 table, unsigned int idx);
	const u64 *(*table)(void *ctx, u64 table);
	void *ctx;
	u64 cr3;
	unsigned int levels;
	unsigned int width;
	bool held;
};

/**
 * struct spec_iter - a position in a page table
 * @pt:		the page table
 * @va:		first address that the entry spans
 * @first:	first address of the range that is walked
 * @last:	last address of the range that is walked
 * @level:	of the table that the entry is in
 * @raw:	the entry as it was read
 * @entry:	what it means, with its own rights
 * @table:	physical address of the table at each level, down to @level
 * @path:	rights of the path to the table at each level (S27)
 */
struct spec_iter {
	const struct spec_pt *pt;
	u64 va;
	u64 first;
	u64 last;
	unsigned int level;
	u64 raw;
	struct spec_entry entry;
	u64 table[SPEC_MAX_LEVELS + 1];
	struct spec_flags path[SPEC_MAX_LEVELS + 1];
};

void spec_pt_decode(const struct spec_pt *pt, u64 raw, unsigned int level, struct spec_entry *e);

bool spec_iter_first(struct spec_iter *it, const struct spec_pt *pt, struct spec_region region);
bool spec_iter_next(struct spec_iter *it);
bool spec_page_first(struct spec_iter *it, const struct spec_pt *pt, struct spec_region region);
bool spec_page_next(struct spec_iter *it);
void spec_iter_pte(const struct spec_iter *it, struct spec_pte *pte);

bool spec_walk(const struct spec_pt *pt, u64 va, u64 *base, struct spec_pte *pte);
bool spec_valid_walk(const struct spec_pt *pt, u64 va, struct spec_pte *pte);
int spec_interp_pt_mem(const struct spec_pt *pt, struct spec_map *map);
int spec_interp_range(const struct spec_pt *pt, struct spec_region region, struct spec_map *map);
bool spec_interp_equal(const struct spec_pt *pt, struct spec_region region,
		       const struct spec_map *map, u32 more);
bool spec_table_empty(const struct spec_pt *pt, u64 table, unsigned int level);

/**
 * spec_for_each_entry - all entries that are not empty and span a part of a region
 * @it:		struct spec_iter *, the position
 * @pt:		the page table
 * @region:	the region; in order of addresses, tables before what is in them
 */
#define spec_for_each_entry(it, pt, region)				\
	for (bool more_ = spec_iter_first(it, pt, region); more_; more_ = spec_iter_next(it))

/**
 * spec_for_each_page - all mappings that overlap a region, in order of addresses
 * @it:		struct spec_iter *, the position
 * @pt:		the page table
 * @region:	the region
 */
#define spec_for_each_page(it, pt, region)				\
	for (bool more_ = spec_page_first(it, pt, region); more_; more_ = spec_page_next(it))

#endif /* SPEC_WALK_H */
