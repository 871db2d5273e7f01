// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module goes and comes back.
 *
 * The contract: it cannot be unloaded while a file is open, and can as soon as none
 * is, whatever is still on its way out; it can be loaded again, also where there is
 * hardly any memory; and nothing is left of it in between.
 *
 *   VMSPACE_LOADS   how often it is unloaded and loaded
 *   VMSPACE_MODULE  the module's file
 */
#include "kselftest_harness.h"
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "mappings.h"

#define LOADS		20
#define WORKERS		2
#define PAGES		64
#define BASE		0x5555557f0000ULL	/* 16 pages below the end of a table */
#define HUGEPAGES	"/proc/sys/vm/nr_hugepages"
/* What is left to a machine that is nearly full, in KiB. */
#define REST		(64L << 10)
/* Whoever runs the program has a limit for it. */
#define LIMIT		7200

/* Rounds after which the kernel's own pools have the size that they keep. */
#define WARM_UP		50
/* With fewer rounds, a page lost in each is not told from what these pools do. */
#define LOADS_TO_TELL	400

/* With work in flight where memory is nearly full; a tenth of it where there is enough. */
static unsigned int number_of_loads(void)
{
	const char *text = getenv("VMSPACE_LOADS");

	return text ? strtoul(text, NULL, 0) : LOADS;
}

/* Again and again while a file is open. */
static int unload_module_soon(void)
{
	double end = vms_now() + VMS_LIMIT;
	int ret;

	while ((ret = vms_unload_module()) == -EWOULDBLOCK && vms_now() < end)
		sched_yield();
	return ret;
}

/* The device appears a moment after the module is loaded. */
static int open_when_there(void)
{
	double end = vms_now() + VMS_LIMIT;
	int fd;

	while ((fd = vms_open()) < 0 && errno == ENOENT && vms_now() < end)
		vms_pause();
	return fd;
}

/* --- work in flight ------------------------------------------------------- */

/**
 * struct worker - a process that does everything at once until it is killed
 * @fd:		its file
 * @space:	where all CPUs are inside
 * @memory:	what is mapped there
 * @cpus:	the CPUs
 * @nr_cpus:	how many
 */
struct worker {
	int fd;
	int space;
	int memory;
	unsigned int cpus[VMS_CPUS];
	int nr_cpus;
};

static void *access_all_the_time(void *arg)
{
	struct worker *w = arg;
	unsigned int i;
	__u64 value;

	for (i = 0;; i++)
		vms_load(w->fd, w->space, w->cpus[i % w->nr_cpus], BASE + i % PAGES * PAGE,
			 &value);
	return NULL;
}

static void change_all_the_time(struct worker *w)
{
	int cursor = vms_open_cursor_mut(w->fd, w->space, BASE, BASE + PAGES * PAGE);
	struct vmspace_op op;

	for (;;) {
		vms_jump(w->fd, cursor, BASE);
		vms_map_range(w->fd, cursor, w->memory, 0, PAGES, RW, 0);
		vms_jump(w->fd, cursor, BASE);
		vms_unmap(w->fd, cursor, PAGES * PAGE, VMSPACE_DEFER, &op);
	}
}

/* In a child; one byte tells that it is at work. */
static void work(int told)
{
	static char own[16 * PAGE] __attribute__((aligned(PAGE)));
	struct worker w = { .fd = vms_open() };
	pthread_t thread;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	w.space = vms_new_space(w.fd);
	w.memory = vms_new_memory(w.fd, PAGES);
	w.nr_cpus = vms_activate_all(w.fd, w.space, VMSPACE_RESIDENT, w.cpus);
	if (w.nr_cpus <= 0 || w.memory < 0 ||
	    vms_new_reader(w.fd, w.space, w.cpus[0], BASE, PAGE) < 0 ||
	    vms_import(w.fd, own, 16, VMSPACE_WRITABLE) < 0 ||
	    vms_new_memory_of(w.fd, 4, PAGE, VMSPACE_CACHE_UC, NULL) < 0 ||
	    pthread_create(&thread, NULL, access_all_the_time, &w) ||
	    write(told, "", 1) != 1)
		_exit(1);
	change_all_the_time(&w);
}

/* Whether it came as far as working. */
static bool start_worker(pid_t *pid)
{
	int told[2];
	char byte;
	bool works;

	if (pipe(told))
		return false;
	*pid = fork();
	if (!*pid)
		work(told[1]);
	close(told[1]);
	works = *pid > 0 && read(told[0], &byte, 1) == 1;
	close(told[0]);
	return works;
}

/* --- the fixture ---------------------------------------------------------- */

FIXTURE(reload)
{
	int fd;
	int checked;
	struct vms_usage before;
	long hugepages;
};

/* A parameter, which the next one shall have too. */
static int is_checked(void)
{
	FILE *file = fopen("/sys/module/vmspace/parameters/checked", "r");
	int value;

	if (!file)
		return EOF;
	value = fgetc(file);
	fclose(file);
	return value;
}

FIXTURE_SETUP(reload)
{
	self->checked = is_checked();
	self->before = vms_usage_now();
	self->hugepages = vms_read_number(HUGEPAGES);
	self->fd = vms_open();
	if (self->fd < 0)
		SKIP(return, "no /dev/vmspace: %s", strerror(errno));
	if (access(vms_module_path(), R_OK))
		SKIP(return, "no %s to load again: set VMSPACE_MODULE", vms_module_path());
}

static int set_hugepages(long n)
{
	char text[32];

	snprintf(text, sizeof(text), "%ld", n);
	return vms_write_text(HUGEPAGES, text);
}

FIXTURE_TEARDOWN(reload)
{
	const char *left;

	close(self->fd);
	if (self->hugepages >= 0)
		set_hugepages(self->hugepages);
	EXPECT_EQ(self->checked, is_checked());
	left = vms_usage_not_back(&self->before, VMS_ANY);
	EXPECT_EQ(NULL, left) {
		TH_LOG("%s", left);
	}
}

/* Unload it as soon as those who worked are killed, and load it. */
static void reload_in_flight(struct __test_metadata *_metadata, struct _test_data_reload *self,
			     unsigned int round)
{
	pid_t pids[WORKERS];
	int i;

	for (i = 0; i < WORKERS; i++)
		ASSERT_TRUE(start_worker(&pids[i]));
	usleep(round % 8 * 500);
	ASSERT_EQ(-EWOULDBLOCK, vms_unload_module());
	ASSERT_EQ(0, close(self->fd));
	for (i = 0; i < WORKERS; i++)
		kill(pids[i], SIGKILL);
	ASSERT_EQ(0, unload_module_soon());
	EXPECT_EQ(-ENOENT, vms_unload_module());
	EXPECT_EQ(NULL, vms_module_remains());
	for (i = 0; i < WORKERS; i++)
		ASSERT_EQ(pids[i], waitpid(pids[i], NULL, 0));
	ASSERT_EQ(0, vms_load_module());
	self->fd = open_when_there();
	ASSERT_GE(self->fd, 0);
}

/* Pages that are free, those that CPUs keep for themselves included. */
static long free_pages(void)
{
	long pages, count;
	char line[128];
	FILE *file;

	vms_write_text("/proc/sys/vm/drop_caches", "3");
	pages = vms_vm_counter("nr_free_pages");
	file = fopen("/proc/zoneinfo", "r");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, " count: %ld", &count) == 1)
			pages += count;
	if (file)
		fclose(file);
	return pages;
}

/* Not a page for each round is lost. */
static void expect_memory_back(struct __test_metadata *_metadata, long before, unsigned int loads)
{
	double end = vms_now() + VMS_LIMIT;
	long lost;

	if (loads < LOADS_TO_TELL)
		return;
	/* What was freed comes back a moment later. */
	while ((lost = before - free_pages()) > loads / 2 && vms_now() < end)
		usleep(100000);
	ksft_print_msg("%ld pages fewer\n", lost);
	EXPECT_LE(lost, loads / 2);
}

/* In KiB, or -1. */
static long available(void)
{
	FILE *file = fopen("/proc/meminfo", "r");
	long value = -1;
	char line[128];

	if (!file)
		return -1;
	while (value < 0 && fgets(line, sizeof(line), file))
		if (sscanf(line, "MemAvailable: %ld", &value) != 1)
			value = -1;
	fclose(file);
	return value;
}

/* Until there is no more; nobody is killed for it. */
static int take_all(int fd)
{
	int id;

	do {
		id = vms_new_memory(fd, 256);
	} while (id > 0);
	return id;
}

TEST_F_TIMEOUT(reload, module__with_work_in_flight, LIMIT)
{
	unsigned int round, loads = (number_of_loads() + 9) / 10;

	if (vms_skipped(_metadata))
		return;
	for (round = 0; round < loads; round++)
		reload_in_flight(_metadata, self, round);
	ksft_print_msg("%u times\n", round);
	fflush(stdout);
}

TEST_F_TIMEOUT(reload, module__where_memory_is_nearly_full, LIMIT)
{
	unsigned int round, loads = number_of_loads();
	long before = 0;

	if (vms_skipped(_metadata))
		return;
	if (self->hugepages < 0)
		SKIP(return, "no hugepages to fill the memory with");
	ASSERT_EQ(0, set_hugepages(self->hugepages + (available() - REST) / 2048));
	EXPECT_GT(2 * REST, available());
	for (round = 0; round < loads; round++) {
		if (round == WARM_UP)
			before = free_pages();
		reload_in_flight(_metadata, self, round);
		ASSERT_EQ(-ENOMEM, take_all(self->fd));
		/* Others find what they need. */
		free(memset(malloc(1 << 20), 1, 1 << 20));
		ASSERT_EQ(0, close(self->fd));
		self->fd = vms_open();
		ASSERT_GE(self->fd, 0);
	}
	expect_memory_back(_metadata, before, loads);
	ksft_print_msg("%u times\n", round);
	fflush(stdout);
}

TEST_F(reload, module__is_loaded_once)
{
	if (vms_skipped(_metadata))
		return;
	EXPECT_EQ(-EEXIST, vms_load_module());
}

TEST_F(reload, module__refuses_to_unload_while_in_use)
{
	int space = vms_new_space(self->fd);
	unsigned int cpus[VMS_CPUS];

	ASSERT_GT(space, 0);
	EXPECT_EQ(-EWOULDBLOCK, vms_unload_module());
	ASSERT_LT(0, vms_activate_all(self->fd, space, VMSPACE_RESIDENT, cpus));
	EXPECT_EQ(-EWOULDBLOCK, vms_unload_module());
	EXPECT_EQ(0, vms_drop_space(self->fd, space));
	EXPECT_EQ(-EWOULDBLOCK, vms_unload_module());
}

TEST_HARNESS_MAIN
