/* SPDX-License-Identifier: MIT */
/* The command line. */
#include "census/program.h"

#include <ctype.h>
#include <string.h>

#include "common/command.h"
#include "common/duration.h"

static int take_host(void *data, char *text, struct error *error)
{
	struct census_options *options = data;
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
					 "--host %s: use only letters, digits, _ - .", text);
	/* In an expression it must not look like a number or an operator. */
	if (!isalpha((unsigned char)text[0]) && text[0] != '_')
		return error_set(error, EXIT_USAGE, "--host %s: a name begins with a letter or _",
				 text);

	char *name = options->host[options->host_count].name;

	memcpy(name, text, length);
	for (size_t i = 0; i < options->host_count; i++)
		if (!strcmp(options->host[i].name, name))
			return error_set(error, EXIT_USAGE, "two hosts are called %s", name);
	options->host[options->host_count++].netns = equals + 1;
	return 0;
}

static int take_state(void *data, char *text, struct error *error)
{
	struct census_options *options = data;
	int state = state_by_name(text, strlen(text));
	const char *hint = state_nearest(text, strlen(text));

	if (!state)
		return error_set(error, EXIT_USAGE, "no state %s%s%s%s", text,
				 hint ? ": did you mean " : "", hint ? hint : "", hint ? "?" : "");
	options->states |= STATE_BIT(state);
	return 0;
}

static int take_by(void *data, char *text, struct error *error)
{
	static const char *const words[] = {
	    [CENSUS_ENDS_WHOLE] = "remote",
	    [CENSUS_ENDS_ADDRESS] = "remote-address",
	    [CENSUS_ENDS_PORT] = "remote-port",
	};

	for (size_t i = CENSUS_ENDS_WHOLE; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(text, words[i])) {
			((struct census_options *)data)->ends = (enum census_ends)i;
			return 0;
		}
	return error_set(error, EXIT_USAGE, "--by %s: write remote, remote-address or remote-port",
			 text);
}

static int take_owners(void *data, char *text, struct error *error)
{
	struct census_options *options = data;

	options->ask = !strcmp(text, "bpf") ? CENSUS_ASK_KERNEL : CENSUS_ASK_PROC;
	return options->ask == CENSUS_ASK_KERNEL || !strcmp(text, "proc")
		   ? 0
		   : error_set(error, EXIT_USAGE, "--owners %s: write bpf or proc", text);
}

#define AT(member) OPTION_AT(struct census_options, member)

static const struct option_row rows[] = {
    {"host", .kind = OPTION_OTHER, .take = take_host, .value = "NAME=NETNS",
     .help = "count this network namespace: a path, or a name in /run/netns; without --host: the "
	     "caller's own, called 'local'"},
    {"all", .kind = OPTION_FLAG, AT(all),
     .help = "count every network namespace that a process or a name holds, named after its "
	     "container, pod, name or process"},
    {"pid", .kind = OPTION_NUMBER, OPTION_LIST(struct census_options, pid, pid_count), .least = 1,
     .most = 0x3fffff, .value = "PID",
     .help = "count only what this process holds, in any namespace"},
    {"port", .kind = OPTION_NUMBER, OPTION_LIST(struct census_options, port, port_count),
     .least = 1, .most = 65535, .value = "PORT", .help = "count only sockets with this local port"},
    {"remote", .kind = OPTION_TEXT, OPTION_LIST(struct census_options, remote, remote_count),
     .value = "ADDRESS[/BITS]", .help = "count only sockets whose other end has this address"},
    {"remote-port", .kind = OPTION_NUMBER,
     OPTION_LIST(struct census_options, remote_port, remote_port_count), .least = 1, .most = 65535,
     .value = "PORT", .help = "count only sockets whose other end has this port"},
    {"by", .kind = OPTION_OTHER, .take = take_by, .value = "WHAT",
     .help = "add up the other ends by remote, remote-address or remote-port"},
    {"state", .kind = OPTION_OTHER, .take = take_state, .value = "STATE",
     .help = "count only sockets in this state"},
    {"age", .kind = OPTION_FLAG, AT(age),
     .help = "show how long sockets have been silent (nothing came) and idle (no data came): the "
	     "longest time of each row"},
    {"no-owners", .kind = OPTION_FLAG, AT(no_owners),
     .help = "do not look for processes: needs no privilege and less work"},
    {"owners", .kind = OPTION_OTHER, .take = take_owners, .value = "bpf|proc",
     .help = "look for processes with BPF (needs root) or in /proc; by default, with BPF from a "
	     "few thousand sockets on. Large counts use up to four threads"},
    {"copy", .kind = OPTION_FLAG, AT(copy),
     .help = "copy descriptors that no table lists, to see whether they were ever connected; this "
	     "disturbs the program: never use it on a server in production"},
    {"json", .kind = OPTION_FLAG, AT(json), .help = "print one JSON object on one line"},
    {"openmetrics", .kind = OPTION_FLAG, AT(openmetrics),
     .help = "print OpenMetrics, for the textfile collector of Prometheus' node_exporter"},
    {"until", .kind = OPTION_TEXT, AT(until), .value = "EXPR",
     .help = "wait until EXPR is true; exit with 0, or with 1 if it is not true in time"},
    {"within", .kind = OPTION_DURATION, AT(within), .value = "TIME",
     .help = "with --until: how soon EXPR must become true (2s)"},
    {"hold", .kind = OPTION_DURATION, AT(hold), .value = "TIME",
     .help = "with --until: how long EXPR must then stay true (0s)"},
    {"stream", .kind = OPTION_FLAG, AT(stream),
     .help = "print a JSON line for each host whenever its states change, and at SIGUSR1"},
    {"every", .kind = OPTION_DURATION, AT(every), .value = "TIME",
     .help = "with --stream or --watch: look this often, or less often if a look is expensive; by "
	     "default, --stream looks every 5ms, and up to 20ms while nothing happens"},
    {"watch", .kind = OPTION_FLAG, AT(watch),
     .help = "every 2 s, or SECONDS, show what grew since the start, largest first; prints lines "
	     "when not on a terminal"},
    {"repeat", .kind = OPTION_NUMBER, AT(repeat), .least = 1, .most = 1000000, .value = "N",
     .help = "count N times and print how many microseconds each took"},
    {"verbose", 'v', OPTION_FLAG, AT(verbose),
     .help = "report each step on stderr, and show what the processes hold and wait for"},
    {0},
};

static const char details[] =
    "STATE is ESTABLISHED SYN_SENT SYN_RECEIVED FIN_WAIT1 FIN_WAIT2 TIME_WAIT CLOSED\n"
    "CLOSE_WAIT LAST_ACK LISTEN or CLOSING. EXPR compares numbers and times:\n"
    "\n"
    "  CLOSE_WAIT              sockets in that state\n"
    "  CLOSE_WAIT.owned        those of them that are: owned (by a process),\n"
    "                          unaccepted (behind a listener), orphan (closed by the\n"
    "                          program, not yet by TCP), timewait, unknown (no owner\n"
    "                          was found), unread (CLOSE_WAIT whose FIN was certainly\n"
    "                          never read: Recv-Q >= 1)\n"
    "  CLOSE_WAIT.silent       the longest time since anything came from the other\n"
    "                          end: data or an acknowledgment. The answer to a\n"
    "                          keepalive counts, and resets it. Also for\n"
    "                          ESTABLISHED, FIN_WAIT1 ...\n"
    "  CLOSE_WAIT.idle         the longest time since data came\n"
    "  owned, orphan, ...      sockets of that class in any state\n"
    "  descriptors             descriptors of TCP sockets that do not listen\n"
    "  gone                    those of them that no table of the kernel lists: the\n"
    "                          connection is gone, or never existed. Such a socket\n"
    "                          is in CLOSED, and the kernel lists none of those\n"
    "  ghosts                  those gone that certainly had a connection: seen in\n"
    "                          an earlier sample of this --until, or with --copy\n"
    "  unconnected             those gone that certainly never had one (--copy)\n"
    "  accept_queue            connections waiting for accept()\n"
    "  PassiveOpens, ...       any counter of /proc/net/snmp Tcp and netstat TcpExt\n"
    "\n"
    "with + - == != < <= > >= and or not ( ). Without a host ('server:CLOSE_WAIT') a\n"
    "variable is the sum over all hosts, or the longest time. TIME is 5us, 300ms,\n"
    "1.5s, 1min; compare silent and idle with one: 'CLOSE_WAIT.silent > 5min'.\n"
    "EXPR is not true while it depends on something that could not be seen; if it\n"
    "still does at the end, the exit status is 77. An EXPR that is always true or\n"
    "always false is refused.\n"
    "\n"
    "Exit status:\n"
    "  0   success; EXPR came true in time, and held\n"
    "  1   EXPR did not come true in time, or did not hold\n"
    "  2   wrong usage\n"
    "  3   the process of --pid ended\n"
    "  70  the census itself failed\n"
    "  77  not possible here, or EXPR could not be decided\n"
    "\n"
    "Examples:\n"
    "  census --pid 1234\n"
    "  census --port 9000 --state CLOSE_WAIT\n"
    "  census --pid 1234 --until 'CLOSE_WAIT < 10'\n"
    "  census --host server=srv --until 'server:CLOSE_WAIT == 100' --hold 300ms\n";

static const struct command command = {
    .name = "census",
    .usage = "[OPTION]... [--until EXPR | --stream | --watch [SECONDS]]",
    .summary = "Counts TCP sockets, IPv4 and IPv6, by state and by owner.",
    .rows = rows,
    .details = details,
};

static int check(const struct census_options *options, struct error *error)
{
	if (!!options->until + options->stream + options->watch + !!options->repeat > 1)
		return error_set(error, EXIT_USAGE,
				 "use only one of --until, --stream, --watch and --repeat");
	if (options->openmetrics && (options->until || options->stream || options->watch ||
				     options->repeat || options->json))
		return error_set(error, EXIT_USAGE,
				 "--openmetrics prints one count in its own format: leave out the "
				 "other modes and --json");
	if (!options->until && (options->within >= 0 || options->hold >= 0))
		return error_set(error, EXIT_USAGE, "--within and --hold need --until");
	if (!options->stream && !options->watch && options->every >= 0)
		return error_set(error, EXIT_USAGE, "--every needs --stream or --watch");
	if (options->watch && options->json)
		return error_set(error, EXIT_USAGE,
				 "--watch prints for people: for JSON use --stream");
	if (options->every == 0)
		return error_set(error, EXIT_USAGE, "--every must be longer than 0");
	if (options->all && (options->host_count || options->pid_count))
		return error_set(error, EXIT_USAGE,
				 "--all covers every host and process: leave out --host and --pid");
	if (options->all && (options->until || options->stream))
		return error_set(error, EXIT_USAGE,
				 "waiting would keep every namespace of --all alive: name the ones "
				 "you mean with --host");
	if (options->no_owners && options->copy)
		return error_set(error, EXIT_USAGE,
				 "--copy needs the owners: leave out --no-owners");
	if (options->stream && options->copy)
		return error_set(error, EXIT_USAGE,
				 "--stream counts no descriptors: leave out --copy");
	if (options->copy && (options->remote_count || options->remote_port_count))
		return error_set(
		    error, EXIT_USAGE,
		    "a copy does not know its other end: leave out --copy or --remote");
	if (options->ask == CENSUS_ASK_KERNEL && (options->no_owners || options->pid_count))
		return error_set(
		    error, EXIT_USAGE,
		    "--owners bpf looks at all processes: leave out --pid and --no-owners");
	if (options->no_owners && options->pid_count)
		return error_set(error, EXIT_USAGE,
				 "--pid needs the owners: leave out --no-owners");
	return 0;
}

/* "--watch 5": the number follows the option, and others may follow it. */
static int take_seconds(struct census_options *options, int argc, char **argv, int at,
			struct error *error)
{
	char text[32];
	int more;

	snprintf(text, sizeof(text), "%.28ss", argv[at]);
	options->every = duration_read(text);
	if (options->every < 0)
		return error_set(error, EXIT_USAGE, "--watch %s: write a number of seconds",
				 argv[at]);
	more = command_parse(&command, argc - at, argv + at, options, error);
	return more > 0 ? at + more : more;
}

int census_options_parse(struct census_options *options, int argc, char **argv, struct error *error)
{
	int first;

	*options = (struct census_options){.every = -1, .within = -1, .hold = -1};
	first = command_parse(&command, argc, argv, options, error);
	if (first > 0 && first < argc && !strcmp(argv[first - 1], "--watch"))
		first = take_seconds(options, argc, argv, first, error);
	if (first <= 0)
		return first;
	if (first < argc)
		return error_set(error, EXIT_USAGE, "unexpected argument %s: see census --help",
				 argv[first]);
	if (check(options, error) < 0)
		return -1;
	if (!options->states)
		options->states = ALL_STATES;
	if (options->every < 0 && options->watch)
		options->every = 2000000000;
	options->within = options->within < 0 ? 2000000000 : options->within;
	options->hold = options->hold < 0 ? 0 : options->hold;
	return first;
}

struct census_needs census_options_needs(const struct census_options *options)
{
	return (struct census_needs){
	    .states = options->states,
	    .owners = !options->no_owners,
	    /* To find what is gone, the walk needs all states; so only when all are wanted. */
	    .descriptors = !options->no_owners && options->states == ALL_STATES,
	    .processes = !options->no_owners && options->states == ALL_STATES &&
			 (options->json || options->verbose),
	    .times = options->age,
	    .units = options->json || options->openmetrics ? SIZE_MAX : CENSUS_OWNER_LINES,
	    .counters = options->json,
	    .rows = true,
	    .remotes = options->json || options->openmetrics || options->watch,
	};
}
