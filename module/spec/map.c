// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finite maps: a sorted vector of blocks of 2 MiB.
 *
 * A mapping is one word, never 0: the leaf of 4 KiB that would stand for it in a
 * page table (entry.h), whatever its size; that of a larger one also has its level,
 * in bits that no frame's address reaches.
 */
#include "entry.h"
#include "geometry.h"
#include "map.h"

#define BLOCK_SHIFT		21
#define BLOCK_SIZE		BIT_ULL(BLOCK_SHIFT)
#define BLOCK_BYTES		(SPEC_NUM_ENTRIES * sizeof(u64))
#define KEY_END			BIT_ULL(57)
#define LEVEL_SHIFT		57

/**
 * struct block - the mappings with keys in one block of 2 MiB
 * @index:	of the block: its first address divided by 2 MiB
 * @large:	the mapping of 2 MiB or 1 GiB based at the block, or 0
 * @pages:	512 mappings of 4 KiB, 0 where there is none; or NULL
 * @nr:		how many of @pages there are
 */
struct block {
	u64 index;
	u64 large;
	u64 *pages;
	unsigned int nr;
};

static u64 word_size(u64 word)
{
	unsigned int level = word >> LEVEL_SHIFT & 3;

	return level ? spec_entry_size(level) : SPEC_PAGE_SIZE;
}

static u64 pack(const struct spec_pte *pte)
{
	u64 level = pte->frame.size > SPEC_PAGE_SIZE ? spec_page_level(pte->frame.size) : 0;

	return spec_page_entry(pte, 1) | level << LEVEL_SHIFT |
	       (u64)(pte->attrs & (SPEC_PAT | SPEC_GLOBAL)) << SPEC_ATTRS_SHIFT;
}

static void unpack(u64 word, struct spec_pte *pte)
{
	pte->frame.base = spec_word_frame(word);
	pte->frame.size = word_size(word);
	pte->flags.is_writable = word & SPEC_FLAG_RW;
	pte->flags.is_supervisor = !(word & SPEC_FLAG_US);
	pte->flags.disable_execute = word & SPEC_FLAG_XD;
	pte->attrs = (word >> SPEC_ATTRS_SHIFT & (SPEC_ALL_ATTRS & ~SPEC_NOREAD)) |
		     (word & SPEC_FLAG_HELD ? SPEC_NOREAD : 0);
}

static u64 block_base(const struct block *b)
{
	return b->index << BLOCK_SHIFT;
}

static struct block *find_block(const struct spec_map *map, u64 va)
{
	return spec_vector_get(&map->blocks, va >> BLOCK_SHIFT);
}

static u64 region_end(struct spec_region region)
{
	return region.base + region.size;
}

/* Where the mapping with key @base is, NULL if there is none. */
static u64 *find_slot(const struct spec_map *map, u64 base)
{
	struct block *b = find_block(map, base);
	u64 *page;

	if (!b || !spec_aligned(base, SPEC_PAGE_SIZE))
		return NULL;
	if (base == block_base(b) && b->large)
		return &b->large;
	page = b->pages ? &b->pages[spec_index_bits(1, base)] : NULL;
	return page && *page ? page : NULL;
}

/**
 * spec_map_init - an empty map
 * @map:	the map
 * @alloc:	where its memory will come from; stays in use
 */
void spec_map_init(struct spec_map *map, const struct spec_alloc *alloc)
{
	*map = (struct spec_map) { };
	spec_vector_init(&map->blocks, alloc, sizeof(struct block));
}

/**
 * spec_map_clear - remove all mappings and give all memory back
 * @map:	the map; it is empty and fit for use afterwards
 */
void spec_map_clear(struct spec_map *map)
{
	const struct spec_alloc *alloc = map->blocks.alloc;
	struct block *b;

	spec_vector_for_each(&map->blocks, b)
		alloc->free(b->pages);
	spec_vector_clear(&map->blocks);
	spec_map_init(map, alloc);
}

static void drop_block(struct spec_map *map, struct block *b)
{
	map->blocks.alloc->free(b->pages);
	spec_vector_remove(&map->blocks, b);
}

static bool is_empty(const struct block *b)
{
	return !b->nr && !b->large;
}

/*
 * A block that holds nothing stays until there is another: what is mapped and
 * unmapped again and again shall not move all others each time.
 */
static void rest_if_empty(struct spec_map *map, const struct block *b)
{
	u64 index = b->index;

	if (!is_empty(b))
		return;
	if (map->idle && map->idle != index + 1)
		drop_block(map, spec_vector_get(&map->blocks, map->idle - 1));
	map->idle = index + 1;
}

/* Of many at once, all but the one with @index. */
static void drop_all_empty(struct spec_map *map, u64 index)
{
	struct spec_vector *v = &map->blocks;
	size_t i, kept = 0;

	for (i = 0; i < v->nr; i++) {
		struct block *b = spec_vector_item(v, i);

		if (is_empty(b) && b->index != index) {
			v->alloc->free(b->pages);
			continue;
		}
		if (kept != i)
			memcpy(spec_vector_item(v, kept), b, v->size);
		kept++;
	}
	v->nr = kept;
	map->idle = index + 1;
}

static u64 *alloc_pages(struct spec_map *map)
{
	u64 *pages = map->blocks.alloc->alloc(BLOCK_BYTES);

	return pages ? memset(pages, 0, BLOCK_BYTES) : NULL;
}

/* The block of an address; one that is made here holds nothing. */
static struct block *make_block(struct spec_map *map, u64 va)
{
	struct block *b = spec_vector_seek(&map->blocks, va >> BLOCK_SHIFT);

	return b ? b : spec_vector_insert(&map->blocks, va >> BLOCK_SHIFT);
}

/* Where a mapping can be put; NULL if there is no memory. */
static u64 *make_slot(struct spec_map *map, u64 base, u64 size)
{
	struct block *b = make_block(map, base);

	if (!b)
		return NULL;
	if (size == SPEC_PAGE_SIZE && !b->pages)
		b->pages = alloc_pages(map);
	if (size == SPEC_PAGE_SIZE && !b->pages) {
		rest_if_empty(map, b);
		return NULL;
	}
	if (map->idle == b->index + 1)
		map->idle = 0;
	if (size > SPEC_PAGE_SIZE)
		return &b->large;
	b->nr++;
	return &b->pages[spec_index_bits(1, base)];
}

static bool valid(u64 base, const struct spec_pte *pte)
{
	return spec_page_level(pte->frame.size) &&
	       spec_aligned(base, pte->frame.size) && base < KEY_END &&
	       spec_aligned(pte->frame.base, SPEC_PAGE_SIZE) && pte->frame.base < KEY_END &&
	       !(pte->attrs & ~SPEC_ALL_ATTRS);
}

/**
 * spec_map_insert - add a mapping
 * @map:	the map
 * @base:	its key
 * @pte:	what it maps to
 *
 * Return: 0, or, and then nothing has changed:
 * -EINVAL	@base or @pte is not what can be in a map
 * -EEXIST	there is a mapping with that key
 * -ENOMEM	no memory
 */
int spec_map_insert(struct spec_map *map, u64 base, const struct spec_pte *pte)
{
	u64 *slot;

	if (!valid(base, pte))
		return -EINVAL;
	if (find_slot(map, base))
		return -EEXIST;
	slot = make_slot(map, base, pte->frame.size);
	if (!slot)
		return -ENOMEM;
	*slot = pack(pte);
	map->count++;
	return 0;
}

/**
 * spec_map_replace - change what a key maps to
 * @map:	the map
 * @base:	the key
 * @pte:	the new mapping, of the size that the old one has
 *
 * Return: 0, or, and then nothing has changed:
 * -EINVAL	@pte is not what can be in a map, or of another size
 * -ENOENT	there is no mapping with that key
 */
int spec_map_replace(struct spec_map *map, u64 base, const struct spec_pte *pte)
{
	u64 *slot = find_slot(map, base);

	if (!slot)
		return -ENOENT;
	if (!valid(base, pte) || pte->frame.size != word_size(*slot))
		return -EINVAL;
	*slot = pack(pte);
	return 0;
}

/**
 * spec_map_remove - remove a mapping
 * @map:	the map
 * @base:	its key
 *
 * Return: 0, or -ENOENT if there is none.
 */
int spec_map_remove(struct spec_map *map, u64 base)
{
	struct block *b = spec_vector_seek(&map->blocks, base >> BLOCK_SHIFT);
	u64 *slot = find_slot(map, base);

	if (!slot)
		return -ENOENT;
	b->nr -= slot != &b->large;
	*slot = 0;
	map->count--;
	rest_if_empty(map, b);
	return 0;
}

static bool all_there(const struct block *b, unsigned int first, unsigned int nr)
{
	unsigned int i;

	for (i = first; i < first + nr && b->nr < SPEC_NUM_ENTRIES; i++)
		if (!b->pages[i])
			return false;
	return true;
}

static bool none_there(const struct block *b, unsigned int first, unsigned int nr)
{
	unsigned int i;

	for (i = first; i < first + nr && b->nr; i++)
		if (b->pages[i])
			return false;
	return true;
}

/**
 * spec_map_insert_run - add mappings of 4 KiB side by side
 * @map:	the map
 * @base:	the first key, a multiple of 4 KiB
 * @nr:		how many, which is at least 1 and as many as are in its block of 2 MiB
 *		from there on at most
 * @frames:	of each; multiples of 4 KiB below 2^57
 * @rights:	flags and attributes, the same for all; its frame is not looked at
 *
 * Return: 0, or -EEXIST or -ENOMEM as spec_map_insert().
 */
int spec_map_insert_run(struct spec_map *map, u64 base, unsigned int nr, const u64 *frames,
			const struct spec_pte *rights)
{
	const struct spec_pte pte = {
		.frame.size = SPEC_PAGE_SIZE,
		.flags = rights->flags,
		.attrs = rights->attrs,
	};
	unsigned int i, index = spec_index_bits(1, base);
	struct block *b = find_block(map, base);
	u64 bits = pack(&pte), *words;

	if (b && (b->large || !none_there(b, index, nr)))
		return -EEXIST;
	words = make_slot(map, base, SPEC_PAGE_SIZE);
	if (!words)
		return -ENOMEM;
#pragma GCC unroll 8
	for (i = 0; i < nr; i++)
		words[i] = frames[i] | bits;
	/* One was counted with its slot. */
	find_block(map, base)->nr += nr - 1;
	map->count += nr;
	return 0;
}

/**
 * spec_map_has_run - whether there are mappings of 4 KiB side by side
 * @map:	the map
 * @base:	the first key
 * @nr:		how many, as in spec_map_insert_run()
 */
bool spec_map_has_run(const struct spec_map *map, u64 base, unsigned int nr)
{
	const struct block *b = find_block(map, base);

	return b && b->nr && all_there(b, spec_index_bits(1, base), nr);
}

/**
 * spec_map_change_run - change mappings of 4 KiB side by side
 * @map:	the map, which has them
 * @base:	the first key
 * @nr:		how many, as in spec_map_insert_run()
 * @bits:	how; every mapping stays one
 */
void spec_map_change_run(struct spec_map *map, u64 base, unsigned int nr, struct spec_bits bits)
{
	u64 *words = find_block(map, base)->pages + spec_index_bits(1, base);
	unsigned int i;

	if (!bits.add) {
#pragma GCC unroll 8
		for (i = 0; i < nr; i++)
			words[i] &= bits.keep;
	} else {
#pragma GCC unroll 8
		for (i = 0; i < nr; i++)
			words[i] = (words[i] & bits.keep) | bits.add;
	}
}

/* The entries of a block with keys in a region, as @first and the number of them. */
static unsigned int block_part(const struct block *b, struct spec_region region,
			       unsigned int *first)
{
	u64 start = block_base(b), end = start + BLOCK_SIZE;

	if (start < region.base)
		start = (region.base + SPEC_PAGE_SIZE - 1) & -SPEC_PAGE_SIZE;
	if (end > region_end(region))
		end = (region_end(region) + SPEC_PAGE_SIZE - 1) & -SPEC_PAGE_SIZE;
	*first = (start - block_base(b)) >> SPEC_PAGE_SHIFT;
	return start < end ? (end - start) >> SPEC_PAGE_SHIFT : 0;
}

/* Remove what has its key in a region; returns how many. */
static unsigned int clear_block(struct block *b, struct spec_region region, u64 *bytes)
{
	unsigned int i, first, nr = block_part(b, region, &first), gone = 0, large = 0;

	if (b->large && spec_contains(region, block_base(b))) {
		*bytes += word_size(b->large);
		b->large = 0;
		large = 1;
	}
	if (b->nr && nr == SPEC_NUM_ENTRIES) {
		gone = b->nr;
		memset(b->pages, 0, BLOCK_BYTES);
	} else {
		for (i = first; i < first + nr && gone < b->nr; i++) {
			gone += b->pages[i] != 0;
			b->pages[i] = 0;
		}
	}
	b->nr -= gone;
	*bytes += gone * SPEC_PAGE_SIZE;
	return gone + large;
}

static struct block *first_block(const struct spec_map *map, u64 from, u64 end)
{
	size_t i = spec_vector_find(&map->blocks, from >> BLOCK_SHIFT);
	struct block *b = i < map->blocks.nr ? spec_vector_item(&map->blocks, i) : NULL;

	return b && block_base(b) < end ? b : NULL;
}

/**
 * spec_map_remove_region - remove all mappings with keys in a region
 * @map:	the map
 * @region:	the region
 *
 * Return: how many bytes they mapped.
 */
u64 spec_map_remove_region(struct spec_map *map, struct spec_region region)
{
	u64 from = region.base, bytes = 0;
	unsigned int empty = 0;
	struct block *b, *last = NULL;

	while ((b = first_block(map, from, region_end(region)))) {
		from = block_base(b) + BLOCK_SIZE;
		map->count -= clear_block(b, region, &bytes);
		if (is_empty(b)) {
			empty++;
			last = b;
		}
	}
	if (empty == 1)
		rest_if_empty(map, last);
	else if (empty)
		drop_all_empty(map, last->index);
	return bytes;
}

static u64 sum_pages(const struct block *b, struct spec_region region, u64 *any, u64 *all)
{
	unsigned int i, first, nr = block_part(b, region, &first), holes = 0;
	u64 set = *any, common = *all;

	if (all_there(b, first, nr)) {
#pragma GCC unroll 8
		for (i = first; i < first + nr; i++) {
			set |= b->pages[i];
			common &= b->pages[i];
		}
	} else {
		for (i = first; i < first + nr; i++) {
			set |= b->pages[i];
			common &= b->pages[i] ? b->pages[i] : ~0ULL;
			holes += !b->pages[i];
		}
	}
	*any = set;
	*all = common;
	return (nr - holes) * SPEC_PAGE_SIZE;
}

/**
 * spec_map_sum - what the mappings with keys in a region have in common
 * @map:	the map
 * @region:	the region
 * @any:	receives the bits that any of them has, see spec_map_words()
 * @all:	receives the bits that all of them have
 *
 * Return: how many bytes they map.
 */
u64 spec_map_sum(const struct spec_map *map, struct spec_region region, u64 *any, u64 *all)
{
	u64 from = region.base, bytes = 0;
	const struct block *b;

	*any = 0;
	*all = ~0ULL;
	while ((b = first_block(map, from, region_end(region)))) {
		from = block_base(b) + BLOCK_SIZE;
		if (b->large && spec_contains(region, block_base(b))) {
			*any |= b->large;
			*all &= b->large;
			bytes += word_size(b->large);
		}
		if (b->nr)
			bytes += sum_pages(b, region, any, all);
	}
	return bytes;
}

/**
 * spec_map_words - mappings of 4 KiB, as they are kept
 * @map:	the map
 * @va:		an address
 *
 * Return: that with the key @va, and those up to the end of its block of 2 MiB: each
 * as its leaf would stand in a page table, or 0 for none.  NULL if the block has none.
 */
const u64 *spec_map_words(const struct spec_map *map, u64 va)
{
	const struct block *b = find_block(map, va);

	return b && b->nr ? b->pages + spec_index_bits(1, va) : NULL;
}

/**
 * spec_map_observe - a leaf of 4 KiB was read
 * @map:	the map
 * @base:	its key, a multiple of 4 KiB
 * @leaf:	as it stood in the page table
 *
 * What the hardware has set in it since is taken over (S21).
 *
 * Return: whether it is as it was put in here.
 */
bool spec_map_observe(struct spec_map *map, u64 base, u64 leaf)
{
	struct block *b = find_block(map, base);
	u64 *word, more;

	if (!b || !b->nr)
		return false;
	word = &b->pages[spec_index_bits(1, base)];
	more = (leaf & ~SPEC_FLAG_TRACKED) ^ *word;
	if (!*word || more & ~SPEC_FLAG_HARDWARE || *word & more)
		return false;
	*word |= more;
	return true;
}

/**
 * spec_map_get - the mapping with a key
 * @map:	the map
 * @base:	the key
 * @pte:	the mapping, if there is one; may be NULL
 *
 * Return: whether there is one.
 */
bool spec_map_get(const struct spec_map *map, u64 base, struct spec_pte *pte)
{
	const u64 *slot = find_slot(map, base);

	if (slot && pte)
		unpack(*slot, pte);
	return slot;
}

/* The large mapping of the block of @base if it covers @va, else 0. */
static u64 large_covering(const struct spec_map *map, u64 base, u64 va)
{
	const struct block *b = find_block(map, base);

	return b && va - base < word_size(b->large) ? b->large : 0;
}

/* The mapping that covers an address, and its key; or 0. */
static u64 covering(const struct spec_map *map, u64 va, u64 *base)
{
	const u64 *page = spec_map_words(map, va);
	unsigned int level;
	u64 word;

	*base = va & -SPEC_PAGE_SIZE;
	if (page && *page)
		return *page;
	for (level = 2; level <= SPEC_MAX_PAGE_LEVEL; level++) {
		*base = va & -spec_entry_size(level);
		word = large_covering(map, *base, va);
		if (word)
			return word;
	}
	return 0;
}

/**
 * spec_map_covering - the mapping that covers an address
 * @map:	the map
 * @va:		the address
 * @base:	the key of the mapping, if there is one; may be NULL
 * @pte:	the mapping, if there is one; may be NULL
 *
 * Of several, in a map with overlaps, the smallest.
 *
 * Return: whether there is one.
 */
bool spec_map_covering(const struct spec_map *map, u64 va, u64 *base, struct spec_pte *pte)
{
	u64 key, word = covering(map, va, &key);

	if (!word)
		return false;
	if (base)
		*base = key;
	if (pte)
		unpack(word, pte);
	return true;
}

/* The first mapping of a block, which starts before @end, in [@from, @end), else 0. */
static u64 block_next(const struct block *b, u64 from, u64 end, u64 *base)
{
	u64 start = block_base(b);
	unsigned int i = 0;

	*base = start;
	if (from <= start && b->large)
		return b->large;
	if (!b->nr)
		return 0;
	if (from > start)
		i = (from - start + SPEC_PAGE_SIZE - 1) >> SPEC_PAGE_SHIFT;
	for (; i < SPEC_NUM_ENTRIES; i++) {
		*base = start + ((u64)i << SPEC_PAGE_SHIFT);
		if (*base >= end || b->pages[i])
			break;
	}
	return i < SPEC_NUM_ENTRIES && *base < end ? b->pages[i] : 0;
}

/**
 * spec_map_next_before - the mapping with the first key in a range
 * @map:	the map
 * @from:	first address of the range
 * @end:	first address after it
 * @base:	the key, if there is one; unchanged otherwise
 * @pte:	the mapping, if there is one; may be NULL
 *
 * Looks no further than it has to.
 *
 * Return: whether there is one.
 */
bool spec_map_next_before(const struct spec_map *map, u64 from, u64 end, u64 *base,
			  struct spec_pte *pte)
{
	size_t i = spec_vector_find(&map->blocks, from >> BLOCK_SHIFT);
	u64 word = 0, key;

	for (; i < map->blocks.nr && !word; i++) {
		const struct block *b = spec_vector_item(&map->blocks, i);

		if (block_base(b) >= end)
			break;
		word = block_next(b, from, end, &key);
	}
	if (!word)
		return false;
	*base = key;
	if (pte)
		unpack(word, pte);
	return true;
}

/**
 * spec_map_next - the mapping with the first key at or after an address
 * @map:	the map
 * @from:	the address
 * @base:	the key, if there is one; unchanged otherwise
 * @pte:	the mapping, if there is one; may be NULL
 *
 * Return: whether there is one.
 */
bool spec_map_next(const struct spec_map *map, u64 from, u64 *base, struct spec_pte *pte)
{
	return spec_map_next_before(map, from, KEY_END, base, pte);
}

/**
 * spec_map_first - the first mapping that covers an address or comes after it
 * @map:	the map, one without overlaps
 * @from:	the address
 * @base:	the key, if there is one; unchanged otherwise
 * @pte:	the mapping, if there is one; may be NULL
 *
 * Return: whether there is one.
 */
bool spec_map_first(const struct spec_map *map, u64 from, u64 *base, struct spec_pte *pte)
{
	return spec_map_covering(map, from, base, pte) || spec_map_next(map, from, base, pte);
}

/**
 * spec_map_overlaps - whether a mapping overlaps a region, in the sense of S8
 * @map:	the map
 * @region:	the region; of size 0, it overlaps what covers its base (S9)
 *
 * This is candidate_mapping_overlaps_existing_vmem of S58.
 */
bool spec_map_overlaps(const struct spec_map *map, struct spec_region region)
{
	u64 base;

	return spec_map_covering(map, region.base, NULL, NULL) ||
	       spec_map_next_before(map, region.base, region_end(region), &base, NULL);
}

/* The first mapping that overlaps a region. */
static bool first_in(const struct spec_map *map, struct spec_region region, u64 *base,
		     struct spec_pte *pte)
{
	return spec_map_covering(map, region.base, base, pte) ||
	       spec_map_next_before(map, region.base, region_end(region), base, pte);
}

/* And the one after it. */
static bool next_in(const struct spec_map *map, struct spec_region region, u64 *base,
		    struct spec_pte *pte)
{
	return spec_map_next_before(map, *base + 1, region_end(region), base, pte);
}

/* Give @to, which is discarded, the contents of @from. */
static void take_over(struct spec_map *to, struct spec_map *from)
{
	spec_map_clear(to);
	*to = *from;
}

/**
 * spec_map_copy - make a map equal to another
 * @to:		the copy; its own mappings are removed
 * @from:	the original
 *
 * Return: 0, or -ENOMEM, and then nothing has changed.
 */
int spec_map_copy(struct spec_map *to, const struct spec_map *from)
{
	return spec_map_copy_range(to, from, SPEC_ALL);
}

/**
 * spec_map_copy_range - make a map equal to a part of another
 * @to:		the copy; its own mappings are removed
 * @from:	the original, one without overlaps unless @region is all of it
 * @region:	which of its mappings: those that overlap this
 *
 * Return: 0, or -ENOMEM, and then nothing has changed.
 */
int spec_map_copy_range(struct spec_map *to, const struct spec_map *from,
			struct spec_region region)
{
	struct spec_map copy;
	struct spec_pte pte;
	u64 base;
	bool more;

	spec_map_init(&copy, to->blocks.alloc);
	for (more = first_in(from, region, &base, &pte); more;
	     more = next_in(from, region, &base, &pte)) {
		if (spec_map_insert(&copy, base, &pte)) {
			spec_map_clear(&copy);
			return -ENOMEM;
		}
	}
	take_over(to, &copy);
	return 0;
}

/**
 * spec_pte_change - change flags and attributes
 * @pte:	what has them
 * @bits:	how
 */
void spec_pte_change(struct spec_pte *pte, struct spec_bits bits)
{
	unpack((pack(pte) & bits.keep) | bits.add, pte);
}

/**
 * spec_pte_equal - whether two are the same
 * @a:		one
 * @b:		the other
 * @ignore:	attributes in which they may differ
 *
 * With SPEC_HARDWARE_ATTRS, this is the equality of S21.
 */
bool spec_pte_equal(const struct spec_pte *a, const struct spec_pte *b, u32 ignore)
{
	return a->frame.base == b->frame.base && a->frame.size == b->frame.size &&
	       a->flags.is_writable == b->flags.is_writable &&
	       a->flags.is_supervisor == b->flags.is_supervisor &&
	       a->flags.disable_execute == b->flags.disable_execute &&
	       !((a->attrs ^ b->attrs) & ~ignore);
}

/**
 * spec_map_equal - whether two maps hold the same
 * @a:		one
 * @b:		the other
 * @ignore:	attributes in which mappings may differ
 */
bool spec_map_equal(const struct spec_map *a, const struct spec_map *b, u32 ignore)
{
	return a->count == b->count &&
	       spec_map_equal_range(a, b, SPEC_ALL, ignore);
}

/**
 * spec_map_equal_range - whether two maps hold the same in a region
 * @a:		one, without overlaps unless @region is all of it
 * @b:		the other, likewise
 * @region:	what overlaps this is compared
 * @ignore:	attributes in which mappings may differ
 */
bool spec_map_equal_range(const struct spec_map *a, const struct spec_map *b,
			  struct spec_region region, u32 ignore)
{
	struct spec_pte pa, pb;
	u64 ka = 0, kb = 0;
	bool ma = first_in(a, region, &ka, &pa);
	bool mb = first_in(b, region, &kb, &pb);

	while (ma && mb && ka == kb && spec_pte_equal(&pa, &pb, ignore)) {
		ma = next_in(a, region, &ka, &pa);
		mb = next_in(b, region, &kb, &pb);
	}
	return !ma && !mb;
}
