/* SPDX-License-Identifier: MIT */
/* The command line. Whatever is wrong with it is one sentence and exit code 2. */
#include "census/program.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "common/duration.h"
#include "common/nearest.h"

enum { HOST = 256, PID, PORT, STATE, NO_OWNERS, JSON, STREAM, EVERY, UNTIL, WITHIN, HOLD, REPEAT };

static const struct option long_options[] = {
    {"host", required_argument, NULL, HOST},
    {"pid", required_argument, NULL, PID},
    {"port", required_argument, NULL, PORT},
    {"state", required_argument, NULL, STATE},
    {"no-owners", no_argument, NULL, NO_OWNERS},
    {"json", no_argument, NULL, JSON},
    {"stream", no_argument, NULL, STREAM},
    {"every", required_argument, NULL, EVERY},
    {"until", required_argument, NULL, UNTIL},
    {"within", required_argument, NULL, WITHIN},
    {"hold", required_argument, NULL, HOLD},
    {"repeat", required_argument, NULL, REPEAT},
    {"verbose", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

void options_help(FILE *out)
{
	fputs(
	    "usage: census [--host NAME=NETNS]... [--pid PID]... [--port PORT]...\n"
	    "              [--state STATE]... [--no-owners] [--json] [-v] [-h]\n"
	    "              [--until EXPR [--within 2s] [--hold 0s] | --stream [--every 5ms]]\n"
	    "\n"
	    "Counts TCP sockets, IPv4 and IPv6, by state and by owner.\n"
	    "\n"
	    "  --host NAME=NETNS  count this network namespace: a path, or a name in /run/netns;\n"
	    "                     without --host: our own, called 'local'\n"
	    "  --pid PID          only what this process holds, in its namespace\n"
	    "  --port PORT        only sockets with this local port\n"
	    "  --state STATE      only sockets in this state\n"
	    "  --no-owners        do not look for the processes: no privilege needed, less work\n"
	    "  --json             one JSON object on one line\n"
	    "  --until EXPR       wait until EXPR is true: exit 0, or 1 when it is not in time\n"
	    "  --within TIME      ... how soon it must become true (2s)\n"
	    "  --hold TIME        ... how long it must then stay true (0s)\n"
	    "  --stream           a JSON line for each host whenever its states change\n"
	    "  --every TIME       ... looking this often (5ms), less often when that is costly\n"
	    "  --repeat N         count N times and print the microseconds of each count\n"
	    "  -v, --verbose      say on stderr what is being done\n"
	    "\n"
	    "STATE is ESTABLISHED SYN_SENT SYN_RECEIVED FIN_WAIT1 FIN_WAIT2 TIME_WAIT CLOSED\n"
	    "CLOSE_WAIT LAST_ACK LISTEN or CLOSING. EXPR compares integers and variables:\n"
	    "\n"
	    "  CLOSE_WAIT              sockets in that state\n"
	    "  CLOSE_WAIT.owned        of them, those that are: owned (by a process), unaccepted\n"
	    "                          (behind a listener), orphan (the kernel closes them),\n"
	    "                          timewait, unknown (no descriptor that we may read),\n"
	    "                          unread (CLOSE_WAIT whose end of stream was never read)\n"
	    "  owned, orphan, ...      sockets of that class in any state\n"
	    "  descriptors             descriptors of TCP connections, ghosts included\n"
	    "  ghosts                  descriptors whose connection is gone (CLOSED: the kernel\n"
	    "                          lists no such socket, so CLOSED itself is 0 at rest)\n"
	    "  unconnected             descriptors that never had a connection\n"
	    "  accept_queue            connections waiting for accept()\n"
	    "  PassiveOpens, ...       any counter of /proc/net/snmp Tcp and netstat TcpExt\n"
	    "\n"
	    "with + - == != < <= > >= and or not ( ). Without a host ('server:CLOSE_WAIT') a\n"
	    "variable is the sum over all hosts. TIME is 5us, 300ms, 1.5s, 1min.\n"
	    "\n"
	    "Exit codes: 0; 1 EXPR was not true; 2 wrong usage; 3 the process of --pid ended;\n"
	    "77 not possible here; 70 failure.\n"
	    "\n"
	    "  census --pid 1234 --until 'CLOSE_WAIT < 10'\n"
	    "  census --host server=srv --until 'server:CLOSE_WAIT == 100' --hold 300ms\n",
	    out);
}

static int parse_host(struct options *options, const char *text, struct error *error)
{
	const char *equals = strchr(text, '=');
	size_t length = equals ? (size_t)(equals - text) : 0;

	if (!length || !equals[1])
		return error_set(error, EXIT_USAGE, "--host %s: write NAME=NETNS", text);
	if (options->host_count == MAX_HOSTS)
		return error_set(error, EXIT_USAGE, "more than %d hosts", MAX_HOSTS);
	if (length >= sizeof(options->host[0].name))
		return error_set(error, EXIT_USAGE, "--host %s: the name is too long", text);
	for (size_t i = 0; i < length; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr("_-.", text[i]))
			return error_set(error, EXIT_USAGE,
					 "--host %s: a name is made of letters, digits, _ - .",
					 text);
	/* Expressions have to tell it from a number and from an operator. */
	if (!isalpha((unsigned char)text[0]) && text[0] != '_')
		return error_set(error, EXIT_USAGE, "--host %s: a name begins with a letter", text);

	char *name = options->host[options->host_count].name;

	memcpy(name, text, length);
	for (size_t i = 0; i < options->host_count; i++)
		if (!strcmp(options->host[i].name, name))
			return error_set(error, EXIT_USAGE, "two hosts are called %s", name);
	options->host[options->host_count++].netns = equals + 1;
	return 0;
}

static int parse_state(struct options *options, const char *text, struct error *error)
{
	int state = state_by_name(text, strlen(text));
	const char *hint = state_nearest(text, strlen(text));

	if (!state)
		return error_set(error, EXIT_USAGE, "no state %s%s%s%s", text,
				 hint ? ": did you mean " : "", hint ? hint : "", hint ? "?" : "");
	options->states |= STATE_BIT(state);
	return 0;
}

static int parse_number(const char *option, const char *text, long max, long *number,
			struct error *error)
{
	char *end;

	errno = 0;
	*number = strtol(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end || errno || *number < 1 || *number > max)
		return error_set(error, EXIT_USAGE, "--%s %s: a number from 1 to %ld is expected",
				 option, text, max);
	return 0;
}

static int parse_time(const char *option, const char *text, int64_t *ns, struct error *error)
{
	*ns = duration_read(text);
	if (*ns < 0)
		return error_set(error, EXIT_USAGE,
				 "--%s %s: a time is expected, such as 300ms, 2s, 1.5s, 1min",
				 option, text);
	return 0;
}

static int bad_option(int argc, char **argv, struct error *error)
{
	const char *given = optind > 0 && optind <= argc ? argv[optind - 1] : "";
	const char *best = NULL;
	unsigned int distance = 0;

	if (optopt && strncmp(given, "--", 2))
		return error_set(error, EXIT_USAGE, "unknown option -%c: see census --help",
				 optopt);
	if (optopt) /* getopt knows it, but it has a value that is not wanted */
		return error_set(error, EXIT_USAGE, "%s takes no value", given);
	for (const struct option *option = long_options; option->name; option++)
		nearest_offer(given, strlen(given), option->name, &best, &distance);
	return error_set(error, EXIT_USAGE, "unknown option %s: %s%s", given,
			 best ? "did you mean --" : "see census --help", best ? best : "");
}

static int parse_option(struct options *options, int option, struct error *error)
{
	long number = 0;

	switch (option) {
	case HOST:
		return parse_host(options, optarg, error);
	case PID:
		if (options->pid_count == MAX_LIST)
			return error_set(error, EXIT_USAGE, "more than %d --pid", MAX_LIST);
		if (parse_number("pid", optarg, 0x3fffff, &number, error) < 0)
			return -1;
		options->pid[options->pid_count++] = (pid_t)number;
		return 0;
	case PORT:
		if (options->port_count == MAX_LIST)
			return error_set(error, EXIT_USAGE, "more than %d --port", MAX_LIST);
		if (parse_number("port", optarg, 65535, &number, error) < 0)
			return -1;
		options->port[options->port_count++] = (unsigned int)number;
		return 0;
	case STATE:
		return parse_state(options, optarg, error);
	case NO_OWNERS:
		options->owners = false;
		return 0;
	case JSON:
		options->json = true;
		return 0;
	case STREAM:
		options->stream = true;
		return 0;
	case EVERY:
		return parse_time("every", optarg, &options->every, error);
	case UNTIL:
		options->until = optarg;
		return 0;
	case WITHIN:
		options->within_text = optarg;
		return parse_time("within", optarg, &options->within, error);
	case HOLD:
		return parse_time("hold", optarg, &options->hold, error);
	case REPEAT:
		if (parse_number("repeat", optarg, 1000000, &number, error) < 0)
			return -1;
		options->repeat = (unsigned int)number;
		return 0;
	case 'v':
		options->verbose = true;
		return 0;
	default:
		options->help = true;
		return 0;
	}
}

static int check(const struct options *options, int argc, char **argv, struct error *error)
{
	if (optind < argc)
		return error_set(error, EXIT_USAGE, "unexpected argument %s: see census --help",
				 argv[optind]);
	if (!!options->until + options->stream + !!options->repeat > 1)
		return error_set(error, EXIT_USAGE,
				 "--until, --stream and --repeat exclude each other");
	if (!options->until && (options->within >= 0 || options->hold >= 0))
		return error_set(error, EXIT_USAGE, "--within and --hold belong to --until");
	if (!options->stream && options->every >= 0)
		return error_set(error, EXIT_USAGE, "--every belongs to --stream");
	if (options->every == 0)
		return error_set(error, EXIT_USAGE, "--every must be longer than 0");
	if (!options->owners && options->pid_count)
		return error_set(error, EXIT_USAGE, "--pid and --no-owners exclude each other");
	return 0;
}

int options_parse(struct options *options, int argc, char **argv, struct error *error)
{
	int option;

	*options = (struct options){
	    .owners = true, .every = -1, .within = -1, .hold = -1, .within_text = "2s"};
	opterr = 0;
	while ((option = getopt_long(argc, argv, "+:vh", long_options, NULL)) != -1) {
		if (option == ':')
			return error_set(error, EXIT_USAGE, "%s needs a value", argv[optind - 1]);
		if (option == '?')
			return bad_option(argc, argv, error);
		if (parse_option(options, option, error) < 0)
			return -1;
		if (options->help)
			return 0;
	}
	if (check(options, argc, argv, error) < 0)
		return -1;
	if (!options->states)
		options->states = ALL_STATES;
	options->every = options->every < 0 ? 5000000 : options->every;
	options->within = options->within < 0 ? 2000000000 : options->within;
	options->hold = options->hold < 0 ? 0 : options->hold;
	return 0;
}

struct census_needs options_needs(const struct options *options)
{
	return (struct census_needs){
	    .states = options->states,
	    .owners = options->owners,
	    /* To know what is a ghost all states have to be walked: only if all are wanted. */
	    .descriptors = options->owners && options->states == ALL_STATES,
	    .counters = options->json,
	    .rows = true,
	};
}
