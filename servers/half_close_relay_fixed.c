/*
 * half_close_relay: passes bytes, and the end of each direction, between clients and a backend.
 *
 * TCP ends each direction separately (RFC 9293 section 3.6): a FIN says "I have no more to send",
 * and the other direction may go on. So a relay passes it on with shutdown(2), SHUT_WR, and waits
 * for the second one. Between the two it holds a CLOSE_WAIT and a FIN_WAIT2, and neither has a
 * timer, because a program holds both and nothing is in flight.
 */
#include <err.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/endpoint.h"
#include "common/events.h"
#include "common/options.h"

/* Two streams; what comes in on one goes out on the other. */
struct relay {
	struct bufferevent *stream[2]; /* the client's, the backend's */
	bool ended[2];		       /* its FIN has come */
};

static struct sockaddr_storage backend;
static socklen_t backend_length;
static struct timeval patience; /* -t */

static void part(struct relay *relay, const char *why)
{
	say("end why=%s", why);
	bufferevent_free(relay->stream[0]);
	bufferevent_free(relay->stream[1]);
	free(relay);
}

/* Pass on the end of each direction whose last byte has gone out. */
static void pass_on_ends(struct relay *relay)
{
	bool sent[2];

	for (int from = 0; from < 2; from++) {
		struct bufferevent *to = relay->stream[!from];

		sent[from] = relay->ended[from] && !evbuffer_get_length(bufferevent_get_output(to));
		if (sent[from])
			shutdown(bufferevent_getfd(to), SHUT_WR);
	}
	if (sent[0] && sent[1])
		part(relay, "done");
}

static void read_cb(struct bufferevent *from, void *arg)
{
	struct relay *relay = arg;

	bufferevent_write_buffer(relay->stream[from == relay->stream[0]],
				 bufferevent_get_input(from));
}

static void written_cb(struct bufferevent *to, void *relay)
{
	(void)to;
	pass_on_ends(relay);
}

static void event_cb(struct bufferevent *stream, short what, void *arg)
{
	struct relay *relay = arg;
	bool which = stream == relay->stream[1];

	if (what & BEV_EVENT_CONNECTED) {
		bufferevent_enable(relay->stream[0], EV_READ);
	} else if (what & BEV_EVENT_EOF) {
		relay->ended[which] = true;
		say("half from=%s", which ? "backend" : "client");
		/* LESSON: from now on, the other side's silence has a limit. */
		bufferevent_set_timeouts(relay->stream[!which], &patience, &patience);
		pass_on_ends(relay);
	} else {
		part(relay, what & BEV_EVENT_TIMEOUT ? "timeout" : "error");
	}
}

static void accept_cb(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *peer,
		      int length, void *arg)
{
	struct event_base *base = evconnlistener_get_base(listener);
	struct relay *relay = calloc(1, sizeof(*relay));

	(void)peer, (void)length, (void)arg;
	if (!relay)
		err(1, "calloc");
	for (int i = 0; i < 2; i++) {
		relay->stream[i] = bufferevent_socket_new(base, i ? -1 : fd, BEV_OPT_CLOSE_ON_FREE);
		if (!relay->stream[i])
			errx(1, "no memory for a connection");
		bufferevent_setcb(relay->stream[i], read_cb, written_cb, event_cb, relay);
	}
	bufferevent_enable(relay->stream[1], EV_READ); /* the client is read once the backend is there */
	/* event_cb is called on failure. */
	bufferevent_socket_connect(relay->stream[1], (struct sockaddr *)&backend, backend_length);
}

int main(int argc, char **argv)
{
	struct options o = {.address = "127.0.0.1", .port = 9000, .seconds = 60}, to;
	struct evconnlistener *listener;
	struct event_base *base;
	int first, fd;

	first = options_parse_some(&o, argc, argv, "Relays connections to a backend.",
				   " backend-address backend-port");
	if (argc - first != 2)
		errx(2, "it takes the backend's address and port; try -h");
	to = (struct options){.address = argv[first], .port = atoi(argv[first + 1])};
	backend_length = endpoint_address(&to, &backend);
	patience.tv_sec = o.seconds;
	patience.tv_usec = (o.seconds - patience.tv_sec) * 1e6;
	fd = endpoint_listen(&o);
	base = event_base_new();
	listener =
	    base ? evconnlistener_new(base, accept_cb, NULL, LEV_OPT_CLOSE_ON_FREE, 0, fd) : NULL;
	if (!listener)
		errx(1, "libevent cannot start");
	say("ready port=%u pid=%d", endpoint_port(fd), getpid());
	event_base_dispatch(base);

	evconnlistener_free(listener);
	event_base_free(base);
	return EXIT_SUCCESS;
}
