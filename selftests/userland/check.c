// SPDX-License-Identifier: GPL-2.0-only
/*
 * The postconditions of the interface, each a predicate.
 *
 * They read the tables by themselves: the bits and the geometry stand here a
 * second time, as the manual has them.
 */
#include <stdarg.h>
#include "check.h"

#define PHYS_LIMIT	BIT_ULL(52)
#define PTE_TABLE(e, level) (((e) & 1) && (level) > 1 && !((e) & 0x80))
#define PTE_PA(e)	((e) & 0x000ffffffffff000ULL)
#define PTE_RESERVED	0x7ff0000000000100ULL

char check_context[256];

void check_failed(const char *predicate, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "# %s: ", predicate);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n# in %s\n", check_context);
	printf("not ok - %s\nBail out! %s\n", check_context, predicate);
	fflush(stdout);
	abort();
}

static u64 span_of(unsigned int level)
{
	return 1ULL << (12 + 9 * (level - 1));
}

static u64 *table_at(u64 entry)
{
	return (u64 *)(unsigned long)PTE_PA(entry);
}

static u32 prop_of(u64 e)
{
	static const struct { u64 bit; u32 prop; } bits[] = {
		{ 0x001, VMSPACE_PROP_READ }, { 0x002, VMSPACE_PROP_WRITE },
		{ 0x004, VMSPACE_PROP_USER }, { 0x020, VMSPACE_PROP_ACCESSED },
		{ 0x040, VMSPACE_PROP_DIRTY }, { 0x200, VMSPACE_PROP_SOFT },
	};
	u32 prop = e >> 63 ? 0 : VMSPACE_PROP_EXEC;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bits); i++)
		if (e & bits[i].bit)
			prop |= bits[i].prop;
	return prop;
}

static u32 cache_of(u64 e)
{
	static const u32 caches[] = {
		VMSPACE_CACHE_WB, VMSPACE_CACHE_WC, 99, VMSPACE_CACHE_UC,
	};

	return caches[(e >> 3) & 3];
}

static void view_table(const u64 *table, unsigned int level, unsigned int entries, u64 va,
		       struct model *view)
{
	unsigned int i;

	for (i = 0; i < entries; i++, va += span_of(level)) {
		u64 e = table[i];

		if (!e)
			continue;
		if (PTE_TABLE(e, level)) {
			view_table(table_at(e), level - 1, 512, va, view);
			continue;
		}
		model_append(view, &(struct run) {
			.start = va, .end = va + span_of(level), .pa = PTE_PA(e),
			.size = span_of(level), .prop = prop_of(e), .cache = cache_of(e),
		});
	}
}

/* What the tables say, by a walk of every entry. */
void view_of(const struct vms_space *space, struct model *view)
{
	view->nr = 0;
	view_table(space->pt.root->table, space->pt.levels, 256, 0, view);
}

/*
 * mapping: size is 4K, 2M or 1G; va and pa aligned to it; both ranges have that
 * length; pa within the physical limit; inside the user range.
 */
void check_mapping(const struct world *w, const struct model *view)
{
	size_t i;

	for (i = 0; i < view->nr; i++) {
		const struct run *r = &view->runs[i];

		CHECK("mapping", r->size == 1ULL << 12 || r->size == 1ULL << 21 ||
		      (r->size == 1ULL << 30 && w->space->pt.leaf_level == 3),
		      "size %llx", (u64)r->size);
		CHECK("mapping", !(r->start % r->size) && !(r->end % r->size) &&
		      !(r->pa % r->size), "%llx is not aligned", (u64)r->start);
		CHECK("mapping", r->pa + (r->end - r->start) <= PHYS_LIMIT, "pa %llx", (u64)r->pa);
		CHECK("mapping", r->end <= w->space->pt.va_end, "%llx", (u64)r->end);
	}
}

static void print_view(const char *name, const struct model *m)
{
	size_t i;

	for (i = 0; i < m->nr && i < 40; i++)
		fprintf(stderr, "# %s %llx-%llx pa %llx size %llx prop %x cache %u\n", name,
			(u64)m->runs[i].start, (u64)m->runs[i].end, (u64)m->runs[i].pa,
			(u64)m->runs[i].size, m->runs[i].prop, m->runs[i].cache);
}

/*
 * view: what is mapped is what the model says, pairwise disjoint. As the model
 * was changed by what the operation promises, this is also what map, unmap,
 * split and protect_next ask for: nothing else has changed.
 */
void check_view(const struct world *w, const struct model *view)
{
	if (model_equal(view, &w->model))
		return;
	print_view("expected", &w->model);
	print_view("found", view);
	check_failed("view", "differs from the model");
}

/* The specification of who owns what: the top, and what meets the range below it. */
bool cursor_owns(const struct vms_cursor *c, const struct vms_node *node, u64 base)
{
	const struct vms_node *up = node;
	u64 size = span_of(node->level) * 512;

	if (node == c->top)
		return true;
	if (base >= c->end || base + size <= c->start)
		return false;
	while (up && up != c->top)
		up = up->parent;
	return up;
}

static const struct vms_cursor *owner_of(const struct world *w, const struct vms_node *node,
					 u64 base)
{
	const struct vms_cursor *owner = NULL;
	unsigned int i;

	for (i = 0; i < WORLD_CURSORS; i++) {
		const struct vms_cursor *c = w->cursors[i];

		if (!c || !cursor_owns(c, node, base))
			continue;
		CHECK("owner", !owner, "two cursors own a table at %llx", base);
		owner = c;
	}
	return owner;
}

/*
 * Whether an open of a range has to do with a table that is owned: the lowest
 * that exists on the way to its covering node, or one below that meets it.
 */
static bool below_is_owned(const struct world *w, const struct vms_node *node, u64 base, u64 start,
			   u64 end)
{
	u64 span = span_of(node->level);
	unsigned int i;

	if (base >= end || base + 512 * span <= start)
		return false;
	if (owner_of(w, node, base))
		return true;
	for (i = 0; i < 512; i++)
		if (PTE_TABLE(node->table[i], node->level) &&
		    below_is_owned(w, vms_node_of(node->table[i]), base + i * span, start, end))
			return true;
	return false;
}

bool open_meets_owner(const struct world *w, u64 start, u64 end, unsigned int level)
{
	const struct vms_node *node = w->space->pt.root;
	u64 base = 0, span = span_of(node->level);

	while (node->level > level && (start - base) / span == (end - 1 - base) / span) {
		u64 e = node->table[(start - base) / span];

		if (!PTE_TABLE(e, node->level))
			break;
		base += (start - base) / span * span;
		node = vms_node_of(e);
		span = span_of(node->level);
	}
	return below_is_owned(w, node, base, start, end);
}

static bool is_top(const struct world *w, const struct vms_node *node)
{
	unsigned int i;

	for (i = 0; i < WORLD_CURSORS; i++)
		if (w->cursors[i] && w->cursors[i]->top == node)
			return true;
	return false;
}

static unsigned int check_subtree(const struct world *w, const struct vms_node *node, u64 base)
{
	unsigned int i, count = 0, tables = 1, entries = node->parent ? 512 : 256;
	const struct vms_cursor *owner = owner_of(w, node, base);
	u64 span = span_of(node->level);

	CHECK("node", !node->stray, "stray, but in the tree, at %llx", base);
	CHECK("owner", node->owned == !!owner, "level %u at %llx owned %d", node->level, base,
	      node->owned);
	CHECK("owner", list_empty(&node->waiters), "somebody waits at %llx", base);
	for (i = 0; i < 512; i++) {
		u64 e = node->table[i];
		const struct vms_node *child;

		if (!e)
			continue;
		count++;
		CHECK("node", i < entries, "an entry in the kernel's half");
		CHECK("node", !(e & PTE_RESERVED), "entry %llx", e);
		CHECK("node", (e & 1) != !!(e & 0x800), "entry %llx present and held", e);
		if (!PTE_TABLE(e, node->level)) {
			CHECK("node", node->level <= w->space->pt.leaf_level &&
			      (node->level > 1) == !!(e & 0x80), "leaf %llx", e);
			continue;
		}
		CHECK("node", (e & 0xfff) == 0x007 && !(e >> 52), "directory %llx", e);
		child = vms_node_of(e);
		CHECK("node", child->level == node->level - 1, "level %u", child->level);
		CHECK("node", child->parent == node && child->index == i,
		      "another parent, at %llx", base + i * span);
		CHECK("node", child->table == table_at(e), "table of another node");
		tables += check_subtree(w, child, base + i * span);
	}
	CHECK("node", count == node->count, "count %u, entries %u, at %llx", node->count, count,
	      base);
	/* Given back, unless a cursor stands there or its parent's owner will. */
	CHECK("empty table", count || !node->parent || is_top(w, node) || node->parent->sweep,
	      "level %u at %llx", node->level, base);
	return tables;
}

static unsigned int count_tables(const struct vms_node *node)
{
	unsigned int i, tables = 1;

	for (i = 0; i < 512; i++)
		if (PTE_TABLE(node->table[i], node->level))
			tables += count_tables(vms_node_of(node->table[i]));
	return tables;
}

/*
 * node: a child's level is its parent's minus one; every table has exactly one
 * parent entry; the count is that of the entries; a present entry is a leaf or
 * a live table one level lower. And no table is forgotten.
 */
void check_node(const struct world *w)
{
	long tables = check_subtree(w, w->space->pt.root, 0);
	unsigned int i;

	for (i = 0; i < WORLD_CURSORS; i++) {
		const struct vms_node *node;

		if (w->cursors[i])
			list_for_each_entry(node, &w->cursors[i]->gather.tables, link) {
				CHECK("node", node->stray, "gathered, but not stray");
				tables += count_tables(node);
			}
	}
	CHECK("table pages", tables == atomic_long_read(&w->space->pt.tables),
	      "%ld counted, %ld there", atomic_long_read(&w->space->pt.tables), tables);
}

/* frame references: count == handles + places where it is mapped (+ held back). */
void check_frame_references(const struct world *w)
{
	static int *expected[ZONES];
	bool exact = true;
	unsigned int level, i;
	size_t k;

	for (level = 1; level < ZONES; level++) {
		expected[level] = realloc(expected[level], (zones[level].nr + 1) * sizeof(int));
		memset(expected[level], 0, (zones[level].nr + 1) * sizeof(int));
	}
#define EXPECT(pa) \
	(expected[((pa) >> ZONE_SHIFT) & 3][frame_at(pa) - zones[((pa) >> ZONE_SHIFT) & 3].frames])
	for (i = 0; i < WORLD_OBJECTS; i++) {
		const struct object *o = w->objects[i];

		for (k = 0; o && k < o->mem.nr_frames; k++)
			EXPECT(object_pa(o, k << o->mem.order))++;
	}
	for (k = 0; k < w->model.nr; k++) {
		const struct run *r = &w->model.runs[k];
		u64 pa;

		for (pa = r->pa; pa < r->pa + (r->end - r->start); pa += r->size)
			EXPECT(pa)++;
	}
	for (i = 0; i < WORLD_CURSORS; i++) {
		exact &= w->held[i].exact;
		for (k = 0; w->held[i].exact && k < w->held[i].nr; k++)
			EXPECT(w->held[i].pa[k])++;
	}
#undef EXPECT
	for (level = 1; level < ZONES; level++)
		for (i = 0; i < zones[level].nr; i++) {
			int refs = zones[level].frames[i].refs;

			CHECK("frame references", exact ? refs == expected[level][i] :
			      refs >= expected[level][i], "level %u frame %u: %d, not %d", level,
			      i, refs, expected[level][i]);
		}
}

/* Whether a flush of something in a range is deferred. */
static bool deferred_in(const struct world *w, u64 start, u64 end)
{
	unsigned int i;

	for (i = 0; i < WORLD_CURSORS; i++) {
		const struct vms_cursor *c = w->cursors[i];
		const struct vms_node *top = c ? c->top : NULL;
		u64 base, size;

		if (!c || (!c->gather.nr_va && !c->gather.full))
			continue;
		size = span_of(top->level) * 512;
		base = c->start & ~(size - 1);
		if (start < base + size && base < end)
			return true;
	}
	return false;
}

/* The table for a level on the way to an address, and the entry that decides. */
static u64 look_up(const struct vms_space *space, u64 va, unsigned int to, unsigned int *level,
		   u64 **table)
{
	*table = space->pt.root->table;
	for (*level = space->pt.levels;; (*level)--) {
		u64 e = (*table)[va / span_of(*level) % 512];

		if (*level == to || !PTE_TABLE(e, *level))
			return e;
		*table = table_at(e);
	}
}

/* The entry that decides on an address. */
u64 *live_entry(const struct vms_space *space, u64 va)
{
	unsigned int level;
	u64 *table;

	look_up(space, va, 1, &level, &table);
	return &table[va / span_of(level) % 512];
}

static void check_translation(const struct world *w, unsigned int cpu, const struct translation *t)
{
	unsigned int level;
	u64 e, *table;

	CHECK("TLB", frame_at(PTE_PA(t->entry))->refs, "cpu %u: %llx to a free frame", cpu, t->va);
	if (deferred_in(w, t->va, t->va + t->size))
		return;
	e = look_up(w->space, t->va, 1, &level, &table);
	CHECK("TLB", (e & 1) && span_of(level) == t->size && PTE_PA(e) == PTE_PA(t->entry),
	      "cpu %u: %llx size %llx entry %llx, in the table %llx", cpu, t->va, t->size,
	      t->entry, e);
	/* No right, and no A or D, that the table has not. */
	CHECK("TLB", !(t->entry & ~e & 0x66) && !(e & ~t->entry & BIT_ULL(63)),
	      "cpu %u: %llx entry %llx, in the table %llx", cpu, t->va, t->entry, e);
}

static void check_structure(const struct world *w, unsigned int cpu, const struct structure *s)
{
	unsigned int level;
	u64 *table;

	if (deferred_in(w, s->va, s->va + s->size))
		return;
	look_up(w->space, s->va, s->level, &level, &table);
	CHECK("TLB", level == s->level && table == s->table,
	      "cpu %u: the table of level %u for %llx", cpu, s->level, s->va);
}

/* TLB: every cached translation is one that the page table holds. */
void check_tlb(const struct world *w)
{
	unsigned int cpu, i;

	for (cpu = 0; cpu < STUB_CPUS; cpu++) {
		if (cpus[cpu].space != w->space)
			continue;
		for (i = 0; i < TLB_SIZE; i++)
			if (cpus[cpu].tlb[i].size)
				check_translation(w, cpu, &cpus[cpu].tlb[i]);
		for (i = 0; i < STRUCTURES; i++)
			if (cpus[cpu].structures[i].size)
				check_structure(w, cpu, &cpus[cpu].structures[i]);
	}
}

/* All that holds between any two operations. */
void check_world(const struct world *w)
{
	static struct model view;
	unsigned int i;

	view_of(w->space, &view);
	check_mapping(w, &view);
	check_view(w, &view);
	check_node(w);
	check_frame_references(w);
	check_tlb(w);
	for (i = 0; i < WORLD_CURSORS; i++)
		if (w->cursors[i])
			CHECK("position", w->cursors[i]->va == w->va[i], "%llx, not %llx",
			      w->cursors[i]->va, w->va[i]);
}

static void image_table(struct image *image, const struct vms_node *node)
{
	unsigned int i;

	image->bytes = realloc(image->bytes, image->len + 4096 + sizeof(node->count));
	memcpy(image->bytes + image->len, node->table, 4096);
	image->len += 4096;
	memcpy(image->bytes + image->len, &node->count, sizeof(node->count));
	image->len += sizeof(node->count);
	for (i = 0; i < 512; i++)
		if (PTE_TABLE(node->table[i], node->level))
			image_table(image, vms_node_of(node->table[i]));
}

void image_take(const struct world *w, struct image *image)
{
	unsigned int level, i, n = 0;

	*image = (struct image) { .tables = atomic_long_read(&w->space->pt.tables) };
	image_table(image, w->space->pt.root);
	image->refs = calloc(zones[1].nr + zones[2].nr + zones[3].nr, sizeof(int));
	for (level = 1; level < ZONES; level++)
		for (i = 0; i < zones[level].nr; i++)
			image->refs[n++] = zones[level].frames[i].refs;
}

void image_free(struct image *image)
{
	free(image->bytes);
	free(image->refs);
}

/* On error the state is what it was, to the byte. */
void check_unchanged(const struct world *w, const struct image *image)
{
	struct image now;

	image_take(w, &now);
	CHECK("unchanged", now.len == image->len && !memcmp(now.bytes, image->bytes, now.len),
	      "tables differ (%zu bytes, were %zu)", now.len, image->len);
	CHECK("unchanged", now.tables == image->tables, "%ld tables, were %ld", now.tables,
	      image->tables);
	CHECK("unchanged", !memcmp(now.refs, image->refs, (zones[1].nr + zones[2].nr +
							   zones[3].nr) * sizeof(int)),
	      "frame references differ");
	image_free(&now);
}
