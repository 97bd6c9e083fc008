/* SPDX-License-Identifier: MIT */
/* What the kernel hands over: a pair of local sockets takes the same programs as a packet socket.
 */
#include "common/test_packets.h"
#include "segment/segment.h"

#include <sys/socket.h>
#include <unistd.h>

/* Whether a packet passes the program for a filter; it must then arrive whole. */
static bool passes(const struct segment_filter *filter, const uint8_t *packet, size_t length)
{
	struct sock_filter program[SEGMENT_PREFILTER];
	struct sock_fprog attached = {.len = segment_prefilter(filter, program), .filter = program};
	uint8_t arrived[2 * PACKET_MOST];
	ssize_t n;
	int pair[2];

	assert_true(attached.len <= SEGMENT_PREFILTER);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair), 0);
	assert_int_equal(
	    setsockopt(pair[0], SOL_SOCKET, SO_ATTACH_FILTER, &attached, sizeof(attached)), 0);
	send(pair[1], packet, length, 0);
	n = recv(pair[0], arrived, sizeof(arrived), 0);
	close(pair[0]);
	close(pair[1]);
	if (n < 0)
		return false;
	assert_int_equal(n, length);
	assert_memory_equal(arrived, packet, length);
	return true;
}

static void flags(void **state)
{
	(void)state;
	for (size_t i = 0; i < PACKETS; i++) {
		for (int bits = 0; bits < 0x40; bits++) {
			struct segment_filter filter = {.flags = (uint8_t)bits};
			bool all = !(bits & ~(TCP_FIN | TCP_ACK));

			assert_int_equal(passes(&filter, packets[i].packet, packets[i].length),
					 all);
		}
	}
}

static void payload(void **state)
{
	static const size_t payloads[PACKETS] = {4, 3};

	(void)state;
	for (size_t i = 0; i < PACKETS; i++) {
		for (unsigned long n = 0; n <= PACKET_MOST; n += n < 9 ? 1 : 1000) {
			struct segment_filter filter = {.exactly = true, .payload = n};
			bool passed = passes(&filter, packets[i].packet, packets[i].length);

			/* Fewer bytes may be right, the rest padding: segment_matches() knows. */
			assert_int_equal(passed, n <= payloads[i]);
		}
	}
}

static void padded_passes_and_ballast_does_not(void **state)
{
	struct segment_filter filter = {.exactly = true, .payload = 4};
	uint8_t packet[30000] = {0};

	(void)state;
	memcpy(packet, ipv4_packet, IPV4_SIZE);
	for (size_t padding = 0; padding <= 46; padding++)
		assert_true(passes(&filter, packet, IPV4_SIZE + padding));
	assert_false(passes(&filter, packet, 1500));
	assert_false(passes(&filter, packet, sizeof(packet)));
}

/* Whatever the kernel refuses does not match either. */
static void never_refuses_a_match(void **state)
{
	(void)state;
	for (size_t i = 0; i < PACKETS; i++) {
		uint8_t *packet = copy_of(packets[i].packet, packets[i].length);

		for (size_t bit = 0; bit < packets[i].length * 8; bit++) {
			struct segment_filter filter = {.flags = TCP_FIN, .exactly = true};
			struct packet s;

			packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
			if (segment_parse(packet, packets[i].length, &s) == 0) {
				filter.family = s.family;
				filter.server = s.to;
				filter.payload = s.length;
				if (segment_matches(packet, &s, &filter))
					assert_true(passes(&filter, packet, packets[i].length));
			}
			packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		free(packet);
	}
}

static void what_is_no_packet(void **state)
{
	struct segment_filter filter = {.exactly = true};

	(void)state;
	for (size_t cut = 1; cut < 34; cut++)
		assert_false(passes(&filter, ipv4_packet, cut));
	assert_false(
	    passes(&filter, (const uint8_t *)"\x50 is version 5, and that does not exist", 40));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(flags),
	    cmocka_unit_test(payload),
	    cmocka_unit_test(padded_passes_and_ballast_does_not),
	    cmocka_unit_test(never_refuses_a_match),
	    cmocka_unit_test(what_is_no_packet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
