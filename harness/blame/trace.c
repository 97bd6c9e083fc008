/* SPDX-License-Identifier: MIT */
/*
 * The loop of ptrace(2). The tracer must answer each stop, and answers every one at once: it never
 * waits for one thread while others are stopped.
 */
#include "blame/internal.h"

#include <errno.h>
#include <linux/ptrace.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

/* <sys/ptrace.h> and <linux/ptrace.h> exclude each other; only the former has the prototype. */
extern long ptrace(int request, ...);

#define STOP_SYSCALL (SIGTRAP | 0x80) /* PTRACE_O_TRACESYSGOOD */
/* <asm-generic/siginfo.h>: TRAP_TRACE after an instruction, TRAP_BRKPT after a system call. */
enum { STEPPED_CALL = 1, STEPPED = 2 };

static void resume(struct task *task, int number)
{
	int how = PTRACE_CONT;

	if (task->call)
		how = PTRACE_SYSCALL;
	else if (task->stepping)
		how = PTRACE_SINGLESTEP;
	else if (task->after)
		how = PTRACE_SYSCALL;
	ptrace(how, task->tid, NULL, number);
}

static bool call_info(const struct task *task, struct ptrace_syscall_info *info)
{
	return ptrace(PTRACE_GET_SYSCALL_INFO, task->tid, sizeof(*info), info) > 0;
}

/* The filter stops the thread: it is about to make a call that we follow. */
static void at_filter(struct task *task)
{
	struct ptrace_syscall_info info;
	uint64_t argument[6];
	const struct call *call;

	if (!call_info(task, &info) || info.op != PTRACE_SYSCALL_INFO_SECCOMP)
		return;
	call = call_of((long)info.seccomp.nr);
	if (!call)
		return;
	for (size_t i = 0; i < 6; i++)
		argument[i] = info.seccomp.args[i];
	if (!follow_enter(task, call, argument))
		task->call = NULL;
}

/* It enters or leaves a call that we asked to see. */
static void at_call(struct task *task)
{
	struct ptrace_syscall_info info;
	uint64_t argument[6];

	if (!call_info(task, &info))
		return;
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY && task->after) {
		for (size_t i = 0; i < 6; i++)
			argument[i] = info.entry.args[i];
		after_call(task, (long)info.entry.nr, argument);
	} else if (info.op == PTRACE_SYSCALL_INFO_EXIT && task->call) {
		follow_leave(task, info.exit.rval);
		task->call = NULL;
	}
}

static pid_t message_of(const struct task *task)
{
	unsigned long message = 0;

	ptrace(PTRACE_GETEVENTMSG, task->tid, NULL, &message);
	return (pid_t)message;
}

static void at_fork(struct task *task)
{
	uint64_t flags = registers_clone_flags(task->tid);
	struct task *child = task_get(message_of(task)), *process = task_find(task->process);
	struct touch touch;

	if (process)
		process->lost = false; /* its children are reported again */
	if (!child || child->known)
		return;
	if (!child->stopped &&
	    orphan_has_ended(child->tid)) { /* its end has been reported already */
		task_end(child);
		return;
	}
	task->began = clock_now();
	touch = touch_now(task, SYS_clone, child->tid);
	if (task_fork(task, child, flags, &touch) < 0)
		task_end(child);
	else if (child->stopped)
		resume(child, 0);
}

/* A process ends: it cannot be asked later what it held. */
static void at_exit(struct task *task)
{
	struct error error;

	if (task->after)
		after_end(task, AFTER_ENDS);
	if (task->tid != task->process || !task->known || !table_holds(task->table) ||
	    signal_told())
		return;
	snapshot_remember(task);
	if (task->process == tracer.program)   /* before its parent learns of it */
		report_write("ended", &error); /* a failure is visible: the file is missing */
}

static void at_event(struct task *task, int event, int number)
{
	switch (event) {
	case PTRACE_EVENT_SECCOMP:
		at_filter(task);
		break;
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
	case PTRACE_EVENT_CLONE:
		at_fork(task);
		break;
	case PTRACE_EVENT_EXEC:
		if (task->after)
			after_end(task, AFTER_ENDS);
		if (task_exec(task, message_of(task)) == 0)
			maps_load(task->maps, task->tid);
		break;
	case PTRACE_EVENT_EXIT:
		at_exit(task);
		break;
	case PTRACE_EVENT_STOP: /* a new one begins; or a signal such as SIGSTOP stops a process */
		if (number != SIGTRAP) {
			ptrace(PTRACE_LISTEN, task->tid, NULL, 0);
			return;
		}
		break;
	default:
		break;
	}
	resume(task, 0);
}

/* Whether SIGTRAP is from our own step, and was not sent. */
static bool is_step(const struct task *task)
{
	siginfo_t info;

	return task->stepping && ptrace(PTRACE_GETSIGINFO, task->tid, NULL, &info) == 0 &&
	       (info.si_code == STEPPED || info.si_code == STEPPED_CALL);
}

static void adopt(void *unused, struct task *task)
{
	(void)unused;
	if (orphan_adopt(task))
		resume(task, 0);
}

static void stopped(struct task *task, int status)
{
	int number = WSTOPSIG(status), event = status >> 16;

	if (!task->known && event != PTRACE_EVENT_EXIT) { /* its parent has not reported it yet */
		task->stopped = true;
		adopt(NULL, task);
	} else if (number == STOP_SYSCALL) {
		at_call(task);
		resume(task, 0);
	} else if (event) {
		at_event(task, event, number);
	} else if (number == SIGTRAP && is_step(task)) {
		after_step(task);
		resume(task, 0);
	} else {
		signal_comes(task, number); /* it is delivered then */
		resume(task, number);
	}
}

static void ended(struct task *task, bool killed)
{
	struct task *process = task_find(task->process);

	if (killed && process)
		process->lost = true;
	tracer.killed |= killed;
	task_end(task);
	if (killed)
		task_each(adopt, NULL);
}

static void handle(pid_t tid, int status)
{
	struct task *task = task_get(tid);

	if (!task) {
		ptrace(PTRACE_CONT, tid, NULL, 0);
	} else if (WIFSTOPPED(status)) {
		stopped(task, status);
	} else {
		if (task->after)
			after_end(task, AFTER_ENDS);
		ended(task, WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	}
}

static volatile sig_atomic_t wanted;

/*
 * SIGUSR1. It may arrive just before waitpid(2), which would then go on waiting: so a child is made
 * that ends at once, for which waitpid() returns.
 */
static void on_wish(int number)
{
	(void)number;
	wanted = 1;
	if (syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) == 0)
		syscall(SYS_exit_group, 0);
}

static void begin_to_hear(void)
{
	struct sigaction action = {.sa_handler = on_wish, .sa_flags = SA_RESTART};
	sigset_t heard;

	sigaction(SIGUSR1, &action, NULL);
	sigemptyset(&heard);
	sigaddset(&heard, SIGUSR1);
	sigprocmask(SIG_UNBLOCK, &heard, NULL);
}

/* The next stop, as waitpid(2). With at_rest: 0 when none has come for a while. */
static pid_t next_stop(int *status, bool news)
{
	static const struct timespec rest = {.tv_sec = 1};
	sigset_t awaited;
	pid_t tid;

	if (!tracer.at_rest || !news)
		return waitpid(-1, status, __WALL);
	sigemptyset(&awaited);
	sigaddset(&awaited, SIGCHLD);
	do
		tid = waitpid(-1, status, __WALL | WNOHANG);
	while (tid == 0 && !wanted && sigtimedwait(&awaited, NULL, &rest) == SIGCHLD);
	return tid;
}

void trace_loop(void)
{
	struct error error;
	bool news = false; /* since the last report */
	int status;
	pid_t tid;

	begin_to_hear();
	while (task_count() > 0) {
		tid = next_stop(&status, news);
		if (tid < 0 && errno == ECHILD)
			break;
		if (tid > 0 && (WIFSTOPPED(status) || task_find(tid))) {
			handle(tid, status);
			news = true;
		}
		if (wanted || tid == 0) {
			wanted = 0;
			report_write("asked", &error);
			news = false;
		}
	}
	if (!signal_told() && !tracer.killed) /* the last report knows more */
		report_write("ended", &error);
}
