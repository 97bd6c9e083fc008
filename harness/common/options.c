#include "common/options.h"

#include <err.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define USAGE_ERROR 2

static const char usage[] =
    "usage: %s [-l address] [-p port] [-n connections] [-t seconds] [-v] [-h]%s\n"
    "%s\n"
    "  -l address      listen on, or connect to (default %s)\n"
    "  -p port         TCP port (default %u)\n"
    "  -n connections  how many (default %u)\n"
    "  -t seconds      time limit, 0 for none (default %g)\n"
    "  -v              say on standard error what happens\n"
    "Events appear on standard output, one a line: ev=NAME key=value ...\n";

static unsigned parse_count(char option, const char *text, unsigned long most)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || value > most)
		errx(USAGE_ERROR, "-%c takes a whole number from 0 to %lu, not '%s'", option, most,
		     text);
	return value;
}

static double parse_seconds(const char *text)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !isfinite(value) || value < 0)
		errx(USAGE_ERROR, "-t takes seconds, as 2 or 0.5, not '%s'", text);
	return value;
}

static int parse(struct options *o, int argc, char **argv, const char *summary,
		 const char *arguments)
{
	const struct options defaults = *o;
	int option;

	while ((option = getopt(argc, argv, "+l:p:n:t:vh")) != -1) {
		switch (option) {
		case 'l':
			o->address = optarg;
			break;
		case 'p':
			o->port = parse_count('p', optarg, UINT16_MAX);
			break;
		case 'n':
			o->connections = parse_count('n', optarg, 10 * 1000 * 1000);
			break;
		case 't':
			o->seconds = parse_seconds(optarg);
			break;
		case 'v':
			o->verbose = true;
			break;
		case 'h':
			printf(usage, program_invocation_short_name, arguments, summary,
			       defaults.address, defaults.port, defaults.connections,
			       defaults.seconds);
			exit(EXIT_SUCCESS);
		default: /* getopt() has said what is wrong */
			exit(USAGE_ERROR);
		}
	}
	return optind;
}

void options_parse(struct options *o, int argc, char **argv, const char *summary)
{
	int first = parse(o, argc, argv, summary, "");

	if (first < argc)
		errx(USAGE_ERROR, "unexpected argument '%s'; try -h", argv[first]);
}

int options_parse_some(struct options *o, int argc, char **argv, const char *summary,
		       const char *arguments)
{
	int first = parse(o, argc, argv, summary, arguments);

	if (first == argc)
		errx(USAGE_ERROR, "nothing to do; try -h");
	return first;
}
