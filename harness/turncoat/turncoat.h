/* SPDX-License-Identifier: MIT */
/*
 * turncoat: an HTTP/1.1 server that turns against its clients, in every way of a table.
 *
 *	main.c ── server.c: ports and commands ── connection.c: what happens when
 *	                                            │  request.c: bytes to requests
 *	           behaviours.c: the table          │  reply.c, body.c: replies to bytes
 *	                                            └─ stream.c: plain or TLS
 *
 * request.c, reply.c, body.c and behaviours.c make no system call and are tested with bytes.
 *
 * RFC 9110 and 9112 (HTTP), RFC 8446 (TLS 1.3), RFC 1952 (gzip). See README.md for the events.
 */
#ifndef TURNCOAT_H
#define TURNCOAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/errors.h"

/* ---- behaviours.c ------------------------------------------------------------------------- */

/* When a behaviour strikes. */
enum moment {
	NEVER,
	AT_ACCEPT,  /* as soon as the connection is there */
	AT_HEADER,  /* when the header of a request is there */
	AT_REQUEST, /* when a request was read to its end: instead of the good reply */
	AT_REPLY,   /* behind the good reply */
	AT_IDLE,    /* when the connection has waited for a request */
};

/* What it does then, behind the part of the reply that it sends. */
enum strike {
	STRIKE_NONE,
	STRIKE_FIN, /* after a close_notify, where there is TLS */
	STRIKE_CUT, /* a FIN without it */
	STRIKE_RST,
	STRIKE_SILENCE,
	STRIKE_STALL,
	STRIKE_TRICKLE,
	STRIKE_UNSOLICITED,
	STRIKE_408,
	STRIKE_413,
	STRIKE_NO_CONTINUE,
};

enum framing { BY_LENGTH, BY_CHUNKS, BY_EOF, BY_EOF_GZIP };
enum part { NOTHING, HALF_HEADER, HALF_BODY, WHOLE };

struct behaviour {
	const char *name, *help;
	enum moment moment;
	enum strike strike;
	enum part part; /* of the reply */
	enum framing framing;
	bool last;					    /* says Connection: close */
	bool reused;					    /* spares the first request */
	bool tls;					    /* makes sense with TLS only */
	bool refuses;					    /* nothing listens */
	enum { READ_ON, CLOSE_UNREAD, READ_NO_MORE } after; /* an early reply */
	int64_t time; /* ns until it strikes; 0: it does not wait */
};

/* All behaviours; the name of the last one is NULL. */
const struct behaviour *behaviour_all(void);

/* Understand NAME[=TIME]. Returns 0, or -1 with @error. */
int behaviour_read(const char *word, struct behaviour *behaviour, struct error *error);

#endif
