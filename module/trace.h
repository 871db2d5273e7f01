/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Trace events.  Scalars only, and no code in what is printed, so that every
 * tool parses them without a plugin.  The CPU of an event is the one that it
 * is recorded on; the space is its number in debugfs.
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

/* The six words of arguments mean what they mean in struct vmspace_op. */
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

TRACE_EVENT(initiate_shootdown,
	TP_PROTO(int space, unsigned int nr_va, bool full, u64 pages),
	TP_ARGS(space, nr_va, full, pages),
	TP_STRUCT__entry(
		__field(int, space)
		__field(unsigned int, nr_va)
		__field(bool, full)
		__field(u64, pages)
	),
	TP_fast_assign(
		__entry->space = space;
		__entry->nr_va = nr_va;
		__entry->full = full;
		__entry->pages = pages;
	),
	TP_printk("space=%d flush=%u full=%d pages=%llu", __entry->space,
		  __entry->nr_va, __entry->full, __entry->pages)
);

TRACE_EVENT(ack_shootdown_ipi,
	TP_PROTO(int space, unsigned int nr_va, bool full),
	TP_ARGS(space, nr_va, full),
	TP_STRUCT__entry(
		__field(int, space)
		__field(unsigned int, nr_va)
		__field(bool, full)
	),
	TP_fast_assign(
		__entry->space = space;
		__entry->nr_va = nr_va;
		__entry->full = full;
	),
	TP_printk("space=%d flush=%u full=%d", __entry->space, __entry->nr_va, __entry->full)
);

TRACE_EVENT(end_shootdown,
	TP_PROTO(int space, unsigned int sent),
	TP_ARGS(space, sent),
	TP_STRUCT__entry(
		__field(int, space)
		__field(unsigned int, sent)
	),
	TP_fast_assign(
		__entry->space = space;
		__entry->sent = sent;
	),
	TP_printk("space=%d sent=%u", __entry->space, __entry->sent)
);

TRACE_EVENT(release,
	TP_PROTO(int space, u64 pages),
	TP_ARGS(space, pages),
	TP_STRUCT__entry(
		__field(int, space)
		__field(u64, pages)
	),
	TP_fast_assign(
		__entry->space = space;
		__entry->pages = pages;
	),
	TP_printk("space=%d pages=%llu", __entry->space, __entry->pages)
);

TRACE_EVENT(access,
	TP_PROTO(int space, int kind, u64 va, u64 len, u64 value, u64 done),
	TP_ARGS(space, kind, va, len, value, done),
	TP_STRUCT__entry(
		__field(int, space)
		__field(int, kind)
		__field(u64, va)
		__field(u64, len)
		__field(u64, value)
		__field(u64, done)
	),
	TP_fast_assign(
		__entry->space = space;
		__entry->kind = kind;
		__entry->va = va;
		__entry->len = len;
		__entry->value = value;
		__entry->done = done;
	),
	TP_printk("space=%d kind=%s va=0x%llx len=%llu value=0x%llx done=%llu", __entry->space,
		  __print_symbolic(__entry->kind, { 0, "load" }, { 1, "store" },
				   { 2, "copy_from" }, { 3, "copy_to" },
				   { 4, "program" }),
		  __entry->va, __entry->len, __entry->value, __entry->done)
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
