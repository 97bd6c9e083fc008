/* SPDX-License-Identifier: MIT */
#include "census/code.h"

/* Newer than the <linux/bpf.h> of some systems that we support. */
enum { MAP_VALUE = 2, FUNCTION = 4, KERNEL_FUNCTION = 2 };

static size_t put(struct code *code, int operation, int to, int from, int offset, int value)
{
	if (code->count < CODE_ROOM)
		code->instruction[code->count] = (struct bpf_insn){
		    .code = (uint8_t)operation,
		    .dst_reg = (uint8_t)to & 15,
		    .src_reg = (uint8_t)from & 15,
		    .off = (int16_t)offset,
		    .imm = value,
		};
	return code->count++;
}

void code_move(struct code *code, int to, int from)
{
	put(code, BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0);
}

void code_set(struct code *code, int to, int value)
{
	put(code, BPF_ALU64 | BPF_MOV | BPF_K, to, 0, 0, value);
}

void code_with(struct code *code, int operation, int to, int value)
{
	put(code, BPF_ALU64 | operation | BPF_K, to, 0, 0, value);
}

void code_with_register(struct code *code, int operation, int to, int from)
{
	put(code, BPF_ALU64 | operation | BPF_X, to, from, 0, 0);
}

void code_load(struct code *code, int size, int to, int from, int offset)
{
	put(code, BPF_LDX | BPF_MEM | size, to, from, offset, 0);
}

void code_store(struct code *code, int size, int at, int offset, int from)
{
	put(code, BPF_STX | BPF_MEM | size, at, from, offset, 0);
}

void code_call(struct code *code, int function)
{
	put(code, BPF_JMP | BPF_CALL, 0, 0, 0, function);
}

void code_call_kernel(struct code *code, int function)
{
	put(code, BPF_JMP | BPF_CALL, 0, KERNEL_FUNCTION, 0, function);
}

void code_return(struct code *code, int value)
{
	code_set(code, RESULT, value);
	put(code, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* 64 bits take two instructions. */
static size_t put_wide(struct code *code, int to, int kind, int value)
{
	size_t at = put(code, BPF_LD | BPF_IMM | BPF_DW, to, kind, 0, value);

	put(code, 0, 0, 0, 0, 0);
	return at;
}

void code_map_value(struct code *code, int to, int map)
{
	put_wide(code, to, MAP_VALUE, map);
}

size_t code_function(struct code *code, int to)
{
	return put_wide(code, to, FUNCTION, 0);
}

void code_begin(struct code *code, size_t function)
{
	if (function < CODE_ROOM)
		code->instruction[function].imm = (int)(code->count - function - 1);
}

size_t code_jump_if(struct code *code, int reg, int condition, int value)
{
	return put(code, BPF_JMP | condition | BPF_K, reg, 0, 0, value);
}

size_t code_jump_if_register(struct code *code, int reg, int condition, int with)
{
	return put(code, BPF_JMP | condition | BPF_X, reg, with, 0, 0);
}

size_t code_jump(struct code *code)
{
	return put(code, BPF_JMP | BPF_JA, 0, 0, 0, 0);
}

void code_land(struct code *code, size_t jump)
{
	if (jump < CODE_ROOM)
		code->instruction[jump].off = (int16_t)(code->count - jump - 1);
}
