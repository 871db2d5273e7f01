// SPDX-License-Identifier: GPL-2.0-only
/*
 * S40 to S50: memory words, accesses, TLBs.
 */
#include "spec/hw.h"
#include "spec_machine.h"

static struct spec_hw hw;

static void begin(bool see_tlbs)
{
	EXPECT_EQ(0, spec_hw_init(&hw, &spec_test_alloc, 2, WORDS, see_tlbs));
}

static void map(u64 vaddr, struct spec_pte pte)
{
	EXPECT_HOLDS(spec_hw_map(&hw, vaddr, &pte));
}

static const char *access(unsigned int core, u64 vaddr, struct spec_rw_op op, u64 base,
			  struct spec_pte pte)
{
	return spec_hw_read_write(&hw, core, vaddr, &op, base, &pte);
}

static const char *access_none(unsigned int core, u64 vaddr, struct spec_rw_op op)
{
	return spec_hw_read_write(&hw, core, vaddr, &op, 0, NULL);
}

static const struct spec_rw_op fault = { .result = SPEC_PAGEFAULT };
static const struct spec_rw_op store_fault = {
	.is_store = true, .result = SPEC_PAGEFAULT, .value = 7 };
static const struct spec_rw_op fetch_fault = { .is_exec = true, .result = SPEC_PAGEFAULT };
static const struct spec_rw_op load_0 = { .result = SPEC_OK };
static const struct spec_rw_op load_7 = { .result = SPEC_OK, .value = 7 };
static const struct spec_rw_op fetch_0 = { .is_exec = true, .result = SPEC_OK };
static const struct spec_rw_op store_7 = { .is_store = true, .result = SPEC_OK, .value = 7 };

TEST(S40_memory_is_words)
{
	begin(true);
	EXPECT_EQ(0, spec_mem_load(&hw.mem, 5));
	EXPECT_EQ(0, spec_mem_store(&hw.mem, 5, 9));
	EXPECT_EQ(0, spec_mem_load(&hw.mem, 4));
	EXPECT_EQ(9, spec_mem_load(&hw.mem, 5));
	EXPECT_EQ(0, spec_mem_load(&hw.mem, 6));
	EXPECT_EQ(0, spec_mem_store(&hw.mem, 5, 10));
	EXPECT_EQ(10, spec_mem_load(&hw.mem, 5));
	EXPECT_EQ(0, spec_mem_store(&hw.mem, 5, 0));
	EXPECT_EQ(0, hw.mem.nr);
	EXPECT_EQ(0, spec_mem_store(&hw.mem, 5, 0));
	spec_hw_destroy(&hw);
}

TEST(S40_no_memory_for_a_word)
{
	begin(true);
	spec_test_allocations = 0;
	EXPECT_EQ(-ENOMEM, spec_mem_store(&hw.mem, 5, 9));
	spec_test_allocations = -1;
	EXPECT_EQ(0, spec_mem_load(&hw.mem, 5));
	spec_hw_destroy(&hw);
}

TEST(S41_valid_core)
{
	begin(true);
	EXPECT(spec_valid_core(&hw, 0));
	EXPECT(spec_valid_core(&hw, 1));
	EXPECT(!spec_valid_core(&hw, 2));
	EXPECT(!spec_valid_core(&hw, ~0U));
	EXPECT_RULE("S41_valid_core", access_none(2, 0, fault));
	spec_hw_destroy(&hw);
}

TEST(S41_at_least_one_core)
{
	EXPECT_EQ(-EINVAL, spec_hw_init(&hw, &spec_test_alloc, 0, WORDS, true));
}

TEST(S41_empty_at_init)
{
	begin(true);
	EXPECT_EQ(0, spec_map_count(&hw.pt));
	EXPECT_EQ(0, spec_map_count(&hw.tlb[0]));
	EXPECT_EQ(0, spec_map_count(&hw.tlb[1]));
	EXPECT_EQ(0, hw.mem.nr);
	spec_hw_destroy(&hw);
}

TEST(S41_no_memory_at_init)
{
	spec_test_allocations = 0;
	EXPECT_EQ(-ENOMEM, spec_hw_init(&hw, &spec_test_alloc, 2, WORDS, true));
	EXPECT_EQ(-ENOMEM, spec_hw_init(&hw, &spec_test_alloc, 2, WORDS, false));
	spec_test_allocations = -1;
}

TEST(S42_vaddr_aligned)
{
	u64 i;

	begin(true);
	for (i = 0; i < 16; i++)
		EXPECT_RULE(i % 8 ? "S42_vaddr_aligned" : NULL, access_none(0, i, fault));
	spec_hw_destroy(&hw);
}

TEST(S42_page_table_and_tlbs_unchanged)
{
	struct spec_pte pte = pte_at(MB2, KB4);

	begin(true);
	map(KB4, pte);
	EXPECT_HOLDS(spec_hw_tlb_fill(&hw, 0, KB4, &pte));
	EXPECT_HOLDS(access(0, KB4, store_7, KB4, pte));
	EXPECT_EQ(1, spec_map_count(&hw.pt));
	EXPECT_EQ(1, spec_map_count(&hw.tlb[0]));
	EXPECT_EQ(0, spec_map_count(&hw.tlb[1]));
	spec_hw_destroy(&hw);
}

TEST(S43_of_that_core)
{
	struct spec_pte pte = pte_at(MB2, KB4);

	begin(true);
	map(KB4, pte);
	EXPECT_RULE("S43_tlb_contains", access(0, KB4, load_0, KB4, pte));
	EXPECT_HOLDS(spec_hw_tlb_fill(&hw, 0, KB4, &pte));
	EXPECT_HOLDS(access(0, KB4, load_0, KB4, pte));
	EXPECT_RULE("S43_tlb_contains", access(1, KB4, load_0, KB4, pte));
	EXPECT_RULE("S43_tlb_contains", access(0, KB4, load_0, KB4, pte_at(GB1 / 2, KB4)));
	EXPECT_RULE("S43_tlb_contains", access(0, KB4, load_0, 2 * KB4, pte));
	spec_hw_destroy(&hw);
}

TEST(S43_vaddr_in_the_mapping)
{
	struct spec_pte pte = pte_at(0, MB2);

	begin(true);
	map(MB2, pte);
	EXPECT_HOLDS(spec_hw_tlb_fill(&hw, 0, MB2, &pte));
	EXPECT_HOLDS(access(0, MB2, load_0, MB2, pte));
	EXPECT_HOLDS(access(0, 2 * MB2 - 8, load_0, MB2, pte));
	EXPECT_RULE("S43_vaddr_in_mapping", access(0, 2 * MB2, load_0, MB2, pte));
	EXPECT_RULE("S43_vaddr_in_mapping", access(0, MB2 - 8, load_0, MB2, pte));
	spec_hw_destroy(&hw);
}

TEST(S43_paddr)
{
	struct spec_pte pte = pte_at(4 * MB2, MB2);

	begin(true);
	map(MB2, pte);
	EXPECT_HOLDS(spec_hw_tlb_fill(&hw, 0, MB2, &pte));
	EXPECT_HOLDS(access(0, MB2 + 0x128, store_7, MB2, pte));
	EXPECT_EQ(7, spec_mem_load(&hw.mem, (4 * MB2 + 0x128) / 8));
	EXPECT_EQ(1, hw.mem.nr);
	spec_hw_destroy(&hw);
}

/* Each right alone, with the store, the load and the fetch that it lets through. */
static const struct {
	struct spec_flags flags;
	bool store, load, fetch;
} rights[] = {
	{ { true, false, false }, true, true, true },
	{ { false, false, false }, false, true, true },
	{ { true, false, true }, true, true, false },
	{ { false, false, true }, false, true, false },
	{ { true, true, false }, false, false, false },
	{ { false, true, false }, false, false, false },
	{ { true, true, true }, false, false, false },
	{ { false, true, true }, false, false, false },
};

static void with_rights(unsigned int i, struct spec_pte *pte)
{
	*pte = pte_at(MB2, KB4);
	pte->flags = rights[i].flags;
	begin(true);
	map(KB4, *pte);
	EXPECT_HOLDS(spec_hw_tlb_fill(&hw, 0, KB4, pte));
}

TEST(S44_store)
{
	struct spec_pte pte;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rights); i++) {
		bool ok = rights[i].store;

		with_rights(i, &pte);
		EXPECT_RULE(ok ? "S44_store_result" : NULL, access(0, KB4, store_fault, KB4, pte));
		EXPECT_EQ(0, hw.mem.nr);
		EXPECT_RULE(ok ? NULL : "S44_store_result", access(0, KB4, store_7, KB4, pte));
		EXPECT_EQ(ok ? 7 : 0, spec_mem_load(&hw.mem, MB2 / 8));
		EXPECT_EQ(ok, hw.mem.nr);
		spec_hw_destroy(&hw);
	}
}

TEST(S45_load)
{
	struct spec_pte pte;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rights); i++) {
		bool ok = rights[i].load;

		with_rights(i, &pte);
		EXPECT_RULE(ok ? "S45_load_result" : NULL, access(0, KB4, fault, KB4, pte));
		EXPECT_RULE(ok ? NULL : "S45_load_result", access(0, KB4, load_0, KB4, pte));
		EXPECT_RULE(ok ? "S45_load_value" : "S45_load_result",
			    access(0, KB4, load_7, KB4, pte));
		EXPECT_EQ(0, hw.mem.nr);
		spec_hw_destroy(&hw);
	}
}

TEST(S45_fetch)
{
	struct spec_pte pte;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rights); i++) {
		bool ok = rights[i].fetch;

		with_rights(i, &pte);
		EXPECT_RULE(ok ? "S45_load_result" : NULL, access(0, KB4, fetch_fault, KB4, pte));
		EXPECT_RULE(ok ? NULL : "S45_load_result", access(0, KB4, fetch_0, KB4, pte));
		spec_hw_destroy(&hw);
	}
}

TEST(S44_S45_end_of_memory)
{
	struct spec_pte pte = pte_at(GB1 - KB4, KB4), beyond = pte_at(GB1, KB4);

	begin(true);
	map(KB4, pte);
	map(2 * KB4, beyond);
	EXPECT_HOLDS(spec_hw_tlb_fill(&hw, 0, KB4, &pte));
	EXPECT_HOLDS(spec_hw_tlb_fill(&hw, 0, 2 * KB4, &beyond));
	EXPECT_HOLDS(access(0, 2 * KB4 - 8, store_7, KB4, pte));
	EXPECT_HOLDS(access(0, 2 * KB4 - 8, load_7, KB4, pte));
	EXPECT_RULE("S44_store_result", access(0, 2 * KB4, store_7, 2 * KB4, beyond));
	EXPECT_RULE("S45_load_result", access(0, 2 * KB4, load_0, 2 * KB4, beyond));
	EXPECT_HOLDS(access(0, 2 * KB4, fault, 2 * KB4, beyond));
	EXPECT_HOLDS(access(0, 2 * KB4, store_fault, 2 * KB4, beyond));
	spec_hw_destroy(&hw);
}

TEST(S45_supervisor_mode_is_an_extension)
{
	struct spec_pte pte = pte_at(MB2, KB4);
	struct spec_rw_op op = { .is_store = true, .is_kernel = true };

	pte.flags.is_supervisor = true;
	EXPECT(spec_permits(&pte, &op));
	pte.flags.is_writable = false;
	EXPECT(!spec_permits(&pte, &op));
	pte.attrs = SPEC_NOREAD;
	op.is_store = false;
	EXPECT(!spec_permits(&pte, &op));
}

TEST(S46_only_if_no_mapping_covers_it)
{
	begin(true);
	map(MB2, pte_at(0, MB2));
	EXPECT_HOLDS(access_none(0, MB2 - 8, fault));
	EXPECT_RULE("S46_no_mapping", access_none(0, MB2, fault));
	EXPECT_RULE("S46_no_mapping", access_none(0, 2 * MB2 - 8, store_fault));
	EXPECT_HOLDS(access_none(0, 2 * MB2, store_fault));
	spec_hw_destroy(&hw);
}

TEST(S46_is_a_fault)
{
	begin(true);
	EXPECT_RULE("S46_pagefault", access_none(0, 0, load_0));
	EXPECT_RULE("S46_pagefault", access_none(0, 0, store_7));
	EXPECT_EQ(0, hw.mem.nr);
	spec_hw_destroy(&hw);
}

TEST(S47_stale_or_fault)
{
	struct spec_pte pte = pte_at(MB2, KB4);

	begin(true);
	map(KB4, pte);
	EXPECT_HOLDS(spec_hw_tlb_fill(&hw, 0, KB4, &pte));
	EXPECT_HOLDS(spec_hw_unmap(&hw, KB4, &pte, 0));
	EXPECT_HOLDS(access(0, KB4, load_0, KB4, pte));
	EXPECT_HOLDS(access_none(0, KB4, fault));
	spec_hw_destroy(&hw);
}

TEST(S48_fill)
{
	struct spec_pte pte = pte_at(MB2, KB4), other = pte_at(0, KB4);

	begin(true);
	map(KB4, pte);
	EXPECT_RULE("S48_in_the_page_table", spec_hw_tlb_fill(&hw, 0, 0, &pte));
	EXPECT_RULE("S48_in_the_page_table", spec_hw_tlb_fill(&hw, 0, KB4, &other));
	EXPECT_RULE("S41_valid_core", spec_hw_tlb_fill(&hw, 2, KB4, &pte));
	EXPECT_EQ(0, spec_map_count(&hw.tlb[0]));
	EXPECT_HOLDS(spec_hw_tlb_fill(&hw, 1, KB4, &pte));
	EXPECT_EQ(0, spec_map_count(&hw.tlb[0]));
	EXPECT(spec_hw_may_hold(&hw, 1, KB4, &pte));
	EXPECT_EQ(1, spec_map_count(&hw.pt));
	spec_hw_destroy(&hw);
}

TEST(S48_fill_replaces)
{
	struct spec_pte pte = pte_at(MB2, KB4), other = pte_at(0, KB4);

	begin(true);
	map(KB4, pte);
	EXPECT_HOLDS(spec_hw_tlb_fill(&hw, 0, KB4, &pte));
	EXPECT_HOLDS(spec_hw_protect(&hw, KB4, &pte, &other, 0));
	EXPECT_HOLDS(spec_hw_tlb_fill(&hw, 0, KB4, &other));
	EXPECT(spec_hw_may_hold(&hw, 0, KB4, &other));
	EXPECT(!spec_hw_may_hold(&hw, 0, KB4, &pte));
	spec_hw_destroy(&hw);
}

TEST(S49_evict)
{
	struct spec_pte pte = pte_at(MB2, KB4);

	begin(true);
	map(KB4, pte);
	EXPECT_HOLDS(spec_hw_tlb_fill(&hw, 0, KB4, &pte));
	EXPECT_HOLDS(spec_hw_tlb_fill(&hw, 1, KB4, &pte));
	EXPECT_RULE("S49_in_the_tlb", spec_hw_tlb_evict(&hw, 0, 0));
	EXPECT_RULE("S41_valid_core", spec_hw_tlb_evict(&hw, 2, KB4));
	EXPECT_HOLDS(spec_hw_tlb_evict(&hw, 0, KB4));
	EXPECT_RULE("S49_in_the_tlb", spec_hw_tlb_evict(&hw, 0, KB4));
	EXPECT(spec_hw_may_hold(&hw, 1, KB4, &pte));
	EXPECT_EQ(1, spec_map_count(&hw.pt));
	spec_hw_destroy(&hw);
}

TEST(S50_page_table_alone)
{
	struct spec_pte pte = pte_at(MB2, KB4), read_only = pte;

	read_only.flags = ro;
	begin(true);
	map(KB4, pte);
	EXPECT_HOLDS(spec_hw_tlb_fill(&hw, 0, KB4, &pte));
	EXPECT_HOLDS(access(0, KB4, store_7, KB4, pte));
	EXPECT_HOLDS(spec_hw_protect(&hw, KB4, &pte, &read_only, 0));
	EXPECT(spec_hw_may_hold(&hw, 0, KB4, &pte));
	EXPECT(spec_hw_holds_stale(&hw, 0, KB4));
	EXPECT_HOLDS(spec_hw_unmap(&hw, KB4, &read_only, 0));
	EXPECT(spec_hw_may_hold(&hw, 0, KB4, &pte));
	EXPECT_EQ(0, spec_map_count(&hw.tlb[1]));
	EXPECT_EQ(7, spec_mem_load(&hw.mem, MB2 / 8));
	EXPECT_EQ(0, spec_map_count(&hw.pt));
	spec_hw_destroy(&hw);
}

TEST(S69_stale_at_that_address)
{
	struct spec_pte pte = pte_at(MB2, KB4);

	begin(true);
	map(2 * KB4, pte);
	EXPECT_HOLDS(spec_hw_tlb_fill(&hw, 0, 2 * KB4, &pte));
	EXPECT(!spec_hw_holds_stale(&hw, 0, 2 * KB4));
	EXPECT_HOLDS(spec_hw_unmap(&hw, 2 * KB4, &pte, 0));
	EXPECT(spec_hw_holds_stale(&hw, 0, 2 * KB4));
	EXPECT(!spec_hw_holds_stale(&hw, 0, KB4));
	EXPECT(!spec_hw_holds_stale(&hw, 0, 3 * KB4));
	EXPECT(!spec_hw_holds_stale(&hw, 1, 2 * KB4));
	spec_hw_destroy(&hw);
}

TEST(S50_no_memory_and_nothing_changes)
{
	begin(true);
	spec_test_allocations = 0;
	EXPECT_RULE("no_memory", spec_hw_map(&hw, KB4, &(struct spec_pte) { .frame = { 0, KB4 } }));
	spec_test_allocations = -1;
	EXPECT_EQ(0, spec_map_count(&hw.pt));
	spec_hw_destroy(&hw);
}
