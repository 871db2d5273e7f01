// SPDX-License-Identifier: GPL-2.0-only
#include "entry.h"
#include "view.h"

/**
 * spec_prop - the property of a mapping
 * @pte:	the mapping
 *
 * Return: SPEC_PROP_*
 */
u32 spec_prop(const struct spec_pte *pte)
{
	return (pte->attrs & SPEC_NOREAD ? 0 : SPEC_PROP_READ) |
	       (pte->flags.is_writable ? SPEC_PROP_WRITE : 0) |
	       (pte->flags.disable_execute ? 0 : SPEC_PROP_EXEC) |
	       (pte->flags.is_supervisor ? 0 : SPEC_PROP_USER) |
	       (pte->attrs & SPEC_ACCESSED ? SPEC_PROP_ACCESSED : 0) |
	       (pte->attrs & SPEC_DIRTY ? SPEC_PROP_DIRTY : 0) |
	       (pte->attrs & SPEC_SOFT ? SPEC_PROP_SOFT : 0);
}

/**
 * spec_set_prop - give a mapping a property
 * @pte:	the mapping; the memory type stays
 * @prop:	SPEC_PROP_*
 */
void spec_set_prop(struct spec_pte *pte, u32 prop)
{
	pte->flags.is_writable = prop & SPEC_PROP_WRITE;
	pte->flags.disable_execute = !(prop & SPEC_PROP_EXEC);
	pte->flags.is_supervisor = !(prop & SPEC_PROP_USER);
	pte->attrs &= ~(SPEC_NOREAD | SPEC_HARDWARE_ATTRS | SPEC_SOFT);
	pte->attrs |= (prop & SPEC_PROP_READ ? 0 : SPEC_NOREAD) |
		      (prop & SPEC_PROP_ACCESSED ? SPEC_ACCESSED : 0) |
		      (prop & SPEC_PROP_DIRTY ? SPEC_DIRTY : 0) |
		      (prop & SPEC_PROP_SOFT ? SPEC_SOFT : 0);
}

static u64 leaf_with(u32 prop)
{
	struct spec_pte pte = { };

	spec_set_prop(&pte, prop);
	return spec_page_entry(&pte, 1);
}

/**
 * spec_change_bits - what a change of the property is in leaves (S23)
 * @change:	the change; nothing is both cleared and set
 */
struct spec_bits spec_change_bits(struct spec_change change)
{
	/* These say that a mapping may not do something. */
	const u64 negative = SPEC_FLAG_XD | SPEC_FLAG_HELD;
	u64 set = leaf_with(change.set) ^ negative, clear = leaf_with(change.clear) ^ negative;

	return (struct spec_bits) {
		.keep = ~(set | clear),
		.add = (set & ~negative) | (clear & negative),
	};
}

/**
 * spec_check_mapping - size, alignment and place of a mapping (S98)
 * @base:	its first address
 * @pte:	the mapping
 * @width:	of a physical address
 *
 * Return: NULL or the rule.
 */
const char *spec_check_mapping(u64 base, const struct spec_pte *pte, unsigned int width)
{
	if (!spec_page_level(pte->frame.size))
		return "mapping_size";
	if (!spec_aligned(base, pte->frame.size))
		return "mapping_va_aligned";
	if (!spec_aligned(pte->frame.base, pte->frame.size))
		return "mapping_pa_aligned";
	if (pte->frame.base > spec_max_phyaddr(width) - (pte->frame.size - 1))
		return "mapping_pa_in_bounds";
	return NULL;
}

/**
 * spec_check_view - mappings are valid, in the user's range, and disjoint
 * @view:	the view; all of its map is looked at
 * @va_end:	end of the addresses that can be mapped
 * @width:	of a physical address
 *
 * Return: NULL or the rule.
 */
const char *spec_check_view(const struct spec_view *view, u64 va_end, unsigned int width)
{
	struct spec_pte pte;
	u64 base, end = 0;
	const char *rule;

	if (view->va < view->start || view->va > view->end ||
	    !spec_aligned(view->va, SPEC_PAGE_SIZE))
		return "view_position";
	spec_map_for_each(view->map, base, pte) {
		rule = spec_check_mapping(base, &pte, width);
		if (rule)
			return rule;
		if (base < end)
			return "view_disjoint";
		end = base + pte.frame.size;
		if (end > va_end)
			return "view_in_user_range";
	}
	return NULL;
}

/**
 * struct delta - how a view may differ from what it was
 * @old:	as it was
 * @new:	as it is
 * @range:	where it may differ; may be empty
 * @inside:	what becomes of mappings there
 * @change:	what becomes of their property, for CHANGED
 */
struct delta {
	const struct spec_view *old;
	const struct spec_view *new;
	struct spec_region range;
	enum {
		REMOVED,
		CHANGED,
		ANYTHING,
	} inside;
	struct spec_change change;
};

static bool meets(u64 base, u64 size, struct spec_region range)
{
	return range.size && base < range.base + range.size && range.base < base + size;
}

static bool within(u64 base, u64 size, struct spec_region range)
{
	return base >= range.base && base + size <= range.base + range.size;
}

/* A part of a mapping is a mapping of the same property, and of the memory there. */
static void take_piece(struct spec_pte *pte, u64 offset, u64 size)
{
	pte->frame.base += offset;
	pte->frame.size = size;
}

static const char *check_same(const struct spec_pte *wanted, const struct spec_pte *pte)
{
	if (wanted->frame.base != pte->frame.base)
		return "same_translation";
	if (wanted->attrs & SPEC_HARDWARE_ATTRS & ~pte->attrs)
		return "accessed_dirty_kept";
	return spec_pte_equal(wanted, pte, SPEC_HARDWARE_ATTRS) ? NULL : "same_property";
}

/* What mapping @wanted has become, @base of the size that @pte has. */
static const char *check_piece(const struct delta *d, u64 wanted_base, struct spec_pte wanted,
			       u64 base, const struct spec_pte *pte)
{
	u64 size = pte->frame.size, offset = base - wanted_base;
	bool inside = d->range.size && within(base, size, d->range);
	bool straddles = meets(wanted_base, wanted.frame.size, d->range) &&
			 !within(wanted_base, wanted.frame.size, d->range);

	if (size > wanted.frame.size - offset)
		return "nothing_new";
	if (!inside && meets(base, size, d->range))
		return "split_at_boundary";
	if (!straddles && size != wanted.frame.size)
		return "split_only_at_boundary";
	if (inside && d->inside == REMOVED)
		return "all_removed";
	take_piece(&wanted, offset, size);
	if (inside)
		spec_set_prop(&wanted, (spec_prop(&wanted) & ~d->change.clear) | d->change.set);
	return check_same(&wanted, pte);
}

static u64 max_u64(u64 a, u64 b)
{
	return a > b ? a : b;
}

static u64 min_u64(u64 a, u64 b)
{
	return a < b ? a : b;
}

/* Bytes that are mapped in a range. */
static u64 mapped_bytes(const struct spec_map *map, u64 start, u64 end)
{
	struct spec_pte pte;
	u64 base, bytes = 0;
	bool more;

	for (more = spec_map_first(map, start, &base, &pte); more && base < end;
	     more = spec_map_next(map, base + 1, &base, &pte))
		bytes += min_u64(base + pte.frame.size, end) - max_u64(base, start);
	return bytes;
}

/* The same, without those of the delta's range unless they are only changed. */
static u64 kept_bytes(const struct delta *d, const struct spec_map *map)
{
	u64 bytes = mapped_bytes(map, d->old->start, d->old->end);

	if (d->inside != CHANGED)
		bytes -= mapped_bytes(map, d->range.base, d->range.base + d->range.size);
	return bytes;
}

static const char *check_delta(const struct delta *d)
{
	const struct spec_view *new = d->new;
	struct spec_pte pte, wanted;
	u64 base, wanted_base;
	const char *rule;
	bool more;

	for (more = spec_map_first(new->map, new->start, &base, &pte); more && base < new->end;
	     more = spec_map_next(new->map, base + 1, &base, &pte)) {
		if (d->inside == ANYTHING && within(base, pte.frame.size, d->range))
			continue;
		if (!spec_map_covering(d->old->map, base, &wanted_base, &wanted))
			return "nothing_new";
		rule = check_piece(d, wanted_base, wanted, base, &pte);
		if (rule)
			return rule;
	}
	return kept_bytes(d, d->old->map) == kept_bytes(d, new->map) ? NULL : "nothing_lost";
}

/* Nothing but the position has changed. */
static const char *check_mappings(const struct spec_view *old, const struct spec_view *new)
{
	const struct delta d = { .old = old, .new = new, .inside = CHANGED };

	return check_delta(&d);
}

/**
 * spec_check_unchanged - neither a mapping nor the position has changed
 * @old:	the view before
 * @new:	the view after
 *
 * So it is after every error, and after QUERY.
 *
 * Return: NULL or the rule.
 */
const char *spec_check_unchanged(const struct spec_view *old, const struct spec_view *new)
{
	return old->va == new->va ? check_mappings(old, new) : "position_unchanged";
}

/* Whether an error says what is so, and success what can be, of a length. */
static const char *check_len(const struct spec_view *old, u64 len, int error)
{
	bool aligned = spec_aligned(len, SPEC_PAGE_SIZE);
	bool fits = len <= old->end - old->va;

	switch (error) {
	case 0:
		return aligned && fits ? NULL : "len_refused";
	case -EINVAL:
		return aligned ? "len_accepted" : NULL;
	case -ERANGE:
		return fits ? "len_accepted" : NULL;
	default:
		return NULL;
	}
}

static const char *check_hole(const struct spec_view *view, const struct spec_found *found)
{
	const struct spec_region hole = { found->start, found->end - found->start };

	if (found->start > view->va || found->end <= view->va ||
	    found->start < view->start || found->end > view->end)
		return "query_around_position";
	return spec_map_overlaps(view->map, hole) ? "query_true_hole" : NULL;
}

static const char *check_whole(u64 base, const struct spec_pte *pte,
			       const struct spec_found *found)
{
	return found->start == base && found->end == base + pte->frame.size ?
	       NULL : "found_whole_mapping";
}

/**
 * spec_check_query - QUERY tells the mapping at the position, or a true hole around it
 * @old:	the view before
 * @new:	the view after
 * @found:	what it said
 *
 * Return: NULL or the rule.
 */
const char *spec_check_query(const struct spec_view *old, const struct spec_view *new,
			     const struct spec_found *found)
{
	const char *rule = spec_check_unchanged(old, new);
	struct spec_pte pte;
	u64 base;

	if (rule)
		return rule;
	if (found->error)
		return found->error == -ERANGE && old->va < old->end ? "query_in_range" : NULL;
	if (old->va == old->end)
		return "query_at_end";
	if (found->present != spec_map_covering(old->map, old->va, &base, &pte))
		return "query_present";
	if (!found->present)
		return check_hole(old, found);
	rule = check_whole(base, &pte, found);
	return rule ? rule : check_same(&pte, &found->pte);
}

/* The first mapping within @len from the position. */
static bool first_within(const struct spec_view *view, u64 len, u64 *base, struct spec_pte *pte)
{
	return len && spec_map_first(view->map, view->va, base, pte) && *base < view->va + len;
}

/**
 * spec_check_find_next - FIND_NEXT finds the first mapping within a length
 * @old:	the view before
 * @new:	the view after
 * @len:	how far to look, in bytes
 * @found:	what it said
 *
 * The position is in the mapping then: where it was, if that was inside, else at
 * its start.  If there is none it has moved by exactly @len.
 *
 * Return: NULL or the rule.
 */
const char *spec_check_find_next(const struct spec_view *old, const struct spec_view *new,
				 u64 len, const struct spec_found *found)
{
	const char *rule = check_len(old, len, found->error);
	struct spec_pte pte;
	u64 base;

	if (!rule)
		rule = found->error ? spec_check_unchanged(old, new) : check_mappings(old, new);
	if (rule || found->error)
		return rule;
	if (found->present != first_within(old, len, &base, &pte))
		return "find_next_first";
	if (!found->present)
		return new->va == old->va + len ? NULL : "find_next_moves_by_len";
	if (new->va != max_u64(base, old->va))
		return "find_next_moves_to_mapping";
	return check_whole(base, &pte, found);
}

/**
 * spec_check_jump - JUMP sets the position, if it is in the range
 * @old:	the view before
 * @new:	the view after
 * @va:		where to
 * @error:	what it said
 *
 * Return: NULL or the rule.
 */
const char *spec_check_jump(const struct spec_view *old, const struct spec_view *new, u64 va,
			    int error)
{
	bool aligned = spec_aligned(va, SPEC_PAGE_SIZE);
	bool inside = spec_between(va, old->start, old->end);

	if ((error == -EINVAL && aligned) || (error == -ERANGE && inside))
		return "jump_accepted";
	if (error)
		return spec_check_unchanged(old, new);
	if (!aligned || !inside)
		return "jump_refused";
	return new->va == va ? check_mappings(old, new) : "jump_sets_position";
}

/**
 * spec_check_virt_addr - VIRT_ADDR tells the position
 * @old:	the view before
 * @new:	the view after
 * @va:		what it said
 *
 * Return: NULL or the rule.
 */
const char *spec_check_virt_addr(const struct spec_view *old, const struct spec_view *new, u64 va)
{
	return va == old->va ? spec_check_unchanged(old, new) : "virt_addr_is_position";
}

static const char *check_leaf(const struct spec_map_args *args, u64 offset,
			      const struct spec_pte *pte)
{
	struct spec_pte wanted = {
		.frame = { args->frame + offset, pte->frame.size },
		.attrs = args->cache,
	};

	spec_set_prop(&wanted, args->prop);
	if (args->level && pte->frame.size != spec_entry_size(args->level))
		return "map_page_size";
	return check_same(&wanted, pte);
}

/* What is mapped in [va, va + len), from first to last without a gap. */
static const char *check_leaves(const struct spec_map *map, u64 va,
				const struct spec_map_args *args)
{
	struct spec_pte pte;
	u64 offset = 0, base;
	const char *rule;

	while (offset < args->len) {
		if (!spec_map_first(map, va + offset, &base, &pte) || base != va + offset ||
		    pte.frame.size > args->len - offset)
			return "map_maps_all";
		rule = check_leaf(args, offset, &pte);
		if (rule)
			return rule;
		offset += pte.frame.size;
	}
	return NULL;
}

/**
 * spec_check_map - MAP adds what it is given, and nothing else
 * @old:	the view before
 * @new:	the view after
 * @args:	what it was given
 * @error:	what it said
 *
 * Nothing may be mapped there, but with @args->replace.  S58 and S59, for a
 * cursor.
 *
 * Return: NULL or the rule.
 */
const char *spec_check_map(const struct spec_view *old, const struct spec_view *new,
			   const struct spec_map_args *args, int error)
{
	const struct delta d = {
		.old = old, .new = new, .range = { old->va, args->len }, .inside = ANYTHING,
	};
	bool occupied = !args->replace && spec_map_overlaps(old->map, d.range);
	const char *rule;

	if (error == -EEXIST && !occupied)
		return "map_empty_accepted";
	if (error)
		return spec_check_unchanged(old, new);
	rule = args->len ? check_len(old, args->len, 0) : "len_refused";
	if (rule)
		return rule;
	if (occupied)
		return "map_occupied_refused";
	if (new->va != old->va + args->len)
		return "position_moves_by_len";
	rule = check_leaves(new->map, old->va, args);
	return rule ? rule : check_delta(&d);
}

/* A length was worked through, of which @bytes were mapped. */
static const char *check_worked(const struct delta *d, u64 bytes)
{
	u64 start = d->old->va, end = start + d->range.size;

	if (d->new->va != end)
		return "position_moves_by_len";
	if (bytes != mapped_bytes(d->old->map, start, end))
		return "count_is_exact";
	return check_delta(d);
}

/**
 * spec_check_unmap - UNMAP removes all within a length, and nothing else
 * @old:	the view before
 * @new:	the view after
 * @len:	how much, in bytes
 * @bytes:	how many it says were mapped there
 * @error:	what it said
 *
 * A mapping that straddled an end of the range lives on as pieces outside of it.
 *
 * Return: NULL or the rule.
 */
const char *spec_check_unmap(const struct spec_view *old, const struct spec_view *new, u64 len,
			     u64 bytes, int error)
{
	const struct delta d = {
		.old = old, .new = new, .range = { old->va, len }, .inside = REMOVED,
	};
	const char *rule = check_len(old, len, error);

	if (rule)
		return rule;
	return error ? spec_check_unchanged(old, new) : check_worked(&d, bytes);
}

/**
 * spec_check_split - splitting a mapping changes no translation
 * @map:	mappings afterwards
 * @base:	first address of what was split
 * @pte:	the mapping that was split
 * @size:	of the pieces
 *
 * Return: NULL or the rule.
 */
const char *spec_check_split(const struct spec_map *map, u64 base, const struct spec_pte *pte,
			     u64 size)
{
	struct spec_pte piece, wanted;
	const char *rule;
	u64 offset;

	for (offset = 0; offset < pte->frame.size; offset += size) {
		if (!spec_map_get(map, base + offset, &piece) || piece.frame.size != size)
			return "split_pieces";
		wanted = *pte;
		take_piece(&wanted, offset, size);
		rule = check_same(&wanted, &piece);
		if (rule)
			return rule;
	}
	return NULL;
}

/* As check_len(), and -EINVAL may speak of the change, too. */
static const char *check_change(const struct spec_view *old, u64 len, struct spec_change change,
				int error)
{
	if (change.clear & change.set)
		return error ? NULL : "change_refused";
	return check_len(old, len, error);
}

/* The piece that a mapping is changed in: all of it, if it fits. */
static const char *check_changed_piece(const struct spec_view *old, u64 len, u64 base,
				       const struct spec_pte *pte, const struct spec_found *found)
{
	const struct spec_region range = { old->va, len };
	u64 size = found->end - found->start;

	if (within(base, pte->frame.size, range))
		return check_whole(base, pte, found);
	if (found->start != max_u64(base, old->va) || !spec_page_level(size) ||
	    !within(found->start, size, range))
		return "protect_next_first_piece";
	return NULL;
}

static const char *check_protected(const struct spec_view *old, const struct spec_view *new,
				   struct spec_change change, const struct spec_found *found)
{
	const u32 hardware = SPEC_PROP_ACCESSED | SPEC_PROP_DIRTY;
	const struct delta d = {
		.old = old, .new = new, .inside = CHANGED, .change = change,
		.range = { found->start, found->end - found->start },
	};
	struct spec_pte pte;

	if (new->va != found->end)
		return "protect_next_moves_past";
	if (!spec_map_get(new->map, found->start, &pte) || pte.frame.size != d.range.size)
		return "protect_next_mapping";
	if ((spec_prop(&pte) ^ found->prop) & ~hardware)
		return "protect_next_property";
	return check_delta(&d);
}

/**
 * spec_check_protect_next - PROTECT_NEXT changes the first mapping within a length
 * @old:	the view before
 * @new:	the view after
 * @len:	how far to look, in bytes
 * @change:	what becomes of the property
 * @found:	what it said
 *
 * Of a mapping that does not fit, the first piece.  The position is behind what
 * has changed; if there is none it has moved by @len.
 *
 * Return: NULL or the rule.
 */
const char *spec_check_protect_next(const struct spec_view *old, const struct spec_view *new,
				    u64 len, struct spec_change change,
				    const struct spec_found *found)
{
	const char *rule = check_change(old, len, change, found->error);
	struct spec_pte pte;
	u64 base;

	if (rule)
		return rule;
	if (found->error)
		return spec_check_unchanged(old, new);
	if (found->present != first_within(old, len, &base, &pte))
		return "protect_next_first";
	if (!found->present)
		return new->va == old->va + len ? check_mappings(old, new) :
		       "position_moves_by_len";
	rule = check_changed_piece(old, len, base, &pte, found);
	return rule ? rule : check_protected(old, new, change, found);
}

/**
 * spec_check_protect - PROTECT changes all mappings within a length, and nothing else
 * @old:	the view before
 * @new:	the view after
 * @len:	how much, in bytes
 * @change:	what becomes of their property
 * @bytes:	how many it says are mapped there
 * @error:	what it said
 *
 * Return: NULL or the rule.
 */
const char *spec_check_protect(const struct spec_view *old, const struct spec_view *new, u64 len,
			       struct spec_change change, u64 bytes, int error)
{
	const struct delta d = {
		.old = old, .new = new, .range = { old->va, len }, .inside = CHANGED,
		.change = change,
	};
	const char *rule = check_change(old, len, change, error);

	if (rule)
		return rule;
	return error ? spec_check_unchanged(old, new) : check_worked(&d, bytes);
}

/**
 * spec_frame_places - at how many places a frame is mapped
 * @map:	mappings
 * @frame:	the frame; a mapping of a part of it counts
 */
u64 spec_frame_places(const struct spec_map *map, struct spec_region frame)
{
	struct spec_pte pte;
	u64 base, places = 0;

	spec_map_for_each(map, base, pte)
		places += spec_overlap(pte.frame, frame);
	return places;
}

/**
 * spec_check_frame_references - each handle and each place holds one reference
 * @references:	that are counted
 * @handles:	others than mappings that hold one
 * @places:	where the frame is mapped, in all page tables
 *
 * Return: NULL or the rule.
 */
const char *spec_check_frame_references(u64 references, u64 handles, u64 places)
{
	return references == handles + places ? NULL : "frame_references";
}
