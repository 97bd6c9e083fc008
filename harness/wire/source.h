/* SPDX-License-Identifier: MIT */
/* One file of packets, read to its end; see source.c. */
#ifndef WIRE_SOURCE_H
#define WIRE_SOURCE_H

#include <pcap/pcap.h>
#include <sys/types.h>

#include "wire/fragments.h"
#include "wire/wire.h"

struct source {
	pcap_t *pcap;
	pid_t unpacker; /* the program that unpacks it, or 0 */
	char *buffer;	/* of the file */
	int host, link;
	bool lost; /* what a fault dropped */
	bool more; /* there is a packet: */
	struct packet packet;
	int64_t last; /* time of the packet before */
	uint32_t number;
	struct fragments fragments;
};

/*
 * Open a capture file, also one compressed with gzip or zstd; "-": standard input.
 * Returns 0, or -1 with @error.
 */
int source_open(struct source *source, const char *path, const struct wire_ladders *ladders,
		struct error *error);

/* Find the next TCP segment. At the end of the file, or where it is unreadable, there is none:
 * source->more. @ladders notes what was skipped and why reading ended. */
void source_advance(struct source *source, struct wire_ladders *ladders);

void source_close(struct source *source);

/* ---- unpack.c -------------------------------------------------------------------------------- */

/*
 * Open a file; if it is compressed, the output of the program that unpacks it. program: its pid, to
 * wait for; 0: none. Returns NULL with @error.
 */
FILE *unpack_open(const char *path, pid_t *program, struct error *error);

/* Wait for the program. Returns whether it unpacked everything. */
bool unpack_ended(pid_t program);

/* ---- skew.c ---------------------------------------------------------------------------------- */

/* Find how far apart the clocks of hosts are: nothing arrives before it was sent. */
int skew_find(struct wire_ladders *ladders, struct error *error);

#endif
