// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it costs to have other CPUs flush: the round trip of the interrupts, by the
 * module's own clock, against that of interrupts to the same CPUs that do nothing;
 * and the whole call against Linux's, with threads of this process live there.
 *
 * A sample counts only if the handler ran on every one of the CPUs meanwhile, by
 * the module's own count, and the kernel's for Linux.
 */
#define _GNU_SOURCE
#include <floor.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include "bench.h"

#define SAMPLES		201
#define MAX_REMOTE	3
#define BATCH		64

/* Pages on either side stay mapped, so that no table is unlinked unless asked for. */
#define AT		(BASE + PAGE)

/**
 * struct action - what is measured
 * @name:	of the row
 * @pages:	it is done to
 * @protect:	rights are taken from them; else they are unmapped
 * @batch:	they are unmapped one by one, and flushed together
 * @table:	their table goes as well
 */
struct action {
	const char *name;
	unsigned int pages;
	bool protect;
	bool batch;
	bool table;
};

/**
 * struct sample - one action
 * @call:	what the call took, in ns
 * @trip:	of these, from sending the interrupts to the last acknowledgment
 * @handlers:	how many ran
 */
struct sample {
	double call;
	double trip;
	unsigned long long handlers;
};

static const struct action actions[] = {
	{ .name = "protect", .pages = 1, .protect = true },
	{ .name = "unmap", .pages = 1 },
	{ .name = "unmap", .pages = 8 },
	{ .name = "unmap", .pages = 32 },
	{ .name = "unmap", .pages = 33 },
	{ .name = "unmap", .pages = 512 },
	{ .name = "unmap + table", .pages = 1, .table = true },
	{ .name = "unmaps, batch", .pages = BATCH, .batch = true },
};

/* Flushes that the CPUs 1 to @remote have carried out for the space. */
static unsigned long long count_flushes(const struct bench *b, unsigned int remote)
{
	unsigned long long sum = 0;
	struct vmspace_op op;
	unsigned int cpu;

	for (cpu = 1; cpu <= remote; cpu++) {
		must(vms_cpu_stat(b->fd, b->space, cpu, &op), "CPU_STAT");
		sum += op.cpu_stat.flushed;
	}
	return sum;
}

/* What all round trips of the space took, that were begun on this CPU. */
static unsigned long long sum_of_trips(const struct bench *b)
{
	struct vmspace_op op;

	must(vms_histogram(b->fd, b->space, 0, VMSPACE_TIME_ACKED, NULL, 0, &op), "HISTOGRAM");
	return op.histogram.sum;
}

static void map(const struct bench *b, __u64 va, unsigned int pages)
{
	must(vms_jump(b->fd, b->cursor, va), "JUMP");
	must(vms_map_range(b->fd, b->cursor, b->memory, 0, pages, RW, 0), "MAP");
}

/* Returns how many pages were mapped there. */
static unsigned long long unmap(const struct bench *b, __u64 va, unsigned int pages)
{
	struct vmspace_op op;

	must(vms_jump(b->fd, b->cursor, va), "JUMP");
	must(vms_unmap(b->fd, b->cursor, pages * PAGE, 0, &op), "UNMAP");
	return op.unmap.pages;
}

static void fill_batch(const struct bench *b, struct vmspace_op *ops)
{
	unsigned int i;

	for (i = 0; i < BATCH; i++)
		ops[i] = (struct vmspace_op) {
			.opcode = VMSPACE_OP_UNMAP,
			.flags = VMSPACE_DEFER,
			.id = b->cursor,
			.unmap.len = PAGE,
		};
	ops[BATCH] = (struct vmspace_op) { .opcode = VMSPACE_OP_FLUSH_SYNC, .id = b->cursor };
}

static void act(const struct bench *b, const struct action *a)
{
	struct vmspace_op op, ops[BATCH + 1];
	struct vmspace_step step;

	if (a->batch) {
		fill_batch(b, ops);
		must(vms_step(b->fd, ops, BATCH + 1, 0, &step), "STEP");
		must(step.error, "UNMAP");
	} else if (a->protect) {
		must(vms_protect(b->fd, b->cursor, a->pages * PAGE, VMSPACE_PROP_WRITE, 0, 0, &op),
		     "PROTECT");
	} else {
		must(vms_unmap(b->fd, b->cursor, a->pages * PAGE, 0, &op), "UNMAP");
	}
}

static void act_vmspace(const struct bench *b, const struct action *a, unsigned int remote,
			struct sample *sample)
{
	unsigned int around = a->table ? 0 : 1;
	unsigned long long left;

	map(b, AT - around * PAGE, a->pages + 2 * around);
	must(vms_jump(b->fd, b->cursor, AT), "JUMP");
	sample->handlers = count_flushes(b, remote);
	sample->trip = sum_of_trips(b);
	sample->call = now();
	act(b, a);
	sample->call = now() - sample->call;
	sample->trip = sum_of_trips(b) - sample->trip;
	sample->handlers = count_flushes(b, remote) - sample->handlers;
	left = unmap(b, AT - around * PAGE, a->pages + 2 * around);
	if (left != 2 * around + (a->protect ? a->pages : 0))
		die(0, "%llu pages were left mapped", left);
}

/* The kernel's own count of TLB shootdowns, on all CPUs. */
static unsigned long long count_linux_flushes(void)
{
	unsigned long long sum = 0, nr;
	FILE *file = fopen("/proc/interrupts", "r");
	char line[2000], *at, *next;

	if (!file)
		die(-errno, "/proc/interrupts");
	while (fgets(line, sizeof(line), file)) {
		at = strstr(line, "TLB:");
		if (!at)
			continue;
		for (at += 4; nr = strtoull(at, &next, 10), next != at; at = next)
			sum += nr;
	}
	fclose(file);
	return sum;
}

static void act_linux(const struct bench *b, const struct action *a, struct sample *sample)
{
	unsigned int i, around = a->table ? 0 : 1;
	size_t bytes = a->pages * PAGE, all = bytes + 2 * around * PAGE;
	char *start = mmap((void *)(uintptr_t)(AT - around * PAGE), all, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_POPULATE | MAP_FIXED_NOREPLACE, b->memfd, 0);
	char *map = start + around * PAGE;

	if (start == MAP_FAILED)
		die(-errno, "mmap");
	/* What was not accessed would not be flushed. */
	for (i = 0; i < a->pages; i++)
		map[i * PAGE] = 1;
	sample->handlers = count_linux_flushes();
	sample->call = now();
	if (a->protect)
		mprotect(map, bytes, PROT_READ);
	else if (a->batch)
		for (i = 0; i < a->pages; i++)
			munmap(map + i * PAGE, PAGE);
	else
		munmap(map, bytes);
	sample->call = now() - sample->call;
	sample->handlers = count_linux_flushes() - sample->handlers;
	munmap(start, all);
}

static atomic_uint running;
static atomic_bool stop;

/* A thread of this process, live on another CPU. */
static void *live(void *arg)
{
	run_on((uintptr_t)arg);
	atomic_fetch_add(&running, 1);
	while (!atomic_load_explicit(&stop, memory_order_relaxed))
		__builtin_ia32_pause();
	return NULL;
}

static void start_threads(pthread_t *threads, unsigned int remote)
{
	unsigned int i;

	atomic_store(&stop, false);
	atomic_store(&running, 0);
	for (i = 0; i < remote; i++)
		if (pthread_create(&threads[i], NULL, live, (void *)(uintptr_t)(i + 1)))
			die(0, "cannot start a thread");
	while (atomic_load(&running) < remote)
		usleep(1000);
}

static void stop_threads(pthread_t *threads, unsigned int remote)
{
	unsigned int i;

	atomic_store(&stop, true);
	for (i = 0; i < remote; i++)
		pthread_join(threads[i], NULL);
}

#define NR_ACTIONS	(sizeof(actions) / sizeof(actions[0]))

static struct samples floor_samples[NR_ACTIONS], trip_samples[NR_ACTIONS],
		      vmspace_samples[NR_ACTIONS], linux_samples[NR_ACTIONS];

/* One empty interrupt, in the same circumstances as what it is compared with. */
static void sample_floor(const struct bench *b, unsigned int remote, struct samples *samples)
{
	uint64_t ns;
	struct floor_interrupts arg = {
		.cpus = (1U << (remote + 1)) - 2,
		.addr = (uintptr_t)&ns,
		.rounds = 1,
	};

	if (b->floor < 0)
		return;
	if (ioctl(b->floor, FLOOR_INTERRUPTS, &arg))
		die(-errno, "the floor");
	if (arg.handled != remote)
		die(0, "%u interrupts were handled, not %u", arg.handled, remote);
	sample_add(samples, ns);
}

static void sample_vmspace(const struct bench *b, unsigned int remote)
{
	struct sample sample;
	unsigned int i, a;

	for (i = 1; i <= remote; i++)
		must(vms_activate(b->fd, b->space, i, VMSPACE_RESIDENT), "ACTIVATE");
	usleep(50000);
	for (a = 0; a < NR_ACTIONS; a++) {
		for (i = 0; i < SAMPLES; i++) {
			sample_floor(b, remote, &floor_samples[a]);
			act_vmspace(b, &actions[a], remote, &sample);
			if (sample.handlers != remote)
				continue;
			sample_add(&trip_samples[a], sample.trip);
			sample_add(&vmspace_samples[a], sample.call);
		}
	}
	for (i = 1; i <= remote; i++)
		must(vms_deactivate(b->fd, b->space, i), "DEACTIVATE");
}

static void sample_linux(const struct bench *b, unsigned int remote)
{
	pthread_t threads[MAX_REMOTE];
	struct sample sample;
	unsigned int i, a;

	start_threads(threads, remote);
	for (a = 0; a < NR_ACTIONS; a++) {
		for (i = 0; i < SAMPLES; i++) {
			act_linux(b, &actions[a], &sample);
			/* A batch is not gathered, and a large unmap is flushed in parts. */
			if (sample.handlers >= remote * (actions[a].batch ? BATCH : 1))
				sample_add(&linux_samples[a], sample.call);
		}
	}
	stop_threads(threads, remote);
}

static void clear(void)
{
	memset(floor_samples, 0, sizeof(floor_samples));
	memset(trip_samples, 0, sizeof(trip_samples));
	memset(vmspace_samples, 0, sizeof(vmspace_samples));
	memset(linux_samples, 0, sizeof(linux_samples));
}

static void bench_remote(const struct bench *b, unsigned int remote)
{
	unsigned int a;

	clear();
	sample_vmspace(b, remote);
	sample_linux(b, remote);
	for (a = 0; a < NR_ACTIONS; a++) {
		struct samples *t = &trip_samples[a], *v = &vmspace_samples[a];
		struct samples *l = &linux_samples[a];
		double empty = percentile(&floor_samples[a], 50);
		const double values[] = {
			remote, empty,
			percentile(t, 50), percentile(t, 90), percentile(t, 99),
			percentile(v, 50), percentile(v, 90), percentile(v, 99),
			percentile(l, 50), percentile(l, 90), percentile(l, 99),
			percentile(t, 50) / empty, percentile(l, 50) / percentile(v, 50),
			v->nr,
		};

		table_row(actions[a].name, actions[a].pages,
			  actions[a].pages == 1 ? "page" : "pages", values);
	}
}

void bench_shootdown(const struct bench *b)
{
	static const char *const columns[] = {
		"CPUs", "empty p50", "trip p50", "trip p90", "trip p99", "vms p50", "vms p90",
		"vms p99", "Linux p50", "Linux p90", "Linux p99", "xtrip/empty", "xLinux/vms",
		"samples", NULL
	};
	unsigned int remote;

	if (b->info.nr_cpus < 2)
		return;
	table_begin("shootdown", "one call, with other CPUs inside: ns per call", columns);
	for (remote = 1; remote < b->info.nr_cpus && remote <= MAX_REMOTE; remote++)
		bench_remote(b, remote);
	table_end();
}
