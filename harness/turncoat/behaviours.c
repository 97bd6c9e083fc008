/* SPDX-License-Identifier: MIT */
/* The behaviours, as a table. */
#include "turncoat/turncoat.h"

#include <string.h>

#include "common/duration.h"
#include "common/nearest.h"

#define MS 1000000LL /* in ns */

/* Half of a body, then the end: with and without "Connection: close". */
#define SHORT(name, word, how, what, blow)                                                         \
	{"short-" name "-" word "-keep",                                                           \
	 "Half of a body " what,                                                                   \
	 .moment = AT_REQUEST,                                                                     \
	 .strike = blow,                                                                           \
	 .part = HALF_BODY,                                                                        \
	 .framing = how},                                                                          \
	{                                                                                          \
		"short-" name "-" word "-close", "The same with Connection: close",                \
		    .moment = AT_REQUEST, .strike = blow, .part = HALF_BODY, .framing = how,       \
		    .last = true                                                                   \
	}

static const struct behaviour behaviours[] = {
    {"good", "Replies correctly", .moment = NEVER},
    {"half-header-fin", "Half of a header, then FIN", .moment = AT_REQUEST, .strike = STRIKE_FIN,
     .part = HALF_HEADER},
    {"half-header-rst", "Half of a header, then RST", .moment = AT_REQUEST, .strike = STRIKE_RST,
     .part = HALF_HEADER},
    SHORT("length", "fin", BY_LENGTH, "with Content-Length, then FIN", STRIKE_FIN),
    SHORT("length", "rst", BY_LENGTH, "with Content-Length, then RST", STRIKE_RST),
    SHORT("chunked", "fin", BY_CHUNKS, "in chunks, then FIN", STRIKE_FIN),
    SHORT("chunked", "rst", BY_CHUNKS, "in chunks, then RST", STRIKE_RST),
    SHORT("eof", "fin", BY_EOF, "without a length, then FIN: looks like a whole one", STRIKE_FIN),
    SHORT("eof", "rst", BY_EOF, "without a length, then RST", STRIKE_RST),
    SHORT("gzip", "fin", BY_EOF_GZIP, "in gzip without a length, then FIN", STRIKE_FIN),
    SHORT("gzip", "rst", BY_EOF_GZIP, "in gzip without a length, then RST", STRIKE_RST),
    {"no-close-notify", "Half of a body without a length, then FIN without close_notify",
     .moment = AT_REQUEST, .strike = STRIKE_CUT, .part = HALF_BODY, .framing = BY_EOF, .last = true,
     .tls = true},
    {"idle-close", "FIN to a connection that has been idle for TIME", .moment = AT_IDLE,
     .strike = STRIKE_FIN, .time = 1000 * MS},
    {"idle-reset", "RST to a connection that has been idle for TIME", .moment = AT_IDLE,
     .strike = STRIKE_RST, .time = 1000 * MS},
    {"idle-408", "408 and FIN to a connection that has been idle for TIME", .moment = AT_IDLE,
     .strike = STRIKE_408, .time = 1000 * MS},
    {"unsolicited-now", "A second reply right after each reply", .moment = AT_REPLY,
     .strike = STRIKE_UNSOLICITED},
    {"unsolicited-later", "A second reply once the connection has been idle for TIME",
     .moment = AT_IDLE, .strike = STRIKE_UNSOLICITED, .time = 1000 * MS},
    {"early-413-drained", "413 before the upload, which is then read", .moment = AT_HEADER,
     .strike = STRIKE_413, .after = READ_ON},
    {"early-413-reset", "413 before the upload, then RST without reading it", .moment = AT_HEADER,
     .strike = STRIKE_413, .after = CLOSE_UNREAD},
    {"early-413-deaf", "413 before the upload, which is never read", .moment = AT_HEADER,
     .strike = STRIKE_413, .after = READ_NO_MORE},
    {"not-found", "404 with the good body", .moment = AT_REQUEST, .strike = STRIKE_404,
     .part = WHOLE},
    {"silence", "Reads requests and never answers", .moment = AT_REQUEST, .strike = STRIKE_SILENCE},
    {"stalled-body", "Half of a body with Content-Length, then nothing", .moment = AT_REQUEST,
     .strike = STRIKE_STALL, .part = HALF_BODY},
    {"trickle", "One byte of the body every TIME", .moment = AT_REQUEST, .strike = STRIKE_TRICKLE,
     .part = WHOLE, .time = 500 * MS},
    {"no-continue", "Never says 100 Continue", .moment = AT_HEADER, .strike = STRIKE_NO_CONTINUE},
    {"unanswered-fin", "Reads each request, then FIN", .moment = AT_REQUEST, .strike = STRIKE_FIN},
    {"unanswered-rst", "Reads each request, then RST", .moment = AT_REQUEST, .strike = STRIKE_RST},
    {"reused-fin", "Reads the second request of a connection, then FIN", .moment = AT_REQUEST,
     .strike = STRIKE_FIN, .reused = true},
    {"reused-rst", "Reads the second request of a connection, then RST", .moment = AT_REQUEST,
     .strike = STRIKE_RST, .reused = true},
    {"accept-fin", "FIN at once", .moment = AT_ACCEPT, .strike = STRIKE_FIN},
    {"accept-rst", "RST at once", .moment = AT_ACCEPT, .strike = STRIKE_RST},
    {"refuse", "Refuses connections", .refuses = true},
    {0},
};

const char *strike_name(enum strike strike)
{
	static const char *const names[] = {
	    [STRIKE_NONE] = "pass",	  [STRIKE_FIN] = "fin",
	    [STRIKE_CUT] = "cut",	  [STRIKE_RST] = "rst",
	    [STRIKE_SILENCE] = "silence", [STRIKE_STALL] = "stall",
	    [STRIKE_TRICKLE] = "trickle", [STRIKE_UNSOLICITED] = "unsolicited",
	    [STRIKE_404] = "404",	  [STRIKE_408] = "408",
	    [STRIKE_413] = "413",	  [STRIKE_NO_CONTINUE] = "no-continue",
	    [STRIKE_HALF] = "half",	  [STRIKE_GONE] = "gone",
	};

	return names[strike];
}

const struct behaviour *behaviour_all(void)
{
	return behaviours;
}

static const struct behaviour *find(const char *name, size_t length, const char **nearest)
{
	unsigned int distance = 0;

	*nearest = NULL;
	for (const struct behaviour *b = behaviours; b->name; b++) {
		if (strlen(b->name) == length && !strncmp(b->name, name, length))
			return b;
		nearest_offer(name, length, b->name, nearest, &distance);
	}
	return NULL;
}

int behaviour_read(const char *word, struct behaviour *behaviour, struct error *error)
{
	size_t length = strcspn(word, "=");
	const char *nearest;
	const struct behaviour *found = find(word, length, &nearest);

	if (!found && nearest)
		return error_set(error, EXIT_USAGE, "no behaviour %.*s: did you mean %s?",
				 (int)length, word, nearest);
	if (!found)
		return error_set(error, EXIT_USAGE, "no behaviour %.*s: see turncoat --list",
				 (int)length, word);
	*behaviour = *found;
	if (!word[length])
		return 0;
	if (!found->time)
		return error_set(error, EXIT_USAGE, "%s takes no =TIME", found->name);
	behaviour->time = duration_read(word + length + 1);
	if (behaviour->time <= 0)
		return error_set(error, EXIT_USAGE,
				 "%s takes a time, such as 300ms or 2s, not '%s'", found->name,
				 word + length + 1);
	return 0;
}
