/* SPDX-License-Identifier: MIT */
/* What the packets of a connection prove, and what they leave open; see evidence.c. */
#ifndef WIRE_EVIDENCE_H
#define WIRE_EVIDENCE_H

#include "wire/wire.h"

struct evidence {
	bool seen[2];	 /* something was captured of that end, or its host was tapped */
	bool one_sided;	 /* one end spoke, but nothing of it was captured */
	bool fin[2];	 /* a FIN of that end was not captured, and follows ... */
	uint32_t end[2]; /* ... with this number after it */
	bool crossed;	 /* its sender did not know of the other end's FIN */
	bool unsure;	 /* it is unknown whether one end has closed ... */
	int missed;	 /* ... because this much of this end was not captured: */
	uint32_t number; /* up to here */
};

struct evidence evidence_of(const struct wire_connection *connection);

/* Fill in the states where only @end was captured. */
void evidence_one_side(const struct wire_connection *connection, int end, struct wire_step *steps,
		       uint8_t ends[2]);

/* Take back the states that the packets leave open. */
void evidence_leave_open(const struct wire_connection *connection, const struct evidence *evidence,
			 struct wire_step *steps, uint8_t ends[2]);

#endif
