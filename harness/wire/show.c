/* SPDX-License-Identifier: MIT */
/* wire ladder: what is read, what is told. */
#include <errno.h>
#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "wire/program.h"

static int name_hosts(const struct wire_options *options, struct wire_ladders *l,
		      struct error *error)
{
	for (size_t i = 0; i < options->files; i++) {
		const char *text = options->ladder[i], *equals = strchr(text, '=');
		struct wire_host *host = &l->host[l->hosts++];
		int length = equals ? (int)(equals - text) : 0;

		if ((options->files > 1 && !equals) || length >= WIRE_NAME)
			return error_set(error, EXIT_USAGE, "%s: write NAME=FILE", text);
		snprintf(host->name, sizeof(host->name), "%.*s", length ? length : 7,
			 length ? text : "capture");
		host->path = equals ? equals + 1 : text;
	}
	l->rules.infer_losses = options->infer || l->hosts == 1;
	return 0;
}

/* Close a file that was read to its end. Returns -1 with @error when it could not be. */
static int close_read(FILE *file, const char *path, struct error *error)
{
	bool failed = ferror(file); /* errno is that of the last read */
	int why = errno;

	fclose(file);
	return failed ? error_set(error, EXIT_USAGE, "%s: %s", path, strerror(why)) : 0;
}

/* The last line of each host in what the recorder said, and whether it was told of losses. */
static int read_recorder(const char *path, struct wire_ladders *l, struct error *error)
{
	FILE *file = fopen(path, "re");
	char line[512], name[WIRE_NAME];
	struct wire_host told;
	int rfc1337;

	if (!file)
		return error_set(error, EXIT_USAGE, "%s: %s", path, strerror(errno));
	while (fgets(line, sizeof(line), file)) {
		l->rules.infer_losses |= strstr(line, " losses=inferred") != NULL;
		if (sscanf(line,
			   "ev=recorded host=%63s packets=%" SCNu64 " kept=%" SCNu64
			   " missed=%" SCNu64 " lost=%" SCNu64 " rfc1337=%d",
			   name, &told.packets, &told.kept, &told.missed, &told.lost,
			   &rfc1337) != 6)
			continue;
		for (size_t i = 0; i < l->hosts; i++)
			if (!strcmp(l->host[i].name, name)) {
				l->host[i].packets = told.packets;
				l->host[i].kept = told.kept;
				l->host[i].missed = told.missed;
				l->host[i].lost = told.lost;
				l->rules.rfc1337 &= ~(1u << i);
				l->rules.rfc1337 |= (uint32_t) !!rfc1337 << i;
			}
	}
	return close_read(file, path, error);
}

/* The census's timeline, by time. Lines that are none, as a last one cut off, are passed over. */
static int read_census(const char *path, const struct wire_ladders *l, struct wire_sample **samples,
		       size_t *count, struct error *error)
{
	FILE *file = fopen(path, "re");
	size_t room = 0, size = 0;
	char *line = NULL;
	int result = -1;

	if (!file)
		return error_set(error, EXIT_USAGE, "%s: %s", path, strerror(errno));
	while (getline(&line, &size, file) > 0) {
		if (*count == room) {
			struct wire_sample *more;

			room = room ? 2 * room : 256;
			more = realloc(*samples, room * sizeof(*more));
			if (!more) {
				error_no_memory(error);
				goto out;
			}
			*samples = more;
		}
		if (wire_sample_parse(line, l, &(*samples)[*count]) == 0)
			++*count;
	}
	result = 0;
out:
	free(line);
	return close_read(file, path, error) < 0 ? -1 : result;
}

/* Columns of the terminal that reads us, as COLUMNS or the terminal itself tells; else the most. */
static int columns(void)
{
	const char *told = getenv("COLUMNS");
	struct winsize size = {0};
	int columns = told ? atoi(told) : 0;

	if (columns <= 0 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
		columns = size.ws_col;
	if (columns <= 0 || columns > WIRE_WIDE)
		return WIRE_WIDE;
	return columns < WIRE_NARROW ? WIRE_NARROW : columns;
}

int run_ladder(const struct wire_options *options, struct error *error)
{
	struct wire_ladders ladders = {.whole = true};
	struct wire_look look = {.width = options->width ? options->width : columns()};
	struct wire_sample *samples = NULL;
	size_t count = 0;
	int result = -1;

	setlocale(LC_CTYPE, "");
	look.ascii = strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
	if (name_hosts(options, &ladders, error) < 0 || wire_read(&ladders, error) < 0)
		goto out;
	for (size_t i = 0; i < ladders.hosts; i++)
		ladders.host[i].kept = ladders.host[i].packets;
	if (options->recorder && read_recorder(options->recorder, &ladders, error) < 0)
		goto out;
	for (size_t i = 0; i < ladders.hosts; i++)
		ladders.whole &=
		    ladders.host[i].packets == ladders.host[i].kept && !ladders.host[i].missed;
	if (options->census && read_census(options->census, &ladders, &samples, &count, error) < 0)
		goto out;
	ladders.since = options->since;
	ladders.verdict = options->verdict;
	ladders.rules.until = ladders.store.last;
	if (count && samples[count - 1].time > ladders.rules.until)
		ladders.rules.until = samples[count - 1].time;
	if (wire_ladders_make(&ladders) < 0 ||
	    (count && wire_compare(&ladders, samples, count) < 0)) {
		error_no_memory(error);
		goto out;
	}
	if (options->json)
		wire_json(stdout, &ladders);
	else
		wire_text(stdout, &ladders, look);
	result = 0;
out:
	free(samples);
	wire_ladders_clear(&ladders);
	return result < 0 ? (int)error->code : EXIT_OK;
}
