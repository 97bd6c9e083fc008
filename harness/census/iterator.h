/* SPDX-License-Identifier: MIT */
/* The BPF program that lists descriptors (iterator.c). */
#ifndef CENSUS_ITERATOR_H
#define CENSUS_ITERATOR_H

#include "census/code.h"

#define ITERATOR_LICENSE                                                                           \
	"Dual MIT/GPL" /* some of the kernel's helpers are for GPL programs only                   \
			*/

enum { ITERATOR_MAIN, ITERATOR_WORD, ITERATOR_DESCRIPTOR, ITERATOR_FUNCTIONS };

struct iterator {
	struct code code;
	size_t function[ITERATOR_FUNCTIONS]; /* where they begin */
	uint32_t attach; /* the number of what it attaches to in the kernel's BTF */
};

/*
 * Pure: write the program for the kernel with this BTF. @map: descriptor of an array whose only
 * element is a struct window. Returns 0, or -1 when that kernel lacks what it needs.
 */
int iterator_write(struct iterator *iterator, const void *btf, size_t length, int map);

#endif
