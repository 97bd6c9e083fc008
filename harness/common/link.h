/* SPDX-License-Identifier: MIT */
/* Reads the link header of a packet; only packet.c uses it. */
#ifndef LINGER_LINK_H
#define LINGER_LINK_H

#include "common/packet.h"

/*
 * The offset in bytes of the IP header in a frame of link type @link; beyond @kept when it was not
 * kept. @way: where the packet was going, if the link records it. @other: what the frame holds
 * instead of IP; OTHER_NOTHING: it may be IP.
 */
size_t link_network(int link, const uint8_t *bytes, size_t kept, enum packet_way *way,
		    enum packet_other *other);

#endif
