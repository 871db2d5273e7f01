// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmspace-tracecheck: says whether a recorded run is one that the specification
 * allows, or who did what in it.
 */
#include <getopt.h>
#include <stdio.h>
#include "check.h"
#include "people.h"

static void show_help(FILE *to)
{
	fputs("usage: vmspace-tracecheck [OPTION...] FILE\n\n"
	      "Replays a log of the events vmspace:* and says whether the specification allows it.\n"
	      "FILE is what \"trace-cmd report\" or \"perf script\" prints, or the file \"trace\" of\n"
	      "tracefs; \"-\" is the standard input. Recorded with the clock mono or global, events\n"
	      "are in order.\n\n"
	      "  -p, --people   instead, one line for each operation: who did it, where, with which\n"
	      "                 interrupts, and how long it waited\n"
	      "  -v, --verbose  say what was checked of each space\n"
	      "  -h, --help     show this\n\n"
	      "The status is\n"
	      "  0  all is allowed\n"
	      "  1  a step is not: the rule, the state before and the events around it are shown\n"
	      "  2  the log cannot be read\n"
	      "  3  allowed as far as can be said, but events were lost\n"
	      "  4  allowed as far as can be said, but there are spaces that are older than the log,\n"
	      "     or none at all\n", to);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "people", no_argument, NULL, 'p' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	bool people = false, verbose = false;
	enum outcome outcome;
	struct log log;
	int c;

	while ((c = getopt_long(argc, argv, "pvh", options, NULL)) != -1) {
		switch (c) {
		case 'p':
			people = true;
			break;
		case 'v':
			verbose = true;
			break;
		case 'h':
			show_help(stdout);
			return OUTCOME_ALLOWED;
		default:
			show_help(stderr);
			return OUTCOME_BAD;
		}
	}
	if (optind != argc - 1) {
		show_help(stderr);
		return OUTCOME_BAD;
	}
	if (log_open(&log, argv[optind]))
		return OUTCOME_BAD;
	outcome = people ? people_log(&log) : check_log(&log, verbose);
	log_close(&log);
	if (fflush(stdout) || ferror(stdout)) {
		perror("vmspace-tracecheck: standard output");
		return OUTCOME_BAD;
	}
	return outcome;
}
