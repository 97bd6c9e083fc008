/* SPDX-License-Identifier: MIT */
/* Bytes come in and go out. */
#include "turncoat/connection.h"

#include <err.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

bool connection_begun(const struct connection *c)
{
	return c->request.stage > REQUEST_START || c->request.used;
}

struct connection *connection_next(struct connection *c)
{
	return LIST_NEXT(c, others);
}

static bool is_open(const struct connection *c)
{
	return c->stream.fd >= 0;
}

/* Free it if it is closed, or wait for what it needs next. */
static void settle(struct connection *c)
{
	bool reads = c->phase == READING || (c->phase == REPLYING && !c->ended && c->held < PACE);
	bool writes = evbuffer_get_length(c->out) && c->allowed;

	if (!is_open(c)) {
		event_free(c->readable);
		event_free(c->writable);
		event_free(c->timer);
		evbuffer_free(c->out);
		LIST_REMOVE(c, others);
		free(c);
		return;
	}
	reads |= c->phase == HANDSHAKE && !c->to_write;
	reads |= c->phase == WAITING && !writes;
	writes |= c->phase == HANDSHAKE && c->to_write;
	(reads ? event_add(c->readable, NULL) : event_del(c->readable));
	(writes ? event_add(c->writable, NULL) : event_del(c->writable));
}

/* ---- the end -------------------------------------------------------------------------------- */

/* Close, and report what has not been reported. @strike: whether this is one. */
static void end(struct connection *c, enum strike how, bool strike)
{
	size_t unread = stream_unread(&c->stream);

	if (connection_begun(c) && !c->told)
		tell_request(c);
	if (c->written)
		tell_sent(c);
	event_del(c->readable);
	event_del(c->writable);
	event_del(c->timer);
	evbuffer_drain(c->out, evbuffer_get_length(c->out));
	stream_close(&c->stream, how);
	if (strike) /* unread data turns close() into a RST */
		tell_strike(c, unread ? STRIKE_RST : how, unread);
	tell("closed", "conn=%u requests=%u received=%" PRIu64 " sent=%" PRIu64, c->number, c->n,
	     c->received, c->sent);
}

void connection_lost(struct connection *c, const char *how)
{
	if (!c->ended)
		tell("peer", "conn=%u what=%s", c->number, how);
	end(c, STRIKE_FIN, false);
}

/* A call has failed for good: mostly because of the client. */
static void fail(struct connection *c, const char *call)
{
	if (errno == ECONNRESET || errno == EPIPE) {
		connection_lost(c, "rst");
		return;
	}
	tell_error(c, call);
	end(c, STRIKE_FIN, false);
}

/* Read and discard what has arrived. Returns whether the connection is still open. */
static bool drain(struct connection *c)
{
	char bytes[PACE];
	ssize_t n;

	while ((n = stream_read(&c->stream, bytes, sizeof(bytes))) > 0)
		c->received += (size_t)n;
	if (n == 0)
		connection_lost(c, "fin");
	else if (errno != EAGAIN)
		fail(c, "read");
	return is_open(c);
}

void connection_finish(struct connection *c)
{
	if (c->ended || drain(c))
		end(c, STRIKE_FIN, false);
}

void connection_strike(struct connection *c, enum strike how)
{
	const char *ended = stream_peer(&c->stream);
	bool drains = how != STRIKE_RST && c->phase != HANDSHAKE && c->phase != WAITING;

	if (ended)
		connection_lost(c, ended);
	else if (!drains || drain(c))
		end(c, how, true);
}

/* ---- out ------------------------------------------------------------------------------------ */

void connection_queue(struct connection *c, const struct reply *reply, enum strike strike)
{
	struct queued *queued = &c->queue[c->queued++];

	*queued = (struct queued){*reply, strike};
	reply_write(&queued->reply, c->out);
}

/* @n more bytes are out: report the replies that are complete. */
static void count_out(struct connection *c, size_t n)
{
	evbuffer_drain(c->out, n);
	c->sent += n;
	c->written += n;
	c->allowed -= n;
	while (c->queued && c->written >= c->queue[0].reply.bytes) {
		tell_sent(c);
		if (c->queue[0].strike)
			tell_strike(c, c->queue[0].strike, 0);
		c->written -= c->queue[0].reply.bytes;
		memmove(c->queue, c->queue + 1, --c->queued * sizeof(c->queue[0]));
	}
}

/* Write what may go out. */
static void put_out(struct connection *c)
{
	char bytes[PACE];
	ssize_t length;

	while (evbuffer_get_length(c->out) && c->allowed) {
		size_t most = c->allowed < sizeof(bytes) ? c->allowed : sizeof(bytes);
		ssize_t n;

		length = evbuffer_copyout(c->out, bytes, most);
		n = stream_write(&c->stream, bytes, (size_t)length);
		if (n <= 0) {
			if (errno != EAGAIN)
				fail(c, "write");
			return;
		}
		count_out(c, (size_t)n);
	}
	if (c->phase == REPLYING && !evbuffer_get_length(c->out))
		betray_replied(c);
}

/* ---- in ------------------------------------------------------------------------------------- */

void connection_after(struct connection *c, int64_t ns)
{
	const struct timeval time = {ns / 1000000000, ns % 1000000000 / 1000};

	event_add(c->timer, &time);
}

void connection_rest(struct connection *c)
{
	request_begin(&c->request);
	c->answered = c->told = false;
	c->then = STRIKE_NONE;
	c->allowed = SIZE_MAX;
	c->phase = READING;
	event_del(c->timer);
	if (!c->held)
		betray_rest(c);
}

/* Turn what was read into requests. */
static void digest(struct connection *c)
{
	while (c->phase == READING && c->held) {
		bool headed = c->request.headed;
		size_t used = request_feed(&c->request, c->input, c->held);

		c->held -= used;
		memmove(c->input, c->input + used, c->held);
		if (c->request.headed && !headed) {
			event_del(c->timer); /* it is no longer idle */
			betray_header(c);
		}
		if (c->request.stage >= REQUEST_WHOLE && c->phase == READING)
			betray_request(c);
	}
}

/* Requests and replies in turn, as far as possible without waiting. */
static void proceed(struct connection *c)
{
	do {
		digest(c);
		put_out(c);
	} while (is_open(c) && c->phase == READING && c->held);
}

/* Proceed as far as possible: write, read all that has arrived, and answer. */
static void go_on(struct connection *c)
{
	if (is_open(c))
		proceed(c);
	while (is_open(c) && (c->phase == READING || (c->phase == REPLYING && !c->ended)) &&
	       c->held < PACE) {
		ssize_t n = stream_read(&c->stream, c->input + c->held, PACE - c->held);

		if (n > 0) {
			c->received += (size_t)n;
			c->held += (size_t)n;
			proceed(c);
		} else if (n < 0) {
			if (errno != EAGAIN)
				fail(c, "read");
			return;
		} else if (evbuffer_get_length(c->out)) { /* perhaps it only stopped sending */
			tell("peer", "conn=%u what=fin", c->number);
			c->ended = true;
		} else {
			connection_lost(c, "fin");
		}
	}
}

static void shake_hands(struct connection *c)
{
	int done = stream_handshake(&c->stream, &c->to_write);

	if (done < 0) {
		fail(c, "handshake");
	} else if (done) {
		tell("tls", "conn=%u version=%s", c->number, stream_version(&c->stream));
		connection_rest(c);
		go_on(c);
	}
}

/* ---- events --------------------------------------------------------------------------------- */

static void io_cb(evutil_socket_t fd, short what, void *argument)
{
	struct connection *c = argument;

	(void)fd;
	if (c->phase == HANDSHAKE)
		shake_hands(c);
	else if (c->phase == WAITING && what & EV_READ)
		betray_unread(c);
	else
		go_on(c);
	settle(c);
}

static void timer_cb(evutil_socket_t fd, short what, void *argument)
{
	struct connection *c = argument;

	(void)fd, (void)what;
	betray_timer(c);
	go_on(c);
	settle(c);
}

void connection_begin(struct port *port, int fd, const char *peer, uint16_t peerport)
{
	struct server *server = port->server;
	struct connection *c = calloc(1, sizeof(*c));
	const int yes = 1;

	if (!c || stream_open(&c->stream, fd, server->context) < 0)
		errx(EXIT_BROKEN, "out of memory");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	c->port = port;
	c->number = ++server->connections;
	c->readable = event_new(server->base, fd, EV_READ | EV_PERSIST, io_cb, c);
	c->writable = event_new(server->base, fd, EV_WRITE | EV_PERSIST, io_cb, c);
	c->timer = evtimer_new(server->base, timer_cb, c);
	c->out = evbuffer_new();
	if (!c->readable || !c->writable || !c->timer || !c->out)
		errx(EXIT_BROKEN, "out of memory");
	LIST_INSERT_HEAD(&port->connections, c, others);
	tell("accept", "conn=%u port=%u behaviour=%s peer=%s peerport=%u", c->number, port->number,
	     port->behaviour.name, peer, peerport);
	betray_accept(c);
	if (is_open(c) && !server->context)
		connection_rest(c);
	settle(c);
}

void connection_end(struct connection *c)
{
	connection_strike(c, STRIKE_FIN);
	settle(c);
}

void connection_turn(struct connection *c)
{
	if (c->phase == READING && !connection_begun(c))
		betray_rest(c);
}
