/* SPDX-License-Identifier: MIT */
/* Writes the summary, for people and as JSON. Pure except for the output. */
#include "wire/summary.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define LINE 2048 /* bytes of a line before wrapping */

static const char *const afters[WIRE_AFTERS] = {
    [WIRE_IN_HANDSHAKE] = "in the handshake",	[WIRE_AFTER_OPENING] = "before any data",
    [WIRE_AFTER_TEXT] = "after data",		[WIRE_AFTER_FIN] = "after the other's FIN",
    [WIRE_AFTER_OWN_FIN] = "after its own FIN",
};

int summary_add(struct wire_summary *s, const struct wire_outcome *outcome)
{
	if (s->connections == s->room) {
		size_t room = s->room ? 2 * s->room : 256;
		int64_t *more = realloc(s->lasted, room * sizeof(*more));

		if (!more)
			return -1;
		s->lasted = more;
		s->room = room;
	}
	s->lasted[s->connections++] = outcome->ended - outcome->began;
	s->how[outcome->how]++;
	s->closer[outcome->closer]++;
	if (outcome->how == WIRE_WAS_RESET)
		s->resets[outcome->resetter][outcome->after]++;
	s->opened += outcome->opened;
	s->half_open += outcome->half_open;
	s->one_sided += outcome->one_sided;
	s->retransmitting += outcome->retransmitting;
	if (s->verdict && outcome->began > s->verdict)
		s->began_later++;
	else if (s->verdict && outcome->ended > s->verdict)
		s->ended_later++;
	for (int end = 0; end < 2; end++)
		s->bytes[end] += outcome->bytes[end];
	return 0;
}

void summary_clear(struct wire_summary *summary)
{
	free(summary->lasted);
}

static int by_length(const void *one, const void *other)
{
	const int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;

	return a < b ? -1 : a > b;
}

/* The median, and the longest; there is at least one. */
static void durations(const struct wire_summary *s, int64_t *median, int64_t *longest)
{
	qsort(s->lasted, s->connections, sizeof(*s->lasted), by_length);
	*median = s->lasted[s->connections / 2];
	*longest = s->lasted[s->connections - 1];
}

/* ---- for people ------------------------------------------------------------------------------ */

/* A line of several parts, wrapped when too long. */
struct line {
	char text[LINE];
	size_t parts;
};

static void part(struct line *line, const char *divider, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void part(struct line *line, const char *divider, const char *format, ...)
{
	size_t used = strlen(line->text);
	va_list arguments;

	if (line->parts++)
		used += (size_t)snprintf(line->text + used, LINE - used, "%s", divider);
	if (used >= LINE)
		return;
	va_start(arguments, format);
	vsnprintf(line->text + used, LINE - used, format, arguments);
	va_end(arguments);
}

static void print(FILE *out, const char *title, const struct line *line, int width)
{
	int column = fprintf(out, "  %s", title);

	for (const char *at = line->text; *at; at += strspn(at, " ")) {
		int length = (int)strcspn(at, " ");

		if (column + 1 + length > width)
			column = fprintf(out, "\n   ") - 1;
		column += fprintf(out, " %.*s", length, at);
		at += length;
	}
	putc('\n', out);
}

static const char *plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

static void tell_connections(FILE *out, const struct wire_summary *s, int width)
{
	struct line line = {.text = ""};
	char title[64];

	snprintf(title, sizeof(title), "%" PRIu64 " connection%s:", s->connections,
		 plural(s->connections));
	for (int how = WIRE_HOWS - 1; how >= 0; how--)
		if (s->how[how])
			part(&line, ", ", "%" PRIu64 " %s", s->how[how], wire_how_name(how));
	if (s->opened < s->connections)
		part(&line, "; ", "%" PRIu64 " never opened", s->connections - s->opened);
	if (s->half_open)
		part(&line, "; ", "%" PRIu64 " half-open: one end is closed, the other is not",
		     s->half_open);
	if (s->retransmitting)
		part(&line, "; ", "%" PRIu64 " with retransmissions", s->retransmitting);
	if (s->ended_later)
		part(&line, "; ", "%" PRIu64 " ended only after the verdict", s->ended_later);
	if (s->began_later)
		part(&line, "; ", "%" PRIu64 " began after the verdict", s->began_later);
	print(out, title, &line, width);
}

static void tell_ends(FILE *out, const struct wire_summary *s, int width)
{
	struct line closers = {.text = ""}, resets = {.text = ""};

	for (int closer = 0; closer < WIRE_NOBODY; closer++)
		if (s->closer[closer])
			part(&closers, ", ", "%s %" PRIu64, wire_closer_name(closer),
			     s->closer[closer]);
	if (closers.parts)
		print(out, "closed first:", &closers, width);
	for (int from = 0; from < 2; from++)
		for (int after = 0; after < WIRE_AFTERS; after++)
			if (s->resets[from][after])
				part(&resets, ", ", "%" PRIu64 " by the %s %s",
				     s->resets[from][after], wire_closer_name(from), afters[after]);
	if (resets.parts)
		print(out, "resets:", &resets, width);
}

static void tell_size(FILE *out, const struct wire_summary *s, int width)
{
	struct line line = {.text = ""}, payload = {.text = ""};
	int64_t median, longest;

	durations(s, &median, &longest);
	if (s->connections > 1)
		part(&line, "; ", "%.3f ms (median), %.3f ms at most", (double)median / 1e6,
		     (double)longest / 1e6);
	else
		part(&line, "; ", "%.3f ms", (double)longest / 1e6);
	print(out, "lasted", &line, width);
	part(&payload, "", "%" PRIu64 " byte%s from the client%s, %" PRIu64 " from the server%s",
	     s->bytes[0], plural(s->bytes[0]), plural(s->connections), s->bytes[1],
	     plural(s->connections));
	print(out, "payload:", &payload, width);
}

/* "12 packets in VXLAN, 3 UDP" */
static void list_passed_over(struct line *line, const struct wire_ladders *l)
{
	for (int other = 1; other < OTHERS; other++) {
		uint64_t count = l->passed_over[other];
		bool tunnel = other >= OTHER_GRE && other <= OTHER_BATMAN;

		if (count)
			part(line, ", ", "%" PRIu64 "%s%s%s %s", count,
			     line->parts ? "" : " packet", line->parts ? "" : plural(count),
			     tunnel ? " in" : "", packet_other_name(other));
	}
}

/* How complete the capture is. */
static void tell_capture(FILE *out, const struct wire_ladders *l, int width)
{
	struct line line = {.text = ""}, passed = {.text = ""};
	uint64_t read = 0;

	for (size_t i = 0; i < l->hosts; i++)
		read += l->host[i].read;
	part(&line, "", "%" PRIu64 " packet%s%s", read, plural(read),
	     l->hosts == 2 ? " at both ends" : "");
	for (size_t i = 0; i < l->hosts; i++)
		if (*l->host[i].why)
			part(&line, "; ", "ended early after %" PRIu64 " packet%s of %s: %s",
			     l->host[i].read, plural(l->host[i].read), l->host[i].path,
			     l->host[i].why);
	if (l->summary->one_sided)
		part(&line, "; ", "%" PRIu64 " connection%s one-sided", l->summary->one_sided,
		     plural(l->summary->one_sided));
	if (l->store.doubled)
		part(&line, "; ", "%" PRIu64 " cop%s of packets", l->store.doubled,
		     l->store.doubled == 1 ? "y" : "ies");
	if (l->options_cut)
		part(&line, "; ", "%" PRIu64 " with options cut off", l->options_cut);
	if (l->back)
		part(&line, "; ", "time goes back %" PRIu64 " time%s, by at most %.3f ms", l->back,
		     plural(l->back), (double)l->furthest_back / 1e6);
	for (size_t i = 1; i < l->hosts; i++)
		if (l->host[i].ahead)
			part(&line, "; ", "the clock of %s is %.3f ms %s that of %s (corrected)",
			     l->host[i].name, (double)llabs(l->host[i].ahead) / 1e6,
			     l->host[i].ahead < 0 ? "behind" : "ahead of", l->host[0].name);
	if (l->store.ignored)
		part(&line, "; ", "%" PRIu64 " belonged to connections beyond the maximum",
		     l->store.ignored);
	print(out, "capture:", &line, width);
	list_passed_over(&passed, l);
	if (passed.parts)
		print(out, "not looked at:", &passed, width);
}

void summary_text(FILE *out, const struct wire_ladders *l, int width)
{
	if (!l->summary)
		return;
	if (l->summary->connections) {
		tell_connections(out, l->summary, width);
		tell_ends(out, l->summary, width);
		tell_size(out, l->summary, width);
	}
	tell_capture(out, l, width);
	putc('\n', out);
}

/* ---- for programs ---------------------------------------------------------------------------- */

static void json_summary(struct json *json, const struct wire_summary *s)
{
	int64_t median, longest;

	json_object(json, "summary");
	json_unsigned(json, "connections", s->connections);
	json_object(json, "how");
	for (int how = 0; how < WIRE_HOWS; how++)
		json_unsigned(json, wire_how_name(how), s->how[how]);
	json_end(json);
	json_object(json, "first_closer");
	for (int closer = 0; closer <= WIRE_NOT_KNOWN; closer++)
		json_unsigned(json, closer < WIRE_NOT_KNOWN ? wire_closer_name(closer) : "unknown",
			      s->closer[closer]);
	json_end(json);
	json_array(json, "resets");
	for (int from = 0; from < 2; from++)
		for (int after = 0; after < WIRE_AFTERS; after++)
			if (s->resets[from][after]) {
				json_object(json, NULL);
				json_string(json, "by", wire_closer_name(from));
				json_string(json, "when", afters[after]);
				json_unsigned(json, "connections", s->resets[from][after]);
				json_end(json);
			}
	json_end(json);
	json_unsigned(json, "opened", s->opened);
	json_unsigned(json, "half_open", s->half_open);
	json_unsigned(json, "one_sided", s->one_sided);
	json_unsigned(json, "retransmitting", s->retransmitting);
	if (s->connections) {
		durations(s, &median, &longest);
		json_seconds(json, "median_seconds", median, 9);
		json_seconds(json, "longest_seconds", longest, 9);
	} else {
		json_null(json, "median_seconds");
		json_null(json, "longest_seconds");
	}
	json_unsigned(json, "client_bytes", s->bytes[WIRE_CLIENT]);
	json_unsigned(json, "server_bytes", s->bytes[WIRE_SERVER]);
	json_end(json);
}

static void json_capture(struct json *json, const struct wire_ladders *l)
{
	uint64_t read = 0;

	for (size_t i = 0; i < l->hosts; i++)
		read += l->host[i].read;
	json_object(json, "capture");
	json_unsigned(json, "packets", read);
	json_object(json, "not_looked_at");
	for (int other = 1; other < OTHERS; other++)
		if (l->passed_over[other])
			json_unsigned(json, packet_other_name(other), l->passed_over[other]);
	json_end(json);
	json_unsigned(json, "beyond", l->store.ignored);
	json_unsigned(json, "copies", l->store.doubled);
	json_unsigned(json, "options_cut", l->options_cut);
	json_unsigned(json, "time_goes_back", l->back);
	json_seconds(json, "furthest_back", l->furthest_back, 9);
	json_array(json, "clocks_ahead");
	for (size_t i = 0; i < l->hosts; i++)
		if (l->host[i].ahead) {
			json_object(json, NULL);
			json_string(json, "host", l->host[i].name);
			json_seconds(json, "seconds", l->host[i].ahead, 9);
			json_end(json);
		}
	json_end(json);
	json_array(json, "ended_early");
	for (size_t i = 0; i < l->hosts; i++)
		if (*l->host[i].why) {
			json_object(json, NULL);
			json_string(json, "host", l->host[i].name);
			json_unsigned(json, "after", l->host[i].read);
			json_string(json, "why", l->host[i].why);
			json_end(json);
		}
	json_end(json);
	json_end(json);
}

void summary_json(struct json *json, const struct wire_ladders *l)
{
	if (!l->summary)
		return;
	json_line(json);
	json_summary(json, l->summary);
	json_line(json);
	json_capture(json, l);
}
