/* SPDX-License-Identifier: MIT */
/*
 * How a program gets its tracer. The program keeps the process that was started, so its parent, its
 * pid file and its terminal are as without blame. The tracer is the child of a child that has
 * ended, so wait(2) in the program never sees it. When the tracer dies, so does the program
 * (PTRACE_O_EXITKILL): without a tracer the filtered calls would fail with ENOSYS.
 */
#include "blame/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ptrace.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

extern long ptrace(int request, ...); /* see trace.c */

enum { READY = 3 }; /* the descriptor through which the tracer reports its start */

/* Keep nothing of the program's: a reader of its output must not wait for us. */
static void let_go(int ready)
{
	int null = open("/dev/null", O_RDWR);

	for (int fd = 0; fd < READY; fd++)
		dup2(null, fd);
	if (ready != READY)
		dup2(ready, READY);
	syscall(SYS_close_range, READY + 1, ~0u, 0);
}

static int seize(pid_t program, struct error *error)
{
	long options = PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
		       PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT |
		       PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD;
	struct task *task = task_get(program);

	if (!task || task_begin(task) < 0)
		return error_no_memory(error);
	if (report_write("started", error) < 0) /* so it can be written later */
		return -1;
	if (ptrace(PTRACE_SEIZE, program, NULL, options) < 0)
		return error_set(error, EXIT_CANNOT,
				 "not allowed to trace a program (ptrace): %s; in a container, add "
				 "--cap-add SYS_PTRACE",
				 strerror(errno));
	return 0;
}

__attribute__((noreturn)) static void be_tracer(pid_t program, int ready)
{
	struct error error = {0};
	sigset_t all;

	setsid();
	sigfillset(&all); /* trace_loop() takes two of them; ^C is meant for the program */
	sigprocmask(SIG_SETMASK, &all, NULL);
	signal(SIGCHLD, SIG_DFL);
	let_go(ready);
	prctl(PR_SET_NAME, "blame-tracer");
	tracer.program = program;
	tracer.began = clock_now();
	if (seize(program, &error) < 0) {
		if (write(READY, &error, sizeof(error)) < 0)
			_exit(EXIT_BROKEN);
		_exit(error.code);
	}
	if (chdir("/") < 0 || write(READY, &error, sizeof(error)) < 0)
		_exit(EXIT_BROKEN);
	close(READY);
	trace_loop();
	_exit(EXIT_OK);
}

/* The first process of a container, and a subreaper, would become the tracer's parent. */
static bool adopts_orphans(void)
{
	int reaps = 0;

	return getpid() == 1 || (prctl(PR_GET_CHILD_SUBREAPER, &reaps) == 0 && reaps);
}

/* Start the tracer, and wait until it is attached. */
static int begin(struct error *error)
{
	bool direct = adopts_orphans();
	pid_t program = getpid(), child;
	int ready[2];
	ssize_t length;

	if (pipe2(ready, O_CLOEXEC) < 0)
		return error_set(error, EXIT_BROKEN, "pipe: %s", strerror(errno));
	/* With Yama, only an ancestor may trace (Documentation/admin-guide/LSM/Yama.rst). */
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
	/* Only wait(2) with __WALL or __WCLONE sees a child that ends without SIGCHLD. */
	child = direct ? (pid_t)syscall(SYS_clone, 0, 0, 0, 0, 0) : fork();
	if (child < 0)
		return error_set(error, EXIT_BROKEN, "fork: %s", strerror(errno));
	if (child == 0) {
		if (direct || fork() == 0)
			be_tracer(program, ready[1]);
		_exit(0);
	}
	close(ready[1]);
	if (!direct)
		waitpid(child, NULL, 0);
	length = read(ready[0], error, sizeof(*error));
	close(ready[0]);
	prctl(PR_SET_PTRACER, 0, 0, 0, 0);
	if (length != sizeof(*error))
		return error_set(error, EXIT_BROKEN, "the tracer has died");
	return error->code ? -1 : 0;
}

int start(char **words, struct error *error)
{
	if (!registers_supported)
		return error_set(error, EXIT_CANNOT, "blame supports only x86-64 so far");
	if (begin(error) < 0 || filter_install(tracer.sample, error) < 0)
		return -1;
	execvp(words[0], words);
	return error_set(error, errno == ENOENT ? EXIT_USAGE : EXIT_CANNOT, "%s: %s", words[0],
			 strerror(errno));
}
