/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests share: a call for each operation.
 *
 * All calls return the operation's result, 0 or a negative error number;
 * those that make an object return its id, which is positive.
 */
#ifndef VMSPACE_SELFTEST_H
#define VMSPACE_SELFTEST_H

#include <errno.h>
#include <fcntl.h>
#include <linux/vmspace.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PAGE	4096ULL
#define RW	(VMSPACE_PROP_READ | VMSPACE_PROP_WRITE | VMSPACE_PROP_USER)
#define RO	(VMSPACE_PROP_READ | VMSPACE_PROP_USER)
#define RX	(RO | VMSPACE_PROP_EXEC)

/* What an access found. */
enum { LOADED, FAULTED };

static inline int vms_open(void)
{
	return open("/dev/vmspace", O_RDWR | O_CLOEXEC);
}

/* Where to load the module from again. */
static inline const char *vms_module_path(void)
{
	const char *path = getenv("VMSPACE_MODULE");

	return path ? path : "/lib/modules/vmspace.ko";
}

/* As modprobe does: NAME.PARAMETER=VALUE in the kernel's command line. */
static inline void vms_module_parameters(char *text, size_t size)
{
	FILE *file = fopen("/proc/cmdline", "r");
	char line[4096] = "", *rest = line, *word;
	size_t len = 0;

	*text = 0;
	if (!file)
		return;
	if (!fgets(line, sizeof(line), file))
		*line = 0;
	fclose(file);
	while ((word = strsep(&rest, "\n ")))
		if (!strncmp(word, "vmspace.", 8) && len < size)
			len += snprintf(text + len, size - len, "%s ", word + 8);
}

static inline int vms_load_module(void)
{
	int fd = open(vms_module_path(), O_RDONLY | O_CLOEXEC);
	char parameters[256];
	int ret;

	if (fd < 0)
		return -errno;
	vms_module_parameters(parameters, sizeof(parameters));
	ret = syscall(SYS_finit_module, fd, parameters, 0) ? -errno : 0;
	close(fd);
	return ret;
}

static inline int vms_unload_module(void)
{
	return syscall(SYS_delete_module, "vmspace", O_NONBLOCK) ? -errno : 0;
}

/* The call itself: 0, or a negative error number of the ioctl. */
static inline int vms_step(int fd, struct vmspace_op *ops, unsigned int count,
			   unsigned int flags, struct vmspace_step *step)
{
	*step = (struct vmspace_step) {
		.size = sizeof(*step),
		.flags = flags,
		.ops = (uintptr_t)ops,
		.count = count,
	};
	return ioctl(fd, VMSPACE_STEP, step) ? -errno : 0;
}

/* One operation: its result. */
static inline int vms_op(int fd, struct vmspace_op *op)
{
	struct vmspace_step step;
	int ret = vms_step(fd, op, 1, 0, &step);

	return ret ? ret : op->result;
}

static inline int vms_info(int fd, struct vmspace_info *info)
{
	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	return ioctl(fd, VMSPACE_INFO, info) ? -errno : 0;
}

/* LAB, CHECKED, STRICT or none of them. */
static inline int vms_new_space_as(int fd, unsigned int flags)
{
	struct vmspace_op op = { .opcode = VMSPACE_OP_NEW_SPACE, .flags = flags };
	int ret = vms_op(fd, &op);

	return ret ? ret : (int)op.new_space.new_id;
}

static inline int vms_new_space(int fd)
{
	return vms_new_space_as(fd, 0);
}

/* Operations on an object that take no arguments. */
static inline int vms_plain(int fd, unsigned int opcode, int id)
{
	struct vmspace_op op = { .opcode = opcode, .id = id };

	return vms_op(fd, &op);
}

static inline int vms_drop_space(int fd, int id)
{
	return vms_plain(fd, VMSPACE_OP_DROP_SPACE, id);
}

static inline int vms_drop_memory(int fd, int id)
{
	return vms_plain(fd, VMSPACE_OP_DROP_MEMORY, id);
}

static inline int vms_drop_cursor(int fd, int id)
{
	return vms_plain(fd, VMSPACE_OP_DROP_CURSOR, id);
}

static inline int vms_drop_reader(int fd, int id)
{
	return vms_plain(fd, VMSPACE_OP_DROP_READER, id);
}

static inline int vms_drop_writer(int fd, int id)
{
	return vms_plain(fd, VMSPACE_OP_DROP_WRITER, id);
}

/* @offset may be NULL; it receives the offset for mmap(2). */
static inline int vms_new_memory_of(int fd, __u64 count, __u64 frame_size,
				    unsigned int cache, __u64 *offset)
{
	struct vmspace_op op = {
		.opcode = VMSPACE_OP_NEW_MEMORY,
		.new_memory = { .count = count, .frame_size = frame_size, .cache = cache },
	};
	int ret = vms_op(fd, &op);

	if (offset)
		*offset = op.new_memory.mmap_offset;
	return ret ? ret : (int)op.new_memory.new_id;
}

static inline int vms_new_memory(int fd, __u64 count)
{
	return vms_new_memory_of(fd, count, PAGE, VMSPACE_CACHE_WB, NULL);
}

static inline int vms_import(int fd, void *addr, __u64 count, unsigned int flags)
{
	struct vmspace_op op = {
		.opcode = VMSPACE_OP_IMPORT,
		.flags = flags,
		.import = { .addr = (uintptr_t)addr, .count = count },
	};
	int ret = vms_op(fd, &op);

	return ret ? ret : (int)op.import.new_id;
}

static inline int vms_open_cursor_as(int fd, unsigned int opcode, int space, __u64 start,
				     __u64 end, unsigned int flags)
{
	struct vmspace_op op = {
		.opcode = opcode,
		.flags = flags,
		.id = space,
		.open = { .start = start, .end = end },
	};
	int ret = vms_op(fd, &op);

	return ret ? ret : (int)op.open.new_id;
}

static inline int vms_open_cursor(int fd, int space, __u64 start, __u64 end)
{
	return vms_open_cursor_as(fd, VMSPACE_OP_OPEN_CURSOR, space, start, end, 0);
}

static inline int vms_open_cursor_mut(int fd, int space, __u64 start, __u64 end)
{
	return vms_open_cursor_as(fd, VMSPACE_OP_OPEN_CURSOR_MUT, space, start, end, 0);
}

static inline int vms_jump(int fd, int cursor, __u64 va)
{
	struct vmspace_op op = { .opcode = VMSPACE_OP_JUMP, .id = cursor, .pos.va = va };

	return vms_op(fd, &op);
}

static inline int vms_virt_addr(int fd, int cursor, __u64 *va)
{
	struct vmspace_op op = { .opcode = VMSPACE_OP_VIRT_ADDR, .id = cursor };
	int ret = vms_op(fd, &op);

	*va = op.pos.va;
	return ret;
}

/* The whole operation comes back in @op, for those with several results. */
static inline int vms_query(int fd, int cursor, struct vmspace_op *op)
{
	*op = (struct vmspace_op) { .opcode = VMSPACE_OP_QUERY, .id = cursor };
	return vms_op(fd, op);
}

static inline int vms_translate(int fd, int space, __u64 va, struct vmspace_op *op)
{
	*op = (struct vmspace_op) {
		.opcode = VMSPACE_OP_TRANSLATE,
		.id = space,
		.query.va = va,
	};
	return vms_op(fd, op);
}

static inline int vms_find_next(int fd, int cursor, __u64 len, struct vmspace_op *op)
{
	*op = (struct vmspace_op) {
		.opcode = VMSPACE_OP_FIND_NEXT,
		.id = cursor,
		.find.len = len,
	};
	return vms_op(fd, op);
}

static inline int vms_map_range(int fd, int cursor, int memory, __u64 index, uint32_t count,
				unsigned int prop, unsigned int flags)
{
	struct vmspace_op op = {
		.opcode = VMSPACE_OP_MAP,
		.flags = flags,
		.id = cursor,
		.map = { .memory = memory, .index = index, .prop = prop, .count = count },
	};

	return vms_op(fd, &op);
}

static inline int vms_map_as(int fd, int cursor, int memory, __u64 index, unsigned int prop,
			     unsigned int flags)
{
	return vms_map_range(fd, cursor, memory, index, 1, prop, flags);
}

static inline int vms_map(int fd, int cursor, int memory, __u64 index, unsigned int prop)
{
	return vms_map_as(fd, cursor, memory, index, prop, 0);
}

static inline int vms_unmap(int fd, int cursor, __u64 len, unsigned int flags,
			    struct vmspace_op *op)
{
	*op = (struct vmspace_op) {
		.opcode = VMSPACE_OP_UNMAP,
		.flags = flags,
		.id = cursor,
		.unmap.len = len,
	};
	return vms_op(fd, op);
}

static inline int vms_protect_next(int fd, int cursor, __u64 len, unsigned int clear,
				   unsigned int set, unsigned int flags, struct vmspace_op *op)
{
	*op = (struct vmspace_op) {
		.opcode = VMSPACE_OP_PROTECT_NEXT,
		.flags = flags,
		.id = cursor,
		.protect = { .len = len, .clear = clear, .set = set },
	};
	return vms_op(fd, op);
}

static inline int vms_protect(int fd, int cursor, __u64 len, unsigned int clear,
			      unsigned int set, unsigned int flags, struct vmspace_op *op)
{
	*op = (struct vmspace_op) {
		.opcode = VMSPACE_OP_PROTECT,
		.flags = flags,
		.id = cursor,
		.protect_range = { .len = len, .clear = clear, .set = set },
	};
	return vms_op(fd, op);
}

static inline int vms_enumerate(int fd, int cursor, struct vmspace_mapping *mappings,
				__u64 count, unsigned int clear, unsigned int flags,
				struct vmspace_op *op)
{
	*op = (struct vmspace_op) {
		.opcode = VMSPACE_OP_ENUMERATE,
		.flags = flags,
		.id = cursor,
		.enumerate = {
			.addr = (uintptr_t)mappings,
			.count = count,
			.clear = clear,
		},
	};
	return vms_op(fd, op);
}

static inline int vms_flush_sync(int fd, int cursor, struct vmspace_op *op)
{
	*op = (struct vmspace_op) { .opcode = VMSPACE_OP_FLUSH_SYNC, .id = cursor };
	return vms_op(fd, op);
}

static inline int vms_activate(int fd, int space, unsigned int cpu, unsigned int flags)
{
	struct vmspace_op op = {
		.opcode = VMSPACE_OP_ACTIVATE,
		.flags = flags,
		.id = space,
		.activate.cpu = cpu,
	};

	return vms_op(fd, &op);
}

static inline int vms_deactivate(int fd, int space, unsigned int cpu)
{
	struct vmspace_op op = {
		.opcode = VMSPACE_OP_DEACTIVATE,
		.id = space,
		.activate.cpu = cpu,
	};

	return vms_op(fd, &op);
}

/* LOADED or FAULTED, or a negative error number. */
static inline int vms_load_width(int fd, int space, unsigned int cpu, __u64 va,
				 unsigned int width, __u64 *value)
{
	struct vmspace_op op = {
		.opcode = VMSPACE_OP_ACCESS,
		.id = space,
		.access = { .va = va, .cpu = cpu, .width = width },
	};
	int ret = vms_op(fd, &op);

	*value = op.access.value;
	return ret ? ret : op.access.outcome == VMSPACE_OUTCOME_OK ? LOADED : FAULTED;
}

static inline int vms_load(int fd, int space, unsigned int cpu, __u64 va, __u64 *value)
{
	return vms_load_width(fd, space, cpu, va, 8, value);
}

static inline int vms_store_width(int fd, int space, unsigned int cpu, __u64 va,
				  unsigned int width, __u64 value)
{
	struct vmspace_op op = {
		.opcode = VMSPACE_OP_ACCESS,
		.flags = VMSPACE_STORE,
		.id = space,
		.access = { .va = va, .cpu = cpu, .width = width, .value = value },
	};
	int ret = vms_op(fd, &op);

	return ret ? ret : op.access.outcome == VMSPACE_OUTCOME_OK ? LOADED : FAULTED;
}

static inline int vms_store(int fd, int space, unsigned int cpu, __u64 va, __u64 value)
{
	return vms_store_width(fd, space, cpu, va, 8, value);
}

static inline int vms_new_io(int fd, unsigned int opcode, int space, unsigned int cpu,
			     __u64 va, __u64 len)
{
	struct vmspace_op op = {
		.opcode = opcode,
		.id = space,
		.new_io = { .cpu = cpu, .va = va, .len = len },
	};
	int ret = vms_op(fd, &op);

	return ret ? ret : (int)op.new_io.new_id;
}

static inline int vms_new_reader(int fd, int space, unsigned int cpu, __u64 va, __u64 len)
{
	return vms_new_io(fd, VMSPACE_OP_NEW_READER, space, cpu, va, len);
}

static inline int vms_new_writer(int fd, int space, unsigned int cpu, __u64 va, __u64 len)
{
	return vms_new_io(fd, VMSPACE_OP_NEW_WRITER, space, cpu, va, len);
}

static inline int vms_read(int fd, int reader, void *to, __u64 len, struct vmspace_op *op)
{
	*op = (struct vmspace_op) {
		.opcode = VMSPACE_OP_READ,
		.id = reader,
		.io = { .addr = (uintptr_t)to, .len = len },
	};
	return vms_op(fd, op);
}

static inline int vms_write(int fd, int writer, const void *from, __u64 len,
			    struct vmspace_op *op)
{
	*op = (struct vmspace_op) {
		.opcode = VMSPACE_OP_WRITE,
		.id = writer,
		.io = { .addr = (uintptr_t)from, .len = len },
	};
	return vms_op(fd, op);
}

static inline int vms_space_stat(int fd, int space, struct vmspace_op *op)
{
	*op = (struct vmspace_op) { .opcode = VMSPACE_OP_SPACE_STAT, .id = space };
	return vms_op(fd, op);
}

static inline int vms_cpu_stat(int fd, int space, unsigned int cpu, struct vmspace_op *op)
{
	*op = (struct vmspace_op) {
		.opcode = VMSPACE_OP_CPU_STAT,
		.id = space,
		.cpu_stat.cpu = cpu,
	};
	return vms_op(fd, op);
}

static inline int vms_new_lab(int fd)
{
	return vms_new_space_as(fd, VMSPACE_LAB);
}

/* The programs come back with their results; @op tells how many were done. */
static inline int vms_run(int fd, int space, struct vmspace_program *programs,
			  unsigned int count, unsigned int timeout_us, struct vmspace_op *op)
{
	*op = (struct vmspace_op) {
		.opcode = VMSPACE_OP_RUN,
		.id = space,
		.run = {
			.addr = (uintptr_t)programs,
			.count = count,
			.timeout_us = timeout_us,
		},
	};
	return vms_op(fd, op);
}

static inline int vms_set_targets(int fd, int cursor, const void *mask, __u64 len)
{
	struct vmspace_op op = {
		.opcode = VMSPACE_OP_SET_TARGETS,
		.id = cursor,
		.targets = { .addr = (uintptr_t)mask, .len = len },
	};

	return vms_op(fd, &op);
}

static inline int vms_shootdown_stat(int fd, int space, unsigned int cpu, struct vmspace_op *op)
{
	*op = (struct vmspace_op) {
		.opcode = VMSPACE_OP_SHOOTDOWN_STAT,
		.id = space,
		.shootdown_stat.cpu = cpu,
	};
	return vms_op(fd, op);
}

static inline int vms_histogram(int fd, int space, unsigned int cpu, unsigned int time,
				__u64 *buckets, __u64 count, struct vmspace_op *op)
{
	*op = (struct vmspace_op) {
		.opcode = VMSPACE_OP_HISTOGRAM,
		.id = space,
		.histogram = {
			.cpu = cpu,
			.time = time,
			.addr = (uintptr_t)buckets,
			.count = count,
		},
	};
	return vms_op(fd, op);
}

/*
 * Makes a space active on every CPU that is online: how many these are, their
 * numbers in @cpus, which has room for VMS_CPUS.
 */
#define VMS_CPUS	64

static inline int vms_activate_all(int fd, int space, unsigned int flags, unsigned int *cpus)
{
	struct vmspace_info info;
	unsigned int cpu;
	int nr = 0, ret;

	ret = vms_info(fd, &info);
	if (ret)
		return ret;
	for (cpu = 0; cpu < info.nr_cpus && nr < VMS_CPUS; cpu++) {
		ret = vms_activate(fd, space, cpu, flags);
		if (!ret)
			cpus[nr++] = cpu;
		else if (ret != -ENODEV)
			return ret;
	}
	return nr;
}

/* Looks at a memory object: its pages from @offset on, or MAP_FAILED. */
static inline void *vms_view(int fd, __u64 offset, __u64 count)
{
	return mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
}

/*
 * For waits, which all have an end: seconds since some moment, and a short
 * sleep that lets others run.
 */
#define VMS_LIMIT	20

static inline double vms_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static inline void vms_pause(void)
{
	usleep(1000);
}

/*
 * The bytes of a space's tables, as debugfs shows them: every entry that is
 * not empty.  The caller frees the text; NULL if it cannot be read.
 */
static inline char *vms_table_bytes(int fd, int space)
{
	struct vmspace_op op;
	char path[80], *text = NULL;
	size_t len = 0;
	FILE *file;

	if (vms_space_stat(fd, space, &op))
		return NULL;
	snprintf(path, sizeof(path), "/sys/kernel/debug/vmspace/%u/entries",
		 op.space_stat.number);
	file = fopen(path, "r");
	if (!file)
		return NULL;
	if (getdelim(&text, &len, 0, file) < 0) {
		/* Nothing is mapped. */
		free(text);
		text = strdup("");
	}
	fclose(file);
	return text;
}

#endif /* VMSPACE_SELFTEST_H */
