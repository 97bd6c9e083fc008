/* SPDX-License-Identifier: MIT */
/* Back to the wire: raw(7), headers included. */
#include "segment/segment.h"

#include <err.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "segment/privilege.h"

void segment_replay(const uint8_t *packet, const struct segment *segment)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	bool six = segment->family == AF_INET6;
	const struct sockaddr *to = six ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4;
	socklen_t length = six ? sizeof(v6) : sizeof(v4);
	int fd;

	memcpy(&v4.sin_addr, segment->to.address, sizeof(v4.sin_addr));
	memcpy(&v6.sin6_addr, segment->to.address, sizeof(v6.sin6_addr));
	/* IPPROTO_RAW says that the header is there (IP_HDRINCL). */
	fd = socket(segment->family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	if (fd < 0)
		need_net_raw("socket SOCK_RAW");
	if (sendto(fd, packet, segment->length, 0, to, length) < 0)
		err(1, "sendto");
	close(fd);
}
