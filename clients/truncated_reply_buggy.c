/*
 * truncated_reply: a client that fetches a file -n times and, once it has it, deletes it on the
 * server, like programs that empty a queue or a mailbox.
 *
 * A reply gives its length in Content-Length, and is incomplete when the connection ends earlier
 * (RFC 9112 sections 6.3 and 8). A server that is killed in the middle, and has read all that it
 * was sent, ends with the same FIN as one that has finished: recv() returns 0 (recv(2)).
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/endpoint.h"
#include "common/events.h"
#include "common/options.h"

static struct options o = {.address = "127.0.0.1", .port = 9000, .connections = 1};
static char reply[1 << 16];

/* Send a request on a connection of its own, and read the reply. Returns its bytes, or -1. */
static ssize_t ask(const char *method)
{
	char request[256];
	int length =
	    snprintf(request, sizeof(request),
		     "%s /file HTTP/1.1\r\nHost: server\r\nConnection: close\r\n\r\n", method);
	int fd = endpoint_connect(&o);
	ssize_t n = fd < 0 ? -1 : send(fd, request, length, MSG_NOSIGNAL);
	size_t used = 0;

	while (n > 0 && used < sizeof(reply) - 1) {
		n = recv(fd, reply + used, sizeof(reply) - 1 - used, 0);
		used += n > 0 ? n : 0;
	}
	reply[used] = '\0';
	if (fd >= 0)
		close(fd);
	return n < 0 ? -1 : (ssize_t)used;
}

static void fetch(unsigned number)
{
	ssize_t used = ask("GET");
	const char *end = used < 0 ? NULL : strstr(reply, "\r\n\r\n");
	const char *field = end ? strcasestr(reply, "\r\nContent-Length:") : NULL;
	ssize_t promised = field ? strtol(field + strlen("\r\nContent-Length:"), NULL, 10) : -1;
	ssize_t bytes = end ? reply + used - (end + 4) : -1;

	/* LESSON: recv() said that nothing more comes, so it seems to be all there. */
	if (bytes < 0) {
		say("failed number=%u bytes=%zd promised=%zd", number, bytes, promised);
		return;
	}
	say("saved number=%u bytes=%zd promised=%zd", number, bytes, promised);
	ask("DELETE");
}

int main(int argc, char **argv)
{
	options_parse(&o, argc, argv, "Fetches a file -n times, and deletes what it has.");
	for (unsigned number = 1; number <= o.connections; number++)
		fetch(number);
	say("idle");
	pause();
	return EXIT_SUCCESS;
}
