/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Access programs: how tests write them, and run them in the background while
 * they change mappings.
 */
#ifndef VMSPACE_PROGRAMS_H
#define VMSPACE_PROGRAMS_H

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include "mappings.h"

#define VMS_INSNS	64		/* vmspace_info.max_insns is no less */
#define VMS_ENDLESS	0xffffffffU	/* accesses; time ends them before */

/* At once, because a test runs in a process that does not flush at its end. */
#define report(...)							\
	do {								\
		ksft_print_msg(__VA_ARGS__);				\
		fflush(stdout);						\
	} while (0)

/* CLOCK_MONOTONIC in ns, as in the results of programs. */
static inline __u64 vms_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* For loops that wait: lets others run, emulated CPUs too. */
static inline void vms_relax(void)
{
	sched_yield();
	__builtin_ia32_pause();
}

/* Keep this thread, and those that it starts from now on, on one CPU. */
static inline int vms_pin(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set) ? -errno : 0;
}

/*
 * What the system holds, once a test before that failed, and so did not wait for it,
 * has given everything back.
 */
static inline struct vms_usage vms_usage_settled(void)
{
	struct vms_usage before, now = vms_usage_now();
	double end = vms_now() + VMS_LIMIT;

	do {
		before = now;
		usleep(50000);
		now = vms_usage_now();
	} while ((now.spaces != before.spaces || now.tables != before.tables) && vms_now() < end);
	return now;
}

/* "0" or "1"; waits while others change which CPUs there are. */
static inline int vms_set_online(unsigned int cpu, const char *online)
{
	double end = vms_now() + VMS_LIMIT;
	char path[64];
	int ret;

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/online", cpu);
	do {
		ret = vms_write_text(path, online);
	} while (ret == -EBUSY && vms_now() < end);
	return ret;
}

/* --- writing -------------------------------------------------------------- */

/**
 * struct vms_code - an access program
 * @cpu:	where it runs
 * @nr:		of instructions
 * @insns:	the instructions, with their results once it has run
 */
struct vms_code {
	unsigned int cpu;
	unsigned int nr;
	struct vmspace_insn insns[VMS_INSNS];
};

static inline bool vms_code_room(const struct vms_code *c, unsigned int nr)
{
	return c->nr + nr <= VMS_INSNS;
}

/* Each adds an instruction, and returns its index. */
static inline unsigned int vms_emit(struct vms_code *c, struct vmspace_insn insn)
{
	if (!vms_code_room(c, 1))
		abort();
	c->insns[c->nr] = insn;
	return c->nr++;
}

/* @until is VMSPACE_UNTIL_*, and @value what it compares with. */
static inline unsigned int vms_emit_load(struct vms_code *c, __u64 va, unsigned int count,
					 unsigned int until, __u64 value)
{
	return vms_emit(c, (struct vmspace_insn) {
		.opcode = VMSPACE_INSN_LOAD, .flags = until, .width = 8, .va = va,
		.value = value, .count = count,
	});
}

static inline unsigned int vms_emit_store(struct vms_code *c, __u64 va, unsigned int count,
					  unsigned int until, __u64 value)
{
	return vms_emit(c, (struct vmspace_insn) {
		.opcode = VMSPACE_INSN_STORE, .flags = until, .width = 8, .va = va,
		.value = value, .count = count,
	});
}

/* Until program number @program is through with its instruction @step. */
static inline unsigned int vms_emit_wait(struct vms_code *c, unsigned int program,
					 unsigned int step)
{
	return vms_emit(c, (struct vmspace_insn) {
		.opcode = VMSPACE_INSN_WAIT, .program = program, .step = step,
	});
}

static inline unsigned int vms_emit_fence(struct vms_code *c)
{
	return vms_emit(c, (struct vmspace_insn) { .opcode = VMSPACE_INSN_FENCE });
}

static inline unsigned int vms_emit_invlpg(struct vms_code *c, __u64 va)
{
	return vms_emit(c, (struct vmspace_insn) { .opcode = VMSPACE_INSN_INVLPG, .va = va });
}

/* --- running -------------------------------------------------------------- */

/* A page of every crew's space, in which its programs and the test signal. */
#define VMS_SIGNALS	0x3000000000ULL
#define VMS_GO		VMS_SIGNALS
#define VMS_READY(i)	(VMS_SIGNALS + 32 * ((i) + 1))

/**
 * struct vms_crew - programs that run at the same time
 * @fd:		the file
 * @space:	the space
 * @signals:	the page at VMS_SIGNALS, as the test sees it
 * @nr:		of programs
 * @code:	what they are
 * @programs:	as they are passed, with their results once they have run
 * @timeout_us:	how long they may run
 * @result:	of the operation
 * @done:	programs that came to their end
 * @over:	the operation has ended
 */
struct vms_crew {
	int fd;
	int space;
	__u64 *signals;
	unsigned int nr;
	struct vms_code code[VMS_CPUS];
	struct vmspace_program programs[VMS_CPUS];
	unsigned int timeout_us;
	int result;
	unsigned int done;
	atomic_bool over;
	pthread_t thread;
};

/* For a space in which nothing is mapped at VMS_SIGNALS; again for another one. */
static inline int vms_crew_init(struct vms_crew *crew, int fd, int space)
{
	struct vmspace_info info;
	int memory, cursor, ret;
	__u64 offset;

	ret = vms_info(fd, &info);
	if (ret)
		return ret;
	crew->fd = fd;
	crew->space = space;
	crew->timeout_us = info.max_run_us;
	memory = vms_new_memory_of(fd, 1, PAGE, VMSPACE_CACHE_WB, &offset);
	if (memory < 0)
		return memory;
	if (crew->signals)
		munmap(crew->signals, PAGE);
	crew->signals = vms_view(fd, offset, 1);
	if (crew->signals == MAP_FAILED)
		return -errno;
	cursor = vms_open_cursor_mut(fd, space, VMS_SIGNALS, VMS_SIGNALS + PAGE);
	if (cursor < 0)
		return cursor;
	return vms_map(fd, cursor, memory, 0, RW) ?: vms_drop_cursor(fd, cursor) ?:
	       vms_drop_memory(fd, memory);
}

static inline struct vms_crew *vms_crew_new(int fd, int space)
{
	struct vms_crew *crew = calloc(1, sizeof(*crew));

	if (crew && vms_crew_init(crew, fd, space)) {
		free(crew);
		return NULL;
	}
	return crew;
}

/* What shows memory keeps the file open, and so all that is in it. */
static inline void vms_crew_free(struct vms_crew *crew)
{
	if (!crew)
		return;
	munmap(crew->signals, PAGE);
	free(crew);
}

static inline __u64 *vms_signal(struct vms_crew *crew, __u64 va)
{
	return crew->signals + (va - VMS_SIGNALS) / 8;
}

static inline void vms_crew_clear(struct vms_crew *crew)
{
	unsigned int i;

	for (i = 0; i < crew->nr; i++)
		crew->code[i].nr = 0;
	memset(crew->signals, 0, PAGE);
}

/* Empty programs on these CPUs, without one of them, where the test itself runs. */
static inline void vms_crew_assign(struct vms_crew *crew, const unsigned int *cpus,
				   unsigned int nr, unsigned int but)
{
	unsigned int i;

	crew->nr = 0;
	for (i = 0; i < nr; i++)
		if (cpus[i] != but)
			crew->code[crew->nr++].cpu = cpus[i];
	vms_crew_clear(crew);
}

static inline int vms_crew_run(struct vms_crew *crew)
{
	struct vmspace_op op;
	unsigned int i;

	for (i = 0; i < crew->nr; i++)
		crew->programs[i] = (struct vmspace_program) {
			.cpu = crew->code[i].cpu,
			.count = crew->code[i].nr,
			.insns = (uintptr_t)crew->code[i].insns,
		};
	crew->result = vms_run(crew->fd, crew->space, crew->programs, crew->nr,
			       crew->timeout_us, &op);
	crew->done = op.run.done;
	return crew->result;
}

static inline void *vms_crew_main(void *arg)
{
	struct vms_crew *crew = arg;

	vms_crew_run(crew);
	atomic_store(&crew->over, true);
	return NULL;
}

/* In the background, until vms_crew_join(). */
static inline int vms_crew_start(struct vms_crew *crew)
{
	atomic_store(&crew->over, false);
	return -pthread_create(&crew->thread, NULL, vms_crew_main, crew);
}

/* The result of the operation. */
static inline int vms_crew_join(struct vms_crew *crew)
{
	pthread_join(crew->thread, NULL);
	return crew->result;
}

/* Wait for all programs to have stored a value at their VMS_READY(); false if they ended. */
static inline bool vms_crew_ready(struct vms_crew *crew, __u64 value)
{
	unsigned int i = 0;
	bool over;

	while (i < crew->nr) {
		/* What a program stored before it ended is there by then. */
		over = atomic_load(&crew->over);
		if (__atomic_load_n(vms_signal(crew, VMS_READY(i)), __ATOMIC_ACQUIRE) == value) {
			i++;
			continue;
		}
		if (over)
			return false;
		vms_relax();
	}
	return true;
}

/* Let programs go on that wait for a value at VMS_GO. */
static inline void vms_crew_go(struct vms_crew *crew, __u64 value)
{
	__atomic_store_n(vms_signal(crew, VMS_GO), value, __ATOMIC_RELEASE);
}

/*
 * Keep the CPUs of a crew inside until vms_crew_let_go(); false if that did not
 * come about.
 */
static inline bool vms_crew_hold(struct vms_crew *crew)
{
	unsigned int i;

	vms_crew_clear(crew);
	for (i = 0; i < crew->nr; i++) {
		vms_emit_store(&crew->code[i], VMS_READY(i), 1, 0, 1);
		vms_emit_load(&crew->code[i], VMS_GO, VMS_ENDLESS, VMSPACE_UNTIL_EQUAL, 1);
	}
	if (vms_crew_start(crew))
		return false;
	if (vms_crew_ready(crew, 1))
		return true;
	vms_crew_join(crew);
	return false;
}

/* Whether they were all inside from begin to end. */
static inline bool vms_crew_let_go(struct vms_crew *crew)
{
	vms_crew_go(crew, 1);
	return !vms_crew_join(crew) && crew->done == crew->nr;
}

#endif /* VMSPACE_PROGRAMS_H */
