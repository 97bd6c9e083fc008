/* SPDX-License-Identifier: MIT */
/*
 * How a program of linger ends: with an exit code that says what kind of end it was, and, unless
 *all is well, with one sentence on standard error behind the program's name.
 *
 *	census: no process 4711: No such process
 *
 * Library functions never print. They return error_set(error, code, "...") and the program reports
 *it.
 */
#ifndef LINGER_ERRORS_H
#define LINGER_ERRORS_H

#include <stddef.h>

/* The exit codes of every program. */
enum exit_code {
	EXIT_OK = 0,
	EXIT_NOT_HELD = 1, /* an expectation did not hold */
	EXIT_USAGE = 2,	   /* wrong option, unknown name, bad expression, unreadable input */
	EXIT_ENDED = 3,	   /* a process that was watched has ended */
	EXIT_BROKEN = 70,  /* an internal failure */
	EXIT_CANNOT = 77,  /* this machine or this user cannot do it */
};

/* Why something failed. */
struct error {
	enum exit_code code;
	char text[384]; /* one sentence, without a control character */
};

/*
 * Fill in @error: how the program must end, and why (as printf(3); what does not fit is cut off).
 * Control characters of quoted input become '?'.
 * Returns -1, so that a function can end with `return error_set(...)`.
 */
int error_set(struct error *error, enum exit_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Memory is short: EXIT_BROKEN. Returns -1. */
int error_no_memory(struct error *error);

/* Print the sentence behind the program's name on standard error. Returns the exit code. */
int error_report(const struct error *error);

#endif
