/* SPDX-License-Identifier: MIT */
/*
 * owners SECONDS: list all owners and connections by BPF, again and again without a pause. If the
 * kernel held a reference to a file meanwhile, a busy server would notice within milliseconds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "census/bpf.h"

static void ignore(const struct census_socket *connection, void *data)
{
	(void)connection;
	(void)data;
}

int main(int argc, char **argv)
{
	time_t last = time(NULL) + (argc > 1 ? atoi(argv[1]) : 0);
	struct bpf_owners *owners = bpf_owners_new();
	struct bpf_connections *connections = bpf_connections_new();
	const struct census_sink sink = {.socket = ignore};
	const int here = socket(AF_INET, SOCK_STREAM, 0);
	struct records records = {0};
	long passes = 0;

	if (!owners || here < 0)
		return 77;
	do {
		if (bpf_owners_list(owners, &records) != 0 ||
		    (connections && /* NULL: a kernel before 6.2 */
		     bpf_connections_list(connections, here, ALL_STATES, &sink) != 0))
			return 70;
		passes++;
	} while (time(NULL) < last);
	printf("%ld\n", passes);
	free(records.record);
	bpf_owners_free(owners);
	bpf_connections_free(connections);
	return 0;
}
