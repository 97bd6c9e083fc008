/* SPDX-License-Identifier: MIT */
#include "common/packet.h"

#include <netinet/in.h>
#include <string.h>

#include "common/bytes.h"
#include "common/link.h"

#define IPV4_LEAST 20 /* bytes of a header */
#define IPV6_LEAST 40
#define TCP_LEAST 20
#define TCP_FLAGS 14  /* those up to the flags */
#define EXTENSIONS 16 /* IPv6 headers to skip at most */
#define CONTROL 0x3f  /* the flags that are enum tcp_flag */

/* Destination ports of tunnels over UDP (IANA). */
static enum packet_other tunnel_of(unsigned port)
{
	switch (port) {
	case 4789:
	case 8472: /* Linux, before IANA assigned a port */
		return OTHER_VXLAN;
	case 6081:
		return OTHER_GENEVE;
	case 2152:
	case 2123:
		return OTHER_GTP;
	case 1701:
		return OTHER_L2TP;
	case 4500:
		return OTHER_ESP;
	default:
		return OTHER_UDP;
	}
}

/* What an IP packet holds instead of TCP; @at: where, if its beginning was kept. */
static enum packet_odd no_tcp(struct packet *packet, unsigned protocol, const uint8_t *bytes,
			      size_t kept, size_t at)
{
	packet->other = protocol == IPPROTO_UDP
			    ? at + 4 <= kept ? tunnel_of(get16(bytes + at + 2)) : OTHER_UDP
			: protocol == IPPROTO_GRE    ? OTHER_GRE
			: protocol == IPPROTO_IPIP   ? OTHER_IPIP
			: protocol == IPPROTO_IPV6   ? OTHER_IPIP
			: protocol == IPPROTO_ICMP   ? OTHER_ICMP
			: protocol == IPPROTO_ICMPV6 ? OTHER_ICMPV6
			: protocol == IPPROTO_SCTP   ? OTHER_SCTP
			: protocol == IPPROTO_ESP    ? OTHER_ESP
			: protocol == IPPROTO_MPLS   ? OTHER_PSEUDOWIRE
			: protocol == 115	     ? OTHER_L2TP
						     : OTHER_IP;
	return PACKET_NO_TCP;
}

/* A fragment that begins @part bytes after the IP header; @more: others follow. */
static enum packet_odd fragment(struct packet *packet, unsigned part, bool more)
{
	packet->part = (uint16_t)part;
	packet->more = more;
	return PACKET_FRAGMENT;
}

/* Bytes of an authentication header (RFC 4302). */
static size_t authentication(const uint8_t *header)
{
	return 4 * (header[1] + 2u);
}

/* Fill in what the IPv4 header holds. */
static enum packet_odd read_ipv4(const uint8_t *bytes, size_t kept, size_t length,
				 struct packet *packet)
{
	const uint8_t *ip = bytes + packet->ip;
	size_t header = 4 * (ip[0] & 0x0f);
	unsigned next;

	if (kept - packet->ip < IPV4_LEAST)
		return PACKET_CUT;
	packet->family = AF_INET;
	packet->id = get16(ip + 4);
	packet->tcp = packet->ip + header;
	packet->end = get16(ip + 2) ? packet->ip + get16(ip + 2) : length;
	memcpy(packet->from.address, ip + 12, 4);
	memcpy(packet->to.address, ip + 16, 4);
	if (header < IPV4_LEAST)
		return PACKET_NONSENSE;
	next = ip[9];
	if (next == IPPROTO_AH && !(get16(ip + 6) & 0x3fff)) {
		if (kept < packet->tcp + 2)
			return PACKET_CUT;
		next = bytes[packet->tcp];
		packet->tcp += authentication(bytes + packet->tcp);
	}
	if (next != IPPROTO_TCP)
		return no_tcp(packet, next, bytes, kept, packet->tcp);
	if (get16(ip + 6) & 0x3fff) /* more fragments, or not the first */
		return fragment(packet, 8 * (get16(ip + 6) & 0x1fffu), ip[6] & 0x20);
	return PACKET_WHOLE;
}

/* Whether this header may stand between those of IPv6 and TCP (RFC 7045). */
static bool is_extension(unsigned protocol)
{
	switch (protocol) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_DSTOPTS:
	case IPPROTO_AH:
	case IPPROTO_FRAGMENT:
	case IPPROTO_MH:
	case 139: /* Host Identity Protocol */
	case 140: /* Shim6 */
		return true;
	default:
		return false;
	}
}

/* RFC 8200, section 4: the headers between that of IPv6 and TCP. */
static enum packet_odd read_ipv6(const uint8_t *bytes, size_t kept, size_t length,
				 struct packet *packet)
{
	const uint8_t *ip = bytes + packet->ip;
	size_t at = packet->ip + IPV6_LEAST;
	unsigned next;

	if (kept - packet->ip < IPV6_LEAST)
		return PACKET_CUT;
	next = ip[6];
	packet->family = AF_INET6;
	packet->end = get16(ip + 4) ? at + get16(ip + 4) : length;
	memcpy(packet->from.address, ip + 8, 16);
	memcpy(packet->to.address, ip + 24, 16);
	for (int i = 0; i < EXTENSIONS; i++) {
		const uint8_t *header = bytes + at;

		packet->tcp = at;
		if (next == IPPROTO_TCP)
			return PACKET_WHOLE;
		if (!is_extension(next))
			return no_tcp(packet, next, bytes, kept, at);
		if (kept < at + 8)
			return PACKET_CUT;
		/* A fragment that is the whole packet is one only in name (RFC 6946). */
		if (next == IPPROTO_FRAGMENT && get16(header + 2) & 0xfff9) {
			packet->id = get16(header + 6); /* the lower half tells them apart */
			packet->tcp = at + 8;
			if (header[0] != IPPROTO_TCP)
				return no_tcp(packet, header[0], bytes, kept, at + 8);
			return fragment(packet, get16(header + 2) & 0xfff8u, header[3] & 1);
		}
		at += next == IPPROTO_FRAGMENT ? 8
		      : next == IPPROTO_AH     ? authentication(header)
					       : 8 * (header[1] + 1u);
		next = header[0];
	}
	return PACKET_NONSENSE;
}

static enum packet_odd read_ip(const uint8_t *bytes, size_t kept, size_t length,
			       struct packet *packet)
{
	if (packet->other)
		return PACKET_NO_TCP;
	if (packet->ip >= kept)
		return PACKET_CUT;
	switch (bytes[packet->ip] >> 4) {
	case 4:
		return read_ipv4(bytes, kept, length, packet);
	case 6:
		return read_ipv6(bytes, kept, length, packet);
	default:
		packet->other = OTHER_UNKNOWN;
		return PACKET_NO_TCP;
	}
}

/* RFC 7323: the TSval of the options in @options[0..@length). */
static void find_stamp(const uint8_t *options, size_t length, struct packet *packet)
{
	for (size_t i = 0; i < length && options[i] != 0;) {
		size_t size = options[i] == 1 ? 1 : i + 1 < length ? options[i + 1] : 0;

		if (size == 0 || (size == 1 && options[i] != 1) || size > length - i)
			return; /* cut off, or invalid */
		if (options[i] == 8 && size == 10) {
			packet->stamp = get32(options + i + 2);
			packet->stamped = true;
			return;
		}
		i += size;
	}
}

/* Whether the IP header gives the length of the packet. */
static bool is_measured(const uint8_t *bytes, const struct packet *packet)
{
	return get16(bytes + packet->ip + (packet->family == AF_INET ? 2 : 4));
}

static enum packet_odd read_tcp(const uint8_t *bytes, size_t kept, struct packet *packet)
{
	const uint8_t *tcp;

	if (packet->end < packet->tcp + TCP_LEAST)
		return PACKET_NONSENSE;
	if (kept < packet->tcp + TCP_FLAGS)
		return PACKET_CUT;
	tcp = bytes + packet->tcp;
	packet->payload = packet->tcp + 4 * (tcp[12] >> 4);
	packet->from.port = get16(tcp);
	packet->to.port = get16(tcp + 2);
	packet->seq = get32(tcp + 4);
	packet->ack = get32(tcp + 8);
	packet->flags = tcp[13] & CONTROL;
	if (packet->payload < packet->tcp + TCP_LEAST || packet->payload > packet->end)
		return PACKET_NONSENSE;
	packet->windowed = kept >= packet->tcp + 16;
	packet->window = packet->windowed ? get16(tcp + 14) : 0;
	packet->check = kept >= packet->tcp + 18 ? get16(tcp + 16) : 0;
	packet->length = (uint32_t)(packet->end - packet->payload);
	if (kept > packet->tcp + TCP_LEAST)
		find_stamp(tcp + TCP_LEAST,
			   (kept < packet->payload ? kept : packet->payload) - packet->tcp -
			       TCP_LEAST,
			   packet);
	return packet->end > kept || !is_measured(bytes, packet) ? PACKET_SHORT : PACKET_WHOLE;
}

int packet_parse_frame(int link, const uint8_t *bytes, size_t kept, size_t length,
		       struct packet *packet)
{
	memset(packet, 0, sizeof(*packet));
	packet->ip = link_network(link, bytes, kept, &packet->way, &packet->other);
	packet->odd = read_ip(bytes, kept, length > kept ? length : kept, packet);
	if (packet->odd == PACKET_WHOLE)
		packet->odd = read_tcp(bytes, kept, packet);
	else if (packet->odd == PACKET_FRAGMENT && packet->part == 0 &&
		 read_tcp(bytes, kept, packet) > PACKET_SHORT)
		packet->odd = PACKET_NONSENSE;
	if (packet->odd <= PACKET_SHORT)
		return 0;
	if (packet->odd != PACKET_NO_TCP)
		packet->other = packet->odd == PACKET_CUT	 ? OTHER_CUT
				: packet->odd == PACKET_FRAGMENT ? OTHER_FRAGMENT
								 : OTHER_NONSENSE;
	return -1;
}

int packet_parse(int link, const uint8_t *bytes, size_t kept, struct packet *packet)
{
	return packet_parse_frame(link, bytes, kept, kept, packet);
}

const char *packet_other_name(enum packet_other other)
{
	static const char *const names[OTHERS] = {
	    [OTHER_NOTHING] = "TCP",
	    [OTHER_CUT] = "cut before their flags",
	    [OTHER_FRAGMENT] = "fragments",
	    [OTHER_NONSENSE] = "with lengths that contradict each other",
	    [OTHER_GRE] = "GRE",
	    [OTHER_IPIP] = "IPIP",
	    [OTHER_VXLAN] = "VXLAN",
	    [OTHER_GENEVE] = "Geneve",
	    [OTHER_GTP] = "GTP",
	    [OTHER_L2TP] = "L2TP",
	    [OTHER_ESP] = "ESP",
	    [OTHER_PSEUDOWIRE] = "MPLS pseudowires",
	    [OTHER_MACSEC] = "MACsec",
	    [OTHER_BATMAN] = "B.A.T.M.A.N.",
	    [OTHER_UDP] = "UDP",
	    [OTHER_ICMP] = "ICMP",
	    [OTHER_ICMPV6] = "ICMPv6",
	    [OTHER_SCTP] = "SCTP",
	    [OTHER_ARP] = "ARP",
	    [OTHER_LINK] = "of the link itself",
	    [OTHER_IP] = "of another protocol over IP",
	    [OTHER_UNKNOWN] = "of another protocol",
	};

	return names[other];
}
