/* SPDX-License-Identifier: MIT */
/* wire: records the packets of hosts and shows how each connection went. See --help and wire.h. */
#include "wire/program.h"

#include <signal.h>

#include "common/command.h"
#include "common/descriptors.h"

int main(int argc, char **argv)
{
	struct wire_options options;
	struct error error = {0};
	int code;

	open_standard_descriptors();
	signal(SIGPIPE, SIG_IGN); /* the write reports a reader that went away */
	code = wire_options_parse(&options, argc, argv, &error);
	if (code <= 0)
		return command_ended(code, &error);
	code = options.record ? run_record(&options, &error) : run_show(&options, &error);
	if (code != EXIT_OK)
		error_report(&error);
	return output_is_whole() ? code : EXIT_BROKEN;
}
