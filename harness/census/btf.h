/* SPDX-License-Identifier: MIT */
/* Looks up types in BTF, which describes the types of the running kernel (btf.c). */
#ifndef CENSUS_BTF_H
#define CENSUS_BTF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One thing to look up. */
struct btf_wanted {
	const char *type;   /* name of a struct, or of a function */
	const char *member; /* NULL: the struct or function itself */
	bool function;
	bool optional;
	bool found;
	uint32_t number; /* of the type */
	uint32_t value;	 /* offset of the member or size of the struct in bytes; 0: a function */
};

/*
 * Pure: look up all @count of @wanted in one pass. @bytes begin at a multiple of 4. Returns false
 * when one that is not optional is missing, or the bytes are not BTF.
 */
bool btf_look_up(const void *bytes, size_t length, struct btf_wanted *wanted, size_t count);

#endif
