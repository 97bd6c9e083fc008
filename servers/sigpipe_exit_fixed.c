/*
 * sigpipe_exit: answers each request with a long download, one client after another.
 *
 * When the peer has closed and then reset, send() fails with EPIPE, and raises SIGPIPE as well
 * unless MSG_NOSIGNAL is given; by default SIGPIPE ends the process (send(2),
 * signal(7)).
 */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/endpoint.h"
#include "common/events.h"
#include "common/options.h"

enum { DOWNLOAD = 8000000 };

static void serve(int fd)
{
	static const char block[1 << 16];
	char request[512];
	size_t left = DOWNLOAD;
	ssize_t n = recv(fd, request, sizeof(request), 0);

	while (n > 0 && left) {
		size_t part = left < sizeof(block) ? left : sizeof(block);

		/* LESSON: the client may be gone; then this returns -1 with EPIPE, no more. */
		n = send(fd, block, part, MSG_NOSIGNAL);
		left -= n > 0 ? n : 0;
	}
	say("served bytes=%zu err=%s", DOWNLOAD - left, error_of(n));
	close(fd);
}

int main(int argc, char **argv)
{
	struct options o = {.address = "127.0.0.1", .port = 9000};
	int listener;

	options_parse(&o, argc, argv, "Answers each request with a long download.");
	listener = endpoint_listen(&o);
	say("ready port=%u pid=%d", endpoint_port(listener), getpid());
	for (;;) {
		int fd = endpoint_accept(listener);

		if (fd < 0)
			say("accept n=%d err=%s", fd, error_of(fd));
		else
			serve(fd);
	}
}
