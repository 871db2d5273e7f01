// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it costs to map, protect and unmap pages that exist: by number, by size, by
 * operations per call, and in memory for tables.
 *
 * After every step that was timed it is checked that it was done: all pages are
 * mapped, are not writable any more, are gone.
 */
#define _GNU_SOURCE
#include <floor.h>
#include <math.h>
#include <sys/syscall.h>
#include "bench.h"

enum step { MAP, PROTECT, UNMAP, NR_STEPS };

static const char *const step_names[] = { "map", "protect", "unmap" };

/**
 * struct size - pages of one size
 * @bytes:	of a page
 * @flags:	of MAP
 * @memory:	the module's frames
 * @fd:		Linux's, or -1
 */
struct size {
	size_t bytes;
	unsigned int flags;
	int memory;
	int fd;
};

static size_t small_pages(const struct size *size, unsigned int n)
{
	return n * (size->bytes / PAGE);
}

/* What was to be done to @bytes from BASE on has been done. */
static void check_vmspace(const struct bench *b, enum step step, size_t bytes)
{
	const unsigned int write = VMSPACE_PROP_WRITE;
	struct vmspace_op stat, first, last;
	const bool wanted = step != UNMAP;

	must(vms_space_stat(b->fd, b->space, &stat), "SPACE_STAT");
	must(vms_translate(b->fd, b->space, BASE, &first), "TRANSLATE");
	must(vms_translate(b->fd, b->space, BASE + bytes - PAGE, &last), "TRANSLATE");
	if (stat.space_stat.pages != (step == UNMAP ? 0 : bytes / PAGE) ||
	    stat.space_stat.deferred)
		die(0, "after %s %llu pages are mapped, %llu deferred", step_names[step],
		    stat.space_stat.pages, stat.space_stat.deferred);
	if (first.query.present != wanted || last.query.present != wanted)
		die(0, "%s was not done", step_names[step]);
	if (wanted && (first.query.prop & last.query.prop & write) != (step == MAP ? write : 0))
		die(0, "after %s the rights are wrong", step_names[step]);
}

/*
 * One run: a number of ranges of n pages, each mapped by a call of its own, then
 * each protected, then each unmapped, so that reading the clock costs nothing. A
 * flush that is deferred belongs to what it is for.
 */
static void run_vmspace(const struct bench *b, const struct size *size, unsigned int n,
			unsigned int ranges, unsigned int flags, double took[NR_STEPS])
{
	size_t bytes = n * size->bytes;
	struct vmspace_op op;
	enum step step;
	unsigned int i;
	double start;

	for (step = MAP; step < NR_STEPS; step++) {
		must(vms_jump(b->fd, b->cursor, BASE), "JUMP");
		start = now();
		for (i = 0; i < ranges; i++) {
			if (step == MAP)
				must(vms_map_range(b->fd, b->cursor, size->memory,
						   i * small_pages(size, n), small_pages(size, n),
						   RW, size->flags), "MAP");
			else if (step == PROTECT)
				must(vms_protect(b->fd, b->cursor, bytes, VMSPACE_PROP_WRITE, 0,
						 flags, &op), "PROTECT");
			else
				must(vms_unmap(b->fd, b->cursor, bytes, flags, &op), "UNMAP");
		}
		if (flags)
			must(vms_flush_sync(b->fd, b->cursor, &op), "FLUSH_SYNC");
		took[step] = now() - start;
		check_vmspace(b, step, bytes * ranges);
	}
}

/* How many of the 4 KiB pages from @start on are mapped in this process. */
static size_t count_present(const char *start, size_t pages)
{
	static uint64_t entries[4096];
	static int fd = -1;
	size_t i, nr, sum = 0;

	if (fd < 0)
		fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die(-errno, "pagemap");
	for (; pages; pages -= nr, start += nr * PAGE) {
		nr = pages < 4096 ? pages : 4096;
		if (pread(fd, entries, nr * 8, (uintptr_t)start / PAGE * 8) != (ssize_t)nr * 8)
			die(-errno, "pagemap");
		for (i = 0; i < nr; i++)
			sum += entries[i] >> 63;
	}
	return sum;
}

/* Whether the kernel would write there for this process. */
static bool can_write(char *to)
{
	static int fd = -1;

	if (fd < 0)
		fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	return read(fd, to, 1) == 1;
}

static void check_linux(enum step step, char *start, size_t step_bytes, size_t bytes,
			unsigned int ranges)
{
	char *last = start + (ranges - 1) * step_bytes + bytes - 1;
	size_t present = count_present(start, ranges * step_bytes / PAGE);

	if (present != (step == UNMAP ? 0 : ranges * bytes / PAGE))
		die(0, "after %s Linux has %zu pages mapped", step_names[step], present);
	if (step == MAP && !(can_write(start) && can_write(last)))
		die(0, "Linux did not map pages writable");
	if (step == PROTECT && (can_write(start) || can_write(last)))
		die(0, "Linux did not protect pages");
}

/* Room for the ranges of Linux, aligned to its huge pages, where nothing is. */
static char *linux_area(void)
{
	const size_t room = 5 * BENCH_BYTES, huge = BENCH_BYTES / LARGE_PAGES;
	static char *area;

	if (!area) {
		area = mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (area == MAP_FAILED)
			die(-errno, "mmap");
		munmap(area, room);
		area = (char *)(((uintptr_t)area + huge - 1) & ~(huge - 1));
	}
	return area;
}

static void run_linux(const struct size *size, unsigned int n, unsigned int ranges,
		      double took[NR_STEPS])
{
	/* With a page between, or Linux would make one of them all. */
	size_t bytes = n * size->bytes, step_bytes = bytes + size->bytes;
	char *area = linux_area();
	enum step step;
	unsigned int i;
	double start;

	for (step = MAP; step < NR_STEPS; step++) {
		start = now();
		for (i = 0; i < ranges; i++) {
			char *at = area + i * step_bytes;
			long ret;

			if (step == MAP)
				ret = (long)mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_SHARED |
						 MAP_POPULATE | MAP_FIXED, size->fd, i * bytes);
			else if (step == PROTECT)
				ret = mprotect(at, bytes, PROT_READ);
			else
				ret = munmap(at, bytes);
			if (ret == -1)
				die(-errno, "%s in Linux", step_names[step]);
		}
		took[step] = now() - start;
		check_linux(step, area, step_bytes, bytes, ranges);
	}
}

static void run_floor(const struct bench *b, unsigned int n, unsigned int ranges,
		      double took[NR_STEPS])
{
	struct floor_pages arg = { .pages = n, .ranges = ranges };

	if (ioctl(b->floor, FLOOR_PAGES, &arg))
		die(-errno, "the floor");
	took[MAP] = arg.map_ns;
	took[PROTECT] = arg.protect_ns;
	took[UNMAP] = arg.unmap_ns;
}

enum who { SYNC, DEFERRED, LINUX, FLOOR, NR_WHO };

static bool run(const struct bench *b, const struct size *size, enum who who, unsigned int n,
		unsigned int ranges, double took[NR_STEPS])
{
	switch (who) {
	case LINUX:
		if (size->fd < 0)
			return false;
		run_linux(size, n, ranges, took);
		return true;
	case FLOOR:
		/* It has small pages only. */
		if (b->floor < 0 || size->bytes != PAGE)
			return false;
		run_floor(b, n, ranges, took);
		return true;
	default:
		run_vmspace(b, size, n, ranges, who == DEFERRED ? VMSPACE_DEFER : 0, took);
		return true;
	}
}

static void row(const char *name, unsigned int n, double vmspace, double linux_, double floor)
{
	const double values[] = { vmspace, linux_, floor, linux_ / vmspace, vmspace / floor };

	table_row(name, n, n == 1 ? "page" : "pages", values);
}

static void bench_number(const struct bench *b, const struct size *size, unsigned int n)
{
	static struct samples samples[NR_WHO][NR_STEPS];
	unsigned int runs = n > 4096 ? 21 : 51, ranges, i;
	double took[NR_STEPS];
	enum step step;
	enum who who;

	/* So many that what comes first in a run, and the clock, do not matter. */
	ranges = n < 64 ? 512 / n : n < 4096 ? 4096 / n : 1;
	if (size->bytes > PAGE)
		ranges = LARGE_PAGES / n;
	memset(samples, 0, sizeof(samples));
	for (i = 0; i < runs; i++)
		for (who = 0; who < NR_WHO; who++)
			if (run(b, size, who, n, ranges, took))
				for (step = 0; step < NR_STEPS; step++)
					sample_add(&samples[who][step], took[step] / n / ranges);
	for (step = 0; step < NR_STEPS; step++) {
		double linux_ = median(&samples[LINUX][step]);
		double floor = median(&samples[FLOOR][step]);
		char name[20];

		row(step_names[step], n, median(&samples[SYNC][step]), linux_, floor);
		if (step == MAP)
			continue;
		snprintf(name, sizeof(name), "%s, lazy", step_names[step]);
		row(name, n, median(&samples[DEFERRED][step]), linux_, floor);
	}
}

static const char *const columns[] = {
	"vmspace", "Linux", "floor", "xLinux/vms", "xvms/floor", NULL
};

void bench_pages(const struct bench *b)
{
	static const unsigned int numbers[] = { 1, 8, 64, 512, 4096, SMALL_PAGES };
	const struct size size = {
		.bytes = PAGE, .memory = b->memory, .fd = b->memfd,
	};
	unsigned int i;

	table_begin("pages", "existing 4 KiB pages, one call per range: ns per page", columns);
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		bench_number(b, &size, numbers[i]);
	table_end();
}

void bench_large(const struct bench *b)
{
	static const unsigned int numbers[] = { 1, 8, LARGE_PAGES };
	const struct size size = {
		.bytes = BENCH_BYTES / LARGE_PAGES, .flags = VMSPACE_PAGE_2M,
		.memory = b->large, .fd = b->hugefd,
	};
	unsigned int i;

	table_begin("large", "existing 2 MiB pages, one call per range: ns per page", columns);
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		bench_number(b, &size, numbers[i]);
	table_end();
}

/* Operations on one page each, so many per call. */

#define CALL_OPS	512U

static void fill_op(const struct bench *b, enum step step, unsigned int i, struct vmspace_op *op)
{
	*op = (struct vmspace_op) { .id = b->cursor };
	switch (step) {
	case MAP:
		op->opcode = VMSPACE_OP_MAP;
		op->map.memory = b->memory;
		op->map.index = i;
		op->map.count = 1;
		op->map.prop = RW;
		break;
	case PROTECT:
		op->opcode = VMSPACE_OP_PROTECT;
		op->protect_range.len = PAGE;
		op->protect_range.clear = VMSPACE_PROP_WRITE;
		break;
	default:
		op->opcode = VMSPACE_OP_UNMAP;
		op->unmap.len = PAGE;
	}
}

static double time_calls(const struct bench *b, enum step step, unsigned int per_call)
{
	static struct vmspace_op ops[CALL_OPS];
	struct vmspace_step arg;
	unsigned int i;
	double start;

	for (i = 0; i < CALL_OPS; i++)
		fill_op(b, step, i, &ops[i]);
	must(vms_jump(b->fd, b->cursor, BASE), "JUMP");
	start = now();
	for (i = 0; i < CALL_OPS; i += per_call) {
		must(vms_step(b->fd, ops + i, per_call, 0, &arg), "STEP");
		must(arg.error, step_names[step]);
	}
	start = now() - start;
	check_vmspace(b, step, CALL_OPS * PAGE);
	return start / CALL_OPS;
}

/* What no operation can be faster than, alone in its call. */
static void bench_nothing(const struct bench *b)
{
	struct samples vmspace = {}, linux_ = {};
	double values[2], start;
	unsigned int run, i;

	for (run = 0; run < 51; run++) {
		start = now();
		for (i = 0; i < 64; i++)
			if (ioctl(b->fd, _IO(VMSPACE_IOC_MAGIC, 0xff)) != -1 || errno != ENOTTY)
				die(0, "a call that there is not");
		sample_add(&vmspace, (now() - start) / 64);
		start = now();
		for (i = 0; i < 64; i++)
			syscall(SYS_getppid);
		sample_add(&linux_, (now() - start) / 64);
	}
	values[0] = median(&vmspace);
	values[1] = median(&linux_);
	table_row("nothing", 1, "call", values);
}

void bench_calls(const struct bench *b)
{
	static const char *const call_columns[] = { "vmspace", "Linux", NULL };
	static const unsigned int per_call[] = { 1, 8, 64, CALL_OPS };
	unsigned int run, i;
	enum step step;

	table_begin("calls", "operations on one 4 KiB page, so many per call: ns per operation",
		    call_columns);
	bench_nothing(b);
	for (i = 0; i < sizeof(per_call) / sizeof(per_call[0]); i++) {
		static struct samples samples[NR_STEPS];

		memset(samples, 0, sizeof(samples));
		for (run = 0; run < 51; run++)
			for (step = 0; step < NR_STEPS; step++)
				sample_add(&samples[step], time_calls(b, step, per_call[i]));
		for (step = 0; step < NR_STEPS; step++)
			table_row(step_names[step], per_call[i], "/ call",
				  (double[]) { median(&samples[step]), NAN });
	}
	table_end();
}

/* What it costs to be held against the specification. */

static const unsigned int kinds[] = { 0, VMSPACE_CHECKED };

#define NR_KINDS	(sizeof(kinds) / sizeof(kinds[0]))

/* In a space of its own: what is checked anywhere slows others down a little. */
static void run_kind(const struct bench *b, const struct size *size, unsigned int kind,
		     unsigned int n, unsigned int ranges, double took[NR_STEPS])
{
	struct bench own = *b;

	own.space = must(vms_new_space_as(b->fd, kind), "NEW_SPACE");
	own.cursor = must(vms_open_cursor_mut(b->fd, own.space, BASE, BASE + BENCH_BYTES),
			  "OPEN_CURSOR_MUT");
	run_vmspace(&own, size, n, ranges, 0, took);
	must(vms_drop_cursor(b->fd, own.cursor), "DROP_CURSOR");
	must(vms_drop_space(b->fd, own.space), "DROP_SPACE");
}

void bench_checked(const struct bench *b)
{
	static const char *const checked_columns[] = {
		"unchecked", "CHECKED", "xCHECKED/un", NULL
	};
	static const unsigned int numbers[] = { 1, 8, 64, 512 };
	static struct samples samples[NR_KINDS][NR_STEPS];
	const struct size size = { .bytes = PAGE, .memory = b->memory, .fd = -1 };
	double took[NR_STEPS], of[NR_KINDS];
	unsigned int i, run, kind;
	enum step step;

	table_begin("checked", "the same in spaces that are checked: ns per page",
		    checked_columns);
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		unsigned int n = numbers[i], ranges = n < 64 ? 512 / n : 4096 / n;

		memset(samples, 0, sizeof(samples));
		for (run = 0; run < 21; run++)
			for (kind = 0; kind < NR_KINDS; kind++) {
				run_kind(b, &size, kinds[kind], n, ranges, took);
				for (step = 0; step < NR_STEPS; step++)
					sample_add(&samples[kind][step], took[step] / n / ranges);
			}
		for (step = 0; step < NR_STEPS; step++) {
			for (kind = 0; kind < NR_KINDS; kind++)
				of[kind] = median(&samples[kind][step]);
			table_row(step_names[step], n, n == 1 ? "page" : "pages",
				  (double[]) { of[0], of[1], of[1] / of[0] });
		}
	}
	table_end();
}

/* Memory for tables. */

/* Bytes of one node, with all that its allocator needs. */
static double node_bytes(void)
{
	FILE *file = fopen("/sys/kernel/slab/vmspace_node/slab_size", "r");
	unsigned int bytes;
	bool known = file && fscanf(file, "%u", &bytes) == 1;

	if (file)
		fclose(file);
	return known ? bytes : NAN;
}

static double linux_table_bytes(void)
{
	FILE *file = fopen("/proc/self/status", "r");
	char line[200];
	unsigned long kib = 0;

	if (!file)
		die(-errno, "/proc/self/status");
	while (fgets(line, sizeof(line), file) && sscanf(line, "VmPTE: %lu kB", &kib) != 1)
		;
	fclose(file);
	return kib * 1024.0;
}

/* Each is alone in the part of the address space that a table of level 3 spans. */
static double linux_tables(const struct bench *b, unsigned int n, size_t distance)
{
	char *base = (char *)(1ULL << 44);
	double before = linux_table_bytes(), after;
	unsigned int i, ranges = distance > PAGE ? n : 1;
	size_t bytes = n / ranges * PAGE;

	for (i = 0; i < ranges; i++)
		if (mmap(base + i * distance, bytes, PROT_READ | PROT_WRITE, MAP_SHARED |
			 MAP_POPULATE | MAP_FIXED_NOREPLACE, b->memfd, 0) == MAP_FAILED)
			die(-errno, "mmap");
	after = linux_table_bytes();
	for (i = 0; i < ranges; i++)
		munmap(base + i * distance, bytes);
	return after - before;
}

static double vmspace_tables(const struct bench *b, unsigned int n, size_t distance)
{
	unsigned int i, ranges = distance > PAGE ? n : 1;
	int space = must(vms_new_space(b->fd), "NEW_SPACE"), cursor;
	struct vmspace_op before, after;

	must(vms_space_stat(b->fd, space, &before), "SPACE_STAT");
	cursor = must(vms_open_cursor_mut(b->fd, space, BASE, BASE + n * distance), "OPEN_CURSOR");
	for (i = 0; i < ranges; i++) {
		must(vms_jump(b->fd, cursor, BASE + i * distance), "JUMP");
		must(vms_map_range(b->fd, cursor, b->memory, 0, n / ranges, RW, 0), "MAP");
	}
	must(vms_space_stat(b->fd, space, &after), "SPACE_STAT");
	if (after.space_stat.pages != n)
		die(0, "%llu pages are mapped, not %u", after.space_stat.pages, n);
	must(vms_drop_cursor(b->fd, cursor), "DROP_CURSOR");
	must(vms_drop_space(b->fd, space), "DROP_SPACE");
	return after.space_stat.tables - before.space_stat.tables;
}

void bench_memory(const struct bench *b)
{
	static const char *const memory_columns[] = {
		"tables", "with nodes", "Linux", "vms/KiB", "Linux/KiB", NULL
	};
	static const struct {
		const char *name;
		unsigned int n;
		size_t distance;
	} shapes[] = {
		{ "dense", 1, PAGE }, { "dense", 512, PAGE }, { "dense", SMALL_PAGES, PAGE },
		{ "one per 2 MiB", 512, 512 * PAGE },
	};
	double node = node_bytes();
	unsigned int i;

	table_begin("memory", "bytes of tables, the root aside, and bytes of them per KiB mapped",
		    memory_columns);
	for (i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		unsigned int n = shapes[i].n;
		double tables = vmspace_tables(b, n, shapes[i].distance);
		double vmspace = tables * (PAGE + node);
		double linux_ = linux_tables(b, n, shapes[i].distance);

		table_row(shapes[i].name, n, "pages",
			  (double[]) { tables * PAGE, vmspace, linux_, vmspace / n / 4,
				       linux_ / n / 4 });
	}
	table_end();
}
