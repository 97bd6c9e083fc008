/* SPDX-License-Identifier: MIT */
/*
 * segment: keeps TCP segments from the wire, and sends them again later, whole or altered.
 *
 *	wire ── capture.c ──> packet ── file.c ──> file ── edit.c ──> replay.c ──> wire
 *	                        filter.c: which one; checksum.c: complete it
 *
 * A packet is an IPv4 or IPv6 header, the TCP header and its payload, without a link header. The
 * parts that only look at bytes (filter.c, edit.c, checksum.c) make no system call, read nothing
 * outside what they are given, and are tested with bytes.
 *
 * RFC 791 and 8200 (IP), RFC 9293 (TCP), RFC 1071 (the checksum). Statements about the kernel were
 * seen on Linux 6.18.
 */
#ifndef SEGMENT_H
#define SEGMENT_H

#include <pcap/pcap.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/errors.h"
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

#define SEGMENT_EXPRESSION 512 /* bytes for an expression */

/*
 * The filter for the kernel, as pcap-filter(7) has it: it passes all that match, and others only
 * because of their text. Returns text, or an expression that passes more.
 */
const char *segment_filter_expression(const struct segment_filter *filter,
				      char text[SEGMENT_EXPRESSION]);

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

/* ---- file.c ------------------------------------------------------------------------------- */

/*
 * Take the IP packet out of a @frame of @from, a capture or a file, into @bytes.
 * Returns 0, or -1 for what is no whole TCP segment.
 */
int segment_take(pcap_t *from, const struct pcap_pkthdr *head, const uint8_t *frame,
		 uint8_t bytes[PACKET_MOST], struct packet *packet);

/*
 * Take the next packet of a file of capture_read().
 * Returns 1; 0 at the end; -1 with @error: it is no whole TCP segment, or the file is cut short.
 */
int segment_next(pcap_t *file, uint8_t bytes[PACKET_MOST], struct packet *packet,
		 struct error *error);

/* A file of packets without link headers (LINKTYPE_RAW). */
struct segment_file {
	const char *path;
	pcap_t *format;
	pcap_dumper_t *dump;
};

/* Make a file that holds no packet yet. Returns 0, or -1 with @error; segment_close() anyway. */
int segment_create(struct segment_file *file, const char *path, struct error *error);

/* Write a packet at once, captured now. Returns 0, or -1 with @error. */
int segment_keep(struct segment_file *file, const uint8_t *bytes, size_t length,
		 struct error *error);

void segment_close(struct segment_file *file);

/* ---- capture.c and replay.c: the wire ------------------------------------------------------- */

/*
 * Capture what enters and leaves this network namespace from now on, and may match.
 * Returns the capture, for pcap_close(), or NULL with @error.
 */
pcap_t *segment_listen(const struct segment_filter *filter, struct error *error);

/* The time by which deadlines are told: seconds of CLOCK_MONOTONIC. */
double segment_now(void);

/*
 * Wait for the next segment that matches. It is an error if the kernel had to drop some, as one of
 * them may have been it.
 * deadline: until when, as segment_now() tells the time; 0: forever.
 * Returns 1, or 0 when the time is over, or -1 with @error.
 */
int segment_capture(pcap_t *pcap, const struct segment_filter *filter, double deadline,
		    uint8_t bytes[PACKET_MOST], struct packet *packet, struct error *error);

/* Send a packet as it is, headers included (raw(7), IP_HDRINCL). Returns 0, or -1 with @error. */
int segment_replay(const uint8_t *bytes, const struct packet *packet, struct error *error);

#endif
