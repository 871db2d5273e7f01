// SPDX-License-Identifier: GPL-2.0-only
#include "write.h"

static bool table_empty(u64 raw, unsigned int level, const struct spec_pt *pt)
{
	struct spec_entry e;

	spec_decode(raw, level, pt->width, &e);
	return e.kind == SPEC_DIRECTORY && spec_table_empty(pt, e.addr, level - 1);
}

/**
 * spec_write_look - find out whether the tables that a write is about map nothing
 * @w:		the write; @w->old_empty and @w->new_empty are set
 * @pt:		the page table
 *
 * For callers who do not know it anyhow: reads both tables.
 */
void spec_write_look(struct spec_write *w, const struct spec_pt *pt)
{
	w->old_empty = table_empty(w->old, w->level, pt);
	w->new_empty = table_empty(w->new, w->level, pt);
}

/* A table that maps nothing means the same as no table. */
static void view(u64 raw, bool empty, unsigned int level, const struct spec_pt *pt,
		 struct spec_entry *e)
{
	spec_pt_decode(pt, raw, level, e);
	if (e->kind == SPEC_DIRECTORY && empty)
		*e = (struct spec_entry) { .kind = SPEC_EMPTY };
}

static bool flags_equal(struct spec_flags a, struct spec_flags b)
{
	return a.is_writable == b.is_writable && a.is_supervisor == b.is_supervisor &&
	       a.disable_execute == b.disable_execute;
}

/**
 * spec_view_preserving - whether a write leaves the interpretation as it is (ViewStutter)
 * @w:		the write
 * @pt:		the page table; says how entries are read
 *
 * What the hardware sets does not count (S21).
 */
bool spec_view_preserving(const struct spec_write *w, const struct spec_pt *pt)
{
	struct spec_entry old, new;

	view(w->old, w->old_empty, w->level, pt, &old);
	view(w->new, w->new_empty, w->level, pt, &new);
	return old.kind == new.kind && old.addr == new.addr &&
	       flags_equal(old.flags, new.flags) &&
	       !((old.attrs ^ new.attrs) & ~SPEC_HARDWARE_ATTRS);
}

/**
 * spec_polarity - what a write does to what the hardware finds
 * @w:		the write
 * @pt:		the page table; says how wide a physical address is
 */
enum spec_polarity spec_polarity(const struct spec_write *w, const struct spec_pt *pt)
{
	struct spec_entry old, new;

	spec_decode(w->old, w->level, pt->width, &old);
	spec_decode(w->new, w->level, pt->width, &new);
	if (old.kind == SPEC_EMPTY)
		return new.kind == SPEC_EMPTY ? SPEC_NEUTRAL : SPEC_NONNEG;
	/* Through an empty table nothing was found, either. */
	if (old.kind == SPEC_DIRECTORY && w->old_empty && new.kind == SPEC_PAGE)
		return SPEC_NONNEG;
	if (new.kind == SPEC_EMPTY)
		return SPEC_NONPOS;
	if (old.kind != new.kind || old.addr != new.addr ||
	    (old.attrs ^ new.attrs) & ~SPEC_HARDWARE_ATTRS)
		return SPEC_OTHER;
	if (flags_equal(old.flags, new.flags))
		return SPEC_NEUTRAL;
	return new.kind == SPEC_PAGE ? SPEC_PROT : SPEC_OTHER;
}

/**
 * spec_order_start - an operation on one mapping starts
 * @order:	its writes
 * @operation:	what it is
 */
void spec_order_start(struct spec_order *order, enum spec_operation operation)
{
	*order = (struct spec_order) { .operation = operation };
}

/* (Read | ViewStutter)* Write */
static const char *map_write(const struct spec_order *order, bool preserving)
{
	if (!order->changes)
		return NULL;
	return preserving ? "S61_change_is_last" : "S61_one_change";
}

/* Read* (Write (Read | ViewStutter)*)? */
static const char *unmap_write(const struct spec_order *order, bool preserving)
{
	if (!order->changes && preserving)
		return "S66_change_is_first";
	return order->changes && !preserving ? "S66_one_change" : NULL;
}

/* Read* Write? */
static const char *protect_write(const struct spec_order *order, bool preserving)
{
	return order->writes || preserving ? "protect_one_write" : NULL;
}

static const char *wrong_polarity(enum spec_operation operation, enum spec_polarity polarity)
{
	static const enum spec_polarity right[] = {
		[SPEC_MAP] = SPEC_NONNEG,
		[SPEC_UNMAP] = SPEC_NONPOS,
		[SPEC_PROTECT] = SPEC_PROT,
	};

	return polarity == SPEC_NEUTRAL || polarity == right[operation] ?
	       NULL : "polarity_of_operation";
}

/**
 * spec_order_write - an operation writes an entry (S61, S66)
 * @order:	the writes of the operation
 * @w:		the write
 * @pt:		the page table; says how entries are read
 *
 * A map may link any number of empty tables, then writes its leaf, and nothing
 * after it.  An unmap clears its leaf first, and may then unlink tables that have
 * become empty.  A protect writes once.
 *
 * Return: NULL or the rule.
 */
const char *spec_order_write(struct spec_order *order, const struct spec_write *w,
			     const struct spec_pt *pt)
{
	bool preserving = spec_view_preserving(w, pt);
	const char *rule;

	switch (order->operation) {
	case SPEC_MAP:
		rule = map_write(order, preserving);
		break;
	case SPEC_UNMAP:
		rule = unmap_write(order, preserving);
		break;
	default:
		rule = protect_write(order, preserving);
	}
	order->writes++;
	order->changes += !preserving;
	return rule ? rule : wrong_polarity(order->operation, spec_polarity(w, pt));
}

/**
 * spec_order_end - an operation ends (S60, S61, S66)
 * @order:	the writes of the operation
 * @success:	whether it says that it did what it was asked for
 *
 * One that fails writes nothing: more than S60, by which the bytes of the tables
 * have to be as they were.
 *
 * Return: NULL or the rule.
 */
const char *spec_order_end(const struct spec_order *order, bool success)
{
	static const char *const none[] = {
		[SPEC_MAP] = "S61_one_change",
		[SPEC_UNMAP] = "S66_one_change",
		[SPEC_PROTECT] = "protect_one_write",
	};
	static const char *const some[] = {
		[SPEC_MAP] = "S60_failure_writes_nothing",
		[SPEC_UNMAP] = "S66_failure_writes_nothing",
		[SPEC_PROTECT] = "protect_failure_writes_nothing",
	};

	if (!success)
		return order->writes ? some[order->operation] : NULL;
	return order->changes == 1 ? NULL : none[order->operation];
}

/**
 * spec_phase_write - keep apart what appears and what disappears or changes
 * @phase:	the writes since the last change of polarity
 * @polarity:	of the next write
 *
 * Between writes of different polarity, and between two that change rights, the
 * writer's stores have to be visible, and no CPU may still hold what was taken
 * away.
 *
 * Return: NULL or the rule.
 */
const char *spec_phase_write(struct spec_phase *phase, enum spec_polarity polarity)
{
	bool apart = phase->fenced && phase->flushed;
	bool same = polarity == phase->polarity && polarity != SPEC_PROT;

	if (polarity == SPEC_NEUTRAL)
		return NULL;
	if (polarity == SPEC_OTHER)
		return "polarity_of_write";
	phase->polarity = polarity;
	phase->fenced = false;
	if (polarity != SPEC_NONNEG)
		phase->flushed = false;
	return same || apart ? NULL : "polarity_kept_apart";
}
