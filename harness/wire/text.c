/* SPDX-License-Identifier: MIT */
/* Draws ladders for people: two lifelines, and one arrow a segment. */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "wire/summary.h"

#define STATE 12				      /* columns of a state */
#define TIME 12					      /* columns of a time */
#define BESIDE (2 + STATE + 1 + TIME + 2 + 2 + STATE) /* columns that are not the arrow's */
#define HEAD 8	  /* least columns of an arrow beside its label */
#define LABEL 160 /* bytes of the longest label */

/* Columns between the lifelines. */
static int arrow_columns(struct wire_look look)
{
	return look.width - BESIDE;
}

static void repeat(FILE *out, const char *text, int count)
{
	while (count-- > 0)
		fputs(text, out);
}

/* Append to a text, never beyond its room. */
static void add(char *text, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void add(char *text, size_t size, const char *format, ...)
{
	size_t used = strlen(text);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text + used, size - used, format, arguments);
	va_end(arguments);
}

/* When a segment was first seen. */
static int64_t moment(const struct wire_segment *s)
{
	return s->sent != WIRE_NEVER ? s->sent : s->arrived;
}

/* "FIN ACK seq 7 ack 7, lost" */
static void label(const struct wire_connection *c, const struct wire_segment *s,
		  const struct wire_step *step, char *text, size_t size)
{
	const char *comma = ",";

	*text = '\0';
	for (unsigned bit = 0; bit < 6; bit++)
		if (s->flags & 1u << bit)
			add(text, size, "%s%s", *text ? " " : "", wire_flag_name(bit));
	add(text, size, "%sseq %" PRIu32, *text ? " " : "", wire_relative(c, s->from, s->seq));
	if (s->flags & TCP_ACK)
		add(text, size, " ack %" PRIu32, wire_relative(c, !s->from, s->ack));
	if (s->length)
		add(text, size, " len %" PRIu32, s->length);
	for (unsigned bit = 0; bit < WIRE_MARKS; bit++)
		if (step->marks & 1u << bit && 1u << bit != WIRE_RESET) {
			add(text, size, "%s %s", comma, wire_mark_name(bit));
			comma = "";
		}
	if (s->copies)
		add(text, size, "%s seen %u times", comma, s->copies + 1u);
}

/* Cut a label where it no longer fits on the arrow; returns the rest, "" if all of it fits. */
static char *overflow(char *text, int room)
{
	char *cut = text;

	if ((int)strlen(text) <= room)
		return text + strlen(text);
	for (char *at = text; (at = strchr(at, ' ')) && at - text <= room; at++)
		if (!strncmp(at, " ack ", 5) || !strncmp(at, " len ", 5) || at[-1] == ',')
			cut = at;
	if (cut == text)
		return text + strlen(text);
	*cut = '\0';
	return cut + 1;
}

/* The arrow from tail to head, with its label; a lost one ends half way in an x. */
static void arrow(FILE *out, const char *text, bool to_the_right, bool lost, struct wire_look look)
{
	const char *line = look.ascii ? "-" : "─";
	/* two of line and two spaces, and the head */
	int rest = arrow_columns(look) - (int)strlen(text) - 5;
	int gap = lost ? rest / 2 : 0;

	if (to_the_right) {
		repeat(out, line, 2);
		fprintf(out, " %s ", text);
		repeat(out, line, rest - gap);
		fputs(lost ? "x" : ">", out);
		repeat(out, " ", gap);
	} else {
		repeat(out, " ", gap);
		fputs(lost ? "x" : "<", out);
		repeat(out, line, 2);
		fprintf(out, " %s ", text);
		repeat(out, line, rest - gap);
	}
}

/* A line in the middle of the ladder. */
static void remark(FILE *out, const char *text, struct wire_look look)
{
	int space = (arrow_columns(look) - (int)strlen(text)) / 2;

	fprintf(out, "  %*s%s\n", STATE + 1 + TIME + 2 + (space > 0 ? space : 0), "", text);
}

/* The packet's place in its file, and other details for a close look. */
static void details(FILE *out, const struct wire_segment *s, struct wire_look look)
{
	int64_t time = moment(s);
	time_t seconds = (time_t)(time / 1000000000);
	char text[LABEL] = "", date[32] = "?";
	struct tm utc;

	if (gmtime_r(&seconds, &utc))
		strftime(date, sizeof(date), "%F %T", &utc);
	add(text, sizeof(text), "packet %" PRIu32 ", %s.%09d UTC", s->number, date,
	    (int)(time % 1000000000));
	if (s->windowed)
		add(text, sizeof(text), ", window %u", s->window);
	remark(out, text, look);
}

static void rung(FILE *out, const struct wire_ladder *ladder, size_t i, struct wire_look look)
{
	const struct wire_connection *c = ladder->connection;
	const struct wire_segment *s = &c->segments[ladder->rung[i]];
	const struct wire_step *step = &ladder->steps[ladder->rung[i]];
	char text[LABEL], *rest;

	if (ladder->before[i]) {
		snprintf(text, sizeof(text), "... %" PRIu64 " more ...", ladder->before[i]);
		remark(out, text, look);
	}
	label(c, s, step, text, sizeof(text));
	rest = overflow(text, arrow_columns(look) - HEAD);
	fprintf(out, "  %-*s %*.3f ms  ", STATE, wire_state_name(step->state[WIRE_CLIENT]),
		TIME - 3, (double)(moment(s) - ladder->began) / 1e6);
	arrow(out, text, s->from == WIRE_CLIENT, step->marks & WIRE_IS_LOST, look);
	fprintf(out, "  %s\n", wire_state_name(step->state[WIRE_SERVER]));
	if (*rest)
		remark(out, rest, look);
	if (look.verbose)
		details(out, s, look);
}

/* "client 10.0.0.1:40000" */
static void name(const struct wire_ladders *l, const struct wire_connection *c, int end, char *text,
		 size_t size)
{
	char address[INET6_ADDRSTRLEN] = "?";
	const char *host = c->host[end] < 0 || l->store.one_tap
			       ? (end == WIRE_CLIENT ? "client" : "server")
			       : l->host[c->host[end]].name;

	inet_ntop(c->family, c->end[end].address, address, sizeof(address));
	snprintf(text, size, c->family == AF_INET6 ? "%s [%s]:%u" : "%s %s:%u", host, address,
		 c->end[end].port);
}

/* Whether the verdict came between the rung above and this one. */
static bool judged_before(const struct wire_ladders *l, const struct wire_ladder *ladder, size_t i)
{
	const struct wire_segment *segments = ladder->connection->segments;

	return l->verdict && moment(&segments[ladder->rung[i]]) > l->verdict &&
	       (i == 0 || moment(&segments[ladder->rung[i - 1]]) <= l->verdict);
}

void wire_text_ladder(FILE *out, const struct wire_ladders *l, const struct wire_ladder *ladder,
		      struct wire_look look)
{
	char client[160], server[160];
	int width;

	name(l, ladder->connection, WIRE_CLIENT, client, sizeof(client));
	name(l, ladder->connection, WIRE_SERVER, server, sizeof(server));
	width = look.width - 2 - STATE - (int)strlen(client);
	/* Long names may overflow their columns, but not the line. */
	if (width + (int)strlen(client) + (int)strlen(server) > look.width - 2)
		width = look.width - 2 - (int)strlen(client) - (int)strlen(server);
	fprintf(out, "  %s%*s%s\n", client, width > 2 ? width : 2, "", server);
	for (size_t i = 0; i < ladder->rungs; i++) {
		if (judged_before(l, ladder, i))
			remark(out, "the verdict; then all processes were stopped", look);
		rung(out, ladder, i, look);
	}
	fprintf(out, "  at the end: %s, %s\n", wire_state_name(ladder->ends[WIRE_CLIENT]),
		wire_state_name(ladder->ends[WIRE_SERVER]));
}

/* What the ladders leave out. */
static void rest(FILE *out, const struct wire_ladders *l, uint64_t shown)
{
	uint64_t other = l->store.connections - shown - l->filtered - l->partial;

	if (other)
		fprintf(out,
			"  %" PRIu64 " connections went other ways; --groups %zu shows all ways\n",
			other, l->ways);
	if (l->filtered)
		fprintf(out, "  %" PRIu64 " connections were filtered out\n", l->filtered);
	if (l->partial)
		fprintf(out, "  %" PRIu64 " connections were not kept whole\n", l->partial);
}

void wire_text(FILE *out, const struct wire_ladders *l, struct wire_look look)
{
	uint64_t shown = 0;
	char text[160];

	summary_text(out, l, look.width);
	for (size_t i = 0; i < l->groups; i++) {
		const struct wire_group *group = &l->group[i];
		struct wire_ladder ladder;

		if (wire_ladder_of(l, group->first, &ladder) == 0)
			wire_text_ladder(out, l, &ladder, look);
		wire_ladder_clear(&ladder);
		if (group->connections > 1)
			fprintf(out, "  %" PRIu64 " further connection%s like this\n",
				group->connections - 1, group->connections == 2 ? "" : "s");
		fputs("\n", out);
		shown += group->connections;
	}
	rest(out, l, shown);
	if (!l->store.connections)
		fputs("  no TCP connection was recorded\n", out);
	for (size_t i = 0; i < l->hosts; i++)
		if (l->host[i].missed)
			fprintf(out, "  %s: %" PRIu64 " packets were missed by the recorder\n",
				l->host[i].name, l->host[i].missed);
	for (size_t i = 0; i < l->disagreements; i++) {
		wire_disagreement_text(&l->disagreement[i], text, sizeof(text));
		fprintf(out, "  %s: %s\n", l->host[l->disagreement[i].host].name, text);
	}
}
