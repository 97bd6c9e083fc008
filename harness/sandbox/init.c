/*
 * sandbox-init: the two ends of a private pid namespace.
 *
 *     usage: sandbox-init COMMAND [ARGUMENT]...
 *
 * It is started by `unshare --pid` WITHOUT --fork, so its first child is process 1 of the new
 * namespace (pid_namespaces(7)):
 *
 *     outer   hands on signals; ends the way the command ended
 *      └─ init     process 1: reaps what it inherits; dies with outer, and everything with it
 *          └─ command
 *
 * unshare --fork cannot do this: while it waits it blocks SIGINT and SIGTERM and hands on
 * neither (util-linux 2.38; --forward-signals came with 2.41), and a process 1 without handlers
 * never sees them anyway (pid_namespaces(7), "the init process").
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/descriptors.h"

#define HARNESS_BROKE 70

static sigset_t watched; /* blocked in outer and init, taken with sigwaitinfo() */
static sigset_t original;

static void watch_signals(void)
{
	static const int signals[] = {SIGHUP,  SIGINT,	SIGQUIT,  SIGTERM,
				      SIGUSR1, SIGUSR2, SIGWINCH, SIGCHLD};

	sigemptyset(&watched);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaddset(&watched, signals[i]);
	sigprocmask(SIG_BLOCK, &watched, &original);
}

/*
 * Hand signals on to pid until it has ended, reaping every other child on the way.
 * A signal sent by the terminal (si_code SI_KERNEL) is left alone: it went to the whole
 * foreground process group, and the command is in it.
 * Returns the wait status of pid, as waitpid(2) gives it.
 */
static int wait_handing_on_signals(pid_t pid)
{
	siginfo_t info;
	pid_t ended;
	int status;

	for (;;) {
		while ((ended = waitpid(-1, &status, WNOHANG)) > 0)
			if (ended == pid)
				return status;
		if (sigwaitinfo(&watched, &info) < 0)
			continue; /* EINTR: stopped and continued */
		if (info.si_signo != SIGCHLD && info.si_code != SI_KERNEL)
			kill(pid, info.si_signo);
	}
}

static void run_command(char **argv)
{
	sigprocmask(SIG_SETMASK, &original, NULL);
	execvp(argv[0], argv);
	warn("cannot start %s", argv[0]);
	_exit(errno == ENOENT ? 127 : 126); /* as a shell says it */
}

/* Process 1. Its own exit status cannot tell a signal, so the wait status goes through a pipe. */
static void run_init(char **argv, int status_fd)
{
	struct pollfd outer = {.fd = status_fd};
	pid_t command;
	int status;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (poll(&outer, 1, 0) == 1) /* nobody reads: outer was killed before the line above */
		_exit(HARNESS_BROKE);
	command = fork();
	if (command < 0)
		err(HARNESS_BROKE, "cannot start a process in the sandbox");
	if (command == 0)
		run_command(argv);
	status = wait_handing_on_signals(command);
	if (write(status_fd, &status, sizeof(status)) != sizeof(status))
		_exit(HARNESS_BROKE);
	_exit(0);
}

/* End as the command did: with its exit status, or by the same signal. */
static void end_like(int status)
{
	static const struct rlimit no_core = {0, 0};

	if (WIFSIGNALED(status)) {
		setrlimit(RLIMIT_CORE, &no_core); /* the core, if any, is the command's */
		signal(WTERMSIG(status), SIG_DFL);
		sigprocmask(SIG_SETMASK, &original, NULL);
		raise(WTERMSIG(status));
	}
	/* Not exit(): what runs there may want a thread, and a dead pid namespace takes none. */
	_exit(WEXITSTATUS(status));
}

int main(int argc, char **argv)
{
	int ends[2];
	int status;
	pid_t init;

	if (argc < 2)
		errx(2, "usage: sandbox-init COMMAND [ARGUMENT]...");
	open_standard_descriptors();
	watch_signals();
	if (pipe2(ends, O_CLOEXEC) < 0)
		err(HARNESS_BROKE, "pipe");
	init = fork();
	if (init < 0)
		err(HARNESS_BROKE, "cannot start process 1 of the sandbox");
	if (init == 0) {
		close(ends[0]);
		run_init(argv + 1, ends[1]);
	}
	close(ends[1]);
	wait_handing_on_signals(init);
	if (read(ends[0], &status, sizeof(status)) != sizeof(status))
		errx(HARNESS_BROKE, "process 1 of the sandbox was killed");
	end_like(status);
}
