/*
 * reset_leak: an echo server that distinguishes an end of stream from an error.
 *
 * recv() returns 0 after the peer's FIN, and -1 with ECONNRESET after its RST (recv(2)). A RST
 * leads to CLOSED at once (RFC 9293 section 3.10.7.4): the connection is gone from the kernel's
 * tables, the descriptor is not. EPOLLONESHOT reports a connection once; only arm() makes epoll
 * report it again.
 */
#include <err.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common/endpoint.h"
#include "common/events.h"
#include "common/options.h"

static int poller = -1;

static void arm(int fd, int operation, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};

	if (epoll_ctl(poller, operation, fd, &event) < 0)
		err(1, "epoll_ctl");
}

static void accept_one(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		say("accept err=%s", error_of(fd));
	else
		arm(fd, EPOLL_CTL_ADD, EPOLLIN | EPOLLONESHOT);
}

static void serve(int fd)
{
	char message[512];
	ssize_t n = recv(fd, message, sizeof(message), 0);

	if (n == 0) {
		close(fd);
		return;
	}
	if (n < 0) {
		say("recv fd=%d err=%s", fd, error_of(n));
		/* LESSON: the kernel ended the connection; the descriptor is ours to close. */
		close(fd);
		return;
	}
	if (send(fd, message, n, MSG_NOSIGNAL) < 0)
		say("send fd=%d err=%s", fd, error_of(-1));
	arm(fd, EPOLL_CTL_MOD, EPOLLIN | EPOLLONESHOT);
}

int main(int argc, char **argv)
{
	struct options o = {.address = "127.0.0.1", .port = 9000};
	int listener;

	options_parse(&o, argc, argv, "An echo server on epoll.");
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
