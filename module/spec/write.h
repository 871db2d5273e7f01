/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * In which order entries are written (S60, S61, S66).
 *
 * The rules are those of operations on one mapping.  What later versions of the
 * specification add is here, too: a protection is one write, and entries that
 * appear and entries that disappear or change are kept apart by a fence or a
 * flush (polarity).
 */
#ifndef SPEC_WRITE_H
#define SPEC_WRITE_H

#include "walk.h"

/* What a write does to what the hardware finds. */
enum spec_polarity {
	SPEC_NEUTRAL,	/* nothing */
	SPEC_NONNEG,	/* an entry becomes present */
	SPEC_NONPOS,	/* an entry becomes not present */
	SPEC_PROT,	/* a leaf's rights change, and nothing else */
	SPEC_OTHER,	/* an entry points to something else: always wrong */
};

/**
 * struct spec_write - one write to an entry
 * @level:	of the table
 * @old:	what stood there
 * @new:	what stands there afterwards
 * @old_empty:	if @old points to a table: whether it maps nothing
 * @new_empty:	if @new points to a table: whether it maps nothing
 */
struct spec_write {
	unsigned int level;
	u64 old;
	u64 new;
	bool old_empty;
	bool new_empty;
};

enum spec_operation {
	SPEC_MAP,
	SPEC_UNMAP,
	SPEC_PROTECT,
};

/**
 * struct spec_order - the writes of one operation
 * @operation:	what it is
 * @writes:	how many there were
 * @changes:	how many of them changed the interpretation
 */
struct spec_order {
	enum spec_operation operation;
	unsigned int writes;
	unsigned int changes;
};

/**
 * struct spec_phase - the writes since the last change of polarity
 * @polarity:	theirs
 * @fenced:	the writer's store buffer is empty
 * @flushed:	no CPU holds what SPEC_NONPOS or SPEC_PROT writes took away
 *
 * Starts as { SPEC_NEUTRAL, true, true }.
 */
struct spec_phase {
	enum spec_polarity polarity;
	bool fenced;
	bool flushed;
};

void spec_write_look(struct spec_write *w, const struct spec_pt *pt);
bool spec_view_preserving(const struct spec_write *w, const struct spec_pt *pt);
enum spec_polarity spec_polarity(const struct spec_write *w, const struct spec_pt *pt);

void spec_order_start(struct spec_order *order, enum spec_operation operation);
const char *spec_order_write(struct spec_order *order, const struct spec_write *w,
			     const struct spec_pt *pt);
const char *spec_order_end(const struct spec_order *order, bool success);

const char *spec_phase_write(struct spec_phase *phase, enum spec_polarity polarity);

/**
 * spec_phase_fence - the writer has executed a fence or a locked instruction
 * @phase:	the phase
 */
static inline void spec_phase_fence(struct spec_phase *phase)
{
	phase->fenced = true;
}

/**
 * spec_phase_flush - every CPU has flushed what was taken away, after the fence
 * @phase:	the phase
 */
static inline void spec_phase_flush(struct spec_phase *phase)
{
	phase->flushed = true;
}

#endif /* SPEC_WRITE_H */
