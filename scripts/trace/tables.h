/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which tables a page table consists of: a table is linked once, nothing is written
 * to one that is not linked, and what was linked is what is taken out.
 *
 * The specification has this from the memory of tables (S32 to S40), which a log
 * does not show.
 */
#ifndef TRACE_TABLES_H
#define TRACE_TABLES_H

#include "../../module/spec/entry.h"
#include "../../module/spec/vector.h"

/**
 * struct tables - the tables of a space, but for its root
 * @places:	struct table_place, by where an entry links them
 * @pages:	struct table_page, by their physical address
 * @levels:	of the page table
 * @width:	of a physical address
 */
struct tables {
	struct spec_vector places;
	struct spec_vector pages;
	unsigned int levels;
	unsigned int width;
};

void tables_init(struct tables *t, const struct spec_alloc *alloc, unsigned int levels,
		 unsigned int width);
void tables_clear(struct tables *t);
const char *tables_write(struct tables *t, u64 va, unsigned int level, u64 old, u64 new);

#endif /* TRACE_TABLES_H */
