/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The steps of a cursor's operations, as they are told to those who watch.
 */
#ifndef VMS_STEP_H
#define VMS_STEP_H

#include "cursor.h"
#include "memory.h"
#include "space.h"
#include "trace.h"

static inline void step_cursor_open(const struct vms_cursor *c)
{
	trace_cursor_open(c->space->number, c->gather.op, c->start, c->end);
}

static inline void step_cursor_lock(const struct vms_cursor *c)
{
	trace_cursor_lock(c->space->number, c->gather.op, c->start, c->end);
}

static inline void step_cursor_drop(const struct vms_cursor *c)
{
	trace_cursor_drop(c->space->number, c->gather.op, c->start, c->end);
}

static inline void step_map_start(const struct vms_cursor *c, const struct vms_map *map)
{
	if (trace_map_start_enabled())
		trace_map_start(c->space->number, c->gather.op, c->va,
				map->pages << VMS_PAGE_SHIFT,
				vms_memory_frame(map->mem, map->index), map->prop,
				map->mem->cache, map->level, map->replace);
	trace_map_op_start(c->space->number, c->gather.op);
}

static inline void step_map_end(const struct vms_cursor *c, u64 pages, int result)
{
	trace_map_end(c->space->number, c->gather.op, c->va, pages, result);
}

static inline void step_unmap_start(const struct vms_cursor *c, u64 len)
{
	trace_unmap_start(c->space->number, c->gather.op, c->va, len);
	trace_unmap_op_start(c->space->number, c->gather.op);
}

static inline void step_unmap_op_end(const struct vms_cursor *c)
{
	trace_unmap_op_end(c->space->number, c->gather.op);
}

static inline void step_unmap_end(const struct vms_cursor *c, u64 pages, int result)
{
	trace_unmap_end(c->space->number, c->gather.op, c->va, pages, result);
}

static inline void step_protect_start(const struct vms_cursor *c, u64 len, u32 clear, u32 set)
{
	trace_protect_start(c->space->number, c->gather.op, c->va, len, clear, set);
	trace_protect_op_start(c->space->number, c->gather.op);
}

static inline void step_protect_op_end(const struct vms_cursor *c)
{
	trace_protect_op_end(c->space->number, c->gather.op);
}

static inline void step_protect_end(const struct vms_cursor *c, u64 pages, int result)
{
	trace_protect_end(c->space->number, c->gather.op, c->va, pages, result);
}

/* Whether anyone wants to know of every entry. */
static inline bool step_writes(const struct vms_cursor *c)
{
	return trace_entry_write_enabled();
}

/* An entry of a table that the cursor owns, after it was written. */
static inline void step_write(const struct vms_cursor *c, u64 va, unsigned int level, u64 old,
			      u64 new)
{
	trace_entry_write(c->space->number, c->gather.op, va, level, old, new);
}

#endif /* VMS_STEP_H */
