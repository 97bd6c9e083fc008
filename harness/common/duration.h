/* SPDX-License-Identifier: MIT */
/* Lengths of time, in nanoseconds, as users write them: "300ms", "2s", "1.5s", "5us", "1min". */
#ifndef LINGER_DURATION_H
#define LINGER_DURATION_H

#include <stdint.h>

/* @text in nanoseconds; -1 when it is not a duration, or exceeds half of the range. */
int64_t duration_read(const char *text);

#define DURATION_TEXT 32 /* bytes for any duration */

/* @ns in the largest unit that divides it: "2s", "1500ms". Returns text. */
const char *duration_text(int64_t ns, char text[DURATION_TEXT]);

/* A time at a glance, cut off: "450ms", "12s", "5min", "3h", "2d". @ms: below INT64_MAX. */
const char *duration_glance(int64_t ms, char text[DURATION_TEXT]);

#endif
