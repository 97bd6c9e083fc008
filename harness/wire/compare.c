/* SPDX-License-Identifier: MIT */
/*
 * Compares the census with the packets: two views of a host's states, which must agree. Pure.
 *
 * The census samples, so it misses a state that came and went between two looks. A packet that a
 * host keeps back (linger.faults.hold) is recorded only when it leaves, after the state it caused.
 * So while the census sees a state, or a little before or after, as many connections must have been
 * in that state by their packets, though perhaps not at once. While the count stays the same, the
 * packets must not show more throughout. For states that last, the reverse holds too.
 */
#include <stdlib.h>
#include <string.h>

#include "wire/wire.h"

#define SLACK 100000000 /* ns: on a busy machine the census looks late */
#define LASTS 200000000 /* ns: a state that lasts this long was surely seen, if there are FEW */
#define FEW 200
#define EACH 1000000 /* ns more for each further socket: after a long walk the census rests */

/* A host's connections in one state: how many there are from a time on, and how many had entered by
 * then. */
struct point {
	int64_t time;
	uint64_t count, entered;
};

struct curve {
	struct point *point;
	size_t count;
};

/* The value of a curve at @time: zero before its first point. */
static struct point at(const struct curve *curve, int64_t time, size_t *next)
{
	size_t low = 0, high = curve->count;

	while (low < high) { /* the first point after it */
		size_t middle = low + (high - low) / 2;

		if (curve->point[middle].time <= time)
			low = middle + 1;
		else
			high = middle;
	}
	*next = low;
	return low ? curve->point[low - 1] : (struct point){.time = time};
}

/* How many connections were in the state at some time of a span. */
static uint64_t passed_in(const struct curve *curve, int64_t from, int64_t to)
{
	size_t next;
	struct point first = at(curve, from, &next);

	return first.count + at(curve, to, &next).entered - first.entered;
}

/* The fewest that were in the state at any time of a span. */
static uint64_t fewest_in(const struct curve *curve, int64_t from, int64_t to)
{
	size_t next;
	uint64_t fewest = at(curve, from, &next).count;

	for (; next < curve->count && curve->point[next].time <= to; next++)
		if (curve->point[next].count < fewest)
			fewest = curve->point[next].count;
	return fewest;
}

static void disagree(struct wire_ladders *l, struct wire_disagreement what)
{
	if (what.by_census && !l->whole)
		return; /* the packets say nothing about a connection that was not kept */
	for (size_t i = 0; i < l->disagreements; i++)
		if (l->disagreement[i].host == what.host &&
		    l->disagreement[i].state == what.state &&
		    l->disagreement[i].by_census == what.by_census)
			return; /* once is enough */
	if (l->disagreements < WIRE_DISAGREEMENTS)
		l->disagreement[l->disagreements++] = what;
}

/* How long a state must last so that the census certainly sees it. */
static int64_t surely(const struct wire_ladders *l)
{
	uint64_t sockets = l->store.connections;

	return LASTS + (sockets > FEW ? (int64_t)(sockets - FEW) * EACH : 0);
}

/* When point @i of a curve ends. */
static int64_t end_of(const struct wire_ladders *l, const struct curve *curve, size_t i)
{
	return i + 1 < curve->count ? curve->point[i + 1].time : l->rules.until;
}

/* Compare each count of one side with the other side around that time. */
static void check(struct wire_ladders *l, int host, int state, bool by_census,
		  const struct curve *here, const struct curve *there)
{
	size_t last = 0; /* the points from @i up to this one are not 0 */

	for (size_t i = 0; i < here->count; i++) {
		struct wire_disagreement what = {
		    .host = host, .state = state, .by_census = by_census};
		int64_t from = here->point[i].time, to = end_of(l, here, i);
		uint64_t count = here->point[i].count, passed, fewest;
		bool lasts = to - from >= surely(l);

		last = last > i ? last : i;
		while (last + 1 < here->count && here->point[last].count &&
		       here->point[last + 1].count)
			last++;
		what.time = from;
		/* Too few there: only packets show a short state. */
		passed = passed_in(there, from - SLACK, end_of(l, here, last) + SLACK);
		if (passed < (lasts ? count : by_census && count)) {
			what.count = by_census ? count : passed;
			what.derived = by_census ? passed : count;
			disagree(l, what);
		}
		/* Too many there, all the time. */
		fewest = lasts ? fewest_in(there, from - SLACK, to + SLACK) : 0;
		if (fewest > count) {
			what.by_census = !by_census;
			what.count = by_census ? count : fewest;
			what.derived = by_census ? fewest : count;
			disagree(l, what);
		}
	}
}

static void add_point(struct curve *curve, int64_t time, uint64_t count)
{
	const struct point *last = curve->count ? &curve->point[curve->count - 1] : NULL;
	uint64_t before = last ? last->count : 0, entered = last ? last->entered : 0;

	if (last && before == count)
		return;
	if (count > before)
		entered += count - before;
	curve->point[curve->count++] = (struct point){time, count, entered};
}

static void curve_of_changes(const struct wire_ladders *l, int host, int state, struct curve *curve)
{
	int64_t sum = 0;

	for (size_t i = 0; i < l->change_count; i++) {
		const struct wire_change *change = &l->changes[i];

		if (change->host != host || change->state != state)
			continue;
		sum += change->by;
		add_point(curve, change->time, sum < 0 ? 0 : (uint64_t)sum);
	}
}

static void curve_of_samples(const struct wire_sample *samples, size_t count, int host, int state,
			     struct curve *curve)
{
	for (size_t i = 0; i < count; i++)
		if (samples[i].host == host)
			add_point(curve, samples[i].time, samples[i].states[state]);
}

int wire_compare(struct wire_ladders *l, const struct wire_sample *samples, size_t count)
{
	size_t room = 1 + (count > l->change_count ? count : l->change_count);
	struct curve seen = {.point = calloc(room, sizeof(struct point))};
	struct curve derived = {.point = calloc(room, sizeof(struct point))};

	for (int host = 0; seen.point && derived.point && host < (int)l->hosts; host++)
		for (int state = 1; state < STATES; state++) {
			if (state == STATE_LISTEN || state == STATE_CLOSED)
				continue; /* no packet shows them */
			seen.count = derived.count = 0;
			curve_of_samples(samples, count, host, state, &seen);
			curve_of_changes(l, host, state, &derived);
			check(l, host, state, true, &seen, &derived);
			check(l, host, state, false, &derived, &seen);
		}
	room = seen.point && derived.point;
	free(seen.point);
	free(derived.point);
	return room ? 0 : -1;
}

void wire_disagreement_text(const struct wire_disagreement *d, char *text, size_t size)
{
	const char *state = state_name(d->state);
	uint64_t first = d->by_census ? d->count : d->derived;
	uint64_t other = d->by_census ? d->derived : d->count;
	char rest[32] = "none";

	if (other)
		snprintf(rest, sizeof(rest), "%llu", (unsigned long long)other);
	snprintf(text, size,
		 d->by_census ? "the census saw %llu %s, the packets show %s"
			      : "the packets show %llu %s, the census saw %s",
		 (unsigned long long)first, state, rest);
}

/* The value of "time": seconds with a fraction. */
static int parse_time(const char *text, int64_t *time)
{
	int64_t scale = 1000000000;

	*time = 0;
	for (; *text >= '0' && *text <= '9'; text++) {
		if (*time > INT64_MAX / 20)
			return -1;
		*time = *time * 10 + *text - '0';
	}
	if (*time > INT64_MAX / scale / 2)
		return -1;
	*time *= scale;
	if (*text == '.')
		for (text++; *text >= '0' && *text <= '9' && scale > 1; text++)
			*time += (*text - '0') * (scale /= 10);
	return 0;
}

int wire_sample_parse(const char *line, const struct wire_ladders *hosts,
		      struct wire_sample *sample)
{
	static const char time[] = "{\"time\":", host[] = "\"host\":\"", states[] = "\"states\":{";
	const char *at = strstr(line, host), *list = strstr(line, states), *quote;

	*sample = (struct wire_sample){.host = -1};
	if (strncmp(line, time, strlen(time)) || !at || !list ||
	    parse_time(line + strlen(time), &sample->time) < 0)
		return -1;
	at += strlen(host);
	for (size_t i = 0; i < hosts->hosts; i++) {
		size_t length = strlen(hosts->host[i].name);

		if (!strncmp(at, hosts->host[i].name, length) && at[length] == '"')
			sample->host = (int)i;
	}
	for (at = list + strlen(states); *at == '"' || *at == ','; at += strspn(at, "0123456789")) {
		at += *at == ',';
		if (*at++ != '"' || !(quote = strchr(at, '"')) || quote[1] != ':')
			return -1;
		sample->states[state_by_name(at, (size_t)(quote - at))] =
		    strtoull(quote + 2, NULL, 10);
		at = quote + 2;
	}
	return sample->host < 0 || *at != '}' ? -1 : 0;
}
