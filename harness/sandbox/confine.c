/*
 * confine: run a program of somebody else in a host of the lab, so that it can serve, and no more.
 *
 *     usage: confine [OPTION]... -- COMMAND [ARGUMENT]...
 *
 * The command runs in user, pid, mount and IPC namespaces of its own, without any capability,
 * without a way to get one (no_new_privs, no further user namespaces) and without a terminal. The
 * network namespace is the caller's, and whoever has the caller's capabilities can look into it
 * from outside (/proc, pidfd_getfd(2)): the census counts it like any other program. It sees no
 * process but process 1, which it cannot touch (cage.c), and no file of the caller's through its
 * standard streams, which are pipes (relay.c). With the caller everything in it ends.
 *
 * harness/sandbox/README.md says what that holds back, and tests/attacker.py tries it. Exit status
 * and signals pass through (supervise.h). Wrong usage ends with 2, a system that does not permit it
 * with 77, each with one sentence.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/descriptors.h"
#include "sandbox/bounds.h"
#include "sandbox/cage.h"
#include "sandbox/identity.h"
#include "sandbox/limits.h"
#include "sandbox/relay.h"
#include "sandbox/supervise.h"

static const char usage[] =
    "usage: confine [OPTION]... -- COMMAND [ARGUMENT]...\n"
    "       confine --bounds\n"
    "  --closed            show the system's files and the command's alone, read-only; private\n"
    "                      /tmp, /run and /dev; no environment; no sockets but those of IPv4 and\n"
    "                      IPv6; as nobody, when started by root; the working folder is /tmp\n"
    "  --show FOLDER       show that folder, too, read-only (with --closed); may be repeated\n"
    "  --read-only FOLDER  make that folder read-only (without --closed); may be repeated\n"
    "  --user UID          become this user, when started by root\n"
    "  --limit NAME=VALUE  limit each process: as, core, cpu, fsize, nofile, nproc "
    "(setrlimit(2));\n"
    "                      limit all together: memory, in bytes, and where a control group can\n"
    "                      be had also cpu and nproc; may be repeated\n"
    "  --bounds            say whether a control group can be had here\n";

/* A user's number. The highest means "as it is" to setresuid(2). */
static long user(const char *word)
{
	unsigned long value = limits_number(word);

	if (value >= (uid_t)-1)
		errx(2, "'%s' is no user's number", word);
	if (geteuid() != 0)
		errx(2, "--user is for root");
	return value;
}

static _Noreturn void misuse(FILE *stream, int status)
{
	fputs(usage, stream);
	exit(status);
}

/* Read the options; returns the user asked for. */
static long parse(int argc, char **argv, struct cage *cage)
{
	static const struct option options[] = {
	    {"closed", no_argument, NULL, 'c'},	    {"read-only", required_argument, NULL, 'r'},
	    {"user", required_argument, NULL, 'u'}, {"limit", required_argument, NULL, 'l'},
	    {"show", required_argument, NULL, 's'}, {"bounds", no_argument, NULL, 'b'},
	    {"help", no_argument, NULL, 'h'},	    {0},
	};
	long wish = AS_IT_IS;
	int option;

	cage->read_only = calloc(argc, sizeof(*cage->read_only));
	cage->shown = calloc(argc, sizeof(*cage->shown));
	if (!cage->read_only || !cage->shown)
		err(HARNESS_BROKE, "calloc");
	while ((option = getopt_long(argc, argv, "+h", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			cage->closed = true;
			break;
		case 'r':
			cage->read_only[cage->read_only_count++] = optarg;
			break;
		case 's':
			cage->shown[cage->shown_count++] = optarg;
			break;
		case 'u':
			wish = user(optarg);
			break;
		case 'l':
			limits_note(optarg);
			break;
		case 'b':
			bounds_tell();
			exit(0);
		case 'h':
			misuse(stdout, 0);
		default:
			misuse(stderr, 2);
		}
	}
	if (!argv[optind])
		misuse(stderr, 2);
	if (cage->shown_count && !cage->closed)
		errx(2, "--show is for --closed; without it all folders are seen");
	cage->command = argv[optind];
	return wish;
}

/* Leave nothing open but the standard streams and these two, as descriptors 3 and 4. */
static void close_others(int status_fd, int go)
{
	int given[] = {fcntl(status_fd, F_DUPFD_CLOEXEC, 5), fcntl(go, F_DUPFD_CLOEXEC, 5)};

	for (int i = 0; i < 2; i++)
		if (given[i] < 0 || dup3(given[i], 3 + i, O_CLOEXEC) < 0)
			err(HARNESS_BROKE, "dup3");
	if (syscall(SYS_close_range, 5, ~0U, 0) < 0)
		err(CANNOT_RUN, "close_range");
}

static void await_go(int go)
{
	char byte;

	if (read(go, &byte, 1) != 1)
		_exit(CANNOT_RUN); /* outer has said why, or is dead */
}

/* Process 1 may have ended before, and then said why. */
static void give_go(int go)
{
	if (write(go, "", 1) != 1 && errno != EPIPE)
		err(HARNESS_BROKE, "pipe to process 1");
}

/* Process 1, from its first instruction. */
static _Noreturn void be_init(struct cage *cage, char **argv, int go, int status_fd)
{
	relay_inside();
	close_others(status_fd, go);
	await_go(4); /* until the user namespace is mapped */
	cage_enter(cage);
	limits_set();
	await_go(4); /* until it is bounded */
	close(4);
	run_init(cage->command, argv, 3);
}

/*
 * As fork(), which takes no flags; unshare() first would put this process in there, too. group: of
 * control, to start in, or -1; to be moved there later may take 10 ms.
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
	if (init < 0) /* a container's filter may know no clone3(2) */
		init = syscall(SYS_clone, how.flags | SIGCHLD, NULL, NULL, NULL, NULL);
	if (init < 0)
		err(CANNOT_RUN, "namespaces for a confined program");
	return init;
}

int main(int argc, char **argv)
{
	struct cage cage = {0};
	long wish = parse(argc, argv, &cage);
	struct identity who = identity_choose(wish, cage.closed);
	int ends[2], go[2], own, bound;
	pid_t init;

	open_standard_descriptors();
	watch_signals();
	relay_prepare();
	if (pipe2(ends, O_CLOEXEC) < 0 || pipe2(go, O_CLOEXEC) < 0)
		err(HARNESS_BROKE, "pipe");
	cage.memory_counted = bounds_prepare();
	cage.uid = who.uid;
	cage.gid = who.gid;
	init = start_init(bounds_group());
	if (init == 0) {
		close(ends[0]);
		close(go[1]);
		be_init(&cage, argv + optind, go[0], ends[1]);
	}
	close(ends[1]);
	close(go[0]);
	signal(SIGPIPE, SIG_IGN);
	identity_map(init, &who);
	give_go(go[1]);
	bounds_begin(init); /* may take a while, in which process 1 furnishes its cage */
	give_go(go[1]);
	close(go[1]);
	free(cage.read_only);
	free(cage.shown);
	own = relay_until_ended(init, bounds_interval(), bounds_are_passed);
	bound = bounds_end();
	if (!relay_is_whole())
		_exit(HARNESS_BROKE);
	if (bound)
		end_like(bound);
	end_as_told(own, ends[0]);
}
