/* SPDX-License-Identifier: MIT */
/*
 * Counts all hosts once: walk the table of each, then /proc once for all, then add up.
 *
 * Sockets without an inode are added up as they stream by. So are those with one, unless owners are
 * wanted: then they wait in host->inodes (56 to 112 bytes each) until /proc shows who holds them.
 * So without owners the memory does not grow with the number of sockets. (With MPTCP they also wait
 * for the application's sockets, of which they may be subflows.)
 */
#include "census/walk.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define AHEAD 8 /* slots */

static bool counts(const struct census *census, const struct inode_entry *entry)
{
	return entry->inode && !(entry->flags & INODE_SKIP) &&
	       (!census->process_count || entry->flags & INODE_HELD);
}

bool owners_missing(const struct census *census)
{
	for (size_t i = 0; i < census->host_count && !census->process_count; i++) {
		const struct inodes *inodes = &census->hosts[i]->inodes;

		for (size_t n = 0; n < inodes->size && inodes->used; n++)
			if (counts(census, &inodes->slot[n]) &&
			    !(inodes->slot[n].flags & INODE_HELD) &&
			    !(census->looked_again &&
			      !inodes_find(&census->second, inodes->slot[n].inode)))
				return true;
	}
	return false;
}

static enum census_why why_unknown(const struct walk *walk, const struct inode_entry *entry)
{
	const struct census_snapshot *snapshot = walk->snapshot;

	if (walk->census->looked_again && !inodes_find(&walk->census->second, entry->inode))
		return CENSUS_WHY_CLOSED;
	if (snapshot->unreadable_processes)
		return CENSUS_WHY_UNREADABLE;
	if (snapshot->unknown[CENSUS_WHY_IN_FLIGHT] < snapshot->in_flight.count)
		return CENSUS_WHY_IN_FLIGHT;
	return CENSUS_WHY_NOWHERE;
}

static enum census_class class_of(const struct walk *walk, const struct inode_entry *entry)
{
	if (entry->flags & INODE_HELD)
		return CENSUS_OWNED;
	/* After the application has closed, a subflow keeps the inode and no MPTCP socket has
	 * it. */
	if ((entry->flags & (INODE_MAIN | INODE_MPTCP)) == INODE_MPTCP && walk->needs->owners &&
	    !walk->snapshot->unreadable_processes)
		return CENSUS_ORPHAN;
	return CENSUS_UNKNOWN;
}

/* Prefetch the other end of a socket to be added up soon. */
static void expect(const struct walk *walk, const struct inode_entry *entry)
{
	if (entry->number && entry->state != STATE_LISTEN)
		__builtin_prefetch(&walk->snapshot->remotes[entry->number - 1], 1);
}

/* Add up the sockets that waited for /proc, now that their holders are known. */
static int add_up(struct walk *walk)
{
	const struct inodes *inodes = &walk->host->inodes;

	for (size_t i = 0; i < inodes->size && inodes->used; i++) {
		const struct inode_entry *entry = &inodes->slot[i];
		enum census_class class;

		if (!counts(walk->census, entry))
			continue;
		expect(walk, &inodes->slot[(i + AHEAD) & (inodes->size - 1)]);
		class = class_of(walk, entry);
		if (class == CENSUS_UNKNOWN && walk->needs->owners)
			walk->snapshot->unknown[why_unknown(walk, entry)]++;
		if (tally_socket(walk->host, walk->snapshot, entry, class) < 0)
			return -1;
	}
	return 0;
}

static void add_up_listeners(struct walk *walk)
{
	struct census_snapshot *snapshot = walk->snapshot;
	size_t kept = 0;

	for (size_t i = 0; i < snapshot->listener_count; i++) {
		const struct inode_entry *entry =
		    inodes_find(&walk->host->inodes, snapshot->listeners[i].inode);

		if (walk->census->process_count && !(entry && entry->flags & INODE_HELD))
			continue;
		snapshot->accept_queue += snapshot->listeners[i].recv_queue;
		snapshot->listeners[kept++] = snapshot->listeners[i];
	}
	snapshot->listener_count = kept;
}

static void add_units(struct census_snapshot *snapshot, size_t count)
{
	for (size_t i = 0; i < snapshot->owner_count && i < count; i++)
		process_unit(snapshot->owners[i].pid, snapshot->owners[i].unit,
			     sizeof(snapshot->owners[i].unit));
}

/* What the caller asked, and what that implies. */
static struct census_needs implied(const struct census *census, const struct census_needs *needs)
{
	struct census_needs all = *needs;

	/* Account for every descriptor of a process, or we could overlook a state. */
	all.descriptors |= census->process_count > 0 || all.processes;
	all.owners |= all.descriptors;
	/* A descriptor is a ghost only if no dump could list it. A TIME_WAIT has none. */
	if (all.descriptors)
		all.states |= ALL_STATES & ~STATE_BIT(STATE_TIME_WAIT);
	return all;
}

static int64_t monotonic(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ll + now.tv_nsec;
}

/* Forget the last sample, except what identifies a ghost in the next. */
static int begin(struct census *census, const struct census_needs *needs, struct error *error)
{
	if (census->whole && gone_remember(census) < 0)
		return error_no_memory(error);
	census->whole = needs->descriptors;
	census->candidate_count = census->place_count = census->unseen = 0;
	census->looked_again = false;
	census->kernel.asked = false;
	if (needs->owners && !census->process_count)
		kernel_begin(census);
	return 0;
}

static struct walk walk_of(struct census *census, const struct census_needs *needs,
			   struct census_snapshot *snapshots, size_t i)
{
	return (struct walk){
	    .census = census,
	    .needs = needs,
	    .host = census->hosts[i],
	    .snapshot = &snapshots[i],
	};
}

static int walk_hosts(struct census *census, const struct census_needs *needs,
		      struct census_snapshot *snapshots, struct error *error)
{
	for (size_t i = 0; i < census->host_count; i++) {
		struct walk walk = walk_of(census, needs, snapshots, i);

		if (walk_host(&walk, error) < 0)
			return -1;
		if (i == 0)
			census->walked = monotonic();
		if (needs->counters &&
		    host_read_counters(walk.host, &snapshots[i].counters, error) < 0)
			return -1;
	}
	return 0;
}

int census_take(struct census *census, const struct census_needs *asked,
		struct census_snapshot *snapshots, struct error *error)
{
	const struct census_needs needs = implied(census, asked);
	int result;

	if (begin(census, &needs, error) < 0)
		return -1;
	result = walk_hosts(census, &needs, snapshots, error);
	kernel_end(census);
	if (result < 0)
		return -1;
	if (needs.owners && (census_scan(census, &needs, snapshots, false, error) < 0 ||
			     gone_settle(census, &needs, snapshots, error) < 0))
		return -1;
	for (size_t i = 0; i < census->host_count; i++) {
		struct walk walk = walk_of(census, &needs, snapshots, i);

		snapshots[i].in_flight = snapshots[0].in_flight;
		if (census->scope.states)
			snapshots[i].asked.states &= census->scope.states;
		if (add_up(&walk) < 0)
			return error_no_memory(error);
		add_up_listeners(&walk);
		snapshot_sort(&snapshots[i]);
		add_units(&snapshots[i], needs.units);
	}
	return needs.processes ? census_views(census, &needs, snapshots, error) : 0;
}
