/*
 * The standard streams of a confined program. A descriptor of the caller would lead out of the
 * cage, even a read-only one: /proc/self/fd can reopen its file in any mode, and fchmod(2) needs no
 * write access. So the program gets pipes, and outer copies.
 */
#ifndef SANDBOX_RELAY_H
#define SANDBOX_RELAY_H

#include <stdbool.h>
#include <sys/types.h>

/* Make the pipes. If the caller's output and error are one file, the program gets one pipe for
 * both. */
void relay_prepare(void);

/* In the cage: put the pipes in the place of descriptors 0 to 2. */
void relay_inside(void);

/*
 * Copy in both directions and forward signals until process 1 has ended, then copy what is left.
 * Calls look() every `every` milliseconds (-1: never) and kills process 1 if it returns true.
 * Returns the wait status of process 1.
 *
 * Input is read ahead by up to a pipe's capacity; from a terminal in whose background we are, it is
 * empty. When a reader goes away, copying that output ends, and the program gets SIGPIPE.
 */
int relay_until_ended(pid_t init, int every, bool (*look)(void));

/* Whether everything the program wrote was delivered or unwanted; if not, the reason was
 * reported. */
bool relay_is_whole(void);

#endif
