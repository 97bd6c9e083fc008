/* SPDX-License-Identifier: MIT */
/* Events: what has happened, and when. */
#include "turncoat/turncoat.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "common/events.h"

void tell(const char *event, const char *format, ...)
{
	char rest[512];
	struct timespec now;
	va_list arguments;

	clock_gettime(CLOCK_REALTIME, &now);
	va_start(arguments, format);
	vsnprintf(rest, sizeof(rest), format, arguments);
	va_end(arguments);
	say("%s t=%lld.%06ld %s", event, (long long)now.tv_sec, now.tv_nsec / 1000, rest);
}
