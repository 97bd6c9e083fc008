/* SPDX-License-Identifier: MIT */
/* The stack of a thread, frame by frame. Its memory is only read. */
#include "blame/internal.h"

#include <string.h>
#include <sys/uio.h>
#include <ucontext.h>

#define KNOWN(registers, number) ((registers)->known & 1u << (number))

bool memory_copy(pid_t pid, uint64_t address, void *bytes, size_t length)
{
	struct iovec here = {bytes, length}, there = {(void *)(uintptr_t)address, length};

	return process_vm_readv(pid, &here, 1, &there, 1, 0) == (ssize_t)length;
}

/* Most stacks are small: only a second request reads more at once. The page may be the last one. */
static bool refill(struct memory *memory, uint64_t address)
{
	size_t wish = memory->length ? sizeof(memory->bytes) : 2048;
	size_t page = 4096 - (address & 4095);
	struct iovec here = {memory->bytes, wish}, there = {(void *)(uintptr_t)address, wish};
	ssize_t got = process_vm_readv(memory->pid, &here, 1, &there, 1, 0);

	if (got < 8) {
		here.iov_len = there.iov_len = page < wish ? page : wish;
		got = process_vm_readv(memory->pid, &here, 1, &there, 1, 0);
	}
	if (got < 8)
		return false;
	memory->base = address;
	memory->length = (size_t)got;
	return true;
}

bool memory_word(struct memory *memory, uint64_t address, uint64_t *word)
{
	if (address - memory->base > memory->length || memory->length < 8 ||
	    address - memory->base > memory->length - 8)
		if (memory->frozen || !refill(memory, address))
			return false;
	memcpy(word, memory->bytes + (address - memory->base), sizeof(*word));
	return true;
}

#ifdef __x86_64__
/* A signal handler returns to code that finds all registers in a ucontext_t at rsp. */
static bool through_signal(struct memory *memory, struct registers *registers)
{
	static const struct {
		uint8_t number;
		int place;
	} kept[] = {{REGISTER_RBX, REG_RBX}, {REGISTER_RBP, REG_RBP}, {12, REG_R12},
		    {13, REG_R13},	     {14, REG_R14},	      {15, REG_R15},
		    {REGISTER_RIP, REG_RIP}, {REGISTER_RSP, REG_RSP}};
	uint64_t gregs = registers->value[REGISTER_RSP] + offsetof(ucontext_t, uc_mcontext.gregs);
	struct registers before = *registers;

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (!memory_word(memory, gregs + 8 * (uint64_t)kept[i].place,
				 &before.value[kept[i].number]))
			return false;
	before.known = ~0u;
	*registers = before;
	return true;
}
#else
static bool through_signal(struct memory *memory, struct registers *registers)
{
	(void)memory, (void)registers;
	return false;
}
#endif

/* Go to the caller of a frame whose row is known. */
static bool by_row(struct memory *memory, const struct row *row, struct registers *registers,
		   bool innermost)
{
	uint64_t frame = registers->value[row->base] + (uint64_t)(int64_t)row->offset;
	struct registers before = *registers;

	if (row->at[SAVED_RETURN] == NOT_SAVED ||
	    (!innermost && frame <= registers->value[REGISTER_RSP]))
		return false; /* a stack only unwinds upwards: this one is damaged */
	for (size_t i = 0; i < SAVED; i++) {
		if (row->at[i] == NOT_SAVED)
			continue;
		if (!memory_word(memory, frame + (uint64_t)(int64_t)row->at[i],
				 &before.value[row_saved[i]]))
			return false;
		before.known |= 1u << row_saved[i];
	}
	before.value[REGISTER_RSP] = frame;
	*registers = before;
	return true;
}

/* Code generated at run time has no CFI, but usually a frame pointer. */
static bool by_frame_pointer(struct memory *memory, struct registers *registers)
{
	enum { FRAME_MOST = 1 << 20 };
	uint64_t frame = registers->value[REGISTER_RBP], rip, rbp;

	if (!KNOWN(registers, REGISTER_RBP) || frame < registers->value[REGISTER_RSP] ||
	    frame - registers->value[REGISTER_RSP] > FRAME_MOST ||
	    !memory_word(memory, frame + 8, &rip) || !memory_word(memory, frame, &rbp))
		return false;
	registers->value[REGISTER_RBP] = rbp;
	registers->value[REGISTER_RSP] = frame + 16;
	registers->value[REGISTER_RIP] = rip;
	return true;
}

static bool to_caller(struct maps *maps, struct memory *memory, const struct frame *frame,
		      struct registers *registers, bool innermost)
{
	const struct row *row;

	if (!frame->module)
		return by_frame_pointer(memory, registers);
	row = row_of(frame->module, frame->address);
	switch (row->kind) {
	case ROW_SIGNAL:
		return through_signal(memory, registers);
	case ROW_END:
		return false;
	case ROW_FRAME:
		if (!KNOWN(registers, row->base) &&
		    (row->base != REGISTER_RBP || !guess_frame_pointer(maps, memory, registers)))
			return false;
		return by_row(memory, row, registers, innermost);
	default:
		return guess_caller(maps, memory, registers, innermost);
	}
}

size_t unwind(struct maps *maps, pid_t tid, const struct registers *registers,
	      const struct dump *dump, struct frame frames[DEPTH])
{
	static struct memory memory;
	struct registers at = *registers;
	size_t count = 0;

	memory.pid = tid;
	memory.length = 0;
	memory.frozen = dump;
	if (dump) {
		memory.base = registers->value[REGISTER_RSP];
		memory.length =
		    dump->length < sizeof(memory.bytes) ? dump->length : sizeof(memory.bytes);
		memcpy(memory.bytes, dump->bytes, memory.length);
	}
	while (count < DEPTH) {
		/* A return address is after the call, maybe in another line or even function. */
		uint64_t pc = at.value[REGISTER_RIP] - (count > 0);
		const struct mapping *mapping = maps_find(maps, tid, pc);
		struct frame *frame = &frames[count];

		if (!mapping)
			break;
		*frame = (struct frame){.address = pc};
		if (mapping->module &&
		    module_address(mapping->module, pc - mapping->start + mapping->offset,
				   &frame->address))
			frame->module = mapping->module;
		count++;
		if (!to_caller(maps, &memory, frame, &at, count == 1))
			break;
	}
	return count;
}
