/* SPDX-License-Identifier: MIT */
/* Asks for a report: the last report names its tracer, which writes a new one on SIGUSR1. */
#include "blame/internal.h"

#include <errno.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATIENCE = 30000 }; /* ms: it walks all descriptors of all processes */

/* The pid of its tracer, which is among the first members; 0: not a report of ours. */
static pid_t tracer_of(const char *file)
{
	char begin[256];
	const char *member;
	FILE *report = fopen(file, "re");
	size_t length = report ? fread(begin, 1, sizeof(begin) - 1, report) : 0;

	if (report)
		fclose(report);
	begin[length] = '\0';
	member = strstr(begin, "\"tracer\":");
	return member ? atoi(member + strlen("\"tracer\":")) : 0;
}

/* Whether that process is still a tracer: its pid may have been reused. */
static bool traces(pid_t pid)
{
	char path[64], text[64] = "", state;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (file && !fgets(text, sizeof(text), file))
		text[0] = '\0';
	if (file)
		fclose(file);
	return sscanf(text, "%*d (blame-tracer) %c", &state) == 1 && state != 'Z' && state != 'X';
}

static bool is_same(const struct stat *one, const struct stat *other)
{
	return one->st_ino == other->st_ino && one->st_mtim.tv_sec == other->st_mtim.tv_sec &&
	       one->st_mtim.tv_nsec == other->st_mtim.tv_nsec;
}

/* Wait until another file has replaced @before. */
static int await(int watch, const char *file, const struct stat *before)
{
	struct pollfd events = {.fd = watch, .events = POLLIN};
	char ignored[4096];
	struct stat now;

	while (stat(file, &now) == 0 && is_same(&now, before)) {
		if (poll(&events, 1, PATIENCE) <= 0 || read(watch, ignored, sizeof(ignored)) < 0)
			return -1;
	}
	return 0;
}

int ask(const char *file, struct error *error)
{
	pid_t pid = tracer_of(file);
	struct stat before;
	char *copy;
	int watch, result = 0;

	if (stat(file, &before) < 0)
		return error_set(error, EXIT_USAGE, "%s: %s", file, strerror(errno));
	if (pid <= 0)
		return error_set(error, EXIT_USAGE, "%s is not a blame report", file);
	if (!traces(pid))
		return error_set(error, EXIT_ENDED,
				 "the program of %s has ended; this is its last report", file);
	copy = strdup(file);
	watch = inotify_init1(IN_CLOEXEC);
	if (!copy || watch < 0 || inotify_add_watch(watch, dirname(copy), IN_MOVED_TO) < 0)
		result = error_set(error, EXIT_BROKEN, "inotify: %s", strerror(errno));
	else if (kill(pid, SIGUSR1) < 0)
		result =
		    error_set(error, EXIT_CANNOT, "cannot ask tracer %d: %s", pid, strerror(errno));
	else if (await(watch, file, &before) < 0)
		result = error_set(error, EXIT_BROKEN, "tracer %d does not answer", pid);
	free(copy);
	if (watch >= 0)
		close(watch);
	return result;
}
