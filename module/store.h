/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One open file: its objects, their ids and lifetimes.
 */
#ifndef VMS_STORE_H
#define VMS_STORE_H

#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/xarray.h>

#define VMS_MAX_OBJECTS	65536U
/* Ids fit the offset of mmap(2): see VMS_MMAP_SHIFT. */
#define VMS_MAX_ID	((1U << 22) - 1)

enum vms_kind {
	VMS_SPACE,
	VMS_MEMORY,
	VMS_CURSOR,
	VMS_READER,
	VMS_WRITER,
};

/**
 * struct vms_object - the head of every object in a store; its first member
 * @kind:	what it is
 * @ref:	one for the store while it is published, one for each user
 * @release:	called without the last reference; frees through @rcu
 * @close:	called under @lock to drop it, may refuse; may be NULL
 * @lock:	one operation at a time, for objects that have a position
 * @dead:	it was dropped; under @lock
 * @rcu:	lookups are under RCU
 */
struct vms_object {
	enum vms_kind kind;
	struct kref ref;
	void (*release)(struct vms_object *obj);
	int (*close)(struct vms_object *obj);
	struct mutex lock;	/* one operation at a time */
	bool dead;
	struct rcu_head rcu;
};

struct vms_frames;

/**
 * struct vms_store - one open file
 * @objects:	struct vms_object by id
 * @next:	where the search for a fresh id starts
 * @count:	objects, those about to be published included
 * @frames:	tracked frames of all its memory objects
 */
struct vms_store {
	struct xarray objects;
	u32 next;
	atomic_t count;
	struct vms_frames *frames;
};

struct vms_store *vms_store_create(void);
void vms_store_destroy(struct vms_store *store);

void vms_object_init(struct vms_object *obj, enum vms_kind kind,
		     void (*release)(struct vms_object *obj),
		     int (*close)(struct vms_object *obj));
struct vms_object *vms_object_get(struct vms_object *obj);
void vms_object_put(struct vms_object *obj);

int vms_store_publish(struct vms_store *store, struct vms_object *obj, u32 *id);
struct vms_object *vms_store_get(struct vms_store *store, u32 id, enum vms_kind kind);
struct vms_object *vms_store_lock(struct vms_store *store, u32 id, enum vms_kind kind);
void vms_object_unlock(struct vms_object *obj);
int vms_store_drop(struct vms_store *store, u32 id, enum vms_kind kind);

#endif /* VMS_STORE_H */
