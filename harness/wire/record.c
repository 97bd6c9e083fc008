/* SPDX-License-Identifier: MIT */
/*
 * wire record: one process records every host until SIGTERM or SIGINT. On a line on standard input
 * it writes everything so far, and reports that.
 */
#include "wire/program.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/events.h"

/* ms: packets come in bursts; waking per packet steals CPU from the programs under test. */
#define BATCH 5

static int catch_signals(void)
{
	sigset_t ending;

	sigemptyset(&ending);
	sigaddset(&ending, SIGINT);
	sigaddset(&ending, SIGTERM);
	sigprocmask(SIG_BLOCK, &ending, NULL);
	return signalfd(-1, &ending, SFD_CLOEXEC);
}

static int drain_all(struct tap *taps, size_t count, struct error *error)
{
	int total = 0;

	for (size_t i = 0; i < count; i++) {
		int n = tap_drain(&taps[i], error);

		if (n < 0)
			return -1;
		total += n;
	}
	return total;
}

static void tell_all(struct tap *taps, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct nflog *log = taps[i].log;

		say("recorded host=%s packets=%" PRIu64 " kept=%" PRIu64 " missed=%" PRIu64
		    " lost=%" PRIu64 " rfc1337=%d",
		    taps[i].name, taps[i].packets, taps[i].kept, tap_missed(&taps[i]),
		    log ? nflog_count(log) : 0, tap_rfc1337(&taps[i]));
	}
}

/* Returns whether a line asked us to write; once the other side is gone, none will come again. */
static bool told(struct pollfd *input)
{
	char line[256];

	if (!input->revents)
		return false;
	if (read(input->fd, line, sizeof(line)) > 0)
		return true;
	input->fd = -1;
	return false;
}

static int record(struct tap *taps, size_t count, struct error *error)
{
	struct pollfd fds[2 + 2 * WIRE_HOSTS] = {{.fd = catch_signals(), .events = POLLIN},
						 {.fd = STDIN_FILENO, .events = POLLIN}};
	size_t used = 2;
	int packets = 0;

	if (fds[0].fd < 0) /* poll(2) would ignore it, and no signal would end us */
		return error_set(error, EXIT_BROKEN, "signalfd: %s", strerror(errno));
	for (size_t i = 0; i < count; i++) {
		fds[used++] = (struct pollfd){pcap_get_selectable_fd(taps[i].pcap), POLLIN, 0};
		if (taps[i].log)
			fds[used++] = (struct pollfd){nflog_fd(taps[i].log), POLLIN, 0};
	}
	say("ready hosts=%zu losses=%s", count, taps[0].log ? "logged" : "inferred");
	for (;;) {
		/* While packets come, let some accumulate; otherwise sleep until one comes. */
		if (poll(fds, packets ? 2 : used, packets ? BATCH : -1) < 0 && errno != EINTR)
			return error_set(error, EXIT_BROKEN, "poll: %s", strerror(errno));
		packets = drain_all(taps, count, error);
		if (packets < 0)
			return -1;
		if (fds[0].revents)
			break;
		if (told(&fds[1])) {
			tell_all(taps, count);
			say("flushed");
		}
	}
	tell_all(taps, count);
	say("end");
	return 0;
}

static void *close_one(void *tap)
{
	tap_close(tap);
	return NULL;
}

/* Close all taps at the same time: the kernel takes about 25 ms to release each. */
static void close_all(struct tap *taps, size_t count)
{
	pthread_t thread[WIRE_HOSTS];
	size_t started = 0;

	while (started < count &&
	       !pthread_create(&thread[started], NULL, close_one, &taps[started]))
		started++;
	while (count > started)
		tap_close(&taps[--count]);
	while (started > 0)
		pthread_join(thread[--started], NULL);
}

int run_record(const struct wire_options *options, struct error *error)
{
	struct tap taps[WIRE_HOSTS] = {0};
	struct wire_choice *choice = wire_choice_new(options->whole);
	size_t opened = 0;
	int result = -1;

	if (!choice) {
		error_no_memory(error);
		goto out;
	}
	while (opened < options->hosts) {
		struct tap *tap = &taps[opened];

		tap->choice = choice;
		if (tap_open(tap, &options->host[opened++], options, error) < 0)
			goto out;
	}
	result = record(taps, options->hosts, error);
out:
	close_all(taps, opened);
	wire_choice_free(choice);
	return result < 0 ? (int)error->code : EXIT_OK;
}
