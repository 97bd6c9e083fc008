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
#include <fcntl.h>
#include <getopt.h>
#include <linux/close_range.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/descriptors.h"
#include "sandbox/cage.h"
#include "sandbox/identity.h"
#include "sandbox/limits.h"
#include "sandbox/relay.h"
#include "sandbox/supervise.h"

static const char usage[] =
    "usage: confine [OPTION]... -- COMMAND [ARGUMENT]...\n"
    "  --closed            see the system's files and the command's alone, read-only, with /tmp,\n"
    "                      /run and /dev of its own, no environment, and no sockets but those of\n"
    "                      IPv4 and IPv6; started by root it becomes nobody; it runs in /tmp\n"
    "  --show FOLDER       see that folder, too, read-only (with --closed), may be repeated\n"
    "  --read-only FOLDER  that folder read-only (without --closed), may be repeated\n"
    "  --user UID          become this user, when started by root\n"
    "  --limit NAME=VALUE  as, core, cpu, fsize, nofile, nproc: of each process, see "
    "setrlimit(2);\n"
    "                      may be repeated\n";

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
	    {"closed", no_argument, NULL, 'c'},
	    {"read-only", required_argument, NULL, 'r'},
	    {"user", required_argument, NULL, 'u'},
	    {"limit", required_argument, NULL, 'l'},
	    {"show", required_argument, NULL, 's'},
	    {"help", no_argument, NULL, 'h'},
	    {0},
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

/* Leave nothing open but the standard streams and the status pipe, as descriptor 3. */
static void close_others(int status_fd)
{
	if (dup3(status_fd, 3, O_CLOEXEC) < 0 && status_fd != 3)
		err(HARNESS_BROKE, "dup3");
	if (syscall(SYS_close_range, 4, ~0U, 0) < 0)
		err(CANNOT_RUN, "close_range");
}

/* Process 1, from its first instruction. mapped: tells when the user namespace is ready. */
static _Noreturn void be_init(struct cage *cage, char **argv, int mapped, int status_fd)
{
	char go;

	relay_inside();
	if (read(mapped, &go, 1) != 1)
		_exit(CANNOT_RUN); /* outer has said why */
	close_others(status_fd);
	cage_enter(cage);
	limits_set();
	run_init(cage->command, argv, 3);
}

int main(int argc, char **argv)
{
	const unsigned long namespaces = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC;
	struct cage cage = {0};
	long wish = parse(argc, argv, &cage);
	struct identity who = identity_choose(wish, cage.closed);
	int ends[2], mapped[2], own;
	pid_t init;

	open_standard_descriptors();
	watch_signals();
	relay_prepare();
	if (pipe2(ends, O_CLOEXEC) < 0 || pipe2(mapped, O_CLOEXEC) < 0)
		err(HARNESS_BROKE, "pipe");
	cage.uid = who.uid;
	cage.gid = who.gid;
	/* As fork(), which takes no flags; unshare() first would put this process in there, too. */
	init = syscall(SYS_clone, namespaces | SIGCHLD, NULL, NULL, NULL, NULL);
	if (init < 0)
		err(CANNOT_RUN, "namespaces for a confined program");
	if (init == 0) {
		close(ends[0]);
		close(mapped[1]);
		be_init(&cage, argv + optind, mapped[0], ends[1]);
	}
	close(ends[1]);
	close(mapped[0]);
	identity_map(init, &who);
	if (write(mapped[1], "", 1) != 1)
		err(HARNESS_BROKE, "pipe to process 1");
	close(mapped[1]);
	free(cage.read_only);
	free(cage.shown);
	own = relay_until_ended(init, -1, NULL);
	if (!relay_is_whole())
		_exit(HARNESS_BROKE);
	end_as_told(own, ends[0]);
}
