/* SPDX-License-Identifier: MIT */
/* One end of a connection, as RFC 9293 defines it; see machine.c. */
#ifndef WIRE_MACHINE_H
#define WIRE_MACHINE_H

#include "wire/wire.h"

#define TIME_WAIT_LASTS 60000000000 /* ns: TCP_TIMEWAIT_LEN of Linux */
#define GAPS 8			    /* ranges received out of order to remember */

struct machine {
	int state;		  /* enum state */
	bool opened;		  /* it sent a SYN, or was in the middle when the tap began */
	bool heard;		  /* rcv_nxt is known */
	bool answered;		  /* it has sent a SYN ACK */
	bool assassinable;	  /* tcp_rfc1337 is 0: a RST ends TIME_WAIT */
	uint32_t iss;		  /* its initial number */
	uint32_t snd_una;	  /* the first unacknowledged number */
	uint32_t snd_nxt;	  /* one more than the highest number sent */
	uint32_t rcv_nxt;	  /* the next expected number */
	bool fin_sent, fin_heard; /* fin_heard: it arrived, perhaps before what precedes it */
	uint32_t fin_end;	  /* the number after its own FIN */
	bool unaware;	 /* it sent its FIN, or holds it back, without knowing of the other's */
	uint32_t fin_at; /* the number of the other's FIN */
	bool fin_taken;	 /* ... and that FIN has been processed */
	bool stamped;
	uint32_t ts_recent; /* RFC 7323 */
	struct {
		uint32_t from, to;
	} gap[GAPS]; /* what arrived beyond rcv_nxt */
	size_t gaps;
	struct {
		uint32_t from, to;
	} hole[GAPS]; /* what it must have sent unseen */
	size_t holes;
	bool shut;  /* the other's window was 0 */
	bool acked; /* it has sent an ACK: */
	uint32_t last_ack;
	uint16_t last_window;
	int64_t waits_since; /* in TIME_WAIT */
};

/* The number after a segment (RFC 9293, 3.4). */
static inline uint32_t ends_at(const struct wire_segment *s)
{
	return s->seq + s->length + !!(s->flags & TCP_SYN) + !!(s->flags & TCP_FIN);
}

/* Whether one number comes before another, modulo 2^32. */
static inline bool before(uint32_t one, uint32_t other)
{
	return (int32_t)(one - other) < 0;
}

/* ---- marks.c: what is special about a sent segment ------------------------------------------- */

/* Returns enum wire_mark bits. */
uint16_t marks_of(struct machine *machine, const struct machine *peer,
		  const struct wire_segment *segment);

/* Note that it was seen sending from @from up to @end. */
void marks_sent(struct machine *machine, uint32_t from, uint32_t end);

/* ---- machine.c ------------------------------------------------------------------------------- */

/* A segment leaves the end; @peer: the other end. Returns enum wire_mark bits. */
uint16_t machine_send(struct machine *machine, const struct machine *peer,
		      const struct wire_segment *segment);

/* A segment arrives and is processed at @time. Returns enum wire_mark bits. */
uint16_t machine_receive(struct machine *machine, const struct wire_segment *segment, int64_t time);

/* It has sent all before @number, even if that was not captured. fin: the last of it is a FIN. */
void machine_prove(struct machine *machine, uint32_t number, bool fin);

/* The other end acknowledged @number, with a segment that was not captured. */
void machine_acknowledged(struct machine *machine, uint32_t number, int64_t time);

#endif
