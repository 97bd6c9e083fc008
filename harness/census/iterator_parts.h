/* SPDX-License-Identifier: MIT */
/* What the parts of the program of iterator.c share. */
#ifndef CENSUS_ITERATOR_PARTS_H
#define CENSUS_ITERATOR_PARTS_H

#include "census/iterator.h"
#include "census/record.h"

enum field {
	FILE_INODE,
	INODE_SUPER_BLOCK,
	INODE_NUMBER,
	SUPER_BLOCK_MAGIC,
	SOCKET_INODE,
	SOCKET_TYPE,
	SOCKET_OPERATIONS,
	OPERATIONS_FAMILY,
	TASK_LEADER,
	TASK_NAME,
	TASK_PID,
	TASK_TABLE,
	TASK_NAMESPACES,
	TABLE_ARRAYS,
	ARRAYS_ROOM,
	ARRAYS_FILES,
	ARRAYS_OPEN,
	NAMESPACES_NET,
	NET_COMMON,
	COMMON_NUMBER,
	PID_LEVEL,
	PID_NUMBERS,
	UPID_NUMBER,
	UPID_SIZE,
	ATTACH,
	FIELDS
};

/* In the frame of main(), which the other functions are given the address of. */
struct frame {
	uint64_t seq;
	struct record_heading heading;
};

#define VALUE_AT (-8) /* in every frame: what fetch() has fetched */
#define FRAME_AT (VALUE_AT - (int)sizeof(struct frame)) /* from the end of the stack frame on */
#define IN_FRAME(member) ((int)offsetof(struct frame, member))
#define IN_HEADING(member) (FRAME_AT + IN_FRAME(heading.member))
#define IN_WINDOW(member) ((int)offsetof(struct window, member))

struct writing {
	struct code *code;
	int map;
	uint32_t offset[FIELDS];
	size_t to_end[8]; /* jumps to the end of the function, which is not known yet */
	size_t ends;
};

/* The address of what is in the frame of the function. */
void point(struct writing *w, int to, int offset);

/* Copy what A3 points to into the frame. */
void copy(struct writing *w, int offset, size_t size);

/* Copy the member of the struct at the address in @from. */
void copy_field(struct writing *w, int offset, size_t size, int from, enum field field);

/* The same into a register. @size: BPF_H, BPF_W or BPF_DW. */
void fetch(struct writing *w, int size, int to, int from, enum field field);

/*
 * Call a function as often as A1 says, with the numbers from 0 on and the address in @given.
 * Returns the place of its address, for code_begin().
 */
size_t loop(struct writing *w, int given);

/* Report what A2 points to. The struct frame of main() is at this offset from the address in
 * @frame. */
void report(struct writing *w, int frame, int offset, size_t size);

/* Leave the function if it is so. */
void end_if(struct writing *w, int reg, int condition, int value);
void end_if_register(struct writing *w, int reg, int condition, int with);
void end(struct writing *w);

/* The functions. The first two return the place of the address of the next one. */
size_t write_main(struct writing *w);
size_t write_word(struct writing *w);
void write_descriptor(struct writing *w);

#endif
