// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tracing: every step of every operation is told, in an order that can be replayed.
 *
 * The programs below take every kind of step that there is.  Recorded, they are also
 * what logs are made of that the trace checker has to accept, and that it has to
 * reject once an event is missing or wrong; see Documentation/tracing.rst.
 */
#define _GNU_SOURCE
#include <kselftest_harness.h>
#include <sched.h>
#include <sys/stat.h>
#include "programs.h"
#include "vmspace.h"

#define TRACEFS	"/sys/kernel/tracing/instances/vmspace-selftest"
#define M2	(512 * PAGE)

/* A copy of the buffer's own, so that a recording of the whole run is left alone. */
FIXTURE(trace)
{
	int fd;
	int space;
	int memory;
};

FIXTURE_VARIANT(trace)
{
	unsigned int kind;
};

/* A page in the space of both CPUs, so that they are inside and hold it. */
static void touch(struct __test_metadata *_metadata, int fd, int space, __u64 va)
{
	__u64 value;

	ASSERT_EQ(LOADED, vms_store(fd, space, 1, va, 0x55));
	ASSERT_EQ(LOADED, vms_load(fd, space, 2, va, &value));
	EXPECT_EQ(0x55, value);
}

static int tracefs_write(const char *file, const char *text)
{
	char path[120];
	int fd, ret;

	snprintf(path, sizeof(path), TRACEFS "/%s", file);
	fd = open(path, O_WRONLY | O_TRUNC);
	if (fd < 0)
		return -errno;
	ret = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

static char *tracefs_read(void)
{
	FILE *file = fopen(TRACEFS "/trace", "r");
	char *text = NULL;
	size_t size = 0;

	if (!file)
		return NULL;
	if (getdelim(&text, &size, 0, file) < 0) {
		free(text);
		text = NULL;
	}
	fclose(file);
	return text;
}

static int tracing_begin(void)
{
	if (mkdir(TRACEFS, 0700) && errno != EEXIST)
		return -errno;
	tracefs_write("tracing_on", "0");
	tracefs_write("trace", "\n");
	tracefs_write("trace_clock", "mono");
	if (tracefs_write("events/vmspace/enable", "1"))
		return -ENOENT;
	return tracefs_write("tracing_on", "1");
}

static void tracing_end(void)
{
	tracefs_write("tracing_on", "0");
	tracefs_write("events/vmspace/enable", "0");
	rmdir(TRACEFS);
}

FIXTURE_SETUP(trace)
{
	self->fd = vms_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, vms_pin(0));
	ASSERT_EQ(0, tracing_begin());
	self->space = vms_new_space_as(self->fd, variant->kind);
	ASSERT_LT(0, self->space);
	self->memory = vms_new_memory(self->fd, 1024);
	ASSERT_LT(0, self->memory);
	ASSERT_EQ(0, vms_activate(self->fd, self->space, 1, VMSPACE_RESIDENT));
	ASSERT_EQ(0, vms_activate(self->fd, self->space, 2, VMSPACE_RESIDENT));
}

FIXTURE_TEARDOWN(trace)
{
	close(self->fd);
	tracing_end();
}

FIXTURE_VARIANT_ADD(trace, cursors) { .kind = 0 };
FIXTURE_VARIANT_ADD(trace, checked) { .kind = VMSPACE_CHECKED };
FIXTURE_VARIANT_ADD(trace, lab) { .kind = VMSPACE_LAB };

/* Whether there is an event with that name, and with that text in its line. */
static bool told(const char *log, const char *name, const char *text)
{
	char key[64];
	const char *p, *end, *found;

	snprintf(key, sizeof(key), ": %s: ", name);
	for (p = strstr(log, key); p; p = strstr(p + 1, key)) {
		end = strchrnul(p, '\n');
		found = strstr(p, text);
		if (found && found < end)
			return true;
	}
	return false;
}

TEST_F(trace, operations)
{
	struct vmspace_mapping mappings[8];
	struct vmspace_op op;
	int c, other;
	char *log;

	c = vms_open_cursor_mut(self->fd, self->space, 0, M2);
	ASSERT_LT(0, c);
	other = vms_open_cursor_mut(self->fd, self->space, M2, 2 * M2);
	ASSERT_LT(0, other);
	EXPECT_EQ(-EBUSY, vms_open_cursor_as(self->fd, VMSPACE_OP_OPEN_CURSOR, self->space, 0,
					     PAGE, VMSPACE_NONBLOCK));
	ASSERT_EQ(0, vms_map_range(self->fd, c, self->memory, 0, 4, RW, 0));
	ASSERT_EQ(0, vms_map_range(self->fd, other, self->memory, 16, 2, RO, 0));
	touch(_metadata, self->fd, self->space, 0);
	touch(_metadata, self->fd, self->space, PAGE);

	ASSERT_EQ(0, vms_jump(self->fd, c, 0));
	EXPECT_EQ(-EEXIST, vms_map(self->fd, c, self->memory, 8, RW));
	ASSERT_EQ(0, vms_protect(self->fd, c, 2 * PAGE, VMSPACE_PROP_WRITE, 0, 0, &op));
	EXPECT_EQ(FAULTED, vms_store(self->fd, self->space, 1, 0, 1));
	ASSERT_EQ(0, vms_jump(self->fd, c, 0));
	ASSERT_EQ(0, vms_protect_next(self->fd, c, PAGE, 0, VMSPACE_PROP_WRITE, 0, &op));
	ASSERT_EQ(0, vms_jump(self->fd, c, 0));
	ASSERT_EQ(0, vms_enumerate(self->fd, c, mappings, 8, VMSPACE_PROP_ACCESSED, 0, &op));
	ASSERT_EQ(0, vms_jump(self->fd, c, PAGE));
	ASSERT_EQ(0, vms_map_as(self->fd, c, self->memory, 9, RW, VMSPACE_REPLACE));
	ASSERT_EQ(0, vms_jump(self->fd, c, 0));
	ASSERT_EQ(0, vms_unmap(self->fd, c, 2 * PAGE, VMSPACE_DEFER, &op));
	ASSERT_EQ(0, vms_flush_sync(self->fd, c, &op));
	ASSERT_EQ(0, vms_unmap(self->fd, c, 2 * PAGE, VMSPACE_DEFER, &op));
	ASSERT_EQ(0, vms_drop_cursor(self->fd, c));
	EXPECT_EQ(FAULTED, vms_store(self->fd, self->space, 1, 0, 1));
	ASSERT_EQ(0, vms_jump(self->fd, other, M2));
	ASSERT_EQ(0, vms_unmap(self->fd, other, M2, 0, &op));
	ASSERT_EQ(0, vms_drop_cursor(self->fd, other));
	ASSERT_EQ(0, vms_deactivate(self->fd, self->space, 1));
	ASSERT_EQ(0, vms_deactivate(self->fd, self->space, 2));
	ASSERT_EQ(0, vms_drop_space(self->fd, self->space));

	log = tracefs_read();
	ASSERT_NE(NULL, log);
	EXPECT_TRUE(told(log, "op_start", "op=MAP"));
	EXPECT_TRUE(told(log, "op_end", "op=MAP"));
	EXPECT_TRUE(told(log, "new_space", "contract="));
	EXPECT_TRUE(told(log, "cursor_open", "start=0x0 end=0x200000"));
	EXPECT_TRUE(told(log, "cursor_lock", "start=0x0 end=0x200000"));
	EXPECT_TRUE(told(log, "cursor_drop", "start=0x0 end=0x1000"));
	EXPECT_TRUE(told(log, "map_start", "va=0x0 size=0x4000"));
	EXPECT_TRUE(told(log, "map_op_start", ""));
	EXPECT_TRUE(told(log, "map_end", "va=0x4000 pages=4 result=0"));
	EXPECT_TRUE(told(log, "map_end", "va=0x0 pages=0 result=-17"));
	EXPECT_TRUE(told(log, "entry_write", "va=0x3000 level=1 old=0x0 new=0x8"));
	EXPECT_TRUE(told(log, "protect_start", "va=0x0 size=0x2000 clear=0x2 set=0x0"));
	EXPECT_TRUE(told(log, "protect_op_start", ""));
	EXPECT_TRUE(told(log, "protect_op_end", ""));
	EXPECT_TRUE(told(log, "protect_end", "va=0x2000 pages=2 result=0"));
	EXPECT_TRUE(told(log, "unmap_start", "va=0x0 size=0x2000"));
	EXPECT_TRUE(told(log, "unmap_op_start", ""));
	EXPECT_TRUE(told(log, "unmap_op_end", ""));
	EXPECT_TRUE(told(log, "unmap_end", "va=0x2000 pages=2 result=0 deferred=1"));
	EXPECT_TRUE(told(log, "shootdown_page", "va=0x0"));
	EXPECT_TRUE(told(log, "initiate_shootdown", "flush=2 full=0 scope=gathered"));
	EXPECT_TRUE(told(log, "ack_shootdown_ipi", "flushed=2 first=0x0 full=0"));
	EXPECT_TRUE(told(log, "end_shootdown", "sent=2"));
	EXPECT_TRUE(told(log, "release", "pages=2"));
	EXPECT_TRUE(told(log, "enter", "space="));
	EXPECT_TRUE(told(log, "leave", "ns="));
	EXPECT_TRUE(told(log, "access", "kind=store va=0x0 len=8 value=0x55 done=8"));
	EXPECT_TRUE(told(log, "access", "kind=store va=0x0 len=8 value=0x1 done=0"));
	EXPECT_TRUE(told(log, "access", "kind=load va=0x0 len=8 value=0x55 done=8"));
	free(log);
}

TEST_F(trace, large_pages)
{
	int memory = vms_new_memory_of(self->fd, 2, M2, VMSPACE_CACHE_WB, NULL);
	struct vmspace_op op;
	char *log;
	int c;

	ASSERT_LT(0, memory);
	c = vms_open_cursor_as(self->fd, VMSPACE_OP_OPEN_CURSOR_MUT, self->space, 0, 4 * M2,
			       VMSPACE_PAGE_2M);
	ASSERT_LT(0, c);
	/* A table that becomes empty, where a large page goes next. */
	ASSERT_EQ(0, vms_map(self->fd, c, self->memory, 0, RW));
	ASSERT_EQ(0, vms_jump(self->fd, c, 0));
	ASSERT_EQ(0, vms_unmap(self->fd, c, PAGE, 0, &op));
	ASSERT_EQ(0, vms_jump(self->fd, c, 0));
	ASSERT_EQ(0, vms_map_range(self->fd, c, memory, 0, 1024, RW, VMSPACE_PAGE_2M));
	touch(_metadata, self->fd, self->space, 5 * PAGE);
	touch(_metadata, self->fd, self->space, M2);

	/* Both of its ends are split off. */
	ASSERT_EQ(0, vms_jump(self->fd, c, 5 * PAGE));
	ASSERT_EQ(0, vms_unmap(self->fd, c, PAGE, 0, &op));
	/* A table that is nearly full has to make way. */
	ASSERT_EQ(0, vms_jump(self->fd, c, 0));
	ASSERT_EQ(0, vms_map_as(self->fd, c, memory, 512, RW, VMSPACE_REPLACE));
	ASSERT_EQ(0, vms_jump(self->fd, c, 0));
	ASSERT_EQ(0, vms_map_range(self->fd, c, memory, 0, 512, RW,
				   VMSPACE_REPLACE | VMSPACE_PAGE_2M));
	touch(_metadata, self->fd, self->space, 7 * PAGE);
	ASSERT_EQ(0, vms_jump(self->fd, c, 0));
	ASSERT_EQ(0, vms_protect(self->fd, c, 3 * PAGE, VMSPACE_PROP_READ, 0, 0, &op));
	EXPECT_EQ(FAULTED, vms_store(self->fd, self->space, 1, PAGE, 1));
	ASSERT_EQ(0, vms_jump(self->fd, c, 0));
	ASSERT_EQ(0, vms_unmap(self->fd, c, 4 * M2, 0, &op));
	ASSERT_EQ(0, vms_drop_cursor(self->fd, c));
	ASSERT_EQ(0, vms_drop_space(self->fd, self->space));

	log = tracefs_read();
	ASSERT_NE(NULL, log);
	EXPECT_TRUE(told(log, "map_start", "size=0x400000"));
	EXPECT_TRUE(told(log, "entry_write", "va=0x200000 level=2 old=0x0 new=0x8"));
	EXPECT_TRUE(told(log, "initiate_shootdown", "flush=1 full=0 scope=page"));
	EXPECT_TRUE(told(log, "initiate_shootdown", "flush=0 full=1 scope=gathered"));
	EXPECT_TRUE(told(log, "unmap_end", "va=0x6000 pages=1 result=0"));
	EXPECT_TRUE(told(log, "unmap_end", "va=0x800000 pages=1024 result=0"));
	EXPECT_TRUE(told(log, "release", "tables=1"));
	free(log);
}

TEST_F(trace, copies)
{
	int reader, writer, c;
	struct vmspace_op op;
	char bytes[64] = "bytes";
	char *log;

	c = vms_open_cursor_mut(self->fd, self->space, 0, M2);
	ASSERT_LT(0, c);
	ASSERT_EQ(0, vms_map(self->fd, c, self->memory, 0, RW));
	writer = vms_new_writer(self->fd, self->space, 1, 0, 64);
	ASSERT_LT(0, writer);
	reader = vms_new_reader(self->fd, self->space, 2, 0, 64);
	ASSERT_LT(0, reader);
	EXPECT_EQ(0, vms_write(self->fd, writer, bytes, 64, &op));
	EXPECT_EQ(0, vms_read(self->fd, reader, bytes, 64, &op));

	log = tracefs_read();
	ASSERT_NE(NULL, log);
	EXPECT_TRUE(told(log, "access", "kind=copy_to va=0x0 len=64"));
	EXPECT_TRUE(told(log, "access", "kind=copy_from va=0x0 len=64"));
	free(log);
}

/* A space with one page that two CPUs hold, and a cursor on it. */
static int lab_page(struct __test_metadata *_metadata, int fd, int space, int memory, __u64 va)
{
	int c = vms_open_cursor_mut(fd, space, va, va + PAGE);

	ASSERT_LT(0, c);
	ASSERT_EQ(0, vms_map(fd, c, memory, va / PAGE, RW));
	touch(_metadata, fd, space, va);
	ASSERT_EQ(0, vms_jump(fd, c, va));
	return c;
}

TEST(trace__lab)
{
	static const unsigned int how[] = { VMSPACE_FLUSH_NONE, VMSPACE_FLUSH_LOCAL,
					    VMSPACE_FLUSH_TARGETS };
	const __u64 cpus = 1 << 1;
	struct vmspace_op op;
	int fd, space, memory, c;
	unsigned int i;
	__u64 value;
	char *log;

	fd = vms_open();
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, vms_pin(0));
	ASSERT_EQ(0, tracing_begin());
	space = vms_new_space_as(fd, VMSPACE_LAB);
	memory = vms_new_memory(fd, 8);
	ASSERT_EQ(0, vms_activate(fd, space, 1, VMSPACE_RESIDENT));
	ASSERT_EQ(0, vms_activate(fd, space, 2, VMSPACE_RESIDENT));
	for (i = 0; i < 3; i++) {
		c = lab_page(_metadata, fd, space, memory, i * PAGE);
		ASSERT_EQ(0, vms_set_targets(fd, c, &cpus, sizeof(cpus)));
		ASSERT_EQ(0, vms_unmap(fd, c, PAGE, how[i], &op));
		/* Stale or not, both may be. */
		ASSERT_LE(0, vms_load(fd, space, 2, i * PAGE, &value));
		ASSERT_EQ(0, vms_drop_cursor(fd, c));
	}
	ASSERT_EQ(0, vms_drop_space(fd, space));
	close(fd);

	log = tracefs_read();
	ASSERT_NE(NULL, log);
	EXPECT_TRUE(told(log, "new_space", "contract=lab"));
	EXPECT_TRUE(told(log, "quarantine", "pages=1"));
	EXPECT_TRUE(told(log, "initiate_shootdown", "scope=partial"));
	free(log);
	tracing_end();
}

TEST(trace__strict)
{
	int fd, space, memory, c;
	struct vmspace_op op;
	unsigned int i;
	char *log;

	fd = vms_open();
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, vms_pin(0));
	ASSERT_EQ(0, tracing_begin());
	space = vms_new_space_as(fd, VMSPACE_STRICT);
	ASSERT_LT(0, space);
	memory = vms_new_memory(fd, 8);
	ASSERT_EQ(0, vms_activate(fd, space, 1, VMSPACE_RESIDENT));
	ASSERT_EQ(0, vms_activate(fd, space, 2, VMSPACE_RESIDENT));
	c = vms_open_cursor_mut(fd, space, 0, 4 * M2);
	ASSERT_LT(0, c);
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, vms_map(fd, c, memory, i, RW));
	ASSERT_EQ(0, vms_jump(fd, c, 0));
	EXPECT_EQ(-EEXIST, vms_map(fd, c, memory, 5, RW));
	touch(_metadata, fd, space, 0);
	touch(_metadata, fd, space, PAGE);
	ASSERT_EQ(0, vms_protect_next(fd, c, PAGE, VMSPACE_PROP_WRITE, 0, 0, &op));
	EXPECT_EQ(FAULTED, vms_store(fd, space, 1, 0, 1));
	ASSERT_EQ(0, vms_jump(fd, c, 0));
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, vms_unmap(fd, c, PAGE, 0, &op));
	EXPECT_EQ(-ENOENT, vms_unmap(fd, c, PAGE, 0, &op));
	ASSERT_EQ(0, vms_drop_cursor(fd, c));
	ASSERT_EQ(0, vms_drop_space(fd, space));
	close(fd);

	log = tracefs_read();
	ASSERT_NE(NULL, log);
	EXPECT_TRUE(told(log, "new_space", "contract=strict"));
	EXPECT_FALSE(told(log, "violation", ""));
	free(log);
	tracing_end();
}

TEST_HARNESS_MAIN
