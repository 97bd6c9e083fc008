/* A process and all its descendants. */
#ifndef SANDBOX_TREE_H
#define SANDBOX_TREE_H

#include <sys/types.h>

/*
 * The memory that they hold, in bytes: mapped anonymous and shared memory, with shared pages split
 * among their users (proc(5), smaps_rollup). Unreadable processes count as nothing.
 */
unsigned long tree_memory(pid_t root);

#endif
