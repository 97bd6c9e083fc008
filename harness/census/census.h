/* SPDX-License-Identifier: MIT */
/*
 * census: counts the TCP sockets of one or more network namespaces by state and by owner.
 *
 * The kernel answers one question, "list the TCP sockets of this namespace", over a netlink socket
 * of the family NETLINK_SOCK_DIAG (man 7 sock_diag). Everything here is built on that answer:
 *
 *	bytes ── parse.c ──> struct census_socket ── count.c ──> struct census_snapshot
 *	  ^ dump.c asks, retries                       ^ owner.c adds who holds the descriptor
 *
 * The parts that only transform data (parse, window, inodes, snmp, expr, class, json, procfs) make
 * no system call and are tested on recorded bytes. Link with -lmnl.
 *
 * It changes nothing in what it looks at. Above all it copies no descriptor (pidfd_getfd(2)): while
 * a copy exists, close() in the program neither ends the connection nor takes it out of an epoll
 * set, so a correct server gets events for memory that it has freed. See census_allow_copies().
 *
 * States carry their RFC 9293 names. Statements about the kernel were seen on Linux 6.18.
 */
#ifndef CENSUS_H
#define CENSUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "common/errors.h"
#include "common/json.h"
#include "common/states.h"

/* ---- classes (class.c) ---------------------------------------------------------------------- */

/* Who is responsible for a socket. */
enum census_class {
	CENSUS_OWNED,	   /* a process of the host has a descriptor for it */
	CENSUS_UNACCEPTED, /* it waits behind a listener for accept() */
	CENSUS_ORPHAN,	   /* the program closed it, the kernel finishes the close */
	CENSUS_TIMEWAIT,   /* in TIME_WAIT, which no program holds */
	CENSUS_UNKNOWN,	   /* it has an inode, but no owner that we found: never a guess */
	CENSUS_CLASSES,
};

/* Why the owner of a socket is not known. */
enum census_why {
	CENSUS_WHY_UNREADABLE, /* there are processes whose descriptors may not be read */
	CENSUS_WHY_CLOSED,     /* closed between the walk of the table and that of /proc */
	CENSUS_WHY_IN_FLIGHT,  /* no process has it, and UNIX sockets carry descriptors */
	CENSUS_WHY_NOWHERE,    /* no process that we can see has it */
	CENSUS_WHYS,
};

/* Name of @why in JSON ("closed_meanwhile"). */
const char *census_why_name(enum census_why why);

/* Name of @class ("owned"). */
const char *census_class_name(enum census_class class);

/* The class called @name (exactly, @length bytes), or -1. */
int census_class_by_name(const char *name, size_t length);

/* ---- one socket, and the bytes it comes in (parse.c) --------------------------------------- */

struct census_socket {
	uint8_t family;		      /* AF_INET or AF_INET6 */
	uint8_t state;		      /* enum state; request sockets are SYN_RECEIVED */
	uint16_t port, peer_port;     /* host byte order */
	uint32_t address[4], peer[4]; /* network byte order; IPv4 in the first word */
	uint32_t interface;	      /* index of the device it is bound to, 0: none */
	uint64_t cookie;	      /* differs for every socket since boot */
	/*
	 * Bytes received and not yet read. A FIN that waits counts as one byte, because it takes
	 * one sequence number (RFC 9293, 3.4) and idiag_rqueue is rcv_nxt - copied_seq. So a
	 * CLOSE_WAIT with >= 1 has not read the EOF. One with 0 need not have: a FIN behind
	 * unread data is taken together with it, and no recv() ever returned 0.
	 * Of a listener: connections that wait for accept().
	 */
	uint32_t recv_queue;
	uint32_t send_queue; /* bytes not yet acknowledged; of a listener: its backlog */
	uint32_t inode;	     /* 0: no descriptor leads to it */
	int64_t keepalive;   /* ms until the keepalive timer fires, -1: it does not run */
	bool mptcp;	     /* a subflow: its inode is that of the MPTCP socket, if that lives */
};

/* The class of @socket; @held: a process of the host is known to have a descriptor for it. */
enum census_class census_classify(const struct census_socket *socket, bool held);

/* True for a CLOSE_WAIT whose end of stream certainly nobody read; false proves nothing. */
bool census_unread(const struct census_socket *socket);

enum census_parse {
	CENSUS_MORE,	     /* well formed so far, the dump goes on */
	CENSUS_DONE,	     /* this was the end of the dump */
	CENSUS_KERNEL_ERROR, /* the kernel refused: see census_reply.error */
	CENSUS_MALFORMED,    /* not what a kernel sends */
};

struct census_reply {
	bool interrupted; /* NLM_F_DUMP_INTR: the table changed in a way that spoils the dump */
	int error;	  /* positive errno, with CENSUS_KERNEL_ERROR */
};

typedef void census_socket_fn(const struct census_socket *socket, void *data);

/*
 * Parse one datagram of a dump. Pure: it reads @bytes[0..@length) only and calls @each for every
 * socket in it, in order. Messages that answer another request (sequence number not @sequence)
 * and states outside the eleven are passed over. @bytes must be aligned to 4.
 */
enum census_parse census_parse(const void *bytes, size_t length, uint32_t sequence,
			       census_socket_fn *each, void *data, struct census_reply *reply);

/* ---- asking the kernel (dump.c) ------------------------------------------------------------ */

/* Where requests go and replies come from; tests put recorded bytes here. */
struct census_transport {
	ssize_t (*send)(void *context, const void *bytes, size_t length); /* -1 and errno */
	ssize_t (*receive)(void *context, void *buffer, size_t size);	  /* -1 and errno */
	void *context;
};

/* Who wants the sockets. A dump that has to be repeated calls begin() again. */
struct census_sink {
	void (*begin)(void *data);
	census_socket_fn *socket;
	void *data;
};

#define CENSUS_SUBFLOWS (1u << 31) /* among the states: tell which are subflows; a longer reply */

/*
 * List the sockets in @states (bits 1 << enum state), IPv4 and IPv6, in one walk of the
 * kernel's table. An interrupted dump is repeated, at most 4 times; *@interrupted tells that even
 * the last one was. Returns 0, or -1 with @error.
 */
int census_dump(const struct census_transport *transport, uint32_t states,
		const struct census_sink *sink, bool *interrupted, struct error *error);

/*
 * List the MPTCP sockets in @states: the application's, not their subflows, with states of their
 * own. The walk costs little where there are none. As census_dump().
 */
int census_dump_mptcp(const struct census_transport *transport, uint32_t states,
		      const struct census_sink *sink, struct error *error);

/* ---- without sock_diag: /proc/net/tcp and tcp6 (procfs.c) ----------------------------------- */

/*
 * Parse one line of /proc/net/tcp or tcp6. Pure. Returns false for the heading and for what is none
 * of the eleven states. Such a line has no cookie: @socket gets its inode as one.
 */
bool census_procfs_parse(const char *line, struct census_socket *socket);

/*
 * The last few thousand sockets of a walk, to recognise one that the kernel lists twice (window.c).
 * Its size does not depend on the number of sockets.
 */
struct census_window;
struct census_window *census_window_new(void); /* NULL: no memory */
void census_window_free(struct census_window *window);
void census_window_clear(struct census_window *window); /* a new walk begins */
/* Remember @socket; true when it is already there. */
bool census_window_seen(struct census_window *window, const struct census_socket *socket);

/* ---- counters (snmp.c) ---------------------------------------------------------------------- */

struct census_counter {
	char name[40]; /* the kernel's: PassiveOpens, TCPAbortOnClose... */
	int64_t value;
};

struct census_counters {
	size_t count;
	struct census_counter counter[256];
};

/*
 * Add the counters of the line pair that begins with @prefix ("Tcp:", "TcpExt:") in @text, which
 * is the content of /proc/net/snmp or /proc/net/netstat. Pure. Returns how many were added.
 */
size_t census_counters_parse(struct census_counters *counters, const char *text,
			     const char *prefix);

/* Index of the counter called @name, or -1. */
int census_counter_find(const struct census_counters *counters, const char *name, size_t length);

/* ---- what a count gives (count.c) ----------------------------------------------------------- */

/* One line of the table: the sockets of one state on one local port. */
struct census_row {
	uint8_t state;
	uint16_t port; /* 0: all ephemeral ports on which nobody listens, together */
	uint64_t count;
	uint64_t by_class[CENSUS_CLASSES];
	uint64_t unread;
	uint64_t keepalive;   /* sockets whose keepalive timer runs (SO_KEEPALIVE) */
	int64_t keepalive_ms; /* of these, the latest to fire; -1: there are none */
};

#define CENSUS_FDS 8

/* What is known of a descriptor whose socket is in no table of the kernel's. */
enum census_gone {
	CENSUS_LISTED,	    /* it is in one */
	CENSUS_GONE,	    /* its connection is gone, or it never had one */
	CENSUS_GHOST,	    /* its connection is gone: it was seen before, or a copy was asked */
	CENSUS_UNCONNECTED, /* it never had one: a copy was asked */
	CENSUS_GONES,
};

/* By what a process holds a socket. */
enum census_hold {
	CENSUS_BY_DESCRIPTOR,
	CENSUS_BY_RING,	   /* a fixed file of an io_uring */
	CENSUS_BY_MAPPING, /* mmap(), for TCP_ZEROCOPY_RECEIVE */
	CENSUS_HOLDS,
};

/* Name of @hold in JSON ("io_uring"). */
const char *census_hold_name(enum census_hold hold);

/* One process and what it holds in one state on one port. */
struct census_owner {
	pid_t pid;
	char process[64]; /* any bytes but NUL; escape before printing */
	uint8_t state;	  /* STATE_CLOSED: see gone */
	uint8_t gone;	  /* enum census_gone */
	uint8_t hold;	  /* enum census_hold */
	uint16_t port;	  /* as in struct census_row; 0 also: not known any more */
	uint64_t sockets; /* fewer than descriptors after dup() */
	uint64_t descriptors;
	int fds[CENSUS_FDS]; /* the first few of them; of a ring its own, of a mapping -1 */
	uint64_t unread;     /* descriptors */
};

struct census_listener {
	uint8_t family;
	uint32_t address[4];
	uint16_t port;
	uint32_t recv_queue, backlog;
	uint32_t inode;
	pid_t pid; /* 0: not known */
	char process[64];
};

/* ---- what processes hold, and what they wait for (hold.c, waits.c) --------------------------- */

/* Things of one kind and name. */
struct census_held {
	char kind[24];	/* file, pipe, socket, listener, eventfd, epoll, timerfd, ... */
	char name[192]; /* path, or both addresses and the state; "": it has none */
	uint64_t count; /* descriptors */
};

/* Where a thread is in the kernel. */
struct census_wait {
	pid_t thread;
	char call[24];	    /* the system call; "running"; "": may not be read, see wchan */
	char wchan[64];	    /* the kernel's function, "": not told */
	int64_t timeout_ms; /* -1: none, -2: not known */
	int descriptor;	    /* -1: none */
};

/* An armed timerfd. */
struct census_timer {
	int descriptor;
	int64_t due_ms, every_ms; /* 0: once */
};

struct census_process_view {
	pid_t pid;
	char process[64];
	char unreadable[192]; /* what could not be read, why and what to do; "": nothing */
	struct census_held *held;
	size_t held_count;
	struct census_wait *waits;
	size_t wait_count;
	struct census_timer *timers;
	size_t timer_count;
};

/* What a count must find out; the less, the cheaper. */
struct census_needs {
	uint32_t states;  /* bits 1 << enum state */
	bool owners;	  /* look for the processes that hold the sockets */
	bool descriptors; /* count descriptors, also those gone; implies owners, all states */
	bool processes;	  /* list what processes hold and wait for; implies descriptors */
	bool counters;	  /* read /proc/net/snmp and netstat */
	bool rows;	  /* fill rows and owners, not only the sums */
};

struct census_snapshot {
	struct census_needs asked; /* what was not asked for is zero below */
	int64_t time;		   /* CLOCK_REALTIME, nanoseconds, just before the walk */

	uint64_t states[STATES];
	uint64_t by_class[STATES][CENSUS_CLASSES];
	uint64_t classes[CENSUS_CLASSES];
	uint64_t unread;
	uint64_t accept_queue; /* sum of the listeners' Recv-Q */
	bool interrupted;      /* the kernel interrupted every attempt: counts may be off */

	uint64_t descriptors; /* of TCP sockets but listeners, by (process, descriptor) */
	uint64_t gone;	      /* of these: in no table of any namespace, twice some ms apart */
	uint64_t ghosts;      /* of those gone: had a connection, certainly */
	uint64_t unconnected; /* of those gone: never had one, certainly */
	uint64_t unplaced;    /* of those gone: perhaps in a namespace that we may not enter */
	uint64_t elsewhere;   /* sockets of other namespaces that processes of this host hold;
				 counted only when census_add_process() names these */
	pid_t elsewhere_pid;  /* the first of them */
	uint64_t mptcp;	      /* of the states: MPTCP sockets in a state that no subflow has */
	uint64_t unknown[CENSUS_WHYS]; /* sockets whose owner is not known */
	uint64_t unreadable_processes; /* processes whose descriptors we could not all read */
	char unreadable[192];	       /* why, of the first of them, and what to do */
	struct {		       /* the first UNIX socket that carries descriptors */
		pid_t pid;
		char process[64];
		int fd;
		uint64_t count;
	} in_flight;
	bool by_process;  /* only what the processes of census_add_process() hold */
	bool from_procfs; /* counted from /proc/net/tcp: sock_diag is not to be had */

	struct census_row *rows; /* by state and port */
	size_t row_count, row_room;
	struct census_owner *owners; /* leaks first, then by descriptors */
	size_t owner_count, owner_room;
	struct census_listener *listeners;
	size_t listener_count, listener_room;
	struct census_process_view *views; /* of the host's processes, or those named */
	size_t view_count, view_room;
	struct census_counters counters;
};

/* ---- a session: the hosts to count (host.c, count.c) ---------------------------------------- */

struct census;

/* A session without hosts, NULL when memory is short. */
struct census *census_new(void);
void census_free(struct census *census);

/*
 * Let census_take() copy descriptors (pidfd_getfd(2)) of sockets that are in no table, to tell
 * ghosts from unconnected ones. It changes what the program sees (above): only for programs of
 * one's own, whose close() nobody relies on meanwhile.
 */
void census_allow_copies(struct census *census);

/*
 * Add the host @name, whose namespace is @netns: a path, or a bare name in /run/netns, or NULL for
 * the caller's own (or, when processes were added, theirs). Enters the namespace for a moment
 * unless it is the caller's. Returns 0, or -1 with @error.
 */
int census_add_host(struct census *census, const char *name, const char *netns,
		    struct error *error);

/* Count only what process @pid holds; may be repeated. Before census_add_host(). */
int census_add_process(struct census *census, pid_t pid, struct error *error);

/* A process of census_add_process() that has ended, or 0: what it held is gone with it. */
pid_t census_ended(const struct census *census);

/* Count only sockets whose local port is @port (1..65535); may be repeated. */
int census_add_port(struct census *census, unsigned int port, struct error *error);

/*
 * Call after the last host: checks that every process of census_add_process() lives in one of
 * them. Returns 0, or -1 with @error.
 */
int census_ready(struct census *census, struct error *error);

size_t census_host_count(const struct census *census);
const char *census_host_name(const struct census *census, size_t host);

/*
 * Count now. @snapshots has one element a host, zeroed before its first use; arrays inside are
 * reused. Returns 0, or -1 with @error.
 */
int census_take(struct census *census, const struct census_needs *needs,
		struct census_snapshot *snapshots, struct error *error);

/* Free the arrays inside @snapshot. */
void census_snapshot_clear(struct census_snapshot *snapshot);

/*
 * A few numbers that move when a socket of @host changes its state, without walking the table:
 * cheap enough for every few milliseconds. Returns 0, or -1 with @error. See stream.c for what
 * they can miss.
 */
struct census_pulse {
	int64_t value[8];
};
int census_pulse(const struct census *census, size_t host, struct census_pulse *pulse,
		 struct error *error);

/* ---- expectations (expr.c, value.c) --------------------------------------------------------- */

enum census_var_kind {
	CENSUS_VAR_STATE,	 /* CLOSE_WAIT */
	CENSUS_VAR_STATE_CLASS,	 /* CLOSE_WAIT.owned */
	CENSUS_VAR_STATE_UNREAD, /* CLOSE_WAIT.unread */
	CENSUS_VAR_CLASS,	 /* orphan */
	CENSUS_VAR_DESCRIPTORS,
	CENSUS_VAR_GONE,
	CENSUS_VAR_GHOSTS,
	CENSUS_VAR_UNCONNECTED,
	CENSUS_VAR_ACCEPT_QUEUE,
	CENSUS_VAR_COUNTER, /* PassiveOpens */
};

struct census_var {
	enum census_var_kind kind;
	int host; /* -1: the sum over all hosts */
	uint8_t state;
	uint8_t class;
	uint16_t counter; /* index in struct census_counters */
	char text[96];	  /* as written: "server:CLOSE_WAIT" */
};

#define CENSUS_VARS 32	/* different variables in one expression */
#define CENSUS_CODE 128 /* operators, numbers and variables in one expression */

struct census_expr {
	struct census_var var[CENSUS_VARS];
	size_t var_count;
	struct census_instruction {
		uint8_t op;
		int64_t number; /* a literal, or an index into var */
	} code[CENSUS_CODE];	/* in the order of a stack machine */
	size_t code_count;
};

/* The names an expression may use besides those built in. */
struct census_names {
	const char *const *hosts;
	size_t host_count;
	const struct census_counters *counters; /* may be NULL */
};

/*
 * Parse @text. Pure. Returns 0, or -1 with @error, which names the column (1-based) and, for an
 * unknown name, the nearest known one.
 */
int census_expr_parse(struct census_expr *expr, const char *text, const struct census_names *names,
		      struct error *error);

/* What is known of a number: it is not less and not more than this. */
struct census_bounds {
	int64_t least, most;
};

enum census_truth {
	CENSUS_FALSE,
	CENSUS_TRUE,
	CENSUS_OPEN, /* true or false, depending on what could not be seen */
};

/* Is @expr true when its variables are within @values (in the order of expr->var)? */
enum census_truth census_expr_holds(const struct census_expr *expr,
				    const struct census_bounds *values);

/*
 * Expectations that no count could refute, or fulfil: a variable that is always 0, a comparison
 * that is always true or always false. @by_process: only what processes hold is counted. Returns 0
 * when
 * @expr makes sense, or -1 with @error.
 */
int census_expr_sensible(const struct census_expr *expr, bool by_process, struct error *error);

/* What must be counted to know the variables of @expr. */
struct census_needs census_expr_needs(const struct census_expr *expr);

/*
 * The value of @var in @snapshots of @hosts hosts. The bounds differ where something that matters
 * to @var could not be seen.
 */
struct census_bounds census_value(const struct census_var *var,
				  const struct census_snapshot *snapshots, size_t hosts);

/* Why the bounds of @var differ and what to do, in words of at most @size bytes. */
void census_value_reason(const struct census_var *var, const struct census_snapshot *snapshots,
			 size_t hosts, char *text, size_t size);

/* ---- for programs and people (json.c, table.c) ---------------------------------------------- */

/* Write @snapshot as one JSON object. */
void census_json_snapshot(struct json *json, const char *host,
			  const struct census_snapshot *snapshot);

/* Write what processes hold and wait for, a line for each kind, thread and timer. */
void census_table_views(FILE *out, const struct census_snapshot *snapshot);

/* Write @snapshot as a table. */
void census_table(FILE *out, const char *host, const struct census_snapshot *snapshot);

#endif
