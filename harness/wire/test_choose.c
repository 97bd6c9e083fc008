/* SPDX-License-Identifier: MIT */
/* Which packets to keep. */
#include "wire/test_common.h"

/* The first connections whole; of the others, how they begin and end; the same in both
 * directions. */
static void choice(void **state)
{
	struct wire_choice *two = wire_choice_new(2), *none = wire_choice_new(0);

	(void)state;
	for (int port = 1; port <= 3; port++)
		for (int back = 0; back < 2; back++) {
			struct packet packet = {.family = AF_INET, .flags = TCP_ACK};
			struct packet_end *client = back ? &packet.to : &packet.from;
			struct packet_end *server = back ? &packet.from : &packet.to;

			*client = (struct packet_end){{10, 0, 0, 1}, (uint16_t)port};
			*server = (struct packet_end){{10, 0, 0, 2}, 9000};
			assert_int_equal(wire_choice_keeps(two, &packet), port <= 2);
			assert_false(wire_choice_keeps(none, &packet));
			packet.flags = TCP_FIN | TCP_ACK;
			assert_true(wire_choice_keeps(two, &packet));
			assert_true(wire_choice_keeps(none, &packet));
		}
	wire_choice_free(two);
	wire_choice_free(none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(choice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
