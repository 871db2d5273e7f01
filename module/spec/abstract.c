// SPDX-License-Identifier: GPL-2.0-only
#include "abstract.h"
#include "geometry.h"

/**
 * spec_abstract_init - nothing mapped, no call in flight (S100)
 * @a:		receives the state
 * @alloc:	where memory comes from; stays in use
 * @config:	of the operating system (S105)
 *
 * Return: 0 or -ENOMEM.
 */
int spec_abstract_init(struct spec_abstract *a, const struct spec_alloc *alloc,
		       const struct spec_os_config *config)
{
	size_t bytes = config->ult_no * sizeof(*a->thread_state);

	*a = (struct spec_abstract) {
		.thread_no = config->ult_no, .phys_mem_size = config->phys_mem_size,
		.levels = config->levels, .width = config->width, .sound = true };
	spec_vector_init(&a->mem, alloc, sizeof(struct spec_word));
	spec_map_init(&a->mappings, alloc);
	a->thread_state = alloc->alloc(bytes);
	if (!a->thread_state)
		return -ENOMEM;
	memset(a->thread_state, 0, bytes);
	return 0;
}

/**
 * spec_abstract_destroy - give all memory back
 * @a:	which spec_abstract_init() made
 */
void spec_abstract_destroy(struct spec_abstract *a)
{
	a->mem.alloc->free(a->thread_state);
	spec_map_clear(&a->mappings);
	spec_vector_clear(&a->mem);
}

/* The word of physical memory behind one of virtual memory, if there is such (S103). */
static bool in_domain(const struct spec_abstract *a, u64 index, u64 *phys_index)
{
	u64 base, vaddr = index * SPEC_WORD_SIZE;
	struct spec_pte pte;

	if (!spec_map_covering(&a->mappings, vaddr, &base, &pte))
		return false;
	*phys_index = (pte.frame.base + (vaddr - base)) / SPEC_WORD_SIZE;
	return *phys_index < a->phys_mem_size;
}

static bool same_mem(const struct spec_abstract *s1, const struct spec_abstract *s2)
{
	return s1->mem.nr == s2->mem.nr &&
	       (!s1->mem.nr ||
		!memcmp(s1->mem.items, s2->mem.items, s1->mem.nr * s1->mem.size));
}

/* The words of @s that are defined in @domain are the same in @other. */
static bool words_in(const struct spec_abstract *s, const struct spec_abstract *domain,
		     const struct spec_abstract *other)
{
	const struct spec_word *word;
	u64 phys;

	spec_vector_for_each(&s->mem, word)
		if (in_domain(domain, word->index, &phys) &&
		    spec_mem_load(&other->mem, word->index) != word->value)
			return false;
	return true;
}

/* All words that are defined in @domain are the same in both. */
static bool same_words(const struct spec_abstract *s1, const struct spec_abstract *s2,
		       const struct spec_abstract *domain)
{
	return words_in(s1, domain, s2) && words_in(s2, domain, s1);
}

static bool words_but(const struct spec_abstract *s, u64 index, const struct spec_abstract *other)
{
	const struct spec_word *word;

	spec_vector_for_each(&s->mem, word)
		if (word->index != index &&
		    spec_mem_load(&other->mem, word->index) != word->value)
			return false;
	return true;
}

/* One word has changed, or none. */
static bool stored(const struct spec_abstract *s1, u64 index, u64 value,
		   const struct spec_abstract *s2)
{
	return spec_mem_load(&s2->mem, index) == value &&
	       words_but(s1, index, s2) && words_but(s2, index, s1);
}

static bool same_mappings(const struct spec_map *a, const struct spec_map *b)
{
	return spec_map_equal(a, b, 0);
}

/* The same but for one key: not there in @without, or changed. */
static bool same_but(const struct spec_map *a, const struct spec_map *b, u64 key)
{
	struct spec_pte pa, pb;
	u64 ka, kb;
	bool ma, mb;

	for (ka = kb = 0;; ka++, kb++) {
		ma = spec_map_next(a, ka, &ka, &pa);
		if (ma && ka == key)
			ma = spec_map_next(a, ka + 1, &ka, &pa);
		mb = spec_map_next(b, kb, &kb, &pb);
		if (mb && kb == key)
			mb = spec_map_next(b, kb + 1, &kb, &pb);
		if (!ma || !mb)
			return ma == mb;
		if (ka != kb || !spec_pte_equal(&pa, &pb, 0))
			return false;
	}
}

/* @b is @a with one more, or one less, or one that is now @pte; NULL if it is gone. */
static bool changed(const struct spec_map *a, u64 key, const struct spec_pte *pte,
		    const struct spec_map *b)
{
	struct spec_pte now;
	bool is_there = spec_map_get(b, key, &now);

	return is_there == !!pte && (!pte || spec_pte_equal(pte, &now, 0)) && same_but(a, b, key);
}

static bool same_arguments(const struct spec_arguments *a, const struct spec_arguments *b)
{
	return a->kind == b->kind && a->vaddr == b->vaddr && a->has_pte == b->has_pte &&
	       spec_pte_equal(&a->pte, &b->pte, 0);
}

/* All threads do the same; that of number @but does @arguments. */
static bool same_threads(const struct spec_abstract *s1, const struct spec_abstract *s2, u32 but,
			 const struct spec_arguments *arguments)
{
	u32 i;

	for (i = 0; i < s1->thread_no; i++)
		if (!same_arguments(i == but ? arguments : &s1->thread_state[i],
				    &s2->thread_state[i]))
			return false;
	return true;
}

static bool same_other_threads(const struct spec_abstract *s1, const struct spec_abstract *s2)
{
	return same_threads(s1, s2, s1->thread_no, NULL);
}

static struct spec_region arguments_vmem(const struct spec_arguments *arguments)
{
	return (struct spec_region) {
		arguments->vaddr, arguments->has_pte ? arguments->pte.frame.size : 0 };
}

/* Of a protect, the frame is still an existing one. */
static bool has_frame(const struct spec_arguments *arguments)
{
	return arguments->has_pte && arguments->kind != SPEC_ARGUMENTS_PROTECT;
}

static bool overlaps_inflight_vmem(const struct spec_abstract *s, struct spec_region region)
{
	u32 i;

	for (i = 0; i < s->thread_no; i++)
		if (s->thread_state[i].kind != SPEC_ARGUMENTS_EMPTY &&
		    spec_overlap(arguments_vmem(&s->thread_state[i]), region))
			return true;
	return false;
}

static bool overlaps_inflight_pmem(const struct spec_abstract *s, struct spec_region frame,
				   u32 but)
{
	u32 i;

	for (i = 0; i < s->thread_no; i++)
		if (i != but && has_frame(&s->thread_state[i]) &&
		    spec_overlap(s->thread_state[i].pte.frame, frame))
			return true;
	return false;
}

static bool overlaps_existing_pmem(const struct spec_abstract *s, struct spec_region frame)
{
	struct spec_pte pte;
	u64 base;

	spec_map_for_each(&s->mappings, base, pte)
		if (spec_overlap(pte.frame, frame))
			return true;
	return false;
}

/* S101: pmem_no_overlap. */
static bool pmem_no_overlap(const struct spec_abstract *s)
{
	struct spec_pte a, b;
	u64 i, j;

	spec_map_for_each(&s->mappings, i, a)
		spec_map_for_each(&s->mappings, j, b)
			if (i != j && spec_overlap(a.frame, b.frame))
				return false;
	return true;
}

static bool all_maps(const struct spec_abstract *s,
		     bool (*holds)(const struct spec_abstract *s, u32 thread,
				   const struct spec_pte *pte))
{
	u32 i;

	for (i = 0; i < s->thread_no; i++)
		if (s->thread_state[i].kind == SPEC_ARGUMENTS_MAP &&
		    !holds(s, i, &s->thread_state[i].pte))
			return false;
	return true;
}

static bool not_existing(const struct spec_abstract *s, u32 thread, const struct spec_pte *pte)
{
	return !overlaps_existing_pmem(s, pte->frame);
}

/* S101: inflight_map_no_overlap_pmem. */
static bool inflight_map_no_overlap_pmem(const struct spec_abstract *s)
{
	return all_maps(s, not_existing);
}

static bool not_inflight(const struct spec_abstract *s, u32 thread, const struct spec_pte *pte)
{
	return !overlaps_inflight_pmem(s, pte->frame, thread);
}

/* S101: inflight_map_no_overlap_inflight_pmem; and so inflight_maps_unique. */
static bool inflight_map_no_overlap_inflight_pmem(const struct spec_abstract *s)
{
	return all_maps(s, not_inflight);
}

static bool over_zero(const struct spec_abstract *s, u32 thread, const struct spec_pte *pte)
{
	return pte->frame.size > 0;
}

/* S101: inflight_mem_size_over_zero; the maps of mappings hold no others. */
static bool inflight_mem_size_over_zero(const struct spec_abstract *s)
{
	return all_maps(s, over_zero);
}

/* S103: only what is mapped to memory that there is has contents. */
static bool mem_in_domain(const struct spec_abstract *s)
{
	const struct spec_word *word;
	u64 phys;

	spec_vector_for_each(&s->mem, word)
		if (!in_domain(s, word->index, &phys))
			return false;
	return true;
}

const struct spec_abstract_invariant spec_abstract_invariants[SPEC_NR_ABSTRACT_INVARIANTS] = {
	{ "S101_pmem_no_overlap", pmem_no_overlap },
	{ "S101_inflight_map_no_overlap_pmem", inflight_map_no_overlap_pmem },
	{ "S101_inflight_map_no_overlap_inflight_pmem", inflight_map_no_overlap_inflight_pmem },
	{ "S101_inflight_mem_size_over_zero", inflight_mem_size_over_zero },
	{ "S103_mem_in_domain", mem_in_domain },
};

/**
 * spec_abstract_inv - whether all invariants hold (S100, S101)
 * @s:	the state; of one that is not sound nothing is said
 *
 * Return: NULL, or the name of the first that does not.
 */
const char *spec_abstract_inv(const struct spec_abstract *s)
{
	unsigned int i;

	for (i = 0; s->sound && i < SPEC_NR_ABSTRACT_INVARIANTS; i++)
		if (!spec_abstract_invariants[i].holds(s))
			return spec_abstract_invariants[i].name;
	return NULL;
}

/* The thread may call. */
static const char *thread_empty(const struct spec_abstract *s, u32 thread)
{
	if (thread >= s->thread_no)
		return "S108_valid_thread";
	return s->thread_state[thread].kind == SPEC_ARGUMENTS_EMPTY ? NULL : "S108_thread_empty";
}

/* The mapping that an access finds: one that there is, or was, while its rights change. */
static bool contains_pair(const struct spec_abstract *s, u64 base, const struct spec_pte *pte)
{
	struct spec_pte mapped;
	u32 i;

	if (spec_map_get(&s->mappings, base, &mapped) && spec_pte_equal(&mapped, pte, 0))
		return true;
	for (i = 0; i < s->thread_no; i++) {
		const struct spec_arguments *arguments = &s->thread_state[i];

		if (arguments->kind == SPEC_ARGUMENTS_PROTECT && arguments->has_pte &&
		    arguments->vaddr == base && spec_pte_equal(&arguments->pte, pte, 0))
			return true;
	}
	return false;
}

/* S108, None: nothing is known of what is not mapped. */
static const char *access_undefined(const struct spec_abstract *s1, const struct spec_step *step,
				    const struct spec_abstract *s2)
{
	u64 phys;

	if (in_domain(s1, step->vaddr / SPEC_WORD_SIZE, &phys))
		return "S108_not_in_domain";
	if (step->op.result != SPEC_UNDEFINED)
		return "S108_undefined";
	return same_mem(s1, s2) ? NULL : "S108_mem_unchanged";
}

/* S108, Some: as the flags say. */
static const char *access_mapped(const struct spec_abstract *s1, const struct spec_step *step,
				 const struct spec_abstract *s2)
{
	const struct spec_rw_op *op = &step->op;
	u64 index = step->vaddr / SPEC_WORD_SIZE;
	u64 paddr = step->pte.frame.base + (step->vaddr - step->base);
	bool ok = paddr / SPEC_WORD_SIZE < s1->phys_mem_size && spec_permits(&step->pte, op);

	if (!contains_pair(s1, step->base, &step->pte))
		return "S108_mappings_contain";
	if (!spec_between(step->vaddr, step->base, step->base + step->pte.frame.size))
		return "S108_vaddr_in_mapping";
	if (op->result != (ok ? SPEC_OK : SPEC_UNDEFINED))
		return "S108_result";
	if (ok && op->is_store)
		return stored(s1, index, op->value, s2) ? NULL : "S108_mem_stored";
	if (ok && op->value != spec_mem_load(&s1->mem, index))
		return "S108_value";
	return same_mem(s1, s2) ? NULL : "S108_mem_unchanged";
}

static const char *read_write(const struct spec_abstract *s1, const struct spec_step *step,
			      const struct spec_abstract *s2)
{
	const char *rule = thread_empty(s1, step->ult_id);

	if (rule)
		return rule;
	if (!spec_aligned(step->vaddr, SPEC_WORD_SIZE))
		return "S108_vaddr_aligned";
	if (!same_mappings(&s1->mappings, &s2->mappings))
		return "S108_mappings_unchanged";
	if (!same_other_threads(s1, s2))
		return "S108_thread_state_unchanged";
	if (!s2->sound)
		return "S108_sound_unchanged";
	return step->has_pte ? access_mapped(s1, step, s2) : access_undefined(s1, step, s2);
}

/* S80, S109. */
static bool map_sound(const struct spec_abstract *s, const struct spec_step *step)
{
	struct spec_region vmem = { step->vaddr, step->pte.frame.size };

	return !overlaps_inflight_vmem(s, vmem) && !overlaps_existing_pmem(s, step->pte.frame) &&
	       !overlaps_inflight_pmem(s, step->pte.frame, s->thread_no);
}

/* S109. */
static const char *map_start(const struct spec_abstract *s1, const struct spec_step *step,
			     const struct spec_abstract *s2)
{
	struct spec_arguments arguments = {
		SPEC_ARGUMENTS_MAP, step->vaddr, step->pte, true };
	const char *rule = thread_empty(s1, step->ult_id);

	if (!rule)
		rule = spec_map_enabled(s1->levels, s1->width, step->vaddr, &step->pte);
	if (rule)
		return rule;
	if (!map_sound(s1, step))
		return s2->sound ? "S109_unsound" : NULL;
	if (!s2->sound)
		return "S109_sound";
	if (!same_threads(s1, s2, step->ult_id, &arguments))
		return "S109_thread_state";
	if (!same_mappings(&s1->mappings, &s2->mappings))
		return "S109_mappings_unchanged";
	return same_mem(s1, s2) ? NULL : "S109_mem_unchanged";
}

static const struct spec_arguments empty = { .kind = SPEC_ARGUMENTS_EMPTY };

/* A thread's call, if it is one of @kind. */
static const struct spec_arguments *in_call(const struct spec_abstract *s, u32 thread,
					    enum spec_arguments_kind kind)
{
	return thread < s->thread_no && s->thread_state[thread].kind == kind ?
	       &s->thread_state[thread] : NULL;
}

/* S110. */
static const char *map_end(const struct spec_abstract *s1, const struct spec_step *step,
			   const struct spec_abstract *s2)
{
	const struct spec_arguments *arguments = in_call(s1, step->ult_id, SPEC_ARGUMENTS_MAP);

	if (!arguments)
		return "S110_thread_maps";
	if (step->ok == spec_map_overlaps(&s1->mappings, arguments_vmem(arguments)))
		return "S110_err_iff_overlap";
	if (!s2->sound)
		return "S110_sound_unchanged";
	if (!same_threads(s1, s2, step->ult_id, &empty))
		return "S110_thread_state";
	if (!step->ok && !same_mappings(&s1->mappings, &s2->mappings))
		return "S110_mappings_unchanged";
	if (!step->ok && !same_mem(s1, s2))
		return "S110_mem_unchanged";
	if (step->ok && !changed(&s1->mappings, arguments->vaddr, &arguments->pte, &s2->mappings))
		return "S110_mappings_insert";
	return same_words(s1, s2, s1) ? NULL : "S110_old_words";
}

/* S111, up to what the call does to the mapping. */
static const char *call_start(const struct spec_abstract *s1, const struct spec_step *step,
			      const struct spec_abstract *s2, enum spec_arguments_kind kind,
			      struct spec_arguments *arguments)
{
	const char *rule = thread_empty(s1, step->ult_id);

	if (!rule)
		rule = spec_unmap_enabled(s1->levels, step->vaddr);
	if (rule)
		return rule;
	*arguments = (struct spec_arguments) { .kind = kind, .vaddr = step->vaddr };
	arguments->has_pte = spec_map_get(&s1->mappings, step->vaddr, &arguments->pte);
	if (overlaps_inflight_vmem(s1, arguments_vmem(arguments)))
		return s2->sound ? "S111_unsound" : NULL;
	if (!s2->sound)
		return "S111_sound";
	return same_threads(s1, s2, step->ult_id, arguments) ? NULL : "S111_thread_state";
}

/* S111. */
static const char *unmap_start(const struct spec_abstract *s1, const struct spec_step *step,
			       const struct spec_abstract *s2)
{
	struct spec_arguments arguments;
	const char *rule = call_start(s1, step, s2, SPEC_ARGUMENTS_UNMAP, &arguments);

	if (rule || !s2->sound)
		return rule;
	if (!changed(&s1->mappings, step->vaddr, NULL, &s2->mappings))
		return "S111_mappings_remove";
	return same_words(s1, s2, s2) ? NULL : "S111_remaining_words";
}

/* Like S111, but that the mapping gets other rights. */
static const char *protect_start(const struct spec_abstract *s1, const struct spec_step *step,
				 const struct spec_abstract *s2)
{
	struct spec_arguments arguments;
	const char *rule = call_start(s1, step, s2, SPEC_ARGUMENTS_PROTECT, &arguments);
	struct spec_pte pte;

	if (rule || !s2->sound)
		return rule;
	pte = arguments.pte;
	pte.flags = step->flags;
	if (!changed(&s1->mappings, step->vaddr, arguments.has_pte ? &pte : NULL, &s2->mappings))
		return "S111_mappings_protect";
	return same_mem(s1, s2) ? NULL : "S111_remaining_words";
}

/* S112, of unmap and protect. */
static const char *call_end(const struct spec_abstract *s1, const struct spec_step *step,
			    const struct spec_abstract *s2, enum spec_arguments_kind kind)
{
	const struct spec_arguments *arguments = in_call(s1, step->ult_id, kind);

	if (!arguments)
		return "S112_thread_unmaps";
	if (step->ok != arguments->has_pte)
		return "S112_result";
	if (!s2->sound)
		return "S112_sound_unchanged";
	if (!same_threads(s1, s2, step->ult_id, &empty))
		return "S112_thread_state";
	if (!same_mappings(&s1->mappings, &s2->mappings))
		return "S112_mappings_unchanged";
	return same_mem(s1, s2) ? NULL : "S112_mem_unchanged";
}

/* S106. */
static const char *stutter(const struct spec_abstract *s1, const struct spec_abstract *s2)
{
	if (!s2->sound)
		return "S106_sound_equal";
	if (!same_other_threads(s1, s2))
		return "S106_thread_state_equal";
	if (!same_mappings(&s1->mappings, &s2->mappings))
		return "S106_mappings_equal";
	return same_mem(s1, s2) ? NULL : "S106_mem_equal";
}

/**
 * spec_abstract_next - whether one state follows from another (S106, S108 to S112)
 * @s1:		before
 * @step:	read_write, the start or end of a call, or stutter; @step->ult_id is the thread
 * @s2:		after
 *
 * After soundness is lost, anything follows that is not sound either (S79).
 *
 * Return: NULL, or the conjunct of the step that is violated.
 */
const char *spec_abstract_next(const struct spec_abstract *s1, const struct spec_step *step,
			       const struct spec_abstract *s2)
{
	if (!s1->sound)
		return s2->sound ? "S79_stays_unsound" : NULL;
	switch (step->kind) {
	case SPEC_READ_WRITE:
		return read_write(s1, step, s2);
	case SPEC_MAP_START:
		return map_start(s1, step, s2);
	case SPEC_MAP_END:
		return map_end(s1, step, s2);
	case SPEC_UNMAP_START:
		return unmap_start(s1, step, s2);
	case SPEC_UNMAP_END:
		return call_end(s1, step, s2, SPEC_ARGUMENTS_UNMAP);
	case SPEC_PROTECT_START:
		return protect_start(s1, step, s2);
	case SPEC_PROTECT_END:
		return call_end(s1, step, s2, SPEC_ARGUMENTS_PROTECT);
	case SPEC_STUTTER:
		return stutter(s1, s2);
	default:
		return "S106_step";
	}
}
