/* SPDX-License-Identifier: MIT */
/* Replies to bytes (RFC 9112), whole and cut short. */
#include "turncoat/turncoat.h"

#include <event2/buffer.h>
#include <stdio.h>
#include <string.h>

#define CHUNKS 3 /* of a body, so that half of it ends inside one */
#define HEADER 256

static const char *reason_of(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 400:
		return "Bad Request";
	case 404:
		return "Not Found";
	case 408:
		return "Request Timeout";
	default: /* 413 */
		return "Content Too Large";
	}
}

/* Write the header. Returns its length. */
static size_t header_of(const struct reply *reply, char text[HEADER])
{
	char length[64] = "";

	if (reply->status == 100)
		return (size_t)sprintf(text, "HTTP/1.1 100 Continue\r\n\r\n");
	if (reply->framing == BY_LENGTH)
		snprintf(length, sizeof(length), "Content-Length: %zu\r\n", reply->body->length);
	return (size_t)snprintf(text, HEADER,
				"HTTP/1.1 %d %s\r\nServer: turncoat\r\nCache-Control: no-store\r\n"
				"Content-Type: text/plain\r\n%s%s%s\r\n",
				reply->status, reason_of(reply->status), length,
				reply->framing == BY_CHUNKS	? "Transfer-Encoding: chunked\r\n"
				: reply->framing == BY_EOF_GZIP ? "Content-Encoding: gzip\r\n"
								: "",
				reply->last  ? "Connection: close\r\n"
				: reply->old ? "Connection: keep-alive\r\n"
					     : "");
}

/* Note that @length more bytes belong to the body, or to its framing. */
static void count(struct reply *reply, bool body, size_t length)
{
	if (reply->spans % 2 != body)
		reply->spans++;
	reply->span[reply->spans] += length;
	reply->bytes += length;
}

static void add_text(struct reply *reply, struct evbuffer *out, const char *text, size_t length)
{
	evbuffer_add(out, text, length);
	count(reply, false, length);
}

static void add_body(struct reply *reply, struct evbuffer *out, size_t from, size_t length)
{
	evbuffer_add_reference(out, reply->body->bytes + from, length, NULL, NULL);
	count(reply, true, length);
}

/* The first @length bytes of the body in chunks; the last chunk may be cut short. */
static void add_chunks(struct reply *reply, struct evbuffer *out, size_t length)
{
	const size_t most = (reply->body->length + CHUNKS - 1) / CHUNKS;
	char size[32];

	for (size_t from = 0; from < length; from += most) {
		size_t rest = reply->body->length - from;
		size_t chunk = rest < most ? rest : most;
		size_t part = length - from < chunk ? length - from : chunk;

		add_text(reply, out, size, (size_t)sprintf(size, "%zx\r\n", chunk));
		add_body(reply, out, from, part);
		if (part == chunk)
			add_text(reply, out, "\r\n", 2);
	}
	if (length == reply->body->length)
		add_text(reply, out, "0\r\n\r\n", 5);
}

void reply_write(struct reply *reply, struct evbuffer *out)
{
	char header[HEADER];
	size_t length = header_of(reply, header);
	size_t body;

	memset(reply->span, 0, sizeof(reply->span));
	reply->spans = 0;
	reply->bytes = 0;
	add_text(reply, out, header, reply->part == HALF_HEADER ? length / 2 : length);
	if (reply->part == HALF_HEADER || reply->head || reply->status == 100)
		return;
	body = reply->part == WHOLE ? reply->body->length : reply->body->length / 2;
	if (reply->framing == BY_CHUNKS)
		add_chunks(reply, out, body);
	else
		add_body(reply, out, 0, body);
}

size_t reply_body_within(const struct reply *reply, size_t bytes)
{
	size_t body = 0;

	for (unsigned int i = 0; i <= reply->spans; i++) {
		size_t part = bytes < reply->span[i] ? bytes : reply->span[i];

		bytes -= part;
		body += i % 2 ? part : 0;
	}
	return body;
}
