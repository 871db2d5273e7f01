// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <stdlib.h>
#include "check.h"

#define MAX_SPACES	(1 << 20)

/* What is known of the space that has a number now. */
enum status {
	STATUS_NONE,		/* there is none */
	STATUS_CHECKED,
	STATUS_OLDER,		/* it was there before the log */
	STATUS_LOST,		/* events were lost */
	STATUS_VIOLATED,	/* a step was not allowed */
	NR_STATUS,
};

/**
 * struct check - a log on its way
 * @log:	the log
 * @verbose:	tell of every space
 * @slots:	by number of the space
 * @nr:		how many
 * @spaces:	how many spaces were found, by what became of them
 * @counts:	of all spaces that were checked
 * @gap:	the next part of the log in which events are missing
 * @gap_end:	where the last one ends that has begun
 */
struct check {
	const struct log *log;
	bool verbose;
	struct slot {
		enum status status;
		struct space *space;
	} *slots;
	size_t nr;
	u64 spaces[NR_STATUS];
	struct space_counts counts;
	size_t gap;
	size_t gap_end;
};

static void set_status(struct check *c, u64 number, enum status status)
{
	struct slot *slot = &c->slots[number];

	space_free(slot->space);
	slot->space = NULL;
	slot->status = status;
	c->spaces[status]++;
}

static bool make_room(struct check *c, u64 number)
{
	size_t nr = 2 * number + 64;
	struct slot *slots;

	if (number < c->nr)
		return true;
	if (number >= MAX_SPACES)
		return false;
	slots = realloc(c->slots, nr * sizeof(*slots));
	if (!slots)
		return false;
	memset(slots + c->nr, 0, (nr - c->nr) * sizeof(*slots));
	c->slots = slots;
	c->nr = nr;
	return true;
}

static void add_counts(struct space_counts *sum, const struct space_counts *counts)
{
	sum->events += counts->events;
	sum->operations += counts->operations;
	sum->writes += counts->writes;
	sum->shootdowns += counts->shootdowns;
	sum->acks += counts->acks;
	sum->accesses += counts->accesses;
	sum->judged += counts->judged;
}

static void tell_counts(const struct space_counts *counts)
{
	printf("%llu events, %llu operations, %llu writes to entries, ", counts->events,
	       counts->operations, counts->writes);
	printf("%llu shootdowns with %llu interrupts, ", counts->shootdowns, counts->acks);
	printf("%llu of %llu accesses judged\n", counts->judged, counts->accesses);
}

/* A space that was checked is gone, or the log ends. */
static void finish(struct check *c, u64 number)
{
	struct space *s = c->slots[number].space;

	add_counts(&c->counts, &s->counts);
	if (c->verbose) {
		printf("space %llu, from line %llu on: allowed: ", number, s->begin.number + 1);
		tell_counts(&s->counts);
	}
	c->spaces[STATUS_CHECKED]++;
	set_status(c, number, STATUS_NONE);
}

/* Nothing is said of a space while events of any CPU may be missing. */
static void pass_gaps(struct check *c, size_t offset)
{
	const struct log *log = c->log;
	size_t i;

	for (; c->gap < log->nr_gaps && log->gaps[c->gap].from < offset; c->gap++) {
		if (log->gaps[c->gap].to > c->gap_end)
			c->gap_end = log->gaps[c->gap].to;
		for (i = 0; i < c->nr; i++)
			if (c->slots[i].status == STATUS_CHECKED)
				set_status(c, i, STATUS_LOST);
	}
}

/* The space as it was before an event: taken there again. */
static struct space *replay(const struct log *log, struct log_pos pos, u64 number)
{
	struct space *s = NULL;
	struct event ev;

	while (log_next(log, &pos, &ev) == LOG_EVENT && ev.number < number) {
		if (!s)
			space_new(&s, &ev);
		else if (event_has(ev.kind, FIELD_SPACE) && ev.field[FIELD_SPACE] == s->number)
			space_step(s, &ev);
	}
	return s;
}

static void violated(struct check *c, struct log_pos begin, const struct event *ev,
		     const char *rule)
{
	struct space *before = replay(c->log, begin, ev->number);

	report_violation(c->log, before, ev, rule);
	space_free(before);
	set_status(c, ev->field[FIELD_SPACE], STATUS_VIOLATED);
}

/* 0, or -1 if there is no memory to go on. */
static int new_space(struct check *c, const struct event *ev, struct log_pos before)
{
	u64 number = ev->field[FIELD_SPACE];
	struct slot *slot = &c->slots[number];
	const char *rule;

	if (slot->status == STATUS_CHECKED) {
		violated(c, slot->space->begin, ev, "space_is_new");
		return 0;
	}
	if ((size_t)(ev->line.p - c->log->text) < c->gap_end) {
		set_status(c, number, STATUS_LOST);
		return 0;
	}
	rule = space_new(&slot->space, ev);
	if (rule == spec_no_memory)
		return -1;
	if (rule) {
		violated(c, before, ev, rule);
		return 0;
	}
	slot->status = STATUS_CHECKED;
	slot->space->begin = before;
	slot->space->counts.events = 1;
	return 0;
}

static int step(struct check *c, const struct event *ev)
{
	u64 number = ev->field[FIELD_SPACE];
	struct space *s = c->slots[number].space;
	const char *rule = space_step(s, ev);

	if (rule == spec_no_memory)
		return -1;
	if (rule)
		violated(c, s->begin, ev, rule);
	return 0;
}

/* Of a space that is not new; 0, or -1 if there is no memory to go on. */
static int known_space(struct check *c, const struct event *ev)
{
	u64 number = ev->field[FIELD_SPACE];

	if (c->slots[number].status == STATUS_NONE)
		set_status(c, number, STATUS_OLDER);
	if (c->slots[number].status == STATUS_CHECKED && step(c, ev))
		return -1;
	if (ev->kind != EVENT_SPACE_GONE)
		return 0;
	if (c->slots[number].status == STATUS_CHECKED)
		finish(c, number);
	else
		c->slots[number].status = STATUS_NONE;
	return 0;
}

static int take(struct check *c, const struct event *ev, struct log_pos before)
{
	if (!event_has(ev->kind, FIELD_SPACE))
		return 0;
	pass_gaps(c, ev->line.p - c->log->text);
	if (!make_room(c, ev->field[FIELD_SPACE]))
		return -1;
	return ev->kind == EVENT_NEW_SPACE ? new_space(c, ev, before) : known_space(c, ev);
}

static enum log_next take_all(struct check *c)
{
	struct log_pos pos = { }, before;
	enum log_next found;
	struct event ev;

	for (;;) {
		before = pos;
		found = log_next(c->log, &pos, &ev);
		if (found != LOG_EVENT)
			return found;
		if (take(c, &ev, before)) {
			fprintf(stderr, "vmspace-tracecheck: %s:%llu: not enough memory\n",
				c->log->name, ev.number);
			return LOG_BAD;
		}
	}
}

static enum outcome tell_result(const struct check *c)
{
	const u64 *spaces = c->spaces;

	log_tell_gaps(c->log);
	if (spaces[STATUS_LOST])
		printf("not checked, as events were lost: %llu spaces\n", spaces[STATUS_LOST]);
	if (spaces[STATUS_OLDER])
		printf("not checked, as they are older than the log: %llu spaces\n",
		       spaces[STATUS_OLDER]);
	if (spaces[STATUS_VIOLATED])
		printf("not allowed: %llu spaces\n", spaces[STATUS_VIOLATED]);
	printf("allowed: %llu spaces: ", spaces[STATUS_CHECKED]);
	tell_counts(&c->counts);
	if (spaces[STATUS_VIOLATED])
		return OUTCOME_NOT_ALLOWED;
	if (c->log->nr_gaps)
		return OUTCOME_LOST;
	return spaces[STATUS_OLDER] || !spaces[STATUS_CHECKED] ? OUTCOME_UNKNOWN : OUTCOME_ALLOWED;
}

/**
 * check_log - hold a log against the specification, and tell what came out
 * @log:	the log
 * @verbose:	tell of every space
 *
 * Return: see there.
 */
enum outcome check_log(const struct log *log, bool verbose)
{
	struct check c = { .log = log, .verbose = verbose };
	enum log_next end = take_all(&c);
	enum outcome outcome;
	size_t i;

	pass_gaps(&c, log->size);
	for (i = 0; i < c.nr; i++)
		if (c.slots[i].status == STATUS_CHECKED)
			finish(&c, i);
	outcome = tell_result(&c);
	free(c.slots);
	return end == LOG_BAD && outcome != OUTCOME_NOT_ALLOWED ? OUTCOME_BAD : outcome;
}
