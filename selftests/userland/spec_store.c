// SPDX-License-Identifier: GPL-2.0-only
/*
 * The store: what operations may say, and that its invariant is kept.
 */
#include "spec/geometry.h"
#include "spec/store.h"
#include "spec_test.h"

#define KB4	0x1000ULL
#define VA_END	((1ULL << 47) - KB4)

static struct spec_store store;

static void start(void)
{
	spec_store_init(&store, &spec_test_alloc, VA_END);
	EXPECT_EQ(0, spec_store_reserve(&store, 100));
}

static void end(void)
{
	EXPECT_HOLDS(spec_store_inv(&store));
	spec_store_clear(&store);
}

static const char *step(struct spec_store_op op)
{
	return spec_store_step(&store, &op);
}

#define STEP(args...)	step((struct spec_store_op) { args })

static void new_space(u64 id)
{
	EXPECT_HOLDS(STEP(.opcode = SPEC_OP_NEW_SPACE, .new_id = id));
}

static void open_cursor(u32 opcode, u64 space, u64 id, u64 from, u64 to)
{
	EXPECT_HOLDS(STEP(.opcode = opcode, .id = space, .new_id = id, .start = from, .end = to));
}

/* A space 1, a read-only cursor 2, a mutable one 3, a reader 4, a writer 5, memory 6. */
static void start_with_all(void)
{
	start();
	new_space(1);
	open_cursor(SPEC_OP_OPEN_CURSOR, 1, 2, 0, 8 * KB4);
	open_cursor(SPEC_OP_OPEN_CURSOR_MUT, 1, 3, 8 * KB4, 16 * KB4);
	EXPECT_HOLDS(STEP(.opcode = SPEC_OP_NEW_READER, .id = 1, .new_id = 4, .len = 9));
	EXPECT_HOLDS(STEP(.opcode = SPEC_OP_NEW_WRITER, .id = 1, .new_id = 5, .start = 3,
			  .len = 9));
	EXPECT_HOLDS(STEP(.opcode = SPEC_OP_NEW_MEMORY, .new_id = 6));
	EXPECT_HOLDS(spec_store_inv(&store));
}

TEST(store__fresh_ids)
{
	start();
	new_space(1);
	EXPECT_RULE("fresh_id", STEP(.opcode = SPEC_OP_NEW_SPACE, .new_id = 1));
	EXPECT_RULE("fresh_id", STEP(.opcode = SPEC_OP_NEW_SPACE, .new_id = 0));
	EXPECT_RULE("failure_makes_nothing",
		    STEP(.opcode = SPEC_OP_NEW_SPACE, .new_id = 2, .result = -ENOMEM));
	EXPECT_HOLDS(STEP(.opcode = SPEC_OP_NEW_SPACE, .result = -ENOMEM));
	EXPECT_EQ(1, store.objects.nr);
	EXPECT_HOLDS(STEP(.opcode = SPEC_OP_DROP_SPACE, .id = 1));
	new_space(1);
	end();
}

static const u32 on_objects[] = {
	SPEC_OP_DROP_SPACE, SPEC_OP_OPEN_CURSOR, SPEC_OP_OPEN_CURSOR_MUT, SPEC_OP_DROP_CURSOR,
	SPEC_OP_QUERY, SPEC_OP_FIND_NEXT, SPEC_OP_JUMP, SPEC_OP_VIRT_ADDR, SPEC_OP_MAP,
	SPEC_OP_UNMAP, SPEC_OP_PROTECT_NEXT, SPEC_OP_NEW_READER, SPEC_OP_NEW_WRITER,
	SPEC_OP_DROP_READER, SPEC_OP_DROP_WRITER, SPEC_OP_DROP_MEMORY, SPEC_OP_ACTIVATE,
	SPEC_OP_DEACTIVATE, SPEC_OP_ACCESS, SPEC_OP_READ, SPEC_OP_WRITE, SPEC_OP_FLUSH_SYNC,
	SPEC_OP_TRANSLATE, SPEC_OP_SPACE_STAT, SPEC_OP_CPU_STAT, SPEC_OP_PROTECT,
	SPEC_OP_ENUMERATE,
};

TEST(store__unknown_id)
{
	unsigned int i;

	start_with_all();
	for (i = 0; i < ARRAY_SIZE(on_objects); i++) {
		EXPECT_RULE("unknown_id_refused", STEP(.opcode = on_objects[i], .id = 99,
						       .memory = 6, .new_id = 100));
		EXPECT_HOLDS(STEP(.opcode = on_objects[i], .id = 99, .result = -ENOENT));
	}
	EXPECT_EQ(6, store.objects.nr);
	end();
}

/* Which ids an operation takes, by the object's kind: a letter each. */
static const char *const takes[] = {
	[SPEC_OP_DROP_SPACE] = "s", [SPEC_OP_OPEN_CURSOR] = "s", [SPEC_OP_OPEN_CURSOR_MUT] = "s",
	[SPEC_OP_DROP_CURSOR] = "cm", [SPEC_OP_QUERY] = "cm", [SPEC_OP_FIND_NEXT] = "cm",
	[SPEC_OP_JUMP] = "cm", [SPEC_OP_VIRT_ADDR] = "cm", [SPEC_OP_MAP] = "m",
	[SPEC_OP_UNMAP] = "m", [SPEC_OP_PROTECT_NEXT] = "m", [SPEC_OP_NEW_READER] = "s",
	[SPEC_OP_NEW_WRITER] = "s", [SPEC_OP_DROP_READER] = "r", [SPEC_OP_DROP_WRITER] = "w",
	[SPEC_OP_DROP_MEMORY] = "M", [SPEC_OP_ACTIVATE] = "s", [SPEC_OP_DEACTIVATE] = "s",
	[SPEC_OP_ACCESS] = "s", [SPEC_OP_READ] = "r", [SPEC_OP_WRITE] = "w",
	[SPEC_OP_FLUSH_SYNC] = "cm", [SPEC_OP_TRANSLATE] = "s", [SPEC_OP_SPACE_STAT] = "s",
	[SPEC_OP_CPU_STAT] = "s", [SPEC_OP_PROTECT] = "m", [SPEC_OP_ENUMERATE] = "cm",
};

TEST(store__wrong_kind)
{
	static const char kinds[] = "scmrwM";
	unsigned int i, id;

	start_with_all();
	for (i = 0; i < ARRAY_SIZE(on_objects); i++)
		for (id = 1; id <= 6; id++) {
			bool right = strchr(takes[on_objects[i]], kinds[id - 1]);

			if (!right)
				EXPECT_RULE("wrong_kind_refused",
					    STEP(.opcode = on_objects[i], .id = id, .memory = 6,
						 .new_id = 100));
			EXPECT_RULE(right ? "live_id_found" : NULL,
				    STEP(.opcode = on_objects[i], .id = id, .memory = 6,
					 .result = -ENOENT));
		}
	EXPECT_EQ(6, store.objects.nr);
	end();
}

TEST(store__memory_of_a_map)
{
	start_with_all();
	EXPECT_HOLDS(STEP(.opcode = SPEC_OP_MAP, .id = 3, .memory = 6, .va = 9 * KB4));
	EXPECT_RULE("wrong_kind_refused",
		    STEP(.opcode = SPEC_OP_MAP, .id = 3, .memory = 1, .va = 9 * KB4));
	EXPECT_RULE("unknown_id_refused",
		    STEP(.opcode = SPEC_OP_MAP, .id = 3, .memory = 99, .va = 9 * KB4));
	EXPECT_HOLDS(STEP(.opcode = SPEC_OP_MAP, .id = 3, .memory = 99, .va = 9 * KB4,
			  .result = -ENOENT));
	end();
}

TEST(store__unknown_operation)
{
	static const u32 unknown[] = { 0, 17, 31, 46, 1000, ~0U };
	unsigned int i;

	start();
	for (i = 0; i < ARRAY_SIZE(unknown); i++) {
		EXPECT_RULE("unknown_operation_refused", STEP(.opcode = unknown[i]));
		EXPECT_HOLDS(STEP(.opcode = unknown[i], .result = -EOPNOTSUPP));
	}
	end();
}

TEST(store__space_in_use)
{
	u64 id;

	start_with_all();
	EXPECT_EQ(4, spec_store_get(&store, 1)->users);
	for (id = 2; id <= 5; id++) {
		static const u32 drop[] = {
			[2] = SPEC_OP_DROP_CURSOR, SPEC_OP_DROP_CURSOR, SPEC_OP_DROP_READER,
			SPEC_OP_DROP_WRITER,
		};

		EXPECT_RULE("space_in_use", STEP(.opcode = SPEC_OP_DROP_SPACE, .id = 1));
		EXPECT_HOLDS(STEP(.opcode = SPEC_OP_DROP_SPACE, .id = 1, .result = -EBUSY));
		EXPECT_HOLDS(STEP(.opcode = drop[id], .id = id));
		EXPECT_HOLDS(spec_store_inv(&store));
	}
	EXPECT_HOLDS(STEP(.opcode = SPEC_OP_DROP_SPACE, .id = 1));
	EXPECT_EQ(1, store.objects.nr);
	EXPECT_HOLDS(STEP(.opcode = SPEC_OP_DROP_MEMORY, .id = 6));
	EXPECT_EQ(0, store.objects.nr);
	end();
}

static const char *open_range(u64 from, u64 to)
{
	return STEP(.opcode = SPEC_OP_OPEN_CURSOR, .id = 1, .new_id = 100, .start = from,
		    .end = to);
}

TEST(store__range_of_a_cursor)
{
	start();
	new_space(1);
	EXPECT_RULE("cursor_range", open_range(0, 0));
	EXPECT_RULE("cursor_range", open_range(KB4, 0));
	EXPECT_RULE("cursor_range", open_range(8, KB4));
	EXPECT_RULE("cursor_range", open_range(0, KB4 + 8));
	EXPECT_RULE("cursor_range", open_range(0, VA_END + KB4));
	EXPECT_RULE("cursor_range", open_range(~0ULL << 12, 0));
	EXPECT_HOLDS(open_range(VA_END - KB4, VA_END));
	end();
}

TEST(store__cursors_are_exclusive)
{
	start();
	new_space(1);
	new_space(2);
	open_cursor(SPEC_OP_OPEN_CURSOR, 1, 3, 4 * KB4, 8 * KB4);
	EXPECT_RULE("cursors_exclusive", open_range(4 * KB4, 8 * KB4));
	EXPECT_RULE("cursors_exclusive", open_range(7 * KB4, 9 * KB4));
	EXPECT_RULE("cursors_exclusive", open_range(0, 5 * KB4));
	EXPECT_RULE("cursors_exclusive", open_range(5 * KB4, 6 * KB4));
	open_cursor(SPEC_OP_OPEN_CURSOR, 1, 4, 8 * KB4, 9 * KB4);
	open_cursor(SPEC_OP_OPEN_CURSOR, 1, 5, 0, 4 * KB4);
	open_cursor(SPEC_OP_OPEN_CURSOR_MUT, 2, 6, 4 * KB4, 8 * KB4);
	end();
}

static const char *new_io(u32 opcode, u64 from, u64 len)
{
	return STEP(.opcode = opcode, .id = 1, .new_id = 100, .start = from, .len = len);
}

TEST(store__range_of_a_reader)
{
	start();
	new_space(1);
	EXPECT_RULE("io_range", new_io(SPEC_OP_NEW_READER, VA_END, 1));
	EXPECT_RULE("io_range", new_io(SPEC_OP_NEW_WRITER, 1, VA_END));
	EXPECT_RULE("io_range", new_io(SPEC_OP_NEW_READER, VA_END - 1, ~0ULL));
	EXPECT_RULE("io_range", new_io(SPEC_OP_NEW_READER, ~0ULL, 1));
	EXPECT_HOLDS(new_io(SPEC_OP_NEW_READER, 1, VA_END - 1));
	EXPECT_HOLDS(STEP(.opcode = SPEC_OP_DROP_READER, .id = 100, .va = 1));
	EXPECT_HOLDS(new_io(SPEC_OP_NEW_READER, VA_END, 0));
	end();
}

static const char *at(u32 opcode, u64 va, int result)
{
	return STEP(.opcode = opcode, .id = 3, .memory = 6, .va = va, .result = result);
}

TEST(store__position)
{
	start_with_all();
	EXPECT_HOLDS(at(SPEC_OP_VIRT_ADDR, 8 * KB4, 0));
	EXPECT_RULE("query_moves_nothing", at(SPEC_OP_VIRT_ADDR, 9 * KB4, 0));
	EXPECT_RULE("query_moves_nothing", at(SPEC_OP_QUERY, 9 * KB4, 0));
	EXPECT_RULE("query_moves_nothing", at(SPEC_OP_FLUSH_SYNC, 9 * KB4, 0));
	EXPECT_RULE("position_in_range", at(SPEC_OP_UNMAP, 17 * KB4, 0));
	EXPECT_RULE("position_in_range", at(SPEC_OP_UNMAP, 7 * KB4, 0));
	EXPECT_RULE("failure_moves_nothing", at(SPEC_OP_UNMAP, 9 * KB4, -EINVAL));
	EXPECT_HOLDS(at(SPEC_OP_UNMAP, 9 * KB4, -EINTR));
	EXPECT_EQ(9 * KB4, spec_store_get(&store, 3)->va);
	EXPECT_HOLDS(at(SPEC_OP_MAP, 16 * KB4, 0));
	EXPECT_RULE("position_moves_forward", at(SPEC_OP_FIND_NEXT, 9 * KB4, 0));
	EXPECT_HOLDS(at(SPEC_OP_VIRT_ADDR, 16 * KB4, 0));
	end();
}

/* Those that may have come some way when they are interrupted, and those that may not. */
TEST(store__progress)
{
	static const struct {
		u32 opcode;
		u64 id;
		bool progresses;
	} ops[] = {
		{ SPEC_OP_MAP, 3, true }, { SPEC_OP_UNMAP, 3, true }, { SPEC_OP_PROTECT, 3, true },
		{ SPEC_OP_ENUMERATE, 3, true }, { SPEC_OP_READ, 4, true },
		{ SPEC_OP_WRITE, 5, true }, { SPEC_OP_FIND_NEXT, 3, false },
		{ SPEC_OP_PROTECT_NEXT, 3, false }, { SPEC_OP_JUMP, 3, false },
		{ SPEC_OP_ENUMERATE, 2, true }, { SPEC_OP_UNMAP, 2, false },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		struct spec_store_op op = { .opcode = ops[i].opcode, .id = ops[i].id, .memory = 6 };

		start_with_all();
		op.va = spec_store_get(&store, op.id)->va + (op.id > 3 ? 2 : KB4);
		op.result = -EINVAL;
		EXPECT_RULE("failure_moves_nothing", step(op));
		op.result = -EFAULT;
		EXPECT_RULE(ops[i].progresses ? NULL : "failure_moves_nothing", step(op));
		op.result = -EINTR;
		EXPECT_RULE(ops[i].progresses ? NULL : "failure_moves_nothing", step(op));
		EXPECT_EQ(op.va == spec_store_get(&store, op.id)->va, ops[i].progresses);
		end();
	}
}

static const char *jump(u64 target, u64 va, int result)
{
	return STEP(.opcode = SPEC_OP_JUMP, .id = 3, .target = target, .va = va, .result = result);
}

TEST(store__jump)
{
	start_with_all();
	EXPECT_HOLDS(jump(15 * KB4, 15 * KB4, 0));
	EXPECT_HOLDS(jump(8 * KB4, 8 * KB4, 0));
	EXPECT_RULE("jump_sets_position", jump(9 * KB4, 8 * KB4, 0));
	EXPECT_RULE("jump_refused", jump(16 * KB4, 16 * KB4, 0));
	EXPECT_RULE("jump_refused", jump(9 * KB4 + 8, 9 * KB4 + 8, 0));
	EXPECT_RULE("failure_moves_nothing", jump(16 * KB4, 16 * KB4, -ERANGE));
	EXPECT_HOLDS(jump(16 * KB4, 8 * KB4, -ERANGE));
	end();
}

/* Each part of the invariant, broken. */
TEST(store__invariant)
{
	struct spec_object *objects;

	start_with_all();
	objects = store.objects.items;
	objects[0].users++;
	EXPECT_RULE("users_counted", spec_store_inv(&store));
	objects[0].users--;
	objects[1].space = 6;
	objects[0].users--;
	EXPECT_RULE("live_space", spec_store_inv(&store));
	objects[1].space = 99;
	EXPECT_RULE("live_space", spec_store_inv(&store));
	objects[1].space = 1;
	objects[0].users++;
	objects[1].va = 9 * KB4;
	EXPECT_RULE("position_in_range", spec_store_inv(&store));
	objects[1].end = 9 * KB4;
	EXPECT_RULE("cursors_exclusive", spec_store_inv(&store));
	objects[1].va = 0;
	objects[1].end = VA_END + KB4;
	EXPECT_RULE("position_in_range", spec_store_inv(&store));
	objects[1].end = 8 * KB4;
	objects[4].start = 4;
	EXPECT_RULE("position_in_range", spec_store_inv(&store));
	objects[4].start = 3;
	end();
}

TEST(store__out_of_memory)
{
	spec_store_init(&store, &spec_test_alloc, VA_END);
	spec_test_allocations = 0;
	EXPECT_EQ(-ENOMEM, spec_store_reserve(&store, 1));
	spec_test_allocations = -1;
	EXPECT_EQ(0, spec_store_reserve(&store, 1));
	spec_test_allocations = 0;
	new_space(1);
	spec_test_allocations = -1;
	end();
}

/*
 * Any program of operations keeps the invariant: results are random, and what
 * the store accepts is right by a second opinion, which has objects in a table
 * by their ids.
 */
#define IDS	12

static struct spec_object table[IDS + 1];

static u64 users(u64 space)
{
	u64 id, nr = 0;

	for (id = 1; id <= IDS; id++)
		nr += table[id].kind && table[id].space == space;
	return nr;
}

static bool free_range(u64 space, u64 from, u64 to)
{
	u64 id, va;

	for (va = from; va < to; va += KB4)
		for (id = 1; id <= IDS; id++)
			if (table[id].kind == SPEC_CURSOR && table[id].space == space &&
			    table[id].start <= va && va < table[id].end)
				return false;
	return true;
}

static struct spec_store_op random_op(void)
{
	static const u32 opcodes[] = {
		SPEC_OP_NEW_SPACE, SPEC_OP_DROP_SPACE, SPEC_OP_OPEN_CURSOR,
		SPEC_OP_OPEN_CURSOR_MUT, SPEC_OP_OPEN_CURSOR_MUT, SPEC_OP_DROP_CURSOR,
		SPEC_OP_JUMP, SPEC_OP_VIRT_ADDR, SPEC_OP_UNMAP, SPEC_OP_NEW_READER,
		SPEC_OP_DROP_READER, SPEC_OP_NEW_WRITER, SPEC_OP_DROP_WRITER,
	};
	static const int results[] = { 0, 0, 0, 0, -ENOENT, -EINVAL, -EBUSY, -EINTR };
	struct spec_store_op op = {
		.opcode = opcodes[spec_test_random(ARRAY_SIZE(opcodes))],
		.id = spec_test_random(IDS + 1),
		.start = spec_test_random(6) * KB4,
		.end = spec_test_random(8) * KB4,
		.len = spec_test_random(8) * KB4,
		.va = spec_test_random(8) * KB4,
		.result = results[spec_test_random(ARRAY_SIZE(results))],
	};

	op.target = spec_test_random(2) ? op.va : spec_test_random(8) * KB4;
	if (!op.result || !spec_test_random(8))
		op.new_id = spec_test_random(IDS + 1);
	return op;
}

static bool is_new(u32 opcode)
{
	return opcode == SPEC_OP_NEW_SPACE || opcode == SPEC_OP_OPEN_CURSOR ||
	       opcode == SPEC_OP_OPEN_CURSOR_MUT || opcode == SPEC_OP_NEW_READER ||
	       opcode == SPEC_OP_NEW_WRITER;
}

/* What is right of a position. */
static bool right_position(const struct spec_object *obj, const struct spec_store_op *op)
{
	if (op->va < obj->start || op->va > obj->end)
		return false;
	if (op->result == -EINTR && op->opcode == SPEC_OP_UNMAP && obj->mutable)
		return op->va >= obj->va;
	if (op->result || op->opcode == SPEC_OP_VIRT_ADDR)
		return op->va == obj->va;
	if (op->opcode == SPEC_OP_JUMP)
		return op->va == op->target && op->va >= obj->start && op->va < obj->end;
	return op->va >= obj->va;
}

static bool right(const struct spec_store_op *op)
{
	const struct spec_object *obj = &table[op->id];
	enum spec_kind kind = obj->kind;
	bool exists = op->opcode == SPEC_OP_NEW_SPACE || (op->id && kind);
	char letter = kind == SPEC_CURSOR && obj->mutable ? 'm' : " sMcrw"[kind];
	bool fits = op->opcode == SPEC_OP_NEW_SPACE || strchr(takes[op->opcode], letter);

	if (is_new(op->opcode) && op->result && op->new_id)
		return false;
	if (!exists || !fits) {
		if (!op->result)
			return false;
		/* Also one that may not change anything has a position. */
		return letter != 'c' || op->opcode != SPEC_OP_UNMAP || right_position(obj, op);
	}
	if (op->result == -ENOENT && op->opcode != SPEC_OP_NEW_SPACE)
		return false;
	if (!op->result && is_new(op->opcode)) {
		if (!op->new_id || table[op->new_id].kind)
			return false;
		if (op->opcode == SPEC_OP_OPEN_CURSOR || op->opcode == SPEC_OP_OPEN_CURSOR_MUT)
			return op->start < op->end && free_range(op->id, op->start, op->end);
		return true;
	}
	if (op->opcode == SPEC_OP_DROP_SPACE)
		return op->result || !users(op->id);
	if (op->opcode == SPEC_OP_JUMP || op->opcode == SPEC_OP_VIRT_ADDR ||
	    op->opcode == SPEC_OP_UNMAP)
		return right_position(obj, op);
	return true;
}

static void follow(const struct spec_store_op *op)
{
	static const enum spec_kind makes[] = {
		[SPEC_OP_NEW_SPACE] = SPEC_SPACE, [SPEC_OP_OPEN_CURSOR] = SPEC_CURSOR,
		[SPEC_OP_OPEN_CURSOR_MUT] = SPEC_CURSOR, [SPEC_OP_NEW_READER] = SPEC_READER,
		[SPEC_OP_NEW_WRITER] = SPEC_WRITER,
	};

	if (is_new(op->opcode) && !op->result)
		table[op->new_id] = (struct spec_object) {
			.id = op->new_id, .kind = makes[op->opcode], .start = op->start,
			.mutable = op->opcode == SPEC_OP_OPEN_CURSOR_MUT, .va = op->start,
			.space = op->opcode == SPEC_OP_NEW_SPACE ? 0 : op->id,
			.end = makes[op->opcode] == SPEC_CURSOR ? op->end : op->start + op->len,
		};
	else if (strchr("\2\5\17\20", op->opcode) && !op->result)
		table[op->id].kind = SPEC_NONE;
	else if (table[op->id].kind == SPEC_CURSOR && !is_new(op->opcode) &&
		 (!op->result || (op->result == -EINTR && op->opcode == SPEC_OP_UNMAP &&
				  table[op->id].mutable)))
		table[op->id].va = op->va;
}

static void compare_with_table(void)
{
	u64 id, nr = 0;

	for (id = 1; id <= IDS; id++) {
		const struct spec_object *obj = spec_store_get(&store, id);

		EXPECT_EQ(table[id].kind, obj ? obj->kind : SPEC_NONE);
		nr += !!obj;
		if (!obj)
			continue;
		EXPECT_EQ(table[id].space, obj->space);
		if (obj->kind == SPEC_CURSOR)
			EXPECT_EQ(table[id].va, obj->va);
	}
	EXPECT_EQ(nr, store.objects.nr);
}

TEST(store__random_programs)
{
	u64 steps = spec_test_number("STEPS", 200000), i, accepted = 0;

	spec_test_state = spec_test_number("SEED", 1);
	start();
	memset(table, 0, sizeof(table));
	for (i = 0; i < steps; i++) {
		struct spec_store_op op = random_op();
		bool wanted = right(&op);
		const char *rule = spec_store_step(&store, &op);

		if (wanted != !rule)
			printf("# step %llu: opcode %u, id %llu, result %d: %s\n", i, op.opcode,
			       op.id, op.result, rule ? rule : "accepted");
		EXPECT_EQ(wanted, !rule);
		if (wanted != !rule)
			break;
		if (!rule)
			follow(&op);
		accepted += !rule;
		EXPECT_HOLDS(spec_store_inv(&store));
		compare_with_table();
	}
	printf("# %llu of %llu operations accepted\n", accepted, steps);
	EXPECT(accepted > steps / 10 && accepted < steps * 9 / 10);
	end();
}
