/* SPDX-License-Identifier: MIT */
/* What store.c and segments.c share. */
#ifndef WIRE_STORE_H
#define WIRE_STORE_H

#include "wire/wire.h"

#define WIRE_AGES                                                                                  \
	8 /* connections of the same addresses and ports that a late packet may belong to */

/* Which end of @c sent a packet, or -1 if it is of other addresses or ports. */
int wire_sender(const struct wire_connection *c, const struct packet *packet);

/* A new segment of @c, all zero; room is made by leaving out others. NULL: no memory. */
struct wire_segment *segments_append(struct wire_store *store, struct wire_connection *c);

/* The first segment of @from that looks so and has not yet arrived, or NULL. */
struct wire_segment *segments_on_the_way(struct wire_connection *c, int from,
					 const struct packet *packet);

/* The last segment that arrived and looks so, or NULL. */
struct wire_segment *segments_arrived_last(struct wire_connection *c, int from,
					   const struct packet *packet);

/* Whether such a segment was sent before the newest one of the connection. */
bool segments_seen(const struct wire_connection *c, int from, const struct packet *packet);

/*
 * Whether the host sends a packet again that its TCP had sent before: TCP never uses the number of
 * an IPv4 header again so soon, not even to retransmit. Numbers of 0 tell nothing.
 */
bool segments_replayed(const struct wire_connection *c, const struct packet *packet);

#endif
