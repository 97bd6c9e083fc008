/* SPDX-License-Identifier: MIT */
/* Keeps segments in pcap files, pcap-savefile(5), which any tool can show. */
#include "segment/segment.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "common/capture.h"

int segment_take(pcap_t *from, const struct pcap_pkthdr *head, const uint8_t *frame,
		 uint8_t bytes[PACKET_MOST], struct packet *packet)
{
	if (packet_parse(pcap_datalink(from), frame, head->caplen, packet) < 0 ||
	    packet->odd != PACKET_WHOLE || packet->end - packet->ip > PACKET_MOST)
		return -1;
	memcpy(bytes, frame + packet->ip, packet->end - packet->ip);
	return segment_parse(bytes, packet->end - packet->ip, packet);
}

int segment_next(pcap_t *file, uint8_t bytes[PACKET_MOST], struct packet *packet,
		 struct error *error)
{
	struct pcap_pkthdr *head;
	const u_char *frame;

	switch (pcap_next_ex(file, &head, &frame)) {
	case 1:
		if (segment_take(file, head, frame, bytes, packet) == 0)
			return 1;
		return error_set(error, EXIT_USAGE,
				 "the capture holds a packet that is not a whole TCP segment");
	case PCAP_ERROR_BREAK: /* its end */
		return 0;
	default:
		return error_set(error, EXIT_USAGE, "cannot read the capture: %s",
				 pcap_geterr(file));
	}
}

/* Flush the file's buffer. pcap_dump(3PCAP) itself reports no failure. */
static int written(struct segment_file *file, struct error *error)
{
	if (pcap_dump_flush(file->dump) == 0 && !ferror(pcap_dump_file(file->dump)))
		return 0;
	return error_set(error, EXIT_BROKEN, "cannot write %s: %s", file->path, strerror(errno));
}

int segment_create(struct segment_file *file, const char *path, struct error *error)
{
	*file = (struct segment_file){.path = path};
	file->format =
	    pcap_open_dead_with_tstamp_precision(DLT_RAW, PACKET_MOST, PCAP_TSTAMP_PRECISION_NANO);
	if (!file->format)
		return error_no_memory(error);
	file->dump = pcap_dump_open(file->format, path);
	if (!file->dump)
		return error_set(error, EXIT_BROKEN, "cannot write: %s", pcap_geterr(file->format));
	return written(file, error);
}

int segment_keep(struct segment_file *file, const uint8_t *bytes, size_t length,
		 struct error *error)
{
	struct pcap_pkthdr head = {.caplen = (bpf_u_int32)length, .len = (bpf_u_int32)length};
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	head.ts = (struct timeval){now.tv_sec, now.tv_nsec}; /* ns: see segment_create() */
	pcap_dump((u_char *)file->dump, &head, bytes);
	return written(file, error);
}

void segment_close(struct segment_file *file)
{
	if (file->dump)
		pcap_dump_close(file->dump);
	if (file->format)
		pcap_close(file->format);
}
