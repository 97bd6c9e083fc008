/* SPDX-License-Identifier: MIT */
/* Changes a segment before replay. */
#include "segment/segment.h"

#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "common/bytes.h"

#define IPV6_HEADER 40

/* "+1" or "-1" to a number to add modulo 2^32. Returns -1 for anything else. */
static int read_shift(const char *text, uint32_t *shift)
{
	unsigned long value;
	char *end;

	if ((*text != '+' && *text != '-') || !isdigit((unsigned char)text[1]))
		return -1;
	errno = 0;
	value = strtoul(text + 1, &end, 10);
	if (*end || errno || value > UINT32_MAX)
		return -1;
	*shift = *text == '-' ? -(uint32_t)value : (uint32_t)value;
	return 0;
}

int segment_edit_word(struct segment_edit *edit, const char *word)
{
	int bits;

	if (strncmp(word, "flags:", 6) == 0) {
		bits = segment_flags_read(word + 6);
		if (bits < 0)
			return -1;
		edit->reflag = true;
		edit->flags = (uint8_t)bits;
		return 0;
	}
	if (strcmp(word, "seq:next") == 0)
		return edit->next = true, 0;
	if (strcmp(word, "empty") == 0)
		return edit->empty = true, 0;
	if (strncmp(word, "seq:", 4) == 0)
		return read_shift(word + 4, &edit->seq);
	if (strncmp(word, "ack:", 4) == 0)
		return read_shift(word + 4, &edit->ack);
	return -1;
}

void segment_apply(uint8_t *bytes, struct packet *packet, const struct segment_edit *edit)
{
	uint8_t *tcp = bytes + packet->tcp;

	packet->seq = (edit->next ? packet_next(packet) : packet->seq) + edit->seq;
	packet->ack += edit->ack;
	put32(tcp + 4, packet->seq);
	put32(tcp + 8, packet->ack);
	if (edit->reflag)
		packet->flags = tcp[13] = edit->flags;
	if (edit->empty) {
		packet->end = packet->payload;
		packet->length = 0;
	}
	if (packet->family == AF_INET)
		put16(bytes + 2, (uint16_t)packet->end);
	else
		put16(bytes + 4, (uint16_t)(packet->end - IPV6_HEADER));
	segment_complete(bytes, packet);
	packet->check = get16(tcp + 16);
}
