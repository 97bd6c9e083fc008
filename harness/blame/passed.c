/* SPDX-License-Identifier: MIT */
/* Descriptors passed between processes in messages of UNIX sockets (unix(7), SCM_RIGHTS). */
#include "blame/internal.h"

#include <string.h>
#include <sys/socket.h>

enum { UNDER_WAY = 256, CONTROL_MOST = 4096 };

size_t passed_descriptors(const uint8_t *control, size_t length, int fds[PASSED_MOST])
{
	size_t count = 0, at = 0;

	while (at + sizeof(struct cmsghdr) <= length) {
		struct cmsghdr header;

		memcpy(&header, control + at, sizeof(header));
		if (header.cmsg_len < sizeof(header) || header.cmsg_len > length - at)
			break;
		if (header.cmsg_level == SOL_SOCKET && header.cmsg_type == SCM_RIGHTS)
			for (size_t i = at + CMSG_LEN(0);
			     i + sizeof(int) <= at + header.cmsg_len && count < PASSED_MOST;
			     i += sizeof(int))
				memcpy(&fds[count++], control + i, sizeof(int));
		at += CMSG_ALIGN(header.cmsg_len);
	}
	return count;
}

static bool read_message(const struct task *task, struct msghdr *message)
{
	return memory_copy(task->tid, task->argument[1], message, sizeof(*message)) &&
	       message->msg_control && message->msg_controllen >= CMSG_LEN(sizeof(int));
}

bool passed_possible(const struct task *task)
{
	struct msghdr message;

	return read_message(task, &message);
}

static size_t read_descriptors(const struct task *task, int fds[PASSED_MOST])
{
	uint8_t control[CONTROL_MOST];
	struct msghdr message;
	size_t length;

	if (!read_message(task, &message))
		return 0;
	length = message.msg_controllen;
	if (length > sizeof(control))
		length = sizeof(control);
	if (!memory_copy(task->tid, (uint64_t)(uintptr_t)message.msg_control, control, length))
		return 0;
	return passed_descriptors(control, length, fds);
}

void passed_sent(const struct task *task)
{
	static struct socket *under_way[UNDER_WAY]; /* the last ones: no event reports an arrival */
	static size_t next;
	int fds[PASSED_MOST];
	size_t count = read_descriptors(task, fds);

	for (size_t i = 0; i < count; i++) {
		struct socket *socket = table_get(task->table, fds[i]);

		if (!socket)
			continue;
		socket_hold(socket);
		if (under_way[next])
			socket_release(under_way[next]);
		under_way[next] = socket;
		next = (next + 1) % UNDER_WAY;
	}
}

void passed_received(struct task *task)
{
	int fds[PASSED_MOST];
	size_t count = read_descriptors(task, fds);

	for (size_t i = 0; i < count; i++)
		table_set(task->table, fds[i], socket_find(descriptor_inode(task->tid, fds[i])));
}
