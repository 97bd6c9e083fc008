/*
 * start: become a program named by the caller, or say in one sentence why that fails.
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>

#include "common/command.h"
#include "sandbox/become.h"

struct start_options {
	const char *as;
	bool ask;
};

static const struct option_row rows[] = {
    {"as", 0, OPTION_TEXT, OPTION_AT(struct start_options, as), .value = "NAME",
     .help = "begin the sentence with this name: \"NAME: cannot start ...\""},
    {"ask", 0, OPTION_FLAG, OPTION_AT(struct start_options, ask),
     .help = "start nothing; print on standard output why the command could not start, if so"},
    {0},
};

static const struct command command = {
    .name = "start",
    .usage = "[OPTION]... COMMAND [ARGUMENT]...",
    .summary = "Becomes a command, or says why it cannot.",
    .rows = rows,
    .details = "Exit status: as in a shell, 127 for a command not found and 126 for any other\n"
	       "reason; with --ask 0 for a command that can be started.\n",
};

int main(int argc, char **argv)
{
	struct start_options options = {.as = program_invocation_short_name};
	struct refusal refusal;
	struct error error;
	int first = command_parse(&command, argc, argv, &options, &error);

	if (first <= 0)
		return command_ended(first, &error);
	if (first == argc)
		errx(EXIT_USAGE, "a command is missing: see start --help");
	if (options.ask) {
		if (cannot_start(argv[first], &refusal))
			printf("cannot start %s: %s\n", argv[first], refusal.why);
		return refusal.status;
	}
	program_invocation_short_name = (char *)options.as;
	become(argv[first], argv + first);
}
