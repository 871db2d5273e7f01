/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Frames: memory objects, imported user memory, references.
 *
 * Every leaf holds a reference to the frame that it maps, from before it is
 * written until after every CPU that could still translate through it has
 * flushed.  For a plain frame that is a reference to its page.  A frame with
 * something to undo (pinned user memory, memory whose cache policy was
 * changed) is tracked: it has a struct vms_frame, found by its number, that
 * counts the references.
 */
#ifndef VMS_MEMORY_H
#define VMS_MEMORY_H

#include <linux/bits.h>
#include <linux/mm_types.h>
#include <linux/xarray.h>
#include "store.h"

struct user_struct;
struct vm_area_struct;

/* The offset of mmap(2), in pages, is the id of an object and an index into it. */
#define VMS_MMAP_SHIFT	18
#define VMS_MAX_FRAMES	BIT(VMS_MMAP_SHIFT)	/* 4 KiB pages in one object: 1 GiB */

/**
 * struct vms_frames - the tracked frames of one store
 * @ref:	the store, its spaces and memory objects
 * @tracked:	struct vms_frame, by frame number
 */
struct vms_frames {
	struct kref ref;
	struct xarray tracked;
};

/**
 * struct vms_memory - a memory object
 * @obj:	what it is in the store
 * @frames:	where its tracked frames are
 * @nr_pages:	its size in 4 KiB pages
 * @order:	binary logarithm of 4 KiB pages per frame
 * @nr_frames:	frames in @pages
 * @cache:	VMSPACE_CACHE_*
 * @tracked:	the frames are tracked
 * @writable:	mappings may be writable
 * @pages:	first page of each frame; the object holds a reference to each
 */
struct vms_memory {
	struct vms_object obj;
	struct vms_frames *frames;
	u64 nr_pages;
	unsigned int order;
	unsigned int nr_frames;
	u32 cache;
	bool tracked;
	bool writable;
	struct page **pages;
};

int vms_user_charge(struct user_struct *user, unsigned long n);
void vms_user_uncharge(struct user_struct *user, unsigned long n);

struct vms_frames *vms_frames_create(void);
struct vms_frames *vms_frames_get(struct vms_frames *frames);
void vms_frames_put(struct vms_frames *frames);
void vms_frame_put(struct vms_frames *frames, u64 entry);
void vms_frames_drop(struct vms_frames *frames, const u64 *entries, unsigned int nr);
bool vms_frame_writable(struct vms_frames *frames, u64 entry);

struct vms_memory *vms_memory_alloc(struct vms_frames *frames, u64 count, u64 frame_size,
				    u32 cache);
struct vms_memory *vms_memory_import(struct vms_frames *frames, u64 addr, u64 count,
				     bool writable);
u64 vms_memory_frame(const struct vms_memory *mem, u64 index);
void vms_memory_frames(const struct vms_memory *mem, u64 index, u64 *frames, unsigned int nr);
unsigned int vms_memory_leaf_level(const struct vms_memory *mem, u64 index);
u64 vms_memory_get_leaf(struct vms_memory *mem, u64 index, unsigned int level, u32 prop);
void vms_memory_get_leaves(struct vms_memory *mem, u64 index, u32 prop, u64 *slots,
			   unsigned int nr);
void vms_frame_get(struct vms_frames *frames, u64 entry, unsigned int nr);
int vms_memory_mmap(struct vms_memory *mem, struct vm_area_struct *vma);

#endif /* VMS_MEMORY_H */
