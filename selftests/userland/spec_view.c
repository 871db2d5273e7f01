// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a cursor sees: each postcondition holds for what it should hold for, and
 * is violated by each thing that it forbids.
 */
#include "spec/entry.h"
#include "spec_maps.h"

static struct spec_pte make_pte(u64 frame, u64 size, u32 prop)
{
	struct spec_pte pte = { .frame = { frame, size } };

	spec_set_prop(&pte, prop);
	return pte;
}

static void put(struct spec_map *map, u64 va, u64 frame, u64 size, u32 prop)
{
	const struct spec_pte pte = make_pte(frame, size, prop);

	spec_map_remove(map, va);
	EXPECT_EQ(0, spec_map_insert(map, va, &pte));
}

static void put_both(u64 va, u64 frame, u64 size, u32 prop)
{
	put(&before, va, frame, size, prop);
	put(&after, va, frame, size, prop);
}

/* A cursor on the first 4 GiB. */
static struct spec_view view(const struct spec_map *map, u64 va)
{
	return (struct spec_view) { .map = map, .end = 4 * GB1, .va = va };
}

TEST(view__property_there_and_back)
{
	u32 prop;

	for (prop = 0; prop < 0x80; prop++) {
		struct spec_pte pte = { .attrs = SPEC_PWT | SPEC_PCD };

		spec_set_prop(&pte, prop);
		EXPECT_EQ(prop, spec_prop(&pte));
		EXPECT_EQ(!!(prop & SPEC_PROP_WRITE), pte.flags.is_writable);
		EXPECT_EQ(!(prop & SPEC_PROP_USER), pte.flags.is_supervisor);
		EXPECT_EQ(!(prop & SPEC_PROP_EXEC), pte.flags.disable_execute);
		EXPECT_EQ(prop & SPEC_PROP_READ ? 0 : SPEC_NOREAD, pte.attrs & SPEC_NOREAD);
		EXPECT_EQ(SPEC_PWT | SPEC_PCD, pte.attrs & (SPEC_PWT | SPEC_PCD | SPEC_PAT));
	}
}

static const char *mapping(u64 va, u64 frame, u64 size)
{
	const struct spec_pte pte = make_pte(frame, size, RW);

	return spec_check_mapping(va, &pte, WIDTH);
}

/* Each property may stay, go or come: 3^7 changes, each of every property. */
TEST(view__bits_of_a_change)
{
	unsigned int i, k, n, prop;

	for (i = 0; i < 2187; i++) {
		struct spec_change change = { 0 };
		struct spec_bits bits;

		for (k = 0, n = i; k < 7; k++, n /= 3) {
			change.clear |= n % 3 == 1 ? 1 << k : 0;
			change.set |= n % 3 == 2 ? 1 << k : 0;
		}
		bits = spec_change_bits(change);
		for (prop = 0; prop < 128; prop++) {
			struct spec_pte from = { .frame = { GB1, KB4 }, .attrs = SPEC_PCD };
			struct spec_pte to = from;

			spec_set_prop(&from, prop);
			spec_set_prop(&to, (prop & ~change.clear) | change.set);
			EXPECT_EQ(spec_page_entry(&to, 1),
				  (spec_page_entry(&from, 1) & bits.keep) | bits.add);
		}
	}
}

TEST(mapping__size)
{
	EXPECT_HOLDS(mapping(0, 0, KB4));
	EXPECT_HOLDS(mapping(MB2, MB2, MB2));
	EXPECT_HOLDS(mapping(GB1, GB1, GB1));
	EXPECT_RULE("mapping_size", mapping(0, 0, 0));
	EXPECT_RULE("mapping_size", mapping(0, 0, 2 * KB4));
	EXPECT_RULE("mapping_size", mapping(0, 0, 512 * GB1));
}

TEST(mapping__alignment)
{
	EXPECT_RULE("mapping_va_aligned", mapping(KB4 / 2, 0, KB4));
	EXPECT_RULE("mapping_va_aligned", mapping(KB4, 0, MB2));
	EXPECT_RULE("mapping_va_aligned", mapping(MB2, 0, GB1));
	EXPECT_RULE("mapping_pa_aligned", mapping(0, 8, KB4));
	EXPECT_RULE("mapping_pa_aligned", mapping(0, KB4, MB2));
	EXPECT_RULE("mapping_pa_aligned", mapping(0, MB2, GB1));
}

TEST(mapping__physical_limit)
{
	const u64 limit = 1ULL << WIDTH;

	EXPECT_HOLDS(mapping(0, limit - KB4, KB4));
	EXPECT_RULE("mapping_pa_in_bounds", mapping(0, limit, KB4));
	EXPECT_HOLDS(mapping(0, limit - GB1, GB1));
	EXPECT_RULE("mapping_pa_in_bounds", mapping(0, limit, GB1));
	EXPECT_RULE("mapping_pa_in_bounds", mapping(0, ~(KB4 - 1), KB4));
}

TEST(view__in_user_range)
{
	struct spec_view v = { .map = &before, .start = VA_END - KB4, .end = VA_END, .va = VA_END };

	start();
	put(&before, VA_END - KB4, 0, KB4, RW);
	EXPECT_HOLDS(spec_check_view(&v, VA_END, WIDTH));
	EXPECT_RULE("view_in_user_range", spec_check_view(&v, VA_END - 1, WIDTH));
	put(&before, VA_END, 0, KB4, RW);
	EXPECT_RULE("view_in_user_range", spec_check_view(&v, VA_END, WIDTH));
	end();
}

TEST(view__disjoint)
{
	struct spec_view v = view(&before, 0);

	start();
	put(&before, MB2, 0, MB2, RW);
	put(&before, 2 * MB2, 0, KB4, RW);
	EXPECT_HOLDS(spec_check_view(&v, VA_END, WIDTH));
	put(&before, 2 * MB2 - KB4, 0, KB4, RW);
	EXPECT_RULE("view_disjoint", spec_check_view(&v, VA_END, WIDTH));
	spec_map_remove(&before, 2 * MB2 - KB4);
	put(&before, 0, 0, GB1, RW);
	EXPECT_RULE("view_disjoint", spec_check_view(&v, VA_END, WIDTH));
	end();
}

TEST(view__frames_may_be_shared)
{
	struct spec_view v = view(&before, 0);

	start();
	put(&before, 0, GB1, KB4, RW);
	put(&before, KB4, GB1, KB4, RW);
	EXPECT_HOLDS(spec_check_view(&v, VA_END, WIDTH));
	end();
}

TEST(view__position)
{
	struct spec_view v = { .map = &before, .start = MB2, .end = 2 * MB2 };

	start();
	v.va = MB2;
	EXPECT_HOLDS(spec_check_view(&v, VA_END, WIDTH));
	v.va = 2 * MB2;
	EXPECT_HOLDS(spec_check_view(&v, VA_END, WIDTH));
	v.va = MB2 - KB4;
	EXPECT_RULE("view_position", spec_check_view(&v, VA_END, WIDTH));
	v.va = 2 * MB2 + KB4;
	EXPECT_RULE("view_position", spec_check_view(&v, VA_END, WIDTH));
	v.va = MB2 + 8;
	EXPECT_RULE("view_position", spec_check_view(&v, VA_END, WIDTH));
	put(&before, 0, 8 * KB4, KB4, RW);
	put(&before, MB2, KB4, MB2, RW);
	v.va = MB2;
	EXPECT_RULE("mapping_pa_aligned", spec_check_view(&v, VA_END, WIDTH));
	end();
}

static const char *unchanged(void)
{
	const struct spec_view old = view(&before, MB2), new = view(&after, MB2);

	return spec_check_unchanged(&old, &new);
}

TEST(unchanged__finds_each_change)
{
	const struct spec_view old = view(&before, MB2), moved = view(&after, MB2 + KB4);

	start();
	put_both(0, 0, KB4, RW);
	put_both(MB2, MB2, MB2, RW | SPEC_PROP_DIRTY);
	EXPECT_HOLDS(unchanged());
	EXPECT_RULE("position_unchanged", spec_check_unchanged(&old, &moved));
	put(&after, KB4, 0, KB4, RW);
	EXPECT_RULE("nothing_new", unchanged());
	spec_map_remove(&after, KB4);
	spec_map_remove(&after, 0);
	EXPECT_RULE("nothing_lost", unchanged());
	put(&after, 0, KB4, KB4, RW);
	EXPECT_RULE("same_translation", unchanged());
	put(&after, 0, 0, KB4, SPEC_PROP_READ);
	EXPECT_RULE("same_property", unchanged());
	put(&after, 0, 0, KB4, RW | SPEC_PROP_ACCESSED | SPEC_PROP_DIRTY);
	EXPECT_HOLDS(unchanged());
	put(&after, MB2, MB2, MB2, RW);
	EXPECT_RULE("accessed_dirty_kept", unchanged());
	spec_map_remove(&after, MB2);
	put(&after, MB2, MB2, KB4, RW | SPEC_PROP_DIRTY);
	EXPECT_RULE("split_only_at_boundary", unchanged());
	end();
}

TEST(unchanged__cache_policy_counts)
{
	struct spec_pte pte;

	start();
	put_both(0, 0, KB4, RW);
	pte = make_pte(0, KB4, RW);
	pte.attrs |= SPEC_PCD;
	EXPECT_EQ(0, spec_map_replace(&after, 0, &pte));
	EXPECT_RULE("same_property", unchanged());
	end();
}

/* What lies outside of the cursor's range is not its business. */
TEST(unchanged__looks_at_the_range_only)
{
	start();
	put(&after, 4 * GB1, 0, KB4, RW);
	put(&before, 5 * GB1, 0, KB4, RW);
	EXPECT_HOLDS(unchanged());
	put(&after, 4 * GB1 - KB4, 0, KB4, RW);
	EXPECT_RULE("nothing_new", unchanged());
	end();
}

static const char *query(u64 va, struct spec_found found)
{
	const struct spec_view old = view(&before, va), new = view(&after, va);

	return spec_check_query(&old, &new, &found);
}

#define PRESENT(from, to, p)						\
	((struct spec_found) { .present = true, .start = from, .end = to, .pte = p })
#define HOLE(from, to)		((struct spec_found) { .start = from, .end = to })
#define FAILED(e)		((struct spec_found) { .error = e })

TEST(query__mapping)
{
	const struct spec_pte large = make_pte(GB1, MB2, RW);
	const struct spec_pte other = make_pte(GB1, MB2, SPEC_PROP_READ);
	const struct spec_pte seen = make_pte(GB1, MB2, RW | SPEC_PROP_ACCESSED);

	start();
	put_both(MB2, GB1, MB2, RW);
	EXPECT_HOLDS(query(MB2, PRESENT(MB2, 2 * MB2, large)));
	EXPECT_HOLDS(query(MB2 + KB4, PRESENT(MB2, 2 * MB2, large)));
	EXPECT_HOLDS(query(MB2, PRESENT(MB2, 2 * MB2, seen)));
	EXPECT_RULE("found_whole_mapping", query(MB2 + KB4, PRESENT(MB2 + KB4, 2 * MB2, large)));
	EXPECT_RULE("found_whole_mapping", query(MB2, PRESENT(MB2, MB2 + KB4, large)));
	EXPECT_RULE("same_property", query(MB2, PRESENT(MB2, 2 * MB2, other)));
	EXPECT_RULE("query_present", query(MB2, HOLE(MB2, 2 * MB2)));
	EXPECT_RULE("query_present", query(0, PRESENT(0, KB4, large)));
	EXPECT_RULE("query_in_range", query(MB2, FAILED(-ERANGE)));
	put(&after, 0, 0, KB4, RW);
	EXPECT_RULE("nothing_new", query(MB2, PRESENT(MB2, 2 * MB2, large)));
	end();
}

TEST(query__hole)
{
	start();
	put_both(0, GB1, KB4, RW);
	put_both(MB2, GB1, MB2, RW);
	EXPECT_HOLDS(query(KB4, HOLE(KB4, MB2)));
	EXPECT_HOLDS(query(KB4, HOLE(KB4, 2 * KB4)));
	EXPECT_HOLDS(query(4 * GB1 - KB4, HOLE(2 * MB2, 4 * GB1)));
	EXPECT_RULE("query_true_hole", query(KB4, HOLE(0, MB2)));
	EXPECT_RULE("query_true_hole", query(KB4, HOLE(KB4, MB2 + KB4)));
	EXPECT_RULE("query_around_position", query(KB4, HOLE(2 * KB4, MB2)));
	EXPECT_RULE("query_around_position", query(2 * KB4, HOLE(KB4, 2 * KB4)));
	EXPECT_RULE("query_around_position", query(4 * GB1 - KB4, HOLE(2 * MB2, 5 * GB1)));
	end();
}

TEST(query__at_the_end)
{
	start();
	EXPECT_HOLDS(query(4 * GB1, FAILED(-ERANGE)));
	EXPECT_HOLDS(query(4 * GB1, FAILED(-EINTR)));
	EXPECT_RULE("query_at_end", query(4 * GB1, HOLE(0, 4 * GB1)));
	end();
}

static const char *find_next(u64 va, u64 len, u64 new_va, struct spec_found found)
{
	const struct spec_view old = view(&before, va), new = view(&after, new_va);

	return spec_check_find_next(&old, &new, len, &found);
}

#define FOUND(from, to)		((struct spec_found) { .present = true, .start = from, .end = to })

TEST(find_next__some)
{
	start();
	put_both(MB2, GB1, MB2, RW);
	put_both(3 * MB2, GB1, KB4, RW);
	EXPECT_HOLDS(find_next(0, GB1, MB2, FOUND(MB2, 2 * MB2)));
	EXPECT_HOLDS(find_next(0, MB2 + KB4, MB2, FOUND(MB2, 2 * MB2)));
	EXPECT_HOLDS(find_next(MB2 + KB4, KB4, MB2 + KB4, FOUND(MB2, 2 * MB2)));
	EXPECT_RULE("find_next_moves_to_mapping",
		    find_next(MB2 + KB4, KB4, MB2, FOUND(MB2, 2 * MB2)));
	EXPECT_RULE("find_next_moves_to_mapping", find_next(0, GB1, 0, FOUND(MB2, 2 * MB2)));
	EXPECT_RULE("find_next_moves_to_mapping",
		    find_next(0, GB1, 3 * MB2, FOUND(3 * MB2, 3 * MB2 + KB4)));
	EXPECT_RULE("found_whole_mapping", find_next(0, GB1, MB2, FOUND(MB2, MB2 + KB4)));
	EXPECT_RULE("find_next_first", find_next(0, GB1, GB1, HOLE(0, GB1)));
	EXPECT_RULE("find_next_first", find_next(0, MB2, MB2, FOUND(MB2, 2 * MB2)));
	put(&after, 0, 0, KB4, RW);
	EXPECT_RULE("nothing_new", find_next(0, GB1, MB2, FOUND(MB2, 2 * MB2)));
	end();
}

TEST(find_next__none)
{
	start();
	put_both(MB2, GB1, MB2, RW);
	EXPECT_HOLDS(find_next(0, MB2, MB2, HOLE(0, MB2)));
	EXPECT_HOLDS(find_next(2 * MB2, 4 * GB1 - 2 * MB2, 4 * GB1, HOLE(2 * MB2, 4 * GB1)));
	EXPECT_HOLDS(find_next(MB2, 0, MB2, HOLE(MB2, MB2)));
	EXPECT_RULE("find_next_moves_by_len", find_next(0, MB2, 0, HOLE(0, MB2)));
	EXPECT_RULE("find_next_moves_by_len", find_next(0, MB2, MB2 + KB4, HOLE(0, MB2)));
	EXPECT_RULE("find_next_first", find_next(MB2, 0, MB2, FOUND(MB2, 2 * MB2)));
	end();
}

TEST(find_next__errors)
{
	start();
	EXPECT_HOLDS(find_next(0, KB4 + 1, 0, FAILED(-EINVAL)));
	EXPECT_HOLDS(find_next(KB4, 4 * GB1, KB4, FAILED(-ERANGE)));
	EXPECT_HOLDS(find_next(KB4, ~0ULL << 12, KB4, FAILED(-ERANGE)));
	EXPECT_RULE("len_accepted", find_next(0, KB4, 0, FAILED(-EINVAL)));
	EXPECT_RULE("len_accepted", find_next(0, 4 * GB1, 0, FAILED(-ERANGE)));
	EXPECT_RULE("len_refused", find_next(0, KB4 + 1, KB4 + 1, HOLE(0, 0)));
	EXPECT_RULE("len_refused", find_next(KB4, 4 * GB1, 4 * GB1, HOLE(0, 0)));
	EXPECT_RULE("position_unchanged", find_next(0, KB4 + 1, KB4, FAILED(-EINVAL)));
	end();
}

static const char *jump(u64 va, u64 target, u64 new_va, int error)
{
	struct spec_view old = view(&before, va), new = view(&after, new_va);

	old.start = MB2;
	new.start = MB2;
	return spec_check_jump(&old, &new, target, error);
}

TEST(jump__in_range)
{
	start();
	EXPECT_HOLDS(jump(MB2, GB1, GB1, 0));
	EXPECT_HOLDS(jump(4 * GB1, MB2, MB2, 0));
	EXPECT_HOLDS(jump(MB2, 4 * GB1 - KB4, 4 * GB1 - KB4, 0));
	EXPECT_RULE("jump_sets_position", jump(MB2, GB1, MB2, 0));
	EXPECT_RULE("jump_accepted", jump(MB2, GB1, MB2, -ERANGE));
	EXPECT_RULE("jump_accepted", jump(MB2, GB1, MB2, -EINVAL));
	put(&after, MB2, 0, KB4, RW);
	EXPECT_RULE("nothing_new", jump(MB2, GB1, GB1, 0));
	end();
}

TEST(jump__out_of_range)
{
	start();
	EXPECT_HOLDS(jump(GB1, MB2 - KB4, GB1, -ERANGE));
	EXPECT_HOLDS(jump(GB1, 4 * GB1, GB1, -ERANGE));
	EXPECT_HOLDS(jump(GB1, ~0ULL << 12, GB1, -ERANGE));
	EXPECT_HOLDS(jump(GB1, MB2 + 8, GB1, -EINVAL));
	EXPECT_RULE("jump_refused", jump(GB1, 4 * GB1, 4 * GB1, 0));
	EXPECT_RULE("jump_refused", jump(GB1, MB2 - KB4, MB2 - KB4, 0));
	EXPECT_RULE("jump_refused", jump(GB1, MB2 + 8, MB2 + 8, 0));
	EXPECT_RULE("position_unchanged", jump(GB1, 4 * GB1, 4 * GB1, -ERANGE));
	end();
}

TEST(virt_addr__is_the_position)
{
	const struct spec_view v = view(&before, GB1), moved = view(&before, 0);

	start();
	EXPECT_HOLDS(spec_check_virt_addr(&v, &v, GB1));
	EXPECT_RULE("virt_addr_is_position", spec_check_virt_addr(&v, &v, 0));
	EXPECT_RULE("position_unchanged", spec_check_virt_addr(&v, &moved, GB1));
	end();
}

static const char *map_at(u64 va, u64 new_va, const struct spec_map_args *args, int error)
{
	const struct spec_view old = view(&before, va), new = view(&after, new_va);

	return spec_check_map(&old, &new, args, error);
}

TEST(map__adds_what_it_is_given)
{
	const struct spec_map_args args = {
		.frame = GB1, .len = 2 * KB4, .level = 1, .prop = RW, .cache = SPEC_PCD,
	};
	struct spec_pte pte = make_pte(GB1, KB4, RW);

	start();
	put_both(0, 0, KB4, RW);
	put_both(3 * KB4, 0, KB4, RW);
	pte.attrs |= SPEC_PCD;
	EXPECT_RULE("map_maps_all", map_at(KB4, 3 * KB4, &args, 0));
	EXPECT_EQ(0, spec_map_insert(&after, KB4, &pte));
	EXPECT_RULE("map_maps_all", map_at(KB4, 3 * KB4, &args, 0));
	EXPECT_EQ(0, spec_map_insert(&after, 2 * KB4, &pte));
	EXPECT_RULE("same_translation", map_at(KB4, 3 * KB4, &args, 0));
	pte.frame.base += KB4;
	EXPECT_EQ(0, spec_map_replace(&after, 2 * KB4, &pte));
	EXPECT_HOLDS(map_at(KB4, 3 * KB4, &args, 0));
	EXPECT_RULE("position_moves_by_len", map_at(KB4, KB4, &args, 0));
	EXPECT_RULE("position_moves_by_len", map_at(KB4, 2 * KB4, &args, 0));
	EXPECT_RULE("nothing_new", map_at(KB4, KB4, &args, -ENOMEM));
	EXPECT_RULE("map_empty_accepted", map_at(KB4, KB4, &args, -EEXIST));
	pte.flags.is_writable = false;
	EXPECT_EQ(0, spec_map_replace(&after, 2 * KB4, &pte));
	EXPECT_RULE("same_property", map_at(KB4, 3 * KB4, &args, 0));
	pte.flags.is_writable = true;
	pte.attrs = 0;
	EXPECT_EQ(0, spec_map_replace(&after, 2 * KB4, &pte));
	EXPECT_RULE("same_property", map_at(KB4, 3 * KB4, &args, 0));
	end();
}

TEST(map__changes_nothing_else)
{
	const struct spec_map_args args = { .frame = GB1, .len = KB4, .level = 1, .prop = RW };

	start();
	put_both(0, 0, KB4, RW);
	put(&after, KB4, GB1, KB4, RW);
	EXPECT_HOLDS(map_at(KB4, 2 * KB4, &args, 0));
	put(&after, GB1, 0, KB4, RW);
	EXPECT_RULE("nothing_new", map_at(KB4, 2 * KB4, &args, 0));
	spec_map_remove(&after, GB1);
	spec_map_remove(&after, 0);
	EXPECT_RULE("nothing_lost", map_at(KB4, 2 * KB4, &args, 0));
	put(&after, 0, KB4, KB4, RW);
	EXPECT_RULE("same_translation", map_at(KB4, 2 * KB4, &args, 0));
	end();
}

TEST(map__page_size)
{
	struct spec_map_args args = { .frame = 0, .len = MB2, .level = 1, .prop = RW };

	start();
	put(&after, MB2, 0, MB2, RW);
	EXPECT_RULE("map_page_size", map_at(MB2, 2 * MB2, &args, 0));
	args.level = 2;
	EXPECT_HOLDS(map_at(MB2, 2 * MB2, &args, 0));
	args.level = 0;
	EXPECT_HOLDS(map_at(MB2, 2 * MB2, &args, 0));
	/* More than it was given, at once and after something. */
	args.len = KB4;
	EXPECT_RULE("map_maps_all", map_at(MB2, MB2 + KB4, &args, 0));
	args.len = MB2 + KB4;
	put(&after, 2 * MB2, MB2, MB2, RW);
	EXPECT_RULE("map_maps_all", map_at(MB2, 2 * MB2 + KB4, &args, 0));
	end();
}

TEST(map__occupied)
{
	struct spec_map_args args = { .frame = GB1, .len = 2 * KB4, .level = 1, .prop = RW };

	start();
	put_both(KB4, 0, KB4, RW);
	EXPECT_HOLDS(map_at(0, 0, &args, -EEXIST));
	put(&after, 0, GB1, KB4, RW);
	EXPECT_RULE("nothing_new", map_at(0, 0, &args, -EEXIST));
	put(&after, KB4, GB1 + KB4, KB4, RW);
	EXPECT_RULE("map_occupied_refused", map_at(0, 2 * KB4, &args, 0));
	args.replace = true;
	EXPECT_HOLDS(map_at(0, 2 * KB4, &args, 0));
	EXPECT_RULE("map_empty_accepted", map_at(0, 0, &args, -EEXIST));
	end();
}

/* In the middle of a large page, what is not replaced lives on. */
TEST(map__replaces_a_part_of_a_large_page)
{
	const struct spec_map_args args = {
		.frame = GB1, .len = KB4, .level = 1, .prop = RW, .replace = true,
	};
	u64 bytes;

	start();
	put_both(0, 2 * GB1, MB2, RW);
	EXPECT_EQ(0, spec_apply_unmap(&after, (struct spec_region) { KB4, KB4 }, &bytes));
	put(&after, KB4, GB1, KB4, RW);
	EXPECT_HOLDS(map_at(KB4, 2 * KB4, &args, 0));
	spec_map_remove(&after, 2 * KB4);
	EXPECT_RULE("nothing_lost", map_at(KB4, 2 * KB4, &args, 0));
	put(&after, 2 * KB4, 2 * GB1, KB4, RW);
	EXPECT_RULE("same_translation", map_at(KB4, 2 * KB4, &args, 0));
	end();
}

TEST(map__length)
{
	struct spec_map_args args = { .frame = GB1, .len = 0, .level = 1, .prop = RW };

	start();
	EXPECT_RULE("len_refused", map_at(0, 0, &args, 0));
	args.len = 2 * KB4;
	EXPECT_RULE("len_refused", map_at(4 * GB1 - KB4, 4 * GB1 + KB4, &args, 0));
	EXPECT_HOLDS(map_at(4 * GB1 - KB4, 4 * GB1 - KB4, &args, -ERANGE));
	EXPECT_RULE("position_unchanged", map_at(0, KB4, &args, -EINVAL));
	end();
}

static const char *unmap(u64 va, u64 len, u64 new_va, u64 bytes, int error)
{
	const struct spec_view old = view(&before, va), new = view(&after, new_va);

	return spec_check_unmap(&old, &new, len, bytes, error);
}

TEST(unmap__removes_all_in_range)
{
	start();
	put(&before, 0, 0, KB4, RW);
	put_both(3 * KB4, 0, KB4, RW);
	put(&before, 2 * KB4, 0, KB4, RW);
	EXPECT_HOLDS(unmap(0, 3 * KB4, 3 * KB4, 2 * KB4, 0));
	EXPECT_RULE("count_is_exact", unmap(0, 3 * KB4, 3 * KB4, 3 * KB4, 0));
	EXPECT_RULE("count_is_exact", unmap(0, 3 * KB4, 3 * KB4, KB4, 0));
	EXPECT_RULE("position_moves_by_len", unmap(0, 3 * KB4, 0, 2 * KB4, 0));
	put(&after, 2 * KB4, 0, KB4, RW);
	EXPECT_RULE("all_removed", unmap(0, 3 * KB4, 3 * KB4, 2 * KB4, 0));
	EXPECT_HOLDS(unmap(0, 2 * KB4, 2 * KB4, KB4, 0));
	end();
}

TEST(unmap__changes_nothing_else)
{
	start();
	put(&before, 0, 0, KB4, RW);
	put_both(KB4, KB4, KB4, RW);
	EXPECT_HOLDS(unmap(0, KB4, KB4, KB4, 0));
	put(&after, GB1, 0, KB4, RW);
	EXPECT_RULE("nothing_new", unmap(0, KB4, KB4, KB4, 0));
	spec_map_remove(&after, GB1);
	spec_map_remove(&after, KB4);
	EXPECT_RULE("nothing_lost", unmap(0, KB4, KB4, KB4, 0));
	put(&after, KB4, KB4, KB4, SPEC_PROP_READ);
	EXPECT_RULE("same_property", unmap(0, KB4, KB4, KB4, 0));
	end();
}

TEST(unmap__splits_at_the_boundaries)
{
	const u64 len = 4 * MB2 - KB4;
	u64 bytes;

	start();
	put(&before, MB2, GB1, MB2, RW | SPEC_PROP_DIRTY);
	put(&before, 4 * MB2, 2 * GB1, MB2, RW);
	put_both(6 * MB2, 2 * GB1, MB2, RW);
	EXPECT_EQ(0, spec_map_copy(&after, &before));
	EXPECT_EQ(0, spec_apply_unmap(&after, (struct spec_region) { MB2 + KB4, len - MB2 },
				      &bytes));
	EXPECT_HOLDS(unmap(MB2 + KB4, len - MB2, 4 * MB2, bytes, 0));
	EXPECT_EQ(MB2 - KB4, bytes);

	/* What is left of the first lost its dirty bit, or leads elsewhere, or is gone. */
	put(&after, MB2, GB1, KB4, RW);
	EXPECT_RULE("accessed_dirty_kept", unmap(MB2 + KB4, len - MB2, 4 * MB2, bytes, 0));
	put(&after, MB2, GB1 + KB4, KB4, RW | SPEC_PROP_DIRTY);
	EXPECT_RULE("same_translation", unmap(MB2 + KB4, len - MB2, 4 * MB2, bytes, 0));
	spec_map_remove(&after, MB2);
	EXPECT_RULE("nothing_lost", unmap(MB2 + KB4, len - MB2, 4 * MB2, bytes, 0));
	put(&after, MB2, GB1, KB4, RW | SPEC_PROP_DIRTY);
	EXPECT_HOLDS(unmap(MB2 + KB4, len - MB2, 4 * MB2, bytes, 0));

	/* One that did not have to be split was. */
	EXPECT_EQ(0, spec_apply_split(&after, 6 * MB2));
	EXPECT_RULE("split_only_at_boundary", unmap(MB2 + KB4, len - MB2, 4 * MB2, bytes, 0));
	end();
}

TEST(unmap__straddling_page_left_whole)
{
	start();
	put_both(0, GB1, MB2, RW);
	EXPECT_RULE("split_at_boundary", unmap(KB4, KB4, 2 * KB4, KB4, 0));
	/* Of length 0, it has nothing to do. */
	EXPECT_HOLDS(unmap(KB4, 0, KB4, 0, 0));
	end();
}

/* A piece that reaches beyond what it is a piece of. */
TEST(unmap__pieces_stay_inside)
{
	start();
	put(&before, 0, GB1, KB4, RW);
	put(&after, 0, GB1, MB2, RW);
	EXPECT_RULE("nothing_new", unmap(GB1, 0, GB1, 0, 0));
	end();
}

TEST(unmap__errors)
{
	start();
	put_both(0, GB1, KB4, RW);
	EXPECT_HOLDS(unmap(0, 1, 0, 0, -EINVAL));
	EXPECT_HOLDS(unmap(0, 5 * GB1, 0, 0, -ERANGE));
	EXPECT_RULE("len_accepted", unmap(0, KB4, 0, 0, -EINVAL));
	EXPECT_RULE("len_refused", unmap(0, 5 * GB1, 5 * GB1, KB4, 0));
	spec_map_remove(&after, 0);
	EXPECT_RULE("nothing_lost", unmap(0, 1, 0, 0, -EINVAL));
	end();
}

TEST(split__changes_no_translation)
{
	const struct spec_pte large = make_pte(GB1, MB2, RW | SPEC_PROP_DIRTY);
	const u32 prop = RW | SPEC_PROP_DIRTY;

	start();
	put(&after, MB2, GB1, MB2, prop);
	EXPECT_EQ(0, spec_apply_split(&after, MB2));
	EXPECT_EQ(512, spec_map_count(&after));
	EXPECT_HOLDS(spec_check_split(&after, MB2, &large, KB4));
	EXPECT_RULE("split_pieces", spec_check_split(&after, MB2, &large, MB2));
	put(&after, MB2 + 7 * KB4, GB1 + 8 * KB4, KB4, prop);
	EXPECT_RULE("same_translation", spec_check_split(&after, MB2, &large, KB4));
	put(&after, MB2 + 7 * KB4, GB1 + 7 * KB4, KB4, SPEC_PROP_READ | SPEC_PROP_DIRTY);
	EXPECT_RULE("same_property", spec_check_split(&after, MB2, &large, KB4));
	put(&after, MB2 + 7 * KB4, GB1 + 7 * KB4, KB4, RW);
	EXPECT_RULE("accessed_dirty_kept", spec_check_split(&after, MB2, &large, KB4));
	spec_map_remove(&after, MB2 + 7 * KB4);
	EXPECT_RULE("split_pieces", spec_check_split(&after, MB2, &large, KB4));
	end();
}

TEST(split__of_1G_is_into_2M)
{
	const struct spec_pte huge = make_pte(GB1, GB1, RW);

	start();
	put(&after, GB1, GB1, GB1, RW);
	EXPECT_EQ(0, spec_apply_split(&after, GB1));
	EXPECT_HOLDS(spec_check_split(&after, GB1, &huge, MB2));
	EXPECT_EQ(-ENOENT, spec_apply_split(&after, 0));
	EXPECT_EQ(0, spec_apply_split(&after, GB1));
	EXPECT_EQ(-ENOENT, spec_apply_split(&after, GB1));
	EXPECT_EQ(1023, spec_map_count(&after));
	end();
}

static const struct spec_change to_read_only = { .clear = SPEC_PROP_WRITE };

static const char *protect_next(u64 va, u64 len, u64 new_va, struct spec_found found)
{
	const struct spec_view old = view(&before, va), new = view(&after, new_va);

	return spec_check_protect_next(&old, &new, len, to_read_only, &found);
}

#define CHANGED(from, to)						\
	((struct spec_found) { .present = true, .start = from, .end = to, .prop = SPEC_PROP_READ })

TEST(protect_next__changes_the_first)
{
	const struct spec_found first = CHANGED(KB4, 2 * KB4);
	struct spec_found wrong = first;

	start();
	put(&before, KB4, GB1, KB4, RW);
	put(&after, KB4, GB1, KB4, SPEC_PROP_READ);
	put_both(2 * KB4, GB1, KB4, RW);
	EXPECT_HOLDS(protect_next(0, MB2, 2 * KB4, first));
	EXPECT_RULE("protect_next_moves_past", protect_next(0, MB2, KB4, first));
	EXPECT_RULE("protect_next_moves_past", protect_next(0, MB2, MB2, first));
	EXPECT_RULE("found_whole_mapping",
		    protect_next(0, MB2, 3 * KB4, CHANGED(2 * KB4, 3 * KB4)));
	EXPECT_RULE("protect_next_first", protect_next(0, MB2, MB2, HOLE(0, MB2)));
	EXPECT_RULE("protect_next_first", protect_next(0, KB4, KB4, first));
	wrong.prop = RW;
	EXPECT_RULE("protect_next_property", protect_next(0, MB2, 2 * KB4, wrong));
	wrong.prop = SPEC_PROP_READ | SPEC_PROP_ACCESSED;
	EXPECT_HOLDS(protect_next(0, MB2, 2 * KB4, wrong));
	put(&after, 2 * KB4, GB1, KB4, SPEC_PROP_READ);
	EXPECT_RULE("same_property", protect_next(0, MB2, 2 * KB4, first));
	put(&after, 2 * KB4, GB1, KB4, RW);
	put(&after, KB4, GB1, KB4, RW);
	EXPECT_RULE("protect_next_property", protect_next(0, MB2, 2 * KB4, first));
	spec_map_remove(&after, KB4);
	EXPECT_RULE("protect_next_mapping", protect_next(0, MB2, 2 * KB4, first));
	put(&after, KB4, 0, KB4, SPEC_PROP_READ);
	EXPECT_RULE("same_translation", protect_next(0, MB2, 2 * KB4, first));
	end();
}

TEST(protect_next__splits_what_does_not_fit)
{
	struct spec_region piece;

	start();
	put_both(0, GB1, MB2, RW);
	EXPECT_EQ(0, spec_apply_protect_next(&after, (struct spec_region) { KB4, 2 * KB4 },
					     to_read_only, &piece));
	EXPECT_EQ(KB4, piece.base);
	EXPECT_EQ(KB4, piece.size);
	EXPECT_HOLDS(protect_next(KB4, 2 * KB4, 2 * KB4, CHANGED(KB4, 2 * KB4)));
	EXPECT_RULE("protect_next_first_piece",
		    protect_next(KB4, 2 * KB4, 3 * KB4, CHANGED(2 * KB4, 3 * KB4)));
	EXPECT_RULE("protect_next_first_piece", protect_next(KB4, 2 * KB4, MB2, CHANGED(0, MB2)));
	EXPECT_RULE("protect_next_first_piece",
		    protect_next(KB4, 2 * KB4, 3 * KB4, CHANGED(KB4, 3 * KB4)));
	/* One that fits must not be split. */
	EXPECT_RULE("found_whole_mapping", protect_next(0, MB2, KB4, CHANGED(0, KB4)));
	end();
}

/* One that starts in the range and ends behind it. */
TEST(protect_next__splits_at_the_end)
{
	struct spec_region piece;

	start();
	put_both(MB2, GB1, MB2, RW);
	EXPECT_EQ(0, spec_apply_protect_next(&after, (struct spec_region) { 0, MB2 + KB4 },
					     to_read_only, &piece));
	EXPECT_EQ(MB2, piece.base);
	EXPECT_EQ(KB4, piece.size);
	EXPECT_HOLDS(protect_next(0, MB2 + KB4, MB2 + KB4, CHANGED(MB2, MB2 + KB4)));
	EXPECT_RULE("protect_next_first_piece",
		    protect_next(0, MB2 + KB4, 2 * MB2, CHANGED(MB2, 2 * MB2)));
	end();
	/* Not to the end of a piece that is larger than the range. */
	start();
	put_both(GB1, GB1, GB1, RW);
	EXPECT_EQ(0, spec_apply_protect_next(&after, (struct spec_region) { GB1, MB2 },
					     to_read_only, &piece));
	EXPECT_EQ(MB2, piece.size);
	EXPECT_HOLDS(protect_next(GB1, MB2, GB1 + MB2, CHANGED(GB1, GB1 + MB2)));
	EXPECT_RULE("protect_next_first_piece",
		    protect_next(GB1, KB4, GB1 + MB2, CHANGED(GB1, GB1 + MB2)));
	end();
}

TEST(protect_next__none_and_errors)
{
	const struct spec_view old = view(&before, 0), new = view(&after, 0);
	const struct spec_change both = { .clear = RW, .set = RW };
	const struct spec_found einval = FAILED(-EINVAL), none = HOLE(0, 0);

	start();
	EXPECT_HOLDS(protect_next(0, MB2, MB2, HOLE(0, MB2)));
	EXPECT_HOLDS(protect_next(MB2, 0, MB2, HOLE(MB2, MB2)));
	EXPECT_RULE("position_moves_by_len", protect_next(0, MB2, 0, HOLE(0, MB2)));
	EXPECT_HOLDS(protect_next(0, 5 * GB1, 0, FAILED(-ERANGE)));
	EXPECT_HOLDS(protect_next(0, KB4, 0, FAILED(-EACCES)));
	EXPECT_RULE("len_accepted", protect_next(0, KB4, 0, FAILED(-EINVAL)));
	EXPECT_RULE("position_unchanged", protect_next(0, KB4, KB4, FAILED(-EACCES)));
	EXPECT_HOLDS(spec_check_protect_next(&old, &new, KB4, both, &einval));
	EXPECT_RULE("change_refused", spec_check_protect_next(&old, &new, 0, both, &none));
	end();
}

static const char *protect(u64 va, u64 len, u64 new_va, u64 bytes, int error)
{
	const struct spec_view old = view(&before, va), new = view(&after, new_va);

	return spec_check_protect(&old, &new, len, to_read_only, bytes, error);
}

TEST(protect__changes_all_in_range)
{
	start();
	put(&before, 0, 0, KB4, RW | SPEC_PROP_DIRTY);
	put(&after, 0, 0, KB4, SPEC_PROP_READ | SPEC_PROP_DIRTY);
	put(&before, 2 * KB4, MB2, KB4, RW);
	put(&after, 2 * KB4, MB2, KB4, SPEC_PROP_READ);
	put_both(3 * KB4, 0, KB4, RW);
	EXPECT_HOLDS(protect(0, 3 * KB4, 3 * KB4, 2 * KB4, 0));
	EXPECT_RULE("count_is_exact", protect(0, 3 * KB4, 3 * KB4, 3 * KB4, 0));
	EXPECT_RULE("position_moves_by_len", protect(0, 3 * KB4, 0, 2 * KB4, 0));
	EXPECT_RULE("same_property", protect(0, 4 * KB4, 4 * KB4, 3 * KB4, 0));
	EXPECT_RULE("same_property", protect(0, 2 * KB4, 2 * KB4, KB4, 0));
	put(&after, 0, 0, KB4, SPEC_PROP_READ);
	EXPECT_RULE("accessed_dirty_kept", protect(0, 3 * KB4, 3 * KB4, 2 * KB4, 0));
	spec_map_remove(&after, 0);
	EXPECT_RULE("nothing_lost", protect(0, 3 * KB4, 3 * KB4, 2 * KB4, 0));
	EXPECT_RULE("len_refused", protect(0, 1, 1, 0, 0));
	end();
}

TEST(protect__may_clear_accessed_and_dirty)
{
	const struct spec_view old = view(&before, 0), new = view(&after, KB4);
	const struct spec_change harvest = { .clear = SPEC_PROP_ACCESSED | SPEC_PROP_DIRTY };

	start();
	put(&before, 0, 0, KB4, RW | SPEC_PROP_DIRTY);
	put(&after, 0, 0, KB4, RW);
	EXPECT_HOLDS(spec_check_protect(&old, &new, KB4, harvest, KB4, 0));
	/* And the hardware may have set them again. */
	put(&after, 0, 0, KB4, RW | SPEC_PROP_ACCESSED);
	EXPECT_HOLDS(spec_check_protect(&old, &new, KB4, harvest, KB4, 0));
	EXPECT_RULE("accessed_dirty_kept",
		    spec_check_protect(&old, &new, KB4, to_read_only, KB4, 0));
	end();
}

TEST(frame__references)
{
	start();
	put(&before, 0, GB1, MB2, RW);
	put(&before, MB2, GB1 + 5 * KB4, KB4, RW);
	put(&before, MB2 + KB4, GB1 + MB2, KB4, RW);
	EXPECT_EQ(2, spec_frame_places(&before, (struct spec_region) { GB1, MB2 }));
	EXPECT_EQ(2, spec_frame_places(&before, (struct spec_region) { GB1 + 5 * KB4, KB4 }));
	EXPECT_EQ(1, spec_frame_places(&before, (struct spec_region) { GB1 + MB2, KB4 }));
	EXPECT_EQ(0, spec_frame_places(&before, (struct spec_region) { 0, GB1 }));
	EXPECT_HOLDS(spec_check_frame_references(3, 1, 2));
	EXPECT_RULE("frame_references", spec_check_frame_references(2, 1, 2));
	EXPECT_RULE("frame_references", spec_check_frame_references(4, 1, 2));
	end();
}
