/* SPDX-License-Identifier: MIT */
/*
 * Other network namespaces: setns(), open, setns() back.
 *
 * Sockets and open files of /proc/net belong forever to the namespace they were opened in, so one
 * visit is enough and one process can watch any number of hosts (man 7 network_namespaces).
 */
#ifndef LINGER_NETNS_H
#define LINGER_NETNS_H

#include <sys/types.h>

#include "common/errors.h"

/* What tells one namespace from all others. */
struct netns_id {
	dev_t device;
	ino_t inode;
};

/*
 * Run @open in the network namespace @netns (a path, or a bare name in /run/netns), then come back.
 * Needs no privilege when that is the caller's own. @id receives its identity, unless NULL.
 * Returns what @open returned, or -1 with @error.
 */
int netns_visit(const char *netns, struct netns_id *id,
		int (*open)(void *data, struct error *error), void *data, struct error *error);

#endif
