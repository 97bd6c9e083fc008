#include "sandbox/supervise.h"

#include <err.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/become.h"

#define BY_SIGNAL 128 /* plus its number: the exit status that a shell reports */

static sigset_t watched; /* blocked in outer and init, taken with sigwaitinfo() */
static sigset_t original;

void watch_signals(void)
{
	static const int signals[] = {SIGHUP,  SIGINT,	SIGQUIT,  SIGTERM,
				      SIGUSR1, SIGUSR2, SIGWINCH, SIGCHLD};

	sigemptyset(&watched);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaddset(&watched, signals[i]);
	sigprocmask(SIG_BLOCK, &watched, &original);
	/* If we ignored it, the kernel would reap the children and report nothing (wait(2)). */
	signal(SIGCHLD, SIG_DFL);
}

/* Whether the command has not yet received a signal. */
static bool to_be_handed_on(const siginfo_t *info)
{
	if (info->si_signo == SIGCHLD)
		return false;
	if (info->si_code != SI_KERNEL)
		return true;
	/* When a terminal goes away, only the session leader gets the signal. */
	return info->si_signo == SIGHUP && getsid(0) == getpid();
}

int wait_handing_on_signals(pid_t pid)
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
		if (to_be_handed_on(&info))
			kill(pid, info.si_signo);
	}
}

int watched_signals(void)
{
	int fd = signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);

	if (fd < 0)
		err(EXIT_BROKEN, "signalfd");
	return fd;
}

static void run_command(const char *program, char **argv)
{
	sigprocmask(SIG_SETMASK, &original, NULL);
	become(program, argv);
}

void run_init(const char *program, char **argv, int status_fd)
{
	struct pollfd outer = {.fd = status_fd};
	pid_t command;
	int status;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (poll(&outer, 1, 0) == 1) /* no reader: outer was killed before the line above */
		_exit(EXIT_BROKEN);
	command = fork();
	if (command < 0)
		err(EXIT_BROKEN, "cannot start a process in the sandbox");
	if (command == 0)
		run_command(program, argv);
	status = wait_handing_on_signals(command);
	if (write(status_fd, &status, sizeof(status)) != sizeof(status))
		_exit(EXIT_BROKEN);
	_exit(0);
}

void end_like(int status)
{
	if (WIFSIGNALED(status)) {
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* the core, if any, is the command's */
		signal(WTERMSIG(status), SIG_DFL);
		sigprocmask(SIG_SETMASK, &original, NULL);
		raise(WTERMSIG(status));
		/* Process 1 of a container outlives even that (pid_namespaces(7)). */
		_exit(BY_SIGNAL + WTERMSIG(status));
	}
	/* Not exit(): its handlers may start a thread, which a dead pid namespace refuses. */
	_exit(WEXITSTATUS(status));
}

void end_like_command(pid_t init, int status_fd)
{
	end_as_told(wait_handing_on_signals(init), status_fd);
}

void end_as_told(int own, int status_fd)
{
	int status;

	if (read(status_fd, &status, sizeof(status)) == sizeof(status))
		end_like(status);
	if (WIFEXITED(own))
		_exit(WEXITSTATUS(own)); /* init has reported why */
	errx(EXIT_BROKEN, "process 1 of the sandbox was killed");
}
