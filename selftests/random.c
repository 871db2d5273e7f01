// SPDX-License-Identifier: GPL-2.0-only
/*
 * A long random program of operations against a model.
 *
 * The model knows nothing of page tables: a space is a few windows of pages at
 * interesting addresses, each page a mapping or a hole, and nothing is ever
 * mapped elsewhere.  It predicts the result and the outputs of every operation,
 * or, where the contract leaves a choice (translations that are not flushed
 * yet, the order of checks), the set of what may happen.
 *
 *   VMSPACE_SEED   the seed, for another program
 *   VMSPACE_STEPS  the number of operations
 */
#include "kselftest_harness.h"
#include <stdarg.h>
#include "vmspace.h"

#define STEPS		5000
#define WINDOWS		7
#define WINDOW_PAGES	32
#define OBJECTS		24
#define OWN_PAGES	16
#define STALE		8
#define LOG		16
#define MEMORY_PAGES	24

#define AD		(VMSPACE_PROP_ACCESSED | VMSPACE_PROP_DIRTY)

/* --- the model ------------------------------------------------------------ */

/**
 * struct frame - a page of memory
 * @refs:	the memory object, mappings, and translations not yet flushed
 * @writable:	mappings may be writable
 * @own:	it is the program's own memory
 * @pfn:	its number, once it was seen
 * @view:	where the program sees it, or NULL
 * @data:	what it contains
 */
struct frame {
	unsigned int refs;
	bool writable;
	bool own;
	__u64 pfn;
	unsigned char *view;
	unsigned char data[PAGE];
};

/**
 * struct stale - a translation that a CPU may still have
 * @frame:	to which frame
 * @prop:	with which property
 * @cursor:	id of the cursor that has to flush it
 */
struct stale {
	struct frame *frame;
	unsigned int prop;
	__u32 cursor;
};

/**
 * struct page - one page of a window
 * @frame:	what is mapped there, or NULL
 * @must:	its property: bits that are set for sure
 * @may:	and bits that may be set, as A and D after a doubtful access
 * @cache:	the policy
 * @grown:	a CPU may have it with fewer rights: one needless fault is fine
 * @nr_stale:	translations of the past
 * @stale:	these
 */
struct page {
	struct frame *frame;
	unsigned int must;
	unsigned int may;
	unsigned int cache;
	bool grown;
	unsigned int nr_stale;
	struct stale stale[STALE];
};

enum kind { SPACE, MEMORY, CURSOR, READER, WRITER, KINDS };

/**
 * struct object - what an id names
 * @id:		0 if there is none
 * @kind:	what it is
 * @space:	of a cursor, reader or writer
 * @pages:	of a space: its windows
 * @active:	of a space: mask of CPUs
 * @frames:	of a memory object, made when they are needed
 * @nr_pages:	how many it has
 * @cache:	its policy
 * @offset:	for mmap(2); 0 for imported memory
 * @own:	first of the program's own pages, for imported memory
 * @view:	where it is mapped, or NULL
 * @start:	of a cursor, reader, writer
 * @end:	likewise
 * @va:		likewise, the position
 * @mutable:	of a cursor
 * @deferred:	of a cursor: pages that it may hold back, at most
 * @cpu:	of a reader or writer
 */
struct object {
	__u32 id;
	enum kind kind;
	struct object *space;
	struct page *pages;
	__u64 active;
	struct frame **frames;
	__u64 nr_pages;
	unsigned int cache;
	bool writable;
	__u64 offset;
	struct frame *own;
	unsigned char *view;
	__u64 start;
	__u64 end;
	__u64 va;
	bool mutable;
	__u64 deferred;
	unsigned int cpu;
};

/**
 * struct world - everything
 * @window:	first addresses of the windows, ascending
 * @online:	mask of CPUs
 * @expected:	errors of which the next operation has to return one
 * @nr_expected: how many; 0 if it has to succeed
 * @hot:	an address where something was changed
 * @own:	the program's own pages: the first half may be imported for
 *		writing, the second for reading
 * @log:	the last operations, before and after
 * @stats:	what happened
 */
struct world {
	int fd;
	struct vmspace_info info;
	__u64 random;
	unsigned long step;
	unsigned int nr_windows;
	__u64 window[WINDOWS];
	__u64 online;
	struct object objects[OBJECTS];
	int expected[8];
	unsigned int nr_expected;
	__u64 hot;
	unsigned char *own_view;
	struct frame own[OWN_PAGES];
	struct {
		unsigned long step;
		struct vmspace_op before;
		struct vmspace_op after;
	} log[LOG];
	unsigned long nr_ops;
	bool failed;
	struct {
		unsigned long refused;
		unsigned long loads;
		unsigned long stores;
		unsigned long faults;
		unsigned long copied;
		unsigned long stale;
		unsigned long compared;
	} stats;
};

/* xorshift: the same everywhere, for a seed. */
static __u64 rnd(struct world *w, __u64 below)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return (w->random >> 11) % below;
}

static bool chance(struct world *w, unsigned int one_in)
{
	return !rnd(w, one_in);
}

static void print_op(const char *when, const struct vmspace_op *op)
{
	printf("#   %s op %u flags %x id %u result %d words %llx %llx %llx %llx %llx %llx\n", when,
	       op->opcode, op->flags, op->id, op->result,
	       (unsigned long long)op->words[0], (unsigned long long)op->words[1],
	       (unsigned long long)op->words[2], (unsigned long long)op->words[3],
	       (unsigned long long)op->words[4], (unsigned long long)op->words[5]);
}

/* The first failure counts; whatever comes after it may be its consequence. */
static void __attribute__((format(printf, 2, 3))) fail(struct world *w, const char *fmt, ...)
{
	unsigned long i, n = w->nr_ops < LOG ? w->nr_ops : LOG;
	va_list args;

	if (w->failed)
		return;
	w->failed = true;
	printf("# step %lu: ", w->step);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\n# the last operations, words of arguments in hexadecimal:\n");
	for (i = w->nr_ops - n; i < w->nr_ops; i++) {
		printf("#  step %lu\n", w->log[i % LOG].step);
		print_op("in ", &w->log[i % LOG].before);
		print_op("out", &w->log[i % LOG].after);
	}
	fflush(stdout);
}

#define CHECK(w, condition)						\
	do {								\
		if (!(condition))					\
			fail(w, "line %d: %s", __LINE__, #condition);	\
	} while (0)

#define CHECK_EQ(w, a, b)						\
	do {								\
		unsigned long long __a = (a), __b = (b);		\
									\
		if (__a != __b)						\
			fail(w, "line %d: %s (%llx) is not %s (%llx)",	\
			     __LINE__, #a, __a, #b, __b);		\
	} while (0)

/* --- running one operation ------------------------------------------------ */

static void expect(struct world *w, int error)
{
	w->expected[w->nr_expected++] = error;
}

/* Whether it succeeded; if it had to fail, whether it failed as it had to. */
static bool run(struct world *w, struct vmspace_op *op)
{
	unsigned long i = w->nr_ops++ % LOG;
	unsigned int n;
	int ret;

	w->log[i].step = w->step;
	w->log[i].before = *op;
	ret = vms_op(w->fd, op);
	w->log[i].after = *op;
	if (!w->nr_expected) {
		if (ret)
			fail(w, "unexpected error %d", ret);
		return !ret && !w->failed;
	}
	for (n = 0; n < w->nr_expected && w->expected[n] != ret; n++)
		;
	if (n == w->nr_expected)
		fail(w, "result %d, expected error %d%s", ret, w->expected[0],
		     n > 1 ? " or others" : "");
	w->nr_expected = 0;
	w->stats.refused++;
	return false;
}

/* --- frames and pages ----------------------------------------------------- */

static struct frame *frame_get(struct frame *f)
{
	f->refs++;
	return f;
}

static void frame_put(struct frame *f)
{
	if (--f->refs || f->own)
		return;
	free(f);
}

static struct frame *memory_frame(struct object *mem, __u64 index)
{
	struct frame *f;

	if (mem->own)
		return mem->own + index;
	f = mem->frames[index];
	if (!f) {
		f = calloc(1, sizeof(*f));
		f->refs = 1;
		f->writable = true;
		f->view = mem->view ? mem->view + index * PAGE : NULL;
		mem->frames[index] = f;
	}
	return f;
}

static struct page *page_at(const struct world *w, const struct object *space, __u64 va)
{
	unsigned int n;

	for (n = 0; n < w->nr_windows; n++)
		if (va >= w->window[n] && va < w->window[n] + WINDOW_PAGES * PAGE)
			return space->pages + n * WINDOW_PAGES + (va - w->window[n]) / PAGE;
	return NULL;
}

/* The first address from @va on, and below @end, where something is mapped. */
static __u64 next_mapped(const struct world *w, const struct object *space, __u64 va,
			 __u64 end)
{
	unsigned int n, i;

	for (n = 0; n < w->nr_windows; n++) {
		for (i = 0; i < WINDOW_PAGES; i++) {
			__u64 at = w->window[n] + i * PAGE;

			if (at >= va && at < end && space->pages[n * WINDOW_PAGES + i].frame)
				return at;
		}
	}
	return end;
}

/* A page that is mapped near @va, or @va if there is none. */
static __u64 some_mapped(const struct world *w, const struct object *space, __u64 va)
{
	__u64 end = w->info.va_end, at = next_mapped(w, space, va, end);

	if (at == end)
		at = next_mapped(w, space, 0, end);
	return at == end ? va : at;
}

static void page_add_stale(struct page *p, __u32 cursor)
{
	if (!(p->may & VMSPACE_PROP_READ))
		return;
	p->stale[p->nr_stale++] = (struct stale) {
		.frame = frame_get(p->frame),
		.prop = p->may,
		.cursor = cursor,
	};
}

static void page_forget_stale(struct page *p)
{
	while (p->nr_stale)
		frame_put(p->stale[--p->nr_stale].frame);
	p->grown = false;
}

static void page_forget_stale_of(struct page *p, __u32 cursor)
{
	unsigned int i = 0;

	while (i < p->nr_stale) {
		if (p->stale[i].cursor != cursor) {
			i++;
			continue;
		}
		frame_put(p->stale[i].frame);
		p->stale[i] = p->stale[--p->nr_stale];
	}
}

/* A mapping goes; what was deferred at the same address goes with a flush. */
static void page_unmap(struct page *p, bool defer, __u32 cursor)
{
	if (defer)
		page_add_stale(p, cursor);
	else if (p->must & VMSPACE_PROP_READ)
		page_forget_stale(p);
	frame_put(p->frame);
	p->frame = NULL;
	p->must = 0;
	p->may = 0;
	p->grown = false;
}

static void cursor_flushed(const struct world *w, struct object *c)
{
	unsigned int i;

	for (i = 0; i < w->nr_windows * WINDOW_PAGES; i++)
		page_forget_stale_of(c->space->pages + i, c->id);
	c->deferred = 0;
}

static bool any_page_full(const struct world *w, const struct object *space, __u64 va,
			  __u64 end)
{
	for (va = next_mapped(w, space, va, end); va < end;
	     va = next_mapped(w, space, va + PAGE, end))
		if (page_at(w, space, va)->nr_stale == STALE)
			return true;
	return false;
}

/* --- choosing ------------------------------------------------------------- */

static struct object *new_object(struct world *w)
{
	unsigned int i;

	for (i = 0; i < OBJECTS; i++)
		if (!w->objects[i].id)
			return &w->objects[i];
	return NULL;
}

static struct object *find_object(struct world *w, __u32 id)
{
	unsigned int i;

	for (i = 0; i < OBJECTS; i++)
		if (id && w->objects[i].id == id)
			return &w->objects[i];
	return NULL;
}

static unsigned int count_objects(const struct world *w, enum kind k,
				  const struct object *space)
{
	unsigned int i, n = 0;

	for (i = 0; i < OBJECTS; i++)
		n += w->objects[i].id && w->objects[i].kind == k &&
		     (!space || w->objects[i].space == space);
	return n;
}

static struct object *any_object(struct world *w, enum kind k)
{
	unsigned int n = count_objects(w, k, NULL), i;

	if (!n)
		return NULL;
	n = rnd(w, n);
	for (i = 0; ; i++)
		if (w->objects[i].id && w->objects[i].kind == k && !n--)
			return &w->objects[i];
}

/*
 * The id of some object, now and then a wrong one, with the error that it leads
 * to.
 */
static struct object *pick(struct world *w, enum kind k, __u32 *id)
{
	struct object *o = any_object(w, k);

	if (!o || chance(w, 60)) {
		o = any_object(w, rnd(w, KINDS));
		*id = o && chance(w, 2) ? o->id : rnd(w, 1ULL << (1 + rnd(w, 32)));
		o = find_object(w, *id);
		if (!o)
			expect(w, -ENOENT);
		else if (o->kind != k)
			expect(w, -EINVAL);
		return o && o->kind == k ? o : NULL;
	}
	*id = o->id;
	return o;
}

/* Likewise of a cursor that may change mappings, as a rule. */
static struct object *pick_mutable(struct world *w, __u32 *id)
{
	struct object *c = pick(w, CURSOR, id);
	unsigned int tries;

	for (tries = 0; tries < 10 && c && !c->mutable; tries++) {
		c = any_object(w, CURSOR);
		*id = c->id;
	}
	if (c && !c->mutable)
		expect(w, -EINVAL);
	return c;
}

/* Near the windows, in them above all. */
static __u64 some_va(struct world *w)
{
	__u64 window = w->window[rnd(w, w->nr_windows)];
	__u64 va = window + (rnd(w, WINDOW_PAGES + 8) - 4) * PAGE;

	if (chance(w, 3))
		va = window + rnd(w, WINDOW_PAGES) * PAGE;
	if (va > w->info.va_end)
		va = chance(w, 2) ? 0 : w->info.va_end;
	return va;
}

static unsigned int some_prop(struct world *w)
{
	return chance(w, 4) ? rnd(w, VMSPACE_PROP_ALL + 1) : RW;
}

static void expect_new_id(struct world *w, __u32 id)
{
	CHECK(w, id != 0);
	CHECK(w, !find_object(w, id));
}

/* Flags and padding are checked first; now and then they are wrong. */
static void maybe_spoil(struct world *w, struct vmspace_op *op, __u64 *pad)
{
	if (!chance(w, 100))
		return;
	if (pad && chance(w, 2))
		*pad = 1ULL << rnd(w, 64);
	else
		/* Above the last that means anything. */
		op->flags |= VMSPACE_PAGE_LARGEST << (1 + rnd(w, 23));
	expect(w, -EINVAL);
}

/* --- objects -------------------------------------------------------------- */

static void do_new_space(struct world *w)
{
	struct vmspace_op op = { .opcode = VMSPACE_OP_NEW_SPACE };
	struct object *o = new_object(w);

	if (!o || count_objects(w, SPACE, NULL) >= 3)
		return;
	if (chance(w, 20)) {
		op.id = 1 + rnd(w, 100);
		expect(w, -EINVAL);
	}
	maybe_spoil(w, &op, &op.words[3]);
	if (!run(w, &op))
		return;
	expect_new_id(w, op.new_space.new_id);
	CHECK_EQ(w, op.new_space.va_end, w->info.va_end);
	CHECK_EQ(w, op.new_space.levels, w->info.levels);
	*o = (struct object) {
		.id = op.new_space.new_id,
		.kind = SPACE,
		.pages = calloc(w->nr_windows * WINDOW_PAGES, sizeof(struct page)),
	};
}

static void memory_view(struct world *w, struct object *o)
{
	__u64 i;

	o->view = vms_view(w->fd, o->offset, o->nr_pages);
	if (o->view == MAP_FAILED) {
		o->view = NULL;
		fail(w, "mmap: %s", strerror(errno));
		return;
	}
	for (i = 0; i < o->nr_pages; i++)
		if (o->frames[i])
			o->frames[i]->view = o->view + i * PAGE;
}

static void memory_unview(struct object *o)
{
	__u64 i;

	if (!o->view || o->own)
		return;
	munmap(o->view, o->nr_pages * PAGE);
	o->view = NULL;
	for (i = 0; i < o->nr_pages; i++)
		if (o->frames[i])
			o->frames[i]->view = NULL;
}

static void do_new_memory(struct world *w)
{
	struct vmspace_op op = { .opcode = VMSPACE_OP_NEW_MEMORY };
	struct object *o = new_object(w);

	if (!o || count_objects(w, MEMORY, NULL) >= 6)
		return;
	op.new_memory.count = 1 + rnd(w, MEMORY_PAGES);
	op.new_memory.frame_size = PAGE;
	if (chance(w, 10)) {
		op.new_memory.count = 1 + rnd(w, 2);
		op.new_memory.frame_size = 1 << 21;
	} else if (chance(w, 6)) {
		op.new_memory.count = 1 + rnd(w, 4);
		op.new_memory.cache = rnd(w, 2) ? VMSPACE_CACHE_WC : VMSPACE_CACHE_UC;
	} else if (chance(w, 20)) {
		op.new_memory.count = chance(w, 2) ? 0 : w->info.max_frames + 1ULL;
		expect(w, -EINVAL);
	} else if (chance(w, 20)) {
		op.new_memory.frame_size = chance(w, 2) ? 2 * PAGE : rnd(w, PAGE);
		expect(w, -EINVAL);
	} else if (chance(w, 20)) {
		op.new_memory.cache = 3 + rnd(w, 1000);
		expect(w, -EINVAL);
	}
	maybe_spoil(w, &op, &op.words[4]);
	if (!run(w, &op))
		return;
	expect_new_id(w, op.new_memory.new_id);
	*o = (struct object) {
		.id = op.new_memory.new_id,
		.kind = MEMORY,
		.nr_pages = op.new_memory.count * (op.new_memory.frame_size / PAGE),
		.cache = op.new_memory.cache,
		.writable = true,
		.offset = op.new_memory.mmap_offset,
	};
	o->frames = calloc(o->nr_pages, sizeof(*o->frames));
	if (chance(w, 2))
		memory_view(w, o);
}

static void do_import(struct world *w)
{
	struct vmspace_op op = { .opcode = VMSPACE_OP_IMPORT };
	struct object *o = new_object(w);
	unsigned int first = rnd(w, OWN_PAGES), half = OWN_PAGES / 2;

	if (!o || count_objects(w, MEMORY, NULL) >= 6)
		return;
	op.import.addr = (uintptr_t)w->own_view + first * PAGE;
	op.import.count = 1 + rnd(w, half - first % half);
	if (first < half)
		op.flags = VMSPACE_WRITABLE;
	if (chance(w, 20)) {
		op.import.addr += 1 + rnd(w, PAGE - 1);
		expect(w, -EINVAL);
	}
	if (chance(w, 20)) {
		op.import.count = chance(w, 2) ? 0 : w->info.max_frames + 1ULL;
		expect(w, -EINVAL);
	} else if (chance(w, 20)) {
		/* Beyond the last page nothing is mapped. */
		op.import.count = OWN_PAGES - first + 1;
		expect(w, -EFAULT);
	}
	maybe_spoil(w, &op, &op.words[3]);
	if (!run(w, &op))
		return;
	expect_new_id(w, op.import.new_id);
	*o = (struct object) {
		.id = op.import.new_id,
		.kind = MEMORY,
		.nr_pages = op.import.count,
		.writable = first < half,
		.own = w->own + first,
	};
}

static void space_forget(struct world *w, struct object *o)
{
	unsigned int i;

	for (i = 0; i < w->nr_windows * WINDOW_PAGES; i++) {
		page_forget_stale(o->pages + i);
		if (o->pages[i].frame)
			frame_put(o->pages[i].frame);
	}
	free(o->pages);
}

static void memory_forget(struct object *o)
{
	__u64 i;

	if (o->own)
		return;
	memory_unview(o);
	for (i = 0; i < o->nr_pages; i++)
		if (o->frames[i])
			frame_put(o->frames[i]);
	free(o->frames);
}

static void do_drop(struct world *w, enum kind k)
{
	static const unsigned int opcodes[KINDS] = {
		[SPACE] = VMSPACE_OP_DROP_SPACE,
		[MEMORY] = VMSPACE_OP_DROP_MEMORY,
		[CURSOR] = VMSPACE_OP_DROP_CURSOR,
		[READER] = VMSPACE_OP_DROP_READER,
		[WRITER] = VMSPACE_OP_DROP_WRITER,
	};
	struct vmspace_op op = { .opcode = opcodes[k] };
	struct object *o = pick(w, k, &op.id);

	if (k == SPACE && o &&
	    count_objects(w, CURSOR, o) + count_objects(w, READER, o) + count_objects(w, WRITER, o))
		expect(w, -EBUSY);
	maybe_spoil(w, &op, &op.words[rnd(w, 6)]);
	if (!run(w, &op) || !o)
		return;
	if (k == CURSOR)
		cursor_flushed(w, o);
	else if (k == SPACE)
		space_forget(w, o);
	else if (k == MEMORY)
		memory_forget(o);
	o->id = 0;
}

static void do_open_cursor(struct world *w)
{
	struct vmspace_op op = { .opcode = VMSPACE_OP_OPEN_CURSOR_MUT };
	__u64 a = some_va(w), b = some_va(w);
	bool others = false, overlap = false;
	struct object *o = new_object(w), *space;
	unsigned int i;

	if (!o || count_objects(w, CURSOR, NULL) >= 5)
		return;
	if (chance(w, 4))
		op.opcode = VMSPACE_OP_OPEN_CURSOR;
	/* Small ones often, so that several fit. */
	if (chance(w, 2))
		b = a + rnd(w, 20) * PAGE;
	op.open.start = a < b ? a : b;
	op.open.end = a < b ? b : a;
	space = pick(w, SPACE, &op.id);
	if (chance(w, 40))
		op.open.start += 1 + rnd(w, PAGE - 1);
	if (chance(w, 40))
		op.open.end = chance(w, 2) ? -PAGE * rnd(w, 3) : w->info.va_end + PAGE;
	if (op.open.start % PAGE || op.open.end % PAGE || op.open.start >= op.open.end)
		expect(w, -EINVAL);
	if (op.open.end > w->info.va_end || op.open.start > w->info.va_end)
		expect(w, -ERANGE);
	for (i = 0; i < OBJECTS && space; i++) {
		struct object *c = &w->objects[i];

		if (!c->id || c->kind != CURSOR || c->space != space)
			continue;
		others = true;
		overlap |= c->start < op.open.end && op.open.start < c->end;
	}
	if (others || chance(w, 2))
		op.flags = VMSPACE_NONBLOCK;
	maybe_spoil(w, &op, &op.words[3]);
	if (overlap)
		expect(w, -EBUSY);
	if (others && !overlap && !w->nr_expected) {
		/* Two that do not overlap may still have to share a table. */
		expect(w, -EBUSY);
		expect(w, 0);
	}
	run(w, &op);
	if (op.result || w->failed || !space)
		return;
	expect_new_id(w, op.open.new_id);
	*o = (struct object) {
		.id = op.open.new_id,
		.kind = CURSOR,
		.space = space,
		.start = op.open.start,
		.end = op.open.end,
		.va = op.open.start,
		.mutable = op.opcode == VMSPACE_OP_OPEN_CURSOR_MUT,
	};
}

/* --- looking -------------------------------------------------------------- */

static void check_prop(struct world *w, const struct vmspace_op *op, struct page *p)
{
	unsigned int prop = op->query.prop;

	if ((prop & p->must) != p->must || (prop & ~p->may))
		fail(w, "property %x, not %x to %x", prop, p->must, p->may);
	/* Now it is known. */
	p->must = prop;
	p->may = prop;
	CHECK_EQ(w, op->query.cache, p->cache);
	if (!op->query.pfn || p->frame->own)
		return;
	if (p->frame->pfn)
		CHECK_EQ(w, op->query.pfn, p->frame->pfn);
	p->frame->pfn = op->query.pfn;
}

/* What QUERY or TRANSLATE say of @va; a hole is cut off at @start and @end. */
static void check_query(struct world *w, const struct object *space, __u64 va, __u64 start,
			__u64 end, const struct vmspace_op *op)
{
	struct page *p = page_at(w, space, va);

	CHECK_EQ(w, op->query.present, p && p->frame);
	if (op->query.present) {
		CHECK_EQ(w, op->query.start, va & -PAGE);
		CHECK_EQ(w, op->query.end, (va & -PAGE) + PAGE);
		if (!w->failed)
			check_prop(w, op, p);
		return;
	}
	CHECK(w, op->query.start <= va && va < op->query.end);
	CHECK(w, op->query.start >= start && op->query.end <= end);
	CHECK_EQ(w, op->query.start % PAGE, 0);
	CHECK_EQ(w, op->query.end % PAGE, 0);
	CHECK_EQ(w, op->query.prop, 0);
	CHECK_EQ(w, op->query.pfn, 0);
	CHECK_EQ(w, next_mapped(w, space, op->query.start, op->query.end), op->query.end);
}

static void do_query(struct world *w)
{
	struct vmspace_op op = { .opcode = VMSPACE_OP_QUERY };
	struct object *c = pick(w, CURSOR, &op.id);

	if (c && c->va == c->end)
		expect(w, -ERANGE);
	maybe_spoil(w, &op, NULL);
	if (run(w, &op))
		check_query(w, c->space, c->va, c->start, c->end, &op);
}

static void do_translate(struct world *w)
{
	struct vmspace_op op = { .opcode = VMSPACE_OP_TRANSLATE };
	struct object *space = pick(w, SPACE, &op.id);
	__u64 va = some_va(w) + (chance(w, 2) ? rnd(w, PAGE) : 0);

	if (chance(w, 20))
		va = rnd(w, -1ULL);
	op.query.va = va;
	if (va >= w->info.va_end)
		expect(w, -ERANGE);
	maybe_spoil(w, &op, NULL);
	if (run(w, &op))
		check_query(w, space, va, 0, w->info.va_end, &op);
}

/* A length for an operation of a cursor, now and then a wrong one. */
static __u64 some_len(struct world *w, const struct object *c)
{
	__u64 left = c ? c->end - c->va : PAGE, len;

	len = rnd(w, 12) * PAGE;
	if (len > left)
		len = rnd(w, left / PAGE + 1) * PAGE;
	if (chance(w, 15))
		len = left;
	if (chance(w, 50))
		len = left + (1 + rnd(w, 3)) * PAGE;
	if (chance(w, 100))
		len = -PAGE;
	if (chance(w, 50))
		len += 1 + rnd(w, PAGE - 1);
	if (len % PAGE)
		expect(w, -EINVAL);
	if (len > left)
		expect(w, -ERANGE);
	return len;
}

static void do_find_next(struct world *w)
{
	struct vmspace_op op = { .opcode = VMSPACE_OP_FIND_NEXT };
	struct object *c = pick(w, CURSOR, &op.id);
	__u64 len, at, end;

	len = some_len(w, c);
	op.find.len = len;
	maybe_spoil(w, &op, NULL);
	if (!run(w, &op)) {
		if (c && !w->failed && op.find.va)
			CHECK_EQ(w, op.find.va, c->va);
		return;
	}
	end = c->va + len;
	at = next_mapped(w, c->space, c->va, end);
	CHECK_EQ(w, op.find.present, at < end);
	if (at < end) {
		CHECK_EQ(w, op.find.start, at);
		CHECK_EQ(w, op.find.end, at + PAGE);
	}
	c->va = at;
	CHECK_EQ(w, op.find.va, at);
}

static void do_jump(struct world *w)
{
	struct vmspace_op op = { .opcode = VMSPACE_OP_JUMP };
	struct object *c = pick(w, CURSOR, &op.id);
	__u64 va = some_va(w);

	if (c && !chance(w, 4))
		va = c->start + rnd(w, (c->end - c->start) / PAGE) * PAGE;
	if (c && (va < c->start || va >= c->end || chance(w, 3))) {
		__u64 at = next_mapped(w, c->space, c->start, c->end);

		va = at < c->end ? at : c->start;
	}
	if (chance(w, 30))
		va = some_va(w);
	if (chance(w, 30))
		va += 1 + rnd(w, PAGE - 1);
	op.pos.va = va;
	if (va % PAGE)
		expect(w, -EINVAL);
	if (c && (va < c->start || va >= c->end))
		expect(w, -ERANGE);
	maybe_spoil(w, &op, NULL);
	if (run(w, &op)) {
		c->va = va;
		CHECK_EQ(w, op.pos.va, va);
	}
}

static void do_virt_addr(struct world *w)
{
	struct vmspace_op op = { .opcode = VMSPACE_OP_VIRT_ADDR };
	struct object *c = pick(w, CURSOR, &op.id);

	maybe_spoil(w, &op, &op.words[1]);
	if (run(w, &op))
		CHECK_EQ(w, op.pos.va, c->va);
}

/* --- changing ------------------------------------------------------------- */

static void do_map(struct world *w)
{
	struct vmspace_op op = { .opcode = VMSPACE_OP_MAP, .map.count = 1 };
	struct object *c = pick_mutable(w, &op.id), *mem;
	struct page *p = NULL;
	struct frame *f;
	__u64 va = 0;

	mem = pick(w, MEMORY, &op.map.memory);
	if (c) {
		va = c->va;
		p = page_at(w, c->space, va);
		/* Nothing is ever mapped outside of the windows. */
		if (!p && va < c->end)
			return;
		if (va == c->end)
			expect(w, -ERANGE);
		else if (p && p->nr_stale < STALE && chance(w, 3))
			op.flags |= VMSPACE_DEFER;
	}
	op.map.prop = some_prop(w);
	if (chance(w, 3))
		op.flags |= VMSPACE_REPLACE;
	else if (p && p->frame)
		expect(w, -EEXIST);
	if (mem) {
		op.map.index = rnd(w, mem->nr_pages);
		op.map.cache = mem->cache;
		if (chance(w, 40)) {
			op.map.index = mem->nr_pages + rnd(w, 1ULL << 52);
			expect(w, -ERANGE);
		}
		if (chance(w, 40)) {
			op.map.cache = mem->cache + 1 + rnd(w, 3);
			expect(w, -EINVAL);
		}
		if (!mem->writable && (op.map.prop & VMSPACE_PROP_WRITE))
			expect(w, -EACCES);
	}
	if (chance(w, 60)) {
		op.map.prop |= (VMSPACE_PROP_ALL + 1) << rnd(w, 25);
		expect(w, -EINVAL);
	}
	maybe_spoil(w, &op, NULL);
	if (!run(w, &op)) {
		if (c && !w->failed && op.map.va)
			CHECK_EQ(w, op.map.va, va);
		return;
	}
	w->hot = va;
	CHECK_EQ(w, op.map.start, va);
	CHECK_EQ(w, op.map.end, va + PAGE);
	CHECK_EQ(w, op.map.va, va + PAGE);
	c->va = va + PAGE;
	f = frame_get(memory_frame(mem, op.map.index));
	if (p->frame) {
		c->deferred += !!(op.flags & VMSPACE_DEFER);
		page_unmap(p, op.flags & VMSPACE_DEFER, c->id);
	}
	p->frame = f;
	p->must = op.map.prop;
	p->may = op.map.prop;
	p->cache = mem->cache;
}

static void do_unmap(struct world *w)
{
	struct vmspace_op op = { .opcode = VMSPACE_OP_UNMAP };
	struct object *c = pick_mutable(w, &op.id);
	__u64 len, va, end, pages = 0;

	len = some_len(w, c);
	op.unmap.len = len;
	if (c && !w->nr_expected && !any_page_full(w, c->space, c->va, c->va + len) &&
	    chance(w, 3))
		op.flags = VMSPACE_DEFER;
	maybe_spoil(w, &op, NULL);
	if (!run(w, &op)) {
		if (c && !w->failed && op.unmap.va)
			CHECK_EQ(w, op.unmap.va, c->va);
		return;
	}
	end = c->va + len;
	for (va = next_mapped(w, c->space, c->va, end); va < end;
	     va = next_mapped(w, c->space, va, end)) {
		page_unmap(page_at(w, c->space, va), op.flags & VMSPACE_DEFER, c->id);
		w->hot = va;
		pages++;
	}
	if (op.flags & VMSPACE_DEFER)
		c->deferred += pages;
	CHECK_EQ(w, op.unmap.pages, pages);
	CHECK_EQ(w, op.unmap.bytes, pages * PAGE);
	CHECK_EQ(w, op.unmap.start, c->va);
	CHECK_EQ(w, op.unmap.end, end);
	CHECK_EQ(w, op.unmap.va, end);
	c->va = end;
}

static void do_protect_next(struct world *w)
{
	struct vmspace_op op = { .opcode = VMSPACE_OP_PROTECT_NEXT };
	struct object *c = pick_mutable(w, &op.id);
	const unsigned int counted = VMSPACE_PROP_ALL & ~VMSPACE_PROP_SOFT;
	unsigned int must, may, clear, set;
	__u64 len, at = 0, end = 0;
	struct page *p = NULL;

	len = some_len(w, c);
	op.protect.len = len;
	clear = rnd(w, VMSPACE_PROP_ALL + 1) & rnd(w, VMSPACE_PROP_ALL + 1);
	set = rnd(w, VMSPACE_PROP_ALL + 1) & rnd(w, VMSPACE_PROP_ALL + 1) & ~clear;
	op.protect.clear = clear;
	op.protect.set = set;
	if (chance(w, 40)) {
		op.protect.clear |= 1;
		op.protect.set |= 1;
		expect(w, -EINVAL);
	}
	if (chance(w, 40)) {
		*(chance(w, 2) ? &op.protect.clear : &op.protect.set) |= 1U << (7 + rnd(w, 25));
		expect(w, -EINVAL);
	}
	if (c && !w->nr_expected) {
		end = c->va + len;
		at = next_mapped(w, c->space, c->va, end);
		if (at < end) {
			p = page_at(w, c->space, at);
			if ((set & VMSPACE_PROP_WRITE) && !p->frame->writable)
				expect(w, -EACCES);
			if (p->nr_stale < STALE && chance(w, 3))
				op.flags = VMSPACE_DEFER;
		}
	}
	maybe_spoil(w, &op, NULL);
	if (!run(w, &op)) {
		if (c && !w->failed && op.protect.va)
			CHECK_EQ(w, op.protect.va, c->va);
		return;
	}
	CHECK_EQ(w, op.protect.present, !!p);
	if (!p) {
		c->va = end;
		CHECK_EQ(w, op.protect.va, end);
		return;
	}
	w->hot = at;
	CHECK_EQ(w, op.protect.start, at);
	CHECK_EQ(w, op.protect.end, at + PAGE);
	CHECK_EQ(w, op.protect.va, at + PAGE);
	c->va = at + PAGE;
	must = (p->must & ~clear) | set;
	may = (p->may & ~clear) | set;
	if ((op.protect.prop & must) != must || (op.protect.prop & ~may))
		fail(w, "property %x, not %x to %x", op.protect.prop, must, may);
	if (op.flags & VMSPACE_DEFER) {
		page_add_stale(p, c->id);
	} else if ((p->must & VMSPACE_PROP_READ) && (p->must & clear & counted)) {
		/* Something shrank for sure: every CPU has flushed the page. */
		page_forget_stale(p);
	}
	if ((p->may & VMSPACE_PROP_READ) && (set & counted))
		p->grown = true;
	/* A CPU may have set A and D since, but only with what is cached. */
	p->must = op.protect.prop;
	p->may = op.protect.prop;
}

static void do_flush_sync(struct world *w)
{
	struct vmspace_op op = { .opcode = VMSPACE_OP_FLUSH_SYNC };
	struct object *c = pick_mutable(w, &op.id);

	maybe_spoil(w, &op, &op.words[4]);
	if (!run(w, &op))
		return;
	CHECK_EQ(w, op.flush.va, c->va);
	CHECK(w, op.flush.pages <= c->deferred);
	cursor_flushed(w, c);
}

/* --- CPUs ----------------------------------------------------------------- */

static unsigned int some_cpu(struct world *w, const struct object *space, bool active)
{
	unsigned int tries, cpu;

	if (chance(w, 60)) {
		expect(w, -EINVAL);
		return w->info.nr_cpus + rnd(w, 1 << 20);
	}
	for (tries = 0; tries < 20; tries++) {
		cpu = rnd(w, w->info.nr_cpus < 64 ? w->info.nr_cpus : 64);
		if (!space || !!(space->active & (1ULL << cpu)) == active)
			break;
	}
	return cpu;
}

/* Whether a space, other than that one, is active on a CPU. */
static bool cpu_is_taken(const struct world *w, const struct object *space, unsigned int cpu)
{
	unsigned int i;

	for (i = 0; i < OBJECTS; i++)
		if (w->objects[i].id && w->objects[i].kind == SPACE &&
		    &w->objects[i] != space && cpu < 64 && (w->objects[i].active >> cpu & 1))
			return true;
	return false;
}

static void do_activate(struct world *w)
{
	struct vmspace_op op = { .opcode = VMSPACE_OP_ACTIVATE };
	struct object *space = pick(w, SPACE, &op.id);

	if (!chance(w, 3))
		op.flags = VMSPACE_RESIDENT;
	op.activate.cpu = some_cpu(w, space, chance(w, 10));
	/* Two spaces on a CPU do not let each other stay. */
	if (cpu_is_taken(w, space, op.activate.cpu) && !chance(w, 6))
		return;
	if (op.activate.cpu < 64 && !(w->online & (1ULL << op.activate.cpu)))
		expect(w, -ENODEV);
	else if (op.activate.cpu < 64 && space && (space->active & (1ULL << op.activate.cpu)))
		expect(w, -EEXIST);
	maybe_spoil(w, &op, &op.words[2]);
	if (run(w, &op))
		space->active |= 1ULL << op.activate.cpu;
}

static void do_deactivate(struct world *w)
{
	struct vmspace_op op = { .opcode = VMSPACE_OP_DEACTIVATE };
	struct object *space = pick(w, SPACE, &op.id);
	unsigned int i;

	op.activate.cpu = some_cpu(w, space, !chance(w, 10));
	if (op.activate.cpu < 64 && space && !(space->active & (1ULL << op.activate.cpu)))
		expect(w, -ENXIO);
	for (i = 0; i < OBJECTS && space; i++) {
		struct object *io = &w->objects[i];

		if (!io->id || (io->kind != READER && io->kind != WRITER) ||
		    io->space != space || io->cpu != op.activate.cpu)
			continue;
		expect(w, -EBUSY);
		break;
	}
	maybe_spoil(w, &op, &op.words[2]);
	if (run(w, &op))
		space->active &= ~(1ULL << op.activate.cpu);
}

/* --- loads and stores ----------------------------------------------------- */

/* The access happened through the mapping of the page, or maybe through it. */
static void page_used(struct page *p, unsigned int bits)
{
	if (!p->frame || !(p->may & VMSPACE_PROP_READ))
		return;
	p->may |= bits;
	if (!p->nr_stale)
		p->must |= bits;
}

static bool can_load(const struct page *p)
{
	return p && p->frame && (p->must & VMSPACE_PROP_READ);
}

static bool can_store(const struct page *p)
{
	return can_load(p) && (p->must & VMSPACE_PROP_WRITE);
}

static void check_load(struct world *w, struct page *p, const struct vmspace_op *op)
{
	unsigned int offset = op->access.va % PAGE, i;
	__u64 value = op->access.value;
	bool stale = false;

	if (op->access.outcome == VMSPACE_OUTCOME_FAULT) {
		w->stats.faults++;
		CHECK_EQ(w, value, 0);
		CHECK(w, !can_load(p) || p->grown);
		return;
	}
	CHECK_EQ(w, op->access.outcome, VMSPACE_OUTCOME_OK);
	w->stats.loads++;
	if (!p) {
		fail(w, "a load from a hole saw %llx", (unsigned long long)value);
		return;
	}
	page_used(p, VMSPACE_PROP_ACCESSED);
	if (can_load(p) && !memcmp(p->frame->data + offset, &value, op->access.width))
		return;
	for (i = 0; i < p->nr_stale; i++)
		stale |= !memcmp(p->stale[i].frame->data + offset, &value, op->access.width);
	w->stats.stale += stale;
	if (!stale)
		fail(w, "a load saw %llx; mapped %d, %u not flushed", (unsigned long long)value,
		     can_load(p), p->nr_stale);
}

/* Whether the program sees the frame as the model has it. */
static bool frame_agrees(const struct frame *f)
{
	return !f->view || !memcmp(f->view, f->data, PAGE);
}

/* The store went to one of the frames: find out to which. */
static void check_store(struct world *w, struct page *p, const struct vmspace_op *op)
{
	unsigned int offset = op->access.va % PAGE, width = op->access.width, i;
	struct frame *f = can_store(p) ? p->frame : NULL;

	if (op->access.outcome == VMSPACE_OUTCOME_FAULT) {
		w->stats.faults++;
		CHECK(w, !can_store(p) || p->grown);
		/* A is set or not, D is not. */
		if (p && p->frame && (p->may & VMSPACE_PROP_READ))
			p->may |= VMSPACE_PROP_ACCESSED;
		return;
	}
	CHECK_EQ(w, op->access.outcome, VMSPACE_OUTCOME_OK);
	w->stats.stores++;
	if (!p) {
		fail(w, "a store to a hole");
		return;
	}
	page_used(p, AD);
	for (i = 0; i < p->nr_stale; i++) {
		struct frame *old = p->stale[i].frame;

		if (!(p->stale[i].prop & VMSPACE_PROP_WRITE) || old == f)
			continue;
		if (f && !memcmp(f->view + offset, &op->access.value, width))
			continue;
		/* The view of it is there: see do_access(). */
		if (!memcmp(old->view + offset, &op->access.value, width)) {
			f = old;
			w->stats.stale++;
		}
	}
	if (!f) {
		fail(w, "a store that must fault");
		return;
	}
	memcpy(f->data + offset, &op->access.value, width);
	CHECK(w, frame_agrees(f));
}

/* A store whose target the program could not find out. */
static bool store_is_blind(const struct page *p)
{
	unsigned int i;

	if (!p || !p->nr_stale)
		return false;
	for (i = 0; i < p->nr_stale; i++)
		if (!p->stale[i].frame->view)
			return true;
	return p->frame && !p->frame->view;
}

/* A store, or a load if one could not tell where the store went. */
static void choose_value(struct world *w, const struct page *p, struct vmspace_op *op)
{
	if (store_is_blind(p))
		return;
	/* A narrow one could not be told from another. */
	if (p && p->nr_stale && op->access.width < 8)
		return;
	op->flags = VMSPACE_STORE;
	op->access.value = (w->step << 32) + rnd(w, 1ULL << 32);
	if (op->access.width < 8)
		op->access.value &= (1ULL << (8 * op->access.width)) - 1;
}

/* Carry it out, and look at what came of it. */
static void run_access(struct world *w, struct page *p, struct vmspace_op *op)
{
	struct vmspace_op again = *op;
	bool store = op->flags & VMSPACE_STORE;

	if (!run(w, op))
		return;
	if (store)
		check_store(w, p, op);
	else
		check_load(w, p, op);
	if (op->access.outcome != VMSPACE_OUTCOME_FAULT || !p || p->nr_stale ||
	    !(store ? can_store(p) : can_load(p)))
		return;
	/* A needless fault, after rights have grown: the second does not fault. */
	p->grown = false;
	if (!run(w, &again))
		return;
	if (store)
		check_store(w, p, &again);
	else
		check_load(w, p, &again);
}

static void do_access(struct world *w)
{
	struct vmspace_op op = { .opcode = VMSPACE_OP_ACCESS };
	struct object *space = pick(w, SPACE, &op.id);
	struct page *p = NULL;

	op.access.width = 1U << rnd(w, 4);
	op.access.va = some_va(w) + (rnd(w, PAGE) & -(__u64)op.access.width);
	if (chance(w, 4))
		op.access.va = w->hot + op.access.va % PAGE;
	else if (space && !chance(w, 8))
		op.access.va = some_mapped(w, space, op.access.va & -PAGE) + op.access.va % PAGE;
	op.access.cpu = some_cpu(w, space, !chance(w, 20));
	if (op.access.cpu < 64 && space && !(space->active & (1ULL << op.access.cpu)))
		expect(w, -ENXIO);
	if (space)
		p = page_at(w, space, op.access.va);
	if (chance(w, 2))
		choose_value(w, p, &op);
	if (chance(w, 60)) {
		op.access.width = chance(w, 2) ? 0 : 3 + 2 * rnd(w, 20);
		expect(w, -EINVAL);
	} else if (op.access.width > 1 && chance(w, 60)) {
		op.access.va++;
		expect(w, -EINVAL);
	}
	if (op.access.va >= w->info.va_end)
		expect(w, -ERANGE);
	maybe_spoil(w, &op, &op.words[4]);
	run_access(w, p, &op);
}

/* Some accesses on one CPU to one page. */
static void use_page(struct world *w, const struct object *space, __u64 va, unsigned int cpu)
{
	struct page *p = page_at(w, space, va);
	unsigned int n;

	for (n = 0; n < 3 && !w->failed; n++) {
		struct vmspace_op op = {
			.opcode = VMSPACE_OP_ACCESS,
			.id = space->id,
			.access = { .va = va + 8 * rnd(w, 4), .cpu = cpu, .width = 8 },
		};

		if (chance(w, 3))
			choose_value(w, p, &op);
		run_access(w, p, &op);
	}
}

/* Change a page between accesses of a CPU that may well keep what it has. */
static void do_change_in_use(struct world *w)
{
	static void (*const change[])(struct world *w) = { do_map, do_unmap, do_protect_next };
	struct vmspace_op op = { .opcode = VMSPACE_OP_JUMP };
	struct object *c = any_object(w, CURSOR);
	unsigned int cpu;

	if (!c || !c->space->active)
		return;
	op.id = c->id;
	op.pos.va = next_mapped(w, c->space, c->start, c->end);
	if (op.pos.va == c->end || !run(w, &op))
		return;
	c->va = op.pos.va;
	do {
		cpu = rnd(w, 64);
	} while (!(c->space->active >> cpu & 1));
	use_page(w, c->space, c->va, cpu);
	w->hot = c->va;
	change[rnd(w, 3)](w);
	w->nr_expected = 0;
	use_page(w, c->space, op.pos.va, cpu);
}

/* --- readers and writers -------------------------------------------------- */

static void do_new_io(struct world *w)
{
	enum kind kind = chance(w, 2) ? READER : WRITER;
	struct vmspace_op op = {
		.opcode = kind == READER ? VMSPACE_OP_NEW_READER : VMSPACE_OP_NEW_WRITER,
	};
	struct object *o = new_object(w), *space;

	if (!o || count_objects(w, kind, NULL) >= 3)
		return;
	space = pick(w, SPACE, &op.id);
	op.new_io.cpu = some_cpu(w, space, !chance(w, 10));
	if (op.new_io.cpu < 64 && space && !(space->active & (1ULL << op.new_io.cpu)))
		expect(w, -ENXIO);
	op.new_io.va = some_va(w);
	if (space && !chance(w, 3))
		op.new_io.va = some_mapped(w, space, op.new_io.va);
	op.new_io.va += rnd(w, PAGE);
	op.new_io.len = rnd(w, 12 * PAGE);
	if (chance(w, 40))
		op.new_io.len = -rnd(w, PAGE);
	if (op.new_io.va > w->info.va_end || op.new_io.len > w->info.va_end - op.new_io.va)
		expect(w, -ERANGE);
	maybe_spoil(w, &op, &op.words[4]);
	if (!run(w, &op))
		return;
	expect_new_id(w, op.new_io.new_id);
	*o = (struct object) {
		.id = op.new_io.new_id,
		.kind = kind,
		.space = space,
		.cpu = op.new_io.cpu,
		.start = op.new_io.va,
		.va = op.new_io.va,
		.end = op.new_io.va + op.new_io.len,
	};
}

/*
 * How many bytes a copy must copy; @in_doubt if translations that are not
 * flushed yet could matter.
 */
static __u64 copyable(const struct world *w, const struct object *io, __u64 len,
		      bool *in_doubt)
{
	__u64 va = io->va, end = io->va + len;

	*in_doubt = false;
	while (va < end) {
		struct page *p = page_at(w, io->space, va);

		*in_doubt |= p && (p->nr_stale || p->grown);
		if (!(io->kind == READER ? can_load(p) : can_store(p)))
			break;
		va = (va & -PAGE) + PAGE;
	}
	return (va < end ? va : end) - io->va;
}

static void copied(struct world *w, struct object *io, unsigned char *buffer, __u64 bytes)
{
	__u64 done, n;

	for (done = 0; done < bytes; done += n) {
		__u64 offset = (io->va + done) % PAGE;
		struct page *p = page_at(w, io->space, io->va + done);

		n = PAGE - offset < bytes - done ? PAGE - offset : bytes - done;
		if (io->kind == READER) {
			CHECK_EQ(w, memcmp(p->frame->data + offset, buffer + done, n), 0);
			page_used(p, VMSPACE_PROP_ACCESSED);
		} else {
			memcpy(p->frame->data + offset, buffer + done, n);
			page_used(p, AD);
		}
	}
	/* Not before: a frame may be mapped twice in the range. */
	for (done = 0; done < bytes; done += PAGE)
		CHECK(w, frame_agrees(page_at(w, io->space, io->va + done)->frame));
	w->stats.copied += bytes;
}

static void do_copy(struct world *w)
{
	static unsigned char buffer[16 * PAGE];
	enum kind kind = chance(w, 2) ? READER : WRITER;
	struct vmspace_op op = { .opcode = kind == READER ? VMSPACE_OP_READ : VMSPACE_OP_WRITE };
	struct object *io = pick(w, kind, &op.id);
	__u64 left, len, bytes = 0, i;
	bool in_doubt = false;
	struct page *p;

	left = io ? io->end - io->va : PAGE;
	len = left ? rnd(w, left + 1) : 0;
	if (chance(w, 3))
		len = left;
	if (io)
		bytes = copyable(w, io, len, &in_doubt);
	if (in_doubt)
		return;
	if (chance(w, 40))
		len = left + 1 + rnd(w, 100);
	if (len > left)
		expect(w, -ERANGE);
	for (i = 0; i < len && i < sizeof(buffer); i++)
		buffer[i] = kind == READER ? 0xa5 : rnd(w, 256);
	op.io.addr = (uintptr_t)buffer;
	op.io.len = len;
	maybe_spoil(w, &op, &op.words[5]);
	if (!run(w, &op)) {
		if (io && !w->failed && op.io.va)
			CHECK_EQ(w, op.io.va, io->va);
		return;
	}
	CHECK_EQ(w, op.io.bytes, bytes);
	CHECK_EQ(w, op.io.outcome, bytes < len ? VMSPACE_OUTCOME_FAULT : VMSPACE_OUTCOME_OK);
	CHECK_EQ(w, op.io.va, io->va + bytes);
	if (w->failed)
		return;
	copied(w, io, buffer, bytes);
	io->va += bytes;
	if (kind == READER && bytes < sizeof(buffer) && bytes < len)
		CHECK_EQ(w, buffer[bytes], 0xa5);
	/* The page that it stopped at may have got its A, if it is there. */
	p = bytes < len ? page_at(w, io->space, io->va) : NULL;
	if (p && p->frame && (p->may & VMSPACE_PROP_READ))
		p->may |= VMSPACE_PROP_ACCESSED;
}

/* --- the program's own side ----------------------------------------------- */

static void do_view(struct world *w)
{
	struct object *mem = any_object(w, MEMORY);
	unsigned int offset = rnd(w, PAGE - 64), i;
	struct frame *f;

	if (!mem)
		return;
	if (!mem->own && chance(w, 8)) {
		if (mem->view)
			memory_unview(mem);
		else
			memory_view(w, mem);
		return;
	}
	f = memory_frame(mem, rnd(w, mem->nr_pages));
	CHECK(w, frame_agrees(f));
	if (!f->view)
		return;
	for (i = 0; i < 64; i++)
		f->data[offset + i] = rnd(w, 256);
	memcpy(f->view + offset, f->data + offset, 64);
}

/* --- all of it ------------------------------------------------------------ */

/* The tables that the mappings of a space need. */
static __u64 count_tables(const struct world *w, const struct object *space)
{
	__u64 last[6], tables = 1, va;
	unsigned int level;

	memset(last, 0xff, sizeof(last));
	for (va = next_mapped(w, space, 0, w->info.va_end); va < w->info.va_end;
	     va = next_mapped(w, space, va + PAGE, w->info.va_end)) {
		for (level = 1; level < w->info.levels; level++) {
			__u64 table = va >> (12 + 9 * level);

			tables += table != last[level];
			last[level] = table;
		}
	}
	return tables;
}

static void compare_stats(struct world *w, const struct object *space)
{
	__u64 va, end = w->info.va_end, pages = 0, deferred = 0;
	unsigned int cursors = count_objects(w, CURSOR, space), i;
	struct vmspace_op op = { .opcode = VMSPACE_OP_SPACE_STAT, .id = space->id };

	if (!run(w, &op))
		return;
	for (va = next_mapped(w, space, 0, end); va < end;
	     va = next_mapped(w, space, va + PAGE, end))
		pages++;
	for (i = 0; i < OBJECTS; i++)
		if (w->objects[i].id && w->objects[i].kind == CURSOR &&
		    w->objects[i].space == space)
			deferred += w->objects[i].deferred;
	CHECK_EQ(w, op.space_stat.pages, pages);
	CHECK_EQ(w, op.space_stat.active, __builtin_popcountll(space->active));
	CHECK_EQ(w, op.space_stat.users, cursors + count_objects(w, READER, space) +
		 count_objects(w, WRITER, space));
	CHECK(w, op.space_stat.deferred <= deferred);
	/* A cursor may hold on to tables; without one, there is none too many. */
	CHECK(w, op.space_stat.tables >= count_tables(w, space));
	if (!cursors)
		CHECK_EQ(w, op.space_stat.tables, count_tables(w, space));

	op = (struct vmspace_op) { .opcode = VMSPACE_OP_CPU_STAT, .id = space->id };
	op.cpu_stat.cpu = rnd(w, w->info.nr_cpus);
	if (!run(w, &op))
		return;
	CHECK_EQ(w, op.cpu_stat.sent, op.cpu_stat.acked);
	CHECK(w, op.cpu_stat.flushed <= op.cpu_stat.acked);
}

static void compare_by_translate(struct world *w, const struct object *space)
{
	unsigned int n, i;

	for (n = 0; n < w->nr_windows; n++) {
		for (i = 0; i < WINDOW_PAGES && !w->failed; i++) {
			__u64 va = w->window[n] + i * PAGE;
			struct vmspace_op op = {
				.opcode = VMSPACE_OP_TRANSLATE,
				.id = space->id,
				.query.va = va,
			};

			if (run(w, &op))
				check_query(w, space, va, 0, w->info.va_end, &op);
		}
	}
}

/* With a cursor over everything: all mappings, and nothing in between. */
static void compare_by_cursor(struct world *w, struct object *space)
{
	__u64 end = w->info.va_end, at = 0;
	struct vmspace_op op;
	__u32 cursor;

	op = (struct vmspace_op) {
		.opcode = VMSPACE_OP_OPEN_CURSOR,
		.id = space->id,
		.open = { .start = 0, .end = end },
	};
	if (!run(w, &op))
		return;
	cursor = op.open.new_id;
	while (!w->failed) {
		op = (struct vmspace_op) {
			.opcode = VMSPACE_OP_FIND_NEXT,
			.id = cursor,
			.find.len = end - at,
		};
		if (!run(w, &op))
			break;
		CHECK_EQ(w, op.find.va, next_mapped(w, space, at, end));
		at = op.find.va;
		if (!op.find.present)
			break;
		op = (struct vmspace_op) { .opcode = VMSPACE_OP_QUERY, .id = cursor };
		if (!run(w, &op))
			break;
		check_query(w, space, at, 0, end, &op);
		at += PAGE;
		if (at == end)
			break;
		op = (struct vmspace_op) {
			.opcode = VMSPACE_OP_JUMP,
			.id = cursor,
			.pos.va = at,
		};
		run(w, &op);
	}
	op = (struct vmspace_op) { .opcode = VMSPACE_OP_DROP_CURSOR, .id = cursor };
	run(w, &op);
}

static void compare(struct world *w)
{
	unsigned int i;

	for (i = 0; i < OBJECTS && !w->failed; i++) {
		struct object *o = &w->objects[i];

		if (!o->id || o->kind != SPACE)
			continue;
		compare_stats(w, o);
		if (chance(w, 2) && !count_objects(w, CURSOR, o))
			compare_by_cursor(w, o);
		else
			compare_by_translate(w, o);
	}
	for (i = 0; i < OWN_PAGES; i++)
		CHECK(w, frame_agrees(&w->own[i]));
	w->stats.compared++;
}

/* Several in a row, so that much is mapped, and caches are warm. */
static void several(struct world *w, void (*fn)(struct world *w), unsigned int most)
{
	unsigned int n = 1 + rnd(w, most);

	while (n-- && !w->failed) {
		w->nr_expected = 0;
		fn(w);
	}
}

static void one_step(struct world *w)
{
	unsigned int dice = rnd(w, 1000);
	struct object *space = any_object(w, SPACE);

	w->nr_expected = 0;
	/* What most operations need. */
	if (!space && !chance(w, 20))
		dice = 0;
	else if (!any_object(w, MEMORY) && !chance(w, 20))
		dice = 20;
	else if (!any_object(w, CURSOR) && chance(w, 2))
		dice = 80;
	else if (space && !space->active && chance(w, 2))
		dice = 745;
	if (dice < 15)
		do_new_space(w);
	else if (dice < 18)
		do_drop(w, SPACE);
	else if (dice < 40)
		do_new_memory(w);
	else if (dice < 55)
		do_import(w);
	else if (dice < 75)
		do_drop(w, MEMORY);
	else if (dice < 130)
		do_open_cursor(w);
	else if (dice < 160)
		do_drop(w, CURSOR);
	else if (dice < 200)
		do_query(w);
	else if (dice < 240)
		do_translate(w);
	else if (dice < 290)
		do_find_next(w);
	else if (dice < 380)
		do_jump(w);
	else if (dice < 400)
		do_virt_addr(w);
	else if (dice < 580)
		several(w, do_map, 8);
	else if (dice < 640)
		do_unmap(w);
	else if (dice < 720)
		do_protect_next(w);
	else if (dice < 740)
		do_flush_sync(w);
	else if (dice < 755)
		do_activate(w);
	else if (dice < 760)
		do_deactivate(w);
	else if (dice < 870)
		several(w, do_access, 4);
	else if (dice < 910)
		do_change_in_use(w);
	else if (dice < 920)
		do_new_io(w);
	else if (dice < 935)
		do_drop(w, chance(w, 2) ? READER : WRITER);
	else if (dice < 970)
		do_copy(w);
	else
		do_view(w);
}

/* Drop all, in an order that works; what remains of each space is its root. */
static void drop_all(struct world *w)
{
	static const enum kind order[] = { READER, WRITER, CURSOR, MEMORY };
	struct vmspace_op op;
	struct object *o;
	unsigned int i;

	for (i = 0; i < 4; i++)
		while (!w->failed && count_objects(w, order[i], NULL))
			do_drop(w, order[i]);
	for (i = 0; i < OBJECTS && !w->failed; i++) {
		o = &w->objects[i];
		if (!o->id || o->kind != SPACE)
			continue;
		compare_stats(w, o);
		op = (struct vmspace_op) {
			.opcode = VMSPACE_OP_OPEN_CURSOR_MUT,
			.id = o->id,
			.open = { .start = 0, .end = w->info.va_end },
		};
		if (!run(w, &op))
			return;
		op = (struct vmspace_op) {
			.opcode = VMSPACE_OP_UNMAP,
			.id = op.open.new_id,
			.unmap.len = w->info.va_end,
		};
		if (!run(w, &op))
			return;
		op = (struct vmspace_op) { .opcode = VMSPACE_OP_DROP_CURSOR, .id = op.id };
		run(w, &op);
		op = (struct vmspace_op) { .opcode = VMSPACE_OP_SPACE_STAT, .id = o->id };
		run(w, &op);
		CHECK_EQ(w, op.space_stat.pages, 0);
		CHECK_EQ(w, op.space_stat.tables, 1);
		CHECK_EQ(w, op.space_stat.deferred, 0);
	}
}

static void choose_windows(struct world *w)
{
	const __u64 half = WINDOW_PAGES / 2 * PAGE;
	unsigned int n = 0;

	w->window[n++] = 0;
	w->window[n++] = (1ULL << 21) - half;
	w->window[n++] = (1ULL << 30) - half;
	w->window[n++] = (1ULL << 39) - half;
	w->window[n++] = 0x5a5a5a5a5000ULL;
	if (w->info.levels == 5)
		w->window[n++] = (1ULL << 48) - half;
	w->window[n++] = w->info.va_end - 2 * half;
	w->nr_windows = n;
}

static __u64 number_from(const char *name, __u64 otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoull(text, NULL, 0) : otherwise;
}

FIXTURE(random)
{
	struct world *w;
};

FIXTURE_SETUP(random)
{
	struct world *w = calloc(1, sizeof(*w));
	unsigned int cpus[VMS_CPUS], i;
	int space, nr;

	ASSERT_NE(NULL, w);
	self->w = w;
	w->fd = vms_open();
	if (w->fd < 0)
		SKIP(return, "no /dev/vmspace: %s", strerror(errno));
	ASSERT_EQ(0, vms_info(w->fd, &w->info));
	choose_windows(w);
	/* Which CPUs are there? */
	space = vms_new_space(w->fd);
	ASSERT_GT(space, 0);
	nr = vms_activate_all(w->fd, space, 0, cpus);
	ASSERT_GT(nr, 0);
	ASSERT_EQ(0, vms_drop_space(w->fd, space));
	while (nr--)
		w->online |= 1ULL << cpus[nr];
	/* One page more, where nothing is. */
	w->own_view = mmap(NULL, (OWN_PAGES + 1) * PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, w->own_view);
	ASSERT_EQ(0, munmap(w->own_view + OWN_PAGES * PAGE, PAGE));
	for (i = 0; i < OWN_PAGES; i++) {
		w->own_view[i * PAGE] = i;
		w->own[i] = (struct frame) {
			.refs = 1,
			.own = true,
			.writable = i < OWN_PAGES / 2,
			.view = w->own_view + i * PAGE,
		};
		w->own[i].data[0] = i;
	}
}

FIXTURE_TEARDOWN(random)
{
	close(self->w->fd);
}

TEST_F_TIMEOUT(random, program__agrees_with_the_model, 3600)
{
	struct world *w = self->w;
	__u64 steps = number_from("VMSPACE_STEPS", STEPS);
	__u64 seed = number_from("VMSPACE_SEED", 1);

	ksft_print_msg("VMSPACE_SEED=%llu VMSPACE_STEPS=%llu\n", (unsigned long long)seed,
		       (unsigned long long)steps);
	fflush(stdout);
	/* Zero is the one state that xorshift never leaves. */
	w->random = seed * 0x9e3779b97f4a7c15ULL + 1;
	w->random += !w->random;
	for (w->step = 1; w->step <= steps && !w->failed; w->step++) {
		one_step(w);
		w->nr_expected = 0;
		if (w->step % 500 == 0)
			compare(w);
	}
	if (!w->failed)
		drop_all(w);
	ksft_print_msg("operations %lu, refused %lu, compared %lu times\n", w->nr_ops,
		       w->stats.refused, w->stats.compared);
	ksft_print_msg("loads %lu, stores %lu, faults %lu, stale %lu, copied %lu bytes\n",
		       w->stats.loads, w->stats.stores, w->stats.faults, w->stats.stale,
		       w->stats.copied);
	fflush(stdout);
	ASSERT_FALSE(w->failed)
		TH_LOG("repeat it with VMSPACE_SEED=%llu VMSPACE_STEPS=%llu",
		       (unsigned long long)seed, (unsigned long long)steps);
}

TEST_HARNESS_MAIN
