/*
 * Events: what a program reports to the harness, one line each on standard output:
 *
 *     ev=recv fd=7 n=-1 err=ECONNRESET
 *
 * Socket errors at run time are data, so they are events. Prose goes to standard error.
 */
#ifndef LINGER_EVENTS_H
#define LINGER_EVENTS_H

/* Print "ev=" and the formatted rest as one line, at once. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * The name of an error for an event line.
 * result: what the call returned; negative means that errno tells why.
 * Returns "ECONNRESET" and the like (strerrorname_np(3), glibc 2.32), or "-" for no error.
 */
const char *error_of(long result);

#endif
