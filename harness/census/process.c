/* SPDX-License-Identifier: MIT */
/* What /proc tells about a process: its network namespace, its name, whether it can hold files. */
#include "census/internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PF_KTHREAD 0x00200000 /* include/linux/sched.h */

int process_netns(pid_t pid, struct netns_id *id)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	if (stat(path, &st) < 0)
		return -1;
	*id = (struct netns_id){st.st_dev, st.st_ino};
	return 0;
}

/* The beginning of /proc/@pid/@file as a string; empty when it cannot be read. */
static void read_file(pid_t pid, const char *file, char *text, size_t size)
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

	read_file(pid, "comm", comm, sizeof(comm));
	length = strlen(comm);
	if (length && comm[length - 1] == '\n')
		comm[length - 1] = '\0';
	read_file(pid, "cmdline", argument0, sizeof(argument0)); /* arguments end with NUL */
	process_whole_name(comm, argument0, name, size);
}

bool process_stat_may_hold(const char *stat)
{
	/* "pid (comm) state ppid pgrp session tty tpgid flags"; comm may contain ") Z". */
	const char *end = strrchr(stat, ')');
	unsigned int flags;
	char state;

	if (!end || sscanf(end, ") %c %*d %*d %*d %*d %*d %u", &state, &flags) != 2)
		return true; /* not to be told: rather say that it was not read */
	return state != 'Z' && state != 'X' && !(flags & PF_KTHREAD);
}

bool process_may_hold(pid_t pid)
{
	char stat[1024];

	read_file(pid, "stat", stat, sizeof(stat));
	return stat[0] && process_stat_may_hold(stat); /* empty: it has just ended */
}
