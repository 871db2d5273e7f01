// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory runs out at every possible point in turn: an operation that fails has
 * changed nothing, and one that does without has done all of its work.
 */
#include "check.h"
#include "tap.h"

#define KB4	(1ULL << 12)
#define MB2	(1ULL << 21)
#define GB1	(1ULL << 30)
#define RW	(VMSPACE_PROP_READ | VMSPACE_PROP_WRITE)

static struct world w;

static void open_at(u64 start, u64 end, unsigned int level)
{
	w.cursors[0] = space_open_cursor(w.space, start, end, level, true, true);
	FATAL_IF(IS_ERR(w.cursors[0]));
}

static void reopen(u64 start, u64 end, unsigned int level)
{
	cursor_drop(w.cursors[0]);
	open_at(start, end, level);
}

static int map(unsigned int from, u64 pages, unsigned int level, bool replace)
{
	struct vms_map map = {
		.mem = &w.objects[from]->mem, .pages = pages, .prop = RW, .level = level,
		.replace = replace,
	};

	return vms_cursor_map(w.cursors[0], &map, false);
}

static void go_to(u64 va)
{
	FATAL_IF(vms_cursor_jump(w.cursors[0], va));
}

static void nothing(void)
{
}

static int open_range(u64 start, u64 end, unsigned int level)
{
	struct vms_cursor *c = space_open_cursor(w.space, start, end, level, true, true);

	if (IS_ERR(c))
		return PTR_ERR(c);
	w.cursors[0] = c;
	return 0;
}

static int open_page(void)
{
	return open_range(GB1, GB1 + KB4, 1);
}

static int open_wide(void)
{
	return open_range(MB2, 5 * GB1, 3);
}

static void owned(void)
{
	open_at(0, 4 * GB1, 3);
}

static void owned_small(void)
{
	open_at(MB2 - 40 * KB4, 4 * GB1, 3);
	FATAL_IF(map(1, 600, 1, false));
	go_to(MB2 - 40 * KB4);
}

static void owned_2m(void)
{
	owned();
	FATAL_IF(map(2, 1024, 2, false));
	go_to(0);
}

static void owned_1g(void)
{
	owned();
	FATAL_IF(map(3, 512 * 512, 3, false));
	go_to(3 * MB2 + KB4);
}

static void inside_1g(void)
{
	owned_1g();
	reopen(3 * MB2 + KB4, 3 * MB2 + 6 * KB4, 1);
}

static int map_small(void)
{
	go_to(MB2 - 40 * KB4);
	return map(1, 600, 1, false);
}

static int map_far(void)
{
	go_to(GB1 - 10 * KB4);
	return map(1, 600, 0, false);
}

static int map_large(void)
{
	go_to(MB2);
	return map(2, 1024, 0, false);
}

static int map_over_small(void)
{
	return map(1, 500, 1, true);
}

static int map_over_1g(void)
{
	return map(1, 600, 1, true);
}

static int unmap_some(u64 len, bool defer)
{
	u64 pages;
	int ret = vms_cursor_unmap(w.cursors[0], len, defer, &pages);

	CHECK("unmap", !ret || !pages, "%llu pages and an error", pages);
	return ret;
}

static int unmap_small(void)
{
	return unmap_some(500 * KB4, false);
}

static int unmap_small_later(void)
{
	int ret = unmap_some(500 * KB4, true);
	struct vms_flushed flushed;

	if (!ret)
		vms_cursor_flush(w.cursors[0], &flushed);
	return ret;
}

static int unmap_two_ends(void)
{
	go_to(KB4);
	return unmap_some(2 * MB2 - 2 * KB4, false);
}

static int unmap_in_1g(void)
{
	return unmap_some(4 * MB2, false);
}

static int unmap_page(void)
{
	return unmap_some(KB4, false);
}

static int protect_in_1g(void)
{
	u64 pages;

	return vms_cursor_protect(w.cursors[0], 5 * KB4, VMSPACE_PROP_WRITE, 0, false, &pages);
}

static int protect_next_in_1g(void)
{
	struct vms_mapping m;

	return vms_cursor_protect_next(w.cursors[0], 5 * KB4, VMSPACE_PROP_WRITE, 0, false, &m);
}

static int look(void)
{
	struct vms_mapping m;

	return vms_cursor_query(w.cursors[0], &m) ?: vms_cursor_find_next(w.cursors[0], MB2, &m) ?:
	       vms_cursor_next(w.cursors[0], VMSPACE_PROP_ACCESSED, &m);
}

static const struct {
	const char *name;
	void (*prepare)(void);
	int (*act)(void);
	bool can_fail;
} tests[] = {
	{ "open of a page", nothing, open_page, true },
	{ "open of gigabytes", nothing, open_wide, true },
	{ "map of small pages over three tables", owned, map_small, true },
	{ "map across a boundary of 1G", owned, map_far, true },
	{ "map of the largest pages", owned, map_large, true },
	{ "map over small pages", owned_small, map_over_small, false },
	{ "map over a part of a 1G page", owned_1g, map_over_1g, true },
	{ "unmap of small pages", owned_small, unmap_small, false },
	{ "unmap of small pages, deferred", owned_small, unmap_small_later, false },
	{ "unmap that splits 2M pages at both ends", owned_2m, unmap_two_ends, true },
	{ "unmap in a 1G page", owned_1g, unmap_in_1g, true },
	{ "unmap of the cursor's range in a 1G page", inside_1g, unmap_page, true },
	{ "protect in a 1G page", owned_1g, protect_in_1g, true },
	{ "protect of the cursor's range in a 1G page", inside_1g, protect_in_1g, true },
	{ "protect_next in a 1G page", owned_1g, protect_next_in_1g, true },
	{ "query, find_next and next", owned_small, look, false },
};

static void set_up(unsigned int levels, unsigned int test)
{
	static unsigned int frames[600];
	unsigned int i;

	for (i = 0; i < 600; i++)
		frames[i] = i;
	world_create(&w, levels, 3);
	w.objects[1] = object_create(1, frames, 600, true, VMSPACE_CACHE_WB);
	w.objects[2] = object_create(2, frames, 4, true, VMSPACE_CACHE_WB);
	w.objects[3] = object_create(3, frames, 2, true, VMSPACE_CACHE_WB);
	tests[test].prepare();
}

/* What is there is what shall be there. */
static void check_against(const struct model *view)
{
	unsigned int i;

	model_copy(&w.model, view);
	for (i = 0; i < WORLD_CURSORS; i++)
		if (w.cursors[i])
			w.va[i] = w.cursors[i]->va;
	check_world(&w);
}

/* Returns the number of allocations that could be made to fail. */
static unsigned int run(unsigned int levels, unsigned int test)
{
	struct model before = { 0 }, after = { 0 };
	unsigned int n, failures = 0;
	bool failed;

	set_up(levels, test);
	view_of(w.space, &before);
	FATAL_IF(tests[test].act());
	view_of(w.space, &after);
	check_against(&after);
	world_destroy(&w);
	for (n = 0, failed = true; failed; n++) {
		struct image image;
		int ret;

		set_up(levels, test);
		image_take(&w, &image);
		stub_self.failed = false;
		stub_self.fail_in = n;
		ret = tests[test].act();
		stub_self.fail_in = -1;
		failed = stub_self.failed;
		CHECK("oom", !ret || (ret == -ENOMEM && failed), "allocation %u: %d", n, ret);
		if (ret) {
			failures++;
			check_unchanged(&w, &image);
			check_against(&before);
			/* It works once there is memory. */
			FATAL_IF(tests[test].act());
		}
		check_against(&after);
		image_free(&image);
		world_destroy(&w);
	}
	model_free(&before);
	model_free(&after);
	CHECK("oom", !!failures == tests[test].can_fail, "%u failures", failures);
	return n - 1;
}

int main(void)
{
	unsigned int i, levels;

	stub_thread_start();
	machine_init(600, 4, 2);
	tap_plan(2 * ARRAY_SIZE(tests));
	for (levels = 4; levels <= 5; levels++)
		for (i = 0; i < ARRAY_SIZE(tests); i++) {
			char name[128];

			snprintf(check_context, sizeof(check_context), "%s", tests[i].name);
			snprintf(name, sizeof(name), "%s, %u levels: %u allocations",
				 tests[i].name, levels, run(levels, i));
			tap_ok(name);
		}
	machine_exit();
	stub_thread_end();
	return tap_end();
}
