// SPDX-License-Identifier: GPL-2.0-only
/*
 * The running system held against the specification.
 *
 * A CHECKED space has a monitor (spec/monitor.h) that takes every step along
 * with the module: what was written to the page table, who flushed what, when
 * something was released.  At the end of an operation the range that it touched is
 * interpreted from the live bytes and compared.  In the interrupt of a shootdown
 * each CPU tries to load from what was unmapped.
 *
 * CPUs come and go with interrupts off, and do not wait for the monitor: it
 * catches up with them before each step for which it matters: where translations
 * become stale, and where nobody may hold them any more.  A CPU that left and came
 * back has flushed, which is told by vms_mmu.crossings.
 *
 * After a violation nothing can be said of what follows: the space is broken, and
 * operations on it fail.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include "audit.h"
#include "cursor.h"
#include "memory.h"
#include "param.h"
#include "resident.h"
#include "space.h"
#include "spec/monitor.h"
#include "trace.h"

DEFINE_STATIC_KEY_FALSE(vms_audit_key);

static bool checked;
module_param(checked, bool, 0644);
MODULE_PARM_DESC(checked, "hold every new space against the specification");

/**
 * struct vms_audit - what holds a space against the specification
 * @acks:	by CPU, none of which has acknowledged: for the next shootdown; or NULL.
 *		Exchanged
 * @lock:	guards all that follows
 * @monitor:	the specification's view of the space
 * @live:	the page table as it is
 * @frames:	VMS_ENTRIES of a step, before it is taken
 * @crossings:	by CPU: vms_mmu.crossings when it was looked at last
 * @steps:	steps that were taken along; many at once count as one
 * @violations:	times that something was not as it should be
 * @rule:	the first rule that was violated, or NULL
 * @blind:	there was no memory to go on with
 */
struct vms_audit {
	struct vms_ack *acks;
	struct mutex lock;		/* all that follows */
	struct spec_monitor monitor;
	struct spec_pt live;
	u64 *frames;
	unsigned long *crossings;
	u64 steps;
	u64 violations;
	const char *rule;
	bool blind;
};

/**
 * struct vms_audited - a step, for what is said of it
 * @name:	its name
 * @op:		number of the cursor
 * @va:		where
 * @old:	entry as it was, or 0
 * @new:	entry as it is, or 0
 */
struct vms_audited {
	const char *name;
	u64 op;
	u64 va;
	u64 old;
	u64 new;
};

/* Rather than kill someone for it, the check does without. */
#define GFP_AUDIT	(GFP_KERNEL_ACCOUNT | __GFP_NOWARN | __GFP_RETRY_MAYFAIL)

static void *audit_alloc(size_t size)
{
	return kvmalloc(size, GFP_AUDIT);
}

static void audit_free(void *p)
{
	kvfree(p);
}

static void audit_pause(void)
{
	cond_resched();
}

static const struct spec_alloc allocator = {
	.alloc = audit_alloc,
	.free = audit_free,
	.pause = audit_pause,
};

/* Under RCU; a table that was unlinked meanwhile is still a table. */
static u64 read_live(void *ctx, u64 table, unsigned int idx)
{
	return READ_ONCE(((const u64 *)phys_to_virt(table))[idx]) & ~vms_sme_mask();
}

/* Likewise; with the bit of memory encryption in them, they have to be read one by one. */
static const u64 *live_table(void *ctx, u64 table)
{
	return vms_sme_mask() ? NULL : phys_to_virt(table);
}

/**
 * vms_audit_create - hold a space against the specification from now on, if asked for
 * @space:	new; its page table and CPU set are there
 * @kind:	VMS_SPACE_*
 *
 * Context: may sleep.
 *
 * Return: for space->audit: NULL if it shall not be checked, or -ENOMEM.
 */
struct vms_audit *vms_audit_create(struct vms_space *space, unsigned int kind)
{
	enum spec_contract contract = kind & VMS_SPACE_STRICT ? SPEC_STRICT :
				      kind & VMS_SPACE_LAB ? SPEC_LAB : SPEC_CURSORS;
	struct vms_audit *audit;
	int ret = -ENOMEM;

	if (!(kind & (VMS_SPACE_CHECKED | VMS_SPACE_STRICT)) && !vms_param(checked))
		return NULL;
	audit = kzalloc(sizeof(*audit), GFP_KERNEL_ACCOUNT);
	if (!audit)
		return ERR_PTR(-ENOMEM);
	audit->frames = kcalloc(VMS_ENTRIES, sizeof(*audit->frames), GFP_KERNEL_ACCOUNT);
	if (!audit->frames)
		goto free_audit;
	audit->crossings = kcalloc(nr_cpu_ids, sizeof(*audit->crossings), GFP_KERNEL_ACCOUNT);
	if (!audit->crossings)
		goto free_frames;
	ret = spec_monitor_init(&audit->monitor, &allocator, nr_cpu_ids, space->pt.levels,
				boot_cpu_data.x86_phys_bits, contract);
	if (ret)
		goto free_crossings;
	mutex_init(&audit->lock);
	audit->live = (struct spec_pt) {
		.read = read_live,
		.table = live_table,
		.cr3 = __pa(space->mmu.root),
		.levels = space->pt.levels,
		.width = boot_cpu_data.x86_phys_bits,
		.held = contract != SPEC_STRICT,
	};
	static_branch_inc(&vms_audit_key);
	return audit;

free_crossings:
	kfree(audit->crossings);
free_frames:
	kfree(audit->frames);
free_audit:
	kfree(audit);
	return ERR_PTR(ret);
}

/* Both states, the specification's and the table's, where it happened. */
static void tell_mapping(const char *whose, bool found, u64 base, const struct spec_pte *pte)
{
	if (found)
		pr_err("  %s: 0x%llx-0x%llx -> 0x%llx prop 0x%x\n", whose, base,
		       base + pte->frame.size, pte->frame.base, spec_prop(pte));
	else
		pr_err("  %s: nothing is mapped there\n", whose);
}

static void tell_states(struct vms_audit *audit, u64 va)
{
	struct spec_pte pte;
	u64 base = 0;
	bool found;

	found = spec_map_covering(&audit->monitor.machine.hw.pt, va, &base, &pte);
	tell_mapping("as it should be", found, base, &pte);
	rcu_read_lock();
	found = spec_walk(&audit->live, va, &base, &pte);
	rcu_read_unlock();
	tell_mapping("the page table", found, base, &pte);
}

static void violation(struct vms_space *space, const struct vms_audited *step, const char *rule)
{
	struct vms_audit *audit = space->audit;

	audit->violations++;
	trace_violation(space->number, step->op, step->name, rule, step->va, step->old, step->new);
	if (audit->rule)
		return;
	/* Looked at without the lock by audit_broken(). */
	WRITE_ONCE(audit->rule, rule);
	pr_err("space %d violates %s: %s of operation %llu at 0x%llx, entry 0x%llx -> 0x%llx\n",
	       space->number, rule, step->name, step->op, step->va, step->old, step->new);
	tell_states(audit, step->va);
}

static noinline void judge_wrong(struct vms_space *space, const struct vms_audited *step,
				 const char *rule)
{
	if (rule != spec_no_memory) {
		violation(space, step, rule);
		return;
	}
	pr_warn_ratelimited("space %d is not checked any further: no memory\n", space->number);
	space->audit->blind = true;
}

/* What the specification says of a step. With the lock. */
static void judge(struct vms_space *space, const struct vms_audited *step, const char *rule)
{
	space->audit->steps++;
	if (rule)
		judge_wrong(space, step, rule);
}

/* Whether there is something to hold a step against; with the lock then. */
static bool audit_begin(struct vms_audit *audit)
{
	mutex_lock(&audit->lock);
	if (!audit->rule && !audit->blind)
		return true;
	mutex_unlock(&audit->lock);
	return false;
}

static int audit_done(struct vms_audit *audit)
{
	int ret = audit->rule ? -EUCLEAN : 0;

	mutex_unlock(&audit->lock);
	return ret;
}

static int audit_broken(struct vms_audit *audit)
{
	return READ_ONCE(audit->rule) ? -EUCLEAN : 0;
}

static void catch_up_cpu(struct vms_space *space, unsigned int cpu)
{
	const struct vms_audited step = { .name = "enter or leave" };
	struct vms_audit *audit = space->audit;
	unsigned long now = READ_ONCE(*per_cpu_ptr(space->mmu.crossings, cpu));
	unsigned long before = audit->crossings[cpu];

	audit->crossings[cpu] = now;
	/* It came out meanwhile.  That it is still in the set of those inside says nothing. */
	if (now / 2 != before / 2 && spec_monitor_inside(&audit->monitor, cpu))
		judge(space, &step, spec_monitor_leave(&audit->monitor, cpu));
	if (now % 2 && !spec_monitor_inside(&audit->monitor, cpu))
		judge(space, &step, spec_monitor_enter(&audit->monitor, cpu));
}

static void catch_up(struct vms_space *space)
{
	unsigned int cpu;

	/* Who came and went meanwhile has taken nothing along, and who comes finds what is new. */
	if (data_race(cpumask_empty(space->mmu.inside)) &&
	    spec_monitor_deserted(&space->audit->monitor))
		return;
	for_each_possible_cpu(cpu)
		catch_up_cpu(space, cpu);
}

/**
 * vms_audit_destroy - the end of a space that was checked
 * @space: nobody is inside, no cursor is open
 */
void vms_audit_destroy(struct vms_space *space)
{
	const struct vms_audited step = { .name = "space_gone" };
	struct vms_audit *audit = space->audit;

	if (audit_begin(audit)) {
		catch_up(space);
		judge(space, &step, spec_monitor_gone(&audit->monitor));
		audit_done(audit);
	}
	static_branch_dec(&vms_audit_key);
	spec_monitor_destroy(&audit->monitor);
	kfree(audit->acks);
	kfree(audit->crossings);
	kfree(audit->frames);
	kfree(audit);
}

/**
 * vms_audit_lock - a cursor got its range
 * @c:	the cursor
 */
void vms_audit_lock(const struct vms_cursor *c)
{
	const struct vms_audited step = { "cursor_lock", c->gather.op, c->start };
	struct vms_audit *audit = c->space->audit;

	if (!audit_begin(audit))
		return;
	judge(c->space, &step, spec_monitor_lock(&audit->monitor, c->gather.op,
						 (struct spec_region) { c->start,
									c->end - c->start }));
	audit_done(audit);
}

/**
 * vms_audit_drop - a cursor is about to give its range up, or did not get it
 * @c:	the cursor
 */
void vms_audit_drop(const struct vms_cursor *c)
{
	const struct vms_audited step = { "cursor_drop", c->gather.op, c->start };
	struct vms_audit *audit = c->space->audit;

	if (!audit_begin(audit))
		return;
	catch_up(c->space);
	judge(c->space, &step, spec_monitor_drop(&audit->monitor, c->gather.op));
	audit_done(audit);
}

static u32 cache_attrs(u32 cache)
{
	u64 bits = vms_cache_bits(cache);

	return (bits & VMS_PWT ? SPEC_PWT : 0) | (bits & VMS_PCD ? SPEC_PCD : 0);
}

/**
 * vms_audit_map_start - a map starts
 * @c:		the cursor
 * @map:	what it maps
 */
void vms_audit_map_start(const struct vms_cursor *c, const struct vms_map *map)
{
	const struct vms_audited step = { "map_start", c->gather.op, c->va };
	const struct spec_map_args args = {
		.frame = vms_memory_frame(map->mem, map->index),
		.len = map->pages << VMS_PAGE_SHIFT,
		.level = map->level,
		.prop = map->prop,
		.cache = cache_attrs(map->mem->cache),
		.replace = map->replace,
	};
	struct vms_audit *audit = c->space->audit;

	if (!audit_begin(audit))
		return;
	judge(c->space, &step, spec_monitor_map_start(&audit->monitor, c->gather.op, c->va, &args));
	audit_done(audit);
}

/**
 * vms_audit_unmap_start - an unmap starts
 * @c:		the cursor
 * @len:	how much it unmaps, in bytes
 */
void vms_audit_unmap_start(const struct vms_cursor *c, u64 len)
{
	const struct vms_audited step = { "unmap_start", c->gather.op, c->va };
	struct vms_audit *audit = c->space->audit;

	if (!audit_begin(audit))
		return;
	judge(c->space, &step,
	      spec_monitor_unmap_start(&audit->monitor, c->gather.op,
				       (struct spec_region) { c->va, len }));
	audit_done(audit);
}

/**
 * vms_audit_protect_start - a protect starts
 * @c:		the cursor
 * @len:	how far it goes, in bytes
 * @clear:	VMSPACE_PROP_* that it clears
 * @set:	VMSPACE_PROP_* that it sets
 */
void vms_audit_protect_start(const struct vms_cursor *c, u64 len, u32 clear, u32 set)
{
	const struct vms_audited step = { "protect_start", c->gather.op, c->va };
	struct vms_audit *audit = c->space->audit;

	if (!audit_begin(audit))
		return;
	judge(c->space, &step,
	      spec_monitor_protect_start(&audit->monitor, c->gather.op,
					 (struct spec_region) { c->va, len },
					 (struct spec_change) { clear, set }));
	audit_done(audit);
}

/**
 * vms_audit_write - an entry was written
 * @c:		the cursor that owns it
 * @va:		first address that it spans
 * @level:	of its table
 * @old:	as it was
 * @new:	as it is
 */
void vms_audit_write(const struct vms_cursor *c, u64 va, unsigned int level, u64 old, u64 new)
{
	const struct vms_audited step = { "write", c->gather.op, va, old, new };
	struct vms_audit *audit = c->space->audit;
	u64 sme = vms_sme_mask();

	if (!audit_begin(audit))
		return;
	/* After the write: who enters from now on finds the new entry. */
	if (old)
		catch_up(c->space);
	judge(c->space, &step, spec_monitor_write(&audit->monitor, c->gather.op, va, level,
						  old & ~sme, new & ~sme));
	audit_done(audit);
}

/**
 * vms_audit_map_run - leaves of 4 KiB were written side by side, where nothing stood
 * @c:		the cursor that owns them; it stands where the map began
 * @map:	what it maps
 * @va:		first address that the first spans
 * @nr:		how many, in one table
 */
void vms_audit_map_run(const struct vms_cursor *c, const struct vms_map *map, u64 va,
		       unsigned int nr)
{
	const struct vms_audited step = { "write", c->gather.op, va };
	struct vms_audit *audit = c->space->audit;
	u64 first = (va - c->va) >> VMS_PAGE_SHIFT;
	const char *rule = "map_in_its_range";

	if (!audit_begin(audit))
		return;
	if (first < map->pages && nr <= map->pages - first) {
		vms_memory_frames(map->mem, map->index + first, audit->frames, nr);
		rule = spec_monitor_map_run(&audit->monitor, c->gather.op, va, nr, audit->frames);
	}
	judge(c->space, &step, rule);
	audit_done(audit);
}

/**
 * vms_audit_protect_run - leaves of 4 KiB were changed side by side, as a protect asks
 * @c:		the cursor that owns them
 * @va:		first address that the first spans
 * @nr:		how many, in one table
 */
void vms_audit_protect_run(const struct vms_cursor *c, u64 va, unsigned int nr)
{
	const struct vms_audited step = { "write", c->gather.op, va };
	struct vms_audit *audit = c->space->audit;

	if (!audit_begin(audit))
		return;
	catch_up(c->space);
	judge(c->space, &step, spec_monitor_protect_run(&audit->monitor, c->gather.op, va, nr));
	audit_done(audit);
}

/**
 * vms_audit_op_end - an unmap or protect is done with its writes
 * @c:	the cursor
 */
void vms_audit_op_end(const struct vms_cursor *c)
{
	const struct vms_audited step = { "op_end", c->gather.op, c->va };
	struct vms_audit *audit = c->space->audit;

	if (!audit_begin(audit))
		return;
	judge(c->space, &step, spec_monitor_op_end(&audit->monitor, c->gather.op));
	audit_done(audit);
}

/*
 * The live bytes mean what the specification says; the caller owns the range. In
 * time proportional to what is mapped there, however large the range is.
 */
static const char *compare(struct vms_audit *audit, u64 start, u64 end)
{
	struct spec_region range = { start, end - start };
	bool equal;

	rcu_read_lock();
	equal = start == end || spec_interp_equal(&audit->live, range,
						  &audit->monitor.machine.hw.pt,
						  SPEC_HARDWARE_ATTRS);
	rcu_read_unlock();
	return equal ? NULL : "S30_interpretation_of_the_bytes";
}

/* Each page is where the memory object has it. */
static const char *check_frames(struct vms_audit *audit, const struct vms_map *map, u64 start,
				u64 end)
{
	struct spec_pte pte;
	u64 va, base;

	for (va = start; va < end; va = base + pte.frame.size) {
		if (!spec_map_covering(&audit->monitor.machine.hw.pt, va, &base, &pte))
			return "map_maps_all_of_it";
		if (pte.frame.base + (va - base) !=
		    vms_memory_frame(map->mem, map->index + ((va - start) >> VMS_PAGE_SHIFT)))
			return "map_frame";
		cond_resched();
	}
	return NULL;
}

/**
 * vms_audit_end - an operation ends
 * @c:		the cursor
 * @ended:	how
 *
 * Return: 0, or -EUCLEAN if the space is not as the specification says.
 */
int vms_audit_end(const struct vms_cursor *c, const struct vms_ended *ended)
{
	const struct vms_audited step = { "end", c->gather.op, ended->start };
	struct vms_audit *audit = c->space->audit;
	const char *rule;

	if (!audit_begin(audit))
		return audit_broken(audit);
	rule = spec_monitor_end(&audit->monitor, c->gather.op, c->va, ended->pages, ended->result,
				vms_gather_awaits(&c->gather));
	if (!rule)
		rule = compare(audit, ended->start, c->va);
	if (!rule && ended->map && !ended->result &&
	    !spec_monitor_frames_told(&audit->monitor, c->gather.op))
		rule = check_frames(audit, ended->map, ended->start, c->va);
	judge(c->space, &step, rule);
	return audit_done(audit);
}

/**
 * vms_audit_initiate - a shootdown is about to be sent
 * @space:	the space
 * @op:		number of the cursor
 * @va:		addresses in the pages
 * @nr:		how many
 * @full:	everything instead
 * @scope:	enum spec_scope
 */
void vms_audit_initiate(struct vms_space *space, u64 op, const u64 *va, unsigned int nr,
			bool full, unsigned int scope)
{
	const struct vms_audited step = { "initiate_shootdown", op, nr ? va[0] : 0 };
	struct vms_audit *audit = space->audit;
	const char *rule = NULL;
	unsigned int i;

	if (!audit_begin(audit))
		return;
	for (i = 0; i < nr && !full && !rule; i++)
		rule = spec_monitor_page(&audit->monitor, op, va[i]);
	if (!rule)
		rule = spec_monitor_initiate(&audit->monitor, op, full, scope);
	judge(space, &step, rule);
	audit_done(audit);
}

/**
 * vms_audit_now - a moment, for vms_ack.flushed
 * @space:	the space
 *
 * What a CPU has flushed is judged when all have: what left the page table since the flush
 * is then told from what left it before.
 *
 * Context: any.
 */
u64 vms_audit_now(struct vms_space *space)
{
	return spec_monitor_now(&space->audit->monitor);
}

/**
 * vms_audit_probe - see whether this CPU still translates what is not mapped (S91)
 * @space:	the space
 * @va:		addresses in the pages that it flushed
 * @nr:		how many
 * @ack:	receives the answer
 *
 * Context: the interrupt of the shootdown, inside. The ranges are owned, so that
 * nothing is mapped there meanwhile.
 */
void vms_audit_probe(struct vms_space *space, const u64 *va, unsigned int nr, struct vms_ack *ack)
{
	struct vms_mapping m;
	unsigned int i;
	u64 value;

	for (i = 0; i < nr; i++) {
		vms_pt_translate(&space->pt, va[i], &m);
		if (vms_entry_present(m.entry) || !vms_mmu_load(va[i], sizeof(u64), &value))
			continue;
		ack->translates = true;
		ack->va = va[i];
	}
}

static void judge_ack(struct vms_space *space, u64 op, unsigned int cpu, const struct vms_ack *ack)
{
	const struct vms_audited step = {
		.name = "ack_shootdown_ipi",
		.op = op,
		.va = ack->translates ? ack->va : ack->flushed.first,
	};
	struct vms_audit *audit = space->audit;
	const char *rule = "S91_successful_IPI";

	if (!ack->translates)
		rule = spec_monitor_ack(&audit->monitor, op, cpu, &ack->flushed);
	judge(space, &step, rule);
}

/**
 * vms_audit_begin_acks - where CPUs shall say what they do
 * @space:	the space
 *
 * Context: may sleep.
 *
 * Return: by CPU, for vms_audit_end_shootdown(); or NULL if there is no memory for it.
 */
struct vms_ack *vms_audit_begin_acks(struct vms_space *space)
{
	struct vms_ack *acks = xchg(&space->audit->acks, NULL);

	return acks ? : kcalloc(nr_cpu_ids, sizeof(*acks), GFP_AUDIT);
}

static void judge_acks(struct vms_space *space, u64 op, struct vms_ack *acks)
{
	unsigned int cpu;

	for (cpu = 0; cpu < nr_cpu_ids; cpu++) {
		if (acks[cpu].acked && !space->audit->rule)
			judge_ack(space, op, cpu, &acks[cpu]);
		acks[cpu].acked = false;
	}
}

/**
 * vms_audit_end_shootdown - all CPUs have acknowledged
 * @space:	the space
 * @op:		number of the cursor
 * @acks:	from vms_audit_begin_acks()
 */
void vms_audit_end_shootdown(struct vms_space *space, u64 op, struct vms_ack *acks)
{
	const struct vms_audited step = { "end_shootdown", op };
	struct vms_audit *audit = space->audit;

	if (!audit_begin(audit)) {
		kfree(acks);
		return;
	}
	catch_up(space);
	if (acks)
		judge_acks(space, op, acks);
	else
		judge(space, &step, spec_no_memory);
	if (!audit->rule && !audit->blind)
		judge(space, &step, spec_monitor_end_shootdown(&audit->monitor, op));
	kfree(xchg(&audit->acks, acks));
	audit_done(audit);
}

/**
 * vms_audit_release - what a cursor removed is about to be given back
 * @space:	the space
 * @op:		number of the cursor
 */
void vms_audit_release(struct vms_space *space, u64 op)
{
	const struct vms_audited step = { "release", op };
	struct vms_audit *audit = space->audit;

	if (!audit_begin(audit))
		return;
	judge(space, &step, spec_monitor_release(&audit->monitor, op));
	audit_done(audit);
}

/**
 * vms_audit_quarantine - what a cursor removed is kept until the space is gone
 * @space:	the space
 * @op:		number of the cursor
 */
void vms_audit_quarantine(struct vms_space *space, u64 op)
{
	const struct vms_audited step = { "quarantine", op };
	struct vms_audit *audit = space->audit;

	if (!audit_begin(audit))
		return;
	judge(space, &step, spec_monitor_quarantine(&audit->monitor, op));
	audit_done(audit);
}

/**
 * vms_audit_access - a CPU made an access
 * @space:	the space
 * @cpu:	the CPU
 * @a:		the access, a load or store
 * @ended:	space->ended before it
 *
 * Return: 0 or -EUCLEAN.
 */
int vms_audit_access(struct vms_space *space, unsigned int cpu, const struct vms_access *a,
		     u64 ended)
{
	const struct vms_audited step = { "access", 0, a->va };
	struct vms_audit *audit = space->audit;

	if (!audit_begin(audit))
		return audit_broken(audit);
	/* What it held in an earlier stay is gone; writes catch up with all CPUs. */
	if (audit->crossings[cpu] != a->crossings)
		catch_up_cpu(space, cpu);
	/*
	 * If it came out since, what it held is forgotten.  What ended meanwhile may have
	 * been before it, or after it.
	 */
	if (audit->crossings[cpu] == a->crossings && ended == atomic64_read(&space->ended))
		judge(space, &step, spec_monitor_access(&audit->monitor, cpu, a->va,
							a->kind == VMS_STORE, !a->done));
	return audit_done(audit);
}

/**
 * vms_audit_frame_free - whether a STRICT space may map a frame
 * @space:	the space; no operation goes on
 * @frame:	physical address
 * @size:	in bytes
 *
 * Return: 0, -EBUSY if it maps the frame already, -ENOMEM if that is not known any
 * more, -EUCLEAN if it is broken.
 */
int vms_audit_frame_free(struct vms_space *space, u64 frame, u64 size)
{
	struct vms_audit *audit = space->audit;
	int ret = 0;

	if (!audit_begin(audit))
		return audit_broken(audit) ? : -ENOMEM;
	if (spec_monitor_frame_taken(&audit->monitor, (struct spec_region) { frame, size }))
		ret = -EBUSY;
	mutex_unlock(&audit->lock);
	return ret;
}

/**
 * vms_audit_show - what came of it so far
 * @s:		where to
 * @space:	a CHECKED space
 */
void vms_audit_show(struct seq_file *s, struct vms_space *space)
{
	struct vms_audit *audit = space->audit;

	mutex_lock(&audit->lock);
	seq_printf(s, "steps: %llu\nviolations: %llu\nrule: %s\n", audit->steps,
		   audit->violations, audit->rule ? audit->rule : "-");
	if (audit->blind)
		seq_puts(s, "not checked any further: there was no memory\n");
	mutex_unlock(&audit->lock);
}
