// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPUs that live in a space, requests to them, hot-unplug.
 *
 * A space that is active on a CPU has a thread there.  The thread goes inside
 * when something is asked of it and lingers briefly; a resident also goes
 * inside when the CPU has nothing better to do.  Stays are short: it comes out
 * when anyone else wants the CPU, and after a millisecond in any case, since
 * no RCU quiescent state is reported from inside.
 *
 * Ownership: a struct vms_resident belongs to its space's xarray until it is
 * stopped, then to the work that stops its thread.  It refers to the space, so
 * that the space outlives the thread.  Stopping is left to a workqueue: the
 * thread of a busy CPU may take a while to notice, and closing a file does not
 * wait for it.
 *
 * Lock order: space->residents_lock, cpus_read_lock(), threads_lock, then either
 * r->lock or a seat's.
 */
#include <linux/completion.h>
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/cred.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/memory.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>
#include <linux/sched/rt.h>
#include <linux/sched/stat.h>
#include <linux/sched/task.h>
#include <linux/sched/user.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <uapi/linux/sched/types.h>
#include "geometry.h"
#include "memory.h"
#include "param.h"
#include "program.h"
#include "resident.h"
#include "space.h"
#include "trace.h"

#define STAY_NS		NSEC_PER_MSEC

static unsigned int linger_us = 100;
module_param(linger_us, uint, 0644);
MODULE_PARM_DESC(linger_us, "how long a CPU stays inside a space after the last access, in microseconds");

/**
 * struct vms_request - an access on its way through a resident
 * @ref:	the caller's and the resident's
 * @link:	in the resident's list
 * @access:	what is asked for, and the answer
 * @result:	0, or why it was not even tried
 * @done:	the answer is there
 * @asked:	who is asked; the caller's reference
 */
struct vms_request {
	struct kref ref;
	struct list_head link;
	struct vms_access access;
	int result;
	struct completion done;
	struct vms_resident *asked;
};

/**
 * struct vms_resident - a space's presence on one CPU
 * @ref:	the space's or the stopping work's, and of everyone who asks
 * @space:	the space; a reference until the thread is gone
 * @cpu:	the CPU
 * @thread:	its thread
 * @user:	who is charged for the thread
 * @stays:	it goes inside without being asked
 * @users:	readers and writers; under the space's residents_lock
 * @link:	in the list of all threads; under threads_lock
 * @lock:	guards @requests, @refuse
 * @requests:	struct vms_request, oldest first
 * @refuse:	why no request is accepted, or 0
 * @serving:	the request in work, taken from @requests; the thread's own
 * @inside:	the root is loaded
 * @seat:	in the CPU's list of those who wait for their turn to stay
 * @stop:	to stop it
 * @stopped:	the thread is gone
 */
struct vms_resident {
	struct kref ref;
	struct vms_space *space;
	unsigned int cpu;
	struct task_struct *thread;
	struct user_struct *user;
	bool stays;
	unsigned int users;
	struct list_head link;
	spinlock_t lock;	/* requests, refuse */
	struct list_head requests;
	int refuse;
	struct vms_request *serving;
	bool inside;
	struct list_head seat;
	struct work_struct stop;
	struct completion stopped;
};

static struct workqueue_struct *stop_wq;
static enum cpuhp_state hotplug_state;

/* All residents whose thread runs; a CPU that goes offline parks its own. */
static DEFINE_MUTEX(threads_lock);
static LIST_HEAD(threads);

/**
 * struct vms_seat - the place on a CPU of those who stay there unasked
 * @lock:	guards the rest, and the seat links of the CPU's residents
 * @taken:	whose turn it is, or NULL
 * @waiting:	the others, the next one first
 *
 * Residents of several spaces on one CPU would keep each other outside, as each
 * sees that the CPU is wanted. One at a time may stay; the others sleep.
 */
struct vms_seat {
	spinlock_t lock;	/* taken, waiting */
	struct vms_resident *taken;
	struct list_head waiting;
};

static DEFINE_PER_CPU(struct vms_seat, seats);

/* Nobody goes inside while memory goes online; written by the notifier. */
static bool evicted;

static void request_free(struct kref *ref)
{
	struct vms_request *req = container_of(ref, struct vms_request, ref);

	/* By the thread, inside, if the caller has gone. */
	kfree(req->access.data);
	if (req->access.run)
		vms_run_put(req->access.run);
	kfree(req);
}

static void request_put(struct vms_request *req)
{
	kref_put(&req->ref, request_free);
}

static void request_finish(struct vms_request *req, int result)
{
	req->result = result;
	complete(&req->done);
	request_put(req);
}

/* Kernel threads belong to no memory cgroup: their stacks are charged as pins are. */
#define THREAD_PAGES	(THREAD_SIZE / PAGE_SIZE)

static int thread_charge(struct user_struct *user)
{
	int ret = vms_user_charge(user, THREAD_PAGES);

	if (!ret)
		get_uid(user);
	return ret;
}

static void thread_uncharge(struct user_struct *user)
{
	vms_user_uncharge(user, THREAD_PAGES);
	free_uid(user);
}

static void resident_free(struct kref *ref)
{
	struct vms_resident *r = container_of(ref, struct vms_resident, ref);

	put_task_struct(r->thread);
	thread_uncharge(r->user);
	kfree(r);
}

static void resident_put(struct vms_resident *r)
{
	kref_put(&r->ref, resident_free);
}

/*
 * Refuse requests from now on, those that wait included. The one in work is the
 * thread's matter.
 */
static void resident_refuse(struct vms_resident *r, int why)
{
	struct vms_request *req, *next;
	LIST_HEAD(requests);

	spin_lock(&r->lock);
	/* A CPU that comes back does not undo what is for good. */
	if (!r->refuse || why == -ENXIO)
		WRITE_ONCE(r->refuse, why);
	list_splice_init(&r->requests, &requests);
	spin_unlock(&r->lock);
	list_for_each_entry_safe(req, next, &requests, link)
		request_finish(req, why);
}

static void resident_accept(struct vms_resident *r)
{
	spin_lock(&r->lock);
	if (r->refuse == -ENODEV)
		WRITE_ONCE(r->refuse, 0);
	spin_unlock(&r->lock);
}

/* By the thread; whoever adds a request, or refuses them, wakes it afterwards. */
static bool resident_has_work(struct vms_resident *r)
{
	return r->serving || !list_empty(&r->requests);
}

/* The request to work on, or NULL; by the thread. */
static struct vms_request *resident_next_request(struct vms_resident *r)
{
	if (r->serving || list_empty(&r->requests))
		return r->serving;
	spin_lock(&r->lock);
	r->serving = list_first_entry_or_null(&r->requests, struct vms_request, link);
	if (r->serving)
		list_del(&r->serving->link);
	spin_unlock(&r->lock);
	return r->serving;
}

/* The request in work is through, or given up; by the thread. */
static void resident_finish(struct vms_resident *r, int result)
{
	if (r->serving)
		request_finish(r->serving, result);
	r->serving = NULL;
}

/*
 * The lowest priority, or one above all ordinary tasks, for one stay: those who
 * wait must not starve behind a busy program, and what a thread of idle priority
 * has consumed is charged so heavily that as an ordinary one it would pay it back
 * for seconds.
 */
static void set_priority(struct task_struct *thread, int policy)
{
	const struct sched_attr attr = {
		.size = sizeof(attr),
		.sched_policy = policy,
		.sched_priority = policy == SCHED_FIFO ? 1 : 0,
	};

	if (READ_ONCE(thread->policy) != policy)
		WARN_ON_ONCE(sched_setattr_nocheck(thread, &attr));
}

/* One that does not stay is an ordinary task, and asleep when it has nothing to do. */
static void resident_raise(struct vms_resident *r)
{
	if (READ_ONCE(r->stays))
		set_priority(r->thread, SCHED_FIFO);
}

/*
 * After the stay, whatever else was asked meanwhile: ordinary tasks must get their
 * share. By the thread. One that refuses is about to leave, which it shall soon.
 */
static void resident_lower(struct vms_resident *r)
{
	if (r->stays && !READ_ONCE(r->refuse))
		set_priority(current, SCHED_IDLE);
}

/* Take the seat if it is free, else wait for it; by the thread. */
static bool seat_take(struct vms_resident *r)
{
	struct vms_seat *seat = per_cpu_ptr(&seats, r->cpu);
	bool taken;

	spin_lock(&seat->lock);
	if (!seat->taken)
		seat->taken = r;
	taken = seat->taken == r;
	if (!taken && list_empty(&r->seat))
		list_add_tail(&r->seat, &seat->waiting);
	spin_unlock(&seat->lock);
	return taken;
}

/* Let the next one have the seat. With the seat's lock, under which it is there. */
static void seat_hand_over(struct vms_seat *seat)
{
	seat->taken = list_first_entry_or_null(&seat->waiting, struct vms_resident, seat);
	if (!seat->taken)
		return;
	list_del_init(&seat->taken->seat);
	wake_up_process(seat->taken->thread);
}

/* The turn is over; by the thread. */
static void seat_pass(struct vms_resident *r)
{
	struct vms_seat *seat = per_cpu_ptr(&seats, r->cpu);

	spin_lock(&seat->lock);
	if (seat->taken == r && !list_empty(&seat->waiting))
		seat_hand_over(seat);
	spin_unlock(&seat->lock);
}

/* It will not stay any more, for now; by the thread. */
static void seat_leave(struct vms_resident *r)
{
	struct vms_seat *seat = per_cpu_ptr(&seats, r->cpu);

	spin_lock(&seat->lock);
	list_del_init(&r->seat);
	if (seat->taken == r)
		seat_hand_over(seat);
	spin_unlock(&seat->lock);
}

/* Up to a page of a copy, so that others are not kept waiting. */
static bool serve_copy(struct vms_access *a)
{
	u64 va = a->va + a->done;
	size_t len = min_t(size_t, a->len - a->done,
			   VMS_PAGE_SIZE - (va & (VMS_PAGE_SIZE - 1)));
	size_t copied;

	if (a->kind == VMS_COPY_FROM)
		copied = vms_mmu_copy_from(a->data + a->done, va, len);
	else
		copied = vms_mmu_copy_to(va, a->data + a->done, len);
	a->done += copied;
	return copied < len || a->done == a->len;
}

/* Inside. Whether someone needs the CPU whom even a request must make way for. */
static bool resident_must_leave(void)
{
	return need_resched() || kthread_should_stop() || kthread_should_park() ||
	       READ_ONCE(evicted);
}

static bool resident_raised(void)
{
	/* Inside. Others raise it at any time; who misses that looks again at once. */
	return data_race(rt_task(current));
}

static bool resident_called_out(void)
{
	/*
	 * With lazy preemption a wakeup over a thread of idle priority sets no
	 * flag that is seen here before the next tick: look at the queue too.
	 */
	return resident_must_leave() || (!resident_raised() && !single_task_running());
}

/* Inside. Returns whether the request is through. */
static bool serve(struct vms_access *a)
{
	switch (a->kind) {
	case VMS_LOAD:
		if (vms_mmu_load(a->va, a->width, &a->value))
			a->done = a->width;
		return true;
	case VMS_STORE:
		if (vms_mmu_store(a->va, a->width, a->value))
			a->done = a->width;
		return true;
	case VMS_PROGRAM:
		vms_program_serve(a->run, a->index, resident_must_leave);
		return true;
	default:
		return serve_copy(a);
	}
}

static void resident_serve(struct vms_resident *r, struct vms_request *req)
{
	struct vms_access *a = &req->access;
	u64 ended = trace_access_enabled() ? atomic64_read(&r->space->ended) : 0;

	if (!serve(a))
		return;
	a->crossings = *this_cpu_ptr(r->space->mmu.crossings);
	vms_count(&this_cpu_ptr(r->space->counters)->accesses, 1);
	trace_access(r->space->number, a->kind, a->va, a->width ? a->width : a->len, a->value,
		     a->done, ended);
	resident_finish(r, 0);
}

/*
 * One stay inside. At least one request is served if there is any, whoever
 * else wants the CPU. Returns as vms_mmu_enter() and vms_mmu_leave().
 */
static int resident_stay(struct vms_resident *r)
{
	struct vms_space *space = r->space;
	u64 entered, now, until, served = 0;
	int ret;

	if (READ_ONCE(evicted))
		return -EAGAIN;
	ret = vms_mmu_enter(&space->mmu);
	if (ret)
		return ret;
	/* See resident_come_home(). */
	if (smp_processor_id() != r->cpu) {
		ret = vms_mmu_leave(&space->mmu);
		return ret ? ret : -EAGAIN;
	}
	WRITE_ONCE(r->inside, true);
	vms_count(&this_cpu_ptr(space->counters)->entered, 1);
	trace_enter(space->number);
	entered = local_clock();
	now = entered;
	until = entered + (r->stays ? STAY_NS : 0);
	do {
		struct vms_request *req = resident_next_request(r);

		if (req) {
			resident_serve(r, req);
			served++;
			until = now + vms_param(linger_us) * (u64)NSEC_PER_USEC;
			if (r->stays || until > entered + STAY_NS)
				until = entered + STAY_NS;
		} else if (resident_raised()) {
			/* It was raised for what was served. */
			until = now;
		} else {
			cpu_relax();
		}
		now = local_clock();
	} while (now < until && !resident_called_out());
	vms_histogram_add(&this_cpu_ptr(space->counters)->times[VMSPACE_TIME_STAY],
			  now - entered);
	trace_leave(space->number, now - entered, served);
	WRITE_ONCE(r->inside, false);
	return vms_mmu_leave(&space->mmu);
}

static void resident_park(struct vms_resident *r)
{
	seat_leave(r);
	resident_refuse(r, -ENODEV);
	resident_finish(r, -ENODEV);
	kthread_parkme();
	resident_accept(r);
}

/* By the thread, outside: what was lowered after resident_ask() raised it. */
static void resident_raise_for_program(struct vms_resident *r)
{
	struct vms_request *req = resident_next_request(r);

	if (req && req->access.kind == VMS_PROGRAM)
		resident_raise(r);
}

/* By the thread, outside: whether it would go inside without being asked. */
static bool resident_wants_seat(struct vms_resident *r)
{
	return r->stays && !READ_ONCE(r->refuse) && seat_take(r);
}

/*
 * A CPU that is about to go offline pushes even bound threads to others, and
 * their affinity is lost; it may stay after all.
 */
static void resident_come_home(struct vms_resident *r)
{
	if (raw_smp_processor_id() != r->cpu && !kthread_should_park() && cpu_active(r->cpu))
		set_cpus_allowed_ptr(current, cpumask_of(r->cpu));
}

static int resident_thread(void *data)
{
	struct vms_resident *r = data;

	while (!kthread_should_stop()) {
		int ret;

		if (kthread_should_park()) {
			resident_park(r);
			continue;
		}
		set_current_state(TASK_IDLE);
		if (!kthread_should_stop() && !kthread_should_park() &&
		    !resident_has_work(r) && !resident_wants_seat(r)) {
			schedule();
			continue;
		}
		__set_current_state(TASK_RUNNING);
		/* Nothing to do inside for one that only stays, on a busy CPU. */
		if (r->stays && !resident_has_work(r) && !single_task_running()) {
			resident_lower(r);
			schedule();
			continue;
		}
		resident_come_home(r);
		resident_raise_for_program(r);
		ret = resident_stay(r);
		resident_lower(r);
		if (ret == -EIO) {
			resident_refuse(r, -EIO);
			resident_finish(r, -EIO);
			WRITE_ONCE(r->stays, false);
			seat_leave(r);
			set_priority(current, SCHED_NORMAL);
		} else if (ret) {
			schedule_timeout_idle(1);
		}
		seat_pass(r);
		/* Where RCU sees a quiescent state, and others get the CPU. */
		schedule();
	}
	seat_leave(r);
	resident_finish(r, -ENXIO);
	return 0;
}

static void resident_stop_work(struct work_struct *work)
{
	struct vms_resident *r = container_of(work, struct vms_resident, stop);

	mutex_lock(&threads_lock);
	list_del(&r->link);
	mutex_unlock(&threads_lock);
	resident_raise(r);
	kthread_stop(r->thread);
	resident_refuse(r, -ENXIO);
	complete_all(&r->stopped);
	/* The thread was what needed it; those who ask have their own reference. */
	vms_object_put(&r->space->obj);
	resident_put(r);
}

static struct vms_resident *resident_create(struct vms_space *space, unsigned int cpu, bool stays)
{
	struct task_struct *thread;
	struct vms_resident *r;
	int ret;

	r = kzalloc(sizeof(*r), GFP_KERNEL_ACCOUNT);
	if (!r)
		return ERR_PTR(-ENOMEM);
	r->user = current_user();
	ret = thread_charge(r->user);
	if (ret)
		goto free_resident;
	kref_init(&r->ref);
	r->space = space;
	r->cpu = cpu;
	r->stays = stays;
	spin_lock_init(&r->lock);
	INIT_LIST_HEAD(&r->requests);
	INIT_LIST_HEAD(&r->seat);
	INIT_WORK(&r->stop, resident_stop_work);
	init_completion(&r->stopped);
	thread = kthread_create_on_cpu(resident_thread, r, cpu, "vmspace/%u");
	if (IS_ERR(thread)) {
		ret = PTR_ERR(thread);
		goto uncharge;
	}
	vms_object_get(&space->obj);
	/* Those who ask may wake it when it has been stopped already. */
	r->thread = get_task_struct(thread);
	return r;

uncharge:
	thread_uncharge(r->user);
free_resident:
	kfree(r);
	return ERR_PTR(ret);
}

/* Check a CPU number, and that the space may be active there. */
static int check_cpu(unsigned int cpu)
{
	if (cpu >= nr_cpu_ids)
		return -EINVAL;
	return cpu_online(cpu) ? 0 : -ENODEV;
}

static int resident_start_locked(struct vms_space *space, unsigned int cpu, bool stays)
{
	struct vms_resident *r;
	int ret = check_cpu(cpu);

	if (ret)
		return ret;
	if (READ_ONCE(space->state) == VMS_SPACE_DROPPED)
		return -ENOENT;
	if (xa_load(&space->residents, cpu))
		return -EEXIST;
	r = resident_create(space, cpu, stays);
	if (IS_ERR(r))
		return PTR_ERR(r);
	mutex_lock(&threads_lock);
	list_add(&r->link, &threads);
	mutex_unlock(&threads_lock);
	ret = xa_err(xa_store(&space->residents, cpu, r, GFP_KERNEL_ACCOUNT));
	if (ret) {
		queue_work(stop_wq, &r->stop);
		return ret;
	}
	wake_up_process(r->thread);
	return 0;
}

/**
 * vms_resident_start - make a space active on a CPU
 * @space:	the space
 * @cpu:	the CPU
 * @resident:	stay inside when the CPU has nothing better to do
 *
 * Context: may sleep.
 *
 * Return: 0, -EINVAL if there can be no such CPU, -ENODEV if it is offline,
 * -EEXIST if the space is active there, -ENOENT if it is being dropped,
 * -ENOMEM, also beyond the caller's RLIMIT_MEMLOCK, -EAGAIN if the machine takes no
 * more threads, -EINTR.
 */
int vms_resident_start(struct vms_space *space, unsigned int cpu, bool resident)
{
	int ret = mutex_lock_killable(&space->residents_lock);

	if (ret)
		return ret;
	/* The CPU stays, until the hotplug callback can find the thread. */
	cpus_read_lock();
	ret = resident_start_locked(space, cpu, resident);
	cpus_read_unlock();
	mutex_unlock(&space->residents_lock);
	return ret;
}

/**
 * vms_resident_stop - end what vms_resident_start() began
 * @space:	the space
 * @cpu:	the CPU
 *
 * Context: may sleep until the CPU is out; a fatal signal ends the wait, not
 * the leaving.
 *
 * Return: 0, -EINVAL if there can be no such CPU, -ENXIO if the space is not
 * active there, -EBUSY if readers or writers use it, -EINTR.
 */
int vms_resident_stop(struct vms_space *space, unsigned int cpu)
{
	struct vms_resident *r;
	int ret;

	if (cpu >= nr_cpu_ids)
		return -EINVAL;
	ret = mutex_lock_killable(&space->residents_lock);
	if (ret)
		return ret;
	r = xa_load(&space->residents, cpu);
	if (!r || r->users) {
		mutex_unlock(&space->residents_lock);
		return r ? -EBUSY : -ENXIO;
	}
	xa_erase(&space->residents, cpu);
	kref_get(&r->ref);
	mutex_unlock(&space->residents_lock);

	resident_refuse(r, -ENXIO);
	queue_work(stop_wq, &r->stop);
	ret = wait_for_completion_killable(&r->stopped) ? -EINTR : 0;
	resident_put(r);
	return ret;
}

/**
 * vms_residents_stop - make a space inactive everywhere
 * @space: no cursor, reader or writer refers to it, nor will any more
 *
 * Context: may sleep; does not wait for the threads.
 */
void vms_residents_stop(struct vms_space *space)
{
	struct vms_resident *r;
	unsigned long cpu;

	mutex_lock(&space->residents_lock);
	xa_for_each(&space->residents, cpu, r) {
		xa_erase(&space->residents, cpu);
		resident_refuse(r, -ENXIO);
		queue_work(stop_wq, &r->stop);
	}
	mutex_unlock(&space->residents_lock);
}

/**
 * vms_resident_use - keep a space active on a CPU
 * @space:	the space
 * @cpu:	the CPU
 *
 * Return: 0, -EINVAL if there can be no such CPU, -ENXIO if the space is not
 * active there, -EINTR.
 */
int vms_resident_use(struct vms_space *space, unsigned int cpu)
{
	struct vms_resident *r;
	int ret;

	if (cpu >= nr_cpu_ids)
		return -EINVAL;
	ret = mutex_lock_killable(&space->residents_lock);
	if (ret)
		return ret;
	r = xa_load(&space->residents, cpu);
	if (r)
		r->users++;
	mutex_unlock(&space->residents_lock);
	return r ? 0 : -ENXIO;
}

/**
 * vms_resident_unuse - undo vms_resident_use()
 * @space:	the space
 * @cpu:	the CPU
 */
void vms_resident_unuse(struct vms_space *space, unsigned int cpu)
{
	struct vms_resident *r;

	mutex_lock(&space->residents_lock);
	r = xa_load(&space->residents, cpu);
	if (!WARN_ON_ONCE(!r))
		r->users--;
	mutex_unlock(&space->residents_lock);
}

/* The resident of a CPU, with a reference. */
static struct vms_resident *resident_get(struct vms_space *space, unsigned int cpu)
{
	struct vms_resident *r;

	if (cpu >= nr_cpu_ids)
		return ERR_PTR(-EINVAL);
	/* Under this lock it is not freed while it is found there. */
	xa_lock(&space->residents);
	r = xa_load(&space->residents, cpu);
	if (r)
		kref_get(&r->ref);
	xa_unlock(&space->residents);
	return r ? r : ERR_PTR(-ENXIO);
}

/* Put a request into the list of those to serve, with a reference of its own. */
static int resident_ask(struct vms_resident *r, struct vms_request *req)
{
	int ret;

	spin_lock(&r->lock);
	ret = r->refuse;
	if (!ret) {
		kref_get(&req->ref);
		list_add_tail(&req->link, &r->requests);
	}
	spin_unlock(&r->lock);
	if (ret)
		return ret;
	/* A program ends when its CPU is wanted by anyone of a higher priority. */
	if (req->access.kind == VMS_PROGRAM)
		resident_raise(r);
	wake_up_process(r->thread);
	return 0;
}

static struct vms_request *request_create(struct vms_resident *r, const struct vms_access *access)
{
	struct vms_request *req = kzalloc(sizeof(*req), GFP_KERNEL_ACCOUNT);

	if (!req)
		return NULL;
	kref_init(&req->ref);
	init_completion(&req->done);
	req->asked = r;
	req->access = *access;
	if (access->run)
		kref_get(&access->run->ref);
	return req;
}

/**
 * vms_request_submit - ask for an access, copy or program on a CPU
 * @space:	the space
 * @cpu:	the CPU
 * @access:	what to do; if a request is made, its data buffer is the request's
 *
 * Context: may sleep.
 *
 * Return: for vms_request_wait(); -EINVAL if there can be no such CPU, -ENXIO
 * if the space is not active there, -ENODEV if it is offline, -ENOMEM.
 */
struct vms_request *vms_request_submit(struct vms_space *space, unsigned int cpu,
				       const struct vms_access *access)
{
	struct vms_resident *r = resident_get(space, cpu);
	struct vms_request *req;
	int ret = -ENOMEM;

	if (IS_ERR(r))
		return ERR_CAST(r);
	req = request_create(r, access);
	if (req) {
		ret = resident_ask(r, req);
		if (!ret)
			return req;
		req->access.data = NULL;
		request_put(req);
	}
	resident_put(r);
	return ERR_PTR(ret);
}

/*
 * A CPU with nothing better to do answers at once. Else the thread is raised, but
 * only after a tick: however much is asked, others get the CPU in between. And
 * again after each, since it may have been lowering itself.
 */
static long request_wait(struct vms_request *req)
{
	long left;

	while (!(left = wait_for_completion_killable_timeout(&req->done, 1)))
		resident_raise(req->asked);
	return min(left, 0L);
}

/**
 * vms_request_wait - wait for the answer to a request
 * @req:	from vms_request_submit(); given up
 * @access:	receives the answer, and the data buffer back; or NULL
 *
 * Context: may sleep; a fatal signal ends the wait. Then nothing is handed
 * back: the resident may be using the buffer this moment.
 *
 * Return: 0 if it was tried; -ENXIO if the space is not active there any more,
 * -ENODEV if the CPU is offline, -EINTR.
 */
int vms_request_wait(struct vms_request *req, struct vms_access *access)
{
	int ret = -EINTR;

	if (!request_wait(req)) {
		ret = req->result;
		if (access) {
			*access = req->access;
			req->access.data = NULL;
		}
	}
	resident_put(req->asked);
	request_put(req);
	return ret;
}

/**
 * vms_resident_access - one access or copy through the MMU of a CPU
 * @space:	the space
 * @cpu:	the CPU
 * @access:	what to do; receives the answer
 *
 * Context: as vms_request_wait(). The data buffer is handed back on return, but
 * for -EINTR: then it is gone.
 *
 * Return: as vms_request_submit() and vms_request_wait().
 */
int vms_resident_access(struct vms_space *space, unsigned int cpu, struct vms_access *access)
{
	struct vms_request *req = vms_request_submit(space, cpu, access);
	int ret;

	if (IS_ERR(req))
		return PTR_ERR(req);
	ret = vms_request_wait(req, access);
	if (ret == -EINTR)
		access->data = NULL;
	return ret;
}

/**
 * vms_residents_count - number of CPUs that a space is active on
 * @space:	the space
 */
unsigned int vms_residents_count(struct vms_space *space)
{
	struct vms_resident *r;
	unsigned int count = 0;
	unsigned long cpu;

	xa_for_each(&space->residents, cpu, r)
		count++;
	return count;
}

/**
 * vms_resident_state - how a space is doing on a CPU
 * @space:	the space
 * @cpu:	the CPU
 * @state:	receives VMSPACE_CPU_*
 *
 * Return: 0, -EINVAL if there can be no such CPU.
 */
int vms_resident_state(struct vms_space *space, unsigned int cpu, u32 *state)
{
	struct vms_resident *r = resident_get(space, cpu);

	*state = 0;
	if (PTR_ERR(r) == -ENXIO)
		return 0;
	if (IS_ERR(r))
		return PTR_ERR(r);
	*state = VMSPACE_CPU_ACTIVE;
	if (READ_ONCE(r->stays))
		*state |= VMSPACE_CPU_RESIDENT;
	if (READ_ONCE(r->refuse) == -ENODEV)
		*state |= VMSPACE_CPU_PARKED;
	if (cpumask_test_cpu(cpu, space->mmu.inside))
		*state |= VMSPACE_CPU_INSIDE;
	resident_put(r);
	return 0;
}

static int residents_online(unsigned int cpu)
{
	struct vms_resident *r;

	mutex_lock(&threads_lock);
	list_for_each_entry(r, &threads, link) {
		if (r->cpu != cpu)
			continue;
		/* As in resident_come_home(). */
		set_cpus_allowed_ptr(r->thread, cpumask_of(cpu));
		kthread_unpark(r->thread);
	}
	mutex_unlock(&threads_lock);
	return 0;
}

static int residents_offline(unsigned int cpu)
{
	struct vms_resident *r;

	mutex_lock(&threads_lock);
	list_for_each_entry(r, &threads, link) {
		if (r->cpu != cpu)
			continue;
		/* Not lowered any more. */
		resident_refuse(r, -ENODEV);
		resident_raise(r);
		/* Waits until it is out, and parked. */
		kthread_park(r->thread);
	}
	mutex_unlock(&threads_lock);
	return 0;
}

#ifdef CONFIG_MEMORY_HOTPLUG
static void residents_wait_outside(void)
{
	struct vms_resident *r;

	mutex_lock(&threads_lock);
	list_for_each_entry(r, &threads, link)
		while (READ_ONCE(r->inside))
			usleep_range(100, 1000);
	mutex_unlock(&threads_lock);
}

/*
 * New memory can mean new entries in the kernel half, which a root that is
 * loaded does not get, and no fault would fill in.
 */
static int memory_notify_residents(struct notifier_block *nb, unsigned long action, void *arg)
{
	switch (action) {
	case MEM_GOING_ONLINE:
		WRITE_ONCE(evicted, true);
		residents_wait_outside();
		break;
	case MEM_ONLINE:
	case MEM_CANCEL_ONLINE:
		WRITE_ONCE(evicted, false);
		break;
	}
	return NOTIFY_OK;
}

static struct notifier_block memory_nb = { .notifier_call = memory_notify_residents };

static int __init watch_memory(void)
{
	return register_memory_notifier(&memory_nb);
}

static void unwatch_memory(void)
{
	unregister_memory_notifier(&memory_nb);
}
#else
static int __init watch_memory(void)
{
	return 0;
}

static void unwatch_memory(void)
{
}
#endif

/**
 * vms_residents_init - watch CPUs and memory come and go
 *
 * Return: 0 or a negative error number.
 */
int __init vms_residents_init(void)
{
	unsigned int cpu;
	int ret;

	for_each_possible_cpu(cpu) {
		struct vms_seat *seat = per_cpu_ptr(&seats, cpu);

		spin_lock_init(&seat->lock);
		INIT_LIST_HEAD(&seat->waiting);
	}
	stop_wq = alloc_workqueue("vmspace", WQ_UNBOUND, 0);
	if (!stop_wq)
		return -ENOMEM;
	ret = cpuhp_setup_state_nocalls(CPUHP_AP_ONLINE_DYN, "vmspace:online", residents_online,
					residents_offline);
	if (ret < 0)
		goto destroy_wq;
	hotplug_state = ret;
	ret = watch_memory();
	if (ret)
		goto remove_state;
	return 0;

remove_state:
	cpuhp_remove_state_nocalls(hotplug_state);
destroy_wq:
	destroy_workqueue(stop_wq);
	return ret;
}

/**
 * vms_residents_exit - after the last file was closed; waits for the threads
 */
void vms_residents_exit(void)
{
	/* The works that stop threads, and with them the last spaces, are done. */
	destroy_workqueue(stop_wq);
	unwatch_memory();
	cpuhp_remove_state_nocalls(hotplug_state);
}
