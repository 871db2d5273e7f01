/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The operating system's machine of module/spec/os.c, a second time and for another
 * tool: the same steps on the same two pages and two frames, with the same number of
 * reachable states.
 *
 * CORES is 2 or 3; MEMORY and PROTECT add what the options of explore.c with these names
 * do.  Each core has one thread.  BROKEN=1 acknowledges before the flush, BROKEN=2
 * releases the lock before the acknowledgements, BROKEN=3 does not ask core 1.
 *
 * There is one process, each step is one d_step, so that exactly the states between steps are
 * stored.  What changes nothing, as loads and view stutters, is left out.
 *
 * All pages are of one size.  So regions overlap if they begin at the same place.
 */

#ifdef PROTECT
#define PTES		4
#define FRAME(p)	(((p) + 1) / 2)		/* of a mapping; 0 of none */
#define WRITABLE(p)	((p) % 2 == 1)
#define WITH(p, f)	(2 * FRAME(p) - ((f) == 0))	/* the same frame with rights f */
#else
#define PTES		2
#define FRAME(p)	(p)
#define WRITABLE(p)	((p) == 1)
#endif

#define IDLE			0
#define MAP_WAITING		1
#define MAP_EXECUTING		2
#define UNMAP_WAITING		3
#define UNMAP_OP_EXECUTING	4
#define UNMAP_OP_DONE		5
#define UNMAP_SHOOTDOWN		6
#define PROTECT_WAITING		7
#define PROTECT_EXECUTING	8
#define PROTECT_OP_DONE		9
#define PROTECT_SHOOTDOWN	10

#if CORES == 3
#define ALL_CORES(m)	m(0) m(1) m(2)
#define ANY_CORE(m)	(m(0) || m(1) || m(2))
#define OPEN_ALL	7
#else
#define ALL_CORES(m)	m(0) m(1)
#define ANY_CORE(m)	(m(0) || m(1))
#define OPEN_ALL	3
#endif

byte pt[2];			/* of each page: what it maps to, or 0 */
byte tlb[2 * CORES];		/* of each core, likewise */
byte state[CORES];
byte va[CORES];			/* page; 0 if idle */
byte pte[CORES];		/* what shall be mapped, or was; 0 for none */
byte flags[CORES];
byte open;			/* set of cores */
byte shootdown_va;
bool sound = true;
bit mem[3];			/* of each frame, from 1 on */

#define IS_UNMAP(c)	(state[c] >= UNMAP_WAITING && state[c] <= UNMAP_SHOOTDOWN)
#define IS_MAP(c)	(state[c] == MAP_WAITING || state[c] == MAP_EXECUTING)
#define SHOOTS(c)	(state[c] == UNMAP_SHOOTDOWN || state[c] == PROTECT_SHOOTDOWN)
#define HOLDS_LOCK(c)	(state[c] != IDLE && state[c] != MAP_WAITING && \
			 state[c] != UNMAP_WAITING && state[c] != PROTECT_WAITING)
#define LOCKED		ANY_CORE(HOLDS_LOCK)
#define PROTECTING(c)	(HOLDS_LOCK(c) && state[c] >= PROTECT_EXECUTING)
#define OPEN(c)		((open >> (c)) & 1)

/* The frame that the operation of a core is about (S82); 0 for none. */
#define INFLIGHT(c)	((IS_MAP(c) || (IS_UNMAP(c) && state[c] != UNMAP_WAITING)) -> \
			 FRAME(pte[c]) : (state[c] == UNMAP_WAITING -> FRAME(pt[va[c]]) : 0))

#define PMEM_EXISTING(p)	(FRAME(pt[0]) == FRAME(p) || FRAME(pt[1]) == FRAME(p))
#define PMEM_INFLIGHT(c, p)	(INFLIGHT(c) == FRAME(p))
#define VMEM_INFLIGHT(c, v)	(state[c] != IDLE && va[c] == v)

#if CORES == 3
#define ANY_PMEM(p)	(PMEM_INFLIGHT(0, p) || PMEM_INFLIGHT(1, p) || PMEM_INFLIGHT(2, p))
#define ANY_VMEM(v)	(VMEM_INFLIGHT(0, v) || VMEM_INFLIGHT(1, v) || VMEM_INFLIGHT(2, v))
#else
#define ANY_PMEM(p)	(PMEM_INFLIGHT(0, p) || PMEM_INFLIGHT(1, p))
#define ANY_VMEM(v)	(VMEM_INFLIGHT(0, v) || VMEM_INFLIGHT(1, v))
#endif

#define SET_IDLE(c)	state[c] = IDLE; va[c] = 0; pte[c] = 0; flags[c] = 0

/* A translation of page v in the TLB of core c that the page table does not hold. */
#define STALE(c, v)	(tlb[2 * (c) + (v)] != 0 && tlb[2 * (c) + (v)] != pt[v])
#define CHANGED(d, v)	(va[d] == v && pte[d] != 0 && \
			 ((IS_UNMAP(d) && state[d] != UNMAP_WAITING) || state[d] >= PROTECT_OP_DONE))

/* S91: the initiator d, the handler c. */
#define IPI(c, d)	assert(!(SHOOTS(d) && !OPEN(c) && STALE(c, va[d])));
/* S92 and S93: a stale translation is what an operation has taken away. */
#define WAS(d, c, v)	(CHANGED(d, v) && pte[d] == tlb[2 * (c) + (v)])
/* S94. */
#define EXISTS(d)	(SHOOTS(d) && va[d] == shootdown_va)
/* S95. */
#define APART(c, d)	assert(!sound || state[c] == IDLE || state[d] == IDLE || va[c] != va[d]);

#if CORES == 3
#define ANY_WAS(c, v)	(WAS(0, c, v) || WAS(1, c, v) || WAS(2, c, v))
#define ALL_PAIRS	IPI(0, 0) IPI(0, 1) IPI(0, 2) IPI(1, 0) IPI(1, 1) IPI(1, 2) \
			IPI(2, 0) IPI(2, 1) IPI(2, 2) APART(0, 1) APART(0, 2) APART(1, 2)
#define HOLDERS		(HOLDS_LOCK(0) + HOLDS_LOCK(1) + HOLDS_LOCK(2))
#else
#define ANY_WAS(c, v)	(WAS(0, c, v) || WAS(1, c, v))
#define ALL_PAIRS	IPI(0, 0) IPI(0, 1) IPI(1, 0) IPI(1, 1) APART(0, 1)
#define HOLDERS		(HOLDS_LOCK(0) + HOLDS_LOCK(1))
#endif

#define TLB_AGREES(c)	assert(!STALE(c, 0) || ANY_WAS(c, 0)); assert(!STALE(c, 1) || ANY_WAS(c, 1));
/* S89. */
#define UNMAPPED(c)	assert(!(IS_UNMAP(c) && state[c] != UNMAP_WAITING && pt[va[c]] != 0));

/* After every step. */
inline invariants()
{
	assert(HOLDERS <= 1);
	ALL_CORES(UNMAPPED)
	ALL_PAIRS
	ALL_CORES(TLB_AGREES)
	assert(open == 0 || ANY_CORE(EXISTS));
	assert(!sound || pt[0] == 0 || FRAME(pt[0]) != FRAME(pt[1]))
}

#define STEP(guard, effect)	:: d_step { (guard) -> effect; invariants() }

#if BROKEN == 1
#define FLUSHED(c)	true
#else
#define FLUSHED(c)	(!STALE(c, shootdown_va))
#endif
#if BROKEN == 2
#define ACKNOWLEDGED	true
#else
#define ACKNOWLEDGED	(open == 0)
#endif
#if BROKEN == 3
#define ASK		(OPEN_ALL - 2)
#else
#define ASK		OPEN_ALL
#endif

/* The steps of core c; for each page v; for each mapping p. */

#define MAP_START(c, v, p)						\
	STEP(state[c] == IDLE,						\
	     sound = sound && !PMEM_EXISTING(p) && !ANY_PMEM(p) && !ANY_VMEM(v);	\
	     state[c] = MAP_WAITING; va[c] = v; pte[c] = p)

#define FILL(c, v, p)							\
	STEP(pt[v] == p, tlb[2 * (c) + (v)] = p)

#define STORE(c, v, b)							\
	STEP(state[c] == IDLE && tlb[2 * (c) + (v)] != 0 && WRITABLE(tlb[2 * (c) + (v)]), \
	     mem[FRAME(tlb[2 * (c) + (v)])] = b)

#define PROTECT_START(c, v, f)						\
	STEP(state[c] == IDLE,						\
	     sound = sound && !ANY_VMEM(v);				\
	     state[c] = PROTECT_WAITING; va[c] = v; flags[c] = f)

#ifdef MEMORY
#define STORES(c, v)	STORE(c, v, 0) STORE(c, v, 1)
#else
#define STORES(c, v)
#endif

#ifdef PROTECT
#define MAPS(c, v)	MAP_START(c, v, 1) MAP_START(c, v, 3)
#define FILLS(c, v)	FILL(c, v, 1) FILL(c, v, 2) FILL(c, v, 3) FILL(c, v, 4)
#define PROTECTS(c, v)	PROTECT_START(c, v, 0) PROTECT_START(c, v, 1)
#define PROTECT_STEPS(c)						\
	STEP(state[c] == PROTECT_WAITING && !LOCKED, state[c] = PROTECT_EXECUTING)	\
	STEP(state[c] == PROTECT_EXECUTING,				\
	     pte[c] = pt[va[c]];					\
	     pt[va[c]] = (pt[va[c]] == 0 -> 0 : WITH(pt[va[c]], flags[c]));	\
	     state[c] = PROTECT_OP_DONE)				\
	STEP(state[c] == PROTECT_OP_DONE && pte[c] != 0,		\
	     state[c] = PROTECT_SHOOTDOWN; shootdown_va = va[c]; open = ASK)	\
	STEP((state[c] == PROTECT_OP_DONE && pte[c] == 0) ||		\
	     (state[c] == PROTECT_SHOOTDOWN && ACKNOWLEDGED), SET_IDLE(c))
#else
#define MAPS(c, v)	MAP_START(c, v, 1) MAP_START(c, v, 2)
#define FILLS(c, v)	FILL(c, v, 1) FILL(c, v, 2)
#define PROTECTS(c, v)
#define PROTECT_STEPS(c)
#endif

#define PAGE_STEPS(c, v)						\
	MAPS(c, v)							\
	STEP(state[c] == IDLE,						\
	     sound = sound && !ANY_VMEM(v);				\
	     state[c] = UNMAP_WAITING; va[c] = v)			\
	PROTECTS(c, v)							\
	FILLS(c, v)							\
	STEP(tlb[2 * (c) + (v)] != 0, tlb[2 * (c) + (v)] = 0)		\
	STORES(c, v)

#define CORE_STEPS(c)							\
	PAGE_STEPS(c, 0)						\
	PAGE_STEPS(c, 1)						\
	STEP(state[c] == MAP_WAITING && !LOCKED, state[c] = MAP_EXECUTING)	\
	STEP(state[c] == MAP_EXECUTING,					\
	     pt[va[c]] = (pt[va[c]] == 0 -> pte[c] : pt[va[c]]);	\
	     SET_IDLE(c))						\
	STEP(state[c] == UNMAP_WAITING && !LOCKED,			\
	     pte[c] = pt[va[c]]; pt[va[c]] = 0; state[c] = UNMAP_OP_EXECUTING)	\
	STEP(state[c] == UNMAP_OP_EXECUTING, state[c] = UNMAP_OP_DONE)	\
	STEP(state[c] == UNMAP_OP_DONE && pte[c] != 0,			\
	     state[c] = UNMAP_SHOOTDOWN; shootdown_va = va[c]; open = ASK)	\
	STEP((state[c] == UNMAP_OP_DONE && pte[c] == 0) ||		\
	     (state[c] == UNMAP_SHOOTDOWN && ACKNOWLEDGED), SET_IDLE(c))	\
	STEP(OPEN(c) && FLUSHED(c) && (pt[shootdown_va] == 0 || ANY_CORE(PROTECTING)),	\
	     open = open - (1 << (c)))					\
	PROTECT_STEPS(c)

init {
	do
	ALL_CORES(CORE_STEPS)
	od
}
