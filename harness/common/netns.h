/* SPDX-License-Identifier: MIT */
/*
 * Visits other network namespaces: setns(), open, setns() back.
 *
 * Sockets and open files of /proc/net belong forever to the namespace they were opened in, so one
 * visit is enough and one process can watch any number of hosts (man 7 network_namespaces).
 */
#ifndef LINGER_NETNS_H
#define LINGER_NETNS_H

#include <sys/types.h>

#include "common/errors.h"

/* The identity of a namespace, unique among all others. */
struct netns_id {
	dev_t device;
	ino_t inode;
};

/*
 * Run @open in the network namespace @netns (a path, or a bare name in /run/netns), then come back.
 * The caller's own needs no privilege. @id receives its identity, unless NULL. Returns what @open
 * returned, or -1 with @error.
 */
int netns_visit(const char *netns, struct netns_id *id,
		int (*open)(void *data, struct error *error), void *data, struct error *error);

#endif
