/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /dev/vmspace_floor: the least that a mapping and a shootdown can take.
 *
 * For the bench alone, which is built with it: nothing here has to stay.
 */
#ifndef VMSPACE_FLOOR_H
#define VMSPACE_FLOOR_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define FLOOR_MAX_PAGES		32768
#define FLOOR_MAX_ROUNDS	100000

/**
 * struct floor_pages - store entries, and take and drop the references of frames
 * @pages:	in: 4 KiB pages in one range
 * @ranges:	in: how many ranges, one after the other; FLOOR_MAX_PAGES pages at most
 * @map_ns:	out: to take a reference and store an entry, for all pages
 * @protect_ns:	out: to clear a bit of each entry, with a locked instruction
 * @unmap_ns:	out: to exchange each entry for 0 and drop the reference
 */
struct floor_pages {
	__u32		pages;
	__u32		ranges;
	__aligned_u64	map_ns;
	__aligned_u64	protect_ns;
	__aligned_u64	unmap_ns;
};

/**
 * struct floor_interrupts - interrupt CPUs and wait, with a handler that only counts
 * @cpus:	in: the CPUs, bit by bit, the first 64 of them; the caller's is left out
 * @addr:	in: of an array of __u64, which receives what each round took, in ns
 * @rounds:	in: how often, at most FLOOR_MAX_ROUNDS
 * @handled:	out: how many handlers ran
 */
struct floor_interrupts {
	__aligned_u64	cpus;
	__aligned_u64	addr;
	__u32		rounds;
	__u32		handled;
};

#define FLOOR_PAGES		_IOWR(0xBD, 0, struct floor_pages)
#define FLOOR_INTERRUPTS	_IOWR(0xBD, 1, struct floor_interrupts)

#endif /* VMSPACE_FLOOR_H */
