// SPDX-License-Identifier: GPL-2.0-only
#include "geometry.h"
#include "store.h"

/**
 * struct rule - what an operation is about
 * @needs:	kind of the object that it works on
 * @mutable:	this has to be a mutable cursor
 * @makes:	kind of the object that it makes
 * @drops:	it drops the object
 * @progresses:	if it was interrupted it may have come some way
 */
struct rule {
	enum spec_kind needs;
	bool mutable;
	enum spec_kind makes;
	bool drops;
	bool progresses;
};

static const struct rule rules[] = {
	[SPEC_OP_NEW_SPACE]		= { .makes = SPEC_SPACE },
	[SPEC_OP_DROP_SPACE]		= { .needs = SPEC_SPACE, .drops = true },
	[SPEC_OP_OPEN_CURSOR]		= { .needs = SPEC_SPACE, .makes = SPEC_CURSOR },
	[SPEC_OP_OPEN_CURSOR_MUT]	= { .needs = SPEC_SPACE, .makes = SPEC_CURSOR },
	[SPEC_OP_DROP_CURSOR]		= { .needs = SPEC_CURSOR, .drops = true },
	[SPEC_OP_QUERY]			= { .needs = SPEC_CURSOR },
	[SPEC_OP_FIND_NEXT]		= { .needs = SPEC_CURSOR },
	[SPEC_OP_JUMP]			= { .needs = SPEC_CURSOR },
	[SPEC_OP_VIRT_ADDR]		= { .needs = SPEC_CURSOR },
	[SPEC_OP_MAP] = {
		.needs = SPEC_CURSOR, .mutable = true, .progresses = true,
	},
	[SPEC_OP_UNMAP] = {
		.needs = SPEC_CURSOR, .mutable = true, .progresses = true,
	},
	[SPEC_OP_PROTECT_NEXT]		= { .needs = SPEC_CURSOR, .mutable = true },
	[SPEC_OP_NEW_READER]		= { .needs = SPEC_SPACE, .makes = SPEC_READER },
	[SPEC_OP_NEW_WRITER]		= { .needs = SPEC_SPACE, .makes = SPEC_WRITER },
	[SPEC_OP_DROP_READER]		= { .needs = SPEC_READER, .drops = true },
	[SPEC_OP_DROP_WRITER]		= { .needs = SPEC_WRITER, .drops = true },
	[SPEC_OP_NEW_MEMORY]		= { .makes = SPEC_MEMORY },
	[SPEC_OP_IMPORT]		= { .makes = SPEC_MEMORY },
	[SPEC_OP_DROP_MEMORY]		= { .needs = SPEC_MEMORY, .drops = true },
	[SPEC_OP_ACTIVATE]		= { .needs = SPEC_SPACE },
	[SPEC_OP_DEACTIVATE]		= { .needs = SPEC_SPACE },
	[SPEC_OP_ACCESS]		= { .needs = SPEC_SPACE },
	[SPEC_OP_READ]			= { .needs = SPEC_READER, .progresses = true },
	[SPEC_OP_WRITE]			= { .needs = SPEC_WRITER, .progresses = true },
	[SPEC_OP_FLUSH_SYNC]		= { .needs = SPEC_CURSOR },
	[SPEC_OP_TRANSLATE]		= { .needs = SPEC_SPACE },
	[SPEC_OP_SPACE_STAT]		= { .needs = SPEC_SPACE },
	[SPEC_OP_CPU_STAT]		= { .needs = SPEC_SPACE },
	[SPEC_OP_PROTECT] = {
		.needs = SPEC_CURSOR, .mutable = true, .progresses = true,
	},
	[SPEC_OP_ENUMERATE]		= { .needs = SPEC_CURSOR, .progresses = true },
};

/**
 * spec_store_init - an empty store
 * @store:	the store
 * @alloc:	where its memory will come from; stays in use
 * @va_end:	end of the addresses that can be mapped in a space
 */
void spec_store_init(struct spec_store *store, const struct spec_alloc *alloc, u64 va_end)
{
	spec_vector_init(&store->objects, alloc, sizeof(struct spec_object));
	store->va_end = va_end;
}

/**
 * spec_store_clear - drop all objects and give all memory back
 * @store:	the store
 */
void spec_store_clear(struct spec_store *store)
{
	spec_vector_clear(&store->objects);
}

/**
 * spec_store_reserve - make sure that operations can make objects
 * @store:	the store
 * @nr:		how many of them
 *
 * Return: 0 or -ENOMEM.
 */
int spec_store_reserve(struct spec_store *store, size_t nr)
{
	return spec_vector_reserve(&store->objects, store->objects.nr + nr);
}

/**
 * spec_store_get - an object
 * @store:	the store
 * @id:		its id
 *
 * Return: the object or NULL.
 */
const struct spec_object *spec_store_get(const struct spec_store *store, u64 id)
{
	return spec_vector_get(&store->objects, id);
}

static bool has_position(enum spec_kind kind)
{
	return kind == SPEC_CURSOR || kind == SPEC_READER || kind == SPEC_WRITER;
}

/* The ids that an operation names, against what it said. */
static const char *check_id(const struct spec_object *obj, const struct rule *rule, int result)
{
	if (!obj)
		return result ? NULL : "unknown_id_refused";
	if (obj->kind != rule->needs || (rule->mutable && !obj->mutable))
		return result ? NULL : "wrong_kind_refused";
	return result == -ENOENT ? "live_id_found" : NULL;
}

static const char *check_ids(const struct spec_store *store, const struct rule *rule,
			     const struct spec_store_op *op)
{
	static const struct rule memory = { .needs = SPEC_MEMORY };
	const char *first, *second;

	if (!rule->needs)
		return NULL;
	first = check_id(spec_store_get(store, op->id), rule, op->result);
	if (op->opcode != SPEC_OP_MAP)
		return first;
	/* Either of the two may be the one that is not found. */
	second = check_id(spec_store_get(store, op->memory), &memory, op->result);
	return op->result == -ENOENT && !(first && second) ? NULL : first ? first : second;
}

static bool valid_cursor_range(const struct spec_store *store, const struct spec_store_op *op)
{
	return spec_aligned(op->start, SPEC_PAGE_SIZE) && spec_aligned(op->end, SPEC_PAGE_SIZE) &&
	       op->start < op->end && op->end <= store->va_end;
}

static bool valid_io_range(const struct spec_store *store, const struct spec_store_op *op)
{
	return op->start <= store->va_end && op->len <= store->va_end - op->start;
}

/* Whether another cursor of the space has a part of the range. */
static bool owned(const struct spec_store *store, u64 space, u64 start, u64 end)
{
	const struct spec_object *obj;

	spec_vector_for_each(&store->objects, obj)
		if (obj->kind == SPEC_CURSOR && obj->space == space &&
		    obj->start < end && start < obj->end)
			return true;
	return false;
}

/* An operation that made an object, or said so. */
static const char *check_new(const struct spec_store *store, const struct rule *rule,
			     const struct spec_store_op *op)
{
	if (op->result)
		return op->new_id ? "failure_makes_nothing" : NULL;
	if (!op->new_id || spec_store_get(store, op->new_id))
		return "fresh_id";
	switch (rule->makes) {
	case SPEC_CURSOR:
		if (!valid_cursor_range(store, op))
			return "cursor_range";
		return owned(store, op->id, op->start, op->end) ? "cursors_exclusive" : NULL;
	case SPEC_READER:
	case SPEC_WRITER:
		return valid_io_range(store, op) ? NULL : "io_range";
	default:
		return NULL;
	}
}

static const char *check_drop(const struct spec_object *obj, const struct spec_store_op *op)
{
	return !op->result && obj->users ? "space_in_use" : NULL;
}

/* Whether an operation may have moved the position of the object that it worked on. */
static bool may_move(const struct rule *rule, const struct spec_object *obj, int result)
{
	bool interrupted = result == -EINTR || result == -EFAULT;

	if (rule->mutable && !obj->mutable)
		return false;
	return !result || (interrupted && rule->progresses);
}

static const char *check_jump(const struct spec_object *obj, const struct spec_store_op *op)
{
	if (!spec_aligned(op->target, SPEC_PAGE_SIZE) ||
	    !spec_between(op->target, obj->start, obj->end))
		return "jump_refused";
	return op->va == op->target ? NULL : "jump_sets_position";
}

static const char *check_position(const struct rule *rule, const struct spec_object *obj,
				  const struct spec_store_op *op)
{
	if (op->va < obj->start || op->va > obj->end)
		return "position_in_range";
	if (!may_move(rule, obj, op->result))
		return op->va == obj->va ? NULL : "failure_moves_nothing";
	switch (op->opcode) {
	case SPEC_OP_JUMP:
		return check_jump(obj, op);
	case SPEC_OP_QUERY:
	case SPEC_OP_VIRT_ADDR:
	case SPEC_OP_FLUSH_SYNC:
		return op->va == obj->va ? NULL : "query_moves_nothing";
	default:
		return op->va >= obj->va ? NULL : "position_moves_forward";
	}
}

static void make_object(struct spec_store *store, const struct rule *rule,
			const struct spec_store_op *op)
{
	struct spec_object *obj = spec_vector_insert(&store->objects, op->new_id), *space;

	obj->kind = rule->makes;
	obj->mutable = op->opcode == SPEC_OP_OPEN_CURSOR_MUT;
	if (!rule->needs)
		return;
	obj->space = op->id;
	obj->start = op->start;
	obj->end = rule->makes == SPEC_CURSOR ? op->end : op->start + op->len;
	obj->va = op->start;
	space = spec_vector_get(&store->objects, op->id);
	space->users++;
}

static void drop_object(struct spec_store *store, struct spec_object *obj)
{
	struct spec_object *space = spec_vector_get(&store->objects, obj->space);

	if (obj->space)
		space->users--;
	spec_vector_remove(&store->objects, obj);
}

/* What an operation that was right does to the store. */
static void apply(struct spec_store *store, const struct rule *rule, struct spec_object *obj,
		  const struct spec_store_op *op)
{
	if (obj && has_position(obj->kind) && may_move(rule, obj, op->result))
		obj->va = op->va;
	if (op->result)
		return;
	if (rule->makes)
		make_object(store, rule, op);
	if (rule->drops)
		drop_object(store, obj);
}

/**
 * spec_store_step - an operation was executed (step)
 * @store:	the store; has room for one more object, see spec_store_reserve()
 * @op:		the operation
 *
 * One that names an id that does not exist, or an object of the wrong kind, fails;
 * one that fails changes nothing, but for the position of one that was interrupted.
 *
 * Return: NULL, or the rule, and then the store has not changed.
 */
const char *spec_store_step(struct spec_store *store, const struct spec_store_op *op)
{
	const struct rule *rule = op->opcode < ARRAY_SIZE(rules) ? &rules[op->opcode] : NULL;
	struct spec_object *obj = NULL;
	const char *broken;

	if (!rule || (!rule->needs && !rule->makes))
		return op->result ? NULL : "unknown_operation_refused";
	broken = check_ids(store, rule, op);
	if (!broken && rule->makes)
		broken = check_new(store, rule, op);
	if (rule->needs)
		obj = spec_vector_get(&store->objects, op->id);
	if (obj && obj->kind != rule->needs)
		obj = NULL;
	if (!broken && obj && rule->drops)
		broken = check_drop(obj, op);
	else if (!broken && obj && has_position(obj->kind))
		broken = check_position(rule, obj, op);
	if (!broken)
		apply(store, rule, obj, op);
	return broken;
}

static u64 count_users(const struct spec_store *store, u64 space)
{
	const struct spec_object *obj;
	u64 users = 0;

	spec_vector_for_each(&store->objects, obj)
		users += obj->space == space;
	return users;
}

/* Whether a cursor's range is another's, too. */
static bool shared(const struct spec_store *store, const struct spec_object *cursor)
{
	const struct spec_object *obj;

	spec_vector_for_each(&store->objects, obj)
		if (obj != cursor && obj->kind == SPEC_CURSOR && obj->space == cursor->space &&
		    obj->start < cursor->end && cursor->start < obj->end)
			return true;
	return false;
}

static const char *check_object(const struct spec_store *store, const struct spec_object *obj)
{
	const struct spec_object *space;

	if (obj->kind == SPEC_SPACE)
		return obj->users == count_users(store, obj->id) ? NULL : "users_counted";
	if (!has_position(obj->kind))
		return NULL;
	space = spec_store_get(store, obj->space);
	if (!space || space->kind != SPEC_SPACE)
		return "live_space";
	if (obj->va < obj->start || obj->va > obj->end || obj->end > store->va_end)
		return "position_in_range";
	return obj->kind == SPEC_CURSOR && shared(store, obj) ? "cursors_exclusive" : NULL;
}

/**
 * spec_store_inv - the invariant of the store (VmStore.inv)
 * @store:	the store
 *
 * Every cursor, reader and writer refers to a live space, which counts it, stands
 * in its range, and shares this with no other cursor.  Takes quadratic time.
 *
 * Return: NULL or the rule.
 */
const char *spec_store_inv(const struct spec_store *store)
{
	const struct spec_object *obj;
	const char *broken;

	spec_vector_for_each(&store->objects, obj) {
		broken = check_object(store, obj);
		if (broken)
			return broken;
	}
	return NULL;
}
