/* SPDX-License-Identifier: MIT */
/* What a call does to the descriptors, and what is recorded for the socket. */
#include "blame/internal.h"

#include <errno.h>
#include <linux/close_range.h>
#include <netinet/in.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/xattr.h>
#include <time.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

/* Results with which the kernel restarts a call, or first lets a signal handler run
 * (include/linux/errno.h). The program never sees them. */
enum { RESTART_LAST = -516, RESTART_FIRST = -512 };

struct tracer tracer;

int64_t clock_now(void)
{
	struct timespec now;

	if (tracer.watching)
		return tracer.now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000 + now.tv_nsec;
}

uint32_t stack_of(struct task *task)
{
	struct frame frames[DEPTH];
	struct registers registers;

	if (tracer.watching)
		return stack_number(
		    frames, unwind(task->maps, task->tid, &tracer.registers, &tracer.dump, frames));
	if (registers_read(task->tid, &registers) < 0)
		return 0;
	return stack_number(frames, unwind(task->maps, task->tid, &registers, NULL, frames));
}

struct touch touch_now(struct task *task, long call, int32_t result)
{
	int64_t now = clock_now(), took = (now - task->began) / 1000;

	return (struct touch){
	    .ms = (uint32_t)((now - tracer.began) / 1000000),
	    .took = took < UINT32_MAX ? (uint32_t)took : UINT32_MAX,
	    .stack = stack_of(task),
	    .result = result,
	    .tid = task->tid,
	    .call = (uint16_t)call,
	    .happened = true,
	};
}

static bool is_sampled(int64_t fd)
{
	return fd % tracer.sample == 0;
}

/* A socket whose creation we did not see: what the kernel calls its protocol. */
bool follow_is_tcp(pid_t tid, int fd)
{
	char path[64], protocol[32];
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", tid, fd);
	length = getxattr(path, "system.sockprotoname", protocol, sizeof(protocol) - 1);
	protocol[length > 0 ? length : 0] = '\0';
	return !strncmp(protocol, "TCP", 3) || !strncmp(protocol, "MPTCP", 5);
}

/* ---- the entry ------------------------------------------------------------------------------- */

static void close_one(struct task *task, int fd)
{
	struct socket *socket = table_get(task->table, fd);
	struct shared *shared;

	if (!socket)
		return;
	shared = socket->references > 1 ? socket_shared(socket) : NULL;
	if (shared) {
		shared->closed = touch_now(task, task->call->number, 0);
		shared->closer = task->process;
	}
	table_set(task->table, fd, NULL);
}

static void close_many(struct task *task)
{
	if (task->argument[2] & CLOSE_RANGE_UNSHARE)
		task_unshare(task);
	if (task->argument[2] & CLOSE_RANGE_CLOEXEC)
		return;
	for (int fd = 0; fd < task->table->size; fd++)
		if ((unsigned int)fd >= task->argument[0] && (unsigned int)fd <= task->argument[1])
			close_one(task, fd);
}

static void note_poll(struct task *task, struct socket *socket)
{
	socket->last = touch_now(task, task->call->number, (int32_t)task->argument[1]);
	if (!socket->adopted.happened && socket->taken.happened && !socket->listener)
		socket->adopted = socket->last;
}

static bool makes_tcp(const uint64_t argument[3])
{
	return (argument[0] == AF_INET || argument[0] == AF_INET6) &&
	       (argument[1] & 0xf) == SOCK_STREAM && /* without its flags */
	       (!argument[2] || argument[2] == IPPROTO_TCP || argument[2] == IPPROTO_MPTCP);
}

static bool enter(struct task *task, struct socket *socket)
{
	switch (task->call->kind) {
	case CALL_SOCKET:
		return makes_tcp(task->argument);
	case CALL_ACCEPT:
	case CALL_GETFD:
		return true;
	case CALL_CLOSE:
		close_one(task, (int)task->argument[0]);
		return false;
	case CALL_CLOSE_RANGE:
		close_many(task);
		return false;
	case CALL_EPOLL_CTL:
		if (socket)
			note_poll(task, socket);
		return false;
	case CALL_DUP:
		return socket || table_get(task->table, (int)task->argument[1]);
	case CALL_UNSHARE:
		return task->argument[0] & CLONE_FILES;
	case CALL_SENDMSG:
		if (!socket && passed_possible(task))
			passed_sent(task);
		return socket;
	case CALL_RECVMSG:
		return socket || passed_possible(task);
	case CALL_GETSOCKOPT:
		return socket && task->argument[1] == SOL_SOCKET && task->argument[2] == SO_ERROR;
	case CALL_WRITE:
		if (task->argument[0] == TOLD_DESCRIPTOR)
			told_by(task, task->argument[1], task->argument[2]);
		return socket;
	case CALL_URING: /* no filter sees what goes through a ring */
		task->refused = !tracer.watching;
		if (task->refused)
			registers_refuse(task->tid, ENOSYS);
		return false;
	default:
		return socket;
	}
}

bool follow_enter(struct task *task, const struct call *call, const uint64_t argument[6])
{
	int number = call->descriptor == DESCRIPTOR_NONE ? 0 : call->descriptor;
	struct socket *socket;

	task->call = call;
	task->began = clock_now();
	memcpy(task->argument, argument, sizeof(task->argument));
	socket = table_get(task->table, (int)argument[number]);
	task->inode = socket ? socket->inode : 0;
	return enter(task, socket);
}

/* ---- the exit -------------------------------------------------------------------------------- */

static void take(struct task *task, int fd, const struct touch *touch)
{
	uint32_t inode = descriptor_inode(task->tid, fd);
	struct socket *socket = inode ? socket_new(inode) : NULL;

	if (!socket)
		return;
	socket->taken = socket->last = *touch;
	socket_hold(socket);
	if (table_set(task->table, fd, socket) == 0)
		after_begin(task, touch, socket);
	socket_release(socket);
}

static void leave_accept(struct task *task, int32_t result)
{
	struct socket *listener = table_get(task->table, (int)task->argument[0]);
	bool ours =
	    result >= 0 && is_sampled(result) && (listener || follow_is_tcp(task->tid, result));
	struct touch touch;

	if (!ours && !listener)
		return;
	touch = touch_now(task, task->call->number, result);
	if (listener) {
		listener->listener = true;
		listener->read = listener->last = touch;
		if (result >= 0) {
			listener->end = (struct touch){0};
		} else if (result != -EAGAIN && result != -EINTR) {
			listener->end = touch;
			after_begin(task, &touch, listener);
		}
	}
	if (ours)
		take(task, result, &touch);
}

static void leave_use(struct task *task, struct socket *socket, int32_t result)
{
	enum call_kind kind = task->call->kind;

	if (kind == CALL_GETSOCKOPT && !end_pending(task, &result))
		return;
	socket->last = touch_now(task, task->call->number, result);
	if (!socket->adopted.happened && socket->taken.happened &&
	    call_of(socket->taken.call)->kind == CALL_ACCEPT)
		socket->adopted = socket->last;
	if (call_reads(kind))
		socket->read = socket->last;
	if (end_is(task, &socket->last)) {
		socket->end = socket->last;
		after_begin(task, &socket->last, socket);
	} else if (socket->end.happened && end_survived(&socket->end, &socket->last)) {
		socket->end = (struct touch){0};
	}
}

void follow_leave(struct task *task, int64_t result)
{
	struct socket *socket = table_get(task->table, (int)task->argument[0]);

	if (result >= RESTART_LAST && result <= RESTART_FIRST)
		return;
	switch (task->call->kind) {
	case CALL_SOCKET:
		if (result >= 0 && is_sampled(result)) {
			struct touch touch = touch_now(task, task->call->number, (int32_t)result);

			take(task, (int)result, &touch);
		}
		return;
	case CALL_ACCEPT:
		leave_accept(task, (int32_t)result);
		return;
	case CALL_DUP:
	case CALL_FCNTL:
		if (result >= 0 && table_get(task->table, (int)result) != socket)
			close_one(task, (int)result); /* the descriptor that was there before */
		if (result >= 0)
			table_set(task->table, (int)result, socket);
		return;
	case CALL_GETFD: /* a copy from another process */
		if (result >= 0)
			table_set(task->table, (int)result,
				  socket_find(descriptor_inode(task->tid, (int)result)));
		return;
	case CALL_UNSHARE:
		if (result == 0)
			task_unshare(task);
		return;
	case CALL_RECVMSG:
		if (!task->inode && result >= 0)
			passed_received(task);
		break;
	default:
		break;
	}
	if (socket && socket->inode == task->inode) /* another thread may have closed it */
		leave_use(task, socket, (int32_t)result);
}
