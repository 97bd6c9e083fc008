#include "common/options.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "common/command.h"

static const struct option_row rows[] = {
    {NULL, 'l', OPTION_TEXT, OPTION_AT(struct options, address), .shown = true, .value = "ADDRESS",
     .help = "listen on, or connect to"},
    {NULL, 'p', OPTION_NUMBER, OPTION_AT(struct options, port), .most = UINT16_MAX, .shown = true,
     .value = "PORT", .help = "TCP port"},
    {NULL, 'n', OPTION_NUMBER, OPTION_AT(struct options, connections), .most = 10 * 1000 * 1000,
     .shown = true, .value = "CONNECTIONS", .help = "how many"},
    {NULL, 't', OPTION_SECONDS, OPTION_AT(struct options, seconds), .shown = true,
     .value = "SECONDS", .help = "time limit, 0 for none"},
    {NULL, 'v', OPTION_FLAG, OPTION_AT(struct options, verbose),
     .help = "report each step on standard error"},
    {0},
};

static const char details[] =
    "Events appear on standard output, one per line: ev=NAME key=value ...\n"
    "Exit status: 0, 1 for a failure, 2 for wrong usage.\n";

static int parse(struct options *o, int argc, char **argv, const char *summary,
		 const char *arguments)
{
	char usage[512] = "[OPTION]...";
	const struct command command = {
	    .usage = usage, .summary = summary, .rows = rows, .details = details};
	struct error error;
	int first;

	strncat(usage, arguments, sizeof(usage) - strlen(usage) - 1);
	first = command_parse(&command, argc, argv, o, &error);
	if (first <= 0)
		exit(command_ended(first, &error));
	return first;
}

void options_parse(struct options *o, int argc, char **argv, const char *summary)
{
	int first = parse(o, argc, argv, summary, "");

	if (first < argc)
		errx(EXIT_USAGE, "unexpected argument '%s'; try -h", argv[first]);
}

int options_parse_some(struct options *o, int argc, char **argv, const char *summary,
		       const char *arguments)
{
	int first = parse(o, argc, argv, summary, arguments);

	if (first == argc)
		errx(EXIT_USAGE, "nothing to do; try -h");
	return first;
}
