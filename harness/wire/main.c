/* SPDX-License-Identifier: MIT */
/* wire: records the packets of hosts, and shows how each connection went. See --help and wire.h. */
#include "wire/program.h"

#include <signal.h>

#include "common/descriptors.h"

int main(int argc, char **argv)
{
	struct error error = {0};
	struct options options;
	int code;

	open_standard_descriptors();
	signal(SIGPIPE, SIG_IGN); /* a reader that goes away is seen by the write */
	if (options_parse(&options, argc, argv, &error) < 0) {
		fprintf(stderr, "wire: %s\n", error.text);
		return error.code;
	}
	if (options.help) {
		options_help(stdout);
		return output_is_whole() ? EXIT_OK : EXIT_BROKEN;
	}
	code = options.record ? run_record(&options, &error) : run_ladder(&options, &error);
	if (code != EXIT_OK)
		fprintf(stderr, "wire: %s\n", error.text);
	return output_is_whole() ? code : EXIT_BROKEN;
}
