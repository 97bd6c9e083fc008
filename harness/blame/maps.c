/* SPDX-License-Identifier: MIT */
/* Which files are mapped executable, and where. */
#include "blame/internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PAGE(address) ((address) & ~(uint64_t)4095)

/* "7f12a000-7f12b000 r-xp 00001000 08:01 1234    /usr/lib/libc.so.6" */
const char *maps_line(const char *line, struct mapping *mapping)
{
	char rights[5];
	int path = 0;

	*mapping = (struct mapping){0};
	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %*s %*s %n", &mapping->start,
		   &mapping->end, rights, &mapping->offset, &path) < 4 ||
	    mapping->end <= mapping->start || strlen(rights) < 3 || rights[2] != 'x')
		return NULL;
	return path ? line + path : "";
}

static bool add(struct maps *maps, const struct mapping *mapping)
{
	if (maps->count == maps->room) {
		size_t room = maps->room ? maps->room * 2 : 16;
		struct mapping *larger = realloc(maps->mapping, room * sizeof(*larger));

		if (!larger)
			return false;
		maps->mapping = larger;
		maps->room = room;
	}
	maps->mapping[maps->count++] = *mapping;
	return true;
}

void maps_load(struct maps *maps, pid_t pid)
{
	char name[64], *line = NULL;
	size_t size = 0;
	FILE *file;

	maps->count = 0;
	snprintf(name, sizeof(name), "/proc/%d/maps", pid);
	file = fopen(name, "re");
	while (file && getline(&line, &size, file) > 0) {
		struct mapping mapping;
		const char *path;

		line[strcspn(line, "\n")] = '\0';
		path = maps_line(line, &mapping);
		if (!path)
			continue;
		mapping.module = module_of(pid, path);
		if (!add(maps, &mapping))
			break;
	}
	free(line);
	if (file)
		fclose(file);
}

const struct mapping *maps_at(const struct maps *maps, uint64_t pc)
{
	size_t low = 0, high = maps->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (maps->mapping[middle].end <= pc)
			low = middle + 1;
		else
			high = middle;
	}
	return low < maps->count && maps->mapping[low].start <= pc ? &maps->mapping[low] : NULL;
}

const struct mapping *maps_find(struct maps *maps, pid_t pid, uint64_t pc)
{
	const struct mapping *found = maps_at(maps, pc);
	uint64_t *missing = &maps->missing[(pc >> 12) % 8];

	if (found || *missing == PAGE(pc) || PAGE(pc) == 0)
		return found;
	maps_load(maps, pid); /* a library may have been loaded since, or code generated */
	found = maps_at(maps, pc);
	if (!found)
		*missing = PAGE(pc);
	return found;
}
