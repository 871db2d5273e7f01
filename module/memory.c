// SPDX-License-Identifier: GPL-2.0-only
/*
 * Frames: memory objects, imported user memory, references.
 */
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/user.h>
#include <linux/set_memory.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <asm/memtype.h>
#include "compat.h"
#include "entry.h"
#include "geometry.h"
#include "memory.h"
#include "mutation.h"

/**
 * struct vms_frame - a tracked frame: one with something to undo
 * @refs:	memory objects (once for each of its 4 KiB pages) and leaves
 * @page:	its first page
 * @order:	binary logarithm of its size in 4 KiB pages
 * @user:	who is charged for the pin, or NULL if it is not pinned
 * @writable:	it was pinned for writing, or is the module's own
 * @mapped_rw:	it was mapped writable at some time
 */
struct vms_frame {
	refcount_t refs;
	struct page *page;
	unsigned int order;
	struct user_struct *user;
	bool writable;
	bool mapped_rw;
};

/**
 * vms_frames_create - no tracked frames yet
 *
 * Return: for vms_frames_put(), or NULL.
 */
struct vms_frames *vms_frames_create(void)
{
	struct vms_frames *frames;

	frames = kmalloc(sizeof(*frames), GFP_KERNEL_ACCOUNT);
	if (frames) {
		kref_init(&frames->ref);
		xa_init(&frames->tracked);
	}
	return frames;
}

/**
 * vms_frames_get - one more user
 * @frames:	the frames
 */
struct vms_frames *vms_frames_get(struct vms_frames *frames)
{
	kref_get(&frames->ref);
	return frames;
}

static void frames_free(struct kref *ref)
{
	struct vms_frames *frames = container_of(ref, struct vms_frames, ref);

	/* Every reference to a tracked frame belonged to one of our users. */
	WARN_ON_ONCE(!xa_empty(&frames->tracked));
	xa_destroy(&frames->tracked);
	kfree(frames);
}

/**
 * vms_frames_put - one user less
 * @frames:	the frames
 */
void vms_frames_put(struct vms_frames *frames)
{
	kref_put(&frames->ref, frames_free);
}

/**
 * vms_user_charge - count memory that no memory cgroup is charged for, as io_uring does
 * @user:	the caller's
 * @n:		how much, in pages
 *
 * Return: 0, or -ENOMEM if the caller's RLIMIT_MEMLOCK is too low.
 */
int vms_user_charge(struct user_struct *user, unsigned long n)
{
	unsigned long limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	unsigned long old = atomic_long_read(&user->locked_vm);

	do {
		if (old + n > limit && !capable(CAP_IPC_LOCK))
			return -ENOMEM;
	} while (!atomic_long_try_cmpxchg(&user->locked_vm, &old, old + n));
	return 0;
}

/**
 * vms_user_uncharge - undo vms_user_charge()
 * @user:	whose
 * @n:		how much, in pages
 *
 * Context: any.
 */
void vms_user_uncharge(struct user_struct *user, unsigned long n)
{
	atomic_long_sub(n, &user->locked_vm);
}

static void frame_forget(struct vms_frames *frames, struct vms_frame *f)
{
	XA_STATE_ORDER(xas, &frames->tracked, page_to_pfn(f->page), f->order);

	xas_lock(&xas);
	xas_store(&xas, NULL);
	xas_unlock(&xas);
}

/* The last reference is gone, and with it every translation to the frame. */
static void frame_free(struct vms_frames *frames, struct vms_frame *f)
{
	frame_forget(frames, f);
	if (f->user) {
		/*
		 * A stale writable translation can have been stored through
		 * until the last CPU acknowledged, after the D bit was read:
		 * what was ever writable is dirty.
		 */
		unpin_user_page_range_dirty_lock(f->page, 1UL << f->order, f->mapped_rw);
		vms_user_uncharge(f->user, 1UL << f->order);
		free_uid(f->user);
	} else {
		/* One that stays uncached is lost to the allocator. */
		if (!WARN_ON_ONCE(set_memory_wb((unsigned long)page_address(f->page), 1)))
			put_page(f->page);
	}
	kfree(f);
}

static struct vms_frame *frame_of(struct vms_frames *frames, u64 entry)
{
	return xa_load(&frames->tracked, vms_entry_pfn(entry));
}

static void frame_put(struct vms_frames *frames, struct vms_frame *f)
{
	if (refcount_dec_and_test(&f->refs))
		frame_free(frames, f);
}

static __always_inline void entry_put(struct vms_frames *frames, u64 entry)
{
	if (unlikely(entry & VMS_TRACKED))
		frame_put(frames, frame_of(frames, entry));
	else
		put_page(pfn_to_page(vms_entry_pfn(entry)));
}

/**
 * vms_frame_put - drop a leaf's reference to its frame
 * @frames:	the store's
 * @entry:	the leaf or held entry as it was
 *
 * Context: may sleep. No CPU can translate through the leaf any more (S86).
 */
void vms_frame_put(struct vms_frames *frames, u64 entry)
{
	entry_put(frames, entry);
}

/**
 * vms_frames_drop - drop the references of many leaves
 * @frames:	the store's
 * @entries:	leaves and held entries as they were, with empty ones between them
 * @nr:		how many are not empty
 *
 * Context: as vms_frame_put().
 */
void vms_frames_drop(struct vms_frames *frames, const u64 *entries, unsigned int nr)
{
	for (; nr; entries++) {
		if (vms_entry_empty(*entries))
			continue;
		entry_put(frames, *entries);
		nr--;
	}
}

/**
 * vms_frame_writable - ask to map a frame writable
 * @frames:	the store's
 * @entry:	a leaf or held entry that maps it
 *
 * Return: whether that is allowed. If so, the frame counts as dirty from now.
 */
bool vms_frame_writable(struct vms_frames *frames, u64 entry)
{
	struct vms_frame *f;

	if (!(entry & VMS_TRACKED))
		return true;
	f = frame_of(frames, entry);
	if (!READ_ONCE(f->writable))
		return false;
	WRITE_ONCE(f->mapped_rw, true);
	return true;
}

/*
 * Enter a record for its pages. -EEXIST if one of them has a record already; it
 * may be on its way out, which does not take long.
 */
static int frame_insert(struct vms_frames *frames, struct vms_frame *f)
{
	unsigned long pfn = page_to_pfn(f->page);
	unsigned long last = pfn + (1UL << f->order) - 1;
	XA_STATE_ORDER(xas, &frames->tracked, pfn, f->order);
	bool taken;

	do {
		XA_STATE(look, &frames->tracked, pfn);

		xas_lock(&xas);
		taken = xas_find(&look, last);
		if (!taken)
			xas_store(&xas, f);
		xas_unlock(&xas);
	} while (xas_nomem(&xas, GFP_KERNEL_ACCOUNT));
	return taken ? -EEXIST : xas_error(&xas);
}

/* The record of a page, with a reference, if it is tracked. */
static struct vms_frame *frame_find(struct vms_frames *frames, struct page *page, bool writable)
{
	struct vms_frame *f;

	xa_lock(&frames->tracked);
	f = xa_load(&frames->tracked, page_to_pfn(page));
	if (f && !refcount_inc_not_zero(&f->refs))
		f = NULL;
	if (f)
		/* Looked at without the lock by vms_frame_writable(). */
		WRITE_ONCE(f->writable, f->writable | writable);
	xa_unlock(&frames->tracked);
	return f;
}

/*
 * Track 2^@order pages from @page on, with as many references. On success the
 * references (or pins) and the charge that the caller holds belong to the
 * frame. -EEXIST if one of them is tracked already.
 */
static int frame_track(struct vms_frames *frames, struct page *page, unsigned int order,
		       struct user_struct *user, bool writable)
{
	struct vms_frame *f;
	int ret;

	f = kmalloc(sizeof(*f), GFP_KERNEL_ACCOUNT);
	if (!f)
		return -ENOMEM;
	refcount_set(&f->refs, 1U << order);
	f->page = page;
	f->order = order;
	f->user = user ? get_uid(user) : NULL;
	f->writable = writable;
	f->mapped_rw = false;
	ret = frame_insert(frames, f);
	if (ret) {
		if (user)
			free_uid(user);
		kfree(f);
	}
	return ret;
}

static void memory_release(struct vms_object *obj)
{
	struct vms_memory *mem = container_of(obj, struct vms_memory, obj);
	unsigned int i;

	for (i = 0; i < mem->nr_frames; i++) {
		if (mem->tracked)
			frame_put(mem->frames, xa_load(&mem->frames->tracked,
						       page_to_pfn(mem->pages[i])));
		else
			put_page(mem->pages[i]);
		cond_resched();
	}
	kvfree(mem->pages);
	vms_frames_put(mem->frames);
	kfree_rcu(mem, obj.rcu);
}

static struct vms_memory *memory_new(struct vms_frames *frames, unsigned int nr_frames,
				     unsigned int order)
{
	struct vms_memory *mem;

	mem = kzalloc(sizeof(*mem), GFP_KERNEL_ACCOUNT);
	if (!mem)
		return NULL;
	mem->pages = kvcalloc(nr_frames, sizeof(*mem->pages), GFP_KERNEL_ACCOUNT);
	if (!mem->pages) {
		kfree(mem);
		return NULL;
	}
	vms_object_init(&mem->obj, VMS_MEMORY, memory_release, NULL);
	mem->frames = vms_frames_get(frames);
	mem->order = order;
	mem->nr_pages = (u64)nr_frames << order;
	return mem;
}

/* Change the cache policy of the kernel's own mapping, and track the frame. */
static int frame_set_cache(struct vms_frames *frames, struct page *page, u32 cache)
{
	unsigned long addr = (unsigned long)page_address(page);
	int ret;

	ret = cache == VMSPACE_CACHE_WC ? set_memory_wc(addr, 1) : set_memory_uc(addr, 1);
	if (ret)
		return ret;
	ret = frame_track(frames, page, 0, NULL, true);
	if (ret)
		set_memory_wb(addr, 1);
	return ret;
}

/**
 * vms_memory_alloc - make a memory object of zeroed frames
 * @frames:	the store's
 * @count:	number of frames
 * @frame_size:	4 KiB or 2 MiB
 * @cache:	VMSPACE_CACHE_*; other than write-back for 4 KiB frames only
 *
 * Context: may sleep, for long; a fatal signal ends it.
 *
 * Return: the object, or -EINVAL for a count, size or policy that cannot be,
 * -EOPNOTSUPP for a policy that this machine has not, -ENOMEM, -EINTR.
 */
struct vms_memory *vms_memory_alloc(struct vms_frames *frames, u64 count, u64 frame_size,
				    u32 cache)
{
	gfp_t gfp = GFP_USER | __GFP_ACCOUNT | __GFP_ZERO | __GFP_NOWARN | __GFP_RETRY_MAYFAIL;
	struct vms_memory *mem;
	unsigned int order;
	int ret = -ENOMEM;

	if (frame_size != SZ_4K && frame_size != SZ_2M)
		return ERR_PTR(-EINVAL);
	order = ilog2(frame_size) - VMS_PAGE_SHIFT;
	if (!count || count > VMS_MAX_FRAMES >> order)
		return ERR_PTR(-EINVAL);
	if (cache > VMSPACE_CACHE_UC || (cache != VMSPACE_CACHE_WB && order))
		return ERR_PTR(-EINVAL);
	if (cache == VMSPACE_CACHE_WC && !pat_enabled())
		return ERR_PTR(-EOPNOTSUPP);
	if (order)
		gfp |= __GFP_COMP;
	/* The caller's memory looks small to who chooses whom to kill: rather refuse. */
	if (count << order > si_mem_available())
		return ERR_PTR(-ENOMEM);

	mem = memory_new(frames, count, order);
	if (!mem)
		return ERR_PTR(-ENOMEM);
	mem->cache = cache;
	mem->tracked = cache != VMSPACE_CACHE_WB;
	mem->writable = true;

	while (mem->nr_frames < count) {
		struct page *page;

		ret = -EINTR;
		if (fatal_signal_pending(current))
			goto put;
		ret = -ENOMEM;
		page = alloc_pages(gfp, order);
		if (!page)
			goto put;
		if (mem->tracked) {
			ret = frame_set_cache(frames, page, cache);
			if (ret) {
				put_page(page);
				goto put;
			}
		}
		mem->pages[mem->nr_frames++] = page;
		cond_resched();
	}
	return mem;
put:
	vms_object_put(&mem->obj);
	return ERR_PTR(ret);
}

/* Whether the pages from @index on are one aligned piece of physical memory. */
static bool memory_contiguous(const struct vms_memory *mem, u64 index, unsigned int order)
{
	unsigned long pfn = page_to_pfn(mem->pages[index]), i;

	if (index + (1ULL << order) > mem->nr_pages || !IS_ALIGNED(pfn, 1UL << order))
		return false;
	for (i = 1; i < 1UL << order; i++)
		if (page_to_pfn(mem->pages[index + i]) != pfn + i)
			return false;
	return true;
}

/* The level of the largest leaf that could map what begins at @index. */
static unsigned int memory_level(const struct vms_memory *mem, u64 index)
{
	unsigned int level;

	for (level = VMS_MAX_LEAF_LEVEL; level > 1; level--)
		if (memory_contiguous(mem, index, vms_level_shift(level) - VMS_PAGE_SHIFT))
			break;
	return level;
}

/*
 * Track the next pinned page of an import, or as many as one large leaf could
 * map. Returns how many.
 */
static int import_track(struct vms_memory *mem, u64 count, struct user_struct *user)
{
	struct page *page = mem->pages[mem->nr_frames];
	unsigned int order;
	int ret;

	if (frame_find(mem->frames, page, mem->writable)) {
		/* Its record has a pin and a charge of its own. */
		unpin_user_page(page);
		vms_user_uncharge(user, 1);
		return 1;
	}
	order = vms_level_shift(memory_level(mem, mem->nr_frames)) - VMS_PAGE_SHIFT;
	ret = frame_track(mem->frames, page, order, user, mem->writable);
	if (ret == -EEXIST && order) {
		/* Some of its pages are tracked one by one: do likewise. */
		order = 0;
		ret = frame_track(mem->frames, page, order, user, mem->writable);
	}
	/* One on its way out is gone soon, one on its way in is found next. */
	if (ret == -EEXIST)
		return 0;
	return ret ? ret : 1 << order;
}

/**
 * vms_memory_import - make a memory object of the caller's own memory
 * @frames:	the store's
 * @addr:	where it is, page aligned
 * @count:	number of 4 KiB pages
 * @writable:	pin it for writing, so that mappings may be writable
 *
 * The pages stay pinned as long as the object exists or one of them is mapped,
 * and are charged to the caller's RLIMIT_MEMLOCK for as long.
 *
 * Context: may sleep.
 *
 * Return: the object, or -EINVAL for a misaligned address or a count that
 * cannot be, -EFAULT for memory that cannot be pinned, -ENOMEM, -EINTR.
 */
struct vms_memory *vms_memory_import(struct vms_frames *frames, u64 addr, u64 count,
				     bool writable)
{
	unsigned int gup = FOLL_LONGTERM | (writable ? FOLL_WRITE : 0);
	struct user_struct *user = current_user();
	struct vms_memory *mem;
	unsigned int pinned = 0;
	int ret;

	if (!vms_page_aligned(addr) || !count || count > VMS_MAX_FRAMES)
		return ERR_PTR(-EINVAL);
	if (!access_ok((void __user *)addr, count << PAGE_SHIFT))
		return ERR_PTR(-EFAULT);
	mem = memory_new(frames, count, 0);
	if (!mem)
		return ERR_PTR(-ENOMEM);
	mem->cache = VMSPACE_CACHE_WB;
	mem->tracked = true;
	mem->writable = writable;

	ret = vms_user_charge(user, count);
	if (ret)
		goto put;
	while (pinned < count) {
		ret = pin_user_pages_fast(addr + ((u64)pinned << PAGE_SHIFT),
					  min_t(u64, count - pinned, 512), gup,
					  mem->pages + pinned);
		if (ret <= 0) {
			ret = ret ? ret : -EFAULT;
			goto unpin;
		}
		pinned += ret;
		ret = -EINTR;
		if (fatal_signal_pending(current))
			goto unpin;
		cond_resched();
	}
	/* From here on each tracked frame carries its pins and their charge. */
	while (mem->nr_frames < count) {
		ret = import_track(mem, count, user);
		if (ret < 0)
			goto unpin;
		mem->nr_frames += ret;
		ret = -EINTR;
		if (fatal_signal_pending(current))
			goto unpin;
		cond_resched();
	}
	return mem;
unpin:
	unpin_user_pages(mem->pages + mem->nr_frames, pinned - mem->nr_frames);
	vms_user_uncharge(user, count - mem->nr_frames);
put:
	vms_object_put(&mem->obj);
	return ERR_PTR(ret);
}

static struct page *memory_page(const struct vms_memory *mem, u64 index)
{
	return mem->pages[index >> mem->order] + (index & ((1U << mem->order) - 1));
}

/**
 * vms_memory_frame - where a page of a memory object is
 * @mem:	the object
 * @index:	the page, less than its size
 *
 * Return: a physical address.
 */
u64 vms_memory_frame(const struct vms_memory *mem, u64 index)
{
	return page_to_phys(memory_page(mem, index));
}

/**
 * vms_memory_frames - where pages of a memory object are
 * @mem:	the object
 * @index:	the first page; as many as @nr from there are less than its size
 * @frames:	receives their physical addresses
 * @nr:		how many
 */
void vms_memory_frames(const struct vms_memory *mem, u64 index, u64 *frames, unsigned int nr)
{
	struct page *const *pages = mem->pages + index;
	unsigned int i;

	if (mem->order) {
		for (i = 0; i < nr; i++)
			frames[i] = vms_memory_frame(mem, index + i);
		return;
	}
#pragma GCC unroll 8
	for (i = 0; i < nr; i++)
		frames[i] = page_to_phys(pages[i]);
}

/**
 * vms_memory_leaf_level - how large a leaf can map a part of a memory object
 * @mem:	the object
 * @index:	its first 4 KiB page, less than its size
 *
 * Return: the level, 1 to 3.
 */
unsigned int vms_memory_leaf_level(const struct vms_memory *mem, u64 index)
{
	struct vms_frame *f;
	unsigned int level;

	if (!mem->tracked)
		return mem->order && IS_ALIGNED(index, 1U << mem->order) ? 2 : 1;
	f = xa_load(&mem->frames->tracked, page_to_pfn(mem->pages[index]));
	if (!f->order)
		return 1;
	/* One record must cover the leaf, and in the order of the object. */
	level = memory_level(mem, index);
	return min(level, 1 + f->order / VMS_INDEX_BITS);
}

/* What all leaves of an object with one property have in common. */
static u64 leaf_bits(const struct vms_memory *mem, u32 prop)
{
	if (vms_mutated(VMS_MUTATION_USER))
		prop ^= VMSPACE_PROP_USER;
	return vms_sme_mask() | vms_prop_bits(prop) | vms_cache_bits(mem->cache) |
	       (mem->tracked ? VMS_TRACKED : 0) |
	       (vms_mutated(VMS_MUTATION_HIGH_BIT) ? BIT_ULL(52) : 0);
}

static u64 leaf_get(struct vms_memory *mem, u64 index, u32 prop, u64 bits)
{
	struct page *page = memory_page(mem, index);
	u64 entry = page_to_phys(page) | bits;

	if (mem->tracked) {
		struct vms_frame *f = xa_load(&mem->frames->tracked, page_to_pfn(page));

		refcount_inc(&f->refs);
		if (prop & VMSPACE_PROP_WRITE)
			WRITE_ONCE(f->mapped_rw, true);
	} else {
		get_page(page);
	}
	VM_WARN_ON_ONCE(entry & VMS_MUST_BE_ZERO && !vms_mutated(VMS_MUTATION_HIGH_BIT));
	return entry;
}

/**
 * vms_memory_get_leaf - a leaf for a part of a memory object
 * @mem:	the object
 * @index:	its first 4 KiB page, less than the object's size
 * @level:	of the leaf, at most vms_memory_leaf_level()
 * @prop:	VMSPACE_PROP_*; writable only if the object is
 *
 * Return: a leaf or held entry, which comes with a reference to its frame.
 */
u64 vms_memory_get_leaf(struct vms_memory *mem, u64 index, unsigned int level, u32 prop)
{
	u64 entry = leaf_bits(mem, prop) | (level > 1 ? VMS_PS : 0);

	return leaf_get(mem, index, prop, entry);
}

/* Of frames that are small and have nothing to undo; as little as it takes. */
static void get_plain_leaves(struct page **pages, u64 bits, u64 *slots, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		struct page *page = pages[i];

		page_ref_inc(page);
		WRITE_ONCE(slots[i], page_to_phys(page) | bits);
	}
}

/**
 * vms_memory_get_leaves - 4 KiB leaves for a part of a memory object
 * @mem:	the object
 * @index:	its first page; as many as @nr from there are less than its size
 * @prop:	VMSPACE_PROP_*; writable only if the object is
 * @slots:	receives them, each in one write: they may be in use at once
 * @nr:		how many
 *
 * Each comes with a reference to its frame.
 */
void vms_memory_get_leaves(struct vms_memory *mem, u64 index, u32 prop, u64 *slots,
			   unsigned int nr)
{
	u64 bits = leaf_bits(mem, prop);
	unsigned int i;

	if (!mem->tracked && !mem->order) {
		get_plain_leaves(mem->pages + index, bits, slots, nr);
		return;
	}
	for (i = 0; i < nr; i++)
		WRITE_ONCE(slots[i], leaf_get(mem, index + i, prop, bits));
}

/**
 * vms_frame_get - more references to a frame that is mapped already
 * @frames:	the store's
 * @entry:	a leaf or held entry that maps it
 * @nr:		how many
 *
 * For the pieces of a leaf that is split.
 */
void vms_frame_get(struct vms_frames *frames, u64 entry, unsigned int nr)
{
	if (entry & VMS_TRACKED)
		refcount_add(nr, &frame_of(frames, entry)->refs);
	else
		folio_ref_add(page_folio(pfn_to_page(vms_entry_pfn(entry))), nr);
}

static void memory_vma_open(struct vm_area_struct *vma)
{
	struct vms_memory *mem = vma->vm_private_data;

	vms_object_get(&mem->obj);
}

static void memory_vma_close(struct vm_area_struct *vma)
{
	struct vms_memory *mem = vma->vm_private_data;

	vms_object_put(&mem->obj);
}

static vm_fault_t memory_vma_fault(struct vm_fault *vmf)
{
	struct vms_memory *mem = vmf->vma->vm_private_data;
	u64 index = vmf->pgoff & (VMS_MAX_FRAMES - 1);

	/* vms_memory_mmap() saw to it that the area ends with the object. */
	return vmf_insert_pfn(vmf->vma, vmf->address, page_to_pfn(memory_page(mem, index)));
}

static const struct vm_operations_struct memory_vm_ops = {
	.open = memory_vma_open,
	.close = memory_vma_close,
	.fault = memory_vma_fault,
};

/**
 * vms_memory_mmap - let a program look at a memory object
 * @mem:	the object; the area takes over the caller's reference on success
 * @vma:	a shared area; the low bits of its offset are an index into the object
 *
 * The area keeps the frames, the object's id may be dropped.
 *
 * Return: 0, or -EINVAL for a private area, one that goes past the object, or an
 * object of imported memory, which its owner has mapped already.
 */
int vms_memory_mmap(struct vms_memory *mem, struct vm_area_struct *vma)
{
	u64 index = vma->vm_pgoff & (VMS_MAX_FRAMES - 1);

	if (!(vma->vm_flags & VM_MAYSHARE) || index + vma_pages(vma) > mem->nr_pages)
		return -EINVAL;
	if (mem->tracked && mem->cache == VMSPACE_CACHE_WB)
		return -EINVAL;
	if (mem->cache == VMSPACE_CACHE_WC)
		vma->vm_page_prot = pgprot_writecombine(vma->vm_page_prot);
	else if (mem->cache == VMSPACE_CACHE_UC)
		vma->vm_page_prot = pgprot_noncached(vma->vm_page_prot);
	vm_flags_set(vma, VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_ops = &memory_vm_ops;
	vma->vm_private_data = mem;
	return 0;
}
