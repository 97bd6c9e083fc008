/*
 * fin: a peer that leaves in the ordinary way.
 *
 * Connects -n times, exchanges one hello on each connection, so that every one is known to be
 * served, and then closes them all: each sends a FIN (RFC 9293 section 3.6, case 1).
 */
#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/endpoint.h"
#include "common/events.h"
#include "common/options.h"

static const char hello[] = "hello\n";

/* Say hello and hear it back. Returns false, having said why, when that fails. */
static bool greet(int fd)
{
	char answer[sizeof(hello) - 1];
	ssize_t n = send(fd, hello, sizeof(answer), MSG_NOSIGNAL);

	if (n == sizeof(answer))
		n = recv(fd, answer, sizeof(answer), MSG_WAITALL);
	if (n == sizeof(answer) && memcmp(answer, hello, sizeof(answer)) == 0)
		return true;
	say("unanswered n=%zd err=%s", n, error_of(n));
	return false;
}

int main(int argc, char **argv)
{
	struct options o = {.address = "127.0.0.1", .port = 9000, .connections = 1};
	unsigned connected;
	int *fds;

	options_parse(&o, argc, argv, "Connects, says hello, closes.");
	fds = calloc(o.connections, sizeof(*fds));
	if (!fds)
		err(1, "calloc");
	for (connected = 0; connected < o.connections; connected++) {
		fds[connected] = endpoint_connect(&o);
		if (fds[connected] < 0) {
			say("connect number=%u err=%s", connected + 1, error_of(-1));
			break;
		}
		if (!greet(fds[connected]))
			break;
	}
	say("connected count=%u", connected);
	for (unsigned i = 0; i < connected; i++)
		close(fds[i]);
	say("closed count=%u", connected);
	free(fds);
	return connected == o.connections ? EXIT_SUCCESS : EXIT_FAILURE;
}
