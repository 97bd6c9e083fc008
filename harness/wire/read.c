/* SPDX-License-Identifier: MIT */
/* The files of all hosts, merged by time, into the store. A file that ends in the middle is fine.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/capture.h"
#include "wire/program.h"

struct source {
	pcap_t *pcap;
	int host, link;
	bool lost; /* what a fault dropped */
	bool more;
	struct packet packet;
};

char *lost_path(const char *file, char *path, size_t size)
{
	size_t length = strlen(file);
	const char *suffix = length > 5 && !strcmp(file + length - 5, ".pcap") ? ".pcap" : "";

	snprintf(path, size, "%.*s" WIRE_LOST "%s", (int)(length - strlen(suffix)), file, suffix);
	return path;
}

/* Find the next TCP segment of a file. */
static void advance(struct source *source, struct wire_ladders *ladders)
{
	struct pcap_pkthdr *head;
	const u_char *bytes;

	while (pcap_next_ex(source->pcap, &head, &bytes) == 1) {
		if (packet_parse(source->link, bytes, head->caplen, &source->packet) == 0) {
			source->packet.time =
			    (int64_t)head->ts.tv_sec * 1000000000 + head->ts.tv_usec;
			source->more = true;
			return;
		}
		ladders->skipped++;
	}
	source->more = false; /* its end, or where it is cut short */
}

static int open_source(struct source *source, const char *path, struct wire_ladders *ladders,
		       struct error *error)
{
	source->pcap = capture_read(path, error);
	if (!source->pcap)
		return -1;
	source->link = pcap_datalink(source->pcap);
	if (!packet_link_known(source->link))
		return error_set(error, EXIT_USAGE,
				 "%s was captured on a link of type %d, which wire does not know",
				 path, source->link);
	if (!source->lost && !ladders->store.one_tap && source->link != DLT_LINUX_SLL &&
	    source->link != DLT_LINUX_SLL2)
		return error_set(error, EXIT_USAGE,
				 "%s does not tell which packets its host sent: record with the "
				 "device any (tcpdump -i any), or show it alone",
				 path);
	advance(source, ladders);
	return 0;
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

int wire_read(struct wire_ladders *ladders, struct error *error)
{
	struct source sources[2 * WIRE_HOSTS] = {0};
	struct source *source;
	size_t count = 0;
	int result = -1;
	char path[4096];

	wire_store_init(&ladders->store, ladders->hosts == 1);
	for (size_t i = 0; i < ladders->hosts; i++) {
		sources[count].host = (int)i;
		if (open_source(&sources[count++], ladders->host[i].path, ladders, error) < 0)
			goto out;
		lost_path(ladders->host[i].path, path, sizeof(path));
		if (access(path, F_OK) < 0)
			continue;
		sources[count] = (struct source){.host = (int)i, .lost = true};
		if (open_source(&sources[count++], path, ladders, error) < 0)
			goto out;
	}
	while ((source = earliest(sources, count))) {
		note(ladders, source);
		if (source->lost)
			wire_store_lost(&ladders->store, &source->packet);
		else if (wire_store_add(&ladders->store, source->host, &source->packet) < 0) {
			error_no_memory(error);
			goto out;
		}
		advance(source, ladders);
	}
	result = 0;
out:
	for (size_t i = 0; i < count; i++)
		if (sources[i].pcap)
			pcap_close(sources[i].pcap);
	return result;
}
