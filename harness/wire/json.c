/* SPDX-License-Identifier: MIT */
/* ladder.json (RFC 8259), as results/README.md describes it. */
#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>

#include "wire/wire.h"

static void string(FILE *out, const char *text)
{
	census_json_string(out, text, strlen(text));
}

static void address(FILE *out, int family, const uint8_t *bytes)
{
	char text[INET6_ADDRSTRLEN];

	if (family && inet_ntop(family, bytes, text, sizeof(text)))
		fprintf(out, "\"%s\"", text);
	else
		fputs("null", out);
}

/* Seconds since 1970, or since @began. */
static void seconds(FILE *out, int64_t time)
{
	fprintf(out, "%s%" PRId64 ".%09" PRId64, time < 0 ? "-" : "",
		(time < 0 ? -time : time) / 1000000000, (time < 0 ? -time : time) % 1000000000);
}

static void since(FILE *out, const char *name, int64_t time, int64_t began)
{
	fprintf(out, "\"%s\":", name);
	if (time == WIRE_NEVER)
		fputs("null", out);
	else
		seconds(out, time - began);
	putc(',', out);
}

/* Names of the bits that are set, in their order. */
static void names(FILE *out, const char *member, unsigned bits, unsigned count,
		  const char *(*name)(unsigned bit))
{
	const char *comma = "";

	fprintf(out, "\"%s\":[", member);
	for (unsigned bit = 0; bit < count; bit++)
		if (bits & 1u << bit) {
			fprintf(out, "%s\"%s\"", comma, name(bit));
			comma = ",";
		}
	fputs("],", out);
}

static void hosts(FILE *out, const struct wire_ladders *l)
{
	fputs("{", out);
	for (size_t i = 0; i < l->hosts; i++) {
		const struct wire_host *host = &l->host[i];

		fputs(i ? "," : "", out);
		string(out, host->name);
		fputs(":{\"address\":", out);
		address(out, host->family, host->address);
		fprintf(out,
			",\"packets\":%" PRIu64 ",\"kept\":%" PRIu64 ",\"missed\":%" PRIu64
			",\"lost\":%" PRIu64 "}",
			host->packets, host->kept, host->missed, host->lost);
	}
	fputs("}", out);
}

static void end(FILE *out, const struct wire_ladders *l, const struct wire_connection *c, int end)
{
	fprintf(out, "\"%s\":{\"host\":", end == WIRE_CLIENT ? "client" : "server");
	if (c->host[end] >= 0)
		string(out, l->host[c->host[end]].name);
	else
		fputs("null", out);
	fputs(",\"address\":", out);
	address(out, c->family, c->end[end].address);
	fprintf(out, ",\"port\":%u},", c->end[end].port);
}

static void segment(FILE *out, const struct wire_ladder *ladder, size_t rung)
{
	const struct wire_connection *c = ladder->connection;
	const struct wire_segment *s = &c->segments[ladder->rung[rung]];
	const struct wire_step *step = &ladder->steps[ladder->rung[rung]];

	fputs("{", out);
	since(out, "sent", s->sent, ladder->began);
	since(out, "arrived", step->marks & WIRE_IS_LOST ? WIRE_NEVER : s->arrived, ladder->began);
	fprintf(out, "\"from\":\"%s\",", s->from == WIRE_CLIENT ? "client" : "server");
	names(out, "flags", s->flags, 6, wire_flag_name);
	fprintf(out, "\"seq\":%" PRIu32 ",\"ack\":", wire_relative(c, s->from, s->seq));
	if (s->flags & SEGMENT_ACK)
		fprintf(out, "%" PRIu32, wire_relative(c, !s->from, s->ack));
	else
		fputs("null", out);
	fprintf(out, ",\"length\":%" PRIu32 ",", s->length);
	names(out, "marks", step->marks, 7, wire_mark_name);
	fprintf(out, "\"client\":\"%s\",\"server\":\"%s\",\"omitted_before\":%" PRIu64 "}",
		state_name(step->state[WIRE_CLIENT]), state_name(step->state[WIRE_SERVER]),
		ladder->before[rung]);
}

static void group(FILE *out, const struct wire_ladders *l, const struct wire_group *group)
{
	struct wire_ladder ladder;

	fprintf(out, "{\"connections\":%" PRIu64 ",\"ladder\":{", group->connections);
	if (wire_ladder_of(l, group->first, &ladder) == 0) {
		end(out, l, ladder.connection, WIRE_CLIENT);
		end(out, l, ladder.connection, WIRE_SERVER);
		fputs("\"began\":", out);
		seconds(out, ladder.began);
		fprintf(out, ",\"omitted\":%" PRIu64 ",", ladder.omitted);
		since(out, "verdict", l->verdict ? l->verdict : WIRE_NEVER, ladder.began);
		fputs("\"segments\":[", out);
		for (size_t i = 0; i < ladder.rungs; i++) {
			fputs(i ? ",\n" : "\n", out);
			segment(out, &ladder, i);
		}
		fprintf(out, "],\n\"ends\":{\"client\":\"%s\",\"server\":\"%s\"}",
			state_name(ladder.ends[WIRE_CLIENT]), state_name(ladder.ends[WIRE_SERVER]));
	}
	fputs("}}", out);
	wire_ladder_clear(&ladder);
}

static void row(FILE *out, bool first, int64_t time, const int64_t counts[STATES])
{
	const char *comma = "";

	fprintf(out, "%s{\"time\":", first ? "\n" : ",\n");
	seconds(out, time);
	fputs(",\"states\":{", out);
	for (int state = 1; state < STATES; state++)
		if (counts[state] > 0) {
			fprintf(out, "%s\"%s\":%" PRId64, comma, state_name(state), counts[state]);
			comma = ",";
		}
	fputs("}}", out);
}

/* Counts of one host, at most WIRE_ROWS of them: what is closer together becomes one row. */
static void states(FILE *out, const struct wire_ladders *l, int host)
{
	int64_t counts[STATES] = {0};
	int64_t last = WIRE_NEVER, least;
	bool first = true, pending = false;

	least = l->change_count < WIRE_ROWS
		    ? 0
		    : (l->changes[l->change_count - 1].time - l->changes[0].time) / WIRE_ROWS;
	for (size_t i = 0; i < l->change_count; i++) {
		const struct wire_change *change = &l->changes[i];

		if (change->host != host)
			continue;
		if (pending && change->time > last && (first || change->time - last >= least)) {
			row(out, first, last, counts);
			first = false;
		}
		if (!pending || change->time - last >= least)
			last = change->time;
		counts[change->state] += change->by;
		pending = true;
	}
	if (pending)
		row(out, first, last, counts);
}

static void disagreements(FILE *out, const struct wire_ladders *l)
{
	char text[160];

	for (size_t i = 0; i < l->disagreements; i++) {
		const struct wire_disagreement *d = &l->disagreement[i];

		fputs(i ? ",\n{\"host\":" : "\n{\"host\":", out);
		string(out, l->host[d->host].name);
		fprintf(out, ",\"state\":\"%s\",\"by\":\"%s\",\"time\":", state_name(d->state),
			d->by_census ? "census" : "packets");
		seconds(out, d->time);
		fprintf(out,
			",\"count\":%" PRIu64 ",\"derived\":%" PRIu64 ",\"sentence\":", d->count,
			d->derived);
		wire_disagreement_text(d, text, sizeof(text));
		string(out, text);
		fputs("}", out);
	}
}

void wire_json(FILE *out, const struct wire_ladders *l)
{
	fputs("{\"schema\":1,\n\"hosts\":", out);
	hosts(out, l);
	fprintf(out, ",\n\"connections\":%" PRIu64 ",\n\"groups\":[", l->store.connections);
	for (size_t i = 0; i < l->groups; i++) {
		fputs(i ? ",\n" : "\n", out);
		group(out, l, &l->group[i]);
	}
	fputs("],\n\"states\":{", out);
	for (size_t i = 0; i < l->hosts; i++) {
		fputs(i ? ",\n" : "\n", out);
		string(out, l->host[i].name);
		fputs(":[", out);
		states(out, l, (int)i);
		fputs("]", out);
	}
	fprintf(out, "},\n\"whole\":%s,\n\"disagreements\":[", l->whole ? "true" : "false");
	disagreements(out, l);
	fputs("]}\n", out);
}
