/* SPDX-License-Identifier: MIT */
/*
 * census: counts the TCP sockets of one or more network namespaces by state and by owner.
 *
 * The kernel answers one question, "list the TCP sockets of this namespace", over a netlink socket
 * of the family NETLINK_SOCK_DIAG (man 7 sock_diag). Everything here builds on that answer:
 *
 *	bytes ── parse.c ──> struct census_socket ── count.c ──> struct census_snapshot
 *	  ^ dump.c asks, retries                       ^ owner.c adds who holds the descriptor
 *
 * The parts that only transform data (parse, window, inodes, snmp, expr, class, json, procfs) make
 * no system call; their tests use recorded bytes. Link with -lmnl.
 *
 * It changes nothing in the programs it looks at. Above all it copies no descriptor
 * (pidfd_getfd(2)). While a copy exists, close() in the program neither ends the connection nor
 * takes it out of an epoll set, so a correct server gets events for memory that it has freed. See
 * census_allow_copies().
 *
 * States carry their RFC 9293 names. Statements about the kernel were observed on Linux 6.18.
 */
#ifndef CENSUS_H
#define CENSUS_H

#include <stdio.h>

#include "census/expect.h"
#include "census/snapshot.h"
#include "census/socket.h"
#include "common/json.h"

/* ---- a session: the hosts to count (host.c, count.c) ---------------------------------------- */

struct census;

/* A session without hosts, or NULL when memory is short. */
struct census *census_new(void);
void census_free(struct census *census);

/*
 * Let census_take() copy descriptors (pidfd_getfd(2)) of sockets that are in no table, to
 * distinguish ghosts from unconnected ones. It changes what the program sees (above). Use it only
 * on your own programs, while nobody relies on their close().
 */
void census_allow_copies(struct census *census);

/*
 * Add the host @name, whose namespace is @netns: a path, or a bare name in /run/netns, or NULL for
 * the caller's own (or, when processes were added, theirs). Enters the namespace for a moment
 * unless it is the caller's. Returns 0, or -1 with @error.
 */
int census_add_host(struct census *census, const char *name, const char *netns,
		    struct error *error);

/*
 * Add our own namespace, and all others that a process or a name holds and that we may enter. The
 * session keeps them alive until census_free(). Returns 0, or -1 with @error.
 */
int census_add_all(struct census *census, struct error *error);

/* Forget the hosts, so that we keep none of their namespaces alive; the caller may then add
 * others. */
void census_drop_hosts(struct census *census);

/* Network namespaces that are not hosts of @census. */
struct census_others {
	size_t readable, unreadable; /* that we may enter, or not */
};
int census_others(struct census *census, struct census_others *others, struct error *error);

/* Where to look for owners. */
enum census_ask {
	CENSUS_ASK_BEST,   /* the kernel, where it can answer and is faster; else /proc */
	CENSUS_ASK_KERNEL, /* by BPF */
	CENSUS_ASK_PROC,
};
void census_ask_for_owners(struct census *census, enum census_ask ask);

/* Count only what process @pid holds; may be repeated. Before census_add_host(). */
int census_add_process(struct census *census, pid_t pid, struct error *error);

/* A process of census_add_process() that has ended, or 0. What it held is gone with it. */
pid_t census_ended(const struct census *census);

/* Count only sockets whose local port is @port (1..65535); may be repeated. */
int census_add_port(struct census *census, unsigned int port, struct error *error);

/* Count only sockets in these @states (bits), even when all must be read; 0: in any. */
void census_only_states(struct census *census, uint32_t states);

/* Count only sockets whose other end is @text, "10.0.0.0/8" or "fd00::1". May be repeated. */
int census_add_remote(struct census *census, const char *text, struct error *error);

/* ... or whose other end has @port (1..65535). When both are given, both must match. */
int census_add_remote_port(struct census *census, unsigned int port, struct error *error);

/* How to distinguish other ends; CENSUS_ENDS_OF_ROWS by default. */
void census_tell_ends(struct census *census, enum census_ends ends);

/*
 * Call after the last host: checks that every process of census_add_process() lives in one of
 * them. Returns 0, or -1 with @error.
 */
int census_ready(struct census *census, struct error *error);

size_t census_host_count(const struct census *census);
const char *census_host_name(const struct census *census, size_t host);

/*
 * Count now. @snapshots has one element per host, zeroed before its first use; arrays inside are
 * reused. Returns 0, or -1 with @error.
 */
int census_take(struct census *census, const struct census_needs *needs,
		struct census_snapshot *snapshots, struct error *error);

/* Free the arrays inside @snapshot. */
void census_snapshot_clear(struct census_snapshot *snapshot);

/*
 * A few numbers that move when a socket of @host changes its state, read without a walk of the
 * table: cheap enough for every few milliseconds. Updates @pulse; returns 1 when a number has
 * changed, 0 when none has, or -1 with @error. stream.c describes what they can miss.
 */
#define PULSE_SEGMENTS 5
struct census_pulse {
	int64_t segments[PULSE_SEGMENTS], sockets, sockets6, timewaits;
	uint64_t snmp; /* a hash of the file that has the segments */
};
int census_pulse(const struct census *census, size_t host, struct census_pulse *pulse,
		 struct error *error);

/* ---- for programs and people (json.c, table.c) ---------------------------------------------- */

/* Write @snapshot as one JSON object. */
void census_json_snapshot(struct json *json, const char *host,
			  const struct census_snapshot *snapshot);

/* Write what processes hold and wait for, one line for each kind, thread and timer. */
void census_table_views(FILE *out, const struct census_snapshot *snapshot);

/* Write @snapshots of all hosts as OpenMetrics. Returns 0, or -1: no memory. */
int census_openmetrics(FILE *out, const struct census *census,
		       const struct census_snapshot *snapshots, const struct census_others *others);

#define CENSUS_OWNER_LINES 20 /* owners shown in a table; the JSON has the rest */
#define COLUMNS 80	      /* columns of a terminal */

/* Write @snapshot as a table. Its prose may be longer than a line. */
void census_table(FILE *out, const char *host, const struct census_snapshot *snapshot);

#endif
