/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Programs of calls, as the fuzzer makes them: any bytes are one.
 *
 * A program is a row of records of the same size, each of which is one operation, or something
 * that happens around operations (memory that goes away, a file that is closed, a process that
 * is killed).  The ids of objects are small numbers in the order in which they are made, so
 * that a record can name what an earlier one has made.  Records before FUZZ_GO are carried out
 * by one thread in their order, those after it by as many threads as they name, at once.
 */
#ifndef VMSPACE_FUZZ_PROGRAM_H
#define VMSPACE_FUZZ_PROGRAM_H

#include <stddef.h>
#include <stdint.h>

#define FUZZ_LANES	4	/* threads */
#define FUZZ_RECORDS	64	/* what is longer is cut off */

/**
 * struct fuzz_record - one step of a program
 * @what:	what is done, and in the two highest bits, by which thread
 * @flags:	of an operation: some of those that it lists; else as @what has it
 * @id:		of an operation: the object
 * @more:	as @what has it
 * @args:	of an operation: its arguments, one or two bytes each
 */
struct fuzz_record {
	uint8_t what;
	uint8_t flags;
	uint8_t id;
	uint8_t more;
	uint8_t args[12];
};

#define FUZZ_MAX_SIZE	(FUZZ_RECORDS * sizeof(struct fuzz_record))

/**
 * struct fuzz_watch - for those who want to know how it goes; each may be NULL
 * @begin:	each thread calls it first, with its number
 * @result:	called by the threads after each operation, with its error or 0
 */
struct fuzz_watch {
	void (*begin)(unsigned int lane);
	void (*result)(unsigned int opcode, unsigned int flags, unsigned int error);
};

/**
 * fuzz_init - make the threads; once
 * @watched_by: or NULL
 *
 * Return: 0, or -errno, if there is no /dev/vmspace.
 */
int fuzz_init(const struct fuzz_watch *watched_by);

/**
 * fuzz_run - carry out a program
 * @data: its bytes
 * @size: how many
 *
 * Return: what the module did that it must not do, or NULL.  All files are closed again.
 */
const char *fuzz_run(const uint8_t *data, size_t size);

#endif /* VMSPACE_FUZZ_PROGRAM_H */
