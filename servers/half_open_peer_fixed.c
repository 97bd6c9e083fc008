/*
 * half_open_peer: an echo server whose clients may vanish without a FIN.
 *
 * A host that loses power or its network sends no FIN. The connection is then half-open (RFC
 * 9293 section 3.5.1), which this end cannot see: it has nothing to send, or its data is resent
 * for a quarter of an hour (tcp_retries2). SO_KEEPALIVE (socket(7)) probes while nothing is in
 * flight, TCP_USER_TIMEOUT (tcp(7)) limits how long data may wait to be acknowledged.
 */
#include <err.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/endpoint.h"
#include "common/events.h"
#include "common/options.h"

static void readable_cb(evutil_socket_t fd, short what, void *readable)
{
	char message[512];
	ssize_t n = recv(fd, message, sizeof(message), 0);

	(void)what;
	if (n <= 0) {
		say("end fd=%d n=%zd err=%s", fd, n, error_of(n));
		event_free(readable);
		close(fd);
		return;
	}
	n = send(fd, message, n, MSG_NOSIGNAL);
	say("answer fd=%d n=%zd err=%s", fd, n, error_of(n));
}

static void accept_cb(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *peer,
		      int length, void *arg)
{
	struct event *readable = event_new(evconnlistener_get_base(listener), fd,
					   EV_READ | EV_PERSIST, readable_cb, event_self_cbarg());

	(void)peer, (void)length, (void)arg;
	if (!readable || event_add(readable, NULL) < 0)
		errx(1, "no memory for a connection");
	/* LESSON: probe when idle, and limit how long an answer may stay unacknowledged. */
	if (setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &(int){1}, sizeof(int)) < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &(int){1500}, sizeof(int)) < 0)
		err(1, "setsockopt");
}

int main(int argc, char **argv)
{
	struct options o = {.address = "127.0.0.1", .port = 9000};
	struct evconnlistener *listener;
	struct event_base *base;
	int fd;

	options_parse(&o, argc, argv, "An echo server on libevent.");
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
