/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Decoding of operations.
 */
#ifndef VMS_OPS_H
#define VMS_OPS_H

struct vms_store;
struct vmspace_op;

#define VMS_MAX_OPS	65536U

void vms_op_execute(struct vms_store *store, struct vmspace_op *op);

#endif /* VMS_OPS_H */
