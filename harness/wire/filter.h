/* SPDX-License-Identifier: MIT */
/* Which connections to show; see filter.c. */
#ifndef WIRE_FILTER_H
#define WIRE_FILTER_H

#include "wire/outcome.h"

#define FILTER_RETRANSMITTING WIRE_HOWS /* its own bit: independent of how it ended */

struct wire_filter {
	unsigned only; /* bits 1 << enum wire_how, or FILTER_RETRANSMITTING; 0: all */
	uint16_t port; /* of either end; 0: any */
	int family;    /* of the host; 0: any */
	uint8_t address[16];
	unsigned prefix; /* bits of it that count */
	bool pair;	 /* only this connection: */
	int pair_family;
	struct packet_end end[2];
	int64_t since, until; /* ns since 1970: when it began; 0: any time */
};

/* Fill in a part of @filter from an option. Return 0, or -1 with @error. */
int filter_only(struct wire_filter *filter, const char *text, struct error *error);
int filter_host(struct wire_filter *filter, const char *text, struct error *error);
int filter_connection(struct wire_filter *filter, const char *text, struct error *error);

/* Whether to show a connection with these addresses that began then; and one with this outcome. */
bool filter_takes(const struct wire_filter *filter, const struct wire_connection *connection,
		  int64_t began);
bool filter_takes_outcome(const struct wire_filter *filter, const struct wire_outcome *outcome);

#endif
