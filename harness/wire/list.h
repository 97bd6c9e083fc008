/* SPDX-License-Identifier: MIT */
/* wire list; see list.c. */
#ifndef WIRE_LIST_H
#define WIRE_LIST_H

#include "wire/wire.h"

/* A line for each connection that the filter takes, and that went one of the ladders->most_groups
 * worst ways, if that is not 0. Returns 0, or -1 without memory. */
int wire_list(FILE *out, struct wire_ladders *ladders, bool json);

#endif
