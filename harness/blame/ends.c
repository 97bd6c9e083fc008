/* SPDX-License-Identifier: MIT */
/* What ends a connection for its program: EOF, an error, a timeout. */
#include "blame/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define AT_ONCE 2000 /* us: a call that took longer has waited */

/* The flags of a send(2) or recv(2), for MSG_DONTWAIT. */
static uint64_t message_flags(const struct task *task)
{
	switch (task->call->number) {
	case SYS_recvmsg:
	case SYS_sendmsg:
		return task->argument[2];
	case SYS_recvfrom:
	case SYS_sendto:
	case SYS_recvmmsg:
	case SYS_sendmmsg:
		return task->argument[3];
	default:
		return 0;
	}
}

static bool is_blocking(const struct task *task)
{
	char path[64], line[128];
	unsigned int flags = 0;
	FILE *file;

	if (message_flags(task) & MSG_DONTWAIT)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", task->tid, (int)task->argument[0]);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file) && sscanf(line, "flags: %o", &flags) != 1)
		;
	if (file)
		fclose(file);
	return !(flags & O_NONBLOCK);
}

bool call_reads(enum call_kind kind)
{
	return kind == CALL_READ || kind == CALL_RECVMSG;
}

bool end_is(const struct task *task, const struct touch *touch)
{
	enum call_kind kind = task->call->kind;

	if (touch->result == -EAGAIN) /* SO_RCVTIMEO, SO_SNDTIMEO; otherwise it does not wait */
		return touch->took > AT_ONCE && is_blocking(task);
	if (touch->result < 0)
		return touch->result != -EINTR && touch->result != -EINPROGRESS &&
		       touch->result != -EALREADY;
	return touch->result == 0 &&
	       (kind == CALL_RECVMSG || (kind == CALL_READ && task->argument[2] > 0));
}

bool end_survived(const struct touch *end, const struct touch *now)
{
	enum call_kind kind = call_of(now->call)->kind, former = call_of(end->call)->kind;

	if (end->result >= 0 || now->result < 0)
		return false;
	return former == CALL_CONNECT || former == CALL_GETSOCKOPT ||
	       call_reads(kind) == call_reads(former);
}

bool end_pending(struct task *task, int32_t *result)
{
	int error = 0;

	if (*result < 0 || !memory_copy(task->tid, task->argument[3], &error, sizeof(error)) ||
	    error <= 0)
		return false;
	*result = -error;
	return true;
}
