/* SPDX-License-Identifier: MIT */
/* Sends packets: raw(7), headers included. */
#include "segment/segment.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int failed(const char *call, struct error *error)
{
	if (errno == EPERM || errno == EACCES)
		return error_set(error, EXIT_CANNOT,
				 "sending packets needs CAP_NET_RAW: run %s inside the sandbox, or "
				 "as root",
				 program_invocation_short_name);
	return error_set(error, EXIT_BROKEN, "%s: %s", call, strerror(errno));
}

int segment_replay(const uint8_t *bytes, const struct packet *packet, struct error *error)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	bool six = packet->family == AF_INET6;
	const struct sockaddr *to = six ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4;
	socklen_t length = six ? sizeof(v6) : sizeof(v4);
	int result = 0;
	int fd;

	memcpy(&v4.sin_addr, packet->to.address, sizeof(v4.sin_addr));
	memcpy(&v6.sin6_addr, packet->to.address, sizeof(v6.sin6_addr));
	/* IPPROTO_RAW implies that we supply the header (IP_HDRINCL). */
	fd = socket(packet->family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	if (fd < 0)
		return failed("socket SOCK_RAW", error);
	if (sendto(fd, bytes, packet->end, 0, to, length) < 0)
		result = failed("sendto", error);
	close(fd);
	return result;
}
