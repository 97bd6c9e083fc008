/* SPDX-License-Identifier: MIT */
/*
 * A new process stops before its first instruction and waits for its parent's stop, which shows
 * what the two share. A parent that is killed in between never stops; then we read from /proc what
 * the child has.
 */
#include "blame/internal.h"

#include <string.h>

bool orphan_status(const char *line, struct orphan_status *status)
{
	return sscanf(line, "Tgid: %d", &status->process) == 1 ||
	       sscanf(line, "PPid: %d", &status->parent) == 1 ||
	       sscanf(line, "TracerPid: %d", &status->tracer) == 1;
}

static struct orphan_status status_of(pid_t tid)
{
	struct orphan_status status = {0};
	char path[64], line[256];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		orphan_status(line, &status);
	if (file)
		fclose(file);
	return status;
}

bool orphan_has_ended(pid_t tid)
{
	return !status_of(tid).tracer;
}

/* A thread is killed together with the one that made it. */
static bool is_orphan(const struct task *task)
{
	struct orphan_status status = status_of(task->tid);
	struct task *parent = task_find(status.parent);

	return status.process == task->tid && (!parent || !parent->known || parent->lost);
}

bool orphan_adopt(struct task *task)
{
	return !task->known && task->stopped && is_orphan(task) && task_adopt(task) == 0;
}
