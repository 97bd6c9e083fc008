/* SPDX-License-Identifier: MIT */
/* One host at a time, as its sockets are walked and added up (walk.c, count.c). */
#ifndef CENSUS_WALK_H
#define CENSUS_WALK_H

#include "census/internal.h"

/* So many sockets are on their way: the memory that each needs is asked for before its turn. */
#define WALK_AHEAD 8

struct walk {
	struct census *census;
	const struct census_needs *needs;
	struct census_host *host;
	struct census_snapshot *snapshot;
	bool no_memory;
	struct census_socket ahead[WALK_AHEAD]; /* a ring */
	uint64_t came, counted;
};

/* List the sockets: those that must wait for /proc in host->inodes, the others are counted. */
int walk_host(struct walk *walk, struct error *error);

#endif
