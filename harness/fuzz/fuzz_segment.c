/* SPDX-License-Identifier: MIT */
/*
 * Captured segments: an input is a line with the words of a filter, a line with those of an edit,
 * and a pcap file. Whatever is read as a segment can be completed, is read back as it was altered,
 * and is refused by the kernel's prefilter only if the filter does not want it either.
 */
#include <sys/socket.h>

#include "fuzz/fuzz.h"
#include "segment/segment.h"

/* The kernel itself says whether @program lets a packet pass: any datagram socket takes one. */
static bool passes(const struct segment_filter *filter, const uint8_t *packet, size_t length)
{
	static int pair[2] = {-1, -1};
	static uint8_t arrived[PACKET_MOST];
	struct sock_filter program[SEGMENT_PREFILTER];
	struct sock_fprog attached = {.len = segment_prefilter(filter, program), .filter = program};

	MUST(attached.len <= SEGMENT_PREFILTER);
	if (pair[0] < 0)
		MUST(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair) == 0);
	MUST(setsockopt(pair[0], SOL_SOCKET, SO_ATTACH_FILTER, &attached, sizeof(attached)) == 0);
	send(pair[1], packet, length, 0);
	return recv(pair[0], arrived, sizeof(arrived), 0) == (ssize_t)length;
}

static bool same(const struct packet *one, const struct packet *other)
{
	return segment_same_way(one, other) && one->seq == other->seq && one->ack == other->ack &&
	       one->flags == other->flags && one->tcp == other->tcp &&
	       one->payload == other->payload && one->end == other->end;
}

/* RFC 1071 by the letter: the sum of 16-bit words, with those of the pseudo header, is all ones. */
static bool sums_up(const uint8_t *packet, const struct packet *segment)
{
	size_t address = segment->family == AF_INET ? 4 : 16;
	uint64_t sum = 6 + (segment->end - segment->tcp); /* IPPROTO_TCP, and the TCP length */

	for (size_t i = 0; i < address; i++)
		sum += (uint64_t)(segment->from.address[i] + segment->to.address[i])
		       << (i % 2 ? 0 : 8);
	for (size_t i = segment->tcp; i < segment->end; i++)
		sum += (uint64_t)packet[i] << ((i - segment->tcp) % 2 ? 0 : 8);
	return sum % 0xffff == 0;
}

static void check_flags(uint8_t flags)
{
	char text[SEGMENT_TEXT];
	int known = flags & 0x3f;

	MUST(segment_flags_text(flags, text) == text && strlen(text) < SEGMENT_TEXT);
	MUST(segment_flags_read(text) == (known ? known : -1));
}

static void check_packet(const uint8_t *bytes, size_t length, struct segment_filter filter,
			 const struct segment_edit *edit)
{
	uint8_t *packet = (uint8_t *)fuzz_text(bytes, length);
	struct packet segment, again;

	if (segment_parse(packet, length, &segment) == 0) {
		MUST(segment.tcp < segment.payload && segment.payload <= segment.end);
		MUST(segment.end <= length);
		check_flags(segment.flags);
		filter.family = segment.family;
		filter.server = filter.way == SEGMENT_FROM_SERVER ? segment.from : segment.to;
		if (segment_matches(packet, &segment, &filter) && length <= segment.end + 46)
			MUST(passes(&filter, packet, length));
		segment_complete(packet, &segment);
		MUST(segment_intact(packet, &segment) && sums_up(packet, &segment));
		segment_apply(packet, &segment, edit);
		MUST(segment_intact(packet, &segment));
		MUST(segment_parse(packet, length, &again) == 0 && same(&segment, &again));
	}
	free(packet);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	char *text = fuzz_text(bytes, size), *rest = text, *words[2] = {NULL, NULL};
	struct segment_filter filter = {0};
	struct segment_edit edit = {0};
	const uint8_t *file = bytes, *packet;
	size_t at = 0, length;

	for (int i = 0; i < 2 && (words[i] = strsep(&rest, "\n")); i++)
		file += strlen(words[i]) + (rest ? 1 : 0);
	for (char *word; (word = strsep(&words[0], " "));)
		segment_filter_word(&filter, word);
	for (char *word; (word = strsep(&words[1], " "));)
		segment_edit_word(&edit, word);
	size -= (size_t)(file - bytes);
	while (segment_pcap_next(file, size, &at, &packet, &length) > 0)
		check_packet(packet, length, filter, &edit);
	MUST(at <= size || at == SEGMENT_PCAP_HEAD);
	free(text);
	return 0;
}
