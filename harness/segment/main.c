/* SPDX-License-Identifier: MIT */
/* segment: captures TCP segments and replays them. See --help and segment.h. */
#include <arpa/inet.h>
#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/capture.h"
#include "common/command.h"
#include "common/endpoint.h"
#include "common/events.h"
#include "segment/segment.h"

static struct options o = {.address = "127.0.0.1", .port = 9000, .connections = 1};

static const struct option_row rows[] = {
    {NULL, 'l', OPTION_TEXT, OPTION_AT(struct options, address), .shown = true, .value = "ADDRESS",
     .help = "address of the server (segment runs at either end)"},
    {NULL, 'p', OPTION_NUMBER, OPTION_AT(struct options, port), .most = UINT16_MAX, .shown = true,
     .value = "PORT", .help = "port of the server"},
    {NULL, 'n', OPTION_NUMBER, OPTION_AT(struct options, connections), .most = 10 * 1000 * 1000,
     .shown = true, .value = "CONNECTIONS",
     .help = "capture one segment from each of this many connections"},
    {NULL, 't', OPTION_SECONDS, OPTION_AT(struct options, seconds), .shown = true,
     .value = "SECONDS", .help = "give up a capture after this time; 0: never"},
    {0},
};

static const char details[] =
    "capture keeps the first segment of each connection that matches all words:\n"
    "\n"
    "  from, to       sent by the server, or to it\n"
    "  flags:FIN,...  with these flags set (fin, syn, rst, psh, ack, urg), and any others\n"
    "  bytes:N        with exactly N bytes of payload\n"
    "  text:WORD      with a payload that begins with WORD\n"
    "  port:N         of the client with this port\n"
    "\n"
    "replay sends everything in the file, unchanged or altered, with completed checksums:\n"
    "\n"
    "  flags:RST,...  with these flags and no others\n"
    "  seq:next       with the sequence number that follows the segment\n"
    "  seq:+N, ack:-N with numbers moved by N\n"
    "  empty          without payload\n"
    "\n"
    "Exit status:\n"
    "  0   success\n"
    "  1   not everything was captured in time\n"
    "  2   wrong usage\n"
    "  70  segment itself failed\n"
    "  77  not possible here\n"
    "\n"
    "Examples:\n"
    "  segment -l 10.0.0.2 -p 9000 capture FILE from flags:fin\n"
    "  segment replay FILE flags:rst seq:next empty\n";

static const struct command command = {
    .name = "segment",
    .usage = "[OPTION]... capture FILE [WORD]...\nreplay FILE [WORD]...",
    .summary =
	"Captures TCP segments into a pcap file and replays them later, unchanged or altered.",
    .rows = rows,
    .details = details,
};

static void tell(const char *event, const struct packet *s)
{
	char from[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN], flags[SEGMENT_TEXT];

	inet_ntop(s->family, s->from.address, from, sizeof(from));
	inet_ntop(s->family, s->to.address, to, sizeof(to));
	say("%s from=%s port=%u to=%s toport=%u flags=%s seq=%u ack=%u next=%u bytes=%u", event,
	    from, s->from.port, to, s->to.port, segment_flags_text(s->flags, flags), s->seq, s->ack,
	    packet_next(s), s->length);
}

/* The server named by -l and -p. */
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

/* Keep one segment of each of the wanted connections. Returns 0, or -1 with @error. */
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
			return error_set(error, EXIT_USAGE,
					 "capture does not know the word '%s': see segment --help",
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
			return error_set(error, EXIT_USAGE,
					 "replay does not know the word '%s': see segment --help",
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
	struct error error;
	int first = command_parse(&command, argc, argv, &o, &error);
	int result;

	if (first <= 0)
		return command_ended(first, &error);
	if (argc - first < 2)
		errx(EXIT_USAGE, "write capture or replay, and a file: see segment --help");
	if (strcmp(argv[first], "capture") == 0)
		result = capture(argv[first + 1], argv + first + 2, &error);
	else if (strcmp(argv[first], "replay") == 0)
		result = replay(argv[first + 1], argv + first + 2, &error);
	else
		errx(EXIT_USAGE, "write capture or replay, not '%s': see segment --help",
		     argv[first]);
	return result < 0 ? error_report(&error) : EXIT_OK;
}
