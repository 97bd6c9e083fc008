/*
 * waits_without_socket: a client that works through two batches of -n jobs. Each job is a request
 * on its own connection; the next batch begins when every job of the last one is settled.
 *
 * poll(2) skips an entry whose descriptor is negative, so one can leave the list without moving the
 * others; with none left it waits for nothing, forever.
 */
#include <err.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/endpoint.h"
#include "common/events.h"
#include "common/options.h"

static struct options o = {.address = "127.0.0.1", .port = 9000, .connections = 1};

/* Send the request of a job. Returns the connection to poll, or -1. */
static int begin(void)
{
	static const char request[] =
	    "GET /job HTTP/1.1\r\nHost: server\r\nConnection: close\r\n\r\n";
	int fd = endpoint_connect(&o);

	if (fd >= 0) /* if that fails, recv() reports it */
		send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL);
	return fd;
}

static void work_off(struct pollfd *jobs, size_t *bytes)
{
	unsigned unsettled = o.connections;
	char part[4096];

	for (unsigned i = 0; i < o.connections; i++) {
		bytes[i] = 0;
		jobs[i] = (struct pollfd){.fd = begin(), .events = POLLIN};
		if (jobs[i].fd < 0) {
			say("failed bytes=0");
			unsettled--;
		}
	}
	while (unsettled) {
		if (poll(jobs, o.connections, -1) < 0)
			err(1, "poll");
		for (unsigned i = 0; i < o.connections; i++) {
			ssize_t n = jobs[i].revents ? recv(jobs[i].fd, part, sizeof(part), 0) : 1;

			if (n > 0) {
				bytes[i] += jobs[i].revents ? n : 0;
				continue;
			}
			close(jobs[i].fd);
			jobs[i].fd = -1;
			/* LESSON: the job still waits, but no descriptor is left that could end it. */
			if (bytes[i]) {
				say("answer bytes=%zu", bytes[i]);
				unsettled--;
			}
		}
	}
}

int main(int argc, char **argv)
{
	static struct pollfd *jobs; /* static: still reachable when a signal ends pause() */
	static size_t *bytes;

	options_parse(&o, argc, argv, "Works through two batches of -n jobs.");
	jobs = calloc(o.connections, sizeof(*jobs));
	bytes = calloc(o.connections, sizeof(*bytes));
	if (!jobs || !bytes)
		err(1, "calloc");
	for (unsigned batch = 1; batch <= 2; batch++) {
		work_off(jobs, bytes);
		say("batch number=%u", batch);
	}
	say("idle");
	pause();
	free(bytes);
	free(jobs);
	return EXIT_SUCCESS;
}
