/* SPDX-License-Identifier: MIT */
/* Says what a table of sockets cannot: who must act next, and what could not be seen. */
#include "census/table.h"

#include <inttypes.h>

/* The listener whose accept() a connection waits for. */
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

/* What another tool shows, and what it means. */
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
		fputs("  not exact: the table changed during every attempt to read it\n", out);
	if (snapshot->from_procfs)
		fputs("  counted from /proc/net/tcp, because sock_diag is not available here: the "
		      "count of a busy table is not exact\n",
		      out);
}

static void in_flight(FILE *out, const struct census_snapshot *snapshot)
{
	char name[64];

	fprintf(out,
		"perhaps in flight through a UNIX socket (SCM_RIGHTS): descriptor %d of %s pid "
		"%d carries %" PRIu64,
		snapshot->in_flight.fd,
		census_printable(snapshot->in_flight.process, name, sizeof(name)),
		snapshot->in_flight.pid, snapshot->in_flight.count);
}

/* What could not be seen, one line for each reason. */
static void not_seen(FILE *out, const struct census_snapshot *snapshot)
{
	static const char *const reasons[CENSUS_WHYS] = {
	    [CENSUS_WHY_UNREADABLE] = "not permitted to read some processes",
	    [CENSUS_WHY_CLOSED] = "closed while they were counted",
	    [CENSUS_WHY_NOWHERE] = "no visible process has them: the kernel does, or a "
				   "process of another pid namespace",
	};
	uint64_t unknown = snapshot->classes[CENSUS_UNKNOWN];

	if (!snapshot->asked.owners && unknown)
		fprintf(out,
			"  not seen: the owners of %" PRIu64 " socket%s: they were not asked for\n",
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
		fprintf(
		    out,
		    "  not seen: what %" PRIu64 " process%s hold%s, so the counts of descriptors "
		    "and of those gone are incomplete%s: %s\n",
		    snapshot->unreadable_processes, snapshot->unreadable_processes == 1 ? "" : "es",
		    snapshot->unreadable_processes == 1 ? "s" : "",
		    snapshot->unreadable_processes == 1 ? "" : "; the first", snapshot->unreadable);
	if (snapshot->unplaced)
		fprintf(out,
			"  not seen: whether %" PRIu64
			" of those gone %s in a network namespace that you cannot enter\n",
			snapshot->unplaced, snapshot->unplaced == 1 ? "is" : "are");
}

void census_table_notes(FILE *out, const struct census_snapshot *snapshot)
{
	unaccepted(out, snapshot);
	notes(out, snapshot);
	not_seen(out, snapshot);
}
