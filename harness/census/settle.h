/* SPDX-License-Identifier: MIT */
/* What the candidates of gone.c turn out to be, and how they count (settle.c). */
#ifndef CENSUS_SETTLE_H
#define CENSUS_SETTLE_H

#include "census/internal.h"

struct settling {
	struct census *census;
	const struct census_needs *needs;
	struct census_snapshot *snapshots;
	struct inodes met; /* gone sockets, by the process they count for */
};

/* It is connected: in the state of @entry. Each returns 0, or -1 when memory is short. */
int count_connected(struct settling *settling, struct candidate *candidate,
		    struct inode_entry *entry);

/* It is in no table; @gone says what is known of it. */
int count_gone(struct settling *settling, struct candidate *candidate, enum census_gone gone,
	       uint16_t shown_port);

/* It belongs to another namespace, and counts only when a process's holdings are counted. */
int count_elsewhere(struct settling *settling, struct candidate *candidate,
		    struct inode_entry *entry);

#endif
