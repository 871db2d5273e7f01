// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a page table means: a sorted array of runs.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "model.h"

void model_free(struct model *m)
{
	free(m->runs);
	*m = (struct model) { 0 };
}

static void make_room(struct model *m, size_t nr)
{
	if (nr <= m->room)
		return;
	m->room = 2 * nr;
	m->runs = realloc(m->runs, m->room * sizeof(*m->runs));
	assert(m->runs);
}

void model_copy(struct model *to, const struct model *from)
{
	make_room(to, from->nr + 1);
	if (from->nr)
		memcpy(to->runs, from->runs, from->nr * sizeof(*from->runs));
	to->nr = from->nr;
}

/* Whether @b goes on where @a ends. */
static bool continues(const struct run *a, const struct run *b)
{
	return a->end == b->start && a->pa + (a->end - a->start) == b->pa &&
	       a->size == b->size && a->prop == b->prop && a->cache == b->cache;
}

static bool run_equal(const struct run *a, const struct run *b)
{
	return a->start == b->start && a->end == b->end && a->pa == b->pa &&
	       a->size == b->size && a->prop == b->prop && a->cache == b->cache;
}

bool model_equal(const struct model *a, const struct model *b)
{
	size_t i;

	if (a->nr != b->nr)
		return false;
	for (i = 0; i < a->nr; i++)
		if (!run_equal(&a->runs[i], &b->runs[i]))
			return false;
	return true;
}

/* Put a run after all others. */
void model_append(struct model *m, const struct run *run)
{
	if (m->nr && continues(&m->runs[m->nr - 1], run)) {
		m->runs[m->nr - 1].end = run->end;
		return;
	}
	make_room(m, m->nr + 1);
	m->runs[m->nr++] = *run;
}

/* The first run that ends after @va. */
size_t model_at(const struct model *m, uint64_t va)
{
	size_t low = 0, high = m->nr;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (m->runs[mid].end > va)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

/* The run that covers @va, if there is one. */
const struct run *model_find(const struct model *m, uint64_t va)
{
	const struct run *run = model_next(m, va);

	return run && run->start <= va ? run : NULL;
}

/* The first run that covers @va or comes after it. */
const struct run *model_next(const struct model *m, uint64_t va)
{
	size_t i = model_at(m, va);

	return i < m->nr ? &m->runs[i] : NULL;
}

/* The one leaf of a run that covers @va. */
void model_leaf(const struct run *run, uint64_t va, struct run *leaf)
{
	*leaf = *run;
	leaf->start = va & ~(run->size - 1);
	leaf->end = leaf->start + run->size;
	leaf->pa += leaf->start - run->start;
}

/* Bytes mapped in a range. */
uint64_t model_mapped(const struct model *m, uint64_t start, uint64_t end)
{
	uint64_t bytes = 0;
	size_t i;

	for (i = model_at(m, start); i < m->nr && m->runs[i].start < end; i++) {
		const struct run *r = &m->runs[i];

		bytes += (r->end < end ? r->end : end) - (r->start > start ? r->start : start);
	}
	return bytes;
}

/* Replace run @i by up to three; those without a length are left out. */
static void replace(struct model *m, size_t i, const struct run *with)
{
	struct run keep[3];
	size_t n = 0, k;

	for (k = 0; k < 3; k++)
		if (with[k].start < with[k].end)
			keep[n++] = with[k];
	make_room(m, m->nr + 3);
	memmove(m->runs + i + n, m->runs + i + 1, (m->nr - i - 1) * sizeof(*m->runs));
	memcpy(m->runs + i, keep, n * sizeof(*keep));
	m->nr = m->nr - 1 + n;
}

/* Cut a run in two at the boundary between two of its leaves. */
static void cut(struct model *m, uint64_t va)
{
	size_t i = model_at(m, va);
	struct run with[3];

	if (i == m->nr || m->runs[i].start >= va)
		return;
	assert(!(va & (m->runs[i].size - 1)));
	memset(with, 0, sizeof(with));
	with[0] = m->runs[i];
	with[1] = m->runs[i];
	with[0].end = va;
	with[1].start = va;
	with[1].pa += va - m->runs[i].start;
	replace(m, i, with);
}

/* Join what continues each other. */
static void join(struct model *m)
{
	size_t i, nr = m->nr;

	m->nr = 0;
	for (i = 0; i < nr; i++) {
		struct run run = m->runs[i];

		model_append(m, &run);
	}
}

static void split(struct model *m, uint64_t va)
{
	for (;;) {
		size_t i = model_at(m, va);
		struct run leaf;

		if (i == m->nr || m->runs[i].start >= va || !(va & (m->runs[i].size - 1)))
			return;
		model_leaf(&m->runs[i], va, &leaf);
		cut(m, leaf.start);
		cut(m, leaf.end);
		m->runs[model_at(m, va)].size /= 512;
	}
}

/* See to it that no leaf straddles @va. */
void model_split(struct model *m, uint64_t va)
{
	split(m, va);
	join(m);
}

void model_remove(struct model *m, uint64_t start, uint64_t end)
{
	size_t i, k;

	if (start >= end)
		return;
	split(m, start);
	split(m, end);
	cut(m, start);
	cut(m, end);
	i = model_at(m, start);
	for (k = i; k < m->nr && m->runs[k].start < end; k++)
		;
	if (k > i)
		memmove(m->runs + i, m->runs + k, (m->nr - k) * sizeof(*m->runs));
	m->nr -= k - i;
	join(m);
}

/* Into a hole. */
void model_insert(struct model *m, const struct run *run)
{
	size_t i = model_at(m, run->start);

	assert(i == m->nr || m->runs[i].start >= run->end);
	make_room(m, m->nr + 1);
	memmove(m->runs + i + 1, m->runs + i, (m->nr - i) * sizeof(*m->runs));
	m->runs[i] = *run;
	m->nr++;
	join(m);
}

/* Change the property of all that is mapped in a range, split where needed. */
void model_change(struct model *m, uint64_t start, uint64_t end, uint32_t clear, uint32_t set)
{
	size_t i;

	if (start >= end)
		return;
	split(m, start);
	split(m, end);
	cut(m, start);
	cut(m, end);
	for (i = model_at(m, start); i < m->nr && m->runs[i].start < end; i++)
		m->runs[i].prop = (m->runs[i].prop & ~clear) | set;
	join(m);
}
