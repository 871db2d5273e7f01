/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A space of a log, held against the specification event by event.
 *
 * The steps themselves are judged by the specification's monitor.  What is added
 * here is what a log tells besides them: that steps come in pairs, that all are told
 * of that were counted, that what was removed is released, all of it.
 */
#ifndef TRACE_SPACE_H
#define TRACE_SPACE_H

#include "../../module/spec/monitor.h"
#include "event.h"
#include "log.h"
#include "tables.h"

/**
 * struct space_op - what is known of a cursor besides its monitor's part
 * @id:		its number
 * @range:	that it asked for; of size 0, if it is only known from what was done
 *		to tables while it was not open
 * @kind:	of the operation that goes on: EVENT_MAP_START and so on, or EVENT_NONE
 * @started:	the operation was told, that it may write not yet
 * @removed:	bytes that it has removed and that were neither released nor
 *		quarantined
 * @due:	those of them that CPUs may hold, likewise
 * @unlinked:	tables that it has taken out, with all below them, likewise
 * @told:	pages that were told for the next shootdown
 * @full:	it flushes everything
 * @acks:	CPUs that have acknowledged it
 */
struct space_op {
	u64 id;
	struct spec_region range;
	enum event_kind kind;
	bool started;
	u64 removed;
	u64 due;
	u64 unlinked;
	unsigned int told;
	bool full;
	unsigned int acks;
};

/**
 * struct space_counts - what was looked at
 * @events:	all
 * @operations:	maps, unmaps and protects that have ended
 * @writes:	to entries
 * @shootdowns:	that have ended
 * @acks:	interrupts acknowledged
 * @accesses:	loads and stores
 * @judged:	those of them of which something could be said
 */
struct space_counts {
	u64 events;
	u64 operations;
	u64 writes;
	u64 shootdowns;
	u64 acks;
	u64 accesses;
	u64 judged;
};

/**
 * struct space - a space
 * @number:	its number
 * @monitor:	the specification
 * @ops:	struct space_op
 * @tables:	its tables
 * @ended:	the highest number of operations and shootdowns that have ended
 * @ended_all:	all up to this number have been told
 * @ended_early: u64, the numbers beyond that have
 * @counts:	what was looked at
 * @begin:	just before its first event in the log
 */
struct space {
	u64 number;
	struct spec_monitor monitor;
	struct spec_vector ops;
	struct tables tables;
	u64 ended;
	u64 ended_all;
	struct spec_vector ended_early;
	struct space_counts counts;
	struct log_pos begin;
};

const char *space_new(struct space **space, const struct event *ev);
void space_free(struct space *s);
const char *space_step(struct space *s, const struct event *ev);

#endif /* TRACE_SPACE_H */
