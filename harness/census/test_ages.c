/* SPDX-License-Identifier: MIT */
/* How long sockets have been silent: from tcp_info to rows and values. */
#include <linux/tcp.h>

#include "census/table.h"
#include "census/test_replay.h"

/* A socket whose tcp_info, cut off after @length bytes, holds when data and anything else last
 * came. */
static void add_aged(struct fixture *fixture, uint8_t state, uint32_t data, uint32_t ack,
		     size_t length)
{
	struct __attribute__((packed)) {
		struct inet_diag_msg msg;
		struct nlattr head;
		struct tcp_info info;
	} message = {
	    .msg = {.idiag_family = AF_INET, .idiag_state = state},
	    .head = {.nla_len = (uint16_t)(sizeof(struct nlattr) + length),
		     .nla_type = INET_DIAG_INFO},
	    .info = {.tcpi_last_data_recv = data, .tcpi_last_ack_recv = ack},
	};
	static uint16_t port = 1;

	message.msg.id.idiag_dport = htons(port++);
	add_message(&fixture->datagram, TCPDIAG_GETSOCK, NLM_F_MULTI, &message,
		    sizeof(message.msg) + NLA_ALIGN(message.head.nla_len));
}

static const struct census_snapshot *counted(struct fixture *fixture)
{
	struct census_needs needs = COUNTED;

	needs.times = true;
	add_done(&fixture->datagram, 0);
	return take(fixture, needs);
}

static struct census_bounds value(const struct census_snapshot *snapshot, const char *text)
{
	struct census_names names = {0};
	struct census_expr expr;
	struct error error;

	if (census_expr_parse(&expr, text, &names, &error) < 0)
		fail_msg("%s", error.text);
	return census_value(&expr.var[0], snapshot, 1);
}

static void the_oldest_of_those_that_told(void **state)
{
	const struct census_snapshot *snapshot;
	struct census_bounds silent, idle;
	struct fixture *fixture = *state;
	char *table;

	add_aged(fixture, STATE_CLOSE_WAIT, 400000, 7000, sizeof(struct tcp_info));
	add_aged(fixture, STATE_CLOSE_WAIT, 9000, 300000, sizeof(struct tcp_info));
	add_aged(fixture, STATE_TIME_WAIT, 1, 1, sizeof(struct tcp_info));
	snapshot = counted(fixture);
	silent = value(snapshot, "CLOSE_WAIT.silent > 0s");
	idle = value(snapshot, "CLOSE_WAIT.idle > 0s");
	assert_int_equal(silent.least, 9000);
	assert_int_equal(silent.most, 9000);
	assert_int_equal(idle.least, 400000);
	assert_int_equal(value(snapshot, "LAST_ACK.silent > 0s").most, 0);
	table = WRITTEN(out, census_table(out, "server", snapshot));
	assert_non_null(strstr(table, "      9s    6min"));
	assert_non_null(strstr(table, "       .       ."));
	free(table);
}

/* An older kernel's tcp_info is shorter, and a socket of MPTCP has none. */
static void what_was_not_told_is_open(void **state)
{
	size_t enough = offsetof(struct tcp_info, tcpi_last_ack_recv) + sizeof(uint32_t);

	for (size_t length = enough; length >= enough - 4; length -= 4) {
		struct fixture *fixture = *state;
		struct census_bounds silent;

		fixture->datagram.length = 0;
		add_aged(fixture, STATE_ESTABLISHED, 70, 60, length);
		silent = value(counted(fixture), "ESTABLISHED.silent > 0s");
		assert_int_equal(silent.least, length == enough ? 60 : 0);
		assert_true(silent.most == (length == enough ? 60 : INT64_MAX));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(the_oldest_of_those_that_told, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(what_was_not_told_is_open, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
