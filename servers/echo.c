/*
 * echo: an echo server without faults, for lessons whose fault is elsewhere.
 *
 * With -t it closes a connection that has been idle that many seconds since its last message, like
 * servers with an idle limit (keepalive_timeout in nginx).
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

static struct options o = {.address = "127.0.0.1", .port = 9000};

static void read_cb(struct bufferevent *connection, void *arg)
{
	const struct timeval idle = {.tv_sec = (time_t)o.seconds,
				     .tv_usec = (o.seconds - (time_t)o.seconds) * 1e6};

	(void)arg;
	bufferevent_write_buffer(connection, bufferevent_get_input(connection));
	if (o.seconds)
		bufferevent_set_timeouts(connection, &idle, NULL);
}

static void event_cb(struct bufferevent *connection, short what, void *arg)
{
	const char *why = what & BEV_EVENT_TIMEOUT ? "idle"
			  : what & BEV_EVENT_EOF   ? "eof"
						   : "error";

	(void)arg;
	bufferevent_free(connection);
	say("close why=%s", why);
}

static void accept_cb(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *peer,
		      int length, void *arg)
{
	struct bufferevent *connection =
	    bufferevent_socket_new(evconnlistener_get_base(listener), fd, BEV_OPT_CLOSE_ON_FREE);

	(void)peer, (void)length, (void)arg;
	if (!connection)
		errx(1, "no memory for a connection");
	bufferevent_setcb(connection, read_cb, NULL, event_cb, NULL);
	bufferevent_enable(connection, EV_READ);
}

int main(int argc, char **argv)
{
	struct evconnlistener *listener;
	struct event_base *base;
	int fd;

	options_parse(&o, argc, argv,
		      "An echo server; -t is how long a connection may be idle after a message.");
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
