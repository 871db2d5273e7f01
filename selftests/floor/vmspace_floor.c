// SPDX-License-Identifier: GPL-2.0-only
/*
 * The floor that the bench compares with: bare loops that store entries and take
 * and drop the references of frames, and an interrupt to other CPUs that does
 * nothing there.  It shares no code with the module that is measured.
 *
 * A module of its own, for the virtual machine.
 */
#include <linux/cpumask.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/ktime.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/uaccess.h>
#include "floor.h"

#define PRESENT		BIT_ULL(0)
#define WRITABLE	BIT_ULL(1)

/* Whoever measures is alone. */
static DEFINE_MUTEX(lock);

/**
 * struct floor - what the loops work on
 * @nr:		pages in all
 * @pages:	the frames
 * @entries:	an entry for each
 */
struct floor {
	unsigned int nr;
	struct page **pages;
	u64 *entries;
};

static noinline void map_range(const struct floor *f, unsigned int first, unsigned int nr)
{
	unsigned int i;

	for (i = first; i < first + nr; i++) {
		get_page(f->pages[i]);
		WRITE_ONCE(f->entries[i], page_to_phys(f->pages[i]) | PRESENT | WRITABLE);
	}
}

/* A CPU that walks the table could set a bit at any moment. */
static noinline void protect_range(const struct floor *f, unsigned int first, unsigned int nr)
{
	unsigned int i;

	for (i = first; i < first + nr; i++)
		atomic64_andnot(WRITABLE, (atomic64_t *)&f->entries[i]);
}

static noinline void unmap_range(const struct floor *f, unsigned int first, unsigned int nr)
{
	unsigned int i;

	for (i = first; i < first + nr; i++)
		put_page(pfn_to_page(PHYS_PFN(xchg(&f->entries[i], 0))));
}

/* What one of the loops takes for all ranges; -EIO if it did not do its work. */
static int time_loop(const struct floor *f, const struct floor_pages *arg,
		     void (*loop)(const struct floor *f, unsigned int first, unsigned int nr),
		     u64 bits, int refs, u64 *ns)
{
	unsigned int i;

	*ns = ktime_get_ns();
	for (i = 0; i < arg->ranges; i++)
		loop(f, i * arg->pages, arg->pages);
	*ns = ktime_get_ns() - *ns;
	for (i = 0; i < f->nr; i++)
		if ((f->entries[i] & (PRESENT | WRITABLE)) != bits ||
		    page_count(f->pages[i]) != refs)
			return -EIO;
	cond_resched();
	return 0;
}

static int floor_alloc(struct floor *f, unsigned int nr)
{
	f->entries = kvcalloc(nr, sizeof(*f->entries), GFP_KERNEL);
	f->pages = kvcalloc(nr, sizeof(*f->pages), GFP_KERNEL);
	if (!f->entries || !f->pages)
		return -ENOMEM;
	for (f->nr = 0; f->nr < nr; f->nr++) {
		f->pages[f->nr] = alloc_page(GFP_USER);
		if (!f->pages[f->nr])
			return -ENOMEM;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

static void floor_free(struct floor *f)
{
	unsigned int i;

	for (i = 0; i < f->nr; i++)
		__free_page(f->pages[i]);
	kvfree(f->pages);
	kvfree(f->entries);
}

static long floor_pages(struct floor_pages *arg)
{
	struct floor f = {};
	int ret;

	if (!arg->pages || !arg->ranges || arg->pages > FLOOR_MAX_PAGES ||
	    arg->ranges > FLOOR_MAX_PAGES / arg->pages)
		return -EINVAL;
	ret = floor_alloc(&f, arg->pages * arg->ranges);
	if (!ret)
		ret = time_loop(&f, arg, map_range, PRESENT | WRITABLE, 2, &arg->map_ns);
	if (!ret)
		ret = time_loop(&f, arg, protect_range, PRESENT, 2, &arg->protect_ns);
	if (!ret)
		ret = time_loop(&f, arg, unmap_range, 0, 1, &arg->unmap_ns);
	floor_free(&f);
	return ret;
}

static DEFINE_PER_CPU(unsigned int, handled);

static void handle(void *arg)
{
	this_cpu_inc(handled);
}

static unsigned int handled_in_all(void)
{
	unsigned int cpu, sum = 0;

	for_each_possible_cpu(cpu)
		sum += per_cpu(handled, cpu);
	return sum;
}

static u64 time_interrupt(const struct cpumask *cpus)
{
	u64 ns;

	preempt_disable();
	ns = ktime_get_ns();
	smp_call_function_many(cpus, handle, NULL, true);
	ns = ktime_get_ns() - ns;
	preempt_enable();
	return ns;
}

static long floor_interrupts(struct floor_interrupts *arg)
{
	u64 __user *to = u64_to_user_ptr(arg->addr);
	unsigned int cpu, i, before = handled_in_all();
	cpumask_var_t cpus;
	int ret = 0;

	if (!arg->rounds || arg->rounds > FLOOR_MAX_ROUNDS)
		return -EINVAL;
	if (!zalloc_cpumask_var(&cpus, GFP_KERNEL))
		return -ENOMEM;
	for (cpu = 0; cpu < min(nr_cpu_ids, 64U); cpu++)
		if (arg->cpus & BIT_ULL(cpu))
			cpumask_set_cpu(cpu, cpus);
	for (i = 0; i < arg->rounds && !ret; i++) {
		ret = put_user(time_interrupt(cpus), &to[i]);
		if (fatal_signal_pending(current))
			ret = -EINTR;
		cond_resched();
	}
	arg->handled = handled_in_all() - before;
	free_cpumask_var(cpus);
	return ret;
}

static long device_ioctl(struct file *file, unsigned int cmd, unsigned long user)
{
	union {
		struct floor_pages pages;
		struct floor_interrupts interrupts;
	} arg;
	long ret;

	if (cmd != FLOOR_PAGES && cmd != FLOOR_INTERRUPTS)
		return -ENOTTY;
	if (copy_from_user(&arg, (void __user *)user, _IOC_SIZE(cmd)))
		return -EFAULT;
	ret = mutex_lock_killable(&lock);
	if (ret)
		return ret;
	if (cmd == FLOOR_PAGES)
		ret = floor_pages(&arg.pages);
	else
		ret = floor_interrupts(&arg.interrupts);
	mutex_unlock(&lock);
	if (!ret && copy_to_user((void __user *)user, &arg, _IOC_SIZE(cmd)))
		ret = -EFAULT;
	return ret;
}

static const struct file_operations device_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = device_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = noop_llseek,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "vmspace_floor",
	.fops = &device_fops,
	.mode = 0600,
};

module_misc_device(device);

MODULE_DESCRIPTION("The floor that vmspace is measured against");
MODULE_LICENSE("GPL");
