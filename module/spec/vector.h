/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sorted vectors: items of one size, in ascending order of the key that each
 * starts with, a u64; no key twice.
 *
 * An item stays where it is until the next insertion or removal.  Searches take
 * logarithmic time, but for the item that spec_vector_seek() found last.
 */
#ifndef SPEC_VECTOR_H
#define SPEC_VECTOR_H

#include "types.h"

/**
 * struct spec_vector - a sorted vector
 * @alloc:	where its memory comes from
 * @items:	the items
 * @size:	of an item, in bytes
 * @nr:		how many items there are
 * @room:	for how many there is memory
 * @recent:	place of the item that was found last
 */
struct spec_vector {
	const struct spec_alloc *alloc;
	void *items;
	size_t size;
	size_t nr;
	size_t room;
	size_t recent;
};

void spec_vector_init(struct spec_vector *v, const struct spec_alloc *alloc, size_t size);
void spec_vector_clear(struct spec_vector *v);
int spec_vector_reserve(struct spec_vector *v, size_t room);
size_t spec_vector_find(const struct spec_vector *v, u64 key);
void *spec_vector_seek(struct spec_vector *v, u64 key);
void *spec_vector_insert(struct spec_vector *v, u64 key);
void spec_vector_remove(struct spec_vector *v, void *item);

/**
 * spec_vector_item - an item by its place
 * @v:	the vector
 * @i:	less than @v->nr
 */
static inline void *spec_vector_item(const struct spec_vector *v, size_t i)
{
	return (char *)v->items + i * v->size;
}

/**
 * spec_vector_key - the key of an item
 * @v:	the vector
 * @i:	less than @v->nr
 */
static inline u64 spec_vector_key(const struct spec_vector *v, size_t i)
{
	return *(const u64 *)spec_vector_item(v, i);
}

/**
 * spec_vector_get - the item with a key
 * @v:		the vector
 * @key:	the key
 *
 * Return: the item or NULL.
 */
static inline void *spec_vector_get(const struct spec_vector *v, u64 key)
{
	size_t i = v->recent;

	if (i < v->nr && spec_vector_key(v, i) == key)
		return spec_vector_item(v, i);
	i = spec_vector_find(v, key);
	return i < v->nr && spec_vector_key(v, i) == key ? spec_vector_item(v, i) : NULL;
}

/**
 * spec_vector_for_each - all items, in order
 * @v:		the vector; not changed meanwhile
 * @item:	a pointer to an item
 */
#define spec_vector_for_each(v, item)					\
	for ((item) = (v)->items;					\
	     (v)->nr && (void *)(item) != spec_vector_item(v, (v)->nr);	\
	     (item)++)

#endif /* SPEC_VECTOR_H */
