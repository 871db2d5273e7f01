/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Soundness: no operation is started that meets another one in flight, or a
 * frame that is in use (S78 to S86).
 *
 * It is history: no step depends on it (S78), and it never comes back (S79).  After
 * it is lost, the abstract machine says nothing any more.
 */
#ifndef SPEC_SOUND_H
#define SPEC_SOUND_H

#include "os.h"

bool spec_inflight_frame(const struct spec_os *os, const struct spec_core_state *s,
			 struct spec_region *frame);
struct spec_region spec_inflight_vmem(const struct spec_os *os, const struct spec_core_state *s);

bool spec_overlaps_existing_pmem(const struct spec_os *os, struct spec_region frame);
bool spec_overlaps_inflight_pmem(const struct spec_os *os, struct spec_region frame);
bool spec_overlaps_inflight_vmem(const struct spec_os *os, u64 vaddr, u64 size);

const char *spec_map_sound(const struct spec_os *os, u64 vaddr, const struct spec_pte *pte);
const char *spec_unmap_sound(const struct spec_os *os, u64 vaddr);
const char *spec_frame_unused(const struct spec_os *os, struct spec_region frame);

#endif /* SPEC_SOUND_H */
