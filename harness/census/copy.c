/* SPDX-License-Identifier: MIT */
/*
 * --copy: asks a socket that is in no table what it was, through a copy of its descriptor.
 *
 * Only the socket itself knows whether it ever had a connection. pidfd_getfd(2) duplicates its
 * descriptor, and TCP_INFO answers. While the copy exists, close() in the program does not take the
 * socket out of its epoll sets. So this is only for our own programs (census_allow_copies()).
 */
#include "census/internal.h"

#include <arpa/inet.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * The kernel sizes the receive buffer when the handshake is complete (tcp_init_transfer()). Nothing
 * undoes that: not a reset, not connect(AF_UNSPEC). After a refused or timed-out connect() it is 0,
 * as on a fresh socket, although segments and the MSS were counted.
 */
bool copy_was_connected(uint32_t receive_space)
{
	return receive_space;
}

static enum census_gone ask(int socket, uint8_t *state, uint16_t *port)
{
	struct tcp_info info = {0};
	socklen_t length = sizeof(info);
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} address = {0};
	socklen_t address_length = sizeof(address);

	if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &length) < 0)
		return CENSUS_GONE; /* an MPTCP socket */
	/* The local port outlives the connection. Both families keep it at the same offset. */
	if (getsockname(socket, &address.any, &address_length) == 0)
		*port = ntohs(address.in.sin_port);
	*state = info.tcpi_state;
	if (info.tcpi_state != STATE_CLOSED)
		return CENSUS_LISTED;
	return copy_was_connected(info.tcpi_rcv_space) ? CENSUS_GHOST : CENSUS_UNCONNECTED;
}

enum census_gone copy_examine(const struct candidate *candidate, uint8_t *state, uint16_t *port)
{
	enum census_gone gone = CENSUS_GONE;
	int pidfd, copy = -1;
	struct stat st;

	/* The descriptors of a ring, of a mapping and of a thread's own table have other numbers.
	 */
	if (candidate->hold != CENSUS_BY_DESCRIPTOR || candidate->task != candidate->pid)
		return gone;
	pidfd = (int)syscall(SYS_pidfd_open, candidate->pid, 0);
	if (pidfd >= 0)
		copy = (int)syscall(SYS_pidfd_getfd, pidfd, candidate->fd, 0);
	/* The number may lead to another file by now. */
	if (copy >= 0 && fstat(copy, &st) == 0 && (uint32_t)st.st_ino == candidate->inode)
		gone = ask(copy, state, port);
	if (copy >= 0)
		close(copy);
	if (pidfd >= 0)
		close(pidfd);
	return gone;
}
