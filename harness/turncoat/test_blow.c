/* SPDX-License-Identifier: MIT */
/* Messages of an unknown protocol, and where among them a relay strikes. */
#include "turncoat/relay.h"

#include "common/test.h"

#define PAUSE 100

static void what_is_a_strike(void **state)
{
	static const struct {
		const char *word;
		struct blow blow;
	} cases[] = {
	    {"pass", {.how = STRIKE_NONE, .at_once = true}},
	    {"gone", {.how = STRIKE_GONE, .at_once = true}},
	    {"fin@3", {.how = STRIKE_FIN, .nth = 1, .message = 3}},
	    {"rst@2.1+40", {.how = STRIKE_RST, .nth = 2, .message = 1, .bytes = 40}},
	    {"half@1+500000000", {.how = STRIKE_HALF, .nth = 1, .message = 1, .bytes = 500000000}},
	    {"trickle@12.7", {.how = STRIKE_TRICKLE, .nth = 12, .message = 7}},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct blow blow;
		struct error error;

		assert_int_equal(blow_read(cases[i].word, &blow, &error), 0);
		assert_string_equal(blow.text, cases[i].word);
		assert_int_equal(blow.how, cases[i].blow.how);
		assert_int_equal(blow.at_once, cases[i].blow.at_once);
		assert_int_equal(blow.nth, cases[i].blow.nth);
		assert_int_equal(blow.message, cases[i].blow.message);
		assert_int_equal(blow.bytes, cases[i].blow.bytes);
	}
}

static void what_is_none(void **state)
{
	static const char *const words[] = {
	    "",
	    "finn",
	    "fi",
	    "fin@",
	    "fin@0",
	    "fin@0.1",
	    "fin@1+",
	    "fin@1.",
	    "fin@1+2+3",
	    "fin@-1",
	    "fin@ 1",
	    "fin@1.2.3",
	    "fin@+3",
	    "pass@1",
	    "trickle",
	    "fin@1x",
	    "stall@1+1000000000000000000000000000000000000000000000",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(words); i++) {
		struct blow blow;
		struct error error;

		assert_int_equal(blow_read(words[i], &blow, &error), -1);
		assert_int_equal(error.code, EXIT_USAGE);
	}
}

/* The conversation, in words: c3: the client says 3 bytes, b3: the backend, _: a pause before.
 */
static void messages(void **state)
{
	static const struct {
		const char *said, *messages;
	} cases[] = {
	    {"c3", "c1:3"},
	    {"c3 b5 b5", "c1:3 b1:10"},
	    {"b9 c3 b5 c1 c1 b2", "b1:9 c1:3 b2:5 c2:2 b3:2"},
	    {"b9 _b9", "b1:9 b2:9"},
	    {"c1 _b4 b4 _b4", "c1:1 b1:8 b2:4"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct turns turns = {.pause = PAUSE};
		char found[80] = "", words[40], *rest = words;
		int64_t now = 1000;

		strcpy(words, cases[i].said);
		for (char *word; (word = strsep(&rest, " "));) {
			struct message over;
			bool pauses = *word == '_', client = word[pauses] == 'c';

			now += pauses ? PAUSE : PAUSE - 1;
			if (turns_take(&turns, client ? CLIENT : BACKEND,
				       (size_t)atoi(word + pauses + 1), now, &over) &&
			    over.number)
				sprintf(found + strlen(found), "%c%u:%u ",
					over.by == CLIENT ? 'c' : 'b', over.number,
					(unsigned int)over.bytes);
		}
		sprintf(found + strlen(found), "%c%u:%u", turns.message.by == CLIENT ? 'c' : 'b',
			turns.message.number, (unsigned int)turns.message.bytes);
		assert_string_equal(found, cases[i].messages);
	}
}

/* On the first connection: what goes through of 10 bytes of message 2, after 20 earlier ones. */
static void where_it_falls(void **state)
{
	static const struct {
		const char *word;
		size_t spared;
	} cases[] = {
	    {"pass", SIZE_MAX},	    {"fin", SIZE_MAX}, {"fin@3", SIZE_MAX}, {"fin@2.2", SIZE_MAX},
	    {"fin@2", 0},	    {"fin@2+20", 0},   {"fin@2+21", 1},	    {"fin@2+30", 10},
	    {"fin@2+31", SIZE_MAX}, {"fin@1+9000", 0}, /* that message was shorter */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct turns turns = {.message = {BACKEND, 2, 30}};
		struct blow blow;
		struct error error;

		assert_int_equal(blow_read(cases[i].word, &blow, &error), 0);
		assert_true(blow_spares(&blow, 1, &turns, 10) == cases[i].spared);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_a_strike),
	    cmocka_unit_test(what_is_none),
	    cmocka_unit_test(messages),
	    cmocka_unit_test(where_it_falls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
