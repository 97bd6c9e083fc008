/*
 * linger_zero: answers each request with a long reply and closes the connection.
 *
 * By default close() is graceful: the kernel delivers what send() took, and then a FIN. SO_LINGER
 * with a time of zero makes close() the ABORT of RFC 9293 section 3.10.5: unsent bytes are
 * discarded and a RST is sent (socket(7)).
 */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/endpoint.h"
#include "common/events.h"
#include "common/options.h"

static const char reply[1000000];

static void serve(int fd)
{
	char request[512];
	ssize_t n = recv(fd, request, sizeof(request), 0);

	if (n > 0) {
		n = send(fd, reply, sizeof(reply), MSG_NOSIGNAL);
		say("reply bytes=%zd err=%s", n, error_of(n));
	} else {
		say("recv fd=%d n=%zd err=%s", fd, n, error_of(n));
	}
	/* LESSON: the default: the kernel delivers every byte, then the FIN, then TIME_WAIT. */
	close(fd);
	say("closed fd=%d", fd);
}

int main(int argc, char **argv)
{
	struct options o = {.address = "127.0.0.1", .port = 9000};
	int listener;

	options_parse(&o, argc, argv, "Answers each request with a long reply.");
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
