// SPDX-License-Identifier: GPL-2.0-only
#include "node.h"

/* Entries that are not empty; what hardware calls empty may hold a mapping. */
static unsigned int count_entries(const struct spec_pt *pt, u64 table)
{
	unsigned int i, count = 0;

	for (i = 0; i < SPEC_NUM_ENTRIES; i++)
		count += !!pt->read(pt->ctx, table, i);
	return count;
}

/**
 * spec_check_node - what is known of a table is true
 * @nodes:	what is known
 * @table:	physical address of the table
 * @expected:	its place in the page table; @expected->count is not looked at
 *
 * Its level is its parent's minus one, it has that one parent entry, the count of
 * its entries is exact, and it is not stray.
 *
 * Return: NULL or the rule.
 */
const char *spec_check_node(const struct spec_nodes *nodes, u64 table,
			    const struct spec_node *expected)
{
	struct spec_node node;

	if (!nodes->get(nodes->ctx, table, &node))
		return "node_of_table";
	if (node.stray)
		return "node_not_stray";
	if (node.level != expected->level)
		return "node_level";
	if (node.parent != expected->parent || node.index != expected->index)
		return "node_one_parent";
	if (node.count != count_entries(nodes->pt, table))
		return "node_count";
	if (!node.count && nodes->reclaims && table != nodes->pt->cr3)
		return "S59_no_empty_directories";
	return NULL;
}

static const char *check_child(const struct spec_nodes *nodes, const struct spec_iter *it)
{
	struct spec_node expected = {
		.parent = it->table[it->level],
		.index = spec_index_bits(it->level, it->va),
		.level = it->level - 1,
	};

	return spec_check_node(nodes, it->entry.addr, &expected);
}

/**
 * spec_check_nodes - what is known of tables is true, and entries are leaves or live tables
 * @nodes:	what is known
 * @region:	the root, and the tables that span a part of this
 *
 * Return: NULL or the rule.
 */
const char *spec_check_nodes(const struct spec_nodes *nodes, struct spec_region region)
{
	struct spec_node root = { .level = nodes->pt->levels };
	const char *rule = spec_check_node(nodes, nodes->pt->cr3, &root);
	struct spec_iter it;

	if (rule)
		return rule;
	spec_for_each_entry(&it, nodes->pt, region) {
		if (it.entry.kind == SPEC_DIRECTORY)
			rule = check_child(nodes, &it);
		if (rule)
			return rule;
	}
	return NULL;
}
