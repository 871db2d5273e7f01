// SPDX-License-Identifier: GPL-2.0-only
/*
 * S1 to S9: levels, sizes, indices, regions.
 */
#include "spec/geometry.h"
#include "spec_test.h"

#define KB4	0x1000ULL
#define MB2	0x200000ULL
#define GB1	0x40000000ULL
#define GB512	0x8000000000ULL
#define TB256	0x1000000000000ULL

TEST(S1_levels_entries_words)
{
	EXPECT_EQ(4, SPEC_MIN_LEVELS);
	EXPECT_EQ(5, SPEC_MAX_LEVELS);
	EXPECT_EQ(512, SPEC_NUM_ENTRIES);
	EXPECT_EQ(8, SPEC_WORD_SIZE);
	EXPECT_EQ(4096, SPEC_PAGE_SIZE);
	EXPECT_EQ(SPEC_PAGE_SIZE, SPEC_NUM_ENTRIES * SPEC_WORD_SIZE);
}

TEST(S2_entry_sizes)
{
	EXPECT_EQ(KB4, spec_entry_size(1));
	EXPECT_EQ(MB2, spec_entry_size(2));
	EXPECT_EQ(GB1, spec_entry_size(3));
	EXPECT_EQ(GB512, spec_entry_size(4));
	EXPECT_EQ(TB256, spec_entry_size(5));
}

TEST(S2_each_is_512_of_the_next)
{
	unsigned int level;

	for (level = 2; level <= 5; level++)
		EXPECT_EQ(512 * spec_entry_size(level - 1), spec_entry_size(level));
}

TEST(S2_sizes_of_leaves)
{
	EXPECT_EQ(1, spec_page_level(KB4));
	EXPECT_EQ(2, spec_page_level(MB2));
	EXPECT_EQ(3, spec_page_level(GB1));
	EXPECT_EQ(0, spec_page_level(GB512));
	EXPECT_EQ(0, spec_page_level(0));
	EXPECT_EQ(0, spec_page_level(2 * KB4));
	EXPECT_EQ(0, spec_page_level(MB2 / 2));
	EXPECT_EQ(0, spec_page_level(256 * MB2));
	EXPECT_EQ(0, spec_page_level(~0ULL));
}

TEST(S3_max_base)
{
	EXPECT_EQ(TB256, spec_max_base(4));
	EXPECT_EQ(spec_entry_base(4, 0, 512), spec_max_base(4));
	EXPECT_EQ(512 * TB256, spec_max_base(5));
}

TEST(S4_width_of_physical_addresses)
{
	EXPECT(!spec_valid_phyaddr_width(0));
	EXPECT(!spec_valid_phyaddr_width(31));
	EXPECT(spec_valid_phyaddr_width(32));
	EXPECT(spec_valid_phyaddr_width(46));
	EXPECT(spec_valid_phyaddr_width(52));
	EXPECT(!spec_valid_phyaddr_width(53));
	EXPECT(!spec_valid_phyaddr_width(64));
	EXPECT_EQ(0xffffffffULL, spec_max_phyaddr(32));
	EXPECT_EQ(0xfffffffffffffULL, spec_max_phyaddr(52));
}

/* Bit by bit, with no shift that could be too wide. */
static u64 mask_by_bits(unsigned int low, unsigned int high)
{
	u64 bit = 1, mask = 0;
	unsigned int i;

	for (i = 0; i < 64; i++, bit *= 2)
		mask += low <= i && i <= high ? bit : 0;
	return mask;
}

TEST(S5_bitmask_inc)
{
	unsigned int low, high;

	for (low = 0; low < 64; low++)
		for (high = 0; high < 64; high++)
			EXPECT_EQ(mask_by_bits(low, high), spec_bitmask_inc(low, high));
}

TEST(S5_bitmask_inc_boundaries)
{
	EXPECT_EQ(0, spec_bitmask_inc(52, 51));
	EXPECT_EQ(1ULL << 51, spec_bitmask_inc(51, 51));
	EXPECT_EQ(~0ULL, spec_bitmask_inc(0, 63));
	EXPECT_EQ(1ULL << 63, spec_bitmask_inc(63, 63));
	EXPECT_EQ(0x000ffffffffff000ULL, spec_bitmask_inc(12, 51));
}

/* The digits of an address, read from the left. */
TEST(S6_index_bits)
{
	const u64 va = 1 * TB256 + 2 * GB512 + 3 * GB1 + 4 * MB2 + 5 * KB4 + 6;
	unsigned int level;

	for (level = 1; level <= 5; level++) {
		EXPECT_EQ(6 - level, spec_index_bits(level, va));
		EXPECT_EQ(511, spec_index_bits(level, spec_max_base(5) - 1));
		EXPECT_EQ(0, spec_index_bits(level, 0));
		EXPECT_EQ(0, spec_index_bits(level, spec_entry_size(level) - 1));
		EXPECT_EQ(1, spec_index_bits(level, spec_entry_size(level)));
	}
}

TEST(S6_index_for_vaddr)
{
	const u64 base = 3 * GB512 + 7 * GB1;

	EXPECT_EQ(0, spec_index_for_vaddr(2, base, base));
	EXPECT_EQ(0, spec_index_for_vaddr(2, base, base + MB2 - 1));
	EXPECT_EQ(1, spec_index_for_vaddr(2, base, base + MB2));
	EXPECT_EQ(511, spec_index_for_vaddr(2, base, base + GB1 - 1));
	EXPECT_EQ(512, spec_index_for_vaddr(2, base, base + GB1));
	EXPECT_EQ(511, spec_index_for_vaddr(4, 0, spec_max_base(4) - 1));
}

TEST(S6_entry_bases)
{
	EXPECT_EQ(GB1, spec_entry_base(1, GB1, 0));
	EXPECT_EQ(GB1 + 511 * KB4, spec_entry_base(1, GB1, 511));
	EXPECT_EQ(GB1 + MB2, spec_next_entry_base(1, GB1, 511));
	EXPECT_EQ(511 * GB512, spec_entry_base(4, 0, 511));
	EXPECT_EQ(spec_max_base(4), spec_next_entry_base(4, 0, 511));
	EXPECT_EQ(spec_max_base(5), spec_next_entry_base(5, 0, 511));
}

/* Both ways to find an index agree, and lead back to where the address is. */
TEST(S6_consistent)
{
	unsigned int level, i;

	for (i = 0; i < 10000; i++) {
		u64 va = spec_test_random(spec_max_base(5)), base = 0, idx;

		for (level = 5; level; level--) {
			idx = spec_index_for_vaddr(level, base, va);
			EXPECT_EQ(idx, spec_index_bits(level, va));
			EXPECT(spec_between(va, spec_entry_base(level, base, idx),
					    spec_next_entry_base(level, base, idx)));
			base = spec_entry_base(level, base, idx);
		}
		EXPECT_EQ(va & ~0xfffULL, base);
	}
}

TEST(S7_aligned)
{
	EXPECT(spec_aligned(0, KB4));
	EXPECT(spec_aligned(KB4, KB4));
	EXPECT(!spec_aligned(KB4 - 1, KB4));
	EXPECT(!spec_aligned(KB4 + 1, KB4));
	EXPECT(!spec_aligned(KB4, MB2));
	EXPECT(spec_aligned(~0ULL, 1));
	EXPECT(spec_aligned(9, 3));
	EXPECT(!spec_aligned(8, 3));
	EXPECT(!spec_aligned(0, 0));
}

TEST(S7_between_and_contains)
{
	const struct spec_region region = { KB4, KB4 }, empty = { KB4, 0 };
	const struct spec_region top = { ~0ULL - 0xfff, 0xfff };

	EXPECT(!spec_between(KB4 - 1, KB4, 2 * KB4));
	EXPECT(spec_between(KB4, KB4, 2 * KB4));
	EXPECT(spec_between(2 * KB4 - 1, KB4, 2 * KB4));
	EXPECT(!spec_between(2 * KB4, KB4, 2 * KB4));
	EXPECT(!spec_contains(region, KB4 - 1));
	EXPECT(spec_contains(region, KB4));
	EXPECT(spec_contains(region, 2 * KB4 - 1));
	EXPECT(!spec_contains(region, 2 * KB4));
	EXPECT(!spec_contains(empty, KB4));
	EXPECT(spec_contains(top, ~0ULL - 1));
	EXPECT(!spec_contains(top, ~0ULL));
}

static void expect_overlap(bool wanted, struct spec_region a, struct spec_region b)
{
	EXPECT_EQ(wanted, spec_overlap(a, b));
	EXPECT_EQ(wanted, spec_overlap(b, a));
}

#define REGION(base, size)	((struct spec_region) { base, size })

/* Those that the specification itself is checked with. */
TEST(S8_overlap_sanity_vectors)
{
	EXPECT(spec_overlap(REGION(0, 4096), REGION(0, 4096)));
	EXPECT(spec_overlap(REGION(0, 8192), REGION(0, 4096)));
	EXPECT(spec_overlap(REGION(0, 4096), REGION(0, 8192)));
	EXPECT(spec_overlap(REGION(0, 8192), REGION(4096, 4096)));
	EXPECT(!spec_overlap(REGION(4096, 8192), REGION(0, 4096)));
	EXPECT(!spec_overlap(REGION(0, 4096), REGION(8192, 16384)));
}

TEST(S8_overlap_boundaries)
{
	expect_overlap(true, REGION(0, MB2), REGION(MB2 - KB4, KB4));
	expect_overlap(true, REGION(0, MB2), REGION(MB2 - 1, KB4));
	expect_overlap(false, REGION(0, MB2), REGION(MB2, KB4));
	expect_overlap(true, REGION(~0ULL - 0xfff, 0xfff), REGION(~0ULL - 1, 1));
	expect_overlap(false, REGION(~0ULL - 0xfff, 0xffe), REGION(~0ULL - 1, 1));
}

/* Against a count of what both contain, for all small regions that are not empty. */
TEST(S8_overlap_is_to_share_an_address)
{
	u64 a, b, m, n, i;

	for (a = 0; a < 6; a++)
		for (b = 0; b < 6; b++)
			for (m = 1; m < 5; m++)
				for (n = 1; n < 5; n++) {
					bool both = false;

					for (i = 0; i < 12; i++)
						both |= a <= i && i < a + m && b <= i && i < b + n;
					EXPECT_EQ(both, spec_overlap(REGION(a, m), REGION(b, n)));
				}
}

TEST(S9_overlap_of_size_zero)
{
	expect_overlap(true, REGION(KB4, 0), REGION(KB4, 0));
	expect_overlap(true, REGION(KB4, 0), REGION(KB4, KB4));
	expect_overlap(true, REGION(KB4 + 1, 0), REGION(KB4, KB4));
	expect_overlap(true, REGION(2 * KB4 - 1, 0), REGION(KB4, KB4));
	expect_overlap(false, REGION(2 * KB4, 0), REGION(KB4, KB4));
	expect_overlap(false, REGION(KB4 - 1, 0), REGION(KB4, KB4));
	expect_overlap(false, REGION(0, 0), REGION(1, 0));
}
