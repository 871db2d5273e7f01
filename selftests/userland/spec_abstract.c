// SPDX-License-Identifier: GPL-2.0-only
/*
 * S100 to S112: the abstract machine, and the abstraction.
 */
#include "spec/cores.h"
#include "spec/refine.h"
#include "spec_machine.h"

static struct spec_abstract s1, s2;
static struct spec_os os;

static void begin(void)
{
	EXPECT_EQ(0, spec_abstract_init(&s1, &spec_test_alloc, &config));
	EXPECT_EQ(0, spec_abstract_init(&s2, &spec_test_alloc, &config));
}

static void done(void)
{
	spec_abstract_destroy(&s1);
	spec_abstract_destroy(&s2);
}

static void map_in(struct spec_abstract *s, u64 vaddr, struct spec_pte pte)
{
	spec_map_remove(&s->mappings, vaddr);
	EXPECT_EQ(0, spec_map_insert(&s->mappings, vaddr, &pte));
}

static void unmap_in(struct spec_abstract *s, u64 vaddr)
{
	EXPECT_EQ(0, spec_map_remove(&s->mappings, vaddr));
}

static void store_in(struct spec_abstract *s, u64 vaddr, u64 value)
{
	EXPECT_EQ(0, spec_mem_store(&s->mem, vaddr / 8, value));
}

/* Both states have the page at 2 MiB with 7 in its first word, and one at 1 GiB. */
static void begin_mapped(void)
{
	begin();
	map_in(&s1, MB2, pte_at(0, MB2));
	map_in(&s2, MB2, pte_at(0, MB2));
	map_in(&s1, GB1, pte_at(MB2, MB2));
	map_in(&s2, GB1, pte_at(MB2, MB2));
	store_in(&s1, MB2, 7);
	store_in(&s2, MB2, 7);
}

static const char *next(struct spec_step step)
{
	return spec_abstract_next(&s1, &step, &s2);
}

static void calls(struct spec_abstract *s, u32 thread, enum spec_arguments_kind kind, u64 vaddr,
		  struct spec_pte pte)
{
	s->thread_state[thread] = (struct spec_arguments) {
		kind, vaddr, pte, pte.frame.size != 0 };
}

static const struct spec_pte none;

/* What a step must not touch: spoil it in s2, see what is said, and mend it. */
#define SPOILED(rule, spoil, mend, step)				\
	do {								\
		spoil;							\
		EXPECT_RULE(rule, next(step));				\
		mend;							\
		EXPECT_HOLDS(next(step));				\
	} while (0)

TEST(S100_init)
{
	begin();
	EXPECT_EQ(3, s1.thread_no);
	EXPECT_EQ(SPEC_ARGUMENTS_EMPTY, s1.thread_state[0].kind);
	EXPECT_EQ(SPEC_ARGUMENTS_EMPTY, s1.thread_state[2].kind);
	EXPECT_EQ(0, spec_map_count(&s1.mappings));
	EXPECT_EQ(0, s1.mem.nr);
	EXPECT(s1.sound);
	EXPECT_HOLDS(spec_abstract_inv(&s1));
	done();
}

TEST(S100_no_memory_at_init)
{
	spec_test_allocations = 0;
	EXPECT_EQ(-ENOMEM, spec_abstract_init(&s1, &spec_test_alloc, &config));
	spec_test_allocations = -1;
}

TEST(S101_pmem_no_overlap)
{
	begin();
	map_in(&s1, MB2, pte_at(0, MB2));
	map_in(&s1, GB1, pte_at(MB2, KB4));
	EXPECT_HOLDS(spec_abstract_inv(&s1));
	map_in(&s1, GB1, pte_at(MB2 - KB4, KB4));
	EXPECT_RULE("S101_pmem_no_overlap", spec_abstract_inv(&s1));
	s1.sound = false;
	EXPECT_HOLDS(spec_abstract_inv(&s1));
	done();
}

TEST(S101_inflight_map_no_overlap_pmem)
{
	begin();
	map_in(&s1, MB2, pte_at(0, MB2));
	calls(&s1, 1, SPEC_ARGUMENTS_MAP, GB1, pte_at(MB2, MB2));
	EXPECT_HOLDS(spec_abstract_inv(&s1));
	calls(&s1, 1, SPEC_ARGUMENTS_MAP, GB1, pte_at(0, KB4));
	EXPECT_RULE("S101_inflight_map_no_overlap_pmem", spec_abstract_inv(&s1));
	calls(&s1, 1, SPEC_ARGUMENTS_UNMAP, GB1, pte_at(0, KB4));
	EXPECT_HOLDS(spec_abstract_inv(&s1));
	done();
}

TEST(S101_inflight_map_no_overlap_inflight_pmem)
{
	begin();
	calls(&s1, 0, SPEC_ARGUMENTS_MAP, GB1, pte_at(0, MB2));
	EXPECT_HOLDS(spec_abstract_inv(&s1));
	calls(&s1, 1, SPEC_ARGUMENTS_MAP, MB2, pte_at(MB2, MB2));
	EXPECT_HOLDS(spec_abstract_inv(&s1));
	calls(&s1, 1, SPEC_ARGUMENTS_MAP, MB2, pte_at(0, MB2));
	EXPECT_RULE("S101_inflight_map_no_overlap_inflight_pmem", spec_abstract_inv(&s1));
	calls(&s1, 1, SPEC_ARGUMENTS_UNMAP, MB2, pte_at(0, MB2));
	EXPECT_RULE("S101_inflight_map_no_overlap_inflight_pmem", spec_abstract_inv(&s1));
	calls(&s1, 1, SPEC_ARGUMENTS_UNMAP, MB2, none);
	EXPECT_HOLDS(spec_abstract_inv(&s1));
	done();
}

/* inflight_maps_unique: two that are equal overlap. */
TEST(S101_inflight_maps_unique)
{
	begin();
	calls(&s1, 0, SPEC_ARGUMENTS_MAP, GB1, pte_at(0, MB2));
	calls(&s1, 2, SPEC_ARGUMENTS_MAP, GB1, pte_at(0, MB2));
	EXPECT_RULE("S101_inflight_map_no_overlap_inflight_pmem", spec_abstract_inv(&s1));
	done();
}

TEST(S101_inflight_mem_size_over_zero)
{
	begin();
	calls(&s1, 0, SPEC_ARGUMENTS_MAP, GB1, pte_at(MB2, 0));
	EXPECT_RULE("S101_inflight_mem_size_over_zero", spec_abstract_inv(&s1));
	calls(&s1, 0, SPEC_ARGUMENTS_UNMAP, GB1, none);
	EXPECT_HOLDS(spec_abstract_inv(&s1));
	done();
}

TEST(S101_mappings_frame_sizes_over_zero)
{
	struct spec_pte pte = { };

	begin();
	EXPECT_EQ(-EINVAL, spec_map_insert(&s1.mappings, 0, &pte));
	done();
}

/* The abstraction. */

static void os_state(unsigned int core, enum spec_state state, u32 ult, u64 vaddr,
		     struct spec_pte pte)
{
	os.core_states[core] = (struct spec_core_state) {
		.state = state, .ult_id = ult, .vaddr = vaddr, .pte = pte,
		.ok = pte.frame.size };
}

static void interp(void)
{
	EXPECT_EQ(0, spec_interp(&os, &s1));
}

static void begin_os(void)
{
	begin();
	os_begin(&os);
	os_map(&os, MB2, 0, MB2);
	os_map(&os, GB1, MB2, MB2);
}

static void done_os(void)
{
	spec_os_destroy(&os);
	done();
}

TEST(S102_effective_mappings)
{
	unsigned int i;

	for (i = 0; i < SPEC_NR_STATES; i++) {
		bool gone = i >= SPEC_UNMAP_WAITING && i <= SPEC_UNMAP_SHOOTDOWN_WAITING;

		begin_os();
		os_state(0, i, 0, MB2, pte_at(0, MB2));
		interp();
		EXPECT_EQ(!gone, spec_map_get(&s1.mappings, MB2, NULL));
		EXPECT(spec_map_get(&s1.mappings, GB1, NULL));
		os_state(0, i, 0, MB2 + KB4, none);
		interp();
		EXPECT(spec_map_get(&s1.mappings, MB2, NULL));
		done_os();
	}
}

TEST(S102_new_rights_from_the_start)
{
	struct spec_pte pte;
	unsigned int i;

	for (i = SPEC_PROTECT_WAITING; i < SPEC_NR_STATES; i++) {
		begin_os();
		os_state(0, i, 0, MB2, pte_at(0, MB2));
		os.core_states[0].flags = ro;
		interp();
		EXPECT(spec_map_get(&s1.mappings, MB2, &pte));
		EXPECT(!pte.flags.is_writable);
		EXPECT(spec_map_get(&s1.mappings, GB1, &pte));
		EXPECT(pte.flags.is_writable);
		done_os();
	}
}

TEST(S103_words)
{
	begin_os();
	EXPECT_EQ(0, spec_mem_store(&os.hw.mem, 5, 77));
	EXPECT_EQ(0, spec_mem_store(&os.hw.mem, (MB2 + 64) / 8, 88));
	EXPECT_EQ(0, spec_mem_store(&os.hw.mem, 2 * MB2 / 8, 99));
	interp();
	EXPECT_EQ(2, s1.mem.nr);
	EXPECT_EQ(77, spec_mem_load(&s1.mem, MB2 / 8 + 5));
	EXPECT_EQ(88, spec_mem_load(&s1.mem, (GB1 + 64) / 8));
	EXPECT_HOLDS(spec_abstract_inv(&s1));
	os_state(0, SPEC_UNMAP_WAITING, 0, MB2, none);
	interp();
	EXPECT_EQ(1, s1.mem.nr);
	EXPECT_EQ(88, spec_mem_load(&s1.mem, (GB1 + 64) / 8));
	done_os();
}

TEST(S103_mem_in_domain)
{
	begin();
	map_in(&s1, MB2, pte_at(GB1 - MB2, MB2));
	map_in(&s1, 2 * MB2, pte_at(GB1, MB2));
	store_in(&s1, 2 * MB2 - 8, 1);
	EXPECT_HOLDS(spec_abstract_inv(&s1));
	store_in(&s1, 2 * MB2, 1);
	EXPECT_RULE("S103_mem_in_domain", spec_abstract_inv(&s1));
	store_in(&s1, 2 * MB2, 0);
	store_in(&s1, MB2 - 8, 1);
	EXPECT_RULE("S103_mem_in_domain", spec_abstract_inv(&s1));
	done();
}

TEST(S104_thread_state)
{
	static const enum spec_arguments_kind kinds[SPEC_NR_STATES] = {
		SPEC_ARGUMENTS_EMPTY, SPEC_ARGUMENTS_MAP, SPEC_ARGUMENTS_MAP,
		SPEC_ARGUMENTS_UNMAP, SPEC_ARGUMENTS_UNMAP, SPEC_ARGUMENTS_UNMAP,
		SPEC_ARGUMENTS_UNMAP, SPEC_ARGUMENTS_PROTECT, SPEC_ARGUMENTS_PROTECT,
		SPEC_ARGUMENTS_PROTECT, SPEC_ARGUMENTS_PROTECT,
	};
	struct spec_pte found = pte_at(GB1, KB4);
	unsigned int i;

	for (i = 0; i < SPEC_NR_STATES; i++) {
		const struct spec_arguments *arguments;
		bool looks = i == SPEC_UNMAP_WAITING || i == SPEC_PROTECT_WAITING ||
			     i == SPEC_PROTECT_EXECUTING;

		begin_os();
		os_state(0, i, 2, i ? MB2 : 0, i ? found : none);
		interp();
		arguments = &s1.thread_state[2];
		EXPECT_EQ(kinds[i], arguments->kind);
		EXPECT_EQ(SPEC_ARGUMENTS_EMPTY, s1.thread_state[0].kind);
		EXPECT_EQ(SPEC_ARGUMENTS_EMPTY, s1.thread_state[1].kind);
		EXPECT_EQ(i != SPEC_IDLE, arguments->has_pte);
		EXPECT_EQ(!i ? 0 : looks ? MB2 : KB4, arguments->pte.frame.size);
		done_os();
	}
}

TEST(S104_nothing_there)
{
	unsigned int i;

	for (i = SPEC_UNMAP_WAITING; i < SPEC_NR_STATES; i++) {
		begin_os();
		os_state(0, i, 0, 2 * GB1, none);
		interp();
		EXPECT(!s1.thread_state[0].has_pte);
		EXPECT_EQ(0, s1.thread_state[0].pte.frame.size);
		EXPECT_EQ(2 * GB1, s1.thread_state[0].vaddr);
		done_os();
	}
}

TEST(S105_sound_and_constants)
{
	begin_os();
	interp();
	EXPECT(s1.sound);
	os.sound = false;
	interp();
	EXPECT(!s1.sound);
	EXPECT_EQ(config.ult_no, s1.thread_no);
	EXPECT_EQ(config.phys_mem_size, s1.phys_mem_size);
	done_os();
}

TEST(S105_no_memory)
{
	begin_os();
	EXPECT_EQ(0, spec_mem_store(&os.hw.mem, 5, 77));
	spec_test_allocations = 0;
	EXPECT_EQ(-ENOMEM, spec_interp(&os, &s1));
	spec_test_allocations = 1;
	EXPECT_EQ(-ENOMEM, spec_interp(&os, &s1));
	spec_test_allocations = -1;
	EXPECT_EQ(0, spec_interp(&os, &s1));
	done_os();
}

TEST(S106_step_map)
{
	unsigned int i;

	begin_os();
	os_state(0, SPEC_MAP_EXECUTING, 2, 0, pte_at(0, KB4));
	os_state(1, SPEC_IDLE, 0, 0, none);
	for (i = 0; i < SPEC_NR_STEPS; i++) {
		struct spec_step step = { .kind = i, .ult_id = 1 }, abstract;
		bool starts = i == SPEC_MAP_START || i == SPEC_UNMAP_START ||
			      i == SPEC_PROTECT_START || i == SPEC_READ_WRITE;
		bool ends = i == SPEC_MAP_END || i == SPEC_UNMAP_END || i == SPEC_PROTECT_END;

		spec_interp_step(&os, &step, &abstract);
		EXPECT_EQ(starts || ends ? i : SPEC_STUTTER, abstract.kind);
		if (starts)
			EXPECT_EQ(1, abstract.ult_id);
		if (ends)
			EXPECT_EQ(2, abstract.ult_id);
	}
	done_os();
}

TEST(S106_stutter)
{
	struct spec_step step = { .kind = SPEC_STUTTER };

	begin_mapped();
	EXPECT_HOLDS(next(step));
	SPOILED("S106_mem_equal", store_in(&s2, MB2, 8), store_in(&s2, MB2, 7), step);
	SPOILED("S106_mem_equal", store_in(&s2, MB2 + 8, 8), store_in(&s2, MB2 + 8, 0), step);
	SPOILED("S106_mem_equal", store_in(&s2, MB2, 0), store_in(&s2, MB2, 7), step);
	SPOILED("S106_mappings_equal", unmap_in(&s2, GB1), map_in(&s2, GB1, pte_at(MB2, MB2)),
		step);
	SPOILED("S106_mappings_equal", map_in(&s2, 0, pte_at(0, KB4)), unmap_in(&s2, 0), step);
	SPOILED("S106_sound_equal", s2.sound = false, s2.sound = true, step);
	SPOILED("S106_thread_state_equal",
		calls(&s2, 2, SPEC_ARGUMENTS_UNMAP, 0, none),
		s2.thread_state[2] = s1.thread_state[2], step);
	EXPECT_RULE("S106_step", next((struct spec_step) { .kind = SPEC_MAP_OP_START }));
	done();
}

TEST(S107_access_of_the_system)
{
	static const struct {
		enum spec_state state;
		bool has_pte;
		enum spec_result result;
		bool keeps;
		enum spec_result becomes;
	} vectors[] = {
		{ SPEC_IDLE, true, SPEC_OK, true, SPEC_OK },
		{ SPEC_IDLE, true, SPEC_PAGEFAULT, true, SPEC_UNDEFINED },
		{ SPEC_IDLE, false, SPEC_PAGEFAULT, false, SPEC_UNDEFINED },
		{ SPEC_UNMAP_WAITING, true, SPEC_OK, false, SPEC_UNDEFINED },
		{ SPEC_UNMAP_WAITING, true, SPEC_PAGEFAULT, false, SPEC_UNDEFINED },
		{ SPEC_UNMAP_OP_DONE, true, SPEC_OK, false, SPEC_UNDEFINED },
		{ SPEC_PROTECT_WAITING, true, SPEC_OK, true, SPEC_OK },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vectors); i++) {
		struct spec_step abstract, step = {
			.kind = SPEC_READ_WRITE, .vaddr = MB2, .base = MB2,
			.has_pte = vectors[i].has_pte, .pte = pte_at(0, MB2),
			.op = { .result = vectors[i].result, .value = 5 } };

		begin_os();
		os_state(1, vectors[i].state, 1, MB2, none);
		spec_interp_step(&os, &step, &abstract);
		EXPECT_EQ(vectors[i].keeps, abstract.has_pte);
		EXPECT_EQ(vectors[i].becomes, abstract.op.result);
		EXPECT_EQ(5, abstract.op.value);
		step.base = 2 * GB1;
		spec_interp_step(&os, &step, &abstract);
		EXPECT(!abstract.has_pte);
		EXPECT_EQ(SPEC_UNDEFINED, abstract.op.result);
		done_os();
	}
}

/* Accesses. */

static struct spec_step access(u64 vaddr, struct spec_rw_op op)
{
	return (struct spec_step) {
		.kind = SPEC_READ_WRITE, .vaddr = vaddr, .base = MB2, .has_pte = true,
		.pte = pte_at(0, MB2), .op = op };
}

static const struct spec_rw_op load_7 = { .result = SPEC_OK, .value = 7 };
static const struct spec_rw_op load_0 = { .result = SPEC_OK };
static const struct spec_rw_op undefined = { .result = SPEC_UNDEFINED };
static const struct spec_rw_op store_9 = { .is_store = true, .result = SPEC_OK, .value = 9 };
static const struct spec_rw_op store_undefined = { .is_store = true, .result = SPEC_UNDEFINED };

TEST(S108_load)
{
	begin_mapped();
	EXPECT_HOLDS(next(access(MB2, load_7)));
	EXPECT_RULE("S108_value", next(access(MB2, load_0)));
	EXPECT_HOLDS(next(access(MB2 + 8, load_0)));
	EXPECT_RULE("S108_value", next(access(MB2 + 8, load_7)));
	EXPECT_RULE("S108_result", next(access(MB2, undefined)));
	SPOILED("S108_mem_unchanged", store_in(&s2, GB1, 1), store_in(&s2, GB1, 0),
		access(MB2, load_7));
	done();
}

TEST(S108_store)
{
	begin_mapped();
	EXPECT_RULE("S108_mem_stored", next(access(MB2, store_9)));
	store_in(&s2, MB2, 9);
	EXPECT_HOLDS(next(access(MB2, store_9)));
	EXPECT_RULE("S108_mem_stored", next(access(MB2 + 8, store_9)));
	SPOILED("S108_mem_stored", store_in(&s2, GB1, 1), store_in(&s2, GB1, 0),
		access(MB2, store_9));
	EXPECT_RULE("S108_result", next(access(MB2, store_undefined)));
	done();
}

TEST(S108_rights)
{
	struct spec_step step = access(MB2, store_9);

	begin_mapped();
	step.pte.flags = ro;
	map_in(&s1, MB2, step.pte);
	map_in(&s2, MB2, step.pte);
	EXPECT_RULE("S108_result", next(step));
	step.op = store_undefined;
	EXPECT_HOLDS(next(step));
	SPOILED("S108_mem_unchanged", store_in(&s2, MB2, 9), store_in(&s2, MB2, 7), step);
	step.op = load_7;
	EXPECT_HOLDS(next(step));
	done();
}

TEST(S108_end_of_memory)
{
	struct spec_step step = access(MB2, undefined);

	begin();
	step.pte = pte_at(GB1, MB2);
	map_in(&s1, MB2, step.pte);
	map_in(&s2, MB2, step.pte);
	EXPECT_HOLDS(next(step));
	step.op = load_0;
	EXPECT_RULE("S108_result", next(step));
	step.pte = pte_at(GB1 - MB2, MB2);
	map_in(&s1, MB2, step.pte);
	map_in(&s2, MB2, step.pte);
	step.vaddr = 2 * MB2 - 8;
	EXPECT_HOLDS(next(step));
	done();
}

TEST(S108_undefined)
{
	struct spec_step step = access(0, undefined);

	step.has_pte = false;
	begin_mapped();
	EXPECT_HOLDS(next(step));
	step.op = store_undefined;
	EXPECT_HOLDS(next(step));
	SPOILED("S108_mem_unchanged", store_in(&s2, MB2, 9), store_in(&s2, MB2, 7), step);
	step.op = load_0;
	EXPECT_RULE("S108_undefined", next(step));
	step.op.result = SPEC_PAGEFAULT;
	EXPECT_RULE("S108_undefined", next(step));
	step = access(MB2, undefined);
	step.has_pte = false;
	EXPECT_RULE("S108_not_in_domain", next(step));
	step.vaddr = 2 * MB2 - 8;
	EXPECT_RULE("S108_not_in_domain", next(step));
	step.vaddr = 2 * MB2;
	EXPECT_HOLDS(next(step));
	done();
}

TEST(S108_enabled)
{
	struct spec_step step = access(MB2, load_7);

	begin_mapped();
	step.ult_id = 3;
	EXPECT_RULE("S108_valid_thread", next(step));
	step.ult_id = 2;
	calls(&s1, 2, SPEC_ARGUMENTS_UNMAP, 0, none);
	EXPECT_RULE("S108_thread_empty", next(step));
	calls(&s2, 2, SPEC_ARGUMENTS_UNMAP, 0, none);
	step.ult_id = 0;
	EXPECT_HOLDS(next(step));
	step.vaddr = MB2 + 4;
	EXPECT_RULE("S108_vaddr_aligned", next(step));
	step.vaddr = 2 * MB2;
	EXPECT_RULE("S108_vaddr_in_mapping", next(step));
	step.vaddr = MB2 - 8;
	EXPECT_RULE("S108_vaddr_in_mapping", next(step));
	step = access(MB2, load_7);
	step.pte.frame.base = GB1;
	EXPECT_RULE("S108_mappings_contain", next(step));
	step = access(MB2, load_7);
	step.base = 0;
	EXPECT_RULE("S108_mappings_contain", next(step));
	done();
}

TEST(S108_the_rest_is_unchanged)
{
	struct spec_step step = access(MB2, load_7);

	begin_mapped();
	SPOILED("S108_mappings_unchanged", unmap_in(&s2, GB1), map_in(&s2, GB1, pte_at(MB2, MB2)),
		step);
	SPOILED("S108_thread_state_unchanged", calls(&s2, 2, SPEC_ARGUMENTS_UNMAP, 0, none),
		s2.thread_state[2] = s1.thread_state[2], step);
	SPOILED("S108_sound_unchanged", s2.sound = false, s2.sound = true, step);
	done();
}

TEST(S108_old_rights_while_they_change)
{
	struct spec_step step = access(MB2, store_9);
	struct spec_pte new_pte = pte_at(0, MB2);

	new_pte.flags = ro;
	begin_mapped();
	map_in(&s1, MB2, new_pte);
	map_in(&s2, MB2, new_pte);
	store_in(&s2, MB2, 9);
	EXPECT_RULE("S108_mappings_contain", next(step));
	calls(&s1, 1, SPEC_ARGUMENTS_PROTECT, MB2, pte_at(0, MB2));
	calls(&s2, 1, SPEC_ARGUMENTS_PROTECT, MB2, pte_at(0, MB2));
	EXPECT_HOLDS(next(step));
	step.pte = new_pte;
	EXPECT_RULE("S108_result", next(step));
	calls(&s1, 1, SPEC_ARGUMENTS_UNMAP, MB2, pte_at(0, MB2));
	calls(&s2, 1, SPEC_ARGUMENTS_UNMAP, MB2, pte_at(0, MB2));
	step.pte = pte_at(0, MB2);
	EXPECT_RULE("S108_mappings_contain", next(step));
	done();
}

/* Calls. */

TEST(S109_map_start)
{
	struct spec_step step = {
		.kind = SPEC_MAP_START, .ult_id = 2, .vaddr = 0, .pte = pte_at(4 * MB2, MB2) };

	begin_mapped();
	EXPECT_RULE("S109_thread_state", next(step));
	calls(&s2, 2, SPEC_ARGUMENTS_MAP, 0, pte_at(4 * MB2, MB2));
	EXPECT_HOLDS(next(step));
	SPOILED("S109_mappings_unchanged", map_in(&s2, 0, step.pte), unmap_in(&s2, 0), step);
	SPOILED("S109_mem_unchanged", store_in(&s2, MB2, 0), store_in(&s2, MB2, 7), step);
	SPOILED("S109_sound", s2.sound = false, s2.sound = true, step);
	SPOILED("S109_thread_state", calls(&s2, 0, SPEC_ARGUMENTS_UNMAP, 0, none),
		s2.thread_state[0] = s1.thread_state[0], step);
	step.vaddr = KB4;
	EXPECT_RULE("S54_vaddr_aligned", next(step));
	step.vaddr = TB256 - MB2;
	EXPECT_RULE("S54_candidate_mapping_in_bounds", next(step));
	step.ult_id = 3;
	EXPECT_RULE("S108_valid_thread", next(step));
	done();
}

TEST(S109_only_if_empty)
{
	struct spec_step step = {
		.kind = SPEC_MAP_START, .vaddr = 0, .pte = pte_at(4 * MB2, MB2) };

	begin_mapped();
	calls(&s1, 0, SPEC_ARGUMENTS_UNMAP, 4 * GB1, none);
	calls(&s2, 0, SPEC_ARGUMENTS_MAP, 0, step.pte);
	EXPECT_RULE("S108_thread_empty", next(step));
	done();
}

TEST(S109_unsound)
{
	static const struct {
		u64 vaddr, base;
	} unsound[] = {
		{ 4 * MB2, 0 },			/* a frame that is mapped */
		{ 4 * MB2, 8 * MB2 },		/* a frame that is being mapped */
		{ 4 * GB1, 6 * MB2 },		/* addresses that are in use */
	};
	struct spec_step step = { .kind = SPEC_MAP_START };
	unsigned int i;

	begin_mapped();
	calls(&s1, 1, SPEC_ARGUMENTS_MAP, 4 * GB1, pte_at(8 * MB2, MB2));
	calls(&s2, 1, SPEC_ARGUMENTS_MAP, 4 * GB1, pte_at(8 * MB2, MB2));
	for (i = 0; i < ARRAY_SIZE(unsound); i++) {
		step.vaddr = unsound[i].vaddr;
		step.pte = pte_at(unsound[i].base, MB2);
		calls(&s2, 0, SPEC_ARGUMENTS_MAP, step.vaddr, step.pte);
		EXPECT_RULE("S109_unsound", next(step));
		s2.sound = false;
		EXPECT_HOLDS(next(step));
		s2.sound = true;
	}
	/* Something is mapped there: an error, but later. */
	step.vaddr = MB2;
	step.pte = pte_at(6 * MB2, MB2);
	calls(&s2, 0, SPEC_ARGUMENTS_MAP, MB2, step.pte);
	EXPECT_HOLDS(next(step));
	done();
}

TEST(S110_map_end)
{
	struct spec_step step = { .kind = SPEC_MAP_END, .ult_id = 1, .ok = true };

	begin_mapped();
	EXPECT_RULE("S110_thread_maps", next(step));
	calls(&s1, 1, SPEC_ARGUMENTS_MAP, 0, pte_at(4 * MB2, MB2));
	EXPECT_RULE("S110_mappings_insert", next(step));
	map_in(&s2, 0, pte_at(6 * MB2, MB2));
	EXPECT_RULE("S110_mappings_insert", next(step));
	map_in(&s2, 0, pte_at(4 * MB2, MB2));
	EXPECT_HOLDS(next(step));
	SPOILED("S110_mappings_insert", unmap_in(&s2, GB1), map_in(&s2, GB1, pte_at(MB2, MB2)),
		step);
	SPOILED("S110_mappings_insert", map_in(&s2, 4 * GB1, pte_at(GB1, GB1)),
		unmap_in(&s2, 4 * GB1), step);
	SPOILED("S110_mappings_insert", map_in(&s2, GB1, pte_at(8 * MB2, MB2)),
		map_in(&s2, GB1, pte_at(MB2, MB2)), step);
	SPOILED("S110_mappings_insert",
		(unmap_in(&s2, GB1), map_in(&s2, GB1 + MB2, pte_at(MB2, MB2))),
		(unmap_in(&s2, GB1 + MB2), map_in(&s2, GB1, pte_at(MB2, MB2))), step);
	SPOILED("S110_old_words", store_in(&s2, MB2, 8), store_in(&s2, MB2, 7), step);
	SPOILED("S110_old_words", store_in(&s2, GB1, 8), store_in(&s2, GB1, 0), step);
	SPOILED("S110_sound_unchanged", s2.sound = false, s2.sound = true, step);
	SPOILED("S110_thread_state", s2.thread_state[1] = s1.thread_state[1],
		s2.thread_state[1] = s1.thread_state[0], step);
	store_in(&s2, 0, 123);	/* what was there before is what is there now */
	EXPECT_HOLDS(next(step));
	step.ok = false;
	EXPECT_RULE("S110_err_iff_overlap", next(step));
	done();
}

TEST(S110_map_end_that_fails)
{
	struct spec_step step = { .kind = SPEC_MAP_END, .ult_id = 1 };

	begin_mapped();
	calls(&s1, 1, SPEC_ARGUMENTS_MAP, MB2 + KB4, pte_at(4 * MB2, KB4));
	EXPECT_HOLDS(next(step));
	SPOILED("S110_mappings_unchanged", unmap_in(&s2, MB2), map_in(&s2, MB2, pte_at(0, MB2)),
		step);
	SPOILED("S110_mem_unchanged", store_in(&s2, 4 * GB1, 8), store_in(&s2, 4 * GB1, 0), step);
	step.ok = true;
	EXPECT_RULE("S110_err_iff_overlap", next(step));
	done();
}

TEST(S111_unmap_start)
{
	struct spec_step step = { .kind = SPEC_UNMAP_START, .ult_id = 1, .vaddr = GB1 };

	begin_mapped();
	EXPECT_RULE("S111_thread_state", next(step));
	calls(&s2, 1, SPEC_ARGUMENTS_UNMAP, GB1, none);
	EXPECT_RULE("S111_thread_state", next(step));
	calls(&s2, 1, SPEC_ARGUMENTS_UNMAP, GB1, pte_at(MB2, MB2));
	EXPECT_RULE("S111_mappings_remove", next(step));
	unmap_in(&s2, GB1);
	EXPECT_HOLDS(next(step));
	SPOILED("S111_mappings_remove", unmap_in(&s2, MB2), map_in(&s2, MB2, pte_at(0, MB2)), step);
	SPOILED("S111_remaining_words", store_in(&s2, MB2, 8), store_in(&s2, MB2, 7), step);
	SPOILED("S111_sound", s2.sound = false, s2.sound = true, step);
	step.vaddr = GB1 + 1;
	EXPECT_RULE("S62_vaddr_aligned", next(step));
	step.vaddr = TB256;
	EXPECT_RULE("S62_vaddr_in_bounds", next(step));
	done();
}

TEST(S111_words_go_with_the_mapping)
{
	struct spec_step step = { .kind = SPEC_UNMAP_START, .ult_id = 1, .vaddr = MB2 };

	begin_mapped();
	calls(&s2, 1, SPEC_ARGUMENTS_UNMAP, MB2, pte_at(0, MB2));
	unmap_in(&s2, MB2);
	store_in(&s2, MB2, 0);
	EXPECT_HOLDS(next(step));
	EXPECT_HOLDS(spec_abstract_inv(&s2));
	store_in(&s2, MB2, 7);
	EXPECT_RULE("S103_mem_in_domain", spec_abstract_inv(&s2));
	done();
}

TEST(S111_nothing_there)
{
	struct spec_step step = { .kind = SPEC_UNMAP_START, .ult_id = 1, .vaddr = MB2 + KB4 };

	begin_mapped();
	calls(&s2, 1, SPEC_ARGUMENTS_UNMAP, MB2 + KB4, none);
	EXPECT_HOLDS(next(step));
	SPOILED("S111_mappings_remove", unmap_in(&s2, MB2), map_in(&s2, MB2, pte_at(0, MB2)), step);
	done();
}

TEST(S111_unsound)
{
	struct spec_step step = { .kind = SPEC_UNMAP_START, .ult_id = 1, .vaddr = 4 * GB1 };

	begin_mapped();
	calls(&s1, 0, SPEC_ARGUMENTS_UNMAP, 4 * GB1, none);
	calls(&s2, 0, SPEC_ARGUMENTS_UNMAP, 4 * GB1, none);
	calls(&s2, 1, SPEC_ARGUMENTS_UNMAP, 4 * GB1, none);
	EXPECT_RULE("S111_unsound", next(step));
	s2.sound = false;
	EXPECT_HOLDS(next(step));
	done();
}

TEST(S111_protect_start)
{
	struct spec_step step = {
		.kind = SPEC_PROTECT_START, .ult_id = 1, .vaddr = MB2, .flags = ro };
	struct spec_pte new_pte = pte_at(0, MB2);

	new_pte.flags = ro;
	begin_mapped();
	calls(&s2, 1, SPEC_ARGUMENTS_PROTECT, MB2, pte_at(0, MB2));
	EXPECT_RULE("S111_mappings_protect", next(step));
	map_in(&s2, MB2, new_pte);
	EXPECT_HOLDS(next(step));
	SPOILED("S111_mappings_protect", unmap_in(&s2, GB1), map_in(&s2, GB1, pte_at(MB2, MB2)),
		step);
	SPOILED("S111_remaining_words", store_in(&s2, MB2, 8), store_in(&s2, MB2, 7), step);
	unmap_in(&s2, MB2);
	EXPECT_RULE("S111_mappings_protect", next(step));
	done();
}

TEST(S111_protect_start_that_is_not_right)
{
	struct spec_step step = {
		.kind = SPEC_PROTECT_START, .ult_id = 1, .vaddr = MB2 + KB4, .flags = ro };

	begin_mapped();
	EXPECT_RULE("S111_thread_state", next(step));
	calls(&s2, 1, SPEC_ARGUMENTS_PROTECT, MB2 + KB4, none);
	EXPECT_HOLDS(next(step));
	calls(&s1, 0, SPEC_ARGUMENTS_UNMAP, MB2 + KB4, none);
	calls(&s2, 0, SPEC_ARGUMENTS_UNMAP, MB2 + KB4, none);
	EXPECT_RULE("S111_unsound", next(step));
	s2.sound = false;
	unmap_in(&s2, MB2);
	EXPECT_HOLDS(next(step));
	done();
}

TEST(S112_unmap_end)
{
	static const enum spec_arguments_kind kinds[] = {
		SPEC_ARGUMENTS_UNMAP, SPEC_ARGUMENTS_PROTECT };
	static const enum spec_step_kind steps[] = { SPEC_UNMAP_END, SPEC_PROTECT_END };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct spec_step step = { .kind = steps[i], .ult_id = 1, .ok = true };

		begin_mapped();
		EXPECT_RULE("S112_thread_unmaps", next(step));
		calls(&s1, 1, kinds[1 - i], 0, pte_at(0, KB4));
		EXPECT_RULE("S112_thread_unmaps", next(step));
		calls(&s1, 1, kinds[i], 0, none);
		EXPECT_RULE("S112_result", next(step));
		calls(&s1, 1, kinds[i], 0, pte_at(4 * GB1, KB4));
		EXPECT_HOLDS(next(step));
		SPOILED("S112_thread_state", s2.thread_state[1] = s1.thread_state[1],
			s2.thread_state[1] = s1.thread_state[0], step);
		SPOILED("S112_mappings_unchanged", unmap_in(&s2, GB1),
			map_in(&s2, GB1, pte_at(MB2, MB2)), step);
		SPOILED("S112_mem_unchanged", store_in(&s2, MB2, 8), store_in(&s2, MB2, 7), step);
		SPOILED("S112_sound_unchanged", s2.sound = false, s2.sound = true, step);
		step.ok = false;
		EXPECT_RULE("S112_result", next(step));
		calls(&s1, 1, kinds[i], 0, none);
		EXPECT_HOLDS(next(step));
		step.ult_id = 3;
		EXPECT_RULE("S112_thread_unmaps", next(step));
		done();
	}
}

TEST(S79_after_soundness_anything)
{
	struct spec_step step = { .kind = SPEC_STUTTER };

	begin_mapped();
	s1.sound = false;
	EXPECT_RULE("S79_stays_unsound", next(step));
	s2.sound = false;
	unmap_in(&s2, MB2);
	EXPECT_HOLDS(next(step));
	done();
}

/* Whole steps of the operating system. */

TEST(S106_refines)
{
	struct spec_step step = { .kind = SPEC_UNMAP_START, .vaddr = MB2 };
	struct spec_os after;

	os_begin(&os);
	os_begin(&after);
	os_map(&os, MB2, 0, MB2);
	os_map(&after, MB2, 0, MB2);
	EXPECT_HOLDS(spec_os_next(&after, &step));
	EXPECT_HOLDS(spec_refines(&os, &step, &after));
	EXPECT_HOLDS(spec_os_next(&os, &step));
	step = (struct spec_step) { .kind = SPEC_UNMAP_OP_START, .core = 0, .ok = true };
	EXPECT_HOLDS(spec_os_next(&after, &step));
	EXPECT_HOLDS(spec_refines(&os, &step, &after));
	after.core_states[0].pte.frame.base = MB2;
	EXPECT_RULE("S106_thread_state_equal", spec_refines(&os, &step, &after));
	spec_os_destroy(&os);
	spec_os_destroy(&after);
}

TEST(S106_refines_no_memory)
{
	struct spec_step step = { .kind = SPEC_VIEW_STUTTER };
	unsigned int i;

	os_begin(&os);
	os_map(&os, MB2, 0, MB2);
	for (i = 0; i < 4; i++) {
		spec_test_allocations = i;
		EXPECT_RULE("no_memory", spec_refines(&os, &step, &os));
	}
	spec_test_allocations = 4;
	EXPECT_HOLDS(spec_refines(&os, &step, &os));
	spec_test_allocations = -1;
	spec_os_destroy(&os);
}
