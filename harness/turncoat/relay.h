/* SPDX-License-Identifier: MIT */
/*
 * turncoat as a relay: between a client and a real backend, until it strikes. It knows no protocol.
 *
 *	server.c: ports ── relay.c: connections ── passing.c: bytes both ways ── stream.c: sockets
 *	                                              │  blow.c: messages, and where it strikes
 *	                                            deed.c: how it strikes
 *
 * blow.c makes no system call and is tested with numbers.
 */
#ifndef TURNCOAT_RELAY_H
#define TURNCOAT_RELAY_H

#include "turncoat/turncoat.h"

/* ---- blow.c ------------------------------------------------------------------------------- */

/* What a relay does to its clients, and where. */
struct blow {
	char text[48];	      /* as on the command line */
	enum strike how;      /* STRIKE_NONE: it passes everything */
	bool at_once;	      /* each connection, as soon as it exists; else: */
	unsigned int nth;     /* the number of a future connection, from 1 on */
	unsigned int message; /* when this message of the backend begins, from 1 on, */
	uint64_t bytes;	      /* and this many of its bytes have gone through */
};

/* Parse pass, HOW or HOW@[NTH.]MESSAGE[+BYTES]. Returns 0, or -1 with @error. */
int blow_read(const char *word, struct blow *blow, struct error *error);

enum speaker { NOBODY, CLIENT, BACKEND };

/* What one side says until the other speaks, or until it pauses. */
struct message {
	enum speaker by;
	unsigned int number; /* among the same side's messages, from 1 on */
	uint64_t bytes;
};

/* A conversation so far. Initialised with zeros and a pause. */
struct turns {
	int64_t pause;		/* ns of silence that end a message */
	int64_t last;		/* ns, when the last bytes came */
	unsigned int said[3];	/* messages by each side */
	struct message message; /* the current one */
};

/* @count bytes arrived at the time @now (ns). Returns true if they begin a message; @over is the
 * one before. */
bool turns_take(struct turns *turns, enum speaker by, size_t count, int64_t now,
		struct message *over);

/*
 * The last @count bytes taken are the backend's: how many of them go through before the blow falls.
 * Returns SIZE_MAX if it does not fall yet.
 */
size_t blow_spares(const struct blow *blow, unsigned int nth, const struct turns *turns,
		   size_t count);

/* ---- relay.c ------------------------------------------------------------------------------ */

struct relay;

/* The part of a port that relays. */
struct relaying {
	struct blow blow;
	unsigned int arrived; /* connections since the blow was set */
	LIST_HEAD(, relay) relays;
};

struct relaying *relaying_new(const struct blow *blow); /* NULL: no memory; free() it */

/* Relay an accepted connection until it ends. */
void relay_begin(struct port *port, int fd, const char *peer, uint16_t peerport);

/* This blow falls from now on: an immediate one also on connections that are already open. */
void relay_become(struct port *port, const struct blow *blow);

/* End all connections with a FIN, as a program that exits. */
void relay_end_all(struct port *port);

/* ---- only for relay.c, passing.c and deed.c ---------------------------------------------- */

/* One end of a relayed connection. */
struct side {
	struct stream stream; /* its descriptor is -1 for a backend that was never asked */
	struct event *readable, *writable;
	struct evbuffer *waiting; /* to be sent to it */
	bool ended;		  /* nothing more comes from it */
	bool shut;		  /* nothing more is sent to it */
};

struct relay {
	LIST_ENTRY(relay) others;
	struct port *port;
	unsigned int number, nth; /* of the process; of the port, since its blow was set */
	struct blow blow;
	enum { PASSING, FALLING, STRUCK } stage; /* FALLING: until what it spares is out */
	struct side client, backend;
	struct event *timer;
	struct turns turns;
	int64_t told;			   /* ns, when a message was reported */
	uint64_t after;			   /* bytes of its message that were spared */
	size_t allowed;			   /* bytes that may go to the client now */
	uint64_t received, sent, withheld; /* from the client, to it, and withheld from it */
};

/* Report a finished message, unless there are very many. */
void relay_tell(struct relay *relay, const struct message *message);

/* Close both ends. @how: towards the client, STRIKE_FIN or STRIKE_RST. */
void relay_close(struct relay *relay, enum strike how);

/* Wake relay_timer() after @ns. */
void relay_after(struct relay *relay, int64_t ns);

/* Strike if it is time; then free it if it is closed, or wait for the next event. */
void relay_settle(struct relay *relay);

/* For event_new(). */
void relay_io(int fd, short what, void *relay);
void relay_timer(int fd, short what, void *relay);

/* Whether all that the blow spares is out and, for a RST or `gone`, has arrived. */
bool deed_is_due(const struct relay *relay);

/* Strike, unless the client is gone. */
void deed_do(struct relay *relay);

#endif
