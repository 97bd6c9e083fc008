/* Standard input, output and error, whatever the caller closed. */
#ifndef LINGER_DESCRIPTORS_H
#define LINGER_DESCRIPTORS_H

/*
 * Open /dev/null on those of descriptors 0 to 2 that are closed. Otherwise the next file or socket
 * becomes one of them: it is read as standard input, or printed to.
 */
void open_standard_descriptors(void);

#endif
