/* SPDX-License-Identifier: MIT */
/* Who is responsible for a socket, as far as the kernel shows. Pure. */
#include "census/internal.h"

#include <string.h>

static const char *const class_names[CENSUS_CLASSES] = {
    [CENSUS_OWNED] = "owned",	    [CENSUS_UNACCEPTED] = "unaccepted", [CENSUS_ORPHAN] = "orphan",
    [CENSUS_TIMEWAIT] = "timewait", [CENSUS_UNKNOWN] = "unknown",
};

const char *census_class_name(enum census_class class)
{
	return class < CENSUS_CLASSES ? class_names[class] : NULL;
}

const char *census_why_name(enum census_why why)
{
	static const char *const names[CENSUS_WHYS] = {
	    [CENSUS_WHY_UNREADABLE] = "unreadable",
	    [CENSUS_WHY_CLOSED] = "closed_meanwhile",
	    [CENSUS_WHY_IN_FLIGHT] = "perhaps_in_flight",
	    [CENSUS_WHY_NOWHERE] = "nowhere",
	};

	return why < CENSUS_WHYS ? names[why] : NULL;
}

const char *census_hold_name(enum census_hold hold)
{
	static const char *const names[CENSUS_HOLDS] = {
	    [CENSUS_BY_DESCRIPTOR] = "descriptor",
	    [CENSUS_BY_RING] = "io_uring",
	    [CENSUS_BY_MAPPING] = "mapping",
	};

	return hold < CENSUS_HOLDS ? names[hold] : NULL;
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
 * RFC 9293, 3.3.2, and the one thing the kernel adds to it: the inode. sock_orphan() takes it away
 * at close(); a connection gets one only in accept(). So a socket without an inode is an orphan
 * when only close() leads to its state, and waits behind a listener when the peer leads to it.
 * (Inside the kernel a closed FIN_WAIT2 is a small timewait socket, but the kernel lists it as
 * FIN_WAIT2.)
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

uint32_t census_states_of_class(enum census_class class)
{
	switch (class) {
	case CENSUS_UNACCEPTED:
		return STATE_BIT(STATE_ESTABLISHED) | STATE_BIT(STATE_CLOSE_WAIT) |
		       STATE_BIT(STATE_SYN_RECEIVED);
	case CENSUS_ORPHAN: /* ESTABLISHED and CLOSE_WAIT: subflows of a closed MPTCP socket */
		return STATE_BIT(STATE_FIN_WAIT1) | STATE_BIT(STATE_FIN_WAIT2) |
		       STATE_BIT(STATE_CLOSING) | STATE_BIT(STATE_LAST_ACK) |
		       STATE_BIT(STATE_ESTABLISHED) | STATE_BIT(STATE_CLOSE_WAIT);
	case CENSUS_TIMEWAIT:
		return STATE_BIT(STATE_TIME_WAIT);
	default:
		return ALL_STATES & ~(STATE_BIT(STATE_TIME_WAIT) | STATE_BIT(STATE_CLOSED));
	}
}

bool census_unread(const struct census_socket *socket)
{
	return socket->state == STATE_CLOSE_WAIT && socket->recv_queue >= 1;
}
