/* SPDX-License-Identifier: MIT */
/* census: counts TCP sockets by state and by owner. See --help and census.h. */
#include "census/program.h"
#include "common/command.h"
#include "common/descriptors.h"

#include <signal.h>
#include <stdlib.h>

static int open_session(const struct census_options *options, struct census *census,
			struct error *error)
{
	if (options->copy)
		census_allow_copies(census);
	for (size_t i = 0; i < options->port_count; i++)
		if (census_add_port(census, options->port[i], error) < 0)
			return -1;
	for (size_t i = 0; i < options->remote_count; i++)
		if (census_add_remote(census, options->remote[i], error) < 0)
			return -1;
	for (size_t i = 0; i < options->remote_port_count; i++)
		if (census_add_remote_port(census, options->remote_port[i], error) < 0)
			return -1;
	if (!options->until) /* an expression names its states itself */
		census_only_states(census, options->states);
	census_tell_ends(census, options->ends);
	census_ask_for_owners(census, options->ask);
	for (size_t i = 0; i < options->pid_count; i++)
		if (census_add_process(census, options->pid[i], error) < 0)
			return -1;
	for (size_t i = 0; i < options->host_count; i++)
		if (census_add_host(census, options->host[i].name, options->host[i].netns, error) <
		    0)
			return -1;
	if (options->all && census_add_all(census, error) < 0)
		return -1;
	if (!options->all && !options->host_count &&
	    census_add_host(census, "local", NULL, error) < 0)
		return -1;
	return census_ready(census, error);
}

int count_living(struct census *census, const struct census_needs *needs,
		 struct census_snapshot *snapshots, struct error *error)
{
	pid_t ended;

	if (census_take(census, needs, snapshots, error) < 0)
		return -1;
	ended = census_ended(census);
	if (ended)
		return error_set(error, EXIT_ENDED, "process %d ended while census watched it",
				 ended);
	return 0;
}

static int run(const struct census_options *options, struct census *census, struct error *error)
{
	struct census_snapshot *snapshots;
	int code;

	if (!census)
		return error_no_memory(error), error->code;
	if (open_session(options, census, error) < 0)
		return error->code;
	if (options->watch)
		return run_watch(options, census, error);
	snapshots = calloc(census_host_count(census), sizeof(*snapshots));
	if (!snapshots)
		return error_no_memory(error), error->code;

	code = options->stream	 ? run_stream(options, census, snapshots, error)
	       : options->until	 ? run_until(options, census, snapshots, error)
	       : options->repeat ? run_repeat(options, census, snapshots, error)
				 : run_once(options, census, snapshots, error);
	for (size_t i = 0; i < census_host_count(census); i++)
		census_snapshot_clear(&snapshots[i]);
	free(snapshots);
	return code;
}

int main(int argc, char **argv)
{
	struct error error = {0};
	struct census_options options;
	struct census *census;
	int code;

	open_standard_descriptors();
	signal(SIGPIPE, SIG_IGN); /* the write reports a reader that went away */
	code = census_options_parse(&options, argc, argv, &error);
	if (code <= 0)
		return command_ended(code, &error);
	census = census_new();
	code = run(&options, census, &error);
	census_free(census);
	if (error.text[0] && code != EXIT_OK && code != EXIT_NOT_HELD)
		error_report(&error);
	return output_is_whole() ? code : EXIT_BROKEN;
}
