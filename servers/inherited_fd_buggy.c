/*
 * inherited_fd: an echo server that starts a log helper when a client asks for a "job".
 *
 * For the kernel a connection ends when the last descriptor that refers to it is closed (close(2)),
 * and fork(2) duplicates each one. execve(2) keeps them all except those marked close-on-exec
 * (fcntl(2), FD_CLOEXEC), which accept4(2) can set from the first moment; evconnlistener does so
 * with LEV_OPT_CLOSE_ON_EXEC.
 */
#include <err.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/endpoint.h"
#include "common/events.h"
#include "common/options.h"

static FILE *helper; /* one is enough, whichever client asks */

/* Start the helper; it lives until its standard input ends, so never longer than we do. */
static void start_helper(void)
{
	helper = popen("exec cat", "we");
	if (!helper)
		err(1, "popen");
	/* The helper copies it to our output, and so reports itself when it runs. */
	fputs("ev=helper\n", helper);
	fflush(helper);
}

static void readable_cb(evutil_socket_t fd, short what, void *readable)
{
	char message[512];
	ssize_t n = recv(fd, message, sizeof(message), 0);

	(void)what;
	if (n <= 0) {
		event_free(readable);
		close(fd);
		say("close fd=%d n=%zd err=%s", fd, n, error_of(n));
		return;
	}
	if (!helper && n >= 3 && memcmp(message, "job", 3) == 0)
		start_helper();
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

int main(int argc, char **argv)
{
	struct options o = {.address = "127.0.0.1", .port = 9000};
	/* LESSON: accepted descriptors stay open in every program that we start. */
	unsigned flags = LEV_OPT_CLOSE_ON_FREE;
	struct evconnlistener *listener;
	struct event_base *base;
	int fd;

	options_parse(&o, argc, argv, "An echo server that starts a helper for a \"job\".");
	fd = endpoint_listen(&o);
	base = event_base_new();
	listener = base ? evconnlistener_new(base, accept_cb, NULL, flags, 0, fd) : NULL;
	if (!listener)
		errx(1, "libevent cannot start");
	say("ready port=%u pid=%d", endpoint_port(fd), getpid());
	event_base_dispatch(base);

	evconnlistener_free(listener);
	event_base_free(base);
	return EXIT_SUCCESS;
}
