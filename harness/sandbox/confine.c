/*
 * confine: run a program of somebody else in a host of the lab, so that it can serve, and no more.
 *
 * The command runs in user, pid, mount and IPC namespaces of its own, without any capability,
 * without a way to get one (no_new_privs, no further user namespaces) and without a terminal. The
 * network namespace is the caller's, and whoever has the caller's capabilities can look into it
 * from outside (/proc, pidfd_getfd(2)): the census counts it like any other program. It sees no
 * other process, so it can neither signal nor trace one; with the caller everything in it ends.
 *
 * Exit status and signals pass through (sandbox/supervise.h). Wrong usage ends with 2, a system
 * that does not permit it with 77, a command that cannot be started with 127 or 126 as in a shell,
 * each with one sentence.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/command.h"
#include "common/descriptors.h"
#include "sandbox/become.h"
#include "sandbox/cage.h"
#include "sandbox/supervise.h"

static const struct {
	const char *name;
	int resource;
} limits[] = {
    {"as", RLIMIT_AS},	     {"core", RLIMIT_CORE},	{"cpu", RLIMIT_CPU},
    {"fsize", RLIMIT_FSIZE}, {"nofile", RLIMIT_NOFILE}, {"nproc", RLIMIT_NPROC},
};
#define COUNT (sizeof(limits) / sizeof(limits[0]))

/* The limits asked for, by the order of the table. */
struct wish {
	bool given;
	unsigned long value;
};

struct confine_options {
	struct cage cage;
	struct wish wishes[COUNT];
};

/* A number that fills the word. */
static int number(const char *word, unsigned long *value, struct error *error)
{
	char *end;

	errno = 0;
	*value = strtoul(word, &end, 10);
	if (*word < '0' || *word > '9' || *end || errno)
		return error_set(error, EXIT_USAGE, "'%s' is not a whole number", word);
	return 0;
}

/* A user's number. The highest means "as it is" to setresuid(2). */
static int take_user(void *data, char *word, struct error *error)
{
	struct confine_options *options = data;
	unsigned long value;

	if (number(word, &value, error) < 0)
		return -1;
	if (value >= (uid_t)-1)
		return error_set(error, EXIT_USAGE, "'%s' is no user's number", word);
	if (geteuid() != 0)
		return error_set(error, EXIT_USAGE, "--user is for root");
	options->cage.uid = options->cage.gid = (uid_t)value;
	return 0;
}

/* Note the limit "NAME=VALUE". */
static int take_limit(void *data, char *word, struct error *error)
{
	struct confine_options *options = data;
	const char *value = strchr(word, '=');

	for (size_t i = 0; value && i < COUNT; i++) {
		struct wish *wish = &options->wishes[i];

		if (strlen(limits[i].name) != (size_t)(value - word) ||
		    strncmp(limits[i].name, word, value - word) != 0)
			continue;
		wish->given = true;
		return number(value + 1, &wish->value, error);
	}
	return error_set(error, EXIT_USAGE, "unknown limit '%s': see confine --help", word);
}

static int take_folder(void *data, char *word, struct error *error)
{
	struct cage *cage = &((struct confine_options *)data)->cage;

	(void)error; /* as many as there are words have room: main() */
	cage->read_only[cage->folders++] = word;
	return 0;
}

static const struct option_row rows[] = {
    {"closed", .kind = OPTION_FLAG, OPTION_AT(struct confine_options, cage.closed),
     .help = "all files read-only, /tmp, /run and /dev private, and no sockets but those of IPv4 "
	     "and IPv6; the command runs in /tmp"},
    {"read-only", .kind = OPTION_OTHER, .take = take_folder, .value = "FOLDER",
     .help = "that folder read-only (without --closed), may be repeated"},
    {"user", .kind = OPTION_OTHER, .take = take_user, .value = "UID",
     .help = "become this user, when started by root"},
    {"limit", .kind = OPTION_OTHER, .take = take_limit, .value = "NAME=VALUE",
     .help = "as, core, cpu, fsize, nofile, nproc: see setrlimit(2); may be repeated"},
    {0},
};

static const struct command command = {
    .name = "confine",
    .usage = "[OPTION]... -- COMMAND [ARGUMENT]...",
    .summary =
	"Runs a third-party program in a host of the lab, so that it can serve, and no more.",
    .rows = rows,
    .details = "Exit status: that of the command, or 2 for wrong usage, 77 where this system does "
	       "not\npermit it, 126 and 127 for a command that cannot be started.\n",
};

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
			err(EXIT_CANNOT, "limit %s=%lu", limits[i].name, wishes[i].value);
	}
}

static void write_file(pid_t pid, const char *name, const char *text)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		err(EXIT_CANNOT, "%s of a user namespace", name);
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
	struct confine_options options = {.cage = {.uid = geteuid(), .gid = getegid()}};
	struct cage *cage = &options.cage;
	struct error error;
	struct refusal refusal;
	int ends[2], mapped[2];
	pid_t init;
	int first;

	cage->read_only = calloc(argc, sizeof(*cage->read_only));
	if (!cage->read_only)
		err(EXIT_BROKEN, "calloc");
	first = command_parse(&command, argc, argv, &options, &error);
	if (first <= 0)
		return command_ended(first, &error);
	if (first == argc)
		errx(EXIT_USAGE, "it needs a command: see confine --help");
	open_standard_descriptors();
	if (cannot_start(argv[first], &refusal)) /* asked here: in the cage it may be elsewhere */
		errx(refusal.status, "cannot start %s: %s", argv[first], refusal.why);
	watch_signals();
	if (pipe2(ends, O_CLOEXEC) < 0 || pipe2(mapped, O_CLOEXEC) < 0)
		err(EXIT_BROKEN, "pipe");
	/* As fork(), which takes no flags; unshare() first would put this process in there, too. */
	init = syscall(SYS_clone, namespaces | SIGCHLD, NULL, NULL, NULL, NULL);
	if (init < 0)
		err(EXIT_CANNOT, "namespaces for a confined program");
	if (init == 0) {
		const char *called = argv[first];
		char go;

		close(ends[0]);
		close(mapped[1]);
		if (read(mapped[0], &go, 1) != 1)
			_exit(EXIT_CANNOT); /* outer has said why */
		cage_enter(cage, &argv[first]);
		set_limits(options.wishes);
		run_init(argv + first, called, ends[1]);
	}
	close(ends[1]);
	close(mapped[0]);
	if (cage->uid == geteuid())
		write_file(init, "setgroups",
			   "deny"); /* else an ordinary user may not map groups */
	map(init, "uid_map", geteuid(), cage->uid);
	map(init, "gid_map", getegid(), cage->gid);
	if (write(mapped[1], "", 1) != 1)
		err(EXIT_BROKEN, "pipe to process 1");
	close(mapped[1]);
	free(cage->read_only);
	end_like_command(init, ends[0]);
}
