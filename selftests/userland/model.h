/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a page table means, written differently: a sorted array of runs.
 *
 * A run is a range that is mapped by leaves of one size, side by side, to
 * memory side by side, with one property.  Nothing here knows of tables.
 */
#ifndef MODEL_H
#define MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct run {
	uint64_t start;
	uint64_t end;
	uint64_t pa;
	uint64_t size;		/* of each leaf */
	uint32_t prop;
	uint32_t cache;
};

struct model {
	struct run *runs;
	size_t nr;
	size_t room;
};

void model_free(struct model *m);
void model_copy(struct model *to, const struct model *from);
bool model_equal(const struct model *a, const struct model *b);
void model_append(struct model *m, const struct run *run);

size_t model_at(const struct model *m, uint64_t va);
const struct run *model_find(const struct model *m, uint64_t va);
const struct run *model_next(const struct model *m, uint64_t va);
void model_leaf(const struct run *run, uint64_t va, struct run *leaf);
uint64_t model_mapped(const struct model *m, uint64_t start, uint64_t end);

void model_split(struct model *m, uint64_t va);
void model_remove(struct model *m, uint64_t start, uint64_t end);
void model_insert(struct model *m, const struct run *run);
void model_change(struct model *m, uint64_t start, uint64_t end, uint32_t clear, uint32_t set);

#endif /* MODEL_H */
