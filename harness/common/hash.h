/* SPDX-License-Identifier: MIT */
/* FNV-1a: tells texts apart; not safe against texts that were chosen to collide. */
#ifndef COMMON_HASH_H
#define COMMON_HASH_H

#include <stdint.h>

#define HASH_BEGIN 0xcbf29ce484222325u
#define HASH_PRIME 0x100000001b3u

/* Continue @hash, HASH_BEGIN at first, with @text. */
static inline uint64_t hash_text(uint64_t hash, const char *text)
{
	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * HASH_PRIME;
	return hash;
}

#endif
