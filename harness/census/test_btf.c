/* SPDX-License-Identifier: MIT */
/* BTF made here: whole, cut short, and wrong. */
#include "census/btf.h"

#include <linux/btf.h>
#include <stdlib.h>
#include <string.h>

#include "census/iterator.h"
#include "common/test.h"

/* Names, by their offsets. */
static const char names[] = "\0file\0lock\0inode\0run\0number";
enum { FILE_ = 1, LOCK = 6, INODE = 11, RUN = 17, NUMBER = 21 };

#define INFO(kind, count) ((uint32_t)(kind) << 24 | (count))

static const uint32_t types[] = {
    /* 1: int */
    NUMBER, INFO(BTF_KIND_INT, 0), 4, 32,
    /* 2: union { int number; }, which has no name */
    0, INFO(BTF_KIND_UNION, 1), 4, NUMBER, 1, 0,
    /* 3: a function that is called like the struct */
    FILE_, INFO(BTF_KIND_FUNC, 0), 1,
    /* 4: struct file { int lock; int :3; int inode:1; union { int number; }; }, with bit fields */
    FILE_, INFO(BTF_KIND_STRUCT, 3) | 1u << 31, 16, LOCK, 1, 0, INODE, 1, 1 << 24 | 40, 0, 2, 96,
    /* 5: a function */
    RUN, INFO(BTF_KIND_FUNC, 0), 1};

struct made {
	struct btf_header header;
	uint32_t types[sizeof(types) / sizeof(types[0])];
	char names[sizeof(names)];
};

static struct made make(void)
{
	struct made made = {
	    .header = {.magic = BTF_MAGIC,
		       .version = BTF_VERSION,
		       .hdr_len = sizeof(struct btf_header),
		       .type_len = sizeof(types),
		       .str_off = sizeof(types),
		       .str_len = sizeof(names)},
	};

	memcpy(made.types, types, sizeof(types));
	memcpy(made.names, names, sizeof(names));
	return made;
}

static void finds_members_sizes_and_functions(void **state)
{
	struct btf_wanted wanted[] = {
	    {.type = "file", .member = "inode"},
	    {.type = "file", .member = "number"},
	    {.type = "file"},
	    {.type = "run", .function = true},
	};
	const uint32_t values[] = {5, 12, 16, 0}, numbers[] = {4, 4, 4, 5};
	const struct made made = make();

	(void)state;
	assert_true(btf_look_up(&made, sizeof(made), wanted, 4));
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(wanted[i].value, values[i]);
		assert_int_equal(wanted[i].number, numbers[i]);
	}
}

static void says_what_is_missing(void **state)
{
	struct btf_wanted wanted[] = {{.type = "file", .member = "lock"},
				      {.type = "file", .member = "mutex"}};
	struct btf_wanted run = {.type = "run"};
	const struct made made = make();

	(void)state;
	assert_false(btf_look_up(&made, sizeof(made), wanted, 2));
	assert_true(wanted[0].found);
	assert_false(wanted[1].found);
	wanted[1].optional = true;
	assert_true(btf_look_up(&made, sizeof(made), wanted, 2));
	assert_false(wanted[1].found);
	assert_false(btf_look_up(&made, sizeof(made), &run, 1)); /* it is a function */
}

/* Under ASan a look behind the end is seen: the bytes end where their memory ends. */
static void reads_nothing_outside(void **state)
{
	const struct made made = make();

	(void)state;
	for (size_t length = 0; length < sizeof(made); length++) {
		char *cut = malloc(length + 1);
		struct btf_wanted wanted = {.type = "file", .member = "number"};

		memcpy(cut, &made, length);
		assert_false(btf_look_up(cut, length, &wanted, 1));
		free(cut);
	}
}

/* Each word wrong in turn: whatever it answers, it comes to an end. */
static void survives_nonsense(void **state)
{
	const uint32_t wrong[] = {0, 1, 0x1f000000, 0x0400ffff, 0x80000000, UINT32_MAX};

	(void)state;
	for (size_t at = 0; at < offsetof(struct made, names) / 4; at++)
		for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
			struct made *made = malloc(sizeof(*made));
			struct btf_wanted wanted[] = {{.type = "file", .member = "number"},
						      {.type = "run", .function = true}};

			*made = make();
			((uint32_t *)made)[at] = wrong[i];
			btf_look_up(made, sizeof(*made), wanted, 2);
			free(made);
		}
}

/* A union that is inside itself. */
static void nests_without_end(void **state)
{
	struct btf_wanted wanted = {.type = "file", .member = "mutex"};
	struct made made = make();

	(void)state;
	made.types[8] = 2;
	assert_int_equal(made.types[7], NUMBER);
	made.types[7] = 0;
	assert_false(btf_look_up(&made, sizeof(made), &wanted, 1));
}

static void no_program_without_its_offsets(void **state)
{
	const struct made made = make();
	struct iterator iterator;

	(void)state;
	assert_int_equal(iterator_write(&iterator, &made, sizeof(made), 0), -1);
	assert_int_equal(chains_write(&iterator, &made, sizeof(made), 0), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(finds_members_sizes_and_functions),
	    cmocka_unit_test(says_what_is_missing),
	    cmocka_unit_test(reads_nothing_outside),
	    cmocka_unit_test(survives_nonsense),
	    cmocka_unit_test(nests_without_end),
	    cmocka_unit_test(no_program_without_its_offsets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
