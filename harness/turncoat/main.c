/* SPDX-License-Identifier: MIT */
/* turncoat: a server that turns against its clients. See --help, README.md and turncoat.h. */
#include <event2/event.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/command.h"
#include "common/descriptors.h"
#include "common/duration.h"
#include "turncoat/relay.h"

#define PORTS 128

struct options {
	const char *address, *cert, *key, *to;
	uint16_t port, to_port;
	int64_t pause;
	struct port ports[PORTS];
	size_t count, body;
	bool all, tls, list;
};

static int take_behaviour(void *argument, char *value, struct error *error)
{
	struct options *options = argument;

	if (options->count == PORTS)
		return error_set(error, EXIT_USAGE, "--behaviour was given more than %d times",
				 PORTS);
	return behaviour_read(value, &options->ports[options->count++].behaviour, error);
}

static int take_strike(void *argument, char *value, struct error *error)
{
	struct options *options = argument;
	struct blow blow;

	if (options->count == PORTS)
		return error_set(error, EXIT_USAGE, "--strike was given more than %d times", PORTS);
	if (blow_read(value, &blow, error) < 0)
		return -1;
	options->ports[options->count].behaviour.name = value;
	options->ports[options->count].relaying = relaying_new(&blow);
	return options->ports[options->count++].relaying ? 0 : error_no_memory(error);
}

static const struct option_row rows[] = {
    {"listen", 'l', OPTION_TEXT, OPTION_AT(struct options, address), .shown = true,
     .value = "ADDRESS", .help = "listen on this numeric IPv4 or IPv6 address"},
    {"port", 'p', OPTION_NUMBER, OPTION_AT(struct options, port), .most = UINT16_MAX, .shown = true,
     .value = "PORT",
     .help = "port of the first behaviour; each further one takes the next port; 0: the kernel "
	     "chooses each"},
    {"behaviour", 'b', OPTION_OTHER, .value = "NAME[=TIME]", .take = take_behaviour,
     .help = "one more behaviour, on its own port"},
    {"all", 'a', OPTION_FLAG, OPTION_AT(struct options, all),
     .help = "every behaviour of --list, each on its own port"},
    {"to", 0, OPTION_NUMBER, OPTION_AT(struct options, to_port), .least = 1, .most = UINT16_MAX,
     .value = "PORT", .help = "be a relay: pass everything on to a server on this port"},
    {"to-address", 0, OPTION_TEXT, OPTION_AT(struct options, to), .shown = true, .value = "ADDRESS",
     .help = "address of that server"},
    {"strike", 's', OPTION_OTHER, .value = "HOW[@PLACE]", .take = take_strike,
     .help = "one more port of the relay, and what it does to its clients"},
    {"pause", 0, OPTION_DURATION, OPTION_AT(struct options, pause), .value = "TIME",
     .help = "a silence this long ends a message (500ms)"},
    {"tls", 0, OPTION_FLAG, OPTION_AT(struct options, tls), .help = "speak TLS on all ports"},
    {"cert", 0, OPTION_TEXT, OPTION_AT(struct options, cert), .value = "FILE",
     .help = "certificate and its chain to the CA, in PEM"},
    {"key", 0, OPTION_TEXT, OPTION_AT(struct options, key), .value = "FILE",
     .help = "its key, in PEM"},
    {"body", 0, OPTION_NUMBER, OPTION_AT(struct options, body), .least = 16, .most = 100000000,
     .shown = true, .value = "BYTES", .help = "size of the good body"},
    {"list", 0, OPTION_FLAG, OPTION_AT(struct options, list),
     .help = "print the behaviours: name, default time or -, what it does"},
    {0},
};

static const char details[] =
    "Events appear on standard output, one per line: ev=NAME t=SECONDS key=value ...\n"
    "\n"
    "Commands are read from standard input, unless that is a file:\n"
    "\n"
    "  become PORT NAME[=TIME]  requests from now on meet this behaviour\n"
    "  become PORT HOW[@PLACE]  strike the connections to come; without a place, open ones too\n"
    "  refuse PORT              end its connections, and refuse further ones\n"
    "  listen PORT              listen again\n"
    "  sync PORT                do nothing; all earlier events have been printed by then\n"
    "  quit\n"
    "\n"
    "A relay strikes with fin, rst, half, stall, trickle or gone, or not at all: pass.\n"
    "Without a place it strikes each connection at once. A place is\n"
    "[CONNECTION.]MESSAGE[+BYTES]: fin@3 strikes when message 3 of the server begins,\n"
    "rst@2.1+40 when 40 bytes of message 1 of the second connection have passed.\n"
    "\n"
    "Exit status:\n"
    "  0   ended by quit, SIGTERM or SIGINT\n"
    "  2   wrong usage\n"
    "  70  turncoat itself failed\n"
    "  77  a port is not available\n"
    "\n"
    "Examples:\n"
    "  turncoat --behaviour short-length-fin-keep --behaviour idle-close=300ms\n"
    "  turncoat --to 6379 --strike pass --strike fin@2+10\n"
    "  turncoat --tls --cert CERT.pem --key KEY.pem --all\n";

static const struct command command = {
    .name = "turncoat",
    .usage = "[OPTION]... --all\n[OPTION]... --behaviour NAME[=TIME]...\n[OPTION]... --to PORT "
	     "--strike HOW[@PLACE]...\n--list",
    .summary = "An HTTP server that turns against its clients: one port for each way to misbehave.",
    .rows = rows,
    .details = details,
};

static int list(void)
{
	char time[DURATION_TEXT];

	for (const struct behaviour *b = behaviour_all(); b->name; b++)
		printf("%-24s %-6s %s\n", b->name, b->time ? duration_text(b->time, time) : "-",
		       b->help);
	return output_is_whole() ? EXIT_OK : EXIT_BROKEN;
}

/* Check that the options make sense together. Returns 0, or -1 with @error. */
static int check(struct options *options, struct error *error)
{
	if (options->all)
		for (const struct behaviour *b = behaviour_all(); b->name; b++)
			if (options->count < PORTS && (options->tls || !b->tls))
				options->ports[options->count++].behaviour = *b;
	if (options->to_port && (options->all || options->tls))
		return error_set(error, EXIT_USAGE, "--to needs --strike");
	for (size_t i = 0; i < options->count; i++)
		if (!options->ports[i].relaying != !options->to_port)
			return error_set(error, EXIT_USAGE,
					 "--to and --strike belong together, without --behaviour");
	if (!options->count)
		return error_set(error, EXIT_USAGE, "nothing to do: see turncoat --help");
	if (options->tls != (options->cert && options->key) || !options->cert != !options->key)
		return error_set(error, EXIT_USAGE, "--tls, --cert and --key belong together");
	for (size_t i = 0; i < options->count; i++)
		if (options->ports[i].behaviour.tls && !options->tls)
			return error_set(error, EXIT_USAGE, "%s needs --tls",
					 options->ports[i].behaviour.name);
	if (options->port && options->port + options->count - 1 > UINT16_MAX)
		return error_set(error, EXIT_USAGE, "there are not %zu ports from %u on",
				 options->count, options->port);
	return 0;
}

static void tell_body(const char *what, const struct body *body)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	char hex[2 * EVP_MAX_MD_SIZE + 1] = "";
	unsigned int length = 0;

	EVP_Digest(body->bytes, body->length, digest, &length, EVP_sha256(), NULL);
	for (unsigned int i = 0; i < length; i++)
		sprintf(hex + 2 * i, "%02x", digest[i]);
	tell("body", "what=%s bytes=%zu sha256=%s", what, body->length, hex);
}

/* Listen on all ports. Returns 0, or -1 with @error. */
static int begin(struct server *server, const struct options *options, struct error *error)
{
	if (!options->to_port) {
		tell_body("good", &server->good);
		tell_body("unsolicited", &server->other);
	}
	for (size_t i = 0; i < server->count; i++) {
		struct port *port = &server->ports[i];

		if (server_listen(server, port, options->port ? options->port + i : 0, error) < 0)
			return -1;
		tell("ready", "behaviour=%s port=%u pid=%d tls=%d", port->behaviour.name,
		     port->number, getpid(), options->tls);
	}
	return 0;
}

static void signal_cb(evutil_socket_t number, short what, void *base)
{
	(void)number, (void)what;
	event_base_loopbreak(base);
}

/* Allow as many descriptors as possible: a client may open many connections. */
static void raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int run(struct options *options, struct error *error)
{
	struct server server = {
	    .address = options->address,
	    .ports = options->ports,
	    .count = options->count,
	    .to = options->to,
	    .to_port = options->to_port,
	    .pause = options->pause,
	};
	struct event *ends[2] = {NULL, NULL};
	int result = -1;

	for (size_t i = 0; i < server.count; i++)
		server.ports[i].fd = -1;
	if (options->tls && !(server.context = stream_context(options->cert, options->key, error)))
		return -1;
	server.base = event_base_new();
	if (!server.base)
		return error_no_memory(error);
	for (size_t i = 0; i < 2; i++) {
		ends[i] = evsignal_new(server.base, i ? SIGINT : SIGTERM, signal_cb, server.base);
		if (!ends[i] || event_add(ends[i], NULL) < 0)
			return error_no_memory(error);
	}
	if (server_open(&server, options->body, error) == 0 &&
	    commands_await(&server, error) == 0 && begin(&server, options, error) == 0)
		result = event_base_dispatch(server.base) < 0 ? error_no_memory(error) : 0;
	server_close(&server);
	commands_end(&server);
	event_free(ends[0]);
	event_free(ends[1]);
	event_base_free(server.base);
	SSL_CTX_free(server.context);
	return result;
}

int main(int argc, char **argv)
{
	static struct options options = {
	    .address = "127.0.0.1", .to = "127.0.0.1", .body = 100000, .pause = 500000000};
	struct error error;
	int first;

	open_standard_descriptors();
	signal(SIGPIPE, SIG_IGN);
	raise_limit();
	first = command_parse(&command, argc, argv, &options, &error);
	if (first <= 0)
		return command_ended(first, &error);
	if (options.list)
		return list();
	if (first < argc)
		error_set(&error, EXIT_USAGE, "unexpected argument '%s': see turncoat --help",
			  argv[first]);
	else if (check(&options, &error) == 0 && run(&options, &error) == 0)
		return EXIT_OK;
	return error_report(&error);
}
