// SPDX-License-Identifier: GPL-2.0-only
/*
 * A space: root, limits, CPU set, lifetime.
 *
 * A space lives as long as someone refers to it: the store while it has an id,
 * cursors and I/O objects, which also keep it from being dropped, and the
 * residents, which are told to go when it is dropped and take the last
 * reference with them.
 */
#include <linux/err.h>
#include <linux/idr.h>
#include <linux/slab.h>
#include "audit.h"
#include "debugfs.h"
#include "memory.h"
#include "resident.h"
#include "space.h"
#include "trace.h"

static DEFINE_IDA(numbers);

static void space_release(struct vms_object *obj);
static int space_close(struct vms_object *obj);

static void release_leaf(u64 entry, unsigned int level, void *arg)
{
	struct vms_frames *frames = arg;

	vms_frame_put(frames, entry);
}

/**
 * vms_space_create - make a space with nothing in it
 * @frames:	of the store that it belongs to
 * @kind:	VMS_SPACE_*
 *
 * Context: may sleep.
 *
 * Return: the space, or -ENOMEM.
 */
struct vms_space *vms_space_create(struct vms_frames *frames, unsigned int kind)
{
	struct vms_space *space;
	int ret = -ENOMEM;

	space = kzalloc(sizeof(*space), GFP_KERNEL_ACCOUNT);
	if (!space)
		return ERR_PTR(-ENOMEM);
	space->counters = alloc_percpu_gfp(struct vms_counters, GFP_KERNEL_ACCOUNT);
	if (!space->counters)
		goto free_space;
	space->mmu.left = alloc_percpu_gfp(unsigned long, GFP_KERNEL_ACCOUNT);
	if (!space->mmu.left)
		goto free_counters;
	if (!zalloc_cpumask_var(&space->mmu.inside, GFP_KERNEL_ACCOUNT))
		goto free_left;
	space->number = ida_alloc_min(&numbers, 1, GFP_KERNEL_ACCOUNT);
	if (space->number < 0) {
		ret = space->number;
		goto free_inside;
	}
	ret = vms_pt_init(&space->pt, vms_mmu_levels(), vms_mmu_leaf_level());
	if (ret)
		goto free_number;
	space->mmu.root = space->pt.root->table;
	space->audit = vms_audit_create(space, kind);
	if (IS_ERR(space->audit)) {
		ret = PTR_ERR(space->audit);
		goto destroy_pt;
	}
	space->frames = vms_frames_get(frames);
	space->lab = kind & VMS_SPACE_LAB;
	space->is_strict = kind & VMS_SPACE_STRICT;
	mutex_init(&space->strict);
	vms_quarantine_init(&space->quarantine);
	mutex_init(&space->residents_lock);
	xa_init(&space->residents);
	vms_object_init(&space->obj, VMS_SPACE, space_release, space_close);
	space->dir = vms_debugfs_add(space);
	trace_new_space(space->number, space->pt.levels, boot_cpu_data.x86_phys_bits, nr_cpu_ids,
			space->is_strict ? 2 : space->lab);
	return space;

destroy_pt:
	vms_pt_destroy(&space->pt, release_leaf, frames);
free_number:
	ida_free(&numbers, space->number);
free_inside:
	free_cpumask_var(space->mmu.inside);
free_left:
	free_percpu(space->mmu.left);
free_counters:
	free_percpu(space->counters);
free_space:
	kfree(space);
	return ERR_PTR(ret);
}

static void space_release(struct vms_object *obj)
{
	struct vms_space *space = container_of(obj, struct vms_space, obj);

	/* Waits for who is looking. */
	vms_debugfs_remove(space->dir);
	/* No resident is left, so no CPU has had the root since its last flush. */
	WARN_ON_ONCE(!cpumask_empty(space->mmu.inside));
	if (space->audit)
		vms_audit_destroy(space);
	trace_space_gone(space->number);
	vms_quarantine_release(space);
	vms_pt_destroy(&space->pt, release_leaf, space->frames);
	vms_frames_put(space->frames);
	xa_destroy(&space->residents);
	ida_free(&numbers, space->number);
	free_cpumask_var(space->mmu.inside);
	free_percpu(space->mmu.left);
	free_percpu(space->counters);
	kfree_rcu(space, obj.rcu);
}

static int space_close(struct vms_object *obj)
{
	struct vms_space *space = container_of(obj, struct vms_space, obj);

	if (atomic_cmpxchg(&space->users, 0, INT_MIN))
		return -EBUSY;
	vms_residents_stop(space);
	return 0;
}

/**
 * vms_space_use - let a cursor or I/O object refer to a space
 * @space: the caller has a reference
 *
 * Return: 0, after which the space cannot be dropped before
 * vms_space_unuse(), or -ENOENT if it was dropped just now.
 */
int vms_space_use(struct vms_space *space)
{
	if (!atomic_inc_unless_negative(&space->users))
		return -ENOENT;
	vms_object_get(&space->obj);
	return 0;
}

/**
 * vms_space_unuse - undo vms_space_use()
 * @space:	the space
 */
void vms_space_unuse(struct vms_space *space)
{
	atomic_dec(&space->users);
	vms_object_put(&space->obj);
}
