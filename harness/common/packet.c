/* SPDX-License-Identifier: MIT */
#include "common/packet.h"

#include <netinet/in.h>
#include <string.h>

#include "common/bytes.h"
#include "common/link.h"

#define IPV4_LEAST 20 /* bytes of a header */
#define IPV6_LEAST 40
#define TCP_LEAST 20
#define CONTROL 0x3f /* the flags that are enum tcp_flag */

/* Fill in what the IPv4 header tells, @left bytes of which and behind it were kept. */
static enum packet_odd read_ipv4(const uint8_t *ip, size_t left, struct packet *packet)
{
	size_t header = 4 * (ip[0] & 0x0f);

	if (left < IPV4_LEAST)
		return PACKET_CUT;
	packet->family = AF_INET;
	packet->id = get16(ip + 4);
	packet->tcp = packet->ip + header;
	packet->end = packet->ip + get16(ip + 2);
	memcpy(packet->from.address, ip + 12, 4);
	memcpy(packet->to.address, ip + 16, 4);
	if (header < IPV4_LEAST)
		return PACKET_NONSENSE;
	if (ip[9] != IPPROTO_TCP)
		return PACKET_NO_TCP;
	if (get16(ip + 6) & 0x3fff) /* more fragments, or not the first */
		return PACKET_FRAGMENT;
	return PACKET_WHOLE;
}

static enum packet_odd read_ipv6(const uint8_t *ip, size_t left, struct packet *packet)
{
	if (left < IPV6_LEAST)
		return PACKET_CUT;
	packet->family = AF_INET6;
	packet->tcp = packet->ip + IPV6_LEAST;
	packet->end = packet->tcp + get16(ip + 4);
	memcpy(packet->from.address, ip + 8, 16);
	memcpy(packet->to.address, ip + 24, 16);
	if (ip[6] == IPPROTO_FRAGMENT)
		return PACKET_FRAGMENT;
	return ip[6] == IPPROTO_TCP ? PACKET_WHOLE : PACKET_NO_TCP;
}

static enum packet_odd read_ip(const uint8_t *bytes, size_t kept, struct packet *packet)
{
	const uint8_t *ip;

	if (packet->ip >= kept)
		return PACKET_CUT;
	ip = bytes + packet->ip;
	switch (ip[0] >> 4) {
	case 4:
		return read_ipv4(ip, kept - packet->ip, packet);
	case 6:
		return read_ipv6(ip, kept - packet->ip, packet);
	default:
		return PACKET_NO_TCP;
	}
}

/* RFC 7323: the TSval of the options in @options[0..@length). */
static void find_stamp(const uint8_t *options, size_t length, struct packet *packet)
{
	for (size_t i = 0; i < length && options[i] != 0;) {
		size_t size = options[i] == 1 ? 1 : i + 1 < length ? options[i + 1] : 0;

		if (size == 0 || (size == 1 && options[i] != 1) || size > length - i)
			return; /* cut, or nonsense */
		if (options[i] == 8 && size == 10) {
			packet->stamp = get32(options + i + 2);
			packet->stamped = true;
			return;
		}
		i += size;
	}
}

static enum packet_odd read_tcp(const uint8_t *bytes, size_t kept, struct packet *packet)
{
	const uint8_t *tcp;

	if (packet->end < packet->tcp + TCP_LEAST)
		return PACKET_NONSENSE;
	if (kept < packet->tcp + TCP_LEAST)
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
	if (packet->payload > kept)
		return PACKET_CUT;
	packet->length = (uint32_t)(packet->end - packet->payload);
	find_stamp(tcp + TCP_LEAST, packet->payload - packet->tcp - TCP_LEAST, packet);
	return packet->end > kept ? PACKET_SHORT : PACKET_WHOLE;
}

int packet_parse(int link, const uint8_t *bytes, size_t kept, struct packet *packet)
{
	memset(packet, 0, sizeof(*packet));
	packet->ip = link_network(link, bytes, kept, &packet->way);
	packet->odd = read_ip(bytes, kept, packet);
	if (packet->odd == PACKET_WHOLE)
		packet->odd = read_tcp(bytes, kept, packet);
	return packet->odd <= PACKET_SHORT ? 0 : -1;
}

bool packet_same_end(const struct packet_end *one, const struct packet_end *other)
{
	return one->port == other->port &&
	       memcmp(one->address, other->address, sizeof(one->address)) == 0;
}

uint32_t packet_next(const struct packet *packet)
{
	return packet->seq + packet->length + !!(packet->flags & TCP_SYN) +
	       !!(packet->flags & TCP_FIN);
}
