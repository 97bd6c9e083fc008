/*
 * restart_eaddrinuse: a server that answers one line per connection, closes first, and restarts.
 *
 * What its connections leave behind still has the server's port: TIME_WAIT for a minute, others
 * for as long as a peer likes. bind(2) to that port then fails with EADDRINUSE, unless the old
 * sockets and the new one all have SO_REUSEADDR (socket(7)); accept(2) passes the option on.
 */
#include <err.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/endpoint.h"
#include "common/events.h"
#include "common/options.h"

static int listen_at(const struct options *o)
{
	struct sockaddr_storage address;
	socklen_t length = endpoint_address(o, &address);
	int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int result;

	if (fd < 0)
		err(1, "socket");
	/* LESSON: set before bind(), and by the server before us, it lets us have the port. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) < 0)
		err(1, "setsockopt SO_REUSEADDR");
	result = bind(fd, (struct sockaddr *)&address, length);
	if (result == 0)
		result = listen(fd, INT_MAX);
	say("listen err=%s", error_of(result));
	if (result < 0)
		err(1, "listening on %s port %u", o->address, o->port);
	return fd;
}

static void answer(int fd)
{
	char line[512];
	ssize_t n = recv(fd, line, sizeof(line), 0);

	if (n > 0)
		n = send(fd, line, n, MSG_NOSIGNAL);
	say("answered n=%zd err=%s", n, error_of(n));
}

int main(int argc, char **argv)
{
	struct options o = {.address = "127.0.0.1", .port = 9000};
	int listener;

	options_parse(&o, argc, argv, "Answers one line per connection, and closes it.");
	listener = listen_at(&o);
	say("ready port=%u pid=%d", endpoint_port(listener), getpid());
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0) {
			say("accept fd=%d err=%s", fd, error_of(fd));
			continue;
		}
		answer(fd);
		close(fd);
	}
}
