/* SPDX-License-Identifier: MIT */
/*
 * Remembers the previous sample. A socket that was connected then and is in no table now had a
 * connection. One that was in no table then either needs no second look.
 */
#include "census/internal.h"

static bool connected_in(uint8_t state)
{
	return state != STATE_SYN_SENT && state != STATE_SYN_RECEIVED && state != STATE_LISTEN;
}

static int remember(struct inodes *memory, const struct inodes *inodes)
{
	for (size_t i = 0; i < inodes->size; i++) {
		struct inode_entry entry = inodes->slot[i];

		if (!entry.inode || !(entry.flags & INODE_HELD) || !connected_in(entry.state))
			continue;
		entry.flags = ONCE_CONNECTED;
		if (!inodes_find(memory, entry.inode) && inodes_add(memory, &entry) < 0)
			return -1;
	}
	return 0;
}

int gone_remember(struct census *census)
{
	struct inodes memory = {0};
	int result = remember(&memory, &census->elsewhere);

	for (size_t i = 0; i < census->host_count && result == 0; i++)
		result = remember(&memory, &census->hosts[i]->inodes);
	for (size_t i = 0; i < census->candidate_count && result == 0; i++) {
		const struct candidate *candidate = &census->candidates[i];
		const struct inode_entry *before = inodes_find(&census->memory, candidate->inode);
		struct inode_entry entry = {.inode = candidate->inode, .flags = ONCE_UNLISTED};

		if (candidate->settled || inodes_find(&memory, candidate->inode))
			continue;
		if (before)
			entry.port = before->port;
		if (before && before->flags & ONCE_CONNECTED)
			entry.flags |= ONCE_CONNECTED;
		result = inodes_add(&memory, &entry);
	}
	inodes_free(&census->memory);
	census->memory = memory;
	census->memory_walked = census->walked;
	return result;
}
