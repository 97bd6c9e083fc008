/* SPDX-License-Identifier: MIT */
/* The states of a TCP connection, named as in RFC 9293, 3.3.2, with underscores. */
#ifndef LINGER_STATES_H
#define LINGER_STATES_H

#include <stddef.h>

/* The numbers are the kernel's (include/net/tcp_states.h), hence those of idiag_state. */
enum state {
	STATE_ESTABLISHED = 1,
	STATE_SYN_SENT,
	STATE_SYN_RECEIVED,
	STATE_FIN_WAIT1,
	STATE_FIN_WAIT2,
	STATE_TIME_WAIT,
	STATE_CLOSED,
	STATE_CLOSE_WAIT,
	STATE_LAST_ACK,
	STATE_LISTEN,
	STATE_CLOSING,
	STATES, /* one more than the last state */
};

#define STATE_BIT(state) (1u << (state))
#define ALL_STATES (STATE_BIT(STATES) - 2)

/* Name of @state ("CLOSE_WAIT"), or NULL when it is not one of the eleven. */
const char *state_name(int state);

/* The state called @name (exactly, @length bytes), or 0. */
int state_by_name(const char *name, size_t length);

/* The name of the state that @word (@length bytes) probably meant, or NULL. */
const char *state_nearest(const char *word, size_t length);

#endif
