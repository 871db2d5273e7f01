/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The part of the kernel that the sources under test use, for the host.
 *
 * Every header of the kernel that they include is this one (see the Makefile).
 * What is here behaves as in the kernel as far as the sources can tell, and
 * besides holds them to the rules of their context: nothing sleeps under a
 * spinlock or in an RCU read-side critical section.
 */
#ifndef VMS_STUB_H
#define VMS_STUB_H

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define STUB_TSAN
#endif
#elif defined(__SANITIZE_THREAD__)
#define STUB_TSAN
#endif

/* Inlined it is faster, but ThreadSanitizer shall not look into liburcu. */
#ifndef STUB_TSAN
#define _LGPL_SOURCE
#endif
#include <urcu/urcu-memb.h>
#include <urcu/map/clear.h>
#undef container_of
#undef likely
#undef unlikely
#undef max
#undef min

/* types.h, align.h, bits.h, minmax.h, err.h */
#include <asm/types.h>
#include <linux/stddef.h>

#ifndef __aligned_u64
#define __aligned_u64		__u64 __attribute__((aligned(8)))
#endif

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef unsigned int gfp_t;

#define __percpu
#define __releases(x)
#define likely(x)		__builtin_expect(!!(x), 1)
#define unlikely(x)		__builtin_expect(!!(x), 0)
#define BIT(n)			(1UL << (n))
#define BIT_ULL(n)		(1ULL << (n))
#define GENMASK_ULL(h, l)	((~0ULL << (l)) & (~0ULL >> (63 - (h))))
#define IS_ALIGNED(x, a)	(((x) & ((typeof(x))(a) - 1)) == 0)
#define ALIGN_DOWN(x, a)	((x) & ~((typeof(x))(a) - 1))
#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))
#define min(a, b)		({ typeof(a) a_ = (a); typeof(b) b_ = (b); a_ < b_ ? a_ : b_; })
#define max(a, b)		({ typeof(a) a_ = (a); typeof(b) b_ = (b); a_ > b_ ? a_ : b_; })
#define min_t(t, a, b)		min((t)(a), (t)(b))
#define container_of(p, type, member) \
	((type *)((char *)(p) - offsetof(type, member)))

#define MAX_ERRNO		4095
#define IS_ERR(p)		((unsigned long)(p) >= (unsigned long)-MAX_ERRNO)
#define PTR_ERR(p)		((long)(p))
#define ERR_PTR(e)		((void *)(long)(e))
#define ERR_CAST(p)		((void *)(p))

#define PAGE_SHIFT		12
#define PAGE_SIZE		(1UL << PAGE_SHIFT)

/* bug.h, mmdebug.h: what only warns in the kernel ends a test. */
#define FATAL_IF(x)							\
	do {								\
		if (unlikely(x)) {					\
			fprintf(stderr, "# %s:%d: %s\n", __FILE__, __LINE__, #x); \
			abort();					\
		}							\
	} while (0)
#define VM_WARN_ON_ONCE(x)	FATAL_IF(x)
#define WARN_ON_ONCE(x)		({ bool w_ = (x); FATAL_IF(w_); w_; })

/* compiler.h, barrier.h, atomic.h */
/* In the kernel's model it orders what depends on it; consume is the word for that. */
#define READ_ONCE(x)		__atomic_load_n(&(x), __ATOMIC_CONSUME)
#define WRITE_ONCE(x, v)	__atomic_store_n(&(x), (typeof(x))(v), __ATOMIC_RELAXED)
#define data_race(x)		(x)
#define kcsan_disable_current()	do { } while (0)
#define kcsan_enable_current()	do { } while (0)
#define smp_load_acquire(p)	__atomic_load_n(p, __ATOMIC_ACQUIRE)
#define smp_store_release(p, v)	__atomic_store_n(p, v, __ATOMIC_RELEASE)
#define barrier()		asm volatile("" ::: "memory")
#define smp_mb()		asm volatile("mfence" ::: "memory")
#define cpu_relax()		__builtin_ia32_pause()

#define xchg(p, v)							\
({									\
	stub_before_rmw(p);						\
	__atomic_exchange_n(p, v, __ATOMIC_SEQ_CST);			\
})
#define try_cmpxchg(p, old, new)					\
({									\
	stub_before_rmw(p);						\
	__atomic_compare_exchange_n(p, old, new, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
})

typedef struct { int v; } atomic_t;
typedef struct { long v; } atomic_long_t;
typedef struct { long long v; } atomic64_t;

#define stub_add(a, n)		__atomic_add_fetch(&(a)->v, n, __ATOMIC_SEQ_CST)
#define stub_load(a)		__atomic_load_n(&(a)->v, __ATOMIC_RELAXED)
#define stub_store(a, n)	__atomic_store_n(&(a)->v, n, __ATOMIC_RELAXED)
#define atomic_read(a)		stub_load(a)
#define atomic_inc(a)		((void)stub_add(a, 1))
#define atomic_dec(a)		((void)stub_add(a, -1))
#define atomic_long_read(a)	stub_load(a)
#define atomic_long_set(a, n)	stub_store(a, n)
#define atomic_long_inc(a)	((void)stub_add(a, 1))
#define atomic_long_dec(a)	((void)stub_add(a, -1))
#define atomic_long_sub(n, a)	((void)stub_add(a, -(long)(n)))
#define atomic64_read(a)	stub_load(a)
#define atomic64_inc(a)		((void)stub_add(a, 1))
#define atomic64_inc_return(a)	(stub_add(a, 1))
#define atomic64_add(n, a)	((void)stub_add(a, (long long)(n)))
#define atomic64_and(n, a)	stub_atomic64_op(a, and, n)
#define atomic64_or(n, a)	stub_atomic64_op(a, or, n)
#define stub_atomic64_op(a, op, n)					\
do {									\
	stub_before_rmw(a);						\
	__atomic_fetch_##op(&(a)->v, (long long)(n), __ATOMIC_SEQ_CST);	\
} while (0)
#define atomic64_sub(n, a)	((void)stub_add(a, -(long long)(n)))

/**
 * struct stub_self - what the stubs know of the running thread
 * @task:	its task
 * @cpu:	the simulated CPU that it acts as
 * @atomic:	spinlocks held and RCU read-side critical sections
 * @fail_in:	the allocation after that many fails, if not negative
 * @failed:	an allocation was made to fail
 * @die_in:	a fatal signal is pending after that many looks, if not negative
 * @before_lock: called once, before the next spinlock is taken
 * @before_rmw:	called before every exchange, with its address
 * @resched:	called at every cond_resched()
 */
struct stub_self {
	struct task_struct *task;
	int cpu;
	int atomic;
	int fail_in;
	bool failed;
	int die_in;
	void (*before_lock)(void);
	void (*before_rmw)(void *slot);
	void (*resched)(void);
};

extern __thread struct stub_self stub_self;

void stub_thread_start(void);
void stub_thread_end(void);

#ifdef STUB_BARE
#define stub_atomic_enter()	do { } while (0)
#define stub_atomic_leave()	do { } while (0)
#define stub_may_sleep()	do { } while (0)
#define stub_before_rmw(p)	do { } while (0)
#define stub_before_lock()	do { } while (0)
#else
#define stub_atomic_enter()	(stub_self.atomic++)
#define stub_atomic_leave()	FATAL_IF(--stub_self.atomic < 0)
#define stub_may_sleep()	FATAL_IF(stub_self.atomic)
static inline void stub_before_rmw(void *slot)
{
	if (stub_self.before_rmw)
		stub_self.before_rmw(slot);
}

static inline void stub_before_lock(void)
{
	void (*call)(void) = stub_self.before_lock;

	stub_self.before_lock = NULL;
	if (call)
		call();
}
#endif


/* spinlock.h, mutex.h */
typedef struct { int locked; } spinlock_t;

static inline void spin_lock_init(spinlock_t *lock)
{
	lock->locked = 0;
}

static inline void spin_lock(spinlock_t *lock)
{
	unsigned int spins = 0;

	stub_before_lock();
	stub_atomic_enter();
	while (__atomic_exchange_n(&lock->locked, 1, __ATOMIC_ACQUIRE))
		while (__atomic_load_n(&lock->locked, __ATOMIC_RELAXED))
			if (++spins % 128)
				cpu_relax();
			else
				sched_yield();
}

static inline void spin_unlock(spinlock_t *lock)
{
	__atomic_store_n(&lock->locked, 0, __ATOMIC_RELEASE);
	stub_atomic_leave();
}

struct mutex {
	pthread_mutex_t mutex;
};

/* list.h */
struct list_head {
	struct list_head *next, *prev;
};

static inline void INIT_LIST_HEAD(struct list_head *list)
{
	WRITE_ONCE(list->next, list);
	WRITE_ONCE(list->prev, list);
}

static inline void stub_list_insert(struct list_head *new, struct list_head *prev,
				    struct list_head *next)
{
	next->prev = new;
	new->next = next;
	new->prev = prev;
	WRITE_ONCE(prev->next, new);
}

static inline void list_add(struct list_head *new, struct list_head *head)
{
	stub_list_insert(new, head, head->next);
}

static inline void list_add_tail(struct list_head *new, struct list_head *head)
{
	stub_list_insert(new, head->prev, head);
}

#define list_for_each(pos, head)					\
	for ((pos) = (head)->next; (pos) != (head); (pos) = (pos)->next)

/* The list that was @head is not used again. */
static inline void list_splice(struct list_head *list, struct list_head *head)
{
	if (list->next == list)
		return;
	list->prev->next = head->next;
	head->next->prev = list->prev;
	list->next->prev = head;
	head->next = list->next;
}

static inline void list_del(struct list_head *entry)
{
	entry->next->prev = entry->prev;
	WRITE_ONCE(entry->prev->next, entry->next);
	entry->next = NULL;
	entry->prev = NULL;
}

static inline void list_del_init(struct list_head *entry)
{
	list_del(entry);
	INIT_LIST_HEAD(entry);
}

static inline bool list_empty(const struct list_head *head)
{
	return READ_ONCE(head->next) == head;
}

static inline void list_splice_init(struct list_head *list, struct list_head *head)
{
	if (list_empty(list))
		return;
	list->next->prev = head;
	list->prev->next = head->next;
	head->next->prev = list->prev;
	head->next = list->next;
	INIT_LIST_HEAD(list);
}

#define list_entry(p, type, member)		container_of(p, type, member)
#define list_first_entry(head, type, member)	list_entry((head)->next, type, member)
#define list_first_entry_or_null(head, type, member) \
	(list_empty(head) ? NULL : list_first_entry(head, type, member))
#define list_next_entry(pos, member) \
	list_entry((pos)->member.next, typeof(*(pos)), member)
#define list_for_each_entry(pos, head, member)				\
	for (pos = list_first_entry(head, typeof(*pos), member);	\
	     &pos->member != (head); pos = list_next_entry(pos, member))
#define list_for_each_entry_safe(pos, n, head, member)			\
	for (pos = list_first_entry(head, typeof(*pos), member),	\
	     n = list_next_entry(pos, member); &pos->member != (head);	\
	     pos = n, n = list_next_entry(n, member))

/* rcupdate.h */
void stub_call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head));
void stub_kfree_rcu(struct rcu_head *head, size_t offset);
void stub_rcu_barrier(void);
void stub_rcu_released(void);

static inline void rcu_read_lock(void)
{
	stub_atomic_enter();
	urcu_memb_read_lock();
}

static inline void rcu_read_unlock(void)
{
#ifdef STUB_TSAN
	stub_rcu_released();
#endif
	urcu_memb_read_unlock();
	stub_atomic_leave();
}

#define call_rcu(head, func)	stub_call_rcu(head, func)
#define rcu_barrier()		stub_rcu_barrier()
#define kfree_rcu(p, member)	stub_kfree_rcu(&(p)->member, offsetof(typeof(*(p)), member))

/* slab.h, mm.h, io.h, vmstat.h */
#define GFP_KERNEL		0x1u
#define __GFP_ACCOUNT		0x2u
#define __GFP_ZERO		0x4u
#define __GFP_NOWARN		0x8u
#define __GFP_RETRY_MAYFAIL	0x10u
#define GFP_KERNEL_ACCOUNT	(GFP_KERNEL | __GFP_ACCOUNT)
#define SLAB_ACCOUNT		0x1u
#define NR_SECONDARY_PAGETABLE	0

struct kmem_cache {
	size_t size;
};

/*
 * A page is at the host's own address; its descriptor follows its contents,
 * so that it is found from the page's number.
 */
struct page {
	u64 phys;
	unsigned long private;
	unsigned int order;
	struct page *next;
};

void *stub_alloc(size_t size, bool zero);
void stub_free(void *p);
struct page *stub_alloc_pages(unsigned int order, bool zero);
void stub_free_pages(struct page *page, unsigned int order);
long stub_allocations(void);
long stub_accounted_pages(void);
void stub_account_pages(long nr);

#define kmalloc(size, gfp)		stub_alloc(size, (gfp) & __GFP_ZERO)
#define kzalloc(size, gfp)		stub_alloc(size, true)
#define kcalloc(nr, size, gfp)		stub_alloc((nr) * (size), true)
#define kfree(p)			stub_free(p)
#define kmem_cache_alloc(cache, gfp)	stub_alloc((cache)->size, (gfp) & __GFP_ZERO)
#define kmem_cache_free(cache, p)	((void)(cache), stub_free(p))
#define kmem_cache_destroy(cache)	stub_free(cache)
#define alloc_pages(gfp, order)		stub_alloc_pages(order, (gfp) & __GFP_ZERO)
#define __free_pages(page, order)	stub_free_pages(page, order)
#define mod_lruvec_page_state(page, item, nr)	stub_account_pages((int)(nr))

static inline struct kmem_cache *kmem_cache_create(const char *name, size_t size, size_t align,
						   unsigned int flags, void (*ctor)(void *p))
{
	struct kmem_cache *cache = stub_alloc(sizeof(*cache), true);

	(void)name, (void)align, (void)flags, (void)ctor;
	if (cache)
		cache->size = size;
	return cache;
}

static inline struct page *pfn_to_page(unsigned long pfn)
{
	return (struct page *)((pfn << PAGE_SHIFT) + PAGE_SIZE);
}

static inline unsigned long page_to_pfn(const struct page *page)
{
	return page->phys >> PAGE_SHIFT;
}

static inline u64 page_to_phys(const struct page *page)
{
	return page->phys;
}

static inline void *page_address(const struct page *page)
{
	return (void *)(unsigned long)page->phys;
}

static inline unsigned long page_private(const struct page *page)
{
	return page->private;
}

static inline void set_page_private(struct page *page, unsigned long private)
{
	page->private = private;
}

/* mem_encrypt.h, version.h, asm/tlbflush.h */
#define sme_me_mask			0ULL
#define KERNEL_VERSION(a, b, c)		(((a) << 16) + ((b) << 8) + (c))
#define LINUX_VERSION_CODE		KERNEL_VERSION(6, 12, 0)
void leave_mm(void);

/* sched.h, sched/signal.h, sched/task.h */
#define TASK_RUNNING		0
#define TASK_INTERRUPTIBLE	1

struct task_struct {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	int state;
	int signal;
	int refs;
};

#define current			(stub_self.task)

void set_current_state(int state);
#define __set_current_state(s)	set_current_state(s)
void schedule(void);
int wake_up_process(struct task_struct *task);
struct task_struct *get_task_struct(struct task_struct *task);
void put_task_struct(struct task_struct *task);
void stub_signal(struct task_struct *task);
bool stub_sleeping(struct task_struct *task);

static inline int signal_pending(struct task_struct *task)
{
	return __atomic_load_n(&task->signal, __ATOMIC_ACQUIRE);
}

static inline int fatal_signal_pending(struct task_struct *task)
{
	(void)task;
	if (likely(stub_self.die_in < 0))
		return 0;
	if (stub_self.die_in)
		stub_self.die_in--;
	return !stub_self.die_in;
}

/* Nobody else wants the CPU; who waits spins as long as it may, and then sleeps. */
static inline bool need_resched(void)
{
	return false;
}

static inline int cond_resched(void)
{
	stub_may_sleep();
#ifndef STUB_BARE
	if (stub_self.resched)
		stub_self.resched();
#endif
	return 0;
}

/* percpu.h, cpumask.h, smp.h */
#define STUB_CPUS		8
extern pthread_mutex_t stub_cpus[STUB_CPUS];

struct cpumask {
	unsigned long bits;
};

typedef struct cpumask *cpumask_var_t;

#define cpumask_test_cpu(cpu, mask) \
	((__atomic_load_n(&(mask)->bits, __ATOMIC_SEQ_CST) >> (cpu)) & 1)
#define cpumask_set_cpu(cpu, mask) \
	((void)__atomic_or_fetch(&(mask)->bits, 1UL << (cpu), __ATOMIC_SEQ_CST))
#define cpumask_clear_cpu(cpu, mask) \
	((void)__atomic_and_fetch(&(mask)->bits, ~(1UL << (cpu)), __ATOMIC_SEQ_CST))
#define cpumask_empty(mask)	(!__atomic_load_n(&(mask)->bits, __ATOMIC_SEQ_CST))

#define DECLARE_PER_CPU_SHARED_ALIGNED(type, name)	extern type name
#define per_cpu_ptr(p, cpu)	(&(p)[cpu])
/* Threads that share a CPU take turns. */
#define get_cpu_ptr(p)		(pthread_mutex_lock(&stub_cpus[stub_self.cpu]), this_cpu_ptr(p))
#define put_cpu_ptr(p)		((void)(p), pthread_mutex_unlock(&stub_cpus[stub_self.cpu]))
#define DEFINE_PER_CPU(type, name) type name[STUB_CPUS]
#define this_cpu_inc_return(x)	__atomic_add_fetch(&(x)[stub_self.cpu], 1, __ATOMIC_RELAXED)
#define nr_cpu_ids		STUB_CPUS
#define cpumask_available(mask)	((mask) != NULL)
#define cpumask_copy(to, from)	(*(to) = *(from))
#define cpumask_of(cpu)		(&(const struct cpumask) { 1UL << (cpu) })
#define raw_smp_processor_id()	(stub_self.cpu)
#define get_cpu()			raw_smp_processor_id()
#define put_cpu()			barrier()
#define smp_processor_id()	(stub_self.cpu)
#define zalloc_cpumask_var(mask, gfp) ((*(mask) = kzalloc(sizeof(**(mask)), gfp)) != NULL)
#define free_cpumask_var(mask)	kfree(mask)
#define local_irq_save(flags)	((flags) = 0)
#define local_irq_restore(flags) ((void)(flags))
#define usleep_range(min, max)	usleep(min)

/* log2.h, timekeeping.h */

#define ilog2(n)		(63 - __builtin_clzll(n))
u64 ktime_get_mono_fast_ns(void);
#define this_cpu_ptr(p)		(&(p)[stub_self.cpu])
#define this_cpu_read(x)	(x)

void on_each_cpu_cond_mask(bool (*cond)(int cpu, void *info), void (*func)(void *info),
			   void *info, bool wait, const struct cpumask *mask);

/* kref.h, xarray.h: only as members of structures. */
struct kref {
	int refs;
};

struct xarray {
	int unused;
};

/* moduleparam.h */
struct kernel_param {
	void *arg;
};

struct kernel_param_ops {
	int (*set)(const char *val, const struct kernel_param *kp);
	int (*get)(char *buffer, const struct kernel_param *kp);
};

#define param_get_uint		NULL
#define module_param_cb(name, ops, arg, perm)				\
	static const struct kernel_param_ops *const param_##name	\
	__attribute__((unused)) = ops
#define module_param(value, type, perm)	module_param_named(value, value, type, perm)
#define module_param_named(name, value, type, perm)			\
	static type *const param_##name __attribute__((unused)) = &(value)
#define uint			unsigned int
#define MODULE_PARM_DESC(name, text)					\
	static const char *const text_##name __attribute__((unused)) = text

static inline int param_set_uint_minmax(const char *val, const struct kernel_param *kp,
					unsigned int least, unsigned int most)
{
	(void)val, (void)kp, (void)least, (void)most;
	return -EINVAL;
}

/* jump_label.h: nothing is checked. */
struct static_key_false {
	int unused;
};

#define DECLARE_STATIC_KEY_FALSE(name)	extern struct static_key_false name
#define static_branch_unlikely(key)	false

/* tracepoint.h: nobody listens. */
#define TP_PROTO(args...)	args
#define TRACE_DEFINE_ENUM(x)
#define TRACE_EVENT(name, proto, rest...)				\
	static inline void trace_##name(proto) { }			\
	static inline bool trace_##name##_enabled(void) { return false; }
#define DECLARE_EVENT_CLASS(name, rest...)
#define DEFINE_EVENT(class, name, proto, rest...)			\
	TRACE_EVENT(name, PARAMS(proto))
#define PARAMS(args...)		args

#endif /* VMS_STUB_H */
