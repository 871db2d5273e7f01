// SPDX-License-Identifier: GPL-2.0-only
#include "apply.h"

static u64 range_end(struct spec_region range)
{
	return range.base + range.size;
}

/**
 * spec_apply_split - split a mapping into 512 of the next size
 * @map:	the map
 * @base:	first address of a mapping of 2 MiB or 1 GiB
 *
 * Return: 0, -ENOENT if there is none that can be split, -ENOMEM.
 */
int spec_apply_split(struct spec_map *map, u64 base)
{
	struct spec_pte pte;
	unsigned int i;

	if (!spec_map_get(map, base, &pte) || pte.frame.size == SPEC_PAGE_SIZE)
		return -ENOENT;
	spec_map_remove(map, base);
	pte.frame.size /= SPEC_NUM_ENTRIES;
	for (i = 0; i < SPEC_NUM_ENTRIES; i++) {
		if (spec_map_insert(map, base, &pte))
			return -ENOMEM;
		base += pte.frame.size;
		pte.frame.base += pte.frame.size;
	}
	return 0;
}

/* Split until no mapping straddles @va. */
static int split_at(struct spec_map *map, u64 va)
{
	int ret = 0;
	u64 base;

	while (!ret && spec_map_covering(map, va, &base, NULL) && base != va)
		ret = spec_apply_split(map, base);
	return ret;
}

static int split_ends(struct spec_map *map, struct spec_region range)
{
	int ret = range.size ? split_at(map, range.base) : 0;

	return ret || !range.size ? ret : split_at(map, range_end(range));
}

/**
 * spec_apply_map - add mappings (MAP)
 * @map:	the map
 * @va:		first address, a multiple of the size of page
 * @args:	what to map; @args->level is not 0, and @args->len a multiple of its size
 *
 * Return: 0, -ENOMEM, or, and then nothing has changed:
 * -EEXIST	something is mapped there, and @args->replace is not set
 * -EINVAL	@va or @args are not as they have to be
 */
int spec_apply_map(struct spec_map *map, u64 va, const struct spec_map_args *args)
{
	const struct spec_region range = { va, args->len };
	struct spec_pte pte = { .attrs = args->cache };
	u64 size = spec_entry_size(args->level), offset, bytes;
	int ret = 0;

	if (!spec_page_level(size) || !args->len || !spec_aligned(args->len, size) ||
	    !spec_aligned(va, size))
		return -EINVAL;
	if (args->replace)
		ret = spec_apply_unmap(map, range, &bytes);
	else if (spec_map_overlaps(map, range))
		ret = -EEXIST;
	spec_set_prop(&pte, args->prop);
	for (offset = 0; !ret && offset < args->len; offset += size) {
		pte.frame = (struct spec_region) { args->frame + offset, size };
		ret = spec_map_insert(map, va + offset, &pte);
	}
	return ret;
}

/**
 * spec_apply_unmap - remove all mappings of a range (UNMAP)
 * @map:	the map
 * @range:	the range
 * @bytes:	receives how many were mapped there
 *
 * Return: 0 or -ENOMEM.
 */
int spec_apply_unmap(struct spec_map *map, struct spec_region range, u64 *bytes)
{
	u64 base = range.base;
	struct spec_pte pte;
	int ret = split_ends(map, range);

	*bytes = 0;
	if (ret)
		return ret;
	while (spec_map_next_before(map, base, range_end(range), &base, &pte)) {
		spec_map_remove(map, base);
		*bytes += pte.frame.size;
	}
	return 0;
}

static void change_prop(struct spec_pte *pte, struct spec_change change)
{
	spec_set_prop(pte, (spec_prop(pte) & ~change.clear) | change.set);
}

/**
 * spec_apply_protect - change the property of all mappings of a range (PROTECT)
 * @map:	the map
 * @range:	the range
 * @change:	what becomes of their property
 * @bytes:	receives how many are mapped there
 *
 * Return: 0 or -ENOMEM.
 */
int spec_apply_protect(struct spec_map *map, struct spec_region range,
		       struct spec_change change, u64 *bytes)
{
	u64 base = range.base;
	struct spec_pte pte;
	int ret = split_ends(map, range);

	*bytes = 0;
	if (ret)
		return ret;
	for (; spec_map_next_before(map, base, range_end(range), &base, &pte); base++) {
		change_prop(&pte, change);
		spec_map_replace(map, base, &pte);
		*bytes += pte.frame.size;
	}
	return 0;
}

/* The first mapping in a range, split until it is wholly inside. */
static int first_piece(struct spec_map *map, struct spec_region range, u64 *base,
		       struct spec_pte *pte)
{
	int ret = split_at(map, range.base);

	while (!ret) {
		if (!spec_map_next_before(map, range.base, range_end(range), base, pte))
			return -ENOENT;
		if (*base + pte->frame.size <= range_end(range))
			return 0;
		ret = spec_apply_split(map, *base);
	}
	return ret;
}

/**
 * spec_apply_protect_next - change the property of the first mapping of a range (PROTECT_NEXT)
 * @map:	the map
 * @range:	the range
 * @change:	what becomes of the property
 * @piece:	receives where it is
 *
 * A mapping that is not wholly in the range is split first.
 *
 * Return: 0, -ENOENT if nothing is mapped there, -ENOMEM.
 */
int spec_apply_protect_next(struct spec_map *map, struct spec_region range,
			    struct spec_change change, struct spec_region *piece)
{
	struct spec_pte pte;
	u64 base;
	int ret = range.size ? first_piece(map, range, &base, &pte) : -ENOENT;

	if (ret)
		return ret;
	change_prop(&pte, change);
	*piece = (struct spec_region) { base, pte.frame.size };
	return spec_map_replace(map, base, &pte);
}
