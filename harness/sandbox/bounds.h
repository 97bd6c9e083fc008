/*
 * What all that is confined together may take: by a control group (cgroup.h), else by adding up.
 *
 * Without a control group outer looks at the memory of every process some times a second, so a
 * little more can be taken for a moment; memory that no process has mapped is not seen (filter.c
 * denies it in a closed cage), and processor time is limited for each process only.
 */
#ifndef SANDBOX_BOUNDS_H
#define SANDBOX_BOUNDS_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Prepare what the limits memory, cpu and nproc ask for.
 * Returns whether memory is counted that no process has mapped.
 */
bool bounds_prepare(void);

/* A descriptor of the control group that process 1 may be started in, or -1. */
int bounds_group(void);

/* Begin to bound process 1 and all that it starts, before it starts anything. */
void bounds_begin(pid_t init);

/* How often bounds_are_passed() must be called, in ms; -1: never. */
int bounds_interval(void);

/* Whether all together have taken more than they may: then process 1 is to be killed. */
bool bounds_are_passed(void);

/*
 * Clean up, when all have ended. Says it in one sentence, if they ended because of a bound.
 * Returns the signal by which that is told (SIGXCPU, SIGKILL), or 0.
 */
int bounds_end(void);

/* Print a sentence on what can be bounded here. */
void bounds_tell(void);

#endif
