/* SPDX-License-Identifier: MIT */
/* Descriptors that were treated alike form one group: a leak of 100,000 makes a handful. */
#include "blame/internal.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

static void mix(uint64_t *hash, uint64_t value)
{
	*hash = (*hash ^ value) * 0x9e3779b97f4a7c15u;
	*hash ^= *hash >> 31;
}

/* Where and how, and whether it succeeded; not how many bytes or which descriptor. */
static void mix_touch(uint64_t *hash, const struct touch *touch)
{
	int32_t result = touch->result;

	if (touch->call != SYS_epoll_ctl && result > 0)
		result = 1;
	mix(hash, (uint64_t)touch->stack << 32 | (uint32_t)result);
	mix(hash, touch->call);
}

static uint64_t hash_of(const struct group *group)
{
	const struct socket *one = &group->one;
	uint64_t hash = (uint64_t)group->process << 16 | group->state << 1 | group->known;

	mix_touch(&hash, &one->taken);
	mix_touch(&hash, &one->last);
	mix_touch(&hash, &one->end);
	mix_touch(&hash, &group->shared.closed);
	for (size_t i = 0; i < TOLD_KINDS; i++)
		mix(&hash, one->told[i]);
	mix(&hash, one->listener ? one->inode : 0);
	return hash;
}

static void put(struct groups *groups, uint32_t number)
{
	size_t i = groups->group[number - 1].hash & (groups->slots - 1);

	while (groups->slot[i])
		i = (i + 1) & (groups->slots - 1);
	groups->slot[i] = number;
}

static bool grow(struct groups *groups)
{
	size_t room = groups->room ? groups->room * 2 : 16;
	struct group *larger = realloc(groups->group, room * sizeof(*larger));
	uint32_t *fresh = calloc(2 * room, sizeof(*fresh));

	if (larger)
		groups->group = larger;
	if (!larger || !fresh) {
		free(fresh);
		return false;
	}
	free(groups->slot);
	groups->slot = fresh;
	groups->room = room;
	groups->slots = 2 * room;
	for (uint32_t i = 1; i <= groups->count; i++)
		put(groups, i);
	return true;
}

/* The group that is like @wanted, perhaps a new one; NULL: no memory. */
static struct group *group_like(struct groups *groups, struct group *wanted)
{
	wanted->hash = hash_of(wanted);
	if (!groups->slots && !grow(groups))
		return NULL;
	for (size_t i = wanted->hash & (groups->slots - 1); groups->slot[i];
	     i = (i + 1) & (groups->slots - 1))
		if (groups->group[groups->slot[i] - 1].hash == wanted->hash)
			return &groups->group[groups->slot[i] - 1];
	if (groups->count == groups->room && !grow(groups))
		return NULL;
	groups->group[groups->count++] = *wanted;
	put(groups, (uint32_t)groups->count);
	return &groups->group[groups->count - 1];
}

static int add_descriptor(struct group *group, int fd)
{
	if (group->count == group->room) {
		size_t room = group->room ? group->room * 2 : 8;
		int *larger = realloc(group->fds, room * sizeof(*larger));

		if (!larger)
			return -1;
		group->fds = larger;
		group->room = room;
	}
	group->fds[group->count++] = fd;
	return 0;
}

static int add_socket(struct groups *groups, const struct task *task, int fd,
		      const struct socket *socket, const struct inet_entry *entry)
{
	const struct touch *forked = &task->table->forked;
	struct group wanted = {.process = task->process,
			       .state = entry ? entry->state : 0,
			       .known = socket,
			       .oldest = UINT32_MAX};
	struct group *group;

	if (socket) {
		wanted.one = *socket;
		wanted.shared = socket->shared ? *socket->shared : (struct shared){0};
		if (forked->happened && socket->taken.ms <= forked->ms)
			wanted.inherited = *forked;
	}
	group = group_like(groups, &wanted);
	if (!group)
		return -1;
	group->unread += entry && !wanted.one.listener && entry->unread > 0;
	if (wanted.one.listener && entry)
		group->waiting = entry->unread;
	if (wanted.one.last.ms >= group->one.last.ms) {
		group->one = wanted.one;
		group->shared = wanted.shared;
		group->inherited = wanted.inherited;
	}
	if (wanted.one.taken.ms < group->oldest)
		group->oldest = wanted.one.taken.ms;
	return add_descriptor(group, fd);
}

int groups_add(struct groups *groups, struct task *task, const struct inet *inet, size_t *files)
{
	struct dirent *entry;
	int result = 0;
	char path[64];
	DIR *folder;

	snprintf(path, sizeof(path), "/proc/%d/fd", task->tid);
	folder = opendir(path);
	while (result == 0 && folder && (entry = readdir(folder))) {
		int fd = isdigit((unsigned char)entry->d_name[0]) ? atoi(entry->d_name) : -1;
		uint32_t inode = fd >= 0 ? descriptor_inode(task->tid, fd) : 0;
		const struct inet_entry *state = inode ? inet_find(inet, inode) : NULL;
		/* What was done with a copy outside the sample was not seen. */
		const struct socket *socket =
		    inode && fd % (int)tracer.sample == 0 ? socket_find(inode) : NULL;

		*files += fd >= 0 && !inode && descriptor_is_file(task->tid, fd);
		if (socket || state)
			result = add_socket(groups, task, fd, socket, state);
	}
	if (folder)
		closedir(folder);
	return result;
}

void groups_free(struct groups *groups)
{
	for (size_t i = 0; i < groups->count; i++)
		free(groups->group[i].fds);
	free(groups->group);
	free(groups->slot);
	*groups = (struct groups){0};
}
