/* SPDX-License-Identifier: MIT */
/* What is special about a segment, given what its sender sent before. Pure. */
#include "wire/machine.h"

/* Whether it carries nothing but an acknowledgment and @length octets of text. */
static bool is_ack(const struct wire_segment *s, uint32_t length)
{
	return s->length == length && (s->flags & (TCP_SYN | TCP_FIN | TCP_ACK)) == TCP_ACK;
}

/*
 * RFC 9293, 3.8.4: one below the next number, with an already acknowledged octet or with none. An
 * ACK overtaken by its own FIN looks the same.
 */
static bool is_keepalive(const struct machine *m, const struct wire_segment *s)
{
	if (s->seq + 1 != m->snd_nxt || m->fin_sent)
		return false;
	return is_ack(s, 0) || (is_ack(s, 1) && !(s->flags & TCP_PSH) && m->snd_una == m->snd_nxt);
}

/*
 * RFC 9293, 3.8.6.1: while the other's window is 0, the number before the next one, or the next
 * one, repeated until it is accepted.
 */
static bool is_probe(const struct machine *m, const struct wire_segment *s)
{
	return m->shut && (is_keepalive(m, s) ||
			   (is_ack(s, 1) && (s->seq == m->snd_nxt || s->seq == m->snd_una)));
}

/* Whether it fills a hole in what was seen of this end; then it is not a retransmission. */
static bool fills_hole(struct machine *m, uint32_t from, uint32_t to)
{
	for (size_t i = 0; i < m->holes; i++) {
		if (!before(from, m->hole[i].to) || !before(m->hole[i].from, to))
			continue;
		if (!before(m->hole[i].from, from)) /* from its beginning on */
			m->hole[i].from = to;
		else
			m->hole[i].to = from;
		if (!before(m->hole[i].from, m->hole[i].to))
			m->hole[i] = m->hole[--m->holes];
		return true;
	}
	return false;
}

/* It was seen sending from @from up to @end. */
void marks_sent(struct machine *m, uint32_t from, uint32_t end)
{
	if (before(m->snd_nxt, from) && m->holes < GAPS) {
		m->hole[m->holes].from = m->snd_nxt;
		m->hole[m->holes++].to = from;
	}
	m->snd_nxt = end;
}

/* RFC 5681, section 2: it repeats the previous ACK while more is in flight. */
static bool is_duplicate_ack(const struct machine *m, const struct machine *peer,
			     const struct wire_segment *s)
{
	return is_ack(s, 0) && s->windowed && m->acked && s->seq == m->snd_nxt &&
	       s->ack == m->last_ack && s->window == m->last_window &&
	       before(s->ack, peer->snd_nxt);
}

uint16_t marks_of(struct machine *m, const struct machine *peer, const struct wire_segment *s)
{
	const bool answers = (s->flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK);
	const uint32_t end = ends_at(s);
	uint16_t marks = 0;

	if (m->opened && is_probe(m, s))
		marks = WIRE_PROBE;
	else if (m->opened && is_keepalive(m, s))
		marks = WIRE_KEEPALIVE;
	else if (m->opened && end != s->seq && !before(m->snd_nxt, end) &&
		 (m->answered || !answers)) /* the SYN ACK of a simultaneous open is a first */
		marks = fills_hole(m, s->seq, end) ? WIRE_OUT_OF_ORDER : WIRE_RETRANSMISSION;
	else if (is_duplicate_ack(m, peer, s))
		marks = WIRE_DUPLICATE_ACK;
	if (s->windowed && !s->window && !(s->flags & TCP_SYN) && !m->fin_heard)
		marks |= WIRE_ZERO_WINDOW;
	return marks;
}
