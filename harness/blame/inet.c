/* SPDX-License-Identifier: MIT */
/*
 * The states of sockets by inode, from /proc/PID/net/tcp and tcp6: those of the network namespace
 * of a process, without entering it. They are exact when nothing changes, and a report is about
 * such sockets.
 */
#include "blame/internal.h"

#include <stdlib.h>

#include "common/states.h"

/* A large table is read in pieces. Sockets that are closed in between shift the rest, and some are
 * missed; so it is read until nothing new is found. */
enum { LARGE = 1000, PASSES = 6 };

/* "  0: 0100007F:2328 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0  0 8445729 ..." */
bool inet_line(const char *line, uint32_t *inode, int *state, uint32_t *unread)
{
	unsigned int number;

	if (sscanf(line, " %*u: %*s %*s %2x %*8x:%8x %*2x:%*8x %*x %*u %*u %u", &number, unread,
		   inode) != 3)
		return false;
	*state = (int)number;
	return number >= 1 && number < STATES && *inode;
}

static bool add(struct inet *inet, uint32_t inode, int state, uint32_t unread)
{
	if (inet->count == inet->room) {
		size_t room = inet->room ? inet->room * 2 : 256;
		struct inet_entry *larger = realloc(inet->entry, room * sizeof(*larger));

		if (!larger)
			return false;
		inet->entry = larger;
		inet->room = room;
	}
	inet->entry[inet->count++] = (struct inet_entry){inode, unread, (uint8_t)state};
	return true;
}

static int read_file(struct inet *inet, pid_t pid, const char *name)
{
	char path[64], line[512];
	uint32_t inode, unread;
	int state, result = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/net/%s", pid, name);
	file = fopen(path, "re");
	while (result == 0 && file && fgets(line, sizeof(line), file))
		if (inet_line(line, &inode, &state, &unread) && !add(inet, inode, state, unread))
			result = -1;
	if (file)
		fclose(file);
	return result;
}

static int by_inode(const void *one, const void *other)
{
	uint32_t a = ((const struct inet_entry *)one)->inode;
	uint32_t b = ((const struct inet_entry *)other)->inode;

	return (a > b) - (a < b);
}

/* Sort, and keep each inode once. */
static void tidy(struct inet *inet)
{
	size_t kept = 0;

	if (inet->count)
		qsort(inet->entry, inet->count, sizeof(*inet->entry), by_inode);
	for (size_t i = 0; i < inet->count; i++)
		if (!kept || inet->entry[kept - 1].inode != inet->entry[i].inode)
			inet->entry[kept++] = inet->entry[i];
	inet->count = kept;
}

int inet_read(struct inet *inet, pid_t pid)
{
	size_t before;

	*inet = (struct inet){0};
	for (int pass = 0; pass < PASSES; pass++) {
		before = inet->count;
		if (read_file(inet, pid, "tcp") < 0 || read_file(inet, pid, "tcp6") < 0) {
			inet_free(inet);
			return -1;
		}
		tidy(inet);
		if (inet->count == before || inet->count < LARGE)
			break;
	}
	return 0;
}

const struct inet_entry *inet_find(const struct inet *inet, uint32_t inode)
{
	struct inet_entry wanted = {.inode = inode};

	return inet->count ? bsearch(&wanted, inet->entry, inet->count, sizeof(wanted), by_inode)
			   : NULL;
}

void inet_free(struct inet *inet)
{
	free(inet->entry);
	*inet = (struct inet){0};
}
