// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finite maps, against a list that is searched from end to end.
 */
#include "spec/entry.h"
#include "spec/geometry.h"
#include "spec/map.h"
#include "spec_test.h"

#define KB4	0x1000ULL
#define MB2	0x200000ULL
#define GB1	0x40000000ULL
#define END	(1ULL << 57)

/* The naive model: mappings in no order. */
struct entry {
	u64 base;
	struct spec_pte pte;
};

struct list {
	struct entry *entries;
	unsigned int nr, room;
};

static struct entry *list_get(const struct list *list, u64 base)
{
	unsigned int i;

	for (i = 0; i < list->nr; i++)
		if (list->entries[i].base == base)
			return &list->entries[i];
	return NULL;
}

static void list_insert(struct list *list, u64 base, const struct spec_pte *pte)
{
	if (list->nr == list->room) {
		list->room = 2 * list->room + 8;
		list->entries = realloc(list->entries, list->room * sizeof(*list->entries));
		if (!list->entries)
			abort();
	}
	list->entries[list->nr++] = (struct entry) { base, *pte };
}

static void list_remove(struct list *list, u64 base)
{
	struct entry *e = list_get(list, base);

	*e = list->entries[--list->nr];
}

static const struct entry *list_next(const struct list *list, u64 from)
{
	const struct entry *e, *first = NULL;
	unsigned int i;

	for (i = 0; i < list->nr; i++) {
		e = &list->entries[i];
		if (e->base >= from && (!first || e->base < first->base))
			first = e;
	}
	return first;
}

static const struct entry *list_covering(const struct list *list, u64 va)
{
	const struct entry *found = NULL;
	unsigned int i;

	for (i = 0; i < list->nr; i++) {
		const struct entry *e = &list->entries[i];

		if (e->base <= va && va < e->base + e->pte.frame.size &&
		    (!found || e->pte.frame.size < found->pte.frame.size))
			found = e;
	}
	return found;
}

static bool list_overlaps(const struct list *list, struct spec_region region)
{
	unsigned int i;

	for (i = 0; i < list->nr; i++) {
		const struct entry *e = &list->entries[i];

		if (spec_overlap((struct spec_region) { e->base, e->pte.frame.size }, region))
			return true;
	}
	return false;
}

static struct spec_pte random_pte(void)
{
	return (struct spec_pte) {
		.frame = {
			spec_test_random(1ULL << 45) * KB4,
			spec_entry_size(spec_test_random(6) ? 1 : 2 + spec_test_random(2)),
		},
		.flags = { spec_test_random(2), spec_test_random(2), spec_test_random(2) },
		.attrs = spec_test_random(SPEC_ALL_ATTRS + 1),
	};
}

/* Addresses near each other, at the ends, and across every boundary. */
static u64 random_base(void)
{
	static const u64 near[] = { 0, MB2 - 4 * KB4, GB1 - 2 * KB4, 511 * GB1, END - MB2 };

	return near[spec_test_random(ARRAY_SIZE(near))] + spec_test_random(8) * KB4 +
	       spec_test_random(3) * MB2;
}

static bool same(const struct entry *e, bool found, u64 base, const struct spec_pte *pte)
{
	if (!e || !found)
		return !e && !found;
	return e->base == base && spec_pte_equal(&e->pte, pte, 0);
}

static void compare(const struct spec_map *map, const struct list *list)
{
	u64 va = random_base() + (spec_test_random(2) ? 0 : spec_test_random(2 * KB4)), base = 7;
	const u64 size = spec_test_random(3) * (spec_test_random(2) ? KB4 : MB2);
	const struct spec_region region = { va, size + spec_test_random(2) };
	struct spec_pte pte;
	const struct entry *e;
	bool found;

	EXPECT_EQ(list->nr, spec_map_count(map));
	found = spec_map_get(map, va, &pte);
	EXPECT(same(list_get(list, va), found, va, &pte));
	found = spec_map_covering(map, va, &base, &pte);
	EXPECT(same(list_covering(list, va), found, base, &pte));
	found = spec_map_next(map, va, &base, &pte);
	EXPECT(same(list_next(list, va), found, base, &pte));
	e = list_next(list, va);
	found = spec_map_next_before(map, va, va + size, &base, &pte);
	EXPECT(same(e && e->base < va + size ? e : NULL, found, base, &pte));
	e = list_covering(list, va);
	found = spec_map_first(map, va, &base, &pte);
	EXPECT(same(e ? e : list_next(list, va), found, base, &pte));
	EXPECT_EQ(list_overlaps(list, region), spec_map_overlaps(map, region));
}

static bool starts_in(u64 base, struct spec_region region)
{
	return base >= region.base && base - region.base < region.size;
}

/* Of the words of mappings, the frames are looked at. */
static void compare_sums(const struct spec_map *map, const struct list *list)
{
	const struct spec_region region = { random_base(), spec_test_random(3 * MB2) };
	u64 any, all, bytes = 0, wanted_any = 0, wanted_all = ~0ULL, va = random_base();
	const u64 *words = spec_map_words(map, va);
	const struct entry *e;
	unsigned int i;

	for (i = 0; i < list->nr; i++) {
		e = &list->entries[i];
		if (!starts_in(e->base, region))
			continue;
		bytes += e->pte.frame.size;
		wanted_any |= e->pte.frame.base;
		wanted_all &= e->pte.frame.base;
	}
	EXPECT_EQ(bytes, spec_map_sum(map, region, &any, &all));
	EXPECT_EQ(wanted_any, spec_word_frame(any));
	EXPECT_EQ(spec_word_frame(wanted_all), spec_word_frame(all));
	for (i = 0; i < 8 && va + i * KB4 < (va | (MB2 - 1)); i++) {
		u64 frame = words ? spec_word_frame(words[i]) : 0;

		e = list_get(list, va + i * KB4);
		EXPECT_EQ(e && e->pte.frame.size == KB4 ? e->pte.frame.base : 0, frame);
	}
}

static void compare_all(const struct spec_map *map, const struct list *list)
{
	const struct entry *e = list_next(list, 0);
	struct spec_pte pte;
	u64 base;

	spec_map_for_each(map, base, pte) {
		EXPECT(same(e, true, base, &pte));
		e = list_next(list, base + 1);
	}
	EXPECT(!e);
}

static bool any_starts_in(const struct list *list, u64 base, unsigned int nr)
{
	const struct entry *e = list_next(list, base);

	return e && e->base < base + nr * KB4;
}

static void random_insert_run(struct spec_map *map, struct list *list, u64 base, unsigned int nr)
{
	const struct entry *first = list_get(list, base & -MB2);
	struct spec_pte pte = random_pte();
	u64 frames[512];
	unsigned int i;
	int ret;

	for (i = 0; i < nr; i++)
		frames[i] = spec_test_random(1ULL << 45) * KB4;
	ret = spec_map_insert_run(map, base, nr, frames, &pte);
	EXPECT_EQ(any_starts_in(list, base, nr) || (first && first->pte.frame.size > KB4) ?
		  -EEXIST : 0, ret);
	for (i = 0; !ret && i < nr; i++) {
		pte.frame = (struct spec_region) { frames[i], KB4 };
		list_insert(list, base + i * KB4, &pte);
	}
}

/* Rights that none has any more, and others that all have. */
static void random_change_run(struct spec_map *map, struct list *list, u64 base, unsigned int nr)
{
	const struct spec_bits bits = {
		.keep = ~SPEC_FLAG_RW,
		.add = spec_test_random(2) ? SPEC_FLAG_XD : 0,
	};
	unsigned int i, found = 0;

	for (i = 0; i < nr; i++) {
		const struct entry *e = list_get(list, base + i * KB4);

		found += e && e->pte.frame.size == KB4;
	}
	EXPECT_EQ(found == nr, spec_map_has_run(map, base, nr));
	if (found == nr)
		spec_map_change_run(map, base, nr, bits);
	for (i = 0; found == nr && i < nr; i++) {
		struct spec_pte *pte = &list_get(list, base + i * KB4)->pte;

		pte->flags.is_writable = false;
		pte->flags.disable_execute |= bits.add != 0;
	}
}

static void random_remove_region(struct spec_map *map, struct list *list, u64 base)
{
	const struct spec_region region = { base + spec_test_random(2), spec_test_random(3 * MB2) };
	u64 bytes = 0;
	unsigned int i;

	for (i = list->nr; i--;) {
		if (!starts_in(list->entries[i].base, region))
			continue;
		bytes += list->entries[i].pte.frame.size;
		list->entries[i] = list->entries[--list->nr];
	}
	EXPECT_EQ(bytes, spec_map_remove_region(map, region));
}

/* Mappings of 4 KiB side by side, up to the end of their block. */
static void random_run_step(struct spec_map *map, struct list *list)
{
	u64 base = spec_test_random(8) ? random_base() : random_base() & -MB2;
	u64 most = ((base | (MB2 - 1)) + 1 - base) / KB4;
	unsigned int nr = spec_test_random(4) ? 1 + spec_test_random(most < 9 ? most : 9) : most;

	if (base >= END)
		return;
	switch (spec_test_random(4)) {
	case 0:
		random_remove_region(map, list, base);
		break;
	case 1:
		random_insert_run(map, list, base, nr);
		break;
	default:
		random_change_run(map, list, base, nr);
	}
}

static void random_step(struct spec_map *map, struct list *list)
{
	u64 base = random_base();
	struct spec_pte pte = random_pte();
	struct entry *e = list_get(list, base);
	int ret;

	switch (spec_test_random(4)) {
	case 0:
		ret = spec_map_replace(map, base, &pte);
		EXPECT_EQ(!e ? -ENOENT : e->pte.frame.size != pte.frame.size ? -EINVAL : 0, ret);
		if (!ret)
			e->pte = pte;
		break;
	case 1:
		EXPECT_EQ(e ? 0 : -ENOENT, spec_map_remove(map, base));
		if (e)
			list_remove(list, base);
		break;
	default:
		ret = spec_map_insert(map, base, &pte);
		EXPECT_EQ(base % pte.frame.size || base >= END ? -EINVAL : e ? -EEXIST : 0, ret);
		if (!ret)
			list_insert(list, base, &pte);
	}
}

static void random_program(unsigned int steps, bool with_runs)
{
	struct spec_map map, copy;
	struct list list = { 0 };
	unsigned int i;

	spec_map_init(&map, &spec_test_alloc);
	spec_map_init(&copy, &spec_test_alloc);
	for (i = 0; i < steps; i++) {
		if (with_runs && i % 4 == 0)
			random_run_step(&map, &list);
		else
			random_step(&map, &list);
		compare(&map, &list);
		compare_sums(&map, &list);
		if (i % 64)
			continue;
		compare_all(&map, &list);
		EXPECT_EQ(0, spec_map_copy(&copy, &map));
		EXPECT(spec_map_equal(&map, &copy, 0));
		compare_all(&copy, &list);
	}
	spec_map_clear(&map);
	EXPECT_EQ(0, spec_map_count(&map));
	EXPECT(!spec_map_next(&map, 0, &(u64) { 0 }, NULL));
	spec_map_clear(&copy);
	free(list.entries);
}

TEST(map__random_operations)
{
	u64 steps = spec_test_number("STEPS", 200000);

	spec_test_state = spec_test_number("SEED", 1);
	for (; steps >= 1000; steps -= 1000)
		random_program(1000, false);
}

TEST(map__random_operations_and_runs)
{
	u64 steps = spec_test_number("STEPS", 200000) / 10;

	spec_test_state = spec_test_number("SEED", 2);
	for (; steps >= 200; steps -= 200)
		random_program(200, true);
}

TEST(map__run_out_of_memory)
{
	const u64 frames[2] = { 0, GB1 };
	const struct spec_pte rights = { .flags.is_writable = true };
	struct spec_map map;
	long left;

	for (left = 0; left < 2; left++) {
		spec_map_init(&map, &spec_test_alloc);
		spec_test_allocations = left;
		EXPECT_EQ(-ENOMEM, spec_map_insert_run(&map, MB2 - 2 * KB4, 2, frames, &rights));
		spec_test_allocations = -1;
		EXPECT_EQ(0, spec_map_count(&map));
		EXPECT(!spec_map_words(&map, MB2 - KB4));
		EXPECT_EQ(0, spec_map_insert_run(&map, MB2 - 2 * KB4, 2, frames, &rights));
		EXPECT_EQ(2, spec_map_count(&map));
		spec_map_clear(&map);
	}
}

static struct spec_pte page(u64 frame, u64 size)
{
	return (struct spec_pte) { .frame = { frame, size } };
}

TEST(map__refuses_what_cannot_be_in_it)
{
	static const struct entry bad[] = {
		{ 0, { .frame = { 0, 0 } } },
		{ 0, { .frame = { 0, 2 * KB4 } } },
		{ 0, { .frame = { 0, 512 * GB1 } } },
		{ KB4 / 2, { .frame = { 0, KB4 } } },
		{ KB4, { .frame = { 0, MB2 } } },
		{ MB2, { .frame = { 0, GB1 } } },
		{ 0, { .frame = { 1, KB4 } } },
		{ 0, { .frame = { END, KB4 } } },
		{ END, { .frame = { 0, KB4 } } },
		{ ~0ULL - 0xfff, { .frame = { 0, KB4 } } },
		{ 0, { .frame = { 0, KB4 }, .attrs = SPEC_ALL_ATTRS + 1 } },
	};
	const struct spec_pte good = page(END - KB4, KB4);
	struct spec_map map;
	unsigned int i;

	spec_map_init(&map, &spec_test_alloc);
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_EQ(-EINVAL, spec_map_insert(&map, bad[i].base, &bad[i].pte));
	EXPECT_EQ(0, spec_map_count(&map));
	EXPECT_EQ(0, spec_map_insert(&map, END - KB4, &good));
	EXPECT_EQ(-EEXIST, spec_map_insert(&map, END - KB4, &good));
	EXPECT_EQ(1, spec_map_count(&map));
	spec_map_clear(&map);
}

/* What held mappings once takes no memory for ever. */
TEST(map__empty_blocks_go)
{
	const struct spec_pte pte = page(GB1, KB4);
	struct spec_map map;
	u64 i;

	spec_map_init(&map, &spec_test_alloc);
	EXPECT_EQ(0, spec_map_insert(&map, GB1, &pte));
	for (i = 0; i < 100; i++) {
		EXPECT_EQ(0, spec_map_insert(&map, i * MB2, &pte));
		EXPECT_EQ(0, spec_map_remove(&map, i * MB2));
		EXPECT(map.blocks.nr <= 3);
	}
	EXPECT_EQ(1, spec_map_count(&map));
	spec_map_clear(&map);
}

/* A block without pages is waiting, and there is no memory for its pages. */
TEST(map__empty_block_out_of_memory)
{
	const struct spec_pte small = page(GB1, KB4), large = page(GB1, MB2);
	struct spec_map map;

	spec_map_init(&map, &spec_test_alloc);
	EXPECT_EQ(0, spec_map_insert(&map, MB2, &large));
	EXPECT_EQ(0, spec_map_remove(&map, MB2));
	spec_test_allocations = 0;
	EXPECT_EQ(-ENOMEM, spec_map_insert(&map, MB2, &small));
	spec_test_allocations = -1;
	EXPECT_EQ(0, spec_map_insert(&map, GB1, &small));
	EXPECT_EQ(0, spec_map_remove(&map, GB1));
	EXPECT_EQ(0, spec_map_insert(&map, MB2, &small));
	EXPECT_EQ(1, spec_map_count(&map));
	spec_map_clear(&map);
}

/* A stale page of 2 MiB and a new one inside of it, as a TLB may hold them. */
TEST(map__holds_overlapping_mappings)
{
	const struct spec_pte large = page(0, MB2), small = page(GB1, KB4);
	struct spec_pte pte;
	struct spec_map map;
	u64 base;

	spec_map_init(&map, &spec_test_alloc);
	EXPECT_EQ(0, spec_map_insert(&map, MB2, &large));
	EXPECT_EQ(0, spec_map_insert(&map, MB2 + KB4, &small));
	EXPECT_EQ(-EEXIST, spec_map_insert(&map, MB2, &small));
	EXPECT(spec_map_covering(&map, MB2 + KB4, &base, &pte));
	EXPECT_EQ(KB4, pte.frame.size);
	EXPECT(spec_map_covering(&map, MB2 + 2 * KB4, &base, &pte));
	EXPECT_EQ(MB2, base);
	EXPECT_EQ(0, spec_map_remove(&map, MB2));
	EXPECT(!spec_map_covering(&map, MB2 + 2 * KB4, &base, &pte));
	EXPECT_EQ(1, spec_map_count(&map));
	spec_map_clear(&map);
}

TEST(S8_map_overlaps)
{
	const struct spec_pte large = page(0, MB2);
	struct spec_map map;

	spec_map_init(&map, &spec_test_alloc);
	EXPECT(!spec_map_overlaps(&map, SPEC_ALL));
	EXPECT_EQ(0, spec_map_insert(&map, MB2, &large));
	EXPECT(spec_map_overlaps(&map, SPEC_ALL));
	EXPECT(spec_map_overlaps(&map, (struct spec_region) { MB2, MB2 }));
	EXPECT(spec_map_overlaps(&map, (struct spec_region) { 0, MB2 + 1 }));
	EXPECT(!spec_map_overlaps(&map, (struct spec_region) { 0, MB2 }));
	EXPECT(!spec_map_overlaps(&map, (struct spec_region) { 2 * MB2, KB4 }));
	EXPECT(spec_map_overlaps(&map, (struct spec_region) { 2 * MB2 - 1, KB4 }));
	/* S9 */
	EXPECT(spec_map_overlaps(&map, (struct spec_region) { MB2, 0 }));
	EXPECT(spec_map_overlaps(&map, (struct spec_region) { MB2 + KB4, 0 }));
	EXPECT(!spec_map_overlaps(&map, (struct spec_region) { 2 * MB2, 0 }));
	EXPECT(!spec_map_overlaps(&map, (struct spec_region) { MB2 - KB4, 0 }));
	spec_map_clear(&map);
}

/* Each single difference between two mappings. */
TEST(S21_pte_equal)
{
	const struct spec_pte pte = page(GB1, KB4);
	struct spec_pte other = pte;
	unsigned int i;

	EXPECT(spec_pte_equal(&pte, &other, 0));
	other.frame.base = 0;
	EXPECT(!spec_pte_equal(&pte, &other, SPEC_ALL_ATTRS));
	other = pte;
	other.frame.size = MB2;
	EXPECT(!spec_pte_equal(&pte, &other, SPEC_ALL_ATTRS));
	other = pte;
	other.flags.is_writable = true;
	EXPECT(!spec_pte_equal(&pte, &other, SPEC_ALL_ATTRS));
	other = pte;
	other.flags.is_supervisor = true;
	EXPECT(!spec_pte_equal(&pte, &other, SPEC_ALL_ATTRS));
	other = pte;
	other.flags.disable_execute = true;
	EXPECT(!spec_pte_equal(&pte, &other, SPEC_ALL_ATTRS));
	other = pte;
	for (i = 0; i < 8; i++) {
		other.attrs = 1 << i;
		EXPECT(!spec_pte_equal(&pte, &other, SPEC_ALL_ATTRS & ~other.attrs));
		EXPECT(spec_pte_equal(&pte, &other, other.attrs));
	}
	EXPECT_EQ(SPEC_ACCESSED | SPEC_DIRTY, SPEC_HARDWARE_ATTRS);
}

TEST(S21_map_observe)
{
	struct spec_pte pte = { .frame = { GB1, KB4 }, .flags.is_writable = true };
	const u64 leaf = spec_page_entry(&pte, 1);
	struct spec_map map;
	unsigned int bit;

	spec_map_init(&map, &spec_test_alloc);
	EXPECT(!spec_map_observe(&map, KB4, leaf));
	EXPECT_EQ(0, spec_map_insert(&map, KB4, &pte));
	EXPECT(!spec_map_observe(&map, 2 * KB4, leaf));
	EXPECT(!spec_map_observe(&map, 2 * KB4, 0));
	EXPECT(!spec_map_observe(&map, KB4, 0));
	EXPECT(spec_map_observe(&map, KB4, leaf | SPEC_FLAG_TRACKED));
	for (bit = 0; bit < 64; bit++)
		if (!(BIT_ULL(bit) & (SPEC_FLAG_TRACKED | SPEC_FLAG_HARDWARE)))
			EXPECT(!spec_map_observe(&map, KB4, leaf ^ BIT_ULL(bit)));
	EXPECT(spec_map_get(&map, KB4, &pte) && !pte.attrs);
	EXPECT(spec_map_observe(&map, KB4, leaf | SPEC_FLAG_A));
	EXPECT(spec_map_get(&map, KB4, &pte) && pte.attrs == SPEC_ACCESSED);
	EXPECT(!spec_map_observe(&map, KB4, leaf));
	EXPECT(!spec_map_observe(&map, KB4, leaf | SPEC_FLAG_D));
	EXPECT(spec_map_observe(&map, KB4, leaf | SPEC_FLAG_HARDWARE));
	EXPECT_EQ(0, spec_map_remove(&map, KB4));
	/* Nor what is larger. */
	pte.frame.size = MB2;
	EXPECT_EQ(0, spec_map_insert(&map, 0, &pte));
	EXPECT(!spec_map_observe(&map, 0, leaf));
	spec_map_clear(&map);
}

/* A map differs from one with a mapping more, less, or other than it. */
TEST(map__equal_finds_differences)
{
	const struct spec_pte pte = page(GB1, KB4), other = page(GB1 + KB4, KB4);
	struct spec_map a, b;
	u64 i;

	spec_map_init(&a, &spec_test_alloc);
	spec_map_init(&b, &spec_test_alloc);
	for (i = 0; i < 1024; i += 8)
		EXPECT_EQ(0, spec_map_insert(&a, i * KB4, &pte));
	EXPECT_EQ(0, spec_map_copy(&b, &a));
	for (i = 0; i < 1024; i += 8) {
		const struct spec_region here = { i * KB4, KB4 };
		const struct spec_region before = { 0, i * KB4 }, after = { (i + 1) * KB4, END };

		EXPECT(spec_map_equal(&a, &b, 0));
		EXPECT_EQ(0, spec_map_replace(&b, i * KB4, &other));
		EXPECT(!spec_map_equal(&a, &b, 0));
		EXPECT(!spec_map_equal_range(&a, &b, here, 0));
		EXPECT(i == 0 || spec_map_equal_range(&a, &b, before, 0));
		EXPECT(spec_map_equal_range(&a, &b, after, 0));
		EXPECT_EQ(0, spec_map_remove(&b, i * KB4));
		EXPECT(!spec_map_equal(&a, &b, 0));
		EXPECT(!spec_map_equal(&b, &a, 0));
		EXPECT(!spec_map_equal_range(&a, &b, here, 0));
		EXPECT(!spec_map_equal_range(&b, &a, here, 0));
		EXPECT_EQ(0, spec_map_insert(&b, i * KB4, &pte));
	}
	spec_map_clear(&a);
	spec_map_clear(&b);
}

TEST(map__copy_range)
{
	const struct spec_pte small = page(GB1, KB4), large = page(0, MB2);
	struct spec_map map, part;

	spec_map_init(&map, &spec_test_alloc);
	spec_map_init(&part, &spec_test_alloc);
	EXPECT_EQ(0, spec_map_insert(&map, 0, &large));
	EXPECT_EQ(0, spec_map_insert(&map, MB2, &small));
	EXPECT_EQ(0, spec_map_insert(&map, MB2 + KB4, &small));
	EXPECT_EQ(0, spec_map_insert(&map, 2 * MB2, &large));
	EXPECT_EQ(0, spec_map_copy_range(&part, &map, (struct spec_region) { KB4, MB2 }));
	EXPECT_EQ(2, spec_map_count(&part));
	EXPECT(spec_map_get(&part, 0, NULL) && spec_map_get(&part, MB2, NULL));
	EXPECT_EQ(0, spec_map_copy_range(&part, &map, (struct spec_region) { MB2 + KB4, MB2 }));
	EXPECT_EQ(2, spec_map_count(&part));
	EXPECT(spec_map_get(&part, MB2 + KB4, NULL) && spec_map_get(&part, 2 * MB2, NULL));
	EXPECT_EQ(0, spec_map_copy_range(&part, &map, (struct spec_region) { KB4, 0 }));
	EXPECT_EQ(1, spec_map_count(&part));
	EXPECT_EQ(0, spec_map_copy_range(&part, &map, (struct spec_region) { MB2 + 2 * KB4, 0 }));
	EXPECT_EQ(0, spec_map_count(&part));
	spec_map_clear(&map);
	spec_map_clear(&part);
}

/* What finds no memory has changed nothing. */
TEST(map__insert_out_of_memory)
{
	static const u64 bases[] = { 0, KB4, MB2, 2 * MB2, 3 * MB2, 4 * MB2, 5 * MB2, GB1 };
	struct spec_map map, before;
	unsigned int i, failures = 0;

	spec_map_init(&map, &spec_test_alloc);
	spec_map_init(&before, &spec_test_alloc);
	for (i = 0; i < ARRAY_SIZE(bases); i++) {
		struct spec_pte pte = page(i * GB1, bases[i] == 3 * MB2 ? MB2 : KB4);
		long left = 0;
		int ret;

		do {
			EXPECT_EQ(0, spec_map_copy(&before, &map));
			spec_test_allocations = left++;
			ret = spec_map_insert(&map, bases[i], &pte);
			spec_test_allocations = -1;
			EXPECT(!ret || (ret == -ENOMEM && spec_map_equal(&map, &before, 0)));
			failures += !!ret;
		} while (ret && left < 10);
		EXPECT(!ret && spec_map_get(&map, bases[i], NULL));
	}
	EXPECT(failures > ARRAY_SIZE(bases) / 2);
	spec_map_clear(&map);
	spec_map_clear(&before);
}

TEST(map__copy_out_of_memory)
{
	const struct spec_pte pte = page(GB1, KB4);
	struct spec_map map, copy;
	long left = 0;
	u64 i;
	int ret;

	spec_map_init(&map, &spec_test_alloc);
	spec_map_init(&copy, &spec_test_alloc);
	for (i = 0; i < 10; i++)
		EXPECT_EQ(0, spec_map_insert(&map, i * MB2, &pte));
	EXPECT_EQ(0, spec_map_insert(&copy, GB1, &pte));
	do {
		EXPECT(spec_map_count(&copy) == 1 && spec_map_get(&copy, GB1, NULL));
		spec_test_allocations = left++;
		ret = spec_map_copy(&copy, &map);
		spec_test_allocations = -1;
		EXPECT(!ret || ret == -ENOMEM);
	} while (ret && left < 100);
	EXPECT(left > 10);
	EXPECT(spec_map_equal(&copy, &map, 0));
	spec_map_clear(&map);
	spec_map_clear(&copy);
}
