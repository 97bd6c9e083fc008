/* SPDX-License-Identifier: MIT */
/* A set of sockets by inode: open addressing, linear probing, at most half full. */
#include "census/internal.h"

#include <stdlib.h>
#include <string.h>

/* Inodes are handed out in sequence; the multiplication scatters them (Fibonacci hashing). */
static size_t home(const struct inodes *inodes, uint32_t inode)
{
	return ((uint64_t)inode * 0x9e3779b97f4a7c15u >> 32) & (inodes->size - 1);
}

static struct inode_entry *probe(const struct inodes *inodes, uint32_t inode)
{
	size_t i = home(inodes, inode);

	while (inodes->slot[i].inode && inodes->slot[i].inode != inode)
		i = (i + 1) & (inodes->size - 1);
	return &inodes->slot[i];
}

static int grow(struct inodes *inodes)
{
	struct inodes larger = {.size = inodes->size ? inodes->size * 2 : 64};

	larger.slot = calloc(larger.size, sizeof(*larger.slot));
	if (!larger.slot)
		return -1;
	for (size_t i = 0; i < inodes->size; i++)
		if (inodes->slot[i].inode)
			*probe(&larger, inodes->slot[i].inode) = inodes->slot[i];
	larger.used = inodes->used;
	free(inodes->slot);
	*inodes = larger;
	return 0;
}

int inodes_add(struct inodes *inodes, const struct inode_entry *entry)
{
	if (inodes->used * 2 >= inodes->size && grow(inodes) < 0)
		return -1;

	struct inode_entry *slot = probe(inodes, entry->inode);

	if (!slot->inode)
		inodes->used++;
	*slot = *entry;
	return 0;
}

struct inode_entry *inodes_find(const struct inodes *inodes, uint32_t inode)
{
	struct inode_entry *slot = inodes->size && inode ? probe(inodes, inode) : NULL;

	return slot && slot->inode ? slot : NULL;
}

void inodes_clear(struct inodes *inodes)
{
	if (inodes->used)
		memset(inodes->slot, 0, inodes->size * sizeof(*inodes->slot));
	inodes->used = 0;
}

void inodes_free(struct inodes *inodes)
{
	free(inodes->slot);
	*inodes = (struct inodes){0};
}
