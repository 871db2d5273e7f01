/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Finite maps from addresses to mappings: the interpretation of a page table, a
 * TLB, a view.
 *
 * A key is the base of a mapping, exactly: the map holds at most one mapping for
 * each key, and finds it under no other (S28).  Mappings with different keys may
 * overlap, as in a TLB that holds a stale 2 MiB page and a 4 KiB page inside of
 * it; a map that stands for a page table never has such.
 *
 * What can be a key: a multiple of the mapping's size, which is 4 KiB, 2 MiB or
 * 1 GiB, below 2^57.  The frame's base is any multiple of 4 KiB below 2^57, so
 * that a map can also go from frames to addresses.
 *
 * Searches take logarithmic time in the number of 2 MiB blocks that hold
 * anything.  Callers serialise changes; a map that nobody changes may be read by
 * any number of threads.
 */
#ifndef SPEC_MAP_H
#define SPEC_MAP_H

#include "geometry.h"
#include "vector.h"

/**
 * struct spec_map - a finite map from addresses to mappings
 * @blocks:	of 2 MiB, those that hold something, and at most one that does not
 * @count:	mappings
 * @idle:	1 + the index of the block that holds nothing, 0 if there is none
 */
struct spec_map {
	struct spec_vector blocks;
	u64 count;
	u64 idle;
};

/**
 * struct spec_bits - how leaves change: (leaf & keep) | add
 * @keep:	bits that stay as they are
 * @add:	bits that are set
 */
struct spec_bits {
	u64 keep;
	u64 add;
};

void spec_map_init(struct spec_map *map, const struct spec_alloc *alloc);
void spec_map_clear(struct spec_map *map);
int spec_map_copy(struct spec_map *to, const struct spec_map *from);
int spec_map_copy_range(struct spec_map *to, const struct spec_map *from,
			struct spec_region region);

int spec_map_insert(struct spec_map *map, u64 base, const struct spec_pte *pte);
int spec_map_replace(struct spec_map *map, u64 base, const struct spec_pte *pte);
int spec_map_remove(struct spec_map *map, u64 base);

int spec_map_insert_run(struct spec_map *map, u64 base, unsigned int nr, const u64 *frames,
			const struct spec_pte *rights);
bool spec_map_has_run(const struct spec_map *map, u64 base, unsigned int nr);
void spec_map_change_run(struct spec_map *map, u64 base, unsigned int nr, struct spec_bits bits);
u64 spec_map_remove_region(struct spec_map *map, struct spec_region region);
u64 spec_map_sum(const struct spec_map *map, struct spec_region region, u64 *any, u64 *all);
bool spec_map_observe(struct spec_map *map, u64 base, u64 leaf);
const u64 *spec_map_words(const struct spec_map *map, u64 va);

bool spec_map_get(const struct spec_map *map, u64 base, struct spec_pte *pte);
bool spec_map_covering(const struct spec_map *map, u64 va, u64 *base, struct spec_pte *pte);
bool spec_map_next(const struct spec_map *map, u64 from, u64 *base, struct spec_pte *pte);
bool spec_map_next_before(const struct spec_map *map, u64 from, u64 end, u64 *base,
			  struct spec_pte *pte);
bool spec_map_first(const struct spec_map *map, u64 from, u64 *base, struct spec_pte *pte);
bool spec_map_overlaps(const struct spec_map *map, struct spec_region region);

bool spec_map_equal(const struct spec_map *a, const struct spec_map *b, u32 ignore);
bool spec_map_equal_range(const struct spec_map *a, const struct spec_map *b,
			  struct spec_region region, u32 ignore);
void spec_pte_change(struct spec_pte *pte, struct spec_bits bits);
bool spec_pte_equal(const struct spec_pte *a, const struct spec_pte *b, u32 ignore);

/**
 * spec_map_count - how many mappings there are
 * @map:	the map
 */
static inline u64 spec_map_count(const struct spec_map *map)
{
	return map->count;
}

/**
 * spec_word_frame - the frame of a mapping
 * @word:	from spec_map_words()
 */
static inline u64 spec_word_frame(u64 word)
{
	return word & (BIT_ULL(57) - SPEC_PAGE_SIZE);
}

/**
 * spec_map_for_each - all mappings, in ascending order of their bases
 * @map:	the map; the body may remove @base from it
 * @base:	u64, the key
 * @pte:	struct spec_pte, the mapping
 */
#define spec_map_for_each(map, base, pte)				\
	for ((base) = 0; spec_map_next(map, base, &(base), &(pte)); (base)++)

#endif /* SPEC_MAP_H */
