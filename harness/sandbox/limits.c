#include "sandbox/limits.h"

#include <err.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "sandbox/supervise.h"

enum { NONE = -1 }; /* not for each process but for all together */

static struct limit {
	const char *name;
	int resource;
	bool given;
	unsigned long value;
} limits[] = {
    {.name = "as", .resource = RLIMIT_AS},	   {.name = "core", .resource = RLIMIT_CORE},
    {.name = "cpu", .resource = RLIMIT_CPU},	   {.name = "fsize", .resource = RLIMIT_FSIZE},
    {.name = "nofile", .resource = RLIMIT_NOFILE}, {.name = "nproc", .resource = RLIMIT_NPROC},
    {.name = "memory", .resource = NONE},
};
enum { COUNT = sizeof(limits) / sizeof(limits[0]) };

unsigned long limits_number(const char *word)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(word, &end, 10);
	if (*word < '0' || *word > '9' || *end || errno)
		errx(2, "'%s' is not a whole number", word);
	return value;
}

static struct limit *find(const char *name, size_t length)
{
	for (size_t i = 0; i < COUNT; i++)
		if (strlen(limits[i].name) == length && strncmp(limits[i].name, name, length) == 0)
			return &limits[i];
	return NULL;
}

void limits_note(const char *word)
{
	const char *value = strchr(word, '=');
	struct limit *limit = value ? find(word, value - word) : NULL;

	if (!limit)
		errx(2, "unknown limit '%s': see confine --help", word);
	limit->given = true;
	limit->value = limits_number(value + 1);
}

unsigned long limits_noted(const char *name)
{
	const struct limit *limit = find(name, strlen(name));

	return limit && limit->given ? limit->value : 0;
}

/*
 * The hard limit of CPU time is a second higher, so that SIGXCPU, which says why, ends the command,
 * and SIGKILL only if it ignores that. A core limit of 0 becomes 1 byte: see cage.c.
 */
void limits_set(void)
{
	for (size_t i = 0; i < COUNT; i++) {
		bool cpu = limits[i].resource == RLIMIT_CPU;
		bool no_core = limits[i].resource == RLIMIT_CORE && !limits[i].value;
		unsigned long value = no_core ? 1 : limits[i].value;
		struct rlimit limit = {value, value + cpu};

		if (limits[i].given && limits[i].resource != NONE &&
		    setrlimit(limits[i].resource, &limit) < 0)
			err(EXIT_CANNOT, "limit %s=%lu", limits[i].name, limits[i].value);
	}
}
