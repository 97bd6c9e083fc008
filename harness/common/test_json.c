/* SPDX-License-Identifier: MIT */
/* JSON: strings of any bytes, the extreme numbers, and nesting. */
#include "common/json.h"

#include <sys/socket.h>

#include "common/test.h"

static void strings(void **state)
{
	static const struct {
		const char *text, *json;
	} cases[] = {
	    {"", "\"\""},
	    {"plain name", "\"plain name\""},
	    {"a\"b\\c", "\"a\\\"b\\\\c\""},
	    {"\n\t\x01\x7f", "\"\\u000a\\u0009\\u0001\\u007f\""},
	    {"\x1f \x7e", "\"\\u001f ~\""},
	    {"gr\xc3\xbc\xc3\x9f", "\"gr\xc3\xbc\xc3\x9f\""},
	    {"\xe2\x82\xac\xf0\x9f\x91\xbb", "\"\xe2\x82\xac\xf0\x9f\x91\xbb\""},
	    {"\xff", "\"\\ufffd\""},
	    {"\x80", "\"\\ufffd\""},
	    {"\xc3", "\"\\ufffd\""},				      /* cut off */
	    {"\xe2\x82", "\"\\ufffd\\ufffd\""},			      /* cut off */
	    {"\xc0\xaf", "\"\\ufffd\\ufffd\""},			      /* overlong */
	    {"\xe0\x80\xaf", "\"\\ufffd\\ufffd\\ufffd\""},	      /* overlong */
	    {"\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\""},	      /* a surrogate */
	    {"\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\""}, /* > U+10FFFF */
	    {"\xc3(", "\"\\ufffd(\""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		/* Of exactly its size, without the NUL. */
		size_t length = strlen(cases[i].text);
		char *exact = memcpy(malloc(length + 1), cases[i].text, length);
		char *json =
		    WRITTEN(out, json_bytes(&(struct json){.out = out}, NULL, exact, length));

		assert_string_equal(json, cases[i].json);
		free(json);
		free(exact);
	}
}

/* What @values writes as the members of an object. */
static void check(void (*values)(struct json *json), const char *expected)
{
	struct json json = {0};
	char *text = WRITTEN(
	    out, (json.out = out, json_object(&json, NULL), values(&json), json_end(&json)));

	assert_string_equal(text, expected);
	assert_int_equal(json.depth, 0);
	free(text);
}

static void numbers(struct json *json)
{
	json_signed(json, "least", INT64_MIN);
	json_signed(json, "zero", 0);
	json_unsigned(json, "most", UINT64_MAX);
	json_bool(json, "true", true);
	json_bool(json, "false", false);
	json_null(json, "null");
	json_string(json, "none", NULL);
}

static void times(struct json *json)
{
	json_seconds(json, "a", 1999999999, 6); /* cut off, not rounded */
	json_seconds(json, "b", 1, 9);
	json_seconds(json, "c", -1500000000, 3);
	json_seconds(json, "d", 1700000000, 0);
	json_seconds(json, "e", INT64_MIN, 9);
	json_seconds(json, "f", -1, 9); /* the sign of what is less than a second */
}

static void addresses(struct json *json)
{
	static const unsigned char address[16] = {10, 0, 0, 2};

	json_address(json, "4", AF_INET, address);
	json_address(json, "6", AF_INET6, address);
	json_address(json, "0", 0, address);
}

static void nested(struct json *json)
{
	json_array(json, "empty");
	json_end(json);
	json_object(json, "a\"b\xff");
	json_array(json, "c");
	json_array(json, NULL);
	json_signed(json, NULL, 1);
	json_signed(json, NULL, 2);
	json_end(json);
	json_object(json, NULL);
	json_end(json);
	json_end(json);
	json_signed(json, "d", 3);
	json_end(json);
	json_signed(json, "e", 4);
}

static void lines(struct json *json)
{
	json_line(json);
	json_array(json, "a");
	json_line(json);
	json_signed(json, NULL, 1);
	json_line(json);
	json_signed(json, NULL, 2);
	json_end(json);
	json_line(json); /* nothing follows it in the array above */
	json_array(json, "b");
	json_line(json);
	json_end(json);
	json_signed(json, "c", 3);
}

static void values(void **state)
{
	(void)state;
	check(numbers, "{\"least\":-9223372036854775808,\"zero\":0,\"most\":18446744073709551615,"
		       "\"true\":true,\"false\":false,\"null\":null,\"none\":null}");
	check(times, "{\"a\":1.999999,\"b\":0.000000001,\"c\":-1.500,\"d\":1,"
		     "\"e\":-9223372036.854775808,\"f\":-0.000000001}");
	check(addresses, "{\"4\":\"10.0.0.2\",\"6\":\"a00:2::\",\"0\":null}");
}

static void structure(void **state)
{
	(void)state;
	check(nested, "{\"empty\":[],\"a\\\"b\\ufffd\":{\"c\":[[1,2],{}],\"d\":3},\"e\":4}");
	check(lines, "{\n\"a\":[\n1,\n2],\n\"b\":[],\"c\":3}");
}

static void as_deep_as_can_be(void **state)
{
	struct json json = {0};
	char *text;

	(void)state;
	text = WRITTEN(out, {
		json.out = out;
		for (int i = 0; i < JSON_DEPTH; i++)
			json_array(&json, NULL);
		while (json.depth)
			json_end(&json);
	});
	assert_string_equal(text, "[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(strings),
	    cmocka_unit_test(values),
	    cmocka_unit_test(structure),
	    cmocka_unit_test(as_deep_as_can_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
