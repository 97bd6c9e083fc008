/* SPDX-License-Identifier: MIT */
/* Other ends: distinguished, added up, chosen. */
#include "census/table.h"
#include "census/test_replay.h"

/* A CLOSE_WAIT of ours on @port, whose other end is @peer. */
static void add_end(struct fixture *fixture, uint8_t state, uint16_t port, const char *peer,
		    uint16_t peer_port)
{
	bool six = strchr(peer, ':');
	struct inet_diag_msg msg = {
	    .idiag_family = six ? AF_INET6 : AF_INET,
	    .idiag_state = state,
	};

	msg.id.idiag_sport = htons(port);
	msg.id.idiag_dport = htons(peer_port);
	inet_pton(msg.idiag_family, peer, msg.id.idiag_dst);
	add_message(&fixture->datagram, TCPDIAG_GETSOCK, NLM_F_MULTI, &msg, sizeof(msg));
}

/* 4 to one upstream, one of them by a mapped address; 2 from a client; 1 with IPv6. */
static struct census_snapshot *counted(struct fixture *fixture)
{
	add_end(fixture, STATE_LISTEN, 9000, "0.0.0.0", 0);
	for (uint16_t i = 0; i < 3; i++)
		add_end(fixture, STATE_CLOSE_WAIT, 40000 + i, "10.0.0.9", 443);
	add_end(fixture, STATE_CLOSE_WAIT, 40003, "::ffff:10.0.0.9", 443);
	add_end(fixture, STATE_CLOSE_WAIT, 9000, "10.9.0.1", 33001);
	add_end(fixture, STATE_CLOSE_WAIT, 9000, "10.9.0.1", 33002);
	add_end(fixture, STATE_ESTABLISHED, 40004, "fd00::1", 443);
	add_done(&fixture->datagram, 0);
	return take(fixture, COUNTED);
}

static void assert_remotes(const struct census_snapshot *snapshot, size_t count,
			   const char *const *texts, const uint64_t *counts)
{
	assert_int_equal(snapshot->remote_count, count);
	for (size_t i = 0; i < count; i++) {
		char text[REMOTE_TEXT];

		assert_string_equal(remote_text(&snapshot->remotes[i], text), texts[i]);
		assert_int_equal(snapshot->remotes[i].count, counts[i]);
	}
}

static void by_row_by_end_by_address_by_port(void **state)
{
	static const struct {
		enum census_ends ends;
		size_t count;
		const char *texts[8];
		uint64_t counts[8];
	} cases[] = {
	    {CENSUS_ENDS_OF_ROWS, 3, {"[fd00::1]:443", "10.0.0.9:443", "10.9.0.1"}, {1, 4, 2}},
	    {CENSUS_ENDS_WHOLE,
	     4,
	     {"10.0.0.9:443", "[fd00::1]:443", "10.9.0.1:33001", "10.9.0.1:33002"},
	     {4, 1, 1, 1}},
	    {CENSUS_ENDS_ADDRESS, 3, {"10.0.0.9", "10.9.0.1", "[fd00::1]"}, {4, 2, 1}},
	    {CENSUS_ENDS_PORT,
	     4,
	     {"port 443", "port 443", "port 33001", "port 33002"},
	     {4, 1, 1, 1}},
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fixture->datagram.length = 0;
		census_tell_ends(fixture->census, cases[i].ends);
		assert_remotes(counted(fixture), cases[i].count, cases[i].texts, cases[i].counts);
	}
}

/* The other end that a table shows for a row: the first. */
static char *first_of(const struct census_snapshot *snapshot, uint16_t local_port, char *text)
{
	size_t i = 0;

	while (i < snapshot->remote_count && snapshot->remotes[i].local_port != local_port)
		i++;
	assert_true(i < snapshot->remote_count);
	remote_text(&snapshot->remotes[i], text);
	return text;
}

/* Whether all are sorted or, of few rows, only these are found. */
static void the_most_frequent_of_each_row_comes_first(void **state)
{
	static const char *const peers[] = {"10.0.0.4", "10.0.0.3", "10.0.0.2", "10.0.0.3",
					    "10.0.0.2"};
	struct fixture *fixture = *state;

	for (uint16_t rows = 1; rows <= 70; rows += 69) {
		for (int sorted = 0; sorted < 2; sorted++) {
			struct census_needs needs = COUNTED;
			struct census_snapshot *snapshot;
			char text[REMOTE_TEXT];

			fixture->datagram.length = 0;
			for (uint16_t i = 0; i < rows * 5; i++)
				add_end(fixture, STATE_CLOSE_WAIT, 1000 + i % rows, peers[i / rows],
					i);
			add_done(&fixture->datagram, 0);
			needs.remotes = sorted;
			snapshot = take(fixture, needs);
			assert_int_equal(snapshot->remote_count, rows * 3);
			for (uint16_t row = 0; row < rows; row++) /* of two, the lower address */
				assert_string_equal(first_of(snapshot, 1000 + row, text),
						    "10.0.0.2");
		}
	}
}

static void only_the_other_ends_asked(void **state)
{
	static const struct {
		const char *address;
		unsigned int port;
		uint64_t close_wait, established;
	} cases[] = {
	    {"10.0.0.9", 0, 4, 0},  {"10.0.0.0/13", 0, 4, 0},	{"10.0.0.0/8", 0, 6, 0},
	    {"0.0.0.0/0", 0, 6, 0}, {"::/0", 0, 0, 1},		{"fd00::2/126", 0, 0, 1},
	    {"fd00::2", 0, 0, 0},   {NULL, 443, 4, 1},		{"10.0.0.0/8", 33001, 1, 0},
	    {"10.0.0.10", 0, 0, 0}, {"10.0.0.8/31", 443, 4, 0},
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct census_snapshot *snapshot;
		struct error error;

		if (i)
			assert_int_equal(tear_down(state) + set_up(state), 0);
		fixture = *state;
		if (cases[i].address)
			assert_int_equal(
			    census_add_remote(fixture->census, cases[i].address, &error), 0);
		if (cases[i].port)
			assert_int_equal(
			    census_add_remote_port(fixture->census, cases[i].port, &error), 0);
		snapshot = counted(fixture);
		assert_int_equal(snapshot->states[STATE_CLOSE_WAIT], cases[i].close_wait);
		assert_int_equal(snapshot->states[STATE_ESTABLISHED], cases[i].established);
		assert_int_equal(snapshot->states[STATE_LISTEN], 0);
	}
}

static void what_is_no_address(void **state)
{
	static const char *const wrong[] = {"",
					    "10.0.0",
					    "10.0.0.0/33",
					    "fd00::/129",
					    "10.0.0.0/8x",
					    "10.0.0.0/",
					    "host",
					    "10.0.0.0/-1",
					    "fd00::1::",
					    "1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16.17.18.19"};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct error error = {0};

		assert_int_equal(census_add_remote(fixture->census, wrong[i], &error), -1);
		assert_int_equal(error.code, EXIT_USAGE);
	}
}

static void the_most_frequent_is_in_the_row(void **state)
{
	const struct census_snapshot *snapshot = counted(*state);
	char *table = WRITTEN(out, census_table(out, "server", snapshot));

	assert_non_null(strstr(table, "  4 to 10.0.0.9:443\n"));
	assert_non_null(strstr(table, "  2 from 10.9.0.1\n"));
	free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(by_row_by_end_by_address_by_port, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(the_most_frequent_of_each_row_comes_first, set_up,
					    tear_down),
	    cmocka_unit_test_setup_teardown(only_the_other_ends_asked, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(what_is_no_address, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(the_most_frequent_is_in_the_row, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
