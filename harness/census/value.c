/* SPDX-License-Identifier: MIT */
/*
 * The values of an expectation's variables in a snapshot, as bounds: when something that matters
 * could not be seen, the value lies between what was seen and what it may be. Pure.
 */
#include "census/internal.h"

#include <inttypes.h>

#define UNBOUNDED INT64_MAX

const char *census_name_nothing(const struct census_var *var, bool by_process)
{
	bool by_class = var->kind == CENSUS_VAR_STATE_CLASS || var->kind == CENSUS_VAR_CLASS;
	bool of_state = var->kind == CENSUS_VAR_STATE || var->kind == CENSUS_VAR_STATE_CLASS;

	if (of_state && var->state == STATE_CLOSED)
		return "the kernel lists no socket in CLOSED; expect 'gone', which counts their "
		       "descriptors";
	if (var->kind == CENSUS_VAR_STATE_CLASS &&
	    !(census_states_of_class(var->class) & STATE_BIT(var->state)))
		return "no socket in that state has that class";
	if (by_process && ((by_class && var->class != CENSUS_OWNED) ||
			   (var->kind == CENSUS_VAR_STATE && var->state == STATE_TIME_WAIT)))
		return "no process ever holds one; leave out --pid";
	return NULL;
}

static struct census_bounds exactly(uint64_t value)
{
	return (struct census_bounds){(int64_t)value, (int64_t)value};
}

static struct census_bounds between(uint64_t least, uint64_t most)
{
	return (struct census_bounds){(int64_t)least, (int64_t)most};
}

/* Unreadable processes may hold anything. */
static struct census_bounds or_more(struct census_bounds bounds,
				    const struct census_snapshot *snapshot)
{
	if (snapshot->unreadable_processes)
		bounds.most = UNBOUNDED;
	return bounds;
}

/*
 * A number of sockets. A process may hold some that cannot be seen: in a network namespace that
 * only the socket keeps alive, a connection seems gone.
 */
static struct census_bounds sockets(uint64_t value, const struct census_snapshot *snapshot)
{
	if (!snapshot->by_process)
		return exactly(value);
	return or_more(
	    between(value, value + snapshot->gone - snapshot->ghosts - snapshot->unconnected),
	    snapshot);
}

/* The oldest known time; an unknown one may be older. */
static struct census_bounds oldest(int64_t ms, const struct census_ages *ages,
				   const struct census_snapshot *snapshot)
{
	struct census_bounds bounds = {ms, ages->untold ? UNBOUNDED : ms};

	if (snapshot->by_process && snapshot->gone > snapshot->ghosts + snapshot->unconnected)
		bounds.most = UNBOUNDED;
	return snapshot->by_process ? or_more(bounds, snapshot) : bounds;
}

static struct census_bounds class_bounds(const struct census_var *var, const uint64_t *by_class,
					 const struct census_snapshot *snapshot)
{
	uint64_t value = by_class[var->class];

	if (var->class != CENSUS_OWNED)
		return exactly(value);
	return snapshot->by_process ? sockets(value, snapshot)
				    : between(value, value + by_class[CENSUS_UNKNOWN]);
}

static struct census_bounds value_of(const struct census_var *var,
				     const struct census_snapshot *snapshot)
{
	uint64_t certain = snapshot->ghosts + snapshot->unconnected;
	uint64_t open = snapshot->gone - certain; /* gone, or never connected */

	switch (var->kind) {
	case CENSUS_VAR_STATE:
		return sockets(snapshot->states[var->state], snapshot);
	case CENSUS_VAR_STATE_CLASS:
		return class_bounds(var, snapshot->by_class[var->state], snapshot);
	case CENSUS_VAR_CLASS:
		return class_bounds(var, snapshot->classes, snapshot);
	case CENSUS_VAR_STATE_UNREAD:
		return sockets(snapshot->unread, snapshot);
	case CENSUS_VAR_STATE_SILENT:
		return oldest(snapshot->ages[var->state].silent, &snapshot->ages[var->state],
			      snapshot);
	case CENSUS_VAR_STATE_IDLE:
		return oldest(snapshot->ages[var->state].idle, &snapshot->ages[var->state],
			      snapshot);
	case CENSUS_VAR_DESCRIPTORS:
		return or_more(exactly(snapshot->descriptors), snapshot);
	case CENSUS_VAR_GONE:
		return or_more(between(snapshot->gone - snapshot->unplaced, snapshot->gone),
			       snapshot);
	case CENSUS_VAR_GHOSTS:
		return or_more(between(snapshot->ghosts, snapshot->ghosts + open), snapshot);
	case CENSUS_VAR_UNCONNECTED:
		return or_more(between(snapshot->unconnected, snapshot->unconnected + open),
			       snapshot);
	case CENSUS_VAR_ACCEPT_QUEUE:
		return snapshot->by_process ? or_more(exactly(snapshot->accept_queue), snapshot)
					    : exactly(snapshot->accept_queue);
	case CENSUS_VAR_COUNTER:
		if (var->counter < snapshot->counters.count)
			return exactly((uint64_t)snapshot->counters.counter[var->counter].value);
	}
	return exactly(0);
}

static bool concerns(const struct census_var *var, size_t host)
{
	return var->host < 0 || (size_t)var->host == host;
}

struct census_bounds census_value(const struct census_var *var,
				  const struct census_snapshot *snapshots, size_t hosts)
{
	struct census_bounds sum = {0, 0};

	for (size_t i = 0; i < hosts; i++) {
		struct census_bounds more;

		if (!concerns(var, i))
			continue;
		more = value_of(var, &snapshots[i]);
		if (census_var_is_time(var)) { /* the longest of all hosts */
			sum.least = more.least > sum.least ? more.least : sum.least;
			sum.most = more.most > sum.most ? more.most : sum.most;
			continue;
		}
		sum.least += more.least;
		if (__builtin_add_overflow(sum.most, more.most, &sum.most))
			sum.most = UNBOUNDED;
	}
	return sum;
}

void census_value_reason(const struct census_var *var, const struct census_snapshot *snapshots,
			 size_t hosts, char *text, size_t size)
{
	uint64_t unreadable = 0, unplaced = 0, open = 0, unknown = 0, untold = 0;
	const char *why = "";

	for (size_t i = 0; i < hosts; i++) {
		const struct census_snapshot *snapshot = &snapshots[i];

		if (!concerns(var, i))
			continue;
		if (snapshot->unreadable_processes > unreadable) {
			unreadable = snapshot->unreadable_processes;
			why = snapshot->unreadable;
		}
		unplaced += snapshot->unplaced;
		open += snapshot->gone - snapshot->ghosts - snapshot->unconnected;
		unknown += snapshot->classes[CENSUS_UNKNOWN];
		untold += snapshot->ages[var->state].untold;
	}
	if (untold && census_var_is_time(var))
		snprintf(
		    text, size,
		    "the kernel does not report how long %" PRIu64
		    " socket%s been silent: it reports that only over sock_diag, and not for MPTCP",
		    untold, untold == 1 ? " has" : "s have");
	else if (unreadable)
		snprintf(text, size,
			 "not permitted to read the descriptors of %" PRIu64
			 " process%s: %s; or name a process of your own with --pid",
			 unreadable, unreadable == 1 ? "" : "es", why);
	else if (var->kind == CENSUS_VAR_GHOSTS || var->kind == CENSUS_VAR_UNCONNECTED)
		snprintf(text, size,
			 "%" PRIu64 " descriptor%s in no table, and "
			 "it is unknown whether %s ever connected: expect 'gone', or start census "
			 "before the connections end",
			 open, open == 1 ? " is" : "s are", open == 1 ? "it was" : "they were");
	else if (open && snapshots[0].by_process && var->kind != CENSUS_VAR_GONE)
		snprintf(text, size,
			 "%" PRIu64
			 " TCP descriptor%s in no table: gone, never connected, or in a network "
			 "namespace that nothing else keeps alive. Close %s, or start census "
			 "before the connections end, or use --copy on your own program",
			 open, open == 1 ? " is" : "s are", open == 1 ? "it" : "them");
	else if (unplaced)
		snprintf(text, size,
			 "%" PRIu64 " TCP descriptor%s belong to a network namespace that you "
			 "cannot enter: run census as root",
			 unplaced, unplaced == 1 ? " may" : "s may");
	else
		snprintf(text, size, "the owner of %" PRIu64 " socket%s was not found", unknown,
			 unknown == 1 ? "" : "s");
}
