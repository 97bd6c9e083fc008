/* SPDX-License-Identifier: MIT */
/* The command line of the census, one word per line: accepted within its bounds, or refused. */
#include <ctype.h>

#include "census/program.h"
#include "fuzz/fuzz.h"

static void check_accepted(const struct census_options *options)
{
	MUST(options->host_count <= MAX_HOSTS && options->pid_count <= MAX_LIST);
	MUST(options->port_count <= MAX_LIST && options->repeat <= 1000000);
	MUST(options->states && !(options->states & ~ALL_STATES));
	MUST(options->every > 0 || (options->every == -1 && !options->watch));
	MUST(options->within >= 0 && options->hold >= 0);
	MUST(!options->until + !options->stream + !options->repeat >= 2);
	for (size_t i = 0; i < options->port_count; i++)
		MUST(options->port[i] >= 1 && options->port[i] <= UINT16_MAX);
	for (size_t i = 0; i < options->pid_count; i++)
		MUST(options->pid[i] >= 1);
	for (size_t i = 0; i < options->host_count; i++) {
		const char *name = options->host[i].name;

		MUST(memchr(name, '\0', sizeof(options->host[i].name)));
		MUST(isalpha((unsigned char)*name) || *name == '_');
		MUST(options->host[i].netns[0]);
		for (size_t j = 0; j < i; j++)
			MUST(strcmp(name, options->host[j].name));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	char *text = fuzz_text(bytes, size);
	char *words[FUZZ_WORDS + 1] = {"census"};
	struct error error = {0};
	struct census_options options;
	int count = 1 + fuzz_words(text, words + 1);

	switch (census_options_parse(&options, count, words, &error)) {
	case -1:
		MUST(error.code == EXIT_USAGE && fuzz_is_sentence(error.text));
		break;
	case 0: /* it printed help */
		break;
	default:
		check_accepted(&options);
	}
	free(text);
	return 0;
}
