/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is known of each table page, held against the tables themselves: the
 * postcondition "node" of the cursor's specification.
 */
#ifndef SPEC_NODE_H
#define SPEC_NODE_H

#include "walk.h"

/**
 * struct spec_node - what is known of a table
 * @parent:	physical address of the table that points to it; 0 for the root
 * @index:	of the entry there
 * @level:	its level
 * @count:	how many of its entries are not empty
 * @stray:	it is not part of the page table any more
 */
struct spec_node {
	u64 parent;
	unsigned int index;
	unsigned int level;
	unsigned int count;
	bool stray;
};

/**
 * struct spec_nodes - what is known of all tables
 * @pt:		the page table
 * @get:	finds the node of the table at @table; false if there is none
 * @ctx:	passed to @get
 * @reclaims:	no table but the root is ever left empty (S59: no_empty_directories)
 */
struct spec_nodes {
	const struct spec_pt *pt;
	bool (*get)(void *ctx, u64 table, struct spec_node *node);
	void *ctx;
	bool reclaims;
};

const char *spec_check_node(const struct spec_nodes *nodes, u64 table,
			    const struct spec_node *expected);
const char *spec_check_nodes(const struct spec_nodes *nodes, struct spec_region region);

#endif /* SPEC_NODE_H */
