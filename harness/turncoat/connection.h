/* SPDX-License-Identifier: MIT */
/*
 * A connection of turncoat, only for connection.c, betray.c and told.c.
 *
 *	connection.c: bytes come in and go out ── told.c: its events
 *	      │ ↑
 *	betray.c: what happens to a request, to an idle connection, and at the end
 */
#ifndef TURNCOAT_CONNECTION_H
#define TURNCOAT_CONNECTION_H

#include "turncoat/turncoat.h"

#define REPLIES 4  /* waiting to go out: 100 Continue, a reply, an unsolicited one */
#define PACE 16384 /* bytes read or written at a time */

enum phase {
	HANDSHAKE,
	READING,  /* a request, or waiting for one */
	REPLYING, /* until the reply is out; input waits */
	ARRIVING, /* until the client's host has everything, before a RST */
	WAITING,  /* until something has arrived that close() leaves unread */
	DEAF,	  /* until the client ends */
};

/* A reply on its way out. */
struct queued {
	struct reply reply;
	enum strike strike; /* done when it is out */
};

struct connection {
	LIST_ENTRY(connection) others;
	struct port *port;
	struct behaviour behaviour; /* that of the current request */
	unsigned int number, n;	    /* of the connection, and of its request; 0: none yet */
	struct stream stream;
	struct event *readable, *writable, *timer;
	enum phase phase;
	bool to_write;	      /* the handshake waits to write */
	bool ended;	      /* the client has ended while a reply was on its way */
	bool mute;	      /* nothing more is answered */
	unsigned int unasked; /* the request after which the last unsolicited reply was sent */
	/* Of the current request: */
	struct request request;
	bool answered; /* early */
	bool told;
	enum strike then; /* when the reply is out */
	/* Pending bytes: */
	struct evbuffer *out;
	struct queued queue[REPLIES];
	size_t queued, written; /* how many replies, and how many bytes of the first are out */
	size_t allowed;		/* bytes that may go out now */
	size_t held;
	char input[PACE];
	uint64_t received, sent; /* bytes in all, before TLS */
};

/* ---- connection.c ------------------------------------------------------------------------- */

/* Whether part of the next request has arrived. */
bool connection_begun(const struct connection *c);

/* Send a reply. @strike: the strike that this completes, or STRIKE_NONE. */
void connection_queue(struct connection *c, const struct reply *reply, enum strike strike);

/* Wait for the next request. */
void connection_rest(struct connection *c);

/* Wake betray_timer() after @ns. */
void connection_after(struct connection *c, int64_t ns);

/* Strike with STRIKE_FIN, _CUT or _RST, unless the client has ended first. */
void connection_strike(struct connection *c, enum strike how);

/* The client has ended first, with "fin" or "rst". */
void connection_lost(struct connection *c, const char *how);

/* Close properly after the last reply. */
void connection_finish(struct connection *c);

/* ---- betray.c ----------------------------------------------------------------------------- */

void betray_accept(struct connection *c);  /* accepted, before TLS */
void betray_header(struct connection *c);  /* the header of a request was read */
void betray_request(struct connection *c); /* a request was read to its end, or is bad */
void betray_replied(struct connection *c); /* all that was queued is out */
void betray_rest(struct connection *c);	   /* it waits for a request */
void betray_timer(struct connection *c);   /* the time is over */
void betray_unread(struct connection *c);  /* WAITING, and something has arrived */

/* ---- told.c ------------------------------------------------------------------------------- */

void tell_request(struct connection *c);
void tell_sent(const struct connection *c); /* of the first reply in the queue */
void tell_strike(const struct connection *c, enum strike strike, size_t unread);
void tell_error(const struct connection *c, const char *call);

#endif
