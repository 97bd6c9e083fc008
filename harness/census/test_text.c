/* SPDX-License-Identifier: MIT */
/* Text in and out: counters, names, JSON, the table. */
#include "census/test_common.h"

static int64_t counter(const struct census_counters *counters, const char *name)
{
	int at = census_counter_find(counters, name, strlen(name));

	return at < 0 ? -999 : counters->counter[at].value;
}

static void counters(void **state)
{
	static const char text[] = "Ip: Forwarding\nIp: 1\n"
				   "Tcp: RtoMin MaxConn PassiveOpens\nTcp: 200 -1 17\n"
				   "TcpExt: PassiveOpens\nTcpExt: 3\n";
	struct census_counters counters = {0};

	(void)state;
	assert_int_equal(census_counters_parse(&counters, text, "Tcp:"), 3);
	assert_int_equal(counter(&counters, "RtoMin"), 200);
	assert_int_equal(counter(&counters, "MaxConn"), -1);
	assert_int_equal(counter(&counters, "PassiveOpens"), 17);
	assert_int_equal(counter(&counters, "Passive"), -999);
	assert_int_equal(counter(&counters, "Forwarding"), -999);
	assert_int_equal(census_counters_parse(&counters, text, "TcpExt:"), 1);
	assert_int_equal(counters.count, 4);
}

/* Never a value from another line, whatever is missing. */
static void counters_cut_short(void **state)
{
	static const char text[] = "Tcp: A B C\nTcp: 1 2\nUdp: X\nUdp: 9\n";
	struct census_counters counters = {0};

	(void)state;
	assert_int_equal(census_counters_parse(&counters, text, "Tcp:"), 2);
	assert_int_equal(census_counters_parse(&counters, "Tcp: A\nTcp:\n5\n", "Tcp:"), 0);
	assert_int_equal(census_counters_parse(&counters, "Tcp: A B\n", "Tcp:"), 0);
	assert_int_equal(census_counters_parse(&counters, "Tcp: A\nTcp: x\n", "Tcp:"), 0);
	assert_int_equal(census_counters_parse(&counters, "", "Tcp:"), 0);
	for (size_t length = 0; length < sizeof(text); length++) {
		char *part = strndup(text, length);

		counters.count = 0;
		census_counters_parse(&counters, part, "Tcp:");
		assert_true(counter(&counters, "C") == -999);
		free(part);
	}
}

static void too_many_counters(void **state)
{
	static struct census_counters counters;
	char text[8192] = "Tcp:";

	(void)state;
	for (int i = 0; i < 400; i++)
		sprintf(text + strlen(text), " N%d", i);
	strcat(text, "\nTcp:");
	for (int i = 0; i < 400; i++)
		strcat(text, " 1");
	assert_int_equal(census_counters_parse(&counters, text, "Tcp:"), 256);
}

static void process_names(void **state)
{
	char name[64];

	(void)state;
	process_whole_name("sshd", "sshd: user", name, sizeof(name));
	assert_string_equal(name, "sshd");
	process_whole_name("closewait_leak_", "build/closewait_leak_buggy", name, sizeof(name));
	assert_string_equal(name, "closewait_leak_buggy");
	process_whole_name("closewait_leak_", "python3", name, sizeof(name));
	assert_string_equal(name, "closewait_leak_");
	process_whole_name("closewait_leak_", "", name, sizeof(name));
	assert_string_equal(name, "closewait_leak_");
	process_whole_name("x\nok 1\x1b[31m\x7f\xc2\x9bz\xc3\xa9", "", name, sizeof(name));
	assert_string_equal(name, "x?ok 1?[31m???z\xc3\xa9");
	process_whole_name("", "", name, sizeof(name));
	assert_string_equal(name, "");
}

static void which_processes_hold(void **state)
{
	(void)state;
	assert_true(process_stat_may_hold("12 (a) S 1 12 12 0 -1 4194560 0"));
	assert_false(process_stat_may_hold("12 (a) Z 1 12 12 0 -1 4194560 0"));
	assert_false(process_stat_may_hold("2 (kthreadd) S 0 0 0 0 -1 2129984 0")); /* PF_KTHREAD */
	assert_true(process_stat_may_hold("12 (a) Z) S 1 12 12 0 -1 4194560 0"));
	assert_false(process_stat_may_hold("12 (a) S) Z 1 12 12 0 -1 4194560 0"));
	assert_true(process_stat_may_hold("garbage"));
}

static void ghosts(void **state)
{
	(void)state;
	assert_false(ghost_from(0, 0, 0)); /* fresh */
	assert_true(ghost_from(1, 0, 0));
	assert_true(ghost_from(0, 1, 0));
	assert_true(ghost_from(0, 0, 1460)); /* connect() refused */
}

/* One host as JSON. */
static char *json_of(const struct census_snapshot *snapshot)
{
	return WRITTEN(out, census_json_snapshot(&(struct json){.out = out}, "server", snapshot));
}

static void json_of_what_was_asked(void **state)
{
	struct census_owner owner = {.pid = 12,
				     .process = "a\"b",
				     .state = STATE_CLOSE_WAIT,
				     .port = 9000,
				     .descriptors = 2,
				     .fds = {7, 8}};
	struct census_snapshot snapshot = {.asked.states = STATE_BIT(STATE_CLOSE_WAIT)};
	char *json;

	(void)state;
	snapshot.states[STATE_CLOSE_WAIT] = 2;
	json = json_of(&snapshot);
	assert_non_null(strstr(json, "{\"host\":\"server\",\"states\":{\"CLOSE_WAIT\":2},"));
	assert_non_null(strstr(json, "\"descriptors\":null,\"ghosts\":null"));
	free(json);

	snapshot.asked =
	    (struct census_needs){.states = ALL_STATES, .owners = true, .descriptors = true};
	snapshot.descriptors = 2;
	snapshot.owners = &owner;
	snapshot.owner_count = 1;
	json = json_of(&snapshot);
	for (int i = 1; i < STATES; i++)
		assert_non_null(strstr(json, state_name(i)));
	assert_non_null(strstr(json, "\"descriptors\":2,\"ghosts\":0"));
	assert_non_null(strstr(json,
			       "{\"pid\":12,\"process\":\"a\\\"b\",\"state\":\"CLOSE_WAIT\","
			       "\"port\":9000,\"descriptors\":2,\"fds\":[7,8],\"unread\":0}"));
	free(json);
}

static char *table_of(uint8_t owner_state, uint64_t descriptors, uint64_t unread)
{
	struct census_owner owner = {.pid = 12,
				     .process = "evil\x1b[2J",
				     .state = owner_state,
				     .port = 9000,
				     .descriptors = descriptors,
				     .unread = unread};
	struct census_snapshot snapshot = {.owners = &owner, .owner_count = 1};

	return WRITTEN(out, census_table(out, "server", &snapshot));
}

static void the_table_says_why(void **state)
{
	static const struct {
		uint8_t state;
		uint64_t descriptors, unread;
		const char *says;
	} cases[] = {
	    {STATE_CLOSE_WAIT, 9, 0,
	     "9 CLOSE_WAIT on port 9000, descriptors 0 0 0 0 0 0 0 0 ...; "
	     "read the EOF and did not close\n"},
	    {STATE_CLOSE_WAIT, 9, 9, "; never read the EOF\n"},
	    {STATE_CLOSE_WAIT, 9, 4, "; 4 never read the EOF, 5 read it and did not close\n"},
	    {STATE_CLOSED, 1, 0, "1 ghost on port 9000, descriptor 0; the connection is gone"},
	    {STATE_ESTABLISHED, 1, 0, "1 ESTABLISHED on port 9000, descriptor 0\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *table = table_of(cases[i].state, cases[i].descriptors, cases[i].unread);

		assert_non_null(strstr(table, cases[i].says));
		assert_non_null(strstr(table, "evil?[2J pid 12: "));
		free(table);
	}
}

static void the_table_says_what_it_did_not_see(void **state)
{
	struct census_snapshot snapshot = {.asked.owners = true};
	char *table = WRITTEN(out, census_table(out, "server", &snapshot));

	(void)state;
	assert_null(strstr(table, "not seen"));
	free(table);
	snapshot.unreadable_processes = 3;
	table = WRITTEN(out, census_table(out, "server", &snapshot));
	assert_non_null(strstr(table, "3 processes may not be read"));
	free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(counters),
	    cmocka_unit_test(counters_cut_short),
	    cmocka_unit_test(too_many_counters),
	    cmocka_unit_test(process_names),
	    cmocka_unit_test(which_processes_hold),
	    cmocka_unit_test(ghosts),
	    cmocka_unit_test(json_of_what_was_asked),
	    cmocka_unit_test(the_table_says_why),
	    cmocka_unit_test(the_table_says_what_it_did_not_see),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
