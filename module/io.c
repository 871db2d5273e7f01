// SPDX-License-Identifier: GPL-2.0-only
/*
 * Readers and writers: copies between a space and the caller's memory.
 *
 * The copy is made by the space's thread on a CPU, through that CPU's MMU;
 * data passes through a buffer in the kernel, since no table maps both sides.
 */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "io.h"
#include "resident.h"
#include "space.h"

static void io_release(struct vms_object *obj)
{
	struct vms_io *io = container_of(obj, struct vms_io, obj);

	kfree_rcu(io, obj.rcu);
}

static int io_close(struct vms_object *obj)
{
	struct vms_io *io = container_of(obj, struct vms_io, obj);

	vms_resident_unuse(io->space, io->cpu);
	vms_space_unuse(io->space);
	return 0;
}

/**
 * vms_io_open - make a reader or writer
 * @space:	the space; the caller has a reference
 * @kind:	VMS_READER or VMS_WRITER
 * @cpu:	whose MMU to use; the space must be active there, and stays so
 * @va:		first address
 * @len:	bytes; what is mapped there matters to the copies only
 *
 * Context: may sleep.
 *
 * Return: the object, at @va. -ERANGE outside the space, -EINVAL if there can
 * be no such CPU, -ENXIO if the space is not active there, -ENOENT if it is
 * being dropped, -ENOMEM, -EINTR.
 */
struct vms_io *vms_io_open(struct vms_space *space, enum vms_kind kind, unsigned int cpu,
			   u64 va, u64 len)
{
	struct vms_io *io;
	int ret;

	if (va > space->pt.va_end || len > space->pt.va_end - va)
		return ERR_PTR(-ERANGE);
	io = kzalloc(sizeof(*io), GFP_KERNEL_ACCOUNT);
	if (!io)
		return ERR_PTR(-ENOMEM);
	ret = vms_space_use(space);
	if (ret)
		goto free_io;
	ret = vms_resident_use(space, cpu);
	if (ret)
		goto unuse_space;
	io->space = space;
	io->cpu = cpu;
	io->va = va;
	io->end = va + len;
	vms_object_init(&io->obj, kind, io_release, io_close);
	return io;

unuse_space:
	vms_space_unuse(space);
free_io:
	kfree(io);
	return ERR_PTR(ret);
}

/*
 * One piece of a copy; the access has a buffer. Also on failure the position and
 * @a->done tell what was copied: a CPU may go offline in the middle.
 */
static int io_copy_piece(struct vms_io *io, void __user *user, struct vms_access *a)
{
	size_t left = 0;
	int ret;

	a->va = io->va;
	a->done = 0;
	if (a->kind == VMS_COPY_TO && copy_from_user(a->data, user, a->len))
		return -EFAULT;
	ret = vms_resident_access(io->space, io->cpu, a);
	if (a->kind == VMS_COPY_FROM && a->done)
		left = copy_to_user(user, a->data, a->done);
	a->done -= left;
	io->va += a->done;
	return left ? -EFAULT : ret;
}

/**
 * vms_io_copy - copy between a space and the caller's memory
 * @io:		a reader or writer; the caller holds its lock
 * @addr:	of the caller's memory
 * @len:	bytes
 * @bytes:	receives how many were copied; the position moves by as many
 * @fault:	receives whether the space ended it with a fault
 *
 * Context: may sleep; a fatal signal ends it.
 *
 * Return: 0; -ERANGE if @len is more than is left of the range; -EFAULT for
 * the caller's memory; -ENODEV if the CPU is offline, -ENOMEM, -EINTR.
 */
int vms_io_copy(struct vms_io *io, u64 addr, u64 len, u64 *bytes, bool *fault)
{
	struct vms_access a = {
		.kind = io->obj.kind == VMS_READER ? VMS_COPY_FROM : VMS_COPY_TO,
	};
	void __user *user = u64_to_user_ptr(addr);
	int ret = 0;

	*bytes = 0;
	*fault = false;
	if (len > io->end - io->va)
		return -ERANGE;
	if (!access_ok(user, len))
		return -EFAULT;
	a.data = kmalloc(min_t(u64, len, VMS_COPY_MAX), GFP_KERNEL_ACCOUNT);
	if (!a.data)
		return -ENOMEM;
	while (*bytes < len && !ret && !*fault) {
		a.len = min_t(u64, len - *bytes, VMS_COPY_MAX);
		ret = io_copy_piece(io, user + *bytes, &a);
		*bytes += a.done;
		*fault = !ret && a.done < a.len;
	}
	kfree(a.data);
	return ret;
}
