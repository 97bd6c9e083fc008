/* SPDX-License-Identifier: MIT */
/*
 * A running process is not traced: attaching would end some of its waits with EINTR, and leaving
 * would make filtered calls fail. It is watched through the tracepoints of system calls, which
 * needs root. Sockets that it took earlier are of unknown origin; only what happens from now on is
 * known.
 */
#include "blame/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TRACEFS "/sys/kernel/tracing"

static unsigned int read_number(const char *name)
{
	char path[128], text[32];
	ssize_t length = -1;
	int fd;

	snprintf(path, sizeof(path), TRACEFS "/events/%s/id", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		length = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	text[length > 0 ? length : 0] = '\0';
	return sample_tracepoint(text);
}

/* Its number; mounts tracefs where only we see it; 0 with @error. */
static unsigned int tracepoint_number(const char *name, struct error *error)
{
	unsigned int number = read_number(name);

	if (number)
		return number;
	if (unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	    mount("tracefs", TRACEFS, "tracefs", 0, NULL) == 0)
		number = read_number(name);
	if (!number)
		error_set(
		    error, EXIT_CANNOT,
		    "cannot read the tracepoint %s (tracefs): run it as root of the machine, "
		    "on a kernel with CONFIG_FTRACE_SYSCALLS; or start the program under blame",
		    name);
	return number;
}

/* A socket that it had earlier, or got in a way that we did not see. */
static void learn(struct task *task, int fd)
{
	uint32_t inode = fd < 0 || table_get(task->table, fd) ? 0 : descriptor_inode(task->tid, fd);
	struct socket *socket = inode ? socket_find(inode) : NULL;

	if (inode && !socket && follow_is_tcp(task->tid, fd))
		socket = socket_new(inode);
	if (socket)
		table_set(task->table, fd, socket);
}

/* The whole call is followed when it leaves: only then is there a stack. */
static void leave(struct task *task, const struct sample *sample)
{
	const struct call *call = task->call;
	uint64_t argument[6];

	tracer.now = task->began;
	tracer.registers = sample->registers;
	tracer.dump = sample->dump;
	memcpy(argument, task->argument, sizeof(argument));
	if (call->descriptor >= 0 && call->kind != CALL_CLOSE)
		learn(task, (int)argument[call->descriptor]);
	if (call->kind == CALL_ACCEPT)
		learn(task, (int)argument[0]);
	if (follow_enter(task, call, argument)) {
		tracer.now = sample->time;
		follow_leave(task, sample->result);
	}
	task->call = NULL;
}

static void note(const struct sample *sample)
{
	struct task *task = task_learn(sample->pid, sample->tid);
	const struct call *call = call_of(sample->number);

	if (!task || !call)
		return;
	if (sample->leaves) {
		if (task->call == call)
			leave(task, sample);
		return;
	}
	task->call = call;
	task->began = sample->time;
	memcpy(task->argument, sample->argument, sizeof(task->argument));
}

/* SIGINT and SIGTERM end it, SIGUSR1 asks for a report (ask.c). */
static int signals_open(void)
{
	sigset_t awaited;

	sigemptyset(&awaited);
	sigaddset(&awaited, SIGINT);
	sigaddset(&awaited, SIGTERM);
	sigaddset(&awaited, SIGUSR1);
	sigprocmask(SIG_BLOCK, &awaited, NULL);
	return signalfd(-1, &awaited, SFD_CLOEXEC);
}

static int follow(struct rings *rings, int pidfd, int signals, struct error *error)
{
	struct pollfd ended = {.fd = pidfd, .events = POLLIN};
	struct signalfd_siginfo info = {0};

	while (info.ssi_signo == 0 || info.ssi_signo == SIGUSR1) {
		int ready = rings_read(rings, signals, note);

		if (ready < 0)
			return error_set(error, EXIT_BROKEN, "poll: %s", strerror(errno));
		if (poll(&ended, 1, 0) == 1) /* pidfd_open(2) */
			return error_set(error, EXIT_ENDED,
					 "process %d has ended, and what it held is gone",
					 tracer.program);
		if (!ready)
			continue;
		if (read(signals, &info, sizeof(info)) != sizeof(info))
			return error_set(error, EXIT_BROKEN, "signalfd: %s", strerror(errno));
		if (report_write("asked", error) < 0)
			return -1;
	}
	return 0;
}

int watch(pid_t pid, struct error *error)
{
	unsigned int enter, leaving;
	struct rings *rings;
	int pidfd, signals, result;

	if (!registers_supported)
		return error_set(error, EXIT_CANNOT, "blame supports only x86-64 so far");
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0 && errno == ENOSYS)
		return error_set(error, EXIT_CANNOT, "--pid needs Linux 5.3 (pidfd_open)");
	if (pidfd < 0) /* EINVAL: a thread that is not the first one of its process */
		return error_set(error, EXIT_USAGE, "process %d: %s", pid,
				 strerror(errno == EINVAL ? ESRCH : errno));
	enter = tracepoint_number("raw_syscalls/sys_enter", error);
	leaving = enter ? tracepoint_number("raw_syscalls/sys_exit", error) : 0;
	if (!leaving)
		return -1;
	prctl(PR_SET_NAME, "blame-tracer");
	tracer.program = pid;
	tracer.sample = 1;
	tracer.began = clock_now();
	tracer.now = tracer.began;
	tracer.watching = true;
	signals = signals_open();
	if (signals < 0)
		return error_set(error, EXIT_BROKEN, "signalfd: %s", strerror(errno));
	rings = rings_open(pid, enter, leaving, error);
	if (!rings)
		return -1;
	result = report_write("started", error) < 0 ? -1 : follow(rings, pidfd, signals, error);
	rings_close(rings);
	close(signals);
	close(pidfd);
	return result;
}
