/* SPDX-License-Identifier: MIT */
/* Selecting segments. */
#include "common/test_packets.h"
#include "segment/segment.h"

/* 10.0.0.2:9000, to which ipv4_packet goes, and what the words say. */
static struct segment_filter filter_of(const char *const *words)
{
	struct segment_filter filter = {.family = AF_INET,
					.server = {.address = {10, 0, 0, 2}, .port = 9000}};

	for (; *words; words++)
		assert_int_equal(segment_filter_word(&filter, *words), 0);
	return filter;
}

static void words_choose(void **state)
{
	static const struct {
		const char *words[4];
		bool there, back; /* whether ipv4_packet matches, and its reverse */
	} cases[] = {
	    {{NULL}, true, true},
	    {{"to"}, true, false},
	    {{"from"}, false, true},
	    {{"flags:fin"}, true, true},
	    {{"flags:fin,ack", "to"}, true, false},
	    {{"flags:fin,syn"}, false, false},
	    {{"port:40000"}, true, true},
	    {{"port:9000"}, false, false},
	    {{"bytes:4"}, true, true},
	    {{"bytes:0"}, false, false},
	    {{"text:b"}, true, true},
	    {{"text:bye\n", "to"}, true, false},
	    {{"text:bye\nbye"}, false, false}, /* longer than the payload */
	    {{"text:ye"}, false, false},
	    {{"from", "bytes:4", "port:40000"}, false, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct segment_filter filter = filter_of(cases[i].words);
		struct packet there, back;

		segment_parse(ipv4_packet, IPV4_SIZE, &there);
		back = there;
		back.from = there.to;
		back.to = there.from;
		assert_int_equal(segment_matches(ipv4_packet, &there, &filter), cases[i].there);
		assert_int_equal(segment_matches(ipv4_packet, &back, &filter), cases[i].back);
	}
}

static void another_server_is_not_meant(void **state)
{
	static const char *const words[] = {NULL};
	struct segment_filter filter = filter_of(words);
	struct packet s;

	(void)state;
	segment_parse(ipv6_packet, IPV6_SIZE, &s);
	assert_false(segment_matches(ipv6_packet, &s, &filter));
	segment_parse(ipv4_packet, IPV4_SIZE, &s);
	filter.server.port = 9001;
	assert_false(segment_matches(ipv4_packet, &s, &filter));
	filter.server.port = 9000;
	filter.server.address[3] = 3;
	assert_false(segment_matches(ipv4_packet, &s, &filter));
}

static void same_way(void **state)
{
	struct packet one, other;

	(void)state;
	segment_parse(ipv4_packet, IPV4_SIZE, &one);
	other = one;
	other.seq++;
	other.flags = TCP_SYN;
	assert_true(segment_same_way(&one, &other));
	other.from.port++;
	assert_false(segment_same_way(&one, &other));
	other.from = one.to;
	other.to = one.from;
	assert_false(segment_same_way(&one, &other));
}

static void words_that_are_none(void **state)
{
	static const char *const words[] = {
	    "",	     "form",	   "from ",   "flags:",	 "flags:fin;",	"flags:,fin", "text:",
	    "port:", "port:65536", "port:-1", "port: 1", "bytes:65536", "bytes:1k"};

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct segment_filter filter = {0};

		assert_int_equal(segment_filter_word(&filter, words[i]), -1);
	}
}

/* Every set of the six flags, there and back. */
static void flags_by_name(void **state)
{
	char text[SEGMENT_TEXT];

	(void)state;
	for (int bits = 1; bits < 0x40; bits++)
		assert_int_equal(segment_flags_read(segment_flags_text((uint8_t)bits, text)), bits);
	assert_string_equal(segment_flags_text(0, text), "none");
	assert_string_equal(segment_flags_text(0xff, text), "fin,syn,rst,psh,ack,urg");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(words_choose),  cmocka_unit_test(another_server_is_not_meant),
	    cmocka_unit_test(same_way),	     cmocka_unit_test(words_that_are_none),
	    cmocka_unit_test(flags_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
