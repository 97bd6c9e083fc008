/* SPDX-License-Identifier: MIT */
/* Classes, sums and rows, from datagrams to a snapshot, with a kernel that only replays. */
#include "census/test_replay.h"

static const struct census_row *row_of(const struct census_snapshot *snapshot, int state,
				       uint16_t port)
{
	for (size_t i = 0; i < snapshot->row_count; i++)
		if (snapshot->rows[i].state == state && snapshot->rows[i].port == port)
			return &snapshot->rows[i];
	fail_msg("no row for state %d, port %u", state, port);
	return NULL;
}

static void recorded_dump(void **state)
{
	struct fixture *fixture = *state;
	struct census_snapshot *snapshot;
	size_t length;
	unsigned char *bytes = recorded("all_states.bin", &length);

	fixture->replay = (struct replay){.bytes = bytes, .length = length};
	snapshot = take(fixture, COUNTED);
	assert_int_equal(snapshot->states[STATE_CLOSE_WAIT], 4);
	assert_int_equal(snapshot->by_class[STATE_CLOSE_WAIT][CENSUS_UNACCEPTED], 1);
	assert_int_equal(snapshot->by_class[STATE_FIN_WAIT2][CENSUS_ORPHAN], 4);
	assert_int_equal(snapshot->by_class[STATE_SYN_RECEIVED][CENSUS_UNACCEPTED], 1);
	assert_int_equal(snapshot->classes[CENSUS_UNACCEPTED], 3);
	assert_int_equal(snapshot->classes[CENSUS_ORPHAN], 6);
	assert_int_equal(snapshot->classes[CENSUS_TIMEWAIT], 1);
	assert_int_equal(snapshot->classes[CENSUS_UNKNOWN], 23); /* owners were not asked for */
	assert_int_equal(snapshot->unread, 3);
	assert_int_equal(snapshot->listener_count, 9);
	assert_int_equal(snapshot->accept_queue, 2);
	assert_int_equal(row_of(snapshot, STATE_CLOSE_WAIT, 9002)->count, 3);
	assert_int_equal(row_of(snapshot, STATE_CLOSE_WAIT, 9002)->unread, 2);
	assert_int_equal(row_of(snapshot, STATE_FIN_WAIT2, 0)->count, 6);
	free(bytes);
}

static void classes(void **state)
{
	static const struct {
		uint8_t state;
		uint32_t inode;
		bool held;
		enum census_class class;
	} cases[] = {
	    {STATE_ESTABLISHED, 7, true, CENSUS_OWNED},
	    {STATE_ESTABLISHED, 7, false, CENSUS_UNKNOWN},
	    {STATE_ESTABLISHED, 0, false, CENSUS_UNACCEPTED},
	    {STATE_CLOSE_WAIT, 0, false, CENSUS_UNACCEPTED},
	    {STATE_CLOSE_WAIT, 7, true, CENSUS_OWNED},
	    {STATE_SYN_RECEIVED, 0, false, CENSUS_UNACCEPTED},
	    {STATE_FIN_WAIT1, 0, false, CENSUS_ORPHAN},
	    {STATE_FIN_WAIT2, 0, false, CENSUS_ORPHAN},
	    {STATE_FIN_WAIT2, 7, true, CENSUS_OWNED}, /* shutdown(), not close() */
	    {STATE_CLOSING, 0, false, CENSUS_ORPHAN},
	    {STATE_LAST_ACK, 0, false, CENSUS_ORPHAN},
	    {STATE_LAST_ACK, 7, true, CENSUS_OWNED},
	    {STATE_TIME_WAIT, 0, false, CENSUS_TIMEWAIT},
	    {STATE_LISTEN, 7, false, CENSUS_UNKNOWN},
	    {STATE_SYN_SENT, 0, false, CENSUS_UNKNOWN},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct census_socket socket = {.state = cases[i].state, .inode = cases[i].inode};

		assert_int_equal(census_classify(&socket, cases[i].held), cases[i].class);
	}
}

static void duplicates_count_once(void **state)
{
	struct fixture *fixture = *state;
	struct census_snapshot *snapshot;

	add_socket(&fixture->datagram, STATE_ESTABLISHED, 9000, 1, 11, 0);
	add_socket(&fixture->datagram, STATE_ESTABLISHED, 9000, 2, 12, 0);
	add_socket(&fixture->datagram, STATE_ESTABLISHED, 9000, 1, 11, 0);
	add_socket(&fixture->datagram, STATE_TIME_WAIT, 9000, 2, 0, 0);
	add_done(&fixture->datagram, 0);
	snapshot = take(fixture, COUNTED);
	assert_int_equal(snapshot->states[STATE_ESTABLISHED], 2);
	assert_int_equal(snapshot->states[STATE_TIME_WAIT], 0);
	snapshot = take(fixture, COUNTED); /* and again, in a walk of its own */
	assert_int_equal(snapshot->states[STATE_ESTABLISHED], 2);
}

/* An orphan that ends while the kernel lists it, and a connection that is reset meanwhile. */
static void what_ended_meanwhile_is_not_listed(void **state)
{
	struct fixture *fixture = *state;
	struct census_snapshot *snapshot;

	add_socket(&fixture->datagram, STATE_CLOSED, 9000, 1, 0, 0);
	add_socket(&fixture->datagram, STATE_CLOSED, 9000, 2, 12, 0);
	add_socket(&fixture->datagram, STATE_ESTABLISHED, 9000, 3, 13, 0);
	add_done(&fixture->datagram, 0);
	snapshot = take(fixture, COUNTED);
	assert_int_equal(snapshot->states[STATE_CLOSED], 0);
	assert_int_equal(snapshot->classes[CENSUS_UNKNOWN], 1);
	assert_int_equal(snapshot->row_count, 1);
}

static void ephemeral_ports_are_one_row(void **state)
{
	struct fixture *fixture = *state;
	struct census_snapshot *snapshot;

	add_socket(&fixture->datagram, STATE_LISTEN, 40000, 0, 10, 0); /* a service all the same */
	add_socket(&fixture->datagram, STATE_ESTABLISHED, 40000, 1, 11, 0);
	add_socket(&fixture->datagram, STATE_ESTABLISHED, 40001, 1, 12, 0);
	add_socket(&fixture->datagram, STATE_ESTABLISHED, 40002, 1, 13, 0);
	add_socket(&fixture->datagram, STATE_ESTABLISHED, 80, 1, 14, 0);
	add_done(&fixture->datagram, 0);
	snapshot = take(fixture, COUNTED);
	assert_int_equal(snapshot->row_count, 4);
	assert_int_equal(row_of(snapshot, STATE_ESTABLISHED, 40000)->count, 1);
	assert_int_equal(row_of(snapshot, STATE_ESTABLISHED, 0)->count, 2);
	assert_int_equal(row_of(snapshot, STATE_ESTABLISHED, 80)->count, 1);
}

static void only_the_port_asked(void **state)
{
	struct fixture *fixture = *state;
	struct error error;
	struct census_snapshot *snapshot;

	assert_int_equal(census_add_port(fixture->census, 0, &error), -1);
	assert_int_equal(census_add_port(fixture->census, 65536, &error), -1);
	assert_int_equal(census_add_port(fixture->census, 40001, &error), 0);
	add_socket(&fixture->datagram, STATE_LISTEN, 9000, 0, 10, 3);
	add_socket(&fixture->datagram, STATE_CLOSE_WAIT, 9000, 1, 11, 1);
	add_socket(&fixture->datagram, STATE_CLOSE_WAIT, 40001, 1, 12, 1);
	add_done(&fixture->datagram, 0);
	snapshot = take(fixture, COUNTED);
	assert_int_equal(snapshot->states[STATE_CLOSE_WAIT], 1);
	assert_int_equal(snapshot->states[STATE_LISTEN], 0);
	assert_int_equal(snapshot->accept_queue, 0);
	assert_int_equal(snapshot->unread, 1);
	assert_int_equal(row_of(snapshot, STATE_CLOSE_WAIT, 40001)->count, 1);

	/* To find ghosts, sockets on other ports are remembered but still not counted. */
	snapshot =
	    take(fixture,
		 (struct census_needs){.states = ALL_STATES, .owners = true, .descriptors = true});
	assert_int_equal(snapshot->states[STATE_CLOSE_WAIT], 1);
	assert_int_equal(snapshot->classes[CENSUS_UNKNOWN], 1);
}

static void only_the_states_asked(void **state)
{
	struct fixture *fixture = *state;
	struct census_snapshot *snapshot;

	add_socket(&fixture->datagram, STATE_LISTEN, 40000, 0, 10, 3);
	add_socket(&fixture->datagram, STATE_CLOSE_WAIT, 40000, 1, 11, 1);
	add_done(&fixture->datagram, 0);
	snapshot = take(fixture, (struct census_needs){.states = STATE_BIT(STATE_CLOSE_WAIT)});
	assert_int_equal(fixture->replay.states, STATE_BIT(STATE_CLOSE_WAIT));
	assert_int_equal(snapshot->row_count, 0);

	/* Rows also list the listeners, to know the services, but do not count them. */
	snapshot = take(fixture,
			(struct census_needs){.states = STATE_BIT(STATE_CLOSE_WAIT), .rows = true});
	assert_int_equal(fixture->replay.states,
			 STATE_BIT(STATE_CLOSE_WAIT) | STATE_BIT(STATE_LISTEN));
	assert_int_equal(snapshot->states[STATE_LISTEN], 0);
	assert_int_equal(snapshot->accept_queue, 0);
	assert_int_equal(snapshot->row_count, 1);
	assert_int_equal(row_of(snapshot, STATE_CLOSE_WAIT, 40000)->count, 1);

	/* To account for a process all states are looked at, and the others still not counted. */
	add_socket(&fixture->datagram, STATE_ESTABLISHED, 40000, 1, 12, 0);
	add_done(&fixture->datagram, 0);
	census_only_states(fixture->census, STATE_BIT(STATE_CLOSE_WAIT));
	snapshot =
	    take(fixture,
		 (struct census_needs){.states = ALL_STATES, .owners = true, .descriptors = true});
	assert_int_equal(snapshot->states[STATE_ESTABLISHED], 0);
	assert_int_equal(snapshot->states[STATE_CLOSE_WAIT], 1);
	assert_int_equal(snapshot->asked.states, STATE_BIT(STATE_CLOSE_WAIT));
}

/* /proc is read, but no process of "the host" exists: nothing may count as owned. */
static void without_processes_all_is_unknown(void **state)
{
	struct fixture *fixture = *state;
	struct census_snapshot *snapshot;

	add_socket(&fixture->datagram, STATE_CLOSE_WAIT, 9000, 1, 11, 1);
	add_socket(&fixture->datagram, STATE_CLOSE_WAIT, 9000, 2, 0, 1);
	add_done(&fixture->datagram, 0);
	snapshot = take(fixture, (struct census_needs){.states = ALL_STATES, .owners = true});
	assert_int_equal(snapshot->by_class[STATE_CLOSE_WAIT][CENSUS_OWNED], 0);
	assert_int_equal(snapshot->by_class[STATE_CLOSE_WAIT][CENSUS_UNKNOWN], 1);
	assert_int_equal(snapshot->by_class[STATE_CLOSE_WAIT][CENSUS_UNACCEPTED], 1);
	assert_int_equal(snapshot->states[STATE_CLOSE_WAIT], 2);
}

static void descriptors_by_process(void **state)
{
	struct fixture *fixture = *state;
	struct census_host *host = fixture->census->hosts[0];
	struct census_snapshot *snapshot = &fixture->snapshot;

	struct holding leaky = {.pid = 12, .name = "leaky", .state = STATE_CLOSE_WAIT};
	struct holding busy = {.pid = 13, .name = "busy", .state = STATE_ESTABLISHED};

	leaky.shown_port = busy.shown_port = 9000;
	for (leaky.fd = 0; leaky.fd < 10; leaky.fd++) {
		leaky.unread = leaky.fd < 3;
		leaky.another = leaky.fd == 9; /* dup() */
		tally_descriptor(host, snapshot, &leaky);
	}
	leaky.shown_port = 0;
	tally_descriptor(host, snapshot, &leaky);
	for (busy.fd = 0; busy.fd < 11; busy.fd++)
		tally_descriptor(host, snapshot, &busy);
	busy.state = STATE_CLOSED;
	busy.gone = CENSUS_GONE;
	tally_descriptor(host, snapshot, &busy);
	snapshot_sort(snapshot);
	assert_int_equal(snapshot->owner_count, 4);
	assert_int_equal(snapshot->owners[0].pid, 12); /* leaks first, although 13 has more */
	assert_int_equal(snapshot->owners[0].descriptors, 10);
	assert_int_equal(snapshot->owners[0].sockets, 9);
	assert_int_equal(snapshot->owners[0].unread, 3);
	assert_int_equal(snapshot->owners[0].fds[CENSUS_FDS - 1], 7);
	assert_string_equal(snapshot->owners[0].process, "leaky");
	assert_int_equal(snapshot->owners[2].state, STATE_CLOSED);
	assert_int_equal(snapshot->owners[3].descriptors, 11);
}

static void inode_table(void **state)
{
	struct inodes inodes = {0};

	(void)state;
	assert_null(inodes_find(&inodes, 1));
	for (uint32_t i = 1; i <= 100000; i++) {
		struct inode_entry entry = {.inode = i * 7919u, .port = (uint16_t)i};

		assert_int_equal(inodes_add(&inodes, &entry), 0);
	}
	assert_int_equal(inodes.used, 100000);
	for (uint32_t i = 1; i <= 100000; i++)
		assert_int_equal(inodes_find(&inodes, i * 7919u)->port, (uint16_t)i);
	assert_null(inodes_find(&inodes, 3));
	assert_null(inodes_find(&inodes, 0));	     /* 0 is not an inode */
	for (uint16_t port = 1; port <= 3; port++) { /* subflows share one */
		struct inode_entry entry = {.inode = 3, .port = port};

		assert_int_equal(inodes_add(&inodes, &entry), 0);
	}
	unsigned int ports = 0;

	for (struct inode_entry *entry = inodes_find(&inodes, 3); entry;
	     entry = inodes_next(&inodes, entry))
		ports |= 1u << entry->port;
	assert_int_equal(ports, 0xe);
	inodes_clear(&inodes);
	assert_null(inodes_find(&inodes, 7919));
	inodes_free(&inodes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(classes),
	    cmocka_unit_test(inode_table),
	    cmocka_unit_test_setup_teardown(recorded_dump, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(duplicates_count_once, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(what_ended_meanwhile_is_not_listed, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(ephemeral_ports_are_one_row, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(only_the_port_asked, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(only_the_states_asked, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(without_processes_all_is_unknown, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(descriptors_by_process, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
