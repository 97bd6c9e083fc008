/* SPDX-License-Identifier: MIT */
/* The BPF program that lists descriptors (iterator.c). */
#ifndef CENSUS_ITERATOR_H
#define CENSUS_ITERATOR_H

#include <linux/bpf.h>
#include <stddef.h>
#include <stdint.h>

#define ITERATOR_LICENSE "Dual MIT/GPL" /* some of the kernel's helpers are for GPL programs only  \
					 */

struct iterator {
	struct bpf_insn code[96];
	size_t count;
	uint32_t attach; /* the number of what it attaches to in the kernel's BTF */
};

/*
 * Pure: write the program for the kernel with this BTF. Returns 0, or -1 when that kernel lacks
 * what it needs.
 */
int iterator_write(struct iterator *iterator, const void *btf, size_t length);

#endif
