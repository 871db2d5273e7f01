/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All reachable states of the operating system's machine, for a few cores, pages and
 * frames.
 */
#ifndef EXPLORE_H
#define EXPLORE_H

#include "spec/refine.h"

#define MAX_CORES	3
#define MAX_THREADS	4
#define PAGES		2
#define FRAMES		2
#define MAX_PTES	8

/* What the machine is made of; all pages are of 2 MiB but for @large and @crooked. */
struct domain {
	unsigned int cores;
	unsigned int threads;	/* the last ones share the first core */
	bool memory;		/* stores: one word of each frame is 0 or 1 */
	bool protect;		/* rights change */
	bool large;		/* a page of 1 GiB over both others */
	bool crooked;		/* a frame that is not aligned, which is never enabled */
};

/* A step of a broken machine; what it returns is as of spec_os_next(). */
typedef const char *(*mutation_fn)(struct spec_os *os, const struct spec_step *step);

/**
 * struct mutation - a way in which the machine can be broken
 * @name:	what is wrong
 * @next:	its step
 * @caught_by:	the rule that has to see it
 * @domain:	what it takes
 * @kind:	for mutation_kind
 */
struct mutation {
	const char *name;
	mutation_fn next;
	const char *caught_by;
	struct domain domain;
	enum spec_step_kind kind;
};

/* Rules that were violated, each once. */
struct found {
	const char *names[128];
	unsigned int nr;
};

struct exploration {
	u64 states;
	u64 unsound;		/* of these */
	u64 transitions;
	u64 steps[SPEC_NR_STEPS];
	double seconds;
	struct found found;
};

u64 page_at(unsigned int i);
u64 frame_at(unsigned int i);

/* Of the step that is broken, where a mutation wants to know. */
extern enum spec_step_kind mutation_kind;

unsigned int mutation_count(void);
struct mutation mutation_get(unsigned int i);

#endif /* EXPLORE_H */
