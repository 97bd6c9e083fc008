/* SPDX-License-Identifier: MIT */
/* What the candidates of gone.c turn out to be, and how they are counted then (settle.c). */
#ifndef CENSUS_SETTLE_H
#define CENSUS_SETTLE_H

#include "census/internal.h"

struct settling {
	struct census *census;
	const struct census_needs *needs;
	struct census_snapshot *snapshots;
	struct inodes met; /* gone sockets by the process that was counted for them */
};

/* It is connected: in the state of @entry. Each returns 0, or -1 when memory is short. */
int count_connected(struct settling *settling, struct candidate *candidate,
		    struct inode_entry *entry);

/* It is in no table; @gone tells what is known of it. */
int count_gone(struct settling *settling, struct candidate *candidate, enum census_gone gone,
	       uint16_t shown_port);

/* It is of another namespace, and is counted where only what a process holds is. */
int count_elsewhere(struct settling *settling, struct candidate *candidate,
		    struct inode_entry *entry);

#endif
