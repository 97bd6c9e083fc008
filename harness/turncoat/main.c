/* SPDX-License-Identifier: MIT */
/* turncoat: a server that turns against its clients. See --help, README.md and turncoat.h. */
#include <stdio.h>

#include "common/command.h"
#include "common/descriptors.h"
#include "common/duration.h"
#include "turncoat/turncoat.h"

struct options {
	bool list;
};

static const struct option_row rows[] = {
    {"list", 0, OPTION_FLAG, OPTION_AT(struct options, list), .help = "print the behaviours"},
    {0},
};

static const struct command command = {
    .name = "turncoat",
    .usage = "[OPTION]... --all\n[OPTION]... --behaviour NAME[=TIME]...\n--list",
    .summary = "An HTTP server that turns against its clients, on a port for each way to do so.",
    .rows = rows,
};

static int list(void)
{
	char time[DURATION_TEXT];

	for (const struct behaviour *b = behaviour_all(); b->name; b++)
		printf("%-24s %-6s %s\n", b->name, b->time ? duration_text(b->time, time) : "-",
		       b->help);
	return output_is_whole() ? EXIT_OK : EXIT_BROKEN;
}

int main(int argc, char **argv)
{
	struct options options = {0};
	struct error error;
	int first;

	open_standard_descriptors();
	first = command_parse(&command, argc, argv, &options, &error);
	if (first <= 0)
		return command_ended(first, &error);
	if (options.list)
		return list();
	error_set(&error, EXIT_USAGE, "nothing to do: see turncoat --help");
	return error_report(&error);
}
