/* SPDX-License-Identifier: MIT */
/*
 * What the fuzz targets share. A target is fuzz_NAME.c: it turns any bytes into a call of a parser
 * and says what must be true of the answer, whatever the bytes were. With clang it becomes a
 * libFuzzer program (https://llvm.org/docs/LibFuzzer.html); with another compiler driver.c runs its
 * corpus, harness/fuzz/corpus/NAME. Whatever was once found stays there as an input.
 */
#ifndef LINGER_FUZZ_H
#define LINGER_FUZZ_H

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The target: bytes in, 0 out; what must not be ends the program. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* What must be true of every answer; it does not depend on NDEBUG as assert(3) does. */
#define MUST(condition)                                                                            \
	((condition) ? (void)0                                                                     \
		     : (fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition),  \
			abort()))

/* A copy with a zero behind it and not one byte more, so that ASan sees what reads too far. */
static inline char *fuzz_text(const uint8_t *bytes, size_t size)
{
	char *text = malloc(size + 1);

	MUST(text);
	if (size)
		memcpy(text, bytes, size);
	text[size] = '\0';
	return text;
}

/* Whether @text is fit to be printed as the reason of a failure: something, and on one line. */
static inline bool fuzz_is_sentence(const char *text)
{
	const char *c = text;

	while (*c && !iscntrl((unsigned char)*c))
		c++;
	return *text && !*c;
}

#define FUZZ_WORDS 24 /* of a command line, the NULL behind them included */

/*
 * Cut @text at its newlines into the words of a command line, as many as there is room for.
 * Returns how many; words[that] is NULL.
 */
static inline int fuzz_words(char *text, char *words[FUZZ_WORDS])
{
	int count = 0;

	for (char *word; count < FUZZ_WORDS - 1 && (word = strsep(&text, "\n"));)
		words[count++] = word;
	words[count] = NULL;
	return count;
}

#endif
