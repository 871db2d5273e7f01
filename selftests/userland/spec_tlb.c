// SPDX-License-Identifier: GPL-2.0-only
/*
 * What TLBs may hold that nobody sees: S43, S46 to S48, S91, by outcome of an access.
 */
#include "spec/geometry.h"
#include "spec/hw.h"
#include "spec_machine.h"

static struct spec_hw hw;
static struct spec_tlb *const tlb = &hw.maximal;

static const struct spec_rw_op load = { .result = SPEC_OK };
static const struct spec_rw_op store = { .is_store = true, .result = SPEC_OK };
static const struct spec_rw_op fault = { .result = SPEC_PAGEFAULT };
static const struct spec_rw_op store_fault = { .is_store = true, .result = SPEC_PAGEFAULT };

/* Cores 0 and 1 are inside, 2 is not. */
static void begin(void)
{
	EXPECT_EQ(0, spec_hw_init(&hw, &spec_test_alloc, 3, 0, false));
	EXPECT_HOLDS(spec_tlb_enter(tlb, 0));
	EXPECT_HOLDS(spec_tlb_enter(tlb, 1));
}

static void map(u64 vaddr, u64 base, u64 size)
{
	struct spec_pte pte = pte_at(base, size);

	EXPECT_HOLDS(spec_hw_map(&hw, vaddr, &pte));
}

static const char *try_unmap(u64 vaddr)
{
	struct spec_pte pte = { };

	EXPECT(spec_map_get(&hw.pt, vaddr, &pte));
	return spec_hw_unmap(&hw, vaddr, &pte, 0);
}

static void unmap(u64 vaddr)
{
	EXPECT_HOLDS(try_unmap(vaddr));
}

static void protect(u64 vaddr, struct spec_flags flags)
{
	struct spec_pte from = { }, to;

	EXPECT(spec_map_get(&hw.pt, vaddr, &from));
	to = from;
	to.flags = flags;
	EXPECT_HOLDS(spec_hw_protect(&hw, vaddr, &from, &to, 0));
}

static const char *access(unsigned int core, u64 va, struct spec_rw_op op, u64 paddr)
{
	return spec_tlb_access(tlb, &hw.pt, core, va, &op, paddr);
}

static bool may_hold(unsigned int core, u64 vaddr, struct spec_pte pte)
{
	return spec_tlb_may_hold(tlb, &hw.pt, core, vaddr, &pte);
}

static void flush(unsigned int core, u64 va)
{
	spec_tlb_flush(tlb, core, &va, 1);
}

TEST(S41_enter_and_leave)
{
	begin();
	EXPECT_RULE("S41_enters_from_outside", spec_tlb_enter(tlb, 0));
	EXPECT_RULE("S41_leaves_from_inside", spec_tlb_leave(tlb, 2));
	EXPECT_RULE("S41_valid_core", spec_tlb_enter(tlb, 3));
	EXPECT_RULE("S41_leaves_from_inside", spec_tlb_leave(tlb, 3));
	EXPECT_HOLDS(spec_tlb_leave(tlb, 0));
	EXPECT(!spec_tlb_inside(tlb, 0));
	EXPECT(spec_tlb_inside(tlb, 1));
	EXPECT_HOLDS(spec_tlb_enter(tlb, 0));
	EXPECT(spec_tlb_inside(tlb, 0));
	spec_hw_destroy(&hw);
}

TEST(S43_inside_only)
{
	begin();
	map(KB4, MB2, KB4);
	EXPECT_HOLDS(access(0, KB4, load, MB2));
	EXPECT_RULE("S43_core_is_inside", access(2, KB4, load, MB2));
	EXPECT_RULE("S43_core_is_inside", access(2, 0, fault, 0));
	EXPECT_RULE("S43_core_is_inside", access(3, 0, fault, 0));
	EXPECT(!may_hold(2, KB4, pte_at(MB2, KB4)));
	spec_hw_destroy(&hw);
}

TEST(S43_where_an_access_goes)
{
	begin();
	map(MB2, 4 * MB2, MB2);
	EXPECT_HOLDS(access(0, MB2 + 0x123, load, 4 * MB2 + 0x123));
	EXPECT_HOLDS(access(0, 2 * MB2 - 1, store, 5 * MB2 - 1));
	EXPECT_RULE("S43_translation_is_held", access(0, MB2 + 0x123, load, 4 * MB2));
	EXPECT_RULE("S43_translation_is_held", access(0, MB2 - 1, load, 4 * MB2 - 1));
	EXPECT_RULE("S43_translation_is_held", access(0, 2 * MB2, load, 5 * MB2));
	EXPECT(may_hold(1, MB2, pte_at(4 * MB2, MB2)));
	EXPECT(!may_hold(1, MB2, pte_at(2 * MB2, MB2)));
	EXPECT(!may_hold(1, 0, pte_at(4 * MB2, MB2)));
	spec_hw_destroy(&hw);
}

TEST(S44_S45_rights)
{
	begin();
	map(KB4, MB2, KB4);
	protect(KB4, ro);
	spec_tlb_flush_all(tlb, 0);
	EXPECT_RULE("S44_store_permitted", access(0, KB4, store, MB2));
	EXPECT_HOLDS(access(1, KB4, store, MB2));
	EXPECT_HOLDS(access(0, KB4, load, MB2));
	EXPECT_HOLDS(access(0, KB4, store_fault, 0));
	protect(KB4, (struct spec_flags) { .is_supervisor = true });
	spec_tlb_flush_all(tlb, 0);
	EXPECT_RULE("S45_load_permitted", access(0, KB4, load, MB2));
	EXPECT_HOLDS(access(0, KB4, (struct spec_rw_op) { .is_kernel = true }, MB2));
	spec_hw_destroy(&hw);
}

TEST(S44_S45_rights_of_what_is_stale)
{
	begin();
	map(KB4, MB2, KB4);
	protect(KB4, ro);
	spec_tlb_flush_all(tlb, 0);
	unmap(KB4);
	EXPECT_RULE("S44_store_permitted", access(0, KB4, store, MB2));
	EXPECT_HOLDS(access(1, KB4, store, MB2));
	EXPECT_RULE("S43_translation_is_held", access(1, KB4, store, 0));
	spec_hw_destroy(&hw);
}

TEST(S46_no_fault_where_mapped)
{
	begin();
	EXPECT_HOLDS(access(0, KB4, fault, 0));
	map(KB4, MB2, KB4);
	EXPECT_RULE("S46_no_fault_where_mapped", access(0, KB4, fault, 0));
	EXPECT_RULE("S46_no_fault_where_mapped", access(0, 2 * KB4 - 1, store_fault, 0));
	EXPECT_HOLDS(access(0, 2 * KB4, fault, 0));
	spec_hw_destroy(&hw);
}

TEST(S47_stale_until_flushed)
{
	begin();
	map(KB4, MB2, KB4);
	unmap(KB4);
	EXPECT_HOLDS(access(0, KB4, load, MB2));
	EXPECT_HOLDS(access(0, KB4, fault, 0));
	EXPECT(may_hold(0, KB4, pte_at(MB2, KB4)));
	flush(0, KB4);
	EXPECT_RULE("S43_translation_is_held", access(0, KB4, load, MB2));
	EXPECT_HOLDS(access(0, KB4, fault, 0));
	EXPECT(!may_hold(0, KB4, pte_at(MB2, KB4)));
	EXPECT_HOLDS(access(1, KB4, load, MB2));
	EXPECT(may_hold(1, KB4, pte_at(MB2, KB4)));
	spec_hw_destroy(&hw);
}

TEST(S47_who_enters_later_holds_nothing)
{
	begin();
	map(KB4, MB2, KB4);
	unmap(KB4);
	EXPECT_HOLDS(spec_tlb_enter(tlb, 2));
	EXPECT_RULE("S43_translation_is_held", access(2, KB4, load, MB2));
	spec_hw_destroy(&hw);
}

TEST(S47_who_leaves_takes_nothing_along)
{
	begin();
	map(KB4, MB2, KB4);
	unmap(KB4);
	EXPECT_HOLDS(spec_tlb_leave(tlb, 0));
	EXPECT_HOLDS(spec_tlb_enter(tlb, 0));
	EXPECT_RULE("S43_translation_is_held", access(0, KB4, load, MB2));
	EXPECT_HOLDS(access(1, KB4, load, MB2));
	spec_hw_destroy(&hw);
}

TEST(S47_old_and_new_side_by_side)
{
	begin();
	map(KB4, MB2, KB4);
	unmap(KB4);
	map(KB4, 2 * MB2, KB4);
	EXPECT_HOLDS(access(0, KB4, load, MB2));
	EXPECT_HOLDS(access(0, KB4, load, 2 * MB2));
	EXPECT_RULE("S46_no_fault_where_mapped", access(0, KB4, fault, 0));
	unmap(KB4);
	map(KB4, 3 * MB2, KB4);
	EXPECT_HOLDS(access(0, KB4, load, MB2));
	EXPECT_HOLDS(access(0, KB4, load, 2 * MB2));
	EXPECT_HOLDS(access(0, KB4, load, 3 * MB2));
	flush(0, KB4);
	EXPECT_RULE("S43_translation_is_held", access(0, KB4, load, MB2));
	EXPECT_RULE("S43_translation_is_held", access(0, KB4, load, 2 * MB2));
	EXPECT_HOLDS(access(0, KB4, load, 3 * MB2));
	spec_hw_destroy(&hw);
}

TEST(S47_a_right_that_is_new_may_fault_once)
{
	begin();
	map(KB4, MB2, KB4);
	protect(KB4, ro);
	spec_tlb_flush_all(tlb, 0);
	spec_tlb_flush_all(tlb, 1);
	protect(KB4, rw);
	EXPECT(!spec_tlb_awaits_any(tlb, 0, (struct spec_region) { 0, TB256 }));
	EXPECT_HOLDS(access(0, KB4, store_fault, 0));
	EXPECT_HOLDS(access(0, KB4, store, MB2));
	EXPECT_RULE("S46_no_fault_where_mapped", access(0, KB4, fault, 0));
	flush(0, KB4);
	EXPECT_RULE("S46_no_fault_where_mapped", access(0, KB4, store_fault, 0));
	spec_hw_destroy(&hw);
}

TEST(S47_one_flush_for_a_large_page)
{
	begin();
	map(GB1, 0, GB1);
	unmap(GB1);
	EXPECT_HOLDS(access(0, GB1 + 5 * MB2, load, 5 * MB2));
	flush(0, 2 * GB1 - 1);
	EXPECT_RULE("S43_translation_is_held", access(0, GB1 + 5 * MB2, load, 5 * MB2));
	flush(1, 2 * GB1);
	flush(1, GB1 - 1);
	EXPECT_HOLDS(access(1, GB1 + 5 * MB2, load, 5 * MB2));
	spec_hw_destroy(&hw);
}

TEST(S47_both_sizes_of_one_address)
{
	begin();
	map(MB2, 0, MB2);
	unmap(MB2);
	map(MB2, 8 * MB2, KB4);
	unmap(MB2);
	EXPECT_HOLDS(access(0, MB2, load, 0));
	EXPECT_HOLDS(access(0, MB2, load, 8 * MB2));
	EXPECT_HOLDS(access(0, MB2 + KB4, load, KB4));
	EXPECT_RULE("S43_translation_is_held", access(0, MB2 + KB4, load, 8 * MB2 + KB4));
	flush(0, MB2 + KB4);
	EXPECT_RULE("S43_translation_is_held", access(0, MB2, load, 0));
	EXPECT_HOLDS(access(0, MB2, load, 8 * MB2));
	flush(0, MB2);
	EXPECT_RULE("S43_translation_is_held", access(0, MB2, load, 8 * MB2));
	spec_hw_destroy(&hw);
}

TEST(S46_an_unlinked_table_may_still_be_looked_into)
{
	struct spec_pte nothing = { .frame = { 0, MB2 }, .attrs = SPEC_NOREAD };

	begin();
	EXPECT_EQ(0, spec_tlb_stale_add(tlb, MB2, &nothing, 0, true));
	map(MB2, 4 * MB2, KB4);
	EXPECT_HOLDS(access(0, MB2, fault, 0));
	EXPECT_HOLDS(access(0, MB2, load, 4 * MB2));
	EXPECT_RULE("S43_translation_is_held", access(0, MB2 + KB4, load, KB4));
	flush(0, MB2);
	EXPECT_RULE("S46_no_fault_where_mapped", access(0, MB2, fault, 0));
	EXPECT_HOLDS(access(1, MB2, fault, 0));
	spec_hw_destroy(&hw);
}

TEST(S46_unlinked_tables_of_every_level)
{
	unsigned int level;

	for (level = 2; level <= 5; level++) {
		struct spec_pte nothing = {
			.frame = { 0, spec_entry_size(level) }, .attrs = SPEC_NOREAD };
		u64 va = spec_entry_size(level), end = 2 * va;

		begin();
		EXPECT_EQ(0, spec_tlb_stale_add(tlb, va, &nothing, 0, true));
		map(va, 0, KB4);
		map(end - KB4, 0, KB4);
		map(end, 0, KB4);
		EXPECT_HOLDS(access(0, va, fault, 0));
		EXPECT_HOLDS(access(0, end - 1, fault, 0));
		EXPECT_RULE("S46_no_fault_where_mapped", access(0, end, fault, 0));
		flush(0, end);
		flush(0, va - 1);
		EXPECT_HOLDS(access(0, va, fault, 0));
		flush(0, end - 1);
		EXPECT_RULE("S46_no_fault_where_mapped", access(0, va, fault, 0));
		spec_hw_destroy(&hw);
	}
}

TEST(S91_awaits)
{
	struct spec_region here = { KB4, KB4 }, there = { MB2, MB2 }, all = { 0, TB256 };
	struct spec_pte pte = pte_at(0, KB4);

	begin();
	EXPECT(!spec_tlb_awaits_any(tlb, 1, all));
	EXPECT_EQ(0, spec_tlb_stale_add(tlb, KB4, &pte, 1, true));
	EXPECT(spec_tlb_awaits(tlb, 0, 1, here));
	EXPECT(spec_tlb_awaits(tlb, 0, 1, all));
	EXPECT(!spec_tlb_awaits(tlb, 0, 1, there));
	EXPECT(!spec_tlb_awaits(tlb, 0, 2, all));
	EXPECT(!spec_tlb_awaits(tlb, 2, 1, all));
	EXPECT(spec_tlb_awaits_any(tlb, 1, here));
	flush(0, KB4);
	EXPECT(!spec_tlb_awaits(tlb, 0, 1, here));
	EXPECT(spec_tlb_awaits_any(tlb, 1, here));
	flush(1, KB4);
	EXPECT(!spec_tlb_awaits_any(tlb, 1, here));
	EXPECT_EQ(0, tlb->stale.nr);
	spec_hw_destroy(&hw);
}

/* A flush that is told late does not take what was not there yet. */
TEST(S49_flushed_when)
{
	const struct spec_pte old = pte_at(MB2, KB4);
	struct spec_flushed all = { .full = true }, one = { .nr = 1 };
	const u64 va = KB4;

	one.va = &va;
	begin();
	map(KB4, MB2, KB4);
	one.at = spec_tlb_now(tlb);
	all.at = one.at;
	unmap(KB4);
	spec_tlb_flushed(tlb, 0, &one);
	spec_tlb_flushed(tlb, 0, &all);
	EXPECT(may_hold(0, KB4, old));
	one.at = spec_tlb_now(tlb);
	spec_tlb_flushed(tlb, 0, &one);
	EXPECT(!may_hold(0, KB4, old) && may_hold(1, KB4, old));
	/* Once more, and it counts from then on. */
	all.at = spec_tlb_now(tlb);
	map(KB4, MB2, KB4);
	unmap(KB4);
	spec_tlb_flushed(tlb, 1, &all);
	EXPECT(may_hold(1, KB4, old));
	all.at = spec_tlb_now(tlb);
	spec_tlb_flushed(tlb, 1, &all);
	EXPECT(!may_hold(1, KB4, old));
	spec_hw_destroy(&hw);
}

/* What may stay is the same whoever left it there. */
TEST(stale__nobodys_if_it_may_stay)
{
	const struct spec_pte old = pte_at(MB2, KB4);

	begin();
	EXPECT_EQ(0, spec_tlb_stale_add(tlb, KB4, &old, 1, false));
	EXPECT_EQ(0, spec_tlb_stale_add(tlb, KB4, &old, 2, false));
	EXPECT_EQ(1, tlb->stale.nr);
	EXPECT_EQ(0, spec_tlb_stale_add(tlb, KB4, &old, 1, true));
	EXPECT_EQ(0, spec_tlb_stale_add(tlb, KB4, &old, 2, true));
	EXPECT_EQ(3, tlb->stale.nr);
	spec_hw_destroy(&hw);
}

TEST(must_flush)
{
	static const struct {
		struct spec_pte from, to;
		bool must;
	} vectors[] = {
		{ { { 0, KB4 }, { 0, 0, 0 }, 0 }, { { 0, KB4 }, { 0, 0, 0 }, 0 }, false },
		{ { { 0, KB4 }, { 0, 0, 0 }, 0 }, { { KB4, KB4 }, { 0, 0, 0 }, 0 }, true },
		{ { { 0, MB2 }, { 0, 0, 0 }, 0 }, { { 0, KB4 }, { 0, 0, 0 }, 0 }, true },
		{ { { 0, KB4 }, { 0, 0, 0 }, 0 }, { { 0, KB4 }, { 1, 0, 0 }, 0 }, false },
		{ { { 0, KB4 }, { 1, 0, 0 }, 0 }, { { 0, KB4 }, { 0, 0, 0 }, 0 }, true },
		{ { { 0, KB4 }, { 0, 1, 0 }, 0 }, { { 0, KB4 }, { 0, 0, 0 }, 0 }, false },
		{ { { 0, KB4 }, { 0, 0, 0 }, 0 }, { { 0, KB4 }, { 0, 1, 0 }, 0 }, true },
		{ { { 0, KB4 }, { 0, 0, 1 }, 0 }, { { 0, KB4 }, { 0, 0, 0 }, 0 }, false },
		{ { { 0, KB4 }, { 0, 0, 0 }, 0 }, { { 0, KB4 }, { 0, 0, 1 }, 0 }, true },
		{ { { 0, KB4 }, { 0, 0, 0 }, 0 },
		  { { 0, KB4 }, { 0, 0, 0 }, SPEC_NOREAD }, true },
		{ { { 0, KB4 }, { 0, 0, 0 }, SPEC_NOREAD },
		  { { 0, KB4 }, { 0, 0, 0 }, 0 }, false },
		{ { { 0, KB4 }, { 0, 0, 0 }, 0 }, { { 0, KB4 }, { 0, 0, 0 }, SPEC_PCD }, true },
		{ { { 0, KB4 }, { 0, 0, 0 }, SPEC_PWT }, { { 0, KB4 }, { 0, 0, 0 }, 0 }, true },
		{ { { 0, KB4 }, { 0, 0, 0 }, 0 },
		  { { 0, KB4 }, { 0, 0, 0 }, SPEC_ACCESSED | SPEC_DIRTY | SPEC_SOFT }, false },
		{ { { 0, KB4 }, { 0, 0, 0 }, SPEC_DIRTY }, { { 0, KB4 }, { 0, 0, 0 }, 0 }, true },
		{ { { 0, KB4 }, { 0, 0, 0 }, SPEC_ACCESSED },
		  { { 0, KB4 }, { 0, 0, 0 }, 0 }, true },
		{ { { 0, KB4 }, { 0, 0, 0 }, SPEC_SOFT }, { { 0, KB4 }, { 0, 0, 0 }, 0 }, false },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vectors); i++)
		EXPECT_EQ(vectors[i].must, spec_must_flush(&vectors[i].from, &vectors[i].to));
}

TEST(nobody_inside_and_nothing_is_kept)
{
	begin();
	EXPECT_HOLDS(spec_tlb_leave(tlb, 0));
	EXPECT_HOLDS(spec_tlb_leave(tlb, 1));
	map(KB4, MB2, KB4);
	unmap(KB4);
	EXPECT_EQ(0, tlb->stale.nr);
	spec_hw_destroy(&hw);
}

TEST(the_same_again_takes_no_room)
{
	unsigned int i;

	begin();
	for (i = 0; i < 10000; i++) {
		map(KB4, MB2, KB4);
		unmap(KB4);
	}
	EXPECT_EQ(1, tlb->stale.nr);
	spec_hw_destroy(&hw);
}

TEST(as_many_of_one_address_as_there_is_room_for)
{
	unsigned int i;

	begin();
	for (i = 0; i < 4096; i++) {
		map(KB4, i * MB2, KB4);
		unmap(KB4);
	}
	map(KB4, i * MB2, KB4);
	EXPECT_RULE("no_memory", try_unmap(KB4));
	EXPECT(spec_map_get(&hw.pt, KB4, NULL));
	EXPECT_HOLDS(access(0, KB4, load, 0));
	EXPECT_HOLDS(access(0, KB4, load, 4095 * MB2));
	flush(0, KB4);
	flush(1, KB4);
	unmap(KB4);
	spec_hw_destroy(&hw);
}

TEST(no_memory_and_nothing_changes)
{
	begin();
	map(KB4, MB2, KB4);
	spec_test_allocations = 0;
	EXPECT_RULE("no_memory", try_unmap(KB4));
	spec_test_allocations = -1;
	EXPECT(spec_map_get(&hw.pt, KB4, NULL));
	EXPECT_EQ(0, tlb->stale.nr);
	spec_hw_destroy(&hw);
}

TEST(more_than_64_cores)
{
	struct spec_pte pte = pte_at(MB2, KB4);
	unsigned int core;

	EXPECT_EQ(0, spec_hw_init(&hw, &spec_test_alloc, 200, 0, false));
	for (core = 0; core < 200; core += 3)
		EXPECT_HOLDS(spec_tlb_enter(tlb, core));
	map(KB4, MB2, KB4);
	unmap(KB4);
	for (core = 0; core < 200; core++) {
		EXPECT_EQ(core % 3 == 0, may_hold(core, KB4, pte));
		if (core == 63 || core == 129)
			flush(core, KB4);
	}
	EXPECT(!may_hold(63, KB4, pte));
	EXPECT(!may_hold(129, KB4, pte));
	EXPECT(may_hold(126, KB4, pte));
	spec_hw_destroy(&hw);
}

/*
 * Against all that ever happened, kept as it happened: a core may hold what left the page
 * table while it was inside and was not flushed by it since.
 */

enum { CORES = 3, EVENTS = 4000 };

static const u64 bases[] = { 0, KB4, MB2, MB2 + KB4, GB1 };

struct event {
	enum { REMOVED, FLUSHED, FLUSHED_ALL, ENTERED, LEFT } what;
	unsigned int core;
	u64 va;
	struct spec_pte pte;
};

static struct event events[EVENTS];
static unsigned int nr_events;

static void happens(struct event e)
{
	events[nr_events++] = e;
}

static bool covers(const struct event *e, u64 va)
{
	return e->va <= va && va < e->va + e->pte.frame.size;
}

static bool history_holds(unsigned int core, u64 base, const struct spec_pte *pte)
{
	bool inside = false, held = false;
	unsigned int i;

	for (i = 0; i < nr_events; i++) {
		const struct event *e = &events[i];
		struct event wanted = { .va = base, .pte = *pte };

		if (e->what == REMOVED && inside && e->va == base &&
		    spec_pte_equal(&e->pte, pte, 0))
			held = true;
		if (e->what == REMOVED || e->core != core)
			continue;
		if (e->what == ENTERED || e->what == LEFT)
			inside = e->what == ENTERED;
		if (e->what != FLUSHED || covers(&wanted, e->va))
			held = false;
	}
	return held;
}

static struct spec_pte random_pte(u64 base)
{
	static const u64 sizes[] = { KB4, MB2, GB1 };
	struct spec_pte pte = { };

	do
		pte.frame.size = sizes[spec_test_random(3)];
	while (base % pte.frame.size);
	pte.frame.base = spec_test_random(3) * GB1;
	pte.flags.is_writable = spec_test_random(2);
	return pte;
}

static void random_change(void)
{
	u64 base = bases[spec_test_random(ARRAY_SIZE(bases))];
	struct spec_pte pte, mapped;

	pte = random_pte(base);
	if (!spec_map_get(&hw.pt, base, &mapped)) {
		if (!spec_map_overlaps(&hw.pt, (struct spec_region) { base, pte.frame.size }))
			EXPECT_HOLDS(spec_hw_map(&hw, base, &pte));
		return;
	}
	happens((struct event) { .what = REMOVED, .va = base, .pte = mapped });
	pte.frame.size = mapped.frame.size;
	if (spec_test_random(2))
		EXPECT_HOLDS(spec_hw_unmap(&hw, base, &mapped, 0));
	else
		EXPECT_HOLDS(spec_hw_protect(&hw, base, &mapped, &pte, 0));
}

static void random_core_event(void)
{
	struct event e = { .core = spec_test_random(CORES),
			   .va = bases[spec_test_random(ARRAY_SIZE(bases))] };
	bool inside = spec_tlb_inside(tlb, e.core);

	e.what = FLUSHED + spec_test_random(2);
	if (!inside)
		e.what = ENTERED;
	else if (!spec_test_random(4))
		e.what = LEFT;
	happens(e);
	if (e.what == FLUSHED)
		spec_tlb_flush(tlb, e.core, &e.va, 1);
	else if (e.what == FLUSHED_ALL)
		spec_tlb_flush_all(tlb, e.core);
	else if (e.what == ENTERED)
		EXPECT_HOLDS(spec_tlb_enter(tlb, e.core));
	else
		EXPECT_HOLDS(spec_tlb_leave(tlb, e.core));
}

static void compare(void)
{
	unsigned int core = spec_test_random(CORES);
	u64 base = bases[spec_test_random(ARRAY_SIZE(bases))];
	struct spec_pte pte = random_pte(base), mapped;
	bool current_one = spec_map_get(&hw.pt, base, &mapped) && spec_pte_equal(&mapped, &pte, 0);

	EXPECT_EQ((current_one && spec_tlb_inside(tlb, core)) || history_holds(core, base, &pte),
		  may_hold(core, base, pte));
}

TEST(the_same_as_all_of_history)
{
	u64 runs = spec_test_number("RUNS", 20);
	unsigned int i;

	spec_test_state = spec_test_number("SEED", 1);
	while (runs--) {
		EXPECT_EQ(0, spec_hw_init(&hw, &spec_test_alloc, CORES, 0, false));
		nr_events = 0;
		for (i = 0; i < 400 && spec_test_ok; i++) {
			if (spec_test_random(3))
				random_change();
			else
				random_core_event();
			compare();
			compare();
		}
		spec_hw_destroy(&hw);
	}
}
