/* SPDX-License-Identifier: MIT */
/* wire ladder and wire list: reads the files and shows the result. */
#include <errno.h>
#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "wire/list.h"
#include "wire/program.h"
#include "wire/summary.h"

static int name_hosts(const struct wire_options *options, struct wire_ladders *l,
		      struct error *error)
{
	for (size_t i = 0; i < options->files; i++) {
		const char *text = options->ladder[i];
		/* A file may have an = in its name. */
		const char *equals = access(text, F_OK) < 0 ? strchr(text, '=') : NULL;
		struct wire_host *host = &l->host[l->hosts++];
		int length = equals ? (int)(equals - text) : 0;

		if ((options->files > 1 && !equals) || length >= WIRE_NAME)
			return error_set(error, EXIT_USAGE, "%s: write NAME=FILE", text);
		snprintf(host->name, sizeof(host->name), "%.*s", length ? length : 7,
			 length ? text : "capture");
		host->path = equals ? equals + 1 : text;
	}
	l->rules.infer_losses = options->infer || l->hosts == 1;
	l->losses = options->losses;
	l->one_clock = options->recorder; /* one machine recorded all */
	return 0;
}

/* Close a file that should have been read to its end. Returns -1 with @error when it was not. */
static int close_read(FILE *file, const char *path, struct error *error)
{
	bool failed = ferror(file); /* errno comes from the last read */
	int why = errno;

	fclose(file);
	return failed ? error_set(error, EXIT_USAGE, "%s: %s", path, strerror(why)) : 0;
}

/* The last line of each host in the recorder's output, and whether it knew of losses. */
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

/* The census's timeline, by time. Skips invalid lines, such as a truncated last one. */
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

/* Columns of our terminal, from COLUMNS or the terminal itself; otherwise the maximum. */
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

/* The file that ended early, as an error to report after everything has been shown. */
static int tell_early(const struct wire_ladders *l, struct error *error)
{
	for (size_t i = 0; i < l->hosts; i++)
		if (*l->host[i].why)
			return error_set(error, EXIT_NOT_HELD,
					 "%s: reading ended after %" PRIu64 " packet%s: %s",
					 l->host[i].path, l->host[i].read,
					 l->host[i].read == 1 ? "" : "s", l->host[i].why);
	return 0;
}

static int show_ladders(const struct wire_options *options, struct wire_ladders *l,
			struct error *error)
{
	struct wire_look look = {.width = options->width ? options->width : columns(),
				 .verbose = options->verbose};
	struct wire_sample *samples = NULL;
	size_t count = 0;
	int result = -1;

	setlocale(LC_CTYPE, "");
	look.ascii = strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
	if (options->census && read_census(options->census, l, &samples, &count, error) < 0)
		goto out;
	if (count && samples[count - 1].time > l->rules.until)
		l->rules.until = samples[count - 1].time;
	l->uncounted = !options->json && !count;
	if (wire_ladders_make(l) < 0 || (count && wire_compare(l, samples, count) < 0)) {
		error_no_memory(error);
		goto out;
	}
	if (options->json)
		wire_json(stdout, l, options->verbose);
	else
		wire_text(stdout, l, look);
	result = 0;
out:
	free(samples);
	return result;
}

int run_show(const struct wire_options *options, struct error *error)
{
	struct wire_summary summary = {.verdict = options->verdict};
	struct wire_ladders ladders = {.whole = true,
				       .filter = &options->filter,
				       .most_groups =
					   options->list ? options->ways : options->groups,
				       .verdict = options->verdict,
				       .uncounted = true,
				       .summary = &summary};
	int result = -1;

	if (name_hosts(options, &ladders, error) < 0 || wire_read(&ladders, error) < 0)
		goto out;
	for (size_t i = 0; i < ladders.hosts; i++)
		ladders.host[i].kept = ladders.host[i].packets;
	if (options->recorder && read_recorder(options->recorder, &ladders, error) < 0)
		goto out;
	for (size_t i = 0; i < ladders.hosts; i++)
		ladders.whole &=
		    ladders.host[i].packets == ladders.host[i].kept && !ladders.host[i].missed;
	ladders.rules.until = ladders.store.last;
	if (!options->list)
		result = show_ladders(options, &ladders, error);
	else if (wire_list(stdout, &ladders, options->json) < 0)
		error_no_memory(error);
	else
		result = 0;
	if (result == 0)
		result = tell_early(&ladders, error);
out:
	summary_clear(&summary);
	wire_ladders_clear(&ladders);
	return result < 0 ? (int)error->code : EXIT_OK;
}
