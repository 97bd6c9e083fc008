/* SPDX-License-Identifier: MIT */
/* Bytes to the headers of a segment: whole, cut short, altered, and of other protocols. */
#include <netinet/in.h>
#include <pcap/dlt.h>

#include "common/test_packets.h"

/* Read a packet that begins with its IP header. Returns what is odd about it. */
static enum packet_odd parse(const uint8_t *bytes, size_t length, struct packet *packet)
{
	int result = packet_parse(DLT_RAW, bytes, length, packet);

	assert_int_equal(result, packet->odd > PACKET_SHORT ? -1 : 0);
	return packet->odd;
}

static void ipv4(void **state)
{
	struct packet s;

	(void)state;
	assert_int_equal(parse(ipv4_packet, IPV4_SIZE, &s), PACKET_WHOLE);
	assert_int_equal(s.family, AF_INET);
	assert_memory_equal(s.from.address, "\12\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	assert_memory_equal(s.to.address, "\12\0\0\2\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	assert_int_equal(s.from.port, 40000);
	assert_int_equal(s.to.port, 9000);
	assert_int_equal(s.seq, 0xfffffffe);
	assert_int_equal(s.ack, 5);
	assert_int_equal(s.flags, TCP_FIN | TCP_ACK);
	assert_int_equal(s.tcp, 20);
	assert_int_equal(s.payload, 52);
	assert_int_equal(s.end, IPV4_SIZE);
	assert_int_equal(s.length, 4);
	assert_int_equal(s.id, 0x1234);
}

static void ipv6(void **state)
{
	struct packet s;

	(void)state;
	assert_int_equal(parse(ipv6_packet, IPV6_SIZE, &s), PACKET_WHOLE);
	assert_int_equal(s.family, AF_INET6);
	assert_memory_equal(s.from.address, ipv6_packet + 8, 16);
	assert_memory_equal(s.to.address, ipv6_packet + 24, 16);
	assert_int_equal(s.from.port, 40000);
	assert_int_equal(s.to.port, 9000);
	assert_int_equal(s.payload, 72);
	assert_int_equal(s.end, IPV6_SIZE);
	assert_int_equal(s.length, 3);
	assert_int_equal(s.id, 0);
}

/* Four bytes and a FIN from 2^32 - 2 on; the sequence number wraps. */
static void next_goes_round(void **state)
{
	struct packet s;

	(void)state;
	parse(ipv4_packet, IPV4_SIZE, &s);
	assert_int_equal(packet_next(&s), 3);
	s.flags = TCP_SYN | TCP_ACK;
	assert_int_equal(packet_next(&s), 3);
	s.flags = TCP_ACK;
	assert_int_equal(packet_next(&s), 2);
}

static void link_padding_is_no_payload(void **state)
{
	uint8_t padded[IPV4_SIZE + 6] = {0};
	struct packet s;

	(void)state;
	memcpy(padded, ipv4_packet, IPV4_SIZE);
	assert_int_equal(parse(padded, sizeof(padded), &s), PACKET_WHOLE);
	assert_int_equal(s.end, IPV4_SIZE);
	assert_int_equal(s.length, 4);
}

static void truncated_everywhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < PACKETS; i++) {
		for (size_t cut = 0; cut < packets[i].length; cut++) {
			uint8_t *part = copy_of(packets[i].packet, cut);
			struct packet s;

			assert_int_equal(parse(part, cut, &s),
					 cut < (i == 0 ? 20 : 40) + 14 ? PACKET_CUT : PACKET_SHORT);
			free(part);
		}
	}
}

/* One bit wrong: any answer is fine as long as its parts are nested. */
static void flipped_bits(void **state)
{
	(void)state;
	for (size_t i = 0; i < PACKETS; i++) {
		uint8_t *packet = copy_of(packets[i].packet, packets[i].length);

		for (size_t bit = 0; bit < packets[i].length * 8; bit++) {
			struct packet s;

			packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
			if (parse(packet, packets[i].length, &s) <= PACKET_SHORT) {
				assert_true(s.tcp + 20 <= s.payload);
				assert_true(s.payload <= s.end);
				assert_int_equal(s.end - s.payload, s.length);
				assert_int_equal(s.end > packets[i].length, s.odd == PACKET_SHORT);
			}
			memcpy(packet, packets[i].packet, packets[i].length);
		}
		free(packet);
	}
}

static void what_is_odd(void **state)
{
	static const struct {
		size_t packet, at;
		uint8_t value;
		enum packet_odd odd;
	} cases[] = {
	    {0, 0, 0x55, PACKET_NO_TCP},    /* version 5 */
	    {0, 0, 0x44, PACKET_NONSENSE},  /* an IPv4 header of 16 bytes */
	    {0, 0, 0x4f, PACKET_NONSENSE},  /* a header that leaves no room for TCP */
	    {0, 3, 39, PACKET_NONSENSE},    /* a total length that does */
	    {0, 3, 57, PACKET_SHORT},	    /* one more than there is */
	    {0, 6, 0x20, PACKET_FRAGMENT},  /* more fragments follow */
	    {0, 7, 1, PACKET_FRAGMENT},	    /* not the first fragment */
	    {0, 9, 17, PACKET_NO_TCP},	    /* UDP */
	    {0, 32, 0x40, PACKET_NONSENSE}, /* a TCP header of 16 bytes */
	    {0, 32, 0xf0, PACKET_NONSENSE}, /* one longer than the packet */
	    {1, 0, 0x70, PACKET_NO_TCP},    /* version 7 */
	    {1, 5, 19, PACKET_NONSENSE},    /* a payload length without room for TCP */
	    {1, 6, 50, PACKET_NO_TCP},	    /* ESP */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t length = packets[cases[i].packet].length;
		uint8_t *packet = copy_of(packets[cases[i].packet].packet, length);
		struct packet s;

		packet[cases[i].at] = cases[i].value;
		assert_int_equal(parse(packet, length, &s), cases[i].odd);
		free(packet);
	}
}

/* Only the control bits are reported: ECN uses two bits of that byte (RFC 3168). */
static void control_bits(void **state)
{
	uint8_t *packet = copy_of(ipv4_packet, IPV4_SIZE);
	struct packet s;

	(void)state;
	packet[33] = 0xff;
	assert_int_equal(parse(packet, IPV4_SIZE, &s), PACKET_WHOLE);
	assert_int_equal(s.flags, 0x3f);
	free(packet);
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
	    cmocka_unit_test(what_is_odd),
	    cmocka_unit_test(control_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
