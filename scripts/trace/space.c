// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include "../../module/spec/geometry.h"
#include "space.h"

#define MAX_CPUS	65536

static const struct spec_alloc allocator = { .alloc = malloc, .free = free };

/**
 * space_new - a space is made
 * @space:	receives it; NULL if there is a rule
 * @ev:		EVENT_NEW_SPACE
 *
 * Return: NULL or the rule.
 */
const char *space_new(struct space **space, const struct event *ev)
{
	u64 levels = ev->field[FIELD_LEVELS], width = ev->field[FIELD_WIDTH];
	u64 cpus = ev->field[FIELD_CPUS];
	struct space *s;

	*space = NULL;
	if (levels < SPEC_MIN_LEVELS || levels > SPEC_MAX_LEVELS)
		return "S3_levels";
	if (width > 64 || !spec_valid_phyaddr_width(width))
		return "S4_physical_width";
	if (!cpus || cpus > MAX_CPUS)
		return "S41_valid_core";
	s = calloc(1, sizeof(*s));
	if (!s)
		return spec_no_memory;
	if (spec_monitor_init(&s->monitor, &allocator, cpus, levels, width,
			      (enum spec_contract)ev->field[FIELD_CONTRACT])) {
		free(s);
		return spec_no_memory;
	}
	s->number = ev->field[FIELD_SPACE];
	spec_vector_init(&s->ops, &allocator, sizeof(struct space_op));
	spec_vector_init(&s->ended_early, &allocator, sizeof(u64));
	tables_init(&s->tables, &allocator, levels, width);
	*space = s;
	return NULL;
}

/**
 * space_free - give all memory back
 * @s:	the space, or NULL
 */
void space_free(struct space *s)
{
	if (!s)
		return;
	spec_monitor_destroy(&s->monitor);
	spec_vector_clear(&s->ops);
	spec_vector_clear(&s->ended_early);
	tables_clear(&s->tables);
	free(s);
}

static struct space_op *find(const struct space *s, u64 id)
{
	return spec_vector_get(&s->ops, id);
}

static struct space_op *find_or_add(struct space *s, u64 id)
{
	struct space_op *op = find(s, id);

	return op ? op : spec_vector_insert(&s->ops, id);
}

/* An operation of this cursor goes on, and may write. */
static bool goes_on(const struct space_op *op, enum event_kind kind)
{
	return op && op->kind == kind && !op->started;
}

static struct spec_region range_of(const struct event *ev)
{
	u64 start = ev->field[FIELD_START];

	return (struct spec_region) { start, ev->field[FIELD_END] - start };
}

static bool is_range_of(const struct space_op *op, const struct event *ev)
{
	struct spec_region range = range_of(ev);

	return op && op->range.base == range.base && op->range.size == range.size;
}

static const char *cursor_open(struct space *s, const struct event *ev)
{
	struct space_op *op;

	if (ev->field[FIELD_START] >= ev->field[FIELD_END])
		return "S62_range_in_bounds";
	if (find(s, ev->field[FIELD_OP]))
		return "S52_operation_is_new";
	op = find_or_add(s, ev->field[FIELD_OP]);
	if (!op)
		return spec_no_memory;
	op->range = range_of(ev);
	return NULL;
}

static const char *cursor_lock(struct space *s, const struct event *ev)
{
	struct space_op *op = find(s, ev->field[FIELD_OP]);

	if (!is_range_of(op, ev))
		return "S53_range_as_asked_for";
	return spec_monitor_lock(&s->monitor, op->id, op->range);
}

static const char *cursor_drop(struct space *s, const struct event *ev)
{
	struct space_op *op = find(s, ev->field[FIELD_OP]);
	const char *rule;

	if (!is_range_of(op, ev))
		return "S53_range_as_asked_for";
	if (op->removed || op->unlinked)
		return "S86_all_is_released";
	rule = spec_monitor_drop(&s->monitor, op->id);
	if (!rule)
		spec_vector_remove(&s->ops, op);
	return rule;
}

/* An operation starts; its cursor's part is to be found again after that. */
static const char *start(struct space *s, const struct event *ev)
{
	struct space_op *op = find(s, ev->field[FIELD_OP]);

	if (!op)
		return "S76_idle";
	if (op->started)
		return "S57_op_start_follows";
	op->kind = ev->kind;
	op->started = true;
	return NULL;
}

static const char *map_start(struct space *s, const struct event *ev)
{
	/* Write-back, write-combining, uncached. */
	static const u32 cache[] = { 0, SPEC_PWT, SPEC_PWT | SPEC_PCD };
	const struct spec_map_args args = {
		.frame = ev->field[FIELD_FRAME],
		.len = ev->field[FIELD_SIZE],
		.level = ev->field[FIELD_LEVEL],
		.prop = ev->field[FIELD_PROP],
		.cache = cache[ev->field[FIELD_CACHE] % ARRAY_SIZE(cache)],
		.replace = ev->field[FIELD_REPLACE],
	};

	if (ev->field[FIELD_CACHE] >= ARRAY_SIZE(cache))
		return "map_cache_policy";
	if (ev->field[FIELD_LEVEL] > SPEC_MAX_PAGE_LEVEL)
		return "S54_legal_size";
	return spec_monitor_map_start(&s->monitor, ev->field[FIELD_OP], ev->field[FIELD_VA], &args);
}

static const char *operation_start(struct space *s, const struct event *ev)
{
	const struct spec_region range = { ev->field[FIELD_VA], ev->field[FIELD_SIZE] };
	const char *rule = start(s, ev);

	if (rule)
		return rule;
	switch (ev->kind) {
	case EVENT_MAP_START:
		return map_start(s, ev);
	case EVENT_UNMAP_START:
		return spec_monitor_unmap_start(&s->monitor, ev->field[FIELD_OP], range);
	default:
		return spec_monitor_protect_start(&s->monitor, ev->field[FIELD_OP], range,
						  (struct spec_change) {
							  .clear = ev->field[FIELD_CLEAR],
							  .set = ev->field[FIELD_SET] });
	}
}

/* The monitor has taken this step with the one before. */
static const char *op_start(struct space *s, const struct event *ev, enum event_kind kind)
{
	struct space_op *op = find(s, ev->field[FIELD_OP]);

	if (!op || op->kind != kind || !op->started)
		return "S57_op_start_follows";
	op->started = false;
	return NULL;
}

static const char *op_end(struct space *s, const struct event *ev, enum event_kind kind)
{
	if (!goes_on(find(s, ev->field[FIELD_OP]), kind))
		return "S67_end_of_its_operation";
	return spec_monitor_op_end(&s->monitor, ev->field[FIELD_OP]);
}

/*
 * Each end has a number, and each number is told once.  Several CPUs may tell
 * theirs in another order.
 */
static const char *count_ended(struct space *s, const struct event *ev)
{
	u64 number = ev->field[FIELD_ENDED];
	void *next;

	/* Without the event access, nobody counts. */
	if (!number)
		return NULL;
	if (number <= s->ended_all || spec_vector_get(&s->ended_early, number))
		return "each_end_counts_once";
	if (!spec_vector_insert(&s->ended_early, number))
		return spec_no_memory;
	while ((next = spec_vector_get(&s->ended_early, s->ended_all + 1))) {
		spec_vector_remove(&s->ended_early, next);
		s->ended_all++;
	}
	if (number > s->ended)
		s->ended = number;
	return NULL;
}

static const char *operation_end(struct space *s, const struct event *ev, enum event_kind kind)
{
	struct space_op *op = find(s, ev->field[FIELD_OP]);
	const char *rule;

	if (!goes_on(op, kind))
		return "S70_end_of_its_operation";
	if (op->told)
		return "S68_pages_as_told";
	if (!ev->field[FIELD_DEFERRED] && (op->due || op->unlinked))
		return "S70_flushed_at_the_end";
	op->kind = EVENT_NONE;
	s->counts.operations++;
	rule = count_ended(s, ev);
	return rule ? rule :
	       spec_monitor_end(&s->monitor, op->id, ev->field[FIELD_VA], ev->field[FIELD_PAGES],
				(int)ev->field[FIELD_RESULT], ev->field[FIELD_DEFERRED]);
}

/* All that the specification has mapped in what an entry spans is removed. */
static void remove_all(const struct space *s, struct space_op *op, u64 va, unsigned int level)
{
	const struct spec_map *map = &s->monitor.machine.hw.pt;
	u64 end = va + spec_entry_size(level), base;
	struct spec_pte pte;
	bool more = spec_map_next(map, va, &base, &pte);

	for (; more && base < end; more = spec_map_next(map, base + 1, &base, &pte)) {
		op->removed += pte.frame.size;
		op->due += pte.attrs & SPEC_NOREAD ? 0 : pte.frame.size;
	}
}

/*
 * What a write removes.  A protect, and the split of a large page, remove nothing; a
 * map that replaces a frame by itself gives a reference up, too.
 */
static void count_removed(const struct space *s, struct space_op *op, const struct event *ev,
			  unsigned int level)
{
	const struct spec_pt pt = { .width = s->tables.width, .held = true };
	struct spec_entry from, to;

	spec_pt_decode(&pt, ev->field[FIELD_OLD], level, &from);
	spec_pt_decode(&pt, ev->field[FIELD_NEW], level, &to);
	op->unlinked += from.kind == SPEC_DIRECTORY && to.kind != SPEC_DIRECTORY;
	if (from.kind == SPEC_EMPTY || to.kind == SPEC_DIRECTORY ||
	    (op->kind == EVENT_PROTECT_START && to.kind == SPEC_PAGE))
		return;
	remove_all(s, op, ev->field[FIELD_VA], level);
}

static const char *entry_write(struct space *s, const struct event *ev)
{
	u64 va = ev->field[FIELD_VA], level = ev->field[FIELD_LEVEL];
	struct space_op *op = find_or_add(s, ev->field[FIELD_OP]);
	const char *rule;

	if (!op)
		return spec_no_memory;
	if (op->started)
		return "S57_op_start_follows";
	if (!level || level > s->tables.levels)
		return "S1_level_of_a_table";
	s->counts.writes++;
	count_removed(s, op, ev, level);
	rule = spec_monitor_write(&s->monitor, op->id, va, level, ev->field[FIELD_OLD],
				  ev->field[FIELD_NEW]);
	return rule ? rule : tables_write(&s->tables, va, level, ev->field[FIELD_OLD],
					  ev->field[FIELD_NEW]);
}

static const char *shootdown_page(struct space *s, const struct event *ev)
{
	struct space_op *op = find_or_add(s, ev->field[FIELD_OP]);

	if (!op)
		return spec_no_memory;
	op->told++;
	return spec_monitor_page(&s->monitor, op->id, ev->field[FIELD_VA]);
}

static const char *initiate_shootdown(struct space *s, const struct event *ev)
{
	struct space_op *op = find_or_add(s, ev->field[FIELD_OP]);

	if (!op)
		return spec_no_memory;
	if (op->started)
		return "S57_op_start_follows";
	op->full = ev->field[FIELD_FULL];
	if (op->told != ev->field[FIELD_FLUSH] || op->full == !!op->told)
		return "S68_pages_as_told";
	return spec_monitor_initiate(&s->monitor, op->id, ev->field[FIELD_FULL],
				     (enum spec_scope)ev->field[FIELD_SCOPE]);
}

static const char *ack_shootdown_ipi(struct space *s, const struct event *ev)
{
	struct space_op *op = find(s, ev->field[FIELD_OP]);
	/* The moment of the flush is not in the log: that of the event has to do. */
	const struct spec_ack ack = {
		.full = ev->field[FIELD_FULL],
		.nr = ev->field[FIELD_FLUSHED],
		.first = ev->field[FIELD_FIRST],
		.at = SPEC_FLUSHED_NOW,
	};

	if (!op || (ev->field[FIELD_FULL] && !op->full) ||
	    (ev->field[FIELD_FIRST] && !ev->field[FIELD_FLUSHED]))
		return "S69_as_asked_for";
	op->acks++;
	s->counts.acks++;
	return spec_monitor_ack(&s->monitor, ev->field[FIELD_OP], ev->cpu, &ack);
}

static const char *end_shootdown(struct space *s, const struct event *ev)
{
	struct space_op *op = find(s, ev->field[FIELD_OP]);
	const char *rule;

	if (!op)
		return "S94_shootdown_exists";
	if (op->acks != ev->field[FIELD_SENT])
		return "S70_all_have_acknowledged";
	op->told = 0;
	op->acks = 0;
	s->counts.shootdowns++;
	rule = count_ended(s, ev);
	return rule ? rule : spec_monitor_end_shootdown(&s->monitor, op->id);
}

/* All that was removed, and nothing else. */
static const char *account(struct space *s, const struct event *ev)
{
	struct space_op *op = find(s, ev->field[FIELD_OP]);

	if (!op || op->removed != ev->field[FIELD_PAGES] * SPEC_PAGE_SIZE ||
	    (ev->kind == EVENT_RELEASE && op->unlinked != ev->field[FIELD_TABLES]))
		return "S86_all_is_released";
	op->removed = 0;
	op->due = 0;
	op->unlinked = 0;
	/* What is done to tables while a cursor is not open ends so. */
	if (!op->range.size)
		spec_vector_remove(&s->ops, op);
	return NULL;
}

static const char *release(struct space *s, const struct event *ev)
{
	const char *rule = spec_monitor_release(&s->monitor, ev->field[FIELD_OP]);

	return rule ? rule : account(s, ev);
}

static const char *quarantine(struct space *s, const struct event *ev)
{
	const char *rule = spec_monitor_quarantine(&s->monitor, ev->field[FIELD_OP]);

	return rule ? rule : account(s, ev);
}

/*
 * An access comes to the log after it was made.  If an operation has ended in
 * between, nothing can be said of it.
 */
static const char *access_made(struct space *s, const struct event *ev)
{
	u64 kind = ev->field[FIELD_KIND];

	if (ev->field[FIELD_DONE] > ev->field[FIELD_LEN])
		return "S42_no_more_than_asked_for";
	if (!spec_monitor_inside(&s->monitor, ev->cpu))
		return "S43_core_is_inside";
	if (kind != ACCESS_LOAD && kind != ACCESS_STORE)
		return NULL;
	s->counts.accesses++;
	if (ev->field[FIELD_ENDED] != s->ended)
		return NULL;
	s->counts.judged++;
	return spec_monitor_access(&s->monitor, ev->cpu, ev->field[FIELD_VA],
				   kind == ACCESS_STORE, !ev->field[FIELD_DONE]);
}

static const char *gone(struct space *s)
{
	if (s->ops.nr)
		return "S53_no_cursor_is_open";
	return s->ended_early.nr ? "each_end_counts_once" : spec_monitor_gone(&s->monitor);
}

/**
 * space_step - an event of a space
 * @s:	the space
 * @ev:	any event that has a space, but EVENT_NEW_SPACE
 *
 * After a violation nothing can be said of what follows.
 *
 * Return: NULL or the rule that it violates.
 */
const char *space_step(struct space *s, const struct event *ev)
{
	s->counts.events++;
	switch (ev->kind) {
	case EVENT_CURSOR_OPEN:
		return cursor_open(s, ev);
	case EVENT_CURSOR_LOCK:
		return cursor_lock(s, ev);
	case EVENT_CURSOR_DROP:
		return cursor_drop(s, ev);
	case EVENT_MAP_START:
	case EVENT_UNMAP_START:
	case EVENT_PROTECT_START:
		return operation_start(s, ev);
	case EVENT_MAP_OP_START:
		return op_start(s, ev, EVENT_MAP_START);
	case EVENT_UNMAP_OP_START:
		return op_start(s, ev, EVENT_UNMAP_START);
	case EVENT_PROTECT_OP_START:
		return op_start(s, ev, EVENT_PROTECT_START);
	case EVENT_UNMAP_OP_END:
		return op_end(s, ev, EVENT_UNMAP_START);
	case EVENT_PROTECT_OP_END:
		return op_end(s, ev, EVENT_PROTECT_START);
	case EVENT_MAP_END:
		return operation_end(s, ev, EVENT_MAP_START);
	case EVENT_UNMAP_END:
		return operation_end(s, ev, EVENT_UNMAP_START);
	case EVENT_PROTECT_END:
		return operation_end(s, ev, EVENT_PROTECT_START);
	case EVENT_ENTRY_WRITE:
		return entry_write(s, ev);
	case EVENT_SHOOTDOWN_PAGE:
		return shootdown_page(s, ev);
	case EVENT_INITIATE_SHOOTDOWN:
		return initiate_shootdown(s, ev);
	case EVENT_ACK_SHOOTDOWN_IPI:
		return ack_shootdown_ipi(s, ev);
	case EVENT_END_SHOOTDOWN:
		return end_shootdown(s, ev);
	case EVENT_RELEASE:
		return release(s, ev);
	case EVENT_QUARANTINE:
		return quarantine(s, ev);
	case EVENT_ENTER:
		return spec_monitor_enter(&s->monitor, ev->cpu);
	case EVENT_LEAVE:
		return spec_monitor_leave(&s->monitor, ev->cpu);
	case EVENT_ACCESS:
		return access_made(s, ev);
	case EVENT_SPACE_GONE:
		return gone(s);
	case EVENT_VIOLATION:
		return "reported_by_the_module";
	default:
		return NULL;
	}
}
