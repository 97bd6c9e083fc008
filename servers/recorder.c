/*
 * recorder: stores records of 256 bytes, one connection after another.
 *
 * A record is a word, perhaps a number, and blanks:
 *     skip N   N bytes follow, which are ignored
 *     give N   the server sends N bytes
 *     close    the server closes the connection
 *     WORD     is recorded: an event
 *
 * TCP delivers the bytes of a connection in order and without duplicates (RFC 9293, section 2.2),
 * so that records can be counted off. When a connection ends the server waits for the next.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/endpoint.h"
#include "common/events.h"
#include "common/options.h"

#define RECORD 256

static char block[1 << 20];

/* Receive @length bytes, and keep those that fit. Returns false at the end. */
static bool take(int fd, char *into, size_t room, size_t length)
{
	while (length) {
		ssize_t n = recv(fd, into, length < room ? length : room, MSG_WAITALL);

		if (n <= 0) {
			say("end n=%zd err=%s", n, error_of(n));
			return false;
		}
		length -= n;
	}
	return true;
}

static bool give(int fd, size_t length)
{
	while (length) {
		ssize_t n =
		    send(fd, block, length < sizeof(block) ? length : sizeof(block), MSG_NOSIGNAL);

		if (n < 0) {
			say("end n=%zd err=%s", n, error_of(n));
			return false;
		}
		length -= n;
	}
	return true;
}

static void serve(int fd)
{
	char record[RECORD + 1] = "", word[RECORD + 1];
	size_t number = 0;

	while (take(fd, record, RECORD, RECORD)) {
		if (sscanf(record, "%256s %zu", word, &number) < 1) {
			say("end n=0 err=EBADMSG");
			return;
		}
		if (strcmp(word, "close") == 0) {
			say("end n=0 err=-");
			return;
		} else if (strcmp(word, "skip") == 0) {
			if (!take(fd, block, sizeof(block), number))
				return;
		} else if (strcmp(word, "give") == 0) {
			if (!give(fd, number))
				return;
		} else {
			say("record word=%s", word);
		}
	}
}

int main(int argc, char **argv)
{
	struct options o = {.address = "127.0.0.1", .port = 9000};
	int listener;

	options_parse(&o, argc, argv, "Stores records, one connection after another.");
	listener = endpoint_listen(&o);
	say("ready port=%u pid=%d", endpoint_port(listener), getpid());
	for (;;) {
		int fd = endpoint_accept(listener);

		if (fd < 0)
			err(1, "accept");
		serve(fd);
		close(fd);
	}
}
