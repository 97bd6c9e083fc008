/* SPDX-License-Identifier: MIT */
/*
 * A program's command line as a table. The table drives both the parser and --help.
 *
 *	static const struct option_row rows[] = {
 *		{"port", 'p', OPTION_NUMBER, OPTION_AT(struct options, port), .most = 65535,
 *		 .value = "PORT", .help = "where to listen"},
 *		{0},
 *	};
 *	static const struct command command = {
 *		.name = "serve", .usage = "[OPTION]...", .summary = "Serves.", .rows = rows};
 *
 * Every program also knows --help (-h) and --version. A wrong word gives one sentence and exit code
 * 2. Options end at the first other argument, or after "--", as in getopt_long(3).
 */
#ifndef LINGER_COMMAND_H
#define LINGER_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/errors.h"

/* The kind of an option's value, and the type of the member that stores it. */
enum option_kind {
	OPTION_FLAG,	 /* no value: a bool becomes true */
	OPTION_NUMBER,	 /* an integer type: a whole number from least to most */
	OPTION_TEXT,	 /* const char *: unchanged */
	OPTION_DURATION, /* int64_t, in ns: "300ms", "2s" */
	OPTION_SECONDS,	 /* double: "2", "0.5" */
	OPTION_TIME,	 /* int64_t, in ns: seconds since 1970 */
	OPTION_OTHER,	 /* take() reads it, and may cut it up; returns 0 or -1 */
};

struct option_row {
	const char *name; /* after "--"; NULL: it has only a letter */
	char letter;	  /* after "-"; 0: it has only a name */
	enum option_kind kind;
	size_t at, size;	  /* where the value goes: OPTION_AT() or OPTION_LIST() */
	size_t counter, room;	  /* of a list */
	uint64_t least, most;	  /* of a number */
	bool shown;		  /* --help shows its default */
	const char *value, *help; /* as in --help: "PORT" */
	int (*take)(void *options, char *value, struct error *error);
};

/* The value is stored in a member of the program's struct of options. */
#define OPTION_AT(type, member) .at = offsetof(type, member), .size = sizeof(((type *)0)->member)

/* The option may be repeated: its values fill an array, and @number (a size_t) counts them. */
#define OPTION_LIST(type, array, number)                                                           \
	.at = offsetof(type, array), .size = sizeof(((type *)0)->array[0]),                        \
	.counter = offsetof(type, number),                                                         \
	.room = sizeof(((type *)0)->array) / sizeof(((type *)0)->array[0])

struct command {
	const char *name;		    /* "wire record"; NULL: that of the program's file */
	const char *usage;		    /* what follows the name; alternatives after '\n' */
	const char *summary;		    /* what it does, in a sentence or some */
	const struct option_row *rows;	    /* the last one is zero; NULL: none */
	const char *details;		    /* what else --help says, in lines; NULL: nothing */
	const struct command *const *modes; /* ends with NULL. The first argument names one. */
};

/*
 * Parse a command line into @options, which already holds the defaults. With modes, argv[1] is then
 * certainly the last word of a mode's name. Returns the index in argv of the first argument that is
 * no option (argc: there is none); 0 after printing --help or --version; or -1 with @error.
 */
int command_parse(const struct command *command, int argc, char **argv, void *options,
		  struct error *error);

/* The exit code of a program after command_parse() returned @first <= 0. Prints any error. */
int command_ended(int first, const struct error *error);

#endif
