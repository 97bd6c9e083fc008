/* SPDX-License-Identifier: MIT */
/* Reads the files of all hosts, merged by time, into the store. */
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wire/program.h"
#include "wire/source.h"

char *lost_path(const char *file, char *path, size_t size)
{
	size_t length = strlen(file);
	const char *suffix = length > 5 && !strcmp(file + length - 5, ".pcap") ? ".pcap" : "";

	snprintf(path, size, "%.*s" WIRE_LOST "%s", (int)(length - strlen(suffix)), file, suffix);
	return path;
}

/* Count it for its host, and learn the host's address from what it sends. */
static void note(struct wire_ladders *ladders, const struct source *source)
{
	struct wire_host *host = &ladders->host[source->host];

	if (source->lost) {
		host->lost++;
		return;
	}
	host->packets++;
	if (source->packet.way == PACKET_OUT && !host->family) {
		host->family = source->packet.family;
		memcpy(host->address, source->packet.from.address, sizeof(host->address));
	}
}

static struct source *earliest(struct source *sources, size_t count)
{
	struct source *first = NULL;

	for (size_t i = 0; i < count; i++)
		if (sources[i].more && (!first || sources[i].packet.time < first->packet.time))
			first = &sources[i];
	return first;
}

/* Whether all files can be read twice: the first time to find how far apart their clocks are. */
static bool can_look_first(const struct wire_ladders *ladders)
{
	struct stat status;

	for (size_t i = 0; i < ladders->hosts; i++)
		if (stat(ladders->host[i].path, &status) < 0 || !S_ISREG(status.st_mode))
			return false;
	return ladders->hosts > 1 && !ladders->one_clock;
}

/* Open the files of a host; returns how many of @sources are now in use, or -1 with @error. */
static int open_host(struct wire_ladders *ladders, int host, struct source *source,
		     struct error *error)
{
	char path[4096];

	source->host = host;
	if (source_open(source, ladders->host[host].path, ladders, error) < 0)
		return -1;
	source_advance(source++, ladders);
	lost_path(ladders->host[host].path, path, sizeof(path));
	if (!ladders->losses || access(path, F_OK) < 0)
		return 1;
	*source = (struct source){.host = host, .lost = true};
	if (source_open(source, path, ladders, error) < 0)
		return -1;
	source_advance(source, ladders);
	return 2;
}

int wire_read(struct wire_ladders *ladders, struct error *error)
{
	struct source sources[2 * WIRE_HOSTS] = {0};
	struct source *source;
	size_t count = 0;
	int result = -1, opened;

	wire_store_init(&ladders->store, ladders->hosts == 1);
	if (getrandom(ladders->store.key, sizeof(ladders->store.key), GRND_NONBLOCK) < 0)
		ladders->store.key[0] = (uint64_t)getpid(); /* the kernel has no entropy yet */
	if (can_look_first(ladders) && skew_find(ladders, error) < 0)
		return -1;
	for (size_t i = 0; i < ladders->hosts; i++) {
		opened = open_host(ladders, (int)i, &sources[count], error);
		if (opened < 0)
			goto out;
		count += (size_t)opened;
	}
	while ((source = earliest(sources, count))) {
		note(ladders, source);
		if (source->lost)
			wire_store_lost(&ladders->store, &source->packet);
		else if (wire_store_add(&ladders->store, source->host, &source->packet) < 0) {
			error_no_memory(error);
			goto out;
		}
		source_advance(source, ladders);
	}
	ladders->whole &= !ladders->early;
	result = 0;
out:
	for (size_t i = 0; i < 2 * WIRE_HOSTS; i++)
		source_close(&sources[i]);
	return result;
}
