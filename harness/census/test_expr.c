/* SPDX-License-Identifier: MIT */
/* The language of expectations: every operator, every error, needs and values. */
#include "census/test_common.h"

static const char *const hosts[] = {"server", "web-1"};
static const struct census_counters counters = {
    .count = 2, .counter = {{"PassiveOpens", 0}, {"TCPAbortOnClose", 0}}};
static const struct census_names names = {hosts, 2, &counters};

static bool holds(const char *text, int64_t value)
{
	struct census_expr expr;
	struct error error;
	struct census_bounds values[CENSUS_VARS];

	if (census_expr_parse(&expr, text, &names, &error) < 0)
		fail_msg("%s: %s", text, error.text);
	for (size_t i = 0; i < CENSUS_VARS; i++)
		values[i] = (struct census_bounds){value, value};
	assert_int_not_equal(census_expr_holds(&expr, values), CENSUS_OPEN);
	return census_expr_holds(&expr, values) == CENSUS_TRUE;
}

static void operators(void **state)
{
	/* Every variable has the value 5. */
	static const struct {
		const char *text;
		bool result;
	} cases[] = {
	    {"CLOSE_WAIT == 5", true},
	    {"CLOSE_WAIT == 6", false},
	    {"CLOSE_WAIT != 6", true},
	    {"CLOSE_WAIT != 5", false},
	    {"CLOSE_WAIT < 6", true},
	    {"CLOSE_WAIT < 5", false},
	    {"CLOSE_WAIT <= 5", true},
	    {"CLOSE_WAIT <= 4", false},
	    {"CLOSE_WAIT > 4", true},
	    {"CLOSE_WAIT > 5", false},
	    {"CLOSE_WAIT >= 5", true},
	    {"CLOSE_WAIT >= 6", false},
	    {"CLOSE_WAIT + LAST_ACK == 10", true},
	    {"CLOSE_WAIT - LAST_ACK == 0", true},
	    {"10 - 3 - 2 == 5", true}, /* from the left */
	    {"10 - (3 - 2) == 9", true},
	    {"-CLOSE_WAIT == -5", true},
	    {"- -5 == 5", true},
	    {"3-2==1", true},
	    {"1 == 1 and 2 == 2", true},
	    {"1 == 1 and 2 == 3", false},
	    {"1 == 2 or 2 == 2", true},
	    {"1 == 2 or 2 == 3", false},
	    {"not 1 == 2", true},
	    {"not 1 == 1", false},
	    {"not not 1 == 1", true},
	    {"1 == 1 or 1 == 1 and 1 == 2", true}, /* and binds more tightly */
	    {"(1 == 1 or 1 == 1) and 1 == 2", false},
	    {"not 1 == 2 or 1 == 1", true}, /* not binds more tightly */
	    {"not (1 == 2 or 1 == 1)", false},
	    {"((CLOSE_WAIT)) == ((5))", true},
	    {"  CLOSE_WAIT==5  ", true},
	    {"server:CLOSE_WAIT == 5", true},
	    {"web-1:CLOSE_WAIT == 5", true}, /* not web minus something */
	    {"CLOSE_WAIT.owned == 5 and CLOSE_WAIT.unread == 5", true},
	    {"web-1:FIN_WAIT2.orphan == 5", true},
	    {"CLOSE_WAIT.silent == 5ms and CLOSE_WAIT.idle < 1min", true},
	    {"LAST_ACK.idle + 1.5s - 5ms == 1500ms and -CLOSING.idle == -5ms", true},
	    {"ESTABLISHED.silent > 5min or 0s == 1ms", false},
	    {"owned+unaccepted+orphan+timewait+unknown == 25", true},
	    {"descriptors - ghosts - unconnected + accept_queue == 0", true},
	    {"server:PassiveOpens == TCPAbortOnClose", true},
	    {"9223372036854775807 + 1 == 9223372036854775807", true},
	    {"-9223372036854775807 - 5 < -9223372036854775807", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (holds(cases[i].text, 5) != cases[i].result)
			fail_msg("%s is not %d", cases[i].text, cases[i].result);
}

static void every_state_name(void **state)
{
	(void)state;
	for (int i = 1; i < STATES; i++) {
		char text[64];

		snprintf(text, sizeof(text), "%s == 1", state_name(i));
		assert_true(holds(text, 1));
	}
}

static void errors(void **state)
{
	static const struct {
		const char *text, *column, *says;
	} cases[] = {
	    {"", "", "empty"},
	    {"   ", "", "empty"},
	    {"5", "column 1", "compare it"},
	    {"CLOSE_WAIT", "column 1", "compare it"},
	    {"CLOSE_WAIT + 1", "column 1", "compare it"},
	    {"1 == 1 and CLOSE_WAIT", "column 12", "compare it"},
	    {"CLOSE_WAIT or 1 == 1", "column 1", "compare it"},
	    {"not CLOSE_WAIT", "column 5", "compare it"},
	    {"(1 == 1) + 1 == 2", "column 1", "number is expected"},
	    {"1 + (1 == 1) == 2", "column 5", "number is expected"},
	    {"1 == (2 == 2)", "column 6", "number is expected"},
	    {"-(1 == 1) == 0", "column 1", "number is expected"},
	    {"1 < 2 < 3", "column 7", "operator"},
	    {"CLOSE_WAIT.silent > 5", "column 21", "a time is expected here"},
	    {"5 < CLOSE_WAIT.silent", "column 5", "not a time"},
	    {"CLOSE_WAIT > 5s", "column 14", "not a time"},
	    {"1s + 1 == 2s", "column 6", "a time is expected here"},
	    {"(1 == 1) == 5s", "column 1", "number is expected"},
	    {"CLOSE_WAIT.silent", "column 1", "compare it"},
	    {"CLOSE_WAIT.idle > 5us", "column 19", "whole number of milliseconds"},
	    {"CLOSE_WAIT.idle > 5parsec", "column 19", "nor a time"},
	    {"CLOSE_WAIT.idle > 00000000000000000000000000000000001s", "column 19", "nor a time"},
	    {"TIME_WAIT.silent > 5s", "column 11", "TIME_WAIT has no class"},
	    {"CLOSE_WAIT = 5", "column 12", "'=='"},
	    {"1 == 1 && 2 == 2", "column 8", "'and'"},
	    {"1 == 1 || 2 == 2", "column 8", "'or'"},
	    {"!1 == 1", "column 1", "'not'"},
	    {"(1 == 1", "column 1", "never closed"},
	    {"(1 == 1 2", "column 9", "')' expected"},
	    {"1 == 1)", "column 7", "operator"},
	    {"1 ==", "column 5", "missing"},
	    {"1 == *", "column 6", "number or a name"},
	    {"1 == 1 2", "column 8", "operator"},
	    {"1.5 == 1", "column 1", "whole number nor"},
	    {"5CLOSE_WAIT == 1", "column 1", "whole number nor"},
	    {"9223372036854775808 == 1", "column 1", "too large"},
	    {"CLOSEWAIT == 1", "column 1", "CLOSE_WAIT"},
	    {"1 == CLOSE-WAIT", "column 6", "CLOSE"},
	    {"close_wait == 1", "column 1", "CLOSE_WAIT"},
	    {"ESTAB == 1", "column 1", "ESTABLISHED"},
	    {"descriptor == 1", "column 1", "descriptors"},
	    {"PassivOpens == 1", "column 1", "PassiveOpens"},
	    {"xyzzyxyzzy == 1", "column 1", "is not known"},
	    {"client:CLOSE_WAIT == 1", "column 1", "no host"},
	    {"CLOSE_WAIT.ownd == 1", "column 12", "owned"},
	    {"CLOSE_WAIT. == 1", "column 12", "no class"},
	    {"LAST_ACK.unread == 1", "column 10", "no class"},
	    {"ghosts.owned == 1", "column 8", "only a state"},
	    {"server: == 1", "column 8", "not known"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct census_expr expr;
		struct error error;

		if (census_expr_parse(&expr, cases[i].text, &names, &error) == 0)
			fail_msg("'%s' was accepted", cases[i].text);
		assert_int_equal(error.code, EXIT_USAGE);
		if (!strstr(error.text, cases[i].column) || !strstr(error.text, cases[i].says))
			fail_msg("'%s': %s", cases[i].text, error.text);
	}
}

/* An expression of any size overflows neither an array nor our stack. */
static void too_large(void **state)
{
	struct census_expr expr;
	struct error error;
	char text[40000] = "";

	(void)state;
	memset(text, '(', sizeof(text) - 1);
	assert_int_equal(census_expr_parse(&expr, text, &names, &error), -1);
	assert_non_null(strstr(error.text, "deep"));
	memset(text, '-', sizeof(text) - 1);
	assert_int_equal(census_expr_parse(&expr, text, &names, &error), -1);
	assert_non_null(strstr(error.text, "deep"));

	text[0] = '\0';
	for (int i = 0; i < 10000; i += 4)
		strcpy(text + i, "not ");
	assert_int_equal(census_expr_parse(&expr, text, &names, &error), -1);
	assert_non_null(strstr(error.text, "deep"));

	for (int i = 0; i < 1000; i += 2)
		strcpy(text + i, "1+");
	assert_int_equal(census_expr_parse(&expr, text, &names, &error), -1);
	assert_non_null(strstr(error.text, "too long"));

	text[0] = '\0';
	for (int i = 1; i < STATES; i++)
		for (int class = 0; class < CENSUS_CLASSES; class ++)
			sprintf(text + strlen(text), "%s.%s+", state_name(i),
				census_class_name(class));
	assert_int_equal(census_expr_parse(&expr, text, &names, &error), -1);
	assert_non_null(strstr(error.text, "different variables"));

	memset(text, 'A', 300);
	assert_int_equal(census_expr_parse(&expr, text, &names, &error), -1);
}

static void a_variable_is_kept_once(void **state)
{
	struct census_expr expr;
	struct error error;

	(void)state;
	assert_int_equal(
	    census_expr_parse(&expr, "CLOSE_WAIT > 1 and CLOSE_WAIT < 9", &names, &error), 0);
	assert_int_equal(expr.var_count, 1);
	assert_string_equal(expr.var[0].text, "CLOSE_WAIT");
}

static struct census_needs needs_of(const char *text)
{
	struct census_expr expr;
	struct error error;

	assert_int_equal(census_expr_parse(&expr, text, &names, &error), 0);
	return census_expr_needs(&expr);
}

static void only_what_is_needed(void **state)
{
	struct census_needs needs = needs_of("CLOSE_WAIT == 1 and FIN_WAIT2.orphan == 0");

	(void)state;
	assert_int_equal(needs.states, STATE_BIT(STATE_CLOSE_WAIT) | STATE_BIT(STATE_FIN_WAIT2));
	assert_false(needs.owners || needs.descriptors || needs.counters || needs.rows);

	needs = needs_of("CLOSE_WAIT.owned == 1");
	assert_int_equal(needs.states, STATE_BIT(STATE_CLOSE_WAIT));
	assert_true(needs.owners && !needs.descriptors);
	assert_true(needs_of("unknown == 0").owners);
	assert_false(needs_of("unaccepted == 0").owners);
	assert_true(needs_of("unaccepted == 0").states & STATE_BIT(STATE_SYN_RECEIVED));
	assert_int_equal(needs_of("timewait == 0").states, STATE_BIT(STATE_TIME_WAIT));
	assert_true(needs_of("orphan == 0").states & STATE_BIT(STATE_LAST_ACK));
	assert_int_equal(needs_of("accept_queue == 0").states, STATE_BIT(STATE_LISTEN));
	assert_true(needs_of("ghosts == 0").descriptors);
	assert_true(needs_of("descriptors == 0").descriptors);

	needs = needs_of("PassiveOpens == 1");
	assert_true(needs.counters && !needs.states && !needs.owners);
	assert_false(needs_of("1 == 1").states);
}

static struct census_bounds bounds_of(const char *text, const struct census_snapshot *snapshots)
{
	struct census_expr expr;
	struct error error;
	char whole[128];

	snprintf(whole, sizeof(whole), "%s == 0", text);
	assert_int_equal(census_expr_parse(&expr, whole, &names, &error), 0);
	return census_value(&expr.var[0], snapshots, 2);
}

static int64_t value_of(const char *text, const struct census_snapshot *snapshots)
{
	struct census_bounds bounds = bounds_of(text, snapshots);

	assert_int_equal(bounds.least, bounds.most);
	return bounds.least;
}

static void values(void **state)
{
	struct census_snapshot snapshots[2] = {0};

	(void)state;
	snapshots[0].states[STATE_CLOSE_WAIT] = 3;
	snapshots[1].states[STATE_CLOSE_WAIT] = 4;
	snapshots[0].by_class[STATE_CLOSE_WAIT][CENSUS_OWNED] = 2;
	snapshots[1].classes[CENSUS_ORPHAN] = 9;
	snapshots[0].unread = 1;
	snapshots[0].descriptors = 11;
	snapshots[0].gone = 25;
	snapshots[0].ghosts = 12;
	snapshots[0].unconnected = 13;
	snapshots[0].accept_queue = 14;
	snapshots[1].counters = counters;
	snapshots[1].counters.counter[1].value = 15;
	assert_int_equal(value_of("CLOSE_WAIT", snapshots), 7);
	assert_int_equal(value_of("server:CLOSE_WAIT", snapshots), 3);
	assert_int_equal(value_of("web-1:CLOSE_WAIT", snapshots), 4);
	assert_int_equal(value_of("CLOSE_WAIT.owned", snapshots), 2);
	assert_int_equal(value_of("orphan", snapshots), 9);
	assert_int_equal(value_of("CLOSE_WAIT.unread", snapshots), 1);
	assert_int_equal(value_of("descriptors", snapshots), 11);
	assert_int_equal(value_of("gone", snapshots), 25);
	assert_int_equal(value_of("ghosts", snapshots), 12);
	assert_int_equal(value_of("unconnected", snapshots), 13);
	assert_int_equal(value_of("accept_queue", snapshots), 14);
	assert_int_equal(value_of("TCPAbortOnClose", snapshots), 15);
	assert_int_equal(value_of("server:TCPAbortOnClose", snapshots), 0);
}

static bool hidden(const char *text, const struct census_snapshot *snapshots)
{
	struct census_bounds bounds = bounds_of(text, snapshots);

	return bounds.least != bounds.most;
}

/* What unreadable processes could change must stay open; the rest must not. */
static void never_a_guess(void **state)
{
	struct census_snapshot snapshots[2] = {0};

	(void)state;
	assert_false(hidden("ghosts", snapshots));
	snapshots[1].unreadable_processes = 1;
	assert_true(hidden("gone", snapshots));
	assert_true(hidden("ghosts", snapshots));
	assert_true(hidden("descriptors", snapshots));
	assert_true(hidden("unconnected", snapshots));
	assert_false(hidden("server:ghosts", snapshots));
	assert_true(hidden("web-1:ghosts", snapshots));
	assert_false(hidden("CLOSE_WAIT", snapshots));
	assert_false(hidden("CLOSE_WAIT.unaccepted", snapshots));
	assert_false(hidden("CLOSE_WAIT.owned", snapshots));
	snapshots[1].by_class[STATE_CLOSE_WAIT][CENSUS_UNKNOWN] = 1;
	snapshots[1].classes[CENSUS_UNKNOWN] = 1;
	assert_true(hidden("CLOSE_WAIT.owned", snapshots));
	assert_false(hidden("LAST_ACK.owned", snapshots));
	assert_true(hidden("owned", snapshots));
	assert_false(hidden("CLOSE_WAIT.unknown", snapshots));
	snapshots[1].by_process = true; /* only its holdings count */
	assert_true(hidden("CLOSE_WAIT", snapshots));
	assert_true(hidden("CLOSE_WAIT.unread", snapshots));
}

static void what_is_gone_may_be_a_ghost(void **state)
{
	struct census_snapshot snapshots[2] = {{.gone = 10, .ghosts = 3, .unconnected = 2}};
	struct census_bounds bounds = bounds_of("ghosts", snapshots);

	(void)state;
	assert_int_equal(bounds.least, 3);
	assert_int_equal(bounds.most, 8);
	bounds = bounds_of("unconnected", snapshots);
	assert_int_equal(bounds.least, 2);
	assert_int_equal(bounds.most, 7);
	assert_int_equal(value_of("gone", snapshots), 10);
	snapshots[0].unplaced = 4; /* perhaps connected, where we may not look */
	assert_int_equal(bounds_of("gone", snapshots).least, 6);
	assert_false(hidden("CLOSE_WAIT", snapshots));
	snapshots[0].by_process = true; /* perhaps where nobody can look */
	assert_int_equal(bounds_of("CLOSE_WAIT", snapshots).most, 5);
}

/* CLOSE_WAIT is 3 to 5, LISTEN is 1, every other variable is at least 7. */
static void open_truths(void **state)
{
	static const struct {
		const char *text;
		enum census_truth truth;
	} cases[] = {
	    {"CLOSE_WAIT == 4", CENSUS_OPEN},
	    {"CLOSE_WAIT == 6", CENSUS_FALSE},
	    {"CLOSE_WAIT != 6", CENSUS_TRUE},
	    {"CLOSE_WAIT != 4", CENSUS_OPEN},
	    {"CLOSE_WAIT <= 5", CENSUS_TRUE},
	    {"CLOSE_WAIT < 5", CENSUS_OPEN},
	    {"CLOSE_WAIT < 3", CENSUS_FALSE},
	    {"CLOSE_WAIT >= 3", CENSUS_TRUE},
	    {"CLOSE_WAIT > 5", CENSUS_FALSE},
	    {"CLOSE_WAIT + LISTEN == 7", CENSUS_FALSE},
	    {"LISTEN - CLOSE_WAIT == -4", CENSUS_OPEN},
	    {"LISTEN - CLOSE_WAIT <= -2", CENSUS_TRUE},
	    {"-CLOSE_WAIT > -2", CENSUS_FALSE},
	    {"not CLOSE_WAIT == 4", CENSUS_OPEN},
	    {"CLOSE_WAIT == 4 and LISTEN == 0", CENSUS_FALSE},
	    {"CLOSE_WAIT == 4 and LISTEN == 1", CENSUS_OPEN},
	    {"CLOSE_WAIT == 4 or LISTEN == 1", CENSUS_TRUE},
	    {"CLOSE_WAIT == 4 or LISTEN == 0", CENSUS_OPEN},
	    {"ghosts == 0", CENSUS_FALSE},
	    {"ghosts > 6", CENSUS_TRUE},
	    {"ghosts + ghosts == 20", CENSUS_OPEN},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct census_bounds values[CENSUS_VARS];
		struct census_expr expr;
		struct error error;

		assert_int_equal(census_expr_parse(&expr, cases[i].text, &names, &error), 0);
		for (size_t n = 0; n < expr.var_count; n++)
			values[n] = expr.var[n].kind != CENSUS_VAR_STATE
					? (struct census_bounds){7, INT64_MAX}
				    : expr.var[n].state == STATE_LISTEN
					? (struct census_bounds){1, 1}
					: (struct census_bounds){3, 5};
		if (census_expr_holds(&expr, values) != cases[i].truth)
			fail_msg("%s", cases[i].text);
	}
}

/* NULL: accepted; else part of the sentence that refuses it. */
static void senseless(void **state)
{
	static const struct {
		const char *text, *says;
		bool by_process;
	} cases[] = {
	    {"CLOSE_WAIT == 0", NULL, true},
	    {"PassiveOpens > -1", NULL, false},
	    {"CLOSE_WAIT.orphan == 0", NULL, false}, /* a subflow can be */
	    {"TIME_WAIT.owned == 0", "TIME_WAIT.owned is always 0", false},
	    {"CLOSE_WAIT == 0 and server:LISTEN.orphan < 3", "server:LISTEN.orphan is", false},
	    {"TIME_WAIT == 0", NULL, false},
	    {"TIME_WAIT == 0", "TIME_WAIT is always 0", true},
	    {"orphan == 0", "orphan is always 0", true},
	    {"CLOSED == 0", "expect 'gone'", false},
	    {"CLOSED.owned == 0", "CLOSED.owned is always 0", false},
	    {"CLOSE_WAIT >= 0", "column 1: this comparison", false},
	    {"LISTEN == 1 and CLOSE_WAIT < 0", "column 17: this comparison", false},
	    {"LISTEN == 1 or 2 > 1", "column 16: this comparison", false},
	    {"descriptors + ghosts >= 0", "column 1: this comparison", false},
	    {"descriptors - ghosts >= 0", NULL, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct error error = {0};
		struct census_expr expr;

		assert_int_equal(census_expr_parse(&expr, cases[i].text, &names, &error), 0);
		if (census_expr_sensible(&expr, cases[i].by_process, &error) !=
		    (cases[i].says ? -1 : 0))
			fail_msg("%s: '%s'", cases[i].text, error.text);
		if (cases[i].says) {
			assert_int_equal(error.code, EXIT_USAGE);
			assert_non_null(strstr(error.text, cases[i].says));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(operators),
	    cmocka_unit_test(every_state_name),
	    cmocka_unit_test(errors),
	    cmocka_unit_test(too_large),
	    cmocka_unit_test(a_variable_is_kept_once),
	    cmocka_unit_test(only_what_is_needed),
	    cmocka_unit_test(values),
	    cmocka_unit_test(never_a_guess),
	    cmocka_unit_test(what_is_gone_may_be_a_ghost),
	    cmocka_unit_test(open_truths),
	    cmocka_unit_test(senseless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
