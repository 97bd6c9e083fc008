/* SPDX-License-Identifier: MIT */
/* The output of one count, and the plain count itself. */
#include "census/program.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CONTINUED 6 /* columns to indent a continued line */

static int64_t read_clock(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * 1000000000ll + now.tv_nsec;
}

int64_t now_ns(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

int64_t worked_ns(void)
{
	return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

/* Lines of 80 columns: a longer one continues below, indented. */
static void fold(FILE *out, const char *text)
{
	int column = 0;

	while (*text) {
		size_t space = strspn(text, " "), word = strcspn(text + space, " \n");

		if (column && column + (int)(space + word) > COLUMNS) {
			text += space;
			space = 0;
			column = fprintf(out, "\n%*s", CONTINUED, "") - 1;
		}
		fwrite(text, 1, space + word, out);
		column += (int)(space + word);
		text += space + word;
		if (*text == '\n') {
			putc(*text++, out);
			column = 0;
		}
	}
}

static bool is_empty(const struct census_snapshot *snapshot)
{
	return !snapshot->row_count && !snapshot->gone && !snapshot->unreadable_processes;
}

static void print_others(FILE *out, const struct census_others *others)
{
	if (others->readable)
		fprintf(out, "not counted: %zu other network namespace%s (--all counts them)\n",
			others->readable, others->readable == 1 ? "" : "s");
	if (others->unreadable)
		fprintf(out,
			"not counted: %zu other network namespace%s that you cannot enter: run "
			"census as root\n",
			others->unreadable, others->unreadable == 1 ? "" : "s");
}

/* Returns 0, or -1: no memory. */
static int print_table(FILE *out, const struct census_options *options, const struct census *census,
		       const struct census_snapshot *snapshots, const struct census_others *others)
{
	char *text = NULL;
	size_t size, empty = 0;
	FILE *lines = open_memstream(&text, &size);
	bool failed;

	if (!lines)
		return -1;
	for (size_t i = 0; i < census_host_count(census); i++) {
		if (i && options->all && is_empty(&snapshots[i])) {
			empty++;
			continue;
		}
		census_table(lines, census_host_name(census, i), &snapshots[i]);
		census_table_views(lines, &snapshots[i]);
	}
	if (empty)
		fprintf(lines, "%zu network namespace%s without TCP sockets\n", empty,
			empty == 1 ? "" : "s");
	print_others(lines, others);
	failed = fclose(lines) != 0;
	if (!failed)
		fold(out, text);
	free(text);
	return failed ? -1 : 0;
}

int print_snapshots(FILE *out, const struct census_options *options, struct census *census,
		    const struct census_snapshot *snapshots,
		    void (*members)(struct json *json, const void *data), const void *data)
{
	size_t hosts = census_host_count(census);
	struct json json = {.out = out};
	struct census_others others = {0};
	struct error error;

	/* With --host or --pid the user chose the namespace. */
	if (!options->host_count && !options->pid_count)
		census_others(census, &others, &error);
	if (!options->json)
		return options->openmetrics
			   ? census_openmetrics(out, census, snapshots, &others)
			   : print_table(out, options, census, snapshots, &others);
	json_object(&json, NULL);
	json_seconds(&json, "time", snapshots[0].time, 6);
	json_array(&json, "hosts");
	for (size_t i = 0; i < hosts; i++)
		census_json_snapshot(&json, census_host_name(census, i), &snapshots[i]);
	json_end(&json);
	json_unsigned(&json, "other_namespaces", others.readable);
	json_unsigned(&json, "unreadable_namespaces", others.unreadable);
	if (members)
		members(&json, data);
	json_end(&json);
	putc('\n', out);
	return 0;
}

int run_once(const struct census_options *options, struct census *census,
	     struct census_snapshot *snapshots, struct error *error)
{
	struct census_needs needs = census_options_needs(options);
	int64_t start = now_ns();

	if (count_living(census, &needs, snapshots, error) < 0)
		return error->code;
	if (options->verbose)
		fprintf(stderr, "census: counted in %.3f ms\n", (double)(now_ns() - start) / 1e6);
	if (print_snapshots(stdout, options, census, snapshots, NULL, NULL) < 0)
		return error_no_memory(error), error->code;
	return EXIT_OK;
}

/* Times one count in a running process: the walk, without the output. */
int run_repeat(const struct census_options *options, struct census *census,
	       struct census_snapshot *snapshots, struct error *error)
{
	struct census_needs needs = census_options_needs(options);

	needs.counters = needs.processes = false;
	needs.rows = false;
	for (unsigned int i = 0; i < options->repeat; i++) {
		int64_t start = now_ns();
		uint64_t sockets = 0;

		if (count_living(census, &needs, snapshots, error) < 0)
			return error->code;

		int64_t cost = now_ns() - start;

		for (size_t host = 0; host < census_host_count(census); host++)
			for (int state = 1; state < STATES; state++)
				sockets += snapshots[host].states[state];
		printf("%.1f us %" PRIu64 " sockets\n", (double)cost / 1e3, sockets);
	}
	return EXIT_OK;
}
