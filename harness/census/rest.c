/* SPDX-License-Identifier: MIT */
/* Sleeps between the counts of a running census, until it is time or a signal comes. */
#include "census/program.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#define LONGEST 20000000 /* ns */

static volatile sig_atomic_t stopped, asked;

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

static void ask(int signal)
{
	(void)signal;
	asked = 1;
}

void catch_signals(sigset_t *while_asleep)
{
	struct sigaction stopping = {.sa_handler = stop}, asking = {.sa_handler = ask};
	sigset_t blocked;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGINT);
	sigaddset(&blocked, SIGTERM);
	sigaddset(&blocked, SIGUSR1);
	sigprocmask(SIG_BLOCK, &blocked, while_asleep);
	sigdelset(while_asleep, SIGINT);
	sigdelset(while_asleep, SIGTERM);
	sigdelset(while_asleep, SIGUSR1);
	sigaction(SIGINT, &stopping, NULL);
	sigaction(SIGTERM, &stopping, NULL);
	sigaction(SIGUSR1, &asking, NULL);
}

int64_t rest_after(int64_t quiet, int64_t least)
{
	int64_t pause = quiet / 32 < LONGEST ? quiet / 32 : LONGEST;

	return pause > least ? pause : least;
}

bool rest(int64_t ns, const sigset_t *while_asleep)
{
	struct pollfd output = {.fd = STDOUT_FILENO};
	struct timespec time = {ns / 1000000000, ns % 1000000000};

	/* Without requested events poll(2) reports only that the reader has gone. */
	if (ppoll(&output, 1, &time, while_asleep) > 0)
		return false;
	return !stopped;
}

bool was_stopped(void)
{
	return stopped;
}

bool was_asked(void)
{
	bool once = asked;

	asked = 0; /* none is lost: signals come only during rest() */
	return once;
}
