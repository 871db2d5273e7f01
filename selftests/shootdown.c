// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shootdowns: that nothing stale is used after one, whom it interrupts, in which
 * order it goes, and what is counted.
 *
 * CPUs are kept inside the space by access programs, which load and store all
 * the time and note when; so what they see can be held against the moment at
 * which a change had returned.  That they see anything stale before that moment
 * is never required.
 *
 * A round is one change, or one and its reverse, as one CPU sees it.  VMSPACE_ROUNDS
 * says how many there are, of all kinds and on all CPUs together.
 */
#include "kselftest_harness.h"
#include <linux/membarrier.h>
#include "programs.h"

#define BASE	0x5555557f0000ULL	/* 16 pages below the end of a table */
#define LARGE	0x4000000000ULL		/* begins a table of every level but the root's */
#define RANGE	0x5555600000ULL		/* of one table of level 1 */
#define PAGES	512
#define POISON	0xbadbadbadbadbad0ULL
#define WRITE	VMSPACE_PROP_WRITE
#define AD	(VMSPACE_PROP_ACCESSED | VMSPACE_PROP_DIRTY)
#define FRAMES	3			/* that take turns */

#define NR_KINDS	10

/* Of one kind, where as many CPUs take part. */
static unsigned int rounds_wanted(unsigned int nr_cpus)
{
	const char *text = getenv("VMSPACE_ROUNDS");

	return (text ? strtoul(text, NULL, 0) : 100000) / (NR_KINDS * nr_cpus) + 1;
}

/* --- stale translations --------------------------------------------------- */

struct kind;

FIXTURE(stale)
{
	struct vms_usage before;
	int fd;
	int space;
	int memory;		/* of small frames, or of large ones */
	int poison;		/* memory, or 0 */
	__u64 *view;
	__u64 view_bytes;
	int cursor;
	unsigned int nr_cpus;
	unsigned int cpus[VMS_CPUS];
	struct vms_crew *crew;
	__u64 gen;		/* number of the round */
	bool live;		/* all programs have seen the last change */
	bool first;		/* no change since they began */
};

/**
 * struct spot - where and when a program looks
 * @va:		its address
 * @gen:	number of the round
 */
struct spot {
	__u64 va;
	__u64 gen;
};

/**
 * struct step - one change of a mapping, and what programs see of it
 * @emit:	writes what a program does until it sees the change; the index of the
 *		instruction that waits for it
 * @sees:	what that instruction loads then; NULL if it faults
 * @change:	makes it; 0, or anything else if something is wrong
 * @after:	what happens directly afterwards; may be NULL
 */
struct step {
	unsigned int (*emit)(struct vms_code *c, const struct spot *at);
	__u64 (*sees)(const struct spot *at);
	int (*change)(struct _test_data_stale *self);
	int (*after)(struct _test_data_stale *self);
};

/**
 * struct kind - a kind of change, made again and again
 * @base:	where the first program looks
 * @stride:	how far from there the next one looks
 * @insns:	of one round, of one program, at most
 * @begin:	opens the cursor and maps what the first round begins with
 * @steps:	of one round
 */
struct kind {
	__u64 base;
	__u64 stride;
	unsigned int insns;
	int (*begin)(struct _test_data_stale *self);
	struct step steps[2];
};

FIXTURE_VARIANT(stale)
{
	const struct kind *kind;
};

FIXTURE_SETUP(stale)
{
	int ret;

	self->before = vms_usage_settled();
	self->fd = vms_open();
	if (self->fd < 0)
		SKIP(return, "no /dev/vmspace: %s", strerror(errno));
	self->space = vms_new_space(self->fd);
	ASSERT_GT(self->space, 0);
	ret = vms_activate_all(self->fd, self->space, VMSPACE_RESIDENT, self->cpus);
	if (ret == 1)
		SKIP(return, "needs a second CPU");
	ASSERT_GT(ret, 1);
	self->nr_cpus = ret;
	self->crew = vms_crew_new(self->fd, self->space);
	ASSERT_NE(NULL, self->crew);
	ASSERT_EQ(0, variant->kind->begin(self));
}

/* All that was held for it comes back. */
static void expect_back(struct __test_metadata *_metadata, const struct vms_usage *before)
{
	const char *left = vms_usage_not_back(before, VMS_ANY);

	EXPECT_EQ(NULL, left)
		TH_LOG("%s", left);
}

FIXTURE_TEARDOWN(stale)
{
	vms_crew_free(self->crew);
	munmap(self->view, self->view_bytes);
	close(self->fd);
	expect_back(_metadata, &self->before);
}

/* The first word of a page of the memory object. */
static __u64 *word(struct _test_data_stale *self, __u64 page)
{
	return self->view + page * PAGE / 8;
}

static int open_memory(struct _test_data_stale *self, __u64 count, __u64 frame_size)
{
	__u64 offset;

	self->memory = vms_new_memory_of(self->fd, count, frame_size, VMSPACE_CACHE_WB, &offset);
	if (self->memory < 0)
		return self->memory;
	self->view_bytes = count * frame_size;
	self->view = vms_view(self->fd, offset, count * frame_size / PAGE);
	return self->view == MAP_FAILED ? -errno : 0;
}

static int open_range(struct _test_data_stale *self, __u64 start, __u64 end, unsigned int flags)
{
	self->cursor = vms_open_cursor_as(self->fd, VMSPACE_OP_OPEN_CURSOR_MUT, self->space, start,
					  end, flags);
	return self->cursor < 0 ? self->cursor : 0;
}

static int unmap_at(struct _test_data_stale *self, __u64 va, __u64 len, unsigned int flags)
{
	struct vmspace_op op;

	return vms_jump(self->fd, self->cursor, va) ?:
	       vms_unmap(self->fd, self->cursor, len, flags, &op);
}

static int protect_at(struct _test_data_stale *self, __u64 va, __u64 len, unsigned int clear,
		      unsigned int set)
{
	struct vmspace_op op;

	return vms_jump(self->fd, self->cursor, va) ?:
	       vms_protect(self->fd, self->cursor, len, clear, set, 0, &op);
}

/* What programs wait for. */

static unsigned int emit_until_not(struct vms_code *c, __u64 va, __u64 value)
{
	return vms_emit_load(c, va, VMS_ENDLESS, VMSPACE_UNTIL_FAULT | VMSPACE_UNTIL_DIFFERENT,
			     value);
}

static unsigned int emit_until_gone(struct vms_code *c, const struct spot *at)
{
	return emit_until_not(c, at->va, at->gen);
}

static unsigned int emit_until_next(struct vms_code *c, const struct spot *at)
{
	return vms_emit_load(c, at->va, VMS_ENDLESS, VMSPACE_UNTIL_EQUAL, at->gen + 1);
}

static __u64 next_number(const struct spot *at)
{
	return at->gen + 1;
}

static unsigned int emit_until_go(struct vms_code *c, const struct spot *at)
{
	return vms_emit_load(c, VMS_GO, VMS_ENDLESS, VMSPACE_UNTIL_EQUAL, at->gen + 1);
}

/* A frame that shows a number, at BASE. */

static int map_number(struct _test_data_stale *self, __u64 number, unsigned int flags)
{
	*word(self, number % FRAMES) = number;
	return vms_jump(self->fd, self->cursor, BASE) ?:
	       vms_map_as(self->fd, self->cursor, self->memory, number % FRAMES, RW, flags);
}

static int begin_small(struct _test_data_stale *self)
{
	return open_memory(self, FRAMES, PAGE) ?: open_range(self, BASE, BASE + PAGE, 0) ?:
	       map_number(self, 0, 0);
}

static int change_map(struct _test_data_stale *self)
{
	return map_number(self, self->gen + 1, 0);
}

static int change_unmap(struct _test_data_stale *self)
{
	return unmap_at(self, BASE, PAGE, 0);
}

static const struct kind unmap = {
	.base = BASE,
	.insns = 4,
	.begin = begin_small,
	.steps = {
		{ .emit = emit_until_gone, .change = change_unmap },
		{ .emit = emit_until_next, .sees = next_number, .change = change_map },
	},
};

FIXTURE_VARIANT_ADD(stale, unmap) { .kind = &unmap, };

static int change_unmap_deferred(struct _test_data_stale *self)
{
	struct vmspace_op op;

	return unmap_at(self, BASE, PAGE, VMSPACE_DEFER) ?:
	       vms_flush_sync(self->fd, self->cursor, &op);
}

static const struct kind unmap_deferred = {
	.base = BASE,
	.insns = 4,
	.begin = begin_small,
	.steps = {
		{ .emit = emit_until_gone, .change = change_unmap_deferred },
		{ .emit = emit_until_next, .sees = next_number, .change = change_map },
	},
};

FIXTURE_VARIANT_ADD(stale, unmap_deferred) { .kind = &unmap_deferred, };

static int change_unmap_gathered(struct _test_data_stale *self)
{
	struct vmspace_op ops[] = {
		{ .opcode = VMSPACE_OP_JUMP, .id = self->cursor, .pos.va = BASE },
		{ .opcode = VMSPACE_OP_UNMAP, .id = self->cursor, .unmap.len = PAGE },
	};
	struct vmspace_step step;

	return vms_step(self->fd, ops, 2, VMSPACE_STEP_GATHER, &step) ?: step.error;
}

static const struct kind unmap_gathered = {
	.base = BASE,
	.insns = 4,
	.begin = begin_small,
	.steps = {
		{ .emit = emit_until_gone, .change = change_unmap_gathered },
		{ .emit = emit_until_next, .sees = next_number, .change = change_map },
	},
};

FIXTURE_VARIANT_ADD(stale, unmap_gathered) { .kind = &unmap_gathered, };

static int change_replace(struct _test_data_stale *self)
{
	return map_number(self, self->gen + 1, VMSPACE_REPLACE);
}

static const struct kind replace = {
	.base = BASE,
	.insns = 2,
	.begin = begin_small,
	.steps = {
		{ .emit = emit_until_gone, .sees = next_number, .change = change_replace },
	},
};

FIXTURE_VARIANT_ADD(stale, replace) { .kind = &replace, };

/* Rights. */

static int change_hide(struct _test_data_stale *self)
{
	return protect_at(self, BASE, PAGE, VMSPACE_PROP_READ, 0);
}

static int change_show(struct _test_data_stale *self)
{
	*word(self, 0) = self->gen + 1;
	return protect_at(self, BASE, PAGE, 0, VMSPACE_PROP_READ);
}

static const struct kind hide = {
	.base = BASE,
	.insns = 4,
	.begin = begin_small,
	.steps = {
		{ .emit = emit_until_gone, .change = change_hide },
		{ .emit = emit_until_next, .sees = next_number, .change = change_show },
	},
};

FIXTURE_VARIANT_ADD(stale, protect_read) { .kind = &hide, };

static unsigned int emit_until_no_store(struct vms_code *c, const struct spot *at)
{
	/* Of rights that have grown, one access may still know nothing. */
	vms_emit_store(c, at->va, 1, 0, at->gen);
	return vms_emit_store(c, at->va, VMS_ENDLESS, VMSPACE_UNTIL_FAULT, at->gen);
}

static int change_shrink(struct _test_data_stale *self)
{
	return protect_at(self, BASE, PAGE, WRITE, 0);
}

/* What is there from now on is what is there at the end. */
static int after_shrink(struct _test_data_stale *self)
{
	unsigned int i;

	for (i = 0; i < VMS_CPUS; i++)
		__atomic_store_n(&word(self, 0)[i], POISON, __ATOMIC_RELAXED);
	return 0;
}

static int change_grow(struct _test_data_stale *self)
{
	unsigned int i;

	for (i = 0; i < VMS_CPUS; i++)
		if (__atomic_load_n(&word(self, 0)[i], __ATOMIC_RELAXED) != POISON)
			return 1;
	if (protect_at(self, BASE, PAGE, 0, WRITE))
		return 2;
	vms_crew_go(self->crew, self->gen + 1);
	return 0;
}

static const struct kind shrink = {
	.base = BASE,
	.stride = 8,
	.insns = 5,
	.begin = begin_small,
	.steps = {
		{
			.emit = emit_until_no_store,
			.change = change_shrink, .after = after_shrink,
		},
		{ .emit = emit_until_go, .sees = next_number, .change = change_grow },
	},
};

FIXTURE_VARIANT_ADD(stale, protect_write) { .kind = &shrink, };

/* A and D: two pages for each program, one to store to and one to load from. */

static unsigned int emit_after_harvest(struct vms_code *c, const struct spot *at)
{
	unsigned int index = emit_until_go(c, at);

	vms_emit_store(c, at->va, 1, 0, at->gen);
	vms_emit_load(c, at->va + PAGE, 1, 0, 0);
	return index;
}

static int begin_harvest(struct _test_data_stale *self)
{
	const unsigned int pages = 2 * self->nr_cpus;

	return open_memory(self, pages, PAGE) ?:
	       open_range(self, LARGE, LARGE + pages * PAGE, 0) ?:
	       vms_map_range(self->fd, self->cursor, self->memory, 0, pages, RW, 0);
}

/* After the last harvest every program has stored and loaded. */
static int check_harvest(struct _test_data_stale *self)
{
	struct vmspace_mapping pages[2 * VMS_CPUS];
	struct vmspace_op op;
	unsigned int i;

	if (vms_jump(self->fd, self->cursor, LARGE) ||
	    vms_enumerate(self->fd, self->cursor, pages, 2 * VMS_CPUS, 0, 0, &op))
		return 1;
	for (i = 0; i < self->crew->nr; i++) {
		if ((pages[2 * i].prop & AD) != AD)
			return 2;
		if ((pages[2 * i + 1].prop & AD) != VMSPACE_PROP_ACCESSED)
			return 3;
	}
	return 0;
}

static int change_harvest(struct _test_data_stale *self)
{
	int ret = self->live && !self->first ? check_harvest(self) : 0;

	if (ret)
		return ret;
	ret = protect_at(self, LARGE, 2 * self->nr_cpus * PAGE, AD, 0);
	vms_crew_go(self->crew, self->gen + 1);
	return ret;
}

static const struct kind harvest = {
	.base = LARGE,
	.stride = 2 * PAGE,
	.insns = 4,
	.begin = begin_harvest,
	.steps = {
		{ .emit = emit_after_harvest, .sees = next_number, .change = change_harvest },
	},
};

FIXTURE_VARIANT_ADD(stale, accessed_and_dirty) { .kind = &harvest, };

/*
 * Split and merge: a large leaf, of which one piece goes, and which then gives way
 * to another with other contents.
 */
#define NR_LARGE	2

static __u64 piece_page(__u64 gen)
{
	return 64 * (gen % 8) + 30;
}

static __u64 large_word(__u64 gen, __u64 page)
{
	return gen % NR_LARGE * 512 + page + 1;
}

static unsigned int emit_until_piece_gone(struct vms_code *c, const struct spot *at)
{
	const __u64 page = piece_page(at->gen);

	vms_emit_load(c, LARGE + page * PAGE, 1, 0, 0);
	return emit_until_not(c, LARGE + page * PAGE, large_word(at->gen, page));
}

static unsigned int emit_until_other(struct vms_code *c, const struct spot *at)
{
	return emit_until_not(c, at->va, large_word(at->gen, (at->va - LARGE) / PAGE));
}

static __u64 other_word(const struct spot *at)
{
	return large_word(at->gen + 1, (at->va - LARGE) / PAGE);
}

static int change_split(struct _test_data_stale *self)
{
	return unmap_at(self, LARGE + piece_page(self->gen) * PAGE, PAGE, 0);
}

static int map_large(struct _test_data_stale *self, __u64 gen)
{
	return vms_jump(self->fd, self->cursor, LARGE) ?:
	       vms_map_range(self->fd, self->cursor, self->memory, gen % NR_LARGE * 512, 512, RW,
			     VMSPACE_PAGE_2M | VMSPACE_REPLACE);
}

static int change_merge(struct _test_data_stale *self)
{
	return map_large(self, self->gen + 1);
}

static int begin_large(struct _test_data_stale *self)
{
	unsigned int page;
	int ret = open_memory(self, NR_LARGE, M2);

	if (ret)
		return ret;
	for (page = 0; page < NR_LARGE * 512; page++)
		*word(self, page) = page + 1;
	return open_range(self, LARGE, LARGE + M2, VMSPACE_PAGE_2M) ?: map_large(self, 0);
}

static const struct kind split = {
	.base = LARGE + 5 * PAGE,
	.stride = 7 * PAGE,
	.insns = 5,
	.begin = begin_large,
	.steps = {
		{ .emit = emit_until_piece_gone, .change = change_split },
		{ .emit = emit_until_other, .sees = other_word, .change = change_merge },
	},
};

FIXTURE_VARIANT_ADD(stale, split_and_merge) { .kind = &split, };

/*
 * Frames that nobody else holds: what is freed too early shows other contents.  A
 * page for each program, 8 pages apart, below a table that goes with them.
 */
#define APART	(8 * PAGE)

static int new_contents(struct _test_data_stale *self, __u64 count, __u64 value)
{
	__u64 offset, i;
	int memory = vms_new_memory_of(self->fd, count, PAGE, VMSPACE_CACHE_WB, &offset);
	__u64 *view;

	if (memory < 0)
		return memory;
	view = vms_view(self->fd, offset, count);
	if (view == MAP_FAILED)
		return -errno;
	for (i = 0; i < count; i++)
		view[i * PAGE / 8] = value;
	munmap(view, count * PAGE);
	return memory;
}

static int map_fresh(struct _test_data_stale *self, __u64 number)
{
	struct vmspace_op ops[2 * VMS_CPUS];
	int memory = new_contents(self, self->nr_cpus, number);
	struct vmspace_step step;
	unsigned int i;

	if (memory < 0)
		return memory;
	for (i = 0; i < self->nr_cpus; i++) {
		ops[2 * i] = (struct vmspace_op) {
			.opcode = VMSPACE_OP_JUMP, .id = self->cursor, .pos.va = LARGE + i * APART,
		};
		ops[2 * i + 1] = (struct vmspace_op) {
			.opcode = VMSPACE_OP_MAP,
			.id = self->cursor,
			.map = { .memory = memory, .index = i, .prop = RW, .count = 1 },
		};
	}
	return vms_step(self->fd, ops, 2 * self->nr_cpus, 0, &step) ?: step.error ?:
	       vms_drop_memory(self->fd, memory);
}

/* Until the next change, so that the frames have been someone else's. */
static int after_free(struct _test_data_stale *self)
{
	self->poison = new_contents(self, self->nr_cpus, POISON);
	return self->poison < 0 ? self->poison : 0;
}

static int change_map_fresh(struct _test_data_stale *self)
{
	return map_fresh(self, self->gen + 1) ?: vms_drop_memory(self->fd, self->poison);
}

static int change_unmap_frames(struct _test_data_stale *self)
{
	return unmap_at(self, LARGE, VMS_CPUS * APART, 0);
}

/* The table covers the cursor's range, and stays. */
static int begin_frames(struct _test_data_stale *self)
{
	return open_range(self, LARGE, LARGE + VMS_CPUS * APART, 0) ?: map_fresh(self, 0);
}

static const struct kind frames = {
	.base = LARGE,
	.stride = APART,
	.insns = 4,
	.begin = begin_frames,
	.steps = {
		{
			.emit = emit_until_gone,
			.change = change_unmap_frames, .after = after_free,
		},
		{ .emit = emit_until_next, .sees = next_number, .change = change_map_fresh },
	},
};

FIXTURE_VARIANT_ADD(stale, frames) { .kind = &frames, };

/* A table above covers it, and the one below goes at once with all that is mapped. */
static int begin_table(struct _test_data_stale *self)
{
	return open_range(self, LARGE, LARGE + 2 * M2, 0) ?: map_fresh(self, 0);
}

static int change_unmap_table(struct _test_data_stale *self)
{
	return unmap_at(self, LARGE, M2, 0);
}

static const struct kind table = {
	.base = LARGE,
	.stride = APART,
	.insns = 4,
	.begin = begin_table,
	.steps = {
		{
			.emit = emit_until_gone,
			.change = change_unmap_table, .after = after_free,
		},
		{ .emit = emit_until_next, .sees = next_number, .change = change_map_fresh },
	},
};

FIXTURE_VARIANT_ADD(stale, table) { .kind = &table, };

/**
 * struct row - rounds that programs run through in one go
 * @kind:	of change
 * @gen:	number of the first round
 * @nr:		of changes
 * @index:	by change: the instruction that waits for it
 * @ended:	by change: when it had returned; 0 if the programs had ended before
 */
struct row {
	const struct kind *kind;
	__u64 gen;
	unsigned int nr;
	unsigned int index[VMS_INSNS];
	__u64 ended[VMS_INSNS];
};

static unsigned int kind_steps(const struct kind *kind)
{
	return kind->steps[1].change ? 2 : 1;
}

static const struct step *row_step(const struct row *row, unsigned int change)
{
	return &row->kind->steps[change % kind_steps(row->kind)];
}

static struct spot row_spot(const struct row *row, unsigned int program, unsigned int change)
{
	return (struct spot) {
		.va = row->kind->base + program * row->kind->stride,
		.gen = row->gen + change / kind_steps(row->kind),
	};
}

/* What programs say when they have seen all before a change; no two the same. */
static __u64 row_ready(const struct row *row, unsigned int change)
{
	return row->gen * 2 + change + 1;
}

/* As many rounds as there are instructions for. */
static void row_write(struct row *row, struct vms_crew *crew)
{
	const unsigned int steps = kind_steps(row->kind);
	unsigned int i, change = 0;

	for (i = 0; i < crew->nr; i++) {
		struct vms_code *c = &crew->code[i];

		vms_emit_load(c, row_spot(row, i, 0).va, 1, 0, 0);
		vms_emit_store(c, VMS_READY(i), 1, 0, row_ready(row, 0));
		for (change = 0; change % steps || vms_code_room(c, row->kind->insns); change++) {
			const struct spot at = row_spot(row, i, change);

			row->index[change] = row_step(row, change)->emit(c, &at);
			vms_emit_store(c, VMS_READY(i), 1, 0, row_ready(row, change + 1));
		}
	}
	row->nr = change;
}

/* Make the changes, each when all programs have seen the one before. */
static void row_shoot(struct __test_metadata *_metadata, struct _test_data_stale *self,
		      struct row *row)
{
	unsigned int change;

	self->live = true;
	for (change = 0; change < row->nr; change++) {
		const struct step *step = row_step(row, change);

		/* A round that was begun is ended, with or without them. */
		self->live = self->live && vms_crew_ready(self->crew, row_ready(row, change));
		if (!self->live && change % kind_steps(row->kind) == 0)
			break;
		self->first = !change;
		self->gen = row_spot(row, 0, change).gen;
		ASSERT_EQ(0, step->change(self));
		row->ended[change] = self->live ? vms_ns() : 0;
		if (step->after)
			ASSERT_EQ(0, step->after(self));
	}
	row->nr = change;
}

static bool step_was_seen(const struct step *step, const struct vmspace_insn *insn,
			  const struct spot *at)
{
	if (!step->sees)
		return insn->outcome == VMSPACE_OUTCOME_FAULT;
	return insn->outcome == VMSPACE_OUTCOME_OK && insn->value == step->sees(at);
}

/* Nothing stale was used after a change had returned. Returns the accesses. */
static __u64 row_check(struct __test_metadata *_metadata, const struct row *row,
		       const struct vms_crew *crew)
{
	unsigned int i, change;
	__u64 accesses = 0;

	for (change = 0; change < row->nr && row->ended[change]; change++) {
		for (i = 0; i < crew->nr; i++) {
			const unsigned int index = row->index[change];
			const struct vmspace_insn *insn = &crew->code[i].insns[index];
			const struct spot at = row_spot(row, i, change);

			ASSERT_LE(insn->last, row->ended[change])
				TH_LOG("cpu %u, change %u: %llu ns late, value %llx, outcome %u",
				       crew->code[i].cpu, change,
				       (unsigned long long)(insn->last - row->ended[change]),
				       (unsigned long long)insn->value, insn->outcome);
			accesses += insn->done + 1;
			if (index >= crew->programs[i].done)
				continue;
			ASSERT_TRUE(step_was_seen(row_step(row, change), insn, &at))
				TH_LOG("cpu %u, change %u: value %llx, outcome %u",
				       crew->code[i].cpu, change,
				       (unsigned long long)insn->value, insn->outcome);
		}
	}
	return accesses;
}

TEST_F_TIMEOUT(stale, never__after_a_completed_shootdown, 240)
{
	const unsigned int wanted = rounds_wanted(self->nr_cpus - 1);
	const unsigned int steps = kind_steps(variant->kind);
	unsigned int rows = 0, cut = 0;
	__u64 gen = 0, accesses = 0, begun = vms_ns();
	struct vms_crew *crew = self->crew;

	while (gen < wanted) {
		const unsigned int cpu = self->cpus[rows++ % self->nr_cpus];
		struct row row = { .kind = variant->kind, .gen = gen };

		ASSERT_EQ(0, vms_pin(cpu));
		vms_crew_assign(crew, self->cpus, self->nr_cpus, cpu);
		row_write(&row, crew);
		ASSERT_EQ(0, vms_crew_start(crew));
		row_shoot(_metadata, self, &row);
		ASSERT_EQ(0, vms_crew_join(crew));
		accesses += row_check(_metadata, &row, crew);
		cut += crew->done < crew->nr;
		gen += row.nr / steps;
	}
	report("%llu rounds on %u CPUs, %llu accesses, %u of %u rows cut short, %llu ms\n",
	       (unsigned long long)gen, self->nr_cpus - 1, (unsigned long long)accesses, cut, rows,
	       (unsigned long long)(vms_ns() - begun) / 1000000);
}

/* --- whom a shootdown interrupts ------------------------------------------ */

FIXTURE(shootdown)
{
	struct vms_usage before;
	int fd;
	struct vmspace_info info;
	int space;		/* active on all CPUs; none goes inside unasked */
	int memory;
	int cursor;		/* over what one table of level 1 maps, which so stays */
	int above;		/* over LARGE and the next one, which is in use */
	unsigned int nr_cpus;
	unsigned int cpus[VMS_CPUS];
	struct vms_crew *crew;
	char ceiling[16];
};

#define CEILING	"/sys/module/vmspace/parameters/flush_ceiling"

/* A space of which every CPU can be made a member, with two cursors. */
static void make_space(struct __test_metadata *_metadata, struct _test_data_shootdown *self,
		       int space)
{
	int ret;

	ASSERT_GT(space, 0);
	self->space = space;
	ret = vms_activate_all(self->fd, space, 0, self->cpus);
	ASSERT_GT(ret, 0);
	self->nr_cpus = ret;
	ASSERT_EQ(0, vms_crew_init(self->crew, self->fd, space));
	self->cursor = vms_open_cursor_mut(self->fd, space, RANGE, RANGE + M2);
	ASSERT_GT(self->cursor, 0);
	self->above = vms_open_cursor_mut(self->fd, space, LARGE, LARGE + 2 * M2);
	ASSERT_GT(self->above, 0);
	ASSERT_EQ(0, vms_jump(self->fd, self->above, LARGE + M2));
	ASSERT_EQ(0, vms_map(self->fd, self->above, self->memory, 0, RW));
}

FIXTURE_SETUP(shootdown)
{
	self->before = vms_usage_settled();
	self->fd = vms_open();
	if (self->fd < 0)
		SKIP(return, "no /dev/vmspace: %s", strerror(errno));
	ASSERT_EQ(0, vms_info(self->fd, &self->info));
	snprintf(self->ceiling, sizeof(self->ceiling), "%u", self->info.flush_ceiling);
	self->memory = vms_new_memory(self->fd, PAGES);
	ASSERT_GT(self->memory, 0);
	self->crew = calloc(1, sizeof(*self->crew));
	ASSERT_NE(NULL, self->crew);
	make_space(_metadata, self, vms_new_space(self->fd));
	if (self->nr_cpus < 2)
		SKIP(return, "needs a second CPU");
	ASSERT_EQ(0, vms_pin(self->cpus[0]));
}

FIXTURE_TEARDOWN(shootdown)
{
	EXPECT_EQ(0, vms_write_text(CEILING, self->ceiling));
	vms_crew_free(self->crew);
	close(self->fd);
	expect_back(_metadata, &self->before);
}

/**
 * struct numbers - what is counted
 * @initiated:	by CPU, as all up to @full: shootdowns that it sent
 * @sent:	interrupts sent to it
 * @received:	handlers that ran
 * @pages:	pages that it flushed
 * @full:	times it flushed everything
 * @shootdowns:	of the space
 */
struct numbers {
	__u64 initiated[VMS_CPUS];
	__u64 sent[VMS_CPUS];
	__u64 received[VMS_CPUS];
	__u64 pages[VMS_CPUS];
	__u64 full[VMS_CPUS];
	__u64 shootdowns;
};

static void read_numbers(struct __test_metadata *_metadata, int fd, int space,
			 const unsigned int *cpus, unsigned int nr, struct numbers *n)
{
	struct vmspace_op op;
	unsigned int i;

	memset(n, 0, sizeof(*n));
	for (i = 0; i < nr; i++) {
		ASSERT_EQ(0, vms_shootdown_stat(fd, space, cpus[i], &op));
		n->initiated[i] = op.shootdown_stat.initiated;
		n->sent[i] = op.shootdown_stat.sent;
		n->received[i] = op.shootdown_stat.received;
		n->pages[i] = op.shootdown_stat.pages;
		n->full[i] = op.shootdown_stat.full;
		/* Nothing is under way. */
		ASSERT_EQ(n->sent[i], n->received[i]);
	}
	ASSERT_EQ(0, vms_space_stat(fd, space, &op));
	n->shootdowns = op.space_stat.shootdowns;
}

static void numbers_since(struct numbers *now, const struct numbers *before)
{
	const __u64 *old = (const __u64 *)before;
	__u64 *new = (__u64 *)now;
	unsigned int i;

	for (i = 0; i < sizeof(*now) / sizeof(*new); i++)
		new[i] -= old[i];
}

/**
 * struct shot - something that is done while CPUs are kept inside, and measured
 * @prepare:	before they are
 * @act:	what is measured; both return 0
 * @arg:	for both
 */
struct shot {
	int (*prepare)(struct _test_data_shootdown *self, unsigned int arg);
	int (*act)(struct _test_data_shootdown *self, unsigned int arg);
	unsigned int arg;
};

static unsigned int inside_now(struct __test_metadata *_metadata,
			       struct _test_data_shootdown *self)
{
	struct vmspace_op op;

	ASSERT_EQ(0, vms_space_stat(self->fd, self->space, &op));
	return op.space_stat.inside;
}

/* Whether exactly the members, a mask of indices, were inside all the time. */
static bool try_measure(struct __test_metadata *_metadata, struct _test_data_shootdown *self,
			unsigned int members, const struct shot *shot, struct numbers *n)
{
	struct numbers before;
	unsigned int i;
	bool exact;
	int ret;

	ASSERT_EQ(0, shot->prepare(self, shot->arg));
	self->crew->nr = 0;
	for (i = 0; i < self->nr_cpus; i++)
		if (members & 1U << i)
			self->crew->code[self->crew->nr++].cpu = self->cpus[i];
	if (members && !vms_crew_hold(self->crew))
		return false;
	exact = inside_now(_metadata, self) == self->crew->nr;
	read_numbers(_metadata, self->fd, self->space, self->cpus, self->nr_cpus, &before);
	ret = shot->act(self, shot->arg);
	read_numbers(_metadata, self->fd, self->space, self->cpus, self->nr_cpus, n);
	numbers_since(n, &before);
	if ((members && !vms_crew_let_go(self->crew)) || !exact)
		return false;
	EXPECT_EQ(0, ret);
	return true;
}

static void measure(struct __test_metadata *_metadata, struct _test_data_shootdown *self,
		    unsigned int members, const struct shot *shot, struct numbers *n)
{
	double end = vms_now() + 3 * VMS_LIMIT;

	/* A CPU is needed by others at times; in a slow kernel, at most times. */
	while (!try_measure(_metadata, self, members, shot, n))
		ASSERT_LT(vms_now(), end);
}

/* All CPUs but the first, where the test runs. */
static unsigned int all_others(const struct _test_data_shootdown *self)
{
	return ((1U << self->nr_cpus) - 1) & ~1U;
}

static int map_some(struct _test_data_shootdown *self, unsigned int count)
{
	struct vmspace_op op;

	return vms_jump(self->fd, self->cursor, RANGE) ?:
	       vms_unmap(self->fd, self->cursor, M2, 0, &op) ?:
	       vms_jump(self->fd, self->cursor, RANGE) ?:
	       vms_map_range(self->fd, self->cursor, self->memory, 0, count, RW, 0) ?:
	       vms_jump(self->fd, self->cursor, RANGE);
}

static int unmap_some(struct _test_data_shootdown *self, unsigned int count)
{
	struct vmspace_op op;

	return vms_unmap(self->fd, self->cursor, count * PAGE, 0, &op);
}

/* One interrupt for each CPU inside, none for any other, counted on both sides. */
TEST_F_TIMEOUT(shootdown, targets__exactly_the_cpus_inside, 180)
{
	const struct shot shot = { map_some, unmap_some, 1 };
	unsigned int members, i;
	struct numbers n;

	for (members = 0; members <= all_others(self); members += 2) {
		measure(_metadata, self, members, &shot, &n);
		for (i = 0; i < self->nr_cpus; i++) {
			const unsigned int one = members >> i & 1;

			EXPECT_EQ(one, n.sent[i])
				TH_LOG("cpu %u of %x", self->cpus[i], members);
			EXPECT_EQ(one, n.received[i]);
			EXPECT_EQ(one, n.pages[i]);
			EXPECT_EQ(0, n.full[i]);
			EXPECT_EQ(!i && members, n.initiated[i]);
		}
		EXPECT_EQ(!!members, n.shootdowns);
	}
}

/* By CPU, the interrupts for function calls, as the kernel counts them. */
static int kernel_numbers(const struct _test_data_shootdown *self, __u64 *calls)
{
	FILE *file = fopen("/proc/interrupts", "r");
	char line[4096], *p = NULL;
	unsigned int i;

	if (!file)
		return -errno;
	while (!p && fgets(line, sizeof(line), file))
		p = strstr(line, "CAL:");
	fclose(file);
	if (!p)
		return -ENOENT;
	/* A column for each CPU that is online. */
	for (i = 0, p += 4; i < self->nr_cpus; i++)
		calls[i] = strtoull(p, &p, 10);
	return 0;
}

#define SHOTS	20

static int unmap_in_turn(struct _test_data_shootdown *self, unsigned int count)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < count && !ret; i++)
		ret = unmap_some(self, 1);
	return ret;
}

/*
 * The kernel counts every interrupt that a call of a function was sent with, our
 * own among them: never fewer than handlers ran, and hardly any more.  Those that
 * are not ours wake threads, or have CPUs agree on something.
 */
TEST_F_TIMEOUT(shootdown, targets__the_kernel_counts_the_same, 180)
{
	const struct shot shot = { map_some, unmap_in_turn, SHOTS };
	__u64 before[VMS_CPUS], after[VMS_CPUS], most[2] = {};
	const unsigned int rounds = 50, members = all_others(self) & 0xaaaaaaaa;
	struct numbers n, all = {};
	unsigned int round, i;

	ASSERT_EQ(0, kernel_numbers(self, before));
	read_numbers(_metadata, self->fd, self->space, self->cpus, self->nr_cpus, &all);
	for (round = 0; round < rounds; round++)
		measure(_metadata, self, members, &shot, &n);
	read_numbers(_metadata, self->fd, self->space, self->cpus, self->nr_cpus, &n);
	numbers_since(&n, &all);
	ASSERT_EQ(0, kernel_numbers(self, after));
	for (i = 0; i < self->nr_cpus; i++) {
		const bool member = members >> i & 1;
		const __u64 calls = after[i] - before[i];

		/* Some were measured in vain, for want of members. */
		EXPECT_GE(n.received[i], member ? rounds * SHOTS : 0);
		EXPECT_TRUE(member || !n.received[i]);
		EXPECT_GE(calls, n.received[i])
			TH_LOG("cpu %u", self->cpus[i]);
		if (calls - n.received[i] > most[member])
			most[member] = calls - n.received[i];
		EXPECT_LT(calls - n.received[i], rounds * SHOTS / 4)
			TH_LOG("cpu %u", self->cpus[i]);
	}
	report("%u shootdowns; the most interrupts not ours: %llu inside, %llu outside\n",
	       rounds * SHOTS, (unsigned long long)most[1], (unsigned long long)most[0]);
}

/* Where nobody is inside any more, nobody is interrupted. */
TEST_F_TIMEOUT(shootdown, targets__none_after_all_have_left, 180)
{
	const struct shot shot = { map_some, unmap_some, 1 };
	struct numbers before, after;
	unsigned int i;

	measure(_metadata, self, all_others(self), &shot, &before);
	for (i = 0; i < self->nr_cpus; i++)
		ASSERT_EQ(0, vms_deactivate(self->fd, self->space, self->cpus[i]));
	ASSERT_EQ(0, map_some(self, 1));
	read_numbers(_metadata, self->fd, self->space, self->cpus, self->nr_cpus, &before);
	ASSERT_EQ(0, unmap_some(self, 1));
	read_numbers(_metadata, self->fd, self->space, self->cpus, self->nr_cpus, &after);
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(after)));
}

/* What a LAB space leaves out: all, all but the own CPU, all but the chosen. */

static int choose(struct _test_data_shootdown *self, unsigned int targets)
{
	cpu_set_t set;
	unsigned int i;

	CPU_ZERO(&set);
	for (i = 0; i < self->nr_cpus; i++)
		if (targets >> i & 1)
			CPU_SET(self->cpus[i], &set);
	return vms_set_targets(self->fd, self->cursor, &set, sizeof(set));
}

static int unmap_none(struct _test_data_shootdown *self, unsigned int count)
{
	struct vmspace_op op;

	return vms_unmap(self->fd, self->cursor, count * PAGE, VMSPACE_FLUSH_NONE, &op);
}

static int unmap_local(struct _test_data_shootdown *self, unsigned int count)
{
	struct vmspace_op op;

	return vms_unmap(self->fd, self->cursor, count * PAGE, VMSPACE_FLUSH_LOCAL, &op);
}

static int unmap_targets(struct _test_data_shootdown *self, unsigned int targets)
{
	struct vmspace_op op;

	return choose(self, targets) ?:
	       vms_unmap(self->fd, self->cursor, PAGE, VMSPACE_FLUSH_TARGETS, &op);
}

static int map_one(struct _test_data_shootdown *self, unsigned int targets)
{
	(void)targets;
	return map_some(self, 1);
}

static void expect_targets(struct __test_metadata *_metadata, struct _test_data_shootdown *self,
			   unsigned int members, const struct shot *shot, unsigned int targets)
{
	struct numbers n;
	unsigned int i;

	measure(_metadata, self, members, shot, &n);
	for (i = 0; i < self->nr_cpus; i++) {
		EXPECT_EQ(targets >> i & 1, n.received[i])
			TH_LOG("cpu %u, of %x inside only %x chosen", self->cpus[i], members,
			       shot->arg);
	}
	EXPECT_EQ(!!targets, n.shootdowns);
}

TEST_F_TIMEOUT(shootdown, targets__none_or_none_but_the_own_cpu, 180)
{
	const struct shot none = { map_some, unmap_none, 3 };
	const struct shot local = { map_some, unmap_local, 3 };

	make_space(_metadata, self, vms_new_lab(self->fd));
	/* This CPU is not inside while it unmaps. */
	expect_targets(_metadata, self, all_others(self), &none, 0);
	expect_targets(_metadata, self, all_others(self), &local, 0);
}

TEST_F_TIMEOUT(shootdown, targets__the_chosen_that_are_inside, 180)
{
	unsigned int members, targets;
	struct vmspace_op op;

	make_space(_metadata, self, vms_new_lab(self->fd));
	/* Nobody was chosen yet. */
	ASSERT_EQ(0, map_some(self, 1));
	ASSERT_EQ(0, vms_unmap(self->fd, self->cursor, PAGE, VMSPACE_FLUSH_TARGETS, &op));
	for (members = all_others(self); members; members &= members - 1) {
		for (targets = 0; targets < 1U << self->nr_cpus; targets = targets * 2 + 1) {
			const struct shot shot = { map_one, unmap_targets, targets };

			expect_targets(_metadata, self, members, &shot, members & targets);
		}
		for (targets = 1; targets < 1U << self->nr_cpus; targets *= 2) {
			const struct shot shot = { map_one, unmap_targets, targets };

			expect_targets(_metadata, self, members, &shot, members & targets);
		}
	}
}

/* --- what is gathered ----------------------------------------------------- */

static void expect_flushed(struct __test_metadata *_metadata, struct _test_data_shootdown *self,
			   const struct shot *shot, __u64 sent, __u64 pages, __u64 full)
{
	struct numbers n;
	unsigned int i;

	measure(_metadata, self, all_others(self), shot, &n);
	EXPECT_EQ(sent, n.shootdowns);
	for (i = 1; i < self->nr_cpus; i++) {
		EXPECT_EQ(sent, n.received[i]);
		EXPECT_EQ(pages, n.pages[i]);
		EXPECT_EQ(full, n.full[i]);
	}
}

static int step_unmaps(struct _test_data_shootdown *self, unsigned int count, unsigned int flags)
{
	struct vmspace_op ops[PAGES];
	struct vmspace_step step;
	unsigned int i;

	for (i = 0; i < count; i++)
		ops[i] = (struct vmspace_op) {
			.opcode = VMSPACE_OP_UNMAP, .id = self->cursor, .unmap.len = PAGE,
		};
	return vms_step(self->fd, ops, count, flags, &step) ?: step.error;
}

static int unmap_by_step(struct _test_data_shootdown *self, unsigned int count)
{
	return step_unmaps(self, count, 0);
}

static int unmap_gathering(struct _test_data_shootdown *self, unsigned int count)
{
	return step_unmaps(self, count, VMSPACE_STEP_GATHER);
}

static int unmap_deferring(struct _test_data_shootdown *self, unsigned int count)
{
	struct vmspace_op op;
	unsigned int i;
	int ret = 0;

	for (i = 0; i < count && !ret; i++)
		ret = vms_unmap(self->fd, self->cursor, PAGE, VMSPACE_DEFER, &op);
	ret = ret ?: vms_flush_sync(self->fd, self->cursor, &op);
	if (ret)
		return ret;
	return op.flush.pages == count && op.flush.cpus == self->nr_cpus - 1 ? 0 : 1;
}

TEST_F_TIMEOUT(shootdown, gather__many_unmaps_are_one_shootdown, 180)
{
	const struct shot alone = { map_some, unmap_by_step, 64 };
	const struct shot gathered = { map_some, unmap_gathering, 64 };
	const struct shot deferred = { map_some, unmap_deferring, 64 };

	ASSERT_EQ(0, vms_write_text(CEILING, "33"));
	expect_flushed(_metadata, self, &alone, 64, 64, 0);
	expect_flushed(_metadata, self, &gathered, 1, 0, 1);
	expect_flushed(_metadata, self, &deferred, 1, 0, 1);
	ASSERT_EQ(0, vms_write_text(CEILING, "64"));
	expect_flushed(_metadata, self, &gathered, 1, 64, 0);
	expect_flushed(_metadata, self, &deferred, 1, 64, 0);
}

TEST_F_TIMEOUT(shootdown, gather__by_pages_up_to_the_ceiling, 180)
{
	static const unsigned int ceilings[] = { 0, 1, 2, 33, 64 };
	char text[16];
	unsigned int i;

	for (i = 0; i < sizeof(ceilings) / sizeof(*ceilings); i++) {
		const struct shot below = { map_some, unmap_some, ceilings[i] };
		const struct shot above = { map_some, unmap_some, ceilings[i] + 1 };

		snprintf(text, sizeof(text), "%u", ceilings[i]);
		ASSERT_EQ(0, vms_write_text(CEILING, text));
		if (ceilings[i])
			expect_flushed(_metadata, self, &below, 1, ceilings[i], 0);
		expect_flushed(_metadata, self, &above, 1, 0, 1);
	}
}

/* The only page below a table, which goes with it. */
static int map_table(struct _test_data_shootdown *self, unsigned int pages)
{
	return vms_jump(self->fd, self->above, LARGE) ?:
	       vms_map_as(self->fd, self->above, self->memory, pages % PAGES, RW,
			  VMSPACE_REPLACE) ?:
	       vms_jump(self->fd, self->above, LARGE);
}

static int unmap_table(struct _test_data_shootdown *self, unsigned int pages)
{
	struct vmspace_op op;

	return vms_unmap(self->fd, self->above, pages * PAGE, 0, &op);
}

TEST_F_TIMEOUT(shootdown, gather__everything_where_a_table_was_unlinked, 180)
{
	/* Taken out as a whole, or left empty. */
	const struct shot whole = { map_table, unmap_table, 512 };
	const struct shot page = { map_table, unmap_table, 1 };

	expect_flushed(_metadata, self, &whole, 1, 0, 1);
	expect_flushed(_metadata, self, &page, 1, 0, 1);
}

/* Nothing is left over: not by a failure, nor by an operation on something else. */
TEST_F_TIMEOUT(shootdown, gather__ends_with_the_row, 180)
{
	struct vmspace_op ops[] = {
		{ .opcode = VMSPACE_OP_UNMAP, .id = self->cursor, .unmap.len = PAGE },
		{ .opcode = VMSPACE_OP_SPACE_STAT, .id = self->space },
		{ .opcode = VMSPACE_OP_UNMAP, .id = self->cursor, .unmap.len = PAGE },
		{ .opcode = VMSPACE_OP_JUMP, .id = self->cursor, .pos.va = RANGE + 1 },
		{ .opcode = VMSPACE_OP_UNMAP, .id = self->cursor, .unmap.len = PAGE },
	};
	struct vmspace_step step;
	struct vmspace_op op;

	ASSERT_EQ(0, map_some(self, 4));
	ASSERT_EQ(0, vms_step(self->fd, ops, 5, VMSPACE_STEP_GATHER, &step));
	EXPECT_EQ(-EINVAL, step.error);
	EXPECT_EQ(4, step.done);
	EXPECT_EQ(0, ops[1].space_stat.deferred);
	ASSERT_EQ(0, vms_space_stat(self->fd, self->space, &op));
	EXPECT_EQ(0, op.space_stat.deferred);
	ASSERT_EQ(0, vms_flush_sync(self->fd, self->cursor, &op));
	EXPECT_EQ(0, op.flush.pages);
	/* What is deferred explicitly stays deferred, if nothing follows. */
	ASSERT_EQ(0, map_some(self, 4));
	ops[0].flags = VMSPACE_DEFER;
	ASSERT_EQ(0, vms_step(self->fd, ops, 1, VMSPACE_STEP_GATHER, &step));
	ASSERT_EQ(0, step.error);
	ASSERT_EQ(0, vms_flush_sync(self->fd, self->cursor, &op));
	EXPECT_EQ(1, op.flush.pages);
}

/* --- the order ------------------------------------------------------------ */

#define TRACING		"/sys/kernel/tracing/"
#define EVENTS		TRACING "events/vmspace/"

static const char * const trace_steps[] = {
	"initiate_shootdown", "ack_shootdown_ipi", "end_shootdown", "release",
};

/* The trace is sorted by its clock: one that only counts is in order on all CPUs. */
static int trace_switch(const char *on)
{
	int ret = vms_write_text(TRACING "trace_clock", *on == '1' ? "counter" : "local");
	char path[128];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(trace_steps) && !ret; i++) {
		snprintf(path, sizeof(path), EVENTS "%s/enable", trace_steps[i]);
		ret = vms_write_text(path, on);
	}
	return ret;
}

static int trace_clear(void)
{
	int fd = open(TRACING "trace", O_WRONLY | O_TRUNC | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	close(fd);
	/* RCU's thread frees what was closed, on a CPU that will be kept inside. */
	usleep(100000);
	return 0;
}

/* The step that a line of the trace tells of a space, by its first letter, or 0. */
static char trace_step(const char *line, unsigned int space)
{
	unsigned int i, number;
	char event[32];
	const char *p;

	for (i = 0; i < ARRAY_SIZE(trace_steps); i++) {
		snprintf(event, sizeof(event), " %s: space=", trace_steps[i]);
		p = strstr(line, event);
		if (p && sscanf(p + strlen(event), "%u", &number) == 1 && number == space)
			return *trace_steps[i];
	}
	return 0;
}

/* The steps of a space in the trace, such as "iaaer". */
static int trace_read(unsigned int space, char *text, size_t size)
{
	FILE *file = fopen(TRACING "trace", "r");
	char line[512];
	size_t n = 0;

	if (!file)
		return -errno;
	while (n + 1 < size && fgets(line, sizeof(line), file)) {
		text[n] = trace_step(line, space);
		n += !!text[n];
	}
	text[n] = 0;
	fclose(file);
	return 0;
}

/* Initiated, acknowledged by each, ended, and only then released; nothing else. */
static void expect_order(struct __test_metadata *_metadata, struct _test_data_shootdown *self,
			 const struct shot *shot)
{
	char expected[VMS_CPUS + 4] = "i", seen[256];
	struct vmspace_op op;
	struct numbers n;
	unsigned int i;

	for (i = 1; i < self->nr_cpus; i++)
		strcat(expected, "a");
	strcat(expected, "er");
	ASSERT_EQ(0, vms_space_stat(self->fd, self->space, &op));
	measure(_metadata, self, all_others(self), shot, &n);
	ASSERT_EQ(0, trace_read(op.space_stat.number, seen, sizeof(seen)));
	EXPECT_STREQ(expected, seen);
}

static int map_some_traced(struct _test_data_shootdown *self, unsigned int count)
{
	return map_some(self, count) ?: trace_clear();
}

static int map_table_traced(struct _test_data_shootdown *self, unsigned int pages)
{
	return map_table(self, pages) ?: trace_clear();
}

TEST_F_TIMEOUT(shootdown, order__released_after_all_have_acknowledged, 180)
{
	const struct shot page = { map_some_traced, unmap_some, 1 };
	const struct shot many = { map_some_traced, unmap_some, 100 };
	const struct shot gathered = { map_some_traced, unmap_gathering, 20 };
	const struct shot table = { map_table_traced, unmap_table, 512 };

	if (access(EVENTS, W_OK))
		SKIP(return, "no tracing");
	ASSERT_EQ(0, trace_switch("1"));
	expect_order(_metadata, self, &page);
	expect_order(_metadata, self, &many);
	expect_order(_metadata, self, &gathered);
	expect_order(_metadata, self, &table);
	EXPECT_EQ(0, trace_switch("0"));
}

/* --- a freed table -------------------------------------------------------- */

/* The page that a table of level 1 is in, as debugfs shows it; 0 if there is none. */
static __u64 table_pfn(struct _test_data_shootdown *self, __u64 va)
{
	char *text = vms_table_bytes(self->fd, self->space), *line, *save;
	unsigned long long start, entry;
	__u64 pfn = 0;

	if (!text)
		return 0;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (sscanf(line, "2 0x%llx %*u 0x%llx table", &start, &entry) == 2 && start == va)
			pfn = (entry & 0xffffffffff000ULL) / PAGE;
	free(text);
	return pfn;
}

#define PRESENT	0x67	/* present, writable, user, accessed, dirty */

/* Many pages that, taken for tables, map a page of POISON everywhere. */
static int new_trap(struct _test_data_shootdown *self, __u64 count, __u64 poison_pfn)
{
	__u64 offset, i;
	int memory = vms_new_memory_of(self->fd, count, PAGE, VMSPACE_CACHE_WB, &offset);
	__u64 *view;

	if (memory < 0)
		return memory;
	view = vms_view(self->fd, offset, count);
	if (view == MAP_FAILED)
		return -errno;
	for (i = 0; i < count * 512; i++)
		view[i] = poison_pfn * PAGE + PRESENT;
	munmap(view, count * PAGE);
	return memory;
}

/* Whether a page of a memory object is where the table was. */
static bool is_among(struct __test_metadata *_metadata, struct _test_data_shootdown *self,
		     int memory, unsigned int count, __u64 pfn)
{
	struct vmspace_mapping pages[PAGES];
	struct vmspace_op op;
	unsigned int i;
	bool found = false;

	ASSERT_EQ(0, vms_jump(self->fd, self->cursor, RANGE));
	ASSERT_EQ(0, vms_map_range(self->fd, self->cursor, memory, 0, count, RO, VMSPACE_REPLACE));
	ASSERT_EQ(0, vms_jump(self->fd, self->cursor, RANGE));
	ASSERT_EQ(0, vms_enumerate(self->fd, self->cursor, pages, count, 0, 0, &op));
	for (i = 0; i < op.enumerate.found; i++)
		found |= pages[i].pfn == pfn;
	ASSERT_EQ(0, vms_jump(self->fd, self->cursor, RANGE));
	ASSERT_EQ(0, vms_unmap(self->fd, self->cursor, M2, 0, &op));
	return found;
}

/*
 * Litmus 19.  What was a table is soon something else: whoever still walked it would
 * find what is there now.
 */
TEST_F_TIMEOUT(shootdown, table__freed_is_not_walked, 120)
{
	const unsigned int count = 256, rounds = 20;
	__u64 poison[512], value, pfn, offset;
	unsigned int round, i, again = 0;
	struct vmspace_op op;
	int memory;
	void *view;

	for (i = 0; i < 512; i++)
		poison[i] = POISON;
	memory = vms_new_memory_of(self->fd, 1, PAGE, VMSPACE_CACHE_WB, &offset);
	ASSERT_GT(memory, 0);
	view = vms_view(self->fd, offset, 1);
	ASSERT_NE(MAP_FAILED, view);
	memcpy(view, poison, PAGE);
	munmap(view, PAGE);
	ASSERT_EQ(0, vms_jump(self->fd, self->cursor, RANGE));
	ASSERT_EQ(0, vms_map(self->fd, self->cursor, memory, 0, RO));
	ASSERT_EQ(0, vms_translate(self->fd, self->space, RANGE, &op));
	if (!op.query.pfn)
		SKIP(return, "needs CAP_SYS_ADMIN");
	for (round = 0; round < rounds; round++) {
		int trap;

		ASSERT_EQ(0, map_table(self, 0));
		pfn = table_pfn(self, LARGE);
		ASSERT_NE(0, pfn);
		for (i = 0; i < self->nr_cpus; i++)
			ASSERT_EQ(LOADED, vms_load(self->fd, self->space, self->cpus[i], LARGE,
						   &value));
		ASSERT_EQ(0, unmap_table(self, 512));
		EXPECT_EQ(0, table_pfn(self, LARGE));
		/* Until walkers under RCU are through, and the page is free. */
		syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
		usleep(20000);
		trap = new_trap(self, count, op.query.pfn);
		ASSERT_GT(trap, 0);
		for (i = 0; i < self->nr_cpus; i++) {
			ASSERT_EQ(FAULTED, vms_load(self->fd, self->space, self->cpus[i], LARGE,
						    &value));
			ASSERT_EQ(FAULTED, vms_load(self->fd, self->space, self->cpus[i],
						    LARGE + (round + 1) * PAGE, &value));
		}
		again += is_among(_metadata, self, trap, count, pfn);
		ASSERT_EQ(0, vms_drop_memory(self->fd, trap));
	}
	report("the page of a freed table came back %u times of %u\n", again, rounds);
}

/* --- against each other --------------------------------------------------- */

/**
 * struct shooter - a thread that unmaps what others load
 * @fd:		its file
 * @space:	the space
 * @cpu:	where it runs
 * @victim:	the CPU that loads
 * @va:		of its own table
 * @memory:	what it maps
 * @result:	of the operations
 * @wrong:	loads that saw what they must not see
 * @rounds:	how often
 */
struct shooter {
	pthread_t thread;
	int fd;
	int space;
	unsigned int cpu;
	unsigned int victim;
	__u64 va;
	int memory;
	int result;
	unsigned int wrong;
	unsigned int rounds;
};

static int shooter_round(struct shooter *s, int cursor)
{
	struct vmspace_op op;
	__u64 value;
	int ret;

	ret = vms_jump(s->fd, cursor, s->va) ?: vms_map(s->fd, cursor, s->memory, 0, RW) ?:
	      vms_jump(s->fd, cursor, s->va);
	if (ret)
		return ret;
	s->wrong += vms_load(s->fd, s->space, s->victim, s->va, &value) != LOADED;
	ret = vms_unmap(s->fd, cursor, PAGE, 0, &op);
	s->wrong += vms_load(s->fd, s->space, s->victim, s->va, &value) != FAULTED;
	return ret;
}

static void *shoot_rounds(void *arg)
{
	struct shooter *s = arg;
	int cursor = vms_open_cursor_mut(s->fd, s->space, s->va, s->va + M2);
	unsigned int i;

	s->result = vms_pin(s->cpu) ?: cursor < 0 ? cursor : 0;
	for (i = 0; i < s->rounds && !s->result; i++)
		s->result = shooter_round(s, cursor);
	return NULL;
}

/* Nobody waits for a CPU that waits for him. */
TEST_F_TIMEOUT(shootdown, shooters__at_each_other_make_progress, 120)
{
	struct shooter *shooters = calloc(self->nr_cpus, sizeof(*shooters));
	struct vmspace_op op;
	unsigned int i;

	ASSERT_NE(NULL, shooters);
	for (i = 0; i < self->nr_cpus; i++) {
		/* From now on as residents. */
		ASSERT_EQ(0, vms_deactivate(self->fd, self->space, self->cpus[i]));
		ASSERT_EQ(0, vms_activate(self->fd, self->space, self->cpus[i],
					  VMSPACE_RESIDENT));
	}
	for (i = 0; i < self->nr_cpus; i++) {
		shooters[i] = (struct shooter) {
			.fd = self->fd,
			.space = self->space,
			.cpu = self->cpus[i],
			.victim = self->cpus[(i + 1) % self->nr_cpus],
			.va = LARGE + G1 + i * M2,
			.memory = self->memory,
			.rounds = 300,
		};
		ASSERT_EQ(0, pthread_create(&shooters[i].thread, NULL, shoot_rounds,
					    &shooters[i]));
	}
	for (i = 0; i < self->nr_cpus; i++) {
		ASSERT_EQ(0, pthread_join(shooters[i].thread, NULL));
		EXPECT_EQ(0, shooters[i].result);
		EXPECT_EQ(0, shooters[i].wrong);
	}
	ASSERT_EQ(0, vms_space_stat(self->fd, self->space, &op));
	report("%u shooters, %llu shootdowns\n", self->nr_cpus,
	       (unsigned long long)op.space_stat.shootdowns);
	free(shooters);
}

/* --- what is told --------------------------------------------------------- */

#define BAD	((void *)16)	/* where nothing is mapped */

TEST_F(shootdown, shootdown_stat__of_what_is_no_cpu)
{
	struct vmspace_op op, zero = {};

	EXPECT_EQ(-EINVAL, vms_shootdown_stat(self->fd, self->space, self->info.nr_cpus, &op));
	EXPECT_EQ(0, memcmp(&zero.shootdown_stat.initiated, &op.shootdown_stat.initiated, 40));
	EXPECT_EQ(-EINVAL, vms_shootdown_stat(self->fd, self->space, ~0U, &op));
}

TEST_F(shootdown, shootdown_stat__of_a_cpu_that_did_nothing)
{
	int space = vms_new_space(self->fd);
	struct vmspace_op op, zero = {};
	unsigned int cpu;

	for (cpu = 0; cpu < self->info.nr_cpus; cpu++) {
		ASSERT_EQ(0, vms_shootdown_stat(self->fd, space, cpu, &op));
		EXPECT_EQ(0, memcmp(&zero.shootdown_stat.initiated,
				    &op.shootdown_stat.initiated, 40));
	}
}

TEST_F(shootdown, histogram__refused)
{
	__u64 buckets[VMSPACE_BUCKETS];
	struct vmspace_op op;
	unsigned int time;

	for (time = 0; time < VMSPACE_TIMES; time++)
		EXPECT_EQ(0, vms_histogram(self->fd, self->space, 0, time, buckets,
					   VMSPACE_BUCKETS, &op));
	EXPECT_EQ(-EINVAL, vms_histogram(self->fd, self->space, 0, VMSPACE_TIMES, buckets,
					 VMSPACE_BUCKETS, &op));
	EXPECT_EQ(-EINVAL, vms_histogram(self->fd, self->space, 0, ~0U, buckets,
					 VMSPACE_BUCKETS, &op));
	EXPECT_EQ(-EINVAL, vms_histogram(self->fd, self->space, self->info.nr_cpus, 0, buckets,
					 VMSPACE_BUCKETS, &op));
	EXPECT_EQ(-EFAULT, vms_histogram(self->fd, self->space, 0, 0, BAD, 1, &op));
	EXPECT_EQ(0, op.histogram.total);
	EXPECT_EQ(0, op.histogram.max);
	EXPECT_EQ(0, op.histogram.sum);
}

/* What there is room for, and not a byte more. */
TEST_F(shootdown, histogram__writes_as_much_as_there_is_room)
{
	static const __u64 counts[] = { 0, 1, 7, 32, 33, 64, ~0ULL };
	__u64 buckets[65];
	struct vmspace_op op;
	unsigned int i, n, written;

	for (n = 0; n < sizeof(counts) / sizeof(*counts); n++) {
		memset(buckets, 0xa5, sizeof(buckets));
		ASSERT_EQ(0, vms_histogram(self->fd, self->space, 0, VMSPACE_TIME_STAY, buckets,
					   counts[n], &op));
		written = counts[n] < VMSPACE_BUCKETS ? counts[n] : VMSPACE_BUCKETS;
		for (i = 0; i < 65; i++)
			EXPECT_EQ(i >= written, buckets[i] == 0xa5a5a5a5a5a5a5a5ULL);
	}
	/* Nothing is written at a bad address. */
	EXPECT_EQ(0, vms_histogram(self->fd, self->space, 0, 0, BAD, 0, &op));
}

static __u64 times_counted(struct __test_metadata *_metadata, struct _test_data_shootdown *self,
			   unsigned int i, unsigned int time)
{
	__u64 buckets[VMSPACE_BUCKETS], sum = 0, least = 0;
	unsigned int bucket, last = 0;
	struct vmspace_op op;

	ASSERT_EQ(0, vms_histogram(self->fd, self->space, self->cpus[i], time, buckets,
				   VMSPACE_BUCKETS, &op));
	for (bucket = 0; bucket < VMSPACE_BUCKETS; bucket++) {
		sum += buckets[bucket];
		least += bucket ? buckets[bucket] << bucket : 0;
		if (buckets[bucket])
			last = bucket;
	}
	EXPECT_EQ(op.histogram.total, sum);
	EXPECT_GE(op.histogram.sum, least);
	EXPECT_LE(op.histogram.sum, sum * op.histogram.max);
	if (sum && last < VMSPACE_BUCKETS - 1) {
		EXPECT_LT(op.histogram.max, 2ULL << last);
		EXPECT_GE(op.histogram.max, last ? 1ULL << last : 0);
	}
	return op.histogram.total;
}

/* Every interrupt has its times, every shootdown and every stay. */
TEST_F_TIMEOUT(shootdown, histogram__counts_all, 180)
{
	const struct shot shot = { map_some, unmap_in_turn, SHOTS };
	__u64 received, initiated = 0, acked = 0, stays;
	struct vmspace_op op;
	struct numbers n;
	unsigned int i;

	for (i = 0; i < 5; i++)
		measure(_metadata, self, all_others(self), &shot, &n);
	for (i = 0; i < self->nr_cpus; i++)
		ASSERT_EQ(0, vms_deactivate(self->fd, self->space, self->cpus[i]));
	read_numbers(_metadata, self->fd, self->space, self->cpus, self->nr_cpus, &n);
	for (i = 0; i < self->nr_cpus; i++) {
		ASSERT_EQ(0, vms_cpu_stat(self->fd, self->space, self->cpus[i], &op));
		received = times_counted(_metadata, self, i, VMSPACE_TIME_ENTERED);
		EXPECT_EQ(n.received[i], received);
		EXPECT_EQ(op.cpu_stat.flushed,
			  times_counted(_metadata, self, i, VMSPACE_TIME_FLUSHED));
		EXPECT_LE(op.cpu_stat.flushed, n.pages[i] + n.full[i]);
		stays = times_counted(_metadata, self, i, VMSPACE_TIME_STAY);
		EXPECT_EQ(op.cpu_stat.entered, stays);
		acked += times_counted(_metadata, self, i, VMSPACE_TIME_ACKED);
		initiated += n.initiated[i];
	}
	EXPECT_EQ(initiated, acked);
	EXPECT_EQ(n.shootdowns, acked);
	EXPECT_GE(acked, 5 * SHOTS);
}

TEST_F(shootdown, set_targets__refused)
{
	const long page = sysconf(_SC_PAGESIZE);
	char *mask = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
	int cursor;

	ASSERT_NE(MAP_FAILED, mask);
	/* Only in a LAB space. */
	EXPECT_EQ(-EINVAL, vms_set_targets(self->fd, self->cursor, mask, 8));
	make_space(_metadata, self, vms_new_lab(self->fd));
	EXPECT_EQ(0, vms_set_targets(self->fd, self->cursor, mask, 8));
	EXPECT_EQ(0, vms_set_targets(self->fd, self->cursor, mask, page));
	EXPECT_EQ(-EINVAL, vms_set_targets(self->fd, self->cursor, mask, 0));
	EXPECT_EQ(-EINVAL, vms_set_targets(self->fd, self->cursor, mask, 7));
	EXPECT_EQ(-EINVAL, vms_set_targets(self->fd, self->cursor, mask, 12));
	EXPECT_EQ(-EINVAL, vms_set_targets(self->fd, self->cursor, mask, page + 8));
	EXPECT_EQ(-EINVAL, vms_set_targets(self->fd, self->cursor, mask, 1ULL << 32));
	EXPECT_EQ(-EFAULT, vms_set_targets(self->fd, self->cursor, BAD, 8));
	EXPECT_EQ(-EINVAL, vms_set_targets(self->fd, self->space, mask, 8));
	EXPECT_EQ(-ENOENT, vms_set_targets(self->fd, 0x3ffff0, mask, 8));
	cursor = vms_open_cursor(self->fd, self->space, RANGE + M2, RANGE + 2 * M2);
	ASSERT_GT(cursor, 0);
	EXPECT_EQ(-EINVAL, vms_set_targets(self->fd, cursor, mask, 8));
}

TEST_HARNESS_MAIN
