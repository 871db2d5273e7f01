// SPDX-License-Identifier: GPL-2.0-only
/*
 * S26 to S31: the walk, and what a table means.
 */
#include "spec/apply.h"
#include "spec/walk.h"
#include "spec_test.h"

#define P	0x1ULL
#define RW	0x2ULL
#define US	0x4ULL
#define A	0x20ULL
#define D	0x40ULL
#define PS	0x80ULL
#define SOFT	0x200ULL
#define HELD	0x800ULL
#define XD	0x8000000000000000ULL
#define DIR	(P | RW | US)

#define KB4	0x1000ULL
#define MB2	0x200000ULL
#define GB1	0x40000000ULL
#define WIDTH	46

/* Tables lie from 16 MiB on; entries that point elsewhere read as zero. */
#define TABLES	64
#define FIRST	0x1000000ULL

static u64 tables[TABLES][512];
static unsigned int nr_tables, nr_reads;
static u64 reads[8];

static u64 read_table(void *ctx, u64 table, unsigned int idx)
{
	u64 i = (table - FIRST) / KB4;

	EXPECT(!ctx && idx < 512);
	if (nr_reads < ARRAY_SIZE(reads))
		reads[nr_reads] = table + 8 * idx;
	nr_reads++;
	return table >= FIRST && i < nr_tables ? tables[i][idx] : 0;
}

static const u64 *see_table(void *ctx, u64 table)
{
	u64 i = (table - FIRST) / KB4;

	EXPECT(!ctx);
	return table >= FIRST && i < nr_tables ? tables[i] : NULL;
}

/* The comparison says the same, whether whole tables can be looked at or not. */
static bool interp_equal(const struct spec_pt *pt, struct spec_region region,
			 const struct spec_map *map, u32 more)
{
	struct spec_pt seen = *pt;
	bool equal = spec_interp_equal(pt, region, map, more);

	seen.table = see_table;
	EXPECT_EQ(equal, spec_interp_equal(&seen, region, map, more));
	return equal;
}

static struct spec_pt new_pt(unsigned int levels)
{
	memset(tables, 0, sizeof(tables));
	nr_tables = 1;
	nr_reads = 0;
	return (struct spec_pt) {
		.read = read_table, .cr3 = FIRST, .levels = levels, .width = WIDTH,
	};
}

static u64 *words(u64 table)
{
	return tables[(table - FIRST) / KB4];
}

/* Where the entry for @va at @level is; tables on the way are made, with @flags. */
static u64 *slot(const struct spec_pt *pt, u64 va, unsigned int level, u64 flags)
{
	u64 table = pt->cr3;
	unsigned int l;

	for (l = pt->levels; l > level; l--) {
		u64 *e = &words(table)[va >> (3 + 9 * l) & 511];

		if (!*e) {
			if (nr_tables == TABLES)
				abort();
			*e = (FIRST + KB4 * nr_tables++) | flags;
		}
		table = *e & ~0xfffULL & ~XD;
	}
	return &words(table)[va >> (3 + 9 * level) & 511];
}

static void put(const struct spec_pt *pt, u64 va, unsigned int level, u64 entry)
{
	*slot(pt, va, level, DIR) = entry;
}

TEST(S26_walk_of_4_reads)
{
	struct spec_pt pt = new_pt(4);
	const u64 va = 1ULL << 39 | 2ULL << 30 | 3ULL << 21 | 4ULL << 12;
	struct spec_pte pte;
	u64 base;

	put(&pt, va, 1, 0x123456000 | P | US);
	EXPECT(spec_walk(&pt, va, &base, &pte));
	EXPECT_EQ(4, nr_reads);
	EXPECT_EQ(pt.cr3 + 8 * 1, reads[0]);
	EXPECT_EQ(FIRST + KB4 + 8 * 2, reads[1]);
	EXPECT_EQ(FIRST + 2 * KB4 + 8 * 3, reads[2]);
	EXPECT_EQ(FIRST + 3 * KB4 + 8 * 4, reads[3]);
	EXPECT_EQ(va, base);
	EXPECT_EQ(0x123456000, pte.frame.base);
	EXPECT_EQ(KB4, pte.frame.size);
}

TEST(S26_walk_of_5_reads)
{
	struct spec_pt pt = new_pt(5);
	const u64 va = 5ULL << 48 | 1ULL << 39 | 2ULL << 30 | 3ULL << 21 | 4ULL << 12;
	struct spec_pte pte;

	put(&pt, va, 1, 0x123456000 | P | US);
	EXPECT(spec_walk(&pt, va, NULL, &pte));
	EXPECT_EQ(5, nr_reads);
	EXPECT_EQ(pt.cr3 + 8 * 5, reads[0]);
	EXPECT_EQ(FIRST + KB4 + 8 * 1, reads[1]);
}

TEST(S26_walk_ends_at_a_leaf)
{
	struct spec_pt pt = new_pt(4);
	struct spec_pte pte;
	u64 base;

	put(&pt, GB1, 3, GB1 | PS | P);
	put(&pt, 2 * GB1 + MB2, 2, MB2 | PS | P);
	EXPECT(spec_walk(&pt, GB1 + 12345, &base, &pte));
	EXPECT_EQ(2, nr_reads);
	EXPECT_EQ(GB1, base);
	EXPECT_EQ(GB1, pte.frame.size);
	nr_reads = 0;
	EXPECT(spec_walk(&pt, 2 * GB1 + 2 * MB2 - 1, &base, &pte));
	EXPECT_EQ(3, nr_reads);
	EXPECT_EQ(2 * GB1 + MB2, base);
	EXPECT_EQ(MB2, pte.frame.size);
}

static u64 flags_of(unsigned int bits)
{
	return (bits & 1 ? RW : 0) | (bits & 2 ? US : 0) | (bits & 4 ? XD : 0);
}

/* All rights of all entries on the path to a leaf at @leaf. */
static void all_paths(unsigned int levels, unsigned int leaf)
{
	unsigned int entries = levels - leaf + 1, bits, l;
	struct spec_pt pt = new_pt(levels);
	struct spec_pte pte;

	put(&pt, 0, leaf, P);
	for (bits = 0; bits < 1U << 3 * entries; bits++) {
		unsigned int rw = 1, us = 1, xd = 0;

		for (l = 0; l < entries; l++) {
			unsigned int own = bits >> 3 * l & 7;
			u64 *e = slot(&pt, 0, levels - l, 0);

			*e = (*e & 0x1fff000) | P | flags_of(own);
			if (levels - l == leaf)
				*e = P | flags_of(own) | (leaf > 1 ? PS : 0);
			rw &= own & 1;
			us &= own >> 1 & 1;
			xd |= own >> 2 & 1;
		}
		EXPECT(spec_walk(&pt, 0, NULL, &pte));
		EXPECT_EQ(rw, pte.flags.is_writable);
		EXPECT_EQ(!us, pte.flags.is_supervisor);
		EXPECT_EQ(xd, pte.flags.disable_execute);
	}
}

TEST(S27_rights_of_the_path_4K)
{
	all_paths(4, 1);
}

TEST(S27_rights_of_the_path_2M)
{
	all_paths(4, 2);
}

TEST(S27_rights_of_the_path_1G)
{
	all_paths(4, 3);
}

TEST(S27_rights_of_the_path_5_levels)
{
	all_paths(5, 1);
}

TEST(S28_only_at_the_base)
{
	static const u64 sizes[] = { KB4, MB2, GB1 };
	struct spec_pt pt = new_pt(4);
	struct spec_pte pte;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		u64 va = (i + 1) * GB1, k;

		put(&pt, va, i + 1, va | (i ? PS : 0) | P);
		EXPECT(spec_valid_walk(&pt, va, &pte));
		EXPECT_EQ(sizes[i], pte.frame.size);
		for (k = 1; k < sizes[i]; k *= 2)
			EXPECT(!spec_valid_walk(&pt, va + k, &pte));
		EXPECT(!spec_valid_walk(&pt, va + sizes[i] - 1, &pte));
		EXPECT(spec_walk(&pt, va + sizes[i] - 1, NULL, &pte));
	}
}

TEST(S29_empty_on_the_path)
{
	static const u64 empty[] = { 0, RW | US, DIR | 1ULL << WIDTH, HELD | RW };
	struct spec_pte pte;
	unsigned int level, i;

	for (level = 1; level <= 4; level++)
		for (i = 0; i < ARRAY_SIZE(empty); i++) {
			struct spec_pt pt = new_pt(4);

			put(&pt, GB1, 1, P | DIR);
			EXPECT(spec_walk(&pt, GB1, NULL, &pte));
			*slot(&pt, GB1, level, DIR) &= ~(DIR);
			*slot(&pt, GB1, level, DIR) |= empty[i];
			if (!empty[i])
				*slot(&pt, GB1, level, DIR) = 0;
			EXPECT(!spec_walk(&pt, GB1, NULL, &pte));
		}
}

TEST(S30_top_of_the_addresses)
{
	struct spec_pt pt = new_pt(4);
	const u64 top = (1ULL << 48) - KB4;
	struct spec_pte pte;

	put(&pt, top, 1, 0x5000 | P);
	put(&pt, 0, 1, 0x6000 | P);
	EXPECT(spec_valid_walk(&pt, top, &pte));
	EXPECT_EQ(0x5000, pte.frame.base);
	EXPECT(spec_valid_walk(&pt, 0, &pte));
	EXPECT(!spec_walk(&pt, 1ULL << 48, NULL, &pte));
	EXPECT(!spec_walk(&pt, ~0ULL, NULL, &pte));
	EXPECT(!spec_walk(&pt, top | 0xffff000000000000ULL, NULL, &pte));
}

TEST(S30_top_of_the_addresses_5_levels)
{
	struct spec_pt pt = new_pt(5);
	const u64 top = (1ULL << 57) - KB4;
	struct spec_pte pte;
	struct spec_map map;

	put(&pt, top, 1, 0x5000 | P);
	EXPECT(spec_valid_walk(&pt, top, &pte));
	EXPECT(!spec_walk(&pt, 1ULL << 57, NULL, &pte));

	put(&pt, 0, 3, P | PS);
	put(&pt, 1ULL << 48, 1, 0x6000 | P);
	spec_map_init(&map, &spec_test_alloc);
	EXPECT_EQ(0, spec_interp_pt_mem(&pt, &map));
	EXPECT_EQ(3, spec_map_count(&map));
	EXPECT(spec_map_get(&map, 0, NULL) && spec_map_get(&map, 1ULL << 48, NULL) &&
	       spec_map_get(&map, top, NULL));
	spec_map_clear(&map);
}

/* Interpretations, written by recursion over tables, for comparison. */
static void interp_table(const struct spec_pt *pt, u64 table, unsigned int level, u64 base,
			 unsigned int path, struct spec_map *map)
{
	unsigned int i;

	for (i = 0; i < 512; i++) {
		u64 size = KB4 << 9 * (level - 1), va = base + i * size;
		u64 e = table >= FIRST && (table - FIRST) / KB4 < nr_tables ? words(table)[i] : 0;
		unsigned int mine = path & ((e & RW ? 1 : 0) | (e & US ? 2 : 0) | (e & XD ? 0 : 4));
		bool leaf = level == 1 || (level <= 3 && e & PS);
		bool held = pt->held && leaf && !(e & P) && e & HELD;
		u64 reserved = 0x7ffULL << 52, addr = e & ((1ULL << WIDTH) - KB4);
		struct spec_pte pte;

		if (level > 2)
			reserved = 0;
		reserved |= ((1ULL << 52) - 1) & ~((1ULL << WIDTH) - 1);
		if (level > 3)
			reserved |= PS;
		if (leaf && level > 1) {
			reserved |= (size - 1) & ~0x1fffULL;
			addr &= ~(size - 1);
		}
		if ((!(e & P) && !held) || e & reserved)
			continue;
		if (!leaf) {
			interp_table(pt, addr, level - 1, va, mine, map);
			continue;
		}
		pte = (struct spec_pte) {
			.frame = { addr, size },
			.flags = { mine & 1, !(mine & 2), !(mine & 4) },
			.attrs = (held ? SPEC_NOREAD : 0) | (e & A ? SPEC_ACCESSED : 0) |
				 (e & D ? SPEC_DIRTY : 0) | (e & SOFT ? SPEC_SOFT : 0) |
				 (e & 8 ? SPEC_PWT : 0) | (e & 16 ? SPEC_PCD : 0) |
				 (e & (level == 1 ? PS : KB4) ? SPEC_PAT : 0) |
				 (e & 0x100 ? SPEC_GLOBAL : 0),
		};
		EXPECT_EQ(0, spec_map_insert(map, va, &pte));
	}
}

static u64 random_flags(void)
{
	u64 flags = spec_test_random(1 << 12);

	flags |= spec_test_random(4) ? P : 0;
	flags |= spec_test_random(2) ? XD : 0;
	return flags;
}

static u64 random_entry(unsigned int level)
{
	u64 e = random_flags();

	e |= spec_test_random(1 << 20) << 30;

	if (level > 1 && spec_test_random(4)) {
		/* A table: one that exists, so that trees share, at most once too far down. */
		e &= ~PS;
		e &= 0xfff | XD;
		e |= FIRST + KB4 * (1 + 16 * (4 - level) + spec_test_random(16));
	}
	if (!spec_test_random(8))
		e |= 1ULL << (12 + spec_test_random(51));
	/* What is present is not held as well: a comparison with it fails. */
	return e & P ? e & ~HELD : e;
}

/* Tables at all levels, 16 of each below the root, with garbage in them. */
static struct spec_pt random_pt(void)
{
	struct spec_pt pt = new_pt(4);
	unsigned int i, k;

	nr_tables = 1 + 3 * 16;
	pt.held = spec_test_random(2);
	for (i = 0; i < nr_tables; i++) {
		unsigned int level = i ? 3 - (i - 1) / 16 : 4;

		for (k = 0; k < 8; k++) {
			unsigned int idx = spec_test_random(512);

			tables[i][idx] = random_entry(level);
		}
		/* Some at the ends, where walks go wrong. */
		if (spec_test_random(2))
			tables[i][0] = random_entry(level);
		if (spec_test_random(2))
			tables[i][511] = random_entry(level);
	}
	return pt;
}

#define ROUNDS	60

TEST(S30_interpretation_of_random_tables)
{
	struct spec_map mine, map;
	u64 mappings = 0;
	unsigned int i;

	spec_map_init(&mine, &spec_test_alloc);
	spec_map_init(&map, &spec_test_alloc);
	for (i = 0; i < ROUNDS; i++) {
		struct spec_pt pt = random_pt();

		spec_map_clear(&mine);
		interp_table(&pt, pt.cr3, 4, 0, 7, &mine);
		EXPECT_EQ(0, spec_interp_pt_mem(&pt, &map));
		EXPECT(spec_map_equal(&mine, &map, 0));
		EXPECT(interp_equal(&pt, SPEC_ALL, &mine, 0));
		mappings += spec_map_count(&map);
	}
	printf("# %llu mappings in %u page tables\n", mappings, ROUNDS);
	EXPECT(mappings > 50 * ROUNDS);
	spec_map_clear(&mine);
	spec_map_clear(&map);
}

/* The interpretation is the walk, taken at every address. */
TEST(S30_interpretation_is_the_walk)
{
	struct spec_pte pte, walked;
	struct spec_map map;
	u64 base, from;
	unsigned int i;

	spec_map_init(&map, &spec_test_alloc);
	for (i = 0; i < ROUNDS; i++) {
		struct spec_pt pt = random_pt();

		EXPECT_EQ(0, spec_interp_pt_mem(&pt, &map));
		spec_map_for_each(&map, base, pte) {
			EXPECT(spec_valid_walk(&pt, base, &walked));
			EXPECT(spec_pte_equal(&pte, &walked, 0));
			EXPECT(spec_walk(&pt, base + pte.frame.size - 1, &from, &walked));
			EXPECT_EQ(base, from);
			/* What comes behind it is another one's, or nobody's. */
			EXPECT(!spec_walk(&pt, base + pte.frame.size, &from, &walked) ||
			       from == base + pte.frame.size);
		}
	}
	spec_map_clear(&map);
}

static struct spec_region random_region(const struct spec_map *map)
{
	u64 base = spec_test_random(1ULL << 48);
	u64 size = spec_test_random(1ULL << (12 + spec_test_random(37)));

	/* Mostly near something. */
	if (spec_test_random(4) && spec_map_next(map, base, &base, NULL))
		base += spec_test_random(3) * (KB4 / 2) - KB4 / 2 * (base > 0);
	return (struct spec_region) { base, size };
}

TEST(S30_interpretation_of_a_range)
{
	struct spec_map map, part, cut;
	unsigned int i, k;

	spec_map_init(&map, &spec_test_alloc);
	spec_map_init(&part, &spec_test_alloc);
	spec_map_init(&cut, &spec_test_alloc);
	for (i = 0; i < ROUNDS; i++) {
		struct spec_pt pt = random_pt();

		EXPECT_EQ(0, spec_interp_pt_mem(&pt, &map));
		for (k = 0; k < 50; k++) {
			struct spec_region region = random_region(&map);

			EXPECT_EQ(0, spec_interp_range(&pt, region, &part));
			EXPECT_EQ(0, spec_map_copy_range(&cut, &map, region));
			EXPECT(spec_map_equal(&part, &cut, 0));
			EXPECT(interp_equal(&pt, region, &map, 0));
		}
	}
	spec_map_clear(&map);
	spec_map_clear(&part);
	spec_map_clear(&cut);
}

/* Every single difference shows, in its range only. */
TEST(S30_comparison_finds_differences)
{
	struct spec_pt pt = new_pt(4);
	struct spec_map map;
	struct spec_pte pte;
	u64 i;

	for (i = 0; i < 4; i++)
		put(&pt, i * KB4, 1, (100 + i) * KB4 | P | US);
	put(&pt, MB2, 2, MB2 | PS | P | US);
	spec_map_init(&map, &spec_test_alloc);
	EXPECT_EQ(0, spec_interp_pt_mem(&pt, &map));
	EXPECT_EQ(5, spec_map_count(&map));

	for (i = 0; i < 4; i++) {
		const struct spec_region here = { i * KB4, KB4 };
		const struct spec_region behind = { (i + 1) * KB4, 4 * MB2 };

		EXPECT(spec_map_get(&map, here.base, &pte));
		spec_map_remove(&map, here.base);
		EXPECT(!interp_equal(&pt, here, &map, 0));
		EXPECT(interp_equal(&pt, behind, &map, 0));
		pte.flags.is_writable = true;
		spec_map_insert(&map, here.base, &pte);
		EXPECT(!interp_equal(&pt, here, &map, 0));
		pte.flags.is_writable = false;
		pte.attrs = SPEC_DIRTY;
		spec_map_replace(&map, here.base, &pte);
		EXPECT(!interp_equal(&pt, here, &map, 0));
		EXPECT(!interp_equal(&pt, here, &map, SPEC_HARDWARE_ATTRS));
		pte.attrs = 0;
		spec_map_replace(&map, here.base, &pte);
		/* What the hardware has set may be new, and is not lost. */
		*slot(&pt, here.base, 1, DIR) |= D;
		EXPECT(!interp_equal(&pt, here, &map, 0));
		EXPECT(!interp_equal(&pt, here, &map, SPEC_ACCESSED));
		EXPECT(interp_equal(&pt, here, &map, SPEC_HARDWARE_ATTRS));
		*slot(&pt, here.base, 1, DIR) &= ~D;
		EXPECT(interp_equal(&pt, SPEC_ALL, &map, 0));
	}
	/* The same page elsewhere. */
	EXPECT(spec_map_get(&map, 3 * KB4, &pte));
	spec_map_remove(&map, 3 * KB4);
	spec_map_insert(&map, 4 * KB4, &pte);
	EXPECT(!interp_equal(&pt, SPEC_ALL, &map, 0));
	spec_map_remove(&map, 4 * KB4);
	spec_map_insert(&map, 3 * KB4, &pte);
	EXPECT(interp_equal(&pt, SPEC_ALL, &map, 0));
	/* One that is there too much: in the middle, and at the end. */
	pte.frame = (struct spec_region) { GB1, KB4 };
	spec_map_insert(&map, 5 * KB4, &pte);
	EXPECT(!interp_equal(&pt, SPEC_ALL, &map, 0));
	spec_map_remove(&map, 5 * KB4);
	spec_map_insert(&map, 2 * MB2, &pte);
	EXPECT(!interp_equal(&pt, SPEC_ALL, &map, 0));
	EXPECT(interp_equal(&pt, (struct spec_region) { 0, 2 * MB2 }, &map, 0));
	EXPECT(!interp_equal(&pt, (struct spec_region) { 2 * MB2, 0 }, &map, 0));
	spec_map_clear(&map);
}

/* In a full table, each bit of each leaf, in a range that has the leaf and in none that has not. */
TEST(S30_comparison_of_a_full_table)
{
	struct spec_pt pt = new_pt(4);
	struct spec_pte pte = { 0 };
	struct spec_map map;
	unsigned int i, bit;
	u64 *leaves, base;

	pt.held = true;
	for (i = 0; i < 512; i++)
		put(&pt, MB2 + i * KB4, 1, (1000 + 7 * i) * KB4 | DIR);
	leaves = slot(&pt, MB2, 1, DIR);
	spec_map_init(&map, &spec_test_alloc);
	EXPECT_EQ(0, spec_interp_pt_mem(&pt, &map));
	EXPECT(interp_equal(&pt, SPEC_ALL, &map, 0));
	for (i = 0; i < 512; i++) {
		u64 first = spec_test_random(i + 1), after = i + 1 + spec_test_random(512 - i);
		const struct spec_region with = { MB2 + first * KB4, (after - first) * KB4 };
		const struct spec_region before = { 0, MB2 + i * KB4 };
		const struct spec_region behind = { MB2 + (i + 1) * KB4, GB1 };

		for (bit = 0; bit < 64; bit++) {
			bool told = bit != 10;	/* SPEC_FLAG_TRACKED */
			bool hardware = bit == 5 || bit == 6;

			leaves[i] ^= 1ULL << bit;
			EXPECT_EQ(!told, interp_equal(&pt, with, &map, 0));
			EXPECT_EQ(!told || hardware,
				  interp_equal(&pt, with, &map, SPEC_HARDWARE_ATTRS));
			EXPECT(interp_equal(&pt, before, &map, 0));
			EXPECT(interp_equal(&pt, behind, &map, 0));
			leaves[i] ^= 1ULL << bit;
		}
	}
	/* A and D that are known are not lost. */
	pte = (struct spec_pte) { .frame = { leaves[9] & ~0xfffULL, KB4 }, { true, false, false } };
	for (pte.attrs = SPEC_ACCESSED; pte.attrs <= SPEC_DIRTY; pte.attrs *= 2) {
		spec_map_replace(&map, MB2 + 9 * KB4, &pte);
		EXPECT(!interp_equal(&pt, SPEC_ALL, &map, SPEC_HARDWARE_ATTRS));
	}
	pte.attrs = 0;
	spec_map_replace(&map, MB2 + 9 * KB4, &pte);
	EXPECT(interp_equal(&pt, SPEC_ALL, &map, 0));
	/* Something that is there too much, before the table and behind it. */
	pte.frame = (struct spec_region) { GB1, KB4 };
	for (base = MB2 - KB4; base <= 2 * MB2; base += MB2 + KB4) {
		EXPECT_EQ(0, spec_map_insert(&map, base, &pte));
		EXPECT(!interp_equal(&pt, SPEC_ALL, &map, 0));
		EXPECT_EQ(0, spec_map_remove(&map, base));
	}
	/* What is held is mapped, but to the hardware. */
	leaves[0] = (leaves[0] & ~P) | HELD;
	spec_map_clear(&map);
	EXPECT_EQ(0, spec_interp_pt_mem(&pt, &map));
	EXPECT(interp_equal(&pt, SPEC_ALL, &map, 0));
	pt.held = false;
	EXPECT(!interp_equal(&pt, SPEC_ALL, &map, 0));
	leaves[0] = (leaves[0] & ~HELD) | P;
	pt.held = true;
	spec_map_clear(&map);
	EXPECT_EQ(0, spec_interp_pt_mem(&pt, &map));
	/* Rights on the path are those of the leaves, too. */
	*slot(&pt, MB2, 2, DIR) ^= RW;
	EXPECT(!interp_equal(&pt, SPEC_ALL, &map, 0));
	spec_map_clear(&map);
}

TEST(S31_depends_on_bytes_only)
{
	struct spec_map one, two;
	unsigned int i, k;

	spec_map_init(&one, &spec_test_alloc);
	spec_map_init(&two, &spec_test_alloc);
	for (i = 0; i < ROUNDS; i++) {
		struct spec_pt pt = random_pt();

		EXPECT_EQ(0, spec_interp_pt_mem(&pt, &one));
		EXPECT_EQ(0, spec_interp_pt_mem(&pt, &two));
		EXPECT(spec_map_equal(&one, &two, 0));
		/* The hardware sets A and D behind our back (S21). */
		for (k = 0; k < nr_tables * 512; k++)
			if (tables[k / 512][k % 512] & P)
				tables[k / 512][k % 512] |= spec_test_random(2) ? A : A | D;
		EXPECT_EQ(0, spec_interp_pt_mem(&pt, &two));
		EXPECT(spec_map_equal(&one, &two, SPEC_HARDWARE_ATTRS));
	}
	spec_map_clear(&one);
	spec_map_clear(&two);
}

TEST(S31_out_of_memory)
{
	struct spec_map map;
	long left;

	spec_map_init(&map, &spec_test_alloc);
	for (left = 0;; left++) {
		struct spec_pt pt = new_pt(4);
		int ret;

		put(&pt, 0, 1, P);
		put(&pt, MB2, 1, P);
		put(&pt, GB1, 1, P);
		put(&pt, 2 * GB1, 1, P);
		put(&pt, 3 * GB1, 1, P);
		spec_test_allocations = left;
		ret = spec_interp_pt_mem(&pt, &map);
		spec_test_allocations = -1;
		if (!ret)
			break;
		EXPECT_EQ(-ENOMEM, ret);
		EXPECT_EQ(0, spec_map_count(&map));
	}
	EXPECT(left > 5);
	EXPECT_EQ(5, spec_map_count(&map));
	spec_map_clear(&map);
}

TEST(iter__visits_tables_before_what_is_in_them)
{
	static const u64 wanted[][2] = {
		{ 0, 4 }, { 0, 3 }, { 0, 2 }, { KB4, 1 }, { 511 * KB4, 1 }, { MB2, 2 },
		{ 511ULL << 39, 4 }, { (1ULL << 48) - GB1, 3 },
	};
	struct spec_pt pt = new_pt(4);
	struct spec_iter it;
	unsigned int i = 0;

	put(&pt, KB4, 1, P);
	put(&pt, 511 * KB4, 1, P);
	put(&pt, MB2, 2, P | PS);
	put(&pt, (1ULL << 48) - GB1, 3, P | PS);
	spec_for_each_entry(&it, &pt, SPEC_ALL) {
		EXPECT(i < ARRAY_SIZE(wanted));
		EXPECT_EQ(wanted[i][0], it.va);
		EXPECT_EQ(wanted[i][1], it.level);
		i++;
	}
	EXPECT_EQ(ARRAY_SIZE(wanted), i);
}

TEST(iter__skips_what_is_not_in_the_region)
{
	struct spec_pt pt = new_pt(4);
	struct spec_iter it;
	unsigned int pages = 0;

	put(&pt, 0, 1, P);
	put(&pt, KB4, 1, P);
	put(&pt, 2 * KB4, 1, P);
	put(&pt, GB1, 3, P | PS);
	nr_reads = 0;
	spec_for_each_page(&it, &pt, ((struct spec_region) { KB4, KB4 })) {
		EXPECT_EQ(KB4, it.va);
		pages++;
	}
	EXPECT_EQ(1, pages);
	EXPECT_EQ(4, nr_reads);
	spec_for_each_page(&it, &pt, ((struct spec_region) { 1ULL << 48, KB4 }))
		EXPECT(false);
	/* A byte of one page and a byte of the next. */
	spec_for_each_page(&it, &pt, ((struct spec_region) { KB4 - 1, 2 }))
		pages += 10;
	EXPECT_EQ(21, pages);
	/* Three tables, three pages; what follows is empty. */
	spec_for_each_entry(&it, &pt, ((struct spec_region) { 0, MB2 }))
		pages += 100;
	EXPECT_EQ(621, pages);
	pages = 1;
	spec_for_each_page(&it, &pt, ((struct spec_region) { GB1 + 5, 0 }))
		pages++;
	EXPECT_EQ(2, pages);
}

TEST(S59_table_empty)
{
	struct spec_pt pt = new_pt(4);

	EXPECT(spec_table_empty(&pt, pt.cr3, 4));
	put(&pt, GB1, 1, 0);
	EXPECT(spec_table_empty(&pt, pt.cr3, 4));
	EXPECT(spec_table_empty(&pt, FIRST + KB4, 3));
	put(&pt, GB1 + 511 * KB4, 1, P);
	EXPECT(!spec_table_empty(&pt, pt.cr3, 4));
	EXPECT(!spec_table_empty(&pt, FIRST + KB4, 3));
	EXPECT(!spec_table_empty(&pt, FIRST + 3 * KB4, 1));
	put(&pt, GB1 + 511 * KB4, 1, HELD);
	EXPECT(spec_table_empty(&pt, FIRST + 3 * KB4, 1));
	pt.held = true;
	EXPECT(!spec_table_empty(&pt, FIRST + 3 * KB4, 1));
}
