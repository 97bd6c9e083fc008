/* SPDX-License-Identifier: MIT */
/* Who is responsible for a socket, as far as the kernel tells. Pure. */
#include "census/census.h"

#include <string.h>

static const char *const class_names[CENSUS_CLASSES] = {
    [CENSUS_OWNED] = "owned",	    [CENSUS_UNACCEPTED] = "unaccepted", [CENSUS_ORPHAN] = "orphan",
    [CENSUS_TIMEWAIT] = "timewait", [CENSUS_UNKNOWN] = "unknown",
};

const char *census_class_name(enum census_class class)
{
	return class < CENSUS_CLASSES ? class_names[class] : NULL;
}

int census_class_by_name(const char *name, size_t length)
{
	for (int class = 0; class < CENSUS_CLASSES; class ++)
		if (strlen(class_names[class]) == length &&
		    !memcmp(class_names[class], name, length))
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
	if (socket->state == STATE_TIME_WAIT)
		return CENSUS_TIMEWAIT;
	if (socket->inode)
		return held ? CENSUS_OWNED : CENSUS_UNKNOWN;
	switch (socket->state) {
	case STATE_ESTABLISHED:
	case STATE_CLOSE_WAIT:
	case STATE_SYN_RECEIVED:
		return CENSUS_UNACCEPTED;
	case STATE_FIN_WAIT1:
	case STATE_FIN_WAIT2:
	case STATE_CLOSING:
	case STATE_LAST_ACK:
		return CENSUS_ORPHAN;
	default:
		return CENSUS_UNKNOWN;
	}
}

bool census_unread(const struct census_socket *socket)
{
	return socket->state == STATE_CLOSE_WAIT && socket->recv_queue >= 1;
}
