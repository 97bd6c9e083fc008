/* SPDX-License-Identifier: MIT */
/* One tap: which connection a packet belongs to, whether it is a copy, and its place. */
#include "wire/test_common.h"

/* Show segments to one tap, one a ms, in the given order; @way as the link reports. */
static void tell_tap(struct wire_store *store, const struct told *told, size_t count,
		     enum packet_way client)
{
	for (size_t i = 0; i < count; i++) {
		struct packet packet = frame_of(&told[i], (int)i);
		bool from_client = told[i].from == 'c';

		packet.time = told[i].sent * (int64_t)MS;
		packet.way = client == PACKET_PASSING ? PACKET_PASSING
			     : from_client	      ? client
			     : client == PACKET_IN    ? PACKET_OUT
						      : PACKET_IN;
		assert_int_equal(wire_store_add(store, 0, &packet), 0);
	}
}

/* A SYN with a new number begins a connection, in either direction. */
static void a_port_that_is_used_again(void **state)
{
	static const struct told told[] = {
	    {0, NO, 'c', "S", 0, 0, 0, 0, false},
	    {1, NO, 's', "SA", 0, 1, 0, 0, false},
	    {2, NO, 'c', "A", 1, 1, 0, 0, false},
	    {3, NO, 'c', "FA", 1, 1, 0, 0, false},
	    {4, NO, 's', "FA", 1, 2, 0, 0, false},
	    {5, NO, 'c', "A", 2, 2, 0, 0, false},
	    {6, NO, 'c', "S", 90000, 0, 0, 0, false},
	    {7, NO, 's', "SA", 80000, 90001, 0, 0, false},
	    {8, NO, 's', "FA", 1, 2, 0, 0, false}, /* of the first one, late */
	    {9, NO, 'c', "A", 90001, 80001, 0, 0, false},
	};

	(void)state;
	for (int way = PACKET_PASSING; way <= PACKET_IN; way++) {
		struct wire_store store;

		wire_store_init(&store, true);
		tell_tap(&store, told, sizeof(told) / sizeof(told[0]), (enum packet_way)way);
		assert_int_equal(store.connections, 2);
		assert_int_equal(store.oldest->count, 7);
		assert_int_equal(store.newest->count, 3);
		wire_store_clear(&store);
	}
}

/* A port is reused, and the tap missed the opening of the first connection, or of the second. */
static void openings_that_were_missed(void **state)
{
	static const struct told told[] = {
	    {0, NO, 'c', "S", 0, 0, 0, 0, false},
	    {1, NO, 's', "SA", 0, 1, 0, 0, false},
	    {2, NO, 'c', "A", 1, 1, 0, 0, false},
	    {3, NO, 'c', "RA", 1, 1, 0, 0, false},
	    {6, NO, 'c', "S", 900000000, 0, 0, 0, false},
	    {7, NO, 's', "SA", 900000000, 900000001, 0, 0, false},
	    {9, NO, 'c', "A", 900000001, 900000001, 0, 0, false},
	    {9, NO, 'c', "PA", 900000001, 900000001, 9, 0, false},
	};
	static const size_t missed[][2] = {{1, 4}, {3, 4}, {4, 5}};

	(void)state;
	for (size_t m = 0; m < sizeof(missed) / sizeof(missed[0]); m++) {
		struct wire_store store;

		wire_store_init(&store, true);
		for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++)
			if (i != missed[m][0] && i != missed[m][1])
				tell_tap(&store, &told[i], 1, PACKET_PASSING);
		assert_int_equal(store.connections, 2);
		assert_int_equal(store.newest->bytes[WIRE_CLIENT], 9);
		for (int end = 0; missed[m][1] == 4 && end < 2; end++)
			assert_true(store.oldest->replaced[end] != WIRE_NEVER);
		wire_store_clear(&store);
	}
}

/* The text of a SYN counts, even if its acknowledgment was captured first. */
static void text_in_a_late_syn(void **state)
{
	static const struct told told[] = {
	    {0, NO, 's', "SA", 0, 66, 0, 0, false},
	    {0, NO, 'c', "S", 0, 0, 65, 0, false},
	    {1, NO, 'c', "A", 66, 1, 0, 0, false},
	};
	struct wire_store store;

	(void)state;
	wire_store_init(&store, true);
	tell_tap(&store, told, sizeof(told) / sizeof(told[0]), PACKET_PASSING);
	assert_int_equal(store.connections, 1);
	assert_int_equal(store.oldest->bytes[WIRE_CLIENT], 65);
	wire_store_clear(&store);
}

/* The other end's answer is captured first: one connection, in the order of events. */
static void what_was_captured_late(void **state)
{
	static const struct told told[] = {
	    {0, NO, 's', "SA", 0, 1, 0, 0, false}, {0, NO, 'c', "S", 0, 0, 0, 0, false},
	    {1, NO, 'c', "A", 1, 1, 0, 0, false},  {2, NO, 's', "A", 1, 7, 0, 0, false},
	    {2, NO, 'c', "PA", 1, 1, 6, 0, false}, {3, NO, 'c', "R", 9, 0, 0, 0, false},
	    {3, NO, 'c', "PA", 7, 1, 2, 0, false},
	};
	static const size_t order[] = {1, 0, 2, 4, 3, 6, 5};
	struct wire_store store;

	(void)state;
	wire_store_init(&store, true);
	tell_tap(&store, told, sizeof(told) / sizeof(told[0]), PACKET_PASSING);
	assert_int_equal(store.connections, 1);
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		const struct wire_segment *s = &store.oldest->segments[i];

		assert_int_equal(s->from, told[order[i]].from == 'c' ? WIRE_CLIENT : WIRE_SERVER);
		assert_int_equal(s->id, order[i] + 1);
	}
	assert_int_equal(store.oldest->bytes[WIRE_CLIENT], 8);
	wire_store_clear(&store);
}

/* A copy has the same IPv4 Identification; a retransmission has another one. */
static void copies(void **state)
{
	static const struct told told[] = {
	    {0, NO, 'c', "S", 0, 0, 0, 7, false},   {0, NO, 'c', "S", 0, 0, 0, 7, false},
	    {40, NO, 'c', "S", 0, 0, 0, 7, false},  {41, NO, 'c', "S", 0, 0, 0, 8, false},
	    {100, NO, 'c', "S", 0, 0, 0, 7, false}, /* too late for a copy */
	};
	struct wire_store store;

	(void)state;
	wire_store_init(&store, true);
	tell_tap(&store, told, sizeof(told) / sizeof(told[0]), PACKET_PASSING);
	assert_int_equal(store.connections, 1);
	assert_int_equal(store.oldest->count, 3);
	assert_int_equal(store.doubled, 2);
	assert_int_equal(store.oldest->segments[0].copies, 2);
	wire_store_clear(&store);
}

/* After translation the same packet has other addresses; another packet has other numbers. */
static void translated(void **state)
{
	static const struct {
		uint8_t host;
		uint16_t id;
		bool stamped, crafted;
		uint32_t stamp;
		uint64_t connections;
	} cases[] = {
	    {9, 1, true, false, 5, 1}, /* another server */
	    {9, 2, true, false, 5, 2},	{9, 1, true, false, 6, 2},
	    {9, 0, true, false, 5, 1},	{9, 1, false, false, 0, 1},
	    {9, 0, false, false, 0, 2}, {9, 1, false, true, 0, 2}, /* a scan */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct told syn = {0, NO, 'c', "S", 0, 0, 0, 1, false};
		const struct told answer = {1, NO, 's', "SA", 0, 1, 0, 1, false};
		struct packet packet = frame_of(&syn, 0), back = frame_of(&answer, 1);
		struct wire_store store;

		wire_store_init(&store, true);
		packet.stamped = cases[i].stamped;
		packet.stamp = cases[i].stamped ? 5 : 0;
		packet.seq = cases[i].crafted ? 0 : packet.seq;
		packet.id = cases[i].id ? 1 : 0;
		assert_int_equal(wire_store_add(&store, 0, &packet), 0);
		packet.to.address[3] = cases[i].host;
		packet.id = cases[i].id;
		packet.stamp = cases[i].stamp;
		packet.check = 99;
		assert_int_equal(wire_store_add(&store, 0, &packet), 0);
		assert_int_equal(store.connections, cases[i].connections);
		back.from = packet.to;
		assert_int_equal(wire_store_add(&store, 0, &back), 0);
		assert_int_equal(store.connections, cases[i].connections);
		if (store.connections == 1)
			assert_int_equal(store.oldest->count, 2);
		wire_store_clear(&store);
	}
}

/* For any choice of ports, the time grows linearly with their number. */
static void many_in_one_place(void **state)
{
	struct wire_store store;

	(void)state;
	wire_store_init(&store, true);
	store.key[0] = 0x123456789abcdefu;
	for (uint32_t i = 0; i < 40000; i++) {
		const struct told syn = {0, NO, 'c', "S", 0, 0, 0, 1, false};
		struct packet packet = frame_of(&syn, 0);

		packet.from.port = (uint16_t)(i * 64);
		packet.from.address[2] = (uint8_t)(i >> 10);
		assert_int_equal(wire_store_add(&store, 0, &packet), 0);
	}
	assert_int_equal(store.connections, 40000);
	wire_store_clear(&store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_port_that_is_used_again),
	    cmocka_unit_test(openings_that_were_missed),
	    cmocka_unit_test(text_in_a_late_syn),
	    cmocka_unit_test(what_was_captured_late),
	    cmocka_unit_test(copies),
	    cmocka_unit_test(translated),
	    cmocka_unit_test(many_in_one_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
