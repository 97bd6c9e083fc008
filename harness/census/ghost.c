/* SPDX-License-Identifier: MIT */
/*
 * Ghosts: descriptors whose connection is gone.
 *
 * A socket in CLOSED is in none of the kernel's tables, so neither sock_diag nor /proc/net/tcp nor
 * ss(8) shows it, yet its descriptor stays used until somebody closes it. A leak of such
 * descriptors ends in EMFILE with no socket to be seen. Only the socket itself can tell: it is
 * duplicated with pidfd_getfd(2) and asked for its TCP_INFO.
 */
#include "census/internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

/*
 * A fresh socket has neither sent nor received a segment; a connection has. The exception: when a
 * blocking connect() is refused or times out, tcp_disconnect() clears both counters, but not the
 * MSS that was advertised in the SYN, which on a fresh socket, a bound one and a listener is 0.
 */
bool ghost_from(uint32_t segments_in, uint32_t segments_out, uint32_t advertised_mss)
{
	return segments_in || segments_out || advertised_mss;
}

/*
 * The protocol of a socket behind a descriptor is written in an extended attribute of sockfs, which
 * needs no more permission than listing the descriptors. Without it every UNIX socket of the
 * machine would have to be duplicated.
 */
static enum descriptor_kind protocol(pid_t pid, int fd)
{
	char path[64], name[32];
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
	length = getxattr(path, "system.sockprotoname", name, sizeof(name) - 1);
	if (length < 0)
		return errno == EACCES || errno == EPERM ? DESCRIPTOR_REFUSED : DESCRIPTOR_OTHER;
	name[length] = '\0';
	return !strcmp(name, "TCP") || !strcmp(name, "TCPv6") ? DESCRIPTOR_CONNECTED
							      : DESCRIPTOR_OTHER;
}

static enum descriptor_kind ask(int socket, uint8_t *state, uint16_t *port)
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
		return DESCRIPTOR_OTHER;
	/* The local port outlives the connection. Both families keep it at the same offset. */
	if (getsockname(socket, &address.any, &address_length) == 0)
		*port = ntohs(address.in.sin_port);
	*state = info.tcpi_state;
	if (info.tcpi_state == STATE_LISTEN)
		return DESCRIPTOR_LISTENER;
	if (info.tcpi_state != STATE_CLOSED)
		return DESCRIPTOR_CONNECTED;
	return ghost_from(info.tcpi_segs_in, info.tcpi_segs_out, info.tcpi_advmss)
		   ? DESCRIPTOR_GHOST
		   : DESCRIPTOR_UNCONNECTED;
}

enum descriptor_kind ghost_examine(pid_t pid, int fd, uint32_t inode, int *pidfd, uint8_t *state,
				   uint16_t *port)
{
	enum descriptor_kind kind = protocol(pid, fd);
	struct stat st;
	int copy;

	if (kind != DESCRIPTOR_CONNECTED)
		return kind;
	if (*pidfd < 0)
		*pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	/* While we hold the copy the socket cannot close; it is CLOSED already, or soon let go. */
	copy = *pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, *pidfd, fd, 0);
	if (copy < 0)
		return errno == ESRCH || errno == EBADF ? DESCRIPTOR_OTHER : DESCRIPTOR_REFUSED;
	/* The number may lead to another file by now. */
	if (fstat(copy, &st) < 0 || (uint32_t)st.st_ino != inode)
		kind = DESCRIPTOR_OTHER;
	else
		kind = ask(copy, state, port);
	close(copy);
	return kind;
}
