/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One line of a log: an event of vmspace, as ftrace prints it.
 *
 * The names and the order of fields are those of module/trace.h.
 */
#ifndef TRACE_EVENT_H
#define TRACE_EVENT_H

#include "../../module/spec/types.h"

/* The events. */
enum event_kind {
	EVENT_NONE,
	EVENT_ENTRY_WRITE,
	EVENT_OP_START,
	EVENT_OP_END,
	EVENT_CURSOR_OPEN,
	EVENT_CURSOR_LOCK,
	EVENT_CURSOR_DROP,
	EVENT_MAP_START,
	EVENT_MAP_OP_START,
	EVENT_MAP_END,
	EVENT_UNMAP_START,
	EVENT_UNMAP_OP_START,
	EVENT_UNMAP_OP_END,
	EVENT_UNMAP_END,
	EVENT_PROTECT_START,
	EVENT_PROTECT_OP_START,
	EVENT_PROTECT_OP_END,
	EVENT_PROTECT_END,
	EVENT_SHOOTDOWN_PAGE,
	EVENT_INITIATE_SHOOTDOWN,
	EVENT_ACK_SHOOTDOWN_IPI,
	EVENT_END_SHOOTDOWN,
	EVENT_RELEASE,
	EVENT_QUARANTINE,
	EVENT_NEW_SPACE,
	EVENT_SPACE_GONE,
	EVENT_VIOLATION,
	EVENT_ACCESS,
	EVENT_ENTER,
	EVENT_LEAVE,
	NR_EVENTS,
};

/* The fields that events have. */
enum event_field {
	FIELD_SPACE,
	FIELD_OP,
	FIELD_VA,
	FIELD_LEVEL,
	FIELD_OLD,
	FIELD_NEW,
	FIELD_START,
	FIELD_END,
	FIELD_SIZE,
	FIELD_FRAME,
	FIELD_PROP,
	FIELD_CACHE,
	FIELD_REPLACE,
	FIELD_CLEAR,
	FIELD_SET,
	FIELD_PAGES,
	FIELD_RESULT,
	FIELD_DEFERRED,
	FIELD_ENDED,
	FIELD_FLUSH,
	FIELD_FULL,
	FIELD_SCOPE,
	FIELD_FLUSHED,
	FIELD_FIRST,
	FIELD_SENT,
	FIELD_TABLES,
	FIELD_LEVELS,
	FIELD_WIDTH,
	FIELD_CPUS,
	FIELD_CONTRACT,
	FIELD_KIND,
	FIELD_LEN,
	FIELD_VALUE,
	FIELD_DONE,
	FIELD_NS,
	FIELD_SERVED,
	FIELD_ID,
	FIELD_FLAGS,
	FIELD_W0,
	FIELD_W1,
	FIELD_W2,
	FIELD_OPCODE,		/* "op=MAP", a word, as the next two */
	FIELD_STEP,
	FIELD_RULE,
	NR_FIELDS,
};

/* Values of FIELD_KIND. */
enum access_kind {
	ACCESS_LOAD,
	ACCESS_STORE,
	ACCESS_COPY_FROM,
	ACCESS_COPY_TO,
	ACCESS_PROGRAM,
};

/**
 * struct text - a piece of the log; not terminated
 * @p:		first character
 * @len:	how many
 */
struct text {
	const char *p;
	size_t len;
};

/**
 * struct event - an event
 * @kind:	which
 * @cpu:	that recorded it
 * @pid:	the task on it
 * @comm:	the task's name
 * @time:	in ns since boot if @seconds, else in units of the clock
 * @seconds:	the time was printed in seconds
 * @when:	the time as it was printed
 * @field:	the fields that it has
 * @word:	FIELD_OPCODE or FIELD_STEP, if it has one
 * @rule:	FIELD_RULE, if it has one
 * @line:	all of it, without the end of the line
 * @number:	of the line, from 1
 */
struct event {
	enum event_kind kind;
	unsigned int cpu;
	int pid;
	struct text comm;
	u64 time;
	bool seconds;
	struct text when;
	u64 field[NR_FIELDS];
	struct text word;
	struct text rule;
	struct text line;
	u64 number;
};

/* What a line is. */
enum line_kind {
	LINE_EVENT,
	LINE_OTHER,	/* a comment, a heading, another system's event */
	LINE_BAD,	/* an event of vmspace that cannot be understood */
};

const char *event_name(enum event_kind kind);
const char *event_field_name(enum event_field field);
bool event_has(enum event_kind kind, enum event_field field);
bool event_cpu(struct text line, unsigned int *cpu);
enum line_kind event_parse(struct event *ev);

#endif /* TRACE_EVENT_H */
