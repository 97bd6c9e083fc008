/* Standard input, output and error, whatever the caller closed. */
#ifndef LINGER_DESCRIPTORS_H
#define LINGER_DESCRIPTORS_H

#include <stdbool.h>

/*
 * Open /dev/null on those of descriptors 0 to 2 that are closed. Otherwise the next file or socket
 * becomes one of them: it is read as standard input, or printed to.
 */
void open_standard_descriptors(void);

/*
 * Write what still waits in stdout. Returns whether all that was printed has been written, or else
 * its reader is gone (EPIPE), which is his affair; if not, one sentence on stderr says why.
 */
bool output_is_whole(void);

#endif
