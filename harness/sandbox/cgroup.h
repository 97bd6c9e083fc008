/*
 * A control group for all that is confined together (cgroups(7)), where one can be had: below our
 * own, or beside it. Limits of processes (setrlimit(2)) do not add up, and do not see memory that
 * no process has mapped.
 *
 * Nobody but its maker can remove it. So a maker keeps a lock on it, which ends with him, and each
 * confine that makes one removes those without a lock: what a SIGKILL leaves, the next run takes
 * away.
 */
#ifndef SANDBOX_CGROUP_H
#define SANDBOX_CGROUP_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Make one. memory: bytes, or 0 for no limit; processes: how many, or 0.
 * Returns whether it could be had; if not, cgroup_refusal() tells why.
 */
bool cgroup_make(unsigned long memory, unsigned long processes);

/* Why there is none, in words. */
const char *cgroup_refusal(void);

/* A descriptor of it in the unified hierarchy, for clone3(2), or -1. */
int cgroup_unified(void);

/* Put a process in it, wherever it is not yet. Exit 77 with one sentence if that is not permitted.
 */
void cgroup_add(pid_t pid);

/* The processor time that all in it have used, also those that have ended, in seconds. */
double cgroup_seconds(void);

/* How many processes the kernel has killed because its memory was used up. */
unsigned long cgroup_killed(void);

/* Remove it, once all in it have ended. */
void cgroup_remove(void);

#endif
