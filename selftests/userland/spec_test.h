/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tests of the specification: functions that register themselves, one result
 * each.  A program is one source with its tests; main() is here.
 */
#ifndef SPEC_TEST_H
#define SPEC_TEST_H

#include <stdio.h>
#include <stdlib.h>
#include "spec/types.h"
#include "tap.h"

struct spec_test {
	const char *name;
	void (*run)(void);
	struct spec_test *next;
};

static struct spec_test *spec_tests, **spec_tests_end = &spec_tests;
static bool spec_test_ok;

/* A test, in the order of the source. */
#define TEST(test_name)							\
static void test_name(void);						\
static struct spec_test test_##test_name = { .name = #test_name, .run = test_name };	\
__attribute__((constructor))						\
static void add_##test_name(void)					\
{									\
	*spec_tests_end = &test_##test_name;				\
	spec_tests_end = &test_##test_name.next;			\
}									\
static void test_name(void)

/* What does not hold is said, and the test goes on. */
#define EXPECT(condition)						\
	do {								\
		if (!(condition)) {					\
			printf("# %s:%d: %s\n", __FILE__, __LINE__, #condition);	\
			spec_test_ok = false;				\
		}							\
	} while (0)

#define EXPECT_EQ(wanted, seen)						\
	do {								\
		u64 wanted_ = (wanted), seen_ = (seen);			\
		if (wanted_ != seen_) {					\
			printf("# %s:%d: %s is %#llx and not %#llx\n", __FILE__, __LINE__,	\
			       #seen, seen_, wanted_);			\
			spec_test_ok = false;				\
		}							\
	} while (0)

/* What a check says: a rule's name, or NULL. */
#define EXPECT_RULE(wanted, seen)					\
	do {								\
		const char *wanted_ = (wanted), *seen_ = (seen);	\
		if (!wanted_ != !seen_ || (wanted_ && strcmp(wanted_, seen_))) {	\
			printf("# %s:%d: %s says %s and not %s\n", __FILE__, __LINE__,	\
			       #seen, seen_ ? seen_ : "nothing",		\
			       wanted_ ? wanted_ : "nothing");			\
			spec_test_ok = false;				\
		}							\
	} while (0)

#define EXPECT_HOLDS(seen)	EXPECT_RULE(NULL, seen)

/* malloc(), until it has to fail. */
static long spec_test_allocations = -1;

static inline void *spec_test_malloc(size_t size)
{
	void *p;

	if (!spec_test_allocations)
		return NULL;
	spec_test_allocations -= spec_test_allocations > 0;
	p = malloc(size);
	if (!p)
		abort();
	/* Nobody may count on zeroes. */
	return memset(p, 0x5a, size);
}

static const struct spec_alloc spec_test_alloc = { .alloc = spec_test_malloc, .free = free };

/* Random numbers (splitmix64): the same for the same seed. */
static u64 spec_test_state = 1;

static inline u64 spec_test_random(u64 n)
{
	u64 x = spec_test_state += 0x9e3779b97f4a7c15ULL;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return (x ^ (x >> 31)) % n;
}

/* A number from the environment, to repeat a run or to make it longer. */
static inline u64 spec_test_number(const char *name, u64 otherwise)
{
	const char *value = getenv(name);

	return value ? strtoull(value, NULL, 0) : otherwise;
}

int main(void)
{
	struct spec_test *test;
	unsigned int nr = 0;

	for (test = spec_tests; test; test = test->next)
		nr++;
	tap_plan(nr);
	for (test = spec_tests; test; test = test->next) {
		spec_test_ok = true;
		test->run();
		tap_result(spec_test_ok, test->name);
	}
	return tap_end();
}

#endif /* SPEC_TEST_H */
