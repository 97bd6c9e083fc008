/* SPDX-License-Identifier: MIT */
/*
 * Recognises a socket that one walk lists twice.
 *
 * A dump is not atomic: between two replies the kernel releases the table and remembers only the
 * bucket and how many of its sockets it has listed. A socket that joins that bucket meanwhile
 * shifts the others, and the kernel lists one of them again; a connection that enters TIME_WAIT is
 * replaced by another object in the same bucket. The walk takes buckets in order and a tuple always
 * hashes to the same one, so the two listings are at most a bucket's chain apart. The last 4096
 * sockets are enough; this memory does not grow with the table.
 */
#include "census/census.h"

#include <stdlib.h>
#include <string.h>

#define SIZE 4096 /* sockets remembered; a power of two, like the next */
#define HEADS (2 * SIZE)

struct key {
	uint32_t address[4], peer[4];
	uint32_t ports;
	uint32_t interface;
	uint32_t family;
	uint32_t cookie[2]; /* of listeners only: with SO_REUSEPORT several have one address */
};

/*
 * Sockets are numbered as they come; number n is in link[n % SIZE] and key[n % SIZE] until n + SIZE
 * takes its place. Sockets with the same hash form a chain of falling numbers. So a chain ends at
 * the first number that is too old, and nothing is ever removed or cleared. Numbers wrap, and only
 * their distance counts; so one from before the wrap can look young, but ends a chain because it is
 * not older than its predecessor. A key is compared only when its tag matches, which keeps the
 * memory touched per socket small.
 */
struct census_window {
	uint32_t next;	/* number of the next socket */
	uint32_t first; /* of this walk */
	uint32_t head[HEADS];
	struct {
		uint32_t before;
		uint32_t tag; /* the whole hash */
	} link[SIZE];
	struct key key[SIZE];
};

struct census_window *census_window_new(void)
{
	struct census_window *window = calloc(1, sizeof(*window));

	if (window)
		window->next = window->first = 1; /* 0: older than every walk */
	return window;
}

void census_window_free(struct census_window *window)
{
	free(window);
}

void census_window_clear(struct census_window *window)
{
	window->first = window->next;
}

static uint32_t hash(const struct key *key)
{
	const uint32_t words[] = {key->address[0], key->address[3], key->peer[0],
				  key->peer[3],	   key->ports,	    key->cookie[0]};
	uint32_t h = 0x9e3779b9;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		h = (h ^ words[i]) * 0x85ebca6b;
		h ^= h >> 15;
	}
	return h;
}

bool census_window_seen(struct census_window *window, const struct census_socket *socket)
{
	struct key key = {
	    .ports = (uint32_t)socket->port << 16 | socket->peer_port,
	    .interface = socket->interface,
	    .family = socket->family,
	};
	uint32_t tag, number, age, younger = 0, oldest = window->next - window->first;

	memcpy(key.address, socket->address, sizeof(key.address));
	memcpy(key.peer, socket->peer, sizeof(key.peer));
	if (socket->state == STATE_LISTEN) {
		key.cookie[0] = (uint32_t)socket->cookie;
		key.cookie[1] = (uint32_t)(socket->cookie >> 32);
	}

	tag = hash(&key);
	oldest = oldest < SIZE ? oldest : SIZE;
	number = window->head[tag % HEADS];
	while ((age = window->next - number) > younger && age <= oldest) {
		if (window->link[number % SIZE].tag == tag &&
		    !memcmp(&window->key[number % SIZE], &key, sizeof(key)))
			return true;
		younger = age;
		number = window->link[number % SIZE].before;
	}
	number = window->next++;
	window->key[number % SIZE] = key;
	window->link[number % SIZE].before = window->head[tag % HEADS];
	window->link[number % SIZE].tag = tag;
	window->head[tag % HEADS] = number;
	return false;
}
