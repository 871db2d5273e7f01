// SPDX-License-Identifier: GPL-2.0
/*
 * The rules of the interface: what is refused before it is even tried.
 *
 * Each check is violated alone, by an input that is valid otherwise; the table
 * of operations is written from the uapi header, not from the module.  Runs as
 * a 32-bit program as well.
 */
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include "kselftest_harness.h"
#include "vmspace.h"

#define BASE		0x200000ULL	/* where the world's cursor stands */
#define GARBAGE		0xa5a5a5a5U	/* in results, before the call */
#define WORDS		12		/* of arguments, of 32 bits */
#define UNUSED_ID	0x3ffff0U	/* no test makes so many objects */

enum object {
	NOTHING,
	SPACE,		/* active on CPU 0, with a cursor, a reader and a writer */
	SPARE,		/* a space that nobody uses */
	ACTIVE,		/* a space that is active on CPU 0, no more */
	MEMORY,
	CURSOR,		/* at BASE, which is empty; the next page is mapped */
	LAB_CURSOR,	/* of a LAB space */
	READER,
	WRITER,
	NR_OBJECTS,
};

/**
 * struct operation - what the header says of an operation
 * @name:	of the operation
 * @words:	of each 32-bit word of its arguments: i for an argument, o for a
 *		result, b for both, v for the position that fails with it, . for
 *		what must be 0
 * @object:	that it works on
 * @flags:	that it knows
 * @valid:	arguments that it accepts; ids and pointers are filled in later
 */
struct operation {
	const char *name;
	const char *words;
	enum object object;
	unsigned int flags;
	struct vmspace_op valid;
};

/* The values of opcodes that are not here are unknown ones. */
static const struct operation operations[] = {
	{ "NEW_SPACE", "oooo........", NOTHING,
	  VMSPACE_LAB | VMSPACE_CHECKED | VMSPACE_STRICT,
	  { .opcode = VMSPACE_OP_NEW_SPACE } },
	{ "DROP_SPACE", "............", SPARE, 0,
	  { .opcode = VMSPACE_OP_DROP_SPACE } },
	{ "OPEN_CURSOR", "o.iiii......", SPARE,
	  VMSPACE_NONBLOCK | VMSPACE_PAGE_2M | VMSPACE_PAGE_1G,
	  { .opcode = VMSPACE_OP_OPEN_CURSOR, .open = { .start = BASE, .end = BASE + PAGE } } },
	{ "OPEN_CURSOR_MUT", "o.iiii......", SPARE,
	  VMSPACE_NONBLOCK | VMSPACE_PAGE_2M | VMSPACE_PAGE_1G,
	  { .opcode = VMSPACE_OP_OPEN_CURSOR_MUT, .open = { .start = BASE, .end = BASE + PAGE } } },
	{ "DROP_CURSOR", "............", CURSOR, 0,
	  { .opcode = VMSPACE_OP_DROP_CURSOR } },
	{ "QUERY", "vvooooooooo.", CURSOR, 0,
	  { .opcode = VMSPACE_OP_QUERY } },
	{ "FIND_NEXT", "vvooooiio...", CURSOR, 0,
	  { .opcode = VMSPACE_OP_FIND_NEXT, .find.len = 2 * PAGE } },
	{ "JUMP", "bb..........", CURSOR, 0,
	  { .opcode = VMSPACE_OP_JUMP, .pos.va = BASE } },
	{ "VIRT_ADDR", "vv..........", CURSOR, 0,
	  { .opcode = VMSPACE_OP_VIRT_ADDR } },
	{ "MAP", "vvooooiiiiii", CURSOR, VMSPACE_REPLACE | VMSPACE_DEFER | VMSPACE_PAGE_2M |
	  VMSPACE_PAGE_1G | VMSPACE_PAGE_LARGEST,
	  { .opcode = VMSPACE_OP_MAP, .map = { .prop = RW, .count = 1 } } },
	{ "UNMAP", "vvooooiioooo", CURSOR, VMSPACE_DEFER,
	  { .opcode = VMSPACE_OP_UNMAP, .unmap.len = 2 * PAGE } },
	{ "PROTECT_NEXT", "vvooooiiiioo", CURSOR, VMSPACE_DEFER,
	  { .opcode = VMSPACE_OP_PROTECT_NEXT,
	    .protect = { .len = 2 * PAGE, .clear = VMSPACE_PROP_WRITE } } },
	{ "NEW_READER", "oiiiii......", SPACE, 0,
	  { .opcode = VMSPACE_OP_NEW_READER, .new_io = { .va = BASE, .len = PAGE } } },
	{ "NEW_WRITER", "oiiiii......", SPACE, 0,
	  { .opcode = VMSPACE_OP_NEW_WRITER, .new_io = { .va = BASE, .len = PAGE } } },
	{ "DROP_READER", "............", READER, 0,
	  { .opcode = VMSPACE_OP_DROP_READER } },
	{ "DROP_WRITER", "............", WRITER, 0,
	  { .opcode = VMSPACE_OP_DROP_WRITER } },
	{ "NEW_MEMORY", "oiiiiioo....", NOTHING, 0,
	  { .opcode = VMSPACE_OP_NEW_MEMORY, .new_memory = { .count = 1, .frame_size = PAGE } } },
	{ "IMPORT", "o.iiii......", NOTHING, VMSPACE_WRITABLE,
	  { .opcode = VMSPACE_OP_IMPORT, .import.count = 1 } },
	{ "DROP_MEMORY", "............", MEMORY, 0,
	  { .opcode = VMSPACE_OP_DROP_MEMORY } },
	{ "ACTIVATE", "i...........", SPARE, VMSPACE_RESIDENT,
	  { .opcode = VMSPACE_OP_ACTIVATE } },
	{ "DEACTIVATE", "i...........", ACTIVE, 0,
	  { .opcode = VMSPACE_OP_DEACTIVATE } },
	{ "ACCESS", "iibbiio.....", SPACE, VMSPACE_STORE,
	  { .opcode = VMSPACE_OP_ACCESS, .access = { .va = BASE + PAGE, .width = 4 } } },
	{ "READ", "vviiiiooo...", READER, 0,
	  { .opcode = VMSPACE_OP_READ, .io.len = 8 } },
	{ "WRITE", "vviiiiooo...", WRITER, 0,
	  { .opcode = VMSPACE_OP_WRITE, .io.len = 8 } },
	{ "FLUSH_SYNC", "vvoooooo....", CURSOR, 0,
	  { .opcode = VMSPACE_OP_FLUSH_SYNC } },
	{ "TRANSLATE", "iiooooooooo.", SPACE, 0,
	  { .opcode = VMSPACE_OP_TRANSLATE, .query.va = BASE + PAGE } },
	{ "SPACE_STAT", "oooooooooooo", SPACE, 0,
	  { .opcode = VMSPACE_OP_SPACE_STAT } },
	{ "CPU_STAT", "iooooooooooo", SPACE, 0,
	  { .opcode = VMSPACE_OP_CPU_STAT } },
	{ "PROTECT", "vvooooiiiioo", CURSOR, VMSPACE_DEFER,
	  { .opcode = VMSPACE_OP_PROTECT,
	    .protect_range = { .len = 2 * PAGE, .clear = VMSPACE_PROP_WRITE } } },
	{ "ENUMERATE", "vviiiiooi...", CURSOR, VMSPACE_DEFER,
	  { .opcode = VMSPACE_OP_ENUMERATE, .enumerate.count = 1 } },
	{ "RUN", "iiiio.......", SPACE, 0,
	  { .opcode = VMSPACE_OP_RUN, .run = { .count = 1, .timeout_us = 10000 } } },
	{ "SET_TARGETS", "iiii........", LAB_CURSOR, 0,
	  { .opcode = VMSPACE_OP_SET_TARGETS, .targets.len = 8 } },
	{ "SHOOTDOWN_STAT", "i.oooooooooo", SPACE, 0,
	  { .opcode = VMSPACE_OP_SHOOTDOWN_STAT } },
	{ "HISTOGRAM", "iiiiiioooooo", SPACE, 0,
	  { .opcode = VMSPACE_OP_HISTOGRAM, .histogram.count = VMSPACE_BUCKETS } },
};

#define NR_OPERATIONS	ARRAY_SIZE(operations)

static const struct operation *find_operation(unsigned int opcode)
{
	unsigned int i;

	for (i = 0; i < NR_OPERATIONS; i++)
		if (operations[i].valid.opcode == opcode)
			return &operations[i];
	return NULL;
}

/**
 * struct world - a file with one object of each kind
 * @fd:		the file
 * @ids:	of the objects
 * @buffer:	two pages of memory
 */
struct world {
	int fd;
	int ids[NR_OBJECTS];
	unsigned char *buffer;
};

/* The first ids are left out. Returns whether all of it could be made. */
static bool world_make(struct world *w, unsigned int skip)
{
	int *ids = w->ids;
	int lab;

	ids[NOTHING] = 0;
	w->buffer = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	w->fd = vms_open();
	if (w->fd < 0 || w->buffer == MAP_FAILED)
		return false;
	while (skip--)
		vms_drop_space(w->fd, vms_new_space(w->fd));
	ids[SPACE] = vms_new_space(w->fd);
	ids[SPARE] = vms_new_space(w->fd);
	ids[ACTIVE] = vms_new_space(w->fd);
	ids[MEMORY] = vms_new_memory(w->fd, 4);
	ids[CURSOR] = vms_open_cursor_mut(w->fd, ids[SPACE], BASE, BASE + 4 * PAGE);
	if (vms_jump(w->fd, ids[CURSOR], BASE + PAGE) ||
	    vms_map(w->fd, ids[CURSOR], ids[MEMORY], 1, RW) ||
	    vms_jump(w->fd, ids[CURSOR], BASE) ||
	    vms_activate(w->fd, ids[SPACE], 0, 0) ||
	    vms_activate(w->fd, ids[ACTIVE], 0, 0))
		return false;
	lab = vms_new_lab(w->fd);
	ids[LAB_CURSOR] = vms_open_cursor_mut(w->fd, lab, BASE, BASE + 4 * PAGE);
	if (ids[LAB_CURSOR] < 0)
		return false;
	ids[READER] = vms_new_reader(w->fd, ids[SPACE], 0, BASE + PAGE, PAGE);
	ids[WRITER] = vms_new_writer(w->fd, ids[SPACE], 0, BASE + PAGE, PAGE);
	return ids[READER] > 0 && ids[WRITER] > 0;
}

static void world_destroy(struct world *w)
{
	munmap(w->buffer, 2 * PAGE);
	close(w->fd);
}

/* An access program that does nothing. */
static struct vmspace_program *make_program(const struct world *w)
{
	struct vmspace_insn *insn = (void *)(w->buffer + PAGE);
	struct vmspace_program *program = (void *)w->buffer;

	*insn = (struct vmspace_insn) { .opcode = VMSPACE_INSN_FENCE };
	*program = (struct vmspace_program) { .count = 1, .insns = (uintptr_t)insn };
	return program;
}

/* An input that the operation accepts in a fresh world. */
static void make_valid(const struct world *w, const struct operation *o, struct vmspace_op *op)
{
	*op = o->valid;
	op->id = w->ids[o->object];
	switch (op->opcode) {
	case VMSPACE_OP_MAP:
		op->map.memory = w->ids[MEMORY];
		break;
	case VMSPACE_OP_IMPORT:
		op->import.addr = (uintptr_t)w->buffer;
		break;
	case VMSPACE_OP_ENUMERATE:
		op->enumerate.addr = (uintptr_t)w->buffer;
		break;
	case VMSPACE_OP_READ:
	case VMSPACE_OP_WRITE:
		op->io.addr = (uintptr_t)w->buffer;
		break;
	case VMSPACE_OP_RUN:
		op->run.addr = (uintptr_t)make_program(w);
		break;
	case VMSPACE_OP_SET_TARGETS:
		op->targets.addr = (uintptr_t)w->buffer;
		break;
	case VMSPACE_OP_HISTOGRAM:
		op->histogram.addr = (uintptr_t)w->buffer;
		break;
	}
}

static __u32 *op_word(struct vmspace_op *op, unsigned int i)
{
	return (__u32 *)op->words + i;
}

/* The value of an access is an argument of a store, and a result of a load. */
static bool is_result(const struct vmspace_op *op, const struct operation *o, unsigned int i)
{
	if (op->opcode == VMSPACE_OP_ACCESS && o->words[i] == 'b')
		return !(op->flags & VMSPACE_STORE);
	return o->words[i] == 'o' || o->words[i] == 'v';
}

static void fill_results(struct vmspace_op *op, const struct operation *o)
{
	unsigned int i;

	op->result = GARBAGE;
	for (i = 0; i < WORDS; i++)
		if (is_result(op, o, i))
			*op_word(op, i) = GARBAGE;
}

static void expect_results_defined(struct __test_metadata *_metadata, struct vmspace_op *op,
				   const struct operation *o)
{
	unsigned int i, undefined = 0;

	EXPECT_NE(GARBAGE, (__u32)op->result);
	for (i = 0; i < WORDS; i++)
		undefined += is_result(op, o, i) && *op_word(op, i) == GARBAGE;
	EXPECT_EQ(0, undefined)
		TH_LOG("%s, result %d", o->name, op->result);
}

/* But for the position, if there is one. */
static void expect_results_zero(struct __test_metadata *_metadata, struct vmspace_op *op,
				const struct operation *o, const char *why)
{
	unsigned int i, wrong = 0;

	EXPECT_NE(GARBAGE, (__u32)op->result);
	for (i = 0; i < WORDS; i++) {
		if (!is_result(op, o, i))
			continue;
		wrong += *op_word(op, i) == GARBAGE ||
			 (*op_word(op, i) && o->words[i] != 'v');
	}
	EXPECT_EQ(0, wrong)
		TH_LOG("%s, %s: words that are not 0", o->name, why);
}

static void expect_args_unchanged(struct __test_metadata *_metadata, struct vmspace_op *op,
				  struct vmspace_op *before, const struct operation *o)
{
	unsigned int i;

	EXPECT_EQ(before->opcode, op->opcode);
	EXPECT_EQ(before->flags, op->flags);
	EXPECT_EQ(before->id, op->id);
	for (i = 0; i < WORDS; i++) {
		if (o->words[i] != 'i' && o->words[i] != '.')
			continue;
		EXPECT_EQ(*op_word(before, i), *op_word(op, i))
			TH_LOG("%s, result %d, word %u", o->name, op->result, i);
	}
}

FIXTURE(op)
{
	struct world world;
};

FIXTURE_SETUP(op)
{
	ASSERT_TRUE(world_make(&self->world, 0));
}

FIXTURE_TEARDOWN(op)
{
	world_destroy(&self->world);
}

/* Without this, the other tests prove nothing. */
TEST_F(op, valid__accepted)
{
	const struct operation *o;

	for (o = operations; o < operations + NR_OPERATIONS; o++) {
		struct vmspace_op op, before;
		struct world w;

		ASSERT_TRUE(world_make(&w, 0));
		make_valid(&w, o, &op);
		before = op;
		EXPECT_EQ(0, vms_op(w.fd, &op))
			TH_LOG("%s", o->name);
		expect_args_unchanged(_metadata, &op, &before, o);
		world_destroy(&w);
	}
}

TEST_F(op, flags__known_accepted)
{
	const struct operation *o;
	unsigned int bit;

	for (o = operations; o < operations + NR_OPERATIONS; o++) {
		for (bit = 0; bit < 32; bit++) {
			struct vmspace_op op, before;
			struct world w;

			if (!(o->flags & 1U << bit))
				continue;
			ASSERT_TRUE(world_make(&w, 0));
			make_valid(&w, o, &op);
			op.flags = 1U << bit;
			/* One page is too little for the sizes: see pages.c. */
			if (op.opcode == VMSPACE_OP_MAP &&
			    (op.flags & (VMSPACE_PAGE_2M | VMSPACE_PAGE_1G))) {
				world_destroy(&w);
				continue;
			}
			before = op;
			EXPECT_EQ(0, vms_op(w.fd, &op))
				TH_LOG("%s, flag %u", o->name, bit);
			expect_args_unchanged(_metadata, &op, &before, o);
			world_destroy(&w);
		}
	}
}

TEST_F(op, flags__unknown_refused)
{
	const struct operation *o;
	struct vmspace_op op;
	unsigned int bit;

	for (o = operations; o < operations + NR_OPERATIONS; o++) {
		for (bit = 0; bit < 32; bit++) {
			if (o->flags & 1U << bit)
				continue;
			make_valid(&self->world, o, &op);
			op.flags = 1U << bit;
			EXPECT_EQ(-EINVAL, vms_op(self->world.fd, &op))
				TH_LOG("%s, flag %u", o->name, bit);
		}
		/* One that is known does not make up for one that is not. */
		make_valid(&self->world, o, &op);
		op.flags = o->flags | 1U << 31;
		EXPECT_EQ(-EINVAL, vms_op(self->world.fd, &op))
			TH_LOG("%s", o->name);
	}
}

TEST_F(op, padding__refused)
{
	static const __u32 values[] = { 1, 0x80000000, GARBAGE };
	const struct operation *o;
	struct vmspace_op op;
	unsigned int i, v;

	for (o = operations; o < operations + NR_OPERATIONS; o++) {
		ASSERT_EQ(WORDS, strlen(o->words));
		for (i = 0; i < WORDS; i++) {
			if (o->words[i] != '.')
				continue;
			for (v = 0; v < ARRAY_SIZE(values); v++) {
				make_valid(&self->world, o, &op);
				*op_word(&op, i) = values[v];
				EXPECT_EQ(-EINVAL, vms_op(self->world.fd, &op))
					TH_LOG("%s, word %u", o->name, i);
			}
		}
	}
}

TEST_F(op, opcode__unknown)
{
	static const unsigned int far[] = { 64, 255, 256, 0xffff, 0x10001, 0x7fffffff,
					    0x80000000, 0x80000001, 0xffffffff };
	struct vmspace_op op;
	unsigned int i;

	for (i = 0; i < 64; i++) {
		if (find_operation(i))
			continue;
		op = (struct vmspace_op) { .opcode = i };
		EXPECT_EQ(-EOPNOTSUPP, vms_op(self->world.fd, &op))
			TH_LOG("%u", i);
	}
	for (i = 0; i < ARRAY_SIZE(far); i++) {
		op = (struct vmspace_op) { .opcode = far[i] };
		EXPECT_EQ(-EOPNOTSUPP, vms_op(self->world.fd, &op))
			TH_LOG("%u", far[i]);
	}
}

TEST_F(op, id__where_there_is_no_object)
{
	const struct operation *o;
	struct vmspace_op op;
	int object;

	for (o = operations; o < operations + NR_OPERATIONS; o++) {
		if (o->object != NOTHING)
			continue;
		for (object = SPACE; object < NR_OBJECTS; object++) {
			make_valid(&self->world, o, &op);
			op.id = self->world.ids[object];
			EXPECT_EQ(-EINVAL, vms_op(self->world.fd, &op))
				TH_LOG("%s", o->name);
		}
		op.id = UNUSED_ID;
		EXPECT_EQ(-EINVAL, vms_op(self->world.fd, &op));
		op.id = 0xffffffff;
		EXPECT_EQ(-EINVAL, vms_op(self->world.fd, &op));
	}
}

TEST_F(op, id__of_nothing)
{
	const __u32 dropped = vms_new_space(self->world.fd);
	const __u32 ids[] = { 0, dropped, UNUSED_ID, 0x7fffffff, 0x80000000, 0xffffffff };
	const struct operation *o;
	struct vmspace_op op;
	unsigned int i;

	ASSERT_EQ(0, vms_drop_space(self->world.fd, dropped));
	for (o = operations; o < operations + NR_OPERATIONS; o++) {
		for (i = 0; o->object != NOTHING && i < ARRAY_SIZE(ids); i++) {
			make_valid(&self->world, o, &op);
			op.id = ids[i];
			EXPECT_EQ(-ENOENT, vms_op(self->world.fd, &op))
				TH_LOG("%s, id %u", o->name, ids[i]);
		}
	}
	for (i = 0; i < ARRAY_SIZE(ids); i++) {
		make_valid(&self->world, find_operation(VMSPACE_OP_MAP), &op);
		op.map.memory = ids[i];
		EXPECT_EQ(-ENOENT, vms_op(self->world.fd, &op))
			TH_LOG("memory %u", ids[i]);
	}
}

static bool same_kind(enum object a, enum object b)
{
	return a == b || (a >= SPACE && a <= ACTIVE && b >= SPACE && b <= ACTIVE) ||
	       (a >= CURSOR && a <= LAB_CURSOR && b >= CURSOR && b <= LAB_CURSOR);
}

TEST_F(op, id__of_another_kind)
{
	const struct operation *o;
	struct vmspace_op op;
	int object;

	for (o = operations; o < operations + NR_OPERATIONS; o++) {
		for (object = SPACE; o->object != NOTHING && object < NR_OBJECTS; object++) {
			if (same_kind(o->object, object))
				continue;
			make_valid(&self->world, o, &op);
			op.id = self->world.ids[object];
			EXPECT_EQ(-EINVAL, vms_op(self->world.fd, &op))
				TH_LOG("%s, object %d", o->name, object);
		}
	}
	for (object = SPACE; object < NR_OBJECTS; object++) {
		if (object == MEMORY)
			continue;
		make_valid(&self->world, find_operation(VMSPACE_OP_MAP), &op);
		op.map.memory = self->world.ids[object];
		EXPECT_EQ(-EINVAL, vms_op(self->world.fd, &op))
			TH_LOG("memory is object %d", object);
	}
}

TEST_F(op, id__of_another_file)
{
	const struct operation *o;
	struct world another;
	struct vmspace_op op;

	/* No id is in use in both. */
	ASSERT_TRUE(world_make(&another, 100));
	for (o = operations; o < operations + NR_OPERATIONS; o++) {
		if (o->object == NOTHING)
			continue;
		make_valid(&self->world, o, &op);
		op.id = another.ids[o->object];
		EXPECT_EQ(-ENOENT, vms_op(self->world.fd, &op))
			TH_LOG("%s", o->name);
	}
	make_valid(&self->world, find_operation(VMSPACE_OP_MAP), &op);
	op.map.memory = another.ids[MEMORY];
	EXPECT_EQ(-ENOENT, vms_op(self->world.fd, &op));
	world_destroy(&another);
}

TEST_F(op, id__not_reused_at_once)
{
	int last = 0, i, id;

	for (i = 0; i < 200; i++) {
		id = vms_new_space(self->world.fd);
		ASSERT_LT(last, id);
		ASSERT_EQ(0, vms_drop_space(self->world.fd, id));
		EXPECT_EQ(-ENOENT, vms_drop_space(self->world.fd, id));
		last = id;
	}
}

TEST_F(op, id__not_taken_by_failure)
{
	const struct operation *o;
	int id = vms_new_space(self->world.fd);
	struct vmspace_op op;
	int failures = 0;

	for (o = operations; o < operations + NR_OPERATIONS; o++) {
		make_valid(&self->world, o, &op);
		op.flags = 1U << 31;
		EXPECT_EQ(-EINVAL, vms_op(self->world.fd, &op));
		failures++;
	}
	EXPECT_LT(20, failures);
	EXPECT_EQ(id + 1, vms_new_space(self->world.fd));
}

TEST_F(op, results__defined_on_success)
{
	const struct operation *o;

	for (o = operations; o < operations + NR_OPERATIONS; o++) {
		struct vmspace_op op;
		struct world w;

		ASSERT_TRUE(world_make(&w, 0));
		make_valid(&w, o, &op);
		fill_results(&op, o);
		EXPECT_EQ(0, vms_op(w.fd, &op))
			TH_LOG("%s", o->name);
		expect_results_defined(_metadata, &op, o);
		world_destroy(&w);
	}
}

TEST_F(op, results__zero_for_an_unknown_id)
{
	const struct operation *o;
	struct vmspace_op op;

	for (o = operations; o < operations + NR_OPERATIONS; o++) {
		make_valid(&self->world, o, &op);
		op.id = UNUSED_ID;
		fill_results(&op, o);
		EXPECT_GT(0, vms_op(self->world.fd, &op));
		expect_results_zero(_metadata, &op, o, "unknown id");
	}
}

TEST_F(op, results__zero_for_an_unknown_flag)
{
	const struct operation *o;
	struct vmspace_op op;

	for (o = operations; o < operations + NR_OPERATIONS; o++) {
		make_valid(&self->world, o, &op);
		op.flags = 1U << 31;
		fill_results(&op, o);
		EXPECT_GT(0, vms_op(self->world.fd, &op));
		expect_results_zero(_metadata, &op, o, "unknown flag");
	}
}

TEST_F(op, results__zero_for_padding)
{
	const struct operation *o;
	struct vmspace_op op;
	unsigned int i;

	for (o = operations; o < operations + NR_OPERATIONS; o++) {
		for (i = 0; i < WORDS; i++) {
			if (o->words[i] != '.')
				continue;
			make_valid(&self->world, o, &op);
			fill_results(&op, o);
			*op_word(&op, i) = 1;
			EXPECT_GT(0, vms_op(self->world.fd, &op));
			expect_results_zero(_metadata, &op, o, "padding");
		}
	}
}

/* Arguments that each operation itself refuses. */
TEST_F(op, results__zero_for_a_bad_argument)
{
	static const struct vmspace_op bad[] = {
		{ .opcode = VMSPACE_OP_OPEN_CURSOR, .open = { .start = 1, .end = PAGE } },
		{ .opcode = VMSPACE_OP_OPEN_CURSOR_MUT, .open = { .start = PAGE, .end = 0 } },
		{ .opcode = VMSPACE_OP_FIND_NEXT, .find.len = 1 },
		{ .opcode = VMSPACE_OP_MAP, .map = { .prop = ~0U, .count = 1 } },
		{ .opcode = VMSPACE_OP_UNMAP, .unmap.len = ~0ULL },
		{ .opcode = VMSPACE_OP_PROTECT_NEXT, .protect = { .clear = 1, .set = 1 } },
		{ .opcode = VMSPACE_OP_PROTECT_NEXT, .protect.len = 1 },
		{ .opcode = VMSPACE_OP_NEW_READER, .new_io.va = ~0ULL },
		{ .opcode = VMSPACE_OP_NEW_WRITER, .new_io.cpu = ~0U },
		{ .opcode = VMSPACE_OP_NEW_MEMORY, .new_memory.frame_size = 1 },
		{ .opcode = VMSPACE_OP_IMPORT, .import.addr = 1 },
		{ .opcode = VMSPACE_OP_ACCESS, .access.width = 3 },
		{ .opcode = VMSPACE_OP_ACCESS, .access = { .width = 1, .cpu = ~0U } },
		{ .opcode = VMSPACE_OP_READ, .io.len = ~0ULL },
		{ .opcode = VMSPACE_OP_WRITE, .io.len = ~0ULL },
		{ .opcode = VMSPACE_OP_TRANSLATE, .query.va = ~0ULL },
		{ .opcode = VMSPACE_OP_CPU_STAT, .cpu_stat.cpu = ~0U },
		{ .opcode = VMSPACE_OP_RUN, .run = { .addr = 16, .count = 1, .timeout_us = 1 } },
		{ .opcode = VMSPACE_OP_RUN, .run.count = 1 },
		{ .opcode = VMSPACE_OP_SHOOTDOWN_STAT, .shootdown_stat.cpu = ~0U },
		{ .opcode = VMSPACE_OP_HISTOGRAM, .histogram.time = VMSPACE_TIMES },
		{ .opcode = VMSPACE_OP_HISTOGRAM, .histogram = { .addr = 16, .count = 1 } },
	};
	const struct operation *o;
	struct vmspace_op op;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		o = find_operation(bad[i].opcode);
		op = bad[i];
		op.id = self->world.ids[o->object];
		fill_results(&op, o);
		EXPECT_GT(0, vms_op(self->world.fd, &op))
			TH_LOG("%s, case %u", o->name, i);
		expect_results_zero(_metadata, &op, o, "bad argument");
	}
}

/**
 * struct reply - what an operation leaves in the caller's memory
 * @opcode:	the operation
 * @bytes:	how much of the buffer it writes, all of it
 */
struct reply {
	unsigned int opcode;
	unsigned int bytes;
};

/* In a fresh world, of which the buffer is full of a pattern. */
static void fill_reply(struct __test_metadata *_metadata, const struct reply *r, struct world *w,
		       unsigned char pattern, struct vmspace_op *op)
{
	ASSERT_TRUE(world_make(w, 0));
	memset(w->buffer, pattern, 2 * PAGE);
	make_valid(w, find_operation(r->opcode), op);
	if (r->opcode == VMSPACE_OP_ENUMERATE)
		op->enumerate.count = 3;
	ASSERT_EQ(0, vms_op(w->fd, op));
}

/* What stands there is what was asked for, and nothing else. */
static void check_reply(struct __test_metadata *_metadata, const unsigned char *buffer,
			const struct vmspace_op *op)
{
	const struct vmspace_mapping *m = (const void *)buffer;
	const __u64 *words = (const void *)buffer;
	__u64 total = 0;
	unsigned int i;

	switch (op->opcode) {
	case VMSPACE_OP_READ:
		/* Of a page that nobody wrote to. */
		EXPECT_EQ(0, words[0]);
		break;
	case VMSPACE_OP_HISTOGRAM:
		for (i = 0; i < VMSPACE_BUCKETS; i++)
			total += words[i];
		EXPECT_EQ(op->histogram.total, total);
		break;
	case VMSPACE_OP_ENUMERATE:
		EXPECT_EQ(1, op->enumerate.found);
		EXPECT_EQ(BASE + PAGE, m[0].start);
		EXPECT_EQ(BASE + 2 * PAGE, m[0].end);
		EXPECT_EQ(RW, m[0].prop);
		EXPECT_EQ(VMSPACE_CACHE_WB, m[0].cache);
		/* It was ready for one more. */
		for (i = 4; i < 8; i++)
			EXPECT_EQ(0, words[i]);
		break;
	}
}

TEST_F(op, results__in_memory_are_exact)
{
	static const struct reply replies[] = {
		{ VMSPACE_OP_READ, 8 },
		{ VMSPACE_OP_HISTOGRAM, VMSPACE_BUCKETS * sizeof(__u64) },
		{ VMSPACE_OP_ENUMERATE, 2 * sizeof(struct vmspace_mapping) },
		{ VMSPACE_OP_WRITE, 0 },
		{ VMSPACE_OP_SET_TARGETS, 0 },
		{ VMSPACE_OP_IMPORT, 0 },
	};
	const struct reply *r;

	for (r = replies; r < replies + ARRAY_SIZE(replies); r++) {
		struct vmspace_op op;
		struct world a, b;
		unsigned int i, wrong = 0;

		fill_reply(_metadata, r, &a, 0xa5, &op);
		check_reply(_metadata, a.buffer, &op);
		fill_reply(_metadata, r, &b, 0x5a, &op);
		check_reply(_metadata, b.buffer, &op);
		/* What was not written differs. */
		for (i = 0; i < 2 * PAGE; i++)
			wrong += (i < r->bytes) != (a.buffer[i] != 0xa5 || b.buffer[i] != 0x5a);
		EXPECT_EQ(0, wrong)
			TH_LOG("opcode %u", r->opcode);
		world_destroy(&a);
		world_destroy(&b);
	}
}

FIXTURE(step)
{
	int fd;
	struct vmspace_info info;
	char *pages;		/* four, the last of which is not mapped */
};

FIXTURE_SETUP(step)
{
	self->fd = vms_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, vms_info(self->fd, &self->info));
	self->pages = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);
	ASSERT_NE(MAP_FAILED, self->pages);
	ASSERT_EQ(0, munmap(self->pages + 3 * PAGE, PAGE));
}

FIXTURE_TEARDOWN(step)
{
	munmap(self->pages, 3 * PAGE);
	close(self->fd);
}

/* How many objects the file has made so far, this one included. */
static int count_objects(int fd)
{
	return vms_new_space(fd);
}

static void fill_new_space(struct vmspace_op *ops, unsigned int count)
{
	memset(ops, 0, count * sizeof(*ops));
	while (count--)
		ops[count].opcode = VMSPACE_OP_NEW_SPACE;
}

TEST_F(step, count__zero)
{
	struct vmspace_op op = { .opcode = VMSPACE_OP_NEW_SPACE };
	struct vmspace_step step;

	EXPECT_EQ(-EINVAL, vms_step(self->fd, &op, 0, 0, &step));
	EXPECT_EQ(1, count_objects(self->fd));
}

TEST_F_TIMEOUT(step, count__at_the_cap, 120)
{
	const unsigned int max = self->info.max_ops;
	struct vmspace_op *ops = calloc(max + 1, sizeof(*ops));
	int space = vms_new_space(self->fd);
	struct vmspace_step step;
	unsigned int i;

	ASSERT_NE(NULL, ops);
	for (i = 0; i <= max; i++)
		ops[i] = (struct vmspace_op) {
			.opcode = VMSPACE_OP_SPACE_STAT,
			.id = space,
			.result = GARBAGE,
		};
	EXPECT_EQ(0, vms_step(self->fd, ops, max, 0, &step));
	EXPECT_EQ(max, step.done);
	EXPECT_EQ(0, step.error);
	for (i = 0; i < max; i++)
		EXPECT_EQ(0, ops[i].result);
	EXPECT_EQ(GARBAGE, (__u32)ops[max].result);
	free(ops);
}

TEST_F(step, count__over_the_cap)
{
	const unsigned int max = self->info.max_ops;
	struct vmspace_op *ops = calloc(max + 1, sizeof(*ops));
	struct vmspace_step step;

	ASSERT_NE(NULL, ops);
	fill_new_space(ops, max + 1);
	EXPECT_EQ(-EINVAL, vms_step(self->fd, ops, max + 1, 0, &step));
	EXPECT_EQ(-EINVAL, vms_step(self->fd, ops, 0x80000000, 0, &step));
	EXPECT_EQ(-EINVAL, vms_step(self->fd, ops, 0xffffffff, 0, &step));
	EXPECT_EQ(1, count_objects(self->fd));
	free(ops);
}

TEST_F(step, flags__unknown_refused)
{
	struct vmspace_op op = { .opcode = VMSPACE_OP_NEW_SPACE };
	struct vmspace_step step;
	unsigned int bit;

	for (bit = 0; bit < 32; bit++) {
		if (1U << bit & (VMSPACE_STEP_CONTINUE | VMSPACE_STEP_GATHER))
			continue;
		EXPECT_EQ(-EINVAL, vms_step(self->fd, &op, 1, 1U << bit, &step))
			TH_LOG("flag %u", bit);
	}
	EXPECT_EQ(1, count_objects(self->fd));
	EXPECT_EQ(0, vms_step(self->fd, &op, 1, VMSPACE_STEP_CONTINUE, &step));
}

TEST_F(step, padding__refused)
{
	struct vmspace_op op = { .opcode = VMSPACE_OP_NEW_SPACE };
	struct vmspace_step step = {
		.size = sizeof(step),
		.ops = (uintptr_t)&op,
		.count = 1,
		.pad = 1,
	};

	EXPECT_EQ(-1, ioctl(self->fd, VMSPACE_STEP, &step));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(1, count_objects(self->fd));
}

TEST_F(step, results__garbage_before)
{
	struct vmspace_op op = { .opcode = VMSPACE_OP_NEW_SPACE };
	struct vmspace_step step = {
		.size = sizeof(step),
		.ops = (uintptr_t)&op,
		.count = 1,
		.done = GARBAGE,
		.error = GARBAGE,
	};

	EXPECT_EQ(0, ioctl(self->fd, VMSPACE_STEP, &step));
	EXPECT_EQ(1, step.done);
	EXPECT_EQ(0, step.error);
}

TEST_F(step, failure__ends_it)
{
	struct vmspace_op ops[20], before[20];
	struct vmspace_step step;
	unsigned int bad, i;
	int objects = 0;

	for (bad = 0; bad < ARRAY_SIZE(ops); bad++) {
		fill_new_space(ops, ARRAY_SIZE(ops));
		for (i = 0; i < ARRAY_SIZE(ops); i++) {
			ops[i].result = GARBAGE;
			ops[i].new_space.new_id = GARBAGE;
		}
		ops[bad].opcode = 0;
		memcpy(before, ops, sizeof(ops));
		EXPECT_EQ(0, vms_step(self->fd, ops, ARRAY_SIZE(ops), 0, &step));
		EXPECT_EQ(bad + 1, step.done);
		EXPECT_EQ(-EOPNOTSUPP, step.error);
		EXPECT_EQ(-EOPNOTSUPP, ops[bad].result);
		for (i = 0; i < bad; i++) {
			EXPECT_EQ(0, ops[i].result);
			EXPECT_EQ(++objects, ops[i].new_space.new_id);
		}
		/* The others are as they were. */
		EXPECT_EQ(0, memcmp(&ops[bad + 1], &before[bad + 1],
				    (ARRAY_SIZE(ops) - bad - 1) * sizeof(ops[0])));
		EXPECT_EQ(++objects, count_objects(self->fd));
	}
}

TEST_F(step, continue__goes_on_after_failures)
{
	struct vmspace_op ops[20];
	struct vmspace_step step;
	unsigned int first, second, i;
	int objects = 0;

	for (first = 0; first < ARRAY_SIZE(ops) - 1; first++) {
		second = first + 1 + first % (ARRAY_SIZE(ops) - 1 - first);
		fill_new_space(ops, ARRAY_SIZE(ops));
		ops[first].id = 1;
		ops[second].opcode = 0;
		EXPECT_EQ(0, vms_step(self->fd, ops, ARRAY_SIZE(ops), VMSPACE_STEP_CONTINUE,
				      &step));
		EXPECT_EQ(ARRAY_SIZE(ops), step.done);
		EXPECT_EQ(-EINVAL, step.error);
		for (i = 0; i < ARRAY_SIZE(ops); i++) {
			int result = i == first ? -EINVAL : i == second ? -EOPNOTSUPP : 0;

			EXPECT_EQ(result, ops[i].result)
				TH_LOG("failures at %u and %u", first, second);
			if (!result)
				EXPECT_EQ(++objects, ops[i].new_space.new_id);
		}
	}
	EXPECT_EQ(objects + 1, count_objects(self->fd));
}

TEST_F(step, continue__without_failure)
{
	struct vmspace_op ops[9];
	struct vmspace_step step;

	fill_new_space(ops, ARRAY_SIZE(ops));
	EXPECT_EQ(0, vms_step(self->fd, ops, ARRAY_SIZE(ops), VMSPACE_STEP_CONTINUE, &step));
	EXPECT_EQ(ARRAY_SIZE(ops), step.done);
	EXPECT_EQ(0, step.error);
}

/* For a 32-bit program too, an address has 64 bits. */
TEST_F(step, ops__bad_address)
{
	const __u64 addresses[] = {
		0, 8, PAGE,
		(uintptr_t)self->pages + 3 * PAGE,
		(uintptr_t)self->pages | 1ULL << 63,
		(uintptr_t)self->pages | 1ULL << 62,
		(uintptr_t)self->pages | 1ULL << 56,
		self->info.va_end,
		self->info.va_end + PAGE,
		0xffff888000000000, 0xffffffff81000000, ~0ULL - 63, ~0ULL,
	};
	struct vmspace_step step;
	unsigned int i;

	fill_new_space((struct vmspace_op *)self->pages, 1);
	for (i = 0; i < ARRAY_SIZE(addresses); i++) {
		step = (struct vmspace_step) {
			.size = sizeof(step),
			.ops = addresses[i],
			.count = 1,
		};
		EXPECT_EQ(-1, ioctl(self->fd, VMSPACE_STEP, &step))
			TH_LOG("0x%llx", (unsigned long long)addresses[i]);
		EXPECT_EQ(EFAULT, errno);
		EXPECT_EQ(0, step.done);
	}
	EXPECT_EQ(1, count_objects(self->fd));
}

/* What cannot be told is not done. */
TEST_F(step, ops__read_only)
{
	struct vmspace_op *ops = (struct vmspace_op *)self->pages;
	struct vmspace_step step;

	fill_new_space(ops, 20);
	ASSERT_EQ(0, mprotect(self->pages, PAGE, PROT_READ));
	EXPECT_EQ(-EFAULT, vms_step(self->fd, ops, 20, 0, &step));
	EXPECT_EQ(0, step.done);
	EXPECT_EQ(1, count_objects(self->fd));
}

/* The call tells how many operations were executed, and no more were. */
static void expect_executed(struct __test_metadata *_metadata, int fd, struct vmspace_op *ops,
			    const struct vmspace_step *step, unsigned int accessible)
{
	int objects = count_objects(fd);
	unsigned int i;

	EXPECT_LE(step->done, accessible);
	EXPECT_EQ(0, step->error);
	for (i = 0; i < step->done; i++)
		EXPECT_EQ(objects - (int)(step->done - i), (int)ops[i].new_space.new_id);
	for (; i < accessible; i++)
		EXPECT_EQ(0, ops[i].new_space.new_id);
}

TEST_F(step, ops__end_is_not_mapped)
{
	struct vmspace_op *ops;
	struct vmspace_step step;
	unsigned int n;

	for (n = 1; n <= 20; n++) {
		ops = (struct vmspace_op *)(self->pages + 3 * PAGE) - n;
		fill_new_space(ops, n);
		EXPECT_EQ(-EFAULT, vms_step(self->fd, ops, n + 1, 0, &step));
		expect_executed(_metadata, self->fd, ops, &step, n);
	}
	/* Far from the end, it gets on. */
	ops = (struct vmspace_op *)(self->pages + 2 * PAGE);
	fill_new_space(ops, 64);
	EXPECT_EQ(-EFAULT, vms_step(self->fd, ops, 65, 0, &step));
	EXPECT_EQ(64, step.done);
	expect_executed(_metadata, self->fd, ops, &step, 64);
}

TEST_F(step, ops__end_cuts_an_operation)
{
	struct vmspace_op *ops;
	struct vmspace_step step;
	unsigned int n;

	for (n = 0; n <= 20; n++) {
		ops = (struct vmspace_op *)(self->pages + 3 * PAGE - 32) - n;
		fill_new_space(ops, n);
		memset(ops + n, 0, 32);
		ops[n].opcode = VMSPACE_OP_NEW_SPACE;
		EXPECT_EQ(-EFAULT, vms_step(self->fd, ops, n + 1, 0, &step));
		expect_executed(_metadata, self->fd, ops, &step, n);
	}
}

TEST_F(step, ops__end_is_read_only)
{
	struct vmspace_op *ops = (struct vmspace_op *)(self->pages + 2 * PAGE) - 5;
	struct vmspace_step step;

	fill_new_space(ops, 10);
	ASSERT_EQ(0, mprotect(self->pages + 2 * PAGE, PAGE, PROT_READ));
	EXPECT_EQ(-EFAULT, vms_step(self->fd, ops, 10, 0, &step));
	expect_executed(_metadata, self->fd, ops, &step, 5);
}

/* A failure before the bad part ends it without touching that. */
TEST_F(step, ops__failure_before_a_bad_end)
{
	struct vmspace_op *ops = (struct vmspace_op *)(self->pages + 3 * PAGE) - 40;
	struct vmspace_step step;

	fill_new_space(ops, 40);
	ops[3].opcode = 0;
	EXPECT_EQ(0, vms_step(self->fd, ops, 50, 0, &step));
	EXPECT_EQ(4, step.done);
	EXPECT_EQ(-EOPNOTSUPP, step.error);
}

/* Another process sees how far a program came that was killed. */
TEST_F(step, signal__fatal)
{
	struct shared {
		struct vmspace_step step;
		struct vmspace_op ops[100];
	} *shared;
	struct vmspace_op stat;
	int space, status;
	pid_t child;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	ASSERT_NE(MAP_FAILED, shared);
	space = vms_new_space(self->fd);
	ASSERT_LT(0, vms_open_cursor(self->fd, space, BASE, BASE + PAGE));
	fill_new_space(shared->ops, 100);
	shared->ops[1] = (struct vmspace_op) {
		.opcode = VMSPACE_OP_OPEN_CURSOR,
		.id = space,
		.open = { .start = BASE, .end = BASE + PAGE },
	};

	child = fork();
	if (!child) {
		vms_step(self->fd, shared->ops, 100, VMSPACE_STEP_CONTINUE, &shared->step);
		_exit(0);
	}
	do {
		poll(NULL, 0, 10);
		ASSERT_EQ(0, vms_space_stat(self->fd, space, &stat));
	} while (stat.space_stat.users < 2);
	poll(NULL, 0, 50);
	ASSERT_EQ(0, kill(child, SIGKILL));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(0, shared->ops[0].result);
	EXPECT_EQ(-EINTR, shared->ops[1].result);
	EXPECT_EQ(-EINTR, shared->step.error);
	EXPECT_LE(2, shared->step.done);
	EXPECT_GT(100, shared->step.done);
	EXPECT_EQ(0, shared->ops[99].new_space.new_id);
	ASSERT_EQ(0, vms_space_stat(self->fd, space, &stat));
	EXPECT_EQ(1, stat.space_stat.users);
}

/**
 * struct caller - what the tests of both commands need
 * @fd:		the file
 * @step:	it is about VMSPACE_STEP
 * @page:	two pages, before one that is not mapped
 * @op:		for the step
 */
struct caller {
	int fd;
	bool step;
	char *page;
	struct vmspace_op op;
};

FIXTURE(command)
{
	struct caller caller;
};

FIXTURE_VARIANT(command)
{
	unsigned int cmd;
	size_t size;
};

FIXTURE_VARIANT_ADD(command, info)
{
	.cmd = VMSPACE_INFO,
	.size = sizeof(struct vmspace_info),
};

FIXTURE_VARIANT_ADD(command, step)
{
	.cmd = VMSPACE_STEP,
	.size = sizeof(struct vmspace_step),
};

FIXTURE_SETUP(command)
{
	struct caller *c = &self->caller;

	c->fd = vms_open();
	ASSERT_LE(0, c->fd);
	c->step = variant->cmd == VMSPACE_STEP;
	c->page = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);
	ASSERT_NE(MAP_FAILED, c->page);
	ASSERT_EQ(0, munmap(c->page + 2 * PAGE, PAGE));
	c->op.opcode = VMSPACE_OP_NEW_SPACE;
}

FIXTURE_TEARDOWN(command)
{
	munmap(self->caller.page, 2 * PAGE);
	close(self->caller.fd);
}

/* A valid structure at @to, that claims to have a size. */
static void *make_command(struct caller *c, void *to, __u32 size)
{
	struct vmspace_step step = {
		.size = size,
		.ops = (uintptr_t)&c->op,
		.count = 1,
	};

	memset(c->page, 0, 2 * PAGE);
	if (c->step)
		memcpy(to, &step, sizeof(step));
	else
		memcpy(to, &size, sizeof(size));
	return to;
}

static int command(struct caller *c, unsigned int cmd, void *arg)
{
	return ioctl(c->fd, cmd, arg) ? -errno : 0;
}

TEST_F(command, size__too_short)
{
	struct caller *c = &self->caller;
	__u32 size;

	for (size = 0; size < variant->size; size++) {
		EXPECT_EQ(-EINVAL, command(c, variant->cmd,
					   make_command(c, c->page, size)))
			TH_LOG("size %u", size);
	}
	EXPECT_EQ(1, count_objects(c->fd));
}

/* The smallest size is the first module's, so these numbers never change. */
TEST_F(command, size__smallest)
{
	struct caller *c = &self->caller;
	const __u32 smallest = variant->cmd == VMSPACE_INFO ? 80 : 32;
	char *end = c->page + 2 * PAGE;

	EXPECT_EQ(0, command(c, variant->cmd,
			     make_command(c, end - smallest, smallest)));
	EXPECT_EQ(-EINVAL, command(c, variant->cmd,
				   make_command(c, c->page, smallest - 1)));
}

TEST_F(command, size__longer_with_zeroes)
{
	struct caller *c = &self->caller;
	__u32 size, i, zero;

	for (size = variant->size; size <= PAGE; size = size < 256 ? size + 1 : 2 * size) {
		EXPECT_EQ(0, command(c, variant->cmd,
				     make_command(c, c->page, size)))
			TH_LOG("size %u", size);
		EXPECT_EQ(size, *(__u32 *)c->page);
		for (i = variant->size, zero = 0; i < size; i++)
			zero += !c->page[i];
		EXPECT_EQ(size - variant->size, zero);
	}
}

TEST_F(command, size__longer_with_other_than_zeroes)
{
	struct caller *c = &self->caller;
	__u32 i;

	for (i = variant->size; i < PAGE; i = i < 256 ? i + 1 : i + 768) {
		make_command(c, c->page, PAGE);
		c->page[i] = 1;
		EXPECT_EQ(-E2BIG, command(c, variant->cmd, c->page))
			TH_LOG("byte %u", i);
	}
	make_command(c, c->page, PAGE);
	c->page[PAGE - 1] = (char)0x80;
	EXPECT_EQ(-E2BIG, command(c, variant->cmd, c->page));
	/* What follows is no matter. */
	make_command(c, c->page, variant->size);
	c->page[variant->size] = 1;
	EXPECT_EQ(0, command(c, variant->cmd, c->page));
}

TEST_F(command, size__huge)
{
	struct caller *c = &self->caller;
	static const __u32 sizes[] = { PAGE + 1, 2 * PAGE, 1U << 20, 1U << 31, 0xffffffff };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		EXPECT_EQ(-E2BIG, command(c, variant->cmd,
					  make_command(c, c->page, sizes[i])))
			TH_LOG("size %u", sizes[i]);
	}
	EXPECT_EQ(1, count_objects(c->fd));
}

TEST_F(command, address__bad)
{
	struct caller *c = &self->caller;
	char *end = c->page + 2 * PAGE;

	EXPECT_EQ(-EFAULT, command(c, variant->cmd, NULL));
	EXPECT_EQ(-EFAULT, command(c, variant->cmd, end));
	EXPECT_EQ(-EFAULT, command(c, variant->cmd, (void *)-4096L));
	EXPECT_EQ(-EFAULT, command(c, variant->cmd, (void *)-1L));
	/* The size can be read, and not all of the rest. */
	memset(end - 8, 0, 8);
	*(__u32 *)(end - 8) = variant->size;
	EXPECT_EQ(-EFAULT, command(c, variant->cmd, end - 8));
	make_command(c, end - variant->size, variant->size + 1);
	EXPECT_EQ(-EFAULT, command(c, variant->cmd, end - variant->size));
	EXPECT_EQ(1, count_objects(c->fd));
}

TEST_F(command, address__read_only)
{
	struct caller *c = &self->caller;

	make_command(c, c->page, variant->size);
	ASSERT_EQ(0, mprotect(c->page, PAGE, PROT_READ));
	EXPECT_EQ(-EFAULT, command(c, variant->cmd, c->page));
}

TEST_F(command, flags__refused)
{
	struct caller *c = &self->caller;
	unsigned int bit;

	for (bit = 0; bit < 32; bit++) {
		make_command(c, c->page, variant->size);
		((__u32 *)c->page)[1] = 1U << bit;
		if (variant->cmd == VMSPACE_STEP &&
		    (1U << bit & (VMSPACE_STEP_CONTINUE | VMSPACE_STEP_GATHER)))
			continue;
		EXPECT_EQ(-EINVAL, command(c, variant->cmd, c->page))
			TH_LOG("flag %u", bit);
	}
}

TEST_F(command, number__with_another_direction)
{
	struct caller *c = &self->caller;
	const unsigned int nr = _IOC_NR(variant->cmd), size = variant->size;
	const unsigned int cmds[] = {
		_IOC(_IOC_READ, VMSPACE_IOC_MAGIC, nr, 0),
		_IOC(_IOC_WRITE, VMSPACE_IOC_MAGIC, nr, 0),
		_IOC(_IOC_READ | _IOC_WRITE, VMSPACE_IOC_MAGIC, nr, 0),
		_IOC(_IOC_READ, VMSPACE_IOC_MAGIC, nr, size),
		_IOC(_IOC_WRITE, VMSPACE_IOC_MAGIC, nr, size),
		_IOC(_IOC_READ | _IOC_WRITE, VMSPACE_IOC_MAGIC, nr, size),
		_IOC(_IOC_NONE, VMSPACE_IOC_MAGIC, nr, size),
		_IOC(_IOC_NONE, VMSPACE_IOC_MAGIC ^ 1, nr, 0),
		_IOC(_IOC_NONE, VMSPACE_IOC_MAGIC, nr ^ 0x80, 0),
		_IOC(_IOC_NONE, 0, nr, 0),
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cmds); i++) {
		EXPECT_EQ(-ENOTTY, command(c, cmds[i],
					   make_command(c, c->page, size)))
			TH_LOG("command 0x%x", cmds[i]);
	}
	EXPECT_EQ(1, count_objects(c->fd));
}

FIXTURE(device)
{
	int fd;
	struct vmspace_info info;
};

FIXTURE_SETUP(device)
{
	self->fd = vms_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, vms_info(self->fd, &self->info));
}

FIXTURE_TEARDOWN(device)
{
	close(self->fd);
}

TEST_F(device, command__unknown)
{
	char page[PAGE] = {};
	unsigned int nr;

	for (nr = _IOC_NR(VMSPACE_STEP) + 1; nr < 256; nr++) {
		EXPECT_EQ(-1, ioctl(self->fd, _IO(VMSPACE_IOC_MAGIC, nr), page));
		EXPECT_EQ(ENOTTY, errno);
	}
	EXPECT_EQ(-1, ioctl(self->fd, 0, page));
	EXPECT_EQ(ENOTTY, errno);
	EXPECT_EQ(-1, ioctl(self->fd, 0xffffffff, page));
	EXPECT_EQ(ENOTTY, errno);
}

TEST_F(device, mode__owner_only)
{
	struct stat st;

	ASSERT_EQ(0, stat("/dev/vmspace", &st));
	EXPECT_TRUE(S_ISCHR(st.st_mode));
	EXPECT_EQ(0600, st.st_mode & 0777);
}

TEST_F(device, files__are_independent)
{
	int other = vms_open();
	int space, memory;

	ASSERT_LE(0, other);
	space = vms_new_space(self->fd);
	memory = vms_new_memory(other, 1);
	EXPECT_EQ(1, space);
	EXPECT_EQ(1, memory);
	/* The same number is another thing there. */
	EXPECT_EQ(-EINVAL, vms_drop_space(other, space));
	EXPECT_EQ(-EINVAL, vms_drop_memory(self->fd, memory));
	EXPECT_EQ(0, vms_drop_memory(other, memory));
	EXPECT_EQ(-ENOENT, vms_drop_memory(other, memory));
	EXPECT_LT(0, vms_open_cursor(self->fd, space, BASE, BASE + PAGE));
	EXPECT_EQ(0, close(other));
	EXPECT_EQ(-EBUSY, vms_drop_space(self->fd, space));
}

TEST_F(device, files__of_one_open_are_one)
{
	int other = dup(self->fd);
	int space = vms_new_space(self->fd);

	EXPECT_EQ(space + 1, vms_new_space(other));
	EXPECT_EQ(0, close(self->fd));
	EXPECT_EQ(0, vms_drop_space(other, space));
	self->fd = other;
}

/* The value of a line "KEY ... : VALUE" of /proc/cpuinfo; false if there is none. */
static bool find_cpuinfo(const char *key, char *value, size_t size)
{
	FILE *file = fopen("/proc/cpuinfo", "r");
	char line[4096], *colon;
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file)) {
		colon = strchr(line, ':');
		if (!colon || strncmp(line, key, strlen(key)))
			continue;
		found = true;
		snprintf(value, size, "%s ", colon + 1);
		value[strcspn(value, "\n")] = ' ';
	}
	if (file)
		fclose(file);
	return found;
}

TEST_F(device, info__address_sizes)
{
	const struct vmspace_info *info = &self->info;
	unsigned int physical = 0, virtual = 0;
	char value[4096];

	ASSERT_TRUE(find_cpuinfo("address sizes", value, sizeof(value)));
	if (sscanf(value, " %u bits physical, %u bits virtual", &physical, &virtual) != 2)
		TH_LOG("%s", value);
	EXPECT_EQ(physical, info->phys_bits);
	EXPECT_EQ(virtual == 57 ? 5 : 4, info->levels);
	EXPECT_EQ(virtual, 12 + 9 * info->levels);
	EXPECT_EQ((1ULL << (virtual - 1)) - PAGE, info->va_end);
	EXPECT_EQ(info->levels == 5, !!(info->features & VMSPACE_FEATURE_LEVEL5));
}

TEST_F(device, info__features)
{
	const __u64 features = self->info.features;
	char flags[4096];

	ASSERT_TRUE(find_cpuinfo("flags", flags, sizeof(flags)));
	EXPECT_EQ(!!strstr(flags, " pti "), !!(features & VMSPACE_FEATURE_PTI));
	EXPECT_EQ(!!strstr(flags, " pcid "), !!(features & VMSPACE_FEATURE_PCID));
	EXPECT_EQ(0, features & ~(VMSPACE_FEATURE_LEVEL5 | VMSPACE_FEATURE_PTI |
				  VMSPACE_FEATURE_PCID));
}

/* The number in a file, the last one of a list like 0-3; -1 if there is none. */
static long read_number(const char *path)
{
	FILE *file = fopen(path, "r");
	long first, last;
	int n = 0;

	if (file) {
		n = fscanf(file, "%ld-%ld", &first, &last);
		fclose(file);
	}
	return n == 2 ? last : n == 1 ? first : -1;
}

TEST_F(device, info__parameters)
{
	const char *folder = "/sys/module/vmspace/parameters";
	char path[80];

	snprintf(path, sizeof(path), "%s/flush_ceiling", folder);
	EXPECT_EQ(read_number(path), (long)self->info.flush_ceiling);
	snprintf(path, sizeof(path), "%s/max_deferred", folder);
	EXPECT_EQ(read_number(path), (long)self->info.max_deferred);
	snprintf(path, sizeof(path), "%s/max_run_us", folder);
	EXPECT_EQ(read_number(path), (long)self->info.max_run_us);
	EXPECT_LE(64, self->info.max_insns);
}

TEST_F(device, info__cpus)
{
	EXPECT_EQ(read_number("/sys/devices/system/cpu/possible") + 1, (long)self->info.nr_cpus);
	EXPECT_LE(sysconf(_SC_NPROCESSORS_CONF), (long)self->info.nr_cpus);
}

TEST_F(device, info__is_what_a_space_says)
{
	struct vmspace_op op = { .opcode = VMSPACE_OP_NEW_SPACE };

	ASSERT_EQ(0, vms_op(self->fd, &op));
	EXPECT_EQ(self->info.levels, op.new_space.levels);
	EXPECT_EQ(self->info.va_end, op.new_space.va_end);
}

/* Each size of frame that is promised can be had, no other. */
TEST_F(device, info__frame_sizes)
{
	unsigned int shift;

	EXPECT_NE(0, self->info.frame_sizes & PAGE);
	EXPECT_NE(0, self->info.page_sizes & PAGE);
	EXPECT_EQ(0, self->info.page_sizes & ~(PAGE | 1ULL << 21 | 1ULL << 30));
	for (shift = 0; shift < 64; shift++) {
		int id = vms_new_memory_of(self->fd, 1, 1ULL << shift, VMSPACE_CACHE_WB, NULL);

		if (!(self->info.frame_sizes & 1ULL << shift)) {
			EXPECT_EQ(-EINVAL, id);
			continue;
		}
		EXPECT_LT(0, id);
	}
}

TEST_F(device, info__max_frames)
{
	const __u64 max = self->info.max_frames;
	void *gap;

	EXPECT_LE(1, max);
	EXPECT_EQ(-EINVAL, vms_new_memory(self->fd, max + 1));
	EXPECT_EQ(-EINVAL, vms_new_memory_of(self->fd, max / 512 + 1, PAGE * 512,
					     VMSPACE_CACHE_WB, NULL));
	/* As many are accepted, and then found not to be there. */
	gap = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_EQ(0, munmap(gap, PAGE));
	EXPECT_EQ(-EINVAL, vms_import(self->fd, gap, max + 1, 0));
	EXPECT_EQ(-EFAULT, vms_import(self->fd, gap, 1, 0));
}

/* Readers are the cheapest objects; a kernel that checks all takes its time. */
TEST_F_TIMEOUT(device, info__max_objects, 150)
{
	const unsigned int max = self->info.max_objects, batch = 64;
	int space = vms_new_space(self->fd);
	struct vmspace_op ops[batch];
	struct vmspace_step step;
	unsigned int i, made = 1;
	int last = 0;

	ASSERT_EQ(0, vms_activate(self->fd, space, 0, 0));
	do {
		for (i = 0; i < batch; i++)
			ops[i] = (struct vmspace_op) {
				.opcode = VMSPACE_OP_NEW_READER,
				.id = space,
				.new_io = { .va = BASE, .len = PAGE },
			};
		ASSERT_EQ(0, vms_step(self->fd, ops, batch, 0, &step));
		made += step.done - !!step.error;
		ASSERT_LE(made, max);
		if (step.done > 1 || !step.error)
			last = ops[step.done - 1 - !!step.error].new_io.new_id;
	} while (!step.error);
	EXPECT_EQ(-EDQUOT, step.error);
	EXPECT_EQ(max, made);
	EXPECT_EQ(-EDQUOT, vms_new_space(self->fd));
	EXPECT_EQ(-EDQUOT, vms_new_memory(self->fd, 1));
	EXPECT_EQ(-EDQUOT, vms_open_cursor(self->fd, space, BASE, BASE + PAGE));
	/* What failed holds nothing. */
	EXPECT_EQ(0, vms_space_stat(self->fd, space, &ops[0]));
	EXPECT_EQ(max - 1, ops[0].space_stat.users);
	/* One goes, one comes. */
	EXPECT_EQ(0, vms_drop_reader(self->fd, last));
	EXPECT_EQ(last + 1, vms_open_cursor(self->fd, space, BASE, BASE + PAGE));
	EXPECT_EQ(-EDQUOT, vms_new_space(self->fd));
}

TEST_HARNESS_MAIN
