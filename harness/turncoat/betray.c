/* SPDX-License-Identifier: MIT */
/* What happens to a client, and when. */
#include "turncoat/connection.h"

#include <event2/buffer.h>
#include <string.h>

#define LOOK 1000000LL /* ns between polls for what no event reports */

/* Whether the behaviour of the request strikes at this moment. */
static bool strikes(const struct connection *c, enum moment moment)
{
	return c->behaviour.moment == moment && (!c->behaviour.reused || c->n > 1);
}

/* A correct reply to the current request. */
static struct reply reply_with(const struct connection *c, int status, const struct body *body)
{
	return (struct reply){
	    .status = status,
	    .body = body,
	    .part = WHOLE,
	    .last = !c->request.keep,
	    .old = c->request.minor == 0,
	    .head = !strcmp(c->request.method, "HEAD"),
	};
}

void betray_accept(struct connection *c)
{
	c->behaviour = c->port->behaviour;
	if (strikes(c, AT_ACCEPT))
		connection_strike(c, c->behaviour.strike);
}

static void reply_early(struct connection *c)
{
	struct reply reply = reply_with(c, 413, &c->port->server->none);

	reply.last |= c->behaviour.after == CLOSE_UNREAD;
	connection_queue(c, &reply, STRIKE_413);
	c->answered = true;
	if (c->behaviour.after == READ_ON)
		return;
	tell_request(c);
	c->phase = c->behaviour.after == CLOSE_UNREAD ? WAITING : DEAF;
	connection_after(c, LOOK);
}

void betray_header(struct connection *c)
{
	static const struct reply go_on = {.status = 100, .part = WHOLE};

	c->n++;
	c->behaviour = c->port->behaviour;
	if (!request_has_body(&c->request))
		return;
	if (strikes(c, AT_HEADER) && c->behaviour.strike == STRIKE_413)
		reply_early(c);
	else if (c->request.expect && strikes(c, AT_HEADER))
		tell_strike(c, c->behaviour.strike, 0);
	else if (c->request.expect)
		connection_queue(c, &go_on, STRIKE_NONE);
}

/* A good reply, and what follows it. */
static void reply_well(struct connection *c)
{
	const struct server *server = c->port->server;
	struct reply reply = reply_with(c, 200, &server->good);

	connection_queue(c, &reply, STRIKE_NONE);
	if (!strikes(c, AT_REPLY) || reply.last)
		return;
	reply = reply_with(c, 200, &server->other);
	reply.head = false;
	connection_queue(c, &reply, STRIKE_UNSOLICITED);
}

/* As much of a reply as there will be. */
static void reply_badly(struct connection *c)
{
	const struct server *server = c->port->server;
	const struct behaviour *b = &c->behaviour;
	struct reply reply = reply_with(c, b->strike == STRIKE_404 ? 404 : 200, &server->good);

	if (b->strike == STRIKE_404) {
		connection_queue(c, &reply, STRIKE_404);
		return;
	}
	if (b->framing == BY_EOF_GZIP)
		reply.body = &server->packed;
	reply.framing = b->framing;
	reply.part = b->part;
	reply.last |= b->last;
	if (b->part != NOTHING)
		connection_queue(c, &reply, STRIKE_NONE);
	if (b->strike != STRIKE_TRICKLE) {
		c->then = b->strike;
		return;
	}
	if (reply.head)
		return;
	c->allowed = evbuffer_get_length(c->out) - reply.body->length;
	tell_strike(c, STRIKE_TRICKLE, 0);
	connection_after(c, b->time);
}

void betray_request(struct connection *c)
{
	static const struct request none = {.method = "-"};
	struct reply refusal;

	tell_request(c);
	if (c->mute) {
		connection_rest(c);
		return;
	}
	c->phase = REPLYING;
	if (c->request.stage == REQUEST_BAD) {
		c->request = none; /* a bad request's keep-alive and so on do not count */
		refusal = reply_with(c, 400, &c->port->server->none);
		refusal.last = true;
		connection_queue(c, &refusal, STRIKE_NONE);
	} else if (!c->answered) {
		(strikes(c, AT_REQUEST) ? reply_badly : reply_well)(c);
	}
}

void betray_replied(struct connection *c)
{
	switch (c->ended ? STRIKE_NONE : c->then) {
	case STRIKE_NONE:
		if (c->ended || !c->request.keep)
			connection_finish(c);
		else
			connection_rest(c);
		break;
	case STRIKE_RST:
		c->phase = ARRIVING;
		betray_timer(c);
		break;
	case STRIKE_FIN:
	case STRIKE_CUT:
		connection_strike(c, c->then);
		break;
	default: /* STRIKE_SILENCE, STRIKE_STALL */
		tell_strike(c, c->then, 0);
		c->mute = true;
		connection_rest(c);
	}
}

void betray_rest(struct connection *c)
{
	if (c->port->behaviour.moment == AT_IDLE && !c->mute)
		connection_after(c, c->port->behaviour.time);
}

/* A connection has waited long enough for its request. */
static void strike_idle(struct connection *c)
{
	const struct server *server = c->port->server;
	struct reply reply = {.status = 408, .body = &server->none, .part = WHOLE, .last = true};

	if (c->port->behaviour.moment != AT_IDLE || connection_begun(c) ||
	    stream_unread(&c->stream))
		return;
	switch (c->port->behaviour.strike) {
	case STRIKE_UNSOLICITED:
		if (c->unasked == c->n)
			return;
		c->unasked = c->n;
		reply = reply_with(c, 200, &server->other);
		reply.last = reply.old = false;
		connection_queue(c, &reply, STRIKE_UNSOLICITED);
		return;
	case STRIKE_408:
		connection_queue(c, &reply, STRIKE_408);
		c->then = STRIKE_FIN;
		break;
	default:
		c->then = c->port->behaviour.strike;
	}
	c->phase = REPLYING;
}

void betray_timer(struct connection *c)
{
	const char *ended = stream_peer(&c->stream);

	switch (c->phase) {
	case READING:
		strike_idle(c);
		break;
	case REPLYING: /* STRIKE_TRICKLE */
		c->allowed++;
		connection_after(c, c->behaviour.time);
		break;
	case HANDSHAKE:
		break;
	default: /* an unread socket does not report its end */
		if (ended)
			connection_lost(c, ended);
		else if (c->phase == ARRIVING && stream_arrived(&c->stream))
			connection_strike(c, STRIKE_RST);
		else
			connection_after(c, LOOK);
	}
}

void betray_unread(struct connection *c)
{
	if (stream_unread(&c->stream))
		connection_strike(c, STRIKE_CUT);
}
