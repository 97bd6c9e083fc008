/* SPDX-License-Identifier: MIT */
/* What the descriptors of one process lead to (listing.c), and those of many (readers.c). */
#ifndef CENSUS_LISTING_H
#define CENSUS_LISTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/netns.h"

enum leads { LEADS_TO_SOCKET, LEADS_TO_RING, LEADS_TO_NETNS, LEADS_ELSEWHERE };

struct descriptor {
	pid_t task; /* whose table: /proc/PID/task/TASK/fd */
	int fd;
	uint32_t inode; /* of a socket */
	enum leads leads;
};

struct listing {
	pid_t pid;
	struct netns_id netns;
	int hidden;   /* why @netns is unknown: an errno; 0: it is known */
	bool refused; /* some tables could not be read */
	bool no_memory;
	struct descriptor *descriptors;
	size_t count, room;
};

/* Pure: what a descriptor whose link is @target leads to. *@inode: as above. */
enum leads leads_of(const char *target, uint32_t *inode);

/* List the descriptors of @pid that lead to a socket, a ring or a network namespace. */
struct listing listing_read(pid_t pid);
void listing_free(struct listing *listing);

/* ---- readers.c ------------------------------------------------------------------------------- */

struct readers;

/* Begin to list all processes, in several threads. NULL: no memory. */
struct readers *readers_begin(void);

/* The next process; false at the end. The caller frees the listing. */
bool readers_next(struct readers *readers, struct listing *listing);

/* Also before the end. */
void readers_end(struct readers *readers);

#endif
