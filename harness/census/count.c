/* SPDX-License-Identifier: MIT */
/*
 * One count of all hosts: walk the table of each, then /proc once for all of them, then add up.
 *
 * Sockets without an inode are added up as they stream by. Those with one are, too, unless owners
 * are asked: then they wait in host->inodes (8 to 32 bytes each) until /proc has told who holds
 * them. So without owners the memory needed does not grow with the number of sockets.
 */
#include "census/internal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

struct walk {
	struct census *census;
	const struct census_needs *needs;
	struct census_host *host;
	struct census_snapshot *snapshot;
	bool no_memory;
};

static void walk_begin(void *data)
{
	struct walk *walk = data;
	struct timespec now;

	snapshot_reset(walk->snapshot, walk->needs);
	clock_gettime(CLOCK_REALTIME, &now);
	walk->snapshot->time = now.tv_sec * 1000000000ll + now.tv_nsec;
	inodes_clear(&walk->host->inodes);
	census_window_clear(walk->census->window);
	memset(walk->host->listening, 0, sizeof(walk->host->listening));
}

static int add_listener(struct census_snapshot *snapshot, const struct census_socket *socket)
{
	struct census_listener *listeners =
	    census_grow(snapshot->listeners, snapshot->listener_count, &snapshot->listener_room,
			sizeof(*listeners));
	struct census_listener *listener;

	if (!listeners)
		return -1;
	snapshot->listeners = listeners;
	listener = &listeners[snapshot->listener_count++];
	*listener = (struct census_listener){
	    .family = socket->family,
	    .port = socket->port,
	    .recv_queue = socket->recv_queue,
	    .backlog = socket->send_queue,
	    .inode = socket->inode,
	};
	memcpy(listener->address, socket->address, sizeof(listener->address));
	return 0;
}

static int count_socket(struct walk *walk, const struct census_socket *socket)
{
	const struct census_needs *needs = walk->needs;
	bool wanted =
	    needs->states & STATE_BIT(socket->state) && port_wanted(walk->census, socket->port);
	bool unread = census_unread(socket);
	uint16_t port = census_shown_port(walk->census, walk->host, socket->port);

	if (socket->inode && needs->owners) {
		struct inode_entry entry = {
		    .inode = socket->inode,
		    .port = port,
		    .state = socket->state,
		    .flags = (uint8_t)((unread ? INODE_UNREAD : 0) | (wanted ? 0 : INODE_SKIP)),
		};

		if (wanted && socket->state == STATE_LISTEN &&
		    add_listener(walk->snapshot, socket) < 0)
			return -1;
		return wanted || needs->descriptors ? inodes_add(&walk->host->inodes, &entry) : 0;
	}
	/* What has no inode is held by no process. */
	if (!wanted || walk->census->process_count)
		return 0;
	if (socket->state == STATE_LISTEN && add_listener(walk->snapshot, socket) < 0)
		return -1;
	return tally_socket(walk->host, walk->snapshot, socket->state, port,
			    census_classify(socket, false), unread);
}

static void walk_socket(const struct census_socket *socket, void *data)
{
	struct walk *walk = data;

	if (walk->no_memory || census_window_seen(walk->census->window, socket))
		return;
	/* Listeners come first in a dump, so the services are known when connections follow. */
	if (socket->state == STATE_LISTEN)
		bit_set(walk->host->listening, socket->port);
	if (count_socket(walk, socket) < 0)
		walk->no_memory = true;
}

/* Now that /proc has told who holds what: add up the sockets that waited for it. */
static int add_up(struct walk *walk)
{
	const struct inodes *inodes = &walk->host->inodes;
	bool held_only = walk->census->process_count;

	for (size_t i = 0; i < inodes->size && inodes->used; i++) {
		const struct inode_entry *entry = &inodes->slot[i];
		bool held = entry->flags & INODE_HELD;

		if (!entry->inode || entry->flags & INODE_SKIP || (held_only && !held))
			continue;
		if (tally_socket(walk->host, walk->snapshot, entry->state, entry->port,
				 held ? CENSUS_OWNED : CENSUS_UNKNOWN,
				 entry->flags & INODE_UNREAD) < 0)
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

/* What the caller asked, and what that implies. */
static struct census_needs implied(const struct census *census, const struct census_needs *needs)
{
	struct census_needs all = *needs;

	all.owners |= all.descriptors || census->process_count;
	/* A descriptor is a ghost only if no dump could list it. A TIME_WAIT has none. */
	if (all.descriptors)
		all.states |= ALL_STATES & ~STATE_BIT(STATE_TIME_WAIT);
	return all;
}

static int walk_host(struct walk *walk, struct error *error)
{
	const struct census_sink sink = {walk_begin, walk_socket, walk};
	uint32_t states = walk->needs->states;
	bool interrupted = false;

	if (walk->needs->rows) {
		states |= STATE_BIT(STATE_LISTEN);
		host_read_ephemeral(walk->host);
	}
	if (!states) { /* counters only */
		walk_begin(walk);
		return 0;
	}
	if (census_dump(&walk->host->transport, states, &sink, &interrupted, error) < 0)
		return -1;
	walk->snapshot->interrupted = interrupted;
	return walk->no_memory ? error_no_memory(error) : 0;
}

int census_take(struct census *census, const struct census_needs *asked,
		struct census_snapshot *snapshots, struct error *error)
{
	const struct census_needs needs = implied(census, asked);

	for (size_t i = 0; i < census->host_count; i++) {
		struct walk walk = {census, &needs, census->hosts[i], &snapshots[i], false};

		if (walk_host(&walk, error) < 0)
			return -1;
		if (needs.counters &&
		    host_read_counters(walk.host, &snapshots[i].counters, error) < 0)
			return -1;
	}
	if (needs.owners && census_scan(census, &needs, snapshots, error) < 0)
		return -1;
	for (size_t i = 0; i < census->host_count; i++) {
		struct walk walk = {census, &needs, census->hosts[i], &snapshots[i], false};

		if (needs.owners && add_up(&walk) < 0)
			return error_no_memory(error);
		add_up_listeners(&walk);
		snapshot_sort(&snapshots[i]);
	}
	return 0;
}
