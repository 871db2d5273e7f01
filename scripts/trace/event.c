// SPDX-License-Identifier: GPL-2.0-only
#include "event.h"

#define MAX_FIELDS	10
#define COMM_WIDTH	16	/* ftrace pads the task's name to so many columns */

/**
 * struct format - how an event is printed
 * @name:	of the event
 * @nr:		of its fields
 * @fields:	in the order in which they are printed
 */
struct format {
	const char *name;
	unsigned int nr;
	enum event_field fields[MAX_FIELDS];
};

#define FIELDS(...)								\
	.nr = sizeof((enum event_field []) { __VA_ARGS__ }) / sizeof(enum event_field),	\
	.fields = { __VA_ARGS__ }
#define RANGE	FIELDS(FIELD_SPACE, FIELD_OP, FIELD_START, FIELD_END)
#define STEP	FIELDS(FIELD_SPACE, FIELD_OP)
#define END	FIELDS(FIELD_SPACE, FIELD_OP, FIELD_VA, FIELD_PAGES, FIELD_RESULT,	\
		       FIELD_DEFERRED, FIELD_ENDED)

static const struct format formats[NR_EVENTS] = {
	[EVENT_ENTRY_WRITE] = { "entry_write", FIELDS(FIELD_SPACE, FIELD_OP, FIELD_VA, FIELD_LEVEL,
						      FIELD_OLD, FIELD_NEW) },
	[EVENT_OP_START] = { "op_start", FIELDS(FIELD_OPCODE, FIELD_ID, FIELD_FLAGS) },
	[EVENT_OP_END] = { "op_end", FIELDS(FIELD_OPCODE, FIELD_ID, FIELD_RESULT, FIELD_W0,
					    FIELD_W1, FIELD_W2) },
	[EVENT_CURSOR_OPEN] = { "cursor_open", RANGE },
	[EVENT_CURSOR_LOCK] = { "cursor_lock", RANGE },
	[EVENT_CURSOR_DROP] = { "cursor_drop", RANGE },
	[EVENT_MAP_START] = { "map_start", FIELDS(FIELD_SPACE, FIELD_OP, FIELD_VA, FIELD_SIZE,
						  FIELD_FRAME, FIELD_PROP, FIELD_CACHE, FIELD_LEVEL,
						  FIELD_REPLACE) },
	[EVENT_MAP_OP_START] = { "map_op_start", STEP },
	[EVENT_MAP_END] = { "map_end", END },
	[EVENT_UNMAP_START] = { "unmap_start", FIELDS(FIELD_SPACE, FIELD_OP, FIELD_VA,
						      FIELD_SIZE) },
	[EVENT_UNMAP_OP_START] = { "unmap_op_start", STEP },
	[EVENT_UNMAP_OP_END] = { "unmap_op_end", STEP },
	[EVENT_UNMAP_END] = { "unmap_end", END },
	[EVENT_PROTECT_START] = { "protect_start", FIELDS(FIELD_SPACE, FIELD_OP, FIELD_VA,
							  FIELD_SIZE, FIELD_CLEAR, FIELD_SET) },
	[EVENT_PROTECT_OP_START] = { "protect_op_start", STEP },
	[EVENT_PROTECT_OP_END] = { "protect_op_end", STEP },
	[EVENT_PROTECT_END] = { "protect_end", END },
	[EVENT_SHOOTDOWN_PAGE] = { "shootdown_page", FIELDS(FIELD_SPACE, FIELD_OP, FIELD_VA) },
	[EVENT_INITIATE_SHOOTDOWN] = { "initiate_shootdown", FIELDS(FIELD_SPACE, FIELD_OP,
								    FIELD_FLUSH, FIELD_FULL,
								    FIELD_SCOPE) },
	[EVENT_ACK_SHOOTDOWN_IPI] = { "ack_shootdown_ipi", FIELDS(FIELD_SPACE, FIELD_OP,
								  FIELD_FLUSHED, FIELD_FIRST,
								  FIELD_FULL) },
	[EVENT_END_SHOOTDOWN] = { "end_shootdown", FIELDS(FIELD_SPACE, FIELD_OP, FIELD_SENT,
							  FIELD_ENDED) },
	[EVENT_RELEASE] = { "release", FIELDS(FIELD_SPACE, FIELD_OP, FIELD_PAGES, FIELD_TABLES) },
	[EVENT_QUARANTINE] = { "quarantine", FIELDS(FIELD_SPACE, FIELD_OP, FIELD_PAGES) },
	[EVENT_NEW_SPACE] = { "new_space", FIELDS(FIELD_SPACE, FIELD_LEVELS, FIELD_WIDTH,
						  FIELD_CPUS, FIELD_CONTRACT) },
	[EVENT_SPACE_GONE] = { "space_gone", FIELDS(FIELD_SPACE) },
	[EVENT_VIOLATION] = { "violation", FIELDS(FIELD_SPACE, FIELD_OP, FIELD_STEP, FIELD_RULE,
						  FIELD_VA, FIELD_OLD, FIELD_NEW) },
	[EVENT_ACCESS] = { "access", FIELDS(FIELD_SPACE, FIELD_KIND, FIELD_VA, FIELD_LEN,
					    FIELD_VALUE, FIELD_DONE, FIELD_ENDED) },
	[EVENT_ENTER] = { "enter", FIELDS(FIELD_SPACE) },
	[EVENT_LEAVE] = { "leave", FIELDS(FIELD_SPACE, FIELD_NS, FIELD_SERVED) },
};

/* How a field is written. */
enum field_type { NUMBER, SIGNED, SYMBOL, WORD };

static const struct {
	const char *name;
	enum field_type type;
	const char *const *symbols;
} fields[NR_FIELDS] = {
	[FIELD_SPACE] = { .name = "space" },
	[FIELD_OP] = { .name = "op" },
	[FIELD_VA] = { .name = "va" },
	[FIELD_LEVEL] = { .name = "level" },
	[FIELD_OLD] = { .name = "old" },
	[FIELD_NEW] = { .name = "new" },
	[FIELD_START] = { .name = "start" },
	[FIELD_END] = { .name = "end" },
	[FIELD_SIZE] = { .name = "size" },
	[FIELD_FRAME] = { .name = "frame" },
	[FIELD_PROP] = { .name = "prop" },
	[FIELD_CACHE] = { .name = "cache" },
	[FIELD_REPLACE] = { .name = "replace" },
	[FIELD_CLEAR] = { .name = "clear" },
	[FIELD_SET] = { .name = "set" },
	[FIELD_PAGES] = { .name = "pages" },
	[FIELD_RESULT] = { .name = "result", .type = SIGNED },
	[FIELD_DEFERRED] = { .name = "deferred" },
	[FIELD_ENDED] = { .name = "ended" },
	[FIELD_FLUSH] = { .name = "flush" },
	[FIELD_FULL] = { .name = "full" },
	[FIELD_SCOPE] = { "scope", SYMBOL,
		(const char *const []) { "gathered", "page", "partial", NULL } },
	[FIELD_FLUSHED] = { .name = "flushed" },
	[FIELD_FIRST] = { .name = "first" },
	[FIELD_SENT] = { .name = "sent" },
	[FIELD_TABLES] = { .name = "tables" },
	[FIELD_LEVELS] = { .name = "levels" },
	[FIELD_WIDTH] = { .name = "width" },
	[FIELD_CPUS] = { .name = "cpus" },
	[FIELD_CONTRACT] = { "contract", SYMBOL,
		(const char *const []) { "cursors", "lab", "strict", NULL } },
	[FIELD_KIND] = { "kind", SYMBOL,
		(const char *const []) { "load", "store", "copy_from", "copy_to", "program",
					 NULL } },
	[FIELD_LEN] = { .name = "len" },
	[FIELD_VALUE] = { .name = "value" },
	[FIELD_DONE] = { .name = "done" },
	[FIELD_NS] = { .name = "ns" },
	[FIELD_SERVED] = { .name = "served" },
	[FIELD_ID] = { .name = "id" },
	[FIELD_FLAGS] = { .name = "flags" },
	[FIELD_W0] = { .name = "w0" },
	[FIELD_W1] = { .name = "w1" },
	[FIELD_W2] = { .name = "w2" },
	[FIELD_OPCODE] = { .name = "op", .type = WORD },
	[FIELD_STEP] = { .name = "step", .type = WORD },
	[FIELD_RULE] = { .name = "rule", .type = WORD },
};

/**
 * event_name - the name of an event
 * @kind:	the event
 */
const char *event_name(enum event_kind kind)
{
	return formats[kind].name;
}

/**
 * event_field_name - the name of a field
 * @field:	the field
 */
const char *event_field_name(enum event_field field)
{
	return fields[field].name;
}

/**
 * event_has - whether events of a kind have a field
 * @kind:	the kind
 * @field:	the field
 */
bool event_has(enum event_kind kind, enum event_field field)
{
	unsigned int i;

	for (i = 0; i < formats[kind].nr; i++)
		if (formats[kind].fields[i] == field)
			return true;
	return false;
}

/*
 * A place in a line.  All of the functions below move it past what they take,
 * and say whether it was there.
 */
struct place {
	const char *p;
	const char *end;
};

static void skip_spaces(struct place *at)
{
	while (at->p < at->end && (*at->p == ' ' || *at->p == '\t'))
		at->p++;
}

static struct text take_word(struct place *at)
{
	const char *start = at->p;

	while (at->p < at->end && *at->p != ' ')
		at->p++;
	return (struct text) { start, at->p - start };
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool take_decimal(struct place *at, u64 *value)
{
	const char *start = at->p;

	*value = 0;
	for (; at->p < at->end && is_digit(*at->p); at->p++)
		if (__builtin_mul_overflow(*value, 10ULL, value) ||
		    __builtin_add_overflow(*value, (u64)(*at->p - '0'), value))
			return false;
	return at->p > start;
}

static int hex_digit(char c)
{
	if (is_digit(c))
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool take_hex(struct place *at, u64 *value)
{
	const char *start = at->p;

	*value = 0;
	for (; at->p < at->end && hex_digit(*at->p) >= 0; at->p++)
		*value = *value << 4 | hex_digit(*at->p);
	return at->p > start && at->p - start <= 16;
}

static bool take_number(struct place *at, u64 *value)
{
	if (at->end - at->p < 2 || at->p[0] != '0' || at->p[1] != 'x')
		return take_decimal(at, value);
	at->p += 2;
	return take_hex(at, value);
}

static bool take_signed(struct place *at, u64 *value)
{
	bool negative = at->p < at->end && *at->p == '-';

	at->p += negative;
	if (!take_decimal(at, value))
		return false;
	if (negative)
		*value = -*value;
	return true;
}

static bool text_is(struct text text, const char *s)
{
	return strlen(s) == text.len && !memcmp(text.p, s, text.len);
}

static bool take_symbol(struct place *at, const char *const *symbols, u64 *value)
{
	struct text word = take_word(at);
	unsigned int i;

	for (i = 0; symbols[i]; i++) {
		if (!text_is(word, symbols[i]))
			continue;
		*value = i;
		return true;
	}
	return false;
}

/* "name=" */
static bool take_key(struct place *at, const char *name)
{
	const char *p = at->p;

	while (*name && p < at->end && *p == *name) {
		p++;
		name++;
	}
	if (*name || p == at->end || *p != '=')
		return false;
	at->p = p + 1;
	return true;
}

static bool take_field(struct place *at, enum event_field field, struct event *ev)
{
	u64 *value = &ev->field[field];

	skip_spaces(at);
	if (!take_key(at, fields[field].name))
		return false;
	switch (fields[field].type) {
	case NUMBER:
		return take_number(at, value);
	case SIGNED:
		return take_signed(at, value);
	case SYMBOL:
		return take_symbol(at, fields[field].symbols, value);
	default:
		*(field == FIELD_RULE ? &ev->rule : &ev->word) = take_word(at);
		return true;
	}
}

static bool take_fields(struct place *at, const struct format *format, struct event *ev)
{
	unsigned int i;

	for (i = 0; i < format->nr; i++) {
		if (!take_field(at, format->fields[i], ev))
			return false;
		if (at->p < at->end && *at->p != ' ')
			return false;
	}
	skip_spaces(at);
	return at->p == at->end;
}

/* Past "[003]". The task's name, which comes first, can hold anything. */
static bool take_cpu(struct place *at, unsigned int *cpu)
{
	u64 value;

	if (at->end - at->p > COMM_WIDTH && (at->p[COMM_WIDTH] == '-' || at->p[COMM_WIDTH] == ' '))
		at->p += COMM_WIDTH;
	at->p = memchr(at->p, '[', at->end - at->p);
	if (!at->p)
		return false;
	at->p++;
	if (!take_decimal(at, &value) || at->p == at->end || *at->p != ']')
		return false;
	at->p++;
	*cpu = value;
	return value <= ~0U;
}

/* "NAME-PID", with the name padded, or "NAME PID" as perf has it. */
static void take_task(struct text line, struct event *ev)
{
	struct place at = { line.p, line.p + line.len };
	u64 pid = 0;

	ev->comm = (struct text) { line.p, 0 };
	ev->pid = 0;
	if (line.len <= COMM_WIDTH)
		return;
	skip_spaces(&at);
	ev->comm.p = at.p;
	at.p = line.p + COMM_WIDTH;
	ev->comm.len = at.p > ev->comm.p ? at.p - ev->comm.p : 0;
	at.p++;
	skip_spaces(&at);
	if (take_decimal(&at, &pid))
		ev->pid = pid;
}

/* "17284.993652:", or "1234:" of a clock that is none. */
static bool take_time(struct place *at, struct event *ev)
{
	u64 whole, part = 0, unit = 1000000000;

	if (!take_decimal(at, &whole) || at->p == at->end)
		return false;
	ev->seconds = *at->p == '.';
	ev->time = whole;
	if (ev->seconds) {
		at->p++;
		for (; at->p < at->end && is_digit(*at->p) && unit > 1; at->p++) {
			part = part * 10 + (*at->p - '0');
			unit /= 10;
		}
		ev->time = whole * 1000000000 + part * unit;
	}
	return at->p < at->end && *at->p++ == ':';
}

/* Flags, and whatever else stands between the CPU and the time. */
static bool find_time(struct place *at, struct event *ev)
{
	while (at->p < at->end) {
		struct place try;

		skip_spaces(at);
		try = *at;
		if (take_time(&try, ev)) {
			ev->when = (struct text) { at->p, try.p - at->p - 1 };
			*at = try;
			return true;
		}
		take_word(at);
	}
	return false;
}

static struct text take_name(struct place *at)
{
	static const char system[] = "vmspace:";
	struct text name;

	skip_spaces(at);
	if (at->end - at->p > (long)strlen(system) && !memcmp(at->p, system, strlen(system)))
		at->p += strlen(system);
	name.p = at->p;
	while (at->p < at->end && *at->p != ':' && *at->p != ' ')
		at->p++;
	name.len = at->p - name.p;
	if (at->p < at->end && *at->p == ':')
		at->p++;
	return name;
}

static bool find_kind(struct text name, enum event_kind *kind)
{
	unsigned int i;

	for (i = EVENT_NONE + 1; i < NR_EVENTS; i++) {
		const char *known = formats[i].name;

		if (known[0] != name.p[0] || !text_is(name, known))
			continue;
		*kind = i;
		return true;
	}
	return false;
}

/**
 * event_cpu - the CPU that a line is of
 * @line:	the line
 * @cpu:	receives it
 *
 * Return: whether it is the line of an event at all.
 */
bool event_cpu(struct text line, unsigned int *cpu)
{
	struct place at = { line.p, line.p + line.len };

	return line.len && *line.p != '#' && take_cpu(&at, cpu);
}

/**
 * event_parse - understand a line
 * @ev:		@ev->line and @ev->number are set; receives the rest
 *
 * Return: what kind of line it is; all of @ev is right only for LINE_EVENT.
 */
enum line_kind event_parse(struct event *ev)
{
	struct place at = { ev->line.p, ev->line.p + ev->line.len };
	struct text name;

	if (!ev->line.len || *ev->line.p == '#' || !take_cpu(&at, &ev->cpu) ||
	    !find_time(&at, ev))
		return LINE_OTHER;
	name = take_name(&at);
	if (!name.len || !find_kind(name, &ev->kind))
		return LINE_OTHER;
	take_task(ev->line, ev);
	skip_spaces(&at);
	/* Another system may have an event of that name. */
	if (at.p < at.end && !take_key(&(struct place) { at.p, at.end },
				       fields[formats[ev->kind].fields[0]].name))
		return LINE_OTHER;
	return take_fields(&at, &formats[ev->kind], ev) ? LINE_EVENT : LINE_BAD;
}
