/* SPDX-License-Identifier: MIT */
/*
 * Reads the descriptors of a process: /proc/PID/task/TASK/fd/N is a link to "socket:[inode]". This
 * is where a count by /proc spends its time, so nothing here depends on the census: several
 * threads may read at once.
 */
#include "census/listing.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "census/internal.h"

#define READINGS 3

enum leads leads_of(const char *target, uint32_t *inode)
{
	const size_t socket = strlen("socket:[");

	*inode = 0;
	if (!strncmp(target, "socket:[", socket)) {
		*inode = (uint32_t)strtoul(target + socket, NULL, 10);
		return LEADS_TO_SOCKET;
	}
	if (!strcmp(target, "anon_inode:[io_uring]"))
		return LEADS_TO_RING;
	return strncmp(target, "net:[", 5) ? LEADS_ELSEWHERE : LEADS_TO_NETNS;
}

static int note(struct listing *listing, const struct descriptor *descriptor)
{
	struct descriptor *descriptors =
	    census_grow(listing->descriptors, listing->count, &listing->room, sizeof(*descriptors));

	if (!descriptors)
		return -1;
	listing->descriptors = descriptors;
	descriptors[listing->count++] = *descriptor;
	return 0;
}

static int read_table(void *data, pid_t task, DIR *directory)
{
	struct listing *listing = data;
	struct dirent *entry;
	int found = 0;

	while ((entry = readdir(directory))) {
		struct descriptor descriptor = {.task = task};
		char target[64];
		ssize_t length;

		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		length = readlinkat(dirfd(directory), entry->d_name, target, sizeof(target) - 1);
		if (length < 0) {
			listing->refused |= errno == EACCES || errno == EPERM;
			continue;
		}
		target[length] = '\0';
		descriptor.leads = leads_of(target, &descriptor.inode);
		descriptor.fd = atoi(entry->d_name);
		if (descriptor.leads != LEADS_ELSEWHERE && note(listing, &descriptor) < 0)
			return -1;
		found++;
	}
	return found;
}

struct listing listing_read(pid_t pid)
{
	struct listing listing = {.pid = pid};

	if (process_netns(pid, &listing.netns) < 0)
		listing.hidden = errno;
	if (listing.hidden && listing.hidden != EACCES && listing.hidden != EPERM)
		return listing; /* it has ended */
	for (int i = 0, again = 1; i < READINGS && again > 0; i++) {
		listing.count = 0;
		again = process_tables(pid, read_table, &listing, &listing.refused);
		listing.no_memory = again < 0;
	}
	return listing;
}

void listing_free(struct listing *listing)
{
	free(listing->descriptors);
	*listing = (struct listing){0};
}
