/* SPDX-License-Identifier: MIT */
/* How a connection went, in the words of wire list and in Zeek's notation; fragments; filters. */
#include "wire/filter.h"
#include "wire/fragments.h"
#include "wire/test_common.h"

#define OPEN                                                                                       \
	{0, NO, 'c', "S", 0, 0, 0, 0, false}, {1, NO, 's', "SA", 0, 1, 0, 0, false},               \
	{                                                                                          \
		2, NO, 'c', "A", 1, 1, 0, 0, false                                                 \
	}
#define MOST 12

static void outcomes(void **state)
{
	static const struct {
		struct told told[MOST];
		enum wire_how how;
		enum wire_closer closer;
		uint64_t bytes[2];
		const char *conn_state, *history;
	} cases[] = {
	    {{OPEN, {3, NO, 'c', "PA", 1, 1, 6, 0, false}, {4, NO, 's', "A", 1, 7, 0, 0, false}},
	     WIRE_OPEN,
	     WIRE_NOBODY,
	     {6, 0},
	     "S1",
	     "ShADa"},
	    {{OPEN,
	      {3, NO, 'c', "PA", 1, 1, 6, 0, false},
	      {4, NO, 'c', "PA", 1, 1, 6, 0, false}, /* a repetition */
	      {5, NO, 's', "FA", 1, 7, 9, 0, false},
	      {6, NO, 'c', "FA", 7, 11, 0, 0, false},
	      {7, NO, 's', "A", 11, 8, 0, 0, false}},
	     WIRE_ORDERLY,
	     WIRE_SERVER_FIRST,
	     {6, 9},
	     "SF",
	     "ShADTfFa"},
	    {{OPEN,
	      {3, NO, 'c', "FA", 1, 1, 0, 0, false},
	      {4, NO, 's', "FA", 1, 1, 0, 0, false},
	      {5, NO, 'c', "A", 2, 2, 0, 0, false},
	      {6, NO, 's', "A", 2, 2, 0, 0, false}},
	     WIRE_ORDERLY,
	     WIRE_BOTH_FIRST,
	     {0, 0},
	     "SF",
	     "ShAFfa"},
	    {{OPEN, {3, NO, 'c', "FA", 1, 1, 0, 0, false}, {4, NO, 's', "A", 1, 2, 0, 0, false}},
	     WIRE_HALF_CLOSED,
	     WIRE_CLIENT_FIRST,
	     {0, 0},
	     "S2",
	     "ShAFa"},
	    {{OPEN, {3, NO, 's', "FA", 1, 1, 0, 0, false}, {4, NO, 'c', "A", 1, 2, 0, 0, false}},
	     WIRE_HALF_CLOSED,
	     WIRE_SERVER_FIRST,
	     {0, 0},
	     "S3",
	     "ShAf"},
	    {{OPEN, {3, NO, 'c', "PA", 1, 1, 6, 0, false}, {4, NO, 's', "RA", 1, 7, 0, 0, false}},
	     WIRE_WAS_RESET,
	     WIRE_SERVER_FIRST,
	     {6, 0},
	     "RSTR",
	     "ShADr"},
	    {{OPEN, {3, NO, 'c', "RA", 1, 1, 0, 0, false}},
	     WIRE_WAS_RESET,
	     WIRE_CLIENT_FIRST,
	     {0, 0},
	     "RSTO",
	     "ShAR"},
	    {{{0, NO, 'c', "S", 0, 0, 0, 0, false}, {1, NO, 's', "RA", -5000, 1, 0, 0, false}},
	     WIRE_WAS_REFUSED,
	     WIRE_SERVER_FIRST,
	     {0, 0},
	     "REJ",
	     "Sr"},
	    {{{0, NO, 'c', "S", 0, 0, 0, 0, false}, {900, NO, 'c', "S", 0, 0, 0, 0, false}},
	     WIRE_UNANSWERED,
	     WIRE_NOBODY,
	     {0, 0},
	     "S0",
	     "S"},
	    {{{0, NO, 's', "PA", 1, 1, 5, 0, false}, {1, NO, 'c', "A", 1, 6, 0, 0, false}},
	     WIRE_OPEN,
	     WIRE_NOBODY,
	     {0, 5},
	     "OTH",
	     "^dA"},
	};
	const struct wire_rules rules = {.infer_losses = true};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct wire_outcome outcome;
		struct wire_step steps[MOST];
		struct wire_store store;
		uint8_t ends[2];
		size_t count = 0;

		while (count < MOST && cases[i].told[count].flags)
			count++;
		wire_store_init(&store, true);
		tell_store(&store, cases[i].told, count);
		assert_int_equal(store.connections, 1);
		assert_int_equal(wire_derive(store.oldest, &rules, steps, ends, NULL, NULL), 0);
		wire_outcome_of(store.oldest, steps, ends, &outcome);
		assert_string_equal(outcome.history, cases[i].history);
		assert_string_equal(outcome.conn_state, cases[i].conn_state);
		assert_string_equal(wire_how_name(outcome.how), wire_how_name(cases[i].how));
		assert_int_equal(outcome.closer, cases[i].closer);
		for (int end = 0; end < 2; end++)
			assert_int_equal(outcome.bytes[end], cases[i].bytes[end]);
		wire_store_clear(&store);
	}
}

/* The first and the last fragment give the segment's length, in any order. */
static void fragments(void **state)
{
	struct packet first = {.family = AF_INET,
			       .id = 7,
			       .tcp = 20,
			       .payload = 40,
			       .end = 520,
			       .more = true,
			       .odd = PACKET_FRAGMENT,
			       .seq = 9};
	struct packet middle = first, last = first, got;
	struct fragments pending = {0};

	(void)state;
	middle.part = 500;
	last.part = 1000;
	last.more = false;
	last.end = 20 + 24;
	for (int turn = 0; turn < 2; turn++) {
		got = turn ? last : first;
		assert_false(fragments_take(&pending, &got));
		got = middle;
		assert_false(fragments_take(&pending, &got));
		got = turn ? first : last;
		assert_true(fragments_take(&pending, &got));
		assert_int_equal(got.length, 1000 + 24 - 20);
		assert_int_equal(got.seq, 9);
	}
	got = last;
	got.id = 8; /* of another packet */
	assert_false(fragments_take(&pending, &got));
}

static void filters(void **state)
{
	static const struct {
		const char *host;
		bool takes;
	} hosts[] = {
	    {"10.0.0.1", true},	    {"10.0.0.3", false}, {"10.0.0.0/30", true},
	    {"10.0.0.4/30", false}, {"0.0.0.0/0", true}, {"10.128.0.0/9", false},
	    {"fd00::/8", false},
	};
	static const char *const bad[] = {"",	      "10.0.0.0/",  "10.0.0.0/33",
					  "10.0.0/8", "fd00::/129", "x"};
	struct wire_connection c = {.family = AF_INET,
				    .end = {{{10, 0, 0, 1}, 40000}, {{10, 0, 0, 2}, 80}}};
	struct error error;

	(void)state;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		struct wire_filter filter = {0};

		assert_int_equal(filter_host(&filter, hosts[i].host, &error), 0);
		assert_int_equal(filter_takes(&filter, &c, 0), hosts[i].takes);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct wire_filter filter = {0};

		assert_int_equal(filter_host(&filter, bad[i], &error), -1);
		assert_int_equal(error.code, EXIT_USAGE);
		assert_int_equal(filter_connection(&filter, bad[i], &error), -1);
		assert_int_equal(filter_only(&filter, bad[i], &error), -1);
	}
	for (int turned = 0; turned < 2; turned++) {
		struct wire_filter filter = {0};

		assert_int_equal(filter_connection(&filter,
						   turned ? "10.0.0.2:80-10.0.0.1:40000"
							  : "10.0.0.1:40000-10.0.0.2:80",
						   &error),
				 0);
		assert_true(filter_takes(&filter, &c, 0));
		c.end[1].port = 81;
		assert_false(filter_takes(&filter, &c, 0));
		c.end[1].port = 80;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(outcomes), cmocka_unit_test(fragments),
					   cmocka_unit_test(filters)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
