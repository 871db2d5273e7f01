/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The running system held against the specification.
 */
#ifndef VMS_AUDIT_H
#define VMS_AUDIT_H

#include <linux/jump_label.h>
#include <linux/types.h>
#include "spec/monitor.h"

struct seq_file;
struct vms_access;
struct vms_cursor;
struct vms_map;
struct vms_space;

/**
 * struct vms_ack - what a CPU did when a shootdown interrupted it; its own
 * @acked:	the handler ran
 * @flushed:	what it flushed
 * @translates:	it still translates an address that is not mapped
 * @va:		that address
 */
struct vms_ack {
	bool acked;
	struct spec_ack flushed;
	bool translates;
	u64 va;
};

/**
 * struct vms_ended - how an operation on a cursor ended
 * @start:	where it began
 * @pages:	4 KiB pages that it mapped, unmapped or met
 * @result:	0 or a negative error number
 * @map:	what it mapped, if it was a map
 */
struct vms_ended {
	u64 start;
	u64 pages;
	int result;
	const struct vms_map *map;
};

DECLARE_STATIC_KEY_FALSE(vms_audit_key);

struct vms_audit *vms_audit_create(struct vms_space *space, unsigned int kind);
void vms_audit_destroy(struct vms_space *space);
void vms_audit_show(struct seq_file *s, struct vms_space *space);

void vms_audit_lock(const struct vms_cursor *c);
void vms_audit_drop(const struct vms_cursor *c);
void vms_audit_map_start(const struct vms_cursor *c, const struct vms_map *map);
void vms_audit_unmap_start(const struct vms_cursor *c, u64 len);
void vms_audit_protect_start(const struct vms_cursor *c, u64 len, u32 clear, u32 set);
void vms_audit_write(const struct vms_cursor *c, u64 va, unsigned int level, u64 old, u64 new);
void vms_audit_map_run(const struct vms_cursor *c, const struct vms_map *map, u64 va,
		       unsigned int nr);
void vms_audit_protect_run(const struct vms_cursor *c, u64 va, unsigned int nr);
void vms_audit_op_end(const struct vms_cursor *c);
int vms_audit_end(const struct vms_cursor *c, const struct vms_ended *ended);

void vms_audit_initiate(struct vms_space *space, u64 op, const u64 *va, unsigned int nr,
			bool full, unsigned int scope);
u64 vms_audit_now(struct vms_space *space);
void vms_audit_probe(struct vms_space *space, const u64 *va, unsigned int nr,
		     struct vms_ack *ack);
struct vms_ack *vms_audit_begin_acks(struct vms_space *space);
void vms_audit_end_shootdown(struct vms_space *space, u64 op, struct vms_ack *acks);
void vms_audit_release(struct vms_space *space, u64 op);
void vms_audit_quarantine(struct vms_space *space, u64 op);

int vms_audit_access(struct vms_space *space, unsigned int cpu, const struct vms_access *a,
		     u64 ended);
int vms_audit_frame_free(struct vms_space *space, u64 frame, u64 size);

#endif /* VMS_AUDIT_H */
