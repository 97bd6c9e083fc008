/* SPDX-License-Identifier: MIT */
/* Groups connections that went the same way, and counts states over time. Pure. */
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "wire/filter.h"
#include "wire/summary.h"

#define ENDING (TCP_SYN | TCP_FIN | TCP_RST)

struct counting {
	struct wire_ladders *ladders;
	const struct wire_connection *connection;
	bool failed;
};

static void add_change(struct counting *counting, int host, int64_t time, int state, int by)
{
	struct wire_ladders *l = counting->ladders;

	if (state == STATE_CLOSED)
		return;
	if (l->change_count == l->change_room) {
		size_t room = l->change_room ? 2 * l->change_room : 1024;
		struct wire_change *more = realloc(l->changes, room * sizeof(*more));

		counting->failed |= !more;
		if (!more)
			return;
		l->changes = more;
		l->change_room = room;
	}
	l->changes[l->change_count] = (struct wire_change){
	    time, (uint32_t)l->change_count, (uint8_t)host, (uint8_t)state, (int8_t)by};
	l->change_count++;
}

static void moved(void *data, int end, int64_t time, int before, int after)
{
	struct counting *counting = data;
	int host = counting->connection->host[end];

	if (host < 0)
		return;
	add_change(counting, host, time, before, -1);
	add_change(counting, host, time, after, 1);
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
	return (hash ^ value) * HASH_PRIME; /* by words */
}

static uint64_t signature(const struct wire_connection *c, const struct wire_step *steps,
			  const uint8_t ends[2])
{
	uint64_t hash = HASH_BEGIN;

	for (size_t i = 0; i < c->count; i++) {
		const struct wire_segment *s = &c->segments[i];

		if (!wire_tells(c, steps, i))
			continue;
		hash = mix(hash, (uint64_t)s->from << 48 |
				     (uint64_t)(steps[i].marks & WIRE_TELLING) << 24 |
				     (uint64_t)steps[i].state[0] << 16 |
				     (uint64_t)steps[i].state[1] << 8 |
				     (uint64_t)(s->flags & ~TCP_PSH));
		hash = mix(hash, s->length > 0);
	}
	return mix(mix(hash, ends[0]), ends[1]);
}

/* A connection of which only its beginning and end were kept. */
static bool is_partial(const struct wire_ladders *l, const struct wire_connection *c)
{
	if (l->whole)
		return false;
	for (size_t i = 0; i < c->count; i++)
		if (!(c->segments[i].flags & ENDING))
			return false;
	return true;
}

struct groups {
	struct wire_group *group;
	size_t count, room;
	struct wire_summary *summary;
};

/* Groups by signature, in a hash table: most connections go one of a few ways. */
static int add_to_group(struct groups *groups, uint64_t sign, int badness,
			const struct wire_connection *c)
{
	size_t at;

	if (2 * groups->count >= groups->room) {
		struct groups more = {.room = groups->room ? 2 * groups->room : 64};

		more.group = calloc(more.room, sizeof(*more.group));
		if (!more.group)
			return -1;
		for (size_t i = 0; i < groups->room; i++)
			if (groups->group[i].first) {
				at = groups->group[i].signature & (more.room - 1);
				while (more.group[at].first)
					at = (at + 1) & (more.room - 1);
				more.group[at] = groups->group[i];
				more.count++;
			}
		free(groups->group);
		groups->group = more.group;
		groups->room = more.room;
	}
	at = sign & (groups->room - 1);
	while (groups->group[at].first && groups->group[at].signature != sign)
		at = (at + 1) & (groups->room - 1);
	if (!groups->group[at].first) {
		groups->group[at] = (struct wire_group){sign, 0, c, badness};
		groups->count++;
	}
	groups->group[at].connections++;
	return 0;
}

static int by_size(const void *one, const void *other)
{
	const struct wire_group *a = one, *b = other;

	if (a->connections != b->connections)
		return a->connections > b->connections ? -1 : 1;
	if (!a->first || !b->first)
		return !a->first - !b->first;
	return wire_began(a->first) < wire_began(b->first)
		   ? -1
		   : wire_began(a->first) > wire_began(b->first);
}

static int by_badness(const void *one, const void *other)
{
	const struct wire_group *a = one, *b = other;

	if (!a->first || !b->first)
		return !a->first - !b->first;
	return a->badness != b->badness ? b->badness - a->badness : by_size(one, other);
}

static int by_time(const void *one, const void *other)
{
	const struct wire_change *a = one, *b = other;

	if (a->time != b->time)
		return a->time < b->time ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

int wire_each(struct wire_ladders *ladders, wire_told_fn *told, void *data)
{
	struct counting counting = {.ladders = ladders};
	struct wire_step *steps = NULL;
	size_t room = 0;
	int result = -1;

	for (struct wire_connection *c = ladders->store.oldest; c; c = c->next) {
		struct wire_outcome outcome;
		uint8_t ends[2];
		bool taken;

		if (!c->count)
			continue;
		if (c->count > room) {
			free(steps);
			room = 2 * c->count;
			steps = malloc(room * sizeof(*steps));
			if (!steps)
				goto out;
		}
		if (is_partial(ladders, c)) {
			ladders->partial++;
			continue;
		}
		taken = !ladders->filter || filter_takes(ladders->filter, c, wire_began(c));
		if (!taken && ladders->uncounted) {
			ladders->filtered++;
			continue;
		}
		counting.connection = c;
		if (wire_derive(c, &ladders->rules, steps, ends, ladders->uncounted ? NULL : moved,
				&counting) < 0 ||
		    counting.failed)
			goto out;
		wire_outcome_of(c, steps, ends, &outcome);
		if (!taken || (ladders->filter && !filter_takes_outcome(ladders->filter, &outcome)))
			ladders->filtered++;
		else if (told(data, c, steps, ends, &outcome) < 0)
			goto out;
	}
	if (ladders->change_count)
		qsort(ladders->changes, ladders->change_count, sizeof(*ladders->changes), by_time);
	result = 0;
out:
	free(steps);
	return result;
}

/* How bad a way is: failures rank above connections that are merely not over. */
static int badness_of(const struct wire_outcome *outcome)
{
	return 4 * (int)outcome->how + 2 * outcome->half_open + outcome->retransmitting;
}

static int take(void *data, const struct wire_connection *c, const struct wire_step *steps,
		const uint8_t ends[2], const struct wire_outcome *outcome)
{
	struct groups *groups = data;

	if (groups->summary && summary_add(groups->summary, outcome) < 0)
		return -1;
	return add_to_group(groups, signature(c, steps, ends), badness_of(outcome), c);
}

int wire_ladders_make(struct wire_ladders *ladders)
{
	struct groups groups = {.summary = ladders->summary};
	size_t most = ladders->most_groups ? ladders->most_groups : WIRE_GROUPS;
	struct wire_group largest;

	if (wire_each(ladders, take, &groups) < 0) {
		free(groups.group);
		return -1;
	}
	ladders->group = groups.group;
	ladders->ways = groups.count;
	ladders->groups = groups.count < most ? groups.count : most;
	if (!groups.count)
		return 0;
	qsort(groups.group, groups.room, sizeof(*groups.group), by_size);
	largest = groups.group[0];
	qsort(groups.group, groups.room, sizeof(*groups.group), by_badness);
	for (size_t i = 0; i < ladders->groups; i++)
		if (groups.group[i].first == largest.first)
			return 0;
	if (ladders->groups > 1)
		groups.group[ladders->groups - 1] = largest;
	return 0;
}

bool wire_grouped(const struct wire_ladders *ladders, const struct wire_connection *c,
		  const struct wire_step *steps, const uint8_t ends[2])
{
	uint64_t sign = signature(c, steps, ends);

	for (size_t i = 0; i < ladders->groups; i++)
		if (ladders->group[i].signature == sign)
			return true;
	return false;
}

void wire_ladders_clear(struct wire_ladders *ladders)
{
	wire_store_clear(&ladders->store);
	free(ladders->changes);
	free(ladders->group);
}
