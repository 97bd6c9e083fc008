/* SPDX-License-Identifier: MIT */
#include "wire/filter.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

/* The bit that a word of --only stands for, or 0. */
static unsigned bit_of(const char *word, size_t length)
{
	static const char retransmitting[] = "retransmitting";

	for (int how = 0; how < WIRE_HOWS; how++)
		if (strlen(wire_how_name(how)) == length &&
		    !memcmp(wire_how_name(how), word, length))
			return 1u << how;
	return length == strlen(retransmitting) && !memcmp(word, retransmitting, length)
		   ? 1u << FILTER_RETRANSMITTING
		   : 0;
}

int filter_only(struct wire_filter *filter, const char *text, struct error *error)
{
	for (const char *word = text;; word++) {
		size_t length = strcspn(word, ",");
		unsigned bit = bit_of(word, length);

		if (!bit)
			return error_set(error, EXIT_USAGE,
					 "--only %s: write one or more of %s, separated by commas",
					 text,
					 "reset, refused, unanswered, half-closed, open, orderly, "
					 "unknown, retransmitting");
		filter->only |= bit;
		word += length;
		if (!*word)
			return 0;
	}
}

static int read_address(const char *text, uint8_t address[16])
{
	memset(address, 0, 16);
	if (inet_pton(AF_INET, text, address) == 1)
		return AF_INET;
	return inet_pton(AF_INET6, text, address) == 1 ? AF_INET6 : 0;
}

int filter_host(struct wire_filter *filter, const char *text, struct error *error)
{
	const char *slash = strchr(text, '/');
	char address[INET6_ADDRSTRLEN] = "", *end = NULL;
	size_t length = slash ? (size_t)(slash - text) : strlen(text);
	unsigned long most;

	if (length < sizeof(address))
		memcpy(address, text, length);
	filter->family = read_address(address, filter->address);
	most = filter->family == AF_INET6 ? 128 : 32;
	filter->prefix = (unsigned)(slash ? strtoul(slash + 1, &end, 10) : most);
	if (!filter->family || filter->prefix > most ||
	    (slash && (slash[1] < '0' || slash[1] > '9' || *end)))
		return error_set(error, EXIT_USAGE,
				 "--host %s: write an address, or a prefix like 10.0.0.0/8", text);
	return 0;
}

/* "10.0.0.1:80" or "[fd00::1]:80", up to @length bytes. Returns the family, or 0. */
static int read_end(const char *text, size_t length, struct packet_end *end)
{
	char copy[INET6_ADDRSTRLEN + 9] = "", *colon, *address = copy, *rest;
	unsigned long port;

	if (length >= sizeof(copy))
		return 0;
	memcpy(copy, text, length);
	colon = strrchr(copy, ':');
	if (!colon || colon[1] < '0' || colon[1] > '9')
		return 0;
	port = strtoul(colon + 1, &rest, 10);
	if (*rest || port > UINT16_MAX)
		return 0;
	*colon = '\0';
	if (*copy == '[' && colon > copy + 1 && colon[-1] == ']') {
		colon[-1] = '\0';
		address++;
	}
	end->port = (uint16_t)port;
	return read_address(address, end->address);
}

int filter_connection(struct wire_filter *filter, const char *text, struct error *error)
{
	const char *dash = strchr(text, '-');
	int family = dash ? read_end(text, (size_t)(dash - text), &filter->end[0]) : 0;

	filter->pair = true;
	filter->pair_family = family;
	if (!family || read_end(dash + 1, strlen(dash + 1), &filter->end[1]) != family)
		return error_set(error, EXIT_USAGE,
				 "--connection %s: write ADDRESS:PORT-ADDRESS:PORT", text);
	return 0;
}

static bool is_within(const struct wire_filter *filter, const uint8_t address[16])
{
	unsigned whole = filter->prefix / 8, bits = filter->prefix % 8;

	if (memcmp(address, filter->address, whole))
		return false;
	return !bits || !((address[whole] ^ filter->address[whole]) >> (8 - bits));
}

static bool is_pair(const struct wire_filter *filter, const struct wire_connection *c)
{
	if (c->family != filter->pair_family)
		return false;
	for (int end = 0; end < 2; end++)
		if (packet_same_end(&c->end[0], &filter->end[end]) &&
		    packet_same_end(&c->end[1], &filter->end[!end]))
			return true;
	return false;
}

bool filter_takes(const struct wire_filter *filter, const struct wire_connection *c, int64_t began)
{
	if (filter->port && c->end[0].port != filter->port && c->end[1].port != filter->port)
		return false;
	if (filter->family &&
	    (c->family != filter->family ||
	     (!is_within(filter, c->end[0].address) && !is_within(filter, c->end[1].address))))
		return false;
	if (filter->pair && !is_pair(filter, c))
		return false;
	return began >= filter->since && (!filter->until || began <= filter->until);
}

bool filter_takes_outcome(const struct wire_filter *filter, const struct wire_outcome *outcome)
{
	unsigned bits =
	    1u << outcome->how | (outcome->retransmitting ? 1u << FILTER_RETRANSMITTING : 0);

	return !filter->only || filter->only & bits;
}
