/*
 * emfile_spin: an echo server, and what it does when accept() has no descriptor left.
 *
 * accept(2) fails with EMFILE when the process is at its RLIMIT_NOFILE. The connection it could not
 * take stays in the listener's queue, so a level-triggered poll (epoll(7)) reports the listener as
 * readable again at once, and again, for as long as the process is at its limit.
 */
#include <err.h>
#include <event2/event.h>
#include <event2/listener.h>
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
		event_free(readable);
		close(fd);
		return;
	}
	n = send(fd, message, n, MSG_NOSIGNAL);
	if (n < 0)
		say("send fd=%d n=%zd err=%s", fd, n, error_of(n));
}

static void accept_cb(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *peer,
		      int length, void *arg)
{
	struct event *readable = event_new(evconnlistener_get_base(listener), fd,
					   EV_READ | EV_PERSIST, readable_cb, event_self_cbarg());

	(void)peer, (void)length, (void)arg;
	if (!readable || event_add(readable, NULL) < 0)
		errx(1, "no memory for a connection");
}

static void accept_error_cb(struct evconnlistener *listener, void *arg)
{
	static unsigned long errors;

	(void)listener, (void)arg;
	/* The first, second, fourth, eighth...: a line for every one could fill a disk. */
	errors++;
	if ((errors & (errors - 1)) == 0)
		say("accept errors=%lu err=%s", errors, error_of(-1));
	/* LESSON: the queue is as full as before, so we are called again at once. */
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
	evconnlistener_set_error_cb(listener, accept_error_cb);
	say("ready port=%u pid=%d", endpoint_port(fd), getpid());
	event_base_dispatch(base);

	evconnlistener_free(listener);
	event_base_free(base);
	return EXIT_SUCCESS;
}
