/* SPDX-License-Identifier: MIT */
/*
 * The other ends of connections, and how many sockets lead to each: 300 of 304 CLOSE_WAITs to one
 * upstream stand out at a glance. A client's port means nothing, so on our service ports only the
 * address identifies the other end.
 */
#include "census/table.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define FEW_ROWS 64

uint8_t socket_peer(const struct census_socket *socket, uint32_t address[4])
{
	const uint32_t *peer = socket->peer;

	memset(address, 0, 16);
	/* A dual-stack socket shows 10.0.0.9 as ::ffff:10.0.0.9 (RFC 4291, 2.5.5.2). */
	if (socket->family == AF_INET6 && !peer[0] && !peer[1] && peer[2] == htonl(0xffff)) {
		address[0] = peer[3];
		return AF_INET;
	}
	memcpy(address, peer, socket->family == AF_INET ? 4 : 16);
	return socket->family;
}

static struct census_remote remote_of(enum census_ends ends, const struct census_socket *socket,
				      uint16_t shown_port)
{
	struct census_remote remote = {.state = socket->state};

	if (ends != CENSUS_ENDS_PORT)
		remote.family = socket_peer(socket, remote.address);
	if (ends == CENSUS_ENDS_OF_ROWS)
		remote.local_port = shown_port;
	if (ends != CENSUS_ENDS_ADDRESS && !(ends == CENSUS_ENDS_OF_ROWS && shown_port))
		remote.port = socket->peer_port;
	return remote;
}

static bool same(const struct census_remote *a, const struct census_remote *b)
{
	return a->state == b->state && a->family == b->family && a->local_port == b->local_port &&
	       a->port == b->port && !memcmp(a->address, b->address, sizeof(a->address));
}

static uint32_t hash(const struct census_remote *remote)
{
	const uint32_t words[] = {
	    (uint32_t)remote->local_port << 16 | remote->port,
	    remote->address[0],
	    remote->address[1] ^ remote->address[2] ^ remote->state,
	    remote->address[3],
	};
	uint64_t h = 0x9e3779b97f4a7c15u;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		h = (h ^ words[i]) * 0xff51afd7ed558ccdu;
		h ^= h >> 32;
	}
	return (uint32_t)h;
}

/* The slot of @remote, whose hash is @tag, or a free one for it; always a free one for NULL. */
static struct remote_slot *slot_of(const struct remote_index *index,
				   const struct census_remote *remotes,
				   const struct census_remote *remote, uint32_t tag)
{
	size_t i = tag & (index->size - 1);

	while (index->slot[i].number && !(remotes && index->slot[i].tag == tag &&
					  same(&remotes[index->slot[i].number - 1], remote)))
		i = (i + 1) & (index->size - 1);
	return &index->slot[i];
}

static int grow(struct remote_index *index)
{
	struct remote_index larger = {.size = index->size ? index->size * 2 : 64};

	larger.slot = census_zeroed(larger.size, sizeof(*larger.slot));
	if (!larger.slot)
		return -1;
	for (size_t i = 0; i < index->size; i++)
		if (index->slot[i].number)
			*slot_of(&larger, NULL, NULL, index->slot[i].tag) = index->slot[i];
	free(index->slot);
	*index = larger;
	return 0;
}

uint32_t remote_tag(const struct census_host *host, enum census_ends ends,
		    const struct census_socket *socket, uint16_t port)
{
	const struct census_remote remote = remote_of(ends, socket, port);
	uint32_t tag = hash(&remote);

	if (host->remotes.size)
		__builtin_prefetch(&host->remotes.slot[tag & (host->remotes.size - 1)]);
	return tag;
}

void remote_expect(const struct census_host *host, const struct census_snapshot *snapshot,
		   uint32_t tag)
{
	uint32_t number = 0;

	if (host->remotes.size)
		number = host->remotes.slot[tag & (host->remotes.size - 1)].number;
	if (number)
		__builtin_prefetch(&snapshot->remotes[number - 1]);
}

int64_t remote_number(struct census_host *host, struct census_snapshot *snapshot,
		      enum census_ends ends, const struct census_socket *socket, uint16_t port,
		      uint32_t tag)
{
	struct census_remote remote, *remotes;
	struct remote_slot *slot;

	if (!snapshot->asked.rows || socket->state == STATE_LISTEN)
		return 0;
	if (snapshot->remote_count * 2 >= host->remotes.size &&
	    snapshot->remote_count < CENSUS_REMOTES && grow(&host->remotes) < 0)
		return -1;
	remote = remote_of(ends, socket, port);
	slot = slot_of(&host->remotes, snapshot->remotes, &remote, tag);
	if (slot->number || snapshot->remote_count == CENSUS_REMOTES)
		return slot->number;
	remotes = census_grow(snapshot->remotes, snapshot->remote_count, &snapshot->remote_room,
			      sizeof(*remotes));
	if (!remotes)
		return -1;
	snapshot->remotes = remotes;
	remotes[snapshot->remote_count] = remote;
	*slot = (struct remote_slot){(uint32_t)++snapshot->remote_count, tag};
	return slot->number;
}

void remotes_clear(struct remote_index *index)
{
	if (index->size)
		memset(index->slot, 0, index->size * sizeof(*index->slot));
}

static int by_count(const void *a, const void *b)
{
	const struct census_remote *x = a, *y = b;
	int order = x->port - y->port;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	order = order ? order : x->state - y->state;
	return order ? order : memcmp(x->address, y->address, sizeof(x->address));
}

static int by_row(const void *a, const void *b)
{
	const struct census_remote *x = a, *y = b;
	int order = x->state - y->state;

	order = order ? order : x->local_port - y->local_port;
	return order ? order : by_count(a, b);
}

static bool of_one_row(const struct census_remote *a, const struct census_remote *b)
{
	return a->state == b->state && a->local_port == b->local_port;
}

/* Bring the most frequent of each row to the front. False: there are too many rows for this. */
static bool find_most_frequent(struct census_snapshot *snapshot)
{
	struct census_remote *remotes = snapshot->remotes;
	size_t rows = 0;

	for (size_t i = 0; i < snapshot->remote_count; i++) {
		const struct census_remote remote = remotes[i];
		size_t row = 0;

		while (row < rows && !of_one_row(&remotes[row], &remote))
			row++;
		if (row == FEW_ROWS)
			return false;
		if (row < rows && by_count(&remotes[row], &remote) < 0)
			continue;
		rows += row == rows;
		remotes[i] = remotes[row];
		remotes[row] = remote;
	}
	return true;
}

void remotes_sort(struct census_snapshot *snapshot)
{
	const bool of_rows = snapshot->ends == CENSUS_ENDS_OF_ROWS;
	size_t kept = 0;

	/* Sockets that do not count after all, because no process of --pid has them. */
	for (size_t i = 0; i < snapshot->remote_count; i++)
		if (snapshot->remotes[i].count)
			snapshot->remotes[kept++] = snapshot->remotes[i];
	snapshot->remote_count = kept;
	if (!kept || (of_rows && !snapshot->asked.remotes && find_most_frequent(snapshot)))
		return;
	qsort(snapshot->remotes, kept, sizeof(*snapshot->remotes), of_rows ? by_row : by_count);
}

const char *remote_text(const struct census_remote *remote, char text[REMOTE_TEXT])
{
	char address[INET6_ADDRSTRLEN] = "";
	bool six = remote->family == AF_INET6;
	char port[8] = "";

	if (!remote->family) {
		snprintf(text, REMOTE_TEXT, "port %u", remote->port);
		return text;
	}
	inet_ntop(remote->family, remote->address, address, sizeof(address));
	if (remote->port)
		snprintf(port, sizeof(port), ":%u", remote->port);
	snprintf(text, REMOTE_TEXT, "%s%s%s%s", six ? "[" : "", address, six ? "]" : "", port);
	return text;
}
