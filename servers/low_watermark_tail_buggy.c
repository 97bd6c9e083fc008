/*
 * low_watermark_tail: stores what clients send, in records of 512 bytes; the last may be shorter.
 *
 * With a low watermark the read callback is called only when that much input is there. At the end
 * of the stream there is no such call: the event callback gets BEV_EVENT_EOF, whatever is still in
 * the input buffer (event2/bufferevent.h).
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

enum { RECORD = 512 };

static void store(struct evbuffer *input, size_t length)
{
	evbuffer_drain(input, length);
	say("record bytes=%zu", length);
}

static void read_cb(struct bufferevent *conn, void *arg)
{
	struct evbuffer *input = bufferevent_get_input(conn);

	(void)arg;
	while (evbuffer_get_length(input) >= RECORD)
		store(input, RECORD);
}

static void event_cb(struct bufferevent *conn, short what, void *arg)
{
	struct evbuffer *input = bufferevent_get_input(conn);

	(void)arg;
	/* LESSON: less than a record has come since; no callback saw it, and it is freed. */
	say("end eof=%d left=%zu", !!(what & BEV_EVENT_EOF), evbuffer_get_length(input));
	bufferevent_free(conn);
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
	bufferevent_setwatermark(conn, EV_READ, RECORD, 0);
	bufferevent_enable(conn, EV_READ);
}

int main(int argc, char **argv)
{
	struct options o = {.address = "127.0.0.1", .port = 9000};
	struct evconnlistener *listener;
	struct event_base *base;
	int fd;

	options_parse(&o, argc, argv, "Stores what clients send, in records.");
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
