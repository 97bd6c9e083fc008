/* SPDX-License-Identifier: MIT */
/* What the modules of the library share among themselves and show to nobody else. */
#ifndef CENSUS_INTERNAL_H
#define CENSUS_INTERNAL_H

#include "census/census.h"
#include "common/netns.h"

/* ---- inodes.c: which socket has this inode? ------------------------------------------------- */

#define INODE_HELD 1   /* a process of the host has a descriptor for it */
#define INODE_UNREAD 2 /* census_unread() */
#define INODE_SKIP 4   /* listed only so that it is not taken for a ghost */

struct inode_entry {	/* 8 bytes: a million sockets are 16 MiB */
	uint32_t inode; /* 0: a free slot */
	uint16_t port;	/* as in struct census_row */
	uint8_t state;
	uint8_t flags;
};

struct inodes {
	struct inode_entry *slot;
	size_t size; /* a power of two, or 0 */
	size_t used;
};

/* Returns 0, or -1 when memory is short. @entry->inode is not 0 and not yet in @inodes. */
int inodes_add(struct inodes *inodes, const struct inode_entry *entry);
struct inode_entry *inodes_find(const struct inodes *inodes, uint32_t inode); /* or NULL */
void inodes_clear(struct inodes *inodes); /* forget all, keep the memory */
void inodes_free(struct inodes *inodes);

/* ---- the session ---------------------------------------------------------------------------- */

/*
 * Finds the element for a (state, port) in an array of them without searching: element numbers by
 * state and port. It is never cleared; a number counts only if the element it leads to agrees.
 */
struct port_index {
	uint32_t *number[STATES]; /* 65536 each, allocated when first used */
};

struct census_host {
	char name[64];
	struct netns_id netns;
	struct census_transport transport;
	int snmp, netstat, sockstat, sockstat6, port_range; /* /proc files of that namespace */
	unsigned int first_ephemeral, last_ephemeral;
	uint8_t listening[65536 / 8]; /* ports, by bit */
	struct inodes inodes;
	struct port_index row_index, owner_index;
};

struct census {
	struct census_host **hosts;
	size_t host_count;
	struct census_process {
		pid_t pid;
		int pidfd;
	} * processes;
	size_t process_count;
	bool by_port;
	uint8_t ports[65536 / 8];
	struct census_window *window;
};

static inline bool bit_is_set(const uint8_t *bits, unsigned int n)
{
	return bits[n / 8] & 1 << n % 8;
}

static inline void bit_set(uint8_t *bits, unsigned int n)
{
	bits[n / 8] |= (uint8_t)(1 << n % 8);
}

/* Make room for one more element of @size bytes; returns the (perhaps moved) array or NULL. */
void *census_grow(void *array, size_t count, size_t *room, size_t size);

/* True when sockets on local port @port are to be counted. */
static inline bool port_wanted(const struct census *census, uint16_t port)
{
	return !census->by_port || bit_is_set(census->ports, port);
}

/* The port a socket is shown under: ephemeral ports on which nobody listens are all 0. */
uint16_t census_shown_port(const struct census *census, const struct census_host *host,
			   uint16_t port);

/* The number kept for (@state, @port), to read or to set; NULL when memory is short. */
uint32_t *port_index_at(struct port_index *index, uint8_t state, uint16_t port);
void port_index_free(struct port_index *index);

/* ---- expr.c writes them, eval.c obeys them ----------------------------------------------------
 */

enum op { PUSH, LOAD, ADD, SUBTRACT, NEGATE, EQ, NE, LT, LE, GT, GE, NOT, AND, OR };

/* ---- names.c --------------------------------------------------------------------------------- */

/* May @c be part of a name in an expression? */
bool census_name_byte(char c);

/*
 * Resolve the variable at the beginning of @text. Returns its end. When it is none: NULL,
 * *@where, and a @problem in words of at most @size bytes.
 */
const char *census_name_resolve(const char *text, const struct census_names *names,
				struct census_var *var, const char **where, char *problem,
				size_t size);

/* ---- process.c ------------------------------------------------------------------------------- */

/* The network namespace of @pid. Returns 0, or -1 and errno. */
int process_netns(pid_t pid, struct netns_id *id);

/* The name of @pid, as whole as it can be found. */
void process_name(pid_t pid, char *name, size_t size);

/*
 * Pure: the task name @comm, or the base name of @argument0 when @comm is that, cut off; without
 * characters that steer a terminal.
 */
void process_whole_name(const char *comm, const char *argument0, char *name, size_t size);

/*
 * True when @pid may hold descriptors: not a kernel thread, not a zombie. For processes that we
 * may not look into; /proc/PID/stat is open to all.
 */
bool process_may_hold(pid_t pid);

/* Pure: the same from the content of /proc/PID/stat. */
bool process_stat_may_hold(const char *stat);

/* ---- ghost.c --------------------------------------------------------------------------------- */

enum descriptor_kind {
	DESCRIPTOR_OTHER, /* not TCP, or closed meanwhile */
	DESCRIPTOR_LISTENER,
	DESCRIPTOR_CONNECTED, /* it joined the table after the dump, or is of another namespace */
	DESCRIPTOR_GHOST,
	DESCRIPTOR_UNCONNECTED,
	DESCRIPTOR_REFUSED, /* TCP, but we may not look at it */
};

/*
 * What descriptor @fd of @pid is, which leads to the socket @inode that no dump lists. @pidfd is
 * opened when needed (start with -1) and stays open. @state and @port (host byte order) are set for
 * CONNECTED and GHOST.
 */
enum descriptor_kind ghost_examine(pid_t pid, int fd, uint32_t inode, int *pidfd, uint8_t *state,
				   uint16_t *port);

/* Pure: is a socket in CLOSED with these numbers of struct tcp_info a ghost? */
bool ghost_from(uint32_t segments_in, uint32_t segments_out, uint32_t advertised_mss);

/* ---- owner.c --------------------------------------------------------------------------------- */

/* Walk /proc and mark in host->inodes who holds what. Returns 0, or -1 with @error. */
int census_scan(struct census *census, const struct census_needs *needs,
		struct census_snapshot *snapshots, struct error *error);

/* ---- host.c ---------------------------------------------------------------------------------- */

/* The range from which the kernel picks local ports (net.ipv4.ip_local_port_range). */
void host_read_ephemeral(struct census_host *host);

/* All counters of Tcp and TcpExt. Returns 0, or -1 with @error. */
int host_read_counters(const struct census_host *host, struct census_counters *counters,
		       struct error *error);

/* ---- snapshot.c ------------------------------------------------------------------------------ */

/* Empty @snapshot but keep the memory of its arrays. */
void snapshot_reset(struct census_snapshot *snapshot, const struct census_needs *asked);
void snapshot_sort(struct census_snapshot *snapshot);

/* ---- tally.c: one socket more in a snapshot -------------------------------------------------- */

/* Count a socket. @class and @unread describe it. Returns 0, or -1 when memory is short. */
int tally_socket(struct census_host *host, struct census_snapshot *snapshot, uint8_t state,
		 uint16_t shown_port, enum census_class class, bool unread);

/* Count a descriptor @fd of @pid (called @name), in @state on @shown_port. As above. */
int tally_descriptor(struct census_host *host, struct census_snapshot *snapshot, pid_t pid,
		     const char *name, int fd, uint8_t state, uint16_t shown_port, bool unread);

#endif
