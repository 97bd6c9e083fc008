/* The options of every linger server and client. */
#ifndef LINGER_OPTIONS_H
#define LINGER_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

struct options {
	const char *address;  /* -l: numeric IPv4 or IPv6 address to listen on, or to connect to */
	uint16_t port;	      /* -p: TCP port; a server given 0 takes any and reports it */
	unsigned connections; /* -n: how many */
	double seconds;	      /* -t: the program's own time limit; 0: none */
	bool verbose;	      /* -v: prose on stderr */
};

/*
 * Read the command line into *o, which already holds the program's defaults.
 * summary: what the program does, in one line, for -h.
 * On a wrong option: one sentence on stderr, exit 2. On -h, --help and --version: exit 0.
 */
void options_parse(struct options *o, int argc, char **argv, const char *summary);

/*
 * The same for a program that takes arguments after its options. arguments: how -h shows them, with
 * a leading space. Returns the index of the first one in argv; a missing argument is an error.
 */
int options_parse_some(struct options *o, int argc, char **argv, const char *summary,
		       const char *arguments);

#endif
