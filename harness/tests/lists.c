/* SPDX-License-Identifier: MIT */
/* `wire list --json` for thousands of captures: each by itself, all in one process. */
#include <signal.h>
#include <stdio.h>

#include "common/command.h"
#include "common/descriptors.h"
#include "wire/program.h"

static int list(char *capture)
{
	char *words[] = {"wire", "list", "--json", capture, NULL};
	struct wire_options options;
	struct error error = {0};
	int code = wire_options_parse(&options, 4, words, &error);

	if (code <= 0)
		return command_ended(code, &error);
	code = run_show(&options, &error);
	if (code != EXIT_OK)
		error_report(&error);
	puts("end");
	return code;
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	for (int i = 1; i < argc; i++) {
		int code = list(argv[i]);

		if (code != EXIT_OK)
			return code;
	}
	return output_is_whole() ? EXIT_OK : EXIT_BROKEN;
}
