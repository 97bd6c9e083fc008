/*
 * recv_timeout_leak: an echo server of lines that gives a client -t seconds to finish its line.
 *
 * SO_RCVTIMEO limits each recv(): if nothing comes in time, it returns -1 with EAGAIN
 * (socket(7)). That says nothing about the connection, which stays open at both ends until
 * someone closes it. EPOLLONESHOT reports a connection once; only arm() rearms it.
 */
#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common/endpoint.h"
#include "common/events.h"
#include "common/options.h"

static struct options o = {.address = "127.0.0.1", .port = 9000, .seconds = 5};
static int poller = -1;

static void arm(int fd, int operation, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};

	if (epoll_ctl(poller, operation, fd, &event) < 0)
		err(1, "epoll_ctl");
}

static void accept_one(int listener)
{
	const struct timeval patience = {.tv_sec = (time_t)o.seconds,
					 .tv_usec = (o.seconds - (time_t)o.seconds) * 1e6};
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0) {
		say("accept err=%s", error_of(fd));
		return;
	}
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0)
		err(1, "setsockopt SO_RCVTIMEO");
	arm(fd, EPOLL_CTL_ADD, EPOLLIN | EPOLLONESHOT);
}

/* Read up to the end of a line or of the room. Returns the length, or what recv() returned. */
static ssize_t read_line(int fd, char *line, size_t room)
{
	size_t length = 0;

	while (length < room && (length == 0 || line[length - 1] != '\n')) {
		ssize_t n = recv(fd, line + length, room - length, 0);

		if (n <= 0)
			return n;
		length += n;
	}
	return length;
}

static void serve(int fd)
{
	char line[512];
	ssize_t n = read_line(fd, line, sizeof(line));

	if (n <= 0) {
		say("recv fd=%d n=%zd err=%s", fd, n, error_of(n));
		/* LESSON: after a timeout nobody looks at it again, and nobody closes it. */
		if (n == 0 || errno != EAGAIN)
			close(fd);
		return;
	}
	if (send(fd, line, n, MSG_NOSIGNAL) < 0)
		say("send fd=%d err=%s", fd, error_of(-1));
	arm(fd, EPOLL_CTL_MOD, EPOLLIN | EPOLLONESHOT);
}

int main(int argc, char **argv)
{
	int listener;

	options_parse(&o, argc, argv, "Echoes lines; -t is the time a client has for each part.");
	listener = endpoint_listen(&o);
	poller = epoll_create1(EPOLL_CLOEXEC);
	if (poller < 0)
		err(1, "epoll_create1");
	arm(listener, EPOLL_CTL_ADD, EPOLLIN);
	say("ready port=%u pid=%d", endpoint_port(listener), getpid());
	for (;;) {
		struct epoll_event event;

		if (epoll_wait(poller, &event, 1, -1) < 0)
			err(1, "epoll_wait");
		if (event.data.fd == listener)
			accept_one(listener);
		else
			serve(event.data.fd);
	}
}
