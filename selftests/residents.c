// SPDX-License-Identifier: GPL-2.0-only
/*
 * Residents: CPUs that live in spaces.  They are inside nearly all the time when
 * nobody wants the CPU, in short stays; they give way to all others at once, take
 * turns with each other, and nothing that happens to the CPU or to those who use
 * them breaks them.
 *
 * VMSPACE_NMI tells how many NMIs a second CPU 0 gets while this runs.
 */
#include "kselftest_harness.h"
#include <linux/membarrier.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include "programs.h"

#define BASE	0x5555600000ULL
#define PAGES	16
#define TAG	0xfeed000000000000ULL

/* Whatever else an emulator has to do; a stay that is not bounded goes on for ever. */
#define STAY_LIMIT	2000000000ULL	/* ns */

FIXTURE(residents)
{
	struct vms_usage before;
	int fd;
	struct vmspace_info info;
	unsigned int nr_cpus;
	unsigned int cpus[VMS_CPUS];
};

FIXTURE_SETUP(residents)
{
	int space;

	self->before = vms_usage_settled();
	self->fd = vms_open();
	if (self->fd < 0)
		SKIP(return, "no /dev/vmspace: %s", strerror(errno));
	ASSERT_EQ(0, vms_info(self->fd, &self->info));
	space = vms_new_space(self->fd);
	ASSERT_GT(space, 0);
	self->nr_cpus = vms_activate_all(self->fd, space, 0, self->cpus);
	ASSERT_GT(self->nr_cpus, 0);
	ASSERT_EQ(0, vms_drop_space(self->fd, space));
	ASSERT_EQ(0, vms_pin(self->cpus[0]));
}

FIXTURE_TEARDOWN(residents)
{
	const char *left;

	close(self->fd);
	left = vms_usage_not_back(&self->before, VMS_ANY);
	EXPECT_EQ(NULL, left)
		TH_LOG("%s", left);
}

/* A space in which page i shows TAG + i. */
static int new_space(int fd)
{
	int space = vms_new_space(fd), memory, cursor;
	__u64 offset, i, *view;

	if (space < 0)
		return space;
	memory = vms_new_memory_of(fd, PAGES, PAGE, VMSPACE_CACHE_WB, &offset);
	if (memory < 0)
		return memory;
	view = vms_view(fd, offset, PAGES);
	if (view == MAP_FAILED)
		return -errno;
	for (i = 0; i < PAGES; i++)
		view[i * PAGE / 8] = TAG + i;
	munmap(view, PAGES * PAGE);
	cursor = vms_open_cursor_mut(fd, space, BASE, BASE + PAGES * PAGE);
	if (cursor < 0)
		return cursor;
	return vms_map_range(fd, cursor, memory, 0, PAGES, RW, 0) ?:
	       vms_drop_cursor(fd, cursor) ?: vms_drop_memory(fd, memory) ?: space;
}

static struct vmspace_op cpu_stat(struct __test_metadata *_metadata, int fd, int space,
				  unsigned int cpu)
{
	struct vmspace_op op;

	ASSERT_EQ(0, vms_cpu_stat(fd, space, cpu, &op));
	return op;
}

static bool is_inside(struct __test_metadata *_metadata, int fd, int space, unsigned int cpu)
{
	return cpu_stat(_metadata, fd, space, cpu).cpu_stat.state & VMSPACE_CPU_INSIDE;
}

static __u64 entered(struct __test_metadata *_metadata, int fd, int space, unsigned int cpu)
{
	return cpu_stat(_metadata, fd, space, cpu).cpu_stat.entered;
}

/* Wait until it has gone inside as often again. */
static bool enters(struct __test_metadata *_metadata, int fd, int space, unsigned int cpu,
		   unsigned int times)
{
	__u64 before = entered(_metadata, fd, space, cpu);
	double end = vms_now() + VMS_LIMIT;

	while (entered(_metadata, fd, space, cpu) < before + times) {
		if (vms_now() > end)
			return false;
		vms_pause();
	}
	return true;
}

/* --- stays ---------------------------------------------------------------- */

/* How long stays were: as text, and the longest; none is longer than the limit. */
static void report_stays(struct __test_metadata *_metadata, struct _test_data_residents *self,
			 int space, unsigned int cpu)
{
	__u64 buckets[VMSPACE_BUCKETS];
	char text[512] = "";
	struct vmspace_op op;
	unsigned int i;

	ASSERT_EQ(0, vms_histogram(self->fd, space, cpu, VMSPACE_TIME_STAY, buckets,
				   VMSPACE_BUCKETS, &op));
	for (i = 0; i < VMSPACE_BUCKETS; i++)
		if (buckets[i])
			snprintf(text + strlen(text), sizeof(text) - strlen(text),
				 " %llux%llu", 1ULL << i, (unsigned long long)buckets[i]);
	report("cpu %u: stays of at least so many ns:%s; the longest %llu us\n", cpu, text,
	       (unsigned long long)op.histogram.max / 1000);
	EXPECT_LT(op.histogram.max, STAY_LIMIT);
}

TEST_F_TIMEOUT(residents, stay__nearly_always_on_an_idle_cpu, 60)
{
	unsigned int i, sample, inside[VMS_CPUS] = {};
	int space = new_space(self->fd);
	const unsigned int samples = 300;

	ASSERT_GT(space, 0);
	ASSERT_EQ(self->nr_cpus, vms_activate_all(self->fd, space, VMSPACE_RESIDENT, self->cpus));
	for (i = 0; i < self->nr_cpus; i++)
		ASSERT_TRUE(enters(_metadata, self->fd, space, self->cpus[i], 2));
	for (sample = 0; sample < samples; sample++) {
		usleep(3000);
		for (i = 1; i < self->nr_cpus; i++)
			inside[i] += is_inside(_metadata, self->fd, space, self->cpus[i]);
		/* Where this runs nobody is inside. */
		EXPECT_FALSE(is_inside(_metadata, self->fd, space, self->cpus[0]));
	}
	for (i = 1; i < self->nr_cpus; i++) {
		report("cpu %u: found inside %u times of %u\n", self->cpus[i], inside[i],
		       samples);
		EXPECT_GT(inside[i], samples / 2);
		report_stays(_metadata, self, space, self->cpus[i]);
	}
}

/* A row of stays, not one: each is over after a millisecond. */
TEST_F(residents, stay__again_and_again)
{
	int space = new_space(self->fd);
	unsigned int i;

	ASSERT_GT(space, 0);
	ASSERT_EQ(self->nr_cpus, vms_activate_all(self->fd, space, VMSPACE_RESIDENT, self->cpus));
	for (i = 1; i < self->nr_cpus; i++)
		EXPECT_TRUE(enters(_metadata, self->fd, space, self->cpus[i], 100));
}

/* Who is not a resident goes inside when asked, and only then. */
TEST_F(residents, stay__only_when_asked)
{
	const unsigned int cpu = self->cpus[self->nr_cpus - 1];
	int space = new_space(self->fd);
	__u64 value, before;

	ASSERT_GT(space, 0);
	ASSERT_EQ(0, vms_activate(self->fd, space, cpu, 0));
	usleep(50000);
	EXPECT_EQ(0, entered(_metadata, self->fd, space, cpu));
	ASSERT_EQ(LOADED, vms_load(self->fd, space, cpu, BASE, &value));
	before = entered(_metadata, self->fd, space, cpu);
	EXPECT_GE(before, 1);
	usleep(50000);
	EXPECT_EQ(before, entered(_metadata, self->fd, space, cpu));
	EXPECT_FALSE(is_inside(_metadata, self->fd, space, cpu));
}

/* --- several spaces ------------------------------------------------------- */

#define SPACES	4

TEST_F_TIMEOUT(residents, spaces__each_on_a_cpu_of_its_own, 60)
{
	int spaces[SPACES];
	unsigned int i, nr = self->nr_cpus > SPACES ? SPACES : self->nr_cpus;
	__u64 value;

	for (i = 0; i < nr; i++) {
		spaces[i] = new_space(self->fd);
		ASSERT_GT(spaces[i], 0);
		ASSERT_EQ(0, vms_activate(self->fd, spaces[i], self->cpus[i], VMSPACE_RESIDENT));
	}
	for (i = 0; i < nr; i++) {
		EXPECT_TRUE(enters(_metadata, self->fd, spaces[i], self->cpus[i], 10));
		EXPECT_EQ(LOADED, vms_load(self->fd, spaces[i], self->cpus[i], BASE + PAGE,
					   &value));
		EXPECT_EQ(TAG + 1, value);
	}
}

/* On one CPU they take turns, and none has to wait for long. */
TEST_F_TIMEOUT(residents, spaces__take_turns_on_one_cpu, 60)
{
	const unsigned int cpu = self->cpus[self->nr_cpus - 1];
	__u64 before[SPACES], times, least = -1, most = 0, value;
	int spaces[SPACES];
	unsigned int i;

	for (i = 0; i < SPACES; i++) {
		spaces[i] = new_space(self->fd);
		ASSERT_GT(spaces[i], 0);
		ASSERT_EQ(0, vms_activate(self->fd, spaces[i], cpu, VMSPACE_RESIDENT));
	}
	for (i = 0; i < SPACES; i++)
		ASSERT_TRUE(enters(_metadata, self->fd, spaces[i], cpu, 2));
	for (i = 0; i < SPACES; i++)
		before[i] = entered(_metadata, self->fd, spaces[i], cpu);
	sleep(2);
	for (i = 0; i < SPACES; i++) {
		times = entered(_metadata, self->fd, spaces[i], cpu) - before[i];
		least = times < least ? times : least;
		most = times > most ? times : most;
	}
	report("%u spaces on one CPU went inside %llu to %llu times in 2 s\n", SPACES,
	       (unsigned long long)least, (unsigned long long)most);
	EXPECT_GE(least, 10);
	EXPECT_LE(most, 2 * least + 10);
	/* Those whose turn it is not are still there for those who ask. */
	for (i = 0; i < SPACES; i++)
		EXPECT_EQ(LOADED, vms_load(self->fd, spaces[i], cpu, BASE, &value));
	/* One goes, the others go on. */
	for (i = 0; i + 1 < SPACES; i++) {
		ASSERT_EQ(0, vms_drop_space(self->fd, spaces[i]));
		EXPECT_TRUE(enters(_metadata, self->fd, spaces[SPACES - 1], cpu, 10));
	}
}

/* --- others come first ---------------------------------------------------- */

/**
 * struct hog - a thread that needs all of a CPU
 * @cpu:	which
 * @seconds:	for how long
 * @share:	what it got of it
 */
struct hog {
	pthread_t thread;
	unsigned int cpu;
	double seconds;
	double share;
};

static double thread_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void *hog_cpu(void *arg)
{
	struct hog *h = arg;
	double begun, used;

	vms_pin(h->cpu);
	begun = vms_now();
	used = thread_seconds();
	while (vms_now() < begun + h->seconds)
		__builtin_ia32_pause();
	h->share = (thread_seconds() - used) / (vms_now() - begun);
	return NULL;
}

TEST_F_TIMEOUT(residents, others__get_nearly_all_of_the_cpu, 60)
{
	struct hog hog = { .cpu = self->cpus[self->nr_cpus - 1], .seconds = 2 };
	unsigned int i;

	for (i = 0; i < 2; i++) {
		int space = new_space(self->fd);

		ASSERT_GT(space, 0);
		ASSERT_EQ(0, vms_activate(self->fd, space, hog.cpu, VMSPACE_RESIDENT));
		ASSERT_TRUE(enters(_metadata, self->fd, space, hog.cpu, 2));
		ASSERT_EQ(0, pthread_create(&hog.thread, NULL, hog_cpu, &hog));
		pthread_join(hog.thread, NULL);
		report("with %u resident(s) a busy thread got %.1f %% of the CPU\n", i + 1,
		       100 * hog.share);
		EXPECT_GT(hog.share, 0.6);
		/* And they are back when it has gone. */
		EXPECT_TRUE(enters(_metadata, self->fd, space, hog.cpu, 2));
	}
}

/* While someone else is busy there, those who ask are still served. */
TEST_F_TIMEOUT(residents, others__do_not_keep_requests_waiting, 60)
{
	struct hog hog = { .cpu = self->cpus[self->nr_cpus - 1], .seconds = 3 };
	unsigned int loads = 0;
	int space = new_space(self->fd);
	__u64 value, begun, took, longest = 0;
	double end;

	ASSERT_GT(space, 0);
	ASSERT_EQ(0, vms_activate(self->fd, space, hog.cpu, VMSPACE_RESIDENT));
	ASSERT_EQ(0, pthread_create(&hog.thread, NULL, hog_cpu, &hog));
	for (end = vms_now() + 2; vms_now() < end; loads++) {
		begun = vms_ns();
		ASSERT_EQ(LOADED, vms_load(self->fd, space, hog.cpu, BASE, &value));
		took = vms_ns() - begun;
		longest = took > longest ? took : longest;
		vms_pause();
	}
	pthread_join(hog.thread, NULL);
	report("%u loads beside a busy thread, the longest took %llu us\n", loads,
	       (unsigned long long)longest / 1000);
	EXPECT_LT(longest, STAY_LIMIT);
}

static __u64 slowest_grace_period(unsigned int rounds)
{
	__u64 longest = 0;

	while (rounds--) {
		__u64 begun = vms_ns(), took;

		syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
		took = vms_ns() - begun;
		longest = took > longest ? took : longest;
	}
	return longest;
}

/* MEMBARRIER_CMD_GLOBAL is synchronize_rcu(). */
TEST_F_TIMEOUT(residents, rcu__is_not_delayed, 60)
{
	unsigned int cpus[VMS_CPUS];
	__u64 without, with;
	unsigned int i;
	int space;

	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		SKIP(return, "no membarrier(2)");
	without = slowest_grace_period(20);
	for (i = 0; i < 2; i++) {
		space = new_space(self->fd);
		ASSERT_GT(space, 0);
		ASSERT_EQ(self->nr_cpus, vms_activate_all(self->fd, space, VMSPACE_RESIDENT,
							  cpus));
	}
	for (i = 1; i < self->nr_cpus; i++)
		ASSERT_TRUE(enters(_metadata, self->fd, space, cpus[i], 2));
	with = slowest_grace_period(20);
	report("the slowest of 20 grace periods: %llu us, with residents %llu us\n",
	       (unsigned long long)without / 1000, (unsigned long long)with / 1000);
	EXPECT_LT(with, STAY_LIMIT);
}

/* --- CPUs that come and go ------------------------------------------------ */

static bool removable(unsigned int cpu)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/online", cpu);
	return !access(path, W_OK);
}

TEST_F_TIMEOUT(residents, cpu__comes_back_with_its_residents, 60)
{
	const unsigned int cpu = self->cpus[self->nr_cpus - 1];
	int spaces[2];
	unsigned int i, round;
	__u64 before;

	if (self->nr_cpus < 2 || !removable(cpu))
		SKIP(return, "no CPU can be taken away");
	for (i = 0; i < 2; i++) {
		spaces[i] = new_space(self->fd);
		ASSERT_GT(spaces[i], 0);
		ASSERT_EQ(0, vms_activate(self->fd, spaces[i], cpu, VMSPACE_RESIDENT));
	}
	for (round = 0; round < 3; round++) {
		ASSERT_EQ(0, vms_set_online(cpu, "0"));
		before = entered(_metadata, self->fd, spaces[0], cpu);
		usleep(20000);
		EXPECT_EQ(before, entered(_metadata, self->fd, spaces[0], cpu));
		EXPECT_FALSE(is_inside(_metadata, self->fd, spaces[0], cpu));
		ASSERT_EQ(0, vms_set_online(cpu, "1"));
		/* Nobody asks. */
		for (i = 0; i < 2; i++)
			EXPECT_TRUE(enters(_metadata, self->fd, spaces[i], cpu, 5));
	}
}

/**
 * struct storm - what happens at once
 * @fd:		the file
 * @space:	the space in which everybody works
 * @stop:	to stop them
 * @failure:	an error that must not be
 * @wrong:	loads that saw what they must not see
 * @loads:	that were made
 * @runs:	access programs that were run
 * @shots:	changes that were made
 */
struct storm {
	int fd;
	int space;
	unsigned int nr_cpus;
	unsigned int cpus[VMS_CPUS];
	atomic_bool stop;
	atomic_int failure;
	atomic_uint wrong;
	atomic_uint loads;
	atomic_uint runs;
	atomic_uint shots;
};

static void storm_fails(struct storm *s, int error)
{
	if (error)
		atomic_store(&s->failure, error);
}

/* The page at BASE stays, the next one comes and goes; it shows TAG + 1 or faults. */
static void *storm_loads(void *arg)
{
	struct storm *s = arg;
	unsigned int i = 0;
	__u64 value;

	while (!atomic_load(&s->stop)) {
		const __u64 page = i % 2;
		int ret = vms_load(s->fd, s->space, s->cpus[i++ % s->nr_cpus], BASE + page * PAGE,
				   &value);

		if (ret < 0)
			storm_fails(s, ret == -ENODEV ? 0 : ret);
		else if (ret == LOADED ? value != TAG + page : !page)
			atomic_fetch_add(&s->wrong, 1);
		atomic_fetch_add(&s->loads, 1);
	}
	return NULL;
}

static void *storm_shoots(void *arg)
{
	struct storm *s = arg;
	int cursor = vms_open_cursor_mut(s->fd, s->space, BASE + PAGE, BASE + 2 * PAGE);
	int memory = vms_new_memory(s->fd, 1);
	struct vmspace_op op;
	__u64 value;

	storm_fails(s, cursor < 0 ? cursor : memory < 0 ? memory : 0);
	while (!atomic_load(&s->stop) && !atomic_load(&s->failure)) {
		const unsigned int cpu = s->cpus[atomic_fetch_add(&s->shots, 1) % s->nr_cpus];

		storm_fails(s, vms_jump(s->fd, cursor, BASE + PAGE) ?:
			    vms_protect(s->fd, cursor, PAGE, VMSPACE_PROP_READ, 0, 0, &op));
		/* Nobody loads it from now on. */
		if (vms_load(s->fd, s->space, cpu, BASE + PAGE, &value) == LOADED)
			atomic_fetch_add(&s->wrong, 1);
		storm_fails(s, vms_jump(s->fd, cursor, BASE + PAGE) ?:
			    vms_protect(s->fd, cursor, PAGE, 0, VMSPACE_PROP_READ, 0, &op));
	}
	return NULL;
}

/* Programs on all CPUs, of which some may be away. */
static void *storm_runs(void *arg)
{
	struct storm *s = arg;
	struct vms_crew *crew = calloc(1, sizeof(*crew));
	unsigned int i;
	int ret;

	crew->fd = s->fd;
	crew->space = s->space;
	crew->timeout_us = 5000;
	crew->nr = s->nr_cpus;
	while (!atomic_load(&s->stop)) {
		for (i = 0; i < crew->nr; i++) {
			crew->code[i].cpu = s->cpus[i];
			crew->code[i].nr = 0;
			vms_emit_load(&crew->code[i], BASE, 100, VMSPACE_UNTIL_FAULT, 0);
			vms_emit_wait(&crew->code[i], (i + 1) % crew->nr, 0);
		}
		ret = vms_crew_run(crew);
		storm_fails(s, ret == -ENODEV ? 0 : ret);
		for (i = 0; i < crew->nr && !ret; i++)
			if (crew->code[i].insns[0].end &&
			    crew->code[i].insns[0].value != TAG)
				atomic_fetch_add(&s->wrong, 1);
		atomic_fetch_add(&s->runs, 1);
		vms_pause();
	}
	free(crew);
	return NULL;
}

/* A process with residents of its own, that maps and unmaps until it is killed. */
static pid_t start_victim(void)
{
	pid_t pid = fork();
	unsigned int cpus[VMS_CPUS];
	struct vmspace_op op;
	int fd, space, cursor;

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fd = vms_open();
	space = new_space(fd);
	vms_activate_all(fd, space, VMSPACE_RESIDENT, cpus);
	cursor = vms_open_cursor_mut(fd, space, BASE, BASE + PAGES * PAGE);
	for (;;) {
		vms_jump(fd, cursor, BASE);
		vms_protect(fd, cursor, PAGES * PAGE, VMSPACE_PROP_WRITE, 0, VMSPACE_DEFER, &op);
		vms_jump(fd, cursor, BASE);
		vms_protect(fd, cursor, PAGES * PAGE, 0, VMSPACE_PROP_WRITE, 0, &op);
	}
}

static int kill_victim(pid_t pid)
{
	if (kill(pid, SIGKILL) || waitpid(pid, NULL, 0) != pid)
		return -errno;
	return 0;
}

#define STORM_SECONDS	8

TEST_F_TIMEOUT(residents, storm__of_everything_at_once, 240)
{
	static void *(*const threads[])(void *arg) = { storm_loads, storm_shoots, storm_runs };
	pthread_t running[ARRAY_SIZE(threads)];
	struct storm *s = calloc(1, sizeof(*s));
	unsigned int i, unplugged = 0, killed = 0, refused = 0;
	double end;

	ASSERT_NE(NULL, s);
	s->fd = self->fd;
	s->space = new_space(self->fd);
	ASSERT_GT(s->space, 0);
	s->nr_cpus = vms_activate_all(self->fd, s->space, VMSPACE_RESIDENT, s->cpus);
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		ASSERT_EQ(0, pthread_create(&running[i], NULL, threads[i], s));
	for (end = vms_now() + STORM_SECONDS; vms_now() < end && !atomic_load(&s->failure);) {
		const unsigned int cpu = s->cpus[unplugged % s->nr_cpus];
		pid_t victim = start_victim();

		ASSERT_GT(victim, 0);
		EXPECT_EQ(-1, syscall(SYS_delete_module, "vmspace", O_NONBLOCK));
		EXPECT_EQ(EWOULDBLOCK, errno);
		refused++;
		if (removable(cpu)) {
			ASSERT_EQ(0, vms_set_online(cpu, "0"));
			usleep(10000);
			ASSERT_EQ(0, vms_set_online(cpu, "1"));
		}
		unplugged++;
		ASSERT_EQ(0, kill_victim(victim));
		killed++;
	}
	atomic_store(&s->stop, true);
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		ASSERT_EQ(0, pthread_join(running[i], NULL));
	EXPECT_EQ(0, s->failure);
	EXPECT_EQ(0, s->wrong);
	report("%u CPUs unplugged, %u processes killed, %u unloads refused\n", unplugged, killed,
	       refused);
	report("%u loads, %u runs, %u changes\n", s->loads, s->runs, s->shots);
	EXPECT_GT(unplugged, 3);
	EXPECT_GT(s->loads, 0);
	EXPECT_GT(s->runs, 0);
	EXPECT_GT(s->shots, 0);
	/* All CPUs are there again, and so are their residents. */
	for (i = 1; i < s->nr_cpus; i++)
		EXPECT_TRUE(enters(_metadata, self->fd, s->space, s->cpus[i], 5));
	free(s);
}

/* --- NMIs ----------------------------------------------------------------- */

static long nmis_on_cpu_0(void)
{
	FILE *file = fopen("/proc/interrupts", "r");
	char line[4096], *p = NULL;

	if (!file)
		return -errno;
	while (!p && fgets(line, sizeof(line), file))
		p = strstr(line, "NMI:");
	fclose(file);
	return p ? strtol(p + 4, NULL, 10) : -ENOENT;
}

/* They come at any moment, inside too, and what CPU 0 loads is right all the same. */
TEST_F_TIMEOUT(residents, nmi__inside_a_space, 60)
{
	const char *rate = getenv("VMSPACE_NMI");
	unsigned int samples = 0, inside = 0;
	int space = new_space(self->fd);
	__u64 value, loads = 0;
	long before, nmis;
	double begun;

	if (self->cpus[0] || self->nr_cpus < 2)
		SKIP(return, "needs CPU 0 and another one");
	ASSERT_GT(space, 0);
	ASSERT_EQ(0, vms_activate(self->fd, space, 0, VMSPACE_RESIDENT));
	ASSERT_EQ(0, vms_pin(self->cpus[1]));
	ASSERT_TRUE(enters(_metadata, self->fd, space, 0, 2));
	before = nmis_on_cpu_0();
	ASSERT_GE(before, 0);
	for (begun = vms_now(); vms_now() < begun + 3; samples++) {
		usleep(2000);
		inside += is_inside(_metadata, self->fd, space, 0);
		if (samples % 16)
			continue;
		ASSERT_EQ(LOADED, vms_load(self->fd, space, 0, BASE + PAGE, &value));
		ASSERT_EQ(TAG + 1, value);
		loads++;
	}
	nmis = nmis_on_cpu_0() - before;
	report("CPU 0: %ld NMIs in 3 s, found inside %u times of %u; %llu loads\n", nmis, inside,
	       samples, (unsigned long long)loads);
	EXPECT_GT(inside, samples / 4);
	EXPECT_TRUE(enters(_metadata, self->fd, space, 0, 5));
	if (rate)
		EXPECT_GE(nmis, atol(rate));
}

TEST_HARNESS_MAIN
