/* SPDX-License-Identifier: MIT */
/*
 * A packet as it was captured, of which at least the headers were kept, and what they say.
 *
 *	| link (link.c) | IPv4 or IPv6 | TCP | payload |
 *	0               ip             tcp   payload   end
 *
 * Pure: nothing is read outside the bytes that are given, and no system call is made. RFC 791 and
 * 8200 (IP), RFC 9293 (TCP), RFC 7323 (time stamps); link types as in pcap-linktype(7).
 */
#ifndef LINGER_PACKET_H
#define LINGER_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

/* Where a packet was going when the tap saw it. */
enum packet_way {
	PACKET_PASSING, /* not known, or between two sockets of one host */
	PACKET_OUT,	/* the host of the tap sent it */
	PACKET_IN,	/* it arrived there */
};

enum packet_odd {
	PACKET_WHOLE, /* nothing is odd */
	PACKET_SHORT, /* not all of its payload was kept; all else is as in a whole one */
	/* What is no segment that could be read: */
	PACKET_CUT,	 /* not all of its headers were kept */
	PACKET_FRAGMENT, /* of a larger packet */
	PACKET_NO_TCP,	 /* another protocol; IPv6 extension headers count as one */
	PACKET_NONSENSE, /* its lengths contradict each other */
};

/* One end of a connection. */
struct packet_end {
	uint8_t address[16]; /* network order; an IPv4 address in the first four, the others 0 */
	uint16_t port;
};

/* Numbers are in host order. */
struct packet {
	int64_t time; /* ns since 1970, set by whoever captured or read it */
	enum packet_way way;
	enum packet_odd odd;
	int family; /* AF_INET or AF_INET6 */
	struct packet_end from, to;
	uint32_t seq, ack;
	uint32_t length; /* bytes of payload, kept or not */
	uint32_t stamp;	 /* TSval, if stamped */
	uint16_t id;	 /* of the IPv4 header */
	uint8_t flags;	 /* enum tcp_flag */
	bool stamped;
	size_t ip, tcp, payload, end; /* offsets; what is kept behind the end is padding */
};

/* Whether frames of this DLT_ type can be read. */
bool packet_link_known(int link);

/*
 * Read a frame of a capture with link type @link, of which @kept bytes were kept: DLT_EN10MB, RAW,
 * IPV4, IPV6, NULL, LOOP, LINUX_SLL or LINUX_SLL2. Everything but the time is filled in.
 * Returns 0 for a TCP segment with whole headers; otherwise -1, and packet->odd says why.
 */
int packet_parse(int link, const uint8_t *bytes, size_t kept, struct packet *packet);

/* Whether two ends of one family have the same address and port. */
bool packet_same_end(const struct packet_end *one, const struct packet_end *other);

/* The sequence number that follows a segment: SYN and FIN count one each (RFC 9293, 3.4). */
uint32_t packet_next(const struct packet *packet);

#endif
