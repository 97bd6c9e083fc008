/* SPDX-License-Identifier: MIT */
/* Fragments of IP packets; see fragments.c. */
#ifndef WIRE_FRAGMENTS_H
#define WIRE_FRAGMENTS_H

#include "common/packet.h"

#define FRAGMENTS 16 /* packets that still miss fragments */

struct fragments {
	struct fragmented {
		struct packet first; /* of its first fragment, if begun */
		size_t length;	     /* bytes after the IP header, if ended */
		bool begun, ended;
	} packet[FRAGMENTS];
	size_t next; /* the next place to reuse */
};

/*
 * Take a fragment. Once the first and the last one of a packet have come, @packet becomes the whole
 * packet, as far as its headers go: returns whether it did.
 */
bool fragments_take(struct fragments *fragments, struct packet *packet);

#endif
