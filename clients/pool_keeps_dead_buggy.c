/*
 * pool_keeps_dead: a client with a pool of connections. It needs -n at once, then one more for
 * each line on standard input.
 *
 * Unused connections are idle in the pool. A server may end an idle connection at any time; its
 * FIN makes the descriptor readable, and moves it to CLOSE_WAIT (poll(2); RFC 9293 section 3.6,
 * case 2). So a connection taken from the pool is checked before it is used.
 */
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/endpoint.h"
#include "common/events.h"
#include "common/options.h"

static struct options o = {.address = "127.0.0.1", .port = 9000, .connections = 1};
static struct pollfd *pool; /* [0] is standard input, idle connections follow */
static unsigned idle;

static bool is_dead(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno != EAGAIN;
}

/* The connection used last, or a new one in its place; -1 if that fails. */
static int take(void)
{
	int fd = idle ? pool[idle--].fd : -1;

	if (fd >= 0 && is_dead(fd)) {
		say("stale fd=%d", fd);
		close(fd);
		fd = -1;
	}
	return fd >= 0 ? fd : endpoint_connect(&o);
}

static void put_back(int fd)
{
	pool[++idle] = (struct pollfd){.fd = fd, .events = POLLIN};
}

/* Ask on that many connections at a time. */
static void ask(unsigned count)
{
	static const char hello[] = "hello\n";
	char answer[sizeof(hello) - 1];
	int fds[count];

	for (unsigned i = 0; i < count; i++)
		fds[i] = take();
	for (unsigned i = 0; i < count; i++) {
		ssize_t n = send(fds[i], hello, sizeof(answer), MSG_NOSIGNAL);

		if (n > 0)
			n = recv(fds[i], answer, sizeof(answer), MSG_WAITALL);
		say("%s err=%s", n > 0 ? "answer" : "error", error_of(n));
		if (n > 0)
			put_back(fds[i]);
		else if (fds[i] >= 0)
			close(fds[i]);
	}
}

int main(int argc, char **argv)
{
	char line[64];

	options_parse(&o, argc, argv, "Asks on -n connections, then on one for each line.");
	pool = calloc(o.connections + 2, sizeof(*pool));
	if (!pool)
		err(1, "calloc");
	pool[0] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
	ask(o.connections);
	for (;;) {
		/* LESSON: nobody watches idle connections; dead ones stay until they are taken. */
		if (poll(pool, 1, -1) < 0)
			err(1, "poll");
		if (!pool[0].revents)
			continue;
		if (!fgets(line, sizeof(line), stdin))
			break;
		ask(1);
	}
	free(pool);
	return EXIT_SUCCESS;
}
