/* SPDX-License-Identifier: MIT */
/* Packets in the file format of libpcap: any tool can show what was kept. */
#include "segment/segment.h"

#include <string.h>

/* pcap-savefile(5); the numbers are in the order of the machine that wrote the file. */
#define MAGIC 0xa1b23c4du /* with nanoseconds */
#define LINKTYPE_RAW 101u /* a packet begins with its IP header */

struct head {
	uint32_t magic;
	uint16_t major, minor;
	uint32_t zone, accuracy, most, link;
};

struct record {
	uint32_t seconds, nanoseconds, kept, length;
};

_Static_assert(sizeof(struct head) == SEGMENT_PCAP_HEAD, "as in the file");
_Static_assert(sizeof(struct record) == SEGMENT_PCAP_RECORD, "as in the file");

void segment_pcap_head(uint8_t head[SEGMENT_PCAP_HEAD])
{
	const struct head h = {
	    .magic = MAGIC, .major = 2, .minor = 4, .most = PACKET_MOST, .link = LINKTYPE_RAW};

	memcpy(head, &h, sizeof(h));
}

void segment_pcap_record(uint8_t record[SEGMENT_PCAP_RECORD], uint32_t length, uint64_t nanoseconds)
{
	const struct record r = {.seconds = (uint32_t)(nanoseconds / 1000000000),
				 .nanoseconds = (uint32_t)(nanoseconds % 1000000000),
				 .kept = length,
				 .length = length};

	memcpy(record, &r, sizeof(r));
}

int segment_pcap_next(const uint8_t *file, size_t size, size_t *at, const uint8_t **packet,
		      size_t *length)
{
	struct record record;
	struct head head;

	if (size < sizeof(head))
		return -1;
	memcpy(&head, file, sizeof(head));
	if (head.magic != MAGIC || head.link != LINKTYPE_RAW)
		return -1;
	if (*at == 0)
		*at = sizeof(head);
	if (*at == size)
		return 0;
	if (*at > size || size - *at < sizeof(record))
		return -1;
	memcpy(&record, file + *at, sizeof(record));
	if (record.kept > size - *at - sizeof(record) || record.kept != record.length ||
	    record.kept > PACKET_MOST)
		return -1;
	*packet = file + *at + sizeof(record);
	*length = record.kept;
	*at += sizeof(record) + record.kept;
	return 1;
}
