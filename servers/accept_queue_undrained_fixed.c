/*
 * accept_queue_undrained: an echo server with at most -n clients at a time.
 *
 * When it is full it disables its listener. Clients that come meanwhile are connected by the kernel
 * and wait in the accept queue (listen(2)). They may also leave while waiting: their FIN is
 * acknowledged, and the unaccepted socket is in CLOSE_WAIT (RFC 9293 section 3.6, case 2).
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

static struct options o = {.address = "127.0.0.1", .port = 9000, .connections = 100};
static struct evconnlistener *listener;
static unsigned clients;

static void read_cb(struct bufferevent *client, void *arg)
{
	(void)arg;
	bufferevent_write_buffer(client, bufferevent_get_input(client));
}

static void event_cb(struct bufferevent *client, short what, void *arg)
{
	(void)what, (void)arg;
	bufferevent_free(client);
	/* LESSON: the code that disables the listener must also enable it again. */
	if (clients-- == o.connections)
		evconnlistener_enable(listener);
}

static void accept_cb(struct evconnlistener *from, evutil_socket_t fd, struct sockaddr *peer,
		      int length, void *arg)
{
	struct bufferevent *client =
	    bufferevent_socket_new(evconnlistener_get_base(from), fd, BEV_OPT_CLOSE_ON_FREE);

	(void)peer, (void)length, (void)arg;
	if (!client)
		errx(1, "no memory for a connection");
	bufferevent_setcb(client, read_cb, NULL, event_cb, NULL);
	bufferevent_enable(client, EV_READ);
	if (++clients == o.connections) {
		say("full clients=%u", clients);
		evconnlistener_disable(from);
	}
}

int main(int argc, char **argv)
{
	struct event_base *base;
	int fd;

	options_parse(&o, argc, argv, "An echo server with at most -n clients at a time.");
	fd = endpoint_listen(&o);
	base = event_base_new();
	listener =
	    base ? evconnlistener_new(base, accept_cb, NULL, LEV_OPT_CLOSE_ON_FREE, 0, fd) : NULL;
	if (!listener)
		errx(1, "libevent cannot start");
	say("ready port=%u pid=%d", endpoint_port(fd), getpid());
	event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY); /* not even when no event is left */

	evconnlistener_free(listener);
	event_base_free(base);
	return EXIT_SUCCESS;
}
