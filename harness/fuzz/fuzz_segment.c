/* SPDX-License-Identifier: MIT */
/*
 * Captured segments: an input is a line with the words of a filter, a line with those of an edit,
 * and a pcap file. Everything read as a segment can be completed and reads back as altered; the
 * kernel's filter refuses it only if ours does too.
 */
#include "fuzz/fuzz.h"
#include "segment/segment.h"

/* Whether the expression for a filter passes a packet. */
static bool passes(const struct segment_filter *filter, const uint8_t *packet, size_t length)
{
	const struct pcap_pkthdr head = {.caplen = (bpf_u_int32)length, .len = (bpf_u_int32)length};
	static pcap_t *dead;
	char expression[SEGMENT_EXPRESSION];
	struct bpf_program program;
	bool passed;

	if (!dead)
		dead = pcap_open_dead(DLT_RAW, PACKET_MOST);
	MUST(dead && pcap_compile(dead, &program, segment_filter_expression(filter, expression), 1,
				  PCAP_NETMASK_UNKNOWN) == 0);
	passed = pcap_offline_filter(&program, &head, packet);
	pcap_freecode(&program);
	return passed;
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
		if (segment_matches(packet, &segment, &filter))
			MUST(passes(&filter, packet, length));
		segment_complete(packet, &segment);
		MUST(segment_intact(packet, &segment) && sums_up(packet, &segment));
		segment_apply(packet, &segment, edit);
		MUST(segment_intact(packet, &segment));
		MUST(segment_parse(packet, length, &again) == 0 && same(&segment, &again));
	}
	free(packet);
}

/* A capture file in memory; NULL: invalid. */
static pcap_t *open_bytes(const uint8_t *bytes, size_t size)
{
	FILE *file = size ? fmemopen((void *)bytes, size, "r") : NULL;
	char why[PCAP_ERRBUF_SIZE];
	pcap_t *from =
	    file ? pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, why)
		 : NULL;

	if (file && !from)
		fclose(file);
	return from;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	char *text = fuzz_text(bytes, size), *rest = text, *words[2] = {NULL, NULL};
	struct segment_filter filter = {0};
	struct segment_edit edit = {0};
	const uint8_t *file = bytes;
	static uint8_t packet[PACKET_MOST];
	struct error error = {0};
	struct packet segment;
	pcap_t *from;

	for (int i = 0; i < 2 && (words[i] = strsep(&rest, "\n")); i++)
		file += strlen(words[i]) + (rest ? 1 : 0);
	for (char *word; (word = strsep(&words[0], " "));)
		segment_filter_word(&filter, word);
	for (char *word; (word = strsep(&words[1], " "));)
		segment_edit_word(&edit, word);
	size -= (size_t)(file - bytes);
	from = open_bytes(file, size);
	while (from && segment_next(from, packet, &segment, &error) > 0)
		check_packet(packet, segment.end, filter, &edit);
	if (from)
		pcap_close(from);
	MUST(!error.text[0] || fuzz_is_sentence(error.text));
	free(text);
	return 0;
}
