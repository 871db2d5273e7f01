// SPDX-License-Identifier: GPL-2.0-only
/*
 * The stubs that are more than a line: memory, RCU, tasks.
 */
#include "stub.h"
#ifdef STUB_TSAN
#include <sanitizer/tsan_interface.h>
#else
#define __tsan_acquire(p)	((void)(p))
#define __tsan_release(p)	((void)(p))
#endif

__thread struct stub_self stub_self = { .fail_in = -1, .die_in = -1 };

static long allocations, accounted;

/* Whether this allocation is the one that shall fail. */
static bool out_of_memory(void)
{
	stub_may_sleep();
	if (likely(stub_self.fail_in < 0) || stub_self.fail_in--)
		return false;
	stub_self.failed = true;
	return true;
}

/* In benchmarks, threads share nothing here. */
static void count_allocations(long nr)
{
#ifndef STUB_BARE
	__atomic_add_fetch(&allocations, nr, __ATOMIC_RELAXED);
#endif
	(void)nr;
}

void *stub_alloc(size_t size, bool zero)
{
	if (out_of_memory())
		return NULL;
	count_allocations(1);
	return zero ? calloc(1, size) : malloc(size);
}

void stub_free(void *p)
{
	if (p)
		count_allocations(-1);
	free(p);
}

#ifdef STUB_BARE
/* Freed pages are kept, per thread, as the kernel's lists per CPU do. */
static __thread struct page *page_cache;

static struct page *cache_take(void)
{
	struct page *page = page_cache;

	if (page)
		page_cache = page->next;
	return page;
}

static void cache_put(struct page *page)
{
	page->next = page_cache;
	page_cache = page;
}
#else
static struct page *cache_take(void)
{
	return NULL;
}

static void cache_put(struct page *page)
{
	free((void *)(unsigned long)page->phys);
}
#endif

struct page *stub_alloc_pages(unsigned int order, bool zero)
{
	size_t size = PAGE_SIZE << order;
	struct page *page;
	char *data;

	if (out_of_memory())
		return NULL;
	count_allocations(1);
	page = order ? NULL : cache_take();
	if (page) {
		data = page_address(page);
	} else {
		data = aligned_alloc(size, 2 * size);
		FATAL_IF(!data);
		page = (struct page *)(data + size);
	}
	memset(data, zero ? 0 : 0xa5, size);
	*page = (struct page) { .phys = (unsigned long)data, .order = order };
	return page;
}

void stub_free_pages(struct page *page, unsigned int order)
{
	FATAL_IF(page->order != order);
	count_allocations(-1);
	if (order)
		free(page_address(page));
	else
		cache_put(page);
}

/* What was allocated and not freed. */
long stub_allocations(void)
{
	return __atomic_load_n(&allocations, __ATOMIC_RELAXED);
}

void stub_account_pages(long nr)
{
#ifndef STUB_BARE
	__atomic_add_fetch(&accounted, nr, __ATOMIC_RELAXED);
#endif
	(void)nr;
}

long stub_accounted_pages(void)
{
	return __atomic_load_n(&accounted, __ATOMIC_RELAXED);
}

/*
 * What ThreadSanitizer must be told of RCU: all that a reader did before it
 * left comes before a callback, and so does what was done before call_rcu().
 */
static char rcu_token;

void stub_rcu_released(void)
{
	__tsan_release(&rcu_token);
}

#ifdef STUB_BARE
/*
 * For benchmarks: in batches, per thread, as the kernel does it per CPU, and
 * without a thread that would compete.
 */
#define RCU_BATCH	512
static __thread struct rcu_head *rcu_pending[RCU_BATCH];
static __thread unsigned int rcu_nr;

static void rcu_run(void)
{
	unsigned int i, nr = rcu_nr;

	urcu_memb_synchronize_rcu();
	rcu_nr = 0;
	for (i = 0; i < nr; i++) {
		struct rcu_head *head = rcu_pending[i];

		/* As in the kernel: what is no function is an offset. */
		if ((unsigned long)head->func < 4096)
			stub_free((char *)head - (unsigned long)head->func);
		else
			head->func(head);
	}
}

void stub_call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head))
{
	head->func = func;
	rcu_pending[rcu_nr++] = head;
	if (rcu_nr == RCU_BATCH)
		rcu_run();
}

void stub_kfree_rcu(struct rcu_head *head, size_t offset)
{
	stub_call_rcu(head, (void (*)(struct rcu_head *head))offset);
}

void stub_rcu_barrier(void)
{
	rcu_run();
}
#else
struct rcu_call {
	struct rcu_head rcu;
	struct rcu_head *head;
	void (*func)(struct rcu_head *head);
	size_t offset;
};

static void run_call(struct rcu_head *rcu)
{
	struct rcu_call *call = container_of(rcu, struct rcu_call, rcu);

	__tsan_acquire(&rcu_token);
	if (call->func)
		call->func(call->head);
	else
		stub_free((char *)call->head - call->offset);
	free(call);
}

/* As in the kernel, the head itself may be written from the call on. */
static void post_call(struct rcu_head *head, void (*func)(struct rcu_head *head), size_t offset)
{
	struct rcu_call *call = malloc(sizeof(*call));

	FATAL_IF(!call);
	memset(head, 0x6b, sizeof(*head));
	*call = (struct rcu_call) { .head = head, .func = func, .offset = offset };
	__tsan_release(&rcu_token);
	urcu_memb_call_rcu(&call->rcu, run_call);
}

void stub_call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head))
{
	post_call(head, func, 0);
}

void stub_kfree_rcu(struct rcu_head *head, size_t offset)
{
	post_call(head, NULL, offset);
}

void stub_rcu_barrier(void)
{
	stub_may_sleep();
	urcu_memb_barrier();
}
#endif

void stub_thread_start(void)
{
	struct task_struct *task = calloc(1, sizeof(*task));

	FATAL_IF(!task);
	pthread_mutex_init(&task->lock, NULL);
	pthread_cond_init(&task->wake, NULL);
	task->refs = 1;
	stub_self = (struct stub_self) { .task = task, .fail_in = -1, .die_in = -1 };
	urcu_memb_register_thread();
}

void stub_thread_end(void)
{
#ifdef STUB_BARE
	rcu_run();
#endif
	urcu_memb_unregister_thread();
	put_task_struct(stub_self.task);
	stub_self.task = NULL;
}

struct task_struct *get_task_struct(struct task_struct *task)
{
	__atomic_add_fetch(&task->refs, 1, __ATOMIC_RELAXED);
	return task;
}

void put_task_struct(struct task_struct *task)
{
	if (__atomic_sub_fetch(&task->refs, 1, __ATOMIC_ACQ_REL))
		return;
	pthread_mutex_destroy(&task->lock);
	pthread_cond_destroy(&task->wake);
	free(task);
}

void set_current_state(int state)
{
	__atomic_store_n(&current->state, state, __ATOMIC_SEQ_CST);
}

void schedule(void)
{
	struct task_struct *task = current;

	stub_may_sleep();
	pthread_mutex_lock(&task->lock);
	while (__atomic_load_n(&task->state, __ATOMIC_SEQ_CST) != TASK_RUNNING &&
	       !signal_pending(task))
		pthread_cond_wait(&task->wake, &task->lock);
	__atomic_store_n(&task->state, TASK_RUNNING, __ATOMIC_SEQ_CST);
	pthread_mutex_unlock(&task->lock);
}

int wake_up_process(struct task_struct *task)
{
	pthread_mutex_lock(&task->lock);
	__atomic_store_n(&task->state, TASK_RUNNING, __ATOMIC_SEQ_CST);
	pthread_cond_signal(&task->wake);
	pthread_mutex_unlock(&task->lock);
	return 1;
}

/* Send a signal that interrupts waits, until its receiver clears it. */
void stub_signal(struct task_struct *task)
{
	__atomic_store_n(&task->signal, 1, __ATOMIC_SEQ_CST);
	wake_up_process(task);
}

bool stub_sleeping(struct task_struct *task)
{
	return __atomic_load_n(&task->state, __ATOMIC_SEQ_CST) != TASK_RUNNING;
}

u64 ktime_get_mono_fast_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

pthread_mutex_t stub_cpus[STUB_CPUS] = {
	[0 ... STUB_CPUS - 1] = PTHREAD_MUTEX_INITIALIZER
};
