/* SPDX-License-Identifier: MIT */
/*
 * How a linger program ends: with an exit code that classifies the end and, unless it
 * succeeded, one sentence on standard error after the program's name.
 *
 *	census: cannot watch process 4711: No such process
 *
 * Library functions never print. They return error_set(error, code, "...") and the program reports
 * it.
 */
#ifndef LINGER_ERRORS_H
#define LINGER_ERRORS_H

#include <stddef.h>

/* The exit codes of every program. */
enum exit_code {
	EXIT_OK = 0,
	EXIT_NOT_HELD = 1, /* an expectation did not hold */
	EXIT_USAGE = 2,	   /* wrong option, unknown name, bad expression or unreadable input */
	EXIT_ENDED = 3,	   /* a watched process ended */
	EXIT_BROKEN = 70,  /* an internal failure */
	EXIT_CANNOT = 77,  /* not possible on this machine or for this user */
};

/* Why a call failed. */
struct error {
	enum exit_code code;
	char text[384]; /* one sentence, without a control character */
};

/*
 * Fill in @error: the exit code and the reason (as in printf(3), truncated if too long).
 * Control characters of quoted input become '?'.
 * Returns -1, so that a function can end with `return error_set(...)`.
 */
int error_set(struct error *error, enum exit_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Report that memory is short: EXIT_BROKEN. Returns -1. */
int error_no_memory(struct error *error);

/* Print the program's name and the sentence on standard error. Returns the exit code. */
int error_report(const struct error *error);

#endif
