/*
 * confine: run a third-party program on a host of the lab, so that it can serve and do nothing
 * else.
 *
 * The command runs in its own user, pid, mount and IPC namespaces, without any capability, without
 * a way to get one (no_new_privs, no further user namespaces) and without a terminal. The network
 * namespace is the caller's, and any process with the caller's capabilities can look into it from
 * outside (/proc, pidfd_getfd(2)): the census counts it like any other program. It sees no other
 * process except process 1, which it cannot touch (cage.c), and no file of the caller through its
 * standard streams, which are pipes (relay.c). Everything in it ends with the caller.
 *
 * harness/sandbox/README.md says what that prevents, and tests/attacker.py tries it. Exit status
 * and signals pass through (supervise.h). Wrong usage exits with 2, a system that does not permit
 * it with 77, each with one sentence.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/command.h"
#include "common/descriptors.h"
#include "sandbox/become.h"
#include "sandbox/bounds.h"
#include "sandbox/cage.h"
#include "sandbox/identity.h"
#include "sandbox/limits.h"
#include "sandbox/relay.h"
#include "sandbox/supervise.h"

struct confine_options {
	struct cage cage;
	long user; /* AS_IT_IS, or asked for */
	bool bounds;
};

/* A user id. The highest means "unchanged" to setresuid(2). */
static int take_user(void *data, char *word, struct error *error)
{
	struct confine_options *options = data;
	unsigned long value = limits_number(word);

	if (value >= (uid_t)-1)
		return error_set(error, EXIT_USAGE, "--user takes a numeric user id, not '%s'",
				 word);
	if (geteuid() != 0)
		return error_set(error, EXIT_USAGE,
				 "--user needs root: leave it out, or run confine as root");
	options->user = (long)value;
	return 0;
}

static int take_limit(void *data, char *word, struct error *error)
{
	(void)data;
	(void)error; /* limits_note() ends with its own sentence */
	limits_note(word);
	return 0;
}

/* main() made room for as many folders as there are words. */
static int take_read_only(void *data, char *word, struct error *error)
{
	struct cage *cage = &((struct confine_options *)data)->cage;

	(void)error;
	cage->read_only[cage->read_only_count++] = word;
	return 0;
}

static int take_shown(void *data, char *word, struct error *error)
{
	struct cage *cage = &((struct confine_options *)data)->cage;

	(void)error;
	cage->shown[cage->shown_count++] = word;
	return 0;
}

static const struct option_row rows[] = {
    {"closed", .kind = OPTION_FLAG, OPTION_AT(struct confine_options, cage.closed),
     .help = "show only the system's files and the command's, read-only, with a private /tmp, /run "
	     "and /dev, no environment and only IPv4 and IPv6 sockets; when started by root, run "
	     "as nobody; the working folder is /tmp"},
    {"show", .kind = OPTION_OTHER, .take = take_shown, .value = "FOLDER",
     .help = "also show this folder, read-only (with --closed); may be repeated"},
    {"read-only", .kind = OPTION_OTHER, .take = take_read_only, .value = "FOLDER",
     .help = "make this folder read-only (without --closed); may be repeated"},
    {"user", .kind = OPTION_OTHER, .take = take_user, .value = "UID",
     .help = "become this user, when started by root"},
    {"limit", .kind = OPTION_OTHER, .take = take_limit, .value = "NAME=VALUE",
     .help = "limit each process: as, core, cpu, fsize, nofile, nproc (setrlimit(2)); limit all "
	     "processes together: memory, in bytes, and with a control group also cpu and nproc; "
	     "may be repeated"},
    {"bounds", .kind = OPTION_FLAG, OPTION_AT(struct confine_options, bounds),
     .help = "print what can be limited here, and exit"},
    {0},
};

static const struct command command = {
    .name = "confine",
    .usage = "[OPTION]... -- COMMAND [ARGUMENT]...",
    .summary = "Runs a third-party program on a host of the lab, so that it can serve and do "
	       "nothing else.",
    .rows = rows,
    .details = "Exit status: that of the command, or 2 for wrong usage, 77 where this system does "
	       "not\npermit it, 126 and 127 for a command that cannot be started.\n",
};

/* Leave nothing open but the standard streams and these two, as descriptors 3 and 4. */
static void close_others(int status_fd, int go)
{
	int given[] = {fcntl(status_fd, F_DUPFD_CLOEXEC, 5), fcntl(go, F_DUPFD_CLOEXEC, 5)};

	for (int i = 0; i < 2; i++)
		if (given[i] < 0 || dup3(given[i], 3 + i, O_CLOEXEC) < 0)
			err(EXIT_BROKEN, "dup3");
	if (syscall(SYS_close_range, 5, ~0U, 0) < 0)
		err(EXIT_CANNOT, "close_range");
}

static void await_go(int go)
{
	char byte;

	if (read(go, &byte, 1) != 1)
		_exit(EXIT_CANNOT); /* outer has reported why, or is dead */
}

/* Process 1 may have ended already; then it reported why. */
static void give_go(int go)
{
	if (write(go, "", 1) != 1 && errno != EPIPE)
		err(EXIT_BROKEN, "pipe to process 1");
}

/* Process 1, from its first instruction. */
static _Noreturn void be_init(struct cage *cage, char **argv, int go, int status_fd)
{
	relay_inside();
	close_others(status_fd, go);
	await_go(4); /* wait until the user namespace is mapped */
	cage_enter(cage);
	limits_set();
	await_go(4); /* wait until the limits are in place */
	close(4);
	run_init(cage->command, argv, 3);
}

/*
 * Like fork(), which takes no flags; an unshare() first would move this process in, too. group: the
 * control group to start in, or -1; moving there later may take 10 ms.
 */
static pid_t start_init(int group)
{
	struct clone_args how = {.flags = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC,
				 .exit_signal = SIGCHLD};
	pid_t init = -1;

	if (group >= 0) {
		how.flags |= CLONE_INTO_CGROUP;
		how.cgroup = group;
		init = syscall(SYS_clone3, &how, sizeof(how));
		how.flags &= ~CLONE_INTO_CGROUP;
	}
	if (init < 0) /* a container's filter may refuse clone3(2) */
		init = syscall(SYS_clone, how.flags | SIGCHLD, NULL, NULL, NULL, NULL);
	if (init < 0)
		err(EXIT_CANNOT, "cannot make namespaces for the program");
	return init;
}

int main(int argc, char **argv)
{
	static struct confine_options options = {.user = AS_IT_IS};
	struct cage *cage = &options.cage;
	struct identity who;
	struct error error;
	struct refusal refusal;
	int ends[2], go[2], own, bound, first;
	pid_t init;

	cage->read_only = calloc(argc, sizeof(*cage->read_only));
	cage->shown = calloc(argc, sizeof(*cage->shown));
	if (!cage->read_only || !cage->shown)
		err(EXIT_BROKEN, "calloc");
	first = command_parse(&command, argc, argv, &options, &error);
	if (first <= 0)
		return command_ended(first, &error);
	if (options.bounds) {
		bounds_tell();
		return 0;
	}
	if (first == argc)
		errx(EXIT_USAGE, "a command is missing: see confine --help");
	if (cage->shown_count && !cage->closed)
		errx(EXIT_USAGE, "--show needs --closed: without it all folders are visible");
	open_standard_descriptors();
	if (cannot_start(argv[first], &refusal)) /* check here: in the cage it may be elsewhere */
		errx(refusal.status, "cannot start %s: %s", argv[first], refusal.why);
	cage->command = argv[first];
	who = identity_choose(options.user, cage->closed);
	watch_signals();
	relay_prepare();
	if (pipe2(ends, O_CLOEXEC) < 0 || pipe2(go, O_CLOEXEC) < 0)
		err(EXIT_BROKEN, "pipe");
	cage->memory_counted = bounds_prepare();
	cage->uid = who.uid;
	cage->gid = who.gid;
	init = start_init(bounds_group());
	if (init == 0) {
		close(ends[0]);
		close(go[1]);
		be_init(cage, argv + first, go[0], ends[1]);
	}
	close(ends[1]);
	close(go[0]);
	signal(SIGPIPE, SIG_IGN);
	identity_map(init, &who);
	give_go(go[1]);
	bounds_begin(init); /* may take a while; process 1 sets up its cage meanwhile */
	give_go(go[1]);
	close(go[1]);
	free(cage->read_only);
	free(cage->shown);
	own = relay_until_ended(init, bounds_interval(), bounds_are_passed);
	bound = bounds_end();
	if (!relay_is_whole())
		_exit(EXIT_BROKEN);
	if (bound)
		end_like(bound);
	end_as_told(own, ends[0]);
}
