/* SPDX-License-Identifier: MIT */
/*
 * What the kernel need not hand over: a program for SO_ATTACH_FILTER (socket(7)), in the language
 * of the kernel's Documentation/networking/filter.rst. Without it a busy connection fills the
 * buffer of the packet socket, and the one segment that matters is dropped.
 */
#include "segment/segment.h"

#define PADDING 46 /* bytes a link may add: the least that Ethernet carries */

#define STATEMENT(code, k) ((struct sock_filter)BPF_STMT(code, k))
#define JUMP(test, k, yes, no) ((struct sock_filter)BPF_JUMP(BPF_JMP | (test) | BPF_K, k, yes, no))
#define REFUSE STATEMENT(BPF_RET | BPF_K, 0)

unsigned short segment_prefilter(const struct segment_filter *filter,
				 struct sock_filter program[SEGMENT_PREFILTER])
{
	struct sock_filter *next = program;

	/* X: where the TCP header begins. Loading from behind the end refuses the packet. */
	*next++ = STATEMENT(BPF_LD | BPF_B | BPF_ABS, 0);
	*next++ = STATEMENT(BPF_ALU | BPF_RSH | BPF_K, 4);
	*next++ = JUMP(BPF_JEQ, 4, 0, 2);
	*next++ = STATEMENT(BPF_LDX | BPF_B | BPF_MSH, 0);
	*next++ = STATEMENT(BPF_JMP | BPF_JA, 3);
	*next++ = JUMP(BPF_JEQ, 6, 1, 0);
	*next++ = REFUSE;
	*next++ = STATEMENT(BPF_LDX | BPF_W | BPF_IMM, 40);

	*next++ = STATEMENT(BPF_LD | BPF_B | BPF_IND, 13);
	*next++ = STATEMENT(BPF_ALU | BPF_AND | BPF_K, filter->flags);
	*next++ = JUMP(BPF_JEQ, filter->flags, 1, 0);
	*next++ = REFUSE;

	if (filter->exactly) {
		/* A: how many bytes follow the TCP header. */
		*next++ = STATEMENT(BPF_LD | BPF_B | BPF_IND, 12);
		*next++ = STATEMENT(BPF_ALU | BPF_RSH | BPF_K, 4);
		*next++ = STATEMENT(BPF_ALU | BPF_LSH | BPF_K, 2);
		*next++ = STATEMENT(BPF_ALU | BPF_ADD | BPF_X, 0);
		*next++ = STATEMENT(BPF_MISC | BPF_TAX, 0);
		*next++ = STATEMENT(BPF_LD | BPF_W | BPF_LEN, 0);
		*next++ = STATEMENT(BPF_ALU | BPF_SUB | BPF_X, 0);
		*next++ = JUMP(BPF_JGE, (uint32_t)filter->payload, 1, 0);
		*next++ = REFUSE;
		*next++ = JUMP(BPF_JGT, (uint32_t)filter->payload + PADDING, 0, 1);
		*next++ = REFUSE;
	}
	*next++ = STATEMENT(BPF_RET | BPF_K, UINT32_MAX);
	return (unsigned short)(next - program);
}
