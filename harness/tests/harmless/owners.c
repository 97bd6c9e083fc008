/* SPDX-License-Identifier: MIT */
/*
 * owners SECONDS: list all owners by BPF, again and again without a pause. If the kernel held a
 * reference to a file meanwhile, a busy server would notice within milliseconds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "census/bpf.h"

int main(int argc, char **argv)
{
	time_t last = time(NULL) + (argc > 1 ? atoi(argv[1]) : 0);
	struct bpf_owners *owners = bpf_owners_new();
	struct records records = {0};
	long passes = 0;

	if (!owners)
		return 77;
	do {
		if (bpf_owners_list(owners, &records) != 0)
			return 70;
		passes++;
	} while (time(NULL) < last);
	printf("%ld\n", passes);
	free(records.record);
	bpf_owners_free(owners);
	return 0;
}
