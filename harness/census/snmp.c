/* SPDX-License-Identifier: MIT */
/*
 * The counters of /proc/net/snmp and /proc/net/netstat: pairs of lines with the same prefix, the
 * first with names, the second with values.
 *
 *	Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens ...
 *	Tcp: 1 200 120000 -1 17 4 ...
 */
#include "census/census.h"

#include <stdlib.h>
#include <string.h>

/* The rest of the line of @text that begins with @prefix; NULL when there is none. */
static const char *find_line(const char *text, const char *prefix)
{
	size_t length = strlen(prefix);

	while (text && *text) {
		if (!strncmp(text, prefix, length))
			return text + length;
		text = strchr(text, '\n');
		if (text)
			text++;
	}
	return NULL;
}

size_t census_counters_parse(struct census_counters *counters, const char *text, const char *prefix)
{
	const char *name = find_line(text, prefix);
	const char *value = name ? strchr(name, '\n') : NULL;
	size_t before = counters->count;

	value = value ? find_line(value + 1, prefix) : NULL;
	while (value &&
	       counters->count < sizeof(counters->counter) / sizeof(counters->counter[0])) {
		struct census_counter *counter = &counters->counter[counters->count];
		size_t length;
		char *end;

		name += strspn(name, " ");
		length = strcspn(name, " \n");
		value += strspn(value, " ");
		if (!length || *value == '\n')
			break; /* strtoll would continue into the next line */
		counter->value = strtoll(value, &end, 10);
		if (end == value)
			break;
		if (length < sizeof(counter->name)) {
			memcpy(counter->name, name, length);
			counter->name[length] = '\0';
			counters->count++;
		}
		name += length;
		value = end;
	}
	return counters->count - before;
}

int census_counter_find(const struct census_counters *counters, const char *name, size_t length)
{
	for (size_t i = 0; i < counters->count; i++)
		if (strlen(counters->counter[i].name) == length &&
		    !memcmp(counters->counter[i].name, name, length))
			return (int)i;
	return -1;
}
