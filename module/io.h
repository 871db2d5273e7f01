/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Readers and writers.
 */
#ifndef VMS_IO_H
#define VMS_IO_H

#include "store.h"

struct vms_space;

/**
 * struct vms_io - a reader or writer: a range of a space, consumed in order
 * @obj:	what it is in the store; its lock guards @va
 * @space:	the space
 * @cpu:	whose MMU it uses; the space stays active there
 * @va:		the position
 * @end:	first address after the range
 */
struct vms_io {
	struct vms_object obj;
	struct vms_space *space;
	unsigned int cpu;
	u64 va;
	u64 end;
};

struct vms_io *vms_io_open(struct vms_space *space, enum vms_kind kind, unsigned int cpu,
			   u64 va, u64 len);
int vms_io_copy(struct vms_io *io, u64 addr, u64 len, u64 *bytes, bool *fault);

#endif /* VMS_IO_H */
