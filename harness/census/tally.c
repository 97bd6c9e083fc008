/* SPDX-License-Identifier: MIT */
/* Adds sockets and descriptors up, by state and port, and by process. */
#include "census/internal.h"

#include <stdlib.h>
#include <string.h>

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

uint32_t *port_index_at(struct port_index *index, uint8_t state, uint16_t port)
{
	uint32_t **numbers = &index->number[state];

	if (!*numbers)
		*numbers = calloc(65536, sizeof(**numbers));
	return *numbers ? *numbers + port : NULL;
}

void port_index_free(struct port_index *index)
{
	for (int state = 0; state < STATES; state++)
		free(index->number[state]);
}

/*
 * A client's connections each have a port of their own, which tells nobody anything. A port on
 * which somebody listens, or one that the kernel would not have picked, is a service.
 */
uint16_t census_shown_port(const struct census *census, const struct census_host *host,
			   uint16_t port)
{
	if (census->by_port || bit_is_set(host->listening, port))
		return port;
	return port >= host->first_ephemeral && port <= host->last_ephemeral ? 0 : port;
}

int tally_socket(struct census_host *host, struct census_snapshot *snapshot, uint8_t state,
		 uint16_t shown_port, enum census_class class, bool unread)
{
	struct census_row *row, *rows;
	uint32_t *number;

	snapshot->states[state]++;
	snapshot->by_class[state][class]++;
	snapshot->classes[class]++;
	snapshot->unread += unread;
	if (!snapshot->asked.rows)
		return 0;

	number = port_index_at(&host->row_index, state, shown_port);
	if (!number)
		return -1;
	row = *number < snapshot->row_count ? &snapshot->rows[*number] : NULL;
	if (!row || row->state != state || row->port != shown_port) {
		rows = census_grow(snapshot->rows, snapshot->row_count, &snapshot->row_room,
				   sizeof(*rows));
		if (!rows)
			return -1;
		snapshot->rows = rows;
		*number = (uint32_t)snapshot->row_count++;
		row = &rows[*number];
		*row = (struct census_row){.state = state, .port = shown_port};
	}
	row->count++;
	row->by_class[class]++;
	row->unread += unread;
	return 0;
}

int tally_descriptor(struct census_host *host, struct census_snapshot *snapshot, pid_t pid,
		     const char *name, int fd, uint8_t state, uint16_t shown_port, bool unread)
{
	struct census_owner *owner, *owners;
	uint32_t *number = port_index_at(&host->owner_index, state, shown_port);

	if (!number)
		return -1;
	owner = *number < snapshot->owner_count ? &snapshot->owners[*number] : NULL;
	if (!owner || owner->pid != pid || owner->state != state || owner->port != shown_port) {
		owners = census_grow(snapshot->owners, snapshot->owner_count, &snapshot->owner_room,
				     sizeof(*owners));
		if (!owners)
			return -1;
		snapshot->owners = owners;
		*number = (uint32_t)snapshot->owner_count++;
		owner = &owners[*number];
		*owner = (struct census_owner){.pid = pid, .state = state, .port = shown_port};
		snprintf(owner->process, sizeof(owner->process), "%s", name);
	}
	if (owner->descriptors < CENSUS_FDS)
		owner->fds[owner->descriptors] = fd;
	owner->descriptors++;
	owner->unread += unread;
	return 0;
}
