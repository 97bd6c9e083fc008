#include "common/events.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void say(const char *format, ...)
{
	int saved = errno;
	va_list arguments;

	va_start(arguments, format);
	flockfile(stdout);
	fputs("ev=", stdout);
	vprintf(format, arguments);
	putchar('\n');
	fflush(stdout);
	funlockfile(stdout);
	va_end(arguments);
	errno = saved;
}

const char *error_of(long result)
{
	const char *name = result < 0 ? strerrorname_np(errno) : "-";

	return name ? name : "unknown";
}
