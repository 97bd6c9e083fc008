/*
 * close_unread_reset: refuses uploads, as a web server does with 413, without reading the body.
 *
 * One process per connection. close() with received bytes unread tells the peer with a RST that
 * data was lost (RFC 9293 section 3.6.1). RFC 9112 section 9.6 shows how a server ends a connection
 * so that its last answer is not lost with it.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/endpoint.h"
#include "common/events.h"
#include "common/options.h"

static struct options o = {.address = "127.0.0.1", .port = 9000, .seconds = 5};
static const char reply[] = "HTTP/1.1 413 Content Too Large\r\nConnection: close\r\n\r\n";

static void serve(int fd)
{
	char head[512];
	ssize_t n = recv(fd, head, sizeof(head), 0);

	if (n <= 0) {
		say("recv fd=%d n=%zd err=%s", fd, n, error_of(n));
		close(fd);
		return;
	}
	n = send(fd, reply, strlen(reply), MSG_NOSIGNAL);
	say("reply bytes=%zd err=%s", n, error_of(n));
	/* LESSON: the rest of the request is unread, so close() sends a RST instead of a FIN. */
	close(fd);
}

int main(int argc, char **argv)
{
	int listener;

	options_parse(&o, argc, argv, "Refuses every upload.");
	signal(SIGCHLD, SIG_IGN); /* no zombies */
	listener = endpoint_listen(&o);
	say("ready port=%u pid=%d", endpoint_port(listener), getpid());
	for (;;) {
		int fd = endpoint_accept(listener);
		pid_t child = fd < 0 ? -1 : fork();

		if (child < 0)
			say("accept fd=%d err=%s", fd, error_of(-1));
		if (child == 0) {
			close(listener);
			serve(fd);
			_exit(EXIT_SUCCESS);
		}
		if (fd >= 0)
			close(fd);
	}
}
