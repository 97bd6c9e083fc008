/* SPDX-License-Identifier: MIT */
/* What we may do (capabilities(7)), and how to get what we lack. */
#ifndef LINGER_RIGHTS_H
#define LINGER_RIGHTS_H

#include <linux/capability.h>
#include <stdbool.h>

/* Whether we have a capability over what our user namespace owns. */
bool rights_have(int capability);

/*
 * How to run a program so that it has CAP_SYS_ADMIN or CAP_SYS_PTRACE over what refused us:
 * "as root"; for root without it, as in a container, "with CAP_SYS_ADMIN"; for root that has it
 * only in its user namespace, "as root of the machine".
 */
const char *rights_remedy(int capability);

#endif
