/*
 * close_on_free_missing: an echo server on libevent's bufferevents.
 *
 * At the end of a connection the event callback frees its bufferevent. Whether that closes the
 * socket too was decided when it was made: with BEV_OPT_CLOSE_ON_FREE bufferevent_free() does so
 * (event2/bufferevent.h). After the peer's FIN only the program can end CLOSE_WAIT (RFC 9293
 * section 3.6, case 2).
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

static void read_cb(struct bufferevent *connection, void *arg)
{
	(void)arg;
	bufferevent_write_buffer(connection, bufferevent_get_input(connection));
}

static void event_cb(struct bufferevent *connection, short what, void *arg)
{
	(void)arg;
	say("end why=%s", what & BEV_EVENT_EOF ? "eof" : "error");
	bufferevent_free(connection);
}

static void accept_cb(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *peer,
		      int length, void *arg)
{
	struct event_base *base = evconnlistener_get_base(listener);
	/* LESSON: with this option the bufferevent owns the socket, and closes it when freed. */
	struct bufferevent *connection = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);

	(void)peer, (void)length, (void)arg;
	if (!connection)
		errx(1, "no memory for a connection");
	bufferevent_setcb(connection, read_cb, NULL, event_cb, NULL);
	bufferevent_enable(connection, EV_READ);
}

int main(int argc, char **argv)
{
	struct options o = {.address = "127.0.0.1", .port = 9000};
	struct evconnlistener *listener;
	struct event_base *base;
	int fd;

	options_parse(&o, argc, argv, "An echo server on bufferevents.");
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
