/* SPDX-License-Identifier: MIT */
/* The numbers of window.c, which wrap after 2^32 sockets. Included whole, to begin near that. */
#include <sys/socket.h>

#include "census/window.c"
#include "common/test.h"

static struct census_socket socket_of(uint16_t port)
{
	return (struct census_socket){.family = AF_INET, .state = STATE_ESTABLISHED, .port = port};
}

static void numbers_wrap(void **state)
{
	struct census_window *window = census_window_new();
	struct census_socket socket;

	(void)state;
	window->next = window->first = UINT32_MAX - 2;
	for (uint16_t port = 1; port <= 6; port++) {
		socket = socket_of(port);
		assert_false(census_window_seen(window, &socket));
	}
	assert_true(window->next < 6);
	for (uint16_t port = 1; port <= 6; port++) {
		socket = socket_of(port);
		assert_true(census_window_seen(window, &socket));
	}
	census_window_clear(window);
	assert_false(census_window_seen(window, &socket));
	census_window_free(window);
}

static void all_heads(struct census_window *window, uint32_t number)
{
	for (size_t i = 0; i < HEADS; i++)
		window->head[i] = number;
}

/* A head that no socket has touched since the numbers wrapped may hold the number of a later one.
 */
static void an_old_head_makes_no_circle(void **state)
{
	struct census_window *window = census_window_new();
	struct census_socket socket = socket_of(1);

	(void)state;
	all_heads(window, 2);
	assert_false(census_window_seen(window, &socket)); /* number 1, before it 2 */
	all_heads(window, 1);				   /* number 2 joins the chain of 1 */
	socket = socket_of(2);
	assert_false(census_window_seen(window, &socket));
	all_heads(window, 2);
	socket = socket_of(3);
	assert_false(census_window_seen(window, &socket));
	census_window_free(window);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(numbers_wrap),
	    cmocka_unit_test(an_old_head_makes_no_circle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
