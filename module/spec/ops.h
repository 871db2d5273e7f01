/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Many operations at once: what of the operating system's rules is left if the one
 * lock becomes the ranges of cursors, and one address per shootdown becomes as many as
 * an operation has removed.
 *
 * An operation is known by a number, that of its cursor, which has one at a time (S52).
 * A cursor owns its range from open to drop (S53); it holds a lock, so to speak, and
 * never waits in here.  While its operation executes it changes the page table, and each
 * change leaves behind what cores may still hold of it: the operation's stale
 * translations.  It may have them flushed at any time:
 *
 *   idle -start-> executing -end-> idle
 *   executing -initiate_shootdown-> shootdown -end_shootdown-> executing
 *
 * The shootdown vector is the set of cores that hold any of them: a core may
 * acknowledge only if it holds none (S69, S91), the shootdown ends when no core does
 * (S70), and what was removed is released after that and not before (S86).  What has to be
 * flushed always belongs to an open cursor (S94): an operation may end with its flush
 * deferred, a cursor may not be dropped so; but in a LAB, where nothing need ever be flushed,
 * and nothing is released until the address space is gone.
 *
 * TLBs cannot be seen (tlb.h).  Who flushes, and acknowledges, and in which order, is told
 * by whoever drives the machine.
 *
 * All functions return NULL; or the rule that is violated, and then nothing has
 * changed; or spec_no_memory, likewise, but for those that take many steps at once.
 */
#ifndef SPEC_OPS_H
#define SPEC_OPS_H

#include "hw.h"

enum spec_op_state {
	SPEC_OP_IDLE,
	SPEC_OP_EXECUTING,
	SPEC_OP_SHOOTDOWN,
};

/**
 * struct spec_op - the operation of a cursor
 * @id:		the cursor
 * @range:	what it owns
 * @state:	see there
 * @scope:	where it has things flushed, in SPEC_OP_SHOOTDOWN
 */
struct spec_op {
	u64 id;
	struct spec_region range;
	enum spec_op_state state;
	struct spec_region scope;
};

/**
 * struct spec_ops - an address space with all operations on it
 * @hw:		page table and TLBs
 * @ops:	struct spec_op
 * @levels:	of the page table
 * @is_lab:	flushes may be omitted
 */
struct spec_ops {
	struct spec_hw hw;
	struct spec_vector ops;
	unsigned int levels;
	bool is_lab;
};

/* Everywhere: the scope of a shootdown that leaves nothing out. */
#define SPEC_EVERYWHERE		((struct spec_region) { 0, ~0ULL })

int spec_ops_init(struct spec_ops *m, const struct spec_alloc *alloc, unsigned int core_no,
		  unsigned int levels, bool is_lab);
void spec_ops_destroy(struct spec_ops *m);

const char *spec_ops_open(struct spec_ops *m, u64 id, struct spec_region range);
const char *spec_ops_widen(struct spec_ops *m, u64 id, struct spec_region range);
const char *spec_ops_drop(struct spec_ops *m, u64 id);
const char *spec_ops_start(struct spec_ops *m, u64 id);
const char *spec_ops_end(struct spec_ops *m, u64 id, bool is_deferred);

const char *spec_ops_map(struct spec_ops *m, u64 id, u64 va, const struct spec_pte *pte);
const char *spec_ops_unmap(struct spec_ops *m, u64 id, u64 va);
const char *spec_ops_protect(struct spec_ops *m, u64 id, u64 va, struct spec_flags flags,
			     u32 attrs);
const char *spec_ops_harvest(struct spec_ops *m, u64 id, u64 va, u32 attrs);
const char *spec_ops_map_run(struct spec_ops *m, u64 id, u64 va, unsigned int nr,
			     const u64 *frames, const struct spec_pte *rights);
const char *spec_ops_protect_run(struct spec_ops *m, u64 id, u64 va, unsigned int nr,
				 struct spec_bits bits);
const char *spec_ops_unmap_all(struct spec_ops *m, u64 id, struct spec_region region, u64 *bytes);
const char *spec_ops_split(struct spec_ops *m, u64 id, u64 va);
const char *spec_ops_unlink(struct spec_ops *m, u64 id, u64 va, unsigned int level);

const char *spec_ops_initiate_shootdown(struct spec_ops *m, u64 id, struct spec_region scope);
const char *spec_ops_ack_shootdown_ipi(struct spec_ops *m, u64 id, unsigned int core);
const char *spec_ops_end_shootdown(struct spec_ops *m, u64 id);
const char *spec_ops_release(struct spec_ops *m, u64 id);
const char *spec_ops_gone(const struct spec_ops *m);

const char *spec_ops_inv(const struct spec_ops *m);

#endif /* SPEC_OPS_H */
