/* SPDX-License-Identifier: MIT */
/* Requests and retries, against a scripted kernel. */
#include "census/test_common.h"

#include <errno.h>

struct script {
	const struct step {
		int error;     /* receive() fails with this errno */
		uint16_t type; /* else a datagram: this message, after one socket */
		uint16_t flags;
		int32_t status;
		bool no_socket;
	} * steps;
	size_t count, next;
	uint32_t sequence, states;
	unsigned int requests;
	int send_error; /* the first send() fails with this errno */
};

static ssize_t script_send(void *context, const void *bytes, size_t length)
{
	struct script *script = context;
	const struct nlmsghdr *request = bytes;
	const struct inet_diag_req *wanted = NLMSG_DATA(request);

	assert_int_equal(length, request->nlmsg_len);
	assert_int_equal(request->nlmsg_type, TCPDIAG_GETSOCK);
	assert_int_equal(request->nlmsg_flags, NLM_F_REQUEST | NLM_F_DUMP);
	if (script->send_error) {
		errno = script->send_error;
		script->send_error = 0;
		return -1;
	}
	script->requests++;
	script->sequence = request->nlmsg_seq;
	script->states = wanted->idiag_states;
	return (ssize_t)length;
}

static ssize_t script_receive(void *context, void *buffer, size_t size)
{
	struct script *script = context;
	struct datagram datagram = {0};
	const struct step *step;

	assert_true(script->next < script->count); /* else it would wait forever */
	step = &script->steps[script->next++];
	if (step->error) {
		errno = step->error;
		return -1;
	}
	if (!step->no_socket)
		add_socket(&datagram, STATE_CLOSE_WAIT, 9000, 1, 1, 0);
	if (step->type)
		add_message(&datagram, step->type, step->flags,
			    &(struct nlmsgerr){.error = step->status}, sizeof(struct nlmsgerr));
	assert_true(datagram.length <= size);
	memcpy(buffer, datagram.bytes, datagram.length);
	for (struct nlmsghdr *message = buffer;
	     (unsigned char *)message < (unsigned char *)buffer + datagram.length;
	     message = (void *)((unsigned char *)message + NLMSG_ALIGN(message->nlmsg_len)))
		message->nlmsg_seq = script->sequence;
	return (ssize_t)datagram.length;
}

struct tally {
	unsigned int begun, sockets;
};

static void tally_begin(void *data)
{
	struct tally *tally = data;

	tally->begun++;
	tally->sockets = 0;
}

static void tally_socket_seen(const struct census_socket *socket, void *data)
{
	(void)socket;
	((struct tally *)data)->sockets++;
}

static int dump(struct script *script, struct tally *tally, bool *interrupted, struct error *error)
{
	const struct census_transport transport = {script_send, script_receive, script};
	const struct census_sink sink = {tally_begin, tally_socket_seen, tally};

	*tally = (struct tally){0};
	*interrupted = false;
	return census_dump(&transport, STATE_BIT(STATE_CLOSE_WAIT), &sink, interrupted, error);
}

#define RUN(script_, ...)                                                                          \
	const struct step steps[] = {__VA_ARGS__};                                                 \
	struct script script_ = {.steps = steps, .count = sizeof(steps) / sizeof(steps[0])};       \
	struct error error = {0};                                                                  \
	struct tally tally;                                                                        \
	bool interrupted;                                                                          \
	int result = dump(&script_, &tally, &interrupted, &error)

#define GO_ON                                                                                      \
	{                                                                                          \
		.type = 0                                                                          \
	}
#define END                                                                                        \
	{                                                                                          \
		.type = NLMSG_DONE                                                                 \
	}
#define END_INTERRUPTED                                                                            \
	{                                                                                          \
		.type = NLMSG_DONE, .flags = NLM_F_DUMP_INTR                                       \
	}

static void several_replies(void **state)
{
	RUN(script, GO_ON, GO_ON, END);

	(void)state;
	assert_int_equal(result, 0);
	assert_int_equal(tally.sockets, 3);
	assert_int_equal(script.requests, 1);
	assert_false(interrupted);
}

static void narrow_mask(void **state)
{
	RUN(script, END);

	(void)state;
	assert_int_equal(result, 0);
	assert_int_equal(script.states, 1 << 8);
}

/* The first attempt is read to its end; then everything starts again from zero. */
static void interrupted_is_repeated(void **state)
{
	RUN(script, {.flags = 0}, END_INTERRUPTED, END);

	(void)state;
	assert_int_equal(result, 0);
	assert_int_equal(script.requests, 2);
	assert_int_equal(tally.begun, 2);
	assert_int_equal(tally.sockets, 1);
	assert_int_equal(script.next, 3);
	assert_false(interrupted);
}

static void always_interrupted_is_told(void **state)
{
	RUN(script, END_INTERRUPTED, END_INTERRUPTED, END_INTERRUPTED, END_INTERRUPTED,
	    END_INTERRUPTED);

	(void)state;
	assert_int_equal(result, 0);
	assert_int_equal(script.requests, 5);
	assert_true(interrupted);
}

static void lost_replies_are_repeated(void **state)
{
	RUN(script, GO_ON, {.error = ENOBUFS}, END, END);

	(void)state;
	assert_int_equal(result, 0);
	assert_int_equal(script.requests, 2);
	assert_int_equal(tally.sockets, 1);
	assert_false(interrupted);
}

static void signals_do_no_harm(void **state)
{
	RUN(script, {.error = EINTR}, GO_ON, {.error = EINTR}, END);

	(void)state;
	assert_int_equal(result, 0);
	assert_int_equal(script.requests, 1);
	assert_int_equal(tally.sockets, 2);
}

static void busy_is_repeated(void **state)
{
	RUN(script, {.type = NLMSG_ERROR, .status = -EBUSY, .no_socket = true}, END);

	(void)state;
	assert_int_equal(result, 0);
	assert_int_equal(script.requests, 2);
	assert_int_equal(tally.sockets, 1);
}

static void no_module(void **state)
{
	RUN(script, {.type = NLMSG_ERROR, .status = -ENOENT, .no_socket = true});

	(void)state;
	assert_int_equal(result, -1);
	assert_int_equal(error.code, EXIT_CANNOT);
	assert_non_null(strstr(error.text, "tcp_diag"));
}

static void forbidden(void **state)
{
	RUN(script, {.type = NLMSG_DONE, .status = -EPERM, .no_socket = true});

	(void)state;
	assert_int_equal(result, -1);
	assert_int_equal(error.code, EXIT_CANNOT);
}

static void nonsense(void **state)
{
	RUN(script, {.type = 77});

	(void)state;
	assert_int_equal(result, -1);
	assert_int_equal(error.code, EXIT_BROKEN);
}

static void ends_early(void **state)
{
	RUN(script, {.no_socket = true});

	(void)state;
	assert_int_equal(result, -1);
	assert_int_equal(error.code, EXIT_BROKEN);
}

static void receive_fails(void **state)
{
	RUN(script, {.error = EIO});

	(void)state;
	assert_int_equal(result, -1);
	assert_int_equal(error.code, EXIT_BROKEN);
}

static void send_fails(void **state)
{
	struct script script = {.send_error = EOPNOTSUPP};
	struct error error;
	struct tally tally;
	bool interrupted;

	(void)state;
	assert_int_equal(dump(&script, &tally, &interrupted, &error), -1);
	assert_int_equal(error.code, EXIT_CANNOT);
}

/* ---- window.c ---- */

static void twice_in_one_walk(void **state)
{
	struct census_window *window = census_window_new();
	struct census_socket a = {.family = AF_INET,
				  .state = STATE_ESTABLISHED,
				  .port = 9000,
				  .peer_port = 1,
				  .cookie = 1};
	struct census_socket b = a;

	(void)state;
	assert_false(census_window_seen(window, &a));
	/* The timewait socket of a connection has the same tuple. */
	b.state = STATE_TIME_WAIT;
	b.cookie = 2;
	assert_true(census_window_seen(window, &b));
	census_window_clear(window);
	assert_false(census_window_seen(window, &a));
	census_window_free(window);
}

static void every_part_of_the_tuple_counts(void **state)
{
	struct census_window *window = census_window_new();
	struct census_socket variants[8];

	(void)state;
	for (size_t i = 0; i < 8; i++)
		variants[i] = (struct census_socket){.family = AF_INET6, .state = 1, .port = 9000};
	variants[1].port++;
	variants[2].peer_port++;
	variants[3].address[1]++;
	variants[4].peer[2]++;
	variants[5].interface++;
	variants[6].family = AF_INET;
	variants[7].address[3]++;
	for (size_t i = 0; i < 8; i++)
		assert_false(census_window_seen(window, &variants[i]));
	for (size_t i = 0; i < 8; i++)
		assert_true(census_window_seen(window, &variants[i]));
	census_window_free(window);
}

/* SO_REUSEPORT: any number of listeners on one address. */
static void listeners_of_one_port(void **state)
{
	struct census_window *window = census_window_new();
	struct census_socket a = {
	    .family = AF_INET, .state = STATE_LISTEN, .port = 80, .cookie = 1};
	struct census_socket b = a;

	(void)state;
	b.cookie = 2;
	assert_false(census_window_seen(window, &a));
	assert_false(census_window_seen(window, &b));
	assert_true(census_window_seen(window, &a));
	census_window_free(window);
}

/* A duplicate is found across a bucket of any reasonable length. */
static void far_apart(void **state)
{
	struct census_window *window = census_window_new();
	struct census_socket socket = {.family = AF_INET, .state = 1, .port = 9000};

	(void)state;
	for (uint32_t i = 0; i < 100000; i++) {
		struct census_socket earlier = socket;

		socket.peer[0] = i / 60000;
		socket.peer_port = (uint16_t)(i % 60000);
		assert_false(census_window_seen(window, &socket));
		if (i < 4000)
			continue;
		earlier.peer[0] = (i - 4000) / 60000;
		earlier.peer_port = (uint16_t)((i - 4000) % 60000);
		assert_true(census_window_seen(window, &earlier));
	}
	census_window_free(window);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(several_replies),
	    cmocka_unit_test(narrow_mask),
	    cmocka_unit_test(interrupted_is_repeated),
	    cmocka_unit_test(always_interrupted_is_told),
	    cmocka_unit_test(lost_replies_are_repeated),
	    cmocka_unit_test(signals_do_no_harm),
	    cmocka_unit_test(busy_is_repeated),
	    cmocka_unit_test(no_module),
	    cmocka_unit_test(forbidden),
	    cmocka_unit_test(nonsense),
	    cmocka_unit_test(ends_early),
	    cmocka_unit_test(receive_fails),
	    cmocka_unit_test(send_fails),
	    cmocka_unit_test(twice_in_one_walk),
	    cmocka_unit_test(every_part_of_the_tuple_counts),
	    cmocka_unit_test(listeners_of_one_port),
	    cmocka_unit_test(far_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
