// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ways in which the machine can be broken, each with the rule that has to see it.
 *
 * Most take a step of the machine as it is and spoil what it does, or hide from it what
 * it would have refused.
 */
#include <stdio.h>
#include "explore.h"
#include "spec/cores.h"
#include "spec/sound.h"

enum spec_step_kind mutation_kind;

static struct spec_core_state *state_of(struct spec_os *os, const struct spec_step *step)
{
	return &os->core_states[step->core];
}

static struct spec_core_state *started(struct spec_os *os, const struct spec_step *step)
{
	return &os->core_states[os->config.ult2core[step->ult_id]];
}

static bool is_start(const struct spec_step *step)
{
	return step->kind == SPEC_MAP_START || step->kind == SPEC_UNMAP_START ||
	       step->kind == SPEC_PROTECT_START;
}

static bool is_end(const struct spec_step *step)
{
	return step->kind == SPEC_UNMAP_END || step->kind == SPEC_PROTECT_END;
}

static bool is_initiate(const struct spec_step *step)
{
	return step->kind == SPEC_UNMAP_INITIATE_SHOOTDOWN ||
	       step->kind == SPEC_PROTECT_INITIATE_SHOOTDOWN;
}

/* Soundness. */

/* As the text has it: (s2.sound == s1.sound) && sound. */
static const char *sound_precedence(struct spec_os *os, const struct spec_step *step)
{
	bool sound = os->sound;
	const char *rule = spec_os_next(os, step);

	if (rule || !is_start(step) || os->sound == sound)
		return rule;
	os->sound = sound;
	*started(os, step) = (struct spec_core_state) { };
	return "S56";
}

static const char *start_forgets(struct spec_os *os, const struct spec_step *step,
				 const char *what)
{
	const char *unsound = NULL, *rule;

	if (os->sound && step->kind == SPEC_MAP_START)
		unsound = spec_map_sound(os, step->vaddr, &step->pte);
	if (os->sound && step->kind == SPEC_UNMAP_START)
		unsound = spec_unmap_sound(os, step->vaddr);
	rule = spec_os_next(os, step);
	if (!rule && unsound && !strncmp(unsound, what, 3))
		os->sound = true;
	return rule;
}

static const char *forgets_existing_pmem(struct spec_os *os, const struct spec_step *step)
{
	return start_forgets(os, step, "S81");
}

static const char *forgets_inflight_pmem(struct spec_os *os, const struct spec_step *step)
{
	return start_forgets(os, step, "S82");
}

static const char *forgets_inflight_vmem(struct spec_os *os, const struct spec_step *step)
{
	return start_forgets(os, step, "S83");
}

static const char *sound_again(struct spec_os *os, const struct spec_step *step)
{
	const char *rule = spec_os_next(os, step);

	if (!rule && is_end(step))
		os->sound = true;
	return rule;
}

/* The lock, and who does what. */

static const char *lock_not_looked_at(struct spec_os *os, const struct spec_step *step)
{
	struct spec_core_state saved;
	const char *rule;
	unsigned int holder;

	if (!spec_kernel_lock(os, &holder) || holder == step->core)
		return spec_os_next(os, step);
	saved = os->core_states[holder];
	os->core_states[holder] = (struct spec_core_state) { };
	rule = spec_os_next(os, step);
	os->core_states[holder] = saved;
	return rule;
}

static const char *unlock_before_acks(struct spec_os *os, const struct spec_step *step)
{
	u64 open = os->open_requests[0];
	const char *rule;

	if (!is_end(step))
		return spec_os_next(os, step);
	os->open_requests[0] = 0;
	rule = spec_os_next(os, step);
	os->open_requests[0] = open;
	return rule;
}

static const char *wrong_thread(struct spec_os *os, const struct spec_step *step)
{
	const char *rule = spec_os_next(os, step);

	if (!rule && step->kind == SPEC_MAP_START)
		started(os, step)->ult_id = (step->ult_id + 1) % os->config.ult_no;
	return rule;
}

static const char *double_start(struct spec_os *os, const struct spec_step *step)
{
	const char *rule = spec_os_next(os, step);

	if (!rule && is_start(step))
		os->core_states[1] = *started(os, step);
	return rule;
}

/* Map and unmap. */

static const char *map_over(struct spec_os *os, const struct spec_step *step)
{
	struct spec_core_state *s = state_of(os, step);
	const char *rule = spec_os_next(os, step);

	if (step->kind != SPEC_MAP_END || !rule || !step->ok || s->state != SPEC_MAP_EXECUTING)
		return rule;
	if (spec_map_insert(&os->hw.pt, s->vaddr, &s->pte))
		return rule;
	*s = (struct spec_core_state) { };
	return NULL;
}

static const char *spurious_error(struct spec_os *os, const struct spec_step *step)
{
	struct spec_core_state *s = state_of(os, step);

	if (step->kind != SPEC_MAP_END || step->ok || s->state != SPEC_MAP_EXECUTING)
		return spec_os_next(os, step);
	*s = (struct spec_core_state) { };
	return NULL;
}

static const char *wrong_frame(struct spec_os *os, const struct spec_step *step)
{
	struct spec_core_state *s = state_of(os, step);
	struct spec_pte pte = s->pte;
	const char *rule;

	if (step->kind != SPEC_MAP_END || !step->ok || s->state != SPEC_MAP_EXECUTING)
		return spec_os_next(os, step);
	s->pte.frame.base = frame_at(!pte.frame.base);
	s->pte.flags = (struct spec_flags) {
		.is_writable = !s->pte.frame.base, .disable_execute = s->pte.frame.base };
	rule = spec_os_next(os, step);
	if (rule)
		s->pte = pte;
	return rule;
}

static const char *map_crooked(struct spec_os *os, const struct spec_step *step)
{
	struct spec_core_state *s = started(os, step);
	const char *rule = spec_os_next(os, step);

	if (step->kind != SPEC_MAP_START || !rule || strcmp(rule, "S54_frame_aligned"))
		return rule;
	*s = (struct spec_core_state) {
		.state = SPEC_MAP_WAITING, .ult_id = step->ult_id, .vaddr = step->vaddr,
		.pte = step->pte };
	return NULL;
}

static const char *map_nothing(struct spec_os *os, const struct spec_step *step)
{
	const char *rule = spec_os_next(os, step);

	if (!rule && step->kind == SPEC_MAP_START)
		started(os, step)->pte = (struct spec_pte) { };
	return rule;
}

static const char *unmap_leaves_mapping(struct spec_os *os, const struct spec_step *step)
{
	const char *rule = spec_os_next(os, step);
	struct spec_core_state *s = state_of(os, step);

	if (!rule && step->kind == SPEC_UNMAP_OP_START && step->ok)
		spec_map_insert(&os->hw.pt, s->vaddr, &s->pte);
	return rule;
}

static const char *wrong_result(struct spec_os *os, const struct spec_step *step)
{
	struct spec_step right = *step;

	if (!is_end(step))
		return spec_os_next(os, step);
	right.ok = !step->ok;
	return spec_os_next(os, &right);
}

/* Shootdowns and TLBs. */

static const char *skip_a_core(struct spec_os *os, const struct spec_step *step)
{
	const char *rule = spec_os_next(os, step);

	if (!rule && is_initiate(step))
		spec_cores_remove(os->open_requests, 1);
	return rule;
}

static const char *ask_a_core_too_many(struct spec_os *os, const struct spec_step *step)
{
	const char *rule = spec_os_next(os, step);

	if (!rule && is_initiate(step))
		spec_cores_add(os->open_requests, os->config.core_no);
	return rule;
}

static const char *wrong_address(struct spec_os *os, const struct spec_step *step)
{
	const char *rule = spec_os_next(os, step);

	if (!rule && is_initiate(step))
		os->shootdown_vaddr = page_at(!os->shootdown_vaddr);
	return rule;
}

static const char *no_shootdown(struct spec_os *os, const struct spec_step *step)
{
	struct spec_core_state *s = state_of(os, step);
	enum spec_state done = step->kind == SPEC_UNMAP_END ? SPEC_UNMAP_OP_DONE :
							      SPEC_PROTECT_OP_DONE;

	if (is_end(step) && s->state == done && s->ok && step->ok) {
		*s = (struct spec_core_state) { };
		return NULL;
	}
	return spec_os_next(os, step);
}

static const char *ack_before_flush(struct spec_os *os, const struct spec_step *step)
{
	if (step->kind != SPEC_ACK_SHOOTDOWN_IPI || !spec_cores_has(os->open_requests, step->core))
		return spec_os_next(os, step);
	spec_cores_remove(os->open_requests, step->core);
	return NULL;
}

/* What is being removed, by a walk that began before. */
static const char *late_fill(struct spec_os *os, const struct spec_step *step)
{
	const char *rule = spec_os_next(os, step);
	unsigned int i;

	if (!rule || step->kind != SPEC_TLB_FILL)
		return rule;
	for (i = 0; i < os->config.core_no; i++) {
		const struct spec_core_state *s = &os->core_states[i];

		if (spec_past_change(s) && s->vaddr == step->vaddr && s->ok &&
		    !spec_map_insert(&os->hw.tlb[step->core], s->vaddr, &s->pte))
			return NULL;
	}
	return rule;
}

static const char *wrong_fill(struct spec_os *os, const struct spec_step *step)
{
	const char *rule = spec_os_next(os, step);

	if (!rule || step->kind != SPEC_TLB_FILL || !spec_map_get(&os->hw.pt, step->vaddr, NULL))
		return rule;
	return spec_map_insert(&os->hw.tlb[step->core], step->vaddr, &step->pte) ? rule : NULL;
}

/* Accesses. */

static bool is_access(const struct spec_step *step, bool has_pte, enum spec_result result)
{
	return step->kind == SPEC_READ_WRITE && step->has_pte == has_pte &&
	       step->op.result == result;
}

static const char *fault_where_mapped(struct spec_os *os, const struct spec_step *step)
{
	const char *rule = spec_os_next(os, step);

	return rule && is_access(step, false, SPEC_PAGEFAULT) && !strcmp(rule, "S46_no_mapping") ?
	       NULL : rule;
}

static const char *rights_not_looked_at(struct spec_os *os, const struct spec_step *step)
{
	const char *rule = spec_os_next(os, step);

	return rule && is_access(step, true, SPEC_OK) && !strcmp(rule, "S44_store_result") ?
	       NULL : rule;
}

static const char *wrong_value(struct spec_os *os, const struct spec_step *step)
{
	const char *rule = spec_os_next(os, step);

	return rule && is_access(step, true, SPEC_OK) && !strcmp(rule, "S45_load_value") ?
	       NULL : rule;
}

static const char *store_twice(struct spec_os *os, const struct spec_step *step)
{
	const char *rule = spec_os_next(os, step);

	if (!rule && is_access(step, true, SPEC_OK) && step->op.is_store)
		spec_mem_store(&os->hw.mem, frame_at(!step->pte.frame.base) / 8, step->op.value);
	return rule;
}

static const char *access_while_calling(struct spec_os *os, const struct spec_step *step)
{
	struct spec_core_state saved = *started(os, step);
	const char *rule;

	if (step->kind != SPEC_READ_WRITE)
		return spec_os_next(os, step);
	*started(os, step) = (struct spec_core_state) { };
	rule = spec_os_next(os, step);
	*started(os, step) = saved;
	return rule;
}

/* A step of one kind also does what it should not. */

static const char *spoil_memory(struct spec_os *os, const struct spec_step *step)
{
	const char *rule = spec_os_next(os, step);
	u64 word = frame_at(0) / 8;

	if (!rule && step->kind == mutation_kind)
		spec_mem_store(&os->hw.mem, word, !spec_mem_load(&os->hw.mem, word));
	return rule;
}

static const char *spoil_mappings(struct spec_os *os, const struct spec_step *step)
{
	const char *rule = spec_os_next(os, step);
	struct spec_pte pte;

	if (rule || step->kind != mutation_kind || !spec_map_get(&os->hw.pt, page_at(1), &pte))
		return rule;
	spec_map_remove(&os->hw.pt, page_at(1));
	spec_map_remove(&os->frames, pte.frame.base);
	return NULL;
}

static const char *spoil_sound(struct spec_os *os, const struct spec_step *step)
{
	const char *rule = spec_os_next(os, step);

	if (!rule && step->kind == mutation_kind)
		os->sound = false;
	return rule;
}

/* A call that waits is forgotten. */
static const char *spoil_thread(struct spec_os *os, const struct spec_step *step)
{
	const char *rule = spec_os_next(os, step);
	unsigned int i;

	for (i = 0; !rule && step->kind == mutation_kind && i < os->config.core_no; i++)
		if (os->core_states[i].state == SPEC_MAP_WAITING)
			os->core_states[i] = (struct spec_core_state) { };
	return rule;
}

/* Unmaps what was in the way. */
static const char *map_clears_the_way(struct spec_os *os, const struct spec_step *step)
{
	u64 vaddr = state_of(os, step)->vaddr;
	const char *rule = spec_os_next(os, step);
	struct spec_pte pte;

	if (rule || step->kind != SPEC_MAP_END || step->ok ||
	    !spec_map_get(&os->hw.pt, vaddr, &pte))
		return rule;
	spec_map_remove(&os->hw.pt, vaddr);
	spec_map_remove(&os->frames, pte.frame.base);
	return NULL;
}

#define PLAIN	{ .cores = 2, .threads = 2 }
#define MEMORY	{ .cores = 2, .threads = 2, .memory = true }
#define PROTECT	{ .cores = 2, .threads = 2, .protect = true }
#define ALL	{ .cores = 2, .threads = 2, .memory = true, .protect = true }
#define LARGE	{ .cores = 2, .threads = 2, .large = true }
#define CROOKED	{ .cores = 2, .threads = 2, .crooked = true }

#define BROKEN(what, how, rule, in)						\
	{ .name = what, .next = how, .caught_by = rule, .domain = in }

static const struct mutation mutations[] = {
	BROKEN("an unsound start is disabled", sound_precedence,
	       "S78_sound_disables_no_step", PLAIN),
	BROKEN("frames that are mapped are forgotten", forgets_existing_pmem,
	       "S99_existing_pmem_no_overlap", PLAIN),
	BROKEN("frames that are mapped are forgotten", forgets_existing_pmem,
	       "S99_inflight_existing_pmem_no_overlap", PLAIN),
	BROKEN("frames that are mapped are forgotten", forgets_existing_pmem,
	       "S101_pmem_no_overlap", PLAIN),
	BROKEN("frames that are mapped are forgotten", forgets_existing_pmem,
	       "S101_inflight_map_no_overlap_pmem", PLAIN),
	BROKEN("frames in flight are forgotten", forgets_inflight_pmem,
	       "S99_inflight_pmem_no_overlap", PLAIN),
	BROKEN("frames in flight are forgotten", forgets_inflight_pmem,
	       "S101_inflight_map_no_overlap_inflight_pmem", PLAIN),
	BROKEN("frames in flight are forgotten", forgets_inflight_pmem, "S109_unsound", PLAIN),
	BROKEN("addresses in flight are forgotten", forgets_inflight_vmem,
	       "S95_inflight_vmem_no_overlap", PLAIN),
	BROKEN("addresses in flight are forgotten", forgets_inflight_vmem, "S111_unsound", PLAIN),
	BROKEN("soundness comes back", sound_again, "S79_stays_unsound", PLAIN),
	BROKEN("the lock is not looked at", lock_not_looked_at, "S87_unique_lock_holder", PLAIN),
	BROKEN("the lock is released before the acknowledgements", unlock_before_acks,
	       "S94_shootdown_exists", PLAIN),
	BROKEN("the lock is released before the acknowledgements", unlock_before_acks,
	       "S92_tlb_dom", PLAIN),
	BROKEN("an operation is another thread's", wrong_thread, "S88_valid_ids", PLAIN),
	BROKEN("an operation starts on two cores", double_start, "S97_unique_core_states", PLAIN),
	BROKEN("map does not look for overlaps", map_over, "S96_existing_vmem_no_overlap", LARGE),
	BROKEN("map does not look for overlaps", map_over, "S110_err_iff_overlap", LARGE),
	BROKEN("map that fails unmaps", map_clears_the_way, "S110_mappings_unchanged", PLAIN),
	{ .name = "map that fails stores", .next = spoil_memory, .caught_by = "S110_mem_unchanged",
	  .domain = MEMORY, .kind = SPEC_MAP_END },
	BROKEN("map fails without reason", spurious_error, "S110_err_iff_overlap", PLAIN),
	BROKEN("map maps another frame", wrong_frame, "S110_mappings_insert", PLAIN),
	BROKEN("frames need not be aligned", map_crooked, "S98_inflight_ptes_wf", CROOKED),
	BROKEN("frames need not be aligned", map_crooked, "S98_mapped_ptes_wf", CROOKED),
	BROKEN("a mapping may be empty", map_nothing, "S101_inflight_mem_size_over_zero", PLAIN),
	BROKEN("unmap does not remove the mapping", unmap_leaves_mapping,
	       "S89_successful_unmaps", PLAIN),
	BROKEN("success for failure", wrong_result, "S112_result", PLAIN),
	BROKEN("a core is not asked to flush", skip_a_core, "S91_successful_ipi", PLAIN),
	BROKEN("a core that is not there is asked to flush", ask_a_core_too_many,
	       "S90_shootdown_cores_valid", PLAIN),
	BROKEN("another address is flushed", wrong_address, "S94_shootdown_exists", PLAIN),
	BROKEN("another address is flushed", wrong_address, "S91_successful_ipi", PLAIN),
	BROKEN("no shootdown", no_shootdown, "S92_tlb_dom", PLAIN),
	BROKEN("no shootdown", no_shootdown, "S93_tlb_values", PROTECT),
	BROKEN("no shootdown", no_shootdown, "S108_mappings_contain", PROTECT),
	BROKEN("acknowledged before flushing", ack_before_flush, "S91_successful_ipi", PLAIN),
	BROKEN("acknowledged before flushing", ack_before_flush, "S91_successful_ipi", PROTECT),
	BROKEN("a TLB fills after flushing", late_fill, "S91_successful_ipi", PLAIN),
	BROKEN("a TLB fills with what is not mapped", wrong_fill, "S93_tlb_values", PLAIN),
	BROKEN("a fault where something is mapped", fault_where_mapped,
	       "S108_not_in_domain", PLAIN),
	BROKEN("a store to what is read-only", rights_not_looked_at, "S108_result", PLAIN),
	BROKEN("a load of something else", wrong_value, "S108_value", MEMORY),
	BROKEN("a store to two frames", store_twice, "S108_mem_stored", MEMORY),
	BROKEN("an access in the middle of a call", access_while_calling,
	       "S108_thread_empty", PLAIN),
};

/* Each kind of step with each of the four ways to spoil it. */

static const struct spoil {
	const char *what;
	mutation_fn next;
} spoils[] = {
	{ "stores", spoil_memory },
	{ "unmaps", spoil_mappings },
	{ "ends soundness", spoil_sound },
	{ "forgets a call", spoil_thread },
};

/* What sees it, by the step that it is of the abstract machine, in the order of spoils. */
static const char *const seen_by[SPEC_NR_STEPS][ARRAY_SIZE(spoils)] = {
	[SPEC_STUTTER] = { "S106_mem_equal", "S106_mappings_equal", "S106_sound_equal",
			   "S106_thread_state_equal" },
	[SPEC_READ_WRITE] = { "S108_mem_unchanged", "S108_mappings_unchanged",
			      "S108_sound_unchanged", "S108_thread_state_unchanged" },
	[SPEC_MAP_START] = { "S109_mem_unchanged", "S109_mappings_unchanged", "S109_sound",
			     "S109_thread_state" },
	[SPEC_MAP_END] = { "S110_old_words", "S110_mappings_insert", "S110_sound_unchanged",
			   "S110_thread_state" },
	[SPEC_UNMAP_START] = { "S111_remaining_words", "S111_mappings_remove", "S111_sound",
			       "S111_thread_state" },
	[SPEC_PROTECT_START] = { "S111_remaining_words", "S111_mappings_protect", "S111_sound",
				 "S111_thread_state" },
	[SPEC_UNMAP_END] = { "S112_mem_unchanged", "S112_mappings_unchanged",
			     "S112_sound_unchanged", "S112_thread_state" },
	[SPEC_PROTECT_END] = { "S112_mem_unchanged", "S112_mappings_unchanged",
			       "S112_sound_unchanged", "S112_thread_state" },
};

static struct mutation spoiled(enum spec_step_kind kind, unsigned int how)
{
	static char name[80];

	snprintf(name, sizeof(name), "%s %s", spec_step_names[kind], spoils[how].what);
	return (struct mutation) {
		.name = name, .next = spoils[how].next, .domain = ALL, .kind = kind,
		.caught_by = seen_by[seen_by[kind][0] ? kind : SPEC_STUTTER][how] };
}

unsigned int mutation_count(void)
{
	return ARRAY_SIZE(mutations) + (SPEC_NR_STEPS - 1) * ARRAY_SIZE(spoils);
}

struct mutation mutation_get(unsigned int i)
{
	if (i < ARRAY_SIZE(mutations))
		return mutations[i];
	i -= ARRAY_SIZE(mutations);
	return spoiled(1 + i / ARRAY_SIZE(spoils), i % ARRAY_SIZE(spoils));
}
