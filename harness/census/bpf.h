/* SPDX-License-Identifier: MIT */
/* Owners by BPF (bpf.c). */
#ifndef CENSUS_BPF_H
#define CENSUS_BPF_H

#include <stddef.h>
#include <stdint.h>

#include "census/record.h"

struct bpf_owners;

/* Load the program; NULL when that is impossible: no root, no BTF, ...; errno says why. */
struct bpf_owners *bpf_owners_new(void);
void bpf_owners_free(struct bpf_owners *owners);

struct records {
	struct record *record; /* headings among them */
	size_t count, room;
};

/*
 * All descriptors that matter, of all processes of our pid namespace. Returns 0, or an errno.
 * Nothing else may use @owners or @records meanwhile.
 */
int bpf_owners_list(struct bpf_owners *owners, struct records *records);

/* ---- records.c ------------------------------------------------------------------------------- */

#define RECORDS_AT_ONCE 4096 /* of a read(): all that the kernel has for it */

/* Make room for a read(). Returns 0, or ENOMEM. */
int records_make_room(struct records *records);

/*
 * Pure: the window after @window, which had @listed records. Where little is open it may be wider:
 * a table of a million descriptors with two open ones is not worth 260 looks at all tasks.
 */
void window_next(struct window *window, size_t listed);

/* Pure: leave out each heading that is followed by a RECORD_VOID, and all between. */
void records_drop_void(struct records *records);

/* Tables whose headings have been met. */
struct shown {
	struct shown_table {
		uint32_t pid, thread;
		uint64_t table;
	} * table;
	size_t count, room;
};

/*
 * Pure: has another thread of the process shown these descriptors before? Two do when the leader
 * has ended, and when it ends after its own turn. -1: no memory. The caller frees @shown->table.
 */
int shown_again(struct shown *shown, const struct record_heading *heading);

#endif
