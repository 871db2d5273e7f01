/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Deliberate mistakes, one at a time, for tests of the tests.
 *
 * A module that is built with VMS_MUTATIONS has the parameter "mutation", the
 * number of a mistake that it makes from then on; such a module is for test
 * machines only.  In any other module they are compiled out.
 */
#ifndef VMS_MUTATION_H
#define VMS_MUTATION_H

#include <linux/compiler.h>
#include <linux/types.h>
#include <linux/vmspace.h>

/**
 * enum vms_mutation - the mistakes
 * @VMS_MUTATION_NONE:		none
 * @VMS_MUTATION_SKIP_REMOTE:	no CPU is interrupted
 * @VMS_MUTATION_SKIP_ONE:	one of the CPUs is not
 * @VMS_MUTATION_ACK_FIRST:	they acknowledge, and flush at some later time
 * @VMS_MUTATION_FREE_FRAME:	frames are released before the acknowledgements
 * @VMS_MUTATION_FREE_TABLE:	table pages are
 * @VMS_MUTATION_WRONG_PAGE:	the page after the right one is flushed
 * @VMS_MUTATION_ONE_PIECE:	of what a table mapped, the first 4 KiB are flushed
 * @VMS_MUTATION_KEEP_RIGHTS:	nothing is flushed when rights shrink
 * @VMS_MUTATION_KEEP_TABLE:	nothing is flushed when a table was unlinked
 * @VMS_MUTATION_USER:		user and supervisor are confused in a map
 * @VMS_MUTATION_DIRECTORY:	directories are for the supervisor only
 * @VMS_MUTATION_HIGH_BIT:	a leaf has bit 52 set
 * @VMS_MUTATION_EMPTY_TABLE:	an empty table is left, and counts as a mapping
 * @VMS_MUTATION_UNLOCK_FIRST:	a range is given up before it is flushed
 * @VMS_MUTATION_FLUSH_NOTHING:	an unmap that finds nothing sends a shootdown
 * @VMS_MUTATION_PROTECT_TWICE:	rights are changed by an unmap and a map
 * @VMS_MUTATION_WRONG_FRAME:	a frame is mapped in the place of its neighbour
 */
enum vms_mutation {
	VMS_MUTATION_NONE,
	VMS_MUTATION_SKIP_REMOTE,
	VMS_MUTATION_SKIP_ONE,
	VMS_MUTATION_ACK_FIRST,
	VMS_MUTATION_FREE_FRAME,
	VMS_MUTATION_FREE_TABLE,
	VMS_MUTATION_WRONG_PAGE,
	VMS_MUTATION_ONE_PIECE,
	VMS_MUTATION_KEEP_RIGHTS,
	VMS_MUTATION_KEEP_TABLE,
	VMS_MUTATION_USER,
	VMS_MUTATION_DIRECTORY,
	VMS_MUTATION_HIGH_BIT,
	VMS_MUTATION_EMPTY_TABLE,
	VMS_MUTATION_UNLOCK_FIRST,
	VMS_MUTATION_FLUSH_NOTHING,
	VMS_MUTATION_PROTECT_TWICE,
	VMS_MUTATION_WRONG_FRAME,
};

#ifdef VMS_MUTATIONS
#define VMS_FEATURE_MUTATE	VMSPACE_FEATURE_MUTATE
extern unsigned int vms_mutation;

/**
 * vms_mutated - whether a mistake is to be made
 * @m: which
 */
static inline bool vms_mutated(enum vms_mutation m)
{
	return READ_ONCE(vms_mutation) == m;
}
#else
#define VMS_FEATURE_MUTATE	0

static inline bool vms_mutated(enum vms_mutation m)
{
	return false;
}
#endif

#endif /* VMS_MUTATION_H */
