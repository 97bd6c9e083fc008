/* SPDX-License-Identifier: MIT */
#include "common/json.h"

#include <arpa/inet.h>
#include <assert.h>
#include <string.h>

/* Length of the well-formed UTF-8 sequence (RFC 3629) at @text, 0 when there is none. */
static size_t utf8_length(const unsigned char *text, size_t left)
{
	static const struct {
		unsigned char first, last; /* of the first byte */
		unsigned char low, high;   /* of the second: no overlong forms, no surrogates */
		size_t length;
	} forms[] = {
	    {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
	    {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
	    {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		size_t n = 2;

		if (text[0] < forms[i].first || text[0] > forms[i].last)
			continue;
		if (left < forms[i].length || text[1] < forms[i].low || text[1] > forms[i].high)
			return 0;
		while (n < forms[i].length && (text[n] & 0xc0) == 0x80)
			n++;
		return n == forms[i].length ? n : 0;
	}
	return 0;
}

/* How many bytes at @text need no escape. */
static size_t plain_length(const unsigned char *text, size_t left)
{
	size_t n = 0;

	while (n < left && text[n] >= 0x20 && text[n] < 0x7f && text[n] != '"' && text[n] != '\\')
		n++;
	return n;
}

static void put_string(FILE *out, const char *text, size_t length)
{
	const unsigned char *bytes = (const unsigned char *)text;

	putc('"', out);
	for (size_t i = 0; i < length;) {
		unsigned char c = bytes[i];
		size_t plain = plain_length(bytes + i, length - i);
		size_t sequence = plain ? plain : c < 0x80 ? 1 : utf8_length(bytes + i, length - i);

		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			fprintf(out, "\\u%04x", c);
		else if (sequence)
			fwrite(bytes + i, 1, sequence, out);
		else
			fputs("\\ufffd", out); /* the replacement character, for each bad byte */
		i += sequence ? sequence : 1;
	}
	putc('"', out);
}

/* A number of at least @least digits. Capture and census write millions; printf(3) is slower. */
static void put_number(FILE *out, uint64_t number, int least)
{
	char text[20]; /* of 2^64 - 1 */
	size_t at = sizeof(text);

	for (; number || least > 0; least--) {
		text[--at] = (char)('0' + number % 10);
		number /= 10;
	}
	fwrite(text + at, 1, sizeof(text) - at, out);
}

/* A minus sign, if there is one; returns the rest. */
static uint64_t put_sign(FILE *out, int64_t number)
{
	if (number < 0)
		putc('-', out);
	return number < 0 ? -(uint64_t)number : (uint64_t)number;
}

/* Everything that precedes a value. */
static void begin(struct json *json, const char *name)
{
	if (json->follows)
		putc(',', json->out);
	if (json->line)
		putc('\n', json->out);
	if (name) {
		put_string(json->out, name, strlen(name));
		putc(':', json->out);
	}
	json->follows = true;
	json->line = false;
}

static void open_bracket(struct json *json, const char *name, char opening, char closing)
{
	assert(json->depth < JSON_DEPTH);
	begin(json, name);
	putc(opening, json->out);
	json->closing[json->depth++] = closing;
	json->follows = false;
}

void json_object(struct json *json, const char *name)
{
	open_bracket(json, name, '{', '}');
}

void json_array(struct json *json, const char *name)
{
	open_bracket(json, name, '[', ']');
}

void json_end(struct json *json)
{
	assert(json->depth > 0);
	putc(json->closing[--json->depth], json->out);
	json->follows = true;
	json->line = false;
}

void json_bytes(struct json *json, const char *name, const char *text, size_t length)
{
	begin(json, name);
	put_string(json->out, text, length);
}

void json_string(struct json *json, const char *name, const char *text)
{
	if (text)
		json_bytes(json, name, text, strlen(text));
	else
		json_null(json, name);
}

void json_signed(struct json *json, const char *name, int64_t number)
{
	begin(json, name);
	put_number(json->out, put_sign(json->out, number), 1);
}

void json_unsigned(struct json *json, const char *name, uint64_t number)
{
	begin(json, name);
	put_number(json->out, number, 1);
}

void json_bool(struct json *json, const char *name, bool truth)
{
	begin(json, name);
	fputs(truth ? "true" : "false", json->out);
}

void json_null(struct json *json, const char *name)
{
	begin(json, name);
	fputs("null", json->out);
}

void json_seconds(struct json *json, const char *name, int64_t ns, int decimals)
{
	uint64_t size, fraction;

	begin(json, name);
	size = put_sign(json->out, ns);
	fraction = size % 1000000000;
	put_number(json->out, size / 1000000000, 1);
	if (!decimals)
		return;
	for (int i = decimals; i < 9; i++)
		fraction /= 10;
	putc('.', json->out);
	put_number(json->out, fraction, decimals);
}

void json_address(struct json *json, const char *name, int family, const void *address)
{
	char text[INET6_ADDRSTRLEN];

	json_string(json, name, inet_ntop(family, address, text, sizeof(text)));
}

void json_line(struct json *json)
{
	json->line = true;
}
