/* SPDX-License-Identifier: MIT */
/* Text in and out: counters, names, JSON, the table. */
#include "census/test_common.h"
#include "census/visit.h"

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

/* Never take a value from another line, no matter what is missing. */
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
	assert_true(process_stat_may_hold("12 (a) S 1 12 12 0 -1 4194560 0", false));
	assert_false(process_stat_may_hold("12 (a) Z 1 12 12 0 -1 4194560 0", false));
	assert_false(process_stat_may_hold("12 (a) R 1 12 12 0 -1 4194564 0", false)); /* exiting */
	assert_false(
	    process_stat_may_hold("2 (kthreadd) S 0 0 0 0 -1 2129984 0", false)); /* PF_KTHREAD */
	assert_true(process_stat_may_hold("12 (a) Z) S 1 12 12 0 -1 4194560 0", false));
	assert_false(process_stat_may_hold("12 (a) S) Z 1 12 12 0 -1 4194560 0", false));
	assert_true(process_stat_may_hold("garbage", false));
	/* A leader that ended with pthread_exit(), and others that live on. */
	assert_true(process_stat_may_hold("12 (a) Z 1 12 12 0 -1 4194560 0", true));
	assert_true(process_stat_may_hold("12 (a) R 1 12 12 0 -1 4194564 0", true));
	assert_false(process_stat_may_hold("2 (kthreadd) S 0 0 0 0 -1 2129984 0", true));
}

static void rings_mappings_and_flights(void **state)
{
	int slot = -1;

	(void)state;
	assert_int_equal(ring_line_inode("    0: socket:[9947011]\n", &slot), 9947011);
	assert_int_equal(slot, 0);
	assert_int_equal(ring_line_inode("   17: socket:[1]", &slot), 1);
	assert_int_equal(slot, 17);
	assert_int_equal(ring_line_inode("    1: /tmp/socket:[7]\n", &slot), 0);
	assert_int_equal(ring_line_inode("    1: socket:[7\n", &slot), 0);
	assert_int_equal(ring_line_inode("    1: <none>\n", &slot), 0);
	assert_int_equal(ring_line_inode("UserBufs:\t0\n", &slot), 0);
	assert_int_equal(ring_line_inode("", &slot), 0);
	assert_int_equal(mapping_line_inode("7f0d0a955000-7f0d0a956000 r--s 00000000 00:09 9945731"
					    "                    socket:[9945731]\n"),
			 9945731);
	assert_int_equal(mapping_line_inode("7f00-7f01 rw-s 00000000 00:09 7 socket:[7]\n"), 0);
	assert_int_equal(mapping_line_inode("7f00-7f01 r-xp 00000000 00:09 7 socket:[7]\n"), 0);
	assert_int_equal(mapping_line_inode("7f00-7f01 r--p 00000000 fe:00 12   /a socket:[3]\n"),
			 0);
	assert_int_equal(mapping_line_inode("7f00-7f01 rw-p 00000000 00:00 0 \n"), 0);
	assert_int_equal(mapping_line_inode(""), 0);
	assert_int_equal(scm_count("pos:\t0\nino:\t8\nscm_fds: 3\n"), 3);
	assert_int_equal(scm_count("pos:\t0\n"), 0);
}

static void lines_of_procfs(void **state)
{
	static const char listener[] =
	    "   0: 0200000A:2328 00000000:0000 0A 00000000:00000003 00:00000000 00000000     0"
	    "        0 8445729 1 0000000000000000 100 0 0 10 0\n";
	static const char ended[] = "   2: 0200000A:2328 0300000A:A000 07 00000000:00000000 "
				    "00:00000000 00000000 0 0 0 1 0\n";
	static const char six[] =
	    "   1: 000080FE00000000000000000100000A:2328 000080FE00000000000000000200000A:A000 08"
	    " 00000001:00000005 00:00000000 00000000     0        0 17 1 0 20 4 30 10 -1\n";
	struct census_socket socket;

	(void)state;
	assert_true(census_procfs_parse(listener, &socket));
	assert_int_equal(socket.family, AF_INET);
	assert_int_equal(socket.state, STATE_LISTEN);
	assert_int_equal(socket.port, 9000);
	assert_int_equal(socket.recv_queue, 3);
	assert_int_equal(socket.inode, 8445729);
	assert_int_equal(socket.address[0], 0x0200000a);
	assert_true(census_procfs_parse(six, &socket));
	assert_int_equal(socket.family, AF_INET6);
	assert_int_equal(socket.state, STATE_CLOSE_WAIT);
	assert_int_equal(socket.peer_port, 40960);
	assert_int_equal(socket.send_queue, 1);
	assert_int_equal(socket.recv_queue, 5);
	assert_int_equal(socket.peer[3], 0x0200000a);
	assert_false(census_procfs_parse(ended, &socket));
	assert_false(census_procfs_parse("  sl  local_address rem_address   st tx_queue", &socket));
	for (size_t length = 0; length < sizeof(listener) - 40; length++) {
		char *part = strndup(listener, length);

		census_procfs_parse(part, &socket); /* ASan looks on */
		free(part);
	}
}

static void whether_there_is_mptcp(void **state)
{
	(void)state;
	assert_true(source_has_mptcp("protocol  size sockets  memory\nMPTCPv6   2032      0  0\n"
				     "MPTCP     1872      2       0   no\n"));
	assert_true(source_has_mptcp("MPTCPv6   2032      1  0\n"));
	assert_false(source_has_mptcp("protocol  size sockets\nMPTCP     1872      0       0\n"
				      "TCP       2400      9       0\n"));
	assert_false(source_has_mptcp(""));
}

static void what_a_copy_tells(void **state)
{
	(void)state;
	assert_false(copy_was_connected(0)); /* fresh, refused, timed out */
	assert_true(copy_was_connected(65483));
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
				     .sockets = 2,
				     .descriptors = 2,
				     .fds = {7, 8}};
	struct census_snapshot snapshot = {.asked.states = STATE_BIT(STATE_CLOSE_WAIT)};
	char *json;

	(void)state;
	snapshot.states[STATE_CLOSE_WAIT] = 2;
	json = json_of(&snapshot);
	assert_non_null(strstr(json, "{\"host\":\"server\",\"states\":{\"CLOSE_WAIT\":2},"));
	assert_non_null(strstr(json, "\"descriptors\":null,\"gone\":null,\"ghosts\":null"));
	free(json);

	snapshot.asked =
	    (struct census_needs){.states = ALL_STATES, .owners = true, .descriptors = true};
	snapshot.descriptors = 2;
	snapshot.owners = &owner;
	snapshot.owner_count = 1;
	json = json_of(&snapshot);
	for (int i = 1; i < STATES; i++)
		assert_non_null(strstr(json, state_name(i)));
	assert_non_null(strstr(json, "\"descriptors\":2,\"gone\":0,\"ghosts\":0"));
	assert_non_null(strstr(
	    json, "{\"pid\":12,\"process\":\"a\\\"b\",\"unit\":null,\"state\":\"CLOSE_WAIT\","
		  "\"port\":9000,\"gone\":null,\"by\":\"descriptor\","
		  "\"sockets\":2,\"descriptors\":2,\"fds\":[7,8],\"unread\":0}"));
	free(json);
}

static char *table_of(struct census_owner owner)
{
	struct census_snapshot snapshot = {.owners = &owner, .owner_count = 1};

	owner.pid = 12;
	strcpy(owner.process, "evil\x1b[2J");
	if (!owner.sockets)
		owner.sockets = owner.descriptors;
	return WRITTEN(out, census_table(out, "server", &snapshot));
}

static void the_table_says_why(void **state)
{
	static const struct {
		struct census_owner owner;
		const char *says;
	} cases[] = {
	    {{.state = STATE_CLOSE_WAIT, .port = 9000, .descriptors = 9},
	     "9 CLOSE_WAIT on port 9000, descriptors 0 0 0 0 0 0 0 0 ...; "
	     "did not close, and nothing waits to be read\n"},
	    {{.state = STATE_CLOSE_WAIT, .descriptors = 9, .unread = 9}, "; never read the FIN\n"},
	    {{.state = STATE_CLOSE_WAIT, .descriptors = 9, .unread = 4},
	     "; 4 never read the FIN, 5 have nothing waiting to be read\n"},
	    {{.state = STATE_CLOSED, .gone = CENSUS_GHOST, .port = 9000, .descriptors = 1},
	     "1 ghost on port 9000, descriptor 0; the connection is gone"},
	    {{.state = STATE_CLOSED, .gone = CENSUS_GONE, .descriptors = 2},
	     "2 gone or never connected, descriptors 0 0\n"},
	    {{.state = STATE_CLOSED, .gone = CENSUS_UNCONNECTED, .descriptors = 1},
	     "1 never connected, descriptor 0\n"},
	    {{.state = STATE_ESTABLISHED, .port = 9000, .descriptors = 1},
	     "1 ESTABLISHED on port 9000, descriptor 0\n"},
	    {{.state = STATE_ESTABLISHED, .port = 9000, .sockets = 1, .descriptors = 3},
	     "1 ESTABLISHED on port 9000, 3 descriptors of it: 0 0 0\n"},
	    {{.state = STATE_ESTABLISHED, .hold = CENSUS_BY_RING, .descriptors = 2},
	     ", fixed files 0 0 of an io_uring\n"},
	    {{.state = STATE_ESTABLISHED, .hold = CENSUS_BY_MAPPING, .descriptors = 1},
	     ", held by 1 mapping (/proc/12/maps), not by a descriptor\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *table = table_of(cases[i].owner);

		if (!strstr(table, cases[i].says))
			fail_msg("%s", table);
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
	snprintf(snapshot.unreadable, sizeof(snapshot.unreadable), "it belongs to another user");
	table = WRITTEN(out, census_table(out, "server", &snapshot));
	assert_non_null(strstr(table, "what 3 processes hold, so"));
	assert_non_null(strstr(table, "; the first: it belongs"));
	free(table);
	snapshot.interrupted = snapshot.from_procfs = true;
	table = WRITTEN(out, census_table(out, "server", &snapshot));
	assert_non_null(strstr(table, "\n  not exact: "));
	assert_non_null(strstr(table, "\n  counted from /proc/net/tcp"));
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
	    cmocka_unit_test(rings_mappings_and_flights),
	    cmocka_unit_test(lines_of_procfs),
	    cmocka_unit_test(whether_there_is_mptcp),
	    cmocka_unit_test(what_a_copy_tells),
	    cmocka_unit_test(json_of_what_was_asked),
	    cmocka_unit_test(the_table_says_why),
	    cmocka_unit_test(the_table_says_what_it_did_not_see),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
