// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every allocation of every operation fails in turn, and every copy from and to
 * the caller's memory: the kernel's fault injection makes the n-th of a task fail.
 *
 * The contract: an operation that fails says -ENOMEM (or -EFAULT where a copy
 * failed), has changed nothing, and succeeds when it is asked for again; one that
 * can do without has done all of its work; and nothing is lost in the end. The same
 * holds for loading the module.
 */
#include "kselftest_harness.h"
#include <sched.h>
#include <stdarg.h>
#include <stddef.h>
#include "mappings.h"

#define LIMIT	1200
#define DEBUGFS	"/sys/kernel/debug"

/* --- making calls fail ---------------------------------------------------- */

static const char *const no_injection = "no fault injection in this kernel";

/*
 * Allocations that may sleep fail as well; and nothing is printed for each. Returns
 * whether this kernel can do it.
 */
static bool prepare_injection(void)
{
	static const struct {
		const char *path;
		const char *value;
	} settings[] = {
		{ DEBUGFS "/failslab/ignore-gfp-wait", "N" },
		{ DEBUGFS "/failslab/verbose", "0" },
		{ DEBUGFS "/fail_page_alloc/ignore-gfp-wait", "N" },
		{ DEBUGFS "/fail_page_alloc/ignore-gfp-highmem", "N" },
		{ DEBUGFS "/fail_page_alloc/min-order", "0" },
		{ DEBUGFS "/fail_page_alloc/verbose", "0" },
	};
	unsigned int i;

	for (i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		if (vms_write_text(settings[i].path, settings[i].value))
			return false;
	/* Not in every kernel that has the others. */
	vms_write_text(DEBUGFS "/fail_usercopy/verbose", "0");
	return !access("/proc/self/fail-nth", W_OK);
}

/* Of the main thread; @file is its /proc/self/fail-nth. */
static bool arm(int file, unsigned int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n);

	return pwrite(file, text, len, 0) == len;
}

/* Returns whether something was made to fail since arm(). */
static bool disarm(int file)
{
	char text[16] = "";
	bool failed;

	/* If even this fails, nothing did before. */
	failed = pread(file, text, sizeof(text) - 1, 0) > 0 && !atoi(text);
	while (pwrite(file, "0", 1, 0) != 1)
		;
	return failed;
}

/* --- the program ---------------------------------------------------------- */

/* Ids are given in order. */
enum {
	SPACE = 1, SMALL, LARGE, COMBINED, OWN, AGAIN, CURSOR, READER, WRITER, LOOKER, LAB,
	LAB_CURSOR, CHECKED, CHECKED_CURSOR, STRICT, STRICT_CURSOR, IDS
};

#define OWN_PAGES	16
#define NR_MAPPINGS	64
#define G1_END		(G1 - 20 * PAGE)
#define FAR		(3 * G1)

static char own[OWN_PAGES * PAGE] __attribute__((aligned(PAGE)));
static char buffer[2 * PAGE];
static struct vmspace_mapping mappings[NR_MAPPINGS];
static __u64 buckets[VMSPACE_BUCKETS];
static __u64 mask = 1;
static struct vmspace_insn insns[] = {
	{ .opcode = VMSPACE_INSN_STORE, .width = 8, .va = FAR + 8, .value = 0x5a5a, .count = 1 },
	{ .opcode = VMSPACE_INSN_LOAD, .width = 8, .va = FAR + 8, .count = 1 },
};

static struct vmspace_program run[] = {
	{ .cpu = 0, .count = 2, .insns = (uintptr_t)insns },
};

#define ADDRESS(of)	((uintptr_t)(of))
#define OP(op, ...)	{ .opcode = VMSPACE_OP_##op, __VA_ARGS__ }
#define AT(cursor, to)	OP(JUMP, .id = cursor, .pos.va = to)

/* With every operation, and with every way that one has to memory. */
static const struct vmspace_op program[] = {
	OP(NEW_SPACE),
	OP(NEW_MEMORY, .new_memory = { .count = 64, .frame_size = PAGE }),
	OP(NEW_MEMORY, .new_memory = { .count = 2, .frame_size = M2 }),
	OP(NEW_MEMORY,
	   .new_memory = { .count = 2, .frame_size = PAGE, .cache = VMSPACE_CACHE_WC }),
	OP(IMPORT, .flags = VMSPACE_WRITABLE,
	   .import = { .addr = ADDRESS(own), .count = OWN_PAGES }),
	OP(IMPORT, .import = { .addr = ADDRESS(own) + PAGE, .count = 4 }),
	OP(OPEN_CURSOR_MUT, .flags = VMSPACE_PAGE_2M, .id = SPACE,
	   .open = { .start = 0, .end = 4 * G1 }),
	/* Small pages in two tables, large ones, small over a large one. */
	AT(CURSOR, G1_END),
	OP(MAP, .id = CURSOR, .map = { .memory = SMALL, .prop = RW, .count = 40 }),
	AT(CURSOR, M2),
	OP(MAP, .flags = VMSPACE_PAGE_2M, .id = CURSOR,
	   .map = { .memory = LARGE, .prop = RW, .count = 1024 }),
	AT(CURSOR, M2 + 5 * PAGE),
	OP(MAP, .flags = VMSPACE_REPLACE, .id = CURSOR,
	   .map = { .memory = SMALL, .prop = RO, .count = 3 }),
	OP(MAP, .flags = VMSPACE_REPLACE, .id = CURSOR,
	   .map = { .memory = COMBINED, .prop = RW, .cache = VMSPACE_CACHE_WC, .count = 2 }),
	AT(CURSOR, FAR),
	OP(MAP, .id = CURSOR, .map = { .memory = OWN, .prop = RW, .count = OWN_PAGES }),
	OP(MAP, .flags = VMSPACE_PAGE_LARGEST, .id = CURSOR,
	   .map = { .memory = AGAIN, .prop = RO, .count = 4 }),
	AT(CURSOR, 0),
	OP(QUERY, .id = CURSOR),
	OP(FIND_NEXT, .id = CURSOR, .find.len = G1),
	OP(VIRT_ADDR, .id = CURSOR),
	/* Changes in the middle of large pages. */
	AT(CURSOR, 2 * M2 + PAGE),
	OP(PROTECT_NEXT, .id = CURSOR, .protect = { .len = PAGE, .clear = VMSPACE_PROP_WRITE }),
	AT(CURSOR, 2 * M2 + 7 * PAGE),
	OP(PROTECT, .flags = VMSPACE_DEFER, .id = CURSOR,
	   .protect_range = { .len = M2, .clear = VMSPACE_PROP_WRITE }),
	OP(FLUSH_SYNC, .id = CURSOR),
	AT(CURSOR, 0),
	OP(ENUMERATE, .id = CURSOR,
	   .enumerate = { .addr = ADDRESS(mappings), .count = NR_MAPPINGS }),
	/* CPUs in the space, and what they do there. */
	OP(ACTIVATE, .flags = VMSPACE_RESIDENT, .id = SPACE, .activate.cpu = 0),
	OP(ACTIVATE, .id = SPACE, .activate.cpu = 1),
	OP(NEW_READER, .id = SPACE, .new_io = { .cpu = 1, .va = FAR, .len = 4 * PAGE }),
	OP(NEW_WRITER, .id = SPACE, .new_io = { .cpu = 0, .va = FAR, .len = 4 * PAGE }),
	OP(WRITE, .id = WRITER, .io = { .addr = ADDRESS(buffer), .len = PAGE + 100 }),
	OP(READ, .id = READER, .io = { .addr = ADDRESS(buffer), .len = PAGE + 200 }),
	OP(ACCESS, .flags = VMSPACE_STORE, .id = SPACE,
	   .access = { .va = FAR + 4 * PAGE, .cpu = 1, .width = 4, .value = 4711 }),
	OP(ACCESS, .id = SPACE, .access = { .va = G1, .cpu = 0, .width = 8 }),
	OP(RUN, .id = SPACE, .run = { .addr = ADDRESS(run), .count = 1, .timeout_us = 100000 }),
	OP(CPU_STAT, .id = SPACE, .cpu_stat.cpu = 1),
	OP(SHOOTDOWN_STAT, .id = SPACE, .shootdown_stat.cpu = 0),
	OP(HISTOGRAM, .id = SPACE,
	   .histogram = { .time = VMSPACE_TIME_STAY, .addr = ADDRESS(buckets),
			  .count = VMSPACE_BUCKETS }),
	/* More than a flush holds back without memory of its own. */
	AT(CURSOR, G1_END),
	OP(UNMAP, .flags = VMSPACE_DEFER, .id = CURSOR, .unmap.len = 35 * PAGE),
	AT(CURSOR, 2 * M2 + 6 * PAGE),
	OP(UNMAP, .id = CURSOR, .unmap.len = 2 * PAGE),
	OP(DROP_CURSOR, .id = CURSOR),
	/* Tables for a cursor, where there are none. */
	OP(OPEN_CURSOR, .flags = VMSPACE_NONBLOCK, .id = SPACE,
	   .open = { .start = 5 * G1, .end = 5 * G1 + PAGE }),
	OP(DROP_CURSOR, .id = LOOKER),
	OP(TRANSLATE, .id = SPACE, .query.va = FAR),
	OP(SPACE_STAT, .id = SPACE),
	OP(DROP_READER, .id = READER),
	OP(DROP_WRITER, .id = WRITER),
	OP(DEACTIVATE, .id = SPACE, .activate.cpu = 1),
	/* Flushes that are not made. */
	OP(NEW_SPACE, .flags = VMSPACE_LAB),
	OP(OPEN_CURSOR_MUT, .id = LAB, .open = { .start = 0, .end = M2 }),
	OP(SET_TARGETS, .id = LAB_CURSOR, .targets = { .addr = ADDRESS(&mask), .len = 8 }),
	OP(MAP, .id = LAB_CURSOR, .map = { .memory = SMALL, .prop = RW, .count = 40 }),
	AT(LAB_CURSOR, 0),
	OP(UNMAP, .flags = VMSPACE_FLUSH_TARGETS, .id = LAB_CURSOR, .unmap.len = 30 * PAGE),
	OP(UNMAP, .flags = VMSPACE_FLUSH_NONE, .id = LAB_CURSOR, .unmap.len = 10 * PAGE),
	OP(DROP_CURSOR, .id = LAB_CURSOR),
	OP(DROP_SPACE, .id = LAB),
	/* Steps that are held against the specification. */
	OP(NEW_SPACE, .flags = VMSPACE_CHECKED),
	OP(OPEN_CURSOR_MUT, .flags = VMSPACE_PAGE_2M, .id = CHECKED,
	   .open = { .start = 0, .end = G1 }),
	OP(MAP, .flags = VMSPACE_PAGE_2M, .id = CHECKED_CURSOR,
	   .map = { .memory = LARGE, .prop = RW, .count = 512 }),
	AT(CHECKED_CURSOR, 5 * PAGE),
	OP(PROTECT, .id = CHECKED_CURSOR,
	   .protect_range = { .len = 5 * PAGE, .clear = VMSPACE_PROP_WRITE }),
	AT(CHECKED_CURSOR, 0),
	OP(UNMAP, .flags = VMSPACE_DEFER, .id = CHECKED_CURSOR, .unmap.len = 300 * PAGE),
	OP(DROP_CURSOR, .id = CHECKED_CURSOR),
	OP(DROP_SPACE, .id = CHECKED),
	OP(NEW_SPACE, .flags = VMSPACE_STRICT),
	OP(OPEN_CURSOR_MUT, .id = STRICT, .open = { .start = FAR, .end = FAR + G1 }),
	OP(MAP, .id = STRICT_CURSOR,
	   .map = { .memory = SMALL, .index = 60, .prop = RW, .count = 1 }),
	AT(STRICT_CURSOR, FAR),
	OP(PROTECT_NEXT, .id = STRICT_CURSOR,
	   .protect = { .len = PAGE, .clear = VMSPACE_PROP_WRITE }),
	AT(STRICT_CURSOR, FAR),
	OP(UNMAP, .id = STRICT_CURSOR, .unmap.len = PAGE),
	OP(DROP_CURSOR, .id = STRICT_CURSOR),
	OP(DROP_SPACE, .id = STRICT),
	OP(DROP_MEMORY, .id = OWN),
	OP(DROP_MEMORY, .id = LARGE),
	OP(DROP_SPACE, .id = SPACE),
};

#define NR_OPS	(sizeof(program) / sizeof(program[0]))

/* --- what can be seen ----------------------------------------------------- */

/* What is the same each time that the program is executed so far; its tables; the rest. */
enum part { PLAIN, TABLES, EXACT, PARTS };

/**
 * struct picture - all that can be seen of a file, as text
 * @text:	by part
 * @blind:	debugfs shows not all of it: it may run out of memory as well
 */
struct picture {
	char text[PARTS][65536];
	bool blind;
};

static void __attribute__((format(printf, 3, 4)))
draw(struct picture *p, enum part part, const char *fmt, ...)
{
	size_t len = strlen(p->text[part]);
	va_list args;

	va_start(args, fmt);
	vsnprintf(p->text[part] + len, sizeof(p->text[part]) - len, fmt, args);
	va_end(args);
}

/* The ranges that are mapped, less the numbers of spaces and frames. */
static void draw_table(struct picture *p, unsigned int number)
{
	char path[80], line[200];
	FILE *file;

	snprintf(path, sizeof(path), DEBUGFS "/vmspace/%u/table", number);
	file = fopen(path, "r");
	if (!file) {
		p->blind = true;
		return;
	}
	while (fgets(line, sizeof(line), file)) {
		char *start = strncmp(line, "space", 5) ? line : strchr(line, ':');

		line[strcspn(line, "\n")] = 0;
		if (strstr(line, " pfn"))
			*strstr(line, " pfn") = 0;
		draw(p, TABLES, "%s\n", start ? start : line);
	}
	fclose(file);
}

static void draw_space(struct picture *p, int fd, int id)
{
	struct vmspace_op op;
	unsigned int cpu;
	char *entries;

	if (vms_space_stat(fd, id, &op))
		return;
	draw(p, PLAIN, "tables %llu pages %llu active %u users %u\n", op.space_stat.tables,
	     op.space_stat.pages, op.space_stat.active, op.space_stat.users);
	draw(p, EXACT, "deferred %llu\n", op.space_stat.deferred);
	draw_table(p, op.space_stat.number);
	entries = vms_table_bytes(fd, id);
	draw(p, EXACT, "%s", entries ? entries : "");
	free(entries);
	for (cpu = 0; cpu < 2; cpu++) {
		vms_cpu_stat(fd, id, cpu, &op);
		draw(p, PLAIN, "cpu %u: %x\n", cpu,
		     op.cpu_stat.state & (VMSPACE_CPU_ACTIVE | VMSPACE_CPU_RESIDENT));
	}
}

static struct picture *take_picture(int fd, struct picture *p)
{
	unsigned long sum = 0;
	struct vmspace_op op;
	unsigned int id, i;
	__u64 va;

	for (i = 0; i < PARTS; i++)
		p->text[i][0] = 0;
	p->blind = false;
	for (id = 1; id <= IDS; id++) {
		/* Whether it is there, whatever it is. */
		draw(p, PLAIN, "id %u: %d\n", id,
		     vms_plain(fd, VMSPACE_OP_SPACE_STAT, id));
		draw_space(p, fd, id);
		if (!vms_virt_addr(fd, id, &va))
			draw(p, PLAIN, "at %llx\n", va);
		/* Nothing is copied, but the position is told. */
		if (!vms_read(fd, id, buffer, 0, &op) || !vms_write(fd, id, buffer, 0, &op))
			draw(p, PLAIN, "at %llx\n", op.io.va);
	}
	for (i = 0; i < sizeof(own); i++)
		sum = sum * 31 + own[i];
	/* A run of access programs may be over before they have stored. */
	draw(p, EXACT, "own memory %lx\n", sum);
	return p;
}

static bool alike(const struct picture *a, const struct picture *b)
{
	return !strcmp(a->text[PLAIN], b->text[PLAIN]) &&
	       (a->blind || b->blind || !strcmp(a->text[TABLES], b->text[TABLES]));
}

static bool same(const struct picture *a, const struct picture *b)
{
	return alike(a, b) && !strcmp(a->text[EXACT], b->text[EXACT]);
}

/* --- the fixture ---------------------------------------------------------- */

FIXTURE(failnth)
{
	int file;
	struct vms_usage before;
	/* After each operation. */
	struct picture *expected;
	struct picture was;
	struct picture is;
};

/* A file in which the first operations of the program were executed. */
static int begin(struct __test_metadata *_metadata, unsigned int nr)
{
	struct vmspace_op ops[NR_OPS];
	struct vmspace_step step;
	int fd = vms_open();

	ASSERT_GE(fd, 0);
	memset(own, 1, sizeof(own));
	memset(buffer, 2, sizeof(buffer));
	memcpy(ops, program, sizeof(ops));
	if (nr) {
		ASSERT_EQ(0, vms_step(fd, ops, nr, 0, &step));
		ASSERT_EQ(0, step.error) {
			TH_LOG("operation %u", step.done - 1);
		}
	}
	return fd;
}

FIXTURE_SETUP(failnth)
{
	struct vmspace_info info;
	unsigned int i;
	int fd;

	self->before = vms_usage_now();
	fd = vms_open();
	if (fd < 0)
		SKIP(return, "no /dev/vmspace: %s", strerror(errno));
	if (!prepare_injection())
		SKIP(return, "%s", no_injection);
	ASSERT_EQ(0, vms_info(fd, &info));
	if (info.nr_cpus < 2)
		SKIP(return, "needs a second CPU");
	close(fd);
	self->file = open("/proc/self/fail-nth", O_RDWR | O_CLOEXEC);
	ASSERT_GE(self->file, 0);
	self->expected = calloc(NR_OPS, sizeof(*self->expected));
	ASSERT_NE(NULL, self->expected);
	for (i = 0; i < NR_OPS; i++) {
		fd = begin(_metadata, i + 1);
		take_picture(fd, &self->expected[i]);
		close(fd);
	}
}

FIXTURE_TEARDOWN(failnth)
{
	const char *left;

	if (vms_skipped(_metadata))
		return;
	left = vms_usage_not_back(&self->before, VMS_ANY);
	EXPECT_EQ(NULL, left) {
		TH_LOG("%s", left);
	}
	free(self->expected);
	close(self->file);
}

/* --- each operation alone ------------------------------------------------- */

/* Whether an operation may also say that the caller's memory is not there. */
static bool copies(const struct vmspace_op *op)
{
	return op->opcode == VMSPACE_OP_READ || op->opcode == VMSPACE_OP_WRITE ||
	       op->opcode == VMSPACE_OP_ENUMERATE || op->opcode == VMSPACE_OP_RUN ||
	       op->opcode == VMSPACE_OP_SET_TARGETS || op->opcode == VMSPACE_OP_HISTOGRAM;
}

/* What was told before it failed counts; it goes on from there. */
static void rewind_cursor(int fd, const struct vmspace_op *op, __u64 va)
{
	if (op->opcode == VMSPACE_OP_ENUMERATE)
		vms_jump(fd, op->id, va);
}

#define explain(i, n, what)							\
	TH_LOG("operation %u (opcode %u), failure %u: %s\n"			\
	       "--- was\n%s%s--- is\n%s%s--- expected\n%s%s",			\
	       i, program[i].opcode, n, what,					\
	       self->was.text[PLAIN], self->was.text[TABLES],			\
	       self->is.text[PLAIN], self->is.text[TABLES],			\
	       self->expected[i].text[PLAIN], self->expected[i].text[TABLES])

/* Carry out an operation, of which one call fails; whether there was one. */
static bool fail_one(struct __test_metadata *_metadata, struct _test_data_failnth *self,
		     unsigned int i, unsigned int n)
{
	int fd = begin(_metadata, i), error;
	struct vmspace_op op = program[i];
	struct vmspace_step step;
	bool injected;
	__u64 va = 0;

	take_picture(fd, &self->was);
	if (op.opcode == VMSPACE_OP_ENUMERATE)
		ASSERT_EQ(0, vms_virt_addr(fd, op.id, &va));
	ASSERT_TRUE(arm(self->file, n));
	error = vms_step(fd, &op, 1, 0, &step);
	injected = disarm(self->file);

	if (error || op.result) {
		bool copied = error || copies(&op);

		error = error ? error : op.result;
		EXPECT_TRUE(injected);
		EXPECT_TRUE(error == -ENOMEM || (error == -EFAULT && copied)) {
			explain(i, n, strerror(-error));
		}
		rewind_cursor(fd, &op, va);
		take_picture(fd, &self->is);
		/* It was done, and only the answer could not be told? */
		if (error == -EFAULT && !same(&self->was, &self->is) &&
		    alike(&self->expected[i], &self->is))
			goto out;
		EXPECT_TRUE(same(&self->was, &self->is)) {
			explain(i, n, "it changed something");
		}
		op = program[i];
		EXPECT_EQ(0, vms_op(fd, &op)) {
			explain(i, n, "the second attempt");
		}
	}
	take_picture(fd, &self->is);
	EXPECT_TRUE(alike(&self->expected[i], &self->is)) {
		explain(i, n, "not all of it was done");
	}
out:
	ASSERT_TRUE(_metadata->passed);
	close(fd);
	return injected;
}

TEST_F_TIMEOUT(failnth, operations__each_alone, LIMIT)
{
	unsigned int i, n, most = 0, all = 0;

	if (vms_skipped(_metadata))
		return;
	for (i = 0; i < NR_OPS; i++) {
		for (n = 1; fail_one(_metadata, self, i, n); n++)
			all++;
		most = n > most ? n : most;
	}
	ksft_print_msg("%zu operations, %u failures, at most %u in one\n", NR_OPS, all, most - 1);
	fflush(stdout);
	/* Two copies in and two out, at least, and all that NEW_SPACE needs. */
	EXPECT_LT(4 * NR_OPS, all);
	EXPECT_LT(10, most);
}

/* --- all of them, whatever comes of it ------------------------------------ */

TEST_F_TIMEOUT(failnth, program__goes_on_after_a_failure, LIMIT)
{
	unsigned int n, failed = 0;
	bool injected = true;

	if (vms_skipped(_metadata))
		return;
	for (n = 1; injected; n++) {
		struct vmspace_op ops[NR_OPS];
		struct vmspace_step step;
		int fd = begin(_metadata, 0), ret;

		memcpy(ops, program, sizeof(ops));
		ASSERT_TRUE(arm(self->file, n));
		ret = vms_step(fd, ops, NR_OPS, VMSPACE_STEP_CONTINUE, &step);
		/* The close is a part of it. */
		close(fd);
		injected = disarm(self->file);
		ASSERT_TRUE(!ret || ret == -EFAULT);
		if (!injected)
			ASSERT_EQ(0, step.error);
		failed += ret || step.error;
	}
	ksft_print_msg("%u places, %u of them were noticed\n", n - 2, failed);
	fflush(stdout);
	EXPECT_LT(NR_OPS, n);
	EXPECT_LT(0, failed);
}

/* --- the file itself ------------------------------------------------------ */

TEST_F_TIMEOUT(failnth, file__open_and_close, LIMIT)
{
	unsigned int n, refused = 0;
	bool injected = true;

	if (vms_skipped(_metadata))
		return;
	for (n = 1; injected; n++) {
		int fd, error;

		ASSERT_TRUE(arm(self->file, n));
		fd = vms_open();
		error = errno;
		close(fd);
		injected = disarm(self->file);
		if (fd >= 0)
			continue;
		refused++;
		ASSERT_TRUE(injected);
		ASSERT_TRUE(error == ENOMEM || error == ENFILE || error == EFAULT);
	}
	EXPECT_LT(1, refused);
}

TEST_F_TIMEOUT(failnth, file__mmap, LIMIT)
{
	unsigned int n, refused = 0;
	bool injected = true;
	int fd = vms_open();
	__u64 offset;

	if (vms_skipped(_metadata))
		return;
	ASSERT_GE(fd, 0);
	ASSERT_GT(vms_new_memory_of(fd, 4, PAGE, VMSPACE_CACHE_WB, &offset), 0);
	for (n = 1; injected; n++) {
		char *view;

		ASSERT_TRUE(arm(self->file, n));
		view = vms_view(fd, offset, 4);
		injected = disarm(self->file);
		if (view == MAP_FAILED) {
			refused++;
			ASSERT_TRUE(injected);
			ASSERT_EQ(ENOMEM, errno);
			continue;
		}
		view[0] = n;
		ASSERT_EQ(0, munmap(view, 4 * PAGE));
	}
	EXPECT_LT(0, refused);
	close(fd);
}

/* --- what cannot be checked any further ----------------------------------- */

FIXTURE(blind)
{
	int file;
	int fd;
	int memory;
	int space;
	int cursor;
};

FIXTURE_VARIANT(blind)
{
	unsigned int flags;
	/* What MAP says then: whether the frame is taken is not known any more. */
	int map;
};

FIXTURE_VARIANT_ADD(blind, strict) { .flags = VMSPACE_STRICT, .map = -ENOMEM };
FIXTURE_VARIANT_ADD(blind, checked) { .flags = VMSPACE_CHECKED, .map = 0 };

#define BLIND_PAGES	4
/* Each needs tables of its own, and so does the check. */
#define BLIND_VA(i)	(FAR + (i) * M2)

static int map_one(struct _test_data_blind *self, unsigned int index)
{
	int ret = vms_jump(self->fd, self->cursor, BLIND_VA(index));

	return ret ? ret : vms_map(self->fd, self->cursor, self->memory, index, RW);
}

FIXTURE_SETUP(blind)
{
	self->file = -1;
	self->fd = vms_open();
	if (self->fd < 0)
		SKIP(return, "no /dev/vmspace: %s", strerror(errno));
	if (!prepare_injection())
		SKIP(return, "%s", no_injection);
	self->file = open("/proc/self/fail-nth", O_RDWR | O_CLOEXEC);
	ASSERT_GE(self->file, 0);
}

FIXTURE_TEARDOWN(blind)
{
	close(self->file);
	close(self->fd);
}

/* A file with a space in which the page of index 0 is mapped. */
static void begin_blind(struct __test_metadata *_metadata, struct _test_data_blind *self,
			unsigned int flags)
{
	close(self->fd);
	self->fd = vms_open();
	ASSERT_GE(self->fd, 0);
	self->memory = vms_new_memory(self->fd, BLIND_PAGES);
	self->space = vms_new_space_as(self->fd, flags);
	self->cursor = vms_open_cursor_mut(self->fd, self->space, FAR, FAR + G1);
	ASSERT_GT(self->memory, 0);
	ASSERT_GT(self->space, 0);
	ASSERT_GT(self->cursor, 0);
	ASSERT_EQ(0, map_one(self, 0));
}

static bool is_blind(struct _test_data_blind *self)
{
	struct vmspace_op op;
	char path[80], text[400];
	size_t len = 0;
	FILE *file;

	if (vms_space_stat(self->fd, self->space, &op))
		return false;
	snprintf(path, sizeof(path), DEBUGFS "/vmspace/%u/audit", op.space_stat.number);
	file = fopen(path, "r");
	if (!file)
		return false;
	len = fread(text, 1, sizeof(text) - 1, file);
	text[len] = 0;
	fclose(file);
	return strstr(text, "not checked any further: there was no memory");
}

/* What the space does from then on. */
static void use_blind(struct __test_metadata *_metadata, struct _test_data_blind *self, int map)
{
	char *before = vms_table_bytes(self->fd, self->space), *after;
	long pages = vms_count_pages(self->fd, self->space);
	struct vmspace_op op;
	unsigned int i;
	int ret;

	ASSERT_NE(NULL, before);
	for (i = 2; i < BLIND_PAGES; i++)
		EXPECT_EQ(map, map_one(self, i));
	after = vms_table_bytes(self->fd, self->space);
	ASSERT_NE(NULL, after);
	EXPECT_EQ(!map, !!strcmp(before, after));
	EXPECT_EQ(pages + (map ? 0 : BLIND_PAGES - 2), vms_count_pages(self->fd, self->space));
	free(before);
	free(after);
	EXPECT_EQ(0, vms_jump(self->fd, self->cursor, BLIND_VA(0)));
	EXPECT_EQ(0, vms_protect_next(self->fd, self->cursor, PAGE, VMSPACE_PROP_WRITE, 0, 0, &op));
	for (i = 0; i < BLIND_PAGES; i++) {
		EXPECT_EQ(0, vms_jump(self->fd, self->cursor, BLIND_VA(i)));
		ret = vms_unmap(self->fd, self->cursor, PAGE, 0, &op);
		/* STRICT ones tell that there was nothing. */
		EXPECT_TRUE(!ret || (i && map && ret == -ENOENT));
	}
	EXPECT_EQ(0, vms_count_pages(self->fd, self->space));
	EXPECT_EQ(map, map_one(self, 1));
	EXPECT_TRUE(is_blind(self));
	EXPECT_EQ(0, vms_drop_cursor(self->fd, self->cursor));
	EXPECT_EQ(0, vms_drop_space(self->fd, self->space));
	EXPECT_EQ(0, vms_drop_memory(self->fd, self->memory));
}

/* One call of a MAP fails; whether there was one. */
static bool make_blind(struct __test_metadata *_metadata, struct _test_data_blind *self,
		       unsigned int n, bool *blind)
{
	bool injected;
	int ret;

	EXPECT_EQ(0, vms_jump(self->fd, self->cursor, BLIND_VA(1)));
	ASSERT_TRUE(arm(self->file, n));
	ret = vms_map(self->fd, self->cursor, self->memory, 1, RW);
	injected = disarm(self->file);
	EXPECT_TRUE(!ret || (injected && (ret == -ENOMEM || ret == -EFAULT)));
	*blind = is_blind(self);
	return injected;
}

TEST_F_TIMEOUT(blind, space__without_memory_for_its_check, LIMIT)
{
	unsigned int n, times = 0;
	bool injected = true, blind;

	if (vms_skipped(_metadata))
		return;
	for (n = 1; injected; n++) {
		begin_blind(_metadata, self, variant->flags);
		injected = make_blind(_metadata, self, n, &blind);
		if (blind)
			use_blind(_metadata, self, variant->map);
		times += blind;
	}
	ksft_print_msg("%u failures, %u of them blinded it\n", n - 2, times);
	fflush(stdout);
	EXPECT_LT(0, times);
}

/* --- the module ----------------------------------------------------------- */

#define TRACING		"/sys/kernel/tracing"
#define INITCALL	TRACING "/events/initcall/initcall_start/enable"

FIXTURE(module)
{
	int file;
	int places;
};

/* A load with its n-th call failing; @left receives how many calls were missing to it. */
static int load_failing(struct _test_data_module *self, int n, int *left)
{
	char text[16] = "";
	int ret;

	if (!arm(self->file, n))
		return -EIO;
	ret = vms_load_module();
	*left = pread(self->file, text, sizeof(text) - 1, 0) > 0 ? atoi(text) : n;
	disarm(self->file);
	return ret;
}

/* Whether the module's own function was called since this was asked last. */
static bool was_initialised(void)
{
	char line[256];
	bool found = false;
	FILE *file = fopen(TRACING "/trace", "r");

	while (file && fgets(line, sizeof(line), file))
		found |= !!strstr(line, "initcall_start:");
	if (file)
		fclose(file);
	/* This empties it. */
	close(open(TRACING "/trace", O_WRONLY | O_TRUNC | O_CLOEXEC));
	return found;
}

FIXTURE_SETUP(module)
{
	const int most = 1000000;
	int left;

	self->file = -1;
	if (access("/dev/vmspace", F_OK))
		SKIP(return, "no /dev/vmspace");
	if (!prepare_injection())
		SKIP(return, "%s", no_injection);
	if (access(vms_module_path(), R_OK))
		SKIP(return, "no %s to load: set VMSPACE_MODULE", vms_module_path());
	ASSERT_EQ(0, vms_write_text(INITCALL, "1"));
	self->file = open("/proc/self/fail-nth", O_RDWR | O_CLOEXEC);
	ASSERT_GE(self->file, 0);
	ASSERT_EQ(0, vms_unload_module());
	ASSERT_EQ(0, load_failing(self, most, &left));
	self->places = most - left;
	ASSERT_TRUE(was_initialised());
	ASSERT_FALSE(was_initialised());
}

FIXTURE_TEARDOWN(module)
{
	if (vms_skipped(_metadata))
		return;
	vms_write_text(INITCALL, "0");
	close(self->file);
	EXPECT_TRUE(!access("/sys/module/vmspace", F_OK) || !vms_load_module());
}

/* It is loaded all the same, and works. */
static void expect_works(struct __test_metadata *_metadata)
{
	double end = vms_now() + VMS_LIMIT;
	int fd;

	while ((fd = vms_open()) < 0 && errno == ENOENT && vms_now() < end)
		vms_pause();
	ASSERT_GE(fd, 0);
	EXPECT_LT(0, vms_new_space(fd));
	close(fd);
}

/* The module's own calls are the last ones of a load: fewer than so many. */
#define LAST	256

/* Each takes two loads: every so many-th is enough where all takes longer. */
static int places_step(void)
{
	const char *text = getenv("VMSPACE_PLACES");
	int step = text ? atoi(text) : 1;

	return step > 0 ? step : 1;
}

/* The loader's own allocations come first, and are the kernel's matter. */
TEST_F_TIMEOUT(module, load__with_a_failure_in_it, LIMIT)
{
	unsigned int refused = 0, loaded = 0, loader = 0;
	int n, left, ret;
	bool asked;

	if (vms_skipped(_metadata))
		return;
	for (n = self->places; n > 0 && n > self->places - LAST; n -= places_step()) {
		ASSERT_EQ(0, vms_unload_module());
		ASSERT_EQ(NULL, vms_module_remains());
		ret = load_failing(self, n, &left);
		asked = was_initialised();
		if (!ret) {
			loaded++;
			expect_works(_metadata);
			continue;
		}
		refused += asked;
		loader += !asked;
		EXPECT_EQ(0, left);
		EXPECT_TRUE(!asked || ret == -ENOMEM);
		EXPECT_EQ(NULL, vms_module_remains()) {
			TH_LOG("place %d of %d", n, self->places);
		}
		ASSERT_EQ(0, vms_load_module());
		was_initialised();
	}
	ksft_print_msg("%d places, the last %d: %u refused, %u loaded without, %u the loader's\n",
		       self->places, LAST, refused, loaded, loader);
	fflush(stdout);
	EXPECT_LT(5 / places_step(), refused);
}

/* --- and nothing was forgotten -------------------------------------------- */

static bool in_program(unsigned int opcode)
{
	unsigned int i;

	for (i = 0; i < NR_OPS; i++)
		if (program[i].opcode == opcode)
			return true;
	return false;
}

TEST(program__has_every_operation)
{
	unsigned int opcode;
	int fd = vms_open();

	if (fd < 0)
		SKIP(return, "no /dev/vmspace: %s", strerror(errno));
	for (opcode = 0; opcode < 1000; opcode++) {
		struct vmspace_op op = { .opcode = opcode, .id = ~0U };

		EXPECT_EQ(vms_op(fd, &op) != -EOPNOTSUPP, in_program(opcode)) {
			TH_LOG("opcode %u", opcode);
		}
	}
	close(fd);
}

TEST_HARNESS_MAIN
