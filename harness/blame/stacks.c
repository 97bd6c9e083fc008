/* SPDX-License-Identifier: MIT */
/* Stacks, each stored once: a hundred thousand sockets come from a handful of them. */
#include "blame/internal.h"

#include <stdlib.h>
#include <string.h>

static struct stack **stacks;
static uint32_t used, room;
static uint32_t *slots; /* open addressing: numbers of stacks, 0 is free; half full at most */
static uint32_t mask;

static uint64_t hash_of(const struct frame *frames, size_t count)
{
	uint64_t hash = count;

	for (size_t i = 0; i < count; i++) {
		hash ^= frames[i].address ^ (uint64_t)frames[i].module << 48;
		hash *= 0x9e3779b97f4a7c15u;
		hash ^= hash >> 29;
	}
	return hash;
}

static void put(uint64_t hash, uint32_t number)
{
	uint32_t i = (uint32_t)hash & mask;

	while (slots[i])
		i = (i + 1) & mask;
	slots[i] = number;
}

static bool grow(void)
{
	uint32_t size = room ? room * 2 : 512;
	uint32_t *fresh = calloc(2 * size, sizeof(*fresh));
	struct stack **larger = realloc(stacks, size * sizeof(struct stack *));

	if (larger)
		stacks = larger;
	if (!fresh || !larger) {
		free(fresh);
		return false;
	}
	free(slots);
	slots = fresh;
	room = size;
	mask = 2 * size - 1;
	for (uint32_t i = 0; i < used; i++)
		put(stacks[i]->hash, i + 1);
	return true;
}

uint32_t stack_number(const struct frame *frames, size_t count)
{
	uint64_t hash = hash_of(frames, count);
	struct stack *stack;

	if (!count || (!slots && !grow()))
		return 0;
	for (uint32_t i = (uint32_t)hash & mask; slots[i]; i = (i + 1) & mask) {
		stack = stacks[slots[i] - 1];
		if (stack->hash == hash && stack->count == count)
			return slots[i];
	}
	if (used >= STACKS_MOST || (used == room && !grow()))
		return 0;
	stack = malloc(sizeof(*stack) + count * sizeof(*frames));
	if (!stack)
		return 0;
	*stack = (struct stack){.hash = hash, .count = count};
	memcpy(stack->frame, frames, count * sizeof(*frames));
	stacks[used++] = stack;
	put(hash, used);
	return used;
}

const struct stack *stack_at(uint32_t number)
{
	return stacks[number - 1];
}

uint32_t stack_count(void)
{
	return used;
}
