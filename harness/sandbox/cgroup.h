/*
 * A control group for everything confined together (cgroups(7)), if possible: below our own, or
 * beside it. Process limits (setrlimit(2)) do not add up, and do not see memory that no process has
 * mapped.
 *
 * Only its maker can remove it. So the maker holds a lock on it, which ends with the maker, and
 * each confine that makes a group removes those without a lock: the next run cleans up after a
 * SIGKILL.
 */
#ifndef SANDBOX_CGROUP_H
#define SANDBOX_CGROUP_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Make one. memory: bytes, or 0 for no limit; processes: how many, or 0. Returns whether that
 * worked; if not, cgroup_refusal() says why.
 */
bool cgroup_make(unsigned long memory, unsigned long processes);

/* Why there is none, in words. */
const char *cgroup_refusal(void);

/* A descriptor of it in the unified hierarchy, for clone3(2), or -1. */
int cgroup_unified(void);

/* Put a process in it, in every hierarchy that lacks it. Exit 77 with one sentence if not
 * permitted. */
void cgroup_add(pid_t pid);

/* The processor time used by all in it, including those that have ended, in seconds. */
double cgroup_seconds(void);

/* How many processes the kernel has killed because the group ran out of memory. */
unsigned long cgroup_killed(void);

/* Remove it, once all in it have ended. */
void cgroup_remove(void);

#endif
