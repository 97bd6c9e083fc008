/* SPDX-License-Identifier: MIT */
/* blame: where a program takes its sockets and last touches them. See --help and internal.h. */
#include "blame/internal.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/command.h"
#include "common/descriptors.h"

struct options {
	const char *file, *symbols;
	uint32_t sample;
	pid_t pid;
	bool deep, rest;
};

#define AT(member) OPTION_AT(struct options, member)

static const struct option_row trace_rows[] = {
    {"output", 'o', OPTION_TEXT, AT(file), .value = "FILE",
     .help = "write the report here; %p in the name becomes the pid"},
    {"sample", .kind = OPTION_NUMBER, AT(sample), .least = 1, .most = 1 << 16, .shown = true,
     .value = "N",
     .help = "follow only descriptors that are multiples of N, a power of two, to slow the "
	     "program down less"},
    {"deep", .kind = OPTION_FLAG, AT(deep),
     .help = "after a socket was taken, and after one ended, record each line that ran, once for "
	     "each stack"},
    {"at-rest", .kind = OPTION_FLAG, AT(rest),
     .help = "also write the report whenever nothing has happened for a second, because a killed "
	     "program can no longer be examined"},
    {0},
};

static const struct option_row watch_rows[] = {
    {"output", 'o', OPTION_TEXT, AT(file), .value = "FILE", .help = "write the report here"},
    {"pid", .kind = OPTION_NUMBER, AT(pid), .least = 1, .most = INT32_MAX, .value = "P",
     .help = "watch this process"},
    {0},
};

static const struct option_row lines_rows[] = {
    {"symbols", .kind = OPTION_TEXT, AT(symbols), .value = "FILE",
     .help = "the unstripped file of a program of the same name"},
    {0},
};

static const struct command trace_command = {
    .name = "blame trace",
    .usage = "[OPTION]... -o FILE -- COMMAND [ARGUMENT]...",
    .summary = "Runs a command unchanged, and records for each TCP socket that it holds where it "
	       "was taken and what happened to it. The report is written when the command ends, "
	       "and on blame ask.",
    .rows = trace_rows,
};

static const struct command watch_command = {
    .name = "blame watch",
    .usage = "-o FILE --pid P",
    .summary = "Records what happens to the TCP sockets of a running process, until SIGINT or "
	       "SIGTERM, without stopping it. Needs root on the machine.",
    .rows = watch_rows,
};

static const struct command ask_command = {
    .name = "blame ask",
    .usage = "FILE",
    .summary = "Has the tracer of a running program write its report now.",
};

static const struct command lines_command = {
    .name = "blame lines",
    .usage = "[OPTION]...",
    .summary = "For each ADDRESS PATH on standard input, an address in an ELF file, writes the "
	       "function and the line as one JSON object per line.",
    .rows = lines_rows,
};

static const struct command blame_command = {
    .name = "blame",
    .summary = "Records which lines of a program took the sockets that it holds, and which last "
	       "touched them. `linger blame` puts that into words.",
    .modes = (const struct command *const[]){&trace_command, &watch_command, &ask_command,
					     &lines_command, NULL},
    .details = "A program under blame is 2 to 6 times slower, and slower still when it does\n"
	       "little but system calls: it is for staging and tests.\n"
	       "\n"
	       "Exit status: that of the command; or\n"
	       "  2   wrong usage\n"
	       "  3   blame ask: the program has ended\n"
	       "  70  blame itself failed\n"
	       "  77  not possible here\n",
};

/* Where the report goes, with the pid for %p; absolute, because the tracer leaves this folder. */
static int place_of(const char *file, pid_t pid, struct error *error)
{
	static char path[PATH_MAX];
	char folder[PATH_MAX] = "";
	const char *mark = file ? strstr(file, "%p") : NULL;
	int length;

	if (!file)
		return error_set(error, EXIT_USAGE, "blame needs -o FILE");
	if (file[0] != '/' && !getcwd(folder, sizeof(folder)))
		return error_set(error, EXIT_USAGE, "%s: its folder cannot be found", file);
	if (mark)
		length = snprintf(path, sizeof(path), "%s%s%.*s%d%s", folder, folder[0] ? "/" : "",
				  (int)(mark - file), file, pid, mark + 2);
	else
		length = snprintf(path, sizeof(path), "%s%s%s", folder, folder[0] ? "/" : "", file);
	if (length >= (int)sizeof(path))
		return error_set(error, EXIT_USAGE, "%s: the name is too long", file);
	tracer.file = path;
	return 0;
}

static int trace(const struct options *options, char **words, struct error *error)
{
	if (!*words)
		return error_set(error, EXIT_USAGE, "blame trace needs a COMMAND");
	if (options->sample & (options->sample - 1))
		return error_set(error, EXIT_USAGE, "--sample takes a power of two, not '%u'",
				 options->sample);
	tracer.sample = options->sample;
	tracer.deep = options->deep;
	tracer.at_rest = options->rest;
	return place_of(options->file, getpid(), error) < 0 ? -1 : start(words, error);
}

static int watch_process(const struct options *options, struct error *error)
{
	if (!options->pid)
		return error_set(error, EXIT_USAGE, "blame watch needs --pid P");
	return place_of(options->file, options->pid, error) < 0 ? -1 : watch(options->pid, error);
}

int main(int argc, char **argv)
{
	struct options options = {.sample = 1};
	struct error error = {0};
	int first, result;

	if (argc < 2 || strcmp(argv[1], "trace")) /* the command keeps its caller's */
		open_standard_descriptors();
	first = command_parse(&blame_command, argc, argv, &options, &error);
	if (first <= 0)
		return command_ended(first, &error);
	if (!strcmp(argv[1], "trace"))
		result = trace(&options, argv + first, &error);
	else if (!strcmp(argv[1], "watch"))
		result = watch_process(&options, &error);
	else if (!strcmp(argv[1], "lines"))
		result = first < argc
			     ? error_set(&error, EXIT_USAGE, "unexpected argument %s", argv[first])
			     : lines(stdin, stdout, options.symbols, &error);
	else
		result = argv[first] ? ask(argv[first], &error)
				     : error_set(&error, EXIT_USAGE, "blame ask needs a FILE");
	if (result < 0)
		return error_report(&error);
	return output_is_whole() ? EXIT_OK : EXIT_BROKEN;
}
