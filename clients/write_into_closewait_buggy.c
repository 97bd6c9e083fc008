/*
 * write_into_closewait: ships three log lines to a collector on each of -n connections.
 *
 * A line is shipped whenever there is a newline on standard input; in between the connections are
 * idle, and the collector may close them. send() succeeds when the kernel has taken the bytes; they
 * need not have been received (send(2)). On an error the line is sent again on a new connection.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/endpoint.h"
#include "common/events.h"
#include "common/options.h"

static struct options o = {.address = "127.0.0.1", .port = 9000, .connections = 1};

/* Send a line, if need be on a new connection. Returns the connection, -1 if that failed too. */
static int ship(int fd, const char *line)
{
	const ssize_t length = strlen(line);

	for (int attempt = 1; attempt <= 2; attempt++) {
		ssize_t n;

		/* LESSON: the first send() after the peer's close succeeds, and is lost. */
		n = send(fd, line, length, MSG_NOSIGNAL);
		if (n == length)
			return fd;
		say("reconnect fd=%d n=%zd err=%s", fd, n, error_of(n));
		if (fd >= 0)
			close(fd);
		if (attempt == 1)
			fd = endpoint_connect(&o);
	}
	return -1;
}

int main(int argc, char **argv)
{
	static const char *lines[] = {"line 1\n", "line 2\n", "line 3\n"};
	int *fds;

	options_parse(&o, argc, argv, "Ships a log line at each newline on standard input.");
	fds = calloc(o.connections, sizeof(*fds));
	if (!fds)
		err(1, "calloc");
	for (unsigned i = 0; i < o.connections; i++) {
		fds[i] = endpoint_connect(&o);
		if (fds[i] < 0)
			err(1, "connect %s port %u", o.address, o.port);
	}
	for (unsigned k = 0; k < sizeof(lines) / sizeof(lines[0]); k++) {
		unsigned shipped = 0;

		for (unsigned i = 0; i < o.connections; i++) {
			fds[i] = ship(fds[i], lines[k]);
			shipped += fds[i] >= 0;
		}
		say("shipped lines=%u", shipped);
		if (getchar() == EOF)
			break;
	}
	for (unsigned i = 0; i < o.connections; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	free(fds);
	return EXIT_SUCCESS;
}
