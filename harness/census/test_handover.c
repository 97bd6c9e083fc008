/* SPDX-License-Identifier: MIT */
/* Every socket of a dump arrives once and in order, however many there are, and after a repetition.
 */
#include "census/handover.h"

#include "common/test.h"

struct arrivals {
	uint64_t next;
	int begun;
	bool in_order;
	pthread_t first, last; /* in which thread the first and the last arrived */
};

static void begin(void *data)
{
	struct arrivals *arrivals = data;

	arrivals->next = 0;
	arrivals->begun++;
	arrivals->in_order = true;
}

static void arrive(const struct census_socket *socket, void *data)
{
	struct arrivals *arrivals = data;

	if (!arrivals->next)
		arrivals->first = pthread_self();
	arrivals->last = pthread_self();
	arrivals->in_order &= socket->cookie == arrivals->next++;
}

static void dump(const struct census_sink *sink, uint64_t sockets)
{
	struct census_socket socket = {0};

	sink->begin(sink->data);
	for (; socket.cookie < sockets; socket.cookie++)
		sink->socket(&socket, sink->data);
}

static struct arrivals after(uint64_t sockets, int dumps)
{
	struct arrivals arrivals = {0};
	const struct census_sink real = {begin, arrive, &arrivals};
	struct handover handover;
	const struct census_sink sink = handover_to(&handover, &real);

	for (int i = 0; i < dumps; i++)
		dump(&sink, sockets);
	handover_end(&handover);
	assert_int_equal(arrivals.begun, dumps);
	assert_int_equal(arrivals.next, sockets);
	assert_true(arrivals.in_order);
	return arrivals;
}

static void all_arrive(void **state)
{
	/* Around where the thread starts, and where a batch and all batches are full. */
	const uint64_t at[] = {0, 1, 2047, 2560, 2560 + 8 * 512, 100000};

	(void)state;
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++)
		for (int off = -1; off <= 1; off++)
			if (at[i] || off >= 0)
				after(at[i] + (uint64_t)off, 1);
}

static void a_dump_may_begin_again(void **state)
{
	(void)state;
	after(100, 3);
	after(10000, 3);
}

static void only_a_large_one_gets_a_thread(void **state)
{
	struct arrivals arrivals = after(1000, 1);

	(void)state;
	assert_true(pthread_equal(arrivals.last, pthread_self()));
	arrivals = after(10000, 1);
	assert_true(pthread_equal(arrivals.first, pthread_self()));
	assert_false(pthread_equal(arrivals.last, pthread_self()));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(all_arrive),
	    cmocka_unit_test(a_dump_may_begin_again),
	    cmocka_unit_test(only_a_large_one_gets_a_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
