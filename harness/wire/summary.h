/* SPDX-License-Identifier: MIT */
/* Sums over all connections of a capture, and how complete the capture is. */
#ifndef WIRE_SUMMARY_H
#define WIRE_SUMMARY_H

#include "common/json.h"
#include "wire/outcome.h"

struct wire_summary {
	uint64_t connections, how[WIRE_HOWS], closer[WIRE_NOT_KNOWN + 1];
	uint64_t resets[2][WIRE_AFTERS]; /* by whom, and after what */
	uint64_t opened, half_open, one_sided, retransmitting, bytes[2];
	int64_t verdict; /* ns since 1970; 0: not known */
	uint64_t began_later, ended_later; /* than the verdict: the first are not among the second */
	int64_t *lasted; /* ns, of each */
	size_t room;
};

/* Count one connection more. Returns 0, or -1 without memory. */
int summary_add(struct wire_summary *summary, const struct wire_outcome *outcome);
void summary_clear(struct wire_summary *summary);

/* The text before all ladders, in lines of at most @width columns. */
void summary_text(FILE *out, const struct wire_ladders *ladders, int width);

/* The members "summary" and "capture". */
void summary_json(struct json *json, const struct wire_ladders *ladders);

#endif
