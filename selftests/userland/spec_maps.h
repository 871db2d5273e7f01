/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two maps, the one that an operation starts with and the one that it leaves, and
 * what tests of operations on them share.
 */
#ifndef SPEC_MAPS_H
#define SPEC_MAPS_H

#include "spec/apply.h"
#include "spec/view.h"
#include "spec_test.h"

#define KB4	0x1000ULL
#define MB2	0x200000ULL
#define GB1	0x40000000ULL
#define VA_END	((1ULL << 47) - KB4)
#define WIDTH	46
#define RW	(SPEC_PROP_READ | SPEC_PROP_WRITE)

static struct spec_map before, after;

/* Equal, and empty. */
static void start(void)
{
	spec_map_init(&before, &spec_test_alloc);
	spec_map_init(&after, &spec_test_alloc);
}

static void end(void)
{
	spec_map_clear(&before);
	spec_map_clear(&after);
}

#endif /* SPEC_MAPS_H */
