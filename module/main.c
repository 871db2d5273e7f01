// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module and its device.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/capability.h>
#include <linux/cpufeature.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/nospec.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/uaccess.h>
#include <linux/vmspace.h>
#include "compat.h"
#include "debugfs.h"
#include "flush.h"
#include "geometry.h"
#include "memory.h"
#include "mmu.h"
#include "mutation.h"
#include "ops.h"
#include "param.h"
#include "program.h"
#include "resident.h"
#include "store.h"
#include "table.h"

/* Structures of the interface are moved word by word: see get_words(). */
#define OP_WORDS	(sizeof(struct vmspace_op) / sizeof(u64))

static_assert(sizeof(struct vmspace_info) == 80);
static_assert(sizeof(struct vmspace_step) == 32);

static long ioctl_info(struct vms_store *store, void *arg)
{
	struct vmspace_info *info = arg;
	unsigned int levels = vms_mmu_levels();

	if (info->flags)
		return -EINVAL;
	*info = (struct vmspace_info) {
		.size = info->size,
		.features = (levels == 5 ? VMSPACE_FEATURE_LEVEL5 : 0) |
			    (boot_cpu_has(X86_FEATURE_PTI) ? VMSPACE_FEATURE_PTI : 0) |
			    (boot_cpu_has(X86_FEATURE_PCID) ? VMSPACE_FEATURE_PCID : 0) |
			    VMS_FEATURE_MUTATE,
		.va_end = vms_va_end(levels),
		.page_sizes = SZ_4K | SZ_2M | (vms_mmu_leaf_level() > 2 ? SZ_1G : 0),
		.frame_sizes = SZ_4K | SZ_2M,
		.levels = levels,
		.phys_bits = boot_cpu_data.x86_phys_bits,
		.max_ops = VMS_MAX_OPS,
		.max_objects = VMS_MAX_OBJECTS,
		.max_frames = VMS_MAX_FRAMES,
		.nr_cpus = nr_cpu_ids,
		.flush_ceiling = vms_param(vms_flush_ceiling),
		.max_deferred = vms_max_deferred,
		.max_insns = VMS_MAX_INSNS,
		.max_run_us = vms_max_run_us,
	};
	return 0;
}

/* Whether a failure ends the program; an interrupted wait would be followed by more. */
static bool step_ends(const struct vmspace_step *step, int error)
{
	return !(step->flags & VMSPACE_STEP_CONTINUE) ||
	       (error == -EINTR && signal_pending(current));
}

/*
 * So little is read and written word by word: general copies, which expect more,
 * would take as long as the operation itself.
 */
static int get_words(u64 *to, const u64 __user *from, unsigned int nr)
{
	unsigned int i;

	if (!user_access_begin(from, nr * sizeof(*from)))
		return -EFAULT;
	for (i = 0; i < nr; i++)
		unsafe_get_user(to[i], &from[i], fault);
	user_access_end();
	return 0;
fault:
	user_access_end();
	return -EFAULT;
}

static int put_words(u64 __user *to, const u64 *from, unsigned int nr)
{
	unsigned int i;

	if (!user_access_begin(to, nr * sizeof(*to)))
		return -EFAULT;
	for (i = 0; i < nr; i++)
		unsafe_put_user(from[i], &to[i], fault);
	user_access_end();
	return 0;
fault:
	user_access_end();
	return -EFAULT;
}

/*
 * Fetch an operation, and write its ends back, which are in different pages if
 * any of it is: nothing is done whose result could not be told.
 */
static int fetch_op(u64 *op, u64 __user *user)
{
	unsigned int i;

	if (!user_access_begin(user, sizeof(struct vmspace_op)))
		return -EFAULT;
	for (i = 0; i < OP_WORDS; i++)
		unsafe_get_user(op[i], &user[i], fault);
	unsafe_put_user(op[0], &user[0], fault);
	unsafe_put_user(op[OP_WORDS - 1], &user[OP_WORDS - 1], fault);
	user_access_end();
	return 0;
fault:
	user_access_end();
	return -EFAULT;
}

/* Carry out one operation of the caller's. */
static int step_op(struct vms_row *row, struct vmspace_op __user *user, int *result)
{
	struct vmspace_op op;
	int ret;

	ret = fetch_op((u64 *)&op, (u64 __user *)user);
	if (ret)
		return ret;
	vms_op_execute(row, &op);
	*result = op.result;
	return put_words((u64 __user *)user, (const u64 *)&op, OP_WORDS);
}

static int step_all(struct vms_row *row, struct vmspace_step *step)
{
	struct vmspace_op __user *user = u64_to_user_ptr(step->ops);
	int ret, result;

	while (step->done < step->count) {
		ret = step_op(row, user + step->done, &result);
		if (ret)
			return ret;
		step->done++;
		if (result && !step->error)
			step->error = result;
		if (result && step_ends(step, result))
			break;
		if (fatal_signal_pending(current)) {
			step->error = -EINTR;
			break;
		}
		cond_resched();
	}
	return 0;
}

static long ioctl_step(struct vms_store *store, void *arg)
{
	struct vmspace_step *step = arg;
	struct vms_row row = { .store = store, .gather = step->flags & VMSPACE_STEP_GATHER };
	int ret;

	if ((step->flags & ~(VMSPACE_STEP_CONTINUE | VMSPACE_STEP_GATHER)) || step->pad)
		return -EINVAL;
	if (!step->count || step->count > VMS_MAX_OPS)
		return -EINVAL;
	step->done = 0;
	step->error = 0;
	ret = step_all(&row, step);
	vms_row_end(&row);
	return ret;
}

/**
 * struct vms_ioctl - one command
 * @cmd:	VMSPACE_*
 * @size:	of its structure, as this module knows it
 * @min_size:	of its structure, as the first module knew it
 * @fn:		carries it out, on a copy of the structure
 */
struct vms_ioctl {
	unsigned int cmd;
	size_t size;
	size_t min_size;
	long (*fn)(struct vms_store *store, void *arg);
};

static const struct vms_ioctl ioctls[] = {
	{ VMSPACE_INFO, sizeof(struct vmspace_info),
	  offsetofend(struct vmspace_info, max_run_us), ioctl_info },
	{ VMSPACE_STEP, sizeof(struct vmspace_step),
	  offsetofend(struct vmspace_step, pad), ioctl_step },
};

static long device_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	union {
		struct vmspace_info info;
		struct vmspace_step step;
	} u;
	void __user *user = (void __user *)arg;
	const struct vms_ioctl *ioctl;
	unsigned int words, nr = _IOC_NR(cmd);
	u32 size;
	long ret;

	if (nr >= ARRAY_SIZE(ioctls))
		return -ENOTTY;
	ioctl = &ioctls[array_index_nospec(nr, ARRAY_SIZE(ioctls))];
	if (ioctl->cmd != cmd)
		return -ENOTTY;
	/* The smallest first, then what there is more of. */
	if (get_words((u64 *)&u, user, ioctl->min_size / sizeof(u64)))
		return -EFAULT;
	size = *(u32 *)&u;
	if (size < ioctl->min_size)
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	if (size > ioctl->min_size || ioctl->size > ioctl->min_size) {
		ret = copy_struct_from_user((u8 *)&u + ioctl->min_size,
					    ioctl->size - ioctl->min_size,
					    (u8 __user *)user + ioctl->min_size,
					    size - ioctl->min_size);
		if (ret)
			return ret;
	}
	ret = ioctl->fn(file->private_data, &u);
	/* Also on failure: how far it came. */
	words = min_t(size_t, size, ioctl->size) / sizeof(u64);
	if (put_words(user, (const u64 *)&u, words) && !ret)
		ret = -EFAULT;
	return ret;
}

static int device_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct vms_store *store = file->private_data;
	struct vms_object *obj;
	int ret;

	if (vma->vm_pgoff >> VMS_MMAP_SHIFT > VMS_MAX_ID)
		return -EINVAL;
	obj = vms_store_get(store, vma->vm_pgoff >> VMS_MMAP_SHIFT, VMS_MEMORY);
	if (IS_ERR(obj))
		return PTR_ERR(obj);
	ret = vms_memory_mmap(container_of(obj, struct vms_memory, obj), vma);
	if (ret)
		vms_object_put(obj);
	return ret;
}

static int device_open(struct inode *inode, struct file *file)
{
	struct vms_store *store = vms_store_create();

	if (!store)
		return -ENOMEM;
	file->private_data = store;
	return 0;
}

static int device_release(struct inode *inode, struct file *file)
{
	vms_store_destroy(file->private_data);
	return 0;
}

static const struct file_operations device_fops = {
	.owner = THIS_MODULE,
	.open = device_open,
	.release = device_release,
	.unlocked_ioctl = device_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = device_mmap,
	.llseek = noop_llseek,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "vmspace",
	.fops = &device_fops,
	.mode = 0600,
};

static int __init vmspace_init(void)
{
	int ret;

	ret = vms_mmu_init();
	if (ret)
		return ret;
	ret = vms_table_init();
	if (ret)
		return ret;
	ret = vms_residents_init();
	if (ret)
		goto exit_table;
	vms_debugfs_init();
	ret = misc_register(&device);
	if (ret)
		goto exit_debugfs;
	return 0;

exit_debugfs:
	vms_debugfs_exit();
	vms_residents_exit();
exit_table:
	vms_table_exit();
	return ret;
}

/* No file is open, so there are no objects but those on their way out. */
static void __exit vmspace_exit(void)
{
	misc_deregister(&device);
	vms_residents_exit();
	vms_debugfs_exit();
	vms_table_exit();
}

module_init(vmspace_init);
module_exit(vmspace_exit);

MODULE_DESCRIPTION("Private x86-64 address spaces, driven through /dev/vmspace");
MODULE_VERSION("1.0");
MODULE_LICENSE("GPL");
