/*
 * timewait_owner: answers one request per connection; the lesson is which end closes first.
 *
 * The end that sends the first FIN is the one that waits in TIME_WAIT, for twice the maximum
 * segment lifetime (RFC 9293 section 3.6.1). The request is one line; the answer is the same line.
 */
#include <err.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common/endpoint.h"
#include "common/events.h"
#include "common/options.h"

static void watch(int epoll, int fd)
{
	struct epoll_event readable = {.events = EPOLLIN, .data.fd = fd};

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &readable) < 0)
		err(1, "epoll_ctl");
}

static void accept_one(int epoll, int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		say("accept fd=%d err=%s", fd, error_of(fd));
	else
		watch(epoll, fd);
}

static void answer(int fd)
{
	char line[512];
	ssize_t n = recv(fd, line, sizeof(line), 0);

	if (n <= 0) {
		say("recv fd=%d n=%zd err=%s", fd, n, error_of(n));
		close(fd);
		return;
	}
	n = send(fd, line, n, MSG_NOSIGNAL);
	/* LESSON: the side that closes first pays: each client leaves its TIME_WAIT here. */
	close(fd);
	say("answered fd=%d n=%zd err=%s", fd, n, error_of(n));
}

int main(int argc, char **argv)
{
	struct options o = {.address = "127.0.0.1", .port = 9000};
	struct epoll_event event;
	int listener;
	int epoll;

	options_parse(&o, argc, argv, "Answers one line per connection with the same line.");
	listener = endpoint_listen(&o);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (epoll < 0)
		err(1, "epoll_create1");
	watch(epoll, listener);
	say("ready port=%u pid=%d", endpoint_port(listener), getpid());
	for (;;) {
		if (epoll_wait(epoll, &event, 1, -1) < 1)
			continue; /* EINTR */
		if (event.data.fd == listener)
			accept_one(epoll, listener);
		else
			answer(event.data.fd);
	}
}
