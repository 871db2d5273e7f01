/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The store of the cursor's specification: its objects, its invariant, and what
 * each operation does to it (VmStore, step).
 *
 * An operation is judged by what it was given and what it said.  It changes the
 * store only as its result says; what a cursor does to mappings is in view.h.
 */
#ifndef SPEC_STORE_H
#define SPEC_STORE_H

#include "types.h"
#include "vector.h"

/* The first sixteen are those of the specification (Op). */
enum spec_opcode {
	SPEC_OP_NEW_SPACE		= 1,
	SPEC_OP_DROP_SPACE		= 2,
	SPEC_OP_OPEN_CURSOR		= 3,
	SPEC_OP_OPEN_CURSOR_MUT		= 4,
	SPEC_OP_DROP_CURSOR		= 5,
	SPEC_OP_QUERY			= 6,
	SPEC_OP_FIND_NEXT		= 7,
	SPEC_OP_JUMP			= 8,
	SPEC_OP_VIRT_ADDR		= 9,
	SPEC_OP_MAP			= 10,
	SPEC_OP_UNMAP			= 11,
	SPEC_OP_PROTECT_NEXT		= 12,
	SPEC_OP_NEW_READER		= 13,
	SPEC_OP_NEW_WRITER		= 14,
	SPEC_OP_DROP_READER		= 15,
	SPEC_OP_DROP_WRITER		= 16,

	SPEC_OP_NEW_MEMORY		= 32,
	SPEC_OP_IMPORT			= 33,
	SPEC_OP_DROP_MEMORY		= 34,
	SPEC_OP_ACTIVATE		= 35,
	SPEC_OP_DEACTIVATE		= 36,
	SPEC_OP_ACCESS			= 37,
	SPEC_OP_READ			= 38,
	SPEC_OP_WRITE			= 39,
	SPEC_OP_FLUSH_SYNC		= 40,
	SPEC_OP_TRANSLATE		= 41,
	SPEC_OP_SPACE_STAT		= 42,
	SPEC_OP_CPU_STAT		= 43,
	SPEC_OP_PROTECT			= 44,
	SPEC_OP_ENUMERATE		= 45,
};

enum spec_kind {
	SPEC_NONE,
	SPEC_SPACE,
	SPEC_MEMORY,
	SPEC_CURSOR,
	SPEC_READER,
	SPEC_WRITER,
};

/**
 * struct spec_object - an object
 * @id:		its id, never 0
 * @kind:	what it is
 * @mutable:	a cursor that may change mappings
 * @space:	id of the space that it refers to; 0 for spaces and memory
 * @users:	of a space: objects that refer to it
 * @start:	first address of a cursor's, reader's or writer's range
 * @end:	first address after it
 * @va:		the position there
 */
struct spec_object {
	u64 id;
	enum spec_kind kind;
	bool mutable;
	u64 space;
	u64 users;
	u64 start;
	u64 end;
	u64 va;
};

/**
 * struct spec_store - a store
 * @objects:	by id
 * @va_end:	end of the addresses that can be mapped, in every space
 */
struct spec_store {
	struct spec_vector objects;
	u64 va_end;
};

/**
 * struct spec_store_op - an operation that was executed
 * @opcode:	enum spec_opcode
 * @id:		the object that it worked on
 * @memory:	MAP: id of the memory
 * @start:	OPEN_CURSOR*, NEW_READER, NEW_WRITER: first address of the range
 * @end:	OPEN_CURSOR*: first address after it
 * @len:	NEW_READER, NEW_WRITER: its length
 * @va:		the position afterwards, if the object with @id has one
 * @target:	JUMP: where to
 * @result:	0 or a negative error number
 * @new_id:	of the object that it made
 */
struct spec_store_op {
	u32 opcode;
	u64 id;
	u64 memory;
	u64 start;
	u64 end;
	u64 len;
	u64 va;
	u64 target;
	int result;
	u64 new_id;
};

void spec_store_init(struct spec_store *store, const struct spec_alloc *alloc, u64 va_end);
void spec_store_clear(struct spec_store *store);
int spec_store_reserve(struct spec_store *store, size_t nr);
const struct spec_object *spec_store_get(const struct spec_store *store, u64 id);
const char *spec_store_step(struct spec_store *store, const struct spec_store_op *op);
const char *spec_store_inv(const struct spec_store *store);

#endif /* SPEC_STORE_H */
