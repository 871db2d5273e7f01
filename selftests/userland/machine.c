// SPDX-License-Identifier: GPL-2.0-only
/*
 * A machine to run on.
 *
 * The simulated CPUs are as unhelpful as real ones may be: they keep every
 * translation as long as they can, cache the upper levels as well, drop of the
 * latter with one INVLPG only what leads to that address, and walk without a
 * regard for locks or RCU.  An interrupt waits for the instruction that runs.
 */
#include "audit.h"
#include "machine.h"

struct zone zones[ZONES];
struct cpu cpus[STUB_CPUS];

/* The bits of an entry, as the manual has them. */
#define PTE_P	0x001ULL
#define PTE_W	0x002ULL
#define PTE_A	0x020ULL
#define PTE_D	0x040ULL
#define PTE_PS	0x080ULL
#define PTE_PA	0x000ffffffffff000ULL

void machine_init(unsigned int nr_4k, unsigned int nr_2m, unsigned int nr_1g)
{
	const unsigned int nr[ZONES] = { 0, nr_4k, nr_2m, nr_1g };
	unsigned int level, cpu;

	for (level = 1; level < ZONES; level++) {
		zones[level].nr = nr[level];
		zones[level].frames = aligned_alloc(64, (nr[level] + 1) * sizeof(struct frame));
		FATAL_IF(!zones[level].frames);
		memset(zones[level].frames, 0, (nr[level] + 1) * sizeof(struct frame));
	}
	for (cpu = 0; cpu < STUB_CPUS; cpu++)
		pthread_mutex_init(&cpus[cpu].lock, NULL);
	FATAL_IF(vms_table_init());
}

/* Everything must have gone back. */
void machine_exit(void)
{
	unsigned int level, i;

	for (level = 1; level < ZONES; level++) {
		for (i = 0; i < zones[level].nr; i++)
			FATAL_IF(zones[level].frames[i].refs);
		free(zones[level].frames);
		zones[level].frames = NULL;
	}
	/* The callbacks of callbacks. */
	stub_rcu_barrier();
	vms_table_exit();
	FATAL_IF(stub_allocations());
	FATAL_IF(stub_accounted_pages());
}

static unsigned int level_at(u64 pa)
{
	return (pa >> ZONE_SHIFT) & 3;
}

static unsigned int shift_at(u64 pa)
{
	return 12 + 9 * (level_at(pa) - 1);
}

struct frame *frame_at(u64 pa)
{
	unsigned int level = level_at(pa);
	u64 index = (pa & (BIT_ULL(ZONE_SHIFT) - 1)) >> shift_at(pa);

	FATAL_IF(!level || index >= zones[level].nr);
	return &zones[level].frames[index];
}

static void frame_ref(struct frame *frame, int nr)
{
	__atomic_add_fetch(&frame->refs, nr, __ATOMIC_RELAXED);
}

/* The last reference is gone: no CPU may be able to reach the frame. */
static void frame_release(struct frame *frame, u64 pa)
{
	unsigned int cpu, i;

	frame->released++;
	for (cpu = 0; cpu < STUB_CPUS; cpu++) {
		pthread_mutex_lock(&cpus[cpu].lock);
		for (i = 0; i < TLB_SIZE; i++) {
			const struct translation *t = &cpus[cpu].tlb[i];

			FATAL_IF(t->size && frame_at(t->entry & PTE_PA) == frame_at(pa));
		}
		pthread_mutex_unlock(&cpus[cpu].lock);
	}
}

static void frame_unref(u64 pa)
{
	struct frame *frame = frame_at(pa);
	int left = __atomic_sub_fetch(&frame->refs, 1, __ATOMIC_ACQ_REL);

	FATAL_IF(left < 0);
	if (!left)
		frame_release(frame, pa);
}

/* What memory.c is for. */

struct object *object_create(unsigned int level, const unsigned int *frames, unsigned int nr,
			     bool writable, u32 cache)
{
	struct object *object = calloc(1, sizeof(*object));
	unsigned int i;

	FATAL_IF(!object);
	object->level = level;
	object->frame = calloc(nr, sizeof(*object->frame));
	FATAL_IF(!object->frame);
	object->mem.order = (level - 1) * VMS_INDEX_BITS;
	object->mem.nr_frames = nr;
	object->mem.nr_pages = (u64)nr << object->mem.order;
	object->mem.writable = writable;
	object->mem.cache = cache;
	object->mem.tracked = !writable || cache || level == 3;
	for (i = 0; i < nr; i++) {
		struct frame *frame = &zones[level].frames[frames[i]];

		object->frame[i] = frames[i];
		if (!frame->refs)
			frame->writable = writable;
		frame_ref(frame, 1);
	}
	return object;
}

void object_destroy(struct object *object)
{
	unsigned int i;

	for (i = 0; i < object->mem.nr_frames; i++)
		frame_unref(object_pa(object, (u64)i << object->mem.order));
	free(object->frame);
	free(object);
}

u64 object_pa(const struct object *object, u64 index)
{
	unsigned int shift = 12 + object->mem.order;

	return ZONE_BASE(object->level) +
	       ((u64)object->frame[index >> object->mem.order] << shift) +
	       ((index << 12) & ((1ULL << shift) - 1));
}

static struct object *object_of(const struct vms_memory *mem)
{
	return container_of(mem, struct object, mem);
}

u64 vms_memory_frame(const struct vms_memory *mem, u64 index)
{
	return object_pa(object_of(mem), index);
}

unsigned int vms_memory_leaf_level(const struct vms_memory *mem, u64 index)
{
	unsigned int level = 1 + mem->order / VMS_INDEX_BITS;

	FATAL_IF(index >= mem->nr_pages);
	while (level > 1 && (index & ((1ULL << (9 * (level - 1))) - 1)))
		level--;
	return level;
}

static u64 leaf_get(struct vms_memory *mem, u64 index, unsigned int level, u32 prop)
{
	u64 pa = object_pa(object_of(mem), index);

	FATAL_IF(index + (1ULL << (9 * (level - 1))) > mem->nr_pages);
	frame_ref(frame_at(pa), 1);
	return pa | vms_prop_bits(prop) | vms_cache_bits(mem->cache) |
	       (level > 1 ? VMS_PS : 0) | (mem->tracked ? VMS_TRACKED : 0);
}

u64 vms_memory_get_leaf(struct vms_memory *mem, u64 index, unsigned int level, u32 prop)
{
	FATAL_IF(level > vms_memory_leaf_level(mem, index));
	return leaf_get(mem, index, level, prop);
}

void vms_memory_get_leaves(struct vms_memory *mem, u64 index, u32 prop, u64 *slots,
			   unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		WRITE_ONCE(slots[i], leaf_get(mem, index + i, 1, prop));
}

void vms_frame_get(struct vms_frames *frames, u64 entry, unsigned int nr)
{
	struct frame *frame = frame_at(entry & PTE_PA);

	(void)frames;
	FATAL_IF(!__atomic_load_n(&frame->refs, __ATOMIC_RELAXED));
	frame_ref(frame, nr);
}

void vms_frame_put(struct vms_frames *frames, u64 entry)
{
#ifndef STUB_BARE
	struct frame *frame = frame_at(entry & PTE_PA);

	if (entry & PTE_D)
		__atomic_store_n(&frame->dirty, true, __ATOMIC_RELAXED);
	if (entry & PTE_A)
		__atomic_store_n(&frame->accessed, true, __ATOMIC_RELAXED);
#endif
	(void)frames;
	frame_unref(entry & PTE_PA);
}

void vms_frames_drop(struct vms_frames *frames, const u64 *entries, unsigned int nr)
{
	for (; nr; entries++) {
		if (!*entries)
			continue;
		vms_frame_put(frames, *entries);
		nr--;
	}
}

bool vms_frame_writable(struct vms_frames *frames, u64 entry)
{
	(void)frames;
	return frame_at(entry & PTE_PA)->writable;
}

/* What audit.c is for: no space here is held against the specification. */

u64 vms_audit_now(struct vms_space *space)
{
	(void)space;
	FATAL_IF(true);
	return 0;
}

void vms_audit_probe(struct vms_space *space, const u64 *va, unsigned int nr, struct vms_ack *ack)
{
	(void)space, (void)va, (void)nr, (void)ack;
	FATAL_IF(true);
}

/* What store.c and space.c are for. */

void vms_object_init(struct vms_object *obj, enum vms_kind kind,
		     void (*release)(struct vms_object *obj),
		     int (*close)(struct vms_object *obj))
{
	obj->kind = kind;
	obj->release = release;
	obj->close = close;
}

int vms_space_use(struct vms_space *space)
{
	__atomic_add_fetch(&space->counters[stub_self.cpu].users, 1, __ATOMIC_RELAXED);
	return 0;
}

void vms_space_unuse(struct vms_space *space)
{
	__atomic_sub_fetch(&space->counters[stub_self.cpu].users, 1, __ATOMIC_RELAXED);
}

struct vms_space *space_create(unsigned int levels, unsigned int leaf_level)
{
	struct vms_space *space = calloc(1, sizeof(*space));

	FATAL_IF(!space);
	space->counters = calloc(STUB_CPUS, sizeof(*space->counters));
	space->mmu.inside = calloc(1, sizeof(*space->mmu.inside));
	FATAL_IF(!space->counters || !space->mmu.inside);
	FATAL_IF(vms_pt_init(&space->pt, levels, leaf_level));
	space->mmu.root = space->pt.root->table;
	vms_quarantine_init(&space->quarantine);
	return space;
}

static void release_leaf(u64 entry, unsigned int level, void *arg)
{
	(void)level;
	(void)arg;
	vms_frame_put(NULL, entry);
}

void space_destroy(struct vms_space *space)
{
	unsigned int cpu;
	long users = 0;

	for (cpu = 0; cpu < STUB_CPUS; cpu++) {
		users += space->counters[cpu].users;
		if (cpus[cpu].space == space)
			cpu_leave(cpu, space);
	}
	FATAL_IF(users);
	FATAL_IF(atomic64_read(&space->deferred) != space->quarantine.pages);
	vms_quarantine_release(space);
	vms_pt_destroy(&space->pt, release_leaf, NULL);
	free(space->counters);
	free(space->mmu.inside);
	free(space);
}

void cursor_drop(struct vms_cursor *c)
{
	FATAL_IF(c->obj.close(&c->obj));
	c->obj.release(&c->obj);
}

/* What mmu.c and the CPUs are for. */

static void tlb_flush(struct cpu *c)
{
	memset(c->tlb, 0, sizeof(c->tlb));
	memset(c->structures, 0, sizeof(c->structures));
}

void cpu_enter(unsigned int cpu, struct vms_space *space)
{
	cpumask_set_cpu(cpu, space->mmu.inside);
	/* As vms_mmu_enter() does. */
	smp_mb();
	pthread_mutex_lock(&cpus[cpu].lock);
	cpus[cpu].space = space;
	pthread_mutex_unlock(&cpus[cpu].lock);
}

void cpu_leave(unsigned int cpu, struct vms_space *space)
{
	pthread_mutex_lock(&cpus[cpu].lock);
	tlb_flush(&cpus[cpu]);
	cpus[cpu].space = NULL;
	pthread_mutex_unlock(&cpus[cpu].lock);
	cpumask_clear_cpu(cpu, space->mmu.inside);
}

bool vms_mmu_entered(const struct vms_mmu *mmu)
{
	const struct vms_space *space = cpus[stub_self.cpu].space;

	return space && &space->mmu == mmu;
}

void vms_mmu_flush_page(u64 va)
{
	struct cpu *c = &cpus[stub_self.cpu];
	unsigned int i;

	for (i = 0; i < TLB_SIZE; i++)
		if (va - c->tlb[i].va < c->tlb[i].size)
			c->tlb[i].size = 0;
	for (i = 0; i < STRUCTURES; i++)
		if (va - c->structures[i].va < c->structures[i].size)
			c->structures[i].size = 0;
}

void vms_mmu_flush_all(const struct vms_mmu *mmu)
{
	(void)mmu;
	tlb_flush(&cpus[stub_self.cpu]);
}

void on_each_cpu_cond_mask(bool (*cond)(int cpu, void *info), void (*func)(void *info),
			   void *info, bool wait, const struct cpumask *mask)
{
	int cpu, self = stub_self.cpu;

	(void)wait;
	stub_may_sleep();
	for (cpu = 0; cpu < STUB_CPUS; cpu++) {
		if (!cpumask_test_cpu(cpu, mask) || !cond(cpu, info))
			continue;
		pthread_mutex_lock(&cpus[cpu].lock);
		stub_self.cpu = cpu;
		func(info);
		stub_self.cpu = self;
		pthread_mutex_unlock(&cpus[cpu].lock);
	}
}

static struct translation *tlb_find(struct cpu *c, u64 va)
{
	unsigned int i;

	for (i = 0; i < TLB_SIZE; i++)
		if (va - c->tlb[i].va < c->tlb[i].size)
			return &c->tlb[i];
	return NULL;
}

static void tlb_fill(struct cpu *c, u64 va, u64 size, u64 entry)
{
	c->tlb[c->next++ % TLB_SIZE] = (struct translation) {
		.va = va & ~(size - 1), .size = size, .entry = entry,
	};
}

/* Where a walk can start: the lowest table that is cached, or the root. */
static u64 *walk_from(struct cpu *c, u64 va, unsigned int *level)
{
	u64 *table = c->space->mmu.root;
	unsigned int i;

	*level = c->space->pt.levels;
	for (i = 0; i < STRUCTURES; i++) {
		const struct structure *s = &c->structures[i];

		if (va - s->va < s->size && s->level < *level) {
			*level = s->level;
			table = s->table;
		}
	}
	return table;
}

static void structure_fill(struct cpu *c, u64 va, u64 size, unsigned int level, u64 *table)
{
	c->structures[c->next_structure++ % STRUCTURES] = (struct structure) {
		.va = va & ~(size - 1), .size = size, .level = level, .table = table,
	};
}

/* Walk, set A and D, and cache what was found. The entry; NULL: it faults. */
static u64 *walk(struct cpu *c, u64 va, bool store)
{
	unsigned int level;
	u64 *table = walk_from(c, va, &level);

	for (;;) {
		u64 size = 1ULL << (12 + 9 * (level - 1));
		u64 *slot = &table[(va / size) % 512];
		u64 new, e = __atomic_load_n(slot, __ATOMIC_ACQUIRE);

		if (!(e & PTE_P))
			return NULL;
		if (level > 1 && !(e & PTE_PS)) {
			table = (u64 *)(unsigned long)(e & PTE_PA);
			level--;
			structure_fill(c, va, size, level, table);
			continue;
		}
		if (store && !(e & PTE_W))
			return NULL;
		new = e | PTE_A | (store ? PTE_D : 0);
		if (!__atomic_compare_exchange_n(slot, &e, new, false, __ATOMIC_ACQ_REL,
						 __ATOMIC_RELAXED))
			continue;
		tlb_fill(c, va, size, new);
		return slot;
	}
}

/*
 * One load or store by a supervisor. A translation that is cached is used,
 * unless it does not allow the access or D is to be set: then it is dropped
 * and the tables are walked.
 */
void cpu_access(unsigned int cpu, u64 va, bool store, struct access *access)
{
	const u64 need = PTE_P | (store ? PTE_W | PTE_D : 0);
	struct cpu *c = &cpus[cpu];
	struct translation *t;

	*access = (struct access) { 0 };
	pthread_mutex_lock(&c->lock);
	t = tlb_find(c, va);
	if (t && (t->entry & need) != need) {
		t->size = 0;
		t = NULL;
	}
	if (!t) {
		access->slot = walk(c, va, store);
		access->fault = !access->slot;
		t = access->fault ? NULL : tlb_find(c, va);
	}
	if (t) {
		access->pa = (t->entry & PTE_PA & ~(t->size - 1)) + (va & (t->size - 1));
		/* Stale or not, the memory must not be someone else's. */
		FATAL_IF(!__atomic_load_n(&frame_at(access->pa)->refs, __ATOMIC_RELAXED));
	}
	pthread_mutex_unlock(&c->lock);
}

/* As an operation does. */
struct vms_cursor *space_open_cursor(struct vms_space *space, u64 start, u64 end,
				     unsigned int level, bool mutable, bool nonblock)
{
	struct vms_cursor *c;

	FATAL_IF(vms_space_use(space));
	c = vms_cursor_open(space, start, end, level, mutable, nonblock);
	if (IS_ERR(c))
		vms_space_unuse(space);
	return c;
}
