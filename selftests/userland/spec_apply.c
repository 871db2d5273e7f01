// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the cursor's operations do to mappings: against an array of pages, and
 * against their postconditions.
 */
#include "spec_maps.h"

static const struct spec_map_args one_page = {
	.frame = GB1, .len = KB4, .level = 1, .prop = RW,
};

TEST(apply__map_refuses_what_it_cannot_do)
{
	struct spec_map_args args = one_page;

	start();
	EXPECT_EQ(-EINVAL, spec_apply_map(&after, 8, &args));
	args.level = 2;
	EXPECT_EQ(-EINVAL, spec_apply_map(&after, 0, &args));
	args.len = MB2;
	EXPECT_EQ(-EINVAL, spec_apply_map(&after, KB4, &args));
	EXPECT_EQ(0, spec_apply_map(&after, MB2, &args));
	args.len = 0;
	EXPECT_EQ(-EINVAL, spec_apply_map(&after, 0, &args));
	args = (struct spec_map_args) { .len = 512 * GB1, .level = 4 };
	EXPECT_EQ(-EINVAL, spec_apply_map(&after, 0, &args));
	EXPECT_EQ(1, spec_map_count(&after));
	end();
}

TEST(apply__map_on_occupied)
{
	struct spec_map_args args = one_page;
	struct spec_pte pte;

	start();
	EXPECT_EQ(0, spec_apply_map(&after, KB4, &args));
	args.len = 2 * KB4;
	EXPECT_EQ(-EEXIST, spec_apply_map(&after, 0, &args));
	EXPECT_EQ(1, spec_map_count(&after));
	args.replace = true;
	args.frame = 0;
	EXPECT_EQ(0, spec_apply_map(&after, 0, &args));
	EXPECT_EQ(2, spec_map_count(&after));
	EXPECT(spec_map_get(&after, KB4, &pte));
	EXPECT_EQ(KB4, pte.frame.base);
	end();
}

TEST(apply__nothing_to_do)
{
	const struct spec_region none = { KB4, 0 };
	struct spec_map_args args = { .len = MB2, .level = 2, .prop = RW };
	struct spec_change change = { .clear = SPEC_PROP_WRITE };
	struct spec_region piece;
	u64 bytes;

	start();
	EXPECT_EQ(0, spec_apply_map(&after, 0, &args));
	EXPECT_EQ(0, spec_apply_unmap(&after, none, &bytes));
	EXPECT_EQ(0, bytes);
	EXPECT_EQ(0, spec_apply_protect(&after, none, change, &bytes));
	EXPECT_EQ(0, bytes);
	EXPECT_EQ(-ENOENT, spec_apply_protect_next(&after, none, change, &piece));
	EXPECT_EQ(1, spec_map_count(&after));
	end();
}

TEST(apply__out_of_memory)
{
	const struct spec_region middle = { KB4, KB4 };
	struct spec_map_args args = { .len = MB2, .level = 2, .prop = RW };
	u64 bytes;

	start();
	EXPECT_EQ(0, spec_apply_map(&after, 0, &args));
	spec_test_allocations = 0;
	EXPECT_EQ(-ENOMEM, spec_apply_unmap(&after, middle, &bytes));
	spec_test_allocations = -1;
	end();
	start();
	args.len = 8 * MB2;
	spec_test_allocations = 1;
	EXPECT_EQ(-ENOMEM, spec_apply_map(&after, 0, &args));
	spec_test_allocations = -1;
	end();
}

/*
 * Random operations on 3 GiB, against an array with a word for each page of 4
 * KiB, which knows nothing of sizes: spec_apply_*() does them, the predicates
 * judge that, and find whatever is spoilt afterwards.
 */
#define PAGES	(3 * 512 * 512)

static u64 model[PAGES];	/* frame | property | 1; 0 if nothing is mapped */
static u64 spoilt, found_spoilt;

static void model_map(u64 va, u64 frame, u64 len, u32 prop)
{
	u64 i;

	for (i = 0; i < len / KB4; i++)
		model[va / KB4 + i] = (frame + i * KB4) | prop << 1 | 1;
}

static u64 model_bytes(u64 va, u64 len)
{
	u64 i, pages = 0;

	for (i = 0; i < len / KB4; i++)
		pages += model[va / KB4 + i] & 1;
	return pages * KB4;
}

static void model_change(u64 va, u64 len, struct spec_change change)
{
	u64 i;

	for (i = va / KB4; i < (va + len) / KB4; i++)
		if (model[i])
			model[i] = (model[i] & ~((u64)change.clear << 1)) | change.set << 1;
}

static void compare_page(u64 va)
{
	struct spec_pte pte;
	u64 base, seen = 0;

	if (spec_map_covering(&after, va, &base, &pte))
		seen = (pte.frame.base + va - base) | spec_prop(&pte) << 1 | 1;
	EXPECT_EQ(model[va / KB4], seen);
}

/* Everywhere from time to time, else around the ends of what was done. */
static void compare(u64 va, u64 len, bool all)
{
	u64 i;

	for (i = 0; i < 3 * GB1; i += all ? KB4 : 67 * MB2 + 13 * KB4)
		compare_page(i);
	for (i = 0; i < 4; i++) {
		if (va + len >= i * KB4 && va + len - i * KB4 < 3 * GB1)
			compare_page(va + len - i * KB4);
		if (va >= i * KB4 && va - i * KB4 < 3 * GB1)
			compare_page(va - i * KB4);
		if (va + i * KB4 < 3 * GB1)
			compare_page(va + i * KB4);
	}
}

static u64 random_va(u64 align)
{
	static const u64 near[] = { 0, MB2, GB1 - MB2, GB1, 2 * GB1 - MB2, 2 * GB1 };
	u64 va = near[spec_test_random(ARRAY_SIZE(near))] + spec_test_random(1024) * KB4;

	return va & ~(align - 1);
}

static u64 random_len(u64 va)
{
	u64 most = (3 * GB1 - va) / KB4, pages = spec_test_random(6);

	if (spec_test_random(2))
		pages = spec_test_random(2000);
	if (!spec_test_random(8))
		pages = spec_test_random(PAGES);
	return KB4 * (pages < most ? pages : most);
}

static struct spec_change random_change(void)
{
	u32 clear = spec_test_random(0x80);

	return (struct spec_change) { clear, spec_test_random(0x80) & ~clear };
}

static struct spec_pte stray_page(void)
{
	return (struct spec_pte) { .frame = { GB1, KB4 } };
}

/* What no operation may do: the predicate has to say so. */
static bool spoil(u64 *va)
{
	u64 base = random_va(KB4);
	struct spec_pte pte;

	switch (spec_test_random(5)) {
	case 0:
		*va += KB4;
		return true;
	case 1:
		if (!spec_map_first(&after, base, &base, NULL))
			return false;
		return !spec_map_remove(&after, base);
	case 2:
		if (!spec_map_first(&after, base, &base, &pte))
			return false;
		pte.frame.base ^= pte.frame.size;
		break;
	case 3:
		if (!spec_map_first(&after, base, &base, &pte))
			return false;
		pte.flags.is_writable = !pte.flags.is_writable;
		break;
	default:
		pte = stray_page();
		return !spec_map_covering(&after, base, NULL, NULL) &&
		       !spec_map_insert(&after, base, &pte);
	}
	return !spec_map_replace(&after, base, &pte);
}

struct operation {
	unsigned int kind;
	u64 va, len, new_va, bytes;
	struct spec_map_args args;
	struct spec_change change;
	struct spec_found found;
	int error;
};

static const char *judge(const struct operation *op)
{
	const struct spec_view old = { .map = &before, .end = 3 * GB1, .va = op->va };
	const struct spec_view new = { .map = &after, .end = 3 * GB1, .va = op->new_va };
	const char *rule = spec_check_view(&new, VA_END, WIDTH);

	if (rule)
		return rule;
	switch (op->kind) {
	case 0:
		return spec_check_map(&old, &new, &op->args, op->error);
	case 1:
		return spec_check_unmap(&old, &new, op->len, op->bytes, 0);
	case 2:
		return spec_check_protect(&old, &new, op->len, op->change, op->bytes, 0);
	case 3:
		return spec_check_protect_next(&old, &new, op->len, op->change, &op->found);
	default:
		return spec_check_find_next(&old, &new, op->len, &op->found);
	}
}

static void do_map(struct operation *op)
{
	unsigned int level = spec_test_random(40) ? 1 + spec_test_random(2) : 3;
	u64 size = spec_entry_size(level), most;

	op->va = random_va(size);
	most = (3 * GB1 - op->va) / size;
	op->len = size * (1 + spec_test_random(level == 1 ? 600 : 2));
	if (op->len > most * size)
		op->len = most * size;
	op->args = (struct spec_map_args) {
		.frame = spec_test_random(1 << 12) * GB1, .len = op->len, .level = level,
		.prop = spec_test_random(0x80), .replace = spec_test_random(2),
	};
	op->error = spec_apply_map(&after, op->va, &op->args);
	EXPECT_EQ(!op->args.replace && model_bytes(op->va, op->len) ? -EEXIST : 0, op->error);
	op->new_va = op->va + (op->error ? 0 : op->len);
	if (!op->error)
		model_map(op->va, op->args.frame, op->len, op->args.prop);
}

static void do_unmap(struct operation *op)
{
	EXPECT_EQ(0, spec_apply_unmap(&after, (struct spec_region) { op->va, op->len },
				      &op->bytes));
	EXPECT_EQ(model_bytes(op->va, op->len), op->bytes);
	memset(&model[op->va / KB4], 0, op->len / KB4 * sizeof(model[0]));
	op->new_va = op->va + op->len;
}

static void do_protect(struct operation *op)
{
	op->change = random_change();
	EXPECT_EQ(0, spec_apply_protect(&after, (struct spec_region) { op->va, op->len },
					op->change, &op->bytes));
	EXPECT_EQ(model_bytes(op->va, op->len), op->bytes);
	model_change(op->va, op->len, op->change);
	op->new_va = op->va + op->len;
}

static void do_protect_next(struct operation *op)
{
	struct spec_region piece;
	struct spec_pte pte;
	int ret;

	op->change = random_change();
	ret = spec_apply_protect_next(&after, (struct spec_region) { op->va, op->len }, op->change,
				      &piece);
	EXPECT_EQ(model_bytes(op->va, op->len) ? 0 : -ENOENT, ret);
	op->new_va = op->va + op->len;
	if (ret)
		return;
	op->new_va = piece.base + piece.size;
	model_change(piece.base, piece.size, op->change);
	spec_map_get(&after, piece.base, &pte);
	op->found = (struct spec_found) {
		.present = true, .start = piece.base, .end = op->new_va, .prop = spec_prop(&pte),
	};
}

static void do_find_next(struct operation *op)
{
	struct spec_pte pte;
	u64 base, i;

	for (i = op->va; i < op->va + op->len && !model[i / KB4]; i += KB4)
		;
	op->new_va = i;
	if (i == op->va + op->len)
		return;
	spec_map_covering(&after, i, &base, &pte);
	op->found = (struct spec_found) {
		.present = true, .start = base, .end = base + pte.frame.size,
	};
}

static void (*const operations[])(struct operation *op) = {
	do_map, do_unmap, do_protect, do_protect_next, do_find_next,
};

static void judge_spoilt(struct operation *op, unsigned int i)
{
	struct spec_map good;
	const char *rule;

	spec_map_init(&good, &spec_test_alloc);
	EXPECT_EQ(0, spec_map_copy(&good, &after));
	if (spoil(&op->new_va)) {
		rule = judge(op);
		spoilt++;
		found_spoilt += !!rule;
		if (!rule)
			printf("# step %u, kind %u: not found\n", i, op->kind);
	}
	EXPECT_EQ(0, spec_map_copy(&after, &good));
	spec_map_clear(&good);
}

static void random_operation(unsigned int i)
{
	struct operation op = { .kind = spec_test_random(ARRAY_SIZE(operations)) };

	EXPECT_EQ(0, spec_map_copy(&before, &after));
	op.va = random_va(KB4);
	op.len = random_len(op.va);
	operations[op.kind](&op);
	EXPECT_HOLDS(judge(&op));
	compare(op.va, op.len, i % 50 == 0);
	if (spec_test_random(2))
		judge_spoilt(&op, i);
}

TEST(apply__random_operations)
{
	u64 steps = spec_test_number("STEPS", 600);
	unsigned int i;

	spec_test_state = spec_test_number("SEED", 1);
	start();
	memset(model, 0, sizeof(model));
	for (i = 0; i < steps; i++) {
		if (i % 100 == 99) {
			spec_map_clear(&after);
			memset(model, 0, sizeof(model));
		}
		random_operation(i);
	}
	printf("# %llu of %llu spoilt results found\n", found_spoilt, spoilt);
	EXPECT(spoilt > steps / 5 && found_spoilt == spoilt);
	end();
}
