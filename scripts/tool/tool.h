/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the commands of the tool share.
 */
#ifndef TOOL_H
#define TOOL_H

#include <vmspace.h>

int cmd_info(int argc, char **argv);
int cmd_demo(int argc, char **argv);
int cmd_bench(int argc, char **argv);

/* Say what went wrong, and end. A negative error number is spelt out. */
void __attribute__((noreturn, format(printf, 2, 3))) die(int error, const char *fmt, ...);

/* What a call of vmspace.h returned, if it succeeded; else the end. */
int must(int ret, const char *what);

#endif /* TOOL_H */
