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

/**
 * struct vms_frame - a tracked frame: one with something to undo
 * @refs:	memory objects and leaves that use it
 * @page:	the page, of 4 KiB
 * @user:	who is charged for the pin, or NULL if it is not pinned
 * @writable:	it was pinned for writing, or is the module's own
 * @mapped_rw:	it was mapped writable at some time
 */
struct vms_frame {
	refcount_t refs;
	struct page *page;
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

/* Pinned memory counts against the caller's RLIMIT_MEMLOCK, as in io_uring. */
static int charge_pins(struct user_struct *user, unsigned long n)
{
	unsigned long limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	unsigned long old = atomic_long_read(&user->locked_vm);

	do {
		if (old + n > limit && !capable(CAP_IPC_LOCK))
			return -ENOMEM;
	} while (!atomic_long_try_cmpxchg(&user->locked_vm, &old, old + n));
	return 0;
}

static void uncharge_pins(struct user_struct *user, unsigned long n)
{
	atomic_long_sub(n, &user->locked_vm);
}

/* The last reference is gone, and with it every translation to the frame. */
static void frame_free(struct vms_frames *frames, struct vms_frame *f)
{
	/* An import may have put a new record of the same page in our place. */
	xa_cmpxchg(&frames->tracked, page_to_pfn(f->page), f, NULL, 0);
	if (f->user) {
		/*
		 * A stale writable translation can have been stored through
		 * until the last CPU acknowledged, after the D bit was read:
		 * what was ever writable is dirty.
		 */
		unpin_user_pages_dirty_lock(&f->page, 1, f->mapped_rw);
		uncharge_pins(f->user, 1);
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

/**
 * vms_frame_put - drop a leaf's reference to its frame
 * @frames:	the store's
 * @entry:	the leaf or held entry as it was
 *
 * Context: may sleep. No CPU can translate through the leaf any more (S86).
 */
void vms_frame_put(struct vms_frames *frames, u64 entry)
{
	if (entry & VMS_TRACKED)
		frame_put(frames, frame_of(frames, entry));
	else
		put_page(pfn_to_page(vms_entry_pfn(entry)));
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
	if (!f->writable)
		return false;
	WRITE_ONCE(f->mapped_rw, true);
	return true;
}

/*
 * Track @page. On success the reference (or pin) and the charge that the
 * caller holds belong to the frame; if it is tracked already, they are given
 * back, as the frame has its own.
 */
static int frame_track(struct vms_frames *frames, struct page *page, struct user_struct *user,
		       bool writable)
{
	struct vms_frame *f, *old;

	f = kmalloc(sizeof(*f), GFP_KERNEL_ACCOUNT);
	if (!f)
		return -ENOMEM;
	refcount_set(&f->refs, 1);
	f->page = page;
	f->user = user ? get_uid(user) : NULL;
	f->writable = writable;
	f->mapped_rw = false;

	xa_lock(&frames->tracked);
	old = xa_load(&frames->tracked, page_to_pfn(page));
	while (!old || !refcount_inc_not_zero(&old->refs)) {
		/* One whose last reference is gone is on its way out: replace it. */
		struct vms_frame *seen = __xa_cmpxchg(&frames->tracked, page_to_pfn(page), old, f,
						      GFP_KERNEL_ACCOUNT);

		if (xa_is_err(seen)) {
			xa_unlock(&frames->tracked);
			if (user)
				free_uid(user);
			kfree(f);
			return xa_err(seen);
		}
		if (seen == old) {
			old = NULL;
			break;
		}
		/* The lock was dropped to allocate, and someone was quicker. */
		old = seen;
	}
	if (old)
		old->writable |= writable;
	xa_unlock(&frames->tracked);

	if (old) {
		unpin_user_page(page);
		uncharge_pins(user, 1);
		free_uid(user);
		kfree(f);
	}
	return 0;
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
	ret = frame_track(frames, page, NULL, true);
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
	gfp_t gfp = GFP_USER | __GFP_ACCOUNT | __GFP_ZERO;
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
		gfp |= __GFP_COMP | __GFP_NOWARN | __GFP_RETRY_MAYFAIL;

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

	ret = charge_pins(user, count);
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
	/* From here on each tracked frame carries its pin and its charge. */
	while (mem->nr_frames < count) {
		ret = frame_track(frames, mem->pages[mem->nr_frames], user, writable);
		if (ret)
			goto unpin;
		mem->nr_frames++;
		cond_resched();
	}
	return mem;
unpin:
	unpin_user_pages(mem->pages + mem->nr_frames, pinned - mem->nr_frames);
	uncharge_pins(user, count - mem->nr_frames);
put:
	vms_object_put(&mem->obj);
	return ERR_PTR(ret);
}

static struct page *memory_page(const struct vms_memory *mem, u64 index)
{
	return mem->pages[index >> mem->order] + (index & ((1U << mem->order) - 1));
}

/**
 * vms_memory_get_leaf - a leaf for one page of a memory object
 * @mem:	the object
 * @index:	which of its 4 KiB pages, less than its size
 * @prop:	VMSPACE_PROP_*; writable only if the object is
 *
 * Return: a leaf or held entry, which comes with a reference to its frame.
 */
u64 vms_memory_get_leaf(struct vms_memory *mem, u64 index, u32 prop)
{
	struct page *page = memory_page(mem, index);
	u64 entry = page_to_phys(page) | vms_sme_mask() | vms_prop_bits(prop) |
		    vms_cache_bits(mem->cache);

	if (mem->tracked) {
		struct vms_frame *f = xa_load(&mem->frames->tracked, page_to_pfn(page));

		refcount_inc(&f->refs);
		if (prop & VMSPACE_PROP_WRITE)
			WRITE_ONCE(f->mapped_rw, true);
		return entry | VMS_TRACKED;
	}
	get_page(page);
	return entry;
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
