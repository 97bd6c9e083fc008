/*
 * sandbox-init: the two ends of a private pid namespace (sandbox/supervise.h).
 *
 *     usage: sandbox-init COMMAND [ARGUMENT]...
 *
 * It is started by `unshare --pid` WITHOUT --fork, so its first child is process 1 of the new
 * namespace. unshare --fork cannot do this: while it waits it blocks SIGINT and SIGTERM and hands
 * on neither (util-linux 2.38; --forward-signals came with 2.41), and a process 1 without handlers
 * never sees them anyway (pid_namespaces(7), "the init process").
 */
#include <err.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/descriptors.h"
#include "sandbox/supervise.h"

int main(int argc, char **argv)
{
	int ends[2];
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
		run_init(argv[1], argv + 1, ends[1]);
	}
	close(ends[1]);
	end_like_command(init, ends[0]);
}
