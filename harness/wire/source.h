/* SPDX-License-Identifier: MIT */
/* One file of packets that is read to its end; see source.c. */
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
 * Open a file of a capture, one packed by gzip or zstd as well; "-": standard input.
 * Returns 0, or -1 with @error.
 */
int source_open(struct source *source, const char *path, const struct wire_ladders *ladders,
		struct error *error);

/* Find the next TCP segment. At the end of the file, and where it cannot be read on, there is none:
 * source->more. What was passed over, and why reading ended, is noted in @ladders. */
void source_advance(struct source *source, struct wire_ladders *ladders);

void source_close(struct source *source);

/* ---- unpack.c ---------------------------------------------------------------------------------
 */

/*
 * Open a file; if it is packed, what comes from the program that unpacks it.
 * program: that, to be waited for; 0: there is none. Returns NULL with @error.
 */
FILE *unpack_open(const char *path, pid_t *program, struct error *error);

/* Wait for the program. Returns whether it could unpack all. */
bool unpack_ended(pid_t program);

/* ---- skew.c -----------------------------------------------------------------------------------
 */

/* Find how far the clocks of hosts are apart: nothing arrives before it was sent. */
int skew_find(struct wire_ladders *ladders, struct error *error);

#endif
