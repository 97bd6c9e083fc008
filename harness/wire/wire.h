/* SPDX-License-Identifier: MIT */
/*
 * wire: records the packets of hosts and shows how each connection went.
 *
 *	wire ── tap.c, nflog.c ──> record.c ──> pcap of each host   (choose.c: which packets)
 *	pcap ── read.c ──> store.c ──> derive.c ──> ladder.c ──> json.c, text.c
 *	        merge      match       states       group        compare.c: the census
 *
 * The parts that only look at bytes and structs (choose, store, derive, ladder, compare) make no
 * system call; their tests use bytes.
 *
 * RFC 9293 (TCP), 5961 (which RST counts), 7323 (timestamps), 1337 (RST in TIME_WAIT). Statements
 * about the kernel were observed on Linux 6.18.
 */
#ifndef WIRE_H
#define WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/errors.h"
#include "common/packet.h"
#include "common/states.h"

#define WIRE_NEVER INT64_MIN /* instead of a time */
#define WIRE_NAME 64	     /* bytes for the name of a host */
#define WIRE_HOSTS 16	     /* hosts at most */
#define WIRE_LOST "-lost"    /* FILE.pcap's companion FILE-lost.pcap: what a fault dropped */

enum wire_end { WIRE_CLIENT, WIRE_SERVER };

#define WIRE_NOT_SEEN 0 /* instead of a state: the packets do not show it */

/* Name of a state, including "not seen". */
const char *wire_state_name(int state);

/* ---- choose.c: which packets to keep --------------------------------------------------------- */

/* The connections kept whole, by addresses and ports; of the others only beginning and end. */
struct wire_choice;
struct wire_choice *wire_choice_new(size_t whole); /* NULL: no memory */
void wire_choice_free(struct wire_choice *choice);

/* Whether to keep a packet. All hosts share one choice, so they keep the same connections. */
bool wire_choice_keeps(struct wire_choice *choice, const struct packet *packet);

/* ---- store.c: packets of all taps to connections --------------------------------------------- */

/* One segment of one connection. */
struct wire_segment {
	int64_t sent, arrived; /* ns since 1970, or WIRE_NEVER: not seen there */
	uint32_t seq, ack, length, stamp;
	uint32_t before; /* segments left out just before this one */
	uint32_t number; /* of its packet in the file, from 1 on */
	uint16_t id, window, check;
	uint8_t flags;
	uint8_t from;	/* enum wire_end */
	uint8_t copies; /* the same packet, seen further times */
	bool stamped : 1;
	bool windowed : 1; /* the window was kept */
	bool here : 1;	   /* the link reports that it arrived at the host of the only tap */
	bool lost : 1;	   /* a fault dropped it where it arrived */
	bool replayed : 1; /* sent by the host, but not by its TCP */
	bool twice : 1;	   /* arrived a second time, sent once */
};

struct wire_connection {
	struct wire_connection *older; /* same addresses and ports, before */
	struct wire_connection *next;  /* in the order of their first segments */
	int family;
	struct packet_end end[2];     /* by enum wire_end */
	int host[2];		      /* the tap at that end, -1: none */
	struct wire_connection *same; /* this is it, before its addresses were translated */
	bool translated;	      /* another one is the same as it */
	bool one_tap;		      /* one file shows both sides */
	bool known[2];		      /* isn comes from a SYN; otherwise a guess, or none */
	bool guessed[2];
	uint32_t isn[2], top[2];       /* initial, and highest sequence number so far */
	bool answered[2];	       /* the other end acknowledged ... */
	uint32_t acked[2];	       /* ... up to this number */
	uint32_t shown[2];	       /* highest number seen after text, SYN or FIN */
	bool fin[2], reset;	       /* saw a FIN of that end; saw a RST of either */
	uint64_t bytes[2];	       /* of payload that end sent, each once */
	uint32_t packets[2];	       /* seen of that end */
	int64_t replaced[2];	       /* when a new connection took its place, or WIRE_NEVER */
	struct wire_segment *segments; /* in the order they were first seen */
	size_t count, room;
	size_t first[2];   /* no earlier segment of that end waits to arrive */
	uint64_t left_out; /* segments in the middle of a long connection */
	uint16_t id[2];	   /* of the newest packet that end's TCP sent */
};

#define WIRE_OPENINGS 1024 /* connections to search for a translated one */

/* A place in the hash table. */
struct wire_slot {
	uint64_t hash;
	struct wire_connection *newest; /* of its addresses and ports; NULL: free */
};

struct wire_store {
	uint64_t key[2];	/* of the hash table */
	struct wire_slot *slot; /* the hash table */
	size_t slots, used;
	struct wire_connection *oldest, *newest;
	uint64_t connections;
	uint64_t segments;		    /* kept in memory */
	uint64_t ignored;		    /* packets of connections beyond the maximum */
	uint64_t doubled;		    /* copies of packets */
	struct wire_connection *translated; /* those that are the same as another */
	struct wire_connection *opening[WIRE_OPENINGS]; /* by the initial number of the client */
	int64_t first, last;				/* times of the first and the last packet */
	bool one_tap; /* one file shows both sides: assume that sent segments arrive */
};

void wire_store_init(struct wire_store *store, bool one_tap);
void wire_store_clear(struct wire_store *store);

/* Add a packet of tap @host; packets come in order of time. Returns -1 without memory.
 */
int wire_store_add(struct wire_store *store, int host, const struct packet *packet);

/* A packet that a fault dropped at @host before its TCP saw it; wire_store_add() knows it already.
 */
void wire_store_lost(struct wire_store *store, const struct packet *packet);

/* ---- derive.c: segments to states ------------------------------------------------------------ */

enum wire_mark {
	WIRE_RETRANSMISSION = 1,
	WIRE_IS_LOST = 2,
	WIRE_RESET = 4,
	WIRE_DUPLICATE = 8,
	WIRE_INJECTED = 16,
	WIRE_REFUSED = 32,
	WIRE_KEEPALIVE = 64,
	WIRE_OUT_OF_ORDER = 128,
	WIRE_PROBE = 256,
	WIRE_ZERO_WINDOW = 512,
	WIRE_DUPLICATE_ACK = 1024,
};
#define WIRE_MARKS 11

/* What is known of a segment besides its bytes. */
struct wire_step {
	uint16_t marks;
	uint8_t state[2]; /* enum state: of either end once it had sent or processed it */
};

struct wire_rules {
	uint32_t rfc1337;  /* bits 1 << host: there TIME_WAIT ignores a RST (tcp_rfc1337=1) */
	bool infer_losses; /* the taps do not record what a fault dropped */
	int64_t until;	   /* ns since 1970: when to take the last states */
};

/* The state of an end has changed. */
typedef void wire_moved_fn(void *data, int end, int64_t time, int before, int after);

/*
 * Run both ends' state machines over a connection.
 * steps: one for each segment; ends: the last states; moved: may be NULL.
 * Returns 0, or -1 without memory.
 */
int wire_derive(const struct wire_connection *connection, const struct wire_rules *rules,
		struct wire_step *steps, uint8_t ends[2], wire_moved_fn *moved, void *data);

/* ---- groups.c, ladder.c: what to show of connections ----------------------------------------- */

#define WIRE_GROUPS 4  /* ladders shown by default */
#define WIRE_RUNGS 60  /* segments shown of a ladder */
#define WIRE_ROWS 2000 /* rows of derived counts a host */
#define WIRE_DISAGREEMENTS 20

struct wire_filter;  /* filter.h */
struct wire_outcome; /* outcome.h */
struct wire_summary; /* summary.h */

/* Connections that went the same way. */
struct wire_group {
	uint64_t signature, connections;
	const struct wire_connection *first;
	int badness; /* higher is worse */
};

/* A change of a host's count of sockets in a state. */
struct wire_change {
	int64_t time;
	uint32_t order; /* for changes at the same time */
	uint8_t host, state;
	int8_t by;
};

#define WIRE_WHY 160 /* bytes of a reason */

struct wire_host {
	char why[WIRE_WHY]; /* its file ended early; "": it did not */
	uint64_t read;	    /* packets of the file, of all protocols */
	int64_t ahead;	    /* ns by which its clock was ahead of the first host's; taken out */
	char name[WIRE_NAME];
	const char *path;
	int family; /* of its address; 0: not known */
	uint8_t address[16];
	uint64_t packets, kept, missed, lost;
};

struct wire_disagreement {
	int host, state;
	bool by_census; /* the census saw it; otherwise the packets show it */
	int64_t time;
	uint64_t count, derived;
};

struct wire_ladders {
	struct wire_store store;
	struct wire_rules rules;
	struct wire_host host[WIRE_HOSTS];
	size_t hosts;
	uint64_t passed_over[OTHERS];	  /* skipped packets, by kind */
	uint64_t options_cut;		  /* segments of which not all options were kept */
	uint64_t back;			  /* how often a packet is older than the previous one */
	int64_t furthest_back;		  /* ns */
	bool losses;			  /* what faults dropped is in FILE-lost.pcap */
	bool one_clock;			  /* all hosts have the same */
	bool early;			  /* a file ended early */
	bool whole;			  /* every packet was kept and read */
	const struct wire_filter *filter; /* selects what groups and summary include; NULL: all */
	int64_t verdict; /* ns since 1970: later segments are the end of the lab; 0: not known */
	struct wire_group *group; /* the worst first, and among them the most numerous */
	size_t groups, most_groups, ways;
	uint64_t partial, filtered;   /* connections that are in no group */
	struct wire_summary *summary; /* to be filled in, or NULL */
	bool uncounted;		      /* do not fill in: */
	struct wire_change *changes;  /* by time */
	size_t change_count, change_room;
	struct wire_disagreement disagreement[WIRE_DISAGREEMENTS];
	size_t disagreements;
};

/* Called for a connection. Returns 0, or -1 to end. */
typedef int wire_told_fn(void *data, const struct wire_connection *connection,
			 const struct wire_step *steps, const uint8_t ends[2],
			 const struct wire_outcome *outcome);

/*
 * Derive all connections, count their changes, and call @told for each that passes the filter.
 * Returns 0, or -1 without memory, or if @told ended it.
 */
int wire_each(struct wire_ladders *ladders, wire_told_fn *told, void *data);

/* The same into groups and summary. */
int wire_ladders_make(struct wire_ladders *ladders);

/* Whether a connection went one of the ways in the groups. */
bool wire_grouped(const struct wire_ladders *ladders, const struct wire_connection *connection,
		  const struct wire_step *steps, const uint8_t ends[2]);

void wire_ladders_clear(struct wire_ladders *ladders);

/* One connection, ready for display. */
struct wire_ladder {
	const struct wire_connection *connection;
	struct wire_step *steps;
	uint8_t ends[2];
	size_t rung[WIRE_RUNGS]; /* indices of the segments that are shown, by time */
	uint64_t before[WIRE_RUNGS];
	size_t rungs;
	uint64_t omitted;
	int64_t began;
};

/* Returns 0, or -1 without memory; wire_ladder_clear() in any case. */
int wire_ladder_of(const struct wire_ladders *ladders, const struct wire_connection *connection,
		   struct wire_ladder *ladder);
void wire_ladder_clear(struct wire_ladder *ladder);

#define WIRE_TELLING (~(unsigned)(WIRE_ZERO_WINDOW | WIRE_DUPLICATE_ACK)) /* of what is no data */

/* Whether a segment is part of how a connection went: it is more than data or its ACK. */
bool wire_tells(const struct wire_connection *connection, const struct wire_step *steps,
		size_t segment);

/* When a connection began, in ns since 1970. */
int64_t wire_began(const struct wire_connection *connection);

/* A number relative to the initial one of that end. */
uint32_t wire_relative(const struct wire_connection *connection, int end, uint32_t number);

/* ---- compare.c: the census against the packets ----------------------------------------------- */

/* A line of the census's timeline (build/census --stream). */
struct wire_sample {
	int64_t time;
	int host;
	uint64_t states[STATES];
};

/* Read one line; -1 when it is invalid. hosts: gives the index of a name. Pure. */
int wire_sample_parse(const char *line, const struct wire_ladders *hosts,
		      struct wire_sample *sample);

/* Fill in ladders->disagreement. samples: by time. Returns 0, or -1 without memory. */
int wire_compare(struct wire_ladders *ladders, const struct wire_sample *samples, size_t count);

/* The disagreement in words. */
void wire_disagreement_text(const struct wire_disagreement *disagreement, char *text, size_t size);

/* ---- read.c, json.c, text.c ------------------------------------------------------------------ */

/*
 * Read the files of all hosts by time into ladders->store. A file that ends early is read up to
 * that point, and its host says why. Returns 0, or -1 with @error.
 */
int wire_read(struct wire_ladders *ladders, struct error *error);

void wire_json(FILE *out, const struct wire_ladders *ladders, bool verbose);

#define WIRE_NARROW 64 /* the least columns of a ladder */
#define WIRE_WIDE 97   /* and the most: a longer arrow shows no more */

/* How to draw ladders. */
struct wire_look {
	int width;    /* columns of a line, from WIRE_NARROW on */
	bool ascii;   /* no arrows of Unicode */
	bool verbose; /* where each packet is in the file, when it came, and its window */
};

/* All ladders, and a note on the rest. */
void wire_text(FILE *out, const struct wire_ladders *ladders, struct wire_look look);

/* One of them. */
void wire_text_ladder(FILE *out, const struct wire_ladders *ladders,
		      const struct wire_ladder *ladder, struct wire_look look);

/* Names of single bits. */
const char *wire_flag_name(unsigned bit); /* bit 0..5: FIN SYN RST PSH ACK URG */
const char *wire_mark_name(unsigned bit); /* bit 0..WIRE_MARKS - 1 of enum wire_mark */

#endif
