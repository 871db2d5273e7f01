/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Trace events.  Scalars, but for the names in a violation, and no code in what is
 * printed, so that every tool parses them without a plugin.  The CPU of an event is
 * the one that it is recorded on; the space is its number in debugfs.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM vmspace

#if !defined(VMS_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define VMS_TRACE_H

#include <linux/tracepoint.h>
#include <linux/vmspace.h>

#define VMS_OPCODES								\
	OPCODE(NEW_SPACE) OPCODE(DROP_SPACE) OPCODE(OPEN_CURSOR)		\
	OPCODE(OPEN_CURSOR_MUT) OPCODE(DROP_CURSOR) OPCODE(QUERY)		\
	OPCODE(FIND_NEXT) OPCODE(JUMP) OPCODE(VIRT_ADDR) OPCODE(MAP)		\
	OPCODE(UNMAP) OPCODE(PROTECT_NEXT) OPCODE(NEW_READER)			\
	OPCODE(NEW_WRITER) OPCODE(DROP_READER) OPCODE(DROP_WRITER)		\
	OPCODE(NEW_MEMORY) OPCODE(IMPORT) OPCODE(DROP_MEMORY) OPCODE(ACTIVATE)	\
	OPCODE(DEACTIVATE) OPCODE(ACCESS) OPCODE(READ) OPCODE(WRITE)		\
	OPCODE(FLUSH_SYNC) OPCODE(TRANSLATE) OPCODE(SPACE_STAT)			\
	OPCODE(CPU_STAT) OPCODE(PROTECT) OPCODE(ENUMERATE) OPCODE(RUN)		\
	OPCODE(SET_TARGETS) OPCODE(SHOOTDOWN_STAT) OPCODE_END(HISTOGRAM)

#undef OPCODE
#undef OPCODE_END
#define OPCODE(name)		TRACE_DEFINE_ENUM(VMSPACE_OP_##name);
#define OPCODE_END(name)	TRACE_DEFINE_ENUM(VMSPACE_OP_##name);
VMS_OPCODES
#undef OPCODE
#undef OPCODE_END

#define OPCODE(name)		{ VMSPACE_OP_##name, #name },
#define OPCODE_END(name)	{ VMSPACE_OP_##name, #name }

TRACE_EVENT(op_start,
	TP_PROTO(const struct vmspace_op *op),
	TP_ARGS(op),
	TP_STRUCT__entry(
		__field(u32, opcode)
		__field(u32, flags)
		__field(u32, id)
	),
	TP_fast_assign(
		__entry->opcode = op->opcode;
		__entry->flags = op->flags;
		__entry->id = op->id;
	),
	TP_printk("op=%s id=%u flags=0x%x",
		  __print_symbolic(__entry->opcode, VMS_OPCODES),
		  __entry->id, __entry->flags)
);

/* The first of the words of struct vmspace_op, with the results of the operation. */
TRACE_EVENT(op_end,
	TP_PROTO(const struct vmspace_op *op),
	TP_ARGS(op),
	TP_STRUCT__entry(
		__field(u32, opcode)
		__field(u32, id)
		__field(s32, result)
		__field(u64, w0)
		__field(u64, w1)
		__field(u64, w2)
	),
	TP_fast_assign(
		__entry->opcode = op->opcode;
		__entry->id = op->id;
		__entry->result = op->result;
		__entry->w0 = op->words[0];
		__entry->w1 = op->words[1];
		__entry->w2 = op->words[2];
	),
	TP_printk("op=%s id=%u result=%d w0=0x%llx w1=0x%llx w2=0x%llx",
		  __print_symbolic(__entry->opcode, VMS_OPCODES), __entry->id,
		  __entry->result, __entry->w0, __entry->w1, __entry->w2)
);

/*
 * The steps of operations on page tables, under the specification's names (see
 * Documentation/specification.rst).  An operation is known by its cursor's
 * number: a cursor carries out one at a time.
 */
DECLARE_EVENT_CLASS(vms_range,
	TP_PROTO(int space, u64 op, u64 start, u64 end),
	TP_ARGS(space, op, start, end),
	TP_STRUCT__entry(
		__field(int, space)
		__field(u64, op)
		__field(u64, start)
		__field(u64, end)
	),
	TP_fast_assign(
		__entry->space = space;
		__entry->op = op;
		__entry->start = start;
		__entry->end = end;
	),
	TP_printk("space=%d op=%llu start=0x%llx end=0x%llx", __entry->space, __entry->op,
		  __entry->start, __entry->end)
);

/* Begins to wait for a range. */
DEFINE_EVENT(vms_range, cursor_open,
	TP_PROTO(int space, u64 op, u64 start, u64 end), TP_ARGS(space, op, start, end));
/* Owns it. */
DEFINE_EVENT(vms_range, cursor_lock,
	TP_PROTO(int space, u64 op, u64 start, u64 end), TP_ARGS(space, op, start, end));
/* Gives it up, or did not get it. */
DEFINE_EVENT(vms_range, cursor_drop,
	TP_PROTO(int space, u64 op, u64 start, u64 end), TP_ARGS(space, op, start, end));

TRACE_EVENT(map_start,
	TP_PROTO(int space, u64 op, u64 va, u64 size, u64 frame, u32 prop, u32 cache, u32 level,
		 bool replace),
	TP_ARGS(space, op, va, size, frame, prop, cache, level, replace),
	TP_STRUCT__entry(
		__field(int, space)
		__field(u64, op)
		__field(u64, va)
		__field(u64, size)
		__field(u64, frame)
		__field(u32, prop)
		__field(u32, cache)
		__field(u32, level)
		__field(u32, replace)
	),
	TP_fast_assign(
		__entry->space = space;
		__entry->op = op;
		__entry->va = va;
		__entry->size = size;
		__entry->frame = frame;
		__entry->prop = prop;
		__entry->cache = cache;
		__entry->level = level;
		__entry->replace = replace;
	),
	/* The frame is that of the first page. */
	TP_printk("space=%d op=%llu va=0x%llx size=0x%llx frame=0x%llx prop=0x%x cache=%u level=%u replace=%u",
		  __entry->space, __entry->op, __entry->va, __entry->size, __entry->frame,
		  __entry->prop, __entry->cache, __entry->level, __entry->replace)
);

TRACE_EVENT(unmap_start,
	TP_PROTO(int space, u64 op, u64 va, u64 size),
	TP_ARGS(space, op, va, size),
	TP_STRUCT__entry(
		__field(int, space)
		__field(u64, op)
		__field(u64, va)
		__field(u64, size)
	),
	TP_fast_assign(
		__entry->space = space;
		__entry->op = op;
		__entry->va = va;
		__entry->size = size;
	),
	TP_printk("space=%d op=%llu va=0x%llx size=0x%llx", __entry->space, __entry->op,
		  __entry->va, __entry->size)
);

TRACE_EVENT(protect_start,
	TP_PROTO(int space, u64 op, u64 va, u64 size, u32 clear, u32 set),
	TP_ARGS(space, op, va, size, clear, set),
	TP_STRUCT__entry(
		__field(int, space)
		__field(u64, op)
		__field(u64, va)
		__field(u64, size)
		__field(u32, clear)
		__field(u32, set)
	),
	TP_fast_assign(
		__entry->space = space;
		__entry->op = op;
		__entry->va = va;
		__entry->size = size;
		__entry->clear = clear;
		__entry->set = set;
	),
	TP_printk("space=%d op=%llu va=0x%llx size=0x%llx clear=0x%x set=0x%x", __entry->space,
		  __entry->op, __entry->va, __entry->size, __entry->clear, __entry->set)
);

DECLARE_EVENT_CLASS(vms_op_step,
	TP_PROTO(int space, u64 op),
	TP_ARGS(space, op),
	TP_STRUCT__entry(
		__field(int, space)
		__field(u64, op)
	),
	TP_fast_assign(
		__entry->space = space;
		__entry->op = op;
	),
	TP_printk("space=%d op=%llu", __entry->space, __entry->op)
);

/* The table may be written from here on. */
DEFINE_EVENT(vms_op_step, map_op_start, TP_PROTO(int space, u64 op), TP_ARGS(space, op));
DEFINE_EVENT(vms_op_step, unmap_op_start, TP_PROTO(int space, u64 op), TP_ARGS(space, op));
DEFINE_EVENT(vms_op_step, unmap_op_end, TP_PROTO(int space, u64 op), TP_ARGS(space, op));
DEFINE_EVENT(vms_op_step, protect_op_start, TP_PROTO(int space, u64 op), TP_ARGS(space, op));
DEFINE_EVENT(vms_op_step, protect_op_end, TP_PROTO(int space, u64 op), TP_ARGS(space, op));

DECLARE_EVENT_CLASS(vms_op_end,
	TP_PROTO(int space, u64 op, u64 va, u64 pages, int result, bool deferred, u64 ended),
	TP_ARGS(space, op, va, pages, result, deferred, ended),
	TP_STRUCT__entry(
		__field(int, space)
		__field(u64, op)
		__field(u64, va)
		__field(u64, pages)
		__field(int, result)
		__field(u32, deferred)
		__field(u64, ended)
	),
	TP_fast_assign(
		__entry->space = space;
		__entry->op = op;
		__entry->va = va;
		__entry->pages = pages;
		__entry->result = result;
		__entry->deferred = deferred;
		__entry->ended = ended;
	),
	/*
	 * The address that it came to, and the 4 KiB pages that it found on the
	 * way; how many operations and shootdowns of the space have ended.
	 */
	TP_printk("space=%d op=%llu va=0x%llx pages=%llu result=%d deferred=%u ended=%llu",
		  __entry->space, __entry->op, __entry->va, __entry->pages, __entry->result,
		  __entry->deferred, __entry->ended)
);

DEFINE_EVENT(vms_op_end, map_end,
	TP_PROTO(int space, u64 op, u64 va, u64 pages, int result, bool deferred, u64 ended),
	TP_ARGS(space, op, va, pages, result, deferred, ended));
DEFINE_EVENT(vms_op_end, unmap_end,
	TP_PROTO(int space, u64 op, u64 va, u64 pages, int result, bool deferred, u64 ended),
	TP_ARGS(space, op, va, pages, result, deferred, ended));
DEFINE_EVENT(vms_op_end, protect_end,
	TP_PROTO(int space, u64 op, u64 va, u64 pages, int result, bool deferred, u64 ended),
	TP_ARGS(space, op, va, pages, result, deferred, ended));

/* An entry of a table, as it was and as it is. A and D may change at any time. */
TRACE_EVENT(entry_write,
	TP_PROTO(int space, u64 op, u64 va, u32 level, u64 old, u64 new),
	TP_ARGS(space, op, va, level, old, new),
	TP_STRUCT__entry(
		__field(int, space)
		__field(u64, op)
		__field(u64, va)
		__field(u32, level)
		__field(u64, old)
		__field(u64, new)
	),
	TP_fast_assign(
		__entry->space = space;
		__entry->op = op;
		__entry->va = va;
		__entry->level = level;
		__entry->old = old;
		__entry->new = new;
	),
	TP_printk("space=%d op=%llu va=0x%llx level=%u old=0x%llx new=0x%llx", __entry->space,
		  __entry->op, __entry->va, __entry->level, __entry->old, __entry->new)
);

/* A page that the shootdown that is initiated next is for. */
TRACE_EVENT(shootdown_page,
	TP_PROTO(int space, u64 op, u64 va),
	TP_ARGS(space, op, va),
	TP_STRUCT__entry(
		__field(int, space)
		__field(u64, op)
		__field(u64, va)
	),
	TP_fast_assign(
		__entry->space = space;
		__entry->op = op;
		__entry->va = va;
	),
	TP_printk("space=%d op=%llu va=0x%llx", __entry->space, __entry->op, __entry->va)
);

TRACE_EVENT(initiate_shootdown,
	TP_PROTO(int space, u64 op, unsigned int nr_va, bool full, u32 scope),
	TP_ARGS(space, op, nr_va, full, scope),
	TP_STRUCT__entry(
		__field(int, space)
		__field(u64, op)
		__field(u32, nr_va)
		__field(u32, full)
		__field(u32, scope)
	),
	TP_fast_assign(
		__entry->space = space;
		__entry->op = op;
		__entry->nr_va = nr_va;
		__entry->full = full;
		__entry->scope = scope;
	),
	TP_printk("space=%d op=%llu flush=%u full=%u scope=%s", __entry->space, __entry->op,
		  __entry->nr_va, __entry->full,
		  __print_symbolic(__entry->scope, { 0, "gathered" }, { 1, "page" },
				   { 2, "partial" }))
);

/* On the CPU that was interrupted: what it really flushed, if it was inside. */
TRACE_EVENT(ack_shootdown_ipi,
	TP_PROTO(int space, u64 op, unsigned int nr_va, u64 first_va, bool full),
	TP_ARGS(space, op, nr_va, first_va, full),
	TP_STRUCT__entry(
		__field(int, space)
		__field(u64, op)
		__field(u32, nr_va)
		__field(u64, first_va)
		__field(u32, full)
	),
	TP_fast_assign(
		__entry->space = space;
		__entry->op = op;
		__entry->nr_va = nr_va;
		__entry->first_va = first_va;
		__entry->full = full;
	),
	TP_printk("space=%d op=%llu flushed=%u first=0x%llx full=%u", __entry->space,
		  __entry->op, __entry->nr_va, __entry->first_va, __entry->full)
);

/* All have acknowledged. */
TRACE_EVENT(end_shootdown,
	TP_PROTO(int space, u64 op, unsigned int sent, u64 ended),
	TP_ARGS(space, op, sent, ended),
	TP_STRUCT__entry(
		__field(int, space)
		__field(u64, op)
		__field(u32, sent)
		__field(u64, ended)
	),
	TP_fast_assign(
		__entry->space = space;
		__entry->op = op;
		__entry->sent = sent;
		__entry->ended = ended;
	),
	TP_printk("space=%d op=%llu sent=%u ended=%llu", __entry->space, __entry->op,
		  __entry->sent, __entry->ended)
);

/* What an operation removed goes back to the system. */
TRACE_EVENT(release,
	TP_PROTO(int space, u64 op, u64 pages, unsigned int tables),
	TP_ARGS(space, op, pages, tables),
	TP_STRUCT__entry(
		__field(int, space)
		__field(u64, op)
		__field(u64, pages)
		__field(u32, tables)
	),
	TP_fast_assign(
		__entry->space = space;
		__entry->op = op;
		__entry->pages = pages;
		__entry->tables = tables;
	),
	/* Tables at the top of what was unlinked, each with all below it. */
	TP_printk("space=%d op=%llu pages=%llu tables=%u", __entry->space, __entry->op,
		  __entry->pages, __entry->tables)
);

TRACE_EVENT(new_space,
	TP_PROTO(int space, u32 levels, u32 width, u32 cpus, u32 contract),
	TP_ARGS(space, levels, width, cpus, contract),
	TP_STRUCT__entry(
		__field(int, space)
		__field(u32, levels)
		__field(u32, width)
		__field(u32, cpus)
		__field(u32, contract)
	),
	TP_fast_assign(
		__entry->space = space;
		__entry->levels = levels;
		__entry->width = width;
		__entry->cpus = cpus;
		__entry->contract = contract;
	),
	TP_printk("space=%d levels=%u width=%u cpus=%u contract=%s", __entry->space,
		  __entry->levels, __entry->width, __entry->cpus,
		  __print_symbolic(__entry->contract, { 0, "cursors" }, { 1, "lab" },
				   { 2, "strict" }))
);

/* Nobody refers to it any more, and all that was left in it is released. */
TRACE_EVENT(space_gone,
	TP_PROTO(int space),
	TP_ARGS(space),
	TP_STRUCT__entry(
		__field(int, space)
	),
	TP_fast_assign(
		__entry->space = space;
	),
	TP_printk("space=%d", __entry->space)
);

/* Kept until the space is gone, as CPUs were left out of the flush. */
TRACE_EVENT(quarantine,
	TP_PROTO(int space, u64 op, u64 pages),
	TP_ARGS(space, op, pages),
	TP_STRUCT__entry(
		__field(int, space)
		__field(u64, op)
		__field(u64, pages)
	),
	TP_fast_assign(
		__entry->space = space;
		__entry->op = op;
		__entry->pages = pages;
	),
	TP_printk("space=%d op=%llu pages=%llu", __entry->space, __entry->op, __entry->pages)
);

/* A CHECKED space did not do as the specification says. */
TRACE_EVENT(violation,
	TP_PROTO(int space, u64 op, const char *step, const char *rule, u64 va, u64 old, u64 new),
	TP_ARGS(space, op, step, rule, va, old, new),
	TP_STRUCT__entry(
		__field(int, space)
		__field(u64, op)
		__array(char, step, 24)
		__array(char, rule, 40)
		__field(u64, va)
		__field(u64, old)
		__field(u64, new)
	),
	TP_fast_assign(
		__entry->space = space;
		__entry->op = op;
		strscpy(__entry->step, step, sizeof(__entry->step));
		strscpy(__entry->rule, rule, sizeof(__entry->rule));
		__entry->va = va;
		__entry->old = old;
		__entry->new = new;
	),
	TP_printk("space=%d op=%llu step=%s rule=%s va=0x%llx old=0x%llx new=0x%llx",
		  __entry->space, __entry->op, __entry->step, __entry->rule, __entry->va,
		  __entry->old, __entry->new)
);

/* How many operations and shootdowns of the space had ended before it. */
TRACE_EVENT(access,
	TP_PROTO(int space, int kind, u64 va, u64 len, u64 value, u64 done, u64 ended),
	TP_ARGS(space, kind, va, len, value, done, ended),
	TP_STRUCT__entry(
		__field(int, space)
		__field(int, kind)
		__field(u64, va)
		__field(u64, len)
		__field(u64, value)
		__field(u64, done)
		__field(u64, ended)
	),
	TP_fast_assign(
		__entry->space = space;
		__entry->kind = kind;
		__entry->va = va;
		__entry->len = len;
		__entry->value = value;
		__entry->done = done;
		__entry->ended = ended;
	),
	TP_printk("space=%d kind=%s va=0x%llx len=%llu value=0x%llx done=%llu ended=%llu",
		  __entry->space,
		  __print_symbolic(__entry->kind, { 0, "load" }, { 1, "store" },
				   { 2, "copy_from" }, { 3, "copy_to" },
				   { 4, "program" }),
		  __entry->va, __entry->len, __entry->value, __entry->done, __entry->ended)
);

TRACE_EVENT(enter,
	TP_PROTO(int space),
	TP_ARGS(space),
	TP_STRUCT__entry(
		__field(int, space)
	),
	TP_fast_assign(
		__entry->space = space;
	),
	TP_printk("space=%d", __entry->space)
);

TRACE_EVENT(leave,
	TP_PROTO(int space, u64 ns, u64 served),
	TP_ARGS(space, ns, served),
	TP_STRUCT__entry(
		__field(int, space)
		__field(u64, ns)
		__field(u64, served)
	),
	TP_fast_assign(
		__entry->space = space;
		__entry->ns = ns;
		__entry->served = served;
	),
	TP_printk("space=%d ns=%llu served=%llu", __entry->space, __entry->ns, __entry->served)
);

#endif /* VMS_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
