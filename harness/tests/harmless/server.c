/* SPDX-License-Identifier: MIT */
/*
 * server SECONDS PORT...: an ordinary epoll server. Each connection has its own struct, freed when
 * the connection is closed; only close() takes it out of the epoll set (epoll(7), Q6). That is
 * correct as long as nobody holds a copy of its descriptors; a copy causes events for connections
 * that it has closed. It aborts at the first of them; built with ASan, with ASan's report.
 */
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EVENTS 64

struct connection {
	int fd; /* -1: closed */
	bool listens;
	long bytes;
};

/* Connections that are open at the end are not a leak. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

static volatile sig_atomic_t ended;
static long served;

static void end(int signal)
{
	(void)signal;
	ended = 1;
}

static void failed(const char *call)
{
	perror(call);
	exit(70);
}

static void watch(int epoll, int fd, bool listens)
{
	struct connection *connection = malloc(sizeof(*connection));
	struct epoll_event event = {EPOLLIN, {.ptr = connection}};

	if (!connection)
		failed("malloc");
	*connection = (struct connection){.fd = fd, .listens = listens};
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		failed("epoll_ctl");
}

static void listen_on(int epoll, int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 1000) < 0)
		failed("listen");
	watch(epoll, fd, true);
}

/* Memory of a closed connection is not reused, so an event for it is certainly detected. */
static void forget(struct connection *connection)
{
	close(connection->fd);
	connection->fd = -1;
#ifdef __SANITIZE_ADDRESS__
	free(connection);
#endif
}

static void serve(int epoll, struct connection *connection)
{
	char bytes[512];
	ssize_t length;
	int fd;

	if (connection->fd < 0) {
		fprintf(stderr, "an event for a closed descriptor, after %ld connections\n",
			served);
		abort();
	}
	if (connection->listens) {
		while ((fd = accept4(connection->fd, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
			watch(epoll, fd, false);
			served++;
		}
		return;
	}
	length = recv(connection->fd, bytes, sizeof(bytes), 0);
	if (length > 0)
		connection->bytes += length;
	else if (length == 0 || errno != EAGAIN)
		forget(connection);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	double last = now() + (argc > 2 ? atof(argv[1]) : 0);
	struct epoll_event events[EVENTS];
	int epoll = epoll_create1(0);

	if (argc < 3)
		return fputs("server SECONDS PORT...\n", stderr), 2;
	signal(SIGTERM, end);
	for (int i = 2; i < argc; i++)
		listen_on(epoll, atoi(argv[i]));
	while (!ended && now() < last) {
		int count = epoll_wait(epoll, events, EVENTS, 50);

		for (int i = 0; i < count; i++)
			serve(epoll, events[i].data.ptr);
	}
	printf("%ld\n", served);
	return 0;
}
