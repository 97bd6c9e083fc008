/* SPDX-License-Identifier: MIT */
/* What passes between a client and a backend, and what is withheld. */
#include "turncoat/relay.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <stdlib.h>
#include <time.h>

#include "common/events.h"

#define PACE 16384	      /* bytes read at a time */
#define ROOM (16 * PACE)      /* most bytes that wait for one side */
#define LOOK 1000000LL	      /* ns between polls for what no event reports */
#define TRICKLING 500000000LL /* ns per byte */

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static bool is_open(const struct relay *relay)
{
	return relay->client.stream.fd >= 0;
}

/* Bytes from the backend: pass them on to the client, or withhold them. */
static void hear_backend(struct relay *relay, const char *bytes, size_t count)
{
	size_t spared = 0;

	if (relay->stage == PASSING) {
		struct message over;

		if (turns_take(&relay->turns, BACKEND, count, now_ns(), &over))
			relay_tell(relay, &over);
		spared = blow_spares(&relay->blow, relay->nth, &relay->turns, count);
		if (spared == SIZE_MAX) {
			spared = count;
		} else {
			relay->stage = FALLING;
			relay->after = relay->turns.message.bytes - count + spared;
		}
	}
	relay->allowed += spared;
	if (relay->stage != PASSING && relay->blow.how == STRIKE_TRICKLE) /* one byte at a time */
		spared = count;
	evbuffer_add(relay->client.waiting, bytes, spared);
	relay->withheld += count - spared;
}

static void hear_client(struct relay *relay, const char *bytes, size_t count)
{
	struct message over;

	relay->received += count;
	if (relay->stage == PASSING && turns_take(&relay->turns, CLIENT, count, now_ns(), &over))
		relay_tell(relay, &over);
	if (!relay->backend.shut)
		evbuffer_add(relay->backend.waiting, bytes, count);
}

static void side_is_over(struct side *side)
{
	side->ended = side->shut = true;
	evbuffer_drain(side->waiting, evbuffer_get_length(side->waiting));
}

/* One side has failed: end the other too. */
static void fail(struct relay *relay, struct side *side, const char *call)
{
	bool theirs = errno == ECONNRESET || errno == EPIPE;

	if (side == &relay->client && theirs)
		tell("peer", "conn=%u what=rst", relay->number);
	else if (!theirs)
		tell("error", "conn=%u call=%s err=%s", relay->number, call, error_of(-1));
	if (side == &relay->client || relay->stage != STRUCK)
		relay_close(relay, STRIKE_RST);
	else
		side_is_over(side); /* the client is not told */
}

/* Read all that has arrived, as far as there is room for the other side. */
static void take_in(struct relay *relay, struct side *from)
{
	struct side *to = from == &relay->client ? &relay->backend : &relay->client;
	char bytes[PACE];

	while (is_open(relay) && !from->ended && relay->stage != FALLING &&
	       evbuffer_get_length(to->waiting) < ROOM) {
		ssize_t n = stream_read(&from->stream, bytes, sizeof(bytes));

		if (n > 0) {
			(from == &relay->client ? hear_client : hear_backend)(relay, bytes,
									      (size_t)n);
		} else if (n < 0) {
			if (errno != EAGAIN)
				fail(relay, from, "read");
			return;
		} else {
			from->ended = true;
			if (from != &relay->client)
				return;
			tell("peer", "conn=%u what=fin", relay->number);
			if (relay->stage == STRUCK) /* nothing more can come from it */
				relay_close(relay, STRIKE_FIN);
		}
	}
}

/* Write what may go to a side. */
static void put_out(struct relay *relay, struct side *to)
{
	bool client = to == &relay->client;
	char bytes[PACE];

	while (is_open(relay) && evbuffer_get_length(to->waiting)) {
		size_t most = client && relay->allowed < PACE ? relay->allowed : PACE;
		ssize_t length = most ? evbuffer_copyout(to->waiting, bytes, most) : 0;
		ssize_t n = length ? stream_write(&to->stream, bytes, (size_t)length) : 0;

		if (n < 0 && errno != EAGAIN)
			fail(relay, to, "write");
		if (n <= 0)
			return;
		evbuffer_drain(to->waiting, (size_t)n);
		if (client && !relay->sent)
			tell("served", "conn=%u", relay->number);
		if (client) {
			relay->sent += (size_t)n;
			relay->allowed -= (size_t)n;
		}
	}
}

/*
 * Pass the end of one side on to the other, after all its data, once that side is connected:
 * shutdown(2) aborts a connect(2) in progress (Linux 6.18, inet_shutdown()).
 */
static void hand_on(struct side *from, struct side *to)
{
	if (from->ended && !to->shut && !evbuffer_get_length(to->waiting) &&
	    !stream_connecting(&to->stream)) {
		stream_shut(&to->stream);
		to->shut = true;
	}
}

static void await(struct relay *relay, struct side *side, const struct side *other)
{
	bool client = side == &relay->client;
	bool gone = relay->stage == STRUCK && relay->blow.how == STRIKE_GONE && client;
	bool reads = !side->ended && !gone && relay->stage != FALLING &&
		     evbuffer_get_length(other->waiting) < ROOM;
	bool writes = evbuffer_get_length(side->waiting) && (!client || relay->allowed) && !gone;

	writes |= !client && other->ended && !side->shut; /* still connecting */
	if (!side->readable) /* a backend that was never asked */
		return;
	(reads ? event_add(side->readable, NULL) : event_del(side->readable));
	(writes ? event_add(side->writable, NULL) : event_del(side->writable));
}

void relay_settle(struct relay *relay)
{
	struct side *client = &relay->client, *backend = &relay->backend;

	if (is_open(relay) && relay->stage == FALLING) {
		if (deed_is_due(relay))
			deed_do(relay);
		else if (!relay->allowed)
			relay_after(relay, LOOK);
	}
	if (is_open(relay)) {
		bool passes = relay->stage == PASSING || relay->blow.how == STRIKE_TRICKLE;

		hand_on(client, backend);
		if (relay->stage != FALLING)
			hand_on(backend, client);
		if (passes && client->shut && backend->shut)
			relay_close(relay, STRIKE_FIN);
	}
	if (is_open(relay)) {
		await(relay, client, backend);
		await(relay, backend, client);
		return;
	}
	evbuffer_free(client->waiting);
	evbuffer_free(backend->waiting);
	event_free(relay->timer);
	LIST_REMOVE(relay, others);
	free(relay);
}

void relay_io(evutil_socket_t fd, short what, void *argument)
{
	struct relay *relay = argument;
	struct side *side = fd == relay->client.stream.fd ? &relay->client : &relay->backend;

	if (what & EV_WRITE)
		put_out(relay, side);
	if (what & EV_READ)
		take_in(relay, side);
	put_out(relay, &relay->backend);
	put_out(relay, &relay->client);
	relay_settle(relay);
}

void relay_timer(evutil_socket_t fd, short what, void *argument)
{
	struct relay *relay = argument;

	(void)fd, (void)what;
	if (relay->stage == STRUCK) { /* STRIKE_TRICKLE */
		relay->allowed = 1;
		put_out(relay, &relay->client);
		if (is_open(relay))
			relay_after(relay, TRICKLING);
	}
	relay_settle(relay);
}
