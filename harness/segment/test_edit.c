/* SPDX-License-Identifier: MIT */
/* Checksums, and changes to a segment before replay. */
#include "common/bytes.h"
#include "common/test_packets.h"
#include "segment/segment.h"

/* The packets were made by another program, with their checksums. */
static void intact_as_made(void **state)
{
	(void)state;
	for (size_t i = 0; i < PACKETS; i++) {
		struct packet s;

		segment_parse(packets[i].packet, packets[i].length, &s);
		assert_true(segment_intact(packets[i].packet, &s));
	}
}

static void any_wrong_bit_is_noticed(void **state)
{
	(void)state;
	for (size_t i = 0; i < PACKETS; i++) {
		uint8_t *packet = copy_of(packets[i].packet, packets[i].length);
		struct packet s;

		segment_parse(packet, packets[i].length, &s);
		for (size_t bit = s.tcp * 8; bit < s.end * 8; bit++) {
			packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_false(segment_intact(packet, &s));
			packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		free(packet);
	}
}

/* As seen on a veth: the checksum field holds something else. */
static void completed(void **state)
{
	(void)state;
	for (size_t i = 0; i < PACKETS; i++) {
		uint8_t *packet = copy_of(packets[i].packet, packets[i].length);
		struct packet s;

		segment_parse(packet, packets[i].length, &s);
		put16(packet + s.tcp + 16, 0x1443);
		assert_false(segment_intact(packet, &s));
		segment_complete(packet, &s);
		assert_memory_equal(packet, packets[i].packet, packets[i].length);
		free(packet);
	}
}

/* Every segment can be completed. */
static void completed_whatever_bit_is_wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < PACKETS; i++) {
		uint8_t *packet = copy_of(packets[i].packet, packets[i].length);

		for (size_t bit = 0; bit < packets[i].length * 8; bit++) {
			struct packet s;

			packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
			if (segment_parse(packet, packets[i].length, &s) == 0) {
				segment_complete(packet, &s);
				assert_true(segment_intact(packet, &s));
			}
			memcpy(packet, packets[i].packet, packets[i].length);
		}
		free(packet);
	}
}

/* Apply words to a packet. *s becomes the result, read from its bytes. */
static uint8_t *edited(size_t which, const char *const *words, struct packet *s)
{
	uint8_t *packet = copy_of(packets[which].packet, packets[which].length);
	struct segment_edit edit = {0};
	struct packet told;

	for (; *words; words++)
		assert_int_equal(segment_edit_word(&edit, *words), 0);
	segment_parse(packet, packets[which].length, &told);
	segment_apply(packet, &told, &edit);
	assert_int_equal(segment_parse(packet, packets[which].length, s), 0);
	assert_memory_equal(&told, s, sizeof(told));
	assert_true(segment_intact(packet, s));
	return packet;
}

static void without_words_nothing_changes(void **state)
{
	static const char *const words[] = {NULL};

	(void)state;
	for (size_t i = 0; i < PACKETS; i++) {
		struct packet s;
		uint8_t *packet = edited(i, words, &s);

		assert_memory_equal(packet, packets[i].packet, packets[i].length);
		free(packet);
	}
}

/* Bits that are not control bits (ECN) stay unchanged, unless the flags are given. */
static void other_flags_stay(void **state)
{
	const struct segment_edit nothing = {0}, reset = {.reflag = true, .flags = TCP_RST};
	uint8_t *packet = copy_of(ipv4_packet, IPV4_SIZE);
	struct packet s;

	(void)state;
	packet[33] = 0xd1;
	segment_parse(packet, IPV4_SIZE, &s);
	segment_apply(packet, &s, &nothing);
	assert_int_equal(packet[33], 0xd1);
	segment_apply(packet, &s, &reset);
	assert_int_equal(packet[33], TCP_RST);
	free(packet);
}

static void reset_behind_the_segment(void **state)
{
	static const char *const words[] = {"flags:rst", "empty", "seq:next", NULL};

	(void)state;
	for (size_t i = 0; i < PACKETS; i++) {
		struct packet before, s;
		uint8_t *packet = edited(i, words, &s);

		segment_parse(packets[i].packet, packets[i].length, &before);
		assert_int_equal(s.flags, TCP_RST);
		assert_int_equal(s.seq, packet_next(&before));
		assert_int_equal(s.ack, before.ack);
		assert_int_equal(s.end, s.payload);
		free(packet);
	}
}

static void moved_modulo_2_32(void **state)
{
	static const char *const words[] = {"seq:+7", "ack:-6", NULL};
	struct packet s;

	(void)state;
	free(edited(0, words, &s));
	assert_int_equal(s.seq, 5);
	assert_int_equal(s.ack, 0xffffffff);
}

static void words_that_are_none(void **state)
{
	static const char *const words[] = {
	    "",		 "flags",	  "flags:",	  "flags:fin,",	    "seq",
	    "seq:",	 "seq:7",	  "seq:+",	  "seq:--",	    "seq:+0x7",
	    "ack:next",	 "flags:fin ack", "Empty",	  "seq:+-1",	    "ack:+1 ",
	    "flags:FIN", "ack:+",	  "flags:finish", "seq:+4294967296"};

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct segment_edit edit = {0};

		assert_int_equal(segment_edit_word(&edit, words[i]), -1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(intact_as_made),
	    cmocka_unit_test(any_wrong_bit_is_noticed),
	    cmocka_unit_test(completed),
	    cmocka_unit_test(completed_whatever_bit_is_wrong),
	    cmocka_unit_test(without_words_nothing_changes),
	    cmocka_unit_test(other_flags_stay),
	    cmocka_unit_test(reset_behind_the_segment),
	    cmocka_unit_test(moved_modulo_2_32),
	    cmocka_unit_test(words_that_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
