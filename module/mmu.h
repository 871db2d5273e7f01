/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Entering and leaving a root, one access through the MMU, INVLPG.
 */
#ifndef VMS_MMU_H
#define VMS_MMU_H

#include <linux/cpumask.h>
#include <linux/types.h>

/**
 * struct vms_mmu - what a CPU loads
 * @root:	the top-level table
 * @inside:	CPUs that may hold translations of it: a CPU joins before it loads
 *		the root and leaves after it has loaded another
 * @crossings:	per CPU: times that it went in or came out, odd while it is inside; written by
 *		itself, while it is in @inside
 */
struct vms_mmu {
	u64 *root;
	cpumask_var_t inside;
	unsigned long __percpu *crossings;
};

int vms_mmu_init(void);
unsigned int vms_mmu_levels(void);
unsigned int vms_mmu_leaf_level(void);

int vms_mmu_enter(struct vms_mmu *mmu);
int vms_mmu_leave(struct vms_mmu *mmu);
bool vms_mmu_entered(const struct vms_mmu *mmu);

void vms_mmu_flush_page(u64 va);
void vms_mmu_flush_all(const struct vms_mmu *mmu);

bool vms_mmu_load(u64 va, unsigned int width, u64 *value);
bool vms_mmu_store(u64 va, unsigned int width, u64 value);
size_t vms_mmu_copy_from(void *to, u64 va, size_t len);
size_t vms_mmu_copy_to(u64 va, const void *from, size_t len);

#endif /* VMS_MMU_H */
