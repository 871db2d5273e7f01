// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include "../../module/spec/cores.h"
#include "../../module/spec/geometry.h"
#include "check.h"

#define MAX_LISTED	8	/* of each thing */
#define EVENTS_BEFORE	10
#define EVENTS_AFTER	5

static void tell_range(struct spec_region range)
{
	printf("[0x%llx, 0x%llx)", range.base, range.base + range.size);
}

static const char *size_name(u64 size)
{
	switch (spec_page_level(size)) {
	case 1:
		return "4 KiB";
	case 2:
		return "2 MiB";
	case 3:
		return "1 GiB";
	default:
		return "no page size";
	}
}

static void tell_pte(u64 base, const struct spec_pte *pte)
{
	u32 prop = spec_prop(pte);

	printf("0x%llx -> 0x%llx, %s, %c%c%c%c%c%c%c", base, pte->frame.base,
	       size_name(pte->frame.size), prop & SPEC_PROP_READ ? 'r' : '-',
	       prop & SPEC_PROP_WRITE ? 'w' : '-', prop & SPEC_PROP_EXEC ? 'x' : '-',
	       prop & SPEC_PROP_USER ? 'u' : '-', prop & SPEC_PROP_ACCESSED ? 'a' : '-',
	       prop & SPEC_PROP_DIRTY ? 'd' : '-', prop & SPEC_PROP_SOFT ? 's' : '-');
}

static void tell_cores(const u64 *set, unsigned int cores)
{
	unsigned int core, nr = 0;

	for (core = 0; core < cores; core++)
		if (spec_cores_has(set, core))
			printf("%s%u", nr++ ? " " : "", core);
	if (!nr)
		printf("none");
}

static void tell_space(const struct space *s)
{
	static const char *const contracts[] = {
		[SPEC_CURSORS] = "cursors",
		[SPEC_LAB] = "lab",
		[SPEC_STRICT] = "strict",
	};
	const struct spec_tlb *tlb = &s->monitor.machine.hw.maximal;

	printf("  space %llu: contract %s, %u levels, %u CPUs, inside: ", s->number,
	       contracts[s->monitor.contract], s->tables.levels, tlb->cores);
	tell_cores(tlb->inside, tlb->cores);
	printf("\n");
}

static const struct spec_monitor_op *find_op(const struct space *s, u64 id)
{
	const struct spec_monitor_op *op;

	op = spec_vector_get(&s->monitor.ops, id | SPEC_HOUSEKEEPING);
	return op ? op : spec_vector_get(&s->monitor.ops, id);
}

static void tell_doing(const struct spec_monitor_op *op)
{
	static const char *const operations[] = {
		[SPEC_MAP] = "map",
		[SPEC_UNMAP] = "unmap",
		[SPEC_PROTECT] = "protect",
	};
	static const char *const scopes[] = {
		[SPEC_GATHERED] = "all that it gathered",
		[SPEC_ONE_PAGE] = "one page",
		[SPEC_PARTIAL] = "some CPUs only",
	};
	unsigned int i;

	if (op->executing) {
		printf(", %s ", operations[op->operation]);
		tell_range(op->range);
		printf(op->written ? ", has written" : ", may write");
	} else {
		printf(op->id & SPEC_HOUSEKEEPING ? ", taking empty tables out" : ", idle");
	}
	if (op->shooting)
		printf(", in a shootdown of %s", scopes[op->scope]);
	for (i = 0; i < op->nr_pages && i < MAX_LISTED; i++)
		printf("%s 0x%llx", i ? "" : ", pages", op->pages[i]);
	printf(i < op->nr_pages ? " and %u more\n" : "\n", op->nr_pages - i);
}

static void tell_cursor(const struct space *s, u64 id)
{
	const struct spec_monitor_op *op = find_op(s, id);
	const struct spec_op *machine_op;

	if (!op) {
		printf("  cursor %llu: not open\n", id);
		return;
	}
	machine_op = spec_vector_get(&s->monitor.machine.ops, op->id);
	printf("  cursor %llu", id);
	if (machine_op) {
		printf(" on ");
		tell_range(machine_op->range);
	}
	tell_doing(op);
}

static void tell_other_cursors(const struct space *s, u64 id)
{
	const struct spec_monitor_op *op;
	unsigned int nr = 0;

	spec_vector_for_each(&s->monitor.ops, op) {
		if ((op->id & ~SPEC_HOUSEKEEPING) != id && ++nr <= MAX_LISTED)
			tell_cursor(s, op->id & ~SPEC_HOUSEKEEPING);
	}
	if (nr > MAX_LISTED)
		printf("  and %u cursors more\n", nr - MAX_LISTED);
}

static void tell_mapping(const struct space *s, u64 va)
{
	struct spec_pte pte;
	u64 base;

	printf("  at 0x%llx: ", va);
	if (spec_map_covering(&s->monitor.machine.hw.pt, va, &base, &pte))
		tell_pte(base, &pte);
	else
		printf("nothing is mapped");
	printf("\n");
}

static void tell_stale(const struct spec_stale *stale, unsigned int cores)
{
	printf("  may still be held: ");
	if (stale->pte.attrs & SPEC_NOREAD)
		printf("the table of [0x%llx, 0x%llx), unlinked", spec_stale_base(stale),
		       spec_stale_base(stale) + stale->pte.frame.size);
	else
		tell_pte(spec_stale_base(stale), &stale->pte);
	printf(", by CPUs ");
	tell_cores(stale->holders, cores);
	if (stale->must_flush && stale->owner != SPEC_QUARANTINE)
		printf("; cursor %llu has to flush it", stale->owner & ~SPEC_HOUSEKEEPING);
	printf("\n");
}

/* Of an address, and of a cursor. */
static void tell_stales(const struct space *s, u64 va, u64 id)
{
	const struct spec_tlb *tlb = &s->monitor.machine.hw.maximal;
	unsigned int nr = 0;
	size_t i;

	for (i = 0; i < tlb->stale.nr; i++) {
		const struct spec_stale *stale = spec_vector_item(&tlb->stale, i);
		struct spec_region region = { spec_stale_base(stale), stale->pte.frame.size };

		if (((stale->owner & ~SPEC_HOUSEKEEPING) == id || spec_contains(region, va)) &&
		    ++nr <= MAX_LISTED)
			tell_stale(stale, tlb->cores);
	}
	if (nr > MAX_LISTED)
		printf("  and %u translations more\n", nr - MAX_LISTED);
}

/* The address that an event is about, as well as can be said. */
static u64 address_of(const struct space *s, const struct event *ev)
{
	const struct spec_monitor_op *op = NULL;

	if (event_has(ev->kind, FIELD_VA))
		return ev->field[FIELD_VA];
	if (event_has(ev->kind, FIELD_START))
		return ev->field[FIELD_START];
	if (event_has(ev->kind, FIELD_OP))
		op = find_op(s, ev->field[FIELD_OP]);
	if (!op)
		return 0;
	return op->nr_pages ? op->pages[0] : op->range.base;
}

static void tell_state(const struct space *s, const struct event *ev)
{
	u64 va = address_of(s, ev);
	u64 id = event_has(ev->kind, FIELD_OP) ? ev->field[FIELD_OP] : SPEC_QUARANTINE;

	printf("the state before:\n");
	tell_space(s);
	if (event_has(ev->kind, FIELD_OP))
		tell_cursor(s, id);
	tell_mapping(s, va);
	tell_stales(s, va, id);
	tell_other_cursors(s, id);
}

static bool is_of_space(const struct event *ev, u64 number)
{
	return event_has(ev->kind, FIELD_SPACE) && ev->field[FIELD_SPACE] == number;
}

static void tell_line(const struct event *ev, char mark)
{
	printf("%c%8llu %.*s\n", mark, ev->number, (int)ev->line.len, ev->line.p);
}

/* Back to where the events begin that are shown, but not before @begin. */
static struct log_pos find_context(const struct log *log, struct log_pos begin,
				   const struct event *ev)
{
	struct log_pos pos = {
		.offset = ev->line.p - log->text,
		.number = ev->number - 1,
	};
	unsigned int nr = 0;

	while (nr < EVENTS_BEFORE && pos.offset > begin.offset) {
		struct log_pos here = pos = log_back(log, pos);
		struct event other = { .number = here.number + 1 };

		log_line(log, &here, &other.line);
		nr += event_parse(&other) == LINE_EVENT &&
		      is_of_space(&other, ev->field[FIELD_SPACE]);
	}
	return pos;
}

static void tell_context(const struct log *log, struct log_pos begin, const struct event *ev)
{
	struct log_pos pos = find_context(log, begin, ev);
	unsigned int after = 0;
	struct event other;

	printf("the events of space %llu around it:\n", ev->field[FIELD_SPACE]);
	while (after < EVENTS_AFTER && log_line(log, &pos, &other.line)) {
		other.number = pos.number;
		if (event_parse(&other) != LINE_EVENT ||
		    !is_of_space(&other, ev->field[FIELD_SPACE]))
			continue;
		tell_line(&other, other.number == ev->number ? '>' : ' ');
		after += other.number > ev->number;
	}
}

/**
 * report_violation - say all that there is to say of a step that is not allowed
 * @log:	the log
 * @before:	the space before the step; NULL if it is its first
 * @ev:		the step
 * @rule:	that it violates
 */
void report_violation(const struct log *log, const struct space *before, const struct event *ev,
		      const char *rule)
{
	printf("%s:%llu: not allowed: %s: %s\n", log->name, ev->number, event_name(ev->kind), rule);
	if (ev->kind == EVENT_VIOLATION)
		printf("the module itself says: step %.*s, rule %.*s\n", (int)ev->word.len,
		       ev->word.p, (int)ev->rule.len, ev->rule.p);
	if (before)
		tell_state(before, ev);
	tell_context(log, before ? before->begin : (struct log_pos) { }, ev);
	printf("\n");
}
