/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The postconditions of the interface, each a predicate, each named after what
 * it says.
 */
#ifndef CHECK_H
#define CHECK_H

#include "machine.h"
#include "model.h"
#include "world.h"

/* Says what is wrong and ends the program. */
__attribute__((__noreturn__, __format__(printf, 2, 3)))
void check_failed(const char *predicate, const char *format, ...);

/* What was going on, for the message. */
extern char check_context[256];

#define CHECK(predicate, condition, args...)				\
	do {								\
		if (!(condition))					\
			check_failed(predicate, args);			\
	} while (0)

void view_of(const struct vms_space *space, struct model *view);
u64 *live_entry(const struct vms_space *space, u64 va);

void check_mapping(const struct world *w, const struct model *view);
void check_view(const struct world *w, const struct model *view);
void check_node(const struct world *w);
void check_frame_references(const struct world *w);
void check_tlb(const struct world *w);
void check_world(const struct world *w);

bool cursor_owns(const struct vms_cursor *c, const struct vms_node *node, u64 base);
bool open_meets_owner(const struct world *w, u64 start, u64 end, unsigned int level);

/**
 * struct image - all that an operation which fails must leave alone
 * @bytes:	of every table, in the order of a walk, with its node's count
 * @len:	how many
 * @tables:	that the page table counts
 * @refs:	of every frame
 */
struct image {
	unsigned char *bytes;
	size_t len;
	long tables;
	int *refs;
};

void image_take(const struct world *w, struct image *image);
void image_free(struct image *image);
void check_unchanged(const struct world *w, const struct image *image);

#endif /* CHECK_H */
