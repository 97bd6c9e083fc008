/* SPDX-License-Identifier: MIT */
/*
 * Finds how far the clocks of hosts are apart. A packet that both hosts recorded arrives after it
 * was sent. So for two hosts that sent each other packets, a negative least transit time reveals
 * the skew: half of the difference of the two directions, if both take equally long.
 */
#include <stdlib.h>
#include <string.h>

#include "wire/hash.h"
#include "wire/source.h"

#define PRINTS 32768 /* packets of a host to look at */
#define NEVER INT64_MAX

/* A packet, and where it was seen. */
struct print {
	uint64_t hash;
	int64_t time;
	int host;
	bool out;
};

struct prints {
	struct print *print;
	size_t count;
	int64_t least[WIRE_HOSTS][WIRE_HOSTS]; /* ns from one to the other, by their clocks */
};

static uint64_t print_of(const struct packet *p)
{
	const uint64_t key[2] = {0x2545f4914f6cdd1du, 0x9e3779b97f4a7c15u};
	uint64_t hash = hash_mix(hash_end(&p->from, key), hash_end(&p->to, key) + 1);

	hash = hash_mix(hash ^ ((uint64_t)p->seq << 32 | p->ack), key[0] ^ p->flags);
	return hash_mix(hash ^ ((uint64_t)p->stamp << 32 | p->length), key[1] ^ p->id);
}

static int by_hash_and_time(const void *one, const void *other)
{
	const struct print *a = one, *b = other;

	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	return a->time < b->time ? -1 : a->time > b->time;
}

static int look_at(struct wire_ladders *ladders, int host, struct prints *prints,
		   struct error *error)
{
	struct source source = {.host = host};
	int result = source_open(&source, ladders->host[host].path, ladders, error);

	for (size_t i = 0; result == 0 && i < PRINTS; i++) {
		source_advance(&source, ladders);
		if (!source.more)
			break;
		if (source.packet.way != PACKET_PASSING)
			prints->print[prints->count++] =
			    (struct print){print_of(&source.packet), source.packet.time, host,
					   source.packet.way == PACKET_OUT};
	}
	source_close(&source);
	return result;
}

/* The first time that each host saw one packet leave or arrive. */
static void compare(struct prints *prints, const struct print *first, size_t count)
{
	int64_t seen[2][WIRE_HOSTS];

	for (int host = 0; host < WIRE_HOSTS; host++)
		seen[0][host] = seen[1][host] = NEVER;
	for (size_t i = 0; i < count; i++)
		if (seen[first[i].out][first[i].host] == NEVER)
			seen[first[i].out][first[i].host] = first[i].time;
	for (int from = 0; from < WIRE_HOSTS; from++)
		for (int to = 0; seen[1][from] != NEVER && to < WIRE_HOSTS; to++)
			if (to != from && seen[0][to] != NEVER &&
			    seen[0][to] - seen[1][from] < prints->least[from][to])
				prints->least[from][to] = seen[0][to] - seen[1][from];
}

/* How far the clock of @to is ahead of that of @from; false: unknown. */
static bool apart(const struct prints *prints, int from, int to, int64_t *ahead)
{
	int64_t there = prints->least[from][to], back = prints->least[to][from];

	if (there == NEVER && back == NEVER)
		return false;
	*ahead = 0;
	if (there != NEVER && back != NEVER)
		*ahead = there < 0 || back < 0 ? (there - back) / 2 : 0;
	else if (there < 0) /* NEVER is not */
		*ahead = there;
	else if (back < 0)
		*ahead = -back;
	return true;
}

/* Start at the first host, and reach every host connected to it. */
static void spread(struct wire_ladders *ladders, const struct prints *prints)
{
	bool known[WIRE_HOSTS] = {true};
	int64_t ahead;

	for (size_t round = 1; round < ladders->hosts; round++)
		for (size_t from = 0; from < ladders->hosts; from++)
			for (size_t to = 0; known[from] && to < ladders->hosts; to++) {
				if (known[to] || !apart(prints, (int)from, (int)to, &ahead))
					continue;
				known[to] = true;
				ladders->host[to].ahead = ladders->host[from].ahead + ahead;
			}
}

int skew_find(struct wire_ladders *ladders, struct error *error)
{
	struct wire_ladders looked = {.hosts = ladders->hosts};
	struct prints prints = {.print = calloc(ladders->hosts * PRINTS, sizeof(struct print))};
	size_t first = 0;
	int result = -1;

	if (!prints.print)
		return error_no_memory(error);
	for (int from = 0; from < WIRE_HOSTS; from++)
		for (int to = 0; to < WIRE_HOSTS; to++)
			prints.least[from][to] = NEVER;
	memcpy(looked.host, ladders->host, sizeof(looked.host));
	for (size_t i = 0; i < ladders->hosts; i++)
		if (look_at(&looked, (int)i, &prints, error) < 0)
			goto out;
	qsort(prints.print, prints.count, sizeof(*prints.print), by_hash_and_time);
	for (size_t i = 1; i <= prints.count; i++)
		if (i == prints.count || prints.print[i].hash != prints.print[first].hash) {
			compare(&prints, &prints.print[first], i - first);
			first = i;
		}
	spread(ladders, &prints);
	result = 0;
out:
	free(prints.print);
	return result;
}
