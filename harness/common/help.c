/* SPDX-License-Identifier: MIT */
#include "common/help.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define WIDTH 79  /* columns of a line */
#define COLUMN 30 /* the last column where an option's explanation may begin */

#define STRING(text) #text
#define STRING_OF(macro) STRING(macro)

static const struct option_row common_rows[] = {
    {"help", 'h', .help = "print this help and exit"},
    {"version", .help = "print the version and exit"},
    {0},
};

static const char *name_of(const struct command *command)
{
	return command->name ? command->name : program_invocation_short_name;
}

/* "  -p, --port PORT" */
static void label(const struct option_row *row, char *text, size_t size)
{
	char letter[] = {'-', row->letter, row->name ? ',' : '\0', '\0'};

	snprintf(text, size, "  %s%s%s%s%s%s", row->letter ? letter : "   ", row->name ? " " : "",
		 row->name ? "--" : "", row->name ? row->name : "", row->value ? " " : "",
		 row->value ? row->value : "");
}

static bool is_last(const struct option_row *row)
{
	return !row->name && !row->letter;
}

/* The column two spaces after the longest label that is not too long. */
static int column_of(const struct option_row *rows)
{
	char text[128];
	int column = 0;

	for (; rows && !is_last(rows); rows++) {
		label(rows, text, sizeof(text));
		if ((int)strlen(text) + 2 > column && (int)strlen(text) + 2 <= COLUMN)
			column = (int)strlen(text) + 2;
	}
	return column;
}

/* Wrap words into lines of WIDTH, from @column on; @at is the current column. Ends without a
 * newline. */
static int wrap(FILE *out, const char *text, int column, int at)
{
	while (*text) {
		int length = (int)strcspn(text, " ");
		bool first = at <= column;

		if (!first && at + 1 + length > WIDTH) {
			fputc('\n', out);
			at = 0;
			first = true;
		}
		at += fprintf(out, "%*s%.*s", first ? column - at : 1, "", length, text);
		text += length;
		text += strspn(text, " ");
	}
	return at;
}

static uint64_t number_at(const void *at, size_t size)
{
	switch (size) {
	case 1:
		return *(const uint8_t *)at;
	case 2:
		return *(const uint16_t *)at;
	case 4:
		return *(const uint32_t *)at;
	default:
		return *(const uint64_t *)at;
	}
}

/* "(9000)": the option's default. */
static void shown(const struct option_row *row, const void *options, char *text, size_t size)
{
	const void *at = (const char *)options + row->at;

	switch (row->kind) {
	case OPTION_NUMBER:
		snprintf(text, size, "(%" PRIu64 ")", number_at(at, row->size));
		break;
	case OPTION_TEXT:
		snprintf(text, size, "(%s)", *(const char *const *)at);
		break;
	case OPTION_SECONDS:
		snprintf(text, size, "(%g)", *(const double *)at);
		break;
	default:
		*text = '\0';
	}
}

static void print_rows(FILE *out, const struct option_row *rows, int column, const void *options)
{
	char text[128];

	for (; rows && !is_last(rows); rows++) {
		int at;

		label(rows, text, sizeof(text));
		at = fprintf(out, "%s", text);
		if (at + 2 > column) {
			fputc('\n', out);
			at = 0;
		}
		at = wrap(out, rows->help, column, at);
		if (rows->shown) {
			shown(rows, options, text, sizeof(text));
			wrap(out, text, column, at);
		}
		fputc('\n', out);
	}
}

static void print_usage(FILE *out, const struct command *command, const char *prefix)
{
	const char *usage = command->usage;

	for (;;) {
		int length = (int)strcspn(usage, "\n");

		fprintf(out, "%s %s %.*s\n", prefix, name_of(command), length, usage);
		if (!usage[length])
			return;
		usage += length + 1;
		prefix = "  or: ";
	}
}

void help_print(FILE *out, const struct command *command, const void *options)
{
	const struct command *const *modes = command->modes;
	int column = column_of(command->rows);

	if (modes)
		for (size_t i = 0; modes[i]; i++)
			print_usage(out, modes[i], i ? "  or: " : "Usage:");
	else
		print_usage(out, command, "Usage:");
	wrap(out, command->summary, 0, 0);
	fputc('\n', out);
	for (size_t i = 0; modes && modes[i]; i++) {
		fprintf(out, "\n%s:\n", name_of(modes[i]));
		wrap(out, modes[i]->summary, 0, 0);
		fputs("\n\n", out);
		print_rows(out, modes[i]->rows, column_of(modes[i]->rows), options);
		if (modes[i]->details)
			fprintf(out, "\n%s", modes[i]->details);
	}
	fputs("\nOptions:\n", out);
	column = column < column_of(common_rows) ? column_of(common_rows) : column;
	print_rows(out, command->rows, column, options);
	print_rows(out, common_rows, column, options);
	if (command->details)
		fprintf(out, "\n%s", command->details);
}

void help_version(FILE *out, const struct command *command)
{
	fprintf(out, "%s (linger) %s\n", name_of(command), STRING_OF(VERSION));
}
