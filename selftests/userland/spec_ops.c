// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many operations at once: S52, S53, S58, S64, S66, S68 to S70, S76, S86, S91, S93, S94 as they
 * are for ranges, for sets of addresses, and for flushes that come later.
 */
#include "spec/geometry.h"
#include "spec/ops.h"
#include "spec_machine.h"

static struct spec_ops m;
static struct spec_tlb *const tlb = &m.hw.maximal;

/* Cores 0 and 1 are inside; cursors 1 and 2 own the first and the second 1 GiB. */
static void begin_as(bool is_lab)
{
	EXPECT_EQ(0, spec_ops_init(&m, &spec_test_alloc, 3, 4, is_lab));
	EXPECT_HOLDS(spec_tlb_enter(tlb, 0));
	EXPECT_HOLDS(spec_tlb_enter(tlb, 1));
	EXPECT_HOLDS(spec_ops_open(&m, 1, (struct spec_region) { 0, GB1 }));
	EXPECT_HOLDS(spec_ops_open(&m, 2, (struct spec_region) { GB1, GB1 }));
}

static void begin(void)
{
	begin_as(false);
}

static void done(void)
{
	EXPECT_HOLDS(spec_ops_inv(&m));
	spec_ops_destroy(&m);
}

static const char *map(u64 id, u64 va, u64 base, u64 size)
{
	struct spec_pte pte = pte_at(base, size);

	return spec_ops_map(&m, id, va, &pte);
}

/* Cursor 1 has mapped a page and, in its second operation, unmapped it. */
static void begin_unmapped(u64 size)
{
	begin();
	EXPECT_HOLDS(spec_ops_start(&m, 1));
	EXPECT_HOLDS(map(1, MB2 / size * size, 4 * GB1, size));
	EXPECT_HOLDS(spec_ops_end(&m, 1, false));
	EXPECT_HOLDS(spec_ops_start(&m, 1));
	EXPECT_HOLDS(spec_ops_unmap(&m, 1, MB2 / size * size));
}

static void flush(unsigned int core, u64 va)
{
	spec_tlb_flush(tlb, core, &va, 1);
}

static void shoot(u64 id)
{
	EXPECT_HOLDS(spec_ops_initiate_shootdown(&m, id, SPEC_EVERYWHERE));
	spec_tlb_flush_all(tlb, 0);
	EXPECT_HOLDS(spec_ops_ack_shootdown_ipi(&m, id, 0));
	spec_tlb_flush_all(tlb, 1);
	EXPECT_HOLDS(spec_ops_ack_shootdown_ipi(&m, id, 1));
	EXPECT_HOLDS(spec_ops_end_shootdown(&m, id));
}

TEST(S4_S41_init)
{
	EXPECT_EQ(-EINVAL, spec_ops_init(&m, &spec_test_alloc, 0, 4, false));
	EXPECT_EQ(-EINVAL, spec_ops_init(&m, &spec_test_alloc, 1, 3, false));
	EXPECT_EQ(-EINVAL, spec_ops_init(&m, &spec_test_alloc, 1, 6, false));
	spec_test_allocations = 0;
	EXPECT_EQ(-ENOMEM, spec_ops_init(&m, &spec_test_alloc, 1, 4, false));
	spec_test_allocations = -1;
	EXPECT_EQ(0, spec_ops_init(&m, &spec_test_alloc, 1, 5, false));
	EXPECT_HOLDS(spec_ops_open(&m, 1, (struct spec_region) { 0, 512 * TB256 }));
	done();
}

TEST(S52_one_operation_for_a_cursor)
{
	begin();
	EXPECT_RULE("S52_operation_is_new",
		    spec_ops_open(&m, 1, (struct spec_region) { 4 * GB1, GB1 }));
	EXPECT_HOLDS(spec_ops_start(&m, 1));
	EXPECT_RULE("S76_idle", spec_ops_start(&m, 1));
	EXPECT_HOLDS(spec_ops_start(&m, 2));
	EXPECT_RULE("S76_idle", spec_ops_start(&m, 3));
	done();
}

TEST(S53_ranges_disjoint)
{
	begin();
	EXPECT_RULE("S53_ranges_disjoint",
		    spec_ops_open(&m, 3, (struct spec_region) { GB1 - KB4, KB4 }));
	EXPECT_RULE("S53_ranges_disjoint",
		    spec_ops_open(&m, 3, (struct spec_region) { GB1, KB4 }));
	EXPECT_RULE("S53_ranges_disjoint",
		    spec_ops_open(&m, 3, (struct spec_region) { 0, TB256 }));
	EXPECT_HOLDS(spec_ops_open(&m, 3, (struct spec_region) { 2 * GB1, KB4 }));
	EXPECT_HOLDS(spec_ops_drop(&m, 3));
	EXPECT_HOLDS(spec_ops_open(&m, 3, (struct spec_region) { 2 * GB1, KB4 }));
	done();
}

TEST(S53_widen)
{
	const struct spec_op *op;

	begin();
	EXPECT_RULE("S76_idle", spec_ops_widen(&m, 3, (struct spec_region) { 0, GB1 }));
	EXPECT_HOLDS(spec_ops_open(&m, 3, (struct spec_region) { 4 * GB1, GB1 }));
	op = spec_vector_get(&m.ops, 3);
	EXPECT_RULE("S53_ranges_disjoint",
		    spec_ops_widen(&m, 3, (struct spec_region) { 2 * GB1 - 1, KB4 }));
	EXPECT_HOLDS(spec_ops_widen(&m, 3, (struct spec_region) { 4 * GB1 + KB4, KB4 }));
	EXPECT_EQ(4 * GB1, op->range.base);
	EXPECT_EQ(GB1, op->range.size);
	EXPECT_HOLDS(spec_ops_widen(&m, 3, (struct spec_region) { 2 * GB1, KB4 }));
	EXPECT_EQ(2 * GB1, op->range.base);
	EXPECT_EQ(3 * GB1, op->range.size);
	EXPECT_HOLDS(spec_ops_widen(&m, 3, (struct spec_region) { 6 * GB1, GB1 }));
	EXPECT_EQ(2 * GB1, op->range.base);
	EXPECT_EQ(5 * GB1, op->range.size);
	done();
}

TEST(S53_violated_by_hand)
{
	struct spec_op *op;

	begin();
	op = spec_vector_get(&m.ops, 2);
	op->range.base = GB1 - KB4;
	EXPECT_RULE("S53_ranges_disjoint", spec_ops_inv(&m));
	op->range.base = GB1;
	done();
}

TEST(S53_nobody_else_in_the_range)
{
	begin();
	EXPECT_HOLDS(spec_ops_start(&m, 1));
	EXPECT_HOLDS(spec_ops_start(&m, 2));
	EXPECT_HOLDS(map(1, 0, 0, KB4));
	EXPECT_HOLDS(map(1, GB1 - KB4, 0, KB4));
	EXPECT_RULE("S53_in_the_range", map(1, GB1, 0, KB4));
	EXPECT_RULE("S53_in_the_range", map(2, GB1 - KB4, 0, KB4));
	EXPECT_RULE("S53_in_the_range", spec_ops_unmap(&m, 2, GB1 - KB4));
	EXPECT_RULE("S53_in_the_range", spec_ops_protect(&m, 2, GB1 - KB4, ro, 0));
	EXPECT_HOLDS(map(2, GB1, 0, GB1));
	done();
}

TEST(S53_mapping_larger_than_the_range)
{
	begin();
	EXPECT_HOLDS(spec_ops_open(&m, 3, (struct spec_region) { 4 * GB1 + MB2, MB2 + KB4 }));
	EXPECT_HOLDS(spec_ops_start(&m, 3));
	EXPECT_RULE("S53_in_the_range", map(3, 4 * GB1, 0, GB1));
	EXPECT_RULE("S53_in_the_range", map(3, 4 * GB1 + 2 * MB2, 0, MB2));
	EXPECT_HOLDS(map(3, 4 * GB1 + MB2, 0, MB2));
	EXPECT_HOLDS(map(3, 4 * GB1 + 2 * MB2, 0, KB4));
	done();
}

TEST(S54_S62_bounds)
{
	begin();
	EXPECT_RULE("S62_range_in_bounds", spec_ops_open(&m, 3, (struct spec_region) { GB1, 0 }));
	EXPECT_RULE("S62_range_in_bounds",
		    spec_ops_open(&m, 3, (struct spec_region) { TB256, KB4 }));
	EXPECT_RULE("S62_range_in_bounds",
		    spec_ops_open(&m, 3, (struct spec_region) { TB256 - KB4, 2 * KB4 }));
	EXPECT_RULE("S62_range_in_bounds",
		    spec_ops_open(&m, 3, (struct spec_region) { 4 * GB1, -4 * GB1 }));
	EXPECT_HOLDS(spec_ops_open(&m, 3, (struct spec_region) { TB256 - KB4, KB4 }));
	EXPECT_HOLDS(spec_ops_start(&m, 3));
	EXPECT_HOLDS(map(3, TB256 - KB4, 0, KB4));
	EXPECT_HOLDS(spec_ops_start(&m, 1));
	EXPECT_RULE("S54_legal_size", map(1, 0, 0, 2 * KB4));
	EXPECT_RULE("S54_legal_size", map(1, KB4, 0, MB2));
	EXPECT_RULE("S54_legal_size", map(1, 0, 0, 0));
	done();
}

TEST(S58_no_overlap)
{
	begin();
	EXPECT_HOLDS(spec_ops_start(&m, 1));
	EXPECT_HOLDS(map(1, MB2, 0, MB2));
	EXPECT_RULE("S58_no_overlap", map(1, MB2, 0, MB2));
	EXPECT_RULE("S58_no_overlap", map(1, 2 * MB2 - KB4, 0, KB4));
	EXPECT_RULE("S58_no_overlap", map(1, 0, 0, GB1));
	EXPECT_HOLDS(map(1, 2 * MB2, 0, KB4));
	EXPECT_HOLDS(map(1, MB2 - KB4, 0, KB4));
	done();
}

TEST(S64_key)
{
	begin();
	EXPECT_HOLDS(spec_ops_start(&m, 1));
	EXPECT_HOLDS(map(1, MB2, 0, MB2));
	EXPECT_RULE("S64_key", spec_ops_unmap(&m, 1, MB2 + KB4));
	EXPECT_RULE("S64_key", spec_ops_protect(&m, 1, 0, ro, 0));
	EXPECT_RULE("S64_key", spec_ops_split(&m, 1, 0));
	EXPECT_HOLDS(spec_ops_unmap(&m, 1, MB2));
	shoot(1);
	done();
}

TEST(S69_flushed)
{
	begin_unmapped(KB4);
	EXPECT_HOLDS(spec_ops_initiate_shootdown(&m, 1, SPEC_EVERYWHERE));
	EXPECT_RULE("S69_flushed", spec_ops_ack_shootdown_ipi(&m, 1, 0));
	flush(0, MB2 + KB4);
	EXPECT_RULE("S69_flushed", spec_ops_ack_shootdown_ipi(&m, 1, 0));
	flush(0, MB2);
	EXPECT_HOLDS(spec_ops_ack_shootdown_ipi(&m, 1, 0));
	EXPECT_RULE("S69_flushed", spec_ops_ack_shootdown_ipi(&m, 1, 1));
	EXPECT_HOLDS(spec_ops_ack_shootdown_ipi(&m, 1, 2));
	EXPECT_RULE("S75_valid_core", spec_ops_ack_shootdown_ipi(&m, 1, 3));
	EXPECT_RULE("S94_shootdown_exists", spec_ops_ack_shootdown_ipi(&m, 2, 0));
	spec_tlb_flush_all(tlb, 1);
	EXPECT_HOLDS(spec_ops_end_shootdown(&m, 1));
	EXPECT_RULE("S94_shootdown_exists", spec_ops_ack_shootdown_ipi(&m, 1, 0));
	done();
}

TEST(S70_no_open_requests)
{
	begin_unmapped(KB4);
	EXPECT_RULE("S94_shootdown_exists", spec_ops_end_shootdown(&m, 1));
	EXPECT_HOLDS(spec_ops_initiate_shootdown(&m, 1, SPEC_EVERYWHERE));
	EXPECT_RULE("S76_executing", spec_ops_initiate_shootdown(&m, 1, SPEC_EVERYWHERE));
	EXPECT_RULE("S70_no_open_requests", spec_ops_end_shootdown(&m, 1));
	flush(0, MB2);
	EXPECT_RULE("S70_no_open_requests", spec_ops_end_shootdown(&m, 1));
	EXPECT_HOLDS(spec_tlb_leave(tlb, 1));
	EXPECT_HOLDS(spec_ops_end_shootdown(&m, 1));
	EXPECT_HOLDS(spec_ops_end(&m, 1, false));
	done();
}

TEST(S70_nothing_happens_in_a_shootdown)
{
	begin_unmapped(KB4);
	EXPECT_HOLDS(spec_ops_initiate_shootdown(&m, 1, SPEC_EVERYWHERE));
	EXPECT_RULE("S76_executing", map(1, 0, 0, KB4));
	EXPECT_RULE("S76_executing", spec_ops_end(&m, 1, false));
	EXPECT_RULE("S76_executing", spec_ops_unlink(&m, 1, 0, 1));
	EXPECT_RULE("S76_idle", spec_ops_drop(&m, 1));
	EXPECT_RULE("S76_idle", spec_ops_start(&m, 1));
	done();
}

TEST(S68_scope)
{
	begin_unmapped(KB4);
	EXPECT_HOLDS(map(1, 4 * MB2, 0, KB4));
	EXPECT_HOLDS(spec_ops_unmap(&m, 1, 4 * MB2));
	EXPECT_HOLDS(spec_ops_initiate_shootdown(&m, 1, (struct spec_region) { MB2, KB4 }));
	flush(0, MB2);
	EXPECT_HOLDS(spec_ops_ack_shootdown_ipi(&m, 1, 0));
	flush(1, MB2);
	EXPECT_HOLDS(spec_ops_ack_shootdown_ipi(&m, 1, 1));
	EXPECT_HOLDS(spec_ops_end_shootdown(&m, 1));
	EXPECT_RULE("S70_flushed_at_the_end", spec_ops_end(&m, 1, false));
	shoot(1);
	EXPECT_HOLDS(spec_ops_end(&m, 1, false));
	done();
}

TEST(S70_flushed_at_the_end)
{
	begin_unmapped(KB4);
	EXPECT_RULE("S70_flushed_at_the_end", spec_ops_end(&m, 1, false));
	EXPECT_HOLDS(spec_ops_end(&m, 1, true));
	EXPECT_RULE("S94_flushed_at_the_drop", spec_ops_drop(&m, 1));
	EXPECT_HOLDS(spec_ops_start(&m, 1));
	shoot(1);
	EXPECT_HOLDS(spec_ops_end(&m, 1, false));
	EXPECT_HOLDS(spec_ops_drop(&m, 1));
	done();
}

TEST(S70_rights_that_shrink)
{
	begin();
	EXPECT_HOLDS(spec_ops_start(&m, 1));
	EXPECT_HOLDS(map(1, 0, 0, KB4));
	EXPECT_HOLDS(spec_ops_protect(&m, 1, 0, ro, 0));
	EXPECT_RULE("S70_flushed_at_the_end", spec_ops_end(&m, 1, false));
	shoot(1);
	EXPECT_HOLDS(spec_ops_protect(&m, 1, 0, rw, SPEC_DIRTY));
	EXPECT_HOLDS(spec_ops_end(&m, 1, false));
	EXPECT_HOLDS(spec_ops_start(&m, 1));
	EXPECT_HOLDS(spec_ops_protect(&m, 1, 0, rw, 0));
	EXPECT_RULE("S70_flushed_at_the_end", spec_ops_end(&m, 1, false));
	done();
}

TEST(S86_released_after_the_flush)
{
	begin_unmapped(KB4);
	EXPECT_RULE("S86_released_after_the_flush", spec_ops_release(&m, 1));
	EXPECT_HOLDS(spec_ops_release(&m, 2));
	flush(0, MB2);
	EXPECT_RULE("S86_released_after_the_flush", spec_ops_release(&m, 1));
	flush(1, MB2);
	EXPECT_HOLDS(spec_ops_release(&m, 1));
	done();
}

TEST(S86_each_waits_for_its_own)
{
	begin_unmapped(KB4);
	EXPECT_HOLDS(spec_ops_start(&m, 2));
	EXPECT_HOLDS(map(2, GB1, 0, KB4));
	EXPECT_HOLDS(spec_ops_unmap(&m, 2, GB1));
	EXPECT_HOLDS(spec_ops_initiate_shootdown(&m, 2, SPEC_EVERYWHERE));
	flush(0, GB1);
	flush(1, GB1);
	EXPECT_HOLDS(spec_ops_ack_shootdown_ipi(&m, 2, 0));
	EXPECT_HOLDS(spec_ops_ack_shootdown_ipi(&m, 2, 1));
	EXPECT_HOLDS(spec_ops_end_shootdown(&m, 2));
	EXPECT_HOLDS(spec_ops_release(&m, 2));
	EXPECT_HOLDS(spec_ops_end(&m, 2, false));
	EXPECT_RULE("S86_released_after_the_flush", spec_ops_release(&m, 1));
	done();
}

/* A 4 KiB flush drops a large translation, but not the small pieces of one. */
TEST(S91_pieces)
{
	begin_unmapped(MB2);
	flush(0, 2 * MB2 - 1);
	flush(1, MB2);
	EXPECT_HOLDS(spec_ops_end(&m, 1, false));
	done();

	begin();
	EXPECT_HOLDS(spec_ops_start(&m, 1));
	EXPECT_HOLDS(map(1, MB2, 0, KB4));
	EXPECT_HOLDS(map(1, MB2 + KB4, 0, KB4));
	EXPECT_HOLDS(spec_ops_unmap(&m, 1, MB2));
	EXPECT_HOLDS(spec_ops_unmap(&m, 1, MB2 + KB4));
	flush(0, MB2);
	flush(1, MB2);
	EXPECT_RULE("S70_flushed_at_the_end", spec_ops_end(&m, 1, false));
	done();
}

TEST(S66_unlink)
{
	begin_unmapped(KB4);
	EXPECT_HOLDS(map(1, 2 * MB2 - KB4, 0, KB4));
	EXPECT_RULE("S66_unlinks_an_empty_table", spec_ops_unlink(&m, 1, MB2, 1));
	EXPECT_HOLDS(spec_ops_unmap(&m, 1, 2 * MB2 - KB4));
	EXPECT_RULE("S66_unlinks_an_empty_table", spec_ops_unlink(&m, 1, MB2 + KB4, 1));
	EXPECT_RULE("S22_level_of_a_directory", spec_ops_unlink(&m, 1, MB2, 0));
	EXPECT_RULE("S22_level_of_a_directory", spec_ops_unlink(&m, 1, 0, 4));
	EXPECT_RULE("S53_in_the_range", spec_ops_unlink(&m, 1, 0, 3));
	EXPECT_RULE("S76_executing", spec_ops_unlink(&m, 2, MB2, 1));
	shoot(1);
	EXPECT_HOLDS(spec_ops_release(&m, 1));
	EXPECT_HOLDS(spec_ops_unlink(&m, 1, MB2, 1));
	EXPECT_RULE("S86_released_after_the_flush", spec_ops_release(&m, 1));
	flush(0, 0);
	flush(1, 0);
	EXPECT_RULE("S86_released_after_the_flush", spec_ops_release(&m, 1));
	flush(0, 2 * MB2 - KB4);
	flush(1, MB2);
	EXPECT_HOLDS(spec_ops_release(&m, 1));
	done();
}

TEST(split)
{
	struct spec_pte pte;

	begin();
	EXPECT_HOLDS(spec_ops_start(&m, 1));
	EXPECT_HOLDS(map(1, MB2, GB1, MB2));
	EXPECT_HOLDS(spec_ops_split(&m, 1, MB2));
	EXPECT_EQ(512, spec_map_count(&m.hw.pt));
	EXPECT(spec_map_get(&m.hw.pt, 2 * MB2 - KB4, &pte));
	EXPECT_EQ(GB1 + MB2 - KB4, pte.frame.base);
	EXPECT_EQ(KB4, pte.frame.size);
	EXPECT(pte.flags.is_writable);
	EXPECT_RULE("S64_key", spec_ops_split(&m, 1, MB2));
	EXPECT_RULE("S70_flushed_at_the_end", spec_ops_end(&m, 1, false));
	flush(0, MB2 + 5);
	flush(1, MB2);
	EXPECT_HOLDS(spec_ops_end(&m, 1, false));
	done();
}

TEST(split_to_2_mib)
{
	begin();
	EXPECT_HOLDS(spec_ops_start(&m, 1));
	EXPECT_HOLDS(map(1, 0, 4 * GB1, GB1));
	EXPECT_HOLDS(spec_ops_split(&m, 1, 0));
	EXPECT_EQ(512, spec_map_count(&m.hw.pt));
	EXPECT_HOLDS(spec_ops_split(&m, 1, GB1 - MB2));
	EXPECT_EQ(1023, spec_map_count(&m.hw.pt));
	shoot(1);
	done();
}

TEST(split_what_others_own_too)
{
	begin();
	EXPECT_HOLDS(spec_ops_open(&m, 3, (struct spec_region) { 4 * GB1, MB2 }));
	EXPECT_HOLDS(spec_ops_start(&m, 3));
	EXPECT_HOLDS(map(3, 4 * GB1, 0, MB2));
	EXPECT_HOLDS(spec_ops_end(&m, 3, false));
	EXPECT_HOLDS(spec_ops_drop(&m, 3));
	EXPECT_HOLDS(spec_ops_open(&m, 4, (struct spec_region) { 4 * GB1 + KB4, KB4 }));
	EXPECT_HOLDS(spec_ops_start(&m, 4));
	EXPECT_HOLDS(spec_ops_open(&m, 5, (struct spec_region) { 4 * GB1 + 2 * KB4, KB4 }));
	EXPECT_RULE("S53_in_the_range", spec_ops_split(&m, 4, 4 * GB1));
	EXPECT_HOLDS(spec_ops_drop(&m, 5));
	EXPECT_HOLDS(spec_ops_start(&m, 1));
	EXPECT_RULE("S53_in_the_range", spec_ops_split(&m, 1, 4 * GB1));
	EXPECT_RULE("S76_executing", spec_ops_split(&m, 2, 4 * GB1));
	EXPECT_HOLDS(spec_ops_split(&m, 4, 4 * GB1));
	done();
}

TEST(split_no_memory_and_nothing_changes)
{
	unsigned int i;

	begin();
	EXPECT_HOLDS(spec_ops_start(&m, 1));
	EXPECT_HOLDS(map(1, MB2, GB1, MB2));
	EXPECT_HOLDS(map(1, 0, 0, MB2));
	EXPECT_HOLDS(map(1, 2 * MB2, 0, MB2));
	for (i = 0; i < 2; i++) {
		spec_test_allocations = i;
		EXPECT_RULE("no_memory", spec_ops_split(&m, 1, MB2));
		spec_test_allocations = -1;
		EXPECT_EQ(3, spec_map_count(&m.hw.pt));
		EXPECT(spec_map_get(&m.hw.pt, MB2, NULL));
		EXPECT_HOLDS(spec_ops_end(&m, 1, false));
		EXPECT_HOLDS(spec_ops_start(&m, 1));
	}
	done();
}

TEST(S86_lab)
{
	begin_as(true);
	EXPECT_HOLDS(spec_ops_start(&m, 1));
	EXPECT_HOLDS(map(1, MB2, GB1, MB2));
	EXPECT_HOLDS(spec_ops_unmap(&m, 1, MB2));
	EXPECT_HOLDS(spec_ops_end(&m, 1, false));
	EXPECT_HOLDS(spec_ops_drop(&m, 1));
	EXPECT_RULE("S86_released_after_the_flush", spec_ops_release(&m, 1));
	EXPECT_RULE("S52_operation_is_new", spec_ops_open(&m, 1, (struct spec_region) { 0, GB1 }));
	EXPECT_HOLDS(spec_ops_inv(&m));
	EXPECT_RULE("S53_no_cursor_is_open", spec_ops_gone(&m));
	EXPECT_HOLDS(spec_ops_drop(&m, 2));
	EXPECT_RULE("S86_nobody_is_inside", spec_ops_gone(&m));
	EXPECT_HOLDS(spec_tlb_leave(tlb, 0));
	EXPECT_RULE("S86_nobody_is_inside", spec_ops_gone(&m));
	EXPECT_HOLDS(spec_tlb_leave(tlb, 1));
	EXPECT_HOLDS(spec_ops_gone(&m));
	EXPECT_HOLDS(spec_ops_release(&m, 1));
	done();
}

TEST(S94_violated_by_hand)
{
	struct spec_pte pte = pte_at(0, KB4);

	begin();
	EXPECT_EQ(0, spec_tlb_stale_add(tlb, MB2, &pte, 7, false));
	EXPECT_HOLDS(spec_ops_inv(&m));
	EXPECT_EQ(0, spec_tlb_stale_add(tlb, MB2, &pte, 7, true));
	EXPECT_RULE("S94_stale_has_an_owner", spec_ops_inv(&m));
	spec_tlb_flush_all(tlb, 0);
	spec_tlb_flush_all(tlb, 1);
	EXPECT_EQ(0, spec_tlb_stale_add(tlb, GB1, &pte, 1, true));
	EXPECT_RULE("S93_stale_in_range", spec_ops_inv(&m));
	spec_tlb_flush_all(tlb, 0);
	spec_tlb_flush_all(tlb, 1);
	done();
}

TEST(no_memory_and_nothing_changes)
{
	begin();
	EXPECT_HOLDS(spec_ops_start(&m, 1));
	spec_test_allocations = 0;
	EXPECT_RULE("no_memory", map(1, 0, 0, KB4));
	EXPECT_RULE("no_memory", spec_ops_unlink(&m, 1, 0, 1));
	spec_test_allocations = -1;
	EXPECT_EQ(0, spec_map_count(&m.hw.pt));
	EXPECT_HOLDS(spec_ops_end(&m, 1, false));
	done();
}

/*
 * Random programs on a machine with real TLBs: what it does is always allowed.  And on ones
 * that are broken: that is always seen.
 */

enum bug {
	NONE,
	SKIP_A_CORE,
	SKIP_ALL_CORES,
	ACK_BEFORE_FLUSH,
	FLUSH_ANOTHER_ADDRESS,
	FLUSH_ONE_PIECE,
	FLUSH_ONE_TOO_FEW,
	DO_NOT_WAIT,
	RELEASE_EARLY,
	NO_FLUSH_AT_PROTECT,
	NO_FLUSH_AT_UNLINK,
	NO_FLUSH_AT_SPLIT,
	NO_FLUSH_AT_DROP,
	NO_FLUSH_AT_LEAVING,
	NEIGHBOUR,
	TLB_FILLS_LATE,
	FAULT_WITHOUT_REASON,
	NR_BUGS,
};

static const struct {
	const char *name;
	const char *rules;	/* each of which may see it first */
} bugs[NR_BUGS] = {
	[NONE]			= { "right", "" },
	[SKIP_A_CORE]		= { "one core is not asked to flush", "S70_no_open_requests" },
	[SKIP_ALL_CORES]	= { "only the first core flushes", "S70_no_open_requests" },
	[ACK_BEFORE_FLUSH]	= { "acknowledged before flushing", "S69_flushed" },
	[FLUSH_ANOTHER_ADDRESS]	= { "another address is flushed", "S69_flushed" },
	[FLUSH_ONE_PIECE]	= { "one piece of a large page is flushed", "S69_flushed" },
	[FLUSH_ONE_TOO_FEW]	= { "one address too few is flushed", "S69_flushed" },
	[DO_NOT_WAIT]		= { "not waited for the acknowledgements",
				    "S70_no_open_requests" },
	[RELEASE_EARLY]		= { "released before the flush", "S86_released_after_the_flush" },
	[NO_FLUSH_AT_PROTECT]	= { "no flush when rights shrink",
				    "S70_flushed_at_the_end S69_flushed" },
	[NO_FLUSH_AT_UNLINK]	= { "no flush after unlinking a table",
				    "S70_flushed_at_the_end S69_flushed" },
	[NO_FLUSH_AT_SPLIT]	= { "no flush after splitting",
				    "S70_flushed_at_the_end S69_flushed" },
	[NO_FLUSH_AT_DROP]	= { "deferred, and never flushed", "S94_flushed_at_the_drop" },
	[NO_FLUSH_AT_LEAVING]	= { "a core leaves with what it holds",
				    "S43_translation_is_held S44_store_permitted "
				    "S46_no_fault_where_mapped" },
	[NEIGHBOUR]		= { "a neighbour's page is changed", "S53_in_the_range" },
	[TLB_FILLS_LATE]	= { "a TLB fills after flushing",
				    "S43_translation_is_held S44_store_permitted "
				    "S46_no_fault_where_mapped" },
	[FAULT_WITHOUT_REASON]	= { "a fault where something is mapped",
				    "S46_no_fault_where_mapped" },
};

enum { CORES = 3, CURSORS = 3, FRAMES = 64, ENTRIES = 256, ADDRESSES = 8 };

struct cached {
	u64 base;
	struct spec_pte pte;
};

static struct {
	bool inside;
	struct cached tlb[ENTRIES];	/* SPEC_NOREAD: a table that was empty */
	unsigned int nr;
} cores[CORES];

static struct {
	enum { DROPPED, IDLE, EXECUTING, SHOOTDOWN } state;
	u64 id;
	u64 va[ADDRESSES];
	unsigned int nr_va;
	bool full;
	u64 removed[2 * ENTRIES * 4];	/* frames, by piece */
	unsigned int nr_removed;
	unsigned int asked;		/* cores that have yet to acknowledge */
	bool must_flush;
} cursors[CURSORS];

static unsigned int references[FRAMES];	/* of each 2 MiB, by 4 KiB */
static const char *violation;
static enum bug bug;
static u64 next_id;

static u64 chance(u64 n)
{
	return spec_test_random(n);
}

static bool allowed(const char *rule)
{
	if (rule && !violation)
		violation = rule;
	return !rule;
}

static u64 range_of(unsigned int c)
{
	return GB1 + c * 2 * MB2;
}

static void cache(unsigned int core, u64 base, struct spec_pte pte)
{
	if (cores[core].nr < ENTRIES)
		cores[core].tlb[cores[core].nr++] = (struct cached) { base, pte };
}

static void evict(unsigned int core, unsigned int i)
{
	cores[core].tlb[i] = cores[core].tlb[--cores[core].nr];
}

static bool covers(const struct cached *e, u64 va)
{
	return e->base <= va && va - e->base < e->pte.frame.size;
}

static void real_flush(unsigned int core, u64 va)
{
	unsigned int i;

	for (i = 0; i < cores[core].nr;)
		if (covers(&cores[core].tlb[i], va))
			evict(core, i);
		else
			i++;
	spec_tlb_flush(tlb, core, &va, 1);
}

static void real_flush_all(unsigned int core)
{
	cores[core].nr = 0;
	spec_tlb_flush_all(tlb, core);
}

static void gather(unsigned int c, u64 va)
{
	cursors[c].must_flush = true;
	if (cursors[c].nr_va < ADDRESSES)
		cursors[c].va[cursors[c].nr_va++] = va;
	else
		cursors[c].full = true;
}

/* Cores that walk while the page table changes fill their TLBs with what was there. */
static void some_cores_walk(u64 va)
{
	struct spec_pte pte;
	unsigned int core;
	u64 base;

	if (!spec_map_covering(&m.hw.pt, va, &base, &pte))
		return;
	for (core = 0; core < CORES; core++)
		if (cores[core].inside && chance(2))
			cache(core, base, pte);
}

static void remove_one(unsigned int c, u64 base, const struct spec_pte *pte)
{
	u64 piece;

	some_cores_walk(base);
	if (!allowed(spec_ops_unmap(&m, cursors[c].id, base)))
		return;
	for (piece = 0; piece < pte->frame.size; piece += KB4)
		cursors[c].removed[cursors[c].nr_removed++] = pte->frame.base + piece;
	gather(c, base);
}

/* All in 2 MiB, or the first page found there. */
static void op_unmap(unsigned int c, u64 at, bool all)
{
	struct spec_pte pte;
	u64 base = at;

	while (spec_map_next(&m.hw.pt, base, &base, &pte) && base - at < MB2) {
		if (cursors[c].nr_removed + 512 > ARRAY_SIZE(cursors[c].removed))
			return;
		remove_one(c, base++, &pte);
		if (!all)
			return;
	}
}

static bool find_frame(unsigned int *frame)
{
	unsigned int i;

	*frame = chance(FRAMES);
	for (i = 0; i < FRAMES; i++, *frame = (*frame + 1) % FRAMES)
		if (!references[*frame])
			return true;
	return false;
}

static void op_map(unsigned int c, u64 at)
{
	bool is_large = chance(3) == 0;
	u64 size = is_large ? MB2 : KB4, va = is_large ? at : at + chance(6) * KB4;
	struct spec_pte pte;
	unsigned int frame;

	if (spec_map_overlaps(&m.hw.pt, (struct spec_region) { va, size }) || !find_frame(&frame))
		return;
	pte = pte_at(frame * MB2, size);
	pte.flags.is_writable = chance(2);
	if (allowed(spec_ops_map(&m, cursors[c].id, va, &pte)))
		references[frame] = size / KB4;
}

static void op_protect(unsigned int c, u64 at)
{
	struct spec_pte pte;
	u64 base;

	if (!spec_map_next(&m.hw.pt, at, &base, &pte) || base - at >= MB2)
		return;
	some_cores_walk(base);
	if (!allowed(spec_ops_protect(&m, cursors[c].id, base, pte.flags.is_writable ? ro : rw, 0)))
		return;
	if (pte.flags.is_writable && bug != NO_FLUSH_AT_PROTECT)
		gather(c, base);
}

static void op_split(unsigned int c, u64 at)
{
	struct spec_pte pte;

	if (!spec_map_get(&m.hw.pt, at, &pte) || pte.frame.size != MB2)
		return;
	some_cores_walk(at);
	if (allowed(spec_ops_split(&m, cursors[c].id, at)) && bug != NO_FLUSH_AT_SPLIT)
		gather(c, at);
}

static void op_unlink(unsigned int c, u64 at)
{
	struct spec_pte hole = { .frame.size = MB2, .attrs = SPEC_NOREAD };
	unsigned int core;

	if (spec_map_overlaps(&m.hw.pt, (struct spec_region) { at, MB2 }))
		return;
	for (core = 0; core < CORES; core++)
		if (cores[core].inside && chance(2))
			cache(core, at, hole);
	if (!allowed(spec_ops_unlink(&m, cursors[c].id, at, 1)) || bug == NO_FLUSH_AT_UNLINK)
		return;
	cursors[c].full = true;
	cursors[c].must_flush = true;
}

static void change(unsigned int c)
{
	u64 at = range_of(bug == NEIGHBOUR && !chance(8) ? (c + 1) % CURSORS : c);

	at += chance(2) * MB2;
	switch (chance(6)) {
	case 0:
		op_unmap(c, at, chance(4) == 0);
		break;
	case 1:
		op_protect(c, at);
		break;
	case 2:
		op_split(c, at);
		break;
	case 3:
		op_unlink(c, at);
		break;
	default:
		op_map(c, at);
		break;
	}
}

static void initiate(unsigned int c)
{
	unsigned int core, left_out = CORES;

	if (!allowed(spec_ops_initiate_shootdown(&m, cursors[c].id, SPEC_EVERYWHERE)))
		return;
	cursors[c].state = SHOOTDOWN;
	cursors[c].asked = 0;
	if (bug == SKIP_A_CORE)
		left_out = chance(CORES);
	for (core = 0; core < CORES; core++)
		if (cores[core].inside && core != left_out && (core == 0 || bug != SKIP_ALL_CORES))
			cursors[c].asked |= 1U << core;
}

static bool ack(unsigned int c, unsigned int core)
{
	return allowed(spec_ops_ack_shootdown_ipi(&m, cursors[c].id, core));
}

/* The interrupt on a core. */
static void interrupt(unsigned int c, unsigned int core)
{
	unsigned int i, nr = cursors[c].nr_va;

	cursors[c].asked &= ~(1U << core);
	if (bug == ACK_BEFORE_FLUSH && !ack(c, core))
		return;
	if (bug == FLUSH_ONE_TOO_FEW && nr)
		nr--;
	if (!cores[core].inside)
		nr = 0;
	else if (cursors[c].full && bug != FLUSH_ONE_PIECE)
		real_flush_all(core);
	for (i = 0; i < nr; i++)
		real_flush(core, bug == FLUSH_ANOTHER_ADDRESS ? cursors[c].va[i] ^ MB2 :
								cursors[c].va[i]);
	ack(c, core);
}

static void release(unsigned int c)
{
	unsigned int i, j, core;

	if (!allowed(spec_ops_release(&m, cursors[c].id)))
		return;
	for (i = 0; i < cursors[c].nr_removed; i++) {
		references[cursors[c].removed[i] / MB2]--;
		/* What the rules are for. */
		for (core = 0; core < CORES && bug == NONE; core++)
			for (j = 0; j < cores[core].nr; j++)
				EXPECT(cores[core].tlb[j].pte.attrs & SPEC_NOREAD ||
				       !spec_contains(cores[core].tlb[j].pte.frame,
						      cursors[c].removed[i]));
	}
	cursors[c].nr_removed = 0;
}

static void end_shootdown(unsigned int c)
{
	if (cursors[c].asked && (bug != DO_NOT_WAIT || chance(2)))
		return;
	if (!allowed(spec_ops_end_shootdown(&m, cursors[c].id)))
		return;
	cursors[c].state = EXECUTING;
	cursors[c].nr_va = 0;
	cursors[c].full = false;
	cursors[c].must_flush = false;
	release(c);
}

static void executing(unsigned int c)
{
	bool defers = chance(3) == 0;

	if (chance(4)) {
		change(c);
		return;
	}
	if (bug == RELEASE_EARLY && cursors[c].nr_removed)
		release(c);
	if (cursors[c].must_flush && !defers)
		initiate(c);
	else if (allowed(spec_ops_end(&m, cursors[c].id, cursors[c].must_flush && defers)))
		cursors[c].state = IDLE;
}

static void drop(unsigned int c)
{
	if (cursors[c].must_flush && bug != NO_FLUSH_AT_DROP) {
		if (allowed(spec_ops_start(&m, cursors[c].id)))
			cursors[c].state = EXECUTING;
		initiate(c);
	} else if (allowed(spec_ops_drop(&m, cursors[c].id))) {
		cursors[c].state = DROPPED;
	}
}

static void cursor_acts(unsigned int c)
{
	struct spec_region range = { range_of(c), 2 * MB2 };

	switch (cursors[c].state) {
	case DROPPED:
		cursors[c].id = ++next_id;
		if (allowed(spec_ops_open(&m, cursors[c].id, range)))
			cursors[c].state = IDLE;
		break;
	case IDLE:
		if (!chance(6))
			drop(c);
		else if (allowed(spec_ops_start(&m, cursors[c].id)))
			cursors[c].state = EXECUTING;
		break;
	case EXECUTING:
		executing(c);
		break;
	case SHOOTDOWN:
		end_shootdown(c);
		break;
	}
}

/* With what the core holds, if anything, else with what a walk finds. */
static void access(unsigned int core)
{
	u64 va = range_of(chance(CURSORS)) + chance(2) * MB2 + chance(6) * KB4;
	struct spec_rw_op op = { .is_store = chance(2) };
	struct cached e;
	unsigned int i = chance(ENTRIES), n;
	bool held = false;

	for (n = 0; n < cores[core].nr && !held; n++, i++) {
		e = cores[core].tlb[i % cores[core].nr];
		held = covers(&e, va);
	}
	if (!held && !spec_map_covering(&m.hw.pt, va, &e.base, &e.pte))
		e.pte = (struct spec_pte) { .attrs = SPEC_NOREAD };
	else if (!held)
		cache(core, e.base, e.pte);
	op.result = spec_permits(&e.pte, &op) ? SPEC_OK : SPEC_PAGEFAULT;
	if (bug == FAULT_WITHOUT_REASON && !chance(8))
		op.result = SPEC_PAGEFAULT;
	allowed(spec_tlb_access(tlb, &m.hw.pt, core, va, &op, e.pte.frame.base + (va - e.base)));
}

static void leave(unsigned int core)
{
	if (!allowed(spec_tlb_leave(tlb, core)))
		return;
	cores[core].inside = false;
	if (bug != NO_FLUSH_AT_LEAVING)
		cores[core].nr = 0;
}

static void core_acts(unsigned int core)
{
	struct cached old;
	unsigned int c = chance(CURSORS);

	if (cursors[c].state == SHOOTDOWN && cursors[c].asked & 1U << core) {
		old = cores[core].nr ? cores[core].tlb[0] : (struct cached) { };
		interrupt(c, core);
		if (bug == TLB_FILLS_LATE && old.pte.frame.size && cores[core].inside)
			cache(core, old.base, old.pte);
		return;
	}
	if (!cores[core].inside) {
		if (chance(3) == 0 && allowed(spec_tlb_enter(tlb, core)))
			cores[core].inside = true;
		return;
	}
	if (!chance(40))
		leave(core);
	else if (cores[core].nr && !chance(6))
		evict(core, chance(cores[core].nr));
	else
		access(core);
}

static void run(enum bug which, unsigned int steps)
{
	unsigned int i;

	bug = which;
	violation = NULL;
	memset(cores, 0, sizeof(cores));
	memset(cursors, 0, sizeof(cursors));
	memset(references, 0, sizeof(references));
	next_id = 0;
	EXPECT_EQ(0, spec_ops_init(&m, &spec_test_alloc, CORES, 4, false));
	for (i = 0; i < steps && !violation && spec_test_ok; i++) {
		if (chance(2))
			cursor_acts(chance(CURSORS));
		else
			core_acts(chance(CORES));
		if (i % 16 == 0)
			allowed(spec_ops_inv(&m));
	}
	spec_ops_destroy(&m);
}

TEST(random_programs_are_allowed)
{
	u64 runs = spec_test_number("RUNS", 20);

	spec_test_state = spec_test_number("SEED", 1);
	while (runs-- && spec_test_ok) {
		run(NONE, 20000);
		EXPECT_HOLDS(violation);
	}
}

TEST(broken_ones_are_not)
{
	unsigned int which, seed, seen, all = 0;

	for (which = NONE + 1; which < NR_BUGS; which++) {
		seen = 0;
		for (seed = 1; seed <= 10; seed++) {
			spec_test_state = seed;
			run(which, 50000);
			if (violation && strstr(bugs[which].rules, violation))
				seen++;
			else
				printf("# seed %u: %s\n", seed, violation ? violation : "nothing");
		}
		printf("# %-40s %s: %u of 10\n", bugs[which].name, bugs[which].rules, seen);
		all += seen;
	}
	EXPECT_EQ(10 * (NR_BUGS - 1), all);
}
