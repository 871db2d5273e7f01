/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A whole log held against the specification.
 */
#ifndef TRACE_CHECK_H
#define TRACE_CHECK_H

#include "log.h"
#include "space.h"

/* How the program ends. */
enum outcome {
	OUTCOME_ALLOWED = 0,
	OUTCOME_NOT_ALLOWED = 1,
	OUTCOME_BAD = 2,	/* the log could not be read, or the program was called wrongly */
	OUTCOME_LOST = 3,	/* allowed as far as can be said: events were lost */
	OUTCOME_UNKNOWN = 4,	/* likewise: spaces were there before the log, or it has none */
};

enum outcome check_log(const struct log *log, bool verbose);
void report_violation(const struct log *log, const struct space *before, const struct event *ev,
		      const char *rule);

#endif /* TRACE_CHECK_H */
