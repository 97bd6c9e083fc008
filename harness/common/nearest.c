/* SPDX-License-Identifier: MIT */
#include "common/nearest.h"

#include <ctype.h>
#include <string.h>

/* "close-wait", "CloseWait" and "CLOSE_WAIT" are the same word to a user who mistypes. */
static size_t fold(const char *word, size_t length, char *folded, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < length && used < size; i++)
		if (isalnum((unsigned char)word[i]))
			folded[used++] = (char)tolower((unsigned char)word[i]);
	return used;
}

static unsigned int edit_distance(const char *a, size_t na, const char *b, size_t nb)
{
	unsigned int row[64 + 1];

	for (size_t j = 0; j <= nb; j++)
		row[j] = (unsigned int)j;
	for (size_t i = 1; i <= na; i++) {
		unsigned int diagonal = row[0];

		row[0] = (unsigned int)i;
		for (size_t j = 1; j <= nb; j++) {
			unsigned int above = row[j];
			unsigned int best = diagonal + (a[i - 1] != b[j - 1]);

			if (above + 1 < best)
				best = above + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
			diagonal = above;
		}
	}
	return row[nb];
}

void nearest_offer(const char *word, size_t length, const char *candidate, const char **best,
		   unsigned int *distance)
{
	char a[64], b[64];
	size_t na = fold(word, length, a, sizeof(a));
	size_t nb = fold(candidate, strlen(candidate), b, sizeof(b));
	unsigned int d = edit_distance(a, na, b, nb);

	/* With more than a third of the word wrong, it is not a typing mistake. */
	if (d > (nb + 1) / 3 || (*best && d >= *distance))
		return;
	*best = candidate;
	*distance = d;
}
