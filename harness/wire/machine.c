/* SPDX-License-Identifier: MIT */
/*
 * One end of a connection: RFC 9293, 3.3.2 and 3.10, driven by the segments that leave it and those
 * that arrive. What the program does is seen by what is sent: a FIN means close() or shutdown().
 *
 * The tap sees a segment arrive a little before TCP processes it. So what an end sends may not know
 * of it yet, and the number it acknowledges tells.
 */
#include "wire/machine.h"

static uint32_t ends_at(const struct wire_segment *s)
{
	return s->seq + s->length + !!(s->flags & TCP_SYN) + !!(s->flags & TCP_FIN);
}

static bool before(uint32_t one, uint32_t other)
{
	return (int32_t)(one - other) < 0;
}

/* The other's FIN is next in order: process it. */
static void take_fin(struct machine *m, int64_t time)
{
	m->fin_taken = true;
	m->rcv_nxt = m->fin_at + 1;
	switch (m->state) {
	case STATE_SYN_RECEIVED:
	case STATE_ESTABLISHED: /* if unaware, it has closed, and its FIN is not out yet */
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

/* It has received everything before @number: it said so, or the numbers show it. */
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

/* RFC 9293, 3.8.4: one below the next number. An ACK that its own FIN overtook looks the same. */
static bool is_keepalive(const struct machine *m, const struct wire_segment *s)
{
	return s->length == 0 && s->seq + 1 == m->snd_nxt && !m->fin_sent &&
	       (s->flags & (TCP_SYN | TCP_FIN | TCP_ACK)) == TCP_ACK;
}

static void send_syn(struct machine *m, const struct wire_segment *s)
{
	m->opened = true;
	if (!(s->flags & TCP_ACK)) {
		if (m->state == STATE_CLOSED)
			m->state = STATE_SYN_SENT;
		return;
	}
	/* A SYN ACK that is sent again shows that the last ACK of the handshake was not taken. */
	if (m->state == STATE_CLOSED || m->state == STATE_SYN_SENT ||
	    (m->state == STATE_ESTABLISHED && s->seq + 1 == m->snd_nxt))
		m->state = STATE_SYN_RECEIVED;
	if (!m->heard)
		m->rcv_nxt = s->ack;
	m->heard = true;
}

static void send_reset(struct machine *m, const struct wire_segment *s)
{
	switch (m->state) {
	case STATE_SYN_SENT: /* in answer to an ACK of something else; it goes on */
	case STATE_CLOSED:   /* there is no socket */
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

uint8_t machine_send(struct machine *m, const struct wire_segment *s)
{
	const bool answers = (s->flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK);
	const uint32_t end = ends_at(s);
	uint8_t marks = 0;

	if (s->flags & TCP_RST) {
		send_reset(m, s);
		return 0;
	}
	if (m->opened && is_keepalive(m, s))
		marks = WIRE_KEEPALIVE;
	else if (m->opened && end != s->seq && !before(m->snd_nxt, end) &&
		 (m->answered || !answers)) /* the SYN ACK of a simultaneous open is a first */
		marks = WIRE_RETRANSMISSION;
	m->answered |= answers;
	if (!m->opened && !(s->flags & TCP_SYN)) { /* the tap began in the middle */
		m->opened = true;
		m->state = STATE_ESTABLISHED;
		m->snd_nxt = s->seq;
	}
	if (s->flags & TCP_SYN)
		send_syn(m, s);
	if (before(m->snd_nxt, end) || (s->flags & TCP_SYN && !marks))
		m->snd_nxt = end;
	if (s->flags & TCP_ACK) {
		/* It acknowledges what we did not see arrive. */
		if (m->state == STATE_SYN_SENT && !(s->flags & TCP_SYN))
			m->state = STATE_ESTABLISHED;
		if (!m->heard)
			m->rcv_nxt = s->ack;
		m->heard = true;
		if (m->fin_heard && !m->fin_taken && s->ack == m->fin_at + 1)
			advance(m, m->fin_at, s->sent);
	}
	if (s->flags & TCP_FIN && !m->fin_sent)
		send_fin(m);
	return marks;
}

/* RFC 5961, section 3.2, as Linux has it; WIRE_RESET if it ends the connection. */
static uint8_t receive_reset(struct machine *m, const struct wire_segment *s)
{
	bool exact = s->seq == m->rcv_nxt;

	switch (m->state) {
	case STATE_CLOSED:
		return 0;
	case STATE_SYN_SENT: /* only in answer to our SYN */
		if (!(s->flags & TCP_ACK) || s->ack != m->snd_nxt)
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
	bool mine = s->flags & TCP_ACK && s->ack == m->snd_nxt;

	switch (m->state) {
	case STATE_CLOSED: /* whether it is taken is shown by the SYN ACK */
		m->rcv_nxt = s->seq + 1;
		m->heard = true;
		return;
	case STATE_SYN_SENT:
		if (s->flags & TCP_ACK && !mine)
			return;
		m->rcv_nxt = s->seq + 1;
		m->heard = true;
		m->state = mine ? STATE_ESTABLISHED : STATE_SYN_RECEIVED;
		return;
	case STATE_SYN_RECEIVED:
		if (mine)
			m->state = STATE_ESTABLISHED;
	}
}

static void receive_ack(struct machine *m, uint32_t ack, int64_t time)
{
	if (before(m->snd_nxt, ack)) /* of something never sent */
		return;
	if (m->state == STATE_SYN_RECEIVED && ack == m->snd_nxt)
		m->state = STATE_ESTABLISHED;
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

static void receive_text(struct machine *m, const struct wire_segment *s, int64_t time)
{
	uint32_t end = s->seq + s->length;

	if (s->flags & TCP_FIN && !m->fin_heard && !before(end, m->rcv_nxt)) {
		m->fin_heard = true;
		m->fin_at = end;
	}
	if (s->before) /* left out of a long connection; those did arrive */
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

uint8_t machine_receive(struct machine *m, const struct wire_segment *s, int64_t time)
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
		m->snd_nxt = s->ack;
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
	if (m->state == STATE_TIME_WAIT) { /* whatever it answers, the time begins anew */
		m->waits_since = time;
		return 0;
	}
	if (m->state != STATE_CLOSED)
		receive_text(m, s, time);
	return 0;
}
