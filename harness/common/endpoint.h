/* Opens both ends of a TCP connection the ordinary way. No lesson is in here. */
#ifndef LINGER_ENDPOINT_H
#define LINGER_ENDPOINT_H

#include <sys/socket.h>

#include "common/options.h"

/*
 * Turn o->address and o->port into a socket address.
 * to: filled in; returns its length in bytes. On a bad address: one sentence on stderr, exit 2.
 */
socklen_t endpoint_address(const struct options *o, struct sockaddr_storage *to);

/*
 * A listening socket with SO_REUSEADDR (the lesson about restarts is elsewhere), close-on-exec and
 * non-blocking, the backlog as large as the kernel allows (net.core.somaxconn).
 * Returns the descriptor. On failure: one line with the call and errno, exit 1.
 */
int endpoint_listen(const struct options *o);

/*
 * Wait for the next connection of a listening socket and take it: blocking, close-on-exec.
 * Returns the descriptor, or -1 with errno from poll(2) or accept(2).
 */
int endpoint_accept(int listener);

/* The port a socket is bound to: what the kernel chose when 0 was asked for. */
uint16_t endpoint_port(int fd);

/*
 * A blocking connection to o->address:o->port, close-on-exec.
 * Returns the descriptor, or -1 with errno from socket(2) or connect(2).
 */
int endpoint_connect(const struct options *o);

#endif
