/*
 * idle_connection: an echo server whose clients may be silent for -t seconds.
 *
 * SO_KEEPALIVE (socket(7)) asks whether the other host still knows the connection. The kernel of a
 * client that is alive and silent answers every probe, without asking its program (RFC 9293 section
 * 3.8.4), so a probe never shows whether anybody still wants something.
 */
#include <err.h>
#include <event2/bufferevent.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/endpoint.h"
#include "common/events.h"
#include "common/options.h"

static struct timeval patience; /* of the application, -t */

static void echo_cb(struct bufferevent *client, void *arg)
{
	(void)arg;
	bufferevent_write_buffer(client, bufferevent_get_input(client));
}

static void end_cb(struct bufferevent *client, short what, void *arg)
{
	const char *why = what & BEV_EVENT_TIMEOUT ? "idle"
			  : what & BEV_EVENT_EOF   ? "eof"
						   : "error";

	(void)arg;
	say("end fd=%d why=%s", bufferevent_getfd(client), why);
	bufferevent_free(client);
}

static void accept_cb(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *peer,
		      int length, void *arg)
{
	struct bufferevent *client =
	    bufferevent_socket_new(evconnlistener_get_base(listener), fd, BEV_OPT_CLOSE_ON_FREE);
	int yes = 1;

	(void)peer, (void)length, (void)arg;
	if (!client)
		errx(1, "no memory for a connection");
	if (setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof(yes)) < 0)
		err(1, "setsockopt SO_KEEPALIVE");
	bufferevent_setcb(client, echo_cb, NULL, end_cb, NULL);
	/* LESSON: keepalive finds dead peers; nothing limits silent ones. */
	bufferevent_enable(client, EV_READ | EV_WRITE);
}

int main(int argc, char **argv)
{
	struct options o = {.address = "127.0.0.1", .port = 9000, .seconds = 60};
	struct evconnlistener *listener;
	struct event_base *base;
	int fd;

	options_parse(&o, argc, argv, "An echo server whose clients may be silent for -t seconds.");
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
