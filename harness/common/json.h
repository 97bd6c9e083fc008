/* SPDX-License-Identifier: MIT */
/*
 * Writes JSON (RFC 8259) as it goes. The text is always well formed and valid UTF-8:
 *
 *	struct json json = {.out = stdout};
 *
 *	json_object(&json, NULL);
 *	json_string(&json, "host", "server");
 *	json_array(&json, "fds");
 *	json_signed(&json, NULL, 7);
 *	json_end(&json);
 *	json_end(&json);                        {"host":"server","fds":[7]}
 *
 * @name is the name of an object's member; NULL in an array and for the outermost value. The caller
 * sees errors of the file when it closes it.
 */
#ifndef LINGER_JSON_H
#define LINGER_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define JSON_DEPTH 16 /* nested objects and arrays */

struct json {
	FILE *out;
	bool follows; /* a value precedes the next one */
	bool line;    /* ... and begins a line */
	size_t depth;
	char closing[JSON_DEPTH]; /* the closing brackets still to write */
};

/* Begin an object or an array; json_end() ends the innermost one. */
void json_object(struct json *json, const char *name);
void json_array(struct json *json, const char *name);
void json_end(struct json *json);

/* A string; NULL becomes null. A byte that is not UTF-8 (RFC 3629) becomes U+FFFD. */
void json_string(struct json *json, const char *name, const char *text);

/* The same of @length bytes, which may hold zeros. */
void json_bytes(struct json *json, const char *name, const char *text, size_t length);

void json_signed(struct json *json, const char *name, int64_t number);
void json_unsigned(struct json *json, const char *name, uint64_t number);
void json_bool(struct json *json, const char *name, bool truth);
void json_null(struct json *json, const char *name);

/* A time of @ns nanoseconds as seconds, with 0 to 9 decimals; the rest is cut off. */
void json_seconds(struct json *json, const char *name, int64_t ns, int decimals);

/* An address as text; null when @family is neither AF_INET nor AF_INET6. */
void json_address(struct json *json, const char *name, int family, const void *address);

/* Put the next value on a new line: people read long texts too. */
void json_line(struct json *json);

#endif
