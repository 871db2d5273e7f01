// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs of calls: decoding, and carrying out.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/vmspace.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "program.h"

#define PAGE		4096UL
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define FILES		3
#define FIRST_FD	200	/* where those of the caller do not reach */
#define MAX_BATCH	16
#define PROGRAMS	4
#define INSNS		8
#define PATIENCE_MS	10	/* for a thread that gets nowhere */
#define LAST_CPU	3	/* goes offline and comes back */
#define CPU_WORD	0xc9	/* if the record says so */

/* Memory that is unmapped and changed at any moment; nothing else is near. */
#define ARENA		((char *)0x200000000UL)
#define ARENA_PAGES	1024UL
#define ARENA_END	(ARENA + ARENA_PAGES * PAGE)

/**
 * struct lane - a thread, and what its next call is made of
 * @number:	of it
 * @thread:	its handle
 * @start:	posted when there is a program
 * @running:	until it is through with it
 * @steps:	records that it is through with
 * @file:	which of the files is used
 * @ops:	operations of the next call
 * @nr:		how many there are
 * @want:	how many it shall have
 * @flags:	VMSPACE_STEP_*
 * @place:	where the operations lie in the arena, or NULL
 * @patch_op:	what to change in the next operation
 * @patch_step: what to change in the next call
 * @fail_nth:	file that makes the n-th allocation fail, or -1
 * @nth:	the n of the next call, or 0
 * @programs:	access programs for RUN
 * @insns:	their instructions
 * @wrong:	what the module did that it must not do, or NULL
 */
struct lane {
	unsigned int number;
	pthread_t thread;
	sem_t start;
	atomic_bool running;
	atomic_uint steps;
	unsigned int file;
	struct vmspace_op ops[MAX_BATCH];
	unsigned int nr;
	unsigned int want;
	unsigned int flags;
	void *place;
	uint8_t patch_op[sizeof(struct vmspace_op)];
	uint8_t patch_step[sizeof(struct vmspace_step)];
	int fail_nth;
	unsigned int nth;
	struct vmspace_program programs[PROGRAMS];
	struct vmspace_insn insns[PROGRAMS][INSNS];
	const char *wrong;
};

static struct lane lanes[FUZZ_LANES];
static sem_t ended;
static struct fuzz_watch watch;
static int null_fd, zero_fd, log_fd;

/* The program that is carried out. */
static struct fuzz_record records[FUZZ_RECORDS];
static unsigned int nr_records;
static atomic_bool arena_used, params_used, cpu_used;
static bool is_child;

/* --- operations ----------------------------------------------------------- */

/*
 * The layout of the arguments, a letter for each field:
 *
 *   . :  nothing, 32 and 64 bits wide
 *   c    CPU			k  cache policy		i  id
 *   p    properties		n  number		w  width
 *   t    kind of time		u  microseconds		g  number of access programs
 *   N    number, 64 bits	f  size of frames	x  value
 *   a    virtual address	e  the last one and a length	l  length
 *   m    address in the arena	R  address of the access programs
 */
struct shape {
	uint8_t opcode;
	uint16_t flags;
	const char *fields;
};

#define HOW	(VMSPACE_DEFER | VMSPACE_FLUSH_NONE | VMSPACE_FLUSH_LOCAL | VMSPACE_FLUSH_TARGETS)
#define LARGE	(VMSPACE_PAGE_2M | VMSPACE_PAGE_1G)

static const struct shape shapes[] = {
	{ VMSPACE_OP_NEW_SPACE, VMSPACE_LAB | VMSPACE_CHECKED | VMSPACE_STRICT, "" },
	{ VMSPACE_OP_DROP_SPACE, 0, "" },
	{ VMSPACE_OP_OPEN_CURSOR, VMSPACE_NONBLOCK | LARGE, "..ae" },
	{ VMSPACE_OP_OPEN_CURSOR_MUT, VMSPACE_NONBLOCK | LARGE, "..ae" },
	{ VMSPACE_OP_DROP_CURSOR, 0, "" },
	{ VMSPACE_OP_QUERY, 0, "" },
	{ VMSPACE_OP_FIND_NEXT, 0, ":::l" },
	{ VMSPACE_OP_JUMP, 0, "a" },
	{ VMSPACE_OP_VIRT_ADDR, 0, "" },
	{ VMSPACE_OP_MAP, VMSPACE_REPLACE | HOW | LARGE | VMSPACE_PAGE_LARGEST, ":::Nipkn" },
	{ VMSPACE_OP_UNMAP, HOW, ":::l" },
	{ VMSPACE_OP_PROTECT_NEXT, HOW, ":::lpp" },
	{ VMSPACE_OP_NEW_READER, 0, ".cal" },
	{ VMSPACE_OP_NEW_WRITER, 0, ".cal" },
	{ VMSPACE_OP_DROP_READER, 0, "" },
	{ VMSPACE_OP_DROP_WRITER, 0, "" },
	{ VMSPACE_OP_NEW_MEMORY, 0, ".kNf" },
	{ VMSPACE_OP_IMPORT, VMSPACE_WRITABLE, "..mN" },
	{ VMSPACE_OP_DROP_MEMORY, 0, "" },
	{ VMSPACE_OP_ACTIVATE, VMSPACE_RESIDENT, "c" },
	{ VMSPACE_OP_DEACTIVATE, 0, "c" },
	{ VMSPACE_OP_ACCESS, VMSPACE_STORE, "axcw" },
	{ VMSPACE_OP_READ, 0, ":ml" },
	{ VMSPACE_OP_WRITE, 0, ":ml" },
	{ VMSPACE_OP_FLUSH_SYNC, 0, "" },
	{ VMSPACE_OP_TRANSLATE, 0, "a" },
	{ VMSPACE_OP_SPACE_STAT, 0, "" },
	{ VMSPACE_OP_CPU_STAT, 0, "c" },
	{ VMSPACE_OP_PROTECT, HOW, ":::lpp" },
	{ VMSPACE_OP_ENUMERATE, HOW, ":mN:p" },
	{ VMSPACE_OP_RUN, 0, "Rgu" },
	{ VMSPACE_OP_SET_TARGETS, 0, "mN" },
	{ VMSPACE_OP_SHOOTDOWN_STAT, 0, "c" },
	{ VMSPACE_OP_HISTOGRAM, 0, "ctmN" },
};

static unsigned int next(const uint8_t **args, const uint8_t *end)
{
	return *args < end ? *(*args)++ : 0;
}

/* Around the ends of tables of each level, and of the space; some are no page's. */
static uint64_t address(unsigned int where, unsigned int page)
{
	static const uint64_t base[] = {
		0x5555600000, 0x5555600000, 1UL << 30, 1UL << 39, 1UL << 48, 0,
		0x7ffffffff000, 0xffffff7ffffff000,
	};

	return base[where % 8] + (int64_t)(int8_t)page * (int64_t)PAGE * (where & 8 ? 512 : 1) +
	       (where & 0x80 ? where & 0x78 : 0);
}

static uint64_t length(unsigned int n, unsigned int unit)
{
	static const uint64_t size[] = { PAGE, 512 * PAGE, 1UL << 30, 1UL << 39, 1, 8, 1UL << 63 };

	return n * size[unit < 0xc0 ? 0 : unit % ARRAY_SIZE(size)];
}

/* Of the program's memory; then what is no such memory at all. */
static uint64_t pointer(unsigned int page, unsigned int offset)
{
	static const uint64_t bad[] = {
		0, 0xffff888000000000, 0xffffffff81000000, 0x8000000000000000,
		0x7fffffffefff, 0xfffffffffffff000,
	};

	if (page >= 0xf0)
		return bad[page % ARRAY_SIZE(bad)] + offset;
	if (page >= 0xe0)
		return (uintptr_t)ARENA + (page % 4) * ARENA_PAGES / 4 * PAGE;
	return (uintptr_t)ARENA + page % 32 * PAGE + (offset & 0x80 ? (offset & 0x7f) * 32 : 0);
}

static uint32_t narrow(struct lane *l, char field, const uint8_t **args, const uint8_t *end)
{
	unsigned int b, n = 0;

	if (field == '.')
		return 0;
	b = next(args, end);
	switch (field) {
	case 'c':
		return b < 0xf8 ? b % (LAST_CPU + 2) : ~0U << (b & 7) * 4;
	case 'k':
		return b < 0xf8 ? b % 3 : b;
	case 'i':
		return b < 0xf8 ? b % 32 : ~0U << (b & 7) * 4;
	case 'w':
		return b < 0xf0 ? 1U << (b & 3) : b;
	case 't':
		return b % (VMSPACE_TIMES + 1);
	case 'u':
		return b * 16;
	case 'g':
		while (n < PROGRAMS && l->programs[n].count)
			n++;
		return n + (b & 0x80 ? b & 0x7f : 0);
	default:
		return b;
	}
}

static uint64_t wide(struct lane *l, char field, const uint8_t **args, const uint8_t *end,
		     uint64_t before)
{
	unsigned int b;

	if (field == ':')
		return 0;
	if (field == 'R')
		return (uintptr_t)l->programs;
	b = next(args, end);
	switch (field) {
	case 'a':
		return address(b, next(args, end));
	case 'e':
		return before + length(b, next(args, end));
	case 'l':
		return length(b, next(args, end));
	case 'm':
		return pointer(b, next(args, end));
	case 'f':
		return b < 0xf0 ? b & 1 ? 512 * PAGE : PAGE : length(b & 7, b << 4);
	case 'x':
		return (uint64_t)b << next(args, end) % 64;
	default:
		return b;
	}
}

/* There must be memory enough for all that a program asks for, and time to clear it. */
static void limit(struct vmspace_op *op)
{
	if (op->opcode != VMSPACE_OP_NEW_MEMORY || op->new_memory.count > 1UL << 18)
		return;
	op->new_memory.count %= op->new_memory.frame_size > PAGE ? 3 : 1024;
}

static void decode(struct lane *l, const struct shape *s, const struct fuzz_record *r,
		   struct vmspace_op *op)
{
	const uint8_t *args = r->args, *end = args + sizeof(r->args);
	char *to = (char *)op->words;
	const char *field;
	uint64_t value = 0;
	unsigned int bit;

	*op = (struct vmspace_op) { .opcode = s->opcode };
	op->id = narrow(l, 'i', &(const uint8_t *) { &r->id }, &r->id + 1);
	/* Each bit of the byte is one of the flags that the operation lists. */
	for (bit = 0; bit < 32 && r->flags != 0xff; bit++)
		if (s->flags & 1U << bit &&
		    r->flags & 1U << __builtin_popcount(s->flags & ((1U << bit) - 1)))
			op->flags |= 1U << bit;
	if (r->flags == 0xff)
		op->flags = 1U << r->more % 32;
	for (field = s->fields; *field; field++) {
		if (strchr(".ckipnwtug", *field)) {
			uint32_t half = narrow(l, *field, &args, end);

			memcpy(to, &half, sizeof(half));
			to += sizeof(half);
		} else {
			value = wide(l, *field, &args, end, value);
			memcpy(to, &value, sizeof(value));
			to += sizeof(value);
		}
	}
	limit(op);
}

/* --- calls ---------------------------------------------------------------- */

static void patch(void *to, uint8_t *with, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		((uint8_t *)to)[i] ^= with[i];
	memset(with, 0, size);
}

/* Into memory that may be gone at any moment. */
static void copy_to(void *to, const void *from, size_t size)
{
	struct iovec local = { (void *)from, size }, remote = { to, size };

	process_vm_writev(getpid(), &local, 1, &remote, 1, 0);
}

static void clear(void *to, size_t size)
{
	if (read(zero_fd, to, size) < 0)
		errno = 0;
}

static int file_of(const struct lane *l)
{
	return FIRST_FD + l->file;
}

static void arm(struct lane *l, unsigned int nth)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", nth);

	if (l->fail_nth >= 0 && pwrite(l->fail_nth, text, len, 0) < 0)
		l->fail_nth = -1;
}

/* What must be, whatever was asked. */
static void judge(struct lane *l, const struct vmspace_step *step, unsigned int asked, int error)
{
	unsigned int i;

	if (error > 0 || error < -133 || step->error > 0 || step->error < -133)
		l->wrong = "an error that is none";
	else if (!error && step->done > asked)
		l->wrong = "more operations were done than asked for";
	else if (step->error == -EUCLEAN)
		l->wrong = "the specification was violated";
	for (i = 0; !l->place && i < step->done && i < asked; i++) {
		if (l->ops[i].result > 0 || l->ops[i].result < -133)
			l->wrong = "a result that is none";
		if (l->ops[i].result == -EUCLEAN)
			l->wrong = "the specification was violated";
		if (watch.result)
			watch.result(l->ops[i].opcode, l->ops[i].flags, -l->ops[i].result);
	}
}

static void call(struct lane *l)
{
	struct vmspace_step step = {
		.size = sizeof(step),
		.flags = l->flags,
		.ops = (uintptr_t)(l->place ? l->place : l->ops),
		.count = l->nr,
	};
	bool patched = memcmp(l->patch_step, (uint8_t [sizeof(step)]) { 0 }, sizeof(step));
	int ret;

	if (!l->nr)
		return;
	if (l->place)
		copy_to(l->place, l->ops, l->nr * sizeof(l->ops[0]));
	patch(&step, l->patch_step, sizeof(step));
	if (l->nth)
		arm(l, l->nth);
	ret = ioctl(file_of(l), VMSPACE_STEP, &step) ? -errno : 0;
	if (l->nth)
		arm(l, 0);
	l->nth = 0;
	if (!patched)
		judge(l, &step, l->nr, ret);
	l->nr = 0;
	l->want = 1;
	l->flags = 0;
	l->place = NULL;
}

static void add(struct lane *l, const struct shape *s, const struct fuzz_record *r)
{
	struct vmspace_op *op = &l->ops[l->nr];

	decode(l, s, r, op);
	patch(op, l->patch_op, sizeof(*op));
	limit(op);
	if (++l->nr >= l->want)
		call(l);
}

/* --- what happens around operations ---------------------------------------- */

static void do_batch(struct lane *l, const struct fuzz_record *r)
{
	call(l);
	l->want = 1 + r->more % MAX_BATCH;
	l->flags = r->flags & 0x7;
	if (r->flags & 0x80)
		l->place = (void *)pointer(r->args[0], r->args[1]);
}

static void do_patch(struct lane *l, const struct fuzz_record *r)
{
	uint8_t *to = r->flags & 1 ? l->patch_step : l->patch_op;
	size_t i, size = r->flags & 1 ? sizeof(l->patch_step) : sizeof(l->patch_op);

	for (i = 0; i < r->more % (sizeof(r->args) + 1); i++)
		to[(r->id + i) % size] ^= r->args[i];
}

/* Any command, with memory of any contents. */
static void do_ioctl(struct lane *l, const struct fuzz_record *r)
{
	unsigned int cmd = r->flags & 0xf0 ? *(const uint32_t *)r->args :
			   _IO(VMSPACE_IOC_MAGIC, r->flags & 3);
	char *to = (char *)pointer(r->args[4], r->args[5]);
	uint32_t size = r->more * 8 + (r->id & 7);
	uint8_t text[128] = { 0 };

	memcpy(text, &size, sizeof(size));
	memcpy(text + 4 + r->id % 96, r->args + 6, 6);
	copy_to(to, text, sizeof(text));
	ioctl(file_of(l), cmd, to);
}

/* A well-formed instruction has nothing else. */
static void keep_what_is_read(struct vmspace_insn *insn)
{
	struct vmspace_insn all = *insn;

	*insn = (struct vmspace_insn) { .opcode = all.opcode };
	switch (all.opcode) {
	case VMSPACE_INSN_WAIT:
		insn->program = all.program;
		insn->step = all.step;
		break;
	case VMSPACE_INSN_FENCE:
		break;
	case VMSPACE_INSN_INVLPG:
		insn->va = all.va;
		break;
	default:
		insn->flags = all.flags;
		insn->width = all.width;
		insn->va = all.va & -(uint64_t)(all.width ?: 1);
		insn->value = all.value;
		insn->count = all.count;
	}
}

static void do_insn(struct lane *l, const struct fuzz_record *r)
{
	struct vmspace_program *p = &l->programs[r->id % PROGRAMS];
	const uint8_t *a = r->args, *end = a + sizeof(r->args);
	struct vmspace_insn *insn;

	if (p->count == INSNS)
		return;
	p->cpu = r->id % PROGRAMS ^ (r->id >> 6);
	p->insns = (uintptr_t)l->insns[r->id % PROGRAMS];
	insn = &l->insns[r->id % PROGRAMS][p->count++];
	*insn = (struct vmspace_insn) {
		.opcode = r->more % 7,
		.flags = r->flags & 0xf,
		.width = narrow(l, 'w', &a, end),
		.program = next(&a, end) % (PROGRAMS + 1),
		.step = next(&a, end) % (INSNS + 1),
	};
	insn->va = wide(l, 'a', &a, end, 0);
	insn->value = wide(l, 'x', &a, end, 0);
	insn->count = wide(l, 'x', &a, end, 0);
	if (!(r->flags & 0x80))
		keep_what_is_read(insn);
}

static void forget_insns(struct lane *l)
{
	memset(l->programs, 0, sizeof(l->programs));
}

static void do_file(struct lane *l, const struct fuzz_record *r)
{
	l->file = r->id % FILES;
}

/* One number is never without a file: another thread may be using it. */
static void open_file(unsigned int i)
{
	int fd = open("/dev/vmspace", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return;
	dup2(fd, FIRST_FD + i);
	close(fd);
}

static void do_reopen(struct lane *l, const struct fuzz_record *r)
{
	(void)l;
	open_file(r->id % FILES);
}

static void map_arena(char *addr, size_t len, int prot)
{
	mmap(addr, len, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
}

/* The program's memory comes, changes and goes. */
static void do_memory(struct lane *l, const struct fuzz_record *r)
{
	char *addr = (char *)((uintptr_t)pointer(r->args[0] % 0xf0, 0) & -PAGE);
	size_t len = (1 + r->args[1] % 64) * PAGE * (r->args[1] & 0x80 ? 8 : 1);

	if (len > (size_t)(ARENA_END - addr))
		len = ARENA_END - addr;
	atomic_store(&arena_used, true);
	switch (r->flags % 12) {
	case 0:
		munmap(addr, len);
		break;
	case 1:
		map_arena(addr, len, PROT_READ | PROT_WRITE);
		break;
	case 2:
		mprotect(addr, len, PROT_READ);
		break;
	case 3:
		mprotect(addr, len, PROT_NONE);
		break;
	case 4:
		madvise(addr, len, MADV_DONTNEED);
		break;
	case 5:
		madvise(addr, len, MADV_HUGEPAGE);
		madvise(addr, len, MADV_POPULATE_WRITE);
		break;
	case 6:
		madvise(addr, len, MADV_PAGEOUT);
		break;
	case 7:
		/* Any id, any pages of it. */
		mmap(addr, len, r->args[4] & 1 ? PROT_READ : PROT_READ | PROT_WRITE,
		     (r->args[4] & 2 ? MAP_PRIVATE : MAP_SHARED) | MAP_FIXED, file_of(l),
		     (off_t)(r->id << 18 | r->args[3]) * PAGE);
		break;
	case 8:
		clear(addr, len);
		break;
	case 9:
		copy_to(addr, r->args + 4, 8);
		break;
	case 10:
		mremap(addr, len, len, MREMAP_MAYMOVE | MREMAP_FIXED,
		       ARENA + ARENA_PAGES / 2 * PAGE);
		break;
	default:
		madvise(addr, len, MADV_DONTFORK);
	}
}

static void do_pin(struct lane *l, const struct fuzz_record *r)
{
	cpu_set_t cpus;

	(void)l;
	CPU_ZERO(&cpus);
	CPU_SET(r->id % (LAST_CPU + 1), &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
}

static void do_signal(struct lane *l, const struct fuzz_record *r)
{
	(void)l;
	pthread_kill(lanes[r->id % FUZZ_LANES].thread, SIGUSR1);
}

static void do_nth(struct lane *l, const struct fuzz_record *r)
{
	l->nth = r->id % 64;
}

static void do_sleep(struct lane *l, const struct fuzz_record *r)
{
	(void)l;
	usleep(r->id * 8);
}

static void read_all(const char *path)
{
	char text[4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	while (read(fd, text, sizeof(text)) > 0)
		;
	close(fd);
}

/* What debugfs shows of the spaces that there are. */
static void do_show(struct lane *l, const struct fuzz_record *r)
{
	static const char *const names[] = { "table", "entries", "cpus", "times", "audit" };
	DIR *dir = opendir("/sys/kernel/debug/vmspace");
	struct dirent *entry;
	unsigned int budget = 4;
	char path[320];

	(void)l;
	while (dir && budget && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		budget--;
		snprintf(path, sizeof(path), "/sys/kernel/debug/vmspace/%s/%s", entry->d_name,
			 names[r->id % ARRAY_SIZE(names)]);
		read_all(path);
	}
	if (dir)
		closedir(dir);
}

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) < 0)
		errno = 0;
	close(fd);
}

/* The module's parameters, and tracing; and what they were at the start. */
static struct param {
	const char *path;
	char before[16];
} params[] = {
	{ .path = "/sys/module/vmspace/parameters/flush_ceiling" },
	{ .path = "/sys/module/vmspace/parameters/linger_us" },
	{ .path = "/sys/module/vmspace/parameters/max_quarantine" },
	{ .path = "/sys/module/vmspace/parameters/checked" },
	{ .path = "/sys/kernel/tracing/events/vmspace/enable" },
};

static void read_params(void)
{
	unsigned int i;
	ssize_t len;
	int fd;

	for (i = 0; i < ARRAY_SIZE(params); i++) {
		fd = open(params[i].path, O_RDONLY | O_CLOEXEC);
		len = read(fd, params[i].before, sizeof(params[i].before) - 1);
		params[i].before[len < 0 ? 0 : len] = 0;
		close(fd);
	}
}

static void restore_params(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(params); i++)
		write_text(params[i].path, params[i].before);
}

static void do_param(struct lane *l, const struct fuzz_record *r)
{
	static const char *const values[] = {
		"0", "1", "2", "33", "1000", "4294967295", "-1", "y",
	};

	(void)l;
	atomic_store(&params_used, true);
	write_text(params[r->id % ARRAY_SIZE(params)].path, values[r->more % ARRAY_SIZE(values)]);
}

/* A CPU goes, or comes back. */
static void do_cpu(struct lane *l, const struct fuzz_record *r)
{
	(void)l;
	/* It takes long: in few programs, and once in each. */
	if (r->more != CPU_WORD || (!(r->id & 1) && atomic_exchange(&cpu_used, true)))
		return;
	write_text("/sys/devices/system/cpu/cpu3/online", r->id & 1 ? "1" : "0");
}

static void do_records(struct lane *l, unsigned int from, unsigned int to, unsigned int mask);

/*
 * A process carries out the next records with the same files, and is killed after some time,
 * while this thread goes on with the same ones.
 */
static void do_kill(struct lane *l, const struct fuzz_record *r)
{
	unsigned int from = r - records + 1;
	pid_t pid = is_child ? -1 : fork();

	if (!pid) {
		is_child = true;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		do_records(l, from, nr_records, 1 << l->number);
		pause();
		_exit(0);
	}
	if (pid < 0)
		return;
	usleep(r->id * 32);
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static void do_nothing(struct lane *l, const struct fuzz_record *r)
{
	(void)l;
	(void)r;
}

static void (*const around[])(struct lane *l, const struct fuzz_record *r) = {
	do_nothing,	/* GO */
	do_batch, do_patch, do_ioctl, do_insn, do_file, do_reopen, do_memory, do_pin, do_signal,
	do_nth, do_sleep, do_show, do_param, do_cpu, do_kill,
};

/* --- carrying out --------------------------------------------------------- */

#define WHAT(r)		((r)->what & 0x3f)
#define LANE(r)		((r)->what >> 6)
#define NR_WHAT		(ARRAY_SIZE(shapes) + ARRAY_SIZE(around))

static bool is_go(const struct fuzz_record *r)
{
	return WHAT(r) == ARRAY_SIZE(shapes);
}

static void do_record(struct lane *l, const struct fuzz_record *r)
{
	unsigned int what = WHAT(r) % NR_WHAT;

	if (what < ARRAY_SIZE(shapes)) {
		add(l, &shapes[what], r);
		if (shapes[what].opcode == VMSPACE_OP_RUN)
			forget_insns(l);
		return;
	}
	around[what - ARRAY_SIZE(shapes)](l, r);
}

/* Those of the threads that @mask names. */
static void do_records(struct lane *l, unsigned int from, unsigned int to, unsigned int mask)
{
	for (; from < to && !l->wrong; from++) {
		if (mask & 1U << LANE(&records[from]))
			do_record(l, &records[from]);
		atomic_fetch_add(&l->steps, 1);
	}
	call(l);
}

static unsigned int go_at(void)
{
	unsigned int i;

	for (i = 0; i < nr_records && !is_go(&records[i]); i++)
		;
	return i;
}

static void start(struct lane *l)
{
	l->file = 0;
	l->nr = 0;
	l->want = 1;
	l->flags = 0;
	l->place = NULL;
	l->nth = 0;
	memset(l->patch_op, 0, sizeof(l->patch_op));
	memset(l->patch_step, 0, sizeof(l->patch_step));
	forget_insns(l);
	atomic_store(&l->running, true);
	sem_post(&l->start);
}

static void reset_affinity(void)
{
	cpu_set_t cpus;

	memset(&cpus, 0xff, sizeof(cpus));
	sched_setaffinity(0, sizeof(cpus), &cpus);
}

static void carry_out(struct lane *l)
{
	unsigned int i, go = go_at();

	if (l->number == 0) {
		do_records(l, 0, go, ~0U);
		for (i = 1; i < FUZZ_LANES && go < nr_records; i++)
			start(&lanes[i]);
	}
	do_records(l, go, nr_records, 1U << l->number);
	reset_affinity();
}

static void *lane_thread(void *arg)
{
	struct lane *l = arg;

	l->fail_nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (watch.begin)
		watch.begin(l->number);
	for (;;) {
		while (sem_wait(&l->start))
			;
		carry_out(l);
		atomic_store(&l->running, false);
		sem_post(&ended);
	}
	return NULL;
}

/* Threads that wait for each other, or for themselves, get a signal. */
static void kick(unsigned int *seen)
{
	unsigned int i, steps;

	for (i = 0; i < FUZZ_LANES; i++) {
		steps = atomic_load(&lanes[i].steps);
		if (atomic_load(&lanes[i].running) && steps == seen[i])
			pthread_kill(lanes[i].thread, SIGUSR1);
		seen[i] = steps;
	}
}

static bool any_running(void)
{
	unsigned int i;

	for (i = 0; i < FUZZ_LANES; i++)
		if (atomic_load(&lanes[i].running))
			return true;
	return false;
}

/* The first thread starts the others before it ends itself. */
static void wait_for_lanes(void)
{
	unsigned int seen[FUZZ_LANES] = { 0 };
	struct timespec until;

	while (any_running()) {
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += PATIENCE_MS * 1000000;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		if (sem_timedwait(&ended, &until) && errno == ETIMEDOUT)
			kick(seen);
	}
}

static void clean_up(void)
{
	unsigned int i;

	for (i = 0; i < FILES; i++)
		dup2(null_fd, FIRST_FD + i);
	if (atomic_exchange(&arena_used, false))
		map_arena(ARENA, ARENA_PAGES * PAGE, PROT_READ | PROT_WRITE);
	if (atomic_exchange(&params_used, false))
		restore_params();
	if (atomic_exchange(&cpu_used, false))
		write_text("/sys/devices/system/cpu/cpu3/online", "1");
}

/* A space may go after its program: nobody is told then but by the kernel log. */
static const char *read_log(void)
{
	const char *wrong = NULL;
	char line[1024];
	ssize_t len;

	while (log_fd >= 0 && (len = read(log_fd, line, sizeof(line) - 1)) > 0) {
		line[len] = 0;
		if (strstr(line, " violates "))
			wrong = "the kernel log tells of a violation";
	}
	return wrong;
}

const char *fuzz_run(const uint8_t *data, size_t size)
{
	const char *wrong;
	unsigned int i;

	if (size > sizeof(records))
		size = sizeof(records);
	memset(records, 0, sizeof(records));
	memcpy(records, data, size);
	nr_records = (size + sizeof(records[0]) - 1) / sizeof(records[0]);
	for (i = 0; i < FILES; i++)
		open_file(i);
	for (i = 0; i < FUZZ_LANES; i++)
		lanes[i].wrong = NULL;
	start(&lanes[0]);
	wait_for_lanes();
	clean_up();
	wrong = read_log();
	for (i = 0; i < FUZZ_LANES; i++)
		wrong = lanes[i].wrong ?: wrong;
	return wrong;
}

static void on_signal(int sig)
{
	(void)sig;
}

/* Allocations that are told to fail do so whatever they are for, and in silence. */
static void prepare_failures(void)
{
	write_text("/sys/kernel/debug/failslab/ignore-gfp-wait", "N");
	write_text("/sys/kernel/debug/failslab/verbose", "0");
	write_text("/sys/kernel/debug/fail_page_alloc/ignore-gfp-wait", "N");
	write_text("/sys/kernel/debug/fail_page_alloc/ignore-gfp-highmem", "N");
	write_text("/sys/kernel/debug/fail_page_alloc/min-order", "0");
	write_text("/sys/kernel/debug/fail_page_alloc/verbose", "0");
	write_text("/sys/kernel/debug/fail_usercopy/verbose", "0");
}

int fuzz_init(const struct fuzz_watch *watched_by)
{
	struct sigaction action = { .sa_handler = on_signal };
	unsigned int i;

	if (access("/dev/vmspace", R_OK | W_OK))
		return -errno;
	if (watched_by)
		watch = *watched_by;
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	zero_fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	log_fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	lseek(log_fd, 0, SEEK_END);
	map_arena(ARENA, ARENA_PAGES * PAGE, PROT_READ | PROT_WRITE);
	prepare_failures();
	read_params();
	sigaction(SIGUSR1, &action, NULL);
	sem_init(&ended, 0, 0);
	for (i = 0; i < FUZZ_LANES; i++) {
		lanes[i].number = i;
		sem_init(&lanes[i].start, 0, 0);
		if (pthread_create(&lanes[i].thread, NULL, lane_thread, &lanes[i]))
			return -EAGAIN;
	}
	return 0;
}
