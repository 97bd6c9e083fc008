/* SPDX-License-Identifier: MIT */
/* Writes ladder.json, as results/README.md describes it. */
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "wire/summary.h"

#define DECIMALS 9  /* of seconds */
#define TERMINAL 80 /* columns */

/* Seconds since @began, or null. */
static void since(struct json *json, const char *name, int64_t time, int64_t began)
{
	if (time == WIRE_NEVER)
		json_null(json, name);
	else
		json_seconds(json, name, time - began, DECIMALS);
}

/* The names of the bits that are set, in order. */
static void names(struct json *json, const char *member, unsigned bits, unsigned count,
		  const char *(*name)(unsigned bit))
{
	json_array(json, member);
	for (unsigned bit = 0; bit < count; bit++)
		if (bits & 1u << bit)
			json_string(json, NULL, name(bit));
	json_end(json);
}

static void hosts(struct json *json, const struct wire_ladders *l)
{
	json_object(json, "hosts");
	for (size_t i = 0; i < l->hosts; i++) {
		const struct wire_host *host = &l->host[i];

		json_object(json, host->name);
		json_address(json, "address", host->family, host->address);
		json_unsigned(json, "packets", host->packets);
		json_unsigned(json, "kept", host->kept);
		json_unsigned(json, "missed", host->missed);
		json_unsigned(json, "lost", host->lost);
		json_end(json);
	}
	json_end(json);
}

static void end(struct json *json, const struct wire_ladders *l, const struct wire_connection *c,
		int end)
{
	json_object(json, end == WIRE_CLIENT ? "client" : "server");
	json_string(json, "host", c->host[end] < 0 ? NULL : l->host[c->host[end]].name);
	json_address(json, "address", c->family, c->end[end].address);
	json_unsigned(json, "port", c->end[end].port);
	json_end(json);
}

/* The states of both ends, as members. */
static void both(struct json *json, const uint8_t state[2])
{
	json_string(json, "client", wire_state_name(state[WIRE_CLIENT]));
	json_string(json, "server", wire_state_name(state[WIRE_SERVER]));
}

static void segment(struct json *json, const struct wire_ladder *ladder, size_t rung, bool verbose)
{
	const struct wire_connection *c = ladder->connection;
	const struct wire_segment *s = &c->segments[ladder->rung[rung]];
	const struct wire_step *step = &ladder->steps[ladder->rung[rung]];
	bool lost = step->marks & WIRE_IS_LOST;

	json_line(json);
	json_object(json, NULL);
	since(json, "sent", s->sent, ladder->began);
	since(json, "arrived", lost ? WIRE_NEVER : s->arrived, ladder->began);
	json_string(json, "from", s->from == WIRE_CLIENT ? "client" : "server");
	names(json, "flags", s->flags, 6, wire_flag_name);
	json_unsigned(json, "seq", wire_relative(c, s->from, s->seq));
	if (s->flags & TCP_ACK)
		json_unsigned(json, "ack", wire_relative(c, !s->from, s->ack));
	else
		json_null(json, "ack");
	json_unsigned(json, "length", s->length);
	names(json, "marks", step->marks, WIRE_MARKS, wire_mark_name);
	both(json, step->state);
	json_unsigned(json, "omitted_before", ladder->before[rung]);
	if (s->copies)
		json_unsigned(json, "copies", s->copies);
	if (verbose) {
		json_unsigned(json, "packet", s->number);
		json_seconds(json, "time", s->sent != WIRE_NEVER ? s->sent : s->arrived, DECIMALS);
		if (s->windowed)
			json_unsigned(json, "window", s->window);
		else
			json_null(json, "window");
	}
	json_end(json);
}

/* The ladder as a terminal of 80 columns shows it, one string per line, so that readers need not
 * draw it. */
static void drawn(struct json *json, const struct wire_ladders *l, const struct wire_ladder *ladder)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	json_array(json, "text");
	if (out) {
		wire_text_ladder(out, l, ladder, (struct wire_look){.width = TERMINAL});
		fclose(out);
		for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
			json_line(json);
			json_bytes(json, NULL, line, (size_t)(end - line));
		}
	}
	free(text);
	json_end(json);
}

static void ladder_of(struct json *json, const struct wire_ladders *l,
		      const struct wire_ladder *ladder, bool verbose)
{
	end(json, l, ladder->connection, WIRE_CLIENT);
	end(json, l, ladder->connection, WIRE_SERVER);
	json_seconds(json, "began", ladder->began, DECIMALS);
	json_unsigned(json, "omitted", ladder->omitted);
	since(json, "verdict", l->verdict ? l->verdict : WIRE_NEVER, ladder->began);
	json_array(json, "segments");
	for (size_t i = 0; i < ladder->rungs; i++)
		segment(json, ladder, i, verbose);
	json_end(json);
	json_line(json);
	json_object(json, "ends");
	both(json, ladder->ends);
	json_end(json);
	drawn(json, l, ladder);
}

static void group(struct json *json, const struct wire_ladders *l, const struct wire_group *group,
		  bool verbose)
{
	struct wire_ladder ladder;

	json_line(json);
	json_object(json, NULL);
	json_unsigned(json, "connections", group->connections);
	json_object(json, "ladder");
	if (wire_ladder_of(l, group->first, &ladder) == 0)
		ladder_of(json, l, &ladder, verbose);
	wire_ladder_clear(&ladder);
	json_end(json);
	json_end(json);
}

static void row(struct json *json, int64_t time, const int64_t counts[STATES])
{
	json_line(json);
	json_object(json, NULL);
	json_seconds(json, "time", time, DECIMALS);
	json_object(json, "states");
	for (int state = 1; state < STATES; state++)
		if (counts[state] > 0)
			json_signed(json, state_name(state), counts[state]);
	json_end(json);
	json_end(json);
}

/* Counts of one host, at most WIRE_ROWS: changes closer together share a row. */
static void states(struct json *json, const struct wire_ladders *l, int host)
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
			row(json, last, counts);
			first = false;
		}
		if (!pending || change->time - last >= least)
			last = change->time;
		counts[change->state] += change->by;
		pending = true;
	}
	if (pending)
		row(json, last, counts);
}

static void disagreement(struct json *json, const struct wire_ladders *l,
			 const struct wire_disagreement *d)
{
	char text[160];

	json_line(json);
	json_object(json, NULL);
	json_string(json, "host", l->host[d->host].name);
	json_string(json, "state", state_name(d->state));
	json_string(json, "by", d->by_census ? "census" : "packets");
	json_seconds(json, "time", d->time, DECIMALS);
	json_unsigned(json, "count", d->count);
	json_unsigned(json, "derived", d->derived);
	wire_disagreement_text(d, text, sizeof(text));
	json_string(json, "sentence", text);
	json_end(json);
}

void wire_json(FILE *out, const struct wire_ladders *l, bool verbose)
{
	struct json json = {.out = out};

	json_object(&json, NULL);
	json_unsigned(&json, "schema", 2);
	json_line(&json);
	hosts(&json, l);
	json_line(&json);
	json_unsigned(&json, "connections", l->store.connections);
	summary_json(&json, l);
	json_line(&json);
	json_array(&json, "groups");
	for (size_t i = 0; i < l->groups; i++)
		group(&json, l, &l->group[i], verbose);
	json_end(&json);
	json_line(&json);
	json_object(&json, "states");
	for (size_t i = 0; i < l->hosts; i++) {
		json_line(&json);
		json_array(&json, l->host[i].name);
		states(&json, l, (int)i);
		json_end(&json);
	}
	json_end(&json);
	json_line(&json);
	json_bool(&json, "whole", l->whole);
	json_line(&json);
	json_array(&json, "disagreements");
	for (size_t i = 0; i < l->disagreements; i++)
		disagreement(&json, l, &l->disagreement[i]);
	json_end(&json);
	json_end(&json);
	putc('\n', out);
}
