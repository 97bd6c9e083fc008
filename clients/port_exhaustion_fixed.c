/*
 * port_exhaustion: a client that sends -n requests to a server, one after another.
 *
 * A connection is identified by its two addresses and ports, and only the client's port is free to
 * choose, from ip_local_port_range (ip(7)). The end that closes first waits in TIME_WAIT, and its
 * port with it: connect(2) fails with EADDRNOTAVAIL when the whole range is in use.
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/endpoint.h"
#include "common/events.h"
#include "common/options.h"

/* How many ports connect() may choose from. */
static int local_ports(void)
{
	const char *path = "/proc/sys/net/ipv4/ip_local_port_range";
	FILE *file = fopen(path, "re");
	int low, high;

	if (!file || fscanf(file, "%d %d", &low, &high) != 2)
		err(1, "%s", path);
	fclose(file);
	return high - low + 1;
}

/* Send one line, read the same back. Returns -1 with errno, ENODATA when the server hung up. */
static int ask(int fd)
{
	static const char question[] = "hello\n";
	char answer[sizeof(question) - 1];
	ssize_t n = send(fd, question, sizeof(answer), MSG_NOSIGNAL);

	if (n < 0)
		return -1;
	n = recv(fd, answer, sizeof(answer), MSG_WAITALL);
	if (n >= 0 && n < (ssize_t)sizeof(answer))
		errno = ENODATA;
	return n == sizeof(answer) ? 0 : -1;
}

int main(int argc, char **argv)
{
	struct options o = {.address = "127.0.0.1", .port = 9000, .connections = 1000};
	unsigned answered = 0;
	int result = 0;
	int fd = -1;

	options_parse(&o, argc, argv, "Sends -n requests to a server.");
	say("start requests=%u ports=%d", o.connections, local_ports());
	for (unsigned i = 0; i < o.connections && result == 0; i++) {
		if (fd < 0)
			result = fd = endpoint_connect(&o);
		if (fd >= 0)
			result = ask(fd);
		if (result < 0)
			break;
		answered++;
		/* LESSON: the connection stays open for the next request, on the same port. */
	}
	say("done answered=%u err=%s", answered, error_of(result));
	if (fd >= 0)
		close(fd);
	return EXIT_SUCCESS;
}
