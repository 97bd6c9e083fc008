/* SPDX-License-Identifier: MIT */
/* What was probably meant by a word that is none. */
#ifndef LINGER_NEAREST_H
#define LINGER_NEAREST_H

#include <stddef.h>

/*
 * Offer a candidate for what was meant by @word (@length bytes). The closest by edit distance stays
 * in *@best; one that is too far to be a typing mistake is passed over. Case, '-' and '_' do not
 * count. Start with *@best NULL; *@distance belongs to it.
 */
void nearest_offer(const char *word, size_t length, const char *candidate, const char **best,
		   unsigned int *distance);

#endif
