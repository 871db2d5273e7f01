// SPDX-License-Identifier: GPL-2.0-only
#include "cores.h"
#include "geometry.h"
#include "os.h"
#include "sound.h"

/* The lock is one for the whole page table, and so is what waits for a flush. */
#define OWNER	0

const char *const spec_step_names[SPEC_NR_STEPS] = {
	[SPEC_STUTTER]			  = "stutter",
	[SPEC_READ_WRITE]		  = "read_write",
	[SPEC_TLB_FILL]			  = "tlb_fill",
	[SPEC_TLB_EVICT]		  = "tlb_evict",
	[SPEC_MAP_START]		  = "map_start",
	[SPEC_MAP_OP_START]		  = "map_op_start",
	[SPEC_MAP_END]			  = "map_end",
	[SPEC_UNMAP_START]		  = "unmap_start",
	[SPEC_UNMAP_OP_START]		  = "unmap_op_start",
	[SPEC_UNMAP_OP_END]		  = "unmap_op_end",
	[SPEC_UNMAP_INITIATE_SHOOTDOWN]	  = "unmap_initiate_shootdown",
	[SPEC_UNMAP_END]		  = "unmap_end",
	[SPEC_PROTECT_START]		  = "protect_start",
	[SPEC_PROTECT_OP_START]		  = "protect_op_start",
	[SPEC_PROTECT_OP_CHANGE]	  = "protect_op_change",
	[SPEC_PROTECT_INITIATE_SHOOTDOWN] = "protect_initiate_shootdown",
	[SPEC_PROTECT_END]		  = "protect_end",
	[SPEC_ACK_SHOOTDOWN_IPI]	  = "ack_shootdown_ipi",
	[SPEC_VIEW_STUTTER]		  = "view_stutter",
};

/**
 * spec_os_init - nothing mapped, all idle, no open requests, sound (S77)
 * @os:		receives the machine
 * @alloc:	where memory comes from; stays in use
 * @config:	what does not change; is copied
 *
 * Return: 0; -EINVAL without cores, if a thread has no valid core (S52, S87), or for
 * levels or a width that there are not (S4); -ENOMEM.
 */
int spec_os_init(struct spec_os *os, const struct spec_alloc *alloc,
		 const struct spec_os_config *config)
{
	size_t states = config->core_no * sizeof(*os->core_states);
	size_t set = spec_cores_words(config->core_no) * sizeof(u64);
	u32 ult;
	int err;

	for (ult = 0; ult < config->ult_no; ult++)
		if (config->ult2core[ult] >= config->core_no)
			return -EINVAL;
	if (!spec_valid_phyaddr_width(config->width) ||
	    config->levels < SPEC_MIN_LEVELS || config->levels > SPEC_MAX_LEVELS)
		return -EINVAL;
	*os = (struct spec_os) { .config = *config, .sound = true };
	err = spec_hw_init(&os->hw, alloc, config->core_no, config->phys_mem_size,
			   config->see_tlbs);
	if (err)
		return err;
	spec_map_init(&os->frames, alloc);
	os->core_states = alloc->alloc(states);
	os->open_requests = alloc->alloc(set);
	if (!os->core_states || !os->open_requests) {
		spec_os_destroy(os);
		return -ENOMEM;
	}
	memset(os->core_states, 0, states);
	memset(os->open_requests, 0, set);
	return 0;
}

/**
 * spec_os_destroy - give all memory back
 * @os:	which spec_os_init() made
 */
void spec_os_destroy(struct spec_os *os)
{
	const struct spec_alloc *alloc = os->hw.pt.blocks.alloc;

	alloc->free(os->open_requests);
	alloc->free(os->core_states);
	spec_map_clear(&os->frames);
	spec_hw_destroy(&os->hw);
}

/**
 * spec_is_map - whether an operation is a map (S51)
 * @s:	the operation
 */
bool spec_is_map(const struct spec_core_state *s)
{
	return s->state == SPEC_MAP_WAITING || s->state == SPEC_MAP_EXECUTING;
}

/**
 * spec_is_unmap - whether an operation is an unmap (S51)
 * @s:	the operation
 */
bool spec_is_unmap(const struct spec_core_state *s)
{
	return s->state >= SPEC_UNMAP_WAITING && s->state <= SPEC_UNMAP_SHOOTDOWN_WAITING;
}

/**
 * spec_is_protect - whether an operation is a change of rights (S51, extended)
 * @s:	the operation
 */
bool spec_is_protect(const struct spec_core_state *s)
{
	return s->state >= SPEC_PROTECT_WAITING && s->state <= SPEC_PROTECT_SHOOTDOWN_WAITING;
}

/**
 * spec_holds_lock - whether an operation has the lock (S53)
 * @s:	the operation
 */
bool spec_holds_lock(const struct spec_core_state *s)
{
	return s->state != SPEC_IDLE && s->state != SPEC_MAP_WAITING &&
	       s->state != SPEC_UNMAP_WAITING && s->state != SPEC_PROTECT_WAITING;
}

/**
 * spec_past_change - whether an unmap or protect is past its change of the page table (S64)
 * @s:	the operation
 */
bool spec_past_change(const struct spec_core_state *s)
{
	return (spec_is_unmap(s) && s->state != SPEC_UNMAP_WAITING) ||
	       s->state == SPEC_PROTECT_OP_DONE || s->state == SPEC_PROTECT_SHOOTDOWN_WAITING;
}

/**
 * spec_is_shootdown - whether an operation waits for acknowledgements (S68)
 * @s:	the operation
 */
bool spec_is_shootdown(const struct spec_core_state *s)
{
	return s->state == SPEC_UNMAP_SHOOTDOWN_WAITING ||
	       s->state == SPEC_PROTECT_SHOOTDOWN_WAITING;
}

/**
 * spec_kernel_lock - who has the lock (S53)
 * @os:		the machine
 * @core:	receives the core, if there is one; may be NULL
 *
 * Return: whether someone has.
 */
bool spec_kernel_lock(const struct spec_os *os, unsigned int *core)
{
	unsigned int i;

	for (i = 0; i < os->config.core_no; i++) {
		if (!spec_holds_lock(&os->core_states[i]))
			continue;
		if (core)
			*core = i;
		return true;
	}
	return false;
}

/**
 * spec_map_enabled - whether a mapping is one that can be asked for (S54)
 * @levels:	of the page table
 * @width:	of a physical address
 * @vaddr:	its first address
 * @pte:	the mapping
 *
 * Return: NULL or the rule.
 */
const char *spec_map_enabled(unsigned int levels, unsigned int width, u64 vaddr,
			     const struct spec_pte *pte)
{
	const struct spec_region *frame = &pte->frame;
	u64 end = spec_max_base(levels);

	if (!spec_page_level(frame->size))
		return "S54_legal_size";
	if (!spec_aligned(vaddr, frame->size))
		return "S54_vaddr_aligned";
	if (!spec_aligned(frame->base, frame->size))
		return "S54_frame_aligned";
	if (frame->base > spec_max_phyaddr(width))
		return "S54_frame_in_bounds";
	if (vaddr >= end || end - vaddr <= frame->size)
		return "S54_candidate_mapping_in_bounds";
	return NULL;
}

/**
 * spec_unmap_enabled - whether an address is one that can be asked for (S62)
 * @levels:	of the page table
 * @vaddr:	first address of what shall be unmapped
 *
 * Return: NULL or the rule.
 */
const char *spec_unmap_enabled(unsigned int levels, u64 vaddr)
{
	if (vaddr >= spec_max_base(levels))
		return "S62_vaddr_in_bounds";
	return spec_aligned(vaddr, SPEC_PAGE_SIZE) ? NULL : "S62_vaddr_aligned";
}

/* The thread exists and its core is idle; else the rule (S54, S62, S73). */
static const char *ult_idle(const struct spec_os *os, u32 ult_id, const char *valid_ult,
			    const char *core_idle)
{
	if (ult_id >= os->config.ult_no)
		return valid_ult;
	if (os->core_states[os->config.ult2core[ult_id]].state != SPEC_IDLE)
		return core_idle;
	return NULL;
}

/* Likewise, of an unmap or protect, with an address that can be asked for (S62). */
static const char *may_unmap(const struct spec_os *os, u32 ult_id, u64 vaddr)
{
	const char *rule = ult_idle(os, ult_id, "S62_valid_ult", "S62_core_idle");

	return rule ? rule : spec_unmap_enabled(os->config.levels, vaddr);
}

static const char *core_in(const struct spec_os *os, unsigned int core, enum spec_state state,
			   const char *rule)
{
	if (!spec_valid_core(&os->hw, core))
		return "S41_valid_core";
	return os->core_states[core].state == state ? NULL : rule;
}

static void start(struct spec_os *os, const struct spec_core_state *s)
{
	os->core_states[os->config.ult2core[s->ult_id]] = *s;
}

static void set_idle(struct spec_os *os, unsigned int core)
{
	os->core_states[core] = (struct spec_core_state) { .state = SPEC_IDLE };
}

/* From waiting to executing: the lock is taken (S57). */
static const char *take_lock(struct spec_os *os, unsigned int core, enum spec_state executing)
{
	if (spec_kernel_lock(os, NULL))
		return "S53_lock_free";
	os->core_states[core].state = executing;
	return NULL;
}

/**
 * spec_os_read_write - a thread accesses a word (S73, S74)
 * @os:		the machine
 * @ult_id:	the thread
 * @core:	its core
 * @vaddr:	see spec_hw_read_write(), as for the others
 * @op:		the access
 * @base:	of the translation
 * @pte:	the translation, or NULL
 *
 * Return: NULL or the rule.
 */
const char *spec_os_read_write(struct spec_os *os, u32 ult_id, unsigned int core, u64 vaddr,
			       const struct spec_rw_op *op, u64 base, const struct spec_pte *pte)
{
	const char *rule = ult_idle(os, ult_id, "S73_valid_ult", "S73_core_idle");

	if (rule)
		return rule;
	if (core != os->config.ult2core[ult_id])
		return "S74_core_of_the_ult";
	return spec_hw_read_write(&os->hw, core, vaddr, op, base, pte);
}

/**
 * spec_os_tlb_fill - see spec_hw_tlb_fill(); at any time (S73)
 * @os:		the machine
 * @core:	the core
 * @vaddr:	the mapping's first address
 * @pte:	the mapping
 *
 * Return: NULL or the rule.
 */
const char *spec_os_tlb_fill(struct spec_os *os, unsigned int core, u64 vaddr,
			     const struct spec_pte *pte)
{
	return spec_hw_tlb_fill(&os->hw, core, vaddr, pte);
}

/**
 * spec_os_tlb_evict - see spec_hw_tlb_evict(); at any time (S73)
 * @os:		the machine
 * @core:	the core
 * @vaddr:	first address of the entry
 *
 * Return: NULL or the rule.
 */
const char *spec_os_tlb_evict(struct spec_os *os, unsigned int core, u64 vaddr)
{
	return spec_hw_tlb_evict(&os->hw, core, vaddr);
}

/**
 * spec_os_map_start - a thread asks for a mapping (S54, S55; S56 corrected)
 * @os:		the machine
 * @ult_id:	the thread
 * @vaddr:	first address
 * @pte:	the mapping
 *
 * Three table pages have to be available (S33), one per level below the root; four
 * with five levels.
 *
 * Return: NULL or the rule.
 */
const char *spec_os_map_start(struct spec_os *os, u32 ult_id, u64 vaddr,
			      const struct spec_pte *pte)
{
	const char *rule = ult_idle(os, ult_id, "S54_valid_ult", "S54_core_idle");

	if (!rule)
		rule = spec_map_enabled(os->config.levels, os->config.width, vaddr, pte);
	if (rule)
		return rule;
	if (os->available < os->config.levels - 1)
		return "S33_available_pages";
	os->sound = os->sound && !spec_map_sound(os, vaddr, pte);
	start(os, &(struct spec_core_state) {
		.state = SPEC_MAP_WAITING, .ult_id = ult_id, .vaddr = vaddr, .pte = *pte });
	return NULL;
}

/**
 * spec_os_map_op_start - it gets the lock (S57)
 * @os:		the machine
 * @core:	of the thread
 *
 * Return: NULL or the rule.
 */
const char *spec_os_map_op_start(struct spec_os *os, unsigned int core)
{
	const char *rule = core_in(os, core, SPEC_MAP_WAITING, "S57_map_waiting");

	return rule ? rule : take_lock(os, core, SPEC_MAP_EXECUTING);
}

/* While sound, no two frames overlap: this never fails for another reason. */
static int index_frame(struct spec_os *os, u64 vaddr, const struct spec_pte *pte)
{
	struct spec_pte back = { .frame = { vaddr, pte->frame.size } };

	return os->sound ? spec_map_insert(&os->frames, pte->frame.base, &back) : 0;
}

static const char *map(struct spec_os *os, u64 vaddr, const struct spec_pte *pte)
{
	if (index_frame(os, vaddr, pte) == -ENOMEM)
		return spec_no_memory;
	if (!spec_hw_map(&os->hw, vaddr, pte))
		return NULL;
	if (os->sound)
		spec_map_remove(&os->frames, pte->frame.base);
	return spec_no_memory;
}

/**
 * spec_os_map_end - it is mapped, or found that something else is, and gives the lock back
 * @os:		the machine
 * @core:	of the thread
 * @ok:		it is mapped
 *
 * S58, S59: what is mapped by now decides, and nothing else.
 *
 * Return: NULL or the rule.
 */
const char *spec_os_map_end(struct spec_os *os, unsigned int core, bool ok)
{
	const char *rule = core_in(os, core, SPEC_MAP_EXECUTING, "S58_map_executing");
	const struct spec_core_state *s;

	if (rule)
		return rule;
	s = &os->core_states[core];
	if (ok == spec_map_overlaps(&os->hw.pt, spec_inflight_vmem(os, s)))
		return "S58_err_iff_overlap";
	if (ok)
		rule = map(os, s->vaddr, &s->pte);
	if (!rule)
		set_idle(os, core);
	return rule;
}

/**
 * spec_os_unmap_start - a thread asks for a mapping to go (S62, S63; S56 corrected)
 * @os:		the machine
 * @ult_id:	the thread
 * @vaddr:	its first address
 *
 * Return: NULL or the rule.
 */
const char *spec_os_unmap_start(struct spec_os *os, u32 ult_id, u64 vaddr)
{
	const char *rule = may_unmap(os, ult_id, vaddr);

	if (rule)
		return rule;
	os->sound = os->sound && !spec_unmap_sound(os, vaddr);
	start(os, &(struct spec_core_state) {
		.state = SPEC_UNMAP_WAITING, .ult_id = ult_id, .vaddr = vaddr });
	return NULL;
}

static const char *unmap(struct spec_os *os, u64 vaddr, const struct spec_pte *pte)
{
	const char *rule = spec_hw_unmap(&os->hw, vaddr, pte, OWNER);

	if (!rule && os->sound)
		spec_map_remove(&os->frames, pte->frame.base);
	return rule;
}

/**
 * spec_os_unmap_op_start - it gets the lock and takes the mapping away (S64, S65)
 * @os:		the machine
 * @core:	of the thread
 * @ok:		there was a mapping with that first address
 *
 * Return: NULL or the rule.
 */
const char *spec_os_unmap_op_start(struct spec_os *os, unsigned int core, bool ok)
{
	const char *rule = core_in(os, core, SPEC_UNMAP_WAITING, "S64_unmap_waiting");
	struct spec_pte pte = { };
	struct spec_core_state *s;

	if (rule)
		return rule;
	s = &os->core_states[core];
	if (spec_kernel_lock(os, NULL))
		return "S53_lock_free";
	if (ok != spec_map_get(&os->hw.pt, s->vaddr, &pte))
		return "S64_ok_iff_key";
	if (ok)
		rule = unmap(os, s->vaddr, &pte);
	if (rule)
		return rule;
	s->state = SPEC_UNMAP_OP_EXECUTING;
	s->pte = pte;
	s->ok = ok;
	return NULL;
}

/**
 * spec_os_unmap_op_end - the page table is not written any more (S67)
 * @os:		the machine
 * @core:	of the thread
 *
 * Return: NULL or the rule.
 */
const char *spec_os_unmap_op_end(struct spec_os *os, unsigned int core)
{
	const char *rule = core_in(os, core, SPEC_UNMAP_OP_EXECUTING, "S67_unmap_op_executing");

	if (!rule)
		os->core_states[core].state = SPEC_UNMAP_OP_DONE;
	return rule;
}

/* All cores, the initiator's own as well (S68). */
static const char *initiate_shootdown(struct spec_os *os, unsigned int core,
				      enum spec_state waiting)
{
	struct spec_core_state *s = &os->core_states[core];
	unsigned int i;

	if (!s->ok)
		return "S68_only_if_ok";
	s->state = waiting;
	os->shootdown_vaddr = s->vaddr;
	for (i = 0; i < os->config.core_no; i++)
		spec_cores_add(os->open_requests, i);
	return NULL;
}

/* S70, S71. */
static const char *end(struct spec_os *os, unsigned int core, enum spec_state done,
		       enum spec_state waiting, bool ok)
{
	const struct spec_core_state *s;

	if (!spec_valid_core(&os->hw, core))
		return "S41_valid_core";
	s = &os->core_states[core];
	if (s->state != waiting && s->state != done)
		return "S70_shootdown_waiting";
	if (s->state == done && s->ok)
		return "S70_shootdown_if_ok";
	if (s->state == waiting &&
	    !spec_cores_empty(os->open_requests, spec_cores_words(os->config.core_no)))
		return "S70_no_open_requests";
	if (ok != s->ok)
		return "S70_result";
	set_idle(os, core);
	return NULL;
}

/**
 * spec_os_unmap_initiate_shootdown - all cores are asked to flush (S68)
 * @os:		the machine
 * @core:	of the thread
 *
 * Return: NULL or the rule.
 */
const char *spec_os_unmap_initiate_shootdown(struct spec_os *os, unsigned int core)
{
	const char *rule = core_in(os, core, SPEC_UNMAP_OP_DONE, "S68_unmap_op_done");

	return rule ? rule : initiate_shootdown(os, core, SPEC_UNMAP_SHOOTDOWN_WAITING);
}

/**
 * spec_os_unmap_end - all have, or there was nothing; the lock is given back (S70, S71)
 * @os:		the machine
 * @core:	of the thread
 * @ok:		result that the thread gets
 *
 * Return: NULL or the rule.
 */
const char *spec_os_unmap_end(struct spec_os *os, unsigned int core, bool ok)
{
	return end(os, core, SPEC_UNMAP_OP_DONE, SPEC_UNMAP_SHOOTDOWN_WAITING, ok);
}

/**
 * spec_os_protect_start - a thread asks for other rights of a mapping (like S62, S63)
 * @os:		the machine
 * @ult_id:	the thread
 * @vaddr:	the mapping's first address
 * @flags:	the rights
 *
 * Return: NULL or the rule.
 */
const char *spec_os_protect_start(struct spec_os *os, u32 ult_id, u64 vaddr,
				  struct spec_flags flags)
{
	const char *rule = may_unmap(os, ult_id, vaddr);

	if (rule)
		return rule;
	os->sound = os->sound && !spec_unmap_sound(os, vaddr);
	start(os, &(struct spec_core_state) {
		.state = SPEC_PROTECT_WAITING, .ult_id = ult_id, .vaddr = vaddr, .flags = flags });
	return NULL;
}

/**
 * spec_os_protect_op_start - it gets the lock (like S57)
 * @os:		the machine
 * @core:	of the thread
 *
 * Return: NULL or the rule.
 */
const char *spec_os_protect_op_start(struct spec_os *os, unsigned int core)
{
	const char *rule = core_in(os, core, SPEC_PROTECT_WAITING, "S57_protect_waiting");

	return rule ? rule : take_lock(os, core, SPEC_PROTECT_EXECUTING);
}

/**
 * spec_os_protect_op_change - the rights change, in one write (like S64)
 * @os:		the machine
 * @core:	of the thread
 * @ok:		there is a mapping with that first address
 *
 * Return: NULL or the rule.
 */
const char *spec_os_protect_op_change(struct spec_os *os, unsigned int core, bool ok)
{
	const char *rule = core_in(os, core, SPEC_PROTECT_EXECUTING, "S64_protect_executing");
	struct spec_pte from = { }, to;
	struct spec_core_state *s;

	if (rule)
		return rule;
	s = &os->core_states[core];
	if (ok != spec_map_get(&os->hw.pt, s->vaddr, &from))
		return "S64_ok_iff_key";
	to = from;
	to.flags = s->flags;
	if (ok)
		rule = spec_hw_protect(&os->hw, s->vaddr, &from, &to, OWNER);
	if (rule)
		return rule;
	s->state = SPEC_PROTECT_OP_DONE;
	s->pte = from;
	s->ok = ok;
	return NULL;
}

/**
 * spec_os_protect_initiate_shootdown - all cores are asked to flush (like S68)
 * @os:		the machine
 * @core:	of the thread
 *
 * Return: NULL or the rule.
 */
const char *spec_os_protect_initiate_shootdown(struct spec_os *os, unsigned int core)
{
	const char *rule = core_in(os, core, SPEC_PROTECT_OP_DONE, "S68_protect_op_done");

	return rule ? rule : initiate_shootdown(os, core, SPEC_PROTECT_SHOOTDOWN_WAITING);
}

/**
 * spec_os_protect_end - the lock is given back (like S70, S71)
 * @os:		the machine
 * @core:	of the thread
 * @ok:		result that the thread gets
 *
 * Return: NULL or the rule.
 */
const char *spec_os_protect_end(struct spec_os *os, unsigned int core, bool ok)
{
	return end(os, core, SPEC_PROTECT_OP_DONE, SPEC_PROTECT_SHOOTDOWN_WAITING, ok);
}

static bool protecting(const struct spec_os *os)
{
	unsigned int core;

	return spec_kernel_lock(os, &core) && spec_is_protect(&os->core_states[core]);
}

/**
 * spec_os_ack_shootdown_ipi - a core has flushed, and says so (S69; S75 corrected)
 * @os:		the machine
 * @core:	the core, whatever it is doing
 *
 * After a change of rights the mapping is still there, and the core may hold it as it
 * is now.
 *
 * Return: NULL or the rule.
 */
const char *spec_os_ack_shootdown_ipi(struct spec_os *os, unsigned int core)
{
	if (!spec_valid_core(&os->hw, core))
		return "S75_valid_core";
	if (!spec_cores_has(os->open_requests, core))
		return "S69_open_request";
	if (spec_hw_holds_stale(&os->hw, core, os->shootdown_vaddr))
		return "S69_flushed";
	if (!protecting(os) && spec_map_get(&os->hw.pt, os->shootdown_vaddr, NULL))
		return "S69_not_mapped";
	spec_cores_remove(os->open_requests, core);
	return NULL;
}

/**
 * spec_os_view_stutter - the page table is written, and means the same as before (S72)
 * @os:		the machine; nothing changes in it
 * @core:	that writes
 *
 * Return: NULL or the rule.
 */
const char *spec_os_view_stutter(struct spec_os *os, unsigned int core)
{
	if (!spec_valid_core(&os->hw, core))
		return "S41_valid_core";
	switch (os->core_states[core].state) {
	case SPEC_MAP_EXECUTING:
	case SPEC_UNMAP_OP_EXECUTING:
		return NULL;
	default:
		return "S72_executing";
	}
}

/**
 * spec_os_next - take a step (S76; next_step)
 * @os:		the machine
 * @step:	any but SPEC_STUTTER
 *
 * Return: as the step's own function.
 */
const char *spec_os_next(struct spec_os *os, const struct spec_step *step)
{
	switch (step->kind) {
	case SPEC_READ_WRITE:
		return spec_os_read_write(os, step->ult_id, step->core, step->vaddr, &step->op,
					  step->base, step->has_pte ? &step->pte : NULL);
	case SPEC_TLB_FILL:
		return spec_os_tlb_fill(os, step->core, step->vaddr, &step->pte);
	case SPEC_TLB_EVICT:
		return spec_os_tlb_evict(os, step->core, step->vaddr);
	case SPEC_MAP_START:
		return spec_os_map_start(os, step->ult_id, step->vaddr, &step->pte);
	case SPEC_MAP_OP_START:
		return spec_os_map_op_start(os, step->core);
	case SPEC_MAP_END:
		return spec_os_map_end(os, step->core, step->ok);
	case SPEC_UNMAP_START:
		return spec_os_unmap_start(os, step->ult_id, step->vaddr);
	case SPEC_UNMAP_OP_START:
		return spec_os_unmap_op_start(os, step->core, step->ok);
	case SPEC_UNMAP_OP_END:
		return spec_os_unmap_op_end(os, step->core);
	case SPEC_UNMAP_INITIATE_SHOOTDOWN:
		return spec_os_unmap_initiate_shootdown(os, step->core);
	case SPEC_UNMAP_END:
		return spec_os_unmap_end(os, step->core, step->ok);
	case SPEC_PROTECT_START:
		return spec_os_protect_start(os, step->ult_id, step->vaddr, step->flags);
	case SPEC_PROTECT_OP_START:
		return spec_os_protect_op_start(os, step->core);
	case SPEC_PROTECT_OP_CHANGE:
		return spec_os_protect_op_change(os, step->core, step->ok);
	case SPEC_PROTECT_INITIATE_SHOOTDOWN:
		return spec_os_protect_initiate_shootdown(os, step->core);
	case SPEC_PROTECT_END:
		return spec_os_protect_end(os, step->core, step->ok);
	case SPEC_ACK_SHOOTDOWN_IPI:
		return spec_os_ack_shootdown_ipi(os, step->core);
	case SPEC_VIEW_STUTTER:
		return spec_os_view_stutter(os, step->core);
	default:
		return "S76_step";
	}
}
