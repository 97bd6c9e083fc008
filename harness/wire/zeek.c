/* SPDX-License-Identifier: MIT */
/* Describes a connection in the notation of Zeek's conn.log: conn_state and history. Pure. */
#include <ctype.h>
#include <string.h>

#include "wire/outcome.h"

/* How Zeek classifies an end (its manual, conn.log: conn_state). */
enum zeek { INACTIVE, SYN_SENT, SYN_ACK_SENT, PARTIAL, ESTABLISHED, CLOSED, RESET };

static void zeek_follow(enum zeek ends[2], const struct wire_segment *s)
{
	enum zeek *end = &ends[s->from], *peer = &ends[!s->from];

	if (s->flags & TCP_RST) {
		if (*end != CLOSED || *peer != CLOSED) /* after an orderly end it changes nothing */
			*end = RESET;
	} else if (s->flags & TCP_SYN && (*end == INACTIVE || *end == SYN_SENT)) {
		*end = s->flags & TCP_ACK ? SYN_ACK_SENT : SYN_SENT;
		if (*end == SYN_ACK_SENT && *peer == SYN_SENT)
			*end = *peer = ESTABLISHED;
	} else if (s->flags & TCP_FIN) {
		if (*end != RESET)
			*end = CLOSED;
	} else if (!(s->flags & TCP_SYN)) {
		if (*end == INACTIVE)
			*end = *peer == SYN_ACK_SENT ? ESTABLISHED : PARTIAL;
		if (*end == ESTABLISHED && *peer == SYN_ACK_SENT)
			*peer = ESTABLISHED;
	}
}

static const char *zeek_state(const struct wire_connection *c, const enum zeek ends[2])
{
	enum zeek o = ends[WIRE_CLIENT], r = ends[WIRE_SERVER];
	bool o_inactive = o == INACTIVE || o == PARTIAL, r_inactive = r == INACTIVE || r == PARTIAL;

	if (r == RESET) {
		if (o == SYN_SENT || o == SYN_ACK_SENT ||
		    (o == RESET && !c->bytes[0] && !c->bytes[1]))
			return "REJ";
		return o_inactive ? "RSTRH" : "RSTR";
	}
	if (o == RESET)
		return r_inactive ? "RSTOS0" : "RSTO";
	if (o == CLOSED && r == CLOSED)
		return "SF";
	if (o == CLOSED)
		return r_inactive ? "SH" : "S2";
	if (r == CLOSED)
		return o_inactive ? "SHR" : "S3";
	if (o == SYN_SENT && r == INACTIVE)
		return "S0";
	return o == ESTABLISHED && r == ESTABLISHED ? "S1" : "OTH";
}

/* What was noted of an end: letters written once, and the last numbers of others. */
struct noted {
	bool text, ack, syn, fin, reset;
	uint32_t syn_seq, fin_seq, reset_seq;
	unsigned again, shut;
};

static void write_letter(char *history, char letter, int from)
{
	size_t length = strlen(history);

	if (length + 1 >= WIRE_HISTORY)
		return;
	history[length] = (char)(from == WIRE_CLIENT ? toupper(letter) : letter);
	history[length + 1] = '\0';
}

/* A letter for another number than before. */
static void write_number(char *history, char letter, int from, bool *noted, uint32_t *last,
			 uint32_t number)
{
	if (!*noted || *last != number)
		write_letter(history, letter, from);
	*noted = true;
	*last = number;
}

/* A letter once, and again at 10, 100, ... times. */
static void write_count(char *history, char letter, int from, unsigned *count)
{
	unsigned power = 1;

	++*count;
	while (power < *count)
		power *= 10;
	if (power == *count)
		write_letter(history, letter, from);
}

static void zeek_note(char *history, struct noted *noted, const struct wire_segment *s,
		      const struct wire_step *step)
{
	unsigned ends = s->flags & (TCP_SYN | TCP_FIN | TCP_RST);

	if (ends & (ends - 1))
		write_letter(history, ends & TCP_SYN ? 'q' : 'i', s->from);
	else if (ends & TCP_SYN)
		write_number(history, s->flags & TCP_ACK ? 'h' : 's', s->from, &noted->syn,
			     &noted->syn_seq, s->seq);
	else if (ends & TCP_FIN)
		write_number(history, 'f', s->from, &noted->fin, &noted->fin_seq,
			     s->seq + s->length);
	else if (ends & TCP_RST)
		write_number(history, 'r', s->from, &noted->reset, &noted->reset_seq, s->seq);
	else if (s->length ? !noted->text : s->flags & TCP_ACK && !noted->ack) {
		write_letter(history, s->length ? 'd' : 'a', s->from);
		*(s->length ? &noted->text : &noted->ack) = true;
	}
	if (s->length && step->marks & WIRE_RETRANSMISSION)
		write_count(history, 't', s->from, &noted->again);
	if (step->marks & WIRE_ZERO_WINDOW)
		write_count(history, 'w', s->from, &noted->shut);
}

void wire_zeek(const struct wire_connection *c, const struct wire_step *steps,
	       struct wire_outcome *outcome)
{
	enum zeek ends[2] = {INACTIVE, INACTIVE};
	struct noted noted[2] = {0};

	if (c->segments[0].from == WIRE_SERVER)
		strcpy(outcome->history, "^");
	for (size_t i = 0; i < c->count; i++) {
		zeek_follow(ends, &c->segments[i]);
		zeek_note(outcome->history, &noted[c->segments[i].from], &c->segments[i],
			  &steps[i]);
	}
	outcome->conn_state = zeek_state(c, ends);
}
