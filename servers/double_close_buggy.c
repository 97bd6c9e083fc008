/*
 * double_close: an echo server that keeps ended sessions until the accounts are done.
 *
 * A line on standard input is the order to do the accounts (elsewhere it might be a timer): every
 * ended session is recorded and freed. close(2) frees the number of a descriptor, and the next call
 * that opens one gets the lowest free number (open(2)): what was ours then belongs to another
 * connection.
 */
#include <err.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/endpoint.h"
#include "common/events.h"
#include "common/options.h"

struct session {
	struct event *readable;
	int fd;		      /* -1: none */
	unsigned lines;	      /* answered */
	struct session *next; /* in the list of ended ones */
};

static struct session *ended;

static void session_free(struct session *s)
{
	if (s->fd >= 0)
		close(s->fd);
	free(s);
}

static void readable_cb(evutil_socket_t fd, short what, void *arg)
{
	struct session *s = arg;
	char message[512];
	ssize_t n = recv(fd, message, sizeof(message), 0);

	(void)what;
	if (n > 0) {
		n = send(fd, message, n, MSG_NOSIGNAL);
		s->lines++;
	}
	if (n > 0)
		return;
	event_free(s->readable);
	close(fd); /* the peer need not wait for the accounts */
	/* LESSON: the session still holds the number, and closes it again when it is freed. */
	s->next = ended;
	ended = s;
	say("end fd=%d n=%zd err=%s", fd, n, error_of(n));
}

static void accounts_cb(evutil_socket_t input, short what, void *readable)
{
	unsigned sessions = 0, lines = 0;
	char order[64];

	(void)what;
	if (read(input, order, sizeof(order)) <= 0)
		return; /* nobody gives orders any more */
	event_add(readable, NULL);
	while (ended) {
		struct session *s = ended;

		ended = s->next;
		sessions++;
		lines += s->lines;
		session_free(s);
	}
	say("accounts sessions=%u lines=%u", sessions, lines);
}

static void accept_cb(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *peer,
		      int length, void *arg)
{
	struct session *s = calloc(1, sizeof(*s));

	(void)peer, (void)length, (void)arg;
	if (!s)
		err(1, "calloc");
	s->fd = fd;
	s->readable =
	    event_new(evconnlistener_get_base(listener), fd, EV_READ | EV_PERSIST, readable_cb, s);
	if (!s->readable || event_add(s->readable, NULL) < 0)
		errx(1, "no memory for a connection");
}

int main(int argc, char **argv)
{
	struct options o = {.address = "127.0.0.1", .port = 9000};
	struct evconnlistener *listener;
	struct event_base *base;
	struct event *orders;
	int fd;

	options_parse(&o, argc, argv, "An echo server that does accounts.");
	fd = endpoint_listen(&o);
	base = event_base_new();
	listener =
	    base ? evconnlistener_new(base, accept_cb, NULL, LEV_OPT_CLOSE_ON_FREE, 0, fd) : NULL;
	if (!listener)
		errx(1, "libevent cannot start");
	orders = event_new(base, STDIN_FILENO, EV_READ, accounts_cb, event_self_cbarg());
	if (!orders || event_add(orders, NULL) < 0)
		errx(1, "standard input cannot be polled");
	say("ready port=%u pid=%d", endpoint_port(fd), getpid());
	event_base_dispatch(base);

	evconnlistener_free(listener);
	event_base_free(base);
	return EXIT_SUCCESS;
}
