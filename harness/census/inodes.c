/* SPDX-License-Identifier: MIT */
/*
 * Sockets by inode: open addressing, linear probing, at most half full. Several sockets may have
 * one inode (the subflows of an MPTCP connection); they are neighbours.
 */
#include "census/internal.h"

#include <stdlib.h>
#include <string.h>

/* The kernel hands out inodes in sequence; the multiplication scatters them (Fibonacci hashing). */
static size_t home(const struct inodes *inodes, uint32_t inode)
{
	return ((uint64_t)inode * 0x9e3779b97f4a7c15u >> 32) & (inodes->size - 1);
}

/* The first slot from @i on that is free or has @inode; 0 stands for "free" only. */
static struct inode_entry *probe(const struct inodes *inodes, size_t i, uint32_t inode)
{
	while (inodes->slot[i].inode && inodes->slot[i].inode != inode)
		i = (i + 1) & (inodes->size - 1);
	return &inodes->slot[i];
}

static struct inode_entry *free_slot(const struct inodes *inodes, uint32_t inode)
{
	return probe(inodes, home(inodes, inode), 0);
}

static int resize(struct inodes *inodes, size_t size)
{
	struct inodes larger = {.size = size};

	larger.slot = census_zeroed(larger.size, sizeof(*larger.slot));
	if (!larger.slot)
		return -1;
	for (size_t i = 0; i < inodes->size; i++)
		if (inodes->slot[i].inode)
			*free_slot(&larger, inodes->slot[i].inode) = inodes->slot[i];
	larger.used = inodes->used;
	free(inodes->slot);
	*inodes = larger;
	return 0;
}

int inodes_reserve(struct inodes *inodes, size_t entries)
{
	size_t size = inodes->size ? inodes->size : 64;

	while (size < entries * 2)
		size *= 2;
	return size == inodes->size ? 0 : resize(inodes, size);
}

int inodes_add(struct inodes *inodes, const struct inode_entry *entry)
{
	if (inodes->used * 2 >= inodes->size && inodes_reserve(inodes, inodes->used + 1) < 0)
		return -1;

	*free_slot(inodes, entry->inode) = *entry;
	inodes->used++;
	return 0;
}

void inodes_expect(const struct inodes *inodes, uint32_t inode)
{
	if (inodes->size)
		__builtin_prefetch(&inodes->slot[home(inodes, inode)], 1);
}

static struct inode_entry *found(struct inode_entry *slot)
{
	return slot->inode ? slot : NULL;
}

struct inode_entry *inodes_find(const struct inodes *inodes, uint32_t inode)
{
	if (!inodes->size || !inode)
		return NULL;
	return found(probe(inodes, home(inodes, inode), inode));
}

struct inode_entry *inodes_next(const struct inodes *inodes, const struct inode_entry *entry)
{
	size_t i = (size_t)(entry - inodes->slot) + 1;

	return found(probe(inodes, i & (inodes->size - 1), entry->inode));
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
