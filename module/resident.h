/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CPUs that live in a space, requests to them, hot-unplug.
 */
#ifndef VMS_RESIDENT_H
#define VMS_RESIDENT_H

#include <linux/types.h>

struct vms_request;
struct vms_run;
struct vms_space;

/**
 * enum vms_request_kind - what a resident can be asked for
 * @VMS_LOAD:		one load
 * @VMS_STORE:		one store
 * @VMS_COPY_FROM:	a copy out of the space
 * @VMS_COPY_TO:	a copy into the space
 * @VMS_PROGRAM:	an access program
 */
enum vms_request_kind {
	VMS_LOAD,
	VMS_STORE,
	VMS_COPY_FROM,
	VMS_COPY_TO,
	VMS_PROGRAM,
};

/**
 * struct vms_access - one access, copy or program through the MMU of a CPU
 * @kind:	which
 * @va:		where
 * @width:	of a load or store, in bytes
 * @value:	loaded, or to be stored
 * @data:	buffer of a copy, of @len bytes, from kmalloc(); owned by the request
 *		from vms_request_submit() on
 * @run:	of a program; the request takes a reference of its own
 * @index:	of the program in @run
 * @len:	of a copy
 * @done:	bytes that did not fault
 * @crossings:	of the CPU (struct vms_mmu) when it was made
 */
struct vms_access {
	enum vms_request_kind kind;
	u64 va;
	unsigned int width;
	u64 value;
	u8 *data;
	struct vms_run *run;
	unsigned int index;
	size_t len;
	size_t done;
	unsigned long crossings;
};

/* What one copy can move; longer ones are made of these. */
#define VMS_COPY_MAX	16384

int vms_residents_init(void);
void vms_residents_exit(void);

int vms_resident_start(struct vms_space *space, unsigned int cpu, bool resident);
int vms_resident_stop(struct vms_space *space, unsigned int cpu);
void vms_residents_stop(struct vms_space *space);

int vms_resident_use(struct vms_space *space, unsigned int cpu);
void vms_resident_unuse(struct vms_space *space, unsigned int cpu);
struct vms_request *vms_request_submit(struct vms_space *space, unsigned int cpu,
				       const struct vms_access *access);
int vms_request_wait(struct vms_request *req, struct vms_access *access);
int vms_resident_access(struct vms_space *space, unsigned int cpu, struct vms_access *access);
unsigned int vms_residents_count(struct vms_space *space);
int vms_resident_state(struct vms_space *space, unsigned int cpu, u32 *state);

#endif /* VMS_RESIDENT_H */
