/* SPDX-License-Identifier: MIT */
/* Programs that the kernel runs for us: BPF iterators (bpf.c, owners.c, connections.c). */
#ifndef CENSUS_BPF_H
#define CENSUS_BPF_H

#include <stdbool.h>
#include <stddef.h>

#include "census/iterator.h"
#include "census/record.h"
#include "census/socket.h"

/* ---- bpf.c ----------------------------------------------------------------------------------- */

struct bpf_plan {
	iterator_writer *write;
	size_t shared; /* bytes of memory that the program and we have in common */
	bool of_map;   /* runs once, instead of for every task */
};

struct bpf_program {
	int link;
	void *shared;
	size_t size;
};

/* Returns 0, or -1 when that is impossible: no root, no BTF, ...; errno says why. */
int bpf_load(struct bpf_program *program, const struct bpf_plan *plan);
void bpf_unload(struct bpf_program *program);

/* Begin to run it: it writes what read(2) of the descriptor returned reads. -1 and errno. */
int bpf_run(const struct bpf_program *program);

/* ---- owners.c: who holds which socket -------------------------------------------------------- */

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

/* A heading and what follows. A large table is listed in parts, with other tables between them. */
struct record_part {
	uint32_t pid;
	size_t at; /* number of the record */
};

/* Pure: all parts, those of a process one after another. To be freed; NULL: no memory. */
struct record_part *records_by_process(const struct records *records, size_t *count);

/* ---- connections.c: the table of connections ------------------------------------------------- */

struct bpf_connections;

/* As bpf_owners_new(). */
struct bpf_connections *bpf_connections_new(void);
void bpf_connections_free(struct bpf_connections *connections);

/*
 * All sockets in @states of the namespace of our socket @descriptor, except listeners. Returns 0,
 * or an errno; then some may be missing.
 */
int bpf_connections_list(struct bpf_connections *connections, int descriptor, uint32_t states,
			 const struct census_sink *sink);

#endif
