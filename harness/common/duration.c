/* SPDX-License-Identifier: MIT */
#include "common/duration.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

int64_t duration_read(const char *text)
{
	static const struct {
		const char *name;
		int64_t ns;
	} units[] = {{"us", 1000}, {"ms", 1000000}, {"s", 1000000000}, {"min", 60000000000}};
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
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		int64_t ns;

		if (strcmp(text, units[i].name))
			continue;
		if (__builtin_mul_overflow(number, units[i].ns, &ns))
			return -1;
		ns /= scale;
		/* Half of the range is left for the time that it is added to. */
		return ns <= INT64_MAX / 2 ? ns : -1;
	}
	return -1;
}
