/* SPDX-License-Identifier: MIT */
/* The events of a connection. */
#include "turncoat/connection.h"

#include <inttypes.h>

#include "common/events.h"

void tell_request(struct connection *c)
{
	const struct request *r = &c->request;

	c->told = true;
	if (!r->headed) {
		tell("request", "conn=%u n=0 method=%s target=- version=- body=0 whole=0",
		     c->number, r->stage == REQUEST_BAD ? "?" : "-");
		return;
	}
	tell("request",
	     "conn=%u n=%u method=%s target=%s version=1.%d body=%" PRIu64
	     " whole=%d keep=%d gzip=%d expect=%d",
	     c->number, c->n, r->method, r->target, r->minor, r->body, r->stage == REQUEST_WHOLE,
	     r->keep, r->gzip, r->expect);
}

void tell_sent(const struct connection *c)
{
	const struct reply *reply = &c->queue[0].reply;
	bool all = c->written >= reply->bytes;
	size_t bytes = all ? reply->bytes : c->written;

	tell("sent", "conn=%u n=%u status=%d bytes=%zu body=%zu whole=%d", c->number, c->n,
	     reply->status, bytes, reply_body_within(reply, bytes), all && reply->part == WHOLE);
}

void tell_strike(const struct connection *c, enum strike strike, size_t unread)
{
	tell("strike", "conn=%u n=%u what=%s unread=%zu", c->number, c->n, strike_name(strike),
	     unread);
}

void tell_error(const struct connection *c, const char *call)
{
	tell("error", "conn=%u call=%s err=%s", c->number, call, error_of(-1));
}
