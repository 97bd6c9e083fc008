/* SPDX-License-Identifier: MIT */
/* Owners by BPF (bpf.c). */
#ifndef CENSUS_BPF_H
#define CENSUS_BPF_H

#include "census/bpf/record.h"
#include "census/internal.h"

struct bpf_owners;

/* Load the program; NULL where that is not possible: no root, no BTF, or built without libbpf. */
struct bpf_owners *bpf_owners_new(void);
void bpf_owners_free(struct bpf_owners *owners);

/*
 * Call @each for every descriptor that matters, of all processes of our pid namespace. Stops when
 * @each returns another number than 0, and returns that; -1 also when the kernel fails.
 */
int bpf_owners_walk(struct bpf_owners *owners, int (*each)(void *data, const struct record *record),
		    void *data);

#endif
