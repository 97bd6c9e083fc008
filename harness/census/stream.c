/* SPDX-License-Identifier: MIT */
/*
 * --stream: a JSON line for each host whenever the number of its sockets in some state changes, and
 * at SIGUSR1: then each host has a line, and nothing that happened before the signal is missing.
 *
 * A walk of the table costs 0.03 ms to 40 ms, so we walk only when the pulse says that something
 * may have happened (census_pulse(): segments in and out, connections opened, established and
 * failed, sockets and timewaits in use). What a pulse catches, and what it can miss:
 *
 *  - Nearly every transition of RFC 9293, 3.3.2, sends or receives a segment. Those that do not
 *    (listen(), giving up after retransmissions, the end of TIME_WAIT) change the number of
 *    sockets or timewaits in use.
 *  - InSegs counts a segment before it changes the state (tcp_v4_rcv(); later still when the
 *    program has the socket locked): a walk in between would be too early. So a second walk follows
 *    at the next tick.
 *  - No counter shows a request socket (SYN_RECEIVED) that is given up, nor, with --pid, a
 *    descriptor that changes hands. Hence a walk every 100 ms, even without a pulse.
 *
 * A state that comes and goes between two ticks is missed; capture packets to see it.
 */
#include "census/program.h"

#include <errno.h>
#include <string.h>

#define AT_LEAST_EVERY 100000000 /* ns between walks */
#define EAGER 5000000		 /* ns between looks at the pulse, at least */

struct watched {
	struct census_pulse pulse;
	uint64_t states[STATES];
	bool printed;
};

/* Print the line of a host if it differs from the last or is @asked for. False: the write failed. */
static bool print_change(const char *host, const struct census_snapshot *snapshot, bool asked,
			 struct watched *watched)
{
	struct json json = {.out = stdout};

	if (!asked && watched->printed &&
	    !memcmp(watched->states, snapshot->states, sizeof(watched->states)))
		return true;
	memcpy(watched->states, snapshot->states, sizeof(watched->states));
	watched->printed = true;
	json_object(&json, NULL);
	json_seconds(&json, "time", snapshot->time, 6);
	json_string(&json, "host", host);
	json_object(&json, "states");
	for (int state = 1; state < STATES; state++)
		if (snapshot->states[state])
			json_unsigned(&json, state_name(state), snapshot->states[state]);
	json_end(&json);
	json_end(&json);
	putchar('\n');
	return fflush(stdout) == 0;
}

/* Read every host's pulse, and whether any has @changed. False, with @error, if one is unreadable. */
static bool pulse_changed(struct census *census, struct watched *watched, bool *changed,
			  struct error *error)
{
	*changed = false;
	for (size_t i = 0; i < census_host_count(census); i++) {
		int moved = census_pulse(census, i, &watched[i].pulse, error);

		if (moved < 0)
			return false;
		*changed |= moved;
	}
	return true;
}

/* How long to rest after a look that took @worked, @quiet after the pulse last changed. */
static int64_t rest_for(const struct census_options *options, int64_t worked, int64_t quiet)
{
	int64_t every = options->every > 0 ? options->every : rest_after(quiet, EAGER);

	return every > worked * IDLE_SHARE ? every : worked * IDLE_SHARE;
}

int run_stream(const struct census_options *options, struct census *census,
	       struct census_snapshot *snapshots, struct error *error)
{
	const struct census_needs needs = {.states = options->states};
	struct watched watched[MAX_HOSTS] = {0};
	bool changed = true, again = false, go_on = true, last = false;
	int64_t walked = 0, lively = now_ns();
	sigset_t while_asleep;

	catch_signals(&while_asleep);
	while (go_on) {
		int64_t start = now_ns();
		bool asked = was_asked();

		last = was_stopped();
		if (!pulse_changed(census, watched, &changed, error))
			return error->code;
		if (changed)
			lively = start;
		if (changed || again || last || asked || start - walked >= AT_LEAST_EVERY) {
			if (count_living(census, &needs, snapshots, error) < 0)
				return error->code;
			for (size_t i = 0; i < census_host_count(census); i++)
				if (!print_change(census_host_name(census, i), &snapshots[i],
						  asked, &watched[i]))
					return errno == EPIPE ? EXIT_OK : EXIT_BROKEN;
			again = changed;
			walked = start;
		}
		if (last)
			break;
		go_on = rest(rest_for(options, now_ns() - start, start - lively), &while_asleep) ||
			was_stopped();
	}
	return EXIT_OK;
}
