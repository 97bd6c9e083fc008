/*
 * read_disabled_masks_eof: answers "hello" at once; any other line is a job that takes -t seconds.
 *
 * While a client's job runs, its further lines wait: first in the input buffer, up to ROOM bytes,
 * then in the kernel's, and finally TCP itself holds the client back (RFC 9293 section 3.8.6).
 * Where all that the client has sent found room, its FIN arrives too, and moves this end to
 * CLOSE_WAIT (section 3.6, case 2).
 */
#include <err.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/endpoint.h"
#include "common/events.h"
#include "common/options.h"

#define ROOM 4096 /* bytes of input that may wait, and so the longest line */

static struct options o = {.address = "127.0.0.1", .port = 9000, .seconds = 60};

struct client {
	struct bufferevent *connection;
	struct event *job;
};

static void client_free(struct client *client)
{
	event_free(client->job);
	bufferevent_free(client->connection);
	free(client);
}

static void read_cb(struct bufferevent *connection, void *arg)
{
	const struct timeval duration = {.tv_sec = (time_t)o.seconds,
					 .tv_usec = (o.seconds - (time_t)o.seconds) * 1e6};
	struct evbuffer *input = bufferevent_get_input(connection);
	struct client *client = arg;
	char *line;

	while (!event_pending(client->job, EV_TIMEOUT, NULL)) {
		line = evbuffer_readln(input, NULL, EVBUFFER_EOL_LF);
		if (!line)
			break;
		if (strcmp(line, "hello") == 0) {
			bufferevent_write(connection, "hello\n", strlen("hello\n"));
		} else {
			say("job seconds=%g", o.seconds);
			event_add(client->job, &duration);
			/* LESSON: a program that does not read does not see the end either. */
			bufferevent_disable(connection, EV_READ);
		}
		free(line);
	}
	if (!event_pending(client->job, EV_TIMEOUT, NULL) && evbuffer_get_length(input) >= ROOM)
		client_free(client); /* an endless line */
}

static void job_cb(evutil_socket_t fd, short what, void *arg)
{
	struct client *client = arg;

	(void)fd, (void)what;
	bufferevent_write(client->connection, "done\n", strlen("done\n"));
	/* LESSON: this is when the end is noticed, if the job ever ends. */
	bufferevent_enable(client->connection, EV_READ);
	read_cb(client->connection, client);
}

static void event_cb(struct bufferevent *connection, short what, void *arg)
{
	(void)connection, (void)what;
	client_free(arg);
}

static void accept_cb(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *peer,
		      int length, void *arg)
{
	struct event_base *base = evconnlistener_get_base(listener);
	struct client *client = malloc(sizeof(*client));

	(void)peer, (void)length, (void)arg;
	if (!client)
		err(1, "malloc");
	client->connection = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
	client->job = evtimer_new(base, job_cb, client);
	if (!client->connection || !client->job)
		errx(1, "no memory for a connection");
	bufferevent_setcb(client->connection, read_cb, NULL, event_cb, client);
	bufferevent_enable(client->connection, EV_READ);
}

int main(int argc, char **argv)
{
	struct evconnlistener *listener;
	struct event_base *base;
	int fd;

	options_parse(&o, argc, argv, "Answers hello; another line is a job of -t seconds.");
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
