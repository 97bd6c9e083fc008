/* SPDX-License-Identifier: MIT */
/* Writes instructions of BPF, one by one: Documentation/bpf/standardization of the kernel. */
#ifndef CENSUS_CODE_H
#define CENSUS_CODE_H

#include <linux/bpf.h>
#include <stddef.h>
#include <stdint.h>

#define CODE_ROOM 768

struct code {
	struct bpf_insn instruction[CODE_ROOM];
	size_t count; /* above CODE_ROOM: it does not fit */
};

/* Registers that a call does not keep: its arguments, and scratch. */
enum { A1 = BPF_REG_1, A2, A3, A4, A5 };
enum { RESULT = BPF_REG_0, FRAME = BPF_REG_10 };

void code_move(struct code *code, int to, int from);
void code_set(struct code *code, int to, int value);

/* Arithmetic with a number and with a register; @operation is BPF_ADD, BPF_AND, ... */
void code_with(struct code *code, int operation, int to, int value);
void code_with_register(struct code *code, int operation, int to, int from);

/* @size is BPF_B, BPF_H, BPF_W or BPF_DW; @offset is from the address in @from or @at. */
void code_load(struct code *code, int size, int to, int from, int offset);
void code_store(struct code *code, int size, int at, int offset, int from);

void code_call(struct code *code, int function);
/* A kernel function that is not one of the helpers, by its number in BTF. */
void code_call_kernel(struct code *code, int function);
void code_return(struct code *code, int value);

/* The address of the value of the map with this descriptor. */
void code_map_value(struct code *code, int to, int map);

/* The address of a function, which code_begin() sets. */
size_t code_function(struct code *code, int to);

/* A jump that code_land() leads to the next instruction. */
size_t code_jump_if(struct code *code, int reg, int condition, int value);
size_t code_jump_if_register(struct code *code, int reg, int condition, int with);
size_t code_jump(struct code *code);
void code_land(struct code *code, size_t jump);

/* The next instruction is where the function of code_function() begins. */
void code_begin(struct code *code, size_t function);

#endif
