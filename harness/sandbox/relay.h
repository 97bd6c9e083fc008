/*
 * The standard streams of a confined program. A descriptor of the caller's would lead out of the
 * cage, even one that is only read: /proc/self/fd opens its file again, as the program likes, and
 * fchmod(2) needs no right to write. So it gets pipes, and outer copies.
 */
#ifndef SANDBOX_RELAY_H
#define SANDBOX_RELAY_H

#include <stdbool.h>
#include <sys/types.h>

/* Make the pipes. Where the caller's output and error are one file, so is the program's pipe. */
void relay_prepare(void);

/* In the cage: put the pipes in the place of descriptors 0 to 2. */
void relay_inside(void);

/*
 * Copy in both directions and hand on signals until process 1 has ended, and then what is left.
 * Every `every` milliseconds look() is called (-1: never); if it says so, process 1 is killed.
 * Returns the wait status of process 1.
 *
 * Input is read ahead, as much as a pipe holds; from a terminal in whose background we are it is
 * empty. A reader that goes away ends the copying of an output, and the program gets its SIGPIPE.
 */
int relay_until_ended(pid_t init, int every, bool (*look)(void));

/* Whether all that the program wrote was taken, or nobody wanted it; if not, it was said why. */
bool relay_is_whole(void);

#endif
