/* SPDX-License-Identifier: MIT */
/* Which socket has this inode? (inodes.c) */
#ifndef CENSUS_INODES_H
#define CENSUS_INODES_H

#include <stddef.h>
#include <stdint.h>

#define INODE_HELD 1   /* a process is known to hold it */
#define INODE_UNREAD 2 /* census_unread() */
#define INODE_SKIP 4   /* listed only so that it does not count as gone */
#define INODE_MPTCP 8  /* a subflow */
#define INODE_MAIN 16  /* its MPTCP socket lives; without INODE_MPTCP: it is that socket */
#define INODE_LATE 32  /* who holds it was found at the second look */

struct inode_entry {	       /* 28 bytes: a million sockets are 56 MiB */
	uint32_t inode;	       /* 0: a free slot */
	uint32_t holder;       /* the last process found to hold it */
	uint32_t keepalive;    /* ms, UINT32_MAX: the timer does not run */
	uint32_t silent, idle; /* ms, UINT32_MAX: unknown */
	uint16_t port;	       /* as in struct census_row */
	uint8_t state;
	uint8_t flags;
	uint32_t number; /* in snapshot->remotes, of a listener in ->listeners, + 1; 0: none */
};

struct inodes {
	struct inode_entry *slot;
	size_t size; /* a power of two, or 0 */
	size_t used;
};

/* Make room for many at once, which costs less than one by one. Returns as inodes_add(). */
int inodes_reserve(struct inodes *inodes, size_t entries);

/* Returns 0, or -1 when memory is short. @entry->inode is not 0; others may have the same. */
int inodes_add(struct inodes *inodes, const struct inode_entry *entry);

/* Prefetch the memory of @inode, to be added or found soon. */
void inodes_expect(const struct inodes *inodes, uint32_t inode);

/* The first entry of @inode, and the next one of the same; NULL when there is none. */
struct inode_entry *inodes_find(const struct inodes *inodes, uint32_t inode);
struct inode_entry *inodes_next(const struct inodes *inodes, const struct inode_entry *entry);
void inodes_clear(struct inodes *inodes); /* forget all, keep the memory */
void inodes_free(struct inodes *inodes);

#endif
