/* SPDX-License-Identifier: MIT */
/* Bytes to sockets: recorded from a kernel, cut short, altered, and forged by an attacker. */
#include "census/test_common.h"

struct seen {
	size_t count;
	unsigned int states[STATES];
	unsigned int unread, six;
	struct census_socket last;
};

static void see(const struct census_socket *socket, void *data)
{
	struct seen *seen = data;

	assert_in_range(socket->state, 1, STATES - 1);
	assert_true(socket->family == AF_INET || socket->family == AF_INET6);
	seen->count++;
	seen->states[socket->state]++;
	seen->unread += census_unread(socket);
	seen->six += socket->family == AF_INET6;
	seen->last = *socket;
}

static enum census_parse parse(const void *bytes, size_t length, struct seen *seen,
			       struct census_reply *reply)
{
	*seen = (struct seen){0};
	*reply = (struct census_reply){0};
	return census_parse(bytes, length, RECORDED_SEQUENCE, see, seen, reply);
}

static void all_states(void **state)
{
	/* As record.py made them. */
	static const unsigned int expected[STATES] = {
	    [STATE_ESTABLISHED] = 7, [STATE_SYN_SENT] = 2,  [STATE_SYN_RECEIVED] = 1,
	    [STATE_FIN_WAIT1] = 1,   [STATE_FIN_WAIT2] = 6, [STATE_TIME_WAIT] = 1,
	    [STATE_CLOSE_WAIT] = 4,  [STATE_LAST_ACK] = 1,  [STATE_LISTEN] = 9,
	    [STATE_CLOSING] = 1,
	};
	struct census_reply reply;
	struct seen seen;
	size_t length;
	unsigned char *bytes = recorded("all_states.bin", &length);

	(void)state;
	assert_int_equal(parse(bytes, length, &seen, &reply), CENSUS_DONE);
	for (int i = 1; i < STATES; i++)
		assert_int_equal(seen.states[i], expected[i]);
	assert_int_equal(seen.unread, 3);
	assert_int_equal(seen.six, 3); /* a listener and both ends of a connection */
	assert_false(reply.interrupted);
	free(bytes);
}

static void nothing_to_list(void **state)
{
	struct census_reply reply;
	struct seen seen;
	size_t length;
	unsigned char *bytes = recorded("empty.bin", &length);

	(void)state;
	assert_int_equal(parse(bytes, length, &seen, &reply), CENSUS_DONE);
	assert_int_equal(seen.count, 0);
	free(bytes);
}

static void refused(void **state)
{
	struct census_reply reply;
	struct seen seen;
	size_t length;
	unsigned char *bytes = recorded("refused.bin", &length);

	(void)state;
	assert_int_equal(parse(bytes, length, &seen, &reply), CENSUS_KERNEL_ERROR);
	assert_int_equal(reply.error, 22); /* EINVAL */
	free(bytes);
}

/* A dump cut off anywhere: no byte after the end is read, and it never looks complete. */
static void truncated_everywhere(void **state)
{
	size_t length, most = 0;
	unsigned char *bytes = recorded("all_states.bin", &length);

	(void)state;
	for (size_t cut = 0; cut < length; cut++) {
		unsigned char *part = malloc(cut ? cut : 1);
		struct census_reply reply;
		struct seen seen;
		enum census_parse result;

		memcpy(part, bytes, cut);
		result = parse(part, cut, &seen, &reply);
		assert_true(result == CENSUS_MORE || result == CENSUS_MALFORMED);
		assert_true(seen.count >= most && seen.count <= 33);
		most = seen.count;
		free(part);
	}
	assert_int_equal(most, 33);
	free(bytes);
}

/* One bit wrong: any answer in range is fine (see()) that reads nothing outside. */
static void flipped_bits(void **state)
{
	size_t length, malformed = 0;
	unsigned char *bytes = recorded("all_states.bin", &length);

	(void)state;
	for (size_t bit = 0; bit < length * 8; bit++) {
		struct census_reply reply;
		struct seen seen;

		bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
		malformed += parse(bytes, length, &seen, &reply) == CENSUS_MALFORMED;
		bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
	}
	assert_true(malformed > 1000);
	free(bytes);
}

static void hostile_lengths(void **state)
{
	static const uint32_t lengths[] = {
	    0, 1, 15, 0x7fffffff, 0x80000000, 0x80000010, 0xfffffff0, 0xffffffff, 4096};

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct datagram datagram = {0};
		struct census_reply reply;
		struct seen seen;
		struct nlmsghdr *message;

		add_socket(&datagram, STATE_ESTABLISHED, 1, 2, 3, 0);
		message = (void *)(datagram.bytes + datagram.length);
		add_socket(&datagram, STATE_ESTABLISHED, 1, 2, 3, 0);
		message->nlmsg_len = lengths[i];
		assert_int_equal(parse(datagram.bytes, datagram.length, &seen, &reply),
				 CENSUS_MALFORMED);
		assert_int_equal(seen.count, 1);
	}
}

static void short_messages(void **state)
{
	static const uint16_t types[] = {NLMSG_ERROR, TCPDIAG_GETSOCK, SOCK_DIAG_BY_FAMILY};
	const unsigned char zeros[sizeof(struct inet_diag_msg)] = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		size_t whole = types[i] == NLMSG_ERROR ? sizeof(struct nlmsgerr) : sizeof(zeros);

		for (size_t size = 0; size < whole; size++) {
			struct datagram datagram = {0};
			struct census_reply reply;
			struct seen seen;

			add_message(&datagram, types[i], 0, zeros, size);
			assert_int_equal(parse(datagram.bytes, datagram.length, &seen, &reply),
					 CENSUS_MALFORMED);
			assert_int_equal(seen.count, 0);
		}
	}
}

/* An attribute that claims to be larger than its message is ignored. */
static void attribute_overrun(void **state)
{
	struct {
		struct inet_diag_msg msg;
		uint16_t length, type;
	} body = {.length = 0xffff, .type = INET_DIAG_SHUTDOWN};
	struct datagram datagram = {0};
	struct census_reply reply;
	struct seen seen;

	(void)state;
	body.msg.idiag_family = AF_INET;
	body.msg.idiag_state = STATE_CLOSE_WAIT;
	add_message(&datagram, TCPDIAG_GETSOCK, 0, &body, sizeof(body));
	add_done(&datagram, 0);
	assert_int_equal(parse(datagram.bytes, datagram.length, &seen, &reply), CENSUS_DONE);
	assert_int_equal(seen.states[STATE_CLOSE_WAIT], 1);
}

static void what_is_not_a_tcp_state(void **state)
{
	struct datagram datagram = {0};
	struct census_reply reply;
	struct seen seen;

	(void)state;
	add_socket(&datagram, 0, 1, 1, 1, 0);
	add_socket(&datagram, 12, 9000, 1, 0, 0); /* TCP_NEW_SYN_RECV */
	add_socket(&datagram, 13, 9000, 0, 1, 0); /* TCP_BOUND_INACTIVE */
	add_socket(&datagram, 255, 1, 1, 1, 0);
	assert_int_equal(parse(datagram.bytes, datagram.length, &seen, &reply), CENSUS_MORE);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.last.state, STATE_SYN_RECEIVED);
}

static void fields(void **state)
{
	struct datagram datagram = {0};
	struct census_reply reply;
	struct seen seen;

	(void)state;
	add_socket(&datagram, STATE_CLOSE_WAIT, 9000, 40000, 4711, 1);
	assert_int_equal(parse(datagram.bytes, datagram.length, &seen, &reply), CENSUS_MORE);
	assert_int_equal(seen.last.port, 9000);
	assert_int_equal(seen.last.peer_port, 40000);
	assert_int_equal(seen.last.inode, 4711);
	assert_int_equal(seen.last.recv_queue, 1);
	assert_int_equal(seen.last.cookie, 4712);
	assert_int_equal(ntohl(seen.last.address[0]), 0x0a000002);
	assert_int_equal(ntohl(seen.last.peer[0]), 0x0a000001);
	assert_true(census_unread(&seen.last));
}

static void ends_and_errors(void **state)
{
	static const struct {
		uint16_t type;
		int32_t status;
		enum census_parse result;
		int error;
	} cases[] = {
	    {NLMSG_DONE, 0, CENSUS_DONE, 0},
	    {NLMSG_DONE, 5, CENSUS_DONE, 0},
	    {NLMSG_DONE, -2, CENSUS_KERNEL_ERROR, 2},
	    {NLMSG_DONE, INT32_MIN, CENSUS_KERNEL_ERROR, INT32_MAX},
	    {NLMSG_ERROR, 0, CENSUS_MORE, 0}, /* an acknowledgment */
	    {NLMSG_ERROR, -95, CENSUS_KERNEL_ERROR, 95},
	    {NLMSG_ERROR, 95, CENSUS_MALFORMED, 0},
	    {NLMSG_ERROR, INT32_MIN, CENSUS_MALFORMED, 0},
	    {NLMSG_NOOP, 0, CENSUS_MORE, 0},
	    {NLMSG_OVERRUN, 0, CENSUS_MALFORMED, 0},
	    {77, 0, CENSUS_MALFORMED, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct nlmsgerr payload = {.error = cases[i].status};
		struct datagram datagram = {0};
		struct census_reply reply;
		struct seen seen;

		add_message(&datagram, cases[i].type, 0, &payload, sizeof(payload));
		assert_int_equal(parse(datagram.bytes, datagram.length, &seen, &reply),
				 cases[i].result);
		assert_int_equal(reply.error, cases[i].error);
	}
}

static void interrupted_is_told(void **state)
{
	struct datagram datagram = {0};
	struct census_reply reply;
	struct seen seen;

	(void)state;
	add_message(&datagram, NLMSG_DONE, NLM_F_MULTI | NLM_F_DUMP_INTR, NULL, 0);
	assert_int_equal(parse(datagram.bytes, datagram.length, &seen, &reply), CENSUS_DONE);
	assert_true(reply.interrupted);
}

/* Replies left over from an abandoned dump must not end this one. */
static void other_sequence_is_passed_over(void **state)
{
	struct datagram datagram = {0};
	struct census_reply reply;
	struct seen seen;

	(void)state;
	add_message(&datagram, NLMSG_DONE, NLM_F_DUMP_INTR, NULL, 0)->nlmsg_seq = 6;
	add_socket(&datagram, STATE_LISTEN, 1, 2, 3, 0);
	assert_int_equal(parse(datagram.bytes, datagram.length, &seen, &reply), CENSUS_MORE);
	assert_int_equal(seen.count, 1);
	assert_false(reply.interrupted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(all_states),
	    cmocka_unit_test(nothing_to_list),
	    cmocka_unit_test(refused),
	    cmocka_unit_test(truncated_everywhere),
	    cmocka_unit_test(flipped_bits),
	    cmocka_unit_test(hostile_lengths),
	    cmocka_unit_test(short_messages),
	    cmocka_unit_test(attribute_overrun),
	    cmocka_unit_test(what_is_not_a_tcp_state),
	    cmocka_unit_test(fields),
	    cmocka_unit_test(ends_and_errors),
	    cmocka_unit_test(interrupted_is_told),
	    cmocka_unit_test(other_sequence_is_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
