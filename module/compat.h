/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between kernels, and what modules must declare by themselves.
 * Nothing outside this file looks at LINUX_VERSION_CODE.
 */
#ifndef VMS_COMPAT_H
#define VMS_COMPAT_H

#include <linux/mem_encrypt.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/version.h>
#include <asm/tlbflush.h>

/**
 * vms_sme_mask - the bit of a physical address that says "encrypted", or 0
 */
static inline u64 vms_sme_mask(void)
{
	return sme_me_mask;
}

/*
 * Exported, but declared for built-in code only: arch/x86/include/asm/tlbflush.h.
 */
struct tlb_state_shared {
	bool is_lazy;
};
DECLARE_PER_CPU_SHARED_ALIGNED(struct tlb_state_shared, cpu_tlbstate_shared);

/**
 * vms_leave_lazy_mm - load the kernel's own root if a user mm is loaded lazily
 *
 * Context: a kernel thread, interrupts disabled.
 *
 * Return: whether it was so.
 */
static inline bool vms_leave_lazy_mm(void)
{
	if (!this_cpu_read(cpu_tlbstate_shared.is_lazy))
		return false;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	leave_mm();
#else
	leave_mm(smp_processor_id());
#endif
	return true;
}

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static inline void vm_flags_set(struct vm_area_struct *vma, unsigned long flags)
{
	vma->vm_flags |= flags;
}
#endif

#endif /* VMS_COMPAT_H */
