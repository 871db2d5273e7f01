/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is mapped, what it contains, and what the system holds for it: for the
 * tests of page sizes, ranges and cursors.
 */
#ifndef VMSPACE_MAPPINGS_H
#define VMSPACE_MAPPINGS_H

#include <dirent.h>
#include <pthread.h>
#include <sys/syscall.h>
#include "vmspace.h"

/* Whether the setup skipped the test: the harness of older kernels goes on all the same. */
#define vms_skipped(metadata)	((metadata)->skip)

#define M2	(512 * PAGE)
#define G1	(512 * M2)

/* --- what is mapped ------------------------------------------------------- */

/**
 * struct vms_text - mappings as text, such as "3*4K:rwu 2*2M:rwuAD 5*-"
 * @text:	what is complete; the 5 pages at the end of the example are a hole
 * @size:	of the last mappings, 0 for a hole
 * @prop:	of the last mappings
 * @n:		how many they are; of a hole, how many pages
 */
struct vms_text {
	char text[1024];
	__u64 size;
	unsigned int prop;
	__u64 n;
};

static inline void vms_text_flush(struct vms_text *t)
{
	static const char letters[] = "rwxuADS";
	size_t len = strlen(t->text);
	char prop[8], *p = prop;
	unsigned int i;

	if (!t->n)
		return;
	for (i = 0; letters[i]; i++)
		if (t->prop & (1 << i))
			*p++ = letters[i];
	*p = 0;
	snprintf(t->text + len, sizeof(t->text) - len, "%s%llu*%s%s%s", len ? " " : "", t->n,
		 t->size == PAGE ? "4K" : t->size == M2 ? "2M" : t->size == G1 ? "1G" :
		 t->size ? "?" : "-", t->size ? ":" : "", prop);
	t->n = 0;
}

static inline void vms_text_add(struct vms_text *t, __u64 size, unsigned int prop, __u64 n)
{
	if (t->size != size || t->prop != prop)
		vms_text_flush(t);
	t->size = size;
	t->prop = prop;
	t->n += n;
}

/* The largest pages that fit into a range, but none larger than @most. */
static inline void vms_text_pieces(struct vms_text *t, __u64 start, __u64 end, __u64 most,
				   unsigned int prop)
{
	while (start < end) {
		__u64 size = most;

		while (start % size || size > end - start)
			size /= 512;
		vms_text_add(t, size, prop, 1);
		start += size;
	}
}

/* What is mapped in a range, as the walk without a lock sees it. */
static inline void vms_describe(int fd, int space, __u64 start, __u64 end, struct vms_text *t)
{
	struct vmspace_op op;
	__u64 va, stop;

	*t = (struct vms_text) {};
	for (va = start; va < end; va = stop) {
		if (vms_translate(fd, space, va, &op) || op.query.start > va ||
		    op.query.end <= va) {
			vms_text_add(t, 1, 0, 1);
			break;
		}
		stop = op.query.end < end ? op.query.end : end;
		if (op.query.present)
			vms_text_add(t, op.query.end - op.query.start, op.query.prop, 1);
		else
			vms_text_add(t, 0, 0, (stop - va) / PAGE);
	}
	vms_text_flush(t);
}

/* Tables, the root too, where leaves of a level fill [start, end). */
static inline __u64 vms_tables_for(unsigned int levels, __u64 start, __u64 end,
				   unsigned int leaf_level)
{
	unsigned int level;
	__u64 n = 1;

	for (level = leaf_level; level < levels; level++) {
		unsigned int shift = 12 + 9 * level;

		n += ((end - 1) >> shift) - (start >> shift) + 1;
	}
	return n;
}

static inline long vms_count_tables(int fd, int space)
{
	struct vmspace_op op;
	int ret = vms_space_stat(fd, space, &op);

	return ret ? ret : (long)op.space_stat.tables;
}

static inline long vms_count_pages(int fd, int space)
{
	struct vmspace_op op;
	int ret = vms_space_stat(fd, space, &op);

	return ret ? ret : (long)op.space_stat.pages;
}

/* --- what it contains ----------------------------------------------------- */

/* Every page has two marks, in its first word and in its last. */
static inline __u64 vms_mark(__u64 seed, __u64 offset)
{
	return (seed + offset) * 0x9e3779b97f4a7c15ULL + 1;
}

static inline void vms_fill(void *at, __u64 bytes, __u64 seed)
{
	__u64 offset;

	for (offset = 0; offset < bytes; offset += PAGE) {
		volatile __u64 *page = (void *)((char *)at + offset);

		page[0] = vms_mark(seed, offset);
		page[511] = vms_mark(seed, offset + PAGE - 8);
	}
}

/*
 * How many of the pages in [va, va + len) are not, through the MMU of a CPU,
 * those that were filled with a seed, from an offset on; or a negative error
 * number.
 */
static inline long vms_wrong_pages(int fd, int space, unsigned int cpu, __u64 va, __u64 len,
				   __u64 seed, __u64 offset)
{
	const __u64 most = 64 * PAGE;
	int reader = vms_new_reader(fd, space, cpu, va, len);
	__u64 *data = malloc(most);
	__u64 done, i;
	long wrong = 0;

	if (reader < 0 || !data) {
		free(data);
		return reader < 0 ? reader : -ENOMEM;
	}
	for (done = 0; done < len && wrong >= 0; done += most) {
		__u64 n = len - done < most ? len - done : most;
		struct vmspace_op op;
		int ret = vms_read(fd, reader, data, n, &op);

		if (ret || op.io.outcome != VMSPACE_OUTCOME_OK) {
			wrong = ret ? ret : -EFAULT;
			break;
		}
		for (i = 0; i < n; i += PAGE) {
			const __u64 *page = data + i / 8;
			__u64 at = offset + done + i;

			wrong += page[0] != vms_mark(seed, at) ||
				 page[511] != vms_mark(seed, at + PAGE - 8);
		}
	}
	vms_drop_reader(fd, reader);
	free(data);
	return wrong;
}

/* --- what the system holds ------------------------------------------------ */

/**
 * struct vms_usage - what the system holds for spaces; -1: not known
 * @spaces:	directories in debugfs
 * @tables:	pages of page tables of others than processes
 * @pins:	pages of processes that are pinned
 * @free:	pages that are free
 */
struct vms_usage {
	long spaces;
	long tables;
	long pins;
	long free;
};

static inline long vms_vm_counter(const char *name)
{
	FILE *file = fopen("/proc/vmstat", "r");
	long value, found = -1;
	char word[64];

	if (!file)
		return -1;
	while (found < 0 && fscanf(file, "%63s %ld", word, &value) == 2)
		if (!strcmp(word, name))
			found = value;
	fclose(file);
	return found;
}

static inline int vms_write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int ret;

	if (fd < 0)
		return -errno;
	ret = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

static inline long vms_read_number(const char *path)
{
	FILE *file = fopen(path, "r");
	long value;

	if (!file)
		return -errno;
	if (fscanf(file, "%ld", &value) != 1)
		value = -EINVAL;
	fclose(file);
	return value;
}

static inline struct vms_usage vms_usage_now(void)
{
	DIR *dir = opendir("/sys/kernel/debug/vmspace");
	struct vms_usage u = { .spaces = dir ? 0 : -1 };
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		u.spaces += entry->d_name[0] != '.';
	if (dir)
		closedir(dir);
	/* Fold what each CPU counts for itself. */
	vms_write_text("/proc/sys/vm/stat_refresh", "1");
	u.tables = vms_vm_counter("nr_sec_page_table_pages");
	u.pins = vms_vm_counter("nr_foll_pin_acquired") - vms_vm_counter("nr_foll_pin_released");
	u.free = vms_vm_counter("nr_free_pages");
	return u;
}

/* Things go back a moment later; NULL, or what has not come back. */
static inline const char *vms_usage_not_back(const struct vms_usage *before, long slack)
{
	double end = vms_now() + VMS_LIMIT;
	static char text[200];
	struct vms_usage now;

	do {
		now = vms_usage_now();
		if (now.spaces == before->spaces && now.tables == before->tables &&
		    now.pins == before->pins && now.free >= before->free - slack)
			return NULL;
		usleep(10000);
	} while (vms_now() < end);
	snprintf(text, sizeof(text),
		 "spaces %ld, were %ld; tables %ld, were %ld; pins %ld, were %ld; free %ld, were %ld",
		 now.spaces, before->spaces, now.tables, before->tables, now.pins, before->pins,
		 now.free, before->free);
	return text;
}

/* Pages that CPUs keep for themselves, slabs, page cache; and no limit at all. */
#define VMS_SLACK	4096
#define VMS_ANY		(1L << 40)

/* What is there of the module that is not loaded, or NULL. */
static inline const char *vms_module_remains(void)
{
	static const struct {
		const char *path;
		const char *text;
	} places[] = {
		{ "/proc/modules", "vmspace " },
		{ "/proc/misc", " vmspace" },
		{ "/sys/devices/system/cpu/hotplug/states", "vmspace" },
		{ "/dev/vmspace", NULL },
		{ "/sys/module/vmspace", NULL },
		{ "/sys/class/misc/vmspace", NULL },
		{ "/sys/kernel/debug/vmspace", NULL },
	};
	unsigned int i;

	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		bool found = !places[i].text && !access(places[i].path, F_OK);
		FILE *file = places[i].text ? fopen(places[i].path, "r") : NULL;
		char line[256];

		while (file && fgets(line, sizeof(line), file))
			found |= !!strstr(line, places[i].text);
		if (file)
			fclose(file);
		if (found)
			return places[i].path;
	}
	return NULL;
}

/* --- threads that wait ---------------------------------------------------- */

/**
 * struct vms_opener - a thread that opens a cursor, and keeps it or drops it
 * @thread:	itself
 * @tid:	its number
 * @fd:		the file
 * @space:	the space
 * @start:	first address
 * @end:	first address after it
 * @opcode:	of the open
 * @flags:	of the open
 * @drop:	drop the cursor at once
 * @ranks:	how many were served before; may be NULL
 * @rank:	that number when it was served itself
 * @result:	what the open said
 * @over:	it has said it
 */
struct vms_opener {
	pthread_t thread;
	pid_t tid;
	int fd;
	int space;
	__u64 start;
	__u64 end;
	unsigned int opcode;
	unsigned int flags;
	bool drop;
	int *ranks;
	int rank;
	int result;
	int over;
};

static inline void *vms_opener_main(void *arg)
{
	struct vms_opener *o = arg;

	__atomic_store_n(&o->tid, syscall(SYS_gettid), __ATOMIC_RELEASE);
	o->result = vms_open_cursor_as(o->fd, o->opcode, o->space, o->start, o->end, o->flags);
	if (o->result > 0 && o->ranks)
		o->rank = __atomic_fetch_add(o->ranks, 1, __ATOMIC_RELAXED);
	if (o->result > 0 && o->drop)
		vms_drop_cursor(o->fd, o->result);
	__atomic_store_n(&o->over, 1, __ATOMIC_RELEASE);
	return NULL;
}

/* Whether a thread sleeps in a system call of a number. */
static inline bool vms_sleeps_in(pid_t pid, pid_t tid, long nr)
{
	char path[64], text[32] = {}, state = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", pid, tid);
	file = fopen(path, "r");
	if (!file)
		return false;
	if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
		state = 0;
	fclose(file);
	snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", pid, tid);
	file = fopen(path, "r");
	if (!file)
		return false;
	if (!fgets(text, sizeof(text), file))
		text[0] = 0;
	fclose(file);
	return state == 'S' && atoi(text) == nr;
}

/* Start it; whether it waits now. Only those that still hold nothing may wait. */
static inline bool vms_opener_start(struct vms_opener *o)
{
	double end = vms_now() + VMS_LIMIT;

	if (!o->opcode)
		o->opcode = VMSPACE_OP_OPEN_CURSOR_MUT;
	o->tid = 0;
	o->over = 0;
	o->rank = -1;
	if (pthread_create(&o->thread, NULL, vms_opener_main, o))
		return false;
	do {
		pid_t tid = __atomic_load_n(&o->tid, __ATOMIC_ACQUIRE);

		if (__atomic_load_n(&o->over, __ATOMIC_ACQUIRE))
			return false;
		/* Asked twice: it may sleep for a moment for other reasons. */
		if (tid && vms_sleeps_in(getpid(), tid, SYS_ioctl)) {
			usleep(20000);
			if (!__atomic_load_n(&o->over, __ATOMIC_ACQUIRE) &&
			    vms_sleeps_in(getpid(), tid, SYS_ioctl))
				return true;
		}
		vms_pause();
	} while (vms_now() < end);
	return false;
}

static inline bool vms_opener_is_over(const struct vms_opener *o)
{
	double end = vms_now() + VMS_LIMIT;

	while (!__atomic_load_n(&o->over, __ATOMIC_ACQUIRE)) {
		if (vms_now() > end)
			return false;
		vms_pause();
	}
	return true;
}

/* What the open said, or -ETIMEDOUT if it still waits. */
static inline int vms_opener_join(struct vms_opener *o)
{
	if (!vms_opener_is_over(o))
		return -ETIMEDOUT;
	pthread_join(o->thread, NULL);
	return o->result;
}

#endif /* VMSPACE_MAPPINGS_H */
