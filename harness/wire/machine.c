/* SPDX-License-Identifier: MIT */
/*
 * One end of a connection: RFC 9293, 3.3.2 and 3.10, driven by the segments that leave it and those
 * that arrive. What is sent shows what the program does: a FIN means close() or shutdown().
 *
 * The tap sees a segment arrive a little before TCP processes it. So an end may send something
 * before it knows of that segment; the number it acknowledges shows which.
 */
#include "wire/machine.h"

/* The other's FIN is next in order: process it. */
static void take_fin(struct machine *m, int64_t time)
{
	m->fin_taken = true;
	m->rcv_nxt = m->fin_at + 1;
	switch (m->state) {
	case STATE_SYN_RECEIVED:
	case STATE_ESTABLISHED: /* if unaware, it has closed, but its FIN has not left yet */
		m->state = m->unaware ? STATE_CLOSING : STATE_CLOSE_WAIT;
		break;
	case STATE_FIN_WAIT1: /* had its FIN been acknowledged, it would be in FIN_WAIT2 */
		m->state = STATE_CLOSING;
		break;
	case STATE_FIN_WAIT2:
		m->state = STATE_TIME_WAIT;
		m->waits_since = time;
		break;
	}
}

/* It has received everything before @number: its ACK says so, or the numbers show it. */
static void advance(struct machine *m, uint32_t number, int64_t time)
{
	if (before(m->rcv_nxt, number) && !m->fin_taken)
		m->rcv_nxt = number;
	for (size_t i = 0; i < m->gaps; i++)
		if (!before(m->rcv_nxt, m->gap[i].from)) {
			if (before(m->rcv_nxt, m->gap[i].to) && !m->fin_taken)
				m->rcv_nxt = m->gap[i].to;
			m->gap[i] = m->gap[--m->gaps];
			i = (size_t)-1; /* another may be next now */
		}
	if (m->fin_heard && !m->fin_taken && !before(m->rcv_nxt, m->fin_at))
		take_fin(m, time);
}

static void send_syn(struct machine *m, const struct wire_segment *s)
{
	m->opened = true;
	m->iss = s->seq;
	if (!(s->flags & TCP_ACK)) {
		if (m->state == STATE_CLOSED)
			m->state = STATE_SYN_SENT;
		return;
	}
	/* A repeated SYN ACK shows that the last ACK of the handshake was not accepted. */
	if (m->state == STATE_CLOSED || m->state == STATE_SYN_SENT ||
	    (m->state == STATE_ESTABLISHED && m->answered && s->seq + 1 == m->snd_nxt))
		m->state = STATE_SYN_RECEIVED;
	if (!m->heard)
		m->rcv_nxt = s->ack;
	m->heard = true;
}

static void send_reset(struct machine *m, const struct wire_segment *s)
{
	switch (m->state) {
	case STATE_SYN_SENT: /* in answer to a wrong ACK it continues; otherwise it gave up */
		if (s->seq != m->snd_nxt && s->seq != m->iss + 1)
			return;
		break;
	case STATE_CLOSED: /* there is no socket */
		return;
	case STATE_SYN_RECEIVED: /* a bad ACK gets one, too, with the number it acknowledges */
		if (s->seq != m->snd_nxt)
			return;
	}
	m->state = STATE_CLOSED;
}

static void send_fin(struct machine *m)
{
	m->fin_sent = true;
	m->fin_end = m->snd_nxt;
	switch (m->state) {
	case STATE_SYN_RECEIVED:
	case STATE_ESTABLISHED:
		m->state = STATE_FIN_WAIT1;
		break;
	case STATE_CLOSE_WAIT:
		m->state = STATE_LAST_ACK;
		break;
	}
}

/* Its own ACK shows what it has received, even what was not captured. */
static void send_ack(struct machine *m, const struct machine *peer, const struct wire_segment *s)
{
	if (m->state == STATE_SYN_SENT && !(s->flags & TCP_SYN))
		m->state = STATE_ESTABLISHED;
	if (!m->heard)
		m->rcv_nxt = s->ack;
	m->heard = true;
	if (m->fin_heard && !m->fin_taken && s->ack == m->fin_at + 1)
		advance(m, m->fin_at, s->sent);
	else if (before(m->rcv_nxt, s->ack) && peer->opened && !before(peer->snd_nxt, s->ack))
		advance(m, s->ack, s->sent);
	m->acked = true;
	m->last_ack = s->ack;
	m->last_window = s->window;
}

uint16_t machine_send(struct machine *m, const struct machine *peer, const struct wire_segment *s)
{
	const uint32_t end = ends_at(s);
	uint16_t marks;

	if (s->flags & TCP_RST) {
		send_reset(m, s);
		return 0;
	}
	marks = marks_of(m, peer, s);
	if (!m->opened && !(s->flags & TCP_SYN)) { /* the tap began in the middle */
		m->opened = true;
		m->state = STATE_ESTABLISHED;
		m->snd_nxt = m->snd_una = s->seq;
	}
	if (s->flags & TCP_SYN) {
		if (!m->opened)
			m->snd_una = s->seq;
		send_syn(m, s);
		/* RFC 9293, figure 7: the other's SYN crossed it, and arrived before we saw it. */
		if (m->state == STATE_SYN_SENT && m->heard && peer->state == STATE_SYN_SENT)
			m->state = STATE_SYN_RECEIVED;
	}
	m->answered |= (s->flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK);
	if (s->flags & TCP_SYN && !marks)
		m->snd_nxt = end;
	else if (before(m->snd_nxt, end))
		marks_sent(m, s->seq, end);
	if (s->flags & TCP_ACK)
		send_ack(m, peer, s);
	if (s->flags & TCP_FIN && !m->fin_sent)
		send_fin(m);
	return marks;
}

void machine_prove(struct machine *m, uint32_t number, bool fin)
{
	if (!m->opened) {
		m->opened = m->answered = true;
		m->iss = m->snd_una = number - 1;
		m->snd_nxt = number;
		m->state = m->heard ? STATE_SYN_RECEIVED : STATE_SYN_SENT;
		return;
	}
	if (!before(m->snd_nxt, number))
		return;
	marks_sent(m, number, number);
	if (fin && !m->fin_sent)
		send_fin(m);
}

/* Whether it acknowledges something sent and not yet acknowledged: RFC 9293, 3.10.7.3 and
 * 3.10.7.4. */
static bool acknowledges(const struct machine *m, uint32_t ack)
{
	return before(m->iss, ack) && !before(m->snd_nxt, ack);
}

/* RFC 5961, section 3.2, as Linux implements it; WIRE_RESET if it ends the connection. */
static uint16_t receive_reset(struct machine *m, const struct wire_segment *s)
{
	bool exact = s->seq == m->rcv_nxt;

	switch (m->state) {
	case STATE_CLOSED:
		return 0;
	case STATE_SYN_SENT: /* only in answer to our SYN */
		if (!(s->flags & TCP_ACK) || !acknowledges(m, s->ack))
			return 0;
		m->state = STATE_CLOSED;
		return WIRE_REFUSED;
	case STATE_TIME_WAIT:
		if (!exact || !m->assassinable)
			return 0;
		break;
	case STATE_CLOSE_WAIT:
	case STATE_LAST_ACK:
	case STATE_CLOSING: /* tcp_reset_check(): some send it with the number of their FIN */
		if (!exact && s->seq + 1 != m->rcv_nxt)
			return 0;
		break;
	default:
		if (m->heard && !exact)
			return 0;
	}
	m->state = STATE_CLOSED;
	return WIRE_RESET;
}

static void receive_syn(struct machine *m, const struct wire_segment *s)
{
	bool mine = s->flags & TCP_ACK && acknowledges(m, s->ack);

	switch (m->state) {
	case STATE_CLOSED: /* the SYN ACK shows whether it was accepted */
		m->rcv_nxt = s->seq + 1;
		m->heard = true;
		return;
	case STATE_SYN_SENT:
		if (s->flags & TCP_ACK && !mine)
			return;
		m->rcv_nxt = s->seq + 1;
		m->heard = true;
		m->state = mine ? STATE_ESTABLISHED : STATE_SYN_RECEIVED;
		break;
	case STATE_SYN_RECEIVED:
		if (mine)
			m->state = STATE_ESTABLISHED;
	}
	if (mine)
		m->snd_una = s->ack;
}

static void receive_ack(struct machine *m, uint32_t ack, int64_t time)
{
	if (before(m->snd_nxt, ack)) /* acknowledges something never sent */
		return;
	if (m->state == STATE_SYN_RECEIVED && acknowledges(m, ack))
		m->state = STATE_ESTABLISHED;
	if (before(m->snd_una, ack))
		m->snd_una = ack;
	if (!m->fin_sent || before(ack, m->fin_end))
		return;
	if (m->state == STATE_FIN_WAIT1) {
		m->state = STATE_FIN_WAIT2;
	} else if (m->state == STATE_CLOSING) {
		m->state = STATE_TIME_WAIT;
		m->waits_since = time;
	} else if (m->state == STATE_LAST_ACK) {
		m->state = STATE_CLOSED;
	}
}

void machine_acknowledged(struct machine *m, uint32_t number, int64_t time)
{
	receive_ack(m, number, time);
}

static void receive_text(struct machine *m, const struct wire_segment *s, int64_t time)
{
	uint32_t end = s->seq + s->length;

	if (s->flags & TCP_FIN && !m->fin_heard && !before(end, m->rcv_nxt)) {
		m->fin_heard = true;
		m->fin_at = end;
	}
	if (s->before) /* segments left out of a long connection did arrive */
		advance(m, s->seq, time);
	if (before(m->rcv_nxt, s->seq)) {
		if (m->gaps < GAPS && s->length) {
			m->gap[m->gaps].from = s->seq;
			m->gap[m->gaps++].to = end;
		}
		return;
	}
	advance(m, end, time);
}

uint16_t machine_receive(struct machine *m, const struct wire_segment *s, int64_t time)
{
	if (s->flags & TCP_RST)
		return receive_reset(m, s);
	if (s->flags & TCP_SYN) {
		receive_syn(m, s);
		if (s->stamped && m->state != STATE_CLOSED)
			m->ts_recent = s->stamp, m->stamped = true;
		return 0;
	}
	if (m->state == STATE_CLOSED && !m->opened && !m->heard) { /* the tap began in the middle */
		m->state = STATE_ESTABLISHED;
		m->opened = m->heard = true;
		m->snd_nxt = m->snd_una = s->ack;
		m->rcv_nxt = s->seq;
	}
	if (m->state == STATE_CLOSED || m->state == STATE_SYN_SENT)
		return 0;
	if (m->stamped && s->stamped && before(s->stamp, m->ts_recent))
		return 0; /* PAWS */
	if (s->stamped && m->heard && !before(m->rcv_nxt, s->seq))
		m->ts_recent = s->stamp, m->stamped = true;
	if (!m->heard) {
		m->rcv_nxt = s->seq;
		m->heard = true;
	}
	if (s->flags & TCP_ACK)
		receive_ack(m, s->ack, time);
	m->shut = s->windowed && !s->window;
	if (m->state == STATE_TIME_WAIT) { /* an answer restarts its timer */
		m->waits_since = time;
		return 0;
	}
	if (m->state != STATE_CLOSED)
		receive_text(m, s, time);
	return 0;
}
