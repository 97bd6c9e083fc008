/* SPDX-License-Identifier: MIT */
/* One process at a time, searched for the sockets that it holds (owner.c, beyond.c). */
#ifndef CENSUS_VISIT_H
#define CENSUS_VISIT_H

#include "census/internal.h"
#include "census/listing.h"

struct visit {
	struct census *census;
	const struct census_needs *needs;
	struct census_snapshot *snapshots;
	pid_t pid, task;
	int home;    /* the host it lives in, -1: none */
	bool deep;   /* look into rings and mappings, too */
	bool second; /* the second time: only for sockets without a known holder */
	bool refused;
	bool busy;	  /* an io_uring did not list its files */
	char name[64];	  /* empty: not read yet */
	const char *comm; /* of its task; NULL: not known yet */
};

/* The task of @visit has this descriptor. */
int visit_descriptor(struct visit *visit, const struct descriptor *descriptor);

/* The process of @visit holds the socket @inode, by descriptor @fd if @hold says so. */
int visit_meet(struct visit *visit, enum census_hold hold, int fd, uint32_t inode);

/* ---- beyond.c: sockets that no descriptor table holds ---------------------------------------- */

/* Pure: the inode in a line "   0: socket:[123]" of an io_uring's fdinfo, and *@slot, the first
 * number; 0: none. */
uint32_t ring_line_inode(const char *line, int *slot);

/*
 * Pure: the inode of a socket that a line of /proc/PID/maps maps, or 0. A TCP socket can be mapped
 * only for reading: tcp_mmap() refuses the rest. The rings of AF_PACKET and AF_XDP are writable.
 */
uint32_t mapping_line_inode(const char *line);

/* Pure: how many descriptors a UNIX socket carries, from its fdinfo. */
uint64_t scm_count(const char *fdinfo);

int visit_ring(struct visit *visit, int fd);
int visit_mappings(struct visit *visit);
/* Note if the UNIX socket @fd carries descriptors. */
void visit_unix(struct visit *visit, int fd);

/* ---- kernel.c: owners by BPF ----------------------------------------------------------------- */

/* Has the kernel listed the owners (@second: again)? Returns 1 or 0, or -1 with @error when it must
 * and cannot. */
int kernel_has_told(struct census *census, bool second, struct error *error);

/* As census_scan(), of all processes, from the kernel's list. */
int kernel_scan(struct visit *visit, struct error *error);

#endif
