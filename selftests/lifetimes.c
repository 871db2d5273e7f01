// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who keeps what alive, and for how long: objects, frames, files, processes,
 * CPUs.
 *
 * The contract: an object lives until it is dropped or the last descriptor of
 * its file is gone; a frame as long as someone maps it or may translate to it;
 * and whatever ends, and however, everything that it held comes back.
 */
#include "kselftest_harness.h"
#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include "mappings.h"

#define BASE	0x5555557f0000ULL	/* 16 pages below the end of a table */
#define PAGES	64
#define TAG	0xfeed000000000000ULL

/* --- what is in use ------------------------------------------------------- */

/**
 * struct usage - what the system holds on behalf of the module; -1: not known
 * @spaces:	directories in debugfs
 * @tables:	pages of page tables of others than processes
 * @pins:	pages of processes that are pinned
 * @free:	pages that are free
 */
struct usage {
	long spaces;
	long tables;
	long pins;
	long free;
};

/* Free pages, with those in the lists that CPUs keep for themselves. */
static long free_pages(void)
{
	FILE *file = fopen("/proc/zoneinfo", "r");
	long value, pages = 0;
	char line[256];

	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, " pages free %ld", &value) == 1 ||
		    sscanf(line, " count: %ld", &value) == 1)
			pages += value;
	fclose(file);
	return pages;
}

static long count_spaces(void)
{
	DIR *dir = opendir("/sys/kernel/debug/vmspace");
	struct dirent *entry;
	long n = 0;

	if (!dir)
		return -1;
	while ((entry = readdir(dir)))
		n += entry->d_name[0] != '.';
	closedir(dir);
	return n;
}

static struct usage usage_now(void)
{
	struct usage u;

	/* Fold what each CPU counts for itself. */
	vms_write_text("/proc/sys/vm/stat_refresh", "1");
	u.spaces = count_spaces();
	u.tables = vms_vm_counter("nr_sec_page_table_pages");
	u.pins = vms_vm_counter("nr_foll_pin_acquired") - vms_vm_counter("nr_foll_pin_released");
	u.free = free_pages();
	return u;
}

static bool usage_is_back(const struct usage *before, struct usage *now)
{
	double end = vms_now() + VMS_LIMIT;

	do {
		*now = usage_now();
		if (now->spaces == before->spaces && now->tables == before->tables &&
		    now->pins == before->pins)
			return true;
		usleep(10000);
	} while (vms_now() < end);
	return false;
}

/* Others use memory as well. */
#define SLACK	2048

static bool free_is_back(const struct usage *before, struct usage *now)
{
	double end = vms_now() + VMS_LIMIT;

	do {
		*now = usage_now();
		if (now->free > before->free - SLACK)
			return true;
		usleep(10000);
	} while (vms_now() < end);
	return false;
}

/* --- other processes, CPUs ------------------------------------------------ */

/* Whether a thread is blocked in an ioctl(2). */
static bool blocked_in_ioctl(pid_t pid, pid_t tid)
{
	double end = vms_now() + VMS_LIMIT;
	char path[64], text[32];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", pid, tid);
	do {
		text[0] = 0;
		file = fopen(path, "r");
		if (file) {
			if (!fgets(text, sizeof(text), file))
				text[0] = 0;
			fclose(file);
		}
		/* Else it says "running". */
		if (atoi(text) == SYS_ioctl)
			return true;
		vms_pause();
	} while (vms_now() < end);
	return false;
}

static void *map_shared(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* Wait for @word to become at least @value. */
static bool wait_for(atomic_int *word, int value)
{
	double end = vms_now() + VMS_LIMIT;

	while (atomic_load(word) < value) {
		if (vms_now() > end)
			return false;
		vms_pause();
	}
	return true;
}

static int set_online(unsigned int cpu, bool online)
{
	char path[64];
	int ret, tries;

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/online", cpu);
	for (tries = 0; tries < 100; tries++) {
		ret = vms_write_text(path, online ? "1" : "0");
		if (ret != -EBUSY)
			break;
		usleep(10000);
	}
	return ret;
}

/* The last CPU that can be taken away; 0 if there is none. */
static unsigned int removable_cpu(const struct vmspace_info *info)
{
	unsigned int cpu;
	char path[64];

	for (cpu = info->nr_cpus - 1; cpu > 0; cpu--) {
		snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/online", cpu);
		if (!access(path, W_OK))
			break;
	}
	return cpu;
}

/* --- the fixture ---------------------------------------------------------- */

FIXTURE(lifetimes)
{
	int fd;
	struct vmspace_info info;
	struct usage before;
	unsigned int cpus[VMS_CPUS];
	int nr_cpus;
};

FIXTURE_SETUP(lifetimes)
{
	self->before = usage_now();
	self->fd = vms_open();
	if (self->fd < 0)
		SKIP(return, "no /dev/vmspace: %s", strerror(errno));
	ASSERT_EQ(0, vms_info(self->fd, &self->info));
}

FIXTURE_TEARDOWN(lifetimes)
{
	struct usage now;
	unsigned int cpu;

	close(self->fd);
	for (cpu = 1; cpu < self->info.nr_cpus; cpu++)
		set_online(cpu, true);
	EXPECT_TRUE(usage_is_back(&self->before, &now)) {
		TH_LOG("spaces %ld, were %ld; table pages %ld, were %ld; pins %ld, were %ld",
		       now.spaces, self->before.spaces, now.tables, self->before.tables,
		       now.pins, self->before.pins);
	}
}

/* Map @count pages of a memory object from @va on; the first error. */
static int map_pages(int fd, int space, __u64 va, int memory, __u64 count,
		     unsigned int prop)
{
	int cursor = vms_open_cursor_mut(fd, space, va, va + count * PAGE);
	__u64 i;
	int ret = 0;

	if (cursor < 0)
		return cursor;
	for (i = 0; i < count && !ret; i++)
		ret = vms_map(fd, cursor, memory, i, prop);
	return vms_drop_cursor(fd, cursor) ?: ret;
}

static int unmap_pages(int fd, int space, __u64 va, __u64 count)
{
	int cursor = vms_open_cursor_mut(fd, space, va, va + count * PAGE);
	struct vmspace_op op;
	int ret;

	if (cursor < 0)
		return cursor;
	ret = vms_unmap(fd, cursor, count * PAGE, 0, &op);
	return vms_drop_cursor(fd, cursor) ?: ret;
}

/* --- frames --------------------------------------------------------------- */

TEST_F(lifetimes, frame__outlives_its_memory_object)
{
	int space = vms_new_space(self->fd);
	__u64 offset, value, i;
	__u64 *view;
	int memory;

	ASSERT_GT(space, 0);
	self->nr_cpus = vms_activate_all(self->fd, space, 0, self->cpus);
	ASSERT_GT(self->nr_cpus, 0);
	memory = vms_new_memory_of(self->fd, PAGES, PAGE, VMSPACE_CACHE_WB, &offset);
	ASSERT_GT(memory, 0);
	view = vms_view(self->fd, offset, PAGES);
	ASSERT_NE(MAP_FAILED, view);
	for (i = 0; i < PAGES; i++)
		view[i * PAGE / 8] = TAG + i;
	munmap(view, PAGES * PAGE);
	ASSERT_EQ(0, map_pages(self->fd, space, BASE, memory, PAGES, RW));
	ASSERT_EQ(0, vms_drop_memory(self->fd, memory));

	for (i = 0; i < PAGES; i++) {
		unsigned int cpu = self->cpus[i % self->nr_cpus];

		ASSERT_EQ(LOADED, vms_load(self->fd, space, cpu, BASE + i * PAGE, &value));
		ASSERT_EQ(TAG + i, value);
		ASSERT_EQ(LOADED, vms_store(self->fd, space, cpu, BASE + i * PAGE, ~i));
		ASSERT_EQ(LOADED, vms_load(self->fd, space, self->cpus[0], BASE + i * PAGE,
					   &value));
		ASSERT_EQ(~i, value);
	}
	ASSERT_EQ(0, unmap_pages(self->fd, space, BASE, PAGES));
	for (i = 0; i < PAGES; i++)
		ASSERT_EQ(FAULTED, vms_load(self->fd, space, self->cpus[i % self->nr_cpus],
					    BASE + i * PAGE, &value));
}

TEST_F(lifetimes, frame__comes_back_with_its_last_mapping)
{
	const __u64 count = 16384;
	struct usage before, now;
	int space, memory;

	space = vms_new_space(self->fd);
	ASSERT_GT(space, 0);
	before = usage_now();
	memory = vms_new_memory(self->fd, count);
	ASSERT_GT(memory, 0);
	ASSERT_EQ(0, map_pages(self->fd, space, BASE, memory, count, RW));
	ASSERT_EQ(0, vms_drop_memory(self->fd, memory));
	now = usage_now();
	EXPECT_LT(now.free, before.free - (long)count + SLACK);
	/* Half of them, then the rest. */
	ASSERT_EQ(0, unmap_pages(self->fd, space, BASE, count / 2));
	now = usage_now();
	EXPECT_LT(now.free, before.free - (long)count / 2 + SLACK);
	ASSERT_EQ(0, unmap_pages(self->fd, space, BASE, count));
	EXPECT_TRUE(free_is_back(&before, &now))
		TH_LOG("%ld pages free, were %ld", now.free, before.free);
}

TEST_F(lifetimes, frame__comes_back_when_the_space_is_dropped)
{
	const __u64 count = 16384;
	struct usage before, now;
	int space, memory;

	before = usage_now();
	space = vms_new_space(self->fd);
	ASSERT_GT(space, 0);
	memory = vms_new_memory(self->fd, count);
	ASSERT_GT(memory, 0);
	ASSERT_EQ(0, map_pages(self->fd, space, BASE, memory, count, RW));
	ASSERT_EQ(0, vms_drop_memory(self->fd, memory));
	now = usage_now();
	EXPECT_LT(now.free, before.free - (long)count + SLACK);
	ASSERT_EQ(0, vms_drop_space(self->fd, space));
	EXPECT_TRUE(free_is_back(&before, &now))
		TH_LOG("%ld pages free, were %ld", now.free, before.free);
}

TEST_F(lifetimes, imported__munmapped_by_its_owner_while_mapped)
{
	int space = vms_new_space(self->fd);
	struct usage now;
	__u64 value, i;
	__u64 *own;
	int memory;

	ASSERT_GT(space, 0);
	self->nr_cpus = vms_activate_all(self->fd, space, 0, self->cpus);
	ASSERT_GT(self->nr_cpus, 0);
	own = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, own);
	for (i = 0; i < PAGES; i++)
		own[i * PAGE / 8] = TAG + i;
	memory = vms_import(self->fd, own, PAGES, VMSPACE_WRITABLE);
	ASSERT_GT(memory, 0);
	ASSERT_EQ(0, map_pages(self->fd, space, BASE, memory, PAGES, RW));
	ASSERT_EQ(0, munmap(own, PAGES * PAGE));
	ASSERT_EQ(0, vms_drop_memory(self->fd, memory));
	now = usage_now();
	EXPECT_EQ(self->before.pins + PAGES, now.pins);

	for (i = 0; i < PAGES; i++) {
		unsigned int cpu = self->cpus[i % self->nr_cpus];

		ASSERT_EQ(LOADED, vms_load(self->fd, space, cpu, BASE + i * PAGE, &value));
		ASSERT_EQ(TAG + i, value);
		ASSERT_EQ(LOADED, vms_store(self->fd, space, cpu, BASE + i * PAGE, ~i));
		ASSERT_EQ(LOADED, vms_load(self->fd, space, cpu, BASE + i * PAGE, &value));
		ASSERT_EQ(~i, value);
	}
	ASSERT_EQ(0, unmap_pages(self->fd, space, BASE, PAGES));
	EXPECT_EQ(FAULTED, vms_load(self->fd, space, self->cpus[0], BASE, &value));
	now = usage_now();
	EXPECT_EQ(self->before.pins, now.pins);
}

/* Runs as somebody who may not lock more than the limit says. */
static int import_up_to_the_limit(int fd, int space)
{
	__u64 limit = 4;
	struct rlimit rlimit = { limit * PAGE, limit * PAGE };
	int memory, again, round;
	char *own;

	if (setrlimit(RLIMIT_MEMLOCK, &rlimit) || setresuid(65534, 65534, 65534))
		return 1;
	own = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (own == MAP_FAILED)
		return 2;
	for (round = 0; round < 10; round++) {
		if (vms_import(fd, own, limit + 1, 0) != -ENOMEM)
			return 3;
		memory = vms_import(fd, own, limit, VMSPACE_WRITABLE);
		if (memory < 0)
			return 4;
		if (vms_import(fd, own + limit * PAGE, 1, 0) != -ENOMEM)
			return 5;
		if (map_pages(fd, space, BASE, memory, limit, RW))
			return 6;
		/* Mapped, it stays pinned and charged. */
		if (vms_drop_memory(fd, memory))
			return 7;
		if (vms_import(fd, own + limit * PAGE, 1, 0) != -ENOMEM)
			return 8;
		if (unmap_pages(fd, space, BASE, 1))
			return 9;
		again = vms_import(fd, own + limit * PAGE, 1, 0);
		if (again < 0)
			return 10;
		if (unmap_pages(fd, space, BASE, limit) || vms_drop_memory(fd, again))
			return 11;
	}
	return 0;
}

TEST_F(lifetimes, imported__charge_returns_to_zero)
{
	int space = vms_new_space(self->fd);
	int status;
	pid_t pid;

	ASSERT_GT(space, 0);
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid)
		_exit(import_up_to_the_limit(self->fd, space));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFEXITED(status));
	EXPECT_EQ(0, WEXITSTATUS(status));
}

/* --- files ---------------------------------------------------------------- */

/* Everything that a file can hold, of every kind. */
static int open_everything(int fd, unsigned int flags)
{
	unsigned int cpus[VMS_CPUS];
	struct vmspace_op op;
	int i, n, ret;

	for (i = 0; i < 3; i++) {
		__u64 value, own_size = 8 * PAGE;
		int space = vms_new_space(fd);
		int memory, imported, special, cursor;
		void *own;

		if (space < 0)
			return space;
		n = vms_activate_all(fd, space, flags, cpus);
		if (n <= 0)
			return -EINVAL;
		memory = vms_new_memory(fd, PAGES);
		special = vms_new_memory_of(fd, 4, PAGE, VMSPACE_CACHE_UC, NULL);
		own = mmap(NULL, own_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);
		imported = vms_import(fd, own, 8, VMSPACE_WRITABLE);
		if (memory < 0 || special < 0 || imported < 0)
			return -EINVAL;
		ret = map_pages(fd, space, BASE, memory, PAGES, RW) ?:
		      map_pages(fd, space, 0, imported, 8, RW);
		if (ret)
			return ret;
		/* Hole, but the CPUs have looked everywhere. */
		for (n--; n >= 0; n--)
			if (vms_load(fd, space, cpus[n], BASE, &value) != LOADED ||
			    vms_store(fd, space, cpus[n], 0, value) != LOADED)
				return -EINVAL;
		if (vms_new_reader(fd, space, cpus[0], BASE, PAGE) < 0 ||
		    vms_new_writer(fd, space, cpus[0], 0, PAGE) < 0)
			return -EINVAL;
		/* A different kind of cursor each time. */
		cursor = vms_open_cursor_as(fd, i % 2 ? VMSPACE_OP_OPEN_CURSOR :
					    VMSPACE_OP_OPEN_CURSOR_MUT, space, BASE,
					    BASE + PAGES * PAGE, 0);
		if (cursor < 0)
			return cursor;
		if (i % 2)
			continue;
		ret = vms_unmap(fd, cursor, PAGES / 2 * PAGE, VMSPACE_DEFER, &op) ?:
		      vms_map_as(fd, cursor, memory, 0, RO,
				 VMSPACE_REPLACE | VMSPACE_DEFER) ?:
		      vms_protect_next(fd, cursor, PAGE, VMSPACE_PROP_WRITE, 0, VMSPACE_DEFER,
				       &op);
		if (ret)
			return ret;
	}
	return 0;
}

TEST_F(lifetimes, close__with_everything_open)
{
	struct usage now;
	int i;

	for (i = 0; i < 4; i++) {
		int fd = vms_open();

		ASSERT_GE(fd, 0);
		ASSERT_EQ(0, open_everything(fd, i % 2 ? VMSPACE_RESIDENT : 0));
		ASSERT_EQ(0, close(fd));
	}
	EXPECT_TRUE(usage_is_back(&self->before, &now));
}

TEST_F(lifetimes, close__by_exit_with_everything_open)
{
	struct usage now;
	int status;
	pid_t pid;

	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		int fd = vms_open();

		_exit(fd < 0 || open_everything(fd, VMSPACE_RESIDENT));
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	EXPECT_TRUE(usage_is_back(&self->before, &now));
}

TEST_F(lifetimes, fork__child_uses_and_closes_parent_goes_on)
{
	int space = vms_new_space(self->fd);
	__u64 value;
	int memory, status;
	pid_t pid;

	ASSERT_GT(space, 0);
	self->nr_cpus = vms_activate_all(self->fd, space, 0, self->cpus);
	ASSERT_GT(self->nr_cpus, 0);
	memory = vms_new_memory(self->fd, PAGES);
	ASSERT_GT(memory, 0);
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		if (map_pages(self->fd, space, BASE, memory, PAGES, RW))
			_exit(1);
		if (vms_store(self->fd, space, self->cpus[0], BASE, TAG) != LOADED)
			_exit(2);
		if (close(self->fd))
			_exit(3);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	ASSERT_EQ(LOADED, vms_load(self->fd, space, self->cpus[0], BASE, &value));
	EXPECT_EQ(TAG, value);
	EXPECT_EQ(0, unmap_pages(self->fd, space, BASE, PAGES));
	EXPECT_EQ(0, vms_drop_space(self->fd, space));
}

TEST_F(lifetimes, fork__child_goes_on_after_the_parent_closed)
{
	int space = vms_new_space(self->fd);
	int to_child[2], status;
	struct usage now;
	__u64 value;
	pid_t pid;
	char c;

	ASSERT_GT(space, 0);
	self->nr_cpus = vms_activate_all(self->fd, space, VMSPACE_RESIDENT, self->cpus);
	ASSERT_GT(self->nr_cpus, 0);
	ASSERT_EQ(0, pipe(to_child));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		int memory;

		/* Goes on when the parent has closed its side, and the device. */
		close(to_child[1]);
		if (read(to_child[0], &c, 1))
			_exit(1);
		memory = vms_new_memory(self->fd, PAGES);
		if (memory < 0 || map_pages(self->fd, space, BASE, memory, PAGES, RW))
			_exit(2);
		if (vms_load(self->fd, space, self->cpus[0], BASE, &value) != LOADED || value)
			_exit(3);
		_exit(0);
	}
	ASSERT_EQ(0, close(self->fd));
	close(to_child[0]);
	close(to_child[1]);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_TRUE(usage_is_back(&self->before, &now));
	self->fd = vms_open();
}

TEST_F(lifetimes, dup__is_the_same_store)
{
	int space = vms_new_space(self->fd);
	int other = dup(self->fd);

	ASSERT_GT(space, 0);
	ASSERT_GE(other, 0);
	ASSERT_EQ(0, close(self->fd));
	EXPECT_EQ(0, vms_drop_space(other, space));
	EXPECT_EQ(-ENOENT, vms_drop_space(other, space));
	self->fd = other;
}

TEST_F(lifetimes, ids__mean_nothing_in_another_file)
{
	int space = vms_new_space(self->fd);
	int other = vms_open();

	ASSERT_GT(space, 0);
	ASSERT_GE(other, 0);
	EXPECT_EQ(-ENOENT, vms_drop_space(other, space));
	EXPECT_EQ(-ENOENT, vms_open_cursor(other, space, BASE, BASE + PAGE));
	EXPECT_EQ(0, close(other));
	EXPECT_EQ(0, vms_drop_space(self->fd, space));
}

static int send_fd(int socket, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = {};
	struct iovec iov = { .iov_base = "x", .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
	return sendmsg(socket, &msg, 0) == 1 ? 0 : -1;
}

static int receive_fd(int socket)
{
	char control[CMSG_SPACE(sizeof(int))], byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg;
	int fd = -1;

	if (recvmsg(socket, &msg, 0) != 1)
		return -1;
	cmsg = CMSG_FIRSTHDR(&msg);
	if (cmsg && cmsg->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(cmsg), sizeof(int));
	return fd;
}

/* Gets a file that another process opened, with a space and a memory object. */
static int use_received(int socket, int space, int memory)
{
	unsigned int cpus[VMS_CPUS];
	int fd = receive_fd(socket);
	__u64 value;
	char c;

	if (fd < 0)
		return 1;
	/* The sender has closed it meanwhile. */
	if (read(socket, &c, 1) != 1)
		return 2;
	if (vms_activate_all(fd, space, VMSPACE_RESIDENT, cpus) <= 0)
		return 3;
	if (map_pages(fd, space, BASE, memory, PAGES, RW))
		return 4;
	if (vms_load(fd, space, cpus[0], BASE, &value) != LOADED || value != TAG)
		return 5;
	if (vms_new_space(fd) < 0)
		return 6;
	/* All of it goes with this process. */
	return 0;
}

TEST_F(lifetimes, file__passed_to_another_process)
{
	int sockets[2], fd, space, memory, status;
	struct usage now;
	__u64 offset;
	__u64 *view;
	pid_t pid;

	/* Ids are numbered from 1 on; the child is told of them by fork(2). */
	fd = self->fd;
	space = vms_new_space(fd);
	ASSERT_GT(space, 0);
	memory = vms_new_memory_of(fd, PAGES, PAGE, VMSPACE_CACHE_WB, &offset);
	ASSERT_GT(memory, 0);
	view = vms_view(fd, offset, PAGES);
	ASSERT_NE(MAP_FAILED, view);
	view[0] = TAG;
	ASSERT_EQ(0, munmap(view, PAGES * PAGE));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		close(fd);
		close(sockets[0]);
		_exit(use_received(sockets[1], space, memory));
	}
	close(sockets[1]);
	ASSERT_EQ(0, send_fd(sockets[0], fd));
	ASSERT_EQ(0, close(fd));
	ASSERT_EQ(1, write(sockets[0], "x", 1));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	close(sockets[0]);
	EXPECT_TRUE(usage_is_back(&self->before, &now));
	self->fd = vms_open();
}

TEST_F(lifetimes, file__in_a_message_that_nobody_receives)
{
	struct usage now;
	int sockets[2];

	ASSERT_EQ(0, open_everything(self->fd, VMSPACE_RESIDENT));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets));
	ASSERT_EQ(0, send_fd(sockets[0], self->fd));
	ASSERT_EQ(0, close(self->fd));
	close(sockets[0]);
	close(sockets[1]);
	EXPECT_TRUE(usage_is_back(&self->before, &now));
	self->fd = vms_open();
}

TEST_F(lifetimes, mmap__outlives_its_memory_object_and_file)
{
	struct usage now;
	__u64 offset, i;
	__u64 *view;
	int memory;

	memory = vms_new_memory_of(self->fd, PAGES, PAGE, VMSPACE_CACHE_WB, &offset);
	ASSERT_GT(memory, 0);
	ASSERT_GT(vms_new_space(self->fd), 0);
	view = vms_view(self->fd, offset, PAGES);
	ASSERT_NE(MAP_FAILED, view);
	for (i = 0; i < PAGES / 2; i++)
		view[i * PAGE / 8] = TAG + i;
	ASSERT_EQ(0, vms_drop_memory(self->fd, memory));
	/* Touched, and touched for the first time. */
	for (i = 0; i < PAGES; i++)
		ASSERT_EQ(i < PAGES / 2 ? TAG + i : 0, view[i * PAGE / 8]);
	ASSERT_EQ(0, close(self->fd));
	for (i = 0; i < PAGES; i++)
		view[i * PAGE / 8] = ~i;
	for (i = 0; i < PAGES; i++)
		ASSERT_EQ(~i, view[i * PAGE / 8]);
	EXPECT_EQ(-EWOULDBLOCK, vms_unload_module());
	/* Half an area still is one. */
	ASSERT_EQ(0, munmap(view, PAGES / 2 * PAGE));
	EXPECT_EQ(-EWOULDBLOCK, vms_unload_module());
	EXPECT_EQ(~(__u64)(PAGES - 1), view[(PAGES - 1) * PAGE / 8]);
	ASSERT_EQ(0, munmap(view + PAGES / 2 * PAGE / 8, PAGES / 2 * PAGE));
	EXPECT_TRUE(usage_is_back(&self->before, &now));
	self->fd = vms_open();
}

TEST_F(lifetimes, mmap__is_inherited)
{
	__u64 offset;
	__u64 *view;
	int memory, status;
	pid_t pid;

	memory = vms_new_memory_of(self->fd, 2, PAGE, VMSPACE_CACHE_WB, &offset);
	ASSERT_GT(memory, 0);
	view = vms_view(self->fd, offset, 2);
	ASSERT_NE(MAP_FAILED, view);
	view[0] = TAG;
	ASSERT_EQ(0, vms_drop_memory(self->fd, memory));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		close(self->fd);
		view[PAGE / 8] = view[0] + 1;
		munmap(view, PAGE);
		_exit(view[PAGE / 8] != TAG + 1);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(TAG, view[0]);
	EXPECT_EQ(TAG + 1, view[PAGE / 8]);
	ASSERT_EQ(0, munmap(view, 2 * PAGE));
}

/* --- processes that are killed -------------------------------------------- */

/**
 * struct victim - a process to be killed, as it sees itself; shared with the
 *		   one that kills it
 * @fd:		its file
 * @space:	a space
 * @memory:	a memory object
 * @cpu:	a CPU
 * @progress:	counts what it has done
 * @tid:	of the thread that waits
 */
struct victim {
	int fd;
	int space;
	int memory;
	unsigned int cpu;
	atomic_int progress;
	atomic_int tid;
};

#define BATCH	4096

static void *run_batches(void *arg)
{
	struct vmspace_op *ops = calloc(BATCH, sizeof(*ops));
	struct victim *victim = arg;
	unsigned int n = atomic_fetch_add(&victim->progress, 1);
	__u64 va = BASE + n * 0x40000000ULL;
	struct vmspace_step step;
	unsigned int i;
	int cursor, space;

	space = vms_new_space(victim->fd);
	vms_activate(victim->fd, space, victim->cpu, n % 2 ? VMSPACE_RESIDENT : 0);
	cursor = vms_open_cursor_mut(victim->fd, space, va, va + PAGES * PAGE);
	if (!ops || cursor < 0)
		return NULL;
	for (i = 0; i < BATCH; i++) {
		struct vmspace_op *op = &ops[i];

		op->id = cursor;
		switch (i % 4) {
		case 0:
			op->opcode = VMSPACE_OP_JUMP;
			op->pos.va = va + i % PAGES * PAGE;
			break;
		case 1:
			op->opcode = VMSPACE_OP_MAP;
			op->flags = VMSPACE_REPLACE | (i % 8 == 1 ? VMSPACE_DEFER : 0);
			op->map.memory = victim->memory;
			op->map.index = i % PAGES;
			op->map.prop = RW;
			op->map.count = 1;
			break;
		case 2:
			op->opcode = VMSPACE_OP_ACCESS;
			op->flags = VMSPACE_STORE;
			op->id = space;
			op->access.cpu = victim->cpu;
			op->access.va = va;
			op->access.width = 8;
			break;
		default:
			op->opcode = VMSPACE_OP_UNMAP;
			op->flags = i % 8 == 7 ? VMSPACE_DEFER : 0;
			break;
		}
	}
	for (;;) {
		if (vms_step(victim->fd, ops, BATCH, VMSPACE_STEP_CONTINUE, &step))
			break;
		atomic_fetch_add(&victim->progress, 1);
	}
	return NULL;
}

/* For a child: does not survive its parent. */
static void start_victim(struct victim *victim, void *(*fn)(void *arg), unsigned int threads)
{
	unsigned int cpus[VMS_CPUS];
	pthread_t thread;
	int nr;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	victim->fd = vms_open();
	victim->space = vms_new_space(victim->fd);
	nr = vms_activate_all(victim->fd, victim->space, 0, cpus);
	victim->memory = vms_new_memory(victim->fd, PAGES);
	if (nr <= 0 || victim->memory < 0)
		_exit(1);
	victim->cpu = cpus[nr - 1];
	while (threads--)
		pthread_create(&thread, NULL, fn, victim);
	for (;;)
		pause();
}

static void expect_killed(struct __test_metadata *_metadata, pid_t pid)
{
	int status;

	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFSIGNALED(status));
	ASSERT_EQ(SIGKILL, WTERMSIG(status));
}

TEST_F_TIMEOUT(lifetimes, killed__in_the_middle_of_batches, 60)
{
	struct victim *victim = map_shared(sizeof(*victim));
	struct usage now;
	unsigned int round;
	pid_t pid;

	ASSERT_NE(NULL, victim);
	for (round = 0; round < 6; round++) {
		memset(victim, 0, sizeof(*victim));
		pid = fork();
		ASSERT_GE(pid, 0);
		if (!pid)
			start_victim(victim, run_batches, 3);
		/* All threads run; some batches are through. */
		ASSERT_TRUE(wait_for(&victim->progress, 3 + round % 3));
		usleep(round * 7919);
		expect_killed(_metadata, pid);
		ASSERT_TRUE(usage_is_back(&self->before, &now));
	}
}

static void *wait_for_cursor(void *arg)
{
	struct victim *victim = arg;

	if (atomic_fetch_add(&victim->progress, 1) == 0) {
		vms_open_cursor_mut(victim->fd, victim->space, BASE, BASE + 2 * PAGE);
		atomic_fetch_add(&victim->progress, 10);
	} else {
		wait_for(&victim->progress, 10);
		atomic_store(&victim->tid, syscall(SYS_gettid));
		vms_open_cursor(victim->fd, victim->space, BASE + PAGE, BASE + 3 * PAGE);
	}
	return NULL;
}

TEST_F(lifetimes, killed__while_waiting_for_a_cursor)
{
	struct victim *victim = map_shared(sizeof(*victim));
	struct usage now;
	pid_t pid;

	ASSERT_NE(NULL, victim);
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid)
		start_victim(victim, wait_for_cursor, 3);
	ASSERT_TRUE(wait_for(&victim->tid, 1));
	EXPECT_TRUE(blocked_in_ioctl(pid, atomic_load(&victim->tid)));
	expect_killed(_metadata, pid);
	EXPECT_TRUE(usage_is_back(&self->before, &now));
}

/* A program that leaves a CPU to nobody. */
static void hog_cpu(unsigned int cpu, atomic_int *started)
{
	struct sched_param param = { .sched_priority = 10 };
	double end = vms_now() + 2 * VMS_LIMIT;
	cpu_set_t set;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) ||
	    sched_setscheduler(0, SCHED_FIFO, &param))
		_exit(1);
	atomic_store(started, 1);
	while (vms_now() < end)
		;
	_exit(2);
}

static void *wait_for_access(void *arg)
{
	struct victim *victim = arg;
	__u64 value;

	wait_for(&victim->progress, 1);
	atomic_store(&victim->tid, syscall(SYS_gettid));
	vms_load(victim->fd, victim->space, victim->cpu, BASE, &value);
	return NULL;
}

TEST_F_TIMEOUT(lifetimes, killed__while_waiting_for_an_access, 60)
{
	struct victim *victim = map_shared(sizeof(*victim));
	unsigned int cpu = removable_cpu(&self->info);
	pid_t pid, hog;
	atomic_int *started;
	struct usage now;
	cpu_set_t set;

	if (!cpu)
		SKIP(return, "needs a second CPU");
	ASSERT_NE(NULL, victim);
	started = map_shared(sizeof(*started));
	ASSERT_NE(NULL, started);
	/* Not on that CPU, where nothing else will run. */
	ASSERT_EQ(0, sched_getaffinity(0, sizeof(set), &set));
	CPU_CLR(cpu, &set);
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(set), &set));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid)
		start_victim(victim, wait_for_access, 2);
	ASSERT_EQ(0, vms_write_text("/proc/sys/kernel/sched_rt_runtime_us", "-1"));
	hog = fork();
	ASSERT_GE(hog, 0);
	if (!hog)
		hog_cpu(cpu, started);
	EXPECT_TRUE(wait_for(started, 1));
	atomic_store(&victim->progress, 1);
	EXPECT_TRUE(wait_for(&victim->tid, 1));
	EXPECT_TRUE(blocked_in_ioctl(pid, atomic_load(&victim->tid)));
	EXPECT_EQ(cpu, victim->cpu);
	/* The process goes, although the space's thread still cannot run. */
	expect_killed(_metadata, pid);
	EXPECT_EQ(0, waitpid(hog, NULL, WNOHANG));
	expect_killed(_metadata, hog);
	ASSERT_EQ(0, vms_write_text("/proc/sys/kernel/sched_rt_runtime_us", "950000"));
	EXPECT_TRUE(usage_is_back(&self->before, &now));
}

/* --- waiting and racing --------------------------------------------------- */

/**
 * struct waiter - a thread with a program whose second operation waits
 * @fd:		its file
 * @space:	whose range is taken
 * @tid:	of the thread
 * @ops:	its program
 * @step:	how it ended
 * @ret:	and the call
 */
struct waiter {
	int fd;
	int space;
	atomic_int tid;
	struct vmspace_op ops[3];
	struct vmspace_step step;
	int ret;
};

static void *wait_in_program(void *arg)
{
	struct waiter *w = arg;

	w->ops[0] = (struct vmspace_op) { .opcode = VMSPACE_OP_NEW_SPACE };
	w->ops[1] = (struct vmspace_op) {
		.opcode = VMSPACE_OP_OPEN_CURSOR,
		.id = w->space,
		.open = { .start = BASE, .end = BASE + PAGE },
	};
	w->ops[2] = (struct vmspace_op) { .opcode = VMSPACE_OP_NEW_SPACE };
	atomic_store(&w->tid, syscall(SYS_gettid));
	w->ret = vms_step(w->fd, w->ops, 3, 0, &w->step);
	return NULL;
}

static void ignore_signal(int sig)
{
	(void)sig;
}

TEST_F(lifetimes, wait__ends_with_a_signal)
{
	struct sigaction action = { .sa_handler = ignore_signal, .sa_flags = SA_RESTART };
	struct waiter w = { .fd = self->fd };
	struct vmspace_op stat;
	pthread_t thread;
	int cursor;

	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	w.space = vms_new_space(self->fd);
	ASSERT_GT(w.space, 0);
	cursor = vms_open_cursor_mut(self->fd, w.space, BASE, BASE + PAGE);
	ASSERT_GT(cursor, 0);
	ASSERT_EQ(0, pthread_create(&thread, NULL, wait_in_program, &w));
	ASSERT_TRUE(wait_for(&w.tid, 1));
	ASSERT_TRUE(blocked_in_ioctl(getpid(), atomic_load(&w.tid)));
	ASSERT_EQ(0, pthread_kill(thread, SIGUSR1));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	/* What was done is told, and not done again. */
	EXPECT_EQ(0, w.ret);
	EXPECT_EQ(2, w.step.done);
	EXPECT_EQ(-EINTR, w.step.error);
	EXPECT_EQ(0, w.ops[0].result);
	EXPECT_EQ(-EINTR, w.ops[1].result);
	EXPECT_EQ(0, w.ops[1].open.new_id);
	/* Nothing is left of the wait. */
	EXPECT_EQ(0, vms_space_stat(self->fd, w.space, &stat));
	EXPECT_EQ(1, stat.space_stat.users);
	EXPECT_EQ(0, vms_drop_cursor(self->fd, cursor));
	EXPECT_EQ(0, vms_drop_space(self->fd, w.space));
	EXPECT_EQ(0, vms_drop_space(self->fd, w.ops[0].new_space.new_id));
}

/**
 * struct crowd - threads that want overlapping ranges
 * @fd:		their file
 * @space:	the space
 * @rounds:	for each
 * @next:	numbers the threads
 * @inside:	how many have their cursor, as they see it; not atomic
 * @total:	how often one had; not atomic
 * @failures:	broken promises
 */
struct crowd {
	int fd;
	int space;
	unsigned int rounds;
	atomic_uint next;
	unsigned int inside;
	unsigned int total;
	atomic_uint failures;
};

static void *want_range(void *arg)
{
	struct crowd *crowd = arg;
	unsigned int n = atomic_fetch_add(&crowd->next, 1);
	/* All meet at BASE + 8 pages, none is equal to another. */
	__u64 start = BASE + n % 8 * PAGE;
	__u64 end = BASE + (9 + n) * PAGE;
	unsigned int round, seen;
	__u64 va;

	for (round = 0; round < crowd->rounds; round++) {
		int cursor = vms_open_cursor_as(crowd->fd, (n + round) % 3 ?
						VMSPACE_OP_OPEN_CURSOR_MUT :
						VMSPACE_OP_OPEN_CURSOR, crowd->space,
						start, end, 0);

		if (cursor < 0) {
			atomic_fetch_add(&crowd->failures, 1);
			continue;
		}
		if (crowd->inside++)
			atomic_fetch_add(&crowd->failures, 1);
		seen = crowd->total;
		if (vms_virt_addr(crowd->fd, cursor, &va) || va != start)
			atomic_fetch_add(&crowd->failures, 1);
		if (round % 4 == 0)
			sched_yield();
		crowd->total = seen + 1;
		if (--crowd->inside)
			atomic_fetch_add(&crowd->failures, 1);
		if (vms_drop_cursor(crowd->fd, cursor))
			atomic_fetch_add(&crowd->failures, 1);
	}
	return NULL;
}

#define CROWD	8

TEST_F_TIMEOUT(lifetimes, cursors__that_overlap_exclude_each_other, 60)
{
	struct crowd crowd = { .fd = self->fd, .rounds = 100 };
	pthread_t threads[CROWD];
	unsigned int i;

	crowd.space = vms_new_space(self->fd);
	ASSERT_GT(crowd.space, 0);
	for (i = 0; i < CROWD; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, want_range, &crowd));
	for (i = 0; i < CROWD; i++)
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
	EXPECT_EQ(0, crowd.failures);
	EXPECT_EQ(CROWD * crowd.rounds, crowd.total);
	EXPECT_EQ(0, vms_drop_space(self->fd, crowd.space));
}

/**
 * struct dropper - a thread that drops what another drops as well
 * @fd:		their file
 * @opcode:	VMSPACE_OP_DROP_*
 * @id:		the object
 * @start:	both start here
 * @result:	what it got
 */
struct dropper {
	int fd;
	unsigned int opcode;
	atomic_int id;
	pthread_barrier_t start;
	int result;
};

static void *drop_too(void *arg)
{
	struct dropper *d = arg;
	int id;

	for (;;) {
		pthread_barrier_wait(&d->start);
		id = atomic_load(&d->id);
		if (!id)
			return NULL;
		d->result = vms_plain(d->fd, d->opcode, id);
		pthread_barrier_wait(&d->start);
	}
}

static void drop_twice(struct __test_metadata *_metadata, struct dropper *d,
		       unsigned int opcode, int id)
{
	int result;

	ASSERT_GT(id, 0);
	d->opcode = opcode;
	atomic_store(&d->id, id);
	pthread_barrier_wait(&d->start);
	result = vms_plain(d->fd, opcode, id);
	pthread_barrier_wait(&d->start);
	/* One got 0, the other this. */
	EXPECT_EQ(-ENOENT, result + d->result);
	EXPECT_TRUE(!result || !d->result);
}

TEST_F_TIMEOUT(lifetimes, drop__by_two_threads_exactly_one_wins, 60)
{
	struct dropper d = { .fd = self->fd };
	unsigned int round;
	pthread_t thread;
	int space, fd = self->fd;

	pthread_barrier_init(&d.start, NULL, 2);
	ASSERT_EQ(0, pthread_create(&thread, NULL, drop_too, &d));
	space = vms_new_space(fd);
	ASSERT_GT(space, 0);
	self->nr_cpus = vms_activate_all(fd, space, 0, self->cpus);
	ASSERT_GT(self->nr_cpus, 0);
	for (round = 0; round < 100; round++) {
		int id = vms_new_space(fd);

		ASSERT_EQ(0, vms_activate(fd, id, self->cpus[0], round % 2 ? VMSPACE_RESIDENT : 0));
		drop_twice(_metadata, &d, VMSPACE_OP_DROP_SPACE, id);
		drop_twice(_metadata, &d, VMSPACE_OP_DROP_MEMORY, vms_new_memory(fd, 1));
		drop_twice(_metadata, &d, VMSPACE_OP_DROP_CURSOR,
			   vms_open_cursor(fd, space, BASE, BASE + PAGE));
		drop_twice(_metadata, &d, VMSPACE_OP_DROP_READER,
			   vms_new_reader(fd, space, self->cpus[0], 0, PAGE));
		drop_twice(_metadata, &d, VMSPACE_OP_DROP_WRITER,
			   vms_new_writer(fd, space, self->cpus[0], 0, PAGE));
	}
	/* One that takes a while: the other thread finds it, and waits. */
	for (round = 0; round < 3; round++) {
		const __u64 count = 16384;
		int memory = vms_new_memory(fd, count);
		struct vmspace_op op;
		int cursor;

		ASSERT_GT(memory, 0);
		ASSERT_EQ(0, map_pages(fd, space, BASE, memory, count, RW));
		ASSERT_EQ(0, vms_drop_memory(fd, memory));
		cursor = vms_open_cursor_mut(fd, space, BASE, BASE + count * PAGE);
		ASSERT_GT(cursor, 0);
		ASSERT_EQ(0, vms_unmap(fd, cursor, count * PAGE, VMSPACE_DEFER, &op));
		drop_twice(_metadata, &d, VMSPACE_OP_DROP_CURSOR, cursor);
	}
	atomic_store(&d.id, 0);
	pthread_barrier_wait(&d.start);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, vms_drop_space(fd, space));
}

/**
 * struct user - a thread that opens and drops cursors until their space is gone
 * @fd:		its file
 * @space:	the space
 * @start:	of its range
 * @opened:	how many it opened
 * @result:	why it stopped
 */
struct user {
	pthread_t thread;
	int fd;
	int space;
	__u64 start;
	atomic_int opened;
	int result;
};

static void *use_until_gone(void *arg)
{
	struct user *u = arg;

	do {
		u->result = vms_open_cursor(u->fd, u->space, u->start, u->start + PAGE);
		if (u->result > 0) {
			atomic_fetch_add(&u->opened, 1);
			u->result = vms_drop_cursor(u->fd, u->result);
		}
	} while (u->result >= 0);
	return NULL;
}

#define USERS	3

/*
 * Each attempt fails because it is in use, or it is dropped; nothing in between. How
 * many it takes is up to chance: a slow machine makes fewer rounds.
 */
TEST_F_TIMEOUT(lifetimes, drop_space__while_others_open_cursors, 120)
{
	double end = vms_now() + VMS_LIMIT;
	struct user users[USERS];
	unsigned int round, i;

	for (round = 0; round < 100 && (round < 10 || vms_now() < end); round++) {
		int space = vms_new_space(self->fd), ret;

		ASSERT_GT(space, 0);
		for (i = 0; i < USERS; i++) {
			users[i] = (struct user) {
				.fd = self->fd,
				.space = space,
				.start = BASE + i * 0x40000000ULL,
			};
			ASSERT_EQ(0, pthread_create(&users[i].thread, NULL, use_until_gone,
						    &users[i]));
		}
		for (i = 0; i < USERS; i++)
			EXPECT_TRUE(wait_for(&users[i].opened, round % 10));
		do {
			ret = vms_drop_space(self->fd, space);
		} while (ret == -EBUSY);
		EXPECT_EQ(0, ret);
		for (i = 0; i < USERS; i++) {
			ASSERT_EQ(0, pthread_join(users[i].thread, NULL));
			EXPECT_EQ(-ENOENT, users[i].result);
		}
	}
}

/**
 * struct mapper - a thread that maps from a memory object until it is gone
 * @fd:		its file
 * @cursor:	its cursor
 * @memory:	the memory object
 * @mapped:	how many pages it could map
 * @result:	why it stopped
 */
struct mapper {
	int fd;
	int cursor;
	int memory;
	atomic_int mapped;
	int result;
};

static void *map_until_gone(void *arg)
{
	struct mapper *m = arg;

	do {
		m->result = vms_map(m->fd, m->cursor, m->memory, m->mapped % PAGES, RW);
		if (!m->result)
			atomic_fetch_add(&m->mapped, 1);
	} while (!m->result);
	return NULL;
}

TEST_F_TIMEOUT(lifetimes, drop_memory__while_another_thread_maps_from_it, 60)
{
	const __u64 range = 100000 * PAGE;
	unsigned int round;
	int space, i;

	space = vms_new_space(self->fd);
	ASSERT_GT(space, 0);
	self->nr_cpus = vms_activate_all(self->fd, space, 0, self->cpus);
	ASSERT_GT(self->nr_cpus, 0);
	for (round = 0; round < 20; round++) {
		struct mapper m = { .fd = self->fd };
		__u64 offset, value;
		struct vmspace_op op;
		__u64 *view;
		pthread_t thread;

		m.memory = vms_new_memory_of(self->fd, PAGES, PAGE, VMSPACE_CACHE_WB, &offset);
		ASSERT_GT(m.memory, 0);
		view = vms_view(self->fd, offset, PAGES);
		ASSERT_NE(MAP_FAILED, view);
		for (i = 0; i < PAGES; i++)
			view[i * PAGE / 8] = TAG + i;
		ASSERT_EQ(0, munmap(view, PAGES * PAGE));
		m.cursor = vms_open_cursor_mut(self->fd, space, BASE, BASE + range);
		ASSERT_GT(m.cursor, 0);
		ASSERT_EQ(0, pthread_create(&thread, NULL, map_until_gone, &m));
		EXPECT_TRUE(wait_for(&m.mapped, round));
		ASSERT_EQ(0, vms_drop_memory(self->fd, m.memory));
		ASSERT_EQ(0, pthread_join(thread, NULL));
		EXPECT_EQ(-ENOENT, m.result);
		for (i = 0; i < m.mapped; i += 1 + i / 8) {
			ASSERT_EQ(LOADED, vms_load(self->fd, space,
						   self->cpus[i % self->nr_cpus],
						   BASE + i * PAGE, &value));
			ASSERT_EQ(TAG + i % PAGES, value);
		}
		ASSERT_EQ(0, vms_jump(self->fd, m.cursor, BASE));
		ASSERT_EQ(0, vms_unmap(self->fd, m.cursor, range, 0, &op));
		EXPECT_EQ(m.mapped, op.unmap.pages);
		ASSERT_EQ(0, vms_drop_cursor(self->fd, m.cursor));
	}
}

/**
 * struct loader - a thread that loads from one CPU all the time
 * @fd:		its file
 * @space:	the space
 * @cpu:	the CPU
 * @va:		where; a page with TAG in it, or several for a reader
 * @reader:	if not 0, read from it instead
 * @gone:	an error that it has to expect, -ENODEV or -ENXIO
 * @also:	another one
 * @end:	such an error is the end
 * @stop:	to stop it
 * @loads:	that went well
 * @refused:	that got the error
 * @failure:	an unexpected result; @value tells more
 * @value:	what was loaded then
 */
struct loader {
	pthread_t thread;
	int fd;
	int space;
	unsigned int cpu;
	__u64 va;
	int gone;
	int also;
	bool end;
	atomic_bool stop;
	atomic_int loads;
	atomic_int refused;
	atomic_int failure;
	__u64 value;
};

static void *load_all_the_time(void *arg)
{
	struct loader *l = arg;
	__u64 value;
	int ret;

	while (!atomic_load(&l->stop)) {
		ret = vms_load(l->fd, l->space, l->cpu, l->va, &value);
		if (ret == LOADED && value == TAG) {
			atomic_fetch_add(&l->loads, 1);
		} else if (ret < 0 && (ret == l->gone || ret == l->also)) {
			atomic_fetch_add(&l->refused, 1);
			if (l->end)
				break;
			sched_yield();
		} else {
			l->value = value;
			atomic_store(&l->failure, ret == LOADED ? 1000 : ret + 10000);
			break;
		}
	}
	return NULL;
}

static void start_loader(struct __test_metadata *_metadata, struct loader *l)
{
	ASSERT_EQ(0, pthread_create(&l->thread, NULL, load_all_the_time, l));
}

static void stop_loader(struct __test_metadata *_metadata, struct loader *l)
{
	atomic_store(&l->stop, true);
	ASSERT_EQ(0, pthread_join(l->thread, NULL));
	EXPECT_EQ(0, l->failure)
		TH_LOG("cpu %u: result %d, value %llx", l->cpu, l->failure,
		       (unsigned long long)l->value);
}

/* A space with TAG at BASE, active on all CPUs. */
static int tagged_space(struct __test_metadata *_metadata, struct _test_data_lifetimes *self,
			unsigned int flags)
{
	int space = vms_new_space(self->fd);
	int memory = vms_new_memory(self->fd, PAGES);

	ASSERT_GT(space, 0);
	ASSERT_GT(memory, 0);
	ASSERT_EQ(0, map_pages(self->fd, space, BASE, memory, PAGES, RW));
	ASSERT_EQ(0, vms_drop_memory(self->fd, memory));
	self->nr_cpus = vms_activate_all(self->fd, space, flags, self->cpus);
	ASSERT_GT(self->nr_cpus, 0);
	ASSERT_EQ(LOADED, vms_store(self->fd, space, self->cpus[0], BASE, TAG));
	return space;
}

TEST_F_TIMEOUT(lifetimes, deactivate__while_accesses_are_in_flight, 60)
{
	struct loader loaders[4];
	unsigned int round, i;
	int space;

	space = tagged_space(_metadata, self, 0);
	for (i = 0; i < 4; i++) {
		loaders[i] = (struct loader) {
			.fd = self->fd, .space = space, .va = BASE, .gone = -ENXIO,
			.cpu = self->cpus[self->nr_cpus - 1],
		};
		start_loader(_metadata, &loaders[i]);
	}
	for (round = 0; round < 120; round++) {
		int loads = atomic_load(&loaders[round % 4].loads);

		EXPECT_TRUE(wait_for(&loaders[round % 4].loads, loads + 1));
		ASSERT_EQ(0, vms_deactivate(self->fd, space, loaders[0].cpu));
		ASSERT_EQ(-ENXIO, vms_deactivate(self->fd, space, loaders[0].cpu));
		ASSERT_EQ(0, vms_activate(self->fd, space, loaders[0].cpu,
					  round % 2 ? VMSPACE_RESIDENT : 0));
	}
	for (i = 0; i < 4; i++)
		stop_loader(_metadata, &loaders[i]);
}

TEST_F_TIMEOUT(lifetimes, drop_space__while_accesses_are_in_flight, 60)
{
	struct loader loaders[4];
	unsigned int round, i;

	for (round = 0; round < 40; round++) {
		int space = tagged_space(_metadata, self, round % 2 ? VMSPACE_RESIDENT : 0);

		for (i = 0; i < 4; i++) {
			loaders[i] = (struct loader) {
				.fd = self->fd, .space = space, .va = BASE, .gone = -ENXIO,
				.also = -ENOENT, .end = true,
				.cpu = self->cpus[i % self->nr_cpus],
			};
			start_loader(_metadata, &loaders[i]);
		}
		EXPECT_TRUE(wait_for(&loaders[round % 4].loads, 1));
		ASSERT_EQ(0, vms_drop_space(self->fd, space));
		for (i = 0; i < 4; i++)
			EXPECT_TRUE(wait_for(&loaders[i].refused, 1));
		for (i = 0; i < 4; i++)
			stop_loader(_metadata, &loaders[i]);
	}
}

/* --- greed ---------------------------------------------------------------- */

/* As many readers as possible. Returns how many; the reason why it ended. */
static unsigned int make_readers(int fd, int space, unsigned int cpu, unsigned int want,
				 __u32 *ids, int *why)
{
	static struct vmspace_op ops[1024];
	struct vmspace_step step;
	unsigned int made = 0, i, n;

	*why = 0;
	while (made < want && !*why) {
		n = want - made < 1024 ? want - made : 1024;
		for (i = 0; i < n; i++)
			ops[i] = (struct vmspace_op) {
				.opcode = VMSPACE_OP_NEW_READER,
				.id = space,
				.new_io = { .cpu = cpu, .va = 0, .len = PAGE },
			};
		*why = vms_step(fd, ops, n, 0, &step) ?: step.error;
		for (i = 0; i < step.done; i++)
			if (!ops[i].result)
				ids[made++] = ops[i].new_io.new_id;
	}
	return made;
}

TEST_F_TIMEOUT(lifetimes, greed__ends_with_the_quota_and_recovers, 60)
{
	unsigned int made, max = self->info.max_objects;
	__u32 *ids = aligned_alloc(PAGE, (max + 1024) * sizeof(*ids));
	struct vmspace_op stat;
	int space, why, i;

	ASSERT_NE(NULL, ids);
	space = vms_new_space(self->fd);
	ASSERT_GT(space, 0);
	self->nr_cpus = vms_activate_all(self->fd, space, 0, self->cpus);
	ASSERT_GT(self->nr_cpus, 0);
	made = make_readers(self->fd, space, self->cpus[0], max + 1, ids, &why);
	EXPECT_EQ(-EDQUOT, why);
	EXPECT_EQ(max - 1, made);

	/* Whatever the kind, and nothing is left of what failed. */
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(-EDQUOT, vms_new_space(self->fd));
		EXPECT_EQ(-EDQUOT, vms_new_memory(self->fd, 16));
		EXPECT_EQ(-EDQUOT, vms_import(self->fd, ids, 1, 0));
		EXPECT_EQ(-EDQUOT, vms_open_cursor(self->fd, space, BASE, BASE + PAGE));
		EXPECT_EQ(-EDQUOT, vms_new_writer(self->fd, space, self->cpus[0], 0, 1));
	}
	EXPECT_EQ(0, vms_space_stat(self->fd, space, &stat));
	EXPECT_EQ(made, stat.space_stat.users);

	/* One less, one more. */
	ASSERT_EQ(0, vms_drop_reader(self->fd, ids[made / 2]));
	ids[made / 2] = vms_open_cursor(self->fd, space, BASE, BASE + PAGE);
	ASSERT_GT((int)ids[made / 2], 0);
	EXPECT_EQ(-EDQUOT, vms_new_space(self->fd));
	ASSERT_EQ(0, vms_drop_cursor(self->fd, ids[made / 2]));
	ASSERT_EQ(0, vms_drop_reader(self->fd, ids[0]));
	EXPECT_GT(vms_new_space(self->fd), 0);
	EXPECT_GT(vms_new_memory(self->fd, 16), 0);
	EXPECT_EQ(-EDQUOT, vms_new_memory(self->fd, 16));
	free(ids);
	/* The rest goes with the file. */
}

/* --- CPUs ----------------------------------------------------------------- */

static bool loads_again(int fd, int space, unsigned int cpu)
{
	double end = vms_now() + VMS_LIMIT;
	__u64 value;
	int ret;

	do {
		ret = vms_load(fd, space, cpu, BASE, &value);
		if (ret != -ENODEV)
			return ret == LOADED && value == TAG;
		vms_pause();
	} while (vms_now() < end);
	return false;
}

TEST_F_TIMEOUT(lifetimes, cpu__goes_offline_and_comes_back, 60)
{
	unsigned int cpu = removable_cpu(&self->info);
	unsigned int round;
	struct vmspace_op op;
	int space, other, reader;
	__u64 value;
	char byte;

	if (!cpu)
		SKIP(return, "no CPU can be taken away");
	space = tagged_space(_metadata, self, VMSPACE_RESIDENT);
	other = vms_new_space(self->fd);
	ASSERT_GT(other, 0);
	reader = vms_new_reader(self->fd, space, cpu, BASE, 4 * PAGE);
	ASSERT_GT(reader, 0);
	for (round = 0; round < 2; round++) {
		ASSERT_EQ(0, set_online(cpu, false));
		EXPECT_EQ(-ENODEV, vms_load(self->fd, space, cpu, BASE, &value));
		EXPECT_EQ(-ENODEV, vms_store(self->fd, space, cpu, BASE, 1));
		EXPECT_EQ(-ENODEV, vms_read(self->fd, reader, &byte, 1, &op));
		EXPECT_EQ(0, op.io.bytes);
		ASSERT_EQ(0, vms_cpu_stat(self->fd, space, cpu, &op));
		EXPECT_EQ(VMSPACE_CPU_ACTIVE | VMSPACE_CPU_RESIDENT | VMSPACE_CPU_PARKED,
			  op.cpu_stat.state);
		EXPECT_EQ(op.cpu_stat.sent, op.cpu_stat.acked);
		EXPECT_EQ(-ENODEV, vms_activate(self->fd, other, cpu, 0));
		EXPECT_EQ(-EEXIST, vms_activate(self->fd, space, self->cpus[0], 0));
		/* The others go on, shootdowns included. */
		EXPECT_EQ(LOADED, vms_load(self->fd, space, self->cpus[0], BASE, &value));
		EXPECT_EQ(0, unmap_pages(self->fd, space, BASE + (1 + round) * PAGE, 1));
		EXPECT_EQ(FAULTED, vms_load(self->fd, space, self->cpus[0],
					    BASE + (1 + round) * PAGE, &value));

		ASSERT_EQ(0, set_online(cpu, true));
		EXPECT_TRUE(loads_again(self->fd, space, cpu));
		EXPECT_EQ(FAULTED, vms_load(self->fd, space, cpu, BASE + (1 + round) * PAGE,
					    &value));
		ASSERT_EQ(0, vms_read(self->fd, reader, &byte, 1, &op));
		EXPECT_EQ(1, op.io.bytes);
		ASSERT_EQ(0, vms_cpu_stat(self->fd, space, cpu, &op));
		EXPECT_EQ(0, op.cpu_stat.state & VMSPACE_CPU_PARKED);
	}
}

TEST_F_TIMEOUT(lifetimes, cpu__offline_when_the_space_leaves_it, 60)
{
	unsigned int cpu = removable_cpu(&self->info);
	struct usage now;
	__u64 value;
	int space, fd;

	if (!cpu)
		SKIP(return, "no CPU can be taken away");
	space = tagged_space(_metadata, self, VMSPACE_RESIDENT);
	fd = vms_open();
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, open_everything(fd, VMSPACE_RESIDENT));
	ASSERT_EQ(0, set_online(cpu, false));
	/* By request, with its space, and with its file. */
	EXPECT_EQ(0, vms_deactivate(self->fd, space, cpu));
	EXPECT_EQ(-ENXIO, vms_load(self->fd, space, cpu, BASE, &value));
	EXPECT_EQ(-ENODEV, vms_activate(self->fd, space, cpu, 0));
	EXPECT_EQ(0, vms_drop_space(self->fd, space));
	ASSERT_EQ(0, close(fd));
	EXPECT_TRUE(usage_is_back(&self->before, &now));
	ASSERT_EQ(0, set_online(cpu, true));
	space = tagged_space(_metadata, self, VMSPACE_RESIDENT);
	EXPECT_EQ(LOADED, vms_load(self->fd, space, cpu, BASE, &value));
}

/**
 * struct changer - a thread that maps and unmaps all the time
 * @fd:		its file
 * @space:	the space
 * @stop:	to stop it
 * @result:	an unexpected error
 */
struct changer {
	pthread_t thread;
	int fd;
	int space;
	atomic_bool stop;
	atomic_int rounds;
	int result;
};

static void *change_all_the_time(void *arg)
{
	struct changer *c = arg;
	int memory = vms_new_memory(c->fd, PAGES);
	__u64 va = BASE + PAGES * PAGE;

	while (!atomic_load(&c->stop) && !c->result) {
		c->result = map_pages(c->fd, c->space, va, memory, PAGES, RW) ?:
			    unmap_pages(c->fd, c->space, va, PAGES);
		atomic_fetch_add(&c->rounds, 1);
	}
	return NULL;
}

TEST_F_TIMEOUT(lifetimes, cpu__goes_and_comes_under_load, 120)
{
	unsigned int cpu = removable_cpu(&self->info);
	struct loader there[2], elsewhere;
	struct changer changer;
	unsigned int round;
	int space;

	if (!cpu)
		SKIP(return, "no CPU can be taken away");
	space = tagged_space(_metadata, self, VMSPACE_RESIDENT);
	there[0] = (struct loader) {
		.fd = self->fd, .space = space, .cpu = cpu, .va = BASE, .gone = -ENODEV,
	};
	there[1] = there[0];
	elsewhere = (struct loader) {
		.fd = self->fd, .space = space, .cpu = self->cpus[0], .va = BASE,
	};
	changer = (struct changer) { .fd = self->fd, .space = space };
	start_loader(_metadata, &there[0]);
	start_loader(_metadata, &there[1]);
	start_loader(_metadata, &elsewhere);
	ASSERT_EQ(0, pthread_create(&changer.thread, NULL, change_all_the_time, &changer));
	for (round = 0; round < 6; round++) {
		int loads = atomic_load(&there[0].loads);
		int refused = atomic_load(&there[0].refused);

		EXPECT_TRUE(wait_for(&there[0].loads, loads + 1));
		ASSERT_EQ(0, set_online(cpu, false));
		EXPECT_TRUE(wait_for(&there[0].refused, refused + 1));
		loads = atomic_load(&elsewhere.loads);
		EXPECT_TRUE(wait_for(&elsewhere.loads, loads + 1));
		EXPECT_TRUE(wait_for(&changer.rounds, atomic_load(&changer.rounds) + 1));
		ASSERT_EQ(0, set_online(cpu, true));
	}
	EXPECT_TRUE(loads_again(self->fd, space, cpu));
	stop_loader(_metadata, &there[0]);
	stop_loader(_metadata, &there[1]);
	stop_loader(_metadata, &elsewhere);
	atomic_store(&changer.stop, true);
	ASSERT_EQ(0, pthread_join(changer.thread, NULL));
	EXPECT_EQ(0, changer.result);
}

TEST_HARNESS_MAIN
