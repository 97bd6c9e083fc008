/* SPDX-License-Identifier: MIT */
/* Replies and the good body, byte by byte, and the table of behaviours. */
#include "turncoat/turncoat.h"

#include <event2/buffer.h>

#include "common/test.h"

#define SIZE 100

/* A reply as text, which the caller frees. */
static char *text_of(struct reply *reply)
{
	struct evbuffer *out = evbuffer_new();
	size_t length;
	char *text;

	reply_write(reply, out);
	length = evbuffer_get_length(out);
	assert_int_equal(length, reply->bytes);
	text = calloc(1, length + 1);
	evbuffer_remove(out, text, length);
	evbuffer_free(out);
	return text;
}

static const char *body_of(const char *text)
{
	return strstr(text, "\r\n\r\n") + 4;
}

static struct body good(void)
{
	struct body body;

	assert_int_equal(body_make(&body, SIZE), 0);
	return body;
}

static void the_good_body(void **state)
{
	struct body body = good();

	(void)state;
	assert_memory_equal(body.bytes, "000000000000000\n000000000000016\n", 32);
	assert_memory_equal(body.bytes + 96, "0000", 4);
	body_free(&body);
}

static void a_whole_reply(void **state)
{
	struct body body = good();
	struct reply reply = {.status = 200, .body = &body, .part = WHOLE};
	char *text = text_of(&reply);

	(void)state;
	assert_string_equal(strncpy((char[18]){0}, text, 17), "HTTP/1.1 200 OK\r\n");
	assert_non_null(strstr(text, "\r\nContent-Length: 100\r\n"));
	assert_null(strstr(text, "Connection"));
	assert_int_equal(strlen(body_of(text)), SIZE);
	free(text);
	reply.last = true;
	text = text_of(&reply);
	assert_non_null(strstr(text, "\r\nConnection: close\r\n"));
	free(text);
	reply.head = true;
	text = text_of(&reply);
	assert_non_null(strstr(text, "\r\nContent-Length: 100\r\n"));
	assert_string_equal(body_of(text), "");
	free(text);
	body_free(&body);
}

/* Undo chunks. Returns the bytes of the body; whole: whether the last chunk is there. */
static size_t unchunk(const char *text, char *body, bool *whole)
{
	size_t used = 0, size = SIZE_MAX, part;
	char *end;

	for (*whole = false; size; text = end + 2 + size + 2) {
		size = strtoul(text, &end, 16);
		if (end == text || strncmp(end, "\r\n", 2))
			break;
		part = strnlen(end + 2, size);
		memcpy(body + used, end + 2, part);
		used += part;
		*whole = !size && !strcmp(end + 2, "\r\n");
		if (part < size || strncmp(end + 2 + size, "\r\n", 2))
			break;
	}
	return used;
}

static void a_reply_in_chunks(void **state)
{
	(void)state;
	for (size_t size = 16; size < 200; size++)
		for (enum part part = HALF_BODY; part <= WHOLE; part++) {
			struct body body;
			char found[200] = "", *text;
			bool whole;
			struct reply reply = {
			    .status = 200, .body = &body, .framing = BY_CHUNKS, .part = part};
			size_t wanted = part == WHOLE ? size : size / 2;

			assert_int_equal(body_make(&body, size), 0);
			text = text_of(&reply);
			assert_int_equal(unchunk(body_of(text), found, &whole), wanted);
			assert_memory_equal(found, body.bytes, wanted);
			assert_int_equal(whole, part == WHOLE);
			/* Half of it ends inside a chunk, not after one. */
			assert_int_equal(!strcmp(text + strlen(text) - 2, "\r\n"), part == WHOLE);
			free(text);
			body_free(&body);
		}
}

static void half_a_header(void **state)
{
	struct body body = good();
	struct reply reply = {.status = 200, .body = &body, .part = HALF_HEADER};
	char *text = text_of(&reply);

	(void)state;
	assert_null(strstr(text, "\r\n\r\n"));
	assert_non_null(strstr(text, "200 OK\r\n"));
	assert_true(strcmp(text + strlen(text) - 2, "\r\n"));
	free(text);
	body_free(&body);
}

/* However much has gone out, its body bytes are counted. */
static void the_body_within(void **state)
{
	struct body body = good();

	(void)state;
	for (enum framing framing = BY_LENGTH; framing <= BY_EOF; framing++) {
		struct reply reply = {
		    .status = 200, .body = &body, .framing = framing, .part = WHOLE};
		char *text = text_of(&reply), found[SIZE];
		size_t header = (size_t)(body_of(text) - text);
		bool whole;

		assert_int_equal(reply_body_within(&reply, header), 0);
		for (size_t sent = header; sent <= reply.bytes; sent++) {
			char *part = strndup(text, sent);
			size_t wanted = framing == BY_CHUNKS ? unchunk(part + header, found, &whole)
							     : sent - header;

			assert_int_equal(reply_body_within(&reply, sent), wanted);
			free(part);
		}
		free(text);
	}
	body_free(&body);
}

static void the_body_in_gzip(void **state)
{
	const struct body body = {(const uint8_t *)"123456789", 9};
	/* The CRC of these digits is known; RFC 1951, 3.2.4: a stored block. */
	static const uint8_t wanted[] = {
	    0x1f, 0x8b, 8,   0,	  0,   0,   0,	 0,   0,    255,  1,	9,    0, 0xf6, 0xff, '1',
	    '2',  '3',	'4', '5', '6', '7', '8', '9', 0x26, 0x39, 0xf4, 0xcb, 9, 0,    0,    0};
	struct body packed;

	(void)state;
	assert_int_equal(body_pack(&packed, &body), 0);
	assert_int_equal(packed.length, sizeof(wanted));
	assert_memory_equal(packed.bytes, wanted, sizeof(wanted));
	body_free(&packed);
}

static void names_of_behaviours(void **state)
{
	struct behaviour behaviour;
	struct error error;

	(void)state;
	for (const struct behaviour *b = behaviour_all(); b->name; b++) {
		assert_int_equal(behaviour_read(b->name, &behaviour, &error), 0);
		assert_string_equal(behaviour.name, b->name);
		for (const struct behaviour *other = b + 1; other->name; other++)
			assert_string_not_equal(b->name, other->name);
	}
	assert_int_equal(behaviour_read("idle-close=300ms", &behaviour, &error), 0);
	assert_int_equal(behaviour.time, 300000000);
}

static void what_is_no_behaviour(void **state)
{
	static const struct {
		const char *word, *why;
	} cases[] = {
	    {"idle-clsoe", "no behaviour idle-clsoe: did you mean idle-close?"},
	    {"", "no behaviour : see turncoat --list"},
	    {"xyzzy=1s", "no behaviour xyzzy: see turncoat --list"},
	    {"good=1s", "good takes no =TIME"},
	    {"idle-close=1", "idle-close takes a time, such as 300ms or 2s, not '1'"},
	    {"idle-close=0s", "idle-close takes a time, such as 300ms or 2s, not '0s'"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct behaviour behaviour;
		struct error error;

		assert_int_equal(behaviour_read(cases[i].word, &behaviour, &error), -1);
		assert_string_equal(error.text, cases[i].why);
		assert_int_equal(error.code, EXIT_USAGE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_good_body),	   cmocka_unit_test(a_whole_reply),
	    cmocka_unit_test(a_reply_in_chunks),   cmocka_unit_test(half_a_header),
	    cmocka_unit_test(the_body_within),	   cmocka_unit_test(the_body_in_gzip),
	    cmocka_unit_test(names_of_behaviours), cmocka_unit_test(what_is_no_behaviour),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
