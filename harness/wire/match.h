/* SPDX-License-Identifier: MIT */
/* Which connection a packet belongs to; see match.c. */
#ifndef WIRE_MATCH_H
#define WIRE_MATCH_H

#include "wire/wire.h"

#define AGES 8 /* connections of the same addresses and ports, for late packets */

/*
 * The connection of a packet, a new one for a new SYN; NULL: none, or no memory. from: which end
 * sent it. If the packet's addresses differ from the connection's, they were translated.
 */
struct wire_connection *match_find(struct wire_store *store, const struct packet *packet,
				   int *from);

/* The newest connection of its addresses and ports, or NULL. */
struct wire_connection *match_newest(const struct wire_store *store, const struct packet *packet);

/* Which end of @connection sent the packet, or -1 if addresses or ports differ. */
int match_sender(const struct wire_connection *connection, const struct packet *packet);

#endif
