/* SPDX-License-Identifier: MIT */
/* How a connection went, in a few words; see outcome.c. */
#ifndef WIRE_OUTCOME_H
#define WIRE_OUTCOME_H

#include "wire/evidence.h"

#define WIRE_HISTORY 48 /* bytes for Zeek's history of a connection */

/* From best to worst. */
enum wire_how {
	WIRE_ORDERLY,
	WIRE_OPEN,
	WIRE_UNKNOWN,
	WIRE_HALF_CLOSED,
	WIRE_UNANSWERED,
	WIRE_WAS_REFUSED,
	WIRE_WAS_RESET,
	WIRE_HOWS,
};

/* Who closed first, by FIN or RST; the first two are enum wire_end. */
enum wire_closer {
	WIRE_CLIENT_FIRST,
	WIRE_SERVER_FIRST,
	WIRE_BOTH_FIRST, /* neither knew of the other's FIN */
	WIRE_NOBODY,
	WIRE_NOT_KNOWN,
};

/* What preceded a RST. */
enum wire_after {
	WIRE_IN_HANDSHAKE,
	WIRE_AFTER_OPENING,
	WIRE_AFTER_TEXT,
	WIRE_AFTER_FIN, /* of the other end */
	WIRE_AFTER_OWN_FIN,
	WIRE_AFTERS,
};

struct wire_outcome {
	enum wire_how how;
	enum wire_closer closer;
	int resetter; /* enum wire_end, if it was reset: */
	enum wire_after after;
	bool opened; /* both ends were open at once */
	bool one_sided, retransmitting;
	bool half_open;	      /* one end is closed, and the other does not know */
	int64_t began, ended; /* ns since 1970: of the first and the last segment */
	uint64_t bytes[2];    /* of payload, each once */
	bool bytes_known[2];
	const char *conn_state; /* as in Zeek's conn.log */
	char history[WIRE_HISTORY];
};

/* steps, states: as filled in by wire_derive(). */
void wire_outcome_of(const struct wire_connection *connection, const struct wire_step *steps,
		     const uint8_t states[2], struct wire_outcome *outcome);

/* zeek.c: fill in conn_state and history. */
void wire_zeek(const struct wire_connection *connection, const struct wire_step *steps,
	       struct wire_outcome *outcome);

/* "half-closed" */
const char *wire_how_name(enum wire_how how);

/* "client", "server", "both", "none"; NULL: not known */
const char *wire_closer_name(enum wire_closer closer);

#endif
