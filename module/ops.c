// SPDX-License-Identifier: GPL-2.0-only
/*
 * Decoding of operations: from what a program asks for to what it means.
 *
 * The table below says of each operation which flags it knows and which words
 * of its arguments are read, so that everything else can be refused or cleared
 * in one place.
 */
#include <linux/bits.h>
#include <linux/capability.h>
#include <linux/err.h>
#include <linux/nospec.h>
#include <linux/sched/signal.h>
#include <linux/stddef.h>
#include <linux/uaccess.h>
#include <linux/vmspace.h>
#include "audit.h"
#include "cursor.h"
#include "io.h"
#include "memory.h"
#include "ops.h"
#include "program.h"
#include "resident.h"
#include "space.h"
#include "trace.h"

static_assert(sizeof(struct vmspace_op) == 64);

static int publish(struct vms_store *store, struct vms_object *obj, u32 *new_id)
{
	u32 id;
	int ret = vms_store_publish(store, obj, &id);

	if (ret) {
		if (obj->close)
			obj->close(obj);
		vms_object_put(obj);
		return ret;
	}
	*new_id = id;
	return 0;
}

static struct vms_space *get_space(struct vms_store *store, u32 id)
{
	struct vms_object *obj = vms_store_get(store, id, VMS_SPACE);

	return IS_ERR(obj) ? ERR_CAST(obj) : container_of(obj, struct vms_space, obj);
}

static void put_space(struct vms_space *space)
{
	vms_object_put(&space->obj);
}

static struct vms_cursor *lock_cursor(struct vms_store *store, u32 id, bool mutable)
{
	struct vms_object *obj = vms_store_lock(store, id, VMS_CURSOR);
	struct vms_cursor *c;

	if (IS_ERR(obj))
		return ERR_CAST(obj);
	c = container_of(obj, struct vms_cursor, obj);
	if (mutable && !c->mutable) {
		vms_object_unlock(obj);
		return ERR_PTR(-EINVAL);
	}
	return c;
}

static void unlock_cursor(struct vms_cursor *c)
{
	vms_object_unlock(&c->obj);
}

static unsigned int space_kind(u32 flags)
{
	return (flags & VMSPACE_LAB ? VMS_SPACE_LAB : 0) |
	       (flags & VMSPACE_CHECKED ? VMS_SPACE_CHECKED : 0) |
	       (flags & VMSPACE_STRICT ? VMS_SPACE_STRICT : 0);
}

static int op_new_space(struct vms_store *store, struct vmspace_op *op)
{
	struct vms_space *space;
	unsigned int levels;
	u64 va_end;
	int ret;

	if ((op->flags & VMSPACE_LAB) && (op->flags & VMSPACE_STRICT))
		return -EINVAL;
	space = vms_space_create(store->frames, space_kind(op->flags));
	if (IS_ERR(space))
		return PTR_ERR(space);
	levels = space->pt.levels;
	va_end = space->pt.va_end;
	ret = publish(store, &space->obj, &op->new_space.new_id);
	if (ret)
		return ret;
	op->new_space.levels = levels;
	op->new_space.va_end = va_end;
	return 0;
}

static int op_drop_space(struct vms_store *store, struct vmspace_op *op)
{
	return vms_store_drop(store, op->id, VMS_SPACE);
}

static int op_new_memory(struct vms_store *store, struct vmspace_op *op)
{
	struct vms_memory *mem;
	int ret;

	mem = vms_memory_alloc(store->frames, op->new_memory.count, op->new_memory.frame_size,
			       op->new_memory.cache);
	if (IS_ERR(mem))
		return PTR_ERR(mem);
	ret = publish(store, &mem->obj, &op->new_memory.new_id);
	if (ret)
		return ret;
	op->new_memory.mmap_offset =
		(u64)op->new_memory.new_id << (VMS_MMAP_SHIFT + VMS_PAGE_SHIFT);
	return 0;
}

static int op_import(struct vms_store *store, struct vmspace_op *op)
{
	struct vms_memory *mem;

	mem = vms_memory_import(store->frames, op->import.addr, op->import.count,
				op->flags & VMSPACE_WRITABLE);
	if (IS_ERR(mem))
		return PTR_ERR(mem);
	return publish(store, &mem->obj, &op->import.new_id);
}

static int op_drop_memory(struct vms_store *store, struct vmspace_op *op)
{
	return vms_store_drop(store, op->id, VMS_MEMORY);
}

/* The level of leaves that VMSPACE_PAGE_* ask for, 0 for the largest that fit. */
static unsigned int page_level(u32 flags)
{
	if (flags & VMSPACE_PAGE_LARGEST)
		return 0;
	if (flags & VMSPACE_PAGE_1G)
		return 3;
	return flags & VMSPACE_PAGE_2M ? 2 : 1;
}

#define PAGE_FLAGS	(VMSPACE_PAGE_2M | VMSPACE_PAGE_1G | VMSPACE_PAGE_LARGEST)

static bool one_size(u32 flags)
{
	return !((flags & PAGE_FLAGS) & ((flags & PAGE_FLAGS) - 1));
}

static int op_open_cursor(struct vms_store *store, struct vmspace_op *op)
{
	struct vms_space *space;
	struct vms_cursor *c;

	if (!one_size(op->flags))
		return -EINVAL;
	space = vms_space_use_id(store, op->id);
	if (IS_ERR(space))
		return PTR_ERR(space);
	c = vms_cursor_open(space, op->open.start, op->open.end, page_level(op->flags),
			    op->opcode == VMSPACE_OP_OPEN_CURSOR_MUT,
			    op->flags & VMSPACE_NONBLOCK);
	if (IS_ERR(c)) {
		vms_space_unuse(space);
		return PTR_ERR(c);
	}
	return publish(store, &c->obj, &op->open.new_id);
}

static int op_drop_cursor(struct vms_store *store, struct vmspace_op *op)
{
	return vms_store_drop(store, op->id, VMS_CURSOR);
}

/* Where memory is, is told only to those who may know, as in pagemap. */
static u64 visible_pfn(u64 entry)
{
	return capable(CAP_SYS_ADMIN) ? vms_entry_pfn(entry) : 0;
}

static void show_mapping(struct vmspace_op *op, const struct vms_mapping *m)
{
	op->query.start = m->start;
	op->query.end = m->end;
	op->query.present = !vms_entry_empty(m->entry);
	if (!op->query.present)
		return;
	op->query.prop = vms_entry_prop(m->entry);
	op->query.cache = vms_entry_cache(m->entry);
	op->query.pfn = visible_pfn(m->entry);
}

static int op_query(struct vms_store *store, struct vmspace_op *op)
{
	struct vms_cursor *c = lock_cursor(store, op->id, false);
	struct vms_mapping m;
	int ret;

	if (IS_ERR(c))
		return PTR_ERR(c);
	ret = vms_cursor_query(c, &m);
	if (!ret)
		show_mapping(op, &m);
	op->query.va = c->va;
	unlock_cursor(c);
	return ret;
}

static int op_find_next(struct vms_store *store, struct vmspace_op *op)
{
	struct vms_cursor *c = lock_cursor(store, op->id, false);
	struct vms_mapping m;
	int ret;

	if (IS_ERR(c))
		return PTR_ERR(c);
	ret = vms_cursor_find_next(c, op->find.len, &m);
	if (!ret) {
		op->find.start = m.start;
		op->find.end = m.end;
		op->find.present = !vms_entry_empty(m.entry);
	}
	op->find.va = c->va;
	unlock_cursor(c);
	return ret;
}

static int op_jump(struct vms_store *store, struct vmspace_op *op)
{
	struct vms_cursor *c = lock_cursor(store, op->id, false);
	int ret;

	if (IS_ERR(c))
		return PTR_ERR(c);
	ret = vms_cursor_jump(c, op->pos.va);
	op->pos.va = c->va;
	unlock_cursor(c);
	return ret;
}

static int op_virt_addr(struct vms_store *store, struct vmspace_op *op)
{
	struct vms_cursor *c = lock_cursor(store, op->id, false);

	if (IS_ERR(c))
		return PTR_ERR(c);
	op->pos.va = c->va;
	unlock_cursor(c);
	return 0;
}

#define LAB_FLAGS	(VMSPACE_FLUSH_NONE | VMSPACE_FLUSH_LOCAL | VMSPACE_FLUSH_TARGETS)
#define HOW_FLAGS	(VMSPACE_DEFER | LAB_FLAGS)

static enum vms_how how_of(u32 flags)
{
	if (flags & VMSPACE_FLUSH_NONE)
		return VMS_NONE;
	if (flags & VMSPACE_FLUSH_LOCAL)
		return VMS_LOCAL;
	if (flags & VMSPACE_FLUSH_TARGETS)
		return VMS_TARGETS;
	return flags & VMSPACE_DEFER ? VMS_DEFER : VMS_NOW;
}

/* Check how an operation on a cursor shall flush. */
static int check_how(const struct vms_cursor *c, u32 flags)
{
	if ((flags & HOW_FLAGS) & ((flags & HOW_FLAGS) - 1))
		return -EINVAL;
	if (c->space->is_strict && (flags & HOW_FLAGS))
		return -EINVAL;
	if (!(flags & LAB_FLAGS))
		return 0;
	if (!c->space->lab)
		return -EINVAL;
	return vms_quarantine_full(&c->space->quarantine) ? -EDQUOT : 0;
}

/* A STRICT space takes one operation at a time. */
static int strict_lock(struct vms_space *space)
{
	return space->is_strict ? mutex_lock_killable(&space->strict) : 0;
}

static void strict_unlock(struct vms_space *space)
{
	if (space->is_strict)
		mutex_unlock(&space->strict);
}

/* The rights that the verified page table knows, besides READ, which all mappings have. */
#define STRICT_RIGHTS	(VMSPACE_PROP_WRITE | VMSPACE_PROP_EXEC | VMSPACE_PROP_USER)

/* One mapping, of a frame that is not mapped yet, with rights that x86 has. */
static int strict_check_map(struct vms_space *space, const struct vms_map *map)
{
	unsigned int level = map->level ? map->level : 1;

	if (!space->is_strict)
		return 0;
	if (map->replace || map->mem->cache != VMSPACE_CACHE_WB ||
	    (map->prop & ~STRICT_RIGHTS) != VMSPACE_PROP_READ ||
	    map->pages << VMS_PAGE_SHIFT != vms_level_size(level))
		return -EINVAL;
	return vms_audit_frame_free(space, vms_memory_frame(map->mem, map->index),
				    vms_level_size(level));
}

/*
 * The mapping at the position as a whole; one step, whether there is one or not
 * (S64, S65). Returns whether there is.
 */
static int strict_check_mapping(struct vms_cursor *c, u64 len, bool *found)
{
	struct vms_mapping m;
	int ret;

	*found = true;
	if (!c->space->is_strict)
		return 0;
	ret = vms_cursor_query(c, &m);
	if (ret)
		return ret;
	*found = !vms_entry_empty(m.entry) && m.start == c->va;
	if (*found)
		return len == m.end - m.start ? 0 : -EINVAL;
	return vms_entry_empty(m.entry) && len == VMS_PAGE_SIZE ? 0 : -EINVAL;
}

static int map_frames(struct vms_store *store, struct vms_cursor *c, struct vmspace_op *op)
{
	struct vms_object *obj = vms_store_get(store, op->map.memory, VMS_MEMORY);
	struct vms_memory *mem;
	struct vms_map map;
	int ret;

	if (IS_ERR(obj))
		return PTR_ERR(obj);
	mem = container_of(obj, struct vms_memory, obj);
	ret = -EINVAL;
	if ((op->map.prop & ~VMSPACE_PROP_ALL) || op->map.cache != mem->cache || !op->map.count)
		goto put;
	ret = -ERANGE;
	if (op->map.index >= mem->nr_pages || op->map.count > mem->nr_pages - op->map.index)
		goto put;
	ret = -EACCES;
	if ((op->map.prop & VMSPACE_PROP_WRITE) && !mem->writable)
		goto put;
	map = (struct vms_map) {
		.mem = mem,
		.index = op->map.index,
		.pages = op->map.count,
		.prop = op->map.prop,
		.level = page_level(op->flags),
		.replace = op->flags & VMSPACE_REPLACE,
	};
	ret = strict_lock(c->space);
	if (ret)
		goto put;
	ret = strict_check_map(c->space, &map);
	if (!ret)
		ret = vms_cursor_map(c, &map, how_of(op->flags));
	strict_unlock(c->space);
put:
	vms_object_put(obj);
	return ret;
}

static int op_map(struct vms_store *store, struct vmspace_op *op)
{
	struct vms_cursor *c;
	u64 start;
	int ret;

	if (!one_size(op->flags))
		return -EINVAL;
	c = lock_cursor(store, op->id, true);
	if (IS_ERR(c))
		return PTR_ERR(c);
	start = c->va;
	ret = check_how(c, op->flags);
	if (!ret)
		ret = map_frames(store, c, op);
	if (!ret || ret == -EINTR) {
		op->map.start = start;
		op->map.end = c->va;
	}
	op->map.va = c->va;
	unlock_cursor(c);
	return ret;
}

/* With the space's turn, if it is STRICT. */
static int unmap_range(struct vms_cursor *c, u64 len, enum vms_how how, u64 *pages)
{
	u64 start = c->va;
	bool found;
	int ret = strict_lock(c->space);

	if (ret)
		return ret;
	ret = strict_check_mapping(c, len, &found);
	if (!ret)
		ret = vms_cursor_unmap(c, len, how, pages);
	strict_unlock(c->space);
	if (ret || found)
		return ret;
	c->va = start;
	return -ENOENT;
}

static int protect_mapping(struct vms_cursor *c, const struct vmspace_op *op,
			   struct vms_mapping *m)
{
	u64 start = c->va;
	bool found;
	int ret = strict_lock(c->space);

	if (ret)
		return ret;
	ret = strict_check_mapping(c, op->protect.len, &found);
	if (!ret)
		ret = vms_cursor_protect_next(c, op->protect.len, op->protect.clear,
					      op->protect.set, how_of(op->flags), m);
	strict_unlock(c->space);
	if (ret || found)
		return ret;
	c->va = start;
	return -ENOENT;
}

static int op_unmap(struct vms_store *store, struct vmspace_op *op)
{
	struct vms_cursor *c = lock_cursor(store, op->id, true);
	u64 start, pages = 0;
	int ret;

	if (IS_ERR(c))
		return PTR_ERR(c);
	start = c->va;
	ret = check_how(c, op->flags);
	if (!ret)
		ret = unmap_range(c, op->unmap.len, how_of(op->flags), &pages);
	if (!ret || ret == -EINTR) {
		op->unmap.start = start;
		op->unmap.end = c->va;
		op->unmap.bytes = pages << VMS_PAGE_SHIFT;
		op->unmap.pages = pages;
	}
	op->unmap.va = c->va;
	unlock_cursor(c);
	return ret;
}

/* Property bits to clear and to set: known ones, and none in both. */
static int check_change(u32 clear, u32 set)
{
	return ((clear | set) & ~VMSPACE_PROP_ALL) || (clear & set) ? -EINVAL : 0;
}

static int op_protect_next(struct vms_store *store, struct vmspace_op *op)
{
	struct vms_mapping m;
	struct vms_cursor *c;
	int ret;

	c = lock_cursor(store, op->id, true);
	if (IS_ERR(c))
		return PTR_ERR(c);
	ret = check_how(c, op->flags);
	if (!ret)
		ret = check_change(op->protect.clear, op->protect.set);
	/* What strict_check_map() takes stays so. */
	if (!ret && c->space->is_strict &&
	    ((op->protect.clear & ~STRICT_RIGHTS) ||
	     (op->protect.set & ~(STRICT_RIGHTS | VMSPACE_PROP_READ))))
		ret = -EINVAL;
	if (!ret)
		ret = protect_mapping(c, op, &m);
	if (!ret) {
		op->protect.start = m.start;
		op->protect.end = m.end;
		op->protect.present = !vms_entry_empty(m.entry);
		if (op->protect.present)
			op->protect.prop = vms_entry_prop(m.entry);
	}
	op->protect.va = c->va;
	unlock_cursor(c);
	return ret;
}

static int op_protect(struct vms_store *store, struct vmspace_op *op)
{
	struct vms_cursor *c;
	u64 start, pages = 0;
	int ret;

	c = lock_cursor(store, op->id, true);
	if (IS_ERR(c))
		return PTR_ERR(c);
	start = c->va;
	ret = c->space->is_strict ? -EINVAL : check_how(c, op->flags);
	if (!ret)
		ret = check_change(op->protect_range.clear, op->protect_range.set);
	if (!ret)
		ret = vms_cursor_protect(c, op->protect_range.len, op->protect_range.clear,
					 op->protect_range.set, how_of(op->flags), &pages);
	if (!ret || ret == -EINTR) {
		op->protect_range.start = start;
		op->protect_range.end = c->va;
		op->protect_range.pages = pages;
	}
	op->protect_range.va = c->va;
	unlock_cursor(c);
	return ret;
}

/* Tell the next mapping. 1 if there was one, 0 if not, or an error number. */
static int enumerate_one(struct vms_cursor *c, struct vmspace_mapping __user *user, u32 clear,
			 u64 *pages)
{
	u64 va = c->va;
	struct vmspace_mapping mapping;
	struct vms_mapping m;

	/* Nothing is cleared that could not be told. */
	if (clear_user(user, sizeof(*user)))
		return -EFAULT;
	vms_cursor_next(c, clear, &m);
	if (vms_entry_empty(m.entry))
		return 0;
	mapping = (struct vmspace_mapping) {
		.start = m.start,
		.end = m.end,
		.pfn = visible_pfn(m.entry),
		.prop = vms_entry_prop(m.entry),
		.cache = vms_entry_cache(m.entry),
	};
	if (copy_to_user(user, &mapping, sizeof(mapping))) {
		c->va = va;
		return -EFAULT;
	}
	*pages += (m.end - m.start) >> VMS_PAGE_SHIFT;
	return 1;
}

static int op_enumerate(struct vms_store *store, struct vmspace_op *op)
{
	struct vmspace_mapping __user *user = u64_to_user_ptr(op->enumerate.addr);
	const u32 harvest = VMSPACE_PROP_ACCESSED | VMSPACE_PROP_DIRTY;
	struct vms_cursor *c;
	u64 found = 0, pages = 0, start;
	int ret;

	if ((op->enumerate.clear & ~harvest) || !op->enumerate.count)
		return -EINVAL;
	c = lock_cursor(store, op->id, op->enumerate.clear);
	if (IS_ERR(c))
		return PTR_ERR(c);
	start = c->va;
	ret = c->space->is_strict && op->enumerate.clear ? -EINVAL : check_how(c, op->flags);
	if (ret)
		goto unlock;
	if (op->enumerate.clear)
		vms_cursor_harvest(c, op->enumerate.clear, how_of(op->flags));
	ret = 1;
	while (ret > 0 && found < op->enumerate.count) {
		ret = enumerate_one(c, user + found, op->enumerate.clear, &pages);
		if (ret > 0)
			found++;
		if (fatal_signal_pending(current))
			ret = -EINTR;
		cond_resched();
	}
	if (op->enumerate.clear) {
		int settled = vms_cursor_settle(c, start, pages);

		ret = settled ? settled : ret;
	}
	op->enumerate.found = found;
unlock:
	op->enumerate.va = c->va;
	unlock_cursor(c);
	return min(ret, 0);
}

static int op_new_io(struct vms_store *store, struct vmspace_op *op)
{
	enum vms_kind kind = op->opcode == VMSPACE_OP_NEW_READER ? VMS_READER : VMS_WRITER;
	struct vms_space *space = get_space(store, op->id);
	struct vms_io *io;

	if (IS_ERR(space))
		return PTR_ERR(space);
	io = vms_io_open(space, kind, op->new_io.cpu, op->new_io.va, op->new_io.len);
	put_space(space);
	if (IS_ERR(io))
		return PTR_ERR(io);
	return publish(store, &io->obj, &op->new_io.new_id);
}

static int op_drop_io(struct vms_store *store, struct vmspace_op *op)
{
	return vms_store_drop(store, op->id, op->opcode == VMSPACE_OP_DROP_READER ?
			      VMS_READER : VMS_WRITER);
}

static int op_copy(struct vms_store *store, struct vmspace_op *op)
{
	enum vms_kind kind = op->opcode == VMSPACE_OP_READ ? VMS_READER : VMS_WRITER;
	struct vms_object *obj = vms_store_lock(store, op->id, kind);
	struct vms_io *io;
	u64 bytes;
	bool fault;
	int ret;

	if (IS_ERR(obj))
		return PTR_ERR(obj);
	io = container_of(obj, struct vms_io, obj);
	ret = vms_io_copy(io, op->io.addr, op->io.len, &bytes, &fault);
	op->io.bytes = bytes;
	op->io.outcome = fault ? VMSPACE_OUTCOME_FAULT : VMSPACE_OUTCOME_OK;
	op->io.va = io->va;
	vms_object_unlock(obj);
	return ret;
}

static int op_activate(struct vms_store *store, struct vmspace_op *op)
{
	struct vms_space *space = get_space(store, op->id);
	int ret;

	if (IS_ERR(space))
		return PTR_ERR(space);
	if (op->opcode == VMSPACE_OP_ACTIVATE)
		ret = vms_resident_start(space, op->activate.cpu, op->flags & VMSPACE_RESIDENT);
	else
		ret = vms_resident_stop(space, op->activate.cpu);
	put_space(space);
	return ret;
}

static int check_access(const struct vms_space *space, const struct vmspace_op *op)
{
	u32 width = op->access.width;

	if (!width || width > 8 || (width & (width - 1)) || (op->access.va & (width - 1)))
		return -EINVAL;
	/* A value that does not fit would be stored in part. */
	if ((op->flags & VMSPACE_STORE) && width < 8 && op->access.value >> (width * 8))
		return -EINVAL;
	if (op->access.va >= space->pt.va_end)
		return -ERANGE;
	return 0;
}

static int op_access(struct vms_store *store, struct vmspace_op *op)
{
	struct vms_space *space = get_space(store, op->id);
	struct vms_access a = {
		.kind = op->flags & VMSPACE_STORE ? VMS_STORE : VMS_LOAD,
		.va = op->access.va,
		.width = op->access.width,
	};
	u64 ended;
	int ret;

	if (IS_ERR(space))
		return PTR_ERR(space);
	ret = check_access(space, op);
	if (ret)
		goto put;
	a.value = op->access.value;
	ended = atomic64_read(&space->ended);
	ret = vms_resident_access(space, op->access.cpu, &a);
	if (ret)
		goto put;
	if (space->audit)
		ret = vms_audit_access(space, op->access.cpu, &a, ended);
	op->access.value = a.value;
	op->access.outcome = a.done ? VMSPACE_OUTCOME_OK : VMSPACE_OUTCOME_FAULT;
put:
	put_space(space);
	return ret;
}

static int op_run(struct vms_store *store, struct vmspace_op *op)
{
	struct vms_space *space = get_space(store, op->id);
	struct vms_run *run;
	int ret;

	if (IS_ERR(space))
		return PTR_ERR(space);
	ret = -EINVAL;
	if (!op->run.timeout_us || op->run.timeout_us > vms_max_run_us)
		goto put_space;
	ret = vms_run_create(space, op->run.addr, op->run.count, &run);
	if (ret)
		goto put_space;
	ret = vms_run_execute(space, run, op->run.timeout_us);
	if (!ret)
		ret = vms_run_results(run, op->run.addr, &op->run.done);
	vms_run_put(run);
put_space:
	put_space(space);
	return ret;
}

/* As sched_setaffinity(): what it does not cover is not in the mask. */
static int fetch_mask(struct cpumask *mask, u64 addr, u64 len)
{
	if (!len || len > PAGE_SIZE || len % sizeof(u64))
		return -EINVAL;
	cpumask_clear(mask);
	if (copy_from_user(cpumask_bits(mask), u64_to_user_ptr(addr),
			   min_t(u64, len, cpumask_size())))
		return -EFAULT;
	return 0;
}

static int op_set_targets(struct vms_store *store, struct vmspace_op *op)
{
	cpumask_var_t mask;
	struct vms_cursor *c;
	int ret;

	if (!alloc_cpumask_var(&mask, GFP_KERNEL_ACCOUNT))
		return -ENOMEM;
	ret = fetch_mask(mask, op->targets.addr, op->targets.len);
	if (ret)
		goto free_mask;
	c = lock_cursor(store, op->id, true);
	ret = PTR_ERR_OR_ZERO(c);
	if (ret)
		goto free_mask;
	ret = c->space->lab ? vms_cursor_set_targets(c, mask) : -EINVAL;
	unlock_cursor(c);
free_mask:
	free_cpumask_var(mask);
	return ret;
}

static int op_flush_sync(struct vms_store *store, struct vmspace_op *op)
{
	struct vms_cursor *c = lock_cursor(store, op->id, true);
	struct vms_flushed flushed;

	if (IS_ERR(c))
		return PTR_ERR(c);
	vms_cursor_flush(c, &flushed);
	op->flush.pages = flushed.pages;
	op->flush.tables = flushed.tables;
	op->flush.cpus = flushed.cpus;
	op->flush.va = c->va;
	unlock_cursor(c);
	return 0;
}

static int op_translate(struct vms_store *store, struct vmspace_op *op)
{
	struct vms_space *space = get_space(store, op->id);
	struct vms_mapping m;
	int ret = 0;

	if (IS_ERR(space))
		return PTR_ERR(space);
	if (op->query.va >= space->pt.va_end) {
		ret = -ERANGE;
	} else {
		vms_pt_translate(&space->pt, op->query.va, &m);
		show_mapping(op, &m);
	}
	put_space(space);
	return ret;
}

static int op_space_stat(struct vms_store *store, struct vmspace_op *op)
{
	struct vms_space *space = get_space(store, op->id);

	if (IS_ERR(space))
		return PTR_ERR(space);
	op->space_stat.tables = atomic_long_read(&space->pt.tables);
	op->space_stat.pages = vms_pt_pages(&space->pt);
	op->space_stat.deferred = atomic64_read(&space->deferred);
	op->space_stat.shootdowns = atomic64_read(&space->shootdowns);
	op->space_stat.active = vms_residents_count(space);
	/* CPUs come and go meanwhile. */
	op->space_stat.inside = data_race(cpumask_weight(space->mmu.inside));
	op->space_stat.users = vms_space_users(space);
	op->space_stat.number = space->number;
	put_space(space);
	return 0;
}

static int op_cpu_stat(struct vms_store *store, struct vmspace_op *op)
{
	struct vms_space *space = get_space(store, op->id);
	const struct vms_counters *counters;
	u32 state;
	int ret;

	if (IS_ERR(space))
		return PTR_ERR(space);
	ret = vms_resident_state(space, op->cpu_stat.cpu, &state);
	if (!ret) {
		counters = per_cpu_ptr(space->counters, op->cpu_stat.cpu);
		op->cpu_stat.state = state;
		op->cpu_stat.sent = atomic64_read(&counters->sent);
		op->cpu_stat.flushed = READ_ONCE(counters->flushed);
		op->cpu_stat.acked = READ_ONCE(counters->acked);
		op->cpu_stat.entered = READ_ONCE(counters->entered);
		op->cpu_stat.accesses = READ_ONCE(counters->accesses);
	}
	put_space(space);
	return ret;
}

static int op_shootdown_stat(struct vms_store *store, struct vmspace_op *op)
{
	struct vms_space *space = get_space(store, op->id);
	const struct vms_counters *counters;
	int ret = 0;

	if (IS_ERR(space))
		return PTR_ERR(space);
	if (op->shootdown_stat.cpu >= nr_cpu_ids) {
		ret = -EINVAL;
		goto put;
	}
	counters = per_cpu_ptr(space->counters, op->shootdown_stat.cpu);
	op->shootdown_stat.initiated = READ_ONCE(counters->initiated);
	op->shootdown_stat.sent = atomic64_read(&counters->sent);
	op->shootdown_stat.received = READ_ONCE(counters->acked);
	op->shootdown_stat.pages = READ_ONCE(counters->pages);
	op->shootdown_stat.full = READ_ONCE(counters->full);
put:
	put_space(space);
	return ret;
}

/* Of a CPU that goes on counting: each number by itself. */
static void histogram_read(struct vms_histogram *to, const struct vms_histogram *from)
{
	unsigned int i;

	to->total = READ_ONCE(from->total);
	to->max = READ_ONCE(from->max);
	to->sum = READ_ONCE(from->sum);
	for (i = 0; i < VMSPACE_BUCKETS; i++)
		to->buckets[i] = READ_ONCE(from->buckets[i]);
}

static int op_histogram(struct vms_store *store, struct vmspace_op *op)
{
	u64 count = min_t(u64, op->histogram.count, VMSPACE_BUCKETS);
	struct vms_space *space;
	struct vms_histogram h;
	int ret = 0;

	if (op->histogram.time >= VMSPACE_TIMES || op->histogram.cpu >= nr_cpu_ids)
		return -EINVAL;
	space = get_space(store, op->id);
	if (IS_ERR(space))
		return PTR_ERR(space);
	histogram_read(&h, &per_cpu_ptr(space->counters, op->histogram.cpu)
		       ->times[array_index_nospec(op->histogram.time, VMSPACE_TIMES)]);
	if (copy_to_user(u64_to_user_ptr(op->histogram.addr), h.buckets,
			 count * sizeof(*h.buckets)))
		ret = -EFAULT;
	put_space(space);
	if (ret)
		return ret;
	op->histogram.total = h.total;
	op->histogram.max = h.max;
	op->histogram.sum = h.sum;
	return 0;
}

#define ARGS_OFFSET	offsetof(struct vmspace_op, words)

/* The 32-bit words of the arguments that a member occupies, as a mask. */
#define WORDS(member)								\
	GENMASK((offsetofend(struct vmspace_op, member) - ARGS_OFFSET) / sizeof(u32) - 1, \
		(offsetof(struct vmspace_op, member) - ARGS_OFFSET) / sizeof(u32))

/**
 * struct vms_op_desc - what the decoder knows of an operation
 * @execute:	carries it out; writes its results into the operation
 * @flags:	flags that it knows
 * @no_id:	it works on no object: the id must be 0
 * @in:		words of the arguments that it reads
 * @store_in:	words that it reads with VMSPACE_STORE only
 * @pad:	words of the arguments that must be 0; all others are results
 */
struct vms_op_desc {
	int (*execute)(struct vms_store *store, struct vmspace_op *op);
	u32 flags;
	bool no_id;
	u16 in;
	u16 store_in;
	u16 pad;
};

static const struct vms_op_desc op_descs[] = {
	[VMSPACE_OP_NEW_SPACE] = {
		.execute = op_new_space,
		.flags = VMSPACE_LAB | VMSPACE_CHECKED | VMSPACE_STRICT,
		.no_id = true,
		.pad = WORDS(new_space.pad),
	},
	[VMSPACE_OP_DROP_SPACE] = {
		.execute = op_drop_space,
		.pad = WORDS(words),
	},
	[VMSPACE_OP_OPEN_CURSOR] = {
		.execute = op_open_cursor,
		.flags = VMSPACE_NONBLOCK | VMSPACE_PAGE_2M | VMSPACE_PAGE_1G,
		.in = WORDS(open.start) | WORDS(open.end),
		.pad = WORDS(open.pad0) | WORDS(open.pad),
	},
	[VMSPACE_OP_OPEN_CURSOR_MUT] = {
		.execute = op_open_cursor,
		.flags = VMSPACE_NONBLOCK | VMSPACE_PAGE_2M | VMSPACE_PAGE_1G,
		.in = WORDS(open.start) | WORDS(open.end),
		.pad = WORDS(open.pad0) | WORDS(open.pad),
	},
	[VMSPACE_OP_DROP_CURSOR] = {
		.execute = op_drop_cursor,
		.pad = WORDS(words),
	},
	[VMSPACE_OP_QUERY] = {
		.execute = op_query,
		.pad = WORDS(query.pad),
	},
	[VMSPACE_OP_FIND_NEXT] = {
		.execute = op_find_next,
		.in = WORDS(find.len),
		.pad = WORDS(find.pad),
	},
	[VMSPACE_OP_JUMP] = {
		.execute = op_jump,
		.in = WORDS(pos.va),
		.pad = WORDS(pos.pad),
	},
	[VMSPACE_OP_VIRT_ADDR] = {
		.execute = op_virt_addr,
		.pad = WORDS(pos.pad),
	},
	[VMSPACE_OP_MAP] = {
		.execute = op_map,
		.flags = VMSPACE_REPLACE | HOW_FLAGS | PAGE_FLAGS,
		.in = WORDS(map.index) | WORDS(map.memory) | WORDS(map.prop) |
		      WORDS(map.cache) | WORDS(map.count),
	},
	[VMSPACE_OP_UNMAP] = {
		.execute = op_unmap,
		.flags = HOW_FLAGS,
		.in = WORDS(unmap.len),
	},
	[VMSPACE_OP_PROTECT_NEXT] = {
		.execute = op_protect_next,
		.flags = HOW_FLAGS,
		.in = WORDS(protect.len) | WORDS(protect.clear) | WORDS(protect.set),
	},
	[VMSPACE_OP_NEW_READER] = {
		.execute = op_new_io,
		.in = WORDS(new_io.cpu) | WORDS(new_io.va) | WORDS(new_io.len),
		.pad = WORDS(new_io.pad),
	},
	[VMSPACE_OP_NEW_WRITER] = {
		.execute = op_new_io,
		.in = WORDS(new_io.cpu) | WORDS(new_io.va) | WORDS(new_io.len),
		.pad = WORDS(new_io.pad),
	},
	[VMSPACE_OP_DROP_READER] = {
		.execute = op_drop_io,
		.pad = WORDS(words),
	},
	[VMSPACE_OP_DROP_WRITER] = {
		.execute = op_drop_io,
		.pad = WORDS(words),
	},
	[VMSPACE_OP_NEW_MEMORY] = {
		.execute = op_new_memory,
		.no_id = true,
		.in = WORDS(new_memory.cache) | WORDS(new_memory.count) |
		      WORDS(new_memory.frame_size),
		.pad = WORDS(new_memory.pad),
	},
	[VMSPACE_OP_IMPORT] = {
		.execute = op_import,
		.flags = VMSPACE_WRITABLE,
		.no_id = true,
		.in = WORDS(import.addr) | WORDS(import.count),
		.pad = WORDS(import.pad0) | WORDS(import.pad),
	},
	[VMSPACE_OP_DROP_MEMORY] = {
		.execute = op_drop_memory,
		.pad = WORDS(words),
	},
	[VMSPACE_OP_ACTIVATE] = {
		.execute = op_activate,
		.flags = VMSPACE_RESIDENT,
		.in = WORDS(activate.cpu),
		.pad = WORDS(activate.pad0) | WORDS(activate.pad),
	},
	[VMSPACE_OP_DEACTIVATE] = {
		.execute = op_activate,
		.in = WORDS(activate.cpu),
		.pad = WORDS(activate.pad0) | WORDS(activate.pad),
	},
	[VMSPACE_OP_ACCESS] = {
		.execute = op_access,
		.flags = VMSPACE_STORE,
		.in = WORDS(access.va) | WORDS(access.cpu) | WORDS(access.width),
		.store_in = WORDS(access.value),
		.pad = WORDS(access.pad0) | WORDS(access.pad),
	},
	[VMSPACE_OP_READ] = {
		.execute = op_copy,
		.in = WORDS(io.addr) | WORDS(io.len),
		.pad = WORDS(io.pad),
	},
	[VMSPACE_OP_WRITE] = {
		.execute = op_copy,
		.in = WORDS(io.addr) | WORDS(io.len),
		.pad = WORDS(io.pad),
	},
	[VMSPACE_OP_FLUSH_SYNC] = {
		.execute = op_flush_sync,
		.pad = WORDS(flush.pad),
	},
	[VMSPACE_OP_TRANSLATE] = {
		.execute = op_translate,
		.in = WORDS(query.va),
		.pad = WORDS(query.pad),
	},
	[VMSPACE_OP_SPACE_STAT] = {
		.execute = op_space_stat,
	},
	[VMSPACE_OP_CPU_STAT] = {
		.execute = op_cpu_stat,
		.in = WORDS(cpu_stat.cpu),
	},
	[VMSPACE_OP_PROTECT] = {
		.execute = op_protect,
		.flags = HOW_FLAGS,
		.in = WORDS(protect_range.len) | WORDS(protect_range.clear) |
		      WORDS(protect_range.set),
	},
	[VMSPACE_OP_ENUMERATE] = {
		.execute = op_enumerate,
		.flags = HOW_FLAGS,
		.in = WORDS(enumerate.addr) | WORDS(enumerate.count) | WORDS(enumerate.clear),
		.pad = WORDS(enumerate.pad0) | WORDS(enumerate.pad),
	},
	[VMSPACE_OP_RUN] = {
		.execute = op_run,
		.in = WORDS(run.addr) | WORDS(run.count) | WORDS(run.timeout_us),
		.pad = WORDS(run.pad0) | WORDS(run.pad),
	},
	[VMSPACE_OP_SET_TARGETS] = {
		.execute = op_set_targets,
		.in = WORDS(targets.addr) | WORDS(targets.len),
		.pad = WORDS(targets.pad),
	},
	[VMSPACE_OP_SHOOTDOWN_STAT] = {
		.execute = op_shootdown_stat,
		.in = WORDS(shootdown_stat.cpu),
		.pad = WORDS(shootdown_stat.pad0),
	},
	[VMSPACE_OP_HISTOGRAM] = {
		.execute = op_histogram,
		.in = WORDS(histogram.cpu) | WORDS(histogram.time) |
		      WORDS(histogram.addr) | WORDS(histogram.count),
	},
};

/*
 * Results are 0 until they are known, and padding must be 0 on entry. Returns
 * whether it was.
 */
static bool clear_results(const struct vms_op_desc *desc, struct vmspace_op *op)
{
	static const u64 halves[] = { 0, U32_MAX, (u64)U32_MAX << 32, U64_MAX };
	u16 in = desc->in | (op->flags & VMSPACE_STORE ? desc->store_in : 0);
	u16 pad = desc->pad;
	u64 wrong = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(op->words); i++, in >>= 2, pad >>= 2) {
		wrong |= op->words[i] & halves[pad & 3];
		op->words[i] &= halves[in & 3];
	}
	return !wrong;
}

static int execute(struct vms_store *store, struct vmspace_op *op)
{
	const struct vms_op_desc *desc;

	if (op->opcode >= ARRAY_SIZE(op_descs))
		return -EOPNOTSUPP;
	desc = &op_descs[array_index_nospec(op->opcode, ARRAY_SIZE(op_descs))];
	if (!desc->execute)
		return -EOPNOTSUPP;
	if (!clear_results(desc, op))
		return -EINVAL;
	if (op->flags & ~desc->flags)
		return -EINVAL;
	if (desc->no_id && op->id)
		return -EINVAL;
	return desc->execute(store, op);
}

/* Whether an operation can put its flush off. */
static bool can_defer(const struct vmspace_op *op)
{
	return op->opcode < ARRAY_SIZE(op_descs) &&
	       (op_descs[array_index_nospec(op->opcode, ARRAY_SIZE(op_descs))].flags &
		VMSPACE_DEFER) &&
	       !(op->flags & HOW_FLAGS);
}

/* Whether a row may do so for its cursor: a STRICT space defers nothing. */
static bool row_defers(const struct vms_row *row, int id)
{
	struct vms_cursor *c;
	bool defers;

	if (row->cursor == id)
		return true;
	c = lock_cursor(row->store, id, true);
	if (IS_ERR(c))
		return false;
	defers = !c->space->is_strict;
	unlock_cursor(c);
	return defers;
}

/**
 * vms_row_end - flush what a row of operations gathered
 * @row:	the row
 *
 * Context: may sleep.
 */
void vms_row_end(struct vms_row *row)
{
	struct vms_flushed flushed;
	struct vms_cursor *c;

	if (!row->cursor)
		return;
	c = lock_cursor(row->store, row->cursor, true);
	row->cursor = 0;
	/* If someone else dropped it, that was its flush. */
	if (IS_ERR(c))
		return;
	vms_cursor_flush(c, &flushed);
	unlock_cursor(c);
}

/**
 * vms_op_execute - carry out one operation
 * @row:	what it is part of
 * @op:		a private copy, which receives the results
 *
 * Context: may sleep.
 */
void vms_op_execute(struct vms_row *row, struct vmspace_op *op)
{
	u32 flags = op->flags;

	trace_op_start(op);
	if (row->cursor != op->id)
		vms_row_end(row);
	if (row->gather && can_defer(op) && row_defers(row, op->id)) {
		row->cursor = op->id;
		op->flags |= VMSPACE_DEFER;
	}
	op->result = execute(row->store, op);
	op->flags = flags;
	trace_op_end(op);
}
