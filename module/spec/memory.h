/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The memory of page tables: which pages are tables, and what may be done with
 * them (S32 to S40: PageTableMemory).
 *
 * A page that is allocated comes with the place where its words can be seen: the
 * live page, or a copy of it.  What the rules say of the contents is checked
 * there.
 */
#ifndef SPEC_MEMORY_H
#define SPEC_MEMORY_H

#include "geometry.h"
#include "map.h"
#include "vector.h"

/**
 * struct spec_memory - the pages that are tables
 * @pages:	by physical address
 * @cr3:	physical address of the root, one of them
 * @width:	of a physical address
 * @available:	how many more can be allocated (alloc_available_pages, S33)
 */
struct spec_memory {
	struct spec_vector pages;
	u64 cr3;
	unsigned int width;
	size_t available;
};

int spec_memory_init(struct spec_memory *mem, const struct spec_alloc *alloc, unsigned int width,
		     u64 cr3, u64 *words);
void spec_memory_clear(struct spec_memory *mem);
int spec_memory_provide(struct spec_memory *mem, size_t nr);

const char *spec_memory_alloc_page(struct spec_memory *mem, u64 base, u64 *words);
const char *spec_memory_dealloc_page(struct spec_memory *mem, u64 base);
const char *spec_memory_write(struct spec_memory *mem, u64 pbase, u64 idx,
			      struct spec_region region, u64 value);
const char *spec_memory_read(const struct spec_memory *mem, u64 pbase, u64 idx,
			     struct spec_region region, u64 *value);
u64 spec_memory_entry(void *mem, u64 table, unsigned int idx);

const char *spec_check_memory(const struct spec_memory *mem);
const char *spec_check_memory_init(const struct spec_memory *mem);
const char *spec_check_linear_map(u64 linear_base, unsigned int width);
const char *spec_check_frames(const struct spec_memory *mem, const struct spec_map *map);
bool spec_valid_access(u64 addr, unsigned int size);

/**
 * spec_word_index - which word an address is in (S40)
 * @addr:	the address
 */
static inline u64 spec_word_index(u64 addr)
{
	return addr / SPEC_WORD_SIZE;
}

#endif /* SPEC_MEMORY_H */
