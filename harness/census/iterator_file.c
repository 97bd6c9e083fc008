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

/* Copy what is at the address in A3 to this place in the window, for @size bytes. */
static void copy_to_window(struct writing *w, int window_at, size_t offset, size_t size)
{
	code_set(w->code, A2, (int)size);
	code_move(w->code, A1, window_at);
	code_with(w->code, BPF_ADD, A1, (int)offset);
	code_call(w->code, BPF_FUNC_probe_read_kernel);
}

void write_word(struct writing *w, size_t *file, size_t *descriptor)
{
	enum { NUMBER = BPF_REG_6, GIVEN, WINDOW_AT };

	code_move(w->code, NUMBER, A1);
	code_move(w->code, GIVEN, A2);
	code_map_value(w->code, WINDOW_AT, w->map);
	code_move(w->code, A1, NUMBER);
	code_with(w->code, BPF_LSH, A1, 3);
	code_load(w->code, BPF_DW, A3, WINDOW_AT, IN_WINDOW(open));
	code_with_register(w->code, BPF_ADD, A3, A1);
	copy_to_window(w, WINDOW_AT, offsetof(struct window, bits), sizeof(uint64_t));
	code_load(w->code, BPF_DW, A1, WINDOW_AT, IN_WINDOW(bits));
	end_if(w, A1, BPF_JEQ, 0);
	code_load(w->code, BPF_W, A1, WINDOW_AT, IN_WINDOW(first));
	code_with_register(w->code, BPF_ADD, A1, NUMBER);
	code_with(w->code, BPF_LSH, A1, 6);
	code_store(w->code, BPF_DW, WINDOW_AT, IN_WINDOW(base), A1);
	code_load(w->code, BPF_DW, A3, WINDOW_AT, IN_WINDOW(files));
	code_with(w->code, BPF_LSH, A1, 3);
	code_with_register(w->code, BPF_ADD, A3, A1);
	copy_to_window(w, WINDOW_AT, offsetof(struct window, file), 64 * sizeof(uint64_t));
	code_set(w->code, A1, 64);
	*file = loop(w, GIVEN);
	code_set(w->code, A1, 64);
	*descriptor = loop(w, GIVEN);
	end(w);
}

/* ---- a bit: its file ------------------------------------------------------------------------- */

/*
 * Most of the time goes into waiting for memory. A function that does nothing else is so short that
 * the processor waits for several files at once: this one makes the whole faster.
 */
void write_file(struct writing *w)
{
	enum { WINDOW_AT = BPF_REG_6 };

	code_map_value(w->code, WINDOW_AT, w->map);
	code_with(w->code, BPF_AND, A1, 63);
	code_with(w->code, BPF_LSH, A1, 3);
	code_with_register(w->code, BPF_ADD, WINDOW_AT, A1);
	code_load(w->code, BPF_DW, A3, WINDOW_AT, IN_WINDOW(file));
	fetch(w, BPF_DW, A1, A3, FILE_INODE);
	code_store(w->code, BPF_DW, WINDOW_AT, IN_WINDOW(inode), A1);
	end(w);
}

/* ---- a bit: a descriptor --------------------------------------------------------------------- */

enum { NUMBER = BPF_REG_6, GIVEN, WINDOW_AT, THERE };

/* In the frame. */
enum {
	RECORD_AT = VALUE_AT - 8,
	FILE_AT = RECORD_AT - 8,
	SLOT_AT = FILE_AT - 8, /* the address of the pointer to it */
	INODE_AT = SLOT_AT - 8,
	SUPER_BLOCK_AT = INODE_AT - 8,
};

/* THERE, an inode of a socket or a namespace, or leave it. Returns the jump of the latter. */
static size_t select_inode(struct writing *w)
{
	size_t known, socket, namespace;

	fetch(w, BPF_DW, A1, THERE, INODE_NUMBER);
	code_store(w->code, BPF_W, FRAME, RECORD_AT + (int)offsetof(struct record, inode), A1);
	fetch(w, BPF_DW, A3, THERE, INODE_SUPER_BLOCK);
	code_load(w->code, BPF_DW, A2, WINDOW_AT, IN_WINDOW(sockets));
	known = code_jump_if_register(w->code, A3, BPF_JEQ, A2);
	code_store(w->code, BPF_DW, FRAME, SUPER_BLOCK_AT, A3);
	fetch(w, BPF_DW, A1, A3, SUPER_BLOCK_MAGIC);
	socket = code_jump_if(w->code, A1, BPF_JEQ, SOCKFS_MAGIC);
	end_if(w, A1, BPF_JNE, NSFS_MAGIC);
	code_with(w->code, BPF_OR, NUMBER, (int)RECORD_NAMESPACE);
	namespace = code_jump(w->code);
	code_land(w->code, socket);
	code_load(w->code, BPF_DW, A1, FRAME, SUPER_BLOCK_AT);
	code_store(w->code, BPF_DW, WINDOW_AT, IN_WINDOW(sockets), A1);
	code_land(w->code, known);
	return namespace;
}

/* THERE, the inode of a socket. Leave what is no stream socket of IPv4 or IPv6. */
static void select_socket(struct writing *w)
{
	enum { OPERATIONS = THERE };
	size_t known[2], four, six;

	code_with(w->code, BPF_SUB, THERE, offset_of(w, SOCKET_INODE));
	fetch(w, BPF_H, A1, THERE, SOCKET_TYPE);
	end_if(w, A1, BPF_JNE, SOCK_STREAM);
	fetch(w, BPF_DW, OPERATIONS, THERE, SOCKET_OPERATIONS);
	for (int i = 0; i < 2; i++) {
		code_load(w->code, BPF_DW, A1, WINDOW_AT, IN_WINDOW(stream[i]));
		known[i] = code_jump_if_register(w->code, A1, BPF_JEQ, OPERATIONS);
	}
	fetch(w, BPF_W, A1, OPERATIONS, OPERATIONS_FAMILY);
	six = code_jump_if(w->code, A1, BPF_JEQ, AF_INET6);
	end_if(w, A1, BPF_JNE, AF_INET);
	code_store(w->code, BPF_DW, WINDOW_AT, IN_WINDOW(stream[0]), OPERATIONS);
	four = code_jump(w->code);
	code_land(w->code, six);
	code_store(w->code, BPF_DW, WINDOW_AT, IN_WINDOW(stream[1]), OPERATIONS);
	code_land(w->code, four);
	code_land(w->code, known[0]);
	code_land(w->code, known[1]);
}

/* The file of bit A1, and what is needed to see that it stays there. */
static void find_file(struct writing *w)
{
	enum { BIT = THERE };

	code_move(w->code, BIT, A1);
	code_move(w->code, GIVEN, A2);
	code_map_value(w->code, WINDOW_AT, w->map);
	code_load(w->code, BPF_DW, A1, WINDOW_AT, IN_WINDOW(bits));
	code_with_register(w->code, BPF_RSH, A1, BIT);
	code_with(w->code, BPF_AND, A1, 1);
	end_if(w, A1, BPF_JEQ, 0);
	code_load(w->code, BPF_DW, NUMBER, WINDOW_AT, IN_WINDOW(base));
	code_with_register(w->code, BPF_ADD, NUMBER, BIT);
	code_load(w->code, BPF_DW, A1, WINDOW_AT, IN_WINDOW(files));
	code_move(w->code, A2, NUMBER);
	code_with(w->code, BPF_LSH, A2, 3);
	code_with_register(w->code, BPF_ADD, A1, A2);
	code_store(w->code, BPF_DW, FRAME, SLOT_AT, A1);
	code_with(w->code, BPF_AND, BIT, 63);
	code_with(w->code, BPF_LSH, BIT, 3);
	code_with_register(w->code, BPF_ADD, BIT, WINDOW_AT);
	code_load(w->code, BPF_DW, A1, BIT, IN_WINDOW(file));
	code_store(w->code, BPF_DW, FRAME, FILE_AT, A1);
	code_load(w->code, BPF_DW, THERE, BIT, IN_WINDOW(inode));
	end_if(w, THERE, BPF_JEQ, 0);
	code_store(w->code, BPF_DW, FRAME, INODE_AT, THERE);
}

/* Leave a descriptor that does not lead to the same file any more, or a file to the same inode. */
static void check_file(struct writing *w)
{
	code_load(w->code, BPF_DW, A3, FRAME, SLOT_AT);
	load(w, BPF_DW, A1, A3, 0);
	code_load(w->code, BPF_DW, A2, FRAME, FILE_AT);
	end_if_register(w, A1, BPF_JNE, A2);
	fetch(w, BPF_DW, A1, A2, FILE_INODE);
	code_load(w->code, BPF_DW, A2, FRAME, INODE_AT);
	end_if_register(w, A1, BPF_JNE, A2);
}

/* Write the heading of the table, if it has none yet. */
static void write_heading(struct writing *w)
{
	size_t headed;

	code_load(w->code, BPF_W, A1, WINDOW_AT, IN_WINDOW(headed));
	headed = code_jump_if(w->code, A1, BPF_JNE, 0);
	code_set(w->code, A1, 1);
	code_store(w->code, BPF_W, WINDOW_AT, IN_WINDOW(headed), A1);
	code_move(w->code, A2, GIVEN);
	code_with(w->code, BPF_ADD, A2, IN_FRAME(heading));
	report(w, GIVEN, IN_FRAME(seq), sizeof(struct record_heading));
	code_land(w->code, headed);
}

static void write_record(struct writing *w)
{
	write_heading(w);
	code_store(w->code, BPF_W, FRAME, RECORD_AT + (int)offsetof(struct record, fd), NUMBER);
	point(w, A2, RECORD_AT);
	report(w, GIVEN, IN_FRAME(seq), sizeof(struct record));
}

void write_descriptor(struct writing *w)
{
	size_t namespace;

	find_file(w);
	namespace = select_inode(w);
	select_socket(w);
	code_land(w->code, namespace);
	check_file(w);
	write_record(w);
	end(w);
}
