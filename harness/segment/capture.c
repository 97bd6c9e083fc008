/* SPDX-License-Identifier: MIT */
/* Captures what enters and leaves this network namespace. */
#include "segment/segment.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "common/capture.h"

#define BUFFER (16 << 20) /* bytes: enough for a burst of 3000 small ones on lo */
#define GATHER 1	  /* ms: then the buffer holds packets by their length */
#define LONGEST 3600	  /* s of one poll(2) */

pcap_t *segment_listen(const struct segment_filter *filter, struct error *error)
{
	char expression[SEGMENT_EXPRESSION];

	return capture_open(segment_filter_expression(filter, expression), PACKET_MOST, BUFFER,
			    GATHER, error);
}

/* The buffer was full: the wanted segment may be gone, so waiting is pointless. */
static int nothing_dropped(pcap_t *pcap, struct error *error)
{
	struct pcap_stat seen;

	if (pcap_stats(pcap, &seen) < 0)
		return error_set(error, EXIT_BROKEN, "cannot count what was dropped: %s",
				 pcap_geterr(pcap));
	if (seen.ps_drop)
		return error_set(error, EXIT_NOT_HELD,
				 "too much traffic: the kernel dropped %u packets unseen; capture "
				 "on a quieter network",
				 seen.ps_drop);
	return 0;
}

double segment_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

int segment_capture(pcap_t *pcap, const struct segment_filter *filter, double deadline,
		    uint8_t bytes[PACKET_MOST], struct packet *packet, struct error *error)
{
	struct pollfd readable = {.fd = pcap_get_selectable_fd(pcap), .events = POLLIN};
	struct pcap_pkthdr *head;
	const u_char *frame;

	for (;;) {
		int n = pcap_next_ex(pcap, &head, &frame);
		double left = deadline ? deadline - segment_now() : LONGEST;

		if (n < 0)
			return error_set(error, EXIT_BROKEN, "cannot capture packets: %s",
					 pcap_geterr(pcap));
		if (n > 0 && segment_take(pcap, head, frame, bytes, packet) == 0 &&
		    segment_matches(bytes, packet, filter))
			return 1;
		if (n > 0 && left > 0)
			continue;
		if (nothing_dropped(pcap, error) < 0)
			return -1;
		if (left <= 0) /* ignore what still comes: other traffic may never end */
			return 0;
		left = left < LONGEST ? left : LONGEST;
		if (poll(&readable, 1, (int)(left * 1000) + 1) < 0 && errno != EINTR)
			return error_set(error, EXIT_BROKEN, "poll: %s", strerror(errno));
	}
}
