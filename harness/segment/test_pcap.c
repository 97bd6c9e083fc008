/* SPDX-License-Identifier: MIT */
/* The file that keeps segments: written, read, cut short, altered. */
#include "common/test_packets.h"
#include "segment/segment.h"

#define FILE_SIZE (SEGMENT_PCAP_HEAD + 2 * SEGMENT_PCAP_RECORD + IPV4_SIZE + IPV6_SIZE)

static void make_file(uint8_t file[FILE_SIZE])
{
	uint8_t *end = file + SEGMENT_PCAP_HEAD;

	segment_pcap_head(file);
	for (size_t i = 0; i < PACKETS; i++) {
		segment_pcap_record(end, (uint32_t)packets[i].length, 1700000000000000000);
		memcpy(end + SEGMENT_PCAP_RECORD, packets[i].packet, packets[i].length);
		end += SEGMENT_PCAP_RECORD + packets[i].length;
	}
}

/* Read to the end; *count becomes how many packets there were. Returns what was said last. */
static int read_all(const uint8_t *file, size_t size, size_t *count)
{
	const uint8_t *packet;
	size_t length, at = 0;
	int more;

	*count = 0;
	while ((more = segment_pcap_next(file, size, &at, &packet, &length)) > 0) {
		assert_true(packet >= file && packet + length <= file + size);
		assert_true(length <= PACKET_MOST);
		++*count;
	}
	return more;
}

static void there_and_back(void **state)
{
	uint8_t file[FILE_SIZE];
	const uint8_t *packet;
	size_t length, at = 0;

	(void)state;
	make_file(file);
	for (size_t i = 0; i < PACKETS; i++) {
		assert_int_equal(segment_pcap_next(file, sizeof(file), &at, &packet, &length), 1);
		assert_int_equal(length, packets[i].length);
		assert_memory_equal(packet, packets[i].packet, length);
	}
	assert_int_equal(segment_pcap_next(file, sizeof(file), &at, &packet, &length), 0);
}

/* Only where a packet ends does a file look whole. */
static void truncated_everywhere(void **state)
{
	uint8_t file[FILE_SIZE];
	size_t count;

	(void)state;
	make_file(file);
	for (size_t cut = 0; cut < sizeof(file); cut++) {
		uint8_t *part = copy_of(file, cut);
		int last = read_all(part, cut, &count);

		if (cut == SEGMENT_PCAP_HEAD)
			assert_true(last == 0 && count == 0);
		else if (cut == SEGMENT_PCAP_HEAD + SEGMENT_PCAP_RECORD + IPV4_SIZE)
			assert_true(last == 0 && count == 1);
		else
			assert_int_equal(last, -1);
		free(part);
	}
}

static void flipped_bits(void **state)
{
	uint8_t file[FILE_SIZE];
	size_t count;

	(void)state;
	make_file(file);
	for (size_t bit = 0; bit < sizeof(file) * 8; bit++) {
		file[bit / 8] ^= (uint8_t)(1 << bit % 8);
		read_all(file, sizeof(file), &count);
		assert_true(count <= PACKETS);
		file[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(there_and_back),
	    cmocka_unit_test(truncated_everywhere),
	    cmocka_unit_test(flipped_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
