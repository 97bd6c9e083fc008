/* SPDX-License-Identifier: MIT */
#include "common/capture.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static int set_filter(pcap_t *pcap, const char *filter)
{
	struct bpf_program program;
	int status = pcap_compile(pcap, &program, filter, 1, PCAP_NETMASK_UNKNOWN);

	if (status < 0)
		return -1;
	status = pcap_setfilter(pcap, &program);
	pcap_freecode(&program);
	return status;
}

pcap_t *capture_open(const char *filter, int snap, int buffer, int gather, struct error *error)
{
	char why[PCAP_ERRBUF_SIZE];
	pcap_t *pcap = pcap_create("any", why);
	int status;

	if (!pcap) {
		error_set(error, EXIT_BROKEN, "cannot capture packets: %s", why);
		return NULL;
	}
	pcap_set_snaplen(pcap, snap);
	pcap_set_buffer_size(pcap, buffer);
	if (gather)
		pcap_set_timeout(pcap, gather);
	else
		pcap_set_immediate_mode(pcap, 1);
	pcap_set_tstamp_precision(pcap, PCAP_TSTAMP_PRECISION_NANO);
	status = pcap_activate(pcap);
	if (status == PCAP_ERROR_PERM_DENIED)
		error_set(
		    error, EXIT_CANNOT,
		    "capturing packets needs CAP_NET_RAW: run %s inside the sandbox, or as root",
		    program_invocation_short_name);
	else if (status < 0 || pcap_set_datalink(pcap, CAPTURE_LINK) < 0 ||
		 set_filter(pcap, filter) < 0 || pcap_setnonblock(pcap, 1, why) < 0)
		error_set(error, EXIT_BROKEN, "cannot capture packets: %s", pcap_geterr(pcap));
	else
		return pcap;
	pcap_close(pcap);
	return NULL;
}

pcap_t *capture_read(const char *path, struct error *error)
{
	char why[PCAP_ERRBUF_SIZE];
	pcap_t *pcap =
	    pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, why);

	if (!pcap) {
		/* libpcap names the file only when it cannot open it. */
		bool named = strstr(why, path) != NULL;

		error_set(error, EXIT_USAGE, "cannot read the capture: %s%s%s", named ? "" : path,
			  named ? "" : ": ", why);
	}
	return pcap;
}
