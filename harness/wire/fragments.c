/* SPDX-License-Identifier: MIT */
/*
 * RFC 791, section 3.2, and RFC 8200, section 4.5, as far as a segment's length goes: the first
 * fragment has its header, and the last one shows where it ends. The rest does not matter. Pure.
 */
#include "wire/fragments.h"

#include <string.h>

static bool is_same(const struct packet *one, const struct packet *other)
{
	return one->family == other->family && one->id == other->id &&
	       !memcmp(one->from.address, other->from.address, sizeof(one->from.address)) &&
	       !memcmp(one->to.address, other->to.address, sizeof(one->to.address));
}

static struct fragmented *find(struct fragments *fragments, const struct packet *packet)
{
	struct fragmented *place;

	for (size_t i = 0; i < FRAGMENTS; i++) {
		place = &fragments->packet[i];
		if ((place->begun || place->ended) && is_same(&place->first, packet))
			return place;
	}
	place = &fragments->packet[fragments->next++ % FRAGMENTS];
	*place = (struct fragmented){.first = *packet};
	return place;
}

bool fragments_take(struct fragments *fragments, struct packet *packet)
{
	struct fragmented *place;

	if (packet->part && packet->more)
		return false;
	place = find(fragments, packet);
	if (!packet->part) {
		place->begun = true;
		place->first = *packet;
	} else {
		place->ended = true;
		place->length = packet->part + (packet->end - packet->tcp);
	}
	if (!place->begun || !place->ended ||
	    place->length < place->first.payload - place->first.tcp)
		return false;
	place->first.time = packet->time;
	place->first.number = packet->number;
	*packet = place->first;
	packet->length = (uint32_t)(place->length - (packet->payload - packet->tcp));
	packet->odd = PACKET_SHORT;
	packet->other = OTHER_NOTHING;
	place->begun = place->ended = false;
	return true;
}
