/* SPDX-License-Identifier: MIT */
/* A keyed hash of an end: without the key nobody can choose ends that collide. */
#ifndef WIRE_HASH_H
#define WIRE_HASH_H

#include <string.h>

#include "common/packet.h"

/* Both halves of a product of 128 bits, which depend on all bits of its factors. */
static inline uint64_t hash_mix(uint64_t one, uint64_t other)
{
	__extension__ typedef unsigned __int128 wide;
	wide product = (wide)one * other;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t hash_end(const struct packet_end *end, const uint64_t key[2])
{
	uint64_t word[2];

	memcpy(word, end->address, 16);
	return hash_mix(hash_mix(word[0] ^ key[0], word[1] ^ end->port ^ key[1]) ^ key[0],
			(uint64_t)end->port << 32 ^ key[1] ^ 0x9e3779b97f4a7c15u);
}

#endif
