#include "sandbox/tree.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned long memory_of(pid_t pid)
{
	char path[64], line[128];
	unsigned long value, kilobytes = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "Pss_Anon: %lu", &value) == 1 ||
		    sscanf(line, "Pss_Shmem: %lu", &value) == 1)
			kilobytes += value;
	if (file)
		fclose(file);
	return kilobytes << 10;
}

/* A thread's children, in the kernel's list. */
static unsigned long memory_of_children(pid_t pid, const char *thread)
{
	char path[320];
	unsigned long sum = 0;
	pid_t child;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%s/children", pid, thread);
	file = fopen(path, "re");
	while (file && fscanf(file, "%d", &child) == 1)
		sum += tree_memory(child);
	if (file)
		fclose(file);
	return sum;
}

unsigned long tree_memory(pid_t root)
{
	unsigned long sum = memory_of(root);
	struct dirent *each;
	char path[64];
	DIR *threads;

	snprintf(path, sizeof(path), "/proc/%d/task", root);
	threads = opendir(path);
	while (threads && (each = readdir(threads)))
		if (*each->d_name != '.')
			sum += memory_of_children(root, each->d_name);
	if (threads)
		closedir(threads);
	return sum;
}
