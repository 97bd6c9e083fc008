/* SPDX-License-Identifier: MIT */
/* JSON (RFC 8259) for programs: one object a host. */
#include "census/census.h"

#include <arpa/inet.h>
#include <inttypes.h>
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

void census_json_string(FILE *out, const char *text, size_t length)
{
	const unsigned char *bytes = (const unsigned char *)text;

	putc('"', out);
	for (size_t i = 0; i < length;) {
		unsigned char c = bytes[i];
		size_t sequence = c < 0x80 ? 1 : utf8_length(bytes + i, length - i);

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

static void classes(FILE *out, const uint64_t *by_class)
{
	for (int class = 0; class < CENSUS_CLASSES; class ++)
		fprintf(out, "%s\"%s\":%" PRIu64, class ? "," : "", census_class_name(class),
			by_class[class]);
}

static void states(FILE *out, const struct census_snapshot *snapshot)
{
	const char *comma = "";

	for (int state = 1; state < STATES; state++) {
		if (!(snapshot->asked.states & STATE_BIT(state)))
			continue;
		fprintf(out, "%s\"%s\":%" PRIu64, comma, state_name(state),
			snapshot->states[state]);
		comma = ",";
	}
}

/* A number, or null when it was not asked for. */
static void number(FILE *out, const char *name, bool asked, uint64_t value)
{
	if (asked)
		fprintf(out, ",\"%s\":%" PRIu64, name, value);
	else
		fprintf(out, ",\"%s\":null", name);
}

static void rows(FILE *out, const struct census_snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->row_count; i++) {
		const struct census_row *row = &snapshot->rows[i];

		fprintf(out, "%s{\"state\":\"%s\",\"port\":%u,\"count\":%" PRIu64 ",", i ? "," : "",
			state_name(row->state), row->port, row->count);
		classes(out, row->by_class);
		fprintf(out, ",\"unread\":%" PRIu64 "}", row->unread);
	}
}

static void owners(FILE *out, const struct census_snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->owner_count; i++) {
		const struct census_owner *owner = &snapshot->owners[i];
		const char *state = state_name(owner->state);

		fprintf(out, "%s{\"pid\":%d,\"process\":", i ? "," : "", owner->pid);
		census_json_string(out, owner->process, strlen(owner->process));
		fprintf(out, ",\"state\":\"%s\",\"port\":%u,\"descriptors\":%" PRIu64 ",\"fds\":[",
			state ? state : "", owner->port, owner->descriptors);
		for (uint64_t n = 0; n < owner->descriptors && n < CENSUS_FDS; n++)
			fprintf(out, "%s%d", n ? "," : "", owner->fds[n]);
		fprintf(out, "],\"unread\":%" PRIu64 "}", owner->unread);
	}
}

static void listeners(FILE *out, const struct census_snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->listener_count; i++) {
		const struct census_listener *listener = &snapshot->listeners[i];
		char address[INET6_ADDRSTRLEN] = "";

		inet_ntop(listener->family, listener->address, address, sizeof(address));
		fprintf(
		    out, "%s{\"address\":\"%s\",\"port\":%u,\"recv_q\":%u,\"backlog\":%u,\"pid\":",
		    i ? "," : "", address, listener->port, listener->recv_queue, listener->backlog);
		if (listener->pid) {
			fprintf(out, "%d,\"process\":", listener->pid);
			census_json_string(out, listener->process, strlen(listener->process));
			putc('}', out);
		} else {
			fputs("null,\"process\":null}", out);
		}
	}
}

static void counters(FILE *out, const struct census_counters *counters)
{
	const char *comma = "";

	for (size_t i = 0; i < counters->count; i++) {
		const struct census_counter *counter = &counters->counter[i];

		if (!counter->value)
			continue;
		fputs(comma, out);
		census_json_string(out, counter->name, strlen(counter->name));
		fprintf(out, ":%" PRId64, counter->value);
		comma = ",";
	}
}

void census_json_snapshot(FILE *out, const char *host, const struct census_snapshot *snapshot)
{
	const struct census_needs *asked = &snapshot->asked;

	fputs("{\"host\":", out);
	census_json_string(out, host, strlen(host));
	fputs(",\"states\":{", out);
	states(out, snapshot);
	fputs("},\"classes\":{", out);
	classes(out, snapshot->classes);
	fputs("}", out);
	number(out, "unread", true, snapshot->unread);
	number(out, "descriptors", asked->descriptors, snapshot->descriptors);
	number(out, "ghosts", asked->descriptors, snapshot->ghosts);
	number(out, "unconnected", asked->descriptors, snapshot->unconnected);
	number(out, "unreadable_processes", asked->owners, snapshot->unreadable_processes);
	fprintf(out, ",\"interrupted\":%s,\"rows\":[", snapshot->interrupted ? "true" : "false");
	rows(out, snapshot);
	fputs("],\"owners\":[", out);
	owners(out, snapshot);
	fputs("],\"listeners\":[", out);
	listeners(out, snapshot);
	fputs("],\"counters\":{", out);
	counters(out, &snapshot->counters);
	fputs("}}", out);
}
