/* SPDX-License-Identifier: MIT */
/*
 * Names every network namespace of a node after the container or pod whose processes live there
 * (cgroup.c), else by its name in ip-netns(8), else after a process.
 */
#include "census/internal.h"

#include <ctype.h>
#include <string.h>
#include <sys/resource.h>

static int nothing(void *data, struct error *error)
{
	(void)data;
	(void)error;
	return 0;
}

int census_others(struct census *census, struct census_others *others, struct error *error)
{
	*others = (struct census_others){0};
	census->place_count = 0;
	if (elsewhere_find(census) < 0)
		return error_no_memory(error);
	for (size_t i = 0; i < census->place_count; i++) {
		struct error here;

		if (netns_visit(census->places[i].path, NULL, nothing, NULL, &here) == 0)
			others->readable++;
		else
			others->unreadable += here.code == EXIT_CANNOT;
	}
	return 0;
}

/* The characters of a host's name (options.c). */
static void make_plain(char *name)
{
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && !strchr("_-.", *name))
			*name = '_';
}

static void name_place(const struct place *place, char *name, size_t size)
{
	const char *base = strrchr(place->path, '/') + 1;
	char cgroup[2048], process[64];

	if (place->pid) {
		process_read(place->pid, "cgroup", cgroup, sizeof(cgroup));
		if (cgroup_container(cgroup, name, size)) {
			make_plain(name);
			return;
		}
	}
	if (strncmp(place->path, "/proc/", 6)) {
		snprintf(name, size, "%s", base);
	} else if (!process_may_hold(place->pid)) {
		snprintf(name, size, "initial"); /* kernel threads live nowhere else */
	} else {
		process_name(place->pid, process, sizeof(process));
		snprintf(name, size, "%.40s-%d", process, place->pid);
	}
	make_plain(name);
}

static bool is_taken(const struct census *census, const char *name)
{
	for (size_t i = 0; i < census->host_count; i++)
		if (!strcmp(census->hosts[i]->name, name))
			return true;
	return false;
}

/* Each host needs a few open files. */
static void raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int census_add_all(struct census *census, struct error *error)
{
	raise_limit();
	if (census_add_host(census, "local", NULL, error) < 0)
		return -1;
	if (elsewhere_find(census) < 0)
		return error_no_memory(error);
	for (size_t i = 0; i < census->place_count; i++) {
		const struct place *place = &census->places[i];
		char name[64], unique[64];
		struct error here;

		name_place(place, name, sizeof(name));
		snprintf(unique, sizeof(unique), "%s", name);
		if (is_taken(census, name)) /* two namespaces of one pod, or of one process */
			snprintf(unique, sizeof(unique), "%.40s-%llu", name,
				 (unsigned long long)place->id.inode);
		if (census_add_host(census, unique, place->path, &here) == 0)
			continue;
		/* One that is gone by now is not an error, nor is one that census_others() reports.
		 */
		if (here.code == EXIT_BROKEN) {
			*error = here;
			return -1;
		}
	}
	return 0;
}
