/* Standard input, output and error, even if the caller closed them. */
#ifndef LINGER_DESCRIPTORS_H
#define LINGER_DESCRIPTORS_H

#include <stdbool.h>

/*
 * Open /dev/null on each of descriptors 0 to 2 that is closed. Otherwise the next file or socket
 * would get that number, and be read as standard input or printed to.
 */
void open_standard_descriptors(void);

/*
 * Flush stdout. Returns true when everything printed was written, or when the reader has gone
 * (EPIPE), which is not ours to handle. Otherwise one sentence on stderr says why.
 */
bool output_is_whole(void);

#endif
