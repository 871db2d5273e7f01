// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads that work on one space at once, as CPUs do.
 *
 * What is mapped, and who owns it, is noted in plain memory without any lock:
 * to own a range must be enough. So ThreadSanitizer checks the exclusion and
 * its ordering, and AddressSanitizer the lifetimes.
 */
#include <time.h>
#include <unistd.h>
#include "machine.h"
#include "tap.h"

#define KB4		(1ULL << 12)
#define MB2		(1ULL << 21)
#define PER_TABLE	512
#define AREAS		4
#define PAGES		(AREAS * PER_TABLE)
#define WORKERS		4
#define WATCHERS	2
#define RW		(VMSPACE_PROP_READ | VMSPACE_PROP_WRITE)

static struct vms_space *space;
static struct object *small, *large;
static bool stop;
static unsigned int seconds = 2;

/* The areas are side by side below a boundary of all levels, and above it. */
static u64 base;

/* Guarded by owning the page, and by nothing else. */
static struct {
	int owner;
	u64 pa;
	u32 prop;
} pages[PAGES];

struct worker {
	pthread_t thread;
	unsigned int number;
	unsigned int seed;
	void (*range)(struct worker *w, u64 *start, u64 *end);
	bool never_busy;
	struct task_struct *task;
	unsigned long opened;
	unsigned long busy;
	unsigned long interrupted;
	unsigned long out_of_memory;
};

static struct worker workers[WORKERS];

static unsigned int any(struct worker *w, unsigned int n)
{
	w->seed = w->seed * 1664525 + 1013904223;
	return (w->seed >> 8) % n;
}

static unsigned int page_of(u64 va)
{
	return (va - base) / KB4;
}

static void claim(const struct worker *w, const struct vms_cursor *c)
{
	unsigned int i;

	for (i = page_of(c->start); i < page_of(c->end); i++) {
		FATAL_IF(pages[i].owner);
		pages[i].owner = 1 + w->number;
	}
}

static void disclaim(const struct worker *w, const struct vms_cursor *c)
{
	unsigned int i;

	for (i = page_of(c->start); i < page_of(c->end); i++) {
		FATAL_IF(pages[i].owner != 1 + (int)w->number);
		pages[i].owner = 0;
	}
}

/* What the cursor sees is what is noted: no update is lost. */
static void verify(struct vms_cursor *c)
{
	u64 va = c->start;

	FATAL_IF(vms_cursor_jump(c, va));
	while (va < c->end) {
		struct vms_mapping m;
		u64 start;

		vms_cursor_next(c, 0, &m);
		start = m.entry ? max(m.start, va) : c->end;
		for (; va < start; va += KB4)
			FATAL_IF(pages[page_of(va)].pa);
		for (; va < c->va; va += KB4) {
			u32 prop = vms_entry_prop(m.entry);

			FATAL_IF(pages[page_of(va)].pa !=
				    (vms_entry_pfn(m.entry) << 12) + (va - m.start));
			FATAL_IF((pages[page_of(va)].prop ^ prop) & RW);
		}
	}
}

static void note(u64 start, u64 end, u64 pa, u32 prop)
{
	for (; start < end; start += KB4) {
		pages[page_of(start)].pa = pa;
		pages[page_of(start)].prop = prop;
		if (pa)
			pa += KB4;
	}
}

static void do_map(struct worker *w, struct vms_cursor *c)
{
	struct object *object = any(w, 3) ? small : large;
	u64 va = c->va, left = (c->end - va) / KB4, i;
	struct vms_map map = {
		.mem = &object->mem, .prop = RW, .replace = any(w, 2), .level = any(w, 3),
	};
	int ret;

	map.index = any(w, 2) * PER_TABLE;
	map.pages = any(w, 2) ? 1 + any(w, 20) : PER_TABLE;
	map.pages = min(map.pages, left);
	if (!map.pages)
		return;
	ret = vms_cursor_map(c, &map, any(w, 4) == 0);
	FATAL_IF(ret && ret != -EEXIST && ret != -EINVAL && ret != -ENOMEM);
	FATAL_IF(ret ? c->va != va : c->va != va + map.pages * KB4);
	for (i = 0; !ret && i < map.pages; i++)
		note(va + i * KB4, va + (i + 1) * KB4, object_pa(object, map.index + i), RW);
}

static void do_unmap(struct worker *w, struct vms_cursor *c)
{
	u64 va = c->va, len = min(c->end - va, any(w, 2) ? MB2 : (1 + any(w, 20)) * KB4), found;
	int ret = vms_cursor_unmap(c, len, any(w, 4) == 0, &found);
	u64 noted = 0, i;

	FATAL_IF(ret && ret != -ENOMEM);
	if (ret)
		return;
	for (i = va; i < va + len; i += KB4)
		noted += !!pages[page_of(i)].pa;
	FATAL_IF(found != noted);
	note(va, va + len, 0, 0);
}

static void do_protect(struct worker *w, struct vms_cursor *c)
{
	u64 va = c->va, len = min(c->end - va, any(w, 2) ? MB2 : (1 + any(w, 20)) * KB4), found;
	u32 clear = any(w, 2) ? VMSPACE_PROP_WRITE : 0, set = VMSPACE_PROP_WRITE & ~clear;
	int ret = vms_cursor_protect(c, len, clear, set, any(w, 4) == 0, &found);
	u64 i;

	FATAL_IF(ret && ret != -ENOMEM);
	for (i = va; !ret && i < va + len; i += KB4)
		if (pages[page_of(i)].pa)
			pages[page_of(i)].prop = (pages[page_of(i)].prop & ~clear) | set;
}

static void do_access(struct worker *w)
{
	struct access access;

	cpu_access(w->number, base + any(w, PAGES) * KB4, any(w, 2), &access);
}

static void work(struct worker *w, struct vms_cursor *c)
{
	unsigned int n = any(w, 8);

	claim(w, c);
	verify(c);
	while (n--) {
		FATAL_IF(vms_cursor_jump(c, c->start + any(w, page_of(c->end) -
							       page_of(c->start)) * KB4));
		stub_self.fail_in = any(w, 20) ? -1 : (int)any(w, 3);
		switch (any(w, 4)) {
		case 0:
			do_map(w, c);
			break;
		case 1:
			do_unmap(w, c);
			break;
		case 2:
			do_protect(w, c);
			break;
		default:
			do_access(w);
			break;
		}
		stub_self.fail_in = -1;
	}
	if (any(w, 4) == 0) {
		vms_cursor_jump(c, c->start);
		c->va = c->start;
		do_unmap(w, c);
	}
	verify(c);
	disclaim(w, c);
}

static void yield_sometimes(void)
{
	static __thread unsigned int n;

	if (!(++n % 61))
		sched_yield();
}

static void *worker_run(void *arg)
{
	struct worker *w = arg;

	stub_thread_start();
	stub_self.resched = yield_sometimes;
	get_task_struct(current);
	__atomic_store_n(&w->task, current, __ATOMIC_RELEASE);
	while (!READ_ONCE(stop)) {
		bool nonblock = w->never_busy || any(w, 4) == 0;
		struct vms_cursor *c;
		u64 start, end;

		w->range(w, &start, &end);
		stub_self.fail_in = w->never_busy || any(w, 20) ? -1 : (int)any(w, 4);
		c = space_open_cursor(space, start, end, w->never_busy ? 1 : 1 + any(w, 2), true,
				      nonblock);
		stub_self.fail_in = -1;
		do_access(w);
		if (!IS_ERR(c)) {
			w->opened++;
			work(w, c);
			cursor_drop(c);
			continue;
		}
		switch (PTR_ERR(c)) {
		case -EBUSY:
			FATAL_IF(w->never_busy || !nonblock);
			w->busy++;
			break;
		case -EINTR:
			__atomic_store_n(&current->signal, 0, __ATOMIC_RELEASE);
			w->interrupted++;
			break;
		case -ENOMEM:
			w->out_of_memory++;
			break;
		default:
			FATAL_IF(true);
		}
	}
	stub_thread_end();
	return NULL;
}

/* Looks without any lock, at whatever is there. */
static void *watcher_run(void *arg)
{
	struct worker w = { .number = WORKERS + (unsigned long)arg, .seed = (unsigned long)arg };

	stub_thread_start();
	while (!READ_ONCE(stop)) {
		u64 va = base + any(&w, PAGES) * KB4;
		struct vms_mapping m;

		vms_pt_translate(&space->pt, va, &m);
		FATAL_IF(va < m.start || va >= m.end);
		if (m.entry) {
			u64 pa = (vms_entry_pfn(m.entry) << 12) + (va - m.start);

			FATAL_IF(m.end - m.start != KB4 << (9 * (m.level - 1)));
			/* Whatever is mapped at all is in one of the two objects. */
			FATAL_IF(!__atomic_load_n(&frame_at(pa)->refs, __ATOMIC_RELAXED));
		}
		if (any(&w, 256) == 0)
			FATAL_IF(vms_pt_pages(&space->pt) > PAGES);
		do_access(&w);
	}
	stub_thread_end();
	return NULL;
}

/* A signal now and then, to whoever waits. */
static void *signaller_run(void *arg)
{
	struct worker w = { .seed = 99 };

	(void)arg;
	stub_thread_start();
	while (!READ_ONCE(stop)) {
		struct task_struct *task;

		task = __atomic_load_n(&workers[any(&w, WORKERS)].task, __ATOMIC_ACQUIRE);
		if (task && stub_sleeping(task))
			stub_signal(task);
		usleep(300);
	}
	stub_thread_end();
	return NULL;
}

#ifdef STUB_TSAN
/* liburcu was not compiled for it. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
	return "called_from_lib:liburcu-memb.so\n";
}
#endif

static void range_own_table(struct worker *w, u64 *start, u64 *end)
{
	unsigned int first = any(w, 500);

	*start = base + w->number * MB2 + first * KB4;
	*end = *start + (1 + any(w, 511 - first)) * KB4;
}

static void range_same_table(struct worker *w, u64 *start, u64 *end)
{
	unsigned int first = any(w, 100);

	*start = base + MB2 + (w->number * 128 + first) * KB4;
	*end = *start + (1 + any(w, 127 - first)) * KB4;
}

static void range_anywhere(struct worker *w, u64 *start, u64 *end)
{
	unsigned int first = any(w, PAGES - 1), n = any(w, 2) ? 20 : 2 * PER_TABLE;

	if (any(w, 3) == 0)
		first = first / PER_TABLE * PER_TABLE;
	n = min(1 + any(w, n), PAGES - first);
	*start = base + first * KB4;
	*end = *start + n * KB4;
}

static void range_mixed(struct worker *w, u64 *start, u64 *end)
{
	void (*const ranges[])(struct worker *w, u64 *start, u64 *end) = {
		range_own_table, range_same_table, range_anywhere,
	};

	ranges[any(w, 3)](w, start, end);
}

static void range_one(struct worker *w, u64 *start, u64 *end)
{
	(void)w;
	*start = base;
	*end = base + 4 * KB4;
}

/* Unmapped, everything goes back. */
static void tear_down(void)
{
	struct vms_cursor *c = space_open_cursor(space, 0, space->pt.va_end, 1, true, true);
	unsigned int i;
	u64 found;

	FATAL_IF(IS_ERR(c));
	FATAL_IF(vms_cursor_unmap(c, space->pt.va_end, false, &found));
	cursor_drop(c);
	FATAL_IF(atomic_long_read(&space->pt.tables) != 1);
	FATAL_IF(space->pt.root->count || space->pt.root->owned);
	for (i = 0; i < PAGES; i++)
		FATAL_IF(pages[i].owner);
	memset(pages, 0, sizeof(pages));
	for (i = 0; i < zones[1].nr; i++)
		FATAL_IF(zones[1].frames[i].refs != 1);
	for (i = 0; i < zones[2].nr; i++)
		FATAL_IF(zones[2].frames[i].refs != 1);
	space_destroy(space);
}

/* One page at the end of every area, so that its tables exist. */
static void hold_tables(void)
{
	unsigned int i;

	for (i = 0; i < AREAS; i++) {
		u64 va = base + (i + 1) * MB2 - KB4;
		struct vms_cursor *c = space_open_cursor(space, va, va + KB4, 1, true, true);
		struct vms_map map = { .mem = &small->mem, .pages = 1, .prop = RW };

		FATAL_IF(IS_ERR(c) || vms_cursor_map(c, &map, false));
		note(va, va + KB4, object_pa(small, 0), RW);
		cursor_drop(c);
	}
}

static void run(const char *name, unsigned int levels,
		void (*range)(struct worker *w, u64 *start, u64 *end), bool never_busy,
		bool signals)
{
	pthread_t watchers[WATCHERS], signaller;
	bool all = true;
	unsigned long i;

	space = space_create(levels, 2);
	/* Half of the areas are on either side of the boundary. */
	base = (never_busy ? 0 : 1ULL << 39) + (1ULL << 39) - (never_busy ? 0 : AREAS / 2 * MB2);
	for (i = 0; i < STUB_CPUS; i++)
		cpu_enter(i, space);
	if (never_busy)
		hold_tables();
	WRITE_ONCE(stop, false);
	for (i = 0; i < WORKERS; i++) {
		workers[i] = (struct worker) {
			.number = i, .seed = i * 77 + levels, .range = range,
			.never_busy = never_busy,
		};
		pthread_create(&workers[i].thread, NULL, worker_run, &workers[i]);
	}
	for (i = 0; i < WATCHERS; i++)
		pthread_create(&watchers[i], NULL, watcher_run, (void *)i);
	if (signals)
		pthread_create(&signaller, NULL, signaller_run, NULL);
	/* Nobody may hang: then the alarm ends it all. */
	alarm(60 + seconds);
	sleep(seconds);
	WRITE_ONCE(stop, true);
	for (i = 0; i < WORKERS; i++)
		pthread_join(workers[i].thread, NULL);
	for (i = 0; i < WATCHERS; i++)
		pthread_join(watchers[i], NULL);
	if (signals)
		pthread_join(signaller, NULL);
	alarm(0);
	for (i = 0; i < WORKERS; i++) {
		printf("# %lu opened %lu busy %lu interrupted %lu no memory %lu\n", i,
		       workers[i].opened, workers[i].busy, workers[i].interrupted,
		       workers[i].out_of_memory);
		all &= workers[i].opened > 0;
		put_task_struct(workers[i].task);
	}
	tear_down();
	tap_result(all, name);
}

int main(void)
{
	static unsigned int frames[2 * PER_TABLE];
	unsigned int i;

	if (getenv("SECONDS_EACH"))
		seconds = atoi(getenv("SECONDS_EACH"));
	stub_thread_start();
	machine_init(2 * PER_TABLE, 2, 0);
	for (i = 0; i < 2 * PER_TABLE; i++)
		frames[i] = i;
	small = object_create(1, frames, 2 * PER_TABLE, true, VMSPACE_CACHE_WB);
	large = object_create(2, frames, 2, true, VMSPACE_CACHE_WB);
	tap_plan(6);
	run("disjoint ranges with tables of their own never wait", 4, range_own_table, true, false);
	run("neighbours in one table", 4, range_same_table, false, false);
	run("overlapping ranges", 4, range_anywhere, false, false);
	run("one range, and signals to those who wait", 4, range_one, false, true);
	run("all of it, with five levels and signals", 5, range_mixed, false, true);
	object_destroy(small);
	object_destroy(large);
	machine_exit();
	tap_ok("everything has gone back");
	stub_thread_end();
	return tap_end();
}
