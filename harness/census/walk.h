/* SPDX-License-Identifier: MIT */
/* One host at a time: walks its sockets and adds them up (walk.c, count.c). */
#ifndef CENSUS_WALK_H
#define CENSUS_WALK_H

#include "census/internal.h"

/* Sockets in the pipeline: prefetch each one's memory this many sockets ahead. */
#define WALK_AHEAD 8

struct walk {
	struct census *census;
	const struct census_needs *needs;
	struct census_host *host;
	struct census_snapshot *snapshot;
	bool no_memory;
	struct ahead {
		struct census_socket socket;
		uint16_t port; /* to show */
		uint32_t tag;  /* of the other end (remotes.c) */
	} ahead[WALK_AHEAD];   /* a ring */
	uint64_t came, counted;
};

/* List the sockets: keep those that must wait for /proc in host->inodes, count the others. */
int walk_host(struct walk *walk, struct error *error);

#endif
