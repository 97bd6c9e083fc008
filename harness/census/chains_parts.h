/* SPDX-License-Identifier: MIT */
/* What the parts of the program of chains.c share. */
#ifndef CENSUS_CHAINS_PARTS_H
#define CENSUS_CHAINS_PARTS_H

#include "census/record.h"
#include "census/writing.h"

enum field {
	COMMON_HASH = FIRST_FIELD,
	COMMON_FAMILY,
	COMMON_STATE,
	COMMON_PORT,
	COMMON_PEER_PORT,
	COMMON_ADDRESS,
	COMMON_PEER,
	COMMON_ADDRESS6,
	COMMON_PEER6,
	COMMON_INTERFACE,
	COMMON_NET,
	COMMON_FLAGS,
	COMMON_NODE,
	TASK_TABLE,
	TABLE_ARRAYS,
	ARRAYS_FILES,
	FILE_INODE,
	SOCKET_INODE,
	SOCKET_SOCK,
	NET_IPV4,
	IPV4_ROW,
	ROW_TABLE,
	TABLE_BUCKETS,
	TABLE_MASK,
	SOCK_SOCKET,
	INODE_NUMBER,
	SOCK_TIMER,
	TIMER_NODE,
	NODE_PENDING,
	TIMER_EXPIRES,
	CONNECTION_PENDING,
	TCP_RECEIVED,
	TCP_READ,
	TIME_WAIT_STATE,
	SOCK_NUMBER,	  /* since Linux 6.18 */
	CONNECTION_TIMER, /* since Linux 6.19; the one of struct sock is another then */
	FIELDS
};

/* In the frame of main(), which the other functions are given the address of. */
struct frame {
	uint64_t seq;
	uint64_t node;	 /* the next of the chain */
	uint64_t place;	 /* the address of the pointer that led to it */
	uint64_t bucket; /* whose chain it is */
	uint64_t first;	 /* of the chain, when the walk of it began */
};

#define IN_FRAME(member) ((int)offsetof(struct frame, member))
#define IN_CHAINS(member) ((int)offsetof(struct chains, member))

/* Write the function that runs for each socket of a chain. */
void write_node(struct writing *w);

#endif
