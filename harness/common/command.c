/* SPDX-License-Identifier: MIT */
#include "common/command.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/descriptors.h"
#include "common/duration.h"
#include "common/help.h"
#include "common/nearest.h"

#define ROWS 64		  /* rows of a table at most */
#define NAMED 256	  /* what getopt_long(3) returns for row 0; a letter is less */
#define LATEST 9000000000 /* s since 1970: in the year 2255, and not beyond int64_t in ns */

enum { HELP = NAMED + ROWS, ANSWER_VERSION };

/* What getopt_long(3) needs, made from a table. */
struct prepared {
	struct option names[ROWS + 3];
	char letters[2 * ROWS + 4];
};

static size_t count_of(const struct option_row *rows)
{
	size_t count = 0;

	while (rows && (rows[count].name || rows[count].letter))
		count++;
	return count < ROWS ? count : ROWS;
}

static void prepare(const struct option_row *rows, struct prepared *prepared)
{
	struct option *next = prepared->names;
	char *letter = stpcpy(prepared->letters, "+:h");

	for (size_t i = 0; i < count_of(rows); i++) {
		int argument = rows[i].value ? required_argument : no_argument;

		if (rows[i].name)
			*next++ = (struct option){rows[i].name, argument, NULL, NAMED + (int)i};
		if (rows[i].letter)
			*letter++ = rows[i].letter;
		if (rows[i].letter && rows[i].value)
			*letter++ = ':';
	}
	*next++ = (struct option){"help", no_argument, NULL, HELP};
	*next++ = (struct option){"version", no_argument, NULL, ANSWER_VERSION};
	*next = (struct option){0};
	*letter = '\0';
}

/* "--port" or "-p": the name users know best. */
static const char *called(const struct option_row *row, char text[64])
{
	if (row->name)
		snprintf(text, 64, "--%s", row->name);
	else
		snprintf(text, 64, "-%c", row->letter);
	return text;
}

static void store_number(void *at, size_t size, uint64_t number)
{
	switch (size) {
	case 1:
		*(uint8_t *)at = (uint8_t)number;
		break;
	case 2:
		*(uint16_t *)at = (uint16_t)number;
		break;
	case 4:
		*(uint32_t *)at = (uint32_t)number;
		break;
	default:
		*(uint64_t *)at = number;
	}
}

static int take_number(const struct option_row *row, const char *text, void *at,
		       struct error *error)
{
	unsigned long long number;
	char name[64], *end;

	errno = 0;
	number = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end || errno || number < row->least ||
	    number > row->most)
		return error_set(error, EXIT_USAGE,
				 "%s takes a whole number from %" PRIu64 " to %" PRIu64
				 ", not '%s'",
				 called(row, name), row->least, row->most, text);
	store_number(at, row->size, number);
	return 0;
}

static int take_duration(const struct option_row *row, const char *text, int64_t *ns,
			 struct error *error)
{
	char name[64];

	*ns = duration_read(text);
	if (*ns < 0)
		return error_set(error, EXIT_USAGE,
				 "%s takes a time such as 300ms, 2s, 1.5s or 1min, not '%s'",
				 called(row, name), text);
	return 0;
}

/* Seconds, for an option that takes @what. */
static int take_seconds(const struct option_row *row, const char *text, const char *what,
			double most, double *seconds, struct error *error)
{
	char name[64], *end;

	*seconds = strtod(text, &end);
	if (end == text || *end || !isfinite(*seconds) || *seconds < 0 || *seconds >= most)
		return error_set(error, EXIT_USAGE, "%s takes %s, not '%s'", called(row, name),
				 what, text);
	return 0;
}

/* Where an option's value goes: the next place of a list, or its one member. */
static void *place_of(const struct option_row *row, void *options, struct error *error)
{
	size_t *counter = (size_t *)((char *)options + row->counter);
	char name[64];

	if (!row->room)
		return (char *)options + row->at;
	if (*counter == row->room) {
		error_set(error, EXIT_USAGE, "%s can be given at most %zu times", called(row, name),
			  row->room);
		return NULL;
	}
	return (char *)options + row->at + row->size * (*counter)++;
}

static int take(const struct option_row *row, char *text, void *options, struct error *error)
{
	void *at = place_of(row, options, error);
	double seconds;

	if (!at)
		return -1;
	switch (row->kind) {
	case OPTION_FLAG:
		*(bool *)at = true;
		return 0;
	case OPTION_NUMBER:
		return take_number(row, text, at, error);
	case OPTION_TEXT:
		*(const char **)at = text;
		return 0;
	case OPTION_DURATION:
		return take_duration(row, text, at, error);
	case OPTION_SECONDS:
		return take_seconds(row, text, "seconds such as 2 or 0.5", INFINITY, at, error);
	case OPTION_TIME:
		if (take_seconds(row, text, "a Unix time, such as 1700000000", LATEST, &seconds,
				 error) < 0)
			return -1;
		*(int64_t *)at = (int64_t)(seconds * 1e9);
		return 0;
	default:
		return row->take(options, text, error);
	}
}

/* Reports what getopt_long(3) refused. */
static int unknown(const struct command *command, const struct option *names, int argc, char **argv,
		   struct error *error)
{
	const char *given = optind > 0 && optind <= argc ? argv[optind - 1] : "";
	const char *best = NULL;
	unsigned int distance = 0;
	char see[64];

	snprintf(see, sizeof(see), "see %s --help",
		 command->name ? command->name : program_invocation_short_name);
	if (optopt && optopt < NAMED && strncmp(given, "--", 2))
		return error_set(error, EXIT_USAGE, "unknown option -%c: %s", optopt, see);
	if (optopt) /* getopt knows it, but it takes no value */
		return error_set(error, EXIT_USAGE, "%s takes no value", given);
	for (; names->name; names++)
		nearest_offer(given, strlen(given), names->name, &best, &distance);
	if (best)
		return error_set(error, EXIT_USAGE, "unknown option %s: did you mean --%s?", given,
				 best);
	return error_set(error, EXIT_USAGE, "unknown option %s: %s", given, see);
}

static const struct option_row *row_of(const struct option_row *rows, int option)
{
	if (option >= NAMED)
		return &rows[option - NAMED];
	while (rows->letter != option)
		rows++;
	return rows;
}

/* The last word of a mode's name. */
static const char *word_of(const struct command *mode)
{
	const char *space = strrchr(mode->name, ' ');

	return space ? space + 1 : mode->name;
}

/* The mode called @word; NULL with @error, which names all. */
static const struct command *mode_of(const struct command *command, const char *word,
				     struct error *error)
{
	const struct command *const *modes = command->modes;
	char names[128] = "";
	size_t used = 0;

	for (size_t i = 0; modes[i]; i++) {
		if (!strcmp(word, word_of(modes[i])))
			return modes[i];
		used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s",
					 !i		? ""
					 : modes[i + 1] ? ", "
							: " or ",
					 word_of(modes[i]));
		used = used < sizeof(names) ? used : sizeof(names) - 1;
	}
	error_set(error, EXIT_USAGE, "write %s, not '%s': see %s --help", names, word,
		  command->name);
	return NULL;
}

static int parse_mode(const struct command *command, int argc, char **argv, void *options,
		      struct error *error)
{
	const struct command *mode = mode_of(command, argc > 1 ? argv[1] : "", error);
	int first = mode ? command_parse(mode, argc - 1, argv + 1, options, error) : -1;

	return first > 0 ? first + 1 : first;
}

int command_parse(const struct command *command, int argc, char **argv, void *options,
		  struct error *error)
{
	struct prepared prepared;
	int option;

	if (command->modes && !(argc > 1 && argv[1][0] == '-'))
		return parse_mode(command, argc, argv, options, error);
	prepare(command->rows, &prepared);
	optind = 0; /* getopt(3): begin anew */
	opterr = 0;
	while ((option = getopt_long(argc, argv, prepared.letters, prepared.names, NULL)) != -1) {
		switch (option) {
		case 'h':
		case HELP:
			help_print(stdout, command, options);
			return 0;
		case ANSWER_VERSION:
			help_version(stdout, command);
			return 0;
		case ':':
			return error_set(error, EXIT_USAGE, "%s needs a value", argv[optind - 1]);
		case '?':
			return unknown(command, prepared.names, argc, argv, error);
		default:
			if (take(row_of(command->rows, option), optarg, options, error) < 0)
				return -1;
		}
	}
	if (command->modes) /* only "--" */
		return error_set(error, EXIT_USAGE, "nothing to do: see %s --help", command->name);
	return optind;
}

int command_ended(int first, const struct error *error)
{
	if (first < 0)
		return error_report(error);
	return output_is_whole() ? EXIT_OK : EXIT_BROKEN;
}
