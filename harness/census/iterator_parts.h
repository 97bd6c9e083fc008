/* SPDX-License-Identifier: MIT */
/* What the parts of the program of iterator.c share. */
#ifndef CENSUS_ITERATOR_PARTS_H
#define CENSUS_ITERATOR_PARTS_H

#include "census/iterator.h"
#include "census/record.h"
#include "census/writing.h"

enum field {
	FILE_INODE = FIRST_FIELD,
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
	FIELDS
};

/* In the frame of main(), which the other functions are given the address of. */
struct frame {
	uint64_t seq;
	struct record_heading heading;
};

#define FRAME_AT (VALUE_AT - (int)sizeof(struct frame)) /* from the end of the stack frame on */
#define IN_FRAME(member) ((int)offsetof(struct frame, member))
#define IN_HEADING(member) (FRAME_AT + IN_FRAME(heading.member))
#define IN_WINDOW(member) ((int)offsetof(struct window, member))

/* The functions. The first ones return the places of the addresses of the next ones. */
size_t write_main(struct writing *w);
void write_word(struct writing *w, size_t *file, size_t *descriptor);
void write_file(struct writing *w);
void write_descriptor(struct writing *w);

#endif
