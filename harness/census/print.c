/* SPDX-License-Identifier: MIT */
/* The output of one count, and the count itself when nothing else is asked. */
#include "census/program.h"

#include <inttypes.h>
#include <time.h>

int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ll + now.tv_nsec;
}

void print_snapshots(FILE *out, const struct options *options, const struct census *census,
		     const struct census_snapshot *snapshots,
		     void (*members)(FILE *out, const void *data), const void *data)
{
	size_t hosts = census_host_count(census);

	if (!options->json) {
		for (size_t i = 0; i < hosts; i++)
			census_table(out, census_host_name(census, i), &snapshots[i]);
		return;
	}
	fprintf(out, "{\"time\":%" PRId64 ".%06" PRId64 ",\"hosts\":[",
		snapshots[0].time / 1000000000, snapshots[0].time % 1000000000 / 1000);
	for (size_t i = 0; i < hosts; i++) {
		if (i)
			putc(',', out);
		census_json_snapshot(out, census_host_name(census, i), &snapshots[i]);
	}
	putc(']', out);
	if (members)
		members(out, data);
	fputs("}\n", out);
}

int run_once(const struct options *options, struct census *census,
	     struct census_snapshot *snapshots, struct error *error)
{
	struct census_needs needs = options_needs(options);
	int64_t start = now_ns();

	if (census_take(census, &needs, snapshots, error) < 0)
		return error->code;
	if (options->verbose)
		fprintf(stderr, "census: counted in %.3f ms\n", (double)(now_ns() - start) / 1e6);
	print_snapshots(stdout, options, census, snapshots, NULL, NULL);
	return EXIT_OK;
}

/* What one count costs in a process that is already running: the walk, without the output. */
int run_repeat(const struct options *options, struct census *census,
	       struct census_snapshot *snapshots, struct error *error)
{
	struct census_needs needs = options_needs(options);

	needs.counters = false;
	needs.rows = false;
	for (unsigned int i = 0; i < options->repeat; i++) {
		int64_t start = now_ns();
		uint64_t sockets = 0;

		if (census_take(census, &needs, snapshots, error) < 0)
			return error->code;

		int64_t cost = now_ns() - start;

		for (size_t host = 0; host < census_host_count(census); host++)
			for (int state = 1; state < STATES; state++)
				sockets += snapshots[host].states[state];
		printf("%.1f us %" PRIu64 " sockets\n", (double)cost / 1e3, sockets);
	}
	return EXIT_OK;
}
