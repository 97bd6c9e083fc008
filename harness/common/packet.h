/* SPDX-License-Identifier: MIT */
/*
 * A captured packet, of which at least the headers were kept, and what they say.
 *
 *	| link (link.c) | IPv4 or IPv6 | TCP | payload |
 *	0               ip             tcp   payload   end
 *
 * Pure: reads nothing outside the given bytes and makes no system call. RFC 791 and
 * 8200 (IP), RFC 9293 (TCP), RFC 7323 (timestamps); link types as in pcap-linktype(7).
 */
#ifndef LINGER_PACKET_H
#define LINGER_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define PACKET_MOST 65535 /* bytes of an IP packet */

/* The control bits of TCP, as the header has them. */
enum tcp_flag {
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_PSH = 0x08,
	TCP_ACK = 0x10,
	TCP_URG = 0x20,
};

/* Which way a packet was going when the tap saw it. */
enum packet_way {
	PACKET_PASSING, /* unknown, or between two sockets of one host */
	PACKET_OUT,	/* the host of the tap sent it */
	PACKET_IN,	/* it arrived there */
};

enum packet_odd {
	PACKET_WHOLE, /* nothing is odd */
	PACKET_SHORT, /* some of its options or payload was not kept, or only the frame gives its
			 length; ports, numbers and flags are as in a whole one */
	/* Not a segment that could be read: */
	PACKET_CUT,	 /* its ports, numbers and flags were not kept */
	PACKET_FRAGMENT, /* part of a larger packet; the first part is filled in completely */
	PACKET_NO_TCP,	 /* another protocol, named by packet->other */
	PACKET_NONSENSE, /* its lengths contradict each other */
};

/* What a packet is, if not a TCP segment. Nothing is decapsulated. */
enum packet_other {
	OTHER_NOTHING,
	OTHER_CUT,	/* too short */
	OTHER_FRAGMENT, /* of an IP packet */
	OTHER_NONSENSE,
	/* Tunnels, which may hold TCP: */
	OTHER_GRE,
	OTHER_IPIP,
	OTHER_VXLAN,
	OTHER_GENEVE,
	OTHER_GTP,
	OTHER_L2TP,
	OTHER_ESP,
	OTHER_PSEUDOWIRE,
	OTHER_MACSEC,
	OTHER_BATMAN,
	/* No TCP inside: */
	OTHER_UDP,
	OTHER_ICMP,
	OTHER_ICMPV6,
	OTHER_SCTP,
	OTHER_ARP,
	OTHER_LINK, /* a protocol of the link itself */
	OTHER_IP,   /* another protocol over IP */
	OTHER_UNKNOWN,
	OTHERS,
};

/* One end of a connection. */
struct packet_end {
	uint8_t address[16]; /* network order; an IPv4 address in the first four, the others 0 */
	uint16_t port;
};

/* Numbers are in host order. */
struct packet {
	int64_t time;	 /* ns since 1970, set by the capture or the reader of the file */
	uint32_t number; /* in its file, from 1 on, set by the reader of the file */
	enum packet_way way;
	enum packet_odd odd;
	enum packet_other other;
	int family; /* AF_INET or AF_INET6 */
	struct packet_end from, to;
	uint32_t seq, ack;
	uint32_t length; /* bytes of payload, kept or not */
	uint32_t stamp;	 /* TSval, if stamped */
	uint16_t id;	 /* of the IPv4 header */
	uint16_t window; /* as the header has it, unscaled; 0 if not windowed */
	uint16_t check;	 /* of the TCP header; 0: not kept */
	uint8_t flags;	 /* enum tcp_flag */
	bool stamped;
	bool windowed;		      /* the window was kept */
	bool more;		      /* of a fragment: others follow */
	uint16_t part;		      /* of a fragment: where it begins, in bytes */
	size_t ip, tcp, payload, end; /* offsets; anything kept after the end is padding */
};

/* Whether frames of this DLT_ type can be read. */
bool packet_link_known(int link);

/*
 * Read a captured frame of link type @link, of which @kept bytes were kept: DLT_EN10MB, RAW,
 * IPV4, IPV6, NULL, LOOP, PPP, PPP_SERIAL, PPP_ETHER, C_HDLC, LINUX_SLL or LINUX_SLL2; after them
 * VLAN tags, SNAP, PPPoE, MPLS labels and the extension headers of IPv6. Fills in everything but
 * the time. Returns 0 for a TCP segment whose ports, numbers and flags were kept; otherwise -1, and
 * packet->odd and packet->other say why.
 */
int packet_parse(int link, const uint8_t *bytes, size_t kept, struct packet *packet);

/* The same for a frame that was @length bytes long. The frame's length counts when the IP header
 * gives none: a sender leaves that to its device (TSO, BIG TCP). */
int packet_parse_frame(int link, const uint8_t *bytes, size_t kept, size_t length,
		       struct packet *packet);

/* "VXLAN" */
const char *packet_other_name(enum packet_other other);

/* Whether two ends of one family have the same address and port. */
static inline bool packet_same_end(const struct packet_end *one, const struct packet_end *other)
{
	return one->port == other->port &&
	       memcmp(one->address, other->address, sizeof(one->address)) == 0;
}

/* The sequence number that follows a segment: SYN and FIN count one each (RFC 9293, 3.4). */
static inline uint32_t packet_next(const struct packet *packet)
{
	return packet->seq + packet->length + !!(packet->flags & TCP_SYN) +
	       !!(packet->flags & TCP_FIN);
}

#endif
