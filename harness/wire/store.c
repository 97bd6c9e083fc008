/* SPDX-License-Identifier: MIT */
/*
 * Turns the packets of a connection into segments: the packet that left one host and the one that
 * arrived at the other become one segment, and so do copies seen by one tap. Pure.
 *
 * Memory is bounded: a long connection loses data segments from its middle, and connections beyond
 * the maximum are ignored. Both are counted.
 */
#include <stdlib.h>
#include <string.h>

#include "wire/match.h"
#include "wire/segments.h"

/* A number this far ahead belongs to another connection: no window is larger. */
#define FAR (1 << 30)

void wire_store_init(struct wire_store *store, bool one_tap)
{
	*store = (struct wire_store){.one_tap = one_tap, .first = WIRE_NEVER, .last = WIRE_NEVER};
}

void wire_store_clear(struct wire_store *store)
{
	struct wire_connection *next;

	for (struct wire_connection *c = store->oldest; c; c = next) {
		next = c->next;
		free(c->segments);
		free(c);
	}
	for (struct wire_connection *c = store->translated; c; c = next) {
		next = c->next;
		free(c);
	}
	free(store->slot);
}

/* Guess the numbers of an end whose SYN was not captured. */
static void guess(struct wire_connection *c, int end, uint32_t number)
{
	if (c->known[end] || c->guessed[end])
		return;
	c->guessed[end] = true;
	c->isn[end] = number - 1;
	c->top[end] = c->shown[end] = number;
}

/* Record the highest number of an end, and how much of its text is new. */
static void rise(struct wire_connection *c, int from, const struct packet *packet)
{
	uint32_t text = packet->seq + !!(packet->flags & TCP_SYN) + packet->length;
	uint32_t top = c->top[from] + (c->top[from] == packet->seq && packet->flags & TCP_SYN);

	if ((int32_t)(text - top) > 0)
		c->bytes[from] += text - top;
	if ((int32_t)(packet_next(packet) - c->top[from]) > 0)
		c->top[from] = packet_next(packet);
	if (packet_next(packet) != packet->seq &&
	    (int32_t)(packet_next(packet) - c->shown[from]) > 0)
		c->shown[from] = packet_next(packet);
}

/* What an end acknowledged of the other. */
static void acknowledge(struct wire_connection *c, int of, uint32_t ack)
{
	if (c->answered[of] && (int32_t)(ack - c->acked[of]) <= 0)
		return;
	if ((c->known[of] || c->guessed[of]) && (int32_t)(ack - c->top[of]) > FAR)
		return;
	c->answered[of] = true;
	c->acked[of] = ack;
}

/* The SYN of an end; what its peer acknowledged before may include text sent with the SYN. */
static void opened(struct wire_connection *c, int from, const struct packet *packet)
{
	int32_t text = (int32_t)(c->isn[from] - packet->seq);

	c->known[from] = true;
	if (c->guessed[from] && c->one_tap) {
		if (text > 0)
			c->bytes[from] +=
			    (uint32_t)text < packet->length ? (uint32_t)text : packet->length;
	} else {
		c->top[from] = c->shown[from] = packet->seq;
	}
	c->isn[from] = packet->seq;
}

/* Record the numbers of an end, but not of RSTs: the other end chooses those. */
static void number(struct wire_connection *c, int from, const struct packet *packet)
{
	bool reset = packet->flags & TCP_RST;

	if (packet->flags & TCP_SYN && !c->known[from])
		opened(c, from, packet);
	c->reset |= reset;
	if (reset && !c->one_tap)
		return;
	guess(c, from, packet->seq);
	if (packet->flags & TCP_ACK) {
		guess(c, !from, packet->ack);
		acknowledge(c, !from, packet->ack);
	}
	c->fin[from] |= packet->flags & TCP_FIN;
	if (!reset)
		rise(c, from, packet);
}

/* Once an end takes part in a new connection, the old one with these addresses has lost that
 * end. */
static void replace(struct wire_connection *c, int from, int64_t time)
{
	for (struct wire_connection *old = c->older; old; old = old->older) {
		bool turned = !packet_same_end(&old->end[from], &c->end[from]);
		int64_t *replaced = &old->replaced[turned ? !from : from];

		if (*replaced != WIRE_NEVER)
			return; /* and those before it */
		*replaced = time;
	}
}

/*
 * Whether the host repeats a packet that its TCP sent before: TCP never reuses an IPv4
 * Identification so soon, not even to retransmit. One of 0 means nothing.
 */
static bool is_replayed(const struct wire_connection *c, const struct packet *packet)
{
	if (!packet->id)
		return false;
	for (int age = 0; c && age < AGES; c = c->older, age++) {
		int end = match_sender(c, packet);

		if (c->id[end] && (int16_t)(packet->id - c->id[end]) > 0 && !c->older)
			return false;
		if (segments_numbered(c, end, packet))
			return true;
	}
	return false;
}

/* Whether it is the SYN of its end, or goes beyond everything seen of that end. */
static bool is_fresh(const struct wire_connection *c, int from, const struct packet *packet)
{
	if (!c->known[from] && packet->flags & TCP_SYN)
		return true;
	return (c->known[from] || c->guessed[from]) && !(packet->flags & TCP_RST) &&
	       packet_next(packet) != packet->seq &&
	       (int32_t)(packet_next(packet) - c->top[from]) > 0;
}

static int add_new(struct wire_store *store, struct wire_connection *c, int from, bool sent,
		   bool arrived, const struct packet *packet)
{
	struct wire_segment *s;
	bool replayed = sent && !arrived && is_replayed(c, packet);

	if (c->one_tap && is_fresh(c, from, packet))
		s = segments_place(store, c, from, packet_next(packet), packet->ack);
	else
		s = segments_append(store, c);
	if (!s)
		return -1;
	s->sent = sent ? packet->time : WIRE_NEVER;
	s->arrived = arrived ? packet->time : WIRE_NEVER;
	s->seq = packet->seq;
	s->ack = packet->ack;
	s->length = packet->length;
	s->stamp = packet->stamp;
	s->stamped = packet->stamped;
	s->number = packet->number;
	s->window = packet->window;
	s->windowed = packet->windowed;
	s->check = packet->check;
	s->here = c->one_tap && packet->way == PACKET_IN;
	s->id = packet->id;
	s->flags = packet->flags;
	s->from = (uint8_t)from;
	s->replayed = replayed;
	c->packets[from]++;
	if (replayed || !sent)
		return 0;
	number(c, from, packet);
	if (packet->id)
		c->id[from] = packet->id;
	if (packet->flags & TCP_SYN)
		replace(c, from, packet->time);
	if (packet->flags & TCP_SYN && packet->flags & TCP_ACK &&
	    c->one_tap) /* the SYN that it answers began a new connection, too */
		replace(c, !from, packet->time);
	return 0;
}

/* With one tap: a copy of an earlier packet, or a new one. */
static int add_passing(struct wire_store *store, struct wire_connection *c, int from,
		       const struct packet *packet)
{
	struct wire_segment *s = segments_copied(c, from, packet, c->translated);

	if (!s)
		return add_new(store, c, from, true, true, packet);
	s->copies += s->copies < UINT8_MAX;
	s->here = false; /* it was forwarded */
	store->doubled++;
	return 0;
}

int wire_store_add(struct wire_store *store, int host, const struct packet *packet)
{
	struct wire_connection *c;
	struct wire_segment *s;
	uint64_t ignored = store->ignored;
	int from;

	if (store->first == WIRE_NEVER)
		store->first = packet->time;
	store->last = packet->time;
	c = match_find(store, packet, &from);
	if (!c)
		return store->ignored > ignored ? 0 : -1;
	if (packet->way != PACKET_IN)
		c->host[from] = host;
	if (packet->way != PACKET_OUT)
		c->host[!from] = host;
	if (store->one_tap)
		return add_passing(store, c, from, packet);
	if (packet->way != PACKET_IN)
		return add_new(store, c, from, true, packet->way == PACKET_PASSING, packet);
	s = segments_on_the_way(c, from, packet);
	if (s) {
		s->arrived = packet->time;
		return 0;
	}
	if (add_new(store, c, from, false, true, packet) < 0)
		return -1;
	c->segments[c->count - 1].twice = segments_seen(c, from, packet);
	return 0;
}

void wire_store_lost(struct wire_store *store, const struct packet *packet)
{
	int age = 0;

	for (struct wire_connection *c = match_newest(store, packet); c && age < AGES;
	     c = c->older, age++) {
		struct wire_segment *s = segments_arrived_last(c, match_sender(c, packet), packet);

		if (s) {
			s->lost = true;
			return;
		}
	}
}
