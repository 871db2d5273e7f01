/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A space: root, limits, CPU set, lifetime.
 */
#ifndef VMS_SPACE_H
#define VMS_SPACE_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/vmspace.h>
#include <linux/xarray.h>
#include "flush.h"
#include "mmu.h"
#include "store.h"
#include "table.h"

struct dentry;
struct vms_audit;
struct vms_frames;

/**
 * struct vms_histogram - how often something took how long
 * @total:	times counted
 * @max:	the longest, in ns
 * @sum:	of them all, in ns
 * @buckets:	see VMSPACE_BUCKETS
 */
struct vms_histogram {
	u64 total;
	u64 max;
	u64 sum;
	u64 buckets[VMSPACE_BUCKETS];
};

/**
 * vms_count - add to a number that other CPUs only read
 * @number:	of this CPU
 * @n:		how much
 *
 * Context: whatever excludes others that add to it on this CPU.
 */
static inline void vms_count(u64 *number, u64 n)
{
	WRITE_ONCE(*number, *number + n);
}

/**
 * vms_histogram_add - count a time
 * @h:	of this CPU
 * @ns:	the time
 *
 * Context: whatever excludes others that count here on this CPU.
 */
static inline void vms_histogram_add(struct vms_histogram *h, u64 ns)
{
	vms_count(&h->total, 1);
	WRITE_ONCE(h->max, max(h->max, ns));
	vms_count(&h->sum, ns);
	vms_count(&h->buckets[min_t(unsigned int, ilog2(ns | 1), VMSPACE_BUCKETS - 1)], 1);
}

/**
 * struct vms_counters - what one CPU did for a space
 * @sent:	flush interrupts sent to it; written by the senders
 * @initiated:	shootdowns that it sent; as all below, written by itself
 * @flushed:	interrupts in which it flushed
 * @acked:	flush interrupts that it acknowledged
 * @pages:	pages that it flushed one by one
 * @full:	times that it flushed everything
 * @entered:	times that it loaded the root
 * @accesses:	accesses, copies and access programs
 * @users:	cursors, readers and writers that came here, less those that went;
 *		only the sum over all CPUs is a number of them
 * @times:	by VMSPACE_TIME_*; counted with interrupts off, those of stays by the
 *		resident
 */
struct vms_counters {
	atomic64_t sent;
	u64 initiated;
	u64 flushed;
	u64 acked;
	u64 pages;
	u64 full;
	u64 entered;
	u64 accesses;
	long users;
	struct vms_histogram times[VMSPACE_TIMES];
};

/**
 * enum vms_space_state - how far the drop of a space has come
 * @VMS_SPACE_OPEN:	nobody drops it
 * @VMS_SPACE_CLOSING:	someone looks whether it is in use
 * @VMS_SPACE_DROPPED:	it is not, and never will be
 */
enum vms_space_state { VMS_SPACE_OPEN, VMS_SPACE_CLOSING, VMS_SPACE_DROPPED };

/**
 * struct vms_space - a private address space
 * @obj:	what it is in the store; referred to by cursors, I/O objects, residents
 * @pt:		its page table
 * @mmu:	what a CPU loads, and the CPUs that have
 * @frames:	the tracked frames of its store
 * @state:	changed under the lock of @obj
 * @residents_lock: guards the changes of @residents; taken before cpus_read_lock()
 * @residents:	struct vms_resident by CPU
 * @counters:	per CPU
 * @shootdowns:	flushes that had a target
 * @deferred:	4 KiB pages that await a deferred flush, or are quarantined
 * @lab:	wrong flushes may be asked for
 * @audit:	what holds a CHECKED space against the specification, or NULL
 * @strict:	a STRICT space: an operation at a time holds it
 * @is_strict:	whether it is one
 * @ended:	operations and shootdowns that ended while someone watched
 * @quarantine:	what was removed in a LAB space without flushing all
 * @number:	its name in debugfs and in traces
 * @dir:	its directory in debugfs
 */
struct vms_space {
	struct vms_object obj;
	struct vms_pt pt;
	struct vms_mmu mmu;
	struct vms_frames *frames;
	enum vms_space_state state;
	struct mutex residents_lock;	/* changes of residents */
	struct xarray residents;
	struct vms_counters __percpu *counters;
	atomic64_t shootdowns;
	atomic64_t deferred;
	bool lab;
	struct vms_audit *audit;
	bool is_strict;
	struct mutex strict;		/* one operation at a time */
	atomic64_t ended;
	struct vms_quarantine quarantine;
	int number;
	struct dentry *dir;
};

/**
 * enum vms_space_kind - what kinds of spaces there are; a sum
 * @VMS_SPACE_LAB:	wrong flushes may be asked for
 * @VMS_SPACE_CHECKED:	it is held against the specification
 * @VMS_SPACE_STRICT:	and takes only what the verified page table has
 */
enum vms_space_kind {
	VMS_SPACE_LAB		= BIT(0),
	VMS_SPACE_CHECKED	= BIT(1),
	VMS_SPACE_STRICT	= BIT(2),
};

struct vms_space *vms_space_create(struct vms_frames *frames, unsigned int kind);
struct vms_space *vms_space_use_id(struct vms_store *store, u32 id);
int vms_space_use(struct vms_space *space);
void vms_space_unuse(struct vms_space *space);
u32 vms_space_users(const struct vms_space *space);

#endif /* VMS_SPACE_H */
