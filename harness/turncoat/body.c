/* SPDX-License-Identifier: MIT */
/* The good body, of any size and always the same, plain and in gzip (RFC 1952). */
#include "turncoat/turncoat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE 16	    /* bytes of a line of the body */
#define BLOCK 65535 /* most bytes in a stored block (RFC 1951, 3.2.4) */

int body_make(struct body *body, size_t length)
{
	uint8_t *bytes = malloc(length);
	char line[32];

	*body = (struct body){bytes, length};
	if (!bytes)
		return -1;
	for (size_t at = 0; at < length; at += LINE) {
		size_t part = length - at < LINE ? length - at : LINE;

		snprintf(line, sizeof(line), "%015zu\n", at); /* its offset */
		memcpy(bytes + at, line, part);
	}
	return 0;
}

/* RFC 1952, 8 */
static uint32_t crc32_of(const uint8_t *bytes, size_t length)
{
	uint32_t table[256], crc = UINT32_MAX;

	for (uint32_t n = 0; n < 256; n++) {
		table[n] = n;
		for (int bit = 0; bit < 8; bit++)
			table[n] = table[n] >> 1 ^ (table[n] & 1 ? 0xedb88320 : 0);
	}
	for (size_t i = 0; i < length; i++)
		crc = table[(crc ^ bytes[i]) & 0xff] ^ crc >> 8;
	return ~crc;
}

/* The lowest @bytes bytes of a number, little-endian. */
static uint8_t *put_little(uint8_t *at, uint32_t number, int bytes)
{
	for (int i = 0; i < bytes; i++)
		*at++ = (uint8_t)(number >> 8 * i);
	return at;
}

int body_pack(struct body *packed, const struct body *body)
{
	static const uint8_t head[10] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255};
	const size_t blocks = body->length / BLOCK + 1;
	const size_t length = sizeof(head) + body->length + 5 * blocks + 8;
	uint8_t *bytes = malloc(length), *at;

	*packed = (struct body){bytes, length};
	if (!bytes)
		return -1;
	at = mempcpy(bytes, head, sizeof(head));
	for (size_t block = 0, from = 0; block < blocks; block++, from += BLOCK) {
		size_t left = body->length - from;
		uint16_t part = (uint16_t)(left < BLOCK ? left : BLOCK);

		*at++ = block + 1 == blocks; /* stored; the last one is marked */
		at = put_little(at, part, 2);
		at = put_little(at, (uint16_t)~part, 2);
		at = mempcpy(at, body->bytes + from, part);
	}
	at = put_little(at, crc32_of(body->bytes, body->length), 4);
	put_little(at, (uint32_t)body->length, 4);
	return 0;
}

void body_free(struct body *body)
{
	free((void *)body->bytes);
	*body = (struct body){0};
}
