// SPDX-License-Identifier: GPL-2.0-only
/*
 * Steps that stand for many: as if each had been told.
 */
#include "spec/entry.h"
#include "spec/monitor.h"
#include "spec_test.h"

#define KB4	0x1000ULL
#define MB2	0x200000ULL
#define GB1	0x40000000ULL
#define RW	(SPEC_PROP_READ | SPEC_PROP_WRITE)
#define WIDTH	46
#define TABLE	(77 * KB4 | SPEC_DIRECTORY_FLAGS)

enum { ID = 1, CORES = 3 };

static struct spec_monitor a, b;
static u64 frames[512];

/* A cursor on the second GiB, where a table is linked; in @b as well. */
static void begin(struct spec_monitor *mon, enum spec_contract contract)
{
	EXPECT_EQ(0, spec_monitor_init(mon, &spec_test_alloc, CORES, 4, WIDTH, contract));
	EXPECT_HOLDS(spec_monitor_lock(mon, ID, (struct spec_region) { GB1, GB1 }));
}

static void end(struct spec_monitor *mon)
{
	spec_monitor_destroy(mon);
}

static const struct spec_map *pt_of(const struct spec_monitor *mon)
{
	return &mon->machine.hw.pt;
}

static const struct spec_vector *stale_of(const struct spec_monitor *mon)
{
	return &mon->machine.hw.maximal.stale;
}

static void random_frames(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(frames); i++)
		frames[i] = spec_test_random(1ULL << (WIDTH - 12)) * KB4;
}

static const char *start_map(struct spec_monitor *mon, u64 va, unsigned int nr, u32 prop)
{
	const struct spec_map_args args = {
		.frame = frames[0], .len = nr * KB4, .level = 1, .prop = prop,
	};

	return spec_monitor_map_start(mon, ID, va, &args);
}

static const char *start_protect(struct spec_monitor *mon, u64 va, unsigned int nr,
				 struct spec_change change)
{
	return spec_monitor_protect_start(mon, ID, (struct spec_region) { va, nr * KB4 }, change);
}

static struct spec_pte pte_with(u64 frame, u32 prop)
{
	struct spec_pte pte = { .frame = { frame, KB4 } };

	spec_set_prop(&pte, prop);
	return pte;
}

static u64 leaf_of(u64 frame, u32 prop)
{
	const struct spec_pte pte = pte_with(frame, prop);

	return spec_page_entry(&pte, 1);
}

static void map_singly(struct spec_monitor *mon, u64 va, unsigned int nr, u32 prop)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		EXPECT_HOLDS(spec_monitor_write(mon, ID, va + i * KB4, 1, 0,
						leaf_of(frames[i], prop)));
}

static void protect_singly(struct spec_monitor *mon, u64 va, unsigned int nr,
			   struct spec_change change)
{
	struct spec_pte from, to;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		EXPECT(spec_map_get(pt_of(mon), va + i * KB4, &from));
		to = from;
		spec_set_prop(&to, (spec_prop(&from) & ~change.clear) | change.set);
		EXPECT_HOLDS(spec_monitor_write(mon, ID, va + i * KB4, 1,
						spec_page_entry(&from, 1),
						spec_page_entry(&to, 1)));
	}
}

/* The same mappings, and the same that cores may hold besides. */
static void expect_equal(void)
{
	size_t i;

	EXPECT(spec_map_equal(pt_of(&a), pt_of(&b), 0));
	EXPECT_EQ(stale_of(&a)->nr, stale_of(&b)->nr);
	if (stale_of(&a)->nr != stale_of(&b)->nr)
		return;
	for (i = 0; i < stale_of(&a)->nr; i++) {
		const struct spec_stale *x = spec_vector_item(stale_of(&a), i);
		const struct spec_stale *y = spec_vector_item(stale_of(&b), i);

		EXPECT_EQ(x->key, y->key);
		EXPECT(spec_pte_equal(&x->pte, &y->pte, 0));
		EXPECT_EQ(x->must_flush, y->must_flush);
		EXPECT_EQ(x->holders[0], y->holders[0]);
	}
}

static const struct spec_ack everything = { .full = true, .at = SPEC_FLUSHED_NOW };
static const struct spec_ack nothing = { .at = SPEC_FLUSHED_NOW };

static void flush(struct spec_monitor *mon)
{
	unsigned int core;

	EXPECT_HOLDS(spec_monitor_initiate(mon, ID, true, SPEC_GATHERED));
	for (core = 0; core < CORES; core++)
		if (spec_monitor_inside(mon, core))
			EXPECT_HOLDS(spec_monitor_ack(mon, ID, core, &everything));
	EXPECT_HOLDS(spec_monitor_end_shootdown(mon, ID));
}

static struct spec_change random_change(void)
{
	static const struct spec_change changes[] = {
		{ SPEC_PROP_WRITE, 0 },
		{ 0, SPEC_PROP_WRITE },
		{ SPEC_PROP_EXEC, SPEC_PROP_USER },
		{ 0, SPEC_PROP_EXEC | SPEC_PROP_SOFT },
		{ SPEC_PROP_READ, 0 },
		{ SPEC_PROP_SOFT, SPEC_PROP_READ },
	};

	return changes[spec_test_random(ARRAY_SIZE(changes))];
}

/* Map, protect and unmap a part of a table: in @a by many at once, in @b one by one. */
static void random_round(bool somebody_inside)
{
	unsigned int first = spec_test_random(512), nr = 1 + spec_test_random(512 - first), i;
	u64 va = GB1 + MB2 + first * KB4;
	u32 prop = spec_test_random(2) ? RW : RW | SPEC_PROP_EXEC | SPEC_PROP_SOFT;
	struct spec_change change;
	u64 any, all;

	begin(&a, SPEC_CURSORS);
	begin(&b, SPEC_CURSORS);
	for (i = 0; somebody_inside && i < 2; i++) {
		EXPECT_HOLDS(spec_monitor_enter(&a, i));
		EXPECT_HOLDS(spec_monitor_enter(&b, i));
	}
	random_frames();
	EXPECT_HOLDS(start_map(&a, va, nr, prop));
	EXPECT_HOLDS(start_map(&b, va, nr, prop));
	EXPECT_HOLDS(spec_monitor_map_run(&a, ID, va, nr, frames));
	map_singly(&b, va, nr, prop);
	expect_equal();
	EXPECT(spec_monitor_frames_told(&a, ID));
	EXPECT(!spec_monitor_frames_told(&b, ID));
	EXPECT_HOLDS(spec_monitor_end(&a, ID, va + nr * KB4, nr, 0, false));
	EXPECT_HOLDS(spec_monitor_end(&b, ID, va + nr * KB4, nr, 0, false));

	for (i = 0; i < 4; i++) {
		change = random_change();
		EXPECT_HOLDS(start_protect(&a, va, nr, change));
		EXPECT_HOLDS(start_protect(&b, va, nr, change));
		EXPECT_HOLDS(spec_monitor_protect_run(&a, ID, va, nr));
		protect_singly(&b, va, nr, change);
		expect_equal();
		EXPECT_HOLDS(spec_monitor_op_end(&a, ID));
		EXPECT_HOLDS(spec_monitor_op_end(&b, ID));
		flush(&a);
		flush(&b);
		EXPECT_HOLDS(spec_monitor_end(&a, ID, va + nr * KB4, nr, 0, false));
		EXPECT_HOLDS(spec_monitor_end(&b, ID, va + nr * KB4, nr, 0, false));
	}

	/* The table goes with all that is in it. */
	EXPECT_HOLDS(spec_monitor_unmap_start(&a, ID, (struct spec_region) { GB1 + MB2, MB2 }));
	EXPECT_HOLDS(spec_monitor_write(&a, ID, GB1 + MB2, 2, TABLE, 0));
	EXPECT_EQ(0, spec_map_sum(pt_of(&a), SPEC_ALL, &any, &all));
	EXPECT_EQ(somebody_inside, stale_of(&a)->nr > 0);
	EXPECT_HOLDS(spec_monitor_op_end(&a, ID));
	flush(&a);
	EXPECT_HOLDS(spec_monitor_end(&a, ID, GB1 + 2 * MB2, nr, 0, false));
	end(&a);
	end(&b);
}

TEST(runs__as_if_each_were_told)
{
	unsigned int i;

	for (i = 0; i < 40; i++)
		random_round(i % 2);
}

TEST(S76_runs_while_executing)
{
	begin(&a, SPEC_CURSORS);
	EXPECT_RULE("S76_executing", spec_monitor_map_run(&a, ID, GB1, 1, frames));
	EXPECT_RULE("S76_executing", spec_monitor_protect_run(&a, ID, GB1, 1));
	EXPECT_RULE("S76_executing", spec_monitor_map_run(&a, ID + 1, GB1, 1, frames));
	EXPECT(!spec_monitor_frames_told(&a, ID + 1));
	EXPECT_HOLDS(start_protect(&a, GB1, 1, (struct spec_change) { SPEC_PROP_WRITE, 0 }));
	EXPECT_RULE("S66_only_a_map_maps", spec_monitor_map_run(&a, ID, GB1, 1, frames));
	EXPECT_HOLDS(spec_monitor_op_end(&a, ID));
	EXPECT_RULE("S72_written_while_executing", spec_monitor_protect_run(&a, ID, GB1, 1));
	end(&a);
}

/* There each leaf is a step (S61). */
TEST(S61_no_runs_in_a_strict_space)
{
	begin(&a, SPEC_STRICT);
	EXPECT_HOLDS(start_map(&a, GB1, 1, RW));
	EXPECT_RULE("S76_executing", spec_monitor_map_run(&a, ID, GB1, 1, frames));
	end(&a);
}

TEST(map_run__where_and_what_it_was_asked_to)
{
	random_frames();
	begin(&a, SPEC_CURSORS);
	EXPECT_HOLDS(start_map(&a, GB1 + KB4, 4, RW));
	EXPECT_RULE("map_in_its_range", spec_monitor_map_run(&a, ID, GB1, 2, frames));
	EXPECT_RULE("map_in_its_range", spec_monitor_map_run(&a, ID, GB1 + 2 * KB4, 4, frames));
	EXPECT_RULE("map_frame", spec_monitor_map_run(&a, ID, GB1 + KB4, 1, frames + 1));
	EXPECT_HOLDS(spec_monitor_map_run(&a, ID, GB1 + KB4, 2, frames));
	EXPECT_RULE("S58_no_overlap", spec_monitor_map_run(&a, ID, GB1 + 2 * KB4, 2, frames + 1));
	end(&a);

	begin(&a, SPEC_CURSORS);
	EXPECT_HOLDS(start_map(&a, GB1, 512, RW));
	spec_test_allocations = 0;
	EXPECT_RULE("no_memory", spec_monitor_map_run(&a, ID, GB1, 512, frames));
	spec_test_allocations = -1;
	end(&a);
}

TEST(protect_run__where_something_is_mapped)
{
	const struct spec_change change = { SPEC_PROP_WRITE, 0 };

	random_frames();
	begin(&a, SPEC_CURSORS);
	EXPECT_HOLDS(start_map(&a, GB1, 4, RW));
	EXPECT_RULE("only_a_protect_protects", spec_monitor_protect_run(&a, ID, GB1, 1));
	EXPECT_HOLDS(spec_monitor_map_run(&a, ID, GB1, 4, frames));
	EXPECT_HOLDS(spec_monitor_end(&a, ID, GB1 + 4 * KB4, 4, 0, false));
	EXPECT_HOLDS(start_protect(&a, GB1 + KB4, 4, change));
	EXPECT_RULE("protect_in_its_range", spec_monitor_protect_run(&a, ID, GB1, 2));
	EXPECT_RULE("protect_in_its_range", spec_monitor_protect_run(&a, ID, GB1 + KB4, 5));
	EXPECT_RULE("S64_key", spec_monitor_protect_run(&a, ID, GB1 + KB4, 4));
	EXPECT_HOLDS(spec_monitor_protect_run(&a, ID, GB1 + KB4, 2));
	/* One of three was left out. */
	EXPECT_HOLDS(spec_monitor_op_end(&a, ID));
	EXPECT_RULE("protect_leaves_nothing_out",
		    spec_monitor_end(&a, ID, GB1 + 5 * KB4, 3, 0, false));
	end(&a);
}

/* A core inside holds what was there; there may be no memory to know it. */
TEST(protect_run__no_memory)
{
	const struct spec_change change = { SPEC_PROP_WRITE, 0 };

	random_frames();
	begin(&a, SPEC_CURSORS);
	EXPECT_HOLDS(spec_monitor_enter(&a, 0));
	EXPECT_HOLDS(start_map(&a, GB1, 4, RW));
	EXPECT_HOLDS(spec_monitor_map_run(&a, ID, GB1, 4, frames));
	EXPECT_HOLDS(spec_monitor_end(&a, ID, GB1 + 4 * KB4, 4, 0, false));
	EXPECT_HOLDS(start_protect(&a, GB1, 4, change));
	spec_test_allocations = 0;
	EXPECT_RULE("no_memory", spec_monitor_protect_run(&a, ID, GB1, 4));
	spec_test_allocations = -1;
	end(&a);
}

/* In @a one page is mapped, at the start of its cursor; a protect of it has begun. */
static u64 begin_protect(enum spec_contract contract)
{
	const struct spec_change change = { SPEC_PROP_WRITE, 0 };

	random_frames();
	begin(&a, contract);
	EXPECT_HOLDS(start_map(&a, GB1, 1, RW));
	EXPECT_HOLDS(spec_monitor_write(&a, ID, GB1, 1, 0, leaf_of(frames[0], RW)));
	EXPECT_HOLDS(spec_monitor_end(&a, ID, GB1 + KB4, 1, 0, false));
	EXPECT_HOLDS(start_protect(&a, GB1, 1, change));
	return leaf_of(frames[0], RW);
}

/* Which rule a write violates, with all before it as it should be. */
static void expect_write(const char *rule, u64 old_differs, u64 new_differs)
{
	u64 leaf = begin_protect(SPEC_CURSORS);

	EXPECT_RULE(rule, spec_monitor_write(&a, ID, GB1, 1, leaf ^ old_differs,
					     (leaf & ~SPEC_FLAG_RW) ^ new_differs));
	end(&a);
}

TEST(protect__of_what_is_known)
{
	expect_write(NULL, 0, 0);
	expect_write(NULL, SPEC_FLAG_HARDWARE, SPEC_FLAG_HARDWARE);
	expect_write(NULL, SPEC_FLAG_TRACKED, SPEC_FLAG_TRACKED);
	expect_write("protect_next_property", SPEC_FLAG_A, 0);
	expect_write("protect_next_property", SPEC_FLAG_D, 0);
	expect_write("protect_next_property", 0, SPEC_FLAG_RW);
	expect_write("protect_next_property", 0, SPEC_FLAG_XD);
	expect_write("S31_as_it_was", SPEC_FLAG_RW, 0);
	expect_write("S31_as_it_was", KB4, KB4);
	expect_write("S18_no_high_bits", BIT_ULL(52), BIT_ULL(52));
	expect_write("S13_must_be_zero", BIT_ULL(WIDTH), BIT_ULL(WIDTH));
	expect_write("S23_page_flags", SPEC_FLAG_HELD, SPEC_FLAG_HELD);
}

TEST(protect__takes_over_what_the_hardware_set)
{
	u64 leaf = begin_protect(SPEC_CURSORS);
	struct spec_pte pte;

	EXPECT_HOLDS(spec_monitor_write(&a, ID, GB1, 1, leaf | SPEC_FLAG_D,
					(leaf | SPEC_FLAG_D) & ~SPEC_FLAG_RW));
	EXPECT(spec_map_get(pt_of(&a), GB1, &pte) && pte.attrs == SPEC_DIRTY);
	/* From now on it is known. */
	EXPECT_RULE("accessed_and_dirty_are_never_lost",
		    spec_monitor_write(&a, ID, GB1, 1, leaf & ~SPEC_FLAG_RW, 0));
	end(&a);
}

TEST(leaf__goes_or_changes_only_in_its_operation)
{
	u64 leaf = begin_protect(SPEC_CURSORS), other = leaf_of(frames[0], SPEC_PROP_READ);

	EXPECT_HOLDS(spec_monitor_write(&a, ID, GB1, 1, leaf, other));
	EXPECT_HOLDS(spec_monitor_op_end(&a, ID));
	EXPECT_RULE("S60_failure_changes_nothing",
		    spec_monitor_end(&a, ID, GB1, 0, -ENOMEM, false));
	EXPECT_HOLDS(spec_monitor_end(&a, ID, GB1 + KB4, 1, 0, false));
	EXPECT_HOLDS(start_protect(&a, GB1 + KB4, 1, (struct spec_change) { 0, SPEC_PROP_WRITE }));
	EXPECT_RULE("protect_in_its_range", spec_monitor_write(&a, ID, GB1, 1, other, leaf));
	end(&a);
	leaf = begin_protect(SPEC_CURSORS);
	EXPECT_RULE("protect_unmaps_nothing", spec_monitor_write(&a, ID, GB1, 1, leaf, 0));
	EXPECT_HOLDS(spec_monitor_op_end(&a, ID));
	EXPECT_RULE("S72_written_while_executing",
		    spec_monitor_write(&a, ID, GB1, 1, leaf, other));
	end(&a);
	leaf = begin_protect(SPEC_CURSORS);
	EXPECT_HOLDS(spec_monitor_write(&a, ID, GB1, 1, leaf,
					leaf_of(frames[0], SPEC_PROP_READ)));
	EXPECT_HOLDS(spec_monitor_op_end(&a, ID));
	EXPECT_HOLDS(spec_monitor_end(&a, ID, GB1 + KB4, 1, 0, false));
	EXPECT_HOLDS(spec_monitor_unmap_start(&a, ID,
					      (struct spec_region) { GB1 + KB4, KB4 }));
	EXPECT_RULE("unmap_in_its_range",
		    spec_monitor_write(&a, ID, GB1, 1, leaf_of(frames[0], SPEC_PROP_READ), 0));
	end(&a);
}

static void strict_shootdown(void)
{
	EXPECT_HOLDS(spec_monitor_page(&a, ID, GB1));
	EXPECT_HOLDS(spec_monitor_initiate(&a, ID, false, SPEC_ONE_PAGE));
	EXPECT_HOLDS(spec_monitor_end_shootdown(&a, ID));
}

TEST(S61_strict_protect_writes_once)
{
	u64 leaf = begin_protect(SPEC_STRICT), other = leaf_of(frames[0], SPEC_PROP_READ);

	EXPECT_HOLDS(spec_monitor_write(&a, ID, GB1, 1, leaf, other));
	EXPECT_RULE("protect_one_write", spec_monitor_write(&a, ID, GB1, 1, other, other));
	end(&a);
}

/* A mapping that has the rights already is not written, but flushed. */
TEST(S70_strict_protect_of_nothing)
{
	const struct spec_change grow = { 0, SPEC_PROP_WRITE }, shrink = { SPEC_PROP_WRITE, 0 };
	bool flushes;

	for (flushes = true; ; flushes = false) {
		begin_protect(SPEC_STRICT);
		EXPECT_HOLDS(spec_monitor_write(&a, ID, GB1, 1, leaf_of(frames[0], RW),
						leaf_of(frames[0], SPEC_PROP_READ)));
		EXPECT_HOLDS(spec_monitor_op_end(&a, ID));
		strict_shootdown();
		EXPECT_HOLDS(spec_monitor_end(&a, ID, GB1 + KB4, 1, 0, false));
		EXPECT_HOLDS(start_protect(&a, GB1, 1, shrink));
		EXPECT_HOLDS(spec_monitor_op_end(&a, ID));
		if (!flushes)
			break;
		strict_shootdown();
		EXPECT_HOLDS(spec_monitor_end(&a, ID, GB1 + KB4, 1, 0, false));
		/* Without the write that it needs. */
		EXPECT_HOLDS(start_protect(&a, GB1, 1, grow));
		EXPECT_HOLDS(spec_monitor_op_end(&a, ID));
		strict_shootdown();
		EXPECT_RULE("protect_leaves_nothing_out",
			    spec_monitor_end(&a, ID, GB1 + KB4, 1, 0, false));
		end(&a);
	}
	EXPECT_RULE("S70_shootdown_if_ok",
		    spec_monitor_end(&a, ID, GB1 + KB4, 1, 0, false));
	end(&a);
}

/* One that should have been written was not, whatever it says of how far it came. */
TEST(S64_strict_protect_that_is_left_out)
{
	begin_protect(SPEC_STRICT);
	EXPECT_HOLDS(spec_monitor_op_end(&a, ID));
	strict_shootdown();
	EXPECT_RULE("S70_shootdown_waiting", spec_monitor_end(&a, ID, GB1, 0, 0, false));
	end(&a);
}

/* A leaf of 2 MiB with A and D set; an operation on its second page writes it as a whole. */
static void expect_from_inside(const char *rule, struct spec_change change, u64 without)
{
	const struct spec_region second = { GB1 + KB4, KB4 };
	const u64 frame = 4 * MB2;
	const struct spec_map_args args = { .frame = frame, .len = MB2, .level = 2, .prop = RW };
	struct spec_pte pte = { .frame = { frame, MB2 } };
	u64 leaf;

	begin(&a, SPEC_CURSORS);
	EXPECT_HOLDS(spec_monitor_map_start(&a, ID, GB1, &args));
	spec_set_prop(&pte, RW);
	leaf = spec_page_entry(&pte, 2) | SPEC_FLAG_HARDWARE;
	EXPECT_HOLDS(spec_monitor_write(&a, ID, GB1, 2, 0, leaf));
	EXPECT_HOLDS(spec_monitor_end(&a, ID, GB1 + MB2, 512, 0, false));
	EXPECT_HOLDS(spec_monitor_protect_start(&a, ID, second, change));
	EXPECT_RULE(rule, spec_monitor_write(&a, ID, GB1, 2, leaf, leaf & ~without));
	end(&a);
}

TEST(harvest__of_what_the_position_is_inside_of)
{
	expect_from_inside(NULL, (struct spec_change) { SPEC_PROP_ACCESSED, 0 }, SPEC_FLAG_A);
	expect_from_inside("protect_next_property",
			   (struct spec_change) { SPEC_PROP_ACCESSED, 0 }, SPEC_FLAG_HARDWARE);
	expect_from_inside("protect_in_its_range",
			   (struct spec_change) { SPEC_PROP_ACCESSED | SPEC_PROP_EXEC, 0 },
			   SPEC_FLAG_A);
	expect_from_inside("protect_in_its_range",
			   (struct spec_change) { SPEC_PROP_WRITE, 0 }, SPEC_FLAG_RW);
}

/* What another cursor flushes with its tables is not the flush of the operation. */
TEST(S69_strict_acks_of_another_cursor)
{
	const struct spec_ack page = { .nr = 1, .first = GB1, .at = SPEC_FLUSHED_NOW };
	const u64 other = ID + 1, leaf = leaf_of(frames[0], RW);

	begin(&a, SPEC_STRICT);
	EXPECT_HOLDS(start_map(&a, GB1, 1, RW));
	EXPECT_HOLDS(spec_monitor_write(&a, ID, GB1, 1, 0, leaf));
	EXPECT_HOLDS(spec_monitor_end(&a, ID, GB1 + KB4, 1, 0, false));
	EXPECT_HOLDS(spec_monitor_write(&a, other, 3 * GB1, 2, TABLE, 0));
	EXPECT_HOLDS(spec_monitor_initiate(&a, other, true, SPEC_GATHERED));
	EXPECT_HOLDS(spec_monitor_enter(&a, 1));
	EXPECT_HOLDS(spec_monitor_unmap_start(&a, ID, (struct spec_region) { GB1, KB4 }));
	EXPECT_HOLDS(spec_monitor_write(&a, ID, GB1, 1, leaf, 0));
	EXPECT_HOLDS(spec_monitor_op_end(&a, ID));
	EXPECT_HOLDS(spec_monitor_page(&a, ID, GB1));
	EXPECT_HOLDS(spec_monitor_initiate(&a, ID, false, SPEC_ONE_PAGE));
	EXPECT_HOLDS(spec_monitor_ack(&a, other, 1, &nothing));
	EXPECT_HOLDS(spec_monitor_end_shootdown(&a, other));
	EXPECT_RULE("S69_flushed", spec_monitor_ack(&a, ID, 1, &nothing));
	EXPECT_HOLDS(spec_monitor_ack(&a, ID, 1, &page));
	EXPECT_HOLDS(spec_monitor_end_shootdown(&a, ID));
	EXPECT_HOLDS(spec_monitor_end(&a, ID, GB1 + KB4, 1, 0, false));
	end(&a);
}
