/* SPDX-License-Identifier: MIT */
/* Finds what arrived, and what TCP sent, before any state is known. Pure. */
#include "wire/losses.h"

#define ANSWERED 200000000 /* ns: a segment that arrives is acknowledged within this */
#define LOOK_BACK 64	   /* segments to search for the first copy of a retransmission */

/* Whether it opens a connection in the same way: the SYN ACK of a simultaneous open is not a copy
 * of its SYN. */
static bool same_ends(const struct wire_segment *s, const struct wire_segment *again)
{
	uint8_t ends = s->flags & again->flags & (TCP_SYN | TCP_FIN);

	return ends && (!(ends & TCP_SYN) || !((s->flags ^ again->flags) & TCP_ACK));
}

/* How many sequence numbers a segment takes. */
static uint32_t sends(const struct wire_segment *s)
{
	return s->length + !!(s->flags & (TCP_SYN | TCP_FIN));
}

/* Whether it answers the segment at @seq: it has received that, or has no room for it. */
static bool answers(const struct wire_segment *s, uint32_t seq, uint32_t length)
{
	if (!(s->flags & TCP_ACK))
		return false;
	return (int32_t)(s->ack - seq - length) >= 0 ||
	       (s->ack == seq && s->windowed && !s->window);
}

/*
 * Without a log of dropped packets: a segment did not arrive if its numbers were sent again and
 * had not been acknowledged in between.
 */
static void infer_losses(const struct wire_connection *c, struct wire_step *steps)
{
	for (size_t i = 0; i < c->count; i++) {
		const struct wire_segment *again = &c->segments[i];
		uint32_t length = sends(again);

		for (size_t j = i; length && j > 0 && i - j < LOOK_BACK; j--) {
			const struct wire_segment *s = &c->segments[j - 1];

			if (s->from != again->from) {
				if (answers(s, again->seq, length))
					break;
				continue;
			}
			if (s->seq != again->seq || s->length != again->length ||
			    (!s->length && !same_ends(s, again)))
				continue;
			if (!s->here)
				steps[j - 1].marks |= WIRE_IS_LOST;
			break;
		}
	}
}

/*
 * The last copy of a retransmission did not arrive either if it was not acknowledged although there
 * was time.
 */
static void infer_last_loss(const struct wire_connection *c, int from, int64_t until,
			    struct wire_step *steps)
{
	size_t last = c->count;

	while (last > 0 &&
	       (c->segments[last - 1].from != from || c->segments[last - 1].flags & TCP_SYN ||
		!sends(&c->segments[last - 1])))
		last--;
	if (!last || c->segments[last - 1].here || until - c->segments[last - 1].sent < ANSWERED)
		return;
	if (c->answered[from] && (int32_t)(c->acked[from] - c->segments[last - 1].seq -
					   sends(&c->segments[last - 1])) >= 0)
		return;
	for (size_t j = last - 1; j > 0 && last - j < LOOK_BACK; j--)
		if (c->segments[j - 1].from == from && steps[j - 1].marks & WIRE_IS_LOST &&
		    c->segments[j - 1].seq == c->segments[last - 1].seq)
			steps[last - 1].marks |= WIRE_IS_LOST;
}

/*
 * An end that still speaks long after a RST did not accept it. If the end that the RST came from
 * still speaks, its TCP did not send it.
 */
static void infer_idle_resets(const struct wire_connection *c, struct wire_step *steps)
{
	int64_t last[2] = {WIRE_NEVER, WIRE_NEVER};

	for (size_t i = c->count; i > 0; i--) {
		const struct wire_segment *s = &c->segments[i - 1];

		if (!(s->flags & TCP_RST)) {
			last[s->from] = s->sent > last[s->from] ? s->sent : last[s->from];
			continue;
		}
		if (last[!s->from] != WIRE_NEVER && last[!s->from] - s->sent > ANSWERED)
			steps[i - 1].marks |= WIRE_IS_LOST;
		if (last[s->from] != WIRE_NEVER && last[s->from] - s->sent > ANSWERED &&
		    c->answered[s->from] && c->known[s->from])
			steps[i - 1].marks |= WIRE_INJECTED;
	}
}

/* What is known of a segment before any state: whether TCP sent it, and whether it arrived.
 */
void losses_mark(const struct wire_connection *c, const struct wire_rules *rules,
		 struct wire_step *steps)
{
	for (size_t i = 0; i < c->count; i++) {
		const struct wire_segment *s = &c->segments[i];

		if (s->lost || s->arrived == WIRE_NEVER)
			/* without a tap at the other end, it is unknown whether it arrived */
			steps[i].marks |= s->lost || c->host[!s->from] >= 0 ? WIRE_IS_LOST : 0;
		if (s->twice)
			steps[i].marks |= WIRE_DUPLICATE;
		else if (s->replayed || s->sent == WIRE_NEVER)
			steps[i].marks |= WIRE_INJECTED;
	}
	if (!rules->infer_losses)
		return;
	infer_losses(c, steps);
	if (c->one_tap)
		infer_idle_resets(c, steps);
	for (int end = 0; c->one_tap && end < 2; end++)
		infer_last_loss(c, end, rules->until, steps);
}
