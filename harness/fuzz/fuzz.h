/* SPDX-License-Identifier: MIT */
/*
 * What the fuzz targets share. A target is fuzz_NAME.c: it turns any bytes into a call of a parser
 * and checks what must be true of every answer. With clang it becomes a
 * libFuzzer program (https://llvm.org/docs/LibFuzzer.html); with another compiler driver.c runs its
 * corpus, harness/fuzz/corpus/NAME. Every find stays there as an input.
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

/* The target: bytes in, 0 out; a violation aborts the program. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Checks what must be true of every answer; unlike assert(3) it does not depend on NDEBUG. */
#define MUST(condition)                                                                            \
	((condition) ? (void)0                                                                     \
		     : (fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition),  \
			abort()))

/* A copy with a zero after it and not one byte more, so that ASan catches an overread. */
static inline char *fuzz_text(const uint8_t *bytes, size_t size)
{
	char *text = malloc(size + 1);

	MUST(text);
	if (size)
		memcpy(text, bytes, size);
	text[size] = '\0';
	return text;
}

/* Whether @text can be printed as the reason for a failure: not empty, and one line. */
static inline bool fuzz_is_sentence(const char *text)
{
	const char *c = text;

	while (*c && !iscntrl((unsigned char)*c))
		c++;
	return *text && !*c;
}

#define FUZZ_WORDS 24 /* of a command line, including the final NULL */

/*
 * Cut @text at its newlines into the words of a command line, as many as fit.
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
