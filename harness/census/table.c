/* SPDX-License-Identifier: MIT */
/*
 * A snapshot for people: what there is, whose it is, and what that means. Columns that would hold
 * nothing but zeros are left out.
 */
#include "census/census.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define OWNER_LINES 20 /* the rest is in the JSON */

static const char *port_text(uint16_t port, char *text, size_t size)
{
	if (!port)
		return "ephemeral";
	snprintf(text, size, "%u", port);
	return text;
}

/* A process can call itself anything, also something that a terminal obeys. */
static const char *printable(const char *name, char *text, size_t size)
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
	if (owner->state == STATE_CLOSED)
		fputs("; the connection is gone, the descriptor was never closed", out);
	if (owner->state != STATE_CLOSE_WAIT)
		return;
	if (!owner->unread)
		fputs("; read the EOF and did not close", out);
	else if (owner->unread == owner->descriptors)
		fputs("; never read the EOF", out);
	else
		fprintf(out,
			"; %" PRIu64 " never read the EOF, %" PRIu64 " read it and did not close",
			owner->unread, owner->descriptors - owner->unread);
}

static void owners(FILE *out, const struct census_snapshot *snapshot)
{
	char name[64];
	size_t i;

	for (i = 0; i < snapshot->owner_count && i < OWNER_LINES; i++) {
		const struct census_owner *owner = &snapshot->owners[i];
		const char *state = state_name(owner->state);

		if (owner->state == STATE_CLOSED)
			state = owner->descriptors == 1 ? "ghost" : "ghosts";
		fprintf(out, "  %s pid %d: %" PRIu64 " %s on ",
			printable(owner->process, name, sizeof(name)), owner->pid,
			owner->descriptors, state ? state : "?");
		if (owner->port)
			fprintf(out, "port %u", owner->port);
		else
			fprintf(out, "ephemeral port%s", plural(owner->descriptors));
		fprintf(out, ", descriptor%s", plural(owner->descriptors));
		for (uint64_t n = 0; n < owner->descriptors && n < CENSUS_FDS; n++)
			fprintf(out, " %d", owner->fds[n]);
		if (owner->descriptors > CENSUS_FDS)
			fputs(" ...", out);
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
				printable(listener->process, name, sizeof(name)), listener->pid);
		fprintf(out, ": %u of %u waiting for accept()\n", listener->recv_queue,
			listener->backlog);
	}
}

static void unaccepted(FILE *out, const struct census_snapshot *snapshot)
{
	uint64_t n = snapshot->by_class[STATE_CLOSE_WAIT][CENSUS_UNACCEPTED];

	if (n)
		fprintf(out,
			"  %" PRIu64
			" CLOSE_WAIT belong%s to no process yet: the peer closed before "
			"accept()\n",
			n, n == 1 ? "s" : "");
}

/* What could not be seen, and why: one line, or none. */
static void not_seen(FILE *out, const struct census_snapshot *snapshot)
{
	uint64_t unknown = snapshot->classes[CENSUS_UNKNOWN];
	uint64_t unreadable = snapshot->unreadable_processes;

	if (snapshot->interrupted)
		fputs("  not exact: the table kept changing during every attempt to read it\n",
		      out);
	if (!snapshot->asked.owners && unknown) {
		fprintf(out,
			"  not seen: the owners of %" PRIu64 " socket%s, they were not asked\n",
			unknown, plural(unknown));
		return;
	}
	if (!unknown && !unreadable)
		return;
	fprintf(out, "  not seen: the owners of %" PRIu64 " socket%s", unknown, plural(unknown));
	if (!unreadable) {
		fputs(" (held by the kernel, or in another namespace)\n", out);
		return;
	}
	fprintf(out,
		"; %" PRIu64 " process%s may not be read%s (so descriptors and ghosts are "
		"incomplete)\n",
		unreadable, unreadable == 1 ? "" : "es", geteuid() ? ": run census as root" : "");
}

void census_table(FILE *out, const char *host, const struct census_snapshot *snapshot)
{
	uint64_t sockets = 0;
	char name[64];

	for (int state = 1; state < STATES; state++)
		if (snapshot->asked.states & STATE_BIT(state))
			sockets += snapshot->states[state];
	fprintf(out, "%s: %" PRIu64 " TCP socket%s", printable(host, name, sizeof(name)), sockets,
		plural(sockets));
	if (snapshot->asked.descriptors)
		fprintf(out,
			", %" PRIu64 " connection descriptor%s, %" PRIu64 " ghost%s, %" PRIu64
			" unconnected",
			snapshot->descriptors, plural(snapshot->descriptors), snapshot->ghosts,
			plural(snapshot->ghosts), snapshot->unconnected);
	putc('\n', out);
	rows(out, snapshot);
	owners(out, snapshot);
	listeners(out, snapshot);
	unaccepted(out, snapshot);
	not_seen(out, snapshot);
}
