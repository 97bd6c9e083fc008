/* SPDX-License-Identifier: MIT */
/*
 * segment: captures TCP segments and replays them later, unchanged or altered.
 *
 *	wire ── capture.c ──> packet ── file.c ──> file ── edit.c ──> replay.c ──> wire
 *	                        filter.c: which one; checksum.c: complete it
 *
 * A packet is an IPv4 or IPv6 header, the TCP header and its payload, without a link header. The
 * parts that only look at bytes (filter.c, edit.c, checksum.c) make no system call and read nothing
 * outside their input; their tests use bytes.
 *
 * RFC 791 and 8200 (IP), RFC 9293 (TCP), RFC 1071 (the checksum). Statements about the kernel were
 * observed on Linux 6.18.
 */
#ifndef SEGMENT_H
#define SEGMENT_H

#include <pcap/pcap.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/errors.h"
#include "common/packet.h"

#define SEGMENT_TEXT 32 /* bytes for the names of all flags and the final zero */

/*
 * Read a complete packet that begins with its IP header. Returns 0, or -1 when it is not a whole
 * TCP segment: another protocol, a fragment, a header with impossible lengths, or missing bytes.
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
 * device, and a veth does not compute it: a packet captured there has only a part of it.
 */
void segment_complete(uint8_t *bytes, const struct packet *packet);

/* Whether the checksums match the bytes. */
bool segment_intact(const uint8_t *bytes, const struct packet *packet);

/* ---- filter.c ----------------------------------------------------------------------------- */

/* Selects the segments that satisfy every member. */
struct segment_filter {
	int family;
	struct packet_end server;
	enum { SEGMENT_BOTH_WAYS, SEGMENT_FROM_SERVER, SEGMENT_TO_SERVER } way;
	uint8_t flags;	  /* these flags are set; the others do not matter */
	uint16_t port;	  /* the other end's port; 0: any */
	const char *text; /* the payload begins with this; NULL: any payload */
	bool exactly;	  /* only with exactly this many bytes of payload: */
	unsigned long payload;
};

/*
 * Parse a word of a filter: from, to, flags:fin,ack, port:40000, bytes:256, text:GET.
 * The filter refers to the word, which must stay. Returns 0, or -1 for an unknown word.
 */
int segment_filter_word(struct segment_filter *filter, const char *word);

/* Whether a packet, read by segment_parse(), matches. */
bool segment_matches(const uint8_t *bytes, const struct packet *packet,
		     const struct segment_filter *filter);

/* Whether two segments belong to one connection and have the same direction. */
bool segment_same_way(const struct packet *one, const struct packet *other);

#define SEGMENT_EXPRESSION 512 /* bytes for an expression */

/*
 * The filter for the kernel, in the syntax of pcap-filter(7). It passes all matching segments, and
 * others only if they differ in text alone. Returns text, or an expression that passes more.
 */
const char *segment_filter_expression(const struct segment_filter *filter,
				      char text[SEGMENT_EXPRESSION]);

/* ---- flags, in filter.c ------------------------------------------------------------------- */

/* "fin,ack" to bits; -1 for an unknown name, or for none. */
int segment_flags_read(const char *names);

/* Bits to "fin,ack", or "none". Returns text. */
const char *segment_flags_text(uint8_t flags, char text[SEGMENT_TEXT]);

/* ---- edit.c ------------------------------------------------------------------------------- */

/* The changes to a segment before replay; all zero: none. */
struct segment_edit {
	bool reflag; /* the flags become: */
	uint8_t flags;
	bool next;    /* the sequence number becomes the one after the segment */
	uint32_t seq; /* then it moves by this much, modulo 2^32 */
	uint32_t ack;
	bool empty; /* drop the payload */
};

/*
 * Parse a word of an edit: flags:rst, seq:next, seq:+1, seq:-1, ack:+1, empty. Returns 0, or -1 for
 * an unknown word.
 */
int segment_edit_word(struct segment_edit *edit, const char *word);

/* Change a packet and complete its checksums; *packet describes it before and after. */
void segment_apply(uint8_t *bytes, struct packet *packet, const struct segment_edit *edit);

/* ---- file.c ------------------------------------------------------------------------------- */

/*
 * Copy the IP packet in a @frame of @from, a capture or a file, into @bytes. Returns 0, or -1 when
 * it is not a whole TCP segment.
 */
int segment_take(pcap_t *from, const struct pcap_pkthdr *head, const uint8_t *frame,
		 uint8_t bytes[PACKET_MOST], struct packet *packet);

/*
 * Take the next packet of a file of capture_read().
 * Returns 1; 0 at the end; -1 with @error when it is not a whole TCP segment or the file is cut
 * short.
 */
int segment_next(pcap_t *file, uint8_t bytes[PACKET_MOST], struct packet *packet,
		 struct error *error);

/* A file of packets without link headers (LINKTYPE_RAW). */
struct segment_file {
	const char *path;
	pcap_t *format;
	pcap_dumper_t *dump;
};

/* Create a file without packets. Returns 0, or -1 with @error; call segment_close() either way. */
int segment_create(struct segment_file *file, const char *path, struct error *error);

/* Write a packet at once, with the current time. Returns 0, or -1 with @error. */
int segment_keep(struct segment_file *file, const uint8_t *bytes, size_t length,
		 struct error *error);

void segment_close(struct segment_file *file);

/* ---- capture.c and replay.c: the wire ------------------------------------------------------- */

/*
 * Capture, from now on, everything that enters or leaves this network namespace and may match.
 * Returns the capture, for pcap_close(), or NULL with @error.
 */
pcap_t *segment_listen(const struct segment_filter *filter, struct error *error);

/* The clock of deadlines: seconds of CLOCK_MONOTONIC. */
double segment_now(void);

/*
 * Wait for the next segment that matches. It is an error if the kernel dropped packets: one of them
 * may have matched. deadline: until when, by segment_now(); 0: forever. Returns 1; 0 when the time
 * is over; -1 with @error.
 */
int segment_capture(pcap_t *pcap, const struct segment_filter *filter, double deadline,
		    uint8_t bytes[PACKET_MOST], struct packet *packet, struct error *error);

/* Send a packet unchanged, headers included (raw(7), IP_HDRINCL). Returns 0, or -1 with @error. */
int segment_replay(const uint8_t *bytes, const struct packet *packet, struct error *error);

#endif
