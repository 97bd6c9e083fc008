/* SPDX-License-Identifier: MIT */
/*
 * --watch: what grew since the start, largest first. On a terminal it redraws a screen; elsewhere
 * it prints a line for each thing whose number has changed.
 *
 *	    GREW      NOW  WHAT
 *	    +300      304  CLOSE_WAIT on ephemeral ports to 10.0.0.9:443
 *	    +300      304  shop pid 4711: CLOSE_WAIT on ephemeral ports
 *
 * A thing is identified by its text, so one that ends and comes back is the same thing.
 */
#include "census/program.h"
#include "census/table.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

struct thing {
	char words[160];
	int64_t now;
	int64_t grew;
};

struct things {
	struct thing *thing; /* by text, until they are shown */
	size_t count, room;
	bool no_memory;
};

static void __attribute__((format(printf, 3, 4)))
add(struct things *things, uint64_t now, const char *format, ...)
{
	struct thing *all = census_grow(things->thing, things->count, &things->room, sizeof(*all));
	va_list arguments;

	things->no_memory |= !all;
	if (!all)
		return;
	things->thing = all;
	all[things->count] = (struct thing){.now = (int64_t)now};
	va_start(arguments, format);
	vsnprintf(all[things->count++].words, sizeof(all->words), format, arguments);
	va_end(arguments);
}

static const char *on_port(uint16_t port, char text[32])
{
	if (port)
		snprintf(text, 32, "on port %u", port);
	else
		strcpy(text, "on ephemeral ports");
	return text;
}

static void add_snapshot(struct things *things, const char *prefix,
			 const struct census_snapshot *snapshot)
{
	char port[32], text[REMOTE_TEXT];

	for (size_t i = 0; i < snapshot->row_count; i++)
		if (snapshot->rows[i].state != STATE_LISTEN)
			add(things, snapshot->rows[i].count, "%s%s %s", prefix,
			    state_name(snapshot->rows[i].state),
			    on_port(snapshot->rows[i].port, port));
	for (size_t i = 0; i < snapshot->remote_count; i++)
		add(things, snapshot->remotes[i].count, "%s%s %s %s %s", prefix,
		    state_name(snapshot->remotes[i].state),
		    on_port(snapshot->remotes[i].local_port, port),
		    snapshot->remotes[i].local_port ? "from" : "to",
		    remote_text(&snapshot->remotes[i], text));
	for (size_t i = 0; i < snapshot->owner_count; i++) {
		const struct census_owner *owner = &snapshot->owners[i];
		char name[64];

		add(things, owner->descriptors, "%s%s pid %d: descriptors of %s %s", prefix,
		    census_printable(owner->process, name, sizeof(name)), owner->pid,
		    owner->gone ? "connections that are gone or never existed"
				: state_name(owner->state),
		    owner->gone ? "" : on_port(owner->port, port));
	}
}

static int by_words(const void *a, const void *b)
{
	return strcmp(((const struct thing *)a)->words, ((const struct thing *)b)->words);
}

static int by_growth(const void *a, const void *b)
{
	const struct thing *x = a, *y = b;

	if (x->grew != y->grew)
		return x->grew < y->grew ? 1 : -1;
	return x->now != y->now ? (x->now < y->now ? 1 : -1) : by_words(a, b);
}

static int64_t number_of(const struct things *things, const struct thing *thing)
{
	const struct thing *found =
	    things->count ? bsearch(thing, things->thing, things->count, sizeof(*thing), by_words)
			  : NULL;

	return found ? found->now : 0;
}

/* Things of @before that no longer exist: 0 of each. */
static void add_ended(struct things *things, const struct things *before)
{
	const size_t count = things->count;

	for (size_t i = 0; i < before->count; i++) {
		const struct things now = {things->thing, count, 0, false};

		if (before->thing[i].now && !number_of(&now, &before->thing[i]))
			add(things, 0, "%s", before->thing[i].words);
	}
}

static int look(const struct census_options *options, struct census *census,
		struct census_snapshot *snapshots, struct things *things, struct error *error)
{
	struct census_needs needs = census_options_needs(options);

	needs.processes = false;
	needs.units = 0;
	if (count_living(census, &needs, snapshots, error) < 0)
		return -1;
	for (size_t i = 0; i < census_host_count(census); i++) {
		char prefix[72] = "";

		if (census_host_count(census) > 1)
			snprintf(prefix, sizeof(prefix), "%s: ", census_host_name(census, i));
		add_snapshot(things, prefix, &snapshots[i]);
	}
	if (things->count)
		qsort(things->thing, things->count, sizeof(*things->thing), by_words);
	return things->no_memory ? error_no_memory(error) : 0;
}

/* One look. Hosts and snapshots do not outlive it when new namespaces may appear. */
static int look_anew(const struct census_options *options, struct census *census,
		     struct things *things, struct error *error)
{
	struct census_snapshot *snapshots;
	size_t hosts;
	int result;

	if (options->all && !census_host_count(census) && census_add_all(census, error) < 0)
		return -1;
	hosts = census_host_count(census);
	snapshots = calloc(hosts, sizeof(*snapshots));
	if (!snapshots)
		return error_no_memory(error);
	result = look(options, census, snapshots, things, error);
	for (size_t i = 0; i < hosts; i++)
		census_snapshot_clear(&snapshots[i]);
	free(snapshots);
	if (options->all)
		census_drop_hosts(census);
	return result;
}

static void show_screen(struct things *things, int64_t seconds)
{
	struct winsize size = {24, COLUMNS, 0, 0};
	size_t lines;

	ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	lines = size.ws_row > 4 ? size.ws_row - 3u : 1;
	if (things->count)
		qsort(things->thing, things->count, sizeof(*things->thing), by_growth);
	printf("\033[H\033[J  since %" PRId64 " s\n      GREW       NOW  WHAT\n", seconds);
	for (size_t i = 0; i < things->count && i < lines; i++)
		printf("%+10" PRId64 "%10" PRId64 "  %.*s\n", things->thing[i].grew,
		       things->thing[i].now, size.ws_col > 23 ? size.ws_col - 23 : 1,
		       things->thing[i].words);
	if (things->count > lines)
		printf("  ... and %zu more", things->count - lines);
}

static void show_lines(const struct things *things, const struct things *last)
{
	char time_of_day[16];
	time_t now = time(NULL);

	strftime(time_of_day, sizeof(time_of_day), "%H:%M:%S", localtime(&now));
	if (things == last)
		printf("%s changes from now on\n", time_of_day);
	for (size_t i = 0; i < things->count; i++)
		if (things->thing[i].now != number_of(last, &things->thing[i]))
			printf("%s %+" PRId64 " (%" PRId64 ") %s\n", time_of_day,
			       things->thing[i].grew, things->thing[i].now, things->thing[i].words);
}

/* Sort the screen by growth; the things themselves stay sorted by their text. */
static void show(const struct things *things, const struct things *last, int64_t start)
{
	struct things shown = {.count = things->count};

	if (!isatty(STDOUT_FILENO)) {
		show_lines(things, last);
		return;
	}
	shown.thing = calloc(things->count + 1, sizeof(*shown.thing));
	if (shown.thing && things->count)
		memcpy(shown.thing, things->thing, things->count * sizeof(*shown.thing));
	if (shown.thing)
		show_screen(&shown, (now_ns() - start) / 1000000000);
	free(shown.thing);
}

static void compare(struct things *things, const struct things *first, const struct things *last)
{
	add_ended(things, last);
	if (things->count)
		qsort(things->thing, things->count, sizeof(*things->thing), by_words);
	for (size_t i = 0; i < things->count; i++)
		things->thing[i].grew = things->thing[i].now - number_of(first, &things->thing[i]);
}

int run_watch(const struct census_options *options, struct census *census, struct error *error)
{
	struct things first = {0}, last = {0}, things = {0};
	const struct things *before = &first;
	int64_t start = now_ns();
	sigset_t while_asleep;
	int result = look_anew(options, census, &first, error);

	catch_signals(&while_asleep);
	if (result == 0)
		show(&first, &first, start);
	while (result == 0 && fflush(stdout) == 0 && rest(options->every, &while_asleep)) {
		things = (struct things){0};
		result = look_anew(options, census, &things, error);
		if (result == 0) {
			compare(&things, &first, before);
			show(&things, before, start);
		}
		free(last.thing);
		last = things;
		before = &last;
	}
	free(last.thing);
	free(first.thing);
	return result < 0 ? error->code : EXIT_OK;
}
