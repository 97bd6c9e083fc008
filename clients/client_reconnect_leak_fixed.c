/*
 * client_reconnect_leak: a client that keeps one connection to its server, and opens a new one when
 * the server has closed it, -n times in all.
 *
 * The server's FIN moves this end to CLOSE_WAIT, and recv() returns 0 (RFC 9293 section 3.6,
 * case 2). Each connect() takes another port of the range (ip(7), ip_local_port_range).
 */
#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/endpoint.h"
#include "common/events.h"
#include "common/options.h"

static struct options o = {.address = "127.0.0.1", .port = 9000, .connections = 1};

/* Ask, and read the answer. Returns what the last call returned. */
static ssize_t ask(int fd, const char *question)
{
	const size_t length = strlen(question);
	char answer[512];
	ssize_t n = send(fd, question, length, MSG_NOSIGNAL);

	for (size_t heard = 0; n > 0 && heard < length; heard += n)
		n = recv(fd, answer, sizeof(answer), 0);
	return n;
}

/* One connection: a question, then idle until the server ends it. */
static void stay_connected(unsigned number)
{
	char unexpected[512];
	ssize_t n;
	int fd = endpoint_connect(&o);

	if (fd < 0) {
		say("connect number=%u err=%s", number, error_of(fd));
		return;
	}
	n = ask(fd, "hello\n");
	if (n > 0)
		say("answer number=%u port=%u", number, endpoint_port(fd));
	while (n > 0)
		n = recv(fd, unexpected, sizeof(unexpected), 0);
	say("end number=%u err=%s", number, error_of(n));
	/* LESSON: the end of the old connection comes before the next one. */
	close(fd);
}

int main(int argc, char **argv)
{
	options_parse(&o, argc, argv, "Connects again whenever the server has closed, -n times.");
	for (unsigned number = 1; number <= o.connections; number++)
		stay_connected(number);
	say("idle");
	pause();
	return EXIT_SUCCESS;
}
