/*
 * confine: run a program of somebody else in a host of the lab, so that it can serve, and no more.
 *
 *     usage: confine [OPTION]... -- COMMAND [ARGUMENT]...
 *
 * The command runs in user, pid, mount and IPC namespaces of its own, without any capability,
 * without a way to get one (no_new_privs, no further user namespaces) and without a terminal. The
 * network namespace is the caller's, and whoever has the caller's capabilities can look into it
 * from outside (/proc, pidfd_getfd(2)): the census counts it like any other program. It sees no
 * other process, so it can neither signal nor trace one; with the caller everything in it ends.
 *
 * Exit status and signals pass through (sandbox/supervise.h). Wrong usage ends with 2, a system
 * that does not permit it with 77, each with one sentence.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/descriptors.h"
#include "sandbox/cage.h"
#include "sandbox/supervise.h"

static const char usage[] =
    "usage: confine [OPTION]... -- COMMAND [ARGUMENT]...\n"
    "  --closed            all files read-only, /tmp, /run and /dev private, and no sockets but\n"
    "                      those of IPv4 and IPv6; the command runs in /tmp\n"
    "  --read-only FOLDER  that folder read-only (without --closed), may be repeated\n"
    "  --user UID          become this user, when started by root\n"
    "  --limit NAME=VALUE  as, core, cpu, fsize, nofile, nproc: see setrlimit(2); may be "
    "repeated\n";

static const struct {
	const char *name;
	int resource;
} limits[] = {
    {"as", RLIMIT_AS},	     {"core", RLIMIT_CORE},	{"cpu", RLIMIT_CPU},
    {"fsize", RLIMIT_FSIZE}, {"nofile", RLIMIT_NOFILE}, {"nproc", RLIMIT_NPROC},
};
#define COUNT (sizeof(limits) / sizeof(limits[0]))

/* A number that fills the word; what is not one is wrong usage. */
static unsigned long number(const char *word)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(word, &end, 10);
	if (*word < '0' || *word > '9' || *end || errno)
		errx(2, "'%s' is not a whole number", word);
	return value;
}

/* A user's number. The highest means "as it is" to setresuid(2). */
static uid_t user(const char *word)
{
	unsigned long value = number(word);

	if (value >= (uid_t)-1)
		errx(2, "'%s' is no user's number", word);
	return value;
}

/* The limits asked for, by the order of the table. */
struct wish {
	bool given;
	unsigned long value;
};

/* Note the limit "NAME=VALUE". */
static void note_limit(struct wish *wishes, const char *word)
{
	const char *value = strchr(word, '=');

	for (size_t i = 0; value && i < COUNT; i++) {
		if (strlen(limits[i].name) == (size_t)(value - word) &&
		    strncmp(limits[i].name, word, value - word) == 0) {
			wishes[i] = (struct wish){true, number(value + 1)};
			return;
		}
	}
	errx(2, "unknown limit '%s'; see --help", word);
}

/*
 * Of the CPU time the hard limit is a second more, so that the command ends by SIGXCPU, which says
 * why, and by SIGKILL only if it does not listen.
 */
static void set_limits(const struct wish *wishes)
{
	for (size_t i = 0; i < COUNT; i++) {
		bool cpu = limits[i].resource == RLIMIT_CPU;
		struct rlimit limit = {wishes[i].value, wishes[i].value + cpu};

		if (wishes[i].given && setrlimit(limits[i].resource, &limit) < 0)
			err(CANNOT_RUN, "limit %s=%lu", limits[i].name, wishes[i].value);
	}
}

static struct cage parse(int argc, char **argv, struct wish *wishes)
{
	static const struct option options[] = {
	    {"closed", no_argument, NULL, 'c'},	    {"read-only", required_argument, NULL, 'r'},
	    {"user", required_argument, NULL, 'u'}, {"limit", required_argument, NULL, 'l'},
	    {"help", no_argument, NULL, 'h'},	    {0},
	};
	struct cage cage = {.uid = geteuid(), .gid = getegid()};
	int option;

	cage.read_only = calloc(argc, sizeof(*cage.read_only));
	if (!cage.read_only)
		err(HARNESS_BROKE, "calloc");
	while ((option = getopt_long(argc, argv, "+h", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			cage.closed = true;
			break;
		case 'r':
			cage.read_only[cage.folders++] = optarg;
			break;
		case 'u':
			cage.uid = cage.gid = user(optarg);
			if (geteuid() != 0)
				errx(2, "--user is for root");
			break;
		case 'l':
			note_limit(wishes, optarg);
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			fputs(usage, stderr);
			exit(2);
		}
	}
	if (!argv[optind]) {
		fputs(usage, stderr);
		exit(2);
	}
	return cage;
}

static void write_file(pid_t pid, const char *name, const char *text)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		err(CANNOT_RUN, "%s of a user namespace", name);
	close(fd);
}

/* Tell the kernel who is who in init's user namespace (user_namespaces(7)): each is itself. */
static void map(pid_t init, const char *name, unsigned own, unsigned other)
{
	char text[64];
	int length = snprintf(text, sizeof(text), "%u %u 1\n", own, own);

	if (other != own)
		snprintf(text + length, sizeof(text) - length, "%u %u 1\n", other, other);
	write_file(init, name, text);
}

int main(int argc, char **argv)
{
	const unsigned long namespaces = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC;
	struct wish wishes[COUNT] = {{0}};
	struct cage cage = parse(argc, argv, wishes);
	int ends[2], mapped[2];
	pid_t init;

	open_standard_descriptors();
	watch_signals();
	if (pipe2(ends, O_CLOEXEC) < 0 || pipe2(mapped, O_CLOEXEC) < 0)
		err(HARNESS_BROKE, "pipe");
	/* As fork(), which takes no flags; unshare() first would put this process in there, too. */
	init = syscall(SYS_clone, namespaces | SIGCHLD, NULL, NULL, NULL, NULL);
	if (init < 0)
		err(CANNOT_RUN, "namespaces for a confined program");
	if (init == 0) {
		char go;

		close(ends[0]);
		close(mapped[1]);
		if (read(mapped[0], &go, 1) != 1)
			_exit(CANNOT_RUN); /* outer has said why */
		cage_enter(&cage, &argv[optind]);
		set_limits(wishes);
		run_init(argv + optind, ends[1]);
	}
	close(ends[1]);
	close(mapped[0]);
	if (cage.uid == geteuid())
		write_file(init, "setgroups",
			   "deny"); /* else an ordinary user may not map groups */
	map(init, "uid_map", geteuid(), cage.uid);
	map(init, "gid_map", getegid(), cage.gid);
	if (write(mapped[1], "", 1) != 1)
		err(HARNESS_BROKE, "pipe to process 1");
	close(mapped[1]);
	free(cage.read_only);
	end_like_command(init, ends[0]);
}
