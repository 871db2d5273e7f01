/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The operating system: one lock, one shootdown at a time, an operation on each
 * core (S51 to S77).
 *
 * Each step is a function that checks its enabling condition and then takes the
 * step.  It returns NULL; or the name of the conjunct that is violated, and then
 * nothing has changed; or spec_no_memory, likewise.
 *
 * Who "core" and "ULT" are in a running system is said by who drives the machine.  An
 * operation is known by its thread, not by the CPU that it happens to run on (S52).
 *
 * Changing the rights of a mapping is not part of the original specification; the
 * steps of it are built like those of unmap.
 */
#ifndef SPEC_OS_H
#define SPEC_OS_H

#include "hw.h"

/* What a core is doing (CoreState, S51). */
enum spec_state {
	SPEC_IDLE,
	SPEC_MAP_WAITING,
	SPEC_MAP_EXECUTING,
	SPEC_UNMAP_WAITING,
	SPEC_UNMAP_OP_EXECUTING,
	SPEC_UNMAP_OP_DONE,
	SPEC_UNMAP_SHOOTDOWN_WAITING,
	SPEC_PROTECT_WAITING,
	SPEC_PROTECT_EXECUTING,
	SPEC_PROTECT_OP_DONE,
	SPEC_PROTECT_SHOOTDOWN_WAITING,
	SPEC_NR_STATES,
};

/**
 * struct spec_core_state - what a core is doing, and to what (CoreState)
 * @state:	see there; the rest is zero where it has no meaning
 * @ult_id:	thread whose operation it is
 * @vaddr:	address that is operated on
 * @pte:	map: what shall be mapped; unmap and protect: what was found at @vaddr,
 *		once the operation is past its visible change and @ok
 * @flags:	protect: the new rights
 * @ok:		unmap and protect, from the visible change on: something was there
 */
struct spec_core_state {
	enum spec_state state;
	u32 ult_id;
	u64 vaddr;
	struct spec_pte pte;
	struct spec_flags flags;
	bool ok;
};

/**
 * struct spec_os_config - what does not change (OSConstants)
 * @core_no:	how many cores there are
 * @ult_no:	how many threads there are
 * @ult2core:	the core of each thread; stays in use
 * @levels:	of the page table, 4 or 5
 * @width:	of a physical address in bits
 * @phys_mem_size: words of physical memory
 * @see_tlbs:	see spec_hw_init()
 */
struct spec_os_config {
	unsigned int core_no;
	u32 ult_no;
	const unsigned int *ult2core;
	unsigned int levels;
	unsigned int width;
	u64 phys_mem_size;
	bool see_tlbs;
};

/**
 * struct spec_os - the machine (OSVariables)
 * @config:	what does not change
 * @hw:		the hardware
 * @core_states: of each core
 * @shootdown_vaddr: address of the last shootdown (ShootdownVector)
 * @open_requests: set of the cores that have yet to acknowledge it
 * @sound:	no operation was started that another one makes meaningless
 * @available:	table pages that can be allocated; whoever drives the machine sets it
 * @frames:	the mappings' frames, each with the address that it is mapped at; an
 *		index of the page table, right as long as @sound
 */
struct spec_os {
	struct spec_os_config config;
	struct spec_hw hw;
	struct spec_core_state *core_states;
	u64 shootdown_vaddr;
	u64 *open_requests;
	bool sound;
	u64 available;
	struct spec_map frames;
};

/* Names of the steps (OSStep, HWStep, AbstractStep). */
enum spec_step_kind {
	SPEC_STUTTER,		/* only of the abstract machine */
	SPEC_READ_WRITE,
	SPEC_TLB_FILL,
	SPEC_TLB_EVICT,
	SPEC_MAP_START,
	SPEC_MAP_OP_START,
	SPEC_MAP_END,
	SPEC_UNMAP_START,
	SPEC_UNMAP_OP_START,
	SPEC_UNMAP_OP_END,
	SPEC_UNMAP_INITIATE_SHOOTDOWN,
	SPEC_UNMAP_END,
	SPEC_PROTECT_START,
	SPEC_PROTECT_OP_START,
	SPEC_PROTECT_OP_CHANGE,
	SPEC_PROTECT_INITIATE_SHOOTDOWN,
	SPEC_PROTECT_END,
	SPEC_ACK_SHOOTDOWN_IPI,
	SPEC_VIEW_STUTTER,
	SPEC_NR_STEPS,
};

extern const char *const spec_step_names[SPEC_NR_STEPS];

/**
 * struct spec_step - a step with its parameters, as the functions have them
 * @kind:	which step
 * @ult_id:	thread, of steps that a thread takes
 * @core:	core, of the others; of an access both
 * @vaddr:	address
 * @base:	of an access: first address of the translation that is used
 * @has_pte:	of an access: there is one
 * @pte:	mapping
 * @flags:	rights
 * @op:		access
 * @ok:		result
 */
struct spec_step {
	enum spec_step_kind kind;
	u32 ult_id;
	unsigned int core;
	u64 vaddr;
	u64 base;
	bool has_pte;
	struct spec_pte pte;
	struct spec_flags flags;
	struct spec_rw_op op;
	bool ok;
};

int spec_os_init(struct spec_os *os, const struct spec_alloc *alloc,
		 const struct spec_os_config *config);
void spec_os_destroy(struct spec_os *os);

bool spec_holds_lock(const struct spec_core_state *s);
bool spec_is_map(const struct spec_core_state *s);
bool spec_is_unmap(const struct spec_core_state *s);
bool spec_is_protect(const struct spec_core_state *s);
bool spec_past_change(const struct spec_core_state *s);
bool spec_is_shootdown(const struct spec_core_state *s);
bool spec_kernel_lock(const struct spec_os *os, unsigned int *core);

const char *spec_map_enabled(unsigned int levels, unsigned int width, u64 vaddr,
			     const struct spec_pte *pte);
const char *spec_unmap_enabled(unsigned int levels, u64 vaddr);

const char *spec_os_read_write(struct spec_os *os, u32 ult_id, unsigned int core, u64 vaddr,
			       const struct spec_rw_op *op, u64 base, const struct spec_pte *pte);
const char *spec_os_tlb_fill(struct spec_os *os, unsigned int core, u64 vaddr,
			     const struct spec_pte *pte);
const char *spec_os_tlb_evict(struct spec_os *os, unsigned int core, u64 vaddr);

const char *spec_os_map_start(struct spec_os *os, u32 ult_id, u64 vaddr,
			      const struct spec_pte *pte);
const char *spec_os_map_op_start(struct spec_os *os, unsigned int core);
const char *spec_os_map_end(struct spec_os *os, unsigned int core, bool ok);

const char *spec_os_unmap_start(struct spec_os *os, u32 ult_id, u64 vaddr);
const char *spec_os_unmap_op_start(struct spec_os *os, unsigned int core, bool ok);
const char *spec_os_unmap_op_end(struct spec_os *os, unsigned int core);
const char *spec_os_unmap_initiate_shootdown(struct spec_os *os, unsigned int core);
const char *spec_os_unmap_end(struct spec_os *os, unsigned int core, bool ok);

const char *spec_os_protect_start(struct spec_os *os, u32 ult_id, u64 vaddr,
				  struct spec_flags flags);
const char *spec_os_protect_op_start(struct spec_os *os, unsigned int core);
const char *spec_os_protect_op_change(struct spec_os *os, unsigned int core, bool ok);
const char *spec_os_protect_initiate_shootdown(struct spec_os *os, unsigned int core);
const char *spec_os_protect_end(struct spec_os *os, unsigned int core, bool ok);

const char *spec_os_ack_shootdown_ipi(struct spec_os *os, unsigned int core);
const char *spec_os_view_stutter(struct spec_os *os, unsigned int core);

const char *spec_os_next(struct spec_os *os, const struct spec_step *step);

#endif /* SPEC_OS_H */
