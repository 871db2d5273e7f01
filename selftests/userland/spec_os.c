// SPDX-License-Identifier: GPL-2.0-only
/*
 * S51 to S86: the steps of the operating system, and soundness.
 */
#include "spec/cores.h"
#include "spec/sound.h"
#include "spec_machine.h"

static struct spec_os os;

static enum spec_state state(unsigned int core)
{
	return os.core_states[core].state;
}

/* All that a step which is refused must leave alone. */
static struct {
	struct spec_core_state states[2];
	u64 mappings, frames, tlb[2], open, vaddr, words;
	bool sound;
} image;

static void remember(void)
{
	memcpy(image.states, os.core_states, sizeof(image.states));
	image.mappings = spec_map_count(&os.hw.pt);
	image.frames = spec_map_count(&os.frames);
	image.tlb[0] = spec_map_count(&os.hw.tlb[0]);
	image.tlb[1] = spec_map_count(&os.hw.tlb[1]);
	image.open = os.open_requests[0];
	image.vaddr = os.shootdown_vaddr;
	image.words = os.hw.mem.nr;
	image.sound = os.sound;
}

static bool unchanged(void)
{
	return !memcmp(image.states, os.core_states, sizeof(image.states)) &&
	       image.mappings == spec_map_count(&os.hw.pt) &&
	       image.frames == spec_map_count(&os.frames) &&
	       image.tlb[0] == spec_map_count(&os.hw.tlb[0]) &&
	       image.tlb[1] == spec_map_count(&os.hw.tlb[1]) &&
	       image.open == os.open_requests[0] && image.vaddr == os.shootdown_vaddr &&
	       image.words == os.hw.mem.nr && image.sound == os.sound;
}

/* The step is refused for that reason, and nothing changes. */
#define REFUSED(rule, step)						\
	do {								\
		remember();						\
		EXPECT_RULE(rule, step);				\
		EXPECT(unchanged());					\
	} while (0)

/* Core 0 is brought into a state, with the page at 2 MiB in hand. */
static void bring(enum spec_state wanted)
{
	bool protects = wanted >= SPEC_PROTECT_WAITING;

	os_begin(&os);
	if (wanted >= SPEC_UNMAP_WAITING)
		os_map(&os, MB2, 0, MB2);
	if (wanted == SPEC_MAP_WAITING || wanted == SPEC_MAP_EXECUTING)
		EXPECT_HOLDS(os_map_start(&os, 0, MB2, 0, MB2));
	if (wanted == SPEC_MAP_EXECUTING)
		EXPECT_HOLDS(spec_os_map_op_start(&os, 0));
	if (wanted >= SPEC_UNMAP_WAITING && !protects)
		EXPECT_HOLDS(spec_os_unmap_start(&os, 0, MB2));
	if (wanted >= SPEC_UNMAP_OP_EXECUTING && !protects)
		EXPECT_HOLDS(spec_os_unmap_op_start(&os, 0, true));
	if (wanted >= SPEC_UNMAP_OP_DONE && !protects)
		EXPECT_HOLDS(spec_os_unmap_op_end(&os, 0));
	if (wanted == SPEC_UNMAP_SHOOTDOWN_WAITING)
		EXPECT_HOLDS(spec_os_unmap_initiate_shootdown(&os, 0));
	if (protects)
		EXPECT_HOLDS(spec_os_protect_start(&os, 0, MB2, ro));
	if (wanted >= SPEC_PROTECT_EXECUTING)
		EXPECT_HOLDS(spec_os_protect_op_start(&os, 0));
	if (wanted >= SPEC_PROTECT_OP_DONE)
		EXPECT_HOLDS(spec_os_protect_op_change(&os, 0, true));
	if (wanted == SPEC_PROTECT_SHOOTDOWN_WAITING)
		EXPECT_HOLDS(spec_os_protect_initiate_shootdown(&os, 0));
	EXPECT_EQ(wanted, state(0));
}

static void done(void)
{
	spec_os_destroy(&os);
}

TEST(S51_states)
{
	unsigned int i;

	for (i = 0; i < SPEC_NR_STATES; i++) {
		bring(i);
		EXPECT_EQ(SPEC_IDLE, state(1));
		done();
	}
}

TEST(S52_ult2core)
{
	static const unsigned int bad[] = { 0, 2 };
	struct spec_os_config c = config;

	c.ult_no = 2;
	c.ult2core = bad;
	EXPECT_EQ(-EINVAL, spec_os_init(&os, &spec_test_alloc, &c));
	c.ult_no = 1;
	EXPECT_EQ(0, spec_os_init(&os, &spec_test_alloc, &c));
	done();
}

TEST(S52_one_operation_for_a_core)
{
	bring(SPEC_MAP_WAITING);
	REFUSED("S54_core_idle", os_map_start(&os, 2, GB1, MB2, MB2));
	REFUSED("S62_core_idle", spec_os_unmap_start(&os, 2, GB1));
	REFUSED("S62_core_idle", spec_os_protect_start(&os, 2, GB1, rw));
	EXPECT_HOLDS(os_map_start(&os, 1, GB1, MB2, MB2));
	done();
}

TEST(S53_holds_lock)
{
	unsigned int i, core;

	for (i = 0; i < SPEC_NR_STATES; i++) {
		bool holds = i == SPEC_MAP_EXECUTING || i == SPEC_UNMAP_OP_EXECUTING ||
			     i == SPEC_UNMAP_OP_DONE || i == SPEC_UNMAP_SHOOTDOWN_WAITING ||
			     i == SPEC_PROTECT_EXECUTING || i == SPEC_PROTECT_OP_DONE ||
			     i == SPEC_PROTECT_SHOOTDOWN_WAITING;

		bring(i);
		core = 9;
		EXPECT_EQ(holds, spec_holds_lock(&os.core_states[0]));
		EXPECT_EQ(holds, spec_kernel_lock(&os, &core));
		EXPECT_EQ(holds ? 0 : 9, core);
		done();
	}
}

/* Whoever waits, waits for all that time. */
TEST(S53_lock_is_held_throughout)
{
	unsigned int i;

	for (i = 0; i < SPEC_NR_STATES; i++) {
		const char *rule;

		bring(i);
		rule = spec_holds_lock(&os.core_states[0]) ? "S53_lock_free" : NULL;
		EXPECT_HOLDS(os_map_start(&os, 1, GB1, GB1, KB4));
		remember();
		EXPECT_RULE(rule, spec_os_map_op_start(&os, 1));
		EXPECT(!rule || unchanged());
		done();

		bring(i);
		EXPECT_HOLDS(spec_os_unmap_start(&os, 1, GB1));
		remember();
		EXPECT_RULE(rule, spec_os_unmap_op_start(&os, 1, false));
		EXPECT(!rule || unchanged());
		done();

		bring(i);
		EXPECT_HOLDS(spec_os_protect_start(&os, 1, GB1, rw));
		remember();
		EXPECT_RULE(rule, spec_os_protect_op_start(&os, 1));
		EXPECT(!rule || unchanged());
		done();
	}
}

TEST(S54_valid_ult)
{
	os_begin(&os);
	REFUSED("S54_valid_ult", os_map_start(&os, 3, 0, 0, KB4));
	REFUSED("S54_valid_ult", os_map_start(&os, ~0U, 0, 0, KB4));
	REFUSED("S62_valid_ult", spec_os_unmap_start(&os, 3, 0));
	REFUSED("S62_valid_ult", spec_os_protect_start(&os, 3, 0, rw));
	EXPECT_HOLDS(os_map_start(&os, 2, 0, 0, KB4));
	done();
}

TEST(S54_only_if_idle)
{
	unsigned int i;

	for (i = 1; i < SPEC_NR_STATES; i++) {
		bring(i);
		REFUSED("S54_core_idle", os_map_start(&os, 0, GB1, GB1, KB4));
		done();
	}
}

TEST(S54_sizes)
{
	static const struct {
		u64 size;
		bool legal;
	} sizes[] = {
		{ 0, false }, { 1, false }, { 2048, false }, { KB4, true }, { 2 * KB4, false },
		{ MB2 / 2, false }, { MB2, true }, { 2 * MB2, false }, { GB1, true },
		{ 2 * GB1, false }, { GB512, false }, { TB256, false }, { ~0ULL, false },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		os_begin(&os);
		EXPECT_RULE(sizes[i].legal ? NULL : "S54_legal_size",
			    os_map_start(&os, 0, 0, 0, sizes[i].size));
		done();
	}
}

TEST(S54_alignment)
{
	static const u64 sizes[] = { KB4, MB2, GB1 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		u64 size = sizes[i];

		os_begin(&os);
		REFUSED("S54_vaddr_aligned", os_map_start(&os, 0, size / 2, 0, size));
		REFUSED("S54_vaddr_aligned", os_map_start(&os, 0, 1, 0, size));
		REFUSED("S54_vaddr_aligned", os_map_start(&os, 0, size - 1, 0, size));
		REFUSED("S54_frame_aligned", os_map_start(&os, 0, size, size / 2, size));
		REFUSED("S54_frame_aligned", os_map_start(&os, 0, size, size + 1, size));
		EXPECT_HOLDS(os_map_start(&os, 0, size, size, size));
		done();
	}
}

TEST(S54_map_start_at_the_top)
{
	static const u64 sizes[] = { KB4, MB2, GB1 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		u64 size = sizes[i];

		os_begin(&os);
		REFUSED("S54_candidate_mapping_in_bounds",
			os_map_start(&os, 0, TB256 - size, 0, size));
		REFUSED("S54_candidate_mapping_in_bounds", os_map_start(&os, 0, TB256, 0, size));
		REFUSED("S54_candidate_mapping_in_bounds", os_map_start(&os, 0, -size, 0, size));
		EXPECT_HOLDS(os_map_start(&os, 0, TB256 - 2 * size, 0, size));
		done();
	}
}

TEST(S54_map_start_at_the_top_of_five_levels)
{
	struct spec_pte pte = pte_at(0, KB4);

	EXPECT_HOLDS(spec_map_enabled(5, 40, TB256 - KB4, &pte));
	EXPECT_HOLDS(spec_map_enabled(5, 40, 512 * TB256 - 2 * KB4, &pte));
	EXPECT_RULE("S54_candidate_mapping_in_bounds",
		    spec_map_enabled(5, 40, 512 * TB256 - KB4, &pte));
}

TEST(S54_frame_at_the_top)
{
	static const unsigned int widths[] = { 32, 40, 52 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(widths); i++) {
		u64 max_phyaddr = (1ULL << widths[i]) - 1;
		struct spec_pte pte = pte_at(max_phyaddr - 4095, KB4);

		EXPECT_HOLDS(spec_map_enabled(4, widths[i], 0, &pte));
		pte.frame.base = max_phyaddr + 1;
		EXPECT_RULE("S54_frame_in_bounds", spec_map_enabled(4, widths[i], 0, &pte));
	}
}

TEST(S33_S54_available_pages)
{
	os_begin(&os);
	os.available = 2;
	REFUSED("S33_available_pages", os_map_start(&os, 0, 0, 0, KB4));
	os.available = 0;
	REFUSED("S33_available_pages", os_map_start(&os, 0, 0, 0, GB1));
	EXPECT_HOLDS(spec_os_unmap_start(&os, 0, 0));
	os.available = 3;
	EXPECT_HOLDS(os_map_start(&os, 1, GB1, 0, KB4));
	done();
}

TEST(S33_S54_available_pages_of_five_levels)
{
	struct spec_os_config c = config;

	c.levels = 5;
	EXPECT_EQ(0, spec_os_init(&os, &spec_test_alloc, &c));
	os.available = 3;
	REFUSED("S33_available_pages", os_map_start(&os, 0, 0, 0, KB4));
	os.available = 4;
	EXPECT_HOLDS(os_map_start(&os, 0, 0, 0, KB4));
	done();
}

TEST(S55_map_start)
{
	os_begin(&os);
	EXPECT_HOLDS(os_map_start(&os, 2, MB2, GB1, MB2));
	EXPECT_EQ(SPEC_MAP_WAITING, state(0));
	EXPECT_EQ(SPEC_IDLE, state(1));
	EXPECT_EQ(2, os.core_states[0].ult_id);
	EXPECT_EQ(MB2, os.core_states[0].vaddr);
	EXPECT_EQ(GB1, os.core_states[0].pte.frame.base);
	EXPECT_EQ(MB2, os.core_states[0].pte.frame.size);
	EXPECT(os.core_states[0].pte.flags.is_writable);
	EXPECT_EQ(0, spec_map_count(&os.hw.pt));
	EXPECT_EQ(0, os.open_requests[0]);
	EXPECT(os.sound);
	done();
}

TEST(S56_an_unsound_start_is_enabled)
{
	bring(SPEC_MAP_WAITING);
	EXPECT_HOLDS(os_map_start(&os, 1, MB2, GB1, MB2));
	EXPECT_EQ(SPEC_MAP_WAITING, state(1));
	EXPECT(!os.sound);
	done();

	bring(SPEC_MAP_WAITING);
	EXPECT_HOLDS(spec_os_unmap_start(&os, 1, MB2));
	EXPECT_EQ(SPEC_UNMAP_WAITING, state(1));
	EXPECT(!os.sound);
	done();

	bring(SPEC_MAP_WAITING);
	EXPECT_HOLDS(spec_os_protect_start(&os, 1, MB2, rw));
	EXPECT_EQ(SPEC_PROTECT_WAITING, state(1));
	EXPECT(!os.sound);
	done();
}

TEST(S57_map_op_start)
{
	unsigned int i;

	for (i = 0; i < SPEC_NR_STATES; i++) {
		bring(i);
		if (i == SPEC_MAP_WAITING) {
			EXPECT_HOLDS(spec_os_map_op_start(&os, 0));
			EXPECT_EQ(SPEC_MAP_EXECUTING, state(0));
			EXPECT_EQ(0, spec_map_count(&os.hw.pt));
		} else {
			REFUSED("S57_map_waiting", spec_os_map_op_start(&os, 0));
		}
		REFUSED("S41_valid_core", spec_os_map_op_start(&os, 2));
		done();
	}
}

TEST(S58_map_end)
{
	bring(SPEC_MAP_EXECUTING);
	REFUSED("S58_err_iff_overlap", spec_os_map_end(&os, 0, false));
	EXPECT_HOLDS(spec_os_map_end(&os, 0, true));
	EXPECT_EQ(SPEC_IDLE, state(0));
	EXPECT_EQ(1, spec_map_count(&os.hw.pt));
	EXPECT(os_mapped(&os, MB2));
	done();
}

TEST(S58_only_if_executing)
{
	unsigned int i;

	for (i = 0; i < SPEC_NR_STATES; i++) {
		if (i == SPEC_MAP_EXECUTING)
			continue;
		bring(i);
		REFUSED("S58_map_executing", spec_os_map_end(&os, 0, true));
		REFUSED("S58_map_executing", spec_os_map_end(&os, 0, false));
		REFUSED("S41_valid_core", spec_os_map_end(&os, 2, true));
		done();
	}
}

static const struct {
	u64 there, there_size, vaddr, size;
	bool overlaps;
} overlaps[] = {
	{ KB4, KB4, KB4, KB4, true },
	{ KB4, KB4, 0, KB4, false },
	{ KB4, KB4, 2 * KB4, KB4, false },
	{ 511 * KB4, KB4, 0, MB2, true },
	{ MB2, KB4, 0, MB2, false },
	{ MB2, MB2, MB2 + 511 * KB4, KB4, true },
	{ MB2, MB2, MB2 - KB4, KB4, false },
	{ MB2, MB2, 2 * MB2, KB4, false },
	{ MB2, MB2, 0, GB1, true },
	{ 0, GB1, GB1 - KB4, KB4, true },
	{ 0, GB1, GB1, KB4, false },
};

TEST(S58_error_iff_overlap)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(overlaps); i++) {
		bool fails = overlaps[i].overlaps;

		os_begin(&os);
		os_map(&os, overlaps[i].there, 4 * GB1, overlaps[i].there_size);
		EXPECT_HOLDS(os_map_start(&os, 0, overlaps[i].vaddr, 0, overlaps[i].size));
		EXPECT_HOLDS(spec_os_map_op_start(&os, 0));
		REFUSED("S58_err_iff_overlap", spec_os_map_end(&os, 0, fails));
		EXPECT_HOLDS(spec_os_map_end(&os, 0, !fails));
		EXPECT_EQ(fails ? 1 : 2, spec_map_count(&os.hw.pt));
		EXPECT_EQ(SPEC_IDLE, state(0));
		EXPECT(os.sound);
		done();
	}
}

/* What counts is what is mapped at the end, not at the start. */
TEST(S58_decided_at_the_end)
{
	bring(SPEC_MAP_WAITING);
	EXPECT_HOLDS(os_map_start(&os, 1, MB2, GB1, MB2));
	EXPECT_HOLDS(spec_os_map_op_start(&os, 1));
	EXPECT_HOLDS(spec_os_map_end(&os, 1, true));
	EXPECT_HOLDS(spec_os_map_op_start(&os, 0));
	EXPECT_HOLDS(spec_os_map_end(&os, 0, false));
	EXPECT_EQ(1, spec_map_count(&os.hw.pt));
	done();
}

TEST(S59_larger_over_what_was_unmapped)
{
	os_begin(&os);
	os_map(&os, MB2, 0, KB4);
	os_unmap_begin(&os, MB2);
	EXPECT_HOLDS(spec_os_ack_shootdown_ipi(&os, 0));
	EXPECT_HOLDS(spec_os_ack_shootdown_ipi(&os, 1));
	EXPECT_HOLDS(spec_os_unmap_end(&os, 0, true));
	os_map(&os, MB2, 0, MB2);
	EXPECT(os.sound);
	done();
}

TEST(S58_no_memory_and_nothing_changes)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		bring(SPEC_MAP_EXECUTING);
		spec_test_allocations = i;
		REFUSED("no_memory", spec_os_map_end(&os, 0, true));
		spec_test_allocations = -1;
		EXPECT_HOLDS(spec_os_map_end(&os, 0, true));
		done();
	}
}

TEST(S62_unmap_start_bounds)
{
	static const struct {
		u64 vaddr;
		const char *rule;
	} vectors[] = {
		{ 0, NULL }, { KB4, NULL }, { MB2, NULL }, { GB1, NULL }, { TB256 - KB4, NULL },
		{ 1, "S62_vaddr_aligned" }, { 8, "S62_vaddr_aligned" },
		{ KB4 - 1, "S62_vaddr_aligned" }, { KB4 / 2, "S62_vaddr_aligned" },
		{ TB256 - 1, "S62_vaddr_aligned" }, { TB256, "S62_vaddr_in_bounds" },
		{ TB256 + KB4, "S62_vaddr_in_bounds" }, { -KB4, "S62_vaddr_in_bounds" },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vectors); i++) {
		os_begin(&os);
		EXPECT_RULE(vectors[i].rule, spec_os_unmap_start(&os, 0, vectors[i].vaddr));
		done();
		os_begin(&os);
		EXPECT_RULE(vectors[i].rule, spec_os_protect_start(&os, 0, vectors[i].vaddr, rw));
		done();
	}
}

TEST(S63_unmap_start)
{
	os_begin(&os);
	os_map(&os, MB2, 0, MB2);
	EXPECT_HOLDS(spec_os_unmap_start(&os, 2, MB2));
	EXPECT_EQ(SPEC_UNMAP_WAITING, state(0));
	EXPECT_EQ(2, os.core_states[0].ult_id);
	EXPECT_EQ(MB2, os.core_states[0].vaddr);
	EXPECT(os_mapped(&os, MB2));
	EXPECT(os.sound);
	done();
}

TEST(S64_unmap_op_start)
{
	bring(SPEC_UNMAP_WAITING);
	REFUSED("S64_ok_iff_key", spec_os_unmap_op_start(&os, 0, false));
	EXPECT_HOLDS(spec_os_unmap_op_start(&os, 0, true));
	EXPECT_EQ(SPEC_UNMAP_OP_EXECUTING, state(0));
	EXPECT(os.core_states[0].ok);
	EXPECT_EQ(MB2, os.core_states[0].pte.frame.size);
	EXPECT(!os_mapped(&os, MB2));
	EXPECT_EQ(0, spec_map_count(&os.frames));
	done();
}

TEST(S64_nothing_there)
{
	os_begin(&os);
	os_map(&os, MB2, 0, MB2);
	EXPECT_HOLDS(spec_os_unmap_start(&os, 0, GB1));
	REFUSED("S64_ok_iff_key", spec_os_unmap_op_start(&os, 0, true));
	EXPECT_HOLDS(spec_os_unmap_op_start(&os, 0, false));
	EXPECT_EQ(SPEC_UNMAP_OP_EXECUTING, state(0));
	EXPECT(!os.core_states[0].ok);
	EXPECT(os_mapped(&os, MB2));
	done();
}

TEST(S64_only_if_waiting)
{
	unsigned int i;

	for (i = 0; i < SPEC_NR_STATES; i++) {
		if (i == SPEC_UNMAP_WAITING)
			continue;
		bring(i);
		REFUSED("S64_unmap_waiting", spec_os_unmap_op_start(&os, 0, true));
		REFUSED("S64_unmap_waiting", spec_os_unmap_op_start(&os, 0, false));
		REFUSED("S41_valid_core", spec_os_unmap_op_start(&os, 2, true));
		done();
	}
}

TEST(S65_in_the_middle_of_a_large_page)
{
	static const u64 vaddrs[] = { MB2 + KB4, 2 * MB2 - KB4, MB2 + MB2 / 2 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vaddrs); i++) {
		os_begin(&os);
		os_map(&os, MB2, 0, MB2);
		EXPECT_HOLDS(spec_os_unmap_start(&os, 0, vaddrs[i]));
		REFUSED("S64_ok_iff_key", spec_os_unmap_op_start(&os, 0, true));
		EXPECT_HOLDS(spec_os_unmap_op_start(&os, 0, false));
		EXPECT(os_mapped(&os, MB2));
		done();
	}
}

TEST(S67_unmap_op_end)
{
	unsigned int i;

	for (i = 0; i < SPEC_NR_STATES; i++) {
		bring(i);
		if (i == SPEC_UNMAP_OP_EXECUTING) {
			EXPECT_HOLDS(spec_os_unmap_op_end(&os, 0));
			EXPECT_EQ(SPEC_UNMAP_OP_DONE, state(0));
			EXPECT(os.core_states[0].ok);
			EXPECT_EQ(MB2, os.core_states[0].pte.frame.size);
		} else {
			REFUSED("S67_unmap_op_executing", spec_os_unmap_op_end(&os, 0));
		}
		REFUSED("S41_valid_core", spec_os_unmap_op_end(&os, 2));
		done();
	}
}

TEST(S68_all_cores_are_asked)
{
	unsigned int i;

	for (i = 0; i < SPEC_NR_STATES; i++) {
		bring(i);
		REFUSED("S41_valid_core", spec_os_unmap_initiate_shootdown(&os, 2));
		if (i != SPEC_UNMAP_OP_DONE)
			REFUSED("S68_unmap_op_done", spec_os_unmap_initiate_shootdown(&os, 0));
		else
			EXPECT_HOLDS(spec_os_unmap_initiate_shootdown(&os, 0));
		if (i != SPEC_PROTECT_OP_DONE)
			REFUSED("S68_protect_op_done", spec_os_protect_initiate_shootdown(&os, 0));
		else
			EXPECT_HOLDS(spec_os_protect_initiate_shootdown(&os, 0));
		if (spec_is_shootdown(&os.core_states[0])) {
			EXPECT_EQ(3, os.open_requests[0]);
			EXPECT_EQ(MB2, os.shootdown_vaddr);
		}
		done();
	}
}

TEST(S68_more_than_64_cores)
{
	static const unsigned int one[] = { 129 };
	struct spec_os_config c = config;
	unsigned int core;

	c.core_no = 130;
	c.ult_no = 1;
	c.ult2core = one;
	EXPECT_EQ(0, spec_os_init(&os, &spec_test_alloc, &c));
	os.available = 3;
	EXPECT_HOLDS(os_map_start(&os, 0, MB2, 0, MB2));
	EXPECT_HOLDS(spec_os_map_op_start(&os, 129));
	EXPECT_HOLDS(spec_os_map_end(&os, 129, true));
	EXPECT_HOLDS(spec_os_unmap_start(&os, 0, MB2));
	EXPECT_HOLDS(spec_os_unmap_op_start(&os, 129, true));
	EXPECT_HOLDS(spec_os_unmap_op_end(&os, 129));
	EXPECT_HOLDS(spec_os_unmap_initiate_shootdown(&os, 129));
	for (core = 0; core < 130; core++) {
		EXPECT_RULE("S70_no_open_requests", spec_os_unmap_end(&os, 129, true));
		EXPECT_HOLDS(spec_os_ack_shootdown_ipi(&os, core));
	}
	EXPECT_RULE("S75_valid_core", spec_os_ack_shootdown_ipi(&os, 130));
	EXPECT_HOLDS(spec_os_unmap_end(&os, 129, true));
	done();
}

TEST(S68_not_if_nothing_was_there)
{
	os_begin(&os);
	EXPECT_HOLDS(spec_os_unmap_start(&os, 0, MB2));
	EXPECT_HOLDS(spec_os_unmap_op_start(&os, 0, false));
	EXPECT_HOLDS(spec_os_unmap_op_end(&os, 0));
	REFUSED("S68_only_if_ok", spec_os_unmap_initiate_shootdown(&os, 0));
	EXPECT_HOLDS(spec_os_unmap_end(&os, 0, false));
	EXPECT_HOLDS(spec_os_protect_start(&os, 0, MB2, rw));
	EXPECT_HOLDS(spec_os_protect_op_start(&os, 0));
	EXPECT_HOLDS(spec_os_protect_op_change(&os, 0, false));
	REFUSED("S68_only_if_ok", spec_os_protect_initiate_shootdown(&os, 0));
	EXPECT_HOLDS(spec_os_protect_end(&os, 0, false));
	done();
}

TEST(S69_ack)
{
	bring(SPEC_UNMAP_SHOOTDOWN_WAITING);
	EXPECT_HOLDS(spec_os_ack_shootdown_ipi(&os, 1));
	EXPECT_EQ(1, os.open_requests[0]);
	EXPECT_EQ(SPEC_UNMAP_SHOOTDOWN_WAITING, state(0));
	EXPECT_EQ(SPEC_IDLE, state(1));
	REFUSED("S69_open_request", spec_os_ack_shootdown_ipi(&os, 1));
	EXPECT_HOLDS(spec_os_ack_shootdown_ipi(&os, 0));
	REFUSED("S69_open_request", spec_os_ack_shootdown_ipi(&os, 0));
	done();
}

TEST(S69_not_without_a_shootdown)
{
	unsigned int i;

	for (i = 0; i < SPEC_NR_STATES; i++) {
		bring(i);
		if (!spec_is_shootdown(&os.core_states[0]))
			REFUSED("S69_open_request", spec_os_ack_shootdown_ipi(&os, 0));
		done();
	}
}

TEST(S69_flushed_before)
{
	os_begin(&os);
	os_map(&os, MB2, 0, MB2);
	os_map(&os, GB1, 2 * MB2, MB2);
	EXPECT_HOLDS(os_fill(&os, 1, MB2));
	EXPECT_HOLDS(os_fill(&os, 1, GB1));
	os_unmap_begin(&os, MB2);
	REFUSED("S69_flushed", spec_os_ack_shootdown_ipi(&os, 1));
	EXPECT_HOLDS(spec_os_ack_shootdown_ipi(&os, 0));
	EXPECT_HOLDS(spec_os_tlb_evict(&os, 1, MB2));
	EXPECT_HOLDS(spec_os_ack_shootdown_ipi(&os, 1));
	EXPECT(os_holds(&os, 1, GB1));
	done();
}

TEST(S69_not_mapped)
{
	struct spec_pte pte = pte_at(0, MB2);

	bring(SPEC_UNMAP_SHOOTDOWN_WAITING);
	EXPECT_HOLDS(spec_hw_map(&os.hw, MB2, &pte));
	REFUSED("S69_not_mapped", spec_os_ack_shootdown_ipi(&os, 1));
	done();
}

/* Whatever the core is doing, waiting for the lock included. */
TEST(S69_in_any_state)
{
	bring(SPEC_UNMAP_SHOOTDOWN_WAITING);
	EXPECT_HOLDS(os_map_start(&os, 1, GB1, GB1, KB4));
	EXPECT_HOLDS(spec_os_ack_shootdown_ipi(&os, 1));
	EXPECT_EQ(SPEC_MAP_WAITING, state(1));
	done();

	bring(SPEC_UNMAP_SHOOTDOWN_WAITING);
	EXPECT_HOLDS(spec_os_unmap_start(&os, 1, GB1));
	EXPECT_HOLDS(spec_os_ack_shootdown_ipi(&os, 1));
	EXPECT_EQ(SPEC_UNMAP_WAITING, state(1));
	done();
}

TEST(S70_unmap_end)
{
	bring(SPEC_UNMAP_SHOOTDOWN_WAITING);
	REFUSED("S70_no_open_requests", spec_os_unmap_end(&os, 0, true));
	EXPECT_HOLDS(spec_os_ack_shootdown_ipi(&os, 0));
	REFUSED("S70_no_open_requests", spec_os_unmap_end(&os, 0, true));
	EXPECT_HOLDS(spec_os_ack_shootdown_ipi(&os, 1));
	REFUSED("S70_result", spec_os_unmap_end(&os, 0, false));
	EXPECT_HOLDS(spec_os_unmap_end(&os, 0, true));
	EXPECT_EQ(SPEC_IDLE, state(0));
	EXPECT(!spec_kernel_lock(&os, NULL));
	done();
}

TEST(S70_only_if_waiting)
{
	unsigned int i;

	for (i = 0; i < SPEC_NR_STATES; i++) {
		bring(i);
		REFUSED("S41_valid_core", spec_os_unmap_end(&os, 2, true));
		if (i == SPEC_UNMAP_OP_DONE)
			REFUSED("S70_shootdown_if_ok", spec_os_unmap_end(&os, 0, true));
		else if (i != SPEC_UNMAP_SHOOTDOWN_WAITING)
			REFUSED("S70_shootdown_waiting", spec_os_unmap_end(&os, 0, true));
		if (i == SPEC_PROTECT_OP_DONE)
			REFUSED("S70_shootdown_if_ok", spec_os_protect_end(&os, 0, true));
		else if (i != SPEC_PROTECT_SHOOTDOWN_WAITING)
			REFUSED("S70_shootdown_waiting", spec_os_protect_end(&os, 0, true));
		done();
	}
}

TEST(S71_a_failed_unmap_has_no_shootdown)
{
	os_begin(&os);
	EXPECT_HOLDS(spec_os_unmap_start(&os, 0, MB2));
	EXPECT_HOLDS(spec_os_unmap_op_start(&os, 0, false));
	EXPECT_HOLDS(spec_os_unmap_op_end(&os, 0));
	REFUSED("S70_result", spec_os_unmap_end(&os, 0, true));
	EXPECT_HOLDS(spec_os_unmap_end(&os, 0, false));
	EXPECT_EQ(SPEC_IDLE, state(0));
	EXPECT_EQ(0, os.open_requests[0]);
	done();
}

TEST(S72_view_stutter)
{
	unsigned int i;

	for (i = 0; i < SPEC_NR_STATES; i++) {
		bool may = i == SPEC_MAP_EXECUTING || i == SPEC_UNMAP_OP_EXECUTING;

		bring(i);
		REFUSED(may ? NULL : "S72_executing", spec_os_view_stutter(&os, 0));
		REFUSED("S41_valid_core", spec_os_view_stutter(&os, 2));
		done();
	}
}

TEST(S73_accesses_only_if_idle)
{
	struct spec_rw_op fault = { .result = SPEC_PAGEFAULT };
	unsigned int i;

	for (i = 0; i < SPEC_NR_STATES; i++) {
		bring(i);
		REFUSED(i ? "S73_core_idle" : NULL,
			spec_os_read_write(&os, 0, 0, GB1, &fault, 0, NULL));
		REFUSED(NULL, spec_os_read_write(&os, 1, 1, GB1, &fault, 0, NULL));
		REFUSED("S73_valid_ult", spec_os_read_write(&os, 3, 1, GB1, &fault, 0, NULL));
		done();
	}
}

TEST(S73_tlbs_at_any_time)
{
	unsigned int i;

	for (i = 0; i < SPEC_NR_STATES; i++) {
		struct spec_pte pte = pte_at(GB1, KB4);
		struct spec_core_state before;

		bring(i);
		EXPECT_HOLDS(spec_hw_map(&os.hw, GB1, &pte));
		before = os.core_states[0];
		EXPECT_HOLDS(os_fill(&os, 0, GB1));
		EXPECT(os_holds(&os, 0, GB1));
		EXPECT_HOLDS(spec_os_tlb_evict(&os, 0, GB1));
		EXPECT(!os_holds(&os, 0, GB1));
		EXPECT(!memcmp(&before, &os.core_states[0], sizeof(before)));
		done();
	}
}

TEST(S74_core_of_the_ult)
{
	struct spec_rw_op fault = { .result = SPEC_PAGEFAULT };

	os_begin(&os);
	REFUSED("S74_core_of_the_ult", spec_os_read_write(&os, 0, 1, 0, &fault, 0, NULL));
	REFUSED("S74_core_of_the_ult", spec_os_read_write(&os, 1, 0, 0, &fault, 0, NULL));
	EXPECT_HOLDS(spec_os_read_write(&os, 2, 0, 0, &fault, 0, NULL));
	done();
}

TEST(S75_valid_core)
{
	bring(SPEC_UNMAP_SHOOTDOWN_WAITING);
	spec_cores_add(os.open_requests, 2);
	REFUSED("S75_valid_core", spec_os_ack_shootdown_ipi(&os, 2));
	REFUSED("S75_valid_core", spec_os_ack_shootdown_ipi(&os, ~0U));
	done();
}

/* From each state, by each step of a core with each result: what S76 lists and nothing else. */
TEST(S76_grammar)
{
	static const struct {
		enum spec_state from;
		enum spec_step_kind step;
		bool ok;
		enum spec_state to;
	} grammar[] = {
		{ SPEC_MAP_WAITING, SPEC_MAP_OP_START, false, SPEC_MAP_EXECUTING },
		{ SPEC_MAP_WAITING, SPEC_MAP_OP_START, true, SPEC_MAP_EXECUTING },
		{ SPEC_MAP_EXECUTING, SPEC_MAP_END, true, SPEC_IDLE },
		{ SPEC_MAP_EXECUTING, SPEC_VIEW_STUTTER, false, SPEC_MAP_EXECUTING },
		{ SPEC_MAP_EXECUTING, SPEC_VIEW_STUTTER, true, SPEC_MAP_EXECUTING },
		{ SPEC_UNMAP_WAITING, SPEC_UNMAP_OP_START, true, SPEC_UNMAP_OP_EXECUTING },
		{ SPEC_UNMAP_OP_EXECUTING, SPEC_VIEW_STUTTER, false, SPEC_UNMAP_OP_EXECUTING },
		{ SPEC_UNMAP_OP_EXECUTING, SPEC_VIEW_STUTTER, true, SPEC_UNMAP_OP_EXECUTING },
		{ SPEC_UNMAP_OP_EXECUTING, SPEC_UNMAP_OP_END, false, SPEC_UNMAP_OP_DONE },
		{ SPEC_UNMAP_OP_EXECUTING, SPEC_UNMAP_OP_END, true, SPEC_UNMAP_OP_DONE },
		{ SPEC_UNMAP_OP_DONE, SPEC_UNMAP_INITIATE_SHOOTDOWN, false,
		  SPEC_UNMAP_SHOOTDOWN_WAITING },
		{ SPEC_UNMAP_OP_DONE, SPEC_UNMAP_INITIATE_SHOOTDOWN, true,
		  SPEC_UNMAP_SHOOTDOWN_WAITING },
		{ SPEC_UNMAP_SHOOTDOWN_WAITING, SPEC_ACK_SHOOTDOWN_IPI, false,
		  SPEC_UNMAP_SHOOTDOWN_WAITING },
		{ SPEC_UNMAP_SHOOTDOWN_WAITING, SPEC_ACK_SHOOTDOWN_IPI, true,
		  SPEC_UNMAP_SHOOTDOWN_WAITING },
		{ SPEC_PROTECT_WAITING, SPEC_PROTECT_OP_START, false, SPEC_PROTECT_EXECUTING },
		{ SPEC_PROTECT_WAITING, SPEC_PROTECT_OP_START, true, SPEC_PROTECT_EXECUTING },
		{ SPEC_PROTECT_EXECUTING, SPEC_PROTECT_OP_CHANGE, true, SPEC_PROTECT_OP_DONE },
		{ SPEC_PROTECT_OP_DONE, SPEC_PROTECT_INITIATE_SHOOTDOWN, false,
		  SPEC_PROTECT_SHOOTDOWN_WAITING },
		{ SPEC_PROTECT_OP_DONE, SPEC_PROTECT_INITIATE_SHOOTDOWN, true,
		  SPEC_PROTECT_SHOOTDOWN_WAITING },
		{ SPEC_PROTECT_SHOOTDOWN_WAITING, SPEC_ACK_SHOOTDOWN_IPI, false,
		  SPEC_PROTECT_SHOOTDOWN_WAITING },
		{ SPEC_PROTECT_SHOOTDOWN_WAITING, SPEC_ACK_SHOOTDOWN_IPI, true,
		  SPEC_PROTECT_SHOOTDOWN_WAITING },
	};
	unsigned int from, kind, ok, i, seen = 0;

	for (from = 0; from < SPEC_NR_STATES; from++)
		for (kind = 0; kind < SPEC_NR_STEPS; kind++)
			for (ok = 0; ok < 2; ok++) {
				struct spec_step step = { .kind = kind, .ok = ok };

				if (kind == SPEC_READ_WRITE || kind == SPEC_MAP_START ||
				    kind == SPEC_UNMAP_START || kind == SPEC_PROTECT_START)
					continue;
				bring(from);
				for (i = 0; i < ARRAY_SIZE(grammar); i++)
					if (grammar[i].from == from && grammar[i].step == kind &&
					    grammar[i].ok == ok)
						break;
				EXPECT_EQ(i < ARRAY_SIZE(grammar), !spec_os_next(&os, &step));
				EXPECT_EQ(i < ARRAY_SIZE(grammar) ? grammar[i].to : from, state(0));
				seen += i < ARRAY_SIZE(grammar);
				done();
			}
	EXPECT_EQ(ARRAY_SIZE(grammar), seen);
}

/* The dispatcher hands every parameter on. */
TEST(S76_next_step)
{
	struct spec_step step = {
		.ult_id = 1, .core = 1, .vaddr = GB1, .pte = pte_at(0, MB2), .flags = rw,
		.op = { .result = SPEC_PAGEFAULT } };
	const struct spec_core_state *s;

	os_begin(&os);
	s = &os.core_states[1];
	step.kind = SPEC_READ_WRITE;
	EXPECT_HOLDS(spec_os_next(&os, &step));
	step.has_pte = true;
	EXPECT_RULE("S43_tlb_contains", spec_os_next(&os, &step));
	step.kind = SPEC_MAP_START;
	EXPECT_HOLDS(spec_os_next(&os, &step));
	EXPECT(s->ult_id == 1 && s->vaddr == GB1 && spec_pte_equal(&step.pte, &s->pte, 0));
	done();

	os_begin(&os);
	s = &os.core_states[1];
	step.kind = SPEC_UNMAP_START;
	EXPECT_HOLDS(spec_os_next(&os, &step));
	EXPECT(s->ult_id == 1 && s->vaddr == GB1);
	done();

	os_begin(&os);
	s = &os.core_states[1];
	step.kind = SPEC_PROTECT_START;
	EXPECT_HOLDS(spec_os_next(&os, &step));
	EXPECT(s->ult_id == 1 && s->vaddr == GB1 && s->flags.is_writable);
	step.kind = SPEC_STUTTER;
	EXPECT_RULE("S76_step", spec_os_next(&os, &step));
	step.kind = SPEC_NR_STEPS;
	EXPECT_RULE("S76_step", spec_os_next(&os, &step));
	done();
}

TEST(S76_every_step_has_a_name)
{
	unsigned int i, j;

	for (i = 0; i < SPEC_NR_STEPS; i++)
		for (j = 0; j < i; j++)
			EXPECT(strcmp(spec_step_names[i], spec_step_names[j]));
}

TEST(S77_init)
{
	os_begin(&os);
	EXPECT_EQ(0, spec_map_count(&os.hw.pt));
	EXPECT_EQ(0, spec_map_count(&os.hw.tlb[0]));
	EXPECT_EQ(SPEC_IDLE, state(0));
	EXPECT_EQ(SPEC_IDLE, state(1));
	EXPECT_EQ(0, os.open_requests[0]);
	EXPECT(os.sound);
	done();
}

TEST(S77_init_of_nonsense)
{
	struct spec_os_config c = config;

	c.core_no = 0;
	c.ult_no = 0;
	EXPECT_EQ(-EINVAL, spec_os_init(&os, &spec_test_alloc, &c));
	c = config;
	c.levels = 3;
	EXPECT_EQ(-EINVAL, spec_os_init(&os, &spec_test_alloc, &c));
	c.levels = 6;
	EXPECT_EQ(-EINVAL, spec_os_init(&os, &spec_test_alloc, &c));
	c = config;
	c.width = 31;
	EXPECT_EQ(-EINVAL, spec_os_init(&os, &spec_test_alloc, &c));
	c.width = 53;
	EXPECT_EQ(-EINVAL, spec_os_init(&os, &spec_test_alloc, &c));
}

TEST(S77_no_memory_at_init)
{
	unsigned int i;

	for (i = 0; i < 3; i++) {
		spec_test_allocations = i;
		EXPECT_EQ(-ENOMEM, spec_os_init(&os, &spec_test_alloc, &config));
	}
	spec_test_allocations = 3;
	EXPECT_EQ(0, spec_os_init(&os, &spec_test_alloc, &config));
	spec_test_allocations = -1;
	done();
}

/* Soundness. */

static const char *sound_map(u64 vaddr, u64 base, u64 size)
{
	struct spec_pte pte = pte_at(base, size);

	return spec_map_sound(&os, vaddr, &pte);
}

TEST(S78_S79_sound_is_history_only)
{
	os_begin(&os);
	EXPECT_HOLDS(spec_os_unmap_start(&os, 0, MB2));
	EXPECT_HOLDS(spec_os_unmap_start(&os, 1, MB2));
	EXPECT(!os.sound);
	EXPECT_HOLDS(spec_os_unmap_op_start(&os, 0, false));
	EXPECT_HOLDS(spec_os_unmap_op_end(&os, 0));
	EXPECT_HOLDS(spec_os_unmap_end(&os, 0, false));
	EXPECT_HOLDS(spec_os_unmap_op_start(&os, 1, false));
	EXPECT_HOLDS(spec_os_unmap_op_end(&os, 1));
	EXPECT_HOLDS(spec_os_unmap_end(&os, 1, false));
	os_map(&os, MB2, 0, MB2);
	EXPECT(!os.sound);
	done();
}

TEST(S80_map_sound)
{
	os_begin(&os);
	EXPECT_HOLDS(sound_map(MB2, 0, MB2));
	os_map(&os, MB2, 0, MB2);
	EXPECT_HOLDS(sound_map(2 * MB2, MB2, MB2));
	EXPECT_RULE("S81_overlaps_existing_pmem", sound_map(2 * MB2, 0, MB2));
	EXPECT_HOLDS(os_map_start(&os, 1, GB1, GB1, GB1));
	EXPECT_RULE("S82_overlaps_inflight_pmem", sound_map(2 * MB2, GB1 + MB2, MB2));
	EXPECT_RULE("S83_overlaps_inflight_vmem", sound_map(GB1 + MB2, MB2, MB2));
	EXPECT_HOLDS(sound_map(2 * MB2, MB2, MB2));
	done();
}

TEST(S81_existing_pmem)
{
	os_begin(&os);
	os_map(&os, GB1, 4 * MB2, MB2);
	EXPECT(spec_overlaps_existing_pmem(&os, (struct spec_region) { 4 * MB2, KB4 }));
	EXPECT(spec_overlaps_existing_pmem(&os, (struct spec_region) { 5 * MB2 - KB4, KB4 }));
	EXPECT(!spec_overlaps_existing_pmem(&os, (struct spec_region) { 5 * MB2, KB4 }));
	EXPECT(!spec_overlaps_existing_pmem(&os, (struct spec_region) { 4 * MB2 - KB4, KB4 }));
	EXPECT(spec_overlaps_existing_pmem(&os, (struct spec_region) { 0, GB1 }));
	EXPECT_HOLDS(spec_os_unmap_start(&os, 1, GB1));
	EXPECT(spec_overlaps_existing_pmem(&os, (struct spec_region) { 4 * MB2, KB4 }));
	EXPECT_HOLDS(spec_os_unmap_op_start(&os, 1, true));
	EXPECT(!spec_overlaps_existing_pmem(&os, (struct spec_region) { 4 * MB2, KB4 }));
	done();
}

/* What the operation of core 0 counts for, state by state; it has the page and frame at hand. */
TEST(S82_inflight_pmem)
{
	struct spec_region frame = { 0, KB4 }, other = { MB2, KB4 };
	unsigned int i;

	for (i = 0; i < SPEC_NR_STATES; i++) {
		bool counts = i != SPEC_IDLE && i < SPEC_PROTECT_WAITING;

		bring(i);
		EXPECT_EQ(counts, spec_overlaps_inflight_pmem(&os, frame));
		EXPECT(!spec_overlaps_inflight_pmem(&os, other));
		done();
	}
}

TEST(S82_nothing_there_has_no_frame)
{
	os_begin(&os);
	EXPECT_HOLDS(spec_os_unmap_start(&os, 0, 0));
	EXPECT(!spec_overlaps_inflight_pmem(&os, (struct spec_region) { 0, GB1 }));
	EXPECT_HOLDS(spec_os_unmap_op_start(&os, 0, false));
	EXPECT(!spec_overlaps_inflight_pmem(&os, (struct spec_region) { 0, GB1 }));
	EXPECT_HOLDS(spec_os_unmap_op_end(&os, 0));
	EXPECT(!spec_overlaps_inflight_pmem(&os, (struct spec_region) { 0, GB1 }));
	done();
}

TEST(S83_inflight_vmem)
{
	unsigned int i;

	for (i = 0; i < SPEC_NR_STATES; i++) {
		bring(i);
		EXPECT_EQ(i != SPEC_IDLE, spec_overlaps_inflight_vmem(&os, MB2, MB2));
		EXPECT_EQ(i != SPEC_IDLE, spec_overlaps_inflight_vmem(&os, 2 * MB2 - KB4, KB4));
		EXPECT_EQ(i != SPEC_IDLE, spec_overlaps_inflight_vmem(&os, 0, GB1));
		EXPECT(!spec_overlaps_inflight_vmem(&os, 2 * MB2, MB2));
		EXPECT(!spec_overlaps_inflight_vmem(&os, MB2 - KB4, KB4));
		done();
	}
}

TEST(S83_nothing_there_is_of_size_0)
{
	os_begin(&os);
	EXPECT_HOLDS(spec_os_unmap_start(&os, 0, MB2));
	EXPECT(spec_overlaps_inflight_vmem(&os, MB2, KB4));
	EXPECT(spec_overlaps_inflight_vmem(&os, MB2, 0));
	EXPECT(spec_overlaps_inflight_vmem(&os, 0, GB1));
	EXPECT(!spec_overlaps_inflight_vmem(&os, MB2 + KB4, KB4));
	EXPECT(!spec_overlaps_inflight_vmem(&os, 0, MB2));
	EXPECT_HOLDS(spec_os_unmap_op_start(&os, 0, false));
	EXPECT(spec_overlaps_inflight_vmem(&os, MB2, 0));
	EXPECT(!spec_overlaps_inflight_vmem(&os, 0, MB2));
	done();
}

TEST(S84_unmap_sound)
{
	os_begin(&os);
	os_map(&os, MB2, 0, MB2);
	EXPECT_HOLDS(os_map_start(&os, 0, GB1, 0, MB2));
	EXPECT_HOLDS(spec_unmap_sound(&os, MB2));
	EXPECT_RULE("S83_overlaps_inflight_vmem", spec_unmap_sound(&os, GB1));
	EXPECT_RULE("S83_overlaps_inflight_vmem", spec_unmap_sound(&os, GB1 + KB4));
	EXPECT_HOLDS(spec_unmap_sound(&os, GB1 + MB2));
	done();
}

TEST(S85_existing_vmem_is_not_unsound)
{
	os_begin(&os);
	os_map(&os, MB2, 0, MB2);
	EXPECT_HOLDS(os_map_start(&os, 0, MB2, MB2, MB2));
	EXPECT(os.sound);
	EXPECT_HOLDS(spec_os_map_op_start(&os, 0));
	EXPECT_HOLDS(spec_os_map_end(&os, 0, false));
	EXPECT(os.sound);
	done();
}

TEST(S85_two_failing_unmaps_of_the_same)
{
	os_begin(&os);
	EXPECT_HOLDS(spec_os_unmap_start(&os, 0, MB2));
	EXPECT(os.sound);
	EXPECT_HOLDS(spec_os_unmap_start(&os, 1, MB2));
	EXPECT(!os.sound);
	done();

	os_begin(&os);
	EXPECT_HOLDS(spec_os_unmap_start(&os, 0, MB2));
	EXPECT_HOLDS(spec_os_unmap_start(&os, 1, MB2 + KB4));
	EXPECT(os.sound);
	done();
}

TEST(S86_frame_unused)
{
	struct spec_region frame = { 0, KB4 };

	os_begin(&os);
	EXPECT_HOLDS(spec_frame_unused(&os, frame));
	EXPECT_HOLDS(os_map_start(&os, 0, MB2, 0, MB2));
	EXPECT_RULE("S86_frame_unused", spec_frame_unused(&os, frame));
	EXPECT_HOLDS(spec_os_map_op_start(&os, 0));
	EXPECT_HOLDS(spec_os_map_end(&os, 0, true));
	EXPECT_RULE("S86_frame_unused", spec_frame_unused(&os, frame));
	os_unmap_begin(&os, MB2);
	EXPECT_RULE("S86_frame_unused", spec_frame_unused(&os, frame));
	EXPECT_HOLDS(spec_os_ack_shootdown_ipi(&os, 0));
	EXPECT_HOLDS(spec_os_ack_shootdown_ipi(&os, 1));
	EXPECT_RULE("S86_frame_unused", spec_frame_unused(&os, frame));
	EXPECT_HOLDS(spec_os_unmap_end(&os, 0, true));
	EXPECT_HOLDS(spec_frame_unused(&os, frame));
	done();
}

/* The change of rights, which is an addition. */

TEST(protect_op_change)
{
	struct spec_pte pte;

	bring(SPEC_PROTECT_EXECUTING);
	REFUSED("S64_ok_iff_key", spec_os_protect_op_change(&os, 0, false));
	EXPECT_HOLDS(spec_os_protect_op_change(&os, 0, true));
	EXPECT(spec_map_get(&os.hw.pt, MB2, &pte));
	EXPECT(!pte.flags.is_writable);
	EXPECT_EQ(0, pte.frame.base);
	EXPECT_EQ(MB2, pte.frame.size);
	EXPECT(os.core_states[0].pte.flags.is_writable);
	EXPECT_EQ(1, spec_map_count(&os.frames));
	done();
}

TEST(protect_of_nothing)
{
	os_begin(&os);
	EXPECT_HOLDS(spec_os_protect_start(&os, 0, MB2, rw));
	REFUSED("S57_map_waiting", spec_os_map_op_start(&os, 0));
	EXPECT_HOLDS(spec_os_protect_op_start(&os, 0));
	REFUSED("S64_ok_iff_key", spec_os_protect_op_change(&os, 0, true));
	EXPECT_HOLDS(spec_os_protect_op_change(&os, 0, false));
	REFUSED("S70_result", spec_os_protect_end(&os, 0, true));
	EXPECT_HOLDS(spec_os_protect_end(&os, 0, false));
	EXPECT_EQ(0, spec_map_count(&os.hw.pt));
	done();
}

TEST(protect_acknowledged_with_the_new_rights_cached)
{
	os_begin(&os);
	os_map(&os, MB2, 0, MB2);
	EXPECT_HOLDS(os_fill(&os, 0, MB2));
	EXPECT_HOLDS(os_fill(&os, 1, MB2));
	EXPECT_HOLDS(spec_os_protect_start(&os, 0, MB2, ro));
	EXPECT_HOLDS(spec_os_protect_op_start(&os, 0));
	EXPECT_HOLDS(spec_os_protect_op_change(&os, 0, true));
	EXPECT_HOLDS(spec_os_protect_initiate_shootdown(&os, 0));
	REFUSED("S69_flushed", spec_os_ack_shootdown_ipi(&os, 0));
	EXPECT_HOLDS(spec_os_tlb_evict(&os, 0, MB2));
	EXPECT_HOLDS(os_fill(&os, 0, MB2));
	EXPECT_HOLDS(spec_os_ack_shootdown_ipi(&os, 0));
	REFUSED("S69_flushed", spec_os_ack_shootdown_ipi(&os, 1));
	REFUSED("S70_no_open_requests", spec_os_protect_end(&os, 0, true));
	EXPECT_HOLDS(spec_os_tlb_evict(&os, 1, MB2));
	EXPECT_HOLDS(spec_os_ack_shootdown_ipi(&os, 1));
	EXPECT_HOLDS(spec_os_protect_end(&os, 0, true));
	EXPECT_EQ(SPEC_IDLE, state(0));
	done();
}

/* TLBs that cannot be seen. */

static void begin_unseen(void)
{
	struct spec_os_config c = config;

	c.see_tlbs = false;
	EXPECT_EQ(0, spec_os_init(&os, &spec_test_alloc, &c));
	os.available = 3;
	EXPECT_HOLDS(spec_tlb_enter(&os.hw.maximal, 1));
	os_map(&os, MB2, 0, MB2);
}

TEST(S69_unseen_tlbs)
{
	u64 va = MB2 + KB4;

	begin_unseen();
	os_unmap_begin(&os, MB2);
	EXPECT_HOLDS(spec_os_ack_shootdown_ipi(&os, 0));
	EXPECT_RULE("S69_flushed", spec_os_ack_shootdown_ipi(&os, 1));
	spec_tlb_flush(&os.hw.maximal, 1, &va, 1);
	EXPECT_HOLDS(spec_os_ack_shootdown_ipi(&os, 1));
	EXPECT_HOLDS(spec_os_unmap_end(&os, 0, true));
	done();
}

TEST(S69_unseen_tlbs_after_protect)
{
	u64 va = MB2 + KB4;

	begin_unseen();
	EXPECT_HOLDS(spec_os_protect_start(&os, 0, MB2, ro));
	EXPECT_HOLDS(spec_os_protect_op_start(&os, 0));
	EXPECT_HOLDS(spec_os_protect_op_change(&os, 0, true));
	EXPECT_HOLDS(spec_os_protect_initiate_shootdown(&os, 0));
	EXPECT_HOLDS(spec_os_ack_shootdown_ipi(&os, 0));
	EXPECT_RULE("S69_flushed", spec_os_ack_shootdown_ipi(&os, 1));
	spec_tlb_flush(&os.hw.maximal, 1, &va, 1);
	EXPECT_HOLDS(spec_os_ack_shootdown_ipi(&os, 1));
	EXPECT_HOLDS(spec_os_protect_end(&os, 0, true));
	done();
}

TEST(S43_unseen_tlbs)
{
	struct spec_rw_op load = { .result = SPEC_OK }, fault = { .result = SPEC_PAGEFAULT };
	struct spec_pte pte = pte_at(0, MB2);

	begin_unseen();
	EXPECT_HOLDS(spec_os_read_write(&os, 1, 1, MB2, &load, MB2, &pte));
	EXPECT_RULE("S43_tlb_contains", spec_os_read_write(&os, 0, 0, MB2, &load, MB2, &pte));
	EXPECT_RULE("S46_no_mapping", spec_os_read_write(&os, 1, 1, MB2, &fault, 0, NULL));
	os_unmap_begin(&os, MB2);
	EXPECT_HOLDS(spec_os_read_write(&os, 1, 1, MB2, &load, MB2, &pte));
	EXPECT_HOLDS(spec_os_read_write(&os, 1, 1, MB2, &fault, 0, NULL));
	spec_tlb_flush_all(&os.hw.maximal, 1);
	EXPECT_RULE("S43_tlb_contains", spec_os_read_write(&os, 1, 1, MB2, &load, MB2, &pte));
	done();
}

TEST(S64_unseen_tlbs_no_memory_and_nothing_changes)
{
	begin_unseen();
	EXPECT_HOLDS(spec_os_unmap_start(&os, 0, MB2));
	spec_test_allocations = 0;
	EXPECT_RULE("no_memory", spec_os_unmap_op_start(&os, 0, true));
	spec_test_allocations = -1;
	EXPECT_EQ(SPEC_UNMAP_WAITING, state(0));
	EXPECT(os_mapped(&os, MB2));
	EXPECT_EQ(1, spec_map_count(&os.frames));
	EXPECT_HOLDS(spec_os_unmap_op_start(&os, 0, true));
	done();
}
