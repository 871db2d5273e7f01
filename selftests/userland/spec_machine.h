/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A machine to test: two cores, three threads of which the first and the last share a
 * core.
 */
#ifndef SPEC_MACHINE_H
#define SPEC_MACHINE_H

#include "spec/os.h"
#include "spec_test.h"

#define KB4	0x1000ULL
#define MB2	0x200000ULL
#define GB1	0x40000000ULL
#define GB512	0x8000000000ULL
#define TB256	0x1000000000000ULL

#define WORDS	(GB1 / 8)

static const unsigned int ult2core[] = { 0, 1, 0 };

static const struct spec_os_config config = {
	.core_no = 2, .ult_no = 3, .ult2core = ult2core, .levels = 4, .width = 40,
	.phys_mem_size = WORDS, .see_tlbs = true,
};

static const struct spec_flags rw = { .is_writable = true };
static const struct spec_flags ro = { .is_writable = false };

static inline struct spec_pte pte_at(u64 base, u64 size)
{
	return (struct spec_pte) { .frame = { base, size }, .flags = { .is_writable = true } };
}

static inline void os_begin(struct spec_os *os)
{
	if (spec_os_init(os, &spec_test_alloc, &config))
		abort();
	os->available = 3;
}

static inline const char *os_map_start(struct spec_os *os, u32 ult, u64 vaddr, u64 base, u64 size)
{
	struct spec_pte pte = pte_at(base, size);

	return spec_os_map_start(os, ult, vaddr, &pte);
}

static inline const char *os_fill(struct spec_os *os, unsigned int core, u64 vaddr)
{
	struct spec_pte pte = { };

	spec_map_get(&os->hw.pt, vaddr, &pte);
	return spec_os_tlb_fill(os, core, vaddr, &pte);
}

static inline bool os_holds(const struct spec_os *os, unsigned int core, u64 vaddr)
{
	return spec_map_get(&os->hw.tlb[core], vaddr, NULL);
}

static inline bool os_mapped(const struct spec_os *os, u64 vaddr)
{
	return spec_map_get(&os->hw.pt, vaddr, NULL);
}

/* Whole operations of thread 0 on core 0. */
static inline void os_map(struct spec_os *os, u64 vaddr, u64 base, u64 size)
{
	EXPECT_HOLDS(os_map_start(os, 0, vaddr, base, size));
	EXPECT_HOLDS(spec_os_map_op_start(os, 0));
	EXPECT_HOLDS(spec_os_map_end(os, 0, true));
}

/* Up to the shootdown. */
static inline void os_unmap_begin(struct spec_os *os, u64 vaddr)
{
	EXPECT_HOLDS(spec_os_unmap_start(os, 0, vaddr));
	EXPECT_HOLDS(spec_os_unmap_op_start(os, 0, true));
	EXPECT_HOLDS(spec_os_unmap_op_end(os, 0));
	EXPECT_HOLDS(spec_os_unmap_initiate_shootdown(os, 0));
}

#endif /* SPEC_MACHINE_H */
