/* SPDX-License-Identifier: MIT */
/* The command line. Whatever is wrong with it is one sentence and exit code 2. */
#include "wire/program.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

enum { HOST = 256, WHOLE, MOST, SNAP, GROUP, JSON, CENSUS, RECORDER, SINCE, VERDICT, INFER };

static const struct option record_options[] = {
    {"host", required_argument, NULL, HOST},
    {"whole", required_argument, NULL, WHOLE},
    {"most", required_argument, NULL, MOST},
    {"snap", required_argument, NULL, SNAP},
    {"group", required_argument, NULL, GROUP},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static const struct option ladder_options[] = {
    {"json", no_argument, NULL, JSON},
    {"census", required_argument, NULL, CENSUS},
    {"recorder", required_argument, NULL, RECORDER},
    {"since", required_argument, NULL, SINCE},
    {"verdict", required_argument, NULL, VERDICT},
    {"infer-losses", no_argument, NULL, INFER},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

void options_help(FILE *out)
{
	fputs(
	    "usage: wire record --host NAME=NETNS:FILE... [--whole 1024] [--most 16777216]\n"
	    "                   [--snap 256] [--group 9]\n"
	    "       wire ladder [--json] [--census TIMELINE] NAME=FILE... | FILE\n"
	    "\n"
	    "record keeps the TCP packets of network namespaces, a pcap each, until SIGTERM.\n"
	    "\n"
	    "  --host NAME=NETNS:FILE  record this network namespace (a path, or a name in\n"
	    "                          /run/netns) into FILE\n"
	    "  --whole N               of the first N connections every packet is kept, of the\n"
	    "                          others only what has SYN, FIN or RST (1024)\n"
	    "  --most BYTES            a file grows to so many bytes (16777216)\n"
	    "  --snap BYTES            of a packet so many bytes are kept (256)\n"
	    "  --group N               rules of nft that drop log to this NFLOG group (9); what\n"
	    "                          they log is kept in FILE-lost.pcap\n"
	    "\n"
	    "It says ev=ready when everything is recorded that happens from now on. After a\n"
	    "line on standard input it has written everything that had happened, and says\n"
	    "ev=flushed.\n"
	    "\n"
	    "ladder shows how connections went: their segments, and the states of both ends as\n"
	    "RFC 9293 has them. Each NAME=FILE is what the host NAME recorded; a single FILE, of\n"
	    "any interface, shows both sides (tcpdump -w FILE).\n"
	    "\n"
	    "  --json                  one JSON object\n"
	    "  --census TIMELINE       compare with what `census --stream` saw\n"
	    "  --recorder LOG          what `wire record` said: what is missing, and sysctls\n"
	    "  --since SECONDS         since 1970: show no connection that began before\n"
	    "  --verdict SECONDS       since 1970: what happened later was the end of the lab\n"
	    "  --infer-losses          nothing tells what was dropped on arrival: infer it from\n"
	    "                          retransmissions (with a single FILE this is always done)\n"
	    "\n"
	    "Exit codes: 0; 2 wrong usage; 77 not possible here; 70 failure.\n",
	    out);
}

static int parse_host(struct options *options, char *text, struct error *error)
{
	struct tapped *host = &options->host[options->hosts];
	char *equals = strchr(text, '=');
	char *colon = equals ? strchr(equals, ':') : NULL;

	if (!colon || equals == text || colon == equals + 1 || !colon[1])
		return error_set(error, EXIT_USAGE, "--host %s: write NAME=NETNS:FILE", text);
	if (options->hosts == WIRE_HOSTS)
		return error_set(error, EXIT_USAGE, "more than %d hosts", WIRE_HOSTS);
	if (equals - text >= WIRE_NAME)
		return error_set(error, EXIT_USAGE, "--host %s: the name is too long", text);
	memcpy(host->name, text, (size_t)(equals - text));
	*colon = '\0';
	host->netns = equals + 1;
	host->file = colon + 1;
	options->hosts++;
	return 0;
}

static int parse_number(const char *option, const char *text, uint64_t least, uint64_t most,
			uint64_t *number, struct error *error)
{
	char *end;

	errno = 0;
	*number = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end || errno || *number < least || *number > most)
		return error_set(error, EXIT_USAGE, "--%s %s: a number from %llu to %llu", option,
				 text, (unsigned long long)least, (unsigned long long)most);
	return 0;
}

static int parse_time(const char *option, const char *text, int64_t *time, struct error *error)
{
	char *end;
	double seconds = strtod(text, &end);

	if (!isdigit((unsigned char)*text) || *end || !(seconds < 9e9))
		return error_set(error, EXIT_USAGE, "--%s %s: seconds since 1970", option, text);
	*time = (int64_t)(seconds * 1e9);
	return 0;
}

static int parse_option(struct options *options, int option, struct error *error)
{
	uint64_t number = 0;

	switch (option) {
	case HOST:
		return parse_host(options, optarg, error);
	case WHOLE:
		if (parse_number("whole", optarg, 0, 1 << 20, &number, error) < 0)
			return -1;
		options->whole = (size_t)number;
		return 0;
	case MOST:
		return parse_number("most", optarg, 0, UINT64_MAX / 2, &options->most, error);
	case SNAP: /* IPv6, TCP with all its options, and the link's header */
		if (parse_number("snap", optarg, 128, 65535, &number, error) < 0)
			return -1;
		options->snap = (int)number;
		return 0;
	case GROUP:
		if (parse_number("group", optarg, 0, 65535, &number, error) < 0)
			return -1;
		options->group = (unsigned)number;
		return 0;
	case JSON:
		options->json = true;
		return 0;
	case CENSUS:
		options->census = optarg;
		return 0;
	case RECORDER:
		options->recorder = optarg;
		return 0;
	case SINCE:
		return parse_time("since", optarg, &options->since, error);
	case VERDICT:
		return parse_time("verdict", optarg, &options->verdict, error);
	case INFER:
		options->infer = true;
		return 0;
	default:
		options->help = true;
		return 0;
	}
}

static int check(struct options *options, int argc, char **argv, struct error *error)
{
	if (options->record && optind < argc)
		return error_set(error, EXIT_USAGE, "unexpected argument %s: see wire --help",
				 argv[optind]);
	if (options->record && !options->hosts)
		return error_set(error, EXIT_USAGE, "record needs --host NAME=NETNS:FILE");
	if (!options->record && optind == argc)
		return error_set(error, EXIT_USAGE, "ladder needs a FILE, or NAME=FILE...");
	if (argc - optind > WIRE_HOSTS)
		return error_set(error, EXIT_USAGE, "more than %d files", WIRE_HOSTS);
	while (optind < argc)
		options->ladder[options->files++] = argv[optind++];
	return 0;
}

int options_parse(struct options *options, int argc, char **argv, struct error *error)
{
	const char *mode = argc > 1 ? argv[1] : "";
	int option;

	*options = (struct options){.whole = 1024, .most = 16 << 20, .snap = 256, .group = 9};
	options->help = !strcmp(mode, "--help") || !strcmp(mode, "-h");
	if (options->help)
		return 0;
	options->record = !strcmp(mode, "record");
	if (!options->record && strcmp(mode, "ladder"))
		return error_set(error, EXIT_USAGE, "record or ladder, not '%s': see wire --help",
				 mode);
	opterr = 0;
	optind = 2;
	while ((option = getopt_long(argc, argv, "+:h",
				     options->record ? record_options : ladder_options, NULL)) !=
	       -1) {
		if (option == ':')
			return error_set(error, EXIT_USAGE, "%s needs a value", argv[optind - 1]);
		if (option == '?')
			return error_set(error, EXIT_USAGE, "unknown option %s: see wire --help",
					 argv[optind - 1]);
		if (parse_option(options, option, error) < 0)
			return -1;
		if (options->help)
			return 0;
	}
	return check(options, argc, argv, error);
}
