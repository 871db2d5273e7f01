// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "log.h"

#define CHUNK		(1 << 20)
#define MAX_TOLD	10

/* What the files of trace-cmd begin with, before they are reported. */
static const char recorded[] = "\x17\x08\x44tracing";

static int complain(const struct log *log, u64 line, const char *what)
{
	if (line)
		fprintf(stderr, "vmspace-tracecheck: %s:%llu: %s\n", log->name, line, what);
	else
		fprintf(stderr, "vmspace-tracecheck: %s: %s\n", log->name, what);
	return -1;
}

/* All that can be read from a pipe. */
static int slurp(struct log *log, int fd)
{
	size_t room = 0;
	char *text = NULL;
	ssize_t n;

	do {
		if (room - log->size < CHUNK) {
			char *more = realloc(text, room = 2 * room + CHUNK);

			if (!more) {
				free(text);
				return complain(log, 0, strerror(ENOMEM));
			}
			text = more;
		}
		n = read(fd, text + log->size, room - log->size);
		log->size += n > 0 ? n : 0;
	} while (n > 0);
	log->text = text;
	return n ? complain(log, 0, strerror(errno)) : 0;
}

static int load(struct log *log, int fd)
{
	struct stat st;
	void *map;

	if (fstat(fd, &st))
		return complain(log, 0, strerror(errno));
	/* Files of tracefs say that they are empty. */
	if (!S_ISREG(st.st_mode) || !st.st_size)
		return slurp(log, fd);
	map = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return complain(log, 0, strerror(errno));
	log->text = map;
	log->size = st.st_size;
	log->mapped = true;
	return 0;
}

/**
 * log_line - the next line
 * @log:	the log
 * @pos:	where; moved past it
 * @line:	receives it, without its end
 *
 * Return: whether there is one.
 */
bool log_line(const struct log *log, struct log_pos *pos, struct text *line)
{
	const char *end;

	if (pos->offset >= log->size)
		return false;
	line->p = log->text + pos->offset;
	end = memchr(line->p, '\n', log->size - pos->offset);
	line->len = end ? (size_t)(end - line->p) : log->size - pos->offset;
	pos->offset += line->len + !!end;
	pos->number++;
	return true;
}

/**
 * log_back - one line back
 * @log:	the log
 * @pos:	not the beginning
 *
 * Return: the place before it; its time is not known, and 0.
 */
struct log_pos log_back(const struct log *log, struct log_pos pos)
{
	const char *end;

	pos.offset--;
	end = memrchr(log->text, '\n', pos.offset);
	pos.offset = end ? (size_t)(end + 1 - log->text) : 0;
	pos.number--;
	pos.time = 0;
	return pos;
}

/* As perf script tells it, with --show-lost-events. */
static const char perf_lost[] = "PERF_RECORD_LOST";

/* "CPU:2 [LOST 12 EVENTS]", "CPU:2 [12 EVENTS DROPPED]", also without a number. */
static bool is_loss(struct text line, unsigned int *cpu)
{
	char copy[64];
	size_t skip = 0;

	while (skip < line.len && line.p[skip] == ' ')
		skip++;
	if (line.len - skip < 4 || line.len - skip >= sizeof(copy) ||
	    memcmp(line.p + skip, "CPU:", 4))
		return false;
	memcpy(copy, line.p + skip, line.len - skip);
	copy[line.len - skip] = '\0';
	return sscanf(copy, "CPU:%u [", cpu) == 1 && strstr(copy, "EVENTS") &&
	       (strstr(copy, "LOST") || strstr(copy, "DROPPED"));
}

static int add_gap(struct log *log, const struct log_gap *gap)
{
	struct log_gap *gaps = realloc(log->gaps, (log->nr_gaps + 1) * sizeof(*gaps));

	if (!gaps)
		return complain(log, 0, strerror(ENOMEM));
	log->gaps = gaps;
	log->gaps[log->nr_gaps++] = *gap;
	return 0;
}

/* The last line of a CPU before a place. */
static size_t last_of_cpu(const struct log *log, struct log_pos pos, unsigned int cpu)
{
	unsigned int other;
	struct text line;

	while (pos.offset) {
		struct log_pos here = pos = log_back(log, pos);

		log_line(log, &here, &line);
		if (event_cpu(line, &other) && other == cpu)
			break;
	}
	return pos.offset;
}

/* The oldest events were overwritten: where each CPU has shown up, all is there. */
static int find_overwritten(struct log *log, u64 at_line)
{
	struct log_gap gap = { .line = at_line };
	struct log_pos pos = { };
	bool *seen = NULL;
	unsigned int cpu, nr = 0;
	struct text line;

	while (log_line(log, &pos, &line)) {
		if (!event_cpu(line, &cpu) || cpu > 65535)
			continue;
		if (cpu >= nr) {
			bool *more = realloc(seen, cpu + 1);

			if (!more) {
				free(seen);
				return complain(log, 0, strerror(ENOMEM));
			}
			seen = more;
			memset(seen + nr, 0, cpu + 1 - nr);
			nr = cpu + 1;
		}
		if (!seen[cpu])
			gap.to = line.p - log->text;
		seen[cpu] = true;
	}
	free(seen);
	return add_gap(log, &gap);
}

/* "# entries-in-buffer/entries-written: 140080/250280   #P:4" */
static int check_heading(struct log *log, struct text line, u64 number)
{
	static const char heading[] = "# entries-in-buffer/entries-written: ";
	unsigned long long kept, written;
	char copy[128];

	if (line.len < strlen(heading) || line.len >= sizeof(copy) ||
	    memcmp(line.p, heading, strlen(heading)))
		return 0;
	memcpy(copy, line.p, line.len);
	copy[line.len] = '\0';
	if (sscanf(copy + strlen(heading), "%llu/%llu", &kept, &written) == 2 && kept < written)
		return find_overwritten(log, number);
	return 0;
}

static int compare_gaps(const void *a, const void *b)
{
	const struct log_gap *x = a, *y = b;

	return (x->from > y->from) - (x->from < y->from);
}

/* Almost all lines are events, and begin with spaces or a name. */
static int check_line(struct log *log, struct text line, u64 number, bool perf)
{
	struct log_gap gap = { .to = line.p - log->text, .line = number };
	struct text rest = line;

	while (rest.len && *rest.p == ' ') {
		rest.p++;
		rest.len--;
	}
	if (rest.len && *rest.p == '#')
		return check_heading(log, line, number);
	if (!(rest.len && *rest.p == 'C' && is_loss(line, &gap.cpu)) &&
	    !(perf && memmem(line.p, line.len, perf_lost, strlen(perf_lost)) &&
	      event_cpu(line, &gap.cpu)))
		return 0;
	gap.from = last_of_cpu(log, (struct log_pos) { gap.to, number - 1, 0 }, gap.cpu);
	return add_gap(log, &gap);
}

static int find_gaps(struct log *log)
{
	bool perf = log->size && memmem(log->text, log->size, perf_lost, strlen(perf_lost));
	struct log_pos pos = { };
	struct text line;

	while (log_line(log, &pos, &line))
		if (check_line(log, line, pos.number, perf))
			return -1;
	if (log->nr_gaps)
		qsort(log->gaps, log->nr_gaps, sizeof(*log->gaps), compare_gaps);
	return 0;
}

/**
 * log_open - take a log in
 * @log:	receives it
 * @name:	of a file, or "-"
 *
 * Return: 0; or -1, and it has said why.
 */
int log_open(struct log *log, const char *name)
{
	bool is_stdin = !strcmp(name, "-");
	int fd = is_stdin ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
	int ret;

	*log = (struct log) { .name = is_stdin ? "(stdin)" : name };
	if (fd < 0)
		return complain(log, 0, strerror(errno));
	ret = load(log, fd);
	if (!is_stdin)
		close(fd);
	if (!ret && log->size >= sizeof(recorded) - 1 &&
	    !memcmp(log->text, recorded, sizeof(recorded) - 1))
		ret = complain(log, 0, "no text: give what \"trace-cmd report -t -i FILE\" prints");
	if (!ret)
		ret = find_gaps(log);
	if (ret)
		log_close(log);
	return ret;
}

/**
 * log_close - give a log back
 * @log:	the log
 */
void log_close(struct log *log)
{
	if (log->mapped)
		munmap((void *)log->text, log->size);
	else
		free((void *)log->text);
	free(log->gaps);
	*log = (struct log) { };
}

/**
 * log_next - the next event of vmspace
 * @log:	the log
 * @pos:	where to go on; moved past it
 * @ev:		receives it
 *
 * Return: see there.
 */
enum log_next log_next(const struct log *log, struct log_pos *pos, struct event *ev)
{
	while (log_line(log, pos, &ev->line)) {
		ev->number = pos->number;
		switch (event_parse(ev)) {
		case LINE_OTHER:
			continue;
		case LINE_BAD:
			complain(log, pos->number, pos->offset == log->size &&
				 log->text[log->size - 1] != '\n' ?
				 "the log is cut off here" : "an event that cannot be understood");
			return LOG_BAD;
		case LINE_EVENT:
			break;
		}
		if (ev->time < pos->time) {
			complain(log, pos->number, "earlier than the event before it");
			return LOG_BAD;
		}
		pos->time = ev->time;
		return LOG_EVENT;
	}
	return LOG_END;
}

/**
 * log_tell_gaps - say where events are missing, if any are
 * @log:	the log
 */
void log_tell_gaps(const struct log *log)
{
	size_t i;

	for (i = 0; i < log->nr_gaps && i < MAX_TOLD; i++)
		printf("%s:%llu: events were lost\n", log->name, log->gaps[i].line);
	if (i < log->nr_gaps)
		printf("and %zu times more\n", log->nr_gaps - i);
}
