/* SPDX-License-Identifier: MIT */
/*
 * --until EXPR: count again and again until EXPR is true and stays true.
 *
 *	start ---- false ---- | true ............................ |
 *	                      begun <= within                     begun + hold: exit 0
 *
 * The true period must begin before the deadline, and nothing may interrupt it. A count that the
 * kernel interrupted proves nothing, nor does one in which EXPR depends on what could not be seen.
 * If the last count before the deadline proves nothing, the answer is unknown: exit 77.
 */
#include "census/program.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "common/duration.h"

#define STEP 1000000   /* 1 ms between counts at least, more when a count costs more */
#define SOON 100000000 /* in the first 100 ms of a wait it may use a third of a processor */
#define MOST 250000000 /* but 250 ms at most, no matter how many sockets there are */

struct wait {
	const struct census_options *options;
	struct census *census;
	struct census_snapshot *snapshots;
	struct census_expr expr;
	struct census_bounds value[CENSUS_VARS];
	int64_t peak[CENSUS_VARS];
	int64_t start, begun; /* now_ns(); begun is -1 while EXPR is false */
	enum census_truth last;
	bool ever, held;
	bool interrupted; /* the last count */
};

/* What was seen; "open" has the rest, if any. */
static void values(struct json *json, const struct wait *wait)
{
	json_object(json, "values");
	for (size_t i = 0; i < wait->expr.var_count; i++)
		json_signed(json, wait->expr.var[i].text, wait->value[i].least);
	json_end(json);
	json_object(json, "open");
	for (size_t i = 0; i < wait->expr.var_count; i++) {
		if (wait->value[i].least == wait->value[i].most)
			continue;
		if (wait->value[i].most == INT64_MAX)
			json_null(json, wait->expr.var[i].text);
		else
			json_signed(json, wait->expr.var[i].text, wait->value[i].most);
	}
	json_end(json);
}

static void until_members(struct json *json, const void *data)
{
	const struct wait *wait = data;

	json_object(json, "until");
	json_string(json, "expression", wait->options->until);
	json_bool(json, "held", wait->held);
	if (wait->begun < 0)
		json_null(json, "seconds");
	else
		json_seconds(json, "seconds", wait->begun - wait->start, 6);
	json_object(json, "peaks");
	for (size_t i = 0; i < wait->expr.var_count; i++)
		json_signed(json, wait->expr.var[i].text, wait->peak[i]);
	json_end(json);
	values(json, wait);
	json_end(json);
}

static const char *value_text(const struct census_var *var, int64_t value, char text[DURATION_TEXT])
{
	if (census_var_is_time(var) && value != INT64_MAX)
		duration_glance(value, text);
	else
		snprintf(text, DURATION_TEXT, "%" PRId64, value);
	return text;
}

/* "CLOSE_WAIT is 100, ghosts is 3 to 5, descriptors is at least 7" */
static void say_values(FILE *out, const struct wait *wait)
{
	for (size_t i = 0; i < wait->expr.var_count; i++) {
		const struct census_bounds *value = &wait->value[i];
		const struct census_var *var = &wait->expr.var[i];
		bool open = value->most == INT64_MAX && value->least != INT64_MAX;
		char text[DURATION_TEXT];

		fprintf(out, "%s%s is %s%s", i ? ", " : "", var->text, open ? "at least " : "",
			value_text(var, value->least, text));
		if (!open && value->least != value->most)
			fprintf(out, " to %s", value_text(var, value->most, text));
	}
}

/* Refuse an expectation about something that this count does not look for. */
static int check_asked(const struct wait *wait, struct error *error)
{
	const struct census_needs needs = census_expr_needs(&wait->expr);

	if (wait->options->no_owners && (needs.owners || needs.descriptors))
		return error_set(error, EXIT_USAGE,
				 "'%s' depends on what processes hold: leave out --no-owners",
				 wait->options->until);
	return census_expr_sensible(&wait->expr, wait->options->pid_count, error);
}

static int prepare(struct wait *wait, struct error *error)
{
	const char *hosts[MAX_HOSTS];
	struct census_names names = {
	    .hosts = hosts,
	    .host_count = census_host_count(wait->census),
	    .counters = &wait->snapshots[0].counters,
	};
	struct census_needs counters = {.counters = true};

	/* Only the kernel knows which counters exist. */
	if (census_take(wait->census, &counters, wait->snapshots, error) < 0)
		return -1;
	for (size_t i = 0; i < names.host_count; i++)
		hosts[i] = census_host_name(wait->census, i);
	if (census_expr_parse(&wait->expr, wait->options->until, &names, error) < 0)
		return -1;
	for (size_t i = 0; i < CENSUS_VARS; i++)
		wait->peak[i] = INT64_MIN;
	return check_asked(wait, error);
}

/* One count. Sets wait->last; returns 0, or -1 with @error. */
static int sample(struct wait *wait, const struct census_needs *needs, struct error *error)
{
	size_t hosts = census_host_count(wait->census);

	if (count_living(wait->census, needs, wait->snapshots, error) < 0)
		return -1;
	wait->interrupted = false;
	for (size_t i = 0; i < hosts; i++)
		wait->interrupted |= wait->snapshots[i].interrupted;
	for (size_t i = 0; i < wait->expr.var_count; i++) {
		const struct census_var *var = &wait->expr.var[i];
		struct census_bounds value = census_value(var, wait->snapshots, hosts);

		if (wait->options->verbose && !census_var_is_time(var) &&
		    value.least != wait->value[i].least)
			fprintf(stderr, "census: %.3f s: %s is %" PRId64 "\n",
				(double)(now_ns() - wait->start) / 1e9, var->text, value.least);
		wait->value[i] = value;
		if (value.least > wait->peak[i])
			wait->peak[i] = value.least;
	}
	wait->last = census_expr_holds(&wait->expr, wait->value);
	if (wait->interrupted)
		wait->last = CENSUS_OPEN;
	return 0;
}

/* The deadline has come, and EXPR depends on what could not be seen. */
static int cannot_tell(const struct wait *wait, struct error *error)
{
	char reason[sizeof(error->text)];
	size_t i = 0;

	if (wait->interrupted)
		return error_set(error, EXIT_CANNOT,
				 "cannot decide '%s': the table changed during every dump",
				 wait->options->until);
	while (wait->value[i].least == wait->value[i].most)
		i++;
	census_value_reason(&wait->expr.var[i], wait->snapshots, census_host_count(wait->census),
			    reason, sizeof(reason));
	return error_set(error, EXIT_CANNOT, "cannot decide %s: %s", wait->expr.var[i].text,
			 reason);
}

static void wait_for(int64_t ns)
{
	struct timespec time = {ns / 1000000000, ns % 1000000000};

	if (ns > 0)
		nanosleep(&time, NULL);
}

/* What the expression needs, and everything that the output shows. */
static struct census_needs full_needs(const struct wait *wait)
{
	const struct census_needs narrow = census_expr_needs(&wait->expr);
	struct census_needs full = census_options_needs(wait->options);

	full.states |= narrow.states;
	full.owners |= narrow.owners;
	full.descriptors |= narrow.descriptors;
	full.counters |= narrow.counters;
	full.times |= narrow.times;
	full.processes &= wait->options->pid_count || wait->options->verbose;
	return full;
}

/*
 * How long to rest after a count that took @worked of a processor, @waited after EXPR last
 * changed its truth value. Counting steals time from the programs we watch. While it @holds we rest
 * longest: it can only become false.
 */
static int64_t rest_for(int64_t worked, int64_t waited, bool holds)
{
	int64_t share = worked * (holds ? 2 * IDLE_SHARE : waited > SOON ? IDLE_SHARE : 2);
	int64_t pause = rest_after(waited, STEP);

	pause = pause > share ? pause : share;
	return pause < MOST ? pause : MOST;
}

static int poll_until(struct wait *wait, struct error *error)
{
	const struct census_options *options = wait->options;
	const struct census_needs narrow = census_expr_needs(&wait->expr);
	const struct census_needs full = full_needs(wait);

	wait->start = now_ns();
	wait->begun = -1;
	for (;;) {
		int64_t now = now_ns(), worked = worked_ns();
		bool expired = now - wait->start >= options->within;
		bool ripe = wait->begun >= 0 && now - wait->begun >= options->hold;
		/* The JSON shows the count that decided. */
		bool whole = options->json && (ripe || (expired && wait->begun < 0));
		int64_t pause, left, since;
		bool holds;

		if (sample(wait, whole ? &full : &narrow, error) < 0)
			return error->code;
		worked = worked_ns() - worked;
		holds = wait->last == CENSUS_TRUE;
		wait->ever |= holds;
		if (!holds)
			wait->begun = -1;
		else if (wait->begun < 0)
			wait->begun = now;
		if (wait->last == CENSUS_OPEN && expired)
			return cannot_tell(wait, error), error->code;
		if (!holds && expired)
			return EXIT_NOT_HELD;
		if (holds && now - wait->begun >= options->hold && (whole || !options->json)) {
			wait->held = true;
			return EXIT_OK;
		}
		/* The last count happens exactly at the deadline or at the end of the hold. */
		since = holds ? wait->begun : wait->start;
		left = since + (holds ? options->hold : options->within) - now_ns();
		pause = rest_for(worked, now - since, holds);
		wait_for(left < pause ? left : pause);
	}
}

int run_until(const struct census_options *options, struct census *census,
	      struct census_snapshot *snapshots, struct error *error)
{
	struct wait wait = {.options = options, .census = census, .snapshots = snapshots};
	char within[DURATION_TEXT];
	int code;

	if (prepare(&wait, error) < 0)
		return error->code;
	code = poll_until(&wait, error);
	if (code != EXIT_OK && code != EXIT_NOT_HELD)
		return code;
	if (code == EXIT_NOT_HELD) {
		const struct census_needs full = full_needs(&wait);

		/* Show a failure with everything known about it. */
		if (!snapshots[0].asked.rows && count_living(census, &full, snapshots, error) < 0)
			return error->code;
		fprintf(stderr, "census: '%s' did not %s within %s: ", options->until,
			wait.ever ? "hold for long enough" : "come true",
			duration_text(options->within, within));
		say_values(stderr, &wait);
		putc('\n', stderr);
	}
	if (options->json || code == EXIT_NOT_HELD) {
		if (print_snapshots(stdout, options, census, snapshots, until_members, &wait) < 0)
			return error_no_memory(error), error->code;
	} else {
		printf("'%s' holds after %.3f s: ", options->until,
		       (double)(wait.begun - wait.start) / 1e9);
		say_values(stdout, &wait);
		putchar('\n');
	}
	return code;
}
