/* SPDX-License-Identifier: MIT */
/* Fragments of IP packets; see fragments.c. */
#ifndef WIRE_FRAGMENTS_H
#define WIRE_FRAGMENTS_H

#include "common/packet.h"

#define FRAGMENTS 16 /* packets of which some fragments are still to come */

struct fragments {
	struct fragmented {
		struct packet first; /* of its first fragment, if begun */
		size_t length;	     /* bytes behind the header of IP, if ended */
		bool begun, ended;
	} packet[FRAGMENTS];
	size_t next; /* the place that is given up for another */
};

/*
 * Take a fragment. Once the first and the last one of a packet are there, @packet becomes the whole
 * packet, as far as its headers tell: returns whether it did.
 */
bool fragments_take(struct fragments *fragments, struct packet *packet);

#endif
