/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The abstract machine, what a program sees: words of virtual memory, and mappings
 * that come and go between the start and the end of a call (S100 to S112).
 *
 * Its steps are relations: a function says whether one state follows from another
 * by that step.  An operating system refines it if each step of the one is a step of
 * the other, seen through the abstraction.
 *
 * This is for machines that are explored: it copies the whole state, and wants TLBs
 * that can be seen.
 *
 * A change of rights, which the specification does not have: the abstract mapping has the
 * new rights from the start of the call on, and until its end an access may find the old
 * ones.  The mapping is never gone.
 */
#ifndef SPEC_ABSTRACT_H
#define SPEC_ABSTRACT_H

#include "os.h"

/* What a thread is doing (AbstractArguments). */
enum spec_arguments_kind {
	SPEC_ARGUMENTS_EMPTY,
	SPEC_ARGUMENTS_MAP,
	SPEC_ARGUMENTS_UNMAP,
	SPEC_ARGUMENTS_PROTECT,
};

/**
 * struct spec_arguments - what a thread is doing, and to what
 * @kind:	see there; the rest is zero where it has no meaning
 * @vaddr:	address
 * @pte:	map: what shall be mapped; unmap and protect: what was, if @has_pte
 * @has_pte:	there is such
 */
struct spec_arguments {
	enum spec_arguments_kind kind;
	u64 vaddr;
	struct spec_pte pte;
	bool has_pte;
};

/**
 * struct spec_abstract - a state (AbstractConstants, AbstractVariables; S100)
 * @thread_no:	how many threads there are
 * @phys_mem_size: words of physical memory
 * @levels:	of the page table
 * @width:	of a physical address
 * @mem:	struct spec_word, by virtual address divided by 8, those that are not 0.
 *		Which others are defined follows from @mappings (S103)
 * @mappings:	what is mapped
 * @thread_state: of each thread
 * @sound:	see sound.h
 */
struct spec_abstract {
	u32 thread_no;
	u64 phys_mem_size;
	unsigned int levels;
	unsigned int width;
	struct spec_vector mem;
	struct spec_map mappings;
	struct spec_arguments *thread_state;
	bool sound;
};

/**
 * struct spec_abstract_invariant - an invariant
 * @name:	its number and name
 * @holds:	whether it does, of a state that is sound
 */
struct spec_abstract_invariant {
	const char *name;
	bool (*holds)(const struct spec_abstract *s);
};

#define SPEC_NR_ABSTRACT_INVARIANTS	5

extern const struct spec_abstract_invariant spec_abstract_invariants[SPEC_NR_ABSTRACT_INVARIANTS];

int spec_abstract_init(struct spec_abstract *a, const struct spec_alloc *alloc,
		       const struct spec_os_config *config);
void spec_abstract_destroy(struct spec_abstract *a);
const char *spec_abstract_inv(const struct spec_abstract *s);

const char *spec_abstract_next(const struct spec_abstract *s1, const struct spec_step *step,
			       const struct spec_abstract *s2);

#endif /* SPEC_ABSTRACT_H */
