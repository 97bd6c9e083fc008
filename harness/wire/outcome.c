/* SPDX-License-Identifier: MIT */
/* How a connection went, in a few words: `wire list` shows them, and they rank the ways. Pure. */
#include "wire/outcome.h"

#include <stddef.h>

const char *wire_how_name(enum wire_how how)
{
	static const char *const names[WIRE_HOWS] = {
	    [WIRE_ORDERLY] = "orderly",	      [WIRE_OPEN] = "open",
	    [WIRE_UNKNOWN] = "unknown",	      [WIRE_HALF_CLOSED] = "half-closed",
	    [WIRE_UNANSWERED] = "unanswered", [WIRE_WAS_REFUSED] = "refused",
	    [WIRE_WAS_RESET] = "reset",
	};

	return names[how];
}

const char *wire_closer_name(enum wire_closer closer)
{
	static const char *const names[] = {"client", "server", "both", "none", NULL};

	return names[closer];
}

/* ---- who closed first, and how it ended ------------------------------------------------------ */

/* Landmarks among the segments of a connection; each is an index, or count if there is none. */
struct ends_of {
	size_t fin[2]; /* the first FIN of each end */
	size_t reset;  /* the first RST that counts */
	size_t opened; /* the first segment after which both ends were open */
	size_t text;   /* the first one with payload */
	bool refused, again;
};

static struct ends_of look_through(const struct wire_connection *c, const struct wire_step *steps)
{
	struct ends_of ends = {{c->count, c->count}, c->count, c->count, c->count, false, false};

	for (size_t i = 0; i < c->count; i++) {
		const struct wire_segment *s = &c->segments[i];

		if (steps[i].marks & WIRE_INJECTED && !(s->flags & TCP_RST))
			continue;
		if (s->flags & TCP_FIN && ends.fin[s->from] == c->count)
			ends.fin[s->from] = i;
		if (s->flags & TCP_RST && ends.reset == c->count)
			ends.reset = i;
		if (s->length && ends.text == c->count)
			ends.text = i;
		if (steps[i].state[0] == STATE_ESTABLISHED &&
		    steps[i].state[1] == STATE_ESTABLISHED && ends.opened == c->count)
			ends.opened = i;
		ends.refused |= steps[i].marks & WIRE_REFUSED;
		ends.again |= (steps[i].marks & (WIRE_RETRANSMISSION | WIRE_IS_LOST)) != 0;
	}
	return ends;
}

static bool is_done(uint8_t state)
{
	return state == STATE_CLOSED || state == STATE_TIME_WAIT;
}

/* Whether both ends had finished before the RST came. */
static bool came_too_late(const struct wire_step *steps, const struct ends_of *ends)
{
	return ends->reset > 0 && is_done(steps[ends->reset - 1].state[0]) &&
	       is_done(steps[ends->reset - 1].state[1]);
}

static enum wire_how how_of(const struct wire_connection *c, const struct wire_step *steps,
			    const struct evidence *evidence, const struct ends_of *ends)
{
	bool fin[2];

	for (int end = 0; end < 2; end++)
		fin[end] = ends->fin[end] < c->count || evidence->fin[end];
	if (ends->refused)
		return WIRE_WAS_REFUSED;
	if (!c->packets[WIRE_SERVER] && !evidence->one_sided && c->known[WIRE_CLIENT])
		return WIRE_UNANSWERED;
	if (ends->reset < c->count && !(fin[0] && fin[1] && came_too_late(steps, ends)))
		return WIRE_WAS_RESET;
	if (evidence->one_sided || evidence->unsure)
		return WIRE_UNKNOWN;
	if (fin[0] && fin[1])
		return WIRE_ORDERLY;
	return fin[0] || fin[1] ? WIRE_HALF_CLOSED : WIRE_OPEN;
}

/* Whether the second FIN was sent without knowledge of the first. */
static bool crossed(const struct wire_connection *c, const struct ends_of *ends)
{
	const struct wire_segment *one = &c->segments[ends->fin[0]];
	const struct wire_segment *other = &c->segments[ends->fin[1]];

	if (ends->fin[0] > ends->fin[1]) {
		one = &c->segments[ends->fin[1]];
		other = &c->segments[ends->fin[0]];
	}
	return !(other->flags & TCP_ACK) || (int32_t)(other->ack - one->seq - one->length) <= 0;
}

static enum wire_closer closer_of(const struct wire_connection *c, const struct evidence *evidence,
				  const struct ends_of *ends)
{
	size_t first = ends->fin[0] < ends->fin[1] ? ends->fin[0] : ends->fin[1];

	if (evidence->one_sided || (evidence->unsure && ends->reset == c->count))
		return WIRE_NOT_KNOWN;
	for (int end = 0; end < 2; end++) /* the seen FIN acknowledges the unseen one */
		if (evidence->fin[end] && ends->fin[!end] < c->count)
			return c->segments[ends->fin[!end]].ack == evidence->end[end]
				   ? (enum wire_closer)end
				   : (enum wire_closer) !end;
	if (first < c->count && first < ends->reset) {
		if (ends->fin[0] < c->count && ends->fin[1] < c->count && crossed(c, ends))
			return WIRE_BOTH_FIRST;
		return (enum wire_closer)c->segments[first].from;
	}
	return ends->reset < c->count ? (enum wire_closer)c->segments[ends->reset].from
				      : WIRE_NOBODY;
}

static enum wire_after after_of(const struct wire_connection *c, const struct ends_of *ends)
{
	int from = c->segments[ends->reset].from;

	if (ends->fin[from] < ends->reset)
		return WIRE_AFTER_OWN_FIN;
	if (ends->fin[!from] < ends->reset)
		return WIRE_AFTER_FIN;
	if (ends->text < ends->reset)
		return WIRE_AFTER_TEXT;
	return ends->opened < ends->reset ? WIRE_AFTER_OPENING : WIRE_IN_HANDSHAKE;
}

/* ---- the whole outcome ----------------------------------------------------------------------- */

static int64_t moment(const struct wire_segment *s)
{
	return s->sent != WIRE_NEVER ? s->sent : s->arrived;
}

/* The payload of an end; acknowledged bytes count even if the capture missed them. */
static void count_bytes(const struct wire_connection *c, const struct evidence *evidence,
			struct wire_outcome *outcome)
{
	for (int end = 0; end < 2; end++) {
		int32_t beyond = (int32_t)(c->acked[end] - c->top[end]);

		outcome->bytes[end] = c->bytes[end];
		outcome->bytes_known[end] =
		    evidence->seen[end] && !(evidence->unsure && evidence->missed == end);
		if (c->one_tap && c->answered[end] && !c->fin[end] && !evidence->fin[end] &&
		    beyond > 0 && outcome->bytes_known[end])
			outcome->bytes[end] += (uint32_t)beyond;
	}
}

void wire_outcome_of(const struct wire_connection *c, const struct wire_step *steps,
		     const uint8_t states[2], struct wire_outcome *outcome)
{
	struct evidence evidence = evidence_of(c);
	struct ends_of ends = look_through(c, steps);

	*outcome = (struct wire_outcome){.began = moment(&c->segments[0]),
					 .ended = moment(&c->segments[0])};
	for (size_t i = 1; i < c->count; i++) {
		int64_t time = moment(&c->segments[i]);

		outcome->began = time < outcome->began ? time : outcome->began;
		outcome->ended = time > outcome->ended ? time : outcome->ended;
	}
	outcome->how = how_of(c, steps, &evidence, &ends);
	outcome->closer = closer_of(c, &evidence, &ends);
	outcome->one_sided = evidence.one_sided;
	outcome->opened = ends.opened < c->count;
	outcome->retransmitting = ends.again;
	for (int end = 0; end < 2; end++)
		outcome->half_open |=
		    is_done(states[end]) && states[!end] != WIRE_NOT_SEEN && !is_done(states[!end]);
	if (outcome->how == WIRE_WAS_RESET) {
		outcome->resetter = c->segments[ends.reset].from;
		outcome->after = after_of(c, &ends);
	}
	count_bytes(c, &evidence, outcome);
	wire_zeek(c, steps, outcome);
}
