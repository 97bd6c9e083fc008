/* SPDX-License-Identifier: MIT */
/* Prepares one connection for display. Pure. */
#include <stdlib.h>
#include <string.h>

#include "wire/wire.h"

#define ENDING (TCP_SYN | TCP_FIN | TCP_RST)
#define EDGE 10 /* segments always shown at either end of a long ladder */

/* Whether a segment is part of how a connection went: it is more than data or its ACK. */
bool wire_tells(const struct wire_connection *c, const struct wire_step *steps, size_t i)
{
	if (c->segments[i].flags & ENDING || steps[i].marks & WIRE_TELLING)
		return true;
	return i > 0 && memcmp(steps[i].state, steps[i - 1].state, sizeof(steps[i].state));
}

/* One tap's file might not be in order of time. */
int64_t wire_began(const struct wire_connection *c)
{
	int64_t began = INT64_MAX;

	for (size_t i = 0; i < (c->one_tap ? c->count : 1); i++) {
		const struct wire_segment *s = &c->segments[i];
		int64_t time = s->sent != WIRE_NEVER ? s->sent : s->arrived;

		began = time < began ? time : began;
	}
	return began;
}

uint32_t wire_relative(const struct wire_connection *c, int end, uint32_t number)
{
	return c->known[end] || c->guessed[end] ? number - c->isn[end] : number;
}

/* Choose which segments of a long connection to show: the most informative, and both edges. */
static void choose(struct wire_ladder *ladder)
{
	const struct wire_connection *c = ladder->connection;
	size_t plain = 0, room;
	uint64_t before = 0;

	for (size_t i = 0; i < c->count; i++)
		plain += !wire_tells(c, ladder->steps, i);
	/* Show all of the less informative ones that fit. */
	room = c->count - plain < WIRE_RUNGS - 2 * EDGE ? c->count - plain : WIRE_RUNGS - 2 * EDGE;
	for (size_t i = 0; i < c->count; i++) {
		bool shown = c->count <= WIRE_RUNGS || i < EDGE || c->count - i <= EDGE;

		before += c->segments[i].before;
		if (!shown && wire_tells(c, ladder->steps, i) && room > 0) {
			shown = true;
			room--;
		}
		if (!shown) {
			before++;
			continue;
		}
		ladder->rung[ladder->rungs] = i;
		ladder->before[ladder->rungs++] = before;
		ladder->omitted += before;
		before = 0;
	}
}

int wire_ladder_of(const struct wire_ladders *ladders, const struct wire_connection *c,
		   struct wire_ladder *ladder)
{
	*ladder = (struct wire_ladder){.connection = c, .began = wire_began(c)};
	ladder->steps = malloc(c->count * sizeof(*ladder->steps));
	if (!ladder->steps ||
	    wire_derive(c, &ladders->rules, ladder->steps, ladder->ends, NULL, NULL) < 0)
		return -1;
	choose(ladder);
	return 0;
}

void wire_ladder_clear(struct wire_ladder *ladder)
{
	free(ladder->steps);
}

const char *wire_flag_name(unsigned bit)
{
	static const char *const names[] = {"FIN", "SYN", "RST", "PSH", "ACK", "URG"};

	return names[bit];
}

const char *wire_mark_name(unsigned bit)
{
	static const char *const names[WIRE_MARKS] = {
	    "retransmission", "lost",	     "reset",	     "duplicate",
	    "injected",	      "refused",     "keepalive",    "out of order",
	    "window probe",   "zero window", "duplicate ACK"};

	return names[bit];
}

const char *wire_state_name(int state)
{
	return state == WIRE_NOT_SEEN ? "not seen" : state_name(state);
}
