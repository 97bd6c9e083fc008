/* SPDX-License-Identifier: MIT */
/* Which segments of a connection were lost, duplicated or injected; see losses.c. */
#ifndef WIRE_LOSSES_H
#define WIRE_LOSSES_H

#include "wire/wire.h"

/* Mark them. Without a log of losses, they are inferred from retransmissions. */
void losses_mark(const struct wire_connection *connection, const struct wire_rules *rules,
		 struct wire_step *steps);

#endif
