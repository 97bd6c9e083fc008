/* SPDX-License-Identifier: MIT */
/* Records the packets of one host: libpcap's device "any" in its namespace, into a pcap file. */
#include "wire/program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/capture.h"
#include "common/netns.h"

/*
 * The kernel's buffer needs about 370 bytes per packet, so it holds 11000 packets: 0.1 s at 100000
 * packets per second.
 */
#define RING (4 << 20)
#define STDIO (1 << 16) /* bytes written at once */

struct opening {
	struct tap *tap;
	const struct wire_options *options;
};

/* Runs inside the host's namespace. */
static int open_there(void *data, struct error *error)
{
	const struct wire_options *options = ((struct opening *)data)->options;
	struct tap *tap = ((struct opening *)data)->tap;

	tap->pcap = capture_open("tcp", options->snap, RING, 0, error);
	if (!tap->pcap)
		return -1;
	tap->log = nflog_open(options->group, options->snap);
	/* An open sysctl keeps the namespace it was opened in. */
	tap->rfc1337 = open("/proc/sys/net/ipv4/tcp_rfc1337", O_RDONLY | O_CLOEXEC);
	return 0;
}

int tap_open(struct tap *tap, const struct tapped *host, const struct wire_options *options,
	     struct error *error)
{
	struct opening opening = {tap, options};

	tap->name = host->name;
	tap->file = host->file;
	tap->most = options->most;
	tap->rfc1337 = -1;
	if (netns_visit(host->netns, NULL, open_there, &opening, error) < 0)
		return -1;
	tap->dump = pcap_dump_open(tap->pcap, tap->file);
	if (!tap->dump)
		return error_set(error, EXIT_CANNOT, "cannot write: %s", pcap_geterr(tap->pcap));
	setvbuf(pcap_dump_file(tap->dump), NULL, _IOFBF, STDIO);
	return 0;
}

static void keep(u_char *data, const struct pcap_pkthdr *head, const u_char *bytes)
{
	struct tap *tap = (struct tap *)data;
	struct packet packet;

	if (packet_parse(CAPTURE_LINK, bytes, head->caplen, &packet) < 0)
		return; /* a fragment, or a header longer than the kept bytes */
	tap->packets++;
	if (tap->bytes + head->caplen > tap->most || !wire_choice_keeps(tap->choice, &packet))
		return;
	tap->kept++;
	tap->bytes += head->caplen + 16; /* plus its record header, pcap-savefile(5) */
	errno = 0;
	pcap_dump((u_char *)tap->dump, head, bytes);
	if (errno && !tap->error && ferror(pcap_dump_file(tap->dump)))
		tap->error = errno; /* pcap_dump() reports nothing */
}

int tap_drain(struct tap *tap, struct error *error)
{
	char path[4096];
	int total = 0, n;

	while ((n = pcap_dispatch(tap->pcap, -1, keep, (u_char *)tap)) > 0)
		total += n;
	if (n < 0)
		return error_set(error, EXIT_BROKEN, "cannot record in %s: %s", tap->name,
				 pcap_geterr(tap->pcap));
	if (!tap->error && pcap_dump_flush(tap->dump) < 0)
		tap->error = errno;
	if (tap->error)
		return error_set(error, EXIT_CANNOT, "cannot write %s: %s", tap->file,
				 strerror(tap->error));
	if (tap->log && nflog_drain(tap->log, lost_path(tap->file, path, sizeof(path)), error) < 0)
		return -1;
	return total;
}

uint64_t tap_missed(struct tap *tap)
{
	struct pcap_stat seen = {0};

	return pcap_stats(tap->pcap, &seen) < 0 ? 0 : seen.ps_drop;
}

bool tap_rfc1337(const struct tap *tap)
{
	char value = '0';

	return pread(tap->rfc1337, &value, 1, 0) == 1 && value == '1';
}

void tap_close(struct tap *tap)
{
	if (tap->rfc1337 >= 0)
		close(tap->rfc1337);
	if (tap->dump)
		pcap_dump_close(tap->dump);
	nflog_close(tap->log);
	if (tap->pcap)
		pcap_close(tap->pcap);
}
