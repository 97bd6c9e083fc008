/* SPDX-License-Identifier: MIT */
/* Signals that reach the program: each does what it would have done without us. */
#include "blame/internal.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define ENDING 10000000000 /* ns: a program that was told to end has done so by then, or won't */

bool signal_told(void)
{
	return tracer.told && clock_now() - tracer.told < ENDING;
}

bool signal_is_ignored(const char *status, int number)
{
	uint64_t bit = 1ull << (number - 1);
	const char *ignored = strstr(status, "\nSigIgn:"), *caught = strstr(status, "\nSigCgt:");
	bool harmless = number == SIGCHLD || number == SIGURG || number == SIGWINCH;

	if (!ignored || !caught)
		return false;
	ignored += strlen("\nSigIgn:");
	caught += strlen("\nSigCgt:");
	return strtoull(ignored, NULL, 16) & bit ||
	       (harmless && !(strtoull(caught, NULL, 16) & bit));
}

static bool is_ignored(pid_t tid, int number)
{
	char path[64], status[4096];
	FILE *file;
	size_t length;

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	file = fopen(path, "re");
	length = file ? fread(status, 1, sizeof(status) - 1, file) : 0;
	if (file)
		fclose(file);
	status[length] = '\0';
	return signal_is_ignored(status, number);
}

/*
 * A signal that a process ignores does not even wake it. Under a tracer it is delivered, and ends
 * epoll_wait(2) and some other calls with EINTR (signal(7)). So we tell the kernel to restart the
 * call, which it does unless another signal has a handler.
 */
void signal_comes(struct task *task, int number)
{
	struct error error;

	if (registers_interrupted(task->tid) && is_ignored(task->tid, number))
		registers_restart(task->tid);
	if (task->process != tracer.program || signal_told() ||
	    (number != SIGINT && number != SIGTERM && number != SIGQUIT && number != SIGHUP))
		return;
	if (report_write("told", &error) == 0)
		tracer.told = clock_now();
}
