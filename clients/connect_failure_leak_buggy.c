/*
 * connect_failure_leak: a probe that tries -n connections for every line on standard input.
 *
 * When connect(2) fails, the socket is still there: POSIX leaves its state unspecified and asks
 * portable programs to close it and to make a new one for the next attempt. It is in CLOSED, where
 * no kernel table lists it, and it costs a descriptor.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/endpoint.h"
#include "common/events.h"
#include "common/options.h"

/* Returns a connected descriptor, or -1 with errno. */
static int dial(const struct options *o)
{
	struct sockaddr_storage address;
	socklen_t length = endpoint_address(o, &address);
	int fd;

	fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&address, length) < 0) {
		say("connect err=%s", error_of(-1));
		/* LESSON: fd is still open, and nobody knows it any more. */
		return -1;
	}
	return fd;
}

/* One round of attempts. Returns how many of them found the server. */
static unsigned probe(const struct options *o)
{
	unsigned up = 0;

	for (unsigned i = 0; i < o->connections; i++) {
		int fd = dial(o);

		if (fd < 0)
			continue;
		up++;
		close(fd);
	}
	return up;
}

int main(int argc, char **argv)
{
	struct options o = {.address = "127.0.0.1", .port = 9000, .connections = 10};

	options_parse(&o, argc, argv, "Tries -n connections for every line on standard input.");
	say("ready pid=%d", getpid());
	while (getchar() != EOF) {
		unsigned up = probe(&o);

		say("probed up=%u down=%u", up, o.connections - up);
	}
	return EXIT_SUCCESS;
}
