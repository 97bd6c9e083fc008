/* SPDX-License-Identifier: MIT */
/* What a link puts before the packets that it carries; for packet.c alone. */
#ifndef LINGER_LINK_H
#define LINGER_LINK_H

#include "common/packet.h"

/*
 * Where the IP header begins in a frame of link type @link, in bytes; beyond @kept when it was not
 * kept. @way: where the packet was going, as far as the link tells. @other: what the frame holds
 * instead of IP; OTHER_NOTHING: it may be IP.
 */
size_t link_network(int link, const uint8_t *bytes, size_t kept, enum packet_way *way,
		    enum packet_other *other);

#endif
