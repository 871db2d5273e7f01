/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Access programs.
 */
#ifndef VMS_PROGRAM_H
#define VMS_PROGRAM_H

#include <linux/atomic.h>
#include <linux/kref.h>
#include <linux/types.h>
#include <linux/vmspace.h>

struct vms_space;

#define VMS_MAX_INSNS	64

/**
 * struct vms_program - one program of a run
 * @cpu:	where it runs
 * @nr:		of @insns
 * @addr:	of the caller's instructions
 * @insns:	a copy of them, into which the results go
 * @done:	instructions executed; the other programs wait for it
 * @ended:	VMSPACE_PROGRAM_*
 */
struct vms_program {
	u32 cpu;
	u32 nr;
	u64 addr;
	struct vmspace_insn *insns;
	u32 done;
	u32 ended;
};

/**
 * struct vms_run - programs that run at the same time, each on its own CPU
 * @ref:	the caller's, and of each request
 * @arrived:	CPUs that are inside and ready
 * @deadline:	CLOCK_MONOTONIC, in ns
 * @over:	one of them came to a premature end: the others end as well
 * @nr:		of @programs
 * @programs:	the programs
 */
struct vms_run {
	struct kref ref;
	atomic_t arrived;
	u64 deadline;
	bool over;
	unsigned int nr;
	struct vms_program programs[];
};

extern unsigned int vms_max_run_us;

int vms_run_create(struct vms_space *space, u64 addr, unsigned int count, struct vms_run **run);
void vms_run_put(struct vms_run *run);
int vms_run_results(struct vms_run *run, u64 addr, unsigned int *done);
int vms_run_execute(struct vms_space *space, struct vms_run *run, unsigned int timeout_us);
void vms_program_serve(struct vms_run *run, unsigned int index, bool (*called_out)(void));

#endif /* VMS_PROGRAM_H */
