/* SPDX-License-Identifier: MIT */
/* From segments to states: how connections begin and end. */
#include "wire/test_common.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The rungs and ends of a connection, "SYN_SENT SYN_RECEIVED lost; ...; = TIME_WAIT CLOSED". */
static const char *story(const struct wire_connection *c, const struct wire_rules *rules)
{
	static char text[4096];
	struct wire_step steps[64];
	uint8_t ends[2];
	size_t used = 0;

	assert_true(c->count <= COUNT(steps));
	assert_int_equal(wire_derive(c, rules, steps, ends, NULL, NULL), 0);
	for (size_t i = 0; i < c->count; i++) {
		used += (size_t)sprintf(text + used, "%s %s", wire_state_name(steps[i].state[0]),
					wire_state_name(steps[i].state[1]));
		for (unsigned bit = 0; bit < WIRE_MARKS; bit++)
			if (steps[i].marks & 1u << bit)
				used += (size_t)sprintf(text + used, " %s", wire_mark_name(bit));
		used += (size_t)sprintf(text + used, "; ");
	}
	sprintf(text + used, "= %s %s", wire_state_name(ends[0]), wire_state_name(ends[1]));
	return text;
}

static const struct wire_rules exact = {.rfc1337 = 3};

static void check_with(const struct told *told, size_t count, const struct wire_rules *rules,
		       bool one_tap, const char *wanted)
{
	struct wire_store store;

	wire_store_init(&store, one_tap);
	tell_store(&store, told, count);
	assert_int_equal(store.connections, 1);
	assert_string_equal(story(store.oldest, rules), wanted);
	wire_store_clear(&store);
}

#define CHECK(told, wanted) check_with(told, COUNT(told), &exact, false, wanted)

#define HANDSHAKE                                                                                  \
	{0, 1, 'c', "S", 0, 0, 0, 0, false}, {2, 3, 's', "SA", 0, 1, 0, -1, false},                \
	{                                                                                          \
		4, 5, 'c', "A", 1, 1, 0, 0, false                                                  \
	}
#define OPENED "SYN_SENT SYN_RECEIVED; ESTABLISHED SYN_RECEIVED; ESTABLISHED ESTABLISHED; "

static void four_way(void **state)
{
	const struct told told[] = {HANDSHAKE,
				    {10, 11, 'c', "PA", 1, 1, 6, 0, false},
				    {12, 13, 's', "A", 1, 7, 0, 0, false},
				    {20, 21, 'c', "FA", 7, 1, 0, 0, false},
				    {22, 23, 's', "A", 1, 8, 0, 0, false},
				    {30, 31, 's', "FA", 1, 8, 0, 0, false},
				    {32, 33, 'c', "A", 8, 2, 0, 0, false}};

	(void)state;
	CHECK(told, OPENED "ESTABLISHED ESTABLISHED; ESTABLISHED ESTABLISHED; "
			   "FIN_WAIT1 CLOSE_WAIT; FIN_WAIT2 CLOSE_WAIT; TIME_WAIT LAST_ACK; "
			   "TIME_WAIT CLOSED; = TIME_WAIT CLOSED");
}

static void three_packets(void **state)
{
	const struct told told[] = {HANDSHAKE,
				    {20, 21, 'c', "FA", 1, 1, 0, 0, false},
				    {22, 23, 's', "FA", 1, 2, 0, 0, false},
				    {24, 25, 'c', "A", 2, 2, 0, 0, false}};

	(void)state;
	CHECK(told, OPENED "FIN_WAIT1 CLOSE_WAIT; TIME_WAIT LAST_ACK; TIME_WAIT CLOSED; "
			   "= TIME_WAIT CLOSED");
}

static void simultaneous_close(void **state)
{
	const struct told told[] = {HANDSHAKE,
				    {20, 30, 'c', "FA", 1, 1, 0, 0, false},
				    {21, 31, 's', "FA", 1, 1, 0, 0, false},
				    {32, 40, 'c', "A", 2, 2, 0, 0, false},
				    {33, 41, 's', "A", 2, 2, 0, 0, false}};

	(void)state;
	CHECK(told, OPENED "FIN_WAIT1 CLOSING; CLOSING FIN_WAIT1; CLOSING TIME_WAIT; "
			   "TIME_WAIT CLOSING; = TIME_WAIT TIME_WAIT");
}

/* The server's FIN was kept back: it left after the client's had come, but does not acknowledge
 * it. */
static void a_fin_that_was_kept_back(void **state)
{
	const struct told told[] = {HANDSHAKE,
				    {20, 21, 'c', "FA", 1, 1, 0, 0, false},
				    {30, 31, 's', "FA", 1, 1, 0, 0, false}};

	(void)state;
	CHECK(told, OPENED "FIN_WAIT1 CLOSING; CLOSING CLOSING; = CLOSING CLOSING");
}

static void lost_fin(void **state)
{
	const struct told told[] = {HANDSHAKE,
				    {20, 21, 'c', "FA", 1, 1, 0, 0, true},
				    {220, 221, 'c', "FA", 1, 1, 0, 0, false},
				    {222, 223, 's', "A", 1, 2, 0, 0, false}};

	(void)state;
	CHECK(told, OPENED "FIN_WAIT1 ESTABLISHED lost; FIN_WAIT1 CLOSE_WAIT retransmission; "
			   "FIN_WAIT2 CLOSE_WAIT; = FIN_WAIT2 CLOSE_WAIT");
}

/* Nobody logs what is dropped: the same result is inferred, with one tap and with two. */
static void lost_fin_inferred(void **state)
{
	const struct told told[] = {HANDSHAKE,
				    {20, 21, 'c', "FA", 1, 1, 0, 0, false},
				    {220, 221, 'c', "FA", 1, 1, 0, 0, false},
				    {222, 223, 's', "A", 1, 2, 0, 0, false}};
	const struct told once[] = {HANDSHAKE,
				    {20, NO, 'c', "FA", 1, 1, 0, 0, false},
				    {220, NO, 'c', "FA", 1, 1, 0, 0, false},
				    {222, NO, 's', "A", 1, 2, 0, 0, false}};
	const struct wire_rules infer = {.rfc1337 = 3, .infer_losses = true};
	const char wanted[] = OPENED "FIN_WAIT1 ESTABLISHED lost; FIN_WAIT1 CLOSE_WAIT "
				     "retransmission; FIN_WAIT2 CLOSE_WAIT; = FIN_WAIT2 CLOSE_WAIT";
	struct told single[COUNT(once)];

	(void)state;
	check_with(told, COUNT(told), &infer, false, wanted);
	memcpy(single, once, sizeof(once));
	for (size_t i = 0; i < COUNT(single); i++)
		single[i].arrives = NO;
	check_with(single, COUNT(single), &infer, true, wanted);
}

/* A FIN that was acknowledged in between was not lost, although it is sent again. */
static void lost_last_ack(void **state)
{
	const struct told told[] = {HANDSHAKE,
				    {20, 21, 'c', "FA", 1, 1, 0, 0, false},
				    {22, 23, 's', "A", 1, 2, 0, 0, false},
				    {30, 31, 's', "FA", 1, 2, 0, 0, false},
				    {32, 33, 'c', "A", 2, 2, 0, 0, true},
				    {230, 231, 's', "FA", 1, 2, 0, 0, false},
				    {232, 233, 'c', "A", 2, 2, 0, -1, false}};

	(void)state;
	CHECK(told, OPENED "FIN_WAIT1 CLOSE_WAIT; FIN_WAIT2 CLOSE_WAIT; TIME_WAIT LAST_ACK; "
			   "TIME_WAIT LAST_ACK lost; TIME_WAIT LAST_ACK retransmission; "
			   "TIME_WAIT CLOSED; = TIME_WAIT CLOSED");
}

/* A FIN that overtakes lost data is not processed before the data. */
static void fin_before_data(void **state)
{
	const struct told told[] = {HANDSHAKE,
				    {10, NO, 'c', "PA", 1, 1, 6, 0, false},
				    {20, 21, 'c', "FA", 7, 1, 0, 0, false},
				    {30, 31, 'c', "PA", 1, 1, 6, 0, false}};

	(void)state;
	CHECK(told, OPENED "ESTABLISHED ESTABLISHED lost; FIN_WAIT1 ESTABLISHED; "
			   "FIN_WAIT1 CLOSE_WAIT retransmission; = FIN_WAIT1 CLOSE_WAIT");
}

static void half_close(void **state)
{
	const struct told told[] = {HANDSHAKE,
				    {20, 21, 'c', "FA", 1, 1, 0, 0, false},
				    {22, 23, 's', "PA", 1, 2, 9, 0, false},
				    {24, 25, 'c', "A", 2, 10, 0, 0, false},
				    {30, 31, 's', "FA", 10, 2, 0, 0, false}};

	(void)state;
	CHECK(told, OPENED "FIN_WAIT1 CLOSE_WAIT; FIN_WAIT2 CLOSE_WAIT; FIN_WAIT2 CLOSE_WAIT; "
			   "TIME_WAIT LAST_ACK; = TIME_WAIT LAST_ACK");
}

static void refused(void **state)
{
	const struct told told[] = {{0, 1, 'c', "S", 0, 0, 0, 0, false},
				    {2, 3, 's', "RA", -(int)ISN_SERVER, 1, 0, -1, false}};

	(void)state;
	CHECK(told, "SYN_SENT CLOSED; CLOSED CLOSED refused; = CLOSED CLOSED");
}

static void simultaneous_open(void **state)
{
	const struct told told[] = {{0, 10, 'c', "S", 0, 0, 0, 0, false},
				    {1, 11, 's', "S", 0, 0, 0, 0, false},
				    {12, 20, 's', "SA", 0, 1, 0, 0, false},
				    {13, 21, 'c', "SA", 0, 1, 0, 0, false}};

	(void)state;
	CHECK(told, "SYN_SENT SYN_RECEIVED; SYN_RECEIVED SYN_SENT; ESTABLISHED SYN_RECEIVED; "
		    "SYN_RECEIVED ESTABLISHED; "
		    "= ESTABLISHED ESTABLISHED");
}

/* RFC 5961: only the exact number ends a connection. */
static void resets(void **state)
{
	static const struct {
		int seq;
		const char *wanted;
	} cases[] = {
	    {1, OPENED "CLOSED CLOSED reset; = CLOSED CLOSED"},
	    {2, OPENED "CLOSED ESTABLISHED reset; = CLOSED ESTABLISHED"},
	    {70000, OPENED "CLOSED ESTABLISHED reset; = CLOSED ESTABLISHED"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct told told[] = {HANDSHAKE,
					    {20, 21, 'c', "R", cases[i].seq, 0, 0, 0, false}};

		CHECK(told, cases[i].wanted);
	}
}

/* A RST in each state of the end that gets it. */
static void reset_in_each_state(void **state)
{
	const struct told fin_wait1[] = {HANDSHAKE,
					 {20, 21, 'c', "FA", 1, 1, 0, 0, true},
					 {30, 31, 's', "R", 1, 0, 0, 0, false}};
	const struct told fin_wait2[] = {HANDSHAKE,
					 {20, 21, 'c', "FA", 1, 1, 0, 0, false},
					 {22, 23, 's', "A", 1, 2, 0, 0, false},
					 {30, 31, 's', "R", 1, 0, 0, 0, false}};
	const struct told close_wait[] = {HANDSHAKE,
					  {20, 21, 'c', "FA", 1, 1, 0, 0, false},
					  {30, 31, 'c', "R", 2, 0, 0, 0, false}};
	const struct told last_ack[] = {HANDSHAKE,
					{20, 21, 'c', "FA", 1, 1, 0, 0, false},
					{22, 23, 's', "FA", 1, 2, 0, 0, true},
					{30, 31, 'c', "R", 2, 0, 0, 0, false}};
	const struct told syn_received[] = {{0, 1, 'c', "S", 0, 0, 0, 0, false},
					    {2, 3, 's', "SA", 0, 1, 0, -1, false},
					    {4, 5, 'c', "R", 1, 0, 0, 0, false}};

	(void)state;
	CHECK(fin_wait1, OPENED "FIN_WAIT1 ESTABLISHED lost; CLOSED CLOSED reset; = CLOSED CLOSED");
	CHECK(fin_wait2, OPENED "FIN_WAIT1 CLOSE_WAIT; FIN_WAIT2 CLOSE_WAIT; CLOSED CLOSED reset; "
				"= CLOSED CLOSED");
	CHECK(close_wait, OPENED "FIN_WAIT1 CLOSE_WAIT; CLOSED CLOSED reset; = CLOSED CLOSED");
	CHECK(last_ack, OPENED "FIN_WAIT1 CLOSE_WAIT; FIN_WAIT1 LAST_ACK lost; "
			       "CLOSED CLOSED reset; = CLOSED CLOSED");
	CHECK(syn_received, "SYN_SENT SYN_RECEIVED; ESTABLISHED SYN_RECEIVED; "
			    "CLOSED CLOSED reset; = CLOSED CLOSED");
}

#define CLOSED_ORDERLY                                                                             \
	{20, 21, 'c', "FA", 1, 1, 0, 0, false}, {22, 23, 's', "FA", 1, 2, 0, 0, false},            \
	{                                                                                          \
		24, 25, 'c', "A", 2, 2, 0, 0, false                                                \
	}
#define ENDED "FIN_WAIT1 CLOSE_WAIT; TIME_WAIT LAST_ACK; TIME_WAIT CLOSED; "

/* RFC 1337: a RST ends TIME_WAIT unless the host ignores it. */
static void assassination(void **state)
{
	const struct told told[] = {
	    HANDSHAKE, CLOSED_ORDERLY, {50, 51, 's', "R", 2, 0, 0, 5, false}};
	const struct wire_rules weak = {.rfc1337 = 0};

	(void)state;
	CHECK(told, OPENED ENDED "TIME_WAIT CLOSED reset injected; = TIME_WAIT CLOSED");
	check_with(told, COUNT(told), &weak, false,
		   OPENED ENDED "CLOSED CLOSED reset injected; = CLOSED CLOSED");
}

static void time_wait_is_over(void **state)
{
	const struct told told[] = {HANDSHAKE, CLOSED_ORDERLY};
	const struct wire_rules later = {.until = 60023ll * MS}, sooner = {.until = 60022ll * MS};

	(void)state;
	check_with(told, COUNT(told), &sooner, false, OPENED ENDED "= TIME_WAIT CLOSED");
	check_with(told, COUNT(told), &later, false, OPENED ENDED "= CLOSED CLOSED");
}

/* A new SYN with other numbers replaces a TIME_WAIT: another connection. */
static void time_wait_is_reused(void **state)
{
	const struct told told[] = {HANDSHAKE,
				    CLOSED_ORDERLY,
				    {2000, 2001, 'c', "S", 90000, 0, 0, 900, false},
				    {2002, 2003, 's', "SA", 80000, 90001, 0, -1, false}};
	struct wire_store store;

	(void)state;
	wire_store_init(&store, false);
	tell_store(&store, told, COUNT(told));
	assert_int_equal(store.connections, 2);
	assert_string_equal(story(store.oldest, &(struct wire_rules){.until = 1999ll * MS}),
			    OPENED ENDED "= TIME_WAIT CLOSED");
	assert_string_equal(story(store.oldest, &(struct wire_rules){.until = 2000ll * MS}),
			    OPENED ENDED "= CLOSED CLOSED");
	assert_string_equal(story(store.newest, &exact),
			    "SYN_SENT SYN_RECEIVED; ESTABLISHED SYN_RECEIVED; "
			    "= ESTABLISHED SYN_RECEIVED");
	wire_store_clear(&store);
}

/* What arrived and was never sent, and what arrived twice. */
static void injected_and_duplicate(void **state)
{
	const struct told told[] = {HANDSHAKE,
				    {NO, 20, 's', "A", 1, 1, 0, 777, false},
				    {30, 31, 'c', "PA", 1, 1, 6, 300, false},
				    {NO, 32, 'c', "PA", 1, 1, 6, 300, false}};

	(void)state;
	CHECK(told, OPENED "ESTABLISHED ESTABLISHED injected; ESTABLISHED ESTABLISHED; "
			   "ESTABLISHED ESTABLISHED duplicate; = ESTABLISHED ESTABLISHED");
}

static void keepalive(void **state)
{
	const struct told told[] = {HANDSHAKE,
				    {7000, 7001, 'c', "A", 0, 1, 0, 0, false},
				    {7002, 7003, 's', "A", 1, 1, 0, 0, false}};

	(void)state;
	CHECK(told, OPENED "ESTABLISHED ESTABLISHED keepalive; ESTABLISHED ESTABLISHED; "
			   "= ESTABLISHED ESTABLISHED");
}

/* A socket that connects to itself is both ends: shown when it sends, and when it receives what it
 * sent. */
static void self_connect(void **state)
{
	static const char *const flags[] = {"S", "SA", "FA", "A"};
	const uint32_t seq[] = {0, 0, 1, 2}, ack[] = {0, 1, 1, 2};
	struct wire_store store;

	(void)state;
	wire_store_init(&store, false);
	for (size_t i = 0; i < COUNT(flags); i++) {
		struct packet packet = {.time = (int64_t)i * MS,
					.way = PACKET_PASSING,
					.family = AF_INET,
					.from = {{127, 0, 0, 1}, 40000},
					.to = {{127, 0, 0, 1}, 40000},
					.seq = seq[i],
					.ack = ack[i],
					.id = (uint16_t)(i + 1),
					.flags = flags_of(flags[i])};

		assert_int_equal(wire_store_add(&store, 0, &packet), 0);
	}
	assert_int_equal(store.connections, 1);
	assert_string_equal(story(store.oldest, &exact),
			    "SYN_SENT SYN_RECEIVED; SYN_RECEIVED ESTABLISHED; FIN_WAIT1 CLOSING; "
			    "CLOSING TIME_WAIT; = TIME_WAIT TIME_WAIT");
	wire_store_clear(&store);
}

/* The tap began in the middle: both ends are open, and close as usual. */
static void from_the_middle(void **state)
{
	const struct told told[] = {{10, 11, 'c', "PA", 1, 1, 6, 0, false},
				    {20, 21, 'c', "FA", 7, 1, 0, 0, false},
				    {22, 23, 's', "FA", 1, 8, 0, 0, false}};

	(void)state;
	CHECK(told, "ESTABLISHED ESTABLISHED; FIN_WAIT1 CLOSE_WAIT; TIME_WAIT LAST_ACK; "
		    "= TIME_WAIT LAST_ACK");
}

/* Memory stays bounded, and the ends of a long connection stay right. */
static void a_long_connection(void **state)
{
	struct told data = {0, 0, 'c', "PA", 1, 1, 100, 0, false};
	const struct told opening[] = {HANDSHAKE};
	struct wire_store store;
	struct packet packet;
	struct wire_step *steps;
	uint8_t ends[2];

	(void)state;
	wire_store_init(&store, true);
	tell_store(&store, opening, COUNT(opening));
	for (int i = 0; i < 20000; i++, data.seq += 100) {
		packet = frame_of(&data, i);
		packet.time = (10 + i) * (int64_t)MS;
		assert_int_equal(wire_store_add(&store, 0, &packet), 0);
	}
	data.flags = "FA";
	packet = frame_of(&data, 30000);
	packet.time = 30000 * (int64_t)MS;
	assert_int_equal(wire_store_add(&store, 0, &packet), 0);
	assert_true(store.oldest->count <= 4096);
	assert_true(store.oldest->left_out > 15000);
	steps = calloc(store.oldest->count, sizeof(*steps));
	assert_int_equal(wire_derive(store.oldest, &exact, steps, ends, NULL, NULL), 0);
	assert_int_equal(ends[0], STATE_FIN_WAIT1);
	assert_int_equal(ends[1], STATE_CLOSE_WAIT);
	free(steps);
	wire_store_clear(&store);
}

/* One tap: an end that still speaks after a RST did not accept it. A RST whose sender still speaks
 * was forged. */
static void resets_without_effect(void **state)
{
	const struct told lost[] = {{0, NO, 'c', "S", 0, 0, 0, 0, false},
				    {2, NO, 's', "SA", 0, 1, 0, -1, false},
				    {4, NO, 'c', "A", 1, 1, 0, 0, false},
				    {10, NO, 's', "RA", 1, 1, 0, 0, false},
				    {900, NO, 'c', "FA", 1, 1, 0, 0, false}};
	const struct told injected[] = {
	    {0, NO, 'c', "S", 0, 0, 0, 0, false},    {2, NO, 's', "SA", 0, 1, 0, -1, false},
	    {4, NO, 'c', "A", 1, 1, 0, 0, false},    {10, NO, 's', "RA", 1, 1, 0, 0, false},
	    {900, NO, 'c', "PA", 1, 1, 5, 0, false}, {901, NO, 's', "A", 1, 6, 0, 0, false}};
	const struct wire_rules infer = {.infer_losses = true};

	(void)state;
	check_with(lost, COUNT(lost), &infer, true,
		   OPENED "ESTABLISHED CLOSED lost reset; FIN_WAIT1 CLOSED; = FIN_WAIT1 CLOSED");
	check_with(injected, COUNT(injected), &infer, true,
		   OPENED "ESTABLISHED ESTABLISHED lost reset injected; ESTABLISHED ESTABLISHED; "
			  "ESTABLISHED ESTABLISHED; = ESTABLISHED ESTABLISHED");
}

/* One tap: the last copy of a FIN is lost like those before it, if there was time to answer. */
static void a_fin_that_nobody_answers(void **state)
{
	const struct told told[] = {{0, NO, 'c', "S", 0, 0, 0, 0, false},
				    {2, NO, 's', "SA", 0, 1, 0, -1, false},
				    {4, NO, 'c', "A", 1, 1, 0, 0, false},
				    {10, NO, 'c', "FA", 1, 1, 0, 0, false},
				    {210, NO, 'c', "FA", 1, 1, 0, 0, false}};
	struct wire_rules infer = {.infer_losses = true, .until = 300ll * MS};

	(void)state;
	check_with(told, COUNT(told), &infer, true,
		   OPENED "FIN_WAIT1 ESTABLISHED lost; FIN_WAIT1 CLOSE_WAIT retransmission; "
			  "= FIN_WAIT1 CLOSE_WAIT");
	infer.until = 500ll * MS;
	check_with(told, COUNT(told), &infer, true,
		   OPENED "FIN_WAIT1 ESTABLISHED lost; FIN_WAIT1 ESTABLISHED retransmission lost; "
			  "= FIN_WAIT1 ESTABLISHED");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(four_way),
	    cmocka_unit_test(three_packets),
	    cmocka_unit_test(simultaneous_close),
	    cmocka_unit_test(a_fin_that_was_kept_back),
	    cmocka_unit_test(lost_fin),
	    cmocka_unit_test(lost_fin_inferred),
	    cmocka_unit_test(lost_last_ack),
	    cmocka_unit_test(fin_before_data),
	    cmocka_unit_test(half_close),
	    cmocka_unit_test(refused),
	    cmocka_unit_test(simultaneous_open),
	    cmocka_unit_test(resets),
	    cmocka_unit_test(reset_in_each_state),
	    cmocka_unit_test(assassination),
	    cmocka_unit_test(time_wait_is_over),
	    cmocka_unit_test(time_wait_is_reused),
	    cmocka_unit_test(injected_and_duplicate),
	    cmocka_unit_test(keepalive),
	    cmocka_unit_test(self_connect),
	    cmocka_unit_test(from_the_middle),
	    cmocka_unit_test(a_long_connection),
	    cmocka_unit_test(resets_without_effect),
	    cmocka_unit_test(a_fin_that_nobody_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
