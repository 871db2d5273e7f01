/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The words of the specification, and all that it needs from outside.
 *
 * The files of this folder are the executable specification: they are compiled
 * into the module, the tests and the trace checker alike, and know nothing of
 * any of them.  What allocates is given an allocator, what reads memory a
 * function that reads it.
 *
 * A check returns NULL if what it checks holds, and else the name of the rule
 * that is violated: a string with static storage, fit for a message.
 *
 * S1 to S112 number the statements of the specification; see
 * Documentation/specification.rst.  Levels count up from 1, the tables of 4 KiB
 * leaves, to the root at 4 or 5; the specification's layer L is level 4 - L.
 */
#ifndef SPEC_TYPES_H
#define SPEC_TYPES_H

#ifdef __KERNEL__
#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/string.h>
#include <linux/types.h>
#else
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long s64;

#ifndef BIT
#define BIT(n)			(1UL << (n))
#endif
#ifndef BIT_ULL
#define BIT_ULL(n)		(1ULL << (n))
#endif
#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))
#endif
#ifndef READ_ONCE
#define READ_ONCE(x)		__atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, value)	__atomic_store_n(&(x), value, __ATOMIC_RELAXED)
#endif
#endif

/**
 * struct spec_region - a piece of virtual or physical memory (MemRegion)
 * @base:	first address
 * @size:	bytes; may be 0, see spec_overlap(); @base + @size does not wrap
 */
struct spec_region {
	u64 base;
	u64 size;
};

/* All addresses, of a page table of any depth, and of the memory behind it. */
#define SPEC_ALL	((struct spec_region) { 0, 1ULL << 57 })

/**
 * struct spec_flags - rights of a mapping, combined over the whole path (Flags, S27)
 * @is_writable:	stores are allowed
 * @is_supervisor:	user mode has no access
 * @disable_execute:	instructions cannot be fetched
 */
struct spec_flags {
	bool is_writable;
	bool is_supervisor;
	bool disable_execute;
};

/*
 * What else a mapping has, beyond the specification of page tables: a sum in
 * spec_pte.attrs.  A mapping of that specification has none but ACCESSED and
 * DIRTY, which the hardware may set at any time (S21).  All but NOREAD stand in a
 * leaf of 4 KiB as they do here, SPEC_ATTRS_SHIFT bits higher (entry.h).
 */
enum spec_attrs {
	SPEC_PWT	= BIT(0),	/* this, PCD and PAT select the memory type */
	SPEC_PCD	= BIT(1),
	SPEC_ACCESSED	= BIT(2),
	SPEC_DIRTY	= BIT(3),
	SPEC_PAT	= BIT(4),
	SPEC_GLOBAL	= BIT(5),
	SPEC_SOFT	= BIT(6),	/* a bit without meaning here */
	SPEC_NOREAD	= BIT(7),	/* not present: every access faults */
};

#define SPEC_ATTRS_SHIFT	3
#define SPEC_ALL_ATTRS		0xffU
#define SPEC_HARDWARE_ATTRS	(SPEC_ACCESSED | SPEC_DIRTY)

/**
 * struct spec_pte - where an address leads, and with which rights (PageTableEntry)
 * @frame:	physical memory; its size is the size of the mapping, too
 * @flags:	see there
 * @attrs:	SPEC_NOREAD and so on
 */
struct spec_pte {
	struct spec_region frame;
	struct spec_flags flags;
	u32 attrs;
};

/**
 * struct spec_alloc - where memory comes from
 * @alloc:	@size bytes, aligned for any type, contents undefined; NULL if
 *		there are none.  May sleep if the caller of the specification may
 * @free:	what @alloc gave, or NULL
 * @pause:	now and then in what can take long, if there is one; may sleep as @alloc
 */
struct spec_alloc {
	void *(*alloc)(size_t size);
	void (*free)(void *p);
	void (*pause)(void);
};

#endif /* SPEC_TYPES_H */
