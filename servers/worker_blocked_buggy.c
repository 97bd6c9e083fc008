/*
 * worker_blocked: passes each line of its clients on to a backend, and the answer back. One worker,
 * one request at a time; the backend has -t seconds to answer.
 *
 * The backend's address is the argument, its port is the server's own. A blocking recv() waits as
 * long as the connection lives (recv(2)), and meanwhile this process notices nothing else: neither
 * its listener nor the FIN of a client (RFC 9293 section 3.6, case 2).
 */
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common/endpoint.h"
#include "common/events.h"
#include "common/options.h"

static struct options o = {.address = "127.0.0.1", .port = 9000, .seconds = 5};
static struct options backend;
static int poller = -1;

static void watch(int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) < 0)
		err(1, "epoll_ctl");
}

static void accept_one(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		say("accept err=%s", error_of(fd));
	else
		watch(fd);
}

/* Ask the backend. Returns the length of its answer, or what the call that failed returned. */
static ssize_t ask(const char *question, size_t length, char *answer, size_t room)
{
	int fd = endpoint_connect(&backend);
	struct pollfd answered = {.fd = fd, .events = POLLIN};
	ssize_t n = fd < 0 ? fd : send(fd, question, length, MSG_NOSIGNAL);

	if (n > 0) {
		/* LESSON: no limit: a backend that hangs blocks this worker too. */
		n = poll(&answered, 1, -1);
		if (n == 0) {
			errno = ETIMEDOUT;
			n = -1;
		}
	}
	if (n > 0)
		n = recv(fd, answer, room, 0);
	if (fd >= 0)
		close(fd);
	return n;
}

static void serve(int fd)
{
	char line[512], answer[512];
	ssize_t n = recv(fd, line, sizeof(line), 0);

	if (n <= 0) {
		close(fd);
		return;
	}
	n = ask(line, n, answer, sizeof(answer));
	if (n <= 0) {
		say("ask n=%zd err=%s", n, error_of(n));
		n = strlen(strcpy(answer, "error\n"));
	}
	if (send(fd, answer, n, MSG_NOSIGNAL) < 0)
		say("send fd=%d err=%s", fd, error_of(-1));
}

int main(int argc, char **argv)
{
	int listener, first;

	first = options_parse_some(&o, argc, argv, "Asks a backend for its clients.", " backend");
	backend = o;
	backend.address = argv[first];
	listener = endpoint_listen(&o);
	poller = epoll_create1(EPOLL_CLOEXEC);
	if (poller < 0)
		err(1, "epoll_create1");
	watch(listener);
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
