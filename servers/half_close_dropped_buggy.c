/*
 * half_close_dropped: sends a long reply to each request, a piece whenever there is room.
 *
 * One process per connection. recv() returning 0 says that the peer will send no more. It says
 * nothing about what the peer still wants to receive: that half of the connection is open until we
 * close it (RFC 9293 section 3.6, case 2; shutdown(2) with SHUT_WR).
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/endpoint.h"
#include "common/events.h"
#include "common/options.h"

static const char reply[4000000];

static void serve(int fd)
{
	struct pollfd conn = {.fd = fd, .events = POLLIN};
	char request[512];
	size_t left = 0; /* of the reply, to be sent */

	while (conn.events) {
		ssize_t n = poll(&conn, 1, -1);

		if (conn.revents & POLLOUT) {
			n = send(fd, reply + sizeof(reply) - left, left,
				 MSG_NOSIGNAL | MSG_DONTWAIT);
			left -= n > 0 ? n : 0;
			conn.events = left ? conn.events : conn.events & ~POLLOUT;
		} else if (conn.revents) {
			n = recv(fd, request, sizeof(request), MSG_DONTWAIT);
			if (n > 0) {
				left = sizeof(reply);
				conn.events |= POLLOUT;
			} else if (n == 0) {
				say("eof fd=%d", fd);
				/* LESSON: a half-close taken for a full close: the rest of the reply is dropped. */
				conn.events = 0;
			}
		}
		if (n < 0 && errno != EAGAIN) {
			say("gone fd=%d err=%s", fd, error_of(n));
			break;
		}
	}
	close(fd);
	say("closed fd=%d dropped=%zu", fd, left);
}

int main(int argc, char **argv)
{
	struct options o = {.address = "127.0.0.1", .port = 9000};
	int listener;

	options_parse(&o, argc, argv, "Sends a long reply to each request.");
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
