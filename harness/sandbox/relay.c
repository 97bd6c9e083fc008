#include "sandbox/relay.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sandbox/supervise.h"

enum { STREAMS = 3, SIGNALS = STREAMS };

/* From the caller to the program, or back. PIPE_BUF: what a writable pipe always takes. */
static struct stream {
	int from, to; /* -1 when over */
	size_t begin, end;
	char bytes[PIPE_BUF];
} streams[STREAMS];
static int inside[STREAMS]; /* the program's ends */
static bool lost;

static bool are_one_file(int one, int other)
{
	struct stat first, second;

	return fstat(one, &first) == 0 && fstat(other, &second) == 0 &&
	       first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

void relay_prepare(void)
{
	bool one = are_one_file(1, 2);

	for (int i = 0; i < STREAMS; i++) {
		int ends[2];

		if (i == 2 && one) {
			inside[2] = inside[1];
			streams[2].from = streams[2].to = -1;
			break;
		}
		if (pipe2(ends, O_CLOEXEC) < 0)
			err(EXIT_BROKEN, "pipe");
		inside[i] = ends[i == 0 ? 0 : 1];
		streams[i].from = i == 0 ? 0 : ends[0];
		streams[i].to = i == 0 ? ends[1] : i;
		/* Only ours: the program's end has its own file description. */
		fcntl(ends[i == 0 ? 1 : 0], F_SETFL, O_NONBLOCK);
	}
}

void relay_inside(void)
{
	for (int i = 0; i < STREAMS; i++)
		if (dup2(inside[i], i) < 0)
			err(EXIT_BROKEN, "dup2");
}

/* Nothing more to read, or no reader is left. */
static void finish(struct stream *stream)
{
	if (stream->from > 2)
		close(stream->from);
	if (stream->to > 2)
		close(stream->to);
	stream->from = stream->to = -1;
}

static void take(struct stream *stream)
{
	ssize_t count = read(stream->from, stream->bytes, sizeof(stream->bytes));

	if (count > 0) {
		stream->begin = 0;
		stream->end = count;
	} else if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
		finish(stream);
	}
}

static void give(struct stream *stream)
{
	ssize_t count =
	    write(stream->to, stream->bytes + stream->begin, stream->end - stream->begin);

	if (count >= 0) {
		stream->begin += count;
	} else if (errno == EPIPE) {
		finish(stream);
	} else if (errno != EAGAIN && errno != EINTR) {
		if (!lost)
			warn("cannot write the program's output");
		lost = true;
		stream->begin = stream->end; /* and drop the rest: the program may continue */
	}
}

static void move(struct stream *stream, short ready)
{
	if (!ready || stream->from < 0)
		return;
	if (stream->begin < stream->end)
		give(stream);
	else
		take(stream);
}

/* Wait for data to move, or for a signal, and move it. Returns how many were ready. */
static int step(int signal_fd, int within)
{
	struct pollfd ready[STREAMS + 1];
	int count;

	for (int i = 0; i < STREAMS; i++) {
		bool full = streams[i].begin < streams[i].end;

		ready[i] = (struct pollfd){.fd = full ? streams[i].to : streams[i].from,
					   .events = full ? POLLOUT : POLLIN};
	}
	ready[SIGNALS] = (struct pollfd){.fd = signal_fd, .events = POLLIN};
	count = poll(ready, STREAMS + 1, within);
	for (int i = 0; count > 0 && i < STREAMS; i++)
		move(&streams[i], ready[i].revents);
	return count;
}

/* Forward the signals that have come; returns whether one of them ends programs. */
static bool hand_on(int signal_fd, pid_t pid)
{
	struct signalfd_siginfo info;
	bool ending = false;

	while (read(signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			continue;
		ending |= info.ssi_signo != SIGWINCH;
		if (pid)
			kill(pid, info.ssi_signo); /* from a terminal too: there it is not */
	}
	return ending;
}

/* Move what is left in the pipes after all writers are dead. */
static void drain(int signal_fd)
{
	finish(&streams[0]);
	while (streams[1].from >= 0 || streams[2].from >= 0) {
		bool full = streams[1].begin < streams[1].end || streams[2].begin < streams[2].end;

		if (step(signal_fd, full ? -1 : 0) == 0 || hand_on(signal_fd, 0))
			return; /* another process holds the pipe open, or the caller has stopped
				   reading */
	}
}

static long milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int relay_until_ended(pid_t init, int every, bool (*look)(void))
{
	int signal_fd = watched_signals();
	long looked = milliseconds();
	int status;

	/* In the background of a terminal, reading then fails and writing does not stop us. */
	signal(SIGTTIN, SIG_IGN);
	signal(SIGTTOU, SIG_IGN);
	for (int i = 0; i < STREAMS; i++)
		if (i < 2 || inside[2] != inside[1])
			close(inside[i]);
	while (waitpid(init, &status, WNOHANG) == 0) {
		step(signal_fd, every);
		hand_on(signal_fd, init);
		if (every >= 0 && milliseconds() - looked >= every) {
			looked = milliseconds();
			if (look())
				kill(init, SIGKILL);
		}
	}
	drain(signal_fd);
	return status;
}

bool relay_is_whole(void)
{
	return !lost;
}
