/* SPDX-License-Identifier: MIT */
/* One socket: its class, the bytes that describe it, and the request that they answer. */
#ifndef CENSUS_SOCKET_H
#define CENSUS_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/errors.h"
#include "common/states.h"

/* ---- classes (class.c) ---------------------------------------------------------------------- */

/* Who is responsible for a socket. */
enum census_class {
	CENSUS_OWNED,	   /* a process of the host has a descriptor for it */
	CENSUS_UNACCEPTED, /* it waits behind a listener for accept() */
	CENSUS_ORPHAN,	   /* the program closed it, the kernel finishes the close */
	CENSUS_TIMEWAIT,   /* in TIME_WAIT: no program holds it */
	CENSUS_UNKNOWN,	   /* it has an inode, but we found no owner; never a guess */
	CENSUS_CLASSES,
};

/* Why the owner of a socket is unknown. */
enum census_why {
	CENSUS_WHY_UNREADABLE, /* there are processes whose descriptors we may not read */
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

/* A request socket: the SYN is answered, nothing more exists. The kernel's name and number
 * (include/net/tcp_states.h; not in the user-space headers). */
#define TCP_NEW_SYN_RECV 12

struct census_socket {
	uint8_t family;		      /* AF_INET or AF_INET6 */
	uint8_t state;		      /* enum state; request sockets are SYN_RECEIVED */
	uint16_t port, peer_port;     /* host byte order */
	uint32_t address[4], peer[4]; /* network byte order; IPv4 in the first word */
	uint32_t interface;	      /* index of the device it is bound to, 0: none */
	uint64_t cookie;	      /* differs for every socket since boot */
	/*
	 * Bytes received and not yet read. A waiting FIN counts as one byte, because it takes one
	 * sequence number (RFC 9293, 3.4) and idiag_rqueue is rcv_nxt - copied_seq. So a CLOSE_WAIT
	 * with >= 1 has not read the EOF. One with 0 may still not have read it: the kernel takes a
	 * FIN after unread data together with the data, and no recv() ever returns 0. Of a
	 * listener: connections that wait for accept().
	 */
	uint32_t recv_queue;
	uint32_t send_queue; /* bytes not yet acknowledged; of a listener: its backlog */
	uint32_t inode;	     /* 0: no descriptor leads to it */
	int64_t keepalive;   /* ms until the keepalive timer fires, -1: it does not run */
	int64_t silent;	     /* ms since anything came; -1: unknown (CENSUS_TIMES) */
	int64_t idle;	     /* ms since data came; as above */
	bool mptcp;	     /* a subflow: its inode is that of the MPTCP socket, if that lives */
};

/* The class of @socket; @held: a process of the host has a descriptor for it. */
enum census_class census_classify(const struct census_socket *socket, bool held);

/* True for a CLOSE_WAIT whose FIN was certainly never read; false proves nothing. */
bool census_unread(const struct census_socket *socket);

enum census_parse {
	CENSUS_MORE,	     /* well formed so far, the dump goes on */
	CENSUS_DONE,	     /* this was the end of the dump */
	CENSUS_KERNEL_ERROR, /* the kernel refused: see census_reply.error */
	CENSUS_MALFORMED,    /* not what a kernel sends */
};

struct census_reply {
	bool interrupted; /* NLM_F_DUMP_INTR: the table changed, so the dump is inconsistent */
	int error;	  /* positive errno, with CENSUS_KERNEL_ERROR */
};

typedef void census_socket_fn(const struct census_socket *socket, void *data);

/*
 * Parse one datagram of a dump. Pure: it reads @bytes[0..@length) only and calls @each for every
 * socket in it, in order. It skips messages that answer another request (sequence number not
 * @sequence) and states outside the eleven. @bytes must be aligned to 4.
 */
enum census_parse census_parse(const void *bytes, size_t length, uint32_t sequence,
			       census_socket_fn *each, void *data, struct census_reply *reply);

/* ---- asking the kernel (dump.c) ------------------------------------------------------------ */

/* Where requests go and replies come from; tests insert recorded bytes here. */
struct census_transport {
	ssize_t (*send)(void *context, const void *bytes, size_t length); /* -1 and errno */
	ssize_t (*receive)(void *context, void *buffer, size_t size);	  /* -1 and errno */
	void *context;
};

/* The receiver of the sockets. A repeated dump calls begin() again. */
struct census_sink {
	void (*begin)(void *data);
	census_socket_fn *socket;
	void *data;
};

/* Among the states, for longer replies: report which are subflows; report silent and idle. */
#define CENSUS_SUBFLOWS (1u << 31)
#define CENSUS_TIMES (1u << 30)

/* The states in which the other end can be silent. */
#define STATES_OF_TWO                                                                              \
	(STATE_BIT(STATE_ESTABLISHED) | STATE_BIT(STATE_FIN_WAIT1) | STATE_BIT(STATE_FIN_WAIT2) |  \
	 STATE_BIT(STATE_CLOSE_WAIT) | STATE_BIT(STATE_LAST_ACK) | STATE_BIT(STATE_CLOSING))

/*
 * List the sockets in @states (bits 1 << enum state), IPv4 and IPv6, in one walk of the
 * kernel's table. An interrupted dump is repeated at most 4 times; *@interrupted: even the last one
 * was interrupted. Returns 0, or -1 with @error.
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
 * Parse one line of /proc/net/tcp or tcp6. Pure. Returns false for the heading and for states
 * outside the eleven. Such a line has no cookie; @socket gets its inode instead.
 */
bool census_procfs_parse(const char *line, struct census_socket *socket);

/*
 * The last few thousand sockets of a walk, to recognise one that the kernel lists twice (window.c).
 * Its size does not grow with the number of sockets.
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
 * Add the counters of the line pair that begins with @prefix ("Tcp:", "TcpExt:") in @text, the
 * content of /proc/net/snmp or /proc/net/netstat. Pure. Returns how many were added.
 */
size_t census_counters_parse(struct census_counters *counters, const char *text,
			     const char *prefix);

/* Index of the counter called @name, or -1. */
int census_counter_find(const struct census_counters *counters, const char *name, size_t length);

#endif
