/* SPDX-License-Identifier: MIT */
/* Turns bytes into requests (RFC 9112), however they are split on the way. */
#include "turncoat/turncoat.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

void request_begin(struct request *request)
{
	*request = (struct request){.stage = REQUEST_START, .keep = true};
}

bool request_has_body(const struct request *request)
{
	return request->chunked || request->length;
}

/* RFC 9110, 5.6.2 */
static bool is_token(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!isalnum((unsigned char)text[i]) &&
		    (!text[i] || !strchr("!#$%&'*+-.^_`|~", text[i])))
			return false;
	return length > 0;
}

static void keep_text(char *to, size_t room, const char *text, size_t length)
{
	length = length < room ? length : room - 1;
	for (size_t i = 0; i < length; i++)
		to[i] = text[i] > ' ' && text[i] < 0x7f ? text[i]
							: '?'; /* it stays one word in an event */
	to[length] = '\0';
}

/* "GET /x HTTP/1.1" */
static enum request_stage take_start(struct request *request, const char *line)
{
	size_t method = strcspn(line, " ");
	const char *target = line + method + (line[method] != '\0');
	size_t length = strcspn(target, " ");
	const char *version = target + length;

	if (!is_token(line, method) || method >= sizeof(request->method) || !length)
		return REQUEST_BAD;
	if (strncmp(version, " HTTP/1.", 8) || !isdigit((unsigned char)version[8]) || version[9])
		return REQUEST_BAD;
	keep_text(request->method, sizeof(request->method), line, method);
	keep_text(request->target, sizeof(request->target), target, length);
	request->minor = version[8] - '0';
	request->keep = request->minor > 0;
	return REQUEST_FIELD;
}

/* Whether the list @value has @word as an item, with any parameters except q=0. */
static bool lists(const char *value, const char *word)
{
	const size_t wanted = strlen(word);

	while (*value) {
		size_t item, length;

		value += strspn(value, ", \t");
		item = strcspn(value, ",");
		length = strcspn(value, ",; \t");
		if (length == wanted && !strncasecmp(value, word, wanted)) {
			const char *q = memmem(value, item, "q=0", 3);

			return !q || strspn(q + 2, "0.") != strcspn(q + 2, ",; \t");
		}
		value += item;
	}
	return false;
}

/* Read all of @text as a number in @base; false when it is not one, or does not fit. */
static bool read_number(const char *text, size_t length, unsigned int base, uint64_t *number)
{
	static const char digits[] = "0123456789abcdef";

	*number = 0;
	for (size_t i = 0; i < length; i++) {
		const char c = (char)tolower((unsigned char)text[i]);
		const char *at = c ? strchr(digits, c) : NULL;
		const uint64_t digit = at ? (uint64_t)(at - digits) : base;

		if (digit >= base || __builtin_mul_overflow(*number, base, number) ||
		    __builtin_add_overflow(*number, digit, number))
			return false;
	}
	return length > 0;
}

/* RFC 9112, 6: contradictory body lengths are rejected. */
static bool take_length(struct request *request, const char *value)
{
	uint64_t before = request->length;
	bool again = request->counted;

	request->counted = true;
	return read_number(value, strlen(value), 10, &request->length) && !request->chunked &&
	       (!again || request->length == before);
}

static enum request_stage take_field(struct request *request, char *line)
{
	size_t name = strcspn(line, ":");
	char *value = line + name + 1, *end;
	bool right = true;

	if (!line[name] || !is_token(line, name))
		return REQUEST_BAD;
	line[name] = '\0';
	value += strspn(value, " \t");
	for (end = value + strlen(value); end > value && strchr(" \t", end[-1]);)
		*--end = '\0';
	if (!strcasecmp(line, "Content-Length")) {
		right = take_length(request, value);
	} else if (!strcasecmp(line, "Transfer-Encoding")) {
		right = !strcasecmp(value, "chunked") && !request->counted && !request->chunked;
		request->chunked = true;
	} else if (!strcasecmp(line, "Connection")) {
		request->keep |= lists(value, "keep-alive");
		request->ends |= lists(value, "close");
	} else if (!strcasecmp(line, "Accept-Encoding")) {
		request->gzip |= lists(value, "gzip");
	} else if (!strcasecmp(line, "Expect")) {
		request->expect |= lists(value, "100-continue");
	}
	return right ? REQUEST_FIELD : REQUEST_BAD;
}

static enum request_stage end_header(struct request *request)
{
	request->headed = true;
	request->keep &= !request->ends; /* RFC 9112, 9.3: "close" wins */
	request->left = request->length;
	return request->chunked ? REQUEST_SIZE : request->left ? REQUEST_COUNTED : REQUEST_WHOLE;
}

/* "1f4;extension" */
static enum request_stage take_size(struct request *request, const char *line)
{
	if (!read_number(line, strcspn(line, "; \t"), 16, &request->left))
		return REQUEST_BAD;
	return request->left ? REQUEST_CHUNK : REQUEST_TRAILER;
}

static enum request_stage take_line(struct request *request, char *line)
{
	switch (request->stage) {
	case REQUEST_START: /* RFC 9112, 2.2: empty lines before it are ignored */
		return *line ? take_start(request, line) : REQUEST_START;
	case REQUEST_FIELD:
		return *line ? take_field(request, line) : end_header(request);
	case REQUEST_SIZE:
		return take_size(request, line);
	case REQUEST_CHUNK_END:
		return *line ? REQUEST_BAD : REQUEST_SIZE;
	default: /* REQUEST_TRAILER */
		return *line ? REQUEST_TRAILER : REQUEST_WHOLE;
	}
}

/* Bytes of a line, up to its end. Returns how many were taken. */
static size_t feed_line(struct request *request, const char *bytes, size_t count)
{
	const char *newline = memchr(bytes, '\n', count);
	size_t part = newline ? (size_t)(newline - bytes) : count;

	if (request->stage != REQUEST_SIZE && request->stage != REQUEST_CHUNK_END)
		request->header += part + (newline != NULL);
	if (request->used + part >= sizeof(request->line) || request->header > REQUEST_HEADER ||
	    memchr(bytes, '\0', part)) {
		request->stage = REQUEST_BAD;
		return 0;
	}
	memcpy(request->line + request->used, bytes, part);
	request->used += part;
	if (!newline)
		return part;
	if (request->used && request->line[request->used - 1] == '\r')
		request->used--;
	request->line[request->used] = '\0';
	request->used = 0;
	request->stage = take_line(request, request->line);
	return part + 1;
}

/* Bytes of the body. Returns how many were taken. */
static size_t feed_body(struct request *request, size_t count)
{
	size_t part = count < request->left ? count : (size_t)request->left;

	request->body += part;
	request->left -= part;
	if (!request->left)
		request->stage = request->chunked ? REQUEST_CHUNK_END : REQUEST_WHOLE;
	return part;
}

size_t request_feed(struct request *request, const char *bytes, size_t count)
{
	const bool headed = request->headed;
	size_t taken = 0;

	while (taken < count && request->stage < REQUEST_WHOLE && request->headed == headed) {
		bool body = request->stage == REQUEST_COUNTED || request->stage == REQUEST_CHUNK;

		taken += body ? feed_body(request, count - taken)
			      : feed_line(request, bytes + taken, count - taken);
	}
	return taken;
}
