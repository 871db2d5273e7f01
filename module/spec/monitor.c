// SPDX-License-Identifier: GPL-2.0-only
#include "cores.h"
#include "geometry.h"
#include "invariants.h"
#include "monitor.h"

/* In a STRICT space one operation goes on at a time; it has the one thread. */
#define STRICT_ULT		0
#define STRICT_CORE		0
static const unsigned int ult2core[] = { STRICT_CORE };

/* More than any operation needs (S33). */
#define ENOUGH_TABLES		BIT_ULL(20)

static u64 read_nothing(void *ctx, u64 table, unsigned int idx)
{
	return 0;
}

static int init_strict(struct spec_monitor *mon, const struct spec_alloc *alloc,
		       unsigned int core_no, unsigned int levels)
{
	const struct spec_os_config config = {
		.core_no = core_no,
		.ult_no = ARRAY_SIZE(ult2core),
		.ult2core = ult2core,
		.levels = levels,
		.width = mon->width,
		.phys_mem_size = spec_bitmask_inc(0, mon->width - 1) / SPEC_WORD_SIZE,
	};
	int ret = spec_os_init(&mon->os, alloc, &config);

	mon->os.available = ENOUGH_TABLES;
	return ret;
}

/**
 * spec_monitor_init - an empty space, nobody inside, no cursors
 * @mon:	receives it
 * @alloc:	where memory comes from; stays in use
 * @core_no:	how many cores there are
 * @levels:	of the page table
 * @width:	of a physical address
 * @contract:	what kind of space it is
 *
 * Return: 0, -EINVAL, -ENOMEM.
 */
int spec_monitor_init(struct spec_monitor *mon, const struct spec_alloc *alloc,
		      unsigned int core_no, unsigned int levels, unsigned int width,
		      enum spec_contract contract)
{
	int ret;

	mon->contract = contract;
	mon->width = width;
	mon->scratch = (struct spec_pt) {
		.read = read_nothing,
		.levels = levels,
		.width = width,
		.held = contract != SPEC_STRICT,
	};
	spec_vector_init(&mon->ops, alloc, sizeof(struct spec_monitor_op));
	ret = spec_ops_init(&mon->machine, alloc, core_no, levels, contract == SPEC_LAB);
	if (ret)
		return ret;
	if (contract == SPEC_STRICT)
		ret = init_strict(mon, alloc, core_no, levels);
	if (ret)
		spec_ops_destroy(&mon->machine);
	return ret;
}

/**
 * spec_monitor_destroy - give all memory back
 * @mon:	which spec_monitor_init() made
 */
void spec_monitor_destroy(struct spec_monitor *mon)
{
	if (mon->contract == SPEC_STRICT)
		spec_os_destroy(&mon->os);
	spec_ops_destroy(&mon->machine);
	spec_vector_clear(&mon->ops);
}

static bool is_strict(const struct spec_monitor *mon)
{
	return mon->contract == SPEC_STRICT;
}

/* After a step of a STRICT space: the machine's rule, or an invariant (S87 to S99). */
static const char *strict_inv(const struct spec_monitor *mon, const char *rule)
{
	return rule ? rule : spec_os_inv(&mon->os, false);
}

static struct spec_tlb *tlb_of(struct spec_monitor *mon)
{
	return &mon->machine.hw.maximal;
}

/**
 * spec_monitor_inside - whether a core is inside
 * @mon:	the space
 * @core:	the core
 */
bool spec_monitor_inside(const struct spec_monitor *mon, unsigned int core)
{
	return spec_tlb_inside(&mon->machine.hw.maximal, core);
}

/**
 * spec_monitor_deserted - whether no core is inside
 * @mon:	the space
 */
bool spec_monitor_deserted(const struct spec_monitor *mon)
{
	return spec_tlb_deserted(&mon->machine.hw.maximal);
}

/**
 * spec_monitor_enter - a core has loaded the root
 * @mon:	the space
 * @core:	the core
 *
 * Return: NULL or the rule.
 */
const char *spec_monitor_enter(struct spec_monitor *mon, unsigned int core)
{
	const char *rule;

	if (!spec_valid_core(&mon->machine.hw, core))
		return "S75_valid_core";
	rule = spec_tlb_enter(tlb_of(mon), core);
	if (!rule && is_strict(mon))
		rule = spec_tlb_enter(&mon->os.hw.maximal, core);
	return rule;
}

/* A core that has no translations acknowledges as soon as it is asked (S69). */
static const char *strict_ack(struct spec_monitor *mon, unsigned int core)
{
	if (!spec_cores_has(mon->os.open_requests, core))
		return NULL;
	return strict_inv(mon, spec_os_ack_shootdown_ipi(&mon->os, core));
}

/**
 * spec_monitor_leave - a core has loaded another root
 * @mon:	the space
 * @core:	the core
 *
 * Return: NULL or the rule.
 */
const char *spec_monitor_leave(struct spec_monitor *mon, unsigned int core)
{
	const char *rule = spec_tlb_leave(tlb_of(mon), core);

	if (rule || !is_strict(mon))
		return rule;
	rule = spec_tlb_leave(&mon->os.hw.maximal, core);
	return rule ? rule : strict_ack(mon, core);
}

static struct spec_monitor_op *find(const struct spec_monitor *mon, u64 id)
{
	return spec_vector_get(&mon->ops, id);
}

/* What has the highest key is last: without it, there is no housekeeping at all. */
static bool keeps_house(const struct spec_monitor *mon)
{
	return mon->ops.nr && spec_vector_key(&mon->ops, mon->ops.nr - 1) & SPEC_HOUSEKEEPING;
}

/* Who of a cursor a step is of: its housekeeping, if that goes on, or itself. */
static struct spec_monitor_op *find_active(const struct spec_monitor *mon, u64 id)
{
	struct spec_monitor_op *op = keeps_house(mon) ? find(mon, id | SPEC_HOUSEKEEPING) : NULL;

	return op ? op : find(mon, id);
}

/*
 * Whether it is the operation that the machine of a STRICT space carries out.  The tables
 * that another cursor's housekeeping flushes, that machine does not know.
 */
static bool has_strict_state(const struct spec_monitor *mon, const struct spec_monitor_op *op)
{
	return is_strict(mon) && !(op->id & SPEC_HOUSEKEEPING);
}

static const char *add_op(struct spec_monitor *mon, u64 id)
{
	struct spec_monitor_op *op = spec_vector_insert(&mon->ops, id);

	if (!op)
		return spec_no_memory;
	*op = (struct spec_monitor_op) { .id = id };
	return NULL;
}

static void remove_op(struct spec_monitor *mon, u64 id)
{
	struct spec_monitor_op *op = find(mon, id);

	if (op)
		spec_vector_remove(&mon->ops, op);
}

/**
 * spec_monitor_lock - a cursor got its range (S53)
 * @mon:	the space
 * @id:		the cursor
 * @range:	the range
 *
 * Return: NULL or the rule.
 */
const char *spec_monitor_lock(struct spec_monitor *mon, u64 id, struct spec_region range)
{
	const char *rule = spec_ops_open(&mon->machine, id, range);

	return rule ? rule : add_op(mon, id);
}

/**
 * spec_monitor_drop - a cursor gives its range up, or never got it
 * @mon:	the space
 * @id:		the cursor
 *
 * Return: NULL or the rule.
 */
const char *spec_monitor_drop(struct spec_monitor *mon, u64 id)
{
	if (!find(mon, id))
		return NULL;
	remove_op(mon, id);
	return spec_ops_drop(&mon->machine, id);
}

static struct spec_pte args_pte(const struct spec_map_args *args)
{
	struct spec_pte pte = {
		.frame = { args->frame, args->len },
		.attrs = args->cache,
	};

	spec_set_prop(&pte, args->prop);
	return pte;
}

static const char *op_start(struct spec_monitor *mon, u64 id, struct spec_region range,
			    enum spec_operation operation, struct spec_monitor_op **op)
{
	const char *rule = spec_ops_start(&mon->machine, id);

	*op = find(mon, id);
	if (rule || !*op)
		return rule ? rule : "S76_idle";
	(*op)->operation = operation;
	(*op)->executing = true;
	(*op)->written = false;
	(*op)->changed = false;
	(*op)->range = range;
	(*op)->bytes = 0;
	(*op)->told = 0;
	spec_order_start(&(*op)->order, operation);
	return NULL;
}

/**
 * spec_monitor_map_start - a map starts, and may write (S54, S55, S57)
 * @mon:	the space
 * @id:		its cursor
 * @va:		first address
 * @args:	what it was given; the frame is that of the first page
 *
 * Return: NULL or the rule.
 */
const char *spec_monitor_map_start(struct spec_monitor *mon, u64 id, u64 va,
				   const struct spec_map_args *args)
{
	const struct spec_pte pte = args_pte(args);
	struct spec_monitor_op *op;
	const char *rule = op_start(mon, id, (struct spec_region) { va, args->len }, SPEC_MAP, &op);

	if (rule)
		return rule;
	op->args = *args;
	if (!is_strict(mon))
		return NULL;
	rule = strict_inv(mon, spec_os_map_start(&mon->os, STRICT_ULT, va, &pte));
	return rule ? rule : strict_inv(mon, spec_os_map_op_start(&mon->os, STRICT_CORE));
}

/**
 * spec_monitor_unmap_start - an unmap starts, and may write (S62)
 * @mon:	the space
 * @id:		its cursor
 * @range:	what it shall unmap
 *
 * Return: NULL or the rule.
 */
const char *spec_monitor_unmap_start(struct spec_monitor *mon, u64 id, struct spec_region range)
{
	struct spec_monitor_op *op;
	const char *rule = op_start(mon, id, range, SPEC_UNMAP, &op);

	if (rule || !is_strict(mon))
		return rule;
	/* That something is there, or is not, is one step with its removal (S64). */
	return strict_inv(mon, spec_os_unmap_start(&mon->os, STRICT_ULT, range.base));
}

/**
 * spec_monitor_protect_start - a protect starts, and may write
 * @mon:	the space
 * @id:		its cursor
 * @range:	where it shall change mappings
 * @change:	how
 *
 * Return: NULL or the rule.
 */
const char *spec_monitor_protect_start(struct spec_monitor *mon, u64 id,
				       struct spec_region range, struct spec_change change)
{
	struct spec_monitor_op *op;
	struct spec_pte pte;
	const char *rule = op_start(mon, id, range, SPEC_PROTECT, &op);

	if (rule)
		return rule;
	op->bits = spec_change_bits(change);
	if (!is_strict(mon) || !spec_map_first(&mon->os.hw.pt, range.base, &range.base, &pte))
		return NULL;
	spec_set_prop(&pte, (spec_prop(&pte) & ~change.clear) | change.set);
	rule = spec_os_protect_start(&mon->os, STRICT_ULT, range.base, pte.flags);
	rule = strict_inv(mon, rule);
	return rule ? rule : strict_inv(mon, spec_os_protect_op_start(&mon->os, STRICT_CORE));
}

static void decode(const struct spec_monitor *mon, u64 raw, unsigned int level,
		   struct spec_entry *e)
{
	if (raw)
		spec_pt_decode(&mon->scratch, raw, level, e);
	else
		e->kind = SPEC_EMPTY;
}

static struct spec_pte entry_pte(const struct spec_entry *e, unsigned int level)
{
	return (struct spec_pte) {
		.frame = { e->addr, spec_entry_size(level) },
		.flags = e->flags,
		.attrs = e->attrs,
	};
}

/*
 * A mapping is where the system says that it was, and as it was; what the
 * hardware has set in it since is taken over (S21, S31).
 */
static const char *find_mapping(struct spec_monitor *mon, u64 va, const struct spec_pte *pte)
{
	struct spec_map *pt = &mon->machine.hw.pt;
	struct spec_pte known;

	if (!spec_map_get(pt, va, &known) || !spec_pte_equal(&known, pte, SPEC_HARDWARE_ATTRS))
		return "S31_as_it_was";
	if (known.attrs & ~pte->attrs & SPEC_HARDWARE_ATTRS)
		return "accessed_and_dirty_are_never_lost";
	if (known.attrs != pte->attrs)
		spec_map_replace(pt, va, pte);
	return NULL;
}

/* Where a map may write what. */
static const char *check_place(const struct spec_monitor_op *op, u64 va, struct spec_region frame)
{
	if (va == op->range.base && frame.base != op->args.frame)
		return "map_frame";
	if (op->args.level && frame.size != spec_entry_size(op->args.level))
		return "map_page_size";
	return va < op->range.base || va - op->range.base >= op->range.size ?
	       "map_in_its_range" : NULL;
}

/* What a map may write: what it was given, at the place that it is for. */
static const char *check_mapped(const struct spec_monitor_op *op, u64 va,
				const struct spec_pte *pte)
{
	struct spec_pte wanted = args_pte(&op->args);

	wanted.frame = pte->frame;
	if (!spec_pte_equal(&wanted, pte, SPEC_HARDWARE_ATTRS))
		return "map_property";
	return check_place(op, va, pte->frame);
}

static const char *wrote_map(struct spec_monitor *mon, struct spec_monitor_op *op, u64 va,
			     const struct spec_pte *pte)
{
	const char *rule = op->operation == SPEC_MAP ? check_mapped(op, va, pte) :
						       "S66_only_a_map_maps";

	if (!rule)
		rule = spec_check_mapping(va, pte, mon->width);
	op->bytes += pte->frame.size;
	return rule ? rule : spec_ops_map(&mon->machine, op->id, va, pte);
}

/* What an operation may unmap. */
static const char *check_unmapped(const struct spec_monitor_op *op, struct spec_region region)
{
	if (op->operation == SPEC_PROTECT)
		return "protect_unmaps_nothing";
	if (op->operation == SPEC_MAP && !op->args.replace)
		return "S58_map_replaces_nothing";
	if (region.base < op->range.base || region.base - op->range.base >= op->range.size ||
	    region.size > op->range.size - (region.base - op->range.base))
		return "unmap_in_its_range";
	return NULL;
}

static void count_unmapped(struct spec_monitor_op *op, u64 bytes)
{
	if (op->operation == SPEC_UNMAP)
		op->bytes += bytes;
}

static const char *wrote_unmap(struct spec_monitor *mon, struct spec_monitor_op *op, u64 va,
			       u64 size)
{
	const char *rule = check_unmapped(op, (struct spec_region) { va, size });

	if (rule)
		return rule;
	count_unmapped(op, size);
	return spec_ops_unmap(&mon->machine, op->id, va);
}

/* Where a protect may change something. */
static const char *check_changed(const struct spec_monitor_op *op, u64 va)
{
	if (op->operation != SPEC_PROTECT)
		return "only_a_protect_protects";
	return va < op->range.base || va - op->range.base >= op->range.size ?
	       "protect_in_its_range" : NULL;
}

static const char *wrote_protect(struct spec_monitor *mon, struct spec_monitor_op *op, u64 va,
				 const struct spec_pte *from, const struct spec_pte *to)
{
	bool is_harvest = !op->bits.add && !(~op->bits.keep & ~SPEC_FLAG_HARDWARE);
	struct spec_pte wanted = *from;
	u64 at = va;
	const char *rule;

	/* Of a leaf that the position is inside of, A and D are taken all the same. */
	if (is_harvest && op->range.base - va < from->frame.size)
		at = op->range.base;
	rule = check_changed(op, at);
	if (rule)
		return rule;
	spec_pte_change(&wanted, op->bits);
	if (!spec_pte_equal(&wanted, to, 0))
		return "protect_next_property";
	if (is_harvest)
		return spec_ops_harvest(&mon->machine, op->id, va, to->attrs);
	return spec_ops_protect(&mon->machine, op->id, va, to->flags, to->attrs);
}

/* A leaf was there. */
static const char *wrote_over_page(struct spec_monitor *mon, struct spec_monitor_op *op, u64 va,
				   unsigned int level, const struct spec_entry *from,
				   const struct spec_entry *to)
{
	struct spec_pte old = entry_pte(from, level), new;
	const char *rule = find_mapping(mon, va, &old);

	if (rule)
		return rule;
	if (to->kind == SPEC_DIRECTORY)
		return op->operation == SPEC_MAP && !op->args.replace ? "S58_map_replaces_nothing" :
			spec_ops_split(&mon->machine, op->id, va);
	if (to->kind == SPEC_EMPTY)
		return wrote_unmap(mon, op, va, old.frame.size);
	new = entry_pte(to, level);
	if (new.frame.base == old.frame.base && op->operation == SPEC_PROTECT)
		return wrote_protect(mon, op, va, &old, &new);
	rule = wrote_unmap(mon, op, va, old.frame.size);
	return rule ? rule : wrote_map(mon, op, va, &new);
}

static bool maps_nothing(const struct spec_monitor *mon, u64 va, unsigned int level)
{
	return !spec_map_overlaps(&mon->machine.hw.pt,
				  (struct spec_region) { va, spec_entry_size(level) });
}

/* A table was there, with all that is mapped in it. */
static const char *wrote_over_table(struct spec_monitor *mon, struct spec_monitor_op *op, u64 va,
				    unsigned int level, const struct spec_entry *to)
{
	const struct spec_region region = { va, spec_entry_size(level) };
	const char *rule = NULL;
	struct spec_pte new;
	u64 bytes = 0;

	if (!maps_nothing(mon, va, level)) {
		rule = check_unmapped(op, region);
		if (!rule)
			rule = spec_ops_unmap_all(&mon->machine, op->id, region, &bytes);
		count_unmapped(op, bytes);
	}
	if (!rule)
		rule = spec_ops_unlink(&mon->machine, op->id, va, level - 1);
	if (rule || to->kind == SPEC_EMPTY)
		return rule;
	if (to->kind == SPEC_DIRECTORY)
		return "S66_no_table_for_a_table";
	new = entry_pte(to, level);
	return wrote_map(mon, op, va, &new);
}

static const char *check_order(struct spec_monitor *mon, struct spec_monitor_op *op, u64 va,
			       unsigned int level, u64 old, u64 new)
{
	bool nothing = maps_nothing(mon, va, level);
	const struct spec_write w = {
		.level = level,
		.old = old,
		.new = new,
		.old_empty = nothing,
		.new_empty = nothing,
	};

	return spec_order_write(&op->order, &w, &mon->scratch);
}

static u32 allowed_attrs(const struct spec_monitor *mon)
{
	return is_strict(mon) ? SPEC_HARDWARE_ATTRS :
	       SPEC_HARDWARE_ATTRS | SPEC_NOREAD | SPEC_SOFT | SPEC_PWT | SPEC_PCD;
}

static const char *open_house(struct spec_monitor *mon, u64 id, struct spec_region region)
{
	const char *rule = spec_ops_open(&mon->machine, id, region);

	if (!rule)
		rule = spec_ops_start(&mon->machine, id);
	return rule ? rule : add_op(mon, id);
}

/*
 * From a table up to the one that it was in.  Of tables beside each other, the first
 * stands for all: between them there may be other cursors.
 */
static const char *extend_house(struct spec_monitor *mon, u64 id, struct spec_region region)
{
	const struct spec_op *op = spec_vector_get(&mon->machine.ops, id);

	if (!op || !spec_contains(region, op->range.base) || region.size < op->range.size)
		return NULL;
	return spec_ops_widen(&mon->machine, id, region);
}

/* An empty table is linked while a range is waited for: nobody can see a difference. */
static const char *keep_house(struct spec_monitor *mon, u64 id, u64 va, unsigned int level,
			      const struct spec_entry *from, const struct spec_entry *to)
{
	struct spec_region region = { va, spec_entry_size(level) };
	struct spec_monitor_op *house = find(mon, id | SPEC_HOUSEKEEPING);
	const char *rule;

	if (from->kind == SPEC_EMPTY && to->kind == SPEC_DIRECTORY)
		return maps_nothing(mon, va, level) ? NULL : "S61_links_an_empty_table";
	if (from->kind != SPEC_DIRECTORY || to->kind != SPEC_EMPTY)
		return "S76_executing";
	id |= SPEC_HOUSEKEEPING;
	rule = house ? extend_house(mon, id, region) : open_house(mon, id, region);
	return rule ? rule : spec_ops_unlink(&mon->machine, id, va, level - 1);
}

static const char *end_house(struct spec_monitor *mon, u64 id)
{
	const char *rule = spec_ops_end(&mon->machine, id, false);

	if (!rule)
		rule = spec_ops_drop(&mon->machine, id);
	remove_op(mon, id);
	return rule;
}

/* In a STRICT space the visible removal is a step of its own (S64). */
static const char *strict_wrote(struct spec_monitor *mon, const struct spec_monitor_op *op)
{
	if (op->order.changes != 1)
		return NULL;
	if (op->operation == SPEC_UNMAP && op->order.writes == 1)
		return strict_inv(mon, spec_os_unmap_op_start(&mon->os, STRICT_CORE, true));
	if (op->operation == SPEC_PROTECT)
		return strict_inv(mon, spec_os_protect_op_change(&mon->os, STRICT_CORE, true));
	return NULL;
}

/*
 * A small leaf was as it is known to be, and is gone or what a protect makes of it: as that
 * had to be right, this is, and neither has to be decoded.
 */
static bool wrote_over_leaf(struct spec_monitor *mon, struct spec_monitor_op *op, u64 va, u64 old,
			    u64 new, const char **rule)
{
	bool is_protect = op->operation == SPEC_PROTECT;

	if (new && (!is_protect || new != ((old & op->bits.keep) | op->bits.add)))
		return false;
	if (!spec_map_observe(&mon->machine.hw.pt, va, old))
		return false;
	if (!new) {
		*rule = wrote_unmap(mon, op, va, SPEC_PAGE_SIZE);
		return true;
	}
	*rule = check_changed(op, va);
	if (!*rule)
		*rule = spec_ops_protect_run(&mon->machine, op->id, va, 1, op->bits);
	return true;
}

/**
 * spec_monitor_write - an entry was written (S18, S22 to S24, S35, S61, S66, S72)
 * @mon:	the space
 * @id:		cursor that wrote it
 * @va:		first address that the entry spans
 * @level:	of the table
 * @old:	what stood there
 * @new:	what stands there now
 *
 * Return: NULL or the rule.
 */
const char *spec_monitor_write(struct spec_monitor *mon, u64 id, u64 va, unsigned int level,
			       u64 old, u64 new)
{
	struct spec_monitor_op *op = find(mon, id);
	bool runs = op && op->executing && !op->written;
	struct spec_entry from, to;
	struct spec_pte pte;
	const char *rule;

	if (runs)
		op->changed = true;
	if (runs && level == 1 && !is_strict(mon) &&
	    wrote_over_leaf(mon, op, va, old, new, &rule))
		return rule;
	rule = spec_check_entry(new, level, mon->width, allowed_attrs(mon));
	if (rule)
		return rule;
	decode(mon, old, level, &from);
	decode(mon, new, level, &to);
	if (from.kind == SPEC_EMPTY && old)
		return "S31_as_it_was";
	if (!op || !op->executing)
		return keep_house(mon, id, va, level, &from, &to);
	if (!runs)
		return "S72_written_while_executing";
	if (is_strict(mon)) {
		rule = check_order(mon, op, va, level, old, new);
		if (rule)
			return rule;
	}
	if (from.kind == SPEC_PAGE) {
		rule = wrote_over_page(mon, op, va, level, &from, &to);
	} else if (from.kind == SPEC_DIRECTORY) {
		rule = wrote_over_table(mon, op, va, level, &to);
	} else if (to.kind == SPEC_PAGE) {
		pte = entry_pte(&to, level);
		rule = wrote_map(mon, op, va, &pte);
	} else if (!maps_nothing(mon, va, level)) {
		rule = "S31_as_it_was";
	}
	return rule || !is_strict(mon) ? rule : strict_wrote(mon, op);
}

/* What may write many leaves at once, while it executes; else *rule says why not. */
static struct spec_monitor_op *find_running(const struct spec_monitor *mon, u64 id,
					    const char **rule)
{
	struct spec_monitor_op *op = find(mon, id);

	*rule = NULL;
	if (is_strict(mon) || !op || !op->executing)
		*rule = "S76_executing";
	else if (op->written)
		*rule = "S72_written_while_executing";
	else
		op->changed = true;
	return op;
}

/**
 * spec_monitor_map_run - leaves of 4 KiB were written side by side, as a map asks
 * @mon:	the space, not a STRICT one, where each is a step (S61)
 * @id:		its cursor
 * @va:		first address that the first spans
 * @nr:		how many, in one table; nothing stood there
 * @frames:	that they shall lead to
 *
 * So many steps as spec_monitor_write(), of which nothing is known but that they were
 * taken: what they made of the table is seen at the end, from its bytes.
 *
 * Return: NULL or the rule.
 */
const char *spec_monitor_map_run(struct spec_monitor *mon, u64 id, u64 va, unsigned int nr,
				 const u64 *frames)
{
	const struct spec_region frame = { frames[0], SPEC_PAGE_SIZE };
	const char *rule;
	struct spec_monitor_op *op = find_running(mon, id, &rule);
	struct spec_pte pte;

	if (rule)
		return rule;
	if (op->operation != SPEC_MAP)
		return "S66_only_a_map_maps";
	rule = check_place(op, va, frame);
	if (!rule)
		rule = check_place(op, va + (nr - 1) * SPEC_PAGE_SIZE, frame);
	if (rule)
		return rule;
	pte = args_pte(&op->args);
	op->bytes += nr * SPEC_PAGE_SIZE;
	op->told += nr * SPEC_PAGE_SIZE;
	return spec_ops_map_run(&mon->machine, id, va, nr, frames, &pte);
}

/**
 * spec_monitor_frames_told - whether all frames that a map has mapped were told
 * @mon:	the space
 * @id:		its cursor
 */
bool spec_monitor_frames_told(const struct spec_monitor *mon, u64 id)
{
	const struct spec_monitor_op *op = find(mon, id);

	return op && op->told == op->bytes;
}

/**
 * spec_monitor_protect_run - leaves of 4 KiB were changed side by side, as a protect asks
 * @mon:	the space, not a STRICT one, where each is a step (S61)
 * @id:		its cursor
 * @va:		first address that the first spans
 * @nr:		how many, in one table
 *
 * As spec_monitor_map_run().
 *
 * Return: NULL or the rule.
 */
const char *spec_monitor_protect_run(struct spec_monitor *mon, u64 id, u64 va, unsigned int nr)
{
	const char *rule;
	struct spec_monitor_op *op = find_running(mon, id, &rule);

	if (rule)
		return rule;
	rule = check_changed(op, va);
	if (!rule)
		rule = check_changed(op, va + (nr - 1) * SPEC_PAGE_SIZE);
	return rule ? rule : spec_ops_protect_run(&mon->machine, id, va, nr, op->bits);
}

/* A mapping that has these rights already needs no write; it is a change all the same. */
static const char *strict_unchanged(struct spec_monitor *mon)
{
	const struct spec_core_state *s = &mon->os.core_states[STRICT_CORE];
	struct spec_pte from, to;

	if (s->state != SPEC_PROTECT_EXECUTING || !spec_map_get(&mon->os.hw.pt, s->vaddr, &from))
		return NULL;
	to = from;
	to.flags = s->flags;
	if (!spec_pte_equal(&from, &to, 0))
		return NULL;
	return strict_inv(mon, spec_os_protect_op_change(&mon->os, STRICT_CORE, true));
}

/**
 * spec_monitor_op_end - an unmap or protect is done with its writes (S67)
 * @mon:	the space
 * @id:		its cursor
 *
 * Return: NULL or the rule.
 */
const char *spec_monitor_op_end(struct spec_monitor *mon, u64 id)
{
	struct spec_monitor_op *op = find(mon, id);
	const char *rule = NULL;

	if (!op || !op->executing || op->shooting || op->written)
		return "S76_executing";
	op->written = true;
	if (!is_strict(mon))
		return NULL;
	if (op->operation == SPEC_PROTECT)
		return strict_unchanged(mon);
	if (!op->order.changes)
		rule = strict_inv(mon, spec_os_unmap_op_start(&mon->os, STRICT_CORE, false));
	return rule ? rule : strict_inv(mon, spec_os_unmap_op_end(&mon->os, STRICT_CORE));
}

/* Everything in the range has the property that a protect gives. */
static const char *check_protected(const struct spec_monitor *mon, struct spec_region range,
				   struct spec_bits bits, u64 *bytes)
{
	const struct spec_map *pt = &mon->machine.hw.pt;
	u64 any, all, base;

	*bytes = 0;
	if (!range.size)
		return NULL;
	/* What straddles the start counts. */
	if (spec_map_covering(pt, range.base, &base, NULL)) {
		range.size += range.base - base;
		range.base = base;
	}
	*bytes = spec_map_sum(pt, range, &any, &all);
	if (*bytes && (any & ~bits.keep & ~bits.add & ~SPEC_FLAG_HARDWARE ||
		       ~all & bits.add & ~SPEC_FLAG_HARDWARE))
		return "protect_leaves_nothing_out";
	return NULL;
}

/* Only an interrupted operation comes to something else than all or nothing. */
static const char *check_position(const struct spec_monitor *mon, const struct spec_monitor_op *op,
				  u64 va, int error)
{
	if (error && error != -EINTR && (op->changed || va != op->range.base))
		return "S60_failure_changes_nothing";
	if (error == -EEXIST && !spec_map_overlaps(&mon->machine.hw.pt, op->range))
		return "S58_err_iff_overlap";
	if (!error && op->operation != SPEC_PROTECT && va - op->range.base < op->range.size)
		return "position_at_the_end";
	return NULL;
}

/* The postcondition of an operation that came to the end of @range. */
static const char *check_end(const struct spec_monitor *mon, const struct spec_monitor_op *op,
			     struct spec_region range, u64 pages)
{
	const char *rule;
	u64 bytes;

	switch (op->operation) {
	case SPEC_MAP:
		if (op->bytes != range.size)
			return "map_maps_all_of_it";
		break;
	case SPEC_UNMAP:
		if (range.size && spec_map_overlaps(&mon->machine.hw.pt, range))
			return "unmap_leaves_nothing";
		break;
	default:
		rule = check_protected(mon, range, op->bits, &bytes);
		if (rule)
			return rule;
		return bytes == pages * SPEC_PAGE_SIZE ? NULL : "pages_are_counted";
	}
	return op->bytes == pages * SPEC_PAGE_SIZE ? NULL : "pages_are_counted";
}

static const char *strict_end(struct spec_monitor *mon, const struct spec_monitor_op *op, int error)
{
	const char *rule = spec_order_end(&op->order, !error && op->order.writes);

	if (rule && op->order.writes)
		return rule;
	switch (op->operation) {
	case SPEC_MAP:
		return strict_inv(mon, spec_os_map_end(&mon->os, STRICT_CORE, !error));
	case SPEC_UNMAP:
		return strict_inv(mon, spec_os_unmap_end(&mon->os, STRICT_CORE,
							 op->order.changes));
	default:
		if (mon->os.core_states[STRICT_CORE].state == SPEC_IDLE)
			return NULL;
		return strict_inv(mon, spec_os_protect_end(&mon->os, STRICT_CORE, !error));
	}
}

/**
 * spec_monitor_end - an operation ends (S58, S60, S70)
 * @mon:	the space
 * @id:		its cursor
 * @va:		where the cursor is now
 * @pages:	4 KiB pages that it says it mapped, unmapped or met
 * @error:	0 or a negative error number
 * @is_deferred: its flush was deferred
 *
 * Return: NULL or the rule.
 */
const char *spec_monitor_end(struct spec_monitor *mon, u64 id, u64 va, u64 pages, int error,
			     bool is_deferred)
{
	struct spec_monitor_op *op = find(mon, id);
	struct spec_region range;
	const char *rule;

	if (!op || !op->executing)
		return "S76_executing";
	if (op->operation != SPEC_MAP && !op->written)
		return "S67_writes_are_done";
	if (va < op->range.base || va - op->range.base > op->range.size)
		return "position_in_the_range";
	rule = check_position(mon, op, va, error);
	if (rule)
		return rule;
	range = (struct spec_region) { op->range.base, va - op->range.base };
	rule = check_end(mon, op, range, pages);
	if (!rule && is_strict(mon))
		rule = strict_end(mon, op, error);
	op->executing = false;
	return rule ? rule : spec_ops_end(&mon->machine, id, is_deferred);
}

/**
 * spec_monitor_page - a page that the next shootdown of a cursor is for
 * @mon:	the space
 * @id:		the cursor
 * @va:		an address in the page
 *
 * Return: NULL or the rule.
 */
const char *spec_monitor_page(struct spec_monitor *mon, u64 id, u64 va)
{
	struct spec_monitor_op *op = find_active(mon, id);

	if (!op || op->nr_pages == SPEC_MONITOR_PAGES)
		return "S94_shootdown_exists";
	op->pages[op->nr_pages++] = va;
	return NULL;
}

/* Between operations, what was deferred is flushed: that is one as well (S76). */
static const char *initiate(struct spec_monitor *mon, struct spec_monitor_op *op)
{
	const struct spec_op *machine_op = spec_vector_get(&mon->machine.ops, op->id);
	struct spec_region scope = SPEC_EVERYWHERE;
	const char *rule = NULL;

	if (!machine_op)
		return "S94_shootdown_exists";
	if (machine_op->state == SPEC_OP_IDLE)
		rule = spec_ops_start(&mon->machine, op->id);
	if (op->scope == SPEC_ONE_PAGE)
		scope = (struct spec_region) { op->pages[0] & -SPEC_PAGE_SIZE, SPEC_PAGE_SIZE };
	return rule ? rule : spec_ops_initiate_shootdown(&mon->machine, op->id, scope);
}

static const char *strict_initiate(struct spec_monitor *mon)
{
	enum spec_state state = mon->os.core_states[STRICT_CORE].state;
	unsigned int core;
	const char *rule;

	if (state == SPEC_UNMAP_OP_DONE)
		rule = spec_os_unmap_initiate_shootdown(&mon->os, STRICT_CORE);
	else if (state == SPEC_PROTECT_OP_DONE)
		rule = spec_os_protect_initiate_shootdown(&mon->os, STRICT_CORE);
	else
		return NULL;
	rule = strict_inv(mon, rule);
	for (core = 0; !rule && core < mon->os.config.core_no; core++)
		if (!spec_tlb_inside(&mon->os.hw.maximal, core))
			rule = strict_ack(mon, core);
	return rule;
}

/**
 * spec_monitor_initiate - a cursor sends a shootdown (S68)
 * @mon:	the space
 * @id:		the cursor
 * @full:	everything is flushed, not the pages that were told
 * @scope:	what it is for
 *
 * Return: NULL or the rule.
 */
const char *spec_monitor_initiate(struct spec_monitor *mon, u64 id, bool full,
				  enum spec_scope scope)
{
	struct spec_monitor_op *op = find_active(mon, id);
	const char *rule;

	if (!op || op->shooting)
		return "S94_shootdown_exists";
	if (scope == SPEC_PARTIAL && mon->contract != SPEC_LAB)
		return "S68_all_cores";
	if (!full && scope == SPEC_ONE_PAGE && op->nr_pages != 1)
		return "S94_shootdown_exists";
	op->shooting = true;
	op->scope = scope;
	rule = scope == SPEC_PARTIAL ? NULL : initiate(mon, op);
	return rule || !has_strict_state(mon, op) ? rule : strict_initiate(mon);
}

/**
 * spec_monitor_now - a moment, for spec_ack.at
 * @mon:	the space
 *
 * Context: any, also beside other functions on @mon.
 */
u64 spec_monitor_now(const struct spec_monitor *mon)
{
	return spec_tlb_now(&mon->machine.hw.maximal);
}

static void flush_core(struct spec_monitor *mon, unsigned int core, struct spec_flushed f)
{
	spec_tlb_flushed(tlb_of(mon), core, &f);
	if (!is_strict(mon))
		return;
	/* Moments of that machine are not told. */
	f.at = SPEC_FLUSHED_NOW;
	spec_tlb_flushed(&mon->os.hw.maximal, core, &f);
}

/**
 * spec_monitor_ack - a core was interrupted, flushed, and acknowledges (S69)
 * @mon:	the space
 * @id:		cursor whose shootdown it is
 * @core:	the core
 * @ack:	what it flushed
 *
 * Return: NULL or the rule.
 */
const char *spec_monitor_ack(struct spec_monitor *mon, u64 id, unsigned int core,
			     const struct spec_ack *ack)
{
	struct spec_monitor_op *op = find_active(mon, id);
	const char *rule;

	if (!op || !op->shooting)
		return "S94_shootdown_exists";
	if (!spec_valid_core(&mon->machine.hw, core))
		return "S75_valid_core";
	/* All that were told, or none of them. */
	if (ack->nr && (ack->nr != op->nr_pages || ack->first != op->pages[0]))
		return "S69_flushed";
	flush_core(mon, core, (struct spec_flushed) {
		.full = ack->full,
		.nr = ack->nr,
		.va = op->pages,
		.at = ack->at,
	});
	if (op->scope == SPEC_PARTIAL)
		return NULL;
	rule = spec_ops_ack_shootdown_ipi(&mon->machine, op->id, core);
	return rule || !has_strict_state(mon, op) ? rule : strict_ack(mon, core);
}

/**
 * spec_monitor_end_shootdown - all have acknowledged (S70)
 * @mon:	the space
 * @id:		cursor whose shootdown it was
 *
 * Return: NULL or the rule.
 */
const char *spec_monitor_end_shootdown(struct spec_monitor *mon, u64 id)
{
	struct spec_monitor_op *op = find_active(mon, id);
	const char *rule;

	if (!op || !op->shooting)
		return "S94_shootdown_exists";
	op->shooting = false;
	op->nr_pages = 0;
	if (op->scope == SPEC_PARTIAL)
		return NULL;
	rule = spec_ops_end_shootdown(&mon->machine, op->id);
	if (rule)
		return rule;
	if (op->id & SPEC_HOUSEKEEPING)
		return end_house(mon, op->id);
	return op->executing ? NULL : spec_ops_end(&mon->machine, op->id, false);
}

/**
 * spec_monitor_release - what a cursor removed is given back (S86)
 * @mon:	the space
 * @id:		the cursor
 *
 * Return: NULL or the rule.
 */
const char *spec_monitor_release(struct spec_monitor *mon, u64 id)
{
	const struct spec_monitor_op *op = find_active(mon, id);
	const char *rule;

	if (op && op->shooting)
		return "S86_released_after_the_flush";
	rule = spec_ops_release(&mon->machine, id | SPEC_HOUSEKEEPING);
	return rule ? rule : spec_ops_release(&mon->machine, id);
}

/**
 * spec_monitor_quarantine - what a cursor removed is kept until the space is gone
 * @mon:	the space, a LAB
 * @id:		the cursor
 *
 * Return: NULL or the rule.
 */
const char *spec_monitor_quarantine(struct spec_monitor *mon, u64 id)
{
	const struct spec_monitor_op *op = find_active(mon, id);
	struct spec_vector *stale = &tlb_of(mon)->stale;
	size_t i;

	if (mon->contract != SPEC_LAB || (op && op->shooting))
		return "S86_released_after_the_flush";
	for (i = 0; i < stale->nr; i++) {
		struct spec_stale *s = spec_vector_item(stale, i);

		if (s->owner == id)
			s->owner = SPEC_QUARANTINE;
	}
	return NULL;
}

/* An operation may be changing what is there at this moment, or have it flushed. */
static bool being_changed(const struct spec_monitor *mon, u64 va)
{
	const struct spec_monitor_op *op;

	spec_vector_for_each(&mon->ops, op)
		if (op->shooting || (op->executing && va >= op->range.base &&
				     va - op->range.base < op->range.size))
			return true;
	return false;
}

/**
 * spec_monitor_access - a core made an access (S43 to S47)
 * @mon:	the space
 * @core:	the core
 * @va:		its address
 * @is_store:	it was a store, else a load
 * @faulted:	it faulted
 *
 * One that may have been made before or after some step of an operation that goes
 * on is not judged.  The caller leaves out those during which an operation ended.
 *
 * Return: NULL or the rule.
 */
const char *spec_monitor_access(struct spec_monitor *mon, unsigned int core, u64 va,
				bool is_store, bool faulted)
{
	const struct spec_rw_op access = {
		.is_store = is_store,
		.is_kernel = true,
		.result = faulted ? SPEC_PAGEFAULT : SPEC_OK,
	};
	struct spec_tlb_pos pos = { };
	const struct spec_stale *stale;
	struct spec_pte pte;

	if (!spec_valid_core(&mon->machine.hw, core))
		return "S75_valid_core";
	if (!spec_monitor_inside(mon, core))
		return "S43_core_is_inside";
	if (being_changed(mon, va))
		return NULL;
	if (faulted)
		return spec_tlb_access(tlb_of(mon), &mon->machine.hw.pt, core, va, &access, 0);
	/* Where it went is not known: that there is a way is all that can be said. */
	if (spec_map_covering(&mon->machine.hw.pt, va, NULL, &pte) && spec_permits(&pte, &access))
		return NULL;
	while ((stale = spec_tlb_next(tlb_of(mon), core, va, &pos)))
		if (spec_permits(&stale->pte, &access))
			return NULL;
	return is_store ? "S44_store_permitted" : "S43_translation_is_held";
}

/**
 * spec_monitor_frame_taken - whether memory is mapped already (S80, S81)
 * @mon:	the space, a STRICT one
 * @frame:	the memory
 */
bool spec_monitor_frame_taken(const struct spec_monitor *mon, struct spec_region frame)
{
	return spec_map_overlaps(&mon->os.frames, frame);
}

/**
 * spec_monitor_gone - the space is given back, with all that was left in it (S86)
 * @mon:	the space
 *
 * Return: NULL or the rule.
 */
const char *spec_monitor_gone(struct spec_monitor *mon)
{
	return spec_ops_gone(&mon->machine);
}
