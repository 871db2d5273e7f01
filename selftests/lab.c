// SPDX-License-Identifier: GPL-2.0-only
/*
 * LAB spaces: flushes that are left out on purpose, what CPUs see then, and that
 * nothing of it reaches memory that is anyone else's.
 *
 * Tests named litmus_* are those of Documentation/tlb.rst.  In each, other CPUs have
 * used a translation, it is changed without the flush that is due, and they look
 * again before they leave the space.  What the architecture forbids then is a
 * failure; what it allows is counted and reported, and never required: a CPU or an
 * emulator may flush at any time.
 */
#include "kselftest_harness.h"
#include <signal.h>
#include <sys/wait.h>
#include "programs.h"

#define BASE	0x5555600000ULL		/* begins a table of level 1 */
#define LARGE	0x4000000000ULL		/* begins tables of more levels */
#define OLD	0x01d01d01d01d01d0ULL
#define NEW	0x2e32e32e32e32e32ULL
#define POISON	0xbadbadbadbadbad0ULL
#define PAGES	64

#define QUARANTINE	"/sys/module/vmspace/parameters/max_quarantine"

/* What an access can come to; a mask of those that are allowed. */
#define SAW_OLD		0x1
#define SAW_NEW		0x2
#define FAULTS		0x4
#define STORES		0x8
#define NR_OUTCOMES	4

FIXTURE(lab)
{
	struct vms_usage before;
	int fd;
	struct vmspace_info info;
	int space;
	int old;		/* memory that is filled with OLD */
	int new;		/* and with NEW */
	int large[2];		/* the same, of large frames; or 0 */
	int cursor;		/* over what the table at BASE maps, which so stays */
	int above;		/* over LARGE and the next one */
	unsigned int nr_cpus;
	unsigned int cpus[VMS_CPUS];
	struct vms_crew *crew;
	unsigned char allowed[VMS_INSNS];	/* of the programs' accesses */
	char quarantine[16];
};

static int new_contents(int fd, __u64 count, __u64 frame_size, __u64 value)
{
	__u64 words = count * frame_size / 8, offset, i;
	int memory = vms_new_memory_of(fd, count, frame_size, VMSPACE_CACHE_WB, &offset);
	__u64 *view;

	if (memory < 0)
		return memory;
	view = vms_view(fd, offset, count * frame_size / PAGE);
	if (view == MAP_FAILED)
		return -errno;
	for (i = 0; i < words; i += 8)
		view[i] = value;
	munmap(view, words * 8);
	return memory;
}

FIXTURE_SETUP(lab)
{
	int ret;

	self->before = vms_usage_settled();
	self->fd = vms_open();
	if (self->fd < 0)
		SKIP(return, "no /dev/vmspace: %s", strerror(errno));
	ASSERT_EQ(0, vms_info(self->fd, &self->info));
	snprintf(self->quarantine, sizeof(self->quarantine), "%ld",
		 vms_read_number(QUARANTINE));
	self->space = vms_new_lab(self->fd);
	ASSERT_GT(self->space, 0);
	self->old = new_contents(self->fd, PAGES, PAGE, OLD);
	ASSERT_GT(self->old, 0);
	self->new = new_contents(self->fd, PAGES, PAGE, NEW);
	ASSERT_GT(self->new, 0);
	ret = vms_activate_all(self->fd, self->space, VMSPACE_RESIDENT, self->cpus);
	ASSERT_GT(ret, 0);
	self->nr_cpus = ret;
	self->crew = vms_crew_new(self->fd, self->space);
	ASSERT_NE(NULL, self->crew);
	self->cursor = vms_open_cursor_mut(self->fd, self->space, BASE, BASE + M2);
	ASSERT_GT(self->cursor, 0);
	self->above = vms_open_cursor_as(self->fd, VMSPACE_OP_OPEN_CURSOR_MUT, self->space, LARGE,
					 LARGE + 2 * M2, VMSPACE_PAGE_2M);
	ASSERT_GT(self->above, 0);
	ASSERT_EQ(0, vms_pin(self->cpus[0]));
}

/* All that was held comes back. */
static void expect_back(struct __test_metadata *_metadata, const struct vms_usage *before,
			long slack)
{
	const char *left = vms_usage_not_back(before, slack);

	EXPECT_EQ(NULL, left)
		TH_LOG("%s", left);
}

FIXTURE_TEARDOWN(lab)
{
	EXPECT_EQ(0, vms_write_text(QUARANTINE, self->quarantine));
	vms_crew_free(self->crew);
	close(self->fd);
	expect_back(_metadata, &self->before, VMS_ANY);
}

static __u64 deferred(struct __test_metadata *_metadata, int fd, int space)
{
	struct vmspace_op op;

	ASSERT_EQ(0, vms_space_stat(fd, space, &op));
	return op.space_stat.deferred;
}

/* --- the contract --------------------------------------------------------- */

static const unsigned int lab_flags[] = {
	VMSPACE_FLUSH_NONE, VMSPACE_FLUSH_LOCAL, VMSPACE_FLUSH_TARGETS,
};

#define NR_CHANGES	5

/* One of the operations that flush; 0 on success. */
static int change_with(int fd, int cursor, int memory, unsigned int which, unsigned int flags)
{
	struct vmspace_mapping mapping;
	struct vmspace_op op;
	int ret = vms_jump(fd, cursor, BASE);

	if (ret)
		return ret;
	switch (which) {
	case 0:
		return vms_map_as(fd, cursor, memory, 1, RW, flags | VMSPACE_REPLACE);
	case 1:
		return vms_protect(fd, cursor, PAGE, VMSPACE_PROP_WRITE, 0, flags, &op);
	case 2:
		return vms_protect_next(fd, cursor, PAGE, VMSPACE_PROP_USER, 0, flags, &op);
	case 3:
		return vms_enumerate(fd, cursor, &mapping, 1, VMSPACE_PROP_ACCESSED, flags, &op);
	default:
		return vms_unmap(fd, cursor, PAGE, flags, &op);
	}
}

static void expect_refused(struct __test_metadata *_metadata, struct _test_data_lab *self,
			   int error, int space, int cursor, unsigned int flags)
{
	char *before = vms_table_bytes(self->fd, space), *after;
	unsigned int which;

	for (which = 0; which < NR_CHANGES; which++)
		EXPECT_EQ(-error, change_with(self->fd, cursor, self->new, which, flags))
			TH_LOG("operation %u, flags %x", which, flags);
	after = vms_table_bytes(self->fd, space);
	EXPECT_STREQ(before, after);
	free(before);
	free(after);
}

TEST_F(lab, flags__only_in_a_lab_space)
{
	int space = vms_new_space(self->fd);
	int cursor = vms_open_cursor_mut(self->fd, space, BASE, BASE + M2);
	unsigned int i;

	ASSERT_EQ(0, vms_map(self->fd, cursor, self->old, 0, RW | VMSPACE_PROP_ACCESSED));
	for (i = 0; i < ARRAY_SIZE(lab_flags); i++)
		expect_refused(_metadata, self, EINVAL, space, cursor, lab_flags[i]);
}

TEST_F(lab, flags__one_at_a_time)
{
	static const unsigned int all[] = {
		VMSPACE_DEFER, VMSPACE_FLUSH_NONE, VMSPACE_FLUSH_LOCAL, VMSPACE_FLUSH_TARGETS,
	};
	unsigned int i, j;

	ASSERT_EQ(0, vms_map(self->fd, self->cursor, self->old, 0, RW | VMSPACE_PROP_ACCESSED));
	for (i = 0; i < ARRAY_SIZE(all); i++)
		for (j = 0; j < i; j++)
			expect_refused(_metadata, self, EINVAL, self->space, self->cursor,
				       all[i] | all[j]);
	for (i = 0; i < ARRAY_SIZE(all); i++) {
		unsigned int which;

		for (which = 0; which < NR_CHANGES; which++)
			EXPECT_EQ(0, change_with(self->fd, self->cursor, self->new, which, all[i]))
				TH_LOG("operation %u, flags %x", which, all[i]);
	}
}

/* Those who ask for nothing wrong get what every space gives. */
TEST_F(lab, ordinary__operations_release_at_once)
{
	struct vmspace_op op;

	ASSERT_EQ(0, vms_map_range(self->fd, self->cursor, self->old, 0, 8, RW, 0));
	ASSERT_EQ(0, vms_jump(self->fd, self->cursor, BASE));
	ASSERT_EQ(0, vms_unmap(self->fd, self->cursor, 4 * PAGE, 0, &op));
	EXPECT_EQ(0, deferred(_metadata, self->fd, self->space));
	ASSERT_EQ(0, vms_unmap(self->fd, self->cursor, 4 * PAGE, VMSPACE_DEFER, &op));
	EXPECT_EQ(4, deferred(_metadata, self->fd, self->space));
	ASSERT_EQ(0, vms_flush_sync(self->fd, self->cursor, &op));
	EXPECT_EQ(4, op.flush.pages);
	EXPECT_EQ(0, deferred(_metadata, self->fd, self->space));
}

/* What waits for a flush is not for an operation that leaves it out. */
TEST_F(lab, deferred__flushed_before_a_flush_is_left_out)
{
	struct vmspace_op op;

	ASSERT_EQ(0, vms_map_range(self->fd, self->cursor, self->old, 0, 8, RW, 0));
	ASSERT_EQ(0, vms_jump(self->fd, self->cursor, BASE));
	ASSERT_EQ(0, vms_unmap(self->fd, self->cursor, 3 * PAGE, VMSPACE_DEFER, &op));
	ASSERT_EQ(0, vms_unmap(self->fd, self->cursor, 5 * PAGE, VMSPACE_FLUSH_NONE, &op));
	EXPECT_EQ(5, deferred(_metadata, self->fd, self->space));
	ASSERT_EQ(0, vms_flush_sync(self->fd, self->cursor, &op));
	EXPECT_EQ(0, op.flush.pages);
}

/* --- litmus --------------------------------------------------------------- */

/**
 * struct litmus - a litmus test
 * @prepare:	maps what the programs use first
 * @use:	writes what they do then
 * @change:	leaves its flush out
 * @look:	writes what they do afterwards
 */
struct litmus {
	int (*prepare)(struct _test_data_lab *self);
	void (*use)(struct _test_data_lab *self, struct vms_code *c);
	int (*change)(struct _test_data_lab *self);
	void (*look)(struct _test_data_lab *self, struct vms_code *c);
};

static void look_load(struct _test_data_lab *self, struct vms_code *c, __u64 va,
		      unsigned char allowed)
{
	self->allowed[vms_emit_load(c, va, 1, 0, 0)] = allowed;
}

static void look_store(struct _test_data_lab *self, struct vms_code *c, __u64 va,
		       unsigned char allowed)
{
	self->allowed[vms_emit_store(c, va, 1, 0, OLD)] = allowed;
}

static unsigned char outcome_of(const struct vmspace_insn *insn)
{
	if (insn->outcome == VMSPACE_OUTCOME_FAULT)
		return FAULTS;
	if (insn->opcode == VMSPACE_INSN_STORE)
		return STORES;
	return insn->value == OLD ? SAW_OLD : insn->value == NEW ? SAW_NEW : 0;
}

/* Counts what the accesses of a program came to, where there was a choice. */
static void judge(struct __test_metadata *_metadata, struct _test_data_lab *self,
		  const struct vms_code *c, unsigned int *seen)
{
	unsigned int i, bit;

	for (i = 0; i < c->nr; i++) {
		const unsigned char allowed = self->allowed[i];
		const unsigned char outcome = outcome_of(&c->insns[i]);

		if (!allowed)
			continue;
		ASSERT_TRUE(outcome & allowed)
			TH_LOG("cpu %u, instruction %u: value %llx, outcome %u", c->cpu, i,
			       (unsigned long long)c->insns[i].value, c->insns[i].outcome);
		for (bit = 0; bit < NR_OUTCOMES && (allowed & (allowed - 1)); bit++)
			seen[bit] += outcome >> bit & 1;
	}
}

/* Once, on all CPUs but one; whether they all came through without a break. */
static bool litmus_once(struct __test_metadata *_metadata, struct _test_data_lab *self,
			const struct litmus *t, unsigned int *seen)
{
	struct vms_crew *crew = self->crew;
	unsigned int i;

	ASSERT_EQ(0, t->prepare(self));
	memset(self->allowed, 0, sizeof(self->allowed));
	vms_crew_assign(crew, self->cpus, self->nr_cpus, self->cpus[0]);
	for (i = 0; i < crew->nr; i++) {
		t->use(self, &crew->code[i]);
		vms_emit_store(&crew->code[i], VMS_READY(i), 1, 0, 1);
		vms_emit_load(&crew->code[i], VMS_GO, VMS_ENDLESS, VMSPACE_UNTIL_EQUAL, 1);
		t->look(self, &crew->code[i]);
	}
	ASSERT_EQ(0, vms_crew_start(crew));
	vms_crew_ready(crew, 1);
	ASSERT_EQ(0, t->change(self));
	if (!vms_crew_let_go(crew))
		return false;
	for (i = 0; i < crew->nr; i++)
		judge(_metadata, self, &crew->code[i], seen);
	return true;
}

static void litmus(struct __test_metadata *_metadata, struct _test_data_lab *self,
		   const char *name, const struct litmus *t)
{
	unsigned int seen[NR_OUTCOMES] = {}, rounds = 0, tries = 0;

	if (self->nr_cpus < 2)
		SKIP(return, "needs a second CPU");
	while (rounds < 50) {
		ASSERT_LT(tries++, 500);
		rounds += litmus_once(_metadata, self, t, seen);
	}
	report("%s: old %u, new %u, faults %u, stores %u\n", name, seen[0], seen[1], seen[2],
	       seen[3]);
}

/* One small page, at BASE. */

static int unmap_base(struct _test_data_lab *self, unsigned int flags)
{
	struct vmspace_op op;

	return vms_jump(self->fd, self->cursor, BASE) ?:
	       vms_unmap(self->fd, self->cursor, M2, flags, &op);
}

static int map_base(struct _test_data_lab *self, int memory, unsigned int flags)
{
	return vms_jump(self->fd, self->cursor, BASE) ?:
	       vms_map_as(self->fd, self->cursor, memory, 0, RW, flags);
}

static int prepare_small(struct _test_data_lab *self)
{
	return unmap_base(self, 0) ?: map_base(self, self->old, 0);
}

static void use_small(struct _test_data_lab *self, struct vms_code *c)
{
	(void)self;
	vms_emit_load(c, BASE, 1, 0, 0);
	vms_emit_store(c, BASE, 1, 0, OLD);
}

static int change_unmap(struct _test_data_lab *self)
{
	return unmap_base(self, VMSPACE_FLUSH_NONE);
}

static int change_unmap_local(struct _test_data_lab *self)
{
	return unmap_base(self, VMSPACE_FLUSH_LOCAL);
}

static void look_unmapped(struct _test_data_lab *self, struct vms_code *c)
{
	look_load(self, c, BASE, SAW_OLD | FAULTS);
}

TEST_F_TIMEOUT(lab, litmus_3__unmap_without_a_flush, 60)
{
	static const struct litmus t = {
		prepare_small, use_small, change_unmap, look_unmapped,
	};

	litmus(_metadata, self, "UNMAP.noflush", &t);
}

TEST_F_TIMEOUT(lab, litmus_5__unmap_without_a_shootdown, 60)
{
	static const struct litmus t = {
		prepare_small, use_small, change_unmap_local, look_unmapped,
	};

	litmus(_metadata, self, "UNMAP.noshoot", &t);
}

static void look_unmapped_invlpg(struct _test_data_lab *self, struct vms_code *c)
{
	look_unmapped(self, c);
	vms_emit_invlpg(c, BASE);
	look_load(self, c, BASE, FAULTS);
	look_store(self, c, BASE, FAULTS);
}

TEST_F_TIMEOUT(lab, litmus_4__unmap_and_invlpg, 60)
{
	static const struct litmus t = {
		prepare_small, use_small, change_unmap, look_unmapped_invlpg,
	};

	litmus(_metadata, self, "UNMAP.invlpg", &t);
}

static int change_history(struct _test_data_lab *self)
{
	return change_unmap(self) ?: map_base(self, self->new, 0);
}

static int change_remap(struct _test_data_lab *self)
{
	return map_base(self, self->new, VMSPACE_REPLACE | VMSPACE_FLUSH_NONE);
}

static void look_remapped(struct _test_data_lab *self, struct vms_code *c)
{
	look_load(self, c, BASE, SAW_OLD | SAW_NEW);
	vms_emit_invlpg(c, BASE);
	look_load(self, c, BASE, SAW_NEW);
}

TEST_F_TIMEOUT(lab, litmus_2__map_with_a_history, 60)
{
	static const struct litmus t = {
		prepare_small, use_small, change_history, look_remapped,
	};

	litmus(_metadata, self, "MAP.history", &t);
}

TEST_F_TIMEOUT(lab, litmus_7__remap, 60)
{
	static const struct litmus t = {
		prepare_small, use_small, change_remap, look_remapped,
	};

	litmus(_metadata, self, "REMAP", &t);
}

static int change_shrink(struct _test_data_lab *self)
{
	struct vmspace_op op;

	return vms_jump(self->fd, self->cursor, BASE) ?:
	       vms_protect(self->fd, self->cursor, PAGE, VMSPACE_PROP_WRITE, 0,
			   VMSPACE_FLUSH_NONE, &op);
}

static void look_read_only(struct _test_data_lab *self, struct vms_code *c)
{
	look_store(self, c, BASE, STORES | FAULTS);
	vms_emit_invlpg(c, BASE);
	look_store(self, c, BASE, FAULTS);
	look_load(self, c, BASE, SAW_OLD);
}

TEST_F_TIMEOUT(lab, litmus_10__rights_that_shrink, 60)
{
	static const struct litmus t = {
		prepare_small, use_small, change_shrink, look_read_only,
	};

	litmus(_metadata, self, "PERM.rw2ro", &t);
}

/* Tables and large pages, from LARGE on. */

#define Y(i)	(LARGE + (i) * PAGE)

static int unmap_large(struct _test_data_lab *self, unsigned int flags)
{
	struct vmspace_op op;

	return vms_jump(self->fd, self->above, LARGE) ?:
	       vms_unmap(self->fd, self->above, M2, flags, &op);
}

static int map_pages(struct _test_data_lab *self, int memory, __u64 page, unsigned int count,
		     unsigned int flags)
{
	return vms_jump(self->fd, self->above, Y(page)) ?:
	       vms_map_range(self->fd, self->above, memory, 0, count, RW, flags);
}

static int prepare_table(struct _test_data_lab *self)
{
	return unmap_large(self, 0) ?: map_pages(self, self->old, 0, PAGES, 0);
}

static void use_y0(struct _test_data_lab *self, struct vms_code *c)
{
	(void)self;
	vms_emit_load(c, Y(0), 1, 0, 0);
}

static int change_table(struct _test_data_lab *self)
{
	return unmap_large(self, VMSPACE_FLUSH_NONE) ?: map_pages(self, self->new, 0, PAGES, 0);
}

/* Pages that were not used before: only the way to them may be cached. */
static void look_fresh(struct _test_data_lab *self, struct vms_code *c)
{
	look_load(self, c, Y(1), SAW_OLD | SAW_NEW);
	vms_emit_invlpg(c, Y(1));
	look_load(self, c, Y(2), SAW_NEW);
	look_load(self, c, Y(3), SAW_NEW);
}

TEST_F_TIMEOUT(lab, litmus_18__another_table, 60)
{
	static const struct litmus t = { prepare_table, use_y0, change_table, look_fresh };

	litmus(_metadata, self, "PSC.stale", &t);
}

static int prepare_one_page(struct _test_data_lab *self)
{
	return unmap_large(self, 0) ?: map_pages(self, self->old, 0, 1, 0);
}

static int change_empty(struct _test_data_lab *self)
{
	struct vmspace_op op;

	return vms_jump(self->fd, self->above, LARGE) ?:
	       vms_unmap(self->fd, self->above, PAGE, VMSPACE_FLUSH_NONE, &op) ?:
	       map_pages(self, self->new, 1, 2, 0);
}

/* Through the table that is left empty nothing is found. */
static void look_after_empty(struct _test_data_lab *self, struct vms_code *c)
{
	look_load(self, c, Y(1), SAW_NEW | FAULTS);
	vms_emit_invlpg(c, Y(1));
	look_load(self, c, Y(2), SAW_NEW);
	look_load(self, c, Y(1), SAW_NEW);
}

TEST_F_TIMEOUT(lab, litmus_19__an_empty_table, 60)
{
	static const struct litmus t = {
		prepare_one_page, use_y0, change_empty, look_after_empty,
	};

	litmus(_metadata, self, "PSC.empty", &t);
}

static int prepare_large(struct _test_data_lab *self)
{
	unsigned int i;

	for (i = 0; i < 2 && !self->large[i]; i++) {
		self->large[i] = new_contents(self->fd, 1, M2, i ? NEW : OLD);
		if (self->large[i] < 0)
			return self->large[i];
	}
	return unmap_large(self, 0) ?:
	       map_pages(self, self->large[0], 0, 512, VMSPACE_PAGE_2M);
}

static int change_in_place(struct _test_data_lab *self)
{
	return map_pages(self, self->new, 0, 1, VMSPACE_REPLACE | VMSPACE_FLUSH_NONE);
}

/* A large page and its pieces side by side: where they agree, all see the same. */
static void look_pieces(struct _test_data_lab *self, struct vms_code *c)
{
	look_load(self, c, Y(0), SAW_OLD | SAW_NEW);
	look_load(self, c, Y(7), SAW_OLD);
	vms_emit_invlpg(c, Y(0));
	look_load(self, c, Y(0), SAW_NEW);
	look_load(self, c, Y(7), SAW_OLD);
}

TEST_F_TIMEOUT(lab, litmus_21__split_in_place, 60)
{
	static const struct litmus t = { prepare_large, use_y0, change_in_place, look_pieces };

	litmus(_metadata, self, "PSIZE.inplace 2M to 4K", &t);
}

static int prepare_pieces(struct _test_data_lab *self)
{
	return prepare_large(self) ?: unmap_large(self, 0) ?: prepare_table(self);
}

static int change_merge(struct _test_data_lab *self)
{
	return map_pages(self, self->large[1], 0, 512,
			 VMSPACE_PAGE_2M | VMSPACE_REPLACE | VMSPACE_FLUSH_NONE);
}

static void look_merged(struct _test_data_lab *self, struct vms_code *c)
{
	look_load(self, c, Y(0), SAW_OLD | SAW_NEW);
	look_load(self, c, Y(1), SAW_OLD | SAW_NEW);
	vms_emit_invlpg(c, Y(0));
	vms_emit_invlpg(c, Y(1));
	look_load(self, c, Y(0), SAW_NEW);
	look_load(self, c, Y(1), SAW_NEW);
}

TEST_F_TIMEOUT(lab, litmus_21__merged_in_place, 60)
{
	static const struct litmus t = { prepare_pieces, use_y0, change_merge, look_merged };

	litmus(_metadata, self, "PSIZE.inplace 4K to 2M", &t);
}

#define OFFSETS	25	/* that fit a program twice */

static void use_everywhere(struct _test_data_lab *self, struct vms_code *c)
{
	unsigned int i;

	(void)self;
	for (i = 0; i < OFFSETS; i++)
		vms_emit_load(c, Y(i * 20), 1, 0, 0);
}

static int change_unmap_large(struct _test_data_lab *self)
{
	return unmap_large(self, VMSPACE_FLUSH_NONE);
}

static void look_everywhere(struct _test_data_lab *self, struct vms_code *c)
{
	unsigned int i;

	look_load(self, c, Y(40), SAW_OLD | FAULTS);
	vms_emit_invlpg(c, Y(333));
	for (i = 0; i < OFFSETS; i++)
		look_load(self, c, Y(i * 20), FAULTS);
}

TEST_F_TIMEOUT(lab, litmus_22__one_invlpg_for_a_large_page, 60)
{
	static const struct litmus t = {
		prepare_large, use_everywhere, change_unmap_large, look_everywhere,
	};

	litmus(_metadata, self, "LARGE.oneinv", &t);
}

/* Litmus 13 and 14: a bit that is cleared behind a CPU's back, with one CPU. */
static void litmus_harvest(struct __test_metadata *_metadata, struct _test_data_lab *self,
			   unsigned int bit, const char *name)
{
	struct vms_crew *crew = self->crew;
	unsigned int rounds = 0, tries = 0, again = 0;
	struct vmspace_op op;

	if (self->nr_cpus < 2)
		SKIP(return, "needs a second CPU");
	ASSERT_EQ(0, prepare_small(self));
	while (rounds < 50) {
		struct vms_code *c = &crew->code[0];
		bool early;

		ASSERT_LT(tries++, 500);
		crew->nr = 1;
		crew->code[0].cpu = self->cpus[self->nr_cpus - 1];
		vms_crew_clear(crew);
		vms_emit_store(c, BASE, 1, 0, OLD);
		vms_emit_store(c, VMS_READY(0), 1, 0, 1);
		vms_emit_load(c, VMS_GO, VMS_ENDLESS, VMSPACE_UNTIL_EQUAL, 1);
		vms_emit_store(c, BASE, 1, 0, OLD);
		vms_emit_store(c, VMS_READY(0), 1, 0, 2);
		vms_emit_load(c, VMS_GO, VMS_ENDLESS, VMSPACE_UNTIL_EQUAL, 2);
		vms_emit_invlpg(c, BASE);
		vms_emit_store(c, BASE, 1, 0, OLD);
		ASSERT_EQ(0, vms_crew_start(crew));
		vms_crew_ready(crew, 1);
		ASSERT_EQ(0, vms_jump(self->fd, self->cursor, BASE));
		ASSERT_EQ(0, vms_protect(self->fd, self->cursor, PAGE, bit, 0,
					 VMSPACE_FLUSH_NONE, &op));
		vms_crew_go(crew, 1);
		vms_crew_ready(crew, 2);
		ASSERT_EQ(0, vms_translate(self->fd, self->space, BASE, &op));
		early = op.query.prop & bit;
		vms_crew_go(crew, 2);
		ASSERT_EQ(0, vms_crew_join(crew));
		if (!crew->done)
			continue;
		ASSERT_EQ(0, vms_translate(self->fd, self->space, BASE, &op));
		ASSERT_TRUE(op.query.prop & bit);
		again += early;
		rounds++;
	}
	report("%s: set again %u, still clear %u\n", name, again, rounds - again);
}

TEST_F_TIMEOUT(lab, litmus_13__accessed_cleared, 60)
{
	litmus_harvest(_metadata, self, VMSPACE_PROP_ACCESSED, "A.clear");
}

TEST_F_TIMEOUT(lab, litmus_14__dirty_cleared, 60)
{
	litmus_harvest(_metadata, self, VMSPACE_PROP_DIRTY, "D.clear");
}

/* Only the chosen CPU has flushed; of the others nothing is known. */
static int change_chosen(struct _test_data_lab *self)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(self->cpus[self->nr_cpus - 1], &set);
	return vms_set_targets(self->fd, self->cursor, &set, sizeof(set)) ?:
	       unmap_base(self, VMSPACE_FLUSH_TARGETS);
}

TEST_F_TIMEOUT(lab, targets__the_chosen_cpu_has_flushed, 60)
{
	static const struct litmus t = {
		prepare_small, use_small, change_chosen, look_unmapped,
	};
	unsigned int seen[NR_OUTCOMES] = {}, rounds = 0, tries = 0;

	if (self->nr_cpus < 2)
		SKIP(return, "needs a second CPU");
	while (rounds < 50) {
		const struct vms_code *chosen = &self->crew->code[self->nr_cpus - 2];

		ASSERT_LT(tries++, 500);
		if (!litmus_once(_metadata, self, &t, seen))
			continue;
		rounds++;
		ASSERT_EQ(VMSPACE_OUTCOME_FAULT, chosen->insns[chosen->nr - 1].outcome);
	}
	report("one of %u chosen: old %u, faults %u\n", self->nr_cpus - 1, seen[0], seen[2]);
	EXPECT_GE(seen[2], rounds);
}

/* --- quarantine ----------------------------------------------------------- */

/* Whatever is removed without the flush that is due stays; a flush does not help. */
TEST_F(lab, quarantine__holds_what_was_removed)
{
	const unsigned int flags[] = {
		VMSPACE_FLUSH_NONE, VMSPACE_FLUSH_LOCAL, VMSPACE_FLUSH_TARGETS,
	};
	__u64 expected = 0, tables = 0;
	struct vmspace_op op;
	unsigned int i;

	ASSERT_EQ(0, map_pages(self, self->old, 512, 1, 0));
	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		/* Leaves that were unmapped, and that were replaced. */
		ASSERT_EQ(0, vms_jump(self->fd, self->cursor, BASE));
		ASSERT_EQ(0, vms_map_range(self->fd, self->cursor, self->old, 0, 40, RW, 0));
		ASSERT_EQ(0, map_base(self, self->new, VMSPACE_REPLACE | flags[i]));
		expected += 1;
		EXPECT_EQ(expected, deferred(_metadata, self->fd, self->space));
		ASSERT_EQ(0, unmap_base(self, flags[i]));
		expected += 40;
		EXPECT_EQ(expected, deferred(_metadata, self->fd, self->space));
		/* A table with all that it maps. */
		ASSERT_EQ(0, map_pages(self, self->old, 0, PAGES, 0));
		ASSERT_EQ(0, vms_space_stat(self->fd, self->space, &op));
		tables = op.space_stat.tables;
		ASSERT_EQ(0, unmap_large(self, flags[i]));
		expected += PAGES;
		ASSERT_EQ(0, vms_space_stat(self->fd, self->space, &op));
		EXPECT_EQ(expected, op.space_stat.deferred);
		EXPECT_EQ(tables, op.space_stat.tables);
		ASSERT_EQ(0, vms_flush_sync(self->fd, self->cursor, &op));
		EXPECT_EQ(0, op.flush.pages);
		ASSERT_EQ(0, vms_flush_sync(self->fd, self->above, &op));
		EXPECT_EQ(0, op.flush.tables);
		EXPECT_EQ(expected, deferred(_metadata, self->fd, self->space));
	}
}

/* Rights hold nothing back: the frames stay mapped. */
TEST_F(lab, quarantine__is_not_for_rights)
{
	struct vmspace_mapping mappings[8];
	struct vmspace_op op;

	ASSERT_EQ(0, vms_map_range(self->fd, self->cursor, self->old, 0, 8, RW, 0));
	ASSERT_EQ(0, vms_jump(self->fd, self->cursor, BASE));
	ASSERT_EQ(0, vms_protect(self->fd, self->cursor, 8 * PAGE, VMSPACE_PROP_WRITE, 0,
				 VMSPACE_FLUSH_NONE, &op));
	ASSERT_EQ(0, vms_jump(self->fd, self->cursor, BASE));
	ASSERT_EQ(0, vms_enumerate(self->fd, self->cursor, mappings, 8, VMSPACE_PROP_ACCESSED,
				   VMSPACE_FLUSH_NONE, &op));
	EXPECT_EQ(0, deferred(_metadata, self->fd, self->space));
}

#define MANY	16384	/* pages: far more than anyone else takes meanwhile */

/* How many pages less are free than before, as soon as it is at least so many. */
static long missing_pages(const struct vms_usage *before, long least)
{
	double end = vms_now() + 2;
	long missing;

	do {
		missing = before->free - vms_usage_now().free;
		if (missing >= least)
			break;
		usleep(10000);
	} while (vms_now() < end);
	return missing;
}

/* Of a file of its own: what it holds comes back when the space is gone. */
static void expect_kept(struct __test_metadata *_metadata, unsigned int flags, bool drop)
{
	struct vms_usage before = vms_usage_now();
	int fd = vms_open(), space, memory, cursor;
	unsigned int cpus[VMS_CPUS];
	struct vmspace_op op;

	space = vms_new_lab(fd);
	ASSERT_GT(vms_activate_all(fd, space, VMSPACE_RESIDENT, cpus), 0);
	memory = vms_new_memory(fd, MANY);
	ASSERT_GT(memory, 0);
	cursor = vms_open_cursor_mut(fd, space, LARGE, LARGE + MANY * PAGE);
	ASSERT_GT(cursor, 0);
	ASSERT_EQ(0, vms_map_range(fd, cursor, memory, 0, MANY, RW, 0));
	ASSERT_EQ(0, vms_drop_memory(fd, memory));
	ASSERT_EQ(0, vms_jump(fd, cursor, LARGE));
	ASSERT_EQ(0, vms_unmap(fd, cursor, MANY * PAGE, flags, &op));
	ASSERT_EQ(0, vms_drop_cursor(fd, cursor));
	EXPECT_EQ(MANY, deferred(_metadata, fd, space));
	EXPECT_GE(missing_pages(&before, MANY / 2), MANY / 2);
	if (drop)
		EXPECT_EQ(0, vms_drop_space(fd, space));
	EXPECT_EQ(0, close(fd));
	expect_back(_metadata, &before, MANY / 4);
}

TEST_F_TIMEOUT(lab, quarantine__comes_back_with_the_space, 60)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(lab_flags); i++) {
		expect_kept(_metadata, lab_flags[i], true);
		expect_kept(_metadata, lab_flags[i], false);
	}
}

/* Memory of the program's own stays pinned. */
TEST_F(lab, quarantine__of_imported_memory)
{
	const unsigned int count = 16;
	struct vms_usage now;
	struct vmspace_op op;
	int memory;
	void *own;

	own = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	ASSERT_NE(MAP_FAILED, own);
	memory = vms_import(self->fd, own, count, VMSPACE_WRITABLE);
	ASSERT_GT(memory, 0);
	ASSERT_EQ(0, vms_map_range(self->fd, self->cursor, memory, 0, count, RW, 0));
	ASSERT_EQ(0, vms_drop_memory(self->fd, memory));
	ASSERT_EQ(0, unmap_base(self, VMSPACE_FLUSH_NONE));
	ASSERT_EQ(0, vms_flush_sync(self->fd, self->cursor, &op));
	now = vms_usage_now();
	/* Until the space is gone, as the end of the test sees. */
	EXPECT_EQ(self->before.pins + count, now.pins);
}

TEST_F(lab, quarantine__has_a_limit)
{
	struct vmspace_op op;
	unsigned int i;

	ASSERT_EQ(0, vms_write_text(QUARANTINE, "16"));
	ASSERT_EQ(0, vms_map_range(self->fd, self->cursor, self->old, 0, 32, RW, 0));
	ASSERT_EQ(0, vms_jump(self->fd, self->cursor, BASE + 12 * PAGE));
	ASSERT_EQ(0, vms_unmap(self->fd, self->cursor, 15 * PAGE, VMSPACE_FLUSH_NONE, &op));
	ASSERT_EQ(0, vms_unmap(self->fd, self->cursor, PAGE, VMSPACE_FLUSH_NONE, &op));
	EXPECT_EQ(16, deferred(_metadata, self->fd, self->space));
	/* There is no more room: but for what flushes as it should. */
	for (i = 0; i < ARRAY_SIZE(lab_flags); i++)
		expect_refused(_metadata, self, EDQUOT, self->space, self->cursor, lab_flags[i]);
	EXPECT_EQ(16, deferred(_metadata, self->fd, self->space));
	for (i = 0; i < NR_CHANGES; i++)
		EXPECT_EQ(0, change_with(self->fd, self->cursor, self->new, i, 0));
	EXPECT_EQ(16, deferred(_metadata, self->fd, self->space));
	ASSERT_EQ(0, vms_write_text(QUARANTINE, self->quarantine));
	ASSERT_EQ(0, unmap_base(self, VMSPACE_FLUSH_NONE));
	EXPECT_LT(16, deferred(_metadata, self->fd, self->space));
}

/* --- others' memory ------------------------------------------------------- */

/* Have frames change hands for a while; whether anyone else's stores were found. */
static bool churn(struct _test_data_lab *self, struct vms_crew *crew)
{
	const __u64 len = 256 * PAGE;
	bool clean = true;
	__u64 *own, i;
	int memory;

	while (!atomic_load(&crew->over)) {
		memory = new_contents(self->fd, 64, PAGE, POISON);
		own = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (memory < 0 || own == MAP_FAILED)
			return false;
		for (i = 0; i < len / 8; i += 8) {
			own[i] = POISON;
			if (i % 512 == 0)
				vms_relax();
		}
		for (i = 0; i < len / 8; i += 8)
			clean = clean && own[i] == POISON;
		munmap(own, len);
		clean = clean && !vms_drop_memory(self->fd, memory);
	}
	return clean;
}

/* Ways to take out what is mapped at BASE. */

static int remove_hidden(struct _test_data_lab *self)
{
	struct vmspace_op op;

	/* No longer present, which the CPUs are not told; then gone, as it should. */
	return vms_jump(self->fd, self->cursor, BASE) ?:
	       vms_protect(self->fd, self->cursor, PAGE, VMSPACE_PROP_READ, 0,
			   VMSPACE_FLUSH_NONE, &op) ?: unmap_base(self, 0);
}

static int remove_hidden_by_replacing(struct _test_data_lab *self)
{
	struct vmspace_op op;

	return vms_jump(self->fd, self->cursor, BASE) ?:
	       vms_protect(self->fd, self->cursor, PAGE, VMSPACE_PROP_READ, 0,
			   VMSPACE_FLUSH_NONE, &op) ?:
	       map_base(self, self->old, VMSPACE_REPLACE);
}

/*
 * CPUs that know nothing of a removal go on loading and storing: they find what was
 * theirs, or fault, and whatever anyone else has written stays as it is.
 */
static void expect_harmless(struct __test_metadata *_metadata, struct _test_data_lab *self,
			    int (*remove)(struct _test_data_lab *self))
{
	struct vms_crew *crew = self->crew;
	unsigned int round, i, stale = 0, faults = 0;

	if (self->nr_cpus < 2)
		SKIP(return, "needs a second CPU");
	for (round = 0; round < 8; round++) {
		int memory = new_contents(self->fd, 1, PAGE, OLD);

		ASSERT_GT(memory, 0);
		ASSERT_EQ(0, unmap_base(self, 0));
		ASSERT_EQ(0, map_base(self, memory, 0));
		vms_crew_assign(crew, self->cpus, self->nr_cpus, self->cpus[0]);
		for (i = 0; i < crew->nr; i++) {
			struct vms_code *c = &crew->code[i];

			vms_emit_store(c, BASE + 64 * i, 1, 0, OLD);
			vms_emit_store(c, VMS_READY(i), 1, 0, 1);
			vms_emit_load(c, VMS_GO, VMS_ENDLESS, VMSPACE_UNTIL_EQUAL, 1);
			vms_emit_store(c, BASE + 64 * i, 20, VMSPACE_UNTIL_FAULT, OLD);
			vms_emit_load(c, BASE + 64 * i, VMS_ENDLESS,
				      VMSPACE_UNTIL_FAULT | VMSPACE_UNTIL_DIFFERENT, OLD);
		}
		ASSERT_EQ(0, vms_drop_memory(self->fd, memory));
		ASSERT_EQ(0, vms_crew_start(crew));
		vms_crew_ready(crew, 1);
		ASSERT_EQ(0, remove(self));
		vms_crew_go(crew, 1);
		EXPECT_TRUE(churn(self, crew));
		ASSERT_EQ(0, vms_crew_join(crew));
		for (i = 0; i < crew->nr; i++) {
			const struct vmspace_insn *last = &crew->code[i].insns[4];

			if (!last->start)
				continue;
			if (last->outcome == VMSPACE_OUTCOME_FAULT) {
				faults++;
				continue;
			}
			ASSERT_EQ(OLD, last->value);
			stale++;
		}
	}
	report("to the end with the old frame %u, faults %u\n", stale, faults);
}

TEST_F_TIMEOUT(lab, stale__unmapped_without_a_flush, 120)
{
	expect_harmless(_metadata, self, change_unmap);
}

TEST_F_TIMEOUT(lab, stale__replaced_without_a_flush, 120)
{
	expect_harmless(_metadata, self, change_remap);
}

TEST_F_TIMEOUT(lab, stale__unmapped_with_a_local_flush, 120)
{
	expect_harmless(_metadata, self, change_unmap_local);
}

TEST_F_TIMEOUT(lab, stale__hidden_without_a_flush_then_unmapped, 120)
{
	expect_harmless(_metadata, self, remove_hidden);
}

TEST_F_TIMEOUT(lab, stale__hidden_without_a_flush_then_replaced, 120)
{
	expect_harmless(_metadata, self, remove_hidden_by_replacing);
}

/* Dropped while CPUs still use what is in quarantine. */
TEST_F_TIMEOUT(lab, drop_space__while_stale_translations_are_in_use, 60)
{
	struct vms_usage before = vms_usage_now();
	unsigned int round;

	for (round = 0; round < 10; round++) {
		unsigned int cpus[VMS_CPUS], i;
		int fd = vms_open(), space = vms_new_lab(fd), memory, cursor, nr;
		struct vms_crew *crew = vms_crew_new(fd, space);
		struct vmspace_op op;

		ASSERT_NE(NULL, crew);
		nr = vms_activate_all(fd, space, VMSPACE_RESIDENT, cpus);
		ASSERT_GT(nr, 0);
		memory = new_contents(fd, 1, PAGE, OLD);
		cursor = vms_open_cursor_mut(fd, space, BASE, BASE + PAGE);
		ASSERT_EQ(0, vms_map(fd, cursor, memory, 0, RW));
		ASSERT_EQ(0, vms_drop_memory(fd, memory));
		vms_crew_assign(crew, cpus, nr, cpus[0]);
		for (i = 0; i < crew->nr; i++) {
			vms_emit_store(&crew->code[i], BASE, 1, 0, OLD);
			vms_emit_store(&crew->code[i], VMS_READY(i), 1, 0, 1);
			vms_emit_store(&crew->code[i], BASE, VMS_ENDLESS, VMSPACE_UNTIL_FAULT,
				       OLD);
		}
		if (crew->nr) {
			ASSERT_EQ(0, vms_crew_start(crew));
			vms_crew_ready(crew, 1);
		}
		ASSERT_EQ(0, vms_jump(fd, cursor, BASE));
		ASSERT_EQ(0, vms_unmap(fd, cursor, PAGE, VMSPACE_FLUSH_NONE, &op));
		ASSERT_EQ(0, vms_drop_cursor(fd, cursor));
		ASSERT_EQ(0, vms_drop_space(fd, space));
		if (crew->nr)
			vms_crew_join(crew);
		vms_crew_free(crew);
		ASSERT_EQ(0, close(fd));
	}
	expect_back(_metadata, &before, VMS_SLACK);
}

TEST_HARNESS_MAIN
