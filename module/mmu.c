// SPDX-License-Identifier: GPL-2.0-only
/*
 * Entering and leaving a root, one access through the MMU, INVLPG: all that is
 * specific to the CPU, and no policy.
 *
 * Only kernel threads of this module come here.  A user task inside a foreign
 * root would let an NMI walk "its" stack in the wrong table; a kernel thread
 * has no mm, so nobody takes the user half for one.  kthread_use_mm() would
 * undo just that, and is not used.
 *
 * While inside, preemption is off and interrupts are on, so that flush
 * interrupts are served.  Nothing may sleep there.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/hw_breakpoint.h>
#include <linux/io.h>
#include <linux/kthread.h>
#include <linux/pgtable.h>
#include <linux/sched.h>
#include <linux/uaccess.h>
#include <asm/debugreg.h>
#include <asm/special_insns.h>
#include "compat.h"
#include "geometry.h"
#include "mmu.h"
#include "entry.h"

/* Physical address of init_mm's root, which is never freed. */
static u64 kernel_root __ro_after_init;

/**
 * struct vms_visit - what a CPU needs to go home; its own
 * @mmu:	where it is, NULL outside
 * @home:	CR3 to return to
 */
struct vms_visit {
	const struct vms_mmu *mmu;
	unsigned long home;
};

static DEFINE_PER_CPU(struct vms_visit, visit);

/*
 * The kernel half is complete from boot on, but for memory hotplug, and there
 * is no fault that would fill it in later: look on every entry. Residents are
 * evicted while memory goes online.
 */
static void refresh_kernel_half(const struct vms_mmu *mmu)
{
	const u64 *live = phys_to_virt(kernel_root);
	unsigned int i;

	for (i = VMS_ENTRIES / 2; i < VMS_ENTRIES; i++) {
		u64 e = READ_ONCE(live[i]);

		/*
		 * Never through set_pgd(), which with page-table isolation
		 * writes a second table as well.
		 */
		if (READ_ONCE(mmu->root[i]) != e)
			WRITE_ONCE(mmu->root[i], e);
	}
}

static u64 root_pa(const struct vms_mmu *mmu)
{
	return __pa(mmu->root);
}

/* PCID 0, without the no-flush bit: the load flushes what PCID 0 had. */
static void load_root(const struct vms_mmu *mmu)
{
	write_cr3(root_pa(mmu) | vms_sme_mask());
}

/**
 * vms_mmu_enter - load a root on this CPU
 * @mmu: the space's
 *
 * Context: a kernel thread without an mm, preemption and interrupts on. Inside
 * preemption is off; vms_mmu_leave() must follow within about a millisecond, as
 * no RCU quiescent state is reported from inside.
 *
 * Return: 0, or -EAGAIN outside, if the CPU is on a user mm that it does not
 * hold lazily, which passes.
 */
int vms_mmu_enter(struct vms_mmu *mmu)
{
	int cpu = get_cpu();

	local_irq_disable();
	/*
	 * A kernel thread runs on whatever user mm was loaded before it. When
	 * that mm frees page tables, an interrupt makes the CPU replace CR3
	 * under our feet, and a CR3 saved before leads into freed tables. With
	 * init_mm loaded nobody reloads CR3 behind our back.
	 */
	vms_leave_lazy_mm();
	if (read_cr3_pa() != kernel_root) {
		local_irq_enable();
		put_cpu();
		return -EAGAIN;
	}
	refresh_kernel_half(mmu);
	/* Read on every entry: its PCID may differ from the last time. */
	__this_cpu_write(visit.home, __read_cr3());
	__this_cpu_write(visit.mmu, mmu);
	/* A breakpoint on a user address would fire on ours. */
	if (hw_breakpoint_active())
		hw_breakpoint_disable();
	cpumask_set_cpu(cpu, mmu->inside);
	/*
	 * Whoever changes an entry does so before it reads the set: either it
	 * finds this CPU there, or this CPU finds the new entry.
	 */
	smp_mb__after_atomic();
	__this_cpu_inc(*mmu->crossings);
	load_root(mmu);
	local_irq_enable();
	return 0;
}

/**
 * vms_mmu_leave - load the kernel's own root again
 * @mmu: what was entered
 *
 * Context: inside; outside afterwards, preemption on.
 *
 * Return: 0, or -EIO if CR3 was not ours any more: then it is left alone, and
 * this CPU should not enter again.
 */
int vms_mmu_leave(struct vms_mmu *mmu)
{
	int ret = 0;

	local_irq_disable();
	if (WARN_ONCE(read_cr3_pa() != root_pa(mmu), "vmspace: CR3 was replaced inside a space\n"))
		ret = -EIO;
	else
		/*
		 * Without the no-flush bit: a flush of kernel addresses that
		 * was served inside hit PCID 0, not the PCID that we return to.
		 */
		write_cr3(__this_cpu_read(visit.home));
	__this_cpu_write(visit.mmu, NULL);
	__this_cpu_inc(*mmu->crossings);
	/* Everything read inside was read before others see us gone. */
	smp_mb__before_atomic();
	cpumask_clear_cpu(smp_processor_id(), mmu->inside);
	if (hw_breakpoint_active())
		set_debugreg(__this_cpu_read(cpu_dr7), 7);
	local_irq_enable();
	put_cpu();
	return ret;
}

/**
 * vms_mmu_entered - whether this CPU has a root loaded
 * @mmu: the space's
 *
 * Context: an interrupt, or preemption off.
 */
bool vms_mmu_entered(const struct vms_mmu *mmu)
{
	return __this_cpu_read(visit.mmu) == mmu;
}

/**
 * vms_mmu_flush_page - drop this CPU's translations of one page
 * @va: an address in it
 *
 * With them go all its paging-structure caches (SDM volume 3A, 4.10.4.1), on
 * AMD with EFER.TCE those of this address only.
 *
 * Context: inside.
 */
void vms_mmu_flush_page(u64 va)
{
	asm volatile("invlpg (%0)" : : "r" (va) : "memory");
}

/**
 * vms_mmu_flush_all - drop all of this CPU's translations of a root
 * @mmu: the space's
 *
 * Context: inside, in an interrupt or with interrupts off.
 */
void vms_mmu_flush_all(const struct vms_mmu *mmu)
{
	/* There are no global translations in the user half. */
	load_root(mmu);
}

/*
 * Accesses always go through STAC, which user_access_begin() does: with AC
 * clear a fault would oops before the exception table is looked at. They are
 * supervisor accesses all the same, and so do not see the U/S bit.
 */
#define MMU_LOAD(type, va, value, fault)				\
	do {								\
		type __v;						\
		unsafe_get_user(__v, (type __user *)(va), fault);	\
		*(value) = __v;						\
	} while (0)

/*
 * A flush interrupt may do accesses of its own in the middle of either. It leaves the
 * task's count as it found it, so that what it interrupted counts right.
 */
static void access_begin(void)
{
	kcsan_disable_current();
	pagefault_disable();
	kcsan_enable_current();
}

static void access_end(void)
{
	kcsan_disable_current();
	pagefault_enable();
	kcsan_enable_current();
}

/**
 * vms_mmu_load - one load
 * @va:		aligned to @width, below the end of the user half
 * @width:	1, 2, 4 or 8 bytes
 * @value:	receives what was loaded
 *
 * Context: inside.
 *
 * Return: false if it faulted.
 */
bool vms_mmu_load(u64 va, unsigned int width, u64 *value)
{
	bool ok = false;

	access_begin();
	if (!user_read_access_begin((void __user *)va, width))
		goto out;
	switch (width) {
	case 1:
		MMU_LOAD(u8, va, value, fault);
		break;
	case 2:
		MMU_LOAD(u16, va, value, fault);
		break;
	case 4:
		MMU_LOAD(u32, va, value, fault);
		break;
	default:
		MMU_LOAD(u64, va, value, fault);
		break;
	}
	ok = true;
fault:
	user_read_access_end();
out:
	access_end();
	return ok;
}

/**
 * vms_mmu_store - one store
 * @va:		aligned to @width, below the end of the user half
 * @width:	1, 2, 4 or 8 bytes
 * @value:	what to store
 *
 * Context: inside.
 *
 * Return: false if it faulted.
 */
bool vms_mmu_store(u64 va, unsigned int width, u64 value)
{
	bool ok = false;

	access_begin();
	if (!user_write_access_begin((void __user *)va, width))
		goto out;
	switch (width) {
	case 1:
		unsafe_put_user((u8)value, (u8 __user *)va, fault);
		break;
	case 2:
		unsafe_put_user((u16)value, (u16 __user *)va, fault);
		break;
	case 4:
		unsafe_put_user((u32)value, (u32 __user *)va, fault);
		break;
	default:
		unsafe_put_user(value, (u64 __user *)va, fault);
		break;
	}
	ok = true;
fault:
	user_write_access_end();
out:
	access_end();
	return ok;
}

/**
 * vms_mmu_copy_from - copy out of the space
 * @to:		kernel buffer
 * @va:		where from
 * @len:	bytes, at most a page or so
 *
 * Context: inside.
 *
 * Return: bytes copied before the first that faulted.
 */
size_t vms_mmu_copy_from(void *to, u64 va, size_t len)
{
	size_t left;

	access_begin();
	left = __copy_from_user_inatomic(to, (void __user *)va, len);
	access_end();
	return len - left;
}

/**
 * vms_mmu_copy_to - copy into the space
 * @va:		where to
 * @from:	kernel buffer
 * @len:	bytes, at most a page or so
 *
 * Context: inside.
 *
 * Return: bytes copied before the first that faulted.
 */
size_t vms_mmu_copy_to(u64 va, const void *from, size_t len)
{
	size_t left;

	access_begin();
	left = __copy_to_user_inatomic((void __user *)va, from, len);
	access_end();
	return len - left;
}

/**
 * vms_mmu_levels - levels of the page tables that the CPUs walk, 4 or 5
 */
unsigned int vms_mmu_levels(void)
{
	return pgtable_l5_enabled() ? 5 : 4;
}

/**
 * vms_mmu_leaf_level - level of the largest leaves that the CPUs know
 */
unsigned int vms_mmu_leaf_level(void)
{
	return boot_cpu_has(X86_FEATURE_GBPAGES) ? 3 : 2;
}

/**
 * struct vms_probe - how the kernel's own root is found
 * @done:	the thread is through
 * @root:	what it found, or 0
 */
struct vms_probe {
	struct completion done;
	u64 root;
};

static int probe_thread(void *data)
{
	struct vms_probe *probe = data;

	local_irq_disable();
	if (vms_leave_lazy_mm())
		probe->root = read_cr3_pa();
	local_irq_enable();
	kthread_complete_and_exit(&probe->done, 0);
}

/*
 * init_mm is not exported, and nothing else tells its root from another: take
 * it from a thread that runs right after this task on the same CPU, and so has
 * this task's mm loaded lazily, at the moment when it leaves it.
 */
static int __init find_kernel_root(void)
{
	struct vms_probe probe = {};
	unsigned int tries;

	for (tries = 0; tries < 100 && !probe.root; tries++) {
		struct task_struct *thread;

		init_completion(&probe.done);
		thread = kthread_create(probe_thread, &probe, "vmspace/probe");
		if (IS_ERR(thread)) {
			pr_err("cannot start a thread: %pe\n", thread);
			return PTR_ERR(thread);
		}
		kthread_bind(thread, raw_smp_processor_id());
		wake_up_process(thread);
		wait_for_completion(&probe.done);
	}
	kernel_root = probe.root;
	if (kernel_root)
		return 0;
	pr_err("cannot find the kernel's own page table\n");
	return -EAGAIN;
}

/**
 * vms_mmu_init - see whether private roots can work here
 *
 * Return: 0, -ENODEV if the machine, or -EOPNOTSUPP if the kernel, is of the wrong
 * kind, -EAGAIN if the kernel's own root could not be found, -ENOMEM, -EINTR.
 */
int __init vms_mmu_init(void)
{
	if (boot_cpu_has(X86_FEATURE_XENPV)) {
		pr_err("a Xen PV guest does not own its page tables\n");
		return -ENODEV;
	}
	/* Spinlocks sleep there, and residents take them inside. */
	if (IS_ENABLED(CONFIG_PREEMPT_RT)) {
		pr_err("kernels with PREEMPT_RT are not supported\n");
		return -EOPNOTSUPP;
	}
	/* XD is reserved without it, and a reserved bit in a live entry an oops. */
	if (!boot_cpu_has(X86_FEATURE_NX)) {
		pr_err("the CPU has no execute-disable (NX)\n");
		return -ENODEV;
	}
	/* (S4) */
	if (boot_cpu_data.x86_phys_bits < 32 || boot_cpu_data.x86_phys_bits > 52) {
		pr_err("physical addresses of %u bits\n", boot_cpu_data.x86_phys_bits);
		return -ENODEV;
	}
	return find_kernel_root();
}
