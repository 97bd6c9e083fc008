/* SPDX-License-Identifier: MIT */
#include "common/link.h"

#include <linux/if_arp.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <pcap/dlt.h>

#include "common/bytes.h"

#define VLAN 0x8100
#define VLAN_OUTER 0x88a8
#define ETHERTYPES 12 /* bytes before the type of an Ethernet frame */

bool packet_link_known(int link)
{
	static const int known[] = {DLT_EN10MB, DLT_RAW,  DLT_IPV4,	 DLT_IPV6,
				    DLT_NULL,	DLT_LOOP, DLT_LINUX_SLL, DLT_LINUX_SLL2};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i] == link)
			return true;
	return false;
}

/* packet(7): what the kernel says of the direction. Over lo one host is both. */
static enum packet_way way_of(unsigned type, unsigned hardware)
{
	if (hardware == ARPHRD_LOOPBACK)
		return PACKET_PASSING;
	return type == PACKET_OUTGOING ? PACKET_OUT
	       : type == PACKET_HOST   ? PACKET_IN
				       : PACKET_PASSING;
}

size_t link_network(int link, const uint8_t *bytes, size_t kept, enum packet_way *way)
{
	size_t at = ETHERTYPES;

	*way = PACKET_PASSING;
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
