/*
 * repeated_post: a client that buys -n tickets. It looks at the price, looks at what is left, and
 * orders, all over one connection that it keeps.
 *
 * A server may close a kept connection at any time, so a request on it can fail with nothing wrong,
 * and a client repeats it on a new one (RFC 9112 section 9.3.1). The client cannot know what the
 * server had done by then: GET may be done twice, POST may not (RFC 9110 section 9.2.2).
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/endpoint.h"
#include "common/events.h"
#include "common/options.h"

static struct options o = {.address = "127.0.0.1", .port = 9000, .connections = 1};
static int kept = -1; /* the connection */

/* Send a request and read its reply. Returns false when the connection ended before. */
static bool exchange(const char *method, const char *target)
{
	static char text[1 << 16];
	int length =
	    snprintf(text, sizeof(text),
		     "%s %s HTTP/1.1\r\nHost: server\r\nContent-Length: 0\r\n\r\n", method, target);
	size_t used = 0, whole = sizeof(text) - 1;

	if (send(kept, text, length, MSG_NOSIGNAL) < 0)
		return false;
	while (used < whole) {
		ssize_t n = recv(kept, text + used, whole - used, 0);
		const char *end, *field;

		if (n <= 0)
			return false;
		used += n;
		text[used] = '\0';
		end = strstr(text, "\r\n\r\n");
		field = end ? strcasestr(text, "\r\nContent-Length:") : NULL;
		if (field)
			whole = end + 4 - text + strtoul(field + 17, NULL, 10);
	}
	return true;
}

/* Send a request, on a new connection if need be. Returns whether it was answered. */
static bool ask(const char *method, const char *target)
{
	bool fresh = kept < 0;

	if (fresh)
		kept = endpoint_connect(&o);
	if (kept >= 0 && exchange(method, target)) {
		say("answer method=%s", method);
		return true;
	}
	if (kept >= 0)
		close(kept);
	kept = -1;
	/* LESSON: it may be done by now; repeat only what may be done twice. */
	if (fresh || strcmp(method, "POST") == 0)
		return false;
	return ask(method, target);
}

int main(int argc, char **argv)
{
	options_parse(&o, argc, argv, "Buys -n tickets over a connection that it keeps.");
	for (unsigned number = 1; number <= o.connections; number++) {
		if (!ask("GET", "/price") || !ask("GET", "/left"))
			errx(1, "no answer to a GET on a new connection");
		if (!ask("POST", "/order"))
			say("unknown number=%u", number); /* a person must look */
	}
	say("idle");
	pause();
	return EXIT_SUCCESS;
}
