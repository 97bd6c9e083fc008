/*
 * Limits everything confined together: by a control group (cgroup.h), else by adding up.
 *
 * Without a control group outer checks the memory of every process several times a second, so a
 * little more can be used for a moment. It does not see memory that no process has mapped (filter.c
 * denies it in a closed cage), and limits processor time only for each process.
 */
#ifndef SANDBOX_BOUNDS_H
#define SANDBOX_BOUNDS_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Prepare the limits memory, cpu and nproc. Returns whether memory that no process has mapped is
 * counted.
 */
bool bounds_prepare(void);

/* A descriptor of the control group that process 1 may be started in, or -1. */
int bounds_group(void);

/* Start to limit process 1 and everything it will start; call it before it starts anything. */
void bounds_begin(pid_t init);

/* How often bounds_are_passed() must be called, in ms; -1: never. */
int bounds_interval(void);

/* Whether all together have exceeded a limit: then kill process 1. */
bool bounds_are_passed(void);

/*
 * Clean up after all have ended. If a limit ended them, says so in one sentence and returns the
 * signal to report (SIGXCPU, SIGKILL); else 0.
 */
int bounds_end(void);

/* Print a sentence on what can be limited here. */
void bounds_tell(void);

#endif
