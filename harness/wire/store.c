/* SPDX-License-Identifier: MIT */
/*
 * Packets of all taps to connections: told apart by addresses, ports and initial sequence number;
 * the packet that left one host and the one that arrived at the other become one segment. Pure.
 *
 * Memory is bounded: a long connection loses segments of its middle that only carry data, and
 * connections beyond the most are not looked at. Both are counted.
 */
#include "wire/segments.h"

#include <stdlib.h>
#include <string.h>

#define CONNECTIONS 1000000 /* at most */
#define AGES 8		    /* connections of the same addresses and ports, for late packets */
#define FAR (1u << 28)	    /* a sequence number so far on is not of this connection */

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
	free(store->slot);
}

/* Which end of @connection sent the packet, or -1 if it is of other addresses or ports. */
static int sender(const struct wire_connection *connection, const struct packet *packet)
{
	if (connection->family != packet->family)
		return -1;
	for (int end = 0; end < 2; end++)
		if (packet_same_end(&connection->end[end], &packet->from) &&
		    packet_same_end(&connection->end[!end], &packet->to))
			return end;
	return -1;
}

/* The upper half of a product depends on all bits of its factors. */
static uint64_t mixed(const struct packet_end *end)
{
	const uint64_t odd = 0x9e3779b97f4a7c15u;
	uint64_t word[2];

	memcpy(word, end->address, 16);
	word[0] = (word[0] ^ (uint64_t)end->port << 48) * odd;
	word[1] = (word[1] ^ word[0] >> 32) * odd;
	return word[0] ^ word[1];
}

/* The same for both directions. */
static struct wire_connection **slot_of(const struct wire_store *store, const struct packet *packet)
{
	uint64_t hash = mixed(&packet->from) + mixed(&packet->to);
	size_t at = (hash ^ hash >> 32) & (store->slots - 1);

	while (store->slot[at] && sender(store->slot[at], packet) < 0)
		at = (at + 1) & (store->slots - 1);
	return &store->slot[at];
}

/* Room for one more in the hash table. */
static int grow_table(struct wire_store *store)
{
	struct wire_connection **old = store->slot;
	size_t slots = store->slots;

	if (store->used * 2 < slots)
		return 0;
	store->slots = slots ? 2 * slots : 1024;
	store->slot = calloc(store->slots, sizeof(struct wire_connection *));
	if (!store->slot) {
		store->slot = old;
		store->slots = slots;
		return -1;
	}
	for (size_t i = 0; i < slots; i++)
		if (old[i]) {
			const struct packet of = {
			    .family = old[i]->family, .from = old[i]->end[0], .to = old[i]->end[1]};

			*slot_of(store, &of) = old[i];
		}
	free(old);
	return 0;
}

static struct wire_connection *begin(struct wire_store *store, const struct packet *packet)
{
	struct wire_connection *connection;
	/* Who begins in the middle of a connection: rather the higher port is the client's. */
	bool answer =
	    packet->flags & TCP_SYN ? packet->flags & TCP_ACK : packet->from.port < packet->to.port;
	struct wire_connection **slot;

	if (store->connections == CONNECTIONS) {
		store->ignored++;
		return NULL;
	}
	connection = calloc(1, sizeof(*connection));
	if (!connection)
		return NULL;
	connection->family = packet->family;
	connection->end[answer ? WIRE_SERVER : WIRE_CLIENT] = packet->from;
	connection->end[answer ? WIRE_CLIENT : WIRE_SERVER] = packet->to;
	connection->host[0] = connection->host[1] = -1;
	connection->replaced[0] = connection->replaced[1] = WIRE_NEVER;
	slot = slot_of(store, packet);
	connection->older = *slot;
	store->used += !*slot;
	*slot = connection;
	if (store->newest)
		store->newest->next = connection;
	else
		store->oldest = connection;
	store->newest = connection;
	store->connections++;
	return connection;
}

/* Whether the numbers of a packet of @end are those of the connection. */
static bool fits(const struct wire_connection *c, int end, const struct packet *packet)
{
	if (c->known[end] || c->guessed[end])
		return packet->seq - c->isn[end] <= c->top[end] - c->isn[end] + FAR;
	if (!c->known[!end])
		return true;
	return packet->flags & TCP_ACK &&
	       packet->ack - c->isn[!end] <= c->top[!end] - c->isn[!end] + 1;
}

static bool only_opened(const struct wire_connection *c)
{
	for (size_t i = 0; i < c->count; i++)
		if (c->segments[i].flags & (TCP_ACK | TCP_RST))
			return false;
	return true;
}

/* The connection of a packet, a new one for a new SYN; NULL: none, or no memory. */
static struct wire_connection *find(struct wire_store *store, const struct packet *packet)
{
	struct wire_connection *newest, *c;
	int age = 0;
	bool opens = (packet->flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN;

	if (grow_table(store) < 0)
		return NULL;
	newest = *slot_of(store, packet);
	if (!newest)
		return begin(store, packet);
	for (c = newest; c && age < AGES; c = c->older, age++) {
		int end = sender(c, packet);

		if (opens ? c->known[end] && c->isn[end] == packet->seq : fits(c, end, packet))
			return c;
	}
	/* Both ends may open at once: this is the other SYN. */
	if (opens && packet->way != PACKET_IN &&
	    !(newest->known[!sender(newest, packet)] && !newest->known[sender(newest, packet)] &&
	      only_opened(newest)))
		return begin(store, packet);
	return newest;
}

/* Note the numbers of an end: RSTs have those of the other's choice. */
static void number(struct wire_connection *c, int from, const struct packet *packet)
{
	uint32_t next = packet_next(packet);

	if (packet->flags & TCP_SYN && !c->known[from]) {
		c->known[from] = true;
		c->isn[from] = packet->seq;
		c->top[from] = next;
	}
	if (packet->flags & TCP_RST)
		return;
	if (!c->known[from] && !c->guessed[from]) {
		c->guessed[from] = true;
		c->isn[from] = c->top[from] = packet->seq - 1;
	}
	if (packet->flags & TCP_ACK && !c->known[!from] && !c->guessed[!from]) {
		c->guessed[!from] = true;
		c->isn[!from] = c->top[!from] = packet->ack - 1;
	}
	if ((int32_t)(next - c->top[from]) > 0)
		c->top[from] = next;
}

/* Once an end takes part in a new connection, the old one of these addresses has none there. */
static void replace(struct wire_connection *c, const struct packet *packet)
{
	for (struct wire_connection *old = c->older; old; old = old->older) {
		int end = sender(old, packet);

		if (old->replaced[end] != WIRE_NEVER)
			return; /* and those before it */
		old->replaced[end] = packet->time;
	}
}

/*
 * Whether the host sends a packet again that its TCP had sent before: TCP never uses the number of
 * an IPv4 header again so soon, not even to retransmit. Numbers of 0 tell nothing.
 */
static bool is_replayed(const struct wire_connection *c, const struct packet *packet)
{
	if (!packet->id)
		return false;
	for (int age = 0; c && age < AGES; c = c->older, age++) {
		int end = sender(c, packet);

		if (c->id[end] && (int16_t)(packet->id - c->id[end]) > 0 && !c->older)
			return false;
		if (segments_numbered(c, end, packet))
			return true;
	}
	return false;
}

static int add_new(struct wire_store *store, struct wire_connection *c, int from, bool sent,
		   bool arrived, const struct packet *packet)
{
	struct wire_segment *s;
	bool replayed = sent && !arrived && is_replayed(c, packet);

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
	s->id = packet->id;
	s->flags = packet->flags;
	s->from = (uint8_t)from;
	s->replayed = replayed;
	if (replayed || !sent)
		return 0;
	number(c, from, packet);
	if (packet->id)
		c->id[from] = packet->id;
	if (packet->flags & TCP_SYN)
		replace(c, packet);
	return 0;
}

int wire_store_add(struct wire_store *store, int host, const struct packet *packet)
{
	struct wire_connection *c;
	struct wire_segment *s;
	uint64_t ignored = store->ignored;
	bool passing = store->one_tap || packet->way == PACKET_PASSING;
	int from;

	if (store->first == WIRE_NEVER)
		store->first = packet->time;
	store->last = packet->time;
	c = find(store, packet);
	if (!c)
		return store->ignored > ignored ? 0 : -1;
	from = sender(c, packet);
	if (packet->way != PACKET_IN)
		c->host[from] = host;
	if (packet->way != PACKET_OUT)
		c->host[!from] = host;
	if (passing || packet->way == PACKET_OUT)
		return add_new(store, c, from, true, passing, packet);
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
	struct wire_connection *c;
	int age = 0;

	if (!store->slots)
		return;
	for (c = *slot_of(store, packet); c && age < AGES; c = c->older, age++) {
		struct wire_segment *s = segments_arrived_last(c, sender(c, packet), packet);

		if (s) {
			s->lost = true;
			return;
		}
	}
}
