/* SPDX-License-Identifier: MIT */
/* The system calls that concern sockets. */
#include "blame/internal.h"

#include <sys/epoll.h>
#include <sys/syscall.h>

/* Newer than some distributions' headers; the same number on every architecture. */
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif
#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif

const struct call calls[] = {
    {SYS_socket, "socket", CALL_SOCKET, DESCRIPTOR_NONE},
    {SYS_accept, "accept", CALL_ACCEPT, DESCRIPTOR_NONE},
    {SYS_accept4, "accept4", CALL_ACCEPT, DESCRIPTOR_NONE},
    {SYS_connect, "connect", CALL_CONNECT, 0},
    {SYS_read, "read", CALL_READ, 0},
    {SYS_readv, "readv", CALL_READ, 0},
    {SYS_recvfrom, "recv", CALL_READ, 0},
    {SYS_recvmmsg, "recvmmsg", CALL_READ, 0},
    {SYS_write, "write", CALL_WRITE, 0},
    {SYS_writev, "writev", CALL_WRITE, 0},
    {SYS_sendto, "send", CALL_WRITE, 0},
    {SYS_sendmmsg, "sendmmsg", CALL_WRITE, 0},
    {SYS_sendfile, "sendfile", CALL_WRITE, 0},
    {SYS_shutdown, "shutdown", CALL_SHUTDOWN, 0},
    {SYS_getsockopt, "getsockopt", CALL_GETSOCKOPT, 0},
    {SYS_close, "close", CALL_CLOSE, 0},
    {SYS_epoll_ctl, "epoll_ctl", CALL_EPOLL_CTL, 2},
    {SYS_dup, "dup", CALL_DUP, DESCRIPTOR_NONE},
    {SYS_dup3, "dup3", CALL_DUP, DESCRIPTOR_NONE},
    {SYS_fcntl, "fcntl", CALL_FCNTL, DESCRIPTOR_NONE},
    {SYS_close_range, "close_range", CALL_CLOSE_RANGE, DESCRIPTOR_NONE},
    {SYS_unshare, "unshare", CALL_UNSHARE, DESCRIPTOR_NONE},
    {SYS_pidfd_getfd, "pidfd_getfd", CALL_GETFD, DESCRIPTOR_NONE},
    {SYS_recvmsg, "recvmsg", CALL_RECVMSG, DESCRIPTOR_NONE},
    {SYS_sendmsg, "sendmsg", CALL_SENDMSG, DESCRIPTOR_NONE},
    {SYS_io_uring_setup, "io_uring_setup", CALL_URING, DESCRIPTOR_NONE},
    {SYS_epoll_pwait, "epoll_wait", CALL_WAIT, DESCRIPTOR_NONE},
    {SYS_epoll_pwait2, "epoll_wait", CALL_WAIT, DESCRIPTOR_NONE},
    {SYS_ppoll, "poll", CALL_WAIT, DESCRIPTOR_NONE},
    {SYS_pselect6, "select", CALL_WAIT, DESCRIPTOR_NONE},
    {SYS_futex, "futex", CALL_WAIT, DESCRIPTOR_NONE},
    {SYS_nanosleep, "nanosleep", CALL_WAIT, DESCRIPTOR_NONE},
    {SYS_clock_nanosleep, "nanosleep", CALL_WAIT, DESCRIPTOR_NONE},
    {SYS_wait4, "wait", CALL_WAIT, DESCRIPTOR_NONE},
    {SYS_waitid, "wait", CALL_WAIT, DESCRIPTOR_NONE},
    {SYS_rt_sigsuspend, "sigsuspend", CALL_WAIT, DESCRIPTOR_NONE},
    {SYS_rt_sigtimedwait, "sigwait", CALL_WAIT, DESCRIPTOR_NONE},
    {SYS_exit, "exit", CALL_WAIT, DESCRIPTOR_NONE},
    {SYS_exit_group, "exit", CALL_WAIT, DESCRIPTOR_NONE},
    {SYS_clone, "clone", CALL_FORK, DESCRIPTOR_NONE},
    {SYS_clone3, "clone", CALL_FORK, DESCRIPTOR_NONE},
#ifdef SYS_epoll_wait /* of older architectures */
    {SYS_dup2, "dup2", CALL_DUP, DESCRIPTOR_NONE},
    {SYS_epoll_wait, "epoll_wait", CALL_WAIT, DESCRIPTOR_NONE},
    {SYS_poll, "poll", CALL_WAIT, DESCRIPTOR_NONE},
    {SYS_select, "select", CALL_WAIT, DESCRIPTOR_NONE},
    {SYS_pause, "pause", CALL_WAIT, DESCRIPTOR_NONE},
    {SYS_fork, "fork", CALL_FORK, DESCRIPTOR_NONE},
    {SYS_vfork, "vfork", CALL_FORK, DESCRIPTOR_NONE},
#endif
};

const size_t call_count = sizeof(calls) / sizeof(calls[0]);

const struct call *call_of(long number)
{
	enum { NUMBERS = 512 };
	static uint8_t place[NUMBERS]; /* in calls, from 1 on; every call asks */

	if (!place[SYS_socket])
		for (size_t i = 0; i < call_count; i++)
			place[calls[i].number] = (uint8_t)(i + 1);
	if (number < 0 || number >= NUMBERS || !place[number])
		return NULL;
	return &calls[place[number] - 1];
}

bool call_is_followed(const struct call *call)
{
	return call->kind != CALL_WAIT && call->kind != CALL_FORK;
}

const char *call_name(long number, long result, char text[24])
{
	static const char *const operations[] = {[EPOLL_CTL_ADD] = "EPOLL_CTL_ADD",
						 [EPOLL_CTL_DEL] = "EPOLL_CTL_DEL",
						 [EPOLL_CTL_MOD] = "EPOLL_CTL_MOD"};
	const struct call *call = call_of(number);

	if (number == SYS_epoll_ctl && result >= EPOLL_CTL_ADD && result <= EPOLL_CTL_MOD)
		return operations[result];
	if (call)
		return call->name;
	snprintf(text, 24, "call %ld", number);
	return text;
}
