/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The steps of a cursor's operations, as they are told to those who watch: the
 * trace, and the audit of a CHECKED space.
 */
#ifndef VMS_STEP_H
#define VMS_STEP_H

#include "audit.h"
#include "cursor.h"
#include "memory.h"
#include "space.h"
#include "trace.h"

/* Whether a space is held against the specification. */
static inline bool step_checked(const struct vms_space *space)
{
	return static_branch_unlikely(&vms_audit_key) && space->audit;
}

/* An operation or shootdown has ended; counted only while someone watches. */
static inline u64 step_ended(struct vms_space *space)
{
	if (!trace_access_enabled() && !step_checked(space))
		return 0;
	return atomic64_inc_return(&space->ended);
}

static inline void step_cursor_open(const struct vms_cursor *c)
{
	trace_cursor_open(c->space->number, c->gather.op, c->start, c->end);
}

static inline void step_cursor_lock(const struct vms_cursor *c)
{
	trace_cursor_lock(c->space->number, c->gather.op, c->start, c->end);
	if (step_checked(c->space))
		vms_audit_lock(c);
}

static inline void step_cursor_drop(const struct vms_cursor *c)
{
	trace_cursor_drop(c->space->number, c->gather.op, c->start, c->end);
	if (step_checked(c->space))
		vms_audit_drop(c);
}

static inline void step_map_start(const struct vms_cursor *c, const struct vms_map *map)
{
	if (trace_map_start_enabled())
		trace_map_start(c->space->number, c->gather.op, c->va,
				map->pages << VMS_PAGE_SHIFT,
				vms_memory_frame(map->mem, map->index), map->prop,
				map->mem->cache, map->level, map->replace);
	trace_map_op_start(c->space->number, c->gather.op);
	if (step_checked(c->space))
		vms_audit_map_start(c, map);
}

static inline void step_unmap_start(const struct vms_cursor *c, u64 len)
{
	trace_unmap_start(c->space->number, c->gather.op, c->va, len);
	trace_unmap_op_start(c->space->number, c->gather.op);
	if (step_checked(c->space))
		vms_audit_unmap_start(c, len);
}

static inline void step_protect_start(const struct vms_cursor *c, u64 len, u32 clear, u32 set)
{
	trace_protect_start(c->space->number, c->gather.op, c->va, len, clear, set);
	trace_protect_op_start(c->space->number, c->gather.op);
	if (step_checked(c->space))
		vms_audit_protect_start(c, len, clear, set);
}

static inline void step_unmap_op_end(const struct vms_cursor *c)
{
	trace_unmap_op_end(c->space->number, c->gather.op);
	if (step_checked(c->space))
		vms_audit_op_end(c);
}

static inline void step_protect_op_end(const struct vms_cursor *c)
{
	trace_protect_op_end(c->space->number, c->gather.op);
	if (step_checked(c->space))
		vms_audit_op_end(c);
}

/* The ends return the result of the operation, or -EUCLEAN. */
#define STEP_END(name)								\
static inline int step_##name##_end(const struct vms_cursor *c, struct vms_ended ended)	\
{										\
	trace_##name##_end(c->space->number, c->gather.op, c->va, ended.pages,	\
			   ended.result, vms_gather_awaits(&c->gather),		\
			   step_ended(c->space));				\
	if (step_checked(c->space)) {						\
		int ret = vms_audit_end(c, &ended);				\
										\
		return ret ? ret : ended.result;				\
	}									\
	return ended.result;							\
}

STEP_END(map)

STEP_END(unmap)

STEP_END(protect)

#undef STEP_END

/* An entry of a table that the cursor owns, after it was written. */
static inline void step_write(const struct vms_cursor *c, u64 va, unsigned int level, u64 old,
			      u64 new)
{
	trace_entry_write(c->space->number, c->gather.op, va, level, old, new);
	if (step_checked(c->space))
		vms_audit_write(c, va, level, old, new);
}

/* Small leaves of one table, where nothing stood, after they were written. */
static inline void step_map_run(const struct vms_cursor *c, const struct vms_map *map, u64 va,
				const u64 *leaves, unsigned int nr)
{
	unsigned int i;

	for (i = 0; trace_entry_write_enabled() && i < nr; i++)
		trace_entry_write(c->space->number, c->gather.op, va + i * VMS_PAGE_SIZE, 1, 0,
				  READ_ONCE(leaves[i]));
	if (!step_checked(c->space))
		return;
	/* What is wrong with one can be told best from what it is; a STRICT space has no more. */
	if (nr == 1)
		vms_audit_write(c, va, 1, 0, READ_ONCE(*leaves));
	else
		vms_audit_map_run(c, map, va, nr);
}

/*
 * Whether a protect that clears these bits may change many leaves without a look at
 * what they were.  A trace has each; the specification wants to know where A and D were.
 */
static inline bool step_can_run(const struct vms_cursor *c, u64 clears)
{
	return !trace_entry_write_enabled() &&
	       !(step_checked(c->space) && (c->space->is_strict || clears & (VMS_A | VMS_D)));
}

/* Small leaves of one table, after they were changed so. */
static inline void step_protect_run(const struct vms_cursor *c, u64 va, unsigned int nr)
{
	if (step_checked(c->space))
		vms_audit_protect_run(c, va, nr);
}

#endif /* VMS_STEP_H */
