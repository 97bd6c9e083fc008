/* SPDX-License-Identifier: MIT */
/* Bytes both ways between a client and a backend. */
#include "turncoat/relay.h"

#include <err.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/endpoint.h"
#include "common/events.h"

#define TOLD 64		    /* messages of each side of a connection that each get an event */
#define SPACING 100000000LL /* ns between events of the backend's later messages */

struct relaying *relaying_new(const struct blow *blow)
{
	struct relaying *relaying = calloc(1, sizeof(*relaying));

	if (relaying)
		relaying->blow = *blow;
	return relaying;
}

void relay_after(struct relay *relay, int64_t ns)
{
	const struct timeval time = {ns / 1000000000, ns % 1000000000 / 1000};

	event_add(relay->timer, &time);
}

void relay_tell(struct relay *relay, const struct message *message)
{
	bool seldom = message->by == BACKEND && relay->turns.last - relay->told >= SPACING;

	if (!message->number || (message->number > TOLD && !seldom))
		return;
	relay->told = relay->turns.last;
	tell("message", "conn=%u n=%u by=%s bytes=%" PRIu64, relay->number, message->number,
	     message->by == CLIENT ? "client" : "backend", message->bytes);
}

static void side_close(struct side *side, enum strike how)
{
	if (side->readable)
		event_free(side->readable);
	if (side->writable)
		event_free(side->writable);
	side->readable = side->writable = NULL;
	if (side->stream.fd >= 0)
		stream_close(&side->stream, how);
}

void relay_close(struct relay *relay, enum strike how)
{
	event_del(relay->timer);
	side_close(&relay->client, how);
	side_close(&relay->backend, STRIKE_FIN);
	relay_tell(relay, &relay->turns.message);
	tell("closed", "conn=%u received=%" PRIu64 " sent=%" PRIu64 " withheld=%" PRIu64,
	     relay->number, relay->received, relay->sent, relay->withheld);
}

static void side_open(struct relay *relay, struct side *side, int fd)
{
	struct event_base *base = relay->port->server->base;
	const int yes = 1;

	if (stream_open(&side->stream, fd, NULL) < 0 || !(side->waiting = evbuffer_new()))
		errx(EXIT_BROKEN, "out of memory");
	if (fd < 0) {
		side->ended = side->shut = true;
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	side->readable = event_new(base, fd, EV_READ | EV_PERSIST, relay_io, relay);
	side->writable = event_new(base, fd, EV_WRITE | EV_PERSIST, relay_io, relay);
	if (!side->readable || !side->writable)
		errx(EXIT_BROKEN, "out of memory");
}

/* Start connecting to the backend. Returns the descriptor, or -1 with errno. */
static int reach(const struct server *server)
{
	const struct options where = {.address = server->to, .port = server->to_port};
	struct sockaddr_storage address;
	socklen_t length = endpoint_address(&where, &address);
	int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&address, length) == 0 || errno == EINPROGRESS)
		return fd;
	close(fd);
	return -1;
}

void relay_begin(struct port *port, int fd, const char *peer, uint16_t peerport)
{
	struct relaying *relaying = port->relaying;
	struct relay *relay = calloc(1, sizeof(*relay));
	int backend = -1;

	if (!relay)
		errx(EXIT_BROKEN, "out of memory");
	relay->port = port;
	relay->number = ++port->server->connections;
	relay->nth = ++relaying->arrived;
	relay->blow = relaying->blow;
	relay->turns.pause = port->server->pause;
	relay->timer = evtimer_new(port->server->base, relay_timer, relay);
	if (!relay->timer)
		errx(EXIT_BROKEN, "out of memory");
	LIST_INSERT_HEAD(&relaying->relays, relay, others);
	tell("accept", "conn=%u port=%u behaviour=%s peer=%s peerport=%u", relay->number,
	     port->number, relay->blow.text, peer, peerport);
	side_open(relay, &relay->client, fd);
	if (relay->blow.how && relay->blow.at_once)
		relay->stage = FALLING;
	else if ((backend = reach(port->server)) < 0)
		tell("error", "conn=%u call=connect err=%s", relay->number, error_of(-1));
	side_open(relay, &relay->backend, backend);
	if (backend < 0 && relay->stage == PASSING)
		relay_close(relay, STRIKE_RST);
	relay_settle(relay);
}

void relay_become(struct port *port, const struct blow *blow)
{
	struct relaying *relaying = port->relaying;

	relaying->blow = *blow;
	relaying->arrived = 0;
	for (struct relay *relay = LIST_FIRST(&relaying->relays), *next; relay; relay = next) {
		next = LIST_NEXT(relay, others);
		if (relay->stage != PASSING)
			continue;
		relay->blow = *blow;
		if (!blow->at_once)
			relay->blow.how = STRIKE_NONE; /* it is meant for future connections */
		else if (blow->how)
			relay->stage = FALLING;
		relay_settle(relay);
	}
}

void relay_end_all(struct port *port)
{
	static const struct blow end = {.text = "fin", .how = STRIKE_FIN, .at_once = true};

	for (struct relay *relay = LIST_FIRST(&port->relaying->relays), *next; relay;
	     relay = next) {
		next = LIST_NEXT(relay, others);
		relay->blow = end;
		if (relay->stage == STRUCK)
			relay_close(relay, STRIKE_FIN);
		else
			deed_do(relay);
		relay_settle(relay);
	}
}
