/* SPDX-License-Identifier: MIT */
/* The segments of one connection: finds the one a packet is, and leaves some out. Pure. */
#include "wire/segments.h"

#include <stdlib.h>
#include <string.h>

#define ENDING (TCP_SYN | TCP_FIN | TCP_RST)
#define PLENTY 2000000 /* segments in memory beyond which connections are shortened */
#define LONG 4096      /* segments of a connection */
#define SHORT 64       /* ... when memory holds many */
#define LATE 5	       /* how many segments back a late one may belong */
#define COPIES 32      /* segments to search for the first copy of a packet */
#define SEARCH 256     /* segments to search for a match */

/* Leave out segments in the middle of a connection that only carry data; if those are few, all. */
static void shorten(struct wire_store *store, struct wire_connection *c, size_t most)
{
	size_t head = most / 4, tail = c->count - most / 4, kept = head, endings = 0;
	uint32_t pending = 0;

	for (size_t i = head; i < tail; i++)
		endings += !!(c->segments[i].flags & ENDING);

	for (size_t i = head; i < c->count; i++) {
		struct wire_segment *s = &c->segments[i];

		if (i < tail && (endings > most / 4 || !(s->flags & ENDING))) {
			pending += s->before + 1;
			continue;
		}
		s->before += pending;
		pending = 0;
		c->segments[kept++] = *s;
	}
	c->left_out += c->count - kept;
	store->segments -= c->count - kept;
	c->count = kept;
	c->first[0] = c->first[1] = head < kept ? head : kept;
}

struct wire_segment *segments_append(struct wire_store *store, struct wire_connection *c)
{
	size_t most = store->segments < PLENTY ? LONG : SHORT;

	if (c->count >= most)
		shorten(store, c, most);
	if (c->count == c->room) {
		size_t room = c->room < 8 ? c->room + 4 : c->room + c->room / 2;
		struct wire_segment *more = realloc(c->segments, room * sizeof(*more));

		if (!more)
			return NULL;
		c->segments = more;
		c->room = room;
	}
	store->segments++;
	return memset(&c->segments[c->count++], 0, sizeof(struct wire_segment));
}

/* Whether a segment looks like the packet. */
static bool looks_like(const struct wire_segment *s, int from, const struct packet *packet)
{
	return s->from == from && s->seq == packet->seq && s->ack == packet->ack &&
	       s->flags == packet->flags && s->length == packet->length && s->id == packet->id &&
	       s->stamp == packet->stamp;
}

struct wire_segment *segments_place(struct wire_store *store, struct wire_connection *c, int from,
				    uint32_t next, uint32_t ack)
{
	struct wire_segment *s = segments_append(store, c);
	size_t last = c->count - 1, place = last;

	for (size_t i = last; s && i > 0 && last - i < LATE; i--) {
		const struct wire_segment *then = &c->segments[i - 1];
		bool resets = then->flags & TCP_RST, behind;

		if (then->from == from) /* a RST is the last */
			behind = resets && (int32_t)(then->seq - next) >= 0;
		else /* a RST without ACK has the number it answers */
			behind = then->flags & TCP_ACK ? (int32_t)(then->ack - next) >= 0
						       : resets && then->seq == ack;
		if (behind)
			place = i - 1;
	}
	if (place == last || !s)
		return s;
	memmove(&c->segments[place + 1], &c->segments[place],
		(last - place) * sizeof(*c->segments));
	return memset(&c->segments[place], 0, sizeof(*c->segments));
}

/*
 * Copies agree in everything, including the IPv4 Identification and the timestamp: TCP reuses
 * neither so soon. Without an Identification or a timestamp, they must be closer together.
 */
struct wire_segment *segments_copied(struct wire_connection *c, int from,
				     const struct packet *packet, bool translated)
{
	for (size_t i = c->count; i > 0 && c->count - i < COPIES; i--) {
		struct wire_segment *s = &c->segments[i - 1];
		int64_t apart = packet->time - s->sent;
		int64_t most = !packet->id ? 1000000 : packet->stamped ? 1000000000 : 50000000;

		if (looks_like(s, from, packet) && s->window == packet->window &&
		    (translated || s->check == packet->check) && apart < most && apart > -most)
			return s;
	}
	return NULL;
}

struct wire_segment *segments_on_the_way(struct wire_connection *c, int from,
					 const struct packet *packet)
{
	bool waiting = false;
	size_t looked = 0;

	for (size_t i = c->first[from]; i < c->count && looked < SEARCH; i++) {
		struct wire_segment *s = &c->segments[i];

		if (s->from != from || s->arrived != WIRE_NEVER) {
			if (!waiting)
				c->first[from] = i + 1;
			continue;
		}
		if (looks_like(s, from, packet))
			return s;
		waiting = true;
		looked++;
	}
	return NULL;
}

struct wire_segment *segments_arrived_last(struct wire_connection *c, int from,
					   const struct packet *packet)
{
	for (size_t i = c->count; i > 0 && c->count - i < SEARCH; i--) {
		struct wire_segment *s = &c->segments[i - 1];

		if (s->arrived != WIRE_NEVER && !s->lost && looks_like(s, from, packet))
			return s;
	}
	return NULL;
}

bool segments_numbered(const struct wire_connection *c, int from, const struct packet *packet)
{
	for (size_t i = c->count; i > 0 && c->count - i < SEARCH; i--) {
		const struct wire_segment *s = &c->segments[i - 1];

		if (s->from == from && s->id == packet->id && s->stamp == packet->stamp)
			return true;
	}
	return false;
}

bool segments_seen(const struct wire_connection *c, int from, const struct packet *packet)
{
	for (size_t i = c->count - 1; i > 0 && c->count - i < SEARCH; i--)
		if (looks_like(&c->segments[i - 1], from, packet) &&
		    c->segments[i - 1].sent != WIRE_NEVER)
			return true;
	return false;
}
