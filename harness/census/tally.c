/* SPDX-License-Identifier: MIT */
/* Adds sockets and descriptors up, by state and port, and by process. */
#include "census/internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MANY 65536 /* bytes; fewer are not worth it */
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* since Linux 5.14 */
#endif

void *census_grow(void *array, size_t count, size_t *room, size_t size)
{
	if (count < *room)
		return array;

	size_t larger = *room ? *room * 2 : 16;
	void *moved = reallocarray(array, larger, size);

	if (moved)
		*room = larger;
	return moved;
}

/*
 * All pages at once: otherwise the first read of each maps the zero page, and its first write then
 * interrupts every core on which one of our threads runs.
 */
void *census_zeroed(size_t count, size_t size)
{
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	char *memory = calloc(count, size), *first;

	if (!memory || count * size < MANY)
		return memory;
	first = memory + -(uintptr_t)memory % page;
	size = (count * size - (size_t)(first - memory)) / page * page;
	madvise(first, size, MADV_HUGEPAGE); /* 2 MiB at a time, where that is possible */
	madvise(first, size, MADV_POPULATE_WRITE);
	return memory;
}

uint32_t *port_index_at(struct port_index *index, unsigned int kind, uint8_t state, uint16_t port)
{
	uint32_t **numbers = &index->number[kind * STATES + state];

	if (!*numbers)
		*numbers = calloc(65536, sizeof(**numbers));
	return *numbers ? *numbers + port : NULL;
}

void port_index_free(struct port_index *index)
{
	for (int i = 0; i < KINDS * STATES; i++)
		free(index->number[i]);
}

/*
 * Each connection of a client has its own port, which means nothing. A port with a listener, or one
 * that the kernel would not have picked, is a service.
 */
uint16_t census_shown_port(const struct census *census, const struct census_host *host,
			   uint16_t port)
{
	if (census->scope.by_port || bit_is_set(host->listening, port))
		return port;
	return port >= host->first_ephemeral && port <= host->last_ephemeral ? 0 : port;
}

struct inode_entry inode_entry_of(const struct census_socket *socket, uint16_t port)
{
	bool runs = socket->keepalive >= 0;

	return (struct inode_entry){
	    .inode = socket->inode,
	    .port = port,
	    .state = socket->state,
	    .flags = (uint8_t)((census_unread(socket) ? INODE_UNREAD : 0) |
			       (socket->mptcp ? INODE_MPTCP : 0)),
	    .keepalive = runs ? (uint32_t)socket->keepalive : UINT32_MAX,
	    .silent = socket->silent < 0 ? UINT32_MAX : (uint32_t)socket->silent,
	    .idle = socket->idle < 0 ? UINT32_MAX : (uint32_t)socket->idle,
	};
}

/* The oldest known time. */
static void age(struct census_ages *ages, const struct inode_entry *entry)
{
	if (entry->silent == UINT32_MAX) {
		ages->untold++;
		return;
	}
	if (entry->silent > ages->silent)
		ages->silent = entry->silent;
	if (entry->idle > ages->idle)
		ages->idle = entry->idle;
}

int tally_socket(struct census_host *host, struct census_snapshot *snapshot,
		 const struct inode_entry *entry, enum census_class class)
{
	const uint8_t state = entry->state;
	const bool unread = entry->flags & INODE_UNREAD;
	struct census_row *row, *rows;
	uint32_t *number;

	snapshot->states[state]++;
	snapshot->by_class[state][class]++;
	snapshot->classes[class]++;
	snapshot->unread += unread;
	if (snapshot->asked.times && STATE_BIT(state) & STATES_OF_TWO)
		age(&snapshot->ages[state], entry);
	if (entry->number && state != STATE_LISTEN)
		snapshot->remotes[entry->number - 1].count++;
	if (!snapshot->asked.rows)
		return 0;

	number = port_index_at(&host->row_index, 0, state, entry->port);
	if (!number)
		return -1;
	row = *number < snapshot->row_count ? &snapshot->rows[*number] : NULL;
	if (!row || row->state != state || row->port != entry->port) {
		rows = census_grow(snapshot->rows, snapshot->row_count, &snapshot->row_room,
				   sizeof(*rows));
		if (!rows)
			return -1;
		snapshot->rows = rows;
		*number = (uint32_t)snapshot->row_count++;
		row = &rows[*number];
		*row = (struct census_row){.state = state, .port = entry->port, .keepalive_ms = -1};
	}
	row->count++;
	row->by_class[class]++;
	row->unread += unread;
	if (snapshot->asked.times && STATE_BIT(state) & STATES_OF_TWO)
		age(&row->ages, entry);
	if (entry->keepalive == UINT32_MAX)
		return 0;
	row->keepalive++;
	if (entry->keepalive > row->keepalive_ms)
		row->keepalive_ms = entry->keepalive;
	return 0;
}

static bool is_owner(const struct census_owner *owner, const struct holding *holding)
{
	return owner->pid == holding->pid && owner->state == holding->state &&
	       owner->port == holding->shown_port && owner->gone == holding->gone &&
	       owner->hold == holding->hold;
}

int tally_descriptor(struct census_host *host, struct census_snapshot *snapshot,
		     const struct holding *holding)
{
	struct census_owner *owner, *owners;
	unsigned int kind = holding->hold * CENSUS_GONES + holding->gone;
	uint32_t *number =
	    port_index_at(&host->owner_index, kind, holding->state, holding->shown_port);

	if (!number)
		return -1;
	owner = *number < snapshot->owner_count ? &snapshot->owners[*number] : NULL;
	if (!owner || !is_owner(owner, holding)) {
		owners = census_grow(snapshot->owners, snapshot->owner_count, &snapshot->owner_room,
				     sizeof(*owners));
		if (!owners)
			return -1;
		snapshot->owners = owners;
		*number = (uint32_t)snapshot->owner_count++;
		owner = &owners[*number];
		*owner = (struct census_owner){
		    .pid = holding->pid,
		    .state = holding->state,
		    .port = holding->shown_port,
		    .gone = holding->gone,
		    .hold = holding->hold,
		};
		snprintf(owner->process, sizeof(owner->process), "%s", holding->name);
	}
	if (owner->descriptors < CENSUS_FDS)
		owner->fds[owner->descriptors] = holding->fd;
	owner->descriptors++;
	owner->sockets += !holding->another;
	owner->unread += holding->unread;
	return 0;
}
