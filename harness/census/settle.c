/* SPDX-License-Identifier: MIT */
/* Counts a descriptor that the walk of the table left open, once its nature is known. */
#include "census/settle.h"

static int hold(struct settling *settling, const struct candidate *candidate,
		struct holding *holding)
{
	struct census_snapshot *snapshot = &settling->snapshots[candidate->home];
	char name[64];

	snapshot->descriptors++;
	if (!settling->needs->rows)
		return 0;
	process_name(candidate->pid, name, sizeof(name));
	holding->pid = candidate->pid;
	holding->name = name;
	holding->fd = candidate->fd;
	holding->hold = candidate->hold;
	return tally_descriptor(settling->census->hosts[candidate->home], snapshot, holding);
}

int count_connected(struct settling *settling, struct candidate *candidate,
		    struct inode_entry *entry)
{
	const struct census *census = settling->census;
	struct census_host *host = census->hosts[candidate->home];
	struct holding holding = {
	    .state = entry->state,
	    .shown_port = census_shown_port(census, host, entry->port),
	    .unread = entry->flags & INODE_UNREAD,
	    .another = entry->holder == (uint32_t)candidate->pid,
	};

	candidate->settled = true;
	entry->holder = (uint32_t)candidate->pid;
	if (entry->state == STATE_LISTEN || entry->flags & INODE_SKIP)
		return 0;
	return hold(settling, candidate, &holding);
}

int count_gone(struct settling *settling, struct candidate *candidate, enum census_gone gone,
	       uint16_t shown_port)
{
	struct census_snapshot *snapshot = &settling->snapshots[candidate->home];
	struct inode_entry *met = inodes_find(&settling->met, candidate->inode);
	const struct inode_entry entry = {.inode = candidate->inode,
					  .holder = (uint32_t)candidate->pid};
	struct holding holding = {
	    .state = STATE_CLOSED, .gone = (uint8_t)gone, .shown_port = shown_port};

	while (met && met->holder != entry.holder)
		met = inodes_next(&settling->met, met);
	holding.another = met;
	if (!met && inodes_add(&settling->met, &entry) < 0)
		return -1;
	snapshot->gone++;
	snapshot->ghosts += gone == CENSUS_GHOST;
	snapshot->unconnected += gone == CENSUS_UNCONNECTED;
	snapshot->unplaced += gone == CENSUS_GONE && settling->census->unseen;
	return hold(settling, candidate, &holding);
}

int count_elsewhere(struct settling *settling, struct candidate *candidate,
		    struct inode_entry *entry)
{
	struct census *census = settling->census;
	struct census_host *host = census->hosts[candidate->home];
	struct census_snapshot *snapshot = &settling->snapshots[candidate->home];
	bool first = !(entry->flags & INODE_HELD);
	struct inode_entry shown = *entry;

	candidate->settled = true;
	entry->flags |= INODE_HELD;
	if (entry->flags & INODE_SKIP)
		return 0;
	if (first && !snapshot->elsewhere++)
		snapshot->elsewhere_pid = candidate->pid;
	if (!census->process_count)
		return 0;
	shown.port = census_shown_port(census, host, entry->port);
	if (first && tally_socket(host, snapshot, &shown, CENSUS_OWNED) < 0)
		return -1;
	return count_connected(settling, candidate, entry);
}
