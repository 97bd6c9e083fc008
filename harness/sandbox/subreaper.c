/*
 * subreaper: run a third-party command, and keep track of everything it starts.
 *
 * OUTPUT is a file, to which the command's standard output and error are appended; its standard
 * input is empty. With "-" the command inherits all three, and no events are mixed in.
 *
 * A server that forks into the background leaves its parent, but not this process, the subreaper of
 * all (prctl(2), PR_SET_CHILD_SUBREAPER). So its descendants are always exactly what the command
 * started, and it reaps the orphans among them.
 *
 * Events: `ev=started pid=`, `ev=ended pid= main= status= signal=` of each child reaped, and
 * `ev=over` when none is left. Then this program ends as the command did. SIGTERM or its parent's
 * death kills everything.
 */
#include <err.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/command.h"
#include "common/events.h"
#include "sandbox/become.h"
#include "sandbox/supervise.h"

static const char children[] = "/proc/thread-self/children";
static bool silent;
static int how_it_ended; /* the command's wait status (wait(2)) */

static void block_signals(sigset_t *watched, sigset_t *original)
{
	sigemptyset(watched);
	sigaddset(watched, SIGTERM);
	sigaddset(watched, SIGCHLD);
	sigprocmask(SIG_BLOCK, watched, original);
	signal(SIGCHLD, SIG_DFL); /* if ignored it would never come (wait(2)) */
}

static void redirect(const char *output)
{
	int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int out = open(output, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);

	if (in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		err(EXIT_FAILURE, "%s", output);
}

static void run(const char *output, char **argv, const sigset_t *original)
{
	if (!silent)
		redirect(output);
	setsid(); /* it may signal its own process group, like shells */
	sigprocmask(SIG_SETMASK, original, NULL);
	become(argv[0], argv);
}

/* Reap what has ended. Returns false when no child is left. */
static bool reap(pid_t command)
{
	pid_t ended;
	int status;

	while ((ended = waitpid(-1, &status, WNOHANG)) > 0) {
		if (ended == command)
			how_it_ended = status;
		if (!silent)
			say("ended pid=%d main=%d status=%d signal=%d", ended, ended == command,
			    WIFEXITED(status) ? WEXITSTATUS(status) : -1,
			    WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	}
	return ended == 0;
}

/* Kill the children. Reaping them makes their children ours; the next round kills those. */
static void kill_children(void)
{
	FILE *list = fopen(children, "re");
	int pid;

	if (!list)
		err(EXIT_FAILURE, "%s", children);
	while (fscanf(list, "%d", &pid) == 1)
		kill(pid, SIGKILL);
	fclose(list);
}

static const struct command command = {
    .name = "subreaper",
    .usage = "OUTPUT COMMAND [ARGUMENT]...",
    .summary = "Runs a third-party command, and keeps track of everything it starts. Its standard "
	       "output and error are appended to the file OUTPUT; with \"-\" they stay unchanged, "
	       "and no events appear.",
    .details = "Events appear on standard output, one per line: ev=NAME key=value ...\n",
};

int main(int argc, char **argv)
{
	sigset_t watched, original;
	pid_t parent = getppid();
	struct error error;
	int first = command_parse(&command, argc, argv, NULL, &error);
	bool ending = false;
	pid_t started;
	int signal;

	if (first <= 0)
		return command_ended(first, &error);
	if (argc - first < 2)
		errx(EXIT_USAGE, "an output file or a command is missing: see subreaper --help");
	silent = strcmp(argv[first], "-") == 0;
	block_signals(&watched, &original);
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 || prctl(PR_SET_PDEATHSIG, SIGTERM) < 0)
		err(EXIT_FAILURE, "prctl");
	if (getppid() != parent) /* it died before the line above */
		return EXIT_FAILURE;
	started = fork();
	if (started < 0)
		err(EXIT_FAILURE, "fork");
	if (started == 0)
		run(argv[first], argv + first + 1, &original);
	if (!silent)
		say("started pid=%d", started);
	while (reap(started)) {
		if (ending)
			kill_children();
		while ((signal = sigwaitinfo(&watched, NULL)) < 0)
			;
		ending |= signal == SIGTERM;
		if (ending)
			kill_children();
	}
	if (!silent)
		say("over");
	end_like(how_it_ended);
}
