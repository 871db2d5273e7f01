// SPDX-License-Identifier: GPL-2.0-only
/*
 * A look inside: /sys/kernel/debug/vmspace/NUMBER/.
 *
 * table	the tables and the ranges that are mapped, for people
 * entries	every entry that is not empty, bit for bit, for tests
 * cpus		the CPUs of the space and what they did
 * times	how long that took
 * audit	of a CHECKED space, what was checked and found
 *
 * The tables are walked under RCU, an entry at a time: what is printed is
 * exact when nobody changes the space meanwhile.
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>
#include "audit.h"
#include "compat.h"
#include "debugfs.h"
#include "resident.h"
#include "space.h"

static struct dentry *root;

static const char * const size_names[] = { "", "4K", "2M", "1G", "512G", "256T" };
static const char * const cache_names[] = { "wb", "wc", "uc" };

/**
 * struct vms_leaves - leaves in a row that differ only in their frames
 * @m:		the first of them, with the end of the last
 * @nr:		how many
 * @scattered:	their frames are not in a row
 */
struct vms_leaves {
	struct vms_mapping m;
	unsigned int nr;
	bool scattered;
};

static bool run_continues(const struct vms_leaves *run, const struct vms_mapping *m)
{
	return run->nr && run->m.level == m->level && run->m.end == m->start &&
	       !((run->m.entry ^ m->entry) & ~VMS_ADDRESS_MASK);
}

static void run_print(struct seq_file *s, struct vms_leaves *run)
{
	u64 e = run->m.entry;
	u32 prop = vms_entry_prop(e);

	if (!run->nr)
		return;
	seq_printf(s, "  0x%014llx-0x%014llx %4u x %-3s %c%c%c%c %c%c%c %s pfn 0x%llx%s\n",
		   run->m.start, run->m.end, run->nr, size_names[run->m.level],
		   prop & VMSPACE_PROP_READ ? 'r' : '-',
		   prop & VMSPACE_PROP_WRITE ? 'w' : '-',
		   prop & VMSPACE_PROP_EXEC ? 'x' : '-',
		   prop & VMSPACE_PROP_USER ? 'u' : 's',
		   prop & VMSPACE_PROP_ACCESSED ? 'A' : '-',
		   prop & VMSPACE_PROP_DIRTY ? 'D' : '-',
		   prop & VMSPACE_PROP_SOFT ? 'S' : '-',
		   cache_names[vms_entry_cache(e)], vms_entry_pfn(e),
		   run->scattered ? ", ..." : "");
	run->nr = 0;
}

/* What a dump does with each mapping, in ascending order. */
typedef void (*vms_dump_fn)(struct seq_file *s, const struct vms_walk *w, void *arg);

static void dump_walk(struct seq_file *s, struct vms_pt *pt, vms_dump_fn fn, void *arg)
{
	struct vms_walk w;
	u64 va = 0;

	while (va < pt->va_end && !seq_has_overflowed(s)) {
		unsigned int budget = 4 * VMS_ENTRIES;
		bool more;

		rcu_read_lock();
		vms_walk_start(&w, pt->root, va);
		do {
			if (!vms_entry_empty(w.entry))
				fn(s, &w, arg);
			more = vms_walk_next(&w, pt->root, pt->va_end);
		} while (more && --budget);
		rcu_read_unlock();
		va = w.va;
		cond_resched();
	}
}

static void table_mapping(struct seq_file *s, const struct vms_walk *w, void *arg)
{
	struct vms_leaves *run = arg;
	struct vms_mapping m;

	vms_walk_mapping(w, &m);
	if (run_continues(run, &m)) {
		u64 next = run->m.entry + run->nr * vms_level_size(m.level);

		run->scattered |= m.entry != next;
		run->nr++;
		run->m.end = m.end;
		return;
	}
	run_print(s, run);
	*run = (struct vms_leaves) { .m = m, .nr = 1 };
}

static int table_show(struct seq_file *s, void *unused)
{
	struct vms_space *space = s->private;
	struct vms_leaves run = {};

	seq_printf(s, "space %d: %u levels, %ld table pages, %llu pages mapped\n", space->number,
		   space->pt.levels, atomic_long_read(&space->pt.tables),
		   vms_pt_pages(&space->pt));
	dump_walk(s, &space->pt, table_mapping, &run);
	run_print(s, &run);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(table);

/**
 * struct vms_path - the way to the last entry that was printed
 * @node:	by level
 */
struct vms_path {
	const struct vms_node *node[VMS_MAX_LEVELS + 1];
};

/* The directory entries on the way, where it is another way than the last. */
static void entries_directories(struct seq_file *s, const struct vms_walk *w,
				struct vms_path *path, unsigned int top)
{
	unsigned int level;

	for (level = top; level > w->level; level--) {
		unsigned int index = vms_index(w->va, level);
		const struct vms_node *child = w->path[level - 1];
		/* Its owner goes on counting. */
		u16 count = data_race(child->count);

		if (path->node[level - 1] == child)
			continue;
		path->node[level - 1] = child;
		seq_printf(s, "%u 0x%014llx %3u 0x%016llx table %u\n", level,
			   vms_slot_start(w->va, level), index,
			   READ_ONCE(w->path[level]->table[index]), count);
	}
}

static void entries_mapping(struct seq_file *s, const struct vms_walk *w, void *arg)
{
	struct vms_space *space = s->private;

	entries_directories(s, w, arg, space->pt.levels);
	seq_printf(s, "%u 0x%014llx %3u 0x%016llx leaf\n", w->level,
		   vms_slot_start(w->va, w->level), vms_index(w->va, w->level), w->entry);
}

static int entries_show(struct seq_file *s, void *unused)
{
	struct vms_space *space = s->private;
	struct vms_path path = {};

	dump_walk(s, &space->pt, entries_mapping, &path);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(entries);

static int cpus_show(struct seq_file *s, void *unused)
{
	struct vms_space *space = s->private;
	unsigned int cpu;

	/* CPUs come and go meanwhile. */
	kcsan_disable_current();
	seq_printf(s, "inside: %*pbl\n", cpumask_pr_args(space->mmu.inside));
	kcsan_enable_current();
	seq_printf(s, "shootdowns: %lld\ndeferred: %lld\n", atomic64_read(&space->shootdowns),
		   atomic64_read(&space->deferred));
	seq_puts(s, "cpu state        sent  flushed    acked  entered accesses\n");
	for_each_possible_cpu(cpu) {
		const struct vms_counters *c = per_cpu_ptr(space->counters, cpu);
		u32 state;

		if (vms_resident_state(space, cpu, &state))
			continue;
		if (!state && !READ_ONCE(c->entered))
			continue;
		seq_printf(s, "%3u %-8s %8lld %8llu %8llu %8llu %8llu\n", cpu,
			   state & VMSPACE_CPU_PARKED ? "parked" :
			   state & VMSPACE_CPU_RESIDENT ? "resident" :
			   state & VMSPACE_CPU_ACTIVE ? "active" : "-",
			   atomic64_read(&c->sent), READ_ONCE(c->flushed), READ_ONCE(c->acked),
			   READ_ONCE(c->entered), READ_ONCE(c->accesses));
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(cpus);

static const char * const time_names[VMSPACE_TIMES] = {
	[VMSPACE_TIME_ENTERED] = "sent to entered, on the receiver",
	[VMSPACE_TIME_FLUSHED] = "sent to flushed, on the receiver",
	[VMSPACE_TIME_ACKED] = "sent to all acknowledged, on the sender",
	[VMSPACE_TIME_STAY] = "stays inside",
};

static void times_print(struct seq_file *s, unsigned int cpu, const struct vms_histogram *h)
{
	u64 total = READ_ONCE(h->total);
	unsigned int i;

	seq_printf(s, "  cpu %u: %llu times, mean %llu ns, longest %llu ns\n", cpu, total,
		   div64_u64(READ_ONCE(h->sum), total), READ_ONCE(h->max));
	for (i = 0; i < VMSPACE_BUCKETS; i++)
		if (READ_ONCE(h->buckets[i]))
			seq_printf(s, "    >= %10llu ns %10llu\n", i ? 1ULL << i : 0,
				   READ_ONCE(h->buckets[i]));
}

static int times_show(struct seq_file *s, void *unused)
{
	struct vms_space *space = s->private;
	unsigned int time, cpu;

	for (time = 0; time < VMSPACE_TIMES; time++) {
		seq_printf(s, "%s\n", time_names[time]);
		for_each_possible_cpu(cpu) {
			const struct vms_counters *c = per_cpu_ptr(space->counters, cpu);

			if (READ_ONCE(c->times[time].total))
				times_print(s, cpu, &c->times[time]);
		}
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(times);

static int audit_show(struct seq_file *s, void *unused)
{
	vms_audit_show(s, s->private);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(audit);

/**
 * vms_debugfs_add - show a space
 * @space: its number and page table are set up
 *
 * Return: for vms_debugfs_remove(). Nobody depends on debugfs: errors are
 * debugfs's own matter.
 */
struct dentry *vms_debugfs_add(struct vms_space *space)
{
	struct dentry *dir;
	char name[16];

	snprintf(name, sizeof(name), "%d", space->number);
	dir = debugfs_create_dir(name, root);
	debugfs_create_file("table", 0400, dir, space, &table_fops);
	debugfs_create_file("entries", 0400, dir, space, &entries_fops);
	debugfs_create_file("cpus", 0400, dir, space, &cpus_fops);
	debugfs_create_file("times", 0400, dir, space, &times_fops);
	if (space->audit)
		debugfs_create_file("audit", 0400, dir, space, &audit_fops);
	return dir;
}

/**
 * vms_debugfs_remove - show a space no longer
 * @dir: from vms_debugfs_add()
 *
 * Context: may sleep; waits for those who are reading.
 */
void vms_debugfs_remove(struct dentry *dir)
{
	debugfs_remove(dir);
}

/**
 * vms_debugfs_init - the directory of all spaces
 */
void __init vms_debugfs_init(void)
{
	root = debugfs_create_dir("vmspace", NULL);
}

/**
 * vms_debugfs_exit - after the last space
 */
void vms_debugfs_exit(void)
{
	debugfs_remove(root);
}
