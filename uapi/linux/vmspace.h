/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * vmspace: private x86-64 address spaces, driven through /dev/vmspace.
 *
 * One open file is one store of objects: spaces, memory objects, cursors,
 * readers and writers.  Each has an id that is unique in its file.  A program
 * is an array of operations; VMSPACE_STEP executes it in order.
 *
 * Words used here and everywhere else in this project:
 *
 *   range      half-open [start, end), in bytes, page aligned unless said
 *   frame      a naturally aligned piece of physical memory of one page size
 *   leaf       an entry of a page table that maps a frame
 *   mapping    a leaf together with the virtual range that it maps
 *   property   the rights and state bits of a mapping (VMSPACE_PROP_*)
 *   view       a cursor's position and the set of mappings in its range
 *
 * See Documentation/interface.rst for the semantics of each operation.
 */
#ifndef _UAPI_LINUX_VMSPACE_H
#define _UAPI_LINUX_VMSPACE_H

#include <linux/ioctl.h>
#include <linux/types.h>

/*
 * The command numbers carry no size: every structure starts with its own, so
 * that structures can grow.  A structure longer than the module knows is
 * accepted when the unknown tail is zero and all of it fits into 4096 bytes.
 */
#define VMSPACE_IOC_MAGIC	0xBC
#define VMSPACE_INFO		_IO(VMSPACE_IOC_MAGIC, 0x00)
#define VMSPACE_STEP		_IO(VMSPACE_IOC_MAGIC, 0x01)

/* Bits of vmspace_info.features. */
#define VMSPACE_FEATURE_LEVEL5	0x1ULL	/* 5-level paging is in use */
#define VMSPACE_FEATURE_PTI	0x2ULL	/* page-table isolation is on */
#define VMSPACE_FEATURE_PCID	0x4ULL	/* the CPUs use PCIDs */
#define VMSPACE_FEATURE_MUTATE	0x8ULL	/* built to be wrong, for tests of tests */

/**
 * struct vmspace_info - what this module on this machine can do
 * @size:	in: sizeof(struct vmspace_info) as the caller knows it
 * @flags:	in: must be 0
 * @features:	out: VMSPACE_FEATURE_*
 * @va_end:	out: first address after the part of a space that can be mapped
 * @page_sizes:	out: the sizes of page that MAP can map, as a sum of bytes
 * @frame_sizes: out: the sizes of frame that NEW_MEMORY can allocate, likewise
 * @levels:	out: levels of a page table, 4 or 5
 * @phys_bits:	out: width of a physical address
 * @max_ops:	out: the most operations in one VMSPACE_STEP
 * @max_objects: out: the most objects in one file
 * @max_frames:	out: the most 4 KiB pages in one memory object
 * @nr_cpus:	out: CPU numbers are below this
 * @flush_ceiling: out: a flush of more pages than this flushes everything
 * @max_deferred: out: the most pages that a deferred flush can hold back
 * @max_insns:	out: the most instructions in one program of RUN
 * @max_run_us:	out: the most time that RUN can be given, in microseconds
 */
struct vmspace_info {
	__u32		size;
	__u32		flags;
	__aligned_u64	features;
	__aligned_u64	va_end;
	__aligned_u64	page_sizes;
	__aligned_u64	frame_sizes;
	__u32		levels;
	__u32		phys_bits;
	__u32		max_ops;
	__u32		max_objects;
	__u32		max_frames;
	__u32		nr_cpus;
	__u32		flush_ceiling;
	__u32		max_deferred;
	__u32		max_insns;
	__u32		max_run_us;
};

/* Flags of vmspace_step. */
#define VMSPACE_STEP_CONTINUE	0x01	/* go on after an operation failed */
#define VMSPACE_STEP_GATHER	0x02	/* flush once for a row of operations */

/**
 * struct vmspace_step - execute operations in order
 * @size:	in: sizeof(struct vmspace_step) as the caller knows it
 * @flags:	in: VMSPACE_STEP_*
 * @ops:	in: address of an array of struct vmspace_op, read and written
 * @count:	in: number of operations, 1 to vmspace_info.max_ops
 * @done:	out: number of operations executed; their results are valid
 * @error:	out: the result of the first that failed, or 0
 * @pad:	in: must be 0
 *
 * The call itself succeeds whenever the array could be worked on: a failing
 * operation is told by @error, and by its own result.  Without
 * VMSPACE_STEP_CONTINUE it is the last one executed, at index @done - 1.  A
 * fatal signal stops the program between operations, with @error -EINTR.
 *
 * With VMSPACE_STEP_GATHER operations that follow each other on one cursor
 * share one flush, after the last of them: what they removed is released when
 * the call returns at the latest.
 */
struct vmspace_step {
	__u32		size;
	__u32		flags;
	__aligned_u64	ops;
	__u32		count;
	__u32		done;
	__s32		error;
	__u32		pad;
};

/*
 * Operations.  The first sixteen are those of the embedding of the cursor
 * interface; the others make them real.
 */
enum vmspace_opcode {
	VMSPACE_OP_NEW_SPACE		= 1,
	VMSPACE_OP_DROP_SPACE		= 2,
	VMSPACE_OP_OPEN_CURSOR		= 3,
	VMSPACE_OP_OPEN_CURSOR_MUT	= 4,
	VMSPACE_OP_DROP_CURSOR		= 5,
	VMSPACE_OP_QUERY		= 6,
	VMSPACE_OP_FIND_NEXT		= 7,
	VMSPACE_OP_JUMP			= 8,
	VMSPACE_OP_VIRT_ADDR		= 9,
	VMSPACE_OP_MAP			= 10,
	VMSPACE_OP_UNMAP		= 11,
	VMSPACE_OP_PROTECT_NEXT		= 12,
	VMSPACE_OP_NEW_READER		= 13,
	VMSPACE_OP_NEW_WRITER		= 14,
	VMSPACE_OP_DROP_READER		= 15,
	VMSPACE_OP_DROP_WRITER		= 16,

	VMSPACE_OP_NEW_MEMORY		= 32,
	VMSPACE_OP_IMPORT		= 33,
	VMSPACE_OP_DROP_MEMORY		= 34,
	VMSPACE_OP_ACTIVATE		= 35,
	VMSPACE_OP_DEACTIVATE		= 36,
	VMSPACE_OP_ACCESS		= 37,
	VMSPACE_OP_READ			= 38,
	VMSPACE_OP_WRITE		= 39,
	VMSPACE_OP_FLUSH_SYNC		= 40,
	VMSPACE_OP_TRANSLATE		= 41,
	VMSPACE_OP_SPACE_STAT		= 42,
	VMSPACE_OP_CPU_STAT		= 43,
	VMSPACE_OP_PROTECT		= 44,
	VMSPACE_OP_ENUMERATE		= 45,
	VMSPACE_OP_RUN			= 46,
	VMSPACE_OP_SET_TARGETS		= 47,
	VMSPACE_OP_SHOOTDOWN_STAT	= 48,
	VMSPACE_OP_HISTOGRAM		= 49,
};

/* Flags of operations.  A flag that an operation does not list is refused. */
#define VMSPACE_NONBLOCK	0x01	/* OPEN_CURSOR*: -EBUSY, do not wait */
#define VMSPACE_REPLACE		0x02	/* MAP: over an existing mapping */
#define VMSPACE_DEFER		0x04	/* MAP, UNMAP, PROTECT*, ENUMERATE: flush later */
#define VMSPACE_WRITABLE	0x08	/* IMPORT: mappings may be writable */
#define VMSPACE_RESIDENT	0x10	/* ACTIVATE: stay inside when idle */
#define VMSPACE_STORE		0x20	/* ACCESS: a store, not a load */
/* MAP: the size of page.  OPEN_CURSOR*: the largest that MAP shall place. */
#define VMSPACE_PAGE_2M		0x40
#define VMSPACE_PAGE_1G		0x80
#define VMSPACE_PAGE_LARGEST	0x100	/* MAP: the largest that fits, each time */
#define VMSPACE_LAB		0x200	/* NEW_SPACE: wrong flushes may be asked for */
/*
 * MAP, UNMAP, PROTECT*, ENUMERATE in a LAB space, instead of the flush that is
 * due: none; only on the CPU that carries out the operation; only on those of
 * SET_TARGETS.
 */
#define VMSPACE_FLUSH_NONE	0x400
#define VMSPACE_FLUSH_LOCAL	0x800
#define VMSPACE_FLUSH_TARGETS	0x1000
/*
 * NEW_SPACE: every step is held against the specification while it is taken.
 * An operation that violates it returns -EUCLEAN when it is done, as does all on
 * that space from then on that changes mappings or is an ACCESS.
 * A STRICT space is CHECKED, and takes only what the verified page table has: one
 * mapping at a time, of a frame that is not mapped yet, unmapped and protected as
 * a whole; no DEFER, REPLACE, PROTECT, LAB, no ENUMERATE that clears.
 */
#define VMSPACE_CHECKED		0x2000
#define VMSPACE_STRICT		0x4000

/*
 * Properties of a mapping.
 *
 * Without READ every access through the mapping faults, whatever other rights
 * it has: x86 cannot express memory that is writable or executable and not
 * readable, so the entry is kept with its present bit clear.
 */
#define VMSPACE_PROP_READ	0x01
#define VMSPACE_PROP_WRITE	0x02
#define VMSPACE_PROP_EXEC	0x04
#define VMSPACE_PROP_USER	0x08	/* user mode may use it */
#define VMSPACE_PROP_ACCESSED	0x10	/* set by the CPU when it walks here */
#define VMSPACE_PROP_DIRTY	0x20	/* set by the CPU when it stores here */
#define VMSPACE_PROP_SOFT	0x40	/* no meaning to the module */
#define VMSPACE_PROP_ALL	0x7f

/*
 * Cache policies.  A mapping always has the policy of its memory object,
 * which the kernel's own mapping of the frames has as well.
 */
#define VMSPACE_CACHE_WB	0		/* write-back */
#define VMSPACE_CACHE_WC	1		/* write-combining */
#define VMSPACE_CACHE_UC	2		/* uncached */

/* Outcomes of ACCESS, READ and WRITE: an answer of the MMU, not an error. */
#define VMSPACE_OUTCOME_OK	0
#define VMSPACE_OUTCOME_FAULT	1

/* What an instruction of an access program does. */
#define VMSPACE_INSN_LOAD	1	/* load, up to count times */
#define VMSPACE_INSN_STORE	2	/* store value, up to count times */
#define VMSPACE_INSN_WAIT	3	/* until a program is through with a step */
#define VMSPACE_INSN_FENCE	4	/* MFENCE */
#define VMSPACE_INSN_INVLPG	5	/* on this CPU, for va */

/* When loads and stores end before count; at most one of the last two. */
#define VMSPACE_UNTIL_FAULT	0x1	/* once it faults */
#define VMSPACE_UNTIL_EQUAL	0x2	/* LOAD: once it loads value */
#define VMSPACE_UNTIL_DIFFERENT	0x4	/* LOAD: once it loads anything but value */

/**
 * struct vmspace_insn - one instruction of an access program
 * @opcode:	in: VMSPACE_INSN_*
 * @flags:	in: VMSPACE_UNTIL_*
 * @width:	in: LOAD, STORE: bytes: 1, 2, 4, 8
 * @program:	in: WAIT: index of a program
 * @step:	in: WAIT: index of one of its instructions
 * @outcome:	out: LOAD, STORE: VMSPACE_OUTCOME_* of the last access
 * @va:		in: LOAD, STORE: aligned to @width; INVLPG
 * @value:	in: STORE, UNTIL_EQUAL, UNTIL_DIFFERENT; out: LOAD: the last loaded
 * @count:	in: LOAD, STORE: the most accesses; 1 or more
 * @done:	out: accesses that did not fault
 * @start:	out: CLOCK_MONOTONIC, in ns, before it began
 * @last:	out: LOAD, STORE: just before the last access after which it went
 *		on; 0 if the first one ended it
 * @end:	out: after it ended; 0 if it did not come to that
 *
 * Members that an instruction does not read must be 0, but for @value of a
 * LOAD; those marked "out" are ignored.
 */
struct vmspace_insn {
	__u16		opcode;
	__u16		flags;
	__u16		width;
	__u16		program;
	__u32		step;
	__u32		outcome;
	__aligned_u64	va;
	__aligned_u64	value;
	__u32		count;
	__u32		done;
	__aligned_u64	start;
	__aligned_u64	last;
	__aligned_u64	end;
};

/* How an access program ended. */
#define VMSPACE_PROGRAM_DONE	0	/* all instructions were executed */
#define VMSPACE_PROGRAM_TIMEOUT	1	/* the time was over */
#define VMSPACE_PROGRAM_CALLED	2	/* the CPU was needed by someone else */

/**
 * struct vmspace_program - a program of accesses for one CPU
 * @cpu:	in: where it runs; the space must be active there
 * @count:	in: number of instructions, 1 to vmspace_info.max_insns
 * @insns:	in: address of an array of struct vmspace_insn, read and written
 * @done:	out: instructions that were executed to their end
 * @ended:	out: VMSPACE_PROGRAM_*
 * @pad:	in: must be 0
 */
struct vmspace_program {
	__u32		cpu;
	__u32		count;
	__aligned_u64	insns;
	__u32		done;
	__u32		ended;
	__aligned_u64	pad;
};

/* Times that HISTOGRAM tells. */
#define VMSPACE_TIME_ENTERED	0	/* sent to entered, of interrupts to the CPU */
#define VMSPACE_TIME_FLUSHED	1	/* sent to flushed, likewise */
#define VMSPACE_TIME_ACKED	2	/* sent to all acknowledged, of those it sent */
#define VMSPACE_TIME_STAY	3	/* of stays inside */
#define VMSPACE_TIMES		4

/* Bucket i counts times from 2^i ns to below 2^(i+1) ns, the last all longer. */
#define VMSPACE_BUCKETS		32

/* Bits of vmspace_op.cpu_stat.state. */
#define VMSPACE_CPU_ACTIVE	0x01	/* the space is active on the CPU */
#define VMSPACE_CPU_RESIDENT	0x02	/* it stays inside when idle */
#define VMSPACE_CPU_INSIDE	0x04	/* its page table is loaded now */
#define VMSPACE_CPU_PARKED	0x08	/* the CPU is offline */

/**
 * struct vmspace_mapping - what ENUMERATE tells of a mapping
 * @start:	first address
 * @end:	first address after it
 * @pfn:	number of its first 4 KiB page; 0 without CAP_SYS_ADMIN
 * @prop:	VMSPACE_PROP_*
 * @cache:	VMSPACE_CACHE_*
 */
struct vmspace_mapping {
	__aligned_u64	start;
	__aligned_u64	end;
	__aligned_u64	pfn;
	__u32		prop;
	__u32		cache;
};

/**
 * struct vmspace_op - one operation
 * @opcode:	in: VMSPACE_OP_*
 * @flags:	in: the flags that the operation lists
 * @id:		in: the object that it works on; 0 where there is none
 * @result:	out: 0, or a negative error number
 * @new_space:	arguments and results of NEW_SPACE
 * @new_memory:	of NEW_MEMORY
 * @import:	of IMPORT
 * @open:	of OPEN_CURSOR and OPEN_CURSOR_MUT
 * @query:	of QUERY and TRANSLATE
 * @find:	of FIND_NEXT
 * @pos:	of JUMP and VIRT_ADDR
 * @map:	of MAP
 * @unmap:	of UNMAP
 * @protect:	of PROTECT_NEXT
 * @protect_range: of PROTECT
 * @enumerate:	of ENUMERATE
 * @new_io:	of NEW_READER and NEW_WRITER
 * @io:		of READ and WRITE
 * @activate:	of ACTIVATE and DEACTIVATE
 * @access:	of ACCESS
 * @flush:	of FLUSH_SYNC
 * @space_stat:	of SPACE_STAT
 * @cpu_stat:	of CPU_STAT
 * @run:	of RUN
 * @targets:	of SET_TARGETS
 * @shootdown_stat: of SHOOTDOWN_STAT
 * @histogram:	of HISTOGRAM
 * @words:	all of them, as they lie in memory; operations that take no
 *		arguments have only padding
 *
 * The rest depends on the operation.  All report alike: an operation that
 * makes an object returns its id in new_id; one on a cursor, reader or writer
 * returns its position in va; one that finds, maps, changes or removes
 * something returns the range that it was in start and end.  Fields marked
 * "out" are ignored on entry and written on return; on failure they are 0,
 * but for va, and for the progress of an operation that ended in the middle.
 * Fields named pad must be 0.
 */
struct vmspace_op {
	__u32	opcode;
	__u32	flags;
	__u32	id;
	__s32	result;
	union {
		/* flags: LAB, CHECKED, STRICT */
		struct {
			__u32		new_id;		/* out */
			__u32		levels;		/* out */
			__aligned_u64	va_end;		/* out */
			__aligned_u64	pad[4];
		} new_space;

		struct {
			__u32		new_id;		/* out */
			__u32		cache;		/* VMSPACE_CACHE_* */
			__aligned_u64	count;		/* of frames */
			__aligned_u64	frame_size;	/* bytes */
			__aligned_u64	mmap_offset;	/* out: for mmap(2) */
			__aligned_u64	pad[2];
		} new_memory;

		/* flags: WRITABLE */
		struct {
			__u32		new_id;		/* out */
			__u32		pad0;
			__aligned_u64	addr;		/* of the caller's memory */
			__aligned_u64	count;		/* of 4 KiB pages */
			__aligned_u64	pad[3];
		} import;

		/* flags: NONBLOCK, PAGE_2M, PAGE_1G; id: a space */
		struct {
			__u32		new_id;		/* out */
			__u32		pad0;
			__aligned_u64	start;
			__aligned_u64	end;
			__aligned_u64	pad[3];
		} open;

		/* QUERY, id: a cursor; TRANSLATE, id: a space */
		struct {
			__aligned_u64	va;		/* QUERY out, TRANSLATE in */
			__aligned_u64	start;		/* out: the mapping or hole */
			__aligned_u64	end;		/* out */
			__aligned_u64	pfn;		/* out: needs CAP_SYS_ADMIN */
			__u32		present;	/* out: 1 mapping, 0 hole */
			__u32		prop;		/* out: VMSPACE_PROP_* */
			__u32		cache;		/* out */
			__u32		pad;
		} query;

		/* FIND_NEXT, id: a cursor */
		struct {
			__aligned_u64	va;		/* out */
			__aligned_u64	start;		/* out */
			__aligned_u64	end;		/* out */
			__aligned_u64	len;		/* how far to look */
			__u32		present;	/* out: 1 if one was found */
			__u32		pad[3];
		} find;

		/* JUMP, VIRT_ADDR, id: a cursor */
		struct {
			__aligned_u64	va;		/* JUMP in, both out */
			__aligned_u64	pad[5];
		} pos;

		/* flags: REPLACE, DEFER, FLUSH_*, PAGE_*; id: a cursor */
		struct {
			__aligned_u64	va;		/* out */
			__aligned_u64	start;		/* out */
			__aligned_u64	end;		/* out */
			__aligned_u64	index;		/* into the memory, in 4 KiB pages */
			__u32		memory;		/* id */
			__u32		prop;		/* VMSPACE_PROP_* */
			__u32		cache;		/* VMSPACE_CACHE_* */
			__u32		count;		/* of 4 KiB pages */
		} map;

		/* flags: DEFER, FLUSH_*; id: a cursor */
		struct {
			__aligned_u64	va;		/* out */
			__aligned_u64	start;		/* out */
			__aligned_u64	end;		/* out */
			__aligned_u64	len;
			__aligned_u64	bytes;		/* out: unmapped */
			__aligned_u64	pages;		/* out: the same in 4 KiB pages */
		} unmap;

		/* flags: DEFER, FLUSH_*; id: a cursor */
		struct {
			__aligned_u64	va;		/* out */
			__aligned_u64	start;		/* out */
			__aligned_u64	end;		/* out */
			__aligned_u64	len;
			__u32		clear;		/* property bits to clear */
			__u32		set;		/* property bits to set */
			__u32		present;	/* out: 1 if one was found */
			__u32		prop;		/* out: the new property */
		} protect;

		/* PROTECT, flags: DEFER, FLUSH_*; id: a cursor */
		struct {
			__aligned_u64	va;		/* out */
			__aligned_u64	start;		/* out */
			__aligned_u64	end;		/* out */
			__aligned_u64	len;
			__u32		clear;		/* property bits to clear */
			__u32		set;		/* property bits to set */
			__aligned_u64	pages;		/* out: mapped, in 4 KiB pages */
		} protect_range;

		/* flags: DEFER, FLUSH_*; id: a cursor */
		struct {
			__aligned_u64	va;		/* out */
			__aligned_u64	addr;		/* of struct vmspace_mapping */
			__aligned_u64	count;		/* room there; at least 1 */
			__aligned_u64	found;		/* out: how many it got */
			__u32		clear;		/* ACCESSED, DIRTY: as read */
			__u32		pad0;
			__aligned_u64	pad;
		} enumerate;

		/* NEW_READER, NEW_WRITER, id: a space */
		struct {
			__u32		new_id;		/* out */
			__u32		cpu;		/* whose MMU it uses */
			__aligned_u64	va;
			__aligned_u64	len;
			__aligned_u64	pad[3];
		} new_io;

		/* READ, WRITE, id: a reader, a writer */
		struct {
			__aligned_u64	va;		/* out */
			__aligned_u64	addr;		/* of the caller's buffer */
			__aligned_u64	len;
			__aligned_u64	bytes;		/* out: copied */
			__u32		outcome;	/* out: VMSPACE_OUTCOME_* */
			__u32		pad[3];
		} io;

		/* flags: RESIDENT (ACTIVATE); id: a space */
		struct {
			__u32		cpu;
			__u32		pad0;
			__aligned_u64	pad[5];
		} activate;

		/* flags: STORE; id: a space */
		struct {
			__aligned_u64	va;
			__aligned_u64	value;		/* store in, load out */
			__u32		cpu;
			__u32		width;		/* bytes: 1, 2, 4, 8 */
			__u32		outcome;	/* out: VMSPACE_OUTCOME_* */
			__u32		pad0;
			__aligned_u64	pad[2];
		} access;

		/* id: a cursor */
		struct {
			__aligned_u64	va;		/* out */
			__aligned_u64	pages;		/* out: 4 KiB pages released */
			__aligned_u64	tables;		/* out: table pages released */
			__aligned_u64	cpus;		/* out: CPUs interrupted */
			__aligned_u64	pad[2];
		} flush;

		/* id: a space */
		struct {
			__aligned_u64	tables;		/* out: table pages, root too */
			__aligned_u64	pages;		/* out: mapped, in 4 KiB pages */
			__aligned_u64	deferred;	/* out: pages held back */
			__aligned_u64	shootdowns;	/* out: flushes with a target */
			__u32		active;		/* out: CPUs it is active on */
			__u32		inside;		/* out: CPUs inside now */
			__u32		users;		/* out: cursors, readers, writers */
			__u32		number;		/* out: its name in debugfs */
		} space_stat;

		/* id: a space */
		struct {
			__u32		cpu;
			__u32		state;		/* out: VMSPACE_CPU_* */
			__aligned_u64	sent;		/* out: flush interrupts sent */
			__aligned_u64	flushed;	/* out: flushes carried out */
			__aligned_u64	acked;		/* out: acknowledged */
			__aligned_u64	entered;	/* out: times it went inside */
			__aligned_u64	accesses;	/* out: accesses and copies */
		} cpu_stat;

		/* id: a space */
		struct {
			__aligned_u64	addr;		/* of struct vmspace_program */
			__u32		count;		/* of programs, each on its own CPU */
			__u32		timeout_us;	/* 1 to vmspace_info.max_run_us */
			__u32		done;		/* out: programs with PROGRAM_DONE */
			__u32		pad0;
			__aligned_u64	pad[3];
		} run;

		/* id: a mutable cursor */
		struct {
			__aligned_u64	addr;		/* of a mask, as sched_setaffinity(2) */
			__aligned_u64	len;		/* of it, in bytes */
			__aligned_u64	pad[4];
		} targets;

		/* id: a space */
		struct {
			__u32		cpu;
			__u32		pad0;
			__aligned_u64	initiated;	/* out: shootdowns that it sent */
			__aligned_u64	sent;		/* out: interrupts sent to it */
			__aligned_u64	received;	/* out: of these, handlers that ran */
			__aligned_u64	pages;		/* out: pages that it flushed */
			__aligned_u64	full;		/* out: times it flushed everything */
		} shootdown_stat;

		/* id: a space */
		struct {
			__u32		cpu;
			__u32		time;		/* VMSPACE_TIME_* */
			__aligned_u64	addr;		/* of __u64 buckets */
			__aligned_u64	count;		/* room there; VMSPACE_BUCKETS is enough */
			__aligned_u64	total;		/* out: times counted */
			__aligned_u64	max;		/* out: the longest, in ns */
			__aligned_u64	sum;		/* out: of them all, in ns */
		} histogram;

		__aligned_u64	words[6];
	};
};

#endif /* _UAPI_LINUX_VMSPACE_H */
