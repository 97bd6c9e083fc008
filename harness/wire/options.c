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
     .help =
	 "keep every packet of the first N connections, and of the others only SYN, FIN and RST"},
    {"most", .kind = OPTION_NUMBER, AT(most), .most = UINT64_MAX / 2, .shown = true,
     .value = "BYTES", .help = "write at most this many bytes to a file"},
    /* At least IPv6, TCP with all its options, and the link's header. */
    {"snap", .kind = OPTION_NUMBER, AT(snap), .least = 128, .most = 65535, .shown = true,
     .value = "BYTES", .help = "keep this many bytes of each packet"},
    {"group", .kind = OPTION_NUMBER, AT(group), .most = 65535, .shown = true, .value = "N",
     .help =
	 "write the packets of this NFLOG group, which nft rules log and drop, to FILE-lost.pcap"},
    {0},
};

static int take_only(void *data, char *text, struct error *error)
{
	return filter_only(&((struct wire_options *)data)->filter, text, error);
}

static int take_address(void *data, char *text, struct error *error)
{
	return filter_host(&((struct wire_options *)data)->filter, text, error);
}

static int take_connection(void *data, char *text, struct error *error)
{
	return filter_connection(&((struct wire_options *)data)->filter, text, error);
}

/* Which connections to show, and what to read. */
#define SELECTION                                                                                  \
	{"only", .kind = OPTION_OTHER, .take = take_only, .value = "WAY,...",                      \
	 .help = "show connections that went this way: reset, refused, unanswered, half-closed, "  \
		 "open, orderly, "                                                                 \
		 "unknown, retransmitting"},                                                       \
	    {"port",                                                                               \
	     .kind = OPTION_NUMBER,                                                                \
	     AT(filter.port),                                                                      \
	     .least = 1,                                                                           \
	     .most = 65535,                                                                        \
	     .value = "PORT",                                                                      \
	     .help = "show connections with this port at either end"},                             \
	    {"host", .kind = OPTION_OTHER, .take = take_address, .value = "ADDRESS[/BITS]",        \
	     .help = "show connections with this address, or one of this prefix, at either end"},  \
	    {"connection", .kind = OPTION_OTHER, .take = take_connection,                          \
	     .value = "ADDRESS:PORT-ADDRESS:PORT",                                                 \
	     .help = "show connections between these two ends"},                                   \
	    {"since", .kind = OPTION_TIME, AT(filter.since), .value = "SECONDS",                   \
	     .help = "show connections that began at this Unix time or later"},                    \
	    {"until", .kind = OPTION_TIME, AT(filter.until), .value = "SECONDS",                   \
	     .help = "show connections that began at this Unix time or earlier"},                  \
	    {"losses", .kind = OPTION_FLAG, AT(losses),                                            \
	     .help = "next to each FILE.pcap read FILE-lost.pcap, which holds what a fault "       \
		     "dropped on arrival, as wire record writes it"},                              \
	{                                                                                          \
		"infer-losses",                                                                    \
		    .kind = OPTION_FLAG, AT(infer),                                                \
		    .help = "no file records what was dropped on arrival: infer it from "          \
			    "retransmissions (a single FILE needs no option)"                      \
	}

static const struct option_row ladder_rows[] = {
    {"json", .kind = OPTION_FLAG, AT(json), .help = "print one JSON object"},
    {"verbose", 'v', OPTION_FLAG, AT(verbose),
     .help = "show for each segment its packet number in the file, its time, and its window"},
    {"groups", .kind = OPTION_NUMBER, AT(groups), .least = 1, .most = 1000000, .shown = true,
     .value = "N",
     .help = "show this many groups of connections that went the same way, worst first"},
    {"width", .kind = OPTION_NUMBER, AT(width), .least = WIRE_NARROW, .most = 1000,
     .value = "COLUMNS", .help = "draw ladders this wide (the terminal's width, 97 at most)"},
    SELECTION,
    {"census", .kind = OPTION_TEXT, AT(census), .value = "TIMELINE",
     .help = "compare with the output of `census --stream`"},
    {"recorder", .kind = OPTION_TEXT, AT(recorder), .value = "LOG",
     .help = "the output of `wire record`: how many packets it missed, and sysctls"},
    {"verdict", .kind = OPTION_TIME, AT(verdict), .value = "SECONDS",
     .help = "when the lab ended (Unix time): what happened later is its cleanup"},
    {0},
};

static const struct option_row list_rows[] = {
    {"json", .kind = OPTION_FLAG, AT(json), .help = "print one JSON object per line"},
    {"groups", .kind = OPTION_NUMBER, AT(ways), .least = 1, .most = 1000000, .value = "N",
     .help = "show only the connections of the N worst groups of wire ladder (all)"},
    SELECTION,
    {0},
};

static const struct command record = {
    .name = "wire record",
    .usage = "[OPTION]... --host NAME=NETNS:FILE...",
    .summary = "Records the TCP packets of network namespaces, one pcap file each, until SIGTERM. "
	       "It prints ev=ready once all taps record. After a line on standard input it writes "
	       "everything so far, then prints ev=flushed.",
    .rows = record_rows,
};

static const struct command ladder = {
    .name = "wire ladder",
    .usage = "[OPTION]... FILE\n[OPTION]... NAME=FILE...",
    .summary = "Shows how connections went: a summary, then ladders of their segments and of the "
	       "states of both ends as in RFC 9293, worst first. Each NAME=FILE is a recording of "
	       "the host NAME; a single FILE, of any interface, shows both sides (tcpdump -w "
	       "FILE). A file may be compressed with gzip or zstd; - is standard input.",
    .rows = ladder_rows,
};

static const struct command list = {
    .name = "wire list",
    .usage = "[OPTION]... FILE\n[OPTION]... NAME=FILE...",
    .summary =
	"Prints one line for each connection: who began it, who ended it and how, its last states, "
	"and how much payload each end sent. Files are as for wire ladder; - is standard input.",
    .rows = list_rows,
};

static const struct command wire = {
    .name = "wire",
    .summary = "Records the packets of hosts, and shows how each connection went.",
    .modes = (const struct command *const[]){&record, &ladder, &list, NULL},
    .details = "Exit status:\n"
	       "  0   success\n"
	       "  1   a file ends early; what comes before was read\n"
	       "  2   wrong usage\n"
	       "  70  wire itself failed\n"
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

	*options = (struct wire_options){
	    .whole = 1024, .most = 16 << 20, .snap = 256, .group = 9, .groups = WIRE_GROUPS};
	first = command_parse(&wire, argc, argv, options, error);
	if (first <= 0)
		return first;
	options->record = !strcmp(argv[1], "record");
	options->list = !strcmp(argv[1], "list");
	if (options->record && first < argc)
		return error_set(error, EXIT_USAGE, "unexpected argument %s: see wire --help",
				 argv[first]);
	if (options->record && !options->hosts)
		return error_set(error, EXIT_USAGE, "record needs --host NAME=NETNS:FILE");
	if (!options->record && first == argc)
		return error_set(error, EXIT_USAGE, "%s needs a FILE, or NAME=FILE...", argv[1]);
	if (argc - first > WIRE_HOSTS)
		return error_set(error, EXIT_USAGE, "more than %d files", WIRE_HOSTS);
	while (first < argc)
		options->ladder[options->files++] = argv[first++];
	return first;
}
