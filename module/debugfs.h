/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A look inside: /sys/kernel/debug/vmspace/NUMBER/.
 */
#ifndef VMS_DEBUGFS_H
#define VMS_DEBUGFS_H

struct dentry;
struct vms_space;

void vms_debugfs_init(void);
void vms_debugfs_exit(void);
struct dentry *vms_debugfs_add(struct vms_space *space);
void vms_debugfs_remove(struct dentry *dir);

#endif /* VMS_DEBUGFS_H */
