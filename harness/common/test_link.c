/* SPDX-License-Identifier: MIT */
/* Packets after the header of each link: whole, cut short, altered, and with malformed options. */
#include <pcap/dlt.h>

#include "common/test_packets.h"

/* What a link puts before the packet, and the direction it records. */
static const struct {
	int link;
	size_t length;
	uint8_t head[32];
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
    {DLT_EN10MB,
     22,
     {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xa8, 0, 7, 0x81, 0, 0, 8, 8, 0},
     PACKET_PASSING}, /* VLAN 8 in VLAN 7 */
    {DLT_EN10MB,
     22,
     {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0x47, 0, 1, 0, 64, 0, 2, 1, 64},
     PACKET_PASSING}, /* two labels of MPLS */
    {DLT_EN10MB,
     22,
     {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0x64, 0x11, 0, 0, 9, 0, 40, 0, 0x21},
     PACKET_PASSING}, /* PPPoE */
    {DLT_PPP, 4, {0xff, 3, 0, 0x21}, PACKET_PASSING},
    {DLT_EN10MB,
     22,
     {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0, 64, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0},
     PACKET_PASSING}, /* 802.2 with SNAP */
    {DLT_EN10MB,
     18,
     {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x92, 0, 0, 7, 8, 0},
     PACKET_PASSING}, /* an old tag */
    {DLT_PPP, 2, {0, 0x57}, PACKET_PASSING},
    {DLT_PPP, 1, {0x21}, PACKET_PASSING}, /* compressed */
    {DLT_PPP_ETHER, 8, {0x11, 0, 0, 9, 0, 40, 0, 0x21}, PACKET_PASSING},
    {DLT_C_HDLC, 4, {0x0f, 0, 8, 0}, PACKET_PASSING},
    {DLT_LINUX_SLL,
     20,
     {0, 4, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 0x81, 0, 0, 7, 8, 0},
     PACKET_OUT}, /* VLAN 7 */
    {DLT_LINUX_SLL2,
     24,
     {0x81, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 0, 7, 8, 0},
     PACKET_IN}, /* VLAN 7 */
    {DLT_LINUX_SLL, 16, {0, 4, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0}, PACKET_OUT},
    {DLT_LINUX_SLL, 16, {0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 2, 0, 0, 8, 0}, PACKET_IN},
    {DLT_LINUX_SLL2, 20, {8, 0, 0, 0, 0, 0, 0, 2, 0, 1, 4, 6}, PACKET_OUT},
    {DLT_LINUX_SLL2, 20, {8, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 6}, PACKET_IN},
    {DLT_LINUX_SLL2, 20, {8, 0, 0, 0, 0, 0, 0, 1, 3, 4, 0, 6}, PACKET_PASSING}, /* lo */
};

#define LINKS (sizeof(links) / sizeof(links[0]))
#define MOST (32 + IPV6_SIZE)

/* Packet @p after the header of link @l; returns the length. */
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

/* The options and the payload may be cut off; the ports, numbers and flags not. */
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
				size_t flags = links[l].length + (p == 0 ? 20 : 40) + 14;
				size_t options = length - (p == 0 ? 4 : 3);

				assert_int_equal(packet_parse(links[l].link, part, cut, &got),
						 cut < flags ? -1 : 0);
				if (cut < flags) {
					assert_int_equal(got.other, OTHER_CUT);
				} else {
					assert_int_equal(got.length, p == 0 ? 4 : 3);
					assert_int_equal(got.flags, TCP_FIN | TCP_ACK);
					assert_int_equal(got.windowed, cut >= flags + 2);
					assert_int_equal(got.stamped, cut >= options);
				}
				free(part);
			}
		}
}

/* One bit wrong, and any number of bytes: nothing outside is read. */
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
	    {8, 10, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0}, /* timestamps at once */
	    {1, 1, 8, 11, 0, 0, 0, 9, 0, 0, 0, 0}, /* longer than the header */
	    {8, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0},  /* of no length, forever */
	    {8, 1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0},
	    {0, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0, 0}, /* after the end */
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

/* What we do not look into is still named. */
static void not_decapsulated(void **state)
{
	static const struct {
		uint8_t bytes[24]; /* the link header, or what follows the IPv4 header */
		int protocol;	   /* of IPv4; 0: the header of Ethernet */
		const char *name;
	} cases[] = {
	    {.protocol = 17, .bytes = {0, 1, 0x12, 0xb5}, .name = "VXLAN"},
	    {.protocol = 17, .bytes = {0, 1, 0x17, 0xc1}, .name = "Geneve"},
	    {.protocol = 17, .bytes = {0, 1, 0x08, 0x68}, .name = "GTP"},
	    {.protocol = 17, .bytes = {0, 1, 0, 53}, .name = "UDP"},
	    {.protocol = 47, .name = "GRE"},
	    {.protocol = 4, .name = "IPIP"},
	    {.protocol = 41, .name = "IPIP"},
	    {.protocol = 50, .name = "ESP"},
	    {.protocol = 1, .name = "ICMP"},
	    {.protocol = 132, .name = "SCTP"},
	    {.protocol = 89, .name = "of another protocol over IP"},
	    {.bytes = {[12] = 0x08, [13] = 0x06}, .name = "ARP"},
	    {.bytes = {[12] = 0x00, [13] = 0x26}, .name = "of the link itself"}, /* 802.2 */
	    {.bytes = {[12] = 0x88, [13] = 0xe5}, .name = "MACsec"},
	    {.bytes = {[12] = 0x88, [13] = 0x47, [16] = 1}, .name = "MPLS pseudowires"},
	    {.bytes = {[12] = 0x88, [13] = 0x64, [20] = 0xc0, [21] = 0x21},
	     .name = "of the link itself"}, /* LCP over PPPoE */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t bytes[14 + IPV4_SIZE] = {0};
		struct packet got;
		size_t length = 24;

		if (cases[i].protocol) {
			length = IPV4_SIZE;
			memcpy(bytes, ipv4_packet, IPV4_SIZE);
			bytes[9] = (uint8_t)cases[i].protocol;
			memcpy(bytes + 20, cases[i].bytes, 8);
		} else {
			memcpy(bytes, cases[i].bytes, 24);
		}
		assert_int_equal(
		    packet_parse(cases[i].protocol ? DLT_RAW : DLT_EN10MB, bytes, length, &got),
		    -1);
		assert_string_equal(packet_other_name(got.other), cases[i].name);
	}
}

/* IPv6 headers before TCP, among them a fragment only in name. */
static void extension_headers(void **state)
{
	static const uint8_t chain[] = {60, 0, 0, 0, 0, 0, 0, 0, 44, 1, 0, 0, 0, 0, 0, 0,
					0,  0, 0, 0, 0, 0, 0, 0, 6,  0, 0, 0, 0, 0, 0, 9};
	uint8_t bytes[IPV6_SIZE + sizeof(chain)];
	struct packet got;

	(void)state;
	memcpy(bytes, ipv6_packet, 40);
	memcpy(bytes + 40, chain, sizeof(chain)); /* hop by hop, destination, fragment */
	memcpy(bytes + 40 + sizeof(chain), ipv6_packet + 40, IPV6_SIZE - 40);
	bytes[5] = (uint8_t)(bytes[5] + sizeof(chain));
	bytes[6] = 0;
	for (size_t cut = 0; cut <= sizeof(bytes); cut++) {
		uint8_t *part = copy_of(bytes, cut);
		int result = packet_parse(DLT_RAW, part, cut, &got);

		assert_int_equal(result, cut < 40 + sizeof(chain) + 14 ? -1 : 0);
		free(part);
	}
	assert_int_equal(got.length, 3);
	assert_int_equal(got.from.port, 40000);
	bytes[40 + 24 + 3] = 1; /* more follow */
	assert_int_equal(packet_parse(DLT_RAW, bytes, sizeof(bytes), &got), -1);
	assert_int_equal(got.odd, PACKET_FRAGMENT);
	assert_true(got.more && got.part == 0 && got.id == 9 && got.from.port == 40000);
}

/* An authentication header between IP and TCP. */
static void authenticated(void **state)
{
	static const uint8_t header[24] = {6, 4};
	uint8_t four[IPV4_SIZE + 24], six[IPV6_SIZE + 24];
	struct packet got;

	(void)state;
	memcpy(four, ipv4_packet, 20);
	memcpy(four + 20, header, 24);
	memcpy(four + 44, ipv4_packet + 20, IPV4_SIZE - 20);
	four[3] = sizeof(four);
	four[9] = 51;
	assert_int_equal(packet_parse(DLT_RAW, four, sizeof(four), &got), 0);
	assert_true(got.from.port == 40000 && got.length == 4);
	assert_int_equal(packet_parse(DLT_RAW, four, 21, &got), -1);
	assert_int_equal(got.other, OTHER_CUT);
	memcpy(six, ipv6_packet, 40);
	memcpy(six + 40, header, 24);
	memcpy(six + 64, ipv6_packet + 40, IPV6_SIZE - 40);
	six[5] = (uint8_t)(six[5] + 24);
	six[6] = 51;
	assert_int_equal(packet_parse(DLT_RAW, six, sizeof(six), &got), 0);
	assert_true(got.from.port == 40000 && got.length == 3);
}

/* When the sender left the length to its device, the frame's length counts. */
static void not_measured(void **state)
{
	uint8_t four[IPV4_SIZE], six[IPV6_SIZE];
	struct packet got;

	(void)state;
	memcpy(four, ipv4_packet, IPV4_SIZE);
	four[2] = four[3] = 0;
	assert_int_equal(packet_parse_frame(DLT_RAW, four, IPV4_SIZE, 60000, &got), 0);
	assert_int_equal(got.length, 60000 - 52);
	assert_int_equal(got.odd, PACKET_SHORT);
	memcpy(six, ipv6_packet, IPV6_SIZE);
	six[4] = six[5] = 0;
	assert_int_equal(packet_parse_frame(DLT_RAW, six, IPV6_SIZE, 200000, &got), 0);
	assert_int_equal(got.length, 200000 - 72);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_link),	  cmocka_unit_test(cut_everywhere),
	    cmocka_unit_test(altered_and_cut),	  cmocka_unit_test(cut_and_foolish_options),
	    cmocka_unit_test(what_is_no_segment), cmocka_unit_test(not_decapsulated),
	    cmocka_unit_test(extension_headers),  cmocka_unit_test(authenticated),
	    cmocka_unit_test(not_measured),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
