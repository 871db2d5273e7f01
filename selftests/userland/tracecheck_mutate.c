// SPDX-License-Identifier: GPL-2.0-only
/*
 * Breaks a log that is allowed, in every way that there is, and sees whether the
 * trace checker notices:
 *
 *   tracecheck_mutate CHECKER LOG [SAMPLES]
 *
 * Of every kind of event, up to SAMPLES are removed, repeated, swapped with the next of
 * the same cursor (or CPU), and changed in each field, one at a time.  CHECKER is run
 * on every broken log.  What it need not notice stands below, with the reason: all
 * else it has to reject, each time.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../../scripts/trace/event.h"
#include "tap.h"

#define SAMPLES		20
#define MAX_LINE	1024

/* What is done to an event, besides changing one of its fields. */
enum mutation {
	REMOVED = NR_FIELDS,
	REPEATED,
	SWAPPED,
	OTHER_CPU,
	NR_MUTATIONS,
};

#define ANY_MUTATION	NR_MUTATIONS

/* What may be accepted, and why. */
static const struct {
	enum event_kind kind;
	unsigned int mutation;
	const char *why;
} excuses[] = {
	{ EVENT_OP_START, ANY_MUTATION, "only people read it" },
	{ EVENT_OP_END, ANY_MUTATION, "only people read it" },
	{ EVENT_ENTRY_WRITE, REPEATED, "A or D was cleared, and could have been set again" },
	{ EVENT_CURSOR_LOCK, REMOVED, "a cursor that does nothing might not have got its range" },
	{ EVENT_MAP_START, FIELD_SIZE, "the map failed" },
	{ EVENT_MAP_START, FIELD_FRAME, "the map failed" },
	{ EVENT_MAP_START, FIELD_PROP, "the map failed" },
	{ EVENT_MAP_START, FIELD_CACHE, "the map failed" },
	{ EVENT_MAP_START, FIELD_LEVEL, "the map failed" },
	{ EVENT_MAP_START, FIELD_REPLACE, "nothing was replaced" },
	{ EVENT_MAP_END, FIELD_DEFERRED, "nothing awaited a flush" },
	{ EVENT_UNMAP_END, FIELD_DEFERRED, "nothing awaited a flush" },
	{ EVENT_PROTECT_START, FIELD_SIZE, "it looked no further than the first mapping" },
	{ EVENT_PROTECT_START, FIELD_SET, "the mapping had that right" },
	{ EVENT_PROTECT_START, FIELD_CLEAR, "the mapping did not have that right" },
	{ EVENT_PROTECT_END, FIELD_DEFERRED, "nothing awaited a flush" },
	{ EVENT_SHOOTDOWN_PAGE, FIELD_VA, "no CPU held the page" },
	{ EVENT_INITIATE_SHOOTDOWN, FIELD_SCOPE, "what it is not for was not held" },
	{ EVENT_ACK_SHOOTDOWN_IPI, OTHER_CPU, "neither CPU held anything" },
	{ EVENT_ACK_SHOOTDOWN_IPI, FIELD_FULL, "the CPU had left, and flushed all in doing so" },
	{ EVENT_NEW_SPACE, FIELD_WIDTH, "wider addresses allow more" },
	{ EVENT_NEW_SPACE, FIELD_CPUS, "the last CPU never shows" },
	{ EVENT_NEW_SPACE, FIELD_CONTRACT, "the next contract allows more" },
	{ EVENT_SPACE_GONE, REMOVED, "the log could have ended before" },
	{ EVENT_ACCESS, REMOVED, "nothing follows from an access" },
	{ EVENT_ACCESS, REPEATED, "it could as well have been made twice" },
	{ EVENT_ACCESS, OTHER_CPU, "the other could have made it, too" },
	{ EVENT_ACCESS, FIELD_VA, "it could have been made there, too" },
	{ EVENT_ACCESS, FIELD_KIND, "it could have been of that kind, too" },
	{ EVENT_ACCESS, FIELD_LEN, "how wide it is does not matter" },
	{ EVENT_ACCESS, FIELD_VALUE, "what is in memory is not known" },
	{ EVENT_ACCESS, FIELD_ENDED, "one that an operation overtook is not judged" },
	{ EVENT_LEAVE, FIELD_NS, "only people read it" },
	{ EVENT_LEAVE, FIELD_SERVED, "only people read it" },
};

/* Neighbours that may be swapped, and why. */
static const struct {
	enum event_kind kind;
	enum event_kind next;
	const char *why;
} swaps[] = {
	{ EVENT_ENTRY_WRITE, EVENT_ENTRY_WRITE,
	  "leaves of one operation may be written in any order" },
	{ EVENT_ENTRY_WRITE, EVENT_CURSOR_LOCK, "an empty table changes nothing" },
	{ EVENT_ENTRY_WRITE, EVENT_SHOOTDOWN_PAGE,
	  "a flush may be prepared before the last write" },
	{ EVENT_UNMAP_OP_END, EVENT_QUARANTINE, "what was removed may be quarantined at any time" },
	{ EVENT_UNMAP_OP_END, EVENT_SHOOTDOWN_PAGE,
	  "a flush may be prepared before the last write" },
	{ EVENT_PROTECT_OP_END, EVENT_SHOOTDOWN_PAGE,
	  "a flush may be prepared before the last write" },
	{ EVENT_SHOOTDOWN_PAGE, EVENT_SHOOTDOWN_PAGE, "pages may be told in any order" },
	{ EVENT_ACK_SHOOTDOWN_IPI, EVENT_ACK_SHOOTDOWN_IPI, "CPUs acknowledge in any order" },
	{ EVENT_RELEASE, EVENT_UNMAP_START, "what was deferred may be held back longer" },
	{ EVENT_ACCESS, EVENT_ACCESS, "nothing lies between them" },
	{ EVENT_ENTER, EVENT_ACK_SHOOTDOWN_IPI,
	  "a CPU can be interrupted before it tells that it entered" },
};

static char **lines;
static size_t *lengths;
static struct event *events;	/* by line; EVENT_NONE if it is none */
static size_t nr_lines;

static void __attribute__((noreturn)) bail_out(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}

static char *read_file(const char *name, size_t *size)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	char *text;
	off_t end;

	if (fd < 0)
		bail_out(name);
	end = lseek(fd, 0, SEEK_END);
	text = malloc(end + 1);
	if (!text || pread(fd, text, end, 0) != end)
		bail_out(name);
	close(fd);
	text[end] = '\0';
	*size = end;
	return text;
}

static void read_log(const char *name)
{
	size_t size, i;
	char *text = read_file(name, &size), *p;

	for (p = text; (p = strchr(p, '\n')); p++)
		nr_lines++;
	lines = calloc(nr_lines, sizeof(*lines));
	lengths = calloc(nr_lines, sizeof(*lengths));
	events = calloc(nr_lines, sizeof(*events));
	if (!lines || !lengths || !events)
		bail_out("memory");
	for (i = 0, p = text; i < nr_lines; i++) {
		lines[i] = p;
		p = strchr(p, '\n');
		*p++ = '\0';
		lengths[i] = strlen(lines[i]);
		events[i].line = (struct text) { lines[i], lengths[i] };
		if (event_parse(&events[i]) != LINE_EVENT)
			events[i].kind = EVENT_NONE;
	}
}

/* The status of the checker on what was written to a file. */
static int check(const char *checker, int fd)
{
	char name[32];
	char * const argv[] = { (char *)checker, name, NULL };
	posix_spawn_file_actions_t actions;
	int status;
	pid_t pid;

	snprintf(name, sizeof(name), "/dev/fd/%d", fd);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	if (posix_spawn(&pid, checker, &actions, NULL, argv, environ) ||
	    waitpid(pid, &status, 0) != pid)
		bail_out(checker);
	posix_spawn_file_actions_destroy(&actions);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void put(FILE *file, const char *line)
{
	fputs(line, file);
	fputc('\n', file);
}

/* The checker's status on the log with @changed in the place of some lines. */
static int check_with(const char *checker, size_t at, const char *first, size_t other,
		      const char *second)
{
	int fd = memfd_create("log", 0), status;
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
	size_t i;

	if (!file)
		bail_out("memfd");
	for (i = 0; i < nr_lines; i++) {
		if (i == at && first)
			put(file, first);
		else if (i == other && second)
			put(file, second);
		else if (i != at)
			put(file, lines[i]);
	}
	if (fflush(file))
		bail_out("memfd");
	status = check(checker, fd);
	fclose(file);
	return status;
}

static bool has(const struct event *ev, enum event_field field)
{
	return event_has(ev->kind, field);
}

/* The next event that the same one did: the cursor, or the CPU in the space. */
static size_t successor(size_t at)
{
	const struct event *ev = &events[at];
	size_t i;

	for (i = at + 1; i < nr_lines; i++) {
		const struct event *other = &events[i];

		if (other->kind == EVENT_NONE || !has(ev, FIELD_SPACE) ||
		    !has(other, FIELD_SPACE) ||
		    other->field[FIELD_SPACE] != ev->field[FIELD_SPACE])
			continue;
		if (has(ev, FIELD_OP) ? has(other, FIELD_OP) &&
		    other->field[FIELD_OP] == ev->field[FIELD_OP] : other->cpu == ev->cpu)
			return i;
	}
	return nr_lines;
}

/* Line @from as if it had happened when line @at did. */
static void at_time_of(char *to, size_t from, size_t at)
{
	const struct text *old = &events[from].when, *new = &events[at].when;

	snprintf(to, MAX_LINE, "%.*s%.*s%s", (int)(old->p - lines[from]), lines[from],
		 (int)new->len, new->p, old->p + old->len);
}

static const char *const rotation[] = {
	"gathered", "page", "partial", "gathered",
	"cursors", "lab", "strict", "cursors",
	"load", "store", "copy_from", "copy_to", "program", "load",
};

static void other_word(char *to, size_t size, const char *word, size_t len)
{
	size_t i;

	snprintf(to, size, "OTHER");
	for (i = 0; i + 1 < sizeof(rotation) / sizeof(rotation[0]); i++)
		if (strlen(rotation[i]) == len && !memcmp(rotation[i], word, len))
			snprintf(to, size, "%s", rotation[i + 1]);
}

/* Another value: of addresses the next page, of rights another one. */
static void other_value(char *to, size_t size, enum event_field field, const char *value,
			size_t len)
{
	unsigned long long number = strtoull(value, NULL, 0);
	bool hex = len > 2 && value[1] == 'x';

	switch (field) {
	case FIELD_OP:
		number += 1000003;
		break;
	case FIELD_SPACE:
		number += 1000;
		break;
	case FIELD_PROP:
	case FIELD_CLEAR:
	case FIELD_SET:
		number ^= 2;
		break;
	case FIELD_RESULT:
		snprintf(to, size, "%lld", strtoll(value, NULL, 0) ? 0LL : -12LL);
		return;
	case FIELD_DEFERRED:
	case FIELD_FULL:
	case FIELD_REPLACE:
		number ^= 1;
		break;
	default:
		number += hex ? 4096 : 1;
	}
	if (value[0] < '0' || value[0] > '9')
		other_word(to, size, value, len);
	else
		snprintf(to, size, hex ? "0x%llx" : "%llu", number);
}

static void change(char *to, size_t at, enum event_field field)
{
	char key[24], value[40];
	const char *p;
	size_t len;

	snprintf(key, sizeof(key), " %s=", event_field_name(field));
	p = strstr(lines[at], key) + strlen(key);
	len = strcspn(p, " ");
	other_value(value, sizeof(value), field, p, len);
	snprintf(to, MAX_LINE, "%.*s%s%s", (int)(p - lines[at]), lines[at], value, p + len);
}

static void move_cpu(char *to, size_t at)
{
	const char *p = strchr(lines[at] + 16, '[');

	snprintf(to, MAX_LINE, "%.*s[%03u%s", (int)(p - lines[at]), lines[at],
		 events[at].cpu ^ 2, strchr(p, ']'));
}

/* But for the time. */
static bool is_same(size_t a, size_t b)
{
	return events[a].cpu == events[b].cpu &&
	       !strcmp(events[a].when.p + events[a].when.len,
		       events[b].when.p + events[b].when.len);
}

/* The checker's status on the log that is broken at a line; -1 if it cannot be so. */
static int check_broken(const char *checker, size_t at, unsigned int mutation)
{
	char first[MAX_LINE], second[MAX_LINE];
	size_t next;

	switch (mutation) {
	case REMOVED:
		return check_with(checker, at, NULL, nr_lines, NULL);
	case REPEATED:
		snprintf(first, sizeof(first), "%s\n%s", lines[at], lines[at]);
		return check_with(checker, at, first, nr_lines, NULL);
	case SWAPPED:
		next = successor(at);
		if (next == nr_lines || is_same(at, next))
			return -1;
		at_time_of(first, next, at);
		at_time_of(second, at, next);
		return check_with(checker, at, first, next, second);
	case OTHER_CPU:
		move_cpu(first, at);
		return check_with(checker, at, first, nr_lines, NULL);
	default:
		change(first, at, mutation);
		return check_with(checker, at, first, nr_lines, NULL);
	}
}

static const char *mutation_name(unsigned int mutation)
{
	static const char * const names[] = {
		[REMOVED - NR_FIELDS] = "removed",
		[REPEATED - NR_FIELDS] = "repeated",
		[SWAPPED - NR_FIELDS] = "swapped with the next",
		[OTHER_CPU - NR_FIELDS] = "on another CPU",
	};
	static char name[40];

	if (mutation >= NR_FIELDS)
		return names[mutation - NR_FIELDS];
	snprintf(name, sizeof(name), "%s changed", event_field_name(mutation));
	return name;
}

static const char *excuse_swap(enum event_kind kind, enum event_kind next)
{
	size_t i;

	for (i = 0; i < sizeof(swaps) / sizeof(swaps[0]); i++)
		if (swaps[i].kind == kind && swaps[i].next == next)
			return swaps[i].why;
	return NULL;
}

static const char *excuse(size_t at, unsigned int mutation)
{
	enum event_kind kind = events[at].kind;
	size_t i;

	for (i = 0; i < sizeof(excuses) / sizeof(excuses[0]); i++)
		if (excuses[i].kind == kind &&
		    (excuses[i].mutation == ANY_MUTATION || excuses[i].mutation == mutation))
			return excuses[i].why;
	return mutation == SWAPPED ? excuse_swap(kind, events[successor(at)].kind) : NULL;
}

static bool applies(enum event_kind kind, unsigned int mutation)
{
	if (mutation < NR_FIELDS)
		return event_has(kind, mutation);
	/* Where it happened says who it was only of these. */
	return mutation != OTHER_CPU || kind == EVENT_ACK_SHOOTDOWN_IPI ||
	       kind == EVENT_ENTER || kind == EVENT_LEAVE || kind == EVENT_ACCESS;
}

static size_t count_kind(enum event_kind kind)
{
	size_t i, nr = 0;

	for (i = 0; i < nr_lines; i++)
		nr += events[i].kind == kind;
	return nr;
}

/**
 * struct broken - what came out of breaking events of one kind in one way
 * @tried:	how many were broken
 * @rejected:	how often the checker noticed
 * @failed:	it should have noticed
 * @why:	why it need not have, when it has not; or NULL
 */
struct broken {
	size_t tried;
	size_t rejected;
	bool failed;
	const char *why;
};

static void break_one(const char *checker, size_t at, unsigned int mutation, struct broken *b)
{
	int status = check_broken(checker, at, mutation);
	const char *why;

	if (status < 0)
		return;
	b->tried++;
	b->rejected += status != 0;
	if (status > 4)
		printf("# the checker ended with %d\n", status);
	if (status && status <= 4)
		return;
	why = status ? NULL : excuse(at, mutation);
	if (why) {
		b->why = why;
		return;
	}
	b->failed = true;
	printf("# line %zu: %s\n", at + 1, lines[at]);
}

/* Of so many events, evenly spread. */
static void break_kind(const char *checker, enum event_kind kind, unsigned int mutation,
		       size_t samples)
{
	size_t nr = count_kind(kind), i, seen = 0;
	struct broken b = { };
	char name[200];

	for (i = 0; i < nr_lines; i++) {
		if (events[i].kind != kind)
			continue;
		seen++;
		if (nr <= samples || (seen - 1) * samples / nr != seen * samples / nr)
			break_one(checker, i, mutation, &b);
	}
	snprintf(name, sizeof(name), "%s %s: %zu of %zu rejected%s%s", event_name(kind),
		 mutation_name(mutation), b.rejected, b.tried, b.why ? "; else: " : "",
		 b.why ? b.why : "");
	tap_result(!b.failed, name);
}

static unsigned int count_results(void)
{
	unsigned int kind, mutation, nr = 2;

	for (kind = EVENT_NONE + 1; kind < NR_EVENTS; kind++)
		for (mutation = 0; mutation < NR_MUTATIONS && count_kind(kind); mutation++)
			nr += applies(kind, mutation);
	return nr;
}

/* A log that shows all of them; but for the module's own verdict, which is a violation. */
static bool has_all_kinds(void)
{
	unsigned int kind;
	bool all = true;

	for (kind = EVENT_NONE + 1; kind < NR_EVENTS; kind++) {
		if (kind == EVENT_VIOLATION || count_kind(kind))
			continue;
		printf("# no event %s in the log\n", event_name(kind));
		all = false;
	}
	return all;
}

int main(int argc, char **argv)
{
	size_t samples = argc > 3 ? strtoul(argv[3], NULL, 0) : SAMPLES;
	unsigned int kind, mutation;

	if (argc < 3 || !samples) {
		fprintf(stderr, "usage: tracecheck_mutate CHECKER LOG [SAMPLES]\n");
		return 2;
	}
	read_log(argv[2]);
	tap_plan(count_results());
	tap_result(has_all_kinds(), "the log has events of every kind");
	tap_result(!check_with(argv[1], nr_lines, NULL, nr_lines, NULL),
		   "the log as it is: allowed");
	for (kind = EVENT_NONE + 1; kind < NR_EVENTS; kind++)
		for (mutation = 0; mutation < NR_MUTATIONS && count_kind(kind); mutation++)
			if (applies(kind, mutation))
				break_kind(argv[1], kind, mutation, samples);
	return tap_end();
}
