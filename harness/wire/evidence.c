/* SPDX-License-Identifier: MIT */
/*
 * What a capture missed. What an end acknowledges it has received, so the other end has sent it.
 * Where that goes beyond all that was captured of the other end, text, a FIN or both were missed:
 *
 *	one number, and this end closed, too	a FIN: every connection has one, and hardly any ends
 *						with a single octet
 *	anything else				it may hold a FIN or not; nothing tells
 *
 * An end of which nothing was captured is not seen. Pure.
 */
#include "wire/evidence.h"

#define FAR (1 << 30) /* a number so far on is not of this connection: no window is larger */

/* What an end has sent, as the other end acknowledged it, or as the numbers that follow show. */
static uint32_t sent_up_to(const struct wire_connection *c, int end)
{
	int32_t beyond = (int32_t)(c->acked[end] - c->top[end]);

	return c->answered[end] && beyond > 0 && beyond < FAR ? c->acked[end] : c->top[end];
}

/*
 * A capture that begins in the middle and shows one FIN: the other end may have sent its own before
 * that, unless it still sends text.
 */
static bool began_late(const struct wire_connection *c)
{
	if (c->known[WIRE_CLIENT] || c->known[WIRE_SERVER] || c->fin[0] == c->fin[1])
		return false;
	return !c->bytes[c->fin[WIRE_CLIENT] ? WIRE_SERVER : WIRE_CLIENT];
}

/*
 * Whether an end acknowledged the other's FIN only after its own, which was missed: then the two
 * crossed. One that knew of the other's FIN acknowledged it before, or with its own.
 */
static bool crossed(const struct wire_connection *c, int end, uint32_t behind_fin)
{
	for (size_t i = 0; i < c->count; i++) {
		const struct wire_segment *s = &c->segments[i];

		if (s->from == end && s->flags & TCP_ACK && (int32_t)(s->ack - c->shown[!end]) >= 0)
			return s->seq == behind_fin;
	}
	return false;
}

struct evidence evidence_of(const struct wire_connection *c)
{
	struct evidence evidence = {0};

	/* Taps of their own tell of both ends; and of a socket connected with itself both are one.
	 */
	for (int end = 0; end < 2; end++)
		evidence.seen[end] =
		    c->packets[end] > 0 || !c->one_tap || packet_same_end(&c->end[0], &c->end[1]);
	if (!c->one_tap || packet_same_end(&c->end[0], &c->end[1]))
		return evidence;
	for (int end = 0; end < 2; end++) {
		uint32_t number = sent_up_to(c, end), beyond = number - c->shown[end];

		if (!evidence.seen[end])
			evidence.one_sided |= c->answered[end];
		if (!evidence.seen[end] || !beyond || c->fin[end])
			continue;
		evidence.fin[end] = beyond == 1 && c->fin[!end];
		evidence.end[end] = number;
		if (evidence.fin[end]) {
			evidence.crossed = crossed(c, end, number);
			continue;
		}
		evidence.unsure = true;
		evidence.missed = end;
		evidence.number = number;
	}
	if (began_late(c)) {
		evidence.unsure = true;
		evidence.missed = c->fin[WIRE_CLIENT] ? WIRE_SERVER : WIRE_CLIENT;
		evidence.number = c->isn[evidence.missed];
	}
	return evidence;
}
