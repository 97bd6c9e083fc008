/*
 * sandbox-init: the two ends of a private pid namespace (sandbox/supervise.h). Its mounts reach no
 * other namespace (sandbox/root.h), and it has what a run needs (sandbox/furnish.h).
 *
 * `unshare --pid` starts it WITHOUT --fork, so its first child is process 1 of the new namespace.
 * unshare --fork does not work: while it waits it blocks SIGINT and SIGTERM and forwards neither
 * (util-linux 2.38; --forward-signals came with 2.41), and a process 1 without handlers never sees
 * them anyway (pid_namespaces(7), "the init process").
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <unistd.h>

#include "common/command.h"
#include "common/descriptors.h"
#include "sandbox/furnish.h"
#include "sandbox/root.h"
#include "sandbox/supervise.h"

struct init_options {
	bool bare;
};

static const struct option_row rows[] = {
    {"bare", .kind = OPTION_FLAG, OPTION_AT(struct init_options, bare),
     .help = "leave /proc, /run and the devices unchanged"},
    {0},
};

static const struct command command = {
    .name = "sandbox-init",
    .usage = "[OPTION]... COMMAND [ARGUMENT]...",
    .rows = rows,
    .summary = "Runs a command in a new pid namespace, started by `unshare --pid` without --fork.",
};

int main(int argc, char **argv)
{
	struct init_options options = {0};
	struct error error;
	int first = command_parse(&command, argc, argv, &options, &error);
	int ends[2];
	pid_t init;

	if (first <= 0)
		return command_ended(first, &error);
	if (first == argc)
		errx(EXIT_USAGE, "a command is missing: see sandbox-init --help");
	program_invocation_short_name = (char *)"sandbox"; /* the name the caller knows */
	open_standard_descriptors();
	own_root();
	if (!options.bare)
		own_socket_table();
	watch_signals();
	if (pipe2(ends, O_CLOEXEC) < 0)
		err(EXIT_BROKEN, "pipe");
	init = fork();
	if (init < 0)
		err(EXIT_BROKEN, "cannot start process 1 of the sandbox");
	if (init == 0) {
		close(ends[0]);
		if (!options.bare)
			furnish();
		run_init(argv[first], argv + first, ends[1]);
	}
	close(ends[1]);
	end_like_command(init, ends[0]);
}
