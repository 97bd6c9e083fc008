/* SPDX-License-Identifier: MIT */
/* Files of segments: written and read, cut short, altered, and of other links. */
#include <unistd.h>

#include "common/capture.h"
#include "common/test_packets.h"
#include "segment/segment.h"

#define HEAD 24	  /* bytes of a file before its first record, and of a record before its packet */
#define RECORD 16 /* (pcap-savefile(5)) */

static char path[] = "/tmp/segment-test-XXXXXX";

static int make_path(void **state)
{
	(void)state;
	return close(mkstemp(path));
}

static int remove_path(void **state)
{
	(void)state;
	return unlink(path);
}

/* Keep both packets. */
static void make_file(void)
{
	struct segment_file file;
	struct error error;

	assert_int_equal(segment_create(&file, path, &error), 0);
	for (size_t i = 0; i < PACKETS; i++)
		assert_int_equal(segment_keep(&file, packets[i].packet, packets[i].length, &error),
				 0);
	segment_close(&file);
}

/* The bytes of the file, of exactly its size. */
static uint8_t *contents(size_t *size)
{
	static uint8_t bytes[4096];
	FILE *file = fopen(path, "rb");

	assert_non_null(file);
	*size = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	return copy_of(bytes, *size);
}

/*
 * Read a file of these bytes to its end. *count becomes the number of packets. Returns the last
 * result: 0, or -1 with a sentence.
 */
static int read_all(const uint8_t *bytes, size_t size, size_t *count)
{
	static uint8_t packet[PACKET_MOST];
	struct error error = {0};
	FILE *file = fopen(path, "wb");
	struct packet s;
	pcap_t *from;
	int more = -1;

	*count = 0;
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
	from = capture_read(path, &error);
	while (from && (more = segment_next(from, packet, &s, &error)) > 0) {
		assert_true(s.ip == 0 && s.end <= PACKET_MOST);
		++*count;
	}
	if (from)
		pcap_close(from);
	assert_int_equal(more < 0, error.text[0] != '\0');
	return more;
}

static void there_and_back(void **state)
{
	static uint8_t bytes[PACKET_MOST];
	struct error error;
	struct packet s;
	pcap_t *file;

	(void)state;
	make_file();
	file = capture_read(path, &error);
	assert_non_null(file);
	for (size_t i = 0; i < PACKETS; i++) {
		assert_int_equal(segment_next(file, bytes, &s, &error), 1);
		assert_int_equal(s.end, packets[i].length);
		assert_memory_equal(bytes, packets[i].packet, packets[i].length);
	}
	assert_int_equal(segment_next(file, bytes, &s, &error), 0);
	pcap_close(file);
}

/* A file looks whole only when cut at the end of a packet. */
static void truncated_everywhere(void **state)
{
	size_t size, count;
	uint8_t *bytes;

	(void)state;
	make_file();
	bytes = contents(&size);
	assert_int_equal(size, HEAD + 2 * RECORD + IPV4_SIZE + IPV6_SIZE);
	for (size_t cut = 0; cut < size; cut++) {
		int last = read_all(bytes, cut, &count);

		if (cut == HEAD)
			assert_true(last == 0 && count == 0);
		else if (cut == HEAD + RECORD + IPV4_SIZE)
			assert_true(last == 0 && count == 1);
		else
			assert_int_equal(last, -1);
	}
	free(bytes);
}

static void flipped_bits(void **state)
{
	size_t size, count;
	uint8_t *bytes;

	(void)state;
	make_file();
	bytes = contents(&size);
	for (size_t bit = 0; bit < size * 8; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		read_all(bytes, size, &count);
		assert_true(count <= PACKETS);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	free(bytes);
}

/* A packet is copied out of its frame; padding is dropped. */
static void behind_a_link(void **state)
{
	static const uint8_t ethernet[14] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0};
	static uint8_t bytes[PACKET_MOST];
	pcap_t *link = pcap_open_dead(DLT_EN10MB, PACKET_MOST);
	uint8_t frame[sizeof(ethernet) + IPV4_SIZE + 6] = {0};
	struct pcap_pkthdr head = {.caplen = sizeof(frame), .len = sizeof(frame)};
	struct packet s;

	(void)state;
	memcpy(frame, ethernet, sizeof(ethernet));
	memcpy(frame + sizeof(ethernet), ipv4_packet, IPV4_SIZE);
	assert_int_equal(segment_take(link, &head, frame, bytes, &s), 0);
	assert_memory_equal(bytes, ipv4_packet, IPV4_SIZE);
	assert_true(s.ip == 0 && s.tcp == 20 && s.end == IPV4_SIZE);
	head.caplen = sizeof(ethernet) + IPV4_SIZE - 1; /* cut: its payload is not whole */
	assert_int_equal(segment_take(link, &head, frame, bytes, &s), -1);
	pcap_close(link);
}

static void where_no_file_can_be(void **state)
{
	struct segment_file file;
	struct error error = {0};

	(void)state;
	assert_int_equal(segment_create(&file, "/dev/null/nowhere", &error), -1);
	assert_int_equal(error.code, EXIT_BROKEN);
	segment_close(&file);
	assert_null(capture_read("/dev/null/nowhere", &error));
	assert_int_equal(error.code, EXIT_USAGE);
	assert_int_equal(segment_create(&file, "/dev/full", &error), -1);
	assert_non_null(strstr(error.text, "No space left on device"));
	segment_close(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(there_and_back),	    cmocka_unit_test(truncated_everywhere),
	    cmocka_unit_test(flipped_bits),	    cmocka_unit_test(behind_a_link),
	    cmocka_unit_test(where_no_file_can_be),
	};

	return cmocka_run_group_tests(tests, make_path, remove_path);
}
