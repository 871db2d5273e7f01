/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a cursor sees, and what each of its operations does to that: the
 * postconditions of the cursor's specification.
 *
 * Each function takes the view before and after the operation, and what the
 * operation was given and said.  What lies outside of the views' range is not
 * looked at, but for mappings that straddle its ends.  ACCESSED and DIRTY may be
 * set at any time, and are never lost, but by an operation that clears them.
 *
 * An operation that was interrupted is judged as one that succeeded with the
 * length that it came to.
 */
#ifndef SPEC_VIEW_H
#define SPEC_VIEW_H

#include "geometry.h"
#include "map.h"

/* Property of a mapping, as the cursor's interface has it. */
enum spec_prop {
	SPEC_PROP_READ		= BIT(0),
	SPEC_PROP_WRITE		= BIT(1),
	SPEC_PROP_EXEC		= BIT(2),
	SPEC_PROP_USER		= BIT(3),
	SPEC_PROP_ACCESSED	= BIT(4),
	SPEC_PROP_DIRTY		= BIT(5),
	SPEC_PROP_SOFT		= BIT(6),
};

/**
 * struct spec_view - what a cursor sees
 * @map:	all mappings that overlap its range, and any others
 * @start:	first address of the range
 * @end:	first address after it
 * @va:		the position
 */
struct spec_view {
	const struct spec_map *map;
	u64 start;
	u64 end;
	u64 va;
};

/**
 * struct spec_change - what becomes of a property: (property & ~clear) | set
 * @clear:	SPEC_PROP_*
 * @set:	SPEC_PROP_*
 */
struct spec_change {
	u32 clear;
	u32 set;
};

/**
 * struct spec_found - what an operation says that it found
 * @error:	0 or a negative error number
 * @present:	whether it found a mapping
 * @start:	first address of the mapping, or of the hole
 * @end:	first address after it
 * @pte:	the mapping, from QUERY
 * @prop:	its property, from PROTECT_NEXT: the new one
 */
struct spec_found {
	int error;
	bool present;
	u64 start;
	u64 end;
	struct spec_pte pte;
	u32 prop;
};

/**
 * struct spec_map_args - what MAP is given
 * @frame:	first address of the memory
 * @len:	how much of it, in bytes
 * @level:	of the leaves, or 0 for any
 * @prop:	SPEC_PROP_*
 * @cache:	SPEC_PWT, SPEC_PCD
 * @replace:	something may be mapped there
 */
struct spec_map_args {
	u64 frame;
	u64 len;
	unsigned int level;
	u32 prop;
	u32 cache;
	bool replace;
};

u32 spec_prop(const struct spec_pte *pte);
void spec_set_prop(struct spec_pte *pte, u32 prop);
struct spec_bits spec_change_bits(struct spec_change change);

const char *spec_check_mapping(u64 base, const struct spec_pte *pte, unsigned int width);
const char *spec_check_view(const struct spec_view *view, u64 va_end, unsigned int width);
const char *spec_check_unchanged(const struct spec_view *old, const struct spec_view *new);

const char *spec_check_query(const struct spec_view *old, const struct spec_view *new,
			     const struct spec_found *found);
const char *spec_check_find_next(const struct spec_view *old, const struct spec_view *new,
				 u64 len, const struct spec_found *found);
const char *spec_check_jump(const struct spec_view *old, const struct spec_view *new, u64 va,
			    int error);
const char *spec_check_virt_addr(const struct spec_view *old, const struct spec_view *new, u64 va);
const char *spec_check_map(const struct spec_view *old, const struct spec_view *new,
			   const struct spec_map_args *args, int error);
const char *spec_check_unmap(const struct spec_view *old, const struct spec_view *new, u64 len,
			     u64 bytes, int error);
const char *spec_check_split(const struct spec_map *map, u64 base, const struct spec_pte *pte,
			     u64 size);
const char *spec_check_protect_next(const struct spec_view *old, const struct spec_view *new,
				    u64 len, struct spec_change change,
				    const struct spec_found *found);
const char *spec_check_protect(const struct spec_view *old, const struct spec_view *new, u64 len,
			       struct spec_change change, u64 bytes, int error);

u64 spec_frame_places(const struct spec_map *map, struct spec_region frame);
const char *spec_check_frame_references(u64 references, u64 handles, u64 places);

#endif /* SPEC_VIEW_H */
