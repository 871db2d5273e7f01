// SPDX-License-Identifier: GPL-2.0-only
/*
 * Access programs: what is refused, what each instruction does and tells, in which
 * order CPUs see each other's stores, and that a run has an end whatever happens.
 */
#include "kselftest_harness.h"
#include <signal.h>
#include <sys/wait.h>
#include "programs.h"

#define BASE	0x5555557f0000ULL
#define PAGES	4
#define OLD	0x01d01d01d01d01d0ULL
#define NEW	0x2e32e32e32e32e32ULL
#define GARBAGE	0xa5

FIXTURE(programs)
{
	struct vms_usage before;
	int fd;
	struct vmspace_info info;
	int space;
	__u64 *view;		/* of what is mapped from BASE on */
	unsigned int nr_cpus;
	unsigned int cpus[VMS_CPUS];
	struct vms_crew *crew;
};

FIXTURE_SETUP(programs)
{
	int memory, cursor, ret;
	__u64 offset;

	self->before = vms_usage_settled();
	self->fd = vms_open();
	if (self->fd < 0)
		SKIP(return, "no /dev/vmspace: %s", strerror(errno));
	ASSERT_EQ(0, vms_info(self->fd, &self->info));
	ASSERT_GE(self->info.max_insns, VMS_INSNS);
	self->space = vms_new_space(self->fd);
	ASSERT_GT(self->space, 0);
	memory = vms_new_memory_of(self->fd, PAGES, PAGE, VMSPACE_CACHE_WB, &offset);
	ASSERT_GT(memory, 0);
	self->view = vms_view(self->fd, offset, PAGES);
	ASSERT_NE(MAP_FAILED, self->view);
	/* The last page is read-only, and there is nothing behind it. */
	cursor = vms_open_cursor_mut(self->fd, self->space, BASE, BASE + PAGES * PAGE);
	ASSERT_EQ(0, vms_map_range(self->fd, cursor, memory, 0, PAGES - 1, RW, 0));
	ASSERT_EQ(0, vms_map(self->fd, cursor, memory, PAGES - 1, RO));
	ASSERT_EQ(0, vms_drop_cursor(self->fd, cursor));
	ret = vms_activate_all(self->fd, self->space, VMSPACE_RESIDENT, self->cpus);
	ASSERT_GT(ret, 0);
	self->nr_cpus = ret;
	self->crew = vms_crew_new(self->fd, self->space);
	ASSERT_NE(NULL, self->crew);
	ASSERT_EQ(0, vms_pin(self->cpus[0]));
}

FIXTURE_TEARDOWN(programs)
{
	const char *left;

	vms_crew_free(self->crew);
	munmap(self->view, PAGES * PAGE);
	close(self->fd);
	left = vms_usage_not_back(&self->before, VMS_ANY);
	EXPECT_EQ(NULL, left)
		TH_LOG("%s", left);
}

#define WORD(i)	(BASE + 64 * (i))	/* addresses that share no cache line */

static __u64 *word(struct _test_data_programs *self, unsigned int i)
{
	return self->view + 8 * i;
}

#define READ_ONLY	(BASE + (PAGES - 1) * PAGE)
#define HOLE		(BASE + PAGES * PAGE)

/* As many programs, on the last CPUs; the test runs on the first. */
static struct vms_code *write_on(struct _test_data_programs *self, unsigned int nr)
{
	struct vms_crew *crew = self->crew;

	for (crew->nr = 0; crew->nr < nr; crew->nr++)
		crew->code[crew->nr].cpu = self->cpus[self->nr_cpus - 1 - crew->nr];
	vms_crew_clear(crew);
	return crew->code;
}

/* Run them until none was cut short, because its CPU was needed by others. */
static void run_all(struct __test_metadata *_metadata, struct _test_data_programs *self)
{
	struct vms_code *wanted = malloc(sizeof(self->crew->code));
	double end = vms_now() + VMS_LIMIT;

	ASSERT_NE(NULL, wanted);
	memcpy(wanted, self->crew->code, sizeof(self->crew->code));
	do {
		ASSERT_LT(vms_now(), end);
		memcpy(self->crew->code, wanted, sizeof(self->crew->code));
		ASSERT_EQ(0, vms_crew_run(self->crew));
	} while (self->crew->done < self->crew->nr);
	free(wanted);
}

/* --- what is refused ------------------------------------------------------ */

/**
 * struct bad - an instruction that is valid but for one thing
 * @name:	what is wrong
 * @error:	that it gets
 * @insn:	the instruction
 */
struct bad {
	const char *name;
	int error;
	struct vmspace_insn insn;
};

#define LOAD_OK		.opcode = VMSPACE_INSN_LOAD, .width = 8, .va = BASE, .count = 1
#define STORE_OK	.opcode = VMSPACE_INSN_STORE, .width = 8, .va = BASE, .count = 1
#define WAIT_OK		.opcode = VMSPACE_INSN_WAIT, .program = 0, .step = 0
#define FENCE_OK	.opcode = VMSPACE_INSN_FENCE
#define INVLPG_OK	.opcode = VMSPACE_INSN_INVLPG, .va = BASE
#define EQUAL		VMSPACE_UNTIL_EQUAL
#define DIFFERENT	VMSPACE_UNTIL_DIFFERENT

#pragma GCC diagnostic ignored "-Woverride-init"

static const struct bad bads[] = {
	{ "opcode 0", EOPNOTSUPP, { .opcode = 0 } },
	{ "opcode 6", EOPNOTSUPP, { .opcode = 6 } },
	{ "opcode 65535", EOPNOTSUPP, { .opcode = 65535 } },

	{ "load: unknown flag", EINVAL, { LOAD_OK, .flags = 0x8 } },
	{ "load: unknown flag", EINVAL, { LOAD_OK, .flags = 0x8000 } },
	{ "load: two conditions", EINVAL, { LOAD_OK, .flags = EQUAL | DIFFERENT } },
	{ "load: width 0", EINVAL, { LOAD_OK, .width = 0 } },
	{ "load: width 3", EINVAL, { LOAD_OK, .width = 3 } },
	{ "load: width 16", EINVAL, { LOAD_OK, .width = 16 } },
	{ "load: width 256", EINVAL, { LOAD_OK, .width = 256 } },
	{ "load: misaligned for 2", EINVAL, { LOAD_OK, .width = 2, .va = BASE + 1 } },
	{ "load: misaligned for 4", EINVAL, { LOAD_OK, .width = 4, .va = BASE + 2 } },
	{ "load: misaligned for 8", EINVAL, { LOAD_OK, .va = BASE + 4 } },
	{ "load: count 0", EINVAL, { LOAD_OK, .count = 0 } },
	{ "load: a program", EINVAL, { LOAD_OK, .program = 1 } },
	{ "load: a step", EINVAL, { LOAD_OK, .step = 1 } },
	{ "load: a value too large", EINVAL,
	  { LOAD_OK, .flags = EQUAL, .width = 1, .value = 0x100 } },
	{ "load: a value too large", EINVAL,
	  { LOAD_OK, .flags = DIFFERENT, .width = 4, .value = 1ULL << 32 } },
	{ "load: of the kernel", ERANGE, { LOAD_OK, .va = 0xffff888000000000ULL } },
	{ "load: the last address", ERANGE, { LOAD_OK, .va = -8ULL } },

	{ "store: unknown flag", EINVAL, { STORE_OK, .flags = 0x8 } },
	{ "store: until equal", EINVAL, { STORE_OK, .flags = EQUAL } },
	{ "store: until different", EINVAL, { STORE_OK, .flags = DIFFERENT } },
	{ "store: width 0", EINVAL, { STORE_OK, .width = 0 } },
	{ "store: width 5", EINVAL, { STORE_OK, .width = 5 } },
	{ "store: misaligned", EINVAL, { STORE_OK, .va = BASE + 7 } },
	{ "store: count 0", EINVAL, { STORE_OK, .count = 0 } },
	{ "store: a value too large", EINVAL, { STORE_OK, .width = 1, .value = 0x100 } },
	{ "store: a value too large", EINVAL, { STORE_OK, .width = 2, .value = 0x10000 } },
	{ "store: a program", EINVAL, { STORE_OK, .program = 1 } },
	{ "store: a step", EINVAL, { STORE_OK, .step = 1 } },
	{ "store: to the kernel", ERANGE, { STORE_OK, .va = 0xffffffff81000000ULL } },

	{ "wait: flags", EINVAL, { WAIT_OK, .flags = VMSPACE_UNTIL_FAULT } },
	{ "wait: width", EINVAL, { WAIT_OK, .width = 8 } },
	{ "wait: va", EINVAL, { WAIT_OK, .va = BASE } },
	{ "wait: value", EINVAL, { WAIT_OK, .value = 1 } },
	{ "wait: count", EINVAL, { WAIT_OK, .count = 1 } },
	{ "wait: no such program", ERANGE, { WAIT_OK, .program = 2 } },
	{ "wait: no such program", ERANGE, { WAIT_OK, .program = 65535 } },
	/* The program has two at most. */
	{ "wait: no such step", ERANGE, { WAIT_OK, .step = 2 } },
	{ "wait: no such step", ERANGE, { WAIT_OK, .step = ~0U } },

	{ "fence: flags", EINVAL, { FENCE_OK, .flags = VMSPACE_UNTIL_FAULT } },
	{ "fence: width", EINVAL, { FENCE_OK, .width = 8 } },
	{ "fence: va", EINVAL, { FENCE_OK, .va = BASE } },
	{ "fence: value", EINVAL, { FENCE_OK, .value = 1 } },
	{ "fence: count", EINVAL, { FENCE_OK, .count = 1 } },
	{ "fence: program", EINVAL, { FENCE_OK, .program = 1 } },
	{ "fence: step", EINVAL, { FENCE_OK, .step = 1 } },

	{ "invlpg: flags", EINVAL, { INVLPG_OK, .flags = VMSPACE_UNTIL_FAULT } },
	{ "invlpg: width", EINVAL, { INVLPG_OK, .width = 8 } },
	{ "invlpg: value", EINVAL, { INVLPG_OK, .value = 1 } },
	{ "invlpg: count", EINVAL, { INVLPG_OK, .count = 1 } },
	{ "invlpg: program", EINVAL, { INVLPG_OK, .program = 1 } },
	{ "invlpg: step", EINVAL, { INVLPG_OK, .step = 1 } },
	{ "invlpg: of the kernel", ERANGE, { INVLPG_OK, .va = 0xffff888000000000ULL } },
};

/* The same, valid. */
static const struct bad goods[] = {
	{ "load", 0, { LOAD_OK } },
	{ "load: until fault or equal", 0, { LOAD_OK, .flags = VMSPACE_UNTIL_FAULT | EQUAL } },
	{ "load: a value that is not used", 0, { LOAD_OK, .width = 1, .value = ~0ULL } },
	{ "load: the largest value", 0, { LOAD_OK, .flags = DIFFERENT, .width = 1, .value = 255 } },
	{ "load: an odd byte", 0, { LOAD_OK, .width = 1, .va = BASE + 1 } },
	{ "store", 0, { STORE_OK } },
	{ "store: until fault", 0, { STORE_OK, .flags = VMSPACE_UNTIL_FAULT } },
	{ "store: the largest value", 0, { STORE_OK, .width = 4, .value = 0xffffffff } },
	{ "wait", 0, { WAIT_OK } },
	{ "fence", 0, { FENCE_OK } },
	{ "invlpg", 0, { INVLPG_OK } },
	{ "invlpg: any address", 0, { INVLPG_OK, .va = BASE + 1 } },
};

/* Programs of which the first stores; whether it did. */
static bool has_stored(struct _test_data_programs *self)
{
	return *word(self, 0) == NEW;
}

/* The first program stores; the second, if there is a CPU for it, has room for more. */
static unsigned int write_pair(struct _test_data_programs *self)
{
	unsigned int nr = self->nr_cpus > 1 ? 2 : 1;
	struct vms_code *code = write_on(self, nr);
	unsigned int i;

	*word(self, 0) = OLD;
	vms_emit_store(&code[0], WORD(0), 1, 0, NEW);
	for (i = 1; i < nr; i++)
		vms_emit_fence(&code[i]);
	return nr;
}

static void expect_refused(struct __test_metadata *_metadata, struct _test_data_programs *self,
			   int error, const char *what)
{
	EXPECT_EQ(-error, vms_crew_run(self->crew))
		TH_LOG("%s", what);
	EXPECT_EQ(0, self->crew->done);
	EXPECT_FALSE(has_stored(self))
		TH_LOG("%s", what);
}

TEST_F(programs, insn__of_every_kind_accepted)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(goods); i++) {
		struct vms_code *code = write_on(self, 1);

		vms_emit_fence(&code[0]);
		vms_emit(&code[0], goods[i].insn);
		EXPECT_EQ(0, vms_crew_run(self->crew))
			TH_LOG("%s", goods[i].name);
	}
}

TEST_F(programs, insn__refused)
{
	unsigned int i, nr;

	for (i = 0; i < ARRAY_SIZE(bads); i++) {
		nr = write_pair(self);
		vms_emit(&self->crew->code[nr - 1], bads[i].insn);
		expect_refused(_metadata, self, bads[i].error, bads[i].name);
	}
}

/* Up to the end of the space, and not across it. */
TEST_F(programs, insn__at_the_end_of_the_space)
{
	const __u64 end = self->info.va_end;
	struct vms_code *code = write_on(self, 1);

	vms_emit_load(&code[0], end - 8, 1, 0, 0);
	vms_emit_store(&code[0], end - 8, 1, 0, 0);
	vms_emit_invlpg(&code[0], end - 1);
	EXPECT_EQ(0, vms_crew_run(self->crew));
	write_pair(self);
	vms_emit_load(&code[0], end, 1, 0, 0);
	expect_refused(_metadata, self, ERANGE, "load at the end");
	write_pair(self);
	vms_emit_store(&code[0], end, 1, 0, 0);
	expect_refused(_metadata, self, ERANGE, "store at the end");
	write_pair(self);
	vms_emit_invlpg(&code[0], end);
	expect_refused(_metadata, self, ERANGE, "invlpg at the end");
}

/* Passes the programs of the crew as they are, but for what the test has changed. */
static int run_raw(struct _test_data_programs *self, unsigned int count, unsigned int timeout_us,
		   struct vmspace_op *op)
{
	return vms_run(self->fd, self->space, self->crew->programs, count, timeout_us, op);
}

static void make_raw(struct _test_data_programs *self)
{
	struct vms_crew *crew = self->crew;
	unsigned int i;

	write_pair(self);
	for (i = 0; i < crew->nr; i++)
		crew->programs[i] = (struct vmspace_program) {
			.cpu = crew->code[i].cpu,
			.count = crew->code[i].nr,
			.insns = (uintptr_t)crew->code[i].insns,
		};
}

#define EXPECT_RAW_REFUSED(error, count, timeout_us) do {			\
	struct vmspace_op __op;							\
										\
	EXPECT_EQ(-(error), run_raw(self, count, timeout_us, &__op));		\
	EXPECT_EQ(0, __op.run.done);						\
	EXPECT_FALSE(has_stored(self));						\
} while (0)

TEST_F(programs, run__counts_and_times)
{
	struct vmspace_op op;

	make_raw(self);
	EXPECT_RAW_REFUSED(EINVAL, 0, 1000);
	EXPECT_RAW_REFUSED(EINVAL, self->info.nr_cpus + 1, 1000);
	EXPECT_RAW_REFUSED(EINVAL, ~0U, 1000);
	EXPECT_RAW_REFUSED(EINVAL, 1, 0);
	EXPECT_RAW_REFUSED(EINVAL, 1, self->info.max_run_us + 1);
	EXPECT_RAW_REFUSED(EINVAL, 1, ~0U);
	EXPECT_EQ(0, run_raw(self, 1, self->info.max_run_us, &op));
	/* The shortest time may be too short, and that is no error. */
	EXPECT_EQ(0, run_raw(self, 1, 1, &op));
}

TEST_F(programs, program__refused)
{
	struct vmspace_program *p = self->crew->programs;
	unsigned int last;

	make_raw(self);
	last = self->crew->nr - 1;
	p[last].count = 0;
	EXPECT_RAW_REFUSED(EINVAL, last + 1, 1000);
	p[last].count = self->info.max_insns + 1;
	EXPECT_RAW_REFUSED(EINVAL, last + 1, 1000);
	p[last].count = ~0U;
	EXPECT_RAW_REFUSED(EINVAL, last + 1, 1000);
	make_raw(self);
	p[last].pad = 1;
	EXPECT_RAW_REFUSED(EINVAL, last + 1, 1000);
	p[last].pad = 1ULL << 63;
	EXPECT_RAW_REFUSED(EINVAL, last + 1, 1000);
	make_raw(self);
	p[last].cpu = self->info.nr_cpus;
	EXPECT_RAW_REFUSED(EINVAL, last + 1, 1000);
	p[last].cpu = ~0U;
	EXPECT_RAW_REFUSED(EINVAL, last + 1, 1000);
	if (last) {
		p[last].cpu = p[0].cpu;
		EXPECT_RAW_REFUSED(EINVAL, last + 1, 1000);
	}
}

TEST_F(programs, program__where_the_space_is_not_active)
{
	unsigned int last;

	make_raw(self);
	last = self->crew->nr - 1;
	ASSERT_EQ(0, vms_deactivate(self->fd, self->space, self->crew->programs[last].cpu));
	EXPECT_RAW_REFUSED(ENXIO, last + 1, 1000);
}

/* Bad addresses of either array, and addresses that cannot be written. */
TEST_F(programs, arrays__that_cannot_be_used)
{
	struct vmspace_program *p = self->crew->programs, *own;
	const long page = sysconf(_SC_PAGESIZE);
	struct vmspace_insn *insns;
	struct vmspace_op op;
	char *area;

	area = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, area);
	/* The first pair fits before the second page, what follows does not. */
	make_raw(self);
	own = (void *)(area + page - sizeof(*own));
	*own = p[0];
	insns = (void *)(area + page - sizeof(*insns));
	ASSERT_EQ(0, mprotect(area + page, page, PROT_NONE));

	EXPECT_EQ(-EFAULT, vms_run(self->fd, self->space, NULL, 1, 1000, &op));
	EXPECT_FALSE(has_stored(self));
	if (self->crew->nr > 1)
		EXPECT_EQ(-EFAULT, vms_run(self->fd, self->space, own, 2, 1000, &op));
	EXPECT_FALSE(has_stored(self));
	p[0].insns = 16;
	EXPECT_RAW_REFUSED(EFAULT, 1, 1000);
	*insns = self->crew->code[0].insns[0];
	p[0].insns = (uintptr_t)insns;
	p[0].count = 2;
	EXPECT_RAW_REFUSED(EFAULT, 1, 1000);

	/* To be read only. */
	p[0].count = 1;
	ASSERT_EQ(0, mprotect(area, page, PROT_READ));
	EXPECT_RAW_REFUSED(EFAULT, 1, 1000);
	ASSERT_EQ(0, mprotect(area, page, PROT_READ | PROT_WRITE));
	*own = p[0];
	own->insns = (uintptr_t)self->crew->code[0].insns;
	ASSERT_EQ(0, mprotect(area, page, PROT_READ));
	EXPECT_EQ(-EFAULT, vms_run(self->fd, self->space, own, 1, 1000, &op));
	EXPECT_FALSE(has_stored(self));
	ASSERT_EQ(0, mprotect(area, page, PROT_READ | PROT_WRITE));
	EXPECT_EQ(0, vms_run(self->fd, self->space, own, 1, self->info.max_run_us, &op));
}

/* --- what is told --------------------------------------------------------- */

/* Whatever was there before, nothing is left of it. */
TEST_F(programs, results__are_all_written)
{
	struct vms_code *code = write_on(self, 1);
	struct vmspace_program *p = self->crew->programs;
	unsigned int i, tries = 0;
	struct vmspace_op op;

	do {
		ASSERT_LT(tries++, 100);
		write_on(self, 1);
		vms_emit_store(&code[0], WORD(0), 1, 0, NEW);
		vms_emit_load(&code[0], WORD(0), 1, 0, GARBAGE);
		vms_emit_fence(&code[0]);
		vms_emit_wait(&code[0], 0, 4);
		vms_emit_load(&code[0], WORD(0), 1, 0, OLD);
		for (i = 0; i < code[0].nr; i++) {
			memset(&code[0].insns[i].outcome, GARBAGE, 4);
			memset(&code[0].insns[i].done, GARBAGE, 28);
		}
		memset(p, 0, sizeof(*p));
		*p = (struct vmspace_program) {
			.cpu = code[0].cpu, .count = 5, .insns = (uintptr_t)code[0].insns,
		};
		memset(&p->done, GARBAGE, 8);
		ASSERT_EQ(0, run_raw(self, 1, 20000, &op));
		/* The wait is in vain, so nothing comes after it. */
		ASSERT_EQ(0, op.run.done);
	} while (p->ended == VMSPACE_PROGRAM_CALLED);
	EXPECT_EQ(VMSPACE_PROGRAM_TIMEOUT, p->ended);
	EXPECT_EQ(3, p->done);
	for (i = 0; i < 5; i++) {
		const struct vmspace_insn *insn = &code[0].insns[i];

		EXPECT_EQ(VMSPACE_OUTCOME_OK, insn->outcome);
		EXPECT_EQ(i < 2, insn->done);
		EXPECT_EQ(i < 4, !!insn->start);
		EXPECT_EQ(i < 2, !!insn->last);
		EXPECT_EQ(i < 3, !!insn->end);
	}
	EXPECT_EQ(NEW, code[0].insns[1].value);
	/* What was not executed was not loaded. */
	EXPECT_EQ(OLD, code[0].insns[4].value);
}

TEST_F(programs, results__cleared_when_refused)
{
	struct vmspace_program *p = self->crew->programs;
	struct vmspace_insn *insn = self->crew->code[0].insns;

	make_raw(self);
	memset(&p[0].done, GARBAGE, 8);
	memset(&insn->done, GARBAGE, 28);
	ASSERT_EQ(0, vms_deactivate(self->fd, self->space, p[0].cpu));
	EXPECT_RAW_REFUSED(ENXIO, 1, 1000);
	EXPECT_EQ(0, p[0].done);
	EXPECT_EQ(0, p[0].ended);
	EXPECT_EQ(0, insn->done);
	EXPECT_EQ(0, insn->start);
	EXPECT_EQ(0, insn->last);
	EXPECT_EQ(0, insn->end);
}

/* In the order of the program, and while the call was under way. */
TEST_F(programs, times__in_order)
{
	struct vms_code *code = write_on(self, 1);
	__u64 before, after, last = 0;
	unsigned int i;

	while (vms_code_room(&code[0], 5)) {
		vms_emit_store(&code[0], WORD(0), 3, 0, code[0].nr);
		vms_emit_load(&code[0], WORD(0), 3, 0, 0);
		vms_emit_fence(&code[0]);
		vms_emit_invlpg(&code[0], BASE);
		vms_emit_wait(&code[0], 0, 0);
	}
	before = vms_ns();
	run_all(_metadata, self);
	after = vms_ns();
	for (i = 0; i < code[0].nr; i++) {
		const struct vmspace_insn *insn = &code[0].insns[i];

		EXPECT_LE(last, insn->start);
		EXPECT_LE(insn->start, insn->end);
		if (insn->count) {
			EXPECT_LE(insn->start, insn->last);
			EXPECT_LE(insn->last, insn->end);
		}
		last = insn->end;
	}
	EXPECT_LE(before, code[0].insns[0].start);
	EXPECT_LE(last, after);
}

/* --- what instructions do ------------------------------------------------- */

TEST_F(programs, load__as_often_as_it_says)
{
	struct vms_code *code = write_on(self, 1);
	const struct vmspace_insn *insn = code[0].insns;

	*word(self, 0) = OLD;
	vms_emit_load(&code[0], WORD(0), 5, 0, 0);
	vms_emit_load(&code[0], HOLE, 4, 0, 0);
	vms_emit_load(&code[0], HOLE, 4, VMSPACE_UNTIL_FAULT, 0);
	vms_emit_load(&code[0], WORD(0), 6, VMSPACE_UNTIL_EQUAL, OLD);
	vms_emit_load(&code[0], WORD(0), 7, VMSPACE_UNTIL_EQUAL, NEW);
	vms_emit_load(&code[0], WORD(0), 8, VMSPACE_UNTIL_DIFFERENT, OLD);
	vms_emit_load(&code[0], WORD(0), 9, VMSPACE_UNTIL_DIFFERENT, NEW);
	vms_emit_load(&code[0], HOLE, 3, VMSPACE_UNTIL_EQUAL, 0);
	vms_emit_load(&code[0], HOLE, 3, VMSPACE_UNTIL_DIFFERENT, 1);
	run_all(_metadata, self);

	EXPECT_EQ(5, insn[0].done);
	EXPECT_EQ(OLD, insn[0].value);
	EXPECT_NE(0, insn[0].last);
	/* To the end, though each of them faults. */
	EXPECT_EQ(0, insn[1].done);
	EXPECT_EQ(0, insn[1].value);
	EXPECT_EQ(VMSPACE_OUTCOME_FAULT, insn[1].outcome);
	EXPECT_NE(0, insn[1].last);
	/* Ended by the first. */
	EXPECT_EQ(VMSPACE_OUTCOME_FAULT, insn[2].outcome);
	EXPECT_EQ(0, insn[2].last);
	EXPECT_EQ(1, insn[3].done);
	EXPECT_EQ(0, insn[3].last);
	EXPECT_EQ(OLD, insn[3].value);
	EXPECT_EQ(7, insn[4].done);
	EXPECT_EQ(OLD, insn[4].value);
	EXPECT_NE(0, insn[4].last);
	EXPECT_EQ(8, insn[5].done);
	EXPECT_NE(0, insn[5].last);
	EXPECT_EQ(1, insn[6].done);
	EXPECT_EQ(0, insn[6].last);
	/* A fault has no value that could be equal, or different. */
	EXPECT_EQ(VMSPACE_OUTCOME_FAULT, insn[7].outcome);
	EXPECT_NE(0, insn[7].last);
	EXPECT_EQ(VMSPACE_OUTCOME_FAULT, insn[8].outcome);
	EXPECT_NE(0, insn[8].last);
}

TEST_F(programs, store__as_often_as_it_says)
{
	struct vms_code *code = write_on(self, 1);
	const struct vmspace_insn *insn = code[0].insns;

	self->view[(PAGES - 1) * PAGE / 8] = OLD;
	vms_emit_store(&code[0], WORD(0), 4, 0, NEW);
	vms_emit_store(&code[0], READ_ONLY, 3, 0, NEW);
	vms_emit_store(&code[0], READ_ONLY, 3, VMSPACE_UNTIL_FAULT, NEW);
	vms_emit_store(&code[0], WORD(1), 3, VMSPACE_UNTIL_FAULT, NEW);
	run_all(_metadata, self);
	EXPECT_EQ(4, insn[0].done);
	EXPECT_EQ(NEW, *word(self, 0));
	EXPECT_EQ(NEW, insn[0].value);
	EXPECT_EQ(0, insn[1].done);
	EXPECT_EQ(VMSPACE_OUTCOME_FAULT, insn[1].outcome);
	EXPECT_NE(0, insn[1].last);
	EXPECT_EQ(0, insn[2].done);
	EXPECT_EQ(0, insn[2].last);
	EXPECT_EQ(OLD, self->view[(PAGES - 1) * PAGE / 8]);
	EXPECT_EQ(3, insn[3].done);
	EXPECT_EQ(VMSPACE_OUTCOME_OK, insn[3].outcome);
	EXPECT_EQ(NEW, *word(self, 1));
}

TEST_F(programs, width__of_loads_and_stores)
{
	struct vms_code *code = write_on(self, 1);
	unsigned int width;

	*word(self, 0) = OLD;
	memset(word(self, 1), GARBAGE, 2 * 64);
	for (width = 1; width <= 8; width *= 2) {
		const __u64 mask = ~0ULL >> (64 - 8 * width);

		vms_emit(&code[0], (struct vmspace_insn) {
			.opcode = VMSPACE_INSN_LOAD, .width = width, .va = WORD(0) + 8 - width,
			.count = 1,
		});
		vms_emit(&code[0], (struct vmspace_insn) {
			.opcode = VMSPACE_INSN_LOAD, .width = width, .va = WORD(0), .count = 2,
			.flags = VMSPACE_UNTIL_EQUAL, .value = OLD & mask,
		});
		vms_emit(&code[0], (struct vmspace_insn) {
			.opcode = VMSPACE_INSN_STORE, .width = width, .va = WORD(1) + 8 * width,
			.count = 1, .value = NEW & mask,
		});
	}
	run_all(_metadata, self);
	for (width = 1; width <= 8; width *= 2) {
		const struct vmspace_insn *insn = &code[0].insns[__builtin_ctz(width) * 3];
		const unsigned char *stored = (void *)(word(self, 1) + width);
		__u64 expected = OLD, mask = ~0ULL >> (64 - 8 * width);

		EXPECT_EQ(expected >> (64 - 8 * width), insn[0].value);
		EXPECT_EQ(1, insn[1].done);
		EXPECT_EQ(OLD & mask, insn[1].value);
		expected = NEW & mask;
		EXPECT_EQ(0, memcmp(&expected, stored, width));
		EXPECT_EQ(GARBAGE, stored[width]);
	}
}

/* The caller's own CPU too: it gives way to all others. */
TEST_F(programs, run__on_all_cpus_at_once)
{
	struct vms_code *code = write_on(self, self->nr_cpus);
	unsigned int i, j;

	/* Each says that it is there, and sees that all are. */
	for (i = 0; i < self->nr_cpus; i++) {
		vms_emit_store(&code[i], WORD(i), 1, 0, NEW + i);
		for (j = 0; j < self->nr_cpus && vms_code_room(&code[i], 1); j++)
			vms_emit_load(&code[i], WORD(j), VMS_ENDLESS, VMSPACE_UNTIL_EQUAL,
				      NEW + j);
	}
	run_all(_metadata, self);
	for (i = 0; i < self->nr_cpus; i++)
		EXPECT_EQ(code[i].nr, self->crew->programs[i].done);
}

TEST_F_TIMEOUT(programs, run__again_and_again, 60)
{
	unsigned int round, cut = 0;
	struct vms_code *code;

	for (round = 0; round < 500; round++) {
		unsigned int nr = 1 + round % self->nr_cpus, i;

		code = write_on(self, nr);
		for (i = 0; i < nr; i++) {
			*word(self, i) = 0;
			vms_emit_store(&code[i], WORD(i), 1, 0, round);
			vms_emit_wait(&code[i], (i + 1) % nr, 0);
			vms_emit_load(&code[i], WORD((i + 1) % nr), 1, 0, 0);
		}
		ASSERT_EQ(0, vms_crew_run(self->crew));
		cut += self->crew->done < nr;
		for (i = 0; i < nr && self->crew->done == nr; i++)
			ASSERT_EQ(round, code[i].insns[2].value);
	}
	report("%u of %u runs cut short\n", cut, round);
	EXPECT_LT(cut, round / 2);
}

/* What is cached by the first instruction may so be cached in the last. */
TEST_F(programs, run__is_one_stay)
{
	struct vms_code *code = write_on(self, self->nr_cpus);
	__u64 before[VMS_CPUS];
	struct vmspace_op op;
	unsigned int i;

	for (i = 0; i < self->nr_cpus; i++) {
		/* Nobody goes inside unasked. */
		ASSERT_EQ(0, vms_deactivate(self->fd, self->space, code[i].cpu));
		ASSERT_EQ(0, vms_activate(self->fd, self->space, code[i].cpu, 0));
		vms_emit_fence(&code[i]);
		vms_emit_wait(&code[i], (i + 1) % self->nr_cpus, 0);
		vms_emit_load(&code[i], WORD(0), 20, 0, 0);
		ASSERT_EQ(0, vms_cpu_stat(self->fd, self->space, code[i].cpu, &op));
		before[i] = op.cpu_stat.entered;
	}
	ASSERT_EQ(0, vms_crew_run(self->crew));
	for (i = 0; i < self->nr_cpus; i++) {
		ASSERT_EQ(0, vms_cpu_stat(self->fd, self->space, code[i].cpu, &op));
		EXPECT_EQ(before[i] + 1, op.cpu_stat.entered);
	}
}

/* --- order between CPUs --------------------------------------------------- */

/* Message passing: who sees the second store sees the first. */
TEST_F_TIMEOUT(programs, order__message_passing, 60)
{
	const unsigned int rounds = 100;
	unsigned int round, i, messages;
	struct vms_code *code;

	if (self->nr_cpus < 2)
		SKIP(return, "needs a second CPU");
	for (round = 0; round < rounds; round++) {
		code = write_on(self, 2);
		memset(self->view, 0, PAGE);
		for (messages = 0; messages < 20; messages++) {
			vms_emit_store(&code[0], WORD(2 * messages), 1, 0, NEW);
			vms_emit_store(&code[0], WORD(2 * messages + 1), 1, 0, 1);
			vms_emit_load(&code[1], WORD(2 * messages + 1), VMS_ENDLESS,
				      VMSPACE_UNTIL_EQUAL, 1);
			vms_emit_load(&code[1], WORD(2 * messages), 1, 0, 0);
		}
		run_all(_metadata, self);
		for (i = 0; i < messages; i++)
			ASSERT_EQ(NEW, code[1].insns[2 * i + 1].value);
	}
}

/* Who sees a store tells the next one, all the way round. */
TEST_F(programs, order__through_all_cpus)
{
	struct vms_code *code = write_on(self, self->nr_cpus);
	const unsigned int nr = self->nr_cpus;
	unsigned int i;

	*word(self, 0) = 0;
	for (i = 0; i < nr; i++)
		*word(self, i + 1) = 0;
	vms_emit_store(&code[0], WORD(0), 1, 0, NEW);
	vms_emit_store(&code[0], WORD(1), 1, 0, 1);
	for (i = 1; i < nr; i++) {
		vms_emit_load(&code[i], WORD(i), VMS_ENDLESS, VMSPACE_UNTIL_EQUAL, 1);
		vms_emit_store(&code[i], WORD(i + 1), 1, 0, 1);
		vms_emit_load(&code[i], WORD(0), 1, 0, 0);
	}
	run_all(_metadata, self);
	for (i = 1; i < nr; i++)
		EXPECT_EQ(NEW, code[i].insns[2].value);
}

/* A wait ends when the other is through with its step, and not before. */
TEST_F(programs, order__of_waits)
{
	struct vms_code *code = write_on(self, self->nr_cpus);
	const unsigned int nr = self->nr_cpus;
	unsigned int i;

	if (nr < 2)
		SKIP(return, "needs a second CPU");
	/* From the last, which takes its time, to the first, though all begin at once. */
	for (i = 0; i < nr; i++) {
		if (i + 1 < nr)
			vms_emit_wait(&code[i], i + 1, 1);
		else
			vms_emit_load(&code[i], WORD(1), 50, 0, 0);
		vms_emit_store(&code[i], WORD(0), 1, 0, i);
	}
	run_all(_metadata, self);
	EXPECT_EQ(0, *word(self, 0));
	for (i = 0; i + 1 < nr; i++) {
		EXPECT_LE(code[i + 1].insns[1].end, code[i].insns[0].end);
		EXPECT_LE(code[i + 1].insns[1].end, code[i].insns[1].start);
	}
}

/* A program's own steps: those behind it are done, those ahead never come. */
TEST_F(programs, order__of_waits_for_oneself)
{
	struct vms_code *code = write_on(self, 1);

	vms_emit_fence(&code[0]);
	vms_emit_wait(&code[0], 0, 0);
	run_all(_metadata, self);
	EXPECT_EQ(2, self->crew->programs[0].done);
}

/* Store buffering: what each loads of the other's store. */
static void store_buffering(struct __test_metadata *_metadata, struct _test_data_programs *self,
			    bool fence, unsigned int *seen)
{
	const unsigned int rounds = 100;
	unsigned int round, i, n;

	for (round = 0; round < rounds; round++) {
		struct vms_code *code = write_on(self, 2);

		memset(self->view, 0, PAGE);
		for (n = 0; vms_code_room(&code[0], 4); n++) {
			for (i = 0; i < 2; i++) {
				/* Both begin at about the same time. */
				if (n)
					vms_emit_wait(&code[i], !i, code[i].nr - 1);
				else
					vms_emit_fence(&code[i]);
				vms_emit_store(&code[i], WORD(2 * n + i), 1, 0, 1);
				if (fence)
					vms_emit_fence(&code[i]);
				vms_emit_load(&code[i], WORD(2 * n + !i), 1, 0, 0);
			}
		}
		run_all(_metadata, self);
		for (i = 0; i < n; i++) {
			const unsigned int at = (i + 1) * (fence ? 4 : 3) - 1;

			seen[code[0].insns[at].value * 2 + code[1].insns[at].value]++;
		}
	}
}

TEST_F_TIMEOUT(programs, order__store_buffering, 60)
{
	unsigned int plain[4] = {}, fenced[4] = {};

	if (self->nr_cpus < 2)
		SKIP(return, "needs a second CPU");
	store_buffering(_metadata, self, false, plain);
	store_buffering(_metadata, self, true, fenced);
	report("SB:        00 %u, 01 %u, 10 %u, 11 %u\n", plain[0], plain[1], plain[2], plain[3]);
	report("SB+mfence: 00 %u, 01 %u, 10 %u, 11 %u\n", fenced[0], fenced[1], fenced[2],
	       fenced[3]);
	EXPECT_EQ(0, fenced[0]);
}

/* --- ends ----------------------------------------------------------------- */

/* Whether a CPU was wanted for something else, which ends the whole run early. */
static bool was_called(const struct vms_crew *crew, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (crew->programs[i].ended == VMSPACE_PROGRAM_CALLED)
			return true;
	return false;
}

/* All end when one waits in vain, within the time and what it takes to notice. */
TEST_F(programs, timeout__ends_all)
{
	const unsigned int timeout_us = 50000, nr = self->nr_cpus;
	struct vms_code *code = write_on(self, nr);
	unsigned int i, tries = 0;
	__u64 begun, took;

	do {
		ASSERT_LT(tries++, 100);
		write_on(self, nr);
		for (i = 0; i < nr; i++) {
			/* The last would be through, but for the others. */
			vms_emit_fence(&code[i]);
			if (i + 1 < nr || nr == 1)
				vms_emit_wait(&code[i], i, 1);
		}
		self->crew->timeout_us = timeout_us;
		begun = vms_ns();
		ASSERT_EQ(0, vms_crew_run(self->crew));
		took = vms_ns() - begun;
	} while (was_called(self->crew, nr));
	EXPECT_EQ(nr > 1, self->crew->done);
	for (i = 0; i < nr; i++) {
		const struct vmspace_program *p = &self->crew->programs[i];

		EXPECT_EQ(1, p->done);
		EXPECT_EQ(i + 1 == nr && nr > 1, p->ended == VMSPACE_PROGRAM_DONE);
	}
	EXPECT_GE(took, timeout_us * 1000ULL);
	/* It ends, that is; the host may have been busy. */
	EXPECT_LT(took, 20000000000ULL);
	report("%u us given, %llu us taken\n", timeout_us, (unsigned long long)took / 1000);
}

/* An endless loop, too. */
TEST_F(programs, timeout__ends_loops)
{
	struct vms_code *code = write_on(self, 1);
	unsigned int tries = 0;

	do {
		ASSERT_LT(tries++, 100);
		write_on(self, 1);
		vms_emit_load(&code[0], WORD(0), VMS_ENDLESS, 0, 0);
		self->crew->timeout_us = 20000;
		ASSERT_EQ(0, vms_crew_run(self->crew));
	} while (self->crew->programs[0].ended == VMSPACE_PROGRAM_CALLED);
	EXPECT_EQ(VMSPACE_PROGRAM_TIMEOUT, self->crew->programs[0].ended);
	EXPECT_EQ(0, self->crew->programs[0].done);
	EXPECT_GT(code[0].insns[0].done, 0);
	EXPECT_EQ(0, code[0].insns[0].end);
	EXPECT_GT(code[0].insns[0].last, code[0].insns[0].start);
}

/* Two at a time take turns, and neither loses anything. */
TEST_F_TIMEOUT(programs, run__by_two_threads, 60)
{
	struct vms_crew *other = calloc(1, sizeof(*other));
	unsigned int round, done = 0;

	ASSERT_NE(NULL, other);
	other->fd = self->fd;
	other->space = self->space;
	other->signals = self->crew->signals;
	other->timeout_us = self->info.max_run_us;
	for (round = 0; round < 100; round++) {
		struct vms_code *code = write_on(self, self->nr_cpus);
		unsigned int i;

		other->nr = self->nr_cpus;
		for (i = 0; i < other->nr; i++) {
			other->code[i].cpu = code[i].cpu;
			other->code[i].nr = 0;
			vms_emit_store(&code[i], WORD(i), 1, 0, round);
			vms_emit_wait(&code[i], (i + 1) % other->nr, 0);
			vms_emit_load(&other->code[i], WORD(i), 3, 0, 0);
			vms_emit_wait(&other->code[i], (i + 1) % other->nr, 0);
		}
		ASSERT_EQ(0, vms_crew_start(other));
		EXPECT_EQ(0, vms_crew_run(self->crew));
		EXPECT_EQ(0, vms_crew_join(other));
		done += self->crew->done + other->done;
	}
	report("%u of %u programs came to their end\n", done, 2 * round * self->nr_cpus);
	EXPECT_GT(done, round * self->nr_cpus);
	free(other);
}

/* Programs that run until the time is over, on all CPUs but that of the test. */
static void start_endless(struct __test_metadata *_metadata, struct _test_data_programs *self)
{
	unsigned int i, nr = self->nr_cpus > 1 ? self->nr_cpus - 1 : 1;
	struct vms_code *code = write_on(self, nr);

	for (i = 0; i < nr; i++) {
		vms_emit_store(&code[i], VMS_READY(i), 1, 0, 1);
		vms_emit_load(&code[i], WORD(i), VMS_ENDLESS, 0, 0);
	}
	ASSERT_EQ(0, vms_crew_start(self->crew));
	vms_crew_ready(self->crew, 1);
}

TEST_F_TIMEOUT(programs, deactivate__in_the_middle, 60)
{
	unsigned int round, called = 0;

	for (round = 0; round < 10; round++) {
		const unsigned int cpu = self->cpus[self->nr_cpus - 1];
		__u64 begun;
		int ret;

		start_endless(_metadata, self);
		begun = vms_ns();
		EXPECT_EQ(0, vms_deactivate(self->fd, self->space, cpu));
		EXPECT_LT(vms_ns() - begun, 5000000000ULL);
		ret = vms_crew_join(self->crew);
		EXPECT_TRUE(ret == 0 || ret == -ENXIO);
		if (!ret) {
			EXPECT_NE(VMSPACE_PROGRAM_DONE, self->crew->programs[0].ended);
			called += self->crew->programs[0].ended == VMSPACE_PROGRAM_CALLED;
		}
		ASSERT_EQ(0, vms_activate(self->fd, self->space, cpu, VMSPACE_RESIDENT));
	}
	report("called out %u times of %u\n", called, round);
	EXPECT_GT(called, 0);
}

TEST_F_TIMEOUT(programs, drop_space__in_the_middle, 60)
{
	struct vms_usage before;
	const char *missing;
	unsigned int round;

	/* The fixture's space is part of what was there before. */
	before = vms_usage_now();
	for (round = 0; round < 5; round++) {
		unsigned int cpus[VMS_CPUS];
		int fd = vms_open(), ret;
		int space = vms_new_space(fd);
		struct vms_crew *crew = vms_crew_new(fd, space);

		ASSERT_NE(NULL, crew);
		ASSERT_GT(vms_activate_all(fd, space, VMSPACE_RESIDENT, cpus), 0);
		crew->nr = 1;
		crew->code[0].cpu = cpus[self->nr_cpus - 1];
		vms_emit_store(&crew->code[0], VMS_READY(0), 1, 0, 1);
		vms_emit_load(&crew->code[0], VMS_SIGNALS, VMS_ENDLESS, 0, 0);
		ASSERT_EQ(0, vms_crew_start(crew));
		vms_crew_ready(crew, 1);
		if (round % 2)
			EXPECT_EQ(0, vms_drop_space(fd, space));
		/* The call that is under way keeps the file. */
		EXPECT_EQ(0, close(fd));
		ret = vms_crew_join(crew);
		EXPECT_TRUE(ret == 0 || ret == -ENXIO);
		vms_crew_free(crew);
	}
	missing = vms_usage_not_back(&before, VMS_SLACK);
	EXPECT_EQ(NULL, missing)
		TH_LOG("%s", missing);
}

static void run_for_ever(struct _test_data_programs *self)
{
	unsigned int i, nr = self->nr_cpus > 1 ? self->nr_cpus - 1 : 1;

	for (;;) {
		struct vms_code *code = write_on(self, nr);

		for (i = 0; i < nr; i++) {
			vms_emit_store(&code[i], VMS_READY(i), 1, 0, 1);
			vms_emit_load(&code[i], WORD(i), VMS_ENDLESS, 0, 0);
		}
		vms_crew_run(self->crew);
	}
}

/* kill -9 of who waits for programs; the CPUs are free at once. */
TEST_F_TIMEOUT(programs, killed__in_the_middle, 60)
{
	double end = vms_now() + VMS_LIMIT;
	unsigned int round;

	for (round = 0; round < 10; round++) {
		pid_t pid = fork();
		__u64 begun;
		int status;

		ASSERT_GE(pid, 0);
		if (!pid) {
			run_for_ever(self);
			_exit(1);
		}
		/* The page is shared. */
		while (!__atomic_load_n(vms_signal(self->crew, VMS_READY(0)), __ATOMIC_ACQUIRE)) {
			ASSERT_LT(vms_now(), end);
			vms_pause();
		}
		usleep(round * 3000);
		begun = vms_ns();
		ASSERT_EQ(0, kill(pid, SIGKILL));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_TRUE(WIFSIGNALED(status));
		write_pair(self);
		run_all(_metadata, self);
		EXPECT_TRUE(has_stored(self));
		EXPECT_LT(vms_ns() - begun, 5000000000ULL);
		memset(self->crew->signals, 0, PAGE);
	}
}

TEST_F_TIMEOUT(programs, cpu__goes_offline_in_the_middle, 120)
{
	const unsigned int cpu = self->cpus[self->nr_cpus - 1];
	unsigned int round, called = 0;

	if (self->nr_cpus < 2 || vms_set_online(cpu, "1"))
		SKIP(return, "no CPU can be taken away");
	for (round = 0; round < 5; round++) {
		int ret;

		start_endless(_metadata, self);
		ASSERT_EQ(0, vms_set_online(cpu, "0"));
		ret = vms_crew_join(self->crew);
		EXPECT_TRUE(ret == 0 || ret == -ENODEV);
		if (!ret) {
			EXPECT_NE(VMSPACE_PROGRAM_DONE, self->crew->programs[0].ended);
			called += self->crew->programs[0].ended == VMSPACE_PROGRAM_CALLED;
		}
		/* While it is away nothing begins. */
		make_raw(self);
		EXPECT_RAW_REFUSED(ENODEV, self->crew->nr, 1000);
		ASSERT_EQ(0, vms_set_online(cpu, "1"));
		write_pair(self);
		run_all(_metadata, self);
		EXPECT_TRUE(has_stored(self));
	}
	report("called out %u times of %u\n", called, round);
}

TEST_HARNESS_MAIN
