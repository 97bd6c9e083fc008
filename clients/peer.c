/*
 * peer: the other end. It performs the given actions, in order, on each of -n connections.
 *
 *     peer -l 10.0.0.2 -p 9000 -n 100 connect hello await fin
 *
 * With `listen` and `accept` it is a server:
 *
 *     peer -l 10.0.0.2 -p 9000 -n 100 listen accept recv:6 send:hello drain stay
 *
 * Actions, each done on every connection before the next begins:
 *     listen         listen at the address and port, once
 *     accept         take the connections
 *     bind:PORT      take a local port, PORT for the first connection and so on; connect comes next
 *     rebind:PORT    the same with SO_REUSEADDR
 *     connect        open the connections
 *     hello          send "hello" and read the same back, so that each is known to be served
 *     send:TEXT      send TEXT and a newline
 *     fill:BYTES     send that many bytes, "hello..." repeated
 *     recv:BYTES     read exactly that many bytes
 *     drain          read to the end: reports how many bytes came and how it ended
 *     half           shutdown(SHUT_WR): a FIN, and go on reading
 *     shut           shutdown(SHUT_RDWR): a FIN, and no more reading
 *     fin            close(): a FIN
 *     rst            close() with SO_LINGER {1, 0}: a RST
 *     keepalive      set SO_KEEPALIVE
 *     over           wait until TCP is done with the connection; fails with its SO_ERROR
 *     linger         only set SO_LINGER {1, 0}
 *     await          wait for a line on standard input
 *     stay           do nothing until killed
 *     pretend        from here on do nothing, but report it as done: tests whether that is noticed
 *
 * An error on a connection is an event, and the other connections go on; the failed one is only
 * closed. Ends with status 1 if `connect` or `hello` failed anywhere.
 */
#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common/endpoint.h"
#include "common/events.h"
#include "common/options.h"

struct connection {
	unsigned number; /* from 0 */
	int fd;		 /* -1: not open */
	bool failed;	 /* an action on it failed; only closing is left */
	size_t bytes;	 /* received by the current action */
};

static struct options o = {.address = "127.0.0.1", .port = 9000, .connections = 1};
static int listener = -1;
static bool pretending;

/* Each action returns a negative number, with errno, when it failed. */
typedef long action_fn(struct connection *c, const char *argument);

static long do_accept(struct connection *c, const char *argument)
{
	(void)argument;
	return c->fd = endpoint_accept(listener);
}

static long do_bind(struct connection *c, const char *argument)
{
	struct sockaddr_storage address;
	socklen_t length = endpoint_address(&o, &address);
	uint16_t port = htons(strtoul(argument, NULL, 10) + c->number);

	if (c->fd < 0)
		c->fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return -1;
	if (address.ss_family == AF_INET6) {
		((struct sockaddr_in6 *)&address)->sin6_addr = in6addr_any;
		((struct sockaddr_in6 *)&address)->sin6_port = port;
	} else {
		((struct sockaddr_in *)&address)->sin_addr.s_addr = htonl(INADDR_ANY);
		((struct sockaddr_in *)&address)->sin_port = port;
	}
	return bind(c->fd, (struct sockaddr *)&address, length);
}

static long do_rebind(struct connection *c, const char *argument)
{
	const int yes = 1;

	c->fd = socket(strchr(o.address, ':') ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || setsockopt(c->fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0)
		return -1;
	return do_bind(c, argument);
}

static long do_connect(struct connection *c, const char *argument)
{
	struct sockaddr_storage to;
	socklen_t length = endpoint_address(&o, &to);

	(void)argument;
	if (c->fd >= 0)
		return connect(c->fd, (struct sockaddr *)&to, length);
	return c->fd = endpoint_connect(&o);
}

static long send_all(int fd, const char *bytes, size_t length)
{
	while (length) {
		ssize_t n = send(fd, bytes, length, MSG_NOSIGNAL);

		if (n < 0)
			return -1;
		bytes += n;
		length -= n;
	}
	return 0;
}

/* Receive up to length bytes, fewer only at the end of the stream. */
static long receive(struct connection *c, size_t length)
{
	static char buffer[1 << 16];

	c->bytes = 0;
	while (c->bytes < length) {
		size_t want = length - c->bytes;
		ssize_t n = recv(c->fd, buffer, want < sizeof(buffer) ? want : sizeof(buffer), 0);

		if (n < 0)
			return -1;
		if (n == 0)
			break;
		c->bytes += n;
	}
	return 0;
}

static long do_send(struct connection *c, const char *argument)
{
	char *line;
	int length = asprintf(&line, "%s\n", argument); /* as one segment, if it fits */
	long result;

	if (length < 0)
		err(1, "asprintf");
	result = send_all(c->fd, line, length);
	free(line);
	return result;
}

static long do_recv(struct connection *c, const char *argument)
{
	size_t length = strtoul(argument, NULL, 10);

	if (receive(c, length) < 0)
		return -1;
	if (c->bytes == length)
		return 0;
	errno = ENODATA; /* the stream ended first */
	return -1;
}

static long do_hello(struct connection *c, const char *argument)
{
	char heard[6]; /* "hello" and a newline */
	ssize_t n;

	(void)argument;
	if (do_send(c, "hello") < 0)
		return -1;
	n = recv(c->fd, heard, sizeof(heard), MSG_WAITALL);
	if (n < 0)
		return -1;
	c->bytes = n;
	if (n == sizeof(heard) && memcmp(heard, "hello\n", n) == 0)
		return 0;
	errno =
	    n < (ssize_t)sizeof(heard) ? ENODATA : EBADMSG; /* it ended, or says something else */
	return -1;
}

static long do_fill(struct connection *c, const char *argument)
{
	static char block[1 << 16];
	size_t left = strtoul(argument, NULL, 10);

	for (size_t at = 0; at < sizeof(block); at += 8)
		memcpy(block + at, "hello...", 8);
	while (left) {
		size_t part = left < sizeof(block) ? left : sizeof(block);

		if (send_all(c->fd, block, part) < 0)
			return -1;
		left -= part;
	}
	return 0;
}

static long do_drain(struct connection *c, const char *argument)
{
	(void)argument;
	return receive(c, SIZE_MAX);
}

static long do_half(struct connection *c, const char *argument)
{
	(void)argument;
	return shutdown(c->fd, SHUT_WR);
}

static long do_shut(struct connection *c, const char *argument)
{
	(void)argument;
	return shutdown(c->fd, SHUT_RDWR);
}

static long do_fin(struct connection *c, const char *argument)
{
	int fd = c->fd;

	(void)argument;
	c->fd = -1;
	return close(fd);
}

static long do_linger(struct connection *c, const char *argument)
{
	const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

	(void)argument;
	return setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

static long do_rst(struct connection *c, const char *argument)
{
	do_linger(c, argument);
	return do_fin(c, argument);
}

static long do_keepalive(struct connection *c, const char *argument)
{
	const int yes = 1;

	(void)argument;
	return setsockopt(c->fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof(yes));
}

/* EPOLLHUP comes as early as the second FIN (Linux 6.18): only the state is reliable. */
static long do_over(struct connection *c, const char *argument)
{
	struct epoll_event changed = {.events = EPOLLIN | EPOLLET};
	struct tcp_info info = {.tcpi_state = 0};
	socklen_t length = sizeof(info);
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	int error = 0;

	(void)argument;
	if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &changed) < 0)
		err(1, "epoll");
	while (getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0 &&
	       info.tcpi_state != TCP_CLOSE)
		epoll_wait(epoll, &changed, 1, -1);
	close(epoll);
	length = sizeof(error);
	getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &length);
	errno = error;
	return error ? -1 : 0;
}

static const struct action {
	const char *name;
	enum { NOTHING, TEXT, PORT, BYTES } takes; /* what follows the colon */
	bool on_failed;				   /* also done on a connection that has failed */
	action_fn *act;				   /* NULL: done once, by main() */
} actions[] = {
    {"listen", NOTHING, false, NULL},	     {"await", NOTHING, false, NULL},
    {"stay", NOTHING, false, NULL},	     {"accept", NOTHING, false, do_accept},
    {"bind", PORT, false, do_bind},	     {"rebind", PORT, false, do_rebind},
    {"connect", NOTHING, false, do_connect}, {"hello", NOTHING, false, do_hello},
    {"send", TEXT, false, do_send},	     {"fill", BYTES, false, do_fill},
    {"recv", BYTES, false, do_recv},	     {"drain", NOTHING, false, do_drain},
    {"half", NOTHING, false, do_half},	     {"shut", NOTHING, false, do_shut},
    {"fin", NOTHING, true, do_fin},	     {"rst", NOTHING, true, do_rst},
    {"linger", NOTHING, false, do_linger},   {"keepalive", NOTHING, false, do_keepalive},
    {"over", NOTHING, false, do_over},
};

static const struct action *find_action(const char *word)
{
	const char *colon = strchrnul(word, ':');

	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (strncmp(actions[i].name, word, colon - word) == 0 &&
		    actions[i].name[colon - word] == '\0' &&
		    (actions[i].takes != NOTHING) == (*colon == ':'))
			return &actions[i];
	errx(2, "unknown action '%s'; see -h", word);
}

/* The number after a colon: of bytes, or a port, which grows by one for each connection. */
static void check_number(const struct action *action, const char *text)
{
	unsigned long most = action->takes == PORT ? UINT16_MAX : LONG_MAX;
	unsigned long last = action->takes == PORT && o.connections ? o.connections - 1 : 0;
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end || errno || value > most || last > most - value)
		errx(2, "%s takes a number up to %lu for each connection, not '%s'", action->name,
		     most, text);
}

/*
 * Read the whole command line, so that a wrong word ends the program before it does anything.
 * Returns the index of the first action.
 */
static int understand(int argc, char **argv)
{
	int first = options_parse_some(&o, argc, argv, "Performs actions on each connection.",
				       " listen|accept|bind:PORT|rebind:PORT|connect|hello|"
				       "send:TEXT|fill:BYTES|recv:BYTES|drain|half|shut|fin|"
				       "rst|keepalive|linger|over|await|stay|pretend ...");

	for (int i = first; i < argc; i++) {
		const struct action *action = find_action(argv[i]);

		if (action->takes == PORT || action->takes == BYTES)
			check_number(action, strchr(argv[i], ':') + 1);
	}
	return first;
}

/* Perform one action on every connection. Returns how many it succeeded on. */
static unsigned do_on_all(const char *word, struct connection *connections)
{
	const struct action *action = find_action(word);
	const char *argument = strchrnul(word, ':');
	unsigned done = 0;
	size_t bytes = 0;

	for (unsigned i = 0; i < o.connections; i++) {
		struct connection *c = &connections[i];

		if (c->failed && (!action->on_failed || c->fd < 0))
			continue;
		c->bytes = 0;
		if (!pretending && action->act(c, *argument ? argument + 1 : argument) < 0) {
			say("error action=%s number=%u bytes=%zu err=%s", action->name, i + 1,
			    c->bytes, error_of(-1));
			c->failed = true;
		} else {
			done++;
		}
		bytes += c->bytes;
	}
	say("done action=%s count=%u bytes=%zu", action->name, done, bytes);
	return done;
}

int main(int argc, char **argv)
{
	struct connection *connections;
	int first = understand(argc, argv);
	int status = EXIT_SUCCESS;

	connections = calloc(o.connections, sizeof(*connections));
	if (!connections)
		err(1, "calloc");
	for (unsigned i = 0; i < o.connections; i++)
		connections[i] = (struct connection){.number = i, .fd = -1};
	for (int i = first; i < argc; i++) {
		if (strcmp(argv[i], "await") == 0) {
			say("await");
			if (getchar() == EOF)
				errx(1, "standard input ended while waiting for a line");
		} else if (strcmp(argv[i], "listen") == 0) {
			listener = pretending ? -1 : endpoint_listen(&o);
			say("ready port=%u pid=%d", pretending ? o.port : endpoint_port(listener),
			    getpid());
		} else if (strcmp(argv[i], "pretend") == 0) {
			pretending = true;
		} else if (strcmp(argv[i], "stay") == 0) {
			say("stay");
			pause();
		} else if (do_on_all(argv[i], connections) < o.connections &&
			   (!strcmp(argv[i], "connect") || !strcmp(argv[i], "hello"))) {
			status = EXIT_FAILURE;
		}
	}
	free(connections);
	return status;
}
