/* SPDX-License-Identifier: MIT */
/*
 * turncoat: an HTTP/1.1 server that turns against its clients, in each way that a table lists. For
 * the relay, in front of a real server, see relay.h.
 *
 *	main.c ── commands.c ── server.c: ports ── connection.c: bytes in and out ── stream.c: TLS
 *	    behaviours.c: the table                   │  request.c: bytes to requests
 *	                                              │  reply.c, body.c: replies to bytes
 *	                                            betray.c: what happens, and when
 *
 * behaviours.c, request.c, reply.c and body.c make no system call and are tested with bytes.
 *
 * RFC 9110 and 9112 (HTTP), RFC 8446 (TLS 1.3), RFC 1952 (gzip). See README.md for the events.
 */
#ifndef TURNCOAT_H
#define TURNCOAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/queue.h>
#include <sys/types.h>

#include "common/errors.h"

/* ---- behaviours.c ------------------------------------------------------------------------- */

/* When a behaviour strikes. */
enum moment {
	NEVER,
	AT_ACCEPT,  /* as soon as the connection exists */
	AT_HEADER,  /* when the header of a request has been read */
	AT_REQUEST, /* when a whole request has been read: instead of the good reply */
	AT_REPLY,   /* after the good reply */
	AT_IDLE,    /* when the connection has waited for a request */
};

/* What it does then, after the part of the reply that it sends. */
enum strike {
	STRIKE_NONE,
	STRIKE_FIN, /* after a close_notify, with TLS */
	STRIKE_CUT, /* a FIN without it */
	STRIKE_RST,
	STRIKE_SILENCE,
	STRIKE_STALL,
	STRIKE_TRICKLE,
	STRIKE_UNSOLICITED,
	STRIKE_404,
	STRIKE_408,
	STRIKE_413,
	STRIKE_NO_CONTINUE,
	STRIKE_HALF, /* of a relay: a FIN; the client's data still passes */
	STRIKE_GONE, /* of a relay: the kernel drops everything from the client */
};

enum framing { BY_LENGTH, BY_CHUNKS, BY_EOF, BY_EOF_GZIP };
enum part { NOTHING, HALF_HEADER, HALF_BODY, WHOLE };

struct behaviour {
	const char *name, *help;
	enum moment moment;
	enum strike strike;
	enum part part; /* of the reply */
	enum framing framing;
	bool last;					    /* says Connection: close */
	bool reused;					    /* spares the first request */
	bool tls;					    /* makes sense with TLS only */
	bool refuses;					    /* nothing listens */
	enum { READ_ON, CLOSE_UNREAD, READ_NO_MORE } after; /* an early reply */
	int64_t time; /* ns until it strikes; 0: it does not wait */
};

/* The word for a strike in events and on the command line; "pass" for none. */
const char *strike_name(enum strike strike);

/* All behaviours; the name of the last one is NULL. */
const struct behaviour *behaviour_all(void);

/* Parse NAME[=TIME]. Returns 0, or -1 with @error. */
int behaviour_read(const char *word, struct behaviour *behaviour, struct error *error);

/* ---- request.c ---------------------------------------------------------------------------- */

#define REQUEST_LINE 16384   /* most bytes in a line */
#define REQUEST_HEADER 65536 /* ... and of all lines of a header and a trailer */

/* What comes next; from REQUEST_WHOLE on nothing more is read. */
enum request_stage {
	REQUEST_START,
	REQUEST_FIELD,
	REQUEST_COUNTED, /* a body of Content-Length */
	REQUEST_SIZE,
	REQUEST_CHUNK,
	REQUEST_CHUNK_END,
	REQUEST_TRAILER,
	REQUEST_WHOLE,
	REQUEST_BAD, /* it is not HTTP/1.x */
};

struct request {
	enum request_stage stage;
	bool headed;	       /* the header is complete, so the following is valid */
	char method[24];       /* "GET" */
	char target[200];      /* truncated; characters that would break an event are '?' */
	int minor;	       /* of HTTP/1.minor */
	bool keep;	       /* the connection may stay */
	bool gzip, expect;     /* gzip is accepted; 100 Continue is expected */
	bool chunked, counted; /* how the body ends */
	uint64_t length;       /* what Content-Length says */
	uint64_t body;	       /* bytes of the body so far, without the framing of chunks */
	/* During reading: */
	bool ends;     /* Connection: close */
	uint64_t left; /* bytes of the body, or of the chunk, still to come */
	size_t header, used;
	char line[REQUEST_LINE];
};

void request_begin(struct request *request);

/*
 * Continue reading a request that is neither whole nor bad. Stops after its header, and at its end.
 * Returns how many of the bytes were consumed; not all of a bad request.
 */
size_t request_feed(struct request *request, const char *bytes, size_t count);

/* Whether a body follows the header. */
bool request_has_body(const struct request *request);

/* ---- body.c ------------------------------------------------------------------------------- */

struct body {
	const uint8_t *bytes;
	size_t length;
};

/*
 * The good body: lines of 16 bytes, each the number of bytes before it. body_free() afterwards.
 * Returns 0, or -1 when memory is short.
 */
int body_make(struct body *body, size_t length);

/* The same body in gzip: in stored blocks, so it grows a little. Returns 0, or -1. */
int body_pack(struct body *packed, const struct body *body);

void body_free(struct body *body);

/* ---- reply.c ------------------------------------------------------------------------------ */

struct evbuffer;

struct reply {
	int status; /* 100 has no body, and no fields */
	const struct body *body;
	enum framing framing;
	enum part part; /* HALF_HEADER, HALF_BODY or WHOLE */
	bool last;	/* Connection: close */
	bool old;	/* to HTTP/1.0, which must be told that the connection stays open */
	bool head;	/* to HEAD: no body */
	/* Filled in by reply_write(): */
	size_t bytes;
	unsigned int spans; /* the number of the last one */
	size_t span[7];	    /* alternately, bytes of framing and bytes of the body */
};

/* Append a reply to @out, which refers to the body. Fills in the spans. */
void reply_write(struct reply *reply, struct evbuffer *out);

/* How many of the first @bytes bytes of a reply belong to the body. */
size_t reply_body_within(const struct reply *reply, size_t bytes);

/* ---- stream.c ----------------------------------------------------------------------------- */

typedef struct ssl_st SSL; /* as in <openssl/types.h> */
typedef struct ssl_ctx_st SSL_CTX;

struct stream {
	int fd;	  /* non-blocking; -1: closed */
	SSL *ssl; /* NULL: plain */
};

/* A context that serves TLS with these PEM files, for SSL_CTX_free(); NULL with @error. */
SSL_CTX *stream_context(const char *cert, const char *key, struct error *error);

/* Begin with a socket; @context: NULL for a plain one. Returns 0, or -1 when memory is short. */
int stream_open(struct stream *stream, int fd, SSL_CTX *context);

/*
 * Continue the TLS handshake.
 * Returns 1 when it is done; 0 when it must wait, to write or to read; -1 with errno.
 */
int stream_handshake(struct stream *stream, bool *to_write);

const char *stream_version(const struct stream *stream); /* "TLSv1.3" */

/* As recv(2) and send(2); EPROTO: it is not TLS. A close_notify is the end, like a FIN. */
ssize_t stream_read(struct stream *stream, void *bytes, size_t room);
ssize_t stream_write(struct stream *stream, const void *bytes, size_t count);

/* Bytes that have arrived and are unread. */
size_t stream_unread(const struct stream *stream);

/* Whether the other host has acknowledged all that was written. */
bool stream_arrived(const struct stream *stream);

/* How the other side has ended the connection: "fin", "rst"; NULL: it has not. */
const char *stream_peer(const struct stream *stream);

/* Whether connect(2) is still under way. */
bool stream_connecting(const struct stream *stream);

/* End this direction with a FIN, and go on reading. */
void stream_shut(struct stream *stream);

/* Close with STRIKE_FIN, STRIKE_CUT or STRIKE_RST. */
void stream_close(struct stream *stream, enum strike how);

/* ---- server.c ----------------------------------------------------------------------------- */

struct connection;
struct relaying;

/* A port and its behaviour. */
struct port {
	struct server *server;
	struct behaviour behaviour;
	struct relaying *relaying; /* NULL: it answers itself */
	uint16_t number;
	int fd;
	struct event *arrival; /* NULL: it refuses */
	LIST_HEAD(, connection) connections;
};

struct server {
	struct event_base *base;
	const char *address;
	SSL_CTX *context;		 /* NULL: plain */
	const char *to;			 /* address of the backend; */
	uint16_t to_port;		 /* 0: there is none */
	int64_t pause;			 /* ns of silence that end a message */
	struct body good, packed, other; /* other: for unsolicited replies */
	struct body none;		 /* empty */
	unsigned int connections;	 /* so far */
	struct port *ports;
	size_t count;
	struct event *commands; /* from standard input; NULL: it is a file */
	struct evbuffer *input;
};

/* Make the bodies. Returns 0, or -1 with @error; server_close() anyway. */
int server_open(struct server *server, size_t body, struct error *error);

/* Take @number (0: any) of the address, and listen unless the behaviour refuses. Returns 0, or -1
 * with @error. */
int server_listen(struct server *server, struct port *port, uint16_t number, struct error *error);

/*
 * Give a port another behaviour: a listening port goes on listening and keeps its connections.
 * Refusing ends them. Returns 0, or -1 with @error.
 */
int server_become(struct port *port, const struct behaviour *behaviour, struct error *error);

/* End all connections and stop listening. */
void server_close(struct server *server);

/* ---- commands.c --------------------------------------------------------------------------- */

/* Read commands from standard input, unless it is a file. Returns 0, or -1 with @error. */
int commands_await(struct server *server, struct error *error);

void commands_end(struct server *server);

/* ---- connection.c ------------------------------------------------------------------------- */

/* Serve an accepted connection until it ends. */
void connection_begin(struct port *port, int fd, const char *peer, uint16_t peerport);

/* End it with a FIN, like a program that exits. */
void connection_end(struct connection *connection);

/* The behaviour of its port has changed. */
void connection_turn(struct connection *connection);

/* The next one of the port; NULL: none. */
struct connection *connection_next(struct connection *connection);

/* ---- report.c ----------------------------------------------------------------------------- */

/* Print an event with the time: "ev=@event t=1764241814.123456 " and the formatted rest. */
void tell(const char *event, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
