/* SPDX-License-Identifier: MIT */
/*
 * Recognises a socket that one walk lists twice.
 *
 * A dump is not atomic: between two replies the kernel lets go of the table and remembers only the
 * bucket and how many of its sockets it has listed. A socket that joins that bucket meanwhile
 * shifts the others, and one of them is listed again; a connection that enters TIME_WAIT is
 * replaced by another object in the same bucket. Buckets are walked in order and a tuple always
 * hashes to the same one, so the two mentions are at most a bucket's chain apart. The last 4096
 * sockets are enough, and their memory does not grow with the table.
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
 * Sockets are numbered as they come; number n lies in key[n % SIZE] until n + SIZE takes its place.
 * Those with the same hash form a chain of falling numbers, so a chain ends at the first number
 * that is too old, and nothing is ever removed or cleared.
 */
struct census_window {
	uint64_t next;	/* number of the next socket */
	uint64_t first; /* of this walk */
	uint64_t head[HEADS];
	uint64_t before[SIZE];
	struct key key[SIZE];
};

struct census_window *census_window_new(void)
{
	struct census_window *window = calloc(1, sizeof(*window));

	if (window)
		window->next = window->first = 1; /* 0: the end of every chain */
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
	uint64_t *head, number;

	memcpy(key.address, socket->address, sizeof(key.address));
	memcpy(key.peer, socket->peer, sizeof(key.peer));
	if (socket->state == STATE_LISTEN) {
		key.cookie[0] = (uint32_t)socket->cookie;
		key.cookie[1] = (uint32_t)(socket->cookie >> 32);
	}

	head = &window->head[hash(&key) % HEADS];
	for (number = *head; number >= window->first && number + SIZE >= window->next;
	     number = window->before[number % SIZE])
		if (!memcmp(&window->key[number % SIZE], &key, sizeof(key)))
			return true;
	window->key[window->next % SIZE] = key;
	window->before[window->next % SIZE] = *head;
	*head = window->next++;
	return false;
}
