/* SPDX-License-Identifier: MIT */
/*
 * Settles what the walk of the table left open, without touching the programs.
 *
 * A socket in CLOSED is in none of the kernel's tables, so neither sock_diag nor /proc/net/tcp nor
 * ss(8) shows it. Yet its descriptor stays in use until the program closes it. A leak of such
 * descriptors ends in EMFILE without a visible socket. So a TCP descriptor that no dump of any
 * namespace lists, twice some ms apart (a dump is not atomic), is gone or never had a connection.
 * It certainly had one if an earlier sample saw it. --copy asks the socket itself (copy.c).
 *
 * A socket without a known holder was closed meanwhile, has changed hands, or is held by something
 * other than a descriptor. A second look decides.
 */
#include "census/settle.h"

#include <stdlib.h>
#include <time.h>

#define APART 5000000 /* ns between two looks */

int gone_note(struct census *census, const struct candidate *candidate)
{
	struct candidate *candidates = census_grow(census->candidates, census->candidate_count,
						   &census->candidate_room, sizeof(*candidates));

	if (!candidates)
		return -1;
	census->candidates = candidates;
	candidates[census->candidate_count++] = *candidate;
	return 0;
}

/* ---- other namespaces ------------------------------------------------------------------------ */

static int settle_elsewhere(struct settling *settling, struct error *error)
{
	struct census *census = settling->census;
	int result = 0;

	if (elsewhere_walk(census,
			   settling->needs->states | (settling->needs->times ? CENSUS_TIMES : 0),
			   &census->elsewhere, error) < 0)
		return -1;
	for (size_t i = 0; i < census->candidate_count && result == 0; i++) {
		struct candidate *candidate = &census->candidates[i];
		struct inode_entry *entry = inodes_find(&census->elsewhere, candidate->inode);

		if (entry)
			result = count_elsewhere(settling, candidate, entry);
	}
	return result < 0 ? error_no_memory(error) : 0;
}

/* ---- copies ---------------------------------------------------------------------------------- */

/* Its copy says that it is connected, and no table lists it: its namespace is unknown. */
static int count_asked(struct settling *settling, struct candidate *candidate,
		       struct inode_entry *entry)
{
	return settling->census->process_count ? count_elsewhere(settling, candidate, entry)
					       : count_connected(settling, candidate, entry);
}

static int ask_copies(struct settling *settling, struct error *error)
{
	struct census *census = settling->census;
	int result = 0;

	for (size_t i = 0; i < census->candidate_count && result == 0; i++) {
		struct candidate *candidate = &census->candidates[i];
		struct inode_entry entry = {.inode = candidate->inode};
		uint16_t port = 0;
		enum census_gone gone =
		    candidate->settled ? CENSUS_GONE : copy_examine(candidate, &entry.state, &port);

		if (gone == CENSUS_GONE)
			continue;
		entry.port = port;
		entry.keepalive = entry.silent = entry.idle = UINT32_MAX;
		entry.flags = scope_has_port(&census->scope, port) ? 0 : INODE_SKIP;
		if (gone == CENSUS_LISTED)
			result = count_asked(settling, candidate, &entry);
		else if (scope_has_port(&census->scope, port))
			result = count_gone(
			    settling, candidate, gone,
			    census_shown_port(census, census->hosts[candidate->home], port));
		candidate->settled = true;
	}
	return result < 0 ? error_no_memory(error) : 0;
}

/* ---- the second look ------------------------------------------------------------------------- */

/* Was it also in no table some ms ago? */
static const struct inode_entry *known_before(const struct census *census,
					      const struct candidate *candidate)
{
	const struct inode_entry *before = inodes_find(&census->memory, candidate->inode);

	return before && census->walked - census->memory_walked >= APART ? before : NULL;
}

static bool must_look_again(const struct settling *settling)
{
	const struct census *census = settling->census;

	for (size_t i = 0; i < census->candidate_count && settling->needs->descriptors; i++) {
		const struct inode_entry *before = known_before(census, &census->candidates[i]);

		if (!census->candidates[i].settled && !(before && before->flags & ONCE_UNLISTED))
			return true;
	}
	return settling->needs->rows && owners_missing(census);
}

static int look_again(struct census *census, struct error *error)
{
	const uint32_t states = ALL_STATES & ~STATE_BIT(STATE_TIME_WAIT);
	const int64_t when = census->walked + APART;
	const struct timespec until = {when / 1000000000, when % 1000000000};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL))
		;
	for (size_t i = 0; i < census->host_count; i++)
		if (source_collect(&census->hosts[i]->source, &census->scope, states, (uint32_t)i,
				   &census->second, error) < 0)
			return -1;
	census->looked_again = true;
	return census->candidate_count ? elsewhere_walk(census, states, &census->second, error) : 0;
}

static bool still_there(const struct candidate *candidate)
{
	char target[64];
	unsigned int inode;

	if (candidate->hold != CENSUS_BY_DESCRIPTOR)
		return true;
	return process_link(candidate->pid, candidate->task, candidate->fd, target,
			    sizeof(target)) == 0 &&
	       sscanf(target, "socket:[%u]", &inode) == 1 && inode == candidate->inode;
}

static int decide(struct settling *settling, struct candidate *candidate)
{
	struct census *census = settling->census;
	const struct inode_entry *before = inodes_find(&census->memory, candidate->inode);
	struct inode_entry *now = inodes_find(&census->second, candidate->inode);
	bool ghost = before && before->flags & ONCE_CONNECTED;

	if (!still_there(candidate)) {
		candidate->settled = true;
		return 0;
	}
	if (now && now->holder == UINT32_MAX)
		return count_elsewhere(settling, candidate, now);
	if (now) /* it joined the table after the first look */
		return count_connected(settling, candidate, now);
	/* Only an earlier sample knows which port it had. */
	return count_gone(settling, candidate, ghost ? CENSUS_GHOST : CENSUS_GONE,
			  ghost ? before->port : 0);
}

int gone_settle(struct census *census, const struct census_needs *needs,
		struct census_snapshot *snapshots, struct error *error)
{
	struct settling settling = {census, needs, snapshots, {0}};
	int result = 0;

	inodes_clear(&census->elsewhere);
	inodes_clear(&census->second);
	if (census->candidate_count && settle_elsewhere(&settling, error) < 0)
		return -1;
	if (census->copies && needs->descriptors && ask_copies(&settling, error) < 0)
		goto failed;
	if (must_look_again(&settling) && look_again(census, error) < 0)
		goto failed;
	/* A socket that was closed meanwhile needs no owner. */
	if (owners_missing(census) && census_scan(census, needs, snapshots, true, error) < 0)
		goto failed;
	for (size_t i = 0; i < census->candidate_count && needs->descriptors && result == 0; i++)
		if (!census->candidates[i].settled)
			result = decide(&settling, &census->candidates[i]);
	inodes_free(&settling.met);
	return result < 0 ? error_no_memory(error) : 0;
failed:
	inodes_free(&settling.met);
	return -1;
}
