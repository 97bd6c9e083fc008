/* SPDX-License-Identifier: MIT */
/*
 * Finds what a capture missed. An end has received what it acknowledges, so the other end has sent
 * it. Where that exceeds everything captured of the other end, the capture missed text, a FIN or
 * both:
 *
 *	one number, and this end closed, too	a FIN: every connection has one, and few end with a
 *						single octet
 *	anything else				it may or may not hold a FIN: unknown
 *
 * An end of which nothing was captured is "not seen". Pure.
 */
#include "wire/evidence.h"

/* A number this far ahead belongs to another connection: no window is larger. */
#define FAR (1 << 30)

/* How far an end has sent, according to the other end's ACKs or to its later numbers. */
static uint32_t sent_up_to(const struct wire_connection *c, int end)
{
	int32_t beyond = (int32_t)(c->acked[end] - c->top[end]);

	return c->answered[end] && beyond > 0 && beyond < FAR ? c->acked[end] : c->top[end];
}

/*
 * A capture begins in the middle and shows one FIN: the other end may have sent its own earlier,
 * unless it still sends text.
 */
static bool began_late(const struct wire_connection *c)
{
	if (c->known[WIRE_CLIENT] || c->known[WIRE_SERVER] || c->fin[0] == c->fin[1])
		return false;
	return !c->bytes[c->fin[WIRE_CLIENT] ? WIRE_SERVER : WIRE_CLIENT];
}

/*
 * Whether an end acknowledged the other's FIN only after its own, which the capture missed: then
 * the two crossed. An end that knew of the other's FIN acknowledged it before its own, or with it.
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

	/* With one tap per end, both ends are seen; a socket connected to itself is both.
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

/*
 * What an end sends shows its state only if nothing uncaptured can have changed it; what arrived
 * there was not captured.
 */
void evidence_one_side(const struct wire_connection *c, int end, struct wire_step *steps,
		       uint8_t ends[2])
{
	uint8_t state = STATE_CLOSED;
	uint32_t acked = 0;
	bool risen = false, opening = false, heard = false;

	for (size_t i = 0; i < c->count; i++) {
		const struct wire_segment *s = &c->segments[i];

		if (s->flags & TCP_RST) {
			state = STATE_CLOSED;
		} else if (s->flags & TCP_FIN || (state == WIRE_NOT_SEEN && i)) {
			state = WIRE_NOT_SEEN; /* who was first and the outcome are unknown */
		} else if (s->flags & TCP_SYN) {
			opening = state == STATE_CLOSED; /* a repeated SYN: nothing came */
			state = s->flags & TCP_ACK ? STATE_SYN_RECEIVED : STATE_SYN_SENT;
		} else {
			state = STATE_ESTABLISHED;
			opening = false;
		}
		if (s->flags & TCP_ACK && !(s->flags & TCP_RST)) {
			risen |= heard && s->ack != acked; /* by text, or a FIN, or both */
			heard = true;
			acked = s->ack;
		}
		steps[i].state[end] = state;
		steps[i].state[!end] = WIRE_NOT_SEEN;
	}
	if (opening && state == STATE_SYN_RECEIVED)
		state = WIRE_NOT_SEEN;
	if (risen && state == STATE_ESTABLISHED)
		state = WIRE_NOT_SEEN;
	ends[end] = c->replaced[end] != WIRE_NEVER ? STATE_CLOSED : state;
	ends[!end] = WIRE_NOT_SEEN;
}

/* Mark what the packets leave open as unknown: from where it begins, unless a RST ended it. */
void evidence_leave_open(const struct wire_connection *c, const struct evidence *e,
			 struct wire_step *steps, uint8_t ends[2])
{
	bool open = false;

	for (size_t i = 0; i < c->count; i++) {
		const struct wire_segment *s = &c->segments[i];

		open |=
		    e->unsure && (s->from == e->missed
				      ? s->seq == e->number
				      : s->flags & TCP_ACK && (int32_t)(s->ack - e->number) >= 0);
		for (int end = 0; end < 2; end++)
			if (!e->seen[end] || (open && steps[i].state[end] != STATE_CLOSED))
				steps[i].state[end] = WIRE_NOT_SEEN;
	}
	for (int end = 0; end < 2; end++)
		if (!e->seen[end] || (open && ends[end] != STATE_CLOSED))
			ends[end] = WIRE_NOT_SEEN;
}
