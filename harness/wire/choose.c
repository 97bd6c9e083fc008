/* SPDX-License-Identifier: MIT */
/*
 * Chooses which packets to keep: all of the first connections; of the others, how they begin and
 * end.
 *
 * A connection gets a place, or none, at its first packet on any host. It never gives the place up,
 * so all hosts keep the same connections, even one that sees them late.
 */
#include "wire/wire.h"

#include <stdlib.h>
#include <string.h>

struct pair {
	int family; /* 0: a free place */
	struct packet_end low, high;
};

struct wire_choice {
	size_t whole, used, mask;
	struct pair pair[];
};

struct wire_choice *wire_choice_new(size_t whole)
{
	struct wire_choice *choice;
	size_t places = 4;

	while (places < 2 * whole)
		places *= 2;
	choice = calloc(1, sizeof(*choice) + places * sizeof(choice->pair[0]));
	if (choice) {
		choice->whole = whole;
		choice->mask = places - 1;
	}
	return choice;
}

void wire_choice_free(struct wire_choice *choice)
{
	free(choice);
}

static bool is_low(const struct packet_end *one, const struct packet_end *other)
{
	if (one->port != other->port)
		return one->port < other->port;
	return memcmp(one->address, other->address, 16) < 0;
}

bool wire_choice_keeps(struct wire_choice *choice, const struct packet *packet)
{
	bool straight = is_low(&packet->from, &packet->to);
	const struct packet_end *low = straight ? &packet->from : &packet->to;
	const struct packet_end *high = straight ? &packet->to : &packet->from;
	size_t at = ((size_t)low->port * 40503 + high->port * 2654435761u + low->address[3] * 131u +
		     high->address[3] * 8191u + high->address[15]) &
		    choice->mask;

	for (; choice->pair[at].family; at = (at + 1) & choice->mask)
		if (choice->pair[at].family == packet->family &&
		    packet_same_end(&choice->pair[at].low, low) &&
		    packet_same_end(&choice->pair[at].high, high))
			return true;
	if (choice->used < choice->whole) {
		choice->pair[at] = (struct pair){packet->family, *low, *high};
		choice->used++;
		return true;
	}
	return packet->flags & (TCP_SYN | TCP_FIN | TCP_RST);
}
