/* SPDX-License-Identifier: MIT */
/*
 * How to get from a frame to its caller's, for one address. libdw finds that in the CFI within some
 * microseconds; a program reaches the same addresses again and again, so each answer is cached.
 */
#include "blame/internal.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <stdlib.h>

enum { ROWS = 1 << 15, TRIES = 16, R12 = 12, R13, R14, R15 };

const uint8_t row_saved[SAVED] = {REGISTER_RBX, REGISTER_RBP, R12, R13, R14, R15, REGISTER_RIP};

/* The frame begins at an offset from a register, except for signals and the PLT. */
static void read_base(struct row *row, const Dwarf_Op *ops, size_t count)
{
	if (count != 1)
		return;
	if (ops[0].atom == DW_OP_bregx) {
		row->base = (uint8_t)ops[0].number;
		row->offset = (int32_t)ops[0].number2;
	} else if (ops[0].atom >= DW_OP_breg0 && ops[0].atom <= DW_OP_breg31) {
		row->base = (uint8_t)(ops[0].atom - DW_OP_breg0);
		row->offset = (int32_t)ops[0].number;
	} else {
		return;
	}
	row->kind = row->base < REGISTERS ? ROW_FRAME : ROW_NONE;
}

/* A register that was saved at an offset from the beginning of the frame. */
static int32_t saved_at(const Dwarf_Op *ops, size_t count)
{
	if (count == 0 || ops[0].atom != DW_OP_call_frame_cfa)
		return NOT_SAVED;
	if (count == 1)
		return 0;
	return ops[1].atom == DW_OP_plus_uconst ? (int32_t)ops[1].number : NOT_SAVED;
}

static void read_row(struct row *row, Dwarf_Frame *frame)
{
	Dwarf_Op *ops, memory[3];
	bool signal = false;
	size_t count;

	dwarf_frame_info(frame, NULL, NULL, &signal);
	if (dwarf_frame_cfa(frame, &ops, &count) == 0)
		read_base(row, ops, count);
	for (size_t i = 0; i < SAVED; i++) {
		row->at[i] = NOT_SAVED;
		if (dwarf_frame_register(frame, row_saved[i], memory, &ops, &count) != 0)
			continue;
		if (i == SAVED_RETURN && count == 0 &&
		    ops == memory) /* undefined: there is no caller */
			row->kind = ROW_END;
		row->at[i] = saved_at(ops, count);
	}
	if (signal)
		row->kind = ROW_SIGNAL;
}

static void make_row(struct row *row, uint32_t module, uint64_t pc)
{
	*row = (struct row){.module = module, .pc = pc, .kind = ROW_NONE};
	for (int debug = 0; debug < 2; debug++) {
		Dwarf_CFI *cfi = module_cfi(module, debug);
		Dwarf_Frame *frame = NULL;

		if (!cfi || dwarf_cfi_addrframe(cfi, pc, &frame) != 0)
			continue;
		read_row(row, frame);
		free(frame);
		return;
	}
}

const struct row *row_of(uint32_t module, uint64_t pc)
{
	static struct row rows[ROWS], spare;
	size_t home = ((pc * 0x9e3779b97f4a7c15u) ^ ((uint64_t)module << 40)) >> 24;

	for (size_t i = 0; i < TRIES; i++) {
		struct row *row = &rows[(home + i) % ROWS];

		if (row->kind == ROW_EMPTY)
			make_row(row, module, pc);
		if (row->module == module && row->pc == pc)
			return row;
	}
	make_row(&spare, module, pc); /* its slots are full */
	return &spare;
}
