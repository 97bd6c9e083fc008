/* SPDX-License-Identifier: MIT */
/* What the modules of the library share but do not export. */
#ifndef CENSUS_INTERNAL_H
#define CENSUS_INTERNAL_H

#include <pthread.h>

#include "census/bpf.h"
#include "census/census.h"
#include "census/inodes.h"
#include "census/process.h"
#include "common/netns.h"

/* ---- the session ---------------------------------------------------------------------------- */

/* Owners are distinguished by state, and within a state by how they hold and what is known. */
#define KINDS (CENSUS_HOLDS * CENSUS_GONES)

/*
 * Finds the element of an array for a (kind, state, port) without a search: element numbers by
 * kind, state and port. It is never cleared; a number is valid only if its element agrees.
 */
struct port_index {
	uint32_t *number[KINDS * STATES]; /* 65536 each, allocated when first used */
};

/* Finds other ends in snapshot->remotes (remotes.c). */
struct remote_slot {
	uint32_t number; /* + 1; 0: free */
	uint32_t tag;	 /* its hash, which rules out most others */
};

struct remote_index {
	struct remote_slot *slot;
	size_t size; /* a power of two, or 0 */
};

/* Where the sockets of a network namespace are listed (source.c). */
struct source {
	struct census_transport transport; /* sock_diag; context NULL: there is none, but */
	int tcp, tcp6;			   /* /proc/net/tcp and tcp6, else -1 */
	int protocols;			   /* /proc/net/protocols */
};

struct census_host {
	char name[64];
	struct netns_id netns;
	struct source source;
	int snmp, netstat, sockstat, sockstat6, port_range; /* /proc files of that namespace */
	unsigned int first_ephemeral, last_ephemeral;
	uint8_t listening[65536 / 8]; /* ports, by bit */
	bool mptcp;		      /* there are MPTCP sockets in this walk */
	struct inodes inodes;
	struct port_index row_index, owner_index;
	struct remote_index remotes;
};

/* Which sockets to count (scope.c). */
struct scope {
	bool by_port, by_remote_port;
	uint32_t states; /* 0: any */
	uint8_t ports[65536 / 8], remote_ports[65536 / 8];
	struct prefix {
		uint8_t family;
		uint8_t bits;
		uint32_t address[4];
	} * prefixes;
	size_t prefix_count;
};

/* A descriptor of a TCP socket that the dump did not list: gone.c finds out why. */
struct candidate {
	pid_t pid, task; /* whose table of descriptors: /proc/PID/task/TASK/fd */
	int fd;
	uint32_t inode;
	uint8_t hold; /* enum census_hold */
	size_t home;  /* the host it counts for */
	bool settled; /* it turned out to be something else */
};

/* A network namespace that is not a host, and a path to it. */
struct place {
	struct netns_id id;
	char path[256];
	pid_t pid; /* of a process that lives there; 0: none is known */
};

struct census {
	struct census_host **hosts;
	size_t host_count;
	struct census_process {
		pid_t pid;
		int pidfd;
		size_t home; /* the host it lives in, or did at first */
	} * processes;
	size_t process_count;
	bool copies;
	enum census_ends ends;
	struct scope scope;
	enum census_ask ask;
	struct lister {
		bool asked, running;	   /* for this sample; its thread runs */
		int refused;		   /* an errno: it cannot be asked */
		struct bpf_owners *owners; /* NULL: not loaded */
		struct bpf_connections *connections;
		bool no_connections; /* that program cannot be loaded: not to be tried again */
		struct records records;
		uint8_t *at_home; /* processes that live in a host's namespace, by bit; or NULL */
		pthread_t thread;
	} kernel;
	bool whole; /* the last sample counted descriptors */
	struct census_window *window;

	/* Of the current sample (gone.c, elsewhere.c). */
	int64_t walked; /* CLOCK_MONOTONIC ns, when the first table had been read */
	struct candidate *candidates;
	size_t candidate_count, candidate_room;
	struct place *places;
	size_t place_count, place_room;
	size_t unseen;		 /* places that we cannot enter */
	struct inodes elsewhere; /* the sockets there */
	struct inodes second;	 /* all sockets, some ms later; their holder is the host's number,
				    UINT32_MAX: elsewhere */
	bool looked_again;	 /* @second is filled in */

	/* Of the previous sample: sockets that a process held (gone.c). */
	struct inodes memory;
	int64_t memory_walked;
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

/* As calloc(), for a large table with random access. */
void *census_zeroed(size_t count, size_t size);

/* The port to show for a socket: 0 for every ephemeral port without a listener. */
uint16_t census_shown_port(const struct census *census, const struct census_host *host,
			   uint16_t port);

/* The number kept for (@kind, @state, @port), to read or to set; NULL when memory is short. */
uint32_t *port_index_at(struct port_index *index, unsigned int kind, uint8_t state, uint16_t port);
void port_index_free(struct port_index *index);

/* ---- expr.c writes them, eval.c executes them ------------------------------------------------ */

enum op { PUSH, LOAD, ADD, SUBTRACT, NEGATE, EQ, NE, LT, LE, GT, GE, NOT, AND, OR };

/* ---- names.c --------------------------------------------------------------------------------- */

/* May @c be part of a name in an expression? */
bool census_name_byte(char c);

/*
 * Resolve the variable at the start of @text. Returns its end, or NULL with *@where and a @problem
 * of at most @size bytes.
 */
const char *census_name_resolve(const char *text, const struct census_names *names,
				struct census_var *var, const char **where, char *problem,
				size_t size);

/* The states in which a socket can have @class; see census_classify(). */
uint32_t census_states_of_class(enum census_class class);

/* ---- value.c --------------------------------------------------------------------------------- */

/* Why @var is always 0, in words; NULL when it is not. @by_process: as in
 * census_expr_sensible(). */
const char *census_name_nothing(const struct census_var *var, bool by_process);

/* ---- copy.c ---------------------------------------------------------------------------------- */

/* Pure: was a socket ever connected whose struct tcp_info has this @receive_space? */
bool copy_was_connected(uint32_t receive_space);

/*
 * Asks a copy what the socket of @candidate is: GHOST with its local port (host byte order) or
 * UNCONNECTED; LISTED when it is in a table after all; GONE when it could not be copied.
 */
enum census_gone copy_examine(const struct candidate *candidate, uint8_t *state, uint16_t *port);

/* ---- owner.c --------------------------------------------------------------------------------- */

/*
 * Walk /proc and mark in host->inodes who holds what; fill census->candidates. @second: look again,
 * deeper, for the missing owners. Returns 0, or -1 with @error.
 */
int census_scan(struct census *census, const struct census_needs *needs,
		struct census_snapshot *snapshots, bool second, struct error *error);

/* ---- kernel.c -------------------------------------------------------------------------------- */

void kernel_begin(struct census *census); /* before the walk, when asking the kernel */
void kernel_end(struct census *census);	  /* wait for its answer */
void kernel_free(struct census *census);
/* Is @pid known to live in a host's namespace? */
bool kernel_knows_at_home(const struct census *census, pid_t pid);
/* What lists the table of connections faster than sock_diag, when it pays; else NULL. */
struct bpf_connections *kernel_connections(struct census *census, const struct census_host *host);

/* ---- hold.c, waits.c ------------------------------------------------------------------------- */

/* Fill in the views. Returns 0, or -1 with @error. */
int census_views(struct census *census, const struct census_needs *needs,
		 struct census_snapshot *snapshots, struct error *error);
void views_clear(struct census_snapshot *snapshot);

/* Pure: kind and name from the link of a descriptor; sockets get their name later. */
void held_from_target(const char *target, struct census_held *held);

/* Pure: a timerfd's fdinfo. Returns false when it is not armed. */
bool timer_from(const char *fdinfo, struct census_timer *timer);

/* The arguments of a system call, and what they point to. */
struct call {
	long number;
	uint64_t argument[6];
};

/* Pure: the content of /proc/PID/task/TID/syscall. Returns false when the thread is in none. */
bool call_from(const char *text, struct call *call);

/* The waits of @pid; @view->unreadable says when some could not be read. -1: no memory. */
int view_waits(struct census_process_view *view);

/* ---- elsewhere.c: the network namespaces that are not hosts ---------------------------------- */

/* Note the namespace at @path, for elsewhere_walk(). Returns 0, or -1 when memory is short. */
int elsewhere_note(struct census *census, const char *path);

/* Note all there are. As above. */
int elsewhere_find(struct census *census);

/* List the sockets in @states of all namespaces but the hosts'. Returns 0, or -1 with @error. */
int elsewhere_walk(struct census *census, uint32_t states, struct inodes *inodes,
		   struct error *error);

/* ---- memory.c -------------------------------------------------------------------------------- */

#define ONCE_CONNECTED 1 /* flags in census->memory */
#define ONCE_UNLISTED 2

/* Call before a new sample: remember what the last one knew. Returns 0, or -1 when memory is
 * short. */
int gone_remember(struct census *census);

/* ---- gone.c ---------------------------------------------------------------------------------- */

/* Note a descriptor that no dump lists. Returns 0, or -1 when memory is short. */
int gone_note(struct census *census, const struct candidate *candidate);

/*
 * Find out what the candidates are, and why owners were not found, and count them. Returns 0, or -1
 * with @error.
 */
int gone_settle(struct census *census, const struct census_needs *needs,
		struct census_snapshot *snapshots, struct error *error);

/* ---- count.c --------------------------------------------------------------------------------- */

/* Are there sockets to count, not known to be closed, without a known holder? Never with
 * processes. */
bool owners_missing(const struct census *census);

/* ---- source.c -------------------------------------------------------------------------------- */

/* Open what lists the sockets of our namespace. Returns 0, or -1 with @error. */
int source_open(struct source *source, struct error *error);
void source_close(struct source *source);

/*
 * As census_dump(); by BPF where that is possible and @connections is not NULL. *@mptcp: there are
 * MPTCP sockets, which census_dump_mptcp() lists.
 */
int source_dump(const struct source *source, struct bpf_connections *connections, uint32_t states,
		const struct census_sink *sink, bool *interrupted, bool *mptcp,
		struct error *error);

/*
 * All of @source's sockets in @states, those of MPTCP too, into @inodes, as of host @number; those
 * out of @scope with INODE_SKIP.
 */
int source_collect(const struct source *source, const struct scope *scope, uint32_t states,
		   uint32_t number, struct inodes *inodes, struct error *error);

/* Pure: does /proc/net/protocols list MPTCP sockets? */
bool source_has_mptcp(const char *protocols);

/* All of a small open /proc file as a string. Returns its length, or -1 and errno. */
ssize_t read_again(int fd, char *text, size_t size);

/* ---- host.c ---------------------------------------------------------------------------------- */

/* The range from which the kernel picks local ports (net.ipv4.ip_local_port_range). */
void host_read_ephemeral(struct census_host *host);

/* About how many TCP sockets exist, without TIME_WAIT; 0 when unknown. */
int64_t host_sockets(const struct census_host *host);

/* The number of the host whose namespace is @id, or -1. */
int host_of(const struct census *census, const struct netns_id *id);

/* All counters of Tcp and TcpExt. Returns 0, or -1 with @error. */
int host_read_counters(const struct census_host *host, struct census_counters *counters,
		       struct error *error);

/* ---- scope.c --------------------------------------------------------------------------------- */

/* Does a socket on local port @port count, when nothing else is known of it? */
bool scope_has_port(const struct scope *scope, uint16_t port);
/* Does @socket count? */
bool scope_has(const struct scope *scope, const struct census_socket *socket);

/* ---- remotes.c ------------------------------------------------------------------------------- */

/* The address of the other end in @address, and its family. */
uint8_t socket_peer(const struct census_socket *socket, uint32_t address[4]);
void remotes_clear(struct remote_index *index); /* a new walk begins */
/* The hash of the other end of @socket, shown on @port. Prefetches its slot. */
uint32_t remote_tag(const struct census_host *host, enum census_ends ends,
		    const struct census_socket *socket, uint16_t port);
/* Prefetch what is there, once the slot has come. */
void remote_expect(const struct census_host *host, const struct census_snapshot *snapshot,
		   uint32_t tag);
/* The inode_entry.number for @socket. -1: no memory. */
int64_t remote_number(struct census_host *host, struct census_snapshot *snapshot,
		      enum census_ends ends, const struct census_socket *socket, uint16_t port,
		      uint32_t tag);
void remotes_sort(struct census_snapshot *snapshot);
/* ---- snapshot.c ------------------------------------------------------------------------------ */

/* Empty @snapshot but keep the memory of its arrays. */
void snapshot_reset(struct census_snapshot *snapshot, const struct census_needs *asked);
void snapshot_sort(struct census_snapshot *snapshot);

/* ---- tally.c: one socket more in a snapshot -------------------------------------------------- */

/* Count the socket of @entry, whose port is the shown one. Returns 0, or -1: no memory. */
int tally_socket(struct census_host *host, struct census_snapshot *snapshot,
		 const struct inode_entry *entry, enum census_class class);

/* The entry of @socket, shown under @port. */
struct inode_entry inode_entry_of(const struct census_socket *socket, uint16_t port);

/* A descriptor of a process. */
struct holding {
	pid_t pid;
	const char *name;
	int fd;
	uint8_t state, hold, gone; /* as in struct census_owner */
	uint16_t shown_port;
	bool unread;
	bool another; /* the process already holds this socket by another */
};

/* Count a descriptor. As above. */
int tally_descriptor(struct census_host *host, struct census_snapshot *snapshot,
		     const struct holding *holding);

#endif
