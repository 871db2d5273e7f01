// SPDX-License-Identifier: GPL-2.0-only
#include "geometry.h"
#include "refine.h"

/* The call that has this address in hand and for which @is, if there is one. */
static const struct spec_core_state *inflight(const struct spec_os *os, u64 vaddr,
					      bool (*is)(const struct spec_core_state *s))
{
	unsigned int core;

	for (core = 0; core < os->config.core_no; core++)
		if (is(&os->core_states[core]) && os->core_states[core].vaddr == vaddr)
			return &os->core_states[core];
	return NULL;
}

/* S102: what a mapping of the page table is to a program; false if nothing. */
static bool effective(const struct spec_os *os, u64 base, struct spec_pte *pte)
{
	const struct spec_core_state *s;

	if (inflight(os, base, spec_is_unmap))
		return false;
	s = inflight(os, base, spec_is_protect);
	if (s)
		pte->flags = s->flags;
	return true;
}

static int interp_mappings(const struct spec_os *os, struct spec_map *mappings)
{
	struct spec_pte pte;
	u64 base;

	spec_map_clear(mappings);
	spec_map_for_each(&os->hw.pt, base, pte)
		if (effective(os, base, &pte) && spec_map_insert(mappings, base, &pte))
			return -ENOMEM;
	return 0;
}

/* S103: a word of physical memory, wherever it is mapped. */
static int interp_word(const struct spec_word *word, const struct spec_map *mappings,
		       struct spec_vector *mem)
{
	u64 base, paddr = word->index * SPEC_WORD_SIZE;
	struct spec_pte pte;

	spec_map_for_each(mappings, base, pte)
		if (spec_contains(pte.frame, paddr) &&
		    spec_mem_store(mem, (base + (paddr - pte.frame.base)) / SPEC_WORD_SIZE,
				   word->value))
			return -ENOMEM;
	return 0;
}

static int interp_vmem(const struct spec_os *os, const struct spec_map *mappings,
		       struct spec_vector *mem)
{
	const struct spec_word *word;

	spec_vector_clear(mem);
	spec_vector_for_each(&os->hw.mem, word)
		if (interp_word(word, mappings, mem))
			return -ENOMEM;
	return 0;
}

/* S104. */
static void interp_thread(const struct spec_os *os, u32 ult_id, struct spec_arguments *arguments)
{
	const struct spec_core_state *s = &os->core_states[os->config.ult2core[ult_id]];

	*arguments = (struct spec_arguments) { .kind = SPEC_ARGUMENTS_EMPTY };
	if (s->state == SPEC_IDLE || s->ult_id != ult_id)
		return;
	arguments->vaddr = s->vaddr;
	arguments->has_pte = true;
	arguments->kind = spec_is_map(s) ? SPEC_ARGUMENTS_MAP :
			  spec_is_unmap(s) ? SPEC_ARGUMENTS_UNMAP : SPEC_ARGUMENTS_PROTECT;
	if (spec_is_map(s) || (spec_past_change(s) && s->ok))
		arguments->pte = s->pte;
	else if (spec_past_change(s))
		arguments->has_pte = false;
	else
		arguments->has_pte = spec_map_get(&os->hw.pt, s->vaddr, &arguments->pte);
}

/**
 * spec_interp - the operating system as a program sees it (S102 to S105)
 * @os:	the operating system
 * @a:	receives the state; spec_abstract_init() made it with the same configuration
 *
 * Return: 0, or -ENOMEM; then @a is fit for another call only.
 */
int spec_interp(const struct spec_os *os, struct spec_abstract *a)
{
	u32 ult_id;

	if (interp_mappings(os, &a->mappings) || interp_vmem(os, &a->mappings, &a->mem))
		return -ENOMEM;
	for (ult_id = 0; ult_id < a->thread_no; ult_id++)
		interp_thread(os, ult_id, &a->thread_state[ult_id]);
	a->sound = os->sound;
	return 0;
}

/* S107. */
static void interp_access(const struct spec_os *os, struct spec_step *step)
{
	struct spec_pte pte;

	step->has_pte = step->has_pte && spec_map_get(&os->hw.pt, step->base, &pte) &&
			effective(os, step->base, &pte);
	if (!step->has_pte || step->op.result == SPEC_PAGEFAULT)
		step->op.result = SPEC_UNDEFINED;
}

/**
 * spec_interp_step - a step of the operating system as a program sees it (S106, S107)
 * @os:		the operating system before the step
 * @step:	the step, which is enabled
 * @abstract:	receives the step of the abstract machine
 */
void spec_interp_step(const struct spec_os *os, const struct spec_step *step,
		      struct spec_step *abstract)
{
	*abstract = *step;
	switch (step->kind) {
	case SPEC_READ_WRITE:
		interp_access(os, abstract);
		break;
	case SPEC_MAP_START:
	case SPEC_UNMAP_START:
	case SPEC_PROTECT_START:
		break;
	case SPEC_MAP_END:
	case SPEC_UNMAP_END:
	case SPEC_PROTECT_END:
		abstract->ult_id = os->core_states[step->core].ult_id;
		break;
	default:
		abstract->kind = SPEC_STUTTER;
		break;
	}
}

/**
 * spec_refines - whether a step is one of the abstract machine (S106)
 * @before:	the operating system
 * @step:	the step, which is enabled
 * @after:	the operating system afterwards
 *
 * Return: NULL; the rule of the abstract step; spec_no_memory.
 */
const char *spec_refines(const struct spec_os *before, const struct spec_step *step,
			 const struct spec_os *after)
{
	const struct spec_alloc *alloc = before->hw.pt.blocks.alloc;
	const char *rule = spec_no_memory;
	struct spec_abstract s1, s2;
	struct spec_step abstract;

	if (spec_abstract_init(&s1, alloc, &before->config))
		return rule;
	if (spec_abstract_init(&s2, alloc, &after->config))
		goto destroy_s1;
	if (!spec_interp(before, &s1) && !spec_interp(after, &s2)) {
		spec_interp_step(before, step, &abstract);
		rule = spec_abstract_next(&s1, &abstract, &s2);
	}
	spec_abstract_destroy(&s2);
destroy_s1:
	spec_abstract_destroy(&s1);
	return rule;
}
