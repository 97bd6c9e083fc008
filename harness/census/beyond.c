/* SPDX-License-Identifier: MIT */
/*
 * Finds sockets that no descriptor table holds: fixed files of an io_uring (listed in the ring's
 * fdinfo, io_uring_register(2)), mappings (/proc/PID/maps), and sockets in flight through a UNIX
 * socket (SCM_RIGHTS; its fdinfo shows how many it carries, not which).
 */
#include "census/visit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RING_ATTEMPTS 20 /* 1 ms apart: a busy ring does not list its files */

static uint32_t socket_inode(const char *text)
{
	unsigned int inode;
	char end;

	return sscanf(text, "socket:[%u%c", &inode, &end) == 2 && end == ']' ? inode : 0;
}

uint32_t ring_line_inode(const char *line, int *slot)
{
	int length = 0;

	if (sscanf(line, " %d: %n", slot, &length) != 1 || !length || *slot < 0)
		return 0;
	return socket_inode(line + length);
}

uint32_t mapping_line_inode(const char *line)
{
	char write = 0, execute = 0;
	int length = 0;

	/* "7f88-7f89 r--s 00000000 00:09 8451620    socket:[8451620]" */
	if (sscanf(line, "%*x-%*x %*c%c%c%*c %*x %*x:%*x %*u %n", &write, &execute, &length) < 0 ||
	    !length || write != '-' || execute != '-')
		return 0;
	return socket_inode(line + length);
}

uint64_t scm_count(const char *fdinfo)
{
	const char *at = strstr(fdinfo, "scm_fds:");

	return at ? strtoull(at + strlen("scm_fds:"), NULL, 10) : 0;
}

static FILE *open_file(const struct visit *visit, const char *file, int fd)
{
	char path[96];

	if (fd < 0)
		snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", visit->pid, visit->task, file);
	else
		snprintf(path, sizeof(path), "/proc/%d/task/%d/%s/%d", visit->pid, visit->task,
			 file, fd);
	return fopen(path, "re");
}

/* Read a ring's fdinfo once. *@told becomes true if it listed its files. */
static int read_ring(struct visit *visit, FILE *info, bool *told)
{
	char line[512];
	bool files = false;
	int result = 0, slot;

	while (result >= 0 && fgets(line, sizeof(line), info)) {
		if (!strncmp(line, "UserFiles:", 10)) {
			files = *told = true;
		} else if (files && line[0] != ' ') {
			break; /* the next heading: "UserBufs:" */
		} else if (files) {
			uint32_t inode = ring_line_inode(line, &slot);

			result = inode ? visit_meet(visit, CENSUS_BY_RING, slot, inode) : 0;
		}
	}
	return result;
}

int visit_ring(struct visit *visit, int fd)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	bool told = false;
	int result = 0;

	/* The kernel only tries the ring's lock, and omits the files when it is taken. */
	for (int i = 0; i < RING_ATTEMPTS && result >= 0 && !told; i++) {
		FILE *info = open_file(visit, "fdinfo", fd);

		if (i)
			nanosleep(&pause, NULL);
		if (!info)
			return 0; /* closed, or the process has ended */
		result = read_ring(visit, info, &told);
		fclose(info);
	}
	visit->busy |= !told;
	return result;
}

int visit_mappings(struct visit *visit)
{
	FILE *maps = open_file(visit, "maps", -1);
	char *line = NULL;
	size_t room = 0;
	int result = 0;

	if (!maps) {
		visit->refused |= errno == EACCES || errno == EPERM;
		return 0;
	}
	while (result >= 0 && getline(&line, &room, maps) > 0) {
		uint32_t inode = mapping_line_inode(line);

		if (inode)
			result = visit_meet(visit, CENSUS_BY_MAPPING, -1, inode);
	}
	free(line);
	fclose(maps);
	return result;
}

void visit_unix(struct visit *visit, int fd)
{
	struct census_snapshot *snapshot = &visit->snapshots[0]; /* of any host */
	FILE *info = open_file(visit, "fdinfo", fd);
	char text[1024];
	size_t length = info ? fread(text, 1, sizeof(text) - 1, info) : 0;
	uint64_t count;

	text[length] = '\0';
	if (info)
		fclose(info);
	count = scm_count(text);
	if (count && !snapshot->in_flight.count) {
		snapshot->in_flight.pid = visit->pid;
		snapshot->in_flight.fd = fd;
		process_name(visit->pid, snapshot->in_flight.process,
			     sizeof(snapshot->in_flight.process));
	}
	snapshot->in_flight.count += count;
}
