/* A process and all that descend from it. */
#ifndef SANDBOX_TREE_H
#define SANDBOX_TREE_H

#include <sys/types.h>

/*
 * The memory that they hold, in bytes: anonymous and shared memory that is mapped, of what several
 * map to each its part (proc(5), smaps_rollup). What cannot be looked at counts as nothing.
 */
unsigned long tree_memory(pid_t root);

#endif
