/* SPDX-License-Identifier: MIT */
/* Walks a host's table: counts each socket, or keeps it until its owner is known. */
#include "census/walk.h"
#include "census/handover.h"

#include <string.h>
#include <time.h>

#define MOST_EXPECTED 131072 /* initial room, in sockets: 7 MiB */

static void walk_begin(void *data)
{
	struct walk *walk = data;
	struct timespec now;

	walk->came = walk->counted = 0;
	snapshot_reset(walk->snapshot, walk->needs);
	clock_gettime(CLOCK_REALTIME, &now);
	walk->snapshot->time = now.tv_sec * 1000000000ll + now.tv_nsec;
	inodes_clear(&walk->host->inodes);
	remotes_clear(&walk->host->remotes);
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

static bool is_wanted(const struct walk *walk, const struct census_socket *socket)
{
	return walk->needs->states & STATE_BIT(socket->state) &&
	       scope_has(&walk->census->scope, socket);
}

/* What is known of a socket on its way, as soon as it comes. */
static struct ahead look_ahead(const struct walk *walk, const struct census_socket *socket)
{
	const struct census *census = walk->census;
	const uint16_t port = census_shown_port(census, walk->host, socket->port);

	return (struct ahead){
	    .socket = *socket,
	    .port = port,
	    .tag = walk->needs->rows ? remote_tag(walk->host, census->ends, socket, port) : 0,
	};
}

static int make_entry(struct walk *walk, const struct ahead *ahead, bool wanted,
		      struct inode_entry *entry)
{
	int64_t remote = 0;

	*entry = inode_entry_of(&ahead->socket, ahead->port);
	entry->flags |= wanted ? 0 : INODE_SKIP;
	if (wanted)
		remote = remote_number(walk->host, walk->snapshot, walk->census->ends,
				       &ahead->socket, ahead->port, ahead->tag);
	entry->number = (uint32_t)remote;
	return remote < 0 ? -1 : 0;
}

static int count_socket(struct walk *walk, const struct ahead *ahead)
{
	const struct census_socket *socket = &ahead->socket;
	const struct census_needs *needs = walk->needs;
	bool wanted = is_wanted(walk, socket);
	struct inode_entry entry;

	if (make_entry(walk, ahead, wanted, &entry) < 0)
		return -1;
	if (socket->inode && (needs->owners || walk->host->mptcp)) {
		if (wanted && socket->state == STATE_LISTEN) {
			if (add_listener(walk->snapshot, socket) < 0)
				return -1;
			entry.number = (uint32_t)walk->snapshot->listener_count;
		}
		return wanted || needs->descriptors ? inodes_add(&walk->host->inodes, &entry) : 0;
	}
	/* No process holds a socket without an inode. */
	if (!wanted || walk->census->process_count)
		return 0;
	if (socket->state == STATE_LISTEN && add_listener(walk->snapshot, socket) < 0)
		return -1;
	return tally_socket(walk->host, walk->snapshot, &entry, census_classify(socket, false));
}

static void count_next(struct walk *walk)
{
	if (count_socket(walk, &walk->ahead[walk->counted++ % WALK_AHEAD]) < 0)
		walk->no_memory = true;
}

static void walk_socket(const struct census_socket *socket, void *data)
{
	struct walk *walk = data;
	struct census_host *host = walk->host;

	if (walk->no_memory || census_window_seen(walk->census->window, socket))
		return;
	/* Listeners come first in a dump, so we know the services before the connections. */
	if (socket->state == STATE_LISTEN)
		bit_set(host->listening, socket->port);
	if (walk->came - walk->counted == WALK_AHEAD)
		count_next(walk);
	walk->ahead[walk->came % WALK_AHEAD] = look_ahead(walk, socket);
	inodes_expect(&host->inodes, socket->inode);
	if (walk->came >= walk->counted + WALK_AHEAD / 2)
		remote_expect(host, walk->snapshot,
			      walk->ahead[(walk->came - WALK_AHEAD / 2) % WALK_AHEAD].tag);
	walk->came++;
}

/*
 * An MPTCP socket: the application's. Usually it has the state of its subflows and is only another
 * view of them. But when its peer has closed, it is in CLOSE_WAIT while its subflows stay in
 * ESTABLISHED. Then it counts.
 */
static void walk_main(const struct census_socket *socket, void *data)
{
	struct walk *walk = data;
	struct inodes *inodes = &walk->host->inodes;
	bool wanted = is_wanted(walk, socket), differs = true;
	const struct ahead ahead = look_ahead(walk, socket);
	struct inode_entry entry;

	for (struct inode_entry *subflow = inodes_find(inodes, socket->inode); subflow;
	     subflow = inodes_next(inodes, subflow)) {
		subflow->flags |= INODE_MAIN | INODE_MPTCP;
		differs &= subflow->state != socket->state;
	}
	if (!socket->inode || !differs)
		return;
	walk->no_memory |= make_entry(walk, &ahead, wanted, &entry) < 0;
	entry.flags |= INODE_MAIN;
	walk->snapshot->mptcp += wanted;
	walk->no_memory |= inodes_add(inodes, &entry) < 0;
}

static void walk_nothing(void *data)
{
	(void)data;
}

static int64_t expected(int64_t sockets)
{
	return sockets < 0 ? 0 : sockets > MOST_EXPECTED ? MOST_EXPECTED : sockets;
}

int walk_host(struct walk *walk, struct error *error)
{
	const struct census_sink sink = {walk_begin, walk_socket, walk};
	const struct census_sink main_sink = {walk_nothing, walk_main, walk};
	struct handover handover;
	const struct census_sink first = handover_to(&handover, &sink);
	const struct source *source = &walk->host->source;
	uint32_t states = walk->needs->states;
	bool interrupted = false;
	int result;

	walk->host->mptcp = false;
	if (walk->needs->rows) {
		states |= STATE_BIT(STATE_LISTEN);
		host_read_ephemeral(walk->host);
	}
	if (walk->needs->times)
		states |= CENSUS_TIMES;
	if (!states) { /* counters only */
		walk_begin(walk);
		return 0;
	}
	/* The expected number is only an estimate: it may be too low, or far too high. */
	if (walk->needs->owners &&
	    inodes_reserve(&walk->host->inodes, (size_t)expected(host_sockets(walk->host))) < 0)
		return error_no_memory(error);
	result = source_dump(source, kernel_connections(walk->census, walk->host), states, &first,
			     &interrupted, &walk->host->mptcp, error);
	handover_end(&handover);
	if (result < 0)
		return -1;
	while (walk->counted < walk->came)
		count_next(walk);
	if (walk->host->mptcp &&
	    census_dump_mptcp(&source->transport, ALL_STATES, &main_sink, error) < 0)
		return -1;
	walk->snapshot->interrupted = interrupted;
	walk->snapshot->ends = walk->census->ends;
	walk->snapshot->by_process = walk->census->process_count;
	walk->snapshot->from_procfs = source->tcp >= 0;
	return walk->no_memory ? error_no_memory(error) : 0;
}
