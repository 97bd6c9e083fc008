/* SPDX-License-Identifier: MIT */
/*
 * A program's command line, as a table: what it is parsed by is also what --help prints.
 *
 *	static const struct option_row rows[] = {
 *		{"port", 'p', OPTION_NUMBER, OPTION_AT(struct options, port), .most = 65535,
 *		 .value = "PORT", .help = "where to listen"},
 *		{0},
 *	};
 *	static const struct command command = {
 *		.name = "serve", .usage = "[OPTION]...", .summary = "Serves.", .rows = rows};
 *
 * Every program also knows --help (-h) and --version. A word that is wrong is one sentence and exit
 * code 2. Options end at the first argument that is none, or behind "--", as in getopt_long(3).
 */
#ifndef LINGER_COMMAND_H
#define LINGER_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/errors.h"

/* What an option's value is, and the type of the member that it is stored in. */
enum option_kind {
	OPTION_FLAG,	 /* no value: a bool becomes true */
	OPTION_NUMBER,	 /* an integer type: a whole number from least to most */
	OPTION_TEXT,	 /* const char *: as it is */
	OPTION_DURATION, /* int64_t, in ns: "300ms", "2s" */
	OPTION_SECONDS,	 /* double: "2", "0.5" */
	OPTION_TIME,	 /* int64_t, in ns: seconds since 1970 */
	OPTION_OTHER,	 /* what take() makes of it, which may cut it up; returns 0, or -1 */
};

struct option_row {
	const char *name; /* behind "--"; NULL: it has only a letter */
	char letter;	  /* behind "-"; 0: it has only a name */
	enum option_kind kind;
	size_t at, size;	  /* where the value goes: OPTION_AT() or OPTION_LIST() */
	size_t counter, room;	  /* of a list */
	uint64_t least, most;	  /* of a number */
	bool shown;		  /* --help tells what holds when it is not given */
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
	const char *usage;		    /* what follows the name; further ways after '\n' */
	const char *summary;		    /* what it does, in a sentence or some */
	const struct option_row *rows;	    /* the last one is zero; NULL: none */
	const char *details;		    /* what else --help says, in lines; NULL: nothing */
	const struct command *const *modes; /* NULL at the end. The first argument names one. */
};

/*
 * Parse a command line into @options, which holds what is not given already. Where there are modes,
 * argv[1] is afterwards known to be the last word of the name of one.
 * Returns the index in argv of the first argument that is no option (argc: there is none); 0 when
 * --help or --version was asked for, and has been printed; or -1 with @error.
 */
int command_parse(const struct command *command, int argc, char **argv, void *options,
		  struct error *error);

/* The exit code of a program for which command_parse() returned @first <= 0; it says why. */
int command_ended(int first, const struct error *error);

#endif
