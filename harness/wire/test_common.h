/* SPDX-License-Identifier: MIT */
/* What the tests share: cmocka, and connections written in words. */
#ifndef WIRE_TEST_COMMON_H
#define WIRE_TEST_COMMON_H

#include <arpa/inet.h>

#include "common/test.h"
#include "wire/wire.h"

#define MS 1000000	       /* ns */
#define ISN_CLIENT 0xfffffff0u /* numbers wrap around during the tests */
#define ISN_SERVER 5000u

/* One segment in words: when it is sent and arrives, in ms (NO: never), its sender, and its
 * contents. */
#define NO -1

struct told {
	int sent, arrives;
	char from;	   /* c or s */
	const char *flags; /* letters of FSRPA */
	int seq, ack;	   /* relative */
	unsigned length;
	int id; /* 0: the next one; -1: 0 */
	bool lost;
};

static inline uint8_t flags_of(const char *letters)
{
	static const char all[] = "FSRPA";
	uint8_t flags = 0;

	for (; *letters; letters++)
		flags |= (uint8_t)(1 << (strchr(all, *letters) - all));
	return flags;
}

static inline struct packet frame_of(const struct told *told, int number)
{
	bool client = told->from == 'c';
	struct packet packet = {
	    .family = AF_INET,
	    .from = {{10, 0, 0, client ? 1 : 2}, client ? 40000 : 9000},
	    .to = {{10, 0, 0, client ? 2 : 1}, client ? 9000 : 40000},
	    .seq = (client ? ISN_CLIENT : ISN_SERVER) + (uint32_t)told->seq,
	    .ack = (client ? ISN_SERVER : ISN_CLIENT) + (uint32_t)told->ack,
	    .flags = flags_of(told->flags),
	    .length = told->length,
	    .id = (uint16_t)(told->id < 0 ? 0
			     : told->id	  ? told->id
					  : number + 1),
	};

	return packet;
}

/* Show the segments to two taps, host 0 at the client and host 1 at the server, by time. */
static inline void tell_store(struct wire_store *store, const struct told *told, size_t count)
{
	for (int ms = 0; ms < 100000; ms++)
		for (size_t i = 0; i < count; i++) {
			struct packet packet = frame_of(&told[i], (int)i);
			int client = told[i].from == 'c' ? 0 : 1;

			packet.time = (int64_t)ms * MS;
			packet.way = PACKET_OUT;
			if (told[i].sent == ms)
				assert_int_equal(wire_store_add(store, client, &packet), 0);
			packet.way = PACKET_IN;
			if (told[i].arrives != ms)
				continue;
			assert_int_equal(wire_store_add(store, !client, &packet), 0);
			if (told[i].lost)
				wire_store_lost(store, &packet);
		}
}

#endif
