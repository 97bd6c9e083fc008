/* SPDX-License-Identifier: MIT */
/* The BPF programs that list descriptors (iterator.c) and sockets (chains.c). */
#ifndef CENSUS_ITERATOR_H
#define CENSUS_ITERATOR_H

#include "census/code.h"

#define ITERATOR_LICENSE                                                                           \
	"Dual MIT/GPL" /* some of the kernel's helpers are for GPL programs only                   \
			*/

#define ITERATOR_FUNCTIONS 5 /* at most */

struct iterator {
	struct code code;
	size_t function[ITERATOR_FUNCTIONS]; /* where they begin */
	int functions;
	uint32_t attach; /* the number of what it attaches to in the kernel's BTF */
};

/*
 * Pure: write a program for the kernel with this BTF. @map: descriptor of an array whose only
 * element is the memory that it shares with us. Returns 0, or -1 when that kernel lacks what it
 * needs.
 */
typedef int iterator_writer(struct iterator *iterator, const void *btf, size_t length, int map);
iterator_writer iterator_write; /* lists descriptors; the element is a struct window */
iterator_writer chains_write;	/* lists sockets; a struct chains */

#endif
