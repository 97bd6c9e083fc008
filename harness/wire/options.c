/* SPDX-License-Identifier: MIT */
/* The command line. */
#include "wire/program.h"

#include <string.h>

#include "common/command.h"

static int take_host(void *data, char *text, struct error *error)
{
	struct wire_options *options = data;
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

#define AT(member) OPTION_AT(struct wire_options, member)

static const struct option_row record_rows[] = {
    {"host", .kind = OPTION_OTHER, .take = take_host, .value = "NAME=NETNS:FILE",
     .help = "record this network namespace (a path, or a name in /run/netns) into FILE"},
    {"whole", .kind = OPTION_NUMBER, AT(whole), .most = 1 << 20, .shown = true, .value = "N",
     .help = "of the first N connections every packet is kept, of the others only what has SYN, "
	     "FIN or RST"},
    {"most", .kind = OPTION_NUMBER, AT(most), .most = UINT64_MAX / 2, .shown = true,
     .value = "BYTES", .help = "a file grows to so many bytes"},
    /* At least IPv6, TCP with all its options, and the link's header. */
    {"snap", .kind = OPTION_NUMBER, AT(snap), .least = 128, .most = 65535, .shown = true,
     .value = "BYTES", .help = "of a packet so many bytes are kept"},
    {"group", .kind = OPTION_NUMBER, AT(group), .most = 65535, .shown = true, .value = "N",
     .help = "rules of nft that drop log to this NFLOG group; what they log is kept in "
	     "FILE-lost.pcap"},
    {0},
};

static const struct option_row ladder_rows[] = {
    {"json", .kind = OPTION_FLAG, AT(json), .help = "one JSON object"},
    {"width", .kind = OPTION_NUMBER, AT(width), .least = WIRE_NARROW, .most = 1000,
     .value = "COLUMNS", .help = "draw ladders so wide (the terminal's width, 97 at most)"},
    {"census", .kind = OPTION_TEXT, AT(census), .value = "TIMELINE",
     .help = "compare with what `census --stream` saw"},
    {"recorder", .kind = OPTION_TEXT, AT(recorder), .value = "LOG",
     .help = "what `wire record` said: what is missing, and sysctls"},
    {"since", .kind = OPTION_TIME, AT(since), .value = "SECONDS",
     .help = "since 1970: show no connection that began before"},
    {"verdict", .kind = OPTION_TIME, AT(verdict), .value = "SECONDS",
     .help = "since 1970: what happened later was the end of the lab"},
    {"infer-losses", .kind = OPTION_FLAG, AT(infer),
     .help = "nothing tells what was dropped on arrival: infer it from retransmissions (with a "
	     "single FILE this is always done)"},
    {0},
};

static const struct command record = {
    .name = "wire record",
    .usage = "[OPTION]... --host NAME=NETNS:FILE...",
    .summary = "Keeps the TCP packets of network namespaces, a pcap file each, until SIGTERM. It "
	       "says ev=ready when everything is recorded that happens from now on. After a line "
	       "on standard input it has written everything that had happened, and says "
	       "ev=flushed.",
    .rows = record_rows,
};

static const struct command ladder = {
    .name = "wire ladder",
    .usage = "[OPTION]... FILE\n[OPTION]... NAME=FILE...",
    .summary = "Shows how connections went: their segments, and the states of both ends as RFC "
	       "9293 has them. Each NAME=FILE is what the host NAME recorded; a single FILE, of "
	       "any interface, shows both sides (tcpdump -w FILE).",
    .rows = ladder_rows,
};

static const struct command wire = {
    .name = "wire",
    .summary = "Records the packets of hosts, and shows from them how each connection went.",
    .modes = (const struct command *const[]){&record, &ladder, NULL},
    .details = "Exit status:\n"
	       "  0   all is well\n"
	       "  2   wrong usage\n"
	       "  70  failure\n"
	       "  77  not possible here\n"
	       "\n"
	       "Examples:\n"
	       "  tcpdump -i any -w server.pcap tcp port 9000     # ^C after a while\n"
	       "  wire ladder server.pcap\n"
	       "  wire ladder client=client.pcap server=server.pcap\n",
};

int wire_options_parse(struct wire_options *options, int argc, char **argv, struct error *error)
{
	int first;

	*options = (struct wire_options){.whole = 1024, .most = 16 << 20, .snap = 256, .group = 9};
	first = command_parse(&wire, argc, argv, options, error);
	if (first <= 0)
		return first;
	options->record = !strcmp(argv[1], "record");
	if (options->record && first < argc)
		return error_set(error, EXIT_USAGE, "unexpected argument %s: see wire --help",
				 argv[first]);
	if (options->record && !options->hosts)
		return error_set(error, EXIT_USAGE, "record needs --host NAME=NETNS:FILE");
	if (!options->record && first == argc)
		return error_set(error, EXIT_USAGE, "ladder needs a FILE, or NAME=FILE...");
	if (argc - first > WIRE_HOSTS)
		return error_set(error, EXIT_USAGE, "more than %d files", WIRE_HOSTS);
	while (first < argc)
		options->ladder[options->files++] = argv[first++];
	return first;
}
