/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Results in the Test Anything Protocol.
 */
#ifndef TAP_H
#define TAP_H

#include <stdbool.h>
#include <stdio.h>

static unsigned int tap_planned, tap_done, tap_bad;

static inline void tap_plan(unsigned int n)
{
	tap_planned = n;
	printf("TAP version 13\n1..%u\n", n);
	fflush(stdout);
}

static inline void tap_result(bool ok, const char *name)
{
	tap_done++;
	tap_bad += !ok;
	printf("%sok %u - %s\n", ok ? "" : "not ", tap_done, name);
	fflush(stdout);
}

static inline void tap_ok(const char *name)
{
	tap_result(true, name);
}

/* The exit code of the program. */
static inline int tap_end(void)
{
	return tap_bad || tap_done != tap_planned;
}

#endif /* TAP_H */
