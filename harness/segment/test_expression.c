/* SPDX-License-Identifier: MIT */
/* What the kernel may withhold: the expression passes every match, and otherwise only what differs
 * in text alone. */
#include "common/test_packets.h"
#include "segment/segment.h"

/* Whether a packet without a link header passes the expression for a filter. */
static bool passes(const struct segment_filter *filter, const uint8_t *bytes, size_t length)
{
	struct pcap_pkthdr head = {.caplen = (bpf_u_int32)length, .len = (bpf_u_int32)length};
	pcap_t *dead = pcap_open_dead(DLT_RAW, PACKET_MOST);
	char expression[SEGMENT_EXPRESSION];
	struct bpf_program program;
	bool passed;

	assert_non_null(dead);
	if (pcap_compile(dead, &program, segment_filter_expression(filter, expression), 1,
			 PCAP_NETMASK_UNKNOWN) < 0)
		fail_msg("%s: %s", expression, pcap_geterr(dead));
	passed = pcap_offline_filter(&program, &head, bytes) != 0;
	pcap_freecode(&program);
	pcap_close(dead);
	return passed;
}

/* The filter for everything sent or received by the server of packet @i, its destination. */
static struct segment_filter filter_of(size_t i)
{
	struct segment_filter filter = {0};
	struct packet packet;

	assert_int_equal(segment_parse(packets[i].packet, packets[i].length, &packet), 0);
	filter.family = packet.family;
	filter.server = packet.to;
	return filter;
}

static void flags(void **state)
{
	(void)state;
	for (size_t i = 0; i < PACKETS; i++)
		for (int bits = 0; bits < 0x40; bits++) {
			struct segment_filter filter = filter_of(i);
			bool all = !(bits & ~(TCP_FIN | TCP_ACK));

			filter.flags = (uint8_t)bits;
			assert_int_equal(passes(&filter, packets[i].packet, packets[i].length),
					 all);
		}
}

/* Exactly this many bytes, without the padding that a link added. */
static void payload(void **state)
{
	(void)state;
	for (size_t i = 0; i < PACKETS; i++) {
		size_t length = packets[i].length, payload = length - packets[i].headers;
		uint8_t padded[IPV6_SIZE + 46] = {0};

		memcpy(padded, packets[i].packet, length);
		for (unsigned long n = 0; n <= PACKET_MOST; n += n < 9 ? 1 : 4000) {
			struct segment_filter filter = filter_of(i);

			filter.exactly = true;
			filter.payload = n;
			assert_int_equal(passes(&filter, padded, length), n == payload);
			assert_int_equal(passes(&filter, padded, length + 46), n == payload);
		}
	}
}

static void ends_and_ways(void **state)
{
	(void)state;
	for (size_t i = 0; i < PACKETS; i++) {
		const uint8_t *bytes = packets[i].packet;
		size_t length = packets[i].length;
		struct segment_filter filter = filter_of(i);

		assert_true(passes(&filter, bytes, length));
		filter.way = SEGMENT_TO_SERVER;
		filter.port = 40000;
		assert_true(passes(&filter, bytes, length));
		filter.way = SEGMENT_FROM_SERVER;
		assert_false(passes(&filter, bytes, length));
		filter = filter_of(i);
		filter.server = (struct packet_end){.port = 40000}; /* the other end serves */
		memcpy(filter.server.address, bytes + (i ? 8 : 12), i ? 16 : 4);
		assert_true(passes(&filter, bytes, length));
		filter.way = SEGMENT_TO_SERVER;
		assert_false(passes(&filter, bytes, length));
		filter = filter_of(i);
		filter.port = 40001;
		assert_false(passes(&filter, bytes, length));
		filter = filter_of(i);
		filter.server.port++;
		assert_false(passes(&filter, bytes, length));
		filter = filter_of(i);
		filter.server.address[3] ^= 1;
		assert_false(passes(&filter, bytes, length));
		filter = filter_of(!i); /* of the other family */
		assert_false(passes(&filter, bytes, length));
	}
}

/* What the kernel refuses does not match either, and what passes was meant. */
static void passes_what_matches(void **state)
{
	(void)state;
	for (size_t i = 0; i < PACKETS; i++) {
		uint8_t *packet = copy_of(packets[i].packet, packets[i].length);
		struct segment_filter filter = filter_of(i);
		size_t matched = 0;

		filter.flags = TCP_FIN;
		filter.exactly = true;
		filter.payload = packets[i].length - packets[i].headers;
		for (size_t bit = 0; bit < packets[i].length * 8; bit++) {
			struct packet s;
			bool matches;

			packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
			matches = segment_parse(packet, packets[i].length, &s) == 0 &&
				  segment_matches(packet, &s, &filter);
			matched += matches;
			if (matches)
				assert_true(passes(&filter, packet, packets[i].length));
			packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		assert_true(matched > 100);
		free(packet);
	}
}

/* The longest expression fits. */
static void all_at_once(void **state)
{
	struct segment_filter filter = {.family = AF_INET6,
					.port = 65535,
					.flags = 0x3f,
					.exactly = true,
					.payload = PACKET_MOST};
	uint8_t packet[1] = {0};

	(void)state;
	memset(filter.server.address, 0xff, sizeof(filter.server.address));
	filter.server.port = 65535;
	assert_false(passes(&filter, packet, sizeof(packet)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(flags),	     cmocka_unit_test(payload),
	    cmocka_unit_test(ends_and_ways), cmocka_unit_test(passes_what_matches),
	    cmocka_unit_test(all_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
