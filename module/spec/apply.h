/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the cursor's operations do, done to a map of mappings: to follow a page
 * table, and compare.  Whether an operation was right to be done at all, the
 * predicates of view.h say.
 *
 * Large mappings are split only where a boundary makes it necessary, into 512 of
 * the next size each time.
 *
 * All return -ENOMEM if there is no memory.  The map is then somewhere between
 * before and after; spec_interp_pt_mem() makes it anew.
 */
#ifndef SPEC_APPLY_H
#define SPEC_APPLY_H

#include "view.h"

int spec_apply_map(struct spec_map *map, u64 va, const struct spec_map_args *args);
int spec_apply_unmap(struct spec_map *map, struct spec_region range, u64 *bytes);
int spec_apply_protect(struct spec_map *map, struct spec_region range,
		       struct spec_change change, u64 *bytes);
int spec_apply_protect_next(struct spec_map *map, struct spec_region range,
			    struct spec_change change, struct spec_region *piece);
int spec_apply_split(struct spec_map *map, u64 base);

#endif /* SPEC_APPLY_H */
