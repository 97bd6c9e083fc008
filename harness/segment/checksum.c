/* SPDX-License-Identifier: MIT */
/* The Internet checksum (RFC 1071) of the IPv4 header, and of a segment with its pseudo-header. */
#include "segment/segment.h"

#include <netinet/in.h>

#include "common/bytes.h"

#define IPV4_CHECKSUM 10
#define TCP_CHECKSUM 16

/* Add 16-bit words in network order; an odd last byte is followed by a zero. */
static uint32_t add(uint32_t sum, const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i + 1 < length; i += 2)
		sum += get16(bytes + i);
	if (length % 2)
		sum += (uint32_t)bytes[length - 1] << 8;
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* Zero if the TCP checksum in the packet is right. PACKET_MOST bytes cannot overflow the sum. */
static uint16_t tcp_checksum(const uint8_t *bytes, const struct packet *packet)
{
	size_t length = packet->end - packet->tcp;
	size_t address = packet->family == AF_INET ? 4 : 16;
	uint32_t sum = IPPROTO_TCP + (uint32_t)length;

	sum = add(sum, packet->from.address, address);
	sum = add(sum, packet->to.address, address);
	return fold(add(sum, bytes + packet->tcp, length));
}

void segment_complete(uint8_t *bytes, const struct packet *packet)
{
	uint8_t *tcp = bytes + packet->tcp;

	if (packet->family == AF_INET) {
		put16(bytes + IPV4_CHECKSUM, 0);
		put16(bytes + IPV4_CHECKSUM, fold(add(0, bytes, packet->tcp)));
	}
	put16(tcp + TCP_CHECKSUM, 0);
	put16(tcp + TCP_CHECKSUM, tcp_checksum(bytes, packet));
}

bool segment_intact(const uint8_t *bytes, const struct packet *packet)
{
	if (packet->family == AF_INET && fold(add(0, bytes, packet->tcp)))
		return false;
	return tcp_checksum(bytes, packet) == 0;
}
