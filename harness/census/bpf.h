/* SPDX-License-Identifier: MIT */
/* Owners by BPF (bpf.c). */
#ifndef CENSUS_BPF_H
#define CENSUS_BPF_H

#include <stddef.h>

#include "census/record.h"

struct bpf_owners;

/* Load the program; NULL when that is impossible: no root, or no BTF. */
struct bpf_owners *bpf_owners_new(void);
void bpf_owners_free(struct bpf_owners *owners);

struct records {
	struct record *record; /* headings among them */
	size_t count, room;
};

/* Pure: leave out each heading that is followed by a RECORD_VOID, and all between. */
void records_drop_void(struct records *records);

/*
 * All descriptors that matter, of all processes of our pid namespace. Returns 0, or an errno.
 * Nothing else may use @owners or @records meanwhile.
 */
int bpf_owners_list(struct bpf_owners *owners, struct records *records);

#endif
