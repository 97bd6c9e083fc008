/* SPDX-License-Identifier: MIT */
#include "common/duration.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	int64_t ns;
} units[] = {{"us", 1000}, {"ms", 1000000}, {"s", 1000000000}, {"min", 60000000000}};

#define UNITS (sizeof(units) / sizeof(units[0]))

int64_t duration_read(const char *text)
{
	int64_t number = 0; /* in units of 10^-decimals */
	int64_t scale = 1;
	bool digits = false, point = false;

	/* Twelve digits are a year in milliseconds, and never overflow below. */
	for (int i = 0; i < 14 && (isdigit((unsigned char)*text) || (*text == '.' && !point));
	     i++, text++) {
		if (*text == '.') {
			if (!digits)
				return -1;
			point = true;
			continue;
		}
		digits = true;
		number = number * 10 + (*text - '0');
		if (point)
			scale *= 10;
		if (number > 999999999999)
			return -1;
	}
	if (!digits || !isdigit((unsigned char)text[-1]))
		return -1;
	for (size_t i = 0; i < UNITS; i++) {
		int64_t ns;

		if (strcmp(text, units[i].name))
			continue;
		if (__builtin_mul_overflow(number, units[i].ns, &ns))
			return -1;
		ns /= scale;
		/* Leave half of the range for the time that this is added to. */
		return ns <= INT64_MAX / 2 ? ns : -1;
	}
	return -1;
}

const char *duration_text(int64_t ns, char text[DURATION_TEXT])
{
	size_t unit = UNITS - 1;

	while (unit > 0 && ns % units[unit].ns)
		unit--;
	if (!ns) /* divisible by every unit */
		unit = 2;
	snprintf(text, DURATION_TEXT, "%.15g%s", (double)ns / (double)units[unit].ns,
		 units[unit].name);
	return text;
}

const char *duration_glance(int64_t ms, char text[DURATION_TEXT])
{
	static const struct {
		const char *unit;
		int64_t ms, until;
	} steps[] = {{"ms", 1, 1000},
		     {"s", 1000, 120000},
		     {"min", 60000, 7200000},
		     {"h", 3600000, 172800000},
		     {"d", 86400000, INT64_MAX}};
	size_t i = 0;

	while (ms >= steps[i].until)
		i++;
	snprintf(text, DURATION_TEXT, "%" PRId64 "%s", ms / steps[i].ms, steps[i].unit);
	return text;
}
