// SPDX-License-Identifier: GPL-2.0-only
#include "../../module/spec/geometry.h"
#include "tables.h"

#define LEVEL_MASK	7	/* of a key: the rest is an address */

/**
 * struct table_place - an entry that links a table
 * @key:	first address that it spans, plus its level
 * @page:	physical address of the table
 */
struct table_place {
	u64 key;
	u64 page;
};

/**
 * struct table_page - a table
 * @page:	its physical address
 */
struct table_page {
	u64 page;
};

/**
 * tables_init - a root in which nothing is linked
 * @t:		receives it
 * @alloc:	where memory comes from; stays in use
 * @levels:	of the page table
 * @width:	of a physical address
 */
void tables_init(struct tables *t, const struct spec_alloc *alloc, unsigned int levels,
		 unsigned int width)
{
	spec_vector_init(&t->places, alloc, sizeof(struct table_place));
	spec_vector_init(&t->pages, alloc, sizeof(struct table_page));
	t->levels = levels;
	t->width = width;
}

/**
 * tables_clear - give all memory back
 * @t:	the tables
 */
void tables_clear(struct tables *t)
{
	spec_vector_clear(&t->places);
	spec_vector_clear(&t->pages);
}

static u64 place_key(u64 va, unsigned int level)
{
	return (va & -spec_entry_size(level)) | level;
}

/* Whether the table that the entry is in is linked. */
static bool is_linked(const struct tables *t, u64 va, unsigned int level)
{
	return level == t->levels || spec_vector_get(&t->places, place_key(va, level + 1));
}

static void forget_page(struct tables *t, u64 page)
{
	void *item = spec_vector_get(&t->pages, page);

	if (item)
		spec_vector_remove(&t->pages, item);
}

/* A table is taken out, with all that is below it. */
static void take_out(struct tables *t, u64 va, unsigned int level)
{
	u64 end = va + spec_entry_size(level);
	size_t i = spec_vector_find(&t->places, va);

	while (i < t->places.nr) {
		struct table_place *place = spec_vector_item(&t->places, i);

		if (place->key >= end)
			break;
		if ((place->key & LEVEL_MASK) > level) {
			i++;
			continue;
		}
		forget_page(t, place->page);
		spec_vector_remove(&t->places, place);
	}
}

static const char *put_in(struct tables *t, u64 va, unsigned int level, u64 page)
{
	struct table_place *place;

	if (spec_vector_get(&t->pages, page))
		return "S32_table_is_linked_once";
	place = spec_vector_insert(&t->places, place_key(va, level));
	if (!place || !spec_vector_insert(&t->pages, page))
		return "no_memory";
	place->page = page;
	return NULL;
}

/**
 * tables_write - an entry was written
 * @t:		the tables
 * @va:		first address that it spans
 * @level:	of its table, 1 to @t->levels
 * @old:	what stood there
 * @new:	what stands there now
 *
 * Return: NULL or the rule.
 */
const char *tables_write(struct tables *t, u64 va, unsigned int level, u64 old, u64 new)
{
	const struct table_place *place = spec_vector_get(&t->places, place_key(va, level));
	struct spec_entry from, to;
	bool was_table;

	if (va & (spec_entry_size(level) - 1))
		return "S6_entry_base";
	if (!is_linked(t, va, level))
		return "S35_written_in_a_linked_table";
	spec_decode(old, level, t->width, &from);
	spec_decode(new, level, t->width, &to);
	was_table = level > 1 && from.kind == SPEC_DIRECTORY;
	if (was_table != !!place || (place && place->page != from.addr))
		return "S31_as_it_was";
	if (was_table)
		take_out(t, va, level);
	return level > 1 && to.kind == SPEC_DIRECTORY ? put_in(t, va, level, to.addr) : NULL;
}
