/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Sequences of instructions that the BPF programs consist of. */
#include "census/writing.h"

#include <string.h>

#define FUNC_LOOP 181 /* newer than the <linux/bpf.h> of some systems that we support */

int writing_begin(struct writing *w, struct iterator *iterator, const struct btf_wanted *wanted,
		  size_t count, const void *btf, size_t length, int map)
{
	*w = (struct writing){.iterator = iterator, .code = &iterator->code, .map = map};
	memcpy(w->field, wanted, count * sizeof(*wanted));
	if (!btf_look_up(btf, length, w->field, count))
		return -1;
	iterator->attach = w->field[ATTACH].number;
	iterator->code.count = 0;
	iterator->function[0] = 0;
	iterator->functions = 1;
	return 0;
}

void function_begin(struct writing *w, size_t place)
{
	w->iterator->function[w->iterator->functions++] = w->code->count;
	code_begin(w->code, place);
}

bool writing_fits(const struct writing *w)
{
	return w->code->count <= CODE_ROOM;
}

void point(struct writing *w, int to, int offset)
{
	code_move(w->code, to, FRAME);
	code_with(w->code, BPF_ADD, to, offset);
}

void end_if(struct writing *w, int reg, int condition, int value)
{
	w->to_end[w->ends++] = code_jump_if(w->code, reg, condition, value);
}

void end_if_register(struct writing *w, int reg, int condition, int with)
{
	w->to_end[w->ends++] = code_jump_if_register(w->code, reg, condition, with);
}

void end_here(struct writing *w)
{
	for (size_t i = 0; i < w->ends; i++)
		code_land(w->code, w->to_end[i]);
	w->ends = 0;
}

void end(struct writing *w)
{
	end_here(w);
	code_return(w->code, 0);
}

void copy(struct writing *w, int offset, size_t size)
{
	code_set(w->code, A2, (int)size);
	point(w, A1, offset);
	code_call(w->code, BPF_FUNC_probe_read_kernel);
}

void copy_field(struct writing *w, int offset, size_t size, int from, int field)
{
	code_move(w->code, A3, from);
	code_with(w->code, BPF_ADD, A3, offset_of(w, field));
	copy(w, offset, size);
}

/*
 * A helper of the kernel reads any address, but a call takes about as long as waiting for memory
 * does, and keeps the processor from waiting for several addresses at once. Since Linux 6.2 an
 * address can be declared to be that of a struct, and then an instruction reads it.
 */
void load(struct writing *w, int size, int to, int from, int offset)
{
	const size_t bytes = size == BPF_DW ? 8 : size == BPF_W ? 4 : size == BPF_H ? 2 : 1;
	const int address = w->field[CAST].found ? A1 : A3;

	code_move(w->code, address, from);
	code_with(w->code, BPF_ADD, address, offset);
	if (w->field[CAST].found) {
		code_set(w->code, A2, (int)w->field[WORD].number);
		code_call_kernel(w->code, (int)w->field[CAST].number);
		code_load(w->code, size, to, RESULT, 0);
	} else {
		copy(w, VALUE_AT, bytes);
		code_load(w->code, size, to, FRAME, VALUE_AT);
	}
}

void fetch(struct writing *w, int size, int to, int from, int field)
{
	load(w, size, to, from, offset_of(w, field));
}

void report(struct writing *w, int frame, int offset, size_t size)
{
	code_load(w->code, BPF_DW, A1, frame, offset);
	code_set(w->code, A3, (int)size);
	code_call(w->code, BPF_FUNC_seq_write);
}

size_t loop(struct writing *w, int given)
{
	size_t function;

	code_move(w->code, A3, given);
	function = code_function(w->code, A2);
	code_set(w->code, A4, 0);
	code_call(w->code, FUNC_LOOP);
	return function;
}
