// SPDX-License-Identifier: GPL-2.0-only
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "people.h"

#define SEPARATOR	"; "	/* before each thing that is said */

/**
 * struct activity - what a cursor is doing
 * @id:		its number
 * @asked:	when it began to wait for its range
 * @owned:	when it got it; 0 if it has not
 * @kind:	of the operation that goes on, or EVENT_NONE
 * @start:	when that began
 * @va:		where
 * @sent:	when the last shootdown was sent
 * @what:	what the operation was asked for
 * @said:	what has happened meanwhile, ready to be printed
 * @len:	length of that
 */
struct activity {
	u64 id;
	u64 asked;
	u64 owned;
	enum event_kind kind;
	u64 start;
	u64 va;
	u64 sent;
	char what[80];
	char said[400];
	size_t len;
};

/**
 * struct task - a task in a call of vmspace
 * @pid:	the task
 * @start:	when its operation began
 * @steps:	the operation has shown in other events
 */
struct task {
	u64 pid;
	u64 start;
	bool steps;
};

/**
 * struct people - the log on its way
 * @cursors:	struct activity
 * @tasks:	struct task
 */
struct people {
	struct spec_vector cursors;
	struct spec_vector tasks;
};

static const struct spec_alloc allocator = { .alloc = malloc, .free = free };

/* Times are told in microseconds, or in units of a clock that has none. */
static const char *duration(const struct event *ev, u64 from)
{
	static char text[2][32];
	static unsigned int i;
	char *s = text[i++ % 2];

	if (ev->seconds)
		snprintf(s, sizeof(text[0]), "%.1f us", (ev->time - from) / 1000.0);
	else
		snprintf(s, sizeof(text[0]), "%llu", ev->time - from);
	return s;
}

__attribute__((format(printf, 3, 4)))
static void tell(const struct event *ev, u64 time, const char *fmt, ...)
{
	va_list args;

	if (ev->seconds)
		printf("%6llu.%06llu", time / 1000000000, time / 1000 % 1000000);
	else
		printf("%13llu", time);
	printf("  CPU %-3u %15.*s-%-6d ", ev->cpu, (int)ev->comm.len, ev->comm.p, ev->pid);
	if (event_has(ev->kind, FIELD_SPACE))
		printf("space %llu: ", ev->field[FIELD_SPACE]);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
}

__attribute__((format(printf, 2, 3)))
static void add(struct activity *a, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(a->said + a->len, sizeof(a->said) - a->len, fmt, args);
	va_end(args);
	if (n > 0)
		a->len = a->len + n < sizeof(a->said) ? a->len + n : sizeof(a->said) - 1;
}

static void forget(struct activity *a)
{
	a->len = 0;
	a->said[0] = '\0';
}

static const char *result_name(s64 result)
{
	static char text[32];

	snprintf(text, sizeof(text), "error %lld", result);
	return result ? text : "done";
}

static void start(struct activity *a, const struct event *ev)
{
	const u64 *f = ev->field;

	forget(a);
	a->kind = ev->kind;
	a->start = ev->time;
	a->va = f[FIELD_VA];
	if (ev->kind == EVENT_MAP_START)
		snprintf(a->what, sizeof(a->what), "map 0x%llx bytes at 0x%llx to frame 0x%llx",
			 f[FIELD_SIZE], f[FIELD_VA], f[FIELD_FRAME]);
	else if (ev->kind == EVENT_UNMAP_START)
		snprintf(a->what, sizeof(a->what), "unmap 0x%llx bytes at 0x%llx", f[FIELD_SIZE],
			 f[FIELD_VA]);
	else
		snprintf(a->what, sizeof(a->what),
			 "protect 0x%llx bytes at 0x%llx, clear 0x%llx, set 0x%llx", f[FIELD_SIZE],
			 f[FIELD_VA], f[FIELD_CLEAR], f[FIELD_SET]);
}

static void end(struct activity *a, const struct event *ev)
{
	tell(ev, a->start, "%s: %s, %llu pages, in %s%s%s", a->what,
	     result_name(ev->field[FIELD_RESULT]), ev->field[FIELD_PAGES],
	     duration(ev, a->start), ev->field[FIELD_DEFERRED] ? ", flush deferred" : "", a->said);
	a->kind = EVENT_NONE;
	forget(a);
}

/* Between operations, what has happened is told at once. */
static void tell_between(struct activity *a, const struct event *ev)
{
	if (a->kind != EVENT_NONE)
		return;
	tell(ev, ev->time, "%s", a->said + strlen(SEPARATOR));
	forget(a);
}

static void shootdown(struct activity *a, const struct event *ev)
{
	const u64 *f = ev->field;

	if (ev->kind == EVENT_INITIATE_SHOOTDOWN) {
		a->sent = ev->time;
		if (f[FIELD_FULL])
			add(a, SEPARATOR "flush of everything");
		else
			add(a, SEPARATOR "flush of %llu pages", f[FIELD_FLUSH]);
		if (f[FIELD_SCOPE] == SPEC_PARTIAL)
			add(a, " on some CPUs");
	} else if (ev->kind == EVENT_ACK_SHOOTDOWN_IPI) {
		add(a, ", CPU %u after %s%s", ev->cpu, duration(ev, a->sent),
		    f[FIELD_FULL] || f[FIELD_FLUSHED] ? "" : " (was not inside)");
	} else {
		add(a, ", waited %s", duration(ev, a->sent));
		tell_between(a, ev);
	}
}

static void give_back(struct activity *a, const struct event *ev)
{
	if (ev->kind == EVENT_RELEASE)
		add(a, SEPARATOR "released %llu pages, %llu tables", ev->field[FIELD_PAGES],
		    ev->field[FIELD_TABLES]);
	else
		add(a, SEPARATOR "quarantined %llu pages", ev->field[FIELD_PAGES]);
	tell_between(a, ev);
}

static void cursor(struct people *p, struct activity *a, const struct event *ev)
{
	u64 from = ev->field[FIELD_START], to = ev->field[FIELD_END];

	switch (ev->kind) {
	case EVENT_CURSOR_OPEN:
		a->asked = ev->time;
		break;
	case EVENT_CURSOR_LOCK:
		a->owned = ev->time;
		tell(ev, a->asked, "own [0x%llx, 0x%llx): waited %s", from, to,
		     duration(ev, a->asked));
		break;
	default:
		if (a->owned)
			tell(ev, ev->time, "give up [0x%llx, 0x%llx): owned for %s", from, to,
			     duration(ev, a->owned));
		else
			tell(ev, ev->time, "did not get [0x%llx, 0x%llx)", from, to);
		spec_vector_remove(&p->cursors, a);
	}
}

/* One that is not open, and of which all is told; its tables were taken out. */
static void forget_closed(struct people *p, u64 id)
{
	struct activity *a = spec_vector_get(&p->cursors, id);

	if (a && !a->asked && a->kind == EVENT_NONE && !a->len)
		spec_vector_remove(&p->cursors, a);
}

static int of_cursor(struct people *p, const struct event *ev)
{
	struct activity *a = spec_vector_get(&p->cursors, ev->field[FIELD_OP]);

	if (!a)
		a = spec_vector_insert(&p->cursors, ev->field[FIELD_OP]);
	if (!a)
		return -1;
	switch (ev->kind) {
	case EVENT_CURSOR_OPEN:
	case EVENT_CURSOR_LOCK:
	case EVENT_CURSOR_DROP:
		cursor(p, a, ev);
		break;
	case EVENT_MAP_START:
	case EVENT_UNMAP_START:
	case EVENT_PROTECT_START:
		start(a, ev);
		break;
	case EVENT_MAP_END:
	case EVENT_UNMAP_END:
	case EVENT_PROTECT_END:
		end(a, ev);
		break;
	case EVENT_INITIATE_SHOOTDOWN:
	case EVENT_ACK_SHOOTDOWN_IPI:
	case EVENT_END_SHOOTDOWN:
		shootdown(a, ev);
		break;
	case EVENT_RELEASE:
	case EVENT_QUARANTINE:
		give_back(a, ev);
		break;
	case EVENT_VIOLATION:
		tell(ev, ev->time, "%.*s violates %.*s", (int)ev->word.len, ev->word.p,
		     (int)ev->rule.len, ev->rule.p);
		break;
	default:
		break;
	}
	forget_closed(p, ev->field[FIELD_OP]);
	return 0;
}

static void access_made(const struct event *ev)
{
	static const char *const kinds[] = { "load", "store", "copy from", "copy to", "program" };
	const u64 *f = ev->field;

	if (f[FIELD_KIND] == ACCESS_PROGRAM)
		tell(ev, ev->time, "ran a program");
	else if (f[FIELD_DONE] < f[FIELD_LEN])
		tell(ev, ev->time, "%s at 0x%llx: fault after %llu of %llu bytes",
		     kinds[f[FIELD_KIND]], f[FIELD_VA], f[FIELD_DONE], f[FIELD_LEN]);
	else if (f[FIELD_KIND] <= ACCESS_STORE)
		tell(ev, ev->time, "%s at 0x%llx: 0x%llx", kinds[f[FIELD_KIND]], f[FIELD_VA],
		     f[FIELD_VALUE]);
	else
		tell(ev, ev->time, "%s 0x%llx: %llu bytes", kinds[f[FIELD_KIND]], f[FIELD_VA],
		     f[FIELD_DONE]);
}

/* What a task asked for, if nothing else has shown it. */
static int of_task(struct people *p, const struct event *ev)
{
	struct task *t = spec_vector_get(&p->tasks, ev->pid);

	if (ev->kind == EVENT_OP_START) {
		if (!t)
			t = spec_vector_insert(&p->tasks, ev->pid);
		if (!t)
			return -1;
		t->start = ev->time;
		t->steps = false;
		return 0;
	}
	if (!t)
		return 0;
	if (!t->steps || (s64)ev->field[FIELD_RESULT] < 0)
		tell(ev, t->start, "%.*s, object %llu: %s, in %s", (int)ev->word.len, ev->word.p,
		     ev->field[FIELD_ID], result_name(ev->field[FIELD_RESULT]),
		     duration(ev, t->start));
	spec_vector_remove(&p->tasks, t);
	return 0;
}

static int take(struct people *p, const struct event *ev)
{
	struct task *t;

	if (ev->kind == EVENT_OP_START || ev->kind == EVENT_OP_END)
		return of_task(p, ev);
	t = spec_vector_get(&p->tasks, ev->pid);
	if (t && ev->kind != EVENT_ACK_SHOOTDOWN_IPI)
		t->steps = true;
	if (event_has(ev->kind, FIELD_OP))
		return of_cursor(p, ev);
	switch (ev->kind) {
	case EVENT_ACCESS:
		access_made(ev);
		break;
	case EVENT_LEAVE:
		tell(ev, ev->time, "was inside for %.1f us, served %llu",
		     ev->field[FIELD_NS] / 1000.0, ev->field[FIELD_SERVED]);
		break;
	case EVENT_NEW_SPACE:
		tell(ev, ev->time, "new, %llu levels", ev->field[FIELD_LEVELS]);
		break;
	case EVENT_SPACE_GONE:
		tell(ev, ev->time, "gone");
		break;
	default:
		break;
	}
	return 0;
}

/**
 * people_log - tell what is in a log, one line for each operation
 * @log:	the log
 *
 * Lines stand in the order in which operations ended; their times are those at
 * which they began.
 *
 * Return: OUTCOME_ALLOWED, OUTCOME_BAD, OUTCOME_LOST.
 */
enum outcome people_log(const struct log *log)
{
	struct log_pos pos = { };
	struct people p;
	struct event ev;
	enum log_next found;
	int ret = 0;

	spec_vector_init(&p.cursors, &allocator, sizeof(struct activity));
	spec_vector_init(&p.tasks, &allocator, sizeof(struct task));
	do {
		found = log_next(log, &pos, &ev);
		if (found == LOG_EVENT)
			ret = take(&p, &ev);
	} while (found == LOG_EVENT && !ret);
	spec_vector_clear(&p.cursors);
	spec_vector_clear(&p.tasks);
	log_tell_gaps(log);
	if (ret)
		fprintf(stderr, "vmspace-tracecheck: %s: not enough memory\n", log->name);
	if (ret || found == LOG_BAD)
		return OUTCOME_BAD;
	return log->nr_gaps ? OUTCOME_LOST : OUTCOME_ALLOWED;
}
