/* SPDX-License-Identifier: MIT */
/* Command lines: what is stored where, which sentence refuses a wrong one, and what is printed. */
#include "common/command.h"

#include "common/help.h"
#include "common/test.h"

struct options {
	bool flag, other_flag;
	uint16_t port;
	unsigned count;
	uint64_t most;
	uint8_t small;
	const char *text;
	int64_t within, since;
	double seconds;
	uint16_t list[3];
	size_t listed;
	char left[8], right[8];
};

/* "LEFT=RIGHT" */
static int take_pair(void *data, char *value, struct error *error)
{
	struct options *options = data;
	char *equals = strchr(value, '=');

	if (!equals)
		return error_set(error, EXIT_USAGE, "--pair %s: write LEFT=RIGHT", value);
	*equals = '\0';
	snprintf(options->left, sizeof(options->left), "%s", value);
	snprintf(options->right, sizeof(options->right), "%s", equals + 1);
	return 0;
}

#define AT(member) OPTION_AT(struct options, member)

static const struct option_row rows[] = {
    {"flag", 'f', OPTION_FLAG, AT(flag), .help = "a flag"},
    {NULL, 'o', OPTION_FLAG, AT(other_flag), .help = "another flag"},
    {"port", 'p', OPTION_NUMBER, AT(port), .least = 1, .most = 65535, .shown = true,
     .value = "PORT", .help = "a port"},
    {"count", .kind = OPTION_NUMBER, AT(count), .most = UINT32_MAX, .value = "N",
     .help = "a count"},
    {"most", .kind = OPTION_NUMBER, AT(most), .most = UINT64_MAX, .value = "BYTES",
     .help = "so many that the explanation does not fit in a line and is wrapped at a space"},
    {"small", .kind = OPTION_NUMBER, AT(small), .most = 255, .value = "N", .help = "a byte"},
    {"text", .kind = OPTION_TEXT, AT(text), .shown = true, .value = "TEXT", .help = "a text"},
    {"within", .kind = OPTION_DURATION, AT(within), .value = "TIME", .help = "a duration"},
    {"since", .kind = OPTION_TIME, AT(since), .value = "SECONDS", .help = "a time"},
    {NULL, 't', OPTION_SECONDS, AT(seconds), .shown = true, .value = "SECONDS", .help = "seconds"},
    {"list", .kind = OPTION_NUMBER, OPTION_LIST(struct options, list, listed), .most = 65535,
     .value = "PORT", .help = "a list"},
    {"pair", .kind = OPTION_OTHER, .take = take_pair, .value = "LEFT=RIGHT-AND-FAR-TOO-LONG",
     .help = "a pair"},
    {0},
};

static const struct command command = {"try", "[OPTION]... FILE\nagain", "Tries.", rows,
				       .details = "That is all.\n"};

/* Parse words, cut at spaces, of @command; returns what command_parse() does. */
static int parse(const struct command *command, const char *words, struct options *options,
		 struct error *error)
{
	static char line[256]; /* the options keep what points into it */
	char *argv[16] = {"try"};
	char *rest = line;
	int argc = 1;

	snprintf(line, sizeof(line), "%s", words);
	while (*line && argc < 15 && (argv[argc] = strsep(&rest, " ")))
		argc++;
	argv[argc] = NULL;
	*options = (struct options){.port = 9000, .text = "this", .seconds = 2.5};
	*error = (struct error){0};
	return command_parse(command, argc, argv, options, error);
}

static void each_kind(void **state)
{
	struct options o;
	struct error error;

	(void)state;
	assert_int_equal(
	    parse(&command, "-fo --text= --within 300ms --since 1700000000.5", &o, &error), 7);
	assert_true(o.flag && o.other_flag);
	assert_string_equal(o.text, "");
	assert_int_equal(o.within, 300000000);
	assert_int_equal(o.since, 1700000000500000000);
	assert_int_equal(o.port, 9000);
	assert_int_equal(parse(&command, "-t 0.25 --pair a=b --port=80 file -f", &o, &error), 6);
	assert_true(o.seconds == 0.25 && !o.flag);
	assert_string_equal(o.left, "a");
	assert_string_equal(o.right, "b");
	assert_int_equal(o.port, 80);
	assert_int_equal(parse(&command, "", &o, &error), 1);
	assert_int_equal(parse(&command, "-- --flag", &o, &error), 2);
	assert_false(o.flag);
}

/* As in getopt_long(3): the last one counts, and an unambiguous prefix is enough. */
static void as_getopt_does(void **state)
{
	struct options o;
	struct error error;

	(void)state;
	assert_int_equal(parse(&command, "-p80 -p 81 --por 82", &o, &error), 6);
	assert_int_equal(o.port, 82);
}

/* A number fills its member to the end, and nothing beside it. */
static void numbers_of_any_width(void **state)
{
	struct options o;
	struct error error;

	(void)state;
	assert_int_equal(
	    parse(&command, "--small 255 --count 4294967295 --most 18446744073709551615 -p 65535",
		  &o, &error),
	    9);
	assert_int_equal(o.small, 255);
	assert_int_equal(o.count, UINT32_MAX);
	assert_true(o.most == UINT64_MAX);
	assert_int_equal(o.port, 65535);
	assert_false(o.flag || o.other_flag);
	assert_string_equal(o.text, "this");
}

static void lists(void **state)
{
	struct options o;
	struct error error;

	(void)state;
	assert_int_equal(parse(&command, "--list 1 --list 65535 --list 0", &o, &error), 7);
	assert_int_equal(o.listed, 3);
	assert_int_equal(o.list[0], 1);
	assert_int_equal(o.list[1], 65535);
	assert_int_equal(o.list[2], 0);
	assert_int_equal(parse(&command, "--list 1 --list 2 --list 3 --list 4", &o, &error), -1);
	assert_string_equal(error.text, "--list can be given at most 3 times");
}

static void wrong_words(void **state)
{
	static const struct {
		const char *words, *sentence;
	} cases[] = {
	    {"--port 0", "--port takes a whole number from 1 to 65535, not '0'"},
	    {"-p 65536", "--port takes a whole number from 1 to 65535, not '65536'"},
	    {"-p -1", "--port takes a whole number from 1 to 65535, not '-1'"},
	    {"-p +1", "--port takes a whole number from 1 to 65535, not '+1'"},
	    {"-p 1x", "--port takes a whole number from 1 to 65535, not '1x'"},
	    {"-p 0x10", "--port takes a whole number from 1 to 65535, not '0x10'"},
	    {"--port=", "--port takes a whole number from 1 to 65535, not ''"},
	    {"--most 18446744073709551616", "--most takes a whole number from 0 to "
					    "18446744073709551615, not '18446744073709551616'"},
	    {"--within 3", "--within takes a time such as 300ms, 2s, 1.5s or 1min, not '3'"},
	    {"--since tomorrow", "--since takes a Unix time, such as 1700000000, not 'tomorrow'"},
	    {"--since 9000000000",
	     "--since takes a Unix time, such as 1700000000, not '9000000000'"},
	    {"-t -1", "-t takes seconds such as 2 or 0.5, not '-1'"},
	    {"-t inf", "-t takes seconds such as 2 or 0.5, not 'inf'"},
	    {"-t nan", "-t takes seconds such as 2 or 0.5, not 'nan'"},
	    {"-t 1s", "-t takes seconds such as 2 or 0.5, not '1s'"},
	    {"--pair ab", "--pair ab: write LEFT=RIGHT"},
	    {"--text", "--text needs a value"},
	    {"-f -p", "-p needs a value"},
	    {"--flag=1", "--flag=1 takes no value"},
	    {"--help=1", "--help=1 takes no value"},
	    {"--wihtin 1", "unknown option --wihtin: did you mean --within?"},
	    {"--verison", "unknown option --verison: did you mean --version?"},
	    {"--frobnicate", "unknown option --frobnicate: see try --help"},
	    {"-x", "unknown option -x: see try --help"},
	    {"-fx", "unknown option -x: see try --help"},
	    {"-\n", "unknown option -?: see try --help"}, /* nothing that a terminal obeys */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct options o;
		struct error error;

		assert_int_equal(parse(&command, cases[i].words, &o, &error), -1);
		assert_int_equal(error.code, EXIT_USAGE);
		assert_string_equal(error.text, cases[i].sentence);
	}
}

static void modes(void **state)
{
	static const struct option_row one_rows[] = {
	    {"flag", .kind = OPTION_FLAG, AT(flag), .help = "a flag"}, {0}};
	static const struct command one = {
	    .name = "try one", .usage = "[OPTION]...", .summary = "Once.", .rows = one_rows};
	static const struct command two = {.name = "try two", .usage = "FILE", .summary = "Twice."};
	static const struct command three = {
	    .name = "try three", .usage = "", .summary = "Thrice."};
	static const struct command *const modes[] = {&one, &two, &three, NULL};
	static const struct command all = {.name = "try", .summary = "Tries.", .modes = modes};
	struct options o;
	struct error error;

	(void)state;
	assert_int_equal(parse(&all, "one --flag", &o, &error), 3);
	assert_true(o.flag);
	assert_int_equal(parse(&all, "two file", &o, &error), 2);
	assert_int_equal(parse(&all, "two --flag", &o, &error), -1);
	assert_string_equal(error.text, "unknown option --flag: see try two --help");
	assert_int_equal(parse(&all, "", &o, &error), -1);
	assert_string_equal(error.text, "write one, two or three, not '': see try --help");
	assert_int_equal(parse(&all, "four", &o, &error), -1);
	assert_int_equal(parse(&all, "--flag", &o, &error), -1);
	assert_int_equal(parse(&all, "-- one", &o, &error), -1);
	assert_int_equal(error.code, EXIT_USAGE);
}

static void help(void **state)
{
	const struct options defaults = {.port = 9000, .text = "this", .seconds = 2.5};
	char *text = WRITTEN(out, help_print(out, &command, &defaults));

	(void)state;
	assert_string_equal(
	    text, "Usage: try [OPTION]... FILE\n"
		  "  or:  try again\n"
		  "Tries.\n"
		  "\n"
		  "Options:\n"
		  "  -f, --flag           a flag\n"
		  "  -o                   another flag\n"
		  "  -p, --port PORT      a port (9000)\n"
		  "      --count N        a count\n"
		  "      --most BYTES     so many that the explanation does not fit in a line and\n"
		  "                       is wrapped at a space\n"
		  "      --small N        a byte\n"
		  "      --text TEXT      a text (this)\n"
		  "      --within TIME    a duration\n"
		  "      --since SECONDS  a time\n"
		  "  -t SECONDS           seconds (2.5)\n"
		  "      --list PORT      a list\n"
		  "      --pair LEFT=RIGHT-AND-FAR-TOO-LONG\n"
		  "                       a pair\n"
		  "  -h, --help           print this help and exit\n"
		  "      --version        print the version and exit\n"
		  "\n"
		  "That is all.\n");
	free(text);
}

/* Help and version win over everything else, and the program exits with 0. */
static void answers(void **state)
{
	static const char *const asked[] = {"-h", "--help", "--version", "-f --help --port x"};
	FILE *real = stdout;

	(void)state;
	for (size_t i = 0; i < COUNT(asked); i++) {
		struct options o;
		struct error error;
		int first = -1;
		char *text =
		    WRITTEN(out, (stdout = out, first = parse(&command, asked[i], &o, &error),
				  stdout = real));

		assert_int_equal(first, 0);
		assert_int_equal(
		    strncmp(text, strstr(asked[i], "version") ? "try (linger) " : "Usage: ", 7), 0);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_kind),
	    cmocka_unit_test(as_getopt_does),
	    cmocka_unit_test(numbers_of_any_width),
	    cmocka_unit_test(lists),
	    cmocka_unit_test(wrong_words),
	    cmocka_unit_test(modes),
	    cmocka_unit_test(help),
	    cmocka_unit_test(answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
