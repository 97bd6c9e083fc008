/* SPDX-License-Identifier: MIT */
/*
 * A snapshot for people: what exists, whose it is, and what that means.
 */
#include "census/table.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#define LISTENER_LINES 20 /* the rest is in the JSON */

/* A process can give itself any name, even one that a terminal obeys. */
const char *census_printable(const char *name, char *text, size_t size)
{
	size_t n = 0;

	for (; name[n] && n < size - 1; n++)
		text[n] = isprint((unsigned char)name[n]) ? name[n] : '?';
	text[n] = '\0';
	return n ? text : "?";
}

void census_and_more(FILE *out, size_t count, const char *what)
{
	if (count)
		fprintf(out, "  ... and %zu more %s%s (--json lists all)\n", count, what,
			plural(count));
}

/* The diagnosis; see struct census_socket.recv_queue. */
static void verdict(FILE *out, const struct census_owner *owner)
{
	uint64_t read = owner->descriptors - owner->unread;

	if (owner->gone == CENSUS_GHOST)
		fputs("; the connection is gone, the descriptor was never closed", out);
	if (owner->state != STATE_CLOSE_WAIT)
		return;
	if (!owner->unread)
		fputs("; did not close, and nothing waits to be read", out);
	else if (!read)
		fputs("; never read the FIN", out);
	else
		fprintf(out,
			"; %" PRIu64 " never read the FIN, %" PRIu64
			" have nothing waiting to be read",
			owner->unread, read);
}

/* "3 CLOSE_WAIT", "1 ghost" */
static void what_owned(FILE *out, const struct census_owner *owner)
{
	static const char *const words[CENSUS_GONES][2] = {
	    [CENSUS_GONE] = {"gone or never connected", "gone or never connected"},
	    [CENSUS_GHOST] = {"ghost", "ghosts"},
	    [CENSUS_UNCONNECTED] = {"never connected", "never connected"},
	};
	const char *state = state_name(owner->state);

	if (owner->gone != CENSUS_LISTED)
		state = words[owner->gone][owner->sockets != 1];
	fprintf(out, "%" PRIu64 " %s", owner->sockets, state ? state : "?");
	if (owner->port)
		fprintf(out, " on port %u", owner->port);
	else if (owner->gone != CENSUS_GONE && owner->gone != CENSUS_UNCONNECTED)
		fprintf(out, " on ephemeral port%s", plural(owner->sockets));
}

/* ", descriptors 3 5 6"; after dup() there are more of these than sockets. */
static void by_what(FILE *out, const struct census_owner *owner)
{
	if (owner->hold == CENSUS_BY_MAPPING) {
		fprintf(out, ", held by %" PRIu64 " mapping%s (/proc/%d/maps), not by a descriptor",
			owner->descriptors, plural(owner->descriptors), owner->pid);
		return;
	}
	if (owner->hold == CENSUS_BY_RING)
		fprintf(out, ", fixed file%s", plural(owner->descriptors));
	else if (owner->descriptors != owner->sockets)
		fprintf(out, ", %" PRIu64 " descriptors of %s:", owner->descriptors,
			owner->sockets == 1 ? "it" : "them");
	else
		fprintf(out, ", descriptor%s", plural(owner->descriptors));
	for (uint64_t n = 0; n < owner->descriptors && n < CENSUS_FDS; n++)
		fprintf(out, " %d", owner->fds[n]);
	if (owner->descriptors > CENSUS_FDS)
		fputs(" ...", out);
	if (owner->hold == CENSUS_BY_RING)
		fputs(" of an io_uring", out);
}

static void owners(FILE *out, const struct census_snapshot *snapshot)
{
	char name[64];
	size_t i;

	for (i = 0; i < snapshot->owner_count && i < CENSUS_OWNER_LINES; i++) {
		const struct census_owner *owner = &snapshot->owners[i];

		fprintf(out, "  %s pid %d", census_printable(owner->process, name, sizeof(name)),
			owner->pid);
		if (*owner->unit)
			fprintf(out, " in %s", census_printable(owner->unit, name, sizeof(name)));
		fputs(": ", out);
		what_owned(out, owner);
		by_what(out, owner);
		verdict(out, owner);
		putc('\n', out);
	}
	census_and_more(out, snapshot->owner_count - i, "owner");
}

static void listeners(FILE *out, const struct census_snapshot *snapshot)
{
	size_t i;

	for (i = 0; i < snapshot->listener_count && i < LISTENER_LINES; i++) {
		const struct census_listener *listener = &snapshot->listeners[i];
		char address[INET6_ADDRSTRLEN] = "", name[64];
		bool six = listener->family == AF_INET6;

		inet_ntop(listener->family, listener->address, address, sizeof(address));
		fprintf(out, "  listener %s%s%s:%u", six ? "[" : "", address, six ? "]" : "",
			listener->port);
		if (listener->pid)
			fprintf(out, ", %s pid %d",
				census_printable(listener->process, name, sizeof(name)),
				listener->pid);
		fprintf(out, ": %u", listener->recv_queue);
		if (!snapshot->from_procfs) /* which does not show the backlog */
			fprintf(out, " of %u", listener->backlog);
		fprintf(out, " waiting for accept()\n");
	}
	census_and_more(out, snapshot->listener_count - i, "listener");
}

void census_table(FILE *out, const char *host, const struct census_snapshot *snapshot)
{
	uint64_t sockets = 0;
	char name[64];

	for (int state = 1; state < STATES; state++)
		if (snapshot->asked.states & STATE_BIT(state))
			sockets += snapshot->states[state];
	fprintf(out, "%s: %" PRIu64 " TCP socket%s", census_printable(host, name, sizeof(name)),
		sockets, plural(sockets));
	if (snapshot->asked.descriptors)
		fprintf(out,
			"; descriptors: %" PRIu64 " connected, %" PRIu64 " gone or never connected",
			snapshot->descriptors - snapshot->gone, snapshot->gone);
	if (snapshot->ghosts || snapshot->unconnected)
		fprintf(out, " (%" PRIu64 " ghost%s, %" PRIu64 " never connected)",
			snapshot->ghosts, plural(snapshot->ghosts), snapshot->unconnected);
	putc('\n', out);
	census_table_rows(out, snapshot);
	owners(out, snapshot);
	listeners(out, snapshot);
	census_table_notes(out, snapshot);
}
