// SPDX-License-Identifier: GPL-2.0-only
/*
 * Access programs: loads, stores, fences, INVLPGs and waits for each other, on
 * several CPUs inside one residency.
 *
 * What single accesses cannot show, since the CPU may leave the space between
 * them and flushes when it does.  All programs of a run begin when the last CPU
 * has come inside, and none leaves before its program has ended.
 *
 * A run is bounded: in instructions, and in time from its beginning on.  It
 * also ends when a CPU is needed by someone whom its thread must make way for;
 * ordinary tasks do not count, as with every other request.
 *
 * One run at a time on a machine: two that wait for each other's CPUs would
 * only use up each other's time.
 */
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/overflow.h>
#include <linux/processor.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/uaccess.h>
#include "geometry.h"
#include "mmu.h"
#include "program.h"
#include "resident.h"
#include "space.h"

unsigned int vms_max_run_us = 100000;
module_param_named(max_run_us, vms_max_run_us, uint, 0444);
MODULE_PARM_DESC(max_run_us, "the most time that access programs can be given, in microseconds");

static DEFINE_MUTEX(run_lock);

static_assert(sizeof(struct vmspace_insn) == 64);
static_assert(sizeof(struct vmspace_program) == 32);

static void run_free(struct kref *ref)
{
	struct vms_run *run = container_of(ref, struct vms_run, ref);
	unsigned int i;

	for (i = 0; i < run->nr; i++)
		kfree(run->programs[i].insns);
	kfree(run);
}

/**
 * vms_run_put - give a reference up
 * @run: the run
 *
 * Context: any.
 */
void vms_run_put(struct vms_run *run)
{
	kref_put(&run->ref, run_free);
}

static int check_access(const struct vms_space *space, const struct vmspace_insn *insn)
{
	u32 width = insn->width, flags = VMSPACE_UNTIL_FAULT;
	const u32 values = VMSPACE_UNTIL_EQUAL | VMSPACE_UNTIL_DIFFERENT;

	if (insn->opcode == VMSPACE_INSN_LOAD)
		flags |= values;
	if ((insn->flags & ~flags) || (insn->flags & values) == values)
		return -EINVAL;
	if (!width || width > 8 || (width & (width - 1)) || (insn->va & (width - 1)))
		return -EINVAL;
	if ((insn->opcode == VMSPACE_INSN_STORE || (insn->flags & values)) &&
	    width < 8 && insn->value >> (width * 8))
		return -EINVAL;
	if (!insn->count || insn->program || insn->step)
		return -EINVAL;
	return insn->va < space->pt.va_end ? 0 : -ERANGE;
}

static int check_wait(const struct vms_run *run, const struct vmspace_insn *insn)
{
	if (insn->flags || insn->width || insn->va || insn->value || insn->count)
		return -EINVAL;
	if (insn->program >= run->nr || insn->step >= run->programs[insn->program].nr)
		return -ERANGE;
	return 0;
}

static int check_insn(const struct vms_space *space, const struct vms_run *run,
		      const struct vmspace_insn *insn)
{
	switch (insn->opcode) {
	case VMSPACE_INSN_LOAD:
	case VMSPACE_INSN_STORE:
		return check_access(space, insn);
	case VMSPACE_INSN_WAIT:
		return check_wait(run, insn);
	case VMSPACE_INSN_FENCE:
	case VMSPACE_INSN_INVLPG:
		if (insn->flags || insn->width || insn->value || insn->count ||
		    insn->program || insn->step)
			return -EINVAL;
		if (insn->opcode == VMSPACE_INSN_FENCE)
			return insn->va ? -EINVAL : 0;
		return insn->va < space->pt.va_end ? 0 : -ERANGE;
	default:
		return -EOPNOTSUPP;
	}
}

/* When the number of instructions of each program is known. */
static int check_programs(const struct vms_space *space, const struct vms_run *run)
{
	unsigned int i, j;
	int ret = 0;

	for (i = 0; i < run->nr && !ret; i++) {
		for (j = 0; j < i; j++)
			if (run->programs[j].cpu == run->programs[i].cpu)
				return -EINVAL;
		for (j = 0; j < run->programs[i].nr && !ret; j++)
			ret = check_insn(space, run, &run->programs[i].insns[j]);
	}
	return ret;
}

static void clear_insn(struct vmspace_insn *insn)
{
	insn->outcome = 0;
	insn->done = 0;
	insn->start = 0;
	insn->last = 0;
	insn->end = 0;
}

static int store_program(const struct vms_program *program, struct vmspace_program __user *user)
{
	if (copy_to_user(u64_to_user_ptr(program->addr), program->insns,
			 program->nr * sizeof(*program->insns)) ||
	    put_user(program->done, &user->done) || put_user(program->ended, &user->ended))
		return -EFAULT;
	return 0;
}

static int fetch_program(struct vms_program *program, struct vmspace_program __user *user)
{
	struct vmspace_program p;
	unsigned int i;

	if (copy_from_user(&p, user, sizeof(p)))
		return -EFAULT;
	if (!p.count || p.count > VMS_MAX_INSNS || p.pad)
		return -EINVAL;
	program->insns = memdup_user(u64_to_user_ptr(p.insns), p.count * sizeof(*program->insns));
	if (IS_ERR(program->insns)) {
		int ret = PTR_ERR(program->insns);

		program->insns = NULL;
		return ret;
	}
	program->cpu = p.cpu;
	program->nr = p.count;
	program->addr = p.insns;
	for (i = 0; i < p.count; i++)
		clear_insn(&program->insns[i]);
	/* Nothing is done whose result could not be told. */
	return store_program(program, user);
}

/**
 * vms_run_create - fetch and check programs
 * @space:	where they will run
 * @addr:	of an array of struct vmspace_program, the caller's
 * @count:	of programs
 * @run:	receives them, with a reference for the caller
 *
 * Context: may sleep.
 *
 * Return: 0; -EINVAL, -ERANGE, -EOPNOTSUPP for what cannot be executed;
 * -EFAULT, -ENOMEM.
 */
int vms_run_create(struct vms_space *space, u64 addr, unsigned int count, struct vms_run **run)
{
	struct vmspace_program __user *user = u64_to_user_ptr(addr);
	struct vms_run *new;
	unsigned int i;
	int ret = 0;

	if (!count || count > nr_cpu_ids)
		return -EINVAL;
	new = kzalloc(struct_size(new, programs, count), GFP_KERNEL_ACCOUNT);
	if (!new)
		return -ENOMEM;
	kref_init(&new->ref);
	new->nr = count;
	for (i = 0; i < count && !ret; i++)
		ret = fetch_program(&new->programs[i], user + i);
	if (!ret)
		ret = check_programs(space, new);
	if (ret) {
		vms_run_put(new);
		return ret;
	}
	*run = new;
	return 0;
}

/**
 * vms_run_results - tell the caller how it went
 * @run:	that no CPU works on any more
 * @addr:	as for vms_run_create()
 * @done:	receives the number of programs that were executed to their end
 *
 * Return: 0 or -EFAULT.
 */
int vms_run_results(struct vms_run *run, u64 addr, unsigned int *done)
{
	struct vmspace_program __user *user = u64_to_user_ptr(addr);
	unsigned int i;
	int ret = 0;

	*done = 0;
	for (i = 0; i < run->nr; i++) {
		if (run->programs[i].ended == VMSPACE_PROGRAM_DONE)
			++*done;
		if (store_program(&run->programs[i], user + i))
			ret = -EFAULT;
	}
	if (ret)
		*done = 0;
	return ret;
}

/* Take back what no CPU began, and wait for what one did. */
static int run_wait(struct vms_run *run, struct vms_request **requests, unsigned int nr)
{
	unsigned int i;
	int ret = 0, err;

	for (i = 0; i < nr; i++) {
		err = vms_request_wait(requests[i], NULL);
		if (err) {
			WRITE_ONCE(run->over, true);
			ret = ret ? ret : err;
		}
	}
	return ret;
}

static int run_submit(struct vms_space *space, struct vms_run *run, struct vms_request **requests)
{
	unsigned int i;
	int ret = 0, err;

	for (i = 0; i < run->nr && !ret; i++) {
		struct vms_access access = { .kind = VMS_PROGRAM, .run = run, .index = i };

		requests[i] = vms_request_submit(space, run->programs[i].cpu, &access);
		if (!IS_ERR(requests[i]))
			continue;
		ret = PTR_ERR(requests[i]);
		/* The others would wait for it. */
		WRITE_ONCE(run->over, true);
		break;
	}
	err = run_wait(run, requests, i);
	return ret ? ret : err;
}

/**
 * vms_run_execute - let the programs of a run execute
 * @space:	where
 * @run:	a run that has not been executed yet
 * @timeout_us:	how long it may take, from now on
 *
 * Context: may sleep; a fatal signal ends the wait, and the run.
 *
 * Return: 0; as vms_resident_access().
 */
int vms_run_execute(struct vms_space *space, struct vms_run *run, unsigned int timeout_us)
{
	struct vms_request **requests;
	int ret;

	requests = kcalloc(run->nr, sizeof(*requests), GFP_KERNEL_ACCOUNT);
	if (!requests)
		return -ENOMEM;
	ret = mutex_lock_killable(&run_lock);
	if (ret)
		goto free_requests;
	run->deadline = ktime_get_ns() + timeout_us * (u64)NSEC_PER_USEC;
	ret = run_submit(space, run, requests);
	mutex_unlock(&run_lock);
free_requests:
	kfree(requests);
	return ret;
}

/**
 * struct vms_turn - the execution of one program; on its CPU's stack
 * @run:	the run
 * @program:	the program
 * @called_out:	whether the CPU is needed by someone else
 */
struct vms_turn {
	struct vms_run *run;
	struct vms_program *program;
	bool (*called_out)(void);
};

/* Whether a program has to end before its end; says why. */
static bool turn_over(struct vms_turn *t)
{
	if (t->called_out())
		t->program->ended = VMSPACE_PROGRAM_CALLED;
	else if (READ_ONCE(t->run->over) || ktime_get_mono_fast_ns() >= t->run->deadline)
		t->program->ended = VMSPACE_PROGRAM_TIMEOUT;
	return t->program->ended;
}

static bool one_access(struct vmspace_insn *insn, u64 *value)
{
	if (insn->opcode == VMSPACE_INSN_LOAD)
		return vms_mmu_load(insn->va, insn->width, value);
	return vms_mmu_store(insn->va, insn->width, insn->value);
}

/* Whether an access was the last of its instruction. */
static bool access_ends(const struct vmspace_insn *insn, bool ok, u64 value)
{
	if (!ok)
		return insn->flags & VMSPACE_UNTIL_FAULT;
	if (insn->flags & VMSPACE_UNTIL_EQUAL)
		return value == insn->value;
	if (insn->flags & VMSPACE_UNTIL_DIFFERENT)
		return value != insn->value;
	return false;
}

/* Returns whether it came to its end. */
static bool turn_access(struct vms_turn *t, struct vmspace_insn *insn)
{
	u64 value = 0, loaded = 0;
	bool ended = true;
	u32 i;

	for (i = 1; ; i++) {
		u64 before = ktime_get_mono_fast_ns();
		bool ok = one_access(insn, &value);

		insn->outcome = ok ? VMSPACE_OUTCOME_OK : VMSPACE_OUTCOME_FAULT;
		if (ok) {
			insn->done++;
			loaded = value;
		}
		if (access_ends(insn, ok, value))
			break;
		insn->last = before;
		if (i == insn->count)
			break;
		if (turn_over(t)) {
			ended = false;
			break;
		}
		/* Others' stores, and their turns where CPUs are emulated. */
		cpu_relax();
	}
	if (insn->opcode == VMSPACE_INSN_LOAD)
		insn->value = loaded;
	return ended;
}

static bool turn_wait(struct vms_turn *t, const struct vmspace_insn *insn)
{
	const struct vms_program *other = &t->run->programs[insn->program];

	/* Pairs with vms_program_serve(). */
	while (smp_load_acquire(&other->done) <= insn->step) {
		if (turn_over(t))
			return false;
		cpu_relax();
	}
	return true;
}

static bool turn_insn(struct vms_turn *t, struct vmspace_insn *insn)
{
	switch (insn->opcode) {
	case VMSPACE_INSN_WAIT:
		return turn_wait(t, insn);
	case VMSPACE_INSN_FENCE:
		/* MFENCE: what the program asks for. */
		mb();
		return true;
	case VMSPACE_INSN_INVLPG:
		vms_mmu_flush_page(insn->va);
		return true;
	default:
		return turn_access(t, insn);
	}
}

/* Wait until all CPUs of the run are inside. */
static bool turn_begin(struct vms_turn *t)
{
	atomic_inc(&t->run->arrived);
	do {
		/* First, since those that are counted may have left again. */
		if (turn_over(t))
			return false;
		cpu_relax();
	} while (atomic_read(&t->run->arrived) < t->run->nr);
	return true;
}

/**
 * vms_program_serve - execute a program on this CPU
 * @run:	the run
 * @index:	of the program
 * @called_out:	whether the CPU is needed by someone else
 *
 * Context: inside.
 */
void vms_program_serve(struct vms_run *run, unsigned int index, bool (*called_out)(void))
{
	struct vms_program *program = &run->programs[index];
	struct vms_turn t = { .run = run, .program = program, .called_out = called_out };

	program->ended = VMSPACE_PROGRAM_DONE;
	if (turn_begin(&t)) {
		while (program->done < program->nr) {
			struct vmspace_insn *insn = &program->insns[program->done];

			insn->start = ktime_get_mono_fast_ns();
			if (!turn_insn(&t, insn))
				break;
			insn->end = ktime_get_mono_fast_ns();
			/* What was done is done before others see it. */
			smp_store_release(&program->done, program->done + 1);
		}
	}
	/* Those who wait for it would wait in vain. */
	if (program->ended)
		WRITE_ONCE(run->over, true);
}
