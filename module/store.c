// SPDX-License-Identifier: GPL-2.0-only
/*
 * One open file: its objects, their ids and lifetimes.
 *
 * Ids are taken last, when an object is complete, and never handed out twice
 * in a row: an operation that fails has not changed the store, and a stale id
 * is told from a live one.
 */
#include <linux/slab.h>
#include "memory.h"
#include "store.h"

/**
 * vms_object_init - prepare the head of an object; the caller has the reference
 * @obj:	the head
 * @kind:	what it is
 * @release:	see struct vms_object
 * @close:	see struct vms_object
 */
void vms_object_init(struct vms_object *obj, enum vms_kind kind,
		     void (*release)(struct vms_object *obj),
		     int (*close)(struct vms_object *obj))
{
	obj->kind = kind;
	obj->release = release;
	obj->close = close;
	kref_init(&obj->ref);
	mutex_init(&obj->lock);
}

static void object_release(struct kref *ref)
{
	struct vms_object *obj = container_of(ref, struct vms_object, ref);

	obj->release(obj);
}

/**
 * vms_object_get - one more user of an object that the caller uses already
 * @obj:	the object
 */
struct vms_object *vms_object_get(struct vms_object *obj)
{
	kref_get(&obj->ref);
	return obj;
}

/**
 * vms_object_put - one user less
 * @obj:	the object
 *
 * Context: may sleep, if it is the last.
 */
void vms_object_put(struct vms_object *obj)
{
	kref_put(&obj->ref, object_release);
}

/**
 * vms_store_create - make an empty store
 *
 * Return: the store or NULL.
 */
struct vms_store *vms_store_create(void)
{
	struct vms_store *store;

	store = kzalloc(sizeof(*store), GFP_KERNEL_ACCOUNT);
	if (!store)
		return NULL;
	store->frames = vms_frames_create();
	if (!store->frames) {
		kfree(store);
		return NULL;
	}
	xa_init_flags(&store->objects, XA_FLAGS_ALLOC1);
	return store;
}

static int object_close(struct vms_object *obj)
{
	int ret = obj->close ? obj->close(obj) : 0;

	if (!ret)
		obj->dead = true;
	return ret;
}

static void object_drop(struct vms_object *obj)
{
	mutex_lock(&obj->lock);
	WARN_ON_ONCE(object_close(obj));
	mutex_unlock(&obj->lock);
	vms_object_put(obj);
}

/**
 * vms_store_destroy - drop everything and free the store
 * @store: nobody else uses it any more
 *
 * Context: may sleep.
 */
void vms_store_destroy(struct vms_store *store)
{
	struct vms_object *obj;
	unsigned long id;

	/* What refers to spaces goes first. */
	xa_for_each(&store->objects, id, obj) {
		if (obj->kind == VMS_SPACE)
			continue;
		xa_erase(&store->objects, id);
		object_drop(obj);
	}
	xa_for_each(&store->objects, id, obj) {
		xa_erase(&store->objects, id);
		object_drop(obj);
	}
	xa_destroy(&store->objects);
	vms_frames_put(store->frames);
	kfree(store);
}

/**
 * vms_store_publish - give an object an id
 * @store:	the store
 * @obj:	complete; the store takes over the caller's reference on success, and
 *		others may drop the object at once
 * @id:		receives the id
 *
 * Return: 0, -EDQUOT if the file has too many objects, -ENOMEM.
 */
int vms_store_publish(struct vms_store *store, struct vms_object *obj, u32 *id)
{
	int ret;

	if (atomic_inc_return(&store->count) > VMS_MAX_OBJECTS) {
		ret = -EDQUOT;
		goto uncount;
	}
	ret = xa_alloc_cyclic(&store->objects, id, obj, XA_LIMIT(1, VMS_MAX_ID),
			      &store->next, GFP_KERNEL_ACCOUNT);
	if (ret < 0)
		goto uncount;
	return 0;
uncount:
	atomic_dec(&store->count);
	return ret;
}

/**
 * vms_store_get - find an object
 * @store:	the store
 * @id:		its id
 * @kind:	what it has to be
 *
 * Return: the object with a reference for the caller, -ENOENT if there is none
 * with that id, -EINVAL if it is of another kind.
 */
struct vms_object *vms_store_get(struct vms_store *store, u32 id, enum vms_kind kind)
{
	struct vms_object *obj;

	rcu_read_lock();
	obj = xa_load(&store->objects, id);
	if (obj && obj->kind != kind)
		obj = ERR_PTR(-EINVAL);
	else if (!obj || !kref_get_unless_zero(&obj->ref))
		obj = ERR_PTR(-ENOENT);
	rcu_read_unlock();
	return obj;
}

/**
 * vms_store_lock - find an object and be the only one to work on it
 * @store:	the store
 * @id:		its id
 * @kind:	what it has to be
 *
 * Context: may sleep; a fatal signal ends the wait.
 *
 * Return: the object, for vms_object_unlock(), or as vms_store_get(), -EINTR.
 */
struct vms_object *vms_store_lock(struct vms_store *store, u32 id, enum vms_kind kind)
{
	struct vms_object *obj = vms_store_get(store, id, kind);
	int ret;

	if (IS_ERR(obj))
		return obj;
	ret = mutex_lock_killable(&obj->lock);
	if (ret)
		goto put;
	if (!obj->dead)
		return obj;
	ret = -ENOENT;
	mutex_unlock(&obj->lock);
put:
	vms_object_put(obj);
	return ERR_PTR(ret);
}

/**
 * vms_object_unlock - undo vms_store_lock()
 * @obj:	the object
 */
void vms_object_unlock(struct vms_object *obj)
{
	mutex_unlock(&obj->lock);
	vms_object_put(obj);
}

/**
 * vms_store_drop - drop an object: its id is gone, it goes with its last user
 * @store:	the store
 * @id:		its id
 * @kind:	what it has to be
 *
 * Context: may sleep.
 *
 * Return: 0, as vms_store_lock(), or -EBUSY if others refer to it.
 */
int vms_store_drop(struct vms_store *store, u32 id, enum vms_kind kind)
{
	struct vms_object *obj = vms_store_lock(store, id, kind);
	int ret;

	if (IS_ERR(obj))
		return PTR_ERR(obj);
	ret = object_close(obj);
	vms_object_unlock(obj);
	if (ret)
		return ret;
	/* Dead now: nobody else can get here, and who finds it gets -ENOENT. */
	xa_erase(&store->objects, id);
	atomic_dec(&store->count);
	vms_object_put(obj);
	return 0;
}
