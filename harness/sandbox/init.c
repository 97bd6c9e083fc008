/*
 * sandbox-init: the two ends of a private pid namespace (sandbox/supervise.h), whose mounts reach
 * no other (sandbox/root.h), and which has what a run needs (sandbox/furnish.h).
 *
 * It is started by `unshare --pid` WITHOUT --fork, so its first child is process 1 of the new
 * namespace. unshare --fork cannot do this: while it waits it blocks SIGINT and SIGTERM and hands
 * on neither (util-linux 2.38; --forward-signals came with 2.41), and a process 1 without handlers
 * never sees them anyway (pid_namespaces(7), "the init process").
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/command.h"
#include "common/descriptors.h"
#include "sandbox/furnish.h"
#include "sandbox/root.h"
#include "sandbox/supervise.h"

static const struct command command = {
    .name = "sandbox-init",
    .usage = "COMMAND [ARGUMENT]...",
    .summary = "Runs a command in a new pid namespace, started by `unshare --pid` without --fork.",
};

int main(int argc, char **argv)
{
	struct error error;
	int first = command_parse(&command, argc, argv, NULL, &error);
	int ends[2];
	pid_t init;

	if (first <= 0)
		return command_ended(first, &error);
	if (first == argc)
		errx(EXIT_USAGE, "it needs a command: see sandbox-init --help");
	program_invocation_short_name = (char *)"sandbox"; /* as which the caller knows us */
	open_standard_descriptors();
	own_root();
	watch_signals();
	if (pipe2(ends, O_CLOEXEC) < 0)
		err(EXIT_BROKEN, "pipe");
	init = fork();
	if (init < 0)
		err(EXIT_BROKEN, "cannot start process 1 of the sandbox");
	if (init == 0) {
		close(ends[0]);
		furnish();
		run_init(argv[first], argv + first, ends[1]);
	}
	close(ends[1]);
	end_like_command(init, ends[0]);
}
