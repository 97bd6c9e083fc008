/* SPDX-License-Identifier: MIT */
/* Bytes of a capture to one segment, whatever link it was captured on. Pure. */
#include "wire/wire.h"

#include <linux/if_arp.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <pcap/dlt.h>
#include <string.h>

#include "common/bytes.h"

#define VLAN 0x8100
#define VLAN_OUTER 0x88a8
#define ETHERTYPES 12 /* bytes before the type of an Ethernet frame */

bool wire_link_known(int link)
{
	static const int known[] = {DLT_EN10MB, DLT_RAW,  DLT_IPV4,	 DLT_IPV6,
				    DLT_NULL,	DLT_LOOP, DLT_LINUX_SLL, DLT_LINUX_SLL2};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i] == link)
			return true;
	return false;
}

/* packet(7): what the kernel says of the direction. Over lo one host is both. */
static enum wire_way way_of(unsigned type, unsigned hardware)
{
	if (hardware == ARPHRD_LOOPBACK)
		return WIRE_PASSING;
	return type == PACKET_OUTGOING ? WIRE_OUT : type == PACKET_HOST ? WIRE_IN : WIRE_PASSING;
}

/* Where the IP header begins, and *way; beyond @kept if it is not there. */
static size_t network_at(int link, const uint8_t *bytes, size_t kept, enum wire_way *way)
{
	size_t at = ETHERTYPES;

	*way = WIRE_PASSING;
	switch (link) {
	case DLT_EN10MB:
		while (at + 2 <= kept &&
		       (get16(bytes + at) == VLAN || get16(bytes + at) == VLAN_OUTER))
			at += 4;
		return at + 2;
	case DLT_NULL:
	case DLT_LOOP:
		return 4;
	case DLT_LINUX_SLL: /* type, hardware, length and bytes of an address, protocol */
		if (kept >= 16)
			*way = way_of(get16(bytes), get16(bytes + 2));
		return 16;
	case DLT_LINUX_SLL2: /* protocol, 0, interface, hardware, type, length and address */
		if (kept >= 20)
			*way = way_of(bytes[10], get16(bytes + 8));
		return 20;
	default:
		return 0;
	}
}

/* RFC 7323: the TSval of the options in @options[0..@length). */
static void find_stamp(const uint8_t *options, size_t length, struct wire_frame *frame)
{
	for (size_t i = 0; i < length && options[i] != 0;) {
		size_t size = options[i] == 1 ? 1 : i + 1 < length ? options[i + 1] : 0;

		if (size == 0 || (size == 1 && options[i] != 1) || size > length - i)
			return; /* cut, or nonsense */
		if (options[i] == 8 && size == 10) {
			frame->stamp = get32(options + i + 2);
			frame->stamped = true;
			return;
		}
		i += size;
	}
}

int wire_frame_parse(int link, const uint8_t *bytes, size_t kept, struct wire_frame *frame)
{
	struct segment segment;
	enum wire_way way;
	size_t at = network_at(link, bytes, kept, &way);
	const uint8_t *packet = bytes + at;

	if (at >= kept || segment_headers(packet, kept - at, &segment) < 0)
		return -1;
	frame->way = way;
	frame->family = segment.family;
	frame->from = segment.from;
	frame->to = segment.to;
	frame->seq = segment.seq;
	frame->ack = segment.ack;
	frame->flags = segment.flags & 0x3f;
	frame->length = (uint32_t)(segment.length - segment.payload);
	frame->id = segment.family == AF_INET ? get16(packet + 4) : 0;
	frame->stamp = 0;
	frame->stamped = false;
	find_stamp(packet + segment.tcp + 20, segment.payload - segment.tcp - 20, frame);
	return 0;
}
