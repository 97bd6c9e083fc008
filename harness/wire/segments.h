/* SPDX-License-Identifier: MIT */
/* The segments of one connection, for the store. */
#ifndef WIRE_SEGMENTS_H
#define WIRE_SEGMENTS_H

#include "wire/wire.h"

/* A new segment of @c, all zero; leaves out others to make room. NULL: no memory. */
struct wire_segment *segments_append(struct wire_store *store, struct wire_connection *c);

/*
 * A new segment at the place where it was sent. One tap may capture it a little late, after its
 * acknowledgment or the RST that follows it. next: the number after it; ack: what it acknowledges.
 */
struct wire_segment *segments_place(struct wire_store *store, struct wire_connection *c, int from,
				    uint32_t next, uint32_t ack);

/*
 * The segment that the packet copies, seen by the tap on another interface, or NULL. translated:
 * the addresses changed between the two.
 */
struct wire_segment *segments_copied(struct wire_connection *c, int from,
				     const struct packet *packet, bool translated);

/* The first segment of @from that looks like this and has not yet arrived, or NULL. */
struct wire_segment *segments_on_the_way(struct wire_connection *c, int from,
					 const struct packet *packet);

/* The last segment that arrived and looks like this, or NULL. */
struct wire_segment *segments_arrived_last(struct wire_connection *c, int from,
					   const struct packet *packet);

/* Whether such a segment was sent before the newest one of the connection. */
bool segments_seen(const struct wire_connection *c, int from, const struct packet *packet);

/* Whether that end lately sent a segment with the IPv4 Identification and timestamp of @packet. */
bool segments_numbered(const struct wire_connection *c, int from, const struct packet *packet);

#endif
