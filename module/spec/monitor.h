/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A running system held against the specification, step by step.
 *
 * Whoever watches the system, while it runs or in a recorded log, tells the
 * monitor what it did: a step, and what was written to the page table in it.  The
 * monitor takes the step in the machine of ops.h, and in that of os.h if the
 * space is STRICT, and keeps the postconditions of the cursor's operations.
 *
 * All functions that take a step return NULL; or the rule that is violated, after
 * which nothing can be said of what follows; or spec_no_memory, likewise.  Callers
 * serialise them.
 */
#ifndef SPEC_MONITOR_H
#define SPEC_MONITOR_H

#include "ops.h"
#include "os.h"
#include "view.h"
#include "write.h"

#define SPEC_MONITOR_PAGES	64

/*
 * What is done while a range is waited for or given up, outside of operations, is
 * an operation of its own, with the cursor's number and this: empty tables are taken out.
 */
#define SPEC_HOUSEKEEPING	BIT_ULL(63)

/* Whose the translations are that nothing will flush, in a LAB. */
#define SPEC_QUARANTINE		(~0ULL)

/* What kind of space is watched. */
enum spec_contract {
	SPEC_CURSORS,	/* operations of cursors */
	SPEC_LAB,	/* the same, and flushes may be omitted */
	SPEC_STRICT,	/* the specification of the page table, all of it */
};

/* What a shootdown is for. */
enum spec_scope {
	SPEC_GATHERED,	/* all that the operation removed and did not flush */
	SPEC_ONE_PAGE,	/* one page, which was split */
	SPEC_PARTIAL,	/* some CPUs may be left out, in a LAB */
};

/**
 * struct spec_ack - what a core has flushed, when it acknowledges
 * @full:	everything
 * @nr:		pages, all that were told or none
 * @first:	the first of them
 * @at:		spec_monitor_now() before it did; or SPEC_FLUSHED_NOW
 */
struct spec_ack {
	bool full;
	unsigned int nr;
	u64 first;
	u64 at;
};

/**
 * struct spec_monitor_op - what is known of a cursor
 * @id:		its number
 * @operation:	what it does; right if @executing
 * @executing:	an operation is between its start and its end
 * @changed:	the operation has written
 * @written:	the operation may not write any more
 * @range:	that the operation is for
 * @args:	of a map
 * @bits:	how a protect changes leaves
 * @order:	of writes, in a STRICT space
 * @bytes:	mapped, unmapped or met on the way
 * @told:	mapped to frames that were told
 * @nr_pages:	pages of the next shootdown
 * @pages:	their addresses
 * @scope:	of the shootdown that goes on
 * @shooting:	a shootdown goes on
 */
struct spec_monitor_op {
	u64 id;
	enum spec_operation operation;
	bool executing;
	bool changed;
	bool written;
	struct spec_region range;
	struct spec_map_args args;
	struct spec_bits bits;
	struct spec_order order;
	u64 bytes;
	u64 told;
	unsigned int nr_pages;
	u64 pages[SPEC_MONITOR_PAGES];
	enum spec_scope scope;
	bool shooting;
};

/**
 * struct spec_monitor - what is known of a space
 * @machine:	the space with all operations on it
 * @os:		the operating system's machine, of a STRICT space
 * @contract:	what kind of space it is
 * @width:	of a physical address
 * @ops:	struct spec_monitor_op
 * @scratch:	a page table that nothing is read from, to decode entries
 */
struct spec_monitor {
	struct spec_ops machine;
	struct spec_os os;
	enum spec_contract contract;
	unsigned int width;
	struct spec_vector ops;
	struct spec_pt scratch;
};

int spec_monitor_init(struct spec_monitor *mon, const struct spec_alloc *alloc,
		      unsigned int core_no, unsigned int levels, unsigned int width,
		      enum spec_contract contract);
void spec_monitor_destroy(struct spec_monitor *mon);

const char *spec_monitor_enter(struct spec_monitor *mon, unsigned int core);
const char *spec_monitor_leave(struct spec_monitor *mon, unsigned int core);
bool spec_monitor_inside(const struct spec_monitor *mon, unsigned int core);
bool spec_monitor_deserted(const struct spec_monitor *mon);

const char *spec_monitor_lock(struct spec_monitor *mon, u64 id, struct spec_region range);
const char *spec_monitor_drop(struct spec_monitor *mon, u64 id);

const char *spec_monitor_map_start(struct spec_monitor *mon, u64 id, u64 va,
				   const struct spec_map_args *args);
const char *spec_monitor_unmap_start(struct spec_monitor *mon, u64 id,
				     struct spec_region range);
const char *spec_monitor_protect_start(struct spec_monitor *mon, u64 id,
				       struct spec_region range, struct spec_change change);
const char *spec_monitor_write(struct spec_monitor *mon, u64 id, u64 va, unsigned int level,
			       u64 old, u64 new);
const char *spec_monitor_map_run(struct spec_monitor *mon, u64 id, u64 va, unsigned int nr,
				 const u64 *frames);
const char *spec_monitor_protect_run(struct spec_monitor *mon, u64 id, u64 va, unsigned int nr);
const char *spec_monitor_op_end(struct spec_monitor *mon, u64 id);
const char *spec_monitor_end(struct spec_monitor *mon, u64 id, u64 va, u64 pages, int error,
			     bool is_deferred);

const char *spec_monitor_page(struct spec_monitor *mon, u64 id, u64 va);
const char *spec_monitor_initiate(struct spec_monitor *mon, u64 id, bool full,
				  enum spec_scope scope);
u64 spec_monitor_now(const struct spec_monitor *mon);
const char *spec_monitor_ack(struct spec_monitor *mon, u64 id, unsigned int core,
			     const struct spec_ack *ack);
const char *spec_monitor_end_shootdown(struct spec_monitor *mon, u64 id);
const char *spec_monitor_release(struct spec_monitor *mon, u64 id);
const char *spec_monitor_quarantine(struct spec_monitor *mon, u64 id);

const char *spec_monitor_access(struct spec_monitor *mon, unsigned int core, u64 va,
				bool is_store, bool faulted);
bool spec_monitor_frames_told(const struct spec_monitor *mon, u64 id);
bool spec_monitor_frame_taken(const struct spec_monitor *mon, struct spec_region frame);
const char *spec_monitor_gone(struct spec_monitor *mon);

#endif /* SPEC_MONITOR_H */
