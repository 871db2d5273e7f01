/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A space: root, limits, CPU set, lifetime.
 */
#ifndef VMS_SPACE_H
#define VMS_SPACE_H

#include <linux/atomic.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/xarray.h>
#include "mmu.h"
#include "store.h"
#include "table.h"

struct dentry;
struct vms_frames;

/**
 * struct vms_counters - what one CPU did for a space
 * @sent:	flush interrupts sent to it; written by the senders
 * @flushed:	flushes that it carried out; written by itself, as all below
 * @acked:	flush interrupts that it acknowledged
 * @entered:	times that it loaded the root
 * @accesses:	accesses and copies
 */
struct vms_counters {
	atomic64_t sent;
	u64 flushed;
	u64 acked;
	u64 entered;
	u64 accesses;
};

/**
 * struct vms_space - a private address space
 * @obj:	what it is in the store; referred to by cursors, I/O objects, residents
 * @pt:		its page table
 * @mmu:	what a CPU loads, and the CPUs that have
 * @frames:	the tracked frames of its store
 * @users:	cursors, readers and writers; negative once it is dropped
 * @residents_lock: guards the changes of @residents; taken before cpus_read_lock()
 * @residents:	struct vms_resident by CPU
 * @counters:	per CPU
 * @shootdowns:	flushes that had a target
 * @deferred:	4 KiB pages that await a deferred flush
 * @number:	its name in debugfs and in traces
 * @dir:	its directory in debugfs
 */
struct vms_space {
	struct vms_object obj;
	struct vms_pt pt;
	struct vms_mmu mmu;
	struct vms_frames *frames;
	atomic_t users;
	struct mutex residents_lock;	/* changes of residents */
	struct xarray residents;
	struct vms_counters __percpu *counters;
	atomic64_t shootdowns;
	atomic64_t deferred;
	int number;
	struct dentry *dir;
};

struct vms_space *vms_space_create(struct vms_frames *frames);
int vms_space_use(struct vms_space *space);
void vms_space_unuse(struct vms_space *space);

#endif /* VMS_SPACE_H */
