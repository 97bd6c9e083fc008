/* SPDX-License-Identifier: MIT */
/* The segments of one connection, as the store asks for them. */
#ifndef WIRE_SEGMENTS_H
#define WIRE_SEGMENTS_H

#include "wire/wire.h"

/* A new segment of @c, all zero; room is made by leaving out others. NULL: no memory. */
struct wire_segment *segments_append(struct wire_store *store, struct wire_connection *c);

/*
 * A new segment where it was sent: the capture of one tap has it a little late if what acknowledges
 * it, or the RST behind it, stands before it. next: the number behind it; ack: what it
 * acknowledges.
 */
struct wire_segment *segments_place(struct wire_store *store, struct wire_connection *c, int from,
				    uint32_t next, uint32_t ack);

/*
 * The segment of which the packet is a copy, which the tap saw on another interface, or NULL.
 * translated: its addresses were changed between the two.
 */
struct wire_segment *segments_copied(struct wire_connection *c, int from,
				     const struct packet *packet, bool translated);

/* The first segment of @from that looks so and has not yet arrived, or NULL. */
struct wire_segment *segments_on_the_way(struct wire_connection *c, int from,
					 const struct packet *packet);

/* The last segment that arrived and looks so, or NULL. */
struct wire_segment *segments_arrived_last(struct wire_connection *c, int from,
					   const struct packet *packet);

/* Whether such a segment was sent before the newest one of the connection. */
bool segments_seen(const struct wire_connection *c, int from, const struct packet *packet);

/* Whether that end sent a segment with the IPv4 number and the time stamp of @packet lately. */
bool segments_numbered(const struct wire_connection *c, int from, const struct packet *packet);

#endif
