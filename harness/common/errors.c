/* SPDX-License-Identifier: MIT */
#include "common/errors.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

int error_set(struct error *error, enum exit_code code, const char *format, ...)
{
	va_list arguments;

	error->code = code;
	va_start(arguments, format);
	vsnprintf(error->text, sizeof(error->text), format, arguments);
	va_end(arguments);
	/* Messages quote the user's input: allow no newline and nothing that a terminal obeys. */
	for (char *c = error->text; *c; c++)
		if (iscntrl((unsigned char)*c))
			*c = '?';
	return -1;
}

int error_no_memory(struct error *error)
{
	return error_set(error, EXIT_BROKEN, "out of memory");
}

int error_report(const struct error *error)
{
	fprintf(stderr, "%s: %s\n", program_invocation_short_name, error->text);
	return (int)error->code;
}
