/*
 * free_before_flush: answers each request with a long reply and ends the connection.
 *
 * bufferevent_write() queues and returns at once; the event loop sends when it next runs.
 * bufferevent_free() releases the bufferevent together with what is still queued in it
 * (event2/bufferevent.h). BEV_OPT_CLOSE_ON_FREE then closes the socket, gracefully.
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

static const char reply[4000000];

static void end_cb(struct bufferevent *conn, void *arg)
{
	(void)arg;
	say("end unsent=%zu", evbuffer_get_length(bufferevent_get_output(conn)));
	bufferevent_free(conn);
}

static void event_cb(struct bufferevent *conn, short what, void *arg)
{
	(void)arg;
	say("gone eof=%d err=%s", !!(what & BEV_EVENT_EOF),
	    error_of(what & BEV_EVENT_ERROR ? -1 : 0));
	bufferevent_free(conn);
}

static void read_cb(struct bufferevent *conn, void *arg)
{
	bufferevent_disable(conn, EV_READ); /* one request a connection */
	bufferevent_write(conn, reply, sizeof(reply));
	say("reply bytes=%zu", sizeof(reply));
	/* LESSON: the write callback is called when the output is empty: free it there. */
	bufferevent_setcb(conn, NULL, end_cb, event_cb, arg);
}

static void accept_cb(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *peer,
		      int length, void *arg)
{
	struct bufferevent *conn =
	    bufferevent_socket_new(evconnlistener_get_base(listener), fd, BEV_OPT_CLOSE_ON_FREE);

	(void)peer, (void)length, (void)arg;
	if (!conn)
		errx(1, "no memory for a connection");
	bufferevent_setcb(conn, read_cb, NULL, event_cb, NULL);
	bufferevent_enable(conn, EV_READ | EV_WRITE);
}

int main(int argc, char **argv)
{
	struct options o = {.address = "127.0.0.1", .port = 9000};
	struct evconnlistener *listener;
	struct event_base *base;
	int fd;

	options_parse(&o, argc, argv, "Answers each request with a long reply.");
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
