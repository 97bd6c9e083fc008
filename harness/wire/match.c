/* SPDX-License-Identifier: MIT */
/*
 * Assigns packets to connections, by addresses, ports and initial sequence number. A SYN with a new
 * number begins a connection, and so does a packet that fits none when the others are over. Pure.
 *
 * The hash is keyed: nobody can choose ports that make all connections collide.
 */
#include "wire/match.h"

#include <stdlib.h>
#include <string.h>

#include "wire/hash.h"
#include "wire/segments.h"

#define CONNECTIONS 1000000 /* at most */
#define FAR (1u << 28)	    /* a sequence number this far ahead belongs to another connection */

/* Which end of @connection sent the packet, or -1 if addresses or ports differ. */
int match_sender(const struct wire_connection *connection, const struct packet *packet)
{
	if (connection->family != packet->family)
		return -1;
	for (int end = 0; end < 2; end++)
		if (packet_same_end(&connection->end[end], &packet->from) &&
		    packet_same_end(&connection->end[!end], &packet->to))
			return end;
	return -1;
}

/* The slot of a packet's connection, found or free: the same for both directions. */
static struct wire_slot *slot_of(const struct wire_store *store, const struct packet *packet)
{
	uint64_t sum = hash_end(&packet->from, store->key) + hash_end(&packet->to, store->key);
	uint64_t hash = sum ^ sum >> 32;
	size_t at = hash & (store->slots - 1);
	struct wire_slot *slot;

	for (;; at = (at + 1) & (store->slots - 1)) {
		slot = &store->slot[at];
		if (!slot->newest)
			slot->hash = hash;
		if (!slot->newest ||
		    (slot->hash == hash && match_sender(slot->newest, packet) >= 0))
			return slot;
	}
}

/* Room for one more in the hash table. */
static int grow_table(struct wire_store *store)
{
	size_t slots = store->slots ? 2 * store->slots : 1024, at;
	struct wire_slot *slot;

	if (store->used * 2 < store->slots)
		return 0;
	slot = calloc(slots, sizeof(*slot));
	if (!slot)
		return -1;
	for (size_t i = 0; i < store->slots; i++) {
		if (!store->slot[i].newest)
			continue;
		at = store->slot[i].hash & (slots - 1);
		while (slot[at].newest)
			at = (at + 1) & (slots - 1);
		slot[at] = store->slot[i];
	}
	free(store->slot);
	store->slot = slot;
	store->slots = slots;
	return 0;
}

static struct wire_connection *place_new(struct wire_store *store, const struct packet *packet)
{
	struct wire_connection *connection = calloc(1, sizeof(*connection));
	/* When the capture begins in the middle: the higher port is probably the client's. */
	bool answer =
	    packet->flags & TCP_SYN ? packet->flags & TCP_ACK : packet->from.port < packet->to.port;
	struct wire_slot *slot;

	if (!connection)
		return NULL;
	connection->family = packet->family;
	connection->one_tap = store->one_tap;
	connection->end[answer ? WIRE_SERVER : WIRE_CLIENT] = packet->from;
	connection->end[answer ? WIRE_CLIENT : WIRE_SERVER] = packet->to;
	connection->host[0] = connection->host[1] = -1;
	connection->replaced[0] = connection->replaced[1] = WIRE_NEVER;
	slot = slot_of(store, packet);
	connection->older = slot->newest;
	store->used += !slot->newest;
	slot->newest = connection;
	return connection;
}

static struct wire_connection **opening_of(struct wire_store *store, const struct packet *packet)
{
	uint64_t hash = (packet->seq ^ store->key[0]) * 0x9e3779b97f4a7c15u;

	return &store->opening[hash >> 32 & (WIRE_OPENINGS - 1)];
}

/*
 * The connection that a SYN opened before its addresses were translated (NAT): one tap sees it on
 * both sides. A timestamp identifies the packet. Without one, it takes an IPv4 Identification, the
 * same source, and a sequence number other than 0: crafted packets often have 0.
 */
static struct wire_connection *original(struct wire_store *store, const struct packet *packet)
{
	struct wire_connection *c = *opening_of(store, packet);

	if (!store->one_tap || !c || c->family != packet->family ||
	    c->isn[WIRE_CLIENT] != packet->seq || match_sender(c, packet) >= 0)
		return NULL;
	if (!packet->stamped &&
	    (!packet->id || !packet->seq || !packet_same_end(&c->end[WIRE_CLIENT], &packet->from)))
		return NULL;
	return segments_copied(c, WIRE_CLIENT, packet, true) ? c : NULL;
}

/* A new connection, or its counterpart before translation; NULL: one too many, or no memory.
 */
static struct wire_connection *begin(struct wire_store *store, const struct packet *packet)
{
	bool opens = (packet->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
	struct wire_connection *same = opens ? original(store, packet) : NULL, *connection;

	if (!same && store->connections == CONNECTIONS) {
		store->ignored++;
		return NULL;
	}
	connection = place_new(store, packet);
	if (!connection)
		return NULL;
	if (same) {
		connection->same = same;
		same->translated = true;
		connection->next = store->translated;
		store->translated = connection;
		return connection;
	}
	if (opens)
		*opening_of(store, packet) = connection;
	if (store->newest)
		store->newest->next = connection;
	else
		store->oldest = connection;
	store->newest = connection;
	store->connections++;
	return connection;
}

/* Whether it is the SYN of the connection; if captured late, the other end's acknowledgment
 * decides. */
static bool opened_by(const struct wire_connection *c, int end, const struct packet *packet)
{
	if (c->known[end] || !c->guessed[end] || !c->one_tap)
		return c->known[end] && c->isn[end] == packet->seq;
	return c->isn[end] == packet->seq || c->isn[end] + 1 == packet_next(packet);
}

/* Whether the number may belong to @end, of which a SYN or a later segment was seen. */
static bool is_near(const struct wire_connection *c, int end, uint32_t number)
{
	uint32_t below = c->known[end] ? 0 : FAR; /* what preceded the capture */

	return number - c->isn[end] + below <= c->top[end] - c->isn[end] + below + FAR;
}

/* Whether the numbers of a packet of @end are those of the connection. */
static bool fits(const struct wire_connection *c, int end, const struct packet *packet)
{
	if (c->known[end] && packet->flags & TCP_SYN)
		return c->isn[end] == packet->seq;
	if (c->known[end] || c->guessed[end])
		return is_near(c, end, packet->seq);
	if (!c->known[!end])
		return true;
	return packet->flags & TCP_ACK &&
	       packet->ack - c->isn[!end] <= c->top[!end] - c->isn[!end] + 1;
}

static uint64_t distance(uint32_t one, uint32_t other)
{
	int32_t apart = (int32_t)(one - other);

	return (uint64_t)(apart < 0 ? -(int64_t)apart : apart);
}

/* How far the numbers of a packet are from the next expected ones. */
static uint64_t misfit(const struct wire_connection *c, int end, const struct packet *packet)
{
	uint64_t sum = 0;

	if (c->known[end] || c->guessed[end])
		sum += distance(packet->seq, c->top[end]);
	if (packet->flags & TCP_ACK && (c->known[!end] || c->guessed[!end]))
		sum += distance(packet->ack, c->top[!end]);
	return sum;
}

static bool only_opened(const struct wire_connection *c)
{
	for (size_t i = 0; i < c->count; i++)
		if (c->segments[i].flags & (TCP_ACK | TCP_RST))
			return false;
	return true;
}

/* In CLOSED or TIME_WAIT, at both ends or soon. */
static bool is_over(const struct wire_connection *c)
{
	return c->reset || (c->fin[WIRE_CLIENT] && c->fin[WIRE_SERVER]);
}

/* Whether a packet that fits no connection of its addresses begins a new one. */
static bool begins(const struct wire_connection *newest, int end, const struct packet *packet)
{
	if (packet->flags & TCP_RST)
		return false;
	if ((packet->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN) {
		/* Both ends may open at once: this is the other SYN. */
		if (newest->known[!end] && !newest->known[end] && only_opened(newest))
			return false;
		return newest->one_tap || packet->way != PACKET_IN || newest->host[end] < 0;
	}
	if (!newest->one_tap)
		return false;
	if (packet->flags & TCP_SYN) /* the ACK of an uncaptured SYN shows its number too */
		return newest->known[end] || newest->guessed[end];
	if (!is_over(newest))
		return false;
	return packet->length || packet->flags & TCP_FIN ||
	       (packet->flags & TCP_ACK && !is_near(newest, !end, packet->ack));
}

/* The roles of the ends were a guess by the first packet; now the SYN decides. */
static void turn(struct wire_connection *c)
{
	const struct wire_connection was = *c;

	for (int end = 0; end < 2; end++) {
		c->end[end] = was.end[!end];
		c->host[end] = was.host[!end];
		c->known[end] = was.known[!end];
		c->guessed[end] = was.guessed[!end];
		c->isn[end] = was.isn[!end];
		c->top[end] = was.top[!end];
		c->shown[end] = was.shown[!end];
		c->answered[end] = was.answered[!end];
		c->acked[end] = was.acked[!end];
		c->fin[end] = was.fin[!end];
		c->bytes[end] = was.bytes[!end];
		c->packets[end] = was.packets[!end];
		c->replaced[end] = was.replaced[!end];
		c->first[end] = was.first[!end];
	}
	for (size_t i = 0; i < c->count; i++)
		c->segments[i].from = !c->segments[i].from;
}

struct wire_connection *match_newest(const struct wire_store *store, const struct packet *packet)
{
	return store->slots ? slot_of(store, packet)->newest : NULL;
}

/* The connection whose numbers are nearest; with several taps, the newest that fits. */
static struct wire_connection *nearest(struct wire_connection *newest, const struct packet *packet)
{
	bool opens = (packet->flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN;
	struct wire_connection *best = NULL;
	uint64_t least = UINT64_MAX;
	int age = 0;

	for (struct wire_connection *c = newest; c && age < AGES; c = c->older, age++) {
		struct wire_connection *real = c->same ? c->same : c;
		int end = match_sender(c, packet);

		if (opens ? !opened_by(real, end, packet) : !fits(real, end, packet))
			continue;
		if (!real->one_tap || opens)
			return c;
		if (misfit(real, end, packet) < least) {
			least = misfit(real, end, packet);
			best = c;
		}
	}
	return best;
}

struct wire_connection *match_find(struct wire_store *store, const struct packet *packet, int *from)
{
	struct wire_connection *newest, *c;

	if (grow_table(store) < 0)
		return NULL;
	newest = match_newest(store, packet);
	c = newest ? nearest(newest, packet) : NULL;
	if (!c) {
		c = newest;
		if (!newest || begins(newest->same ? newest->same : newest,
				      match_sender(newest, packet), packet))
			c = begin(store, packet);
		if (!c)
			return NULL;
	}
	*from = match_sender(c, packet);
	c = c->same ? c->same : c;
	if (c->one_tap && packet->flags & TCP_SYN && !c->known[0] && !c->known[1] && c->count &&
	    *from != (packet->flags & TCP_ACK ? WIRE_SERVER : WIRE_CLIENT)) {
		turn(c);
		*from = !*from;
	}
	return c;
}
