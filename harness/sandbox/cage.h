/* What a confined program finds around it; see confine.c for the whole. */
#ifndef SANDBOX_CAGE_H
#define SANDBOX_CAGE_H

#include <stdbool.h>
#include <sys/types.h>

struct cage {
	bool closed;	  /* read-only files, private /tmp, /run and /dev, only Internet sockets */
	char **read_only; /* folders that cannot be written, though the cage is open */
	int folders;	  /* how many */
	uid_t uid;	  /* whom to become: the caller, or another if the caller is root */
	gid_t gid;
};

/*
 * Furnish the cage, in the new namespaces, and give up everything that leads out of it.
 * Descriptors from 3 on close at exec. command: its path, which a closed cage replaces by one in
 * its /run, since the way to the other may be barred; the working folder becomes /tmp. On failure:
 * one sentence on stderr, exit 77.
 */
void cage_enter(const struct cage *cage, char **command);

/* Deny every socket but those of IPv4 and IPv6, from now on and for all children (seccomp(2)). */
void cage_deny_families(void);

#endif
