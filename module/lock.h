/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who owns which part of the tree.
 */
#ifndef VMS_LOCK_H
#define VMS_LOCK_H

#include <linux/types.h>

struct vms_node;
struct vms_pt;

struct vms_node *vms_lock_range(struct vms_pt *pt, u64 start, u64 end, bool nonblock);
void vms_unlock_range(struct vms_node *top);

#endif /* VMS_LOCK_H */
