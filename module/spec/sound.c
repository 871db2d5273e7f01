// SPDX-License-Identifier: GPL-2.0-only
#include "geometry.h"
#include "sound.h"

/* What an operation finds at its address: before its change in the page table, later in itself. */
static bool found(const struct spec_os *os, const struct spec_core_state *s, struct spec_pte *pte)
{
	if (!spec_past_change(s))
		return spec_map_get(&os->hw.pt, s->vaddr, pte);
	*pte = s->pte;
	return s->ok;
}

/**
 * spec_inflight_frame - the frame that an operation is about (S82)
 * @os:		the machine
 * @s:		the operation
 * @frame:	receives it
 *
 * A change of rights has none: its frame stays mapped all the time.
 *
 * Return: whether there is one.
 */
bool spec_inflight_frame(const struct spec_os *os, const struct spec_core_state *s,
			 struct spec_region *frame)
{
	struct spec_pte pte = s->pte;

	if (!spec_is_map(s) && !(spec_is_unmap(s) && found(os, s, &pte)))
		return false;
	*frame = pte.frame;
	return true;
}

/**
 * spec_inflight_vmem - the addresses that an operation is about (S83)
 * @os:	the machine
 * @s:	the operation, not SPEC_IDLE
 *
 * Return: a region of size 0 if there is nothing to unmap or protect.
 */
struct spec_region spec_inflight_vmem(const struct spec_os *os, const struct spec_core_state *s)
{
	struct spec_region region = { s->vaddr, s->pte.frame.size };
	struct spec_pte pte;

	if (!spec_is_map(s))
		region.size = found(os, s, &pte) ? pte.frame.size : 0;
	return region;
}

/**
 * spec_overlaps_existing_pmem - whether a frame is mapped (S81)
 * @os:		the machine, sound
 * @frame:	the frame
 *
 * Also true of a mapping whose removal only waits.
 */
bool spec_overlaps_existing_pmem(const struct spec_os *os, struct spec_region frame)
{
	return spec_map_overlaps(&os->frames, frame);
}

/**
 * spec_overlaps_inflight_pmem - whether a frame is one that an operation is about (S82)
 * @os:		the machine
 * @frame:	the frame
 */
bool spec_overlaps_inflight_pmem(const struct spec_os *os, struct spec_region frame)
{
	struct spec_region other;
	unsigned int core;

	for (core = 0; core < os->config.core_no; core++)
		if (spec_inflight_frame(os, &os->core_states[core], &other) &&
		    spec_overlap(frame, other))
			return true;
	return false;
}

/**
 * spec_overlaps_inflight_vmem - whether an operation is about these addresses (S83)
 * @os:		the machine
 * @vaddr:	the first
 * @size:	how many; may be 0
 */
bool spec_overlaps_inflight_vmem(const struct spec_os *os, u64 vaddr, u64 size)
{
	struct spec_region region = { vaddr, size };
	unsigned int core;

	for (core = 0; core < os->config.core_no; core++) {
		const struct spec_core_state *s = &os->core_states[core];

		if (s->state != SPEC_IDLE && spec_overlap(spec_inflight_vmem(os, s), region))
			return true;
	}
	return false;
}

/**
 * spec_map_sound - whether it is sound to start a map (S80, S85)
 * @os:		the machine, sound; the core that starts is idle
 * @vaddr:	first address
 * @pte:	the mapping
 *
 * That something is mapped there already is not unsound: it is an error.
 *
 * Return: NULL, or what makes it unsound.
 */
const char *spec_map_sound(const struct spec_os *os, u64 vaddr, const struct spec_pte *pte)
{
	if (spec_overlaps_existing_pmem(os, pte->frame))
		return "S81_overlaps_existing_pmem";
	if (spec_overlaps_inflight_pmem(os, pte->frame))
		return "S82_overlaps_inflight_pmem";
	if (spec_overlaps_inflight_vmem(os, vaddr, pte->frame.size))
		return "S83_overlaps_inflight_vmem";
	return NULL;
}

/**
 * spec_unmap_sound - whether it is sound to start an unmap or a protect (S84, S85)
 * @os:		the machine; the core that starts is idle
 * @vaddr:	first address
 *
 * Return: NULL, or what makes it unsound.
 */
const char *spec_unmap_sound(const struct spec_os *os, u64 vaddr)
{
	struct spec_pte pte;
	u64 size = spec_map_get(&os->hw.pt, vaddr, &pte) ? pte.frame.size : 0;

	return spec_overlaps_inflight_vmem(os, vaddr, size) ? "S83_overlaps_inflight_vmem" : NULL;
}

/**
 * spec_frame_unused - whether a frame may be used for something else (S86)
 * @os:		the machine, sound
 * @frame:	the frame
 *
 * Not before the end of the operation that unmaps it.
 *
 * Return: NULL or the rule.
 */
const char *spec_frame_unused(const struct spec_os *os, struct spec_region frame)
{
	if (spec_overlaps_existing_pmem(os, frame) || spec_overlaps_inflight_pmem(os, frame))
		return "S86_frame_unused";
	return NULL;
}
