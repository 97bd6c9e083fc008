/* SPDX-License-Identifier: MIT */
/* What all unit tests share: cmocka, after the headers it needs, and capture of a function's
 * output. */
#ifndef LINGER_TEST_H
#define LINGER_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A copy of exactly its size, so that ASan catches the first byte beyond it. */
static inline void *copy_of(const void *bytes, size_t length)
{
	void *copy = malloc(length ? length : 1);

	assert_non_null(copy);
	return memcpy(copy, bytes, length);
}

/* What @call writes to the FILE *@file, in memory that the caller frees. */
#define WRITTEN(file, call)                                                                        \
	({                                                                                         \
		char *text_;                                                                       \
		size_t size_;                                                                      \
		FILE *file = open_memstream(&text_, &size_);                                       \
		call;                                                                              \
		fclose(file);                                                                      \
		text_;                                                                             \
	})

#endif
