/* SPDX-License-Identifier: MIT */
/*
 * Descriptors and sockets. A socket is identified by its inode number, which the kernel does not
 * reuse for a long time, and lives here as long as a known descriptor refers to it.
 */
#include "blame/internal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FEW = 64 };

static struct socket **buckets;
static size_t bucket_count, sockets;

static struct socket **bucket_of(uint32_t inode)
{
	return &buckets[(inode * 0x9e3779b1u) & (bucket_count - 1)];
}

static bool grow(void)
{
	size_t old_count = bucket_count;
	struct socket **old = buckets, *socket, *next;

	buckets = calloc(old_count ? old_count * 2 : 1024, sizeof(struct socket *));
	if (!buckets) {
		buckets = old;
		return old_count > 0;
	}
	bucket_count = old_count ? old_count * 2 : 1024;
	for (size_t i = 0; i < old_count; i++)
		for (socket = old[i]; socket; socket = next) {
			struct socket **bucket = bucket_of(socket->inode);

			next = socket->next;
			socket->next = *bucket;
			*bucket = socket;
		}
	free(old);
	return true;
}

struct socket *socket_find(uint32_t inode)
{
	struct socket *socket = bucket_count ? *bucket_of(inode) : NULL;

	while (socket && socket->inode != inode)
		socket = socket->next;
	return socket;
}

struct socket *socket_new(uint32_t inode)
{
	struct socket *socket, **bucket;

	if (sockets >= bucket_count && !grow())
		return NULL;
	socket = calloc(1, sizeof(*socket));
	if (!socket)
		return NULL;
	bucket = bucket_of(inode);
	socket->inode = inode;
	socket->next = *bucket;
	*bucket = socket;
	sockets++;
	return socket;
}

void socket_hold(struct socket *socket)
{
	socket->references++;
}

void socket_release(struct socket *socket)
{
	struct socket **place;

	if (--socket->references > 0)
		return;
	for (place = bucket_of(socket->inode); *place != socket; place = &(*place)->next)
		;
	*place = socket->next;
	free(socket->shared);
	free(socket);
	sockets--;
}

struct shared *socket_shared(struct socket *socket)
{
	if (!socket->shared)
		socket->shared = calloc(1, sizeof(*socket->shared));
	return socket->shared;
}

size_t socket_count(void)
{
	return sockets;
}

struct table *table_new(void)
{
	struct table *table = calloc(1, sizeof(*table));

	if (table)
		table->users = 1;
	return table;
}

struct table *table_copy(const struct table *table)
{
	struct table *copy = table_new();

	if (!copy || !table->size)
		return copy;
	copy->at = malloc((size_t)table->size * sizeof(struct socket *));
	if (!copy->at) {
		free(copy);
		return NULL;
	}
	copy->size = table->size;
	for (int fd = 0; fd < table->size; fd++) {
		copy->at[fd] = table->at[fd];
		if (copy->at[fd])
			socket_hold(copy->at[fd]);
	}
	return copy;
}

void table_leave(struct table *table)
{
	if (!table || --table->users > 0)
		return;
	for (int fd = 0; fd < table->size; fd++)
		if (table->at[fd])
			socket_release(table->at[fd]);
	free(table->at);
	free(table);
}

struct socket *table_get(const struct table *table, int fd)
{
	return table && fd >= 0 && fd < table->size ? table->at[fd] : NULL;
}

int table_set(struct table *table, int fd, struct socket *socket)
{
	if (fd < 0)
		return 0;
	if (fd >= table->size) {
		int size = table->size ? table->size : FEW;
		struct socket **larger;

		if (!socket)
			return 0;
		while (size <= fd)
			size *= 2;
		larger = realloc(table->at, (size_t)size * sizeof(struct socket *));
		if (!larger)
			return -1;
		memset(larger + table->size, 0,
		       (size_t)(size - table->size) * sizeof(struct socket *));
		table->at = larger;
		table->size = size;
	}
	if (socket)
		socket_hold(socket);
	if (table->at[fd])
		socket_release(table->at[fd]);
	table->at[fd] = socket;
	return 0;
}

bool table_holds(const struct table *table)
{
	for (int fd = 0; fd < table->size; fd++)
		if (table->at[fd])
			return true;
	return false;
}

/* What /proc calls it. */
static void read_name(pid_t pid, int fd, char name[64])
{
	char path[64];
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
	length = readlink(path, name, 63);
	name[length > 0 ? length : 0] = '\0';
}

uint32_t descriptor_inode(pid_t pid, int fd)
{
	unsigned int inode = 0;
	char name[64];

	read_name(pid, fd, name);
	return sscanf(name, "socket:[%u]", &inode) == 1 ? inode : 0;
}

bool descriptor_is_file(pid_t pid, int fd)
{
	char name[64];

	read_name(pid, fd, name);
	return name[0] == '/' && strncmp(name, "/dev/", 5) && strncmp(name, "/memfd:", 7);
}
