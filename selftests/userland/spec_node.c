// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is known of table pages: each thing that can be wrong with it is found.
 */
#include "spec/node.h"
#include "spec_test.h"

#define P	0x1ULL
#define DIR	0x7ULL
#define PS	0x80ULL
#define HELD	0x800ULL
#define KB4	0x1000ULL
#define GB1	0x40000000ULL

/*
 * A root at 0x1000, a table of each lower level behind it, and a second one of
 * level 1 at 0x5000.  The mapped addresses: 0, 511 * 4K, 2M.
 */
static u64 tables[8][512];
static struct spec_node nodes[8];

static u64 read_table(void *ctx, u64 table, unsigned int idx)
{
	EXPECT(!ctx);
	return table / KB4 < 8 ? tables[table / KB4][idx] : 0;
}

static bool get_node(void *ctx, u64 table, struct spec_node *node)
{
	EXPECT(!ctx);
	if (table / KB4 >= 8 || !nodes[table / KB4].level)
		return false;
	*node = nodes[table / KB4];
	return true;
}

static struct spec_pt pt = { .read = read_table, .cr3 = KB4, .levels = 4, .width = 46 };
static struct spec_nodes known = { .pt = &pt, .get = get_node, .reclaims = true };

static void start(void)
{
	memset(tables, 0, sizeof(tables));
	memset(nodes, 0, sizeof(nodes));
	tables[1][0] = 2 * KB4 | DIR;
	tables[2][0] = 3 * KB4 | DIR;
	tables[3][0] = 4 * KB4 | DIR;
	tables[3][1] = 5 * KB4 | DIR;
	tables[4][0] = P;
	tables[4][511] = P;
	tables[5][0] = P;
	nodes[1] = (struct spec_node) { .level = 4, .count = 1 };
	nodes[2] = (struct spec_node) { .parent = KB4, .level = 3, .count = 1 };
	nodes[3] = (struct spec_node) { .parent = 2 * KB4, .level = 2, .count = 2 };
	nodes[4] = (struct spec_node) { .parent = 3 * KB4, .level = 1, .count = 2 };
	nodes[5] = (struct spec_node) { .parent = 3 * KB4, .index = 1, .level = 1, .count = 1 };
}

static const char *check(void)
{
	return spec_check_nodes(&known, SPEC_ALL);
}

TEST(node__right)
{
	start();
	EXPECT_HOLDS(check());
}

TEST(node__of_every_table)
{
	start();
	nodes[5].level = 0;
	EXPECT_RULE("node_of_table", check());
	start();
	tables[3][7] = 0x7000 | DIR;
	nodes[3].count++;
	EXPECT_RULE("node_of_table", check());
}

TEST(node__level_is_one_less)
{
	unsigned int i;

	for (i = 1; i < 6; i++) {
		start();
		nodes[i].level++;
		EXPECT_RULE("node_level", check());
	}
}

TEST(node__one_parent_entry)
{
	start();
	nodes[4].parent = 2 * KB4;
	EXPECT_RULE("node_one_parent", check());
	start();
	nodes[5].index = 0;
	EXPECT_RULE("node_one_parent", check());
	/* A second entry that points to a table. */
	start();
	tables[3][2] = 5 * KB4 | DIR;
	nodes[3].count++;
	EXPECT_RULE("node_one_parent", check());
	/* A root has none. */
	start();
	nodes[1].parent = KB4;
	EXPECT_RULE("node_one_parent", check());
}

TEST(node__count)
{
	unsigned int i;

	for (i = 1; i < 6; i++) {
		start();
		nodes[i].count++;
		EXPECT_RULE("node_count", check());
	}
	start();
	tables[5][300] = P;
	EXPECT_RULE("node_count", check());
	/* What holds a mapping without READ counts. */
	tables[5][300] = HELD;
	nodes[5].count++;
	EXPECT_HOLDS(check());
}

TEST(node__stray)
{
	start();
	nodes[4].stray = true;
	EXPECT_RULE("node_not_stray", check());
}

TEST(S59_no_empty_directories)
{
	start();
	tables[5][0] = 0;
	nodes[5].count = 0;
	EXPECT_RULE("S59_no_empty_directories", check());
	known.reclaims = false;
	EXPECT_HOLDS(check());
	known.reclaims = true;
	/* The root may be empty. */
	start();
	tables[1][0] = 0;
	nodes[1].count = 0;
	EXPECT_HOLDS(check());
}

TEST(node__entry_is_leaf_or_table)
{
	start();
	tables[2][5] = GB1 | PS | P;
	nodes[2].count++;
	EXPECT_HOLDS(check());
}

TEST(node__only_of_the_region)
{
	const struct spec_region first = { 0, KB4 }, second = { 512 * KB4, KB4 };

	start();
	nodes[5].count++;
	EXPECT_HOLDS(spec_check_nodes(&known, first));
	EXPECT_RULE("node_count", spec_check_nodes(&known, second));
}
