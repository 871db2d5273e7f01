/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A space, cursors on it, objects to map and CPUs inside, together with the
 * model of all that; and random operations on it.
 */
#ifndef WORLD_H
#define WORLD_H

#include "machine.h"
#include "model.h"

#define WORLD_CURSORS	3
#define WORLD_OBJECTS	6
#define WORLD_CPUS	3

/**
 * struct held - leaves that were removed and whose flush was deferred
 * @pa:		of each
 * @nr:		how many
 * @room:	allocated
 * @pages:	4 KiB pages in them
 * @exact:	none but these are held back, and all of these are
 */
struct held {
	u64 *pa;
	size_t nr;
	size_t room;
	u64 pages;
	bool exact;
};

/**
 * struct world - a space and all that goes with it
 * @space:	the space
 * @model:	what is mapped in it
 * @cursors:	open cursors, or NULL
 * @va:		where the model says that each stands
 * @held:	what the model says that each holds back
 * @objects:	memory objects, or NULL
 */
struct world {
	struct vms_space *space;
	struct model model;
	struct vms_cursor *cursors[WORLD_CURSORS];
	u64 va[WORLD_CURSORS];
	struct held held[WORLD_CURSORS];
	struct object *objects[WORLD_OBJECTS];
};

/**
 * struct choice - where choices come from
 * @pick:	a number below @n
 * @done:	there are no more
 */
struct choice {
	u64 (*pick)(struct choice *ch, u64 n);
	bool done;
};

void world_create(struct world *w, unsigned int levels, unsigned int leaf_level);
void world_destroy(struct world *w);
void world_step(struct world *w, struct choice *ch);
unsigned int world_object(struct world *w, struct choice *ch);

#endif /* WORLD_H */
