/* SPDX-License-Identifier: MIT */
#include "common/link.h"

#include <linux/if_arp.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <pcap/dlt.h>

#include "common/bytes.h"

#define ETHERTYPES 12 /* bytes before the EtherType of a frame */
#define LENGTHS 0x600 /* a lower type is a length: IEEE 802.3, then 802.2 */

/* What follows, by EtherType (IEEE 802, RFC 2516, 3032, 7042). */
enum ethertype {
	TYPE_IPV4 = 0x0800,
	TYPE_ARP = 0x0806,
	TYPE_VLAN = 0x8100,
	TYPE_IPV6 = 0x86dd,
	TYPE_MPLS = 0x8847,
	TYPE_MPLS_MULTICAST = 0x8848,
	TYPE_PPPOE_DISCOVERY = 0x8863,
	TYPE_PPPOE = 0x8864,
	TYPE_VLAN_OUTER = 0x88a8,
	TYPE_VLAN_OLD = 0x9100, /* QinQ before 802.1ad */
	TYPE_VLAN_OLDER = 0x9200,
	TYPE_MACSEC = 0x88e5,
	TYPE_BATMAN = 0x4305,
};

enum ppp { PPP_IPV4 = 0x0021, PPP_IPV6 = 0x0057 };

bool packet_link_known(int link)
{
	static const int known[] = {DLT_EN10MB, DLT_RAW,	DLT_IPV4,      DLT_IPV6,
				    DLT_NULL,	DLT_LOOP,	DLT_LINUX_SLL, DLT_LINUX_SLL2,
				    DLT_PPP,	DLT_PPP_SERIAL, DLT_PPP_ETHER, DLT_C_HDLC};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i] == link)
			return true;
	return false;
}

/* packet(7): the direction that the kernel reports. Over lo one host is both ends. */
static enum packet_way way_of(unsigned type, unsigned hardware)
{
	if (hardware == ARPHRD_LOOPBACK)
		return PACKET_PASSING;
	return type == PACKET_OUTGOING ? PACKET_OUT
	       : type == PACKET_HOST   ? PACKET_IN
				       : PACKET_PASSING;
}

/* RFC 3032: labels down to the bottom one. Only the payload shows whether IP follows. */
static size_t behind_mpls(const uint8_t *bytes, size_t kept, size_t at, enum packet_other *other)
{
	bool bottom = false;

	for (; !bottom && at + 4 <= kept; at += 4)
		bottom = bytes[at + 2] & 1;
	if (!bottom)
		return kept;
	if (at < kept && bytes[at] >> 4 != 4 && bytes[at] >> 4 != 6)
		*other = OTHER_PSEUDOWIRE;
	return at;
}

/* The PPP protocol at @at; senders may omit its first octet (RFC 1661, 6.5). */
static size_t behind_ppp(const uint8_t *bytes, size_t kept, size_t at, enum packet_other *other)
{
	size_t size = at < kept && bytes[at] & 1 ? 1 : 2;
	unsigned protocol;

	if (at + size > kept)
		return kept;
	protocol = size == 1 ? bytes[at] : get16(bytes + at);
	if (protocol != PPP_IPV4 && protocol != PPP_IPV6)
		*other = OTHER_LINK;
	return at + size;
}

/* RFC 1042: an 802.2 header at @at that gives the EtherType. */
static bool is_snap(const uint8_t *bytes, size_t at)
{
	return get16(bytes + at) == 0xaaaa && bytes[at + 2] == 3 && !get16(bytes + at + 3) &&
	       !bytes[at + 5];
}

/* What follows the EtherType at @type; the rest of the frame is at @at. */
static size_t behind_type(const uint8_t *bytes, size_t kept, size_t type, size_t at,
			  enum packet_other *other)
{
	for (;;) {
		if (type + 2 > kept)
			return kept;
		switch (get16(bytes + type)) {
		case TYPE_VLAN:
		case TYPE_VLAN_OUTER:
		case TYPE_VLAN_OLD:
		case TYPE_VLAN_OLDER:
			type = at + 2;
			at += 4;
			continue;
		case TYPE_IPV4:
		case TYPE_IPV6:
			return at;
		case TYPE_MPLS:
		case TYPE_MPLS_MULTICAST:
			return behind_mpls(bytes, kept, at, other);
		case TYPE_PPPOE: /* version, code, session, length; then as PPP */
			return behind_ppp(bytes, kept, at + 6, other);
		case TYPE_ARP:
			*other = OTHER_ARP;
			return at;
		case TYPE_MACSEC:
			*other = OTHER_MACSEC;
			return at;
		case TYPE_BATMAN:
			*other = OTHER_BATMAN;
			return at;
		case TYPE_PPPOE_DISCOVERY:
			*other = OTHER_LINK;
			return at;
		default:
			if (get16(bytes + type) >= LENGTHS) {
				*other = OTHER_UNKNOWN;
				return at;
			}
			if (at + 8 > kept)
				return kept;
			if (!is_snap(bytes, at)) {
				*other = OTHER_LINK;
				return at;
			}
			type = at + 6;
			at += 8;
		}
	}
}

size_t link_network(int link, const uint8_t *bytes, size_t kept, enum packet_way *way,
		    enum packet_other *other)
{
	*way = PACKET_PASSING;
	*other = OTHER_NOTHING;
	switch (link) {
	case DLT_EN10MB:
		return behind_type(bytes, kept, ETHERTYPES, ETHERTYPES + 2, other);
	case DLT_NULL:
	case DLT_LOOP:
		return 4;
	case DLT_PPP:
	case DLT_PPP_SERIAL: /* senders may omit address and control (RFC 1661) */
		return behind_ppp(bytes, kept, kept && bytes[0] == 0xff ? 2 : 0, other);
	case DLT_PPP_ETHER:
		return behind_ppp(bytes, kept, 6, other);
	case DLT_C_HDLC: /* address, control, EtherType */
		return behind_type(bytes, kept, 2, 4, other);
	case DLT_LINUX_SLL: /* type, hardware, length and bytes of an address, protocol */
		if (kept >= 16)
			*way = way_of(get16(bytes), get16(bytes + 2));
		return behind_type(bytes, kept, 14, 16, other);
	case DLT_LINUX_SLL2: /* protocol, 0, interface, hardware, type, length and address */
		if (kept >= 20)
			*way = way_of(bytes[10], get16(bytes + 8));
		return behind_type(bytes, kept, 0, 20, other);
	default:
		return 0;
	}
}
