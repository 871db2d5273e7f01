// SPDX-License-Identifier: GPL-2.0-only
/*
 * A space: root, limits, CPU set, lifetime.
 *
 * A space lives as long as someone refers to it: the store while it has an id,
 * and the residents, which are told to go when it is dropped and take the last
 * reference with them.  Cursors and I/O objects keep it from being dropped, and
 * so need no reference of their own.
 *
 * They are counted per CPU, so that opens on different CPUs share no cache line.
 * Who comes counts itself, and then looks at the state; who drops the space changes
 * the state, and then counts: one of them sees the other.  If that is the one who
 * comes, it takes itself back and waits for what becomes of the drop.
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

static struct vms_space *space_of(struct vms_object *obj)
{
	return container_of(obj, struct vms_space, obj);
}

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
	space->mmu.crossings = alloc_percpu_gfp(unsigned long, GFP_KERNEL_ACCOUNT);
	if (!space->mmu.crossings)
		goto free_counters;
	if (!zalloc_cpumask_var(&space->mmu.inside, GFP_KERNEL_ACCOUNT))
		goto free_crossings;
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
free_crossings:
	free_percpu(space->mmu.crossings);
free_counters:
	free_percpu(space->counters);
free_space:
	kfree(space);
	return ERR_PTR(ret);
}

/* Who found it under RCU has counted itself, or has not even looked. */
static void space_free(struct rcu_head *rcu)
{
	struct vms_space *space = container_of(rcu, struct vms_space, obj.rcu);

	free_percpu(space->counters);
	kfree(space);
}

static void space_release(struct vms_object *obj)
{
	struct vms_space *space = space_of(obj);

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
	free_percpu(space->mmu.crossings);
	call_rcu(&space->obj.rcu, space_free);
}

static int space_close(struct vms_object *obj)
{
	struct vms_space *space = space_of(obj);

	WRITE_ONCE(space->state, VMS_SPACE_CLOSING);
	/* Pairs with try_use(). */
	smp_mb();
	if (vms_space_users(space)) {
		WRITE_ONCE(space->state, VMS_SPACE_OPEN);
		return -EBUSY;
	}
	/* Pairs with vms_space_unuse(): what users did comes before what is done now. */
	smp_mb();
	WRITE_ONCE(space->state, VMS_SPACE_DROPPED);
	vms_residents_stop(space);
	return 0;
}

/*
 * On one CPU from the count to its end: a sum that sees a part of it sees one user
 * too many, but never one too few.
 */
static bool try_use(struct vms_space *space)
{
	struct vms_counters *counters = get_cpu_ptr(space->counters);
	bool used;

	WRITE_ONCE(counters->users, counters->users + 1);
	/* Pairs with space_close(). */
	smp_mb();
	used = READ_ONCE(space->state) == VMS_SPACE_OPEN;
	if (!used)
		WRITE_ONCE(counters->users, counters->users - 1);
	put_cpu_ptr(space->counters);
	return used;
}

/**
 * vms_space_use - let a cursor or I/O object refer to a space
 * @space: the caller has a reference, or uses it already
 *
 * Context: may sleep; a fatal signal ends the wait for one who tries to drop it.
 *
 * Return: 0, after which the space cannot be dropped before
 * vms_space_unuse(), -ENOENT if it was dropped just now, or -EINTR.
 */
int vms_space_use(struct vms_space *space)
{
	int ret;

	if (try_use(space))
		return 0;
	ret = mutex_lock_killable(&space->obj.lock);
	if (ret)
		return ret;
	/* Nobody is about to drop it now. */
	if (!try_use(space))
		ret = -ENOENT;
	mutex_unlock(&space->obj.lock);
	return ret;
}

/**
 * vms_space_use_id - find a space and use it
 * @store:	where
 * @id:		its id
 *
 * Writes nothing that other CPUs do.
 *
 * Context: as vms_space_use().
 *
 * Return: the space, for vms_space_unuse(), or as vms_store_lock().
 */
struct vms_space *vms_space_use_id(struct vms_store *store, u32 id)
{
	struct vms_object *obj;
	bool used;

	rcu_read_lock();
	obj = xa_load(&store->objects, id);
	used = obj && obj->kind == VMS_SPACE && try_use(space_of(obj));
	rcu_read_unlock();
	if (used)
		return space_of(obj);
	/* It is not there, it is no space, or someone drops it. */
	obj = vms_store_lock(store, id, VMS_SPACE);
	if (IS_ERR(obj))
		return ERR_CAST(obj);
	/* Nobody is about to drop it now. */
	used = try_use(space_of(obj));
	vms_object_unlock(obj);
	return used ? space_of(obj) : ERR_PTR(-ENOENT);
}

/**
 * vms_space_unuse - undo vms_space_use()
 * @space:	the space
 */
void vms_space_unuse(struct vms_space *space)
{
	/* Pairs with space_close(). */
	smp_mb();
	this_cpu_dec(space->counters->users);
}

/**
 * vms_space_users - who uses a space
 * @space:	the space
 *
 * Return: the number of cursors, readers and writers. While they come and go
 * it may be too high, but is 0 only if all that had come have gone.
 */
u32 vms_space_users(const struct vms_space *space)
{
	long users = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		users += READ_ONCE(per_cpu_ptr(space->counters, cpu)->users);
	return max(users, 0L);
}
