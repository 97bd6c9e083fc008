/* SPDX-License-Identifier: MIT */
/* What the modules of the program share. */
#ifndef WIRE_PROGRAM_H
#define WIRE_PROGRAM_H

#include <pcap/pcap.h>

#include "wire/filter.h"

struct tapped {
	char name[WIRE_NAME];
	char *netns, *file;
};

struct wire_options {
	struct tapped host[WIRE_HOSTS];
	size_t hosts;
	const char *ladder[WIRE_HOSTS]; /* files of `wire ladder`: NAME=FILE, or one FILE */
	size_t files;
	size_t whole;	/* connections kept whole */
	uint64_t most;	/* bytes of a file */
	int snap;	/* bytes of a packet */
	unsigned group; /* of NFLOG */
	const char *census, *recorder;
	struct wire_filter filter;
	size_t groups, ways; /* of ladder, and of list; 0: all */
	int64_t verdict;     /* ns since 1970; 0: not known */
	int width;	     /* columns; 0: the terminal's */
	bool json, verbose, infer, losses, record, list;
};

/*
 * Fill @options from the command line. Returns what command_parse() does: only a result above 0 is
 * a command to run.
 */
int wire_options_parse(struct wire_options *options, int argc, char **argv, struct error *error);

/* ---- tap.c: the packets of one host --------------------------------------------------------- */

struct tap {
	const char *name, *file;
	pcap_t *pcap;
	pcap_dumper_t *dump;
	int rfc1337;	   /* the sysctl tcp_rfc1337 of that namespace; -1: unreadable */
	struct nflog *log; /* what faults drop; NULL: this kernel cannot report it */
	uint64_t packets, kept, bytes;
	uint64_t most;
	struct wire_choice *choice;
	int error; /* errno of the first write that failed */
};

/* Start to record in the namespace of @host. Returns 0, or -1 with @error. */
int tap_open(struct tap *tap, const struct tapped *host, const struct wire_options *options,
	     struct error *error);

/* Write what the kernel has so far. Returns how many packets there were, or -1 with @error. */
int tap_drain(struct tap *tap, struct error *error);

/* Whether TIME_WAIT ignores a RST there (tcp_rfc1337=1). */
bool tap_rfc1337(const struct tap *tap);

/* Packets that the kernel dropped before we saw them, because its buffer was full. */
uint64_t tap_missed(struct tap *tap);

void tap_close(struct tap *tap);

/* ---- nflog.c: the packets that an nft(8) rule logged before it dropped them ------------------ */

/* Listen to @group in the current namespace. NULL: this kernel cannot. */
struct nflog *nflog_open(unsigned group, int snap);
int nflog_fd(const struct nflog *log);

/* Write each waiting packet to @file (created with the first). -1 with @error. */
int nflog_drain(struct nflog *log, const char *file, struct error *error);

uint64_t nflog_count(const struct nflog *log); /* those missed included */
void nflog_close(struct nflog *log);

/* ---- the modes; each returns the exit code, and @error says why ------------------------------ */

int run_record(const struct wire_options *options, struct error *error);
int run_show(const struct wire_options *options, struct error *error); /* ladder, and list */

/* @file with -lost before its .pcap. Returns path. */
char *lost_path(const char *file, char *path, size_t size);

#endif
