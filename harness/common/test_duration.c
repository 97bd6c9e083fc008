/* SPDX-License-Identifier: MIT */
/* What is a duration, and what is not. */
#include "common/duration.h"

#include "common/test.h"

static void durations(void **state)
{
	static const struct {
		const char *text;
		int64_t ns;
	} cases[] = {
	    {"300ms", 300000000},
	    {"2s", 2000000000},
	    {"1.5s", 1500000000},
	    {"5us", 5000},
	    {"1min", 60000000000},
	    {"0s", 0},
	    {"0.25ms", 250000},
	    {"0.0005us", 0},
	    {"", -1},
	    {"5", -1},
	    {"s", -1},
	    {".5s", -1},
	    {"5.s", -1},
	    {"1.2.3s", -1},
	    {"-1s", -1},
	    {"+1s", -1},
	    {" 1s", -1},
	    {"1 s", -1},
	    {"1s ", -1},
	    {"1S", -1},
	    {"1sec", -1},
	    {"1h", -1},
	    {"1m", -1},
	    {"0x1s", -1},
	    {"1e3s", -1},
	    {"9999999999min", -1},
	    {"76861433min", INT64_C(4611685980000000000)}, /* the last below 2^62 ns */
	    {"76861434min", -1},
	    {"99999999999999999999s", -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (duration_read(cases[i].text) != cases[i].ns)
			fail_msg("%s is %lld", cases[i].text,
				 (long long)duration_read(cases[i].text));
}

static void in_words(void **state)
{
	static const struct {
		int64_t ns;
		const char *text;
	} cases[] = {
	    {0, "0s"},
	    {2000000000, "2s"},
	    {300000000, "300ms"},
	    {1500000000, "1500ms"},
	    {60000000000, "1min"},
	    {90000000000, "90s"},
	    {5000, "5us"},
	    {500, "0.5us"},
	    {1000001000, "1000001us"},
	};
	char text[DURATION_TEXT];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_string_equal(duration_text(cases[i].ns, text), cases[i].text);
		assert_int_equal(duration_read(text), cases[i].ns);
	}
	assert_true(strlen(duration_text(INT64_MAX / 2, text)) < sizeof(text) - 1);
}

static void at_a_glance(void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} cases[] = {
	    {0, "0ms"},	      {999, "999ms"},  {1000, "1s"},	  {119999, "119s"},
	    {120000, "2min"}, {7200000, "2h"}, {172800000, "2d"},
	};
	char text[DURATION_TEXT];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(duration_glance(cases[i].ms, text), cases[i].text);
	assert_true(strlen(duration_glance(INT64_MAX - 1, text)) < sizeof(text) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(durations),
	    cmocka_unit_test(in_words),
	    cmocka_unit_test(at_a_glance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
