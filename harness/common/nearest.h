/* SPDX-License-Identifier: MIT */
/* Guesses what an unknown word was meant to be. */
#ifndef LINGER_NEAREST_H
#define LINGER_NEAREST_H

#include <stddef.h>

/*
 * Offer a candidate for the word meant by @word (@length bytes). *@best keeps the closest by edit
 * distance; a candidate too far away for a typing mistake is ignored. Case, '-' and '_' do not
 * count. Start with *@best NULL; *@distance belongs to it.
 */
void nearest_offer(const char *word, size_t length, const char *candidate, const char **best,
		   unsigned int *distance);

#endif
