/* The surroundings of a confined program; confine.c explains the whole. */
#ifndef SANDBOX_CAGE_H
#define SANDBOX_CAGE_H

#include <stdbool.h>
#include <sys/types.h>

struct cage {
	bool closed;	     /* sees only the system's files, read-only; only Internet sockets */
	bool memory_counted; /* by a control group, including what no process has mapped */
	char **read_only;    /* folders to make read-only although the cage is open */
	int read_only_count;
	char **shown; /* folders to show, read-only, although the cage is closed */
	int shown_count;
	char *command; /* its name, or its path in the cage */
	uid_t uid;     /* the user to become (identity.h) */
	gid_t gid;
};

/*
 * Set up the cage in the new namespaces and give up everything that leads out of it. After that,
 * this process has only descriptors 0 to 3 open, and nobody in the cage can trace it or look at it
 * through /proc. The working folder of a closed cage is /tmp. On failure: one sentence on stderr,
 * exit 77.
 */
void cage_enter(struct cage *cage);

/* Replace the root by one that shows only the system's files and the command's (view.c). */
void view_close(struct cage *cage);

/* Leave the caller's files visible, except those that control the kernel. */
void view_open(const struct cage *cage);

/*
 * Deny system calls, from now on and for all children; filter.c says which and why. closed: also
 * every socket except IPv4 and IPv6, and, unless all memory is counted, memory that belongs to no
 * process.
 */
void cage_deny_calls(bool closed, bool memory_counted);

/* Unless a system call succeeded, exit with one sentence on what failed. */
void cage_must(int result, const char *what);

#endif
