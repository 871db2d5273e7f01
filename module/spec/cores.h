/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sets of cores, as words of 64 bits.
 */
#ifndef SPEC_CORES_H
#define SPEC_CORES_H

#include "types.h"

/**
 * spec_cores_words - length of a set
 * @cores:	how many there are; a set has room for at least one more, so that
 *		a core that is not valid can be told (S90)
 */
static inline size_t spec_cores_words(unsigned int cores)
{
	return cores / 64 + 1;
}

/**
 * spec_cores_has - whether a core is in a set
 * @set:	the set
 * @core:	the core
 */
static inline bool spec_cores_has(const u64 *set, unsigned int core)
{
	return set[core / 64] >> (core % 64) & 1;
}

/**
 * spec_cores_add - put a core into a set
 * @set:	the set
 * @core:	the core
 */
static inline void spec_cores_add(u64 *set, unsigned int core)
{
	set[core / 64] |= BIT_ULL(core % 64);
}

/**
 * spec_cores_remove - take a core out of a set
 * @set:	the set
 * @core:	the core
 */
static inline void spec_cores_remove(u64 *set, unsigned int core)
{
	set[core / 64] &= ~BIT_ULL(core % 64);
}

/**
 * spec_cores_empty - whether no core is in a set
 * @set:	the set
 * @words:	its length
 */
static inline bool spec_cores_empty(const u64 *set, size_t words)
{
	size_t i;

	for (i = 0; i < words; i++)
		if (set[i])
			return false;
	return true;
}

#endif /* SPEC_CORES_H */
