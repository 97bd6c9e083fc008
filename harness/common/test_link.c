/* SPDX-License-Identifier: MIT */
/* Packets behind the head of each link: whole, cut short, altered, and with foolish options. */
#include <pcap/dlt.h>

#include "common/test_packets.h"

/* What a link puts before the packet, and which way it then tells. */
static const struct {
	int link;
	size_t length;
	uint8_t head[20];
	enum packet_way way;
} links[] = {
    {DLT_RAW, 0, {0}, PACKET_PASSING},
    {DLT_IPV4, 0, {0}, PACKET_PASSING},
    {DLT_NULL, 4, {2, 0, 0, 0}, PACKET_PASSING},
    {DLT_LOOP, 4, {0, 0, 0, 2}, PACKET_PASSING},
    {DLT_EN10MB, 14, {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0}, PACKET_PASSING},
    {DLT_EN10MB,
     18,
     {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x81, 0, 0, 7, 8, 0},
     PACKET_PASSING}, /* VLAN 7 */
    {DLT_LINUX_SLL, 16, {0, 4, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0}, PACKET_OUT},
    {DLT_LINUX_SLL, 16, {0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 2, 0, 0, 8, 0}, PACKET_IN},
    {DLT_LINUX_SLL2, 20, {8, 0, 0, 0, 0, 0, 0, 2, 0, 1, 4, 6}, PACKET_OUT},
    {DLT_LINUX_SLL2, 20, {8, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 6}, PACKET_IN},
    {DLT_LINUX_SLL2, 20, {8, 0, 0, 0, 0, 0, 0, 1, 3, 4, 0, 6}, PACKET_PASSING}, /* lo */
};

#define LINKS (sizeof(links) / sizeof(links[0]))
#define MOST (20 + IPV6_SIZE)

/* Packet @p behind the head of link @l; returns the length. */
static size_t framed(size_t l, size_t p, uint8_t bytes[MOST])
{
	memcpy(bytes, links[l].head, links[l].length);
	memcpy(bytes + links[l].length, packets[p].packet, packets[p].length);
	return links[l].length + packets[p].length;
}

static void each_link(void **state)
{
	(void)state;
	for (size_t l = 0; l < LINKS; l++)
		for (size_t p = 0; p < PACKETS; p++) {
			struct packet got;
			uint8_t bytes[MOST];
			size_t length = framed(l, p, bytes);

			assert_true(packet_link_known(links[l].link));
			assert_int_equal(packet_parse(links[l].link, bytes, length, &got), 0);
			assert_int_equal(got.way, links[l].way);
			assert_int_equal(got.from.port, 40000);
			assert_int_equal(got.to.port, 9000);
			assert_int_equal(got.seq, 0xfffffffe);
			assert_int_equal(got.ack, 5);
			assert_int_equal(got.flags, TCP_FIN | TCP_ACK);
			assert_int_equal(got.length, p == 0 ? 4 : 3);
			assert_int_equal(got.id, p == 0 ? 0x1234 : 0);
			assert_true(got.stamped && got.stamp == 1);
		}
	assert_false(packet_link_known(DLT_IEEE802_11));
}

/* The payload may be cut off, the headers not. */
static void cut_everywhere(void **state)
{
	(void)state;
	for (size_t l = 0; l < LINKS; l++)
		for (size_t p = 0; p < PACKETS; p++) {
			uint8_t bytes[MOST];
			size_t length = framed(l, p, bytes);

			for (size_t cut = 0; cut <= length; cut++) {
				uint8_t *part = copy_of(bytes, cut);
				struct packet got;
				size_t headers = length - (p == 0 ? 4 : 3);

				assert_int_equal(packet_parse(links[l].link, part, cut, &got),
						 cut < headers ? -1 : 0);
				if (cut >= headers)
					assert_int_equal(got.length, p == 0 ? 4 : 3);
				free(part);
			}
		}
}

/* One bit wrong, and any number of bytes: nothing is read that is not there. */
static void altered_and_cut(void **state)
{
	(void)state;
	for (size_t l = 0; l < LINKS; l++)
		for (size_t p = 0; p < PACKETS; p++) {
			uint8_t bytes[MOST];
			size_t length = framed(l, p, bytes);

			for (size_t bit = 0; bit < length * 8; bit++) {
				uint8_t *part = copy_of(bytes, length - bit % 7);
				struct packet got;

				if (bit / 8 < length - bit % 7)
					part[bit / 8] ^= (uint8_t)(1 << bit % 8);
				if (packet_parse(links[l].link, part, length - bit % 7, &got) == 0)
					assert_true(got.length <= 65535);
				free(part);
			}
		}
}

static void cut_and_foolish_options(void **state)
{
	static const uint8_t options[][12] = {
	    {8, 10, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0}, /* time stamps at once */
	    {1, 1, 8, 11, 0, 0, 0, 9, 0, 0, 0, 0}, /* longer than the header */
	    {8, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0},  /* of no length, forever */
	    {8, 1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0},
	    {0, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0, 0}, /* behind the end */
	    {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 8},  /* cut after its kind */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		uint8_t *packet = copy_of(ipv4_packet, IPV4_SIZE);
		struct packet got;

		memcpy(packet + 40, options[i], 12);
		assert_int_equal(packet_parse(DLT_RAW, packet, IPV4_SIZE, &got), 0);
		assert_int_equal(got.stamped, i == 0);
		assert_int_equal(got.stamp, i == 0 ? 9 : 0);
		free(packet);
	}
}

static void what_is_no_segment(void **state)
{
	uint8_t packet[IPV4_SIZE];
	struct packet got;

	(void)state;
	memcpy(packet, ipv4_packet, sizeof(packet));
	packet[6] = 0x20; /* a fragment */
	assert_int_equal(packet_parse(DLT_RAW, packet, sizeof(packet), &got), -1);
	packet[6] = 0;
	packet[9] = 17; /* UDP */
	assert_int_equal(packet_parse(DLT_RAW, packet, sizeof(packet), &got), -1);
	assert_int_equal(packet_parse(DLT_RAW, packet, 0, &got), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_link),	  cmocka_unit_test(cut_everywhere),
	    cmocka_unit_test(altered_and_cut),	  cmocka_unit_test(cut_and_foolish_options),
	    cmocka_unit_test(what_is_no_segment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
