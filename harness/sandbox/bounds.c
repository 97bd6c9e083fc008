#include "sandbox/bounds.h"

#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sandbox/cgroup.h"
#include "sandbox/limits.h"
#include "sandbox/tree.h"

enum { INTERVAL = 50 }; /* ms */

static bool grouped;
static pid_t watched;
static enum { NOTHING, MEMORY, TIME } passed;

bool bounds_prepare(void)
{
	unsigned long processes = limits_noted("nproc");

	if (!limits_noted("memory") && !limits_noted("cpu") && !processes)
		return false;
	/* Process 1 counts as one more. */
	grouped = cgroup_make(limits_noted("memory"), processes ? processes + 1 : 0);
	return grouped && limits_noted("memory");
}

int bounds_group(void)
{
	return cgroup_unified();
}

void bounds_begin(pid_t init)
{
	watched = init;
	if (grouped)
		cgroup_add(init);
}

int bounds_interval(void)
{
	bool looks = grouped ? limits_noted("cpu") : limits_noted("memory");

	return looks ? INTERVAL : -1;
}

bool bounds_are_passed(void)
{
	unsigned long memory = limits_noted("memory"), seconds = limits_noted("cpu");

	/* A process that uses it all alone first gets SIGXCPU. */
	if (grouped && seconds && cgroup_seconds() > seconds + 0.5)
		passed = TIME;
	if (!grouped && memory && tree_memory(watched) > memory)
		passed = MEMORY;
	return passed;
}

int bounds_end(void)
{
	bool killed = grouped && cgroup_killed();

	cgroup_remove();
	if (passed == TIME) {
		warnx("the processes together used more than %lu s of processor time",
		      limits_noted("cpu"));
		return SIGXCPU;
	}
	if (passed == MEMORY || killed)
		warnx("the processes together used more than %lu bytes of memory",
		      limits_noted("memory"));
	return passed == MEMORY ? SIGKILL : 0;
}

void bounds_tell(void)
{
	if (cgroup_make(1 << 30, 100))
		puts("A control group limits the memory, processes and processor time of all "
		     "processes together.");
	else
		printf("No control group is available (%s): memory is added up over all processes "
		       "every %d ms, the number of processes is limited except for root, and "
		       "processor time is limited only for each process.\n",
		       cgroup_refusal(), INTERVAL);
	cgroup_remove();
}
