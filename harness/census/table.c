/* SPDX-License-Identifier: MIT */
/*
 * A snapshot for people: what there is, whose it is, and what that means. Columns that would hold
 * nothing but zeros are left out.
 */
#include "census/internal.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#define OWNER_LINES 20 /* the rest is in the JSON */

static const char *port_text(uint16_t port, char *text, size_t size)
{
	if (!port)
		return "ephemeral";
	snprintf(text, size, "%u", port);
	return text;
}

/* A process can call itself anything, also something that a terminal obeys. */
const char *census_printable(const char *name, char *text, size_t size)
{
	size_t n = 0;

	for (; name[n] && n < size - 1; n++)
		text[n] = isprint((unsigned char)name[n]) ? name[n] : '?';
	text[n] = '\0';
	return n ? text : "?";
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static void cell(FILE *out, uint64_t value, int width)
{
	if (value)
		fprintf(out, " %*" PRIu64, width, value);
	else
		fprintf(out, " %*s", width, ".");
}

static size_t listening_rows(const struct census_snapshot *snapshot)
{
	size_t n = 0;

	for (size_t i = 0; i < snapshot->row_count; i++)
		n += snapshot->rows[i].state == STATE_LISTEN;
	return n;
}

static void rows(FILE *out, const struct census_snapshot *snapshot)
{
	char text[16];

	if (snapshot->row_count == listening_rows(snapshot))
		return;
	fprintf(out, "  %-12s %-9s %8s", "STATE", "PORT", "COUNT");
	for (int class = 0; class < CENSUS_CLASSES; class ++)
		if (snapshot->classes[class])
			fprintf(out, " %10s", census_class_name(class));
	fprintf(out, snapshot->unread ? " %8s\n" : "\n", "unread");
	for (size_t i = 0; i < snapshot->row_count; i++) {
		const struct census_row *row = &snapshot->rows[i];

		if (row->state == STATE_LISTEN)
			continue; /* each has a line of its own below */
		fprintf(out, "  %-12s %-9s %8" PRIu64, state_name(row->state),
			port_text(row->port, text, sizeof(text)), row->count);
		for (int class = 0; class < CENSUS_CLASSES; class ++)
			if (snapshot->classes[class])
				cell(out, row->by_class[class], 10);
		if (snapshot->unread)
			cell(out, row->unread, 8);
		putc('\n', out);
	}
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
		fputs("; never read the EOF", out);
	else
		fprintf(out,
			"; %" PRIu64 " never read the EOF, of %" PRIu64 " nothing waits to be read",
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

	for (i = 0; i < snapshot->owner_count && i < OWNER_LINES; i++) {
		const struct census_owner *owner = &snapshot->owners[i];

		fprintf(out, "  %s pid %d: ", census_printable(owner->process, name, sizeof(name)),
			owner->pid);
		what_owned(out, owner);
		by_what(out, owner);
		verdict(out, owner);
		putc('\n', out);
	}
	if (i < snapshot->owner_count)
		fprintf(out, "  ... and %zu more (--json lists all)\n", snapshot->owner_count - i);
}

static void listeners(FILE *out, const struct census_snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->listener_count; i++) {
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
		fprintf(out, ": %u of %u waiting for accept()\n", listener->recv_queue,
			listener->backlog);
	}
}

/* Whose accept() a connection waits for. */
static const struct census_listener *listener_of(const struct census_snapshot *snapshot,
						 uint16_t port)
{
	for (size_t i = 0; i < snapshot->listener_count; i++)
		if (snapshot->listeners[i].port == port)
			return &snapshot->listeners[i];
	return NULL;
}

static void unaccepted(FILE *out, const struct census_snapshot *snapshot)
{
	char name[64];

	for (size_t i = 0; i < snapshot->row_count; i++) {
		const struct census_row *row = &snapshot->rows[i];
		uint64_t n = row->by_class[CENSUS_UNACCEPTED];
		const struct census_listener *listener = listener_of(snapshot, row->port);

		if (row->state != STATE_CLOSE_WAIT || !n)
			continue;
		fprintf(out,
			"  %" PRIu64 " CLOSE_WAIT belong%s to no process yet: the peer closed "
			"before accept()",
			n, n == 1 ? "s" : "");
		if (listener && listener->pid)
			fprintf(out, " by %s pid %d, which listens on port %u",
				census_printable(listener->process, name, sizeof(name)),
				listener->pid, row->port);
		else if (row->port)
			fprintf(out, " on port %u", row->port);
		putc('\n', out);
	}
}

/* What another view shows, and what it means. */
static void notes(FILE *out, const struct census_snapshot *snapshot)
{
	if (snapshot->mptcp)
		fprintf(out,
			"  counted with them: %" PRIu64 " MPTCP socket%s in a state that no "
			"subflow has (ss -M)\n",
			snapshot->mptcp, plural(snapshot->mptcp));
	if (snapshot->elsewhere)
		fprintf(out,
			"  %s: %" PRIu64
			" socket%s of another network namespace that pid %d%s has%s\n",
			snapshot->by_process ? "counted with them" : "not counted",
			snapshot->elsewhere, plural(snapshot->elsewhere), snapshot->elsewhere_pid,
			snapshot->elsewhere == 1 ? "" : " and perhaps others",
			snapshot->by_process ? "" : " (--pid counts them)");
	if (snapshot->interrupted)
		fputs("  not exact: the table kept changing during every attempt to read it\n",
		      out);
	if (snapshot->from_procfs)
		fputs("  counted from /proc/net/tcp, because sock_diag is not to be had here: a "
		      "busy table is not exact\n",
		      out);
}

static void in_flight(FILE *out, const struct census_snapshot *snapshot)
{
	char name[64];

	fprintf(out,
		"on the way through a UNIX socket, perhaps (SCM_RIGHTS): descriptor %d of %s pid "
		"%d carries %" PRIu64,
		snapshot->in_flight.fd,
		census_printable(snapshot->in_flight.process, name, sizeof(name)),
		snapshot->in_flight.pid, snapshot->in_flight.count);
}

/* What could not be seen, a line for each reason. */
static void not_seen(FILE *out, const struct census_snapshot *snapshot)
{
	static const char *const reasons[CENSUS_WHYS] = {
	    [CENSUS_WHY_UNREADABLE] = "there are processes that may not be read",
	    [CENSUS_WHY_CLOSED] = "closed while they were counted",
	    [CENSUS_WHY_NOWHERE] = "no process that is visible here has them: the kernel, or a "
				   "process of another pid namespace",
	};
	uint64_t unknown = snapshot->classes[CENSUS_UNKNOWN];

	if (!snapshot->asked.owners && unknown)
		fprintf(out,
			"  not seen: the owners of %" PRIu64 " socket%s, they were not asked\n",
			unknown, plural(unknown));
	for (int why = 0; why < CENSUS_WHYS; why++) {
		if (!snapshot->unknown[why])
			continue;
		fprintf(out, "  not seen: the owner%s of %" PRIu64 " socket%s: ",
			plural(snapshot->unknown[why]), snapshot->unknown[why],
			plural(snapshot->unknown[why]));
		if (why == CENSUS_WHY_IN_FLIGHT)
			in_flight(out, snapshot);
		else
			fputs(reasons[why], out);
		putc('\n', out);
	}
	if (snapshot->unreadable_processes)
		fprintf(out,
			"  not seen: what %" PRIu64 " process%s hold%s (so descriptors and those "
			"gone are incomplete): %s\n",
			snapshot->unreadable_processes,
			snapshot->unreadable_processes == 1 ? "" : "es",
			snapshot->unreadable_processes == 1 ? "s" : "", snapshot->unreadable);
	if (snapshot->unplaced)
		fprintf(out,
			"  not seen: whether %" PRIu64 " of those gone %s in a network namespace "
			"that may not be entered\n",
			snapshot->unplaced, snapshot->unplaced == 1 ? "is" : "are");
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
		fprintf(out, ", %" PRIu64 " descriptor%s of connections, %" PRIu64 " %s",
			snapshot->descriptors - snapshot->gone,
			plural(snapshot->descriptors - snapshot->gone), snapshot->gone,
			"gone or never connected");
	if (snapshot->ghosts || snapshot->unconnected)
		fprintf(out, " (%" PRIu64 " ghost%s, %" PRIu64 " never connected)",
			snapshot->ghosts, plural(snapshot->ghosts), snapshot->unconnected);
	putc('\n', out);
	rows(out, snapshot);
	owners(out, snapshot);
	listeners(out, snapshot);
	unaccepted(out, snapshot);
	notes(out, snapshot);
	not_seen(out, snapshot);
}
