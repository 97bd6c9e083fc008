/* SPDX-License-Identifier: MIT */
/* What /proc tells about a process: its network namespace, its name, whether it can hold files. */
#include "census/internal.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PF_KTHREAD 0x00200000 /* include/linux/sched.h */

static int netns_of(const char *path, struct netns_id *id)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -1;
	*id = (struct netns_id){st.st_dev, st.st_ino};
	return 0;
}

int process_netns_path(pid_t pid, char *path, size_t size)
{
	struct dirent *entry;
	struct stat st;
	char tasks_path[64];
	DIR *tasks;
	int result, reason;

	snprintf(path, size, "/proc/%d/ns/net", pid);
	result = stat(path, &st);
	if (result == 0)
		return 0;
	reason = errno;
	if (reason != ENOENT) /* a leader that has ended is in none */
		return -1;
	snprintf(tasks_path, sizeof(tasks_path), "/proc/%d/task", pid);
	tasks = opendir(tasks_path);
	while (tasks && result < 0 && (entry = readdir(tasks))) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		snprintf(path, size, "/proc/%d/task/%.20s/ns/net", pid, entry->d_name);
		result = stat(path, &st);
	}
	if (tasks)
		closedir(tasks);
	errno = reason;
	return result;
}

int process_netns(pid_t pid, struct netns_id *id)
{
	char path[64];

	return process_netns_path(pid, path, sizeof(path)) < 0 || netns_of(path, id) < 0 ? -1 : 0;
}

void process_read(pid_t pid, const char *file, char *text, size_t size)
{
	char path[64];
	ssize_t length = -1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		length = read(fd, text, size - 1);
		close(fd);
	}
	text[length > 0 ? length : 0] = '\0';
}

/* A process names itself, and may mean the terminal of whoever looks, or end a line. */
static void replace_controls(char *name)
{
	for (unsigned char *byte = (unsigned char *)name; *byte; byte++)
		if (*byte < ' ' || *byte == 0x7f)
			*byte = '?';
		else if (*byte == 0xc2 && byte[1] >= 0x80 && byte[1] < 0xa0) /* U+0080 to U+009F */
			*byte = byte[1] = '?';
}

int process_link(pid_t pid, pid_t task, int fd, char *target, size_t size)
{
	char path[96];
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/fd/%d", pid, task, fd);
	length = readlink(path, target, size - 1);
	target[length > 0 ? length : 0] = '\0';
	return length < 0 ? -1 : 0;
}

void process_whole_name(const char *comm, const char *argument0, char *name, size_t size)
{
	const char *slash = strrchr(argument0, '/');
	const char *base = slash ? slash + 1 : argument0;
	size_t length = strlen(comm);

	/* TASK_COMM_LEN is 16: a name of 15 characters may have been longer. */
	snprintf(name, size, "%s", length == 15 && !strncmp(base, comm, length) ? base : comm);
	replace_controls(name);
}

void process_name(pid_t pid, char *name, size_t size)
{
	char comm[64], argument0[4096];
	size_t length;

	process_read(pid, "comm", comm, sizeof(comm));
	length = strlen(comm);
	if (length && comm[length - 1] == '\n')
		comm[length - 1] = '\0';
	process_read(pid, "cmdline", argument0, sizeof(argument0)); /* arguments end with NUL */
	process_whole_name(comm, argument0, name, size);
}

bool process_stat_may_hold(const char *stat, bool threads)
{
	/* "pid (comm) state ppid pgrp session tty tpgid flags"; comm may contain ") Z". */
	const char *end = strrchr(stat, ')');
	unsigned int flags;
	char state;

	if (!end || sscanf(end, ") %c %*d %*d %*d %*d %*d %u", &state, &flags) != 2)
		return true; /* not to be told: rather say that it was not read */
	return (threads || (state != 'Z' && state != 'X')) && !(flags & PF_KTHREAD);
}

bool process_may_hold(pid_t pid)
{
	char stat[1024], path[64];
	struct stat task;

	process_read(pid, "stat", stat, sizeof(stat));
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	/* A directory has two links and one for each directory in it: the threads (proc(5)). */
	return stat[0] && process_stat_may_hold(stat, !lstat(path, &task) && task.st_nlink > 3);
}
