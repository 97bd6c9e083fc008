/* SPDX-License-Identifier: MIT */
/* States, their names, and guesses for unknown names. */
#include "common/states.h"

#include "common/test.h"

static void there_and_back(void **state)
{
	(void)state;
	for (int number = 1; number < STATES; number++) {
		const char *name = state_name(number);

		assert_int_equal(state_by_name(name, strlen(name)), number);
		assert_int_equal(state_by_name(name, strlen(name) - 1), 0);
		assert_true(ALL_STATES & STATE_BIT(number));
	}
	assert_null(state_name(0));
	assert_null(state_name(STATES));
	assert_null(state_name(-1));
	assert_int_equal(state_by_name("close_wait", 10), 0);
	assert_int_equal(state_by_name("", 0), 0);
	assert_int_equal(ALL_STATES, 0xffe);
}

static void nearest_names(void **state)
{
	static const struct {
		const char *word, *state;
	} cases[] = {
	    {"CLOSEWAIT", "CLOSE_WAIT"},  {"close-wait", "CLOSE_WAIT"},
	    {"CLOSE_WIAT", "CLOSE_WAIT"}, {"SYN_RECV", "SYN_RECEIVED"},
	    {"ESTAB", "ESTABLISHED"},	  {"fin_wait_2", "FIN_WAIT2"},
	    {"TIMEWAIT", "TIME_WAIT"},	  {"TIME_WAITS", "TIME_WAIT"},
	    {"LISTENING", "LISTEN"},	  {"xyzzy", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *found = state_nearest(cases[i].word, strlen(cases[i].word));

		if (!found != !cases[i].state || (found && strcmp(found, cases[i].state)))
			fail_msg("%s: %s", cases[i].word, found ? found : "none");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(there_and_back),
	    cmocka_unit_test(nearest_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
