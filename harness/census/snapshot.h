/* SPDX-License-Identifier: MIT */
/* The result of a count (count.c), and what a count must find out. */
#ifndef CENSUS_SNAPSHOT_H
#define CENSUS_SNAPSHOT_H

#include "census/socket.h"

/* How long sockets have heard nothing: the longest time, in ms. */
struct census_ages {
	int64_t silent;	 /* since anything came: data, or an acknowledgment */
	int64_t idle;	 /* since data came */
	uint64_t untold; /* sockets for which it is unknown */
};

/* One row of the table: the sockets of one state on one local port. */
struct census_row {
	uint8_t state;
	uint16_t port; /* 0: all ephemeral ports without a listener, together */
	uint64_t count;
	uint64_t by_class[CENSUS_CLASSES];
	uint64_t unread;
	uint64_t keepalive; /* sockets whose keepalive timer runs (SO_KEEPALIVE) */
	struct census_ages ages;
	int64_t keepalive_ms; /* of these, the latest to fire; -1: there are none */
};

/* How to distinguish the other ends of connections. */
enum census_ends {
	CENSUS_ENDS_OF_ROWS, /* within a row: by address, and by port where ours is ephemeral */
	CENSUS_ENDS_WHOLE,   /* by address and port */
	CENSUS_ENDS_ADDRESS,
	CENSUS_ENDS_PORT,
};

/* The sockets of one state that have the same other end. */
struct census_remote {
	uint8_t state;
	uint8_t family;	     /* 0: by port only */
	uint16_t local_port; /* of the row; 0 also: of all rows together */
	uint16_t port;	     /* 0: by address only */
	uint32_t
	    address[4]; /* network byte order; IPv4, also mapped into IPv6, in the first word */
	uint64_t count;
};

#define CENSUS_REMOTES 65536 /* distinguished; further ones are left out */

#define CENSUS_FDS 8

/* What is known of a descriptor whose socket is in none of the kernel's tables. */
enum census_gone {
	CENSUS_LISTED,	    /* it is in one */
	CENSUS_GONE,	    /* its connection is gone, or it never had one */
	CENSUS_GHOST,	    /* its connection is gone: seen before, or a copy was asked */
	CENSUS_UNCONNECTED, /* it never had one: a copy was asked */
	CENSUS_GONES,
};

/* How a process holds a socket. */
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
	char unit[64];	  /* its systemd unit, container or pod; "": none */
	uint8_t state;	  /* STATE_CLOSED: see gone */
	uint8_t gone;	  /* enum census_gone */
	uint8_t hold;	  /* enum census_hold */
	uint16_t port;	  /* as in struct census_row; 0 also: no longer known */
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

/* ---- what processes hold and wait for (hold.c, waits.c) -------------------------------------- */

/* Things of one kind and name. */
struct census_held {
	char kind[24];	/* file, pipe, socket, listener, eventfd, epoll, timerfd, ... */
	char name[192]; /* path, or both addresses and the state; "": none */
	uint64_t count; /* descriptors */
};

/* Where a thread is in the kernel. */
struct census_wait {
	pid_t thread;
	char call[24];	    /* the system call; "running"; "": unreadable, see wchan */
	char wchan[64];	    /* the kernel's function, "": unknown */
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

/* What a count must find out; less is cheaper. */
struct census_needs {
	uint32_t states;  /* bits 1 << enum state */
	bool owners;	  /* look for the processes that hold the sockets */
	bool descriptors; /* count descriptors, also those gone; implies owners, all states */
	bool processes;	  /* list what processes hold and wait for; implies descriptors */
	bool times;	  /* how long sockets have been silent: a longer reply of the kernel */
	bool counters;	  /* read /proc/net/snmp and netstat */
	size_t units;	  /* find the unit or container of this many owners */
	bool rows;	  /* fill rows and owners, not only the sums */
	bool remotes; /* sort other ends, not only bring the most frequent of each row to the front
		       */
};

struct census_snapshot {
	struct census_needs asked; /* members below that were not asked for are zero */
	int64_t time;		   /* CLOCK_REALTIME, nanoseconds, just before the walk */

	uint64_t states[STATES];
	uint64_t by_class[STATES][CENSUS_CLASSES];
	uint64_t classes[CENSUS_CLASSES];
	struct census_ages ages[STATES];
	uint64_t unread;
	uint64_t accept_queue; /* sum of the listeners' Recv-Q */
	bool interrupted;      /* the kernel interrupted every attempt: counts may be off */

	uint64_t descriptors; /* TCP sockets except listeners, by (process, descriptor) */
	uint64_t gone;	      /* of these: in no table of any namespace, twice some ms apart */
	uint64_t ghosts;      /* of those gone: had a connection, certainly */
	uint64_t unconnected; /* of those gone: never had one, certainly */
	uint64_t unplaced;    /* of those gone: perhaps in a namespace that we cannot enter */
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
	enum census_ends ends;
	bool by_process;  /* only what the processes of census_add_process() hold */
	bool from_procfs; /* counted from /proc/net/tcp: sock_diag is unavailable */

	struct census_row *rows; /* by state and port */
	size_t row_count, row_room;
	struct census_owner *owners; /* leaks first, then by descriptors */
	size_t owner_count, owner_room;
	struct census_listener *listeners;
	size_t listener_count, listener_room;
	struct census_remote
	    *remotes; /* the most frequent first; of rows: by state and port before */
	size_t remote_count, remote_room;
	struct census_process_view *views; /* of the host's processes, or those named */
	size_t view_count, view_room;
	struct census_counters counters;
};

#endif
