// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the fuzzer has found (fuzz/corpus): programs of calls that together reach most of the
 * module, and all those that it once went wrong on.  What they do is known to nobody; nothing
 * of it may do harm.  The kernel says whether it does, and spaces that are CHECKED; and all
 * that was taken is given back.
 */
#include "kselftest_harness.h"
#include "fuzz/program.h"
#include "mappings.h"

/* In the form that the Makefile gives them: size, bytes, name; the last one has no size. */
extern const uint8_t fuzz_corpus[];

FIXTURE(corpus)
{
	struct vms_usage before;
};

FIXTURE_SETUP(corpus)
{
	int ret = fuzz_init(NULL);

	if (ret)
		SKIP(return, "no /dev/vmspace: %s", strerror(-ret));
	self->before = vms_usage_now();
}

FIXTURE_TEARDOWN(corpus)
{
	const char *left = vms_usage_not_back(&self->before, VMS_ANY);

	EXPECT_EQ(NULL, left)
		TH_LOG("%s", left);
}

TEST_F_TIMEOUT(corpus, program__does_no_harm, 1200)
{
	const uint8_t *at = fuzz_corpus;
	const char *wrong, *name;
	unsigned int nr = 0;
	uint32_t size;

	for (;; nr++) {
		memcpy(&size, at, sizeof(size));
		if (!size)
			break;
		wrong = fuzz_run(at + sizeof(size), size);
		name = (const char *)at + sizeof(size) + size;
		EXPECT_EQ(NULL, wrong)
			TH_LOG("%s: %s", name, wrong);
		at = (const uint8_t *)name + strlen(name) + 1;
	}
	EXPECT_LT(0, nr);
}

TEST_HARNESS_MAIN
