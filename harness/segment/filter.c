/* SPDX-License-Identifier: MIT */
/* Selects segments: turns words into a filter, and matches it against a segment. */
#include "segment/segment.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	uint8_t bit;
} flags[] = {
    {"fin", TCP_FIN}, {"syn", TCP_SYN}, {"rst", TCP_RST},
    {"psh", TCP_PSH}, {"ack", TCP_ACK}, {"urg", TCP_URG},
};

#define FLAGS (sizeof(flags) / sizeof(flags[0]))

int segment_flags_read(const char *names)
{
	int bits = 0;

	for (;;) {
		size_t length = strcspn(names, ",");
		size_t i = 0;

		while (i < FLAGS && (strlen(flags[i].name) != length ||
				     strncmp(flags[i].name, names, length) != 0))
			i++;
		if (i == FLAGS)
			return -1;
		bits |= flags[i].bit;
		if (!names[length])
			return bits;
		names += length + 1;
	}
}

const char *segment_flags_text(uint8_t bits, char text[SEGMENT_TEXT])
{
	char *end = text;

	for (size_t i = 0; i < FLAGS; i++)
		if (bits & flags[i].bit)
			end += sprintf(end, "%s%s", end == text ? "" : ",", flags[i].name);
	return end == text ? strcpy(text, "none") : text;
}

/* A whole number from 0 to most. Returns -1 for anything else. */
static int read_number(const char *text, unsigned long most, unsigned long *value)
{
	char *end;

	errno = 0;
	*value = strtoul(text, &end, 10);
	return isdigit((unsigned char)*text) && !*end && !errno && *value <= most ? 0 : -1;
}

int segment_filter_word(struct segment_filter *filter, const char *word)
{
	unsigned long number;
	int bits;

	if (strcmp(word, "from") == 0) {
		filter->way = SEGMENT_FROM_SERVER;
	} else if (strcmp(word, "to") == 0) {
		filter->way = SEGMENT_TO_SERVER;
	} else if (strncmp(word, "flags:", 6) == 0) {
		bits = segment_flags_read(word + 6);
		if (bits < 0)
			return -1;
		filter->flags = (uint8_t)bits;
	} else if (strncmp(word, "port:", 5) == 0) {
		if (read_number(word + 5, UINT16_MAX, &number) < 0)
			return -1;
		filter->port = (uint16_t)number;
	} else if (strncmp(word, "bytes:", 6) == 0) {
		if (read_number(word + 6, PACKET_MOST, &number) < 0)
			return -1;
		filter->exactly = true;
		filter->payload = number;
	} else if (strncmp(word, "text:", 5) == 0 && word[5]) {
		filter->text = word + 5;
	} else {
		return -1;
	}
	return 0;
}

/*
 * The header bytes with flags and payload length. libpcap looks into TCP over IPv6 only by offsets
 * in ip6[]: pcap-filter(7), "BUGS".
 */
static const char *flags_byte(int family)
{
	return family == AF_INET ? "tcp[13]" : "ip6[53]";
}

static const char *payload_bytes(int family)
{
	return family == AF_INET ? "ip[2:2] - ((ip[0] & 0xf) << 2) - ((tcp[12] & 0xf0) >> 2)"
				 : "ip6[4:2] - ((ip6[52] & 0xf0) >> 2)";
}

const char *segment_filter_expression(const struct segment_filter *filter,
				      char text[SEGMENT_EXPRESSION])
{
	bool from = filter->way != SEGMENT_TO_SERVER, to = filter->way != SEGMENT_FROM_SERVER;
	char address[INET6_ADDRSTRLEN] = "";
	FILE *out = fmemopen(text, SEGMENT_EXPRESSION, "w");

	if (!out)
		return "tcp"; /* pass all; segment_matches() chooses */
	inet_ntop(filter->family, filter->server.address, address, sizeof(address));
	fputs("tcp and (", out);
	if (from)
		fprintf(out, "(src host %s and src port %u)", address, filter->server.port);
	if (to)
		fprintf(out, "%s(dst host %s and dst port %u)", from ? " or " : "", address,
			filter->server.port);
	fputs(")", out);
	if (filter->port)
		fprintf(out, " and port %u", filter->port);
	if (filter->flags)
		fprintf(out, " and %s & %u = %u", flags_byte(filter->family), filter->flags,
			filter->flags);
	if (filter->exactly)
		fprintf(out, " and %s = %lu", payload_bytes(filter->family), filter->payload);
	fclose(out);
	return text;
}

bool segment_same_way(const struct packet *one, const struct packet *other)
{
	return one->family == other->family && packet_same_end(&one->from, &other->from) &&
	       packet_same_end(&one->to, &other->to);
}

bool segment_matches(const uint8_t *bytes, const struct packet *packet,
		     const struct segment_filter *filter)
{
	size_t payload = packet->length;
	size_t text = filter->text ? strlen(filter->text) : 0;
	bool from = packet_same_end(&packet->from, &filter->server);
	bool to = packet_same_end(&packet->to, &filter->server);

	if (packet->family != filter->family)
		return false;
	if (!(from && filter->way != SEGMENT_TO_SERVER) &&
	    !(to && filter->way != SEGMENT_FROM_SERVER))
		return false;
	if ((packet->flags & filter->flags) != filter->flags)
		return false;
	if (filter->port && filter->port != (from ? packet->to.port : packet->from.port))
		return false;
	if (text && (payload < text || memcmp(bytes + packet->payload, filter->text, text) != 0))
		return false;
	return !filter->exactly || payload == filter->payload;
}
