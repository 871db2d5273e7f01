/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who owns which part of the tree.
 */
#ifndef VMS_LOCK_H
#define VMS_LOCK_H

#include <linux/types.h>

struct vms_gather;
struct vms_node;
struct vms_pt;

/**
 * struct vms_unlock - what becomes of tables that are made, or left empty
 * @g:		tables that are taken out are gathered here
 * @flush:	flushes and releases what was gathered; may sleep
 * @wrote:	told of every entry for a table: its first address and level, as it
 *		was and as it is
 */
struct vms_unlock {
	struct vms_gather *g;
	void (*flush)(const struct vms_unlock *u);
	void (*wrote)(const struct vms_unlock *u, u64 va, unsigned int level, u64 old, u64 new);
};

struct vms_node *vms_lock_range(struct vms_pt *pt, u64 start, u64 end, unsigned int level,
				bool nonblock, const struct vms_unlock *u);
void vms_unlock_range(struct vms_node *top, u64 start, u64 end, const struct vms_unlock *u);
void vms_node_disown(struct vms_node *node);

#endif /* VMS_LOCK_H */
