/* SPDX-License-Identifier: MIT */
/*
 * Replaces a missing libFuzzer: runs a target once on every file of the given folders. It ignores
 * the options of libFuzzer, so both are called alike.
 */
#include "fuzz/fuzz.h"

#ifndef LIBFUZZER /* which has a main() of its own; the script `compiler` says so */

#include <dirent.h>
#include <err.h>
#include <sys/stat.h>

static void run_file(const char *path, size_t size)
{
	FILE *file = fopen(path, "rbe");
	uint8_t *bytes = malloc(size ? size : 1);

	if (!file || !bytes || fread(bytes, 1, size, file) != size)
		err(1, "%s", path);
	fclose(file);
	LLVMFuzzerTestOneInput(bytes, size);
	free(bytes);
}

/* Returns the number of files. */
static unsigned run_folder(const char *folder)
{
	struct dirent **entries;
	int count = scandir(folder, &entries, NULL, alphasort);
	unsigned ran = 0;

	if (count < 0)
		err(1, "%s", folder);
	for (int i = 0; i < count; i++) {
		char path[4096];
		struct stat status;

		snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
		if (stat(path, &status) < 0)
			err(1, "%s", path);
		if (S_ISREG(status.st_mode)) {
			run_file(path, (size_t)status.st_size);
			ran++;
		}
		free(entries[i]);
	}
	free(entries);
	return ran;
}

int main(int argc, char **argv)
{
	unsigned ran = 0;

	for (int i = 1; i < argc; i++)
		if (argv[i][0] != '-')
			ran += run_folder(argv[i]);
	fprintf(stderr, "stat::number_of_executed_units: %u\n", ran);
	return EXIT_SUCCESS;
}

#endif
