// SPDX-License-Identifier: GPL-2.0-only
/*
 * Samples, and tables of what came of them.
 */
#include <math.h>
#include "measure.h"
#include "tool.h"

double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e9 + ts.tv_nsec;
}

void sample_add(struct samples *s, double ns)
{
	if (s->nr == MAX_SAMPLES)
		die(0, "more than %u samples", MAX_SAMPLES);
	s->ns[s->nr++] = ns;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double percentile(struct samples *s, double percent)
{
	unsigned int rank;

	if (!s->nr)
		return NAN;
	qsort(s->ns, s->nr, sizeof(s->ns[0]), compare);
	rank = s->nr * percent / 100;
	return s->ns[rank < s->nr ? rank : s->nr - 1];
}

double median(struct samples *s)
{
	return percentile(s, 50);
}

static FILE *csv;
static const char *table;
static const char *const *columns;

void table_csv(const char *path)
{
	csv = fopen(path, "w");
	if (!csv)
		die(-errno, "%s", path);
	fputs("table,operation,count,unit,column,value\n", csv);
}

static bool is_ratio(const char *column)
{
	return *column == 'x';
}

static const char *column_name(const char *column)
{
	return column + is_ratio(column);
}

void table_begin(const char *name, const char *title, const char *const *of_columns)
{
	const char *const *c;

	table = name;
	columns = of_columns;
	printf("%s\n%-27s", title, "");
	for (c = columns; *c; c++)
		printf(" %10s", column_name(*c));
	putchar('\n');
	fflush(stdout);
}

static void print_value(const char *column, double value)
{
	if (isnan(value))
		printf(" %10s", "-");
	else if (is_ratio(column))
		printf(" %9.*fx", value < 10 ? 2 : 1, value);
	else
		printf(" %10.*f", value < 100 && value != trunc(value) ? 1 : 0, value);
}

void table_row(const char *operation, unsigned int count, const char *unit, const double *values)
{
	unsigned int i;

	printf("%-13s %6u %-6s", operation, count, unit);
	for (i = 0; columns[i]; i++) {
		print_value(columns[i], values[i]);
		if (csv && !isnan(values[i]))
			fprintf(csv, "%s,%s,%u,%s,%s,%.9g\n", table, operation, count, unit,
				column_name(columns[i]), values[i]);
	}
	putchar('\n');
	fflush(stdout);
}

void table_end(void)
{
	putchar('\n');
	if (csv && (fflush(csv) || ferror(csv)))
		die(-errno, "writing CSV");
}
