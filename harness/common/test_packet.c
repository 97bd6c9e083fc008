/* SPDX-License-Identifier: MIT */
/* Bytes to the headers of a segment: whole, cut short, altered, and of other protocols. */
#include "common/test_packets.h"

static void ipv4(void **state)
{
	struct segment s;

	(void)state;
	assert_int_equal(segment_parse(ipv4_packet, IPV4_SIZE, &s), 0);
	assert_int_equal(s.family, AF_INET);
	assert_memory_equal(s.from.address, "\12\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	assert_memory_equal(s.to.address, "\12\0\0\2\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	assert_int_equal(s.from.port, 40000);
	assert_int_equal(s.to.port, 9000);
	assert_int_equal(s.seq, 0xfffffffe);
	assert_int_equal(s.ack, 5);
	assert_int_equal(s.flags, SEGMENT_FIN | SEGMENT_ACK);
	assert_int_equal(s.tcp, 20);
	assert_int_equal(s.payload, 52);
	assert_int_equal(s.length, IPV4_SIZE);
}

static void ipv6(void **state)
{
	struct segment s;

	(void)state;
	assert_int_equal(segment_parse(ipv6_packet, IPV6_SIZE, &s), 0);
	assert_int_equal(s.family, AF_INET6);
	assert_memory_equal(s.from.address, ipv6_packet + 8, 16);
	assert_memory_equal(s.to.address, ipv6_packet + 24, 16);
	assert_int_equal(s.from.port, 40000);
	assert_int_equal(s.to.port, 9000);
	assert_int_equal(s.payload, 72);
	assert_int_equal(s.length, IPV6_SIZE);
}

/* Four bytes and a FIN from 2^32 - 2 on; the number goes round. */
static void next_goes_round(void **state)
{
	struct segment s;

	(void)state;
	segment_parse(ipv4_packet, IPV4_SIZE, &s);
	assert_int_equal(segment_next(&s), 3);
	s.flags = SEGMENT_SYN | SEGMENT_ACK;
	assert_int_equal(segment_next(&s), 3);
	s.flags = SEGMENT_ACK;
	assert_int_equal(segment_next(&s), 2);
}

static void link_padding_is_no_payload(void **state)
{
	uint8_t padded[IPV4_SIZE + 6] = {0};
	struct segment s;

	(void)state;
	memcpy(padded, ipv4_packet, IPV4_SIZE);
	assert_int_equal(segment_parse(padded, sizeof(padded), &s), 0);
	assert_int_equal(s.length, IPV4_SIZE);
}

static void truncated_everywhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < PACKETS; i++) {
		for (size_t cut = 0; cut < packets[i].length; cut++) {
			uint8_t *part = copy_of(packets[i].packet, cut);
			struct segment s;

			assert_int_equal(segment_parse(part, cut, &s), -1);
			free(part);
		}
	}
}

/* One bit wrong: any answer is good whose parts lie inside each other. */
static void flipped_bits(void **state)
{
	(void)state;
	for (size_t i = 0; i < PACKETS; i++) {
		uint8_t *packet = copy_of(packets[i].packet, packets[i].length);

		for (size_t bit = 0; bit < packets[i].length * 8; bit++) {
			struct segment s;

			packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
			if (segment_parse(packet, packets[i].length, &s) == 0) {
				assert_true(s.tcp + 20 <= s.payload);
				assert_true(s.payload <= s.length);
				assert_true(s.length <= packets[i].length);
				segment_complete(packet, &s);
				assert_true(segment_intact(packet, &s));
			}
			memcpy(packet, packets[i].packet, packets[i].length);
		}
		free(packet);
	}
}

static void what_is_not_a_whole_segment(void **state)
{
	static const struct {
		size_t packet, at;
		uint8_t value;
	} cases[] = {
	    {0, 0, 0x55},  /* version 5 */
	    {0, 0, 0x44},  /* an IPv4 header of 16 bytes */
	    {0, 0, 0x4f},  /* a header that leaves no room for TCP */
	    {0, 3, 39},	   /* a total length that does */
	    {0, 6, 0x20},  /* more fragments follow */
	    {0, 7, 1},	   /* not the first fragment */
	    {0, 9, 17},	   /* UDP */
	    {0, 32, 0x40}, /* a TCP header of 16 bytes */
	    {0, 32, 0xf0}, /* one longer than the packet */
	    {1, 0, 0x70},  /* version 7 */
	    {1, 5, 19},	   /* a payload length without room for TCP */
	    {1, 6, 44},	   /* a fragment header */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t length = packets[cases[i].packet].length;
		uint8_t *packet = copy_of(packets[cases[i].packet].packet, length);
		struct segment s;

		packet[cases[i].at] = cases[i].value;
		assert_int_equal(segment_parse(packet, length, &s), -1);
		free(packet);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ipv4),
	    cmocka_unit_test(ipv6),
	    cmocka_unit_test(next_goes_round),
	    cmocka_unit_test(link_padding_is_no_payload),
	    cmocka_unit_test(truncated_everywhere),
	    cmocka_unit_test(flipped_bits),
	    cmocka_unit_test(what_is_not_a_whole_segment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
