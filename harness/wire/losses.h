/* SPDX-License-Identifier: MIT */
/* Which segments of a connection were lost, doubled or injected; see losses.c. */
#ifndef WIRE_LOSSES_H
#define WIRE_LOSSES_H

#include "wire/wire.h"

/* Mark them. Where nothing tells what was lost, it is inferred from what was sent again. */
void losses_mark(const struct wire_connection *connection, const struct wire_rules *rules,
		 struct wire_step *steps);

#endif
