/* SPDX-License-Identifier: MIT */
/* What the modules of the program share: the options, and the modes of main(). */
#ifndef CENSUS_PROGRAM_H
#define CENSUS_PROGRAM_H

#include <signal.h>

#include "census/census.h"

#define MAX_HOSTS 64
#define MAX_LIST 256
#define IDLE_SHARE 19 /* a running census sleeps at least 19 times as long as it works */

struct census_options {
	struct {
		char name[64];
		const char *netns;
	} host[MAX_HOSTS];
	size_t host_count;
	pid_t pid[MAX_LIST];
	size_t pid_count;
	uint16_t port[MAX_LIST];
	size_t port_count;
	const char *remote[MAX_LIST];
	size_t remote_count;
	uint16_t remote_port[MAX_LIST];
	size_t remote_port_count;
	enum census_ends ends;
	enum census_ask ask;
	uint32_t states;
	bool age, all, no_owners, copy, json, openmetrics, stream, verbose, watch;
	const char *until;
	int64_t every, within, hold; /* nanoseconds; every is -1 while --stream may choose */
	unsigned int repeat;
};

/*
 * Fill @options from the command line. Returns what command_parse() does: only a result above 0 is
 * a command to run.
 */
int census_options_parse(struct census_options *options, int argc, char **argv,
			 struct error *error);

/* Everything that an output shows, limited by @options. */
struct census_needs census_options_needs(const struct census_options *options);

int64_t now_ns(void);	 /* CLOCK_MONOTONIC */
int64_t worked_ns(void); /* CLOCK_PROCESS_CPUTIME_ID */

/*
 * census_take(), but EXIT_ENDED if a process of --pid has ended by then: what it held is gone, and
 * that must not look like a repair.
 */
int count_living(struct census *census, const struct census_needs *needs,
		 struct census_snapshot *snapshots, struct error *error);

/*
 * Print @snapshots as the table, or with --json as one object on one line; @members, when not NULL,
 * adds members to that object. Returns 0, or -1: no memory, and the output is incomplete.
 */
int print_snapshots(FILE *out, const struct census_options *options, struct census *census,
		    const struct census_snapshot *snapshots,
		    void (*members)(struct json *json, const void *data), const void *data);

/*
 * From now on a signal only ends rest(), so none is lost between a test and a sleep. @while_asleep
 * is for rest().
 */
void catch_signals(sigset_t *while_asleep);
/*
 * How long to rest before the next look when something last changed @quiet ago: a 32nd of that, at
 * most 20 ms, and at least @least. A change that takes seconds need not be seen to the millisecond.
 */
int64_t rest_after(int64_t quiet, int64_t least);
/* Returns false when it is time to end: a signal came, or our reader has gone. */
bool rest(int64_t ns, const sigset_t *while_asleep);
bool was_stopped(void); /* by a signal */
bool was_asked(void);	/* by SIGUSR1 since the last call, to look at once */

/* The modes. Each returns the exit code; for all but 0 and 1 @error says why. */
int run_once(const struct census_options *options, struct census *census,
	     struct census_snapshot *snapshots, struct error *error);
int run_repeat(const struct census_options *options, struct census *census,
	       struct census_snapshot *snapshots, struct error *error);
int run_until(const struct census_options *options, struct census *census,
	      struct census_snapshot *snapshots, struct error *error);
int run_watch(const struct census_options *options, struct census *census, struct error *error);
int run_stream(const struct census_options *options, struct census *census,
	       struct census_snapshot *snapshots, struct error *error);

#endif
