// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmspace demo: load a real ELF program into a private space, as an operating
 * system would, and show on real CPUs what the space does.
 */
#include <elf.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include "tool.h"

#define MAX_SEGMENTS	16
#define MAX_CPUS	64
#define TRIES		400
#define TRACING		"/sys/kernel/tracing/"

struct segment {
	__u64 va;		/* of its first byte, and of its first page */
	__u64 start;
	__u64 pages;
	const char *data;	/* what the file has of it */
	__u64 size;
	unsigned int prop;
	int memory;
};

static struct {
	int fd;
	int space;
	unsigned int nr_cpus;
	unsigned int cpus[MAX_CPUS];
	unsigned int nr_segments;
	struct segment segments[MAX_SEGMENTS];
	struct segment *text, *data;
	__u64 first, last;	/* pages */
	bool failed;
} demo;

static void __attribute__((format(printf, 2, 3))) say(const char *title, const char *fmt, ...)
{
	va_list args;

	printf("%-7s ", title);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

/* An expectation that the demonstration stands on. */
static const char *expect(bool ok, const char *yes, const char *no)
{
	if (!ok)
		demo.failed = true;
	return ok ? yes : no;
}

static const char *rights(unsigned int prop)
{
	static char text[4];

	text[0] = prop & VMSPACE_PROP_READ ? 'r' : '-';
	text[1] = prop & VMSPACE_PROP_WRITE ? 'w' : '-';
	text[2] = prop & VMSPACE_PROP_EXEC ? 'x' : '-';
	return text;
}

static void add_segment(const char *file, __u64 size, __u64 base, const Elf64_Phdr *ph)
{
	struct segment *s = &demo.segments[demo.nr_segments];
	__u64 end = base + ph->p_vaddr + ph->p_memsz;

	if (demo.nr_segments == MAX_SEGMENTS)
		die(0, "the program has too many segments");
	if (ph->p_offset > size || ph->p_filesz > size - ph->p_offset || ph->p_memsz < ph->p_filesz)
		die(0, "the program is cut short");
	s->va = base + ph->p_vaddr;
	s->start = s->va & ~(PAGE - 1);
	s->pages = (end - s->start + PAGE - 1) / PAGE;
	s->data = file + ph->p_offset;
	s->size = ph->p_filesz;
	s->prop = VMSPACE_PROP_USER | (ph->p_flags & PF_R ? VMSPACE_PROP_READ : 0) |
		  (ph->p_flags & PF_W ? VMSPACE_PROP_WRITE : 0) |
		  (ph->p_flags & PF_X ? VMSPACE_PROP_EXEC : 0);
	if (s->prop & VMSPACE_PROP_EXEC)
		demo.text = s;
	if (s->prop & VMSPACE_PROP_WRITE)
		demo.data = s;
	if (!demo.nr_segments)
		demo.first = s->start;
	demo.last = s->start + s->pages * PAGE;
	demo.nr_segments++;
}

static void parse(const char *path)
{
	int fd = open(path, O_RDONLY);
	const Elf64_Phdr *ph;
	const Elf64_Ehdr *eh;
	struct stat st;
	__u64 base;
	char *file;
	unsigned int i;

	if (fd < 0 || fstat(fd, &st))
		die(-errno, "%s", path);
	file = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (file == MAP_FAILED)
		die(-errno, "%s", path);
	close(fd);
	eh = (const Elf64_Ehdr *)file;
	if ((size_t)st.st_size < sizeof(*eh) || memcmp(eh->e_ident, ELFMAG, SELFMAG) ||
	    eh->e_ident[EI_CLASS] != ELFCLASS64 || eh->e_machine != EM_X86_64 ||
	    eh->e_phoff + (__u64)eh->e_phnum * sizeof(*ph) > (__u64)st.st_size)
		die(0, "%s is not an x86-64 ELF program", path);
	ph = (const Elf64_Phdr *)(file + eh->e_phoff);
	/* Where Linux puts programs that can run anywhere. */
	base = eh->e_type == ET_DYN ? 0x555555554000 : 0;
	for (i = 0; i < eh->e_phnum; i++)
		if (ph[i].p_type == PT_LOAD && ph[i].p_memsz)
			add_segment(file, st.st_size, base, &ph[i]);
	if (!demo.text || !demo.data)
		die(0, "%s has no text or no data", path);
}

/* A memory object with the segment in it, its last page filled up with zeroes. */
static void fill_memory(struct segment *s)
{
	__u64 offset;
	char *map;

	s->memory = must(vms_new_memory_of(demo.fd, s->pages, PAGE, VMSPACE_CACHE_WB, &offset),
			 "NEW_MEMORY");
	map = mmap(NULL, s->pages * PAGE, PROT_WRITE, MAP_SHARED, demo.fd, offset);
	if (map == MAP_FAILED)
		die(-errno, "mmap of a memory object");
	memcpy(map + (s->va - s->start), s->data, s->size);
	munmap(map, s->pages * PAGE);
}

static void map_segment(struct segment *s, int cursor)
{
	must(vms_jump(demo.fd, cursor, s->start), "JUMP");
	must(vms_map_range(demo.fd, cursor, s->memory, 0, s->pages, s->prop, 0), "MAP");
}

static void load(const char *path, int cursor)
{
	__u64 pages = 0, size = 0;
	struct vmspace_op stat;
	unsigned int i;

	for (i = 0; i < demo.nr_segments; i++) {
		struct segment *s = &demo.segments[i];

		fill_memory(s);
		map_segment(s, cursor);
		/* Its mappings keep it. */
		must(vms_drop_memory(demo.fd, s->memory), "DROP_MEMORY");
		pages += s->pages;
		size += s->size;
	}
	must(vms_space_stat(demo.fd, demo.space, &stat), "SPACE_STAT");
	say("load", "%s: %u segments, %llu bytes, mapped in %llu pages by %llu table pages", path,
	    demo.nr_segments, size, pages,
	    stat.space_stat.tables);
	for (i = 0; i < demo.nr_segments; i++)
		say("", "0x%012llx %s %5llu pages", demo.segments[i].start,
		    rights(demo.segments[i].prop),
		    demo.segments[i].pages);
}

static void live(void)
{
	struct vmspace_info info;
	unsigned int cpu, first = demo.nr_cpus;

	must(vms_info(demo.fd, &info), "INFO");
	for (cpu = 0; cpu < info.nr_cpus && demo.nr_cpus < MAX_CPUS; cpu++) {
		int ret = vms_activate(demo.fd, demo.space, cpu, cpu ? VMSPACE_RESIDENT : 0);

		if (ret == -ENODEV)
			continue;
		must(ret, "ACTIVATE");
		demo.cpus[demo.nr_cpus++] = cpu;
	}
	say("live", "CPU %u goes into the space on demand, the %u others live in it", first,
	    demo.nr_cpus - 1);
}

/* Read a segment through the MMU of a CPU, and compare it with the file. */
static bool read_back(const struct segment *s, unsigned int cpu)
{
	int reader = must(vms_new_reader(demo.fd, demo.space, cpu, s->va, s->size), "NEW_READER");
	char *copy = malloc(s->size);
	struct vmspace_op op;
	bool same;

	if (!copy)
		die(-ENOMEM, "read");
	must(vms_read(demo.fd, reader, copy, s->size, &op), "READ");
	same = op.io.outcome == VMSPACE_OUTCOME_OK && op.io.bytes == s->size &&
	       !memcmp(copy, s->data, s->size);
	must(vms_drop_reader(demo.fd, reader), "DROP_READER");
	free(copy);
	return same;
}

static void read_all(void)
{
	unsigned int i, k;

	for (i = 0; i < demo.nr_cpus; i++) {
		bool same = true;

		for (k = 0; k < demo.nr_segments; k++)
			if (demo.segments[k].size)
				same &= read_back(&demo.segments[k], demo.cpus[i]);
		say(i ? "" : "read", "CPU %u read the program through its MMU: %s", demo.cpus[i],
		    expect(same, "equal to the file, byte for byte", "NOT equal to the file"));
	}
}

static void show_rights(void)
{
	unsigned int cpu = demo.cpus[demo.nr_cpus - 1];
	__u64 text = (demo.text->va + 7) & ~7ULL, data = (demo.data->va + 7) & ~7ULL;
	__u64 old, now;
	int ret;

	ret = must(vms_store(demo.fd, demo.space, cpu, text, 0), "ACCESS");
	say("rights", "CPU %u stores into text at 0x%llx: %s", cpu, text,
	    expect(ret == FAULTED, "page fault, as it must", "NO FAULT"));
	must(vms_load(demo.fd, demo.space, cpu, data, &old), "ACCESS");
	ret = must(vms_store(demo.fd, demo.space, cpu, data, ~old), "ACCESS");
	must(vms_load(demo.fd, demo.space, demo.cpus[0], data, &now), "ACCESS");
	say("", "CPU %u stores into data at 0x%llx: %s", cpu, data,
	    expect(ret == LOADED && now == ~old, "done, and CPU 0 reads it", "FAILED"));
	must(vms_store(demo.fd, demo.space, cpu, data, old), "ACCESS");
}

static __u64 interrupts(void)
{
	struct vmspace_op op;
	__u64 sent = 0;
	unsigned int i;

	for (i = 0; i < demo.nr_cpus; i++) {
		must(vms_cpu_stat(demo.fd, demo.space, demo.cpus[i], &op), "CPU_STAT");
		sent += op.cpu_stat.sent;
	}
	return sent;
}

/*
 * One try: load, replace the page without a flush, load again, in one call, so
 * that all may fall into one stay of the CPU. True if the second load got the
 * old page.
 */
static bool try_stale(int cursor, unsigned int cpu, __u64 va, int memory, unsigned int index)
{
	const struct vmspace_op load = {
		.opcode = VMSPACE_OP_ACCESS,
		.id = demo.space,
		.access = { .va = va, .cpu = cpu, .width = 8 },
	};
	struct vmspace_op ops[] = {
		load,
		{ .opcode = VMSPACE_OP_JUMP, .id = cursor, .pos.va = va },
		{ .opcode = VMSPACE_OP_MAP, .id = cursor,
		  .flags = VMSPACE_REPLACE | VMSPACE_DEFER,
		  .map = { .memory = memory, .index = index, .prop = RW, .count = 1 } },
		load,
	};
	struct vmspace_step step;

	must(vms_step(demo.fd, ops, 4, 0, &step), "STEP");
	must(step.error, "replacing a page");
	return ops[0].access.outcome == VMSPACE_OUTCOME_OK &&
	       ops[3].access.outcome == VMSPACE_OUTCOME_OK &&
	       ops[0].access.value == ops[3].access.value;
}

static bool all_read(__u64 va, __u64 value)
{
	unsigned int i;
	bool ok = true;

	for (i = 0; i < demo.nr_cpus; i++) {
		__u64 got;

		ok &= must(vms_load(demo.fd, demo.space, demo.cpus[i], va, &got), "ACCESS") ==
		      LOADED && got == value;
	}
	return ok;
}

/* Two pages that take turns at one address: each holds its own number, from 1. */
static int turn_pages(void)
{
	__u64 offset, *map;
	int memory = must(vms_new_memory_of(demo.fd, 2, PAGE, VMSPACE_CACHE_WB, &offset),
			  "NEW_MEMORY");

	map = mmap(NULL, 2 * PAGE, PROT_WRITE, MAP_SHARED, demo.fd, offset);
	if (map == MAP_FAILED)
		die(-errno, "mmap of a memory object");
	map[0] = 1;
	map[PAGE / 8] = 2;
	munmap(map, 2 * PAGE);
	return memory;
}

static void stale(int cursor)
{
	unsigned int cpu = demo.cpus[demo.nr_cpus - 1], try, index = 0;
	__u64 va = demo.data->start + (demo.data->pages - 1) * PAGE;
	int memory = turn_pages();
	__u64 before = 0;
	struct vmspace_op op;
	bool seen = false;

	for (try = 0; try < TRIES && !seen; try++) {
		must(vms_flush_sync(demo.fd, cursor, &op), "FLUSH_SYNC");
		before = interrupts();
		index = try % 2;
		seen = try_stale(cursor, cpu, va, memory, index);
	}
	say("stale", "page 0x%llx replaced, its flush deferred", va);
	if (seen)
		say("", "CPU %u still reads the old page (try %u)", cpu, try);
	else
		say("", "CPU %u never read the old page, in %u tries", cpu, try);
	must(vms_flush_sync(demo.fd, cursor, &op), "FLUSH_SYNC");
	say("flush", "FLUSH_SYNC: %llu CPUs interrupted, %llu interrupts counted, all acknowledged",
	    op.flush.cpus, (interrupts() - before));
	say("", "now %s", expect(all_read(va, index + 1), "every CPU reads the new page",
				 "a CPU STILL READS THE OLD PAGE"));
	must(vms_drop_memory(demo.fd, memory), "DROP_MEMORY");
}

static void unmap(int cursor)
{
	struct vmspace_op op, stat;
	unsigned int i, faults = 0;
	__u64 before = interrupts(), value;

	must(vms_jump(demo.fd, cursor, demo.first), "JUMP");
	must(vms_unmap(demo.fd, cursor, demo.last - demo.first, 0, &op), "UNMAP");
	for (i = 0; i < demo.nr_cpus; i++)
		faults += must(vms_load(demo.fd, demo.space, demo.cpus[i], demo.text->start,
					&value), "ACCESS") == FAULTED;
	/* With the cursor goes the table that covered its range. */
	must(vms_drop_cursor(demo.fd, cursor), "DROP_CURSOR");
	must(vms_space_stat(demo.fd, demo.space, &stat), "SPACE_STAT");
	say("unmap", "%llu pages in one operation, %llu interrupts; %llu table page left",
	    op.unmap.pages, (interrupts() - before),
	    stat.space_stat.tables);
	say("", "a load from text faults on %u of %u CPUs: %s", faults, demo.nr_cpus,
	    expect(faults == demo.nr_cpus && stat.space_stat.tables == 1, "as it must",
		   "SOMETHING IS LEFT"));
}

static bool write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");
	bool ok;

	if (!file)
		return false;
	ok = fputs(text, file) >= 0;
	return !fclose(file) && ok;
}

static void dump(const char *path, const char *title)
{
	FILE *file = fopen(path, "r");
	char line[256];

	if (!file) {
		printf("(%s cannot be read: %s)\n", path, strerror(errno));
		return;
	}
	printf("\n%s\n", title);
	while (fgets(line, sizeof(line), file))
		fputs(line, stdout);
	fclose(file);
}

/* The unmap as it was traced, without the CPUs' comings and goings. */
static void dump_trace(void)
{
	FILE *file = fopen(TRACING "trace", "r");
	bool found = false;
	char line[512];

	if (!file)
		return;
	printf("\nThe unmap, as ftrace saw it:\n");
	while (fgets(line, sizeof(line), file)) {
		found |= !!strstr(line, "op_start: op=UNMAP");
		if (!found || strstr(line, " enter: ") || strstr(line, " leave: "))
			continue;
		fputs(line, stdout);
		if (strstr(line, "op_end: op=UNMAP"))
			break;
	}
	fclose(file);
}

int cmd_demo(int argc, char **argv)
{
	const char *path = argc > 1 ? argv[1] : "/bin/busybox";
	struct vmspace_op stat;
	struct vmspace_info info;
	char table[80];
	bool traced;
	int cursor;

	if (argc > 2)
		die(0, "demo takes one program");
	parse(path);
	demo.fd = vms_open();
	if (demo.fd < 0)
		die(-errno, "/dev/vmspace (is the module loaded?)");
	must(vms_info(demo.fd, &info), "INFO");
	demo.space = must(vms_new_space(demo.fd), "NEW_SPACE");
	must(vms_space_stat(demo.fd, demo.space, &stat), "SPACE_STAT");
	snprintf(table, sizeof(table), "/sys/kernel/debug/vmspace/%u/table",
		 stat.space_stat.number);
	say("space", "a page table of its own, %u levels; no process runs in it", info.levels);

	cursor = must(vms_open_cursor_mut(demo.fd, demo.space, demo.first, demo.last),
		      "OPEN_CURSOR_MUT");
	load(path, cursor);
	live();
	read_all();
	show_rights();
	stale(cursor);
	dump(table, "The page table, as the MMUs walk it:");

	putchar('\n');
	traced = write_file(TRACING "trace", "") &&
		 write_file(TRACING "events/vmspace/enable", "1");
	unmap(cursor);
	if (traced) {
		write_file(TRACING "events/vmspace/enable", "0");
		dump_trace();
	}
	putchar('\n');
	say("result", "%s", demo.failed ? "SOMETHING WENT WRONG, see above" :
	    "everything was as it must be");
	return demo.failed;
}
