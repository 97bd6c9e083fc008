/* SPDX-License-Identifier: MIT */
/*
 * Without CFI (musl, assembly, a stripped Go program), or without known registers: a return address
 * is a word on the stack that points just after a call. Stale ones are on the stack too, so the
 * result may name an extra caller; the program's own lines are usually among them.
 */
#include "blame/internal.h"

#include <string.h>

enum { LEAF_WORDS = 64, WORDS = 32, FRAME_WORDS = 512, FRAME_MOST = 1 << 16 };

/* call rel32; call through a register or memory, with an operand of 0, 1 or 4 bytes. */
bool guess_is_call(const uint8_t bytes[8])
{
	static const uint8_t lengths[] = {2, 3, 6, 7};

	if (bytes[3] == 0xe8)
		return true;
	for (size_t i = 0; i < sizeof(lengths); i++) {
		const uint8_t *call = bytes + 8 - lengths[i];

		if (call[0] == 0xff && (call[1] & 0x38) == 0x10) /* the opcode's extension is 2 */
			return true;
	}
	return false;
}

static bool is_return(struct maps *maps, pid_t pid, uint64_t address)
{
	const struct mapping *mapping = maps_at(maps, address - 1);
	uint8_t bytes[8];
	int32_t distance;

	if (!mapping || address - mapping->start < sizeof(bytes) ||
	    !memory_copy(pid, address - sizeof(bytes), bytes, sizeof(bytes)) ||
	    !guess_is_call(bytes))
		return false;
	memcpy(&distance, bytes + 4, sizeof(distance));
	return bytes[3] != 0xe8 || maps_at(maps, address + (uint64_t)(int64_t)distance);
}

bool guess_caller(struct maps *maps, struct memory *memory, struct registers *registers, bool leaf)
{
	uint64_t rsp = registers->value[REGISTER_RSP], frame = registers->value[REGISTER_RBP];
	uint64_t word, rbp;

	if (!leaf && frame >= rsp && frame - rsp < FRAME_MOST &&
	    memory_word(memory, frame + 8, &word) && is_return(maps, memory->pid, word) &&
	    memory_word(memory, frame, &rbp)) {
		registers->value[REGISTER_RBP] = rbp;
		registers->value[REGISTER_RSP] = frame + 16;
		registers->value[REGISTER_RIP] = word;
		return true;
	}
	for (uint64_t i = 0; i < (leaf ? LEAF_WORDS : WORDS); i++)
		if (memory_word(memory, rsp + 8 * i, &word) && is_return(maps, memory->pid, word)) {
			registers->value[REGISTER_RSP] = rsp + 8 * (i + 1);
			registers->value[REGISTER_RIP] = word;
			return true;
		}
	return false;
}

bool guess_frame_pointer(struct maps *maps, struct memory *memory, struct registers *registers)
{
	uint64_t at = registers->value[REGISTER_RSP] & ~(uint64_t)7, outer, word;

	/* `push rbp` left the caller's, which is higher up, below the return address. */
	for (uint64_t end = at + 8 * FRAME_WORDS; at < end; at += 8)
		if (memory_word(memory, at, &outer) && outer > at && outer - at < FRAME_MOST &&
		    memory_word(memory, at + 8, &word) && is_return(maps, memory->pid, word)) {
			registers->value[REGISTER_RBP] = at;
			registers->known |= 1u << REGISTER_RBP;
			return true;
		}
	return false;
}
