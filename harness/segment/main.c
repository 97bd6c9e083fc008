/* SPDX-License-Identifier: MIT */
/*
 * segment: takes TCP segments from the wire, keeps them in a file, and sends them again later.
 *
 *     segment -l 10.0.0.2 -p 9000 capture FILE from flags:fin
 *     segment replay FILE
 *     segment replay FILE flags:rst seq:next empty
 *
 * -l and -p name the server, at whichever end this runs. `capture` keeps the first segment that
 * matches, of each of -n connections, with its checksums completed:
 *     from, to       sent by the server, or to it
 *     flags:FIN,...  with these flags set (fin, syn, rst, psh, ack, urg), whatever the others are
 *     bytes:N        with exactly so many bytes of payload
 *     text:WORD      with a payload that begins so
 *     port:N         of the client with this port
 * `replay` sends all that the file holds, as it is or altered:
 *     flags:RST,...  with these flags and no others
 *     seq:next       with the sequence number that follows the segment; seq:+N, ack:-N: moved
 *     empty          without payload
 *
 * Ends with status 1 when -t seconds passed before everything was captured.
 */
#include <arpa/inet.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/endpoint.h"
#include "common/events.h"
#include "common/options.h"
#include "segment/segment.h"

#define USAGE_ERROR 2
#define BROKEN_FILE 1

static struct options o = {.address = "127.0.0.1", .port = 9000, .connections = 1};

static void tell(const char *event, const struct packet *s)
{
	char from[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN], flags[SEGMENT_TEXT];

	inet_ntop(s->family, s->from.address, from, sizeof(from));
	inet_ntop(s->family, s->to.address, to, sizeof(to));
	say("%s from=%s port=%u to=%s toport=%u flags=%s seq=%u ack=%u next=%u bytes=%u", event,
	    from, s->from.port, to, s->to.port, segment_flags_text(s->flags, flags), s->seq, s->ack,
	    packet_next(s), s->length);
}

/* The server that -l and -p name. */
static void find_server(struct segment_filter *filter)
{
	struct sockaddr_storage address;
	const struct sockaddr_in *v4 = (struct sockaddr_in *)&address;
	const struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address;

	endpoint_address(&o, &address);
	filter->family = address.ss_family;
	filter->server.port = o.port;
	if (filter->family == AF_INET)
		memcpy(filter->server.address, &v4->sin_addr, sizeof(v4->sin_addr));
	else
		memcpy(filter->server.address, &v6->sin6_addr, sizeof(v6->sin6_addr));
}

static void keep(FILE *file, const uint8_t *packet, size_t length)
{
	uint8_t record[SEGMENT_PCAP_RECORD];
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	segment_pcap_record(record, (uint32_t)length,
			    (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec);
	if (fwrite(record, sizeof(record), 1, file) != 1 || fwrite(packet, length, 1, file) != 1 ||
	    fflush(file) != 0)
		err(1, "write");
}

static bool is_among(const struct packet *segment, const struct packet *kept, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (segment_same_way(segment, &kept[i]))
			return true;
	return false;
}

static int capture(const char *path, char **words)
{
	static uint8_t packet[PACKET_MOST];
	uint8_t head[SEGMENT_PCAP_HEAD];
	struct segment_filter filter = {0};
	struct packet *kept = calloc(o.connections, sizeof(*kept));
	double deadline = o.seconds ? segment_now() + o.seconds : 0;
	FILE *file;
	int fd;

	if (!kept)
		err(1, "calloc");
	for (; *words; words++)
		if (segment_filter_word(&filter, *words) < 0)
			errx(USAGE_ERROR, "capture does not know '%s'; see main.c", *words);
	find_server(&filter);
	file = fopen(path, "wbe");
	segment_pcap_head(head);
	if (!file || fwrite(head, sizeof(head), 1, file) != 1)
		err(1, "%s", path);
	fd = segment_capture_open(&filter);
	say("ready file=%s pid=%d", path, getpid());
	for (unsigned count = 0; count < o.connections;) {
		if (segment_capture(fd, &filter, deadline, packet, &kept[count]) < 0)
			errx(1, "%u of %u segments in %g s", count, o.connections, o.seconds);
		if (is_among(&kept[count], kept, count))
			continue;
		segment_complete(packet, &kept[count]);
		keep(file, packet, kept[count].end);
		tell("captured", &kept[count++]);
	}
	close(fd);
	if (fclose(file) != 0) /* of no connection the head is all there is to write */
		err(1, "%s", path);
	free(kept);
	return EXIT_SUCCESS;
}

/* The whole file in memory. */
static uint8_t *read_file(const char *path, size_t *size)
{
	FILE *file = fopen(path, "rbe");
	struct stat status;
	uint8_t *bytes;

	if (!file || fstat(fileno(file), &status) < 0)
		err(1, "%s", path);
	*size = (size_t)status.st_size;
	bytes = malloc(*size + 1);
	if (!bytes || fread(bytes, 1, *size, file) != *size)
		err(1, "%s", path);
	fclose(file);
	return bytes;
}

static int replay(const char *path, char **words)
{
	static uint8_t packet[PACKET_MOST];
	struct segment_edit edit = {0};
	const uint8_t *found;
	size_t size, length, at = 0;
	uint8_t *file;
	int more;

	for (; *words; words++)
		if (segment_edit_word(&edit, *words) < 0)
			errx(USAGE_ERROR, "replay does not know '%s'; see main.c", *words);
	file = read_file(path, &size);
	while ((more = segment_pcap_next(file, size, &at, &found, &length)) > 0) {
		struct packet segment;

		memcpy(packet, found, length);
		if (segment_parse(packet, length, &segment) < 0)
			errx(BROKEN_FILE, "%s holds a packet that is not a TCP segment", path);
		segment_apply(packet, &segment, &edit);
		segment_replay(packet, &segment);
		tell("replayed", &segment);
	}
	free(file);
	if (more < 0)
		errx(BROKEN_FILE, "%s is not a whole capture of this program", path);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	int first = options_parse_some(&o, argc, argv, "Keeps TCP segments and sends them again.",
				       " capture FILE from|to|flags:F|bytes:N|text:T|port:N ... |"
				       " replay FILE flags:F|seq:next|seq:+N|ack:+N|empty ...");

	if (argc - first < 2)
		errx(USAGE_ERROR, "%s needs a file; try -h", argv[first]);
	if (strcmp(argv[first], "capture") == 0)
		return capture(argv[first + 1], argv + first + 2);
	if (strcmp(argv[first], "replay") == 0)
		return replay(argv[first + 1], argv + first + 2);
	errx(USAGE_ERROR, "capture or replay, not '%s'; try -h", argv[first]);
}
