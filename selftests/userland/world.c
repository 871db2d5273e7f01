// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random operations on a space, each predicted by the model and each followed
 * by all predicates.
 */
#include "check.h"
#include "world.h"

#define KB4	(1ULL << 12)
#define MB2	(1ULL << 21)
#define GB1	(1ULL << 30)
#define GB512	(1ULL << 39)
#define TB256	(1ULL << 48)

#define MAX_SMALL	1500	/* leaves that one operation maps */

static u64 pick(struct choice *ch, u64 n)
{
	return ch->pick(ch, n);
}

static bool one_in(struct choice *ch, u64 n)
{
	return !pick(ch, n);
}

void world_create(struct world *w, unsigned int levels, unsigned int leaf_level)
{
	unsigned int i;

	*w = (struct world) { .space = space_create(levels, leaf_level) };
	for (i = 0; i < WORLD_CURSORS; i++)
		w->held[i].exact = true;
	for (i = 0; i < WORLD_CPUS; i++)
		cpu_enter(i, w->space);
}

static void held_reset(struct held *held)
{
	held->nr = 0;
	held->pages = 0;
	held->exact = true;
}

static void close_cursor(struct world *w, unsigned int i)
{
	cursor_drop(w->cursors[i]);
	w->cursors[i] = NULL;
	held_reset(&w->held[i]);
}

static void drop_object(struct world *w, unsigned int i)
{
	if (w->objects[i])
		object_destroy(w->objects[i]);
	w->objects[i] = NULL;
}

void world_destroy(struct world *w)
{
	unsigned int i;

	for (i = 0; i < WORLD_CURSORS; i++) {
		if (w->cursors[i])
			close_cursor(w, i);
		free(w->held[i].pa);
	}
	check_world(w);
	space_destroy(w->space);
	for (i = 0; i < WORLD_OBJECTS; i++)
		drop_object(w, i);
	model_free(&w->model);
}

/* Addresses: near the edges of what an entry spans, at all levels. */

static u64 pick_edge(struct world *w, struct choice *ch)
{
	const u64 four[] = { 0, MB2, GB1, GB512, w->space->pt.va_end };
	const u64 five[] = { 0, GB1, GB512, TB256, w->space->pt.va_end };

	return w->space->pt.levels == 5 ? five[pick(ch, 5)] : four[pick(ch, 5)];
}

static u64 pick_distance(struct choice *ch)
{
	switch (pick(ch, 5)) {
	case 0:
		return 0;
	case 1:
		return pick(ch, 12) * KB4;
	case 2:
		return pick(ch, 4) * MB2;
	case 3:
		return pick(ch, 4) * MB2 + pick(ch, 12) * KB4;
	default:
		return pick(ch, 3) * GB1 + pick(ch, 2) * MB2 + pick(ch, 3) * KB4;
	}
}

static u64 pick_va(struct world *w, struct choice *ch)
{
	u64 edge = pick_edge(w, ch), distance = pick_distance(ch);

	return pick(ch, 2) && edge >= distance ? edge - distance : edge + distance;
}

/* A length from @va on, mostly not past @end, mostly whole pages. */
static u64 pick_len(struct choice *ch, u64 va, u64 end)
{
	u64 left = end - va, len;

	switch (pick(ch, 8)) {
	case 0:
		return left;
	case 1:
		len = (va | (MB2 - 1)) + 1 - va;
		break;
	case 2:
		len = (va | (GB1 - 1)) + 1 - va;
		break;
	case 3:
		len = pick_distance(ch) + (one_in(ch, 16) ? pick(ch, 4096) : 0);
		break;
	default:
		len = pick_distance(ch);
		break;
	}
	return len > left && !one_in(ch, 16) ? left : len;
}

/* Memory objects. */

unsigned int world_object(struct world *w, struct choice *ch)
{
	static unsigned int frames[600];
	unsigned int i = pick(ch, WORLD_OBJECTS), level, nr, n, first, stride, most;
	bool writable;

	if (w->objects[i] && !one_in(ch, 10))
		return i;
	drop_object(w, i);
	level = 1 + pick(ch, 3);
	most = level == 1 ? 600 : level == 2 ? 6 : 2;
	n = 1 + pick(ch, most);
	/* The first half of a zone is writable, the other is not. */
	nr = zones[level].nr / 2;
	writable = !one_in(ch, 4);
	first = pick(ch, nr);
	stride = one_in(ch, 3) ? nr - 1 : 1;
	for (most = 0; most < n; most++)
		frames[most] = (writable ? 0 : nr) + (first + (u64)most * stride) % nr;
	w->objects[i] = object_create(level, frames, n, writable, level == 1 ? pick(ch, 3) : 0);
	return i;
}

/* What may go wrong on the way. */

static void arm(struct choice *ch)
{
	stub_self.failed = false;
	stub_self.fail_in = one_in(ch, 12) ? (int)pick(ch, 5) : -1;
	stub_self.die_in = one_in(ch, 12) ? (int)pick(ch, 5) : -1;
}

static void disarm(void)
{
	stub_self.fail_in = -1;
	stub_self.die_in = -1;
}

static bool gather_empty(const struct vms_gather *g)
{
	return !g->nr_va && !g->full && !g->nr_leaves && !g->pages && list_empty(&g->tables) &&
	       list_empty(&g->batches);
}

/* Leaves that go; the model still has them. */
static void hold(struct world *w, unsigned int i, u64 start, u64 end)
{
	struct held *held = &w->held[i];
	size_t k;

	for (k = model_at(&w->model, start);
	     k < w->model.nr && w->model.runs[k].start < end; k++) {
		const struct run *r = &w->model.runs[k];
		u64 va;

		for (va = max((u64)r->start, start); va < min((u64)r->end, end); va += r->size) {
			if (held->nr == held->room) {
				held->room = 2 * held->room + 64;
				held->pa = realloc(held->pa, held->room * sizeof(u64));
			}
			held->pa[held->nr++] = r->pa + (va - r->start);
			held->pages += r->size / KB4;
		}
	}
	/* From here on it may have been flushed. */
	if (held->pages >= vms_max_deferred || stub_self.failed)
		held->exact = false;
}

static void split_ends(struct world *w, u64 start, u64 end)
{
	model_split(&w->model, start);
	model_split(&w->model, end);
}

/* The end of an operation that changed something. */
static void settle(struct world *w, unsigned int i, bool defer)
{
	if (gather_empty(&w->cursors[i]->gather))
		held_reset(&w->held[i]);
	else
		CHECK("TLB", defer || !w->cursors[i]->gather.fresh, "not flushed");
}

static void step_open(struct world *w, unsigned int i, struct choice *ch)
{
	u64 start = pick_va(w, ch), end = one_in(ch, 3) ? pick_va(w, ch) :
					  start + pick_len(ch, start, start + 4 * GB1);
	unsigned int level = 1 + pick(ch, w->space->pt.leaf_level);
	struct vms_cursor *c;
	long ret = 0;

	if (one_in(ch, 32))
		start += pick(ch, 4096);
	snprintf(check_context, sizeof(check_context), "open %llx-%llx level %u", start, end,
		 level);
	if (start % KB4 || end % KB4 || start >= end)
		ret = -EINVAL;
	else if (end > w->space->pt.va_end)
		ret = -ERANGE;
	else if (open_meets_owner(w, start, end, level))
		ret = -EBUSY;
	arm(ch);
	c = space_open_cursor(w->space, start, end, level, true, true);
	disarm();
	if (stub_self.failed && IS_ERR(c) && PTR_ERR(c) == -ENOMEM)
		return;
	CHECK("open", IS_ERR(c) ? PTR_ERR(c) == ret : !ret, "returned %ld, not %ld",
	      IS_ERR(c) ? PTR_ERR(c) : 0, ret);
	if (IS_ERR(c))
		return;
	w->cursors[i] = c;
	w->va[i] = start;
}

static int len_error(const struct vms_cursor *c, u64 len)
{
	if (len % KB4)
		return -EINVAL;
	return len > c->end - c->va ? -ERANGE : 0;
}

static void check_leaf(const char *name, const struct world *w, const struct vms_mapping *m,
		       u64 va)
{
	const struct run *run = model_find(&w->model, va);
	struct run leaf;

	CHECK(name, run, "%llx is not mapped", va);
	model_leaf(run, va, &leaf);
	CHECK(name, m->start == leaf.start && m->end == leaf.end, "%llx-%llx, not %llx-%llx",
	      m->start, m->end, (u64)leaf.start, (u64)leaf.end);
	CHECK(name, vms_entry_pfn(m->entry) == leaf.pa / KB4, "pfn %llx",
	      vms_entry_pfn(m->entry));
	CHECK(name, vms_entry_prop(m->entry) == leaf.prop, "prop %x, not %x",
	      vms_entry_prop(m->entry), leaf.prop);
	CHECK(name, vms_entry_cache(m->entry) == leaf.cache, "cache %u",
	      vms_entry_cache(m->entry));
}

static void check_hole(const char *name, const struct world *w, const struct vms_mapping *m,
		       u64 va)
{
	CHECK(name, m->start <= va && va <= m->end, "%llx not in %llx-%llx", va, m->start, m->end);
	CHECK(name, !model_mapped(&w->model, m->start, m->end), "%llx-%llx is no hole", m->start,
	      m->end);
}

static void step_query(struct world *w, unsigned int i)
{
	struct vms_cursor *c = w->cursors[i];
	struct vms_mapping m;
	int ret = vms_cursor_query(c, &m);

	snprintf(check_context, sizeof(check_context), "query at %llx", w->va[i]);
	if (w->va[i] == c->end) {
		CHECK("query", ret == -ERANGE, "at the end: %d", ret);
		return;
	}
	CHECK("query", !ret, "%d", ret);
	if (m.entry) {
		check_leaf("query", w, &m, w->va[i]);
		return;
	}
	CHECK("query", !model_find(&w->model, w->va[i]), "nothing at %llx", w->va[i]);
	check_hole("query", w, &m, w->va[i]);
	CHECK("query", m.start >= c->start && m.end <= c->end && m.start < m.end, "not clipped");
}

/* Some(v): covers v, v < old + len, none in [old, v), v > old only if old is not covered. */
static void step_find_next(struct world *w, unsigned int i, struct choice *ch)
{
	struct vms_cursor *c = w->cursors[i];
	u64 len = pick_len(ch, c->va, c->end), old = w->va[i];
	const struct run *next = model_next(&w->model, old);
	struct vms_mapping m;
	int ret;

	snprintf(check_context, sizeof(check_context), "find_next at %llx len %llx", old, len);
	ret = vms_cursor_find_next(c, len, &m);
	CHECK("find_next", ret == len_error(&(struct vms_cursor) { .va = old, .end = c->end }, len),
	      "%d", ret);
	if (ret)
		return;
	if (!m.entry) {
		CHECK("find_next", !next || next->start >= old + len || !len,
		      "missed %llx", (u64)next->start);
		w->va[i] = old + len;
		check_hole("find_next", w, &m, old);
		return;
	}
	CHECK("find_next", next && len, "found %llx", m.start);
	w->va[i] = max(old, (u64)next->start);
	CHECK("find_next", w->va[i] < old + len, "%llx is too far", w->va[i]);
	check_leaf("find_next", w, &m, w->va[i]);
}

static void step_next(struct world *w, unsigned int i, struct choice *ch)
{
	const u32 clears[] = { 0, VMSPACE_PROP_ACCESSED, VMSPACE_PROP_DIRTY,
			       VMSPACE_PROP_ACCESSED | VMSPACE_PROP_DIRTY };
	struct vms_cursor *c = w->cursors[i];
	const struct run *next = model_next(&w->model, w->va[i]);
	u32 clear = clears[pick(ch, 4)];
	struct vms_mapping m;
	bool defer = one_in(ch, 4);

	snprintf(check_context, sizeof(check_context), "next at %llx clear %x", w->va[i], clear);
	vms_cursor_harvest(c, clear, defer ? VMS_DEFER : VMS_NOW);
	CHECK("next", !vms_cursor_next(c, clear, &m), "failed");
	CHECK("next", !vms_cursor_settle(c, c->va, 0), "failed");
	if (!m.entry) {
		CHECK("next", !next || next->start >= c->end || w->va[i] == c->end,
		      "missed %llx", (u64)next->start);
		w->va[i] = c->end;
		return;
	}
	CHECK("next", next && next->start < c->end, "found %llx", m.start);
	/* The mapping as it was. */
	check_leaf("next", w, &m, max(w->va[i], (u64)next->start));
	model_change(&w->model, m.start, m.end, clear, 0);
	w->va[i] = min(m.end, c->end);
	settle(w, i, defer);
}

static void step_jump(struct world *w, unsigned int i, struct choice *ch)
{
	struct vms_cursor *c = w->cursors[i];
	u64 va = one_in(ch, 2) ? pick_va(w, ch) : c->start + pick_len(ch, c->start, c->end);
	int ret, expected = va % KB4 ? -EINVAL : va < c->start || va >= c->end ? -ERANGE : 0;

	snprintf(check_context, sizeof(check_context), "jump to %llx", va);
	ret = vms_cursor_jump(c, va);
	CHECK("jump", ret == expected, "%d, not %d", ret, expected);
	if (!ret)
		w->va[i] = va;
}

/* The size of the next leaf: as told, or the largest that fits all there is. */
static u64 leaf_size(const struct world *w, const struct vms_cursor *c, const struct vms_map *map,
		     u64 va, u64 done)
{
	unsigned int level;

	if (map->level)
		return KB4 << (9 * (map->level - 1));
	level = min(w->space->pt.leaf_level, (unsigned int)c->top->level);
	for (; level > 1; level--) {
		u64 size = KB4 << (9 * (level - 1));

		if (!(va % size) && size / KB4 <= map->pages - done &&
		    vms_memory_leaf_level(map->mem, map->index + done) >= level)
			break;
	}
	return KB4 << (9 * (level - 1));
}

static void step_map(struct world *w, unsigned int i, struct choice *ch)
{
	struct object *object = w->objects[world_object(w, ch)];
	struct vms_cursor *c = w->cursors[i];
	u64 va = w->va[i], total = object->mem.nr_pages, done, bytes, size;
	bool defer = one_in(ch, 4), unfit = false, occupied, error;
	struct vms_map map = { .mem = &object->mem, .level = pick(ch, 4) };
	struct image image;
	int ret;

	map.level = min(map.level, w->space->pt.leaf_level);
	map.replace = one_in(ch, 3);
	map.prop = pick(ch, VMSPACE_PROP_ALL + 1);
	if (!object->mem.writable)
		map.prop &= ~VMSPACE_PROP_WRITE;
	/* Often in step with the position, so that large leaves fit. */
	map.index = one_in(ch, 2) ? 0 : pick(ch, 2) ? (va / KB4) % total : pick(ch, total);
	map.pages = one_in(ch, 2) ? total - map.index : pick(ch, 4) ? 1 + pick(ch, 20) :
		    KB4 >> (3 * pick(ch, 2));
	if (map.level > 1)
		map.pages = (1 + pick(ch, 3)) << (9 * (map.level - 1));
	if (map.pages > (c->end - va) / KB4 && c->end > va && !one_in(ch, 16))
		map.pages = (c->end - va) / KB4;
	map.pages = min(map.pages, total - map.index);
	if (map.level == 1 || (va / KB4 - map.index) % 512)
		map.pages = min(map.pages, (u64)MAX_SMALL);
	else if ((va / KB4 - map.index) % (512 * 512))
		map.pages = min(map.pages, (u64)512 * 600);
	bytes = map.pages * KB4;
	snprintf(check_context, sizeof(check_context),
		 "map at %llx pages %llx index %llx level %u frames %u prop %x replace %d defer %d",
		 va, map.pages, map.index, map.level, object->level, map.prop, map.replace, defer);

	error = bytes > c->end - va;
	size = map.level ? KB4 << (9 * (map.level - 1)) : KB4;
	if (!error && map.level > 1) {
		unfit = bytes % size || va % size || map.level > c->top->level;
		for (done = 0; !unfit && done < map.pages; done += size / KB4)
			unfit = vms_memory_leaf_level(map.mem, map.index + done) < map.level;
	}
	occupied = !map.replace && model_mapped(&w->model, va, va + bytes);

	image_take(w, &image);
	arm(ch);
	ret = vms_cursor_map(c, &map, defer);
	disarm();

	switch (ret) {
	case -ERANGE:
		CHECK("map", error, "it fits");
		break;
	case -EINVAL:
		CHECK("map", unfit, "it fits");
		break;
	case -EEXIST:
		CHECK("map", occupied, "nothing is there");
		break;
	case -ENOMEM:
		CHECK("map", stub_self.failed, "there is memory");
		break;
	case -EINTR:
	case 0:
		CHECK("map", !error && !unfit && !occupied, "it should have failed");
		break;
	default:
		check_failed("map", "%d", ret);
	}
	if (ret && ret != -EINTR) {
		check_unchanged(w, &image);
		image_free(&image);
		return;
	}
	image_free(&image);
	/* How far it came. */
	bytes = ret ? c->va - va : bytes;
	if (map.replace) {
		hold(w, i, va, va + bytes);
		/* What is split on the way counts in pieces. */
		if (w->held[i].nr)
			w->held[i].exact = false;
		model_remove(&w->model, va, va + bytes);
	}
	for (done = 0; done < bytes / KB4; done += size / KB4) {
		size = leaf_size(w, c, &map, va + done * KB4, done);
		model_insert(&w->model, &(struct run) {
			.start = va + done * KB4, .end = va + done * KB4 + size, .size = size,
			.pa = object_pa(object, map.index + done), .prop = map.prop,
			.cache = object->mem.cache,
		});
	}
	w->va[i] = va + bytes;
	settle(w, i, defer);
}

static void step_unmap(struct world *w, unsigned int i, struct choice *ch)
{
	struct vms_cursor *c = w->cursors[i];
	u64 va = w->va[i], len = pick_len(ch, va, c->end), end = va + len, pages;
	bool defer = one_in(ch, 4);
	int ret, expected = len_error(c, len);
	struct image image;

	snprintf(check_context, sizeof(check_context), "unmap at %llx len %llx defer %d", va, len,
		 defer);
	image_take(w, &image);
	arm(ch);
	ret = vms_cursor_unmap(c, len, defer, &pages);
	disarm();
	if (ret == expected || (ret == -ENOMEM && stub_self.failed))
		expected = ret;
	else
		CHECK("unmap", ret == -EINTR && !expected, "%d, not %d", ret, expected);
	if (ret && ret != -EINTR) {
		CHECK("unmap", !pages, "%llu pages and an error", pages);
		check_unchanged(w, &image);
		image_free(&image);
		return;
	}
	image_free(&image);
	CHECK("unmap", ret ? c->va >= va && c->va < end : c->va == end, "position %llx", c->va);
	if (len)
		split_ends(w, va, end);
	CHECK("unmap", pages * KB4 == model_mapped(&w->model, va, c->va),
	      "%llu pages, not %llu", pages, model_mapped(&w->model, va, c->va) / (u64)KB4);
	hold(w, i, va, c->va);
	model_remove(&w->model, va, c->va);
	w->va[i] = c->va;
	settle(w, i, defer);
}

static bool read_only_in(const struct world *w, u64 start, u64 end)
{
	size_t k;

	for (k = model_at(&w->model, start); k < w->model.nr && w->model.runs[k].start < end; k++) {
		const struct run *r = &w->model.runs[k];
		u64 va = max((u64)r->start, start & ~(r->size - 1));

		for (; va < min((u64)r->end, end); va += r->size)
			if (!frame_at(r->pa + (va - r->start))->writable)
				return true;
	}
	return false;
}

static void pick_change(struct choice *ch, u32 *clear, u32 *set)
{
	/* What only grows needs no flush. */
	*clear = one_in(ch, 3) ? 0 : pick(ch, VMSPACE_PROP_ALL + 1);
	*set = pick(ch, VMSPACE_PROP_ALL + 1) & ~*clear;
	if (one_in(ch, 2))
		*set &= ~VMSPACE_PROP_WRITE;
}

static void step_protect(struct world *w, unsigned int i, struct choice *ch)
{
	struct vms_cursor *c = w->cursors[i];
	u64 va = w->va[i], len = pick_len(ch, va, c->end), end = va + len, pages;
	int ret, expected = len_error(c, len);
	bool defer = one_in(ch, 4);
	struct image image;
	u32 clear, set;

	pick_change(ch, &clear, &set);
	snprintf(check_context, sizeof(check_context),
		 "protect at %llx len %llx clear %x set %x defer %d", va, len, clear, set, defer);
	if (!expected && len && (set & VMSPACE_PROP_WRITE) && read_only_in(w, va, end))
		expected = -EACCES;
	image_take(w, &image);
	arm(ch);
	ret = vms_cursor_protect(c, len, clear, set, defer, &pages);
	disarm();
	if (!(ret == -ENOMEM && stub_self.failed && !expected))
		CHECK("protect", ret == expected || (ret == -EINTR && !expected), "%d, not %d",
		      ret, expected);
	if (ret && ret != -EINTR) {
		CHECK("protect", !pages, "%llu pages and an error", pages);
		check_unchanged(w, &image);
		image_free(&image);
		return;
	}
	image_free(&image);
	CHECK("protect", ret ? c->va >= va && c->va < end : c->va == end, "position %llx", c->va);
	if (len)
		split_ends(w, va, end);
	CHECK("protect", pages * KB4 == model_mapped(&w->model, va, c->va), "%llu pages", pages);
	model_change(&w->model, va, c->va, clear, set);
	w->va[i] = c->va;
	settle(w, i, defer);
}

/* Exactly the piece that is returned changes. */
static void step_protect_next(struct world *w, unsigned int i, struct choice *ch)
{
	struct vms_cursor *c = w->cursors[i];
	u64 va = w->va[i], len = pick_len(ch, va, c->end), end = va + len, first;
	const struct run *next = len ? model_next(&w->model, va) : NULL;
	int ret, expected = len_error(c, len);
	bool defer = one_in(ch, 4);
	struct vms_mapping m;
	struct image image;
	u32 clear, set;

	pick_change(ch, &clear, &set);
	snprintf(check_context, sizeof(check_context),
		 "protect_next at %llx len %llx clear %x set %x defer %d", va, len, clear, set,
		 defer);
	if (next && next->start >= end)
		next = NULL;
	first = next ? max(va, (u64)next->start) : end;
	if (!expected && next && (set & VMSPACE_PROP_WRITE) && read_only_in(w, first, first + 1))
		expected = -EACCES;
	image_take(w, &image);
	arm(ch);
	stub_self.die_in = -1;
	ret = vms_cursor_protect_next(c, len, clear, set, defer, &m);
	disarm();
	if (!(ret == -ENOMEM && stub_self.failed && !expected))
		CHECK("protect_next", ret == expected, "%d, not %d", ret, expected);
	if (ret || !next) {
		check_unchanged(w, &image);
		image_free(&image);
		if (ret)
			return;
		CHECK("protect_next", !m.entry, "found %llx", m.start);
		w->va[i] = end;
		return;
	}
	image_free(&image);
	CHECK("protect_next", m.entry && m.start == first && m.end <= end, "%llx-%llx, not %llx",
	      m.start, m.end, first);
	/* Split if it does not fit the range, and only then. */
	if (next->size > end - first || first % next->size)
		split_ends(w, first, end);
	model_change(&w->model, m.start, m.end, clear, set);
	check_leaf("protect_next", w, &m, first);
	w->va[i] = m.end;
	settle(w, i, defer);
}

static void step_flush(struct world *w, unsigned int i)
{
	struct vms_flushed flushed;

	snprintf(check_context, sizeof(check_context), "flush");
	vms_cursor_flush(w->cursors[i], &flushed);
	if (w->held[i].exact)
		CHECK("flush", flushed.pages == w->held[i].pages, "%llu pages, not %llu",
		      flushed.pages, w->held[i].pages);
	CHECK("flush", gather_empty(&w->cursors[i]->gather), "something is left");
	held_reset(&w->held[i]);
}

static bool anything_deferred(const struct world *w)
{
	unsigned int i;

	for (i = 0; i < WORLD_CURSORS; i++)
		if (w->cursors[i] && !gather_empty(&w->cursors[i]->gather))
			return true;
	return false;
}

static u64 pick_mapped_va(struct world *w, struct choice *ch)
{
	const struct run *r;
	struct run leaf;

	if (!w->model.nr || one_in(ch, 8))
		return min(pick_va(w, ch), w->space->pt.va_end - KB4);
	r = &w->model.runs[pick(ch, w->model.nr)];
	model_leaf(r, r->start + pick(ch, (r->end - r->start) / r->size) * r->size, &leaf);
	return leaf.start + pick(ch, leaf.size / KB4) * KB4;
}

/* A few loads and stores, which fill the TLBs and set A and D. */
static void step_access(struct world *w, struct choice *ch)
{
	unsigned int n = 1 + pick(ch, 8);

	snprintf(check_context, sizeof(check_context), "access");
	while (n--) {
		u64 va = pick_mapped_va(w, ch);
		const struct run *r = model_find(&w->model, va);
		bool store = one_in(ch, 2), fault;
		unsigned int cpu = pick(ch, WORLD_CPUS);
		struct access access;
		struct run leaf;

		if (!cpus[cpu].space)
			continue;
		cpu_access(cpu, va, store, &access);
		fault = !r || !(r->prop & VMSPACE_PROP_READ) ||
			(store && !(r->prop & VMSPACE_PROP_WRITE));
		if (!anything_deferred(w)) {
			CHECK("access", access.fault == fault, "%llx: fault %d", va, access.fault);
			if (!fault)
				CHECK("access", access.pa == r->pa + (va - r->start), "%llx: %llx",
				      va, access.pa);
		}
		/* Until it is flushed, a walk may end in a table that is detached. */
		if (!access.slot || access.slot != live_entry(w->space, va))
			continue;
		model_leaf(r, va, &leaf);
		model_change(&w->model, leaf.start, leaf.end, 0, VMSPACE_PROP_ACCESSED |
			     (store ? VMSPACE_PROP_DIRTY : 0));
	}
}

static void step_translate(struct world *w, struct choice *ch)
{
	u64 va = pick_mapped_va(w, ch);
	struct vms_mapping m;

	snprintf(check_context, sizeof(check_context), "translate %llx", va);
	vms_pt_translate(&w->space->pt, va, &m);
	if (m.entry)
		check_leaf("translate", w, &m, va);
	else
		check_hole("translate", w, &m, va);
	CHECK("translate", m.end <= w->space->pt.va_end, "end %llx", m.end);
}

static void step_cpu(struct world *w, struct choice *ch)
{
	unsigned int cpu = pick(ch, WORLD_CPUS);

	if (cpus[cpu].space)
		cpu_leave(cpu, w->space);
	else
		cpu_enter(cpu, w->space);
}

static void step_pages(struct world *w)
{
	u64 pages = vms_pt_pages(&w->space->pt);

	snprintf(check_context, sizeof(check_context), "pages");
	CHECK("pages", pages == model_mapped(&w->model, 0, ~0ULL) / KB4, "%llu", pages);
}

/* One operation, whatever the choice is. */
void world_step(struct world *w, struct choice *ch)
{
	unsigned int i = pick(ch, WORLD_CURSORS), op = pick(ch, 32);

	if (!w->cursors[i] && op < 28) {
		step_open(w, i, ch);
		check_world(w);
		return;
	}
	switch (op) {
	case 0 ... 1:
		snprintf(check_context, sizeof(check_context), "drop");
		close_cursor(w, i);
		break;
	case 2 ... 3:
		step_query(w, i);
		break;
	case 4 ... 5:
		step_find_next(w, i, ch);
		break;
	case 6 ... 7:
		step_next(w, i, ch);
		break;
	case 8 ... 12:
		step_jump(w, i, ch);
		break;
	case 13 ... 18:
		step_map(w, i, ch);
		break;
	case 19 ... 21:
		step_unmap(w, i, ch);
		break;
	case 22 ... 23:
		step_protect(w, i, ch);
		break;
	case 24 ... 25:
		step_protect_next(w, i, ch);
		break;
	case 26:
		step_flush(w, i);
		break;
	case 27:
		if (one_in(ch, 4))
			step_cpu(w, ch);
		else if (one_in(ch, 4))
			step_pages(w);
		break;
	case 28:
		step_translate(w, ch);
		break;
	default:
		step_access(w, ch);
		break;
	}
	check_world(w);
}
