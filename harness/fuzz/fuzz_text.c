/* SPDX-License-Identifier: MIT */
/*
 * What the census reads from /proc, the times in its options, and the JSON strings it writes:
 * checked against the C library, which has its own code for numbers and UTF-8.
 */
#include <ctype.h>
#include <locale.h>
#include <math.h>
#include <wchar.h>

#include "census/internal.h"
#include "common/duration.h"
#include "fuzz/fuzz.h"

static void check_counters(const char *text)
{
	struct census_counters counters = {0};
	size_t added = census_counters_parse(&counters, text, "Tcp:");

	MUST(added == counters.count && added <= 256);
	for (size_t i = 0; i < counters.count; i++) {
		const char *name = counters.counter[i].name;
		int found = census_counter_find(&counters, name, strlen(name));

		MUST(*name && !strpbrk(name, " \n"));
		MUST(found >= 0 && (size_t)found <= i);
	}
}

static void check_process(const char *text)
{
	const char *argument0 = strchrnul(text, '\n');
	char comm[64], name[64];

	snprintf(comm, sizeof(comm), "%.*s", (int)(argument0 - text < 63 ? argument0 - text : 63),
		 text);
	process_stat_may_hold(text, false);
	process_whole_name(comm, argument0, name, sizeof(name));
	/* A short name stays unchanged, except for control characters. */
	MUST(strlen(comm) >= 15 || strlen(name) == strlen(comm));
	for (const char *byte = name; *byte; byte++)
		MUST((unsigned char)*byte >= ' ' && *byte != 0x7f);
}

static void check_duration(const char *text)
{
	static const struct {
		const char *name;
		double ns;
	} units[] = {{"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"min", 6e10}};
	int64_t ns = duration_read(text);
	long double value;
	char *end;
	size_t i = 0;

	MUST(ns >= -1);
	if (ns < 0)
		return;
	value = strtold(text, &end);
	while (i < 4 && strcmp(end, units[i].name))
		i++;
	MUST(i < 4 && fabsl(value * units[i].ns - ns) <= 1);
}

/* Decodes a well-formed JSON string in place. */
static void unescape(char *json, size_t length)
{
	char *out = json;

	MUST(length >= 2 && json[0] == '"' && json[length - 1] == '"');
	json[length - 1] = '\0';
	for (const char *in = json + 1; *in;) {
		unsigned int code;
		int used = 0;

		MUST((unsigned char)*in >= 0x20 && *in != '"');
		if (*in != '\\') {
			*out++ = *in++;
		} else if (in[1] == '"' || in[1] == '\\') {
			*out++ = in[1];
			in += 2;
		} else {
			MUST(sscanf(in, "\\u%4x%n", &code, &used) == 1 && used == 6);
			MUST(code < 0x80 || code == 0xfffd);
			*out++ = (char)(code < 0x80 ? code : '?');
			in += used;
		}
	}
	*out = '\0';
}

/* RFC 3629, by the C library, which goes on beyond the last code point (glibc 2.36). */
static bool is_utf8(const char *text)
{
	size_t length = mbstowcs(NULL, text, 0);
	bool good = length != (size_t)-1;
	wchar_t *wide = calloc(good ? length + 1 : 1, sizeof(*wide));

	MUST(wide);
	if (good)
		mbstowcs(wide, text, length);
	for (size_t i = 0; good && i < length; i++)
		good = wide[i] <= 0x10ffff;
	free(wide);
	return good;
}

static void check_json(const char *text)
{
	size_t length;
	char *json;
	FILE *out = open_memstream(&json, &length);

	MUST(out);
	json_string(&(struct json){.out = out}, NULL, text);
	fclose(out);
	MUST(is_utf8(json));
	unescape(json, length);
	if (is_utf8(text))
		MUST(!strcmp(json, text));
	free(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	char *text = fuzz_text(bytes, size);

	MUST(setlocale(LC_CTYPE, "C.UTF-8"));
	check_counters(text);
	check_process(text);
	check_json(text);
	check_duration(text);
	free(text);
	return 0;
}
