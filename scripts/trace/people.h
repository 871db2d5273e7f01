/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A log for people: who did what, on which CPU, when.
 */
#ifndef TRACE_PEOPLE_H
#define TRACE_PEOPLE_H

#include "check.h"

enum outcome people_log(const struct log *log);

#endif /* TRACE_PEOPLE_H */
