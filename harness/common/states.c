/* SPDX-License-Identifier: MIT */
#include "common/states.h"

#include <stdbool.h>
#include <string.h>

#include "common/nearest.h"

static const char *const state_names[STATES] = {
    [STATE_ESTABLISHED] = "ESTABLISHED",
    [STATE_SYN_SENT] = "SYN_SENT",
    [STATE_SYN_RECEIVED] = "SYN_RECEIVED",
    [STATE_FIN_WAIT1] = "FIN_WAIT1",
    [STATE_FIN_WAIT2] = "FIN_WAIT2",
    [STATE_TIME_WAIT] = "TIME_WAIT",
    [STATE_CLOSED] = "CLOSED",
    [STATE_CLOSE_WAIT] = "CLOSE_WAIT",
    [STATE_LAST_ACK] = "LAST_ACK",
    [STATE_LISTEN] = "LISTEN",
    [STATE_CLOSING] = "CLOSING",
};

const char *state_name(int state)
{
	return state > 0 && state < STATES ? state_names[state] : NULL;
}

static bool same(const char *name, const char *word, size_t length)
{
	return strlen(name) == length && !memcmp(name, word, length);
}

int state_by_name(const char *name, size_t length)
{
	for (int state = 1; state < STATES; state++)
		if (same(state_names[state], name, length))
			return state;
	return 0;
}

const char *state_nearest(const char *word, size_t length)
{
	/* The names of the same states in ss(8), netstat(8) and the kernel. */
	static const struct {
		const char *name;
		int state;
	} synonyms[] = {
	    {"ESTAB", STATE_ESTABLISHED},  {"SYN_RECV", STATE_SYN_RECEIVED},
	    {"UNCONN", STATE_CLOSED},	   {"LISTENING", STATE_LISTEN},
	    {"TIMEWAIT", STATE_TIME_WAIT},
	};
	const char *best = NULL;
	unsigned int distance = 0;

	for (int state = 1; state < STATES; state++)
		nearest_offer(word, length, state_names[state], &best, &distance);
	for (size_t i = 0; i < sizeof(synonyms) / sizeof(synonyms[0]); i++) {
		const char *before = best;

		nearest_offer(word, length, synonyms[i].name, &best, &distance);
		if (best != before)
			best = state_names[synonyms[i].state];
	}
	return best;
}
