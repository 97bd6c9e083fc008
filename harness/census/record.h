/* SPDX-License-Identifier: MIT */
/*
 * What the BPF program of iterator.c writes, and bpf.c and kernel.c read: for each table of
 * descriptors a heading, followed by its descriptors that matter.
 */
#ifndef CENSUS_RECORD_H
#define CENSUS_RECORD_H

#include <linux/types.h>

#define RECORD_NAMESPACE 0x80000000u /* in record.fd: it leads to a namespace, not to a socket */
#define RECORD_HEADING 0xffffffffu   /* record.fd of a heading */
#define RECORD_VOID 0xfffffffeu /* the table ended while it was read: nothing about it is sure */

struct record {
	__u32 fd;
	__u32 inode;
};

struct record_heading {
	struct record mark;
	__u64 table; /* the same for threads that share their descriptors */
	__u32 pid, thread;
	__u32 netns; /* the inode of the network namespace that the thread lives in; 0: none */
	__u32 unused;
	char name[16]; /* of the process, as in /proc/PID/comm; with a NUL */
};

#define RECORDS_OF_HEADING (sizeof(struct record_heading) / sizeof(struct record))

/*
 * What the program is given and gives back, and its memory while it runs. The kernel lets a task
 * write 32 KiB at a time, so the program looks at a window of each table: @width words of the
 * bitmap of open descriptors, from word @first on. WINDOW words always fit.
 */
#define WINDOW 63
#define WINDOW_WIDEST (WINDOW << 4) /* 64,000 descriptors: a few ms without another task */

struct window {
	__u32 first, width; /* in */
	__u32 more;	    /* out: a table goes on after the window */
	__u32 voids;	    /* out: number of RECORD_VOID */
	__u32 headed;
	__u32 words;	   /* in the window */
	__u64 files, open; /* addresses in the kernel: struct file *[], and the bitmap */
	__u64 bits;	   /* a word of it */
	__u64 base;	   /* the descriptor of its first bit */
	__u64 file[64];	   /* addresses of the files of these 64, and of the inodes of the files */
	__u64 inode[64];
	__u64 sockets;	 /* once known: the address of the super block of sockets, */
	__u64 stream[2]; /* of the operations of a stream socket of IPv4 and of IPv6 */
};

/* ---- the table of connections: what chains.c writes, and connections.c reads ------------------
 */

struct connection {
	__u64 keepalive;	   /* jiffies until the timer fires; 0: it does not run */
	__u32 address[4], peer[4]; /* network byte order; IPv4 in the first word */
	__u32 interface;
	__u32 inode;
	__u32 unread;	       /* of a CLOSE_WAIT: sequence numbers received and not read */
	__u16 port, peer_port; /* host and network byte order: as the kernel keeps them */
	__u8 family, state;
	__u16 unused[3];
};

#define CONNECTIONS_AT_ONCE 512 /* 32 KiB, as above */
#define CHAIN_LONGEST 256	/* so many always fit */
#define LOOKS_AT_ONCE 4096	/* a millisecond without another task */

/* As struct window, of the table: a number of buckets, each with a chain of sockets. */
struct chains {
	__u32 descriptor; /* in: of a socket in the namespace to list */
	__u32 states;	  /* in: bits 1 << state, as the kernel numbers them */
	__u32 next;	  /* in and out: the first bucket that was not looked at */
	__u32 mask;	  /* out: number of the last bucket */
	__u32 lost;	  /* out: a chain too long, or none: the table is not what it seems */
	__u32 count;	  /* written */
	__u32 looks;	  /* at sockets, also at those that are not wanted */
	__u64 table, net; /* addresses in the kernel */
	__u64 head[64];	  /* of the chains of a group of buckets */
};

#endif
