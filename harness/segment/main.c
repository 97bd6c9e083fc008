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
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/capture.h"
#include "common/endpoint.h"
#include "common/events.h"
#include "common/options.h"
#include "segment/segment.h"

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

static bool is_among(const struct packet *packet, const struct packet *kept, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (segment_same_way(packet, &kept[i]))
			return true;
	return false;
}

/* Keep a segment of each of so many connections. Returns 0, or -1 with @error. */
static int keep_each(pcap_t *pcap, const struct segment_filter *filter, struct segment_file *file,
		     struct error *error)
{
	static uint8_t bytes[PACKET_MOST];
	struct packet *kept = calloc(o.connections, sizeof(*kept));
	double deadline = o.seconds ? segment_now() + o.seconds : 0;
	unsigned count = 0;
	int more = 0;

	if (!kept && o.connections)
		return error_no_memory(error);
	while (count < o.connections) {
		more = segment_capture(pcap, filter, deadline, bytes, &kept[count], error);
		if (more <= 0)
			break;
		if (is_among(&kept[count], kept, count))
			continue;
		segment_complete(bytes, &kept[count]);
		if (segment_keep(file, bytes, kept[count].end, error) < 0)
			break;
		tell("captured", &kept[count++]);
	}
	free(kept);
	if (count == o.connections)
		return 0;
	return more ? -1
		    : error_set(error, EXIT_NOT_HELD, "%u of %u segments in %g s", count,
				o.connections, o.seconds);
}

static int capture(const char *path, char **words, struct error *error)
{
	struct segment_filter filter = {0};
	struct segment_file file = {0};
	pcap_t *pcap = NULL;
	int result = -1;

	for (; *words; words++)
		if (segment_filter_word(&filter, *words) < 0)
			return error_set(error, EXIT_USAGE, "capture does not know '%s'; try -h",
					 *words);
	find_server(&filter);
	if (segment_create(&file, path, error) < 0)
		goto out;
	pcap = segment_listen(&filter, error);
	if (!pcap)
		goto out;
	say("ready file=%s pid=%d", path, getpid());
	result = keep_each(pcap, &filter, &file, error);
out:
	if (pcap)
		pcap_close(pcap);
	segment_close(&file);
	return result;
}

static int replay(const char *path, char **words, struct error *error)
{
	static uint8_t bytes[PACKET_MOST];
	struct segment_edit edit = {0};
	struct packet packet;
	pcap_t *file;
	int more;

	for (; *words; words++)
		if (segment_edit_word(&edit, *words) < 0)
			return error_set(error, EXIT_USAGE, "replay does not know '%s'; try -h",
					 *words);
	file = capture_read(path, error);
	if (!file)
		return -1;
	while ((more = segment_next(file, bytes, &packet, error)) > 0) {
		segment_apply(bytes, &packet, &edit);
		more = segment_replay(bytes, &packet, error);
		if (more < 0)
			break;
		tell("replayed", &packet);
	}
	pcap_close(file);
	return more;
}

int main(int argc, char **argv)
{
	int first =
	    options_parse_some(&o, argc, argv, "Keeps TCP segments and sends them again.",
			       " capture FILE [from|to|flags:F|bytes:N|text:T|port:N]...\n"
			       "[OPTION]... replay FILE [flags:F|seq:next|seq:+N|ack:+N|empty]...");
	struct error error = {0};
	int result;

	if (argc - first < 2)
		errx(EXIT_USAGE, "%s needs a file; try -h", argv[first]);
	if (strcmp(argv[first], "capture") == 0)
		result = capture(argv[first + 1], argv + first + 2, &error);
	else if (strcmp(argv[first], "replay") == 0)
		result = replay(argv[first + 1], argv + first + 2, &error);
	else
		errx(EXIT_USAGE, "capture or replay, not '%s'; try -h", argv[first]);
	return result < 0 ? error_report(&error) : EXIT_OK;
}
