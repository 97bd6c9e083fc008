/* SPDX-License-Identifier: MIT */
/* The segments of one file, and what else is in it. */
#include "wire/source.h"

#include <stdlib.h>
#include <string.h>

#define BUFFER (1 << 17)  /* bytes: we read a capture once, from end to end */
#define LATEST 9000000000 /* s since 1970: later times are implausible, and would overflow in ns   \
			   */

int source_open(struct source *source, const char *path, const struct wire_ladders *ladders,
		struct error *error)
{
	char why[PCAP_ERRBUF_SIZE];
	const char *name;
	FILE *file = unpack_open(path, &source->unpacker, error);

	if (!file)
		return -1;
	source->buffer = malloc(BUFFER);
	if (source->buffer) /* without our buffer the C library ignores the size */
		setvbuf(file, source->buffer, _IOFBF, BUFFER);
	source->pcap =
	    pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, why);
	if (!source->pcap) {
		fclose(file);
		return error_set(error, EXIT_USAGE, "cannot read the capture: %s: %s", path, why);
	}
	source->link = pcap_datalink(source->pcap);
	name = pcap_datalink_val_to_name(source->link);
	if (!packet_link_known(source->link))
		return error_set(error, EXIT_USAGE,
				 "%s was captured on a link of type %s (%d), which wire cannot "
				 "read: capture on Ethernet, or on the device any",
				 path, name ? name : "unknown", source->link);
	if (!source->lost && ladders->hosts > 1 && source->link != DLT_LINUX_SLL &&
	    source->link != DLT_LINUX_SLL2)
		return error_set(error, EXIT_USAGE,
				 "%s does not show which packets its host sent: record with the "
				 "device any (tcpdump -i any), or show it alone",
				 path);
	return 0;
}

/* In ns since 1970, limited to plausible times. */
static int64_t time_of(const struct pcap_pkthdr *head)
{
	int64_t seconds = head->ts.tv_sec;

	if (seconds < 0)
		return 0;
	return seconds > LATEST ? LATEST * 1000000000 : seconds * 1000000000 + head->ts.tv_usec;
}

/* Note where time goes back. Merging several hosts keeps the order of each file. */
static void take_time(struct source *source, const struct pcap_pkthdr *head,
		      struct wire_ladders *ladders)
{
	int64_t time = time_of(head) - ladders->host[source->host].ahead;

	if (source->number > 1 && time < source->last) {
		ladders->back++;
		if (source->last - time > ladders->furthest_back)
			ladders->furthest_back = source->last - time;
		if (ladders->hosts > 1)
			time = source->last;
	}
	source->last = time;
	source->packet.time = time;
	source->packet.number = source->number;
}

/* Why reading stopped before the end of the file; NULL: it did not. */
static const char *early(struct source *source, int status)
{
	bool packed = source->unpacker, whole = !packed || unpack_ended(source->unpacker);

	source->unpacker = 0;
	if (!whole)
		return "the compressed file is truncated or damaged";
	return status == PCAP_ERROR_BREAK ? NULL : pcap_geterr(source->pcap);
}

/* Whether the frame holds a segment, or completes one. */
static bool is_segment(struct source *source, const struct pcap_pkthdr *head, const u_char *bytes,
		       struct wire_ladders *ladders)
{
	struct packet *packet = &source->packet;
	int result = packet_parse_frame(source->link, bytes, head->caplen, head->len, packet);

	take_time(source, head, ladders);
	if (packet->odd == PACKET_FRAGMENT && fragments_take(&source->fragments, packet)) {
		ladders->passed_over[OTHER_FRAGMENT]--; /* the other one */
		return true;
	}
	if (result < 0) {
		ladders->passed_over[packet->other]++;
		return false;
	}
	ladders->options_cut += packet->payload > head->caplen;
	return true;
}

void source_advance(struct source *source, struct wire_ladders *ladders)
{
	struct wire_host *host = &ladders->host[source->host];
	struct pcap_pkthdr *head;
	const u_char *bytes;
	const char *why;
	int status;

	source->more = false;
	while ((status = pcap_next_ex(source->pcap, &head, &bytes)) == 1) {
		source->number++;
		host->read += !source->lost;
		source->more = is_segment(source, head, bytes, ladders);
		if (source->more)
			return;
	}
	why = early(source, status);
	if (!why)
		return;
	ladders->early = true;
	snprintf(host->why, sizeof(host->why), "%s", why);
}

void source_close(struct source *source)
{
	if (source->pcap)
		pcap_close(source->pcap);
	if (source->unpacker) /* it ends by SIGPIPE */
		unpack_ended(source->unpacker);
	free(source->buffer);
	*source = (struct source){0};
}
