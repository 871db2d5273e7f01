/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The cursor's operations.
 */
#ifndef VMS_CURSOR_H
#define VMS_CURSOR_H

#include "flush.h"
#include "lock.h"
#include "store.h"
#include "table.h"

struct vms_memory;
struct vms_space;

/**
 * struct vms_cursor - exclusive access to a range of a space
 * @obj:	what it is in the store; its lock guards all that follows
 * @space:	the space
 * @top:	covering node of the range, owned from the open to the drop
 * @start:	first address of the range
 * @end:	first address after it
 * @va:		the position: in the range, or at its end
 * @mutable:	it may change mappings
 * @deferred:	pages in @gather that the space counts as deferred
 * @gather:	removed, and not flushed yet
 * @unlock:	what becomes of tables when the range is given up
 */
struct vms_cursor {
	struct vms_object obj;
	struct vms_space *space;
	struct vms_node *top;
	u64 start;
	u64 end;
	u64 va;
	bool mutable;
	u64 deferred;
	struct vms_gather gather;
	struct vms_unlock unlock;
};

/**
 * struct vms_map - what to map
 * @mem:	frames
 * @index:	the first, in 4 KiB pages
 * @pages:	how many 4 KiB pages, at least 1; no more than @mem has from there
 * @prop:	VMSPACE_PROP_*
 * @level:	of the leaves, or 0 for the largest that fit
 * @replace:	something may be mapped there
 */
struct vms_map {
	struct vms_memory *mem;
	u64 index;
	u64 pages;
	u32 prop;
	unsigned int level;
	bool replace;
};

struct vms_cursor *vms_cursor_open(struct vms_space *space, u64 start, u64 end,
				   unsigned int level, bool mutable, bool nonblock);
int vms_cursor_query(struct vms_cursor *c, struct vms_mapping *m);
int vms_cursor_find_next(struct vms_cursor *c, u64 len, struct vms_mapping *m);
int vms_cursor_next(struct vms_cursor *c, u32 clear, struct vms_mapping *m);
int vms_cursor_jump(struct vms_cursor *c, u64 va);
int vms_cursor_map(struct vms_cursor *c, const struct vms_map *map, enum vms_how how);
int vms_cursor_unmap(struct vms_cursor *c, u64 len, enum vms_how how, u64 *pages);
int vms_cursor_protect_next(struct vms_cursor *c, u64 len, u32 clear, u32 set, enum vms_how how,
			    struct vms_mapping *m);
int vms_cursor_protect(struct vms_cursor *c, u64 len, u32 clear, u32 set, enum vms_how how,
		       u64 *pages);
int vms_cursor_set_targets(struct vms_cursor *c, const struct cpumask *mask);
void vms_cursor_harvest(struct vms_cursor *c, u32 clear, enum vms_how how);
int vms_cursor_settle(struct vms_cursor *c, u64 start, u64 pages);
void vms_cursor_flush(struct vms_cursor *c, struct vms_flushed *flushed);

#endif /* VMS_CURSOR_H */
