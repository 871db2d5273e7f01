/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A log: what "trace-cmd report" or the file "trace" of tracefs print.
 *
 * All of it is in memory, or mapped, so that it can be read again from any place.
 */
#ifndef TRACE_LOG_H
#define TRACE_LOG_H

#include "event.h"

/**
 * struct log_gap - a part of a log in which events of a CPU are missing
 * @from:	offset of the last line of that CPU before it
 * @to:		offset of the line that says so
 * @cpu:	the CPU
 * @line:	number of the line that says so
 */
struct log_gap {
	size_t from;
	size_t to;
	unsigned int cpu;
	u64 line;
};

/**
 * struct log - a log
 * @name:	of the file, for messages
 * @text:	all of it
 * @size:	its size
 * @mapped:	it is a mapped file
 * @gaps:	where events are missing, in the order of @from
 * @nr_gaps:	how many
 */
struct log {
	const char *name;
	const char *text;
	size_t size;
	bool mapped;
	struct log_gap *gaps;
	size_t nr_gaps;
};

/**
 * struct log_pos - a place in a log; zero for the beginning
 * @offset:	of the next line
 * @number:	of the line before it
 * @time:	of the event before it
 */
struct log_pos {
	size_t offset;
	u64 number;
	u64 time;
};

/* What log_next() found. */
enum log_next {
	LOG_EVENT,
	LOG_END,
	LOG_BAD,	/* it has said what is wrong */
};

int log_open(struct log *log, const char *name);
void log_close(struct log *log);
enum log_next log_next(const struct log *log, struct log_pos *pos, struct event *ev);
bool log_line(const struct log *log, struct log_pos *pos, struct text *line);
void log_tell_gaps(const struct log *log);
struct log_pos log_back(const struct log *log, struct log_pos pos);

#endif /* TRACE_LOG_H */
