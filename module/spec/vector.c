// SPDX-License-Identifier: GPL-2.0-only
#include "vector.h"

/**
 * spec_vector_init - an empty vector
 * @v:		the vector
 * @alloc:	where its memory will come from; stays in use
 * @size:	of an item, at least 8
 */
void spec_vector_init(struct spec_vector *v, const struct spec_alloc *alloc, size_t size)
{
	*v = (struct spec_vector) { .alloc = alloc, .size = size };
}

/**
 * spec_vector_clear - remove all items and give all memory back
 * @v:	the vector; it is empty and fit for use afterwards
 */
void spec_vector_clear(struct spec_vector *v)
{
	v->alloc->free(v->items);
	spec_vector_init(v, v->alloc, v->size);
}

/**
 * spec_vector_reserve - make sure that there is room
 * @v:		the vector
 * @room:	for how many items in all
 *
 * Return: 0, or -ENOMEM, and then nothing has changed.
 */
int spec_vector_reserve(struct spec_vector *v, size_t room)
{
	void *items;

	if (room <= v->room)
		return 0;
	if (room < 2 * v->room)
		room = 2 * v->room;
	items = v->alloc->alloc(room * v->size);
	if (!items)
		return -ENOMEM;
	if (v->nr)
		memcpy(items, v->items, v->nr * v->size);
	v->alloc->free(v->items);
	v->items = items;
	v->room = room;
	return 0;
}

/**
 * spec_vector_find - where a key is, or would be
 * @v:		the vector
 * @key:	the key
 *
 * Return: the place of the first item whose key is not less; @v->nr if there is none.
 */
size_t spec_vector_find(const struct spec_vector *v, u64 key)
{
	size_t low = 0, high = v->nr;

	if (v->recent < v->nr && spec_vector_key(v, v->recent) == key)
		return v->recent;
	while (low < high) {
		size_t mid = (low + high) / 2;

		if (spec_vector_key(v, mid) < key)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/**
 * spec_vector_seek - the item with a key, which will be asked for again
 * @v:		the vector
 * @key:	the key
 *
 * Return: the item or NULL.
 */
void *spec_vector_seek(struct spec_vector *v, u64 key)
{
	v->recent = spec_vector_find(v, key);
	return spec_vector_get(v, key);
}

/**
 * spec_vector_insert - add an item
 * @v:		the vector
 * @key:	a key that no item has
 *
 * Return: the item, zero but for its key; NULL if there is no memory, which
 * cannot be if there was room.
 */
void *spec_vector_insert(struct spec_vector *v, u64 key)
{
	size_t i = spec_vector_find(v, key);
	void *item;

	if (spec_vector_reserve(v, v->nr + 1))
		return NULL;
	item = spec_vector_item(v, i);
	memmove((char *)item + v->size, item, (v->nr - i) * v->size);
	memset(item, 0, v->size);
	*(u64 *)item = key;
	v->nr++;
	v->recent = i;
	return item;
}

/**
 * spec_vector_remove - remove an item
 * @v:		the vector
 * @item:	one of its items
 */
void spec_vector_remove(struct spec_vector *v, void *item)
{
	char *end = spec_vector_item(v, v->nr);

	memmove(item, (char *)item + v->size, end - (char *)item - v->size);
	v->nr--;
}
