/* SPDX-License-Identifier: MIT */
/* wire list; see list.c. */
#ifndef WIRE_LIST_H
#define WIRE_LIST_H

#include "wire/wire.h"

/* Print a line for each connection that passes the filter and, if ladders->most_groups is not 0,
 * went one of that many worst ways. Returns 0, or -1 without memory. */
int wire_list(FILE *out, struct wire_ladders *ladders, bool json);

#endif
