/* SPDX-License-Identifier: MIT */
/* Commands for the ports, from standard input. */
#include "turncoat/relay.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct port *port_called(struct server *server, const char *word)
{
	for (size_t i = 0; i < server->count; i++) {
		char number[8];

		snprintf(number, sizeof(number), "%u", server->ports[i].number);
		if (!strcmp(number, word))
			return &server->ports[i];
	}
	return NULL;
}

/* Change the blow of a port. Returns 0, or -1 with @error. */
static int strike(struct port *port, const char *what, struct error *error)
{
	struct blow blow;

	if (blow_read(what, &blow, error) < 0)
		return -1;
	relay_become(port, &blow);
	return 0;
}

/* Returns 0, or -1 with @error. */
static int obey(struct server *server, const char *verb, const char *where, const char *what,
		struct error *error)
{
	struct port *port = port_called(server, where);
	const bool refuses = !strcmp(verb, "refuse"), becomes = !strcmp(verb, "become");
	const bool syncs = !strcmp(verb, "sync"); /* its answer comes after all earlier events */
	struct behaviour behaviour;

	if (!refuses && !becomes && !syncs && strcmp(verb, "listen"))
		return error_set(error, EXIT_USAGE,
				 "become, refuse, listen, sync or quit, not '%s'", verb);
	if (!port)
		return error_set(error, EXIT_USAGE, "no port '%s'", where);
	if (syncs)
		return 0;
	if (becomes && port->relaying)
		return strike(port, what, error);
	behaviour = port->behaviour;
	behaviour.refuses = refuses; /* otherwise it stays as it is, for `listen` */
	if (becomes && behaviour_read(what, &behaviour, error) < 0)
		return -1;
	if (behaviour.tls && !server->context)
		return error_set(error, EXIT_USAGE, "%s needs --tls", behaviour.name);
	return server_become(port, &behaviour, error);
}

/* Do what a line says. Returns false for `quit`. */
static bool take_line(struct server *server, const char *line)
{
	char verb[16] = "", where[16] = "", what[64] = "", more;
	int words = sscanf(line, "%15s %15s %63s %c", verb, where, what, &more);
	struct error error;

	if (words == 1 && !strcmp(verb, "quit"))
		return false;
	if (words != (strcmp(verb, "become") ? 2 : 3))
		tell("wrong", "why=become PORT WHAT, refuse PORT, listen PORT, sync PORT or quit");
	else if (obey(server, verb, where, what, &error) < 0)
		tell("wrong", "why=%s", error.text);
	else
		tell("done", "command=%s port=%s", verb, where);
	return true;
}

static void input_cb(evutil_socket_t fd, short what, void *argument)
{
	struct server *server = argument;
	bool more = evbuffer_read(server->input, fd, -1) > 0;
	char *line;

	(void)what;
	while ((line = evbuffer_readln(server->input, NULL, EVBUFFER_EOL_LF))) {
		if (!take_line(server, line))
			event_base_loopbreak(server->base);
		free(line);
	}
	if (!more)
		event_del(server->commands);
}

int commands_await(struct server *server, struct error *error)
{
	struct stat input;

	/* epoll(7) cannot wait for a file or /dev/null. */
	if (fstat(STDIN_FILENO, &input) < 0 ||
	    (!S_ISFIFO(input.st_mode) && !S_ISSOCK(input.st_mode) && !isatty(STDIN_FILENO)))
		return 0;
	server->input = evbuffer_new();
	server->commands =
	    event_new(server->base, STDIN_FILENO, EV_READ | EV_PERSIST, input_cb, server);
	if (!server->input || !server->commands || event_add(server->commands, NULL) < 0)
		return error_no_memory(error);
	return 0;
}

void commands_end(struct server *server)
{
	if (server->commands)
		event_free(server->commands);
	if (server->input)
		evbuffer_free(server->input);
}
