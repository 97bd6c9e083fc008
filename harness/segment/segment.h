/* SPDX-License-Identifier: MIT */
/*
 * segment: keeps TCP segments from the wire, and sends them again later, whole or altered.
 *
 *	wire ── capture.c ──> packet ── pcap.c ──> file ── edit.c ──> replay.c ──> wire
 *	                        parse.c, filter.c, prefilter.c: which one; checksum.c: complete it
 *
 * A packet is an IPv4 or IPv6 header, the TCP header and its payload, without a link header. The
 * parts that only look at bytes (all but capture.c and replay.c) make no system call, read nothing
 * outside what they are given, and are tested with bytes.
 *
 * RFC 791 and 8200 (IP), RFC 9293 (TCP), RFC 1071 (the checksum). Statements about the kernel were
 * seen on Linux 6.18.
 */
#ifndef SEGMENT_H
#define SEGMENT_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pcap/dlt.h>

#include "common/packet.h"

#define SEGMENT_TEXT 32 /* bytes for the names of all flags, and the zero behind them */

/*
 * Read a packet that begins with its IP header, of which all bytes must be there.
 * Returns 0, or -1 for what is not a whole TCP segment: another protocol, a fragment, a header with
 * impossible lengths, or bytes that are missing.
 */
static inline int segment_parse(const uint8_t *bytes, size_t length, struct packet *packet)
{
	if (packet_parse(DLT_RAW, bytes, length, packet) < 0 || packet->odd != PACKET_WHOLE)
		return -1;
	return 0;
}

/* ---- checksum.c --------------------------------------------------------------------------- */

/*
 * Write the checksums of IP and TCP into a packet. A local sender leaves the TCP checksum to its
 * device, and a veth has none to do it: what is captured there holds only a part of it.
 */
void segment_complete(uint8_t *bytes, const struct packet *packet);

/* Whether the checksums are those of the bytes. */
bool segment_intact(const uint8_t *bytes, const struct packet *packet);

/* ---- filter.c ----------------------------------------------------------------------------- */

/* Which segments: those that satisfy everything that is said. */
struct segment_filter {
	int family;
	struct packet_end server;
	enum { SEGMENT_BOTH_WAYS, SEGMENT_FROM_SERVER, SEGMENT_TO_SERVER } way;
	uint8_t flags;	  /* these are set, whatever the others are */
	uint16_t port;	  /* the other end's; 0: any */
	const char *text; /* the payload begins so; NULL: however */
	bool exactly;	  /* only with so many bytes of payload: */
	unsigned long payload;
};

/*
 * Understand a word of a filter: from, to, flags:fin,ack, port:40000, bytes:256, text:GET.
 * The filter refers to the word, which must stay.
 * Returns 0, or -1 for a word that is none.
 */
int segment_filter_word(struct segment_filter *filter, const char *word);

/* Whether a packet, of which segment_parse() told, is one of those. */
bool segment_matches(const uint8_t *bytes, const struct packet *packet,
		     const struct segment_filter *filter);

/* Whether two segments belong to one connection and go the same way. */
bool segment_same_way(const struct packet *one, const struct packet *other);

/* ---- prefilter.c -------------------------------------------------------------------------- */

#define SEGMENT_PREFILTER 24 /* instructions at most */

/*
 * A program that lets the kernel refuse most of what does not match, and nothing that does.
 * Returns its length in instructions.
 */
unsigned short segment_prefilter(const struct segment_filter *filter,
				 struct sock_filter program[SEGMENT_PREFILTER]);

/* ---- flags, in filter.c ------------------------------------------------------------------- */

/* "fin,ack" to bits; -1 for a name that is none, or no name at all. */
int segment_flags_read(const char *names);

/* Bits to "fin,ack", or "none". Returns text. */
const char *segment_flags_text(uint8_t flags, char text[SEGMENT_TEXT]);

/* ---- edit.c ------------------------------------------------------------------------------- */

/* What is changed before a segment is sent again; all zero: nothing. */
struct segment_edit {
	bool reflag; /* the flags become: */
	uint8_t flags;
	bool next;    /* the sequence number becomes the one that follows the segment */
	uint32_t seq; /* then it is moved by so much, modulo 2^32 */
	uint32_t ack;
	bool empty; /* the payload goes */
};

/*
 * Understand a word of an edit: flags:rst, seq:next, seq:+1, seq:-1, ack:+1, empty.
 * Returns 0, or -1 for a word that is none.
 */
int segment_edit_word(struct segment_edit *edit, const char *word);

/* Change a packet and complete its checksums; *packet tells what it is before, and after. */
void segment_apply(uint8_t *bytes, struct packet *packet, const struct segment_edit *edit);

/* ---- pcap.c: the file format of libpcap, pcap-savefile(5), link type RAW ------------------- */

#define SEGMENT_PCAP_HEAD 24   /* bytes before the first packet */
#define SEGMENT_PCAP_RECORD 16 /* bytes before each packet */

void segment_pcap_head(uint8_t head[SEGMENT_PCAP_HEAD]);

/* length: of the packet that follows; nanoseconds: when it was captured, since 1970. */
void segment_pcap_record(uint8_t record[SEGMENT_PCAP_RECORD], uint32_t length,
			 uint64_t nanoseconds);

/*
 * Find the next packet of a file in memory.
 * at: where to go on, 0 at first; moved behind the packet.
 * Returns 1 with *packet and *length; 0 at the end; -1 if this is no such file, or it is cut short.
 */
int segment_pcap_next(const uint8_t *file, size_t size, size_t *at, const uint8_t **bytes,
		      size_t *length);

/* ---- capture.c and replay.c: the wire. Failures end with err(); not allowed to: exit 77. ----- */

/* A packet socket that sees what enters and leaves this network namespace from now on. */
int segment_capture_open(const struct segment_filter *filter);

/* The time by which deadlines are told: seconds of CLOCK_MONOTONIC. */
double segment_now(void);

/*
 * Wait for the next segment that matches. Ends with err() if the kernel had to drop some, as one of
 * them may have been it.
 * deadline: until when, as segment_now() tells the time; 0: for ever.
 * Returns 0, or -1 when the time is over.
 */
int segment_capture(int fd, const struct segment_filter *filter, double deadline,
		    uint8_t bytes[PACKET_MOST], struct packet *packet);

/* Send a packet as it is, headers included (raw(7), IP_HDRINCL). */
void segment_replay(const uint8_t *bytes, const struct packet *packet);

#endif
