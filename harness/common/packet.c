/* SPDX-License-Identifier: MIT */
/* Bytes to the headers of a segment. Whatever is not whole is refused. */
#include "segment/segment.h"

#include <netinet/in.h>
#include <string.h>

#include "common/bytes.h"

/* Fill in what the IPv4 header tells. Returns -1 if it does not hold a TCP segment. */
static int parse_ipv4(const uint8_t *packet, size_t length, struct segment *segment)
{
	if (length < 20)
		return -1;
	segment->family = AF_INET;
	segment->tcp = 4 * (packet[0] & 0x0f);
	segment->length = get16(packet + 2);
	if (segment->tcp < 20 || packet[9] != IPPROTO_TCP)
		return -1;
	if (get16(packet + 6) & 0x3fff) /* more fragments, or not the first */
		return -1;
	memcpy(segment->from.address, packet + 12, 4);
	memcpy(segment->to.address, packet + 16, 4);
	return 0;
}

static int parse_ipv6(const uint8_t *packet, size_t length, struct segment *segment)
{
	if (length < 40 || packet[6] != IPPROTO_TCP)
		return -1;
	segment->family = AF_INET6;
	segment->tcp = 40;
	segment->length = 40 + get16(packet + 4);
	memcpy(segment->from.address, packet + 8, 16);
	memcpy(segment->to.address, packet + 24, 16);
	return 0;
}

int segment_headers(const uint8_t *packet, size_t kept, struct segment *segment)
{
	int version = kept ? packet[0] >> 4 : 0;
	const uint8_t *tcp;

	memset(segment, 0, sizeof(*segment));
	if (version == 4 ? parse_ipv4(packet, kept, segment) < 0
			 : version != 6 || parse_ipv6(packet, kept, segment) < 0)
		return -1;
	if (kept < segment->tcp + 20 || segment->length < segment->tcp + 20)
		return -1;
	tcp = packet + segment->tcp;
	segment->payload = segment->tcp + 4 * (tcp[12] >> 4);
	if (segment->payload < segment->tcp + 20 || segment->payload > segment->length ||
	    segment->payload > kept)
		return -1;
	segment->from.port = get16(tcp);
	segment->to.port = get16(tcp + 2);
	segment->seq = get32(tcp + 4);
	segment->ack = get32(tcp + 8);
	segment->flags = tcp[13];
	return 0;
}

int segment_parse(const uint8_t *packet, size_t length, struct segment *segment)
{
	if (segment_headers(packet, length, segment) < 0 || segment->length > length)
		return -1;
	return 0;
}

bool segment_same_end(const struct segment_end *one, const struct segment_end *other)
{
	return one->port == other->port &&
	       memcmp(one->address, other->address, sizeof(one->address)) == 0;
}

uint32_t segment_next(const struct segment *segment)
{
	return segment->seq + (uint32_t)(segment->length - segment->payload) +
	       !!(segment->flags & SEGMENT_SYN) + !!(segment->flags & SEGMENT_FIN);
}
