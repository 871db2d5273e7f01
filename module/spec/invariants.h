/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What holds in every state of the operating system (S87 to S99).
 */
#ifndef SPEC_INVARIANTS_H
#define SPEC_INVARIANTS_H

#include "os.h"

/**
 * struct spec_invariant - an invariant
 * @name:	its number and name
 * @holds:	whether it does
 * @is_whole:	it looks at the whole page table, or at whole TLBs; the others take
 *		time in the number of cores, or its square
 */
struct spec_invariant {
	const char *name;
	bool (*holds)(const struct spec_os *os);
	bool is_whole;
};

#define SPEC_NR_INVARIANTS	17

extern const struct spec_invariant spec_invariants[SPEC_NR_INVARIANTS];

const char *spec_os_inv(const struct spec_os *os, bool whole);

#endif /* SPEC_INVARIANTS_H */
