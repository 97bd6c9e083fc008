/* SPDX-License-Identifier: MIT */
/*
 * A line of /proc/net/tcp or tcp6: the fallback where sock_diag is missing (gVisor, some
 * sandboxes).
 *
 *	  0: 0100007F:2328 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0 0 8445729 ...
 *	     local         remote        st tx       rx       timer       retransmits uid   inode
 *
 * Addresses are words in the byte order of the machine, ports are numbers. Such a file
 * does not show a listener's backlog. Pure.
 */
#include "census/census.h"

#include <arpa/inet.h>
#include <string.h>

#define USER_HZ 100 /* the unit of times in /proc, on every machine */

/* "0100007F:2328", or four times as long. Returns the family, 0 when it is none. */
static uint8_t address_from(const char *text, uint32_t words[4], uint16_t *port)
{
	const char *colon = strchr(text, ':');
	size_t digits = colon ? (size_t)(colon - text) : 0;
	unsigned int number;

	if (digits != 8 && digits != 32)
		return 0;
	for (size_t i = 0; i < digits / 8; i++)
		if (sscanf(text + 8 * i, "%8x", &words[i]) != 1)
			return 0;
	if (sscanf(colon + 1, "%4x", &number) != 1)
		return 0;
	*port = (uint16_t)number;
	return digits == 8 ? AF_INET : AF_INET6;
}

bool census_procfs_parse(const char *line, struct census_socket *socket)
{
	char local[48], remote[48];
	unsigned int state, send, receive, timer, ticks, inode;

	*socket = (struct census_socket){0};
	if (sscanf(line, " %*u: %47s %47s %2x %8x:%8x %2x:%8x %*x %*u %*u %u", local, remote,
		   &state, &send, &receive, &timer, &ticks, &inode) != 8)
		return false;
	socket->family = address_from(local, socket->address, &socket->port);
	if (!socket->family ||
	    address_from(remote, socket->peer, &socket->peer_port) != socket->family)
		return false;
	if (state == TCP_NEW_SYN_RECV)
		state = STATE_SYN_RECEIVED;
	if (state < 1 || state >= STATES || state == STATE_CLOSED) /* it has just ended */
		return false;
	socket->state = (uint8_t)state;
	socket->send_queue = send;
	socket->recv_queue = receive;
	socket->inode = inode;
	socket->keepalive = timer == 2 && (state == STATE_ESTABLISHED || state == STATE_CLOSE_WAIT)
				? (int64_t)ticks * 1000 / USER_HZ
				: -1;
	socket->cookie = inode;
	socket->silent = socket->idle = -1;
	return true;
}
