/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A machine to run on: frames with reference counts, CPUs with TLBs, and what
 * the sources under test expect of the rest of the module.
 */
#ifndef MACHINE_H
#define MACHINE_H

#include "cursor.h"
#include "memory.h"
#include "space.h"

/* Frames of each size are in a zone of their own, by level. */
#define ZONES		(VMS_MAX_LEAF_LEVEL + 1)
#define ZONE_SHIFT	46
#define ZONE_BASE(level) (BIT_ULL(50) | ((u64)(level) << ZONE_SHIFT))

/**
 * struct frame - a piece of memory that can be mapped
 * @refs:	handles and leaves; 0 if it is free
 * @released:	how often the last reference went
 * @writable:	mappings may be writable
 * @dirty:	a leaf that was dirty was released
 * @accessed:	a leaf that was accessed was released
 */
struct frame {
	int refs;
	int released;
	bool writable;
	bool dirty;
	bool accessed;
} __attribute__((aligned(64)));

struct zone {
	unsigned int nr;
	struct frame *frames;
};

extern struct zone zones[ZONES];

/**
 * struct object - a memory object
 * @mem:	what the sources see of it
 * @level:	of its frames
 * @frame:	the number of each in its zone
 */
struct object {
	struct vms_memory mem;
	unsigned int level;
	unsigned int *frame;
};

void machine_init(unsigned int nr_4k, unsigned int nr_2m, unsigned int nr_1g);
void machine_exit(void);

struct object *object_create(unsigned int level, const unsigned int *frames, unsigned int nr,
			     bool writable, u32 cache);
void object_destroy(struct object *object);
u64 object_pa(const struct object *object, u64 index);
struct frame *frame_at(u64 pa);

struct vms_space *space_create(unsigned int levels, unsigned int leaf_level);
void space_destroy(struct vms_space *space);
void cursor_drop(struct vms_cursor *c);

/**
 * struct translation - what a TLB holds
 * @va:		first address
 * @size:	of the page, 0 if it holds nothing
 * @entry:	the leaf, as it was when it was cached
 */
struct translation {
	u64 va;
	u64 size;
	u64 entry;
};

/* What a paging-structure cache holds: where the table for a range is. */
struct structure {
	u64 va;
	u64 size;
	unsigned int level;
	u64 *table;
};

#define TLB_SIZE	24
#define STRUCTURES	8

struct cpu {
	pthread_mutex_t lock;	/* interrupts are off: one instruction runs */
	const struct vms_space *space;
	unsigned int next;
	unsigned int next_structure;
	struct translation tlb[TLB_SIZE];
	struct structure structures[STRUCTURES];
};

extern struct cpu cpus[STUB_CPUS];

/**
 * struct access - one load or store
 * @fault:	it faulted
 * @slot:	the entry in which A, or D, was set; NULL if the TLB served it, or at a fault
 * @pa:		what was accessed
 */
struct access {
	bool fault;
	u64 *slot;
	u64 pa;
};

void cpu_enter(unsigned int cpu, struct vms_space *space);
void cpu_leave(unsigned int cpu, struct vms_space *space);
void cpu_access(unsigned int cpu, u64 va, bool store, struct access *access);

struct vms_cursor *space_open_cursor(struct vms_space *space, u64 start, u64 end,
				     unsigned int level, bool mutable, bool nonblock);

#endif /* MACHINE_H */
