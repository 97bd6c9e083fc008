/*
 * descriptor_exhaustion: answers "hello", and refuses every other request.
 *
 * Each connection takes a descriptor from accept() to close(). When all that RLIMIT_NOFILE allows
 * are in use, accept() fails with EMFILE and the connection stays in the queue (accept(2),
 * getrlimit(2)). The listener then rests for a tenth of a second, so the loop does not spin.
 */
#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common/endpoint.h"
#include "common/events.h"
#include "common/options.h"

#define REST_MS 100

static int poller = -1;

/* Report a descriptor once, and again after each further arm(). */
static void arm(int fd, int operation)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.fd = fd};

	if (epoll_ctl(poller, operation, fd, &event) < 0)
		err(1, "epoll_ctl");
}

/* Returns whether the listener may be watched again at once. */
static bool accept_one(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0) {
		say("accept err=%s", error_of(fd));
		return false;
	}
	arm(fd, EPOLL_CTL_ADD);
	return true;
}

static void serve(int fd)
{
	static const char refusal[] = "what?\n";
	char request[512];
	ssize_t n = recv(fd, request, sizeof(request), 0);

	if (n <= 0) {
		close(fd);
		return;
	}
	if (n < 5 || memcmp(request, "hello", 5) != 0) {
		send(fd, refusal, strlen(refusal), MSG_NOSIGNAL);
		/* LESSON: the way out for bad requests does not call close(). */
		say("refuse fd=%d", fd);
		return;
	}
	if (send(fd, request, n, MSG_NOSIGNAL) < 0)
		say("send fd=%d err=%s", fd, error_of(-1));
	arm(fd, EPOLL_CTL_MOD);
}

int main(int argc, char **argv)
{
	struct options o = {.address = "127.0.0.1", .port = 9000};
	bool accepting = true;
	int listener;

	options_parse(&o, argc, argv, "Answers hello, and refuses every other request.");
	listener = endpoint_listen(&o);
	poller = epoll_create1(EPOLL_CLOEXEC);
	if (poller < 0)
		err(1, "epoll_create1");
	arm(listener, EPOLL_CTL_ADD);
	say("ready port=%u pid=%d", endpoint_port(listener), getpid());
	for (;;) {
		struct epoll_event event;
		int ready = epoll_wait(poller, &event, 1, accepting ? -1 : REST_MS);

		if (ready < 0)
			err(1, "epoll_wait");
		if (ready > 0 && event.data.fd != listener) {
			serve(event.data.fd);
			continue;
		}
		accepting = ready == 0 || accept_one(listener);
		if (accepting)
			arm(listener, EPOLL_CTL_MOD);
	}
}
