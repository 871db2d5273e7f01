/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Decoding of operations.
 */
#ifndef VMS_OPS_H
#define VMS_OPS_H

#include <linux/types.h>

struct vms_store;
struct vmspace_op;

#define VMS_MAX_OPS	65536U

/**
 * struct vms_row - operations that are executed one after the other
 * @store:	the file's
 * @gather:	let those on one cursor share a flush
 * @cursor:	whose flush is put off, or 0
 */
struct vms_row {
	struct vms_store *store;
	bool gather;
	u32 cursor;
};

void vms_op_execute(struct vms_row *row, struct vmspace_op *op);
void vms_row_end(struct vms_row *row);

#endif /* VMS_OPS_H */
