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
#define LONGEST 3600	 /* s of one poll(2) */

int segment_capture_open(const struct segment_filter *filter)
{
	const int size = BUFFER;
	/* ETH_P_ALL: a narrower one misses what leaves. */
	const struct sockaddr_ll all = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	struct sock_filter program[SEGMENT_PREFILTER];
	const struct sock_fprog prefilter = {.len = segment_prefilter(filter, program),
					     .filter = program};
	/* SOCK_DGRAM: without the link header. Protocol 0: nothing before the filter is attached.
	 */
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		need_net_raw("socket AF_PACKET");
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)) < 0)
		err(1, "setsockopt SO_RCVBUF");
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prefilter, sizeof(prefilter)) < 0)
		err(1, "setsockopt SO_ATTACH_FILTER");
	if (bind(fd, (const struct sockaddr *)&all, sizeof(all)) < 0)
		err(1, "bind AF_PACKET");
	return fd;
}

/* Dropped for want of buffer: what is looked for may be gone, so there is no point in waiting. */
static void nothing_dropped(int fd)
{
	struct tpacket_stats seen;
	socklen_t length = sizeof(seen);

	if (getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &seen, &length) < 0)
		err(1, "getsockopt PACKET_STATISTICS");
	if (seen.tp_drops)
		errx(1, "too much traffic: %u packets dropped before they were looked at",
		     seen.tp_drops);
}

double segment_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

int segment_capture(int fd, const struct segment_filter *filter, double deadline,
		    uint8_t bytes[PACKET_MOST], struct packet *packet)
{
	struct pollfd readable = {.fd = fd, .events = POLLIN};

	for (;;) {
		double left = deadline ? deadline - segment_now() : LONGEST;
		ssize_t n = recv(fd, bytes, PACKET_MOST, MSG_TRUNC);

		if (n >= 0 && n <= PACKET_MOST && segment_parse(bytes, (size_t)n, packet) == 0 &&
		    segment_matches(bytes, packet, filter))
			return 0;
		if (n < 0 && errno != EAGAIN && errno != EINTR && errno != ENETDOWN)
			err(1, "recv from the wire");
		if (n >= 0 && left > 0)
			continue;
		nothing_dropped(fd);
		if (left <= 0) /* whatever still comes: others' traffic need not end */
			return -1;
		left = left < LONGEST ? left : LONGEST;
		if (poll(&readable, 1, (int)(left * 1000) + 1) < 0 && errno != EINTR)
			err(1, "poll");
	}
}
