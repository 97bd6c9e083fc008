/* SPDX-License-Identifier: MIT */
/* The names of states and classes, and what a user probably meant by a name that is neither. */
#include "census/census.h"

#include <ctype.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

static const char *const state_names[CENSUS_STATES] = {
    [CENSUS_ESTABLISHED] = "ESTABLISHED",
    [CENSUS_SYN_SENT] = "SYN_SENT",
    [CENSUS_SYN_RECEIVED] = "SYN_RECEIVED",
    [CENSUS_FIN_WAIT1] = "FIN_WAIT1",
    [CENSUS_FIN_WAIT2] = "FIN_WAIT2",
    [CENSUS_TIME_WAIT] = "TIME_WAIT",
    [CENSUS_CLOSED] = "CLOSED",
    [CENSUS_CLOSE_WAIT] = "CLOSE_WAIT",
    [CENSUS_LAST_ACK] = "LAST_ACK",
    [CENSUS_LISTEN] = "LISTEN",
    [CENSUS_CLOSING] = "CLOSING",
};

static const char *const class_names[CENSUS_CLASSES] = {
    [CENSUS_OWNED] = "owned",	    [CENSUS_UNACCEPTED] = "unaccepted", [CENSUS_ORPHAN] = "orphan",
    [CENSUS_TIMEWAIT] = "timewait", [CENSUS_UNKNOWN] = "unknown",
};

int census_fail(struct census_error *error, enum census_exit code, const char *format, ...)
{
	va_list arguments;

	error->code = code;
	va_start(arguments, format);
	vsnprintf(error->text, sizeof(error->text), format, arguments);
	va_end(arguments);
	/* What the user wrote is quoted: no newline, and nothing that a terminal obeys. */
	for (char *c = error->text; *c; c++)
		if (iscntrl((unsigned char)*c))
			*c = '?';
	return -1;
}

const char *census_state_name(int state)
{
	return state > 0 && state < CENSUS_STATES ? state_names[state] : NULL;
}

const char *census_class_name(enum census_class class)
{
	return class < CENSUS_CLASSES ? class_names[class] : NULL;
}

static bool same(const char *name, const char *word, size_t length)
{
	return strlen(name) == length && !memcmp(name, word, length);
}

int census_state_by_name(const char *name, size_t length)
{
	for (int state = 1; state < CENSUS_STATES; state++)
		if (same(state_names[state], name, length))
			return state;
	return 0;
}

int census_class_by_name(const char *name, size_t length)
{
	for (int class = 0; class < CENSUS_CLASSES; class ++)
		if (same(class_names[class], name, length))
			return class;
	return -1;
}

/*
 * RFC 9293, 3.3.2, and the one thing the kernel adds to it, the inode. sock_orphan() takes it away
 * at close(); a connection gets one only in accept(). So without an inode a state that only close()
 * leads to is an orphan, and a state the peer leads to waits behind a listener. (A FIN_WAIT2 that
 * was closed is a small timewait socket inside the kernel, but is listed as FIN_WAIT2.)
 */
enum census_class census_classify(const struct census_socket *socket, bool held)
{
	if (socket->state == CENSUS_TIME_WAIT)
		return CENSUS_TIMEWAIT;
	if (socket->inode)
		return held ? CENSUS_OWNED : CENSUS_UNKNOWN;
	switch (socket->state) {
	case CENSUS_ESTABLISHED:
	case CENSUS_CLOSE_WAIT:
	case CENSUS_SYN_RECEIVED:
		return CENSUS_UNACCEPTED;
	case CENSUS_FIN_WAIT1:
	case CENSUS_FIN_WAIT2:
	case CENSUS_CLOSING:
	case CENSUS_LAST_ACK:
		return CENSUS_ORPHAN;
	default:
		return CENSUS_UNKNOWN;
	}
}

bool census_unread(const struct census_socket *socket)
{
	return socket->state == CENSUS_CLOSE_WAIT && socket->recv_queue >= 1;
}

/* "close-wait", "CloseWait" and "CLOSE_WAIT" are the same word to somebody who mistypes. */
static size_t fold(const char *word, size_t length, char *folded, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < length && used < size; i++)
		if (isalnum((unsigned char)word[i]))
			folded[used++] = (char)tolower((unsigned char)word[i]);
	return used;
}

static unsigned int edit_distance(const char *a, size_t na, const char *b, size_t nb)
{
	unsigned int row[64 + 1];

	for (size_t j = 0; j <= nb; j++)
		row[j] = (unsigned int)j;
	for (size_t i = 1; i <= na; i++) {
		unsigned int diagonal = row[0];

		row[0] = (unsigned int)i;
		for (size_t j = 1; j <= nb; j++) {
			unsigned int above = row[j];
			unsigned int best = diagonal + (a[i - 1] != b[j - 1]);

			if (above + 1 < best)
				best = above + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
			diagonal = above;
		}
	}
	return row[nb];
}

void census_nearest(const char *word, size_t length, const char *candidate, const char **best,
		    unsigned int *distance)
{
	char a[64], b[64];
	size_t na = fold(word, length, a, sizeof(a));
	size_t nb = fold(candidate, strlen(candidate), b, sizeof(b));
	unsigned int d = edit_distance(a, na, b, nb);

	/* Further than a third of the word is not a typing mistake. */
	if (d > (nb + 1) / 3 || (*best && d >= *distance))
		return;
	*best = candidate;
	*distance = d;
}

const char *census_nearest_state(const char *word, size_t length)
{
	/* What ss(8), netstat(8) and the kernel call the same states. */
	static const struct {
		const char *name;
		int state;
	} synonyms[] = {
	    {"ESTAB", CENSUS_ESTABLISHED},  {"SYN_RECV", CENSUS_SYN_RECEIVED},
	    {"UNCONN", CENSUS_CLOSED},	    {"LISTENING", CENSUS_LISTEN},
	    {"TIMEWAIT", CENSUS_TIME_WAIT},
	};
	const char *best = NULL;
	unsigned int distance = 0;

	for (int state = 1; state < CENSUS_STATES; state++)
		census_nearest(word, length, state_names[state], &best, &distance);
	for (size_t i = 0; i < sizeof(synonyms) / sizeof(synonyms[0]); i++) {
		const char *before = best;

		census_nearest(word, length, synonyms[i].name, &best, &distance);
		if (best != before)
			best = state_names[synonyms[i].state];
	}
	return best;
}
