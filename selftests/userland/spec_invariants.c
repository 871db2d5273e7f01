// SPDX-License-Identifier: GPL-2.0-only
/*
 * S87 to S99: what holds in every state, each violated by hand.
 */
#include "spec/cores.h"
#include "spec/invariants.h"
#include "spec_machine.h"

static struct spec_os os;

static bool holds(const char *name)
{
	unsigned int i;

	for (i = 0; i < SPEC_NR_INVARIANTS; i++)
		if (!strcmp(spec_invariants[i].name, name))
			return spec_invariants[i].holds(&os);
	EXPECT(!"an invariant of that name");
	return false;
}

static void begin(void)
{
	os_begin(&os);
	EXPECT_HOLDS(spec_os_inv(&os, true));
}

static void done(void)
{
	spec_os_destroy(&os);
}

static void set(unsigned int core, struct spec_core_state s)
{
	os.core_states[core] = s;
}

static void fill(unsigned int core, u64 vaddr, struct spec_pte pte)
{
	EXPECT_EQ(0, spec_map_insert(&os.hw.tlb[core], vaddr, &pte));
}

static void map(u64 vaddr, struct spec_pte pte)
{
	struct spec_pte back = { .frame = { vaddr, pte.frame.size } };

	EXPECT_EQ(0, spec_map_insert(&os.hw.pt, vaddr, &pte));
	spec_map_insert(&os.frames, pte.frame.base, &back);
}

TEST(S87_S99_every_name_once)
{
	unsigned int i, j;

	for (i = 0; i < SPEC_NR_INVARIANTS; i++)
		for (j = 0; j < i; j++)
			EXPECT(strcmp(spec_invariants[i].name, spec_invariants[j].name));
}

TEST(S87_S99_which_are_whole)
{
	static const char *const whole[] = {
		"S92_tlb_dom", "S93_tlb_values", "S96_existing_vmem_no_overlap",
		"S98_mapped_ptes_wf", "S99_existing_pmem_no_overlap",
	};
	unsigned int i, j;

	for (i = 0; i < SPEC_NR_INVARIANTS; i++) {
		bool is_whole = false;

		for (j = 0; j < ARRAY_SIZE(whole); j++)
			is_whole |= !strcmp(whole[j], spec_invariants[i].name);
		EXPECT_EQ(is_whole, spec_invariants[i].is_whole);
	}
}

/* Some are only looked at when the whole state is. */
TEST(S87_S99_whole_or_not)
{
	begin();
	map(MB2, pte_at(KB4, MB2));
	EXPECT_HOLDS(spec_os_inv(&os, false));
	EXPECT_RULE("S98_mapped_ptes_wf", spec_os_inv(&os, true));
	os.open_requests[0] = 1;
	EXPECT_RULE("S94_shootdown_exists", spec_os_inv(&os, false));
	done();
}

TEST(S87_ult2core_valid)
{
	static const unsigned int bad[] = { 0, 1, 2 };

	begin();
	EXPECT(holds("S87_ult2core_valid"));
	os.config.ult2core = bad;
	EXPECT(!holds("S87_ult2core_valid"));
	os.config.ult_no = 2;
	EXPECT(holds("S87_ult2core_valid"));
	done();
}

TEST(S87_unique_lock_holder)
{
	begin();
	set(0, (struct spec_core_state) { .state = SPEC_UNMAP_SHOOTDOWN_WAITING });
	set(1, (struct spec_core_state) { .state = SPEC_MAP_WAITING });
	EXPECT(holds("S87_unique_lock_holder"));
	set(1, (struct spec_core_state) { .state = SPEC_MAP_EXECUTING });
	EXPECT(!holds("S87_unique_lock_holder"));
	done();
}

TEST(S88_valid_ids)
{
	begin();
	set(0, (struct spec_core_state) { .state = SPEC_MAP_WAITING, .ult_id = 2 });
	EXPECT(holds("S88_valid_ids"));
	set(0, (struct spec_core_state) { .state = SPEC_MAP_WAITING, .ult_id = 1 });
	EXPECT(!holds("S88_valid_ids"));
	set(0, (struct spec_core_state) { .state = SPEC_UNMAP_WAITING, .ult_id = 3 });
	EXPECT(!holds("S88_valid_ids"));
	set(0, (struct spec_core_state) { .state = SPEC_IDLE, .ult_id = 1 });
	EXPECT(holds("S88_valid_ids"));
	done();
}

TEST(S89_successful_unmaps)
{
	static const enum spec_state past[] = {
		SPEC_UNMAP_OP_EXECUTING, SPEC_UNMAP_OP_DONE, SPEC_UNMAP_SHOOTDOWN_WAITING };
	unsigned int i, ok;

	for (i = 0; i < ARRAY_SIZE(past); i++)
		for (ok = 0; ok < 2; ok++) {
			begin();
			set(0, (struct spec_core_state) {
				.state = past[i], .vaddr = MB2, .ok = ok });
			EXPECT(holds("S89_successful_unmaps"));
			map(0, pte_at(0, KB4));
			EXPECT(holds("S89_successful_unmaps"));
			map(MB2, pte_at(MB2, KB4));
			EXPECT(!holds("S89_successful_unmaps"));
			done();
		}
	begin();
	map(MB2, pte_at(MB2, KB4));
	set(0, (struct spec_core_state) { .state = SPEC_UNMAP_WAITING, .vaddr = MB2 });
	EXPECT(holds("S89_successful_unmaps"));
	set(0, (struct spec_core_state) { .state = SPEC_PROTECT_OP_DONE, .vaddr = MB2 });
	EXPECT(holds("S89_successful_unmaps"));
	done();
}

TEST(S90_shootdown_cores_valid)
{
	begin();
	spec_cores_add(os.open_requests, 0);
	spec_cores_add(os.open_requests, 1);
	EXPECT(holds("S90_shootdown_cores_valid"));
	spec_cores_add(os.open_requests, 2);
	EXPECT(!holds("S90_shootdown_cores_valid"));
	spec_cores_remove(os.open_requests, 2);
	spec_cores_add(os.open_requests, 63);
	EXPECT(!holds("S90_shootdown_cores_valid"));
	done();
}

TEST(S91_successful_ipi)
{
	begin();
	set(0, (struct spec_core_state) {
		.state = SPEC_UNMAP_SHOOTDOWN_WAITING, .vaddr = MB2, .ok = true,
		.pte = pte_at(0, MB2) });
	fill(1, MB2, pte_at(0, MB2));
	fill(1, GB1, pte_at(GB1, MB2));
	spec_cores_add(os.open_requests, 1);
	EXPECT(holds("S91_successful_ipi"));
	spec_cores_remove(os.open_requests, 1);
	EXPECT(!holds("S91_successful_ipi"));
	EXPECT_HOLDS(spec_hw_tlb_evict(&os.hw, 1, MB2));
	EXPECT(holds("S91_successful_ipi"));
	done();
}

TEST(S91_successful_ipi_of_protect)
{
	struct spec_pte new_pte = pte_at(0, MB2);

	new_pte.flags = ro;
	begin();
	map(MB2, new_pte);
	set(0, (struct spec_core_state) {
		.state = SPEC_PROTECT_SHOOTDOWN_WAITING, .vaddr = MB2, .ok = true,
		.pte = pte_at(0, MB2) });
	fill(1, MB2, new_pte);
	EXPECT(holds("S91_successful_ipi"));
	EXPECT_HOLDS(spec_hw_tlb_evict(&os.hw, 1, MB2));
	fill(1, MB2, pte_at(0, MB2));
	EXPECT(!holds("S91_successful_ipi"));
	done();
}

/* With the text's version, which leaves OpExecuting out, this state would violate it. */
TEST(S92_tlb_dom_right_after_the_removal)
{
	begin();
	os_map(&os, MB2, 0, MB2);
	EXPECT_HOLDS(os_fill(&os, 1, MB2));
	EXPECT_HOLDS(spec_os_unmap_start(&os, 0, MB2));
	EXPECT_HOLDS(spec_os_unmap_op_start(&os, 0, true));
	EXPECT(os_holds(&os, 1, MB2));
	EXPECT(holds("S92_tlb_dom"));
	EXPECT_HOLDS(spec_os_unmap_op_end(&os, 0));
	EXPECT(holds("S92_tlb_dom"));
	EXPECT_HOLDS(spec_os_unmap_initiate_shootdown(&os, 0));
	EXPECT(holds("S92_tlb_dom"));
	done();
}

TEST(S92_tlb_dom)
{
	begin();
	fill(0, MB2, pte_at(0, MB2));
	EXPECT(!holds("S92_tlb_dom"));
	map(MB2, pte_at(0, MB2));
	EXPECT(holds("S92_tlb_dom"));
	fill(1, GB1, pte_at(GB1, KB4));
	EXPECT(!holds("S92_tlb_dom"));
	set(0, (struct spec_core_state) { .state = SPEC_UNMAP_OP_DONE, .vaddr = GB1, .ok = true });
	EXPECT(holds("S92_tlb_dom"));
	set(0, (struct spec_core_state) { .state = SPEC_UNMAP_OP_DONE, .vaddr = GB1 });
	EXPECT(!holds("S92_tlb_dom"));
	set(0, (struct spec_core_state) { .state = SPEC_UNMAP_WAITING, .vaddr = GB1 });
	EXPECT(!holds("S92_tlb_dom"));
	set(0, (struct spec_core_state) {
		.state = SPEC_PROTECT_OP_DONE, .vaddr = GB1, .ok = true });
	EXPECT(!holds("S92_tlb_dom"));
	done();
}

TEST(S93_tlb_values)
{
	begin();
	map(MB2, pte_at(0, MB2));
	fill(0, MB2, pte_at(0, MB2));
	EXPECT(holds("S93_tlb_values"));
	fill(1, MB2, pte_at(MB2, MB2));
	EXPECT(!holds("S93_tlb_values"));
	set(0, (struct spec_core_state) {
		.state = SPEC_PROTECT_OP_DONE, .vaddr = MB2, .ok = true, .pte = pte_at(MB2, MB2) });
	EXPECT(holds("S93_tlb_values"));
	set(0, (struct spec_core_state) {
		.state = SPEC_PROTECT_OP_DONE, .vaddr = MB2, .ok = true, .pte = pte_at(GB1, MB2) });
	EXPECT(!holds("S93_tlb_values"));
	done();
}

TEST(S93_tlb_values_of_what_is_unmapped)
{
	begin();
	fill(1, MB2, pte_at(0, MB2));
	set(0, (struct spec_core_state) {
		.state = SPEC_UNMAP_OP_DONE, .vaddr = MB2, .ok = true, .pte = pte_at(0, MB2) });
	EXPECT(holds("S93_tlb_values"));
	set(0, (struct spec_core_state) {
		.state = SPEC_UNMAP_OP_DONE, .vaddr = MB2, .ok = true, .pte = pte_at(MB2, MB2) });
	EXPECT(!holds("S93_tlb_values"));
	done();
}

TEST(S93_a_and_d_do_not_matter)
{
	struct spec_pte pte = pte_at(0, MB2);

	begin();
	map(MB2, pte);
	pte.attrs = SPEC_ACCESSED | SPEC_DIRTY;
	fill(0, MB2, pte);
	EXPECT(holds("S93_tlb_values"));
	done();
}

TEST(S94_shootdown_exists)
{
	static const struct {
		enum spec_state state;
		u64 vaddr;
		bool ok;
	} vectors[] = {
		{ SPEC_IDLE, 0, false },
		{ SPEC_UNMAP_OP_DONE, MB2, false },
		{ SPEC_UNMAP_SHOOTDOWN_WAITING, MB2, true },
		{ SPEC_UNMAP_SHOOTDOWN_WAITING, GB1, false },
		{ SPEC_PROTECT_SHOOTDOWN_WAITING, MB2, true },
		{ SPEC_MAP_EXECUTING, MB2, false },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vectors); i++) {
		begin();
		os.shootdown_vaddr = MB2;
		set(1, (struct spec_core_state) {
			.state = vectors[i].state, .vaddr = vectors[i].vaddr });
		EXPECT(holds("S94_shootdown_exists"));
		spec_cores_add(os.open_requests, 0);
		EXPECT_EQ(vectors[i].ok, holds("S94_shootdown_exists"));
		done();
	}
}

TEST(S95_inflight_vmem_no_overlap)
{
	begin();
	set(0, (struct spec_core_state) {
		.state = SPEC_MAP_WAITING, .vaddr = MB2, .pte = pte_at(0, MB2) });
	set(1, (struct spec_core_state) { .state = SPEC_UNMAP_WAITING, .vaddr = 2 * MB2 });
	EXPECT(holds("S95_inflight_vmem_no_overlap"));
	set(1, (struct spec_core_state) { .state = SPEC_UNMAP_WAITING, .vaddr = 2 * MB2 - KB4 });
	EXPECT(!holds("S95_inflight_vmem_no_overlap"));
	os.sound = false;
	EXPECT(holds("S95_inflight_vmem_no_overlap"));
	done();
}

TEST(S96_existing_vmem_no_overlap)
{
	begin();
	map(0, pte_at(0, GB1));
	map(GB1, pte_at(GB1, MB2));
	EXPECT(holds("S96_existing_vmem_no_overlap"));
	map(GB1 - KB4, pte_at(2 * GB1, KB4));
	EXPECT(!holds("S96_existing_vmem_no_overlap"));
	done();
}

TEST(S97_unique_core_states)
{
	struct spec_core_state s = {
		.state = SPEC_MAP_WAITING, .vaddr = MB2, .pte = pte_at(0, MB2) };

	begin();
	EXPECT(holds("S97_unique_core_states"));
	set(0, s);
	EXPECT(holds("S97_unique_core_states"));
	s.ult_id = 1;
	set(1, s);
	EXPECT(holds("S97_unique_core_states"));
	s.ult_id = 0;
	set(1, s);
	EXPECT(!holds("S97_unique_core_states"));
	s.pte.frame.base = MB2;
	set(1, s);
	EXPECT(holds("S97_unique_core_states"));
	s.pte.frame.base = 0;
	s.vaddr = GB1;
	set(1, s);
	EXPECT(holds("S97_unique_core_states"));
	s.vaddr = MB2;
	s.state = SPEC_MAP_EXECUTING;
	set(1, s);
	EXPECT(holds("S97_unique_core_states"));
	s.state = SPEC_MAP_WAITING;
	s.ok = true;
	set(1, s);
	EXPECT(holds("S97_unique_core_states"));
	done();
}

static const struct {
	u64 vaddr, base, size;
	bool ok;
} ptes[] = {
	{ MB2, GB1, MB2, true },
	{ MB2, GB1, KB4, true },
	{ MB2 + KB4, GB1, MB2, false },
	{ MB2, GB1 + KB4, MB2, false },
	{ TB256 - 2 * KB4, 0, KB4, true },
	{ TB256 - KB4, 0, KB4, false },
	{ 0, (1ULL << 40) - KB4, KB4, true },
	{ 0, 1ULL << 40, KB4, false },
};

TEST(S98_inflight_ptes_wf)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ptes); i++) {
		struct spec_pte pte = pte_at(ptes[i].base, ptes[i].size);

		begin();
		set(0, (struct spec_core_state) {
			.state = SPEC_MAP_EXECUTING, .vaddr = ptes[i].vaddr, .pte = pte });
		EXPECT_EQ(ptes[i].ok, holds("S98_inflight_ptes_wf"));
		set(0, (struct spec_core_state) {
			.state = SPEC_UNMAP_OP_DONE, .vaddr = ptes[i].vaddr, .pte = pte,
			.ok = true });
		EXPECT_EQ(ptes[i].ok, holds("S98_inflight_ptes_wf"));
		set(0, (struct spec_core_state) {
			.state = SPEC_UNMAP_OP_DONE, .vaddr = ptes[i].vaddr });
		EXPECT(holds("S98_inflight_ptes_wf"));
		done();
	}
	begin();
	set(0, (struct spec_core_state) { .state = SPEC_MAP_WAITING, .pte = pte_at(0, 2 * MB2) });
	EXPECT(!holds("S98_inflight_ptes_wf"));
	set(0, (struct spec_core_state) { .state = SPEC_MAP_WAITING });
	EXPECT(!holds("S98_inflight_ptes_wf"));
	done();
}

TEST(S98_mapped_ptes_wf)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ptes); i++) {
		if (ptes[i].vaddr % ptes[i].size)
			continue;	/* not even a map would hold it */
		begin();
		map(ptes[i].vaddr, pte_at(ptes[i].base, ptes[i].size));
		EXPECT_EQ(ptes[i].ok, holds("S98_mapped_ptes_wf"));
		done();
	}
}

TEST(S99_inflight_pmem_no_overlap)
{
	begin();
	set(0, (struct spec_core_state) {
		.state = SPEC_MAP_WAITING, .vaddr = MB2, .pte = pte_at(0, MB2) });
	set(1, (struct spec_core_state) {
		.state = SPEC_UNMAP_OP_DONE, .vaddr = GB1, .pte = pte_at(MB2, MB2), .ok = true });
	EXPECT(holds("S99_inflight_pmem_no_overlap"));
	os.core_states[1].pte.frame.base = MB2 - KB4;
	EXPECT(!holds("S99_inflight_pmem_no_overlap"));
	os.core_states[1].ok = false;
	EXPECT(holds("S99_inflight_pmem_no_overlap"));
	os.core_states[1].ok = true;
	os.sound = false;
	EXPECT(holds("S99_inflight_pmem_no_overlap"));
	done();
}

TEST(S99_inflight_existing_pmem_no_overlap)
{
	begin();
	map(GB1, pte_at(0, MB2));
	set(0, (struct spec_core_state) {
		.state = SPEC_MAP_WAITING, .vaddr = MB2, .pte = pte_at(MB2, MB2) });
	EXPECT(holds("S99_inflight_existing_pmem_no_overlap"));
	os.core_states[0].pte.frame.base = MB2 - KB4;
	EXPECT(!holds("S99_inflight_existing_pmem_no_overlap"));
	os.sound = false;
	EXPECT(holds("S99_inflight_existing_pmem_no_overlap"));
	os.sound = true;
	set(0, (struct spec_core_state) { .state = SPEC_UNMAP_WAITING, .vaddr = GB1 });
	EXPECT(holds("S99_inflight_existing_pmem_no_overlap"));
	done();
}

TEST(S99_existing_pmem_no_overlap)
{
	begin();
	map(GB1, pte_at(0, MB2));
	map(GB1 + MB2, pte_at(MB2, MB2));
	EXPECT(holds("S99_existing_pmem_no_overlap"));
	map(2 * GB1, pte_at(MB2 + KB4, KB4));
	EXPECT(!holds("S99_existing_pmem_no_overlap"));
	os.sound = false;
	EXPECT(holds("S99_existing_pmem_no_overlap"));
	done();
}

TEST(S99_existing_pmem_the_same_frame_twice)
{
	begin();
	map(GB1, pte_at(0, MB2));
	map(GB1 + MB2, pte_at(0, MB2));
	EXPECT(!holds("S99_existing_pmem_no_overlap"));
	done();
}

/* The index has to lead back to the mapping, address and size. */
TEST(S99_index_that_leads_elsewhere)
{
	static const struct {
		u64 base, back, size;
		bool ok;
	} vectors[] = {
		{ 0, GB1, MB2, true },
		{ 0, GB1 + MB2, MB2, false },
		{ 0, GB1, KB4, false },
		{ MB2, GB1, MB2, false },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vectors); i++) {
		struct spec_pte pte = pte_at(0, MB2), back = {
			.frame = { vectors[i].back, vectors[i].size } };

		begin();
		EXPECT_EQ(0, spec_map_insert(&os.hw.pt, GB1, &pte));
		EXPECT_EQ(0, spec_map_insert(&os.frames, vectors[i].base, &back));
		EXPECT_EQ(vectors[i].ok, holds("S99_existing_pmem_no_overlap"));
		done();
	}
}

TEST(S99_index_with_too_much)
{
	struct spec_pte back = { .frame = { GB1, MB2 } };

	begin();
	EXPECT_EQ(0, spec_map_insert(&os.frames, 0, &back));
	EXPECT(!holds("S99_existing_pmem_no_overlap"));
	done();
}

/* TLBs that cannot be seen. */
TEST(S91_S92_S93_unseen_tlbs)
{
	struct spec_os_config c = config;
	u64 va = MB2;

	c.see_tlbs = false;
	EXPECT_EQ(0, spec_os_init(&os, &spec_test_alloc, &c));
	os.available = 3;
	EXPECT_HOLDS(spec_tlb_enter(&os.hw.maximal, 1));
	os_map(&os, MB2, 0, MB2);
	EXPECT_HOLDS(spec_os_inv(&os, true));
	EXPECT_HOLDS(spec_os_unmap_start(&os, 0, MB2));
	EXPECT_HOLDS(spec_os_unmap_op_start(&os, 0, true));
	EXPECT_HOLDS(spec_os_inv(&os, true));
	EXPECT_HOLDS(spec_os_unmap_op_end(&os, 0));
	EXPECT_HOLDS(spec_os_unmap_initiate_shootdown(&os, 0));
	EXPECT_HOLDS(spec_os_inv(&os, true));
	spec_cores_remove(os.open_requests, 1);
	EXPECT(!holds("S91_successful_ipi"));
	spec_tlb_flush(&os.hw.maximal, 1, &va, 1);
	EXPECT_HOLDS(spec_os_inv(&os, true));
	done();
}

TEST(S92_unseen_tlbs_without_a_shootdown)
{
	struct spec_os_config c = config;
	struct spec_pte pte = pte_at(0, MB2);

	c.see_tlbs = false;
	EXPECT_EQ(0, spec_os_init(&os, &spec_test_alloc, &c));
	EXPECT_HOLDS(spec_tlb_enter(&os.hw.maximal, 1));
	EXPECT_HOLDS(spec_hw_map(&os.hw, MB2, &pte));
	EXPECT_HOLDS(spec_hw_unmap(&os.hw, MB2, &pte, 0));
	EXPECT(!holds("S92_tlb_dom"));
	EXPECT_HOLDS(spec_tlb_leave(&os.hw.maximal, 1));
	EXPECT(holds("S92_tlb_dom"));
	done();
}
