/* SPDX-License-Identifier: MIT */
/* What the BPF program of iterator.c writes, and bpf.c reads: a descriptor that matters. */
#ifndef CENSUS_RECORD_H
#define CENSUS_RECORD_H

#include <linux/types.h>

enum { RECORD_STREAM, RECORD_NAMESPACE };

struct record {
	__u64 table; /* the same for threads that share their descriptors */
	__u32 pid, thread;
	__u32 fd;
	__u32 inode;
	__u32 netns; /* the inode of the network namespace that the thread lives in; 0: none */
	__u32 kind;
	char name[16]; /* of the process, as in /proc/PID/comm; with a NUL */
};

#endif
