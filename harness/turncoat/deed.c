/* SPDX-License-Identifier: MIT */
/* How a relay strikes. */
#include "turncoat/relay.h"

#include <inttypes.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "common/events.h"

bool deed_is_due(const struct relay *relay)
{
	bool waits = relay->blow.how == STRIKE_RST || relay->blow.how == STRIKE_GONE;

	return relay->stage == FALLING && !relay->allowed &&
	       (!waits || stream_arrived(&relay->client.stream));
}

/* Let the kernel drop everything from the client, and so acknowledge nothing (socket(7)). */
static void vanish(struct relay *relay)
{
	struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
	const struct sock_fprog filter = {.len = 1, .filter = &nothing};

	if (setsockopt(relay->client.stream.fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter,
		       sizeof(filter)) < 0)
		tell("error", "conn=%u call=setsockopt err=%s", relay->number, error_of(-1));
}

/* Read and discard what has arrived: if it were unread, close() would send a RST. */
static void drain(struct relay *relay)
{
	char bytes[4096];
	ssize_t n;

	while ((n = stream_read(&relay->client.stream, bytes, sizeof(bytes))) > 0)
		relay->received += (size_t)n;
}

void deed_do(struct relay *relay)
{
	const char *ended = stream_peer(&relay->client.stream);
	enum strike how = relay->blow.how;
	size_t unread = 0;

	if (ended && *ended == 'r') {
		tell("peer", "conn=%u what=rst", relay->number);
		relay_close(relay, STRIKE_FIN);
		return;
	}
	relay->stage = STRUCK;
	if (how == STRIKE_FIN)
		drain(relay);
	if (how == STRIKE_FIN || how == STRIKE_RST)
		unread = stream_unread(&relay->client.stream);
	if (how == STRIKE_HALF)
		stream_shut(&relay->client.stream);
	else if (how == STRIKE_GONE)
		vanish(relay);
	else if (how == STRIKE_TRICKLE)
		relay_after(relay, 0);
	relay->client.shut = how != STRIKE_TRICKLE;
	tell("strike", "conn=%u n=%u after=%" PRIu64 " sent=%" PRIu64 " what=%s unread=%zu",
	     relay->number, relay->turns.said[BACKEND], relay->after, relay->sent,
	     strike_name(unread ? STRIKE_RST : how), unread);
	if (how == STRIKE_FIN || how == STRIKE_RST)
		relay_close(relay, how);
}
