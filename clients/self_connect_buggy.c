/*
 * self_connect: a client that retries, up to -n times, until its server listens.
 *
 * connect(2) takes a local port from ip_local_port_range (ip(7)). If the server's port is in that
 * range and the server on this host, a try may take exactly that port (on Linux if its parity is
 * that of the range's low end). Then the SYN arrives at its own sender: the simultaneous open of
 * RFC 9293 section 3.5, figure 7, with one socket as both ends.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/endpoint.h"
#include "common/events.h"
#include "common/options.h"

/* Whether both ends of a connection are the same. */
static bool is_own(int fd)
{
	struct sockaddr_storage here = {0}, there = {0};
	socklen_t here_length = sizeof(here), there_length = sizeof(there);

	getsockname(fd, (struct sockaddr *)&here, &here_length);
	getpeername(fd, (struct sockaddr *)&there, &there_length);
	return memcmp(&here, &there, sizeof(here)) == 0;
}

/* Close without a TIME_WAIT, which would keep the port from the server for a minute. */
static void discard(int fd)
{
	const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
}

/* Returns a connection, or -1 with errno. */
static int connect_patiently(const struct options *o)
{
	for (unsigned i = 0; i < o->connections; i++) {
		int fd = endpoint_connect(o);

		if (fd < 0 && errno != ECONNREFUSED)
			return fd;
		if (fd < 0)
			continue;
		/* LESSON: connect() succeeded, but that does not mean that somebody was there. */
		return fd;
	}
	errno = ECONNREFUSED;
	return -1;
}

int main(int argc, char **argv)
{
	struct options o = {.address = "127.0.0.1", .port = 9000, .connections = 1000};
	char answer[512] = "";
	ssize_t n;
	int fd;

	options_parse(&o, argc, argv, "Tries -n times to connect, and asks the server.");
	n = fd = connect_patiently(&o);
	if (fd < 0) {
		say("done with=nobody n=%zd err=%s", n, error_of(n));
		return EXIT_SUCCESS;
	}
	n = send(fd, "hello\n", 6, MSG_NOSIGNAL);
	if (n > 0)
		n = recv(fd, answer, sizeof(answer), 0);
	say("done with=%s n=%zd err=%s", is_own(fd) ? "itself" : "server", n, error_of(n));
	while (n > 0) /* until the server hangs up */
		n = recv(fd, answer, sizeof(answer), 0);
	discard(fd);
	return EXIT_SUCCESS;
}
