/* SPDX-License-Identifier: MIT */
/* Which sockets to count: by state, by local port and by other end. */
#include "census/internal.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

static int add_port(uint8_t *ports, unsigned int port, struct error *error)
{
	if (port < 1 || port > 65535)
		return error_set(error, EXIT_USAGE, "port %u does not exist: write 1 to 65535",
				 port);
	bit_set(ports, port);
	return 0;
}

int census_add_port(struct census *census, unsigned int port, struct error *error)
{
	census->scope.by_port = true;
	return add_port(census->scope.ports, port, error);
}

void census_only_states(struct census *census, uint32_t states)
{
	census->scope.states = states;
}

int census_add_remote_port(struct census *census, unsigned int port, struct error *error)
{
	census->scope.by_remote_port = true;
	return add_port(census->scope.remote_ports, port, error);
}

/* "10.0.0.0/8", "fd00::1". Returns false for anything else. */
static bool prefix_from(const char *text, struct prefix *prefix)
{
	char address[INET6_ADDRSTRLEN], end;
	size_t length = strcspn(text, "/");
	unsigned int bits;

	if (length >= sizeof(address))
		return false;
	memcpy(address, text, length);
	address[length] = '\0';
	*prefix = (struct prefix){.family = strchr(address, ':') ? AF_INET6 : AF_INET};
	bits = prefix->family == AF_INET ? 32 : 128;
	if (inet_pton(prefix->family, address, prefix->address) != 1)
		return false;
	prefix->bits = (uint8_t)bits;
	if (!text[length])
		return true;
	if (sscanf(text + length, "/%3u%c", &bits, &end) != 1 || bits > prefix->bits)
		return false;
	prefix->bits = (uint8_t)bits;
	return true;
}

int census_add_remote(struct census *census, const char *text, struct error *error)
{
	struct scope *scope = &census->scope;
	struct prefix *prefixes =
	    reallocarray(scope->prefixes, scope->prefix_count + 1, sizeof(*prefixes));

	if (!prefixes)
		return error_no_memory(error);
	scope->prefixes = prefixes;
	if (!prefix_from(text, &prefixes[scope->prefix_count]))
		return error_set(
		    error, EXIT_USAGE,
		    "%s is not an address: write one like 10.0.0.9, 10.0.0.0/8 or fd00::/64", text);
	scope->prefix_count++;
	return 0;
}

static bool matches(const struct prefix *prefix, const struct census_socket *socket)
{
	uint32_t address[4];
	unsigned int bits = prefix->bits;

	if (prefix->family != socket_peer(socket, address))
		return false;
	for (int i = 0; bits; i++) {
		unsigned int here = bits < 32 ? bits : 32;
		uint32_t mask = htonl(UINT32_MAX << (32 - here));

		if ((address[i] ^ prefix->address[i]) & mask)
			return false;
		bits -= here;
	}
	return true;
}

bool scope_has_port(const struct scope *scope, uint16_t port)
{
	return !scope->by_port || bit_is_set(scope->ports, port);
}

bool scope_has(const struct scope *scope, const struct census_socket *socket)
{
	if (!scope_has_port(scope, socket->port) ||
	    (scope->states && !(scope->states & STATE_BIT(socket->state))))
		return false;
	if (!scope->by_remote_port && !scope->prefix_count)
		return true;
	/* A listener has no other end. */
	if (socket->state == STATE_LISTEN ||
	    (scope->by_remote_port && !bit_is_set(scope->remote_ports, socket->peer_port)))
		return false;
	for (size_t i = 0; i < scope->prefix_count; i++)
		if (matches(&scope->prefixes[i], socket))
			return true;
	return !scope->prefix_count;
}
