/* SPDX-License-Identifier: MIT */
/* Requests: what is read, where they end, and what is refused. */
#include "turncoat/turncoat.h"

#include "common/test.h"

/* Feed a text in pieces of @pace bytes. Returns how many belong to the request. */
static size_t feed(struct request *request, const char *text, size_t pace)
{
	size_t length = strlen(text), at = 0;

	request_begin(request);
	while (at < length && request->stage < REQUEST_WHOLE) {
		size_t part = length - at < pace ? length - at : pace;
		char *piece = copy_of(text + at, part);
		size_t taken = request_feed(request, piece, part);

		free(piece);
		if (!taken)
			break;
		at += taken;
	}
	return at;
}

#define HEAD "GET /x HTTP/1.1\r\nHost: a\r\n"
#define POST "POST / HTTP/1.1\r\n"

static void what_is_read(void **state)
{
	static const struct {
		const char *text;
		bool keep, gzip, expect;
		uint64_t body;
	} cases[] = {
	    {HEAD "\r\n", true, false, false, 0},
	    {"GET /x HTTP/1.1\nHost: a\n\n", true, false, false, 0},
	    {"\r\n" HEAD "\r\n", true, false, false, 0},
	    {HEAD "connection: Close\r\n\r\n", false, false, false, 0},
	    {HEAD "Connection: keep-alive, close\r\n\r\n", false, false, false, 0},
	    {HEAD "Connection: closed\r\n\r\n", true, false, false, 0},
	    {"GET / HTTP/1.0\r\n\r\n", false, false, false, 0},
	    {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true, false, false, 0},
	    {HEAD "Accept-Encoding: br, gzip;q=0.5\r\n\r\n", true, true, false, 0},
	    {HEAD "Accept-Encoding: GZIP\r\n\r\n", true, true, false, 0},
	    {HEAD "Accept-Encoding: gzip;q=0, br\r\n\r\n", true, false, false, 0},
	    {HEAD "Accept-Encoding: gzip; q=0.000\r\n\r\n", true, false, false, 0},
	    {HEAD "Accept-Encoding: xgzip, br;q=0\r\n\r\n", true, false, false, 0},
	    {POST "Content-Length: 5\r\n\r\nhello", true, false, false, 5},
	    {POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", true, false, false, 5},
	    {POST "Content-Length: 0\r\n\r\n", true, false, false, 0},
	    {POST "Expect: 100-Continue\r\nContent-Length:5 \r\n\r\nhello", true, false, true, 5},
	    {POST
	     "Transfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\na;x=y\r\n0123456789\r\n0\r\n\r\n",
	     true, false, false, 15},
	    {POST "Transfer-Encoding: chunked\r\n\r\n0\r\nSum: 1\r\n\r\n", true, false, false, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		for (size_t pace = 1; pace < 100; pace += 7) {
			struct request request;
			char behind[512];

			snprintf(behind, sizeof(behind), "%sGET /next", cases[i].text);
			assert_int_equal(feed(&request, behind, pace), strlen(cases[i].text));
			assert_int_equal(request.stage, REQUEST_WHOLE);
			assert_int_equal(request.keep, cases[i].keep);
			assert_int_equal(request.gzip, cases[i].gzip);
			assert_int_equal(request.expect, cases[i].expect);
			assert_int_equal(request.body, cases[i].body);
		}
}

static void what_is_refused(void **state)
{
	static const char *const cases[] = {
	    "GET /x\r\n",
	    "GET  HTTP/1.1\r\n",
	    " / HTTP/1.1\r\n",
	    "GET /x HTTP/2.0\r\n",
	    "GET /x HTTP/1.\r\n",
	    "GET /x HTTP/1.11\r\n",
	    "GET /a b HTTP/1.1\r\n",
	    "PRI * HTTP/2.0\r\n",
	    "\x16\x03\x01 / HTTP/1.1\r\n",
	    "AMETHODTHATISMUCHTOOLONG / HTTP/1.1\r\n",
	    HEAD "no colon\r\n",
	    HEAD ": no name\r\n",
	    HEAD " folded: x\r\n",
	    HEAD "space : x\r\n",
	    POST "Content-Length: -1\r\n",
	    POST "Content-Length: 1x\r\n",
	    POST "Content-Length:\r\n",
	    POST "Content-Length: 18446744073709551616\r\n",
	    POST "Content-Length: 5\r\nContent-Length: 6\r\n",
	    POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
	    POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
	    POST "Transfer-Encoding: gzip\r\n",
	    POST "Transfer-Encoding: chunked\r\n\r\ng\r\n",
	    POST "Transfer-Encoding: chunked\r\n\r\n\r\n",
	    POST "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n",
	    POST "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		for (size_t pace = 1; pace < 100; pace += 7) {
			struct request request;

			feed(&request, cases[i], pace);
			assert_int_equal(request.stage, REQUEST_BAD);
		}
}

static void what_is_too_long(void **state)
{
	const size_t lengths[] = {REQUEST_LINE, REQUEST_HEADER / 2 + 1};
	char *text = malloc(2 * REQUEST_HEADER), *at;
	struct request request;

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < COUNT(lengths); i++) { /* one line, then many short ones */
		at = stpcpy(text, HEAD);
		for (size_t n = 0; n < lengths[i]; n++)
			at = stpcpy(at, i ? "a:\n" : "a");
		strcpy(at, "\n\n");
		feed(&request, text, SIZE_MAX);
		assert_int_equal(request.stage, REQUEST_BAD);
	}
	free(text);
}

static void it_stops_behind_the_header(void **state)
{
	static const char text[] = POST "Content-Length: 2\r\n\r\nab";
	struct request request;

	(void)state;
	request_begin(&request);
	assert_int_equal(request_feed(&request, text, strlen(text)), strlen(text) - 2);
	assert_true(request.headed && request_has_body(&request));
	assert_int_equal(request.stage, REQUEST_COUNTED);
	assert_int_equal(request_feed(&request, "ab", 2), 2);
	assert_int_equal(request.stage, REQUEST_WHOLE);
	assert_int_equal(request_feed(&request, "more", 4), 0);
}

static void a_large_upload_has_many_chunks(void **state)
{
	static const char head[] = POST "Transfer-Encoding: chunked\r\n\r\n";
	struct request request;

	(void)state;
	request_begin(&request);
	request_feed(&request, head, strlen(head));
	for (int i = 0; i < REQUEST_HEADER; i++)
		for (const char *at = "1\r\na\r\n"; *at; at++)
			assert_int_equal(request_feed(&request, at, 1), 1);
	request_feed(&request, "0\r\n\r\n", 5);
	assert_int_equal(request.stage, REQUEST_WHOLE);
	assert_int_equal(request.body, REQUEST_HEADER);
}

static void words_of_events_are_words(void **state)
{
	struct request request;

	(void)state;
	feed(&request, "GET /\x01\xff\t= HTTP/1.1\r\n\r\n", 4);
	assert_string_equal(request.target, "/\?\?\?=");
	assert_int_equal(request.stage, REQUEST_WHOLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_read),
	    cmocka_unit_test(what_is_refused),
	    cmocka_unit_test(what_is_too_long),
	    cmocka_unit_test(it_stops_behind_the_header),
	    cmocka_unit_test(a_large_upload_has_many_chunks),
	    cmocka_unit_test(words_of_events_are_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
