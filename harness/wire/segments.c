/* SPDX-License-Identifier: MIT */
/* The segments of one connection: which one a packet is, and which are left out. Pure. */
#include "wire/segments.h"

#include <stdlib.h>
#include <string.h>

#define ENDING (TCP_SYN | TCP_FIN | TCP_RST)
#define PLENTY 2000000 /* segments in memory, from which on connections are kept short */
#define LONG 4096      /* segments of a connection */
#define SHORT 64       /* ... when there are plenty */
#define SEARCH 256     /* segments that are looked at for one that matches */

/* Leave out what is in the middle of a connection and only carries data; if that is little, all. */
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
		size_t room = c->room ? 2 * c->room : 16;
		struct wire_segment *more = realloc(c->segments, room * sizeof(*more));

		if (!more)
			return NULL;
		c->segments = more;
		c->room = room;
	}
	store->segments++;
	return memset(&c->segments[c->count++], 0, sizeof(struct wire_segment));
}

/* Whether a segment looks as the packet does. */
static bool looks_like(const struct wire_segment *s, int from, const struct packet *packet)
{
	return s->from == from && s->seq == packet->seq && s->ack == packet->ack &&
	       s->flags == packet->flags && s->length == packet->length && s->id == packet->id &&
	       s->stamp == packet->stamp;
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
