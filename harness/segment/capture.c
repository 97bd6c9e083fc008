/* SPDX-License-Identifier: MIT */
/* From the wire: packet(7), which sees both what arrives and what leaves. */
#include "segment/segment.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

#include "segment/privilege.h"

#define BUFFER (4 << 20) /* bytes; the kernel grants net.core.rmem_max at most */

int segment_capture_open(void)
{
	const int size = BUFFER;
	/* SOCK_DGRAM: without the link header. ETH_P_ALL: a narrower one misses what leaves. */
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL));

	if (fd < 0)
		need_net_raw("socket AF_PACKET");
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)) < 0)
		err(1, "setsockopt SO_RCVBUF");
	return fd;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

int segment_capture(int fd, const struct segment_filter *filter, double seconds,
		    uint8_t packet[SEGMENT_MOST], struct segment *segment)
{
	struct pollfd readable = {.fd = fd, .events = POLLIN};
	const double deadline = now() + seconds;

	for (;;) {
		double left = deadline - now();
		ssize_t n = recv(fd, packet, SEGMENT_MOST, MSG_TRUNC);

		if (n >= 0) {
			if (n <= SEGMENT_MOST && segment_parse(packet, (size_t)n, segment) == 0 &&
			    segment_matches(packet, segment, filter))
				return 0;
			continue;
		}
		if (errno != EAGAIN && errno != EINTR && errno != ENETDOWN)
			err(1, "recv from the wire");
		if (seconds && left <= 0)
			return -1;
		if (poll(&readable, 1, seconds ? (int)(left * 1000) + 1 : -1) < 0 && errno != EINTR)
			err(1, "poll");
	}
}
