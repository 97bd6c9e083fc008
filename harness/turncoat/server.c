/* SPDX-License-Identifier: MIT */
/* The ports of turncoat. */
#include "turncoat/relay.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <event2/event.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/endpoint.h"

static const char other[] = "Nobody asked for this.\n";

int server_open(struct server *server, size_t body, struct error *error)
{
	const struct options where = {.address = server->address};
	struct sockaddr_storage address;

	endpoint_address(&where, &address); /* a wrong one ends us before any event */
	if (body_make(&server->good, body) < 0 || body_pack(&server->packed, &server->good) < 0)
		return error_no_memory(error);
	server->other = (struct body){(const uint8_t *)other, sizeof(other) - 1};
	return 0;
}

/* Accept all pending connections. */
static void arrival_cb(evutil_socket_t listener, short what, void *argument)
{
	struct port *port = argument;
	struct sockaddr_storage from;
	char peer[INET6_ADDRSTRLEN];

	(void)what;
	for (;;) {
		const struct sockaddr_in *v4 = (struct sockaddr_in *)&from;
		const struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&from;
		socklen_t length = sizeof(from);
		int fd = accept4(listener, (struct sockaddr *)&from, &length,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0 && errno == ECONNABORTED) /* it was reset while it waited */
			continue;
		if (fd < 0 && errno != EAGAIN)
			err(EXIT_BROKEN, "accept");
		if (fd < 0)
			return;
		if (from.ss_family == AF_INET)
			inet_ntop(AF_INET, &v4->sin_addr, peer, sizeof(peer));
		else
			inet_ntop(AF_INET6, &v6->sin6_addr, peer, sizeof(peer));
		(port->relaying ? relay_begin : connection_begin)(
		    port, fd, peer,
		    ntohs(from.ss_family == AF_INET ? v4->sin_port : v6->sin6_port));
	}
}

static void stop_listening(struct port *port)
{
	if (port->arrival)
		event_free(port->arrival);
	port->arrival = NULL;
	if (port->fd >= 0)
		close(port->fd);
	port->fd = -1;
}

/* Close the connections of a port, like a program that exits. */
static void end_all(struct port *port)
{
	if (port->relaying)
		relay_end_all(port);
	for (struct connection *c = LIST_FIRST(&port->connections), *next; c; c = next) {
		next = connection_next(c);
		connection_end(c);
	}
}

int server_listen(struct server *server, struct port *port, uint16_t number, struct error *error)
{
	const struct options where = {.address = server->address, .port = number};
	struct sockaddr_storage address;
	socklen_t length = endpoint_address(&where, &address);
	const int yes = 1;

	stop_listening(port);
	port->server = server;
	port->fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (port->fd < 0 || setsockopt(port->fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0 ||
	    bind(port->fd, (struct sockaddr *)&address, length) < 0 ||
	    (!port->behaviour.refuses && listen(port->fd, INT_MAX) < 0))
		return error_set(error, EXIT_CANNOT, "%s port %u: %s", server->address, number,
				 strerror(errno));
	port->number = endpoint_port(port->fd);
	if (port->behaviour.refuses)
		return 0;
	port->arrival = event_new(server->base, port->fd, EV_READ | EV_PERSIST, arrival_cb, port);
	return port->arrival && !event_add(port->arrival, NULL) ? 0 : error_no_memory(error);
}

int server_become(struct port *port, const struct behaviour *behaviour, struct error *error)
{
	bool turns = behaviour->refuses != (port->arrival == NULL);

	port->behaviour = *behaviour;
	if (behaviour->refuses)
		end_all(port);
	else
		for (struct connection *c = LIST_FIRST(&port->connections); c;
		     c = connection_next(c))
			connection_turn(c);
	return turns ? server_listen(port->server, port, port->number, error) : 0;
}

void server_close(struct server *server)
{
	for (size_t i = 0; i < server->count; i++) {
		end_all(&server->ports[i]);
		stop_listening(&server->ports[i]);
		free(server->ports[i].relaying);
	}
	body_free(&server->good);
	body_free(&server->packed);
}
