/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Samples, and tables of what came of them: as text, and as CSV.
 */
#ifndef MEASURE_H
#define MEASURE_H

#include <stdbool.h>

#define MAX_SAMPLES	512

/**
 * struct samples - how long something took, each time
 * @ns:	the times
 * @nr:	how many
 */
struct samples {
	double ns[MAX_SAMPLES];
	unsigned int nr;
};

/* Nanoseconds since some moment. */
double now(void);

void sample_add(struct samples *s, double ns);

/* The smallest time that @percent of the samples do not exceed; none: NAN. */
double percentile(struct samples *s, double percent);
double median(struct samples *s);

/* A column that holds a ratio has an 'x' in front of its name. */

/* CSV goes there from now on, if anywhere. */
void table_csv(const char *path);

/*
 * A table has a name for the CSV and a title for people; each row has an
 * operation and what it was done to, and a value for each column, or NAN. The
 * columns end with NULL.
 */
void table_begin(const char *name, const char *title, const char *const *columns);
void table_row(const char *operation, unsigned int count, const char *unit, const double *values);
void table_end(void);

#endif /* MEASURE_H */
