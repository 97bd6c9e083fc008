/* What a confined program finds around it; see confine.c for the whole. */
#ifndef SANDBOX_CAGE_H
#define SANDBOX_CAGE_H

#include <stdbool.h>
#include <sys/types.h>

struct cage {
	bool closed; /* sees the system's files only, read-only; no sockets but the Internet's */
	bool memory_counted; /* by a control group: so also what no process has mapped */
	char **read_only;    /* folders that cannot be written, though the cage is open */
	int read_only_count;
	char **shown; /* folders that are seen, read-only, though the cage is closed */
	int shown_count;
	char *command; /* its name, or the path by which it is found in the cage */
	uid_t uid;     /* whom to become (identity.h) */
	gid_t gid;
};

/*
 * Furnish the cage, in the new namespaces, and give up everything that leads out of it: afterwards
 * this process has no open descriptor but 0 to 3, and nobody in the cage can trace it or look at it
 * through /proc. The working folder of a closed cage is /tmp. On failure: one sentence on stderr,
 * exit 77.
 */
void cage_enter(struct cage *cage);

/* Replace the root by one that shows the system's files and the command's alone (view.c). */
void view_close(struct cage *cage);

/* Leave the caller's files in sight, but for those by which the kernel is told something. */
void view_open(const struct cage *cage);

/*
 * Deny system calls, from now on and for all children; see filter.c for which, and why. closed:
 * also every socket but those of IPv4 and IPv6, and, unless the memory of all together is counted,
 * memory that belongs to no process.
 */
void cage_deny_calls(bool closed, bool memory_counted);

/* End with one sentence on what could not be done, unless the result of a system call is good. */
void cage_must(int result, const char *what);

#endif
