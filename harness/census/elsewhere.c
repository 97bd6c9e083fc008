/* SPDX-License-Identifier: MIT */
/*
 * Finds the network namespaces that are not counted but may have sockets of the processes. A
 * process can hold sockets of any number of namespaces besides its own (Istio's ztunnel,
 * pasta, socket activation through `ip netns exec`). A descriptor is gone only if none of them
 * lists it.
 *
 * Three things lead to them: processes that live in them, mounts (ip-netns(8)) and descriptors. A
 * namespace that only a socket keeps alive cannot be found. We enter each for a moment and let it
 * go: keeping it open would keep a container's namespace alive.
 */
#include "census/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static struct place *known(const struct census *census, const struct netns_id *id)
{
	for (size_t i = 0; i < census->place_count; i++)
		if (census->places[i].id.device == id->device &&
		    census->places[i].id.inode == id->inode)
			return &census->places[i];
	return NULL;
}

int elsewhere_note(struct census *census, const char *path)
{
	struct place *places, *place;
	struct netns_id id;
	struct stat st;
	int pid = 0;

	if (stat(path, &st) < 0)
		return 0;
	id = (struct netns_id){st.st_dev, st.st_ino};
	/* Another file may have the number by now, and we must not open it. */
	if (census->host_count && id.device != census->hosts[0]->netns.device)
		return 0;
	if (host_of(census, &id) >= 0 || strlen(path) >= sizeof(places->path))
		return 0;
	place = known(census, &id);
	if (!place) {
		places = census_grow(census->places, census->place_count, &census->place_room,
				     sizeof(*places));
		if (!places)
			return -1;
		census->places = places;
		place = &places[census->place_count++];
		*place = (struct place){.id = id};
		strcpy(place->path, path);
	}
	if (!place->pid && sscanf(path, "/proc/%d/", &pid) == 1)
		place->pid = pid;
	return 0;
}

struct noting {
	struct census *census;
	pid_t pid;
};

static int note_process(void *data, pid_t pid)
{
	struct noting *noting = data;
	char path[64];

	if (kernel_knows_at_home(noting->census, pid))
		return 0; /* its link would take longer than all its sockets */
	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	return elsewhere_note(noting->census, path);
}

static int note_thread(void *data, pid_t thread)
{
	struct noting *noting = data;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/ns/net", noting->pid, thread);
	return elsewhere_note(noting->census, path);
}

static int note_processes(struct census *census)
{
	struct noting noting = {census, 0};
	int result = proc_numbers("/proc", note_process, &noting);

	/* A thread may live in another namespace than its leader: look at those of --pid. */
	for (size_t i = 0; i < census->process_count && result == 0; i++) {
		noting.pid = census->processes[i].pid;
		result = process_threads(noting.pid, note_thread, &noting);
	}
	return result;
}

/* "36 35 0:4 net:[4026532255] /run/netns/x rw - nsfs nsfs rw": the fourth and fifth (proc(5)). */
static int note_mounts(struct census *census)
{
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	char *line = NULL, root[64], path[256];
	size_t room = 0;
	int result = 0;

	while (mounts && result == 0 && getline(&line, &room, mounts) > 0)
		if (sscanf(line, "%*s %*s %*s %63s %255s", root, path) == 2 &&
		    !strncmp(root, "net:[", 5))
			result = elsewhere_note(census, path);
	free(line);
	if (mounts)
		fclose(mounts);
	return result;
}

int elsewhere_find(struct census *census)
{
	/* Names first: they outlive processes. */
	return note_mounts(census) < 0 || note_processes(census) < 0 ? -1 : 0;
}

struct errand {
	const struct scope *scope;
	uint32_t states;
	struct inodes *inodes;
};

/* Runs inside the namespace. */
static int collect(void *data, struct error *error)
{
	const struct errand *errand = data;
	struct source source;
	int result = source_open(&source, error);

	if (result == 0)
		result = source_collect(&source, errand->scope, errand->states, UINT32_MAX,
					errand->inodes, error);
	source_close(&source);
	return result;
}

int elsewhere_walk(struct census *census, uint32_t states, struct inodes *inodes,
		   struct error *error)
{
	struct errand errand = {&census->scope, states, inodes};

	if (elsewhere_find(census) < 0)
		return error_no_memory(error);
	census->unseen = 0;
	for (size_t i = 0; i < census->place_count; i++) {
		struct error here;

		if (netns_visit(census->places[i].path, NULL, collect, &errand, &here) == 0)
			continue;
		if (here.code == EXIT_BROKEN) {
			*error = here;
			return -1;
		}
		/* A namespace that is gone by now (EXIT_USAGE) took its sockets with it. */
		census->unseen += here.code == EXIT_CANNOT;
	}
	return 0;
}
