/* SPDX-License-Identifier: MIT */
/*
 * Finds what threads wait for: /proc/PID/task/TID/syscall has the number of the system call and its
 * arguments (this needs PTRACE_MODE_ATTACH); wchan has the kernel's function, and more users
 * may read it.
 */
#include "census/internal.h"

#include <ctype.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum timeout { NONE, MS, TIMESPEC, TIMEVAL, IF_ANY, UNTOLD };

/* The calls in which programs wait; -1: no descriptor. */
static const struct waiting {
	long number;
	const char *name;
	int descriptor; /* which argument */
	enum timeout timeout;
	int where; /* which argument */
} calls[] = {
    {SYS_read, "read", 0, NONE, 0},
    {SYS_readv, "readv", 0, NONE, 0},
    {SYS_write, "write", 0, NONE, 0},
    {SYS_writev, "writev", 0, NONE, 0},
    {SYS_recvfrom, "recvfrom", 0, UNTOLD, 0}, /* SO_RCVTIMEO */
    {SYS_recvmsg, "recvmsg", 0, UNTOLD, 0},
    {SYS_recvmmsg, "recvmmsg", 0, TIMESPEC, 4},
    {SYS_sendto, "sendto", 0, UNTOLD, 0},
    {SYS_sendmsg, "sendmsg", 0, UNTOLD, 0},
    {SYS_accept, "accept", 0, UNTOLD, 0},
    {SYS_accept4, "accept4", 0, UNTOLD, 0},
    {SYS_connect, "connect", 0, UNTOLD, 0},
    {SYS_ppoll, "ppoll", -1, TIMESPEC, 2},
    {SYS_pselect6, "pselect6", -1, TIMESPEC, 4},
    {SYS_epoll_pwait, "epoll_pwait", 0, MS, 3},
#ifdef SYS_epoll_pwait2
    {SYS_epoll_pwait2, "epoll_pwait2", 0, TIMESPEC, 3},
#endif
#ifdef SYS_epoll_wait /* of older architectures */
    {SYS_epoll_wait, "epoll_wait", 0, MS, 3},
    {SYS_poll, "poll", -1, MS, 2},
    {SYS_select, "select", -1, TIMEVAL, 4},
    {SYS_pause, "pause", -1, NONE, 0},
#endif
    {SYS_futex, "futex", -1, IF_ANY, 3}, /* relative or absolute, by its operation */
    {SYS_nanosleep, "nanosleep", -1, TIMESPEC, 0},
    {SYS_clock_nanosleep, "clock_nanosleep", -1, UNTOLD, 0},
    {SYS_wait4, "wait4", -1, NONE, 0},
    {SYS_waitid, "waitid", -1, NONE, 0},
    {SYS_rt_sigtimedwait, "rt_sigtimedwait", -1, TIMESPEC, 2},
    {SYS_rt_sigsuspend, "rt_sigsuspend", -1, NONE, 0},
    {SYS_restart_syscall, "restart_syscall", -1, UNTOLD, 0},
    {SYS_io_uring_enter, "io_uring_enter", 0, UNTOLD, 0},
    {SYS_flock, "flock", 0, NONE, 0},
    {SYS_fsync, "fsync", 0, NONE, 0},
};

bool call_from(const char *text, struct call *call)
{
	char *end;

	call->number = strtol(text, &end, 10);
	if (end == text || call->number < 0) /* "running"; -1: in the kernel for another reason */
		return false;
	for (int i = 0; i < 6; i++) {
		text = end;
		call->argument[i] = strtoull(text, &end, 16);
		if (end == text)
			return false;
	}
	return true;
}

/* A struct timespec or timeval of @pid at @address, in ms; -2 when it cannot be read. */
static int64_t time_at(pid_t pid, uint64_t address, int64_t per_ms)
{
	struct {
		int64_t seconds, parts;
	} time;
	struct iovec here = {&time, sizeof(time)};
	struct iovec there = {(void *)(uintptr_t)address, sizeof(time)};

	if (process_vm_readv(pid, &here, 1, &there, 1, 0) != sizeof(time) || time.seconds < 0 ||
	    time.seconds > INT64_MAX / 2000)
		return -2;
	return time.seconds * 1000 + time.parts / per_ms;
}

static int64_t timeout_of(pid_t pid, const struct waiting *waiting, const struct call *call)
{
	uint64_t argument = call->argument[waiting->where];

	switch (waiting->timeout) {
	case NONE:
		return -1;
	case MS:
		return (int32_t)argument < 0 ? -1 : (int32_t)argument;
	case TIMESPEC:
		return argument ? time_at(pid, argument, 1000000) : -1;
	case TIMEVAL:
		return argument ? time_at(pid, argument, 1000) : -1;
	case IF_ANY:
		return argument ? -2 : -1;
	default:
		return -2;
	}
}

static void name_call(pid_t pid, const struct call *call, struct census_wait *wait)
{
	snprintf(wait->call, sizeof(wait->call), "%ld", call->number);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (calls[i].number != call->number)
			continue;
		snprintf(wait->call, sizeof(wait->call), "%s", calls[i].name);
		wait->timeout_ms = timeout_of(pid, &calls[i], call);
		if (calls[i].descriptor >= 0)
			wait->descriptor = (int)call->argument[calls[i].descriptor];
	}
}

struct program {
	pid_t pid;
	bool ours;
};

static int examine_thread(void *data, pid_t thread)
{
	struct program *program = data;
	unsigned char header[EI_CLASS + 1] = {0};
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/exe", program->pid, thread);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno != ENOENT; /* a thread that has ended has no exe */
	if (pread(fd, header, sizeof(header), 0) == sizeof(header))
		program->ours =
		    header[EI_CLASS] == (sizeof(long) == 8 ? ELFCLASS64 : ELFCLASS32);
	close(fd);
	return 1;
}

/* Call numbers are ours only if the program has our architecture. */
static bool of_our_architecture(pid_t pid)
{
	struct program program = {pid, false};

	process_threads(pid, examine_thread, &program);
	return program.ours;
}

/* Returns false when we may not read the call. */
static bool view_thread(pid_t pid, pid_t thread, bool ours, struct census_wait *wait)
{
	char file[64], text[256];
	struct call call;

	*wait = (struct census_wait){.thread = thread, .timeout_ms = -2, .descriptor = -1};
	snprintf(file, sizeof(file), "task/%d/wchan", thread);
	process_read(pid, file, wait->wchan, sizeof(wait->wchan));
	if (!strcmp(wait->wchan, "0"))
		wait->wchan[0] = '\0';
	snprintf(file, sizeof(file), "task/%d/syscall", thread);
	process_read(pid, file, text, sizeof(text));
	if (!strncmp(text, "running", 7)) {
		strcpy(wait->call, "running");
		wait->timeout_ms = -1;
		return true;
	}
	if (!ours || !call_from(text, &call))
		return text[0] == '-'; /* in the kernel, but not in a call: a page fault, say */
	name_call(pid, &call, wait);
	return true;
}

struct listing {
	struct census_process_view *view;
	size_t room;
	bool ours, all;
};

static int add_wait(void *data, pid_t thread)
{
	struct listing *listing = data;
	struct census_process_view *view = listing->view;
	struct census_wait *waits =
	    census_grow(view->waits, view->wait_count, &listing->room, sizeof(*waits));
	bool seen;

	if (!waits)
		return -1;
	view->waits = waits;
	seen = view_thread(view->pid, thread, listing->ours, &waits[view->wait_count]);
	if (!seen && task_has_ended(view->pid, thread))
		return 0;
	view->wait_count++;
	listing->all &= seen;
	return 0;
}

int view_waits(struct census_process_view *view)
{
	struct listing listing = {view, 0, of_our_architecture(view->pid), true};

	if (process_threads(view->pid, add_wait, &listing) < 0)
		return -1;
	if (!listing.all && !view->unreadable[0])
		snprintf(view->unreadable, sizeof(view->unreadable),
			 "cannot read the system calls of its threads (/proc/%d/syscall): run "
			 "census as root with CAP_SYS_PTRACE",
			 view->pid);
	return 0;
}
