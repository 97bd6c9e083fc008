/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The parts of the program of iterator.c that run for each word of the bitmap, and for each bit. */
#include "census/iterator_parts.h"

#include <linux/magic.h>
#include <sys/socket.h>

#ifndef NSFS_MAGIC
#define NSFS_MAGIC 0x6e736673
#endif
#ifndef SOCKFS_MAGIC
#define SOCKFS_MAGIC 0x534f434b
#endif

/* ---- a word: 64 descriptors ------------------------------------------------------------------ */

size_t write_word(struct writing *w)
{
	enum { NUMBER = BPF_REG_6, GIVEN, WINDOW_AT };
	size_t descriptor;

	code_move(w->code, NUMBER, A1);
	code_move(w->code, GIVEN, A2);
	code_map_value(w->code, WINDOW_AT, w->map);
	code_move(w->code, A1, NUMBER);
	code_with(w->code, BPF_LSH, A1, 3);
	code_load(w->code, BPF_DW, A3, WINDOW_AT, IN_WINDOW(open));
	code_with_register(w->code, BPF_ADD, A3, A1);
	code_set(w->code, A2, sizeof(uint64_t));
	code_move(w->code, A1, WINDOW_AT);
	code_with(w->code, BPF_ADD, A1, IN_WINDOW(bits));
	code_call(w->code, BPF_FUNC_probe_read_kernel);
	code_load(w->code, BPF_DW, A1, WINDOW_AT, IN_WINDOW(bits));
	end_if(w, A1, BPF_JEQ, 0);
	code_load(w->code, BPF_W, A1, WINDOW_AT, IN_WINDOW(first));
	code_with_register(w->code, BPF_ADD, A1, NUMBER);
	code_with(w->code, BPF_LSH, A1, 6);
	code_store(w->code, BPF_DW, WINDOW_AT, IN_WINDOW(base), A1);
	code_set(w->code, A1, 64);
	descriptor = loop(w, GIVEN);
	end(w);
	return descriptor;
}

/* ---- a bit: a descriptor --------------------------------------------------------------------- */

enum { NUMBER = BPF_REG_6, GIVEN, SLOT, THERE };

/* In the frame. */
enum { RECORD_AT = VALUE_AT - 8, FILE_AT = RECORD_AT - 8 };

/* NUMBER: the descriptor, with a mark of its kind. Leave what does not matter. */
static void select_file(struct writing *w)
{
	size_t socket, both, six;

	fetch(w, BPF_DW, A3, THERE, INODE_SUPER_BLOCK);
	fetch(w, BPF_DW, A1, A3, SUPER_BLOCK_MAGIC);
	socket = code_jump_if(w->code, A1, BPF_JEQ, SOCKFS_MAGIC);
	end_if(w, A1, BPF_JNE, NSFS_MAGIC);
	code_with(w->code, BPF_OR, NUMBER, (int)RECORD_NAMESPACE);
	both = code_jump(w->code);
	code_land(w->code, socket);
	code_with(w->code, BPF_SUB, THERE, (int)w->offset[SOCKET_INODE]);
	fetch(w, BPF_H, A1, THERE, SOCKET_TYPE);
	end_if(w, A1, BPF_JNE, SOCK_STREAM);
	fetch(w, BPF_DW, A3, THERE, SOCKET_OPERATIONS);
	fetch(w, BPF_W, A1, A3, OPERATIONS_FAMILY);
	six = code_jump_if(w->code, A1, BPF_JEQ, AF_INET6);
	end_if(w, A1, BPF_JNE, AF_INET);
	code_land(w->code, six);
	code_land(w->code, both);
}

/* Write the heading of the table, if it has none yet. */
static void write_heading(struct writing *w)
{
	enum { WINDOW_AT = THERE };
	size_t headed;

	code_map_value(w->code, WINDOW_AT, w->map);
	code_load(w->code, BPF_W, A1, WINDOW_AT, IN_WINDOW(headed));
	headed = code_jump_if(w->code, A1, BPF_JNE, 0);
	code_set(w->code, A1, 1);
	code_store(w->code, BPF_W, WINDOW_AT, IN_WINDOW(headed), A1);
	code_move(w->code, A2, GIVEN);
	code_with(w->code, BPF_ADD, A2, IN_FRAME(heading));
	report(w, GIVEN, 0, sizeof(struct record_heading));
	code_land(w->code, headed);
}

static void write_record(struct writing *w)
{
	write_heading(w);
	code_store(w->code, BPF_W, FRAME, RECORD_AT + (int)offsetof(struct record, fd), NUMBER);
	point(w, A2, RECORD_AT);
	report(w, GIVEN, 0, sizeof(struct record));
}

/* SLOT: the address of its pointer to a file. */
static void find_slot(struct writing *w)
{
	code_move(w->code, NUMBER, A1);
	code_move(w->code, GIVEN, A2);
	code_map_value(w->code, SLOT, w->map);
	code_load(w->code, BPF_DW, A1, SLOT, IN_WINDOW(bits));
	code_with_register(w->code, BPF_RSH, A1, NUMBER);
	code_with(w->code, BPF_AND, A1, 1);
	end_if(w, A1, BPF_JEQ, 0);
	code_load(w->code, BPF_DW, A1, SLOT, IN_WINDOW(base));
	code_with_register(w->code, BPF_ADD, NUMBER, A1);
	code_load(w->code, BPF_DW, SLOT, SLOT, IN_WINDOW(files));
	code_move(w->code, A1, NUMBER);
	code_with(w->code, BPF_LSH, A1, 3);
	code_with_register(w->code, BPF_ADD, SLOT, A1);
}

void write_descriptor(struct writing *w)
{
	find_slot(w);
	code_move(w->code, A3, SLOT);
	copy(w, FILE_AT, sizeof(uint64_t));
	code_load(w->code, BPF_DW, A3, FRAME, FILE_AT);
	end_if(w, A3, BPF_JEQ, 0);
	fetch(w, BPF_DW, THERE, A3, FILE_INODE);
	fetch(w, BPF_DW, A1, THERE, INODE_NUMBER);
	code_store(w->code, BPF_W, FRAME, RECORD_AT + (int)offsetof(struct record, inode), A1);
	select_file(w);
	code_move(w->code, A3, SLOT);
	copy(w, VALUE_AT, sizeof(uint64_t));
	code_load(w->code, BPF_DW, A1, FRAME, VALUE_AT);
	code_load(w->code, BPF_DW, A2, FRAME, FILE_AT);
	end_if_register(w, A1, BPF_JNE, A2);
	write_record(w);
	end(w);
}
