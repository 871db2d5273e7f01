// SPDX-License-Identifier: GPL-2.0-only
/*
 * All reachable states of the operating system's machine, breadth-first: every
 * invariant in each, and of each step that it is one of the abstract machine.
 *
 *   explore                 what is run by default
 *   explore CORES [WHAT]... one configuration, and nothing else: WHAT is memory,
 *                           protect, large, threads
 *   explore mutations       the broken machines alone
 */
#include <stdlib.h>
#include <time.h>
#include "explore.h"
#include "spec/geometry.h"
#include "spec/invariants.h"
#include "spec/sound.h"
#include "tap.h"

#define MB2	0x200000ULL
#define GB1	0x40000000ULL
#define BAIL(...)							\
	do {								\
		printf("Bail out! " __VA_ARGS__);			\
		puts("");						\
		exit(1);						\
	} while (0)

/* Memory: blocks of powers of two, never given back. */
struct block {
	struct block *next;
	size_t class;
};

static struct block *spare[40];

static void *block_alloc(size_t size)
{
	size_t class = 0;
	struct block *b;

	while ((size_t)16 << class < size)
		class++;
	b = spare[class];
	if (b)
		spare[class] = b->next;
	else
		b = malloc(sizeof(*b) + ((size_t)16 << class));
	if (!b)
		BAIL("no memory");
	b->class = class;
	return b + 1;
}

static void block_free(void *p)
{
	struct block *b = (struct block *)p - 1;

	if (!p)
		return;
	b->next = spare[b->class];
	spare[b->class] = b;
}

static const struct spec_alloc blocks = { .alloc = block_alloc, .free = block_free };

/* The domain: addresses, mappings, rights. */

static const unsigned int ult2core[2][MAX_THREADS] = { { 0, 1, 0, 1 }, { 0, 1, 2, 0 } };
static const struct spec_flags all_flags[2] = {
	{ .is_writable = true }, { .disable_execute = true },
};

static struct domain domain;
static struct spec_os_config config;
static struct spec_pte ptes[MAX_PTES];	/* from 1 on; 0 is none */
static bool askable[MAX_PTES];		/* can be mapped; others come by a change of rights */
static unsigned int nr_ptes;

u64 page_at(unsigned int i)
{
	return i * MB2;
}

u64 frame_at(unsigned int i)
{
	return i * MB2;
}

static void add_pte(u64 base, u64 size, unsigned int flags, bool can_be_asked)
{
	askable[nr_ptes] = can_be_asked;
	ptes[nr_ptes++] = (struct spec_pte) {
		.frame = { base, size }, .flags = all_flags[flags] };
}

static void make_domain(const struct domain *d)
{
	unsigned int i;

	domain = *d;
	nr_ptes = 1;
	for (i = 0; i < FRAMES; i++) {
		add_pte(frame_at(i), MB2, d->protect ? 0 : i, true);
		if (d->protect)
			add_pte(frame_at(i), MB2, 1, false);
	}
	if (d->large)
		add_pte(GB1, GB1, 0, true);
	if (d->crooked)
		add_pte(MB2 / 2, MB2, 0, true);
	config = (struct spec_os_config) {
		.core_no = d->cores, .ult_no = d->threads, .ult2core = ult2core[d->cores > 2],
		.levels = 4, .width = 40, .phys_mem_size = FRAMES * MB2 / 8, .see_tlbs = true };
}

static unsigned int pte_number(const struct spec_pte *pte)
{
	unsigned int i;

	for (i = 1; i < nr_ptes; i++)
		if (spec_pte_equal(pte, &ptes[i], 0))
			return i;
	if (pte->frame.size)
		BAIL("a mapping to %#llx that nobody asked for", pte->frame.base);
	return 0;
}

static unsigned int flags_number(struct spec_flags flags)
{
	return flags.disable_execute;
}

/* States as numbers: a sum of fields, written and read in the same order. */

static u64 key;
static unsigned int key_bits;

static void put(u64 value, unsigned int bits)
{
	if (value >> bits || key_bits + bits > 64)
		BAIL("no room for %llu in the number of a state", value);
	key |= value << key_bits;
	key_bits += bits;
}

static unsigned int get(unsigned int bits)
{
	unsigned int value = key & (BIT_ULL(bits) - 1);

	key >>= bits;
	return value;
}

static unsigned int pte_bits(void)
{
	return nr_ptes > 4 ? 3 : 2;
}

static void put_map(const struct spec_map *map)
{
	struct spec_pte pte;
	unsigned int i;

	for (i = 0; i < PAGES; i++) {
		pte = (struct spec_pte) { };
		spec_map_get(map, page_at(i), &pte);
		put(pte_number(&pte), pte_bits());
	}
}

static void get_map(struct spec_map *map)
{
	unsigned int i, number;

	spec_map_clear(map);
	for (i = 0; i < PAGES; i++) {
		number = get(pte_bits());
		if (number)
			spec_map_insert(map, page_at(i), &ptes[number]);
	}
}

/* What a state has no use for is zero there, and takes no room in the number. */
static void put_core(const struct spec_core_state *s)
{
	put(s->state, 4);
	if (s->state == SPEC_IDLE)
		return;
	put(s->vaddr / MB2, 1);
	put(pte_number(&s->pte), pte_bits());
	if (domain.protect)
		put(flags_number(s->flags), 1);
	put(s->ult_id, 2);
}

static void get_core(struct spec_core_state *s)
{
	*s = (struct spec_core_state) { .state = get(4) };
	if (s->state == SPEC_IDLE)
		return;
	s->vaddr = page_at(get(1));
	s->pte = ptes[get(pte_bits())];
	if (spec_is_protect(s))
		s->flags = all_flags[get(1)];
	else if (domain.protect)
		get(1);
	s->ult_id = get(2);
	s->ok = spec_past_change(s) && s->pte.frame.size;
}

static u64 encode(const struct spec_os *os)
{
	unsigned int i;

	key = 0;
	key_bits = 0;
	put_map(&os->hw.pt);
	for (i = 0; i < domain.cores; i++) {
		put_map(&os->hw.tlb[i]);
		put_core(&os->core_states[i]);
	}
	for (i = 0; domain.memory && i < FRAMES; i++)
		put(spec_mem_load(&os->hw.mem, frame_at(i) / 8), 1);
	put(os->shootdown_vaddr / MB2, 1);
	put(os->open_requests[0], domain.cores + 1);
	put(os->sound, 1);
	return key;
}

static void index_frames(struct spec_os *os)
{
	struct spec_pte pte, back = { };
	u64 base;

	spec_map_clear(&os->frames);
	if (!os->sound)
		return;
	spec_map_for_each(&os->hw.pt, base, pte) {
		back.frame = (struct spec_region) { base, pte.frame.size };
		spec_map_insert(&os->frames, pte.frame.base, &back);
	}
}

static void decode(u64 number, struct spec_os *os)
{
	unsigned int i;

	key = number;
	get_map(&os->hw.pt);
	for (i = 0; i < domain.cores; i++) {
		get_map(&os->hw.tlb[i]);
		get_core(&os->core_states[i]);
	}
	spec_vector_clear(&os->hw.mem);
	for (i = 0; domain.memory && i < FRAMES; i++)
		spec_mem_store(&os->hw.mem, frame_at(i) / 8, get(1));
	os->shootdown_vaddr = page_at(get(1));
	os->open_requests[0] = get(domain.cores + 1);
	os->sound = get(1);
	index_frames(os);
}

/* The states that were found, in the order in which they were. */
static u64 *states;
static u32 *parents;
static size_t nr_states, states_room;
static u32 *places;	/* by hash; one more than the place in states */
static size_t nr_places;

static void *resize(void *p, size_t size)
{
	p = realloc(p, size);
	if (!p)
		BAIL("no memory for %zu states", nr_states);
	return p;
}

static size_t place_of(u64 state)
{
	size_t i = state * 0x9e3779b97f4a7c15ULL >> 20 & (nr_places - 1);

	while (places[i] && states[places[i] - 1] != state)
		i = (i + 1) & (nr_places - 1);
	return i;
}

static void grow(void)
{
	size_t i;

	states_room = states_room ? 2 * states_room : 1 << 16;
	states = resize(states, states_room * sizeof(*states));
	parents = resize(parents, states_room * sizeof(*parents));
	nr_places = 2 * states_room;
	places = resize(places, nr_places * sizeof(*places));
	memset(places, 0, nr_places * sizeof(*places));
	for (i = 0; i < nr_states; i++)
		places[place_of(states[i])] = i + 1;
}

static void forget_states(void)
{
	nr_states = 0;
	memset(places, 0, nr_places * sizeof(*places));
}

static void add_state(u64 state, u32 parent)
{
	size_t place;

	if (nr_states == states_room)
		grow();
	place = place_of(state);
	if (places[place])
		return;
	states[nr_states] = state;
	parents[nr_states++] = parent;
	places[place] = nr_states;
}

/* What is being explored. */
static struct {
	struct spec_os before;
	struct spec_os after;
	struct spec_abstract s1;
	struct spec_abstract s2;
	const struct mutation *mutation;
	u32 state;
	struct exploration *e;
} x;

static bool has_found(const struct found *found, const char *name)
{
	unsigned int i;

	for (i = 0; i < found->nr; i++)
		if (!strcmp(found->names[i], name))
			return true;
	return false;
}

static void show_state(u64 state)
{
	static struct spec_os os;
	unsigned int i;

	if (!os.hw.core_no && spec_os_init(&os, &blocks, &config))
		BAIL("no memory");
	decode(state, &os);
	printf("#   sound=%d open=%#llx/%llx cores", os.sound, os.open_requests[0],
	       os.shootdown_vaddr);
	for (i = 0; i < domain.cores; i++)
		printf(" %d:%llx:%u", os.core_states[i].state, os.core_states[i].vaddr,
		       pte_number(&os.core_states[i].pte));
	printf(" state %#llx\n", state);
}

static void show_path(u32 state)
{
	if (state)
		show_path(parents[state]);
	show_state(states[state]);
}

static void report(const char *name, const char *what)
{
	struct found *found = &x.e->found;

	if (has_found(found, name))
		return;
	if (found->nr == ARRAY_SIZE(found->names))
		BAIL("too many rules");
	found->names[found->nr++] = name;
	if (x.mutation)
		return;
	printf("# %s is violated, at or after %s:\n", name, what);
	show_path(x.state);
}

static void check_state(void)
{
	const char *rule = spec_abstract_inv(&x.s1);
	unsigned int i;

	for (i = 0; i < SPEC_NR_INVARIANTS; i++)
		if (!spec_invariants[i].holds(&x.before))
			report(spec_invariants[i].name, "this state");
	if (rule)
		report(rule, "this state");
	x.e->unsound += !x.before.sound;
}

/* What a start depends on (S54, S62); soundness is not part of it. */
static bool start_enabled(const struct spec_step *step)
{
	unsigned int core = config.ult2core[step->ult_id];

	if (x.before.core_states[core].state != SPEC_IDLE)
		return false;
	return step->kind == SPEC_MAP_START ?
	       !spec_map_enabled(config.levels, config.width, step->vaddr, &step->pte) :
	       step->kind == SPEC_UNMAP_START || step->kind == SPEC_PROTECT_START;
}

static void try_step(const struct spec_step *step)
{
	const char *rule = x.mutation ? x.mutation->next(&x.after, step) :
			   spec_os_next(&x.after, step);
	struct spec_step abstract;
	u64 state;

	if (rule) {
		if (start_enabled(step))
			report("S78_sound_disables_no_step", spec_step_names[step->kind]);
		return;
	}
	x.e->transitions++;
	x.e->steps[step->kind]++;
	if (spec_interp(&x.after, &x.s2))
		BAIL("no memory");
	spec_interp_step(&x.before, step, &abstract);
	rule = spec_abstract_next(&x.s1, &abstract, &x.s2);
	if (rule)
		report(rule, spec_step_names[step->kind]);
	state = encode(&x.after);
	if (state == states[x.state])
		return;
	add_state(state, x.state);
	decode(states[x.state], &x.after);
}

/* An access through each translation that the core holds, and through none; all results. */
static void try_accesses(u32 ult_id, u64 vaddr)
{
	unsigned int core = config.ult2core[ult_id];
	struct spec_step step = {
		.kind = SPEC_READ_WRITE, .ult_id = ult_id, .core = core, .vaddr = vaddr };
	unsigned int i, how;

	for (i = 0; i <= PAGES; i++) {
		step.base = page_at(i);
		step.has_pte = i < PAGES &&
			       spec_map_get(&x.before.hw.tlb[core], step.base, &step.pte);
		if (i < PAGES && !step.has_pte)
			continue;
		for (how = 0; how < 12; how++) {
			step.op.is_store = how < 4;
			step.op.is_exec = how >= 8;
			step.op.result = how & 1 ? SPEC_OK : SPEC_PAGEFAULT;
			step.op.value = how >> 1 & 1;
			if (step.op.value && (!domain.memory || step.op.result != SPEC_OK))
				continue;
			try_step(&step);
		}
	}
}

static void try_thread(u32 ult_id)
{
	struct spec_step step = { .ult_id = ult_id };
	unsigned int i, n;

	for (i = 0; i < PAGES; i++) {
		step.vaddr = page_at(i);
		step.kind = SPEC_MAP_START;
		for (n = 1; n < nr_ptes; n++) {
			step.pte = ptes[n];
			if (askable[n] && spec_aligned(step.vaddr, step.pte.frame.size))
				try_step(&step);
		}
		step.kind = SPEC_UNMAP_START;
		try_step(&step);
		step.kind = SPEC_PROTECT_START;
		for (n = 0; domain.protect && n < ARRAY_SIZE(all_flags); n++) {
			step.flags = all_flags[n];
			try_step(&step);
		}
		try_accesses(ult_id, step.vaddr);
	}
}

static void try_core(unsigned int core)
{
	struct spec_step step = { .core = core };
	unsigned int i, n;

	for (i = SPEC_MAP_OP_START; i < SPEC_NR_STEPS; i++) {
		step.kind = i;
		step.ok = false;
		if (i == SPEC_UNMAP_START || i == SPEC_PROTECT_START)
			continue;
		try_step(&step);
		step.ok = true;
		if (i == SPEC_MAP_END || i == SPEC_UNMAP_OP_START || i == SPEC_UNMAP_END ||
		    i == SPEC_PROTECT_OP_CHANGE || i == SPEC_PROTECT_END)
			try_step(&step);
	}
	for (i = 0; i < PAGES; i++) {
		step.vaddr = page_at(i);
		step.kind = SPEC_TLB_EVICT;
		try_step(&step);
		step.kind = SPEC_TLB_FILL;
		for (n = 1; n < nr_ptes; n++) {
			step.pte = ptes[n];
			try_step(&step);
		}
	}
}

static void expand(void)
{
	unsigned int i;

	decode(states[x.state], &x.before);
	decode(states[x.state], &x.after);
	if (spec_interp(&x.before, &x.s1))
		BAIL("no memory");
	check_state();
	for (i = 0; i < domain.threads; i++)
		try_thread(i);
	for (i = 0; i < domain.cores; i++)
		try_core(i);
}

static void begin(const struct mutation *mutation, struct exploration *e)
{
	*e = (struct exploration) { };
	x.mutation = mutation;
	if (mutation)
		mutation_kind = mutation->kind;
	x.e = e;
	if (spec_os_init(&x.before, &blocks, &config) || spec_os_init(&x.after, &blocks, &config) ||
	    spec_abstract_init(&x.s1, &blocks, &config) ||
	    spec_abstract_init(&x.s2, &blocks, &config))
		BAIL("no memory");
	x.before.available = 3;
	x.after.available = 3;
	forget_states();
	add_state(encode(&x.before), 0);
}

static void end(void)
{
	spec_abstract_destroy(&x.s2);
	spec_abstract_destroy(&x.s1);
	spec_os_destroy(&x.after);
	spec_os_destroy(&x.before);
}

/*
 * Find all reachable states.  Of a broken machine: until what is broken is found; what
 * follows from states that are wrong is looked at, too.
 */
static void explore(const struct domain *d, const struct mutation *mutation,
		    struct exploration *e)
{
	clock_t start = clock();

	make_domain(d);
	begin(mutation, e);
	for (x.state = 0; x.state < nr_states; x.state++) {
		expand();
		if (mutation && has_found(&e->found, mutation->caught_by))
			break;
	}
	e->states = nr_states;
	e->seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
	end();
}

static void describe(const struct domain *d, char *name, size_t size)
{
	snprintf(name, size, "%u cores, %u threads, %u pages, %u frames%s%s%s", d->cores,
		 d->threads, PAGES, FRAMES, d->memory ? ", memory" : "",
		 d->protect ? ", protect" : "", d->large ? ", 1 GiB" : "");
}

static void test_domain(const struct domain *d)
{
	struct exploration e;
	char name[160];
	unsigned int i;

	explore(d, NULL, &e);
	describe(d, name, sizeof(name));
	printf("# %s: %llu states (%llu unsound), %llu transitions, %.1f s\n", name, e.states,
	       e.unsound, e.transitions, e.seconds);
	for (i = 0; i < SPEC_NR_STEPS; i++)
		if (e.steps[i])
			printf("#   %-28s %10llu\n", spec_step_names[i], e.steps[i]);
	tap_result(!e.found.nr, name);
}

/* Rules that broken steps can violate; each other one has a test in spec_abstract.c. */
static const char *const refinement_rules[] = {
	"S78_sound_disables_no_step", "S79_stays_unsound",
	"S106_sound_equal", "S106_thread_state_equal", "S106_mappings_equal", "S106_mem_equal",
	"S108_mappings_unchanged", "S108_thread_state_unchanged", "S108_sound_unchanged",
	"S108_not_in_domain", "S108_mappings_contain", "S108_result", "S108_value",
	"S108_mem_stored", "S108_mem_unchanged", "S108_thread_empty",
	"S109_unsound", "S109_sound", "S109_thread_state", "S109_mappings_unchanged",
	"S109_mem_unchanged",
	"S110_err_iff_overlap", "S110_sound_unchanged", "S110_thread_state",
	"S110_mappings_unchanged", "S110_mem_unchanged", "S110_mappings_insert", "S110_old_words",
	"S111_unsound", "S111_sound", "S111_thread_state", "S111_mappings_remove",
	"S111_mappings_protect", "S111_remaining_words",
	"S112_result", "S112_sound_unchanged", "S112_thread_state", "S112_mappings_unchanged",
	"S112_mem_unchanged",
};

/* No step can violate these: a constant, and what the abstraction sees to. */
static const char *const no_step_violates[] = { "S87_ult2core_valid", "S103_mem_in_domain" };

static struct found caught;
static bool all_caught = true;

static void test_caught(const char *rule)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(no_step_violates); i++)
		if (!strcmp(rule, no_step_violates[i]))
			return;
	if (has_found(&caught, rule))
		return;
	printf("# no broken machine violates %s\n", rule);
	all_caught = false;
}

static void test_mutation(const struct mutation *m)
{
	struct exploration e;
	char name[160];
	unsigned int i;
	bool ok;

	explore(&m->domain, m, &e);
	ok = has_found(&e.found, m->caught_by);
	snprintf(name, sizeof(name), "%s: %s", m->name, m->caught_by);
	printf("# %-44s %7llu states", m->name, e.states);
	for (i = 0; i < e.found.nr; i++)
		printf("%s%s", i ? ", " : ": ", e.found.names[i]);
	puts("");
	tap_result(ok, name);
	if (ok && !has_found(&caught, m->caught_by))
		caught.names[caught.nr++] = m->caught_by;
}

static void test_mutations(void)
{
	unsigned int i;

	for (i = 0; i < mutation_count(); i++) {
		struct mutation m = mutation_get(i);

		test_mutation(&m);
	}
	for (i = 0; i < SPEC_NR_INVARIANTS; i++)
		test_caught(spec_invariants[i].name);
	for (i = 0; i < SPEC_NR_ABSTRACT_INVARIANTS; i++)
		test_caught(spec_abstract_invariants[i].name);
	for (i = 0; i < ARRAY_SIZE(refinement_rules); i++)
		test_caught(refinement_rules[i]);
	tap_result(all_caught, "every invariant, and every rule of the refinement, is violated");
}

static const struct domain defaults[] = {
	{ .cores = 2, .threads = 2 },
	{ .cores = 2, .threads = 2, .memory = true },
	{ .cores = 2, .threads = 3 },
	{ .cores = 2, .threads = 2, .protect = true },
	{ .cores = 2, .threads = 2, .large = true },
	{ .cores = 3, .threads = 3 },
};

static void add_option(struct domain *d, const char *option)
{
	if (!strcmp(option, "memory"))
		d->memory = true;
	else if (!strcmp(option, "protect"))
		d->protect = true;
	else if (!strcmp(option, "large"))
		d->large = true;
	else if (!strcmp(option, "threads"))
		d->threads = d->cores + 1;
	else
		BAIL("%s is not memory, protect, large or threads", option);
}

static void test_option(int argc, char **argv)
{
	struct domain d = { .cores = strtoul(argv[1], NULL, 0) };
	int i;

	if (d.cores < 1 || d.cores > MAX_CORES)
		BAIL("%s is not a number of cores from 1 to %u, or mutations", argv[1], MAX_CORES);
	d.threads = d.cores;
	for (i = 2; i < argc; i++)
		add_option(&d, argv[i]);
	tap_plan(1);
	test_domain(&d);
}

int main(int argc, char **argv)
{
	unsigned int i;

	grow();
	if (argc > 1 && strcmp(argv[1], "mutations")) {
		test_option(argc, argv);
		return tap_end();
	}
	tap_plan((argc > 1 ? 0 : ARRAY_SIZE(defaults)) + mutation_count() + 1);
	for (i = 0; argc == 1 && i < ARRAY_SIZE(defaults); i++)
		test_domain(&defaults[i]);
	test_mutations();
	return tap_end();
}
