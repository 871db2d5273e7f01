// SPDX-License-Identifier: GPL-2.0-only
#include "memory.h"

/**
 * struct table - one of the pages
 * @base:	physical address
 * @words:	its 512 words
 */
struct table {
	u64 base;
	u64 *words;
};

static bool all_zero(const u64 *words)
{
	unsigned int i;

	for (i = 0; i < SPEC_NUM_ENTRIES; i++)
		if (words[i])
			return false;
	return true;
}

static struct table *find_table(const struct spec_memory *mem, u64 base)
{
	return spec_vector_get(&mem->pages, base);
}

static void add_table(struct spec_memory *mem, u64 base, u64 *words)
{
	struct table *t = spec_vector_insert(&mem->pages, base);

	t->words = words;
}

/**
 * spec_memory_init - a memory with only a root in it (S38)
 * @mem:	the memory
 * @alloc:	where memory for the list of pages will come from; stays in use
 * @width:	of a physical address
 * @cr3:	physical address of the root
 * @words:	its 512 words
 *
 * Return: 0 or -ENOMEM.  Whether it is right, spec_check_memory_init() says.
 */
int spec_memory_init(struct spec_memory *mem, const struct spec_alloc *alloc, unsigned int width,
		     u64 cr3, u64 *words)
{
	*mem = (struct spec_memory) { .cr3 = cr3, .width = width };
	spec_vector_init(&mem->pages, alloc, sizeof(struct table));
	if (spec_vector_reserve(&mem->pages, 1))
		return -ENOMEM;
	add_table(mem, cr3, words);
	return 0;
}

/**
 * spec_memory_clear - give back what the list of pages takes
 * @mem:	the memory; no page is touched
 */
void spec_memory_clear(struct spec_memory *mem)
{
	spec_vector_clear(&mem->pages);
	mem->available = 0;
}

/**
 * spec_memory_provide - make more pages available (S33)
 * @mem:	the memory
 * @nr:		how many more
 *
 * No allocation fails within an operation: what it may need, one page for each
 * level that may be missing, is provided before it starts.
 *
 * Return: 0, or -ENOMEM, and then nothing has changed.
 */
int spec_memory_provide(struct spec_memory *mem, size_t nr)
{
	if (spec_vector_reserve(&mem->pages, mem->pages.nr + mem->available + nr))
		return -ENOMEM;
	mem->available += nr;
	return 0;
}

/**
 * spec_memory_alloc_page - a page becomes a table (S32, S37)
 * @mem:	the memory
 * @base:	its physical address
 * @words:	its 512 words
 *
 * Return: NULL, or the rule, and then nothing has changed.
 */
const char *spec_memory_alloc_page(struct spec_memory *mem, u64 base, u64 *words)
{
	if (!mem->available)
		return "S33_pages_available";
	if (!spec_aligned(base, SPEC_PAGE_SIZE))
		return "S32_page_aligned";
	if (base > spec_max_phyaddr(mem->width) - SPEC_PAGE_SIZE)
		return "S32_page_in_bounds";
	if (find_table(mem, base))
		return "S32_page_not_owned";
	if (!all_zero(words))
		return "S32_page_zero";
	add_table(mem, base, words);
	mem->available--;
	return NULL;
}

/**
 * spec_memory_dealloc_page - a page is a table no more (S34)
 * @mem:	the memory; its count of available pages stays as it is
 * @base:	the page's physical address
 *
 * As later versions of the specification have it, the page is all zero by then,
 * and is not the root.
 *
 * Return: NULL, or the rule, and then nothing has changed.
 */
const char *spec_memory_dealloc_page(struct spec_memory *mem, u64 base)
{
	struct table *t = find_table(mem, base);

	if (!t)
		return "S34_page_owned";
	if (base == mem->cr3)
		return "S34_not_the_root";
	if (!all_zero(t->words))
		return "S34_page_zero";
	spec_vector_remove(&mem->pages, t);
	return NULL;
}

/* What reading and writing have in common. */
static const char *check_word(const struct spec_memory *mem, u64 pbase, u64 idx,
			      struct spec_region region)
{
	if (pbase != region.base)
		return "S35_address_of_region";
	if (!spec_aligned(pbase, SPEC_WORD_SIZE))
		return "S35_word_aligned";
	if (region.size != SPEC_PAGE_SIZE || !find_table(mem, region.base))
		return "S35_region_owned";
	return idx < SPEC_NUM_ENTRIES ? NULL : "S35_index_in_table";
}

/**
 * spec_memory_write - write a word of a table (S35)
 * @mem:	the memory
 * @pbase:	physical address of the table
 * @idx:	which word
 * @region:	the table
 * @value:	what is written; no other word changes
 *
 * Return: NULL, or the rule, and then nothing has changed.
 */
const char *spec_memory_write(struct spec_memory *mem, u64 pbase, u64 idx,
			      struct spec_region region, u64 value)
{
	const char *rule = check_word(mem, pbase, idx, region);

	if (!rule)
		find_table(mem, pbase)->words[idx] = value;
	return rule;
}

/**
 * spec_memory_read - read a word of a table (S36)
 * @mem:	the memory
 * @pbase:	physical address of the table
 * @idx:	which word
 * @region:	the table
 * @value:	receives the word
 *
 * Return: NULL or the rule.
 */
const char *spec_memory_read(const struct spec_memory *mem, u64 pbase, u64 idx,
			     struct spec_region region, u64 *value)
{
	const char *rule = check_word(mem, pbase, idx, region);

	if (!rule)
		*value = find_table(mem, pbase)->words[idx];
	return rule;
}

/**
 * spec_memory_entry - read an entry, for struct spec_pt
 * @mem:	struct spec_memory
 * @table:	physical address of the table
 * @idx:	which entry, 0 to 511
 *
 * Return: the entry; 0 where there is no table.
 */
u64 spec_memory_entry(void *mem, u64 table, unsigned int idx)
{
	const struct table *t = find_table(mem, table);

	return t ? t->words[idx] : 0;
}

/**
 * spec_check_memory - the invariant of the memory (S37)
 * @mem:	the memory
 *
 * Return: NULL or the rule.
 */
const char *spec_check_memory(const struct spec_memory *mem)
{
	const struct table *t, *before = NULL;

	if (!spec_aligned(mem->cr3, SPEC_PAGE_SIZE) || !find_table(mem, mem->cr3))
		return "S37_root";
	spec_vector_for_each(&mem->pages, t) {
		if (before && t->base - before->base < SPEC_PAGE_SIZE)
			return "S37_pages_disjoint";
		before = t;
	}
	return NULL;
}

/**
 * spec_check_memory_init - how the memory starts: with an empty root alone (S38)
 * @mem:	the memory
 *
 * Return: NULL or the rule.
 */
const char *spec_check_memory_init(const struct spec_memory *mem)
{
	const struct table *root = find_table(mem, mem->cr3);
	const char *rule = spec_check_memory(mem);

	if (rule)
		return rule;
	return mem->pages.nr == 1 && all_zero(root->words) ? NULL : "S38_empty_root_alone";
}

/**
 * spec_check_linear_map - addresses of words do not wrap (S37)
 * @linear_base: where physical address 0 is mapped in the kernel
 * @width:	of a physical address
 *
 * The specification bounds @linear_base by 0x7fe0000000000000, for the sake of
 * this; a kernel in the upper half needs the bound itself.
 *
 * Return: NULL or the rule.
 */
const char *spec_check_linear_map(u64 linear_base, unsigned int width)
{
	return linear_base <= ~0ULL - spec_max_phyaddr(width) ? NULL : "S37_linear_map";
}

/**
 * spec_check_frames - no table is mapped as memory (S39)
 * @mem:	the memory
 * @map:	mappings
 *
 * Return: NULL or the rule.
 */
const char *spec_check_frames(const struct spec_memory *mem, const struct spec_map *map)
{
	const struct table *t;
	struct spec_pte pte;
	u64 base;

	spec_map_for_each(map, base, pte) {
		size_t i = spec_vector_find(&mem->pages, pte.frame.base);

		t = i < mem->pages.nr ? spec_vector_item(&mem->pages, i) : NULL;
		if (t && spec_contains(pte.frame, t->base))
			return "S39_tables_are_not_frames";
	}
	return NULL;
}

/**
 * spec_valid_access - whether an access of that size can be at an address (S40)
 * @addr:	the address
 * @size:	in bytes
 *
 * The specification knows words; later versions 1, 2, 4 and 8 bytes, which do not
 * cross a word if they are aligned.
 */
bool spec_valid_access(u64 addr, unsigned int size)
{
	return (size == 1 || size == 2 || size == 4 || size == 8) && spec_aligned(addr, size);
}
