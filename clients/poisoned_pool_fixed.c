/*
 * poisoned_pool: a client that sends -n requests, one after another, and keeps its connection for
 * the next one.
 *
 * Nothing in HTTP/1.1 says which request a reply belongs to: the order does (RFC 9112 section 9.2).
 * So a single extra reply is taken for the answer to the next request, and from then on every
 * answer belongs to the wrong request.
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/endpoint.h"
#include "common/events.h"
#include "common/options.h"

static struct options o = {.address = "127.0.0.1", .port = 9000, .connections = 1};
static int kept = -1;	   /* the connection */
static char text[1 << 16]; /* what was read from it ... */
static size_t used;	   /* ... and belongs to no reply yet */

/* The length of the reply that text begins with; 0: its header is not complete yet. */
static size_t length_of_reply(size_t *body)
{
	const char *end, *field;

	text[used] = '\0';
	end = strstr(text, "\r\n\r\n");
	field = end ? strcasestr(text, "\r\nContent-Length:") : NULL;
	*body = field ? strtoul(field + 17, NULL, 10) : 0;
	return end ? end + 4 - text + *body : 0;
}

static void drop(void)
{
	close(kept);
	kept = -1;
	used = 0;
}

/* The connection of the last request, or a new one. Returns false if that fails. */
static bool take(void)
{
	char next;
	ssize_t n = kept < 0 ? -1 : recv(kept, &next, 1, MSG_PEEK | MSG_DONTWAIT);

	/* LESSON: nothing was asked, so what has come answers nothing: do not reuse it. */
	if (kept >= 0 && (used || n >= 0 || errno != EAGAIN))
		drop();
	if (kept < 0)
		kept = endpoint_connect(&o);
	return kept >= 0;
}

static void ask(unsigned number)
{
	char request[64];
	int size = snprintf(request, sizeof(request),
			    "GET /%u HTTP/1.1\r\nHost: server\r\n\r\n", number);
	size_t length, body;
	ssize_t n;

	if (!take())
		err(1, "connect");
	n = send(kept, request, size, MSG_NOSIGNAL);
	while (n > 0 && (!(length = length_of_reply(&body)) || used < length)) {
		n = recv(kept, text + used, sizeof(text) - 1 - used, 0);
		used += n > 0 ? n : 0;
	}
	if (n <= 0) {
		say("failed number=%u err=%s", number, error_of(n));
		drop();
		return;
	}
	say("answer number=%u bytes=%zu", number, body);
	used -= length;
	memmove(text, text + length, used);
}

int main(int argc, char **argv)
{
	options_parse(&o, argc, argv, "Sends -n requests over a connection that it keeps.");
	for (unsigned number = 1; number <= o.connections; number++)
		ask(number);
	say("idle");
	pause();
	return EXIT_SUCCESS;
}
