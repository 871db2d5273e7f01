// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a greedy user gets, and that others go on meanwhile.
 *
 * The contract: all that an operation takes is charged to someone, to the caller's
 * memory cgroup or RLIMIT_MEMLOCK; beyond that it fails with -ENOMEM, or the caller is
 * killed by its own cgroup; and when the caller is gone, all of it has come back.
 */
#include "kselftest_harness.h"
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "mappings.h"

#define LIMIT_BYTES	(32ULL << 20)
#define NOBODY		65534

/* How a greedy process ended. */
enum { REFUSED, NEVER_STOPPED, OTHER_ERROR, NOT_STARTED };

/* --- kinds of greed ------------------------------------------------------- */

/**
 * struct greed - a way to take memory
 * @take:	takes a part of it; 0 or a negative error number
 * @times:	how often that would take far more than the limit
 */
struct greed {
	int (*take)(int fd, unsigned int round);
	unsigned int times;
};

static int take_frames(int fd, unsigned int round __attribute__((unused)))
{
	int id = vms_new_memory(fd, 1024);

	return id < 0 ? id : 0;
}

static int take_large_frames(int fd, unsigned int round __attribute__((unused)))
{
	int id = vms_new_memory_of(fd, 2, M2, VMSPACE_CACHE_WB, NULL);

	return id < 0 ? id : 0;
}

/* One page after the other, each in a table of its own: of the same frame. */
static int take_tables(int fd, unsigned int round)
{
	static int memory, cursor;
	int ret;

	if (!round) {
		memory = vms_new_memory(fd, 1);
		cursor = vms_open_cursor_mut(fd, vms_new_space(fd), 0, 512ULL * G1);
	}
	ret = vms_jump(fd, cursor, round * M2);
	return ret ? ret : vms_map(fd, cursor, memory, 0, RW);
}

/* Each with its root, and what it counts for each CPU. */
static int take_spaces(int fd, unsigned int round __attribute__((unused)))
{
	int id = vms_new_space(fd);

	return id < 0 ? id : 0;
}

static int take_cursors(int fd, unsigned int round)
{
	static int space;
	int id;

	if (!round)
		space = vms_new_space(fd);
	id = vms_open_cursor(fd, space, round * M2, round * M2 + PAGE);
	return id < 0 ? id : 0;
}

/* --- a memory cgroup ------------------------------------------------------ */

/**
 * struct group - a memory cgroup
 * @top:	where the hierarchy is mounted
 * @dir:	its folder
 */
struct group {
	char top[32];
	char dir[48];
};

static int group_write(const struct group *g, const char *file, const char *text)
{
	char path[80];

	snprintf(path, sizeof(path), "%s/%s", g->dir, file);
	return vms_write_text(path, text);
}

static long group_number(const struct group *g, const char *file)
{
	char path[80];

	snprintf(path, sizeof(path), "%s/%s", g->dir, file);
	return vms_read_number(path);
}

/* How often the kernel killed one of its processes. */
static long group_kills(const struct group *g)
{
	char path[80], word[32];
	long value, kills = -1;
	FILE *file;

	snprintf(path, sizeof(path), "%s/memory.events", g->dir);
	file = fopen(path, "r");
	if (!file)
		return -1;
	while (fscanf(file, "%31s %ld", word, &value) == 2)
		if (!strcmp(word, "oom_kill"))
			kills = value;
	fclose(file);
	return kills;
}

/* Returns whether there is such a thing here. */
static bool group_make(struct group *g)
{
	char path[80], text[32];

	strcpy(g->top, "/tmp/vmspace-XXXXXX");
	if (!mkdtemp(g->top))
		return false;
	if (mount("none", g->top, "cgroup2", 0, NULL))
		goto remove;
	snprintf(g->dir, sizeof(g->dir), "%s/vmspace", g->top);
	snprintf(path, sizeof(path), "%s/cgroup.subtree_control", g->top);
	if (vms_write_text(path, "+memory") || mkdir(g->dir, 0700))
		goto unmount;
	snprintf(text, sizeof(text), "%llu", LIMIT_BYTES);
	/* Not every kernel has swap to forbid. */
	group_write(g, "memory.swap.max", "0");
	if (!group_write(g, "memory.max", text))
		return true;
	rmdir(g->dir);
unmount:
	umount(g->top);
remove:
	rmdir(g->top);
	g->top[0] = 0;
	return false;
}

static int group_remove(const struct group *g)
{
	int ret = rmdir(g->dir) ? -errno : 0;

	umount(g->top);
	rmdir(g->top);
	return ret;
}

/* --- a greedy process ----------------------------------------------------- */

/* In the child. */
static int be_greedy(const struct greed *greed)
{
	unsigned int round;
	int fd = vms_open();

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (fd < 0)
		return NOT_STARTED;
	for (round = 0; round < greed->times; round++) {
		int ret = greed->take(fd, round);

		if (ret)
			return ret == -ENOMEM ? REFUSED : OTHER_ERROR;
	}
	return NEVER_STOPPED;
}

static pid_t start_greedy(const struct group *g, const struct greed *greed)
{
	pid_t pid = fork();

	if (!pid)
		_exit(group_write(g, "cgroup.procs", "0") ? NOT_STARTED : be_greedy(greed));
	return pid;
}

/* --- the fixture ---------------------------------------------------------- */

FIXTURE(group)
{
	struct group group;
	struct vms_usage before;
	int fd;
	int space;
	int cursor;
	int memory;
};

FIXTURE_VARIANT(group)
{
	struct greed greed;
	bool may_be_killed;
};

/* What is taken whole pages at a time is refused, without anyone being killed. */
FIXTURE_VARIANT_ADD(group, frames) { .greed = { take_frames, 64 } };
FIXTURE_VARIANT_ADD(group, large_frames) { .greed = { take_large_frames, 64 } };
FIXTURE_VARIANT_ADD(group, tables) { .greed = { take_tables, 16384 } };
FIXTURE_VARIANT_ADD(group, spaces) { .greed = { take_spaces, 60000 }, .may_be_killed = true };
FIXTURE_VARIANT_ADD(group, cursors) { .greed = { take_cursors, 60000 }, .may_be_killed = true };

FIXTURE_SETUP(group)
{
	self->before = vms_usage_now();
	self->fd = vms_open();
	if (self->fd < 0)
		SKIP(return, "no /dev/vmspace: %s", strerror(errno));
	if (!group_make(&self->group))
		SKIP(return, "no memory controller of cgroup v2");
	self->space = vms_new_space(self->fd);
	self->memory = vms_new_memory(self->fd, 16);
	self->cursor = vms_open_cursor_mut(self->fd, self->space, 0, G1);
	ASSERT_EQ(0, vms_activate(self->fd, self->space, 0, 0));
}

FIXTURE_TEARDOWN(group)
{
	const char *left;

	if (self->group.top[0])
		EXPECT_EQ(0, group_remove(&self->group));
	close(self->fd);
	left = vms_usage_not_back(&self->before, VMS_ANY);
	EXPECT_EQ(NULL, left) {
		TH_LOG("%s", left);
	}
}

/* All that another user does meanwhile succeeds. */
static void go_on(struct __test_metadata *_metadata, struct _test_data_group *self)
{
	struct vmspace_op op;
	__u64 value;
	int memory;

	memory = vms_new_memory(self->fd, 16);
	ASSERT_GT(memory, 0);
	ASSERT_EQ(0, vms_jump(self->fd, self->cursor, 0));
	ASSERT_EQ(0, vms_map_range(self->fd, self->cursor, memory, 0, 16, RW, 0));
	ASSERT_EQ(LOADED, vms_load(self->fd, self->space, 0, 5 * PAGE, &value));
	ASSERT_EQ(0, vms_jump(self->fd, self->cursor, 0));
	ASSERT_EQ(0, vms_unmap(self->fd, self->cursor, 16 * PAGE, 0, &op));
	ASSERT_EQ(0, vms_drop_memory(self->fd, memory));
}

TEST_F_TIMEOUT(group, greed__is_stopped_and_others_go_on, 300)
{
	double end = vms_now() + VMS_LIMIT;
	int status = 0;
	pid_t pid;

	if (vms_skipped(_metadata))
		return;
	pid = start_greedy(&self->group, &variant->greed);
	ASSERT_GT(pid, 0);
	do {
		go_on(_metadata, self);
	} while (!waitpid(pid, &status, WNOHANG));
	go_on(_metadata, self);

	if (WIFSIGNALED(status)) {
		EXPECT_TRUE(variant->may_be_killed);
		EXPECT_EQ(SIGKILL, WTERMSIG(status));
		EXPECT_EQ(1, group_kills(&self->group));
	} else {
		EXPECT_EQ(REFUSED, WEXITSTATUS(status));
		EXPECT_EQ(0, group_kills(&self->group));
	}
	/* All that was taken had been charged, and has come back. */
	end = vms_now() + VMS_LIMIT;
	while (group_number(&self->group, "memory.current") > (long)LIMIT_BYTES / 8 &&
	       vms_now() < end)
		vms_pause();
	EXPECT_GE((long)LIMIT_BYTES / 8, group_number(&self->group, "memory.current"));
}

/* --- memory that no cgroup is charged for --------------------------------- */

FIXTURE(user)
{
	int fd;
};

FIXTURE_SETUP(user)
{
	self->fd = vms_open();
	if (self->fd < 0)
		SKIP(return, "no /dev/vmspace: %s", strerror(errno));
}

FIXTURE_TEARDOWN(user)
{
	close(self->fd);
}

/* In a child. Returns whether it is nobody now, with no rights, and a limit. */
static bool become_nobody(__u64 bytes)
{
	struct rlimit limit = { .rlim_cur = bytes, .rlim_max = bytes };

	return !setrlimit(RLIMIT_MEMLOCK, &limit) && !setuid(NOBODY);
}

/* In a child: how many spaces can be active on a CPU at a time, twice. */
static int count_threads(int fd, int most)
{
	int made[2], spaces[64], round, i;

	for (round = 0; round < 2; round++) {
		int ret = 0;

		for (i = 0; i < most && !ret; i++) {
			spaces[i] = vms_new_space(fd);
			ret = vms_activate(fd, spaces[i], 0, 0);
		}
		made[round] = ret ? i - 1 : i;
		if (ret && ret != -ENOMEM)
			return OTHER_ERROR;
		/* The charge goes with the thread, which the call waits for. */
		while (i--)
			if ((i < made[round] && vms_deactivate(fd, spaces[i], 0)) ||
			    vms_drop_space(fd, spaces[i]))
				return OTHER_ERROR;
	}
	/* One is the charge of a thread that is on its way out. */
	return made[0] < most && made[1] >= made[0] - 1 && made[1] <= made[0] ? REFUSED :
	       NEVER_STOPPED;
}

/* Threads belong to the kernel: their stacks are charged as pinned memory is. */
TEST_F_TIMEOUT(user, residents__are_charged, 60)
{
	int space = vms_new_space(self->fd), status;
	pid_t pid;

	ASSERT_GT(space, 0);
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid)
		_exit(become_nobody(64 * PAGE) ? count_threads(self->fd, 64) : NOT_STARTED);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFEXITED(status));
	EXPECT_EQ(REFUSED, WEXITSTATUS(status));
	/* That was its own limit. */
	EXPECT_EQ(0, vms_activate(self->fd, space, 0, 0));
}

TEST_HARNESS_MAIN
