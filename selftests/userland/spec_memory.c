// SPDX-License-Identifier: GPL-2.0-only
/*
 * S32 to S40: the memory of page tables.
 */
#include "spec/memory.h"
#include "spec/walk.h"
#include "spec_test.h"

#define KB4	0x1000ULL
#define CR3	0x10000ULL
#define WIDTH	32

static u64 words[8][512];

static struct spec_memory new_memory(size_t available)
{
	struct spec_memory mem;

	memset(words, 0, sizeof(words));
	EXPECT_EQ(0, spec_memory_init(&mem, &spec_test_alloc, WIDTH, CR3, words[0]));
	EXPECT_EQ(0, spec_memory_provide(&mem, available));
	return mem;
}

static struct spec_region page(u64 base)
{
	return (struct spec_region) { base, KB4 };
}

TEST(S32_alloc_page)
{
	struct spec_memory mem = new_memory(2);
	unsigned int i;
	u64 value;

	words[0][5] = 0x1234;
	EXPECT_HOLDS(spec_memory_alloc_page(&mem, 0x20000, words[1]));
	EXPECT_EQ(1, mem.available);
	EXPECT_EQ(CR3, mem.cr3);
	EXPECT_EQ(0x1234, words[0][5]);
	for (i = 0; i < 512; i++) {
		value = 7;
		EXPECT_HOLDS(spec_memory_read(&mem, 0x20000, i, page(0x20000), &value));
		EXPECT_EQ(0, value);
	}
	EXPECT_HOLDS(spec_check_memory(&mem));
	spec_memory_clear(&mem);
}

TEST(S32_page_aligned)
{
	struct spec_memory mem = new_memory(1);

	EXPECT_RULE("S32_page_aligned", spec_memory_alloc_page(&mem, 0x20008, words[1]));
	EXPECT_RULE("S32_page_aligned", spec_memory_alloc_page(&mem, 0x20fff, words[1]));
	EXPECT_EQ(1, mem.available);
	spec_memory_clear(&mem);
}

/* base + 4096 <= MAX_PHYADDR, which is 2^32 - 1 here: the last page is too far. */
TEST(S32_page_in_bounds)
{
	struct spec_memory mem = new_memory(2);

	EXPECT_RULE("S32_page_in_bounds", spec_memory_alloc_page(&mem, 0xfffff000, words[1]));
	EXPECT_RULE("S32_page_in_bounds", spec_memory_alloc_page(&mem, 0x100000000, words[1]));
	EXPECT_RULE("S32_page_in_bounds", spec_memory_alloc_page(&mem, ~0xfffULL, words[1]));
	EXPECT_HOLDS(spec_memory_alloc_page(&mem, 0xffffe000, words[1]));
	EXPECT_HOLDS(spec_memory_alloc_page(&mem, 0, words[2]));
	spec_memory_clear(&mem);
}

TEST(S32_page_not_owned)
{
	struct spec_memory mem = new_memory(3);

	EXPECT_RULE("S32_page_not_owned", spec_memory_alloc_page(&mem, CR3, words[1]));
	EXPECT_HOLDS(spec_memory_alloc_page(&mem, CR3 + KB4, words[1]));
	EXPECT_RULE("S32_page_not_owned", spec_memory_alloc_page(&mem, CR3 + KB4, words[2]));
	EXPECT_HOLDS(spec_memory_alloc_page(&mem, CR3 - KB4, words[2]));
	EXPECT_EQ(1, mem.available);
	spec_memory_clear(&mem);
}

TEST(S32_page_zero)
{
	struct spec_memory mem = new_memory(1);
	unsigned int i;

	for (i = 0; i < 512; i++) {
		words[1][i] = 1ULL << 63;
		EXPECT_RULE("S32_page_zero", spec_memory_alloc_page(&mem, 0x20000, words[1]));
		words[1][i] = 0;
	}
	EXPECT_HOLDS(spec_memory_alloc_page(&mem, 0x20000, words[1]));
	spec_memory_clear(&mem);
}

TEST(S33_pages_available)
{
	struct spec_memory mem = new_memory(0);
	u64 i;

	EXPECT_RULE("S33_pages_available", spec_memory_alloc_page(&mem, 0x20000, words[1]));
	EXPECT_EQ(0, spec_memory_provide(&mem, 3));
	for (i = 1; i <= 3; i++)
		EXPECT_HOLDS(spec_memory_alloc_page(&mem, 0x20000 * i, words[i]));
	EXPECT_RULE("S33_pages_available", spec_memory_alloc_page(&mem, 0x30000, words[4]));
	spec_memory_clear(&mem);
}

/* What was provided cannot fail for want of memory any more. */
TEST(S33_no_allocation_fails_later)
{
	struct spec_memory mem = new_memory(0);
	u64 i;

	spec_test_allocations = 0;
	EXPECT_EQ(-ENOMEM, spec_memory_provide(&mem, 100));
	EXPECT_EQ(0, mem.available);
	spec_test_allocations = 2;
	EXPECT_EQ(0, spec_memory_provide(&mem, 40));
	EXPECT_EQ(0, spec_memory_provide(&mem, 60));
	EXPECT_EQ(100, mem.available);
	spec_test_allocations = 0;
	for (i = 1; i <= 100; i++)
		EXPECT_HOLDS(spec_memory_alloc_page(&mem, 0x20000 * i, words[1]));
	spec_test_allocations = -1;
	EXPECT_HOLDS(spec_check_memory(&mem));
	spec_memory_clear(&mem);
}

TEST(S34_dealloc_page)
{
	struct spec_memory mem = new_memory(2);
	u64 value;

	EXPECT_HOLDS(spec_memory_alloc_page(&mem, 0x20000, words[1]));
	words[0][1] = 0x20000;
	EXPECT_RULE("S34_page_owned", spec_memory_dealloc_page(&mem, 0x30000));
	EXPECT_RULE("S34_page_owned", spec_memory_dealloc_page(&mem, 0x20008));
	EXPECT_HOLDS(spec_memory_dealloc_page(&mem, 0x20000));
	EXPECT_RULE("S34_page_owned", spec_memory_dealloc_page(&mem, 0x20000));
	EXPECT_EQ(CR3, mem.cr3);
	EXPECT_EQ(0x20000, words[0][1]);
	EXPECT_RULE("S35_region_owned",
		    spec_memory_read(&mem, 0x20000, 0, page(0x20000), &value));
	EXPECT_HOLDS(spec_memory_alloc_page(&mem, 0x20000, words[1]));
	spec_memory_clear(&mem);
}

TEST(S34_page_zero)
{
	struct spec_memory mem = new_memory(1);

	EXPECT_HOLDS(spec_memory_alloc_page(&mem, 0x20000, words[1]));
	words[1][511] = 1;
	EXPECT_RULE("S34_page_zero", spec_memory_dealloc_page(&mem, 0x20000));
	words[1][511] = 0;
	EXPECT_HOLDS(spec_memory_dealloc_page(&mem, 0x20000));
	spec_memory_clear(&mem);
}

TEST(S34_not_the_root)
{
	struct spec_memory mem = new_memory(0);

	EXPECT_RULE("S34_not_the_root", spec_memory_dealloc_page(&mem, CR3));
	EXPECT_HOLDS(spec_check_memory(&mem));
	spec_memory_clear(&mem);
}

TEST(S35_write)
{
	struct spec_memory mem = new_memory(1);
	unsigned int i, k;

	EXPECT_HOLDS(spec_memory_alloc_page(&mem, 0x20000, words[1]));
	for (i = 0; i < 512; i += 73) {
		EXPECT_HOLDS(spec_memory_write(&mem, 0x20000, i, page(0x20000), 1000 + i));
		for (k = 0; k < 512; k++) {
			EXPECT_EQ(k <= i && k % 73 == 0 ? 1000 + k : 0, words[1][k]);
			EXPECT_EQ(0, words[0][k]);
		}
	}
	EXPECT_EQ(0, mem.available);
	spec_memory_clear(&mem);
}

TEST(S35_preconditions)
{
	struct spec_memory mem = new_memory(0);
	const struct spec_region odd = { CR3 + 4, KB4 }, half = { CR3, KB4 / 2 };
	u64 value = 7;
	unsigned int i;

	EXPECT_RULE("S35_address_of_region", spec_memory_write(&mem, CR3 + 8, 0, page(CR3), 1));
	EXPECT_RULE("S35_word_aligned", spec_memory_write(&mem, CR3 + 4, 0, odd, 1));
	EXPECT_RULE("S35_region_owned", spec_memory_write(&mem, 0x20000, 0, page(0x20000), 1));
	EXPECT_RULE("S35_region_owned", spec_memory_write(&mem, CR3 + 8, 0, page(CR3 + 8), 1));
	EXPECT_RULE("S35_region_owned", spec_memory_write(&mem, CR3, 0, half, 1));
	EXPECT_RULE("S35_index_in_table", spec_memory_write(&mem, CR3, 512, page(CR3), 1));
	EXPECT_RULE("S35_index_in_table", spec_memory_write(&mem, CR3, ~0ULL, page(CR3), 1));
	for (i = 0; i < 512; i++)
		EXPECT_EQ(0, words[0][i]);
	EXPECT_RULE("S35_index_in_table", spec_memory_read(&mem, CR3, 512, page(CR3), &value));
	EXPECT_RULE("S35_address_of_region", spec_memory_read(&mem, 0, 0, page(CR3), &value));
	EXPECT_EQ(7, value);
	EXPECT_HOLDS(spec_memory_write(&mem, CR3, 511, page(CR3), 1));
	spec_memory_clear(&mem);
}

TEST(S36_read)
{
	struct spec_memory mem = new_memory(0);
	u64 value;
	unsigned int i;

	for (i = 0; i < 512; i++)
		words[0][i] = ~(u64)i;
	for (i = 0; i < 512; i++) {
		EXPECT_HOLDS(spec_memory_read(&mem, CR3, i, page(CR3), &value));
		EXPECT_EQ(~(u64)i, value);
		EXPECT_EQ(~(u64)i, spec_memory_entry(&mem, CR3, i));
		EXPECT_EQ(~(u64)i, words[0][i]);
	}
	EXPECT_EQ(0, spec_memory_entry(&mem, CR3 + KB4, 0));
	spec_memory_clear(&mem);
}

TEST(S37_pages_disjoint)
{
	struct spec_memory mem = new_memory(1);
	u64 *base;

	EXPECT_HOLDS(spec_memory_alloc_page(&mem, 0x20000, words[1]));
	EXPECT_HOLDS(spec_check_memory(&mem));
	/* The key of the second page: as if it had been allocated inside the first. */
	base = spec_vector_item(&mem.pages, 1);
	*base = CR3 + KB4 - 8;
	EXPECT_RULE("S37_pages_disjoint", spec_check_memory(&mem));
	*base = CR3 + KB4;
	EXPECT_HOLDS(spec_check_memory(&mem));
	spec_memory_clear(&mem);
}

TEST(S37_root)
{
	struct spec_memory mem = new_memory(1);

	EXPECT_HOLDS(spec_check_memory(&mem));
	mem.cr3 = 0x20000;
	EXPECT_RULE("S37_root", spec_check_memory(&mem));
	spec_memory_clear(&mem);
	EXPECT_EQ(0, spec_memory_init(&mem, &spec_test_alloc, WIDTH, CR3 + 8, words[0]));
	EXPECT_RULE("S37_root", spec_check_memory(&mem));
	spec_memory_clear(&mem);
}

/* The bound of the specification is safe for every width, the kernel's map as well. */
TEST(S37_linear_map)
{
	EXPECT_HOLDS(spec_check_linear_map(0x7fe0000000000000, 52));
	EXPECT_HOLDS(spec_check_linear_map(0xffff888000000000, 46));
	EXPECT_HOLDS(spec_check_linear_map(0xfff0000000000000, 52));
	EXPECT_RULE("S37_linear_map", spec_check_linear_map(0xfff0000000000001, 52));
	EXPECT_RULE("S37_linear_map", spec_check_linear_map(0xffff888000000000, 52));
	EXPECT_RULE("S37_linear_map", spec_check_linear_map(~0ULL, 32));
}

TEST(S38_init)
{
	struct spec_memory mem = new_memory(1);
	struct spec_pt pt = {
		.read = spec_memory_entry, .ctx = &mem, .cr3 = CR3, .levels = 4, .width = WIDTH,
	};
	unsigned int i;

	EXPECT_HOLDS(spec_check_memory_init(&mem));
	EXPECT(spec_table_empty(&pt, CR3, 4));
	for (i = 0; i < 512; i++) {
		words[0][i] = 1ULL << 62;
		EXPECT_RULE("S38_empty_root_alone", spec_check_memory_init(&mem));
		words[0][i] = 0;
	}
	EXPECT_HOLDS(spec_memory_alloc_page(&mem, 0x20000, words[1]));
	EXPECT_RULE("S38_empty_root_alone", spec_check_memory_init(&mem));
	spec_memory_clear(&mem);
}

TEST(S38_out_of_memory)
{
	struct spec_memory mem;

	spec_test_allocations = 0;
	EXPECT_EQ(-ENOMEM, spec_memory_init(&mem, &spec_test_alloc, WIDTH, CR3, words[0]));
	spec_test_allocations = -1;
	spec_memory_clear(&mem);
}

TEST(S39_tables_are_not_frames)
{
	struct spec_memory mem = new_memory(1);
	struct spec_pte pte = { .frame = page(0x20000) };
	struct spec_map map;

	EXPECT_HOLDS(spec_memory_alloc_page(&mem, 0x3ff000, words[1]));
	spec_map_init(&map, &spec_test_alloc);
	EXPECT_EQ(0, spec_map_insert(&map, 0, &pte));
	EXPECT_HOLDS(spec_check_frames(&mem, &map));
	pte.frame.base = CR3;
	EXPECT_EQ(0, spec_map_replace(&map, 0, &pte));
	EXPECT_RULE("S39_tables_are_not_frames", spec_check_frames(&mem, &map));
	pte.frame.base = CR3 - KB4;
	EXPECT_EQ(0, spec_map_replace(&map, 0, &pte));
	EXPECT_HOLDS(spec_check_frames(&mem, &map));
	/* The last page of a large frame, and the first that is not in it. */
	pte.frame = (struct spec_region) { 0x400000, 0x200000 };
	EXPECT_EQ(0, spec_map_insert(&map, 0x200000, &pte));
	EXPECT_HOLDS(spec_check_frames(&mem, &map));
	pte.frame.base = 0x200000;
	EXPECT_EQ(0, spec_map_replace(&map, 0x200000, &pte));
	EXPECT_RULE("S39_tables_are_not_frames", spec_check_frames(&mem, &map));
	spec_map_clear(&map);
	spec_memory_clear(&mem);
}

TEST(S40_words_and_bytes)
{
	unsigned int size;

	EXPECT_EQ(0, spec_word_index(7));
	EXPECT_EQ(1, spec_word_index(8));
	EXPECT_EQ(512, spec_word_index(KB4));
	EXPECT_EQ(0x1fffffffffffffffULL, spec_word_index(~0ULL));
	for (size = 0; size < 20; size++)
		EXPECT_EQ(size == 1 || size == 2 || size == 4 || size == 8,
			  spec_valid_access(KB4, size));
	EXPECT(spec_valid_access(KB4 + 7, 1));
	EXPECT(!spec_valid_access(KB4 + 7, 2));
	EXPECT(!spec_valid_access(KB4 + 2, 4));
	EXPECT(!spec_valid_access(KB4 + 4, 8));
}
