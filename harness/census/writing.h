/* SPDX-License-Identifier: MIT */
/* Writes what is common to the BPF programs (writing.c): they only read the kernel's memory. */
#ifndef CENSUS_WRITING_H
#define CENSUS_WRITING_H

#include <stdbool.h>

#include "census/btf.h"
#include "census/iterator.h"

#define VALUE_AT (-8) /* in every frame: what load() has copied */

/* What every program needs to look up; its own fields follow. */
enum {
	ATTACH, /* the function that it attaches to */
	CAST,	/* bpf_rdonly_cast(), since Linux 6.2 */
	WORD,	/* a struct that begins with a number of 64 bits */
	FIRST_FIELD,
	MOST_FIELDS = 48
};
#define WANTED_CAST(is_optional)                                                                   \
	[CAST] = {.type = "bpf_rdonly_cast", .function = true, .optional = is_optional},           \
	[WORD] = {.type = "timespec64"}

struct writing {
	struct iterator *iterator;
	struct code *code; /* its */
	int map;
	struct btf_wanted field[MOST_FIELDS];
	size_t to_end[8]; /* jumps to the end of the function, which is not known yet */
	size_t ends;
};

/*
 * Begin an iterator for the kernel with this BTF, which must have the @count fields that are
 * @wanted. Returns 0, or -1.
 */
int writing_begin(struct writing *w, struct iterator *iterator, const struct btf_wanted *wanted,
		  size_t count, const void *btf, size_t length, int map);

/* Begin each further function, whose address is at @place (of loop()). */
void function_begin(struct writing *w, size_t place);

/* Is the program complete? */
bool writing_fits(const struct writing *w);

static inline int offset_of(const struct writing *w, int field)
{
	return (int)w->field[field].value;
}

/* The address of what is in the frame of the function. */
void point(struct writing *w, int to, int offset);

/* Copy what A3 points to into the frame. */
void copy(struct writing *w, int offset, size_t size);

/* Copy the member of the struct at the address in @from. */
void copy_field(struct writing *w, int offset, size_t size, int from, int field);

/*
 * Load what the address in @from, plus @offset, points to; 0 if no memory is there. @size: BPF_B,
 * BPF_H, BPF_W or BPF_DW.
 */
void load(struct writing *w, int size, int to, int from, int offset);

/* The same of the member of the struct at the address in @from. */
void fetch(struct writing *w, int size, int to, int from, int field);

/*
 * Call a function as often as A1 says, with the numbers from 0 on and the address in @given.
 * Returns the place of its address, for code_begin().
 */
size_t loop(struct writing *w, int given);

/* Report what A2 points to. The address of the seq_file is at this offset from the address in
 * @frame. */
void report(struct writing *w, int frame, int offset, size_t size);

/* Leave the function if it is so. */
void end_if(struct writing *w, int reg, int condition, int value);
void end_if_register(struct writing *w, int reg, int condition, int with);
void end_here(struct writing *w); /* where end_if() leads to */
void end(struct writing *w);	  /* there the function returns */

#endif
