/*
 * shutdown_without_close: a server that answers one request, says that this was all, and ends the
 * connection.
 *
 * shutdown(2) with SHUT_RDWR ends the conversation: it sends the FIN and allows no more sending or
 * receiving. It does not release the descriptor, and while that is held the kernel starts no timer
 * for FIN_WAIT2: tcp_fin_timeout is for connections that no program holds (ip-sysctl.rst).
 */
#include <err.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/endpoint.h"
#include "common/events.h"
#include "common/options.h"

/* Part from a client: it reads the end of the stream behind our answer. */
static void part(evutil_socket_t fd)
{
	int result = shutdown(fd, SHUT_RDWR);

	say("shutdown fd=%d err=%s", fd, error_of(result));
	/* LESSON: only close() gives the socket to the kernel, with the descriptor. */
	close(fd);
}

static void readable_cb(evutil_socket_t fd, short what, void *readable)
{
	char request[512];
	ssize_t n = recv(fd, request, sizeof(request), 0);

	(void)what;
	if (n > 0)
		n = send(fd, request, n, MSG_NOSIGNAL);
	if (n < 0)
		say("error fd=%d err=%s", fd, error_of(n));
	event_free(readable);
	part(fd);
}

static void accept_cb(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *peer,
		      int length, void *arg)
{
	struct event *readable = event_new(evconnlistener_get_base(listener), fd, EV_READ,
					   readable_cb, event_self_cbarg());

	(void)peer, (void)length, (void)arg;
	if (!readable || event_add(readable, NULL) < 0)
		errx(1, "no memory for a connection");
}

int main(int argc, char **argv)
{
	struct options o = {.address = "127.0.0.1", .port = 9000};
	struct evconnlistener *listener;
	struct event_base *base;
	int fd;

	options_parse(&o, argc, argv, "Answers one request on each connection and ends it.");
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
